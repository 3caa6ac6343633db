"""Blocks of pcapng besides sections, interfaces and packets."""

from __future__ import annotations

from typing import NamedTuple

from pcapconv.spec import ByteOrder, option_lists, pcapng
from pcapconv.spec.decoded_options import Options


class Block(NamedTuple):
    """Any pcapng block besides sections, interfaces and packets: names, statistics, secrets, custom, unknown.

    * `type`: the block type, a number (pcapng, section "Block Type Codes").
    * `body`: the bytes between the block's two lengths.
    * `byte_order`: `"little"` or `"big"`.
    * `section`: the number of the block's section.
    * `offset`: where the block begins in the capture, in bytes.
    """

    type: int
    body: bytes
    byte_order: ByteOrder
    section: int
    offset: int

    def __repr__(self) -> str:
        return f"<Block {self.name}: {len(self.body)} bytes, at offset {self.offset}>"

    @property
    def kind(self) -> str:
        """The kind of metadata in the block: `names`, `statistics`, `secrets`, `custom` or `unknown`."""
        return pcapng.block_type(self.type).kind

    @property
    def name(self) -> str:
        """The name of the block's type; `block` and the type in hex if the type has no name."""
        return pcapng.block_type(self.type).name or f"block 0x{self.type:08x}"

    @property
    def entries(self) -> int:
        """The number that is added to a count of losses if the block is lost: for a names block, the number of its
        records, but at least 1; for any other block, 1."""
        return max(1, sum(1 for _ in self.name_records)) if self.type == pcapng.NAME_RESOLUTION else 1

    @property
    def name_records(self) -> option_lists.OptionList:
        """The records of a names block, each with `code` and `value` (pcapng, section "Name Resolution Block")."""
        return option_lists.OptionList(self.body, self.byte_order)

    @property
    def options_at(self) -> int:
        """The offset of the block's options in its body, by the table in `spec.pcapng`; the body's length if the block
        has no options."""
        return pcapng.options_at(self.type, self.body, self.byte_order)

    @property
    def option_list(self) -> option_lists.OptionList:
        """The block's options, each with `code` and `value`; empty for a block type that has no options, and for an
        unknown type."""
        return option_lists.OptionList(memoryview(self.body)[self.options_at :], self.byte_order)

    @property
    def options(self) -> Options:
        """The block's options, decoded, by name; empty for a block type that has no options, and for an unknown
        type."""
        return Options(self.body[self.options_at :], self.byte_order, self.type)

    @property
    def interface_id(self) -> int | None:
        """The id of the interface that a statistics block is about; None for any other block."""
        if self.type != pcapng.INTERFACE_STATISTICS or len(self.body) < 4:
            return None
        return int.from_bytes(self.body[:4], self.byte_order)

    @property
    def process_options_at(self) -> int:
        """The offset of a process block's options in its body; the body's length if the block has no options."""
        return pcapng.process_options_at(self.type, self.body)

    @property
    def is_process(self) -> bool:
        """Whether the block describes a process that packets refer to."""
        return pcapng.is_process(self.type, self.body, self.byte_order)

    @property
    def explains_packets(self) -> bool:
        """Whether readers need this block to understand the packets after it: names, secrets, processes."""
        return pcapng.explains_packets(self.type, self.body, self.byte_order)
