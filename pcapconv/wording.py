"""How messages name the library's arguments: in Python's form, or in the command line's form while the command runs.

Strategy: the form is looked up where a message is made, since the message may be written to a manifest or wrapped into
another message before anybody sees it. The command line sets its form for the time of a run. A form is a module's
function, so that it can be sent with jobs to other processes. The form holds for all threads of a process; threads that
do jobs may set a form at the same time, so each removes only the form that it set itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

# Takes a function's name or "", and arguments with their values (None: without a value); gives the text for a message.
Form = Callable[[str, Mapping[str, object]], str]


def in_python(function: str, values: Mapping[str, object]) -> str:
    """The form for Python: `before=`, `first=0`, `after='+1h', before='+2h'`, `split(…, by='interface')`."""
    pairs = ", ".join(f"{name}={_value(value)}" for name, value in values.items())
    return f"{function}(…, {pairs})" if function and pairs else function or pairs


def _value(value: object) -> str:
    if value is None:
        return ""
    return repr(value) if isinstance(value, str) else object_text(value)


def object_text(value: object) -> str:
    """An object of the caller as messages show it: the first 80 characters of its `repr`, or the name of its type if it
    has none."""
    try:
        return f"{value!r:.80}"
    except Exception:  # an int of 5,000 digits raises ValueError
        return f"<{type(value).__name__}>"


_forms: list[tuple[object, Form]] = [(None, in_python)]  # each with an object of its own; the last one is current


@contextmanager
def named_by(form: Form) -> Iterator[None]:
    """Name arguments in this form in messages that are made inside the context."""
    entry = (object(), form)
    _forms.append(entry)
    try:
        yield
    finally:
        _forms.remove(entry)


def current_form() -> Form:
    """The form in which messages name arguments at present."""
    return _forms[-1][1]


def argument(name: str, value: object = None) -> str:
    """An argument as a message names it, with the value that was or can be given: `before=`, `first=0`,
    `force=True`."""
    return current_form()("", {name: value})


def arguments(**values: object) -> str:
    """Several arguments that are given together, as a message names them."""
    return current_form()("", values)


def call(function: str, **values: object) -> str:
    """A call of a function of the library as a message names it, with these arguments; others are left out."""
    return current_form()(function, values)
