"""Parses and makes the bodies of pcapng blocks: statistics, secrets, names, custom blocks.

Strategy: nothing here raises; the result for a body that ends too early says so. `option_lists` parses the options
after the fields.
"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterator
from typing import NamedTuple

from pcapconv.spec import ByteOrder, option_lists
from pcapconv.spec.pcapng import SECRETS_DATA_AT, STATISTICS_OPTIONS_AT
from pcapconv.text import ip_text

TLS_KEY_LOG = 0x544C534B
SSH_KEY_LOG = 0x5353484B
WIREGUARD_KEY_LOG = 0x57474B4C
OPC_UA_KEY_LOG = 0x55414B4C
_SECRETS = {
    TLS_KEY_LOG: "TLS key log",
    SSH_KEY_LOG: "SSH key log",
    WIREGUARD_KEY_LOG: "WireGuard key log",
    0x5A4E574B: "ZigBee NWK key",
    0x5A415053: "ZigBee APS key",
    OPC_UA_KEY_LOG: "OPC UA key log",
}

ADDRESS_SIZES = {1: 4, 2: 16, 3: 6, 4: 8}  # bytes, by the type of a name record: IPv4, IPv6, EUI-48, EUI-64
_LAST_IP = 2  # the types up to here are IP addresses


class Statistics(NamedTuple):
    """The fields of an Interface Statistics Block before its options: the interface's id, and a time in its ticks.

    `length` is how many of the 12 bytes of these fields the body has; missing bytes count as zero.
    """

    interface: int
    ticks: int
    length: int

    @property
    def has_interface(self) -> bool:
        """Whether the body has the whole id of the interface."""
        return self.length >= 4

    @property
    def has_ticks(self) -> bool:
        """Whether the body has the whole time."""
        return self.length >= STATISTICS_OPTIONS_AT


class Secrets(NamedTuple):
    """The fields of a Decryption Secrets Block: `data`, and its type and size as the block states them. `complete` is
    whether the body has all of the data."""

    type: int
    size: int
    data: memoryview
    complete: bool

    @property
    def type_name(self) -> str:
        """The name of the secrets type; its number in hex if it has no name."""
        return _SECRETS.get(self.type, f"0x{self.type:08x}")


class NameRecord(NamedTuple):
    """A record of a Name Resolution Block: an address, and its names, each followed by a zero byte. For a record of an
    unknown type, or with too few bytes, `address` is None, and `names` are all bytes of the record."""

    type: int
    address: bytes | None
    names: bytes


class Custom(NamedTuple):
    """The fields of a Custom Block: a private enterprise number (PEN), and data whose form that enterprise defines."""

    pen: int
    data: bytes


def ticks_of(value: bytes, byte_order: ByteOrder) -> int:
    """The ticks in 8 bytes: two halves of 32 bits, the high one first."""
    return int.from_bytes(value[:4], byte_order) << 32 | int.from_bytes(value[4:8], byte_order)


def ticks_bytes(ticks: int, byte_order: ByteOrder) -> bytes:
    """Ticks as 8 bytes: two halves of 32 bits, the high one first."""
    return (ticks >> 32).to_bytes(4, byte_order) + (ticks & 0xFFFFFFFF).to_bytes(4, byte_order)


def statistics(body: bytes, byte_order: ByteOrder) -> Statistics:
    """The fields of an Interface Statistics Block."""
    length = min(len(body), STATISTICS_OPTIONS_AT)
    return Statistics(int.from_bytes(body[:4], byte_order), ticks_of(body[4:12], byte_order), length)


def statistics_body(interface: int, ticks: int, byte_order: ByteOrder, options: bytes) -> bytes:
    """The body of an Interface Statistics Block with these fields and options."""
    return interface.to_bytes(4, byte_order) + ticks_bytes(ticks, byte_order) + options


def statistics_for_interface(interface: int, body: bytes, byte_order: ByteOrder) -> bytes:
    """The body of an Interface Statistics Block with this interface id instead of its own; unchanged if the body is too
    short for an id."""
    return interface.to_bytes(4, byte_order) + body[4:] if len(body) >= 4 else body


def secrets(body: bytes, byte_order: ByteOrder) -> Secrets:
    """The fields of a Decryption Secrets Block."""
    secrets_type, size = int.from_bytes(body[:4], byte_order), int.from_bytes(body[4:8], byte_order)
    end = SECRETS_DATA_AT + size
    return Secrets(secrets_type, size, memoryview(body)[SECRETS_DATA_AT:end], len(body) >= end)


def secrets_body(secrets_type: int, data: bytes | memoryview, byte_order: ByteOrder, options: bytes = b"") -> bytes:
    """The body of a Decryption Secrets Block with this data and these options."""
    fields = secrets_type.to_bytes(4, byte_order) + len(data).to_bytes(4, byte_order)
    return b"".join((fields, data, bytes(-len(data) % 4), options))


def name_records(body: bytes, byte_order: ByteOrder) -> Iterator[NameRecord]:
    """The records of a Name Resolution Block."""
    for record_type, value in option_lists.OptionList(body, byte_order):
        size = ADDRESS_SIZES.get(record_type)
        if size is None or len(value) < size:
            yield NameRecord(record_type, None, value)
        else:
            yield NameRecord(record_type, value[:size], value[size:])


def address_text(record_type: int, address: bytes) -> str:
    """The address of a name record of this type, as text."""
    return ip_text(ipaddress.ip_address(address)) if record_type <= _LAST_IP else address.hex(":")


def custom(body: bytes, byte_order: ByteOrder) -> Custom:
    """The fields of a Custom Block."""
    return Custom(int.from_bytes(body[:4], byte_order), body[4:])
