"""The normal form of captures, in which the same packets with the same meaning are the same bytes:
`pcapconv.normalize` and `pcapconv.check`.

`docs/reference/normal-form.md` specifies it.

    arguments         the arguments of `normalize`, and how they are read from a project's pyproject.toml
    normal_form       the normal form of options, interfaces and blocks, and which metadata it keeps
    survey            the first pass over a capture: collects everything that comes before the packets
    normalize_step    the second pass: yields what the survey collected, then the packets; and the step that masks times
    sort              the step that orders packets by time
    check_reasons     explains why a capture is not in its normal form
    check_result      what `check` returns
"""

from __future__ import annotations

import io
import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, NamedTuple

from pcapconv import formats
from pcapconv.argument_types import check_flags, check_functions, parse_words
from pcapconv.conversion import Conversion, ConversionSettings, OnLoss, check_on_loss, refuse
from pcapconv.errors import UsageError
from pcapconv.formats.compressed_captures import plain_content
from pcapconv.formats.output_compression import choose_compression
from pcapconv.formats.output_names import output_of
from pcapconv.formats.settings import WriterSettings
from pcapconv.io.paths import Readable, Writable, name_of
from pcapconv.io.source import Source, open_source
from pcapconv.io.target import open_target
from pcapconv.io.temporary_file import temporary_file
from pcapconv.model import Item, Notice
from pcapconv.normalizing.check_reasons import Gaps, find_reasons, first_difference
from pcapconv.normalizing.check_result import CheckResult, result_of
from pcapconv.normalizing.normal_form import KEPT, NormalForm
from pcapconv.normalizing.normalize_step import MaskTimes, Normalize
from pcapconv.normalizing.sort import Sort
from pcapconv.normalizing.survey import Survey
from pcapconv.report import Report, blocks_in_words
from pcapconv.sinks import FileSink
from pcapconv.steps import BasePlan, Step, argument_values, typed_values
from pcapconv.steps.strip import STRIP_KINDS
from pcapconv.text import counted
from pcapconv.timestamps import NANOSECONDS, format_time
from pcapconv.wording import argument

if TYPE_CHECKING:
    from typing import Unpack

    from pcapconv.normalizing.arguments import NormalizeArguments
    from pcapconv.steps.typed_values import Time


class NormalSettings(NamedTuple):
    """The arguments of `normalize`, checked: the target's `format`, which `kinds` of metadata are kept, whether packets
    are sorted (`sort`), the time that the first packet gets in nanoseconds since 1970 (`start`, None if times are not
    moved), and whether times are replaced (`mask`). The remaining fields are as for `normalize`."""

    format: str
    kinds: frozenset[str]
    sort: bool
    start: int | None
    mask: bool
    strict: bool
    on_loss: OnLoss
    keep_snaplen: bool


def normalize(
    source: Readable,
    target: Writable,
    *,
    force: bool = False,
    fsync: bool = True,
    fractions: str | None = None,
    progress: Callable[[int], object] | None = None,
    compress: str | None = None,
    compress_level: int | None = None,
    **arguments: Unpack[NormalizeArguments],
) -> Report:
    """Write a capture in its normal form, which `docs/reference/normal-form.md` specifies.

    * `source`, `target`, `force`, `fractions`, `fsync`, `progress`, `compress`, `compress_level`: as for `convert`. The
      normal form is that of the content.
    * `arguments`: `pcapconv.normalizing.arguments.NormalizeArguments`. Of these, `strict` and `keep_snaplen` are as for
      `convert`. `to` is the format; without it, the format is pcap if the target has the suffix of pcap, else pcapng.
      `on_loss` is as for `convert`, too; but times that are finer than nanoseconds are refused with a TargetError
      unless it is `"ignore"`, which cuts them.

    Returns a `Report`. Raises a `PcapconvError`, as `convert` does.
    """
    check_flags(force=force, fsync=fsync)
    check_functions(progress=progress)
    target = output_of(source, target, arguments.get("to"), compress)
    settings = parse_normalize_arguments(name_of(target), **arguments)
    # The header of a pcap file is known only at the end.
    whole = settings.strict or settings.on_loss == "fail" or settings.format == "pcap"
    with ExitStack() as stack:
        opened = stack.enter_context(open_source(source, fractions=fractions))
        writer = WriterSettings(settings.format, compress=compress, compress_level=compress_level)
        writer = choose_compression(writer, target, opened)
        plan = _NormalizePlan(settings)
        conversion = stack.enter_context(_open_conversion(opened, plan, writer, fsync=fsync, progress=progress))
        conversion.survey()
        compressed = writer.compress is not None
        conversion.write_to(FileSink(open_target(target, force=force, whole=whole, compressed=compressed)))
        report = conversion.run()
        _check_left_out_blocks(report, settings)
        conversion.commit()
        return report


def check(source: Readable, *, fractions: str | None = None, **arguments: Unpack[NormalizeArguments]) -> CheckResult:
    """Check whether a capture is in the normal form that `normalize` would give it. Nothing is written.

    * `source`, `fractions`: as for `convert`. Gaps in a damaged capture are passed over.
    * `arguments`: `pcapconv.normalizing.arguments.NormalizeArguments`, as for `normalize`. Without `to`, the format is
      that of the name's suffix, else pcapng. A project's `pyproject.toml` is not read.

    Returns a `CheckResult`, which has `normal` and the `reasons`. Raises a `PcapconvError`, as `normalize` does.
    """
    with checked(source, fractions=fractions, **arguments) as capture:
        return capture.result


class Checked(NamedTuple):
    """A capture that was checked: the `result`, and two open files, each from its present position on: `content`, the
    capture itself without its compression, and `normal_form`."""

    result: CheckResult
    content: Readable
    normal_form: Readable


@contextmanager
def checked(
    source: Readable, *, fractions: str | None = None, **arguments: Unpack[NormalizeArguments]
) -> Iterator[Checked]:
    """Context manager that checks a capture as `check` does, and keeps the capture and its normal form open, in
    temporary files as far as necessary."""
    name = name_of(source) if isinstance(source, str | os.PathLike) else None
    settings = parse_normalize_arguments(name, **arguments)
    plan = _NormalizePlan(settings)
    with ExitStack() as stack:
        opened = plain_content(stack.enter_context(open_source(source, fractions=fractions)), stack)
        file = stack.enter_context(temporary_file())
        with _open_conversion(opened, plan, WriterSettings(settings.format)) as conversion:
            conversion.survey()
            conversion.write_to(FileSink(open_target(file)))
            report = conversion.run()
            _check_left_out_blocks(report, settings)
            conversion.commit()
        result = _compare_with_normal_form(opened, file, plan, report)
        opened.rewind()
        file.seek(0)
        yield Checked(result, opened.file, file)


def _compare_with_normal_form(opened: Source, file: io.FileIO, plan: _NormalizePlan, report: Report) -> CheckResult:
    """Return the result for a capture whose normal form is in `file`."""
    file.seek(0)
    gaps = Gaps(opened) if report.damage else None
    opened.rewind()
    same, position = first_difference(opened, Source(file, opened.name, owned=False), gaps)
    if same:
        return result_of(opened.name, "damaged" if report.damage else "normal", report, [])
    opened.rewind()
    reader = formats.open_reader(opened)
    if reader.format != plan.settings.format:
        reasons = [f"it is {reader.format}, not {plan.settings.format}"]
    else:
        reasons = find_reasons(reader.items(), report.left_out, plan.reasons(), position)
    return result_of(opened.name, "different", report, reasons)


def _open_conversion(
    source: Source,
    plan: _NormalizePlan,
    writer: WriterSettings,
    *,
    fsync: bool = True,
    progress: Callable[[int], object] | None = None,
) -> Conversion:
    settings = plan.settings
    writer = writer._replace(nanoseconds=True, keep_snaplen=settings.keep_snaplen, chooses=None)
    return Conversion(source, ConversionSettings(writer, settings.strict, settings.on_loss, fsync, progress), plan)


def _check_left_out_blocks(report: Report, settings: NormalSettings) -> None:
    """Warn, or raise LossError, if more custom and unknown blocks are left out than the capture has packets: then the
    normal form would lack what matters in the capture."""
    left_out = {kind: count for kind, count in report.other_blocks.items() if kind not in settings.kinds}
    if sum(left_out.values()) <= report.packets_read:
        return
    content = f"{counted(report.packets_read, 'packet')}, but {blocks_in_words(left_out)}"
    advice = "" if report.target_format == "pcap" else f"; {argument('keep', ','.join(sorted(left_out)))} keeps them"
    warning = f"it holds {content}, which the normal form leaves out{advice}"
    if settings.on_loss == "fail":
        refuse(report, report.inputs[0], warning)
    if settings.on_loss == "warn":
        report.add_warning(Notice(None, warning))


def target_format(name: str | None, to: str | None) -> str:
    """Return the format to write: `to`, else the format of the name's suffix, else pcapng. Raises UsageError if `to` is
    not a format."""
    if to is None and (name is None or formats.format_of(name) is None):
        return "pcapng"
    return formats.target_format(name, to)


def parse_normalize_arguments(
    name: str | None,
    *,
    to: str | None = None,
    strict: bool = False,
    on_loss: OnLoss = "warn",
    sort: bool = False,
    rebase_time: Time | None = None,
    timezone: str | None = None,
    mask_time: bool = False,
    keep: Sequence[str] = (),
    strip: Sequence[str] = (),
    keep_snaplen: bool = False,
) -> NormalSettings:
    """Check the arguments of `normalize`, for a target of this name, and return the settings. Raises UsageError for
    arguments that are invalid or contradict each other."""
    check_on_loss(on_loss)
    check_flags(sort=sort, mask_time=mask_time, strict=strict, keep_snaplen=keep_snaplen)
    kept, stripped = _parse_kinds("keep", keep), _parse_kinds("strip", strip)
    both = sorted(kept & stripped)
    if both:
        raise UsageError(
            f"{argument('keep')} and {argument('strip', both[0])}: it can be only one of them", option="keep"
        )
    kinds, start = (KEPT | kept) - stripped, _parse_start(rebase_time, timezone)
    return NormalSettings(target_format(name, to), kinds, sort, start, mask_time, strict, on_loss, keep_snaplen)


def _parse_kinds(name: str, texts: Sequence[str]) -> frozenset[str]:
    kinds = frozenset(parse_words(name, texts))
    for kind in sorted(kinds):
        if kind not in STRIP_KINDS:
            raise UsageError(f"{argument(name, kind)}: the kinds are {', '.join(STRIP_KINDS)}", option=name)
    return kinds


def _parse_start(time: Time | None, timezone: str | None) -> int | None:
    zone = argument_values.parse_timezone("timezone", timezone)
    if time is None:
        return None
    moment = typed_values.moment("rebase_time", time, zone)
    exact = moment.seconds * NANOSECONDS
    if moment.relative or exact.denominator != 1 or not 0 <= exact < 2**64:
        raise UsageError(
            f"{argument('rebase_time', time)}: write a time from 1970 on in whole nanoseconds, "
            "as in 2024-05-01T12:00:00Z",
            option="rebase_time",
        )
    return int(exact)


class _NormalizePlan(BasePlan):
    """The two passes over one capture: the survey, and the steps that write the normal form."""

    needs_survey = True

    def __init__(self, settings: NormalSettings) -> None:
        self.settings = settings
        self._to_pcap = settings.format == "pcap"
        self._left_out_by_survey: Counter[str] = Counter()
        self._survey: Survey | None = None
        self._normalize: Normalize | None = None

    def survey(self, items: Iterator[Item]) -> None:
        """Survey the whole capture."""
        settings = self.settings
        timeless = settings.mask and not settings.sort
        form = NormalForm(settings.kinds, self._left_out_by_survey)
        self._survey = Survey(
            form, sort=settings.sort, timeless=timeless, lengths=self._to_pcap, keep_snaplen=settings.keep_snaplen
        )
        for _ in self._survey(items):
            pass
        if self._to_pcap:  # the header of a pcap file has one snaplen for all interfaces
            self._survey.unify_snaplens()

    def steps(self, left_out: Counter[str]) -> list[Step]:
        """New steps for one run."""
        assert self._survey is not None
        settings = self.settings
        left_out.update(self._left_out_by_survey)
        first = self._survey.first
        shift = 0 if settings.start is None or first is None or settings.mask else settings.start - first
        self._normalize = Normalize(
            self._survey,
            NormalForm(settings.kinds, left_out, complete=bool(self._survey.processes)),
            shift=shift,
            cut=settings.on_loss == "ignore",
            timeless=settings.mask and not settings.sort,
        )
        steps: list[Step] = [self._normalize]
        if settings.sort:
            steps.append(Sort(rising=self._survey.rising))
        if settings.mask:
            steps.append(MaskTimes(settings.start or 0))
        return steps

    @property
    def losses(self) -> dict[str, int]:
        """The losses of the last run, by kind."""
        if self._normalize is None or self._survey is None:
            return {}
        losses = {"header-fields": 0 if self._to_pcap else len(self._survey.replaced_snaplens)}
        if not self.settings.mask:
            losses["time-digits"] = self._normalize.inexact
            losses["packets-without-time"] = self._normalize.without_time
        return {kind: count for kind, count in losses.items() if count}

    def reasons(self) -> list[str]:
        """Return the reasons, found by the last survey, why the capture's times, order and snaplens are not normal."""
        settings, survey = self.settings, self._survey
        reasons = [
            f"it has packets longer than the snaplen of {stated} that their interface states"
            for stated in ([] if survey is None else sorted(survey.replaced_snaplens))
        ]
        if survey is not None and settings.sort and not survey.rising:
            reasons.append("its packets are not in the order of their times")
        first = None if survey is None or settings.mask else survey.first
        if first is not None and settings.start is not None and first != settings.start:
            actual, expected = (format_time(time, NANOSECONDS, 0) for time in (first, settings.start))
            reasons.append(f"its first packet is at {actual}, not at {expected}")
        return reasons
