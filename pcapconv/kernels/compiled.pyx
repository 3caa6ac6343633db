# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The kernels, compiled. The modules of `interpreted` are the reference, which documents them; both must do the same.

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
    #include <stddef.h>
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
    static inline Py_ssize_t offset_of_item(Py_ssize_t index) {  /* in a tuple */
        return (Py_ssize_t)(offsetof(PyTupleObject, ob_item) + index * sizeof(PyObject *));
    }
    static int no_record(const unsigned char *p, Py_ssize_t header_size) {
        /* Whether it is zeros, or the magic number and version of a pcap file. Neither has a byte above 0x1f after the
           first four, which the caller checks first. */
        int big = 0;
        uint16_t major, minor;
        switch (load32(p, 1)) {
        case 0xA1B2C3D4u: case 0xA1B23C4Du: case 0xA1B2CD34u: case 0x1C0001ACu: case 0x1C0001ABu:
            big = 1;
        case 0xD4C3B2A1u: case 0x4D3CB2A1u: case 0x34CDB2A1u: case 0xAC01001Cu: case 0xAB01001Cu:
            major = load16(p + 4, big);
            minor = load16(p + 6, big);
            return (major == 2 && minor <= 4) || (major == 543 && !minor);
        case 0:
            while (header_size--) if (p[header_size]) return 0;
            return 1;
        }
        return 0;
    }
    enum { STOP_MORE = 0, STOP_UNKNOWN = 5, STOP_FINER = 6, STOP_BEYOND = 7 };
    static inline int in_nanoseconds(uint64_t ticks, const uint64_t *entry, int cut, uint64_t *time, uint64_t *cut_times) {
        unsigned __int128 product = (unsigned __int128)ticks * entry[0];
        __int128 sum;
        int remainder = 0;
        if (entry[1] != 1 || entry[2]) {
            if (!entry[1] && !entry[2]) return STOP_UNKNOWN;
            if (!entry[2] && !(uint64_t)(product >> 64)) {
                remainder = (uint64_t)product % entry[1] != 0;
                product = (uint64_t)product / entry[1];
            } else {
                unsigned __int128 divisor = (unsigned __int128)entry[2] << 64 | entry[1];
                remainder = product % divisor != 0;
                product = product / divisor;
            }
            if (remainder && !cut) return STOP_FINER;
        }
        sum = (__int128)product + (__int128)((unsigned __int128)entry[4] << 64 | entry[3]);
        if (sum < 0 || sum >> 64) return STOP_BEYOND;
        *cut_times += remainder;
        *time = (uint64_t)sum;
        return STOP_MORE;
    }
    static inline uint64_t load64(const unsigned char *p) {
        return (uint64_t)load32(p, 1) << 32 | load32(p + 4, 1);
    }
    static inline uint64_t reduced(unsigned __int128 sum) {
        /* 64 bits that are congruent modulo 2^64 - 59, for which 2^64 counts as 59. Sums are below 2^122, so that there is
           at most one carry. */
        uint64_t low = (uint64_t)sum, result = low + (uint64_t)(sum >> 64) * 59;
        return result < low ? result + 59 : result;
    }
    static inline uint64_t hash_number(unsigned __int128 sum) {
        uint64_t result = reduced(sum);
        if (result >= 0xFFFFFFFFFFFFFFC5u) result -= 0xFFFFFFFFFFFFFFC5u;
        return result * 0x9E3779B97F4A7C15u;
    }
    static inline uint64_t hash_time(uint64_t time, uint32_t length) {
        return hash_number((unsigned __int128)(time >> 32) * 59 + (time << 32 | length));
    }
    static inline uint64_t hash_bytes(const unsigned char *p, uint32_t length) {
        /* Eight words at a time, by weights, so that no product waits for another one. */
        static const uint64_t weights[9] = {1ull, 59ull, 3481ull, 205379ull, 12117361ull, 714924299ull, 42180533641ull,
                                            2488651484819ull, 146830437604321ull};
        unsigned __int128 sum = length;
        uint32_t offset = length & 7, words = length >> 3 & 7, i;
        if (length >= 8 && offset) sum = sum << 8 * offset | load64(p) >> 8 * (8 - offset);
        else for (i = 0; i < offset; i++) sum = sum << 8 | p[i];
        sum = (unsigned __int128)reduced(sum) * weights[words];
        for (i = 1; i <= words; i++, offset += 8) sum += (unsigned __int128)load64(p + offset) * weights[words - i];
        for (; offset < length; offset += 64) {  /* a constant number of words, which the compiler can unroll */
            sum = (unsigned __int128)reduced(sum) * weights[8];
            for (i = 0; i < 8; i++) sum += (unsigned __int128)load64(p + offset + 8 * i) * weights[7 - i];
        }
        return hash_number(sum);
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
    enum { FILTER_WORDS = 16 };
    static int is_sound(uint64_t word, uint64_t behind, uint64_t before) {
        uint32_t k = (uint32_t)word;
        switch (word >> 48) {
        case 0x15: case 0x1D: case 0x25: case 0x2D: case 0x35: case 0x3D: case 0x45: case 0x4D:
            return (word >> 40 & 255) < behind && (word >> 32 & 255) < behind;
        case 0x05:
            return k < behind || (k != 0xFFFFFFFFu && 0x100000000u - k <= before + 1);
        case 0x60: case 0x61: case 0x02: case 0x03:
            return k < FILTER_WORDS;
        case 0x34: case 0x94:
            return k != 0;
        case 0x20: case 0x28: case 0x30: case 0x40: case 0x48: case 0x50: case 0x00: case 0x80:
        case 0x01: case 0x81: case 0xB1: case 0x07: case 0x87: case 0x84: case 0x06: case 0x16:
        case 0x04: case 0x0C: case 0x14: case 0x1C: case 0x24: case 0x2C: case 0x3C: case 0x44: case 0x4C: case 0x54:
        case 0x5C: case 0x64: case 0x6C: case 0x74: case 0x7C: case 0x9C: case 0xA4: case 0xAC:
            return 1;
        }
        return 0;
    }
    static uint32_t run_filter(const uint64_t *next, const unsigned char *p, uint32_t captured, uint32_t original) {
        uint32_t a = 0, x = 0, k, jumps_back = 0, memory[FILTER_WORDS] = {0};
        uint64_t word, at;
        for (;;) {
            word = *next++;
            k = (uint32_t)word;
            switch (word >> 48) {
            case 0x20: at = k; goto load_word;
            case 0x40: at = (uint64_t)x + k;
            load_word:
                if (at + 4 > captured) return 0;
                a = load32(p + at, 1);
                break;
            case 0x28: at = k; goto load_half;
            case 0x48: at = (uint64_t)x + k;
            load_half:
                if (at + 2 > captured) return 0;
                a = load16(p + at, 1);
                break;
            case 0x30: at = k; goto load_byte;
            case 0x50: at = (uint64_t)x + k;
            load_byte:
                if (at >= captured) return 0;
                a = p[at];
                break;
            case 0xB1:
                if (k >= captured) return 0;
                x = (p[k] & 15u) << 2;
                break;
            case 0x00: a = k; break;
            case 0x80: a = original; break;
            case 0x60: a = memory[k]; break;
            case 0x01: x = k; break;
            case 0x81: x = original; break;
            case 0x61: x = memory[k]; break;
            case 0x02: memory[k] = a; break;
            case 0x03: memory[k] = x; break;
            case 0x07: x = a; break;
            case 0x87: a = x; break;
            case 0x05:
                if (k >> 31) {
                    if (jumps_back == captured) return 0;
                    jumps_back++;
                    next -= 0x100000000u - k;
                } else next += k;
                break;
            case 0x1D: k = x; case 0x15: next += a == k ? word >> 40 & 255 : word >> 32 & 255; break;
            case 0x2D: k = x; case 0x25: next += a > k ? word >> 40 & 255 : word >> 32 & 255; break;
            case 0x3D: k = x; case 0x35: next += a >= k ? word >> 40 & 255 : word >> 32 & 255; break;
            case 0x4D: k = x; case 0x45: next += a & k ? word >> 40 & 255 : word >> 32 & 255; break;
            case 0x0C: k = x; case 0x04: a += k; break;
            case 0x1C: k = x; case 0x14: a -= k; break;
            case 0x2C: k = x; case 0x24: a *= k; break;
            case 0x3C: k = x; case 0x34: if (!k) return 0; a /= k; break;
            case 0x9C: k = x; case 0x94: if (!k) return 0; a %= k; break;
            case 0x4C: k = x; case 0x44: a |= k; break;
            case 0x5C: k = x; case 0x54: a &= k; break;
            case 0xAC: k = x; case 0xA4: a ^= k; break;
            case 0x6C: k = x; case 0x64: a = k < 32 ? a << k : 0; break;
            case 0x7C: k = x; case 0x74: a = k < 32 ? a >> k : 0; break;
            case 0x84: a = 0u - a; break;
            case 0x16: return a;
            default: return k;  /* 0x06: no other instruction is sound */
            }
        }
    }
    static inline __int128 floored(__int128 time, __int128 width) {
        if (time >= 0 && !(time >> 64) && !(width >> 64)) return (uint64_t)time / (uint64_t)width;
        return time / width - (time % width < 0);
    }
    """
    ctypedef signed long long int_128_t "__int128"
    uint64_t hash_keyed(const unsigned char *p, uint32_t length, uint64_t key, uint64_t also) nogil
    void fetch_ahead(const unsigned char *buffer, int64_t size, int64_t at, uint32_t length) nogil
    void fetch_line_ahead(const void *line) nogil
    int_128_t int_128(uint64_t high, uint64_t low) nogil
    int_128_t exact_time(uint64_t ticks, const uint64_t *entry) nogil
    int_128_t floored(int_128_t time, int_128_t width) nogil
    bint is_sound(uint64_t word, uint64_t behind, uint64_t before) nogil
    uint32_t run_filter(const uint64_t *next, const unsigned char *p, uint32_t captured, uint32_t original) nogil
    uint64_t hash_time(uint64_t time, uint32_t length) nogil
    uint64_t hash_bytes(const unsigned char *p, uint32_t length) nogil
    int in_nanoseconds(uint64_t ticks, const uint64_t *entry, int cut, uint64_t *time, uint64_t *cut_times) nogil
    uint16_t load16(const unsigned char *p, int big) nogil
    uint32_t load32(const unsigned char *p, int big) nogil
    void store16(unsigned char *p, uint16_t v, int big) nogil
    void store32(unsigned char *p, uint32_t v, int big) nogil
    Py_ssize_t offset_of_item(Py_ssize_t index)
    bint no_record(const unsigned char *p, Py_ssize_t header_size) nogil


NAME = "compiled"

cdef enum:
    MORE = 0
    FULL = 1
    NOT_A_RECORD = 2
    BEFORE_1970 = 3
    AFTER_2106 = 4
    LIMIT = 8

cdef enum:
    SCALE = 6             # as in contract.py
    NANOSECOND_SCALE = 6
    RANGE = 3
    SHIFT = 2
    CUT = 4
    TOTALS = 5
    FINGERPRINT = 10
    EXACT_SCALE = 5
    RECORD_LIMITS = 6
    TIME_BOUNDS = 2
    MOST_ORIGINAL = 134217728

cdef enum:
    LONGEST = 0           # entries of `limits`, as in contract.py
    FRACTIONS = 1
    EARLIEST = 2
    LATEST = 3
    TIME_STEP = 4
    ANY_LENGTHS = 5

cdef enum:
    SHORT_RUN = 16  # keys that are sorted by insertion

cdef enum:
    SIMPLE = 3
    OBSOLETE = 2
    ENHANCED = 6

cdef enum:
    DESCRIPTIONS = 64  # interfaces that are remembered, a power of two
    PACKET_ITEMS = 9   # items of a packet

cdef extern from "Python.h":
    ctypedef struct PyTypeObject:
        pass
    object PyType_GenericAlloc(PyTypeObject *type, Py_ssize_t items)
    void PyObject_GC_UnTrack(void *object)
    object PyDescr_NewMember(PyTypeObject *type, PyMemberDef *member)

cdef extern from "structmember.h":
    ctypedef struct PyMemberDef:
        const char *name
        int type
        Py_ssize_t offset
        int flags
        const char *doc
    int T_OBJECT_EX
    int READONLY


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


def index_pcap(buffer, Py_ssize_t start, Py_ssize_t stop, columns, bint big, Py_ssize_t header_size, int swap, uint64_t ticks_per_second):
    cdef Py_ssize_t capacity = len(columns.ticks), rows = 0, offset = start
    cdef int64_t *record_at = <int64_t *>column(columns, "record_at", "q", capacity)
    cdef uint32_t *record_length = <uint32_t *>column(columns, "record_length", "I", capacity)
    cdef int64_t *data_at = <int64_t *>column(columns, "data_at", "q", capacity)
    cdef uint32_t *captured_length = <uint32_t *>column(columns, "captured_length", "I", capacity)
    cdef uint32_t *original_length = <uint32_t *>column(columns, "original_length", "I", capacity)
    cdef uint64_t *ticks = <uint64_t *>column(columns, "ticks", "Q", capacity)
    cdef uint32_t seconds, captured, original, fraction, swapped_length
    cdef Py_ssize_t long_fractions = 0
    cdef int status = MORE
    cdef const unsigned char *data
    cdef Py_buffer view
    PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
    try:
        if header_size < 16 or not 0 <= start <= stop <= view.len:
            raise ValueError("the range lies outside the buffer")
        data = <const unsigned char *>view.buf
        with nogil:
            while True:
                if stop - offset < header_size:
                    break
                if rows == capacity:
                    status = FULL
                    break
                seconds = load32(data + offset, big)
                fraction = load32(data + offset + 4, big)
                captured = load32(data + offset + 8, big)
                original = load32(data + offset + 12, big)
                if not fraction & 0xE0E0E0E0u and no_record(data + offset, header_size):
                    status = NOT_A_RECORD
                    break
                if swap == 2 or (swap == 1 and captured > original):
                    swapped_length = captured
                    captured = original
                    original = swapped_length
                if <int64_t>captured > stop - offset - header_size or captured > 0xFFFFFFFFu - header_size:
                    break
                long_fractions += fraction >= ticks_per_second
                record_at[rows] = offset
                record_length[rows] = <uint32_t>(header_size + captured)
                data_at[rows] = offset + header_size
                captured_length[rows] = captured
                original_length[rows] = original
                ticks[rows] = <uint64_t>seconds * ticks_per_second + fraction
                offset += header_size + captured
                rows += 1
    finally:
        PyBuffer_Release(&view)
    return rows, offset, status, long_fractions


def index_pcapng(buffer, Py_ssize_t start, Py_ssize_t stop, columns, bint big, uint32_t interfaces, uint32_t snaplen):
    cdef Py_ssize_t capacity = len(columns.ticks), rows = 0, offset = start
    cdef int64_t *record_at = <int64_t *>column(columns, "record_at", "q", capacity)
    cdef uint32_t *record_length = <uint32_t *>column(columns, "record_length", "I", capacity)
    cdef uint8_t *record_type = <uint8_t *>column(columns, "record_type", "B", capacity)
    cdef int64_t *data_at = <int64_t *>column(columns, "data_at", "q", capacity)
    cdef uint32_t *captured_length = <uint32_t *>column(columns, "captured_length", "I", capacity)
    cdef uint32_t *original_length = <uint32_t *>column(columns, "original_length", "I", capacity)
    cdef uint64_t *ticks = <uint64_t *>column(columns, "ticks", "Q", capacity)
    cdef uint32_t *interface = <uint32_t *>column(columns, "interface", "I", capacity)
    cdef int64_t *options_at = <int64_t *>column(columns, "options_at", "q", capacity)
    cdef uint32_t *options_length = <uint32_t *>column(columns, "options_length", "I", capacity)
    cdef uint32_t block_type, length, captured, original, interface_id
    cdef uint64_t padded
    cdef int status = MORE
    cdef const unsigned char *data
    cdef const unsigned char *block
    cdef Py_buffer view
    PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
    try:
        if not 0 <= start <= stop <= view.len:
            raise ValueError("the range lies outside the buffer")
        data = <const unsigned char *>view.buf
        with nogil:
            while True:
                if stop - offset < 12:
                    break
                if rows == capacity:
                    status = FULL
                    break
                block = data + offset
                block_type = load32(block, big)
                length = load32(block + 4, big)
                if length & 3 or (block_type != ENHANCED and block_type != SIMPLE and block_type != OBSOLETE):
                    status = NOT_A_RECORD
                    break
                if <int64_t>length > stop - offset:
                    break
                if length < 16 or load32(block + length - 4, big) != length:
                    status = NOT_A_RECORD
                    break
                if block_type == SIMPLE:
                    interface_id = 0
                    original = load32(block + 8, big)
                    captured = original
                    if snaplen and captured > snaplen:
                        captured = snaplen
                    if not interfaces or captured > length - 16:
                        status = NOT_A_RECORD
                        break
                    ticks[rows] = 0
                    data_at[rows] = offset + 12
                    options_at[rows] = offset
                    options_length[rows] = 0
                else:
                    if length < 32:
                        status = NOT_A_RECORD
                        break
                    captured = load32(block + 20, big)
                    original = load32(block + 24, big)
                    interface_id = load16(block + 8, big) if block_type == OBSOLETE else load32(block + 8, big)
                    if captured > length - 32 or interface_id >= interfaces:
                        status = NOT_A_RECORD
                        break
                    padded = (<uint64_t>captured + 3) & ~<uint64_t>3
                    ticks[rows] = <uint64_t>load32(block + 12, big) << 32 | load32(block + 16, big)
                    data_at[rows] = offset + 28
                    options_at[rows] = offset + 28 + <int64_t>padded
                    options_length[rows] = <uint32_t>(length - 32 - padded)
                record_at[rows] = offset
                record_length[rows] = length
                record_type[rows] = <uint8_t>block_type
                captured_length[rows] = captured
                original_length[rows] = original
                interface[rows] = interface_id
                offset += length
                rows += 1
    finally:
        PyBuffer_Release(&view)
    return rows, offset, status


def encode_pcap(buffer, columns, Py_ssize_t first, Py_ssize_t stop, out, Py_ssize_t offset, bint big, array.array scales, array.array counts):
    cdef Py_ssize_t row = first
    cdef const int64_t *data_at = <const int64_t *>column(columns, "data_at", "q", stop)
    cdef const uint8_t *record_type = <const uint8_t *>column(columns, "record_type", "B", stop)
    cdef const uint32_t *captured_length = <const uint32_t *>column(columns, "captured_length", "I", stop)
    cdef const uint32_t *original_length = <const uint32_t *>column(columns, "original_length", "I", stop)
    cdef const uint64_t *ticks = <const uint64_t *>column(columns, "ticks", "Q", stop)
    cdef const uint32_t *interface = <const uint32_t *>column(columns, "interface", "I", stop)
    cdef uint64_t interfaces = len(scales) // SCALE
    cdef const uint64_t *entries = table(scales, 0)
    cdef uint64_t *tally = table(counts, 3)
    cdef const uint64_t *entry
    cdef uint64_t interface_id
    cdef uint64_t seconds, remainder, cut_times = 0, timeless = 0, longest = tally[2]
    cdef uint32_t captured, fraction
    cdef int status = MORE
    cdef bint outside = False
    cdef unsigned char *target
    cdef Py_buffer view, out_view
    for interface_id in range(interfaces):
        if entries[interface_id * SCALE] == 0 or entries[interface_id * SCALE + 2] == 0:
            raise ValueError("a scale table divides by 0")
    PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
    try:
        PyObject_GetBuffer(out, &out_view, PyBUF_WRITABLE)
        try:
            if first < 0 or not 0 <= offset <= out_view.len:
                raise ValueError("the range lies outside the buffer")
            with nogil:
                while row < stop:
                    captured = captured_length[row]
                    if not inside(data_at[row], captured, view.len) or interface[row] >= interfaces:
                        outside = True
                        break
                    if out_view.len - offset < <int64_t>captured + 16:
                        status = FULL
                        break
                    if record_type[row] == SIMPLE:
                        seconds = fraction = 0
                        timeless += 1
                    else:
                        entry = entries + <uint64_t>interface[row] * SCALE
                        if entry[0] == 1000000:
                            seconds = ticks[row] // <uint64_t>1000000
                            remainder = ticks[row] - seconds * 1000000
                        elif entry[0] == 1000000000:
                            seconds = ticks[row] // <uint64_t>1000000000
                            remainder = ticks[row] - seconds * 1000000000
                        else:
                            seconds = ticks[row] // entry[0]
                            remainder = ticks[row] - seconds * entry[0]
                        remainder = remainder * entry[1]
                        if entry[2] != 1:
                            fraction = <uint32_t>(remainder // entry[2])
                            cut_times += remainder % entry[2] != 0
                        else:
                            fraction = <uint32_t>remainder
                        if entry[4]:
                            if seconds < entry[3]:
                                status = BEFORE_1970
                                break
                            seconds -= entry[3]
                        elif seconds <= 0xFFFFFFFFu:
                            seconds += entry[3]
                        if seconds > 0xFFFFFFFFu:
                            status = AFTER_2106
                            break
                    target = <unsigned char *>out_view.buf + offset
                    store32(target, <uint32_t>seconds, big)
                    store32(target + 4, fraction, big)
                    store32(target + 8, captured, big)
                    store32(target + 12, original_length[row], big)
                    memcpy(target + 16, <const unsigned char *>view.buf + data_at[row], captured)
                    if captured > longest:
                        longest = captured
                    offset += 16 + <Py_ssize_t>captured
                    row += 1
        finally:
            PyBuffer_Release(&out_view)
    finally:
        PyBuffer_Release(&view)
    tally[0] += cut_times
    tally[1] += timeless
    tally[2] = longest
    if outside:
        raise ValueError(f"row {row} lies outside its buffer or names an interface that is not there")
    return row, offset, status


def copy_records(buffer, columns, Py_ssize_t first, Py_ssize_t stop, out, Py_ssize_t offset):
    cdef Py_ssize_t row = first
    cdef const int64_t *record_at = <const int64_t *>column(columns, "record_at", "q", stop)
    cdef const uint32_t *record_length = <const uint32_t *>column(columns, "record_length", "I", stop)
    cdef uint32_t length
    cdef int status = MORE
    cdef bint outside = False
    cdef Py_buffer view, out_view
    PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
    try:
        PyObject_GetBuffer(out, &out_view, PyBUF_WRITABLE)
        try:
            if first < 0 or not 0 <= offset <= out_view.len:
                raise ValueError("the range lies outside the buffer")
            with nogil:
                while row < stop:
                    length = record_length[row]
                    if not inside(record_at[row], length, view.len):
                        outside = True
                        break
                    if out_view.len - offset < <int64_t>length:
                        status = FULL
                        break
                    memcpy(<unsigned char *>out_view.buf + offset, <const unsigned char *>view.buf + record_at[row], length)
                    offset += <Py_ssize_t>length
                    row += 1
        finally:
            PyBuffer_Release(&out_view)
    finally:
        PyBuffer_Release(&view)
    if outside:
        raise ValueError(f"row {row} lies outside its buffer")
    return row, offset, status


def encode_pcapng(buffer, columns, Py_ssize_t first, Py_ssize_t stop, out, Py_ssize_t offset, bint big, bint copy):
    cdef Py_ssize_t row = first
    cdef const int64_t *data_at = <const int64_t *>column(columns, "data_at", "q", stop)
    cdef const uint8_t *record_type = <const uint8_t *>column(columns, "record_type", "B", stop)
    cdef const uint32_t *captured_length = <const uint32_t *>column(columns, "captured_length", "I", stop)
    cdef const uint32_t *original_length = <const uint32_t *>column(columns, "original_length", "I", stop)
    cdef const uint64_t *ticks = <const uint64_t *>column(columns, "ticks", "Q", stop)
    cdef const uint32_t *interface = <const uint32_t *>column(columns, "interface", "I", stop)
    cdef const int64_t *options_at = <const int64_t *>column(columns, "options_at", "q", stop)
    cdef const uint32_t *options_length = <const uint32_t *>column(columns, "options_length", "I", stop)
    cdef const int64_t *record_at = <const int64_t *>column(columns, "record_at", "q", stop)
    cdef const uint32_t *record_length = <const uint32_t *>column(columns, "record_length", "I", stop)
    cdef uint32_t captured, options_size, header
    cdef uint64_t total, padded
    cdef int status = MORE
    cdef bint outside = False
    cdef unsigned char *target
    cdef const unsigned char *data
    cdef Py_buffer view, out_view
    PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
    try:
        PyObject_GetBuffer(out, &out_view, PyBUF_WRITABLE)
        try:
            if first < 0 or not 0 <= offset <= out_view.len:
                raise ValueError("the range lies outside the buffer")
            data = <const unsigned char *>view.buf
            with nogil:
                while row < stop:
                    if copy and record_length[row]:
                        total = record_length[row]
                        if not inside(record_at[row], <uint32_t>total, view.len):
                            outside = True
                            break
                        if out_view.len - offset < <int64_t>total:
                            status = FULL
                            break
                        memcpy(<unsigned char *>out_view.buf + offset, data + record_at[row], total)
                        offset += <Py_ssize_t>total
                        row += 1
                        continue
                    captured = captured_length[row]
                    header = 12 if record_type[row] == SIMPLE else 28
                    options_size = 0 if record_type[row] == SIMPLE else options_length[row]
                    padded = (<uint64_t>captured + 3) & ~<uint64_t>3
                    total = header + 4 + padded + options_size
                    if (
                        not inside(data_at[row], captured, view.len)
                        or options_size & 3 or total > 0xFFFFFFFFu
                    ):
                        outside = True
                        break
                    if out_view.len - offset < <int64_t>total:
                        status = FULL
                        break
                    if options_size and not inside(options_at[row], options_size, view.len):
                        outside = True
                        break
                    target = <unsigned char *>out_view.buf + offset
                    store32(target + 4, <uint32_t>total, big)
                    if record_type[row] == SIMPLE:
                        store32(target, SIMPLE, big)
                        store32(target + 8, original_length[row], big)
                    else:
                        store32(target, ENHANCED, big)
                        store32(target + 8, interface[row], big)
                        store32(target + 12, <uint32_t>(ticks[row] >> 32), big)
                        store32(target + 16, <uint32_t>ticks[row], big)
                        store32(target + 20, captured, big)
                        store32(target + 24, original_length[row], big)
                    if captured & 3:
                        memset(target + header + padded - 4, 0, 4)
                    memcpy(target + header, data + data_at[row], captured)
                    if options_size:
                        memcpy(target + header + padded, data + options_at[row], options_size)
                    store32(target + total - 4, <uint32_t>total, big)
                    offset += <Py_ssize_t>total
                    row += 1
        finally:
            PyBuffer_Release(&out_view)
    finally:
        PyBuffer_Release(&view)
    if outside:
        raise ValueError(f"row {row} lies outside its buffer, or its block would be longer than 4 GiB")
    return row, offset, status


def rows_in_ranges(columns, Py_ssize_t rows, array.array ranges, mask):
    cdef const uint8_t *record_type = <const uint8_t *>column(columns, "record_type", "B", rows)
    cdef const uint64_t *ticks = <const uint64_t *>column(columns, "ticks", "Q", rows)
    cdef const uint32_t *interface = <const uint32_t *>column(columns, "interface", "I", rows)
    cdef uint64_t interfaces = len(ranges) // RANGE
    cdef const uint64_t *entries = table(ranges, 0)
    cdef const uint64_t *entry
    cdef unsigned char *selected
    cdef Py_ssize_t row = 0, count = 0
    cdef bint outside = False
    cdef Py_buffer mask_view
    PyObject_GetBuffer(mask, &mask_view, PyBUF_WRITABLE)
    try:
        if mask_view.len < rows:
            raise ValueError(f"a mask of fewer than {rows} rows")
        selected = <unsigned char *>mask_view.buf
        with nogil:
            while row < rows:
                if interface[row] >= interfaces:
                    outside = True
                    break
                entry = entries + <uint64_t>interface[row] * RANGE
                if record_type[row] == SIMPLE:
                    if not entry[2]:
                        selected[row] = 0
                elif ticks[row] < entry[0] or ticks[row] > entry[1]:
                    selected[row] = 0
                count += selected[row] != 0
                row += 1
    finally:
        PyBuffer_Release(&mask_view)
    if outside:
        raise ValueError(f"row {row} names an interface that is not there")
    return count


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


def copy_rows(columns, Py_ssize_t rows, mask, into):
    cdef ColumnPointers source = all_columns(columns, rows)
    cdef ColumnPointers target
    cdef const unsigned char *chosen
    cdef Py_ssize_t row, count = 0
    cdef Py_buffer view
    PyObject_GetBuffer(mask, &view, PyBUF_SIMPLE)
    try:
        if view.len < rows:
            raise ValueError(f"a mask of fewer than {rows} rows")
        chosen = <const unsigned char *>view.buf
        with nogil:
            for row in range(rows):
                count += chosen[row] != 0
        target = all_columns(into, count)
        count = 0
        with nogil:
            for row in range(rows):
                if chosen[row]:
                    copy_row(&source, row, &target, count)
                    count += 1
    finally:
        PyBuffer_Release(&view)
    return count


def renumber(buffer, columns, Py_ssize_t rows, array.array ids, bint big):
    cdef const int64_t *record_at = <const int64_t *>column(columns, "record_at", "q", rows)
    cdef const uint32_t *record_length = <const uint32_t *>column(columns, "record_length", "I", rows)
    cdef const uint8_t *record_type = <const uint8_t *>column(columns, "record_type", "B", rows)
    cdef uint32_t *interface = <uint32_t *>column(columns, "interface", "I", rows)
    cdef uint64_t interfaces = len(ids), new_id = 0
    cdef const uint64_t *new_ids = table(ids, 0)
    cdef bint obsolete, unknown = False, outside = False
    cdef unsigned char *block
    cdef Py_ssize_t row = 0
    cdef Py_buffer view
    PyObject_GetBuffer(buffer, &view, PyBUF_WRITABLE)
    try:
        with nogil:
            while row < rows:
                if interface[row] >= interfaces:
                    unknown = True
                    break
                new_id = new_ids[interface[row]]
                if record_length[row] and (record_type[row] == ENHANCED or record_type[row] == OBSOLETE):
                    obsolete = record_type[row] == OBSOLETE
                    if new_id > (<uint64_t>0xFFFFu if obsolete else <uint64_t>0xFFFFFFFFu):
                        break
                    if not inside(record_at[row], 12, view.len):
                        outside = True
                        break
                    block = <unsigned char *>view.buf + record_at[row]
                    if obsolete:
                        store16(block + 8, <uint16_t>new_id, big)
                    else:
                        store32(block + 8, <uint32_t>new_id, big)
                elif new_id > 0xFFFFFFFFu:
                    break
                interface[row] = <uint32_t>new_id
                row += 1
    finally:
        PyBuffer_Release(&view)
    if unknown:
        raise ValueError(f"row {row} names an interface that is not there")
    if outside:
        raise ValueError(f"row {row} lies outside its buffer")
    if row < rows:
        raise ValueError(f"row {row} has no room for interface {new_id}")


def cut_packets(columns, Py_ssize_t rows, uint32_t front, uint32_t end, uint32_t snaplen, bint adjust):
    cdef uint32_t *record_length = <uint32_t *>column(columns, "record_length", "I", rows)
    cdef int64_t *data_at = <int64_t *>column(columns, "data_at", "q", rows)
    cdef uint32_t *captured_length = <uint32_t *>column(columns, "captured_length", "I", rows)
    cdef uint32_t *original_length = <uint32_t *>column(columns, "original_length", "I", rows)
    cdef uint32_t captured, cut, chopped, remaining
    cdef Py_ssize_t row = 0, changed = 0
    cdef bint outside = False
    with nogil:
        while row < rows:
            captured = captured_length[row]
            cut = front if front < captured else captured
            chopped = captured - cut
            chopped = chopped - end if chopped > end else 0
            remaining = chopped if chopped < snaplen else snaplen
            if remaining != captured:
                if data_at[row] > INT64_MAX - <int64_t>cut:
                    outside = True
                    break
                data_at[row] += cut
                captured_length[row] = remaining
                record_length[row] = 0
                if adjust:
                    subtract(original_length + row, captured - chopped)
                changed += 1
            row += 1
    if outside:
        raise ValueError(f"row {row} lies outside its buffer")
    return changed


cdef inline void subtract(uint32_t *length, uint32_t removed) noexcept nogil:
    length[0] = length[0] - removed if length[0] > removed else 0


cdef inline bint gap(const uint64_t *entry, int64_t captured, int64_t *start, int64_t *stop) noexcept nogil:
    """Whether a packet has the bytes of an entry of `cuts`; sets where they begin and end."""
    cdef int64_t place
    if entry[0] > <uint64_t>captured:
        return False
    place = captured - <int64_t>entry[0] if entry[1] else <int64_t>entry[0]
    start[0] = 0 if entry[2] > <uint64_t>place else place - <int64_t>entry[2]
    stop[0] = captured if entry[3] > <uint64_t>(captured - place) else place + <int64_t>entry[3]
    return start[0] < stop[0]


cdef inline int64_t next_piece(const uint64_t *entries, Py_ssize_t places, int64_t captured, int64_t *begin) noexcept nogil:
    """Move `begin` to the next byte that remains, at or after it, and return where its piece ends; `captured` is the
    end of both if nothing remains."""
    cdef int64_t start = 0, stop = 0, end = captured
    cdef Py_ssize_t index
    cdef bint moved = True
    while moved:
        moved = False
        for index in range(places):
            if gap(entries + index * CUT, captured, &start, &stop) and start <= begin[0] < stop:
                begin[0] = stop
                moved = True
    for index in range(places):
        if gap(entries + index * CUT, captured, &start, &stop) and begin[0] < start < end:
            end = start
    return end


def remove_bytes(buffer, columns, Py_ssize_t rows, array.array cuts, bint adjust, out, int64_t base):
    cdef uint32_t *record_length = <uint32_t *>column(columns, "record_length", "I", rows)
    cdef int64_t *data_at = <int64_t *>column(columns, "data_at", "q", rows)
    cdef uint32_t *captured_length = <uint32_t *>column(columns, "captured_length", "I", rows)
    cdef uint32_t *original_length = <uint32_t *>column(columns, "original_length", "I", rows)
    cdef const uint64_t *entries = table(cuts, 0)
    cdef Py_ssize_t places = len(cuts) // CUT, row = 0, changed = 0, used = 0, at
    cdef int64_t captured, remaining, begin, end, first
    cdef int pieces, problem = 0
    cdef const unsigned char *data
    cdef unsigned char *joined
    cdef Py_buffer view, out_view
    PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
    try:
        PyObject_GetBuffer(out, &out_view, PyBUF_WRITABLE)
        try:
            joined = <unsigned char *>out_view.buf
            with nogil:
                while row < rows:
                    captured = captured_length[row]
                    remaining = begin = first = 0
                    pieces = 0
                    while begin < captured:
                        end = next_piece(entries, places, captured, &begin)
                        if begin < end:
                            if not pieces:
                                first = begin
                            pieces += 1
                            remaining += end - begin
                        begin = end
                    if remaining == captured:
                        row += 1
                        continue
                    if not inside(data_at[row], captured_length[row], view.len):
                        problem = 1
                        break
                    if pieces > 1:
                        if remaining > out_view.len - used:
                            problem = 2
                            break
                        data = <const unsigned char *>view.buf + data_at[row]
                        at = used
                        begin = 0
                        while begin < captured:
                            end = next_piece(entries, places, captured, &begin)
                            memcpy(joined + at, data + begin, end - begin)
                            at += end - begin
                            begin = end
                        data_at[row] = base + used
                        used = at
                    else:
                        data_at[row] += first
                    captured_length[row] = <uint32_t>remaining
                    record_length[row] = 0
                    if adjust:
                        subtract(original_length + row, <uint32_t>(captured - remaining))
                    changed += 1
                    row += 1
        finally:
            PyBuffer_Release(&out_view)
    finally:
        PyBuffer_Release(&view)
    if problem == 1:
        raise ValueError(f"row {row} lies outside its buffer")
    if problem == 2:
        raise ValueError(f"no room for row {row}")
    return changed, used


def shift_times(columns, Py_ssize_t rows, array.array shifts):
    cdef uint32_t *record_length = <uint32_t *>column(columns, "record_length", "I", rows)
    cdef const uint8_t *record_type = <const uint8_t *>column(columns, "record_type", "B", rows)
    cdef uint64_t *ticks = <uint64_t *>column(columns, "ticks", "Q", rows)
    cdef const uint32_t *interface = <const uint32_t *>column(columns, "interface", "I", rows)
    cdef uint64_t interfaces = len(shifts) // SHIFT
    cdef const uint64_t *entries = table(shifts, 0)
    cdef const uint64_t *entry
    cdef Py_ssize_t row = 0
    cdef bint outside = False
    with nogil:
        while row < rows:
            if interface[row] >= interfaces:
                outside = True
                break
            entry = entries + <uint64_t>interface[row] * SHIFT
            if record_type[row] != SIMPLE:
                if entry[1]:
                    if ticks[row] < entry[0]:
                        break
                    ticks[row] -= entry[0]
                else:
                    if ticks[row] > <uint64_t>0xFFFFFFFFFFFFFFFFu - entry[0]:
                        break
                    ticks[row] += entry[0]
                record_length[row] = 0
            row += 1
    if outside:
        raise ValueError(f"row {row} names an interface that is not there")
    return row


cdef inline bint fits_128_bits(const uint64_t *entry) noexcept nogil:
    """Whether all intermediate results fit into 128 bits."""
    return not entry[0] >> 62 and (<int64_t>entry[4] >> 62 == 0 or <int64_t>entry[4] >> 62 == -1) and entry[5] <= 0xFFFFFFFFu


def to_nanoseconds(columns, Py_ssize_t first, Py_ssize_t stop, array.array scales, bint cut):
    cdef Py_ssize_t row = first
    cdef const uint8_t *record_type = <const uint8_t *>column(columns, "record_type", "B", stop)
    cdef uint64_t *ticks = <uint64_t *>column(columns, "ticks", "Q", stop)
    cdef uint32_t *interface = <uint32_t *>column(columns, "interface", "I", stop)
    cdef const uint64_t *entries = table(scales, NANOSECOND_SCALE)
    cdef const uint64_t *entry
    cdef uint64_t interfaces = len(scales) // NANOSECOND_SCALE - 1
    cdef uint64_t time = 0, cut_times = 0
    cdef int status = MORE
    cdef bint outside = False, too_large = False
    if not 0 <= first <= stop:
        raise ValueError("a row that is not there")
    with nogil:
        while row < stop:
            if interface[row] >= interfaces:
                outside = True
                break
            if record_type[row] == SIMPLE:
                entry = entries + interfaces * NANOSECOND_SCALE
            else:
                entry = entries + <uint64_t>interface[row] * NANOSECOND_SCALE
            too_large = not fits_128_bits(entry)
            if too_large:
                break
            status = in_nanoseconds(ticks[row], entry, cut, &time, &cut_times)
            if status != MORE:
                break
            entry = entries + <uint64_t>interface[row] * NANOSECOND_SCALE
            too_large = not fits_128_bits(entry)
            if too_large:
                break
            ticks[row] = time
            interface[row] = <uint32_t>entry[5]
            row += 1
    if too_large:
        raise ValueError("a scale that is too large")
    if outside:
        raise ValueError(f"row {row} names an interface that is not there")
    return row, cut_times, status


def first_out_of_order(columns, Py_ssize_t first, Py_ssize_t stop):
    cdef Py_ssize_t row = first
    cdef const uint64_t *ticks = <const uint64_t *>column(columns, "ticks", "Q", stop)
    if not 0 <= first <= stop:
        raise ValueError("a row that is not there")
    if first == stop:
        return stop
    with nogil:
        row += 1
        while row < stop and ticks[row] >= ticks[row - 1]:
            row += 1
    return row


def first_too_early(columns, Py_ssize_t first, Py_ssize_t stop, uint64_t latest, uint64_t slack):
    cdef Py_ssize_t row = first
    cdef const uint8_t *record_type = <const uint8_t *>column(columns, "record_type", "B", stop)
    cdef const uint64_t *ticks = <const uint64_t *>column(columns, "ticks", "Q", stop)
    if not 0 <= first <= stop:
        raise ValueError("a row that is not there")
    with nogil:
        while row < stop:
            if record_type[row] != SIMPLE:
                if ticks[row] >= latest:
                    latest = ticks[row]
                elif latest - ticks[row] > slack:
                    break
            row += 1
    return row, latest


def count_falls(array.array keys, uint64_t previous, uint64_t latest):
    cdef const uint64_t *key_of = table(keys, 0)
    cdef Py_ssize_t size = len(keys), index, falls = 0, first = size, highest = -1
    cdef uint64_t key, most = 0
    with nogil:
        for index in range(size):
            key = key_of[index]
            if key < previous:
                falls += 1
                if first == size:
                    first = index
            if key > latest:
                latest, highest = key, index
            elif latest - key > most:
                most = latest - key
            previous = key
    return falls, first, most, highest


def extremes(array.array keys):
    cdef const uint64_t *key_of = table(keys, 0)
    cdef Py_ssize_t size = len(keys), index, lowest = 0, highest = 0
    if not size:
        raise ValueError("no keys")
    with nogil:
        for index in range(size):
            if key_of[index] < key_of[lowest]:
                lowest = index
            if key_of[index] >= key_of[highest]:
                highest = index
    return lowest, highest


def first_over_limit(columns, Py_ssize_t first, Py_ssize_t stop, array.array limits):
    cdef Py_ssize_t row = first
    cdef const uint32_t *captured_length = <const uint32_t *>column(columns, "captured_length", "I", stop)
    cdef const uint32_t *interface = <const uint32_t *>column(columns, "interface", "I", stop)
    cdef const uint64_t *limit_of = table(limits, 0)
    cdef Py_ssize_t interfaces = len(limits)
    if not 0 <= first <= stop:
        raise ValueError("a row that is not there")
    with nogil:
        while row < stop and interface[row] < interfaces and captured_length[row] <= limit_of[interface[row]]:
            row += 1
    if row < stop and interface[row] >= interfaces:
        raise ValueError(f"row {row} names an interface that is not there")
    return row


cdef void sort_short_run(const uint64_t *key, int64_t *order, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    cdef Py_ssize_t index, to
    cdef int64_t moved
    for index in range(begin + 1, end):
        moved = order[index]
        to = index
        while to > begin and key[order[to - 1]] > key[moved]:
            order[to] = order[to - 1]
            to -= 1
        order[to] = moved


cdef void merge_runs(
    const uint64_t *key, const int64_t *order, int64_t *into, Py_ssize_t begin, Py_ssize_t middle, Py_ssize_t end
) noexcept nogil:
    cdef Py_ssize_t left = begin, right = middle, index = begin
    if middle == end or key[order[middle - 1]] <= key[order[middle]]:
        memcpy(into + begin, order + begin, (end - begin) * sizeof(int64_t))
        return
    while left < middle and right < end:
        if key[order[left]] <= key[order[right]]:
            into[index] = order[left]
            left += 1
        else:
            into[index] = order[right]
            right += 1
        index += 1
    memcpy(into + index, order + left, (middle - left) * sizeof(int64_t))
    memcpy(into + index + (middle - left), order + right, (end - right) * sizeof(int64_t))


def argsort(array.array keys):
    cdef const uint64_t *key = table(keys, 0)
    cdef Py_ssize_t size = len(keys), width = SHORT_RUN, index
    cdef array.array sorted_order = array.clone(array.array("q"), size, zero=False)
    cdef array.array spare = array.clone(sorted_order, size, zero=False)
    cdef int64_t *order = <int64_t *>sorted_order.data.as_voidptr
    cdef int64_t *into = <int64_t *>spare.data.as_voidptr
    with nogil:
        for index in range(size):
            order[index] = index
        index = 0
        while index < size:
            sort_short_run(key, order, index, index + SHORT_RUN if size - index > SHORT_RUN else size)
            index += SHORT_RUN
        while width < size:
            index = 0
            while index < size:
                merge_runs(
                    key,
                    order,
                    into,
                    index,
                    index + width if size - index > width else size,
                    index + 2 * width if size - index > 2 * width else size,
                )
                index += 2 * width
            order, into = into, order
            width *= 2
    return sorted_order if order == <int64_t *>sorted_order.data.as_voidptr else spare


def match_keys(array.array a_keys, array.array b_keys, array.array partners):
    cdef array.array a_order = argsort(a_keys), b_order = argsort(b_keys), uneven = array.array("q")
    cdef const uint64_t *a_key_of = table(a_keys, 0)
    cdef const uint64_t *b_key_of = table(b_keys, 0)
    cdef const int64_t *a_index = <const int64_t *>a_order.data.as_voidptr
    cdef const int64_t *b_index = <const int64_t *>b_order.data.as_voidptr
    cdef int32_t *partner_of
    cdef Py_ssize_t a = 0, b = 0, a_end, b_end, index, a_size = len(a_keys), b_size = len(b_keys)
    cdef uint64_t a_key, b_key
    if partners.typecode != "i" or len(partners) < b_size:
        raise ValueError(f"no room for the partners of {b_size} rows")
    partner_of = <int32_t *>partners.data.as_voidptr
    while a < a_size and b < b_size:
        a_key, b_key = a_key_of[a_index[a]], b_key_of[b_index[b]]
        if a_key != b_key:
            a += a_key < b_key
            b += b_key < a_key
            continue
        a_end, b_end = a, b
        while a_end < a_size and a_key_of[a_index[a_end]] == a_key:
            a_end += 1
        while b_end < b_size and b_key_of[b_index[b_end]] == a_key:
            b_end += 1
        if a_end - a == b_end - b:
            for index in range(a_end - a):
                partner_of[b_index[b + index]] = <int32_t>a_index[a + index]
        else:
            uneven.extend((a, a_end, b, b_end))
        a, b = a_end, b_end
    return a_order, b_order, uneven


def clear_numbers(array.array numbers, array.array limits, mask):
    cdef const uint64_t *number_of = table(numbers, 0)
    cdef const uint64_t *limit = table(limits, 0)
    cdef Py_ssize_t rows = len(numbers), ranges = len(limits) // 2, row, low, high, middle
    cdef unsigned char *chosen
    cdef Py_buffer view
    PyObject_GetBuffer(mask, &view, PyBUF_WRITABLE)
    try:
        if view.len < rows:
            raise ValueError(f"a mask of fewer than {rows} rows")
        chosen = <unsigned char *>view.buf
        with nogil:
            for row in range(rows):
                low, high = 0, ranges
                while low < high:
                    middle = (low + high) // 2
                    if limit[2 * middle] <= number_of[row]:
                        low = middle + 1
                    else:
                        high = middle
                if low and number_of[row] <= limit[2 * low - 1]:
                    chosen[row] = 0
    finally:
        PyBuffer_Release(&view)


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


cdef class PacketAppender:
    cdef readonly Py_ssize_t rows
    cdef ColumnPointers target
    cdef unsigned char *bytes_out
    cdef int64_t size, end
    cdef Py_ssize_t room
    cdef bint paused
    cdef list held

    def __cinit__(self, buffer, columns):
        cdef unsigned char[::1] view = buffer
        self.room = len(columns.ticks)
        self.target = all_columns(columns, self.room)
        self.size = view.shape[0]
        self.bytes_out = &view[0] if self.size else NULL
        # exports, so that nothing is resized while pointers lead there
        self.held = [view, *[memoryview(getattr(columns, name)) for name in columns.TYPECODES]]
        self.rows = self.end = 0

    def append(
        self, data, uint64_t ticks, uint32_t interface, original_length=None, options=None, uint8_t record_type=ENHANCED
    ):
        cdef Py_buffer view, options_view
        cdef int64_t captured, options_size = 0
        cdef Py_ssize_t row = self.rows
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            captured = view.len
            if self.paused or row == self.room or captured > self.size - self.end:
                return False
            if options is not None:
                PyObject_GetBuffer(options, &options_view, PyBUF_SIMPLE)
                try:
                    options_size = options_view.len
                    if options_size > self.size - self.end - captured:
                        return False
                    memcpy(self.bytes_out + self.end + captured, options_view.buf, options_size)
                finally:
                    PyBuffer_Release(&options_view)
            self.target.original_length[row] = captured if original_length is None else original_length
            memcpy(self.bytes_out + self.end, view.buf, captured)
        finally:
            PyBuffer_Release(&view)
        self.target.record_type[row] = record_type
        self.target.data_at[row] = self.end
        self.target.captured_length[row] = <uint32_t>captured
        self.target.ticks[row] = ticks
        self.target.interface[row] = interface
        self.target.options_at[row] = self.end + captured if options_size else 0
        self.target.options_length[row] = <uint32_t>options_size
        self.end += captured + options_size
        self.rows = row + 1
        return True

    def pause(self):
        self.paused = True

    def clear(self):
        self.rows = self.end = 0
        self.paused = False


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


def rows_with_metadata(buffer, columns, Py_ssize_t rows, mask):
    cdef const uint8_t *record_type = <const uint8_t *>column(columns, "record_type", "B", rows)
    cdef const int64_t *record_at = <const int64_t *>column(columns, "record_at", "q", rows)
    cdef const uint32_t *record_length = <const uint32_t *>column(columns, "record_length", "I", rows)
    cdef const int64_t *data_at = <const int64_t *>column(columns, "data_at", "q", rows)
    cdef const uint32_t *captured_length = <const uint32_t *>column(columns, "captured_length", "I", rows)
    cdef const uint32_t *options_length = <const uint32_t *>column(columns, "options_length", "I", rows)
    cdef Py_ssize_t row = 0, count = 0
    cdef uint32_t padding, byte
    cdef bint has_metadata, outside = False
    cdef const unsigned char *padding_bytes
    cdef const unsigned char *stated
    cdef unsigned char *flags
    cdef Py_buffer view, mask_view
    PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
    try:
        PyObject_GetBuffer(mask, &mask_view, PyBUF_WRITABLE)
        try:
            if mask_view.len < rows:
                raise ValueError(f"a mask of fewer than {rows} rows")
            flags = <unsigned char *>mask_view.buf
            with nogil:
                while row < rows:
                    has_metadata = (record_type[row] and record_type[row] != ENHANCED) or options_length[row]
                    if not has_metadata and record_type[row] and record_length[row] and captured_length[row] & 3:
                        padding = 4 - (captured_length[row] & 3)
                        if not inside(data_at[row], captured_length[row], view.len - padding) or not inside(record_at[row], 8, view.len):
                            outside = True
                            break
                        padding_bytes = <const unsigned char *>view.buf + data_at[row] + captured_length[row]
                        stated = <const unsigned char *>view.buf + record_at[row] + 4
                        has_metadata = load32(stated, False) != record_length[row] and load32(stated, True) != record_length[row]
                        for byte in range(padding):
                            has_metadata = has_metadata or padding_bytes[byte] != 0
                    flags[row] = has_metadata
                    count += has_metadata
                    row += 1
        finally:
            PyBuffer_Release(&mask_view)
    finally:
        PyBuffer_Release(&view)
    if outside:
        raise ValueError(f"row {row} lies outside its buffer")
    return count


def fingerprints(buffer, columns, Py_ssize_t first, Py_ssize_t stop, out, Py_ssize_t offset):
    cdef Py_ssize_t row = first
    cdef const int64_t *data_at = <const int64_t *>column(columns, "data_at", "q", stop)
    cdef const uint32_t *captured_length = <const uint32_t *>column(columns, "captured_length", "I", stop)
    cdef const uint32_t *original_length = <const uint32_t *>column(columns, "original_length", "I", stop)
    cdef const uint64_t *ticks = <const uint64_t *>column(columns, "ticks", "Q", stop)
    cdef const unsigned char *data
    cdef unsigned char *target
    cdef uint64_t time_hash
    cdef uint32_t length
    cdef bint outside = False
    cdef Py_buffer view, out_view
    PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
    try:
        PyObject_GetBuffer(out, &out_view, PyBUF_WRITABLE)
        try:
            if not 0 <= first <= stop or not 0 <= offset <= out_view.len or (out_view.len - offset) // FINGERPRINT < stop - first:
                raise ValueError(f"no room for the fingerprints of rows {first} to {stop}")
            with nogil:
                while row < stop:
                    length = captured_length[row]
                    if not inside(data_at[row], length, view.len):
                        outside = True
                        break
                    data = <const unsigned char *>view.buf + data_at[row]
                    time_hash = hash_time(ticks[row] // 1000, original_length[row])
                    target = <unsigned char *>out_view.buf + offset
                    store32(target, <uint32_t>(time_hash >> 32), True)
                    target[4] = <unsigned char>(time_hash >> 24)
                    target[5] = <unsigned char>(time_hash >> 16)
                    store32(target + 6, <uint32_t>(hash_bytes(data, length) >> 32), True)
                    offset += FINGERPRINT
                    row += 1
        finally:
            PyBuffer_Release(&out_view)
    finally:
        PyBuffer_Release(&view)
    if outside:
        raise ValueError(f"row {row} lies outside its buffer")


def same_data(a_buffer, a_columns, Py_ssize_t a_first, b_buffer, b_columns, Py_ssize_t b_first, Py_ssize_t rows):
    cdef const int64_t *a_data_at
    cdef const int64_t *b_data_at
    cdef const uint32_t *a_length
    cdef const uint32_t *b_length
    cdef Py_ssize_t index = 0, outside = -1
    cdef Py_buffer a_view, b_view
    if a_first < 0 or b_first < 0 or rows < 0:
        raise ValueError("a row that is not there")
    a_data_at = <const int64_t *>column(a_columns, "data_at", "q", a_first + rows) + a_first
    a_length = <const uint32_t *>column(a_columns, "captured_length", "I", a_first + rows) + a_first
    b_data_at = <const int64_t *>column(b_columns, "data_at", "q", b_first + rows) + b_first
    b_length = <const uint32_t *>column(b_columns, "captured_length", "I", b_first + rows) + b_first
    PyObject_GetBuffer(a_buffer, &a_view, PyBUF_SIMPLE)
    try:
        PyObject_GetBuffer(b_buffer, &b_view, PyBUF_SIMPLE)
        try:
            with nogil:
                while index < rows:
                    if not inside(a_data_at[index], a_length[index], a_view.len):
                        outside = a_first + index
                        break
                    if not inside(b_data_at[index], b_length[index], b_view.len):
                        outside = b_first + index
                        break
                    if a_length[index] != b_length[index] or memcmp(
                        <const unsigned char *>a_view.buf + a_data_at[index],
                        <const unsigned char *>b_view.buf + b_data_at[index],
                        a_length[index],
                    ):
                        break
                    index += 1
        finally:
            PyBuffer_Release(&b_view)
    finally:
        PyBuffer_Release(&a_view)
    if outside >= 0:
        raise ValueError(f"row {outside} lies outside its buffer")
    return index


cdef enum:
    CAN = 0x000C
    CAN_FD = 0x000D
    CAN_XL = 0x000E


cdef inline bint swap_field(unsigned char *header, int64_t offset, int size, int64_t length) noexcept nogil:
    """Swap a field if it lies within `length` bytes; return whether it does."""
    cdef unsigned char byte
    cdef int index
    if offset + size > length:
        return False
    for index in range(size // 2):
        byte = header[offset + index]
        header[offset + index] = header[offset + size - 1 - index]
        header[offset + size - 1 - index] = byte
    return True


cdef inline void swap_can(unsigned char *header, int64_t length, uint16_t protocol) noexcept nogil:
    if protocol != CAN and protocol != CAN_FD and protocol != CAN_XL:
        return
    if swap_field(header, 0, 4, length) and protocol == CAN_XL and swap_field(header, 6, 2, length):
        swap_field(header, 8, 4, length)


cdef inline void swap_pflog(unsigned char *header, int64_t length) noexcept nogil:
    cdef int64_t offset = 44
    if length < 48:
        return
    if length > header[0]:
        length = header[0]
    while offset < 60 and swap_field(header, offset, 4, length):
        offset += 4


cdef void swap_usb(unsigned char *header, int64_t captured, bint big, bint mapped) noexcept nogil:
    cdef bint isochronous = captured > 9 and header[9] == 0
    cdef uint32_t count = load32(header + 60, big) if mapped and isochronous and captured >= 64 else 0
    cdef int64_t offset = 24
    if swap_field(header, 0, 8, captured) and swap_field(header, 12, 2, captured) and swap_field(header, 16, 8, captured):
        while offset < 40 and swap_field(header, offset, 4, captured):
            offset += 4
    offset = 40 if isochronous else 48
    while offset < (64 if mapped else 48) and swap_field(header, offset, 4, captured):
        offset += 4
    offset = 64
    while count and offset < captured:
        if swap_field(header, offset, 4, captured) and swap_field(header, offset + 4, 4, captured):
            swap_field(header, offset + 8, 4, captured)
        offset += 16
        count -= 1


cdef void swap_nflog(unsigned char *header, int64_t captured, int64_t original, bint big) noexcept nogil:
    cdef int64_t size
    if captured < 4 or original < 4 or header[1]:
        return
    size = 4
    while True:
        header += size
        captured -= size
        original -= size
        if captured < 4:
            return
        size = (<int64_t>load16(header, big) + 3) & ~<int64_t>3
        swap_field(header, 0, 2, captured)
        swap_field(header, 2, 2, captured)
        if size < 4 or size > captured or size > original:
            return


def swap_headers(buffer, columns, Py_ssize_t rows, array.array link_types, bint big):
    cdef const int64_t *data_at = <const int64_t *>column(columns, "data_at", "q", rows)
    cdef const uint32_t *captured_length = <const uint32_t *>column(columns, "captured_length", "I", rows)
    cdef const uint32_t *original_length = <const uint32_t *>column(columns, "original_length", "I", rows)
    cdef const uint32_t *interface = <const uint32_t *>column(columns, "interface", "I", rows)
    cdef const uint64_t *link_type_of = table(link_types, 0)
    cdef uint64_t interfaces = len(link_types), header_type
    cdef unsigned char *header
    cdef int64_t captured, whole
    cdef Py_ssize_t row = 0
    cdef bint outside = False
    cdef Py_buffer view
    PyObject_GetBuffer(buffer, &view, PyBUF_WRITABLE)
    try:
        with nogil:
            while row < rows:
                if interface[row] >= interfaces or not inside(data_at[row], captured_length[row], view.len):
                    outside = True
                    break
                header = <unsigned char *>view.buf + data_at[row]
                captured = captured_length[row]
                whole = captured if captured < original_length[row] else original_length[row]
                header_type = link_type_of[interface[row]]
                if header_type == 0:  # NULL
                    swap_field(header, 0, 4, captured)
                elif header_type == 109:  # ENC
                    if swap_field(header, 0, 4, captured):
                        swap_field(header, 8, 4, captured)
                elif header_type == 117:  # PFLOG
                    swap_pflog(header, whole)
                elif header_type == 113 and whole >= 16:  # LINUX_SLL
                    swap_can(header + 16, whole - 16, load16(header + 14, True))
                elif header_type == 276 and whole >= 20:  # LINUX_SLL2
                    swap_can(header + 20, whole - 20, load16(header, True))
                elif header_type == 189 or header_type == 220:  # USB_LINUX, USB_LINUX_MMAPPED
                    swap_usb(header, captured, big, header_type == 220)
                elif header_type == 239:  # NFLOG
                    swap_nflog(header, captured, original_length[row], big)
                row += 1
    finally:
        PyBuffer_Release(&view)
    if outside:
        raise ValueError(f"row {row} lies outside its buffer or names an interface that is not there")


def count_packets(columns, Py_ssize_t rows, array.array totals, array.array types):
    cdef const uint8_t *record_type = <const uint8_t *>column(columns, "record_type", "B", rows)
    cdef const uint32_t *captured_length = <const uint32_t *>column(columns, "captured_length", "I", rows)
    cdef const uint32_t *original_length = <const uint32_t *>column(columns, "original_length", "I", rows)
    cdef const uint64_t *ticks = <const uint64_t *>column(columns, "ticks", "Q", rows)
    cdef const uint32_t *interface = <const uint32_t *>column(columns, "interface", "I", rows)
    cdef uint64_t interfaces = len(totals) // TOTALS
    cdef uint64_t *entries = table(totals, 0)
    cdef uint64_t *by_type = table(types, 256)
    cdef uint64_t *entry
    cdef Py_ssize_t row = 0
    cdef bint outside = False
    with nogil:
        while row < rows:
            if interface[row] >= interfaces:
                outside = True
                break
            entry = entries + <uint64_t>interface[row] * TOTALS
            entry[0] += 1
            entry[1] += captured_length[row]
            entry[2] += original_length[row]
            if record_type[row] != SIMPLE:
                if ticks[row] < entry[3]:
                    entry[3] = ticks[row]
                if ticks[row] > entry[4]:
                    entry[4] = ticks[row]
            by_type[record_type[row]] += 1
            row += 1
    if outside:
        raise ValueError(f"row {row} names an interface that is not there")


def count_options(buffer, columns, Py_ssize_t rows, bint big, array.array counts):
    tally_options(buffer, columns, rows, big, table(counts, 65538), 65536, True)


def sum_options(buffer, columns, Py_ssize_t rows, bint big, array.array sums):
    tally_options(buffer, columns, rows, big, table(sums, 4), 2, False)


cdef tally_options(
    buffer, columns, Py_ssize_t rows, bint big, uint64_t *tally, Py_ssize_t unreadable, bint by_code
):
    cdef const int64_t *record_at = <const int64_t *>column(columns, "record_at", "q", rows)
    cdef const uint8_t *record_type = <const uint8_t *>column(columns, "record_type", "B", rows)
    cdef const int64_t *options_at = <const int64_t *>column(columns, "options_at", "q", rows)
    cdef const uint32_t *options_length = <const uint32_t *>column(columns, "options_length", "I", rows)
    cdef const unsigned char *data
    cdef Py_ssize_t row = 0
    cdef int64_t remaining, size
    cdef uint32_t code
    cdef bint outside = False
    cdef Py_buffer view
    PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
    try:
        with nogil:
            while row < rows:
                if record_type[row] == OBSOLETE:
                    if not inside(record_at[row], 12, view.len):
                        outside = True
                        break
                    data = <const unsigned char *>view.buf + record_at[row]
                    code = load16(data + 10, big)
                    tally[unreadable + 1] += code != 0 and code != 0xFFFF
                remaining = options_length[row]
                if remaining:
                    if not inside(options_at[row], options_length[row], view.len):
                        outside = True
                        break
                    data = <const unsigned char *>view.buf + options_at[row]
                    while remaining >= 4:
                        code = load16(data, big)
                        size = load16(data + 2, big)
                        if code == 0:
                            remaining = 0
                            break
                        if size + 4 > remaining:
                            break
                        tally[code if by_code else code != 1] += 1
                        size = (size + 7) & ~<int64_t>3
                        data += size
                        remaining -= size
                    tally[unreadable] += remaining > 0
                row += 1
    finally:
        PyBuffer_Release(&view)
    if outside:
        raise ValueError(f"row {row} lies outside its buffer")


cdef class Filter:
    cdef uint64_t *instructions  # of all programs
    cdef Py_ssize_t *starts      # of each program, in `instructions`
    cdef Py_ssize_t used, programs

    def __dealloc__(self):
        free(self.instructions)
        free(self.starts)

    def add(self, array.array program):
        cdef const uint64_t *words = table(program, 0)
        cdef Py_ssize_t index, count = len(program)
        cdef void *larger
        for index in range(count):
            if not is_sound(words[index], count - index - 1, index):
                raise ValueError(f"instruction {index} of the program is not sound")
        if not count or words[count - 1] >> 48 not in (0x06, 0x16):
            raise ValueError("the program does not end with a return")
        larger = realloc(self.instructions, (self.used + count) * sizeof(uint64_t))
        if larger == NULL:
            raise MemoryError
        self.instructions = <uint64_t *>larger
        larger = realloc(self.starts, (self.programs + 1) * sizeof(Py_ssize_t))
        if larger == NULL:
            raise MemoryError
        self.starts = <Py_ssize_t *>larger
        memcpy(self.instructions + self.used, words, count * sizeof(uint64_t))
        self.starts[self.programs] = self.used
        self.used += count
        self.programs += 1
        return self.programs

    def clear_rows(self, buffer, columns, Py_ssize_t first, Py_ssize_t stop, array.array numbers, mask):
        cdef const int64_t *data_at = <const int64_t *>column(columns, "data_at", "q", stop)
        cdef const uint32_t *captured = <const uint32_t *>column(columns, "captured_length", "I", stop)
        cdef const uint32_t *original = <const uint32_t *>column(columns, "original_length", "I", stop)
        cdef const uint32_t *interface = <const uint32_t *>column(columns, "interface", "I", stop)
        cdef const uint64_t *program = table(numbers, 0)
        cdef uint64_t interfaces = len(numbers), number
        cdef uint64_t programs = self.programs
        cdef const unsigned char *data
        cdef unsigned char *selected
        cdef Py_ssize_t row = first
        cdef bint missing = False, outside = False
        cdef Py_buffer view, mask_view
        if not 0 <= first <= stop:
            raise ValueError(f"rows {first} to {stop}")
        PyObject_GetBuffer(mask, &mask_view, PyBUF_WRITABLE)
        try:
            if mask_view.len < stop:
                raise ValueError(f"a mask of fewer than {stop} rows")
            PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
            try:
                data = <const unsigned char *>view.buf
                selected = <unsigned char *>mask_view.buf
                with nogil:
                    while row < stop:
                        if selected[row]:
                            if interface[row] >= interfaces:
                                missing = True
                                break
                            number = program[interface[row]]
                            if number > programs:
                                missing = True
                                break
                            if not number:
                                break
                            if not inside(data_at[row], captured[row], view.len):
                                outside = True
                                break
                            if not run_filter(
                                self.instructions + self.starts[number - 1], data + data_at[row], captured[row], original[row]
                            ):
                                selected[row] = 0
                        row += 1
            finally:
                PyBuffer_Release(&view)
        finally:
            PyBuffer_Release(&mask_view)
        if missing:
            raise ValueError(f"row {row} names an interface or a program that is not there")
        if outside:
            raise ValueError(f"row {row} lies outside its buffer")
        return row


cdef struct HeldPacket:
    uint64_t digest
    int64_t older     # the serial number of the packet before it in its chain
    int64_t at        # where its bytes are: in all bytes that were kept, or ~offset in the buffer
    uint64_t number   # in a window of time, of the latest packet with these bytes in one period
    uint32_t length   # of the bytes that are compared
    uint32_t captured
    uint32_t original
    uint32_t group


cdef struct HeldTimes:  # of all packets with the same bytes in one period
    int_128_t earliest
    int_128_t latest
    uint64_t earliest_number


cdef enum:
    FEW_PACKETS = 1024
    FEW_BYTES = 1 << 20
    MOST_BYTES = 1 << 24


cdef class RepeatWindow:
    cdef int64_t most, oldest, next, capacity
    cdef int64_t *heads
    cdef HeldPacket *held
    cdef HeldTimes *times
    cdef unsigned char *kept
    cdef int64_t kept_size, kept_used, kept_base
    cdef uint64_t key, digest_mask
    cdef bint timed, forgot
    cdef int_128_t window, width, forgotten_earliest, forgotten_latest
    cdef readonly uint64_t first_cut
    cdef object store

    def __cinit__(self, int64_t most, store, window=None, digest_bits=64):
        import os

        if not 0 < most <= 1 << 30:
            raise ValueError(f"a window of {most} packets")
        self.most, self.store, self.timed = most, store, window is not None
        self.key = int.from_bytes(os.urandom(8), "little")
        self.digest_mask = (1 << digest_bits) - 1
        if self.timed:
            self.window = int_128(window >> 64, window & 0xFFFFFFFFFFFFFFFF)
            self.width = self.window if self.window > 0 else 1
        self.kept = <unsigned char *>malloc(FEW_BYTES)
        if self.kept == NULL:
            raise MemoryError
        self.kept_size = FEW_BYTES
        self.grow()

    def __dealloc__(self):
        free(self.heads)
        free(self.held)
        free(self.times)
        free(self.kept)

    cdef int grow(self) except -1:
        """Make room for twice as many packets, FEW_PACKETS at first. Arrays grow where they are, if the system can."""
        cdef int64_t old = self.capacity, capacity = 2 * old if old else FEW_PACKETS, serial, slot
        cdef void *larger = realloc(self.held, capacity * sizeof(HeldPacket))
        if larger == NULL:
            raise MemoryError
        self.held = <HeldPacket *>larger
        if self.timed:
            larger = realloc(self.times, capacity * sizeof(HeldTimes))
            if larger == NULL:
                raise MemoryError
            self.times = <HeldTimes *>larger
        free(self.heads)
        self.capacity = 0
        self.heads = <int64_t *>malloc(2 * capacity * sizeof(int64_t))
        if self.heads == NULL:
            raise MemoryError
        memset(self.heads, 0xFF, 2 * capacity * sizeof(int64_t))
        for serial in range(self.oldest, self.next):
            slot = serial & (capacity - 1)
            if slot >= old:
                self.held[slot] = self.held[slot - old]
                if self.timed:
                    self.times[slot] = self.times[slot - old]
            self.held[slot].older = self.heads[self.held[slot].digest & (2 * capacity - 1)]
            self.heads[self.held[slot].digest & (2 * capacity - 1)] = serial
        self.capacity = capacity
        return 0

    cdef int push(self, HeldPacket packet) except -1 nogil:
        """Hold a packet; let go of the oldest one where the window is full."""
        cdef HeldTimes *times
        cdef int64_t *head
        if self.next - self.oldest == self.most:
            if self.timed:
                times = self.times + (self.oldest & (self.capacity - 1))
                if not self.forgot or times.earliest < self.forgotten_earliest:
                    self.forgotten_earliest = times.earliest
                if not self.forgot or times.latest > self.forgotten_latest:
                    self.forgotten_latest = times.latest
                self.forgot = True
            self.oldest += 1
        if self.next - self.oldest == self.capacity:
            with gil:
                self.grow()
        head = self.heads + (packet.digest & (2 * self.capacity - 1))
        packet.older = head[0]
        head[0] = self.next
        self.held[self.next & (self.capacity - 1)] = packet
        self.next += 1
        return 0

    cdef int64_t look_up(self, const HeldPacket *packet, int_128_t period, const unsigned char *buffer) except -2 nogil:
        """The serial number of the latest packet that is the same, in this period of time; -1 if there is none."""
        cdef int64_t serial = self.heads[packet.digest & (2 * self.capacity - 1)]
        cdef const unsigned char *data = buffer + ~packet.at
        cdef const unsigned char *bytes_
        cdef HeldPacket *other
        cdef bint same
        while serial >= self.oldest:
            other = self.held + (serial & (self.capacity - 1))
            if (
                other.digest == packet.digest
                and other.length == packet.length
                and other.captured == packet.captured
                and other.original == packet.original
                and other.group == packet.group
                and (
                    not self.timed or floored(self.times[serial & (self.capacity - 1)].earliest, self.width) == period
                )
            ):
                if other.at < 0:
                    same = not memcmp(buffer + ~other.at, data, packet.length)
                elif other.at >= self.kept_base:
                    same = not memcmp(self.kept + (other.at - self.kept_base), data, packet.length)
                else:
                    with gil:
                        stored = self.store.read(other.at, other.length)
                        bytes_ = stored
                        same = len(stored) == <Py_ssize_t>packet.length and not memcmp(bytes_, data, packet.length)
                if same:
                    return serial
            serial = other.older
        return -1

    cdef uint64_t repeated_in_time(self, HeldPacket *packet, int_128_t time, const unsigned char *buffer) except? 0 nogil:
        """The number of a packet in the window that is the same, 0 if there is none; hold the packet."""
        cdef uint64_t digest = packet.digest, found = 0
        cdef int_128_t period = floored(time, self.width)
        cdef int64_t serial
        cdef HeldTimes *times
        packet.digest = self.digest_in(digest, period)
        serial = self.look_up(packet, period, buffer)
        if serial >= 0:
            times = self.times + (serial & (self.capacity - 1))
            found = self.held[serial & (self.capacity - 1)].number
            if time >= times.latest:
                times.latest, self.held[serial & (self.capacity - 1)].number = time, packet.number
            if time < times.earliest:
                times.earliest, times.earliest_number = time, packet.number
            return found
        packet.digest = self.digest_in(digest, period - 1)
        serial = self.look_up(packet, period - 1, buffer)
        if serial >= 0 and time - self.times[serial & (self.capacity - 1)].latest <= self.window:
            found = self.held[serial & (self.capacity - 1)].number
        if not found:
            packet.digest = self.digest_in(digest, period + 1)
            serial = self.look_up(packet, period + 1, buffer)
            if serial >= 0 and self.times[serial & (self.capacity - 1)].earliest - time <= self.window:
                found = self.times[serial & (self.capacity - 1)].earliest_number
        if not found and self.forgot and not self.first_cut:
            if self.forgotten_earliest - self.window <= time <= self.forgotten_latest + self.window:
                self.first_cut = packet.number
        packet.digest = self.digest_in(digest, period)
        self.push(packet[0])
        times = self.times + ((self.next - 1) & (self.capacity - 1))
        times.earliest = times.latest = time
        times.earliest_number = packet.number
        return found

    cdef uint64_t digest_in(self, uint64_t digest, int_128_t period) noexcept nogil:
        return (digest ^ <uint64_t>period * 0x9E3779B97F4A7C15ULL) & self.digest_mask

    cdef int keep(self, int64_t first, const unsigned char *buffer) except -1 nogil:
        """Keep the bytes of the packets since `first` that are still held."""
        cdef int64_t serial, needed, dead, size
        cdef HeldPacket *packet
        cdef unsigned char *kept
        for serial in range(max(first, self.oldest), self.next):
            packet = self.held + (serial & (self.capacity - 1))
            if self.kept_used + packet.length > self.kept_size:
                needed = self.held[self.oldest & (self.capacity - 1)].at  # from this place on, maybe in the store
                if needed < 0:
                    needed = self.kept_base + self.kept_used
                dead = max(0, needed - self.kept_base)
                if 2 * dead >= self.kept_size:
                    memmove(self.kept, self.kept + dead, self.kept_used - dead)
                elif 2 * self.kept_size > MOST_BYTES:
                    with gil:
                        self.store.write(self.kept_base, (<char *>self.kept)[:self.kept_used], needed)
                    dead = self.kept_used
                else:
                    dead = 0
                self.kept_base += dead
                self.kept_used -= dead
                if self.kept_used + packet.length > self.kept_size:
                    size = 2 * self.kept_size if 2 * self.kept_size <= MOST_BYTES else self.kept_size
                    size = max(size, self.kept_used + <int64_t>packet.length)
                    kept = <unsigned char *>realloc(self.kept, size)
                    if kept == NULL:
                        with gil:
                            raise MemoryError
                    self.kept, self.kept_size = kept, size
            memcpy(self.kept + self.kept_used, buffer + ~packet.at, packet.length)
            packet.at = self.kept_base + self.kept_used
            self.kept_used += packet.length
        return 0

    def find(
        self,
        buffer,
        columns,
        Py_ssize_t rows,
        mask,
        uint64_t first_number,
        array.array groups,
        array.array scales,
        uint32_t skip,
        bint any_length,
        array.array repeated,
    ):
        cdef Py_ssize_t row = 0, interfaces = len(groups)
        cdef const int64_t *data_at = <const int64_t *>column(columns, "data_at", "q", rows)
        cdef const uint32_t *captured_length = <const uint32_t *>column(columns, "captured_length", "I", rows)
        cdef const uint32_t *original_length = <const uint32_t *>column(columns, "original_length", "I", rows)
        cdef const uint32_t *interface = <const uint32_t *>column(columns, "interface", "I", rows)
        cdef const uint64_t *ticks = <const uint64_t *>column(columns, "ticks", "Q", rows)
        cdef const uint8_t *record_type = <const uint8_t *>column(columns, "record_type", "B", rows)
        cdef const uint64_t *group_of = table(groups, 0)
        cdef const uint64_t *scale_of = table(scales, EXACT_SCALE * interfaces if self.timed else 0)
        cdef uint64_t *found = table(repeated, rows)
        cdef const uint64_t *scale
        cdef const unsigned char *data
        cdef unsigned char *chosen
        cdef int64_t begin = self.next, serial
        cdef HeldPacket packet
        cdef bint outside = False
        cdef Py_buffer view, mask_view
        PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
        try:
            PyObject_GetBuffer(mask, &mask_view, PyBUF_WRITABLE)
            try:
                if mask_view.len < rows:
                    raise ValueError(f"a mask of fewer than {rows} rows")
                chosen = <unsigned char *>mask_view.buf
                with nogil:
                    while row < rows:
                        found[row] = 0
                        if not chosen[row] or (self.timed and record_type[row] == SIMPLE):
                            row += 1
                            continue
                        if interface[row] >= <uint64_t>interfaces or not inside(data_at[row], captured_length[row], view.len):
                            outside = True
                            break
                        scale = scale_of + EXACT_SCALE * interface[row]
                        if self.timed and not scale[1] and not scale[2]:
                            break
                        packet.captured = packet.length = captured_length[row]
                        packet.at = ~data_at[row]
                        if packet.length > skip:
                            packet.length -= skip
                            packet.at = ~(data_at[row] + skip)
                        packet.number = first_number + row
                        packet.original = 0 if any_length else original_length[row]
                        packet.group = <uint32_t>group_of[interface[row]]
                        data = <const unsigned char *>view.buf + ~packet.at
                        packet.digest = self.digest_mask & hash_keyed(
                            data, packet.length, self.key, <uint64_t>packet.original << 32 | packet.group
                        )
                        if self.timed:
                            found[row] = self.repeated_in_time(
                                &packet, exact_time(ticks[row], scale), <const unsigned char *>view.buf
                            )
                        else:
                            serial = self.look_up(&packet, 0, <const unsigned char *>view.buf)
                            if serial >= 0:
                                found[row] = self.held[serial & (self.capacity - 1)].number
                            self.push(packet)
                        chosen[row] = not found[row]
                        row += 1
                    self.keep(begin, <const unsigned char *>view.buf)
            finally:
                PyBuffer_Release(&mask_view)
        finally:
            PyBuffer_Release(&view)
        if outside:
            raise ValueError(f"row {row} lies outside its buffer")
        return row


cdef struct Records:
    const unsigned char *data
    const uint64_t *limits
    Py_ssize_t stop
    Py_ssize_t header_size
    bint big
    int swap


cdef inline void record_lengths(const Records *records, Py_ssize_t at, uint32_t *captured, uint32_t *original) noexcept nogil:
    captured[0] = load32(records.data + at + 8, records.big)
    original[0] = load32(records.data + at + 12, records.big)
    cdef uint32_t stated = captured[0]
    if records.swap == 2 or (records.swap == 1 and captured[0] > original[0]):
        captured[0] = original[0]
        original[0] = stated


cdef inline Py_ssize_t whole_end(const Records *records, Py_ssize_t at) noexcept nogil:
    cdef uint32_t captured, original
    if not 0 <= at <= records.stop - records.header_size:
        return -1
    record_lengths(records, at, &captured, &original)
    if <int64_t>captured > records.stop - at - records.header_size:
        return -1
    return at + records.header_size + captured


cdef inline Py_ssize_t sound_end(const Records *records, Py_ssize_t at) noexcept nogil:
    cdef uint32_t captured, original, fraction
    cdef const uint64_t *limits = records.limits
    if not 0 <= at <= records.stop - records.header_size:
        return -1
    fraction = load32(records.data + at + 4, records.big)
    if fraction >= limits[FRACTIONS]:
        return -1
    record_lengths(records, at, &captured, &original)
    if captured > limits[LONGEST] or original > <uint32_t>MOST_ORIGINAL or (captured > original and not limits[ANY_LENGTHS]):
        return -1
    if <int64_t>captured > records.stop - at - records.header_size:
        return -1
    if not (fraction or captured or original or load32(records.data + at, records.big)):
        return -1
    return at + records.header_size + captured


cdef inline bint times_near(const Records *records, Py_ssize_t at, Py_ssize_t other) noexcept nogil:
    cdef int64_t step = <int64_t>load32(records.data + at, records.big) - load32(records.data + other, records.big)
    return <uint64_t>(-step if step < 0 else step) <= records.limits[TIME_STEP]


cdef inline bint may_begin(const Records *records, Py_ssize_t at) noexcept nogil:
    cdef uint32_t seconds = load32(records.data + at, records.big)
    return records.limits[EARLIEST] <= seconds <= records.limits[LATEST]


cdef Py_ssize_t nested_chain(const Records *records, Py_ssize_t at, Py_ssize_t end) noexcept nogil:
    cdef Py_ssize_t inside, inside_end
    for inside in range(at + records.header_size, end - records.header_size + 1):
        if not may_begin(records, inside):
            continue
        inside_end = sound_end(records, inside)
        if inside_end < 0:
            continue
        if inside_end == end or (sound_end(records, inside_end) >= 0 and times_near(records, inside_end, inside)):
            return inside
    return -1


cdef int set_records(Records *records, const Py_buffer *view, Py_ssize_t stop, bint big, Py_ssize_t header_size, int swap, const uint64_t *limits) except -1:
    if header_size < 16 or not 0 <= stop <= view.len:
        raise ValueError("the range lies outside the buffer")
    records.data = <const unsigned char *>view.buf
    records.limits = limits
    records.stop = stop
    records.big = big
    records.header_size = header_size
    records.swap = swap
    return 0


def find_records(buffer, Py_ssize_t start, Py_ssize_t scan, Py_ssize_t reach, Py_ssize_t stop, bint at_end, bint big, Py_ssize_t header_size, int swap, array.array limits):
    cdef Records records
    cdef const uint64_t *limit = table(limits, RECORD_LIMITS)
    cdef Py_ssize_t begin, at, end, previous, found = -1
    cdef unsigned char *failed
    cdef Py_buffer view
    PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
    try:
        set_records(&records, &view, stop, big, header_size, swap, limit)
        if not 0 <= start <= scan <= stop or reach < 1:
            raise ValueError("the range lies outside the buffer")
        failed = <unsigned char *>calloc(stop - start + 1, 1)
        if failed is NULL:
            raise MemoryError
        with nogil:
            for begin in range(start, scan):
                if begin > stop - header_size:
                    break
                if failed[begin - start] or not may_begin(&records, begin):
                    continue
                at = begin
                previous = -1
                while at - begin < reach and not (at_end and at == stop):
                    end = -1 if failed[at - start] else sound_end(&records, at)
                    if end < 0 or (previous >= 0 and not times_near(&records, at, previous)):
                        break
                    previous = at
                    at = end
                else:
                    found = begin
                    break
                end = at
                at = begin
                while at < end:
                    failed[at - start] = 1
                    at = whole_end(&records, at)
        free(failed)
    finally:
        PyBuffer_Release(&view)
    return found


def follow_records(buffer, Py_ssize_t start, Py_ssize_t until, Py_ssize_t stop, bint big, Py_ssize_t header_size, int swap, bint zeros):
    cdef Records records
    cdef Py_ssize_t at = start, end
    cdef Py_buffer view
    PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
    try:
        set_records(&records, &view, stop, big, header_size, swap, NULL)
        if not 0 <= start <= stop:
            raise ValueError("the range lies outside the buffer")
        with nogil:
            while at < until:
                end = whole_end(&records, at)
                if end < 0:
                    break
                if not zeros and not load32(records.data + at, 1) and no_record(records.data + at, header_size):
                    break
                at = end
    finally:
        PyBuffer_Release(&view)
    return at


def find_container(buffer, Py_ssize_t start, Py_ssize_t until, Py_ssize_t stop, bint big, Py_ssize_t header_size, int swap, array.array limits):
    cdef Records records
    cdef const uint64_t *limit = table(limits, RECORD_LIMITS)
    cdef Py_ssize_t at = start, end, inside, inside_end, found = -1
    cdef Py_buffer view
    PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
    try:
        set_records(&records, &view, stop, big, header_size, swap, limit)
        if not 0 <= start <= stop:
            raise ValueError("the range lies outside the buffer")
        with nogil:
            while at < until and found < 0:
                end = whole_end(&records, at)
                if end < 0:
                    break
                inside = nested_chain(&records, at, end)
                if inside >= 0:
                    while inside < end:
                        inside_end = sound_end(&records, inside)
                        if inside_end < 0:
                            inside = end
                        elif nested_chain(&records, inside, inside_end) >= 0:
                            break
                        else:
                            inside = inside_end
                    else:
                        found = at
                at = end
    finally:
        PyBuffer_Release(&view)
    return found


def first_unsound(buffer, columns, Py_ssize_t first, Py_ssize_t stop, bint big, Py_ssize_t header_size, int swap, int64_t previous, array.array limits):
    cdef Records records
    cdef const uint64_t *limit = table(limits, RECORD_LIMITS)
    cdef const int64_t *record_at = <const int64_t *>column(columns, "record_at", "q", stop)
    cdef Py_ssize_t row
    cdef int64_t seconds, step
    cdef Py_buffer view
    PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
    try:
        set_records(&records, &view, view.len, big, header_size, swap, limit)
        if not 0 <= first <= stop:
            raise ValueError("the rows lie outside the columns")
        with nogil:
            row = first
            while row < stop:
                if sound_end(&records, record_at[row]) < 0:
                    break
                seconds = load32(records.data + record_at[row], big)
                step = seconds - previous
                if previous >= 0 and <uint64_t>(-step if step < 0 else step) > limit[TIME_STEP]:
                    break
                previous = seconds
                row += 1
    finally:
        PyBuffer_Release(&view)
    return row


cdef enum:
    SECTION_HEADER = 0x0A0D0D0A


cdef inline uint32_t shortest_block(uint32_t block_type) noexcept nogil:
    if block_type == SECTION_HEADER:
        return 28
    if block_type == 1:
        return 20
    if block_type == OBSOLETE or block_type == ENHANCED:
        return 32
    return 16 if block_type == SIMPLE else 12


cdef Py_ssize_t sound_block(const unsigned char *data, Py_ssize_t at, Py_ssize_t stop, uint32_t most, int *big, uint32_t *block_type) noexcept nogil:
    cdef const unsigned char *block = data + at
    cdef uint32_t length, magic
    if stop - at < 12:
        return -1
    if load32(block, 1) == <uint32_t>SECTION_HEADER:
        magic = load32(block + 8, 1)
        if magic == <uint32_t>0x1A2B3C4D:
            big[0] = 1
        elif magic == <uint32_t>0x4D3C2B1A:
            big[0] = 0
        else:
            return -1
    block_type[0] = load32(block, big[0])
    length = load32(block + 4, big[0])
    if length & 3 or length < shortest_block(block_type[0]) or length > most or <int64_t>length > stop - at:
        return -1
    if load32(block + length - 4, big[0]) != length:
        return -1
    if (block_type[0] == OBSOLETE or block_type[0] == ENHANCED) and load32(block + 20, big[0]) > length - 32:
        return -1
    return at + length


cdef inline bint begins_chain(uint32_t type_bytes, int big) noexcept nogil:
    cdef uint32_t block_type = type_bytes
    if not big:
        block_type = type_bytes >> 24 | (type_bytes >> 8 & 0xFF00) | (type_bytes << 8 & 0xFF0000) | type_bytes << 24
    return (
        type_bytes == <uint32_t>SECTION_HEADER
        or 1 <= block_type <= 6
        or block_type == 9
        or block_type == 10
        or block_type == 0xBAD
        or block_type == 0x40000BAD
    )


def find_blocks(buffer, Py_ssize_t start, Py_ssize_t scan, Py_ssize_t reach, Py_ssize_t stop, bint at_end, bint big, array.array bounds, uint32_t most):
    cdef const uint64_t *bound = table(bounds, 0)
    cdef uint64_t interfaces = len(bounds) // TIME_BOUNDS, ticks
    cdef Py_ssize_t begin, at, end, failed_at, found = -1
    cdef uint32_t block_type = 0, interface
    cdef int order
    cdef bint timed
    cdef const unsigned char *data
    cdef unsigned char *failed
    cdef Py_buffer view
    PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
    try:
        if not 0 <= start <= scan <= stop <= view.len or reach < 1:
            raise ValueError("the range lies outside the buffer")
        if len(bounds) % TIME_BOUNDS:
            raise ValueError("bounds have two 64-bit values for each interface")
        data = <const unsigned char *>view.buf
        failed = <unsigned char *>calloc(stop - start + 1, 1)
        if failed is NULL:
            raise MemoryError
        with nogil:
            for begin in range(start, scan):
                if begin > stop - 12:
                    break
                if not begins_chain(load32(data + begin, 1), big):
                    continue
                at = begin
                order = big
                timed = False
                failed_at = -1
                while at - begin < reach and not (at_end and at == stop):
                    end = sound_block(data, at, stop, most, &order, &block_type)
                    if end < 0 or failed[at - start] & (1 << order):
                        failed_at = at
                        break
                    if block_type == <uint32_t>SECTION_HEADER:
                        timed = True
                    if not timed and (block_type == OBSOLETE or block_type == ENHANCED):
                        interface = load16(data + at + 8, order) if block_type == OBSOLETE else load32(data + at + 8, order)
                        if interface < interfaces:
                            ticks = <uint64_t>load32(data + at + 12, order) << 32 | load32(data + at + 16, order)
                            if not bound[TIME_BOUNDS * interface] <= ticks <= bound[TIME_BOUNDS * interface + 1]:
                                failed_at = end
                                break
                            timed = True
                    at = end
                if failed_at < 0:
                    found = begin
                    break
                at = begin
                order = big
                while at < failed_at:
                    end = sound_block(data, at, stop, most, &order, &block_type)
                    failed[at - start] |= 1 << order
                    at = end
        free(failed)
    finally:
        PyBuffer_Release(&view)
    return found


cdef class Descriptions:
    """What `describe` gives for interfaces, for those that rows needed last."""

    cdef object describe
    cdef list entries  # (type, interface)
    cdef int64_t ids[DESCRIPTIONS]
    cdef uint64_t scales[DESCRIPTIONS][EXACT_SCALE]

    def __cinit__(self, describe):
        cdef Py_ssize_t place
        self.describe = describe
        self.entries = [None] * DESCRIPTIONS
        for place in range(DESCRIPTIONS):
            self.ids[place] = -1

    cdef Py_ssize_t place(self, uint32_t number) except -1:
        """The place of the interface in `entries` and in `scales`."""
        cdef Py_ssize_t place = number & (DESCRIPTIONS - 1), at
        cdef uint64_t scale[EXACT_SCALE]
        if self.ids[place] == number:
            return place
        packet_type, interface, values = self.describe(number)
        for at in range(EXACT_SCALE):
            scale[at] = values[at]
        if scale[0] >> 62 or not (<int64_t>scale[4] >> 62 == 0 or <int64_t>scale[4] >> 62 == -1):
            raise ValueError("a scale that is too large")
        if not issubclass(packet_type, tuple):
            raise ValueError("packets that are not tuples")
        self.entries[place] = (packet_type, interface)
        for at in range(EXACT_SCALE):
            self.scales[place][at] = scale[at]
        self.ids[place] = number
        return place


cdef object number_of_128_bits(int_128_t value):
    cdef int64_t low = <int64_t>value
    if low == value:
        return low
    return (<object><int64_t>(value >> 64) << 64) | <uint64_t>value


cdef inline void put(tuple items, Py_ssize_t at, object item):
    Py_INCREF(item)
    PyTuple_SET_ITEM(items, at, item)


cdef class PacketRows:
    cdef Descriptions descriptions
    cdef object section, numbers
    cdef list arrays  # keeps the columns alive
    cdef Py_buffer view
    cdef bint has_view
    cdef Py_ssize_t row, rows
    cdef uint64_t first_number
    cdef const int64_t *data_at
    cdef const int64_t *options_at
    cdef const uint32_t *captured_length
    cdef const uint32_t *original_length
    cdef const uint32_t *options_length
    cdef const uint32_t *interface
    cdef const uint64_t *ticks
    cdef const uint8_t *record_type

    def __cinit__(self, describe, buffer, columns, Py_ssize_t rows, section, uint64_t first_number, numbers=None):
        cdef Py_ssize_t row
        cdef bint outside = False
        self.data_at = <const int64_t *>column(columns, "data_at", "q", rows)
        self.options_at = <const int64_t *>column(columns, "options_at", "q", rows)
        self.captured_length = <const uint32_t *>column(columns, "captured_length", "I", rows)
        self.original_length = <const uint32_t *>column(columns, "original_length", "I", rows)
        self.options_length = <const uint32_t *>column(columns, "options_length", "I", rows)
        self.interface = <const uint32_t *>column(columns, "interface", "I", rows)
        self.ticks = <const uint64_t *>column(columns, "ticks", "Q", rows)
        self.record_type = <const uint8_t *>column(columns, "record_type", "B", rows)
        self.arrays = [columns.data_at, columns.options_at, columns.captured_length, columns.original_length]
        self.arrays += [columns.options_length, columns.interface, columns.ticks, columns.record_type]
        if numbers is not None and len(numbers) < rows:
            raise ValueError(f"fewer than {rows} numbers")
        self.descriptions = Descriptions(describe)
        self.section, self.numbers, self.first_number, self.rows = section, numbers, first_number, rows
        PyObject_GetBuffer(buffer, &self.view, PyBUF_SIMPLE)
        self.has_view = True
        with nogil:
            for row in range(rows):
                if not inside(self.data_at[row], self.captured_length[row], self.view.len) or (
                    self.options_length[row] and not inside(self.options_at[row], self.options_length[row], self.view.len)
                ):
                    outside = True
                    break
        if outside:
            raise ValueError("a row lies outside its buffer")

    def __dealloc__(self):
        self.release()

    cdef void release(self):
        if self.has_view:
            self.has_view = False
            PyBuffer_Release(&self.view)

    def __iter__(self):
        return self

    def __next__(self):
        if self.row >= self.rows:
            self.release()
            raise StopIteration
        return self.next_packet()

    cdef tuple next_packet(self):
        cdef Py_ssize_t row = self.row, place
        cdef const char *bytes_at
        cdef tuple packet, entry
        cdef object number, data, ticks, time, options, original, captured
        cdef int_128_t exact
        cdef const uint64_t *scale
        place = self.descriptions.place(self.interface[row])
        if not self.has_view:  # `describe` let another thread run, which went to the end
            raise ValueError("another loop made the last packet")
        bytes_at = <const char *>self.view.buf
        entry = <tuple>self.descriptions.entries[place]
        scale = self.descriptions.scales[place]
        if self.numbers is None:
            number = self.first_number + <uint64_t>row
        else:
            number = self.numbers[row]
        data = PyBytes_FromStringAndSize(bytes_at + self.data_at[row], self.captured_length[row])
        options = b""
        if self.options_length[row]:
            options = PyBytes_FromStringAndSize(bytes_at + self.options_at[row], self.options_length[row])
        ticks = time = None
        if self.record_type[row] != SIMPLE:
            ticks = self.ticks[row]
            if scale[1] or scale[2]:
                exact = exact_time(self.ticks[row], scale)
                time = ticks if exact == <int_128_t>self.ticks[row] else number_of_128_bits(exact)
        original = captured = self.captured_length[row]
        if self.original_length[row] != self.captured_length[row]:
            original = self.original_length[row]
        packet = <tuple>PyType_GenericAlloc(<PyTypeObject *>entry[0], PACKET_ITEMS)
        put(packet, 0, number)
        put(packet, 1, data)
        put(packet, 2, original)
        put(packet, 3, ticks)
        put(packet, 4, entry[1])
        put(packet, 5, options)
        put(packet, 6, self.section)
        put(packet, 7, time)
        put(packet, 8, captured)
        PyObject_GC_UnTrack(<void *>packet)  # which holds nothing that could lead back to it
        self.row = row + 1
        return packet

    @property
    def done(self):
        return self.row

    def stop(self):
        self.row = self.rows
        self.release()


cdef class PacketLoop:
    cdef object next_rows
    cdef PacketRows rows

    def __cinit__(self, next_rows):
        self.next_rows = next_rows

    def __iter__(self):
        return self

    def __next__(self):
        cdef PacketRows rows = self.rows  # holds them while another thread goes on to others
        cdef object found
        while rows is None or rows.row >= rows.rows:
            if rows is not None:
                rows.release()
            found = self.next_rows()
            if found is None:
                raise StopIteration
            rows = self.rows = <PacketRows?>found
        return rows.next_packet()


cdef list names_of_fields = []  # which descriptors point to


def tuple_fields(tuple_type, names):
    cdef Py_ssize_t index
    cdef bytes name
    cdef PyMemberDef *members
    if not issubclass(tuple_type, tuple):
        raise ValueError("fields of a type that is not a tuple")
    members = <PyMemberDef *>calloc(len(names) + 1, sizeof(PyMemberDef))  # for ever, as the types of packets are
    if members == NULL:
        raise MemoryError
    fields = []
    for index in range(len(names)):
        name = names[index].encode()
        names_of_fields.append(name)
        members[index].name = name
        members[index].type = T_OBJECT_EX
        members[index].offset = offset_of_item(index)
        members[index].flags = READONLY
        fields.append(PyDescr_NewMember(<PyTypeObject *>tuple_type, &members[index]))
    return fields


def list_of_item(Py_ssize_t index, decode):
    def get(items):
        if not isinstance(items, tuple) or not 0 <= index < PyTuple_GET_SIZE(items):
            raise ValueError(f"no tuple with an item {index}")
        return decode(items) if (<tuple>items)[index] else []

    return get


def move_offsets(columns, Py_ssize_t rows, int64_t distance):
    cdef Py_ssize_t row
    cdef uint64_t *record_at = <uint64_t *>column(columns, "record_at", "q", rows)
    cdef uint64_t *data_at = <uint64_t *>column(columns, "data_at", "q", rows)
    cdef uint64_t *options_at = <uint64_t *>column(columns, "options_at", "q", rows)
    with nogil:
        for row in range(rows):
            record_at[row] += <uint64_t>distance
            data_at[row] += <uint64_t>distance
            options_at[row] += <uint64_t>distance


def exact_times(describe, columns, Py_ssize_t rows, array.array times):
    cdef Py_ssize_t row, place
    cdef const uint64_t *ticks = <const uint64_t *>column(columns, "ticks", "Q", rows)
    cdef const uint32_t *interface = <const uint32_t *>column(columns, "interface", "I", rows)
    cdef const uint8_t *record_type = <const uint8_t *>column(columns, "record_type", "B", rows)
    cdef int64_t *out
    cdef int_128_t time
    cdef Descriptions descriptions = Descriptions(describe)
    if times.typecode != "q" or len(times) < rows:
        raise ValueError(f"fewer than {rows} signed values of 64 bits")
    out = <int64_t *>times.data.as_voidptr
    for row in range(rows):
        place = descriptions.place(interface[row])
        if record_type[row] == SIMPLE:
            out[row] = 0
            continue
        if not descriptions.scales[place][1] and not descriptions.scales[place][2]:
            return row
        time = exact_time(ticks[row], descriptions.scales[place])
        if time != <int64_t>time:
            return row
        out[row] = <int64_t>time
    return rows


cdef array.array with_values(array.array values, str typecode, Py_ssize_t first, Py_ssize_t count):
    """The array, if it has `count` values of this type from `first` on."""
    if values.typecode != typecode or first < 0 or not 0 <= count <= len(values) - first:
        raise ValueError(f"not {count} values of type {typecode}")
    return values


def rows_within(array.array lengths, Py_ssize_t first, Py_ssize_t stop, int64_t most):
    cdef Py_ssize_t row = first
    cdef const uint32_t *values = <const uint32_t *>with_values(lengths, "I", 0, stop).data.as_voidptr
    cdef int64_t total = 0
    if not 0 <= first <= stop:
        raise ValueError(f"no rows from {first} to {stop}")
    with nogil:
        while row < stop:
            total += values[row]
            if total > most:
                break
            row += 1
    return row


def write_numbers(int64_t first, Py_ssize_t rows, array.array out, Py_ssize_t row):
    cdef int64_t *numbers = <int64_t *>with_values(out, "q", row, rows).data.as_voidptr + row
    cdef Py_ssize_t index
    if first > INT64_MAX - rows:
        raise ValueError("numbers of more than 64 bits")
    with nogil:
        for index in range(rows):
            numbers[index] = first + index


def look_up(columns, Py_ssize_t rows, array.array codes, array.array out, Py_ssize_t row):
    cdef const uint32_t *interface = <const uint32_t *>column(columns, "interface", "I", rows)
    cdef const int32_t *entries = <const int32_t *>with_values(codes, "i", 0, 0).data.as_voidptr
    cdef int32_t *found = <int32_t *>with_values(out, "i", row, rows).data.as_voidptr + row
    cdef Py_ssize_t index, count = len(codes)
    cdef uint32_t most = 0
    with nogil:
        for index in range(rows):
            if interface[index] > most:
                most = interface[index]
    if rows and most >= count:
        raise ValueError(f"an interface of {count} codes")
    with nogil:
        for index in range(rows):
            found[index] = entries[interface[index]]


cdef enum:
    MOST_OFFSET = 0x7FFFFFFF


def copy_data(buffer, columns, Py_ssize_t rows, bytearray out, Py_ssize_t at, array.array offsets, Py_ssize_t row):
    cdef const int64_t *data_at = <const int64_t *>column(columns, "data_at", "q", rows)
    cdef const uint32_t *captured_length = <const uint32_t *>column(columns, "captured_length", "I", rows)
    cdef int32_t *ends = <int32_t *>with_values(offsets, "i", row, rows + 1).data.as_voidptr + row + 1
    cdef Py_ssize_t index = 0, room = min(len(out), MOST_OFFSET)
    cdef char *place
    cdef bint outside = False
    cdef Py_buffer view, out_view
    if not 0 <= at <= len(out):
        raise ValueError("outside the output")
    PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
    try:
        PyObject_GetBuffer(out, &out_view, PyBUF_WRITABLE)
        try:
            place = <char *>out_view.buf
            with nogil:
                while index < rows:
                    outside = not inside(data_at[index], captured_length[index], view.len)
                    if outside or <int64_t>captured_length[index] > room - at:
                        break
                    memcpy(place + at, <const char *>view.buf + data_at[index], captured_length[index])
                    at += captured_length[index]
                    ends[index] = <int32_t>at
                    index += 1
        finally:
            PyBuffer_Release(&out_view)
    finally:
        PyBuffer_Release(&view)
    if outside:
        raise ValueError(f"row {index} lies outside its buffer")
    if index < rows:
        raise ValueError(f"no room for row {index}")
    return at


def copy_directions(buffer, columns, Py_ssize_t rows, bint big, bytearray out, Py_ssize_t row):
    cdef const int64_t *options_at = <const int64_t *>column(columns, "options_at", "q", rows)
    cdef const uint32_t *options_length = <const uint32_t *>column(columns, "options_length", "I", rows)
    cdef const unsigned char *data
    cdef unsigned char *found
    cdef int64_t remaining, size
    cdef Py_ssize_t index = 0
    cdef uint32_t code
    cdef unsigned char direction
    cdef bint outside = False
    cdef Py_buffer view, out_view
    if row < 0 or row > len(out) - rows:
        raise ValueError("outside the output")
    PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
    try:
        PyObject_GetBuffer(out, &out_view, PyBUF_WRITABLE)
        try:
            found = <unsigned char *>out_view.buf + row
            with nogil:
                while index < rows:
                    direction = 0
                    remaining = options_length[index]
                    if remaining:
                        if not inside(options_at[index], options_length[index], view.len):
                            outside = True
                            break
                        data = <const unsigned char *>view.buf + options_at[index]
                        while remaining >= 4:
                            code = load16(data, big)
                            size = load16(data + 2, big)
                            if code == 0 or size + 4 > remaining:
                                break
                            if code == 2:
                                if size == 4:
                                    direction = data[7 if big else 4] & 3
                                break
                            size = (size + 7) & ~<int64_t>3
                            data += size
                            remaining -= size
                    found[index] = direction
                    index += 1
        finally:
            PyBuffer_Release(&out_view)
    finally:
        PyBuffer_Release(&view)
    if outside:
        raise ValueError(f"row {index} lies outside its buffer")


cdef inline Py_ssize_t utf8_length(const unsigned char *p, Py_ssize_t size) noexcept nogil:
    """The length of the UTF-8 sequence with which the bytes begin; 0 if they begin with none."""
    cdef Py_ssize_t length, at
    cdef unsigned char first = p[0]
    if first < 0x80:
        return 1
    if 0xC2 <= first < 0xE0:
        length = 2
    elif 0xE0 <= first < 0xF0:
        length = 3
    elif 0xF0 <= first < 0xF5:
        length = 4
    else:
        return 0
    if size < length:
        return 0
    for at in range(1, length):
        if p[at] & 0xC0 != 0x80:
            return 0
    if (first == 0xE0 and p[1] < 0xA0) or (first == 0xED and p[1] > 0x9F):
        return 0
    if (first == 0xF0 and p[1] < 0x90) or (first == 0xF4 and p[1] > 0x8F):
        return 0
    return length


cdef Py_ssize_t put_text(unsigned char *out, const unsigned char *p, Py_ssize_t size) noexcept nogil:
    """Write the bytes up to the first zero as UTF-8, other bytes as \\xNN; return how many were written."""
    cdef const char *digits = "0123456789abcdef"
    cdef Py_ssize_t length, written = 0
    while size and p[0]:
        length = utf8_length(p, size)
        if length:
            memcpy(out + written, p, length)
            written += length
        else:
            length = 1
            out[written] = 0x5C
            out[written + 1] = 0x78
            out[written + 2] = digits[p[0] >> 4]
            out[written + 3] = digits[p[0] & 15]
            written += 4
        p += length
        size -= length
    return written


def copy_comments(
    buffer, columns, Py_ssize_t rows, bint big, array.array lists, Py_ssize_t row, array.array offsets,
    Py_ssize_t count, bytearray out, Py_ssize_t at,
):
    cdef const int64_t *options_at = <const int64_t *>column(columns, "options_at", "q", rows)
    cdef const uint32_t *options_length = <const uint32_t *>column(columns, "options_length", "I", rows)
    cdef int32_t *list_ends = <int32_t *>with_values(lists, "i", row, rows + 1).data.as_voidptr + row + 1
    cdef int32_t *ends = <int32_t *>with_values(offsets, "i", 0, 1).data.as_voidptr
    cdef Py_ssize_t most = len(offsets), room = min(len(out), MOST_OFFSET), index = 0
    cdef const unsigned char *data
    cdef int64_t remaining, size
    cdef uint32_t code
    cdef bint outside = False, full = False
    cdef Py_buffer view, out_view
    if not 0 <= at <= len(out) or not 0 <= count < most:
        raise ValueError("outside the output")
    PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
    try:
        PyObject_GetBuffer(out, &out_view, PyBUF_WRITABLE)
        try:
            with nogil:
                while index < rows:
                    remaining = options_length[index]
                    if remaining >> 2 >= most - count or 4 * remaining > room - at:
                        full = True
                        break
                    if remaining:
                        if not inside(options_at[index], options_length[index], view.len):
                            outside = True
                            break
                        data = <const unsigned char *>view.buf + options_at[index]
                        while remaining >= 4:
                            code = load16(data, big)
                            size = load16(data + 2, big)
                            if code == 0 or size + 4 > remaining:
                                break
                            if code == 1:
                                at += put_text(<unsigned char *>out_view.buf + at, data + 4, size)
                                count += 1
                                ends[count] = <int32_t>at
                            size = (size + 7) & ~<int64_t>3
                            data += size
                            remaining -= size
                    list_ends[index] = <int32_t>count
                    index += 1
        finally:
            PyBuffer_Release(&out_view)
    finally:
        PyBuffer_Release(&view)
    if full:
        raise ValueError(f"no room for row {index}")
    if outside:
        raise ValueError(f"row {index} lies outside its buffer")
    return count, at


cdef enum:
    MOST_ADDRESS = 39  # bytes of the text of an address
    ETHER_TYPE_IPV6 = 0x86DD


cdef inline Py_ssize_t put_ipv4_text(unsigned char *out, const unsigned char *p) noexcept nogil:
    cdef Py_ssize_t at = 0
    cdef int index, value
    for index in range(4):
        value = p[index]
        if index:
            out[at] = 0x2E
            at += 1
        if value >= 100:
            out[at] = <unsigned char>(0x30 + value // 100)
            at += 1
        if value >= 10:
            out[at] = <unsigned char>(0x30 + value // 10 % 10)
            at += 1
        out[at] = <unsigned char>(0x30 + value % 10)
        at += 1
    return at


cdef Py_ssize_t put_ipv6_text(unsigned char *out, const unsigned char *p) noexcept nogil:
    """Write the text of RFC 5952: the longest run of two or more zeros, the first of several, is `::`."""
    cdef const char *digits = "0123456789abcdef"
    cdef int words[8]
    cdef int index, shift, length = 0, longest = 1, begin = -1, prefix = 0
    cdef Py_ssize_t at = 0
    for index in range(8):
        words[index] = p[2 * index] << 8 | p[2 * index + 1]
        length = 0 if words[index] else length + 1
        if length > longest:
            longest = length
            begin = index + 1 - length
        if index < 6:
            prefix |= words[index] ^ (0xFFFF if index == 5 else 0)
    if not prefix:
        memcpy(out, "::ffff:", 7)
        return 7 + put_ipv4_text(out + 7, p + 12)
    index = 0
    while index < 8:
        if index == begin:
            out[at] = 0x3A
            out[at + 1] = 0x3A
            at += 2
            index += longest
            continue
        if index and out[at - 1] != 0x3A:
            out[at] = 0x3A
            at += 1
        shift = 12
        while shift and not words[index] >> shift:
            shift -= 4
        while shift >= 0:
            out[at] = digits[words[index] >> shift & 15]
            at += 1
            shift -= 4
        index += 1
    return at


cdef inline Py_ssize_t put_mac_text(unsigned char *out, const unsigned char *p) noexcept nogil:
    cdef const char *digits = "0123456789abcdef"
    cdef int index
    for index in range(6):
        out[3 * index] = digits[p[index] >> 4]
        out[3 * index + 1] = digits[p[index] & 15]
        if index < 5:
            out[3 * index + 2] = 0x3A
    return 17


def copy_addresses(
    headers, str name, Py_ssize_t rows, bytearray out, Py_ssize_t at, array.array offsets, Py_ssize_t row,
):
    cdef int width = headers.FIELDS[name][1]
    cdef const uint64_t *present = <const uint64_t *>column(headers, "present", "Q", rows)
    cdef const unsigned char *p
    cdef const uint16_t *networks = NULL
    cdef uint64_t bit = <uint64_t>1 << <int>headers.BITS[name]
    cdef int32_t *ends = <int32_t *>with_values(offsets, "i", row, rows + 1).data.as_voidptr + row + 1
    cdef Py_ssize_t index = 0, room = min(len(out), MOST_OFFSET)
    cdef unsigned char *place
    cdef Py_buffer view
    if width != 6 and width != 16:
        raise ValueError(f"the column {name} has no addresses")
    p = <const unsigned char *>column(headers, name, "B", rows * width)
    if width == 16:
        networks = <const uint16_t *>column(headers, "network_protocol", "H", rows)
    if not 0 <= at <= len(out):
        raise ValueError("outside the output")
    PyObject_GetBuffer(out, &view, PyBUF_WRITABLE)
    try:
        place = <unsigned char *>view.buf
        with nogil:
            while index < rows and room - at >= MOST_ADDRESS:
                if present[index] & bit:
                    if width == 6:
                        at += put_mac_text(place + at, p)
                    elif networks[index] == ETHER_TYPE_IPV6:
                        at += put_ipv6_text(place + at, p)
                    else:
                        at += put_ipv4_text(place + at, p + 12)
                ends[index] = <int32_t>at
                p += width
                index += 1
    finally:
        PyBuffer_Release(&view)
    if index < rows:
        raise ValueError(f"no room for row {index}")
    return at


include "compiled_headers.pxi"
include "compiled_traffic.pxi"
include "compiled_flows.pxi"
include "compiled_skip_link_layers.pxi"
include "compiled_decapsulating.pxi"
