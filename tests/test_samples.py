"""The samples are what make.py makes, are listed in its README, and are captures in other programs' eyes too."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import wire
from conversions import SAMPLES, every_sample
from samples import catalog, make

WIRESHARK_REFUSES = {
    "options-overrun": "an option claims more bytes than its block has",
    "reserved-bits": "reserved bits of the link-type word are set",
    "undeclared-interface": "a packet names an interface that was not declared",
    "unknown-link-type": "the link type has no number that it knows",
    "version-unknown": "the second section has version 2.0",
}


def packets_of(path: Path) -> list[wire.Packet]:
    read = wire.read_pcap if path.suffix == ".pcap" else wire.read_pcapng
    return read(path.read_bytes())


def refused_by_wireshark(path: Path) -> bool:
    return path.stem.removesuffix("-le").removesuffix("-be") in WIRESHARK_REFUSES


@pytest.mark.parametrize(("name", "capture"), catalog.built_samples().items())
def test_built_samples_are_what_make_builds(name: str, capture: bytes) -> None:
    assert (make.FOLDER / name).read_bytes() == capture


def test_readme_is_what_make_writes() -> None:
    assert (make.FOLDER / "README.md").read_text(encoding="utf-8") == make.readme()


def test_readme_lists_every_sample_and_nothing_more() -> None:
    listed = re.findall(r"`([^` ]+\.(?:pcap|pcapng))`", (make.FOLDER / "README.md").read_text(encoding="utf-8"))
    assert sorted(listed) == [path.name for path in SAMPLES]


def test_samples_are_small() -> None:
    sizes = {path.name: path.stat().st_size for path in SAMPLES}
    assert max(sizes.values()) < 60_000
    assert sum(sizes.values()) < 400_000


@every_sample
def test_samples_parse(path: Path) -> None:
    for packet in packets_of(path):
        assert len(packet.data) == packet.captured_length


@pytest.mark.parametrize(("stem", "suffix"), sorted(catalog.BUILDERS))
def test_both_byte_orders_hold_the_same_packets(stem: str, suffix: str) -> None:
    little, big = (
        [packet._replace(options=b"") for packet in packets_of(make.FOLDER / f"{stem}-{order}{suffix}")]
        for order in ("le", "be")
    )
    assert little == big


@pytest.mark.skipif(shutil.which("capinfos") is None, reason="capinfos is not installed")
@every_sample
def test_wireshark_counts_the_same_packets(path: Path) -> None:
    if refused_by_wireshark(path):
        pytest.skip(WIRESHARK_REFUSES[path.stem[:-3]])
    counted = subprocess.run(["capinfos", "-T", "-r", "-M", "-c", path], check=True, capture_output=True, text=True)
    assert int(counted.stdout.split("\t")[-1]) == len(packets_of(path))
