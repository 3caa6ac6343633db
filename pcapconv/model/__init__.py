"""The model of a capture at which readers, steps and writers meet: sections, interfaces, packets, other blocks.

sections        `Section`, `Interface`
batches         `PacketBatch`
packets         `Packet`, a row of a batch for users of the library
blocks          `Block`: names, statistics, secrets, custom, unknown
damage          `Damage`, `Notice`

* A capture is a stream of **items** in file order: `Section`, `Interface`, `PacketBatch`, `Block`, `Damage`, `Notice`.
* A **batch** is a run of packets of one section: a `buffer` of bytes, and `columns` with one value for each packet.
* A **row** is the index of a packet in its batch's columns, from 0. The packet's number in the capture is another
  thing: it counts from 1, and `PacketBatch.number` gives it.
* A **record** is the bytes of one packet as its file has them, in the buffer: a pcap record or a pcapng packet block,
  with its header. A writer of the same format copies the record. A row that an edit changed *has no record*: its
  `record_length` is 0, and every writer encodes the packet from its columns.
* **Who owns a batch**: the step or writer that received the batch last, until that step or writer asks for the next
  item. The owner may change the batch's attributes and the values in its columns, but not the bytes in `buffer`,
  which other batches share (the one exception: a split overwrites the interface ids in the blocks that it writes
  next). A step that passes the batch on is no longer its owner, and does not use it again. When the next item is
  asked for, the batch becomes invalid, since readers reuse buffers and columns; `copy` gives a batch that stays
  valid. `pcapconv.steps.Step` has the rules for changing a batch.
* The **layout** of an item is the format of its raw bytes, `pcap` or `pcapng`. A writer of that format copies the raw
  bytes; a writer of the other format makes new bytes from the item's fields. A step that edits an item sets its `raw`
  to None.

Items are named tuples, not dataclasses, whose import alone takes 30 ms.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from pcapconv.columns import Columns
from pcapconv.model.batches import PacketBatch, PacketRows, StoredPackets
from pcapconv.model.blocks import Block
from pcapconv.model.damage import Damage, Notice, damage_error
from pcapconv.model.sections import NO_COUNTS, Interface, Layout, Section

if TYPE_CHECKING:
    from pcapconv.model.packets import Packet

__all__ = [
    "NO_COUNTS",
    "Block",
    "Columns",
    "Damage",
    "Interface",
    "Item",
    "Layout",
    "Notice",
    "Packet",
    "PacketBatch",
    "PacketRows",
    "Section",
    "StoredPackets",
    "damage_error",
]


def __getattr__(name: str) -> Any:
    """`Packet`, which conversions do not need: they start faster without it."""
    if name != "Packet":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from pcapconv.model.packets import Packet

    return Packet


Item = Section | Interface | PacketBatch | Block | Damage | Notice
