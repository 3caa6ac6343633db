"""Signals that come while parts appear or go: all of it is done, or nothing. And what else a split must not leave.

Strategy: a step of the system's is replaced by one that raises a signal in this process, where the command's handlers
turn it into an exception.
"""

import io
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import wire
from folders import file_names

from pcapconv import FileError, FormatError, UsageError
from pcapconv.cli.signals import Terminated, raise_on_signals
from pcapconv.io.held_signals import hold_signals
from pcapconv.splitting import split

pytestmark = pytest.mark.usefixtures("signals_are_heeded")

OLD = b"what was there before"
HEADER = wire.pcap_header()
FOUR = HEADER + b"".join(wire.pcap_record(number, 0, bytes([number])) for number in range(4))
PARTS = [f"x-0000{number}.pcap" for number in range(1, 5)]
KEYS = b"CLIENT_RANDOM 00 11\n"
WITH_KEYS = (
    wire.section_header()
    + wire.interface()
    + wire.secrets(0x544C534B, KEYS)
    + b"".join(wire.enhanced_packet(0, number, b"four") for number in range(3))
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "parts"
    path.mkdir()
    return path


def interrupt_at(monkeypatch: pytest.MonkeyPatch, step: str, number: signal.Signals = signal.SIGINT) -> list[int]:
    """Have each call of a function of `os` raise a signal before it does its work; the list grows with each."""
    calls: list[int] = []
    real: Callable[..., Any] = getattr(os, step)

    def interrupted(*arguments: Any, **named: Any) -> Any:
        calls.append(number)
        signal.raise_signal(number)
        return real(*arguments, **named)

    monkeypatch.setattr(os, step, interrupted)
    return calls


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_signals_while_old_files_are_replaced_put_all_of_them_back(
    number: signal.Signals, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in PARTS:
        (folder / name).write_bytes(OLD)
    calls = interrupt_at(monkeypatch, "replace", number)
    with raise_on_signals(), pytest.raises(Terminated) as end:
        split(io.BytesIO(FOUR), folder / "x.pcap", max_packets=1, force=True)
    assert end.value.status == 128 + number
    assert len(calls) == 2  # once when the first part appeared, once when that was undone
    assert file_names(folder) == PARTS
    assert [(folder / name).read_bytes() for name in PARTS] == [OLD] * 4


def test_a_signal_while_new_files_appear_takes_all_of_them_back(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    interrupt_at(monkeypatch, "link")
    with raise_on_signals(), pytest.raises(Terminated):
        split(io.BytesIO(FOUR), folder / "x.pcap", max_packets=1)
    assert file_names(folder) == []


@pytest.mark.parametrize("force", [False, True])
def test_a_signal_behind_the_last_part_comes_too_late(
    force: bool, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in PARTS if force else []:
        (folder / name).write_bytes(OLD)
    with raise_on_signals():
        calls = interrupt_at(monkeypatch, "rmdir")
        report = split(io.BytesIO(FOUR), folder / "x.pcap", max_packets=1, force=force)
    assert calls
    assert report.packets_written == 4
    assert file_names(folder) == PARTS
    assert all((folder / name).read_bytes().startswith(HEADER) for name in PARTS)


def test_signals_while_a_failed_run_is_cleared_away_wait_for_that(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = interrupt_at(monkeypatch, "unlink", signal.SIGTERM)
    with raise_on_signals(), pytest.raises(Terminated) as end:
        split(io.BytesIO(FOUR + b"\xff" * 20), folder / "x.pcap", max_packets=1, strict=True)
    assert isinstance(end.value.__context__, FormatError)
    assert len(calls) == 2  # the files that were there
    assert file_names(folder) == []


def test_an_old_file_that_cannot_be_put_back_is_kept(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PARTS:
        (folder / name).write_bytes(name.encode())
    real, calls = os.replace, list[str]()

    def replace(source: str, target: str) -> None:
        calls.append(target)
        if len(calls) > 1:  # the second part, and whatever would be undone
            raise OSError(28, "No space left on device")
        real(source, target)

    monkeypatch.setattr(os, "replace", replace)
    with pytest.raises(FileError, match="no space left on device"):
        split(io.BytesIO(FOUR), folder / "x.pcap", max_packets=1, force=True)
    (temporary,) = [name for name in file_names(folder) if name not in PARTS]
    assert (folder / temporary / "00000000.old").read_bytes() == b"x-00001.pcap"
    assert [(folder / name).read_bytes() for name in PARTS[1:]] == [name.encode() for name in PARTS[1:]]


def test_a_handler_that_only_takes_note_of_a_signal_gets_an_error(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    noted: list[int] = []
    before = signal.signal(signal.SIGTERM, lambda number, _: noted.append(number))
    try:
        interrupt_at(monkeypatch, "link", signal.SIGTERM)
        with pytest.raises(FileError, match="interrupted"):
            split(io.BytesIO(FOUR), folder / "x.pcap", max_packets=1)
    finally:
        signal.signal(signal.SIGTERM, before)
    assert noted == [signal.SIGTERM]
    assert file_names(folder) == []


def test_signals_that_are_ignored_stay_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with hold_signals() as signals:
            signal.raise_signal(signal.SIGHUP)
        assert signals.arrived == []
        assert signal.getsignal(signal.SIGHUP) == signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


# ---------------------------------------------------------------- key logs


def test_secrets_are_not_extracted_by_a_run_that_fails(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = folder / "keys"
    keys.write_bytes(OLD)

    def no_more(*_: Any, **__: Any) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "link", no_more)
    with pytest.raises(FileError):
        split(io.BytesIO(WITH_KEYS), folder / "x.pcapng", max_packets=1, extract_secrets=str(keys), force=True)
    assert file_names(folder) == ["keys"]
    assert keys.read_bytes() == OLD


def test_parts_do_not_stay_where_the_secrets_cannot(folder: Path) -> None:
    keys = folder / "keys"

    class Watched(io.BytesIO):
        def readinto(self, room: Any) -> int:
            keys.write_bytes(OLD)  # somebody else is faster
            return super().readinto(room)

    with pytest.raises(FileError, match="keys: exists already"):
        split(Watched(WITH_KEYS), folder / "x.pcapng", max_packets=1, extract_secrets=str(keys))
    assert file_names(folder) == ["keys"]
    assert keys.read_bytes() == OLD


@pytest.mark.parametrize("force", [False, True])
def test_a_part_cannot_have_the_name_of_a_key_log(force: bool, folder: Path) -> None:
    part = folder / "x-00002.pcapng"
    with pytest.raises(UsageError, match=r"x-00002.pcapng: that is another file of the same run"):
        split(io.BytesIO(WITH_KEYS), folder / "x.pcapng", max_packets=1, extract_secrets=str(part), force=force)
    assert file_names(folder) == []
    part.write_bytes(KEYS)
    with pytest.raises(UsageError, match=r"x-00002.pcapng: that is another file of the same run"):
        split(io.BytesIO(WITH_KEYS), folder / "x.pcapng", max_packets=1, inject_secrets=[f"tls,{part}"], force=force)
    assert part.read_bytes() == KEYS


# ---------------------------------------------------------------- many intervals in turn


def test_intervals_that_alternate_while_interfaces_come(folder: Path) -> None:
    capture = [wire.section_header()]
    packets = []
    for number in range(120):
        capture.append(wire.interface())
        packet = wire.enhanced_packet(number // 2, number % 40 * 10**6, bytes([number]))
        packets.append((number % 40, packet))
        capture.append(packet)
    report = split(io.BytesIO(b"".join(capture)), folder / "x.pcapng", interval="1s")
    assert len(report.outputs) == 40
    for part, name in enumerate(report.outputs):
        found = [each.data for each in wire.read_pcapng(Path(name).read_bytes())]
        assert found == [bytes([number]) for number in range(120) if number % 40 == part]
