"""A conversion: the items of a capture from a reader through steps into a sink, and what came of it as a `Report`.

Strategy: a `Conversion` has phases, in this order: `survey`, where a plan has to see the whole capture first;
`write_to` a sink, which is one file or the parts of a split; `run`; and `commit`, with which the outputs appear.
Between the last two, all is complete and nothing is there yet, but what a pipe has taken. Sidecars and the file for
extracted secrets are handed in before `run`. Four things may prove wrong on the way: an interface that comes late needs
nanoseconds; a time is none that pcap can hold, and the sidecar that is written can keep it; a packet is longer than its
interface states; the capture was edited since the sidecar that is read was written. Then `run` starts again from the
beginning with what was learned: in one loop, and nowhere else.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn, Self, get_args

from pcapconv import formats
from pcapconv.errors import (
    DamageError,
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
from pcapconv.io.paths import STDIO, leads_to
from pcapconv.io.source import Source, read_file, spool
from pcapconv.io.target import Target, open_target
from pcapconv.model import Block, Damage, Interface, Item, Notice, PacketBatch
from pcapconv.report import CaptureFile, LossError, Report, describe
from pcapconv.sinks import Sink
from pcapconv.steps import BasePlan, Step
from pcapconv.steps.snaplens import Snaplens
from pcapconv.wording import argument

if TYPE_CHECKING:
    from pcapconv.formats.settings import WriterArguments
    from pcapconv.io.digest import Digest
    from pcapconv.sidecar import Sidecars
    from pcapconv.steps.plan import Plan, StepArguments

    class ConvertArguments(StepArguments, WriterArguments, total=False):
        """What `convert`, `split` and `batch` take: what selects and edits, and what writers are told."""


OnLoss = Literal["warn", "ignore", "fail"]

_NO_INTERFACE = "the capture has no interface; the pcap file states Ethernet, since it has to state a link type"


class ConversionSettings(NamedTuple):
    """How a conversion goes: what the `writer` is told; `strict`, `on_loss` and `fsync` as for `convert`; `progress` is
    called with the bytes read so far, 0 while a survey reads them first. With `hashed`, a conversion has the digests of
    what it reads and writes."""

    writer: WriterSettings
    strict: bool = False
    on_loss: OnLoss = "warn"
    fsync: bool = True
    progress: Callable[[int], object] | None = None
    hashed: bool = False


class Conversion:
    """One capture through the steps of a plan into a sink. Use it as a context manager. Every phase raises a
    `PcapconvError`."""

    def __init__(self, source: Source, settings: ConversionSettings, plan: BasePlan | None = None) -> None:
        self.source = source
        self._asked = self._settings = settings
        self._plan = plan or BasePlan()
        self._survey_is_due = False
        self._sidecars: Sidecars | None = None
        self._stack = ExitStack()
        self._sink: Sink | None = None
        self._secrets: Target | None = None
        self._snaplens: Snaplens | None = None
        self._report: Report | None = None
        self._digest: Digest | None = None
        self.files: list[CaptureFile] = []  # what a run that is done wrote, where digests are wanted

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)

    def use_sidecars(self, sidecars: Sidecars | None) -> None:
        """The sidecars that are read and written with the capture, if there are any. One that is read comes before the
        survey."""
        self._sidecars = sidecars

    def survey(self) -> None:
        """Let the plan see the whole capture, where it has to. A pipe is kept in an unnamed temporary file for that.
        Where a sidecar is read, and so handed in before, the run does it: only there is it known whether the capture
        was edited."""
        self._survey_is_due = self._plan.needs_survey
        if self._survey_is_due and self._sidecars is None:
            if not self.source.seekable:
                self.source = self._stack.enter_context(spool(self.source))
            self._survey()

    def extract_to(self, secrets: Target | None) -> None:
        """The file that extracted secrets go to, if there is one."""
        self._secrets = None if secrets is None else self._stack.enter_context(secrets)

    def write_to(self, sink: Sink) -> None:
        """The sink that takes what is written."""
        self._sink = self._stack.enter_context(sink)
        kept = self._sidecars is not None and self._sidecars.writes
        check_comments(self._plan, self._settings.writer.format, self._settings.on_loss, kept=kept)
        sink.check(self.source)
        if self._settings.writer.format == "pcapng" and not self._settings.writer.keep_snaplen:
            self._snaplens = Snaplens(again=self._can_start_again)

    def run(self) -> Report:
        """Write everything, so that only `commit` is left. Raises LossError where something is lost and must not be."""
        while True:
            try:
                self._report = report = self._run()
                break
            except PcapconvError as error:
                if not self._learn_from(error):
                    raise
            self._start_again()
        if self._settings.on_loss == "fail":
            refuse_losses(report)
        if not self._plan.write_secrets(self._secrets, report):
            self._secrets = None
        return report

    def commit(self) -> None:
        """Let all outputs appear, or none of them."""
        assert self._sink is not None
        assert self._report is not None
        sidecar = None if self._sidecars is None else self._sidecars.target
        read = [self.source] if self._sidecars is None else [self.source, *self._sidecars.read]
        others = [*filter(None, (self._secrets, sidecar))]
        self._sink.commit(others, read, self._report, fsync=self._settings.fsync)

    def digest_of_source(self) -> str:
        """The SHA-256 of the whole source, which is a plain file, in hex, after `run` and with `hashed`. Raises
        FileError."""
        assert self._digest is not None
        return self._digest.hexdigest(self._settings.progress)

    def open_reader(self) -> Reader:
        """A reader for one run."""
        return formats.open_reader(self.source)

    def named(self) -> AbstractContextManager[None]:
        """Puts the capture's name before what is said of its packets."""
        return name_in_errors(self.source.name)

    def watched(self, items: Iterator[Item], report: Report) -> Iterator[Item]:
        """The items, noted in the report as they come by; so is it where pcap is written of a capture without an
        interface. Raises DamageError for damage where that is refused."""
        described, progress, strict = False, self._settings.progress, self._settings.strict
        for item in items:
            if isinstance(item, PacketBatch):
                report.packets_read += item.rows
                if progress is not None:
                    progress(self.source.position)
            elif isinstance(item, Block):
                kind = item.kind
                if kind != "statistics" and not item.explains_packets:
                    report.other_blocks[kind] += 1
            elif isinstance(item, Damage):
                if strict:
                    raise DamageError(f"{self.source.name}: {item}")
                report.add_damage(item)
            elif isinstance(item, Notice):
                report.add_warning(item)
            elif isinstance(item, Interface):
                described = True
            yield item
        if not described and report.target_format == "pcap":
            report.add_warning(Notice(0, _NO_INTERFACE))

    @property
    def _can_start_again(self) -> bool:
        return self.source.seekable and self._sink is not None and self._sink.seekable

    def _learn_from(self, error: PcapconvError) -> bool:
        """Change what the next run is told, so that it does not fail for this reason; False where there is nothing to
        change, and no next run. Raises TargetError where one cannot go back."""
        sidecars = self._sidecars
        match error:
            case NeedsNanosecondsError() if self._can_start_again:
                self._tell_writer(nanoseconds=True)
            case NeedsNanosecondsError():
                again = f"start again with {argument('nanoseconds', True)}"
                raise TargetError(f"{self.source.name}: {error}: {again}") from None
            case NeedsSnaplenError():  # which comes only where one can go back
                pass
            case TimeRangeError() if self._can_start_again and sidecars is not None and sidecars.clamp():
                self._tell_writer(nanoseconds=True)  # of which the nearest times that pcap can hold are
            case FileError():  # of a full disk, say
                return False
            case _:  # the run may have failed since the capture was edited after its sidecar was written
                if sidecars is None or not sidecars.edited():
                    return False
                self._settings = self._asked
                self._survey_is_due = self._plan.needs_survey
        return True

    def _tell_writer(self, **told: Any) -> None:
        self._settings = self._settings._replace(writer=self._settings.writer._replace(**told))

    def _start_again(self) -> None:
        assert self._sink is not None
        self.source.rewind()
        self._sink.restart()

    def _survey(self) -> None:
        with self.named():
            items = self._looked_over(self.open_reader().items())
            self._plan.survey(items if self._sidecars is None else self._sidecars.restored(items))
        self.source.rewind()
        self._survey_is_due = False

    def _looked_over(self, items: Iterator[Item]) -> Iterator[Item]:
        """The items of a survey, by which nothing is converted yet."""
        progress = self._settings.progress
        for item in items:
            if progress is not None:
                progress(0)
            yield item

    def _run(self) -> Report:
        """One run, from the beginning of the capture to its end."""
        sink, sidecars, settings = self._sink, self._sidecars, self._settings
        assert sink is not None
        if self._survey_is_due:
            self._survey()
        report = Report(self.source.name, sink.name, settings.writer.format)
        hashed = settings.hashed or (sidecars is not None and sidecars.writes)
        self._follow()
        writer = sink.begin(settings.writer, hashed=hashed)
        try:
            with self.named():
                reader = self.open_reader()
                report.source_format = reader.format
                for item in through(self._steps(report), self.watched(reader.items(), report)):
                    writer.write(item)
                writer.finish()
        finally:
            sink.close()
        sink.tell(report)
        if sink.divides or self._plan.wants_packets:
            report.note_no_packets()
        if report.packets_read or not report.other_blocks:  # of which that was said
            for remark in self._plan.remarks(report.packets_read):
                report.add_warning(Notice(None, remark))
        report.losses |= self._plan.losses
        if self._snaplens is not None:
            self._snaplens.count(report)
        self.files = sink.files(report) if hashed else []
        if sidecars is not None:
            sidecars.finish(report, self.files)
        report.losses = dict(Counter(report.losses) + reader.losses)
        if sidecars is not None:
            sidecars.check()
        return report

    def _follow(self) -> None:
        """Have digests follow what the run that begins reads: the one of a sidecar that is read, and where digests are
        wanted, the same or another one."""
        if self._digest is not None:  # of a run before
            self._digest.close()
        digest = None if self._sidecars is None else self._sidecars.follow()
        if self._settings.hashed and digest is None:
            from pcapconv.io.digest import following  # not for a plain conversion, which starts faster without

            digest = following(self.source)
            self._stack.callback(digest.close)
        self._digest = digest

    def _steps(self, report: Report) -> list[Step]:
        """New steps for one run, with those of sidecars around the plan's."""
        steps = self._plan.steps(report.left_out)
        if self._sidecars is not None:
            steps = self._sidecars.around(steps, report.left_out)
        return steps if self._snaplens is None else [*steps, self._snaplens.step(report)]


def writer_and_steps(format_name: str, options: Mapping[str, Any]) -> tuple[WriterSettings, StepArguments]:
    """Options of `ConvertArguments`, in two: what the writer of this format is told, and what selects and edits."""
    told = {name: options[name] for name in WRITER_ARGUMENTS & options.keys()}
    steps: Any = {name: value for name, value in options.items() if name not in WRITER_ARGUMENTS}
    return WriterSettings(format_name, **told), steps


def check_on_loss(on_loss: str) -> None:
    """Raises UsageError for a word that means nothing."""
    if on_loss not in get_args(OnLoss):
        raise UsageError(f"{argument('on_loss', on_loss)}: must be one of {', '.join(get_args(OnLoss))}")


def check_comments(plan: BasePlan | None, format_name: str | None, on_loss: OnLoss, *, kept: bool) -> None:
    """Raises UsageError for comments on packets that a pcap file would lose, and no sidecar keeps; not where losses are
    ignored."""
    if plan is None or not plan.adds_packet_comments or format_name != "pcap" or kept or on_loss == "ignore":
        return
    raise UsageError(
        f"{argument('packet_comment')}: pcap cannot hold comments; write pcapng, or keep them in a sidecar with "
        f"{argument('sidecar', True)}"
    )


def refuse_losses(report: Report) -> None:
    """Raises LossError if there are any, or where a sidecar lacks something."""
    what = f"{report.target_format} cannot hold {describe(report.losses)}" if report.losses else ""
    if report.missing_in_sidecar:
        what = f"{report.sidecar_read} was written without {describe(report.missing_in_sidecar)}"
    if what:
        refuse(report, what)


def refuse(report: Report, what: str) -> NoReturn:
    """Raises LossError, which says `what` would be lost."""
    report.packets_written, report.outputs, report.sidecar_written = 0, [], None
    report.parts = None if report.parts is None else []
    raise LossError(f"{report.inputs[0]}: {what}; nothing was written", report)


def make_plan(options: StepArguments) -> Plan | None:
    """What the selecting and editing options ask for; None for nothing. Raises UsageError."""
    if all(value is None or value is False or value in ((), []) for value in options.values()):
        return None  # a 0 asks for something, if for nothing that makes sense
    from pcapconv.steps.plan import Plan  # not for a plain conversion, which starts faster without

    return Plan(options, read_file)


def open_secrets(plan: BasePlan | None, *others: object, force: bool) -> Target | None:
    """The file that extracted secrets go to, for its owner only; None where none is asked for. Raises UsageError where
    that is one of the `others`, which are paths or anything else."""
    if plan is None or plan.extract_to is None:
        return None
    if plan.extract_to != STDIO and leads_to(plan.extract_to) in map(leads_to, others):
        raise UsageError(
            f"{argument('extract_secrets', plan.extract_to)}: that is another file of the same run; "
            "give it a name of its own"
        )
    return open_target(plan.extract_to, force=force, whole=True, text=True, private=True)


def through(steps: list[Step], items: Iterator[Item]) -> Iterator[Item]:
    """The items after all steps."""
    for step in steps:
        items = step(items)
    return items
