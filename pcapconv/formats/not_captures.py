"""Recognises, by their bytes, files that people take for captures, and says what to do with them.

Strategy: one table of offsets, magic bytes and sentences; then the formats that have no magic bytes, which are
recognised only if their first records follow each other without a gap. File names are not used.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from functools import partial
from struct import unpack_from

from pcapconv.io.compression import recognise_compression
from pcapconv.spec import pcap, pcapng
from pcapconv.text import quoted

_EDITCAP = "editcap -F pcapng converts it"
_UTF_16 = (
    "UTF-16 text, which PowerShell's > makes of all that programs write, and no capture survives; let the program "
    "write the file itself (tcpdump -w FILE)"
)

_MAGICS = (
    (0, b"\x1f\x9d", "a file of compress; decompress it first: gzip -d"),
    (0, b"\x02\x21\x4c\x18", "an LZ4 file in the legacy format; decompress it first: lz4 -d"),
    (0, b"LZIP", "an lzip file; decompress it first: lzip -d"),
    (0, b"\x89LZO\x00\r\n\x1a\n", "an lzop file; decompress it first: lzop -d"),
    (0, b"PK\x03\x04", "a zip file; unpack it first"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive; unpack it first: 7z x"),
    (257, b"ustar", "a tar archive; unpack it first: tar -xf"),
    (
        0,
        b"version https://git-lfs.github.com/spec/",
        "a Git LFS pointer, not the file itself; fetch that: git lfs pull",
    ),
    (0, b"snoop\x00\x00\x00", f"a snoop capture; {_EDITCAP}"),
    (0, b"btsnoop\x00", f"a btsnoop capture (Bluetooth); {_EDITCAP}"),
    (0, b"GMBU", f"a Network Monitor capture; {_EDITCAP}"),
    (0, b"RTSS", f"a Network Monitor capture; {_EDITCAP}"),
    (0, b"TRSNIFF data    \x1a", f"a Sniffer capture; {_EDITCAP}"),
    (0, b"XCP\x00", f"a NetXRay or Windows Sniffer capture; {_EDITCAP}"),
    (0, b"iptrace ", f"an AIX iptrace capture; {_EDITCAP}"),
    (0, b"LOGG", f"a BLF file (Vector); {_EDITCAP}"),
    (0, b"SQLite format 3\x00", "an SQLite database"),
    (0, b"\x7fELF", "a program"),
    (0, b'{"pcapconv_sidec', "a sidecar; name the pcap file that it belongs to (info shows both)"),
    (0, b"\xff\xfe", _UTF_16),
    (0, b"\xfe\xff", _UTF_16),
)
_ETL = "an ETL file (Windows event trace); etl2pcapng, or pktmon etl2pcap on Windows, converts it"
_LZMA = "an LZMA file; decompress it first: unlzma"
_ERF = f"an ERF capture (Endace); {_EDITCAP}"
_PACKET_LOGGER = (
    "a PacketLogger file (Apple, Bluetooth); Wireshark reads it, and what PacketLogger exports as btsnoop, editcap "
    "-F pcapng converts"
)

_PACKET_LOGGER_TYPES = {0x00, 0x01, 0x02, 0x03, 0x08, 0x09, 0x0A, 0x0B, *range(0xF7, 0xFF)}
_ERF_TYPES = range(1, 51)
_ENOUGH_RECORDS = 3  # so many sound records after each other are no accident
_DAY = 86400

# The first eight bytes of a pcap file: its magic number, and version 2.4.
_PCAP_STARTS = [magic + b"".join(n.to_bytes(2, order) for n in (2, 4)) for magic, (_, order) in pcap.MAGICS.items()]


def identify(head: bytes, *, whole: bool) -> str | None:
    """What a file is that is no capture and begins with `head`: a noun, and what to do with the file; None if the file
    is not recognised. `whole` is true if `head` is the whole file."""
    if (compression := recognise_compression(head)) is not None:  # only in decompressed data
        return f"{compression.name} data again: it was compressed twice; decompress it once first"
    for offset, magic, what in _MAGICS:
        if head.startswith(magic, offset):
            return what
    without_magic: tuple[tuple[Callable[[bytes, bool], bool], str], ...] = (
        (_is_etl, _ETL),
        (_is_packet_logger, _PACKET_LOGGER),
        (_is_erf, _ERF),
        (_is_lzma, _LZMA),
    )
    for recognises, what in without_magic:
        if recognises(head, whole):
            return what
    return _capture_in_base64(head) or _capture_after_text(head)


def _capture_after_text(head: bytes) -> str | None:
    """Recognise a capture after text that other programs wrote to the same stdout: kubectl exec, ssh, docker run."""
    header = _first_header(head)
    if header is None or quoted(head[: header[0]], min_shown=1) is None:
        return None
    at, name = header
    return f"text, and a {name} capture begins behind it, at offset {at}; cut the text off: tail -c +{at + 1}"


def _first_header(head: bytes) -> tuple[int, str] | None:
    """The offset of the first file header of a capture, and its format."""
    found = [(at, "pcap") for start in _PCAP_STARTS if (at := head.find(start)) >= 0]
    at = head.find(pcapng.SECTION_HEADER.to_bytes(4, "big"))
    if at >= 0 and head[at + 8 : at + 12] in pcapng.BYTE_ORDERS:
        found.append((at, "pcapng"))
    return min(found, default=None)


def _capture_in_base64(head: bytes) -> str | None:
    """Recognise a capture in base64, in lines of any length."""
    letters = b"".join(head[:200].split())
    try:
        data = base64.b64decode(letters[: len(letters) // 4 * 4], validate=True)
    except binascii.Error:
        return None
    header = _first_header(data)
    return f"the base64 form of a {header[1]} capture; decode it first: base64 -d" if header and not header[0] else None


def _is_etl(head: bytes, _: bool) -> bool:
    """Whether the bytes are a buffer header of 72 bytes, then a system trace header of 32, then a log file header,
    which repeats the buffer's size."""
    return len(head) >= 108 and head[74] in (1, 2) and head[75] == 0xC0 and head[:4] == head[104:108] != bytes(4)


def _is_packet_logger(head: bytes, whole: bool) -> bool:
    """Whether the bytes are records of a length (the number of bytes after it), seconds, microseconds, and a type."""
    return any(_records_follow(head, whole, partial(_packet_logger_record, head, order)) for order in "><")


def _packet_logger_record(head: bytes, order: str, at: int) -> int:
    length, _, microseconds, record_type = unpack_from(f"{order}IIIB", head, at)
    sound = 9 <= length < 65536 and microseconds < 1_000_000 and record_type in _PACKET_LOGGER_TYPES
    return 4 + length if sound else 0


def _is_erf(head: bytes, whole: bool) -> bool:
    """Whether the bytes are records of a time (32 bits of fraction, then seconds), type, flags, length, loss counter,
    and length on the wire."""
    if len(head) < 16:
        return False
    first = int.from_bytes(head[4:8], "little")
    return first > 0 and _records_follow(head, whole, partial(_erf_record, head, first))


def _erf_record(head: bytes, first: int, at: int) -> int:
    (seconds,) = unpack_from("<I", head, at + 4)
    record_type, _, length, _, on_wire = unpack_from(">BBHHH", head, at + 8)
    sound = (record_type & 0x7F) in _ERF_TYPES and length > 16 and on_wire and abs(seconds - first) < _DAY
    return length if sound else 0


def _is_lzma(head: bytes, _: bool) -> bool:
    """Whether the bytes are the header of the LZMA format that came before xz: the usual parameters, the size of a
    dictionary, and the size of the data, -1 if it is unknown; then the first byte of the data, which is 0."""
    known = len(head) >= 14 and head[:3] == b"\x5d\0\0" and not head[13]
    return known and (head[5:13] == b"\xff" * 8 or head[11:13] == b"\0\0")


def _records_follow(head: bytes, whole: bool, record_length: Callable[[int], int]) -> bool:
    """Whether sound records follow each other from the beginning on: three of them, or two that end where the file
    does. `record_length` gives the length of the record at an offset, 0 for a record that is not sound."""
    at = count = 0
    while at + 16 <= len(head):
        length = record_length(at)
        if not length:
            return False
        at += length
        count += 1
    return count >= _ENOUGH_RECORDS or (whole and count >= 2 and at == len(head))
