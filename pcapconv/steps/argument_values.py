"""Parses the texts of arguments: times, durations, sizes, packet numbers, interfaces, link types.

Each function takes the argument's `name`, with which its messages begin, and its text, and raises UsageError for any
text that is not in the right form; the message shows the right form. Control characters in the text are escaped where a
message is shown.

Strategy: a pattern must match the whole text; only then are its digits read, as integers or a `Fraction`, never as a
float. No number has more than 60 digits.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from pcapconv.errors import UsageError
from pcapconv.time_zones import LOCAL, UTC, TimeZone, open_zone, similar_names
from pcapconv.timestamps import format_instant
from pcapconv.wording import argument

if TYPE_CHECKING:
    import re
    from fractions import Fraction

MOST_DIGITS = 60
_NUMBER = rf"[0-9]{{1,{MOST_DIGITS}}}(?:\.[0-9]{{1,{MOST_DIGITS}}})?"

_TIME_UNITS = {  # in nanoseconds; the micro sign has two code points, and keyboards differ
    "d": 86_400 * 10**9,
    "h": 3_600 * 10**9,
    "ms": 10**6,
    "m": 60 * 10**9,
    "s": 10**9,
    "us": 10**3,
    "\u00b5s": 10**3,
    "\u03bcs": 10**3,
    "ns": 1,
}
_QUANTITY = rf"({_NUMBER})({'|'.join(_TIME_UNITS)})"

_DATE = r"(?P<date>[0-9]{4}-[0-9]{2}-[0-9]{2}|[0-9]{8}|[0-9]{4}-W[0-9]{2}(?:-[0-9])?|[0-9]{4}W[0-9]{2,3})"
_MINUTES = r"[0-5][0-9]"
_SECONDS = rf"(?P<second>[0-5][0-9]|60)(?:[.,](?P<fraction>[0-9]{{1,{MOST_DIGITS}}}))?"
_HOUR = r"(?:[01][0-9]|2[0-3])"
_CLOCK = rf"(?P<hour>{_HOUR})(?:(?P<colon>:?)(?P<minute>{_MINUTES})(?:(?P=colon){_SECONDS})?)?"
_EAST = rf"(?P<east>{_HOUR})(?::?(?P<east_minute>{_MINUTES})(?::?(?P<east_second>{_MINUTES}))?)?"
_ZONE = rf"(?P<zone>[Zz]|(?P<sign>[+-]){_EAST})?"
_DATE_TIME = rf"{_DATE}(?:[Tt ]{_CLOCK}{_ZONE})?"

_MOMENT_FORMS = "2024-05-01T12:00:00Z, 1714564800.25 or +1h30m"
_SIZE_FORMS = "100MB, 64MiB or 5000B"
_RANGE_FORMS = "1-100,250,900-"
_LAST_LINK_TYPE = 65535


class Moment(NamedTuple):
    """An exact time: `seconds` since 1970-01-01 UTC, or since the capture's first packet if `relative`."""

    seconds: Fraction
    relative: bool


def parse_moment(name: str, text: str, zone: TimeZone = UTC) -> Moment:
    """Parse a time.

    The text is an ISO 8601 date or date and time, extended or compact, in the `zone` unless it states an offset
    (`2024-05-01`, `2024-05-01 12:00`, `20240501T120000.5+0200`); seconds since 1970 (`-1.5` or `-1,5`); or `+` and a
    duration in the form of `parse_duration`, counted from the capture's first packet (`+1h30m`). Fractions have up to
    60 digits, all of which count. Raises UsageError; also for a leap second, since captures have no number for it, for
    eight digits that may be a date or seconds, and for a time that the clocks of the zone never show, or twice.
    """
    import re
    from fractions import Fraction

    if text.startswith("+"):
        length = _duration_in_seconds(text[1:])
        if length is None:
            raise _refusal(name, text, "not a time", _MOMENT_FORMS)
        return Moment(length, True)
    number = text.replace(",", ".", 1)
    if re.fullmatch(rf"-?{_NUMBER}", number):
        if re.fullmatch("(?:19|20)[0-9]{6}", text) and _midnight(text) is not None:
            dashed = f"{text[:4]}-{text[4:6]}-{text[6:]}"
            raise _refusal(name, text, "either a date or seconds since 1970", f"{dashed} or {text}.0")
        return Moment(Fraction(number), False)
    match = re.fullmatch(_DATE_TIME, text)
    clock_time = match and _clock_time(match)
    if match is None or clock_time is None:
        if _duration_in_seconds(text) is not None:
            raise _refusal(name, text, "a length of time", f"+{text} for so long after the first packet")
        raise _refusal(name, text, "not a time", _MOMENT_FORMS)
    if match["second"] == "60":
        before = f"{text[: match.start('second')]}59{text[match.end('second') :]}"
        raise _refusal(name, text, "captures have no leap seconds", f"{before} or the second after it")
    digits = match["fraction"] or ""
    fraction = Fraction(f"0.{digits or 0}")
    if match["zone"]:
        east = _seconds_of_day(match["east"], match["east_minute"], match["east_second"])
        return Moment(clock_time + (east if match["sign"] == "-" else -east) + fraction, False)
    instants = zone.instants(clock_time)
    if len(instants) == 1:
        return Moment(instants[0] + fraction, False)
    fact = "show this time twice" if instants else "skip this time"
    first, *_, last = instants or sorted(zone.instants_beside(clock_time))
    ways = (format_instant(each + fraction, len(digits), zone) for each in (first, last))
    raise _refusal(name, text, f"clocks in {zone.in_words} {fact}", " or ".join(ways))


def time_without_zone(text: str) -> int | None:
    """The clock time, in whole seconds, of a text that `parse_moment` reads in its zone; None for any other text."""
    import re

    match = re.fullmatch(_DATE_TIME, text)
    return None if match is None or match["zone"] or match["second"] == "60" else _clock_time(match)


def parse_timezone(name: str, text: object) -> TimeZone:
    """Parse the name of a time zone: `UTC`, `local` or `Europe/Berlin`; None is UTC. Raises UsageError, which shows
    similar names."""
    if text is None:
        return UTC
    if not isinstance(text, str):
        raise UsageError(f"{argument(name, text)}: must be text", option=name)
    try:
        return open_zone(text)
    except LookupError:
        pass
    try:
        similar = similar_names(text)
    except LookupError:
        raise UsageError(
            f"{argument(name, text)}: this system has no time zones; install tzdata", option=name
        ) from None
    raise _refusal(name, text, "no such time zone", " or ".join(similar) or f"UTC, {LOCAL} or one like Europe/Berlin")


def parse_duration(name: str, text: str, *, signed: bool = False, positive: bool = False) -> Fraction:
    """Parse a duration, and return it in seconds.

    The text is numbers with the units d, h, m, s, ms, us (or µs) and ns, from large to small and each at most once
    (`1h30m`, `1.5s`), or a plain number of seconds (`0.25`). `signed` allows a `+` or `-` in front; with `positive`,
    the duration must be more than 0. Raises UsageError.
    """
    forms = "+1.5s, -250ms or 1h30m" if signed and not positive else "90s, 1h30m or 250ms"
    sign = text[:1] if text[:1] in ("+", "-") else ""
    length = _duration_in_seconds(text.removeprefix(sign))
    if length is None:
        ordered = _ordered_units(text.removeprefix(sign))
        if ordered:
            form = sign + ordered if signed else ordered
            raise _refusal(name, text, "units go from large to small, none twice", form)
        raise _refusal(name, text, "not a length of time", forms)
    if sign and not signed:
        raise _refusal(name, text, "this length of time has no sign", text[1:])
    if sign == "-":
        length = -length
    if positive and length <= 0:
        raise _refusal(name, text, "must be more than 0", forms)
    return length


def parse_window(name: str, text: str, most: int) -> tuple[int | None, Fraction | None]:
    """Parse a window: a number of packets up to `most`, or a length of time, which has a unit. Return the number and
    None, or None and the length in seconds. Raises UsageError."""
    if text.isascii() and text.isdecimal():
        number = int(text) if len(text) <= MOST_DIGITS else most + 1
        if not 0 < number <= most:
            raise UsageError(
                f"{argument(name, text)}: a window has 1 to {most:,} packets, or is a length of time with a unit",
                option=name,
            )
        return number, None
    if not text[-1:].isalpha() or not text.lstrip("+-")[:1].isdigit():
        raise _refusal(name, text, "neither a number of packets nor a length of time with a unit", "4 or 50ms")
    return None, parse_duration(name, text)


def parse_chop(name: str, value: int | str, most: int) -> tuple[int, bool, int]:
    """Parse the bytes to remove from packets, and return them as (offset, whether it counts from the end, number).

    The value is a number of bytes, negative at the end (`14`, `-4`), or `OFFSET:N`, where OFFSET counts from the end if
    it is negative, and N is negative for the bytes before it (`12:4`, `-8:-4`). Raises UsageError, also for an offset
    and a number without any bytes, and for more than `most` bytes.
    """
    import re

    text = str(value) if not isinstance(value, int) or abs(value) <= most else str(most + 1)
    match = re.fullmatch(r"(?:([+-]?)([0-9]+):)?([+-]?)([0-9]+)", text, re.ASCII)
    if match is None:
        raise UsageError(
            f"{argument(name, value)}: neither a number of bytes nor OFFSET:N; write 14, -4 or 12:4", option=name
        )
    sign, offset_digits, number_sign, digits = match.groups(default="")
    if any(len(each) > MOST_DIGITS or int(each or 0) > most for each in (offset_digits, digits)):
        raise UsageError(f"{argument(name)}: packets have at most {most} bytes", option=name)
    offset, number = int(offset_digits or 0), int(number_sign + digits)
    if not number:
        place = f"{sign}{offset}:" if offset_digits else ""
        if not place:
            raise UsageError(
                f"{argument(name, value)}: write 14 to remove bytes at the front, -4 at the end of each packet",
                option=name,
            )
        raise UsageError(f"{argument(name, value)}: no bytes; write {place}4 to remove 4 bytes there", option=name)
    if not offset_digits:
        return 0, number < 0, number
    if number < 0 and not offset:
        raise UsageError(
            f"{argument(name, value)}: no bytes come before the first; write {number} to remove the last", option=name
        )
    return offset, sign == "-" and offset > 0, number


def parse_size(name: str, value: int | str, *, least_bare: int = 1) -> int:
    """Parse a size, and return it in bytes.

    The value is a number greater than 0, with or without a unit in any case: B is bytes; kB, MB, GB and TB, also
    without the B, are powers of 1000; KiB, MiB, GiB and TiB are powers of 1024. A decimal fraction is accepted if the
    size is a whole number of bytes (`1.5MiB`). A number without a unit must be `least_bare` or more. Raises UsageError.
    """
    import re
    from fractions import Fraction

    text = str(value)
    match = re.fullmatch(rf"({_NUMBER})(?:([kmgt])(i?))?b?", text, re.ASCII | re.IGNORECASE)
    if match is None:
        raise _refusal(name, value, "not a size", _SIZE_FORMS)
    number, prefix, binary = match.groups(default="")
    exponent = " kmgt".index(prefix.lower() or " ")
    unit: int = (1024 if binary else 1000) ** exponent
    exact = Fraction(number) * unit
    if exact.denominator != 1:
        raise _refusal(name, value, "not a whole number of bytes", _SIZE_FORMS)
    if not exact:
        raise _refusal(name, value, "a size is more than 0", _SIZE_FORMS)
    if text == number and exact < least_bare:
        meant = f"{exact.numerator} bytes; did you mean {text}MB? tcpdump -C counts millions of bytes"
        raise _refusal(name, value, meant, f"{text}MB or {text}B")
    return exact.numerator


def parse_count(name: str, value: int | str, *, least: int = 1) -> int:
    """Parse a whole number, an integer or decimal digits. Raises UsageError, also for a number below `least`."""
    form = f"a whole number from {least}"
    if isinstance(value, str):
        if not _is_number(value.removeprefix("-")):
            raise _refusal(name, value, "not a whole number", form)
        number = int(value)
    elif isinstance(value, int) and not isinstance(value, bool):
        number = value
        if abs(number) >= 10**MOST_DIGITS:  # Python does not print a number of thousands of digits
            raise UsageError(f"{argument(name)}: a number of more than {MOST_DIGITS} digits; write {form}", option=name)
    else:
        raise UsageError(f"{argument(name, value)}: not a whole number; write {form}", option=name)
    if number < least:
        raise _refusal(name, value, "too small", form)
    return number


def parse_packet_ranges(name: str, text: str) -> list[tuple[int, int | None]]:
    """Parse ranges of packet numbers, and return them as (first, last), both included; last is None for an open range.

    The text is numbers and ranges with commas between them (`1-100,250,900-`), in any order. Packets count from 1.
    The result is sorted, and ranges that overlap or adjoin are joined, so that only the last one can be open. Raises
    UsageError, which names the range at fault.
    """
    merged: list[tuple[int, int | None]] = []
    for first, last in sorted((_packet_range(name, text, each) for each in text.split(",")), key=lambda each: each[0]):
        if merged:
            start, end = merged[-1]
            if end is None:
                break
            if first <= end + 1:
                merged[-1] = start, None if last is None else max(end, last)
                continue
        merged.append((first, last))
    return merged


def range_text(numbers: tuple[int, int | None]) -> str:
    """Return a range of packet numbers in the form that `parse_packet_ranges` takes: `250`, `1-100`, `900-`."""
    first, last = numbers
    return str(first) if first == last else f"{first}-{'' if last is None else last}"


def parse_interface_id(name: str, text: str) -> tuple[int | None, int] | None:
    """Parse an interface's number, and return it as (section, interface id): `1:2` is (1, 2), and `2` is (None, 2).

    Return None for any other text, which is the name of an interface. Raises UsageError for a number of more than 60
    digits.
    """
    section, colon, interface = text.rpartition(":")
    digits = section + interface if colon else interface
    if not interface or (colon and not section) or not (digits.isascii() and digits.isdecimal()):
        return None
    if not _is_number(interface) or (colon and not _is_number(section)):
        raise _refusal(name, text, "not an interface", "2, 1:2 or its name")
    return int(section) if colon else None, int(interface)


def parse_link_type(name: str, text: str) -> int:
    """Parse a link type, and return its number.

    The text is the number (0 to 65535) or the name at tcpdump.org, in libpcap or in Wireshark, in any case and with or
    without `LINKTYPE_` or `DLT_`. Raises UsageError, which shows similar names.
    """
    from pcapconv.spec.link_types import link_type_number, similar_names

    forms = f"ETHERNET, RAW or a number from 0 to {_LAST_LINK_TYPE}"
    if text.isascii() and text.isdecimal():
        if not _is_number(text) or int(text) > _LAST_LINK_TYPE:
            raise _refusal(name, text, f"link types go up to {_LAST_LINK_TYPE}", forms)
        return int(text)
    number = link_type_number(text)
    if number is not None:
        return number
    if close := similar_names(text):
        forms = f"{', '.join(close)} or a number from 0 to {_LAST_LINK_TYPE}"
    raise _refusal(name, text, "no link type has this name", forms)


def parse_interface_setting(name: str, text: str, keys: tuple[str, ...]) -> tuple[str, str, str]:
    """Parse `ID.KEY=VALUE`, where KEY is one of `keys`, and return (ID, KEY, VALUE).

    The first `=` ends the key, and the last `.` before it ends the ID, which may thus contain `:` and `.` (`1:0`,
    `eth0.100`). VALUE is all that follows and may be empty. Raises UsageError, which lists the keys.
    """
    setting, equals, value = text.partition("=")
    identity, _, key = setting.rpartition(".")
    if equals and identity and key in keys:
        return identity, key, value
    named = f"is one of {', '.join(keys)}"
    fact = f"the key {named}" if equals and identity else f"not ID.KEY=VALUE, where KEY {named}"
    raise _refusal(name, text, fact, f"{identity or 0}.{keys[0]}=VALUE", numeric=False)


def _refusal(name: str, value: int | str, fact: str, forms: str, *, numeric: bool = True) -> UsageError:
    import re

    if numeric and re.search(f"[0-9]{{{MOST_DIGITS + 1}}}", str(value)):
        fact = f"a number of more than {MOST_DIGITS} digits"
    return UsageError(f"{argument(name, value)}: {fact}; write {forms}", option=name)


def _is_number(text: str) -> bool:
    return 0 < len(text) <= MOST_DIGITS and text.isascii() and text.isdecimal()


def _duration_in_seconds(text: str) -> Fraction | None:
    """Parse an unsigned duration, and return it in seconds; None if it is not in the right form."""
    import re
    from fractions import Fraction

    if re.fullmatch(_NUMBER, text):
        return Fraction(text)
    if not re.fullmatch(f"(?:{_QUANTITY}){{1,{len(_TIME_UNITS)}}}", text):
        return None
    parts = re.findall(_QUANTITY, text)
    units = [_TIME_UNITS[unit] for _, unit in parts]
    if any(unit <= after for unit, after in pairwise(units)):
        return None
    return sum((Fraction(number) * unit for (number, _), unit in zip(parts, units)), Fraction()) / 10**9


def _ordered_units(text: str) -> str:
    """Return the duration with its units in order; an empty text for any other text, or if a unit occurs twice."""
    import re

    if not re.fullmatch(f"(?:{_QUANTITY}){{1,{len(_TIME_UNITS)}}}", text):
        return ""
    parts = sorted(re.findall(_QUANTITY, text), key=lambda part: -_TIME_UNITS[part[1]])
    ordered = "".join(number + unit for number, unit in parts)
    return ordered if _duration_in_seconds(ordered) is not None else ""


def _midnight(text: str) -> int | None:
    """Return the seconds from 1970 to the beginning of an ISO 8601 date; None if the calendar has no such day."""
    from datetime import date

    try:
        return (date.fromisoformat(text) - date(1970, 1, 1)).days * 86_400
    except ValueError:
        return None


def _clock_time(match: re.Match[str]) -> int | None:
    """Return the clock time of a match of `_DATE_TIME` in whole seconds; None if the calendar has no such day."""
    midnight = _midnight(match["date"])
    return None if midnight is None else midnight + _seconds_of_day(match["hour"], match["minute"], match["second"])


def _seconds_of_day(hours: str | None, minutes: str | None, seconds: str | None) -> int:
    return int(hours or 0) * 3_600 + int(minutes or 0) * 60 + int(seconds or 0)


def _packet_range(name: str, text: str, part: str) -> tuple[int, int | None]:
    first, dash, last = part.partition("-")
    if not part:
        raise _refusal(name, text, "a packet number is missing", _RANGE_FORMS)
    if dash and not first and _is_number(last) and int(last):
        raise _refusal(name, part, "a range names its first packet", f"1-{int(last)}")
    if not _is_number(first) or (last and not _is_number(last)):
        raise _refusal(name, part, "not a packet number or a range of them", _RANGE_FORMS)
    start = int(first)
    end = int(last) if last else None if dash else start
    if start and (end is None or start <= end):
        return start, end
    if not dash or end is None:
        raise _refusal(name, part, "packets count from 1", f"1{dash}")
    low, high = sorted((max(start, 1), max(end, 1)))
    fact = "the range runs backwards" if start and end else "packets count from 1"
    raise _refusal(name, part, fact, f"{low}-{high}")
