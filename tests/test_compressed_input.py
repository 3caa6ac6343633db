"""Compressed captures are read wherever captures are: by every command, from files, pipes and file objects."""

import gzip
import io
import json
import subprocess
import zipfile
from pathlib import Path
from random import Random
from typing import Any, BinaryIO, cast

import pytest
import wire
from command_line import COMMAND, run_command, run_in_process
from compressing import COMPRESS, compressed, content_of, each_compression, xz_with_dictionary, zstd_with_window
from conversions import Pipe, converted, packets, read, refused

import pcapconv
from pcapconv import FormatError, TargetError, UsageError
from pcapconv.describing import info
from pcapconv.describing.text_form import write_text
from pcapconv.errors import NotACaptureError
from pcapconv.io.compression import recognise_compression
from pcapconv.normalizing import check

WEB = Path(__file__).parent / "samples" / "web.pcapng"
T = 1_714_564_800
PCAP = wire.pcap_header() + b"".join(wire.pcap_record(T + n, n, b"%d" % n * (n % 50)) for n in range(1000))
RANDOM = Random("compressed")
LARGE = wire.pcap_header() + b"".join(wire.pcap_record(T + n, n, RANDOM.randbytes(20) * 50) for n in range(3000))
LATE_NANOSECONDS = (  # a conversion to pcap starts again
    wire.section_header()
    + wire.interface()
    + wire.enhanced_packet(0, 1_000_000, b"one") * 3
    + wire.interface(options=wire.options((wire.IF_TSRESOL, b"\x09")))
    + wire.enhanced_packet(1, 1_000_000_001, b"two")
)


def pipe(data: bytes, size: int = 1000) -> BinaryIO:
    return cast("BinaryIO", Pipe(data[at : at + size] for at in range(0, len(data), size)))


@each_compression
@pytest.mark.parametrize("capture", [PCAP, LARGE, WEB.read_bytes()], ids=["pcap", "large", "pcapng"])
def test_what_is_read_does_not_depend_on_compression(name: str, capture: bytes, tmp_path: Path) -> None:
    to = "pcap" if capture[:4] == b"\xd4\xc3\xb2\xa1" else "pcapng"
    packed = compressed(name, capture[: len(capture) // 2], capture[len(capture) // 2 :])
    (tmp_path / "in.pcap").write_bytes(packed)  # the name says nothing
    for source in (tmp_path / "in.pcap", io.BytesIO(packed), pipe(packed), pipe(packed, 200_000)):
        target = io.BytesIO()
        report = pcapconv.convert(source, target, to=to)
        assert target.getvalue() == capture
        assert (report.source_format, report.source_compression, report.damage) == (to, name, [])
    assert pcapconv.convert(io.BytesIO(capture), io.BytesIO(), to=to).source_compression is None


def test_a_pipe_that_gives_more_at_once_than_a_reader_looks_at() -> None:
    packed = gzip.compress(LARGE, 0)
    assert converted(pipe(packed, 400_000), "pcap")[0] == LARGE


def test_a_pipe_that_gives_byte_by_byte() -> None:
    for name, pack in COMPRESS.items():
        assert converted(pipe(pack(PCAP), 1), "pcap")[0] == PCAP, name


@pytest.mark.parametrize("name", ["gzip", "zstd"])
@pytest.mark.parametrize("words", [["-"], ["/dev/stdin"]], ids=["stdin", "name"])
def test_from_stdin(name: str, words: list[str], tmp_path: Path) -> None:
    command = [COMMAND, "convert", *words, str(tmp_path / "out.pcap")]
    done = subprocess.run(command, input=COMPRESS[name](LARGE), capture_output=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "out.pcap").read_bytes() == LARGE


def test_windows_may_be_small() -> None:
    items = [type(item).__name__ for item in read(gzip.compress(PCAP), 4096)]
    assert items[:2] == ["Section", "Interface"]
    assert packets(gzip.compress(PCAP))[-1].data == b"999" * 49


# ---------------------------------------------------------------- what needs to read twice


@each_compression
def test_a_conversion_starts_again(name: str) -> None:
    packed = COMPRESS[name](LATE_NANOSECONDS)
    assert converted(packed, "pcap")[0] == converted(LATE_NANOSECONDS, "pcap")[0]
    with pytest.raises(TargetError, match="start again with nanoseconds=True"):
        pcapconv.convert(pipe(packed), io.BytesIO(), to="pcap")


@each_compression
def test_the_last_packets(name: str) -> None:
    plain = converted(LARGE, "pcapng", last=3)[0]
    packed = COMPRESS[name](LARGE)
    assert converted(packed, "pcapng", last=3)[0] == plain
    assert converted(pipe(packed), "pcapng", last=3)[0] == plain


def test_an_interface_by_its_name() -> None:
    plain = WEB.read_bytes()
    options: dict[str, Any] = {"interface": [info(WEB).interfaces[0].options[0].value]}
    assert converted(gzip.compress(plain), "pcapng", **options)[0] == converted(plain, "pcapng", **options)[0]


@pytest.mark.parametrize("sort", [True, False])
def test_normalize(sort: bool, tmp_path: Path) -> None:
    for source in (plain := LARGE, gzip.compress(LARGE)):
        pcapconv.normalize(io.BytesIO(source), tmp_path / "a.pcapng", sort=sort, force=True)
        pcapconv.normalize(pipe(source), tmp_path / "b.pcapng", sort=sort, force=True)
        assert (tmp_path / "a.pcapng").read_bytes() == (tmp_path / "b.pcapng").read_bytes()
        if source is plain:
            normal = (tmp_path / "a.pcapng").read_bytes()
    assert (tmp_path / "a.pcapng").read_bytes() == normal
    packed = tmp_path / "packed.pcapng.gz"
    packed.write_bytes(gzip.compress(normal))
    assert check(packed, to="pcapng", sort=sort).reasons == []
    assert check(pipe(packed.read_bytes()), to="pcapng", sort=sort).reasons == []
    packed.write_bytes(gzip.compress(plain))
    assert check(packed, to="pcapng").reasons == ["it is pcap, not pcapng"]


def test_normalize_check_of_a_damaged_one(tmp_path: Path) -> None:
    """As of one that is not compressed: what could be read is in its normal form."""
    pcapconv.normalize(io.BytesIO(PCAP), tmp_path / "normal.pcapng")
    cut = gzip.compress((tmp_path / "normal.pcapng").read_bytes())[:-4]
    result = check(io.BytesIO(cut), to="pcapng")
    assert (result.status, result.normal, result.reasons) == ("damaged", False, [])
    assert [each.compressed_offset for each in result.damage] == [len(cut)]


# ---------------------------------------------------------------- other commands


def test_split(tmp_path: Path) -> None:
    (tmp_path / "in.pcap.gz").write_bytes(gzip.compress(PCAP))
    report = pcapconv.split(tmp_path / "in.pcap.gz", tmp_path / "{index}.pcap", max_packets=600)
    assert report.source_compression == "gzip"
    one, two = (path.read_bytes() for path in sorted(tmp_path.glob("*.pcap")))
    assert one + two[24:] == PCAP


def test_diff(tmp_path: Path) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(LARGE))
    other = LARGE[:-1] + bytes([LARGE[-1] ^ 1])
    assert pcapconv.diff(tmp_path / "a.gz", io.BytesIO(LARGE)).same
    assert pcapconv.diff(pipe(gzip.compress(LARGE)), pipe(COMPRESS["zstd"](LARGE))).same
    comparison = pcapconv.diff(io.BytesIO(COMPRESS["xz"](other)), tmp_path / "a.gz")
    assert [(each.difference.a, each.difference.b) for each in comparison.shown] == [(3000, 3000)]


@each_compression
def test_info_names_the_compression(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "in"
    path.write_bytes(packed := COMPRESS[name](LATE_NANOSECONDS))
    fields = info(path)
    assert (fields.format, fields.compression, fields.bytes) == ("pcapng", name, len(packed))
    assert fields.to_pcap == (True, info(io.BytesIO(LATE_NANOSECONDS)).to_pcap.losses, None)
    assert info(pipe(packed)).bytes == len(packed)
    title = run_in_process(capfd, "info", path).out.splitlines()[0].decode()
    assert title == f"{path}: pcapng, little-endian, compressed with {name}, {len(packed)} bytes"
    assert json.loads(run_in_process(capfd, "info", "--json", path).out)["compression"] == name


def test_info_of_a_plain_capture(tmp_path: Path) -> None:
    (tmp_path / "in.gz").write_bytes(PCAP)
    assert info(tmp_path / "in.gz").compression is None


def test_text_form() -> None:
    texts: list[list[str]] = [[], [], []]
    for text, source in zip(texts, (io.BytesIO(PCAP), io.BytesIO(gzip.compress(PCAP)), pipe(gzip.compress(PCAP)))):
        assert not write_text(source, text.append)
    assert "".join(texts[0]) == "".join(texts[1]) == "".join(texts[2])


def test_open() -> None:
    for source in (io.BytesIO(gzip.compress(LARGE)), pipe(gzip.compress(LARGE))):
        with pcapconv.open(source) as capture:
            assert capture.format == "pcap"
            assert sum(batch.rows for batch in capture.batches()) == 3000


def test_fractions() -> None:
    assert (
        converted(gzip.compress(PCAP), "pcapng", fractions="nanoseconds")[0]
        == converted(PCAP, "pcapng", fractions="nanoseconds")[0]
    )


def test_output_over_its_compressed_input_is_refused_and_forced(tmp_path: Path) -> None:
    path = tmp_path / "in.pcap"
    path.write_bytes(gzip.compress(PCAP))
    with pytest.raises(pcapconv.PcapconvError):
        pcapconv.convert(path, path)
    assert path.read_bytes() == gzip.compress(PCAP)


def test_report(tmp_path: Path) -> None:
    (tmp_path / "in.gz").write_bytes(COMPRESS["lz4"](PCAP))
    done = run_command("convert", tmp_path / "in.gz", tmp_path / "out.pcapng", "--report", "-")
    assert json.loads(done.out)["source_compression"] == "lz4"


# ---------------------------------------------------------------- no capture inside


def tar_of(name: str, data: bytes) -> bytes:
    header = bytearray(512)
    header[: len(name)] = name.encode()
    header[124:136] = b"%011o\0" % len(data)
    header[257:263] = b"ustar\0"
    return bytes(header) + data + bytes(-len(data) % 512 + 1024)


def zip_of(data: bytes) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w") as archive:
        archive.writestr("a.pcap", data)
    return file.getvalue()


@each_compression
@pytest.mark.parametrize(
    ("data", "fact"),
    [
        (b"", "data in it is empty$"),
        (b"text of a log", "data in it begins with 'text of a log'$"),
        (b"\xd4", "data in it begins with d4$"),
        (tar_of("a.pcap", PCAP), ": it is a tar archive; unpack it first: tar -xf$"),
        (zip_of(PCAP), ": it is a zip file; unpack it first$"),
        (gzip.compress(PCAP), ": it is gzip data again: it was compressed twice; decompress it once first$"),
    ],
    ids=["empty", "text", "byte", "tar", "zip", "twice"],
)
def test_what_is_inside_is_named(name: str, data: bytes, fact: str) -> None:
    refused(COMPRESS[name](data), fact)
    with pytest.raises(FormatError, match=fact):
        pcapconv.open(pipe(COMPRESS[name](data)))


def test_text_mode_damage_inside() -> None:
    damaged = wire.section_header().replace(b"\n", b"\r\n") + PCAP
    refused(gzip.compress(damaged), "damaged by a text-mode transfer")


@pytest.mark.parametrize("count", range(1, 18))
@each_compression
def test_a_few_bytes_of_a_compressed_file(name: str, count: int) -> None:
    head = COMPRESS[name](PCAP)[:count]
    for source in (io.BytesIO(head), pipe(head, 1)):
        with pytest.raises(NotACaptureError, match="not a pcap or pcapng capture"):
            pcapconv.open(source)


@pytest.mark.parametrize("packed", [zstd_with_window(28, PCAP), xz_with_dictionary(2**28, PCAP)], ids=["zstd", "xz"])
def test_too_much_memory_is_refused_by_name(packed: bytes, tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(packed)
    for command in ("convert", "info"):
        words = [tmp_path / "out.pcap"] if command == "convert" else []
        done = run_command(command, tmp_path / "in", *words)
        assert done.status == 1
        assert done.err.startswith(f"pcapconv: {tmp_path}/in: its ")
        assert "takes more than 128 MiB of memory to decompress; decompress it first: " in done.err
        assert done.err.count("\n") == 1
    assert not (tmp_path / "out.pcap").exists()


def test_too_much_memory_behind_the_first_packets(tmp_path: Path) -> None:
    """It is no damage: nothing is written."""
    packed = COMPRESS["zstd"](LARGE) + zstd_with_window(28, LARGE[24:])
    for source in (io.BytesIO(packed), pipe(packed, 100_000)):
        with pytest.raises(FormatError, match=r"^input: its zstd data takes more than 128 MiB"):
            pcapconv.convert(source, tmp_path / "out.pcap")
        with pcapconv.open(io.BytesIO(packed)) as capture, pytest.raises(FormatError, match="takes more than 128 MiB"):
            list(capture)
    assert list(tmp_path.iterdir()) == []


def test_a_sidecar_of_a_pipe_needs_a_name() -> None:
    with pytest.raises(UsageError, match="a pcap file on a pipe has no sidecar beside it"):
        pcapconv.convert(pipe(gzip.compress(PCAP)), io.BytesIO(), to="pcapng", sidecar=True)


def test_a_compressed_corpus_file_reads_as_its_content(compressed_corpus_file: Path) -> None:
    packed = compressed_corpus_file.read_bytes()
    compression = recognise_compression(packed)
    assert compression is not None
    content = content_of(packed, compression.name)
    assert converted(packed, "pcapng")[0] == converted(content, "pcapng")[0]
