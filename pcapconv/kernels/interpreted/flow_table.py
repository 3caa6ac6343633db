"""The interpreted kernel `FlowTable`: numbers the flows and the hosts of packets."""

from __future__ import annotations

from array import array
from collections import OrderedDict
from typing import TYPE_CHECKING

from pcapconv.header_columns import HeaderColumns
from pcapconv.kernels.contract import FRAGMENT_DISTANCE, MOST_DATAGRAMS, NO_GROUP, PACKET_COST, WAITING
from pcapconv.kernels.interpreted.checks import check_columns, check_table
from pcapconv.spec.protocols import IP_VERSIONS

if TYPE_CHECKING:
    from pcapconv.columns import Columns

_BITS = HeaderColumns.BITS
_ADDRESSES = 1 << _BITS["source_address"] | 1 << _BITS["destination_address"] | 1 << _BITS["network_protocol"]
_PORTS = 1 << _BITS["source_port"] | 1 << _BITS["destination_port"]
_FRAGMENT = 1 << _BITS["fragment_id"] | 1 << _BITS["fragment_offset"] | 1 << _BITS["network_at"]
_PROTOCOL = 1 << _BITS["ip_protocol"]
_PROTOCOL_AT = 9  # in a header of IPv4

_End = tuple[bytes, int | None]  # an address, and a port
_Key = tuple[int, int | None, _End, _End]  # version, protocol, the lower end, the higher end
_NOBODY: _End = (bytes(16), None)
_NO_IP: _Key = (0, None, _NOBODY, _NOBODY)


class _Waiting:
    """The fragments of a datagram whose first fragment has not come. They begin at the position `begin`; `flow` is that
    of the first fragment, 0 until it comes; without it, they belong to the flow of `key`."""

    __slots__ = ("begin", "flow", "is_reversed", "key")

    def __init__(self, key: _Key, is_reversed: bool, begin: int) -> None:
        self.key, self.is_reversed, self.begin, self.flow = key, is_reversed, begin, 0


class FlowTable:
    """Numbers flows or hosts from 1, in the order in which they are met; a table is for one of them.

    A flow is a protocol of IP and two ends, in either direction; an end is an address, and a port if the protocol has
    ports that were captured. All packets without IP, or whose addresses were not captured, are one flow, and one host.

    A later fragment of IP belongs to the flow of its first fragment: the latest one before it with the same addresses,
    identification and, in IPv4, protocol, among the MOST_DATAGRAMS latest fragmented datagrams. If there is none, the
    fragment waits, and its number is WAITING or higher, until `settle` replaces it: by the flow of a first fragment
    that comes at most `distance` behind the first fragment of the datagram that waits, or else by the flow of the
    protocol and the addresses without ports. Distances are sums over packets of their captured bytes, their options
    and PACKET_COST.
    """

    def __init__(self, distance: int = FRAGMENT_DISTANCE) -> None:
        if not 0 <= distance < 2**62:
            raise ValueError(f"a distance of {distance} bytes")
        self._distance, self._position = distance, 0
        self._numbers: dict[_Key, int] = {}
        self._directions: list[bool] = []  # by number - 1, whether the first packet went to the lower end
        self._keys: list[_Key] = []  # by number - 1
        self._datagrams = OrderedDict[tuple[object, ...], int]()  # flows, or numbers that wait
        self._waiting: dict[int, _Waiting] = {}
        self._next_waiting = WAITING

    def __len__(self) -> int:
        return len(self._keys)

    def describe(self, number: int) -> tuple[int, int | None, bytes, int | None, bytes, int | None]:
        """What a flow is, as its first packet has it: version of IP, protocol, address and port of the source, address
        and port of the destination. None is what the flow does not have. The version is 0 for packets without IP. A
        host is the source of a flow without protocol, ports and destination. Raises ValueError."""
        if not 0 < number <= len(self._keys):
            raise ValueError(f"there is no flow {number}")
        version, protocol, source, destination = self._keys[number - 1]
        if self._directions[number - 1]:
            source, destination = destination, source
        return version, protocol, *source, *destination

    def number_flows(
        self,
        buffer: bytes | bytearray,
        columns: Columns,
        rows: int,
        headers: HeaderColumns,
        numbers: array[int],
        first: int,
    ) -> None:
        """Write into `numbers`, from entry `first` on, the number of each row's flow.

        `headers` are those of the rows; needed are the columns `network_protocol`, `network_at`, `source_address`,
        `destination_address`, `ip_protocol`, `source_port`, `destination_port`, `fragment_id`, `fragment_offset`,
        `more_fragments`.
        """
        check_columns(columns, rows)
        _check_headers(headers, rows)
        if first < 0:
            raise ValueError("a table that begins before its first value")
        check_table(numbers, first + rows)
        for row in range(rows):
            numbers[first + row] = self._flow_of(buffer, columns.data_at[row], headers, row)
            self._position += columns.captured_length[row] + columns.options_length[row] + PACKET_COST

    def number_hosts(self, rows: int, headers: HeaderColumns, numbers: array[int], first: int) -> None:
        """Write into `numbers`, from entry `first` on, two numbers for each row: that of the source, and that of the
        destination, which is NO_GROUP if it is the same. `headers` are as for `number_flows`; needed are the columns
        `network_protocol`, `source_address` and `destination_address`."""
        _check_headers(headers, rows)
        if first < 0:
            raise ValueError("a table that begins before its first value")
        check_table(numbers, first + 2 * rows)
        for row in range(rows):
            version = _version(headers, row)
            if not version:
                numbers[first + 2 * row], numbers[first + 2 * row + 1] = self._number(_NO_IP, False), NO_GROUP
                continue
            source, destination = _address(headers.source_address, row), _address(headers.destination_address, row)
            numbers[first + 2 * row] = self._number((version, None, (source, None), _NOBODY), False)
            numbers[first + 2 * row + 1] = (
                NO_GROUP
                if source == destination
                else self._number((version, None, (destination, None), _NOBODY), False)
            )

    def settle(self, numbers: array[int], rows: int, force: bool) -> int:
        """Replace the numbers of fragments that wait no longer; with `force`, those of all. Return the first row that
        still waits, or `rows`. All rows that wait must be among these."""
        check_table(numbers, rows)
        still_waiting = rows
        for row in range(rows):
            number = numbers[row]
            if number < WAITING:
                continue
            waiting = self._waiting.get(number)
            if waiting is None:
                raise ValueError(f"row {row} waits for nothing")
            if waiting.flow:
                numbers[row] = waiting.flow
            elif force or self._position - waiting.begin > self._distance:
                numbers[row] = self._number(waiting.key, waiting.is_reversed)
            elif still_waiting == rows:
                still_waiting = row
        oldest = self._next_waiting if still_waiting == rows else numbers[still_waiting]
        for number in [number for number in self._waiting if number < oldest]:
            del self._waiting[number]
        return still_waiting

    def _number(self, key: _Key, is_reversed: bool) -> int:
        number = self._numbers.get(key)
        if number is None:
            self._keys.append(key)
            self._directions.append(is_reversed)
            number = self._numbers[key] = len(self._keys)
        return number

    def _flow_of(self, buffer: bytes | bytearray, data_at: int, headers: HeaderColumns, row: int) -> int:
        version, present = _version(headers, row), headers.present[row]
        if not version:
            return self._number(_NO_IP, False)
        protocol = headers.ip_protocol[row] if present & _PROTOCOL else None
        has_ports = present & _PORTS == _PORTS
        source = _address(headers.source_address, row), headers.source_port[row] if has_ports else None
        destination = _address(headers.destination_address, row), headers.destination_port[row] if has_ports else None
        is_reversed = (source[0], source[1] or 0) > (destination[0], destination[1] or 0)
        ends = (destination, source) if is_reversed else (source, destination)
        key = version, protocol, *ends
        offset = headers.fragment_offset[row]
        if present & _FRAGMENT != _FRAGMENT or not (offset or headers.more_fragments[row]):
            return self._number(key, is_reversed)
        protocol_byte = 0
        if version == 4:  # not `ip_protocol`, which is behind AH
            at = data_at + headers.network_at[row] + _PROTOCOL_AT
            if not 0 <= at < len(buffer):
                raise ValueError(f"row {row} lies outside its buffer")
            protocol_byte = buffer[at]
        datagram = version, source[0], destination[0], headers.fragment_id[row], protocol_byte
        if not offset:
            number = self._number(key, is_reversed)
            waiting = self._waiting.get(self._datagrams.get(datagram, 0))
            if waiting is not None and self._position - waiting.begin <= self._distance:
                waiting.flow = number
            self._note(datagram, number)
            return number
        found = self._datagrams.get(datagram, 0)
        if found >= WAITING:
            waiting = self._waiting.get(found)
            if waiting is None or self._position - waiting.begin > self._distance:
                found = 0
        if not found:
            found, self._next_waiting = self._next_waiting, self._next_waiting + 1
            self._waiting[found] = _Waiting(key, is_reversed, self._position)
            self._note(datagram, found)
        return found

    def _note(self, datagram: tuple[object, ...], number: int) -> None:
        """Note the flow of a datagram, or a number that waits, and forget the oldest datagram if there are too many."""
        if datagram not in self._datagrams and len(self._datagrams) == MOST_DATAGRAMS:
            self._datagrams.popitem(last=False)
        self._datagrams[datagram] = number


def group_rows(numbers: array[int], width: int) -> tuple[array[int], array[int]]:
    """Group rows by their numbers, of which each has `width`. Return the rows in ascending order of the numbers, rows
    with the same number in their order; and a number and how many rows have it for each group. A row is listed for each
    of its numbers, except NO_GROUP."""
    check_table(numbers, 0)
    if width < 1:
        raise ValueError(f"{width} numbers for each row")
    order, groups = array("q"), array("Q")
    for index in sorted(range(len(numbers)), key=numbers.__getitem__):
        if numbers[index] == NO_GROUP:
            break
        order.append(index // width)
        if groups and groups[-2] == numbers[index]:
            groups[-1] += 1
        else:
            groups.extend((numbers[index], 1))
    return order, groups


def _check_headers(headers: HeaderColumns, rows: int) -> None:
    if not 0 <= rows <= headers.capacity:
        raise ValueError(f"headers of fewer than {rows} rows")


def _version(headers: HeaderColumns, row: int) -> int:
    """The version of IP of a packet whose addresses were captured; else 0."""
    if headers.present[row] & _ADDRESSES != _ADDRESSES:
        return 0
    return IP_VERSIONS.get(headers.network_protocol[row], 0)


def _address(column: array[int], row: int) -> bytes:
    return column[16 * row : 16 * row + 16].tobytes()
