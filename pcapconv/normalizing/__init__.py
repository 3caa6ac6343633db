"""The same packets and the same meaning as the same bytes, whatever wrote them: `pcapconv.normalize`.

Strategy: a first pass (`survey`) collects what stands before the packets, a second one (`packets`) writes them behind
it, perhaps in another order (`sort`). What of the metadata is kept, and how it looks, is in `form`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, NamedTuple

from pcapconv import formats
from pcapconv.conversion import Conversion, ConversionSettings, OnLoss, check_on_loss, refuse
from pcapconv.errors import UsageError
from pcapconv.formats.naming import output_of
from pcapconv.formats.settings import WriterSettings
from pcapconv.io.paths import Readable, Writable, name_of
from pcapconv.io.source import Source, open_source, spool, temporary_file
from pcapconv.io.target import open_target
from pcapconv.model import Item, Notice
from pcapconv.normalizing.check import Gaps, first_difference, reasons
from pcapconv.normalizing.normal_form import KEPT, NormalForm
from pcapconv.normalizing.packets import MaskTimes, Normalize
from pcapconv.normalizing.sort import Sort
from pcapconv.normalizing.survey import Survey
from pcapconv.report import Report, blocks_said
from pcapconv.sinks import FileSink
from pcapconv.steps import BasePlan, Step, argument_values
from pcapconv.steps.strip import STRIP_KINDS
from pcapconv.text import counted
from pcapconv.timestamps import NANOSECONDS, format_time
from pcapconv.wording import argument

if TYPE_CHECKING:
    from typing import Unpack

    from pcapconv.normalizing.config import NormalizeOptions


class NormalSettings(NamedTuple):
    """What to make of a capture, understood: which `kinds` of metadata are kept, and what becomes of times, in
    nanoseconds."""

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
    **options: Unpack[NormalizeOptions],
) -> Report:
    """Write a capture in its normal form, which is described in `NORMAL_FORM.md`.

    `source`, `target`, `force`, `strict`, `on_loss`, `fractions`, `fsync` and `progress` are as for `convert`; `to` is
    pcapng where neither it nor the target's suffix says pcap. `sort` orders packets by time. `rebase_time` is where the
    first packet goes, and all others with it; `mask_time` puts each at its number in milliseconds behind that, or
    behind 1970-01-01. `keep` and `strip` add and take kinds of metadata, as `convert`'s `strip` has them.
    `keep_snaplen` has interfaces state what they stated, also where packets are longer. `on_loss="ignore"` cuts times
    that nanoseconds cannot hold, which otherwise are refused.

    Returns a `Report`. Raises a `PcapconvError`.
    """
    target = output_of(source, target, options.get("to"))
    wanted = normal_settings(name_of(target), **options)
    whole = wanted.strict or wanted.on_loss == "fail" or wanted.format == "pcap"  # whose header is known when all is
    with (
        open_source(source, fractions=fractions) as opened,
        _conversion(opened, _Plan(wanted), fsync=fsync, progress=progress) as conversion,
    ):
        conversion.survey()
        conversion.write_to(FileSink(open_target(target, force=force, whole=whole)))
        report = conversion.run()
        _judge(report, wanted)
        conversion.commit()
        return report


def check(
    source: Readable,
    *,
    fractions: str | None = None,
    tell: Callable[[Report], object] = lambda _: None,
    **options: Unpack[NormalizeOptions],
) -> list[str]:
    """Why a capture is not in the normal form that `normalize` would give it, in words; nothing when it is. Of a
    damaged one, what could be read counts. `tell` is given the report of the conversion: damage and oddities. Raises a
    `PcapconvError`."""
    wanted = normal_settings(name_of(source) if isinstance(source, str | os.PathLike) else None, **options)
    plan = _Plan(wanted)
    with ExitStack() as stack:
        opened = stack.enter_context(open_source(source, fractions=fractions))
        if not opened.seekable:
            opened = stack.enter_context(spool(opened))
        file = stack.enter_context(temporary_file())
        with _conversion(opened, plan) as conversion:
            conversion.survey()
            conversion.write_to(FileSink(open_target(file)))
            report = conversion.run()
            _judge(report, wanted)
            tell(report)
            conversion.commit()
        file.seek(0)
        gaps = Gaps(opened) if report.damage else None
        opened.rewind()
        same, position = first_difference(opened, Source(file, opened.name, owned=False), gaps)
        if same:
            return []
        opened.rewind()
        reader = formats.open_reader(opened)
        if reader.format != wanted.format:
            return [f"it is {reader.format}, not {wanted.format}"]
        return reasons(reader.items(), report.left_out, plan.reasons(), position)


def _conversion(
    source: Source, plan: _Plan, *, fsync: bool = True, progress: Callable[[int], object] | None = None
) -> Conversion:
    options = plan.options
    writer = WriterSettings(options.format, nanoseconds=True, keep_snaplen=options.keep_snaplen)
    return Conversion(source, ConversionSettings(writer, options.strict, options.on_loss, fsync, progress), plan)


def _judge(report: Report, options: NormalSettings) -> None:
    """Warn where more custom and unknown blocks are left out than there are packets, or raise LossError: of such a
    capture, the normal form would not have what counts."""
    gone = {kind: count for kind, count in report.other_blocks.items() if kind not in options.kinds}
    if sum(gone.values()) <= report.packets_read:
        return
    said = f"{counted(report.packets_read, 'packet')}, but {blocks_said(gone)}"
    advice = "" if report.target_format == "pcap" else f"; {argument('keep', ','.join(sorted(gone)))} keeps them"
    left = f"it holds {said}, which the normal form leaves out{advice}"
    if options.on_loss == "fail":
        refuse(report, left)
    if options.on_loss == "warn":
        report.add_warning(Notice(None, left))


def target_format(name: str | None, to: str | None) -> str:
    """`to`, or what the suffix says, or pcapng. Raises UsageError for another `to`."""
    if to is None and (name is None or not formats.is_suffix(os.path.splitext(name)[1])):
        return "pcapng"
    return formats.target_format(name, to)


def normal_settings(
    name: str | None,
    *,
    to: str | None = None,
    strict: bool = False,
    on_loss: OnLoss = "warn",
    sort: bool = False,
    rebase_time: str | None = None,
    mask_time: bool = False,
    keep: Sequence[str] = (),
    strip: Sequence[str] = (),
    keep_snaplen: bool = False,
) -> NormalSettings:
    """The options, for a target of this name. Raises UsageError for those that make no sense."""
    check_on_loss(on_loss)
    kept, stripped = _kinds("keep", keep), _kinds("strip", strip)
    both = sorted(kept & stripped)
    if both:
        raise UsageError(f"{argument('keep')} and {argument('strip', both[0])}: it can be only one of them")
    kinds, start = (KEPT | kept) - stripped, _start(rebase_time)
    return NormalSettings(target_format(name, to), kinds, sort, start, mask_time, strict, on_loss, keep_snaplen)


def _kinds(name: str, texts: Sequence[str]) -> frozenset[str]:
    kinds = frozenset(kind for text in ([texts] if isinstance(texts, str) else texts) for kind in text.split(","))
    for kind in sorted(kinds):
        if kind not in STRIP_KINDS:
            raise UsageError(f"{argument(name, kind)}: the kinds are {', '.join(STRIP_KINDS)}")
    return kinds


def _start(text: str | None) -> int | None:
    if text is None:
        return None
    moment = argument_values.parse_moment("rebase_time", text)
    exact = moment.seconds * NANOSECONDS
    if moment.relative or exact.denominator != 1 or not 0 <= exact < 2**64:
        raise UsageError(
            f"{argument('rebase_time', text)}: write a time from 1970 on in whole nanoseconds, "
            "as in 2024-05-01T12:00:00Z"
        )
    return int(exact)


class _Plan(BasePlan):
    """The two passes over one capture."""

    needs_survey = True

    def __init__(self, options: NormalSettings) -> None:
        self.options = options
        self._to_pcap = options.format == "pcap"
        self._surveyed: Counter[str] = Counter()
        self._survey: Survey | None = None
        self._normalize: Normalize | None = None

    def survey(self, items: Iterator[Item]) -> None:
        """Look at the whole capture."""
        options = self.options
        timeless = options.mask and not options.sort
        form = NormalForm(options.kinds, self._surveyed)
        self._survey = Survey(
            form, sort=options.sort, timeless=timeless, lengths=self._to_pcap, keep_snaplen=options.keep_snaplen
        )
        for _ in self._survey(items):
            pass
        if self._to_pcap:  # whose header states a snaplen that holds for all
            self._survey.state_limits()

    def steps(self, left_out: Counter[str]) -> list[Step]:
        """New steps for one run."""
        assert self._survey is not None
        options = self.options
        left_out.update(self._surveyed)
        first = self._survey.first
        shift = 0 if options.start is None or first is None or options.mask else options.start - first
        self._normalize = Normalize(
            self._survey,
            NormalForm(options.kinds, left_out, complete=bool(self._survey.processes)),
            shift=shift,
            cut=options.on_loss == "ignore",
            timeless=options.mask and not options.sort,
        )
        steps: list[Step] = [self._normalize]
        if options.sort:
            steps.append(Sort(rising=self._survey.rising))
        if options.mask:
            steps.append(MaskTimes(options.start or 0))
        return steps

    @property
    def losses(self) -> dict[str, int]:
        """Of the last run."""
        if self._normalize is None or self._survey is None:
            return {}
        found = {"header-fields": 0 if self._to_pcap else len(self._survey.instead)}
        if not self.options.mask:
            found["time-digits"] = self._normalize.inexact
            found["packets-without-time"] = self._normalize.without_time
        return {kind: count for kind, count in found.items() if count}

    def reasons(self) -> list[str]:
        """Why the times and lengths that the last survey saw are not normal, as far as that is known."""
        options, survey = self.options, self._survey
        found = [
            f"it has packets longer than the snaplen of {stated} that their interface states"
            for stated in ([] if survey is None else sorted(survey.instead))
        ]
        if survey is not None and options.sort and not survey.rising:
            found.append("its packets are not in the order of their times")
        first = None if survey is None or options.mask else survey.first
        if first is not None and options.start is not None and first != options.start:
            at, wanted = (format_time(time, NANOSECONDS, 0) for time in (first, options.start))
            found.append(f"its first packet is at {at}, not at {wanted}")
        return found
