"""What is no capture, or no longer one, is named for what it is; by its bytes, wherever they come from."""

from __future__ import annotations

import base64
import lzma
import os
import re
import struct
import threading
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import pytest
import wire
from conversions import SAMPLES
from wire import In

import pcapconv
from pcapconv import FormatError, formats
from pcapconv.io.source import open_source

PCAP = wire.pcap_header() + wire.pcap_record(1_600_000_000, 5, b"one")
PCAPNG = wire.section_header() + wire.interface() + wire.enhanced_packet(0, 5, b"one")


def refusal_of(data: bytes) -> str:
    """Why these bytes are refused, without the beginning that all sentences have."""
    with pytest.raises(FormatError) as caught:
        formats.open_reader(open_source(BytesIO(data)))
    return str(caught.value).removeprefix("input: ").removeprefix("not a pcap or pcapng capture, it begins with ")


def packet_logger(kind: int, data: bytes, order: str = ">") -> bytes:
    return struct.pack(order + "IIIB", 9 + len(data), 1_600_000_000, 5, kind) + data


def erf(seconds: int, data: bytes) -> bytes:
    """An Ethernet record."""
    return struct.pack("<II", 0, seconds) + struct.pack(">BBHHHH", 2, 4, 18 + len(data), 0, len(data), 0) + data


def etl(size: int) -> bytes:
    """The headers of a buffer, an event and a log file, which repeats the buffer's size."""
    return struct.pack("<I", size) + bytes(68) + b"\2\0\2\xc0" + bytes(28) + struct.pack("<I", size) + bytes(200)


LOGGED = packet_logger(0, b"\3\x0c\0") + packet_logger(1, b"\x0e\4\1\3\x0c\0")
TAR = b"capture.pcap" + bytes(245) + b"ustar\x0000" + bytes(248) + PCAP
NAMED = {
    "lfs": (b"version https://git-lfs.github.com/spec/v1\noid sha256:ab\n", "a Git LFS pointer, .* git lfs pull"),
    "snoop": (b"snoop\0\0\0\0\0\0\2\0\0\0\4", "a snoop capture; editcap -F pcapng"),
    "btsnoop": (b"btsnoop\0\0\0\0\1\0\0\3\xea", "a btsnoop capture .* editcap -F pcapng"),
    "netmon": (b"GMBU\0\2", "a Network Monitor capture"),
    "sniffer": (b"TRSNIFF data    \x1a\1\0", "a Sniffer capture; editcap -F pcapng"),
    "netxray": (b"XCP\0" + b"002.002\0", "a NetXRay .* capture; editcap -F pcapng"),
    "iptrace": (b"iptrace 2.0" + bytes(40), "an AIX iptrace capture"),
    "blf": (b"LOGG\x90\0\0\0" + bytes(40), "a BLF file .*; editcap -F pcapng"),
    "packetlogger": (LOGGED + packet_logger(0xFC, b"note"), "a PacketLogger file .* btsnoop"),
    "packetlogger, two records": (LOGGED, "a PacketLogger file"),
    "packetlogger, like lzma": (packet_logger(0, bytes(84), "<") * 2, "a PacketLogger file"),
    "packetlogger, little-endian": (2 * packet_logger(0, b"\3\x0c\0", "<"), "a PacketLogger file"),
    "erf": (b"".join(erf(1_600_000_000 + n, bytes(60)) for n in range(3)), "an ERF capture .* editcap -F pcapng"),
    "erf, large packets": (b"".join(erf(1_600_000_000, bytes(1514)) for _ in range(9)), "an ERF capture"),
    "lzma": (lzma.compress(PCAP, lzma.FORMAT_ALONE), "an LZMA file; .*: unlzma$"),
    "lzma, size known": (b"\x5d\0\0\x80\0\xcd\x10" + bytes(7) + b"\x6a\x0e", "an LZMA file"),
    "etl": (etl(65536), "an ETL file .* etl2pcapng"),
    "tar": (TAR, "a tar archive; unpack it first: tar"),
    "7z": (b"7z\xbc\xaf\x27\x1c\0\4", "a 7z archive; unpack it first: 7z x"),
    "sqlite": (b"SQLite format 3\0\x10\0", "an SQLite database"),
    "utf-16": (b"\xff\xfe" + PCAP.decode("cp437").encode("utf-16-le"), "UTF-16 text, .*PowerShell.*tcpdump -w"),
    "base64 of pcap": (base64.encodebytes(PCAP), "the base64 form of a pcap capture; .* base64 -d"),
    "base64 of pcapng": (base64.b64encode(PCAPNG), "the base64 form of a pcapng capture; .* base64 -d"),
}


@pytest.mark.parametrize(("data", "says"), NAMED.values(), ids=NAMED)
def test_what_people_take_for_a_capture_is_named(data: bytes, says: str) -> None:
    assert re.search(f": it is {says}", refusal_of(data)), refusal_of(data)


@pytest.mark.parametrize("name", ["git-lfs", "btsnoop", "tar", "erf"])
def test_file_names_tell_nothing(tmp_path: Path, name: str) -> None:
    path = tmp_path / f"{name}.pcap.{name}"
    path.write_bytes(b"\xde\xad\xbe\xef" + bytes(600))
    with pytest.raises(FormatError) as caught:
        pcapconv.open(path)
    assert str(caught.value) == (
        f"{path}: not a pcap or pcapng capture, it begins with de ad be ef {' '.join(['00'] * 12)}"
    )


NOT_NAMED = {
    "zeros": bytes(4096),
    "one record like PacketLogger's": packet_logger(0, b"\3\x0c\0"),
    "PacketLogger, then something else": LOGGED + bytes(40),
    "a record of a kind that PacketLogger does not have": packet_logger(0x40, b"one") * 3,
    "the parameters of lzma": b"\x5d\0\0\x80\0" + bytes(range(20)),
    "one record like ERF's": erf(1_600_000_000, bytes(60)),
    "ERF, then something else": erf(1_600_000_000, bytes(60)) * 3 + b"\xff" * 40,
    "records of two days": erf(1_600_000_000, bytes(60)) + erf(1_600_200_000, bytes(60)) * 2,
    "ETL with two sizes": etl(65536)[:104] + b"\0\x20\0\0" + bytes(200),
    "a capture behind zeros": bytes(40) + PCAP,
}


@pytest.mark.parametrize("data", NOT_NAMED.values(), ids=NOT_NAMED)
def test_what_is_not_certain_is_not_named(data: bytes) -> None:
    assert refusal_of(data) == data[:16].hex(" ")


TEXTS = {
    "html": (b"<html>\n<head>", "'<html>'"),
    "json": (b'{"error": "not found"}', '\'{"error": "not found"}\''),
    "lines before it": (b"\r\n\n  404 page\r\nnot found", "'404 page'"),
    "bom": (b"\xef\xbb\xbfBonjour\n", "'Bonjour'"),
    "umlauts": ("Größe: 3 µs\n".encode(), "'Größe: 3 µs'"),
    "a letter that is cut off": ("Größe: ü".encode()[:-1], "'Größe:'"),
    "colours": (b"\x1b[31mred\x1b[0m", "'\\x1b[31mred\\x1b[0m'"),
    "a long line": (b"word " * 100, "'" + ("word " * 12) + "…'"),
    "a key": (b"CLIENT_RANDOM 0123456789abcdef fedcba9876543210", "'CLIENT_RANDOM 01…'"),
    "utf-16": (
        "first line\r\nsecond".encode("utf-16"),
        "'first line': it is UTF-16 text, which PowerShell's > makes of all that programs write, and no capture "
        "survives; let the program write the file itself (tcpdump -w FILE)",
    ),
    "one letter": (b"x", "'x'"),
    "text before other bytes": (b"hello there\0\1\2", "'hello there'"),
    "few letters before other bytes": (b"abc\0\1\2", "61 62 63 00 01 02"),
    "other bytes": (b"\xde\xad\xbe\xef", "de ad be ef"),
}


@pytest.mark.parametrize(("data", "shown"), TEXTS.values(), ids=TEXTS)
def test_text_is_quoted(data: bytes, shown: str) -> None:
    assert refusal_of(data) == shown


# ---------------------------------------------------------------- a capture behind text


@pytest.mark.parametrize("capture", [PCAP, PCAPNG], ids=["pcap", "pcapng"])
@pytest.mark.parametrize("text", [b"x\n", b"Defaulted container\n" * 40, b"listening on eth0\r\n"])
def test_a_capture_behind_text_is_found(text: bytes, capture: bytes) -> None:
    name = "pcap" if capture is PCAP else "pcapng"
    assert refusal_of(text + capture).endswith(
        f": it is text, and a {name} capture begins behind it, at offset {len(text)}; cut the text off: "
        f"tail -c +{len(text) + 1}"
    )


def test_what_tail_leaves_is_the_capture(write: In) -> None:
    capture = write.pcap_header() + write.pcap_record(1, 2, b"one")
    said = refusal_of(b"text before\n" + capture)
    number = int(said.rpartition("+")[2])
    assert (b"text before\n" + capture)[number - 1 :] == capture


# ---------------------------------------------------------------- changed by a transfer


def records(write: In, data: bytes, count: int = 1) -> bytes:
    return write.pcap_header() + b"".join(write.pcap_record(1_600_000_000 + n, 5, data) for n in range(count))


def crlf(data: bytes) -> bytes:
    return data.replace(b"\n", b"\r\n")


LINE_ENDS = "a pcap capture damaged by a text-mode transfer (FTP or HTTP), which changed its line ends: "


@pytest.mark.parametrize("data", [b"a\nb", b"\n" * 40, bytes(10)], ids=["in the data", "often", "in the length"])
@pytest.mark.parametrize("count", [2, 100])
def test_a_text_mode_transfer_of_pcap_is_named(write: In, data: bytes, count: int) -> None:
    assert refusal_of(crlf(records(write, data, count))) == (
        f"{LINE_ENDS}every 0a in it has a 0d before it; transfer it again in binary mode"
    )


def test_one_of_a_single_packet(write: In) -> None:
    assert refusal_of(crlf(records(write, b"a\nb"))).startswith(LINE_ENDS)


def test_one_whose_file_header_was_changed(write: In) -> None:
    """A snaplen of 2560, or FDDI."""
    for header in (write.pcap_header(snaplen=2560), write.pcap_header(link_type_word=10)):
        assert refusal_of(crlf(header + 3 * write.pcap_record(1, 2, b"one"))).startswith(LINE_ENDS)


NOT_CHANGED = {
    "http": b"GET / HTTP/1.1\r\n\r\n",
    "cr": b"a\rb",
    "lf": b"a\nb",
    "none": b"ab",
}


@pytest.mark.parametrize("data", NOT_CHANGED.values(), ids=NOT_CHANGED)
@pytest.mark.parametrize("rest", [b"", b"\r\n", b"\0\1\2", b"\xff" * 40], ids=["whole", "line", "stray", "broken"])
def test_no_other_pcap_is_taken_for_one(write: In, data: bytes, rest: bytes) -> None:
    """Not even where all line ends are those of the packets' own text, and the capture is damaged."""
    for count in (1, 3):
        capture = records(write, data, count) + rest
        with pcapconv.open(BytesIO(capture)) as opened:
            assert [packet.data for packet in opened] == [data] * count
            assert len(opened.damage) == (rest != b"")


@pytest.mark.parametrize("magic", [wire.MICROSECONDS, wire.NANOSECONDS, wire.MODIFIED])
def test_replacement_characters_are_beyond_repair(write: In, magic: int) -> None:
    capture = write.pcap_header(magic) + write.pcap_record(1, 2, b"one")
    said = refusal_of(capture.decode("utf-8", "replace").encode())
    assert said.startswith("a pcap capture that some program took for UTF-8")
    capture = write.section_header() + write.interface()
    said = refusal_of(capture.decode("utf-8", "replace").encode())
    assert said.startswith("a pcapng capture that some program took for UTF-8")
    assert said.endswith("; it cannot be repaired; copy it again from its source")


def test_a_comment_may_have_replacement_characters(write: In) -> None:
    comment = write.options((wire.OPT_COMMENT, "\ufffd\ufffd\ufffd\ufffd".encode()))
    with pcapconv.open(BytesIO(write.section_header(options=comment) + write.interface())) as opened:
        assert list(opened) == []
        assert opened.damage == []


# ---------------------------------------------------------------- text where a capture is damaged


def test_text_at_a_place_of_damage_is_quoted(write: In) -> None:
    section = write.section_header() + write.interface()
    for capture in (records(write, b"one"), section + write.enhanced_packet(0, 5, b"one")):
        with pcapconv.open(BytesIO(capture + b"tcpdump: 3 packets captured\n")) as opened:
            assert [packet.data for packet in opened] == [b"one"]
        (damage,) = opened.damage
        assert damage.offset == len(capture)
        assert damage.reason.endswith("; the text there is 'tcpdump: 3 packets captured'")


def test_a_key_at_a_place_of_damage_is_not_shown(write: In) -> None:
    with pcapconv.open(BytesIO(records(write, b"one") + b"0123456789abcdef0123456789abcdef")) as opened:
        assert len(list(opened)) == 1
    assert "0123456789" not in opened.damage[0].reason


# ---------------------------------------------------------------- pipes


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """Both ends."""
    ends = os.pipe()
    yield ends
    for end in ends:
        os.close(end)


def test_a_live_capture_is_known_by_its_first_16_bytes(pipe: tuple[int, int]) -> None:
    """Nobody writes more, and nobody ends it."""
    for capture in (PCAP, PCAPNG):
        os.write(pipe[1], capture[:16])
        with os.fdopen(os.dup(pipe[0]), "rb", buffering=0) as file:
            assert formats.open_reader(open_source(file)).format == ("pcap" if capture is PCAP else "pcapng")


def test_a_pipe_that_stays_open_is_named_by_what_came(pipe: tuple[int, int]) -> None:
    os.write(pipe[1], b"Defaulted container, and no more\n")
    with os.fdopen(os.dup(pipe[0]), "rb", buffering=0) as file, pytest.raises(FormatError) as caught:
        formats.open_reader(open_source(file))
    assert str(caught.value).endswith("it begins with 'Defaulted container, and no more'")


def test_a_pipe_that_gives_few_bytes_at_a_time(pipe: tuple[int, int]) -> None:
    """As many are read as the name takes."""
    ended = threading.Event()

    def write() -> None:
        for at in range(0, len(TAR), 7):
            os.write(pipe[1], TAR[at : at + 7])
        ended.set()

    writer = threading.Thread(target=write)
    writer.start()
    with os.fdopen(os.dup(pipe[0]), "rb", buffering=0) as file, pytest.raises(FormatError) as caught:
        formats.open_reader(open_source(file))
    writer.join()
    assert ended.is_set()
    assert "a tar archive" in str(caught.value)


def refusal_through_pipe(pipe: tuple[int, int], data: bytes, size: int) -> str:
    """Why the bytes are refused that come out of a pipe, in pieces."""

    def write() -> None:
        for at in range(0, len(data), size):
            os.write(pipe[1], data[at : at + size])
        os.dup2(os.open(os.devnull, os.O_WRONLY), pipe[1])  # the end

    writer = threading.Thread(target=write)
    writer.start()
    with os.fdopen(os.dup(pipe[0]), "rb", buffering=0) as file, pytest.raises(FormatError) as caught:
        for _ in formats.open_reader(open_source(file)).items():
            pass
    while os.read(pipe[0], 65536):  # what is left: the writer must not wait for ever
        pass
    writer.join()
    return str(caught.value).removeprefix("input: ")


@pytest.mark.parametrize("size", [16, 23, 4096])
def test_a_changed_capture_is_told_however_a_pipe_delivers_it(write: In, size: int) -> None:
    for changed in (
        crlf(records(write, b"a\nb", 3)),
        crlf(records(write, bytes(9) + b"\n" + bytes(90), 1000)),
        (write.section_header() + write.interface()).decode("utf-8", "replace").encode(),
    ):
        reading, writing = os.pipe()
        try:
            assert refusal_through_pipe((reading, writing), changed, size) == refusal_of(changed)
        finally:
            os.close(reading)
            os.close(writing)


def test_all_samples_are_still_captures() -> None:
    for path in SAMPLES:
        with open_source(path) as source:
            assert formats.open_reader(source).format == formats.format_at(source)
