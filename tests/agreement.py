"""pcapconv compared with the second implementation, `expected_output`: in both formats, from files and from pipes."""

import os
import shutil
import subprocess
from pathlib import Path
from typing import Any, BinaryIO, cast

import expected_output
import expected_selection
import pytest
import wire
from conversions import Pipe, Sink, converted
from expected_captures import entries, is_pcapng, packets, stated
from expected_request import Request

import pcapconv
from pcapconv import PcapconvError


def check_agreement(capture: bytes, request: Request) -> str:
    """Check that each format has what the second implementation expects, or that both refuse. Return "written" or
    "refused"."""
    if not is_pcapng(capture):
        check_bytes(capture, "pcap", request)
        return check_bytes(capture, "pcapng", request)
    check_pcap_packets(capture, request)
    return check_bytes(capture, "pcapng", request)


def check_bytes(capture: bytes, to: str, request: Request) -> str:
    """Check that the output is the expected one, byte for byte, or that both refuse."""
    try:
        told = expected_output.written(capture, to, request)
    except ValueError:
        with pytest.raises(PcapconvError):
            converted(capture, to, on_loss="ignore", **request.as_arguments())
        return "refused"
    out, report = converted(capture, to, on_loss="ignore", **request.as_arguments())
    if report.read_until is not None:  # interfaces that only later packets name are not known
        told = expected_output.written(capture[: report.read_until], to, request)
    assert out == told.capture
    assert report.left_out == told.left_out
    assert report.packets_written == len(told.packets)
    last = None if is_pcapng(capture) else expected_selection.last_needed(entries(capture), request)
    assert report.packets_read == (len(packets(capture)) if last is None else last)
    assert [(each.time, each.original_length, each.data) for each in packets(out)] == [
        (each.time, each.original_length, each.data) for each in map(stated, told.packets)
    ]
    return "written"


def check_pcap_packets(capture: bytes, request: Request) -> str:
    """Check that a pcapng capture becomes a pcap file with the expected packets, or that both refuse."""
    try:
        told, lost = expected_output.in_pcap(capture, request)
    except ValueError:
        with pytest.raises(PcapconvError):
            converted(capture, "pcap", on_loss="ignore", **request.as_arguments())
        return "refused"
    out, report = converted(capture, "pcap", on_loss="ignore", **request.as_arguments())
    assert wire.read_pcap_header(out).units == expected_output.pcap_units(capture)
    assert [(each.ticks, each.original_length, each.data) for each in wire.read_pcap(out)] == told
    assert {kind: report.losses.get(kind, 0) for kind in ("packets-without-time", "time-digits")} == {
        "packets-without-time": lost.get("packets-without-time", 0),
        "time-digits": lost.get("time-digits", 0),
    }
    return "written"


def check_on_pipes(capture: bytes, request: Request) -> str:
    """Check the output from a pipe into a pipe, neither of which can go back."""
    to = "pcapng" if is_pcapng(capture) else "pcap"
    pieces = cast(BinaryIO, Pipe([capture[at : at + 97] for at in range(0, len(capture), 97)]))
    sink = Sink()
    try:
        told = expected_output.written(capture, to, request, pipe=True)
    except ValueError:
        with pytest.raises(PcapconvError):
            pcapconv.convert(pieces, cast(BinaryIO, sink), to=to, on_loss="ignore", **request.as_arguments())
        return "refused"
    pcapconv.convert(pieces, cast(BinaryIO, sink), to=to, on_loss="ignore", **request.as_arguments())
    assert bytes(sink.taken) == told.capture
    return "written"


def undamaged_bytes(path: Path) -> bytes:
    """The bytes of a file. Skips the test if it is no capture, or a damaged one."""
    capture = path.read_bytes()
    try:
        _, report = converted(capture, "pcapng" if is_pcapng(capture) else "pcap")
    except PcapconvError as error:
        pytest.skip(str(error))
    if report.damage:
        pytest.skip("damaged")
    return capture


# ---------------------------------------------------------------- editcap

needs_editcap = pytest.mark.skipif(shutil.which("editcap") is None, reason="editcap is not installed")


def written_by_editcap(path: Path, folder: Path, *options: str, ranges: tuple[str, ...] = ()) -> bytes:
    """The pcap file in nanoseconds that editcap writes."""
    out = folder / "editcap.pcap"
    command = ["editcap", "-F", "nsecpcap", *options, str(path), str(out), *ranges]
    subprocess.run(command, check=True, capture_output=True, timeout=60, env=os.environ | {"TZ": "UTC"})
    return out.read_bytes()


def count_same_packets(path: Path, judged: bytes, **options: Any) -> int:
    """Check that pcapconv writes the same packets, to the nanosecond; return their number."""
    out, _ = converted(path.read_bytes(), "pcap", nanoseconds=True, **options)
    seen, told = packets(out), packets(judged)
    assert [(each.time, each.original_length, each.data) for each in seen] == [
        (each.time, each.original_length, each.data) for each in told
    ]
    return len(seen)
