"""What can be done to captures: a function for each target, and what came of it as an `Outcome`.

To add a target: write a function with the arguments of the others, add it to `TARGETS`, say in `choices` which options
it takes, and in `invariants` what must hold of its outcomes.
"""

from __future__ import annotations

import hashlib
import json
import os
import warnings
from collections.abc import Callable, Sequence
from concurrent.futures import Executor, Future
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from tabling import read_file, rows

import pcapconv
from fuzz.case import Case
from fuzz.routes import Location, Route, on, open_source, open_target, written
from pcapconv import Damage, Interface, Notice, PacketBatch, PcapconvError, Report
from pcapconv.describing.traffic import Traffic, TrafficTables
from pcapconv.headers import Headers
from pcapconv.json_form import plain
from pcapconv.listing import Form, list_packets
from pcapconv.listing.lines import TextLines
from pcapconv.listing.records import CsvLines, JsonLines
from pcapconv.time_zones import UTC

SIDECAR = "out.pcap.meta.json"


class Outcome(NamedTuple):
    """The error, as `FormatError: its text`; the files that were written, by name; what was reported."""

    error: str = ""
    files: dict[str, bytes] = {}  # noqa: RUF012 - never changed
    report: dict[str, Any] = {}  # noqa: RUF012


def run(case: Case, route: Route, folder: Path) -> Outcome:
    """What comes of a case on a route, with all files in a folder, whose name is left out of every text. Lets through
    whatever is no PcapconvError."""
    with on(route):
        try:
            outcome = TARGETS[case.target](case, route, folder)
        except PcapconvError as error:
            outcome = Outcome(f"{type(error).__name__}: {error}")
    report = _without_compression(outcome.report) if route.compressed else outcome.report
    return Outcome(_without(outcome.error, folder), outcome.files, _without(report, folder))


def _without_compression(report: dict[str, Any]) -> dict[str, Any]:
    """A report as of a source that is not compressed."""
    found = {name: _without_compression(each) if isinstance(each, dict) else each for name, each in report.items()}
    return found | ({"source_compression": None} if "source_compression" in found else {})


def _without(value: Any, folder: Path) -> Any:
    """The value with a folder's name left out of all text."""
    if isinstance(value, str):
        return value.replace(f"{folder}{os.sep}", "")
    if isinstance(value, dict):
        return {_without(key, folder): _without(each, folder) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_without(each, folder) for each in value]
    return value


def suffix(capture: bytes) -> str:
    """The format by the first byte, which is all that its name should tell."""
    return "pcapng" if capture[:1] == b"\n" else "pcap"


def _in(case: Case, route: Route, folder: Path, index: int = 0) -> Location:
    return open_source(route, folder / f"in{index}", case.captures[index])


def _reported(report: Report) -> dict[str, Any]:
    return {name: value for name, value in report.as_dict().items() if name != "outputs"}


# ---------------------------------------------------------------- reading


def read(case: Case, route: Route, folder: Path) -> Outcome:
    """Every item, and all that a packet says of itself."""
    found: dict[str, Any] = {"items": [], "notices": [], "interfaces": [], "error": ""}
    traffic = Traffic(TrafficTables(conversations=True, protocols=True, talkers=True), UTC)
    with pcapconv.open(_in(case, route, folder), **case.options) as capture:
        try:
            for item in capture.items():
                _note(item, found)
                traffic.add_item(item)
        except PcapconvError as error:  # what was read before it counts as well
            found["error"] = f"{type(error).__name__}: {error}"
        found["damage"] = list(capture.damage)
        found["format"] = capture.format
        found["traffic"] = plain(traffic.result(9))
    return Outcome(found["error"], {}, found)


def _note(item: Any, found: dict[str, Any]) -> None:
    """Items in their order; notices and interfaces apart, whose place among packets depends on the pieces."""
    if isinstance(item, PacketBatch):
        packets = list(item)
        found["items"] += [_packet(each) for each in packets]
        for inner in (False, True):
            columns = item.headers(inner=inner)
            one_by_one = [each.inner_headers if inner else each.headers for each in packets]
            assert [Headers.row(columns, row) for row in range(item.rows)] == one_by_one
            assert all(str(each.inner_summary if inner else each.summary).isprintable() for each in packets)
    elif isinstance(item, Notice):
        found["notices"].append(str(item))
    elif isinstance(item, Interface):
        found["interfaces"].append(repr(item))
    else:
        found["items"].append(str(item) if isinstance(item, Damage) else repr(item))


def _packet(packet: Any) -> dict[str, Any]:
    """Everything that a packet offers, or why it cannot."""
    said: dict[str, Any] = {"section": packet.section.number, "interface": packet.interface.id}
    for name in dir(packet):
        if name.startswith("_") or name in said:
            continue
        try:
            value = getattr(packet, name)
        except PcapconvError as error:
            value = str(error)
        if not callable(value):
            said[name] = value
    return said


def info(case: Case, route: Route, folder: Path) -> Outcome:
    """`pcapconv.info`, with all of its tables. What pcap would lose is left out: a pipe cannot begin again, and says
    so."""
    tables: Any = {"conversations": True, "protocols": True, "talkers": True}
    found = pcapconv.info(_in(case, route, folder), hash=True, **tables, **case.options).as_dict()
    assert route.compressed or found["sha256"] == hashlib.sha256(case.captures[0]).hexdigest()
    kept = found.keys() - {"file", "bytes", "compression", "sha256", "to_pcap"}
    return Outcome("", {}, {name: found[name] for name in sorted(kept)})


def show(case: Case, route: Route, folder: Path) -> Outcome:
    """`pcapconv show` in each of its forms."""
    options = dict(case.options)
    columns = options.pop("columns", None)
    forms: dict[str, Form] = {
        "text": TextLines(columns, dump=True),
        "json": JsonLines(columns),
        "csv": CsvLines(columns),
    }
    files, reports = {}, {}
    for name, form in forms.items():
        pieces: list[str] = []
        report = list_packets(_in(case, route, folder), form, pieces.append, lambda: None, **options)
        files[name] = "".join(pieces).encode()
        reports[name] = _reported(report)
    return Outcome("", files, reports)


# ---------------------------------------------------------------- writing


# A snaplen that packets exceed is replaced only on routes where one can go back: so it stays on all.
_AS_STATED: Any = {"keep_snaplen": True}


def convert(case: Case, route: Route, folder: Path) -> Outcome:
    """`pcapconv.convert`."""
    return _one_file(partial(pcapconv.convert, **_AS_STATED), case, route, folder)


def normalize(case: Case, route: Route, folder: Path) -> Outcome:
    """`pcapconv.normalize`."""
    return _one_file(pcapconv.normalize, case, route, folder)


def _one_file(call: Callable[..., Report], case: Case, route: Route, folder: Path) -> Outcome:
    target = open_target(route, folder / "out")
    report = call(_in(case, route, folder), target, **case.options)
    return Outcome("", {"out": written(target)}, _reported(report))


def merge(case: Case, route: Route, folder: Path) -> Outcome:
    """`pcapconv.merge` of all captures."""
    target = open_target(route, folder / "out")
    sources = [_in(case, route, folder, index) for index in range(len(case.captures))]
    report = pcapconv.merge(sources, target, **_AS_STATED, **case.options)
    return Outcome("", {"out": written(target)}, _reported(report))


def diff(case: Case, route: Route, folder: Path) -> Outcome:
    """`pcapconv.diff` of two captures."""
    places = _in(case, route, folder), _in(case, route, folder, 1)
    comparison = pcapconv.diff(*places, **case.options)
    json.dumps(comparison.as_dict())
    return Outcome("", {}, comparison.as_dict())


def split(case: Case, route: Route, folder: Path) -> Outcome:
    """`pcapconv.split`, and `pcapconv.join` where there is a sidecar."""
    parts = folder / "parts"
    parts.mkdir()
    options = dict(case.options)
    template = str(parts / f"{{index}}.{options.get('to', 'pcapng')}")
    report = pcapconv.split(_in(case, route, folder), template, **_AS_STATED, **options)
    files = {path.name: path.read_bytes() for path in sorted(parts.iterdir())}
    if "in0.meta.json" in files:
        files["sidecar"] = files.pop("in0.meta.json")
    if options.get("sidecar"):
        target = open_target(route, folder / "joined")
        again = pcapconv.join(parts / "in0.meta.json", target)
        assert again.packets_written == report.packets_written
        files["joined"] = written(target)
    return Outcome("", files, _reported(report))


# ---------------------------------------------------------------- sidecars


def sidecar(case: Case, route: Route, folder: Path) -> Outcome:
    """To pcap with a sidecar, and back."""
    pcap = folder / "out.pcap"
    report = pcapconv.convert(_in(case, route, folder), pcap, sidecar=True, **case.options)
    back = open_target(route, folder / "back")
    again = pcapconv.convert(pcap, back, to="pcapng", sidecar=True)
    files = {"out": pcap.read_bytes(), "sidecar": (folder / SIDECAR).read_bytes(), "back": written(back)}
    return Outcome("", files, {"there": _reported(report), "back": _reported(again)})


def restore(case: Case, route: Route, folder: Path) -> Outcome:
    """A pcap file by a sidecar that may be anybody's: the captures are both of them."""
    (folder / SIDECAR).write_bytes(case.captures[1])
    target = open_target(route, folder / "out")
    options: dict[str, Any] = {"to": "pcapng", **_AS_STATED, **case.options}
    report = pcapconv.convert(_in(case, route, folder), target, sidecar_file=folder / SIDECAR, **options)
    with pcapconv.open(_in(case, route, folder), sidecar=folder / SIDECAR) as capture:
        count = sum(1 for _ in capture)
    return Outcome("", {"out": written(target)}, {**_reported(report), "opened": count})


# ---------------------------------------------------------------- tables


def table(case: Case, route: Route, folder: Path) -> Outcome:
    """The rows of `pcapconv.write_table` and `pcapconv.read_table`. Their bytes depend on how many rows a record batch
    has, which the window decides here."""
    target = open_target(route, folder / "out")
    with pytest.MonkeyPatch.context() as patch:
        if route.window:
            for module in ("builders", "interfaces", "record_batches"):
                patch.setattr(f"pcapconv.arrow.{module}.MOST_ROWS", route.window // 30)
        report = pcapconv.write_table(_in(case, route, folder), target, **case.options)
        options = {name: value for name, value in case.options.items() if name != "to"}
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", UserWarning)  # of damage
            in_memory = rows(pcapconv.read_table(_in(case, route, folder), **options))
    in_file = rows(read_file(written(target), case.options["to"]))
    return Outcome("", {}, {**_reported(report), "in_file": in_file, "in_memory": in_memory})


# ---------------------------------------------------------------- batches


class _Here(Executor):
    """Does what it is given at once, and lets nothing but results of jobs be caught."""

    def submit(self, call: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        future.set_result(call(*arguments, **named))
        return future


def batch(case: Case, route: Route, folder: Path) -> Outcome:
    """`pcapconv.batch`: each file's line must say what `convert` says."""
    source, target = folder / "source", folder / "target"
    source.mkdir()
    names = [f"{index}.{suffix(capture)}" for index, capture in enumerate(case.captures)]
    for name, capture in zip(names, case.captures):
        (source / name).write_bytes(capture)
    report = pcapconv.batch(source, target, executor=_Here(), **case.options)
    with open(report.manifest, encoding="utf-8") as file:
        lines = [json.loads(line) for line in file]
    alone = [_alone(source / name, folder / f"alone-{name}", case.options) for name in names]
    found = {path.name: path.read_bytes() for path in _captures(target)}
    return Outcome("", found, {"lines": [_told(line, source) for line in lines if "source" in line], "alone": alone})


def _captures(target: Path) -> Sequence[Path]:
    return sorted(path for path in target.iterdir() if path.suffix in (".pcap", ".pcapng"))


def _told(line: dict[str, Any], place: Path) -> dict[str, Any]:
    kept = ("source", "target", "status", "error", "packets_read", "packets_written", "losses", "left_out", "damage")
    return {name: line[name] for name in kept} | {"error": line["error"] and _without(line["error"], place)}


def _alone(source: Path, target: Path, options: dict[str, Any]) -> dict[str, Any]:
    """What `convert` makes of the same file."""
    format_of = "pcap"
    try:
        with pcapconv.open(source) as capture:
            format_of = capture.format
        report = pcapconv.convert(source, target, **{"to": format_of, **options})
    except PcapconvError as error:
        return {"source": source.name, "error": str(error).replace(f"{source.parent}{os.sep}", "")}
    return {"source": source.name, "written": target.read_bytes(), **_reported(report)}


TARGETS: dict[str, Callable[[Case, Route, Path], Outcome]] = {
    "read": read,
    "info": info,
    "show": show,
    "convert": convert,
    "normalize": normalize,
    "merge": merge,
    "diff": diff,
    "split": split,
    "sidecar": sidecar,
    "restore": restore,
    "batch": batch,
    "table": table,
}
