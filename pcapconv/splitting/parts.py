"""The parts of a split, and the outputs behind them.

Strategy: there may be thousands of parts, of which few get much at a time: all begin with small buffers, and once these
take more than `_BUDGET` together, those that got nothing for longest rest, without buffer, thread or open file. What
many parts repeat, and how many there are, has limits, since a small capture can ask for much of both.
"""

from __future__ import annotations

from array import array
from collections import Counter, OrderedDict
from collections.abc import Callable, Hashable, Sequence
from typing import Any

from pcapconv import formats, timestamps
from pcapconv.errors import UsageError
from pcapconv.formats.pcapng_writer import block_size
from pcapconv.formats.settings import WriterSettings
from pcapconv.io.buffered_output import BufferedOutput
from pcapconv.io.file_set import FileSet
from pcapconv.io.name_template import Facts, Template
from pcapconv.kernels import choose
from pcapconv.kernels.contract import MOST_TICKS, TOTALS
from pcapconv.model import Block, Interface, Item, PacketBatch, Section
from pcapconv.text import counted
from pcapconv.wording import argument, call

MOST_PARTS = 10_000  # unless more are asked for
_MOST_REPEATED = 64 * 2**20  # bytes that parts may repeat in any case
_MOST_TIMES = 10  # and so many times the input
_BUDGET = 16 * 2**20
_COST = 2000  # bytes that a part takes besides
_NONE = "none"
_NO_TOTALS = array("Q", [0, 0, 0, MOST_TICKS, 0])  # of an interface, as `count_packets` has them
_NO_TYPES = array("Q", bytes(8 * 256))


class OpenPart:
    """A part that may still grow.

    `key` is what it is for, None while nobody knows. `facts` are what its name tells, None before its first packet,
    which is number `first_number`. `section` is the number of the section that was written last, `shared` counts those
    blocks of it that every part gets, and `own` its interfaces where a part declares its own only. `bare` tells that
    there are no other blocks in the part, nor packets; `header_bytes` is what those take that are.
    """

    __slots__ = (
        "bare",
        "facts",
        "first_number",
        "header_bytes",
        "index",
        "key",
        "name",
        "output",
        "own",
        "packets",
        "section",
        "shared",
        "times",
        "writer",
    )

    def __init__(self, index: int, output: BufferedOutput, writer: formats.Writer) -> None:
        self.index = index
        self.output = output
        self.writer = writer
        self.key: Hashable = None
        self.facts: Facts | None = None
        self.name = ""
        self.first_number = 0
        self.packets = 0
        self.bare = True
        self.section = -1
        self.shared = 0
        self.own = 0
        self.header_bytes = 0
        self.times: dict[tuple[int, int], tuple[int, int]] = {}  # by unit, the lowest and the highest ticks


class OpenParts:
    """All parts of a run: makes them, writes into them, names them, and closes them one by one or all at once.

    There are `most` parts at the most. `input_size` is asked how many bytes the input has, as far as is known. With
    `hashed`, reports have each part's SHA-256 and link type. `names` and `reports` are in the parts' order, and
    complete once all are finished; `losses` and `packets` are sums, and `repeated_losses` counts those among the losses
    that another part has, too. `zeros_at_end` has for each name how many packets at its end are nothing but zeros.
    """

    def __init__(
        self,
        files: FileSet,
        template: Template,
        stem: str,
        settings: WriterSettings,
        *,
        most: int,
        input_size: Callable[[], int],
        hashed: bool,
    ) -> None:
        self._most = most
        self._input_size = input_size
        self._repeated = 0  # bytes of blocks that another part has, too
        self._hashed = hashed
        self._files = files
        self._template = template
        self._stem = stem
        self._settings = settings
        self._open: dict[OpenPart, None] = {}
        self._awake: OrderedDict[OpenPart, int] = OrderedDict()  # and the memory it holds; the last used at the end
        self._held = 0
        self._spares: list[bytearray] = []
        self._retired: OpenPart | None = None
        self._taken: dict[str, tuple[int, int]] = {}  # path → a part's index and first packet
        self._kernels = choose()
        self.format = settings.format
        self.needs_start = template.needs_start
        self.names: list[str] = []
        self.reports: list[dict[str, Any]] = []
        self.losses: Counter[str] = Counter()
        self.repeated_losses: Counter[str] = Counter()
        self.packets = 0
        self.zeros_at_end: dict[str, int] = {}

    def new(self) -> OpenPart:
        """Begin a part. Raises UsageError where there would be too many, and FileError."""
        if len(self.names) == self._most:
            enough = 10 * self._most
            raise UsageError(
                f"{self._template.text}: the capture makes more than {counted(self._most, 'part')}; "
                f"write {argument('max_parts', enough)} to have up to {enough:,}, or make larger parts"
            )
        output = BufferedOutput(self._files.new(), spares=self._spares, hashed=self._hashed)
        writer = formats.open_writer(self._settings, output)
        self.names.append("")
        self.reports.append({})
        part = OpenPart(len(self.names), output, writer)
        self._open[part] = None
        return part

    def write(self, part: OpenPart, *items: Item) -> None:
        """Write items. Raises TargetError, and FileError when the system refuses."""
        for item in items:
            part.writer.write(item)
        held = part.output.held
        self._held += held - self._awake.pop(part, 0)
        self._awake[part] = held
        budget = max(_BUDGET // 4, _BUDGET - _COST * len(self._open))
        while self._held > budget and len(self._awake) > 1:
            oldest, held = self._awake.popitem(last=False)
            self._held -= held
            oldest.output.rest()

    def write_header(self, part: OpenPart, items: Sequence[Section | Interface | Block], *, repeated: bool) -> None:
        """Write what parts begin with. With `repeated`, another part has it: then its losses count once, and UsageError
        is raised where parts repeat too much. Else raises as `write`."""
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
        """In pcap, only interfaces count: they are not written, but take memory."""
        pcap = self.format == "pcap"
        self._repeated += sum(block_size(item) for item in items if isinstance(item, Interface) or not pcap)
        size = self._input_size()
        if self._repeated > max(_MOST_REPEATED, _MOST_TIMES * size):
            what = "interfaces" if pcap else "headers"
            processes = any(isinstance(item, Block) and item.is_process for item in items)
            kinds = "names,secrets,custom,unknown" if processes else "names,secrets"
            raise UsageError(
                f"{self._template.text}: the {what} that parts repeat come to {self._repeated:,} bytes with part "
                f"{part.index}, more than 64 MiB and {_MOST_TIMES} times the input's {size:,}; make larger parts, or "
                f"leave out what they repeat: {call('pcapconv.split', by='interface')} first, "
                f"{argument('strip', kinds)}"
            )

    def write_packets(self, part: OpenPart, batch: PacketBatch) -> None:
        """Write packets, and note how many and when. Raises as `write`."""
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
                unit = interfaces[number].ticks_per_second, interfaces[number].time_offset
                known = part.times.get(unit, (lowest, highest))
                part.times[unit] = min(lowest, known[0]), max(highest, known[1])

    def give_name(self, part: OpenPart) -> None:
        """Name a part by its facts. Raises UsageError where another part has the name, FileError where a file has."""
        facts = part.facts or Facts(part.index, None, _NONE, _NONE, max(0, part.section))
        name = self._template.name(facts, self._stem)
        index, first_number = self._taken.setdefault(self._files.place(name), (part.index, part.first_number))
        if index != part.index:
            raise UsageError(
                f"{self._template.text}: part {index}, which begins with packet {first_number}, and part "
                f"{part.index}, which begins with packet {part.first_number}, would both be {name}; "
                "put {index} into the template"
            )
        part.name = part.output.name = self.names[part.index - 1] = name

    def retire(self, part: OpenPart) -> None:
        """Nothing more comes for this part. It is finished when the next one retires, and is written meanwhile."""
        if self._retired is not None:
            self._finish(self._retired)
        part.output.send()
        self._retired = part

    def _finish(self, part: OpenPart) -> None:
        if not part.name:
            self.give_name(part)
        part.writer.finish()
        digest = part.output.sha256 if self._hashed else ""
        part.output.rest()
        self._held -= self._awake.pop(part, 0)
        del self._open[part]
        self.losses.update(part.writer.losses)
        self.packets += part.packets
        self.zeros_at_end[part.name] = part.writer.zeros_at_end
        first, last = _span(part)
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
        """Nothing more comes for any part. Raises as `write` and `give_name`."""
        for part in list(self._open):
            self._finish(part)

    def close(self) -> None:
        """Let threads go, also after an error."""
        for part in self._open:
            part.output.close()


def _span(part: OpenPart) -> tuple[str | None, str | None]:
    """The times of its earliest and its latest packet, with all digits."""
    if not part.times:
        return None, None
    times = [timestamps.instant(ticks, *unit) for unit, ticks_of in part.times.items() for ticks in ticks_of]
    places = max(timestamps.digits(per_second) for per_second, _ in part.times)
    return timestamps.format_instant(min(times), places), timestamps.format_instant(max(times), places)
