"""Checks what kinds of objects arguments are: flags, words, paths, functions, texts, names of columns.

Strategy: programs pass any objects. An object that cannot even be asked whether it is true, or equal to a word, is
refused as any other wrong value is: with a UsageError that names the argument.
"""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable
from typing import TypeGuard

from pcapconv.errors import UsageError
from pcapconv.wording import argument


def check_flags(**flags: object) -> None:
    """Check arguments that are true or false: None and integers, too, but no other object, so that the text `"no"` is
    not taken for true. Raises UsageError."""
    for name, value in flags.items():
        if not isinstance(value, int | None):
            raise UsageError(f"{argument(name, value)}: must be True or False", option=name)


def check_functions(**functions: object) -> None:
    """Check arguments that are functions or None. Raises UsageError."""
    for name, value in functions.items():
        if value is not None and not callable(value):
            raise UsageError(f"{argument(name, value)}: must be a function", option=name)


def is_one_of(value: object, words: Collection[str]) -> TypeGuard[str]:
    """Return whether a value is one of these words."""
    return isinstance(value, str) and value in words


def parse_path(name: str, path: object) -> str:
    """Return a path as text. Raises UsageError for what is no path."""
    if not isinstance(path, str | os.PathLike) or not isinstance(text := os.fspath(path), str):
        raise UsageError(f"{argument(name, path)}: must be a path", option=name)
    return text


def parse_words(name: str, texts: object) -> list[str]:
    """Return the words in a text, separated by commas, or in several texts. Raises UsageError for what is no text."""
    words: list[str] = []
    for text in [texts] if isinstance(texts, str) or not isinstance(texts, Iterable) else texts:
        if not isinstance(text, str):
            raise UsageError(f"{argument(name, text)}: must be text", option=name)
        words += text.split(",")
    return words


def parse_column_names(columns: object, known: Collection[str]) -> tuple[str, ...]:
    """Return the names of columns in a text, separated by commas, or in a list. Raises UsageError for a name that is
    not among the `known` ones, for one that is given twice, and for no name at all."""
    if not isinstance(columns, Iterable):
        raise UsageError(f"{argument('columns', columns)}: give a list of names", option="columns")
    names: list[str] = []
    for name in columns.split(",") if isinstance(columns, str) else columns:
        if not is_one_of(name, known):
            similar = _similar_columns(name, known) if isinstance(name, str) else []
            likely = " or ".join([*([", ".join(similar[:-1])] if similar[1:] else []), *similar[-1:]])
            tip = f"did you mean {likely}?" if likely else f"there are {', '.join(known)}"
            raise UsageError(f"{argument('columns', name)}: there is no such column; {tip}", option="columns")
        if name in names:
            raise UsageError(f"{argument('columns', name)}: it is given twice", option="columns")
        names.append(name)
    if not names:
        raise UsageError(
            f"{argument('columns')}: give at least one column, as in {argument('columns', 'number,time')}",
            option="columns",
        )
    return tuple(names)


def _similar_columns(name: str, known: Collection[str]) -> list[str]:
    """Return the known columns that a faulty name may mean: those of which it is a part, also as Wireshark's fields
    have it, such as `ip.src` and `frame.len`; or else those with a similar spelling."""
    word = name.lower().rpartition(".")[2].replace("src", "source").replace("dst", "destination").replace("_", "")
    found = [each for each in known if len(word) > 1 and word in each.replace("_", "")]
    if found:
        return found
    from difflib import get_close_matches  # rarely needed

    return get_close_matches(name.lower(), known, 3, 0.7)
