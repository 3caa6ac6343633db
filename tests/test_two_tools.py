"""The same exchange on the loopback interface, captured by tcpdump and by dumpcap at once: what remains different."""

import shutil
import socket
import subprocess
import time
from pathlib import Path

import pytest
import wire

import pcapconv

PACKETS = 40
NAMES = [
    "interface 0:0: if_description is not stated in A, Loopback in B",
    "interface 0:0: if_filter is not stated in A, udp port {port} in B",
    "interface 0:0: if_name is not stated in A, lo in B",
]


def capturing_program(command: list[str], says: str, log: Path) -> "subprocess.Popen[bytes]":
    """A program that captures, as soon as it says that it does. Skips where it may not."""
    with log.open("wb") as errors:
        running = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=errors)
    for _ in range(600):
        said = log.read_text(errors="replace")
        if says in said:
            return running
        if running.poll() is not None:
            if "ermission" in said or "not permitted" in said:
                pytest.skip(f"{command[0]} may not capture here")
            pytest.fail(f"{command[0]} ended: {said}")
        time.sleep(0.05)
    running.kill()
    pytest.fail(f"{command[0]} did not begin: {log.read_text(errors='replace')}")


@pytest.fixture(scope="module")
def captures(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, int]:
    """One by tcpdump, one by dumpcap, and the port of the exchange."""
    for tool in ("tcpdump", "dumpcap"):
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")
    folder = tmp_path_factory.mktemp("captures")
    one, other = folder / "tcpdump.pcap", folder / "dumpcap.pcapng"
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client,
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server,
    ):
        server.bind(("127.0.0.1", 0))
        address = server.getsockname()
        condition = f"udp port {address[1]}"
        # As root tcpdump would write as somebody else, who may not write here.
        tcpdump = ["tcpdump", "-Z", "root", "-n", "-i", "lo", "-c", str(PACKETS), "-w", str(one), condition]
        dumpcap = ["dumpcap", "-i", "lo", "-c", str(PACKETS), "-f", condition, "-w", str(other)]
        running = [capturing_program(tcpdump, "listening on", folder / "tcpdump.txt")]
        try:
            running.append(capturing_program(dumpcap, "File:", folder / "dumpcap.txt"))
            for number in range(PACKETS // 2):
                client.sendto(b"question %d" % number, address)
                _, asker = server.recvfrom(100)
                server.sendto(b"answer %d" % number * (number + 1), asker)
                client.recvfrom(2000)
            for each in running:
                each.wait(timeout=30)
        finally:
            for each in running:
                each.kill()
                each.wait()
    return one, other, address[1]


def test_both_saw_the_same_packets(captures: tuple[Path, Path, int]) -> None:
    one, other, port = captures
    found = pcapconv.diff(one, other, ignore=["time"])
    assert found.packets == (PACKETS, PACKETS)
    assert found.headers == [line.format(port=port) for line in NAMES]
    assert not found.counts
    assert pcapconv.diff(one, other, ignore=["time", "interfaces"]).same


def test_times_differ_by_less_than_what_tcpdump_states(captures: tuple[Path, Path, int]) -> None:
    one, other, _ = captures
    assert pcapconv.diff(one, other, ignore=["interfaces"], time_tolerance="1us").same


def test_as_pcap_they_normalise_to_the_same_bytes(captures: tuple[Path, Path, int], tmp_path: Path) -> None:
    for number, path in enumerate(captures[:2]):
        pcapconv.normalize(path, tmp_path / f"{number}.pcap", mask_time=True)
    normal = (tmp_path / "0.pcap").read_bytes()
    assert normal == (tmp_path / "1.pcap").read_bytes()
    assert len(wire.read_pcap(normal)) == PACKETS


def test_as_pcapng_only_what_dumpcap_says_of_the_interface_remains(
    captures: tuple[Path, Path, int], tmp_path: Path
) -> None:
    """tcpdump writes pcap, which has no place for an interface's name, description and filter."""
    normal = []
    for number, path in enumerate(captures[:2]):
        pcapconv.normalize(path, tmp_path / f"{number}.pcapng", mask_time=True)
        normal.append([each.raw for each in wire.read_blocks((tmp_path / f"{number}.pcapng").read_bytes())])
    (head, plain, *packets), (other_head, named, *others) = normal
    assert (head, packets) == (other_head, others)
    nano = (wire.IF_TSRESOL, b"\x09")
    said = [(wire.IF_NAME, b"lo"), (wire.IF_DESCRIPTION, b"Loopback"), nano]
    asked = (wire.IF_FILTER, b"\0udp port %d" % captures[2])
    assert plain == wire.interface(options=wire.options(nano))
    assert named == wire.interface(options=wire.options(*said, asked))
    assert len(packets) == PACKETS
