# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The kernels, compiled. The modules of `interpreted` are the reference, which documents them; both must do the same.

What kernels share is here, and the kernels that gather rows and merge. All others are in the `.pxi` files, which are
included at the end: `compiled_selecting.pxi` is the compiled form of `interpreted/selecting.py`.

Strategy: each kernel gets a raw pointer to each column that it uses, and loops without the GIL. Before every read it
checks that the bytes are inside the buffer. Offsets are Py_ssize_t; lengths from the file are widened before anything
is added to them.
"""

from cpython cimport array
from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from cpython.bytes cimport PyBytes_FromStringAndSize
from cpython.ref cimport Py_INCREF
from cpython.tuple cimport PyTuple_GET_SIZE, PyTuple_SET_ITEM
from libc.stdint cimport INT64_MAX, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t, uintptr_t
from libc.stdlib cimport calloc, free, malloc, realloc
from libc.string cimport memcmp, memcpy, memmove, memset

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    static inline uint16_t load16(const unsigned char *p, int big) {
        return big ? (uint16_t)(p[0] << 8 | p[1]) : (uint16_t)(p[1] << 8 | p[0]);
    }
    static inline uint32_t load32(const unsigned char *p, int big) {
        return big ? (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3]
                   : (uint32_t)p[3] << 24 | (uint32_t)p[2] << 16 | (uint32_t)p[1] << 8 | p[0];
    }
    static inline void store32(unsigned char *p, uint32_t v, int big) {
        if (big) { p[0] = v >> 24; p[1] = v >> 16; p[2] = v >> 8; p[3] = v; }
        else     { p[3] = v >> 24; p[2] = v >> 16; p[1] = v >> 8; p[0] = v; }
    }
    static inline void store16(unsigned char *p, uint16_t v, int big) {
        p[!big] = v >> 8; p[big != 0] = (unsigned char)v;
    }
    static inline uint64_t folded(uint64_t a, uint64_t b) {
        unsigned __int128 product = (unsigned __int128)a * b;
        return (uint64_t)product ^ (uint64_t)(product >> 64);
    }
    static inline uint64_t hash_keyed(const unsigned char *p, uint32_t length, uint64_t key, uint64_t also) {
        /* Two words at a time, with a key that nobody knows, so that a capture cannot be made to collide. */
        uint64_t other = key * 0x9E3779B97F4A7C15u ^ 0xD1B54A32D192ED03u, words[2], sum = folded(key ^ also, other ^ length);
        for (; length >= 16; p += 16, length -= 16) {
            memcpy(words, p, 16);
            sum = folded(words[0] ^ key ^ sum, words[1] ^ other) + sum;
        }
        words[0] = words[1] = 0;
        memcpy(words, p, length);
        sum = folded(words[0] ^ key ^ sum, words[1] ^ other) + sum;
        return folded(sum ^ other, key | 1);
    }
    static inline void fetch_ahead(const unsigned char *buffer, int64_t size, int64_t at, uint32_t length) {
        /* Load the bytes of a packet into the cache, most of them, which will be copied soon. */
        int64_t end = at + (length > 1024 ? 1024 : length);
        if (at < 0 || end > size) return;
        for (at -= 64; at < end; at += 64) if (at >= 0) __builtin_prefetch(buffer + at);
    }
    static inline void fetch_line_ahead(const void *line) { __builtin_prefetch(line); }
    static inline __int128 int_128(uint64_t high, uint64_t low) {
        return (__int128)((unsigned __int128)high << 64 | low);
    }
    static inline __int128 exact_time(uint64_t ticks, const uint64_t *entry) {
        unsigned __int128 product = (unsigned __int128)ticks * entry[0];
        if (entry[2]) product /= (unsigned __int128)int_128(entry[2], entry[1]);
        else if (entry[1] != 1) product /= entry[1];
        return (__int128)product + int_128(entry[4], entry[3]);
    }
    """
    ctypedef signed long long int_128_t "__int128"
    uint64_t hash_keyed(const unsigned char *p, uint32_t length, uint64_t key, uint64_t also) nogil
    void fetch_ahead(const unsigned char *buffer, int64_t size, int64_t at, uint32_t length) nogil
    void fetch_line_ahead(const void *line) nogil
    int_128_t int_128(uint64_t high, uint64_t low) nogil
    int_128_t exact_time(uint64_t ticks, const uint64_t *entry) nogil
    uint16_t load16(const unsigned char *p, int big) nogil
    uint32_t load32(const unsigned char *p, int big) nogil
    void store16(unsigned char *p, uint16_t v, int big) nogil
    void store32(unsigned char *p, uint32_t v, int big) nogil


NAME = "compiled"


cdef enum:  # why a kernel stopped, as in contract.py
    MORE = 0
    FULL = 1
    NOT_A_RECORD = 2
    BEFORE_1970 = 3
    AFTER_2106 = 4
    LIMIT = 8

cdef enum:  # as in contract.py
    EXACT_SCALE = 5

cdef enum:  # types of packet blocks
    SIMPLE = 3
    OBSOLETE = 2
    ENHANCED = 6


cdef void *column(object owner, str name, str typecode, Py_ssize_t rows) except? NULL:
    cdef array.array values = getattr(owner, name)
    if values.typecode != typecode or not 0 <= rows <= len(values):
        raise ValueError(f"column {name} is not {rows} values of type {typecode}")
    return values.data.as_voidptr


cdef uint64_t *table(array.array values, Py_ssize_t least) except? NULL:
    if values.typecode != "Q" or len(values) < least:
        raise ValueError(f"a table of fewer than {least} 64-bit values")
    return <uint64_t *>values.data.as_voidptr


cdef inline bint inside(int64_t at, uint32_t length, Py_ssize_t size) noexcept nogil:
    return 0 <= at <= size and <int64_t>length <= size - at


cdef struct ColumnPointers:
    int64_t *record_at
    uint32_t *record_length
    uint8_t *record_type
    int64_t *data_at
    uint32_t *captured_length
    uint32_t *original_length
    uint64_t *ticks
    uint32_t *interface
    int64_t *options_at
    uint32_t *options_length


cdef ColumnPointers all_columns(object columns, Py_ssize_t rows) except *:
    cdef ColumnPointers row
    row.record_at = <int64_t *>column(columns, "record_at", "q", rows)
    row.record_length = <uint32_t *>column(columns, "record_length", "I", rows)
    row.record_type = <uint8_t *>column(columns, "record_type", "B", rows)
    row.data_at = <int64_t *>column(columns, "data_at", "q", rows)
    row.captured_length = <uint32_t *>column(columns, "captured_length", "I", rows)
    row.original_length = <uint32_t *>column(columns, "original_length", "I", rows)
    row.ticks = <uint64_t *>column(columns, "ticks", "Q", rows)
    row.interface = <uint32_t *>column(columns, "interface", "I", rows)
    row.options_at = <int64_t *>column(columns, "options_at", "q", rows)
    row.options_length = <uint32_t *>column(columns, "options_length", "I", rows)
    return row


cdef inline void copy_row(const ColumnPointers *columns, Py_ssize_t row, ColumnPointers *into, Py_ssize_t to) noexcept nogil:
    into.record_at[to] = columns.record_at[row]
    into.record_length[to] = columns.record_length[row]
    into.record_type[to] = columns.record_type[row]
    into.data_at[to] = columns.data_at[row]
    into.captured_length[to] = columns.captured_length[row]
    into.original_length[to] = columns.original_length[row]
    into.ticks[to] = columns.ticks[row]
    into.interface[to] = columns.interface[row]
    into.options_at[to] = columns.options_at[row]
    into.options_length[to] = columns.options_length[row]


cdef object number_of_128_bits(int_128_t value):
    cdef int64_t low = <int64_t>value
    if low == value:
        return low
    return (<object><int64_t>(value >> 64) << 64) | <uint64_t>value


cdef enum:
    NO_ROOM = -1
    ROW_OUTSIDE = -2


cdef struct PacketRow:
    uint64_t ticks
    int64_t record_at, data_at, options_at
    uint32_t record_length, captured_length, original_length, interface, options_length
    uint8_t record_type


cdef inline PacketRow row_at(const ColumnPointers *columns, Py_ssize_t row) noexcept nogil:
    cdef PacketRow packet
    packet.ticks = columns.ticks[row]
    packet.record_at, packet.record_length = columns.record_at[row], columns.record_length[row]
    packet.record_type, packet.interface = columns.record_type[row], columns.interface[row]
    packet.data_at, packet.captured_length = columns.data_at[row], columns.captured_length[row]
    packet.original_length = columns.original_length[row]
    packet.options_at, packet.options_length = columns.options_at[row], columns.options_length[row]
    return packet


cdef inline int64_t gather_row(
    const PacketRow *source, const unsigned char *bytes_in, int64_t size,
    ColumnPointers *target, Py_ssize_t row, Py_ssize_t rows, unsigned char *out, int64_t offset, int64_t out_size
) noexcept nogil:
    """Copy a row and its bytes, as `gather_rows` does. Return how many bytes were written, NO_ROOM or ROW_OUTSIDE."""
    cdef unsigned char *bytes_out = out + offset
    cdef int64_t record_at = source.record_at, data_at = source.data_at, options_at = source.options_at, length
    cdef uint32_t record = source.record_length, captured = source.captured_length
    cdef uint32_t options = source.options_length, loose_data, loose_options
    cdef bint data_inside, options_inside
    if (
        (record and not inside(record_at, record, size))
        or (captured and not inside(data_at, captured, size))
        or (options and not inside(options_at, options, size))
    ):
        return ROW_OUTSIDE
    data_inside = (
        record and captured <= record and record_at <= data_at and data_at - record_at <= <int64_t>(record - captured)
    )
    options_inside = (
        record and options <= record and record_at <= options_at and options_at - record_at <= <int64_t>(record - options)
    )
    loose_data = 0 if data_inside else captured
    loose_options = 0 if options_inside else options
    length = <int64_t>record + <int64_t>loose_data + <int64_t>loose_options
    if row == rows or length > out_size - offset:
        return NO_ROOM
    if record:
        memcpy(bytes_out, bytes_in + record_at, record)
    if loose_data:
        memcpy(bytes_out + record, bytes_in + data_at, loose_data)
    if loose_options:
        memcpy(bytes_out + record + loose_data, bytes_in + options_at, loose_options)
    target.ticks[row] = source.ticks
    target.record_at[row], target.record_length[row] = offset, record
    target.record_type[row], target.interface[row] = source.record_type, source.interface
    target.data_at[row] = offset + (data_at - record_at if data_inside else <int64_t>record)
    target.captured_length[row], target.original_length[row] = captured, source.original_length
    if options:
        options_at = offset + (options_at - record_at if options_inside else <int64_t>record + <int64_t>loose_data)
    target.options_at[row], target.options_length[row] = options_at, options
    return length


def gather_rows(
    buffer, columns, array.array numbers, array.array order, Py_ssize_t first,
    out, Py_ssize_t offset, into, array.array into_numbers, Py_ssize_t row
):
    cdef Py_ssize_t rows = min(len(columns.ticks), len(numbers)), room = min(len(into.ticks), len(into_numbers))
    cdef Py_ssize_t size = len(order), index = first
    cdef ColumnPointers source = all_columns(columns, rows)
    cdef ColumnPointers target = all_columns(into, room)
    cdef const uint64_t *number_of = table(numbers, 0)
    cdef uint64_t *new_number_of = table(into_numbers, 0)
    cdef const int64_t *row_of = <const int64_t *>order.data.as_voidptr
    cdef const unsigned char *bytes_in
    cdef unsigned char *bytes_out
    cdef int64_t at, length
    cdef PacketRow packet
    cdef int status = MORE, problem = 0
    cdef Py_buffer view, out_view
    if order.typecode != "q":
        raise ValueError("an order that is not of signed 64-bit numbers")
    PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
    try:
        PyObject_GetBuffer(out, &out_view, PyBUF_WRITABLE)
        try:
            if not 0 <= first <= size or not 0 <= offset <= out_view.len or not 0 <= row <= room:
                raise ValueError("the range lies outside the buffer")
            bytes_in, bytes_out = <const unsigned char *>view.buf, <unsigned char *>out_view.buf
            with nogil:
                while index < size:
                    at = row_of[index]
                    if not 0 <= at < rows:
                        problem = 1
                        break
                    packet = row_at(&source, at)
                    length = gather_row(&packet, bytes_in, view.len, &target, row, room, bytes_out, offset, out_view.len)
                    if length == ROW_OUTSIDE:
                        problem = 2
                        break
                    if length == NO_ROOM:
                        status = FULL
                        break
                    new_number_of[row] = number_of[at]
                    offset += length
                    row += 1
                    index += 1
        finally:
            PyBuffer_Release(&out_view)
    finally:
        PyBuffer_Release(&view)
    if problem == 1:
        raise ValueError(f"entry {index} of the order is not a row")
    if problem == 2:
        raise ValueError(f"row {at} lies outside its buffer")
    return index, offset, row, status


def only_records(columns, Py_ssize_t rows, int64_t size):
    cdef const uint32_t *record_length = <const uint32_t *>column(columns, "record_length", "I", rows)
    cdef Py_ssize_t row
    with nogil:
        for row in range(rows):
            if not record_length[row]:
                size = -1
                break
            size -= record_length[row]
    return size == 0


cdef enum:
    CACHE_LINE = 64  # bytes


cdef struct MergedRow:
    PacketRow packet
    uint64_t key


cdef struct MergedStream:
    void *memory
    MergedRow *at  # copies of the rows: the columns of many streams would take a cache line and a page for each value
    const unsigned char *buffer
    int64_t size
    Py_ssize_t row, rows, room

cdef struct NextPacket:
    uint64_t key, rank
    Py_ssize_t stream


cdef inline bint comes_before(const NextPacket *a, const NextPacket *b) noexcept nogil:
    return a.key < b.key or (a.key == b.key and a.rank < b.rank)


cdef class PacketMerger:
    cdef MergedStream *streams
    cdef NextPacket *heap
    cdef Py_ssize_t capacity, size
    cdef list held

    def __cinit__(self, Py_ssize_t capacity):
        if not 0 < capacity <= 1 << 20:
            raise ValueError(f"room for {capacity} streams")
        self.streams = <MergedStream *>calloc(capacity, sizeof(MergedStream))
        self.heap = <NextPacket *>malloc(capacity * sizeof(NextPacket))
        if self.streams == NULL or self.heap == NULL:
            raise MemoryError
        self.capacity = capacity
        self.held = [None] * capacity

    def __dealloc__(self):
        cdef Py_ssize_t stream
        if self.streams != NULL:
            for stream in range(self.capacity):
                free(self.streams[stream].memory)
        free(self.streams)
        free(self.heap)

    cdef void sift_up(self, NextPacket packet, Py_ssize_t at, Py_ssize_t top) noexcept nogil:
        """Put a packet at an entry of the heap, or at one above it, not above `top`."""
        cdef Py_ssize_t parent
        while at > top:
            parent = (at - 1) // 2
            if not comes_before(&packet, self.heap + parent):
                break
            self.heap[at] = self.heap[parent]
            at = parent
        self.heap[at] = packet

    cdef void sift_down(self, NextPacket packet) noexcept nogil:
        """Put a packet into the heap, whose first entry is free. It most often belongs far down."""
        cdef Py_ssize_t at = 0, child = 1
        while child < self.size:
            child += child + 1 < self.size and comes_before(self.heap + child + 1, self.heap + child)
            self.heap[at] = self.heap[child]
            at = child
            child = 2 * at + 1
        self.sift_up(packet, at, 0)

    def set_rows(
        self, Py_ssize_t stream, buffer, columns, array.array keys, Py_ssize_t first, Py_ssize_t rows, uint64_t rank
    ):
        cdef MergedStream *entry
        cdef NextPacket packet
        cdef ColumnPointers source
        cdef const uint64_t *key_of
        cdef Py_ssize_t row
        cdef const unsigned char[::1] view = buffer
        if not 0 <= stream < self.capacity or not 0 <= first < rows:
            raise ValueError(f"no stream {stream}, or no rows")
        if self.held[stream] is not None:
            raise ValueError(f"stream {stream} has rows")
        entry = self.streams + stream
        source = all_columns(columns, rows)
        key_of = table(keys, rows)
        if entry.room < rows:
            free(entry.memory)
            entry.room = 0
            entry.memory = malloc((rows + 1) * CACHE_LINE)
            if entry.memory == NULL:
                raise MemoryError
            # each row fills a line
            entry.at = <MergedRow *>((<uintptr_t>entry.memory + CACHE_LINE - 1) // CACHE_LINE * CACHE_LINE)
            entry.room = rows
        with nogil:
            for row in range(first, rows):
                entry.at[row].packet = row_at(&source, row)
                entry.at[row].key = key_of[row]
        entry.buffer = &view[0] if view.shape[0] else NULL
        entry.size = view.shape[0]
        entry.row, entry.rows = first, rows
        self.held[stream] = view  # an export, so that nothing is resized while pointers lead there
        packet.key, packet.rank, packet.stream = entry.at[first].key, rank, stream
        self.size += 1
        self.sift_up(packet, self.size - 1, 0)

    def merge(self, limit, out, Py_ssize_t offset, into, Py_ssize_t row):
        cdef Py_ssize_t room = len(into.ticks), done = -1
        cdef ColumnPointers target = all_columns(into, room)
        cdef bint limited = limit is not None
        cdef uint64_t last = limit if limited else 0
        cdef int64_t length = 0
        cdef int status = MORE
        cdef NextPacket packet
        cdef NextPacket *second
        cdef MergedStream *entry
        cdef MergedStream *likely
        cdef MergedRow *next
        cdef Py_buffer view
        PyObject_GetBuffer(out, &view, PyBUF_WRITABLE)
        try:
            if not 0 <= offset <= view.len or not 0 <= row <= room:
                raise ValueError("the range lies outside the buffer")
            with nogil:
                while self.size and status == MORE and done < 0:
                    packet = self.heap[0]
                    entry = self.streams + packet.stream
                    second = NULL
                    if self.size > 1:
                        second = self.heap + 1
                        if self.size > 2 and comes_before(self.heap + 2, second):
                            second = self.heap + 2
                        likely = self.streams + second.stream
                        fetch_line_ahead(likely.at + likely.row)
                    while True:
                        if limited and packet.key >= last:
                            status = LIMIT
                            break
                        length = gather_row(
                            &entry.at[entry.row].packet, entry.buffer, entry.size, &target, row, room,
                            <unsigned char *>view.buf, offset, view.len
                        )
                        if length < 0:
                            status = FULL
                            break
                        offset += length
                        row += 1
                        entry.row += 1
                        if entry.row == entry.rows:
                            done = packet.stream
                            break
                        next = entry.at + entry.row
                        packet.key = next.key
                        if second != NULL and comes_before(second, &packet):
                            fetch_ahead(entry.buffer, entry.size, next.packet.data_at, next.packet.captured_length)
                            fetch_line_ahead(next + 1)
                            break
                    if done >= 0:
                        self.size -= 1
                        packet = self.heap[self.size]
                    if self.size:
                        self.sift_down(packet)
        finally:
            PyBuffer_Release(&view)
        if length == ROW_OUTSIDE:
            raise ValueError(f"row {entry.row} lies outside its buffer")
        if done >= 0:
            self.held[done] = None
        return done, offset, row, status

    def next_stream(self):
        return self.heap[0].stream if self.size else -1

    def next_row(self, Py_ssize_t stream):
        if not 0 <= stream < self.capacity or self.held[stream] is None:
            raise ValueError(f"stream {stream} has no rows")
        return self.streams[stream].row


include "compiled_indexing.pxi"
include "compiled_encoding.pxi"
include "compiled_selecting.pxi"
include "compiled_editing.pxi"
include "compiled_times.pxi"
include "compiled_ordering.pxi"
include "compiled_comparing.pxi"
include "compiled_counting.pxi"
include "compiled_headers.pxi"
include "compiled_traffic.pxi"
include "compiled_flow_table.pxi"
include "compiled_link_layers.pxi"
include "compiled_decapsulating.pxi"
include "compiled_host_order.pxi"
include "compiled_chains.pxi"
include "compiled_packet_rows.pxi"
include "compiled_packet_appender.pxi"
include "compiled_packet_filter.pxi"
include "compiled_repeat_window.pxi"
include "compiled_tables.pxi"
