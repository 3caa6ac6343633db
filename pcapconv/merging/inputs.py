"""The inputs of a merge, and their parts: a part is one section of an input, and is merged like an input of its own.

Strategy: every input is opened at the beginning, and its head is read, up to the first packet: its interfaces, and the
time at which it is needed. Then it is closed, until the merge has come to that time. An input is taken for one part. If
a further section is met, `survey` reads all inputs whole and finds where their sections begin. Sections of compressed
or salvaged inputs are then in one temporary file.
"""

from __future__ import annotations

import io
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from pcapconv import formats
from pcapconv.errors import FileError, NotACaptureError, PcapconvError, UsageError
from pcapconv.formats import Reader
from pcapconv.formats.compressed_captures import plain_content
from pcapconv.formats.settings import WriterSettings
from pcapconv.io.buffered_output import BufferedOutput
from pcapconv.io.final_names import TEMPORARY
from pcapconv.io.paths import STDIO, Readable, comparable_path
from pcapconv.io.read_write import TEMPORARY_FILE, reading
from pcapconv.io.source import WINDOW_SIZE, Source, open_again, open_source, spool
from pcapconv.io.target import Target
from pcapconv.io.temporary_file import temporary_file
from pcapconv.model import Damage, Interface, Notice, PacketBatch, Section
from pcapconv.spec import pcap
from pcapconv.text import counted, first_and_more

_INDEXED = {variant.name for variant in (pcap.MODIFIED, pcap.RED_HAT, pcap.SUSE)}  # their records name interfaces
_HEAD = 64 * 1024  # bytes of a window for the head of an input


class FurtherSectionError(PcapconvError):
    """An input has a further section: the merge must start again, after a survey."""


class Part:
    """A section of an input: its bytes from `begin` up to `end`, or to the end of the input.

    `rank` is its place among all parts. `packets_before` are those of the input before it. After `read_head`: the
    `section` and its `interfaces` before the first packet; the ticks and the interface id of the `first` packet, None
    if the part has no packet, or if that one has no time.
    """

    def __init__(self, source: Source, begin: int = 0, end: int | None = None, packets_before: int = 0) -> None:
        self.source = source
        self.rank = 0
        self.begin = begin
        self.end = end
        self.packets_before = packets_before
        self.section = Section(0, "little", (1, 0), "pcapng")
        self.interfaces: list[Interface] = []
        self.first: tuple[int, int] | None = None
        self.format = ""
        self.compression: str | None = None

    @contextmanager
    def open(self, window_size: int = WINDOW_SIZE) -> Iterator[tuple[Source, Reader]]:
        """Open the part, and its reader. Raises FormatError and FileError."""
        with open_again(self.source, self.begin, self.end) as source:
            yield source, formats.open_reader(source, window_size)

    def read_head(self) -> bool:
        """Read everything before the first packet. Return False if a further section comes before it."""
        with self.open(_HEAD) as (_, reader):
            self.format, self.compression = reader.format, reader.compression
            sections = 0
            for item in reader.items():
                if isinstance(item, Section):
                    sections += 1
                    if sections > 1:
                        return False
                    self.section = item
                elif isinstance(item, Interface):
                    self.interfaces.append(item)
                elif isinstance(item, PacketBatch):
                    interface = item.columns.interface[0]
                    if item.packet(0).ticks is not None and not item.interfaces[interface].time_error:
                        self.first = item.columns.ticks[0], interface
                    break
        return True

    def place(self, finding: Damage | Notice) -> Damage | Notice:
        """Return damage, or a notice, with the input's name, and with offset and packet number in the input."""
        begin = 0 if isinstance(finding, Damage) and finding.compressed_offset is not None else self.begin
        if finding.offset is not None:
            finding = finding._replace(offset=finding.offset + begin)
        if isinstance(finding, Damage):
            finding = finding._replace(packet_number=finding.packet_number + self.packets_before)
        return finding._replace(input=self.source.name)


class Inputs(Source):
    """The inputs of a merge, as one source. Use it as a context manager. `sources` are the inputs, closed if they can
    be opened again; `parts` are their parts, in order. `surveyed` is whether `survey` was called. `notices` say what is
    odd about files of directories."""

    def __init__(
        self, readables: Sequence[Readable], output: object, fractions: str | None = None, *, salvage: bool = False
    ) -> None:
        """`output` is not read as a capture of a directory; if it is a file there, it has to be named as an input, too.
        Raises FormatError, FileError and UsageError."""
        super().__init__(io.BytesIO(), "", owned=True)  # a source needs a file; this one reads its inputs
        self._stack = ExitStack()
        self._fractions = fractions
        self._salvage = salvage
        self.surveyed = self._has_further_sections = False
        self._opened: set[Source] = set()
        self._bytes_done = 0
        self._shared: io.FileIO | None = None
        self.sources: list[Source] = []
        self.parts: list[Part] = []
        self.notices: list[Damage | Notice] = []
        self._named = {comparable_path(readable) for readable in readables}
        try:
            for readable in readables:
                if isinstance(readable, str | os.PathLike) and readable != STDIO and os.path.isdir(readable):
                    self._add_directory(os.fspath(readable), output)
                else:
                    self._add(readable)
            if not self.sources:
                raise UsageError("there is no input; name captures, or directories of captures", option="sources")
        except BaseException:
            self._stack.close()
            raise
        self._number_parts()
        self.name = first_and_more([source.name for source in self.sources])

    @property
    def format(self) -> str:
        """The format of all inputs; `mixed` if they have several."""
        found = {part.format for part in self.parts}
        return found.pop() if len(found) == 1 else "mixed"

    @property
    def says_nothing_of_interfaces(self) -> bool:
        """Whether all inputs are pcap files that state one interface each, which has no name or number."""
        return all(part.format == "pcap" and part.section.variant not in _INDEXED for part in self.parts)

    @property
    def compression(self) -> str | None:
        """The compression of all inputs; None if they are not compressed, or not all in the same way."""
        found = {part.compression for part in self.parts}
        return found.pop() if len(found) == 1 else None

    @property
    def position_in_file(self) -> int:
        """The number of bytes read of all inputs."""
        return self._bytes_done + sum(source.position_in_file for source in self._opened)

    @contextmanager
    def open_part(self, part: Part, window_size: int) -> Iterator[Reader]:
        """Open a part, whose bytes count for the progress. Raises FormatError and FileError."""
        with part.open(window_size) as (source, reader):
            self._opened.add(source)
            try:
                yield reader
            finally:
                self._opened.discard(source)
                self._bytes_done += source.position_in_file

    def rewind(self) -> None:
        """Begin again to count the bytes that are read."""
        self._bytes_done = 0

    def close(self) -> None:
        """Close all inputs, also those whose readers were left where an error came."""
        self._stack.close()
        while self._opened:
            self._opened.pop().close()

    def is_at(self, path: str) -> bool:
        """Return whether a path leads to one of the inputs. Raises FileError."""
        return any(source.is_at(path) for source in self.sources)

    @property
    def needs_survey(self) -> bool:
        """Whether an input is known to have further sections which `survey` has not found yet."""
        return self._has_further_sections and not self.surveyed

    def survey(self, on_batch: Callable[[], object]) -> None:
        """Find the sections of all pcapng inputs, which are read whole. Raises FormatError and FileError."""
        parts = [each for part in self.parts for each in self._sections_of(part, on_batch)]
        self.surveyed, self.parts = True, parts
        self._number_parts()

    def _sections_of(self, part: Part, on_batch: Callable[[], object]) -> list[Part]:
        if part.format == "pcap":
            return [part]
        begins, packets = list[tuple[int, int]](), 0
        with part.open() as (_, reader):
            for item in reader.items():
                if isinstance(item, Section):
                    begins.append((item.offset if begins else 0, packets))
                elif isinstance(item, PacketBatch):
                    packets += item.rows
                    on_batch()
        if len(begins) == 1:
            return [part]
        if part.source.salvage:
            return self._sections_of(self._salvaged(part), on_batch)
        source = part.source
        if part.compression is not None:
            with open_again(source) as opened, ExitStack() as stack:
                source = plain_content(opened, stack, at_end_of=self._temporary_file())
                source.path = None  # the path leads to the compressed file
        ends = [*(begin for begin, _ in begins[1:]), None]
        parts = [Part(source, begin, end, before) for (begin, before), end in zip(begins, ends)]
        for each in parts:
            each.read_head()
        return parts

    def _temporary_file(self) -> io.FileIO:
        """Return the nameless temporary file that all inputs share whose parts cannot be read from themselves. Raises
        FileError."""
        if self._shared is None:
            self._shared = self._stack.enter_context(temporary_file())
        return self._shared

    def _salvaged(self, part: Part) -> Part:
        """Write what can be salvaged of an input into the temporary file; every section has a header there. What is
        wrong with the input goes to `notices`."""
        file = self._temporary_file()
        with reading(TEMPORARY_FILE):
            begin = file.seek(0, os.SEEK_END)
        output = BufferedOutput(Target(file, TEMPORARY_FILE))
        try:
            writer = formats.open_writer(WriterSettings("pcapng"), output)
            with part.open() as (_, reader):
                for item in reader.items():
                    if isinstance(item, Damage | Notice):
                        self.notices.append(part.place(item))
                    writer.write(item)
            writer.finish()
        finally:
            output.close()
        file.seek(begin)
        salvaged = Part(Source(file, part.source.name, owned=False))
        salvaged.read_head()
        return salvaged

    def _number_parts(self) -> None:
        for rank, part in enumerate(self.parts):
            part.rank = rank

    def _add(self, readable: Readable) -> None:
        with ExitStack() as stack:
            source = stack.enter_context(open_source(readable, fractions=self._fractions, salvage=self._salvage))
            if not source.seekable:
                source = self._stack.enter_context(spool(source))
            elif source.path is None or not source.plain:
                self._stack.push(stack.pop_all())
            part = Part(source)
            self._has_further_sections |= not part.read_head()
            self.sources.append(source)
            self.parts.append(part)

    def _add_directory(self, directory: str, output: object) -> None:
        """Add the captures in a directory, in order of name. Other files, and the output, are passed over."""
        with reading(directory):
            names = sorted(os.listdir(directory))
        others = []
        found, output_path = len(self.sources), comparable_path(output)
        for name in names:
            path = os.path.join(directory, name)
            if TEMPORARY.fullmatch(name) or not _is_file(path):
                continue
            if comparable_path(path) == output_path:
                if output_path in self._named:
                    continue
                raise UsageError(
                    f"{path}: it lies in {directory}, an input, and would be replaced without being read; name it as "
                    "an input, too, or write the output to another directory",
                    path=path,
                )
            try:
                self._add(path)
            except NotACaptureError:
                others.append(name)
        if found == len(self.sources):
            raise FileError(
                f"{directory}: there is no capture in it; files in directories below it are not read", path=directory
            )
        if others:
            fact = f"{counted(len(others), 'file is no capture', 'files are no captures')}, the first is {others[0]}"
            self.notices.append(Notice(None, f"{fact}; name it as an input to see why", directory))


def _is_file(path: str) -> bool:
    """Return whether a path leads to a plain file. Raises FileError if that cannot be found out."""
    with reading(path):
        try:
            return stat.S_ISREG(os.stat(path).st_mode)
        except FileNotFoundError:  # a link that leads nowhere, or a file that was removed just now
            return False
