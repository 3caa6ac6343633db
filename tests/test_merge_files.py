"""`merge` and its files: damaged inputs, pipes, file objects, directories, inputs that change, outputs among them."""

import gc
import io
import os
import random
import resource
import struct
import subprocess
import sys
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
import wire
from compressing import COMPRESS
from conversions import Pipe, peak_memory
from folders import file_names
from merging import merged

import pcapconv
from pcapconv import DamageError, FileError, FormatError, LossError, PcapconvError, UsageError

pytestmark = pytest.mark.usefixtures("no_thread_is_left")

HEAD = wire.section_header() + wire.interface()
PACKETS = [wire.enhanced_packet(0, time, b"packet %d" % time) for time in range(12)]
EVEN, ODD = HEAD + b"".join(PACKETS[::2]), HEAD + b"".join(PACKETS[1::2])
WHOLE = HEAD + b"".join(PACKETS)
AS_PCAP = wire.pcap_header(snaplen=262144) + b"".join(
    wire.pcap_record(0, time, b"packet %d" % time) for time in range(1, 12, 2)
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with two inputs."""
    (tmp_path / "a.pcapng").write_bytes(EVEN)
    (tmp_path / "b.pcapng").write_bytes(ODD)
    return tmp_path


def data_of(capture: bytes) -> list[bytes]:
    return [packet.data for packet in wire.read_pcapng(capture)]


@pytest.mark.parametrize("suffix", ["pcap", "pcapng"])
def test_megabytes_are_merged(suffix: str, tmp_path: Path) -> None:
    """More than the buffers between reader and writer hold."""
    contents = [time.to_bytes(4, "big") * (time % 350) for time in range(6000)]
    if suffix == "pcap":
        head, records = wire.pcap_header(), [wire.pcap_record(0, time, each) for time, each in enumerate(contents)]
    else:
        head, records = HEAD, [wire.enhanced_packet(0, time, each) for time, each in enumerate(contents)]
    inputs = [tmp_path / f"{number}.{suffix}" for number in range(3)]
    chosen = random.Random(2).choices(range(3), k=len(records))
    for number, path in enumerate(inputs):
        path.write_bytes(head + b"".join(each for each, place in zip(records, chosen) if place == number))
    out = tmp_path / f"out.{suffix}"
    pcapconv.merge(inputs, out)
    assert out.read_bytes() == head + b"".join(records)
    pcapconv.merge(inputs, out, packets="1-2999,3001-", force=True)
    assert out.read_bytes() == head + b"".join(records[:2999] + records[3000:])


# ---------------------------------------------------------------- damage


@pytest.mark.parametrize("cut", random.Random(1).sample(range(len(HEAD) + 1, len(ODD)), 12))
def test_a_cut_input_gives_what_is_whole(cut: int, folder: Path) -> None:
    (folder / "b.pcapng").write_bytes(ODD[:cut])
    out = folder / "out.pcapng"
    report = pcapconv.merge([folder / "a.pcapng", folder / "b.pcapng"], out)
    kept, at = 0, len(HEAD)
    for packet in PACKETS[1::2]:
        kept, at = (kept + 1, at + len(packet)) if at + len(packet) <= cut else (kept, at)
    told = [b"packet %d" % time for time in sorted([*range(0, 12, 2), *range(1, 12, 2)[:kept]])]
    assert data_of(out.read_bytes()) == told
    if at == cut:
        assert report.damage == []
        return
    (damage,) = report.damage
    assert (damage.offset, damage.bytes_left_out, damage.packet_number) == (at, cut - at, kept + 1)
    assert damage.input == str(folder / "b.pcapng")
    with pytest.raises(DamageError, match=rf"b\.pcapng: offset {at} \(packet {kept + 1}\)"):
        pcapconv.merge([folder / "a.pcapng", folder / "b.pcapng"], out, strict=True, force=True)
    assert data_of(out.read_bytes()) == told


def test_damage_of_a_later_section_has_its_place_in_the_input(folder: Path) -> None:
    """Offset and packet number are those in the file, not in the section."""
    (folder / "b.pcapng").write_bytes(EVEN + ODD[:-3])
    for append in (False, True):
        report = pcapconv.merge([folder / "b.pcapng", folder / "a.pcapng"], io.BytesIO(), to="pcapng", append=append)
        (damage,) = report.damage
        told = (len(EVEN) + len(ODD) - len(PACKETS[-1]), len(PACKETS[-1]) - 3, 12, str(folder / "b.pcapng"))
        assert (damage.offset, damage.bytes_left_out, damage.packet_number, damage.input) == told
        assert report.packets_written == 6 + 5 + 6


def test_several_damaged_inputs_are_all_named(folder: Path) -> None:
    captures = {"a.pcapng": EVEN[:-3], "b.pcapng": ODD[:-5], "c.pcap": AS_PCAP[:-1]}
    for name, capture in captures.items():
        (folder / name).write_bytes(capture)
    report = pcapconv.merge([folder / name for name in captures], io.BytesIO(), to="pcapng")
    found = {(damage.input, damage.packet_number) for damage in report.damage}
    assert found == {(str(folder / name), 6) for name in captures}
    assert report.packets_written == 15


@pytest.mark.parametrize("name", ["gzip", "zstd", "xz"])
def test_a_damaged_compressed_input(name: str, folder: Path) -> None:
    captures = [
        HEAD + b"".join(wire.enhanced_packet(0, time, os.urandom(300)) for time in range(900)) for _ in range(2)
    ]
    data = COMPRESS[name](captures[1])
    (folder / "b.pcapng").write_bytes(data[: len(data) // 2])
    report = pcapconv.merge([io.BytesIO(captures[0]), folder / "b.pcapng"], io.BytesIO(), to="pcapng")
    assert {damage.input for damage in report.damage} == {str(folder / "b.pcapng")}
    (offset,) = (each.compressed_offset for each in report.damage if each.compressed_offset is not None)
    assert offset <= len(data) // 2
    assert 900 <= report.packets_written < 1800


@pytest.mark.parametrize("name", ["gzip", "xz"])
def test_damaged_compressed_inputs_of_several_sections(name: str) -> None:
    """Their sections are read from one temporary file. Only a checksum is cut off, behind the last packet."""
    whole, cut = COMPRESS[name](EVEN + ODD), COMPRESS[name](ODD + EVEN)[:-5]
    out, report = merged([whole, cut, whole])
    assert [each.compressed_offset for each in report.damage] == [len(cut)]
    assert out == merged([EVEN + ODD, ODD + EVEN, EVEN + ODD])[0]


@pytest.mark.parametrize(
    ("input_", "match"),
    [
        (b"", "b.pcapng: .*empty"),
        (b"no capture", "b.pcapng: "),
        (HEAD[:20], "b.pcapng: "),
        (b"\n\r\r\r\n" + HEAD, "b.pcapng: "),
    ],
)
def test_what_is_no_capture_is_refused_by_name(input_: bytes, match: str, folder: Path) -> None:
    (folder / "b.pcapng").write_bytes(input_)
    with pytest.raises(FormatError, match=match):
        pcapconv.merge([folder / "a.pcapng", folder / "b.pcapng"], folder / "out.pcapng")
    assert file_names(folder) == ["a.pcapng", "b.pcapng"]


def test_hostile_lengths_cost_nothing() -> None:
    """Blocks and records that claim 4 GiB, in every input."""
    claims = [
        HEAD + struct.pack("<II", 6, 0xFFFFFFFC),
        HEAD + struct.pack("<II", 6, 2**31),
        wire.section_header() + struct.pack("<II", 1, 0xFFFFFFF0),
        HEAD + wire.enhanced_packet(0, 1, b"x", captured_length=0xFFFFFFFF),
        wire.pcap_header() + struct.pack("<IIII", 1, 1, 0xFFFFFFFF, 0xFFFFFFFF),
        wire.pcap_header() + struct.pack("<IIII", 1, 1, 2**31 - 1, 2**31 - 1),
        HEAD + wire.enhanced_packet(0xFFFFFFFF, 1, b"x"),
        HEAD + wire.names((1, b"x")) + wire.statistics(0xFFFFFFFF, 1) + PACKETS[0],
        HEAD + wire.secrets(1, b"x")[:12] + struct.pack("<I", 0xFFFFFFFF) + bytes(8),
    ]
    captures = [each for each in claims for _ in range(20)] + [EVEN]

    def merge() -> None:
        out, report = merged(captures, on_loss="ignore")
        assert data_of(out)[-5:] == data_of(EVEN)[-5:]
        assert report.damage_total >= 7 * 20

    assert peak_memory(merge) < 32 * 2**20


def test_many_interfaces_and_processes_take_little_memory() -> None:
    head = wire.section_header() + wire.interface() * 30_000
    capture = head + wire.enhanced_packet(29_999, 1, b"x")
    other = wire.section_header() + wire.interface(113) * 40_000 + wire.obsolete_packet(39_999, 2, b"y", drops_count=1)
    out, report = merged([capture, other])
    drops = wire.options((wire.EPB_DROPCOUNT, wire.number(1, 8)))
    assert out == head + other[28 : 28 + 20 * 40_000] + capture[len(head) :] + wire.enhanced_packet(
        69_999, 2, b"y", options=drops
    )
    assert report.losses == {}


# ---------------------------------------------------------------- losses


def test_a_merge_that_loses_something_is_refused_where_asked(folder: Path) -> None:
    odd = wire.section_header(options=wire.options((wire.SHB_USERAPPL, b"dumpcap"))) + ODD[28:]
    (folder / "b.pcapng").write_bytes(odd)
    inputs = [folder / "a.pcapng", folder / "b.pcapng"]
    with pytest.raises(LossError):
        pcapconv.merge(inputs, folder / "out.pcapng", on_loss="fail")
    assert file_names(folder) == ["a.pcapng", "b.pcapng"]
    report = pcapconv.merge(inputs, folder / "out.pcapng", on_loss="ignore")
    assert report.losses == {"section-options": 1}
    assert (folder / "out.pcapng").read_bytes() == WHOLE
    with pytest.raises(UsageError, match="on_loss"):
        pcapconv.merge(inputs, folder / "other.pcapng", on_loss="perhaps")  # type: ignore[arg-type]


def test_pcap_holds_one_link_type() -> None:
    other = wire.section_header() + wire.interface(113) + PACKETS[3]
    with pytest.raises(PcapconvError, match="link type"):
        merged([EVEN, other], "pcap")
    empty = wire.section_header() + wire.interface(113)
    out, _ = merged([EVEN, empty], "pcap", on_loss="ignore")
    assert len(wire.read_pcap(out)) == 6


def test_one_input_in_nanoseconds_makes_pcap_of_nanoseconds() -> None:
    nano = wire.pcap_header(wire.NANOSECONDS) + wire.pcap_record(0, 5001, b"nano")
    out, report = merged([AS_PCAP, nano], "pcap")
    assert wire.read_pcap_header(out).units == 10**9
    assert [packet.ticks for packet in wire.read_pcap(out)] == [1000, 3000, 5000, 5001, 7000, 9000, 11000]
    assert report.losses == {}


# ---------------------------------------------------------------- file objects and pipes


class Bytes:
    """An object with `read` alone, which gives a few bytes at a time."""

    def __init__(self, capture: bytes) -> None:
        self._file = io.BytesIO(capture)

    def read(self, size: int) -> bytes:
        return self._file.read(min(size, 5))


def test_inputs_of_all_kinds_at_once(folder: Path) -> None:
    """A path, bytes, an open file that stands behind other bytes, a pipe, an object with `read` alone."""
    (folder / "behind").write_bytes(b"skipped" + HEAD + PACKETS[5])
    reader, path = Bytes(HEAD + PACKETS[1]), folder / "a.pcapng"
    path.write_bytes(HEAD + PACKETS[2])
    pipe = cast(BinaryIO, Pipe([HEAD, PACKETS[3][:7], PACKETS[3][7:]]))
    with open(folder / "behind", "rb") as file:
        file.seek(len(b"skipped"))
        seekable = io.BytesIO(HEAD + PACKETS[4])
        out = io.BytesIO()
        report = pcapconv.merge([path, seekable, file, pipe, cast(BinaryIO, reader)], out, to="pcapng")
        assert not file.closed
    assert out.getvalue() == HEAD + b"".join(PACKETS[1:6])
    assert (seekable.closed, pipe.closed, out.closed) == (False, False, False)
    assert report.inputs[0] == str(path)


def test_the_same_file_object_twice() -> None:
    """Each input has its own place in it."""
    file = io.BytesIO(EVEN)
    out = io.BytesIO()
    pcapconv.merge([file, io.BytesIO(EVEN)], out, to="pcapng")
    assert data_of(out.getvalue()) == [data for data in data_of(EVEN) for _ in range(2)]


def test_the_same_path_several_times(folder: Path) -> None:
    out = folder / "out.pcapng"
    pcapconv.merge([folder / "a.pcapng"] * 5, out)
    assert data_of(out.read_bytes()) == [data for data in data_of(EVEN) for _ in range(5)]


@pytest.mark.parametrize("append", [False, True])
def test_fifos_as_inputs_and_output(append: bool, folder: Path) -> None:
    names = [folder / name for name in ("one", "two", "out")]
    for name in names:
        os.mkfifo(name)
    script = (
        f"import sys, pcapconv; pcapconv.merge(sys.argv[1:3], sys.argv[3], to='pcapng', force=True, append={append})"
    )
    writers = [
        subprocess.Popen(["sh", "-c", 'cat "$0" > "$1"', folder / source, name])
        for source, name in zip(("a.pcapng", "b.pcapng"), names)
    ]
    process = subprocess.Popen([sys.executable, "-P", "-c", script, *names])
    try:
        taken = names[2].read_bytes()
        assert process.wait(timeout=60) == 0
    finally:
        for each in (*writers, process):
            each.kill()
            each.wait()
    assert taken == (EVEN + ODD if append else WHOLE)


def test_nothing_is_left_of_what_was_asked_for_wrongly(folder: Path) -> None:
    a = folder / "a.pcapng"
    wrong: list[tuple[Any, dict[str, Any], str]] = [
        ([], {}, "no input"),
        ("a.pcapng", {}, "list of paths"),
        ([a], {"append": True, "separate_interfaces": True}, "goes without"),
        (["-", "-"], {}, "stdin"),
        ([a], {"first": -1}, "first"),
        ([a], {"fractions": "hours"}, "fractions"),
    ]
    for sources, options, match in wrong:
        with pytest.raises(UsageError, match=match):
            pcapconv.merge(sources, folder / "out.pcapng", **options)
    with pytest.raises(FileError, match=r"missing\.pcap"):
        pcapconv.merge([a, folder / "missing.pcap"], folder / "out.pcapng")
    assert file_names(folder) == ["a.pcapng", "b.pcapng"]


# ---------------------------------------------------------------- outputs


def test_the_output_may_be_any_of_the_inputs(folder: Path) -> None:
    for name in ("a.pcapng", "b.pcapng"):
        with pytest.raises(PcapconvError, match="force"):
            pcapconv.merge([folder / "a.pcapng", folder / "b.pcapng"], folder / name)
        assert (folder / "a.pcapng").read_bytes() == EVEN
        pcapconv.merge([folder / "a.pcapng", folder / "b.pcapng"], folder / name, force=True)
        assert (folder / name).read_bytes() == WHOLE
        (folder / "a.pcapng").write_bytes(EVEN)
    assert file_names(folder) == ["a.pcapng", "b.pcapng"]


def test_other_files_in_a_directory_are_passed_over(folder: Path) -> None:
    (folder / "notes.txt").write_text("no capture")
    (folder / "below").mkdir()
    (folder / "below" / "c.pcapng").write_bytes(EVEN)
    report = pcapconv.merge([folder], folder / "c.pcapng")
    assert (folder / "c.pcapng").read_bytes() == WHOLE
    assert ["notes.txt" in str(warning) for warning in report.warnings] == [True]
    (folder / "empty").mkdir()
    with pytest.raises(FileError, match="there is no capture in it"):
        pcapconv.merge([folder / "empty"], folder / "d.pcapng")


def test_an_input_that_is_written_to_is_not_replaced(folder: Path) -> None:
    """The output is one of the inputs, and somebody appends to it meanwhile."""
    path = folder / "b.pcapng"
    path.write_bytes(ODD + bytes(0) + b"".join(PACKETS[1:2] * 40_000))

    def append(_: int) -> None:
        with open(path, "ab") as file:
            file.write(PACKETS[11])

    with pytest.raises(FileError, match=r"b\.pcapng: was changed while it was read"):
        pcapconv.merge([folder / "a.pcapng", path], path, force=True, progress=append)
    assert path.read_bytes().startswith(ODD)
    assert file_names(folder) == ["a.pcapng", "b.pcapng"]


def test_an_input_that_is_replaced_before_its_turn_is_refused(folder: Path) -> None:
    """It is opened again when the merge has come to its packets."""
    many = HEAD + b"".join(wire.enhanced_packet(0, time % 12, bytes(100)) for time in sorted(range(40_000), key=int))
    (folder / "a.pcapng").write_bytes(many)
    later = folder / "z.pcapng"
    later.write_bytes(HEAD + wire.enhanced_packet(0, 10**6, b"late"))

    def replace(_: int) -> None:
        (folder / "new").write_bytes(ODD)
        os.replace(folder / "new", later) if (folder / "new").exists() else None

    with pytest.raises(FileError, match=r"z\.pcapng: was changed while it was read"):
        pcapconv.merge([folder / "a.pcapng", later], folder / "out.pcapng", progress=replace)
    assert "out.pcapng" not in file_names(folder)


@pytest.mark.skipif(not hasattr(resource, "RLIMIT_FSIZE"), reason="not on this system")
@pytest.mark.parametrize("most_open", [2, 250])
def test_a_full_disk_leaves_nothing(most_open: int, folder: Path) -> None:
    """Whether the output, or the temporary file of groups, does not fit."""
    inputs = []
    for number in range(6):
        path = folder / f"{number}.pcapng"
        path.write_bytes(HEAD + b"".join(wire.enhanced_packet(0, time, bytes(1000)) for time in range(600)))
        inputs.append(str(path))
    script = f"""
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, 10**6))
import pcapconv, pcapconv.merging.by_time
pcapconv.merging.by_time.MOST_OPEN = {most_open}
try:
    pcapconv.merge(sys.argv[2:], sys.argv[1])
except pcapconv.FileError as error:
    print(error)
"""
    before = file_names(folder)
    command = [sys.executable, "-P", "-c", script, str(folder / "out.pcapng"), *inputs]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    name = "a temporary file" if most_open == 2 else str(folder / "out.pcapng")
    assert done.stdout == f"{name}: cannot write: file too large\n"
    assert file_names(folder) == before


@pytest.mark.skipif(not os.path.isdir("/proc/self/fd"), reason="not on this system")
@pytest.mark.parametrize("most_open", [2, 250])
@pytest.mark.parametrize("options", [{}, {"sort": True}, {"append": True}])
def test_an_error_closes_all_files(
    most_open: int, options: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At once, also while the error is kept, with all that its traceback leads to."""
    monkeypatch.setattr("pcapconv.merging.by_time.MOST_OPEN", most_open)
    for number in range(5):
        (folder / f"c{number}.pcapng").write_bytes(ODD)
    (folder / "z.pcapng").write_bytes(ODD[:-1])
    before = len(os.listdir("/proc/self/fd"))
    with pytest.raises(DamageError) as error:
        pcapconv.merge([folder], folder / "out.pcapng", strict=True, **options)
    assert len(os.listdir("/proc/self/fd")) == before
    assert error.value.__traceback__ is not None


@pytest.mark.parametrize("options", [{"interface": ["eth7"]}, {"set_interface": ["eth7.name=eth0"]}])
def test_nothing_temporary_is_left_if_a_survey_fails(
    options: dict[str, Any], folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes when the output is open already."""
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    with pytest.raises(UsageError, match="eth7"):
        pcapconv.merge([folder / "a.pcapng", folder / "b.pcapng"], folder / "out.pcapng", **options)
    assert file_names(folder) == ["a.pcapng", "b.pcapng"]


@pytest.mark.parametrize("options", [{}, {"sort": True}, {"append": True}])
def test_no_memory_of_a_merge_waits_for_the_garbage_collector(options: dict[str, Any]) -> None:
    gc.collect()
    gc.disable()
    try:
        pcapconv.merge([io.BytesIO(EVEN), io.BytesIO(ODD)], io.BytesIO(), to="pcapng", progress=int, **options)
        modules = [str(type(each).__module__) for each in gc.get_objects()]
    finally:
        gc.enable()
    assert [name for name in modules if name.startswith("pcapconv.merging")] == []


@pytest.mark.parametrize("sources", ["a.pcap", []], ids=["text", "none"])
def test_inputs_that_are_none_are_the_option_at_fault(sources: list[str], tmp_path: Path) -> None:
    with pytest.raises(UsageError) as refused:
        pcapconv.merge(sources, tmp_path / "x.pcap")
    assert refused.value.option == "sources"
