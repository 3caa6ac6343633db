# The kernels that compare packets, compiled: `interpreted/comparing.py` is the reference, which documents them.

cdef extern from *:
    """
    static inline uint64_t load64(const unsigned char *p) {
        return (uint64_t)load32(p, 1) << 32 | load32(p + 4, 1);
    }
    static inline uint64_t reduced(unsigned __int128 sum) {
        /* 64 bits that are congruent modulo 2^64 - 59, for which 2^64 counts as 59. Sums are below 2^122, so that there is
           at most one carry. */
        uint64_t low = (uint64_t)sum, result = low + (uint64_t)(sum >> 64) * 59;
        return result < low ? result + 59 : result;
    }
    static inline uint64_t hash_number(unsigned __int128 sum) {
        uint64_t result = reduced(sum);
        if (result >= 0xFFFFFFFFFFFFFFC5u) result -= 0xFFFFFFFFFFFFFFC5u;
        return result * 0x9E3779B97F4A7C15u;
    }
    static inline uint64_t hash_time(uint64_t time, uint32_t length) {
        return hash_number((unsigned __int128)(time >> 32) * 59 + (time << 32 | length));
    }
    static inline uint64_t hash_bytes(const unsigned char *p, uint32_t length) {
        /* Eight words at a time, by weights, so that no product waits for another one. */
        static const uint64_t weights[9] = {1ull, 59ull, 3481ull, 205379ull, 12117361ull, 714924299ull, 42180533641ull,
                                            2488651484819ull, 146830437604321ull};
        unsigned __int128 sum = length;
        uint32_t offset = length & 7, words = length >> 3 & 7, i;
        if (length >= 8 && offset) sum = sum << 8 * offset | load64(p) >> 8 * (8 - offset);
        else for (i = 0; i < offset; i++) sum = sum << 8 | p[i];
        sum = (unsigned __int128)reduced(sum) * weights[words];
        for (i = 1; i <= words; i++, offset += 8) sum += (unsigned __int128)load64(p + offset) * weights[words - i];
        for (; offset < length; offset += 64) {  /* a constant number of words, which the compiler can unroll */
            sum = (unsigned __int128)reduced(sum) * weights[8];
            for (i = 0; i < 8; i++) sum += (unsigned __int128)load64(p + offset + 8 * i) * weights[7 - i];
        }
        return hash_number(sum);
    }
    """
    uint64_t hash_time(uint64_t time, uint32_t length) nogil
    uint64_t hash_bytes(const unsigned char *p, uint32_t length) nogil

cdef enum:  # as in contract.py
    FINGERPRINT = 10


def match_keys(array.array a_keys, array.array b_keys, array.array partners):
    cdef array.array a_order = argsort(a_keys), b_order = argsort(b_keys), uneven = array.array("q")
    cdef const uint64_t *a_key_of = table(a_keys, 0)
    cdef const uint64_t *b_key_of = table(b_keys, 0)
    cdef const int64_t *a_index = <const int64_t *>a_order.data.as_voidptr
    cdef const int64_t *b_index = <const int64_t *>b_order.data.as_voidptr
    cdef int32_t *partner_of
    cdef Py_ssize_t a = 0, b = 0, a_end, b_end, index, a_size = len(a_keys), b_size = len(b_keys)
    cdef uint64_t a_key, b_key
    if partners.typecode != "i" or len(partners) < b_size:
        raise ValueError(f"no room for the partners of {b_size} rows")
    partner_of = <int32_t *>partners.data.as_voidptr
    while a < a_size and b < b_size:
        a_key, b_key = a_key_of[a_index[a]], b_key_of[b_index[b]]
        if a_key != b_key:
            a += a_key < b_key
            b += b_key < a_key
            continue
        a_end, b_end = a, b
        while a_end < a_size and a_key_of[a_index[a_end]] == a_key:
            a_end += 1
        while b_end < b_size and b_key_of[b_index[b_end]] == a_key:
            b_end += 1
        if a_end - a == b_end - b:
            for index in range(a_end - a):
                partner_of[b_index[b + index]] = <int32_t>a_index[a + index]
        else:
            uneven.extend((a, a_end, b, b_end))
        a, b = a_end, b_end
    return a_order, b_order, uneven


def fingerprints(buffer, columns, Py_ssize_t first, Py_ssize_t stop, out, Py_ssize_t offset):
    cdef Py_ssize_t row = first
    cdef const int64_t *data_at = <const int64_t *>column(columns, "data_at", "q", stop)
    cdef const uint32_t *captured_length = <const uint32_t *>column(columns, "captured_length", "I", stop)
    cdef const uint32_t *original_length = <const uint32_t *>column(columns, "original_length", "I", stop)
    cdef const uint64_t *ticks = <const uint64_t *>column(columns, "ticks", "Q", stop)
    cdef const unsigned char *data
    cdef unsigned char *target
    cdef uint64_t time_hash
    cdef uint32_t length
    cdef bint outside = False
    cdef Py_buffer view, out_view
    PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
    try:
        PyObject_GetBuffer(out, &out_view, PyBUF_WRITABLE)
        try:
            if not 0 <= first <= stop or not 0 <= offset <= out_view.len or (out_view.len - offset) // FINGERPRINT < stop - first:
                raise ValueError(f"no room for the fingerprints of rows {first} to {stop}")
            with nogil:
                while row < stop:
                    length = captured_length[row]
                    if not inside(data_at[row], length, view.len):
                        outside = True
                        break
                    data = <const unsigned char *>view.buf + data_at[row]
                    time_hash = hash_time(ticks[row] // 1000, original_length[row])
                    target = <unsigned char *>out_view.buf + offset
                    store32(target, <uint32_t>(time_hash >> 32), True)
                    target[4] = <unsigned char>(time_hash >> 24)
                    target[5] = <unsigned char>(time_hash >> 16)
                    store32(target + 6, <uint32_t>(hash_bytes(data, length) >> 32), True)
                    offset += FINGERPRINT
                    row += 1
        finally:
            PyBuffer_Release(&out_view)
    finally:
        PyBuffer_Release(&view)
    if outside:
        raise ValueError(f"row {row} lies outside its buffer")


def same_data(a_buffer, a_columns, Py_ssize_t a_first, b_buffer, b_columns, Py_ssize_t b_first, Py_ssize_t rows):
    cdef const int64_t *a_data_at
    cdef const int64_t *b_data_at
    cdef const uint32_t *a_length
    cdef const uint32_t *b_length
    cdef Py_ssize_t index = 0, outside = -1
    cdef Py_buffer a_view, b_view
    if a_first < 0 or b_first < 0 or rows < 0:
        raise ValueError("a row that is not there")
    a_data_at = <const int64_t *>column(a_columns, "data_at", "q", a_first + rows) + a_first
    a_length = <const uint32_t *>column(a_columns, "captured_length", "I", a_first + rows) + a_first
    b_data_at = <const int64_t *>column(b_columns, "data_at", "q", b_first + rows) + b_first
    b_length = <const uint32_t *>column(b_columns, "captured_length", "I", b_first + rows) + b_first
    PyObject_GetBuffer(a_buffer, &a_view, PyBUF_SIMPLE)
    try:
        PyObject_GetBuffer(b_buffer, &b_view, PyBUF_SIMPLE)
        try:
            with nogil:
                while index < rows:
                    if not inside(a_data_at[index], a_length[index], a_view.len):
                        outside = a_first + index
                        break
                    if not inside(b_data_at[index], b_length[index], b_view.len):
                        outside = b_first + index
                        break
                    if a_length[index] != b_length[index] or memcmp(
                        <const unsigned char *>a_view.buf + a_data_at[index],
                        <const unsigned char *>b_view.buf + b_data_at[index],
                        a_length[index],
                    ):
                        break
                    index += 1
        finally:
            PyBuffer_Release(&b_view)
    finally:
        PyBuffer_Release(&a_view)
    if outside >= 0:
        raise ValueError(f"row {outside} lies outside its buffer")
    return index
