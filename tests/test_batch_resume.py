"""Batches: `resume=True`, and manifests that are torn or hostile."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import wire
from batches import (
    CUT,
    EXISTS,
    OTHER_PCAP,
    PCAP,
    TEXT,
    as_pcapng,
    each_change,
    file_identity,
    files_below,
    manifest_lines,
    nonzero_counts,
    run_batch,
    statuses,
)
from batches import out as out
from batches import source as source
from folders import MANIFEST, write_tree

from pcapconv import FileError

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


# ---------------------------------------------------------------- resuming


def test_what_is_up_to_date_is_left_as_it_is(source: Path, out: Path) -> None:
    run_batch(source, out, to="pcapng")
    before = file_identity(out / "a.pcapng"), file_identity(out / "lab" / "b.pcapng"), len(manifest_lines(out))
    report = run_batch(source, out, to="pcapng", resume=True)
    assert nonzero_counts(report) == {"up_to_date": 2, "skipped": 1}
    assert (report.packets_read, report.bytes_read) == (0, 0)
    after = file_identity(out / "a.pcapng"), file_identity(out / "lab" / "b.pcapng"), len(manifest_lines(out))
    assert (after[:2], after[2] - before[2]) == (before[:2], 1)  # what is no capture was looked at again


def test_a_first_run_may_resume_too(source: Path, out: Path) -> None:
    assert nonzero_counts(run_batch(source, out, resume=True)) == {"converted": 2, "skipped": 1}


def test_without_resume_nothing_is_up_to_date(source: Path, out: Path) -> None:
    """An earlier run's line does not pass for this run's, also when the source was changed since."""
    run_batch(source, out, to="pcapng")
    (source / "a.pcap").write_bytes(OTHER_PCAP)
    report = run_batch(source, out, to="pcapng")
    assert nonzero_counts(report) == {"failed": 2, "skipped": 1}
    assert {line["error"] for line in report.trouble} == {
        f"{out}/a.pcapng: {EXISTS}",
        f"{out}/lab/b.pcapng: {EXISTS}",
    }
    assert (out / "a.pcapng").read_bytes() == as_pcapng(PCAP)
    assert nonzero_counts(run_batch(source, out, to="pcapng", force=True)) == {"converted": 2, "skipped": 1}
    assert (out / "a.pcapng").read_bytes() == as_pcapng(OTHER_PCAP)


@each_change
def test_a_source_that_was_changed_is_converted_again(source: Path, out: Path, change: Callable[[Path], None]) -> None:
    run_batch(source, out, to="pcapng")
    change(source / "a.pcap")
    assert nonzero_counts(run_batch(source, out, to="pcapng", resume=True)) == {
        "converted": 1,
        "up_to_date": 1,
        "skipped": 1,
    }
    assert (out / "a.pcapng").read_bytes() == as_pcapng((source / "a.pcap").read_bytes())


@each_change
def test_a_target_that_somebody_else_changed_is_not_replaced(
    source: Path, out: Path, change: Callable[[Path], None]
) -> None:
    run_batch(source, out)
    change(out / "a.pcap")
    data, before = (out / "a.pcap").read_bytes(), file_identity(out / "a.pcap")
    report = run_batch(source, out, resume=True)
    assert nonzero_counts(report) == {"failed": 1, "up_to_date": 1, "skipped": 1}
    assert [line["error"] for line in report.trouble] == [f"{out}/a.pcap: {EXISTS}"]
    assert ((out / "a.pcap").read_bytes(), file_identity(out / "a.pcap")) == (data, before)
    assert nonzero_counts(run_batch(source, out, resume=True, force=True)) == {
        "converted": 1,
        "up_to_date": 1,
        "skipped": 1,
    }
    assert (out / "a.pcap").read_bytes() == PCAP


def test_a_target_that_is_gone_is_written_again(source: Path, out: Path) -> None:
    run_batch(source, out)
    (out / "a.pcap").unlink()
    assert nonzero_counts(run_batch(source, out, resume=True)) == {"converted": 1, "up_to_date": 1, "skipped": 1}
    assert (out / "a.pcap").read_bytes() == PCAP


def test_a_target_that_became_something_else_is_not_replaced(source: Path, out: Path) -> None:
    run_batch(source, out)
    (out / "a.pcap").unlink()
    (out / "a.pcap").mkdir()
    assert nonzero_counts(run_batch(source, out, resume=True)) == {"failed": 1, "up_to_date": 1, "skipped": 1}
    assert (out / "a.pcap").is_dir()


@pytest.mark.parametrize(
    "options",
    [{"first": 1}, {"to": "pcapng", "strict": True}, {"to": "pcapng", "on_loss": "fail"}, {"shift_time": "+1s"}],
    ids=lambda options: "+".join(options),
)
def test_other_options_make_it_another_batch(source: Path, out: Path, options: dict[str, Any]) -> None:
    """Its targets are its own, and replaced; the way back is as long."""
    options = {"to": "pcapng"} | options
    (source / "lab" / "notes.txt").unlink()
    run_batch(source, out, to="pcapng")
    assert nonzero_counts(run_batch(source, out, resume=True, **options)) == {"converted": 2}
    assert (out / "a.pcapng").read_bytes() == as_pcapng(
        PCAP, **{name: value for name, value in options.items() if name != "to"}
    )
    assert nonzero_counts(run_batch(source, out, resume=True, **options)) == {"up_to_date": 2}
    assert nonzero_counts(run_batch(source, out, resume=True, to="pcapng")) == {"converted": 2}
    assert (out / "a.pcapng").read_bytes() == as_pcapng(PCAP)


def test_options_that_say_nothing_are_no_other_options(source: Path, out: Path) -> None:
    """How the work is done, what is selected, and whether losses are shown does not change any file."""
    run_batch(source, out, to="pcap", first=1, strip=["names"])
    with ThreadPoolExecutor(2) as executor:
        report = run_batch(
            source,
            out,
            to="pcap",
            executor=executor,
            strip=["names"],
            after=None,
            chop=[],
            invert=False,
            first=1,
            on_loss="ignore",
            include=["*ap"],
            resume=True,
        )
    assert nonzero_counts(report) == {"up_to_date": 2}


def test_what_was_damaged_before_is_said_again(tmp_path: Path, out: Path) -> None:
    source = write_tree(tmp_path / "in", {"cut": CUT, "a": PCAP})
    assert (run_batch(source, out).damaged, run_batch(source, out, resume=True).damaged_before) == (1, 1)
    report = run_batch(source, out, resume=True)
    assert (nonzero_counts(report), report.damaged_before) == ({"up_to_date": 2}, 1)


def test_what_failed_is_tried_again(tmp_path: Path, out: Path) -> None:
    source = write_tree(tmp_path / "in", {"a": wire.pcap_header(version=(9, 1)), "b": TEXT})
    assert nonzero_counts(run_batch(source, out)) == {"failed": 1, "skipped": 1}
    write_tree(source, {"a": PCAP, "b": OTHER_PCAP})
    assert nonzero_counts(run_batch(source, out, resume=True)) == {"converted": 2}
    assert files_below(out) == {"a": PCAP, "b": OTHER_PCAP}


def test_a_source_of_a_new_name_replaces_what_was_made_of_the_old_one(tmp_path: Path, out: Path) -> None:
    source = write_tree(tmp_path / "in", {"a.pcap": PCAP})
    run_batch(source, out, to="pcapng")
    (source / "a.pcap").unlink()
    write_tree(source, {"a.cap": OTHER_PCAP})
    assert nonzero_counts(run_batch(source, out, to="pcapng", resume=True)) == {"converted": 1}
    assert files_below(out) == {"a.pcapng": as_pcapng(OTHER_PCAP)}


def test_a_source_that_is_gone_leaves_its_target(source: Path, out: Path) -> None:
    run_batch(source, out)
    (source / "a.pcap").unlink()
    assert nonzero_counts(run_batch(source, out, resume=True)) == {"up_to_date": 1, "skipped": 1}
    assert files_below(out) == {"a.pcap": PCAP, "lab/b.cap": OTHER_PCAP}


# ---------------------------------------------------------------- manifests that are torn, or hostile


def test_a_manifest_that_was_cut_anywhere(tmp_path: Path, out: Path) -> None:
    """Whole lines count, the rest does not; what is added comes on lines of its own."""
    source = write_tree(tmp_path / "in", {"a": PCAP, "b": OTHER_PCAP})
    run_batch(source, out)
    whole = (out / MANIFEST).read_bytes()
    first = whole.index(b"\n") + 1
    for cut in [*range(first, len(whole), 7), len(whole) - 2, len(whole) - 1]:
        (out / MANIFEST).write_bytes(whole[:cut])
        report = run_batch(source, out, resume=True)
        if cut == len(whole) - 1:  # but for the end of the line it is whole
            assert nonzero_counts(report) == {"up_to_date": 2}
            continue
        assert nonzero_counts(report) == {"up_to_date": 1, "failed": 1}  # nobody knows who wrote that target
        after = (out / MANIFEST).read_bytes()
        assert after.startswith(whole[:cut])
        new = after[cut:].removeprefix(b"\n")
        assert (new.count(b"\n"), json.loads(new)["status"]) == (1, "failed")
    assert files_below(out) == {"a": PCAP, "b": OTHER_PCAP}


def test_a_line_whose_target_never_came(tmp_path: Path, out: Path) -> None:
    """What a process leaves that is killed between the two, however often."""
    source = write_tree(tmp_path / "in", {"a": PCAP})
    for _ in range(3):
        assert nonzero_counts(run_batch(source, out, resume=True)) == {"converted": 1}
        (out / "a").unlink()
    assert nonzero_counts(run_batch(source, out, resume=True)) == {"converted": 1}
    assert nonzero_counts(run_batch(source, out, resume=True)) == {"up_to_date": 1}
    assert files_below(out) == {"a": PCAP}


HOSTILE = {
    "nothing": b"",
    "empty lines": b"\n\n\n",
    "no JSON": b"Dear reader\n",
    "no UTF-8": b'{"target": "\xff\xfe"}\n',
    "bytes": bytes(range(256)) * 4,
    "deep": b"[" * 200_000 + b"\n",
    "deep and whole": b"[" * 100_000 + b"]" * 100_000 + b"\n",
    "a large number": b"1" * 10_000 + b"\n",
    "no object": b'null\ntrue\n17\n"converted"\n["status"]\n[]\n',
    "no fields": b"{}\n",
    "a status only": b'{"status": "converted"}\n',
    "no scalars": b'{"status": "converted", "source": {}, "source_size": [], "source_time": {}, "target": [], '
    b'"target_size": [], "target_time": {}, "options": []}\n',
    "status is a list": b'{"status": ["converted"]}\n',
    "a name with a surrogate": b'{"status": "converted", "source": "\\ud800", "source_size": 1, "source_time": 1, '
    b'"target": "\\ud800", "target_size": 1, "target_time": 1, "options": "x"}\n',
    "infinite": b'{"status": "converted", "source": "a", "source_size": Infinity, "source_time": NaN, "target": "a", '
    b'"target_size": -Infinity, "target_time": 1e999, "options": ""}\n',
}


@pytest.mark.parametrize("manifest", HOSTILE.values(), ids=HOSTILE)
def test_a_manifest_that_says_nonsense_is_not_believed(tmp_path: Path, out: Path, manifest: bytes) -> None:
    source = write_tree(tmp_path / "in", {"a": PCAP})
    write_tree(out, {MANIFEST: manifest})
    assert nonzero_counts(run_batch(source, out, resume=True)) == {"converted": 1}
    assert files_below(out) == {"a": PCAP}
    assert nonzero_counts(run_batch(source, out, resume=True)) == {"up_to_date": 1}
    assert (out / MANIFEST).read_bytes().startswith(manifest)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *((field, None) for field in ("source", "source_size", "source_time", "target", "target_size")),
        *((field, []) for field in ("source", "target", "options", "status")),
        *((field, {}) for field in ("target_size", "target_time", "source_time")),
        ("status", "failed"),
        ("status", "trouble"),
        ("options", ""),
        ("options", 17),
    ],
)
@pytest.mark.parametrize("resume", [False, True], ids=["anew", "resumed"])
def test_a_line_with_a_field_that_is_wrong_is_not_believed(
    tmp_path: Path, out: Path, field: str, value: Any, resume: bool
) -> None:
    """The target is somebody's, or this batch's, but never up to date."""
    source = write_tree(tmp_path / "in", {"a": PCAP})
    run_batch(source, out)
    (line,) = manifest_lines(out)
    (out / MANIFEST).write_bytes(json.dumps(line | {field: value}).encode() + b"\n")
    report = run_batch(source, out, resume=resume)
    assert nonzero_counts(report) in ({"failed": 1}, {"converted": 1})
    assert [each["error"] for each in report.trouble] == [f"{out}/a: {EXISTS}"] * report.failed
    assert report.failed == 1 or (resume and field in ("source", "source_size", "source_time", "options"))
    del line[field]
    (out / MANIFEST).write_bytes(json.dumps(line).encode() + b"\n")
    report = run_batch(source, out, resume=True)
    assert [each["error"] for each in report.trouble] == [f"{out}/a: {EXISTS}"]
    assert files_below(out) == {"a": PCAP}


def test_what_a_manifest_names_is_not_touched(tmp_path: Path, out: Path) -> None:
    """Targets are those of the sources that were found, whatever it says."""
    source = write_tree(tmp_path / "in", {"a": PCAP})
    precious = write_tree(tmp_path / "precious", {"x": PCAP})
    run_batch(source, out)
    (line,) = manifest_lines(out)
    there = (precious / "x").stat()
    places = {"target": "../precious/x", "target_size": there.st_size, "target_time": there.st_mtime_ns}
    (out / MANIFEST).write_bytes(json.dumps(line | places | {"source": "../precious/x"}).encode() + b"\n")
    before = file_identity(precious / "x")
    assert nonzero_counts(run_batch(source, out, resume=True)) == {"failed": 1}
    assert (file_identity(precious / "x"), files_below(precious)) == (before, {"x": PCAP})


def test_a_manifest_that_cannot_be_written_lets_no_target_appear(source: Path, out: Path) -> None:
    """Else nobody could resume."""
    (out / MANIFEST).mkdir(parents=True)
    with pytest.raises(FileError) as caught:
        run_batch(source, out, resume=True)
    assert str(caught.value) == f"{out}/{MANIFEST}: is not a plain file, and so no manifest; remove it"
    assert files_below(out) == {}


def test_a_manifest_is_no_source(source: Path, out: Path) -> None:
    """That of the tree which is converted; one that lies deeper is a file like others."""
    write_tree(source, {MANIFEST: b"{}\n", f"lab/{MANIFEST}": b"{}\n"})
    report = run_batch(source, out)
    assert nonzero_counts(report) == {"converted": 2, "skipped": 2}
    assert f"lab/{MANIFEST}" in statuses(out)
