# cython: language_level=3, boundscheck=False, wraparound=False, cdivision=True
"""The kernels, compiled. `interpreted.py` is the reference and documents them; both must do the same.

Strategy: a raw pointer per column, taken once, and loops without the GIL. Every read is preceded by a comparison with
what is there. Positions are Py_ssize_t, lengths from the file are widened before anything is added to them.
"""

from cpython cimport array
from cpython.buffer cimport PyBUF_SIMPLE, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer
from libc.stdint cimport INT64_MAX, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcmp, memcpy, memset

cdef extern from *:
    """
    #include <stdint.h>
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
    static int no_record(const unsigned char *p, Py_ssize_t header_size) {
        /* zeros, or the magic number and version of a pcap file, which have no byte above 0x1f behind the magic */
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
    static inline int in_nanoseconds(uint64_t ticks, const uint64_t *unit, int cut, uint64_t *time, uint64_t *inexact) {
        unsigned __int128 whole = (unsigned __int128)ticks * unit[0];
        __int128 sum;
        int rest = 0;
        if (unit[1] != 1 || unit[2]) {
            if (!unit[1] && !unit[2]) return STOP_UNKNOWN;
            if (!unit[2] && !(uint64_t)(whole >> 64)) {
                rest = (uint64_t)whole % unit[1] != 0;
                whole = (uint64_t)whole / unit[1];
            } else {
                unsigned __int128 divide = (unsigned __int128)unit[2] << 64 | unit[1];
                rest = whole % divide != 0;
                whole = whole / divide;
            }
            if (rest && !cut) return STOP_FINER;
        }
        sum = (__int128)whole + (__int128)((unsigned __int128)unit[4] << 64 | unit[3]);
        if (sum < 0 || sum >> 64) return STOP_BEYOND;
        *inexact += rest;
        *time = (uint64_t)sum;
        return STOP_MORE;
    }
    static inline uint64_t load64(const unsigned char *p) {
        return (uint64_t)load32(p, 1) << 32 | load32(p + 4, 1);
    }
    static inline uint64_t folded(unsigned __int128 sum) {
        /* modulo 2^64 - 59, 2^64 counts as 59; of sums below 2^122, so that one carry is all */
        uint64_t low = (uint64_t)sum, found = low + (uint64_t)(sum >> 64) * 59;
        return found < low ? found + 59 : found;
    }
    static inline uint64_t mixed(unsigned __int128 sum) {
        uint64_t found = folded(sum);
        if (found >= 0xFFFFFFFFFFFFFFC5u) found -= 0xFFFFFFFFFFFFFFC5u;
        return found * 0x9E3779B97F4A7C15u;
    }
    static inline uint64_t mixed_time(uint64_t time, uint32_t length) {
        return mixed((unsigned __int128)(time >> 32) * 59 + (time << 32 | length));
    }
    static inline uint64_t mixed_bytes(const unsigned char *p, uint32_t length) {
        /* as many words at once as have weights, so that products do not wait for each other */
        static const uint64_t weights[9] = {1ull, 59ull, 3481ull, 205379ull, 12117361ull, 714924299ull, 42180533641ull,
                                            2488651484819ull, 146830437604321ull};
        unsigned __int128 sum = length;
        uint32_t at = length & 7, words = length >> 3 & 7, i;
        if (length >= 8 && at) sum = sum << 8 * at | load64(p) >> 8 * (8 - at);
        else for (i = 0; i < at; i++) sum = sum << 8 | p[i];
        sum = (unsigned __int128)folded(sum) * weights[words];
        for (i = 1; i <= words; i++, at += 8) sum += (unsigned __int128)load64(p + at) * weights[words - i];
        for (; at < length; at += 64) {  /* a count that is known lets the compiler unroll it */
            sum = (unsigned __int128)folded(sum) * weights[8];
            for (i = 0; i < 8; i++) sum += (unsigned __int128)load64(p + at + 8 * i) * weights[7 - i];
        }
        return mixed(sum);
    }
    """
    uint64_t mixed_time(uint64_t time, uint32_t length) nogil
    uint64_t mixed_bytes(const unsigned char *p, uint32_t length) nogil
    int in_nanoseconds(uint64_t ticks, const uint64_t *unit, int cut, uint64_t *time, uint64_t *inexact) nogil
    uint16_t load16(const unsigned char *p, int big) nogil
    uint32_t load32(const unsigned char *p, int big) nogil
    void store16(unsigned char *p, uint16_t v, int big) nogil
    void store32(unsigned char *p, uint32_t v, int big) nogil
    bint no_record(const unsigned char *p, Py_ssize_t header_size) nogil


NAME = "compiled"

cdef enum:
    MORE = 0
    FULL = 1
    OTHER = 2
    BEFORE_1970 = 3
    TOO_LATE = 4

cdef enum:
    SCALE = 6   # uint64 values per interface in a scale table
    RANGE = 3   # uint64 values per interface in match
    SHIFT = 2   # uint64 values per interface in shift_times
    TOTALS = 5  # uint64 values per interface in count_packets
    NANOSECOND_SCALE = 6    # uint64 values per interface in to_nanoseconds
    FINGERPRINT = 10

cdef enum:
    FEW = 16    # keys that are put in order one by one

cdef enum:
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
    return values.data.as_ulonglongs


cdef inline bint inside(int64_t at, uint32_t length, Py_ssize_t size) noexcept nogil:
    return 0 <= at <= size and <int64_t>length <= size - at


def index_pcap(buffer, Py_ssize_t start, Py_ssize_t stop, columns, bint big, Py_ssize_t header_size, int swap, uint64_t units):
    cdef Py_ssize_t capacity = len(columns.ticks), rows = 0, at = start
    cdef int64_t *record_at = <int64_t *>column(columns, "record_at", "q", capacity)
    cdef uint32_t *record_length = <uint32_t *>column(columns, "record_length", "I", capacity)
    cdef int64_t *data_at = <int64_t *>column(columns, "data_at", "q", capacity)
    cdef uint32_t *captured_length = <uint32_t *>column(columns, "captured_length", "I", capacity)
    cdef uint32_t *original_length = <uint32_t *>column(columns, "original_length", "I", capacity)
    cdef uint64_t *ticks = <uint64_t *>column(columns, "ticks", "Q", capacity)
    cdef uint32_t seconds, captured, original, fraction, held
    cdef Py_ssize_t odd = 0
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
                if stop - at < header_size:
                    break
                if rows == capacity:
                    status = FULL
                    break
                seconds = load32(data + at, big)
                fraction = load32(data + at + 4, big)
                captured = load32(data + at + 8, big)
                original = load32(data + at + 12, big)
                if not fraction & 0xE0E0E0E0u and no_record(data + at, header_size):
                    status = OTHER
                    break
                if swap == 2 or (swap == 1 and captured > original):
                    held = captured
                    captured = original
                    original = held
                if <int64_t>captured > stop - at - header_size or captured > 0xFFFFFFFFu - header_size:
                    break
                odd += fraction >= units
                record_at[rows] = at
                record_length[rows] = <uint32_t>(header_size + captured)
                data_at[rows] = at + header_size
                captured_length[rows] = captured
                original_length[rows] = original
                ticks[rows] = <uint64_t>seconds * units + fraction
                at += header_size + captured
                rows += 1
    finally:
        PyBuffer_Release(&view)
    return rows, at, status, odd


def index_pcapng(buffer, Py_ssize_t start, Py_ssize_t stop, columns, bint big, uint32_t interfaces, uint32_t snaplen):
    cdef Py_ssize_t capacity = len(columns.ticks), rows = 0, at = start
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
                if stop - at < 12:
                    break
                if rows == capacity:
                    status = FULL
                    break
                block = data + at
                block_type = load32(block, big)
                length = load32(block + 4, big)
                if length & 3 or (block_type != ENHANCED and block_type != SIMPLE and block_type != OBSOLETE):
                    status = OTHER
                    break
                if <int64_t>length > stop - at:
                    break
                if length < 16 or load32(block + length - 4, big) != length:
                    status = OTHER
                    break
                if block_type == SIMPLE:
                    interface_id = 0
                    original = load32(block + 8, big)
                    captured = original
                    if snaplen and captured > snaplen:
                        captured = snaplen
                    if not interfaces or captured > length - 16:
                        status = OTHER
                        break
                    ticks[rows] = 0
                    data_at[rows] = at + 12
                    options_at[rows] = at
                    options_length[rows] = 0
                else:
                    if length < 32:
                        status = OTHER
                        break
                    captured = load32(block + 20, big)
                    original = load32(block + 24, big)
                    interface_id = load16(block + 8, big) if block_type == OBSOLETE else load32(block + 8, big)
                    if captured > length - 32 or interface_id >= interfaces:
                        status = OTHER
                        break
                    padded = (<uint64_t>captured + 3) & ~<uint64_t>3
                    ticks[rows] = <uint64_t>load32(block + 12, big) << 32 | load32(block + 16, big)
                    data_at[rows] = at + 28
                    options_at[rows] = at + 28 + <int64_t>padded
                    options_length[rows] = <uint32_t>(length - 32 - padded)
                record_at[rows] = at
                record_length[rows] = length
                record_type[rows] = <uint8_t>block_type
                captured_length[rows] = captured
                original_length[rows] = original
                interface[rows] = interface_id
                at += length
                rows += 1
    finally:
        PyBuffer_Release(&view)
    return rows, at, status


def encode_pcap(buffer, columns, Py_ssize_t row, Py_ssize_t rows, out, Py_ssize_t at, bint big, array.array scale, array.array counts):
    cdef const int64_t *data_at = <const int64_t *>column(columns, "data_at", "q", rows)
    cdef const uint8_t *record_type = <const uint8_t *>column(columns, "record_type", "B", rows)
    cdef const uint32_t *captured_length = <const uint32_t *>column(columns, "captured_length", "I", rows)
    cdef const uint32_t *original_length = <const uint32_t *>column(columns, "original_length", "I", rows)
    cdef const uint64_t *ticks = <const uint64_t *>column(columns, "ticks", "Q", rows)
    cdef const uint32_t *interface = <const uint32_t *>column(columns, "interface", "I", rows)
    cdef uint64_t interfaces = len(scale) // SCALE
    cdef const uint64_t *scales = table(scale, 0)
    cdef uint64_t *tally = table(counts, 3)
    cdef const uint64_t *unit
    cdef uint64_t number
    cdef uint64_t seconds, rest, cut = 0, timeless = 0, longest = tally[2]
    cdef uint32_t captured, fraction
    cdef int status = MORE
    cdef bint outside = False
    cdef unsigned char *target
    cdef Py_buffer view, room
    for number in range(interfaces):
        if scales[number * SCALE] == 0 or scales[number * SCALE + 2] == 0:
            raise ValueError("a scale table divides by 0")
    PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
    try:
        PyObject_GetBuffer(out, &room, PyBUF_WRITABLE)
        try:
            if row < 0 or not 0 <= at <= room.len:
                raise ValueError("the range lies outside the buffer")
            with nogil:
                while row < rows:
                    captured = captured_length[row]
                    if not inside(data_at[row], captured, view.len) or interface[row] >= interfaces:
                        outside = True
                        break
                    if room.len - at < <int64_t>captured + 16:
                        status = FULL
                        break
                    if record_type[row] == SIMPLE:
                        seconds = fraction = 0
                        timeless += 1
                    else:
                        unit = scales + <uint64_t>interface[row] * SCALE
                        if unit[0] == 1000000:
                            seconds = ticks[row] // <uint64_t>1000000
                            rest = ticks[row] - seconds * 1000000
                        elif unit[0] == 1000000000:
                            seconds = ticks[row] // <uint64_t>1000000000
                            rest = ticks[row] - seconds * 1000000000
                        else:
                            seconds = ticks[row] // unit[0]
                            rest = ticks[row] - seconds * unit[0]
                        rest = rest * unit[1]
                        if unit[2] != 1:
                            fraction = <uint32_t>(rest // unit[2])
                            cut += rest % unit[2] != 0
                        else:
                            fraction = <uint32_t>rest
                        if unit[4]:
                            if seconds < unit[3]:
                                status = BEFORE_1970
                                break
                            seconds -= unit[3]
                        elif seconds <= 0xFFFFFFFFu:
                            seconds += unit[3]
                        if seconds > 0xFFFFFFFFu:
                            status = TOO_LATE
                            break
                    target = <unsigned char *>room.buf + at
                    store32(target, <uint32_t>seconds, big)
                    store32(target + 4, fraction, big)
                    store32(target + 8, captured, big)
                    store32(target + 12, original_length[row], big)
                    memcpy(target + 16, <const unsigned char *>view.buf + data_at[row], captured)
                    if captured > longest:
                        longest = captured
                    at += 16 + <Py_ssize_t>captured
                    row += 1
        finally:
            PyBuffer_Release(&room)
    finally:
        PyBuffer_Release(&view)
    tally[0] += cut
    tally[1] += timeless
    tally[2] = longest
    if outside:
        raise ValueError(f"row {row} lies outside its buffer or names an interface that is not there")
    return row, at, status


def copy_records(buffer, columns, Py_ssize_t row, Py_ssize_t rows, out, Py_ssize_t at):
    cdef const int64_t *record_at = <const int64_t *>column(columns, "record_at", "q", rows)
    cdef const uint32_t *record_length = <const uint32_t *>column(columns, "record_length", "I", rows)
    cdef uint32_t length
    cdef int status = MORE
    cdef bint outside = False
    cdef Py_buffer view, room
    PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
    try:
        PyObject_GetBuffer(out, &room, PyBUF_WRITABLE)
        try:
            if row < 0 or not 0 <= at <= room.len:
                raise ValueError("the range lies outside the buffer")
            with nogil:
                while row < rows:
                    length = record_length[row]
                    if not inside(record_at[row], length, view.len):
                        outside = True
                        break
                    if room.len - at < <int64_t>length:
                        status = FULL
                        break
                    memcpy(<unsigned char *>room.buf + at, <const unsigned char *>view.buf + record_at[row], length)
                    at += <Py_ssize_t>length
                    row += 1
        finally:
            PyBuffer_Release(&room)
    finally:
        PyBuffer_Release(&view)
    if outside:
        raise ValueError(f"row {row} lies outside its buffer")
    return row, at, status


def encode_pcapng(buffer, columns, Py_ssize_t row, Py_ssize_t rows, out, Py_ssize_t at, bint big, bint copy):
    cdef const int64_t *data_at = <const int64_t *>column(columns, "data_at", "q", rows)
    cdef const uint8_t *record_type = <const uint8_t *>column(columns, "record_type", "B", rows)
    cdef const uint32_t *captured_length = <const uint32_t *>column(columns, "captured_length", "I", rows)
    cdef const uint32_t *original_length = <const uint32_t *>column(columns, "original_length", "I", rows)
    cdef const uint64_t *ticks = <const uint64_t *>column(columns, "ticks", "Q", rows)
    cdef const uint32_t *interface = <const uint32_t *>column(columns, "interface", "I", rows)
    cdef const int64_t *options_at = <const int64_t *>column(columns, "options_at", "q", rows)
    cdef const uint32_t *options_length = <const uint32_t *>column(columns, "options_length", "I", rows)
    cdef const int64_t *record_at = <const int64_t *>column(columns, "record_at", "q", rows)
    cdef const uint32_t *record_length = <const uint32_t *>column(columns, "record_length", "I", rows)
    cdef uint32_t captured, options, header
    cdef uint64_t total, padded
    cdef int status = MORE
    cdef bint outside = False
    cdef unsigned char *target
    cdef const unsigned char *data
    cdef Py_buffer view, room
    PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
    try:
        PyObject_GetBuffer(out, &room, PyBUF_WRITABLE)
        try:
            if row < 0 or not 0 <= at <= room.len:
                raise ValueError("the range lies outside the buffer")
            data = <const unsigned char *>view.buf
            with nogil:
                while row < rows:
                    if copy and record_length[row]:
                        total = record_length[row]
                        if not inside(record_at[row], <uint32_t>total, view.len):
                            outside = True
                            break
                        if room.len - at < <int64_t>total:
                            status = FULL
                            break
                        memcpy(<unsigned char *>room.buf + at, data + record_at[row], total)
                        at += <Py_ssize_t>total
                        row += 1
                        continue
                    captured = captured_length[row]
                    header = 12 if record_type[row] == SIMPLE else 28
                    options = 0 if record_type[row] == SIMPLE else options_length[row]
                    padded = (<uint64_t>captured + 3) & ~<uint64_t>3
                    total = header + 4 + padded + options
                    if (
                        not inside(data_at[row], captured, view.len)
                        or options & 3 or total > 0xFFFFFFFFu
                    ):
                        outside = True
                        break
                    if room.len - at < <int64_t>total:
                        status = FULL
                        break
                    if options and not inside(options_at[row], options, view.len):
                        outside = True
                        break
                    target = <unsigned char *>room.buf + at
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
                    if options:
                        memcpy(target + header + padded, data + options_at[row], options)
                    store32(target + total - 4, <uint32_t>total, big)
                    at += <Py_ssize_t>total
                    row += 1
        finally:
            PyBuffer_Release(&room)
    finally:
        PyBuffer_Release(&view)
    if outside:
        raise ValueError(f"row {row} lies outside its buffer, or its block would be longer than 4 GiB")
    return row, at, status


def rows_in_ranges(columns, Py_ssize_t rows, array.array ranges, mask):
    cdef const uint8_t *record_type = <const uint8_t *>column(columns, "record_type", "B", rows)
    cdef const uint64_t *ticks = <const uint64_t *>column(columns, "ticks", "Q", rows)
    cdef const uint32_t *interface = <const uint32_t *>column(columns, "interface", "I", rows)
    cdef uint64_t interfaces = len(ranges) // RANGE
    cdef const uint64_t *limits = table(ranges, 0)
    cdef const uint64_t *mine
    cdef unsigned char *chosen
    cdef Py_ssize_t row = 0, left = 0
    cdef bint outside = False
    cdef Py_buffer room
    PyObject_GetBuffer(mask, &room, PyBUF_WRITABLE)
    try:
        if room.len < rows:
            raise ValueError(f"a mask of fewer than {rows} rows")
        chosen = <unsigned char *>room.buf
        with nogil:
            while row < rows:
                if interface[row] >= interfaces:
                    outside = True
                    break
                mine = limits + <uint64_t>interface[row] * RANGE
                if record_type[row] == SIMPLE:
                    if not mine[2]:
                        chosen[row] = 0
                elif ticks[row] < mine[0] or ticks[row] > mine[1]:
                    chosen[row] = 0
                left += chosen[row] != 0
                row += 1
    finally:
        PyBuffer_Release(&room)
    if outside:
        raise ValueError(f"row {row} names an interface that is not there")
    return left


cdef struct Row:
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


cdef Row all_columns(object columns, Py_ssize_t rows) except *:
    cdef Row row
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


cdef inline void copy_row(const Row *columns, Py_ssize_t row, Row *into, Py_ssize_t to) noexcept nogil:
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
    cdef Row these = all_columns(columns, rows)
    cdef Row there
    cdef const unsigned char *chosen
    cdef Py_ssize_t row, taken = 0
    cdef Py_buffer view
    PyObject_GetBuffer(mask, &view, PyBUF_SIMPLE)
    try:
        if view.len < rows:
            raise ValueError(f"a mask of fewer than {rows} rows")
        chosen = <const unsigned char *>view.buf
        with nogil:
            for row in range(rows):
                taken += chosen[row] != 0
        there = all_columns(into, taken)
        taken = 0
        with nogil:
            for row in range(rows):
                if chosen[row]:
                    copy_row(&these, row, &there, taken)
                    taken += 1
    finally:
        PyBuffer_Release(&view)
    return taken


def reorder(columns, Py_ssize_t rows, array.array places, into):
    cdef Py_ssize_t size = len(places), at
    cdef Row these = all_columns(columns, rows)
    cdef Row there = all_columns(into, size)
    cdef const int64_t *place = <const int64_t *>places.data.as_voidptr
    if places.typecode != "q":
        raise ValueError("places that are not 64-bit numbers")
    for at in range(size):
        if not 0 <= place[at] < rows:
            raise ValueError(f"place {at} is not that of a row")
    with nogil:
        for at in range(size):
            copy_row(&these, place[at], &there, at)


def renumber(buffer, columns, Py_ssize_t rows, array.array ids, bint big):
    cdef const int64_t *record_at = <const int64_t *>column(columns, "record_at", "q", rows)
    cdef const uint32_t *record_length = <const uint32_t *>column(columns, "record_length", "I", rows)
    cdef const uint8_t *record_type = <const uint8_t *>column(columns, "record_type", "B", rows)
    cdef uint32_t *interface = <uint32_t *>column(columns, "interface", "I", rows)
    cdef uint64_t interfaces = len(ids), number = 0
    cdef const uint64_t *id_of = table(ids, 0)
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
                number = id_of[interface[row]]
                if record_length[row] and (record_type[row] == ENHANCED or record_type[row] == OBSOLETE):
                    obsolete = record_type[row] == OBSOLETE
                    if number > (<uint64_t>0xFFFFu if obsolete else <uint64_t>0xFFFFFFFFu):
                        break
                    if not inside(record_at[row], 12, view.len):
                        outside = True
                        break
                    block = <unsigned char *>view.buf + record_at[row]
                    if obsolete:
                        store16(block + 8, <uint16_t>number, big)
                    else:
                        store32(block + 8, <uint32_t>number, big)
                elif number > 0xFFFFFFFFu:
                    break
                interface[row] = <uint32_t>number
                row += 1
    finally:
        PyBuffer_Release(&view)
    if unknown:
        raise ValueError(f"row {row} names an interface that is not there")
    if outside:
        raise ValueError(f"row {row} lies outside its buffer")
    if row < rows:
        raise ValueError(f"row {row} has no room for interface {number}")


def cut_packets(columns, Py_ssize_t rows, uint32_t front, uint32_t end, uint32_t snaplen):
    cdef uint32_t *record_length = <uint32_t *>column(columns, "record_length", "I", rows)
    cdef int64_t *data_at = <int64_t *>column(columns, "data_at", "q", rows)
    cdef uint32_t *captured_length = <uint32_t *>column(columns, "captured_length", "I", rows)
    cdef uint32_t captured, off, left
    cdef Py_ssize_t row = 0, changed = 0
    cdef bint outside = False
    with nogil:
        while row < rows:
            captured = captured_length[row]
            off = front if front < captured else captured
            left = captured - off
            left = left - end if left > end else 0
            if left > snaplen:
                left = snaplen
            if left != captured:
                if data_at[row] > INT64_MAX - <int64_t>off:
                    outside = True
                    break
                data_at[row] += off
                captured_length[row] = left
                record_length[row] = 0
                changed += 1
            row += 1
    if outside:
        raise ValueError(f"row {row} lies outside its buffer")
    return changed


def shift_times(columns, Py_ssize_t rows, array.array shifts):
    cdef uint32_t *record_length = <uint32_t *>column(columns, "record_length", "I", rows)
    cdef const uint8_t *record_type = <const uint8_t *>column(columns, "record_type", "B", rows)
    cdef uint64_t *ticks = <uint64_t *>column(columns, "ticks", "Q", rows)
    cdef const uint32_t *interface = <const uint32_t *>column(columns, "interface", "I", rows)
    cdef uint64_t interfaces = len(shifts) // SHIFT
    cdef const uint64_t *deltas = table(shifts, 0)
    cdef const uint64_t *mine
    cdef Py_ssize_t row = 0
    cdef bint outside = False
    with nogil:
        while row < rows:
            if interface[row] >= interfaces:
                outside = True
                break
            mine = deltas + <uint64_t>interface[row] * SHIFT
            if record_type[row] != SIMPLE:
                if mine[1]:
                    if ticks[row] < mine[0]:
                        break
                    ticks[row] -= mine[0]
                else:
                    if ticks[row] > <uint64_t>0xFFFFFFFFFFFFFFFFu - mine[0]:
                        break
                    ticks[row] += mine[0]
                record_length[row] = 0
            row += 1
    if outside:
        raise ValueError(f"row {row} names an interface that is not there")
    return row


cdef inline bint sound_unit(const uint64_t *unit) noexcept nogil:
    """Whether 128 bits hold all on the way."""
    return not unit[0] >> 62 and (<int64_t>unit[4] >> 62 == 0 or <int64_t>unit[4] >> 62 == -1) and unit[5] <= 0xFFFFFFFFu


def to_nanoseconds(columns, Py_ssize_t row, Py_ssize_t rows, array.array units, bint cut):
    cdef const uint8_t *record_type = <const uint8_t *>column(columns, "record_type", "B", rows)
    cdef uint64_t *ticks = <uint64_t *>column(columns, "ticks", "Q", rows)
    cdef uint32_t *interface = <uint32_t *>column(columns, "interface", "I", rows)
    cdef const uint64_t *unit = table(units, NANOSECOND_SCALE)
    cdef const uint64_t *mine
    cdef uint64_t interfaces = len(units) // NANOSECOND_SCALE - 1
    cdef uint64_t time = 0, inexact = 0
    cdef int status = MORE
    cdef bint outside = False, too_large = False
    if not 0 <= row <= rows:
        raise ValueError("a row that is not there")
    with nogil:
        while row < rows:
            if interface[row] >= interfaces:
                outside = True
                break
            if record_type[row] == SIMPLE:
                mine = unit + interfaces * NANOSECOND_SCALE
            else:
                mine = unit + <uint64_t>interface[row] * NANOSECOND_SCALE
            too_large = not sound_unit(mine)
            if too_large:
                break
            status = in_nanoseconds(ticks[row], mine, cut, &time, &inexact)
            if status != MORE:
                break
            mine = unit + <uint64_t>interface[row] * NANOSECOND_SCALE
            too_large = not sound_unit(mine)
            if too_large:
                break
            ticks[row] = time
            interface[row] = <uint32_t>mine[5]
            row += 1
    if too_large:
        raise ValueError("a unit that is too large")
    if outside:
        raise ValueError(f"row {row} names an interface that is not there")
    return row, inexact, status


def rising(columns, Py_ssize_t row, Py_ssize_t rows):
    cdef const uint64_t *ticks = <const uint64_t *>column(columns, "ticks", "Q", rows)
    if not 0 <= row <= rows:
        raise ValueError("a row that is not there")
    if row == rows:
        return rows
    with nogil:
        row += 1
        while row < rows and ticks[row] >= ticks[row - 1]:
            row += 1
    return row


def longer(columns, Py_ssize_t row, Py_ssize_t rows, array.array limits):
    cdef const uint32_t *captured_length = <const uint32_t *>column(columns, "captured_length", "I", rows)
    cdef const uint32_t *interface = <const uint32_t *>column(columns, "interface", "I", rows)
    cdef const uint64_t *limit = table(limits, 0)
    cdef Py_ssize_t known = len(limits)
    if not 0 <= row <= rows:
        raise ValueError("a row that is not there")
    with nogil:
        while row < rows and interface[row] < known and captured_length[row] <= limit[interface[row]]:
            row += 1
    if row < rows and interface[row] >= known:
        raise ValueError(f"row {row} names an interface that is not there")
    return row


cdef void sort_few(const uint64_t *key, int64_t *places, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    cdef Py_ssize_t at, to
    cdef int64_t place
    for at in range(begin + 1, end):
        place = places[at]
        to = at
        while to > begin and key[places[to - 1]] > key[place]:
            places[to] = places[to - 1]
            to -= 1
        places[to] = place


cdef void merge(
    const uint64_t *key, const int64_t *places, int64_t *into, Py_ssize_t begin, Py_ssize_t middle, Py_ssize_t end
) noexcept nogil:
    cdef Py_ssize_t one = begin, other = middle, at = begin
    if middle == end or key[places[middle - 1]] <= key[places[middle]]:
        memcpy(into + begin, places + begin, (end - begin) * sizeof(int64_t))
        return
    while one < middle and other < end:
        if key[places[one]] <= key[places[other]]:
            into[at] = places[one]
            one += 1
        else:
            into[at] = places[other]
            other += 1
        at += 1
    memcpy(into + at, places + one, (middle - one) * sizeof(int64_t))
    memcpy(into + at + (middle - one), places + other, (end - other) * sizeof(int64_t))


def argsort(array.array keys):
    cdef const uint64_t *key = table(keys, 0)
    cdef Py_ssize_t size = len(keys), width = FEW, at
    cdef array.array found = array.clone(array.array("q"), size, zero=False)
    cdef array.array spare = array.clone(found, size, zero=False)
    cdef int64_t *places = <int64_t *>found.data.as_voidptr
    cdef int64_t *into = <int64_t *>spare.data.as_voidptr
    with nogil:
        for at in range(size):
            places[at] = at
        at = 0
        while at < size:
            sort_few(key, places, at, at + FEW if size - at > FEW else size)
            at += FEW
        while width < size:
            at = 0
            while at < size:
                merge(
                    key,
                    places,
                    into,
                    at,
                    at + width if size - at > width else size,
                    at + 2 * width if size - at > 2 * width else size,
                )
                at += 2 * width
            places, into = into, places
            width *= 2
    return found if places == <int64_t *>found.data.as_voidptr else spare


def match_keys(array.array ones, array.array others, array.array partner):
    cdef array.array one_order = argsort(ones), other_order = argsort(others), uneven = array.array("q")
    cdef const uint64_t *one_key = table(ones, 0)
    cdef const uint64_t *other_key = table(others, 0)
    cdef const int64_t *one_place = <const int64_t *>one_order.data.as_voidptr
    cdef const int64_t *other_place = <const int64_t *>other_order.data.as_voidptr
    cdef int32_t *found
    cdef Py_ssize_t one = 0, other = 0, one_end, other_end, at, one_size = len(ones), other_size = len(others)
    cdef uint64_t key, its
    if partner.typecode != "i" or len(partner) < other_size:
        raise ValueError(f"no room for the partners of {other_size} rows")
    found = <int32_t *>partner.data.as_voidptr
    while one < one_size and other < other_size:
        key, its = one_key[one_place[one]], other_key[other_place[other]]
        if key != its:
            one += key < its
            other += its < key
            continue
        one_end, other_end = one, other
        while one_end < one_size and one_key[one_place[one_end]] == key:
            one_end += 1
        while other_end < other_size and other_key[other_place[other_end]] == key:
            other_end += 1
        if one_end - one == other_end - other:
            for at in range(one_end - one):
                found[other_place[other + at]] = <int32_t>one_place[one + at]
        else:
            uneven.extend((one, one_end, other, other_end))
        one, other = one_end, other_end
    return one_order, other_order, uneven


def rows_with_metadata(buffer, columns, Py_ssize_t rows, mask):
    cdef const uint8_t *record_type = <const uint8_t *>column(columns, "record_type", "B", rows)
    cdef const int64_t *record_at = <const int64_t *>column(columns, "record_at", "q", rows)
    cdef const uint32_t *record_length = <const uint32_t *>column(columns, "record_length", "I", rows)
    cdef const int64_t *data_at = <const int64_t *>column(columns, "data_at", "q", rows)
    cdef const uint32_t *captured_length = <const uint32_t *>column(columns, "captured_length", "I", rows)
    cdef const uint32_t *options_length = <const uint32_t *>column(columns, "options_length", "I", rows)
    cdef Py_ssize_t row = 0, count = 0
    cdef uint32_t padding, byte
    cdef bint odd, outside = False
    cdef const unsigned char *end
    cdef const unsigned char *stated
    cdef unsigned char *chosen
    cdef Py_buffer view, room
    PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
    try:
        PyObject_GetBuffer(mask, &room, PyBUF_WRITABLE)
        try:
            if room.len < rows:
                raise ValueError(f"a mask of fewer than {rows} rows")
            chosen = <unsigned char *>room.buf
            with nogil:
                while row < rows:
                    odd = (record_type[row] and record_type[row] != ENHANCED) or options_length[row]
                    if not odd and record_type[row] and record_length[row] and captured_length[row] & 3:
                        padding = 4 - (captured_length[row] & 3)
                        if not inside(data_at[row], captured_length[row], view.len - padding) or not inside(record_at[row], 8, view.len):
                            outside = True
                            break
                        end = <const unsigned char *>view.buf + data_at[row] + captured_length[row]
                        stated = <const unsigned char *>view.buf + record_at[row] + 4
                        odd = load32(stated, False) != record_length[row] and load32(stated, True) != record_length[row]
                        for byte in range(padding):
                            odd = odd or end[byte] != 0
                    chosen[row] = odd
                    count += odd
                    row += 1
        finally:
            PyBuffer_Release(&room)
    finally:
        PyBuffer_Release(&view)
    if outside:
        raise ValueError(f"row {row} lies outside its buffer")
    return count


def fingerprints(buffer, columns, Py_ssize_t row, Py_ssize_t rows, out, Py_ssize_t at):
    cdef const int64_t *data_at = <const int64_t *>column(columns, "data_at", "q", rows)
    cdef const uint32_t *captured_length = <const uint32_t *>column(columns, "captured_length", "I", rows)
    cdef const uint32_t *original_length = <const uint32_t *>column(columns, "original_length", "I", rows)
    cdef const uint64_t *ticks = <const uint64_t *>column(columns, "ticks", "Q", rows)
    cdef const unsigned char *data
    cdef unsigned char *target
    cdef uint64_t when
    cdef uint32_t length
    cdef bint outside = False
    cdef Py_buffer view, room
    PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
    try:
        PyObject_GetBuffer(out, &room, PyBUF_WRITABLE)
        try:
            if not 0 <= row <= rows or not 0 <= at <= room.len or (room.len - at) // FINGERPRINT < rows - row:
                raise ValueError(f"no room for the fingerprints of rows {row} to {rows}")
            with nogil:
                while row < rows:
                    length = captured_length[row]
                    if not inside(data_at[row], length, view.len):
                        outside = True
                        break
                    data = <const unsigned char *>view.buf + data_at[row]
                    when = mixed_time(ticks[row] // 1000, original_length[row])
                    target = <unsigned char *>room.buf + at
                    store32(target, <uint32_t>(when >> 32), True)
                    target[4] = <unsigned char>(when >> 24)
                    target[5] = <unsigned char>(when >> 16)
                    store32(target + 6, <uint32_t>(mixed_bytes(data, length) >> 32), True)
                    at += FINGERPRINT
                    row += 1
        finally:
            PyBuffer_Release(&room)
    finally:
        PyBuffer_Release(&view)
    if outside:
        raise ValueError(f"row {row} lies outside its buffer")


cdef enum:
    CAN = 0x000C
    CAN_FD = 0x000D
    CAN_XL = 0x000E


cdef inline bint swapped(unsigned char *header, int64_t at, int size, int64_t length) noexcept nogil:
    """Swap a field, if it lies within so many bytes; whether it does."""
    cdef unsigned char held
    cdef int place
    if at + size > length:
        return False
    for place in range(size // 2):
        held = header[at + place]
        header[at + place] = header[at + size - 1 - place]
        header[at + size - 1 - place] = held
    return True


cdef inline void swap_can(unsigned char *header, int64_t length, uint16_t protocol) noexcept nogil:
    if protocol != CAN and protocol != CAN_FD and protocol != CAN_XL:
        return
    if swapped(header, 0, 4, length) and protocol == CAN_XL and swapped(header, 6, 2, length):
        swapped(header, 8, 4, length)


cdef inline void swap_pflog(unsigned char *header, int64_t length) noexcept nogil:
    cdef int64_t at = 44
    if length < 48:
        return
    if length > header[0]:
        length = header[0]
    while at < 60 and swapped(header, at, 4, length):
        at += 4


cdef void swap_usb(unsigned char *header, int64_t captured, bint big, bint mapped) noexcept nogil:
    cdef bint isochronous = captured > 9 and header[9] == 0
    cdef uint32_t count = load32(header + 60, big) if mapped and isochronous and captured >= 64 else 0
    cdef int64_t at = 24
    if swapped(header, 0, 8, captured) and swapped(header, 12, 2, captured) and swapped(header, 16, 8, captured):
        while at < 40 and swapped(header, at, 4, captured):
            at += 4
    at = 40 if isochronous else 48
    while at < (64 if mapped else 48) and swapped(header, at, 4, captured):
        at += 4
    at = 64
    while count and at < captured:
        if swapped(header, at, 4, captured) and swapped(header, at + 4, 4, captured):
            swapped(header, at + 8, 4, captured)
        at += 16
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
        swapped(header, 0, 2, captured)
        swapped(header, 2, 2, captured)
        if size < 4 or size > captured or size > original:
            return


def swap_headers(buffer, columns, Py_ssize_t rows, array.array link_types, bint big):
    cdef const int64_t *data_at = <const int64_t *>column(columns, "data_at", "q", rows)
    cdef const uint32_t *captured_length = <const uint32_t *>column(columns, "captured_length", "I", rows)
    cdef const uint32_t *original_length = <const uint32_t *>column(columns, "original_length", "I", rows)
    cdef const uint32_t *interface = <const uint32_t *>column(columns, "interface", "I", rows)
    cdef const uint64_t *link_type = table(link_types, 0)
    cdef uint64_t interfaces = len(link_types), kind
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
                kind = link_type[interface[row]]
                if kind == 0:  # NULL
                    swapped(header, 0, 4, captured)
                elif kind == 109:  # ENC
                    if swapped(header, 0, 4, captured):
                        swapped(header, 8, 4, captured)
                elif kind == 117:  # PFLOG
                    swap_pflog(header, whole)
                elif kind == 113 and whole >= 16:  # LINUX_SLL
                    swap_can(header + 16, whole - 16, load16(header + 14, True))
                elif kind == 276 and whole >= 20:  # LINUX_SLL2
                    swap_can(header + 20, whole - 20, load16(header, True))
                elif kind == 189 or kind == 220:  # USB_LINUX, USB_LINUX_MMAPPED
                    swap_usb(header, captured, big, kind == 220)
                elif kind == 239:  # NFLOG
                    swap_nflog(header, captured, original_length[row], big)
                row += 1
    finally:
        PyBuffer_Release(&view)
    if outside:
        raise ValueError(f"row {row} lies outside its buffer or names an interface that is not there")


def same_data(a_buffer, a_columns, Py_ssize_t a_row, b_buffer, b_columns, Py_ssize_t b_row, Py_ssize_t rows):
    cdef const int64_t *a_at
    cdef const int64_t *b_at
    cdef const uint32_t *a_length
    cdef const uint32_t *b_length
    cdef Py_ssize_t at = 0, outside = -1
    cdef Py_buffer a_view, b_view
    if a_row < 0 or b_row < 0 or rows < 0:
        raise ValueError("a row that is not there")
    a_at = <const int64_t *>column(a_columns, "data_at", "q", a_row + rows) + a_row
    a_length = <const uint32_t *>column(a_columns, "captured_length", "I", a_row + rows) + a_row
    b_at = <const int64_t *>column(b_columns, "data_at", "q", b_row + rows) + b_row
    b_length = <const uint32_t *>column(b_columns, "captured_length", "I", b_row + rows) + b_row
    PyObject_GetBuffer(a_buffer, &a_view, PyBUF_SIMPLE)
    try:
        PyObject_GetBuffer(b_buffer, &b_view, PyBUF_SIMPLE)
        try:
            with nogil:
                while at < rows:
                    if not inside(a_at[at], a_length[at], a_view.len):
                        outside = a_row + at
                        break
                    if not inside(b_at[at], b_length[at], b_view.len):
                        outside = b_row + at
                        break
                    if a_length[at] != b_length[at] or memcmp(
                        <const unsigned char *>a_view.buf + a_at[at],
                        <const unsigned char *>b_view.buf + b_at[at],
                        a_length[at],
                    ):
                        break
                    at += 1
        finally:
            PyBuffer_Release(&b_view)
    finally:
        PyBuffer_Release(&a_view)
    if outside >= 0:
        raise ValueError(f"row {outside} lies outside its buffer")
    return at


def count_packets(columns, Py_ssize_t rows, array.array totals, array.array types):
    cdef const uint8_t *record_type = <const uint8_t *>column(columns, "record_type", "B", rows)
    cdef const uint32_t *captured_length = <const uint32_t *>column(columns, "captured_length", "I", rows)
    cdef const uint32_t *original_length = <const uint32_t *>column(columns, "original_length", "I", rows)
    cdef const uint64_t *ticks = <const uint64_t *>column(columns, "ticks", "Q", rows)
    cdef const uint32_t *interface = <const uint32_t *>column(columns, "interface", "I", rows)
    cdef uint64_t interfaces = len(totals) // TOTALS
    cdef uint64_t *total = table(totals, 0)
    cdef uint64_t *by_type = table(types, 256)
    cdef uint64_t *mine
    cdef Py_ssize_t row = 0
    cdef bint outside = False
    with nogil:
        while row < rows:
            if interface[row] >= interfaces:
                outside = True
                break
            mine = total + <uint64_t>interface[row] * TOTALS
            mine[0] += 1
            mine[1] += captured_length[row]
            mine[2] += original_length[row]
            if record_type[row] != SIMPLE:
                if ticks[row] < mine[3]:
                    mine[3] = ticks[row]
                if ticks[row] > mine[4]:
                    mine[4] = ticks[row]
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
    cdef int64_t left, size
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
                left = options_length[row]
                if left:
                    if not inside(options_at[row], options_length[row], view.len):
                        outside = True
                        break
                    data = <const unsigned char *>view.buf + options_at[row]
                    while left >= 4:
                        code = load16(data, big)
                        size = load16(data + 2, big)
                        if code == 0:
                            left = 0
                            break
                        if size + 4 > left:
                            break
                        tally[code if by_code else code != 1] += 1
                        size = (size + 7) & ~<int64_t>3
                        data += size
                        left -= size
                    tally[unreadable] += left > 0
                row += 1
    finally:
        PyBuffer_Release(&view)
    if outside:
        raise ValueError(f"row {row} lies outside its buffer")
