"""What two captures say differently: which packets are found to differ, and what else."""

import io
from pathlib import Path
from typing import Any

import pytest
import wire
from comparing import TEN, capture, comment_options, comparison_of, differences_of, packet

from pcapconv import PcapconvError, UsageError, convert, diff

WEB = Path(__file__).parent / "samples" / "web.pcapng"


# ---------------------------------------------------------------- packets


def test_the_same_is_the_same_in_other_forms() -> None:
    records = [wire.pcap_record(0, number * 1000, b"packet %5d" % number) for number in range(1, 11)]
    for other in (
        capture(*(packet(number, byte_order=wire.BIG) for number in range(1, 11)), big=True),
        wire.pcap_header(snaplen=262144) + b"".join(records),
        capture(*TEN[:4]) + capture(*TEN[4:]),
    ):
        result = comparison_of(capture(*TEN), other)
        assert result.headers == []
        assert result.same


def test_a_removed_and_an_inserted_packet() -> None:
    without, more = capture(*TEN[:4], *TEN[5:]), capture(*TEN[:7], packet(99, 7500), *TEN[7:])
    assert differences_of(capture(*TEN), without) == [(5, None, ())]
    assert differences_of(capture(*TEN), more) == [(None, 8, ())]
    assert differences_of(more, without) == [(5, None, ()), (8, None, ())]


@pytest.mark.parametrize(
    ("changed", "fields"),
    [
        (wire.enhanced_packet(0, 5000, b"packet    6x"), ("bytes", "lengths")),
        (wire.enhanced_packet(0, 5000, b"packet    6"), ("bytes",)),
        (wire.enhanced_packet(0, 5001, b"packet     5"), ("time",)),
        (wire.enhanced_packet(0, 5000, b"packet     5", original_length=99), ("lengths",)),
        (packet(5, options=wire.options((1, b"see"))), ("options",)),
        (packet(5, options=wire.options((2, wire.number(1, 4)))), ("options",)),
    ],
)
def test_a_changed_packet(changed: bytes, fields: tuple[str, ...]) -> None:
    result = differences_of(capture(*TEN), capture(*TEN[:4], changed, *TEN[5:]))
    assert len(result) == 1
    assert result[0][:2] == (5, 5)
    assert set(result[0][2]) - {"lengths"} == set(fields) - {"lengths"}


@pytest.mark.parametrize(
    ("kind", "changed"),
    [
        ("time", wire.enhanced_packet(0, 5001, b"packet     5")),
        ("lengths", wire.enhanced_packet(0, 5000, b"packet     5", original_length=99)),
        ("comments", packet(5, options=wire.options((1, b"see")))),
        ("direction", packet(5, options=wire.options((2, wire.number(1, 4))))),
    ],
)
def test_what_is_ignored_is_not_compared(kind: str, changed: bytes) -> None:
    a, b = capture(*TEN), capture(*TEN[:4], changed, *TEN[5:])
    assert not comparison_of(a, b).same
    assert comparison_of(a, b, ignore=[kind]).same
    assert not comparison_of(a, b, ignore=["names,secrets", "interfaces"]).same


def test_packet_ids_are_compared_only_with_everything() -> None:
    a = capture(packet(1, options=wire.options((5, wire.number(7, 8)))))
    b = capture(packet(1, options=wire.options((5, wire.number(8, 8)))))
    big_id = wire.options((5, wire.number(7, 8, byte_order=wire.BIG)), byte_order=wire.BIG)
    big = capture(packet(1, options=big_id, byte_order=wire.BIG), big=True)
    assert comparison_of(a, b).same
    assert differences_of(a, b, all=True) == [(1, 1, ("options",))]
    assert comparison_of(a, big, all=True).same


@pytest.mark.parametrize(("tolerance", "same"), [("1us", True), ("999ns", False), ("1ms", True), ("0.000001s", True)])
def test_times_may_differ_by_the_tolerance(tolerance: str, same: bool) -> None:
    later = capture(*(packet(number, number * 1000 + 1) for number in range(1, 11)))
    assert comparison_of(capture(*TEN), later, time_tolerance=tolerance).same is same


def test_digits_below_a_nanosecond_are_compared() -> None:
    fine = wire.interface(options=wire.options((9, b"\x0c")))
    a, b = (capture(packet(1, 10**15 + more), head=fine) for more in (0, 1))
    assert differences_of(a, b) == [(1, 1, ("time",))]
    assert comparison_of(a, capture(packet(1, 10**9))).same


def test_no_time_is_another_time_than_0() -> None:
    a = capture(wire.simple_packet(b"four"))
    b = capture(wire.enhanced_packet(0, 0, b"four"))
    assert differences_of(a, b) == [(1, 1, ("time",))]
    assert comparison_of(a, a).same


def test_only_the_first_differences_are_shown_and_all_are_counted() -> None:
    result = comparison_of(
        capture(*TEN), capture(*(packet(number + 50, number * 1000) for number in range(1, 11))), show=3
    )
    assert result.counts == {"changed": 10}
    assert result.fields == {"bytes": 10}
    assert [each.difference.a for each in result.shown] == [1, 2, 3]


# ---------------------------------------------------------------- all else


def two_interfaces(*names: bytes) -> bytes:
    return b"".join(wire.interface(options=wire.options((2, name))) for name in names)


def test_interfaces_in_use_are_compared() -> None:
    a = capture(packet(1), packet(2, interface=1), head=two_interfaces(b"lan", b"wan"))
    b = capture(packet(1, interface=1), packet(2), head=two_interfaces(b"wan", b"lan"))
    assert comparison_of(a, b).same
    c = capture(packet(1), packet(2, interface=1), head=two_interfaces(b"lan", b"dsl"))
    assert comparison_of(a, c).headers == ["interface 0:1 wan: if_name is wan in A, dsl in B"]
    assert not comparison_of(a, c).counts
    d = capture(packet(1), packet(2), head=two_interfaces(b"lan", b"dsl"))
    assert comparison_of(a, d).headers == ["interface 0:1 wan only in A: link type 1, snaplen 262144"]
    assert differences_of(a, d) == [(2, 2, ("interface",))]
    assert comparison_of(a, d, ignore=["interfaces"]).same


def with_speed(name: bytes, speed: int) -> bytes:
    return wire.interface(options=wire.options((wire.IF_NAME, name), (wire.IF_SPEED, wire.number(speed, 8))))


def test_interfaces_have_the_numbers_of_the_files() -> None:
    unused = wire.interface()
    a = capture(packet(1), packet(2, interface=2), head=with_speed(b"eth0", 1) + unused + with_speed(b"eth2", 1))
    b = capture(packet(1), packet(2, interface=2), head=with_speed(b"eth0", 1) + unused + with_speed(b"eth2", 2))
    c = capture(packet(1), packet(2, interface=1), head=with_speed(b"eth0", 1) + with_speed(b"eth2", 2))
    later = capture(head=unused) + capture(packet(1), packet(2, interface=1), head=with_speed(b"eth0", 1) + unused)
    assert comparison_of(a, b, all=True).headers == ["interface 0:2 eth2: if_speed is 1 in A, 2 in B"]
    assert comparison_of(a, c, all=True).headers[0] == "interface 0:2 eth2 (in B 0:1 eth2): if_speed is 1 in A, 2 in B"
    assert comparison_of(c, a, all=True).headers[0] == "interface 0:1 eth2 (in B 0:2 eth2): if_speed is 2 in A, 1 in B"
    (difference,) = comparison_of(a, later).header_differences
    assert str(difference) == "interface 0:2 eth2 (in B 1:1): if_name is eth2 in A, not stated in B"
    assert difference.a_interface is not None
    assert difference.b_interface is not None
    assert (difference.a_interface.section, difference.a_interface.id, difference.a_interface.name) == (0, 2, "eth2")
    assert (difference.b_interface.section, difference.b_interface.id, difference.b_interface.name) == (1, 1, None)


def test_interfaces_of_one_name_are_counterparts() -> None:
    """Also if everything else differs, and they come in another order."""
    a = capture(packet(1), packet(2, interface=1), head=with_speed(b"lan", 1) + with_speed(b"wan", 1))
    b = capture(packet(1, interface=1), packet(2), head=with_speed(b"wan", 2) + with_speed(b"lan", 2))
    result = comparison_of(a, b, all=True)
    assert result.headers == [
        "interface 0:0 lan (in B 0:1 lan): if_speed is 1 in A, 2 in B",
        "interface 0:1 wan (in B 0:0 wan): if_speed is 1 in A, 2 in B",
    ]
    assert not result.counts


def test_statistics_are_compared_with_those_of_the_counterpart() -> None:
    """Also if interfaces come into use in another order."""
    lan, wan = (wire.statistics(each, 10, options=wire.options((4, wire.number(each, 8)))) for each in (0, 1))
    a = capture(packet(1), packet(2, interface=1), lan, wan, head=two_interfaces(b"lan", b"wan"))
    b = capture(packet(2, interface=1), packet(3, interface=0), wan, lan, head=two_interfaces(b"lan", b"wan"))
    result = comparison_of(a, b, all=True)
    assert (result.headers, result.counts) == ([], {"removed": 1, "inserted": 1})


def test_without_packets_no_interface_is_in_use() -> None:
    lan, wan, none = (wire.section_header() + two_interfaces(*names) for names in ((b"lan", b"x"), (b"wan",), ()))
    assert comparison_of(lan, wan).same
    assert comparison_of(lan, none).same


def test_interfaces_without_packets_are_compared_only_with_everything() -> None:
    statistics = wire.statistics(1, 10, options=wire.options((4, wire.number(1000, 8)), (5, wire.number(999, 8))))
    a = capture(packet(1), head=two_interfaces(b"eth0"))
    b = capture(packet(1), statistics, head=two_interfaces(b"eth0", b"eth9"))
    text = "at 1970-01-01T00:00:00.00001Z: isb_ifrecv 1000, isb_ifdrop 999"
    interface = "interface 0:1 eth9 only in B: link type 1, snaplen 262144"
    assert comparison_of(a, b).same
    assert comparison_of(a, b, all=True).headers == [
        interface,
        f"only in B: statistics of interface 0:1 eth9 {text}",
    ]
    assert comparison_of(b, a, all=True).headers == [
        interface.replace("in B", "in A"),
        f"only in A: statistics of interface 0:1 eth9 {text}",
    ]
    assert comparison_of(b, b, all=True).same
    assert comparison_of(a, b, all=True, ignore=["interfaces"]).same
    other = capture(packet(1), statistics, head=two_interfaces(b"eth0", b"eth9") + wire.interface())
    assert comparison_of(b, other, all=True).headers == ["interface 0:2 only in B: link type 1, snaplen 262144"]


@pytest.mark.parametrize(
    ("a_interfaces", "b_interfaces", "headers"),
    [
        ([], [(b"x", 1)], ["interface 0:0 x only in B: link type 1, snaplen 262144, if_speed 1"]),
        ([(b"x", 1), (b"y", 1)], [(b"y", 1), (b"x", 1)], []),
        ([(b"x", 1)], [(b"x", 1), (b"x", 1)], []),
        ([(b"x", 1)], [(b"x", 2)], ["interface 0:0 x: if_speed is 1 in A, 2 in B"]),
        (
            [(b"x", 1)],
            [(b"y", 1)],
            [
                "interface 0:0 y only in B: link type 1, snaplen 262144, if_speed 1",
                "interface 0:0 x only in A: link type 1, snaplen 262144, if_speed 1",
            ],
        ),
    ],
)
def test_interfaces_of_captures_without_packets(
    a_interfaces: list[tuple[bytes, int]], b_interfaces: list[tuple[bytes, int]], headers: list[str]
) -> None:
    a, b = (
        wire.section_header() + b"".join(with_speed(*each) for each in interfaces)
        for interfaces in (a_interfaces, b_interfaces)
    )
    assert comparison_of(a, b, all=True).headers == headers
    assert comparison_of(a, b).same


def test_an_interface_whose_packets_are_missing_in_the_other_capture_is_in_both() -> None:
    a = capture(packet(1), packet(2, interface=1), head=with_speed(b"lan", 1) + with_speed(b"wan", 1))
    b = capture(packet(1), head=with_speed(b"lan", 1) + with_speed(b"wan", 2))
    result = comparison_of(a, b, all=True)
    assert result.headers == ["interface 0:1 wan: if_speed is 1 in A, 2 in B"]
    assert result.counts == {"removed": 1}
    assert comparison_of(a, b).headers == ["interface 0:1 wan only in A: link type 1, snaplen 262144"]


def test_an_interface_without_packets_in_another_section_is_no_difference() -> None:
    a = capture(packet(1), packet(2))
    assert comparison_of(a, capture(packet(1), packet(2)) + capture(), all=True).same


def test_names_comments_and_secrets_are_compared() -> None:
    more = wire.names(wire.ipv4_name("10.0.0.1", "gate")) + wire.secrets(0x544C534B, b"CLIENT_RANDOM 1 2\n")
    a = wire.section_header(options=wire.options((1, b"lab"))) + wire.interface() + more + packet(1)
    b = capture(packet(1))
    headers = comparison_of(a, b).headers
    assert headers[:2] == ["only in A: name 10.0.0.1 gate", "only in A: comment lab"]
    assert headers[2].startswith("only in A: TLS key log of 18 bytes, SHA-256 ")
    assert "CLIENT_RANDOM" not in "".join(headers)
    assert [line[:9] for line in comparison_of(b, a).headers] == ["only in B"] * 3
    assert comparison_of(a, b, ignore=["names", "secrets", "comments"]).same


def test_hosts_and_statistics_are_compared_only_with_everything() -> None:
    def build_capture(host: bytes, received: int) -> bytes:
        statistics = wire.statistics(0, 10, options=wire.options((4, wire.number(received, 8))))
        return wire.section_header(options=wire.options((3, host))) + wire.interface() + packet(1) + statistics

    a, b = build_capture(b"Linux", 1), build_capture(b"BSD", 2)
    assert comparison_of(a, b).same
    assert comparison_of(a, b, all=True).headers == [
        "only in A: shb_os Linux",
        "only in A: statistics of interface 0:0 at 1970-01-01T00:00:00.00001Z: isb_ifrecv 1",
        "only in B: shb_os BSD",
        "only in B: statistics of interface 0:0 at 1970-01-01T00:00:00.00001Z: isb_ifrecv 2",
    ]


def test_a_long_statement_is_cut_where_it_shows() -> None:
    a = wire.section_header(options=wire.options((3, b"x" * 300))) + wire.interface() + packet(1)
    (header,) = comparison_of(a, capture(packet(1)), all=True).headers
    assert header == f"only in A: {'shb_os ' + 'x' * 193}…"


NAME = wire.ipv4_name("10.0.0.1", "gate")


@pytest.mark.parametrize(
    ("a", "b", "headers"),
    [
        (
            capture(wire.names(NAME, options=comment_options(b"one")), packet(1)),
            capture(wire.names(NAME, options=comment_options(b"two")), packet(1)),
            ["only in A: names: comment one", "only in B: names: comment two"],
        ),
        (
            capture(wire.names((5, b"1234")), packet(1)),
            capture(wire.names((6, b"1234")), packet(1)),
            ["only in A: name record 5 31:32:33:34", "only in B: name record 6 31:32:33:34"],
        ),
        (
            capture(wire.names((1, b"123")), packet(1)),
            capture(wire.names((2, b"123")), packet(1)),
            ["only in A: name record 1 31:32:33", "only in B: name record 2 31:32:33"],
        ),
        (
            capture(packet(1), head=wire.interface(options=comment_options(b"a, b"))),
            capture(packet(1), head=wire.interface(options=comment_options(b"a", b"b"))),
            ['interface 0:0: opt_comment is a, b in A, "a", "b" in B'],
        ),
        (
            wire.section_header(options=comment_options(b"x", b"y")) + wire.interface() + packet(1),
            wire.section_header(options=comment_options(b"y", b"x")) + wire.interface() + packet(1),
            ["comments and secrets are the same, but in another order"],
        ),
    ],
)
def test_what_a_normal_form_tells_apart_is_told_apart(a: bytes, b: bytes, headers: list[str]) -> None:
    assert comparison_of(a, b).headers == headers
    assert comparison_of(a, a).same


def test_names_are_told_in_order() -> None:
    """Not in that of a set, which changes from run to run."""
    names = [wire.ipv4_name(f"10.0.0.{number}", "gate") for number in range(40)]
    headers = comparison_of(capture(packet(1)), capture(wire.names(*reversed(names)), packet(1))).headers
    assert headers == [f"only in B: name 10.0.0.{number} gate" for number in range(40)]


def test_comments_of_secrets_are_compared() -> None:
    a, b = (
        capture(wire.secrets(0x544C534B, b"xx", options=comment_options(text)), packet(1)) for text in (b"one", b"two")
    )
    headers = comparison_of(a, b).headers
    assert [line[-15:] for line in headers] == ["opt_comment one", "opt_comment two"]
    assert comparison_of(a, b, ignore=["comments"]).same


def capture_with_blocks(*blocks: bytes, resolution: int = 6, unused: bool = False) -> bytes:
    interface = wire.interface(options=wire.options((wire.IF_TSRESOL, bytes([resolution]))))
    tick = 1000 if resolution == 6 else 10**6
    last = wire.enhanced_packet(int(unused), tick, b"one")
    return wire.section_header() + (wire.interface(9) if unused else b"") + interface + b"".join(blocks) + last


def test_statistics_are_compared_by_what_they_mean() -> None:
    end = (wire.ISB_ENDTIME, wire.halves(7))
    a = capture_with_blocks(wire.statistics(0, 5, options=wire.options(end)))
    nano = wire.options((wire.ISB_ENDTIME, wire.halves(7000)))
    assert comparison_of(a, capture_with_blocks(wire.statistics(0, 5000, options=nano), resolution=9), all=True).same
    other = capture_with_blocks(wire.statistics(1, 5, options=wire.options(end)), unused=True)
    assert comparison_of(a, other, all=True).headers == ["interface 0:0 only in B: link type 9, snaplen 262144"]
    assert not comparison_of(a, capture_with_blocks(wire.statistics(0, 6, options=wire.options(end))), all=True).same


def test_all_flags_are_compared_with_everything() -> None:
    a, b = (capture(packet(1, options=wire.options((2, wire.number(flags, 4))))) for flags in (1, 5))
    assert comparison_of(a, b).same
    assert differences_of(a, b, all=True) == [(1, 1, ("options",))]
    assert differences_of(a, b, all=True, ignore=["direction"]) == [(1, 1, ("options",))]


def test_more_blocks_than_memory_holds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pcapconv.comparing.compared_capture._MOST_TEXT", 1000)
    a = capture(*(wire.block(0x80000123, number.to_bytes(4, "big")) for number in range(10)), packet(1))
    with pytest.raises(PcapconvError, match="leave out all=True"):
        comparison_of(a, a, all=True)
    assert comparison_of(a, a).same


def test_more_interfaces_than_memory_holds_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pcapconv.comparing.compared_capture._MOST_TEXT", 1500)
    equal = capture(packet(1), head=wire.interface() * 100)
    assert comparison_of(equal, equal, all=True).same
    different = capture(packet(1), head=b"".join(map(wire.interface, range(1, 6))))
    with pytest.raises(PcapconvError, match=r"^input: more interfaces, statistics and other blocks than "):
        comparison_of(different, different, all=True)
    assert comparison_of(different, different).same


def test_more_names_than_are_shown_are_compared() -> None:
    names = [f"host{number}" for number in range(3000)]
    a = capture(wire.names(*(wire.ipv4_name("10.0.0.1", name) for name in names)), packet(1))
    b = capture(wire.names(*(wire.ipv4_name("10.0.0.1", name) for name in names[:-1])), packet(1))
    assert comparison_of(a, b).headers == ["only in A: name 10.0.0.1 host2999"]


@pytest.mark.parametrize(
    ("options", "fact"),
    [
        (
            {"ignore": ["times"]},
            "ignore='times': the kinds are time, lengths, interfaces, comments, direction",
        ),
        ({"show": -1}, "show=-1: must be 0 or more"),
        ({"time_tolerance": "much"}, "time_tolerance='much'"),
        ({"time_tolerance": "-1s"}, "time_tolerance='-1s'"),
    ],
)
def test_nonsense_is_refused(options: dict[str, Any], fact: str) -> None:
    with pytest.raises(UsageError, match=fact):
        comparison_of(capture(), capture(), **options)


# ---------------------------------------------------------------- the command, and tests of others


@pytest.mark.parametrize("order", [{"strip": "names,comments"}, {"link_type": "ETHERNET"}, {}], ids=str)
def test_a_real_capture_and_its_conversion(order: dict[str, Any]) -> None:
    to_pcap, back = io.BytesIO(), io.BytesIO()
    convert(WEB, to_pcap, to="pcap", **order)
    to_pcap.seek(0)
    convert(to_pcap, back, to="pcapng")
    back.seek(0)
    result = diff(WEB, back, ignore=["names", "comments"])
    assert not result.counts
    assert [line.split(" ")[:4] for line in result.headers] == [
        ["interface", "0:0", "lo:", name] for name in ("if_description", "if_filter", "if_name")
    ]


def test_a_comparison_in_a_condition_is_refused() -> None:
    """Neither `if diff(a, b)` nor `assert diff(a, b)` says which of the two is meant."""
    for other in (capture(*TEN), capture(*TEN[:9])):
        with pytest.raises(UsageError, match=r"^a Comparison is neither true nor false, .*; ask for its \.same$"):
            bool(comparison_of(capture(*TEN), other))


def test_a_comparison_in_short() -> None:
    name = "<Comparison of 'input' and 'input': "
    for other, found in ((TEN, "the same"), (TEN[:8], "2 packets removed")):
        assert repr(comparison_of(capture(*TEN), capture(*other))) == f"{name}{found}>"
    names = (wire.interface(options=wire.options((wire.IF_NAME, each))) for each in (b"a", b"b"))
    a, b = (capture(*TEN, head=head) for head in names)
    assert repr(comparison_of(a, b)) == f"{name}1 difference outside packets>"
