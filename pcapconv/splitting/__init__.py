"""Splits one capture into many files, each of which is a complete capture: `pcapconv.split`.

A part begins with the shared blocks of its section so far: section header, interfaces, names, secrets and processes.
`Splitter._missing_shared_blocks` decides which of these blocks a part still needs, and `Splitter._write_shared_blocks`
writes them. The exception: parts of `ByOwnInterfaces` declare only their own interfaces, under new ids.

| file | what it is for |
|---|---|
| `splitter.py` | the base of all splitters: the part for each item, and the shared blocks with which a part begins |
| `by_count_or_size.py` | `max_packets` and `max_bytes`: a new part when the previous one is full |
| `keyed_splitter.py` | the base of all files below: parts have keys |
| `mask_splitter.py` | the base of splits by time and interface: a kernel's mask selects each part's rows of a batch |
| `by_time.py` | `interval`: a part for each interval of time |
| `intervals.py` | the intervals of `interval`: of fixed length, or by the clocks of a time zone (`align`) |
| `by_interface_or_link_type.py` | `by`: a part for each interface, link type or section; interfaces' new ids in parts |
| `by_flow_or_host.py` | `by`: a part for each flow or host, by the headers of packets |
| `flow_names.py` | the names of flows and hosts |
| `parts.py` | the parts of a run and their files: opened, written, named, finished; their limits |
| `parts_sink.py` | the conversion's sink for a split: makes the splitter and commits the parts |

The names of parts are in `io/name_template.py`, their set of files in `io/file_set.py`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from typing import TYPE_CHECKING, Literal

from pcapconv import formats
from pcapconv.argument_types import check_flags, check_functions, is_one_of, parse_path
from pcapconv.conversion import Conversion, ConversionSettings, OnLoss, check_on_loss, open_secrets, separate_arguments
from pcapconv.errors import UsageError
from pcapconv.formats.output_compression import choose_compression
from pcapconv.io.compression import stem_of
from pcapconv.io.file_set import FileSet
from pcapconv.io.name_template import FIELDS, Template
from pcapconv.io.paths import SIDECAR_SUFFIX, Readable
from pcapconv.io.source import check_salvage, open_source, read_file, spool
from pcapconv.report import Report
from pcapconv.splitting.by_count_or_size import ByCount, BySize
from pcapconv.splitting.by_flow_or_host import ByFlow, ByHost
from pcapconv.splitting.by_interface_or_link_type import KEYS, open_splitter
from pcapconv.splitting.by_time import ByInterval
from pcapconv.splitting.parts import MOST_PARTS, OpenParts
from pcapconv.splitting.parts_sink import PartsSink
from pcapconv.splitting.splitter import Splitter
from pcapconv.steps import argument_values, typed_values
from pcapconv.steps.plan import Plan
from pcapconv.wording import argument, arguments

if TYPE_CHECKING:
    from datetime import timedelta
    from typing import Unpack

    from pcapconv.conversion import ConvertArguments
    from pcapconv.sidecar import Sidecars
    from pcapconv.steps.typed_values import LengthOfTime
    from pcapconv.time_zones import TimeZone

By = Literal["interface", "link-type", "section", "flow", "host"]

_BY_HEADERS: dict[str, Callable[[OpenParts], Splitter]] = {"flow": ByFlow, "host": ByHost}

_EXAMPLES = (  # of the arguments that decide where a new part begins
    ("max_packets", 10000),
    ("max_bytes", "100MB"),
    ("interval", "1h"),
    ("by", "interface"),
    ("by", "link-type"),
    ("by", "section"),
    ("by", "flow"),
    ("by", "host"),
)


def split(
    source: Readable,
    template: str | os.PathLike[str],
    *,
    max_packets: int | None = None,
    max_bytes: str | int | None = None,
    interval: LengthOfTime | None = None,
    align: bool = False,
    by: By | None = None,
    max_parts: int | None = None,
    to: str | None = None,
    force: bool = False,
    strict: bool = False,
    on_loss: OnLoss = "warn",
    fractions: str | None = None,
    salvage: bool = False,
    sidecar: bool = False,
    sidecar_secrets: bool = False,
    stop_early: bool = False,
    in_order: bool | str | timedelta = False,
    fsync: bool = True,
    progress: Callable[[int], object] | None = None,
    on_message: Callable[[str], object] | None = None,
    taken: Sequence[str] = (),
    **options: Unpack[ConvertArguments],
) -> Report:
    """Select from, edit and split one capture.

    One of `max_packets`, `max_bytes`, `interval` and `by` decides where a new part begins. All parts get their final
    names together when all are complete, or no part does.

    * `source`: a path, `-` for stdin, or a binary file object, which stays open.
    * `template`: the names of the parts. The fields are `{index}`, `{start:%Y%m%dT%H%M%S}`, `{interface}`,
      `{link_type}`, `{section}` and `{stem}`, the source's name without its suffix; `{flow}` and `{host}` if `by` is
      that.
    * `max_packets`: begin a new part after so many packets.
    * `max_bytes`: begin a new part before a part exceeds this size in bytes: a number, or text such as `"100MB"`.
    * `interval`: begin a new part after this length of time, such as `"1h"` or `timedelta(hours=1)`, counted from the
      first packet.
    * `align`: count intervals by the clock of `timezone`, from 1970.
    * `by`: make a part for each interface, link type, section, flow or host. Flows have both directions of a
      connection; each packet is in the parts of both its hosts.
    * `max_parts`: refuse to make more parts; None for 10,000.
    * `to`: the format to write, `"pcap"` or `"pcapng"`; None for the format of the template's suffix.
    * `sidecar`: in a split by link type to pcap, write what pcap cannot hold to `STEM.meta.json` beside the parts, from
      which `join` rebuilds the capture.
    * `sidecar_secrets`: keep secrets in the sidecar, too.
    * `taken`: paths that no part may have; the command passes its report's.
    * `force`, `strict`, `on_loss`, `fractions`, `salvage`, `stop_early`, `in_order`, `fsync`, `progress`, `on_message`
      and `options`: as for `convert`.

    Returns a `Report`, whose `parts` list each part's name, packets, bytes, first and last time. Raises a
    `PcapconvError`, as `convert` does.
    """
    check_on_loss(on_loss)
    check_salvage(salvage=salvage, strict=strict)
    check_flags(force=force, align=align, stop_early=stop_early, fsync=fsync)
    check_flags(sidecar=sidecar, sidecar_secrets=sidecar_secrets)
    check_functions(progress=progress, on_message=on_message)
    zone = argument_values.parse_timezone("timezone", options.get("timezone"))
    fields = (*FIELDS, by) if is_one_of(by, _BY_HEADERS) else FIELDS
    needed = {name: argument("by", name) for name in _BY_HEADERS if name not in fields}
    naming = Template(parse_path("template", template), fields, zone, needed=needed)
    format_name = formats.target_format(naming.text, to)
    make_splitter = _splitter_maker(max_packets, max_bytes, interval, zone if align else None, by)
    most = MOST_PARTS if max_parts is None else argument_values.parse_count("max_parts", max_parts)
    _check_sidecar(sidecar, sidecar_secrets, by, format_name)
    writer, steps = separate_arguments(format_name, options)
    writer = choose_compression(writer, naming.text)
    # with a sidecar, join restores everything
    plan = Plan(steps, read_file, divided=not sidecar, stop_early=stop_early, in_order=in_order)
    with ExitStack() as stack:
        opened = stack.enter_context(open_source(source, fractions=fractions, salvage=salvage))
        stem = stem_of(opened.name)
        opened = opened if opened.seekable or not sidecar else stack.enter_context(spool(opened))
        settings = ConversionSettings(
            writer, strict, on_loss, fsync, progress, stop_early=stop_early, on_message=on_message
        )
        conversion = stack.enter_context(Conversion(opened, settings, plan))
        conversion.survey()
        conversion.extract_to(open_secrets(plan, source, force=force))
        if sidecar:
            name = os.path.join("" if naming.directory == "." else naming.directory, stem + SIDECAR_SUFFIX)
            other_files = [source, *taken, plan.extract_to, *plan.injected_from]
            conversion.use_sidecars(_open_sidecar(name, other_files, stack, secrets=sidecar_secrets, force=force))
            taken = [*taken, name]
        reserved = [*taken, *plan.injected_from, *([] if plan.extract_to is None else [plan.extract_to])]
        read = conversion.source  # a temporary file, if a survey had to keep a pipe
        files = FileSet(naming.directory, naming.text, force=force, reserved=reserved)
        conversion.write_to(
            PartsSink(
                files,
                naming,
                stem,
                make_splitter,
                most=most,
                can_grow=by is None,
                input_size=lambda: read.size or read.position,
            )
        )
        report = conversion.run()
        conversion.commit()
    return report


def _open_sidecar(
    name: str, other_files: Sequence[object], stack: ExitStack, *, secrets: bool, force: bool
) -> Sidecars:
    """Open the sidecar to write, under a name that no other file of the command has. Raises UsageError and
    FileError."""
    from pcapconv.sidecar import Sidecars, check_name_differs
    from pcapconv.sidecar.written_sidecar import WrittenSidecar

    check_name_differs(name, other_files)
    return Sidecars(None, WrittenSidecar(name, stack, secrets=secrets, fingerprints=False, force=force))


def _check_sidecar(sidecar: bool, secrets: bool, by: By | None, format_name: str) -> None:
    """If a sidecar is asked for, check that a split like this one can have one. Raises UsageError if not."""
    if secrets and not sidecar:
        raise UsageError(
            f"{argument('sidecar_secrets', True)} goes with {argument('sidecar', True)}", option="sidecar_secrets"
        )
    if sidecar and (by != "link-type" or format_name != "pcap"):
        how = arguments(by="link-type", to="pcap")
        raise UsageError(
            f"{argument('sidecar', True)}: a split by link type into pcap files has one ({how})", option="sidecar"
        )


def _splitter_maker(
    max_packets: int | None,
    max_bytes: str | int | None,
    interval: LengthOfTime | None,
    align_to: TimeZone | None,
    by: By | None,
) -> Callable[[OpenParts], Splitter]:
    """Check the arguments that decide where a new part begins, and return a function that makes the splitter for the
    parts of a run. Raises UsageError."""
    given = [value for value in (max_packets, max_bytes, interval, by) if value is not None]
    if len(given) != 1:
        problem = "two ways to split exclude each other" if given else "nothing says where a new part begins"
        *examples, last = (argument(name, example) for name, example in _EXAMPLES)
        raise UsageError(f"{problem}; give one of {', '.join(examples)} or {last}")
    if align_to is not None and interval is None:
        example = arguments(interval="1h", align=True)
        raise UsageError(
            f"{argument('align', True)}: only intervals have limits to align; write {example}", option="align"
        )
    if max_packets is not None:
        most = argument_values.parse_count("max_packets", max_packets)
        return lambda parts: ByCount(parts, most)
    if max_bytes is not None:
        size = argument_values.parse_size("max_bytes", max_bytes)
        return lambda parts: BySize(parts, size)
    if interval is not None:
        length = typed_values.duration("interval", interval, positive=True)
        return lambda parts: ByInterval(parts, length, align_to)
    if is_one_of(by, _BY_HEADERS):
        return _BY_HEADERS[by]
    if by is None or not is_one_of(by, KEYS):
        raise UsageError(f"{argument('by', by)}: must be one of {', '.join((*KEYS, *_BY_HEADERS))}", option="by")
    return lambda parts: open_splitter(parts, by)
