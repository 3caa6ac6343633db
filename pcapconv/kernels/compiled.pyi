"""Types of the compiled kernels; `interpreted.py` documents them."""

from array import array

from pcapconv.model import Columns

NAME: str

def index_pcap(
    buffer: bytes | bytearray,
    start: int,
    stop: int,
    columns: Columns,
    big: bool,
    header_size: int,
    swap: int,
    units: int,
) -> tuple[int, int, int, int]: ...
def index_pcapng(
    buffer: bytes | bytearray, start: int, stop: int, columns: Columns, big: bool, interfaces: int, snaplen: int
) -> tuple[int, int, int]: ...
def encode_pcap(
    buffer: bytes | bytearray,
    columns: Columns,
    row: int,
    rows: int,
    out: bytearray,
    at: int,
    big: bool,
    scale: array[int],
    counts: array[int],
) -> tuple[int, int, int]: ...
def copy_records(
    buffer: bytes | bytearray, columns: Columns, row: int, rows: int, out: bytearray, at: int
) -> tuple[int, int, int]: ...
def encode_pcapng(
    buffer: bytes | bytearray, columns: Columns, row: int, rows: int, out: bytearray, at: int, big: bool, copy: bool
) -> tuple[int, int, int]: ...
def match(columns: Columns, rows: int, table: array[int], mask: bytearray) -> int: ...
def take(columns: Columns, rows: int, mask: bytearray, into: Columns) -> int: ...
def cut_packets(columns: Columns, rows: int, front: int, end: int, snaplen: int) -> int: ...
def shift_times(columns: Columns, rows: int, table: array[int]) -> int: ...
def count_packets(columns: Columns, rows: int, totals: array[int], types: array[int]) -> None: ...
def count_options(buffer: bytes | bytearray, columns: Columns, rows: int, big: bool, counts: array[int]) -> None: ...
def unify(columns: Columns, row: int, rows: int, table: array[int], cut: bool) -> tuple[int, int, int]: ...
def rising(columns: Columns, row: int, rows: int) -> int: ...
def order(keys: array[int]) -> array[int]: ...
def arrange(columns: Columns, rows: int, places: array[int], into: Columns) -> None: ...
def same_data(
    a_buffer: bytes | bytearray,
    a_columns: Columns,
    a_row: int,
    b_buffer: bytes | bytearray,
    b_columns: Columns,
    b_row: int,
    rows: int,
) -> int: ...
