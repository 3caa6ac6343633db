"""`normalize` judged by a second implementation (`expected_normal_form.py`), and by other programs."""

import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import pytest
from conversions import DAMAGED, damage_of, every_sample, stem
from expected_normal_form import KINDS, Request, normal_form
from hypothesis import given, settings
from hypothesis import strategies as st
from invented_captures import invented_pcap, invented_pcapng
from normalizing import captures_rich_in_metadata, normalized, normalized_with_report

from pcapconv import (
    FormatError,
    PcapconvError,
    TargetError,
)

# ---------------------------------------------------------------- the second implementation


def check_agreement(capture: bytes, request: Request) -> str:
    """The normal form is what the second implementation makes of it, or both refuse; which it was."""
    try:
        told = normal_form(capture, request)
    except ValueError:
        with pytest.raises((TargetError, FormatError)):
            normalized(capture, **request.as_arguments())
        return "refused"
    out, report = normalized_with_report(capture, **request.as_arguments())
    assert out == told.capture
    assert report.losses == told.losses
    assert report.packets_read == report.packets_written == len(told.packets)
    return "written"


WAYS = [
    Request(cut=True),
    Request(sort=True, cut=True),
    Request(rebase=10**18, cut=True),
    Request(rebase=10**18, sort=True, cut=True, keep=frozenset({"statistics"})),
    Request(mask=True),
    Request(mask=True, rebase=5, sort=True, cut=True),
    Request(keep=frozenset(KINDS), cut=True),
    Request(keep=frozenset({"custom", "unknown"}), sort=True, cut=True),
    Request(strip=frozenset(KINDS)),
    Request(keep=frozenset({"host", "addresses"}), strip=frozenset({"comments"}), cut=True),
    Request(),
]


@every_sample
def test_samples_agree(path: Path) -> None:
    if stem(path) in DAMAGED:
        assert damage_of(normalized_with_report(path.read_bytes(), on_loss="ignore")[1])
        return
    capture = path.read_bytes()
    assert {check_agreement(capture, request) for request in WAYS} >= {"written"}


def test_a_corpus_file_agrees(corpus_file: Path) -> None:
    capture = corpus_file.read_bytes()
    try:
        _, report = normalized_with_report(capture, on_loss="ignore", mask_time=True)
        if report.damage:
            return
    except PcapconvError:
        return
    for request in WAYS:
        check_agreement(capture, request)


KIND_SETS = st.frozensets(st.sampled_from(KINDS))
REQUESTS = st.builds(
    lambda kinds, other, sort, rebase, mask, cut: Request(kinds - other, other - kinds, sort, rebase, mask, cut),
    KIND_SETS,
    KIND_SETS,
    st.booleans(),
    st.sampled_from([None, None, 0, 10**18]),
    st.sampled_from([False, False, False, True]),
    st.sampled_from([True, True, False]),
)


@settings(max_examples=80)
@given(capture=captures_rich_in_metadata(), request=REQUESTS)
def test_captures_rich_in_metadata_agree(capture: bytes, request: Request) -> None:
    check_agreement(capture, request)


@settings(max_examples=40)
@given(capture=st.one_of(invented_pcapng(finest=False), invented_pcap()), request=REQUESTS)
def test_made_captures_agree(capture: bytes, request: Request) -> None:
    check_agreement(capture, request)


# ---------------------------------------------------------------- other programs


JUDGED = ("web.pcapng", "obsolete-be.pcapng", "modified-be.pcap")


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("name", JUDGED)
def test_wireshark_reads_the_normal_form(name: str, tmp_path: Path) -> None:
    capture = (Path(__file__).parent / "samples" / name).read_bytes()
    told = normal_form(capture, Request(cut=True))
    path = tmp_path / "normal.pcapng"
    path.write_bytes(normalized(capture, on_loss="ignore"))
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-e", "frame.time_epoch", "-e", "frame.cap_len"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [(int(Fraction(time) * 10**9), int(length)) for time, length in rows] == [
        (packet.time, len(packet.data)) for packet in told.packets
    ]
