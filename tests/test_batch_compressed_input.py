"""Compressed captures in batches: found by content, named by their packets, up to date if the file is the same."""

import gzip
import hashlib
from pathlib import Path

import pytest
import wire
from batches import as_pcapng, error_texts, files_below, manifest_lines, nonzero_counts, run_batch, statuses
from compressing import COMPRESS, zstd_with_window
from folders import write_tree
from web_server import file, serving

from pcapconv.batching.sources import is_capture

T = 1_714_564_800
PCAP = wire.pcap_header() + b"".join(wire.pcap_record(T + n, n, b"%d" % n * 20) for n in range(500))
WEB = (Path(__file__).parent / "samples" / "web.pcapng").read_bytes()


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    packed = {f"{name}.data": pack(PCAP) for name, pack in COMPRESS.items()}
    others = {"notes.gz": gzip.compress(b"text"), "empty.gz": gzip.compress(b""), "cut.gz": gzip.compress(PCAP)[:-20]}
    return write_tree(tmp_path / "in", packed | others)


def test_what_is_inside_decides(tree: Path, tmp_path: Path) -> None:
    report = run_batch(tree, tmp_path / "out", to="pcapng", template="{stem}.pcapng")
    assert nonzero_counts(report) == {"converted": 5, "damaged": 1, "skipped": 2}
    written = files_below(tmp_path / "out")
    assert {name: written[f"{name}.pcapng"] for name in COMPRESS} == dict.fromkeys(COMPRESS, as_pcapng(PCAP))
    assert written["cut.pcapng"].startswith(as_pcapng(PCAP)[:5000])


def test_the_manifest_is_about_the_file_and_its_packets(tree: Path, tmp_path: Path) -> None:
    run_batch(tree, tmp_path / "out", to="pcapng", template="{stem}.pcapng")
    lines = {Path(line["source"]).name: line for line in manifest_lines(tmp_path / "out")}
    for name, pack in COMPRESS.items():
        line, packed = lines[f"{name}.data"], pack(PCAP)
        assert (line["source_size"], line["source_sha256"]) == (len(packed), hashlib.sha256(packed).hexdigest())
        assert (line["packets_read"], line["packets_written"]) == (500, 500)
    cut = lines["cut.gz"]["damage"][-1]
    assert cut["compressed_offset"] == len(gzip.compress(PCAP)) - 20
    assert cut["reason"] == "the gzip data is cut off"


def test_what_is_up_to_date_is_left_as_it_is(tree: Path, tmp_path: Path) -> None:
    run_batch(tree, tmp_path / "out", to="pcapng", template="{stem}.pcapng")
    again = run_batch(tree, tmp_path / "out", to="pcapng", template="{stem}.pcapng", resume=True)
    assert nonzero_counts(again) == {"up_to_date": 6, "skipped": 2}
    (tree / "gzip.data").write_bytes(gzip.compress(PCAP, 1))
    third = run_batch(tree, tmp_path / "out", to="pcapng", template="{stem}.pcapng", resume=True, force=True)
    assert nonzero_counts(third) == {"converted": 1, "up_to_date": 5, "skipped": 2}


def test_names_by_the_time_of_the_first_packet(tree: Path, tmp_path: Path) -> None:
    run_batch(tree, tmp_path / "out", to="pcapng", template="{start:%Y/%m}/{stem}.pcapng")
    assert set(files_below(tmp_path / "out")) >= {f"2024/05/{name}.pcapng" for name in COMPRESS}


def test_from_a_web_server(tmp_path: Path) -> None:
    with serving() as web:
        for name, pack in COMPRESS.items():
            web.answers[f"/{name}.data"] = file(pack(PCAP))
        urls = [f"{web.address}/{name}.data" for name in COMPRESS]
        report = run_batch(urls, tmp_path / "out", to="pcapng", template="{start:%d}/{stem}.pcapng")
        assert error_texts(report) == []
        assert all(map(is_capture, urls))
    assert files_below(tmp_path / "out") == {f"01/{name}.pcapng": as_pcapng(PCAP) for name in COMPRESS}


def test_sidecars(tmp_path: Path) -> None:
    """Written of what is inside, and read of what is inside; the manifest has the digest of the file."""
    packed = gzip.compress(WEB)
    write_tree(tmp_path / "in", {"web.data": packed})
    run_batch(tmp_path / "in", tmp_path / "pcap", to="pcap", template="{stem}.pcap", sidecar=True)
    (line,) = manifest_lines(tmp_path / "pcap")
    assert (line["source_size"], line["source_sha256"]) == (len(packed), hashlib.sha256(packed).hexdigest())
    pcap = tmp_path / "pcap" / "web.pcap"
    pcap.write_bytes(packed_pcap := gzip.compress(pcap.read_bytes()))
    run_batch([pcap], tmp_path / "back", to="pcapng", template="{stem}.pcapng", sidecar=True)
    assert (tmp_path / "back" / "web.pcapng").read_bytes() == WEB
    (line,) = manifest_lines(tmp_path / "back")
    assert (line["source_size"], line["source_sha256"]) == (
        len(packed_pcap),
        hashlib.sha256(packed_pcap).hexdigest(),
    )


def test_what_takes_too_much_memory_fails_by_name(tmp_path: Path) -> None:
    write_tree(tmp_path / "in", {"large.pcap": zstd_with_window(28, PCAP)})
    report = run_batch(tmp_path / "in", tmp_path / "out", to="pcapng")
    (error,) = error_texts(report)
    assert error.startswith(f"{tmp_path}/in/large.pcap: its zstd data takes more than 128 MiB of memory")
    assert statuses(tmp_path / "out")["large.pcap"][0] == "failed"
