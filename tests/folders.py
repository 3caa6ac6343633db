"""Folders of files: how tests write, list and read them, and what a batch calls its own files there."""

import os
from collections.abc import Mapping
from pathlib import Path

MANIFEST = "pcapconv-manifest.jsonl"
LEASE = "pcapconv-manifest.lease"


def write_tree(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Write files below a folder, which is made if it is not there yet; return the folder."""
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def file_names(folder: Path) -> list[str]:
    """The names in a folder, sorted."""
    return sorted(path.name for path in folder.iterdir())


def files_in(folder: Path) -> dict[str, bytes]:
    """The contents of all files in a folder, by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def nameless_files_work(folder: Path) -> bool:
    """Return whether the folder's file system can hold a file that has no name yet."""
    try:
        os.close(os.open(folder, os.O_TMPFILE | os.O_RDWR))
    except (AttributeError, OSError):
        return False
    return True
