# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The kernels, compiled. The modules of `interpreted` are the reference, which documents them; both must do the same.

What kernels share is here. The kernels are in the `.pxi` files, which are included at the end: `compiled_selecting.pxi`
is the compiled form of `interpreted/selecting.py`.

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
include "compiled_packet_merger.pxi"
include "compiled_packet_filter.pxi"
include "compiled_repeat_window.pxi"
include "compiled_tables.pxi"
