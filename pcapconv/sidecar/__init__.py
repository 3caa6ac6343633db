"""Sidecars: what a pcap file cannot hold, in a file beside it, and back again. `SIDECAR.md` describes the file.

Strategy: a sidecar is two steps around those of a conversion. `Restore` comes first, where the source is a pcap file
that has one: the steps see the capture as it was. `Record` comes last, where the target is a pcap file. What belongs to
what is told by the pcap file's SHA-256, which is worked out while it is written or read.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from pcapconv import formats
from pcapconv.errors import FileError, SidecarError, UsageError
from pcapconv.files import STDIO, Readable, Source, Writable, open_source, open_target, spool
from pcapconv.model import Interface, Item
from pcapconv.output import Output
from pcapconv.report import Report
from pcapconv.sidecar.digest import Digest
from pcapconv.sidecar.document import SUFFIX, Belongs, Document, Draft, Head
from pcapconv.sidecar.record import Record
from pcapconv.sidecar.restore import Restore
from pcapconv.steps import Step
from pcapconv.steps.strip import DoNotCopy

if TYPE_CHECKING:
    from pcapconv.sidecar.match import Known, Match, Matches


class SidecarOptions(NamedTuple):
    """What is asked for: a sidecar beside the pcap file (`beside`) or in a `file`; with `secrets` in it, and with
    `fingerprints` of the packets."""

    beside: bool = False
    file: str | None = None
    secrets: bool = False
    fingerprints: bool = False


def understood(beside: bool, file: str | None, secrets: bool, fingerprints: bool) -> SidecarOptions:
    """The options, of which at least one is given. Raises UsageError for those that make no sense."""
    if file in ("", STDIO):
        raise UsageError(f"--sidecar-file {file!r}: a sidecar is a file; name one")
    if beside and file is not None:
        raise UsageError("--sidecar is the one beside the pcap file, --sidecar-file another one; give one of them")
    if not beside and file is None:
        alone = "--sidecar-secrets" if secrets else "--sidecar-fingerprints"
        raise UsageError(f"{alone} goes with --sidecar or --sidecar-file")
    return SidecarOptions(beside, file, secrets, fingerprints)


def name_beside(capture: Readable | Writable) -> str:
    """The name of a capture's sidecar. Raises UsageError for a capture that has no name."""
    if not isinstance(capture, str | os.PathLike) or os.fspath(capture) == STDIO:
        raise UsageError("--sidecar: a capture on a pipe has no name; say --sidecar-file FILE")
    return os.fspath(capture) + SUFFIX


def beside(capture: str) -> bool:
    """Whether something lies beside a capture that has its sidecar's name."""
    return os.path.lexists(capture + SUFFIX)


@contextmanager
def restored(source: Source, name: str) -> Iterator[tuple[Document, Iterator[Item]]]:
    """The sidecar beside a pcap file of this name, and the capture as it was. Raises FileError, and SidecarError where
    it does not fit, at the end too."""
    with ExitStack() as stack:
        sidecars = Sidecars(SidecarOptions(beside=True), source, "pcapng", (name, name), stack, force=False)
        assert sidecars.document is not None
        yield sidecars.document, sidecars.restored(formats.open_reader(source).items())
        sidecars.check()


class WrittenSidecar:
    """One that is written, to the file `name`; `stack` closes what is opened. Raises FileError."""

    def __init__(self, name: str, stack: ExitStack, *, secrets: bool, fingerprints: bool, force: bool) -> None:
        self._target = stack.enter_context(open_target(name, force=force, whole=True, text=True, private=secrets))
        self._draft = stack.enter_context(Draft())
        self._secrets = secrets
        self._fingerprints = fingerprints
        self._clamp = False
        self._record: Record | None = None

    def clamp(self) -> bool:
        """Have times that pcap cannot hold written as the nearest that it can; whether that is something new."""
        before, self._clamp = self._clamp, True
        return not before

    def step(self) -> Record:
        """A new step for one run, behind all others."""
        self._draft.restart()
        self._record = Record(self._draft, secrets=self._secrets, fingerprints=self._fingerprints, clamp=self._clamp)
        return self._record

    def finish(self, report: Report, belongs: list[Belongs]) -> None:
        """Write the sidecar of a run that is done, all but its name; what it keeps is no loss in the report. Raises
        FileError."""
        assert self._record is not None
        missing = dict(self._record.missing)
        kept = {kind: count for kind, count in report.losses.items() if kind not in missing}
        report.losses = {kind: count for kind, count in report.losses.items() if kind in missing}
        report.kept_in_sidecar = kept
        self._draft.write(Head(belongs, self._record.source_format, kept, missing, self._fingerprints), self._target)

    def commit(self) -> None:
        """Let it appear. Raises FileError."""
        self._target.commit()


def parts_of(report: Report) -> list[Belongs]:
    """The parts of a split, as a sidecar has them."""
    return [
        Belongs(os.path.basename(part["name"]), part["bytes"], part["sha256"], part["packets"], part["link_type"])
        for part in report.parts or ()
    ]


class Sidecars:
    """Those of one conversion: the one that is read, or the one that is written, or both.

    `places` are the source and the target as they were given. `stack` closes what is opened. Raises SidecarError,
    FileError and UsageError.
    """

    def __init__(
        self,
        options: SidecarOptions,
        source: Source,
        target_format: str,
        places: tuple[Readable, Writable],
        stack: ExitStack,
        *,
        force: bool,
    ) -> None:
        self._options = options
        self._source = source
        from_pcap = formats.open_reader(source).format == "pcap"
        source.rewind()
        if not from_pcap and target_format != "pcap":
            raise UsageError("--sidecar: both captures are pcapng, which holds everything itself")
        self.document: Document | None = None
        self._digest: Digest | None = None
        self._known: Known | None = None  # of an edited capture
        self._found: Matches | None = None
        self._lost: Counter[str] = Counter()  # of it, what only pcap can say
        if from_pcap and (target_format != "pcap" or self._exists(places[0])):
            self._open(options.file or name_beside(places[0]), stack)
        self._restore: Restore | Match | None = None
        self._written: WrittenSidecar | None = None
        if target_format == "pcap":
            self._name = os.path.basename(os.fspath(places[1])) if isinstance(places[1], str | os.PathLike) else ""
            name = options.file or name_beside(places[1])
            self._written = WrittenSidecar(
                name, stack, secrets=options.secrets, fingerprints=options.fingerprints, force=force
            )

    def _exists(self, place: Readable) -> bool:
        return self._options.beside and isinstance(place, str | os.PathLike) and beside(os.fspath(place))

    def _open(self, name: str, stack: ExitStack) -> None:
        try:
            opened = stack.enter_context(open_source(name))
            self.document = Document(opened if opened.seekable else stack.enter_context(spool(opened)))
        except FileError as error:
            raise FileError(f"{error}; convert --sidecar to pcap writes one") from None
        belongs = self.document.head.captures
        if len(belongs) > 1:
            raise SidecarError(f"{name}: it belongs to {len(belongs)} captures; pcapconv join puts them together")
        digest = stack.enter_context(Digest(self._source))
        if self._source.size == belongs[0].bytes and (
            self._options.file is None or digest.hexdigest() == belongs[0].sha256
        ):
            self._digest = digest
        elif self._options.file is None:
            raise self._another(f"{self._source.size} bytes instead of {belongs[0].bytes}")
        else:
            self._find_again()

    def _find_again(self) -> None:
        """Look which packets of an edited capture the sidecar knows."""
        from pcapconv.sidecar.match import Known, fingerprints_of, matches

        document = self.document
        assert document is not None
        if not document.head.fingerprints:
            raise self._another(
                "its SHA-256 is another one; a sidecar written with --sidecar-fingerprints knows its packets again"
            )
        self._known = Known(document)
        prints = fingerprints_of(formats.open_reader(self._source).items())
        self._source.rewind()
        self._found = matches(self._known, prints)
        link_type = self._link_type()
        if link_type != document.head.captures[0].link_type:
            raise self._another(f"its link type is {link_type}, and was {document.head.captures[0].link_type}")
        if len(prints) and not any(self._found.known):
            raise SidecarError(
                f"{document.name}: it belongs to another capture than {self._source.name}: none of the "
                f"{len(prints)} packets there is known"
            )

    def _link_type(self) -> int:
        """That of the capture that is read."""
        items = formats.open_reader(self._source).items()
        found = next(item.link_type for item in items if isinstance(item, Interface))
        self._source.rewind()
        return found

    def _another(self, fact: str) -> SidecarError:
        assert self.document is not None
        advice = "" if self._options.file is not None else "; for one that was edited, name it with --sidecar-file"
        return SidecarError(
            f"{self.document.name}: it belongs to another capture than {self._source.name}, or that was edited since: "
            f"{fact}{advice}"
        )

    def _restoring(self, left_out: Counter[str]) -> Restore | Match:
        assert self.document is not None
        if self._known is None or self._found is None:
            return Restore(self.document)
        from pcapconv.sidecar.match import Match

        self._lost = Counter()
        return Match(self.document, self._known, self._found, left_out, self._lost)

    @property
    def _restores(self) -> bool:
        """Whether there is something that the capture does not say itself, as one does that was pcap before."""
        if self.document is None:
            return False
        return self._known is not None or self.document.head.source_format == "pcapng"

    @property
    def hashes_output(self) -> bool:
        """Whether the output's SHA-256 is wanted."""
        return self._written is not None

    def restored(self, items: Iterator[Item]) -> Iterator[Item]:
        """The capture as it was."""
        return self._restoring(Counter())(items) if self._restores else items

    def around(self, steps: list[Step], left_out: Counter[str]) -> list[Step]:
        """New steps for one run, with these between them. `left_out` counts what no longer holds of edited captures."""
        if self._restores:
            self._restore = self._restoring(left_out)
            first: list[Step] = [self._restore]
            if self._found is not None:
                first.append(DoNotCopy(left_out))
            steps = [*first, *steps]
        return steps if self._written is None else [*steps, self._written.step()]

    def clamp(self) -> bool:
        """See `WrittenSidecar.clamp`."""
        return self._written is not None and self._written.clamp()

    def check(self) -> None:
        """See that the capture that was read is the one that the sidecar belongs to. Raises SidecarError."""
        if self.document is not None and self._digest is not None:
            wanted, found = self.document.head.captures[0].sha256, self._digest.hexdigest()
            if wanted != found:
                raise self._another("its SHA-256 is another one")

    def finish(self, report: Report, output: Output, link_type: int | None) -> None:
        """Say in the report of a run that is done what the sidecar that was read has done, and write the other one, all
        but its name. Raises FileError."""
        if self._restore is not None:
            report.missing_in_sidecar = dict(self._restore.missing)
        if self._found is not None and self._known is not None:
            from pcapconv.sidecar.match import summary

            report.found_in_sidecar = summary(self._found, len(self._known.prints))
        if self._written is not None:
            belongs = Belongs(self._name, output.position, output.sha256, report.packets_written, link_type or 0)
            self._written.finish(report, [belongs])
        report.losses = dict(Counter(report.losses) + self._lost)

    def commit(self) -> None:
        """Let the sidecar appear. Raises FileError."""
        if self._written is not None:
            self._written.commit()
