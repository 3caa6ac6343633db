"""How messages name the library's arguments: as Python does, unless whoever runs the library names them otherwise.

Strategy: a message is put into words where it is made, since it may be written to a manifest or be wrapped into another
one before anybody sees it. The command line has its form for the time of a run. A form is a function of a module, so
that it can go with jobs to other processes. It holds for all threads of a process; those that do jobs set it one beside
another, so each takes away only what it set itself.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager

Form = Callable[[str, Mapping[str, object]], str]  # of a function's name or "", and arguments; None is no value


def in_python(function: str, values: Mapping[str, object]) -> str:
    """`before=`, `first=0`, `after='+1h', before='+2h'`, `split(…, by='interface')`."""
    said = ", ".join(f"{name}={_value(value)}" for name, value in values.items())
    return f"{function}(…, {said})" if function and said else function or said


def _value(value: object) -> str:
    if value is None:
        return ""
    return repr(value) if isinstance(value, str) else f"{value!r:.80}"


_forms: list[tuple[object, Form]] = [(None, in_python)]  # each with what tells it from its like; the last one holds


@contextmanager
def named_by(form: Form) -> Iterator[None]:
    """Messages that are made meanwhile name arguments in this form."""
    mine = (object(), form)
    _forms.append(mine)
    try:
        yield
    finally:
        _forms.remove(mine)


def form_now() -> Form:
    """The form that holds now."""
    return _forms[-1][1]


def argument(name: str, value: object = None) -> str:
    """How a message names an argument, with a value that was or can be given: `before=`, `first=0`, `force=True`."""
    return form_now()("", {name: value})


def arguments(**values: object) -> str:
    """How a message names several arguments that are given together."""
    return form_now()("", values)


def call(function: str, **values: object) -> str:
    """How a message names a function of the library, called with these arguments among others."""
    return form_now()(function, values)
