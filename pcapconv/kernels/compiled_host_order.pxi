# The kernel `swap_headers`, compiled: `interpreted/host_order.py` is the reference, which documents it.

cdef enum:
    CAN = 0x000C
    CAN_FD = 0x000D
    CAN_XL = 0x000E


cdef inline bint swap_field(unsigned char *header, int64_t offset, int size, int64_t length) noexcept nogil:
    """Swap a field if it lies within `length` bytes; return whether it does."""
    cdef unsigned char byte
    cdef int index
    if offset + size > length:
        return False
    for index in range(size // 2):
        byte = header[offset + index]
        header[offset + index] = header[offset + size - 1 - index]
        header[offset + size - 1 - index] = byte
    return True


cdef inline void swap_can(unsigned char *header, int64_t length, uint16_t protocol) noexcept nogil:
    if protocol != CAN and protocol != CAN_FD and protocol != CAN_XL:
        return
    if swap_field(header, 0, 4, length) and protocol == CAN_XL and swap_field(header, 6, 2, length):
        swap_field(header, 8, 4, length)


cdef inline void swap_pflog(unsigned char *header, int64_t length) noexcept nogil:
    cdef int64_t offset = 44
    if length < 48:
        return
    if length > header[0]:
        length = header[0]
    while offset < 60 and swap_field(header, offset, 4, length):
        offset += 4


cdef void swap_usb(unsigned char *header, int64_t captured, bint big, bint mapped) noexcept nogil:
    cdef bint isochronous = captured > 9 and header[9] == 0
    cdef uint32_t count = load32(header + 60, big) if mapped and isochronous and captured >= 64 else 0
    cdef int64_t offset = 24
    if swap_field(header, 0, 8, captured) and swap_field(header, 12, 2, captured) and swap_field(header, 16, 8, captured):
        while offset < 40 and swap_field(header, offset, 4, captured):
            offset += 4
    offset = 40 if isochronous else 48
    while offset < (64 if mapped else 48) and swap_field(header, offset, 4, captured):
        offset += 4
    offset = 64
    while count and offset < captured:
        if swap_field(header, offset, 4, captured) and swap_field(header, offset + 4, 4, captured):
            swap_field(header, offset + 8, 4, captured)
        offset += 16
        count -= 1


cdef void swap_nflog(unsigned char *header, int64_t captured, int64_t original, bint big) noexcept nogil:
    cdef int64_t size
    if captured < 4 or original < 4 or header[1]:
        return
    size = 4
    while True:
        header += size
        captured -= size
        original -= size
        if captured < 4:
            return
        size = (<int64_t>load16(header, big) + 3) & ~<int64_t>3
        swap_field(header, 0, 2, captured)
        swap_field(header, 2, 2, captured)
        if size < 4 or size > captured or size > original:
            return


def swap_headers(buffer, columns, Py_ssize_t rows, array.array link_types, bint big):
    cdef const int64_t *data_at = <const int64_t *>column(columns, "data_at", "q", rows)
    cdef const uint32_t *captured_length = <const uint32_t *>column(columns, "captured_length", "I", rows)
    cdef const uint32_t *original_length = <const uint32_t *>column(columns, "original_length", "I", rows)
    cdef const uint32_t *interface = <const uint32_t *>column(columns, "interface", "I", rows)
    cdef const uint64_t *link_type_of = table(link_types, 0)
    cdef uint64_t interfaces = len(link_types), header_type
    cdef unsigned char *header
    cdef int64_t captured, whole
    cdef Py_ssize_t row = 0
    cdef bint outside = False
    cdef Py_buffer view
    PyObject_GetBuffer(buffer, &view, PyBUF_WRITABLE)
    try:
        with nogil:
            while row < rows:
                if interface[row] >= interfaces or not inside(data_at[row], captured_length[row], view.len):
                    outside = True
                    break
                header = <unsigned char *>view.buf + data_at[row]
                captured = captured_length[row]
                whole = captured if captured < original_length[row] else original_length[row]
                header_type = link_type_of[interface[row]]
                if header_type == 0:  # NULL
                    swap_field(header, 0, 4, captured)
                elif header_type == 109:  # ENC
                    if swap_field(header, 0, 4, captured):
                        swap_field(header, 8, 4, captured)
                elif header_type == 117:  # PFLOG
                    swap_pflog(header, whole)
                elif header_type == 113 and whole >= 16:  # LINUX_SLL
                    swap_can(header + 16, whole - 16, load16(header + 14, True))
                elif header_type == 276 and whole >= 20:  # LINUX_SLL2
                    swap_can(header + 20, whole - 20, load16(header, True))
                elif header_type == 189 or header_type == 220:  # USB_LINUX, USB_LINUX_MMAPPED
                    swap_usb(header, captured, big, header_type == 220)
                elif header_type == 239:  # NFLOG
                    swap_nflog(header, captured, original_length[row], big)
                row += 1
    finally:
        PyBuffer_Release(&view)
    if outside:
        raise ValueError(f"row {row} lies outside its buffer or names an interface that is not there")
