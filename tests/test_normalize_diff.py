"""`normalize --check --diff`: what would change in a capture that is not in its normal form."""

import gzip
import json
import os
import pty
import subprocess
import sys
from pathlib import Path
from typing import Any, NoReturn

import pytest
import wire
from command_line import COMMAND, CommandResult, error_lines, run_command, run_in_process
from command_line import signals_stay_as_they_were as signals_stay_as_they_were
from junit import read_junit

from pcapconv.cli import check_changes
from pcapconv.errors import TargetError

NANO = wire.options((wire.IF_TSRESOL, b"\x09"))
COMMENT = wire.options((wire.OPT_COMMENT, b"seen\x1b"))
ONE = wire.enhanced_packet(0, 2000, b"one", options=COMMENT)
NORMAL = wire.section_header() + wire.interface(options=NANO) + ONE
HOST = wire.section_header(options=wire.options((wire.SHB_OS, b"Linux"))) + wire.interface(options=NANO) + ONE
MICROSECONDS = wire.pcap_header(snaplen=262144) + wire.pcap_record(0, 2, b"one")
LATE = wire.enhanced_packet(0, 1000, b"late")
REASON = "not in its normal form: it has 1 option about the host"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def checked(capfd: pytest.CaptureFixture[str], *arguments: str) -> CommandResult:
    return run_in_process(capfd, "normalize", "--check", "--diff", *arguments)


def test_metadata_that_would_go(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "a.pcapng").write_bytes(HOST)
    (folder / "b.pcapng").write_bytes(NORMAL)
    done = checked(capfd, "a.pcapng", "b.pcapng")
    lines = ["A a.pcapng: 1 packet", "B a.pcapng in its normal form: 1 packet", "only in A: shb_os Linux"]
    assert done.out.decode().splitlines() == lines
    assert (done.status, done.err) == (1, error_lines(f"a.pcapng: {REASON}"))
    assert sorted(os.listdir()) == ["a.pcapng", "b.pcapng"]
    assert (folder / "a.pcapng").read_bytes() == HOST


def test_interfaces_without_packets_and_their_statistics(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    unused = wire.interface(options=wire.options((wire.IF_NAME, b"eth9"), (wire.IF_TSRESOL, b"\x09")))
    (folder / "a.pcapng").write_bytes(NORMAL + unused + wire.statistics(1, 0, options=wire.options((4, bytes(8)))))
    done = checked(capfd, "a.pcapng")
    assert done.out.decode().splitlines()[2:] == [
        "interface 0:1 eth9 only in A: link type 1, snaplen 262144",
        "only in A: statistics of interface 0:1 eth9 at 1970-01-01T00:00:00Z: isb_ifrecv 0",
    ]
    reason = "not in its normal form: it has 1 statistics block, 1 interface without packets"
    assert (done.status, done.err) == (1, error_lines(f"a.pcapng: {reason}"))


def test_it_is_what_diff_shows(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Of packets in another order and at another time, with stripped comments."""
    (folder / "a.pcapng").write_bytes(HOST + LATE)
    options = ["--sort", "--rebase-time", "1", "--strip", "comments"]
    assert run_in_process(capfd, "normalize", "a.pcapng", "normal.pcapng", *options).status == 0
    expected = run_in_process(capfd, "diff", "--all", "a.pcapng", "normal.pcapng").out.decode().splitlines()
    assert len(expected) > 5
    shown = checked(capfd, "a.pcapng", *options).out.decode().splitlines()
    assert shown[1] == "B a.pcapng in its normal form: 2 packets"
    assert [shown[0], *shown[2:]] == [expected[0], *expected[2:]]
    assert "\\x1b" in "".join(shown)


def test_only_the_form_would_change(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (folder / "a.pcap").write_bytes(MICROSECONDS)
    done = checked(capfd, "a.pcap")
    sentence = "a.pcap: only how the file is written would change, and nothing that diff compares"
    assert (done.status, done.out.decode()) == (1, sentence + "\n")


@pytest.mark.parametrize("name", ["a.pcapng.gz", "-", "a.cap"])
def test_compressed_and_piped_captures_and_those_of_another_format(
    folder: Path, capfd: pytest.CaptureFixture[str], name: str
) -> None:
    data = gzip.compress(HOST) if name.endswith(".gz") else HOST
    (folder / "a").write_bytes(data)
    (folder / "a").rename(folder / ("piped" if name == "-" else name))
    piped = name == "-"
    done = run_command("normalize", "--check", "--diff", "-", stdin=data) if piped else checked(capfd, name)
    assert done.status == 1
    assert done.out.decode().splitlines()[:2] == [f"A {name}: 1 packet", f"B {name} in its normal form: 1 packet"]


def test_what_can_be_read_of_a_damaged_capture(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name, data in {"a.pcapng": HOST + ONE[:20], "b.pcapng": NORMAL + ONE[:20]}.items():
        (folder / name).write_bytes(data)
    done = checked(capfd, "a.pcapng", "b.pcapng")
    assert done.status == 1
    assert done.out.decode().splitlines()[-1] == "only in A: shb_os Linux"
    assert done.err.count("warning: a.pcapng: offset ") == done.err.count("warning: b.pcapng: offset ") == 1


def test_fractions(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    odd = wire.pcap_header(snaplen=262144) + wire.pcap_record(0, 123_456_789, b"one")
    (folder / "a.pcap").write_bytes(odd)
    done = checked(capfd, "a.pcap", "--fractions", "nanoseconds")
    assert (done.status, done.out.count(b"\n"), done.out[:12]) == (1, 1, b"a.pcap: only")


def test_in_json_and_junit(folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """There the lines are, and not on stdout."""
    long = wire.section_header(options=wire.options((wire.SHB_OS, b"x" * 2000))) + NORMAL[28:]
    packet = wire.enhanced_packet(0, 2000, b"1", options=wire.options((wire.OPT_COMMENT, b"y" * 2000)))
    (folder / "a.pcapng").write_bytes(HOST)
    (folder / "b.pcapng").write_bytes(NORMAL)
    (folder / "c.pcapng").write_bytes(long + packet)
    arguments = ["a.pcapng", "b.pcapng", "c.pcapng", "none", "--strip", "comments"]
    printed = checked(capfd, *arguments).out.decode().splitlines()
    found = json.loads(checked(capfd, *arguments, "--json", "--junit", "j.xml").out)
    assert [bool(each["diff"]) for each in found["files"]] == [True, True, True, False]
    kept = [line for each in found["files"] for line in each["diff"]]
    assert len(kept) == len(printed)
    assert [line for line in kept if len(line) < 500] == [line for line in printed if len(line) <= 500]
    cut = [(line, whole) for line, whole in zip(kept, printed) if line != whole]
    assert cut
    assert all(line == f"{whole[:500]}…" for line, whole in cut)
    cases = read_junit((folder / "j.xml").read_bytes(), "pcapconv.check").cases
    for each, (name, _, message, text) in zip(found["files"], cases):
        assert (name, message) == (each["file"], each["error"] or "; ".join(each["reasons"]))
        assert text == "\n".join([message, *each["diff"]])
    done = checked(capfd, *arguments, "--junit", "-")
    assert [case[0] for case in read_junit(done.out, "pcapconv.check").cases] == [
        "a.pcapng",
        "b.pcapng",
        "c.pcapng",
        "none",
    ]


def test_long_differences_are_cut(
    folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    comments = wire.options(*[(wire.OPT_COMMENT, b"%d" % number) for number in range(300)])
    capture = wire.section_header(options=comments) + wire.interface(options=NANO)
    (folder / "a.pcapng").write_bytes(capture)
    lines = checked(capfd, "a.pcapng", "--strip", "comments").out.decode().splitlines()
    assert len(lines) == 201
    assert lines[-1] == "and 102 more lines"
    monkeypatch.setattr(check_changes, "_MOST_LINES", 1)
    assert checked(capfd, "a.pcapng", "--strip", "comments").out.decode().splitlines()[-1] == "and 301 more lines"


def test_what_diff_refuses_is_no_failure_of_the_check(
    folder: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: Any, **__: Any) -> NoReturn:
        raise TargetError("too many statements")

    monkeypatch.setattr(check_changes, "diff", refuse)
    (folder / "a.pcapng").write_bytes(HOST)
    done = checked(capfd, "a.pcapng")
    assert (done.status, done.err) == (1, error_lines(f"a.pcapng: {REASON}"))
    assert done.out == b"a.pcapng: what would change cannot be shown: too many statements\n"


def test_colours_are_for_terminals(folder: Path) -> None:
    (folder / "a.pcapng").write_bytes(HOST)
    leader, follower = pty.openpty()
    environment = {name: value for name, value in os.environ.items() if name != "NO_COLOR"} | {"TERM": "xterm"}
    line = [COMMAND, "normalize", "--check", "--diff", "a.pcapng", "--junit", "j.xml"]
    done = subprocess.run(line, stdout=follower, stderr=subprocess.PIPE, env=environment, timeout=60)
    os.close(follower)
    assert done.returncode == 1
    printed = os.read(leader, 65536)
    os.close(leader)
    assert b"\x1b[" in printed
    assert b"shb_os Linux" in printed
    assert b"x1b" not in (folder / "j.xml").read_bytes()


@pytest.mark.parametrize("arguments", [["--in-place", "--diff", "a"], ["--diff", "a", "b"]])
def test_diff_is_for_check(capfd: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    done = run_in_process(capfd, "normalize", *arguments)
    assert done == CommandResult(2, b"", error_lines("--diff is for --check"))


def test_a_closed_stdout_is_an_error(folder: Path) -> None:
    (folder / "a.pcapng").write_bytes(HOST)
    done = run_command("normalize", "--check", "--diff", "a.pcapng", shell=">&-")
    assert (done.status, done.err.splitlines()[-1]) == (1, "pcapconv: stdout: cannot write: it is closed")


def test_without_diff_nothing_of_it_is_imported(folder: Path) -> None:
    (folder / "a.pcapng").write_bytes(HOST)
    program = "import sys; from pcapconv import cli; cli.run(['normalize', '--check', 'a.pcapng']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-P", "-c", program], capture_output=True, text=True, timeout=60, check=True)
    modules = done.stdout.split()
    assert "pcapconv.normalizing" in modules
    assert [name for name in modules if name.startswith("pcapconv.comparing")] == []


PEAK = """
import sys
from pcapconv import cli

cli.run(sys.argv[1:])
print([line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM:")][0], file=sys.stderr)
"""


def peak(*arguments: str) -> int:
    """Return the KiB of memory that a command takes at most."""
    line = [sys.executable, "-P", "-c", PEAK, *arguments]
    done = subprocess.run(line, capture_output=True, text=True, timeout=120)
    return int(done.stderr.splitlines()[-1])


def test_memory_is_that_of_diff(folder: Path) -> None:
    """Of a capture of 26 MiB whose packets all change."""
    packets = b"".join(wire.enhanced_packet(0, 1000 * number, b"%0200d" % number) for number in range(110_000))
    (folder / "a.pcapng").write_bytes(wire.section_header() + wire.interface(options=NANO) + packets)
    options = ["--rebase-time", "1"]
    assert run_command("normalize", "a.pcapng", "normal.pcapng", *options).status == 0
    compared = peak("diff", "--all", "a.pcapng", "normal.pcapng")
    assert peak("normalize", "--check", "--diff", "a.pcapng", *options) < compared + 8 * 1024
