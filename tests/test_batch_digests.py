"""The digests in a batch's manifest: of the whole files, each taken while its bytes passed."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import wire
from folders import MANIFEST

import pcapconv
from pcapconv.io.source import WINDOW_SIZE

DATA = bytes(range(256)) * 4
RECORD = wire.pcap_record(1, 5, DATA)
PACKET = wire.enhanced_packet(0, 5, DATA)
PCAP = wire.pcap_header() + RECORD * 4096  # 4 MiB
BEGINNING = wire.section_header() + wire.interface(snaplen=65535)
PCAPNG = BEGINNING + PACKET * 4096
NONSENSE = b"\xff" * (3 * WINDOW_SIZE + 7)
CAPTURES = {
    "small.pcap": wire.pcap_header() + RECORD,
    "empty.pcap": wire.pcap_header(),
    "large.pcap": PCAP,
    "large.pcapng": PCAPNG,
    "cut.pcap": PCAP[:-1],
    "damaged.pcap": PCAP + NONSENSE,
    "damaged-in-the-middle.pcapng": PCAPNG + NONSENSE + PCAPNG,
    "zeros-behind-it.pcap": PCAP + bytes(2**21),
    "zeros-behind-it.pcapng": PCAPNG + bytes(2**21),
}


def batch_of_one(name: str, tmp_path: Path, **options: Any) -> tuple[bytes, dict[str, Any]]:
    """One capture through a batch: the target, and what the manifest says."""
    source = tmp_path / "raw" / name
    source.parent.mkdir(exist_ok=True)
    source.write_bytes(CAPTURES[name])
    with ThreadPoolExecutor(1) as executor:
        done = pcapconv.batch(source.parent, tmp_path / "new", executor=executor, **options)
    assert done.failed == 0, done.trouble
    line = json.loads((tmp_path / "new" / MANIFEST).read_bytes())
    return (tmp_path / "new" / line["target"]).read_bytes(), line


def bytes_read() -> int:
    """The number of bytes that this process has read so far, from all files."""
    said = dict(line.split(": ") for line in Path("/proc/self/io").read_text().splitlines())
    return int(said["rchar"])


@pytest.mark.parametrize("name", CAPTURES)
@pytest.mark.parametrize("options", [{"to": "pcap"}, {"to": "pcapng"}, {"chop": 10}, {"drop_packets": "1"}], ids=str)
def test_digests_are_of_the_whole_files(name: str, options: Any, tmp_path: Path) -> None:
    target, line = batch_of_one(name, tmp_path, **options)
    for what, data in (("source", CAPTURES[name]), ("target", target)):
        assert (line[f"{what}_size"], line[f"{what}_sha256"]) == (len(data), hashlib.sha256(data).hexdigest())


@pytest.mark.parametrize("name", [name for name, data in CAPTURES.items() if len(data) > 2**20])
def test_nothing_is_read_again_for_a_digest(name: str, tmp_path: Path) -> None:
    """Not even what a reader leaves behind damage, which is read once for the digest alone."""
    before = bytes_read()
    target, _ = batch_of_one(name, tmp_path, to="pcapng" if name.endswith(".pcap") else "pcap")
    read = bytes_read() - before - len(target)  # the test itself reads it
    assert len(CAPTURES[name]) <= read < len(CAPTURES[name]) + WINDOW_SIZE


COMMENT = wire.options((wire.OPT_COMMENT, b"kept"))
COMMENTED = BEGINNING + wire.enhanced_packet(0, 5, DATA, options=COMMENT) + PACKET * 999
LATE = BEGINNING + PACKET * 999 + wire.interface(snaplen=0) + PACKET  # the largest snaplen is known at the end


@pytest.mark.parametrize("data", [COMMENTED, LATE], ids=["commented", "late"])
def test_digests_with_sidecars_and_corrected_headers(
    data: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CAPTURES, "in.pcapng", data)
    target, line = batch_of_one("in.pcapng", tmp_path, to="pcap", sidecar=True)
    assert line["source_sha256"] == hashlib.sha256(data).hexdigest()
    assert line["target_sha256"] == hashlib.sha256(target).hexdigest()
    with ThreadPoolExecutor(1) as executor:
        pcapconv.batch(tmp_path / "new", tmp_path / "back", to="pcapng", sidecar=True, executor=executor)
    assert (tmp_path / "back/in.pcapng").read_bytes() == data
    back = json.loads((tmp_path / "back" / MANIFEST).read_bytes())
    assert back["source_sha256"] == line["target_sha256"]
    assert back["target_sha256"] == line["source_sha256"]
