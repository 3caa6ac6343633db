"""Splitting by flow and by host: against a second implementation, against tshark, and names."""

import io
import os
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import expected_headers
import protocols
import pytest
import wire
from conversions import Pipe
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from protocols import A4, A6, B4, B6, arp, ethernet, fragment, icmp, ipv4, ipv6, tcp, udp, vlan
from splitting import both_forms, parts_and_report
from wire import LITTLE, In

import pcapconv
from pcapconv import UsageError, cli
from pcapconv.splitting import by_flow_or_host, split

pytestmark = pytest.mark.usefixtures("no_thread_is_left")
W = In(LITTLE)
IP, IP6, UDP, TCP = protocols.IP, protocols.IP6, protocols.UDP, protocols.TCP
SAMPLES = Path(__file__).parent / "samples"


def capture_of(packets: Sequence[bytes], link_type: int = 1, between: dict[int, bytes] | None = None) -> bytes:
    """A capture of these packets, with other blocks in front of some."""
    blocks = [W.section_header(), W.interface(link_type)]
    for number, data in enumerate(packets):
        blocks.append((between or {}).get(number, b""))
        blocks.append(W.enhanced_packet(0, 10**15 + number, data))
    return b"".join(blocks)


def numbers_by_name(capture: bytes, by: str, **options: Any) -> dict[str, list[int]]:
    """The numbers of each part's packets, counted from 0 by their times, by the name of the part."""
    written, report = parts_and_report(capture, f"{{{by}}}.pcapng", by=by, **options)
    names = [os.path.basename(name).removesuffix(".pcapng") for name in report.outputs]
    assert report.losses == {}
    return {
        name: [packet.ticks - 10**15 for packet in wire.read_pcapng(part) if packet.ticks is not None]
        for name, part in zip(names, written)
    }


def ip(protocol: int, rest: bytes, **values: Any) -> bytes:
    return ethernet(IP, ipv4(protocol, rest, **values))


def back(protocol: int, rest: bytes, **values: Any) -> bytes:
    return ip(protocol, rest, source=B4, destination=A4, **values)


# ---------------------------------------------------------------- facts


@both_forms
def test_a_flow_has_both_directions_and_packets_without_ip_a_part_of_their_own() -> None:
    packets = [
        ip(TCP, tcp(source=5, destination=80)),
        ethernet(protocols.ARP, arp(1)),
        back(TCP, tcp(source=80, destination=5)),
        ip(UDP, udp(source=5, destination=80)),
        ip(TCP, tcp(source=6, destination=80)),
        ethernet(protocols.VLAN, vlan(7, IP, ipv4(TCP, tcp(source=5, destination=80)))),
        ip(protocols.ICMP, icmp()),
        back(protocols.ICMP, icmp(0)),
        ip(protocols.GRE, b"\0\0\x08\0" + ipv4(UDP, udp())),
        ip(200, b"?"),
        ethernet(IP6, ipv6(UDP, udp(source=9, destination=5), source=B6, destination=A6)),
        b"",
        ethernet(0x88B5, b"?"),
        ip(TCP, tcp(source=5, destination=80, flags=2)),
        ip(TCP, tcp(source=80, destination=5)),
    ]
    assert numbers_by_name(capture_of(packets), "flow") == {
        "tcp-192.0.2.1.5-198.51.100.2.80": [0, 2, 5, 13],
        "no-ip": [1, 11, 12],
        "udp-192.0.2.1.5-198.51.100.2.80": [3],
        "tcp-192.0.2.1.6-198.51.100.2.80": [4],
        "icmp-192.0.2.1-198.51.100.2": [6, 7],
        "gre-192.0.2.1-198.51.100.2": [8],
        "ip200-192.0.2.1-198.51.100.2": [9],
        "udp-2001_db8__2.9-2001_db8__1.5": [10],
        "tcp-192.0.2.1.80-198.51.100.2.5": [14],
    }


@both_forms
def test_a_packet_is_in_the_parts_of_both_its_hosts() -> None:
    packets = [
        ip(TCP, tcp()),
        ethernet(protocols.ARP, arp(1)),
        back(TCP, tcp()),
        ip(UDP, udp(), destination="192.0.2.9"),
        ip(UDP, udp(), destination=A4),
        ethernet(IP6, ipv6(UDP, udp())),
        ip(UDP, udp(), source="192.0.2.9", destination=B4),
    ]
    assert numbers_by_name(capture_of(packets), "host") == {
        "192.0.2.1": [0, 2, 3, 4],
        "198.51.100.2": [0, 2, 6],
        "no-ip": [1],
        "192.0.2.9": [3, 6],
        "2001_db8__1": [5],
        "2001_db8__2": [5],
    }


@both_forms
def test_the_same_address_in_both_versions_of_ip_is_two_hosts() -> None:
    mapped = ipv6(UDP, udp(), source="::ffff:192.0.2.1", destination="::ffff:192.0.2.1")
    found = numbers_by_name(capture_of([ip(UDP, udp(), destination=A4), ethernet(IP6, mapped)]), "host")
    assert found == {"192.0.2.1": [0], "__ffff_192.0.2.1": [1]}
    found = numbers_by_name(capture_of([ip(UDP, udp(), destination=A4), ethernet(IP6, mapped)]), "flow")
    assert list(found.values()) == [[0], [1]]


def fragments(number: int, protocol: int = UDP, rest: bytes | None = None) -> list[bytes]:
    """A datagram in three fragments, of IPv4."""
    rest = udp(bytes(100)) if rest is None else rest
    return [
        ip(protocol, rest[:24], identification=number, fragment=0x2000),
        ip(protocol, rest[24:48], identification=number, fragment=0x2003),
        ip(protocol, rest[48:], identification=number, fragment=6),
    ]


@both_forms
def test_fragments_are_with_their_first_in_any_order() -> None:
    a, b = fragments(1), fragments(2, rest=udp(bytes(100), source=77))
    six = [
        ethernet(IP6, ipv6(44, fragment(UDP, udp(bytes(16), source=5, destination=6), 0, 1))),
        ethernet(IP6, ipv6(44, fragment(UDP, bytes(8), 24))),
    ]
    flow_a, flow_b = "udp-192.0.2.1.40000-198.51.100.2.9", "udp-192.0.2.1.77-198.51.100.2.9"
    flow_6 = "udp-2001_db8__1.5-2001_db8__2.6"
    found = numbers_by_name(capture_of([a[0], a[1], six[0], b[0], a[2], b[2], b[1], six[1]]), "flow")
    assert found == {flow_a: [0, 1, 4], flow_6: [2, 7], flow_b: [3, 5, 6]}
    found = numbers_by_name(capture_of([a[2], six[1], b[2], a[0], b[1], a[1], six[0], b[0]]), "flow")
    assert found == {flow_a: [0, 3, 5], flow_6: [1, 6], flow_b: [2, 4, 7]}
    tcp_with_it = fragments(1, TCP, tcp(bytes(100)))  # the same identification in another protocol
    found = numbers_by_name(capture_of([a[0], tcp_with_it[0], a[1], tcp_with_it[1]]), "flow")
    assert list(found.values()) == [[0, 2], [1, 3]]
    again = fragments(1, rest=udp(bytes(100), source=77))  # the identification is used again
    found = numbers_by_name(capture_of([*a, *again]), "flow")
    assert found == {flow_a: [0, 1, 2], flow_b: [3, 4, 5]}


@both_forms
def test_fragments_behind_ah_are_with_their_first() -> None:
    rest = protocols.ah(UDP, udp(bytes(100)))
    found = numbers_by_name(capture_of(fragments(3, protocols.AH, rest)), "flow")
    assert list(found.values()) == [[0, 1, 2]]


@both_forms
def test_fragments_whose_first_never_comes_are_a_flow_without_ports() -> None:
    a, b = fragments(1), fragments(2)
    plain = ip(UDP, udp())
    found = numbers_by_name(capture_of([a[1], plain, a[2], b[2], plain]), "flow")
    assert found == {"udp-192.0.2.1.40000-198.51.100.2.9": [1, 4], "udp-192.0.2.1-198.51.100.2": [0, 2, 3]}


@both_forms
def test_a_first_fragment_that_comes_too_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """4 MiB of packets later; here with a buffer that has no room for these."""
    a, far = fragments(1), ethernet(IP, ipv4(TCP, tcp(bytes(60000))))
    near = [a[2], *[far] * 69, a[0]]
    late = [a[2], *[far] * 70, a[0]]
    flow, other = "udp-192.0.2.1.40000-198.51.100.2.9", "udp-192.0.2.1-198.51.100.2"
    assert numbers_by_name(capture_of(near), "flow")[flow] == [0, 70]
    found = numbers_by_name(capture_of(late), "flow")
    assert (found[flow], found[other]) == ([71], [0])
    monkeypatch.setattr(by_flow_or_host, "_HELD", 2**20)
    found = numbers_by_name(capture_of(near), "flow")
    assert (found[flow], found[other]) == ([70], [0])


@both_forms
def test_fragments_wait_until_another_block() -> None:
    a = fragments(1)
    found = numbers_by_name(capture_of([a[2], a[1], a[0]], between={2: W.statistics(0, 5)}), "flow")
    assert found == {"udp-192.0.2.1-198.51.100.2": [0, 1], "udp-192.0.2.1.40000-198.51.100.2.9": [2]}


@both_forms
def test_packets_that_are_cut() -> None:
    whole = ip(TCP, tcp(source=5, destination=80))
    found = numbers_by_name(capture_of([whole[:size] for size in (14, 26, 33, 34, 37, 38, 54)]), "flow")
    assert found == {
        "no-ip": [0, 1, 2],
        "tcp-192.0.2.1-198.51.100.2": [3, 4],
        "tcp-192.0.2.1.5-198.51.100.2.80": [5, 6],
    }


@both_forms
@pytest.mark.parametrize("by", ["flow", "host"])
def test_other_blocks_keep_their_place(by: str) -> None:
    """Statistics go to the part of the packet before them, and each part has the section's header, interfaces and
    names."""
    one, two = ip(UDP, udp(), destination=A4), ip(TCP, tcp(), source=B4)
    names, statistics = W.names(wire.ipv4_name("192.0.2.1", "a.example")), W.statistics(0, 5)
    head = W.section_header() + W.interface(1)
    blocks = [W.enhanced_packet(0, number, data) for number, data in enumerate((one, two, one, two))]
    capture = head + blocks[0] + blocks[1] + statistics + names + blocks[2] + blocks[3]
    written, report = parts_and_report(capture, "{index}.pcapng", by=by)
    assert written == [
        head + blocks[0] + names + blocks[2],
        head + blocks[1] + statistics + names + blocks[3],
    ]
    assert report.packets_written == report.packets_read == 4


@both_forms
def test_sections_interfaces_and_link_types_share_a_part() -> None:
    data = ipv4(UDP, udp())
    first = W.section_header() + W.interface(1) + W.enhanced_packet(0, 1, ethernet(IP, data))
    second = W.section_header() + W.interface(101) + W.enhanced_packet(0, 2, data)
    written, _ = parts_and_report(first + second, "{flow}.pcapng", by="flow")
    assert written == [first + second]
    with pytest.raises(pcapconv.TargetError, match="2 link types"):
        parts_and_report(first + second, "{flow}.pcap", by="flow")


@both_forms
def test_what_a_packet_loses_in_two_parts_counts_once() -> None:
    picoseconds = W.options((wire.IF_TSRESOL, b"\x0c"))
    comment = W.options((wire.OPT_COMMENT, b"seen"))
    head = W.section_header() + W.interface(1, options=picoseconds)
    data = ip(UDP, udp())
    capture = head + W.enhanced_packet(0, 10**15 + 1, data, options=comment) + W.simple_packet(data)
    capture += W.enhanced_packet(0, 10**15, ip(UDP, udp(), destination=A4), options=comment)
    written, report = parts_and_report(capture, "{host}.pcap", by="host")
    assert [len(wire.read_pcap(part)) for part in written] == [3, 2]
    assert report.losses == pcapconv.convert(io.BytesIO(capture), io.BytesIO(), to="pcap").losses
    assert report.losses == {"comments": 2, "packets-without-time": 1, "time-digits": 1}


@both_forms
def test_a_pcap_file_and_an_empty_capture() -> None:
    packets = [ip(UDP, udp()), ethernet(protocols.ARP, arp(1)), ip(UDP, udp(), source=B4, destination=A4)]
    records = [W.pcap_record(7, number, data) for number, data in enumerate(packets)]
    written, _ = parts_and_report(W.pcap_header() + b"".join(records), "{flow}.pcap", by="flow")
    assert written[0] == W.pcap_header() + records[0] + records[2] or written[1] == W.pcap_header() + records[1]
    written, report = parts_and_report(W.pcap_header(), "x-{flow}.pcap", by="flow")
    assert written == [W.pcap_header()]
    assert os.path.basename(report.outputs[0]) == "x-none.pcap"


def test_fields_are_those_of_the_split(tmp_path: Path) -> None:
    capture = io.BytesIO(capture_of([ip(UDP, udp())]))
    for by, field in (("flow", "host"), ("host", "flow"), ("section", "flow")):
        template = tmp_path / f"{{{field}}}.pcapng"
        with pytest.raises(UsageError) as caught:
            split(capture, template, by=by)  # type: ignore[arg-type]
        fields = "{index}, {start:%Y%m%dT%H%M%S}, {interface}, {link_type}, {section}, {stem}"
        own = "" if by == "section" else f", {{{by}}}"
        assert str(caught.value) == f"{template}: {{{field}}} needs by='{field}'; fields are {fields}{own}"


def test_a_field_of_another_split_on_the_command_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["split", "in.pcap", "{host}.pcap", "--max-packets", "3"]) == 2
    assert capsys.readouterr().err == (
        "pcapconv: {host}.pcap: {host} needs --by host; "
        "fields are {index}, {start:%Y%m%dT%H%M%S}, {interface}, {link_type}, {section}, {stem}\n"
    )


def test_too_many_flows(tmp_path: Path) -> None:
    capture = capture_of([ip(UDP, udp(source=port)) for port in range(1, 22)])
    with pytest.raises(UsageError, match="makes more than 20 parts"):
        split(io.BytesIO(capture), tmp_path / "{flow}.pcapng", by="flow", max_parts=20)
    assert list(tmp_path.iterdir()) == []
    assert len(split(io.BytesIO(capture), tmp_path / "{flow}.pcapng", by="flow", max_parts=21).outputs) == 21


_SPLIT_WITH_FEW_FILES = """
import resource, sys
import pcapconv
resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))
report = pcapconv.split(sys.argv[1], sys.argv[2], by="flow", max_parts=100_000)
print(len(report.outputs), report.packets_written)
"""


@pytest.mark.slow
def test_a_hundred_thousand_flows_need_no_more_open_files_than_a_few(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    ports = [*range(1, 50_001), *range(50_000, 0, -1)]
    with (tmp_path / "many.pcap").open("wb") as out:
        out.write(W.pcap_header(link_type_word=protocols.IPV4))
        for time, port in enumerate(ports):
            for build, number in ((udp, UDP), (tcp, TCP)):
                out.write(W.pcap_record(time, number, ipv4(number, build(b"", source=port))))
    done = subprocess.run(
        [
            *(sys.executable, "-P", "-c", _SPLIT_WITH_FEW_FILES),
            *(str(tmp_path / "many.pcap"), str(tmp_path / "parts" / "{flow}.pcap")),
        ],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.split() == ["100000", "200000"]
    for name, port in (("udp", 1), ("udp", 50_000), ("tcp", 31_234)):
        part = tmp_path / "parts" / f"{name}-192.0.2.1.{port}-198.51.100.2.{9 if name == 'udp' else 8}.pcap"
        times = [packet.ticks // 10**6 for packet in wire.read_pcap(part.read_bytes()) if packet.ticks is not None]
        assert times == [port - 1, 100_000 - port]
    assert sum(1 for _ in (tmp_path / "parts").iterdir()) == 100_000


def test_merged_again_the_parts_are_the_capture(tmp_path: Path) -> None:
    sample = SAMPLES / "web.pcap"
    report = split(sample, tmp_path / "{flow}.pcap", by="flow")
    assert len(report.outputs) == 2
    pcapconv.merge(report.outputs, tmp_path / "again.pcap")
    assert (tmp_path / "again.pcap").read_bytes() == sample.read_bytes()


# ---------------------------------------------------------------- any capture

PORTS = st.sampled_from([5, 80])
ADDRESSES4 = st.sampled_from([A4, B4])
ADDRESSES6 = st.sampled_from([A6, B6])


@st.composite
def invented_packet(draw: st.DrawFn) -> bytes:
    kind = draw(st.sampled_from("tuuiff66arv8"))
    ends: dict[str, Any] = {"source": draw(ADDRESSES4), "destination": draw(ADDRESSES4)}
    ends6: dict[str, Any] = {"source": draw(ADDRESSES6), "destination": draw(ADDRESSES6)}
    rest = udp(bytes(draw(st.sampled_from([0, 8, 24]))), source=draw(PORTS), destination=draw(PORTS))
    number, offset, more = draw(st.integers(1, 2)), draw(st.sampled_from([0, 0, 1, 2])), draw(st.booleans())
    if kind == "t":
        return ethernet(IP, ipv4(TCP, tcp(source=draw(PORTS), destination=draw(PORTS)), **ends))
    if kind == "f":
        protocol = draw(st.sampled_from([UDP, TCP]))
        return ethernet(IP, ipv4(protocol, rest, identification=number, fragment=offset | more << 13, **ends))
    if kind == "6":
        return ethernet(IP6, ipv6(UDP, rest, **ends6))
    if kind == "8":
        return ethernet(IP6, ipv6(44, fragment(UDP, rest, offset * 8, more, number), **ends6))
    if kind == "i":
        return ethernet(IP, ipv4(protocols.ICMP, icmp(), **ends))
    if kind == "v":
        return ethernet(protocols.VLAN, vlan(7, IP, ipv4(UDP, rest, **ends)))
    if kind == "a":
        return ethernet(protocols.ARP, arp(1, A4, B4))
    return ethernet(IP, ipv4(UDP, rest, **ends)) if kind == "u" else bytes(draw(st.integers(0, 12)))


def groups_of(packets: Sequence[bytes], by: str, distance: int) -> list[list[int]]:
    groups: dict[object, list[int]] = {}
    flows = expected_headers.flows([(1, data) for data in packets], distance)
    for number, data in enumerate(packets):
        found = expected_headers.ends(1, data)
        if by == "flow":
            keys: list[object] = [flows[number]]
        else:
            keys = [None] if found is None else list(dict.fromkeys((found.source[0], found.destination[0])))
        for key in keys:
            groups.setdefault(key, []).append(number)
    return sorted(groups.values())


LOTS = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], max_examples=150)


@both_forms
@LOTS
@given(st.lists(invented_packet(), max_size=30), st.sampled_from(["flow", "host"]), st.sampled_from([0, 300, 2**22]))
def test_any_capture(monkeypatch: pytest.MonkeyPatch, packets: list[bytes], by: str, distance: int) -> None:
    expected = groups_of(packets, by, distance)
    capture = capture_of(packets)
    with monkeypatch.context() as patch:
        patch.setattr(by_flow_or_host, "FRAGMENT_DISTANCE", distance)
        patch.setattr(by_flow_or_host, "_HELD", 2**16)  # room for all of these
        patch.setattr(by_flow_or_host, "_ROWS", 2**10)
        found = numbers_by_name(capture, by)
        assert sorted(found.values()) == (expected or [[]])
        pieces = Pipe(capture[at : at + 50] for at in range(0, len(capture), 50))
        assert list(numbers_by_name(pieces, by).items()) == list(found.items())  # type: ignore[arg-type]
        patch.setattr(by_flow_or_host, "_ROWS", 4)
        if distance == 0 or by == "host":  # else fragments wait longer than there is room
            assert numbers_by_name(capture, by) == found


# ---------------------------------------------------------------- judged by tshark


def conversations(capture: Path, protocol: str) -> Counter[frozenset[str]]:
    """How many packets tshark counts between two ends. It takes a connection with the same ports for another one."""
    command = ["tshark", "-n", "-r", str(capture), "-q", "-o", "ip.defragment:FALSE", "-o", "ipv6.defragment:FALSE"]
    out = subprocess.run([*command, "-z", f"conv,{protocol}"], capture_output=True, text=True, check=True).stdout
    counted: Counter[frozenset[str]] = Counter()
    for line in out.splitlines():
        if "<->" in line:
            a, _, b, *numbers = line.replace("bytes", "").replace("kB", "").replace("MB", "").split()
            counted[frozenset((a, b))] += int(numbers[4])
    return counted


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("protocol", ["tcp", "udp"])
@pytest.mark.parametrize(
    "sample", ["web.pcap", "web.pcapng", "names.pcapng", "tls.pcapng", "two-interfaces.pcapng", "sections-le.pcapng"]
)
def test_flows_are_the_conversations_of_tshark(tmp_path: Path, sample: str, protocol: str) -> None:
    report = split(SAMPLES / sample, tmp_path / "{flow}.pcapng", by="flow")
    assert report.parts is not None
    found: Counter[frozenset[str]] = Counter()
    for part in report.parts:
        kind, *ends = Path(part["name"]).stem.split("-")
        if kind == protocol:
            pairs = (end.replace("_", ":").rpartition(".") for end in ends)
            found[frozenset(f"{address}:{port}" for address, _, port in pairs)] = part["packets"]
    assert found == conversations(SAMPLES / sample, protocol)
