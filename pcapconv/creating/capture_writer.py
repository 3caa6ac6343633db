"""`CaptureWriter`, which `create` returns: packets and metadata go in, and a capture comes out.

Strategy: `write` has a quick way for the most frequent call, `write(data, time_ns=…)`, which calls the kernel at once;
`WrittenPackets` does all others. `PacketOutput` collects the packets. Several threads may write: all but the quick way
takes a lock, and the kernel appends no packets while others are handed over.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from threading import RLock
from typing import TYPE_CHECKING, Any, Self, SupportsIndex

from pcapconv.creating import packed_values
from pcapconv.creating.declared_interfaces import DeclaredInterfaces
from pcapconv.creating.exact_times import check_resolution, exact_time
from pcapconv.creating.metadata import add_metadata
from pcapconv.creating.new_capture import NewCapture
from pcapconv.creating.packed_values import ORDER
from pcapconv.creating.packet_output import PacketOutput
from pcapconv.creating.written_packets import WrittenPackets
from pcapconv.errors import UsageError
from pcapconv.model import Block, Interface, Packet, PacketBatch
from pcapconv.report import Report
from pcapconv.spec import bodies, option_lists, pcapng
from pcapconv.spec.given_values import Texts, number_between
from pcapconv.steps.argument_values import parse_link_type
from pcapconv.timestamps import MICROSECONDS, NANOSECONDS, tsresol_byte
from pcapconv.wording import argument

if TYPE_CHECKING:
    from pcapconv.capture import Capture
    from pcapconv.creating.exact_times import Time
    from pcapconv.io.paths import Readable
    from pcapconv.kernels.contract import BytesLike

_MOST_TICKS = 2**64 - 1


class CaptureWriter:
    """A new capture, which `create` returns. Use it in a `with` block: the capture appears when the block ends, and
    nothing appears if an exception ends it. Several threads may write to it.

    * `name`: the target's name in messages. `format`: `"pcap"` or `"pcapng"`.
    """

    def __init__(self, new: NewCapture, per_second: int) -> None:
        self._new = new
        self._per_second = per_second
        self.name: str = new.name
        self.format: str = new.format
        # Interfaces whose ticks are nanoseconds since 1970: their ids by the object's id, and the default one's, or -1
        self._quick_ids: dict[int, int] = {}
        self._quick_id = -1
        self._lock = RLock()
        own: dict[int, Interface] = {}
        self._output = PacketOutput(new, own, self._end_quick_way)
        self._is_begun = False  # whether the `with` block is
        self._append: Callable[[bytes, int, int], bool] = _append_nothing
        self._declared = DeclaredInterfaces(new, self._output, own, per_second)
        self._packets = WrittenPackets(self._declared, self._output, new.losses, new.left_out)

    def __repr__(self) -> str:
        return f"<CaptureWriter {self.name!r}, {self.format}, {self.packets} packets>"

    @property
    def report(self) -> Report | None:
        """The `Report` of the finished capture; None until the `with` block has ended. Its `losses` count what pcap
        could not hold."""
        return self._new.report if self._new.is_complete else None

    @property
    def interfaces(self) -> list[Interface]:
        """The interfaces declared so far, by id."""
        return list(self._new.interfaces)

    @property
    def packets(self) -> int:
        """The number of packets written so far."""
        return self._output.packets

    def __enter__(self) -> Self:
        self._new.check_open()
        self._is_begun, self._append = True, self._output.try_append
        return self

    def __exit__(self, error_type: object, *_: object) -> None:
        self._end_quick_way()
        with self._lock:
            try:
                if error_type is None:
                    self._output.close()
                    self._new.finish()
            finally:
                self._new.discard()

    def add_interface(
        self,
        link_type: str | SupportsIndex,
        *,
        name: str | None = None,
        description: str | None = None,
        snaplen: SupportsIndex = 0,
        resolution: str | None = None,
        comments: Texts = (),
        ipv4addr: Texts | None = None,
        ipv6addr: Texts | None = None,
        macaddr: str | bytes | None = None,
        euiaddr: str | bytes | None = None,
        speed: SupportsIndex | None = None,
        txspeed: SupportsIndex | None = None,
        rxspeed: SupportsIndex | None = None,
        tzone: SupportsIndex | None = None,
        iana_tzname: str | None = None,
        tsoffset: SupportsIndex | None = None,
        filter: str | None = None,  # noqa: A002 - the option's name
        os: str | None = None,
        hardware: str | None = None,
        fcslen: SupportsIndex | None = None,
    ) -> Interface:
        """Declare an interface, and return it; `write` takes it as `interface`.

        * `link_type`: its name or its number, as in `"ethernet"` or `1`.
        * `snaplen`: the most bytes that a packet may have; 0 is no limit.
        * `resolution`: `"ns"` or `"us"`, by default the capture's.
        * `tsoffset`: whole seconds that readers add to the packets' times as they are stored. Times that you pass to
          `write` are the times that readers get.
        * All others: the options that the specification calls `if_name`, `if_IPv4addr` and so on. Addresses are text
          with a prefix length, as in `"192.0.2.1/24"` and `"2001:db8::1/64"`, of which an interface may have several;
          MAC addresses and EUI-64 are text or bytes. Speeds are bits in a second, `fcslen` is bits.

        Raises UsageError; also for a second link type if the capture is pcap.
        """
        if not isinstance(link_type, str):
            link_type = str(number_between("link_type", link_type, 0, 0xFFFF))
        number = parse_link_type("link_type", link_type)
        per_second = self._per_second if resolution is None else check_resolution(resolution)
        if per_second > self._per_second:
            raise UsageError(
                f"{argument('resolution', resolution)}: finer than the capture's; create it with "
                f"{argument('resolution', 'ns')}",
                option="resolution",
            )
        values: dict[str, object] = {
            "name": name,
            "description": description,
            "ipv4addr": ipv4addr,
            "ipv6addr": ipv6addr,
            "macaddr": macaddr,
            "euiaddr": euiaddr,
            "speed": speed,
            "txspeed": txspeed,
            "rxspeed": rxspeed,
            "tzone": tzone,
            "iana_tzname": iana_tzname,
            "tsoffset": tsoffset,
            "tsresol": None if per_second == MICROSECONDS else tsresol_byte(per_second),
            "filter": filter,
            "os": os,
            "hardware": hardware,
            "fcslen": fcslen,
        }
        options = option_lists.pack(packed_values.interface_options(comments, values), ORDER)
        words = number.to_bytes(2, ORDER) + bytes(2) + packed_values.packed_number("snaplen", snaplen, 4)
        with self._lock:
            interface = self._declared.declare_own(words + options)
            if interface.time_unit == (NANOSECONDS, 0):
                self._quick_ids[id(interface)] = interface.id
            self._quick_id = -1 if self._declared.only is None else self._quick_ids.get(id(interface), -1)
        return interface

    def write(
        self,
        packet: Packet | BytesLike,
        /,
        *,
        data: BytesLike | None = None,
        time_ns: SupportsIndex | None = None,
        time: Time | None = None,
        interface: Interface | None = None,
        original_length: SupportsIndex | None = None,
        comments: Texts | None = None,
        flags: SupportsIndex | None = None,
        direction: str | None = None,
    ) -> None:
        """Write a packet: the bytes of a new one, or a `Packet` of another capture.

        * `time_ns`: the time in nanoseconds since 1970, an int. `time`: the time as a `datetime` with a zone, a
          `Fraction`, a `Decimal` or an int of seconds since 1970, or text as on the command line. A new packet has
          exactly one of them.
        * `interface`: an interface that `add_interface` returned. Leave it out if only one was declared.
        * `original_length`: the length on the wire, by default that of the bytes.
        * `comments`: its comments. `direction`: `"in"` or `"out"`. `flags`: the whole flags word, instead of the
          direction.

        A `Packet` keeps its time, its length, its options and its interface, which is declared when its first packet is
        written. Each argument replaces what the packet has: `data` its bytes, `comments` its comments. With `data`,
        whose headers are in the byte order of the packet's section, a packet that was captured whole is as long as its
        new bytes, and hashes of the old bytes are left out.

        Raises UsageError for arguments that do not fit, TargetError if the capture cannot hold the packet or its
        time, and FileError. A refused packet leaves nothing in the capture, not even its interface. A time that pcap
        cannot hold may be found later, when packets are encoded; then the `with` block ends with the error, and no
        capture appears.
        """
        if (
            time_ns.__class__ is int
            and packet.__class__ is bytes
            and 0 <= time_ns <= _MOST_TICKS
            and data is None
            and time is None
            and original_length is None
            and comments is None
            and flags is None
            and direction is None
        ):
            number = self._quick_id if interface is None else self._quick_ids.get(id(interface), -1)
            if number >= 0 and self._append(packet, time_ns, number):
                return
        at = exact_time(time_ns, time)
        with self._lock:
            self._check_open()
            self._packets.append(packet, data, at, interface, original_length, comments, flags, direction)

    def _check_open(self) -> None:
        """Raise UsageError if no packet can be written: nothing appears without a `with` block."""
        self._new.check_open()
        if not self._is_begun:
            raise UsageError(
                f"{self.name}: packets are written in a `with` block of the new capture, which appears at its end",
                path=self.name,
            )

    def _end_quick_way(self) -> None:
        """Let `write` look whether the capture still takes packets."""
        self._quick_id, self._quick_ids = -1, {}

    def write_batch(self, batch: PacketBatch) -> None:
        """Write all packets of a batch of another capture, with their options, as `write` does each, but faster. The
        batch stays as it is. Raises as `write` does."""
        if not isinstance(batch, PacketBatch):
            raise UsageError(
                f"{argument('batch', batch)}: is no PacketBatch; `Capture.batches` gives them", option="batch"
            )
        with self._lock:
            self._check_open()
            if batch.rows:
                self._output.hand_over()
                try:
                    moved = self._declared.foreign.batch(batch, self.packets + 1)
                except BaseException:
                    self._declared.withdraw()
                    raise
                if self._declared.undeclared:
                    self._declared.declare()
                self._output.pass_on(moved)

    def add_names(self, names: Mapping[Any, Texts]) -> None:
        """Add names of addresses: a mapping of addresses to a name, or to several. Addresses are IPv4, IPv6, MAC or
        EUI-64, as text; IP addresses may be objects of `ipaddress`. Raises UsageError."""
        for body in list(packed_values.name_bodies(names)):
            self._add_block(pcapng.NAME_RESOLUTION, body)

    def add_secrets(self, secrets_type: str | SupportsIndex, data: BytesLike | str) -> None:
        """Add secrets, with which readers decrypt the packets: `data` are the bytes or the text of a key log. The type
        is `"tls"`, `"ssh"`, `"wireguard"`, `"opcua"` or a number, also in hex as text, as `Capture.secrets` has it.
        They belong before the packets that need them. Raises UsageError."""
        self._add_block(pcapng.DECRYPTION_SECRETS, packed_values.secrets_body(secrets_type, data))

    def add_statistics(
        self,
        interface: Interface | None = None,
        *,
        received: SupportsIndex | None = None,
        dropped: SupportsIndex | None = None,
        accepted: SupportsIndex | None = None,
        dropped_by_os: SupportsIndex | None = None,
        delivered: SupportsIndex | None = None,
        time_ns: SupportsIndex | None = None,
        time: Time | None = None,
        start: Time | None = None,
        end: Time | None = None,
        comments: Texts = (),
    ) -> None:
        """Add an interface's counts of packets: `received` and `dropped` by the interface, `accepted` by its filter,
        `dropped_by_os`, and `delivered` to the program that captured.

        `time_ns` or `time` is when they were counted, by default the time of the interface's last packet. `start` and
        `end` are when the capture began and ended; the forms are those of `time`. Raises UsageError.
        """
        counts = {
            "received": received,
            "dropped": dropped,
            "accepted": accepted,
            "dropped_by_os": dropped_by_os,
            "delivered": delivered,
        }
        with self._lock:
            declared = self._declared.default() if interface is None else self._declared.given(interface)
            times = {
                f"isb_{name}time": self._declared.ticks(exact, declared, name)
                for name, moment in (("start", start), ("end", end))
                if (exact := exact_time(None, moment, name)) is not None
            }
            options = packed_values.statistics_options(comments, counts, times)
            counted_at = exact_time(time_ns, time)
            self._output.hand_over()
            ticks = self._output.latest.get(declared.id, 0)
            if counted_at is not None:
                ticks = self._declared.ticks(counted_at, declared, "statistics")
            self._add_block(pcapng.INTERFACE_STATISTICS, bodies.statistics_body(declared.id, ticks, ORDER, options))

    def add_metadata_of(self, other: Capture | Readable) -> None:
        """Add another capture's names, secrets and comments on the whole capture. The other capture is read to its end,
        from its beginning: give its path, or what `open` returned, which stays where it is. Call this before the first
        packet. Raises UsageError, FormatError and FileError."""
        with self._lock:
            self._output.hand_over()
            add_metadata(self._new, other)

    def flush(self) -> None:
        """Send all packets so far to the reader of a pipe, a socket or a device, whether or not a buffer is full. Any
        other capture appears only when it is complete, and so does every one with `on_loss="fail"`. Raises FileError,
        and what `write` raises."""
        with self._lock:
            self._output.hand_over()
            self._new.flush()

    def _add_block(self, block_type: int, body: bytes) -> None:
        with self._lock:
            self._output.hand_over()
            self._new.write(Block(block_type, body, ORDER, 0, 0))


def _append_nothing(*_: object) -> bool:
    """Leave a packet to `WrittenPackets.append`, as does a full buffer."""
    return False
