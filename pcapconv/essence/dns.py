"""The question of a DNS message (RFC 1035, section 4.1), also of multicast DNS and LLMNR, which have the same form."""

from __future__ import annotations

from pcapconv.essence.quoting import quoted
from pcapconv.text import counted

_HEADER = 12
_MOST_NAME = 255  # bytes
_LONGEST_LABEL = 63
_RESPONSE = 0x8000
_LAST_OPCODE = 6
_OPCODES = {1: "inverse query", 2: "status", 4: "notify", 5: "update", 6: "stateful"}
_ERRORS = {1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED", 9: "NOTAUTH", 10: "NOTZONE"}
_TYPES = {
    1: "A",
    2: "NS",
    5: "CNAME",
    6: "SOA",
    12: "PTR",
    13: "HINFO",
    15: "MX",
    16: "TXT",
    28: "AAAA",
    29: "LOC",
    33: "SRV",
    35: "NAPTR",
    39: "DNAME",
    41: "OPT",
    43: "DS",
    44: "SSHFP",
    46: "RRSIG",
    47: "NSEC",
    48: "DNSKEY",
    50: "NSEC3",
    52: "TLSA",
    64: "SVCB",
    65: "HTTPS",
    251: "IXFR",
    252: "AXFR",
    255: "ANY",
    257: "CAA",
}


def message(data: bytes) -> str | None:
    """The essence of a message: `query A example.com`, `response A example.com, 2 answers`; None if the bytes do not
    form one."""
    if len(data) < _HEADER:
        return None
    flags, questions, answers = (int.from_bytes(data[at : at + 2]) for at in (2, 4, 6))
    opcode, error = flags >> 11 & 15, flags & 15
    if opcode > _LAST_OPCODE or not (questions or flags & _RESPONSE):
        return None
    words = _OPCODES.get(opcode, "query")
    if flags & _RESPONSE:
        words = "response" if not opcode else f"{words} response"
    if questions:
        question = _question(data)
        if question is None:
            return None
        words = f"{words} {question}"
    if not flags & _RESPONSE:
        return words
    return f"{words}, {_ERRORS.get(error, f'error {error}') if error else counted(answers, 'answer')}"


def _question(data: bytes) -> str | None:
    """The type and the name of the first question; the name alone, with a mark, if the message ends in it."""
    labels: list[bytes] = []
    at = _HEADER
    while at < len(data) and at - _HEADER < _MOST_NAME:
        size = data[at]
        if size > _LONGEST_LABEL:
            return None  # a pointer has nothing to point to
        at += 1
        if not size:
            kind = int.from_bytes(data[at : at + 2]) if at + 2 <= len(data) else None
            name = quoted(b".".join(labels)) or "."
            return name if kind is None else f"{_TYPES.get(kind, f'TYPE{kind}')} {name}"
        labels.append(data[at : at + size].replace(b"\\", rb"\\").replace(b".", rb"\."))
        at += size
    return f"{quoted(b'.'.join(labels))}…" if at >= len(data) else None
