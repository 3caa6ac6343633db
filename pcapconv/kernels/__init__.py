"""The kernels: the loops over packets, compiled and interpreted, and the choice between the two forms.

What is done to every packet of a batch is done by a kernel: a function, or a class if it needs to hold something from
batch to batch. Both forms have the same ones, with the same arguments and results: the modules of `interpreted` are
readable and document each kernel, `compiled`, which includes the `.pxi` files, is faster and must do the same. Files of
both forms have the same names (`interpreted/selecting.py`, `compiled_selecting.pxi`). `contract` has the constants of
both.

`choose` returns the form that this process runs: the form that `PCAPCONV_KERNELS=compiled` or `=interpreted` names,
else the compiled form if it was built.

Nothing here knows the model, which uses kernels itself: kernels work on buffers, columns and tables.
"""

from __future__ import annotations

import os
from importlib import import_module
from types import ModuleType

from pcapconv.errors import FileError, UsageError


def load(form: str) -> ModuleType:
    """Return the kernels in this form, `compiled` or `interpreted`.

    Raises UsageError for another word, or if the compiled form was not built; FileError if it was built and cannot be
    loaded.
    """
    if form == "interpreted":
        from pcapconv.kernels import interpreted  # imported only if it runs, for a faster start

        return interpreted
    if form != "compiled":
        raise UsageError(f"PCAPCONV_KERNELS={form!r}: the kernels are either 'compiled' or 'interpreted'")
    try:
        return import_module("pcapconv.kernels.compiled")
    except ModuleNotFoundError as error:
        raise UsageError(
            "the compiled kernels were not built here: install a C compiler and pcapconv again, "
            "or set PCAPCONV_KERNELS=interpreted"
        ) from error
    except ImportError as error:  # too many open files, for example
        raise FileError(f"cannot load the compiled kernels: {error}", cause=error) from error


def choose() -> ModuleType:
    """Return the kernels that this process runs. Raises as `load` does if `PCAPCONV_KERNELS` names a form."""
    demanded = os.environ.get("PCAPCONV_KERNELS")
    if demanded:
        return load(demanded)
    try:
        return load("compiled")
    except (UsageError, FileError):
        return load("interpreted")
