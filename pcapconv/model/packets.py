"""Packets: a row of a batch as an object of its own, as users of the library get it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple, SupportsIndex

from pcapconv import timestamps
from pcapconv.errors import FormatError, UsageError
from pcapconv.model.sections import Interface, Section
from pcapconv.spec import option_lists, pcapng
from pcapconv.spec.decoded_options import Options
from pcapconv.spec.given_values import Texts, bytes_of, nanoseconds, number_between, texts_bytes
from pcapconv.wording import argument

if TYPE_CHECKING:
    from datetime import datetime as DateTime  # noqa: N812 - `datetime` is a property of packets
    from fractions import Fraction
    from types import ModuleType

    from pcapconv.essence import Summary
    from pcapconv.headers import Headers
    from pcapconv.kernels.contract import BytesLike


class _PacketFields(NamedTuple):
    number: int
    data: bytes
    original_length: int
    ticks: int | None
    interface: Interface
    raw_options: bytes
    section: Section
    time_ns: int | None
    captured_length: int


class Packet(_PacketFields):
    """One packet, as a loop over a capture or a batch yields it. Immutable; two packets are equal if all that they hold
    is equal. A packet holds a copy of its own bytes, so that it can be kept, hashed and pickled.

    * `number`: the packet's number in the capture, from 1.
    * `data`: the bytes that were captured.
    * `original_length`: the length of the packet on the wire, in bytes.
    * `ticks`: the timestamp in the interface's own time unit; None for a packet without a time (a Simple Packet).
    * `interface`: the packet's `Interface`. `section` is its `Section`.
    * `raw_options`: the packet's pcapng options, as bytes; empty in pcap.
    * `time_ns`: the time in whole nanoseconds since 1970, rounded down; None for a packet without a time. Raises
      FormatError if the interface's times cannot be determined.
    * `captured_length`: the number of bytes that were captured.
    """

    __slots__ = ()

    def __new__(
        cls,
        number: int,
        data: bytes,
        original_length: int,
        ticks: int | None,
        interface: Interface,
        raw_options: bytes,
        section: Section,
    ) -> Packet:
        """A packet; its `time_ns` follows from its ticks and its interface."""
        packet_type, time_ns = Packet, None
        if ticks is not None:
            if interface.time_error:
                packet_type = UndatedPacket
            else:
                unit = interface.ticks_per_second, interface.time_offset
                time_ns = timestamps.rescale(ticks, *unit, timestamps.NANOSECONDS)[0]
        fields = number, data, original_length, ticks, interface, raw_options, section, time_ns, len(data)
        return tuple.__new__(packet_type, fields)

    @property
    def time(self) -> Fraction | None:
        """The exact time in seconds since 1970; None for a packet without a time. Raises FormatError if the interface's
        times cannot be determined."""
        return None if self.ticks is None else timestamps.instant(self.ticks, *self._time_unit())

    @property
    def datetime(self) -> DateTime | None:
        """The time in UTC, cut to whole microseconds; None for a packet without a time. Raises FormatError if the
        interface's times cannot be determined, or the time is outside the years 1 to 9999."""
        if self.ticks is None:
            return None
        unit = self._time_unit()
        time = timestamps.utc_datetime(timestamps.rescale(self.ticks, *unit, timestamps.MICROSECONDS)[0])
        if time is None:
            shown = timestamps.format_time(self.ticks, *unit)
            raise FormatError(
                f"packet {self.number}: its time, {shown}, is outside the years 1 to 9999", packet_number=self.number
            )
        return time

    def _time_unit(self) -> tuple[int, int]:
        if self.interface.time_error:
            raise FormatError(f"packet {self.number}: {self.interface.time_error}", packet_number=self.number)
        return self.interface.ticks_per_second, self.interface.time_offset

    @property
    def options(self) -> Options:
        """The packet's pcapng options, decoded, by name; empty in pcap. `raw_options` has their bytes."""
        return Options(self.raw_options, self.section.byte_order, pcapng.ENHANCED_PACKET)

    @property
    def comments(self) -> list[str]:
        """The packet's comments; bytes that are not UTF-8 are shown as `\\xNN`."""
        return _comments(self)

    @property
    def headers(self) -> Headers:
        """What the packet's headers say: protocols, addresses, ports, flags; in a tunnel, those of the outer packet.
        They are read each time that you ask."""
        return self._headers(inner=False)

    @property
    def inner_headers(self) -> Headers:
        """What the headers of the innermost packet say; the same as `headers` if the packet is not in a tunnel."""
        return self._headers(inner=True)

    def _headers(self, *, inner: bool) -> Headers:
        from pcapconv.headers import Headers  # a plain conversion starts without it

        return Headers.of(self.data, self.original_length, self.interface.link_type, inner=inner)

    @property
    def summary(self) -> Summary:
        """What the packet is about in a few words, as `pcapconv show` prints it: source, destination, protocol, and the
        essence of its content. It is made each time that you ask."""
        return self._summary(inner=False)

    @property
    def inner_summary(self) -> Summary:
        """What the innermost packet is about; the same as `summary` if the packet is not in a tunnel."""
        return self._summary(inner=True)

    def _summary(self, *, inner: bool) -> Summary:
        from pcapconv.essence import summarize  # a plain conversion starts without it

        return summarize(self.data, self.original_length, self.interface.link_type, inner=inner)

    @property
    def direction(self) -> Literal["in", "out"] | None:
        """Whether the interface received (`"in"`) or sent (`"out"`) the packet, by its flags; None if they do not
        state it."""
        match pcapng.direction(self.raw_options, self.section.byte_order):
            case 1:
                return "in"
            case 2:
                return "out"
        return None

    def replace(
        self,
        *,
        data: BytesLike | None = None,
        original_length: SupportsIndex | None = None,
        time_ns: SupportsIndex | None = None,
        ticks: SupportsIndex | None = None,
        interface: Interface | None = None,
        comments: Texts | None = None,
        raw_options: BytesLike | None = None,
        number: SupportsIndex | None = None,
        section: Section | None = None,
    ) -> Packet:
        """A packet with other values for these fields, and with this packet's values for all others.

        With `data`, the original length of a packet that was captured whole becomes the length of the new data; that of
        any other packet stays, but is at least the length of the new data. Hashes of other data are left out. `time_ns`
        and `ticks` are two ways to give the time. With another `interface`, the time stays the same. `comments` takes
        the place of all comments.

        Raises UsageError for both times at once, for a time that the interface's ticks cannot state exactly, and for
        values that a field cannot have.
        """
        _check_kinds(interface=(interface, Interface), section=(section, Section))
        new_data = self.data if data is None else _bytes("data", data)
        if original_length is not None:
            length = number_between("original_length", original_length, 0, 2**32 - 1)
        else:
            length = self.original_length if data is None else length_with(self, new_data)
        left_out, options = set[int](), self.raw_options
        if raw_options is not None:
            options = _bytes("raw_options", raw_options)
        elif new_data != self.data:
            left_out.add(pcapng.PACKET_HASH)
        if comments is not None:
            left_out.add(option_lists.COMMENT)
        if left_out:
            options = option_lists.edit(
                options,
                (section or self.section).byte_order,
                keep=lambda option: option.code not in left_out,
                add=[
                    (option_lists.COMMENT, text)
                    for text in texts_bytes("comments", () if comments is None else comments)
                ],
            )
        new_interface = interface or self.interface
        return Packet(
            self.number if number is None else number_between("number", number, 0, 2**64 - 1),
            new_data,
            length,
            self._replaced_ticks(time_ns, ticks, new_interface),
            new_interface,
            options,
            section or self.section,
        )

    def _replaced_ticks(
        self, time_ns: SupportsIndex | None, ticks: SupportsIndex | None, interface: Interface
    ) -> int | None:
        """The ticks that state one of these times, or else this packet's time, in the units of an interface."""
        if time_ns is not None:
            if ticks is not None:
                raise UsageError(f"{argument('time_ns')} and {argument('ticks')} exclude each other", option="time_ns")
            return _ticks(nanoseconds("time_ns", time_ns), timestamps.NANOSECONDS, 0, interface)
        if ticks is not None:
            return number_between("ticks", ticks, 0, 2**64 - 1)
        if self.ticks is None or interface.time_unit == self.interface.time_unit:
            return self.ticks
        return _ticks(self.ticks, *self._time_unit(), interface)

    __replace__ = replace
    _replace = replace  # type: ignore[assignment]  # else the time and the captured length would stay as they were

    def __reduce__(self) -> tuple[type[Packet], tuple[object, ...]]:
        return Packet, self[:7]

    def __repr__(self) -> str:
        unit = self.interface.time_unit
        time = "no time" if self.ticks is None or unit is None else timestamps.format_time(self.ticks, *unit)
        lengths = f"{len(self.data)} of {self.original_length} bytes"
        return f"<Packet {self.number}: {time}, {lengths}, interface {self.interface.id}>"


_FORMS: set[str] = set()


def use_kernels(kernels: ModuleType) -> None:
    """Let this form of the kernels read a packet's fields: the compiled form takes a quarter of the time that the
    attributes of a named tuple take."""
    if kernels.NAME not in _FORMS:
        _FORMS.add(kernels.NAME)
        for name, field in zip(Packet._fields, kernels.tuple_fields(Packet, Packet._fields)):
            setattr(Packet, name, field)
        comments = kernels.list_of_item(Packet._fields.index("raw_options"), _comments)
        setattr(Packet, "comments", property(comments, doc=Packet.comments.__doc__))  # noqa: B010 - mypy refuses it


def _comments(packet: Packet) -> list[str]:
    return list(option_lists.OptionList(packet.raw_options, packet.section.byte_order).comments)


def length_with(packet: Packet, data: bytes) -> int:
    """The original length of a packet that gets other bytes: a packet that was captured whole is as long as they are;
    any other one keeps its length, which is at least that of the bytes."""
    captured_whole = packet.original_length == len(packet.data)
    return len(data) if captured_whole else max(packet.original_length, len(data))


class UndatedPacket(Packet):
    """A packet whose time cannot be determined, although it has one."""

    __slots__ = ()

    @property
    def time_ns(self) -> int | None:
        """Raises FormatError; None for a packet without a time."""
        return None if self.ticks is None else self._time_unit()[0]


def _ticks(time: int, per_second: int, offset: int, interface: Interface) -> int:
    """A time in an interface's ticks. Raises UsageError if they cannot state it exactly."""
    unit = interface.time_unit
    if unit is None:
        raise UsageError(interface.time_error)
    ticks, exact = timestamps.rescale(time, per_second, offset - unit[1], unit[0])
    if exact and 0 <= ticks < 2**64:
        return ticks
    shown = timestamps.format_time(time, per_second, offset)
    if not exact:
        tick = timestamps.resolution_in_words(unit[0]) or "ticks"
        raise UsageError(f"the time {shown} has digits finer than the {tick} of interface {interface.id}")
    raise UsageError(f"the time {shown} would be {ticks} ticks; 64 bits hold 0 to {2**64 - 1}")


def _check_kinds(**values: tuple[object, type]) -> None:
    """Check that each of these arguments is of its type, if it is given."""
    for name, (value, kind) in values.items():
        if value is not None and not isinstance(value, kind):
            raise UsageError(f"{argument(name, value)}: must be of the type {kind.__name__}", option=name)


def _bytes(name: str, data: BytesLike) -> bytes:
    content = bytes_of(data)
    if content is None:
        raise UsageError(f"{argument(name, data)}: has no bytes", option=name)
    return content
