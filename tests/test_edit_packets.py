"""Editing packets: each option against a second implementation, on made-up captures, samples and others' files."""

import struct
from fractions import Fraction
from pathlib import Path
from typing import Any

import expected_output
import expected_selection
import pytest
import wire
from agreement import (
    check_agreement,
    check_bytes,
    check_on_pipes,
    count_same_packets,
    needs_editcap,
    undamaged_bytes,
    written_by_editcap,
)
from conversions import DAMAGED, SAMPLES, converted, every_sample, stem
from expected_captures import entries, is_pcapng, packets
from expected_request import EDITING_FIELDS, Request
from hypothesis import given, settings
from hypothesis import strategies as st
from invented_captures import edits, invented_pcap, invented_pcapng, selections
from wire import In, raw_blocks

from pcapconv import TargetError, UsageError

pytestmark = pytest.mark.usefixtures("kernels")

FOLDER = Path(__file__).parent / "samples"


# ---------------------------------------------------------------- against the second implementation


def draw_asked(data: st.DataObject, capture: bytes) -> Request:
    """Edits of what is selected, or of everything."""
    request = data.draw(selections(capture)) if data.draw(st.booleans()) else Request()
    try:
        kept, _ = expected_selection.chosen(entries(capture), request)
    except ValueError:
        kept = []
    edit = data.draw(edits(kept))
    return request._replace(**{name: getattr(edit, name) for name in EDITING_FIELDS})


@settings(max_examples=70)
@given(st.data())
def test_any_edit_of_pcapng(data: st.DataObject) -> None:
    capture = data.draw(invented_pcapng())
    check_agreement(capture, draw_asked(data, capture))


@settings(max_examples=40)
@given(st.data())
def test_any_edit_of_pcapng_that_pcap_can_hold(data: st.DataObject) -> None:
    capture = data.draw(invented_pcapng(link_types=[1], finest=False))
    check_agreement(capture, draw_asked(data, capture))


@settings(max_examples=50)
@given(st.data())
def test_any_edit_of_pcap(data: st.DataObject) -> None:
    capture = data.draw(invented_pcap())
    check_agreement(capture, draw_asked(data, capture))


@settings(max_examples=40)
@given(st.data())
def test_any_edit_on_pipes(data: st.DataObject) -> None:
    capture = data.draw(st.one_of(invented_pcapng(), invented_pcap()))
    check_on_pipes(capture, draw_asked(data, capture))


EDITS = [
    *(Request(snaplen=each) for each in (1, 40, 45, 64, 300, 2**31 - 1)),
    *(Request(front=each) for each in (1, 14, 43, 2**32 - 1)),
    *(Request(end=each) for each in (1, 4, 41, 2**32 - 1)),
    *(Request(front=14, end=4, snaplen=each) for each in (None, 20)),
    *(Request(shift=each) for each in map(Fraction, ("1", "-1", "0.25", "-3600", "0.000001", "4000000000"))),
    *(
        Request(cuts=[each])
        for each in ((12, False, 4), (14, False, -2), (40, False, 200), (8, True, 3), (4, True, -2))
    ),
    Request(cuts=[(4, False, 2), (20, False, 30), (5, True, -3)], front=2, end=1, adjust=True, snaplen=40),
    Request(front=14, end=4, adjust=True),
    *(Request(start=each) for each in (Fraction(0), Fraction(1_000_000_001), Fraction(3, 2))),
    Request(moments=[(1, Fraction(7)), (2, Fraction(1_000_000_001))], shift=Fraction(1)),
    Request(moments=[(2, Fraction(5))], start=Fraction(10), packets=[(2, None)]),
    Request(front=2, shift=Fraction(1)),
    Request(comments=[(1, "seen")]),
    Request(comments=[(1, "seen"), (1, ""), (2, "über\nnext line")], snaplen=44, shift=Fraction(1)),
    Request(packets=[(2, None)], snaplen=30, shift=Fraction(-1)),
    Request(last=1, end=5),
]


@every_sample
def test_each_edit_on_a_sample(path: Path) -> None:
    if stem(path) in DAMAGED:
        pytest.skip("damaged")
    capture = path.read_bytes()
    count = len(packets(capture))
    done = [
        check_agreement(capture, request)
        for request in EDITS
        if all(number <= count for number, _ in (*request.comments, *request.moments))
    ]
    assert "written" in done


def test_each_edit_on_a_corpus_file(corpus_file: Path) -> None:
    capture = undamaged_bytes(corpus_file)
    found = packets(capture)
    for request in EDITS[:: 3 if len(found) < 100 else 5]:
        if all(number <= len(found) for number, _ in (*request.comments, *request.moments)):
            check_bytes(capture, "pcapng" if is_pcapng(capture) else "pcap", request)


@pytest.mark.parametrize("path", [path for path in SAMPLES if path.suffix == ".pcap"], ids=lambda path: path.name)
def test_losses_are_counted_of_the_pcap_records_that_are_written_anew(path: Path) -> None:
    capture = path.read_bytes()
    count = len(packets(capture))
    for first, last in ((1, None), (2, None), (1, 1), (count + 1, None)):
        request = Request(packets=[(first, last)], front=1)
        kept = range(first, 1 + min(count, last or count))
        losses = expected_output.losses_of_pcap(capture, kept)
        assert converted(capture, "pcapng", keep_snaplen=True, **request.as_arguments())[1].losses == losses
        indices = {packet.interface for packet in wire.read_pcap(capture)[:last]}  # what follows is not read
        lost = {"interfaces": len(indices)} if len(indices) > 1 else {}
        assert converted(capture, "pcap", **request.as_arguments())[1].losses == {**losses, **lost}


# ---------------------------------------------------------------- cutting


@pytest.mark.parametrize(
    ("options", "left"),
    [
        ({"snaplen": 4}, b"abcd"),
        ({"snaplen": 10}, b"abcdefghij"),
        ({"snaplen": 11}, b"abcdefghij"),
        ({"chop": [3]}, b"defghij"),
        ({"chop": [-3]}, b"abcdefg"),
        ({"chop": [2, -3]}, b"cdefg"),
        ({"chop": [1, 1, -1, -2]}, b"cdefg"),
        ({"chop": [-3, 2], "snaplen": 2}, b"cd"),
        ({"chop": [10]}, b""),
        ({"chop": [11]}, b""),
        ({"chop": [-10]}, b""),
        ({"chop": [6, -6]}, b""),
        ({"chop": [2**32 - 1, 1 - 2**32]}, b""),
        ({"chop": 3}, b"defghij"),
        ({"chop": "3"}, b"defghij"),
        ({"chop": "+3"}, b"defghij"),
        ({"chop": "-3"}, b"abcdefg"),
        ({"chop": "4:2"}, b"abcdghij"),
        ({"chop": "4:-2"}, b"abefghij"),
        ({"chop": "-4:2"}, b"abcdefij"),
        ({"chop": "-4:-2"}, b"abcdghij"),
        ({"chop": "+4:+2"}, b"abcdghij"),
        ({"chop": "0:3"}, b"defghij"),
        ({"chop": "-0:3"}, b"defghij"),
        ({"chop": ["3", "0:1"]}, b"efghij"),
        ({"chop": ["4:2", "4:1"]}, b"abcdhij"),
        ({"chop": ["4:2", "5:2"]}, b"abcdhij"),
        ({"chop": ["8:1", 1, "4:2", -1]}, b"bcdgh"),
        ({"chop": ["4:2"], "snaplen": 5}, b"abcdg"),
        ({"chop": ["4:2"], "snaplen": 3}, b"abc"),
        ({"chop": ["4:99"]}, b"abcd"),
        ({"chop": ["10:-99"]}, b""),
        ({"chop": ["10:5"]}, b"abcdefghij"),
        ({"chop": ["11:-5"]}, b"abcdefghij"),
        ({"chop": ["-11:5"]}, b"abcdefghij"),
        ({"chop": ["-10:5"]}, b"fghij"),
        ({"chop": [f"{2**32 - 1}:{1 - 2**32}"]}, b"abcdefghij"),
        ({"chop": [2**32 - 1, 2**32 - 1, "4:1"]}, b""),
    ],
    ids=str,
)
def test_what_is_left_of_a_packet(write: In, options: dict[str, Any], left: bytes) -> None:
    capture = write.section_header() + write.interface(snaplen=0)
    capture += write.enhanced_packet(0, 1, b"abcdefghij", original_length=25)
    for to in ("pcapng", "pcap"):
        (packet,) = packets(converted(capture, to, **options)[0])
        assert (packet.data, packet.original_length) == (left, 25)


@pytest.mark.parametrize(
    ("options", "original", "now"),
    [
        ({"chop": 3}, 25, 22),
        ({"chop": [3, -4]}, 25, 18),
        ({"chop": ["4:2"]}, 25, 23),
        ({"chop": ["4:2", "5:2", -1]}, 25, 21),
        ({"chop": 99}, 25, 15),
        ({"chop": 99}, 3, 0),
        ({"chop": "4:2"}, 1, 0),
        ({"chop": "11:2"}, 25, 25),
        ({"chop": 3, "snaplen": 2}, 25, 22),
    ],
    ids=str,
)
def test_original_lengths_follow_what_is_chopped(write: In, options: dict[str, Any], original: int, now: int) -> None:
    capture = write.section_header() + write.interface(snaplen=0)
    capture += write.enhanced_packet(0, 1, b"abcdefghij", original_length=original)
    for to in ("pcapng", "pcap"):
        (packet,) = packets(converted(capture, to, adjust_length=True, **options)[0])
        assert packet.original_length == now
    record = write.pcap_header() + write.pcap_record(1, 2, b"abcdefghij", original_length=original)
    (packet,) = packets(converted(record, "pcap", adjust_length=True, **options)[0])
    assert packet.original_length == now


def test_a_simple_packet_s_length_follows_what_is_chopped_if_readers_then_find_it(write: In) -> None:
    head = write.section_header() + write.interface(snaplen=20)
    out, report = converted(head + write.simple_packet(bytes(19)), "pcapng", chop="4:2", adjust_length=True)
    assert raw_blocks(out)[2] == write.simple_packet(bytes(17))
    assert report.left_out == {}
    cut = write.simple_packet(bytes(20), original_length=99)
    out, report = converted(head + cut, "pcapng", chop="4:2", adjust_length=True)
    assert raw_blocks(out)[2] == write.simple_packet(bytes(18))
    assert report.left_out == {"original-lengths": 1}


def test_bytes_from_the_middle_of_many_packets(write: In) -> None:
    """More than reader and writer have in memory at a time; packets that are too short stay byte for byte."""
    options = write.options((wire.OPT_COMMENT, b"seen"), (wire.EPB_HASH, b"\2" + bytes(4)))
    stays = write.options((wire.OPT_COMMENT, b"seen"))
    capture, lost = write.section_header() + write.interface(), 0
    expect = capture
    for number in range(9000):
        data = number.to_bytes(4, "big") * (number % 40)
        gone = (12, 13, 14, 15, len(data) - 6, len(data) - 5)
        left = bytes(value for at, value in enumerate(data) if at not in gone)
        lost += number % 5 != 0 and len(left) < len(data)
        drops = write.options((wire.EPB_DROPCOUNT, write.number(3, 8)))
        if number % 5:
            capture += write.enhanced_packet(0, number, data, options=options)
            kept = stays if len(left) < len(data) else options
            expect += write.enhanced_packet(0, number, left, original_length=len(data), options=kept)
        else:
            capture += write.obsolete_packet(0, number, data, drops_count=3)
            if len(left) < len(data):
                expect += write.enhanced_packet(0, number, left, original_length=len(data), options=drops)
            else:
                expect += write.obsolete_packet(0, number, data, drops_count=3)
    out, report = converted(capture, "pcapng", chop=["12:4", "-6:2"])
    assert report.left_out == {"packet-hashes": lost}
    different = [pair for pair in zip(raw_blocks(out), raw_blocks(expect), strict=True) if pair[0] != pair[1]]
    assert different == []


@pytest.mark.parametrize("numbers", [[1, 2, 3, 4, 5, 6], [2, 5], [4]], ids=str)
def test_bytes_from_the_middle_of_few_long_packets(write: In, numbers: list[int]) -> None:
    """Of a buffer of which they need only a part."""
    data = [bytes([number]) * 20_000 + bytes(range(200)) for number in range(6)]
    seen = write.options((wire.OPT_COMMENT, b"seen"))
    capture = write.section_header() + write.interface(snaplen=0)
    capture += b"".join(write.enhanced_packet(0, 1, each, options=seen) for each in data[:4])
    capture += write.obsolete_packet(0, 1, data[4], drops_count=3)
    capture += write.custom(wire.CUSTOM_COPY, 32473, bytes(9000)) + write.enhanced_packet(0, 1, data[5], options=seen)
    for to in ("pcapng", "pcap"):
        selected = ",".join(map(str, numbers))
        out, _ = converted(capture, to, packets=selected, chop=["19990:20", "-100:50"], on_loss="ignore")
        left = [each[:19_990] + each[20_010:-100] + each[-50:] for each in data]
        found = [packet.data for packet in packets(out)]
        assert found == [left[number - 1] for number in numbers]
    (fifth,) = wire.read_pcapng(converted(capture, "pcapng", packets="5", chop=["9:9"])[0])
    assert fifth.options == write.options((wire.EPB_DROPCOUNT, write.number(3, 8)))


def test_packets_that_are_short_enough_stay_as_they_are(write: In) -> None:
    short = write.enhanced_packet(0, 1, b"four", options=write.options((wire.EPB_HASH, b"\2" + bytes(4))))
    short = short[:-12] + b"\0\0\0\0" + short[-8:]
    long = write.enhanced_packet(0, 2, b"longer", options=write.options((wire.EPB_HASH, b"\2" + bytes(4))))
    capture = write.section_header() + write.interface(snaplen=5) + short + long + short
    out, report = converted(capture, "pcapng", snaplen=5)
    expect = write.enhanced_packet(0, 2, b"longe", original_length=6)
    assert raw_blocks(out)[2:] == [short, expect, short]
    assert report.left_out == {"packet-hashes": 1}


@pytest.mark.parametrize(("stated", "now"), [(0, 64), (65535, 64), (64, 64), (63, 63), (2**32 - 1, 64)])
def test_the_snaplen_is_stated(write: In, stated: int, now: int) -> None:
    described = write.interface(snaplen=stated, options=write.options((wire.IF_NAME, b"eth0"), (0x8001, b"local")))
    packet = write.enhanced_packet(0, 1, bytes(10))
    out, _ = converted(write.section_header() + described + packet, "pcapng", snaplen=64)
    assert raw_blocks(out)[1] == described[:12] + struct.pack(write.byte_order + "I", now) + described[16:]
    out, _ = converted(write.section_header() + described + packet, "pcap", snaplen=64)
    assert wire.read_pcap_header(out).snaplen == now
    for to in ("pcap", "pcapng"):
        capture = write.pcap_header(snaplen=stated) + write.pcap_record(1, 2, bytes(99))
        out, _ = converted(capture, to, snaplen=64, keep_snaplen=True)
        told = wire.read_pcap_header(out).snaplen if to == "pcap" else wire.read_interfaces(out)[0].snaplen
        assert told == now


@pytest.mark.parametrize("thiszone", [0, 3600])
@pytest.mark.parametrize("stated", [0, 5, 65535, 2**32 - 1])
def test_a_pcap_s_snaplen_stays_when_something_else_is_edited(write: In, stated: int, thiszone: int) -> None:
    """Whether the header loses something else or not."""
    capture = write.pcap_header(snaplen=stated, thiszone=thiszone) + write.pcap_record(1, 2, bytes(99))
    out, _ = converted(capture, "pcap", chop=[1])
    assert out == write.pcap_header(snaplen=stated) + write.pcap_record(1, 2, bytes(98), original_length=99)


def test_a_simple_packet_says_its_length_where_it_has_to(write: In) -> None:
    capture = write.section_header() + write.interface(snaplen=20) + write.simple_packet(bytes(20), original_length=99)
    out, report = converted(capture, "pcapng", chop=[-4])
    assert raw_blocks(out)[2] == write.simple_packet(bytes(16), original_length=16)
    assert report.left_out == {"original-lengths": 1}
    out, report = converted(capture, "pcapng", chop=[-3])
    assert raw_blocks(out)[2] == write.simple_packet(bytes(17), original_length=17)
    assert report.left_out == {"original-lengths": 1}
    out, report = converted(capture, "pcapng", snaplen=17)
    assert raw_blocks(out)[1:] == [write.interface(snaplen=17), write.simple_packet(bytes(17), original_length=99)]
    assert report.left_out == {}


def test_a_hash_goes_with_the_bytes_that_it_was_of(write: In) -> None:
    hashes = [(wire.EPB_HASH, b"\2" + bytes(4)), (wire.EPB_HASH, b"\3" + bytes(16))]
    flags = (wire.EPB_FLAGS, write.number(1, 4))
    both = write.options(flags, *hashes)
    capture = write.section_header() + write.interface()
    capture += write.enhanced_packet(0, 1, b"abcdef", options=both)
    capture += write.enhanced_packet(0, 1, b"abcdef", options=write.options(*hashes))
    capture += write.obsolete_packet(0, 1, b"abcdef", options=both, drops_count=2)
    capture += write.enhanced_packet(0, 1, b"", options=both)
    out, report = converted(capture, "pcapng", chop=[1])
    assert report.left_out == {"packet-hashes": 6}
    dropped = (wire.EPB_DROPCOUNT, write.number(2, 8))
    assert raw_blocks(out)[2:] == [
        write.enhanced_packet(0, 1, b"bcdef", original_length=6, options=write.options(flags)),
        write.enhanced_packet(0, 1, b"bcdef", original_length=6),
        write.enhanced_packet(0, 1, b"bcdef", original_length=6, options=write.options(flags, dropped)),
        raw_blocks(capture)[-1],
    ]
    assert converted(capture, "pcapng", shift_time="1s")[1].left_out == {}


def test_an_obsolete_packet_states_its_drops_once(write: In) -> None:
    capture = write.section_header() + write.interface() + write.obsolete_packet(0, 1, b"abcd", drops_count=9)
    every = {"chop": [1], "shift_time": "1s", "packet_comment": ["1:seen"]}
    for options in ({name: every[name] for name in every if name != left} for left in (*every, None)):
        (packet,) = wire.read_pcapng(converted(capture, "pcapng", **options)[0])
        drops = [value for code, value in wire.read_options(packet.options, write.byte_order) if code == 4]
        assert drops == [write.number(9, 8)]
        losses = converted(capture, "pcap", on_loss="ignore", **options)[1].losses
        assert losses == {"packet-options": 1} | ({"comments": 1} if "packet_comment" in options else {})


@pytest.mark.parametrize("magic", [wire.MICROSECONDS, wire.NANOSECONDS, wire.MODIFIED])
def test_cutting_many_records(write: In, magic: int) -> None:
    """More than reader and writer have in memory at a time."""
    extra = write.modified_extra(5) if magic == wire.MODIFIED else b""
    plain = wire.NANOSECONDS if magic == wire.NANOSECONDS else wire.MICROSECONDS
    capture, expect = write.pcap_header(magic), write.pcap_header(plain, snaplen=64)
    for number in range(9000):
        data = number.to_bytes(4, "big") * (number % 40)
        capture += write.pcap_record(number, 1, data, extra=extra)
        expect += write.pcap_record(number, 1, data[:64], original_length=len(data))
    out, report = converted(capture, "pcap", snaplen=64)
    assert out == expect
    assert report.losses == ({"record-fields": 9000} if extra else {})


@pytest.mark.parametrize("magic", [wire.NANOSECONDS, wire.MODIFIED])
def test_comments_on_some_of_many_records(write: In, magic: int) -> None:
    """None of them reaches the packets that have the same place in a later window."""
    extra = write.modified_extra(5) if magic == wire.MODIFIED else b""
    capture = write.pcap_header(magic) + write.pcap_record(1, 1, bytes(160), extra=extra) * 9000
    numbers = [1, 2, 2900, 5000, 9000]
    request = Request(comments=[(number, f"packet {number}") for number in numbers])
    out, _ = converted(capture, "pcapng", **request.as_arguments())
    flags = [(wire.EPB_FLAGS, write.number(1, 4))] if magic == wire.MODIFIED else []
    for number, packet in enumerate(wire.read_pcapng(out), 1):
        comment = [(wire.OPT_COMMENT, b"packet %d" % number)] if number in numbers else []
        assert packet.options == write.options(*flags, *comment)


def test_options_of_some_of_many_blocks(write: In) -> None:
    """Some are obsolete, some lose a hash, some what must not be copied; all others stay byte for byte."""
    kinds = [
        write.enhanced_packet(1, 5, bytes(90)),
        write.enhanced_packet(0, 6, bytes(90), options=write.options((wire.EPB_HASH, b"\2" + bytes(4)))),
        write.obsolete_packet(0, 7, bytes(60), options=write.options((wire.OPT_CUSTOM_BYTES_DO_NOT_COPY, bytes(5)))),
        write.simple_packet(bytes(70), original_length=70),
        write.obsolete_packet(1, 7, bytes(64), drops_count=3),
        write.obsolete_packet(1, 7, bytes(80), drops_count=4),
        write.enhanced_packet(0, 6, bytes(3), options=write.options((wire.EPB_HASH, b"\2" + bytes(4)))),
    ]
    now = [
        write.enhanced_packet(1, 5, bytes(64), original_length=90),
        write.enhanced_packet(0, 6, bytes(64), original_length=90),
        write.enhanced_packet(0, 7, bytes(60)),
        write.simple_packet(bytes(64), original_length=70),
        kinds[4],
        write.enhanced_packet(
            1, 7, bytes(64), original_length=80, options=write.options((wire.EPB_DROPCOUNT, write.number(4, 8)))
        ),
        kinds[6],
    ]
    numbers = [number * 13 % 7 for number in range(14_000)]
    capture = write.section_header() + write.interface(snaplen=0) * 2 + b"".join(kinds[number] for number in numbers)
    out, report = converted(capture, "pcapng", snaplen=64)
    expect = write.section_header() + write.interface(snaplen=64) * 2 + b"".join(now[number] for number in numbers)
    assert out == expect
    assert report.left_out == {"packet-hashes": 2000, "do-not-copy": 2000}


# ---------------------------------------------------------------- comments


def test_comments_come_after_those_that_are_there(write: In) -> None:
    before = write.options((wire.OPT_COMMENT, b"first"), (wire.EPB_FLAGS, write.number(1, 4)))
    capture = write.section_header() + write.interface() + write.enhanced_packet(0, 1, b"x", options=before)
    capture += write.enhanced_packet(0, 1, b"y") * 2
    out, _ = converted(capture, "pcapng", packet_comment=["1:second", "3:", "1:a: colon"])
    flags = (wire.EPB_FLAGS, write.number(1, 4))
    after = [(wire.OPT_COMMENT, b"first"), flags, (wire.OPT_COMMENT, b"second"), (wire.OPT_COMMENT, b"a: colon")]
    assert raw_blocks(out)[2:] == [
        write.enhanced_packet(0, 1, b"x", options=write.options(*after)),
        write.enhanced_packet(0, 1, b"y"),
        write.enhanced_packet(0, 1, b"y", options=write.options((wire.OPT_COMMENT, b""))),
    ]
    _, report = converted(capture, "pcap", packet_comment=["2:text"], on_loss="ignore")
    assert report.losses == {"comments": 2, "packet-options": 1}


def test_comments_on_pcap(write: In) -> None:
    capture = write.pcap_header() + write.pcap_record(1, 0, b"x") * 2
    out, _ = converted(capture, "pcapng", packet_comment=["2:text"])
    assert [packet.options for packet in wire.read_pcapng(out)] == [b"", write.options((wire.OPT_COMMENT, b"text"))]
    out, report = converted(capture, "pcap", packet_comment=["2:text"], on_loss="ignore")
    assert out == capture
    assert report.losses == {"comments": 1}


def test_comments_are_by_the_input_s_numbers_and_must_find_their_packet(write: In) -> None:
    capture = write.section_header() + write.interface() + write.enhanced_packet(0, 1, b"x") * 9
    out, _ = converted(capture, "pcapng", packets="2,5,9", packet_comment=["5:five", "9:nine"])
    assert [bool(packet.options) for packet in wire.read_pcapng(out)] == [False, True, True]
    for options in ({"packets": "2,5,9"}, {"packets": "2-3"}, {"last": 1}, {"first": 3}):
        with pytest.raises(UsageError, match=r"^packet_comment=: packet 4 of the input is not among those written"):
            converted(capture, "pcapng", packet_comment=["4:four", "5:five"][: 1 + ("5" in str(options))], **options)
    with pytest.raises(UsageError, match="packet 10, 99 of the input is not among those written"):
        converted(capture, "pcapng", packet_comment=["99:x", "10:y", "1:z"])


def test_a_simple_packet_takes_no_comment(write: In) -> None:
    capture = write.section_header() + write.interface() + write.simple_packet(b"x")
    with pytest.raises(TargetError, match=r"^input: packet 1: a Simple Packet, which has no place for a comment"):
        converted(capture, "pcapng", packet_comment=["1:text"])


# ---------------------------------------------------------------- editcap, where PEERS.md does not call it wrong

JUDGED = ["lengths-le.pcap", "micro-be.pcap", "nano-le.pcap", "web.pcap", "web-nano.pcap", "tls.pcapng", "web.pcapng"]


@needs_editcap
@pytest.mark.parametrize("name", JUDGED)
def test_cuts_are_editcap_s(name: str, tmp_path: Path) -> None:
    path = FOLDER / name
    for snaplen in (1, 40, 60, 65535):
        count_same_packets(path, written_by_editcap(path, tmp_path, "-s", str(snaplen)), snaplen=snaplen)
    plain = ([1], [14], [-1], [-14], [14, -4], [4, -70], [9999], [-9999])
    in_the_middle = (
        ["12:4"],
        ["14:-2"],
        ["-8:4"],
        ["-8:-4"],
        ["50:40"],
        ["8:-70"],
        ["70:1"],
        ["-70:2"],
        ["12:4", "-4:-2"],
    )
    for chop in (*plain, *in_the_middle):
        told = [word for number in chop for word in ("-C", str(number))]
        count_same_packets(path, written_by_editcap(path, tmp_path, *told), chop=chop)
        if chop not in ([9999], [-9999]):
            count_same_packets(path, written_by_editcap(path, tmp_path, "-L", *told), chop=chop, adjust_length=True)
