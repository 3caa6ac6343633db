"""Options that make no sense, surveys, what the report says of selecting and editing, and how much memory they take."""

import io
import json
import os
import subprocess
import sys
import tempfile
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from threading import Thread
from types import ModuleType
from typing import Any, BinaryIO, cast

import pytest
import wire
from conversions import Pipe, Sink, converted
from nonsense import REFUSED, WEB, in_python

import pcapconv
from pcapconv import FileError, FormatError, LossError, PcapconvError, TargetError, UsageError
from pcapconv.io.source import read_file


@pytest.mark.parametrize(("options", "message"), REFUSED, ids=[message[:40] for _, message in REFUSED])
def test_nonsense_is_refused_in_one_sentence_and_leaves_no_trace(
    options: dict[str, Any], message: str, tmp_path: Path
) -> None:
    old = tmp_path / "old.pcapng"
    old.write_bytes(b"what was there")
    for target, force in ((tmp_path / "new.pcapng", False), (old, True)):
        with pytest.raises(UsageError) as caught:
            pcapconv.convert(WEB, target, force=force, **options)
        assert str(caught.value) == in_python(message)
    assert [path.name for path in tmp_path.iterdir()] == ["old.pcapng"]
    assert old.read_bytes() == b"what was there"


@pytest.mark.parametrize(
    ("options", "message"),
    [each for each in REFUSED if "packet 1:" not in each[1] and "among those written" not in each[1]],
)
def test_nonsense_is_refused_before_a_byte_goes_into_a_pipe(options: dict[str, Any], message: str) -> None:
    sink = Sink()
    with pytest.raises(UsageError) as caught:
        pcapconv.convert(cast(BinaryIO, Pipe([WEB.read_bytes()])), cast(BinaryIO, sink), to="pcapng", **options)
    assert str(caught.value) == in_python(message)
    assert sink.taken == b""


def test_an_option_that_nobody_knows_is_python_s_error() -> None:
    with pytest.raises(TypeError, match=r"^'afetr' is no argument; did you mean after\?$"):
        converted(WEB.read_bytes(), "pcapng", afetr="+1s")
    with pytest.raises(TypeError, match=r"^'report' is no argument$"):
        converted(WEB.read_bytes(), "pcapng", report="report.json")


def test_options_that_say_nothing_change_nothing() -> None:
    nothing: dict[str, Any] = {
        "after": None,
        "first": None,
        "interface": [],
        "chop": (),
        "invert": False,
        "packet_comment": None,
    }
    assert converted(WEB.read_bytes(), "pcapng", **nothing)[0] == WEB.read_bytes()


def test_times_that_only_the_capture_can_put_in_order_may_select_nothing() -> None:
    out, report = converted(WEB.read_bytes(), "pcapng", after="+1s", before="2000-01-01")
    assert report.packets_written == 0
    assert wire.read_pcapng(out) == []


# ---------------------------------------------------------------- surveys


def test_the_interfaces_that_there_are_are_named() -> None:
    def section(*names: bytes | None) -> bytes:
        options = [b"" if name is None else wire.options((wire.IF_NAME, name)) for name in names]
        return wire.section_header() + b"".join(wire.interface(options=each) for each in options)

    with pytest.raises(UsageError) as caught:
        converted(section(b"eth0", None) + section(b"caf\xe9"), "pcapng", interface=["eth1"])
    assert str(caught.value).endswith("; there are 0:0 eth0, 0:1, 1:0 caf\\xe9")
    with pytest.raises(UsageError) as caught:
        converted(section(*[None] * 30), "pcapng", interface=["eth1"])
    assert str(caught.value).endswith(", 0:19 and 10 more")
    with pytest.raises(UsageError) as caught:
        converted(wire.section_header(), "pcapng", interface=["eth1"])
    assert str(caught.value).endswith("; there are none")


def test_interfaces_of_the_modified_pcap_are_known_beforehand() -> None:
    records = [wire.pcap_record(1, 0, bytes([n]), extra=wire.modified_extra(n)) for n in (7, 9, 7)]
    capture = wire.pcap_header(wire.MODIFIED) + b"".join(records)
    out, _ = converted(capture, "pcap", interface=["1"])
    assert out == wire.pcap_header(wire.MODIFIED) + records[1]
    with pytest.raises(UsageError, match=r"there are 0:0, 0:1$"):
        converted(capture, "pcap", interface=["2"])


def test_a_pipe_is_read_once_and_kept_while_it_is_surveyed(monkeypatch: pytest.MonkeyPatch) -> None:
    opened: list[Any] = []
    kept = tempfile.TemporaryFile

    def watched(*arguments: Any, **options: Any) -> Any:
        opened.append(kept(*arguments, **options))
        return opened[-1]

    monkeypatch.setattr(tempfile, "TemporaryFile", watched)
    capture = WEB.read_bytes()
    for options in ({"last": 2}, {"interface": ["lo"], "first": 2}):
        target = io.BytesIO()
        pcapconv.convert(cast(BinaryIO, Pipe([capture])), target, to="pcapng", **options)
        assert target.getvalue() == converted(capture, "pcapng", **options)[0]
    assert [file.closed for file in opened] == [True, True]
    pcapconv.convert(cast(BinaryIO, Pipe([capture])), io.BytesIO(), to="pcapng", first=2)
    assert len(opened) == 2  # that needs no survey


class Broken(Pipe):
    def readinto(self, _: bytearray) -> int:  # type: ignore[override]
        raise OSError(5, "Input/output error")


@pytest.mark.filterwarnings("error")
def test_a_pipe_that_breaks_while_it_is_kept_leaves_nothing_open() -> None:
    with pytest.raises(FileError, match="cannot read: input/output error"):
        pcapconv.convert(cast(BinaryIO, Broken([])), io.BytesIO(), to="pcapng", last=1)


def test_no_room_for_a_pipe_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(tempfile, "TemporaryFile", full)
    with pytest.raises(FileError, match=r"^a temporary file: cannot write: no space left on device"):
        pcapconv.convert(cast(BinaryIO, Pipe([WEB.read_bytes()])), io.BytesIO(), to="pcapng", last=1)


def test_what_is_no_capture_is_refused_by_the_survey(tmp_path: Path) -> None:
    with pytest.raises(FormatError, match=r"^input: not a pcap or pcapng capture"):
        converted(b"no capture at all", "pcapng", last=1)
    with pytest.raises(FormatError, match=r"^input: the file is empty"):
        pcapconv.convert(cast(BinaryIO, Pipe([])), tmp_path / "out.pcapng", interface=["0"])
    assert list(tmp_path.iterdir()) == []


def test_damage_is_reported_once_however_often_it_is_seen() -> None:
    capture = wire.pcap_header() + wire.pcap_record(1, 0, b"whole") * 3 + b"cut"
    out, report = converted(capture, "pcap", last=2)
    assert len(report.damage) == report.damage_total == 1
    assert out == wire.pcap_header() + wire.pcap_record(1, 0, b"whole") * 2
    assert report.packets_read == 3


# ---------------------------------------------------------------- memory


def pcap_in_pieces(count: int) -> Iterator[bytes]:
    """A pcap file in pieces, which nobody holds as a whole."""
    yield wire.pcap_header()
    for first in range(0, count, 1000):
        yield b"".join(wire.pcap_record(number, 0, bytes(200)) for number in range(first, first + 1000))


def test_last_on_a_pipe_takes_no_more_memory_than_a_window(kernels: ModuleType) -> None:
    count = 200_000 if kernels.__name__.endswith("compiled") else 80_000  # watched, the others take ten times as long
    last, sink = 3 * count // 4, Sink()
    sink.taken = Count()
    tracemalloc.start()
    try:
        report = pcapconv.convert(
            cast(BinaryIO, Pipe(pcap_in_pieces(count))), cast(BinaryIO, sink), to="pcap", last=last
        )
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert (report.packets_read, report.packets_written) == (count, last)
    assert sink.taken.size == 24 + 216 * last
    assert peak < 12 * 2**20, f"{peak} bytes"


class Count(bytearray):
    """Bytes that are only counted."""

    size = 0

    def __iadd__(self, data: Any) -> "Count":  # type: ignore[misc]
        self.size += len(data)
        return self


# ---------------------------------------------------------------- the report


def test_the_report_counts_what_was_selected_and_left_out() -> None:
    hashed = wire.options((wire.EPB_HASH, b"\2" + bytes(4)))
    capture = wire.section_header() + wire.interface(snaplen=5)
    capture += wire.custom(wire.CUSTOM_DO_NOT_COPY, 1) + wire.simple_packet(b"12345", original_length=9)
    capture += wire.enhanced_packet(0, 10**6, b"123456", options=hashed)
    capture += wire.enhanced_packet(0, 10**7, b"123456", options=hashed)
    _, report = converted(capture, "pcapng", after="5", chop=[1])
    assert (report.packets_read, report.packets_written) == (3, 1)
    assert report.left_out == {"packets-without-time": 1, "do-not-copy": 1, "packet-hashes": 1}
    assert json.loads(json.dumps(report.as_dict()))["left_out"] == report.left_out
    _, report = converted(capture, "pcapng", chop=[1])
    assert report.left_out == {"do-not-copy": 1, "packet-hashes": 2, "original-lengths": 1}
    _, report = converted(capture, "pcapng", chop=[-2])
    assert report.left_out == {"original-lengths": 1, "do-not-copy": 1, "packet-hashes": 2}
    _, report = converted(capture, "pcapng", packets="1-3")
    assert report.left_out == {"do-not-copy": 1}
    _, report = converted(capture, "pcapng")
    assert report.left_out == {}


def test_a_second_run_for_nanoseconds_counts_anew() -> None:
    capture = wire.section_header() + wire.interface() + wire.custom(wire.CUSTOM_DO_NOT_COPY, 1)
    capture += wire.simple_packet(b"x") + wire.enhanced_packet(0, 10**7, b"abc")
    capture += wire.interface(options=wire.options((wire.IF_TSRESOL, b"\t"))) + wire.enhanced_packet(1, 10**10, b"abc")
    out, report = converted(capture, "pcap", after="5", chop=[1])
    assert [packet.ticks for packet in wire.read_pcap(out)] == [10**10, 10**10]
    assert (report.packets_read, report.packets_written) == (3, 2)
    assert report.left_out == {"packets-without-time": 1, "do-not-copy": 1}


def test_nothing_of_a_refused_loss_is_written() -> None:
    target = io.BytesIO()
    with pytest.raises(LossError):
        pcapconv.convert(WEB, target, to="pcap", on_loss="fail", packets="1")
    assert target.getvalue() == b""


def test_errors_of_steps_and_writers_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "odd.pcapng"
    unclear = wire.interface(options=wire.options((wire.IF_TSRESOL, b"")))
    path.write_bytes(wire.section_header() + unclear + wire.enhanced_packet(0, 1, b"x"))
    fact = "packet 1: the times of interface 0 of section 0 cannot be determined: if_tsresol has 0 bytes instead of 1"
    for options in ({"after": "+1s"}, {"shift_time": "1s"}, {"before": "5", "last": 1}):
        with pytest.raises(FormatError) as caught:
            pcapconv.convert(path, tmp_path / "out.pcapng", **cast(Any, options))
        assert str(caught.value) == f"{path}: {fact}"
    with pytest.raises(TargetError) as told:
        pcapconv.convert(path, tmp_path / "out.pcap")
    assert str(told.value) == f"{path}: {fact}"
    assert [path.name for path in tmp_path.iterdir()] == ["odd.pcapng"]


# ---------------------------------------------------------------- key logs in files of their own

TLS = WEB.with_name("tls.pcapng")
LOGS = (
    wire.section_header()
    + wire.secrets(wire.TLS_KEY_LOG, b"one")
    + wire.secrets(wire.ZIGBEE_NWK_KEY, b"no key log")
    + wire.interface()
    + wire.enhanced_packet(0, 1, b"x")
    + wire.secrets(wire.SSH_KEY_LOG, b"two\n")
)


@pytest.fixture
def everybody() -> Iterator[None]:
    """New files are for everybody, unless somebody sees to it."""
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("everybody")
def test_extracted_key_logs_are_for_their_owner_only(tmp_path: Path) -> None:
    key_log, out = tmp_path / "keys.log", tmp_path / "out.pcapng"
    report = pcapconv.convert(io.BytesIO(LOGS), out, extract_secrets=str(key_log))
    assert key_log.read_bytes() == b"one\ntwo\n"
    assert key_log.stat().st_mode & 0o777 == 0o600
    assert out.stat().st_mode & 0o777 == 0o666
    assert (report.secrets_extracted, out.read_bytes()) == (2, LOGS)
    key_log.write_bytes(b"what was there")
    key_log.chmod(0o644)
    with pytest.raises(FileError, match="exists already"):
        pcapconv.convert(io.BytesIO(LOGS), tmp_path / "new.pcapng", extract_secrets=str(key_log))
    assert key_log.read_bytes() == b"what was there"
    pcapconv.convert(io.BytesIO(LOGS), out, extract_secrets=str(key_log), force=True)
    assert (key_log.read_bytes(), key_log.stat().st_mode & 0o777) == (b"one\ntwo\n", 0o600)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["keys.log", "out.pcapng"]


@pytest.mark.parametrize(
    ("to", "options"),
    [
        ("pcapng", {"packets": "9"}),
        ("pcapng", {"strip": ["secrets"]}),
        ("pcapng", {"last": 1, "snaplen": 5}),
        ("pcap", {}),
        ("pcap", {"first": 1}),
    ],
    ids=str,
)
def test_key_logs_are_extracted_whatever_else_is_asked_for(to: str, options: dict[str, Any], tmp_path: Path) -> None:
    key_log = tmp_path / "keys.log"
    converted(LOGS, to, extract_secrets=str(key_log), **options)
    assert key_log.read_bytes() == b"one\ntwo\n"


def test_a_second_run_extracts_no_key_log_twice(tmp_path: Path) -> None:
    key_log = tmp_path / "keys.log"
    late = wire.interface(options=wire.options((wire.IF_TSRESOL, b"\t"))) + wire.enhanced_packet(1, 5, b"y")
    _, report = converted(LOGS + late, "pcap", extract_secrets=str(key_log))
    assert report.secrets_extracted == 2
    assert key_log.read_bytes() == b"one\ntwo\n"


def test_without_key_logs_there_is_no_file(tmp_path: Path) -> None:
    key_log, old = tmp_path / "keys.log", tmp_path / "old.log"
    old.write_bytes(b"what was there")
    assert converted(WEB.read_bytes(), "pcapng", extract_secrets=str(key_log))[1].secrets_extracted == 0
    assert converted(WEB.read_bytes(), "pcapng", extract_secrets=str(old), force=True)[1].secrets_extracted == 0
    assert [(path.name, path.read_bytes()) for path in tmp_path.iterdir()] == [("old.log", b"what was there")]


def test_a_run_that_fails_leaves_no_key_logs(tmp_path: Path) -> None:
    failing: list[dict[str, Any]] = [
        {"to": "pcap", "on_loss": "fail"},
        {"to": "pcapng", "shift_time": "-1s"},
        {"to": "pcapng", "packet_comment": ["7:x"]},
        {"to": "pcapng", "interface": ["9"]},
    ]
    for options in failing:
        with pytest.raises(PcapconvError):
            pcapconv.convert(io.BytesIO(LOGS), tmp_path / "out", extract_secrets=str(tmp_path / "keys.log"), **options)
    assert list(tmp_path.iterdir()) == []


def test_key_logs_do_not_take_the_place_of_a_capture(tmp_path: Path) -> None:
    source, out = tmp_path / "in.pcapng", tmp_path / "out.pcapng"
    source.write_bytes(LOGS)
    (tmp_path / "link").symlink_to(source)
    for path in (source, out, tmp_path / "link", tmp_path / "." / "out.pcapng"):
        with pytest.raises(UsageError, match="that is another file of the same run"):
            pcapconv.convert(source, out, force=True, extract_secrets=str(path))
    assert source.read_bytes() == LOGS
    assert not out.exists()


def test_key_logs_go_to_stdout_also_when_stdin_is_the_capture() -> None:
    command = Path(sys.executable).with_name("pcapconv")
    line: list[str | Path] = [command, "convert", "-", os.devnull, "--to", "pcapng", "--extract-secrets", "-"]
    done = subprocess.run(line, input=LOGS, capture_output=True, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"one\ntwo\n", b"")


def test_a_working_directory_that_is_gone_is_said(tmp_path: Path) -> None:
    command = Path(sys.executable).with_name("pcapconv")
    gone = 'cd "$1" && rmdir "$1" && exec "$2" convert "$3" - --to pcapng --extract-secrets keys.log'
    done = subprocess.run(
        ["sh", "-c", gone, "sh", tmp_path, command, TLS], stdin=subprocess.DEVNULL, capture_output=True, timeout=60
    )
    message = b"pcapconv: keys.log: cannot create: no such file or directory\n"
    assert (done.returncode, done.stdout, done.stderr) == (1, b"", message)


def test_key_logs_are_read_before_anything_is_written(tmp_path: Path) -> None:
    log, out = tmp_path / "keys.log", tmp_path / "out.pcapng"
    with pytest.raises(FileError, match="cannot open: no such file or directory"):
        pcapconv.convert(WEB, out, inject_secrets=[f"tls,{log}"])
    log.write_bytes(b"one\n")
    with pytest.raises(FileError, match="has more than 3 bytes"):
        read_file(str(log), 3)
    assert read_file(str(log), 4) == b"one\n"
    with pytest.raises(FileError, match="is a directory"):
        pcapconv.convert(WEB, out, inject_secrets=[f"tls,{tmp_path}"])
    assert not out.exists()
    pcapconv.convert(io.BytesIO(LOGS), out, inject_secrets=[f"tls,{log}", f"0x1234,{log}"])
    header, injected = LOGS[:28], wire.secrets(wire.TLS_KEY_LOG, b"one\n") + wire.secrets(0x1234, b"one\n")
    assert out.read_bytes() == header + injected + LOGS[28:]


def test_a_key_log_is_read_from_a_pipe(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = Thread(target=pipe.write_bytes, args=(b"k" * 100_000,))
    writer.start()
    assert read_file(str(pipe)) == b"k" * 100_000
    writer.join()
