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
