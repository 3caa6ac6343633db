"""A token: a new file in a directory, by which a worker on another machine shows that it sees the same directory."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from pcapconv.batching.locations import scheme_of
from pcapconv.batching.stores import remote_store
from pcapconv.batching.upload_notes import TOKEN
from pcapconv.errors import PcapconvError
from pcapconv.io.final_names import temporary_name, unlink
from pcapconv.io.read_write import writing


@contextmanager
def directory_token(home: str) -> Iterator[str]:
    """Write a token into a directory, yield its location, and remove it at the end. Raises FileError if the token
    cannot be written."""
    if scheme_of(home) is not None:
        location, store = temporary_name(home), remote_store(home)
        store.write_file(location, TOKEN)
        try:
            yield location
        finally:
            with suppress(PcapconvError):  # a later run removes the token then
                store.remove_file(location)
        return
    with writing(home):
        location = temporary_name(os.path.abspath(home))
        with open(location, "xb"):
            pass
    try:
        yield location
    finally:
        unlink(location)
