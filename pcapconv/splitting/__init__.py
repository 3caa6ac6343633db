"""One capture into many, each of which stands alone: `pcapconv.split`.

How each packet and block finds its part is in `division`, the files are in `parts`, their names in `io.template`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Literal

from pcapconv import formats
from pcapconv.conversion import Conversion, ConversionSettings, OnLoss, check_on_loss, open_secrets, writer_and_steps
from pcapconv.errors import UsageError
from pcapconv.io.file_set import FileSet
from pcapconv.io.name_template import Template
from pcapconv.io.paths import SIDECAR_SUFFIX, Readable
from pcapconv.io.source import open_source, read_file, spool
from pcapconv.report import Report
from pcapconv.splitting.by_interface import KEYS, by_kind
from pcapconv.splitting.by_size import ByCount, BySize
from pcapconv.splitting.by_time import ByInterval
from pcapconv.splitting.parts import MOST_PARTS, OpenParts
from pcapconv.splitting.parts_sink import PartsSink
from pcapconv.splitting.splitter import Splitter
from pcapconv.steps import option_values
from pcapconv.steps.plan import Plan
from pcapconv.wording import argument, arguments

if TYPE_CHECKING:
    from typing import Unpack

    from pcapconv.conversion import ConvertArguments
    from pcapconv.sidecar import Sidecars

By = Literal["interface", "link-type", "section"]

_WAYS = (  # examples
    ("max_packets", 10000),
    ("max_bytes", "100MB"),
    ("interval", "1h"),
    ("by", "interface"),
    ("by", "link-type"),
    ("by", "section"),
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
    fractions: str | None = None,
    sidecar: bool = False,
    sidecar_secrets: bool = False,
    fsync: bool = True,
    progress: Callable[[int], object] | None = None,
    taken: Sequence[str] = (),
    **options: Unpack[ConvertArguments],
) -> Report:
    """Select from, edit and split one capture.

    One of these says where a new part begins: `max_packets` packets; `max_bytes`, a size that no part exceeds unless a
    single packet does; `interval`, a length of time, from the first packet's time on, or, to `align`, at multiples of
    it on the UTC clock; `by`, a part for each interface, link type or section.
    `max_parts` is how many parts there may be, 10,000 where it is not given.
    `template` gives the parts' names; `{index}`, `{start:%Y%m%dT%H%M%S}`, `{interface}`, `{link_type}`, `{section}` and
    `{stem}` are filled in; `taken` are names that no part may have. `source`, `to`, `force`, `strict`, `on_loss`,
    `fractions`, `fsync`, `progress` and the `options` are as for `convert`. `sidecar` keeps, by link
    type and in pcap, what pcap cannot hold in a file `STEM.meta.json` beside the parts, by which `join` makes one
    capture of them again; with `sidecar_secrets` secrets too. The parts appear together when all are complete, or none
    does.

    Returns a `Report`, whose `parts` list each part's name, packets, bytes, first and last time. Raises a
    `PcapconvError`.
    """
    check_on_loss(on_loss)
    names = Template(os.fspath(template))
    format_name = formats.target_format(names.text, to)
    way = _way(max_packets, max_bytes, interval, align, by)
    most = MOST_PARTS if max_parts is None else option_values.count("max_parts", max_parts)
    _check_sidecar(sidecar, sidecar_secrets, by, format_name)
    writer, steps = writer_and_steps(format_name, options)
    plan = Plan(steps, read_file, divided=not sidecar)  # with a sidecar, everything comes back
    with ExitStack() as stack:
        opened = stack.enter_context(open_source(source, fractions=fractions))
        stem = os.path.splitext(os.path.basename(opened.name))[0]
        opened = opened if opened.seekable or not sidecar else stack.enter_context(spool(opened))
        settings = ConversionSettings(writer, strict, on_loss, fsync, progress)
        conversion = stack.enter_context(Conversion(opened, settings, plan))
        conversion.survey()
        conversion.extract_to(open_secrets(plan, source, force=force))
        if sidecar:
            name = os.path.join("" if names.directory == "." else names.directory, stem + SIDECAR_SUFFIX)
            others = [source, *taken, plan.extract_to, *plan.injected_from]
            conversion.use_sidecars(_sidecar(name, others, stack, secrets=sidecar_secrets, force=force))
            taken = [*taken, name]
        taken = [*taken, *plan.injected_from, *([] if plan.extract_to is None else [plan.extract_to])]
        files = FileSet(names.directory, names.text, force=force, taken=taken)
        read = conversion.source
        conversion.write_to(
            PartsSink(files, names, stem, way, most=most, input_size=lambda: read.size or read.position)
        )
        report = conversion.run()
        conversion.commit()
    return report


def _sidecar(name: str, others: Sequence[object], stack: ExitStack, *, secrets: bool, force: bool) -> Sidecars:
    """The sidecar that is written, which none of the `others` may be. Raises UsageError and FileError."""
    from pcapconv.sidecar import Sidecars, check_apart
    from pcapconv.sidecar.writing import WrittenSidecar

    check_apart(name, others)
    return Sidecars(None, WrittenSidecar(name, stack, secrets=secrets, fingerprints=False, force=force))


def _check_sidecar(sidecar: bool, secrets: bool, by: By | None, format_name: str) -> None:
    """Raises UsageError for sidecars of splits that have none."""
    if secrets and not sidecar:
        raise UsageError(f"{argument('sidecar_secrets', True)} goes with {argument('sidecar', True)}")
    if sidecar and (by != "link-type" or format_name != "pcap"):
        how = arguments(by="link-type", to="pcap")
        raise UsageError(f"{argument('sidecar', True)}: a split by link type into pcap files has one ({how})")


def _way(
    max_packets: int | None, max_bytes: str | int | None, interval: str | None, align: bool, by: By | None
) -> Callable[[OpenParts], Splitter]:
    """What makes the splitter that is asked for. Raises UsageError."""
    given = [way for way in (max_packets, max_bytes, interval, by) if way is not None]
    if len(given) != 1:
        how = "two ways to split exclude each other" if given else "nothing says where a new part begins"
        *ways, last = (argument(name, example) for name, example in _WAYS)
        raise UsageError(f"{how}; give one of {', '.join(ways)} or {last}")
    if align and interval is None:
        example = arguments(interval="1h", align=True)
        raise UsageError(f"{argument('align', True)}: only intervals have limits to align; write {example}")
    if max_packets is not None:
        most = option_values.count("max_packets", max_packets)
        return lambda parts: ByCount(parts, most)
    if max_bytes is not None:
        size = option_values.size("max_bytes", max_bytes)
        return lambda parts: BySize(parts, size)
    if interval is not None:
        if not isinstance(interval, str):
            raise UsageError(f"{argument('interval', interval)}: write it as text, as in 90s or 1h")
        length = option_values.duration("interval", interval, positive=True)
        return lambda parts: ByInterval(parts, length, align=align)
    if by not in KEYS:
        raise UsageError(f"{argument('by', by)}: must be one of {', '.join(KEYS)}")
    return lambda parts: by_kind(parts, by)
