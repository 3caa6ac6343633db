# The kernel `PacketAppender`, compiled: `interpreted/packet_appender.py` is the reference, which documents it.

cdef class PacketAppender:
    cdef readonly Py_ssize_t rows
    cdef ColumnPointers target
    cdef unsigned char *bytes_out
    cdef int64_t size, end
    cdef Py_ssize_t room
    cdef bint paused
    cdef list held

    def __cinit__(self, buffer, columns):
        cdef unsigned char[::1] view = buffer
        self.room = len(columns.ticks)
        self.target = all_columns(columns, self.room)
        self.size = view.shape[0]
        self.bytes_out = &view[0] if self.size else NULL
        # exports, so that nothing is resized while pointers lead there
        self.held = [view, *[memoryview(getattr(columns, name)) for name in columns.TYPECODES]]
        self.rows = self.end = 0

    def append(
        self, data, uint64_t ticks, uint32_t interface, original_length=None, options=None, uint8_t record_type=ENHANCED
    ):
        cdef Py_buffer view, options_view
        cdef int64_t captured, options_size = 0
        cdef Py_ssize_t row = self.rows
        PyObject_GetBuffer(data, &view, PyBUF_SIMPLE)
        try:
            captured = view.len
            if self.paused or row == self.room or captured > self.size - self.end:
                return False
            if options is not None:
                PyObject_GetBuffer(options, &options_view, PyBUF_SIMPLE)
                try:
                    options_size = options_view.len
                    if options_size > self.size - self.end - captured:
                        return False
                    memcpy(self.bytes_out + self.end + captured, options_view.buf, options_size)
                finally:
                    PyBuffer_Release(&options_view)
            self.target.original_length[row] = captured if original_length is None else original_length
            memcpy(self.bytes_out + self.end, view.buf, captured)
        finally:
            PyBuffer_Release(&view)
        self.target.record_type[row] = record_type
        self.target.data_at[row] = self.end
        self.target.captured_length[row] = <uint32_t>captured
        self.target.ticks[row] = ticks
        self.target.interface[row] = interface
        self.target.options_at[row] = self.end + captured if options_size else 0
        self.target.options_length[row] = <uint32_t>options_size
        self.end += captured + options_size
        self.rows = row + 1
        return True

    def pause(self):
        self.paused = True

    def clear(self):
        self.rows = self.end = 0
        self.paused = False
