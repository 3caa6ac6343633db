"""The types of the compiled kernels, which `interpreted` documents."""

from array import array
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from pcapconv.columns import Columns
from pcapconv.header_columns import HeaderColumns
from pcapconv.kernels.contract import BytesLike
from pcapconv.kernels.interpreted.packet_rows import Description
from pcapconv.kernels.interpreted.repeat_window import ByteStore
from pcapconv.kernels.interpreted.traffic import Counts, Entry

NAME: str

def index_pcap(
    buffer: bytes | bytearray,
    start: int,
    stop: int,
    columns: Columns,
    big: bool,
    header_size: int,
    swap: int,
    ticks_per_second: int,
) -> tuple[int, int, int, int]: ...
def index_pcapng(
    buffer: bytes | bytearray, start: int, stop: int, columns: Columns, big: bool, interfaces: int, snaplen: int
) -> tuple[int, int, int]: ...
def encode_pcap(
    buffer: bytes | bytearray,
    columns: Columns,
    first: int,
    stop: int,
    out: bytearray,
    offset: int,
    big: bool,
    scales: array[int],
    counts: array[int],
) -> tuple[int, int, int]: ...
def copy_records(
    buffer: bytes | bytearray, columns: Columns, first: int, stop: int, out: bytearray, offset: int
) -> tuple[int, int, int]: ...
def encode_pcapng(
    buffer: bytes | bytearray,
    columns: Columns,
    first: int,
    stop: int,
    out: bytearray,
    offset: int,
    big: bool,
    copy: bool,
) -> tuple[int, int, int]: ...
def rows_in_ranges(columns: Columns, rows: int, ranges: array[int], mask: bytearray) -> int: ...
def copy_rows(columns: Columns, rows: int, mask: bytearray, into: Columns) -> int: ...
def renumber(buffer: bytearray, columns: Columns, rows: int, ids: array[int], big: bool) -> None: ...
def cut_packets(columns: Columns, rows: int, front: int, end: int, snaplen: int, adjust: bool) -> int: ...
def remove_bytes(
    buffer: bytes | bytearray,
    columns: Columns,
    rows: int,
    cuts: array[int],
    adjust: bool,
    out: bytearray,
    base: int,
) -> tuple[int, int]: ...
def shift_times(columns: Columns, rows: int, shifts: array[int]) -> int: ...
def to_nanoseconds(columns: Columns, first: int, stop: int, scales: array[int], cut: bool) -> tuple[int, int, int]: ...
def first_out_of_order(columns: Columns, first: int, stop: int) -> int: ...
def first_too_early(columns: Columns, first: int, stop: int, latest: int, slack: int) -> tuple[int, int]: ...
def count_falls(keys: array[int], previous: int, latest: int) -> tuple[int, int, int, int]: ...
def extremes(keys: array[int]) -> tuple[int, int]: ...
def first_over_limit(columns: Columns, first: int, stop: int, limits: array[int]) -> int: ...
def argsort(keys: array[int]) -> array[int]: ...
def match_keys(
    a_keys: array[int], b_keys: array[int], partners: array[int]
) -> tuple[array[int], array[int], array[int]]: ...
def clear_numbers(numbers: array[int], limits: array[int], mask: bytearray) -> None: ...
def gather_rows(
    buffer: bytes | bytearray,
    columns: Columns,
    numbers: array[int],
    order: array[int],
    first: int,
    out: bytearray,
    offset: int,
    into: Columns,
    into_numbers: array[int],
    row: int,
) -> tuple[int, int, int, int]: ...
def only_records(columns: Columns, rows: int, size: int) -> bool: ...
def rows_with_metadata(buffer: bytes | bytearray, columns: Columns, rows: int, mask: bytearray) -> int: ...
def fingerprints(
    buffer: bytes | bytearray, columns: Columns, first: int, stop: int, out: bytearray, offset: int
) -> None: ...
def same_data(
    a_buffer: bytes | bytearray,
    a_columns: Columns,
    a_first: int,
    b_buffer: bytes | bytearray,
    b_columns: Columns,
    b_first: int,
    rows: int,
) -> int: ...
def swap_headers(buffer: bytearray, columns: Columns, rows: int, link_types: array[int], big: bool) -> None: ...
def count_packets(columns: Columns, rows: int, totals: array[int], types: array[int]) -> None: ...
def count_options(buffer: bytes | bytearray, columns: Columns, rows: int, big: bool, counts: array[int]) -> None: ...
def sum_options(buffer: bytes | bytearray, columns: Columns, rows: int, big: bool, sums: array[int]) -> None: ...
def find_records(
    buffer: bytes | bytearray,
    start: int,
    scan: int,
    reach: int,
    stop: int,
    at_end: bool,
    cut: bool,
    big: bool,
    header_size: int,
    swap: int,
    limits: array[int],
) -> int: ...
def follow_records(
    buffer: bytes | bytearray, start: int, until: int, stop: int, big: bool, header_size: int, swap: int, zeros: bool
) -> int: ...
def find_container(
    buffer: bytes | bytearray,
    start: int,
    until: int,
    stop: int,
    big: bool,
    header_size: int,
    swap: int,
    limits: array[int],
) -> int: ...
def first_unsound(
    buffer: bytes | bytearray,
    columns: Columns,
    first: int,
    stop: int,
    big: bool,
    header_size: int,
    swap: int,
    previous: int,
    limits: array[int],
) -> int: ...
def find_blocks(
    buffer: bytes | bytearray,
    start: int,
    scan: int,
    reach: int,
    stop: int,
    at_end: bool,
    big: bool,
    bounds: array[int],
    most: int,
) -> int: ...
def move_offsets(columns: Columns, rows: int, distance: int) -> None: ...
def exact_times(describe: Callable[[int], Description], columns: Columns, rows: int, times: array[int]) -> int: ...
def rows_within(lengths: array[int], first: int, stop: int, most: int) -> int: ...
def write_numbers(first: int, rows: int, out: array[int], row: int) -> None: ...
def look_up(columns: Columns, rows: int, codes: array[int], out: array[int], row: int) -> None: ...
def copy_data(
    buffer: bytes | bytearray, columns: Columns, rows: int, out: bytearray, at: int, offsets: array[int], row: int
) -> int: ...
def copy_directions(
    buffer: bytes | bytearray, columns: Columns, rows: int, big: bool, out: bytearray, row: int
) -> None: ...
def copy_addresses(
    headers: HeaderColumns, name: str, rows: int, out: bytearray, at: int, offsets: array[int], row: int
) -> int: ...
def copy_comments(
    buffer: bytes | bytearray,
    columns: Columns,
    rows: int,
    big: bool,
    lists: array[int],
    row: int,
    offsets: array[int],
    count: int,
    out: bytearray,
    at: int,
) -> tuple[int, int]: ...

class PacketRows:
    def __init__(
        self,
        describe: Callable[[int], Description],
        buffer: bytes | bytearray,
        columns: Columns,
        rows: int,
        section: object,
        first_number: int,
        numbers: Sequence[int] | None = None,
    ) -> None: ...
    def __iter__(self) -> Iterator[Any]: ...
    @property
    def done(self) -> int: ...
    def stop(self) -> None: ...

class PacketLoop:
    def __init__(self, next_rows: Callable[[], Any]) -> None: ...
    def __iter__(self) -> Iterator[Any]: ...

def tuple_fields(tuple_type: type, names: Sequence[str]) -> list[Any]: ...
def list_of_item(index: int, decode: Callable[[Any], list[Any]]) -> Callable[[Any], list[Any]]: ...

class PacketAppender:
    rows: int
    def __init__(self, buffer: bytearray, columns: Columns) -> None: ...
    def append(
        self,
        data: BytesLike,
        ticks: int,
        interface: int,
        original_length: int | None = None,
        options: BytesLike | None = None,
        record_type: int = 6,
    ) -> bool: ...
    def pause(self) -> None: ...
    def clear(self) -> None: ...

class PacketMerger:
    def __init__(self, capacity: int) -> None: ...
    def set_rows(
        self,
        stream: int,
        buffer: bytes | bytearray,
        columns: Columns,
        keys: array[int],
        first: int,
        rows: int,
        rank: int,
    ) -> None: ...
    def merge(
        self, limit: int | None, out: bytearray, offset: int, into: Columns, row: int
    ) -> tuple[int, int, int, int]: ...
    def next_stream(self) -> int: ...
    def next_row(self, stream: int) -> int: ...

class Filter:
    def add(self, program: array[int]) -> int: ...
    def clear_rows(
        self,
        buffer: bytes | bytearray,
        columns: Columns,
        first: int,
        stop: int,
        numbers: array[int],
        mask: bytearray,
    ) -> int: ...

class RepeatWindow:
    first_cut: int
    def __init__(self, most: int, store: ByteStore, window: int | None = None, digest_bits: int = 64) -> None: ...
    def find(
        self,
        buffer: bytes | bytearray,
        columns: Columns,
        rows: int,
        mask: bytearray,
        first_number: int,
        groups: array[int],
        scales: array[int],
        skip: int,
        any_length: bool,
        repeated: array[int],
    ) -> int: ...

def read_headers(
    buffer: bytes | bytearray | memoryview,
    columns: Columns,
    rows: int,
    link_types: array[int],
    out: HeaderColumns,
    inner: bool,
) -> None: ...

class TrafficTable:
    def __init__(self, most: int) -> None: ...
    def __len__(self) -> int: ...
    def __iter__(self) -> Iterator[Entry]: ...
    @property
    def others(self) -> Counts: ...

def count_traffic(
    buffer: bytes | bytearray,
    columns: Columns,
    rows: int,
    link_types: array[int],
    scales: array[int],
    ip: TrafficTable | None,
    tcp: TrafficTable | None,
    udp: TrafficTable | None,
    hosts: TrafficTable | None,
    paths: TrafficTable | None,
) -> None: ...

class FlowTable:
    def __init__(self, distance: int = ...) -> None: ...
    def __len__(self) -> int: ...
    def describe(self, number: int) -> tuple[int, int | None, bytes, int | None, bytes, int | None]: ...
    def number_flows(
        self,
        buffer: bytes | bytearray,
        columns: Columns,
        rows: int,
        headers: HeaderColumns,
        numbers: array[int],
        first: int,
    ) -> None: ...
    def number_hosts(self, rows: int, headers: HeaderColumns, numbers: array[int], first: int) -> None: ...
    def settle(self, numbers: array[int], rows: int, force: bool) -> int: ...

def group_rows(numbers: array[int], width: int) -> tuple[array[int], array[int]]: ...
def skip_link_layers(columns: Columns, rows: int, headers: HeaderColumns, link_types: array[int]) -> None: ...
def decapsulate(
    buffer: bytes | bytearray,
    columns: Columns,
    first: int,
    stop: int,
    link_types: array[int],
    kinds: int,
    new_ids: array[int],
    only: bool,
    big: bool,
    marks: bytearray,
    tunnels: array[int],
) -> tuple[int, int]: ...
