"""Exact times: from ticks to seconds and nanoseconds, between resolutions, and as text.

Strategy: a packet's time is `ticks / ticks_per_second + time_offset` seconds since 1970-01-01 UTC, all integers
(pcapng, section "Interface Description Block", options if_tsresol and if_tsoffset). A time that is compared across
resolutions is a `Fraction`, which is exact too. No float is used anywhere. A time in a zone is shown with its offset
from UTC; the zone gives whole seconds, and the digits behind them are not touched.
"""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING

from pcapconv.time_zones import UTC, TimeZone

if TYPE_CHECKING:
    from datetime import datetime
    from fractions import Fraction

NANOSECONDS = 10**9
MICROSECONDS = 10**6

LONG = 60  # seconds: a duration from this on is also shown in words
_DURATION_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
_RESOLUTION_UNITS = (("s", 1), ("ms", 10**3), ("µs", 10**6), ("ns", 10**9), ("ps", 10**12), ("fs", 10**15))

_LARGEST_DIVISOR = 2**127

_FIRST_SECOND = -62135596800  # 0001-01-01T00:00:00, the first that datetime can represent
_LAST_SECOND = 253402300799  # 9999-12-31T23:59:59, the last


def ticks_per_second(if_tsresol: int) -> int:
    """The ticks in a second for the byte in an `if_tsresol` option: 10^n, or 2^n if its top bit is set (n from 0 to
    127)."""
    base = 2 if if_tsresol & 0x80 else 10
    return int(base ** (if_tsresol & 0x7F))


def tsresol_byte(per_second: int) -> int:
    """The `if_tsresol` byte for this many ticks in a second, the inverse of `ticks_per_second`.

    Raises ValueError if they are neither a power of ten nor of two.
    """
    exponent = len(str(per_second)) - 1
    if per_second == 10**exponent:
        return exponent
    exponent = per_second.bit_length() - 1
    if per_second == 2**exponent and exponent < 128:
        return 0x80 | exponent
    raise ValueError(f"{per_second} ticks a second is neither 10^n nor 2^n")


def format_resolution(per_second: int) -> str:
    """The length of a tick in seconds, as a power: `10^-6`, `2^-20`."""
    byte = tsresol_byte(per_second)
    return f"{2 if byte & 0x80 else 10}^-{byte & 0x7F}"


def resolution_in_words(per_second: int) -> str:
    """The length of a tick in the largest unit that fits: `1 µs`.

    A tick that is no whole number of any unit is rounded, and has a `~` and three digits or more. Empty if the tick is
    too short for femtoseconds.
    """
    for name, units in _RESOLUTION_UNITS:
        whole, remainder = divmod(units, per_second)
        if whole >= 100 or (whole and not remainder):
            return f"{'~' if remainder else ''}{(2 * units + per_second) // (2 * per_second):,} {name}"
    return ""


def instant(ticks: int, per_second: int, offset: int) -> Fraction:
    """The exact time in seconds since 1970."""
    from fractions import Fraction  # slow to import, and a plain conversion does not need it

    return Fraction(ticks, per_second) + offset


def utc_datetime(microseconds: int) -> datetime | None:
    """A time in microseconds since 1970 as a `datetime` in UTC; None if it is outside the years 1 to 9999."""
    from datetime import UTC as UTC_ZONE
    from datetime import datetime, timedelta

    if not _FIRST_SECOND * MICROSECONDS <= microseconds < (_LAST_SECOND + 1) * MICROSECONDS:
        return None
    return datetime(1970, 1, 1, tzinfo=UTC_ZONE) + timedelta(microseconds=microseconds)


def rescale(ticks: int, per_second: int, offset: int, new_per_second: int) -> tuple[int, bool]:
    """A time as ticks of `new_per_second` since 1970, without an offset and rounded down; and whether the
    conversion was exact."""
    whole, remainder = divmod(ticks * new_per_second, per_second)
    return whole + offset * new_per_second, remainder == 0


def ratio(per_second: int, new_per_second: int) -> tuple[int, int]:
    """(factor, divisor) in lowest terms, which turn ticks of `per_second` into ticks of `new_per_second`."""
    common = gcd(per_second, new_per_second)
    return new_per_second // common, per_second // common


def kernel_scale(factor: int, divisor: int, addend: int) -> tuple[int, int, int, int, int]:
    """A scale, ticks * `factor` // `divisor` + `addend`, as kernels take it: the factor, and the low and the high 64
    bits of the divisor and of the addend. A larger divisor than 2^127 makes no difference, as it exceeds any ticks
    times their factor."""
    divisor, addend = min(divisor, _LARGEST_DIVISOR), addend % 2**128
    return factor, divisor % 2**64, divisor // 2**64, addend % 2**64, addend // 2**64


def nanosecond_scale(per_second: int, offset: int) -> tuple[int, int, int, int, int]:
    """The scale from ticks to nanoseconds since 1970, as kernels take it."""
    return kernel_scale(*ratio(per_second, NANOSECONDS), offset * NANOSECONDS)


def digits(per_second: int) -> int:
    """The number of decimal places that show every fraction of a second in this resolution exactly."""
    if per_second == 1:
        return 0
    byte = tsresol_byte(per_second)
    return byte & 0x7F


def format_time(ticks: int, per_second: int, offset: int, zone: TimeZone = UTC) -> str:
    """The time as ISO 8601 in a zone with all its digits; as seconds since 1970 if it is outside the years 1 to
    9999."""
    seconds, remainder = divmod(ticks, per_second)
    return _format(seconds + offset, remainder, per_second, zone)


def format_instant(time: Fraction, decimals: int, zone: TimeZone = UTC) -> str:
    """A time in seconds since 1970 as `format_time` shows it, cut to `decimals` decimal places."""
    per_second = 10**decimals
    seconds, remainder = divmod(time.numerator * per_second // time.denominator, per_second)
    return _format(seconds, remainder, per_second, zone)


def format_duration(time: Fraction, decimals: int) -> str:
    """A signed duration in seconds, cut to `decimals` decimal places: `1,712.000250 s`."""
    per_second = 10**decimals
    whole = abs(time.numerator) * per_second // time.denominator
    sign = "-" if time < 0 else ""
    return f"{sign}{whole // per_second:,}{_fraction(whole % per_second, per_second)} s"


def duration_in_words(time: Fraction | int) -> str:
    """A duration in seconds in words, cut to its two largest units: `4 h 59 min`."""
    remaining, words = abs(time.numerator) // time.denominator, list[str]()
    for name, seconds in _DURATION_UNITS:
        count, remaining = divmod(remaining, seconds)
        if count:
            words.append(f"{count:,} {name}")
        elif words:
            break
    return ("-" if time < 0 else "") + " ".join(words[:2]) if words else "0 s"


def _format(seconds: int, ticks: int, per_second: int, zone: TimeZone) -> str:
    """Format a time: whole seconds since 1970, and the ticks beyond the last whole second."""
    fraction = _fraction(ticks, per_second)
    clock_time = seconds + zone.offset(seconds)
    if _FIRST_SECOND <= clock_time <= _LAST_SECOND:
        from datetime import datetime, timedelta

        shown = (datetime(1970, 1, 1) + timedelta(seconds=clock_time)).isoformat()
        return shown + fraction + zone.offset_text(seconds)
    if seconds < 0 and ticks:  # -1 s and 3/4 is -0.25 s
        return f"-{-seconds - 1}{_fraction(per_second - ticks, per_second)} s since 1970"
    return f"{seconds}{fraction} s since 1970"


def _fraction(ticks: int, per_second: int) -> str:
    """The ticks as decimal places of a second, with the point; empty if a tick is a second."""
    decimals = digits(per_second)
    if not decimals:
        return ""
    return f".{ticks * 10**decimals // per_second:0{decimals}d}"
