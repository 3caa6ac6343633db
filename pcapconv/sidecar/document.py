"""The sidecar as a file: one JSON object, laid out so that it can be written and read line by line.

Strategy: the header comes first, then the content with an entry in each line, in the order of the capture, and last the
SHA-256 of all lines before. Whoever edits a sidecar breaks this SHA-256, so only this one layout has to be read.
`DocumentWriter` writes the file, `Document` reads it.
"""

from __future__ import annotations

import hashlib
import json
import re
from base64 import b64encode
from collections.abc import Iterator
from contextlib import ExitStack
from types import TracebackType
from typing import Any, NamedTuple, Self

from pcapconv.errors import SidecarError
from pcapconv.formats.window import LARGEST_RECORD
from pcapconv.io.read_write import write_all, writing
from pcapconv.io.scratch_file import ScratchFile
from pcapconv.io.source import Source, spool
from pcapconv.io.target import Target
from pcapconv.report import CaptureFile
from pcapconv.sidecar.file_access import THIS_MACHINE, SidecarFiles
from pcapconv.sidecar.json_fields import Value, check_number, get_member

VERSION = 1

_FIRST = b'{"pcapconv_sidecar": '
_CONTENT = b'"content": [\n'
_CONTENT_END = b"],\n"
_DIGEST = b'"sha256": "'
_LONGEST_LINE = 2 * LARGEST_RECORD  # bytes; it has room for the largest block in base64
_MOST_PARTS = 2**19  # commas and brackets in a line; the value that JSON makes of each takes a hundred bytes or more
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_MOST_CAPTURES = 2**16  # one for each link type
_PIECE = 2**18  # bytes that are read or written at once
_CAPTURE_MEMBERS = tuple(name for name in CaptureFile._fields if name != "file_sha256")  # a sidecar is about contents


class Header(NamedTuple):
    """The members of a sidecar before its content.

    captures        the pcap files that the sidecar belongs to
    source_format   the format of the capture that was converted
    kept            counts by kind the metadata of that capture that the sidecar holds and the pcap file does not
    missing         counts by kind the metadata that neither of them holds
    damage          the number of places where that capture was damaged
    fingerprints    whether packets have fingerprints
    headers_cut     whether an edit removed bytes of headers that depend on the byte order, at the front of packets
    """

    captures: list[CaptureFile]
    source_format: str
    kept: dict[str, int]
    missing: dict[str, int]
    damage: int
    fingerprints: bool
    headers_cut: bool = False

    @property
    def adds_to_pcap(self) -> bool:
        """Whether the sidecar holds more than the pcap file. It does not if the capture that was converted was pcap and
        nothing was added to it."""
        return self.source_format == "pcapng" or bool(self.kept or self.missing)


_MEMBERS = tuple(f'"{name}"'.encode() for name in Header._fields)


class DocumentWriter:
    """Writes a sidecar. Entries are first collected in a temporary file, since the header is known only at the end. A
    context manager, which removes that file."""

    def __init__(self) -> None:
        self._content = ScratchFile()
        self._entries = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, _: TracebackType | None
    ) -> None:
        self._content.__exit__(error_type, error, _)

    def clear(self) -> None:
        """Discard all entries. Raises FileError."""
        self._content.clear()
        self._entries = 0

    def add_entry(self, entry: Value, fingerprints: bytes | bytearray = b"") -> None:
        """Add an entry, with `fingerprints` if it is an entry of packets. Raises FileError."""
        line = json.dumps(entry, ensure_ascii=False).encode()
        if fingerprints:  # json.dumps would search them for characters to escape, which takes a fifth of the whole time
            line = line[:-2] + b', "fingerprints": "' + b64encode(fingerprints) + b'"}}'
        if self._entries:
            self._content.write(b",\n")
        self._content.write(line)
        self._entries += 1

    def write_to(self, target: Target, header: Header) -> None:
        """Write the whole sidecar: the header, the entries and the SHA-256. Raises FileError."""
        digest = hashlib.sha256()

        def put(data: bytes) -> None:
            digest.update(data)
            with writing(target.name):
                write_all(target.file, memoryview(data))

        members = {
            "captures": [{name: getattr(each, name) for name in _CAPTURE_MEMBERS} for each in header.captures],
            "source_format": header.source_format,
            "kept": header.kept,
            "missing": header.missing,
            "damage": header.damage,
            "fingerprints": header.fingerprints,
            **({"headers_cut": True} if header.headers_cut else {}),
        }
        put(_FIRST + f"{VERSION},\n".encode())
        for name, value in members.items():
            line = f'"{name}": {json.dumps(value, ensure_ascii=False)},\n'
            put(line.encode(errors="backslashreplace"))  # bytes of file names that are not UTF-8, as JSON escapes them
        put(_CONTENT)
        self._content.rewind()
        while piece := self._content.read(_PIECE):
            put(piece)
        put(b"\n" + _CONTENT_END if self._entries else _CONTENT_END)
        with writing(target.name):
            write_all(target.file, memoryview(_DIGEST + digest.hexdigest().encode() + b'"}\n'))


def open_document(name: str, stack: ExitStack, files: SidecarFiles = THIS_MACHINE) -> Document:
    """Open a sidecar, also from a pipe; `stack` closes it. Raises FileError and SidecarError."""
    opened = stack.enter_context(files.open_source(name))
    return Document(opened if opened.seekable else stack.enter_context(spool(opened)))


class Document:
    """Reads a sidecar: its `header`, then its entries as often as needed. Raises SidecarError for a file that is not a
    sidecar, has another version, or was changed after it was written."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.name = source.name
        try:
            first = source.peek(0, 64)  # the first line may be of any length
            if not first.startswith(_FIRST):
                rewritten = b"pcapconv_sidecar" in first
                raise SidecarError(
                    "another program rewrote it, and pcapconv reads only unchanged sidecars; make it again from the "
                    "pcapng capture"
                    if rewritten
                    else "not a sidecar of pcapconv; name the .meta.json that it wrote beside the capture"
                )
            self.header = self._read_header()
        except SidecarError as error:
            raise SidecarError(f"{self.name}: {error}", path=self.name) from None

    def entries(self) -> Iterator[tuple[str, dict[str, Value]]]:
        """The entries of the content, each as its type and its members. Raises SidecarError."""
        lines = self._lines()
        for line in lines:
            if line == _CONTENT:
                break
        for line in lines:
            if line == _CONTENT_END:
                return
            entry = _parse_json(line.removesuffix(b"\n").removesuffix(b","), "an entry")
            if not isinstance(entry, dict) or len(entry) != 1 or not isinstance(next(iter(entry.values())), dict):
                raise SidecarError(f"{self.name}: an entry is not an object with one member", path=self.name)
            yield from entry.items()

    def _read_header(self) -> Header:
        """Read the whole file once, check its SHA-256, and return the header."""
        digest, members = hashlib.sha256(), dict[str, Any]()
        in_header, ended, entries = True, False, 0
        lines = self._lines()
        for line_number, line in enumerate(lines):
            if not line_number:
                self._check_version(line)
            elif line.startswith(_DIGEST) and ended:
                if line != _DIGEST + digest.hexdigest().encode() + b'"}\n' or next(lines, None) is not None:
                    break
                header = _parse_header(members)
                if not entries:  # each capture has at least one section
                    raise SidecarError("its content has no section; make it again from the capture")
                return header
            elif line == _CONTENT:
                in_header = False
            elif line == _CONTENT_END:
                ended = True
            elif in_header:
                name, _, value = line.partition(b": ")
                if name in _MEMBERS:
                    members[str(_parse_json(name, "a name"))] = _parse_json(value.removesuffix(b",\n"), "the header")
            elif not ended:
                entries += 1
            digest.update(line)
        raise SidecarError(
            "it was changed or cut off after pcapconv wrote it, its SHA-256 does not agree; make it again from the "
            "pcapng capture"
        )

    def _check_version(self, line: bytes) -> None:
        version = line.removeprefix(_FIRST).removesuffix(b",\n")
        if not version.isdigit():
            raise SidecarError("it states no version")
        if int(version[:9]) != VERSION:
            raise SidecarError(
                f"a sidecar of version {version[:9].decode()}, and this pcapconv reads {VERSION}; get a newer one"
            )

    def _lines(self) -> Iterator[bytes]:
        """The lines, each with its newline. Raises SidecarError for a line that is too long."""
        self.source.rewind()
        unfinished = bytearray()  # the beginning of a line
        room = bytearray(_PIECE)
        while True:
            with memoryview(room) as view:
                count = self.source.readinto(view)
            if not count:
                if unfinished:
                    yield bytes(unfinished)
                return
            at, searched = 0, len(unfinished)
            unfinished += room[:count]
            while (end := unfinished.find(b"\n", searched)) >= 0:
                with memoryview(unfinished) as view:
                    line = bytes(view[at : end + 1])
                yield line
                at = searched = end + 1
            del unfinished[:at]
            if len(unfinished) > _LONGEST_LINE:
                raise SidecarError(f"a line of more than {_LONGEST_LINE} bytes")


def _count_parts(data: bytes) -> int:
    return data.count(b",") + data.count(b"[") + data.count(b"{")


def _parse_json(data: bytes, what: str) -> Value:
    parts = _count_parts(data) if len(data) > _MOST_PARTS else 0  # each part takes at least a byte
    if parts > _MOST_PARTS:
        parts -= sum(_count_parts(match[0]) for match in _STRING.finditer(data))
    if parts > _MOST_PARTS:
        raise SidecarError(f"{what} has more than {_MOST_PARTS} parts")
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise SidecarError(f"{what} is not JSON") from None


def _parse_header(members: dict[str, Any]) -> Header:
    captures = members.get("captures")
    if not isinstance(captures, list) or not 0 < len(captures) <= _MOST_CAPTURES:
        raise SidecarError("it does not say what it belongs to")
    kept, missing = (
        {str(kind): check_number(count, f"{name}: {kind}") for kind, count in get_member(members, name, "it").items()}
        if isinstance(members.get(name), dict)
        else {}
        for name in ("kept", "missing")
    )
    source_format = members.get("source_format")
    if source_format not in ("pcap", "pcapng"):
        raise SidecarError("it does not say whether it was made from pcap or pcapng")
    damage = check_number(get_member(members, "damage", "it"), "damage")
    fingerprints, headers_cut = (members.get(name) is True for name in ("fingerprints", "headers_cut"))
    files = [_parse_capture(each) for each in captures]
    return Header(files, source_format, kept, missing, damage, fingerprints, headers_cut)


def _parse_capture(value: Value) -> CaptureFile:
    what = "a capture"
    name, digest = get_member(value, "name", what), get_member(value, "sha256", what)
    if not isinstance(name, str) or not isinstance(digest, str):
        raise SidecarError("a capture's name and SHA-256 are not text")
    return CaptureFile(
        name,
        check_number(get_member(value, "bytes", what), "a capture's size"),
        digest,
        check_number(get_member(value, "packets", what), "a capture's packets"),
        check_number(get_member(value, "link_type", what), "a capture's link type", 0xFFFF),
    )
