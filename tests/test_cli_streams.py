"""The command: standard streams, terminals, and control characters, which are escaped."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest
import wire
from command_line import (
    COMMAND,
    CUT,
    FOLDER,
    HEADER,
    LOST_OF_WEB,
    WEB_PCAP,
    WEB_PCAPNG,
    CommandResult,
    error_lines,
    run_command,
    run_in_process,
)
from command_line import signals_stay_as_they_were as signals_stay_as_they_were
from folders import file_names
from terminals import on_terminal

from pcapconv.cli import progress

MANY = wire.pcap_record(1, 2, bytes(984)) * 3000
LATE = (  # an interface in nanoseconds, declared after packets in microseconds
    wire.section_header()
    + wire.interface()
    + wire.enhanced_packet(0, 1_000_001, b"first")
    + wire.interface(options=wire.options((wire.IF_TSRESOL, b"\t")))
    + wire.enhanced_packet(1, 1_000_000_001, b"second")
)


# ---------------------------------------------------------------- standard streams


def test_stdin_and_stdout_are_pipes(tmp_path: Path) -> None:
    done = run_command("convert", "-", "-", "--to", "pcapng", stdin=HEADER + MANY)
    assert (done.status, done.err) == (0, "")
    assert [packet.data for packet in wire.read_pcapng(done.out)] == [bytes(984)] * 3000
    back = run_command("convert", "-", tmp_path / "back.pcap", stdin=done.out)
    assert back == CommandResult(0, b"", "")
    assert (tmp_path / "back.pcap").read_bytes() == HEADER + MANY


def test_stdout_is_called_stdout(tmp_path: Path) -> None:
    done = run_command("convert", "-", "-", "--to", "pcap", stdin=WEB_PCAPNG.read_bytes())
    assert done.status == 0
    assert done.err.startswith(f"pcapconv: warning: stdout: pcap cannot hold {LOST_OF_WEB}; ")
    assert run_command("convert", "-", tmp_path / "out.pcap").err == error_lines(
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
    done = run_command("convert", "-", "-", "--to", "pcap", *option, stdin=WEB_PCAPNG.read_bytes()[:-5])
    assert done.status in (1, 4)
    assert done.out == b""
    assert done.err.count("\n") == 1


@pytest.mark.parametrize("option", [["--strict"], ["--on-loss", "fail"]])
def test_stdout_gets_everything_when_all_is_well(option: list[str]) -> None:
    assert run_command("convert", "-", "-", "--to", "pcap", *option, stdin=HEADER + MANY) == CommandResult(
        0, HEADER + MANY, ""
    )


def test_an_interface_that_comes_late_in_a_pipe_needs_an_option(tmp_path: Path) -> None:
    (tmp_path / "late.pcapng").write_bytes(LATE)
    piped = run_command("convert", "-", tmp_path / "piped.pcap", stdin=LATE)
    assert piped.status == 1
    assert piped.err.endswith(": start again with --nanoseconds\n")
    assert file_names(tmp_path) == ["late.pcapng"]
    assert run_command("convert", tmp_path / "late.pcapng", tmp_path / "from-file.pcap").status == 0
    assert run_command("convert", "-", tmp_path / "piped.pcap", "--nanoseconds", stdin=LATE).status == 0
    assert run_command("convert", "-", tmp_path / "redirected.pcap", shell=f"<{tmp_path}/late.pcapng").status == 0
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
    if not full and arguments[0] != "convert":  # text
        assert (done.returncode, done.stderr) == (141, b"")
        return
    reason = b"no space left on device" if full else b"broken pipe"
    assert (done.returncode, done.stderr) == (1, b"pcapconv: stdout: cannot write: " + reason + b"\n")


@pytest.mark.parametrize(
    "arguments",
    [
        ["info", WEB_PCAP, WEB_PCAPNG],
        ["info", WEB_PCAP, WEB_PCAPNG, "--json"],
        ["info", WEB_PCAP, WEB_PCAPNG, "--text"],
        ["diff", WEB_PCAP, WEB_PCAPNG],
        ["diff", WEB_PCAP, WEB_PCAPNG, "--json"],
        ["normalize", "--check", WEB_PCAP, "--json", "--on-loss", "ignore"],
        ["convert", WEB_PCAP, "out.pcapng", "--report", "-"],
        ["batch", WEB_PCAP, "out", "--report", "-", "--quiet"],
        ["batch", WEB_PCAP, "out", "--junit", "-", "--quiet"],
    ],
    ids=lambda arguments: "-".join(word.removeprefix("--") for word in map(str, arguments) if "/" not in word),
)
def test_text_for_a_reader_that_is_gone_ends_the_command_silently(arguments: list[str | Path], tmp_path: Path) -> None:
    stdout = nobody_reads()
    done = subprocess.run([COMMAND, *arguments], stdout=stdout, stderr=subprocess.PIPE, timeout=60, cwd=tmp_path)
    os.close(stdout)
    lines = [line for line in done.stderr.splitlines() if b"not in its normal form" not in line]
    assert (done.returncode, lines) == (141, [])


def test_streams_that_are_closed_are_named(tmp_path: Path) -> None:
    assert run_command("convert", "-", tmp_path / "out.pcap", shell="<&-") == CommandResult(
        1, b"", error_lines("stdin is closed")
    )
    assert run_command("convert", WEB_PCAP, "-", "--to", "pcap", shell=">&-") == CommandResult(
        1, b"", error_lines("stdout is closed")
    )
    assert run_command("info", WEB_PCAP, shell=">&-") == CommandResult(1, b"", error_lines("stdout is closed"))
    assert file_names(tmp_path) == []


def test_a_conversion_needs_neither_stdout_nor_stderr(tmp_path: Path) -> None:
    """As in some jobs and services."""
    assert run_command("convert", WEB_PCAPNG, tmp_path / "out.pcap", shell=">&- 2>&- <&-").status == 0
    assert len(wire.read_pcap((tmp_path / "out.pcap").read_bytes())) == len(wire.read_pcapng(WEB_PCAPNG.read_bytes()))
    assert run_command("convert", tmp_path / "none", tmp_path / "other.pcap", shell="2>&-").status == 1


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
    with progress.progress_bar([str(WEB_PCAP)], show=True) as update:
        assert update is not None
        update(1000)
    assert capsys.readouterr().out == ""
    with progress.progress_bar([str(WEB_PCAP)], show=False) as update:
        assert update is None


# ---------------------------------------------------------------- nothing that a terminal would obey


def test_names_of_files_are_made_safe(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    odd = tmp_path / "red\x1b[31m\nline\x07‮.pcap"
    safe = f"{tmp_path}/red\\x1b[31m\\x0aline\\x07\\u202e.pcap"
    assert run_command("convert", odd, tmp_path / "out.pcap") == CommandResult(
        1, b"", error_lines(f"{safe}: cannot open: no such file or directory")
    )
    odd.write_bytes(CUT)
    done = run_in_process(capfd, "convert", odd, tmp_path / "out.pcap")
    assert done.status == 3
    assert done.err.startswith(f"pcapconv: warning: {safe}: offset ")
    assert done.err.count("\n") == 1
    page = run_in_process(capfd, "info", odd)
    assert page.out.decode().startswith(f"{safe}: pcap, ")
    assert controls(page.out.decode()) == set()


def test_names_that_are_not_utf_8_work(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    odd = os.fsencode(tmp_path) + b"/caf\xe9.pcap"
    Path(os.fsdecode(odd)).write_bytes(CUT)
    done = run_command("convert", odd, os.fsencode(tmp_path) + b"/\xff.pcapng", "--report", "-")
    assert done.status == 3
    assert done.err.startswith(f"pcapconv: warning: {tmp_path}/caf\\xe9.pcap: offset ")
    assert [os.fsencode(each) for each in json.loads(done.out)["inputs"]] == [odd]
    page = run_in_process(capfd, "info", os.fsdecode(odd))
    assert page.out.decode().startswith(f"{tmp_path}/caf\\xe9.pcap: pcap, ")


def controls(text: str) -> set[str]:
    """Everything in the text that is not printable, but for line ends."""
    return {mark for mark in text if not mark.isprintable() and mark != "\n"}


@pytest.mark.parametrize("name", ["text-le.pcapng", "text-be.pcapng"])
def test_text_of_a_capture_is_made_safe(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    done = run_in_process(capfd, "info", FOLDER / name)
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
    page = run_in_process(capfd, "info", tmp_path / "[red]in.pcapng").out.decode().splitlines()
    assert f"comment         section 0: {comment.decode()}" in page
    assert page[0].startswith(f"{tmp_path}/[red]in.pcapng: pcapng")


def test_a_terminal_that_knows_few_letters_gets_escapes() -> None:
    done = run_command("info", FOLDER / "text-le.pcapng", PYTHONIOENCODING="ascii")
    assert (done.status, done.err) == (0, "")
    assert r"section 0: Messung \xfcber Nacht: \u5b8c\u4e86 \u2713" in done.out.decode("ascii")
