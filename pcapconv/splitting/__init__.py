"""One capture into many, each of which stands alone: `pcapconv.split`.

How each packet and block finds its part is in `division`, the files are in `parts`, their names in `template`.
"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Literal

from pcapconv import formats
from pcapconv.conversion import (
    OnLoss,
    about,
    attempt,
    check_on_loss,
    make_plan,
    open_secrets,
    refuse_losses,
    survey,
    through,
    watched,
)
from pcapconv.errors import UsageError
from pcapconv.io.file_set import Targets
from pcapconv.io.files import SIDECAR_SUFFIX, Readable, Source, open_source, read_file, spool
from pcapconv.report import Report
from pcapconv.splitting.by_key import ByInterval
from pcapconv.splitting.by_kind import KEYS, by_kind
from pcapconv.splitting.by_size import ByCount, BySize
from pcapconv.splitting.division import Splitter
from pcapconv.splitting.parts import MOST_PARTS, OpenParts
from pcapconv.splitting.template import Template
from pcapconv.steps import quantities
from pcapconv.steps.plan import Plan
from pcapconv.steps.snaplens import Snaplens

if TYPE_CHECKING:
    from typing import Unpack

    from pcapconv.sidecar.writing import WrittenSidecar
    from pcapconv.steps.plan import StepOptions

By = Literal["interface", "link-type", "section"]

_WAYS = (
    "--max-packets 10000, --max-bytes 100MB, --interval 1h, --by interface, --by link-type or --by section "
    "(max_packets=, max_bytes=, interval=, by=)"
)


def split(
    source: Readable,
    template: str | os.PathLike[str],
    *,
    max_packets: int | None = None,
    max_bytes: str | int | None = None,
    interval: str | None = None,
    align: bool = False,
    by: By | None = None,
    max_parts: int | None = None,
    to: str | None = None,
    force: bool = False,
    strict: bool = False,
    on_loss: OnLoss = "warn",
    nanoseconds: bool = False,
    fractions: str | None = None,
    keep_snaplen: bool = False,
    sidecar: bool = False,
    sidecar_secrets: bool = False,
    fsync: bool = True,
    progress: Callable[[int], object] | None = None,
    taken: Sequence[str] = (),
    **options: Unpack[StepOptions],
) -> Report:
    """Select from, edit and split one capture.

    One of these says where a new part begins: `max_packets` packets; `max_bytes`, a size that no part exceeds unless a
    single packet does; `interval`, a length of time, from the first packet's time on, or, to `align`, at multiples of
    it on the UTC clock; `by`, a part for each interface, link type or section.
    `max_parts` is how many parts there may be, 10,000 where it is not given.
    `template` gives the parts' names; `{index}`, `{start:%Y%m%dT%H%M%S}`, `{interface}`, `{link_type}`, `{section}` and
    `{stem}` are filled in; `taken` are names that no part may have. `source`, `to`, `force`, `strict`, `on_loss`,
    `nanoseconds`, `fractions`, `keep_snaplen`, `fsync` and `progress` are as for `convert`. `sidecar` keeps, by link
    type and in pcap, what pcap cannot hold in a file `STEM.meta.json` beside the parts, by which `join` makes one
    capture of them again; with `sidecar_secrets` secrets too. `options` select and edit: see
    `pcapconv.steps.plan.StepOptions`. The parts appear together when all are complete, or none does.

    Returns a `Report`, whose `parts` list each part's name, packets, bytes, first and last time. Raises a
    `PcapconvError`.
    """
    check_on_loss(on_loss)
    names = Template(os.fspath(template))
    format_name = formats.target_format(names.text, to)
    way = _way(max_packets, max_bytes, interval, align, by)
    most = MOST_PARTS if max_parts is None else quantities.count("--max-parts", max_parts)
    _check_sidecar(sidecar, sidecar_secrets, by, format_name)
    plan = make_plan(options) or Plan({}, read_file)
    with ExitStack() as stack:
        opened = stack.enter_context(open_source(source, fractions=fractions))
        if plan.needs_survey:
            opened = survey(plan, opened, stack)
        secrets = open_secrets(plan, source, force=force)
        if secrets is not None:
            stack.enter_context(secrets)
        kept = None
        if sidecar:
            from pcapconv.sidecar import check_apart
            from pcapconv.sidecar.writing import WrittenSidecar

            opened = opened if opened.seekable else stack.enter_context(spool(opened))
            folder = "" if names.directory == "." else names.directory
            name = os.path.join(folder, _stem(opened.name) + SIDECAR_SUFFIX)
            check_apart(name, [source, *taken, plan.extract_to, *plan.injected_from])
            kept = WrittenSidecar(name, stack, secrets=sidecar_secrets, fingerprints=False, force=force)
            taken = [*taken, name]
        taken = [*taken, *plan.injected_from, *([] if plan.extract_to is None else [plan.extract_to])]
        files = stack.enter_context(Targets(names.directory, names.text, force=force, taken=taken))
        snaplens = None if keep_snaplen or format_name == "pcap" else Snaplens(again=opened.seekable)

        def run(nanoseconds: bool) -> Report:
            parts = OpenParts(
                files,
                names,
                _stem(opened.name),
                format_name,
                most=most,
                input_size=lambda: opened.size or opened.position,
                nanoseconds=nanoseconds,
                hashed=sidecar,
            )
            return _run(opened, parts, way(parts), strict, progress, plan, kept, snaplens)

        clamp = None if kept is None else kept.clamp
        report = attempt(opened, run, files.restart, nanoseconds=nanoseconds, clamp=clamp)
        if on_loss == "fail":
            refuse_losses(report, opened)
        wanted = plan.write_secrets(secrets, report)
        others = [secrets if wanted else None, None if kept is None else kept.target]
        files.commit(report.outputs, [*filter(None, others)], [opened], fsync=fsync)
        report.put_back = files.put_back
    return report


def _check_sidecar(sidecar: bool, secrets: bool, by: By | None, format_name: str) -> None:
    """Raises UsageError for sidecars of splits that have none."""
    if secrets and not sidecar:
        raise UsageError("--sidecar-secrets goes with --sidecar")
    if sidecar and (by != "link-type" or format_name != "pcap"):
        raise UsageError("--sidecar: a split by link type into pcap files has one (--by link-type --to pcap)")


def _run(
    source: Source,
    parts: OpenParts,
    splitter: Splitter,
    strict: bool,
    progress: Callable[[int], object] | None,
    plan: Plan,
    sidecar: WrittenSidecar | None,
    snaplens: Snaplens | None,
) -> Report:
    report = Report(source.name, "", parts.format)
    try:
        with about(source):
            reader = formats.open_reader(source)
            report.source_format = reader.format
            items = watched(reader.items(), source, report, strict=strict, progress=progress)
            steps = plan.steps(report.left_out, splits=sidecar is None)  # with one, everything comes back
            steps = steps if sidecar is None else [*steps, sidecar.step()]
            steps = steps if snaplens is None else [*steps, snaplens.step(report)]
            for item in through(steps, items):
                splitter.write(item)
            splitter.finish()
    finally:
        parts.close()
    report.outputs = parts.names
    report.packets_written = parts.packets
    for name, count in parts.zeros_at_end.items():
        report.note_zeros(name, count)
    report.note_no_packets()
    report.losses = splitter.losses()
    if snaplens is not None:
        snaplens.count(report)
    report.left_out.update(splitter.left_out)
    report.oversized = splitter.oversized
    report.parts = parts.reports
    if sidecar is not None:
        from pcapconv.sidecar.writing import parts_of

        sidecar.finish(report, parts_of(report))
    report.losses = dict(Counter(report.losses) + reader.losses)
    return report


def _stem(name: str) -> str:
    return os.path.splitext(os.path.basename(name))[0]


def _way(
    max_packets: int | None, max_bytes: str | int | None, interval: str | None, align: bool, by: By | None
) -> Callable[[OpenParts], Splitter]:
    """What makes the splitter that is asked for. Raises UsageError."""
    given = [way for way in (max_packets, max_bytes, interval, by) if way is not None]
    if len(given) != 1:
        how = "two ways to split exclude each other" if given else "nothing says where a new part begins"
        raise UsageError(f"{how}; give one of {_WAYS}")
    if align and interval is None:
        raise UsageError("--align: only intervals have limits to align; write --interval 1h --align")
    if max_packets is not None:
        most = quantities.count("--max-packets", max_packets)
        return lambda parts: ByCount(parts, most)
    if max_bytes is not None:
        size = quantities.size("--max-bytes", str(max_bytes))
        return lambda parts: BySize(parts, size)
    if interval is not None:
        if not isinstance(interval, str):
            raise UsageError(f"--interval {interval!r:.80}: write it as text, as in 90s or 1h")
        length = quantities.duration("--interval", interval, positive=True)
        return lambda parts: ByInterval(parts, length, align=align)
    if by not in KEYS:
        raise UsageError(f"--by {by}: it is one of {', '.join(KEYS)}")
    return lambda parts: by_kind(parts, by)
