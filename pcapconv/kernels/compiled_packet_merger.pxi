# The kernel `PacketMerger`, compiled: `interpreted/packet_merger.py` is the reference, which documents it.

cdef enum:
    CACHE_LINE = 64  # bytes


cdef struct MergedRow:
    PacketRow packet
    uint64_t key


cdef struct MergedStream:
    void *memory
    MergedRow *copies  # of the rows: the columns of many streams would take a cache line and a page for each value
    const unsigned char *buffer
    int64_t size
    Py_ssize_t row, rows, room


cdef struct NextPacket:
    uint64_t key, rank
    Py_ssize_t stream


cdef inline bint comes_before(const NextPacket *a, const NextPacket *b) noexcept nogil:
    return a.key < b.key or (a.key == b.key and a.rank < b.rank)


cdef class PacketMerger:
    cdef MergedStream *streams
    cdef NextPacket *heap
    cdef Py_ssize_t capacity, size
    cdef list held

    def __cinit__(self, Py_ssize_t capacity):
        if not 0 < capacity <= 1 << 20:
            raise ValueError(f"room for {capacity} streams")
        self.streams = <MergedStream *>calloc(capacity, sizeof(MergedStream))
        self.heap = <NextPacket *>malloc(capacity * sizeof(NextPacket))
        if self.streams == NULL or self.heap == NULL:
            raise MemoryError
        self.capacity = capacity
        self.held = [None] * capacity

    def __dealloc__(self):
        cdef Py_ssize_t stream
        if self.streams != NULL:
            for stream in range(self.capacity):
                free(self.streams[stream].memory)
        free(self.streams)
        free(self.heap)

    cdef void sift_up(self, NextPacket packet, Py_ssize_t at, Py_ssize_t top) noexcept nogil:
        """Put a packet at an entry of the heap, or at one above it, not above `top`."""
        cdef Py_ssize_t parent
        while at > top:
            parent = (at - 1) // 2
            if not comes_before(&packet, self.heap + parent):
                break
            self.heap[at] = self.heap[parent]
            at = parent
        self.heap[at] = packet

    cdef void sift_down(self, NextPacket packet) noexcept nogil:
        """Put a packet into the heap, whose first entry is free. It most often belongs far down."""
        cdef Py_ssize_t at = 0, child = 1
        while child < self.size:
            child += child + 1 < self.size and comes_before(self.heap + child + 1, self.heap + child)
            self.heap[at] = self.heap[child]
            at = child
            child = 2 * at + 1
        self.sift_up(packet, at, 0)

    def set_rows(
        self, Py_ssize_t stream, buffer, columns, array.array keys, Py_ssize_t first, Py_ssize_t rows, uint64_t rank
    ):
        cdef MergedStream *entry
        cdef NextPacket packet
        cdef ColumnPointers source
        cdef const uint64_t *key_of
        cdef Py_ssize_t row
        cdef const unsigned char[::1] view = buffer
        if not 0 <= stream < self.capacity or not 0 <= first < rows:
            raise ValueError(f"no stream {stream}, or no rows")
        if self.held[stream] is not None:
            raise ValueError(f"stream {stream} has rows")
        entry = self.streams + stream
        source = all_columns(columns, rows)
        key_of = table(keys, rows)
        if entry.room < rows:
            free(entry.memory)
            entry.room = 0
            entry.memory = malloc(rows * sizeof(MergedRow) + CACHE_LINE)
            if entry.memory == NULL:
                raise MemoryError
            # a row of 64 bytes, as now, then fills a line
            entry.copies = <MergedRow *>((<uintptr_t>entry.memory + CACHE_LINE - 1) // CACHE_LINE * CACHE_LINE)
            entry.room = rows
        with nogil:
            for row in range(first, rows):
                entry.copies[row].packet = row_at(&source, row)
                entry.copies[row].key = key_of[row]
        entry.buffer = &view[0] if view.shape[0] else NULL
        entry.size = view.shape[0]
        entry.row, entry.rows = first, rows
        self.held[stream] = view  # an export, so that nothing is resized while pointers lead there
        packet.key, packet.rank, packet.stream = entry.copies[first].key, rank, stream
        self.size += 1
        self.sift_up(packet, self.size - 1, 0)

    def merge(self, limit, out, Py_ssize_t offset, into, Py_ssize_t row):
        cdef Py_ssize_t room = len(into.ticks), done = -1
        cdef ColumnPointers target = all_columns(into, room)
        cdef bint limited = limit is not None
        cdef uint64_t last = limit if limited else 0
        cdef int64_t length = 0
        cdef int status = MORE
        cdef NextPacket packet
        cdef NextPacket *second
        cdef MergedStream *entry
        cdef MergedStream *second_entry
        cdef MergedRow *following
        cdef Py_buffer view
        PyObject_GetBuffer(out, &view, PyBUF_WRITABLE)
        try:
            if not 0 <= offset <= view.len or not 0 <= row <= room:
                raise ValueError("the range lies outside the buffer")
            with nogil:
                while self.size and status == MORE and done < 0:
                    packet = self.heap[0]
                    entry = self.streams + packet.stream
                    second = NULL
                    if self.size > 1:
                        second = self.heap + 1
                        if self.size > 2 and comes_before(self.heap + 2, second):
                            second = self.heap + 2
                        second_entry = self.streams + second.stream
                        fetch_line_ahead(second_entry.copies + second_entry.row)
                    while True:
                        if limited and packet.key >= last:
                            status = LIMIT
                            break
                        length = gather_row(
                            &entry.copies[entry.row].packet, entry.buffer, entry.size, &target, row, room,
                            <unsigned char *>view.buf, offset, view.len
                        )
                        if length < 0:
                            status = FULL
                            break
                        offset += length
                        row += 1
                        entry.row += 1
                        if entry.row == entry.rows:
                            done = packet.stream
                            break
                        following = entry.copies + entry.row
                        packet.key = following.key
                        if second != NULL and comes_before(second, &packet):
                            fetch_ahead(entry.buffer, entry.size, following.packet.data_at, following.packet.captured_length)
                            fetch_line_ahead(following + 1)
                            break
                    if done >= 0:
                        self.size -= 1
                        packet = self.heap[self.size]
                    if self.size:
                        self.sift_down(packet)
        finally:
            PyBuffer_Release(&view)
        if length == ROW_OUTSIDE:
            raise ValueError(f"row {entry.row} lies outside its buffer")
        if done >= 0:
            self.held[done] = None
        return done, offset, row, status

    def next_stream(self):
        return self.heap[0].stream if self.size else -1

    def next_row(self, Py_ssize_t stream):
        if not 0 <= stream < self.capacity or self.held[stream] is None:
            raise ValueError(f"stream {stream} has no rows")
        return self.streams[stream].row
