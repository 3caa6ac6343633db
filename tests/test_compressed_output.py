"""Outputs that are compressed: their content, levels, names, what is refused, and what stays the same each time."""

import gzip
import io
import json
import random
from pathlib import Path
from typing import Any

import compressing
import pytest
import wire
from command_line import WEB_PCAP, WEB_PCAPNG, error_lines, run_command, run_in_process
from command_line import signals_stay_as_they_were as signals_stay_as_they_were
from compressing import NAMES, SUFFIXES, content_of, each_compression
from conversions import SAMPLES, Pipe, Sink, converted, packets, peak_memory
from folders import file_names

import pcapconv
from pcapconv import FileError, LossError, UsageError
from pcapconv.io.compression import COMPRESSIONS

AS_PCAPNG = converted(WEB_PCAP.read_bytes(), "pcapng")[0]
LEVELS = {"gzip": (1, 9), "zstd": (1, 22), "xz": (0, 9), "bzip2": (1, 9), "lz4": (0, 16)}
_FIRST = 1_714_564_800_000_000


def large_capture(size: int = 1500, count: int = 1200) -> bytes:
    """A pcap capture of more than one buffer, whose bodies compress by half."""
    numbers = random.Random(1)
    bodies = (numbers.randbytes(size // 2) + bytes(size // 2) for _ in range(count))
    records = [wire.pcap_record(1_714_564_800 + number, number, body) for number, body in enumerate(bodies)]
    return wire.pcap_header() + b"".join(records)


LARGE = large_capture()
LARGE_AS_PCAPNG = converted(LARGE, "pcapng")[0]


def test_the_names_and_levels() -> None:
    """As `--help` and the manual have them."""
    assert {each.name: each.suffix for each in COMPRESSIONS} == {name: f".{SUFFIXES[name]}" for name in NAMES}
    assert {each.name: (each.levels[0], each.levels[-1]) for each in COMPRESSIONS} == LEVELS
    assert [(each.name, each.default_level) for each in COMPRESSIONS] == [
        *(("gzip", 1), ("zstd", 3), ("xz", 4), ("bzip2", 9), ("lz4", 0)),
    ]


@each_compression
def test_the_suffix_tells_the_compression(name: str, tmp_path: Path) -> None:
    for stem, suffix in (("a.pcapng", SUFFIXES[name]), ("B.PcapNG", SUFFIXES[name].upper())):
        out = tmp_path / f"{stem}.{suffix}"
        report = pcapconv.convert(WEB_PCAP, out)
        assert (report.target_format, report.target_compression) == ("pcapng", name)
        assert content_of(out.read_bytes(), name) == AS_PCAPNG


@pytest.mark.parametrize(
    ("link", "file", "compression"), [("link.pcapng", "x.pcapng.gz", None), ("link.pcapng.gz", "x.pcapng", "gzip")]
)
def test_the_suffix_of_a_link_counts_not_that_of_its_file(
    link: str, file: str, compression: str | None, tmp_path: Path
) -> None:
    """The name that the user gave."""
    (tmp_path / file).write_bytes(b"before")
    (tmp_path / link).symlink_to(file)
    report = pcapconv.convert(WEB_PCAP, tmp_path / link, force=True)
    assert report.target_compression == compression
    content = (tmp_path / file).read_bytes()
    assert (content if compression is None else content_of(content, compression)) == AS_PCAPNG
    assert (tmp_path / link).is_symlink()


@each_compression
@pytest.mark.parametrize("capture", [WEB_PCAP.read_bytes(), LARGE], ids=["small", "large"])
def test_the_argument_tells_the_compression(name: str, capture: bytes, tmp_path: Path) -> None:
    expected = converted(capture, "pcapng")[0]
    out = tmp_path / "a.pcapng"
    pcapconv.convert(io.BytesIO(capture), out, compress=name)
    assert content_of(out.read_bytes(), name) == expected
    stream: Any = Sink()
    report = pcapconv.convert(io.BytesIO(capture), stream, to="pcapng", compress=name)
    assert bytes(stream.taken) == out.read_bytes()
    assert (report.target_compression, compressing.members(bytes(stream.taken), name)) == (name, 1)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_the_content_is_that_of_an_output_that_is_not_compressed(path: Path) -> None:
    """Also where the header is corrected at the end."""
    for to in ("pcap", "pcapng"):
        for options in ({}, {"packets": "1-2"}, {"snaplen": 3}):
            arguments: dict[str, Any] = {"to": to, **options}
            try:
                expected = converted(path.read_bytes(), **arguments)[0]
            except pcapconv.PcapconvError as error:
                with pytest.raises(type(error)):
                    converted(path.read_bytes(), compress="gzip", **arguments)
            else:
                assert gzip.decompress(converted(path.read_bytes(), compress="gzip", **arguments)[0]) == expected


@each_compression
def test_each_level(name: str) -> None:
    lowest, highest = LEVELS[name]
    capture = WEB_PCAP.read_bytes()
    sizes = []
    for level in (lowest, lowest + 1, 3, 4, highest):
        data = converted(capture, "pcapng", compress=name, compress_level=level)[0]
        assert content_of(data, name) == AS_PCAPNG
        sizes.append(len(data))
    assert sizes[-1] <= sizes[0]
    for level in (lowest - 1, highest + 1, -1, 10**6):
        with pytest.raises(UsageError, match=rf"^compress_level={level}: {name} has the levels {lowest} to {highest}$"):
            converted(capture, "pcapng", compress=name, compress_level=level)


def test_the_levels_of_gzip_are_one_scale() -> None:
    """Levels 1 to 3 are ISA-L's, all others zlib's, so that `zlib` makes the same of them."""
    import zlib

    for level in range(4, 10):
        data = converted(LARGE, "pcapng", compress="gzip", compress_level=level)[0]
        deflate = zlib.compressobj(level, zlib.DEFLATED, -15)
        assert data[10:-8] == deflate.compress(LARGE_AS_PCAPNG) + deflate.flush()


@pytest.mark.parametrize("level", [True, 1.5, "9", b"9"])
def test_what_is_no_level(level: object) -> None:
    with pytest.raises(UsageError, match=r"^compress_level=.*: write a whole number$"):
        converted(LARGE, "pcapng", compress="gzip", compress_level=level)


def test_frames_have_checksums_and_no_time() -> None:
    made = {name: converted(LARGE, "pcapng", compress=name)[0] for name in NAMES}
    # RFC 1952: no flags, no time, no extra flags, unknown system; then checksum and size at the end
    assert made["gzip"][:10].hex() == "1f8b08000000000000ff"
    assert int.from_bytes(made["gzip"][-4:], "little") == len(LARGE_AS_PCAPNG)
    assert made["zstd"][4] & 4  # RFC 8878, 3.1.1.1.1: Content_Checksum_flag
    assert made["lz4"][4] & 4  # the same flag in the LZ4 frame's descriptor
    assert made["xz"][7] == 4  # CRC64
    for name, data in made.items():
        changed = bytearray(data)
        changed[-3 if name != "xz" else len(data) // 2] ^= 1  # of a checksum, but for xz, whose end is a footer
        with pytest.raises(Exception, match=r"."):  # each library has its own
            content_of(bytes(changed), name)


@each_compression
def test_the_same_bytes_each_time(name: str) -> None:
    """From a file, from a pipe in any pieces, into a file and into a pipe."""
    expected = converted(LARGE, "pcapng", compress=name)[0]
    assert converted(LARGE, "pcapng", compress=name)[0] == expected
    numbers = random.Random(2)
    cuts = sorted(numbers.sample(range(len(LARGE)), 200))
    pieces = [LARGE[begin:end] for begin, end in zip([0, *cuts], [*cuts, len(LARGE)])]
    pipe: Any = Pipe(pieces)
    assert converted(pipe, "pcapng", compress=name)[0] == expected


@each_compression
def test_pieces_of_any_size_give_the_same_bytes_of_a_copy(name: str) -> None:
    """Packets that are copied fill buffers to the last byte, those that are encoded do not."""
    both = {}
    for selecting in ({}, {"drop_packets": "7"}):
        pieces: Any = Pipe(LARGE_AS_PCAPNG[at : at + 70_001] for at in range(0, len(LARGE_AS_PCAPNG), 70_001))
        both[0] = converted(pieces, "pcapng", compress=name, **selecting)[0]
        both[1] = converted(LARGE_AS_PCAPNG, "pcapng", compress=name, **selecting)[0]
        assert both[0] == both[1]


@each_compression
def test_a_conversion_into_the_same_format_keeps_the_content(name: str) -> None:
    for capture, to in ((WEB_PCAPNG.read_bytes(), "pcapng"), (LARGE, "pcap")):
        compressed = converted(capture, to, compress=name)[0]
        assert content_of(compressed, name) == capture
        assert converted(compressed, to)[0] == capture
        assert converted(compressed, to, compress=name)[0] == compressed


# ---------------------------------------------------------------- what is corrected at the end

LONG = 300_000


def some_packets(count: int) -> bytes:
    numbers = random.Random(3)
    return b"".join(wire.enhanced_packet(0, _FIRST, numbers.randbytes(1000)) for _ in range(count))


def longest_packet_last(count: int = 700) -> bytes:
    """A pcapng capture of two interfaces, of which the last packet is longer than the snaplen that the first declares,
    so that the snaplen in a pcap header is known only at the end."""
    interfaces = wire.interface(snaplen=2000) + wire.interface(snaplen=2000)
    return wire.section_header() + interfaces + some_packets(count) + wire.enhanced_packet(1, _FIRST, bytes(LONG))


def stated_lengths(count: int = 700) -> bytes:
    """A pcapng capture of two sections that state their lengths, which no longer hold after a selection."""
    body = wire.interface() + some_packets(count)
    return (wire.section_header(section_length=len(body)) + body) * 2


@each_compression
def test_a_header_that_is_known_only_at_the_end(name: str, tmp_path: Path) -> None:
    capture = longest_packet_last()
    expected = converted(capture, "pcap")[0]
    assert wire.read_pcap_header(expected).snaplen == LONG
    data = converted(capture, "pcap", compress=name)[0]
    assert (content_of(data, name), compressing.members(data, name)) == (expected, 1)
    out = tmp_path / f"a.pcap.{SUFFIXES[name]}"
    pcapconv.convert(io.BytesIO(capture), out)
    assert out.read_bytes() == data


@each_compression
def test_section_lengths_that_no_longer_hold(name: str) -> None:
    capture = stated_lengths()
    expected = converted(capture, "pcapng", packets="2-")[0]
    second = expected.index(wire.section_header()[:4], 8)
    assert expected[16:24] == b"\xff" * 8
    assert expected[second + 16 : second + 24] != b"\xff" * 8  # whose length still holds
    assert content_of(converted(capture, "pcapng", packets="2-", compress=name)[0], name) == expected
    expected = converted(capture, "pcapng", packets="1-900")[0]
    assert content_of(converted(capture, "pcapng", packets="1-900", compress=name)[0], name) == expected


def test_what_is_compressed_again_is_behind_what_was_there(tmp_path: Path) -> None:
    """A file object of the caller's that has bytes already; and one that can only be written to."""
    capture = longest_packet_last()
    expected = converted(capture, "pcap")[0]
    with open(tmp_path / "a", "w+b") as file:
        file.write(b"before")
        pcapconv.convert(io.BytesIO(capture), file, to="pcap", compress="gzip")
    written = (tmp_path / "a").read_bytes()
    assert (written[:6], gzip.decompress(written[6:])) == (b"before", expected)
    with open(tmp_path / "b.pcap.gz", "wb") as file:
        pcapconv.convert(io.BytesIO(capture), file)
    assert gzip.decompress((tmp_path / "b.pcap.gz").read_bytes()) == expected


def test_compressing_again_takes_no_memory() -> None:
    capture = longest_packet_last(20_000)
    target = io.BytesIO()
    most = peak_memory(lambda: pcapconv.convert(io.BytesIO(capture), target, to="pcap", compress="gzip"))
    assert most < 3 * len(target.getvalue()) + 8 * 2**20  # `target` itself, with both forms, and its copies


def test_a_pipe_has_no_corrections() -> None:
    capture = longest_packet_last()
    plain: Any = Sink()
    compressed: Any = Sink()
    pcapconv.convert(io.BytesIO(capture), plain, to="pcap")
    pcapconv.convert(io.BytesIO(capture), compressed, to="pcap", compress="gzip")
    assert gzip.decompress(bytes(compressed.taken)) == bytes(plain.taken)


# ---------------------------------------------------------------- names


def test_a_name_that_tells_only_the_compression(tmp_path: Path) -> None:
    for name in NAMES:
        out = tmp_path / f"x.{SUFFIXES[name]}"
        better = f"{tmp_path}/x.pcapng.{SUFFIXES[name]}"
        with pytest.raises(
            UsageError,
            match=rf"^{out}: its suffix names a compression and no format; name it {better}, or give to='pcap' or "
            r"to='pcapng'$",
        ):
            pcapconv.convert(WEB_PCAP, out)
        assert file_names(tmp_path) == []
        pcapconv.convert(WEB_PCAP, out, to="pcapng")
        assert content_of(out.read_bytes(), name) == AS_PCAPNG
        out.unlink()


@pytest.mark.parametrize("compress", ["zstd", "none"])
def test_a_name_and_an_argument_that_contradict_each_other(
    compress: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "x.pcapng.gz"
    better = f"{tmp_path}/x.pcapng{'.zst' if compress == 'zstd' else ''}"
    done = run_in_process(capfd, "convert", WEB_PCAP, out, "--compress", compress)
    message = (
        f"{out}: its suffix says gzip, and --compress {compress} something else; name it {better}, or leave out "
        "--compress"
    )
    assert done == (2, b"", error_lines(message))
    assert file_names(tmp_path) == []
    assert run_in_process(capfd, "convert", WEB_PCAP, out, "--compress", "gzip").status == 0


def test_what_was_asked_for_is_written_under_any_name(tmp_path: Path) -> None:
    pcapconv.convert(WEB_PCAP, tmp_path / "x.pcapng", compress="gzip")
    assert gzip.decompress((tmp_path / "x.pcapng").read_bytes()) == AS_PCAPNG
    pcapconv.convert(WEB_PCAP, tmp_path / "y.pcapng", compress="none")
    assert (tmp_path / "y.pcapng").read_bytes() == AS_PCAPNG


def test_a_level_without_a_compression(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    message = (
        "--compress-level 3: the output is not compressed; give it a suffix, as in x.pcapng.gz, or say --compress gzip"
    )
    for extra in ((), ("--compress", "none")):
        done = run_in_process(capfd, "convert", WEB_PCAP, tmp_path / "x.pcapng", "--compress-level", "3", *extra)
        assert done == (2, b"", error_lines(message))
    assert file_names(tmp_path) == []
    done = run_in_process(capfd, "convert", WEB_PCAP, tmp_path / "x.pcapng.gz", "--compress-level", "3")
    assert (done.status, done.err) == (0, "")


def test_unknown_compressions(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match=r"^compress='brotli': must be one of gzip, zstd, xz, bzip2, lz4, none$"):
        converted(LARGE, "pcapng", compress="brotli")
    done = run_in_process(capfd, "convert", WEB_PCAP, tmp_path / "x.pcapng", "--compress", "brotli")
    assert done == (2, b"", error_lines("--compress brotli: must be gzip, zstd, xz, bzip2, lz4 or none"))


@each_compression
def test_stdout_is_compressed_only_if_asked(name: str) -> None:
    done = run_command("convert", WEB_PCAP, "-", "--to", "pcapng")
    assert done == (0, AS_PCAPNG, "")
    done = run_command("convert", WEB_PCAP, "-", "--to", "pcapng", "--compress", name)
    assert (done.status, content_of(done.out, name), done.err) == (0, AS_PCAPNG, "")


def test_a_file_object_that_compresses_by_itself(tmp_path: Path) -> None:
    """Its name is that of the file, and its bytes are not compressed twice."""
    with gzip.open(tmp_path / "x.pcapng.gz", "wb") as file:
        pcapconv.convert(WEB_PCAP, file)  # type: ignore[arg-type]
    assert gzip.decompress((tmp_path / "x.pcapng.gz").read_bytes()) == AS_PCAPNG


def test_a_directory_as_the_output(tmp_path: Path) -> None:
    source = tmp_path / "a.pcap.gz"
    source.write_bytes(gzip.compress(WEB_PCAP.read_bytes()))
    out = tmp_path / "out"
    out.mkdir()
    for to, compress, name in (
        ("pcapng", None, "a.pcapng.gz"),
        (None, None, "a.pcap.gz"),
        ("pcapng", "zstd", "a.pcapng.zst"),
        ("pcapng", "none", "a.pcapng"),
        (None, "none", "a.pcap"),
    ):
        report = pcapconv.convert(source, out, to=to, compress=compress)
        assert report.outputs == [str(out / name)]
        by_suffix = {".gz": "gzip", ".zst": "zstd"}.get((out / name).suffix)
        assert report.target_compression == by_suffix
        data = (out / name).read_bytes()
        content = data if by_suffix is None else content_of(data, by_suffix)
        assert content == (AS_PCAPNG if to else WEB_PCAP.read_bytes())
        (out / name).unlink()


@each_compression
def test_in_place_the_compression_stays(name: str, tmp_path: Path) -> None:
    """Whatever the name says; but a suffix is never that of a file that is not compressed."""
    capture = WEB_PCAP.read_bytes()
    for file_name in ("a.pcap", f"a.pcap.{SUFFIXES[name]}", "a.pcap.gz"):
        file = tmp_path / file_name
        file.write_bytes(converted(capture, "pcap", compress=name)[0])
        report = pcapconv.convert(file, file, force=True, packets="1")
        assert (report.target_compression, report.packets_written) == (name, 1)
        assert len(packets(content_of(file.read_bytes(), name))) == 1
    (tmp_path / "a.pcap").write_bytes(capture)
    assert pcapconv.convert(tmp_path / "a.pcap", tmp_path / "a.pcap", force=True).target_compression is None
    assert (tmp_path / "a.pcap").read_bytes() == capture
    (tmp_path / "a.pcap.gz").write_bytes(capture)
    assert pcapconv.convert(tmp_path / "a.pcap.gz", tmp_path / "a.pcap.gz", force=True).target_compression == "gzip"
    assert gzip.decompress((tmp_path / "a.pcap.gz").read_bytes()) == capture
    pcapconv.convert(tmp_path / "a.pcap", tmp_path / "a.pcap", force=True, compress=name, compress_level=2)
    assert content_of((tmp_path / "a.pcap").read_bytes(), name) == capture


# ---------------------------------------------------------------- other commands


@each_compression
def test_a_split(name: str, tmp_path: Path) -> None:
    source = tmp_path / "a.pcap.gz"
    source.write_bytes(gzip.compress(LARGE))
    suffix = SUFFIXES[name]
    report = pcapconv.split(source, tmp_path / f"{{stem}}-{{index:1}}.pcap.{suffix}", max_bytes=800_000)
    assert [Path(each).name for each in report.outputs] == [f"a-{number}.pcap.{suffix}" for number in (1, 2, 3)]
    plain = pcapconv.split(source, tmp_path / "{stem}-{index:1}.pcap", max_bytes=800_000)
    contents = [content_of(Path(each).read_bytes(), name) for each in report.outputs]
    assert contents == [Path(each).read_bytes() for each in plain.outputs]
    assert report.parts is not None
    assert [part["bytes"] for part in report.parts] == list(map(len, contents))  # before compression
    assert (report.target_compression, plain.target_compression) == (name, None)


def test_a_template_without_fields(tmp_path: Path) -> None:
    report = pcapconv.split(WEB_PCAP, tmp_path / "part.pcap.gz", max_packets=20)
    assert report.outputs == [str(tmp_path / f"part-{number:05}.pcap.gz") for number in (1, 2)]


@each_compression
def test_parts_that_rest_are_compressed_into_one_member(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Parts in turn, with memory for few of them."""
    monkeypatch.setattr("pcapconv.splitting.parts._BUDGET", 2**19)
    monkeypatch.setattr("pcapconv.splitting.parts._COMPRESSORS", 0)
    interfaces = 10
    numbers = random.Random(4)
    blocks = [wire.enhanced_packet(number % interfaces, _FIRST, numbers.randbytes(15_000)) for number in range(200)]
    capture = wire.section_header() + wire.interface() * interfaces + b"".join(blocks)
    report = pcapconv.split(io.BytesIO(capture), tmp_path / f"x-{{index}}.pcapng.{SUFFIXES[name]}", by="interface")
    plain = pcapconv.split(io.BytesIO(capture), tmp_path / "x-{index}.pcapng", by="interface")
    for each, other in zip(report.outputs, plain.outputs, strict=True):
        data = Path(each).read_bytes()
        assert (content_of(data, name), compressing.members(data, name)) == (Path(other).read_bytes(), 1)


def test_join(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    link_types = Path(__file__).parent / "samples" / "link-types-le.pcapng"
    pcapconv.split(link_types, tmp_path / "{stem}-{link_type}.pcap", by="link-type", sidecar=True)
    sidecar = tmp_path / "link-types-le.meta.json"
    for name in NAMES:
        out = tmp_path / f"again.pcapng.{SUFFIXES[name]}"
        assert pcapconv.join(sidecar, out).target_compression == name
        assert content_of(out.read_bytes(), name) == link_types.read_bytes()
    done = run_in_process(
        capfd, "join", sidecar, tmp_path / "again.pcapng", "--compress", "gzip", "--compress-level", "9"
    )
    assert (done.status, done.err) == (0, "")
    assert gzip.decompress((tmp_path / "again.pcapng").read_bytes()) == link_types.read_bytes()
    done = run_in_process(capfd, "join", sidecar, tmp_path / "again.pcap.gz")
    message = f"{tmp_path}/again.pcap.gz: what join makes is pcapng; give it the suffix .pcapng"
    assert done == (2, b"", error_lines(message))


@each_compression
def test_normalize(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    plain = tmp_path / "plain.pcapng"
    pcapconv.normalize(WEB_PCAP, plain)
    for out, options in ((f"x.pcapng.{SUFFIXES[name]}", ()), ("y.pcapng", ("--compress", name))):
        done = run_in_process(capfd, "normalize", WEB_PCAP, tmp_path / out, *options)
        assert (done.status, done.err) == (0, "")
        assert content_of((tmp_path / out).read_bytes(), name) == plain.read_bytes()
    both = f"--compress {name}", f"--compress-level {LEVELS[name][0]}"
    for option in both:
        for mode, why in (
            ("--check", "--check writes nothing"),
            ("--in-place", "with --in-place files keep their compression"),
        ):
            done = run_in_process(capfd, "normalize", mode, plain, *option.split())
            assert done == (2, b"", error_lines(f"{option.split()[0]} is for IN and OUT; {why}"))


@each_compression
def test_normalize_in_place(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "a.pcapng"
    file.write_bytes(converted(WEB_PCAP.read_bytes(), "pcapng", compress=name)[0])
    pcapconv.normalize(WEB_PCAP, tmp_path / "plain.pcapng")
    assert run_in_process(capfd, "normalize", "--in-place", file).status == 0
    assert content_of(file.read_bytes(), name) == (tmp_path / "plain.pcapng").read_bytes()


def test_a_report_on_the_command_line(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    run_in_process(capfd, "convert", WEB_PCAP, tmp_path / "x.pcapng.gz", "--report", tmp_path / "r.json")
    assert json.loads((tmp_path / "r.json").read_text())["target_compression"] == "gzip"


def test_a_sidecar_is_about_the_content(tmp_path: Path) -> None:
    """And it has the name of the compressed file."""
    pcapconv.convert(WEB_PCAPNG, tmp_path / "x.pcap", sidecar=True)
    pcapconv.convert(WEB_PCAPNG, tmp_path / "x.pcap.gz", sidecar=True)
    assert file_names(tmp_path) == ["x.pcap", "x.pcap.gz", "x.pcap.gz.meta.json", "x.pcap.meta.json"]
    plain, compressed = (
        json.loads((tmp_path / f"{name}.meta.json").read_bytes())["captures"] for name in ("x.pcap", "x.pcap.gz")
    )
    assert compressed == [{**plain[0], "name": "x.pcap.gz"}]


def test_a_loss_is_refused_before_a_pipe_gets_anything() -> None:
    stream: Any = Sink()
    with pytest.raises(LossError):
        pcapconv.convert(WEB_PCAPNG, stream, to="pcap", on_loss="fail", compress="gzip")
    assert stream.taken == b""
    pcapconv.convert(WEB_PCAP, stream, to="pcapng", on_loss="fail", strict=True, compress="gzip")
    assert gzip.decompress(bytes(stream.taken)) == AS_PCAPNG


@each_compression
def test_a_conversion_that_starts_again(name: str, tmp_path: Path) -> None:
    """Since an interface that comes late needs nanoseconds."""
    late = Path(__file__).parent / "samples" / "late-interface-le.pcapng"
    expected = converted(late.read_bytes(), "pcap", link_type="ethernet")[0]
    out = tmp_path / f"x.pcap.{SUFFIXES[name]}"
    pcapconv.convert(late, out, link_type="ethernet")
    assert content_of(out.read_bytes(), name) == expected


def test_a_full_disk() -> None:
    with pytest.raises(FileError, match=r"^/dev/full: cannot write: no space left on device$"):
        pcapconv.convert(io.BytesIO(LARGE), "/dev/full", to="pcapng", compress="gzip")


def test_plain_conversions_import_no_library_of_compression(tmp_path: Path) -> None:
    libraries = "isal lz4 bz2 lzma backports.zstd pcapconv.io.compressed_output"
    program = (
        "import sys, pcapconv; pcapconv.convert(sys.argv[1], sys.argv[2]); "
        f"print([each for each in '{libraries}'.split() if each in sys.modules])"
    )
    import subprocess
    import sys

    done = subprocess.run(
        [sys.executable, "-c", program, str(WEB_PCAP), str(tmp_path / "x.pcapng")],
        capture_output=True,
        check=True,
        cwd=tmp_path,  # where no source tree hides the installed package
    )
    assert done.stdout == b"[]\n"
