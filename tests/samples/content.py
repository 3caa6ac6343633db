"""What the built samples carry: small UDP packets between two addresses that are reserved for documentation."""

import struct
from ipaddress import IPv4Address

from wire import OPT_COMMENT, In

START = 1_714_564_800  # 2024-05-01 12:00:00 UTC, in seconds
START_MICROSECONDS = START * 10**6
EXAMPLE_ENTERPRISE = 32473  # the private enterprise number reserved for documentation
JOURNAL_ENTRY = b"__REALTIME_TIMESTAMP=1714564800000000\nPRIORITY=6\nMESSAGE=link is up\n"

_CLIENT = IPv4Address("192.0.2.1")
_SERVER = IPv4Address("192.0.2.2")
_CLIENT_MAC = bytes.fromhex("02005e000001")
_SERVER_MAC = bytes.fromhex("02005e000002")
_IPV4 = 0x0800


def ethernet(payload: bytes) -> bytes:
    """An Ethernet frame that carries the payload in a UDP datagram."""
    return _SERVER_MAC + _CLIENT_MAC + struct.pack(">H", _IPV4) + ipv4(payload)


def linux_sll(payload: bytes) -> bytes:
    """The same in a Linux cooked capture, version 1."""
    sent_by_us, ethernet_device = 4, 1
    return struct.pack(">HHH6sxxH", sent_by_us, ethernet_device, 6, _CLIENT_MAC, _IPV4) + ipv4(payload)


def ipv4(payload: bytes) -> bytes:
    """An IPv4 packet that carries the payload in a UDP datagram to the echo port."""
    udp = struct.pack(">HHHH", 40000, 7, 8 + len(payload), 0) + payload
    fields = [0x4500, 20 + len(udp), 0, 0, 64 << 8 | 17, 0]
    header = struct.pack(">6H", *fields) + _CLIENT.packed + _SERVER.packed
    fields[5] = _checksum(header)
    return struct.pack(">6H", *fields) + header[12:] + udp


def comment(write: In, text: bytes) -> bytes:
    """Options that are one comment."""
    return write.options((OPT_COMMENT, text))


def _checksum(header: bytes) -> int:
    total: int = sum(struct.unpack(f">{len(header) // 2}H", header))
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF
