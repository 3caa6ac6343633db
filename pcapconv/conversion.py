"""The loop: items from a reader through steps to a writer, and what came of it as a `Report`."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Literal, NoReturn

from pcapconv import formats
from pcapconv.errors import (
    DamageError,
    FileError,
    FormatError,
    NeedsNanosecondsError,
    NeedsSnaplenError,
    PcapconvError,
    SidecarError,
    TargetError,
    TimeRangeError,
    UsageError,
)
from pcapconv.io.commit import commit
from pcapconv.io.files import (
    STDIO,
    Readable,
    Source,
    Target,
    Writable,
    leads_to,
    open_source,
    open_target,
    read_file,
    same_file,
    spool,
)
from pcapconv.io.output import Output
from pcapconv.model import Block, Damage, Interface, Item, Notice, PacketBatch
from pcapconv.report import LossError, Report, describe
from pcapconv.steps.snaplens import Snaplens

if TYPE_CHECKING:
    from typing import Unpack

    from pcapconv.sidecar import Sidecars
    from pcapconv.steps import Planned, Step
    from pcapconv.steps.plan import Plan, StepOptions

OnLoss = Literal["warn", "ignore", "fail"]

_NO_INTERFACE = "the capture has no interface; the pcap file states Ethernet, since it has to state a link type"


def convert(
    source: Readable,
    target: Writable,
    *,
    to: str | None = None,
    force: bool = False,
    strict: bool = False,
    on_loss: OnLoss = "warn",
    nanoseconds: bool = False,
    fractions: str | None = None,
    keep_snaplen: bool = False,
    sidecar: bool = False,
    sidecar_file: str | os.PathLike[str] | None = None,
    sidecar_secrets: bool = False,
    sidecar_fingerprints: bool = False,
    fsync: bool = True,
    progress: Callable[[int], object] | None = None,
    **options: Unpack[StepOptions],
) -> Report:
    """Select from, edit and convert one capture.

    `source` and `target` are paths, `-` for stdin and stdout, or binary file objects, which stay open. The format to
    write is `to`, or follows the target's suffix. `force` replaces an existing target, which may be the source itself.
    `strict` refuses damaged input. `on_loss` says what to do when the target cannot hold everything: `fail` writes
    nothing; the report tells in any case. `nanoseconds` asks for a pcap file with nanoseconds from the start,
    `keep_snaplen` for a pcapng capture that states snaplens as they are, also where packets are longer;
    `fractions="nanoseconds"` reads a pcap file's fractions of a second as such, whatever its magic number says.
    `sidecar` writes what pcap cannot hold beside a target that is pcap, and reads it from beside a source that is
    pcap, see `SIDECAR.md`; `sidecar_file` names another file: to read where the source is pcap, else to write.
    `sidecar_secrets` lets secrets into the one that is written, `sidecar_fingerprints` has it know packets again in a
    capture that was edited since. With `fsync`, what replaces a file is on the disk before it does. `progress` is
    called with the bytes read so far. `options` select and edit: see `pcapconv.steps.plan.StepOptions`.

    Returns a `Report`. Raises a `PcapconvError`: FormatError, DamageError, TargetError, LossError, SidecarError,
    UsageError or FileError.
    """
    check_on_loss(on_loss)
    format_name = formats.target_format(name_of(target), to)
    plan = make_plan(options)
    whole = strict or on_loss == "fail"
    with ExitStack() as stack:
        opened = stack.enter_context(open_source(source, fractions=fractions))
        sidecars = None
        if sidecar or sidecar_file is not None or sidecar_secrets or sidecar_fingerprints:
            from pcapconv.sidecar import Sidecars, understood  # not for a plain conversion, which starts faster without

            wanted = understood(sidecar, sidecar_file, sidecar_secrets, sidecar_fingerprints)
            whole = True  # what was read belongs to its sidecar only if it does to its end
            opened = opened if opened.plain else stack.enter_context(spool(opened))
            taken = [] if plan is None else [plan.extract_to, *plan.injected_from]
            sidecars = Sidecars(wanted, opened, format_name, (source, target), stack, force=force, taken=taken)
        report, _ = stack.enter_context(
            converted(
                opened,
                format_name,
                lambda: open_target(target, force=force, whole=whole),
                lambda: open_secrets(plan, source, target, force=force),
                plan=plan,
                strict=strict,
                on_loss=on_loss,
                nanoseconds=nanoseconds,
                keep_snaplen=keep_snaplen,
                sidecars=sidecars,
                fsync=fsync,
                progress=progress,
            )
        )
    return report


@contextmanager
def converted(
    source: Source,
    format_name: str,
    open_place: Callable[[], Target],
    open_keys: Callable[[], Target | None],
    *,
    plan: Planned | None,
    strict: bool,
    on_loss: OnLoss,
    nanoseconds: bool = False,
    keep_snaplen: bool = False,
    sidecars: Sidecars | None = None,
    fsync: bool = True,
    progress: Callable[[int], object] | None = None,
) -> Iterator[tuple[Report, Target]]:
    """A conversion, complete but for its appearing: that comes when the `with` block ends well. `open_place` and
    `open_keys` open the output and the file for extracted secrets, when all else is known to make sense. Raises what
    `convert` raises."""
    with ExitStack() as stack:
        if plan is not None and plan.needs_survey and sidecars is None:
            source = survey(plan, source, stack)
        place = stack.enter_context(open_place())
        if same_file(source, place):
            raise UsageError(f"{place.name}: input and output are the same open file; give their path instead")
        secrets = open_keys()
        if secrets is not None:
            stack.enter_context(secrets)

        restart = place.restart if place.seekable else None
        stays = keep_snaplen or format_name == "pcap"
        snaplens = None if stays else Snaplens(again=source.seekable and restart is not None)

        def run(nanoseconds: bool) -> Report:
            return _run(source, place, format_name, strict, nanoseconds, progress, plan, sidecars, snaplens)

        if sidecars is None:
            report = attempt(source, run, restart, nanoseconds=nanoseconds)
        else:
            assert restart is not None  # nothing of what has a sidecar appears early
            report = _with_sidecars(source, run, restart, plan, sidecars, stack, nanoseconds=nanoseconds)
        if on_loss == "fail":
            refuse_losses(report, source)
        wanted = plan is not None and plan.write_secrets(secrets, report)
        yield report, place
        # the capture last: it may take the place of the only one that holds what the others hold
        others = [secrets if wanted else None, None if sidecars is None else sidecars.target]
        read = [source] if sidecars is None else [source, *sidecars.read]
        commit([*filter(None, others), place], read, fsync=fsync)


def _with_sidecars(
    source: Source,
    run: Callable[[bool], Report],
    restart: Callable[[], None],
    plan: Planned | None,
    sidecars: Sidecars,
    stack: ExitStack,
    *,
    nanoseconds: bool,
) -> Report:
    """A run, and another one for a capture that turns out to be edited since, which may have made no sense of it.
    Raises what `run` raises, and SidecarError."""
    for last in (False, True):
        try:
            if plan is not None and plan.needs_survey:
                survey(plan, source, stack, sidecars)
            report = attempt(source, run, restart, nanoseconds=nanoseconds, clamp=sidecars.clamp)
            sidecars.check()
            break
        except FileError:  # of a full disk, say
            raise
        except PcapconvError:
            if last or not sidecars.edited():
                raise
            source.rewind()
            restart()
    return report


def check_on_loss(on_loss: str) -> None:
    """Raises UsageError for a word that means nothing."""
    if on_loss not in ("warn", "ignore", "fail"):
        raise UsageError(f"--on-loss {on_loss}: it is one of warn, ignore, fail")


def attempt(
    source: Source,
    run: Callable[[bool], Report],
    restart: Callable[[], None] | None,
    *,
    nanoseconds: bool,
    clamp: Callable[[], bool] | None = None,
) -> Report:
    """A run, and where an interface that comes late needs nanoseconds, a time is none that pcap can hold and there is
    something to `clamp` it, or a packet is longer than was stated, another one with them. `restart` forgets what was
    written; None where nobody can. Raises TargetError where one cannot go back, and what `run` raises."""
    try:
        return run(nanoseconds)
    except NeedsNanosecondsError as error:
        if not source.seekable or restart is None:
            raise TargetError(f"{source.name}: {error}: start again with --nanoseconds (nanoseconds=True)") from None
        nanoseconds = True
    except TimeRangeError:
        if not source.seekable or restart is None or clamp is None or not clamp():
            raise
        nanoseconds = True
    except NeedsSnaplenError:  # which comes only where one can go back
        if restart is None:
            raise
    source.rewind()
    restart()
    return attempt(source, run, restart, nanoseconds=nanoseconds, clamp=clamp)


def refuse_losses(report: Report, source: Source) -> None:
    """Raises LossError if there are any, or where a sidecar lacks something."""
    what = f"{report.target_format} cannot hold {describe(report.losses)}" if report.losses else ""
    if report.missing_in_sidecar:
        what = f"{report.sidecar_read} was written without {describe(report.missing_in_sidecar)}"
    if what:
        refuse(report, source, what)


def refuse(report: Report, source: Source, what: str) -> NoReturn:
    """Raises LossError, which says `what` would be lost."""
    report.packets_written, report.outputs, report.sidecar_written = 0, [], None
    report.parts = None if report.parts is None else []
    raise LossError(f"{source.name}: {what}; nothing was written", report)


def make_plan(options: StepOptions) -> Plan | None:
    """What the selecting and editing options ask for; None for nothing. Raises UsageError."""
    if all(value is None or value is False or value in ((), []) for value in options.values()):
        return None  # a 0 asks for something, if for nothing that makes sense
    from pcapconv.steps.plan import Plan  # not for a plain conversion, which starts faster without

    return Plan(options, read_file)


def survey(plan: Planned, source: Source, stack: ExitStack, sidecars: Sidecars | None = None) -> Source:
    """Let the plan see the whole capture first. A pipe is kept in an unnamed temporary file for that."""
    if not source.seekable:
        source = stack.enter_context(spool(source))
    with about(source):
        items = formats.open_reader(source).items()
        plan.survey(items if sidecars is None else sidecars.restored(items))
    source.rewind()
    return source


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


def _run(
    source: Source,
    target: Target,
    format_name: str,
    strict: bool,
    nanoseconds: bool,
    progress: Callable[[int], object] | None,
    plan: Planned | None,
    sidecars: Sidecars | None,
    snaplens: Snaplens | None,
) -> Report:
    report = Report(source.name, target.name, format_name)
    output = Output(target) if sidecars is None else sidecars.output(target)
    try:
        with about(source):
            reader = formats.open_reader(source)
            writer = formats.open_writer(format_name, output, nanoseconds=nanoseconds)
            report.source_format = reader.format
            steps = [] if plan is None else plan.steps(report.left_out)
            steps = steps if sidecars is None else sidecars.around(steps, report.left_out)
            steps = steps if snaplens is None else [*steps, snaplens.step(report)]
            for item in through(steps, watched(reader.items(), source, report, strict=strict, progress=progress)):
                writer.write(item)
            writer.finish()
    finally:
        output.close()
    report.packets_written = writer.packets
    report.note_zeros(target.name, writer.zeros_at_end)
    if plan is not None and plan.wants_packets:
        report.note_no_packets()
    report.losses = dict(writer.losses) | ({} if plan is None else dict(plan.losses))
    if snaplens is not None:
        snaplens.count(report)
    if sidecars is not None:
        sidecars.finish(report, output, writer.link_type)
    report.losses = dict(Counter(report.losses) + reader.losses)
    return report


@contextmanager
def about(source: Source) -> Iterator[None]:
    """Puts the source's name before what steps and writers say of its packets; readers and sidecars say theirs."""
    try:
        yield
    except (NeedsNanosecondsError, NeedsSnaplenError, SidecarError):
        raise
    except (FormatError, TargetError) as error:
        if str(error).startswith(f"{source.name}: "):
            raise
        raise type(error)(f"{source.name}: {error}") from error


def watched(
    items: Iterator[Item],
    source: Source,
    report: Report,
    *,
    strict: bool,
    progress: Callable[[int], object] | None,
) -> Iterator[Item]:
    """The items, noted in the report as they come by; so is it where pcap is written of a capture without an interface.
    Raises DamageError for damage when `strict`."""
    described = False
    for item in items:
        if isinstance(item, PacketBatch):
            report.packets_read += item.rows
            if progress is not None:
                progress(source.position)
        elif isinstance(item, Block):
            kind = item.kind
            if kind != "statistics" and not item.explains_packets:
                report.other_blocks[kind] += 1
        elif isinstance(item, Damage):
            if strict:
                raise DamageError(f"{source.name}: {item}")
            report.add_damage(item)
        elif isinstance(item, Notice):
            report.add_warning(item)
        elif isinstance(item, Interface):
            described = True
        yield item
    if not described and report.target_format == "pcap":
        report.add_warning(Notice(0, _NO_INTERFACE))


def through(steps: list[Step], items: Iterator[Item]) -> Iterator[Item]:
    """The items after all steps."""
    for step in steps:
        items = step(items)
    return items


def name_of(target: Writable) -> str | None:
    """A target's path or name, None for stdout and what has none."""
    if isinstance(target, str | os.PathLike):
        path = os.fspath(target)
        return None if path == STDIO else path
    name = getattr(target, "name", None)
    return name if isinstance(name, str) else None
