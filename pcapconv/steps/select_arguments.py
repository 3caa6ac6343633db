"""Checks the arguments that select packets, and turns them into `select.Criteria`."""

from __future__ import annotations

import re
import warnings
from typing import TYPE_CHECKING

from pcapconv.errors import UsageError
from pcapconv.spec import pcapng
from pcapconv.spec.given_values import whole_number
from pcapconv.steps import argument_values, typed_values
from pcapconv.steps.duplicates import IGNORABLE, LINK_LAYER, MOST_PACKETS, DedupRule
from pcapconv.steps.select import Criteria
from pcapconv.steps.step_arguments import texts_of
from pcapconv.wording import argument, arguments

if TYPE_CHECKING:
    from datetime import timedelta
    from fractions import Fraction

    from pcapconv.steps.argument_values import Moment
    from pcapconv.steps.filter_expression import FilterExpression
    from pcapconv.steps.step_arguments import StepArguments
    from pcapconv.steps.typed_values import Time
    from pcapconv.time_zones import TimeZone

_MOST_BYTES = 2**32 - 1
_SLACK = "1s"  # by how much times may go back, if `in_order` does not say it


def criteria_of(step_arguments: StepArguments) -> Criteria:
    """Return which packets are selected, but for `in_order`. Raises UsageError."""
    zone = argument_values.parse_timezone("timezone", step_arguments.get("timezone"))
    after = _parse_moment("after", step_arguments.get("after"), zone)
    before = _parse_moment("before", step_arguments.get("before"), zone)
    if after and before and after.relative == before.relative and before.seconds <= after.seconds:
        late, early = argument("before", step_arguments["before"]), argument("after", step_arguments["after"])
        example = arguments(after="+1h", before="+2h")
        raise UsageError(
            f"{late} is not later than {early}; they select after <= time < before, as in {example}", option="before"
        )
    packets, dropped = step_arguments.get("packets"), step_arguments.get("drop_packets")
    first, last = step_arguments.get("first"), step_arguments.get("last")
    direction = step_arguments.get("direction")
    if direction is not None and direction not in pcapng.DIRECTIONS:
        raise UsageError(f"{argument('direction', direction)}: must be in or out", option="direction")
    criteria = Criteria(
        after=after,
        before=before,
        packets=None if packets is None else typed_values.packet_ranges("packets", packets),
        drop_packets=() if dropped is None else typed_values.packet_ranges("drop_packets", dropped),
        first=None if first is None else argument_values.parse_count("first", first),
        last=None if last is None else argument_values.parse_count("last", last),
        interfaces=texts_of(step_arguments, "interface"),
        comment=_pattern(step_arguments.get("comment_matches")),
        direction=direction,
        expression=_expression(step_arguments.get("filter")),
        where=step_arguments.get("where"),
        dedup=_dedup_rule(step_arguments),
        invert=bool(step_arguments.get("invert", False)),
    )
    if criteria == Criteria(invert=True):
        nothing, example = argument("invert", True), arguments(packets="1-100", invert=True)
        raise UsageError(
            f"{nothing}: there is nothing to invert; give a selection too, as in {example}", option="invert"
        )
    return criteria


def _parse_moment(name: str, time: Time | None, zone: TimeZone) -> Moment | None:
    return None if time is None else typed_values.moment(name, time, zone)


def _expression(text: str | None) -> FilterExpression | None:
    if text is None:
        return None
    from pcapconv.steps.filter_expression import FilterExpression  # its imports are needed only here

    return FilterExpression.parse(text)


def _dedup_rule(step_arguments: StepArguments) -> DedupRule | None:
    """Return which packets repeat others, None without `dedup`. Raises UsageError."""
    window, skip = step_arguments.get("dedup"), step_arguments.get("dedup_skip")
    ignore = {kind for text in texts_of(step_arguments, "dedup_ignore") for kind in text.split(",")}
    if window is None:
        for name, value in (("dedup_ignore", ",".join(sorted(ignore)) or None), ("dedup_skip", skip)):
            if value is not None:
                example = arguments(dedup=4, **{name: value})
                raise UsageError(f"{argument(name, value)} goes with {argument('dedup')}, as in {example}", option=name)
        return None
    packets, seconds = _parse_window(window)
    for kind in sorted(ignore.difference(IGNORABLE)):
        raise UsageError(
            f"{argument('dedup_ignore', kind)}: must be {' or '.join(IGNORABLE)}, or both with a comma",
            option="dedup_ignore",
        )
    if skip == LINK_LAYER:
        return DedupRule(packets, seconds, frozenset(ignore), skip_link_layer=True)
    skip = 0 if skip is None else _parse_skip(skip)
    return DedupRule(packets, seconds, frozenset(ignore), skip)


def _parse_skip(skip: int | str) -> int:
    """Return how many bytes at the front of packets do not count. Raises UsageError."""
    if isinstance(skip, bool) or not isinstance(skip, int | str) or (isinstance(skip, str) and not skip.isdecimal()):
        raise UsageError(
            f"{argument('dedup_skip', skip)}: must be a number of bytes from 1, or {LINK_LAYER}", option="dedup_skip"
        )
    number = skip if isinstance(skip, int) and skip > 0 else argument_values.parse_count("dedup_skip", skip)
    if number > _MOST_BYTES:
        raise UsageError(f"{argument('dedup_skip')}: packets have at most {_MOST_BYTES} bytes", option="dedup_skip")
    return number


def _parse_window(window: int | str | timedelta) -> tuple[int | None, Fraction | None]:
    """Return how many packets, or how many seconds, a packet is held against. Raises UsageError."""
    number = whole_number(window)
    if number is not None:
        if abs(number) >= 10**argument_values.MOST_DIGITS:  # Python has no text of some thousand digits
            raise UsageError(f"{argument('dedup', window)}: a window has 1 to {MOST_PACKETS:,} packets", option="dedup")
        window = str(number)
    if isinstance(window, str):
        return argument_values.parse_window("dedup", window, MOST_PACKETS)
    if isinstance(window, bool | float):
        raise UsageError(
            f"{argument('dedup', window)}: must be a number of packets, or a length of time as a timedelta or as text",
            option="dedup",
        )
    return None, typed_values.duration("dedup", window)


def parse_slack(in_order: bool | str | timedelta) -> Fraction | None:
    """By how many seconds times may go back, None without `in_order`. Raises UsageError."""
    if in_order is False:
        return None
    if in_order is not True and whole_number(in_order) is not None:
        raise UsageError(
            f"{argument('in_order', in_order)}: write True, or a length of time: a timedelta, or text, as in '5s'",
            option="in_order",
        )
    return typed_values.duration("in_order", _SLACK if in_order is True else in_order)


def _pattern(text: str | None) -> re.Pattern[str] | None:
    if text is None:
        return None
    try:
        with warnings.catch_warnings(action="ignore"):  # about patterns that a future Python may read differently
            return re.compile(text)
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(
            f"{argument('comment_matches', text)}: not a regular expression: {error}; write one like 'retry|drop'",
            option="comment_matches",
        ) from None
