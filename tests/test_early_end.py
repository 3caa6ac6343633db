"""Reading ends after the last packet that can be selected: of a pcap capture, and with `stop_early` of a pcapng one."""

import io
import json
import os
import select
import subprocess
from fractions import Fraction
from pathlib import Path
from typing import Any, BinaryIO, cast

import expected_captures
import expected_selection
import pytest
import wire
from command_line import COMMAND, run_in_process
from conversions import Pipe, Sink, converted
from expected_captures import entries, is_pcapng
from expected_request import Request, alone
from hypothesis import given, settings
from hypothesis import strategies as st
from invented_captures import invented_pcap, invented_pcapng, selections
from wire import In

import pcapconv
from pcapconv import DamageError, PcapconvError, Report, UsageError

pytestmark = pytest.mark.usefixtures("kernels")

PATIENCE = 20  # seconds
T = 1_700_000_000
NANOSECONDS = 10**9


def pcap(write: In, *times: float | int) -> list[bytes]:
    """The header and a record for each time, in seconds after T."""
    moments = [Fraction(str(time)) + T for time in times]
    return [
        write.pcap_header(),
        *(
            write.pcap_record(moment.numerator // moment.denominator, int(moment % 1 * 10**6), b"packet number %d" % at)
            for at, moment in enumerate(moments, 1)
        ),
    ]


def pcapng(write: In, *times: int) -> list[bytes]:
    header = write.section_header() + write.interface()
    return [header, *(write.enhanced_packet(0, (T + time) * 10**6, b"packet number %d" % time) for time in times)]


def numbers(capture: bytes) -> list[int]:
    return [int(packet.data.split()[-1]) for packet in expected_captures.packets(capture)]


# ---------------------------------------------------------------- where reading ends


@pytest.mark.parametrize(
    ("options", "stop"),
    [
        ({"first": 2}, 2),
        ({"first": 2, "packets": "3-"}, 4),
        ({"first": 2, "drop_packets": "1-3"}, 5),
        ({"first": 1, "after": str(T + 4)}, 4),
        ({"first": 6}, 6),
        ({"packets": "2,4-5"}, 5),
        ({"packets": "5,1"}, 5),
        ({"packets": "1-5", "first": 3}, 3),
        ({"packets": "1-2", "first": 3}, 2),
        ({"packets": "1-2", "drop_packets": "1-2"}, 2),
        ({"before": str(T + 2), "in_order": True}, 3),
        ({"before": str(T + 2), "in_order": "0"}, 2),
        ({"before": str(T + 2), "in_order": "2500ms"}, 5),
        ({"before": "+1s", "in_order": "0s"}, 2),
        ({"before": "+1s", "after": "+1ms", "in_order": "2s"}, 4),
        ({"before": str(T - 5), "in_order": "1s"}, 1),
        ({"first": 2, "before": str(T + 5), "in_order": True}, 2),
    ],
)
def test_where_reading_ends(options: dict[str, Any], stop: int, write: In) -> None:
    for pieces, to in ((pcap(write, *range(1, 7)), "pcap"), (pcapng(write, *range(1, 7)), "pcapng")):
        capture, offset = b"".join(pieces), len(b"".join(pieces[: stop + 1]))
        out, report = converted(capture + b"what follows is not looked at", to, stop_early=True, **options)
        assert (report.read_until, report.packets_read, report.damage) == (offset, stop, [])
        assert out == converted(capture[:offset], to, **options)[0]


@pytest.mark.parametrize(
    "options",
    [
        {"first": 7},
        {"packets": "2-7"},
        {"packets": "2-"},
        {"packets": "1,3-"},
        {"drop_packets": "1-2"},
        {"after": str(T + 3)},
        {"before": str(T + 3)},
        {"before": str(T + 6), "in_order": True},
        {"first": 1, "invert": True},
        {"packets": "1", "invert": True},
        {"before": "+1s", "in_order": "0", "invert": True},
        {"first": 1, "last": 1},
        {"first": 1, "interface": ["0"]},
        {"first": 1, "set_interface": ["0.name=a"]},
        {"snaplen": 5},
    ],
)
def test_where_it_does_not_end(options: dict[str, Any], write: In) -> None:
    capture = b"".join(pcap(write, *range(1, 7)))
    _, report = converted(capture + b"cut", "pcapng", **options)
    assert (report.read_until, report.packets_read, len(report.damage)) == (None, 6, 1)


def test_pcapng_is_read_on_for_what_follows(write: In) -> None:
    names = write.names(wire.ipv4_name("192.0.2.1", "router"))
    header, first, second = pcapng(write, 1, 2)
    capture = header + first + second + names
    out, report = converted(capture, "pcapng", first=1)
    assert (out, report.read_until, report.packets_read) == (header + first + names, None, 2)
    out, report = converted(capture, "pcapng", first=1, stop_early=True)
    assert (out, report.read_until, report.packets_read) == (header + first, len(header + first), 1)


def test_what_precedes_the_end_stays(write: In) -> None:
    names = write.names(wire.ipv4_name("192.0.2.1", "router"))
    header, first, second, third = pcapng(write, 1, 2, 3)
    capture = header + first + names + second + names + third
    out, report = converted(capture, "pcapng", packets="2", stop_early=True)
    assert (out, report.read_until) == (header + names + second, len(header + first + names + second))


def test_the_second_of_two_pcap_files_in_one(write: In) -> None:
    header, *records = pcap(write, 1, 2, 3, 4)
    capture = header + records[0] + records[1] + header + records[2] + records[3]
    out, report = converted(capture, "pcap", first=3)
    assert (out, report.read_until) == (header + b"".join(records[:3]), len(capture) - len(records[3]))
    out, report = converted(capture, "pcap", first=2)
    assert (report.read_until, report.warnings) == (len(header + records[0] + records[1]), [])


def test_the_end_among_empty_packets(write: In) -> None:
    header, first, last = pcap(write, 1, 2)
    capture = header + first + bytes(16 * 10_000) + last
    for number in (3, 5000, 10_000):
        report = converted(capture, "pcap", packets=str(number))[1]
        assert (report.read_until, report.packets_read) == (len(header + first) + 16 * (number - 1), number)


def test_records_of_a_variant_with_interfaces(write: In) -> None:
    records = [write.pcap_record(T + at, 0, b"packet", extra=write.modified_extra(at % 3)) for at in range(6)]
    capture = write.pcap_header(wire.MODIFIED) + b"".join(records)
    for count in range(1, 6):
        out, report = converted(capture, "pcapng", first=count)
        assert report.read_until == len(capture) - sum(map(len, records[count:]))
        assert len(wire.read_interfaces(out)) == min(3, count)


def test_a_block_that_does_not_count_its_padding(write: In) -> None:
    header, first, _ = pcapng(write, 1, 2)
    block = write.enhanced_packet(0, T, b"odd")
    short = write.number(len(block) - 1, 4)
    unpadded = block[:4] + short + block[8:-4] + short
    _, report = converted(header + unpadded + first, "pcap", first=1, stop_early=True)
    assert report.read_until == len(header + unpadded)


def test_a_compressed_capture(write: In) -> None:
    import gzip

    header, *records = pcap(write, *range(1, 5000))
    compressed = gzip.compress(header + b"".join(records))
    for source in (io.BytesIO(compressed), cast(BinaryIO, Pipe([compressed[:99], compressed[99:]]))):
        out, report = converted(source, "pcap", first=3)
        assert (out, report.read_until) == (header + b"".join(records[:3]), len(out))


def test_packets_without_a_time_are_counted_up_to_the_end(write: In) -> None:
    header, first, second = pcapng(write, 1, 2)
    capture = header + write.simple_packet(b"no time") + first + write.simple_packet(b"no time") * 3 + second
    report = converted(capture, "pcapng", after="0", first=1, stop_early=True)[1]
    assert report.left_out == {"packets-without-time": 1}
    report = converted(capture, "pcapng", after="0", first=1)[1]
    assert report.left_out == {"packets-without-time": 4}


def test_numbers_beyond_an_end_are_no_warning(write: In) -> None:
    capture = b"".join(pcap(write, 1, 2, 3))
    assert converted(capture, "pcap", first=1, drop_packets="2-3")[1].warnings == []
    assert len(converted(capture, "pcap", first=4, drop_packets="9")[1].warnings) == 1


# ---------------------------------------------------------------- on any capture


@settings(max_examples=80)
@given(st.data())
def test_an_early_end_is_as_if_nothing_followed(data: st.DataObject) -> None:
    capture = data.draw(st.one_of(invented_pcap(), invented_pcapng()))
    request = data.draw(selections(capture))
    slack: dict[str, Any] = {"in_order": data.draw(st.sampled_from(["0", "1s", "40d"]))} if request.before else {}
    compare_with_the_beginning(capture, request, slack, data.draw(st.integers(1, 300)))


def compare_with_the_beginning(capture: bytes, request: Request, slack: dict[str, Any], size: int) -> None:
    """Check that a capture gives what its beginning up to the early end gives, as a file and in pieces of this size."""
    to = "pcapng" if is_pcapng(capture) else "pcap"
    options: dict[str, Any] = {**request.as_arguments(), **slack, "on_loss": "ignore"}
    try:
        early: dict[str, Any] = {"stop_early": True} if to == "pcapng" else {}
        out, report = converted(capture, to, **options, **early)
    except PcapconvError:  # also an UsageError, if nothing can end this selection
        return
    pieces = cast(BinaryIO, Pipe([capture[at : at + size] for at in range(0, len(capture), size)]))
    sink = Sink()
    piped = pcapconv.convert(pieces, cast(BinaryIO, sink), to=to, **options, **early)
    assert found(piped) == found(report)
    if report.read_until is not None:
        beginning, told = converted(capture[: report.read_until], to, **options)
        assert beginning == out
        assert found(told)[:2] == found(report)[:2]


def found(report: Report) -> tuple[int, Any, Any, Any]:
    return report.packets_read, report.left_out, report.damage, report.read_until


def test_the_second_implementation_knows_the_last_packet(write: In) -> None:
    header, *records = pcap(write, *range(1, 7))
    capture = header + b"".join(records)
    for request in alone(expected_captures.packets(capture)):
        last = expected_selection.last_needed(entries(capture), request)
        report = converted(capture, "pcap", on_loss="ignore", **request.as_arguments())[1]
        assert report.packets_read == (last or 6)
        assert (report.read_until is None) == (last is None)


# ---------------------------------------------------------------- what needs the whole capture


def test_strict_reads_on(write: In) -> None:
    capture = b"".join(pcap(write, 1, 2, 3))
    assert converted(capture, "pcapng", first=1, strict=True)[1].read_until is None
    with pytest.raises(DamageError):
        converted(capture + b"cut", "pcapng", first=1, strict=True)


def test_sidecars_and_replacing_read_on(write: In, tmp_path: Path) -> None:
    path = tmp_path / "in.pcap"
    path.write_bytes(b"".join(pcap(write, 1, 2, 3)) + b"cut")
    report = pcapconv.convert(path, tmp_path / "out.pcapng", first=1)
    assert (report.read_until is None, report.damage) == (False, [])
    report = pcapconv.convert(path, tmp_path / "kept.pcap", first=1, sidecar=True)
    assert (report.read_until, len(report.damage)) == (None, 1)
    report = pcapconv.convert(path, path, first=1, force=True)
    assert (report.read_until, report.packets_written, len(report.damage)) == (None, 1, 1)


def test_a_batch_reads_on(write: In, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.pcap").write_bytes(b"".join(pcap(write, 1, 2, 3)) + b"cut")
    report = pcapconv.batch(tmp_path / "in", tmp_path / "out", first=1)
    assert report.damaged == 1


def test_a_split_ends_early_too(write: In, tmp_path: Path) -> None:
    header, *records = pcap(write, *range(1, 7))
    path = tmp_path / "in.pcap"
    path.write_bytes(header + b"".join(records) + b"cut")
    report = pcapconv.split(path, tmp_path / "{index}.pcap", max_packets=2, first=3)
    assert (report.read_until, report.packets_read, len(report.outputs)) == (len(header + b"".join(records[:3])), 3, 2)


# ---------------------------------------------------------------- packets in order


@pytest.mark.parametrize(
    ("times", "slack", "breach"),
    [
        ([1, 2, 3, 9], "0", None),
        ([1, 3, 2, 9], "1s", None),
        ([1, 3, 1.999999, 9], "1s", (3, "1.000001000 s")),
        ([4.5, 3, 9], "1s", (2, "1.500000000 s")),
        ([1, 2, 9, 3], "1s", None),  # after the end, nobody looks
        ([3, 2.5, 1, 9], "0", (2, "0.500000000 s")),
    ],
)
def test_a_packet_that_breaks_the_promise(
    times: list[float], slack: str, breach: tuple[int, str] | None, write: In
) -> None:
    pieces = pcap(write, *times)
    capture = b"".join(pieces)
    options: dict[str, Any] = {"before": str(T + 4), "in_order": slack}
    out, report = converted(capture, "pcap", **options)
    if breach is None:
        assert (report.damage, report.read_until) == ([], len(b"".join(pieces[: 2 + times.index(9)])))
        return
    (damage,) = report.damage
    number, earlier = breach
    assert (damage.packet_number, damage.offset) == (number, len(b"".join(pieces[:number])))
    assert damage.reason.startswith(f"its time is {earlier} earlier than that of a packet before it")
    assert (report.read_until, report.packets_read) == (None, len(times))
    assert out == converted(capture, "pcap", before=str(T + 4))[0]
    with pytest.raises(DamageError, match="earlier than that of a packet before it"):
        converted(capture, "pcap", strict=True, **options)


def test_times_are_compared_across_interfaces(write: In) -> None:
    nanoseconds = write.options((wire.IF_TSRESOL, b"\t"))
    header = write.section_header() + write.interface() + write.interface(options=nanoseconds)
    blocks = [
        write.enhanced_packet(0, T * 10**6 + 1, b"packet number 1"),
        write.enhanced_packet(1, T * NANOSECONDS + 999, b"packet number 2"),
        write.simple_packet(b"packet number 3"),
        write.enhanced_packet(1, (T + 9) * NANOSECONDS, b"packet number 4"),
        write.enhanced_packet(0, T * 10**6, b"packet number 5"),
    ]
    capture = header + b"".join(blocks)
    options: dict[str, Any] = {"before": str(T + 5), "stop_early": True}
    assert [each.packet_number for each in converted(capture, "pcapng", in_order="0", **options)[1].damage] == [2]
    report = converted(capture, "pcapng", in_order="1ns", **options)[1]
    assert (report.damage, report.packets_read) == ([], 4)


def test_a_pcapng_capture_that_is_read_on_is_checked_to_its_end(write: In) -> None:
    capture = b"".join(pcapng(write, 1, 9, 2))
    out, report = converted(capture, "pcapng", before=str(T + 5), in_order=True)
    assert (numbers(out), [each.packet_number for each in report.damage]) == ([1, 2], [3])


def test_a_time_that_nanoseconds_do_not_hold_is_passed_over(write: In) -> None:
    seconds = write.options((wire.IF_TSRESOL, b"\0"))
    header = write.section_header() + write.interface(options=seconds)
    packets = [write.enhanced_packet(0, ticks, b"packet number 1") for ticks in (5, 2**60, 4, 3)]
    report = converted(header + b"".join(packets), "pcapng", before=str(2**61), in_order="1s")[1]
    assert [each.packet_number for each in report.damage] == [4]


def test_the_status_of_a_broken_promise(write: In, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "in.pcap"
    path.write_bytes(b"".join(pcap(write, 3, 1, 9)))
    line: list[str | Path] = ["convert", path, tmp_path / "out.pcap", "--before", str(T + 5), "--in-order"]
    done = run_in_process(capfd, *line)
    assert done.status == 3
    assert (
        "(packet 2): its time is 2.000000000 s earlier than that of a packet before it, more than --in-order"
        in done.err
    )
    assert run_in_process(capfd, *line[:-1], "--in-order=2s", "--force").status == 0


# ---------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"in_order": True}, r"in_order=True goes with before=, as in before='\+1h', in_order=True"),
        ({"in_order": "5s", "first": 3}, "in_order='5s' goes with before="),
        ({"before": "+1s", "in_order": "soon"}, "in_order='soon': not a length of time; write 90s, 1h30m or 250ms"),
        ({"before": "+1s", "in_order": "-1s"}, "in_order='-1s': this length of time has no sign"),
        (
            {"before": "+1s", "in_order": 5},
            "in_order=5: write True, or a length of time: a timedelta, or text, as in '5s'",
        ),
        ({"stop_early": True}, "stop_early=True: nothing tells which selected packet is the last; first= does"),
        ({"stop_early": True, "packets": "5-"}, "stop_early=True: nothing tells"),
        ({"stop_early": True, "before": "+1h"}, "stop_early=True: nothing tells"),
    ],
)
def test_what_is_refused(options: dict[str, Any], message: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=message):
        converted(b"", "pcap", **options)
    with pytest.raises(UsageError, match=message):
        pcapconv.split(io.BytesIO(), tmp_path / "{index}.pcap", max_packets=1, **options)


def test_the_command_line_names_them_its_way(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    done = run_in_process(capfd, "convert", "in.pcap", tmp_path / "out.pcap", "--in-order=soon", "--before", "+1s")
    assert (done.status, done.err) == (
        2,
        "pcapconv: --in-order=soon: not a length of time; write 90s, 1h30m or 250ms\n",
    )


# ---------------------------------------------------------------- the command


def test_the_report_names_the_end(write: In, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    header, *records = pcap(write, 1, 2, 3)
    path = tmp_path / "in.pcap"
    path.write_bytes(header + b"".join(records))
    done = run_in_process(capfd, "convert", path, tmp_path / "out.pcap", "--first", "1", "--report", "-")
    assert json.loads(done.out)["read_until"] == len(header + records[0])
    assert run_in_process(capfd, "convert", path, tmp_path / "all.pcap", "--report", "-").out.count(
        b'"read_until": null'
    )


def test_a_pipe_is_read_no_further(tmp_path: Path) -> None:
    """The command ends while its input is open."""
    out = tmp_path / "out.pcap"
    process = subprocess.Popen([COMMAND, "convert", "-", out, "--packets", "1-2"], stdin=subprocess.PIPE)
    assert process.stdin is not None
    with process.stdin:
        header, data = wire.pcap_header(), b"no other variant has this"
        process.stdin.write(header + wire.pcap_record(T, 0, data) * 2)
        process.stdin.flush()
        assert process.wait(PATIENCE) == 0
    assert out.read_bytes() == header + wire.pcap_record(T, 0, data) * 2


def test_a_pcapng_pipe_that_goes_on_says_how_to_stop_it() -> None:
    header = wire.section_header() + wire.interface()
    block = wire.enhanced_packet(0, T * 10**6, b"packet")
    for option, goes_on in (([], True), (["--stop-early"], False)):
        process = subprocess.Popen(
            [COMMAND, "convert", "-", "-", "--to", "pcapng", "--first", "1", *option],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stderr is not None
        with process.stdin, process.stdout, process.stderr:
            process.stdin.write(header + block + block)
            process.stdin.flush()
            assert os.read(process.stdout.fileno(), len(header + block)).startswith(header)
            if goes_on:
                assert select.select([process.stderr], [], [], PATIENCE)[0]
                assert os.read(process.stderr.fileno(), 4096).decode() == (
                    "pcapconv: stdin: all selected packets are there; the pipe is read to its end for names, secrets "
                    "and statistics behind them; --stop-early ends without these\n"
                )
                process.stdin.close()
            assert process.wait(PATIENCE) == 0
            assert process.stderr.read() == b""
