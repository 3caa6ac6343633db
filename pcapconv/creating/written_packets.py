"""What `CaptureWriter.write` writes for its arguments: a new packet, or a packet of another capture with changes."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, SupportsIndex

from pcapconv.creating.declared_interfaces import DeclaredInterfaces
from pcapconv.creating.packet_options import changed_options
from pcapconv.creating.packet_output import PacketOutput
from pcapconv.errors import UsageError
from pcapconv.model import Interface, Packet
from pcapconv.model.packets import length_with
from pcapconv.spec.given_values import Texts, bytes_of, number_between
from pcapconv.wording import argument

if TYPE_CHECKING:
    from pcapconv.kernels.contract import BytesLike

# Data, ticks, interface, original length, options, and how many options have no place in the new capture
_Parts = tuple[bytes, int | None, Interface, int, bytes, int]


class WrittenPackets:
    """Checks the arguments of each packet, and appends it to `output`. `losses` counts options that have no place
    in the new capture, `left_out` what a change removes."""

    def __init__(
        self, declared: DeclaredInterfaces, output: PacketOutput, losses: Counter[str], left_out: Counter[str]
    ) -> None:
        self._declared = declared
        self._output = output
        self._losses = losses
        self._left_out = left_out

    def append(
        self,
        packet: Packet | BytesLike,
        data: BytesLike | None,
        time: tuple[int, int] | None,
        interface: Interface | None,
        original_length: SupportsIndex | None,
        comments: Texts | None,
        flags: SupportsIndex | None,
        direction: str | None,
    ) -> None:
        """Append a packet. The arguments are those of `CaptureWriter.write`, but for the `time`, a pair as in
        `exact_times`. Raises as `CaptureWriter.write` does. Nothing is left of a packet that is refused."""
        hashes = 0
        try:
            if isinstance(packet, Packet):
                parts, changed = self._other_packet(packet, data, time, interface)
            elif data is not None:
                raise UsageError(
                    f"{argument('data')}: replaces the bytes of a Packet, and here the bytes come first", option="data"
                )
            else:
                parts, changed = self._new_packet(packet, time, interface), False
            content, ticks, declared, length, options, lost = parts
            if original_length is not None:
                length = number_between("original_length", original_length, 0, 2**32 - 1)
                if length < len(content):
                    raise UsageError(
                        f"{argument('original_length', length)}: less than the {len(content)} bytes that the packet "
                        "has",
                        option="original_length",
                    )
            if changed or comments is not None or flags is not None or direction is not None:
                options, hashes = changed_options(options, comments, flags, direction, new_bytes=changed)
        except BaseException:
            self._declared.withdraw()
            raise
        if self._declared.undeclared:
            self._declared.declare()
        if lost:
            self._losses["packet-options"] += lost
        if hashes:
            self._left_out["packet-hashes"] += hashes
        self._output.append(content, ticks, declared, length, options)

    def _new_packet(self, packet: BytesLike, time: tuple[int, int] | None, interface: Interface | None) -> _Parts:
        data = _checked(packet)
        declared = self._declared.default() if interface is None else self._declared.given(interface)
        if time is None:
            raise UsageError(
                f"a packet has a time: give {argument('time_ns')}, an int, or {argument('time')}", option="time_ns"
            )
        return data, self._declared.ticks(time, declared), declared, len(data), b"", 0

    def _other_packet(
        self, packet: Packet, data: BytesLike | None, time: tuple[int, int] | None, interface: Interface | None
    ) -> tuple[_Parts, bool]:
        """Return also whether the packet gets other bytes than it had."""
        foreign = self._declared.foreign
        declared = self._declared.of_packet(packet) if interface is None else self._declared.given(interface)
        content = packet.data if data is None else _checked(data)
        changed = data is not None and content != packet.data
        if time is None:
            ticks = self._declared.ticks_of_packet(packet, declared)
        else:
            ticks = self._declared.ticks(time, declared)
        length = packet.original_length if data is None else length_with(packet, content)
        return (foreign.data(packet, content), ticks, declared, length, *foreign.options(packet)), changed


def _checked(data: BytesLike) -> bytes:
    """Return the bytes of any object that has some. Raises UsageError."""
    content = bytes_of(data)
    if content is None:
        message = "is neither bytes nor a pcapconv.Packet; of any other packet, give bytes(packet)"
        raise UsageError(f"{argument('data', data)}: {message}", option="data")
    return content
