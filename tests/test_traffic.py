"""`info` with `conversations`, `talkers`, `protocols` and `hash`, and its rates: facts, and what people see of them."""

import gzip
import hashlib
import io
import json
import re
import struct
import subprocess
import sys
from fractions import Fraction
from pathlib import Path

import protocols
import pytest
import wire
from command_line import WEB_PCAPNG, run_command
from terminals import on_terminal

import pcapconv
from pcapconv.describing import traffic
from pcapconv.describing.entries import Duration, Rates

TCP = protocols.ethernet(protocols.IP, protocols.ipv4(protocols.TCP, protocols.tcp()))
REPLY = protocols.ethernet(
    protocols.IP,
    protocols.ipv4(
        protocols.TCP, protocols.tcp(b"", source=8, destination=51000), source=protocols.B4, destination=protocols.A4
    ),
)
UDP6 = protocols.ethernet(protocols.IP6, protocols.ipv6(protocols.UDP, protocols.udp()))
ARP = protocols.ethernet(protocols.ARP, protocols.arp(1))
CAPTURE = b"".join(
    (
        wire.pcap_header(),
        *(wire.pcap_record(10, micro, data) for micro, data in ((5, REPLY), (250, TCP), (1, ARP), (500_005, UDP6))),
    )
)


def pcap_of(*packets: bytes) -> bytes:
    return wire.pcap_header() + b"".join(wire.pcap_record(10, at, data) for at, data in enumerate(packets))


def tcp_from(port: int) -> bytes:
    return protocols.ethernet(protocols.IP, protocols.ipv4(protocols.TCP, protocols.tcp(b"", source=port)))


def described(data: bytes, **arguments: bool | str) -> pcapconv.CaptureInfo:
    tables = {"conversations": True, "talkers": True, "protocols": True}
    return pcapconv.info(io.BytesIO(data), **(tables | arguments))  # type: ignore[arg-type]


def test_conversations() -> None:
    found = described(CAPTURE).conversations
    assert found is not None
    (tcp,), (udp,) = found.tcp.entries, found.udp.entries
    assert tcp[:4] == (protocols.B4, 8, protocols.A4, 51000)
    assert tcp[4:10] == (2, 54 + 75, 1, 54, 1, 75)
    assert [str(time) for time in tcp[10:]] == ["1970-01-01T00:00:10.000005Z", "1970-01-01T00:00:10.000250Z"]
    assert udp[:6] == (protocols.A6, 40000, protocols.B6, 9, 1, 83)
    assert udp.first_time == udp.last_time
    assert udp.first_time is not None
    assert udp.first_time.seconds == 10 + Fraction(500_005, 10**6)
    assert [(each.address_a, each.port_a, each.packets) for each in found.ip.entries] == [
        (protocols.B4, None, 2),
        (protocols.A6, None, 1),
    ]
    assert (found.tcp.total, found.tcp.complete, found.tcp.others) == (1, True, (0, 0, None, None))


def test_talkers_and_protocols() -> None:
    info = described(CAPTURE)
    assert info.talkers is not None
    assert info.protocols is not None
    assert [tuple(each)[:7] for each in info.talkers.entries] == [
        (protocols.B4, 2, 129, 1, 54, 1, 75),
        (protocols.A4, 2, 129, 1, 75, 1, 54),
        (protocols.A6, 1, 83, 1, 83, 0, 0),
        (protocols.B6, 1, 83, 0, 0, 1, 83),
    ]
    assert [tuple(each)[:3] for each in info.protocols.entries] == [
        ("eth", 4, 254),
        ("eth:ip", 2, 129),
        ("eth:ip:tcp", 2, 129),
        ("eth:arp", 1, 42),
        ("eth:ipv6", 1, 83),
        ("eth:ipv6:udp", 1, 83),
    ]


def test_what_is_not_asked_for_is_none() -> None:
    info = pcapconv.info(io.BytesIO(CAPTURE))
    assert (info.conversations, info.talkers, info.protocols, info.sha256) == (None, None, None, None)


def test_extension_headers_of_ipv6_are_part_of_it() -> None:
    names = ("ipv6 extensions", "ipv6 ah", "ipv6 first fragment", "ipv4 ah")
    info = described(pcap_of(*(protocols.packets()[name][1] for name in names)))
    assert info.protocols is not None
    assert [(each.path, each.packets) for each in info.protocols.entries] == [
        ("eth", 4),
        ("eth:ipv6", 3),
        ("eth:ipv6:udp", 2),
        ("eth:ipv6:tcp", 1),
        ("eth:ip", 1),
        ("eth:ip:ah", 1),
        ("eth:ip:ah:tcp", 1),
    ]


def test_ports_that_are_used_again_continue_a_conversation() -> None:
    """tshark begins another one."""
    syn = [protocols.ipv4(protocols.TCP, protocols.tcp(b"", flags=2, sequence=number)) for number in (1, 99_999)]
    found = described(pcap_of(*(protocols.ethernet(protocols.IP, each) for each in syn))).conversations
    assert found is not None
    assert [(each.port_a, each.packets) for each in found.tcp.entries] == [(51000, 2)]


@pytest.mark.parametrize("version", [4, 6])
def test_fragments_count_as_ip_and_the_first_one_for_its_ports(version: int) -> None:
    datagram = protocols.udp(bytes(1600))
    if version == 4:
        parts = [
            protocols.ipv4(protocols.UDP, datagram[:800], fragment=0x2000),
            protocols.ipv4(protocols.UDP, datagram[800:], fragment=100),
        ]
    else:
        parts = [
            protocols.ipv6(protocols.FRAGMENT, protocols.fragment(protocols.UDP, datagram[:800], 0, 1)),
            protocols.ipv6(protocols.FRAGMENT, protocols.fragment(protocols.UDP, datagram[800:], 800)),
        ]
    ether_type = protocols.IP if version == 4 else protocols.IP6
    packets = [protocols.ethernet(ether_type, each) for each in parts]
    found = described(pcap_of(*packets)).conversations
    assert found is not None
    assert [each[4:6] for each in found.ip.entries] == [(2, sum(map(len, packets)))]
    assert [each[4:6] for each in found.udp.entries] == [(1, len(packets[0]))]


def test_packets_of_which_nothing_is_read() -> None:
    info = described(wire.pcap_header(link_type_word=147) + wire.pcap_record(1, 1, b"mine"))
    assert info.protocols is not None
    assert [tuple(each)[:3] for each in info.protocols.entries] == [("", 1, 4)]


def test_filters_choose_what_counts() -> None:
    found = described(CAPTURE, filter="udp").conversations
    assert found is not None
    assert [found.tcp.total, found.udp.total, found.ip.total] == [0, 1, 1]


def test_the_largest_are_listed_and_the_others_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two are listed of three that were counted; the fourth and fifth had no room."""
    monkeypatch.setattr(traffic, "MOST_ENTRIES", 2)
    monkeypatch.setattr(traffic, "MOST_COUNTED", 3)
    ports = [1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 5]
    found = described(pcap_of(*map(tcp_from, ports))).conversations
    assert found is not None
    tcp = found.tcp
    assert [(each.port_a, each.packets) for each in tcp.entries] == [(3, 3), (2, 2)]
    assert (tcp.total, tcp.complete) == (3, False)
    times = [str(time) for time in tcp.others[2:]]
    assert (tcp.others[:2], times) == (
        (6, 6 * 54),
        ["1970-01-01T00:00:10.000000Z", "1970-01-01T00:00:10.000010Z"],
    )
    assert sum(each.packets for each in tcp.entries) + tcp.others.packets == len(ports)


def test_protocols_in_too_many_orders(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(traffic, "MOST_PATHS", 1)
    found = described(CAPTURE).protocols
    assert found is not None
    assert ([each.path for each in found.entries], found.complete) == (["eth", "eth:ip", "eth:ip:tcp"], False)
    assert found.others[:2] == (2, 125)


def test_times_of_several_sections_and_resolutions() -> None:
    """The earliest is that of a later section, whose ticks are larger numbers."""
    pico = wire.options((wire.IF_TSRESOL, b"\x0c"))
    first = wire.section_header() + wire.interface(options=b"") + wire.enhanced_packet(0, 2_000_001, TCP)
    second = wire.section_header() + wire.interface(options=pico) + wire.enhanced_packet(0, 1_999_999_999_999, TCP)
    found = described(first + second).conversations
    assert found is not None
    (each,) = found.tcp.entries
    assert [str(time) for time in each[10:]] == [
        "1970-01-01T00:00:01.999999999Z",
        "1970-01-01T00:00:02.000001000Z",
    ]


def test_packets_without_a_time_count() -> None:
    data = wire.section_header() + wire.interface() + wire.simple_packet(TCP)
    found = described(data).conversations
    assert found is not None
    assert found.tcp.entries[0][4:6] == (1, 75)
    assert found.tcp.entries[0][10:] == (None, None)


# ---------------------------------------------------------------- rates and digests


def test_rates_are_exact() -> None:
    rates = described(CAPTURE).rates
    seconds = Fraction(500_004, 10**6)
    assert tuple(rates) == (4 / seconds, 8 * 254 / seconds, Fraction(254, 4))
    assert rates.as_json() == {"packets_per_second": 8.0, "bits_per_second": 4063.967, "average_length": 63.5}


@pytest.mark.parametrize(
    ("packets", "seconds", "rounded"),
    [
        (1, Fraction(2000), 0.001),  # 0.0005
        (1, Fraction(2001), 0),
        (1, Fraction(1, 10**9), 10**9),
        (2**60, Fraction(1), 2**60),
        (1, Fraction(8, 9), 1.125),
    ],
)
def test_rates_are_rounded_in_json(packets: int, seconds: Fraction, rounded: float) -> None:
    assert Rates.of(packets, 0, Duration(seconds, 9)).as_json()["packets_per_second"] == rounded


def test_no_time_no_rates() -> None:
    assert described(pcap_of(TCP)).rates == Rates(None, None, Fraction(75))
    assert described(wire.pcap_header()).rates == Rates(None, None, None)


@pytest.mark.parametrize("compressed", [False, True])
def test_the_digest_of_a_file(tmp_path: Path, compressed: bool) -> None:
    """Of a path, a file object and a pipe; of damaged files, too."""
    for data in (CAPTURE, CAPTURE + b"cut off", CAPTURE + b"\xff" * 2_000_000):
        file = gzip.compress(data) if compressed else data
        path = tmp_path / "capture"
        path.write_bytes(file)
        digest = hashlib.sha256(file).hexdigest()
        assert pcapconv.info(path, hash=True).sha256 == digest
        assert pcapconv.info(io.BytesIO(file), hash=True).sha256 == digest
        done = run_command("info", "-", "--json", "--hash", stdin=file)
        assert json.loads(done.out)["sha256"] == digest


# ---------------------------------------------------------------- on the command line


def test_the_page(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(CAPTURE)
    done = run_command("info", path, "--conversations", "--protocols", "--talkers", "--hash")
    lines = done.out.decode().splitlines()
    assert (done.status, done.err) == (0, "")
    assert [lines[3], lines[5]] == [
        "rates           8.000 packets/s, 4,064 bit/s, 63.500 bytes a packet",
        f"SHA-256         {hashlib.sha256(CAPTURE).hexdigest()}",
    ]
    assert lines[lines.index("protocols: 6") :] == [
        "protocols: 6",
        "protocol  packets  bytes   first s    last s",
        "eth             4    254  0.000000  0.500004",
        "  ip            2    129  0.000004  0.000249",
        "    tcp         2    129  0.000004  0.000249",
        "  arp           1     42  0.000000  0.000000",
        "  ipv6          1     83  0.500004  0.500004",
        "    udp         1     83  0.500004  0.500004",
        "",
        "IP conversations: 2",
        "A             B            packets  bytes  from A  bytes  from B  bytes   first s    last s",
        "198.51.100.2  192.0.2.1          2    129       1     54       1     75  0.000004  0.000249",
        "2001:db8::1   2001:db8::2        1     83       1     83       0      0  0.500004  0.500004",
        "",
        "TCP conversations: 1",
        "A               B                packets  bytes  from A  bytes  from B  bytes   first s    last s",
        "198.51.100.2:8  192.0.2.1:51000        2    129       1     54       1     75  0.000004  0.000249",
        "",
        "UDP conversations: 1",
        "A                    B                packets  bytes  from A  bytes  from B  bytes   first s    last s",
        "[2001:db8::1]:40000  [2001:db8::2]:9        1     83       1     83       0      0  0.500004  0.500004",
        "",
        "talkers: 4",
        "address       packets  bytes  sent  bytes  received  bytes   first s    last s",
        "198.51.100.2        2    129     1     54         1     75  0.000004  0.000249",
        "192.0.2.1           2    129     1     75         1     54  0.000004  0.000249",
        "2001:db8::1         1     83     1     83         0      0  0.500004  0.500004",
        "2001:db8::2         1     83     0      0         1     83  0.500004  0.500004",
    ]


def test_the_page_counts_what_it_does_not_show(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(pcap_of(*map(tcp_from, range(1, 61))))
    lines = run_command("info", path, "--conversations").out.decode().splitlines()
    begin = lines.index("TCP conversations: 60")
    assert [line.split() for line in lines[begin + 51 : begin + 54]] == [
        ["192.0.2.1:50", "198.51.100.2:8", "1", "54", "1", "54", "0", "0", "0.000049", "0.000049"],
        ["10", "others", "10", "540"],
        [],
    ]


def test_a_narrow_terminal_shows_no_columns_of_directions() -> None:
    for columns, heads in ((110, "packets  bytes  from A  bytes  from B  bytes"), (80, "packets  bytes")):
        status, seen = on_terminal(
            "stdout", "info", "web.pcapng", "--conversations", columns=columns, folder=WEB_PCAPNG.parent
        )
        lines = re.sub(r"\x1b\[[0-9;]*m", "", seen).splitlines()
        at = lines.index("TCP conversations: 2")
        assert (status, lines[at + 1].split()) == (0, ["A", "B", *heads.split(), "first", "s", "last", "s"])
        assert max(map(len, lines[at:])) <= columns


def test_no_text_and_tables(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    path.write_bytes(CAPTURE)
    done = run_command("info", path, "--text", "--conversations", "--hash")
    message = "--text lists packets, and has no place for --conversations and --hash; run info twice"
    assert (done.status, done.err) == (2, f"pcapconv: {message}\n")


_MEASURED = """
import sys, pcapconv
info = pcapconv.info(sys.argv[1], conversations=True, talkers=True, protocols=True)
tcp = info.conversations.tcp
print(tcp.total, len(tcp.entries), tcp.complete, sum(each.packets for each in tcp.entries) + tcp.others.packets)
print(*[line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")])
"""


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system does not tell how much memory is used")
@pytest.mark.slow
def test_memory_is_bounded(tmp_path: Path) -> None:
    """Ten times as many conversations as a table has room for take as much memory as one and a half times."""
    used = []
    for number in (150_000, 1_500_000):
        path = tmp_path / f"{number}.pcap"
        with path.open("wb") as out:
            out.write(wire.pcap_header(link_type_word=protocols.IPV4))
            before, behind = protocols.ipv4(protocols.TCP, protocols.tcp(b""))[:12], protocols.tcp(b"")
            for at in range(number):
                ends = struct.pack(">II", 0x0A000000 + at, 0x0B000000 + at)
                out.write(wire.pcap_record(at // 1000, at % 1000, before + ends + behind))
        done = subprocess.run(
            [sys.executable, "-P", "-c", _MEASURED, str(path)], capture_output=True, text=True, check=True
        )
        counted, kilobytes = done.stdout.splitlines()
        assert counted.split() == ["100000", "10000", "False", str(number)]
        used.append(int(kilobytes))
    assert used[1] - used[0] < 10_000
    assert used[1] < 200_000
