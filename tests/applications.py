"""Messages of application protocols, built by the plainest means there are, as `protocols` builds headers."""

import struct


def dns_name(name: str) -> bytes:
    labels = name.encode().split(b".") if name else []
    return b"".join(bytes((len(label),)) + label for label in labels) + b"\0"


def dns(name: str, kind: int = 1, *, flags: int = 0x0100, answers: int = 0, questions: int = 1) -> bytes:
    header = struct.pack(">6H", 0x1234, flags, questions, answers, 0, 0)
    return header + dns_name(name) + struct.pack(">HH", kind, 1) if questions else header


def tls_record(kind: int, content: bytes, *, minor: int = 3, length: int | None = None) -> bytes:
    return bytes((kind, 3, minor)) + (len(content) if length is None else length).to_bytes(2) + content


def tls_extension(kind: int, content: bytes) -> bytes:
    return struct.pack(">HH", kind, len(content)) + content


def client_hello(name: str | bytes | None = "example.com", *, before: bytes = b"") -> bytes:
    """`before` are extensions in front of the server name."""
    extensions = before
    if name is not None:
        host = name.encode() if isinstance(name, str) else name
        entry = b"\0" + len(host).to_bytes(2) + host
        extensions += tls_extension(0, len(entry).to_bytes(2) + entry)
    extensions += tls_extension(16, b"\0\x03\x02h2")
    hello = b"\3\3" + bytes(32) + b"\x20" + bytes(32) + b"\0\4\x13\1\x13\2" + b"\1\0"
    hello += len(extensions).to_bytes(2) + extensions
    return tls_record(22, b"\1" + len(hello).to_bytes(3) + hello, minor=1)
