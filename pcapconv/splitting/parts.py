"""The parts of a run: opens, writes, names and finishes their files, however many parts the split has.

Strategy: a split may have thousands of parts, but writes to few of them at a time. All parts begin with small buffers.
Once all buffers together exceed `_BUDGET`, the least recently written parts release their buffers, threads and open
files, and end the member of a compressed file. The number of parts, and the bytes of the shared blocks that parts
repeat, have limits, since both can be very large for a small capture.
"""

from __future__ import annotations

from array import array
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from pcapconv import formats, timestamps
from pcapconv.errors import UsageError
from pcapconv.formats.output_compression import output_compression
from pcapconv.formats.pcapng_writer import block_size
from pcapconv.formats.settings import WriterSettings
from pcapconv.io.buffered_output import BufferedOutput
from pcapconv.io.file_set import FileSet
from pcapconv.io.name_template import Template, TemplateValues
from pcapconv.kernels import choose
from pcapconv.kernels.contract import MOST_TICKS, TOTALS
from pcapconv.model import Block, Interface, Item, PacketBatch, Section
from pcapconv.text import counted
from pcapconv.time_zones import TimeZone
from pcapconv.wording import argument, call

MOST_PARTS = 10_000  # unless `max_parts` is given
_MOST_REPEATED = 64 * 2**20  # bytes that parts may repeat, whatever the size of the input
_MOST_TIMES = 10  # how many times the size of the input they may repeat
_BUDGET = 16 * 2**20  # bytes
_COMPRESSORS = 32 * 2**20  # bytes besides, for compressors
_COST = 2000  # bytes of memory that a part takes besides its buffers
_NONE = "none"
_NO_TOTALS = array("Q", [0, 0, 0, MOST_TICKS, 0])  # an interface's entry in the `totals` of `count_packets`
_NO_TYPES = array("Q", bytes(8 * 256))


class OpenPart:
    """A part that may still grow.

    `key` is the interval, interface, link type or section whose packets the part gets, None while that is not known.
    `name_values` are the values for the part's name, None before its first packet, whose number is `first_number`.
    `section` is the number of the section that was written last; the part has the first `shared_count` of that
    section's shared blocks, and, if the part declares only its own interfaces, the first `own_count` of these.
    `has_only_shared` is True while the part has nothing but shared blocks. `header_bytes` is the size of all shared
    blocks in the part.
    """

    __slots__ = (
        "first_number",
        "has_only_shared",
        "header_bytes",
        "index",
        "key",
        "name",
        "name_values",
        "output",
        "own_count",
        "packets",
        "section",
        "shared_count",
        "times",
        "writer",
    )

    def __init__(self, index: int, output: BufferedOutput, writer: formats.Writer) -> None:
        self.index = index
        self.output = output
        self.writer = writer
        self.key: Hashable = None
        self.name_values: TemplateValues | None = None
        self.name = ""
        self.first_number = 0
        self.packets = 0
        self.has_only_shared = True
        self.section = -1
        self.shared_count = 0
        self.own_count = 0
        self.header_bytes = 0
        self.times: dict[tuple[int, int], tuple[int, int]] = {}  # lowest and highest ticks by time unit


class OpenParts:
    """All parts of a run: opens them, writes to them, names them, and finishes them one by one or all at once.

    A run may have `most` parts. `can_grow` tells messages whether the caller can make larger parts. `input_size`
    returns the number of bytes of the input, or, if the size is not known, the number of bytes read so far. With
    `hashed`, reports have the SHA-256 and the link type of each part. `names` and `reports` are in the order of the
    parts, and complete once all parts are finished. `losses` and `packets` are sums over all parts; `repeated_losses`
    are the losses that were counted for another part before. `zeros_at_end` has, for the name of each part, the number
    of packets at its end that are nothing but zeros.
    """

    def __init__(
        self,
        files: FileSet,
        template: Template,
        stem: str,
        settings: WriterSettings,
        *,
        most: int,
        can_grow: bool,
        input_size: Callable[[], int],
        hashed: bool,
    ) -> None:
        self._most = most
        self._can_grow = can_grow
        self._input_size = input_size
        self._repeated = 0  # bytes of shared blocks that another part has, too
        self._hashed = hashed
        self._files = files
        self._template = template
        self._stem = stem
        self._settings = settings
        self._compression = output_compression(settings)
        self._unfinished: dict[OpenPart, None] = {}
        self._active: OrderedDict[OpenPart, int] = OrderedDict()  # bytes of buffers; the last written part at the end
        self._memory = 0  # bytes of all buffers in `_active`
        self._spares: list[bytearray] = []
        self._ended: OpenPart | None = None
        self._parts_by_path: dict[str, tuple[int, int]] = {}  # path → index and first packet of its part
        self._kernels = choose()
        self.format = settings.format
        self.needs_start = template.needs_start
        self.names: list[str] = []
        self.reports: list[dict[str, Any]] = []
        self.losses: Counter[str] = Counter()
        self.repeated_losses: Counter[str] = Counter()
        self.packets = 0
        self.zeros_at_end: dict[str, int] = {}

    def check_number(self, number: int) -> None:
        """Check that the run may have so many parts. Raises UsageError if there would be too many."""
        if number > self._most:
            enough = 10 * self._most
            larger = ", or make larger parts" if self._can_grow else ""
            raise UsageError(
                f"{self._template.text}: the capture makes more than {counted(self._most, 'part')}; "
                f"write {argument('max_parts', enough)} to have up to {enough:,}{larger}"
            )

    def new_part(self) -> OpenPart:
        """Open a new part. Raises UsageError if there would be too many parts, and FileError."""
        number = len(self.names) + 1
        self.check_number(number)
        output = BufferedOutput(
            self._files.new_file(), spares=self._spares, hashed=self._hashed, compression=self._compression
        )
        writer = formats.open_writer(self._settings, output)
        self.names.append("")
        self.reports.append({})
        part = OpenPart(number, output, writer)
        self._unfinished[part] = None
        return part

    def write(self, part: OpenPart, *items: Item) -> None:
        """Write items to a part. Raises TargetError, and FileError if the part's file cannot be written."""
        for item in items:
            part.writer.write(item)
        held = part.output.memory
        self._memory += held - self._active.pop(part, 0)
        self._active[part] = held
        budget = max(_BUDGET // 4, _BUDGET - _COST * len(self._unfinished))
        budget += 0 if self._compression is None else _COMPRESSORS
        while self._memory > budget and len(self._active) > 1:
            oldest, held = self._active.popitem(last=False)
            self._memory -= held
            oldest.output.release()

    def write_shared(self, part: OpenPart, items: Sequence[Section | Interface | Block], *, repeated: bool) -> None:
        """Write shared blocks to a part. `repeated` is true if another part has these blocks, too: then their losses do
        not count again. Raises UsageError if parts repeat too many bytes, and the errors of `write`."""
        before: Counter[str] = Counter()
        if repeated:
            self._check_repeated(part, items)
            before.update(part.writer.losses)
        begin = part.output.position
        self.write(part, *items)
        part.header_bytes += part.output.position - begin
        if repeated:
            self.repeated_losses.update(Counter(part.writer.losses) - before)

    def _check_repeated(self, part: OpenPart, items: Sequence[Section | Interface | Block]) -> None:
        """Check the number of bytes that parts repeat. In pcap only interfaces count: they are not written, but take
        memory. Raises UsageError if the parts repeat too many bytes."""
        pcap = self.format == "pcap"
        self._repeated += sum(block_size(item) for item in items if isinstance(item, Interface) or not pcap)
        size = self._input_size()
        if self._repeated > max(_MOST_REPEATED, _MOST_TIMES * size):
            what = "interfaces" if pcap else "headers"
            processes = any(isinstance(item, Block) and item.is_process for item in items)
            kinds = "names,secrets,custom,unknown" if processes else "names,secrets"
            larger = "make larger parts, or " if self._can_grow else ""
            raise UsageError(
                f"{self._template.text}: the {what} that parts repeat come to {self._repeated:,} bytes with part "
                f"{part.index}, more than 64 MiB and {_MOST_TIMES} times the input's {size:,}; {larger}"
                f"leave out what they repeat: {call('pcapconv.split', by='interface')} first, "
                f"{argument('strip', kinds)}"
            )

    def write_packets(self, part: OpenPart, batch: PacketBatch) -> None:
        """Write packets to a part, and note their number and times. Raises the errors of `write`."""
        part.packets += batch.rows
        self._note_times(part, batch)
        self.write(part, batch)

    def _note_times(self, part: OpenPart, batch: PacketBatch) -> None:
        interfaces = batch.interfaces
        totals = _NO_TOTALS * len(interfaces)
        self._kernels.count_packets(batch.columns, batch.rows, totals, _NO_TYPES[:])
        some = len(interfaces) > batch.rows
        for number in set(batch.columns.interface[: batch.rows]) if some else range(len(interfaces)):
            lowest, highest = totals[number * TOTALS + 3 : number * TOTALS + 5]
            if lowest <= highest and not interfaces[number].time_error:
                time_unit = interfaces[number].ticks_per_second, interfaces[number].time_offset
                known = part.times.get(time_unit, (lowest, highest))
                part.times[time_unit] = min(lowest, known[0]), max(highest, known[1])

    def give_name(self, part: OpenPart) -> None:
        """Choose the name of a part's file, which gets that name when the split is committed. Raises UsageError if
        another part has the name, FileError if a file that may not be replaced has it."""
        name_values = part.name_values or TemplateValues(part.index, None, _NONE, _NONE, max(0, part.section))
        name = self._template.name(name_values, self._stem)
        path = self._files.check_name(name)
        index, first_number = self._parts_by_path.setdefault(path, (part.index, part.first_number))
        if index != part.index:
            raise UsageError(
                f"{self._template.text}: part {index}, which begins with packet {first_number}, and part "
                f"{part.index}, which begins with packet {part.first_number}, would both be {name}; "
                "put {index} into the template"
            )
        part.name = part.output.name = self.names[part.index - 1] = name

    def end_part(self, part: OpenPart) -> None:
        """Note that this part gets nothing more. The part is finished when the next part ends, so that its thread can
        write meanwhile."""
        if self._ended is not None:
            self._finish(self._ended)
        part.output.start_writing()
        self._ended = part

    def _finish(self, part: OpenPart) -> None:
        """Write the end of a part, close its file, and note its report."""
        if not part.name:
            self.give_name(part)
        part.writer.finish()
        digest = part.output.sha256 if self._hashed else ""
        part.output.release()
        self._memory -= self._active.pop(part, 0)
        del self._unfinished[part]
        self.losses.update(part.writer.losses)
        self.packets += part.packets
        self.zeros_at_end[part.name] = part.writer.zeros_at_end
        first, last = _span(part, self._template.zone)
        self.reports[part.index - 1] = {
            "name": part.name,
            "packets": part.packets,
            "bytes": part.output.position,
            "first_time": first,
            "last_time": last,
        }
        if self._hashed:
            self.reports[part.index - 1] |= {"sha256": digest, "link_type": part.writer.link_type or 0}

    def finish_all(self) -> None:
        """Finish all parts that are open. Raises the errors of `write` and `give_name`."""
        for part in list(self._unfinished):
            self._finish(part)

    def close(self) -> None:
        """End all threads, also after an error."""
        for part in self._unfinished:
            part.output.close()


def _span(part: OpenPart, zone: TimeZone) -> tuple[str | None, str | None]:
    """The times of a part's earliest and latest packet in the zone, as text with all digits; None if no packet has a
    time."""
    if not part.times:
        return None, None
    times = [timestamps.instant(ticks, *time_unit) for time_unit, span in part.times.items() for ticks in span]
    digits = max(timestamps.digits(per_second) for per_second, _ in part.times)
    return timestamps.format_instant(min(times), digits, zone), timestamps.format_instant(max(times), digits, zone)
