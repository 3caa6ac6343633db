"""A sidecar as a file: one JSON object, laid out so that it can be written and read a line at a time.

Strategy: first comes what the sidecar belongs to, then its content with one entry in each line, in the order of the
capture, and last the SHA-256 of everything before. Since that has to agree, nobody has to read any other layout.
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
from pcapconv.sidecar.fields import Value, member, number
from pcapconv.sidecar.files import THIS_MACHINE, SidecarFiles

VERSION = 1

_FIRST = b'{"pcapconv_sidecar": '
_CONTENT = b'"content": [\n'
_END = b"],\n"
_DIGEST = b'"sha256": "'
_LONGEST_LINE = 2 * LARGEST_RECORD  # of a line that holds the largest block in base64
_MOST_PARTS = 2**19  # commas and brackets in a line: what JSON makes of each takes a hundred bytes or more
_STRING = re.compile(rb'"(?:[^"\\]|\\.)*"')
_MOST_CAPTURES = 2**16  # one for each link type
_PIECE = 2**18


class Head(NamedTuple):
    """What a sidecar says at its beginning: whose it is, the format of the capture that was converted, what of that
    (kind → count) is kept in it and what is missing, in how many places it was damaged, whether packets have
    fingerprints, and whether an edit cut their front, so that no header of theirs follows a byte order (`headers_cut`).
    """

    captures: list[CaptureFile]
    source_format: str
    kept: dict[str, int]
    missing: dict[str, int]
    damage: int
    fingerprints: bool
    headers_cut: bool = False

    @property
    def says_more(self) -> bool:
        """Whether it says more than the pcap file: not where that was pcap before, and nothing was added."""
        return self.source_format == "pcapng" or bool(self.kept or self.missing)


_MEMBERS = tuple(f'"{name}"'.encode() for name in Head._fields)


class Draft:
    """A sidecar that is being written: its content first, since what it belongs to is known at the end. Use it as a
    context manager."""

    def __init__(self) -> None:
        self._content = ScratchFile()
        self._entries = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, _: TracebackType | None) -> None:
        self._content.__exit__(kind, error, _)

    def restart(self) -> None:
        """Forget all entries. Raises FileError."""
        self._content.clear()
        self._entries = 0

    def add(self, entry: Value, fingerprints: bytes | bytearray = b"") -> None:
        """Add an entry, one of packets with their fingerprints. Raises FileError."""
        line = json.dumps(entry, ensure_ascii=False).encode()
        if fingerprints:  # json would look for something to escape, in a fifth of the time that all takes
            line = line[:-2] + b', "fingerprints": "' + b64encode(fingerprints) + b'"}}'
        if self._entries:
            self._content.write(b",\n")
        self._content.write(line)
        self._entries += 1

    def write(self, head: Head, target: Target) -> None:
        """Write it all. Raises FileError."""
        digest = hashlib.sha256()

        def put(data: bytes) -> None:
            digest.update(data)
            with writing(target.name):
                write_all(target.file, memoryview(data))

        says = {
            "captures": [each._asdict() for each in head.captures],
            "source_format": head.source_format,
            "kept": head.kept,
            "missing": head.missing,
            "damage": head.damage,
            "fingerprints": head.fingerprints,
            **({"headers_cut": True} if head.headers_cut else {}),
        }
        put(_FIRST + f"{VERSION},\n".encode())
        for name, value in says.items():
            line = f'"{name}": {json.dumps(value, ensure_ascii=False)},\n'
            put(line.encode(errors="backslashreplace"))  # bytes of names that are not UTF-8; JSON escapes them so, too
        put(_CONTENT)
        self._content.rewind()
        while piece := self._content.read(_PIECE):
            put(piece)
        put(b"\n" + _END if self._entries else _END)
        with writing(target.name):
            write_all(target.file, memoryview(_DIGEST + digest.hexdigest().encode() + b'"}\n'))


def open_document(name: str, stack: ExitStack, files: SidecarFiles = THIS_MACHINE) -> Document:
    """The sidecar in a file, which may be a pipe; `stack` closes it. Raises FileError and SidecarError."""
    opened = stack.enter_context(files.open_source(name))
    return Document(opened if opened.seekable else stack.enter_context(spool(opened)))


class Document:
    """A sidecar that is read. Raises SidecarError for one that is none, is of another version, or was changed."""

    def __init__(self, source: Source) -> None:
        self.source = source
        self.name = source.name
        try:
            first = source.peek(0, 64)  # however long its first line may be
            if not first.startswith(_FIRST):
                again = b"pcapconv_sidecar" in first
                raise SidecarError(
                    "another program wrote it anew, and pcapconv reads a sidecar only as it has written it; make it "
                    "again from the pcapng capture"
                    if again
                    else "not a sidecar of pcapconv; name the .meta.json that it wrote beside the capture"
                )
            self.head = self._check()
        except SidecarError as error:
            raise SidecarError(f"{self.name}: {error}") from None

    def entries(self) -> Iterator[tuple[str, dict[str, Value]]]:
        """The content: of each entry its kind, and what it says. Raises SidecarError."""
        lines = self._lines()
        for line in lines:
            if line == _CONTENT:
                break
        for line in lines:
            if line == _END:
                return
            entry = _json(line.removesuffix(b"\n").removesuffix(b","), "an entry")
            if not isinstance(entry, dict) or len(entry) != 1 or not isinstance(next(iter(entry.values())), dict):
                raise SidecarError(f"{self.name}: an entry is not an object of one kind")
            yield from entry.items()

    def _check(self) -> Head:
        """Read it once, and see that nobody changed it."""
        digest, says = hashlib.sha256(), dict[str, Any]()
        before, ended, entries = True, False, 0
        lines = self._lines()
        for number_of_line, line in enumerate(lines):
            if not number_of_line:
                self._check_version(line)
            elif line.startswith(_DIGEST) and ended:
                if line != _DIGEST + digest.hexdigest().encode() + b'"}\n' or next(lines, None) is not None:
                    break
                head = _head(says)
                if not entries:  # each capture has a section at least
                    raise SidecarError("its content has no section; make it again from the capture")
                return head
            elif line == _CONTENT:
                before = False
            elif line == _END:
                ended = True
            elif before:
                name, _, rest = line.partition(b": ")
                if name in _MEMBERS:
                    says[str(_json(name, "a name"))] = _json(rest.removesuffix(b",\n"), "the head")
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
        """The lines, each with its end. Raises SidecarError for one that is too long."""
        self.source.rewind()
        waiting = bytearray()
        room = bytearray(_PIECE)
        while True:
            with memoryview(room) as view:
                count = self.source.readinto(view)
            if not count:
                if waiting:
                    yield bytes(waiting)
                return
            at, searched = 0, len(waiting)
            waiting += room[:count]
            while (end := waiting.find(b"\n", searched)) >= 0:
                with memoryview(waiting) as view:
                    line = bytes(view[at : end + 1])
                yield line
                at = searched = end + 1
            del waiting[:at]
            if len(waiting) > _LONGEST_LINE:
                raise SidecarError(f"a line of more than {_LONGEST_LINE} bytes")


def _parts(data: bytes) -> int:
    return data.count(b",") + data.count(b"[") + data.count(b"{")


def _json(data: bytes, what: str) -> Value:
    parts = _parts(data) if len(data) > _MOST_PARTS else 0  # each is a byte at least
    if parts > _MOST_PARTS:
        parts -= sum(_parts(match[0]) for match in _STRING.finditer(data))
    if parts > _MOST_PARTS:
        raise SidecarError(f"{what} has more than {_MOST_PARTS} parts")
    try:
        return json.loads(data)
    except (ValueError, RecursionError):
        raise SidecarError(f"{what} is not JSON") from None


def _head(says: dict[str, Any]) -> Head:
    captures = says.get("captures")
    if not isinstance(captures, list) or not 0 < len(captures) <= _MOST_CAPTURES:
        raise SidecarError("it does not say what it belongs to")
    kept, missing = (
        {str(kind): number(count, f"{name}: {kind}") for kind, count in member(says, name, "it").items()}
        if isinstance(says.get(name), dict)
        else {}
        for name in ("kept", "missing")
    )
    source_format = says.get("source_format")
    if source_format not in ("pcap", "pcapng"):
        raise SidecarError("it does not say whether it was made from pcap or pcapng")
    damage = number(member(says, "damage", "it"), "damage")
    fingerprints = says.get("fingerprints") is True
    belongs, headers_cut = [_belongs(each) for each in captures], says.get("headers_cut") is True
    return Head(belongs, source_format, kept, missing, damage, fingerprints, headers_cut)


def _belongs(value: Value) -> CaptureFile:
    what = "a capture"
    name, digest = member(value, "name", what), member(value, "sha256", what)
    if not isinstance(name, str) or not isinstance(digest, str):
        raise SidecarError("a capture's name and SHA-256 are not text")
    return CaptureFile(
        name,
        number(member(value, "bytes", what), "a capture's size"),
        digest,
        number(member(value, "packets", what), "a capture's packets"),
        number(member(value, "link_type", what), "a capture's link type", 0xFFFF),
    )
