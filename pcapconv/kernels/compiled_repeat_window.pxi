# The kernel `RepeatWindow`, compiled: `interpreted/repeat_window.py` is the reference, which documents it.

cdef extern from *:
    """
    static inline __int128 floored(__int128 time, __int128 width) {
        if (time >= 0 && !(time >> 64) && !(width >> 64)) return (uint64_t)time / (uint64_t)width;
        return time / width - (time % width < 0);
    }
    """
    int_128_t floored(int_128_t time, int_128_t width) nogil

cdef struct HeldPacket:
    uint64_t digest
    int64_t older     # the serial number of the packet before it in its chain
    int64_t at        # where its bytes are: in all bytes that were kept, or ~offset in the buffer
    uint64_t number   # in a window of time, of the latest packet with these bytes in one period
    uint32_t length   # of the bytes that are compared
    uint32_t captured
    uint32_t original
    uint32_t group

cdef struct HeldTimes:  # of all packets with the same bytes in one period
    int_128_t earliest
    int_128_t latest
    uint64_t earliest_number

cdef enum:
    FEW_PACKETS = 1024
    FEW_BYTES = 1 << 20
    MOST_BYTES = 1 << 24


cdef class RepeatWindow:
    cdef int64_t most, oldest, next, capacity
    cdef int64_t *heads
    cdef HeldPacket *held
    cdef HeldTimes *times
    cdef unsigned char *kept
    cdef int64_t kept_size, kept_used, kept_base
    cdef uint64_t key, digest_mask
    cdef bint timed, forgot
    cdef int_128_t window, width, forgotten_earliest, forgotten_latest
    cdef readonly uint64_t first_cut
    cdef object store

    def __cinit__(self, int64_t most, store, window=None, digest_bits=64):
        import os

        if not 0 < most <= 1 << 30:
            raise ValueError(f"a window of {most} packets")
        self.most, self.store, self.timed = most, store, window is not None
        self.key = int.from_bytes(os.urandom(8), "little")
        self.digest_mask = (1 << digest_bits) - 1
        if self.timed:
            self.window = int_128(window >> 64, window & 0xFFFFFFFFFFFFFFFF)
            self.width = self.window if self.window > 0 else 1
        self.kept = <unsigned char *>malloc(FEW_BYTES)
        if self.kept == NULL:
            raise MemoryError
        self.kept_size = FEW_BYTES
        self.grow()

    def __dealloc__(self):
        free(self.heads)
        free(self.held)
        free(self.times)
        free(self.kept)

    cdef int grow(self) except -1:
        """Make room for twice as many packets, FEW_PACKETS at first. Arrays grow where they are, if the system can."""
        cdef int64_t old = self.capacity, capacity = 2 * old if old else FEW_PACKETS, serial, slot
        cdef void *larger = realloc(self.held, capacity * sizeof(HeldPacket))
        if larger == NULL:
            raise MemoryError
        self.held = <HeldPacket *>larger
        if self.timed:
            larger = realloc(self.times, capacity * sizeof(HeldTimes))
            if larger == NULL:
                raise MemoryError
            self.times = <HeldTimes *>larger
        free(self.heads)
        self.capacity = 0
        self.heads = <int64_t *>malloc(2 * capacity * sizeof(int64_t))
        if self.heads == NULL:
            raise MemoryError
        memset(self.heads, 0xFF, 2 * capacity * sizeof(int64_t))
        for serial in range(self.oldest, self.next):
            slot = serial & (capacity - 1)
            if slot >= old:
                self.held[slot] = self.held[slot - old]
                if self.timed:
                    self.times[slot] = self.times[slot - old]
            self.held[slot].older = self.heads[self.held[slot].digest & (2 * capacity - 1)]
            self.heads[self.held[slot].digest & (2 * capacity - 1)] = serial
        self.capacity = capacity
        return 0

    cdef int push(self, HeldPacket packet) except -1 nogil:
        """Hold a packet; let go of the oldest one where the window is full."""
        cdef HeldTimes *times
        cdef int64_t *head
        if self.next - self.oldest == self.most:
            if self.timed:
                times = self.times + (self.oldest & (self.capacity - 1))
                if not self.forgot or times.earliest < self.forgotten_earliest:
                    self.forgotten_earliest = times.earliest
                if not self.forgot or times.latest > self.forgotten_latest:
                    self.forgotten_latest = times.latest
                self.forgot = True
            self.oldest += 1
        if self.next - self.oldest == self.capacity:
            with gil:
                self.grow()
        head = self.heads + (packet.digest & (2 * self.capacity - 1))
        packet.older = head[0]
        head[0] = self.next
        self.held[self.next & (self.capacity - 1)] = packet
        self.next += 1
        return 0

    cdef int64_t look_up(self, const HeldPacket *packet, int_128_t period, const unsigned char *buffer) except -2 nogil:
        """The serial number of the latest packet that is the same, in this period of time; -1 if there is none."""
        cdef int64_t serial = self.heads[packet.digest & (2 * self.capacity - 1)]
        cdef const unsigned char *data = buffer + ~packet.at
        cdef const unsigned char *bytes_
        cdef HeldPacket *other
        cdef bint same
        while serial >= self.oldest:
            other = self.held + (serial & (self.capacity - 1))
            if (
                other.digest == packet.digest
                and other.length == packet.length
                and other.captured == packet.captured
                and other.original == packet.original
                and other.group == packet.group
                and (
                    not self.timed or floored(self.times[serial & (self.capacity - 1)].earliest, self.width) == period
                )
            ):
                if other.at < 0:
                    same = not memcmp(buffer + ~other.at, data, packet.length)
                elif other.at >= self.kept_base:
                    same = not memcmp(self.kept + (other.at - self.kept_base), data, packet.length)
                else:
                    with gil:
                        stored = self.store.read(other.at, other.length)
                        bytes_ = stored
                        same = len(stored) == <Py_ssize_t>packet.length and not memcmp(bytes_, data, packet.length)
                if same:
                    return serial
            serial = other.older
        return -1

    cdef uint64_t repeated_in_time(self, HeldPacket *packet, int_128_t time, const unsigned char *buffer) except? 0 nogil:
        """The number of a packet in the window that is the same, 0 if there is none; hold the packet."""
        cdef uint64_t digest = packet.digest, found = 0
        cdef int_128_t period = floored(time, self.width)
        cdef int64_t serial
        cdef HeldTimes *times
        packet.digest = self.digest_in(digest, period)
        serial = self.look_up(packet, period, buffer)
        if serial >= 0:
            times = self.times + (serial & (self.capacity - 1))
            found = self.held[serial & (self.capacity - 1)].number
            if time >= times.latest:
                times.latest, self.held[serial & (self.capacity - 1)].number = time, packet.number
            if time < times.earliest:
                times.earliest, times.earliest_number = time, packet.number
            return found
        packet.digest = self.digest_in(digest, period - 1)
        serial = self.look_up(packet, period - 1, buffer)
        if serial >= 0 and time - self.times[serial & (self.capacity - 1)].latest <= self.window:
            found = self.held[serial & (self.capacity - 1)].number
        if not found:
            packet.digest = self.digest_in(digest, period + 1)
            serial = self.look_up(packet, period + 1, buffer)
            if serial >= 0 and self.times[serial & (self.capacity - 1)].earliest - time <= self.window:
                found = self.times[serial & (self.capacity - 1)].earliest_number
        if not found and self.forgot and not self.first_cut:
            if self.forgotten_earliest - self.window <= time <= self.forgotten_latest + self.window:
                self.first_cut = packet.number
        packet.digest = self.digest_in(digest, period)
        self.push(packet[0])
        times = self.times + ((self.next - 1) & (self.capacity - 1))
        times.earliest = times.latest = time
        times.earliest_number = packet.number
        return found

    cdef uint64_t digest_in(self, uint64_t digest, int_128_t period) noexcept nogil:
        return (digest ^ <uint64_t>period * 0x9E3779B97F4A7C15ULL) & self.digest_mask

    cdef int keep(self, int64_t first, const unsigned char *buffer) except -1 nogil:
        """Keep the bytes of the packets since `first` that are still held."""
        cdef int64_t serial, needed, dead, size
        cdef HeldPacket *packet
        cdef unsigned char *kept
        for serial in range(max(first, self.oldest), self.next):
            packet = self.held + (serial & (self.capacity - 1))
            if self.kept_used + packet.length > self.kept_size:
                needed = self.held[self.oldest & (self.capacity - 1)].at  # from this place on, maybe in the store
                if needed < 0:
                    needed = self.kept_base + self.kept_used
                dead = max(0, needed - self.kept_base)
                if 2 * dead >= self.kept_size:
                    memmove(self.kept, self.kept + dead, self.kept_used - dead)
                elif 2 * self.kept_size > MOST_BYTES:
                    with gil:
                        self.store.write(self.kept_base, (<char *>self.kept)[:self.kept_used], needed)
                    dead = self.kept_used
                else:
                    dead = 0
                self.kept_base += dead
                self.kept_used -= dead
                if self.kept_used + packet.length > self.kept_size:
                    size = 2 * self.kept_size if 2 * self.kept_size <= MOST_BYTES else self.kept_size
                    size = max(size, self.kept_used + <int64_t>packet.length)
                    kept = <unsigned char *>realloc(self.kept, size)
                    if kept == NULL:
                        with gil:
                            raise MemoryError
                    self.kept, self.kept_size = kept, size
            memcpy(self.kept + self.kept_used, buffer + ~packet.at, packet.length)
            packet.at = self.kept_base + self.kept_used
            self.kept_used += packet.length
        return 0

    def find(
        self,
        buffer,
        columns,
        Py_ssize_t rows,
        mask,
        uint64_t first_number,
        array.array groups,
        array.array scales,
        uint32_t skip,
        bint any_length,
        array.array repeated,
    ):
        cdef Py_ssize_t row = 0, interfaces = len(groups)
        cdef const int64_t *data_at = <const int64_t *>column(columns, "data_at", "q", rows)
        cdef const uint32_t *captured_length = <const uint32_t *>column(columns, "captured_length", "I", rows)
        cdef const uint32_t *original_length = <const uint32_t *>column(columns, "original_length", "I", rows)
        cdef const uint32_t *interface = <const uint32_t *>column(columns, "interface", "I", rows)
        cdef const uint64_t *ticks = <const uint64_t *>column(columns, "ticks", "Q", rows)
        cdef const uint8_t *record_type = <const uint8_t *>column(columns, "record_type", "B", rows)
        cdef const uint64_t *group_of = table(groups, 0)
        cdef const uint64_t *scale_of = table(scales, EXACT_SCALE * interfaces if self.timed else 0)
        cdef uint64_t *found = table(repeated, rows)
        cdef const uint64_t *scale
        cdef const unsigned char *data
        cdef unsigned char *chosen
        cdef int64_t begin = self.next, serial
        cdef HeldPacket packet
        cdef bint outside = False
        cdef Py_buffer view, mask_view
        PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
        try:
            PyObject_GetBuffer(mask, &mask_view, PyBUF_WRITABLE)
            try:
                if mask_view.len < rows:
                    raise ValueError(f"a mask of fewer than {rows} rows")
                chosen = <unsigned char *>mask_view.buf
                with nogil:
                    while row < rows:
                        found[row] = 0
                        if not chosen[row] or (self.timed and record_type[row] == SIMPLE):
                            row += 1
                            continue
                        if interface[row] >= <uint64_t>interfaces or not inside(data_at[row], captured_length[row], view.len):
                            outside = True
                            break
                        scale = scale_of + EXACT_SCALE * interface[row]
                        if self.timed and not scale[1] and not scale[2]:
                            break
                        packet.captured = packet.length = captured_length[row]
                        packet.at = ~data_at[row]
                        if packet.length > skip:
                            packet.length -= skip
                            packet.at = ~(data_at[row] + skip)
                        packet.number = first_number + row
                        packet.original = 0 if any_length else original_length[row]
                        packet.group = <uint32_t>group_of[interface[row]]
                        data = <const unsigned char *>view.buf + ~packet.at
                        packet.digest = self.digest_mask & hash_keyed(
                            data, packet.length, self.key, <uint64_t>packet.original << 32 | packet.group
                        )
                        if self.timed:
                            found[row] = self.repeated_in_time(
                                &packet, exact_time(ticks[row], scale), <const unsigned char *>view.buf
                            )
                        else:
                            serial = self.look_up(&packet, 0, <const unsigned char *>view.buf)
                            if serial >= 0:
                                found[row] = self.held[serial & (self.capacity - 1)].number
                            self.push(packet)
                        chosen[row] = not found[row]
                        row += 1
                    self.keep(begin, <const unsigned char *>view.buf)
            finally:
                PyBuffer_Release(&mask_view)
        finally:
            PyBuffer_Release(&view)
        if outside:
            raise ValueError(f"row {row} lies outside its buffer")
        return row
