"""Sidecars of compressed captures are about the content: its size, its SHA-256, and its packets."""

import gzip
import hashlib
import io
import json
from pathlib import Path
from typing import Any

import pytest
from command_line import run_command
from compressing import COMPRESS, compressed, each_compression
from conversions import Pipe

import pcapconv
from pcapconv import SidecarError
from pcapconv.describing import info
from pcapconv.describing.capture_info import SidecarInfo

WEB = Path(__file__).parent / "samples" / "web.pcapng"
LINK_TYPES = Path(__file__).parent / "samples" / "link-types-le.pcapng"


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A pcap file with its sidecar."""
    pcapconv.convert(WEB, tmp_path / "a.pcap", sidecar=True, sidecar_fingerprints=True)
    return tmp_path


def pack(folder: Path, name: str = "gzip", suffix: str = ".gz") -> Path:
    """Compress the pcap file, as `gzip` does; its sidecar gets the new name."""
    (folder / f"a.pcap{suffix}").write_bytes(COMPRESS[name]((folder / "a.pcap").read_bytes()))
    (folder / "a.pcap").unlink()
    (folder / "a.pcap.meta.json").rename(folder / f"a.pcap{suffix}.meta.json")
    return folder / f"a.pcap{suffix}"


def restored(source: Any, **options: Any) -> bytes:
    target = io.BytesIO()
    pcapconv.convert(source, target, to="pcapng", **{"sidecar": True, **options})
    return target.getvalue()


@each_compression
def test_a_sidecar_still_fits_after_its_pcap_file_was_compressed(name: str, lab: Path) -> None:
    packed = pack(lab, name, ".x")
    assert restored(packed) == WEB.read_bytes()
    with pcapconv.open(packed, sidecar=True) as capture:
        assert [text for packet in capture for text in packet.comments]
    assert isinstance(info(packed).sidecar, SidecarInfo)


def test_a_sidecar_that_is_named(lab: Path) -> None:
    packed = gzip.compress((lab / "a.pcap").read_bytes())
    sidecar = lab / "a.pcap.meta.json"
    for source in (io.BytesIO(packed), Pipe([packed]), Pipe([packed[:100], packed[100:]])):
        assert restored(source, sidecar=False, sidecar_file=sidecar) == WEB.read_bytes()


def test_a_capture_that_is_another(lab: Path) -> None:
    """The size shows it, or the SHA-256."""
    other = lab / "other.pcap.gz"
    pcapconv.convert(WEB, lab / "b.pcap", sidecar=True)
    (lab / "b.pcap.meta.json").rename(lab / "other.pcap.gz.meta.json")
    for change, fact in ((b"", "bytes instead of"), (b"\0", "its SHA-256 is different")):
        content = (lab / "a.pcap").read_bytes()
        other.write_bytes(gzip.compress(content[: -1 - 16 * (not change)] + change))
        with pytest.raises(SidecarError, match=fact):
            restored(other)


def test_an_edited_one_is_matched_by_fingerprints(lab: Path) -> None:
    pcapconv.convert(lab / "a.pcap", lab / "edited.pcap", packets="3-")
    plain = restored(lab / "edited.pcap", sidecar=False, sidecar_file=lab / "a.pcap.meta.json")
    (lab / "edited.pcap.gz").write_bytes(gzip.compress((lab / "edited.pcap").read_bytes()))
    target = io.BytesIO()
    report = pcapconv.convert(lab / "edited.pcap.gz", target, to="pcapng", sidecar_file=lab / "a.pcap.meta.json")
    assert target.getvalue() == plain
    assert report.found_in_sidecar is not None
    assert report.found_in_sidecar["same"] == report.packets_read
    assert report.source_compression == "gzip"


def test_a_compressed_file_that_was_cut(lab: Path) -> None:
    """The damage says why the size is another; fingerprints would match its packets."""
    pcapconv.convert(WEB, lab / "a.pcap", sidecar=True, force=True)
    packed = pack(lab)
    packed.write_bytes(packed.read_bytes()[:800])
    with pytest.raises(
        SidecarError,
        match=r"it has \d+ bytes instead of 4301; the gzip data is cut off, at offset 800 of the compressed file$",
    ):
        restored(packed)


@pytest.mark.parametrize(("capture", "made_for"), [("a.pcap", "a.pcap.gz"), ("a.pcap.gz", "a.pcap")])
def test_a_sidecar_under_the_name_before_compression_is_named(lab: Path, capture: str, made_for: str) -> None:
    """It is not taken by itself: it may be of another file."""
    (lab / "a.pcap").rename(lab / capture)
    (lab / "a.pcap.meta.json").rename(lab / f"{made_for}.meta.json")
    done = run_command("convert", lab / capture, lab / "out.pcapng", "--sidecar")
    assert (done.status, done.out) == (1, b"")
    assert done.err == (
        f"pcapconv: {lab / capture}.meta.json: cannot open: no such file or directory; pcapconv convert --sidecar to "
        f"pcap writes one, --sidecar-file {lab / made_for}.meta.json reads the one that is there\n"
    )
    assert restored(lab / capture, sidecar=False, sidecar_file=lab / f"{made_for}.meta.json") == WEB.read_bytes()


def test_damage_of_the_compressed_data_is_reported(lab: Path) -> None:
    packed = pack(lab)
    packed.write_bytes(packed.read_bytes() + b"?")
    target = io.BytesIO()
    report = pcapconv.convert(packed, target, to="pcapng", sidecar=True)
    assert [each.compressed_offset for each in report.damage] == [packed.stat().st_size - 1]
    assert target.getvalue() == WEB.read_bytes()
    with pytest.raises(pcapconv.DamageError):
        restored(packed, strict=True)


def test_a_sidecar_that_is_written_is_about_the_pcap_file(tmp_path: Path) -> None:
    (tmp_path / "in.pcapng.gz").write_bytes(gzip.compress(WEB.read_bytes()))
    pcapconv.convert(tmp_path / "in.pcapng.gz", tmp_path / "a.pcap", sidecar=True)
    written = json.loads((tmp_path / "a.pcap.meta.json").read_text())["captures"][0]
    content = (tmp_path / "a.pcap").read_bytes()
    assert (written["bytes"], written["sha256"]) == (len(content), hashlib.sha256(content).hexdigest())
    assert restored(tmp_path / "a.pcap") == WEB.read_bytes()


def test_input_and_output_may_not_be_the_same_compressed_file(lab: Path) -> None:
    packed = pack(lab)
    before = packed.read_bytes()
    with pytest.raises(pcapconv.PcapconvError):
        pcapconv.convert(packed, packed, to="pcapng", sidecar=True)
    assert packed.read_bytes() == before


# ---------------------------------------------------------------- join


@pytest.fixture
def parts(tmp_path: Path) -> Path:
    (tmp_path / "in.pcapng").write_bytes(LINK_TYPES.read_bytes())
    pcapconv.split(tmp_path / "in.pcapng", tmp_path / "{stem}-{link_type}.pcap", by="link-type", sidecar=True)
    return tmp_path


def test_parts_that_were_compressed_are_joined(parts: Path) -> None:
    """Under their names, or under those that programs give them."""
    paths = sorted(parts.glob("*.pcap"))
    names = [(path, "gzip", "") if index % 2 else (path, "zstd", ".zst") for index, path in enumerate(paths)]
    for path, name, suffix in names:
        content = path.read_bytes()
        path.unlink()
        path.with_name(path.name + suffix).write_bytes(compressed(name, content[:40], content[40:]))
    pcapconv.join(parts / "in.meta.json", parts / "out.pcapng")
    assert (parts / "out.pcapng").read_bytes() == LINK_TYPES.read_bytes()


@pytest.mark.parametrize("suffix", [".xz", "", ".gz.zst"])
def test_parts_that_were_compressed_again_are_joined(tmp_path: Path, suffix: str) -> None:
    """With another compression, with none, or twice the suffix."""
    (tmp_path / "in.pcapng").write_bytes(LINK_TYPES.read_bytes())
    pcapconv.split(tmp_path / "in.pcapng", tmp_path / "{stem}-{link_type}.pcap.gz", by="link-type", sidecar=True)
    paths = list(tmp_path.glob("*.pcap.gz"))
    assert len(paths) > 1
    for path in paths:
        content = gzip.decompress(path.read_bytes())
        path.unlink()
        packed = content if not suffix else COMPRESS["xz" if suffix == ".xz" else "zstd"](content)
        path.with_suffix(suffix).write_bytes(packed)
    pcapconv.join(tmp_path / "in.meta.json", tmp_path / "out.pcapng")
    assert (tmp_path / "out.pcapng").read_bytes() == LINK_TYPES.read_bytes()


def test_a_compressed_part_that_was_edited_or_damaged(parts: Path) -> None:
    path = min(parts.glob("*.pcap"))
    content = path.read_bytes()
    for change, fact in (
        (gzip.compress(content + b"x"), "was edited since, .* it has .* bytes instead of"),
        (gzip.compress(content[:-1] + bytes([content[-1] ^ 1])), "its SHA-256 is different"),
        (gzip.compress(content) + b"?", "is damaged: the bytes from here on are no gzip data"),
        (gzip.compress(content)[:-9], "is damaged: the gzip data is cut off"),
    ):
        path.write_bytes(change)
        with pytest.raises(SidecarError, match=fact):
            pcapconv.join(parts / "in.meta.json", parts / "out.pcapng")
        assert not (parts / "out.pcapng").exists()
