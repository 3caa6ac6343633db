"""Tokens: files by which another process shows that it sees the same directory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pcapconv.batching.locations import scheme_of
from pcapconv.batching.notes import TOKEN
from pcapconv.batching.stores import remote
from pcapconv.errors import PcapconvError
from pcapconv.io.final_names import temporary_name, unlink
from pcapconv.io.read_write import writing


@contextmanager
def token(home: str) -> Iterator[str]:
    """The place of a file in a directory that goes away again, under a name that nobody has seen before. Raises
    FileError."""
    if scheme_of(home) is not None:
        location, store = temporary_name(home), remote(home)
        store.write(location, TOKEN)
        try:
            yield location
        finally:
            with suppress(PcapconvError):  # what matters was said before
                store.remove(location)
        return
    with writing(home):
        location = temporary_name(os.path.abspath(home))
        with open(location, "xb"):
            pass
    try:
        yield location
    finally:
        unlink(location)
