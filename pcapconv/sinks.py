"""Sinks, to which a conversion writes its items. `FileSink` writes one file, `NoSink` none; a split has a sink of its
own."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol, Self

from pcapconv import formats
from pcapconv.errors import UsageError
from pcapconv.formats.output_compression import output_compression
from pcapconv.formats.settings import WriterSettings
from pcapconv.io.buffered_output import BufferedOutput
from pcapconv.io.commit import commit
from pcapconv.io.source import Source
from pcapconv.io.target import Target, overwrites_source
from pcapconv.model import Item
from pcapconv.report import CaptureFile, Report


class ItemWriter(Protocol):
    """Writes the items of one run: `write` for each, in file order, then `finish`."""

    def write(self, item: Item) -> None:
        """Write one item. Raises PcapconvError."""
        ...

    def finish(self) -> None:
        """Write what must follow the last item. Raises PcapconvError."""
        ...


class Sink:
    """The base of all sinks, to which a conversion writes its items. Use a sink as a context manager: outputs that were
    not committed by the end are removed.

    `name` is the sink's name in reports. `restart` works if the sink is `seekable`. `divides` is true if the sink makes
    several files.
    """

    name = ""
    seekable = True
    divides = False

    def check(self, source: Source) -> None:
        """Check that writing does not overwrite the source. Raises UsageError if it would."""

    def begin_run(self, settings: WriterSettings, *, hashed: bool) -> ItemWriter:
        """Begin a run, and return the writer of its items. With `hashed`, `written_files` have digests."""
        raise NotImplementedError

    def end_run(self) -> None:
        """End the threads of a run, whether it succeeded or failed."""

    def flush(self) -> bool:
        """Send what was written on its way, if it goes to a pipe. Return False if the pipe is busy: then ask again."""
        return True

    def replaces(self, source: Source) -> bool:  # noqa: ARG002
        """Return whether a commit replaces the source."""
        return False

    def fill_report(self, report: Report) -> None:
        """Put the outputs, packets and losses of a successful run into the report."""
        raise NotImplementedError

    def written_files(self, report: Report) -> list[CaptureFile]:  # noqa: ARG002
        """The files that a successful run wrote, with size, digest, packets and link type. Raises FileError."""
        return []

    def restart(self) -> None:
        """Remove what was written, so that another run can begin. Raises FileError."""
        raise NotImplementedError

    def commit(self, other_targets: Sequence[Target], read: Sequence[Source], report: Report, *, fsync: bool) -> None:
        """Give the sink's files and the other targets of the command their final names, or leave everything as it was,
        as `io.commit` does. Raises FileError."""
        raise NotImplementedError

    def discard(self) -> None:
        """Close the open files, and remove those that were not committed."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.discard()


class FileSink(Sink):
    """A sink that writes one file. `file_name` is the file's name in a sidecar."""

    def __init__(self, target: Target, file_name: str = "") -> None:
        self.target = target
        self.name = target.name
        self.seekable = target.seekable
        self._file_name = file_name
        self._output: BufferedOutput | None = None
        self._writer: formats.Writer | None = None

    def check(self, source: Source) -> None:
        """See `Sink.check`."""
        if overwrites_source(source, self.target):
            raise UsageError(
                f"{self.name}: input and output are the same open file; give their path instead", path=self.name
            )

    def begin_run(self, settings: WriterSettings, *, hashed: bool) -> formats.Writer:
        """See `Sink.begin_run`."""
        self._output = BufferedOutput(self.target, hashed=hashed, compression=output_compression(settings))
        self._writer = formats.open_writer(settings, self._output)
        return self._writer

    def end_run(self) -> None:
        """See `Sink.end_run`."""
        if self._output is not None:
            self._output.close()

    def flush(self) -> bool:
        """See `Sink.flush`."""
        return self._output is None or self._output.flush_to_pipe()

    def flush_and_wait(self) -> None:
        """Do `flush`, and wait until the pipe has taken everything. Raises FileError."""
        if self._output is not None:
            self._output.send_to_pipe()

    def replaces(self, source: Source) -> bool:
        """See `Sink.replaces`."""
        return self.target.path is not None and source.is_at(self.target.path)

    def fill_report(self, report: Report) -> None:
        """See `Sink.fill_report`."""
        assert self._writer is not None
        report.packets_written = self._writer.packets
        report.warn_of_zeros_at_end(self.name, self._writer.zeros_at_end)
        report.losses = dict(self._writer.losses)

    def written_files(self, report: Report) -> list[CaptureFile]:
        """See `Sink.written_files`."""
        assert self._output is not None
        assert self._writer is not None
        size, link_type = self._output.position, self._writer.link_type or 0
        content = size, self._output.sha256, report.packets_written, link_type
        return [CaptureFile(self._file_name, *content, file_sha256=self._output.file_sha256)]

    def restart(self) -> None:
        """See `Sink.restart`."""
        self.target.restart()

    def commit(self, other_targets: Sequence[Target], read: Sequence[Source], report: Report, *, fsync: bool) -> None:  # noqa: ARG002
        """See `Sink.commit`. The capture gets its name last: it may replace the source, which is the only other file
        with what a sidecar or a file of secrets keeps."""
        commit([*other_targets, self.target], read, fsync=fsync)

    def discard(self) -> None:
        """See `Sink.discard`."""
        self.target.discard()


class NoSink(Sink):
    """A sink that writes nothing, for what steps take from a capture. A report has no outputs then."""

    def begin_run(self, settings: WriterSettings, *, hashed: bool) -> ItemWriter:  # noqa: ARG002
        """See `Sink.begin_run`."""
        return _NoWriter()

    def fill_report(self, report: Report) -> None:
        """See `Sink.fill_report`."""
        report.outputs, report.target_format = [], None

    def restart(self) -> None:
        """See `Sink.restart`."""

    def commit(self, other_targets: Sequence[Target], read: Sequence[Source], report: Report, *, fsync: bool) -> None:  # noqa: ARG002
        """See `Sink.commit`."""
        commit(other_targets, read, fsync=fsync)


class _NoWriter:
    """Writes nothing."""

    def write(self, item: Item) -> None:
        """See `ItemWriter.write`."""

    def finish(self) -> None:
        """See `ItemWriter.finish`."""
