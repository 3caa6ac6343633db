"""`CaptureWriter`, which `create` returns: packets and metadata go in, and a capture comes out.

Strategy: `write` has a quick way for the most frequent call, `write(data, time_ns=…)`, which calls the kernel at once;
`_write` does all others. `packet_output` collects the packets.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Self

from pcapconv.creating import packed_values
from pcapconv.creating.exact_times import check_resolution, exact_time
from pcapconv.creating.foreign import ForeignPackets
from pcapconv.creating.metadata import add_metadata
from pcapconv.creating.new_capture import NewCapture
from pcapconv.creating.packed_values import ORDER, Texts
from pcapconv.creating.packet_options import changed_options
from pcapconv.creating.packet_output import PacketOutput
from pcapconv.errors import TimeRangeError, UsageError
from pcapconv.formats.pcapng_items import parse_interface
from pcapconv.model import Block, Interface, Packet, PacketBatch
from pcapconv.report import Report
from pcapconv.spec import bodies, option_lists, pcapng
from pcapconv.spec.link_types import link_type_name
from pcapconv.steps.argument_values import parse_link_type
from pcapconv.timestamps import MICROSECONDS, NANOSECONDS, rescale, resolution_in_words, tsresol_byte
from pcapconv.wording import argument, call

if TYPE_CHECKING:
    from pcapconv.capture import Capture
    from pcapconv.creating.exact_times import Time
    from pcapconv.io.paths import Readable
    from pcapconv.kernels.contract import BytesLike

_MOST_TICKS = 2**64 - 1


class CaptureWriter:
    """A new capture, which `create` returns. Use it in a `with` block: the capture appears when the block ends, and
    nothing appears if an exception ends it.

    * `name`: the target's name in messages. `format`: `"pcap"` or `"pcapng"`.
    * `interfaces`: the interfaces declared so far, by id.
    """

    def __init__(self, new: NewCapture, per_second: int) -> None:
        self._new = new
        self._per_second = per_second
        self.name: str = new.name
        self.format: str = new.format
        self.interfaces: list[Interface] = new.interfaces
        self._own: dict[int, Interface] = {}  # those that `add_interface` declared, by the object's id
        self._only: Interface | None = None  # the one that packets without an interface belong to
        # Interfaces whose ticks are nanoseconds since 1970: their ids by the object's id, and the one in `_only`, or -1
        self._quick_ids: dict[int, int] = {}
        self._quick_id = -1
        self._output = PacketOutput(new, self._own, self._end_quick_way)
        self._append = self._output.try_append
        self._foreign = ForeignPackets(
            new.section,
            new.interfaces,
            self._declare,
            new.losses,
            microseconds=per_second == MICROSECONDS,
            to_pcap=new.format == "pcap",
        )

    @property
    def report(self) -> Report | None:
        """The report, as `convert` returns it, after the `with` block; None before. `losses` has what pcap could not
        hold."""
        return self._new.report if self._new.is_complete else None

    @property
    def packets(self) -> int:
        """The number of packets written so far."""
        return self._output.packets

    def __enter__(self) -> Self:
        self._new.check_open()
        return self

    def __exit__(self, error_type: object, *_: object) -> None:
        self._end_quick_way()
        try:
            if error_type is None:
                self._output.hand_over()
                self._new.finish()
        finally:
            self._new.discard()

    def add_interface(
        self,
        link_type: str | int,
        *,
        name: str | None = None,
        description: str | None = None,
        snaplen: int = 0,
        resolution: str | None = None,
        comments: Texts = (),
        ipv4addr: Texts | None = None,
        ipv6addr: Texts | None = None,
        macaddr: str | bytes | None = None,
        euiaddr: str | bytes | None = None,
        speed: int | None = None,
        txspeed: int | None = None,
        rxspeed: int | None = None,
        tzone: int | None = None,
        iana_tzname: str | None = None,
        tsoffset: int | None = None,
        filter: str | None = None,  # noqa: A002 - the option's name
        os: str | None = None,
        hardware: str | None = None,
        fcslen: int | None = None,
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
        number = parse_link_type("link_type", link_type if isinstance(link_type, str) else str(link_type))
        per_second = self._per_second if resolution is None else check_resolution(resolution)
        if per_second > self._per_second:
            raise UsageError(
                f"{argument('resolution', resolution)}: finer than the capture's; create it with "
                f"{argument('resolution', 'ns')}"
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
        interface = self._declare(words + options)
        self._only = None if self._own else interface
        self._own[id(interface)] = interface
        if interface.time_unit == (NANOSECONDS, 0):
            self._quick_ids[id(interface)] = interface.id
        self._quick_id = -1 if self._only is None else self._quick_ids.get(id(interface), -1)
        return interface

    def write(
        self,
        packet: Packet | BytesLike,
        /,
        *,
        data: BytesLike | None = None,
        time_ns: int | None = None,
        time: Time | None = None,
        interface: Interface | None = None,
        original_length: int | None = None,
        comments: Texts | None = None,
        flags: int | None = None,
        direction: str | None = None,
    ) -> None:
        """Write a packet: the bytes of a new one, or a `Packet` of another capture.

        * `time_ns`: the time in nanoseconds since 1970, an int. `time`: the time as a `datetime` with a zone, a
          `Fraction`, a `Decimal` or an int of seconds since 1970, or text as on the command line. A new packet has
          exactly one of them.
        * `interface`: an interface that `add_interface` returned. It can be left out if that declared only one.
        * `original_length`: the length on the wire, by default that of the bytes.
        * `comments`: its comments. `direction`: `"in"` or `"out"`. `flags`: the whole flags word, instead of the
          direction.

        A `Packet` keeps its time, its length, its options and its interface, which is declared when its first packet is
        written. Each argument replaces what the packet has: `data` its bytes, `comments` its comments. With `data`,
        whose headers are in the byte order of the packet's section, a packet that was captured whole is as long as its
        new bytes, and hashes of the old bytes are left out.

        Raises UsageError for arguments that do not fit, TargetError if the capture cannot hold the packet or its
        time, and FileError.
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
        self._write(packet, data, exact_time(time_ns, time), interface, original_length, comments, flags, direction)

    def _end_quick_way(self) -> None:
        """Let `write` look whether the capture still takes packets."""
        self._quick_id, self._quick_ids = -1, {}

    def _write(
        self,
        packet: Packet | BytesLike,
        data: BytesLike | None,
        time: tuple[int, int] | None,
        interface: Interface | None,
        original_length: int | None,
        comments: Texts | None,
        flags: int | None,
        direction: str | None,
    ) -> None:
        self._new.check_open()
        old: Packet | None = None
        if isinstance(packet, Packet):
            old = packet
            here = self._here(old.interface) if interface is None else self._declared(interface)
            content = self._foreign.data(old, old.data if data is None else _checked(data))
            length = old.original_length
            if data is not None:
                length = len(content) if length == len(old.data) else max(length, len(content))
            ticks = self._ticks_of_packet(old, here) if time is None else self._ticks(time, here)
            options = self._foreign.options(old)
        else:
            if data is not None:
                raise UsageError(f"{argument('data')}: replaces the bytes of a Packet, and here the bytes come first")
            content = _checked(packet)
            here = self._default() if interface is None else self._declared(interface)
            if time is None:
                raise UsageError(f"a packet has a time: give {argument('time_ns')}, an int, or {argument('time')}")
            length, ticks, options = len(content), self._ticks(time, here), b""
        if original_length is not None:
            length = int.from_bytes(packed_values.packed_number("original_length", original_length, 4), ORDER)
        if length < len(content) and (old is None or original_length is not None or data is not None):
            raise UsageError(
                f"{argument('original_length', length)}: less than the {len(content)} bytes that the packet has"
            )
        cut = data is not None and old is not None and content != old.data
        if cut or comments is not None or flags is not None or direction is not None:
            options, hashes = changed_options(options, comments, flags, direction, cut=cut)
            self._new.left_out["packet-hashes"] += hashes
        self._output.append(content, ticks, here, length, options)

    def write_batch(self, batch: PacketBatch) -> None:
        """Write all packets of a batch of another capture, with their options, as `write` does each, but faster. The
        batch stays as it is. Raises as `write` does."""
        self._new.check_open()
        if not isinstance(batch, PacketBatch):
            raise UsageError(f"{argument('batch', batch)}: is no PacketBatch; `Capture.batches` gives them")
        if not batch.rows:
            return
        self._output.hand_over()
        self._output.pass_on(self._foreign.batch(batch, self.packets + 1))

    def add_names(self, names: Mapping[Any, Texts]) -> None:
        """Add names of addresses: a mapping of addresses to a name, or to several. Addresses are IPv4, IPv6, MAC or
        EUI-64, as text; IP addresses may be objects of `ipaddress`. Raises UsageError."""
        for body in list(packed_values.name_bodies(names)):
            self._add_block(pcapng.NAME_RESOLUTION, body)

    def add_secrets(self, secrets_type: str | int, data: bytes | str) -> None:
        """Add secrets, with which readers decrypt the packets: `data` are the bytes or the text of a key log. The type
        is `"tls"`, `"ssh"`, `"wireguard"`, `"opcua"` or a number. They belong before the packets that need them. Raises
        UsageError."""
        self._add_block(pcapng.DECRYPTION_SECRETS, packed_values.secrets_body(secrets_type, data))

    def add_statistics(
        self,
        interface: Interface | None = None,
        *,
        received: int | None = None,
        dropped: int | None = None,
        accepted: int | None = None,
        dropped_by_os: int | None = None,
        delivered: int | None = None,
        time_ns: int | None = None,
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
        here = self._default() if interface is None else self._declared(interface)
        counts = {
            "received": received,
            "dropped": dropped,
            "accepted": accepted,
            "dropped_by_os": dropped_by_os,
            "delivered": delivered,
        }
        times = {
            name: self._ticks(exact, here, name)
            for name, moment in (("isb_starttime", start), ("isb_endtime", end))
            if (exact := exact_time(None, moment)) is not None
        }
        options = packed_values.statistics_options(comments, counts, times)
        counted_at = exact_time(time_ns, time)
        self._output.hand_over()
        ticks = (
            self._output.latest.get(here.id, 0) if counted_at is None else self._ticks(counted_at, here, "statistics")
        )
        body = bodies.statistics_body(here.id, ticks, ORDER, options)
        self._add_block(pcapng.INTERFACE_STATISTICS, body)

    def add_metadata_of(self, other: Capture | Readable) -> None:
        """Add another capture's names, secrets and comments on the whole capture. The other capture is read to its end,
        from its beginning: give its path, or what `open` returned, which stays where it is. Call this before the first
        packet. Raises UsageError, FormatError and FileError."""
        self._output.hand_over()
        add_metadata(self._new, other)

    def _add_block(self, block_type: int, body: bytes) -> None:
        self._output.hand_over()
        self._new.write(Block(block_type, body, ORDER, 0, 0))

    def _declare(self, body: bytes, time_error: str = "") -> Interface:
        """Declare the next interface. Raises UsageError for a second link type if the capture is pcap."""
        self._new.check_open()
        interface = parse_interface(body, ORDER, 0, len(self.interfaces))
        interface = interface._replace(time_error=time_error or interface.time_error)
        if self.format == "pcap" and self.interfaces and interface.link_type != self.interfaces[0].link_type:
            first, second = (link_type_name(each.link_type) for each in (self.interfaces[0], interface))
            raise UsageError(
                f"{self.name}: a pcap file holds one link type, here {first}, and not {second}, too; write pcapng "
                f"({argument('to', 'pcapng')}), or a file for each link type"
            )
        self._output.hand_over()
        self.interfaces.append(interface)
        self._output.limits.add_interface(interface.snaplen)
        self._new.write(interface)
        return interface

    def _default(self) -> Interface:
        """The interface of packets for which none is given."""
        if self._only is not None:
            return self._only
        if not self._own:
            raise UsageError(
                f"{self.name}: no interface is declared; give {argument('link_type', 'ethernet')} to "
                f"{call('pcapconv.create')}, or call add_interface"
            )
        raise UsageError(
            f"{self.name}: {len(self._own)} interfaces are declared; say which one with {argument('interface')}"
        )

    def _here(self, interface: Interface) -> Interface:
        """What a packet's interface is in this capture: one of its own, for instance by `Packet.replace`, or that of
        another capture."""
        return interface if id(interface) in self._own else self._foreign.interface(interface)

    def _declared(self, interface: Interface) -> Interface:
        """Check an interface that the caller gives."""
        if id(interface) in self._own:
            return interface
        if isinstance(interface, Interface) and self._foreign.is_declared(interface):
            return self._foreign.interface(interface)
        raise UsageError(
            f"{argument('interface', interface)}: not an interface of this capture; give one that "
            "add_interface returned"
        )

    def _ticks(self, time: tuple[int, int], interface: Interface, what: str = "") -> int:
        """The ticks of a time since 1970, which must be exact. `what` has the time, by default the next packet."""
        what = what or f"packet {self.packets + 1}"
        own = id(interface) in self._own
        if interface.time_error:
            raise UsageError(f"{interface.time_error}; give {argument('interface')}, one that add_interface returned")
        per_second, offset = interface.ticks_per_second, interface.time_offset
        number, of_second = time
        ticks, exact = rescale(number, of_second, -offset, per_second)
        if not exact:
            finer = "round it"
            if own and per_second != NANOSECONDS:
                create = "declare the interface" if self._per_second == NANOSECONDS else "create the capture"
                finer = f"{create} with {argument('resolution', 'ns')}, or round the time"
            elif not own:
                finer = f"round it, or give {argument('interface')}, one that add_interface returned"
            raise UsageError(
                f"{what}: its time has digits finer than the {resolution_in_words(per_second) or 'ticks'} of interface "
                f"{interface.id}; {finer}"
            )
        if not 0 <= ticks <= _MOST_TICKS:
            fact = "before 1970" if ticks < 0 and not offset else "outside what 64 bits hold"
            raise TimeRangeError(f"{self.name}: {what}: its time is {fact}, which interface {interface.id} cannot hold")
        return ticks

    def _ticks_of_packet(self, packet: Packet, interface: Interface) -> int | None:
        """The ticks that a packet of another capture has here; None if it has no time."""
        ticks, there = packet.ticks, packet.interface
        if there.time_error and not interface.time_error and ticks is not None:
            raise UsageError(f"packet {packet.number}: {there.time_error}; give {argument('time_ns')}")
        same = there.ticks_per_second == interface.ticks_per_second and there.time_offset == interface.time_offset
        if ticks is None or same:
            return ticks
        number = ticks + there.time_offset * there.ticks_per_second
        return self._ticks((number, there.ticks_per_second), interface)


def _checked(data: BytesLike) -> bytes:
    """Return the bytes of any object that has contiguous bytes. Raises UsageError."""
    if isinstance(data, bytes):
        return data
    try:
        with memoryview(data) as view:
            return view.tobytes()
    except TypeError:
        raise UsageError(f"{argument('data', data)}: is neither bytes nor a Packet") from None
