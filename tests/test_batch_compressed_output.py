"""Batches of compressed captures: names and compressions of targets, and what the manifest says."""

import gzip
import hashlib
import random
from pathlib import Path

import pytest
import wire
from batches import OTHER_PCAP, PCAP, as_pcapng, files_below, manifest_lines, run_batch
from command_line import error_lines, run_in_process
from command_line import signals_stay_as_they_were as signals_stay_as_they_were
from compressing import NAMES, SUFFIXES, content_of, each_compression
from conversions import converted
from folders import write_tree

from pcapconv import UsageError

TREE = {"a.pcap.gz": gzip.compress(PCAP), "b/c.cap": OTHER_PCAP}


@each_compression
def test_the_tree_is_mirrored(name: str, tmp_path: Path) -> None:
    suffix = SUFFIXES[name]
    compressed = converted(PCAP, "pcap", compress=name)[0]
    source = write_tree(tmp_path / "in", {f"a.pcap.{suffix}": compressed, f"d.{suffix}": compressed, "b.cap": PCAP})
    run_batch(source, tmp_path / "same")
    made = files_below(tmp_path / "same")
    assert made.keys() == files_below(source).keys()
    assert made == files_below(source)  # the same version of the library
    run_batch(source, tmp_path / "out", to="pcapng")
    made = files_below(tmp_path / "out")
    assert sorted(made) == sorted([f"a.pcapng.{suffix}", f"d.pcapng.{suffix}", "b.pcapng"])
    assert content_of(made[f"a.pcapng.{suffix}"], name) == made["b.pcapng"] == as_pcapng(PCAP)
    assert content_of(made[f"d.pcapng.{suffix}"], name) == as_pcapng(PCAP)


@pytest.mark.parametrize("name", [*NAMES, "none"])
def test_an_argument_changes_the_suffix(name: str, tmp_path: Path) -> None:
    source = write_tree(tmp_path / "in", TREE)
    run_batch(source, tmp_path / "out", to="pcapng", compress=name)
    ending = f".{SUFFIXES[name]}" if name != "none" else ""
    made = files_below(tmp_path / "out")
    assert sorted(made) == [f"a.pcapng{ending}", f"b/c.pcapng{ending}"]
    contents = [data if name == "none" else content_of(data, name) for _, data in sorted(made.items())]
    assert contents == [as_pcapng(PCAP), as_pcapng(OTHER_PCAP)]
    run_batch(source, tmp_path / "same", compress=name)
    assert sorted(files_below(tmp_path / "same")) == [f"a.pcap{ending}", f"b/c.cap{ending}"]


def test_files_whose_targets_would_be_one(tmp_path: Path) -> None:
    source = write_tree(tmp_path / "in", {"a.pcap": PCAP, "a.pcap.gz": gzip.compress(PCAP)})
    with pytest.raises(UsageError, match=r"a\.pcap and .*a\.pcap\.gz would both become .*/out/a\.pcap\.xz"):
        run_batch(source, tmp_path / "out", compress="xz")


@each_compression
def test_in_place_the_compression_stays(name: str, tmp_path: Path) -> None:
    """Whatever the name says."""
    compressed = converted(PCAP, "pcap", compress=name)[0]
    source = write_tree(tmp_path / "in", {"a.pcap": compressed, f"b.{SUFFIXES[name]}": compressed, "c.pcap": PCAP})
    assert run_batch(source, in_place=True, packets="2").converted == 3
    made = files_below(source)
    kept = converted(PCAP, "pcap", packets="2")[0]
    assert made.pop("c.pcap") == kept
    assert [content_of(data, name) for data in made.values()] == [kept, kept]


def test_a_template(tmp_path: Path) -> None:
    """Its suffix tells the compression, and the stem is that before both suffixes."""
    source = write_tree(tmp_path / "in", TREE)
    run_batch(source, tmp_path / "out", template="{stem}.pcapng.zst", compress_level=19)
    made = files_below(tmp_path / "out")
    assert sorted(made) == ["a.pcapng.zst", "c.pcapng.zst"]
    assert content_of(made["a.pcapng.zst"], "zstd") == as_pcapng(PCAP)
    run_batch(source, tmp_path / "under", template="{stem}.pcapng", compress="gzip")
    assert gzip.decompress(files_below(tmp_path / "under")["a.pcapng"]) == as_pcapng(PCAP)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--compress-level", "3"),
            "--compress-level 3: levels differ by compression; say which, as in --compress gzip",
        ),
        (("--compress", "gzip", "--compress-level", "10"), "--compress-level 10: gzip has the levels 1 to 9"),
        (
            ("--compress", "none", "--compress-level", "1"),
            "--compress-level 1: the output is not compressed; give it a suffix, as in x.pcapng.gz, or say --compress "
            "gzip",
        ),
        (
            ("--target", "{stem}.pcapng.gz", "--compress", "zstd"),
            "{stem}.pcapng.gz: its suffix says gzip, and --compress zstd something else; name it {stem}.pcapng.zst, or "
            "leave out --compress",
        ),
        (
            ("--target", "{stem}.gz"),
            "{stem}.gz: its suffix names a compression and no format; name it {stem}.pcapng.gz, or give --to pcap or "
            "--to pcapng",
        ),
    ],
)
def test_what_is_refused(
    arguments: tuple[str, ...], message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = write_tree(tmp_path / "in", TREE)
    done = run_in_process(capfd, "batch", source, tmp_path / "out", *arguments)
    assert done == (2, b"", error_lines(message))
    assert not (tmp_path / "out").exists()


def test_in_place_no_compression_can_be_given(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source = write_tree(tmp_path / "in", TREE)
    done = run_in_process(capfd, "batch", source, "--in-place", "--compress", "gzip")
    assert done == (2, b"", error_lines("--compress gzip: with --in-place files keep their compression"))
    assert files_below(source) == TREE


def test_the_manifest_is_about_the_file(tmp_path: Path) -> None:
    """But for the packets. Also if the file was compressed once more at its end."""
    numbers = random.Random(1)
    packets = [wire.enhanced_packet(0, 10**15, numbers.randbytes(1000)) for _ in range(700)]
    late = wire.section_header() + wire.interface(snaplen=2000) * 2 + b"".join(packets)
    late += wire.enhanced_packet(1, 10**15, bytes(300_000))
    source = write_tree(tmp_path / "in", {"a.pcap.gz": gzip.compress(PCAP), "late.pcapng.gz": gzip.compress(late)})
    run_batch(source, tmp_path / "out", to="pcap")
    for line in manifest_lines(tmp_path / "out"):
        data = (tmp_path / "out" / line["target"]).read_bytes()
        assert (line["target_size"], line["target_sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
        original = (source / line["source"]).read_bytes()
        assert (line["source_size"], line["source_sha256"]) == (len(original), hashlib.sha256(original).hexdigest())
    expected = converted(late, "pcap")[0]
    assert gzip.decompress((tmp_path / "out" / "late.pcap.gz").read_bytes()) == expected
    assert wire.read_pcap_header(expected).snaplen == 300_000


def test_resume(tmp_path: Path) -> None:
    """Another compression or level makes other targets; an older manifest's digest does not change."""
    source = write_tree(tmp_path / "in", {"a.pcap.gz": gzip.compress(PCAP)})
    run_batch(source, tmp_path / "out")
    assert run_batch(source, tmp_path / "out", resume=True).up_to_date == 1
    assert run_batch(source, tmp_path / "out", resume=True, compress="gzip", compress_level=9).converted == 1


def test_a_file_that_is_meant_to_be_a_capture(tmp_path: Path) -> None:
    source = write_tree(tmp_path / "in", {"a.pcap.gz": gzip.compress(b"text"), "b.txt.gz": gzip.compress(b"text")})
    report = run_batch(source, tmp_path / "out")
    assert (report.failed, report.skipped) == (1, 1)
