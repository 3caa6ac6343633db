# The kernels that count packets and their options, compiled: `interpreted/counting.py` is the reference, which documents
# them.

cdef enum:  # as in contract.py
    TOTALS = 5


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
