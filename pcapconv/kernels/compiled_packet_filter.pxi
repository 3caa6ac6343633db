# The kernel `Filter`, compiled: `interpreted/packet_filter.py` is the reference, which documents it.

cdef extern from *:
    """
    enum { FILTER_WORDS = 16 };
    static int is_sound(uint64_t word, uint64_t behind, uint64_t before) {
        uint32_t k = (uint32_t)word;
        switch (word >> 48) {
        case 0x15: case 0x1D: case 0x25: case 0x2D: case 0x35: case 0x3D: case 0x45: case 0x4D:
            return (word >> 40 & 255) < behind && (word >> 32 & 255) < behind;
        case 0x05:
            return k < behind || (k != 0xFFFFFFFFu && 0x100000000u - k <= before + 1);
        case 0x60: case 0x61: case 0x02: case 0x03:
            return k < FILTER_WORDS;
        case 0x34: case 0x94:
            return k != 0;
        case 0x20: case 0x28: case 0x30: case 0x40: case 0x48: case 0x50: case 0x00: case 0x80:
        case 0x01: case 0x81: case 0xB1: case 0x07: case 0x87: case 0x84: case 0x06: case 0x16:
        case 0x04: case 0x0C: case 0x14: case 0x1C: case 0x24: case 0x2C: case 0x3C: case 0x44: case 0x4C: case 0x54:
        case 0x5C: case 0x64: case 0x6C: case 0x74: case 0x7C: case 0x9C: case 0xA4: case 0xAC:
            return 1;
        }
        return 0;
    }
    static uint32_t run_filter(const uint64_t *next, const unsigned char *p, uint32_t captured, uint32_t original) {
        uint32_t a = 0, x = 0, k, jumps_back = 0, memory[FILTER_WORDS] = {0};
        uint64_t word, at;
        for (;;) {
            word = *next++;
            k = (uint32_t)word;
            switch (word >> 48) {
            case 0x20: at = k; goto load_word;
            case 0x40: at = (uint64_t)x + k;
            load_word:
                if (at + 4 > captured) return 0;
                a = load32(p + at, 1);
                break;
            case 0x28: at = k; goto load_half;
            case 0x48: at = (uint64_t)x + k;
            load_half:
                if (at + 2 > captured) return 0;
                a = load16(p + at, 1);
                break;
            case 0x30: at = k; goto load_byte;
            case 0x50: at = (uint64_t)x + k;
            load_byte:
                if (at >= captured) return 0;
                a = p[at];
                break;
            case 0xB1:
                if (k >= captured) return 0;
                x = (p[k] & 15u) << 2;
                break;
            case 0x00: a = k; break;
            case 0x80: a = original; break;
            case 0x60: a = memory[k]; break;
            case 0x01: x = k; break;
            case 0x81: x = original; break;
            case 0x61: x = memory[k]; break;
            case 0x02: memory[k] = a; break;
            case 0x03: memory[k] = x; break;
            case 0x07: x = a; break;
            case 0x87: a = x; break;
            case 0x05:
                if (k >> 31) {
                    if (jumps_back == captured) return 0;
                    jumps_back++;
                    next -= 0x100000000u - k;
                } else next += k;
                break;
            case 0x1D: k = x; case 0x15: next += a == k ? word >> 40 & 255 : word >> 32 & 255; break;
            case 0x2D: k = x; case 0x25: next += a > k ? word >> 40 & 255 : word >> 32 & 255; break;
            case 0x3D: k = x; case 0x35: next += a >= k ? word >> 40 & 255 : word >> 32 & 255; break;
            case 0x4D: k = x; case 0x45: next += a & k ? word >> 40 & 255 : word >> 32 & 255; break;
            case 0x0C: k = x; case 0x04: a += k; break;
            case 0x1C: k = x; case 0x14: a -= k; break;
            case 0x2C: k = x; case 0x24: a *= k; break;
            case 0x3C: k = x; case 0x34: if (!k) return 0; a /= k; break;
            case 0x9C: k = x; case 0x94: if (!k) return 0; a %= k; break;
            case 0x4C: k = x; case 0x44: a |= k; break;
            case 0x5C: k = x; case 0x54: a &= k; break;
            case 0xAC: k = x; case 0xA4: a ^= k; break;
            case 0x6C: k = x; case 0x64: a = k < 32 ? a << k : 0; break;
            case 0x7C: k = x; case 0x74: a = k < 32 ? a >> k : 0; break;
            case 0x84: a = 0u - a; break;
            case 0x16: return a;
            default: return k;  /* 0x06: no other instruction is sound */
            }
        }
    }
    """
    bint is_sound(uint64_t word, uint64_t behind, uint64_t before) nogil
    uint32_t run_filter(const uint64_t *next, const unsigned char *p, uint32_t captured, uint32_t original) nogil


cdef class Filter:
    cdef uint64_t *instructions  # of all programs
    cdef Py_ssize_t *starts      # of each program, in `instructions`
    cdef Py_ssize_t used, programs

    def __dealloc__(self):
        free(self.instructions)
        free(self.starts)

    def add(self, array.array program):
        cdef const uint64_t *words = table(program, 0)
        cdef Py_ssize_t index, count = len(program)
        cdef void *larger
        for index in range(count):
            if not is_sound(words[index], count - index - 1, index):
                raise ValueError(f"instruction {index} of the program is not sound")
        if not count or words[count - 1] >> 48 not in (0x06, 0x16):
            raise ValueError("the program does not end with a return")
        larger = realloc(self.instructions, (self.used + count) * sizeof(uint64_t))
        if larger == NULL:
            raise MemoryError
        self.instructions = <uint64_t *>larger
        larger = realloc(self.starts, (self.programs + 1) * sizeof(Py_ssize_t))
        if larger == NULL:
            raise MemoryError
        self.starts = <Py_ssize_t *>larger
        memcpy(self.instructions + self.used, words, count * sizeof(uint64_t))
        self.starts[self.programs] = self.used
        self.used += count
        self.programs += 1
        return self.programs

    def clear_rows(self, buffer, columns, Py_ssize_t first, Py_ssize_t stop, array.array numbers, mask):
        cdef const int64_t *data_at = <const int64_t *>column(columns, "data_at", "q", stop)
        cdef const uint32_t *captured = <const uint32_t *>column(columns, "captured_length", "I", stop)
        cdef const uint32_t *original = <const uint32_t *>column(columns, "original_length", "I", stop)
        cdef const uint32_t *interface = <const uint32_t *>column(columns, "interface", "I", stop)
        cdef const uint64_t *program = table(numbers, 0)
        cdef uint64_t interfaces = len(numbers), number
        cdef uint64_t programs = self.programs
        cdef const unsigned char *data
        cdef unsigned char *selected
        cdef Py_ssize_t row = first
        cdef bint missing = False, outside = False
        cdef Py_buffer view, mask_view
        if not 0 <= first <= stop:
            raise ValueError(f"rows {first} to {stop}")
        PyObject_GetBuffer(mask, &mask_view, PyBUF_WRITABLE)
        try:
            if mask_view.len < stop:
                raise ValueError(f"a mask of fewer than {stop} rows")
            PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
            try:
                data = <const unsigned char *>view.buf
                selected = <unsigned char *>mask_view.buf
                with nogil:
                    while row < stop:
                        if selected[row]:
                            if interface[row] >= interfaces:
                                missing = True
                                break
                            number = program[interface[row]]
                            if number > programs:
                                missing = True
                                break
                            if not number:
                                break
                            if not inside(data_at[row], captured[row], view.len):
                                outside = True
                                break
                            if not run_filter(
                                self.instructions + self.starts[number - 1], data + data_at[row], captured[row], original[row]
                            ):
                                selected[row] = 0
                        row += 1
            finally:
                PyBuffer_Release(&view)
        finally:
            PyBuffer_Release(&mask_view)
        if missing:
            raise ValueError(f"row {row} names an interface or a program that is not there")
        if outside:
            raise ValueError(f"row {row} lies outside its buffer")
        return row
