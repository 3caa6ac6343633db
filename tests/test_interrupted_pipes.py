"""Ctrl-C while `convert` or `split` reads a pipe: the capture ends with what came so far, and the output is finished.

The other signals, and other inputs, are in `test_kill.py`.
"""

import contextlib
import gzip
import io
import json
import os
import pty
import select
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wire
from command_line import COMMAND, default_signals, ended_at_last, wait_for_handlers, wait_until_read
from folders import file_names

import pcapconv
from pcapconv.io import interruption
from pcapconv.io.interruption import Interruption

PATIENCE = 20  # seconds until a test fails that would hang
T = 1_700_000_000
HEADER = wire.pcap_header()
ONE, TWO, THREE = (wire.pcap_record(T + at, at, b"no other variant of pcap has this") for at in range(3))
PCAPNG = wire.section_header() + wire.interface()
BLOCK = wire.enhanced_packet(0, T * 10**6, b"packet")
GAVE_UP = "pcapconv: interrupted before it was done: an unfinished output file was not kept\n"
WITHOUT_A_FILE = "pcapconv: interrupted before it was done\n"


def finished(target: str | Path, packets: str) -> str:
    return f"pcapconv: {target}: {packets} written; interrupted, so the capture ends with what came until then\n"


class Reading:
    """The command, which has read what was written to its stdin, and waits for more."""

    def __init__(self, process: "subprocess.Popen[bytes]") -> None:
        self.process = process

    def write(self, data: bytes) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(data)
        self.process.stdin.flush()

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()

    def interrupt(self, number: signal.Signals = signal.SIGINT) -> None:
        assert self.process.poll() is None
        self.process.send_signal(number)

    def end(self) -> tuple[int, str]:
        """The status, and what stderr has."""
        assert self.process.stderr is not None
        status = self.process.wait(PATIENCE)
        return status, self.process.stderr.read().decode()


@contextlib.contextmanager
def reading(*arguments: str | Path, begin: bytes = HEADER + ONE) -> Iterator[Reading]:
    """The command reads `begin` from a pipe, which is known when its output, a second pipe, has some of it."""
    process = subprocess.Popen(
        [COMMAND, *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        preexec_fn=default_signals,
    )
    started = Reading(process)
    with ended_at_last(process):
        started.write(begin)
        yield started


# ---------------------------------------------------------------- what came is kept


def test_the_output_is_finished_when_the_writer_closes_the_pipe(tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    with reading("convert", "-", out) as command:
        wait_until_read(command.process)
        command.interrupt()
        command.write(TWO)  # as tcpdump does
        assert file_names(tmp_path) == []
        command.close()
        assert command.end() == (130, finished(out, "2 packets"))
    assert out.read_bytes() == HEADER + ONE + TWO


def test_it_is_finished_though_the_writer_does_not_close_the_pipe(tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    with reading("convert", "-", out) as command:
        wait_until_read(command.process)
        command.interrupt()
        assert command.end() == (130, finished(out, "1 packet"))
    assert out.read_bytes() == HEADER + ONE


def test_a_writer_that_never_stops_is_left(tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    with reading("convert", "-", out) as command:
        wait_until_read(command.process)
        command.interrupt()
        with contextlib.suppress(BrokenPipeError):
            while True:
                command.write(TWO)
        status, message = command.end()
    count = (len(out.read_bytes()) - len(HEADER)) // len(ONE)
    assert (status, message) == (130, finished(out, f"{count:,} packets"))


@pytest.mark.parametrize("cut", [1, 8, 16, 17, len(ONE) - 1])
def test_a_part_of_a_packet_is_no_damage(cut: int, tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    with reading("convert", "-", out, begin=HEADER + ONE + TWO[:cut]) as command:
        wait_until_read(command.process)
        command.interrupt()
        command.close()
        assert command.end() == (130, finished(out, "1 packet"))
    assert out.read_bytes() == HEADER + ONE


@pytest.mark.parametrize("cut", [1, 8, 12, len(BLOCK) - 1])
def test_a_part_of_a_block_is_no_damage(cut: int, tmp_path: Path) -> None:
    out = tmp_path / "out.pcapng"
    with reading("convert", "-", out, begin=PCAPNG + BLOCK + BLOCK[:cut]) as command:
        wait_until_read(command.process)
        command.interrupt()
        command.close()
        assert command.end() == (130, finished(out, "1 packet"))
    assert out.read_bytes() == PCAPNG + BLOCK


def test_compressed_data_that_was_cut_off_is_no_damage(tmp_path: Path) -> None:
    out, data = tmp_path / "out.pcap", gzip.compress(HEADER + ONE + TWO, mtime=0)
    with reading("convert", "-", out, begin=gzip.compress(HEADER + ONE) + data[:12]) as command:
        wait_until_read(command.process)
        command.interrupt()
        command.close()
        assert command.end() == (130, finished(out, "1 packet"))
    assert out.read_bytes() == HEADER + ONE


def test_damage_before_it_stays_damage(tmp_path: Path) -> None:
    out = tmp_path / "out.pcapng"
    broken = BLOCK[:20] + b"\xff\xff" + BLOCK[22:]  # a captured length for which the block has no room
    with reading("convert", "-", out, begin=PCAPNG + broken + BLOCK) as command:
        wait_until_read(command.process)
        command.interrupt()
        command.close()
        status, message = command.end()
    assert (status, "captured length" in message, message.endswith(finished(out, "1 packet"))) == (130, True, True)


def corrupt(data: bytes, at: int) -> bytes:
    """The data with another byte at an offset, which may count from the end."""
    changed = bytearray(data)
    changed[at] ^= 0xFF
    return bytes(changed)


PACKED = gzip.compress(HEADER + ONE + TWO, mtime=0)
DAMAGED_DATA = {
    "checksum": corrupt(PACKED, -5),
    "garbage": PACKED + b"garbage",
    "member": PACKED + corrupt(PACKED, 10),  # the type of a deflate block
}


@pytest.mark.parametrize("strict", [False, True], ids=["", "strict"])
@pytest.mark.parametrize("spooled", [False, True], ids=["", "last"])
@pytest.mark.parametrize("name", DAMAGED_DATA)
def test_damage_of_compressed_data_stays_damage(name: str, spooled: bool, strict: bool, tmp_path: Path) -> None:
    """Only what is cut off may be the work of Ctrl-C, also if the writer does not close the pipe."""
    out = tmp_path / "out.pcap"
    options = ["--last", "2"] * spooled + ["--strict"] * strict
    with reading("convert", "-", out, *options, begin=DAMAGED_DATA[name]) as command:
        wait_until_read(command.process)
        command.interrupt()
        if spooled or strict:
            command.close()
        status, message = command.end()
    damage = "gzip data" in message.split("\n")[0]
    assert (status, damage, out.exists()) == (130, True, not strict)
    assert message.endswith(GAVE_UP if strict else finished(out, "2 packets"))


@pytest.mark.parametrize("arguments", [[], ["--last", "1"]], ids=["", "last"])
def test_a_part_of_a_packet_before_corrupt_data_is_damage(arguments: list[str], tmp_path: Path) -> None:
    out, part = tmp_path / "out.pcap", gzip.compress(HEADER + ONE + TWO[:20], mtime=0)
    with reading("convert", "-", out, *arguments, begin=part + b"garbage") as command:
        wait_until_read(command.process)
        command.interrupt()
        command.close()
        status, message = command.end()
    wrong = f"offset {len(HEADER + ONE)} (packet 2): the record has {len(TWO)} bytes, but 20 are left"
    assert (status, wrong in message, "no gzip data" in message) == (130, True, True)
    assert message.endswith(finished(out, "1 packet"))


def test_a_sidecar_of_corrupt_data_has_its_damage(tmp_path: Path) -> None:
    out, part = tmp_path / "out.pcap", gzip.compress(PCAPNG + BLOCK + BLOCK[:-1], mtime=0)
    with reading("convert", "-", out, "--sidecar", begin=part + b"garbage") as command:
        wait_until_read(command.process)
        command.interrupt()
        command.close()
        status, message = command.end()
    assert (status, "cut off or corrupt" in message, "no gzip data" in message) == (130, True, True)


@pytest.mark.parametrize("cut", [3, 12], ids=str)
def test_compressed_data_of_which_nothing_can_be_decompressed_yet(cut: int, tmp_path: Path) -> None:
    """It ends after two seconds, too, though the writer goes on."""
    with reading("convert", "-", tmp_path / "out.pcap", begin=PACKED[:cut]) as command:
        wait_for_handlers(command.process.pid)
        wait_until_read(command.process)
        time.sleep(0.3)
        command.interrupt()
        status, message = command.end()
    assert (status, message.endswith(GAVE_UP), file_names(tmp_path)) == (130, True, [])


def test_the_report_says_so(tmp_path: Path) -> None:
    with reading("convert", "-", tmp_path / "out.pcap", "--report", tmp_path / "report.json") as command:
        wait_until_read(command.process)
        command.interrupt()
        command.close()
        assert command.end()[0] == 130
    assert json.loads((tmp_path / "report.json").read_text())["interrupted"] is True


def test_a_pipe_that_waits_in_a_temporary_file(tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    with reading("convert", "-", out, "--last", "1", begin=HEADER + ONE + TWO + THREE[:9]) as command:
        wait_until_read(command.process)
        command.interrupt()
        command.close()
        assert command.end() == (130, finished(out, "1 packet"))
    assert out.read_bytes() == HEADER + TWO


@pytest.mark.parametrize("cut", [1, 8, 12, len(BLOCK) - 1])
def test_a_block_of_which_a_part_came_into_a_temporary_file(cut: int, tmp_path: Path) -> None:
    out = tmp_path / "out.pcapng"
    with reading("convert", "-", out, "--last", "1", begin=PCAPNG + BLOCK + BLOCK[:cut]) as command:
        wait_until_read(command.process)
        command.interrupt()
        command.close()
        assert command.end() == (130, finished(out, "1 packet"))
    assert out.read_bytes() == PCAPNG + BLOCK


@pytest.mark.parametrize(
    "spooling", [["--last", "3"], ["--interface", "0"], ["--sidecar"]], ids=lambda each: each[0][2:]
)
def test_a_block_of_which_a_part_came_is_no_damage_with_strict(spooling: list[str], tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    with reading("convert", "-", out, "--strict", *spooling, begin=PCAPNG + BLOCK + BLOCK[:-1]) as command:
        wait_until_read(command.process)
        command.interrupt()
        command.close()
        status, messages = command.end()
    assert (status, messages.endswith(finished(out, "1 packet")), "offset" in messages) == (130, True, False)


def test_parts_with_a_sidecar_are_no_damage_with_strict(tmp_path: Path) -> None:
    template = tmp_path / "{index}.pcap"
    options = ["--by", "link-type", "--sidecar", "--strict"]
    with reading("split", "-", template, *options, begin=PCAPNG + BLOCK + BLOCK[:-1]) as command:
        wait_until_read(command.process)
        command.interrupt()
        command.close()
        status, messages = command.end()
    assert (status, "1 packet written into 1 part; interrupted" in messages, "offset" in messages) == (130, True, False)


@pytest.mark.parametrize(
    "begin", [PCAPNG + BLOCK + BLOCK[:-1], gzip.compress(PCAPNG + BLOCK + BLOCK[:-1])[:-4]], ids=["plain", "gzip"]
)
def test_a_sidecar_of_a_capture_that_was_cut_off(begin: bytes, tmp_path: Path) -> None:
    """What the pipe gave is decompressed into a temporary file before it is read."""
    out = tmp_path / "out.pcap"
    with reading("convert", "-", out, "--sidecar", begin=begin) as command:
        wait_until_read(command.process)
        command.interrupt()
        command.close()
        status, messages = command.end()
    assert (status, messages.endswith(finished(out, "1 packet")), "offset" in messages) == (130, True, False)
    assert out.read_bytes() == wire.pcap_header(snaplen=262144) + wire.pcap_record(T, 0, b"packet")


def test_the_parts_of_a_split(tmp_path: Path) -> None:
    template = tmp_path / "{index}.pcap"
    with reading("split", "-", template, "--max-packets", "2", begin=HEADER + ONE + TWO + THREE) as command:
        wait_until_read(command.process)
        command.interrupt()
        command.close()
        status, message = command.end()
    assert (status, message) == (130, finished(template, "3 packets").replace("written", "written into 2 parts"))
    assert len(file_names(tmp_path)) == 2


def test_a_pipeline(tmp_path: Path) -> None:
    with reading("convert", "-", "-", "--to", "pcap") as command:
        wait_until_read(command.process)
        command.interrupt()
        command.write(TWO)
        command.close()
        assert command.end() == (130, finished("stdout", "2 packets"))
        assert command.process.stdout is not None
        assert command.process.stdout.read() == HEADER + ONE + TWO
    assert file_names(tmp_path) == []


def test_a_pipeline_whose_reader_has_ended_too() -> None:
    with reading("convert", "-", "-", "--to", "pcap") as command:
        wait_until_read(command.process)
        assert command.process.stdout is not None
        command.process.stdout.close()
        command.interrupt()
        command.write(TWO)
        command.close()
        assert command.end() == (130, WITHOUT_A_FILE)


# ---------------------------------------------------------------- giving up


def test_a_second_one_gives_up(tmp_path: Path) -> None:
    with reading("convert", "-", tmp_path / "out.pcap") as command:
        wait_until_read(command.process)
        while command.process.poll() is None:  # one that comes too soon after another is no second one
            command.process.send_signal(signal.SIGINT)
            time.sleep(0.05)
        assert command.end() == (130, GAVE_UP)
    assert file_names(tmp_path) == []


def test_a_signal_of_another_kind_gives_up_at_once(tmp_path: Path) -> None:
    with reading("convert", "-", tmp_path / "out.pcap") as command:
        wait_until_read(command.process)
        time.sleep(0.3)  # until it has begun the output
        command.interrupt()
        command.interrupt(signal.SIGTERM)
        assert command.end() == (143, GAVE_UP)
    assert file_names(tmp_path) == []


def wait_for_output(process: "subprocess.Popen[bytes]") -> None:
    assert process.stdout is not None
    assert select.select([process.stdout], [], [], PATIENCE)[0]


def test_the_first_one_gives_up_when_the_pipe_has_ended() -> None:
    """All was read before the first byte was written; then nobody reads the output."""
    begin = HEADER + ONE * 10_000
    with reading("convert", "-", "-", "--to", "pcap", "--last", "10000", begin=begin) as command:
        command.close()
        wait_for_output(command.process)
        began = time.monotonic()
        command.interrupt()
        assert command.end() == (130, WITHOUT_A_FILE)
        assert time.monotonic() - began < interruption.PATIENCE


@pytest.mark.parametrize("options", [[], ["--compress", "gzip"]], ids=["plain", "gzip"])
def test_one_gives_up_if_nobody_reads_the_output(options: list[str]) -> None:
    """The pipe to which the command writes is full, and the pipe that it reads goes on."""
    data = os.urandom(1000)  # which cannot be compressed
    with reading("convert", "-", "-", "--to", "pcap", *options) as command:
        assert command.process.stdin is not None
        os.set_blocking(command.process.stdin.fileno(), False)
        full = 0.0
        while not full or time.monotonic() - full < 0.5:  # until it has taken nothing for half a second
            try:
                os.write(command.process.stdin.fileno(), wire.pcap_record(T, 0, data))
                full = 0.0
            except BlockingIOError:
                full = full or time.monotonic()
                time.sleep(0.01)
        began = time.monotonic()
        command.interrupt()
        assert command.end() == (130, WITHOUT_A_FILE)
        assert interruption.PATIENCE <= time.monotonic() - began < interruption.PATIENCE + 3


def test_a_reader_of_the_output_that_takes_its_time_gets_all() -> None:
    """It begins to read within the two seconds."""
    begin = HEADER + ONE * 10_000
    with reading("convert", "-", "-", "--to", "pcap", begin=begin) as command:
        wait_for_output(command.process)
        wait_until_read(command.process)
        command.interrupt()
        command.close()
        time.sleep(1)
        assert command.process.stdout is not None
        assert command.process.stdout.read() == begin
        assert command.end() == (130, finished("stdout", "10,000 packets"))


@pytest.mark.parametrize(("options", "message"), [([], GAVE_UP), (["--last", "1"], WITHOUT_A_FILE)], ids=["", "last"])
def test_no_byte_came(options: list[str], message: str, tmp_path: Path) -> None:
    """The capturing program may write all its packets only now; here it does not, and does not end. With `--last`, the
    output is opened only when all was read."""
    with reading("convert", "-", tmp_path / "out.pcap", *options, begin=b"") as command:
        wait_for_handlers(command.process.pid)
        time.sleep(0.5)  # nothing tells that it waits for its first bytes
        began = time.monotonic()
        command.interrupt()
        assert command.end() == (130, message)
        assert time.monotonic() - began < interruption.PATIENCE
    assert file_names(tmp_path) == []


def test_the_first_bytes_come_only_then(tmp_path: Path) -> None:
    """As from tcpdump without -U, if it has captured little."""
    out = tmp_path / "out.pcap"
    with reading("convert", "-", out, begin=b"") as command:
        wait_for_handlers(command.process.pid)
        time.sleep(0.5)
        command.interrupt()
        command.write(HEADER + ONE)
        command.close()
        assert command.end() == (130, finished(out, "1 packet"))
    assert out.read_bytes() == HEADER + ONE


@pytest.mark.parametrize("begin", [b"", HEADER[:9]], ids=["nothing", "part-of-a-header"])
def test_nothing_to_finish(begin: bytes, tmp_path: Path) -> None:
    with reading("convert", "-", tmp_path / "out.pcap", begin=begin) as command:
        wait_for_handlers(command.process.pid)
        wait_until_read(command.process)
        time.sleep(0.3)  # nothing tells that it waits for its first bytes
        command.interrupt()
        command.close()
        status, message = command.end()
    assert (status, message.endswith(GAVE_UP)) == (130, True)
    assert file_names(tmp_path) == []


# ---------------------------------------------------------------- what takes the signal


def test_only_a_pipe_is_ended() -> None:
    """A file has its end in itself."""
    seen: list[bool] = []
    with interruption.finish_when_interrupted() as request:
        pcapconv.convert(
            io.BytesIO(HEADER + ONE), io.BytesIO(), to="pcap", progress=lambda _: seen.append(request.taken)
        )
        assert (seen, request.request(), request.requested) == ([False], False, False)


class Seeing(io.BytesIO):
    """An output that notes at each write whether Ctrl-C would end the pipe."""

    def __init__(self, request: Interruption) -> None:
        super().__init__()
        self.request = request
        self.taken: list[bool] = []

    def write(self, data: Any) -> int:
        self.taken.append(self.request.taken)
        return super().write(data)


def test_a_pipe_that_has_ended_is_not_ended_again() -> None:
    """What is written then is no reason to wait for."""
    read, write = os.pipe()
    os.write(write, HEADER + ONE)
    os.close(write)
    seen: list[bool] = []
    with interruption.finish_when_interrupted() as request, open(read, "rb", buffering=0) as pipe:
        target = Seeing(request)
        pcapconv.convert(pipe, target, to="pcap", progress=lambda _: seen.append(request.taken))
    assert (seen, target.getvalue(), set(target.taken)) == ([True], HEADER + ONE, {False})


def test_a_program_that_uses_the_library_is_interrupted_as_usual() -> None:
    assert interruption.current() is None


def test_one_request_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [5.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    request = Interruption()
    assert not request.request()
    request.begin_reading()
    request.bytes_came = True
    assert not request.expired
    assert request.request()
    assert (request.requested, request.expired) == (True, False)
    assert not request.request()
    with request.writing_to_pipe():
        now[0] += interruption.PATIENCE / 2
        assert (request.expired, request.stuck) == (False, False)
        now[0] += interruption.PATIENCE / 2
        assert (request.expired, request.stuck) == (True, True)
    assert not request.stuck


# ---------------------------------------------------------------- at the keyboard

CAPTURING = """
import fcntl, os, pathlib, signal, termios, time
def end(*_):
    os.write(1, pathlib.Path("end").read_bytes())
    os._exit(0)
signal.signal(signal.SIGINT, end)
os.write(1, pathlib.Path("begin").read_bytes())
while fcntl.ioctl(1, termios.FIONREAD, bytes(4)) != bytes(4):
    time.sleep(0.01)
pathlib.Path("first").touch()
time.sleep(60)
"""


def test_ctrl_c_at_a_terminal_ends_the_pipeline_and_leaves_the_capture(tmp_path: Path) -> None:
    """The capturing program writes its last packets only then, as tcpdump does."""
    out, script, first = tmp_path / "live.pcap", tmp_path / "capturing.py", tmp_path / "first"
    script.write_text(CAPTURING)
    (tmp_path / "begin").write_bytes(HEADER + ONE)
    (tmp_path / "end").write_bytes(TWO)
    line = f"{sys.executable} capturing.py | {COMMAND} convert - live.pcap; echo status $? done"
    pid, terminal = pty.fork()
    if not pid:
        default_signals()
        os.chdir(tmp_path)
        os.execvp("bash", ["bash", "--norc", "--noprofile", "-c", f"trap : INT; {line}"])
    seen = b""
    try:
        end = time.monotonic() + PATIENCE
        while not first.exists() and time.monotonic() < end:
            time.sleep(0.01)
        os.write(terminal, b"\x03")
        with contextlib.suppress(OSError):  # the end of the terminal
            while data := os.read(terminal, 65536):
                seen += data
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
        os.close(terminal)
    assert b"live.pcap: 2 packets written; interrupted, so the capture ends with what came until then" in seen
    assert b"status 130 done" in seen
    assert out.read_bytes() == HEADER + ONE + TWO
