# The kernels `shift_times` and `to_nanoseconds`, compiled: `interpreted/times.py` is the reference, which documents them.

cdef extern from *:
    """
    enum { STOP_MORE = 0, STOP_UNKNOWN = 5, STOP_FINER = 6, STOP_BEYOND = 7 };
    static inline int in_nanoseconds(uint64_t ticks, const uint64_t *entry, int cut, uint64_t *time, uint64_t *cut_times) {
        unsigned __int128 product = (unsigned __int128)ticks * entry[0];
        __int128 sum;
        int remainder = 0;
        if (entry[1] != 1 || entry[2]) {
            if (!entry[1] && !entry[2]) return STOP_UNKNOWN;
            if (!entry[2] && !(uint64_t)(product >> 64)) {
                remainder = (uint64_t)product % entry[1] != 0;
                product = (uint64_t)product / entry[1];
            } else {
                unsigned __int128 divisor = (unsigned __int128)entry[2] << 64 | entry[1];
                remainder = product % divisor != 0;
                product = product / divisor;
            }
            if (remainder && !cut) return STOP_FINER;
        }
        sum = (__int128)product + (__int128)((unsigned __int128)entry[4] << 64 | entry[3]);
        if (sum < 0 || sum >> 64) return STOP_BEYOND;
        *cut_times += remainder;
        *time = (uint64_t)sum;
        return STOP_MORE;
    }
    """
    int in_nanoseconds(uint64_t ticks, const uint64_t *entry, int cut, uint64_t *time, uint64_t *cut_times) nogil

cdef enum:  # as in contract.py
    NANOSECOND_SCALE = 6
    SHIFT = 2


def shift_times(columns, Py_ssize_t rows, array.array shifts):
    cdef uint32_t *record_length = <uint32_t *>column(columns, "record_length", "I", rows)
    cdef const uint8_t *record_type = <const uint8_t *>column(columns, "record_type", "B", rows)
    cdef uint64_t *ticks = <uint64_t *>column(columns, "ticks", "Q", rows)
    cdef const uint32_t *interface = <const uint32_t *>column(columns, "interface", "I", rows)
    cdef uint64_t interfaces = len(shifts) // SHIFT
    cdef const uint64_t *entries = table(shifts, 0)
    cdef const uint64_t *entry
    cdef Py_ssize_t row = 0
    cdef bint outside = False
    with nogil:
        while row < rows:
            if interface[row] >= interfaces:
                outside = True
                break
            entry = entries + <uint64_t>interface[row] * SHIFT
            if record_type[row] != SIMPLE:
                if entry[1]:
                    if ticks[row] < entry[0]:
                        break
                    ticks[row] -= entry[0]
                else:
                    if ticks[row] > <uint64_t>0xFFFFFFFFFFFFFFFFu - entry[0]:
                        break
                    ticks[row] += entry[0]
                record_length[row] = 0
            row += 1
    if outside:
        raise ValueError(f"row {row} names an interface that is not there")
    return row


cdef inline bint fits_128_bits(const uint64_t *entry) noexcept nogil:
    """Whether all intermediate results fit into 128 bits."""
    return not entry[0] >> 62 and (<int64_t>entry[4] >> 62 == 0 or <int64_t>entry[4] >> 62 == -1) and entry[5] <= 0xFFFFFFFFu


def to_nanoseconds(columns, Py_ssize_t first, Py_ssize_t stop, array.array scales, bint cut):
    cdef Py_ssize_t row = first
    cdef const uint8_t *record_type = <const uint8_t *>column(columns, "record_type", "B", stop)
    cdef uint64_t *ticks = <uint64_t *>column(columns, "ticks", "Q", stop)
    cdef uint32_t *interface = <uint32_t *>column(columns, "interface", "I", stop)
    cdef const uint64_t *entries = table(scales, NANOSECOND_SCALE)
    cdef const uint64_t *entry
    cdef uint64_t interfaces = len(scales) // NANOSECOND_SCALE - 1
    cdef uint64_t time = 0, cut_times = 0
    cdef int status = MORE
    cdef bint outside = False, too_large = False
    if not 0 <= first <= stop:
        raise ValueError("a row that is not there")
    with nogil:
        while row < stop:
            if interface[row] >= interfaces:
                outside = True
                break
            if record_type[row] == SIMPLE:
                entry = entries + interfaces * NANOSECOND_SCALE
            else:
                entry = entries + <uint64_t>interface[row] * NANOSECOND_SCALE
            too_large = not fits_128_bits(entry)
            if too_large:
                break
            status = in_nanoseconds(ticks[row], entry, cut, &time, &cut_times)
            if status != MORE:
                break
            entry = entries + <uint64_t>interface[row] * NANOSECOND_SCALE
            too_large = not fits_128_bits(entry)
            if too_large:
                break
            ticks[row] = time
            interface[row] = <uint32_t>entry[5]
            row += 1
    if too_large:
        raise ValueError("a scale that is too large")
    if outside:
        raise ValueError(f"row {row} names an interface that is not there")
    return row, cut_times, status
