"""`pcapconv show` on terminals, and between pipes: at once, and quiet when either end goes."""

import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import wire
from command_line import COMMAND, WEB_PCAPNG, default_signals, ended_at_last, run_command, wait_until_read
from protocols import IP, TCP, ethernet, ipv4, tcp
from terminals import on_terminal, without_colours

from pcapconv.text import display_width

PATIENCE = 20  # seconds until a test fails that would hang
T = 1_795_348_800  # 2026-11-22T12:00:00Z
SYN = ethernet(
    IP, ipv4(TCP, tcp(b"", source=51000, destination=80, flags=2), source="10.0.0.1", destination="10.0.0.2")
)
LINE = "  10.0.0.1:51000 → 10.0.0.2:80     TCP   SYN                      54\n"
FORMS: dict[str, tuple[bytes, Callable[[int], bytes]]] = {
    "pcap": (wire.pcap_header(), lambda number: wire.pcap_record(T + number, 0, SYN)),
    "pcapng": (
        wire.section_header() + wire.interface(),
        lambda number: wire.enhanced_packet(0, (T + number) * 10**6, SYN),
    ),
}


@contextlib.contextmanager
def showing(*arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    process = subprocess.Popen(
        [COMMAND, "show", "-", *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=default_signals,
        env=os.environ | {"PYTHONUTF8": "1"},
    )
    with ended_at_last(process):
        yield process


def write(process: "subprocess.Popen[bytes]", data: bytes) -> None:
    assert process.stdin is not None
    process.stdin.write(data)
    process.stdin.flush()


def printed(process: "subprocess.Popen[bytes]", text: str) -> None:
    """Wait until exactly this has come out."""
    assert process.stdout is not None
    found = b""
    while len(found) < len(text.encode()):
        assert select.select([process.stdout], [], [], PATIENCE)[0], f"only {found!r} came out"
        found += os.read(process.stdout.fileno(), len(text.encode()) - len(found))
    assert found.decode() == text


def end(process: "subprocess.Popen[bytes]") -> tuple[int, bytes, bytes]:
    out, err = process.communicate(timeout=PATIENCE)
    return process.returncode, out, err


@pytest.mark.parametrize("form", FORMS)
def test_lines_of_a_live_pipe_come_at_once(form: str) -> None:
    header, record = FORMS[form]
    with showing() as process:
        write(process, header + record(0) + record(1))
        printed(process, f"2026-11-22 (UTC)\n   1  12:00:00.000000{LINE}   2  12:00:01.000000{LINE}")
        write(process, record(2))
        printed(process, f"   3  12:00:02.000000{LINE}")
        assert end(process) == (0, b"", b"")


def test_the_last_selected_packet_ends_the_reading() -> None:
    header, record = FORMS["pcapng"]
    with showing("--first", "2", "--columns", "number") as process:
        write(process, header + record(0) + record(1) + record(2))
        printed(process, "   1\n   2\n")
        assert process.wait(PATIENCE) == 0


def test_ctrl_c_shows_what_came_and_is_quiet() -> None:
    header, record = FORMS["pcap"]
    with showing("--columns", "number") as process:
        write(process, header + record(0) + record(1))
        printed(process, "   1\n   2\n")
        process.send_signal(signal.SIGINT)
        write(process, record(2))
        assert end(process) == (130, b"   3\n", b"")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_other_signals_are_quiet(number: signal.Signals) -> None:
    header, record = FORMS["pcap"]
    with showing("--columns", "number") as process:
        write(process, header + record(0) + record(1))
        printed(process, "   1\n   2\n")
        process.send_signal(number)
        assert process.wait(PATIENCE) == 128 + number
        assert end(process)[1:] == (b"", b"")


def test_ctrl_c_before_anything_came_is_quiet() -> None:
    with showing() as process:
        write(process, wire.pcap_header()[:4])
        wait_until_read(process)
        process.send_signal(signal.SIGINT)
        status, out, _ = end(process)
        assert (status, out) == (130, b"")


def test_a_reader_that_ends_early() -> None:
    record = wire.pcap_record(T, 0, SYN)
    found = subprocess.run(
        ["bash", "-c", f"{COMMAND} show - | head -n 1; echo ${{PIPESTATUS[0]}}"],
        input=wire.pcap_header() + record * 20_000,
        capture_output=True,
        timeout=60,
    )
    assert (found.stdout, found.stderr) == (b"2026-11-22 (UTC)\n141\n", b"")


# ---------------------------------------------------------------- terminals


@pytest.mark.parametrize("columns", [20, 40, 80, 132])
def test_lines_are_cut_to_the_terminal(columns: int, tmp_path: Path) -> None:
    comments = wire.options((wire.OPT_COMMENT, "日本語のとても長いコメント".encode() * 20))
    request = ethernet(IP, ipv4(TCP, tcp(b"GET /" + b"x" * 200 + b" HTTP/1.1\r\n")))
    blocks = wire.enhanced_packet(0, T * 10**6, SYN, options=comments) + wire.enhanced_packet(0, T * 10**6, request)
    (tmp_path / "a.pcapng").write_bytes(wire.section_header() + wire.interface() + blocks)
    status, seen = on_terminal("stdout", "show", "a.pcapng", columns=columns, folder=tmp_path)
    lines = without_colours(seen).splitlines()
    assert (status, len(lines)) == (0, 3)
    assert max(map(display_width, lines)) <= columns
    if columns >= 80:
        assert lines[1].split("#")[0].split()[-1] == "54"
        assert lines[2].split()[-1] == f"{len(request)}"


@pytest.mark.parametrize(
    ("columns", "expected"), [(1, "…"), (2, "…"), (3, "日…"), (4, "日…"), (5, "日本…"), (6, "日本語")]
)
def test_a_wide_character_that_does_not_fit_is_left_out(columns: int, expected: str, tmp_path: Path) -> None:
    interface = wire.interface(options=wire.options((wire.IF_NAME, "日本語".encode())))
    (tmp_path / "a.pcapng").write_bytes(wire.section_header() + interface + wire.enhanced_packet(0, T * 10**6, SYN))
    arguments = ("show", "a.pcapng", "--columns", "interface")
    _, seen = on_terminal("stdout", *arguments, columns=columns, folder=tmp_path)
    assert without_colours(seen).split() == [expected]


def test_colours() -> None:
    status, seen = on_terminal("stdout", "show", WEB_PCAPNG, "--packets", "4", columns=100)
    assert (status, "\x1b[36mHTTP\x1b[0m" in seen, "\x1b[1m2026-11-22 (UTC)\x1b[0m" in seen) == (0, True, True)
    plain = on_terminal("stdout", "show", WEB_PCAPNG, "--packets", "4", columns=100, environment={"NO_COLOR": "1"})[1]
    assert plain == without_colours(seen)
    assert run_command("show", WEB_PCAPNG, "--packets", "4").out.decode() == plain


def test_control_characters_of_packets_never_reach_the_terminal(tmp_path: Path) -> None:
    harm = b"\x1b]0;title\7\x9b31m\xe2\x80\xae\r\n"
    name = wire.names(wire.ipv4_name("10.0.0.1", "\x1b[2J\x9b"))
    interfaces = wire.interface(options=wire.options((wire.IF_NAME, harm))) + wire.interface()
    packets = [SYN, ethernet(IP, ipv4(TCP, tcp(b"GET /" + harm, source=1)))]
    blocks = [
        wire.enhanced_packet(0, T * 10**6, each, options=wire.options((wire.OPT_COMMENT, harm))) for each in packets
    ]
    (tmp_path / "a.pcapng").write_bytes(wire.section_header() + interfaces + name + b"".join(blocks))
    for more in ((), ("--json",), ("--csv",), ("-x",), ("--columns", "essence,interface,comments,data")):
        arguments = ("show", "a.pcapng", "--names", *more)
        _, seen = on_terminal("stdout", *arguments, columns=400, folder=tmp_path)
        text = without_colours(seen).replace("\n", "")
        assert text.isprintable(), more
        assert "title" in text or more == ("-x",)


def test_a_stdout_of_another_encoding() -> None:
    found = run_command("show", WEB_PCAPNG, "--packets", "1", PYTHONIOENCODING="ascii")
    assert (found.status, found.err) == (0, "")
    assert b"\\u2192" in found.out


def test_a_closed_stdout() -> None:
    found = run_command("show", WEB_PCAPNG, shell=">&-")
    assert (found.status, found.err) == (1, "pcapconv: stdout is closed\n")


def test_stdout_that_is_full() -> None:
    if sys.platform != "linux":
        pytest.skip("no /dev/full")
    found = run_command("show", WEB_PCAPNG, shell=">/dev/full")
    assert (found.status, found.out) == (1, b"")
    assert found.err.startswith("pcapconv: stdout: cannot write: ")
