"""What pcapconv writes, in the eyes of programs that know nothing of it: Wireshark, libpcap, python-pcapng.

Strategy: wire.py's own parser says what the input holds. Two programs then read the output and write what they
understood as a pcap file in nanoseconds, which the same parser reads: editcap (Wireshark's wiretap) and tcpdump
(libpcap). What they cannot read is listed by name, with the reason.
"""

import hashlib
import io
import shutil
import struct
import subprocess
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import pytest
import wire
from conversions import every_sample, stem
from pcapng import FileScanner, blocks

import pcapconv
from pcapconv import PcapconvError, TargetError

FOLDER = Path(__file__).parent / "samples"
FORMATS = ("pcap", "pcapng")
NANOSECONDS = 10**9


def needs_tool(tool: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(tool) is None, reason=f"{tool} is not installed")


to_each_format = pytest.mark.parametrize("to", FORMATS)

PCAP_CANNOT_HOLD = {
    "link-types": "packets of several link types",
    "obsolete": "packets of several link types",
    "sections": "packets of several link types",
    "two-interfaces": "packets of several link types",
    "time-after-2106": "times after 2106",
    "time-before-1970": "times before 1970",
    "time-malformed": "times that nobody can tell",
}


class Seen(NamedTuple):
    """A packet, whoever read it; a packet without a time has time 0."""

    nanoseconds: int
    captured_length: int
    original_length: int
    data: bytes


# ---------------------------------------------------------------- what the input holds, by wire.py alone


def packets_in_nanoseconds(capture: bytes) -> list[Seen]:
    """The packets; digits finer than a nanosecond are cut."""
    is_pcapng = capture[:4] == b"\n\r\r\n"
    packets = wire.read_pcapng(capture) if is_pcapng else wire.read_pcap(capture)
    units = pcapng_units(capture) if is_pcapng else {}
    per_second = 0 if is_pcapng else wire.read_pcap_header(capture).units
    seen = []
    for packet in packets:
        unit, offset = units[packet.section, packet.interface] if is_pcapng else (Fraction(1, per_second), 0)
        time = 0 if packet.ticks is None else packet.ticks * unit + offset
        nanoseconds = time * NANOSECONDS // 1
        seen.append(Seen(int(nanoseconds), packet.captured_length, packet.original_length, packet.data))
    return seen


def pcapng_units(capture: bytes) -> dict[tuple[int, int], tuple[Fraction, int]]:
    """For each (section, interface): what a tick is worth in seconds, and the offset to add."""
    orders = [each.byte_order for each in wire.read_blocks(capture) if each.block_type == wire.SECTION_HEADER]
    units = {}
    for interface in wire.read_interfaces(capture):
        order = orders[interface.section]
        stated = dict(reversed(wire.read_options(interface.options, order)))  # of two, the first counts
        resolution = stated.get(wire.IF_TSRESOL, b"\6")[0]
        unit = Fraction(1, 2 ** (resolution & 0x7F) if resolution & 0x80 else 10**resolution)
        offset = stated.get(wire.IF_TSOFFSET, bytes(8))
        units[interface.section, interface.interface] = unit, struct.unpack(order + "q", offset)[0]
    return units


def converted_sample(path: Path, to: str, folder: Path) -> Path:
    """The sample, converted; skips where pcap cannot hold it, which other tests show."""
    out = folder / f"out.{to}"
    if to == "pcap" and stem(path) in PCAP_CANNOT_HOLD:
        with pytest.raises(TargetError):
            pcapconv.convert(path, out)
        pytest.skip(f"pcap does not hold {PCAP_CANNOT_HOLD[stem(path)]}")
    pcapconv.convert(path, out)
    return out


def skip_if_listed(cannot: "Limits", path: Path, to: str) -> None:
    """Skips what a judge does not read, with the reason."""
    reason = cannot.get((stem(path), path.suffix[1:], to))
    if reason is not None:
        pytest.skip(reason)


# ---------------------------------------------------------------- the judges


def by_editcap(path: Path, folder: Path) -> list[Seen]:
    """The packets that Wireshark reads."""
    return _by_program(["editcap", "-F", "nsecpcap", str(path)], folder)


def by_tcpdump(path: Path, folder: Path) -> list[Seen]:
    """The packets that libpcap reads."""
    return _by_program(["tcpdump", "--time-stamp-precision=nano", "-r", str(path), "-w"], folder)


class Refused(Exception):  # noqa: N818 - what a judge does, no error of ours
    """A judge cannot read the file."""


def _by_program(command: list[str], folder: Path) -> list[Seen]:
    understood = folder / "understood.pcap"
    understood.unlink(missing_ok=True)
    done = subprocess.run([*command, understood], capture_output=True, text=True, errors="replace", timeout=60)
    if done.returncode:
        raise Refused(done.stderr.strip())
    capture = understood.read_bytes()
    assert wire.read_pcap_header(capture).units == NANOSECONDS
    return packets_in_nanoseconds(capture)


# (stem, format, target format) → why a judge does not read it as it is.
Limits: TypeAlias = dict[tuple[str, str, str], str]

_ONE_LINK_TYPE = "all that it reads must have one link type, interfaces without packets included"
_NO_PCAP = "what it reads cannot be written as one pcap file"
_CUSTOM = "it counts custom and journal blocks as packets, and cannot write them"
_IXIA = "it takes the fractions of Ixia's hardware captures for microseconds"
_OVERFLOW = "its arithmetic overflows at 2^32 nanoseconds"
_BEYOND_PCAP = "the nanosecond pcap that it writes holds no time before 1970 or after 2106"
_SNAPLEN = "it cuts or refuses a packet that is longer than the snaplen"

EDITCAP_CANNOT: Limits = {
    **{(stem, "pcapng", "pcapng"): _CUSTOM for stem in ("blocks", "custom", "do-not-copy", "journal")},
    **{(stem, "pcapng", "pcapng"): _NO_PCAP for stem in ("headers-only", "no-interface", "no-packets")},
    **{
        (stem, "pcapng", "pcapng"): _NO_PCAP
        for stem in ("before-interface", "link-types", "obsolete", "sections", "simple", "two-interfaces")
    },
    **{(stem, "pcapng", "pcapng"): _BEYOND_PCAP for stem in ("time-after-2106", "time-before-1970")},
    ("ixia-hardware", "pcap", "pcap"): _IXIA,
    ("fraction-overflow", "pcap", "pcap"): _OVERFLOW,
    ("options-overrun", "pcapng", "pcapng"): "it refuses options that claim more bytes than their block has",
    ("reserved-bits", "pcap", "pcap"): "it refuses reserved bits in the link-type word",
    ("time-extremes", "pcapng", "pcapng"): "it does not know resolutions this fine",
    ("time-malformed", "pcapng", "pcapng"): "nobody can tell these times",
    ("unknown-link-type", "pcap", "pcap"): "it refuses link types that it does not know",
    ("unknown-link-type", "pcap", "pcapng"): _NO_PCAP,
}
TCPDUMP_CANNOT: Limits = {
    **{(stem, "pcapng", "pcapng"): "it needs an interface" for stem in ("headers-only", "no-interface")},
    **{
        (stem, "pcapng", "pcapng"): _ONE_LINK_TYPE
        for stem in ("late-interface", "link-types", "no-packets", "obsolete", "sections", "simple", "two-interfaces")
    },
    **{(stem, "pcapng", "pcapng"): _BEYOND_PCAP for stem in ("time-after-2106", "time-before-1970")},
    **{(stem, "pcap", "pcap"): "it does not know the magic" for stem in ("ixia-hardware", "ixia-software")},
    **{("lengths", source, target): _SNAPLEN for source in FORMATS for target in FORMATS},
    **{("unknown-link-type", "pcap", target): "it refuses link types that it does not know" for target in FORMATS},
    ("fraction-overflow", "pcap", "pcap"): _OVERFLOW,
    ("mixed-order", "pcapng", "pcapng"): "all sections must have one byte order",
    ("reserved-bits", "pcap", "pcap"): "it refuses reserved bits in the link-type word",
    ("snaplens", "pcapng", "pcapng"): "all interfaces must have one snaplen",
    ("time-extremes", "pcapng", "pcapng"): "it does not know resolutions this fine",
    ("time-malformed", "pcapng", "pcapng"): "nobody can tell these times",
    ("time-twice", "pcapng", "pcapng"): "it refuses if_tsresol given twice",
}
PYTHON_PCAPNG_CANNOT: Limits = {
    ("options-every", "pcapng", "pcapng"): "it raises on if_IPv6addr",
    ("options-overrun", "pcapng", "pcapng"): "it raises on options that claim more bytes than their block has",
    ("options-unknown", "pcapng", "pcapng"): "it raises on repeated unknown options",
    ("text", "pcapng", "pcapng"): "it raises on text that is not UTF-8",
    ("time-malformed", "pcapng", "pcapng"): "it raises on an option of the wrong length",
    ("time-twice", "pcapng", "pcapng"): "it raises on if_tsresol given twice",
}


@needs_tool("editcap")
@to_each_format
@every_sample
def test_wireshark_reads_the_same_packets(path: Path, to: str, tmp_path: Path) -> None:
    out = converted_sample(path, to, tmp_path)
    skip_if_listed(EDITCAP_CANNOT, path, to)
    assert by_editcap(out, tmp_path) == packets_in_nanoseconds(path.read_bytes())


@needs_tool("tcpdump")
@to_each_format
@every_sample
def test_libpcap_reads_the_same_packets(path: Path, to: str, tmp_path: Path) -> None:
    out = converted_sample(path, to, tmp_path)
    skip_if_listed(TCPDUMP_CANNOT, path, to)
    assert by_tcpdump(out, tmp_path) == packets_in_nanoseconds(path.read_bytes())


# ---------------------------------------------------------------- python-pcapng


@pytest.mark.filterwarnings("ignore:Field type should not be:DeprecationWarning")  # python-pcapng's own
@every_sample
def test_python_pcapng_reads_the_same_packets(path: Path, tmp_path: Path) -> None:
    out = converted_sample(path, "pcapng", tmp_path)
    skip_if_listed(PYTHON_PCAPNG_CANNOT, path, "pcapng")
    capture = out.read_bytes()
    seen = [
        (
            getattr(block, "interface_id", 0),
            block.timestamp_high << 32 | block.timestamp_low if hasattr(block, "timestamp_high") else None,
            block.captured_len,
            block.packet_len,
            block.packet_data,
        )
        for block in blocks_by_python_pcapng(capture)
        if isinstance(block, blocks.BasePacketBlock)
    ]
    stated = wire.read_pcapng(capture)
    assert seen == [
        (packet.interface, packet.ticks, packet.captured_length, packet.original_length, packet.data)
        for packet in stated
    ]
    assert [packet.data for packet in stated] == [packet.data for packet in packets_in_nanoseconds(path.read_bytes())]


@pytest.mark.filterwarnings("ignore:Field type should not be:DeprecationWarning")
@pytest.mark.parametrize("name", ["nano-le.pcap", "nano-be.pcap", "fcs-le.pcap", "snaplen-0-be.pcap"])
def test_python_pcapng_reads_the_interface_that_a_pcap_header_becomes(name: str, tmp_path: Path) -> None:
    header = wire.read_pcap_header((FOLDER / name).read_bytes())
    section, interface = list(
        blocks_by_python_pcapng(converted_sample(FOLDER / name, "pcapng", tmp_path).read_bytes())
    )[:2]
    assert section.endianness == header.byte_order
    assert interface.link_type == header.link_type_word & 0xFFFF
    assert interface.snaplen == header.snaplen
    assert interface.timestamp_resolution == 1 / header.units
    assert interface.options.get("if_fcslen") == (32 if name.startswith("fcs") else None)


def blocks_by_python_pcapng(capture: bytes) -> Iterator[Any]:
    """The blocks as python-pcapng reads them."""
    yield from FileScanner(io.BytesIO(capture))


# ---------------------------------------------------------------- capinfos, tshark


@needs_tool("capinfos")
@every_sample
def test_capinfos_counts_the_same_packets_and_bytes(path: Path, tmp_path: Path) -> None:
    to = "pcapng" if path.suffix == ".pcap" else "pcap"
    out = converted_sample(path, to, tmp_path)
    if stem(path) == "unknown-link-type":
        pytest.skip("it refuses link types that it does not know")
    done = subprocess.run(["capinfos", "-TrM", "-cd", out], check=True, capture_output=True, text=True)
    _, count, size = done.stdout.rstrip("\n").split("\t")
    packets = packets_in_nanoseconds(path.read_bytes())
    assert (int(count), int(size)) == (len(packets), sum(packet.original_length for packet in packets))


# tshark takes a third of a second, so it looks at a choice: real traffic, and what the other two cannot read.
SHOWN = [
    ("web.pcap", "pcapng"),
    ("web-nano.pcap", "pcapng"),
    ("web.pcapng", "pcap"),
    ("names.pcapng", "pcap"),
    ("tls.pcapng", "pcap"),
    ("two-interfaces.pcapng", "pcapng"),
    ("modified-le.pcap", "pcapng"),
    ("late-interface-be.pcapng", "pcap"),
    ("link-types-le.pcapng", "pcapng"),
    ("obsolete-be.pcapng", "pcapng"),
    ("sections-le.pcapng", "pcapng"),
    ("simple-be.pcapng", "pcapng"),
    ("time-resolutions-le.pcapng", "pcap"),
]


@needs_tool("tshark")
@pytest.mark.parametrize(("name", "to"), SHOWN, ids=lambda value: value)
def test_tshark_shows_the_same_packets(name: str, to: str, tmp_path: Path) -> None:
    out = converted_sample(FOLDER / name, to, tmp_path)
    fields = ["frame.number", "frame.time_epoch", "frame.len", "frame.cap_len", "frame.md5_hash"]
    assert tshark(out, *fields, "-oframe.generate_md5_hash:TRUE") == [
        [
            str(number),
            # no time, where the file states none
            f"{packet.nanoseconds // NANOSECONDS}.{packet.nanoseconds % NANOSECONDS:09}" if packet.nanoseconds else "",
            str(packet.original_length),
            str(packet.captured_length),
            hashlib.md5(packet.data).hexdigest(),
        ]
        for number, packet in enumerate(packets_in_nanoseconds((FOLDER / name).read_bytes()), 1)
    ]


@needs_tool("tshark")
def test_secrets_that_were_copied_still_decrypt(tmp_path: Path) -> None:
    asked = ["http.request.uri", "-Yhttp.request"]
    before = tshark(FOLDER / "tls.pcapng", *asked)
    assert before
    assert tshark(converted_sample(FOLDER / "tls.pcapng", "pcapng", tmp_path), *asked) == before
    assert tshark(converted_sample(FOLDER / "tls.pcapng", "pcap", tmp_path), *asked) == []  # which pcapconv says


@needs_tool("tshark")
def test_comments_that_were_copied_are_shown(tmp_path: Path) -> None:
    comments = tshark(converted_sample(FOLDER / "web.pcapng", "pcapng", tmp_path), "frame.comment", "-Yframe.comment")
    assert comments == [["Who links to this?"], ["Not there, as it should be"]]


@needs_tool("tshark")
def test_interfaces_of_the_modified_format_are_told_apart(tmp_path: Path) -> None:
    path = FOLDER / "modified-le.pcap"
    shown = tshark(converted_sample(path, "pcapng", tmp_path), "frame.interface_id")
    indices = [packet.interface for packet in wire.read_pcap(path.read_bytes())]
    order = list(dict.fromkeys(indices))
    assert [int(each) for (each,) in shown] == [order.index(index) for index in indices]


def tshark(path: Path, *arguments: str) -> list[list[str]]:
    """The rows of fields; arguments are fields, or options with their value in one word."""
    options = [each for each in arguments if each.startswith("-")]
    fields = [word for each in arguments if not each.startswith("-") for word in ("-e", each)]
    command = ["tshark", "-n", "-r", str(path), "-Tfields", *fields, *options]
    shown = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60).stdout
    return [line.split("\t") for line in shown.splitlines()]


# ---------------------------------------------------------------- other projects' captures


@needs_tool("editcap")
def test_a_corpus_file_is_read_the_same_before_and_after(corpus_file: Path, tmp_path: Path) -> None:
    """Wireshark reads from the output what it reads from the input, once pcapconv has put it into the other format."""
    before = packets_by_editcap(corpus_file, tmp_path)
    if before is None:
        pytest.skip("editcap cannot write it as one pcap file")
    with corpus_file.open("rb") as file:
        to = "pcap" if file.read(4) == b"\n\r\r\n" else "pcapng"
    out = tmp_path / f"out.{to}"
    try:
        report = pcapconv.convert(corpus_file, out)
    except PcapconvError as error:
        pytest.skip(str(error))
    after = packets_by_editcap(out, tmp_path)
    assert after is not None
    assert len(after) == report.packets_written
    if not report.damage:
        assert after == before


def packets_by_editcap(path: Path, folder: Path) -> list[Seen] | None:
    try:
        return by_editcap(path, folder)
    except Refused:
        return None
