"""`Headers` against tshark: packets of each kind, whole, cut and changed, and captures. Every difference has a reason.

`docs/reference/headers.md` explains the differences to users.
"""

import random
import shutil
from collections.abc import Iterable
from pathlib import Path

import pytest
from conversions import every_sample
from headers_oracle import EXPLAINED, NOT_READ, PACKETS, Difference, differences, dissect, is_explained, written

import pcapconv

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")


def compare(path: Path) -> Iterable[tuple[int, list[Difference]]]:
    """The differences in each packet, by its index. tshark leaves out packets of blocks and files that it cannot read,
    and shows other blocks as packets; such captures are not compared."""
    with pcapconv.open(path, strict=False) as capture:
        packets = list(capture)
    dissected = list(dissect(path))
    if len(packets) == len(dissected):
        for index, (packet, fields) in enumerate(zip(packets, dissected)):
            yield index, differences(packet.headers, packet.inner_headers, fields)


def compared(path: Path, packets: list[tuple[int, bytes, int]]) -> list[list[Difference]]:
    """The differences in each of these packets, all of which tshark must have read."""
    found = list(compare(written(path, packets)))
    assert len(found) == len(packets)
    return [differences for _, differences in found]


def test_packets_of_each_kind(tmp_path: Path) -> None:
    packets = [(link_type, data, len(data)) for link_type, data in PACKETS.values()]
    different = {name: found for name, found in zip(PACKETS, compared(tmp_path / "all.pcapng", packets)) if found}
    assert {name: found for name, found in different.items() if not is_explained(name)} == {}
    assert {each for each in EXPLAINED if not any(name.startswith(each) for name in different)} == set()


def test_packets_that_are_cut(tmp_path: Path) -> None:
    names, cut = [], []
    for name, (link_type, data) in PACKETS.items():
        if not is_explained(name):
            for length in range(1, len(data), 3):
                names.append(f"{name}, {length} bytes")
                cut.append((link_type, data[:length], len(data)))
    assert {name: found for name, found in zip(names, compared(tmp_path / "cut.pcapng", cut)) if found} == {}


@pytest.mark.parametrize("seed", range(3))
def test_packets_with_changed_bytes(tmp_path: Path, seed: int) -> None:
    draw = random.Random(seed)
    likely = [name for name in PACKETS if not is_explained(name)]
    names, changed = [], []
    for _ in range(1500):
        name = draw.choice(likely)
        link_type, data = PACKETS[name][0], bytearray(PACKETS[name][1])
        data[draw.randrange(min(len(data), 90))] = draw.randrange(256)
        names.append(f"{name} {data.hex()}")
        changed.append((link_type, bytes(data), len(data)))
    assert {name: found for name, found in zip(names, compared(tmp_path / "changed.pcapng", changed)) if found} == {}


@every_sample
def test_samples(path: Path) -> None:
    try:
        different = [found for _, found in compare(path) if found]
    except pcapconv.PcapconvError:
        return
    assert different == []


def test_the_corpus(corpus_file: Path) -> None:
    try:
        different = [found for _, found in compare(corpus_file) if found]
    except pcapconv.PcapconvError:
        return
    if not any(name in corpus_file.name for name in NOT_READ):
        assert different == []
