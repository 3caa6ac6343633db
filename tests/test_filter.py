"""`filter` and `where`: which packets they select, and which link types are refused."""

import io
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import bpf
import cypcap
import pytest
import wire
from agreement import check_agreement, check_on_pipes, undamaged_bytes
from command_line import FOLDER, run_command
from conversions import DAMAGED, SAMPLES, converted, stem
from expected_captures import packets
from hypothesis import given, settings
from hypothesis import strategies as st
from invented_captures import invented_pcap, invented_pcapng, selecting_fields, selections
from wire import BIG, LITTLE, In

import pcapconv
from pcapconv import UsageError

pytestmark = pytest.mark.usefixtures("kernels")

NULL, ETHERNET, RAW, USB = 0, 1, 101, 220
IPV4 = bytes.fromhex("450000280000000040060000c0000201c0000202")  # TCP, 192.0.2.1 to 192.0.2.2


def tcp(source: int, target: int) -> bytes:
    """A packet of IPv4 and TCP between two ports."""
    return IPV4 + source.to_bytes(2, "big") + target.to_bytes(2, "big") + bytes(16)


def ethernet(packet: bytes) -> bytes:
    return bytes(12) + b"\x08\x00" + packet


def in_host_order(write: In, packet: bytes) -> bytes:
    return write.number(2, 4) + packet


def kept(capture: bytes, **options: Any) -> list[int]:
    """The numbers of the packets that stay."""
    out, report = converted(capture, "pcapng", packet_comment=None, **options)
    assert report.packets_written == len(packets(out))
    before = [(each.data, each.time) for each in packets(capture)]
    return [before.index((each.data, each.time)) + 1 for each in packets(out)]


def mixed(write: In) -> bytes:
    """A capture of four link types: two packets of each, of which the first is from port 80; the last one is USB."""
    blocks = [write.section_header()]
    blocks += [
        write.interface(each, options=write.options((wire.IF_NAME, b"if%d" % each))) for each in (1, 101, 0, 220)
    ]
    for number, port in enumerate((80, 81)):
        data = [ethernet(tcp(port, 9)), tcp(port, 9), in_host_order(write, tcp(port, 9))]
        blocks += [write.enhanced_packet(each, 10 * number + each, content) for each, content in enumerate(data)]
    return b"".join([*blocks, write.enhanced_packet(3, 99, bytes(64))])


# ---------------------------------------------------------------- against the second implementation


@settings(max_examples=70)
@given(st.data())
def test_any_selection_with_a_filter(data: st.DataObject) -> None:
    capture = data.draw(st.one_of(invented_pcapng(link_types=(1, 113, 101, 147)), invented_pcap()))
    request = data.draw(selections(capture))
    fields = selecting_fields(packets(capture))
    for name in data.draw(st.sampled_from([["expression"], ["where"], ["expression", "where"]])):
        strategy = fields[name]
        assert strategy is not None
        request = request._replace(**{name: data.draw(strategy)})
    check_agreement(capture, request)
    check_on_pipes(capture, request)


# ---------------------------------------------------------------- several link types, both byte orders


def test_each_link_type_is_filtered(write: In) -> None:
    without_usb = {"interface": ["if1", "if101", "if0"]}
    assert kept(mixed(write), filter="src port 80", **without_usb) == [1, 2, 3]
    assert kept(mixed(write), filter="src port 81", **without_usb) == [4, 5, 6]
    assert kept(mixed(write), filter="host 192.0.2.2", **without_usb) == [1, 2, 3, 4, 5, 6]
    assert kept(mixed(write), filter="src port 80 and dst port 9", interface=["if0"]) == [3]
    assert kept(mixed(write), filter="src port 80", invert=True, **without_usb) == [4, 5, 6, 7]


def test_a_link_type_that_cannot_be_filtered_is_refused(write: In) -> None:
    message = (
        "filter='src port 80': interface 0:3 if220, USB_LINUX_MMAPPED (220): USB link-layer type filtering not "
        "implemented; choose other interfaces with interface="
    )
    with pytest.raises(UsageError) as raised:
        converted(mixed(write), "pcapng", filter="src port 80")
    assert str(raised.value) == message
    assert kept(mixed(write), filter="src port 80", packets="1-6") == [1, 2, 3]  # it never reaches the filter
    assert kept(mixed(write), filter="src port 80", before="0.00005") == [1, 2, 3]
    assert kept(mixed(write)[: -len(write.enhanced_packet(3, 99, bytes(64)))], filter="src port 80") == [1, 2, 3]
    assert kept(mixed(write), filter="len > 54") == [7]  # this can be asked of every link type


def test_packets_behind_the_end_are_not_refused(write: In) -> None:
    assert kept(mixed(write), filter="src port 80", first=3, stop_early=True) == [1, 2, 3]
    assert kept(mixed(write), filter="src port 80", packets="1-6", stop_early=True) == [1, 2, 3]
    with pytest.raises(UsageError, match="USB"):
        converted(mixed(write), "pcapng", filter="src port 80", first=3)
    with pytest.raises(UsageError, match="USB"):
        converted(mixed(write), "pcapng", filter="src port 80", last=1)


def test_an_expression_that_is_false_for_a_link_type_selects_none_of_it(write: In) -> None:
    """libpcap refuses it: "expression rejects all packets"."""
    with pytest.raises(cypcap.Error, match="expression rejects all packets"):
        bpf.compiled("arp", RAW)
    capture = write.section_header() + write.interface(RAW) + write.interface(ETHERNET)
    capture += write.enhanced_packet(0, 0, tcp(1, 2))
    capture += write.enhanced_packet(1, 0, bytes(12) + b"\x08\x06" + bytes(28))
    assert kept(capture, filter="arp") == [2]


def test_sections_of_both_byte_orders() -> None:
    """The address family at the beginning of NULL packets follows the section's byte order."""
    capture = b""
    for write in (In(LITTLE), In(BIG), In(LITTLE)):
        capture += write.section_header() + write.interface(NULL)
        capture += write.enhanced_packet(0, 0, in_host_order(write, tcp(80, len(capture))))
        capture += write.enhanced_packet(0, 0, in_host_order(write, tcp(81, len(capture))))
    assert kept(capture, filter="src port 80") == [1, 3, 5]
    assert kept(capture, filter="ip") == [1, 2, 3, 4, 5, 6]


def test_lengths_are_original_and_captured(write: In) -> None:
    capture = write.pcap_header() + write.pcap_record(0, 0, ethernet(tcp(80, 9))[:36], original_length=54)
    assert kept(capture, filter="len = 54") == [1]
    assert kept(capture, filter="src port 80") == [1]
    assert kept(capture, filter="dst port 9") == []  # the bytes are not there
    assert kept(capture, filter="not dst port 9") == []  # a program that misses bytes ends, as in libpcap


# ---------------------------------------------------------------- order


def test_the_filter_comes_before_repeats_and_counts(write: In) -> None:
    letters = "abacab"
    capture = write.pcap_header()
    capture += b"".join(write.pcap_record(each, 0, letter.encode()) for each, letter in enumerate(letters))
    assert kept(capture, filter="link[0] != 0x61", dedup=1) == [2, 4, 6]
    assert kept(capture, filter="link[0] = 0x61", dedup=1) == [1]
    assert kept(capture, filter="link[0] = 0x61", first=2) == [1, 3]
    assert kept(capture, filter="link[0] = 0x61", last=1) == [5]
    assert kept(capture, filter="link[0] = 0x61", last=1, invert=True) == [1, 2, 3, 4, 6]
    assert converted(capture, "pcap", filter="link[0] = 0x61", chop=1)[1].packets_written == 3  # edits come later


# ---------------------------------------------------------------- a function


def test_a_function_gets_packets_that_are_selected_so_far(write: In) -> None:
    asked: list[pcapconv.Packet] = []

    def where(packet: pcapconv.Packet) -> object:
        asked.append(packet)
        return "" if packet.number == 2 else "yes"

    capture = mixed(write)
    found = [packet for packet in pcapconv.open(io.BytesIO(capture)) if packet.number < 4]
    assert kept(capture, where=where, packets="1-6", filter="src port 80") == [1, 3]
    assert [each.number for each in asked] == [1, 2, 3]
    assert [(each.data, each.time, each.interface.link_type) for each in asked] == [
        (each.data, each.time, each.interface.link_type) for each in found
    ]


def test_what_a_function_raises_comes_out(write: In) -> None:
    def where(packet: pcapconv.Packet) -> bool:
        return 1 // (3 - packet.number) >= 0

    with pytest.raises(ZeroDivisionError):
        converted(mixed(write), "pcapng", where=where)
    assert kept(mixed(write), where=where, first=2, stop_early=True) == [1, 2]  # it does not get there
    with pytest.raises(ZeroDivisionError):
        converted(mixed(write), "pcapng", where=where, first=2)


def raises(packet: pcapconv.Packet) -> bool:
    raise ValueError(packet.number)


@pytest.mark.parametrize("value", ["tcp", 1, [len]])
def test_what_is_no_function_is_refused(value: Any) -> None:
    with pytest.raises(UsageError, match=r"^where=.*: must be a function of a packet$"):
        converted(wire.pcap_header(), "pcap", where=value)


def test_a_function_in_a_batch(write: In, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.pcapng").write_bytes(mixed(write))
    with pytest.raises(UsageError, match=r"^where=<function .*: other processes call it; write a function of a module"):
        pcapconv.batch(tmp_path / "in", tmp_path / "out", to="pcapng", where=lambda packet: packet.data)
    with pytest.raises(UsageError, match="whether a function is the same as in the earlier run cannot be told"):
        pcapconv.batch(tmp_path / "in", tmp_path / "out", to="pcapng", where=bool, resume=True)
    report = pcapconv.batch(tmp_path / "in", tmp_path / "out", to="pcapng", where=raises, jobs=1)
    assert report.failed  # a function that raises fails the file


# ---------------------------------------------------------------- tcpdump

EXPRESSIONS = [
    *("tcp", "udp", "ip", "ip6", "arp", "icmp or icmp6", "tcp port 80", "port 53 or port 443", "not tcp", "len > 100"),
    *("src portrange 1-1023", "tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", "ip[8] < 64", "vlan", "vlan and tcp", "mpls"),
    *("ether multicast", "ether[0] & 1 = 0", "net 10.0.0.0/8 or net 192.168.0.0/16", "src net 127", "ip6 multicast"),
    *("ip[2:2] - ((ip[0] & 0xf) << 2) > 40", "icmp[icmptype] = icmp-echo", "ip proto 47 or 50", "ip6 protochain 58"),
    *("wlan type data", "pppoes", "stp", "llc", "link[0] = 0", "inbound", "outbound and udp", "less 60", "isis"),
    *("dst host 255.255.255.255", "sctp", "ether proto 0x88cc", "ip protochain 6", "len % 3 = 1", "greater 1000"),
]


needs_tcpdump = pytest.mark.skipif(shutil.which("tcpdump") is None, reason="tcpdump is not installed")


def by_tcpdump(path: Path, expression: str, folder: Path) -> list[tuple[int, bytes]] | str:
    """Original length and bytes of the packets that match; or the message."""
    command = ["tcpdump", "-n", "-r", str(path), "-w", str(folder / "judged.pcap"), expression]
    done = subprocess.run(command, capture_output=True, check=False)
    if done.returncode:
        return done.stderr.decode().splitlines()[-1]
    judged = (folder / "judged.pcap").read_bytes()
    return [(each.original_length, each.data) for each in wire.read_pcap(judged)]


def compare_with_tcpdump(path: Path, expressions: list[str], folder: Path) -> None:
    """Skips a capture that libpcap does not read to its end."""
    if isinstance(whole := by_tcpdump(path, "", folder), str):
        pytest.skip(f"tcpdump: {whole}")
    if [(each.original_length, each.data) for each in packets(path.read_bytes())] != whole:
        pytest.skip("libpcap cuts packets to the snaplen")
    for expression in expressions:
        judged = by_tcpdump(path, expression, folder)
        if isinstance(judged, str) and "rejects all" in judged:
            judged = []
        if isinstance(judged, str):
            if whole:
                with pytest.raises(UsageError) as raised:
                    converted(path.read_bytes(), "pcapng", filter=expression)
                assert judged.removeprefix("tcpdump: ") in str(raised.value)
            continue
        out = converted(path.read_bytes(), "pcapng", filter=expression)[0]
        assert [(each.original_length, each.data) for each in packets(out)] == judged, expression


@needs_tcpdump
@pytest.mark.parametrize("path", [path for path in SAMPLES if stem(path) not in DAMAGED], ids=lambda path: path.name)
def test_tcpdump_selects_the_same_of_a_sample(path: Path, tmp_path: Path) -> None:
    compare_with_tcpdump(path, EXPRESSIONS[:: 1 if stem(path) == "web" else 5], tmp_path)


@needs_tcpdump
def test_tcpdump_selects_the_same_of_a_corpus_file(corpus_file: Path, tmp_path: Path) -> None:
    undamaged_bytes(corpus_file)
    compare_with_tcpdump(corpus_file, EXPRESSIONS, tmp_path)


# ---------------------------------------------------------------- the commands


def test_batch_split_and_info_have_filters(tmp_path: Path) -> None:
    source = FOLDER / "web.pcapng"
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "web.pcapng").write_bytes(source.read_bytes())
    expression = "tcp[tcpflags] & tcp-syn != 0"
    assert run_command("batch", tmp_path / "in", tmp_path / "out", "--filter", expression, "-q").status == 0
    told = converted(source.read_bytes(), "pcapng", filter=expression)[0]
    assert (tmp_path / "out" / "web.pcapng").read_bytes() == told
    report = pcapconv.split(source, tmp_path / "{index}.pcapng", max_packets=3, filter=expression)
    assert [part["packets"] for part in report.parts or ()] == [3, 1]
    lines = run_command("info", source, "--filter", expression).out.decode().splitlines()
    assert lines[1] == "packets         4 (296 bytes captured of 296), in order"
    refused = run_command("info", source, "--filter", "inbound")
    assert (refused.status, refused.err.rpartition("; ")[2]) == (
        1,
        "choose other interfaces with convert --interface\n",
    )
    text = run_command("info", "--text", source, "--filter", expression).out.decode()
    assert len([line for line in text.splitlines() if line.startswith("packet ")]) == 4


def test_info_filters_what_a_sidecar_keeps(tmp_path: Path) -> None:
    pcapconv.convert(FOLDER / "web.pcapng", tmp_path / "web.pcap", sidecar=True, nanoseconds=True)
    page = run_command("info", tmp_path / "web.pcap", "--filter", "tcp[tcpflags] & tcp-syn != 0").out.decode()
    counts = [re.split(" {2,}", line)[4] for line in page.splitlines() if line.startswith("0:0")]
    assert counts == ["4", "4"]
