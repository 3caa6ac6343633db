# The kernels that look at the order of packets and sort keys, compiled: `interpreted/ordering.py` is the reference, which
# documents them.

cdef enum:
    SHORT_RUN = 16  # keys that are sorted by insertion


def first_out_of_order(columns, Py_ssize_t first, Py_ssize_t stop):
    cdef Py_ssize_t row = first
    cdef const uint64_t *ticks = <const uint64_t *>column(columns, "ticks", "Q", stop)
    if not 0 <= first <= stop:
        raise ValueError("a row that is not there")
    if first == stop:
        return stop
    with nogil:
        row += 1
        while row < stop and ticks[row] >= ticks[row - 1]:
            row += 1
    return row


def first_too_early(columns, Py_ssize_t first, Py_ssize_t stop, uint64_t latest, uint64_t slack):
    cdef Py_ssize_t row = first
    cdef const uint8_t *record_type = <const uint8_t *>column(columns, "record_type", "B", stop)
    cdef const uint64_t *ticks = <const uint64_t *>column(columns, "ticks", "Q", stop)
    if not 0 <= first <= stop:
        raise ValueError("a row that is not there")
    with nogil:
        while row < stop:
            if record_type[row] != SIMPLE:
                if ticks[row] >= latest:
                    latest = ticks[row]
                elif latest - ticks[row] > slack:
                    break
            row += 1
    return row, latest


def count_falls(array.array keys, uint64_t previous, uint64_t latest):
    cdef const uint64_t *key_of = table(keys, 0)
    cdef Py_ssize_t size = len(keys), index, falls = 0, first = size, highest = -1
    cdef uint64_t key, most = 0
    with nogil:
        for index in range(size):
            key = key_of[index]
            if key < previous:
                falls += 1
                if first == size:
                    first = index
            if key > latest:
                latest, highest = key, index
            elif latest - key > most:
                most = latest - key
            previous = key
    return falls, first, most, highest


def extremes(array.array keys):
    cdef const uint64_t *key_of = table(keys, 0)
    cdef Py_ssize_t size = len(keys), index, lowest = 0, highest = 0
    if not size:
        raise ValueError("no keys")
    with nogil:
        for index in range(size):
            if key_of[index] < key_of[lowest]:
                lowest = index
            if key_of[index] >= key_of[highest]:
                highest = index
    return lowest, highest


cdef void sort_short_run(const uint64_t *key, int64_t *order, Py_ssize_t begin, Py_ssize_t end) noexcept nogil:
    cdef Py_ssize_t index, to
    cdef int64_t moved
    for index in range(begin + 1, end):
        moved = order[index]
        to = index
        while to > begin and key[order[to - 1]] > key[moved]:
            order[to] = order[to - 1]
            to -= 1
        order[to] = moved


cdef void merge_runs(
    const uint64_t *key, const int64_t *order, int64_t *into, Py_ssize_t begin, Py_ssize_t middle, Py_ssize_t end
) noexcept nogil:
    cdef Py_ssize_t left = begin, right = middle, index = begin
    if middle == end or key[order[middle - 1]] <= key[order[middle]]:
        memcpy(into + begin, order + begin, (end - begin) * sizeof(int64_t))
        return
    while left < middle and right < end:
        if key[order[left]] <= key[order[right]]:
            into[index] = order[left]
            left += 1
        else:
            into[index] = order[right]
            right += 1
        index += 1
    memcpy(into + index, order + left, (middle - left) * sizeof(int64_t))
    memcpy(into + index + (middle - left), order + right, (end - right) * sizeof(int64_t))


def argsort(array.array keys):
    cdef const uint64_t *key = table(keys, 0)
    cdef Py_ssize_t size = len(keys), width = SHORT_RUN, index
    cdef array.array sorted_order = array.clone(array.array("q"), size, zero=False)
    cdef array.array spare = array.clone(sorted_order, size, zero=False)
    cdef int64_t *order = <int64_t *>sorted_order.data.as_voidptr
    cdef int64_t *into = <int64_t *>spare.data.as_voidptr
    with nogil:
        for index in range(size):
            order[index] = index
        index = 0
        while index < size:
            sort_short_run(key, order, index, index + SHORT_RUN if size - index > SHORT_RUN else size)
            index += SHORT_RUN
        while width < size:
            index = 0
            while index < size:
                merge_runs(
                    key,
                    order,
                    into,
                    index,
                    index + width if size - index > width else size,
                    index + 2 * width if size - index > 2 * width else size,
                )
                index += 2 * width
            order, into = into, order
            width *= 2
    return sorted_order if order == <int64_t *>sorted_order.data.as_voidptr else spare
