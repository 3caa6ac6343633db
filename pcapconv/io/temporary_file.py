"""Nameless temporary files, which inputs, outputs, sorting, merging and `scratch_file` use."""

from __future__ import annotations

import contextlib
import io
import os

from pcapconv.io.held_signals import hold_signals
from pcapconv.io.read_write import TEMPORARY_FILE, writing


class _NamelessFile(io.FileIO):
    """A nameless file. Errors when it is closed do not matter, since nobody can open it again."""

    def close(self) -> None:
        with contextlib.suppress(OSError):
            super().close()


def temporary_file() -> io.FileIO:
    """Create a nameless temporary file for bytes that will be read again. Raises FileError."""
    from tempfile import TemporaryFile  # rarely needed, slow to import

    # the file may have a name for a moment, which a signal must not leave behind
    with writing(TEMPORARY_FILE), hold_signals(), contextlib.closing(TemporaryFile(buffering=0)) as file:
        return _NamelessFile(os.dup(file.fileno()), "rb+")
