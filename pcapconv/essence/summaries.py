"""The summaries of batches: who sends to whom, which protocol, and the essence of each packet.

Strategy: one loop over the header columns decides at a glance for plain TCP and UDP, whose words are found in tables.
All other packets, and payloads that begin like an application protocol, go to the readers of this package. A packet in
a tunnel is shown from outside: its protocol is the tunnel, and its essence is the summary of the innermost packet.
"""

from __future__ import annotations

from array import array
from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

from pcapconv.essence import applications, messages
from pcapconv.essence.ends import COLUMNS as END_COLUMNS
from pcapconv.essence.ends import EndReader, Ends
from pcapconv.headers import protocol_name, read_headers, tcp_flag_names
from pcapconv.spec import link_types, protocols

if TYPE_CHECKING:
    from pcapconv.columns import Columns
    from pcapconv.header_columns import HeaderColumns

_COLUMNS = (
    *END_COLUMNS,
    *("network_at", "ip_protocol", "fragment_id", "fragment_offset", "arp_operation", "transport_at", "tcp_flags"),
    *("icmp_type", "icmp_code", "payload_at", "payload_captured", "tunnel", "last_protocol", "ended"),
)
NO_NAMES: Mapping[str, str] = MappingProxyType({})
_ENDED = {protocols.CUT: "cut off", protocols.MALFORMED: "malformed"}
_IP = (
    *(protocols.IPV4, protocols.IPV6, protocols.HOP_BY_HOP, protocols.ROUTING),
    *(protocols.FRAGMENT, protocols.DESTINATION_OPTIONS),
)
_MOST_HEADER = 64  # bytes of a message of ARP or ICMP
_UDP = "UDP", ""

Words = tuple[str, str]  # the protocol, and the essence


class Summaries(NamedTuple):
    """The words about each packet of a batch, by row: `ends`, and pairs of protocol and essence."""

    ends: list[Ends]
    words: list[Words]


class SummaryReader:
    """Reads the summaries of batches. With `inner`, they are those of the innermost packets of tunnels. `names` has
    names by the text of addresses; call `forget_names` when it changes."""

    def __init__(self, *, inner: bool = False, names: Mapping[str, str] = NO_NAMES) -> None:
        self._inner = inner
        self._names = names
        self._ends = EndReader(names)
        self._headers: HeaderColumns | None = None
        self._inner_reader: SummaryReader | None = None
        self._flag_words = _FlagWords()

    def forget_names(self) -> None:
        """Look up all names again."""
        self._ends.forget()
        if self._inner_reader is not None:
            self._inner_reader.forget_names()

    def read(self, buffer: bytes | bytearray, columns: Columns, rows: int, interface_types: array[int]) -> Summaries:
        """The summaries of the first `rows` packets. `interface_types` has the link type of each interface, as 64-bit
        values."""
        self._headers = headers = read_headers(
            buffer, columns, rows, interface_types, _COLUMNS, inner=self._inner, into=self._headers
        )
        inner: Summaries | None = None
        if not self._inner and any(headers.tunnel[:rows].tobytes()):
            if self._inner_reader is None:
                self._inner_reader = SummaryReader(inner=True, names=self._names)
            inner = self._inner_reader.read(buffer, columns, rows, interface_types)
        packets = _Packets(buffer, columns, headers, interface_types)
        words = list[Words]()
        flag_words, tcp_leads, dns_ports = self._flag_words, applications.TCP_LEADS, applications.DNS_PORTS
        dns_port = applications.DNS_PORT
        tcp, udp, complete = protocols.TCP, protocols.UDP, protocols.COMPLETE
        for row, (protocol, ended, tunnel, captured, at, payload_at, flags, source_port, destination_port) in enumerate(
            zip(
                headers.last_protocol[:rows],
                headers.ended,
                headers.tunnel,
                headers.payload_captured,
                columns.data_at,
                headers.payload_at,
                headers.tcp_flags,
                headers.source_port,
                headers.destination_port,
            )
        ):
            if tunnel and inner is not None:
                found = _tunnel_words(tunnel, inner, row)
            elif ended != complete or (protocol != tcp and protocol != udp):
                found = packets.words(row)
            elif protocol == udp:
                found = _UDP
                if source_port in dns_ports or destination_port in dns_ports:
                    found = applications.of_udp(packets.payload(row), source_port, destination_port) or _UDP
            elif captured and (
                buffer[at + payload_at] in tcp_leads or source_port == dns_port or destination_port == dns_port
            ):
                payload = packets.payload(row)
                found = applications.of_tcp(payload, source_port, destination_port) or flag_words[flags]
            else:
                found = flag_words[flags]
            words.append(found)
        return Summaries(self._ends.read(headers, rows), words)


def _tunnel_words(tunnel: int, inner: Summaries, row: int) -> Words:
    """The words about a packet in this kind of tunnel."""
    protocol, essence = inner.words[row]
    return protocols.PROTOCOLS[tunnel].name, " ".join(filter(None, (inner.ends[row].text, protocol, essence)))


class _Packets:
    """The packets of a batch with their headers, from which words are made one packet at a time."""

    def __init__(
        self, buffer: bytes | bytearray, columns: Columns, headers: HeaderColumns, interface_types: array[int]
    ) -> None:
        self._buffer = buffer
        self._columns = columns
        self._headers = headers
        self._interface_types = interface_types

    def payload(self, row: int) -> bytes:
        """The beginning of the payload."""
        return self._bytes(row, self._headers.payload_at[row], self._headers.payload_captured[row])

    def words(self, row: int) -> Words:
        """Protocol and essence of a packet that is not plain TCP or UDP."""
        headers = self._headers
        code, ended = headers.last_protocol[row], headers.ended[row]
        if not code:
            link_type = self._interface_types[self._columns.interface[row]]
            return link_types.names().get(link_type, f"link type {link_type}"), ""
        words = [self._essence(row, code)]
        if ended == protocols.FRAGMENTED:
            words.append(messages.fragment(headers.fragment_id[row], headers.fragment_offset[row]))
        elif ended == protocols.UNREAD and code in _IP and headers.has(row, "ip_protocol"):
            words.append(f"protocol {headers.ip_protocol[row]}")
        words.append(_ENDED.get(ended, ""))
        return protocol_name(code, self._number(row, "network_protocol")), ", ".join(filter(None, words))

    def _essence(self, row: int, code: int) -> str:
        """The essence as far as the headers tell it."""
        match code:
            case protocols.TCP if self._headers.has(row, "tcp_flags"):
                return _flag_text(self._headers.tcp_flags[row])
            case protocols.ARP:
                ends = self._address(row, "source_address"), self._address(row, "destination_address")
                return messages.arp(self._number(row, "arp_operation"), *ends, self._message(row, "network_at"))
            case protocols.ICMP:
                return messages.icmp(*self._type_and_code(row), self._message(row, "transport_at"))
            case protocols.ICMPV6:
                return messages.icmpv6(*self._type_and_code(row), self._message(row, "transport_at"))
            case protocols.IGMP:
                return messages.igmp(self._number(row, "icmp_type"))
        return ""

    def _type_and_code(self, row: int) -> tuple[int | None, int | None]:
        return self._number(row, "icmp_type"), self._number(row, "icmp_code")

    def _number(self, row: int, name: str) -> int | None:
        value = self._headers.value(row, name)
        return value if isinstance(value, int) else None

    def _address(self, row: int, name: str) -> bytes | None:
        value = self._headers.value(row, name)
        return value if isinstance(value, bytes) else None

    def _message(self, row: int, begins: str) -> bytes:
        """The bytes from the offset on that the column `begins` has, up to the end of the payload."""
        headers = self._headers
        at = self._number(row, begins)
        if at is None:
            return b""
        end = self._columns.captured_length[row]
        if headers.has(row, "payload_at"):
            end = min(end, headers.payload_at[row] + headers.payload_captured[row])
        return self._bytes(row, at, min(end - at, _MOST_HEADER))

    def _bytes(self, row: int, at: int, size: int) -> bytes:
        """A part of the packet in this row, at most `MOST_READ` bytes."""
        begin = self._columns.data_at[row] + at
        return bytes(self._buffer[begin : begin + max(0, min(size, applications.MOST_READ))])


def _flag_text(flags: int) -> str:
    return " ".join(tcp_flag_names(flags))


class _FlagWords(dict[int, Words]):
    """The words about a packet of TCP by its flags, which have 12 bits."""

    def __missing__(self, flags: int) -> Words:
        self[flags] = words = "TCP", _flag_text(flags)
        return words
