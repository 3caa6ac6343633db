# The kernel `decapsulate`, compiled: `interpreted/decapsulating.py` is the reference, which documents it.

cdef enum:  # as in contract.py
    TARGETS = 5
    TUNNEL_COUNTS = 32
    DECAPSULATED = 1
    OPTIONS_CHANGE = 2

cdef enum:  # as in spec/pcapng.py
    PACKET_FLAGS = 2
    PACKET_HASH = 3
    FCS_LENGTH_IN_FLAGS = 0x1E0

cdef uint64_t UNDECLARED = <uint64_t>-1


cdef inline int target_of(uint32_t inner_link_type) noexcept nogil:
    if inner_link_type == 1:
        return 1
    if inner_link_type == 9:
        return 2
    return 3 if inner_link_type == 101 else 4


cdef inline bint options_change(const unsigned char *data, int64_t remaining, bint big) noexcept nogil:
    cdef int64_t size
    cdef uint32_t code
    while remaining >= 4:
        code = load16(data, big)
        size = load16(data + 2, big)
        if code == 0 or size + 4 > remaining:
            break
        if code == PACKET_HASH:
            return True
        if code == PACKET_FLAGS and size == 4 and load32(data + 4, big) & FCS_LENGTH_IN_FLAGS:
            return True
        size = (size + 7) & ~<int64_t>3
        data += size
        remaining -= size
    return False


def decapsulate(
    buffer, columns, Py_ssize_t first, Py_ssize_t stop, array.array link_types, uint64_t kinds, array.array new_ids,
    bint only, bint big, marks, array.array tunnels
):
    cdef int64_t *data_at = <int64_t *>column(columns, "data_at", "q", stop)
    cdef uint32_t *captured_length = <uint32_t *>column(columns, "captured_length", "I", stop)
    cdef uint32_t *original_length = <uint32_t *>column(columns, "original_length", "I", stop)
    cdef uint32_t *interface = <uint32_t *>column(columns, "interface", "I", stop)
    cdef uint32_t *record_length = <uint32_t *>column(columns, "record_length", "I", stop)
    cdef const int64_t *options_at = <const int64_t *>column(columns, "options_at", "q", stop)
    cdef const uint32_t *options_length = <const uint32_t *>column(columns, "options_length", "I", stop)
    cdef const uint64_t *types = table(link_types, 0)
    cdef Py_ssize_t type_count = len(link_types), row = first
    cdef const uint64_t *ids = table(new_ids, TARGETS * type_count)
    cdef uint64_t *counts = table(tunnels, TUNNEL_COUNTS)
    cdef uint64_t passed[TUNNEL_COUNTS]
    cdef uint64_t link_type, index = 0
    cdef unsigned char *mark
    cdef const unsigned char *data
    cdef int64_t at
    cdef uint32_t captured, original
    cdef bint outside = False, no_room = False, out_of_tunnel, changes
    cdef int kind
    cdef Reading packet
    cdef Py_buffer view, marks_view
    if not tables_filled:
        fill_tables()
    packet.outermost_only = True
    packet.layers = NULL
    PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
    try:
        PyObject_GetBuffer(marks, &marks_view, PyBUF_WRITABLE)
        try:
            if not 0 <= first <= stop <= marks_view.len:
                raise ValueError("the range lies outside the marks")
            data = <const unsigned char *>view.buf
            mark = <unsigned char *>marks_view.buf
            with nogil:
                while row < stop:
                    at = data_at[row]
                    captured = captured_length[row]
                    original = original_length[row]
                    if interface[row] >= <uint64_t>type_count or not inside(at, captured, view.len):
                        outside = True
                        break
                    link_type = types[interface[row]]
                    out_of_tunnel = False
                    while True:
                        read_packet(&packet, data + at, captured, original, link_type)
                        if not packet.tunnel_present or not kinds >> packet.tunnel[0] & 1 or not packet.tunnel[3]:
                            break
                        if not out_of_tunnel:
                            memset(passed, 0, sizeof(passed))
                            out_of_tunnel = True
                        passed[packet.tunnel[0]] += 1
                        at += packet.tunnel[1]
                        captured = packet.tunnel[2]
                        original = packet.tunnel[3]
                        link_type = packet.tunnel[4]
                    mark[row] = 0
                    if only and not out_of_tunnel:
                        row += 1
                        continue
                    index = TARGETS * <uint64_t>interface[row]
                    if out_of_tunnel:
                        index += target_of(<uint32_t>link_type)
                    if ids[index] == UNDECLARED:
                        break
                    if ids[index] > 0xFFFFFFFFu:
                        no_room = True
                        break
                    changes = False
                    if out_of_tunnel and options_length[row]:
                        if not inside(options_at[row], options_length[row], view.len):
                            outside = True
                            break
                        changes = options_change(data + options_at[row], options_length[row], big)
                    interface[row] = <uint32_t>ids[index]
                    if out_of_tunnel:
                        data_at[row] = at
                        captured_length[row] = captured
                        original_length[row] = original
                        record_length[row] = 0
                        mark[row] = OPTIONS_CHANGE if changes else DECAPSULATED
                        for kind in range(TUNNEL_COUNTS):
                            counts[kind] += passed[kind]
                    row += 1
        finally:
            PyBuffer_Release(&marks_view)
    finally:
        PyBuffer_Release(&view)
    if outside:
        raise ValueError(f"row {row} lies outside its buffer or names an interface that is not there")
    if no_room:
        raise ValueError(f"row {row} has no room for interface {ids[index]}")
    return row, index if row < stop else 0
