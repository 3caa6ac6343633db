"""What `pcapconv.create` writes, other programs read the same: tshark, capinfos, python-pcapng. What Hypothesis invents
is read back as it was written."""

import io
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pcapng
import pytest
from creating import TIME, created, opened
from hypothesis import given
from hypothesis import strategies as st

import pcapconv
from pcapconv import CaptureWriter

PING = bytes.fromhex(
    "ffffffffffff00000000000108004500001c000100004001f6d4c0000201c00002020800f7ff00000000"
)  # Ethernet, from 192.0.2.1 to 192.0.2.2


def needs(program: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(program) is None, reason=f"{program} is not installed")


def run(*command: str) -> str:
    return subprocess.run(command, stdout=subprocess.PIPE, check=True, text=True).stdout


def write_everything(capture: CaptureWriter) -> None:
    eth0 = capture.add_interface("ethernet", name="eth0", description="up", snaplen=2000, speed=10**9, filter="icmp")
    capture.add_names({"192.0.2.1": ["router.example"]})
    capture.add_secrets("tls", b"CLIENT_RANDOM 00 00\n")
    capture.write(PING, time_ns=TIME, interface=eth0, original_length=100, comments=["who?"], direction="in")
    eth1 = capture.add_interface("ethernet", name="eth1", resolution="us")
    capture.write(PING, time=5, interface=eth1, direction="out")
    capture.add_statistics(eth0, received=7, dropped=2)


@needs("tshark")
def test_tshark_reads_everything(tmp_path: Path) -> None:
    path = tmp_path / "x.pcapng"
    path.write_bytes(created(write_everything, comment="nightly run"))
    fields = (
        *("frame.time_epoch", "frame.len", "frame.cap_len", "frame.interface_name", "frame.packet_flags_direction"),
        *("pkt_comment", "frame.comment", "ip.src_host"),
    )
    known = run("tshark", "-G", "fields")
    asked = [field for field in fields if f"\t{field}\t" in known]
    arguments = [part for field in asked for part in ("-e", field)]
    out = run("tshark", "-r", str(path), "-N", "n", "-T", "fields", "-E", "separator=|", *arguments)
    one, two = ({**dict(zip(asked, line.split("|")))} for line in out.splitlines())
    assert (one["frame.time_epoch"], one["frame.len"], one["frame.cap_len"]) == ("1700000000.123456789", "100", "42")
    assert (two["frame.time_epoch"].rstrip("0"), two["frame.interface_name"]) == ("5.", "eth1")
    assert one["ip.src_host"] == "router.example"
    assert "who?" in out
    assert int(one["frame.packet_flags_direction"], 0) == 1
    assert int(two["frame.packet_flags_direction"], 0) == 2


@needs("capinfos")
@pytest.mark.parametrize(("to", "kind"), [("pcapng", "pcapng"), ("pcap", "nsecpcap")])
def test_capinfos_reads_the_header(tmp_path: Path, to: str, kind: str) -> None:
    path = tmp_path / f"x.{to}"
    with pcapconv.create(path, link_type="ethernet", comment="nightly run") as capture:
        for number in range(3000):
            capture.write(PING, time_ns=TIME + number)
    out = run("capinfos", "-M", str(path))
    assert f"File type:           {kind}\n" in out
    assert "Number of packets:   3000" in out
    assert ("nightly run" in out) == (to == "pcapng")


@pytest.mark.filterwarnings("ignore:Field type should not be:DeprecationWarning")
def test_python_pcapng_reads_every_block() -> None:
    made = created(write_everything, comment="nightly run")
    blocks = list(pcapng.FileScanner(io.BytesIO(made)))
    assert [type(block).__name__ for block in blocks] == [
        "SectionHeader",
        "InterfaceDescription",
        "NameResolution",
        "UnknownBlock",  # it does not know secrets
        "EnhancedPacket",
        "InterfaceDescription",
        "EnhancedPacket",
        "InterfaceStatistics",
    ]
    assert blocks[0].options["opt_comment"] == "nightly run"
    assert (blocks[1].options["if_name"], blocks[1].options["if_speed"], blocks[1].snaplen) == ("eth0", 10**9, 2000)
    assert (blocks[4].packet_data, blocks[4].packet_len, blocks[4].options["opt_comment"]) == (PING, 100, "who?")
    assert (blocks[4].timestamp_high << 32 | blocks[4].timestamp_low) == TIME
    assert blocks[4].options["epb_flags"].inout == "inbound"
    assert (blocks[7].options["isb_ifrecv"], blocks[7].options["isb_ifdrop"]) == (7, 2)


# ---------------------------------------------------------------- read back


class Invented(NamedTuple):
    """A packet to write: which of the interfaces it belongs to, and what `write` is told."""

    interface: int
    data: bytes
    time_ns: int
    longer: int
    comments: list[str]
    direction: str | None


TEXTS = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
PACKETS = st.lists(
    st.builds(
        Invented,
        st.integers(0, 2),
        st.binary(max_size=80),
        st.integers(0, 2**32 - 1).map(lambda second: second * 10**9 + 999_999_999 - second % 10**9),
        st.integers(0, 3),
        st.lists(TEXTS, max_size=2),
        st.sampled_from([None, "in", "out"]),
    ),
    max_size=12,
)


def written(packets: list[Invented]) -> Callable[[CaptureWriter], None]:
    def write(capture: CaptureWriter) -> None:
        interfaces = [capture.add_interface("ethernet", name=f"eth{number}") for number in range(3)]
        for each in packets:
            capture.write(
                each.data,
                time_ns=each.time_ns,
                interface=interfaces[each.interface],
                original_length=len(each.data) + each.longer,
                comments=each.comments,
                direction=each.direction,
            )

    return write


def read_back(capture: bytes, *, pcap: bool) -> list[Any]:
    with opened(capture) as reading:
        return [
            (packet.data, packet.time_ns, packet.original_length, [] if pcap else packet.comments) for packet in reading
        ]


@given(PACKETS, st.sampled_from(["pcap", "pcapng"]))
def test_what_was_written_is_read_back(packets: list[Invented], to: str) -> None:
    made = created(written(packets), to)
    expected = [
        (each.data, each.time_ns, len(each.data) + each.longer, [] if to == "pcap" else each.comments)
        for each in packets
    ]
    assert read_back(made, pcap=to == "pcap") == expected


@given(PACKETS)
def test_a_copy_of_a_copy_is_the_same(packets: list[Invented]) -> None:
    """Packet by packet, in batches, and again from there: all have the same packets, options included."""
    made = created(written(packets))

    def one_by_one(capture: CaptureWriter) -> None:
        with opened(made) as reading:
            for packet in reading:
                capture.write(packet)

    def in_batches(capture: CaptureWriter) -> None:
        with opened(made) as reading:
            for batch in reading.batches(reuse=True):
                capture.write_batch(batch)

    def said(capture: bytes) -> list[Any]:
        with opened(capture) as reading:
            return [(each.data, each.ticks, each.original_length, each.options) for each in reading]

    assert said(created(one_by_one)) == said(created(in_batches)) == said(made)
