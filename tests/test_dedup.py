"""`dedup`, `dedup_ignore` and `dedup_skip`: which packets repeat others, and what is reported of them."""

import tracemalloc
from pathlib import Path
from typing import Any

import expected_captures
import expected_output
import expected_selection
import protocols
import pytest
import wire
from agreement import check_agreement, check_on_pipes, count_same_packets, needs_editcap, written_by_editcap
from command_line import run_command
from conversions import Pipe, Sink, converted
from expected_request import Request
from hypothesis import given, settings
from hypothesis import strategies as st
from invented_captures import WINDOWS, invented_pcap, invented_pcapng, selections
from terminals import on_terminal
from wire import In

import pcapconv
from pcapconv import FormatError
from pcapconv.io.scratch_log import ScratchLog
from pcapconv.report import Repeat
from pcapconv.steps import duplicates

pytestmark = pytest.mark.usefixtures("kernels")

T = 1_714_564_800


def pcap(write: In, packets: str, times: tuple[int, ...] = ()) -> bytes:
    """A capture with a packet for each letter, one in a second or at these times in microseconds after T."""
    times = times or tuple(number * 10**6 for number in range(len(packets)))
    records = (
        write.pcap_record(T + time // 10**6, time % 10**6, letter.encode()) for letter, time in zip(packets, times)
    )
    return write.pcap_header() + b"".join(records)


def kept(capture: bytes, **options: Any) -> tuple[str, list[tuple[int, int]], int | None]:
    """The letters that stay, the pairs in the report, and the count."""
    out, report = converted(capture, "pcapng", **options)
    letters = b"".join(packet.data for packet in expected_captures.packets(out)).decode()
    return letters, [(each.number, each.repeats) for each in report.repeats], report.repeats_total


# ---------------------------------------------------------------- against the second implementation


@settings(max_examples=70)
@given(st.data())
def test_any_selection_with_dedup(data: st.DataObject) -> None:
    capture = data.draw(st.one_of(invented_pcapng(), invented_pcap()))
    request = data.draw(selections(capture))
    request = request._replace(dedup=data.draw(st.one_of(st.integers(1, 6), st.sampled_from(WINDOWS))))
    check_agreement(capture, request)
    check_on_pipes(capture, request)
    report = converted(capture, "pcapng", **request.as_arguments())[1] if not_refused(capture, request) else None
    if report is not None and request.first is None:
        whole = request._replace(last=None, invert=False)
        entries = expected_selection.in_order(expected_captures.entries(capture), request)
        found = expected_selection.without_repeats(
            expected_selection.chosen(entries, whole._replace(dedup=None))[0], Request()
        )
        numbers = [packet.number for packet in expected_selection.without_repeats(found, whole)]
        assert [each.number for each in report.repeats] == [
            packet.number for packet in found if packet.number not in numbers
        ]
        by_number = {packet.number: index for index, packet in enumerate(found)}
        for number, other in report.repeats:
            pair = found[by_number[number]], found[by_number[other]]
            assert by_number[other] < by_number[number]
            if isinstance(request.dedup, int):
                assert by_number[number] - by_number[other] <= request.dedup
            assert expected_selection.without_repeats([pair[1], pair[0]], whole) == [pair[1]]


def not_refused(capture: bytes, request: Request) -> bool:
    try:
        expected_output.written(capture, "pcapng", request)
    except ValueError:
        return False
    return True


# ---------------------------------------------------------------- facts


def test_windows_of_packets(write: In) -> None:
    capture = pcap(write, "abaacbba")
    assert kept(capture, dedup=1) == ("abacba", [(4, 3), (7, 6)], 2)
    assert kept(capture, dedup="2") == ("abcba", [(3, 1), (4, 3), (7, 6)], 3)
    assert kept(capture, dedup=4) == ("abc", [(3, 1), (4, 3), (6, 2), (7, 6), (8, 4)], 5)
    assert kept(capture, dedup=2**20)[0] == "abc"
    assert kept(capture) == ("abaacbba", [], None)


def test_a_repeated_packet_still_counts_for_those_behind_it(write: In) -> None:
    assert kept(pcap(write, "a.a.a.a"), dedup=2) == ("a.", [(3, 1), (4, 2), (5, 3), (6, 4), (7, 5)], 5)


def test_windows_of_time_are_inclusive_and_reach_both_ways(write: In) -> None:
    capture = pcap(write, "aaaaa", (50_000, 100_000, 150_001, 0, 50_000))
    assert kept(capture, dedup="50ms") == ("aa", [(2, 1), (4, 1), (5, 1)], 3)
    assert kept(capture, dedup="0s") == ("aaaa", [(5, 1)], 1)
    assert kept(capture, dedup="1h")[0] == "a"


def test_times_are_compared_across_resolutions() -> None:
    write = In(wire.LITTLE)
    micro = write.interface(1)
    binary = write.interface(1, options=write.options((wire.IF_TSRESOL, b"\x8a")))
    packets = write.enhanced_packet(0, 1_500_000, b"a") + write.enhanced_packet(1, 1536, b"a")
    packets += write.enhanced_packet(1, 1537, b"a") + write.enhanced_packet(0, 1_500_976, b"a")
    capture = write.section_header() + micro + binary + packets
    assert kept(capture, dedup="0s", dedup_ignore="interface") == ("aaa", [(2, 1)], 1)
    assert kept(capture, dedup="562ns", dedup_ignore="interface") == ("aaa", [(2, 1)], 1)
    assert kept(capture, dedup="562.5ns", dedup_ignore="interface") == ("aa", [(2, 1), (4, 3)], 2)


def test_the_same_packet_of_two_interfaces_and_link_types() -> None:
    write = In(wire.LITTLE)
    interfaces = write.interface(1) + write.interface(1) + write.interface(113)
    packets = b"".join(write.enhanced_packet(number % 3, number, b"a") for number in range(6))
    capture = write.section_header() + interfaces + packets
    assert kept(capture, dedup=9) == ("aaa", [(4, 1), (5, 2), (6, 3)], 3)
    assert kept(capture, dedup=9, dedup_ignore=["interface"])[0] == "aa"
    assert kept(capture + capture, dedup=9)[0] == "aaaaaa"
    assert kept(capture + capture, dedup=9, dedup_ignore="interface")[0] == "aa"
    report = converted(capture, "pcapng", dedup=1)[1]
    assert (report.repeats_total, report.repeats_across) == (0, 2)
    report = converted(capture, "pcapng", dedup=4)[1]
    assert (report.repeats_total, report.repeats_across) == (3, 0)
    assert converted(capture, "pcapng", dedup=1, dedup_ignore="interface")[1].repeats_across == 0


def test_original_lengths_and_first_bytes(write: In) -> None:
    records = (
        write.pcap_record(T, 0, data, original_length=length) for data, length in ((b"xa", 9), (b"ya", 9), (b"xa", 8))
    )
    capture = write.pcap_header() + b"".join(records)
    assert kept(capture, dedup=9)[0] == "xayaxa"
    assert kept(capture, dedup=9, dedup_ignore="length")[1] == [(3, 1)]
    assert kept(capture, dedup=9, dedup_skip=1)[1] == [(2, 1)]
    assert kept(capture, dedup=9, dedup_skip=1, dedup_ignore="interface,length")[1] == [(2, 1), (3, 2)]
    assert kept(capture, dedup=9, dedup_skip=2)[0] == "xayaxa"


def test_without_link_layers_only_network_packets_count() -> None:
    """MAC addresses, VLAN tags and padding do not; nor does the difference in lengths that they make."""
    write = In(wire.LITTLE)
    packet = protocols.ipv4(protocols.TCP, protocols.tcp(b""))
    copies = [
        protocols.ethernet(protocols.IP, packet + bytes(6)),
        protocols.ethernet(protocols.VLAN, protocols.vlan(7, protocols.IP, packet + bytes(2)), source=b"router"),
        protocols.ethernet(protocols.IP, packet, source=b"router"),
    ]
    others = [
        protocols.ethernet(protocols.IP, packet[:-1] + b"!"),
        protocols.ethernet(0x88B5, packet),
        protocols.ethernet(0x88B6, packet),
        protocols.ethernet(0x88B5, packet, source=b"router"),
    ]
    records = [write.pcap_record(T, number, data) for number, data in enumerate([*copies, *others])]
    capture = write.pcap_header() + b"".join(records)

    def repeats(capture: bytes, **options: Any) -> list[tuple[int, int]]:
        report = converted(capture, "pcapng", dedup=100, **options)[1]
        return [(each.number, each.repeats) for each in report.repeats]

    assert repeats(capture) == []
    assert repeats(capture, dedup_skip=14) == [(5, 3), (6, 5), (7, 6)]  # without EtherTypes
    assert repeats(capture, dedup_skip="link-layer") == [(2, 1), (3, 2), (7, 5)]
    cut = write.pcap_record(T, 0, copies[0][:40], original_length=60) + write.pcap_record(
        T, 0, copies[1][:44], original_length=60
    )
    assert repeats(write.pcap_header() + cut, dedup_skip="link-layer") == [(2, 1)]


def test_without_link_layers_interfaces_and_link_types_still_count() -> None:
    write = In(wire.LITTLE)
    packet = protocols.ipv4(protocols.UDP, protocols.udp())
    interfaces = write.interface(1) + write.interface(1) + write.interface(101)
    data = [protocols.ethernet(protocols.IP, packet), protocols.ethernet(protocols.IP, packet), packet]
    blocks = b"".join(write.enhanced_packet(number % 3, number, data[number % 3]) for number in range(6))
    capture = write.section_header() + interfaces + blocks
    for options, numbers in (({}, [4, 5, 6]), ({"dedup_ignore": "interface"}, [2, 4, 5, 6])):
        report = converted(capture * 2, "pcapng", dedup=3, dedup_skip="link-layer", **options)[1]
        found = [each.number for each in report.repeats]
        assert found == (
            numbers + [number + 6 for number in numbers] if not options else [2, 4, 5, 6, 7, 8, 9, 10, 11, 12]
        )


def test_packets_without_a_time_are_never_repeats_in_a_window_of_time() -> None:
    write = In(wire.LITTLE)
    packets = write.simple_packet(b"a") * 2 + write.enhanced_packet(0, 0, b"a") * 2
    capture = write.section_header() + write.interface(1) + packets
    assert kept(capture, dedup="1h") == ("aaa", [(4, 3)], 1)
    assert kept(capture, dedup=1) == ("a", [(2, 1), (3, 2), (4, 3)], 3)


def test_a_time_that_cannot_be_determined_is_an_error_if_it_is_needed() -> None:
    write = In(wire.LITTLE)
    odd = write.interface(1, options=write.options((wire.IF_TSRESOL, b"\6\6")))
    capture = (
        write.section_header()
        + write.interface(1)
        + odd
        + write.enhanced_packet(0, 0, b"a")
        + write.enhanced_packet(1, 0, b"a")
    )
    assert kept(capture, dedup=1)[0] == "aa"
    assert kept(capture, dedup="1s", packets="1")[0] == "a"
    with pytest.raises(FormatError, match="packet 2: "):
        kept(capture, dedup="1s")


# ---------------------------------------------------------------- order


def test_the_order_of_selecting(write: In) -> None:
    capture = pcap(write, "abaabcad")
    assert kept(capture, dedup=2, drop_packets="2") == ("abcad", [(3, 1), (4, 3)], 2)
    assert kept(capture, dedup=1, drop_packets="2")[1] == [(3, 1), (4, 3)]
    assert kept(capture, dedup=9, after=f"{T + 1}.0")[0] == "bacd"
    assert kept(capture, dedup=9, first=3) == ("abc", [(3, 1), (4, 3), (5, 2)], 3)
    assert kept(capture, dedup=9, last=2)[0] == "cd"
    assert kept(capture, dedup=9, invert=True) == ("aaba", [(3, 1), (4, 3), (5, 2), (7, 4)], 4)
    assert kept(capture, dedup=9, first=3, invert=True)[0] == "aabad"


def test_packets_are_compared_as_read(write: In) -> None:
    capture = write.pcap_header() + write.pcap_record(T, 0, b"ax") + write.pcap_record(T, 0, b"ay")
    assert kept(capture, dedup=1, snaplen=1)[0] == "aa"


def test_reading_ends_where_it_would_without_knowing_what_follows(write: In) -> None:
    capture, records = pcap(write, "aababc"), len(pcap(write, "a")) - len(pcap(write, ""))
    out, report = converted(capture + b"not looked at", "pcapng", dedup=9, first=2)
    assert (report.read_until, report.packets_read) == (len(pcap(write, "")) + 3 * records, 3)
    assert (report.repeats, report.repeats_total) == ([Repeat(2, 1)], 1)
    assert kept(out)[0] == "ab"
    pcapng = converted(capture, "pcapng")[0]
    assert kept(pcapng, dedup=9, first=2) == ("ab", [(2, 1)], 1)
    assert kept(capture, dedup=9, before=f"{T + 3}.0", in_order=True) == ("ab", [(2, 1)], 1)


def test_what_comes_through_a_pipe_piece_by_piece(write: In) -> None:
    capture, sink = pcap(write, "abaacbba" * 50), Sink()
    pieces = Pipe([capture[at : at + 7] for at in range(0, len(capture), 7)])
    report = pcapconv.convert(pieces, sink, to="pcapng", dedup=4)  # type: ignore[arg-type]
    out, whole = converted(capture, "pcapng", dedup=4)
    assert (bytes(sink.taken), report.repeats) == (out, whole.repeats)


# ---------------------------------------------------------------- report


def test_the_report_names_a_thousand(write: In) -> None:
    _, pairs, total = kept(pcap(write, "a" * 1500), dedup=1)
    assert (pairs, total) == ([(number, number - 1) for number in range(2, 1002)], 1499)


def test_a_window_of_time_with_more_packets_than_are_held(write: In, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(duplicates, "MOST_PACKETS", 2)
    capture = pcap(write, "abcda", (0, 1, 2, 3, 4))
    out, report = converted(capture, "pcap", dedup="1s")
    assert out == capture
    assert "packets lie in the window of packet 4: it is held against" in report.warnings[0].reason
    assert converted(pcap(write, "abcda"), "pcap", dedup="1s")[1].warnings == []


def test_split_and_command_line(tmp_path: Path) -> None:
    (tmp_path / "in.pcap").write_bytes(pcap(In(wire.LITTLE), "aabb"))
    template = str(tmp_path / "part-{index}.pcap")
    report = pcapconv.split(str(tmp_path / "in.pcap"), template, max_packets=1, dedup=4)
    assert (len(report.outputs), report.repeats) == (2, [Repeat(2, 1), Repeat(4, 3)])
    done = run_command(
        *("convert", tmp_path / "in.pcap", tmp_path / "out.pcap", "--dedup", "50ms", "--dedup-ignore", "interface"),
        *("--dedup-skip", "1", "--report", "-"),
    )
    assert done.status == 0
    assert b'"repeats_total": 0' in done.out


@pytest.mark.parametrize(
    ("data", "options", "line"),
    [
        (b"abcd", [], "; no packet repeats another"),
        (b"aabb", [], "; 2 packets repeat others"),
        (b"aabc", ["--invert"], "; 1 packet repeats another"),
        (b"aabc", ["--first", "1"], "; no packet repeats another; reading ended at byte 41"),
    ],
)
def test_the_closing_line(data: bytes, options: list[str], line: str, tmp_path: Path) -> None:
    (tmp_path / "in.pcap").write_bytes(pcap(In(wire.LITTLE), data.decode()))
    status, seen = on_terminal(
        "stderr", "convert", tmp_path / "in.pcap", tmp_path / "out.pcap", "--dedup", "4", *options
    )
    assert status == 0
    assert line in " ".join(seen.split())


def test_the_closing_line_names_the_option_that_finds_repeats_across_interfaces(tmp_path: Path) -> None:
    write = In(wire.LITTLE)
    packets = write.enhanced_packet(0, 0, b"a") + write.enhanced_packet(1, 0, b"a")
    (tmp_path / "in.pcapng").write_bytes(write.section_header() + write.interface(1) * 2 + packets)
    status, seen = on_terminal("stderr", "convert", tmp_path / "in.pcapng", tmp_path / "out.pcapng", "--dedup", "50ms")
    line = "no packet repeats another of its interface, but 1 packet does of another interface, which --dedup-ignore "
    assert (status, line in " ".join(seen.split())) == (0, True)


# ---------------------------------------------------------------- memory


def test_bytes_in_scratch_files() -> None:
    log = ScratchLog()
    log.write(5, b"hello", 5)
    log.write(10, b" world", 5)
    assert (log.read(5, 5), log.read(8, 6)) == (b"hello", b"lo wor")
    log.write(16, b"!", 16)
    assert log.read(16, 1) == b"!"
    log.close()
    log.close()


def test_memory_does_not_grow_with_the_window(write: In) -> None:
    """A window of 2,000 packets of 100 kB each."""
    packets = (write.pcap_record(T, 0, bytes([number % 251, number // 251]) * 50_000) for number in range(2000))
    source, again = [write.pcap_header()], write.pcap_record(T, 0, bytes([7, 0]) * 50_000)

    def pieces() -> Any:
        yield from source
        yield from packets
        yield again

    class Nowhere(Sink):
        def write(self, data: Any) -> int:
            return len(data)

    tracemalloc.start()
    report = pcapconv.convert(Pipe(pieces()), Nowhere(), to="pcap", dedup=2000)  # type: ignore[arg-type]
    assert tracemalloc.get_traced_memory()[1] < 80 * 2**20
    tracemalloc.stop()
    assert report.repeats == [Repeat(2001, 8)]


# ---------------------------------------------------------------- editcap, where PEERS.md does not call it wrong


@needs_editcap
@pytest.mark.parametrize(
    ("judge", "options"),
    [
        (["-d"], {"dedup": 4}),
        (["-D", "3"], {"dedup": 2}),
        (["-D", "100"], {"dedup": 99}),
        (["-w", "0.5"], {"dedup": "500ms"}),
        (["-w", "1"], {"dedup": "1s"}),
        (["-I", "2", "-D", "50"], {"dedup": 49, "dedup_skip": 2}),
    ],
)
def test_repeats_are_editcap_s(judge: list[str], options: dict[str, Any], tmp_path: Path) -> None:
    write, path = In(wire.LITTLE), tmp_path / "in.pcap"
    letters = [number // 3 % 7 + 3 * (number % 5 == 0) for number in range(400)]
    records = (
        write.pcap_record(T + number // 4, number % 4 * 250_000, bytes([number % 2, 9, letter, 1]))
        for number, letter in enumerate(letters)
    )
    path.write_bytes(write.pcap_header() + b"".join(records))
    count = count_same_packets(path, written_by_editcap(path, tmp_path, *judge), **options)
    assert 0 < count < 400


def test_repeats_of_sorted_packets_have_the_numbers_of_the_input(write: In) -> None:
    times = (5, 3, 4, 1)
    records = [write.pcap_record(T + time, 0, data) for time, data in zip(times, (b"a", b"b", b"a", b"b"))]
    report = converted(write.pcap_header() + b"".join(records), "pcap", sort=True, dedup=1)[1]
    assert report.repeats == [Repeat(2, 4), Repeat(1, 3)]
