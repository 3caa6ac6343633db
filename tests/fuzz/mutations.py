"""Small changes to captures: of bytes, and of what the bytes mean as records, blocks and options.

Strategy: a capture is cut into pieces (file header, records; blocks), as far as its lengths lead. Half of the changes
are made to pieces, with lengths that are put right again, so that what they say gets as far as possible.
"""

from __future__ import annotations

import hashlib
import re
import struct
from collections.abc import Callable, Sequence
from random import Random

MOST = 6000  # bytes of a capture that is mutated further
BYTES = [0, 1, 2, 3, 4, 6, 9, 0x0A, 0x0D, 0x7F, 0x80, 0xFF]
WORDS = [0, 1, 3, 4, 8, 11, 12, 13, 16, 28, 32, 2**16, 2**24, 129 * 2**20, 2**31 - 1, 2**31, 2**32 - 4, 2**32 - 1]
TYPES = [1, 2, 3, 4, 5, 6, 9, 10, 0xBAD, 0x40000BAD, 0x0A0D0D0A, 0xCAFE, 0x80000001]
CODES = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 11, 13, 14, 2988, 2989, 19372, 19373, 0x8001, 0xFFFF]
MAGICS = [bytes.fromhex(each) for each in ("a1b2c3d4", "a1b23c4d", "a1b2cd34", "1c0001ac", "1c0001ab")]
MAGICS += [magic[::-1] for magic in MAGICS]
SECTION = b"\n\r\r\n"

Change = Callable[[Random, bytearray], None]


def mutated(random: Random, capture: bytes, others: Sequence[bytes]) -> bytes:
    """The capture after one to four changes; `others` are captures to take pieces from."""
    for _ in range(random.choice([1, 1, 2, 3, 4])):
        if random.randrange(2):
            changed = bytearray(capture)
            random.choice(_OF_BYTES)(random, changed)
            capture = bytes(changed)
        else:
            capture = _pieces_changed(random, capture, random.choice(others))
        capture = capture[: 4 * MOST]
    return capture


# ---------------------------------------------------------------- bytes


def _span(random: Random, capture: bytearray) -> tuple[int, int]:
    start = random.randrange(len(capture) + 1)
    return start, min(len(capture), start + random.choice([1, 2, 4, 4, 8, 12, 16, 40, 200]))


def _flip(random: Random, capture: bytearray) -> None:
    if capture:
        capture[random.randrange(len(capture))] ^= 1 << random.randrange(8)


def _set_byte(random: Random, capture: bytearray) -> None:
    if capture:
        capture[random.randrange(len(capture))] = random.choice(BYTES)


def _set_word(random: Random, capture: bytearray) -> None:
    order = random.choice("<>")
    value = random.choice(WORDS)
    word = struct.pack(order + "I", value) if random.randrange(3) else struct.pack(order + "H", value & 0xFFFF)
    if len(capture) >= len(word):
        at = random.randrange(len(capture) - len(word) + 1) // len(word) * len(word)
        capture[at : at + len(word)] = word


def _delete(random: Random, capture: bytearray) -> None:
    start, stop = _span(random, capture)
    del capture[start:stop]


def _insert(random: Random, capture: bytearray) -> None:
    start, _ = _span(random, capture)
    capture[start:start] = random.choice([b"\0", b"\r", b"abc", bytes(4), bytes(16), random.randbytes(7)])


def _repeat(random: Random, capture: bytearray) -> None:
    start, stop = _span(random, capture)
    capture[start:start] = capture[start:stop]


def _cut(random: Random, capture: bytearray) -> None:
    del capture[random.randrange(len(capture) + 1) :]


def _transfer_as_text(random: Random, capture: bytearray) -> None:
    start = random.randrange(len(capture) + 1)
    capture[start:] = capture[start:].replace(b"\n", b"\r\n")


_OF_BYTES: list[Change] = [_flip, _flip, _set_byte, _set_word, _set_word, _delete, _insert, _repeat, _cut]
_OF_BYTES += [_transfer_as_text]


# ---------------------------------------------------------------- pieces


def pieces_of(capture: bytes) -> list[bytes]:
    """The capture as its file header and records, or its blocks; what cannot be followed is the last one."""
    if capture[:4] == SECTION:
        return _blocks(capture)
    if capture[:4] in MAGICS and len(capture) >= 24:
        return _records(capture)
    return [capture]


def _order(capture: bytes) -> str:
    if capture[:4] == SECTION:
        return "<" if capture[8:12] == b"\x4d\x3c\x2b\x1a" else ">"
    return ">" if capture[:2] in (b"\xa1\xb2", b"\x1c\x00") else "<"


def _blocks(capture: bytes) -> list[bytes]:
    found, at, order = [], 0, "<"
    while at + 12 <= len(capture):
        if capture[at : at + 4] == SECTION:
            order = _order(capture[at:])
        (length,) = struct.unpack_from(order + "I", capture, at + 4)
        if not 12 <= length <= len(capture) - at:
            break
        found.append(capture[at : at + length])
        at += length
    return [*found, capture[at:]] if at < len(capture) else found


def _records(capture: bytes) -> list[bytes]:
    order = _order(capture)
    at = 28 if capture[:4] in (*MAGICS[3:5], *MAGICS[8:]) else 24
    size = 24 if capture[:4] in (MAGICS[2], MAGICS[7]) else 16
    found = [capture[:at]]
    while at + size <= len(capture):
        (length,) = struct.unpack_from(order + "I", capture, at + 8)
        if length > len(capture) - at - size:
            break
        found.append(capture[at : at + size + length])
        at += size + length
    return [*found, capture[at:]] if at < len(capture) else found


def _pieces_changed(random: Random, capture: bytes, other: bytes) -> bytes:
    pieces = pieces_of(capture)
    order = _order(capture)
    at = random.randrange(len(pieces)) if pieces else 0
    kind = random.randrange(9)
    if not pieces or kind == 0:
        pieces[at:at] = random.choices(pieces_of(other) or [other], k=random.choice([1, 1, 3]))
    elif kind == 1:
        del pieces[at]
    elif kind == 2:
        pieces.append(pieces.pop(at))
    elif kind == 3:
        pieces[at:at] = [pieces[at]] * random.choice([1, 1, 2, 30])
    elif kind == 4:
        pieces = pieces[:at] + pieces_of(other)[random.choice([0, 0, 1, 2]) :]
    elif capture[:4] == SECTION:
        pieces[at] = _block_changed(random, pieces[at], order)
    elif at == 0:
        pieces[at] = _header_changed(random, pieces[at], order)
    else:
        pieces[at] = _record_changed(random, pieces[at], order)
    return b"".join(pieces)


def _header_changed(random: Random, header: bytes, order: str) -> bytes:
    if random.randrange(2) or len(header) < 24:
        return random.choice(MAGICS) + header[4:]
    at = random.choice([4, 6, 8, 12, 16, 20, 22])
    values = [0, 1, 2, 3, 4, 543, 6, 101, 113, 147, 0x2400, 0xFFFF]
    return header[:at] + struct.pack(order + "H", random.choice(values)) + header[at + 2 :]


def _record_changed(random: Random, record: bytes, order: str) -> bytes:
    if len(record) < 16:
        return record
    seconds, fraction, captured, original = struct.unpack_from(order + "4I", record)
    data = record[16:]
    kind = random.randrange(4)
    if kind == 0:
        seconds, fraction = random.choice([(0, 0), (2**32 - 1, 999_999), (seconds, 10**6), (1, 2**32 - 1)])
    elif kind == 1:
        original = random.choice([0, 1, captured - 1 & 0xFFFFFFFF, captured + 1, 2**32 - 1])
    elif kind == 2:
        captured = random.choice(WORDS)
    else:
        data = data[: random.randrange(len(data) + 1)]
        captured = len(data)
    return struct.pack(order + "4I", seconds, fraction, captured & 0xFFFFFFFF, original & 0xFFFFFFFF) + data


def _block_changed(random: Random, block: bytes, order: str) -> bytes:
    if block[:4] == SECTION:
        order = _order(block)
    if len(block) < 12:
        return block
    block_type, body = block[:4], bytearray(block[8:-4])
    lengths = [len(body) + 12] * 2
    kind = random.randrange(7)
    if kind == 0:
        block_type = struct.pack(order + "I", random.choice(TYPES))
    elif kind == 1:
        lengths[random.randrange(2)] = random.choice([*WORDS, lengths[0] - 1, lengths[0] - 3, lengths[0] + 4])
    elif kind == 2:
        lengths = [random.choice([12, 16, lengths[0] - 1, lengths[0] - 2, lengths[0] + 8]) & 0xFFFFFFFF] * 2
    elif kind == 3:
        random.choice(_OF_BYTES)(random, body)
        body += bytes(-len(body) % 4)
        lengths = [len(body) + 12] * 2
    elif kind == 4 and len(body) >= 4:
        at = random.randrange(min(len(body) // 4, 6)) * 4
        body[at : at + 4] = struct.pack(order + "I", random.choice(WORDS))
    else:
        body += _option(random, order)
        lengths = [len(body) + 12] * 2
    first, last = (struct.pack(order + "I", length) for length in lengths)
    return block_type + first + bytes(body) + last


def _option(random: Random, order: str) -> bytes:
    """An option for the end of a block, perhaps with a wrong length."""
    choices = [b"", b"\6", b"\x09", b"\x80", b"\x8a", b"\xff", bytes(8), b"\xff" * 8, b"retry", b"caf\xe9\0", b"\1" * 5]
    value = random.choice(choices)
    length = len(value) if random.randrange(6) else random.choice([0, 1, 255, 0xFFFF])
    end = bytes(4) if random.randrange(3) else b""
    return struct.pack(order + "HH", random.choice(CODES), length) + value + bytes(-len(value) % 4) + end


# ---------------------------------------------------------------- sidecars


_NUMBER = re.compile(rb"\b\d+\b")
_TEXT = re.compile(rb'"(?:[^"\\]|\\.)*"')


def sidecar_mutated(random: Random, sidecar: bytes) -> bytes:
    """A sidecar after a few changes, in nine of ten cases with the digest that it has then."""
    lines = sidecar.splitlines(keepends=True)
    for _ in range(random.choice([1, 1, 2, 3])):
        at = random.randrange(len(lines)) if lines else 0
        kind = random.randrange(6)
        if not lines or kind == 0:
            lines.insert(at, random.choice(lines or [b"{}\n"]))
        elif kind == 1:
            del lines[at]
        elif kind == 2:
            values = [
                "0",
                "1",
                "-1",
                "65535",
                "4294967296",
                "1e400",
                "null",
                '"0"',
                "[]",
                "{}",
                "true",
                "1.5",
                str(2**64),
            ]
            lines[at] = _one_replaced(random, _NUMBER, lines[at], random.choice(values).encode())
        elif kind == 3:
            texts = [
                b'""',
                b'"\\ud800"',
                b'"0x"',
                b'"packets"',
                b'"raw"',
                b'"options"',
                b'"eJwDAAAAAAE="',
                b'"../x"',
                b"7",
            ]
            lines[at] = _one_replaced(random, _TEXT, lines[at], random.choice(texts))
        elif kind == 4:
            other = random.choice(lines)
            taken = random.choice(_TEXT.findall(other) or [b'"x"'])
            lines[at] = _one_replaced(random, _TEXT, lines[at], taken)
        else:
            changed = bytearray(lines[at])
            random.choice(_OF_BYTES)(random, changed)
            lines[at] = bytes(changed)
    if random.randrange(10) and lines:
        return signed(b"".join(lines[:-1]))
    return b"".join(lines)


def signed(content: bytes) -> bytes:
    """A sidecar's lines with the line that makes them whole."""
    return content + b'"sha256": "' + hashlib.sha256(content).hexdigest().encode() + b'"}\n'


def _one_replaced(random: Random, pattern: re.Pattern[bytes], line: bytes, new: bytes) -> bytes:
    places = [match.span() for match in pattern.finditer(line)]
    if not places:
        return line
    start, stop = random.choice(places)
    return line[:start] + new + line[stop:]
