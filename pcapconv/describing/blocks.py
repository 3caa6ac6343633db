"""What `info` shows of blocks that are no packets: entries of a list in JSON, and their lines on the page.

Strategy: one row for each list, which both forms follow. The rows' order is that of the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

from pcapconv.model import Block
from pcapconv.report import MOST_LISTED
from pcapconv.spec import ByteOrder, bodies, pcapng, readable_options
from pcapconv.text import counted

Entry = dict[str, Any]
Units = Callable[[int], readable_options.TimeUnit | None]  # of the section's interfaces, by id


class Shown(NamedTuple):
    """How the blocks of some types are shown: in the JSON form, as entries of the list `name`; on the page, where
    `label` is not empty, as a line each, with `text` behind the label. The page ends with `name` where there are too
    many lines. A block gives `entries`, and `total` of them, if that is not one."""

    types: tuple[int, ...]
    name: str
    entries: Callable[[Block, Units], Iterator[Entry]]
    label: str = ""
    text: Callable[[Entry], str] = str
    total: Callable[[Block], int] = lambda _: 1


def listed_options(
    raw: bytes, order: ByteOrder, block_type: int, unit: readable_options.TimeUnit | None = None
) -> list[dict[str, Any]]:
    """The first thousand options of a list."""
    options = readable_options.decode_options(raw, order, block_type, unit)
    return [option for _, option in zip(range(MOST_LISTED), options)]


def option_texts(options: list[Entry], leave_out: tuple[str, ...] = ()) -> list[str]:
    """Options as texts, without comments and those to leave out."""
    without = ("opt_comment", *leave_out)
    return [
        f"{option['name']} {readable_options.value_text(option)}" for option in options if option["name"] not in without
    ]


def _names(block: Block, _: Units) -> Iterator[Entry]:
    return readable_options.decode_names(block.body, block.byte_order)


def _name_text(entry: Entry) -> str:
    return f"{entry['address']} {' '.join(entry['names'])}" if "address" in entry else f"unknown record {entry['type']}"


def _secrets(block: Block, _: Units) -> Iterator[Entry]:
    stated = bodies.secrets(block.body, block.byte_order)
    yield {"section": block.section, "type": stated.type_name, "bytes": len(stated.data)}


def _statistics(block: Block, unit_of: Units) -> Iterator[Entry]:
    stated = bodies.statistics(block.body, block.byte_order)
    number = stated.interface if stated.has_interface else None
    unit = None if number is None else unit_of(number)
    options = listed_options(block.body[block.options_at :], block.byte_order, block.type, unit)
    yield {"section": block.section, "interface": number, "options": options}


def _statistics_text(entry: Entry) -> str:
    return f"{entry['section']}:{entry['interface']}: {', '.join(option_texts(entry['options']))}"


def _custom(block: Block, _: Units) -> Iterator[Entry]:
    pen, data = bodies.custom(block.body, block.byte_order)
    yield {"section": block.section, "pen": pen, "bytes": len(data)}


SHOWN = (
    Shown(
        (pcapng.NAME_RESOLUTION,),
        "names",
        _names,
        "name",
        _name_text,
        lambda block: sum(1 for _ in block.name_records),
    ),
    Shown(
        (pcapng.DECRYPTION_SECRETS,),
        "secrets",
        _secrets,
        "secrets",
        lambda entry: f"{entry['type']}, {counted(entry['bytes'], 'byte')}",
    ),
    Shown((pcapng.INTERFACE_STATISTICS,), "statistics", _statistics, "statistics", _statistics_text),
    Shown((pcapng.CUSTOM, pcapng.CUSTOM_DO_NOT_COPY), "custom", _custom),
)
BY_TYPE = {block_type: row for row in SHOWN for block_type in row.types}
