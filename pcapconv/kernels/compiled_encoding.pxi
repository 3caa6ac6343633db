# The kernels that make records of rows, compiled: `interpreted/encoding.py` is the reference, which documents them.

cdef enum:  # as in contract.py
    SCALE = 6


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
