"""What the normal form keeps of a capture's metadata, and how it writes it.

Strategy: all becomes little-endian options in one order: comments first, as they stood, then by code, each code once.
`NORMAL_FORM.md` says the same in words, for those who write the form with something else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from pcapconv.errors import TargetError
from pcapconv.model import Block, Interface, Section
from pcapconv.spec import ByteOrder, bodies, option_lists, pcapng
from pcapconv.timestamps import NANOSECONDS, tsresol_byte
from pcapconv.wording import argument

KEPT = frozenset({"comments", "names", "secrets"})  # unless others are asked for

_DIRECTION = 0b11
_LONGEST_VALUE = 0xFFFF
_MOST_OPTIONS = 100_000  # of one block
_MOST_KNOWN = 1024  # option lists, and the bytes of one
_LONGEST_KNOWN = 256

Entries = list[tuple[int, bytes]]


class NormalForm:
    """The normal form with these kinds of metadata. Counts by kind into `left_out` what it does not keep.

    Packets name processes by numbers; what each number becomes is told by `refer_to` as the section's process blocks
    come by. One that names none stays as it is, unless `complete` tells that only processes are meant.
    """

    def __init__(self, kinds: Collection[str], left_out: Counter[str], *, complete: bool = False) -> None:
        self.kinds = kinds
        self.left_out = left_out
        self._complete = complete
        self._processes: list[bytes] = []  # what references to them become, by their number in the section
        self._known: dict[tuple[bytes, ByteOrder, bool, bool], tuple[bytes, Counter[str]]] = {}

    def keeps(self, kind: str) -> bool:
        """Whether a kind is kept; what is not is counted."""
        if kind in self.kinds:
            return True
        self.left_out[kind] += 1
        return False

    def begin_section(self) -> None:
        """Forget the processes of another section."""
        self._processes = []
        self._known.clear()

    def refer_to(self, process: bytes) -> None:
        """What a reference to the section's next process becomes."""
        self._processes.append(process)
        self._known.clear()

    def section(self, section: Section) -> Entries:
        """The options that are kept of a section's header."""
        return self._kept(section.options, section.byte_order, pcapng.SECTION_HEADER)

    def interface(self, interface: Interface) -> Interface:
        """What an interface says; equal for all that say the same."""
        kept = self._kept(interface.options, interface.byte_order, pcapng.INTERFACE_DESCRIPTION)
        kept.append((pcapng.IF_TSRESOL, bytes([tsresol_byte(NANOSECONDS)])))
        if interface.fcs_length is not None:
            kept.append((pcapng.IF_FCSLEN, bytes([interface.fcs_length])))
        return Interface(
            id=0,
            section=0,
            link_type=interface.link_type,
            snaplen=interface.snaplen,
            layout="pcapng",
            byte_order="little",
            ticks_per_second=NANOSECONDS,
            fcs_length=interface.fcs_length,
            options=pack(kept),
        )

    def packet(self, raw: bytes, order: ByteOrder, *, obsolete: bool, direction: bool = True) -> bytes:
        """A packet's options, also its `direction`. Most packets of a capture say one of a few things, which are worked
        out once."""
        key = raw, order, obsolete, direction
        if key not in self._known:
            before = self.left_out.copy()
            new = self._packet(raw, order, obsolete=obsolete, direction=direction)
            if len(raw) > _LONGEST_KNOWN:
                return new
            if len(self._known) == _MOST_KNOWN:
                self._known.clear()
            self._known[key] = new, self.left_out - before
            return new
        new, left_out = self._known[key]
        if left_out:
            self.left_out.update(left_out)
        return new

    def _packet(self, raw: bytes, order: ByteOrder, *, obsolete: bool, direction: bool) -> bytes:
        kept = self._kept(raw, order, pcapng.OBSOLETE_PACKET if obsolete else pcapng.ENHANCED_PACKET)
        kept = list(self._referring(kept, order))
        flags = option_lists.OptionList(raw, order).first(pcapng.PACKET_FLAGS)
        told = (_DIRECTION if direction else 0) | (~_DIRECTION if "details" in self.kinds else 0)
        if flags is not None and len(flags) == 4 and (bits := int.from_bytes(flags, order) & told):
            kept.append((pcapng.PACKET_FLAGS, bits.to_bytes(4, "little")))
        return pack(kept)

    def _referring(self, kept: Entries, order: ByteOrder) -> Iterator[tuple[int, bytes]]:
        """The options with references to processes as they are to be."""
        for code, value in kept:
            if code in pcapng.PROCESS_REFERENCES and len(value) == 4:
                number = int.from_bytes(value, order)
                if number < len(self._processes):
                    value = self._processes[number]
                elif self._complete:
                    self.left_out["unknown"] += 1
                    continue
            yield code, value

    def names(self, block: Block) -> tuple[Iterator[tuple[int, bytes, bytes]], Entries]:
        """The names of a block, each as (type, address, name), and its options that are kept."""
        at = block.options_at
        kept = self._kept(block.body[at:], block.byte_order, block.type)
        return _names(block), [entry for entry in kept if entry[0] == option_lists.COMMENT]

    def secrets(self, block: Block) -> bytes | None:
        """The body of a block of secrets, None for one that nobody can read."""
        stated = bodies.secrets(block.body, block.byte_order)
        if not stated.complete:
            self.left_out["secrets"] += 1
            return None
        kept = self._kept(block.body[block.options_at :], block.byte_order, block.type)
        return bodies.secrets_body(stated.type, stated.data, "little", pack(kept))

    def process(self, block: Block) -> Block | None:
        """A process block, None where it is not kept. One whose options cannot be read to their end stays as it is."""
        if not self.keeps(block.kind):
            return None
        order, at = block.byte_order, block.process_options_at
        head, stated = block.body[:at], block.body[at:]
        head = head[3::-1] + head[4:] if order == "big" else head  # the process id, or the enterprise number
        if not option_lists.OptionList(stated, order).overrun:
            stated = pack(self._kept(stated, order, block.type))
        return Block(block.type, head + stated, "little", 0, 0)

    def other(self, block: Block) -> Block | None:
        """A custom or unknown block, None where it is not kept. Nobody knows the byte order of its contents."""
        kind = block.kind
        if not self.keeps(kind):
            return None
        custom = kind == "custom"
        body = block.body[3::-1] + block.body[4:] if custom and block.byte_order == "big" else block.body
        return block._replace(body=body, byte_order="little", section=0)

    def _kept(self, raw: bytes, order: ByteOrder, block_type: int) -> Entries:
        kept: Entries = []
        for code, value in option_lists.OptionList(raw, order):
            row = pcapng.option_type(block_type, code)
            kind = row.kind
            value = _without_zeros(row.value_type, value if order == "little" else _little(row, value))
            if kind is not None and (not kind or self.keeps(kind)):
                kept.append((code, value))
                if len(kept) > _MOST_OPTIONS:
                    raise TargetError(
                        f"a block with more than {_MOST_OPTIONS} options that are kept, more than pcapconv normalises; "
                        f"{argument('strip', kind or 'comments')} leaves them out"
                    )
        return kept


def _little(row: option_lists.OptionType, value: bytes) -> bytes:
    """The value of a big-endian section's option as that of a little-endian one."""
    if row.kind == "custom":
        return value[3::-1] + value[4:]
    if row.kind == "details" and row.value_type in option_lists.NUMBERS:
        return value[::-1]
    return value[3::-1] + value[:3:-1] if row.value_type == option_lists.TWO_NUMBERS else value


def _without_zeros(holds: str, value: bytes) -> bytes:
    """An option's value, of a text what stands before its first zero byte."""
    if holds == option_lists.TEXT:
        return option_lists.text_bytes(value)
    if holds == option_lists.FILTER and value[:1] == b"\0":
        return value[:1] + option_lists.text_bytes(value[1:])
    return value


def pack(entries: Iterable[tuple[int, bytes]]) -> bytes:
    """The options by code; comments and custom ones of one code as they stood, of the others the first."""
    ordered: Entries = []
    for code, value in sorted(entries, key=lambda entry: entry[0]):
        again = ordered and ordered[-1][0] == code
        if not again or code in pcapng.OPTIONS_OF_ANY:
            ordered.append((code, value))
    return option_lists.pack(ordered, "little")


def _names(block: Block) -> Iterator[tuple[int, bytes, bytes]]:
    for kind, address, names in bodies.name_records(block.body, block.byte_order):
        if address is None:
            yield kind, names, b""
            continue
        for name in names.split(b"\0"):
            if name:
                yield kind, address, name


def names_body(names: Iterable[tuple[int, bytes, bytes]], kept: Entries) -> bytes:
    """A Name Resolution Block's body: a record for each name, sorted, none twice; then options."""
    records = bytearray()
    for kind, address, name in sorted(set(names)):
        value = (address + name + b"\0" if name else address)[:_LONGEST_VALUE]
        records += kind.to_bytes(2, "little") + len(value).to_bytes(2, "little") + value + bytes(-len(value) % 4)
    return bytes(records) + bytes(4) + pack(kept)
