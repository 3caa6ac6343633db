"""Batches: what each file becomes, what the report and the manifest say of it, and files that change meanwhile."""

import hashlib
import os
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import wire
from batches import (
    COMMENTED,
    CUT,
    KEY_LOG,
    OTHER_PCAP,
    PCAP,
    PCAPNG,
    SECRET,
    TEXT,
    RecordingWatcher,
    as_pcapng,
    files_below,
    manifest_lines,
    nonzero_counts,
    run_batch,
    statuses,
)
from batches import out as out
from batches import source as source
from conversions import DAMAGED, SAMPLES, converted, packets, stem
from folders import MANIFEST, write_tree

from pcapconv import NothingFoundError, UsageError
from pcapconv.batching.outcome import Outcome
from pcapconv.batching.report import BatchReport, Watcher
from pcapconv.timestamps import format_time

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


# ---------------------------------------------------------------- what is done


def test_a_tree_is_mirrored(source: Path, out: Path) -> None:
    report = run_batch(source, out, to="pcapng")
    assert files_below(out) == {"a.pcapng": as_pcapng(PCAP), "lab/b.pcapng": as_pcapng(OTHER_PCAP)}
    assert nonzero_counts(report) == {"converted": 2, "skipped": 1}
    assert files_below(source) == {"a.pcap": PCAP, "lab/b.cap": OTHER_PCAP, "lab/notes.txt": TEXT}
    written = wire.read_pcapng((out / "a.pcapng").read_bytes())
    assert [(each.ticks, each.data) for each in written] == [(1_000_000_005, b"one"), (2_000_000_006, b"two")]


def test_the_report_has_the_sums(tmp_path: Path, out: Path) -> None:
    source = write_tree(tmp_path / "in", {"a": COMMENTED, "b": PCAPNG, "c": CUT, "d": TEXT, "e": b""})
    report = run_batch(source, out, to="pcap", strip=["comments"], last=1)
    written = files_below(out)
    assert sorted(written) == ["a.pcap", "b.pcap", "c.pcap"]
    assert report.as_dict() == {
        "converted": 2,
        "damaged": 1,
        "failed": 0,
        "up_to_date": 0,
        "skipped": 2,
        "left_alone": 0,
        "damaged_before": 0,
        "refused": 0,
        "odd": 0,
        "empty": 0,
        "undated": 0,
        "packets_read": 5,
        "packets_written": 3,
        "bytes_read": len(COMMENTED) + len(PCAPNG) + len(CUT),
        "bytes_written": sum(map(len, written.values())),
        "losses": {},
        "left_out": {"comments": 2},
        "repeats_total": None,
        "repeats_across": 0,
        "decapsulated": None,
        "sidecars_written": 0,
        "sidecars_read": 0,
        "sidecars_unused": 0,
        "kept_in_sidecar": {},
        "missing_in_sidecar": {},
        "damage_in_sidecar": 0,
        "found_in_sidecar": {},
        "seconds": report.seconds,
        "manifest": str(out / MANIFEST),
    }
    (trouble,) = report.trouble
    assert (trouble["source"], trouble["status"]) == ("c", "damaged")


def test_the_report_has_the_sums_of_repeats(tmp_path: Path, out: Path) -> None:
    twice = wire.pcap_header() + b"".join(wire.pcap_record(1, number, b"same") for number in range(3))
    across = wire.section_header() + wire.interface() * 2
    across += b"".join(wire.enhanced_packet(number, 1, b"same") for number in range(2))
    source = write_tree(tmp_path / "in", {"a": twice, "b": twice, "c": across, "d": PCAPNG, "e": TEXT})
    report = run_batch(source, out, dedup=4)
    assert (report.repeats_total, report.repeats_across, report.packets_written) == (4, 1, 5)
    assert {
        line["source"]: (line.get("repeats_total"), line.get("repeats_across")) for line in manifest_lines(out)
    } == {"a": (2, 0), "b": (2, 0), "c": (0, 1), "d": (0, 0), "e": (None, None)}
    again = run_batch(source, out, dedup=4, resume=True)
    assert (again.up_to_date, again.repeats_total) == (4, None)


def test_a_line_says_what_became_of_a_file(tmp_path: Path, out: Path) -> None:
    source = write_tree(tmp_path / "in", {"lab/a.ntar": COMMENTED})
    run_batch(source, out, to="pcap")
    (line,) = manifest_lines(out)
    target = (out / "lab" / "a.pcap").read_bytes()
    assert line == {
        "schema": {"name": "pcapconv-manifest", "version": 1},
        "source": "lab/a.ntar",
        "source_size": len(COMMENTED),
        "source_time": format_time((source / "lab" / "a.ntar").stat().st_mtime_ns, 10**9, 0),
        "source_sha256": hashlib.sha256(COMMENTED).hexdigest(),
        "target": "lab/a.pcap",
        "target_size": len(target),
        "target_time": format_time((out / "lab" / "a.pcap").stat().st_mtime_ns, 10**9, 0),
        "target_sha256": hashlib.sha256(target).hexdigest(),
        "status": "converted",
        "packets_read": 2,
        "packets_written": 2,
        "losses": {"comments": 2},
        "left_out": {},
        "damage": [],
        "damage_total": 0,
        "warnings": [],
        "warnings_total": 0,
        "key_log": False,
        "seconds": line["seconds"],
        "error": None,
        "options": line["options"],
        "root": str(source.resolve()),
        "run": line["run"],
        "worker": f"{socket.gethostname()}:{os.getpid()}",
    }


def test_a_line_lists_the_first_damage(tmp_path: Path, out: Path) -> None:
    stray = wire.enhanced_packet(7, 0, b"nobody's")
    source = write_tree(tmp_path / "in", {"a": PCAPNG + stray * 12})
    report = run_batch(source, out)
    (line,) = manifest_lines(out)
    assert (line["status"], line["damage_total"], report.damaged) == ("damaged", 12, 1)
    assert [place["offset"] for place in line["damage"]] == [len(PCAPNG) + len(stray) * number for number in range(10)]


@pytest.mark.parametrize(
    "options",
    [
        {"first": 1, "shift_time": "+1h", "chop": [1]},
        {"last": 1},
        {"packets": "2-", "capture_comment": ["checked"]},
        {"comment_matches": "a", "invert": True},
    ],
    ids=lambda options: "+".join(options),
)
def test_every_file_gets_what_convert_makes_of_it(tmp_path: Path, out: Path, options: dict[str, Any]) -> None:
    """Each by itself: numbers and what is last count anew."""
    captures = {"a.pcap": PCAP, "b.pcap": OTHER_PCAP, "c.pcapng": COMMENTED, "d.pcapng": PCAPNG}
    run_batch(write_tree(tmp_path / "in", captures), out, **options)
    assert files_below(out) == {
        name: converted(capture, name.partition(".")[2], **options)[0] for name, capture in captures.items()
    }


def test_samples_keep_format_and_bytes_without_to(tmp_path: Path, out: Path) -> None:
    """Whatever their names are."""
    captures = {f"{path.name}.bin": path.read_bytes() for path in SAMPLES if stem(path) not in DAMAGED}
    report = run_batch(write_tree(tmp_path / "in", captures), out)
    written = files_below(out)
    assert [name for name in captures if written[name] != captures[name]] == []
    assert nonzero_counts(report) == {"converted": len(captures)}
    assert len(captures) > 50


def test_to_nanoseconds(tmp_path: Path, out: Path) -> None:
    run_batch(write_tree(tmp_path / "in", {"a.pcapng": PCAPNG}), out, to="pcap", nanoseconds=True)
    assert wire.read_pcap_header((out / "a.pcap").read_bytes()).magic == wire.NANOSECONDS


def test_an_empty_tree_is_done_at_once(tmp_path: Path, out: Path) -> None:
    seen = RecordingWatcher()
    report = run_batch(write_tree(tmp_path / "in", {}), out, to="pcap", allow_empty=True, watcher=seen)
    assert (nonzero_counts(report), seen.begun, seen.lines) == ({}, [(0, 0)], [])
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("captures", [{}, {"a.txt": TEXT, "lab/b": b""}], ids=["no file", "no capture"])
def test_a_tree_without_captures_is_an_error(tmp_path: Path, out: Path, captures: dict[str, bytes]) -> None:
    source = write_tree(tmp_path / "in", captures)
    with pytest.raises(NothingFoundError) as caught:
        run_batch(source, out)
    assert str(caught.value) == f"{source}: no capture was found; allow_empty=True lets that pass"
    skipped = {"skipped": len(captures)} if captures else {}
    assert nonzero_counts(caught.value.report) == skipped
    assert nonzero_counts(run_batch(source, out, allow_empty=True)) == skipped
    listed = [str(path) for path in source.rglob("*") if path.is_file()]
    assert nonzero_counts(run_batch(listed, out)) == skipped  # a list is no directory


def test_a_tree_of_empty_files(tmp_path: Path, out: Path) -> None:
    source = write_tree(tmp_path / "in", {"a.pcap": b"", "b.pcap": b""})
    assert nonzero_counts(run_batch(source, out)) == {"failed": 2}
    assert statuses(out)["a.pcap"] == (
        "failed",
        f"{source}/a.pcap: the file is empty, not a pcap or pcapng capture",
    )


def test_a_watcher_sees_every_line_once(source: Path, out: Path) -> None:
    (source / "out.pcap").symlink_to(os.devnull)
    seen = RecordingWatcher()
    run_batch(source, out, to="pcap", watcher=seen)
    assert seen.begun == [(3, len(PCAP) + len(OTHER_PCAP) + len(TEXT))]
    written = [{name: value for name, value in line.items() if name != "schema"} for line in manifest_lines(out)]
    assert sorted(seen.lines, key=lambda line: str(line["source"])) == sorted(
        written, key=lambda line: str(line["source"])
    )
    assert {line["source"]: line["status"] for line in seen.lines} == {
        "a.pcap": "converted",
        "lab/b.cap": "converted",
        "lab/notes.txt": "skipped",
        "out.pcap": "left_alone",
    }


def test_what_a_watcher_raises_ends_the_batch(source: Path, out: Path) -> None:
    class Tired(Watcher):
        def line(self, outcome: Outcome) -> None:
            raise ZeroDivisionError(outcome.source)

    with pytest.raises(ZeroDivisionError):
        run_batch(source, out, to="pcap", watcher=Tired())
    assert [name for name in os.listdir(out) if name.startswith(".")] == []


# ---------------------------------------------------------------- what changes meanwhile


class Changes(Watcher):
    """Changes a file when the batch begins."""

    def __init__(self, change: Callable[[], object]) -> None:
        self._change = change

    def begin(self, files: int, size: int) -> None:  # noqa: ARG002
        self._change()


def test_a_capture_that_goes_on_is_not_rewritten_in_place(source: Path) -> None:
    def go_on() -> None:
        with (source / "a.pcap").open("ab") as file:
            file.write(wire.pcap_record(2_000, 0, b"more"))

    report = run_batch(source, in_place=True, shift_time="+1s", watcher=Changes(go_on))
    assert nonzero_counts(report) == {"converted": 1, "failed": 1, "skipped": 1}
    assert report.trouble[0]["error"] == (
        f"{source}/a.pcap: changed since the batch began, and was left as it is; resume=True looks again"
    )
    assert (source / "a.pcap").read_bytes() == PCAP + wire.pcap_record(2_000, 0, b"more")


def test_two_batches_at_once_edit_each_file_once(source: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with a manifest of its own."""
    out.mkdir()
    monkeypatch.chdir(out)
    files = [source / "a.pcap", source / "lab" / "b.cap"]
    other: list[BatchReport] = []
    report = run_batch(
        source,
        in_place=True,
        shift_time="+1s",
        watcher=Changes(lambda: other.append(run_batch(files, in_place=True, shift_time="+1s"))),
    )
    assert [nonzero_counts(each) for each in (other[0], report)] == [
        {"converted": 2},
        {"failed": 2, "skipped": 1},
    ]
    assert packets((source / "a.pcap").read_bytes())[0].time_ns == 1_001_000_005_000


def test_a_target_above_the_source_is_not_left_out_of_it(source: Path) -> None:
    (source / "l.pcap").symlink_to("a.pcap")
    assert nonzero_counts(run_batch(source, source.parent, to="pcapng")) == {"converted": 3, "skipped": 1}


def test_a_key_log_that_is_gone_is_written_again(tmp_path: Path, out: Path) -> None:
    source = write_tree(tmp_path / "in", {"a.pcapng": SECRET})
    run_batch(source, out, extract_secrets=".keys")
    (out / "a.pcapng.keys").unlink()
    assert nonzero_counts(run_batch(source, out, extract_secrets=".keys", resume=True)) == {"converted": 1}
    assert (out / "a.pcapng.keys").read_bytes() == KEY_LOG


def test_a_copy_is_not_taken_for_an_edit_in_place(source: Path, out: Path) -> None:
    run_batch(source, out, shift_time="+1s")
    assert nonzero_counts(run_batch(out, in_place=True, shift_time="+1s", resume=True)) == {"converted": 2}


def test_a_file_url_is_a_path(source: Path, out: Path) -> None:
    assert nonzero_counts(run_batch(f"file://{source}", f"file://{out}", to="pcap")) == {"converted": 2, "skipped": 1}
    assert sorted(files_below(out)) == ["a.pcap", "lab/b.pcap"]
    with pytest.raises(UsageError, match="the same directory"):
        run_batch(source, f"file://{source}", to="pcap")
