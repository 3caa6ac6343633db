"""The real samples: this process's own traffic on the loopback, captured by tcpdump and dumpcap.

They are captured in a network namespace of their own, so that nothing but that traffic can get into them.
"""

import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import wire

from samples import traffic

PURPOSES = {
    "web.pcap": "Captured by tcpdump: a page fetched over HTTP, in microseconds.",
    "web-nano.pcap": "Captured by tcpdump: a page fetched over HTTP, in nanoseconds.",
    "web.pcapng": "Captured by dumpcap: a page fetched over HTTP; with comments, names and statistics.",
    "names.pcapng": "Captured by dumpcap: DNS queries for made-up names, and a names block with the same names.",
    "tls.pcapng": "Captured by dumpcap: a page fetched over TLS, and the secrets that decrypt it.",
    "two-interfaces.pcapng": "Captured by dumpcap on `lo` and `any` at once: Ethernet and Linux cooked (SLL).",
}

DUMPCAP = ["dumpcap", "-q", "-n", "-i", "lo"]
TCPDUMP = ["tcpdump", "-Z", "root", "-U", "-i", "lo"]
PACKET_COMMENTS = {b"GET /missing": b"Who links to this?", b"HTTP/1.1 404": b"Not there, as it should be"}


def capture_in_own_network() -> None:
    """Capture all real samples in a new network namespace; needs root."""
    subprocess.run(["unshare", "--net", sys.executable, "-m", "samples.make", "real-here"], check=True)


def captured_samples() -> dict[str, bytes]:
    """Every real sample by its file name, captured on the loopback of the present network namespace."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    return {
        "web.pcap": _captured([*TCPDUMP, "--time-stamp-precision=micro"], traffic.fetch_page),
        "web-nano.pcap": _captured([*TCPDUMP, "--time-stamp-precision=nano"], traffic.fetch_page),
        "web.pcapng": _web(),
        "names.pcapng": _names(),
        "tls.pcapng": _tls(),
        "two-interfaces.pcapng": _captured([*DUMPCAP, "-i", "any"], traffic.look_up_names),
    }


def _web() -> bytes:
    comment = ["--capture-comment", "A page fetched over HTTP"]
    blocks = _captured_blocks([*DUMPCAP, "-f", f"tcp port {traffic.HTTP_PORT}", *comment], traffic.fetch_page)
    commented = [_commented(each, PACKET_COMMENTS) for each in blocks]
    return _with_block(commented, wire.names(wire.ipv4_name(traffic.LOOPBACK, "web.example")))


def _names() -> bytes:
    blocks = _captured_blocks([*DUMPCAP, "-f", f"udp port {traffic.DNS_PORT}"], traffic.look_up_names)
    found = [wire.ipv4_name(str(address), name) for name, address in traffic.ADDRESSES.items()]
    server = wire.options((wire.NS_DNSNAME, b"resolver.example"), (wire.NS_DNSIP4ADDR, bytes([127, 0, 0, 1])))
    return _with_block([each.raw for each in blocks], wire.names(*found, options=server))


def _tls() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        key_log = Path(folder) / "keys.txt"
        blocks = _captured_blocks(
            [*DUMPCAP, "-f", f"tcp port {traffic.HTTPS_PORT}"], lambda: traffic.fetch_page_secretly(key_log)
        )
        return _with_block([each.raw for each in blocks], wire.secrets(wire.TLS_KEY_LOG, key_log.read_bytes()))


def _captured_blocks(command: list[str], talk: Callable[[], None]) -> list[wire.Block]:
    blocks = wire.read_blocks(_captured(command, talk))
    if blocks[0].byte_order != wire.LITTLE:
        raise OSError("captures are composed on little-endian machines only")
    return blocks


def _with_block(blocks: list[bytes], inserted: bytes) -> bytes:
    """The blocks with one more after the section header and the only interface."""
    return b"".join([*blocks[:2], inserted, *blocks[2:]])


def _commented(block: wire.Block, comments: dict[bytes, bytes]) -> bytes:
    """The block with the comment whose mark its packet holds, if there is one."""
    for mark, comment in comments.items():
        if block.block_type == wire.ENHANCED_PACKET and mark in block.body:
            return wire.block(block.block_type, block.body + wire.options((wire.OPT_COMMENT, comment)))
    return block.raw


def _captured(command: list[str], talk: Callable[[], None]) -> bytes:
    """What the command captures while `talk` runs."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "capture"
        with _capturing([*command, "-w", str(path)], path):
            talk()
        return path.read_bytes()


@contextmanager
def _capturing(command: list[str], path: Path) -> Iterator[None]:
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        while not path.exists():
            time.sleep(0.05)
        time.sleep(1)  # the file is there a moment before the capture begins
        yield
        time.sleep(1)  # and packets are written a moment after they were seen
    finally:
        process.send_signal(signal.SIGINT)
        process.wait(timeout=10)
