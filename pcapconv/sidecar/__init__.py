"""Sidecars: files beside pcap files that keep what pcap cannot hold, so that the pcapng capture can be restored.

`docs/reference/sidecar.md` specifies the file. `open_sidecars` opens the sidecars of a conversion, and `Sidecars` holds
them.

For writing and reading:

    document              the file, with an entry in each line: `DocumentWriter` writes it, `Document` reads it
    file_access           opens the files of sidecars, on this machine or elsewhere
    json_fields           checks members of JSON objects; encodes bytes and columns of numbers as text
    json_options          encodes option lists as readable JSON, from which the same bytes can be made again
    json_blocks           encodes sections, interfaces and other blocks in the same way

Writing, if the target is pcap:

    written_sidecar       `WrittenSidecar`: opens the file, gives each run its saving step, fills the file at the end
    save_step             the last step before the pcap writer: turns what pcap cannot hold into entries
    packet_entry_writer   builds the entry of consecutive packets

Reading, if the source is pcap:

    read_sidecar          `ReadSidecar`: opens and checks the sidecar, and gives each run its restoring steps
    capture_check         checks by size and SHA-256 that the sidecar belongs to the pcap file
    restore_step          the first step after the pcap reader: rebuilds the capture from entries and pcap packets
    packet_entry_reader   reads the entry of consecutive packets
    edited/               restores a pcap file that was edited after its sidecar was written: finds its packets again by
                          their fingerprints

The order of writing: while the pcap file is written, `save_step` adds entries to a temporary file. Only at the end of
the run is the header known, since it contains the pcap file's SHA-256. Then the sidecar is written: the header,
followed by the entries.

The order of reading: first the sidecar's own SHA-256 and the pcap file's size are checked. While the pcap file is read,
`restore_step` reads the entries in step with its packets, so that all later steps see the original capture. At the end
of the run the pcap file's SHA-256 is checked. A conversion from pcap to pcap may read one sidecar and write another.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Literal, NamedTuple

from pcapconv import formats
from pcapconv.argument_types import parse_path
from pcapconv.errors import UsageError
from pcapconv.io.paths import SIDECAR_SUFFIX, STDIO, Readable, Writable, comparable_path, is_file_at
from pcapconv.io.source import Source
from pcapconv.io.target import Target
from pcapconv.model import Item
from pcapconv.report import CaptureFile, Report
from pcapconv.sidecar.file_access import THIS_MACHINE, SidecarFiles
from pcapconv.steps import Step
from pcapconv.wording import argument

if TYPE_CHECKING:  # imported when needed, so that a conversion starts faster
    from pcapconv.io.source_digest import Digest
    from pcapconv.sidecar.read_sidecar import ReadSidecar
    from pcapconv.sidecar.written_sidecar import WrittenSidecar


class SidecarSettings(NamedTuple):
    """Where the sidecar is: `beside` the pcap file, or in a `file`; and whether a written sidecar contains `secrets`,
    and `fingerprints` of the packets."""

    beside: bool = False
    file: str | None = None
    secrets: bool = False
    fingerprints: bool = False


def parse_sidecar_arguments(
    beside: bool,
    file: str | os.PathLike[str] | None,
    secrets: bool = False,
    fingerprints: bool = False,
    *,
    named: str = "sidecar_file",
) -> SidecarSettings:
    """Check the caller's arguments, at least one of which is given, and return the settings. Messages call the argument
    with the file `named`. Raises UsageError for arguments that contradict each other."""
    file = None if file is None else parse_path(named, file)
    if file in ("", STDIO):
        raise UsageError(f"{argument(named, file)}: a sidecar is a file; name one", option=named)
    if beside and file is not None:
        raise UsageError(
            f"{argument('sidecar', True)} uses the sidecar beside the pcap file, {argument('sidecar_file')} a "
            "different one; give one of them",
            option="sidecar",
        )
    if not beside and file is None:
        given = "sidecar_secrets" if secrets else "sidecar_fingerprints"
        raise UsageError(
            f"{argument(given, True)} goes with {argument('sidecar', True)} or {argument('sidecar_file')}", option=given
        )
    return SidecarSettings(beside, file, secrets, fingerprints)


def open_read_sidecar(
    capture: Readable,
    source: Source,
    sidecar: Literal[True] | str | os.PathLike[str],
    stack: ExitStack,
    other_files: Sequence[object] = (),
) -> ReadSidecar | None:
    """Open the sidecar of the capture that `source` reads and that the caller named `capture`: with True the sidecar
    beside the capture, or else the file that `sidecar` names, which is none of the `other_files`. Return None for a
    pcapng capture. Raises SidecarError, FileError and UsageError."""
    from pcapconv.sidecar.read_sidecar import ReadSidecar

    settings = parse_sidecar_arguments(sidecar is True, None if sidecar is True else sidecar, named="sidecar")
    if not _is_pcap(source):
        return None
    name = settings.file or _name_beside(capture, "sidecar")
    check_name_differs(name, other_files)
    return ReadSidecar(name, source, stack, named="sidecar")


class Sidecars:
    """The sidecars of one conversion: the one that is `read` and the one that is `written`; each may be None."""

    def __init__(self, read: ReadSidecar | None, written: WrittenSidecar | None) -> None:
        self._read = read
        self._written = written

    def add_steps(self, steps: list[Step], left_out: Counter[str]) -> list[Step]:
        """Return the steps of one run: the restoring steps of the read sidecar, the given steps, and the saving step of
        the written sidecar. `left_out` counts by kind the metadata that no longer fits an edited capture."""
        first = [] if self._read is None else self._read.new_steps(left_out)
        last = [] if self._written is None else [self._written.new_step()]
        return [*first, *steps, *last]

    def finish_run(self, report: Report, files: list[CaptureFile]) -> None:
        """Complete both sidecars after a run that wrote these files: fill the written sidecar, which does not get its
        final name yet, and set the report's fields about both sidecars. Raises FileError."""
        if self._written is not None:
            self._written.finish(report, files, None if self._read is None else self._read.header)
        if self._read is not None:
            self._read.add_to_report(report)

    @property
    def writes_sidecar(self) -> bool:
        """Whether a sidecar is written; then the run has to hash each capture that it writes."""
        return self._written is not None

    @property
    def written_target(self) -> Target | None:
        """The target of the written sidecar; None if no sidecar is written."""
        return None if self._written is None else self._written.target

    def clamp_written_times(self) -> bool:
        """See `WrittenSidecar.clamp_times`; False if no sidecar is written."""
        return self._written is not None and self._written.clamp_times()

    @property
    def read_sources(self) -> list[Source]:
        """The open file of the sidecar that is read; empty if no sidecar is read."""
        return [] if self._read is None else [self._read.file]

    def start_digest(self) -> Digest | None:
        """See `ReadSidecar.start_digest`; None if no sidecar is read."""
        return None if self._read is None else self._read.start_digest()

    def restore_items(self, items: Iterator[Item]) -> Iterator[Item]:
        """See `ReadSidecar.restore_items`; the same items if no sidecar is read."""
        return items if self._read is None else self._read.restore_items(items)

    def check_read_capture(self) -> None:
        """See `ReadSidecar.check_capture`. Raises SidecarError."""
        if self._read is not None:
            self._read.check_capture()

    def adapt_to_edits(self) -> bool:
        """See `ReadSidecar.adapt_to_edits`; False if no sidecar is read. Raises SidecarError."""
        return self._read is not None and self._read.adapt_to_edits()


def open_sidecars(
    settings: SidecarSettings,
    source: Source,
    target_format: str,
    captures: tuple[Readable, Writable],
    stack: ExitStack,
    *,
    force: bool,
    other_files: Sequence[object] = (),
    files: SidecarFiles = THIS_MACHINE,
) -> Sidecars:
    """Open the sidecars of a conversion: from pcap, the sidecar to read; to pcap, the sidecar to write. From pcap to
    pcap, a sidecar is read only if it was named or exists.

    `captures` are the source and the target as the caller named them. `other_files` are the run's other files, none of
    which may be a sidecar. `files` opens the sidecars, and `stack` closes them. Raises SidecarError, FileError
    and UsageError.
    """
    from_pcap = _is_pcap(source)
    if not from_pcap and target_format != "pcap":
        raise UsageError(
            f"{source.name}: it is pcapng, as is the target, and holds all itself; a sidecar goes with a pcap file "
            "(editcap and mergecap write one with -F pcap)",
            path=source.name,
        )
    other_files = [*captures, source.file, *other_files]
    read: ReadSidecar | None = None
    written: WrittenSidecar | None = None
    if from_pcap and (settings.file is not None or target_format != "pcap" or _has_sidecar(captures[0], files)):
        from pcapconv.sidecar.read_sidecar import ReadSidecar

        name = settings.file or _name_beside(captures[0])
        check_name_differs(name, other_files)
        read = ReadSidecar(name, source, stack, files)
    if target_format == "pcap":
        from pcapconv.sidecar.written_sidecar import WrittenSidecar

        name = settings.file if settings.file is not None and not from_pcap else _name_beside(captures[1])
        check_name_differs(name, other_files)
        if read is not None and comparable_path(captures[0]) != comparable_path(captures[1]):
            check_name_differs(name, [read.name])  # the source needs that sidecar
        fingerprints = settings.fingerprints or (read is not None and read.header.fingerprints)
        written = WrittenSidecar(name, stack, files, secrets=settings.secrets, fingerprints=fingerprints, force=force)
    return Sidecars(read, written)


def check_name_differs(name: str, other_files: Sequence[object]) -> None:
    """Check that a sidecar is not one of the run's other files, given as paths or open files. Raises UsageError
    otherwise."""
    if comparable_path(name) in map(comparable_path, other_files) or any(
        is_file_at(name, each) for each in other_files
    ):
        raise UsageError(f"{name}: the sidecar is another file of the same run; give that one another name", path=name)


def _is_pcap(source: Source) -> bool:
    is_pcap = formats.open_reader(source).format == "pcap"
    source.rewind()
    return is_pcap


def _name_beside(capture: Readable | Writable, named: str = "sidecar_file") -> str:
    """The path of the sidecar beside a capture. Raises UsageError for a capture without a path; the message calls the
    argument with the sidecar's file `named`."""
    if not isinstance(capture, str | os.PathLike) or os.fspath(capture) == STDIO:
        raise UsageError(
            "a pcap file on a pipe has no sidecar beside it; "
            f"name that with {argument(named, 'FILE')}, or the pcap file",
            option=named,
        )
    return os.fspath(capture) + SIDECAR_SUFFIX


def _has_sidecar(capture: Readable, files: SidecarFiles) -> bool:
    return isinstance(capture, str | os.PathLike) and files.exists(os.fspath(capture) + SIDECAR_SUFFIX)
