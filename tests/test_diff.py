"""What two captures say differently: which packets belong together, what is found, and how it is shown."""

import io
import json
import subprocess
from array import array
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import wire
from command_line import COMMAND
from hypothesis import given
from hypothesis import strategies as st

from pcapconv import PcapconvError, UsageError, convert, diff
from pcapconv.comparing import Comparison
from pcapconv.comparing.alignment import PairedRows, RowRanges, align, longest_increasing_subsequence
from pcapconv.testing import assert_same_capture

WEB = Path(__file__).parent / "samples" / "web.pcapng"


def capture(*packets: bytes, head: bytes = b"", big: bool = False) -> bytes:
    order = wire.BIG if big else wire.LITTLE
    return wire.section_header(byte_order=order) + (head or wire.interface(byte_order=order)) + b"".join(packets)


def packet(number: int, time: int = 0, interface: int = 0, **named: Any) -> bytes:
    return wire.enhanced_packet(interface, time or number * 1000, b"packet %5d" % number, **named)


def comparison_of(a: bytes, b: bytes, **options: Any) -> Comparison:
    return diff(io.BytesIO(a), io.BytesIO(b), **options)


def differences_of(a: bytes, b: bytes, **options: Any) -> list[tuple[int | None, int | None, tuple[str, ...]]]:
    return [
        (each.difference.a, each.difference.b, each.difference.fields)
        for each in comparison_of(a, b, show=1000, **options).shown
    ]


# ---------------------------------------------------------------- alignment


numbers = st.lists(st.integers(0, 4), max_size=40)


def alignment_of(
    a: Sequence[int], b: Sequence[int], times: tuple[Sequence[int], Sequence[int]] | None
) -> list[PairedRows | RowRanges]:
    """The alignment, in which runs and gaps take turns and every row stands once."""
    contents = array("Q", a), array("Q", b)
    found = list(align(contents, times and (array("Q", times[0]), array("Q", times[1]))))
    at = [0, 0]
    for each in found:
        if isinstance(each, PairedRows):
            assert (each.a, each.b) == (at[0], at[1])
            assert each.rows > 0
            at = [each.a + each.rows, each.b + each.rows]
        else:
            assert (each.a_begin, each.b_begin) == (at[0], at[1])
            assert (each.a_stop, each.b_stop) != (at[0], at[1])
            at = [each.a_stop, each.b_stop]
    assert at == [len(a), len(b)]
    assert all(isinstance(one, PairedRows) != isinstance(other, PairedRows) for one, other in pairwise(found))
    return found


def paired_rows(found: list[PairedRows | RowRanges]) -> tuple[list[int], list[int]]:
    runs = [each for each in found if isinstance(each, PairedRows)]
    return (
        [row for run in runs for row in range(run.a, run.a + run.rows)],
        [row for run in runs for row in range(run.b, run.b + run.rows)],
    )


def gaps_in(found: list[PairedRows | RowRanges]) -> list[RowRanges]:
    return [each for each in found if isinstance(each, RowRanges)]


@given(a=numbers, b=numbers, timed=st.booleans())
@pytest.mark.usefixtures("kernels")
def test_pairs_are_alike(a: list[int], b: list[int], timed: bool) -> None:
    times = (list(range(len(a))), list(range(len(b)))) if timed else None
    ones, others = paired_rows(alignment_of(a, b, times))
    assert [a[row] for row in ones] == [b[row] for row in others]


@given(data=st.data(), count=st.integers(0, 300))
@pytest.mark.usefixtures("kernels")
def test_what_was_taken_out_and_put_in_is_found(data: st.DataObject, count: int) -> None:
    a = list(range(count))
    removed = data.draw(st.sets(st.sampled_from(a), max_size=count) if a else st.just(set[int]()))
    b = [number for number in a if number not in removed]
    inserted = data.draw(st.lists(st.tuples(st.integers(0, len(b)), st.integers(1000, 10**6)), max_size=20))
    for index, number in inserted:
        b.insert(index, number)
    ones, others = paired_rows(alignment_of(a, b, None))
    assert [a[row] for row in ones] == [number for number in a if number not in removed]
    assert [b[row] for row in others] == [a[row] for row in ones]


@given(st.permutations(range(40)))
def test_the_longest_rise_is_the_longest(order: list[int]) -> None:
    places = list(longest_increasing_subsequence(order))
    rise = [order[index] for index in places]
    assert rise == sorted(rise)
    assert places == sorted(places)
    lengths: list[int] = []
    for index, number in enumerate(order):
        lengths.append(1 + max((lengths[other] for other in range(index) if order[other] < number), default=0))
    assert len(rise) == max(lengths)


def test_times_tell_equal_packets_apart() -> None:
    a, b = [7] * 1000, [7] * 999
    found = alignment_of(a, b, (range(1000), [*range(500), *range(501, 1000)]))
    assert gaps_in(found) == [RowRanges(500, 501, 500, 500)]


def test_a_long_insertion_costs_nothing_else() -> None:
    a = list(range(1000))
    b = [*range(500), *range(5000, 6000), *range(500, 1000)]
    assert gaps_in(alignment_of(a, b, None)) == [RowRanges(500, 500, 500, 1500)]


def test_other_times_everywhere_are_no_reason_to_part() -> None:
    a = list(range(100))
    b = [number for number in a if number != 50]
    found = alignment_of(a, b, (a, [number + 10**6 for number in b]))
    assert gaps_in(found) == [RowRanges(50, 51, 50, 50)]


# ---------------------------------------------------------------- packets

TEN = [packet(number) for number in range(1, 11)]


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
    assert comparison_of(a, c).headers == ["interface 1: if_name is wan in A, dsl in B"]
    assert not comparison_of(a, c).counts
    d = capture(packet(1), packet(2), head=two_interfaces(b"lan", b"dsl"))
    assert comparison_of(a, d).headers == ["interface only in A: link type 1, snaplen 262144, if_name wan"]
    assert differences_of(a, d) == [(2, 2, ("interface",))]
    assert comparison_of(a, d, ignore=["interfaces"]).same


def test_without_packets_no_interface_is_in_use() -> None:
    lan, wan, none = (wire.section_header() + two_interfaces(*names) for names in ((b"lan", b"x"), (b"wan",), ()))
    assert comparison_of(lan, wan).same
    assert comparison_of(lan, none).same


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
        "only in A: statistics of interface 0 at 1970-01-01T00:00:00.00001Z: isb_ifrecv 1",
        "only in B: shb_os BSD",
        "only in B: statistics of interface 0 at 1970-01-01T00:00:00.00001Z: isb_ifrecv 2",
    ]


def test_a_long_statement_is_cut_where_it_shows() -> None:
    a = wire.section_header(options=wire.options((3, b"x" * 300))) + wire.interface() + packet(1)
    (header,) = comparison_of(a, capture(packet(1)), all=True).headers
    assert header == f"only in A: {'shb_os ' + 'x' * 193}…"


def comment_options(*texts: bytes) -> bytes:
    return wire.options(*((1, text) for text in texts))


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
            ['interface 0: opt_comment is a, b in A, "a", "b" in B'],
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
    other = capture_with_blocks(wire.statistics(1, 5, options=wire.options(end)), wire.statistics(0, 9), unused=True)
    assert comparison_of(a, other, all=True).same
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


def test_damage_is_counted_and_the_first_places_are_listed(tmp_path: Path) -> None:
    broken = wire.block(6, bytes(8))
    a = tmp_path / "a.pcapng"
    a.write_bytes(capture(packet(1), *[broken] * 1200, packet(2)))
    result = diff(a, a)
    assert [len(places) for places in result.damage] == [1000, 1000]
    assert result.damage_total == (1200, 1200)
    done = run_diff(a, a)
    assert done.returncode == 3
    assert done.stderr.count(b"\n") == 12
    assert b"and 1,195 more like these" in done.stderr


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


def run_diff(*arguments: str | Path, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run([COMMAND, "diff", *arguments], input=stdin, capture_output=True)


@pytest.fixture
def two_captures(tmp_path: Path) -> tuple[Path, Path]:
    """Two captures: the second lacks packet 3, and packet 8 has another byte."""
    a, b = tmp_path / "a.pcapng", tmp_path / "b.pcapng"
    a.write_bytes(capture(*TEN))
    b.write_bytes(capture(*TEN[:2], *TEN[3:7], wire.enhanced_packet(0, 8000, b"packet \x1b[1m8"), *TEN[8:]))
    return a, b


def test_the_page_shows_what_differs(two_captures: tuple[Path, Path]) -> None:
    done = run_diff(*two_captures)
    assert (done.returncode, done.stderr) == (1, b"")
    assert done.stdout.decode().splitlines() == [
        f"A {two_captures[0]}: 10 packets",
        f"B {two_captures[1]}: 9 packets",
        "packets: 1 only in A, 1 changed (bytes 1)",
        "packet 3 only in A: 1970-01-01T00:00:00.003000Z  20:20:20:20:20:33 → 70:61:63:6b:65:74  Ethernet  malformed  "
        "12 bytes",
        "packet 8 (in B 7): bytes",
        "  A 1970-01-01T00:00:00.008000Z  20:20:20:20:20:38 → 70:61:63:6b:65:74  Ethernet  malformed  12 bytes",
        "  B 1970-01-01T00:00:00.008000Z  20:1b:5b:31:6d:38 → 70:61:63:6b:65:74  Ethernet  malformed  12 bytes",
        "  A 0000  70 61 63 6b 65 74 20 20 20 20 20 38              packet     8",
        "  B 0000  70 61 63 6b 65 74 20 1b 5b 31 6d 38              packet .[1m8",
        "                               ^^ ^^ ^^ ^^",
    ]


def test_json_says_the_same(two_captures: tuple[Path, Path]) -> None:
    done = run_diff(*two_captures, "--json")
    assert done.returncode == 1
    ethernet = {"destination": "70:61:63:6b:65:74", "protocol": "Ethernet", "essence": "malformed"}
    nothing_odd = {"damage": [], "damage_total": 0, "warnings": [], "warnings_total": 0, "not_compared": {}}
    assert json.loads(done.stdout) == {
        "schema": {"name": "pcapconv-diff", "version": 1},
        "same": False,
        "a": {"file": str(two_captures[0]), "packets": 10, **nothing_odd},
        "b": {"file": str(two_captures[1]), "packets": 9, **nothing_odd},
        "headers": [],
        "removed": 1,
        "inserted": 0,
        "changed": 1,
        "fields": {"bytes": 1},
        "differences": [
            {
                "kind": "removed",
                "a": 3,
                "b": None,
                "summary": {"a": {"source": "20:20:20:20:20:33", **ethernet}, "b": None},
                "fields": [
                    {"kind": "bytes", "offset": None, "a": {"length": 12, "hex": b"packet     3".hex()}, "b": None},
                    {"kind": "lengths", "a": {"captured": 12, "original": 12}, "b": None},
                    {"kind": "time", "a": "1970-01-01T00:00:00.003000Z", "b": None},
                    {"kind": "interface", "a": {"section": 0, "id": 0}, "b": None},
                    {"kind": "options", "a": [], "b": None},
                ],
            },
            {
                "kind": "changed",
                "a": 8,
                "b": 7,
                "summary": {
                    "a": {"source": "20:20:20:20:20:38", **ethernet},
                    "b": {"source": "20:1b:5b:31:6d:38", **ethernet},
                },
                "fields": [
                    {
                        "kind": "bytes",
                        "offset": 7,
                        "a": {"length": 12, "hex": b"packet     8".hex()},
                        "b": {"length": 12, "hex": b"packet \x1b[1m8".hex()},
                    }
                ],
            },
        ],
    }


def test_exit_statuses(two_captures: tuple[Path, Path], tmp_path: Path) -> None:
    assert run_diff(two_captures[0], two_captures[0]).returncode == 0
    assert run_diff(two_captures[0], "-", stdin=two_captures[0].read_bytes()).stdout == b""
    missing = run_diff(two_captures[0], tmp_path / "none")
    assert (missing.returncode, missing.stderr.decode()) == (
        2,
        f"pcapconv: {tmp_path / 'none'}: cannot open: no such file or directory\n",
    )
    assert run_diff(two_captures[0]).returncode == 2
    cut = tmp_path / "cut.pcapng"
    cut.write_bytes(two_captures[0].read_bytes()[:-5])
    damaged = run_diff(cut, cut)
    assert damaged.returncode == 3
    assert damaged.stderr.count(b"are left out") == 2
    assert run_diff(cut, two_captures[0]).returncode == 1
    assert run_diff(two_captures[0], cut).returncode == 1


def test_trouble_with_stdout_is_status_2(two_captures: tuple[Path, Path]) -> None:
    for both in (two_captures, (two_captures[0], two_captures[0])):
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run([COMMAND, "diff", *both, "--json"], stdout=full, stderr=subprocess.PIPE, timeout=60)
        assert (done.returncode, done.stderr) == (2, b"pcapconv: stdout: cannot write: no space left on device\n")
    closed = f'"{COMMAND}" diff "$1" "$2" >&-'
    done = subprocess.run(["sh", "-c", closed, "sh", *two_captures], stderr=subprocess.PIPE, timeout=60)
    assert (done.returncode, done.stderr) == (2, b"pcapconv: stdout: cannot write: it is closed\n")
    done = run_diff("-", "-", stdin=two_captures[0].read_bytes())
    assert (done.returncode, done.stderr) == (
        2,
        b"pcapconv: both captures are - (stdin), which can be read only once\n",
    )


def test_a_repeated_option_is_shown(tmp_path: Path) -> None:
    a, b = tmp_path / "a.pcapng", tmp_path / "b.pcapng"
    a.write_bytes(capture(packet(1, options=comment_options(b"a"))))
    b.write_bytes(capture(packet(1, options=comment_options(b"a", b"a"))))
    assert run_diff(a, b).stdout.decode().splitlines()[3:] == [
        "packet 1: options",
        "  1970-01-01T00:00:00.001000Z  20:20:20:20:20:31 → 70:61:63:6b:65:74  Ethernet  malformed  12 bytes",
        "  only in B: opt_comment a",
    ]


def test_a_damaged_capture_is_never_taken_as_expected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a, golden = tmp_path / "a.pcapng", tmp_path / "golden.pcapng"
    a.write_bytes(capture(packet(1)) + b"more")
    golden.write_bytes(capture(packet(2)))
    monkeypatch.setenv("PCAPCONV_UPDATE", "1")
    with pytest.raises(PcapconvError, match="left over"):
        assert_same_capture(a, golden)
    assert golden.read_bytes() == capture(packet(2))


def test_damaged_captures_fail_and_what_differs_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PCAPCONV_UPDATE", raising=False)
    a, b = tmp_path / "a.pcapng", tmp_path / "b.pcapng"
    a.write_bytes(capture(packet(1)) + b"more")
    b.write_bytes(capture(packet(1)))
    damage = rf"captures are damaged:\n{a}: offset \d+ \(packet 2\): .*left over.*"
    with pytest.raises(AssertionError, match=rf"\A{damage}\Z"):
        assert_same_capture(a, b)
    b.write_bytes(capture(packet(2)))
    with pytest.raises(AssertionError, match=rf"(?s)\A{damage}\nthe captures differ .*packet 1: .*PCAPCONV_UPDATE=1"):
        assert_same_capture(a, b)


def test_what_a_program_expects_of_a_capture(two_captures: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PCAPCONV_UPDATE", raising=False)
    assert_same_capture(two_captures[0], two_captures[0])
    with pytest.raises(AssertionError, match=r"(?s)packet 3 only in A.*packet 8 \(in B 7\): bytes.*PCAPCONV_UPDATE=1"):
        assert_same_capture(*two_captures)
    with pytest.raises(AssertionError, match=r"none does not exist; PCAPCONV_UPDATE=1 in the environment"):
        assert_same_capture(two_captures[0], two_captures[0].with_name("none"))
    monkeypatch.setenv("PCAPCONV_UPDATE", "1")
    assert_same_capture(two_captures[0], two_captures[1])
    monkeypatch.setenv("PCAPCONV_UPDATE", "0")
    assert_same_capture(*two_captures)


def test_update_writes_only_what_differs_as_pyproject_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PCAPCONV_UPDATE", "1")
    (tmp_path / "pyproject.toml").write_text('[tool.pcapconv.normalize]\nrebase-time = "1"\nstrip = ["secrets"]\n')
    secrets = wire.secrets(0x544C534B, b"xx")
    actual, golden = io.BytesIO(capture(secrets, packet(1))), tmp_path / "deep" / "er" / "golden.pcapng"
    ignore = ["time", "secrets"]
    assert_same_capture(actual, golden, ignore=ignore)
    written = golden.read_bytes()
    nano = wire.options((wire.IF_TSRESOL, b"\x09"))
    assert written == capture(packet(1, 10**9), head=wire.interface(options=nano))
    assert capsys.readouterr().err == f"pcapconv: {golden}: written\n"
    later = io.BytesIO(capture(secrets, packet(1, 77)))
    assert_same_capture(later, golden, ignore=ignore)
    assert golden.read_bytes() == written
    assert capsys.readouterr().err == ""
    other = io.BytesIO(capture(packet(2)))
    assert_same_capture(other, golden, ignore=ignore)
    assert golden.read_bytes() != written
    commented = io.BytesIO(capture(packet(3, options=comment_options(b"c"))))
    with pytest.raises(PcapconvError, match="pcap cannot hold 1 comment"):
        assert_same_capture(commented, tmp_path / "golden.pcap", ignore=ignore)
    assert not (tmp_path / "golden.pcap").exists()


def test_a_packet_that_was_cut_is_shown_with_its_lengths(tmp_path: Path) -> None:
    a, b = tmp_path / "a.pcapng", tmp_path / "b.pcapng"
    a.write_bytes(capture(packet(1)))
    b.write_bytes(capture(wire.enhanced_packet(0, 1000, b"packet", original_length=12)))
    assert run_diff(a, b).stdout.decode().splitlines()[2:] == [
        "packets: 1 changed (bytes 1)",
        "packet 1: bytes",
        "  A 1970-01-01T00:00:00.001000Z  20:20:20:20:20:31 → 70:61:63:6b:65:74  Ethernet  malformed  12 bytes",
        "  B 1970-01-01T00:00:00.001000Z  - → 70:61:63:6b:65:74                  Ethernet  cut off    6 of 12 bytes",
        "  A 0000  70 61 63 6b 65 74 20 20 20 20 20 31              packet     1",
        "  B 0000  70 61 63 6b 65 74                                packet",
        "                            ^^ ^^ ^^ ^^ ^^ ^^",
    ]


@pytest.mark.parametrize("order", [{"strip": "names,comments"}, {"link_type": "ETHERNET"}, {}], ids=str)
def test_a_real_capture_and_its_conversion(order: dict[str, Any]) -> None:
    to_pcap, back = io.BytesIO(), io.BytesIO()
    convert(WEB, to_pcap, to="pcap", **order)
    to_pcap.seek(0)
    convert(to_pcap, back, to="pcapng")
    back.seek(0)
    result = diff(WEB, back, ignore=["names", "comments"])
    assert not result.counts
    assert [line.split(" ")[2] for line in result.headers] == ["if_description", "if_filter", "if_name"]


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
