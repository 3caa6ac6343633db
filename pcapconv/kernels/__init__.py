"""The hot loops, in two forms behind one interface, and the choice between them.

`PCAPCONV_KERNELS=compiled` or `=interpreted` demands a form; without it the compiled one runs where it was built.
The status codes and the tables are in `contract`; what each kernel does is described in `interpreted`.
"""

from __future__ import annotations

import os
from importlib import import_module
from types import ModuleType

from pcapconv.errors import FileError, UsageError


def load(form: str) -> ModuleType:
    """The kernels in that form, `compiled` or `interpreted`.

    Raises UsageError for another word, or when the compiled form was not built here, FileError when it is there and
    cannot be loaded.
    """
    if form == "interpreted":
        from pcapconv.kernels import interpreted  # not where the other form runs, which starts faster without

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
    except ImportError as error:  # for want of file handles, say
        raise FileError(f"cannot load the compiled kernels: {error}") from error


def choose() -> ModuleType:
    """The kernels that this process runs."""
    demanded = os.environ.get("PCAPCONV_KERNELS")
    if demanded:
        return load(demanded)
    try:
        return load("compiled")
    except (UsageError, FileError):
        return load("interpreted")
