"""Whole command lines become words and options; what is wrong with any other is said in one sentence.

Strategy: Typer takes 100 to 200 ms to import, longer than most conversions, and asks pydantic about every value. So all
command lines are understood here, from the table that Typer completes by, and it is imported for completion alone.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from pcapconv.cli.grammar import FLAGS, NUMBERS, REPEATABLE, Command, Option
from pcapconv.cli.options import options_of
from pcapconv.errors import UsageError
from pcapconv.wording import argument

_DIGITS = 1000  # more than anything is counted in; Python has a limit of its own


def parse(arguments: Sequence[str], command: Command) -> tuple[list[str], dict[str, Any]]:
    """The words that are no options, and the options that are given, by their names; behind `--help` nothing is looked
    at. Raises UsageError."""
    options = options_of(command.name)
    known: dict[str, tuple[Option, bool]] = {f"-{option.short}": (option, True) for option in options if option.short}
    known |= {option.flag: (option, True) for option in options}
    known |= {option.off: (option, False) for option in options if option.kind == "switch"}
    words: list[str] = []
    given: dict[str, Any] = {}
    rest = iter(arguments)
    for word in rest:
        if word == "--":
            words += rest
        elif word == "-" or not word.startswith("-"):
            words.append(word)
        else:
            for name, joined in _named(word):
                if name not in known:
                    raise _unknown(name, command)
                option, on = known[name]
                if option.kind not in FLAGS:
                    _take(given, option, _value(option, joined, rest, known))
                elif joined is None:
                    given[option.name] = on
                else:
                    off = f", or write {option.off}" if option.kind == "switch" and on else ""
                    raise UsageError(f"{name}: it takes no value; leave out ={joined}{off}")
        if given.get("help"):
            return words, given
    _count(words, command)
    return words, given


def _named(word: str) -> Iterator[tuple[str, str | None]]:
    """The options in one word, each with the value behind its `=`: `-qf` has two."""
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        yield name, value if equals else None
    else:
        for letter in word[1:]:
            yield f"-{letter}", None


def _value(option: Option, joined: str | None, rest: Iterator[str], known: dict[str, tuple[Option, bool]]) -> str:
    value = joined if joined is not None else next(rest, None)
    if value is None or (joined is None and _is_option(value, known)):
        raise UsageError(f"{option.flag}: its value is missing; write it as in {option.shown_example}")
    return value


def _is_option(word: str, known: dict[str, tuple[Option, bool]]) -> bool:
    return word.startswith("-") and word != "-" and all(name in known for name, _ in _named(word))


def _take(given: dict[str, Any], option: Option, text: str) -> None:
    """Add what a text says to the options. Raises UsageError."""
    if option.choices and text not in option.choices:
        *others, last = option.choices
        which = f"{', '.join(others)} or {last}" if others else last
        raise UsageError(f"{argument(option.name, text)}: it is {which}")
    value = _number(option, text) if option.kind in NUMBERS else text
    if option.kind in REPEATABLE:
        given.setdefault(option.name, []).append(value)
    else:
        given[option.name] = value


def _number(option: Option, text: str) -> int:
    digits = text[1:] if text[:1] in ("-", "+") else text
    wanted = f"write it as in {option.shown_example}"
    if not (digits.isascii() and digits.isdecimal()):
        raise UsageError(f"{argument(option.name, text)}: not a whole number; {wanted}")
    if len(digits) > _DIGITS:
        raise UsageError(f"{option.flag}: a number of more than {_DIGITS} digits; {wanted}")
    return int(text)


def _unknown(name: str, command: Command) -> UsageError:
    from pcapconv.cli.suggestions import unknown_option

    return UsageError(unknown_option(name, command))


def _count(words: Sequence[str], command: Command) -> None:
    """Raises UsageError where there are too few or too many."""
    if len(words) < command.least:
        from pcapconv.cli.suggestions import missing_words

        raise UsageError(missing_words(words, command))
    if command.most is not None and len(words) > command.most:
        from pcapconv.cli.suggestions import too_many_words

        raise UsageError(too_many_words(words, command))
