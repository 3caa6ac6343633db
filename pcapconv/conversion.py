"""A conversion: the items of a capture from a reader through steps into a sink, and what came of it as a `Report`.

Strategy: a `Conversion` has phases, in this order: `survey`, where a plan has to see the whole capture first;
`write_to` a sink, which is one file or the parts of a split; `run`; and `commit`, with which the outputs appear.
Between the last two, all is complete and nothing is there yet. What proves wrong on the way (an interface that comes
late needs nanoseconds, a packet is longer than was stated, a capture was edited since its sidecar was written) has
`run` start again from the beginning with what was learned: in one loop, and nowhere else.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, NoReturn, Protocol, Self, TypeVar

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
    about,
)
from pcapconv.formats import Reader
from pcapconv.formats.settings import WRITER_OPTIONS, WriterSettings
from pcapconv.io.commit import commit
from pcapconv.io.files import (
    STDIO,
    Readable,
    Source,
    Target,
    Writable,
    leads_to,
    name_of,
    open_source,
    open_target,
    read_file,
    same_file,
    spool,
)
from pcapconv.io.output import Output
from pcapconv.model import Block, Damage, Interface, Item, Notice, PacketBatch
from pcapconv.report import LossError, Report, describe
from pcapconv.spec import pcapng as layout
from pcapconv.steps import Planned, Step
from pcapconv.steps.snaplens import Snaplens

if TYPE_CHECKING:
    from typing import Unpack

    from pcapconv.formats.settings import WriterOptions
    from pcapconv.sidecar import Sidecars
    from pcapconv.sidecar.document import Belongs
    from pcapconv.steps.plan import Plan, StepOptions

    class ConvertOptions(StepOptions, WriterOptions, total=False):
        """What `convert`, `split` and `batch` take: what selects and edits, and what writers are told."""


OnLoss = Literal["warn", "ignore", "fail"]
_Result = TypeVar("_Result")

_NO_INTERFACE = "the capture has no interface; the pcap file states Ethernet, since it has to state a link type"


class Settings(NamedTuple):
    """How a conversion goes: what the `writer` is told; `strict`, `on_loss` and `fsync` as for `convert`; `progress` is
    called with the bytes read so far."""

    writer: WriterSettings
    strict: bool = False
    on_loss: OnLoss = "warn"
    fsync: bool = True
    progress: Callable[[int], object] | None = None


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

    def begin(self, settings: WriterSettings, *, hashed: bool, beside: Callable[[], bool] | None) -> ItemWriter:
        """Begin a run. With `hashed`, `files` have digests; `beside` is other work for a thread."""
        raise NotImplementedError

    def close(self) -> None:
        """A run is over, well or not: let threads go."""

    def tell(self, report: Report) -> None:
        """Say in a report what was written in a run that is done."""
        raise NotImplementedError

    def files(self, report: Report) -> list[Belongs]:  # noqa: ARG002
        """The files of a run that is done, for a sidecar. Raises FileError."""
        return []

    def restart(self) -> None:
        """Forget what was written. Raises FileError."""

    def commit(self, others: Sequence[Target], read: Sequence[Source], report: Report, *, fsync: bool) -> None:
        """Let all appear, with `others`, or nothing, as `io.commit` does. Raises FileError."""

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
        self._output: Output | None = None
        self._writer: formats.Writer | None = None

    def check(self, source: Source) -> None:
        """See `Sink.check`."""
        if same_file(source, self.target):
            raise UsageError(f"{self.name}: input and output are the same open file; give their path instead")

    def begin(self, settings: WriterSettings, *, hashed: bool, beside: Callable[[], bool] | None) -> formats.Writer:
        """See `Sink.begin`."""
        self._output = Output(self.target, hashed=hashed, beside=beside)
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
        report.note_zeros(self.name, self._writer.zeros_at_end)
        report.losses = dict(self._writer.losses)

    def files(self, report: Report) -> list[Belongs]:
        """See `Sink.files`."""
        from pcapconv.sidecar.document import Belongs

        assert self._output is not None
        assert self._writer is not None
        size, link_type = self._output.position, self._writer.link_type or 0
        return [Belongs(self._called, size, self._output.sha256, report.packets_written, link_type)]

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


class Conversion:
    """One capture through the steps of a plan into a sink. Use it as a context manager.

    `sidecars` are those that are read and written with it. Every phase raises a `PcapconvError`.
    """

    def __init__(
        self, source: Source, settings: Settings, plan: Planned | None = None, sidecars: Sidecars | None = None
    ) -> None:
        self.source = source
        self._asked = self._settings = settings
        self._plan = plan or Planned()
        self._sidecars = sidecars
        self._stack = ExitStack()
        self._sink: Sink | None = None
        self._secrets: Target | None = None
        self._snaplens: Snaplens | None = None
        self._report: Report | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: Any) -> None:
        self._stack.__exit__(*error)

    def survey(self) -> None:
        """Let the plan see the whole capture, where it has to. A pipe is kept in an unnamed temporary file for that."""
        if self._plan.needs_survey:
            if not self.source.seekable:
                self.source = self._stack.enter_context(spool(self.source))
            self._repeated(self._survey)

    def extract_to(self, secrets: Target | None) -> None:
        """The file that extracted secrets go to, if there is one."""
        self._secrets = None if secrets is None else self._stack.enter_context(secrets)

    def write_to(self, sink: Sink) -> None:
        """The sink that takes what is written."""
        self._sink = self._stack.enter_context(sink)
        sink.check(self.source)
        if self._settings.writer.format == "pcapng" and not self._settings.writer.keep_snaplen:
            self._snaplens = Snaplens(again=self._can_start_again)

    def run(self) -> Report:
        """Write everything, so that only `commit` is left; raises LossError where something is lost and must not be."""
        self._report = report = self._repeated(self._run)
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

    def open_reader(self) -> Reader:
        """A reader for one run."""
        return formats.open_reader(self.source)

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
                kind = layout.kind_of_other(item)
                if kind != "statistics" and not layout.explains_packets(item):
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
        return self.source.seekable and (self._sink is None or self._sink.seekable)

    def _repeated(self, act: Callable[[], _Result]) -> _Result:
        """Do it, as often as more is known than the time before."""
        while True:
            try:
                return act()
            except PcapconvError as error:
                if not self._learns_from(error):
                    raise

    def _learns_from(self, error: PcapconvError) -> bool:
        """Whether a run that failed is worth another one, for which all is made ready."""
        match error:
            case NeedsNanosecondsError() if self._can_start_again:
                self._tell_writer(nanoseconds=True)
            case NeedsNanosecondsError():
                raise TargetError(
                    f"{self.source.name}: {error}: start again with --nanoseconds (nanoseconds=True)"
                ) from None
            case NeedsSnaplenError():  # which comes only where one can go back
                pass
            case TimeRangeError() if self._can_start_again and self._sidecars is not None and self._sidecars.clamp():
                self._tell_writer(nanoseconds=True)
            case FileError():  # of a full disk, say
                return False
            case _:
                return self._was_edited()
        self._start_again()
        return True

    def _was_edited(self) -> bool:
        """Whether the run failed since the capture was edited after its sidecar was written: another one knows."""
        if self._sidecars is None or not self._sidecars.edited():
            return False
        self._settings = self._asked
        self._start_again()
        if self._sink is not None and self._plan.needs_survey:
            self._survey()
        return True

    def _tell_writer(self, **told: Any) -> None:
        self._settings = self._settings._replace(writer=self._settings.writer._replace(**told))

    def _start_again(self) -> None:
        self.source.rewind()
        if self._sink is not None:
            self._sink.restart()

    def _survey(self) -> None:
        with about(self.source.name):
            items = self.open_reader().items()
            self._plan.survey(items if self._sidecars is None else self._sidecars.restored(items))
        self.source.rewind()

    def _run(self) -> Report:
        """One run, from the beginning of the capture to its end."""
        sink, sidecars, settings = self._sink, self._sidecars, self._settings
        assert sink is not None
        report = Report(self.source.name, sink.name, settings.writer.format)
        hashed = sidecars is not None and sidecars.writes
        beside = None if sidecars is None else sidecars.follow()
        writer = sink.begin(settings.writer, hashed=hashed, beside=beside)
        try:
            with about(self.source.name):
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
        report.losses |= self._plan.losses
        if self._snaplens is not None:
            self._snaplens.count(report)
        if sidecars is not None:
            sidecars.finish(report, sink.files(report) if hashed else [])
        report.losses = dict(Counter(report.losses) + reader.losses)
        if sidecars is not None:
            sidecars.check()
        return report

    def _steps(self, report: Report) -> list[Step]:
        """New steps for one run, with those of sidecars around the plan's."""
        steps = self._plan.steps(report.left_out)
        if self._sidecars is not None:
            steps = self._sidecars.around(steps, report.left_out)
        return steps if self._snaplens is None else [*steps, self._snaplens.step(report)]


def convert(
    source: Readable,
    target: Writable,
    *,
    to: str | None = None,
    force: bool = False,
    strict: bool = False,
    on_loss: OnLoss = "warn",
    fractions: str | None = None,
    sidecar: bool = False,
    sidecar_file: str | os.PathLike[str] | None = None,
    sidecar_secrets: bool = False,
    sidecar_fingerprints: bool = False,
    fsync: bool = True,
    progress: Callable[[int], object] | None = None,
    **options: Unpack[ConvertOptions],
) -> Report:
    """Select from, edit and convert one capture.

    `source` and `target` are paths, `-` for stdin and stdout, or binary file objects, which stay open. The format to
    write is `to`, or follows the target's suffix. `force` replaces an existing target, which may be the source itself.
    `strict` refuses damaged input. `on_loss` says what to do when the target cannot hold everything: `fail` writes
    nothing; the report tells in any case. `fractions="nanoseconds"` reads a pcap file's fractions of a second as such,
    whatever its magic number says.
    `sidecar` writes what pcap cannot hold beside a target that is pcap, and reads it from beside a source that is
    pcap, see `SIDECAR.md`; `sidecar_file` names another file: to read where the source is pcap, else to write.
    `sidecar_secrets` lets secrets into the one that is written, `sidecar_fingerprints` has it know packets again in a
    capture that was edited since. With `fsync`, what replaces a file is on the disk before it does. `progress` is
    called with the bytes read so far. `options` are what the writer is told, see
    `pcapconv.formats.settings.WriterOptions`, and what selects and edits, see `pcapconv.steps.plan.StepOptions`.

    Returns a `Report`. Raises a `PcapconvError`: FormatError, DamageError, TargetError, LossError, SidecarError,
    UsageError or FileError.
    """
    check_on_loss(on_loss)
    format_name = formats.target_format(name_of(target), to)
    writer, steps = divided(format_name, options)
    plan = make_plan(steps)
    whole = strict or on_loss == "fail"
    with ExitStack() as stack:
        opened = stack.enter_context(open_source(source, fractions=fractions))
        sidecars = None
        if sidecar or sidecar_file is not None or sidecar_secrets or sidecar_fingerprints:
            from pcapconv.sidecar import (  # not for a plain conversion, which starts faster without
                open_sidecars,
                understood,
            )

            wanted = understood(sidecar, sidecar_file, sidecar_secrets, sidecar_fingerprints)
            whole = True  # what was read belongs to its sidecar only if it does to its end
            opened = opened if opened.plain else stack.enter_context(spool(opened))
            taken = [] if plan is None else [plan.extract_to, *plan.injected_from]
            sidecars = open_sidecars(wanted, opened, format_name, (source, target), stack, force=force, taken=taken)
        settings = Settings(writer, strict, on_loss, fsync, progress)
        conversion = stack.enter_context(Conversion(opened, settings, plan, sidecars))
        conversion.survey()
        conversion.write_to(FileSink(open_target(target, force=force, whole=whole), base_name(target)))
        conversion.extract_to(open_secrets(plan, source, target, force=force))
        report = conversion.run()
        conversion.commit()
    return report


def base_name(target: Writable) -> str:
    """What a path is called in its directory; nothing for stdout and what is no path."""
    return os.path.basename(target) if isinstance(target, str | os.PathLike) and target != STDIO else ""


def divided(format_name: str, options: Mapping[str, Any]) -> tuple[WriterSettings, StepOptions]:
    """The options: what a writer is told who writes this format, and what selects and edits."""
    told = {name: options[name] for name in WRITER_OPTIONS & options.keys()}
    steps: Any = {name: value for name, value in options.items() if name not in WRITER_OPTIONS}
    return WriterSettings(format_name, **told), steps


def check_on_loss(on_loss: str) -> None:
    """Raises UsageError for a word that means nothing."""
    if on_loss not in ("warn", "ignore", "fail"):
        raise UsageError(f"--on-loss {on_loss}: it is one of warn, ignore, fail")


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


def make_plan(options: StepOptions) -> Plan | None:
    """What the selecting and editing options ask for; None for nothing. Raises UsageError."""
    if all(value is None or value is False or value in ((), []) for value in options.values()):
        return None  # a 0 asks for something, if for nothing that makes sense
    from pcapconv.steps.plan import Plan  # not for a plain conversion, which starts faster without

    return Plan(options, read_file)


def open_secrets(plan: Planned | None, *others: object, force: bool) -> Target | None:
    """The file that extracted secrets go to, for its owner only; None where none is asked for. Raises UsageError where
    that is one of the `others`, which are paths or anything else."""
    if plan is None or plan.extract_to is None:
        return None
    if plan.extract_to != STDIO and leads_to(plan.extract_to) in map(leads_to, others):
        raise UsageError(
            f"--extract-secrets {plan.extract_to}: that is another file of this command; give it a name of its own"
        )
    return open_target(plan.extract_to, force=force, whole=True, text=True, private=True)


def through(steps: list[Step], items: Iterator[Item]) -> Iterator[Item]:
    """The items after all steps."""
    for step in steps:
        items = step(items)
    return items
