"""A conversion: reads a capture, passes its items through the steps of a plan into a sink, and returns a `Report`.

Strategy: a `Conversion` has phases, in this order:

1. `survey`: the plan reads the whole capture, if it must do so before it can make steps.
2. `write_to`: sets the sink, which is one file or the parts of a split. Sidecars and the file for extracted secrets are
   set before `run`, too.
3. `run`: writes everything. The loop is in `_run_once`: the reader's items go through the steps, and each item that
   comes out is written.
4. `commit`: all outputs get their final names, or no output does. Before that, no output is visible, except the bytes
   that went into a pipe.

A run can fail for four reasons that a second attempt can avoid: then `run` starts again by itself from the beginning of
the capture, after `prepare_next_run` has changed the settings.

* Packets were written in microseconds, and then the capture declares an interface whose ticks are not whole
  microseconds (NeedsNanosecondsError, from the pcap writer). The declared resolution counts, even if the interface has
  no packets. The next run writes nanoseconds from the start. If input or output cannot be rewound (a pipe), the
  conversion fails, and the message names the argument `nanoseconds`.
* pcap cannot hold a time (TimeRangeError, from the pcap writer), but the sidecar that is written can. The next run
  writes the nearest time that pcap can hold, and writes nanoseconds, since the latest such time is a nanosecond before
  2^32 seconds after 1970; the sidecar keeps the exact time.
* A packet is longer than the snaplen that its interface declares in pcapng (NeedsSnaplenError, from the step in
  `steps/snaplens.py`). The next run declares a larger snaplen, which that step has noted. If input or output cannot be
  rewound, the step only warns.
* The capture was edited after the sidecar that is read had been written (any error, also one from the reader). The next
  run begins with the first settings, and recognises packets of the sidecar by their fingerprints.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn, Self, get_args

from pcapconv import formats
from pcapconv.argument_types import check_flags, is_one_of
from pcapconv.errors import (
    FileError,
    NeedsNanosecondsError,
    NeedsSnaplenError,
    PcapconvError,
    TargetError,
    TimeRangeError,
    UsageError,
    name_in_errors,
)
from pcapconv.formats import Reader
from pcapconv.formats.settings import WRITER_ARGUMENTS, WriterSettings
from pcapconv.io import interruption
from pcapconv.io.paths import STDIO, comparable_path
from pcapconv.io.pipe_reading import PipeReading
from pcapconv.io.source import Source, read_file, spool
from pcapconv.io.target import Target, open_target
from pcapconv.model import Block, Damage, Interface, Item, Notice, PacketBatch, damage_error
from pcapconv.report import CaptureFile, LossError, Report, counts_in_words, losses_in_words
from pcapconv.sinks import Sink
from pcapconv.steps import BasePlan, Step
from pcapconv.steps.snaplens import Snaplens
from pcapconv.timestamps import NANOSECONDS, format_duration
from pcapconv.wording import argument

if TYPE_CHECKING:
    from datetime import timedelta

    from pcapconv.formats.settings import WriterArguments
    from pcapconv.io.source_digest import Digest
    from pcapconv.sidecar import Sidecars
    from pcapconv.steps.plan import Plan
    from pcapconv.steps.select import OrderBreach
    from pcapconv.steps.step_arguments import StepArguments

    class ConvertArguments(StepArguments, WriterArguments, total=False):
        """The arguments of steps and of writers, which `convert`, `split` and `batch` take."""


OnLoss = Literal["warn", "ignore", "fail"]
_SELECTING_NONE = ("packets",)  # arguments of which an empty list selects nothing

NOTHING_WRITTEN = "; nothing was written"  # the end of every LossError's message
NO_INTERFACE = "the capture has no interface; the pcap file states Ethernet, since it has to state a link type"


class ConversionSettings(NamedTuple):
    """The settings of a conversion: those of its `writer`; `strict`, `on_loss` and `fsync` as for `convert`. `progress`
    is called with the number of bytes read so far, with 0 during a survey. With `hashed`, the conversion computes the
    digests of the files that it reads and writes. With `stop_early`, nothing behind the last selected packet of a
    pcapng capture is read. `on_message` is called with a sentence that cannot wait until the end."""

    writer: WriterSettings
    strict: bool = False
    on_loss: OnLoss = "warn"
    fsync: bool = True
    progress: Callable[[int], object] | None = None
    hashed: bool = False
    stop_early: bool = False
    on_message: Callable[[str], object] | None = None


class Conversion:
    """The conversion of one capture. Use it as a context manager, and call its phases in order: `survey`, `write_to`,
    `run`, `commit`. Every phase raises PcapconvErrors. `files` are the files of the last run, with `hashed` or a
    sidecar that is written."""

    def __init__(self, source: Source, settings: ConversionSettings, plan: BasePlan | None = None) -> None:
        self.source = source
        self._first_settings = self.settings = settings
        self._plan = plan or BasePlan()
        self._survey_is_due = False
        self._sidecars: Sidecars | None = None
        self._stack = ExitStack()
        self._sink: Sink | None = None
        self._secrets: Target | None = None
        self._snaplens: Snaplens | None = None
        self._report: Report | None = None
        self._digest: Digest | None = None
        self._reader: Reader | None = None
        self._lost_by_step: Counter[str] = Counter()
        self._breach_noted = False
        self._tells_of_end = False  # whether a pipe that goes on behind the last packet is worth a message
        self.files: list[CaptureFile] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)

    def use_sidecars(self, sidecars: Sidecars | None) -> None:
        """Set the sidecars that are read and written with the capture, or None. Call it before `write_to`, and, if a
        sidecar is read, before `survey`."""
        self._sidecars = sidecars

    def survey(self) -> None:
        """Let the plan read the whole capture, if it needs that. The bytes of a pipe are kept in a nameless temporary
        file meanwhile. With sidecars, `run` does the survey, since only a run finds out whether the capture was
        edited."""
        self._survey_is_due = self._plan.needs_survey
        if self._survey_is_due and self._sidecars is None:
            if not self.source.seekable:
                self.source = self._stack.enter_context(spool(self.source))
            self._survey()

    def extract_to(self, secrets: Target | None) -> None:
        """Set the file that extracted secrets are written to, or None."""
        self._secrets = None if secrets is None else self._stack.enter_context(secrets)

    def write_to(self, sink: Sink) -> None:
        """Set the sink to which everything is written. Raises UsageError if the sink would overwrite the input, or if
        pcap would lose comments that the plan adds."""
        self._sink = self._stack.enter_context(sink)
        sidecar_keeps = self._sidecars is not None and self._sidecars.writes_sidecar
        check_comments(
            self._plan, self.settings.writer.format, self.settings.on_loss, kept=sidecar_keeps, merged=self.merges
        )
        for source in self.sources:
            sink.check(source)
        if self.settings.writer.format == "pcapng" and not self.settings.writer.keep_snaplen:
            self._snaplens = Snaplens(can_run_again=self.can_start_again)

    def run(self) -> Report:
        """Write everything, so that only `commit` remains, and return the report. Start again if a run fails for a
        reason that a second attempt can avoid. Raises LossError for losses with `on_loss="fail"`."""
        while True:
            try:
                self._report = report = self._run_once()
                break
            except PcapconvError as error:
                if not self.prepare_next_run(error):
                    raise
            self._start_again()
        if self.settings.on_loss == "fail":
            refuse_losses(report, self.source.name, merged=self.merges)
        if not self._plan.write_secrets(self._secrets, report):
            self._secrets = None
        return report

    def commit(self) -> None:
        """Give all outputs their final names: the sink's files, the sidecar and the extracted secrets. If that fails,
        everything is left as it was."""
        assert self._sink is not None
        assert self._report is not None
        request = interruption.current()
        if request is not None:
            request.taken = False
            self._report.interrupted = request.requested
        sidecar = None if self._sidecars is None else self._sidecars.written_target
        read = self.sources if self._sidecars is None else [*self.sources, *self._sidecars.read_sources]
        other_targets = [*filter(None, (self._secrets, sidecar))]
        self._sink.commit(other_targets, read, self._report, fsync=self.settings.fsync)

    def digest_of_source(self) -> str:
        """The SHA-256 of the whole source, in hex. Only after `run`, with `hashed`, and for a plain file. Raises
        FileError."""
        assert self._digest is not None
        return self._digest.hexdigest(self.settings.progress)

    @property
    def sources(self) -> Sequence[Source]:
        """The inputs, which the outputs may replace."""
        return [self.source]

    @property
    def merges(self) -> bool:
        """Whether `source` merges the `sources`."""
        return self.source not in self.sources

    @property
    def changes_interfaces(self) -> bool:
        """Whether packets may get other interfaces than those that they have in the input."""
        return self._plan.changes_interfaces

    def open_reader(self) -> Reader:
        """Open a reader for one run."""
        return formats.open_reader(self.source)

    def name_errors(self) -> AbstractContextManager[None]:
        """A context manager that puts the capture's name before the messages of FormatErrors and TargetErrors."""
        return name_in_errors(self.source.name)

    def fill_report(self, report: Report) -> None:
        """Complete the report of a run, if the conversion is of a special kind."""

    def note_items(self, items: Iterator[Item], report: Report) -> Iterator[Item]:
        """Yield the reader's items, and note packets, damage and oddities in the report; warn at the end if a capture
        without an interface is written as pcap. Stop where the plan's steps need no more. Raises DamageError for
        damage, with `strict`."""
        has_interface, progress, strict = False, self.settings.progress, self.settings.strict
        for item in items:
            if isinstance(item, PacketBatch):
                report.packets_read += item.rows
                if progress is not None:
                    progress(self.source.position_in_file)
            elif isinstance(item, Block):
                kind = item.kind
                if kind != "statistics" and not item.explains_packets:
                    report.other_blocks[kind] += 1
            elif isinstance(item, Damage):
                if strict:
                    raise damage_error(self.source.name, item)
                report.add_damage(item)
            elif isinstance(item, Notice):
                report.add_warning(item)
            elif isinstance(item, Interface):
                has_interface = True
            yield item
            if isinstance(item, PacketBatch) and self._stops_here(report):
                return
        if not has_interface and report.target_format == "pcap":
            report.add_warning(Notice(None if self.merges else 0, NO_INTERFACE))

    @property
    def can_start_again(self) -> bool:
        """Whether input and output can be rewound."""
        return self.source.seekable and self._sink is not None and self._sink.seekable

    def prepare_next_run(self, error: PcapconvError) -> bool:
        """Change settings or sidecars so that the next run does not fail with this error, and return True; return False
        if a second attempt would not help. The reasons are in the module's docstring. Raises TargetError if nanoseconds
        are needed, and input or output cannot be rewound."""
        sidecars = self._sidecars
        match error:
            case NeedsNanosecondsError() if self.can_start_again:
                self._change_writer(nanoseconds=True)
            case NeedsNanosecondsError():
                again = f"start again with {argument('nanoseconds', True)}"
                raise TargetError(f"{self.source.name}: {error}: {again}", path=self.source.name) from None
            case NeedsSnaplenError():  # raised only if the conversion can start again; the step has noted the snaplen
                pass
            case TimeRangeError() if self.can_start_again and sidecars is not None and sidecars.clamp_written_times():
                self._change_writer(nanoseconds=True)  # the latest time that pcap can hold has nanoseconds
            case FileError():  # a full disk, for example
                return False
            case _:  # an edited capture can make a run fail anywhere
                if sidecars is None or not sidecars.adapt_to_edits():
                    return False
                self.settings = self._first_settings
                self._survey_is_due = self._plan.needs_survey
        return True

    def _change_writer(self, **changes: Any) -> None:
        self.settings = self.settings._replace(writer=self.settings.writer._replace(**changes))

    def _start_again(self) -> None:
        """Go back to the beginning of the source and of the sink."""
        assert self._sink is not None
        self.source.rewind()
        self._sink.restart()

    def _survey(self) -> None:
        """Let the plan read the whole capture; if a sidecar is read, together with what pcap could not hold."""
        with self.name_errors():
            items = self._note_progress(self.open_reader().items())
            self._plan.survey(items if self._sidecars is None else self._sidecars.restore_items(items))
        self.source.rewind()
        self._survey_is_due = False

    def _note_progress(self, items: Iterator[Item]) -> Iterator[Item]:
        """Yield the items of a survey; progress stays at 0, since nothing is converted yet."""
        progress = self.settings.progress
        for item in items:
            if progress is not None:
                progress(0)
            yield item

    def _run_once(self) -> Report:
        """Read the capture from its beginning to its end, write everything, and return the report. The loop of every
        conversion is here."""
        sink, sidecars, settings = self._sink, self._sidecars, self.settings
        assert sink is not None
        if self._survey_is_due:
            self._survey()
        report = Report(self.source.name, sink.name, settings.writer.format)
        report.target_compression = settings.writer.compress
        self._breach_noted = False
        hashed = settings.hashed or (sidecars is not None and sidecars.writes_sidecar)
        self._start_digest()
        writer = sink.begin_run(settings.writer, hashed=hashed)
        if self.source.may_wait:
            self.source.pipe_reading = PipeReading(sink.flush)
            self.source.widen_pipe()
        try:
            with self.name_errors():
                self._reader = reader = self.open_reader()
                report.source_format, report.source_compression = reader.format, reader.compression
                self._decide_on_end(reader.format, hashed=hashed)
                for item in apply_steps(self.steps(report), self.note_items(reader.items(), report)):
                    writer.write(item)
                if self.source.pipe_reading is not None:
                    self.source.pipe_reading.end()
                writer.finish()
        finally:
            sink.end_run()
        sink.fill_report(report)
        self._plan.fill_report(report)
        if sink.divides or self._plan.selects_or_edits_packets:
            report.warn_of_no_packets()
        enough = not report.packets_read and report.other_blocks  # the warning about no packets says it all
        if report.read_until is None and not enough:
            for warning in self._plan.warnings(report.packets_read):
                report.add_warning(Notice(None, warning))
        report.losses |= self._plan.losses
        report.losses = dict(Counter(report.losses) + self._lost_by_step)
        if self._snaplens is not None:
            self._snaplens.count(report)
        self.files = sink.written_files(report) if hashed else []
        if sidecars is not None:
            sidecars.finish_run(report, self.files)
        report.losses = dict(Counter(report.losses) + reader.losses)
        self.fill_report(report)
        if sidecars is not None:
            sidecars.check_read_capture()
        return report

    def _decide_on_end(self, source_format: str, *, hashed: bool) -> None:
        """Decide whether reading stops behind the last packet that the plan's steps need: in a pcap capture, in which
        nothing but packets can follow, and with `stop_early` in a pcapng capture. Reading goes on to the end in any
        case

        * with `strict`, since damage anywhere is to be refused,
        * if a sidecar is read or written, or digests are computed, as in a batch: they are about the whole capture,
        * if the output replaces the source, whose remainder would be lost unchecked,
        * with `last`, `invert`, `interface` and `set_interface`, for which the plan needs the whole capture,
        * if captures are merged, which end in different places.
        """
        assert self._sink is not None
        settings, plan = self.settings, self._plan
        needs_whole = settings.strict or hashed or self._sidecars is not None or self._sink.replaces(self.source)
        may_stop = plan.can_end and not needs_whole and not self.merges
        plan.stops = may_stop and (source_format == "pcap" or settings.stop_early)
        self._tells_of_end = may_stop and not plan.stops

    def _stops_here(self, report: Report) -> bool:
        """Note what the plan's steps have found in the batch that was yielded, and return whether reading stops behind
        it. Raises DamageError for a packet that breaks the promised order, with `strict`."""
        plan, reader = self._plan, self._reader
        assert reader is not None
        if plan.breach is not None and not self._breach_noted:
            self._breach_noted = True
            self._note_breach(plan.breach, reader.buffer_offset, report)
        if plan.end is None:
            return False
        if plan.stops:
            report.packets_read = plan.end.number
            report.read_until = reader.buffer_offset + plan.end.record_end
        elif self._tells_of_end:
            self._tells_of_end = False
            self._tell_of_reading_on()
        return plan.stops

    def _note_breach(self, breach: OrderBreach, buffer_offset: int, report: Report) -> None:
        from fractions import Fraction  # slow to import, and rarely needed

        earlier = format_duration(Fraction(breach.nanoseconds, NANOSECONDS), 9)
        reason = (
            f"its time is {earlier} earlier than that of a packet before it, more than {argument('in_order')} allows: "
            f"times do not tell where {argument('before')} ends, and the capture is read on"
        )
        damage = Damage(buffer_offset + breach.record_at, breach.number, reason, 0, breach.section)
        if self.settings.strict:
            raise damage_error(self.source.name, damage)
        report.add_damage(damage)

    def _tell_of_reading_on(self) -> None:
        """If a pipe goes on behind the last packet that is needed, say after a second how to stop it."""
        tell, reading = self.settings.on_message, self.source.pipe_reading
        if tell is None or reading is None:
            return
        ending = argument("stop_early", True)
        message = (
            f"{self.source.name}: all selected packets are there; the pipe is read to its end for names, secrets and "
            f"statistics behind them; {ending} ends without these"
        )
        reading.tell_later(lambda: tell(message))

    def _start_digest(self) -> None:
        """Start the digest of the bytes that this run reads, if a sidecar that is read or `hashed` needs one."""
        if self._digest is not None:  # from an earlier run
            self._digest.close()
        digest = None if self._sidecars is None else self._sidecars.start_digest()
        if self.settings.hashed and digest is None:
            from pcapconv.io.source_digest import start_digest  # a plain conversion starts faster without it

            digest = start_digest(self.source)
            self._stack.callback(digest.close)
        self._digest = digest

    def steps(self, report: Report) -> list[Step]:
        """New steps for one run: the plan's steps, between the steps that restore from and save to sidecars. Simple
        Packets are encoded after all other steps of the plan: until then they have no time."""
        steps, self._lost_by_step = self._plan.steps(report.left_out), Counter()
        keeps_blocks = report.target_format == "pcapng" or (
            self._sidecars is not None and self._sidecars.writes_sidecar
        )
        if self.changes_interfaces and keeps_blocks:
            from pcapconv.steps.simple_packets import EncodeSimplePackets  # a plain conversion does not need it

            steps = [*steps, EncodeSimplePackets(self._lost_by_step)]
        if self._sidecars is not None:
            steps = self._sidecars.add_steps(steps, report.left_out)
        return steps if self._snaplens is None else [*steps, self._snaplens.step(report)]


def separate_arguments(format_name: str, arguments: Mapping[str, Any]) -> tuple[WriterSettings, StepArguments]:
    """Separate `ConvertArguments` into the settings of this format's writer and the arguments of steps."""
    writer = {name: arguments[name] for name in WRITER_ARGUMENTS & arguments.keys()}
    steps: Any = {name: value for name, value in arguments.items() if name not in WRITER_ARGUMENTS}
    check_flags(keep_snaplen=writer.get("keep_snaplen"))
    settings = WriterSettings(format_name, **writer)
    if steps.get("decapsulate"):  # an interface of the source is then no remedy for several link types
        chooses = None if steps.get("only_decapsulated") else "only_decapsulated"
        settings = settings._replace(chooses=chooses, decapsulates=True)
    return settings, steps


def check_on_loss(on_loss: str) -> None:
    """Check the argument `on_loss`. Raises UsageError for an unknown word."""
    if not is_one_of(on_loss, get_args(OnLoss)):
        raise UsageError(
            f"{argument('on_loss', on_loss)}: must be one of {', '.join(get_args(OnLoss))}", option="on_loss"
        )


def check_comments(
    plan: BasePlan | None, format_name: str | None, on_loss: OnLoss, *, kept: bool, merged: bool = False
) -> None:
    """Check that the comments that a plan adds to packets are not lost: pcap cannot hold comments. `kept` is true if a
    sidecar keeps them; a merge (`merged`) has no sidecar. Raises UsageError if comments would be lost, unless losses
    are ignored."""
    if plan is None or not plan.adds_packet_comments or format_name != "pcap" or kept or on_loss == "ignore":
        return
    ways_out = "write pcapng" + ("" if merged else f", or keep them in a sidecar with {argument('sidecar', True)}")
    raise UsageError(f"{argument('packet_comment')}: pcap cannot hold comments; {ways_out}", option="packet_comment")


def refuse_losses(report: Report, source: str, *, merged: bool) -> None:
    """Raise LossError if the report has losses, or if the sidecar that was read lacks something. `source` names the
    input in the message, or the inputs that are `merged`."""
    what = losses_in_words(report, merged=merged) if report.losses else ""
    if report.missing_in_sidecar:
        what = f"{report.sidecar_read} was written without {counts_in_words(report.missing_in_sidecar)}"
    if what:
        refuse(report, source, what)


def refuse(report: Report, source: str, what: str) -> NoReturn:
    """Raise LossError. Its message contains `what`, the losses in words; its report says that nothing was written."""
    report.packets_written, report.outputs, report.sidecar_written = 0, [], None
    report.parts = None if report.parts is None else []
    raise LossError(f"{source}: {what}{NOTHING_WRITTEN}", report, path=source)


def make_plan(
    arguments: StepArguments, *, stop_early: bool = False, in_order: bool | str | timedelta = False
) -> Plan | None:
    """The plan for the arguments of steps; None if no argument is given. Raises UsageError."""
    nothing = all(
        value is None
        or value is False
        or (isinstance(value, list | tuple) and not value and name not in _SELECTING_NONE)
        for name, value in arguments.items()
    )
    if nothing and not stop_early and in_order is False:
        return None  # 0 counts as given: the plan raises an error for a 0 that makes no sense
    from pcapconv.steps.plan import Plan  # a plain conversion starts faster without it

    return Plan(arguments, read_file, stop_early=stop_early, in_order=in_order)


def open_secrets(plan: BasePlan | None, *other_files: object, force: bool) -> Target | None:
    """Open the file for the secrets that a plan extracts, which only the file's owner may read; return None if the plan
    extracts no secrets. Raises UsageError if the path is one of the command's `other_files`, which are paths or file
    objects."""
    if plan is None or plan.extract_to is None:
        return None
    if plan.extract_to != STDIO and comparable_path(plan.extract_to) in map(comparable_path, other_files):
        raise UsageError(
            f"{argument('extract_secrets', plan.extract_to)}: that is another file of the same run; "
            "give it a name of its own",
            option="extract_secrets",
        )
    return open_target(plan.extract_to, force=force, whole=True, text=True, private=True)


def apply_steps(steps: list[Step], items: Iterator[Item]) -> Iterator[Item]:
    """Pass items through all steps, lazily."""
    for step in steps:
        items = step(items)
    return items
