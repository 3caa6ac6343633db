"""Nanoseconds under the magic number of microseconds: said wherever such a capture is read, and read as asked."""

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import wire
from conversions import Pipe, converted, identical
from wire import In

import pcapconv
from pcapconv.cli import run
from pcapconv.describing import info

T = 1_600_000_987
FRACTIONS = [987_650_000, 5, 999_999_999]
SAYS = "2 of 3 fractions of a second are 1,000,000 or more"


def records(write: In, extra: bytes = b"") -> bytes:
    return b"".join(write.pcap_record(T, fraction, b"data", extra=extra) for fraction in FRACTIONS)


def capture_of(write: In, magic: int = wire.MICROSECONDS) -> bytes:
    return write.pcap_header(magic) + records(write)


@pytest.fixture
def path(write: In, tmp_path: Path) -> Path:
    path = tmp_path / "odd.pcap"
    path.write_bytes(capture_of(write))
    return path


# ---------------------------------------------------------------- the warning


@pytest.mark.usefixtures("kernels")
def test_most_fractions_of_1000000_or_more_are_a_warning(write: In) -> None:
    (warning,) = identical(capture_of(write)).warnings
    assert warning.offset == 0
    assert SAYS in warning.reason
    assert "fractions='nanoseconds' reads them as these" in warning.reason


@pytest.mark.parametrize(
    ("fractions", "warns"),
    [([999_999], 0), ([1_000_000], 1), ([10**6, 0], 0), ([10**6, 10**6, 0], 1), ([0, 0, 2**32 - 1], 0), ([], 0)],
)
def test_half_of_the_fractions_are_not_most(write: In, fractions: list[int], warns: int) -> None:
    body = b"".join(write.pcap_record(T, fraction, b"x") for fraction in fractions)
    for magic, expected in ((wire.MICROSECONDS, warns), (wire.NANOSECONDS, 0)):
        assert len(converted(write.pcap_header(magic) + body, "pcap")[1].warnings) == expected


@pytest.mark.parametrize("size", [1, 20, 61, 1000])
def test_warning_does_not_depend_on_the_pieces_of_a_pipe(write: In, size: int) -> None:
    capture = capture_of(write)
    pipe: Any = Pipe(capture[at : at + size] for at in range(0, len(capture), size))
    (warning,) = converted(pipe, "pcap")[1].warnings
    assert [warning] == converted(capture, "pcap")[1].warnings


def test_warning_is_about_all_packets_whatever_is_selected(write: In) -> None:
    _, report = converted(capture_of(write), "pcapng", packets="2-", drop_packets="3")
    assert [SAYS in warning.reason for warning in report.warnings] == [True]


def test_open_lists_the_warning(write: In) -> None:
    with pcapconv.open(io.BytesIO(capture_of(write))) as opened:
        assert len(list(opened)) == 3
        assert [SAYS in warning.reason for warning in opened.warnings] == [True]


COMMANDS: dict[str, Callable[[Path], list[str]]] = {
    "convert": lambda path: ["convert", str(path), str(path.with_name("out.pcapng"))],
    "split": lambda path: ["split", str(path), str(path.with_name("{index}.pcapng")), "--max-packets", "2"],
    "batch": lambda path: ["batch", str(path), str(path.with_name("out"))],
    "normalize": lambda path: ["normalize", str(path), str(path.with_name("out.pcapng"))],
    "check": lambda path: ["normalize", "--check", str(path)],
    "diff": lambda path: ["diff", str(path), str(path)],
    "info": lambda path: ["info", str(path)],
    "text": lambda path: ["info", "--text", str(path)],
}


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_reads_warns(path: Path, command: str, capfd: pytest.CaptureFixture[str]) -> None:
    run(COMMANDS[command](path))
    out, err = capfd.readouterr()
    says = "oddities in 1 file," if command == "batch" else SAYS
    assert says in (out if command in ("info", "text") else err)
    if command == "batch":
        assert SAYS in next(path.with_name("out").glob("*.jsonl")).read_text()


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_that_reads_takes_the_option(path: Path, command: str, capfd: pytest.CaptureFixture[str]) -> None:
    run([*COMMANDS[command](path), "--fractions", "nanoseconds"])
    out, err = capfd.readouterr()
    assert "1,000,000" not in out + err
    assert "oddities" not in err
    if command in ("info", "text"):
        assert "2020-09-13T12:43:07.000000005Z" in out


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_refuses_other_fractions(path: Path, command: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run([*COMMANDS[command](path), "--fractions", "seconds"]) == 2
    assert "nanoseconds" in capfd.readouterr().err


# ---------------------------------------------------------------- what is written


@pytest.mark.usefixtures("kernels")
def test_fractions_nanoseconds_to_pcapng(write: In) -> None:
    pcapng, report = converted(capture_of(write), "pcapng", fractions="nanoseconds")
    assert pcapng == (
        write.section_header()
        + write.interface(snaplen=65535, options=write.options((wire.IF_TSRESOL, b"\x09")))
        + b"".join(write.enhanced_packet(0, T * 10**9 + fraction, b"data") for fraction in FRACTIONS)
    )
    assert (report.losses, report.warnings) == ({}, [])


@pytest.mark.parametrize(
    ("magic", "becomes"),
    [
        (wire.MICROSECONDS, wire.NANOSECONDS),
        (wire.NANOSECONDS, wire.NANOSECONDS),
        (wire.IXIA_SOFTWARE, wire.IXIA_HARDWARE),
        (wire.IXIA_HARDWARE, wire.IXIA_HARDWARE),
    ],
)
def test_fractions_nanoseconds_to_pcap_change_the_magic_number_alone(write: In, magic: int, becomes: int) -> None:
    length = 60 if magic in (wire.IXIA_SOFTWARE, wire.IXIA_HARDWARE) else None
    capture = write.pcap_header(magic, thiszone=60, records_length=length) + records(write)
    out, report = converted(capture, "pcap", fractions="nanoseconds")
    assert out == write.number(becomes, 4) + capture[4:]
    assert (report.losses, report.warnings) == ({}, [])
    some, _ = converted(capture, "pcap", fractions="nanoseconds", packets="1")
    assert some[:4] == write.number(becomes, 4)


def test_fractions_nanoseconds_of_records_that_no_magic_number_with_nanoseconds_has(write: In) -> None:
    capture = write.pcap_header(wire.MODIFIED) + records(write, write.modified_extra(1))
    out, report = converted(capture, "pcap", fractions="nanoseconds")
    assert out == write.pcap_header(wire.NANOSECONDS) + records(write)
    assert report.losses == {"record-fields": 3}


def test_fractions_nanoseconds_leave_pcapng_alone(write: In) -> None:
    capture = write.section_header() + write.interface() + write.enhanced_packet(0, T * 10**6, b"data")
    assert converted(capture, "pcapng", fractions="nanoseconds")[0] == capture


def test_second_capture_in_a_file_is_read_in_nanoseconds_too(write: In) -> None:
    capture = capture_of(write) + capture_of(write)
    out, report = converted(capture, "pcap", fractions="nanoseconds")
    assert out == write.pcap_header(wire.NANOSECONDS) + records(write) * 2
    assert report.damage == []


def test_every_function_that_reads_takes_fractions(write: In, path: Path, tmp_path: Path) -> None:
    as_nanoseconds = tmp_path / "nanoseconds.pcap"
    as_nanoseconds.write_bytes(capture_of(write, wire.NANOSECONDS))
    with pcapconv.open(path, fractions="nanoseconds") as opened:
        assert [packet.time_ns for packet in opened] == [T * 10**9 + fraction for fraction in FRACTIONS]
    assert str(info(path, fractions="nanoseconds").first_time) == "2020-09-13T12:43:07.000000005Z"
    assert not pcapconv.diff(path, as_nanoseconds).same
    assert pcapconv.diff(path, as_nanoseconds, fractions="nanoseconds").same
    report = pcapconv.split(path, tmp_path / "{index}.pcap", max_packets=2, fractions="nanoseconds")
    assert Path(report.outputs[0]).read_bytes()[:4] == write.number(wire.NANOSECONDS, 4)
    pcapconv.batch(path, tmp_path / "tree", fractions="nanoseconds")
    assert (tmp_path / "tree" / "odd.pcap").read_bytes() == as_nanoseconds.read_bytes()
    one, other = io.BytesIO(), io.BytesIO()
    pcapconv.normalize(path, one, fractions="nanoseconds")
    pcapconv.normalize(as_nanoseconds, other)
    assert one.getvalue() == other.getvalue()


@pytest.mark.parametrize("wrong", ["", "microseconds", "ns"])
def test_other_fractions_are_refused(path: Path, tmp_path: Path, wrong: str) -> None:
    calls: list[Callable[[], object]] = [
        lambda: pcapconv.open(path, fractions=wrong),
        lambda: pcapconv.convert(path, io.BytesIO(), to="pcap", fractions=wrong),
        lambda: pcapconv.split(path, tmp_path / "{index}.pcap", max_packets=1, fractions=wrong),
        lambda: pcapconv.batch(path, tmp_path / "tree", fractions=wrong),
        lambda: pcapconv.normalize(path, io.BytesIO(), fractions=wrong),
        lambda: pcapconv.diff(path, path, fractions=wrong),
        lambda: info(path, fractions=wrong),
    ]
    for call in calls:
        with pytest.raises(pcapconv.UsageError, match="must be nanoseconds"):
            call()


def test_batch_that_goes_on_converts_anew_with_other_fractions(path: Path, tmp_path: Path) -> None:
    target = tmp_path / "tree"
    pcapconv.batch(path, target)
    assert pcapconv.batch(path, target, resume=True).up_to_date == 1
    assert pcapconv.batch(path, target, resume=True, fractions="nanoseconds").converted == 1


def test_diff_has_warnings_in_json(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", "--json", str(path), str(path)]) == 0
    found = json.loads(capfd.readouterr().out)
    assert [[SAYS in each["reason"] for each in found[side]["warnings"]] for side in "ab"] == [[True], [True]]
    assert [found[side]["warnings_total"] for side in "ab"] == [1, 1]
