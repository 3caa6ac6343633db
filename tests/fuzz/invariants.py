"""What must hold of outcomes: on all routes the same, and by itself what each target promises."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from random import Random
from typing import Any

import pytest
from tabling import looped

import pcapconv
from fuzz.case import Case
from fuzz.routes import Route, other_routes
from fuzz.targets import Outcome, run, suffix
from pcapconv import PcapconvError
from pcapconv.normalizing import check as check_normal_form

Runner = Callable[[Case, Route], Outcome]
SELECTING = {"after", "before", "packets", "drop_packets", "first", "last", "interface", "comment_matches", "direction"}
SELECTING |= {"filter", "dedup", "dedup_ignore", "dedup_skip", "only_decapsulated"}
EDITING = {
    "sort",
    "timezone",
    "decapsulate",
    "snaplen",
    "chop",
    "adjust_length",
    "shift_time",
    "rebase_time",
    "set_time",
    "capture_comment",
    "packet_comment",
    "set_interface",
    "link_type",
    "strip",
}
STEPS = SELECTING | EDITING | {"invert"}
_PACKET = re.compile(r"\bpacket \d+: ")


class BrokenError(AssertionError):
    """Something does not hold: `what`, and how that shows."""

    def __init__(self, what: str, shown: str) -> None:
        super().__init__(f"{what}: {shown}")
        self.what = what


def hold(what: str, one: object, other: object, where: object = "") -> None:
    """Raises BrokenError where two things that must be the same are not."""
    if one != other:
        raise BrokenError(what, f"{where}\n  {_shown(one, other)}\n  {_shown(other, one)}")


def _shown(value: object, other: object) -> str:
    """A value, from shortly before it differs from another one."""
    text, against = repr(value), repr(other)
    at = next((at for at, (one, two) in enumerate(zip(text, against)) if one != two), min(len(text), len(against)))
    return ("…" if at > 200 else "") + text[max(0, at - 200) : at + 300]


# ---------------------------------------------------------------- routes


def same_on_routes(case: Case, outcome: Outcome, random: Random, count: int, runner: Runner) -> None:
    """The outcome of the plainest route is that of some other routes."""
    for route in other_routes(random, count):
        other = runner(case, route)
        if _may_differ(outcome, other, route):
            continue
        hold("same error on all routes", outcome.error, other.error, route)
        reports = outcome.report, other.report
        if case.target == "merge":
            reports = _in_one_order(outcome.report), _in_one_order(other.report)
        hold("same report on all routes", *reports, route)
        files, others = (_comparable(each, route) for each in (outcome, other))
        hold("same files on all routes", files, others, route)


def _may_differ(outcome: Outcome, other: Outcome, route: Route) -> bool:
    """A pipe cannot begin again for nanoseconds, and says so; and it tells less of what is no capture, by the bytes
    that have come, as does compressed data. Of several packets that different steps refuse, the one is named that is
    met first, which depends on how many come at once."""
    if "start again with nanoseconds=True" in other.error:
        return route.pipes or route.target.startswith("sink")
    if (route.pipes or route.compressed) and (
        "NotACaptureError" in outcome.error or "text-mode transfer" in outcome.error
    ):
        return "text-mode" in outcome.error or "NotACaptureError" in other.error
    return all(_PACKET.search(_errors(each)) for each in (outcome, other))


def _errors(outcome: Outcome) -> str:
    """The error, or those in the lines of a batch."""
    return outcome.error or " ".join(str(line["error"]) for line in outcome.report.get("lines", ()))


def _comparable(outcome: Outcome, route: Route) -> dict[str, object]:
    """Files as far as a route decides nothing: without sidecars where packets come in other batches, whose entries
    follow these; only their sizes where nobody can go back in the output, since section lengths may be left open."""
    batches = route.window or route.source == "short"
    kept = {name: each for name, each in outcome.files.items() if not (batches and "sidecar" in name)}
    if route.target.startswith("sink"):
        return {name: len(each) for name, each in kept.items()}
    return dict(kept)


# ---------------------------------------------------------------- each by itself


def _again(capture: bytes, **options: Any) -> tuple[bytes, pcapconv.Report]:
    target = io.BytesIO()
    report = pcapconv.convert(io.BytesIO(capture), target, to=suffix(capture), **options)
    return target.getvalue(), report


def _reads_back(capture: bytes, packets: int, what: str) -> None:
    """What was written is a sound capture of so many packets, and a fixed point. Empty packets of 1970 at the end of a
    pcap file read as zeros that are damage; that is the rule for such files, whoever writes them."""
    if suffix(capture) == "pcap" and capture.endswith(bytes(32)):
        return
    try:
        again, report = _again(capture, strict=True)
    except PcapconvError as error:
        raise BrokenError(f"{what} can be read back", str(error)) from error
    hold(f"{what}: packets that are read back", report.packets_read, packets)
    if not report.losses:
        hold(f"{what}: copied again", again, capture)


def _strict_agrees(case: Case, outcome: Outcome, runner: Runner) -> None:
    """Undamaged input is the same when strict; damaged input is refused by name. If reading ended early, nothing is
    known of what follows there, which strict reads, too."""
    if outcome.report.get("read_until") is not None:
        return
    strict = runner(case._replace(options={**case.options, "strict": True}), Route())
    damage = outcome.report.get("damage")
    if damage:
        hold("strict refuses damage", strict.error.partition(":")[0], "DamageError")
    elif not outcome.error:
        hold("strict of what is not damaged", outcome, strict)


def _of_read(case: Case, outcome: Outcome, runner: Runner) -> None:
    if "damage" not in outcome.report or case.options.get("strict"):
        return
    _strict_agrees(case, outcome, runner)
    packets = sum("data" in item for item in outcome.report["items"] if isinstance(item, dict))
    numbers = [item["number"] for item in outcome.report["items"] if isinstance(item, dict)]
    hold("packets count from 1", numbers, list(range(1, packets + 1)))
    if not outcome.error:
        converted = runner(Case("convert", {"to": suffix(case.captures[0])}, case.captures), Route())
        hold("packets of open and of convert", packets, converted.report["packets_read"])


def _of_info(case: Case, outcome: Outcome, runner: Runner) -> None:
    if outcome.error:
        return
    report = outcome.report
    if not case.options.get("filter"):
        read = runner(Case("read", {}, case.captures), Route())
        packets = sum("data" in item for item in read.report["items"] if isinstance(item, dict))
        hold("packets of info and of open", report["packets"], packets)
    for table in ("talkers", "protocols"):
        _sound_table(f"{table} of info", report[table], report["packets"])
    for kind in ("ip", "tcp", "udp"):
        _sound_table(f"conversations of info, {kind}", report["conversations"][kind], report["packets"])


def _sound_table(what: str, table: dict[str, Any], packets: int) -> None:
    """Each entry of a table has packets; without packets there is none."""
    for entry in table["entries"]:
        hold(f"{what}: entries with packets", entry["packets"] > 0, True)
    if not packets:
        hold(f"{what}: of no packets", table["entries"], [])


def _of_show(case: Case, outcome: Outcome, runner: Runner) -> None:
    """Each form has all packets, and nothing that a terminal obeys."""
    if outcome.error:
        return
    counts = {name: report["packets_written"] for name, report in outcome.report.items()}
    texts = {name: content.decode() for name, content in outcome.files.items()}
    for text in texts.values():
        hold("text is printable", [each for each in text.split("\n") if not each.isprintable()], [])
    objects = [json.loads(line) for line in texts["json"].splitlines()]
    rows = list(csv.reader(io.StringIO(texts["csv"])))
    hold("packets in each form", set(counts.values()), {len(objects)})
    hold("packets in CSV", len(rows) - 1, len(objects))
    if "number" in rows[0]:
        numbers = [row[rows[0].index("number")] for row in rows[1:]]
        hold("numbers in both forms", numbers, [str(each["number"]) for each in objects])
    if case.options.keys() <= {"time", "inner", "columns"}:
        converted = runner(Case("convert", {"to": suffix(case.captures[0])}, case.captures), Route())
        if not converted.error:
            hold("packets of show and of convert", len(objects), converted.report["packets_read"])


def _of_convert(case: Case, outcome: Outcome, runner: Runner) -> None:
    if not case.options.get("strict"):
        _strict_agrees(case, outcome, runner)
    if outcome.error:
        return
    report, (out,) = outcome.report, outcome.files.values()
    _reads_back(out, report["packets_written"], "the output")
    _out_of_tunnels(case, report, out)
    if not case.options.keys() & SELECTING:
        hold("packets are all written", report["packets_written"], report["packets_read"])
    if case.options.keys() & STEPS or report["damage"] or report["losses"]:
        return
    if report["source_format"] == report["target_format"]:
        hold("same format, no edit", out, case.captures[0])
    if any("has no interface" in warning["reason"] for warning in report["warnings"]):
        return  # as pcap it has one
    compared = runner(Case("diff", {}, (case.captures[0], out)), Route())
    if not compared.error:  # of times that nobody can tell, say
        hold("no difference to what was converted without loss", compared.report["same"], True)
    before, after = (runner(Case("normalize", {"to": "pcapng"}, (each,)), Route()) for each in (case.captures[0], out))
    hold("one normal form of what was converted without loss", before.files, after.files)


def _out_of_tunnels(case: Case, report: dict[str, Any], out: bytes) -> None:
    """Each packet that was selected is in a tunnel or not; and none of those that are written is in one any more, as
    the columns of headers have it. Bytes that are cut off make others of them."""
    counts = report["decapsulated"]
    if counts is None:
        hold("counts without tunnels", case.options.get("decapsulate"), None)
        return
    left = 0 if case.options.get("only_decapsulated") else counts["not_in_tunnels"]
    hold("packets in tunnels or not", counts["packets"] + left, report["packets_written"])
    hold("a tunnel or more for each packet", counts["packets"] <= sum(counts["tunnels"].values()), True)
    if case.options.keys() & {"chop", "snaplen"}:
        return
    named = {kind for text in case.options["decapsulate"] for kind in text.split(",")}
    with pcapconv.open(io.BytesIO(out)) as capture:
        for packet in capture:
            tunnel = packet.headers.tunnel
            if tunnel is not None and packet.headers.inner_length:
                hold("no packet is in a tunnel", tunnel in named or "all" in named, False, packet.number)


def _of_merge(case: Case, outcome: Outcome, runner: Runner) -> None:
    if not case.options.get("strict"):
        _strict_agrees(case, outcome, runner)
    _same_in_groups(case, outcome, runner)
    if outcome.error:
        return
    report, (out,) = outcome.report, outcome.files.values()
    _reads_back(out, report["packets_written"], "the merged capture")
    if not case.options.keys() & SELECTING:
        hold("packets are all written", report["packets_written"], report["packets_read"])
    if case.options.keys() & STEPS or report["damage"]:
        return
    if report["target_format"] == "pcapng" and not case.options.get("append"):
        again = runner(Case("merge", {"to": "pcapng"}, (out,)), Route())
        hold("merged again", again.files.get("out", again.error), out)
    if all(suffix(each) == "pcapng" for each in case.captures):
        whole = runner(case._replace(captures=(b"".join(case.captures),)), Route())
        hold("inputs and sections", whole.files.get("out", whole.error), out)
        if report["target_format"] == "pcapng" and case.options.get("append"):
            hold("appended", out, b"".join(case.captures))


def _same_in_groups(case: Case, outcome: Outcome, runner: Runner) -> None:
    """If few inputs can be open, blocks that explain packets may come earlier, under other numbers; no more differs."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("pcapconv.merging.by_time.MOST_OPEN", 2)
        few = runner(case, Route())
    if outcome.error or few.error:
        hold("the kind of error, in groups", few.error.partition(":")[0], outcome.error.partition(":")[0])
        return
    hold("the report, in groups", _in_one_order(few.report), _in_one_order(outcome.report))
    hold("the size, in groups", len(few.files["out"]), len(outcome.files["out"]))


def _in_one_order(report: dict[str, Any]) -> dict[str, Any]:
    """A report with its warnings and damage in one order: they come in that in which inputs are read."""
    return report | {name: sorted(map(str, report[name])) for name in ("warnings", "damage") if name in report}


def _of_normalize(case: Case, outcome: Outcome, runner: Runner) -> None:
    if not case.options.get("strict"):
        _strict_agrees(case, outcome, runner)
    if outcome.error:
        return
    (out,) = outcome.files.values()
    _reads_back(out, outcome.report["packets_written"], "the normal form")
    hold("packets are all written", outcome.report["packets_written"], outcome.report["packets_read"])
    options = {**case.options, "on_loss": "warn"}
    again = runner(Case("normalize", options, (out,)), Route())
    hold("normal form of a normal form", again.files.get("out", again.error), out)
    hold("check of a normal form", check_normal_form(io.BytesIO(out), **options).reasons, [])


def _of_diff(case: Case, outcome: Outcome, runner: Runner) -> None:
    a, b = case.captures
    if outcome.error:
        return
    report = outcome.report
    hold("same both ways", runner(case._replace(captures=(b, a)), Route()).report["same"], report["same"])
    more = report["b"]["packets"] - report["a"]["packets"]
    hold("more packets in one", more, report["inserted"] - report["removed"])
    for each in (a, b):
        itself = runner(case._replace(captures=(each, each)), Route()).report
        hold("a capture and itself", (itself["same"], itself["headers"]), (True, []))


def _of_split(case: Case, outcome: Outcome, runner: Runner) -> None:
    if not case.options.get("strict"):
        _strict_agrees(case, outcome, runner)
    if outcome.error:
        return
    report = outcome.report
    sizes = [(part["packets"], part["bytes"]) for part in report["parts"]]
    hold("packets of all parts", sum(packets for packets, _ in sizes), report["packets_written"])
    parts = [content for name, content in outcome.files.items() if name[:1].isdigit()]
    hold("sizes of the parts", sorted(size for _, size in sizes), sorted(map(len, parts)))
    for part, content in zip(report["parts"], parts):
        _reads_back(content, part["packets"], "a part")
        if case.options.get("by") in ("flow", "host"):
            _of_one_flow(case.options["by"], content)
    if not case.options.keys() & SELECTING and case.options.get("by") != "host":  # which writes packets twice
        hold("packets are all written", report["packets_written"], report["packets_read"])
    undamaged = not (report["damage"] or report["losses"] or case.options.keys() & STEPS)
    if "joined" in outcome.files and undamaged and report["source_format"] == "pcapng":
        hold("joined again", outcome.files["joined"], case.captures[0])


def _of_one_flow(by: str, content: bytes) -> None:
    """The packets of a part of a flow have the same two addresses; those of a host have one in common."""
    ends: list[frozenset[object]] = []
    with pcapconv.open(io.BytesIO(content)) as capture:
        for packet in capture:
            headers = packet.headers
            is_ip = headers.network_protocol in (0x0800, 0x86DD) and headers.destination_address is not None
            found = (headers.source_address, headers.destination_address) if is_ip else (None, None)
            ends.append(frozenset((headers.network_protocol if is_ip else 0, each) for each in found))
    if by == "flow":
        hold("one flow in a part", len(set(ends)) <= 1, True, ends)
    else:
        hold("one host in a part", not ends or bool(frozenset.intersection(*ends)), True, ends)


def _of_sidecar(case: Case, outcome: Outcome, runner: Runner) -> None:
    if outcome.error:
        return
    there, back = outcome.report["there"], outcome.report["back"]
    hold("packets there and back", back["packets_written"], there["packets_written"])
    _reads_back(outcome.files["out"], there["packets_written"], "the pcap file")
    _reads_back(outcome.files["back"], there["packets_written"], "what came back")
    if there["source_format"] == "pcapng" and not case.options.keys() & STEPS:
        hold("what is lost", there["losses"], back["missing_in_sidecar"])
        if not (there["damage"] or there["losses"]):
            hold("there and back", outcome.files["back"], case.captures[0])


def _of_restore(case: Case, outcome: Outcome, runner: Runner) -> None:
    if not outcome.error:
        _reads_back(outcome.files["out"], outcome.report["packets_written"], "the capture by its sidecar")


def _of_batch(case: Case, outcome: Outcome, runner: Runner) -> None:
    if outcome.error:
        return
    lines = {line["source"]: line for line in outcome.report["lines"]}
    for alone in outcome.report["alone"]:
        line = lines[alone["source"]]
        hold("errors of batch and convert", line["error"], alone.get("error"))
        if "written" in alone:
            hold("files of batch and convert", outcome.files[Path(line["target"]).name], alone["written"])
            for name in ("packets_written", "losses", "left_out"):
                hold(f"{name} of batch and convert", line[name], alone[name])
            if alone["read_until"] is None:
                hold("packets_read of batch and convert", line["packets_read"], alone["packets_read"])
            else:  # a batch reads on, for the digest of the whole capture
                hold("a batch reads on", line["packets_read"] >= alone["packets_read"], True)


def _of_table(case: Case, outcome: Outcome, runner: Runner) -> None:
    if not case.options.get("strict"):
        _strict_agrees(case, outcome, runner)
    if outcome.error:
        return
    found, columns, inner = outcome.report["in_file"], case.options["columns"], case.options.get("inner", False)
    hold("tables in memory and in files", outcome.report["in_memory"], found)
    hold("a row for each packet", len(found), outcome.report["packets_written"])
    steps = {name: value for name, value in case.options.items() if name in STEPS}
    capture = case.captures[0]
    if steps:
        selected = runner(Case("convert", {"to": "pcapng", **steps}, case.captures), Route())
        hold("no error of a conversion that selects the same", selected.error, "")
        capture = selected.files["out"]
        columns = [name for name in columns if name != "number"]
    expected = looped(capture, columns, inner=inner)
    hold("rows and packets", [{name: row[name] for name in columns} for row in found], expected)


INVARIANTS: dict[str, Callable[[Case, Outcome, Runner], None]] = {
    "read": _of_read,
    "info": _of_info,
    "show": _of_show,
    "convert": _of_convert,
    "merge": _of_merge,
    "normalize": _of_normalize,
    "diff": _of_diff,
    "split": _of_split,
    "sidecar": _of_sidecar,
    "restore": _of_restore,
    "batch": _of_batch,
    "table": _of_table,
}


def check(
    case: Case,
    folder: Path,
    random: Random,
    routes: int,
    around: Callable[[], AbstractContextManager[None]] = nullcontext,
) -> Outcome:
    """Run a case on the plainest route, `around` which something may watch, and on some others. Returns the first
    outcome. Raises BrokenError, and whatever escapes pcapconv."""
    made = 0

    def runner(case: Case, route: Route) -> Outcome:
        nonlocal made
        made += 1
        place = folder / str(made)
        place.mkdir()
        return run(case, route, place)

    with around():
        outcome = runner(case, Route())
    same_on_routes(case, outcome, random, routes, runner)
    INVARIANTS[case.target](case, outcome, runner)
    return outcome
