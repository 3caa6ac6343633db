"""Source and destination of packets as text: addresses with ports, MAC addresses, names from the capture.

Strategy: packets of a conversation have the same text, so texts are kept by what the header columns hold. What is kept
is bounded, and begins anew when it is full.
"""

from __future__ import annotations

from collections.abc import Mapping
from struct import iter_unpack
from typing import NamedTuple

from pcapconv.header_columns import HeaderColumns
from pcapconv.headers import ip_address
from pcapconv.spec.protocols import TYPE_ARP, TYPE_RARP
from pcapconv.text import from_to, ip_text, with_port

COLUMNS = (
    *("network_protocol", "source_address", "destination_address", "source_port", "destination_port"),
    *("source_mac", "destination_mac"),
)
_MOST_KEPT = 2**13
_HAS = {name: 1 << HeaderColumns.BITS[name] for name in COLUMNS}


class Ends(NamedTuple):
    """Source and destination, and the text of both."""

    source: str
    destination: str
    text: str


class EndReader:
    """Makes the texts. `names` has names by the text of addresses; call `forget` when it changes."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        self._by_address = _ByAddress(names)
        self._by_mac: dict[tuple[bytes | None, bytes | None], Ends] = {}

    def forget(self) -> None:
        """Keep no texts."""
        self._by_address.clear()
        self._by_mac.clear()

    def read(self, headers: HeaderColumns, rows: int) -> list[Ends]:
        """The source and destination of each of the first `rows` packets, whose headers have the columns `COLUMNS`."""
        by_address = self._by_address
        keys = zip(
            headers.present[:rows],
            iter_unpack("16s", memoryview(headers.source_address)[: 16 * rows]),
            iter_unpack("16s", memoryview(headers.destination_address)[: 16 * rows]),
            headers.source_port,
            headers.destination_port,
            headers.network_protocol,
        )
        found = [by_address[key] for key in keys]
        if _NOT_IP in found:
            for row, ends in enumerate(found):
                if ends is _NOT_IP:
                    found[row] = self._of_macs(headers, row)
        return found

    def _of_macs(self, headers: HeaderColumns, row: int) -> Ends:
        source, destination = headers.value(row, "source_mac"), headers.value(row, "destination_mac")
        assert not isinstance(source, int)
        assert not isinstance(destination, int)
        ends = self._by_mac.get((source, destination))
        if ends is None:
            if len(self._by_mac) >= _MOST_KEPT:
                self._by_mac.clear()
            texts = ["" if mac is None else mac.hex(":") for mac in (source, destination)]
            ends = self._by_mac[source, destination] = _ends(*(self._names.get(text, text) for text in texts))
        return ends


_Key = tuple[int, tuple[bytes], tuple[bytes], int, int, int]


class _ByAddress(dict[_Key, Ends]):
    """Ends by the values of header columns."""

    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names

    def __missing__(self, key: _Key) -> Ends:
        if len(self) >= _MOST_KEPT:
            self.clear()
        present, (source,), (destination,), source_port, destination_port, network = key
        if not present & _HAS["source_address"] or network in (TYPE_ARP, TYPE_RARP):
            ends = _NOT_IP
        else:
            first_port = source_port if present & _HAS["source_port"] else None
            second_port = destination_port if present & _HAS["destination_port"] else None
            has_destination = present & _HAS["destination_address"]
            ends = _ends(
                self._end(source, network, first_port),
                self._end(destination, network, second_port) if has_destination else "",
            )
        self[key] = ends
        return ends

    def _end(self, value: bytes, network: int, port: int | None) -> str:
        address = ip_text(ip_address(value, network))
        return with_port(self._names.get(address, address), port)


def _ends(source: str, destination: str) -> Ends:
    return Ends(source, destination, from_to(source, destination))


_NOT_IP = Ends("", "", "")
