"""The command as it is installed: exit statuses, what it says and where, standard streams, the page of `info`."""

import io
import json
import os
import re
import shutil
import signal
import struct
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import wire
from terminals import COMMAND, on_terminal

import pcapconv
from pcapconv import TargetError, cli
from pcapconv.cli import progress
from pcapconv.describing import info as take_census

FOLDER = Path(__file__).parent / "samples"
WEB_PCAP, WEB_PCAPNG = FOLDER / "web.pcap", FOLDER / "web.pcapng"
LOST_OF_WEB = "4 comments, 1 name record, 4 interface options, 3 section options, 1 statistics block"
HEADER = wire.pcap_header()
MANY = wire.pcap_record(1, 2, bytes(984)) * 3000
CUT = HEADER + wire.pcap_record(1, 2, b"four") + b"cut off"
LATE = (  # an interface in nanoseconds, declared after packets in microseconds
    wire.section_header()
    + wire.interface()
    + wire.enhanced_packet(0, 1_000_001, b"first")
    + wire.interface(options=wire.options((wire.IF_TSRESOL, b"\t")))
    + wire.enhanced_packet(1, 1_000_000_001, b"second")
)


class Done(NamedTuple):
    """How a command ended."""

    status: int
    out: bytes
    err: str


def run(*arguments: str | bytes | Path, stdin: bytes = b"", shell: str = "", **environment: str) -> Done:
    """The installed command; `shell` adds redirections. Whatever it forgets to close is said on stderr."""
    command: list[str | bytes | Path] = [COMMAND, *arguments]
    if shell:
        command = ["sh", "-c", f'exec "$@" {shell}', "sh", *command]
    done = subprocess.run(
        command,
        input=stdin,
        capture_output=True,
        timeout=60,
        env=os.environ | {"PYTHONWARNINGS": "default::ResourceWarning"} | environment,
    )
    return Done(done.returncode, done.stdout, done.stderr.decode())


@pytest.fixture(autouse=True)
def signals_stay_as_they_were() -> Iterator[None]:
    kept = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


def call(capfd: pytest.CaptureFixture[str], *arguments: str | Path) -> Done:
    """The same command line in this process, which is faster."""
    try:
        status = cli.run([os.fspath(each) for each in arguments])
    except SystemExit as end:
        status = int(end.code or 0)
    out, err = capfd.readouterr()
    return Done(status, out.encode(), err)


def said(*sentences: str) -> str:
    """stderr, one sentence a line."""
    return "".join(f"pcapconv: {sentence}\n" for sentence in sentences)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


# ---------------------------------------------------------------- exit statuses


def test_status_0_and_silence_when_nothing_is_lost(tmp_path: Path) -> None:
    out = tmp_path / "out.pcapng"
    assert run("convert", WEB_PCAP, out) == Done(0, b"", "")
    found = wire.read_pcapng(out.read_bytes())
    assert [packet.data for packet in found] == [packet.data for packet in wire.read_pcap(WEB_PCAP.read_bytes())]


def test_status_0_and_a_warning_when_something_is_lost(tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    advice = "--report FILE has the counts, --on-loss fail refuses, --sidecar keeps them"
    sentence = f"{out}: pcap cannot hold {LOST_OF_WEB}; {advice}"
    assert run("convert", WEB_PCAPNG, out) == Done(0, b"", said(f"warning: {sentence}"))
    assert out.exists()


def test_status_1_when_it_fails(tmp_path: Path) -> None:
    sentence = f"{tmp_path}/none.pcap: cannot open: no such file or directory"
    assert run("convert", tmp_path / "none.pcap", tmp_path / "out.pcapng") == Done(1, b"", said(sentence))
    assert names(tmp_path) == []


def test_status_2_for_wrong_usage(tmp_path: Path) -> None:
    sentence = (
        f"{tmp_path}/out.txt: its suffix does not tell the format (.pcap, .cap, .pcapng, .ntar); "
        "say --to pcap or --to pcapng"
    )
    assert run("convert", WEB_PCAP, tmp_path / "out.txt") == Done(2, b"", said(sentence))
    assert names(tmp_path) == []


def test_status_3_for_damage(tmp_path: Path) -> None:
    capture, out = tmp_path / "cut.pcap", tmp_path / "out.pcapng"
    capture.write_bytes(CUT)
    done = run("convert", capture, out)
    assert (done.status, done.out) == (3, b"")
    at = len(CUT) - len("cut off")
    assert done.err.startswith(f"pcapconv: warning: {capture}: offset {at} (packet 2): ")
    assert done.err.endswith("; 7 bytes are left out\n")
    assert done.err.count("\n") == 1
    assert [packet.data for packet in wire.read_pcapng(out.read_bytes())] == [b"four"]


def test_status_4_when_a_loss_is_refused(tmp_path: Path) -> None:
    done = run("convert", WEB_PCAPNG, tmp_path / "out.pcap", "--on-loss", "fail")
    assert done == Done(4, b"", said(f"{WEB_PCAPNG}: pcap cannot hold {LOST_OF_WEB}; nothing was written"))
    assert names(tmp_path) == []


def test_status_130_when_interrupted(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pcapconv, "convert", interrupt)
    message = "interrupted before it was done: an unfinished output file was not kept"
    assert call(capfd, "convert", WEB_PCAP, "out.pcapng") == Done(130, b"", said(message))


def test_memory_that_runs_out_is_said(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def burst(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(pcapconv, "convert", burst)
    assert call(capfd, "convert", WEB_PCAP, "out.pcapng") == Done(1, b"", said("out of memory"))


# ---------------------------------------------------------------- refused in one sentence


REFUSED = {
    "empty": (b"", "the file is empty, not a pcap or pcapng capture"),
    "text": (b"Dear reader,\n\nplease", "not a pcap or pcapng capture, it begins with 'Dear reader,'\n"),
    "gzip": (b"\x1f\x8b\x08\0" + bytes(20), "it is a gzip file; decompress it first: gzip -d"),
    "sidecar": (b'{"pcapconv_sidecar": 1,', "it is a sidecar; name the pcap file that it belongs to"),
    "snoop": (b"snoop\0\0\0" + bytes(20), "it is a snoop capture"),
    "text-mode transfer": (wire.section_header().replace(b"\r\n", b"\n"), "damaged by a text-mode transfer"),
    "one byte": (b"\xd4", "not a pcap or pcapng capture"),
    "header cut": (HEADER[:20], ""),
    "version": (wire.pcap_header(version=(9, 1)), "9.1"),
    "pcapng version": (wire.section_header(version=(7, 3)), "7.3"),
    "section header cut": (wire.section_header()[:20], ""),
    "time before 1970": ((FOLDER / "time-before-1970-le.pcapng").read_bytes(), "packet 2: "),
    "link types": ((FOLDER / "link-types-be.pcapng").read_bytes(), "4 link types"),
    "times unknown": ((FOLDER / "time-malformed-le.pcapng").read_bytes(), "if_tsresol has 0 bytes instead of 1"),
}


@pytest.mark.parametrize(("capture", "fact"), REFUSED.values(), ids=REFUSED)
def test_input_that_is_refused_takes_one_sentence(
    capture: bytes, fact: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").write_bytes(capture)
    done = call(capfd, "convert", tmp_path / "in", tmp_path / "out.pcap")
    assert (done.status, done.out) == (1, b"")
    assert done.err.startswith(f"pcapconv: {tmp_path}/in: ")
    assert fact in done.err
    assert done.err.count("\n") == 1
    assert names(tmp_path) == ["in"]


def test_one_that_is_refused_by_the_installed_command_has_no_traceback(tmp_path: Path) -> None:
    done = run("convert", FOLDER / "link-types-le.pcapng", tmp_path / "out.pcap")
    assert done.status == 1
    assert re.fullmatch(
        r"pcapconv: .*link-types-le\.pcapng: the capture holds packets of 4 link types, and a pcap file holds one "
        r"\(ETHERNET \(1\): 2 packets, .*\); pcapng \(--to pcapng\) holds them all, --interface takes "
        r"one, and pcapconv split --by link-type writes a file for each \(with --sidecar, join makes one of them "
        r"again\)\n",
        done.err,
    )


def test_debug_gives_the_traceback(tmp_path: Path) -> None:
    done = run("convert", tmp_path / "none.pcap", tmp_path / "out.pcap", "--debug")
    assert done.status == 1
    assert "Traceback" in done.err
    assert "pcapconv.errors.FileError: " in done.err


WRONG_USAGE = {
    "no command": ([], "Usage: pcapconv"),
    "unknown command": (["transmogrify"], "no such command: transmogrify; pcapconv --help lists the commands"),
    "no arguments": (["convert"], "IN and OUT are missing; write: pcapconv convert IN OUT"),
    "no output": (["convert", "a.pcap"], "OUT is missing; write: pcapconv convert a.pcap OUT"),
    "too many": (["convert", "a.pcap", "b.pcap", "c.pcap"], "too many names: c.pcap; write: pcapconv convert IN OUT; "),
    "unknown option": (
        ["convert", "a.pcap", "b.pcap", "--bogus"],
        "convert has no option --bogus; pcapconv convert --help lists",
    ),
    "unknown format": (["convert", "a.pcap", "b.pcap", "--to", "zip"], "--to zip: must be pcap or pcapng"),
    "unknown on-loss": (
        ["convert", "a.pcap", "b.pcap", "--on-loss", "cry"],
        "--on-loss cry: must be warn, ignore or fail",
    ),
    "option without value": (
        ["convert", "a.pcap", "b.pcap", "--report"],
        "--report: its value is missing; write it as in --report report.json",
    ),
    "nothing to look at": (["info"], "IN is missing; write: pcapconv info IN"),
    "two on stdout": (["convert", str(WEB_PCAPNG), "-", "--to", "pcap", "--report", "-"], "can be only one of"),
    "no suffix on stdout": (["convert", str(WEB_PCAPNG), "-"], "say --to pcap or --to pcapng"),
}


@pytest.mark.parametrize(("arguments", "fact"), WRONG_USAGE.values(), ids=WRONG_USAGE)
def test_wrong_usage_has_status_2(arguments: list[str], fact: str, capfd: pytest.CaptureFixture[str]) -> None:
    done = call(capfd, *arguments)
    assert done.status == 2
    assert fact in done.err + done.out.decode()
    assert "Traceback" not in done.err


@pytest.mark.parametrize("same", ["in.pcapng", "out.pcap"])
def test_a_report_is_never_written_over_a_capture(
    same: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(WEB_PCAPNG, "in.pcapng")
    (tmp_path / "link.json").symlink_to(same)
    for report in (same, tmp_path / same, "link.json"):
        done = call(capfd, "convert", "in.pcapng", "out.pcap", "--force", "--report", report)
        assert (done.status, done.out) == (2, b"")
    assert names(tmp_path) == ["in.pcapng", "link.json"]
    assert Path("in.pcapng").read_bytes() == WEB_PCAPNG.read_bytes()


# ---------------------------------------------------------------- options


@pytest.mark.parametrize(
    ("name", "target_format"),
    [
        ("out.pcap", "pcap"),
        ("out.cap", "pcap"),
        ("out.pcapng", "pcapng"),
        ("out.ntar", "pcapng"),
        ("OUT.PCAPNG", "pcapng"),
        ("a.pcap.pcapng", "pcapng"),
    ],
)
def test_the_suffix_tells_the_format(
    name: str, target_format: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert call(capfd, "convert", WEB_PCAP, tmp_path / name).status == 0
    assert ((tmp_path / name).read_bytes()[:4] == b"\n\r\r\n") == (target_format == "pcapng")


@pytest.mark.parametrize("name", ["out", "out.pcap.gz", "out.json", ".pcap", "out."])
def test_other_suffixes_tell_nothing(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert call(capfd, "convert", WEB_PCAP, tmp_path / name).status == 2
    assert names(tmp_path) == []


@pytest.mark.parametrize("target_format", ["pcap", "pcapng"])
def test_to_overrides_the_suffix(target_format: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name in ("out.pcap", "out.pcapng", "out"):
        out = tmp_path / target_format / name
        out.parent.mkdir(exist_ok=True)
        assert call(capfd, "convert", WEB_PCAP, out, "--to", target_format) == Done(0, b"", "")
        assert (out.read_bytes()[:4] == b"\n\r\r\n") == (target_format == "pcapng")


def test_the_content_tells_the_sources_format(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    misnamed = tmp_path / "really-pcapng.pcap"
    shutil.copy(WEB_PCAPNG, misnamed)
    assert call(capfd, "convert", misnamed, tmp_path / "out.pcapng") == Done(0, b"", "")
    assert (tmp_path / "out.pcapng").read_bytes() == WEB_PCAPNG.read_bytes()


def test_only_force_replaces(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.pcap"
    out.write_bytes(b"old")
    assert call(capfd, "convert", WEB_PCAP, out) == Done(1, b"", said(f"{out}: exists already; --force replaces it"))
    assert out.read_bytes() == b"old"
    assert call(capfd, "convert", WEB_PCAP, out, "--force") == Done(0, b"", "")
    assert out.read_bytes() == WEB_PCAP.read_bytes()


def test_in_place(tmp_path: Path) -> None:
    path = tmp_path / "one.pcap"
    shutil.copy(WEB_PCAP, path)
    assert run("convert", path, path, "--to", "pcapng", "--force") == Done(0, b"", "")
    assert len(wire.read_pcapng(path.read_bytes())) == len(wire.read_pcap(WEB_PCAP.read_bytes()))
    assert names(tmp_path) == ["one.pcap"]


def test_strict_refuses_damage(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cut.pcap").write_bytes(CUT)
    done = call(capfd, "convert", tmp_path / "cut.pcap", tmp_path / "out.pcap", "--strict")
    assert done.status == 1
    assert done.err.startswith(f"pcapconv: {tmp_path}/cut.pcap: offset {len(CUT) - 7} (packet 2): ")
    assert done.err.count("\n") == 1
    assert names(tmp_path) == ["cut.pcap"]


def test_losses_may_be_ignored(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    done = call(capfd, "convert", WEB_PCAPNG, tmp_path / "out.pcap", "--on-loss", "ignore")
    assert done == Done(0, b"", "")
    assert (tmp_path / "out.pcap").exists()


def test_on_loss_fail_writes_what_loses_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    done = call(capfd, "convert", WEB_PCAPNG, tmp_path / "out.pcapng", "--on-loss", "fail")
    assert done == Done(0, b"", "")
    assert (tmp_path / "out.pcapng").read_bytes() == WEB_PCAPNG.read_bytes()


def test_damage_is_said_also_when_losses_are_ignored(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cut.pcapng").write_bytes(WEB_PCAPNG.read_bytes()[:-5])
    done = call(capfd, "convert", tmp_path / "cut.pcapng", tmp_path / "out.pcap", "--on-loss", "ignore", "--quiet")
    assert done.status == 3
    assert done.err.count("\n") == 1
    assert "bytes are left out" in done.err


def test_much_damage_takes_few_lines(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    bad = wire.enhanced_packet(9, 1, b"of no interface") + wire.enhanced_packet(0, 1, b"good")
    (tmp_path / "bad.pcapng").write_bytes(wire.section_header() + wire.interface() + bad * 20)
    done = call(capfd, "convert", tmp_path / "bad.pcapng", tmp_path / "out.pcapng")
    assert done.status == 3
    assert done.err.count("\n") == 6
    assert done.err.endswith("and 15 more like these; --report FILE has them\n")


def test_nanoseconds(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source, out = tmp_path / "micro.pcapng", tmp_path / "out.pcap"
    source.write_bytes(wire.section_header() + wire.interface() + wire.enhanced_packet(0, 1_000_002, b"four"))
    assert call(capfd, "convert", source, out, "--nanoseconds") == Done(0, b"", "")
    assert out.read_bytes() == wire.pcap_header(wire.NANOSECONDS, snaplen=262144) + wire.pcap_record(1, 2000, b"four")


def test_a_name_that_begins_with_a_dash(tmp_path: Path) -> None:
    shutil.copy(WEB_PCAP, tmp_path / "-in.pcap")
    done = subprocess.run([COMMAND, "convert", "--", "-in.pcap", "-out.pcap"], cwd=tmp_path, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert (tmp_path / "-out.pcap").read_bytes() == WEB_PCAP.read_bytes()


# ---------------------------------------------------------------- --report


def test_a_report_has_everything(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out, report = tmp_path / "out.pcap", tmp_path / "report.json"
    assert call(capfd, "convert", WEB_PCAPNG, out, "--report", report).status == 0
    packets = len(wire.read_pcapng(WEB_PCAPNG.read_bytes()))
    assert json.loads(report.read_text()) == {
        "schema": {"name": "pcapconv-report", "version": 1},
        "inputs": [str(WEB_PCAPNG)],
        "outputs": [str(out)],
        "source_format": "pcapng",
        "target_format": "pcap",
        "packets_read": packets,
        "packets_written": packets,
        "other_blocks": {},
        "losses": {"comments": 4, "names": 1, "interface-options": 4, "section-options": 3, "statistics": 1},
        "damage": [],
        "kept_in_sidecar": {},
        "missing_in_sidecar": {},
        "damage_in_sidecar": 0,
        "sidecar_written": None,
        "sidecar_read": None,
        "found_in_sidecar": None,
        "left_out": {},
        "secrets_extracted": None,
        "parts": None,
        "oversized": None,
        "damage_total": 0,
        "warnings": [],
        "warnings_total": 0,
        "put_back": [],
    }


def test_a_report_on_stdout(tmp_path: Path) -> None:
    (tmp_path / "cut.pcap").write_bytes(CUT)
    done = run("convert", tmp_path / "cut.pcap", tmp_path / "out.pcap", "--report", "-")
    assert done.status == 3
    report = json.loads(done.out)
    (damage,) = report["damage"]
    assert (damage["offset"], damage["packet_number"], damage["bytes_left_out"]) == (len(CUT) - 7, 2, 7)
    assert damage["reason"] in done.err
    assert (report["packets_read"], report["packets_written"]) == (1, 1)


def test_a_report_is_written_when_a_loss_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "report.json"
    done = call(capfd, "convert", WEB_PCAPNG, tmp_path / "out.pcap", "--on-loss", "fail", "--report", report)
    assert done.status == 4
    assert names(tmp_path) == ["report.json"]
    assert json.loads(report.read_text())["losses"]["comments"] == 4


def test_no_report_is_written_of_what_failed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    done = call(capfd, "convert", tmp_path / "none", tmp_path / "out.pcap", "--report", tmp_path / "report.json")
    assert done.status == 1
    assert names(tmp_path) == []


def test_an_existing_report_needs_force_too(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "report.json"
    report.write_text("old")
    done = call(capfd, "convert", WEB_PCAP, tmp_path / "out.pcap", "--report", report)
    assert done == Done(1, b"", said(f"{report}: exists already; --force replaces it"))
    assert names(tmp_path) == ["report.json"]
    assert call(capfd, "convert", WEB_PCAP, tmp_path / "out.pcap", "--report", report, "--force").status == 0
    assert json.loads(report.read_text())["losses"] == {}


def test_a_report_where_it_cannot_be_written_comes_first(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "none" / "report.json"
    done = call(capfd, "convert", WEB_PCAP, tmp_path / "out.pcap", "--report", report)
    assert done == Done(1, b"", said(f"{report}: cannot create: no such file or directory"))
    assert names(tmp_path) == []


# ---------------------------------------------------------------- standard streams


def test_stdin_and_stdout_are_pipes(tmp_path: Path) -> None:
    done = run("convert", "-", "-", "--to", "pcapng", stdin=HEADER + MANY)
    assert (done.status, done.err) == (0, "")
    assert [packet.data for packet in wire.read_pcapng(done.out)] == [bytes(984)] * 3000
    back = run("convert", "-", tmp_path / "back.pcap", stdin=done.out)
    assert back == Done(0, b"", "")
    assert (tmp_path / "back.pcap").read_bytes() == HEADER + MANY


def test_stdout_is_called_stdout(tmp_path: Path) -> None:
    done = run("convert", "-", "-", "--to", "pcap", stdin=WEB_PCAPNG.read_bytes())
    assert done.status == 0
    assert done.err.startswith(f"pcapconv: warning: stdout: pcap cannot hold {LOST_OF_WEB}; ")
    assert run("convert", "-", tmp_path / "out.pcap").err == said(
        "stdin: the file is empty, not a pcap or pcapng capture"
    )


@pytest.mark.skipif(shutil.which("tcpdump") is None, reason="tcpdump is not installed")
def test_between_two_tcpdumps() -> None:
    command = f'tcpdump -r "{WEB_PCAP}" -w - | "{COMMAND}" convert - - --to pcapng | tcpdump -ttnr -'
    shown = subprocess.run(["bash", "-o", "pipefail", "-c", command], capture_output=True, text=True, timeout=60)
    assert shown.returncode == 0
    packets = wire.read_pcap(WEB_PCAP.read_bytes())
    times = [line.split()[0] for line in shown.stdout.splitlines() if re.match(r"\d+\.\d{6} ", line)]
    ticks = [packet.ticks or 0 for packet in packets]
    assert times == [f"{each // 10**6}.{each % 10**6:06}" for each in ticks]


@pytest.mark.skipif(shutil.which("tcpdump") is None, reason="tcpdump is not installed")
def test_into_a_program_in_the_place_of_a_file(tmp_path: Path) -> None:
    """The shell turns >(…) into /dev/fd/63; a write to the pipe at the end lets it wait for tcpdump."""
    counted = tmp_path / "counted"
    command = (
        f'exec 3>&1; "{COMMAND}" convert "{WEB_PCAP}" >(tcpdump -nr - > "{counted}"; echo done >&3) --to pcapng 3>&-'
    )
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stdout) == (0, "done\n")
    assert len(counted.read_text().splitlines()) >= len(wire.read_pcap(WEB_PCAP.read_bytes()))


@pytest.mark.parametrize("option", [["--strict"], ["--on-loss", "fail"]])
def test_stdout_stays_empty_when_it_is_refused(option: list[str]) -> None:
    done = run("convert", "-", "-", "--to", "pcap", *option, stdin=WEB_PCAPNG.read_bytes()[:-5])
    assert done.status in (1, 4)
    assert done.out == b""
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("option", [["--strict"], ["--on-loss", "fail"]])
def test_stdout_gets_everything_when_all_is_well(option: list[str]) -> None:
    assert run("convert", "-", "-", "--to", "pcap", *option, stdin=HEADER + MANY) == Done(0, HEADER + MANY, "")


def test_an_interface_that_comes_late_in_a_pipe_needs_an_option(tmp_path: Path) -> None:
    (tmp_path / "late.pcapng").write_bytes(LATE)
    piped = run("convert", "-", tmp_path / "piped.pcap", stdin=LATE)
    assert piped.status == 1
    assert piped.err.endswith(": start again with --nanoseconds\n")
    assert names(tmp_path) == ["late.pcapng"]
    assert run("convert", tmp_path / "late.pcapng", tmp_path / "from-file.pcap").status == 0
    assert run("convert", "-", tmp_path / "piped.pcap", "--nanoseconds", stdin=LATE).status == 0
    assert run("convert", "-", tmp_path / "redirected.pcap", shell=f"<{tmp_path}/late.pcapng").status == 0
    from_file = (tmp_path / "from-file.pcap").read_bytes()
    assert wire.read_pcap(from_file)[1].ticks == 1_000_000_001
    assert (tmp_path / "piped.pcap").read_bytes() == from_file
    assert (tmp_path / "redirected.pcap").read_bytes() == from_file


def test_stdout_that_is_closed_early_is_said(tmp_path: Path) -> None:
    """As by head."""
    path = tmp_path / "many.pcap"
    path.write_bytes(HEADER + MANY)
    with subprocess.Popen(
        [COMMAND, "convert", path, "-", "--to", "pcapng"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        assert process.stdout.read(4) == b"\n\r\r\n"
        process.stdout.close()
        assert process.stderr.read() == b"pcapconv: stdout: cannot write: broken pipe\n"
    assert process.returncode == 1


def nobody_reads() -> int:
    """The writing end of a pipe whose reading end is closed."""
    reading, writing = os.pipe()
    os.close(reading)
    return writing


@pytest.mark.parametrize(
    "arguments",
    [
        ["convert", str(WEB_PCAP), "-", "--to", "pcap"],
        ["info", str(WEB_PCAP)],
        ["--version"],
        ["--help"],
    ],
    ids=["convert", "info", "version", "help"],
)
@pytest.mark.parametrize("full", [False, True], ids=["closed", "full"])
def test_stdout_that_takes_nothing_is_said_without_a_traceback(arguments: list[str], full: bool) -> None:
    if full and not os.path.exists("/dev/full"):
        pytest.skip("there is no /dev/full")
    stdout = os.open("/dev/full", os.O_WRONLY) if full else nobody_reads()
    done = subprocess.run([COMMAND, *arguments], stdout=stdout, stderr=subprocess.PIPE, timeout=60)
    os.close(stdout)
    reason = b"no space left on device" if full else b"broken pipe"
    sentence = b"pcapconv: stdout: cannot write: " + reason + b"\n"
    assert done.returncode == 1
    assert done.stderr == sentence or (not full and arguments[0] != "convert" and done.stderr == b"")


def test_streams_that_are_closed_are_named(tmp_path: Path) -> None:
    assert run("convert", "-", tmp_path / "out.pcap", shell="<&-") == Done(1, b"", said("stdin is closed"))
    assert run("convert", WEB_PCAP, "-", "--to", "pcap", shell=">&-") == Done(1, b"", said("stdout is closed"))
    assert run("info", WEB_PCAP, shell=">&-") == Done(1, b"", said("stdout is closed"))
    assert names(tmp_path) == []


def test_a_conversion_needs_neither_stdout_nor_stderr(tmp_path: Path) -> None:
    """As in some jobs and services."""
    assert run("convert", WEB_PCAPNG, tmp_path / "out.pcap", shell=">&- 2>&- <&-").status == 0
    assert len(wire.read_pcap((tmp_path / "out.pcap").read_bytes())) == len(wire.read_pcapng(WEB_PCAPNG.read_bytes()))
    assert run("convert", tmp_path / "none", tmp_path / "other.pcap", shell="2>&-").status == 1


# ---------------------------------------------------------------- a terminal


def test_a_capture_is_not_written_to_a_terminal() -> None:
    status, seen = on_terminal("stdout", "convert", WEB_PCAP, "-", "--to", "pcap")
    assert (status, seen) == (1, "")


def test_a_terminal_gets_a_closing_line(tmp_path: Path) -> None:
    packets = len(wire.read_pcap(WEB_PCAP.read_bytes()))
    out = tmp_path / "out.pcap"
    assert on_terminal("stderr", "convert", WEB_PCAP, out) == (0, f"{out}: {packets} packets written\n")
    assert on_terminal("stderr", "convert", WEB_PCAP, out, "--force", "--quiet") == (0, "")


def test_long_work_shows_a_bar_that_goes_away(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_BAR_DELAY", -1.0)
    with progress.progress_bar(str(WEB_PCAP), show=True) as update:
        assert update is not None
        update(1000)
    assert capsys.readouterr().out == ""
    with progress.progress_bar(str(WEB_PCAP), show=False) as update:
        assert update is None


# ---------------------------------------------------------------- nothing that a terminal would obey


def test_names_of_files_are_made_safe(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    odd = tmp_path / "red\x1b[31m\nline\x07‮.pcap"
    safe = f"{tmp_path}/red\\x1b[31m\\x0aline\\x07\\u202e.pcap"
    assert run("convert", odd, tmp_path / "out.pcap") == Done(
        1, b"", said(f"{safe}: cannot open: no such file or directory")
    )
    odd.write_bytes(CUT)
    done = call(capfd, "convert", odd, tmp_path / "out.pcap")
    assert done.status == 3
    assert done.err.startswith(f"pcapconv: warning: {safe}: offset ")
    assert done.err.count("\n") == 1
    page = call(capfd, "info", odd)
    assert page.out.decode().startswith(f"{safe}: pcap, ")
    assert controls(page.out.decode()) == set()


def test_names_that_are_not_utf_8_work(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    odd = os.fsencode(tmp_path) + b"/caf\xe9.pcap"
    Path(os.fsdecode(odd)).write_bytes(CUT)
    done = run("convert", odd, os.fsencode(tmp_path) + b"/\xff.pcapng", "--report", "-")
    assert done.status == 3
    assert done.err.startswith(f"pcapconv: warning: {tmp_path}/caf\\xe9.pcap: offset ")
    assert [os.fsencode(each) for each in json.loads(done.out)["inputs"]] == [odd]
    page = call(capfd, "info", os.fsdecode(odd))
    assert page.out.decode().startswith(f"{tmp_path}/caf\\xe9.pcap: pcap, ")


def controls(text: str) -> set[str]:
    """Everything in the text that is not printable, but for line ends."""
    return {mark for mark in text if not mark.isprintable() and mark != "\n"}


@pytest.mark.parametrize("name", ["text-le.pcapng", "text-be.pcapng"])
def test_text_of_a_capture_is_made_safe(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    done = call(capfd, "info", FOLDER / name)
    page = done.out.decode()
    assert (done.status, done.err) == (0, "")
    assert controls(page) == set()
    assert r"bell \x07 escape \x1b[31mred\x1b[0m\x0d\x0anext line\x09tab \x7f" in page
    assert r"comment         packet 1: caf\xe9 \xff\xfe" in page.splitlines()
    assert "comment         section 0: Messung über Nacht: 完了 ✓" in page.splitlines()


def test_text_of_a_capture_is_made_safe_on_a_terminal_too() -> None:
    status, seen = on_terminal("stdout", "info", FOLDER / "text-le.pcapng")
    assert status == 0
    assert controls(re.sub(r"\x1b\[[0-9;]*m", "", seen)) == set()
    assert "\x1b[31m" not in seen
    assert "\x07" not in seen


def test_text_of_a_capture_is_no_markup(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    comment = b"[bold red]not bold[/] [link=file:///etc/passwd]x[/link] :smile: \\[x]"
    capture = wire.section_header(options=wire.options((wire.OPT_COMMENT, comment)))
    (tmp_path / "[red]in.pcapng").write_bytes(capture)
    page = call(capfd, "info", tmp_path / "[red]in.pcapng").out.decode().splitlines()
    assert f"comment         section 0: {comment.decode()}" in page
    assert page[0].startswith(f"{tmp_path}/[red]in.pcapng: pcapng")


def test_a_terminal_that_knows_few_letters_gets_escapes() -> None:
    done = run("info", FOLDER / "text-le.pcapng", PYTHONIOENCODING="ascii")
    assert (done.status, done.err) == (0, "")
    assert r"section 0: Messung \xfcber Nacht: \u5b8c\u4e86 \u2713" in done.out.decode("ascii")


# ---------------------------------------------------------------- info


@pytest.fixture(scope="module")
def web_page() -> str:
    done = run("info", WEB_PCAPNG)
    assert (done.status, done.err) == (0, "")
    return done.out.decode()


def test_info_says_what_a_capture_holds(web_page: str) -> None:
    capture = WEB_PCAPNG.read_bytes()
    packets = wire.read_pcapng(capture)
    captured = sum(packet.captured_length for packet in packets)
    original = sum(packet.original_length for packet in packets)
    lines = web_page.splitlines()
    assert lines[0] == f"{WEB_PCAPNG}: pcapng, little-endian, {len(capture):,} bytes"
    assert lines[1] == f"packets         {len(packets)} ({captured:,} bytes captured of {original:,})"
    assert re.fullmatch(r"0:0 +ETHERNET \(1\) +262,144 +10\^-9 \(1 ns\) +32 +lo", lines[5])
    for line in [
        "interface 0:0   if_description Loopback, if_filter tcp port 80, if_os Linux 6.18.44-fc-v657",
        "blocks          Enhanced Packet 32, Section Header 1, Interface Description 1, Name Resolution 1, "
        "Interface Statistics 1",
        "packet options  opt_comment 2",
        "comment         section 0: A page fetched over HTTP",
        "name            127.0.0.1 web.example",
        f"to pcap         would lose {LOST_OF_WEB}",
    ]:
        assert line in lines
    commented = [number for number, packet in enumerate(packets, 1) if packet.options]
    assert [line.split(":")[0] for line in lines if line.startswith("comment         packet")] == [
        f"comment         packet {number}" for number in commented
    ]


def test_info_says_times_with_all_digits(web_page: str) -> None:
    ticks = [packet.ticks or 0 for packet in wire.read_pcapng(WEB_PCAPNG.read_bytes())]
    (line,) = (line for line in web_page.splitlines() if line.startswith("time"))
    duration = max(ticks) - min(ticks)
    assert re.fullmatch(
        rf"time            \S+\.{min(ticks) % 10**9:09}Z to \S+\.{max(ticks) % 10**9:09}Z "
        rf"\({duration // 10**9}\.{duration % 10**9:09} s\)",
        line,
    )


def test_info_of_a_small_capture_fits_a_terminal() -> None:
    status, seen = on_terminal("stdout", "info", WEB_PCAPNG.name, columns=80, folder=WEB_PCAPNG.parent)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", seen).splitlines()
    assert status == 0
    assert len(lines) <= 24
    assert max(map(len, lines)) <= 80
    assert " ".join("".join(lines).split()).endswith("1 statistics block")


def test_info_of_several_goes_on_after_one_that_cannot_be_read(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text").write_bytes(b"not a capture")
    sources = [WEB_PCAP, tmp_path / "none", tmp_path / "text", WEB_PCAPNG]
    done = call(capfd, "info", *sources)
    assert done.status == 1
    assert [line.split(": ")[0] for line in done.out.decode().splitlines() if "bytes" in line and "endian" in line] == [
        str(WEB_PCAP),
        str(WEB_PCAPNG),
    ]
    assert done.err.splitlines()[0] == f"pcapconv: {tmp_path}/none: cannot open: no such file or directory"
    assert done.err.splitlines()[1].startswith(f"pcapconv: {tmp_path}/text: not a pcap or pcapng capture")
    assert done.err.count("\n") == 2


def test_info_of_damage_has_status_3(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cut.pcap").write_bytes(CUT)
    done = call(capfd, "info", tmp_path / "cut.pcap", WEB_PCAP)
    assert (done.status, done.err) == (3, "")
    assert re.search(
        rf"^damage +offset {len(CUT) - 7} \(packet 2\): .*; 7 bytes are left out$", done.out.decode(), re.M
    )
    assert call(capfd, "info", tmp_path / "cut.pcap", tmp_path / "none").status == 1


def test_info_as_json_is_an_object_for_one(capfd: pytest.CaptureFixture[str]) -> None:
    done = call(capfd, "info", WEB_PCAPNG, "--json")
    assert (done.status, done.err) == (0, "")
    census = json.loads(done.out)
    assert (census["file"], census["format"]) == (str(WEB_PCAPNG), "pcapng")
    assert census["packets"] == len(wire.read_pcapng(WEB_PCAPNG.read_bytes()))
    assert census["names"] == [{"address": "127.0.0.1", "names": ["web.example"]}]
    assert census["totals"]["comments"] == len(census["comments"]) == 4
    assert census["to_pcap"]["losses"]["comments"] == 4


def test_info_as_json_is_a_list_for_several(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    done = call(capfd, "info", "--json", WEB_PCAPNG, tmp_path / "none", WEB_PCAP)
    assert done.status == 1
    assert [census["file"] for census in json.loads(done.out)] == [str(WEB_PCAPNG), str(WEB_PCAP)]
    assert done.err == said(f"{tmp_path}/none: cannot open: no such file or directory")
    done = call(capfd, "info", "--json", tmp_path / "none", tmp_path / "none")
    assert (done.status, json.loads(done.out)) == (1, [])
    done = call(capfd, "info", "--json", tmp_path / "none")
    assert (done.status, done.out) == (1, b"")


def test_info_of_stdin() -> None:
    done = run("info", "-", stdin=WEB_PCAPNG.read_bytes())
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(b"stdin: pcapng, little-endian, ")


def test_info_writes_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shutil.copy(WEB_PCAPNG, tmp_path / "in.pcapng")
    before = (tmp_path / "in.pcapng").stat()
    assert call(capfd, "info", tmp_path / "in.pcapng").status == 0
    assert names(tmp_path) == ["in.pcapng"]
    assert (tmp_path / "in.pcapng").stat().st_mtime_ns == before.st_mtime_ns


def test_info_says_what_convert_says() -> None:
    for path in sorted(FOLDER.glob("*-be.pcapng")):
        to_pcap = take_census(path)["to_pcap"]
        if to_pcap["possible"]:
            assert pcapconv.convert(path, io.BytesIO(), to="pcap").losses == to_pcap["losses"]
        else:
            with pytest.raises(TargetError) as caught:
                pcapconv.convert(path, io.BytesIO(), to="pcap")
            assert str(caught.value) == f"{path}: {to_pcap['reason']}"


# ---------------------------------------------------------------- secrets


def secrets_of(capture: bytes) -> list[bytes]:
    """The content of every secrets block."""
    found = []
    for block in wire.read_blocks(capture):
        if block.block_type == wire.DECRYPTION_SECRETS:
            (length,) = struct.unpack_from(block.byte_order + "I", block.body, 4)
            found.append(block.body[8 : 8 + length])
    return found


def shown_of(secret: bytes, output: str) -> list[bytes]:
    """Every 12 bytes of the secret that can be seen in the output, as text or in hex."""
    plain = output.replace(" ", "").replace(":", "").lower()
    windows = [secret[at : at + 12] for at in range(max(1, len(secret) - 11)) if secret]
    as_text = [each for each in windows if each.isascii() and each.decode().replace(" ", "").lower() in plain]
    return as_text + [each for each in windows if each.hex() in plain]


SECRETIVE = ["tls.pcapng", "secrets-le.pcapng", "secrets-be.pcapng", "no-interface-le.pcapng", "blocks-be.pcapng"]


@pytest.mark.parametrize("name", SECRETIVE)
@pytest.mark.parametrize("option", [[], ["--json"]], ids=["page", "json"])
def test_info_never_shows_a_secret(name: str, option: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    path = FOLDER / name
    done = call(capfd, "info", path, *option)
    secrets = secrets_of(path.read_bytes())
    assert secrets
    assert done.status == 0
    for secret in secrets:
        assert shown_of(secret, done.out.decode() + done.err) == []


def test_info_names_secrets_by_type_and_size(capfd: pytest.CaptureFixture[str]) -> None:
    (secret,) = secrets_of((FOLDER / "tls.pcapng").read_bytes())
    page = call(capfd, "info", FOLDER / "tls.pcapng").out.decode().splitlines()
    assert f"secrets         TLS key log, {len(secret)} bytes" in page


def test_no_message_shows_a_secret_of_a_damaged_capture(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    secret = b"CLIENT_RANDOM 0123456789abcdef fedcba9876543210"
    block = wire.secrets(wire.TLS_KEY_LOG, secret)
    short = wire.block(wire.DECRYPTION_SECRETS, wire.number(wire.TLS_KEY_LOG, 4) + wire.number(9999, 4) + secret + b"x")
    section = wire.section_header() + wire.interface()
    captures = [section + short, section + block[:-6], section + block[:-4] + b"\1\2\3\4" + section, block, secret]
    for capture in captures:
        (tmp_path / "in.pcapng").write_bytes(capture)
        for arguments in (["info"], ["info", "--json"], ["convert", str(tmp_path / "out.pcap"), "--force"]):
            done = call(capfd, arguments[0], tmp_path / "in.pcapng", *arguments[1:])
            shown = shown_of(secret, done.out.decode() + done.err)
            assert shown == [] or (capture == secret and max(map(secret.index, shown)) <= 8)  # the file's first bytes


# ---------------------------------------------------------------- what is imported, what is said about itself


def python(code: str) -> Any:
    """What a new interpreter prints, as JSON. -P: the installed package, not the folder that the tests run in."""
    done = subprocess.run([sys.executable, "-P", "-c", code], check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


HEAVY = (
    '; import json; print(json.dumps([name for name in ("typer", "rich", "pcapng", "numpy") if name in sys.modules]))'
)


def test_version_names_the_kernels() -> None:
    done = run("--version")
    kernels = python("import json; from pcapconv import kernels; print(json.dumps(kernels.choose().NAME))")
    assert kernels in ("compiled", "interpreted")
    version = f"pcapconv {pcapconv.__version__} ({kernels} kernels, Python {sys.version.split()[0]})\n"
    assert done == Done(0, version.encode(), "")


def test_version_follows_the_kernels_that_are_demanded() -> None:
    assert b"(interpreted kernels, " in run("--version", PCAPCONV_KERNELS="interpreted").out
    done = run("--version", PCAPCONV_KERNELS="quantum")
    assert done.status == 2
    assert done.err.count("\n") == 1
    assert done.err.startswith("pcapconv: ")


def test_kernels_that_were_not_built_are_named() -> None:
    code = (
        "import json; from pcapconv import kernels; kernels.__path__ = []\n"  # where the compiled ones would be
        "try: kernels.load('compiled')\n"
        "except Exception as error: print(json.dumps([type(error).__name__, str(error)]))"
    )
    said = (
        "the compiled kernels were not built here: install a C compiler and pcapconv again, or set "
        "PCAPCONV_KERNELS=interpreted"
    )
    assert python(code) == ["UsageError", said]


def test_help_names_the_commands_and_options() -> None:
    assert b"convert" in run("--help").out
    page = run("convert", "--help").out.decode()
    for option in ("--to", "--force", "--strict", "--on-loss", "--report", "--nanoseconds", "--quiet", "--debug"):
        assert option in page


def test_the_library_imports_nothing_heavy() -> None:
    assert python("import sys, pcapconv" + HEAVY) == []


def test_version_imports_nothing_heavy() -> None:
    assert python("import sys; from pcapconv.cli import run; run(['--version'])" + HEAVY) == []


def test_a_conversion_without_options_imports_nothing_heavy(tmp_path: Path) -> None:
    arguments = ["convert", str(WEB_PCAPNG), str(tmp_path / "out.pcap")]
    assert python(f"import sys; from pcapconv.cli import run; run({arguments!r})" + HEAVY) == []


def test_convert_and_open_stay_functions_whatever_is_imported() -> None:
    code = (
        "import importlib, json, pkgutil, pcapconv; "
        "modules = [each.name for each in pkgutil.walk_packages(pcapconv.__path__, 'pcapconv.')]; "
        "[importlib.import_module(name) for name in modules if not name.endswith('.compiled')]; "
        "print(json.dumps([type(pcapconv.convert).__name__, type(pcapconv.open).__name__, len(modules) > 20]))"
    )
    assert python(code) == ["function", "function", True]


def test_every_public_name_is_there() -> None:
    assert [name for name in pcapconv.__all__ if not hasattr(pcapconv, name)] == []


@pytest.mark.parametrize("command", ["convert", "normalize"])
def test_a_capture_without_an_interface_and_pcap(command: str, tmp_path: Path) -> None:
    source, out = tmp_path / "bare.pcapng", tmp_path / "out.pcap"
    source.write_bytes(wire.section_header())
    done = run(command, source, out)
    sentence = "the capture has no interface; the pcap file states Ethernet, since it has to state a link type"
    assert (done.status, done.err) == (0, f"pcapconv: warning: {source}: offset 0: {sentence}\n")
    assert run(command, source, tmp_path / "out.pcapng").err == ""
