"""Sidecars: what a pcap file cannot hold, in a file beside it, and back again. `SIDECAR.md` describes the file.

Strategy: a sidecar is two steps around those of a conversion. `Restore` comes first, where the source is a pcap file
that has one: the steps see the capture as it was. `Record` comes last, where the target is a pcap file. What belongs to
what is told by the pcap file's SHA-256, which is worked out while it is written or read.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

from pcapconv import formats
from pcapconv.errors import UsageError
from pcapconv.io.paths import SIDECAR_SUFFIX, STDIO, Readable, Writable, comparable_path, is_file_at
from pcapconv.io.source import Source
from pcapconv.io.target import Target
from pcapconv.model import Item
from pcapconv.report import CaptureFile, Report
from pcapconv.sidecar.files import THIS_MACHINE, SidecarFiles
from pcapconv.steps import Step
from pcapconv.wording import argument

if TYPE_CHECKING:  # a conversion starts faster without the one that it does not need
    from pcapconv.io.source_digest import Digest
    from pcapconv.sidecar.reading import ReadSidecar
    from pcapconv.sidecar.writing import WrittenSidecar


class SidecarSettings(NamedTuple):
    """What is asked for: a sidecar beside the pcap file (`beside`) or in a `file`; with `secrets` in it, and with
    `fingerprints` of the packets."""

    beside: bool = False
    file: str | None = None
    secrets: bool = False
    fingerprints: bool = False


def sidecar_settings(
    beside: bool,
    file: str | os.PathLike[str] | None,
    secrets: bool = False,
    fingerprints: bool = False,
    *,
    named: str = "sidecar_file",
) -> SidecarSettings:
    """The options, of which at least one is given. `named` is the argument that names a file. Raises UsageError for
    those that make no sense."""
    file = None if file is None else os.fspath(file)
    if file in ("", STDIO):
        raise UsageError(f"{argument(named, file)}: a sidecar is a file; name one")
    if beside and file is not None:
        raise UsageError(
            f"{argument('sidecar', True)} is the one beside the pcap file, {argument('sidecar_file')} another one; "
            "give one of them"
        )
    if not beside and file is None:
        alone = argument("sidecar_secrets" if secrets else "sidecar_fingerprints", True)
        raise UsageError(f"{alone} goes with {argument('sidecar', True)} or {argument('sidecar_file')}")
    return SidecarSettings(beside, file, secrets, fingerprints)


def sidecar_of(place: Readable, source: Source, options: SidecarSettings, stack: ExitStack) -> ReadSidecar | None:
    """The sidecar of a capture, which is known to be the one that it belongs to or to be edited; None for pcapng.
    Raises SidecarError, FileError and UsageError."""
    from pcapconv.sidecar.reading import ReadSidecar

    if not _is_pcap(source):
        return None
    found = ReadSidecar(options.file or _name_beside(place, "sidecar"), source, stack)
    if not found.edited():
        found.check()
    return found


class Sidecars:
    """Those of one conversion: the one that is `read`, and the one that is `written`."""

    def __init__(self, read: ReadSidecar | None, written: WrittenSidecar | None) -> None:
        self._read = read
        self._written = written

    @property
    def writes(self) -> bool:
        """Whether one is written, which needs the digests of what is written."""
        return self._written is not None

    def follow(self) -> Digest | None:
        """Of the one that is read: see `ReadSidecar.follow`."""
        return None if self._read is None else self._read.follow()

    def restored(self, items: Iterator[Item]) -> Iterator[Item]:
        """The capture as it was when the sidecar that is read was written."""
        return items if self._read is None else self._read.items(items)

    def around(self, steps: list[Step], left_out: Counter[str]) -> list[Step]:
        """New steps for one run, with these between them. `left_out` counts what no longer holds of edited captures."""
        first = [] if self._read is None else self._read.steps(left_out)
        last = [] if self._written is None else [self._written.step()]
        return [*first, *steps, *last]

    def clamp(self) -> bool:
        """Of the one that is written: see `WrittenSidecar.clamp`."""
        return self._written is not None and self._written.clamp()

    def check(self) -> None:
        """Of the one that is read: see `ReadSidecar.check`. Raises SidecarError."""
        if self._read is not None:
            self._read.check()

    def edited(self) -> bool:
        """Of the one that is read: see `ReadSidecar.edited`. Raises SidecarError."""
        return self._read is not None and self._read.edited()

    def finish(self, report: Report, files: list[CaptureFile]) -> None:
        """Write the sidecar of a run that is done and wrote these files, all but its name, and say in the report what
        came of both. Raises FileError."""
        if self._written is not None:
            self._written.finish(report, files, None if self._read is None else self._read.head)
        if self._read is not None:
            self._read.finish(report)

    @property
    def target(self) -> Target | None:
        """Where the sidecar goes that is written, None where there is none."""
        return None if self._written is None else self._written.target

    @property
    def read(self) -> list[Source]:
        """The sidecar that is read, if there is one."""
        return [] if self._read is None else [self._read.file]


def open_sidecars(
    options: SidecarSettings,
    source: Source,
    target_format: str,
    places: tuple[Readable, Writable],
    stack: ExitStack,
    *,
    force: bool,
    taken: Sequence[object] = (),
    files: SidecarFiles = THIS_MACHINE,
) -> Sidecars:
    """The sidecars of a conversion: one is read, where the source is pcap, and one is written, where the target is.

    `places` are the source and the target as they were given; `taken` are other files of the command, which no sidecar
    may be; `files` has the sidecars. `stack` closes what is opened. Raises SidecarError, FileError and UsageError.
    """
    from_pcap = _is_pcap(source)
    if not from_pcap and target_format != "pcap":
        raise UsageError(
            f"{source.name}: it is pcapng, as is the target, and holds all itself; a sidecar goes with a pcap file "
            "(editcap and mergecap write one with -F pcap)"
        )
    taken = [*places, source.file, *taken]
    read: ReadSidecar | None = None
    written: WrittenSidecar | None = None
    if from_pcap and (options.file is not None or target_format != "pcap" or _has_one(places[0], files)):
        from pcapconv.sidecar.reading import ReadSidecar

        name = options.file or _name_beside(places[0])
        check_apart(name, taken)
        read = ReadSidecar(name, source, stack, files)
    if target_format == "pcap":
        from pcapconv.sidecar.writing import WrittenSidecar

        name = options.file if options.file is not None and not from_pcap else _name_beside(places[1])
        check_apart(name, taken)
        if read is not None and comparable_path(places[0]) != comparable_path(places[1]):
            check_apart(name, [read.name])  # which another capture needs
        fingerprints = options.fingerprints or (read is not None and read.head.fingerprints)
        written = WrittenSidecar(name, stack, files, secrets=options.secrets, fingerprints=fingerprints, force=force)
    return Sidecars(read, written)


def check_apart(name: str, taken: Sequence[object]) -> None:
    """Raises UsageError where a sidecar would be another file of the same command: a path, or an open file."""
    if comparable_path(name) in map(comparable_path, taken) or any(is_file_at(name, place) for place in taken):
        raise UsageError(f"{name}: the sidecar is another file of the same run; give that one another name")


def _is_pcap(source: Source) -> bool:
    found = formats.open_reader(source).format == "pcap"
    source.rewind()
    return found


def _name_beside(capture: Readable | Writable, named: str = "sidecar_file") -> str:
    """The name of a capture's sidecar. Raises UsageError for a capture that has no name; `named` is the argument that
    names another file."""
    if not isinstance(capture, str | os.PathLike) or os.fspath(capture) == STDIO:
        raise UsageError(
            "a pcap file on a pipe has no sidecar beside it; "
            f"name that with {argument(named, 'FILE')}, or the pcap file"
        )
    return os.fspath(capture) + SIDECAR_SUFFIX


def _has_one(capture: Readable, files: SidecarFiles) -> bool:
    return isinstance(capture, str | os.PathLike) and files.there_is(os.fspath(capture) + SIDECAR_SUFFIX)
