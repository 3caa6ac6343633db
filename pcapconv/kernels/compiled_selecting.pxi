# The kernels that choose, copy and renumber rows, compiled: `interpreted/selecting.py` is the reference, which documents
# them.

cdef enum:  # as in contract.py
    RANGE = 3


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
