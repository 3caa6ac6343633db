"""`merge` of 2,000 inputs: within the limit of open files, and in little memory."""

import gzip
import subprocess
import sys
from pathlib import Path

import pytest
import wire
from compressing import compressed

INPUTS = 2000
MOST_MEMORY = 128 * 2**20
MERGE = """
import resource, sys
most_files, folder, target = int(sys.argv[1]), sys.argv[2], sys.argv[3]
resource.setrlimit(resource.RLIMIT_NOFILE, (most_files, most_files))
import pcapconv
report = pcapconv.merge([folder], target, salvage="salvage" in sys.argv)
with open("/proc/self/status") as status:  # what the system counts for a process begins before its program does
    peak = next(int(line.split()[1]) for line in status if line.startswith("VmHWM:"))
print(report.packets_written, 1024 * peak)
"""


def times_of(number: int, way: str) -> list[int]:
    """The times of the packets of an input."""
    return (
        list(range(number, 40 * INPUTS, INPUTS)) if way == "overlapping" else [40 * number + each for each in range(40)]
    )


def packet(time: int) -> bytes:
    return wire.enhanced_packet(0, time, time.to_bytes(4, "big") * 30)


@pytest.fixture
def folder(way: str, compression: str | None, tmp_path: Path) -> Path:
    """2,000 captures, of which each covers all of the time, or only a part of its own."""
    folder = tmp_path / "captures"
    folder.mkdir()
    head = wire.section_header() + wire.interface()
    for number in range(INPUTS):
        capture = head + b"".join(map(packet, times_of(number, way)))
        capture = gzip.compress(capture, 1) if compression == "gzip" else capture
        capture = compressed(compression, capture) if compression not in (None, "gzip") else capture
        (folder / f"{number:04}.pcapng").write_bytes(capture)
    return folder


@pytest.mark.parametrize("most_files", [pytest.param(1024, marks=pytest.mark.slow), 128])
@pytest.mark.parametrize("compression", [None, "gzip", pytest.param("zstd", marks=pytest.mark.slow)])
@pytest.mark.parametrize("way", ["overlapping", "apart"])
def test_2000_inputs(folder: Path, most_files: int, tmp_path: Path) -> None:
    target = tmp_path / "merged.pcapng"
    command = [sys.executable, "-P", "-c", MERGE, str(most_files), str(folder), str(target)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert done.stderr == ""
    packets, memory = map(int, done.stdout.split())
    assert packets == 40 * INPUTS
    assert memory < MOST_MEMORY
    assert target.read_bytes() == wire.section_header() + wire.interface() + b"".join(map(packet, range(40 * INPUTS)))


@pytest.mark.parametrize("way", ["gzip", "salvage"])
def test_200_inputs_that_have_to_be_written_to_a_temporary_file(way: str, tmp_path: Path) -> None:
    """Sections of compressed or salvaged inputs. There is one such file for all of them."""
    folder, target = tmp_path / "captures", tmp_path / "merged.pcapng"
    folder.mkdir()
    head = wire.section_header() + wire.interface()
    for number in range(200):
        capture = head + packet(number) + head + packet(200 + number) + packet(600 - number) + head
        (folder / f"{number:03}.pcapng").write_bytes(gzip.compress(capture, 1) if way == "gzip" else capture)
    command = [sys.executable, "-P", "-c", MERGE, "64", str(folder), str(target), way]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, cwd=tmp_path)
    assert (done.stderr, done.stdout.split()[:1]) == ("", ["600"])
    assert target.read_bytes() == head + b"".join(map(packet, range(601))).replace(packet(400), b"")
