"""Reading a capture from Python: `pcapconv.open` and the `Capture` that it returns."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from threading import Lock
from typing import TYPE_CHECKING, Self

from pcapconv import formats
from pcapconv.capture_metadata import CaptureMetadata, Secrets
from pcapconv.errors import UsageError
from pcapconv.formats.batch_buffers import BatchBuffers
from pcapconv.io.paths import STDIO, Readable
from pcapconv.io.source import check_salvage, open_source, view_of
from pcapconv.kernels import choose
from pcapconv.model import Damage, Interface, Item, Notice, Packet, PacketBatch, PacketRows, damage_error

if TYPE_CHECKING:
    from pyarrow import RecordBatchReader


class Capture:
    """An open capture, which `open` returns. It can be read once: packet by packet, in batches, or as items.

    A loop over the capture yields each `Packet`. The capture has one position: a loop, `batches` and `items` all
    continue after the last packet or item that any of them yielded.

    * `name`: the source's name in messages.
    * `damage`: what could not be read up to the position.
    * `warnings`: what is odd up to the position, although nothing is lost.
    """

    def __init__(
        self,
        source: Readable,
        *,
        strict: bool = False,
        fractions: str | None = None,
        salvage: bool = False,
        sidecar: bool | str | os.PathLike[str] | None = None,
    ) -> None:
        check_salvage(salvage=salvage, strict=strict)
        self._strict = strict
        self._opened_with = source, fractions, salvage, sidecar
        self.damage: list[Damage] = []
        self.warnings: list[Notice] = []
        self._metadata = CaptureMetadata()
        buffers = BatchBuffers()
        self._owned: Callable[[PacketBatch], PacketBatch] = buffers.owned
        with ExitStack() as stack:
            opened = stack.enter_context(open_source(source, fractions=fractions, salvage=salvage))
            self.name: str = opened.name
            self._view = view_of(opened)
            if sidecar is None or sidecar is False:
                self._reader = formats.open_reader(opened, batch_buffers=buffers)
                items = self._reader.items()
            else:
                from pcapconv.formats.compressed_captures import plain_content
                from pcapconv.sidecar import open_read_sidecar

                opened = plain_content(opened, stack)
                read_sidecar = open_read_sidecar(source, opened, sidecar, stack)
                if read_sidecar is not None and not read_sidecar.adapt_to_edits():
                    read_sidecar.check_capture()
                self._reader = formats.open_reader(opened)
                items, self._owned = self._reader.items(), PacketBatch.copy  # a sidecar makes other batches
                items = items if read_sidecar is None else read_sidecar.restore_items(items)
            self._items = self._read(items)
            self._reading = Lock()  # held while an item is read
            self._packets: Iterator[Packet] = iter(choose().PacketLoop(self._next_rows))
            self._batch: PacketBatch | None = None  # the batch from which iteration gives packets
            self._batch_rows: PacketRows | None = None  # its packets
            self._stack = stack.pop_all()

    def __repr__(self) -> str:
        return f"<Capture {self.name!r}, {self.format}>"

    @property
    def format(self) -> str:
        """The format that the file is in: `pcap` or `pcapng`."""
        return self._reader.format

    @property
    def interfaces(self) -> list[Interface]:
        """The interfaces up to the position, of all sections. Raises FormatError if they take more than 64 MiB."""
        return self._metadata.interfaces()

    @property
    def names(self) -> dict[str, list[str]]:
        """The names that the capture gives to addresses, up to the position: `{"192.0.2.1": ["router"]}`. Raises
        FormatError if they take more than 64 MiB."""
        return self._metadata.names()

    @property
    def secrets(self) -> list[Secrets]:
        """The secrets up to the position, each with its `kind` and its `data`. Raises FormatError if they take more
        than 64 MiB."""
        return self._metadata.secrets()

    def items(self, *, reuse: bool = False) -> Iterator[Item]:
        """Yield everything in file order. The items are:

        * `Section`: the beginning of a pcapng section, or of the pcap file: byte order, version, options.
        * `Interface`: an interface of that section: id, link type, snaplen, resolution of times, name, options. It
          comes before the first of its packets.
        * `PacketBatch`: a run of packets of that section, as columns; a loop over it yields each `Packet`.
        * `Block`: any other pcapng block, as bytes: names, statistics, secrets, custom, unknown.
        * `Damage`: a place that could not be read. `damage` lists these, too.
        * `Notice`: something odd, although nothing is lost. `warnings` lists these, too.

        Each batch owns its memory. With `reuse`, which is a little faster, a batch is valid only until the next item is
        asked for. Raises FormatError and FileError, and DamageError if the capture is `strict`.
        """
        while (item := self._next_item()) is not None:
            yield self._owned(item) if isinstance(item, PacketBatch) and not reuse else item

    def batches(self, *, reuse: bool = False) -> Iterator[PacketBatch]:
        """Yield each `PacketBatch`, and pass over all other items. `reuse` and the errors are those of `items`."""
        return (item for item in self.items(reuse=reuse) if isinstance(item, PacketBatch))

    def to_arrow(self, columns: Sequence[str] | str | None = None, *, inner: bool = False) -> RecordBatchReader:
        """The packets from the position on as a reader of pyarrow, which gives one record batch after the other, and
        reads the capture as it is read.

        * `columns`: the names of the columns, in their order; None for the default ones. The page
          `docs/how-to/tables.md` describes each.
        * `inner`: columns of headers are about the innermost packets of tunnels.

        Raises UsageError without pyarrow, and for a column that does not exist. While record batches are read, raises
        what `items` raises, and TargetError for a time that nanoseconds in 64 bits cannot hold.
        """
        from pcapconv.arrow import pyarrow_for
        from pcapconv.arrow.column_names import parse_columns

        chosen = parse_columns(columns)
        pyarrow_for("to_arrow")
        from pcapconv.arrow.record_batches import open_record_batches

        return open_record_batches(self.batches(reuse=True), chosen, self.name, inner=inner)

    def __iter__(self) -> Iterator[Packet]:
        return self._packets

    def _next_rows(self) -> PacketRows | None:
        """Return the packets of the next batch; None at the end."""
        while (item := self._read_item()) is not None:
            if isinstance(item, PacketBatch):
                self._batch, self._batch_rows = item, item.packet_rows()
                return self._batch_rows
        return None

    def _next_item(self) -> Item | None:
        """Return a batch of the rows that iteration has not given yet, or else the next item; None at the end."""
        batch, rows = self._batch, self._batch_rows
        self._batch = self._batch_rows = None
        if batch is not None and rows is not None and (done := rows.done) < batch.rows:
            rows.stop()  # so that iteration goes on after this batch
            return batch.slice(done, batch.rows)
        return self._read_item()

    def _read_item(self) -> Item | None:
        """Read the next item; None at the end. Raises UsageError while another thread reads one."""
        if not self._reading.acquire(blocking=False):
            raise UsageError(
                f"{self.name}: another thread reads this capture; one thread at a time can", path=self.name
            )
        try:
            return next(self._items, None)
        finally:
            self._reading.release()

    def open_again(self) -> Capture:
        """Open the capture a second time, at its beginning; this one stays where it is. Raises UsageError for a pipe,
        and what `open` raises."""
        source, fractions, salvage, sidecar = self._opened_with
        if self._view is None:
            raise UsageError(f"{self.name}: a pipe cannot be read a second time; give a file", path=self.name)
        by_name = isinstance(source, str | os.PathLike) and source != STDIO
        return Capture(source if by_name else self._view, fractions=fractions, salvage=salvage, sidecar=sidecar)

    def close(self) -> None:
        """Close the files that `open` opened. A file object that the caller passed stays open."""
        self._stack.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _read(self, items: Iterator[Item]) -> Iterator[Item]:
        """Yield the items, and collect the damage and the warnings among them."""
        for item in items:
            if isinstance(item, Damage):
                if self._strict:
                    raise damage_error(self.name, item)
                self.damage.append(item)
            elif isinstance(item, Notice):
                self.warnings.append(item)
            elif not isinstance(item, PacketBatch):
                self._metadata.add(item)
            yield item


def open(  # noqa: A001 - the front door's name
    source: Readable,
    *,
    strict: bool = False,
    fractions: str | None = None,
    salvage: bool = False,
    sidecar: bool | str | os.PathLike[str] | None = None,
) -> Capture:
    """Open a capture for reading.

    * `source`: a path, `-` for stdin, or a binary file object, which stays open.
    * `strict`: raise a DamageError when reading gets to damage. Otherwise `Capture.damage` lists damage.
    * `fractions`: `"nanoseconds"` reads the fractions of a second in a pcap file as nanoseconds, whatever its magic
      number states.
    * `salvage`: read on behind damage, at the next packets that are certain, see `docs/explanation/damage.md`. Not
      together with `strict`.
    * `sidecar`: read a pcap file as the pcapng capture from which it was made. True uses the sidecar beside the file, a
      path names another sidecar, see `docs/reference/sidecar.md`. A pcapng capture needs no sidecar.

    Returns a `Capture`, which is also a context manager that closes the file. Raises FormatError if the source is not a
    capture, FileError if it cannot be opened, SidecarError if the sidecar does not fit, and UsageError for invalid
    arguments.
    """
    return Capture(source, strict=strict, fractions=fractions, salvage=salvage, sidecar=sidecar)
