"""Packets are numbered as packets; where Wireshark's frame numbers differ, `info` says from which packet on."""

from __future__ import annotations

import json
import shutil
import subprocess
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import wire
from wire import In

from pcapconv import cli
from pcapconv.cli.options import options_of_command
from pcapconv.describing import info

ENTRY = b"__CURSOR=1\n__REALTIME_TIMESTAMP=1600000000000000\n"
SYSDIG_EVENTS = (0x204, 0x216, 0x221)


def packet(write: In, number: int) -> bytes:
    return write.enhanced_packet(0, number, bytes([number]) * 20)


def start(write: In) -> bytes:
    return write.section_header() + write.interface()


def numbers_of(capture: bytes) -> Any:
    return info(BytesIO(capture)).as_dict()["wireshark_numbers"]


def frames(write: In) -> dict[str, tuple[bytes, str]]:
    """Blocks that Wireshark numbers, and what `info` calls them."""
    event = write.number(0, 2) + write.number(1, 8) + write.number(5, 8) + write.number(30, 4) + bytes(22)
    return {
        "journal": (write.journal(ENTRY), "journal"),
        "custom": (write.custom(wire.CUSTOM_COPY, 32473, b"text"), "custom"),
        "custom, not to be copied": (write.custom(wire.CUSTOM_DO_NOT_COPY, 32473, b"text"), "custom"),
        **{f"{code:#x}": (write.block(code, event), "sysdig event") for code in SYSDIG_EVENTS},
    }


def others(write: In) -> dict[str, bytes]:
    """Blocks that it does not number."""
    return {
        "names": write.names(),
        "statistics": write.statistics(0, 5),
        "secrets": write.secrets(wire.TLS_KEY_LOG, b"x"),
        "unknown": write.block(0x1234, bytes(8)),
        "process": write.block(0x80000001, bytes(8)),
        "sysdig machine": write.block(0x201, bytes(40)),
    }


def test_the_first_packet_behind_a_frame_that_is_none(write: In) -> None:
    for block, kind in frames(write).values():
        capture = start(write) + packet(write, 1) + packet(write, 2) + block + packet(write, 3)
        assert numbers_of(capture) == {"from_packet": 3, "blocks": {kind: 1}}
        assert numbers_of(start(write) + block + packet(write, 1)) == {"from_packet": 1, "blocks": {kind: 1}}
        assert numbers_of(start(write) + packet(write, 1) + block) is None


def test_no_other_block_changes_a_number(write: In) -> None:
    for block in others(write).values():
        assert numbers_of(start(write) + packet(write, 1) + block + packet(write, 2)) is None
    notes = write.custom(wire.CUSTOM_COPY, 32622, b"\3\0\0\0" + bytes(8))  # Wireshark's own, about a process
    assert numbers_of(start(write) + notes + packet(write, 1)) is None
    assert numbers_of(wire.pcap_header() + wire.pcap_record(1, 2, b"one")) is None


def page(capture: bytes, folder: Path, capfd: pytest.CaptureFixture[str], *options: str) -> str:
    (folder / "in.pcapng").write_bytes(capture)
    assert cli.run(["info", str(folder / "in.pcapng"), *options]) == 0
    return capfd.readouterr().out


def test_info_names_it(write: In, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    before = start(write) + b"".join(packet(write, number) for number in range(1, 17))
    blocks = write.journal(ENTRY) + write.custom(wire.CUSTOM_COPY, 32473, b"text")
    assert (
        "numbers         from packet 17 on, Wireshark's frame numbers are larger: it counts the 2 journal and custom "
        "blocks\n"
    ) in page(before + blocks + packet(write, 17), tmp_path, capfd)
    one = page(start(write) + write.journal(ENTRY) + packet(write, 1), tmp_path, capfd)
    assert "from packet 1 on, Wireshark's frame numbers are larger: it counts the journal block\n" in one
    assert "Wireshark" not in page(before, tmp_path, capfd)
    found = json.loads(page(before + blocks + packet(write, 17), tmp_path, capfd, "--json"))
    assert found["wireshark_numbers"] == {"from_packet": 17, "blocks": {"journal": 1, "custom": 1}}


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
def test_tshark_numbers_them_so(write: In, tmp_path: Path) -> None:
    counted = b"".join(block for block, _ in frames(write).values())
    path = tmp_path / "in.pcapng"
    uncounted = b"".join(others(write).values())
    path.write_bytes(start(write) + packet(write, 1) + uncounted + packet(write, 2) + counted + packet(write, 3))
    assert (numbers := info(path).wireshark_numbers) is not None
    assert numbers.from_packet == 3
    line = ["tshark", "-r", str(path), "-Y", "eth", "-T", "fields", "-e", "frame.number"]
    done = subprocess.run(line, check=True, capture_output=True, text=True)
    assert [int(number) for number in done.stdout.split()] == [1, 2, 3 + len(frames(write))]


@pytest.mark.parametrize("command", ["convert", "split", "batch"])
def test_the_manual_says_what_is_counted(command: str) -> None:
    said = {option.flag: option.manual for option in options_of_command(command)}
    assert "Numbers count only packets. Wireshark also numbers journal and custom blocks" in said["--packets"]
    assert said["--drop-packets"] == "Select all packets except these. The numbers are those of `--packets`."
    assert "a number as for `--packets`" in said["--packet-comment"]
