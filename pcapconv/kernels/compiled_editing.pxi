# The kernels that shorten packets, compiled: `interpreted/editing.py` is the reference, which documents them.

cdef enum:  # as in contract.py
    CUT = 4


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
