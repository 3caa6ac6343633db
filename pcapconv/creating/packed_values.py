"""Turns what a caller gives in Python's types into the bytes of pcapng: options, names, types of secrets.

Strategy: each function raises UsageError for a value that has no such bytes; the message says what is possible. The
formats are those of the pcapng draft: "Options", "Interface Description Block Options", "Name Resolution Block".
`packet_options` has the options of packets.
"""

from __future__ import annotations

import ipaddress
import operator
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, SupportsIndex

from pcapconv.errors import UsageError
from pcapconv.formats.window import LARGEST_RECORD
from pcapconv.spec import ByteOrder, bodies, option_lists, pcapng
from pcapconv.spec.given_values import (
    Texts,
    bytes_of,
    number_between,
    one_or_several,
    text_bytes,
    texts_bytes,
    whole_number,
)
from pcapconv.steps.secrets import KEY_LOG_TYPES, secrets_type_of
from pcapconv.wording import argument

if TYPE_CHECKING:
    from pcapconv.kernels.contract import BytesLike

ORDER: ByteOrder = "little"  # of the whole new capture
_MOST_NAMES = 2**20  # bytes of the records in a block; more names go into further blocks

_RECORD_TYPES = {size: record_type for record_type, size in bodies.ADDRESS_SIZES.items()}  # of names

# Arguments of `CaptureWriter.add_statistics`, and the options that they become.
_STATISTICS = {
    "received": "isb_ifrecv",
    "dropped": "isb_ifdrop",
    "accepted": "isb_filteraccept",
    "dropped_by_os": "isb_osdrop",
    "delivered": "isb_usrdeliv",
}


def packed_number(name: str, number: object, size: int, *, signed: bool = False) -> bytes:
    """A number of so many bytes."""
    first, last = (-(256**size // 2), 256**size // 2 - 1) if signed else (0, 256**size - 1)
    return number_between(name, number, first, last).to_bytes(size, ORDER, signed=signed)


def section_options(comment: Texts, hardware: str | None, os: str | None, application: str | None) -> bytes:
    """The options of a section's header."""
    options = [(option_lists.COMMENT, text) for text in texts_bytes("comment", comment)]
    texts = (
        (pcapng.SHB_HARDWARE, "hardware", hardware),
        (pcapng.SHB_OS, "os", os),
        (pcapng.SHB_USERAPPL, "application", application),
    )
    options += [(code, text_bytes(name, text)) for code, name, text in texts if text is not None]
    return option_lists.pack(options, ORDER)


def interface_options(comments: Texts, values: Mapping[str, object]) -> list[tuple[int, bytes]]:
    """The options of an interface in the order of their codes. `values` are by the names that the specification gives
    the options, in lower case and without `if_`; None for an option that is not given."""
    options = [(option_lists.COMMENT, text) for text in texts_bytes("comments", comments)]
    for option_type in pcapng.option_types(pcapng.INTERFACE_DESCRIPTION).values():
        name = option_type.name.removeprefix("if_").lower()
        value = values.get(name)
        if value is None or option_type.name == "opt_comment":
            continue
        if option_type.value_type == option_lists.TEXT:
            options.append((option_type.code, text_bytes(name, value)))
        elif option_type.value_type == option_lists.FILTER:
            options.append((option_type.code, b"\0" + text_bytes(name, value, option_lists.LONGEST_VALUE - 1)))
        elif option_type.value_type in option_lists.NUMBERS:
            size, signed = option_lists.NUMBERS[option_type.value_type]
            options.append((option_type.code, packed_number(name, value, size, signed=signed)))
        else:
            options += [(option_type.code, _packed_address(name, each)) for each in one_or_several(value)]
    return sorted(options, key=operator.itemgetter(0))


def _packed_address(name: str, value: object) -> bytes:
    """An address of an interface: IPv4 with its mask, IPv6 with its prefix length, MAC or EUI-64."""
    try:
        match name:
            case "ipv4addr":
                address = ipaddress.IPv4Interface(_not_a_number(value))
                return address.packed + address.netmask.packed
            case "ipv6addr":
                address_6 = ipaddress.IPv6Interface(_not_a_number(value))
                if address_6.scope_id is not None:  # for which the option has no room
                    raise ValueError
                return address_6.packed + bytes([address_6.network.prefixlen])
    except (ValueError, TypeError):
        form = "192.0.2.1/24" if name == "ipv4addr" else "2001:db8::1/64"
        raise UsageError(
            f"{argument(name, value)}: not an address with its prefix length; write {form}", option=name
        ) from None
    size, form = (6, "02:00:5e:00:53:01") if name == "macaddr" else (8, "02:00:5e:ff:fe:00:53:01")
    packed = _hardware_address(value)
    if packed is None or len(packed) != size:
        raise UsageError(f"{argument(name, value)}: not an address of {size} bytes; write {form}", option=name)
    return packed


def _not_a_number(value: Any) -> Any:
    """Return what `ipaddress` is to parse. Raises TypeError for a number, which `ipaddress` takes, too."""
    if isinstance(value, int):
        raise TypeError
    return value


def _hardware_address(value: object) -> bytes | None:
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value)
    if isinstance(value, int):
        return None
    pairs = str(value).replace("-", ":").split(":")
    if any(len(pair) != 2 for pair in pairs):
        return None
    try:
        return bytes.fromhex("".join(pairs))
    except ValueError:
        return None


def statistics_options(comments: Texts, counts: Mapping[str, object], times: Mapping[str, int]) -> bytes:
    """The options of statistics; `counts` are by the names of `add_statistics`, None for one that is not given, `times`
    are ticks by the names of options."""
    types = {each.name: each for each in pcapng.option_types(pcapng.INTERFACE_STATISTICS).values()}
    options = [(option_lists.COMMENT, text) for text in texts_bytes("comments", comments)]
    options += [(types[name].code, bodies.ticks_bytes(ticks, ORDER)) for name, ticks in times.items()]
    options += [
        (types[_STATISTICS[name]].code, packed_number(name, count, 8))
        for name, count in counts.items()
        if count is not None
    ]
    return option_lists.pack(options, ORDER)


def name_bodies(names: Mapping[Any, Texts]) -> Iterator[bytes]:
    """The bodies of Name Resolution Blocks: address (IPv4, IPv6, MAC or EUI-64) → its names."""
    if not isinstance(names, Mapping):
        raise UsageError(f"{argument('names', names)}: must be a mapping of addresses to names", option="names")
    records, size = list[tuple[int, bytes]](), 0
    for address, texts in names.items():
        for record in _name_records(address, texts_bytes("names", texts)):
            records.append(record)
            size += len(record[1]) + 8
            if size > _MOST_NAMES:
                yield option_lists.pack(records, ORDER)
                records, size = [], 0
    if records:
        yield option_lists.pack(records, ORDER)


def _name_records(address: object, texts: Sequence[bytes]) -> Iterator[tuple[int, bytes]]:
    record_type, packed = _name_address(address)
    if not texts or b"" in texts:
        raise UsageError(f"{argument('names')}: {address} has no name, or an empty one", option="names")
    value = packed
    for text in texts:
        if len(packed) + len(text) + 1 > option_lists.LONGEST_VALUE:
            raise UsageError(
                f"{argument('names')}: a name of {address} has {len(text)} bytes, too many for a record", option="names"
            )
        if len(value) + len(text) + 1 > option_lists.LONGEST_VALUE:
            yield record_type, value
            value = packed
        value += text + b"\0"
    yield record_type, value


def _name_address(address: object) -> tuple[int, bytes]:
    try:
        parsed = ipaddress.ip_address(_not_a_number(address))
        if getattr(parsed, "scope_id", None) is None:  # for which a record has no room
            return _RECORD_TYPES[len(parsed.packed)], parsed.packed
        packed = None
    except (ValueError, TypeError):
        packed = _hardware_address(address)
    if packed is None or len(packed) not in (6, 8):
        raise UsageError(
            f"{argument('names', address)}: not an address; write 192.0.2.1, 2001:db8::1 or 02:00:5e:00:53:01",
            option="names",
        )
    return _RECORD_TYPES[len(packed)], packed


def secrets_body(secrets_type: str | SupportsIndex, data: BytesLike | str) -> bytes:
    """The body of a Decryption Secrets Block."""
    number = secrets_type_of(secrets_type) if isinstance(secrets_type, str) else whole_number(secrets_type)
    if number is None or not 0 <= number < 2**32:
        forms = f"{', '.join(KEY_LOG_TYPES)} or a number from 0 to 0x{2**32 - 1:x}"
        raise UsageError(
            f"{argument('secrets_type', secrets_type)}: not a type of secrets; write {forms}", option="secrets_type"
        )
    if isinstance(data, str):
        try:
            data = data.encode(errors="surrogateescape")
        except UnicodeEncodeError:
            raise UsageError(f"{argument('data')}: has a character that UTF-8 does not have", option="data") from None
    packed = bytes_of(data)
    if packed is None:
        raise UsageError(f"{argument('data')}: secrets are bytes or text", option="data")
    most = LARGEST_RECORD - pcapng.BLOCK_OVERHEAD - pcapng.SECRETS_DATA_AT
    if len(packed) > most:
        raise UsageError(f"{argument('data')}: secrets of {len(packed)} bytes; a block holds {most}", option="data")
    return bodies.secrets_body(number, packed, ORDER)
