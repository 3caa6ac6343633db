"""JUnit XML of `batch` and of `normalize --check`: one form, as CI systems read it, in the order of names."""

import json
import random
import tracemalloc
from pathlib import Path

import pytest
import wire
from command_line import CUT, WEB_PCAP, CommandResult, error_lines, run_command, run_in_process
from command_line import signals_stay_as_they_were as signals_stay_as_they_were
from folders import write_tree
from junit import read_junit, without_times

from pcapconv.cli import result_lines
from pcapconv.cli.junit import Case, JUnitFile
from pcapconv.cli.result_lines import ResultLines
from pcapconv.io.target import open_target

PCAP = wire.pcap_header() + wire.pcap_record(1, 5, b"one")
NORMAL = wire.pcap_header(wire.NANOSECONDS, snaplen=262144) + wire.pcap_record(0, 2000, b"one")
TEXT = b"Dear reader, this is text\n"
NOT_NORMAL = "times count in 10^-6 s, not in nanoseconds"


def written(path: Path, *cases: Case) -> bytes:
    with JUnitFile("a suite", "a.class") as junit, open_target(path, text=True) as target:
        for case in cases:
            junit.add(case)
        junit.write(target)
        target.publish(keep_old=False)
    return path.read_bytes()


def test_the_whole_file(tmp_path: Path) -> None:
    cases = (
        Case("c", 1.25, "failure", "a & b", ("  first <line>", "second\x1b line")),
        Case("b", 0.0004),
        Case("\"a'", 12, "error", "no \ud800"),
        Case("d", 0, "skipped", "text"),
    )
    data = written(tmp_path / "j.xml", *cases)
    begin = b"<?xml version='1.0' encoding='utf-8'?>\n<testsuites>\n"
    assert without_times(data) == begin + (
        b'<testsuite name="a suite" tests="4" errors="1" failures="1" skipped="1">\n'
        b'<testcase classname="a.class" name="&quot;a&#x27;">'
        b'<error message="no \\ud800">no \\ud800</error></testcase>\n'
        b'<testcase classname="a.class" name="b"/>\n'
        b'<testcase classname="a.class" name="c"><failure message="a &amp; b">a &amp; b\n'
        b"  first &lt;line&gt;\nsecond\\x1b line</failure></testcase>\n"
        b'<testcase classname="a.class" name="d"><skipped message="text">text</skipped></testcase>\n'
        b"</testsuite>\n</testsuites>\n"
    )
    for seconds in (b"1.250", b"0.000", b"12.000"):
        assert b' time="' + seconds + b'"' in data


def test_every_character_can_be_in_a_name_and_a_reason(tmp_path: Path) -> None:
    every = "".join(map(chr, (*range(0x300), *range(0xD7F0, 0xE010), *range(0xFDD0, 0x10010), 0x1F600, 0x10FFFF)))
    suite = read_junit(written(tmp_path / "j.xml", Case(every, 0, "failure", every, (every,))), "a.class")
    (name, _, message, text) = suite.cases[0]
    assert "\\x00" in name
    assert name == message
    assert text == f"{name}\n{name}"
    assert name.isprintable()


# ---------------------------------------------------------------- results of many files


@pytest.mark.parametrize("run_size", [1, 50, 400, 10**6])
def test_lines_are_in_the_order_of_their_keys(monkeypatch: pytest.MonkeyPatch, run_size: int) -> None:
    """Also if they are too many for memory. Equal keys stay as they came, and no name disturbs the file."""
    monkeypatch.setattr(result_lines, "_RUN_SIZE", run_size)
    names = [
        "b",
        "a",
        "a\tb",
        "a\nb",
        "A",
        "\udcff",
        "z" * 70_000,
        "",
        "ä",
        "\U0001f600",
        *(f"n{n}" for n in range(90)),
    ]
    random.Random(1).shuffle(names)
    with ResultLines() as lines:
        for turn in range(2):
            for name in names:
                lines.add([name], {"name": name, "turn": turn})
        for _ in range(2):  # they can be read again
            found = [json.loads(line) for line in lines.lines()]
            assert found == [{"name": name, "turn": turn} for name in sorted(names) for turn in range(2)]


def test_memory_does_not_grow_with_the_results(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(result_lines, "_RUN_SIZE", 2**14)
    peaks = []
    for count in (500, 8000):
        tracemalloc.start()
        with ResultLines() as lines:
            for number in range(count):
                lines.add([f"{number * 7919 % count:08}"], {"text": "x" * 200})
            assert sum(1 for _ in lines.lines()) == count
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 2**20


# ---------------------------------------------------------------- batch


def test_the_same_batch_gives_the_same_file(tmp_path: Path) -> None:
    """Whichever process is done first."""
    large = WEB_PCAP.read_bytes() * 40
    captures = {f"{folder}/{number}.pcap": PCAP for folder in ("b", "a", "Z") for number in range(8)}
    source = write_tree(tmp_path / "in", captures | {"a/0.pcap": large, "a/3.pcap": CUT, "b/x": TEXT, "b/1.pcap": TEXT})
    files, reports = [], []
    for number, jobs in enumerate(("1", "2", "2")):
        junit, report = tmp_path / f"{number}.xml", tmp_path / f"{number}.json"
        line: list[str | Path] = ["--jobs", jobs, "--to", "pcapng", "-q", "--junit", junit, "--report", report]
        assert run_command("batch", source, tmp_path / f"out{number}", *line).status == 1
        files.append(junit.read_bytes())
        reports.append([each["source"] for each in json.loads(report.read_bytes())["files"]])
    names = sorted([*captures, "b/x"])
    suite = read_junit(files[0], "pcapconv.batch")
    assert suite.name == "pcapconv batch"
    assert suite.counts == {"tests": 25, "failures": 1, "errors": 1, "skipped": 1}
    assert [name for name, *_ in suite.cases] == names
    assert {without_times(each) for each in files} == {without_times(files[0])}
    assert reports == [names] * 3


# ---------------------------------------------------------------- normalize --check


def checked(capfd: pytest.CaptureFixture[str], *arguments: str | Path) -> CommandResult:
    return run_in_process(capfd, "normalize", "--check", *arguments)


@pytest.fixture
def captures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a capture for each result."""
    monkeypatch.chdir(tmp_path)
    files = {"normal.pcap": NORMAL, "b.pcap": PCAP, "cut.pcap": NORMAL + b"cut", "text.pcap": TEXT, "readme": TEXT}
    write_tree(tmp_path / "captures", files | {"a&<\x1b.pcap": PCAP})
    return tmp_path / "captures"


def test_each_result_of_a_check(captures: Path, capfd: pytest.CaptureFixture[str]) -> None:
    done = checked(capfd, "captures", "none", "--junit", "j.xml")
    assert (done.status, done.out) == (1, b"")
    suite = read_junit(Path("j.xml").read_bytes(), "pcapconv.check")
    assert suite.name == "pcapconv normalize --check"
    assert suite.counts == {"tests": 6, "failures": 3, "errors": 2, "skipped": 0}
    begin = "captures/"
    assert [case[:3] for case in suite.cases[:2]] == [
        (f"{begin}a&<\\x1b.pcap", "failure", NOT_NORMAL),
        (f"{begin}b.pcap", "failure", NOT_NORMAL),
    ]
    cut, normal, text, none = suite.cases[2:]
    assert cut[:2] == (f"{begin}cut.pcap", "failure")
    assert cut[2].startswith(f"offset {len(NORMAL)} (packet 2): ")
    assert normal == (f"{begin}normal.pcap", "passed", "", "")
    assert text[:2] == (f"{begin}text.pcap", "error")
    assert text[2].startswith(f"{begin}text.pcap: not a pcap or pcapng capture")
    assert none == ("none", "error", "none: cannot open: no such file or directory", none[3])
    assert sorted(path.name for path in captures.parent.iterdir()) == ["captures", "j.xml"]


def test_damage_of_a_capture_that_is_not_normal_either(captures: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (captures / "cut.pcap").write_bytes(PCAP + b"cut")
    assert checked(capfd, "captures/cut.pcap", "--junit", "j.xml").status == 1
    (case,) = read_junit(Path("j.xml").read_bytes(), "pcapconv.check").cases
    assert case[2].startswith(f"{NOT_NORMAL}; offset {len(PCAP)} (packet 2): ")


def test_what_is_refused_is_an_error(captures: Path, capfd: pytest.CaptureFixture[str]) -> None:
    simple = wire.section_header() + wire.interface() + wire.simple_packet(b"one")
    (captures / "simple.pcapng").write_bytes(simple)
    done = checked(capfd, "captures/simple.pcapng", "--on-loss", "fail", "--junit", "-")
    assert done.status == 4
    ((_, kind, message, _),) = read_junit(done.out, "pcapconv.check").cases
    reason = "pcapng cannot hold 1 packet without a time, written with time 0"
    assert (kind, message) == ("error", f"captures/simple.pcapng: {reason}")


def test_the_same_captures_give_the_same_file(captures: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """In whatever order they are named."""
    names = sorted(f"captures/{path.name}" for path in captures.iterdir() if path.name != "readme")
    checked(capfd, "captures", "--junit", "whole.xml")
    checked(capfd, *reversed(names), "--junit", "each.xml")
    assert without_times(Path("whole.xml").read_bytes()) == without_times(Path("each.xml").read_bytes())


@pytest.mark.usefixtures("captures")
def test_junit_beside_json(capfd: pytest.CaptureFixture[str]) -> None:
    found = json.loads(checked(capfd, "captures", "--json", "--junit", "j.xml").out)
    suite = read_junit(Path("j.xml").read_bytes(), "pcapconv.check")
    assert len(found["files"]) == len(suite.cases) == 5
    assert not any("diff" in each for each in found["files"])


@pytest.mark.usefixtures("captures")
def test_an_existing_file_needs_force(capfd: pytest.CaptureFixture[str]) -> None:
    Path("j.xml").write_bytes(TEXT)
    done = checked(capfd, "captures", "--junit", "j.xml")
    assert done == CommandResult(1, b"", error_lines("j.xml: exists already; --force replaces it"))
    assert Path("j.xml").read_bytes() == TEXT
    assert checked(capfd, "captures/normal.pcap", "--junit", "j.xml", "--force").status == 0
    assert read_junit(Path("j.xml").read_bytes(), "pcapconv.check").counts["tests"] == 1


def test_no_capture_is_replaced_by_the_results(captures: Path, capfd: pytest.CaptureFixture[str]) -> None:
    name = "captures/normal.pcap"
    for path in ("captures", name):
        done = checked(capfd, path, "--junit", f"./{name}", "--force")
        assert done.status == 2
        assert done.err.endswith(f"--junit ./{name}: that is a file that is checked; give it a name of its own\n")
    assert (captures / "normal.pcap").read_bytes() == NORMAL


@pytest.mark.parametrize("data", [TEXT, NORMAL[:20], NORMAL + b"cut", b""])
def test_no_file_that_cannot_be_checked_is_replaced_by_the_results(
    captures: Path, capfd: pytest.CaptureFixture[str], data: bytes
) -> None:
    path = captures / "normal.pcap"
    path.write_bytes(data)
    for named in ("captures", "captures/normal.pcap"):
        done = checked(capfd, named, "--junit", "captures/normal.pcap", "--force")
        assert done.status == 2
        assert done.err.endswith(": that is a file that is checked; give it a name of its own\n")
        assert path.read_bytes() == data


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--in-place", "--junit", "j.xml", "captures"], "--junit is for --check"),
        (["--junit", "j.xml", "a", "b"], "--junit is for --check"),
        (
            ["--check", "--junit", "-", "--json", "a"],
            "--json and --junit - cannot both be written to stdout; name a file",
        ),
        (["--check", "--force", "captures"], "--force is for IN and OUT"),
    ],
)
def test_options_that_do_not_fit(
    captures: Path, capfd: pytest.CaptureFixture[str], arguments: list[str], message: str
) -> None:
    assert run_in_process(capfd, "normalize", *arguments) == CommandResult(2, b"", error_lines(message))
    assert [path.name for path in captures.parent.iterdir()] == ["captures"]


def test_a_check_without_captures_is_a_case(captures: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (captures / "empty").mkdir()
    done = checked(capfd, "captures/empty", "--junit", "-")
    assert done.status == 1
    ((name, kind, message, _),) = read_junit(done.out, "pcapconv.check").cases
    sentence = "captures/empty: no capture was found; --allow-empty lets that pass"
    assert (name, kind, message) == ("captures/empty", "error", sentence)
