"""Merging against a second implementation (`expected_merge.py`), byte for byte: invented inputs, samples, options."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import expected_captures
import expected_merge
import expected_output
import pytest
import wire
from conversions import DAMAGED, SAMPLES, stem
from expected_captures import is_pcapng
from expected_request import Request
from hypothesis import given, settings
from hypothesis import strategies as st
from invented_captures import edits, invented_pcapng, selections
from invented_merges import invented_inputs
from merging import merged, merged_on_pipes

from pcapconv import PcapconvError

pytestmark = pytest.mark.usefixtures("kernels")

ALL = Request()
MALFORMED = DAMAGED | {"time-malformed"}
WHOLE = [path for path in SAMPLES if stem(path) not in MALFORMED]


def check_merge(captures: Sequence[bytes], request: Request = ALL, **options: Any) -> None:
    """Check that the merged capture is the expected one, and what was left out and lost, or that both refuse."""
    try:
        told = expected_merge.written(captures, request, **options)
    except ValueError:
        with pytest.raises(PcapconvError):
            merged(captures, on_loss="ignore", **request.as_arguments())
        return
    separate = options.pop("separate", False)
    out, report = merged(captures, on_loss="ignore", separate_interfaces=separate, **request.as_arguments())
    assert out == told.capture
    assert report.left_out == told.left_out
    assert report.packets_written == len(told.packets)
    if not (request.selects or same_pcap_headers(captures)):
        assert report.losses == told.losses


def same_pcap_headers(captures: Sequence[bytes]) -> bool:
    """What is lost of such files counts once."""
    return len({capture[:24] for capture in captures}) == 1 and not is_pcapng(captures[0])


@settings(max_examples=80)
@given(captures=invented_inputs(), separate=st.booleans())
def test_any_merge(captures: list[bytes], separate: bool) -> None:
    check_merge(captures, separate=separate)


@settings(max_examples=40)
@given(st.data())
def test_any_selection(data: st.DataObject) -> None:
    captures = data.draw(invented_inputs())
    check_merge(captures, data.draw(selections(expected_merge.merged(captures))))


@settings(max_examples=40)
@given(st.data())
def test_any_edit(data: st.DataObject) -> None:
    captures = data.draw(invented_inputs())
    kept = [packet for packet in expected_captures.packets(expected_merge.merged(captures)) if packet.ticks is not None]
    check_merge(captures, data.draw(edits(kept)))


@settings(max_examples=40)
@given(captures=invented_inputs())
def test_any_merge_of_pipes_into_a_pipe(captures: list[bytes]) -> None:
    told = expected_merge.written(captures, Request(), pipe=True)
    assert merged_on_pipes(captures) == told.capture


@settings(max_examples=40)
@given(captures=invented_inputs(link_types=(1,)))
def test_any_merge_to_pcap(captures: list[bytes]) -> None:
    """It has the packets of the merged pcapng capture; one without a time has time 0, whatever its interface is."""
    try:
        entries = expected_merge.merged_entries(captures).entries
        packets = [entry.packet for entry in entries if entry.packet is not None]
        told, lost = expected_output.held_by_pcap(
            packets, expected_output.pcap_units(b"".join(entry.raw for entry in entries))
        )
    except ValueError:
        with pytest.raises(PcapconvError):
            merged(captures, "pcap", on_loss="ignore")
        return
    out, report = merged(captures, "pcap", on_loss="ignore")
    assert [(each.ticks, each.original_length, each.data) for each in wire.read_pcap(out)] == told
    assert report.losses.get("time-digits", 0) == lost.get("time-digits", 0)


@settings(max_examples=40)
@given(st.lists(invented_pcapng(), min_size=1, max_size=4))
def test_captures_are_appended_byte_for_byte(captures: list[bytes]) -> None:
    out, report = merged(captures, append=True)
    assert out == b"".join(captures)
    assert (report.losses, report.left_out) == ({}, {})


@settings(max_examples=40)
@given(captures=invented_inputs())
def test_appended_captures_of_any_format_keep_their_packets(captures: list[bytes]) -> None:
    """Sections of pcapng stay as they are; a pcap file becomes what `convert` makes of it."""
    out, _ = merged(captures, append=True, keep_snaplen=True)
    parts = []
    for capture in captures:
        alone = capture
        if not is_pcapng(capture):
            alone, _ = merged([capture], append=True, keep_snaplen=True)
            assert is_pcapng(alone)
            assert [packet.data for packet in expected_captures.packets(alone)] == [
                packet.data for packet in expected_captures.packets(capture)
            ]
        parts.append(alone)
    assert out == b"".join(parts)


@settings(max_examples=40)
@given(st.data())
def test_any_selection_of_appended_captures(data: st.DataObject) -> None:
    """It is the selection of the whole, as `convert` makes it."""
    captures = data.draw(st.lists(invented_pcapng(), min_size=1, max_size=3))
    request = data.draw(selections(b"".join(captures)))
    try:
        told = expected_output.written(b"".join(captures), "pcapng", request)
    except ValueError:
        with pytest.raises(PcapconvError):
            merged(captures, append=True, **request.as_arguments())
        return
    out, report = merged(captures, append=True, on_loss="ignore", **request.as_arguments())
    assert out == told.capture
    assert report.left_out == told.left_out


# ---------------------------------------------------------------- samples


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.name)
def test_a_sample_with_two_others(path: Path) -> None:
    """Two that go with it, one before and one behind, differ from sample to sample."""
    choice = random.Random(path.name)
    for _ in range(3):
        others = [each.read_bytes() for each in choice.sample(WHOLE, 2)]
        check_merge([others[0], path.read_bytes(), others[1]])


@pytest.mark.parametrize("path", WHOLE, ids=lambda path: path.name)
def test_a_sample_with_itself(path: Path) -> None:
    capture = path.read_bytes()
    check_merge([capture, capture])
    check_merge([capture, capture], separate=True)
    check_merge([capture])


@pytest.mark.parametrize("path", [path for path in WHOLE if path.suffix == ".pcapng"], ids=lambda path: path.name)
def test_a_sample_is_appended_to_itself(path: Path) -> None:
    capture = path.read_bytes()
    assert merged([capture, capture], append=True)[0] == capture * 2


def test_the_time_of_a_malformed_resolution_is_refused() -> None:
    path = next(path for path in SAMPLES if stem(path) == "time-malformed")
    with pytest.raises(PcapconvError, match="if_tsresol"):
        merged([path.read_bytes()])


def test_all_samples_at_once() -> None:
    check_merge([path.read_bytes() for path in WHOLE])


def test_a_corpus_file(corpus_file: Path) -> None:
    from agreement import undamaged_bytes

    capture = undamaged_bytes(corpus_file)
    check_merge([capture, capture])
    if is_pcapng(capture):
        assert merged([capture, capture], append=True)[0] == capture * 2
