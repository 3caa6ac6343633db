"""`decapsulate`: what becomes of packets, interfaces, options and other blocks; together with other options; refusals.

`test_edit_packets.py` compares it with a second implementation, `test_decapsulate_tshark.py` with tshark.
"""

import io
import json
from pathlib import Path
from typing import Any

import protocols
import pytest
import wire
from command_line import run_in_process
from conversions import converted
from protocols import GRE, IP, IPIP, RAW, UDP, ethernet, gre, ipv4, udp, vxlan
from wire import In

import pcapconv
from pcapconv import LossError, TargetError, UsageError

pytestmark = pytest.mark.usefixtures("kernels")

INNER = ethernet(IP, ipv4(UDP, udp(b"inside"), source="10.0.0.1", destination="10.0.0.2"))
IN_VXLAN = ethernet(IP, ipv4(UDP, vxlan(INNER)))
INNER_IP = ipv4(UDP, udp(b"inside"))
IN_GRE = ethernet(IP, ipv4(GRE, gre(IP, INNER_IP)))
PLAIN = ethernet(IP, ipv4(UDP, udp(b"plain")))
W = In(wire.LITTLE)


def capture(*blocks: bytes) -> bytes:
    return W.section_header() + b"".join(blocks)


def packet(data: bytes, interface: int = 0, ticks: int = 1, **more: Any) -> bytes:
    return W.enhanced_packet(interface, ticks, data, **more)


def data_of(out: bytes) -> list[bytes]:
    read = wire.read_pcapng if out[:4] == b"\n\r\r\n" else wire.read_pcap
    return [each.data for each in read(out)]


# ---------------------------------------------------------------- packets


def test_the_packet_in_the_tunnel_becomes_the_packet() -> None:
    out, report = converted(capture(W.interface(1), packet(IN_VXLAN), packet(PLAIN)), "pcapng", decapsulate="vxlan")
    assert out == capture(W.interface(1), packet(INNER), packet(PLAIN))
    assert report.decapsulated == {"packets": 1, "not_in_tunnels": 1, "tunnels": {"vxlan": 1}}
    assert (report.left_out, report.losses) == ({}, {})


def test_padding_and_a_frame_check_sequence_go_with_the_outer_headers() -> None:
    given = capture(W.interface(1), packet(IN_VXLAN + b"padding+fcs"))
    assert converted(given, "pcapng", decapsulate="vxlan")[0] == capture(W.interface(1), packet(INNER))


@pytest.mark.parametrize("kept", [1, 30, len(INNER) - 1])
def test_of_a_packet_that_was_cut_the_original_length_is_that_of_the_inner_packet(kept: int) -> None:
    cut = IN_VXLAN[: len(IN_VXLAN) - len(INNER) + kept]
    given = capture(W.interface(1), packet(cut, original_length=len(IN_VXLAN) + 11))
    out, _ = converted(given, "pcapng", decapsulate="vxlan")
    assert out == capture(W.interface(1), packet(INNER[:kept], original_length=len(INNER)))


@pytest.mark.parametrize(
    "data",
    [
        IN_VXLAN[: len(IN_VXLAN) - len(INNER) - 1],
        ethernet(IP, ipv4(UDP, vxlan(INNER), fragment=0x2000)),
        ethernet(IP, ipv4(UDP, vxlan(INNER)[8:], fragment=0x0001)),
        ethernet(IP, ipv4(UDP, vxlan(b""))),
        IN_GRE,
    ],
    ids=["cut in front of the inner packet", "first fragment", "later fragment", "nothing in it", "another kind"],
)
@pytest.mark.parametrize("only", [False, True])
def test_what_is_in_no_such_tunnel_passes_or_is_left_out(data: bytes, only: bool) -> None:
    given = capture(W.interface(1), packet(data, original_length=2000))
    out, report = converted(given, "pcapng", decapsulate="vxlan", only_decapsulated=only)
    assert out == (capture(W.interface(1)) if only else given)
    assert report.decapsulated == {"packets": 0, "not_in_tunnels": 1, "tunnels": {}}
    assert report.packets_written == (0 if only else 1)


def test_tunnels_come_off_until_the_outermost_is_of_no_kind_that_was_named() -> None:
    both = ethernet(IP, ipv4(UDP, vxlan(ethernet(IP, ipv4(UDP, vxlan(IN_GRE))))))
    given = capture(W.interface(1), packet(both))
    out, report = converted(given, "pcapng", decapsulate="vxlan")
    assert data_of(out) == [IN_GRE]
    assert report.decapsulated == {"packets": 1, "not_in_tunnels": 0, "tunnels": {"vxlan": 2}}
    out, report = converted(given, "pcapng", decapsulate=["gre", "vxlan"])
    assert data_of(out) == [INNER_IP]
    assert report.decapsulated == {"packets": 1, "not_in_tunnels": 0, "tunnels": {"gre": 1, "vxlan": 2}}
    assert data_of(converted(given, "pcapng", decapsulate="gre")[0]) == [both]
    assert converted(given, "pcapng", decapsulate="all")[0] == converted(given, "pcapng", decapsulate="gre,vxlan")[0]


# ---------------------------------------------------------------- interfaces


def test_a_packet_of_another_link_type_gets_an_interface_made_of_its_own() -> None:
    stated = [(wire.IF_NAME, b"eth0"), (wire.OPT_COMMENT, b"uplink"), (wire.IF_TSRESOL, b"\t")]
    fcs = (wire.IF_FCSLEN, b"\x20")
    options, without_fcs = W.options(*stated[:2], fcs, stated[2]), W.options(*stated)
    given = capture(W.interface(1, 65535, options=options), packet(PLAIN), packet(IN_GRE, ticks=7), packet(IN_GRE))
    assert converted(given, "pcapng", decapsulate="gre")[0] == capture(
        W.interface(1, 65535, options=options),
        packet(PLAIN),
        W.interface(RAW, 65535, options=without_fcs),
        packet(INNER_IP, 1, ticks=7),
        packet(INNER_IP, 1),
    )


def test_a_frame_check_sequence_makes_another_interface_of_the_same_link_type() -> None:
    given = capture(W.interface(1, options=W.options((wire.IF_FCSLEN, b"\x20"))), packet(IN_VXLAN))
    out, _ = converted(given, "pcapng", decapsulate="vxlan")
    described = W.interface(1, options=W.options((wire.IF_FCSLEN, b"\x20")))
    assert out == capture(described, W.interface(1), packet(INNER, 1))


def test_interfaces_that_are_declared_later_get_other_ids() -> None:
    statistics = [W.statistics(number, 5) for number in range(4)]
    obsolete = W.obsolete_packet(1, 3, PLAIN, drops_count=2)
    given = capture(
        W.interface(1),
        packet(IN_GRE),
        W.interface(113, options=W.options((wire.IF_NAME, b"any"))),
        packet(PLAIN, 1),
        obsolete,
        packet(protocols.sll(IP, ipv4(IPIP, INNER_IP)), 1),
        packet(PLAIN),
        *statistics,
    )
    out, report = converted(given, "pcapng", decapsulate="all")
    assert out == capture(
        W.interface(1),
        W.interface(RAW),
        packet(INNER_IP, 1),
        W.interface(113, options=W.options((wire.IF_NAME, b"any"))),
        packet(PLAIN, 2),
        W.obsolete_packet(2, 3, PLAIN, drops_count=2),
        W.interface(RAW, options=W.options((wire.IF_NAME, b"any"))),
        packet(INNER_IP, 3),
        packet(PLAIN),
        W.statistics(0, 5),
        W.statistics(2, 5),
    )
    assert report.left_out == {"statistics": 2}  # of interfaces that were not declared


def test_each_section_begins_anew() -> None:
    given = capture(W.interface(1), packet(IN_GRE)) * 2
    out, _ = converted(given, "pcapng", decapsulate="gre")
    assert out == capture(W.interface(1), W.interface(RAW), packet(INNER_IP, 1)) * 2


def pcap(*packets: bytes, word: int = 1) -> bytes:
    return W.pcap_header(link_type_word=word) + b"".join(W.pcap_record(1, 2, each) for each in packets)


def test_a_pcap_file_has_the_link_type_of_what_comes_out() -> None:
    out, report = converted(pcap(PLAIN, IN_GRE), "pcap", decapsulate="gre", only_decapsulated=True)
    assert (out, report.losses) == (pcap(INNER_IP, word=RAW), {})
    out, _ = converted(pcap(PLAIN, IN_GRE), "pcapng", decapsulate="gre", only_decapsulated=True)
    assert [each.link_type for each in wire.read_interfaces(out)] == [RAW]
    out, _ = converted(pcap(PLAIN), "pcap", decapsulate="gre", only_decapsulated=True)
    assert out == pcap()


@pytest.mark.parametrize(
    ("only", "remedy"),
    [(False, "only_decapsulated=True leaves out those that were in no tunnel, "), (True, "")],
)
def test_several_link_types_out_of_tunnels_get_advice_that_helps(only: bool, remedy: str) -> None:
    given = pcap(PLAIN, IN_GRE) if not only else pcap(IN_GRE, IN_VXLAN)
    with pytest.raises(TargetError) as refused:
        converted(given, "pcap", decapsulate="all", only_decapsulated=only)
    assert str(refused.value).partition(": ")[2] == (
        "with decapsulate=, the packets are of 2 link types, and a pcap file holds one (ETHERNET (1): 1 packet, "
        f"RAW (101): 1 packet); pcapng (to='pcapng') holds them all, {remedy}and "
        "pcapconv.split(…, by='link-type', decapsulate=) writes a file for each"
    )


def test_a_pcap_file_states_no_frame_check_sequence_of_packets_out_of_tunnels() -> None:
    given = pcap(IN_VXLAN + b"fcs!", IN_VXLAN + b"fcs!", word=0x24000001)
    assert converted(given, "pcap", decapsulate="vxlan")[0] == pcap(INNER, INNER)


NAMED = W.interface(1, options=W.options((wire.IF_NAME, b"eth0")))
TWICE = {"interfaces": 2, "interface-options": 2}


@pytest.mark.parametrize(
    ("given", "losses"),
    [
        (capture(NAMED, packet(IN_GRE)), {"interface-options": 1}),
        (capture(NAMED, NAMED, packet(IN_GRE), packet(IN_GRE, 1)), TWICE),
        (capture(NAMED, NAMED, packet(IN_GRE), packet(IN_GRE, 0)), TWICE),
        (capture(NAMED, packet(IN_GRE)) * 2, {"sections": 1, **TWICE}),
        (pcap(IN_GRE, IN_GRE), {}),
    ],
)
def test_an_interface_whose_packets_get_another_link_type_is_one_interface(
    given: bytes, losses: dict[str, int]
) -> None:
    assert converted(given, "pcap", decapsulate="all")[1].losses == losses


BOTH = (packet(PLAIN), packet(IN_GRE))


@pytest.mark.parametrize(
    ("given", "way", "losses"),
    [
        (capture(NAMED, packet(IN_GRE)), {"by": "flow"}, {"interface-options": 1}),
        (capture(NAMED, packet(IN_GRE)), {"by": "interface"}, {"interface-options": 1}),
        (capture(NAMED, packet(IN_GRE)), {"by": "link-type"}, {"interface-options": 1}),
        (capture(NAMED, packet(IN_GRE)), {"max_packets": 1}, {"interface-options": 1}),
        (pcap(IN_GRE, IN_VXLAN), {"max_packets": 1}, {}),
        (pcap(PLAIN, IN_VXLAN), {"by": "link-type"}, {}),
        (pcap(PLAIN, IN_GRE), {"by": "link-type"}, {}),
        (pcap(PLAIN, IN_GRE), {"by": "interface"}, {}),
        (capture(W.interface(1), *BOTH), {"by": "interface"}, {}),
        (capture(W.interface(1), W.interface(1), *BOTH), {"by": "interface"}, {"interfaces": 1}),
        (capture(W.interface(1), W.interface(1), packet(IN_GRE)), {"by": "link-type"}, {"interfaces": 1}),
        (capture(W.interface(1), W.interface(RAW), packet(IN_GRE)), {"by": "link-type"}, {"interfaces": 2}),
        (capture(W.interface(1), W.interface(1), packet(IN_GRE)), {"by": "flow"}, {"interfaces": 2}),
    ],
)
def test_in_parts_it_is_one_interface_too(
    tmp_path: Path, given: bytes, way: dict[str, Any], losses: dict[str, int]
) -> None:
    report = pcapconv.split(io.BytesIO(given), tmp_path / "{index}.pcap", decapsulate="all", **way)
    assert (report.losses, report.left_out) == (losses, {})


def test_no_part_lacks_an_interface_whose_packets_are_in_another_part(tmp_path: Path) -> None:
    source = io.BytesIO(capture(W.interface(1), packet(IN_GRE)))
    report = pcapconv.split(source, tmp_path / "{index}.pcapng", by="interface", decapsulate="all")
    assert (tmp_path / "00001.pcapng").read_bytes() == capture(W.interface(RAW), packet(INNER_IP))
    assert (report.losses, report.left_out) == ({}, {})


# ---------------------------------------------------------------- options, and packets of other blocks


def test_hashes_go_and_flags_state_no_frame_check_sequence() -> None:
    hashed = W.options((wire.OPT_COMMENT, b"seen"), (wire.EPB_HASH, b"\2abcd"), (wire.EPB_FLAGS, b"\x81\0\0\0"))
    given = capture(W.interface(1), packet(IN_VXLAN, options=hashed), packet(PLAIN, options=hashed))
    out, report = converted(given, "pcapng", decapsulate="vxlan")
    left = W.options((wire.OPT_COMMENT, b"seen"), (wire.EPB_FLAGS, b"\1\0\0\0"))
    assert out == capture(W.interface(1), packet(INNER, options=left), packet(PLAIN, options=hashed))
    assert report.left_out == {"packet-hashes": 1}


def test_an_obsolete_block_keeps_its_drop_count() -> None:
    given = capture(W.interface(1), W.obsolete_packet(0, 1, IN_VXLAN, drops_count=3))
    out, _ = converted(given, "pcapng", decapsulate="vxlan")
    drops = W.options((wire.EPB_DROPCOUNT, W.number(3, 8)))
    assert out == capture(W.interface(1), packet(INNER, options=drops))


def test_simple_packets() -> None:
    given = capture(W.interface(1, 0), W.simple_packet(IN_VXLAN), W.simple_packet(IN_GRE))
    out, report = converted(given, "pcapng", decapsulate="all", shift_time="1s", rebase_time=None)
    assert out == capture(
        W.interface(1, 0), W.simple_packet(INNER), W.interface(RAW, 0), W.enhanced_packet(1, 0, INNER_IP)
    )
    assert report.losses == {"packets-without-time": 1}
    with pytest.raises(LossError):
        converted(given, "pcapng", decapsulate="all", on_loss="fail")
    _, report = converted(given, "pcap", decapsulate="vxlan")
    assert report.losses == {"packets-without-time": 2}


def test_what_must_not_be_copied_is_left_out() -> None:
    given = capture(W.interface(1), W.custom(wire.CUSTOM_DO_NOT_COPY, 1, b"abcd"), packet(PLAIN))
    out, report = converted(given, "pcapng", decapsulate="vxlan")
    assert (out, report.left_out) == (capture(W.interface(1), packet(PLAIN)), {"do-not-copy": 1})


# ---------------------------------------------------------------- with other options


def test_selecting_options_look_at_the_packets_as_they_were() -> None:
    given = capture(W.interface(1), packet(IN_GRE), packet(PLAIN), packet(IN_VXLAN))
    assert data_of(converted(given, "pcapng", decapsulate="all", filter="proto gre")[0]) == [INNER_IP]
    assert data_of(converted(given, "pcapng", decapsulate="all", filter="host 10.0.0.1")[0]) == []
    assert data_of(converted(given, "pcapng", decapsulate="all", packets="2-3", only_decapsulated=True)[0]) == [INNER]
    assert data_of(converted(given, "pcapng", decapsulate="all", first=2, only_decapsulated=True)[0]) == [INNER_IP]


def test_packets_are_cut_behind_the_decapsulation() -> None:
    given = capture(W.interface(1), packet(IN_VXLAN))
    out, _ = converted(given, "pcapng", decapsulate="vxlan", chop=[14], snaplen=20, adjust_length=True)
    (only,) = wire.read_pcapng(out)
    assert (only.data, only.original_length) == (INNER[14:34], len(INNER) - 14)


def test_interfaces_are_changed_before_the_decapsulation() -> None:
    given = capture(W.interface(RAW), packet(IN_GRE), W.interface(1), packet(PLAIN, 1))
    out, _ = converted(
        given, "pcapng", decapsulate="gre", link_type="ether", set_interface=["0.name=lab", "1.name=other"]
    )
    lab, other = (W.options((wire.IF_NAME, name)) for name in (b"lab", b"other"))
    assert out == capture(
        W.interface(1, options=lab),
        W.interface(RAW, options=lab),
        packet(INNER_IP, 1),
        W.interface(1, options=other),
        packet(PLAIN, 2),
    )


def test_a_comment_for_a_packet_that_is_left_out_is_refused() -> None:
    given = capture(W.interface(1), packet(PLAIN), packet(IN_VXLAN))
    comment = {"decapsulate": "vxlan", "only_decapsulated": True}
    out, _ = converted(given, "pcapng", packet_comment=["2:seen"], **comment)
    assert [wire.read_options(each.options) for each in wire.read_pcapng(out)] == [[(wire.OPT_COMMENT, b"seen")]]
    with pytest.raises(UsageError, match="packet 1 of the input is not among those written"):
        converted(given, "pcapng", packet_comment=["1:seen"], **comment)


def test_a_capture_that_is_split_by_link_type(tmp_path: Path) -> None:
    (tmp_path / "in.pcap").write_bytes(pcap(PLAIN, IN_GRE, IN_VXLAN))
    report = pcapconv.split(tmp_path / "in.pcap", tmp_path / "{link_type}.pcap", by="link-type", decapsulate="all")
    assert report.decapsulated == {"packets": 2, "not_in_tunnels": 1, "tunnels": {"gre": 1, "vxlan": 1}}
    parts = {path.name: data_of(path.read_bytes()) for path in sorted(tmp_path.iterdir()) if path.name != "in.pcap"}
    assert parts == {"ETHERNET.pcap": [PLAIN, INNER], "RAW.pcap": [INNER_IP]}


def test_a_sidecar_keeps_the_interfaces(tmp_path: Path) -> None:
    stated = W.options((wire.IF_NAME, b"eth0"))
    (tmp_path / "in.pcapng").write_bytes(capture(W.interface(1, options=stated), packet(IN_GRE), packet(IN_GRE)))
    pcapconv.convert(tmp_path / "in.pcapng", tmp_path / "out.pcap", sidecar=True, decapsulate="gre")
    pcapconv.convert(tmp_path / "out.pcap", tmp_path / "back.pcapng", sidecar=True)
    assert (tmp_path / "back.pcapng").read_bytes() == capture(
        W.interface(1, options=stated), W.interface(RAW, options=stated), packet(INNER_IP, 1), packet(INNER_IP, 1)
    )


def test_a_batch_sums_its_counts(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.pcap").write_bytes(pcap(IN_VXLAN, PLAIN))
    (tmp_path / "in" / "b.pcap").write_bytes(pcap(IN_VXLAN, ethernet(IP, ipv4(UDP, vxlan(IN_VXLAN)))))
    report = pcapconv.batch(tmp_path / "in", tmp_path / "out", jobs=1, decapsulate="vxlan")
    assert report.decapsulated == {"packets": 3, "not_in_tunnels": 1, "tunnels": {"vxlan": 4}}
    assert data_of((tmp_path / "out" / "b.pcap").read_bytes()) == [INNER, INNER]


def test_merged_captures() -> None:
    out = io.BytesIO()
    report = pcapconv.merge([io.BytesIO(pcap(IN_GRE)), io.BytesIO(pcap(IN_VXLAN))], out, to="pcapng", decapsulate="all")
    assert sorted(data_of(out.getvalue())) == sorted([INNER_IP, INNER])
    assert report.decapsulated == {"packets": 2, "not_in_tunnels": 0, "tunnels": {"gre": 1, "vxlan": 1}}


# ---------------------------------------------------------------- the command line


def test_the_command_line_and_its_report(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    paths = tmp_path / "in.pcap", tmp_path / "out.pcap"
    paths[0].write_bytes(pcap(IN_VXLAN, PLAIN))
    options = "--decapsulate", "vxlan,gre", "--only-decapsulated", "--report", tmp_path / "report.json"
    assert run_in_process(capfd, "convert", *paths, *options) == (0, b"", "")
    assert paths[1].read_bytes() == pcap(INNER)
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["decapsulated"] == {"packets": 1, "not_in_tunnels": 1, "tunnels": {"vxlan": 1}}
