"""Tables with the columns of headers against tshark: as `test_headers_oracle.py`, with headers that are rows of tables.

A row becomes a `Headers` again, so that both tests have one list of differences that are explained.
"""

import shutil
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest
from conversions import every_sample
from headers_oracle import NOT_READ, PACKETS, Difference, differences, dissect, is_explained, written
from tabling import HEADERS

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


def compare(path: Path) -> list[list[Difference]]:
    """The differences in each packet; none if tshark leaves packets out, or shows other blocks as packets."""
    outer, inner = (pcapconv.read_table(path, HEADERS, inner=each).to_pylist() for each in (False, True))
    dissected = list(dissect(path))
    if len(outer) != len(dissected):
        return []
    return [differences(headers_of(a), headers_of(b), fields) for a, b, fields in zip(outer, inner, dissected)]


def test_packets_of_each_kind(tmp_path: Path) -> None:
    path = written(tmp_path / "all.pcapng", [(link_type, data, len(data)) for link_type, data in PACKETS.values()])
    found = compare(path)
    assert len(found) == len(PACKETS)
    assert [name for name, different in zip(PACKETS, found) if different and not is_explained(name)] == []


@pytest.mark.filterwarnings("ignore::UserWarning")  # of damage
@every_sample
def test_samples(path: Path) -> None:
    try:
        found = compare(path)
    except pcapconv.PcapconvError:
        return
    assert [different for different in found if different] == []


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_the_corpus(corpus_file: Path) -> None:
    try:
        found = compare(corpus_file)
    except pcapconv.PcapconvError:
        return
    if not any(name in corpus_file.name for name in NOT_READ):
        assert [different for different in found if different] == []
