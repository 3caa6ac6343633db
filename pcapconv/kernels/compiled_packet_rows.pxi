# The kernels that make Python objects of packets, compiled: `interpreted/packet_rows.py` is the reference, which documents
# them.

cdef extern from *:
    """
    #include <stddef.h>
    static inline Py_ssize_t offset_of_item(Py_ssize_t index) {  /* in a tuple */
        return (Py_ssize_t)(offsetof(PyTupleObject, ob_item) + index * sizeof(PyObject *));
    }
    """
    Py_ssize_t offset_of_item(Py_ssize_t index)

cdef extern from "Python.h":
    ctypedef struct PyTypeObject:
        pass
    object PyType_GenericAlloc(PyTypeObject *type, Py_ssize_t items)
    void PyObject_GC_UnTrack(void *object)
    object PyDescr_NewMember(PyTypeObject *type, PyMemberDef *member)

cdef extern from "structmember.h":
    ctypedef struct PyMemberDef:
        const char *name
        int type
        Py_ssize_t offset
        int flags
        const char *doc
    int T_OBJECT_EX
    int READONLY

cdef enum:
    DESCRIPTIONS = 64  # interfaces that are remembered, a power of two
    PACKET_ITEMS = 9   # items of a packet


cdef class Descriptions:
    """What `describe` gives for interfaces, for those that rows needed last."""

    cdef object describe
    cdef list entries  # (type, interface)
    cdef int64_t ids[DESCRIPTIONS]
    cdef uint64_t scales[DESCRIPTIONS][EXACT_SCALE]

    def __cinit__(self, describe):
        cdef Py_ssize_t place
        self.describe = describe
        self.entries = [None] * DESCRIPTIONS
        for place in range(DESCRIPTIONS):
            self.ids[place] = -1

    cdef Py_ssize_t place(self, uint32_t number) except -1:
        """The place of the interface in `entries` and in `scales`."""
        cdef Py_ssize_t place = number & (DESCRIPTIONS - 1), at
        cdef uint64_t scale[EXACT_SCALE]
        if self.ids[place] == number:
            return place
        packet_type, interface, values = self.describe(number)
        for at in range(EXACT_SCALE):
            scale[at] = values[at]
        if scale[0] >> 62 or not (<int64_t>scale[4] >> 62 == 0 or <int64_t>scale[4] >> 62 == -1):
            raise ValueError("a scale that is too large")
        if not issubclass(packet_type, tuple):
            raise ValueError("packets that are not tuples")
        self.entries[place] = (packet_type, interface)
        for at in range(EXACT_SCALE):
            self.scales[place][at] = scale[at]
        self.ids[place] = number
        return place


cdef inline void put(tuple items, Py_ssize_t at, object item):
    Py_INCREF(item)
    PyTuple_SET_ITEM(items, at, item)


cdef class PacketRows:
    cdef Descriptions descriptions
    cdef object section, numbers
    cdef list arrays  # keeps the columns alive
    cdef Py_buffer view
    cdef bint has_view
    cdef Py_ssize_t row, rows
    cdef uint64_t first_number
    cdef const int64_t *data_at
    cdef const int64_t *options_at
    cdef const uint32_t *captured_length
    cdef const uint32_t *original_length
    cdef const uint32_t *options_length
    cdef const uint32_t *interface
    cdef const uint64_t *ticks
    cdef const uint8_t *record_type

    def __cinit__(self, describe, buffer, columns, Py_ssize_t rows, section, uint64_t first_number, numbers=None):
        cdef Py_ssize_t row
        cdef bint outside = False
        self.data_at = <const int64_t *>column(columns, "data_at", "q", rows)
        self.options_at = <const int64_t *>column(columns, "options_at", "q", rows)
        self.captured_length = <const uint32_t *>column(columns, "captured_length", "I", rows)
        self.original_length = <const uint32_t *>column(columns, "original_length", "I", rows)
        self.options_length = <const uint32_t *>column(columns, "options_length", "I", rows)
        self.interface = <const uint32_t *>column(columns, "interface", "I", rows)
        self.ticks = <const uint64_t *>column(columns, "ticks", "Q", rows)
        self.record_type = <const uint8_t *>column(columns, "record_type", "B", rows)
        self.arrays = [columns.data_at, columns.options_at, columns.captured_length, columns.original_length]
        self.arrays += [columns.options_length, columns.interface, columns.ticks, columns.record_type]
        if numbers is not None and len(numbers) < rows:
            raise ValueError(f"fewer than {rows} numbers")
        self.descriptions = Descriptions(describe)
        self.section, self.numbers, self.first_number, self.rows = section, numbers, first_number, rows
        PyObject_GetBuffer(buffer, &self.view, PyBUF_SIMPLE)
        self.has_view = True
        with nogil:
            for row in range(rows):
                if not inside(self.data_at[row], self.captured_length[row], self.view.len) or (
                    self.options_length[row] and not inside(self.options_at[row], self.options_length[row], self.view.len)
                ):
                    outside = True
                    break
        if outside:
            raise ValueError("a row lies outside its buffer")

    def __dealloc__(self):
        self.release()

    cdef void release(self):
        if self.has_view:
            self.has_view = False
            PyBuffer_Release(&self.view)

    def __iter__(self):
        return self

    def __next__(self):
        if self.row >= self.rows:
            self.release()
            raise StopIteration
        return self.next_packet()

    cdef tuple next_packet(self):
        cdef Py_ssize_t row = self.row, place
        cdef const char *bytes_at
        cdef tuple packet, entry
        cdef object number, data, ticks, time, options, original, captured
        cdef int_128_t exact
        cdef const uint64_t *scale
        place = self.descriptions.place(self.interface[row])
        if not self.has_view:  # `describe` let another thread run, which went to the end
            raise ValueError("another loop made the last packet")
        bytes_at = <const char *>self.view.buf
        entry = <tuple>self.descriptions.entries[place]
        scale = self.descriptions.scales[place]
        if self.numbers is None:
            number = self.first_number + <uint64_t>row
        else:
            number = self.numbers[row]
        data = PyBytes_FromStringAndSize(bytes_at + self.data_at[row], self.captured_length[row])
        options = b""
        if self.options_length[row]:
            options = PyBytes_FromStringAndSize(bytes_at + self.options_at[row], self.options_length[row])
        ticks = time = None
        if self.record_type[row] != SIMPLE:
            ticks = self.ticks[row]
            if scale[1] or scale[2]:
                exact = exact_time(self.ticks[row], scale)
                time = ticks if exact == <int_128_t>self.ticks[row] else number_of_128_bits(exact)
        original = captured = self.captured_length[row]
        if self.original_length[row] != self.captured_length[row]:
            original = self.original_length[row]
        packet = <tuple>PyType_GenericAlloc(<PyTypeObject *>entry[0], PACKET_ITEMS)
        put(packet, 0, number)
        put(packet, 1, data)
        put(packet, 2, original)
        put(packet, 3, ticks)
        put(packet, 4, entry[1])
        put(packet, 5, options)
        put(packet, 6, self.section)
        put(packet, 7, time)
        put(packet, 8, captured)
        PyObject_GC_UnTrack(<void *>packet)  # which holds nothing that could lead back to it
        self.row = row + 1
        return packet

    @property
    def done(self):
        return self.row

    def stop(self):
        self.row = self.rows
        self.release()


cdef class PacketLoop:
    cdef object next_rows
    cdef PacketRows rows

    def __cinit__(self, next_rows):
        self.next_rows = next_rows

    def __iter__(self):
        return self

    def __next__(self):
        cdef PacketRows rows = self.rows  # holds them while another thread goes on to others
        cdef object found
        while rows is None or rows.row >= rows.rows:
            if rows is not None:
                rows.release()
            found = self.next_rows()
            if found is None:
                raise StopIteration
            rows = self.rows = <PacketRows?>found
        return rows.next_packet()


cdef list names_of_fields = []  # which descriptors point to


def tuple_fields(tuple_type, names):
    cdef Py_ssize_t index
    cdef bytes name
    cdef PyMemberDef *members
    if not issubclass(tuple_type, tuple):
        raise ValueError("fields of a type that is not a tuple")
    members = <PyMemberDef *>calloc(len(names) + 1, sizeof(PyMemberDef))  # for ever, as the types of packets are
    if members == NULL:
        raise MemoryError
    fields = []
    for index in range(len(names)):
        name = names[index].encode()
        names_of_fields.append(name)
        members[index].name = name
        members[index].type = T_OBJECT_EX
        members[index].offset = offset_of_item(index)
        members[index].flags = READONLY
        fields.append(PyDescr_NewMember(<PyTypeObject *>tuple_type, &members[index]))
    return fields


def list_of_item(Py_ssize_t index, decode):
    def get(items):
        if not isinstance(items, tuple) or not 0 <= index < PyTuple_GET_SIZE(items):
            raise ValueError(f"no tuple with an item {index}")
        return decode(items) if (<tuple>items)[index] else []

    return get


def exact_times(describe, columns, Py_ssize_t rows, array.array times):
    cdef Py_ssize_t row, place
    cdef const uint64_t *ticks = <const uint64_t *>column(columns, "ticks", "Q", rows)
    cdef const uint32_t *interface = <const uint32_t *>column(columns, "interface", "I", rows)
    cdef const uint8_t *record_type = <const uint8_t *>column(columns, "record_type", "B", rows)
    cdef int64_t *out
    cdef int_128_t time
    cdef Descriptions descriptions = Descriptions(describe)
    if times.typecode != "q" or len(times) < rows:
        raise ValueError(f"fewer than {rows} signed values of 64 bits")
    out = <int64_t *>times.data.as_voidptr
    for row in range(rows):
        place = descriptions.place(interface[row])
        if record_type[row] == SIMPLE:
            out[row] = 0
            continue
        if not descriptions.scales[place][1] and not descriptions.scales[place][2]:
            return row
        time = exact_time(ticks[row], descriptions.scales[place])
        if time != <int64_t>time:
            return row
        out[row] = <int64_t>time
    return rows
