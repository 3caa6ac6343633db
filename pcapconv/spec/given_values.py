"""Numbers, bytes and texts that callers give, checked, as options and packets hold them.

Each function raises UsageError for a value that is not possible; `name` is that of the argument, for the message.
"""

from __future__ import annotations

import operator
from collections.abc import Iterable, Sequence
from typing import Any

from pcapconv.errors import UsageError
from pcapconv.spec import option_lists
from pcapconv.wording import argument

Texts = str | Sequence[str]

NO_FLOATS = "a float is not exact: it holds today's times in steps of 238 ns in seconds, 256 ns in nanoseconds; pass "


def whole_number(number: Any) -> int | None:
    """An int, or a number of another type that stands for an int, as NumPy's do; None for anything else, also for a
    bool."""
    try:
        return None if isinstance(number, bool) else operator.index(number)
    except TypeError:
        return None


def number_between(name: str, number: Any, first: int, last: int) -> int:
    """A whole number from `first` to `last`."""
    whole = whole_number(number)
    if whole is None:
        raise UsageError(f"{argument(name, number)}: must be a whole number", option=name)
    if not first <= whole <= last:
        raise UsageError(f"{argument(name)}: must be a number from {first} to {last}", option=name)
    return whole


def nanoseconds(name: str, number: Any, otherwise: str = "") -> int:
    """A time in whole nanoseconds since 1970. `otherwise` is what a message about a float offers besides."""
    if isinstance(number, float):
        raise UsageError(f"{argument(name, number)}: {NO_FLOATS}an int{otherwise}", option=name)
    whole = whole_number(number)
    if whole is None or abs(whole) >= 2**160:  # no ticks with any offset state more
        raise UsageError(f"{argument(name, number)}: must be an int, the nanoseconds since 1970", option=name)
    return whole


def bytes_of(data: Any) -> bytes | None:
    """The bytes of any object that has some, such as a `memoryview` or an array of NumPy; None for anything else, also
    for an array of Python objects, whose bytes are addresses."""
    if isinstance(data, bytes):
        return data
    try:
        with memoryview(data) as view:
            return None if "O" in view.format else view.tobytes()
    except TypeError:
        return None


def text_bytes(name: str, text: Any, longest: int = option_lists.LONGEST_VALUE) -> bytes:
    """The bytes of a text in an option, which are at most `longest`."""
    if not isinstance(text, str):
        raise UsageError(f"{argument(name, text)}: must be text", option=name)
    try:
        value = text.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{argument(name)}: has a character that UTF-8 does not have", option=name) from None
    if b"\0" in value:
        raise UsageError(f"{argument(name)}: readers end a text at its first zero byte; leave it out", option=name)
    if len(value) > longest:
        raise UsageError(f"{argument(name)}: has {len(value)} bytes; the option holds {longest}", option=name)
    return value


def texts_bytes(name: str, texts: Texts) -> list[bytes]:
    """The bytes of one text or of several."""
    return [text_bytes(name, text) for text in one_or_several(texts)]


def one_or_several(value: Any) -> Iterable[Any]:
    """What can be given once or several times: text, bytes or another object, or an iterable of them."""
    if is_iterable(value) and not isinstance(value, str | bytes | bytearray | memoryview):
        several: Iterable[Any] = value
        return several
    return (value,)


def is_iterable(value: Any) -> bool:
    """Whether a loop over the value is possible; an array of NumPy without dimensions only looks as if."""
    try:
        iter(value)
    except TypeError:
        return False
    return True
