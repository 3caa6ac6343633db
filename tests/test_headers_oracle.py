"""Headers against tshark: packets of each kind, whole, cut and changed, and captures. Every difference has a reason.

Headers come from packets and from rows of tables, which become a `Headers` again. One run of tshark judges both, and
the tree of protocols of a capture.
`docs/reference/headers.md` explains the differences to users.
"""

import random
import shutil
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from conversions import every_sample
from headers_oracle import (
    EXPLAINED,
    NOT_READ,
    PACKETS,
    Difference,
    Dissected,
    differences,
    dissect,
    is_explained,
    written,
)
from tabling import HEADERS
from traffic_oracle import EXPLAINED_SAMPLES, NOT_COUNTED, is_counted, our_protocols, their_protocols

import pcapconv
from pcapconv.headers import Headers

pytestmark = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not installed")


def headers_of(row: dict[str, Any]) -> Headers:
    """The headers that a row of a table has."""
    changed: dict[str, Any] = {"path": tuple(row["path"].split(":")) if row["path"] else ()}
    changed["last_protocol"] = row["last_protocol"] or "unknown"
    for name in ("source_address", "destination_address"):
        changed[name] = None if row[name] is None else ip_address(row[name])
    return Headers(**row | changed)


def compare(path: Path, dissected: list[Dissected]) -> list[list[Difference]]:
    """The differences in each packet, then those in its row of a table. tshark leaves out packets of blocks and files
    that it cannot read, and shows other blocks as packets; such captures are not compared."""
    with pcapconv.open(path, strict=False) as capture:
        packets = [(packet.headers, packet.inner_headers) for packet in capture]
    outer, inner = (pcapconv.read_table(path, HEADERS, inner=each).to_pylist() for each in (False, True))
    rows = [(headers_of(a), headers_of(b)) for a, b in zip(outer, inner)]
    assert len(rows) == len(packets)
    if len(packets) != len(dissected):
        return []
    return [
        differences(*packet, fields) + differences(*row, fields)
        for packet, row, fields in zip(packets, rows, dissected)
    ]


def compared(path: Path, packets: list[tuple[int, bytes, int]]) -> list[list[Difference]]:
    """The differences in each of these packets, all of which tshark must have read."""
    found = compare(path, dissect(written(path, packets)).packets)
    assert len(found) == len(packets)
    return found


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


def compare_protocols(path: Path, lines: list[str]) -> None:
    info = pcapconv.info(path, protocols=True)
    assert not is_counted(info) or our_protocols(info) == their_protocols(lines)


@pytest.mark.filterwarnings("ignore::UserWarning")  # of damage
@every_sample
def test_samples(path: Path) -> None:
    dissected = dissect(path)
    if not any(path.name.startswith(each) for each in EXPLAINED_SAMPLES):
        compare_protocols(path, dissected.protocols)
    try:
        found = compare(path, dissected.packets)
    except pcapconv.PcapconvError:
        return
    assert [different for different in found if different] == []


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_corpus(corpus_file: Path) -> None:
    dissected = dissect(corpus_file)
    try:
        found = compare(corpus_file, dissected.packets)
    except pcapconv.PcapconvError:
        return
    if not any(name in corpus_file.name for name in NOT_READ):
        assert [different for different in found if different] == []
    if not any(name in corpus_file.name for name in NOT_COUNTED):
        compare_protocols(corpus_file, dissected.protocols)
