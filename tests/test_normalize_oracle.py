"""`normalize` judged by a second implementation (`normal_form.py`), and by other programs."""

import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import pytest
from conversions import DAMAGED, damage_of, every_sample, stem
from expected_normal_form import KINDS, Asked, normal
from hypothesis import given, settings
from hypothesis import strategies as st
from invented_captures import made_pcap, made_pcapng
from normalizing import normalized, reported, rich

from pcapconv import (
    FormatError,
    PcapconvError,
    TargetError,
)

# ---------------------------------------------------------------- the second implementation


def agrees(capture: bytes, asked: Asked) -> str:
    """The normal form is what the second implementation makes of it, or both refuse; which it was."""
    try:
        told = normal(capture, asked)
    except ValueError:
        with pytest.raises((TargetError, FormatError)):
            normalized(capture, **asked.options())
        return "refused"
    out, report = reported(capture, **asked.options())
    assert out == told.capture
    assert report.losses == told.losses
    assert report.packets_read == report.packets_written == len(told.packets)
    return "written"


WAYS = [
    Asked(cut=True),
    Asked(sort=True, cut=True),
    Asked(rebase=10**18, cut=True),
    Asked(rebase=10**18, sort=True, cut=True, keep=frozenset({"statistics"})),
    Asked(mask=True),
    Asked(mask=True, rebase=5, sort=True, cut=True),
    Asked(keep=frozenset(KINDS), cut=True),
    Asked(keep=frozenset({"custom", "unknown"}), sort=True, cut=True),
    Asked(strip=frozenset(KINDS)),
    Asked(keep=frozenset({"host", "addresses"}), strip=frozenset({"comments"}), cut=True),
    Asked(),
]


@every_sample
def test_samples_agree(path: Path) -> None:
    if stem(path) in DAMAGED:
        assert damage_of(reported(path.read_bytes(), on_loss="ignore")[1])
        return
    capture = path.read_bytes()
    assert {agrees(capture, asked) for asked in WAYS} >= {"written"}


def test_a_corpus_file_agrees(corpus_file: Path) -> None:
    capture = corpus_file.read_bytes()
    try:
        _, report = reported(capture, on_loss="ignore", mask_time=True)
        if report.damage:
            return
    except PcapconvError:
        return
    for asked in WAYS:
        agrees(capture, asked)


KIND_SETS = st.frozensets(st.sampled_from(KINDS))
ASKED = st.builds(
    lambda kinds, other, sort, rebase, mask, cut: Asked(kinds - other, other - kinds, sort, rebase, mask, cut),
    KIND_SETS,
    KIND_SETS,
    st.booleans(),
    st.sampled_from([None, None, 0, 10**18]),
    st.sampled_from([False, False, False, True]),
    st.sampled_from([True, True, False]),
)


@settings(max_examples=80)
@given(capture=rich(), asked=ASKED)
def test_captures_rich_in_metadata_agree(capture: bytes, asked: Asked) -> None:
    agrees(capture, asked)


@settings(max_examples=40)
@given(capture=st.one_of(made_pcapng(finest=False), made_pcap()), asked=ASKED)
def test_made_captures_agree(capture: bytes, asked: Asked) -> None:
    agrees(capture, asked)


# ---------------------------------------------------------------- other programs


JUDGED = ("web.pcapng", "obsolete-be.pcapng", "modified-be.pcap")


@pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")
@pytest.mark.parametrize("name", JUDGED)
def test_wireshark_reads_the_normal_form(name: str, tmp_path: Path) -> None:
    capture = (Path(__file__).parent / "samples" / name).read_bytes()
    told = normal(capture, Asked(cut=True))
    path = tmp_path / "normal.pcapng"
    path.write_bytes(normalized(capture, on_loss="ignore"))
    command = ["tshark", "-n", "-r", str(path), "-T", "fields", "-e", "frame.time_epoch", "-e", "frame.cap_len"]
    done = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    rows = [line.split("\t") for line in done.stdout.splitlines()]
    assert [(int(Fraction(time) * 10**9), int(length)) for time, length in rows] == [
        (packet.time, len(packet.data)) for packet in told.packets
    ]
