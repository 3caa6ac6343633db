"""The step that adds comments to a capture, and changes what its interfaces declare: name, snaplen, link type, ….

Strategy: everything is checked before the first item, except whether the interfaces that settings name exist. The bytes
of packets stay as they are.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from pcapconv.errors import TargetError, UsageError
from pcapconv.model import Interface, Item, PacketBatch, Section
from pcapconv.spec import option_lists, pcapng
from pcapconv.steps import Step
from pcapconv.steps.argument_values import parse_interface_id
from pcapconv.wording import argument

SETTING_KEYS = ("name", "description", "filter", "os", "hardware", "speed", "snaplen", "fcs-length", "comment")

_CODES = {
    "name": pcapng.IF_NAME,
    "description": pcapng.IF_DESCRIPTION,
    "speed": pcapng.IF_SPEED,
    "filter": pcapng.IF_FILTER,
    "os": pcapng.IF_OS,
    "fcs-length": pcapng.IF_FCSLEN,
    "hardware": pcapng.IF_HARDWARE,
    "comment": option_lists.COMMENT,
}
_NUMBER_SIZES = {"speed": 8, "snaplen": 4, "fcs-length": 1}  # bytes of the values that are numbers
_EXAMPLE_NUMBERS = {"speed": 1_000_000_000, "snaplen": 65535, "fcs-length": 32}
_MOST_DIGITS = 60
_LONGEST_VALUE = 65535
_LAST_LINK_TYPE = 65535
_MOST_NAMED = 20
_MOST_SHOWN = 80  # characters of a name or a setting in a message


class _Setting(NamedTuple):
    """One `ID.KEY=VALUE`. `identity` is the ID, which names interfaces. The new value is `number` if values for `key`
    are numbers, else `text`. `shown` is the setting as messages show it."""

    identity: str
    key: str
    text: bytes
    number: int
    shown: str


class Relabel(Step):
    """Adds comments to the first section, and changes what interfaces declare.

    `settings` are (ID, KEY, VALUE) with a KEY of `SETTING_KEYS`; `names_interface` decides which interfaces an ID
    names. A value replaces the values that the interface declares; a comment is added after the comments that it has.
    Of several values for the same key, the last one counts. `link_type` is for all interfaces.

    Raises UsageError for a value that an option cannot hold, and, after the last item, for an ID that names no
    interface; TargetError if the interface's new snaplen would change the length of a Simple Packet.
    """

    def __init__(
        self, *, capture_comments: Sequence[str], settings: Sequence[tuple[str, str, str]], link_type: int | None
    ) -> None:
        super().__init__()
        self._comments = [
            (option_lists.COMMENT, encode_text(argument("capture_comment"), text)) for text in capture_comments
        ]
        self._settings = [_setting(*each) for each in settings]
        self._link_type = link_type
        if link_type is not None and not 0 <= link_type <= _LAST_LINK_TYPE:
            raise UsageError(
                f"{argument('link_type', link_type)}: link types are numbers from 0 to {_LAST_LINK_TYPE}",
                option="link_type",
            )
        self._labels: list[str] = []  # labels of the first interfaces, for a message
        self._total = 0
        self._used: set[int] = set()  # indexes of settings

    def _batch(self, batch: PacketBatch) -> Iterable[Item]:
        self._check_simple_packets(batch)
        batch.interfaces = self._interfaces
        return (batch,)

    def _end(self) -> Iterable[Item]:
        for index, setting in enumerate(self._settings):
            if index not in self._used:
                raise UsageError(
                    f"{argument('set_interface', setting.shown)}: there is no such interface; "
                    f"{self._list_interfaces()}",
                    option="set_interface",
                )
        return ()

    def _section(self, section: Section) -> Iterable[Item]:
        comments, self._comments = self._comments, []  # only for the first section
        section = section._replace(changed=section.changed or bool(self._settings))
        if comments:
            options = option_lists.edit(section.raw_options, section.byte_order, add=comments)
            return (section._replace(raw=None, raw_options=options),)
        if section.layout == "pcap" and (self._settings or self._link_type is not None):
            return (section._replace(raw=None),)  # the file header holds what the interface declares
        return (section,)

    def _interface(self, interface: Interface) -> Iterable[Interface]:
        self._total += 1
        if self._settings and len(self._labels) < _MOST_NAMED:
            self._labels.append(interface_label(interface))
        changed = interface if self._link_type is None else interface._replace(link_type=self._link_type)
        for index, setting in enumerate(self._settings):
            if names_interface(setting.identity, interface):
                self._used.add(index)
                changed = _with_setting(changed, setting)
        return (interface if changed == interface else changed._replace(raw=None),)

    def _check_simple_packets(self, batch: PacketBatch) -> None:
        """Raise TargetError for a Simple Packet whose length the interface's new snaplen would change."""
        if not self._interfaces or self._interfaces[0].snaplen == batch.interfaces[0].snaplen:
            return
        columns, snaplen = batch.columns, self._interfaces[0].snaplen
        if pcapng.SIMPLE_PACKET not in columns.record_type[: batch.rows].tobytes():
            return
        for row, record_type in enumerate(columns.record_type[: batch.rows]):
            if record_type != pcapng.SIMPLE_PACKET:
                continue
            captured, original = columns.captured_length[row], columns.original_length[row]
            length = min(original, snaplen or original)
            if length != captured:
                raise TargetError(
                    f"packet {batch.number(row)}: the length of a Simple Packet follows from the snaplen of "
                    f"interface 0; with snaplen {snaplen} it would be {length} instead of {captured} bytes",
                    packet_number=batch.number(row),
                )

    def _list_interfaces(self) -> str:
        """The end of a message: a sentence about which interfaces the capture has."""
        if not self._labels:
            return "the capture has none"
        more = self._total - len(self._labels)
        listed = ", ".join(self._labels) + (f" and {more:,} more" if more else "")
        return f"there {'is' if self._total == 1 else 'are'} {listed}"


def names_interface(text: str, interface: Interface) -> bool:
    """Return whether the text names the interface: by its id (`2`, in any section), by section and id (`1:2`, both from
    0), or by its if_name. Raises UsageError for a number of more than 60 digits."""
    section_and_id = parse_interface_id("interface", text)
    if section_and_id is not None:
        section, interface_id = section_and_id
        if interface_id == interface.id and section in (None, interface.section):
            return True
    name = interface_name(interface)
    text_part = None if name is None else option_lists.text_bytes(name)
    return text_part is not None and text in (
        option_lists.text(text_part),
        text_part.decode("utf-8", "surrogateescape"),
    )


def interface_name(interface: Interface) -> bytes | None:
    """Return an interface's if_name, raw, without the NULs that some writers add; None if it has no if_name."""
    name = option_lists.OptionList(interface.raw_options, interface.byte_order).first(pcapng.IF_NAME)
    return None if name is None else name.rstrip(b"\0")


def interface_label(interface: Interface) -> str:
    """Return the label of an interface in messages: section and id, and its name if it has one, as in `0:1 eth0`."""
    name, numbers = interface_name(interface), f"{interface.section}:{interface.id}"
    return f"{numbers} {option_lists.text(name):.{_MOST_SHOWN}}" if name else numbers


def _setting(identity: str, key: str, value: str) -> _Setting:
    """Check a setting, and encode its value. Raises UsageError."""
    shown = f"{identity}.{key}={value}"[:_MOST_SHOWN]
    if key not in SETTING_KEYS:
        raise UsageError(
            f"{argument('set_interface', shown)}: the key is one of {', '.join(SETTING_KEYS)}", option="set_interface"
        )
    parse_interface_id("set_interface", identity)
    if key not in _NUMBER_SIZES:
        beginning = argument("set_interface", f"{identity}.{key}"[:_MOST_SHOWN])
        text = encode_text(beginning, value, b"\0" if key == "filter" else b"")
        return _Setting(identity, key, text, 0, shown)
    most = (1 << 8 * _NUMBER_SIZES[key]) - 1
    decimal = value.isascii() and value.isdecimal() and len(value) <= _MOST_DIGITS
    if not decimal or int(value) > most:
        example = f"{identity}.{key}={_EXAMPLE_NUMBERS[key]}"
        raise UsageError(
            f"{argument('set_interface', shown)}: not a whole number from 0 to {most}; write {example}",
            option="set_interface",
        )
    return _Setting(identity, key, b"", int(value), shown)


def encode_text(beginning: str, text: str, prefix: bytes = b"") -> bytes:
    """Encode a text as an option's value, after a `prefix`. Raises UsageError, with `beginning` as its first words, for
    a text that UTF-8 cannot encode or that is too long for an option."""
    try:
        value = prefix + text.encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"{beginning}: character {error.start + 1} of the text is none that UTF-8 can write") from None
    if len(value) > _LONGEST_VALUE:
        most = _LONGEST_VALUE - len(prefix)
        raise UsageError(f"{beginning}: the text has {len(value) - len(prefix)} bytes; write {most} at most")
    return value


def _with_setting(interface: Interface, setting: _Setting) -> Interface:
    """Return the interface with the setting in its fields and its options."""
    key, value = setting.key, setting.text
    if key == "snaplen":
        return interface._replace(snaplen=setting.number)
    if key == "fcs-length":
        interface = interface._replace(fcs_length=setting.number)
        if interface.layout == "pcap":  # a pcapng writer makes the option from the field
            return interface
    if key in _NUMBER_SIZES:
        value = setting.number.to_bytes(_NUMBER_SIZES[key], interface.byte_order)
    code = _CODES[key]

    def keep(option: option_lists.Option) -> bool:
        return key == "comment" or option.code != code

    options = option_lists.edit(interface.raw_options, interface.byte_order, keep=keep, add=[(code, value)])
    return interface._replace(raw_options=options)
