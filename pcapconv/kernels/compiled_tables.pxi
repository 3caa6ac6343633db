# The kernels that fill columns of tables, compiled: `interpreted/tables.py` is the reference, which documents them.

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
