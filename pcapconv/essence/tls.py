"""The first record of TLS in a payload (RFC 8446, section 5.1), and the server name of a ClientHello (RFC 6066)."""

from __future__ import annotations

from pcapconv.essence.quoting import quoted

_CHANGE, _ALERT, _HANDSHAKE, _DATA, _HEARTBEAT = range(20, 25)
LEADS = frozenset((_CHANGE, _ALERT, _HANDSHAKE, _DATA, _HEARTBEAT))
_RECORDS = {_CHANGE: "ChangeCipherSpec", _ALERT: "Alert", _DATA: "Application Data", _HEARTBEAT: "Heartbeat"}
_MESSAGES = {
    0: "HelloRequest",
    1: "ClientHello",
    2: "ServerHello",
    4: "NewSessionTicket",
    8: "EncryptedExtensions",
    11: "Certificate",
    12: "ServerKeyExchange",
    13: "CertificateRequest",
    14: "ServerHelloDone",
    15: "CertificateVerify",
    16: "ClientKeyExchange",
    20: "Finished",
    22: "CertificateStatus",
    24: "KeyUpdate",
}
_CLIENT_HELLO = 1
_RECORD_HEADER, _MESSAGE_HEADER = 5, 4
_MOST_IN_RECORD = 2**14 + 2048
_MOST_IN_MESSAGE = 2**17  # a message that seems longer is encrypted
_LAST_MINOR = 4
_VERSION_AND_RANDOM = 34
_SERVER_NAME, _HOST_NAME = 0, 0
_MOST_EXTENSIONS = 128


def record(data: bytes) -> str | None:
    """The essence of the first record: `ClientHello example.com`, `Application Data`; None if the bytes do not begin
    one."""
    if len(data) < _RECORD_HEADER or data[1] != 3 or data[2] > _LAST_MINOR:
        return None
    size = int.from_bytes(data[3:5])
    if not 0 < size <= _MOST_IN_RECORD:
        return None
    if data[0] != _HANDSHAKE:
        return _RECORDS.get(data[0])
    if len(data) <= _RECORD_HEADER + 3:
        return "Handshake"
    kind = data[_RECORD_HEADER]
    length = int.from_bytes(data[_RECORD_HEADER + 1 : _RECORD_HEADER + 4])
    if kind not in _MESSAGES or (kind != _CLIENT_HELLO and length > _MOST_IN_MESSAGE):
        return "Encrypted Handshake"
    if kind != _CLIENT_HELLO:
        return _MESSAGES[kind]
    name = _server_name(data[_RECORD_HEADER + _MESSAGE_HEADER :])
    return f"ClientHello {name}" if name else "ClientHello"


def _server_name(hello: bytes) -> str:
    """The server name in a ClientHello; empty if it has none, or if it is not among the bytes that were captured."""
    at = _VERSION_AND_RANDOM
    at += 1 + int.from_bytes(hello[at : at + 1])  # session id
    at += 2 + int.from_bytes(hello[at : at + 2])  # cipher suites
    at += 1 + int.from_bytes(hello[at : at + 1])  # compression methods
    at += 2  # length of the extensions
    for _ in range(_MOST_EXTENSIONS):
        if at + 4 > len(hello):
            break
        kind, size = int.from_bytes(hello[at : at + 2]), int.from_bytes(hello[at + 2 : at + 4])
        at += 4
        if kind == _SERVER_NAME:
            # the length of a list, then the type and the length of its first name
            entry = hello[at : at + size]
            length = int.from_bytes(entry[3:5])
            whole = len(entry) >= 5 and entry[2] == _HOST_NAME and len(entry) >= 5 + length
            return quoted(entry[5 : 5 + length]) if whole else ""
        at += size
    return ""
