"""Decides how `info` shows blocks that hold no packets: as entries of lists in JSON, and as lines on the page.

Strategy: one table, `BLOCK_LISTS`, in the order of the page.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any, NamedTuple

from pcapconv.describing.entries import CustomEntry, NameEntry, OptionEntry, SecretsEntry, StatisticsEntry
from pcapconv.model import Block
from pcapconv.report import MOST_LISTED
from pcapconv.spec import ByteOrder, bodies, pcapng, readable_options
from pcapconv.text import counted
from pcapconv.time_zones import UTC, TimeZone

# A function that returns the time unit of an interface of the section, by id.
TimeUnits = Callable[[int], readable_options.TimeUnit | None]


class BlockList(NamedTuple):
    """How the blocks of some `types` are shown.

    In JSON, the list `name` contains the `entries` that each block returns, with times in a zone; `total` returns their
    number. On the page, each entry is a line with the `label` and the entry's `text`; without a label, no entry is on
    the page.
    """

    types: tuple[int, ...]
    name: str
    entries: Callable[[Block, TimeUnits, TimeZone], Iterator[Any]]
    label: str = ""
    text: Callable[[Any], str] = str
    total: Callable[[Block], int] = lambda _: 1


def listed_options(
    raw: bytes,
    order: ByteOrder,
    block_type: int,
    time_unit: readable_options.TimeUnit | None = None,
    zone: TimeZone = UTC,
) -> list[OptionEntry]:
    """Return the first thousand options of a list, decoded."""
    decoded = islice(readable_options.decode_options(raw, order, block_type, time_unit, zone), MOST_LISTED)
    return [
        OptionEntry(each["name"], each["value"] if "value" in each else bytes.fromhex(each["raw"])) for each in decoded
    ]


def option_texts(options: list[OptionEntry], leave_out: tuple[str, ...] = ()) -> list[str]:
    """Return options as texts; comments, and the options named in `leave_out`, are left out."""
    left_out = ("opt_comment", *leave_out)
    return [f"{option.name} {option.text}" for option in options if option.name not in left_out]


def _names(block: Block, _: TimeUnits, _zone: TimeZone) -> Iterator[NameEntry]:
    for each in readable_options.decode_names(block.body, block.byte_order):
        if "address" in each:
            yield NameEntry(each["address"], each["names"])
        else:
            yield NameEntry(None, [], each["type"], bytes.fromhex(each["raw"]))


def _name_text(entry: NameEntry) -> str:
    if entry.address is None:
        return f"unknown record {entry.type}"
    return f"{entry.address} {' '.join(entry.names)}"


def _secrets(block: Block, _: TimeUnits, _zone: TimeZone) -> Iterator[SecretsEntry]:
    secrets = bodies.secrets(block.body, block.byte_order)
    yield SecretsEntry(block.section, secrets.type_name, len(secrets.data))


def _statistics(block: Block, time_units: TimeUnits, zone: TimeZone) -> Iterator[StatisticsEntry]:
    statistics = bodies.statistics(block.body, block.byte_order)
    number = statistics.interface if statistics.has_interface else None
    time_unit = None if number is None else time_units(number)
    options = listed_options(block.body[block.options_at :], block.byte_order, block.type, time_unit, zone)
    yield StatisticsEntry(block.section, number, options)


def _statistics_text(entry: StatisticsEntry) -> str:
    return f"{entry.section}:{entry.interface}: {', '.join(option_texts(entry.options))}"


def _custom(block: Block, _: TimeUnits, _zone: TimeZone) -> Iterator[CustomEntry]:
    pen, data = bodies.custom(block.body, block.byte_order)
    yield CustomEntry(block.section, pen, len(data))


BLOCK_LISTS = (
    BlockList(
        (pcapng.NAME_RESOLUTION,),
        "names",
        _names,
        "name",
        _name_text,
        lambda block: sum(1 for _ in block.name_records),
    ),
    BlockList(
        (pcapng.DECRYPTION_SECRETS,),
        "secrets",
        _secrets,
        "secrets",
        lambda entry: f"{entry.type}, {counted(entry.bytes, 'byte')}",
    ),
    BlockList((pcapng.INTERFACE_STATISTICS,), "statistics", _statistics, "statistics", _statistics_text),
    BlockList((pcapng.CUSTOM, pcapng.CUSTOM_DO_NOT_COPY), "custom", _custom),
)
BY_TYPE = {block_type: block_list for block_list in BLOCK_LISTS for block_type in block_list.types}
