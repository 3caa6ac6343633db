"""`pcapconv show`: lines for people, records for programs, times, columns, names, selecting."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import pytest
import wire
from command_line import CUT, WEB_PCAPNG, run_in_process
from protocols import ARP, IP, IP6, TCP, UDP, VLAN, arp, ethernet, ipv4, ipv6, tcp, udp, vlan, vxlan

import pcapconv
from pcapconv.listing.columns import COLUMNS

T = 1_795_348_800  # 2026-11-22T12:00:00Z
NANO = (wire.IF_TSRESOL, b"\x09")
SYN, ACK, REQUEST = (
    ethernet(
        IP, ipv4(TCP, tcp(*each, source=51000, destination=80, flags=flags), source="10.0.0.1", destination="10.0.0.2")
    )
    for each, flags in (((b"",), 2), ((b"",), 16), ((b"GET /index.html HTTP/1.1\r\n\r\n",), 24))
)


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def show(capfd: pytest.CaptureFixture[str]) -> Any:
    """What the command prints of a capture, by line; it has to succeed."""

    def lines(capture: bytes, *arguments: str, status: int = 0, err: str = "") -> list[str]:
        Path("a.pcapng").write_bytes(capture)
        found = run_in_process(capfd, "show", "a.pcapng", *arguments)
        assert (found.status, found.err) == (status, err)
        return found.out.decode().splitlines()

    return lines


def named(name: str, *options: tuple[int, bytes]) -> bytes:
    return wire.interface(options=wire.options((wire.IF_NAME, name.encode()), *options))


def packet(micros: int, data: bytes = SYN, interface: int = 0, comments: tuple[str, ...] = (), **fields: Any) -> bytes:
    options = [(wire.OPT_COMMENT, each.encode()) for each in comments]
    return wire.enhanced_packet(
        interface, T * 10**6 + micros, data, options=wire.options(*options) if options else b"", **fields
    )


TWO = wire.section_header() + named("eth0") + named("wlan0")


# ---------------------------------------------------------------- lines


def test_lines(show: Any) -> None:
    capture = TWO + packet(0) + packet(101, ACK) + packet(213, REQUEST, comments=("comment",))
    assert show(capture, "--packets", "1,3") == [
        "2026-11-22 (UTC)",
        "   1  12:00:00.000000  eth0  10.0.0.1:51000 → 10.0.0.2:80     TCP   SYN                      54",
        "   3  12:00:00.000213  eth0  10.0.0.1:51000 → 10.0.0.2:80     HTTP  GET /index.html          82   # comment",
    ]


def test_the_interface_is_shown_if_there_are_several(show: Any) -> None:
    assert show(wire.section_header() + named("eth0") + packet(0)) == [
        "2026-11-22 (UTC)",
        "   1  12:00:00.000000  10.0.0.1:51000 → 10.0.0.2:80     TCP   SYN                      54",
    ]
    late = wire.section_header() + wire.interface() + packet(0) + wire.interface() + packet(1, interface=1)
    later = wire.section_header() + wire.interface() + packet(2)
    assert show(late + later, "--columns", "number,interface,section") == [
        "   1  0     0",
        "   2  1     0",
        "   3  1:0   1",
    ]
    assert [line.split()[2] for line in show(late)[1:]] == ["10.0.0.1:51000", "1"]


def test_a_long_name_of_an_interface_is_cut_in_lines_and_whole_in_records(show: Any) -> None:
    capture = wire.section_header() + named("x" * 60_000) + b"".join(packet(number) for number in range(3000))
    assert show(capture, "--columns", "interface")[2999] == f"{'x' * 80}…"
    assert show(capture, "--columns", "interface", "--csv") == ["interface"] + ["x" * 60_000] * 3000


def test_columns_become_wider_with_their_texts(show: Any) -> None:
    six = ethernet(IP6, ipv6(UDP, udp()))
    lines = show(wire.section_header() + wire.interface() + packet(0) + packet(1, six) + packet(2))
    assert [line.index("UDP" if "UDP" in line else "TCP") for line in lines[1:]] == [56, 62, 62]
    long = ethernet(IP, ipv4(TCP, tcp(b"GET /" + b"x" * 100 + b" HTTP/1.1\r\n")))
    lines = show(wire.section_header() + wire.interface() + packet(0) + packet(1, long) + packet(2))
    assert [len(line) for line in lines[1:]] == [89, 175, 90]


def test_wide_characters_take_two_cells(show: Any) -> None:
    """A terminal shows some characters of other scripts as wide as two letters, and accents on the letter before."""
    names = "eth0", "網卡介面", "e\u0301th", "ที่นี่", "很長的網卡介面名", "eth1"
    interfaces = b"".join(map(named, names))
    capture = wire.section_header() + interfaces + b"".join(packet(at, interface=at) for at in range(len(names)))
    assert show(capture, "--columns", "interface,captured_length") == [
        "eth0     54",
        "網卡介面     54",  # 8 cells
        "e\u0301th          54",  # 3 cells
        "ที่นี่           54",  # 2 consonants with 4 marks above
        "很長的網卡介面名     54",  # 16 cells
        "eth1                 54",
    ]


def test_comments(show: Any) -> None:
    capture = TWO + packet(0, comments=("one", "two\nlines\x1b[31m\u202e")) + packet(1)
    first, second = show(capture, "--columns", "number,comments")
    assert first == "   1   # one  # two\\x0alines\\x1b[31m\\u202e"
    assert second == "   2"


def test_no_packet_and_damage(show: Any, capfd: pytest.CaptureFixture[str]) -> None:
    assert show(wire.section_header() + wire.interface()) == []
    Path("cut.pcap").write_bytes(CUT)
    found = run_in_process(capfd, "show", "cut.pcap")
    assert (found.status, found.out.count(b"\n")) == (3, 2)
    assert found.err.startswith("pcapconv: warning: cut.pcap: offset 44 (packet 2): ")
    Path("no.pcap").write_bytes(b"text")
    assert run_in_process(capfd, "show", "no.pcap").status == 1


def test_bytes_below_lines(show: Any) -> None:
    data = bytes(range(30, 50))
    lines = show(wire.section_header() + wire.interface(220) + packet(0, data), "-x")
    assert lines[2:] == [
        "      0000  1e 1f 20 21 22 23 24 25  26 27 28 29 2a 2b 2c 2d  .. !\"#$%&'()*+,-",
        "      0010  2e 2f 30 31                                       ./01",
    ]


def test_tunnels(show: Any) -> None:
    inner = ethernet(IP, ipv4(TCP, tcp(b"", flags=2), source="10.0.0.1", destination="10.0.0.2"))
    capture = wire.section_header() + wire.interface() + packet(0, ethernet(IP, ipv4(UDP, vxlan(inner))))
    columns = "--columns=source,protocol,essence"
    assert show(capture, columns) == ["192.0.2.1:40000  VXLAN  10.0.0.1:51000 → 10.0.0.2:8 TCP SYN"]
    assert show(capture, columns, "--inner") == ["10.0.0.1:51000  TCP   SYN"]


# ---------------------------------------------------------------- times


def times(show: Any, capture: bytes, *arguments: str) -> list[str]:
    return [line.rstrip() for line in show(capture, "--columns", "time", *arguments)]


def test_times(show: Any) -> None:
    capture = TWO + packet(250) + packet(1_000_250) + packet(0)
    assert times(show, capture, "--time", "utc")[1:] == ["12:00:00.000250", "12:00:01.000250", "12:00:00.000000"]
    assert times(show, capture, "--time", "relative") == ["0.000000", "1.000000", "-0.000250"]
    assert times(show, capture, "--time", "delta") == ["0.000000", "1.000000", "-1.000250"]
    assert times(show, capture, "--time", "epoch") == [f"{T}.000250", f"{T + 1}.000250", f"{T}.000000"]


def test_relative_times_count_from_the_first_packet_of_the_capture(show: Any) -> None:
    capture = TWO + packet(0) + packet(250) + packet(500)
    assert times(show, capture, "--time", "relative", "--packets", "2-") == ["0.000250", "0.000500"]
    assert times(show, capture, "--time", "delta", "--packets", "2-") == ["0.000000", "0.000250"]


def test_differences_from_a_finer_time_have_its_digits(show: Any) -> None:
    nano = wire.section_header() + named("a", NANO) + named("b")
    capture = nano + wire.enhanced_packet(0, T * 10**9 + 500, SYN) + packet(0, interface=1) + packet(3, interface=1)
    assert times(show, capture, "--time", "relative") == ["0.000000000", "-0.000000500", "0.000002500"]
    assert times(show, capture, "--time", "delta") == ["0.000000000", "-0.000000500", "0.000003"]


def test_digits_are_those_of_the_interface(show: Any) -> None:
    nano = wire.section_header() + named("a", NANO) + named("b")
    capture = nano + wire.enhanced_packet(0, T * 10**9 + 1, SYN) + packet(1, interface=1)
    assert times(show, capture, "--time", "epoch") == [f"{T}.000000001", f"{T}.000001"]
    pico = wire.section_header() + named("a", (wire.IF_TSRESOL, b"\x0c"))
    capture = pico + wire.enhanced_packet(0, 1_999, SYN)
    assert times(show, capture) == ["1970-01-01 (UTC)", "00:00:00.000000001"]
    assert json.loads(show(capture, "--json")[0])["time"] == "1970-01-01T00:00:00.000000001999Z"


def test_headings_for_dates_and_zones(show: Any) -> None:
    capture = TWO + packet(0) + packet(43_200 * 10**6) + packet(43_201 * 10**6) + packet(1)
    assert times(show, capture) == [
        *("2026-11-22 (UTC)", "12:00:00.000000", "2026-11-23 (UTC)", "00:00:00.000000", "00:00:01.000000"),
        *("2026-11-22 (UTC)", "12:00:00.000001"),
    ]
    berlin = times(show, TWO + packet(0), "--timezone", "Europe/Berlin")
    assert berlin == ["2026-11-22 (Europe/Berlin, +01:00)", "13:00:00.000000"]
    back = TWO + packet((1_792_889_999 - T) * 10**6) + packet((1_792_890_000 - T) * 10**6)
    assert times(show, back, "--timezone", "Europe/Berlin") == [
        *("2026-10-25 (Europe/Berlin, +02:00)", "02:59:59.000000"),
        *("2026-10-25 (Europe/Berlin, +01:00)", "02:00:00.000000"),
    ]
    assert times(show, TWO + packet(0), "--timezone", "Europe/Berlin", "--time", "utc")[0] == "2026-11-22 (UTC)"


def test_a_packet_without_a_time(show: Any) -> None:
    capture = wire.section_header() + wire.interface() + wire.simple_packet(SYN) + packet(0)
    for time in ("relative", "delta"):
        assert times(show, capture, "--time", time) == ["-", "0.000000"]
    assert times(show, capture) == ["-", "2026-11-22 (UTC)", "12:00:00.000000"]
    assert [json.loads(line)["time"] for line in show(capture, "--json")] == [None, "2026-11-22T12:00:00.000000Z"]


def test_times_that_are_no_dates_or_are_not_known(show: Any) -> None:
    far = wire.interface(options=wire.options((wire.IF_TSOFFSET, wire.number(10**15, 8))))
    unknown = wire.interface(options=wire.options((wire.IF_TSRESOL, b"\6\0")))
    capture = wire.section_header() + far + unknown + packet(0) + packet(0, interface=1)
    assert times(show, capture) == [f"{10**15 + T}.000000", "-"]
    assert times(show, capture, "--time", "relative") == ["0.000000", "-"]


# ---------------------------------------------------------------- names


def test_names(show: Any) -> None:
    def block(name: str) -> bytes:
        mac = wire.NRB_RECORD_EUI48, bytes.fromhex("02005e000001") + b"printer\0"
        return wire.names(wire.ipv4_name("10.0.0.1", name, "other"), wire.ipv6_name("2001:db8::1", "six"), mac)

    first = TWO + packet(0) + block("client") + packet(1, ethernet(IP6, ipv6(UDP, udp())))
    second = (
        wire.section_header() + wire.interface() + packet(2) + block("again \x1b[2J") + packet(3, ethernet(ARP, arp(1)))
    )
    found = show(first + second, "--names", "--columns", "source,destination", "--json")
    assert [tuple(json.loads(line).values())[1:] for line in found] == [
        ("client:51000", "10.0.0.2:80"),
        ("six:40000", "[2001:db8::2]:9"),
        (r"again\x20\x1b[2J:51000", "10.0.0.2:80"),
        ("printer", "02:00:5e:00:00:02"),
    ]
    assert json.loads(show(first, "--json")[0])["source"] == "10.0.0.1:51000"


def test_a_capture_with_more_names_than_are_kept(show: Any) -> None:
    records = [wire.ipv4_name(f"10.{n >> 16}.{n >> 8 & 255}.{n & 255}", f"host{n}") for n in range(1, 90_000)]
    blocks = b"".join(wire.names(*records[at : at + 1000]) for at in range(0, len(records), 1000))
    warning = "pcapconv: warning: a.pcapng: there are more names of addresses than are kept; other addresses are shown"
    first, second = show(
        TWO + blocks + packet(0) + packet(1, ethernet(IP, ipv4(TCP, tcp(), source="10.1.95.143"))),
        *("--names", "--columns", "source"),
        err=f"{warning} without names\n",
    )
    assert (first, second) == ("host1:51000", "10.1.95.143:51000")


# ---------------------------------------------------------------- records


def test_json(show: Any) -> None:
    (line,) = show(TWO + packet(0, comments=("a\x1b",), original_length=60), "--json")
    assert "\x1b" not in line
    assert json.loads(line) == {
        "schema": {"name": "pcapconv-packet", "version": 1},
        "number": 1,
        "time": "2026-11-22T12:00:00.000000Z",
        "interface": "eth0",
        "source": "10.0.0.1:51000",
        "destination": "10.0.0.2:80",
        "protocol": "TCP",
        "essence": "SYN",
        "original_length": 60,
        "comments": ["a\x1b"],
    }


def test_csv(show: Any) -> None:
    capture = TWO + packet(0, comments=('say "x", y', "\x1b")) + packet(1, interface=1)
    lines = show(capture, "--csv")
    head = ["number", "time", "interface", "source", "destination", "protocol", "essence", "original_length"]
    same = ["10.0.0.1:51000", "10.0.0.2:80", "TCP", "SYN", "54"]
    assert list(csv.reader(io.StringIO("\n".join(lines)))) == [
        [*head, "comments"],
        ["1", "2026-11-22T12:00:00.000000Z", "eth0", *same, 'say "x", y; \\x1b'],
        ["2", "2026-11-22T12:00:00.000001Z", "wlan0", *same, ""],
    ]
    assert show(wire.section_header(), "--csv") == lines[:1]


def test_columns(show: Any) -> None:
    tagged = ethernet(VLAN, vlan(5, IP, ipv4(TCP, tcp(b"x"))))
    columns = "vlan_id,ttl,source_mac,source_address,source_port,tcp_flags,path,ended,tunnel,data,captured_length"
    (line,) = show(TWO + packet(0, tagged), "--columns", columns, "--json")
    assert list(json.loads(line).values())[1:] == [
        *(5, 64, "02:00:5e:00:00:01", "192.0.2.1", 51000, 24, "eth:vlan:ip:tcp", "complete", None),
        *(tagged.hex(), 59),
    ]
    assert show(TWO + packet(0, tagged), "--columns", "vlan_id,path,tunnel,ended") == ["5  eth:vlan:ip:tcp    complete"]
    other = ethernet(0x88B5, b"other")
    found = show(TWO + packet(0, REQUEST) + packet(1, other), "--columns", "protocol,last_protocol,network_protocol")
    assert found == ["HTTP  TCP  2048", "0x88b5  0x88b5  34997"]
    mapped = ethernet(IP6, ipv6(UDP, udp(), source="::ffff:192.0.2.1"))  # as `str` writes it in Python 3.13
    assert show(TWO + packet(0, mapped), "--columns", "source,source_address") == [
        "[::ffff:192.0.2.1]:40000  ::ffff:192.0.2.1"
    ]
    (line,) = show(TWO + packet(0, arp(1), interface=1), "--columns", ",".join(COLUMNS), "--json")
    assert list(json.loads(line)) == ["schema", *COLUMNS]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--columns time,size", "--columns size: there is no such column; there are number, time, interface, "),
        ("--columns time,time", "--columns time: it is given twice"),
        ("--columns=", "--columns: there is no such column"),
        ("--json --csv", "--json and --csv are two forms; give one of them"),
        ("--json -x", "-x is for lines; "),
        ("--time noon", "--time noon: must be utc, local, relative, delta or epoch"),
        ("--timezone Mars", "--timezone Mars: "),
        ("--first 0", "--first 0: "),
        ("--snaplen 4", "show has no option --snaplen; "),
    ],
)
def test_refusals(words: str, message: str, capfd: pytest.CaptureFixture[str]) -> None:
    found = run_in_process(capfd, "show", WEB_PCAPNG, *words.split())
    assert (found.status, found.out) == (2, b"")
    assert found.err.startswith(f"pcapconv: {message}")


# ---------------------------------------------------------------- selecting


@pytest.mark.parametrize(
    "words",
    [
        "--first 3",
        "--last 3",
        "--packets 2-4,9",
        "--drop-packets 1-30",
        "--after +10ms",
        "--before +10ms --in-order",
        "--filter tcp[13]&2!=0",
        "--interface lo",
        "--comment-matches .",
        "--direction in",
        "--dedup 4",
        "--sort --invert --first 3",
    ],
)
def test_the_packets_are_those_that_convert_selects(words: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_in_process(capfd, "convert", WEB_PCAPNG, "out.pcapng", *words.split()).status == 0
    found = run_in_process(capfd, "show", WEB_PCAPNG, "--columns", "time,data", "--json", *words.split())
    shown = [json.loads(line) for line in found.out.splitlines()]
    with pcapconv.open("out.pcapng") as capture:
        assert [each["data"] for each in shown] == [each.data.hex() for each in capture]


# ---------------------------------------------------------------- the library


def test_the_summary_of_a_packet() -> None:
    with pcapconv.open(WEB_PCAPNG) as capture:
        found = [next(capture.__iter__()) for _ in range(4)][3]
    assert found.summary == ("127.0.0.1:36328", "127.0.0.1:80", "HTTP", "GET /")
    assert found.inner_summary == found.summary
