"""The normal form of options, interfaces and blocks, and which metadata it keeps.

Strategy: all options become little-endian and are ordered by code, so that comments come first. Comments, and custom
options of the same code, keep their order; of any other code only the first option is kept.
`docs/reference/normal-form.md` specifies the same rules for other programs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable, Iterator

from pcapconv.errors import TargetError
from pcapconv.model import Block, Interface, Section
from pcapconv.spec import ByteOrder, bodies, option_lists, pcapng
from pcapconv.spec.byte_orders import swapped_value
from pcapconv.timestamps import NANOSECONDS, tsresol_byte
from pcapconv.wording import argument

KEPT = frozenset({"comments", "names", "secrets"})  # the kinds that are kept by default

_DIRECTION = 0b11
_LONGEST_VALUE = 0xFFFF
_MOST_OPTIONS = 100_000  # of one block
_MOST_CACHED = 1024  # option lists of packets
_LONGEST_CACHED = 256  # bytes of each

Entries = list[tuple[int, bytes]]


class NormalForm:
    """Converts metadata into a normal form that keeps these `kinds`; `left_out` counts other metadata by kind.

    Packets refer to process blocks of macOS by the block's number in the section. `add_process` has to be called for
    each process block, with the bytes that replace references to the block. A reference to a block that does not exist
    stays as it is, or is left out if `complete`, which is set for a capture that has process blocks.
    """

    def __init__(self, kinds: Collection[str], left_out: Counter[str], *, complete: bool = False) -> None:
        self.kinds = kinds
        self.left_out = left_out
        self._complete = complete
        self._references: list[bytes] = []  # what replaces references to a process, by its number in the section
        self._cache: dict[tuple[bytes, ByteOrder, bool, bool], tuple[bytes, Counter[str]]] = {}

    def keep_or_count(self, kind: str) -> bool:
        """Return whether metadata of this kind is kept; if not, count it in `left_out`."""
        if kind in self.kinds:
            return True
        self.left_out[kind] += 1
        return False

    def begin_section(self) -> None:
        """Discard the processes of the section before."""
        self._references = []
        self._cache.clear()

    def add_process(self, reference: bytes) -> None:
        """Add the section's next process; `reference` replaces references to the process."""
        self._references.append(reference)
        self._cache.clear()

    def section(self, section: Section) -> Entries:
        """The options of a section that are kept."""
        return self._kept(section.raw_options, section.byte_order, pcapng.SECTION_HEADER)

    def interface(self, interface: Interface) -> Interface:
        """The interface in its normal form, with id 0 in section 0, so that equal contents are equal."""
        kept = self._kept(interface.raw_options, interface.byte_order, pcapng.INTERFACE_DESCRIPTION)
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
            raw_options=pack(kept),
        )

    def packet(self, raw: bytes, order: ByteOrder, *, obsolete: bool, direction: bool = True) -> bytes:
        """A packet's options in their normal form, raw, with its direction unless `direction` is false. Results are
        cached, since most packets of a capture have one of a few option lists."""
        key = raw, order, obsolete, direction
        if key not in self._cache:
            before = self.left_out.copy()
            new = self._packet(raw, order, obsolete=obsolete, direction=direction)
            if len(raw) > _LONGEST_CACHED:
                return new
            if len(self._cache) == _MOST_CACHED:
                self._cache.clear()
            self._cache[key] = new, self.left_out - before
            return new
        new, left_out = self._cache[key]
        if left_out:
            self.left_out.update(left_out)
        return new

    def _packet(self, raw: bytes, order: ByteOrder, *, obsolete: bool, direction: bool) -> bytes:
        kept = self._kept(raw, order, pcapng.OBSOLETE_PACKET if obsolete else pcapng.ENHANCED_PACKET)
        kept = list(self._with_references(kept, order))
        flags = option_lists.OptionList(raw, order).first(pcapng.PACKET_FLAGS)
        flag_mask = (_DIRECTION if direction else 0) | (~_DIRECTION if "details" in self.kinds else 0)
        if flags is not None and len(flags) == 4 and (bits := int.from_bytes(flags, order) & flag_mask):
            kept.append((pcapng.PACKET_FLAGS, bits.to_bytes(4, "little")))
        return pack(kept)

    def _with_references(self, kept: Entries, order: ByteOrder) -> Iterator[tuple[int, bytes]]:
        """Yield the options, with references to processes replaced."""
        for code, value in kept:
            if code in pcapng.PROCESS_REFERENCES and len(value) == 4:
                number = int.from_bytes(value, order)
                if number < len(self._references):
                    value = self._references[number]
                elif self._complete:
                    self.left_out["unknown"] += 1
                    continue
            yield code, value

    def names(self, block: Block) -> tuple[Iterator[tuple[int, bytes, bytes]], Entries]:
        """The names in a Name Resolution Block, each as (record type, address, name); and those of its options that are
        kept."""
        at = block.options_at
        kept = self._kept(block.body[at:], block.byte_order, block.type)
        return _each_name(block), [entry for entry in kept if entry[0] == option_lists.COMMENT]

    def secrets(self, block: Block) -> bytes | None:
        """The body of a secrets block in its normal form, or None if the block is not complete."""
        secrets = bodies.secrets(block.body, block.byte_order)
        if not secrets.complete:
            self.left_out["secrets"] += 1
            return None
        kept = self._kept(block.body[block.options_at :], block.byte_order, block.type)
        return bodies.secrets_body(secrets.type, secrets.data, "little", pack(kept))

    def process(self, block: Block) -> Block | None:
        """A process block in its normal form, or None if it is not kept. An option list that cannot be read to its end
        stays unchanged."""
        if not self.keep_or_count(block.kind):
            return None
        order, at = block.byte_order, block.process_options_at
        fields, options = block.body[:at], block.body[at:]
        fields = fields[3::-1] + fields[4:] if order == "big" else fields  # the process id, or the enterprise number
        if not option_lists.OptionList(options, order).overrun:
            options = pack(self._kept(options, order, block.type))
        return Block(block.type, fields + options, "little", 0, 0)

    def other_block(self, block: Block) -> Block | None:
        """A custom or unknown block in its normal form, or None if it is not kept. The content of the block stays as it
        is, since the byte order of its fields is not known."""
        kind = block.kind
        if not self.keep_or_count(kind):
            return None
        custom = kind == "custom"
        body = block.body[3::-1] + block.body[4:] if custom and block.byte_order == "big" else block.body
        return block._replace(body=body, byte_order="little", section=0)

    def _kept(self, raw: bytes, order: ByteOrder, block_type: int) -> Entries:
        """Return the options of a list that are kept, with their values in the normal form."""
        kept: Entries = []
        for code, value in option_lists.OptionList(raw, order):
            option_type = pcapng.option_type(block_type, code)
            kind = option_type.kind
            value = value if order == "little" else swapped_value(option_type, value)
            value = _without_zeros(option_type.value_type, value)
            if kind is not None and (not kind or self.keep_or_count(kind)):
                kept.append((code, value))
                if len(kept) > _MOST_OPTIONS:
                    raise TargetError(
                        f"a block with more than {_MOST_OPTIONS} options that are kept, more than pcapconv normalises; "
                        f"{argument('strip', kind or 'comments')} leaves them out"
                    )
        return kept


def _without_zeros(value_type: str, value: bytes) -> bytes:
    """Return an option's value; if it is text, only the part before the first zero byte."""
    if value_type == option_lists.TEXT:
        return option_lists.text_bytes(value)
    if value_type == option_lists.FILTER and value[:1] == b"\0":
        return value[:1] + option_lists.text_bytes(value[1:])
    return value


def pack(entries: Iterable[tuple[int, bytes]]) -> bytes:
    """Return an option list with these options, ordered by code. Comments, and custom options of the same code, keep
    their order; of any other code only the first option is kept."""
    ordered: Entries = []
    for code, value in sorted(entries, key=lambda entry: entry[0]):
        repeated = ordered and ordered[-1][0] == code
        if not repeated or code in pcapng.OPTIONS_OF_ANY:
            ordered.append((code, value))
    return option_lists.pack(ordered, "little")


def _each_name(block: Block) -> Iterator[tuple[int, bytes, bytes]]:
    """Yield the names in a block. A record without a readable address is yielded whole, with an empty name."""
    for record_type, address, names in bodies.name_records(block.body, block.byte_order):
        if address is None:
            yield record_type, names, b""
            continue
        for name in names.split(b"\0"):
            if name:
                yield record_type, address, name


def names_body(names: Iterable[tuple[int, bytes, bytes]], kept: Entries) -> bytes:
    """The body of a Name Resolution Block: a record for each different name, sorted; then the options."""
    records = bytearray()
    for record_type, address, name in sorted(set(names)):
        value = (address + name + b"\0" if name else address)[:_LONGEST_VALUE]
        records += record_type.to_bytes(2, "little") + len(value).to_bytes(2, "little") + value + bytes(-len(value) % 4)
    return bytes(records) + bytes(4) + pack(kept)
