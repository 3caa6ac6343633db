"""Parses the operands and options of a command line; the message about a faulty line is one sentence.

Strategy: Typer takes 100 to 200 ms to import, longer than most conversions. So all command lines are parsed here, by
the same tables from which Typer gets its completions; Typer is imported only for completion.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from pcapconv.cli.grammar import FLAGS, NUMBERS, REPEATABLE, Command, Option
from pcapconv.cli.options import options_of_command
from pcapconv.errors import UsageError
from pcapconv.wording import argument

_DIGITS = 1000  # more digits than any count has; int() has a higher limit of its own


def parse(arguments: Sequence[str], command: Command) -> tuple[list[str], dict[str, Any]]:
    """Return the operands, and the values of the given options by option name.

    Words after `--help` are not checked. Raises UsageError for an unknown option, a missing or wrong value, too few or
    too many operands.
    """
    options = options_of_command(command.name)
    known: dict[str, tuple[Option, bool]] = {f"-{option.short}": (option, True) for option in options if option.short}
    known |= {option.flag: (option, True) for option in options}
    known |= {option.negated_flag: (option, False) for option in options if option.value_type == "switch"}
    operands: list[str] = []
    values: dict[str, Any] = {}
    remaining = iter(arguments)
    for word in remaining:
        if word == "--":
            operands += remaining
        elif word == "-" or not word.startswith("-"):
            operands.append(word)
        else:
            for name, joined_value in _options_in(word):
                if name not in known:
                    raise _unknown_option(name, command)
                option, is_on = known[name]
                if option.value_type == "optional":
                    values[option.name] = True if joined_value is None else joined_value
                elif option.value_type not in FLAGS:
                    _add_value(values, option, _value_text(option, joined_value, remaining, known))
                elif joined_value is None:
                    values[option.name] = is_on
                else:
                    negation = f", or write {option.negated_flag}" if option.value_type == "switch" and is_on else ""
                    raise UsageError(f"{name}: it takes no value; leave out ={joined_value}{negation}")
        if values.get("help"):
            return operands, values
    _check_operand_count(operands, command, values)
    return operands, values


def _options_in(word: str) -> Iterator[tuple[str, str | None]]:
    """Yield the options in one word, each with the value after its `=`, or None: `-qf` holds two options."""
    if word.startswith("--"):
        name, equals, value = word.partition("=")
        yield name, value if equals else None
    else:
        for letter in word[1:]:
            yield f"-{letter}", None


def _value_text(
    option: Option, joined_value: str | None, remaining: Iterator[str], known: dict[str, tuple[Option, bool]]
) -> str:
    """Return the value of an option: the text after its `=`, or the next word. Raises UsageError without one."""
    value = joined_value if joined_value is not None else next(remaining, None)
    if value is None or (joined_value is None and _is_option(value, known)):
        raise UsageError(f"{option.flag}: its value is missing; write it as in {option.shown_example}")
    return value


def _is_option(word: str, known: dict[str, tuple[Option, bool]]) -> bool:
    return word.startswith("-") and word != "-" and all(name in known for name, _ in _options_in(word))


def _add_value(values: dict[str, Any], option: Option, text: str) -> None:
    """Parse an option's value and store it in `values`. Raises UsageError for a value that the option does not take."""
    if option.choices and text not in option.choices:
        *first_choices, last = option.choices
        choices = f"{', '.join(first_choices)} or {last}" if first_choices else last
        raise UsageError(f"{argument(option.name, text)}: must be {choices}", option=option.name)
    value = _number(option, text) if option.value_type in NUMBERS else text
    if option.value_type in REPEATABLE:
        values.setdefault(option.name, []).append(value)
    else:
        values[option.name] = value


def _number(option: Option, text: str) -> int:
    digits = text[1:] if text[:1] in ("-", "+") else text
    advice = f"write it as in {option.shown_example}"
    if not (digits.isascii() and digits.isdecimal()):
        raise UsageError(f"{argument(option.name, text)}: not a whole number; {advice}", option=option.name)
    if len(digits) > _DIGITS:
        raise UsageError(f"{option.flag}: a number of more than {_DIGITS} digits; {advice}")
    return int(text)


def _unknown_option(name: str, command: Command) -> UsageError:
    from pcapconv.cli.suggestions import unknown_option

    return UsageError(unknown_option(name, command))


def _check_operand_count(operands: Sequence[str], command: Command, values: Mapping[str, Any]) -> None:
    """Raise UsageError if there are too few or too many operands for the values of options."""
    if len(operands) < command.fewest_operands - sum(each.unless in values for each in command.operands):
        from pcapconv.cli.suggestions import missing_operands

        raise UsageError(missing_operands(operands, command))
    if command.most_operands is not None and len(operands) > command.most_operands:
        from pcapconv.cli.suggestions import too_many_operands

        raise UsageError(too_many_operands(operands, command))
