"""The packets of a new capture on their way to its writer: one batch, to which packets are appended.

Strategy: the batch is handed over when it is full, and before any other item, so that all items stand in the order in
which they were written. A packet that is larger than the batch's buffer is a batch of its own. Other threads may call
`try_append` at any time; all other methods are called by one thread at a time.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from pcapconv.creating.new_capture import NewCapture
from pcapconv.errors import UsageError
from pcapconv.kernels import choose
from pcapconv.model import Columns, Interface, PacketBatch
from pcapconv.spec import pcapng
from pcapconv.steps.batch_rows import distinct
from pcapconv.steps.snaplens import SnaplenLimits, longer_packet_notice

_BUFFER_SIZE = 256 * 1024
_ROWS = 2048
_MAX_UINT32 = 2**32 - 1


class PacketOutput:
    """Takes packets with the ids and ticks of the new capture's interfaces. `own` are the interfaces that the caller
    declared, by the object's id. `on_failure` is called when no packet can be written any more.

    * `try_append`: the kernel's `PacketAppender.append`.
    * `limits`: the snaplens of the interfaces; whoever declares an interface adds its limit.
    * `latest`: the ticks of the last packet of each interface, once it was handed over.
    """

    def __init__(self, new: NewCapture, own: Mapping[int, Interface], on_failure: Callable[[], object]) -> None:
        self._new = new
        self._own = own
        self._on_failure = on_failure
        self._handed_over = 0
        self._closed = False
        self._buffer, self._columns = bytearray(_BUFFER_SIZE), Columns(_ROWS)
        self._appender = choose().PacketAppender(self._buffer, self._columns)
        self.try_append = self._appender.append
        self.limits = SnaplenLimits()
        self.latest: dict[int, int] = {}

    @property
    def packets(self) -> int:
        """The number of packets so far."""
        return self._handed_over + (0 if self._closed else int(self._appender.rows))

    def append(self, data: bytes, ticks: int | None, interface: Interface, length: int, options: bytes) -> None:
        """Append a packet; `ticks` is None for one without a time."""
        record_type = pcapng.ENHANCED_PACKET
        if ticks is None:
            ticks = 0
            read_length = min(length, interface.snaplen or _MAX_UINT32)  # of a Simple Packet
            if self._new.format == "pcap" or (interface.id == 0 and not options and read_length == len(data)):
                record_type = pcapng.SIMPLE_PACKET
            else:
                self._new.losses["packets-without-time"] += 1
        small = len(data) + len(options) <= _BUFFER_SIZE
        while small:  # again if other threads have filled the buffer meanwhile
            if self.try_append(data, ticks, interface.id, length, options, record_type):
                return
            self.hand_over()
        self.hand_over()
        columns = Columns(1)
        buffer = bytearray(len(data) + len(options))
        choose().PacketAppender(buffer, columns).append(data, ticks, interface.id, length, options, record_type)
        self.pass_on(self._batch(buffer, columns, 1))

    def hand_over(self) -> None:
        """Hand the packets that were appended to the writer."""
        try:
            self._pass_on_appended()
        finally:
            self._appender.clear()

    def close(self) -> None:
        """Hand the packets that were appended to the writer, and append no more."""
        self._pass_on_appended()
        self._closed = True

    def _pass_on_appended(self) -> None:
        self._appender.pause()
        rows = self._appender.rows
        if rows:
            self.pass_on(self._batch(self._buffer, self._columns, rows))

    def _batch(self, buffer: bytearray, columns: Columns, rows: int) -> PacketBatch:
        batch = PacketBatch(
            buffer,
            columns,
            rows,
            first_number=self._handed_over + 1,
            section=self._new.section,
            interfaces=self._new.interfaces,
        )
        batch.contiguous = False
        return batch

    def pass_on(self, batch: PacketBatch) -> None:
        """Pass a batch to the writer, and note what is asked about its packets later."""
        try:
            self._check_snaplens(batch)
            self._new.write(batch)
        except BaseException:
            self._on_failure()
            self._new.fail()
            raise
        column, rows = batch.columns.interface[: batch.rows], batch.rows
        for number in distinct(column):
            last = rows - 1 - column[::-1].index(number)
            self.latest[number] = batch.columns.ticks[last]
        self._handed_over += rows

    def _check_snaplens(self, batch: PacketBatch) -> None:
        for row in self.limits.rows_above(batch):
            number = batch.columns.interface[row]
            interface = self._new.interfaces[number]
            if id(interface) in self._own:
                captured = batch.columns.captured_length[row]
                raise UsageError(
                    f"{self._new.name}: packet {batch.number(row)} has {captured} bytes, more than the snaplen "
                    f"{interface.snaplen} of its interface; declare it with a larger one, or without",
                    path=self._new.name,
                    packet_number=batch.number(row),
                )
            if self._new.format == "pcapng":
                self._new.report.add_warning(longer_packet_notice(batch, row, interface, "pcapng"))
            self.limits.raise_limit(number)
