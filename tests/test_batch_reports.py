"""What `pcapconv batch` writes for programs: --report, and --junit for CI systems."""

import json
from pathlib import Path

import pytest
import wire
from batches import CUT, PCAP, SHOWN, STRANGE, TEXT, files_below, in_threads
from batches import out as out
from batches import threads as threads
from command_line import CommandResult, error_lines, run_command, run_in_process
from folders import MANIFEST, write_tree
from junit import read_junit


@pytest.fixture
def files_of_each_kind(tmp_path: Path) -> Path:
    """A file of each kind: done, damaged, failed, no capture, left alone."""
    source = write_tree(
        tmp_path / "in", {"a.pcap": PCAP, "cut.pcap": CUT, STRANGE: wire.pcap_header(version=(9, 1)), "notes": TEXT}
    )
    (source / "link").symlink_to(tmp_path)
    return source


KINDS = {"a.pcap": "converted", "cut.pcap": "damaged", STRANGE: "failed", "notes": "skipped", "link": "left_alone"}


def junit_cases(data: bytes) -> tuple[dict[str, int], dict[str, tuple[str, str] | None]]:
    """A suite's numbers, and its cases: name → kind and message of each that has not passed."""
    suite = read_junit(data, "pcapconv.batch")
    return suite.counts, {name: None if kind == "passed" else (kind, message) for name, kind, message, _ in suite.cases}


def test_reports_for_programs(files_of_each_kind: Path, tmp_path: Path, out: Path) -> None:
    """As the installed command writes them, with processes; a second run says it again of what it left out."""
    done = run_command(
        "batch", files_of_each_kind, out, "--report", tmp_path / "r.json", "--junit", tmp_path / "j.xml", "--jobs", "1"
    )
    assert (done.status, done.out) == (1, b"")
    report = json.loads((tmp_path / "r.json").read_bytes())
    files = report.pop("files")
    assert {line["source"]: line["status"] for line in files} == KINDS
    lines = [json.loads(line) for line in (out / MANIFEST).read_bytes().splitlines()]
    for line in lines:
        assert line.pop("schema") == {"name": "pcapconv-manifest", "version": 1}
    assert sorted(files, key=str) == sorted(lines, key=str)
    assert report | {"seconds": 0} == {
        "schema": {"name": "pcapconv-batch", "version": 1},
        "converted": 1,
        "damaged": 1,
        "failed": 1,
        "up_to_date": 0,
        "skipped": 1,
        "left_alone": 1,
        "damaged_before": 0,
        "refused": 0,
        "odd": 0,
        "empty": 0,
        "undated": 0,
        "packets_read": 4,
        "packets_written": 4,
        "bytes_read": len(PCAP) + len(CUT),
        "bytes_written": 2 * len(PCAP),
        "losses": {},
        "left_out": {},
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
        "seconds": 0,
        "manifest": str(out / MANIFEST),
    }
    suite, cases = junit_cases((tmp_path / "j.xml").read_bytes())
    assert suite == {"tests": 5, "errors": 1, "failures": 1, "skipped": 2}
    assert cases.pop("a.pcap") is None
    said_of = {name: found[1] for name, found in cases.items() if found}
    assert {name: found[0] for name, found in cases.items() if found} == {
        "cut.pcap": "failure",
        SHOWN: "error",
        "notes": "skipped",
        "link": "skipped",
    }
    assert said_of["cut.pcap"].startswith(f"offset {len(PCAP)} (packet 3): ")
    assert said_of[SHOWN].startswith(f"{files_of_each_kind}/{SHOWN}: ")
    assert said_of["link"] == f"{files_of_each_kind}/link: a symbolic link that leads out of the tree"
    assert said_of["notes"].startswith(f"{files_of_each_kind}/notes: not a pcap or pcapng capture")


@in_threads
def test_junit_of_a_run_that_went_on(files_of_each_kind: Path, out: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (files_of_each_kind / STRANGE).unlink()
    assert run_in_process(capfd, "batch", files_of_each_kind, out, "-q").status == 3
    done = run_in_process(capfd, "batch", files_of_each_kind, out, "--resume", "--junit", "-")
    assert done.status == 3
    suite, cases = junit_cases(done.out)
    assert suite == {"tests": 4, "errors": 0, "failures": 1, "skipped": 2}
    assert cases["a.pcap"] is None
    assert cases["cut.pcap"] == ("failure", "damaged, as an earlier run found")


@in_threads
def test_a_report_on_stdout(tmp_path: Path, out: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source = write_tree(tmp_path / "in", {})
    done = run_in_process(capfd, "batch", source, out, "--report", "-", "--quiet", "--allow-empty")
    report = json.loads(done.out)
    assert (done.status, report["converted"], report["files"]) == (0, 0, [])
    write_tree(tmp_path / "more", {"a": PCAP})
    report = json.loads(run_in_process(capfd, "batch", tmp_path / "more", out, "--report", "-", "--first", "1").out)
    assert [line["packets_written"] for line in report["files"]] == [1]


@in_threads
def test_a_report_that_is_there_is_kept_without_force(
    tmp_path: Path, out: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = write_tree(tmp_path / "in", {"a": PCAP})
    (tmp_path / "r").write_bytes(TEXT)
    for option in ("--report", "--junit"):
        done = run_in_process(capfd, "batch", source, out, option, tmp_path / "r")
        sentence = f"{tmp_path}/r: exists already; --force replaces it"
        assert done == CommandResult(1, b"", error_lines(sentence))
    assert not out.exists()
    assert (tmp_path / "r").read_bytes() == TEXT
    assert run_in_process(capfd, "batch", source, out, "--report", tmp_path / "r", "--force").status == 0
    assert json.loads((tmp_path / "r").read_bytes())["converted"] == 1


@in_threads
def test_no_report_of_a_batch_that_never_began(tmp_path: Path, out: Path, capfd: pytest.CaptureFixture[str]) -> None:
    done = run_in_process(capfd, "batch", tmp_path / "none", out, "--report", tmp_path / "r", "--junit", tmp_path / "j")
    assert done.status == 1
    assert list(tmp_path.iterdir()) == []


@in_threads
@pytest.mark.parametrize("option", ["--report", "--junit"])
@pytest.mark.parametrize("name", ["in/a.pcap", "in/lab/../a.pcap", "in/c.pcap", "out/a.pcap", f"out/{MANIFEST}"])
def test_a_report_is_never_written_over_a_file_of_the_batch(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, option: str, name: str
) -> None:
    monkeypatch.chdir(tmp_path)
    files = write_tree(tmp_path / "in", {"a.pcap": PCAP, "lab/b.pcap": PCAP, "c.pcap": bytes(99)})
    before = files_below(files)
    write_tree(tmp_path / "out", {MANIFEST: b""})
    done = run_in_process(capfd, "batch", "in", "out", "--force", option, name)
    assert (done.status, done.out) == (2, b"")
    assert done.err.startswith(f"pcapconv: {option} {name}: ")
    assert files_below(files) == before
    assert (tmp_path / "out" / MANIFEST).read_bytes() == b""


def test_a_resumed_batch_replaces_its_report_and_nothing_else(
    files_of_each_kind: Path, tmp_path: Path, out: Path
) -> None:
    report, junit = tmp_path / "r.json", tmp_path / "j.xml"
    line: list[str | Path] = [files_of_each_kind, out, "-q", "--report", report, "--junit", junit, "--resume"]
    first = run_command("batch", *line)
    again = run_command("batch", *line)
    assert (first.status, again.status) == (1, 1)
    assert json.loads(report.read_bytes())["up_to_date"] > 0
    assert junit.read_bytes().startswith(b"<?xml")
    report.write_bytes(b"{}")
    assert run_command("batch", *line) == CommandResult(
        1, b"", error_lines(f"{report}: exists already; --force replaces it")
    )
    assert report.read_bytes() == b"{}"
