"""Where the items of a conversion go: the files that it makes, each in a format."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self

from pcapconv import formats
from pcapconv.errors import UsageError
from pcapconv.formats.settings import WriterSettings
from pcapconv.io.buffered_output import BufferedOutput
from pcapconv.io.commit import commit
from pcapconv.io.source import Source
from pcapconv.io.target import Target, same_file
from pcapconv.model import Item
from pcapconv.report import CaptureFile, Report


class ItemWriter(Protocol):
    """Takes the items of one run, in file order, then `finish`."""

    def write(self, item: Item) -> None:
        """Take one item. Raises PcapconvError."""
        ...

    def finish(self) -> None:
        """All items were there. Raises PcapconvError."""
        ...


class Sink:
    """Where the items of a conversion go. Use it as a context manager: nothing remains that did not appear.

    `name` is what a report calls it, `seekable` tells that `restart` works, `divides` that it makes several files.
    """

    name = ""
    seekable = True
    divides = False

    def check(self, source: Source) -> None:
        """Raises UsageError where writing would overwrite what is read."""

    def begin(self, settings: WriterSettings, *, hashed: bool) -> ItemWriter:
        """Begin a run. With `hashed`, `files` have digests."""
        raise NotImplementedError

    def close(self) -> None:
        """A run is over, well or not: let threads go."""

    def tell(self, report: Report) -> None:
        """Say in a report what was written in a run that is done."""
        raise NotImplementedError

    def files(self, report: Report) -> list[CaptureFile]:  # noqa: ARG002
        """The files of a run that is done, for a sidecar. Raises FileError."""
        return []

    def restart(self) -> None:
        """Forget what was written. Raises FileError."""
        raise NotImplementedError

    def commit(self, others: Sequence[Target], read: Sequence[Source], report: Report, *, fsync: bool) -> None:
        """Let all appear, with `others`, or nothing, as `io.commit` does. Raises FileError."""
        raise NotImplementedError

    def abandon(self) -> None:
        """Let go of what did not appear."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.abandon()


class FileSink(Sink):
    """One file. `called` is the name that a sidecar has for it."""

    def __init__(self, target: Target, called: str = "") -> None:
        self.target = target
        self.name = target.name
        self.seekable = target.seekable
        self._called = called
        self._output: BufferedOutput | None = None
        self._writer: formats.Writer | None = None

    def check(self, source: Source) -> None:
        """See `Sink.check`."""
        if same_file(source, self.target):
            raise UsageError(f"{self.name}: input and output are the same open file; give their path instead")

    def begin(self, settings: WriterSettings, *, hashed: bool) -> formats.Writer:
        """See `Sink.begin`."""
        self._output = BufferedOutput(self.target, hashed=hashed)
        self._writer = formats.open_writer(settings, self._output)
        return self._writer

    def close(self) -> None:
        """See `Sink.close`."""
        if self._output is not None:
            self._output.close()

    def tell(self, report: Report) -> None:
        """See `Sink.tell`."""
        assert self._writer is not None
        report.packets_written = self._writer.packets
        report.warn_of_zeros_at_end(self.name, self._writer.zeros_at_end)
        report.losses = dict(self._writer.losses)

    def files(self, report: Report) -> list[CaptureFile]:
        """See `Sink.files`."""
        assert self._output is not None
        assert self._writer is not None
        size, link_type = self._output.position, self._writer.link_type or 0
        return [CaptureFile(self._called, size, self._output.sha256, report.packets_written, link_type)]

    def restart(self) -> None:
        """See `Sink.restart`."""
        self.target.restart()

    def commit(self, others: Sequence[Target], read: Sequence[Source], report: Report, *, fsync: bool) -> None:  # noqa: ARG002
        """See `Sink.commit`. The capture comes last: it may take the place of the only one that holds what the others
        hold."""
        commit([*others, self.target], read, fsync=fsync)

    def abandon(self) -> None:
        """See `Sink.abandon`."""
        self.target.abandon()
