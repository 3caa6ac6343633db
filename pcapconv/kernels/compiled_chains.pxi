# The kernels that search damaged bytes for sound records, compiled: `interpreted/chains.py` is the reference, which
# documents them.

cdef enum:  # as in contract.py
    RECORD_LIMITS = 6
    TIME_BOUNDS = 2
    MOST_ORIGINAL = 134217728

cdef enum:  # entries of `limits`, as in contract.py
    LONGEST = 0
    FRACTIONS = 1
    EARLIEST = 2
    LATEST = 3
    TIME_STEP = 4
    ANY_LENGTHS = 5

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


cdef bint is_cut_off(const Records *records, Py_ssize_t at, Py_ssize_t previous) noexcept nogil:
    cdef uint32_t captured, original
    cdef const uint64_t *limits = records.limits
    cdef Py_ssize_t left = records.stop - at
    if left >= 4 and not times_near(records, at, previous):
        return False
    if left >= 8 and load32(records.data + at + 4, records.big) >= limits[FRACTIONS]:
        return False
    if left < 16:
        return True
    record_lengths(records, at, &captured, &original)
    if captured > limits[LONGEST] or original > <uint32_t>MOST_ORIGINAL or (captured > original and not limits[ANY_LENGTHS]):
        return False
    return <int64_t>captured > left - records.header_size


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


def find_records(buffer, Py_ssize_t start, Py_ssize_t scan, Py_ssize_t reach, Py_ssize_t stop, bint at_end, bint cut, bint big, Py_ssize_t header_size, int swap, array.array limits):
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
                        if at_end and cut and previous >= 0 and is_cut_off(&records, at, previous):
                            found = begin
                        break
                    previous = at
                    at = end
                else:
                    found = begin
                if found >= 0:
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
