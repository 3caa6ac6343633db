# The kernels `index_pcap` and `index_pcapng`, compiled: `interpreted/indexing.py` is the reference, which documents them.

cdef extern from *:
    """
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
    """
    bint no_record(const unsigned char *p, Py_ssize_t header_size) nogil


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
