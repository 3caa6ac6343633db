"""The items of a new capture on their way to its file, which appears whole or not at all.

Strategy: the section's header comes first, but comments may be added to it until the first packet. So items are held
back until then, up to 32 MiB. After an error of the writer nothing can be written any more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from pcapconv.conversion import NO_INTERFACE, OnLoss, refuse_losses
from pcapconv.creating.packed_values import ORDER
from pcapconv.errors import TargetError, UsageError, name_in_errors
from pcapconv.formats.settings import WriterSettings
from pcapconv.model import Block, Interface, Item, Notice, PacketBatch, Section
from pcapconv.report import Report
from pcapconv.sinks import FileSink
from pcapconv.spec import option_lists

_MOST_HELD = 32 * 2**20  # bytes
_ITEM_SIZE = 500  # bytes of memory for an item besides its body


class NewCapture:
    """A capture that is written to a sink. `losses` and `left_out` count what other modules could not keep; `finish`
    puts them into the report."""

    def __init__(
        self, sink: FileSink, settings: WriterSettings, options: bytes, on_loss: OnLoss, *, fsync: bool
    ) -> None:
        self._sink = sink
        self._on_loss: OnLoss = on_loss
        self._fsync = fsync
        self.name = sink.name
        self.format = settings.format
        self.report = Report("", sink.name, settings.format)
        self.report.inputs = []
        self.report.target_compression = settings.compress
        self.losses: Counter[str] = Counter()
        self.left_out: Counter[str] = Counter()
        self.section = Section(0, ORDER, (1, 0), "pcapng", raw_options=options)
        self.interfaces: list[Interface] = []
        self._writer = sink.begin_run(settings, hashed=False)
        self._writer.has_other_interfaces = True  # a snaplen in a pcap header is never below the longest packet
        self._held: list[Item] | None = []  # until the section's header is written
        self._held_size = 0
        self._comments: list[tuple[int, bytes]] = []  # to be added to that header
        self._comments_size = 0
        self._ended = ""  # why nothing can be written any more
        self.is_complete = False

    def check_open(self) -> None:
        """Raise UsageError if nothing can be written any more."""
        if self._ended:
            raise UsageError(f"{self.name}: {self._ended}", path=self.name)

    def add_comments(self, comments: Iterable[bytes]) -> None:
        """Add comments to the section's header. Raises UsageError if it is written already, and TargetError for more
        comments than memory should hold."""
        for comment in comments:
            if self._held is None:
                raise UsageError(
                    f"{self.name}: comments on the capture stand before its packets; add them before the first packet",
                    path=self.name,
                )
            self._comments_size += _ITEM_SIZE + len(comment)
            if self._comments_size > _MOST_HELD:
                raise TargetError(
                    f"{self.name}: more than {_MOST_HELD >> 20} MiB of comments on the capture", path=self.name
                )
            self._comments.append((option_lists.COMMENT, comment))

    def write(self, item: Item) -> None:
        """Write an item, or hold it back. Raises what writers raise."""
        self.check_open()
        if self._held is not None:
            self._held_size += _ITEM_SIZE + (len(item.body) if isinstance(item, Block) else 0)
            if not isinstance(item, PacketBatch) and self._held_size <= _MOST_HELD:
                self._held.append(item)
                return
            self.begin()
        self._pass_on(item)

    def begin(self) -> None:
        """Write the section's header, and what was held back."""
        held, self._held = self._held, None
        if held is not None:
            options = option_lists.edit(self.section.raw_options, ORDER, add=self._comments)
            self.section = self.section._replace(raw_options=options)
            for item in (self.section, *held):
                self._pass_on(item)

    def flush(self) -> None:
        """Send what was written on its way to the reader of a pipe. Raises what writers raise."""
        self.check_open()
        self.begin()
        try:
            self._sink.flush_and_wait()
        except BaseException:
            self.fail()
            raise

    def _pass_on(self, item: Item) -> None:
        try:
            with name_in_errors(self.name):
                self._writer.write(item)
        except BaseException:
            self.fail()
            raise

    def fail(self) -> None:
        """Refuse all that follows, since an error has lost something."""
        self._ended = "an error has ended this capture before; nothing is written"

    def finish(self) -> None:
        """Complete the capture, and give it its name. Raises LossError, and what writers raise."""
        self.check_open()
        self._ended = "this capture is complete; create another one"
        report = self.report
        try:
            with name_in_errors(self.name):
                self.begin()
                self._writer.finish()
        finally:
            self._sink.end_run()
        self._sink.fill_report(report)
        report.losses = dict(Counter(report.losses) + self.losses)
        report.left_out = +self.left_out
        if not self.interfaces and self.format == "pcap":
            report.add_warning(Notice(None, NO_INTERFACE))
        if self._on_loss == "fail":
            refuse_losses(report, self.name, merged=False)
        self._sink.commit([], [], report, fsync=self._fsync)
        self.is_complete = True

    def discard(self) -> None:
        """Remove what was not completed, and close files."""
        self._ended = self._ended or "this capture was given up"
        self._sink.end_run()
        self._sink.discard()
