"""The note that a time without a zone is in UTC, on a machine whose own zone says another time."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pcapconv.cli.messages import print_message
from pcapconv.wording import argument

_TIMES = ("after", "before", "rebase_time", "set_time")  # options that take a time


def mention_local_zone(options: Mapping[str, Any]) -> None:
    """Print, at most once, that an option's time without a zone is in UTC, if it is another time in the local zone and
    `--timezone` is not given."""
    if options.get("timezone") is not None:
        return
    for name, text in _given(options):
        if local := _local_zone_at(text.partition(":")[2] if name == "set_time" else text):
            print_message(
                f"{argument(name, text)} is in UTC, and the local zone is {local}; {argument('timezone', 'local')} or "
                f"{argument('timezone', 'UTC')} says which you mean"
            )
            return


def _given(options: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield the options that take a time, each with its text. `--set-time` may be given several times."""
    for name in _TIMES:
        value = options.get(name)
        for text in () if value is None else (value,) if isinstance(value, str) else value:
            yield name, text


def _local_zone_at(text: str) -> str:
    """Return the local zone at a time without a zone, in words: `CEST (+02:00)`. Return an empty text for a time that
    is the same in UTC, and for what is no such time."""
    from pcapconv.steps.argument_values import time_without_zone
    from pcapconv.time_zones import LOCAL, offset_text, open_zone

    clock_time, zone = time_without_zone(text), open_zone(LOCAL)
    if clock_time is None or zone.instants(clock_time) == [clock_time]:
        return ""
    return f"{zone.abbreviation(clock_time)} ({offset_text(zone.offset(clock_time))})"
