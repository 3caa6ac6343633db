"""Ticks ↔ exact time. Integers only; no float comes near.

Strategy: a packet's time is `ticks / ticks_per_second + time_offset` seconds since 1970-01-01 UTC, all integers
(pcapng, section "Interface Description Block", options if_tsresol and if_tsoffset). An instant that has to be compared
across resolutions is a `Fraction`, which is exact.
"""

from __future__ import annotations

from math import gcd
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from fractions import Fraction

NANOSECONDS = 10**9
MICROSECONDS = 10**6

LONG = 60  # seconds: what takes as long is said in words beside its digits
_UNITS = (("d", 86400), ("h", 3600), ("min", 60), ("s", 1))
_RESOLUTIONS = (("s", 1), ("ms", 10**3), ("µs", 10**6), ("ns", 10**9), ("ps", 10**12), ("fs", 10**15))

_FIRST_SECOND = -62135596800  # 0001-01-01T00:00:00, the first that datetime knows
_LAST_SECOND = 253402300799  # 9999-12-31T23:59:59


def ticks_per_second(if_tsresol: int) -> int:
    """Ticks in a second for the option's byte: 10^n, or 2^n when the top bit is set (n from 0 to 127)."""
    base = 2 if if_tsresol & 0x80 else 10
    return int(base ** (if_tsresol & 0x7F))


def tsresol_byte(per_second: int) -> int:
    """The `if_tsresol` byte for this many ticks a second, the inverse of `ticks_per_second`.

    Raises ValueError when it is neither a power of ten nor of two.
    """
    exponent = len(str(per_second)) - 1
    if per_second == 10**exponent:
        return exponent
    exponent = per_second.bit_length() - 1
    if per_second == 2**exponent and exponent < 128:
        return 0x80 | exponent
    raise ValueError(f"{per_second} ticks a second is neither 10^n nor 2^n")


def format_resolution(per_second: int) -> str:
    """The resolution as a power: `10^-6`, `2^-20`."""
    byte = tsresol_byte(per_second)
    return f"{2 if byte & 0x80 else 10}^-{byte & 0x7F}"


def resolution_said(per_second: int) -> str:
    """The resolution as a length of time: `1 µs`; with a `~`, and three digits or more, where it is no whole number of
    any unit; empty where it is finer than the units have names for."""
    for name, units in _RESOLUTIONS:
        whole, rest = divmod(units, per_second)
        if whole >= 100 or (whole and not rest):
            return f"{'~' if rest else ''}{(2 * units + per_second) // (2 * per_second):,} {name}"
    return ""


def instant(ticks: int, per_second: int, offset: int) -> Fraction:
    """The exact time in seconds since 1970."""
    from fractions import Fraction  # slow to import, and not for converting

    return Fraction(ticks, per_second) + offset


def to_units(ticks: int, per_second: int, offset: int, units: int) -> tuple[int, bool]:
    """The time in whole `units` per second since 1970, rounded down, and whether that is exact."""
    whole, rest = divmod(ticks * units, per_second)
    return whole + offset * units, rest == 0


def ratio(per_second: int, units: int) -> tuple[int, int]:
    """(multiply, divide) in lowest terms: a fraction of a second in ticks times this gives it in `units`."""
    common = gcd(per_second, units)
    return units // common, per_second // common


def digits(per_second: int) -> int:
    """Decimal places that show a fraction of a second of this resolution exactly."""
    if per_second == 1:
        return 0
    byte = tsresol_byte(per_second)
    return byte & 0x7F


def format_time(ticks: int, per_second: int, offset: int) -> str:
    """The time as ISO 8601 in UTC with all its digits; outside the years 1 to 9999 as seconds since 1970."""
    seconds, rest = divmod(ticks, per_second)
    return _format(seconds + offset, rest, per_second)


def format_instant(time: Fraction, places: int) -> str:
    """An instant as `format_time` shows it, cut to so many decimal places."""
    per_second = 10**places
    seconds, rest = divmod(time.numerator * per_second // time.denominator, per_second)
    return _format(seconds, rest, per_second)


def format_duration(time: Fraction, places: int) -> str:
    """A signed length of time in seconds with so many decimal places, cut: `1,712.000250 s`."""
    per_second = 10**places
    whole = abs(time.numerator) * per_second // time.denominator
    sign = "-" if time < 0 else ""
    return f"{sign}{whole // per_second:,}{_fraction(whole % per_second, per_second)} s"


def duration_said(time: Fraction | int) -> str:
    """A length of time in words, cut to its two largest units: `4 h 59 min`."""
    left, said = abs(time.numerator) // time.denominator, list[str]()
    for name, seconds in _UNITS:
        count, left = divmod(left, seconds)
        if count:
            said.append(f"{count:,} {name}")
        elif said:
            break
    return ("-" if time < 0 else "") + " ".join(said[:2]) if said else "0 s"


def _format(seconds: int, rest: int, per_second: int) -> str:
    fraction = _fraction(rest, per_second)
    if _FIRST_SECOND <= seconds <= _LAST_SECOND:
        from datetime import datetime, timedelta

        return (datetime(1970, 1, 1) + timedelta(seconds=seconds)).isoformat() + fraction + "Z"
    if seconds < 0 and rest:  # -1 s and 3/4 is -0.25 s
        return f"-{-seconds - 1}{_fraction(per_second - rest, per_second)} s since 1970"
    return f"{seconds}{fraction} s since 1970"


def _fraction(rest: int, per_second: int) -> str:
    places = digits(per_second)
    if not places:
        return ""
    return f".{rest * 10**places // per_second:0{places}d}"
