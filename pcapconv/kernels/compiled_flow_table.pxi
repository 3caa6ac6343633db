# The kernels `FlowTable` and `group_rows`, compiled: `interpreted/flow_table.py` is the reference, which documents them.

include "compiled_flow_keys.pxi"

cdef enum:
    PACKET_COST = 64         # as in contract.py
    MOST_DATAGRAMS = 65536
    HAS_PORTS = 1            # flags of a key
    HAS_PROTOCOL = 2

cdef uint64_t NO_GROUP = 0xFFFFFFFFFFFFFFFF
cdef uint64_t WAITING = 0x8000000000000000
cdef uint64_t ADDRESSES = 1 << H_SOURCE_ADDRESS | 1 << H_DESTINATION_ADDRESS | 1 << H_NETWORK_PROTOCOL
cdef uint64_t PORTS = 1 << H_SOURCE_PORT | 1 << H_DESTINATION_PORT
cdef uint64_t FRAGMENT_BITS = 1 << H_FRAGMENT_ID | 1 << H_FRAGMENT_OFFSET | 1 << H_NETWORK_AT

cdef struct WaitingFragments:
    FlowKey key
    int64_t begin
    uint64_t flow
    bint is_reversed


cdef struct FlowColumns:
    const uint64_t *present
    const uint16_t *network_protocol
    const uint32_t *network_at
    const unsigned char *source
    const unsigned char *destination
    const uint8_t *protocol
    const uint16_t *source_port
    const uint16_t *destination_port
    const uint32_t *fragment_id
    const uint16_t *fragment_offset
    const uint8_t *more_fragments


cdef int host_columns(FlowColumns *into, headers, Py_ssize_t rows) except -1:
    into.present = <const uint64_t *>column(headers, "present", "Q", rows)
    into.network_protocol = <const uint16_t *>column(headers, "network_protocol", "H", rows)
    into.source = <const unsigned char *>column(headers, "source_address", "B", 16 * rows)
    into.destination = <const unsigned char *>column(headers, "destination_address", "B", 16 * rows)
    return 0


cdef int flow_columns(FlowColumns *into, headers, Py_ssize_t rows) except -1:
    host_columns(into, headers, rows)
    into.network_at = <const uint32_t *>column(headers, "network_at", "I", rows)
    into.protocol = <const uint8_t *>column(headers, "ip_protocol", "B", rows)
    into.source_port = <const uint16_t *>column(headers, "source_port", "H", rows)
    into.destination_port = <const uint16_t *>column(headers, "destination_port", "H", rows)
    into.fragment_id = <const uint32_t *>column(headers, "fragment_id", "I", rows)
    into.fragment_offset = <const uint16_t *>column(headers, "fragment_offset", "H", rows)
    into.more_fragments = <const uint8_t *>column(headers, "more_fragments", "B", rows)
    return 0


cdef inline int version_of(const FlowColumns *headers, Py_ssize_t row) noexcept nogil:
    if headers.present[row] & ADDRESSES != ADDRESSES:
        return 0
    return 4 if headers.network_protocol[row] == ETHER_IP else 6 if headers.network_protocol[row] == ETHER_IP6 else 0


cdef class FlowTable:
    cdef KeyTable flows, datagrams
    cdef WaitingFragments *waiting
    cdef uint64_t waiting_base  # the number of the first one in `waiting`
    cdef int64_t waiting_count, waiting_room, position, distance
    cdef uint64_t secret

    def __cinit__(self, distance=1 << 22):
        import os

        if not 0 <= distance < 1 << 62:
            raise ValueError(f"a distance of {distance} bytes")
        self.distance = distance
        self.secret = int.from_bytes(os.urandom(8), "little")
        self.flows.most = INT64_MAX
        self.datagrams.most = MOST_DATAGRAMS
        self.waiting_base = WAITING

    def __dealloc__(self):
        free(self.flows.entries)
        free(self.flows.heads)
        free(self.datagrams.entries)
        free(self.datagrams.heads)
        free(self.waiting)

    def __len__(self):
        return self.flows.next

    def describe(self, uint64_t number):
        cdef const KeyEntry *entry
        if not 0 < number <= <uint64_t>self.flows.next:
            raise ValueError(f"there is no flow {number}")
        entry = entry_of(&self.flows, number - 1)
        has_ports = entry.key.flags & HAS_PORTS
        lower = bytes(entry.key.lower[:16]), entry.key.lower_port if has_ports else None
        higher = bytes(entry.key.higher[:16]), entry.key.higher_port if has_ports else None
        protocol = entry.key.protocol if entry.key.flags & HAS_PROTOCOL else None
        ends = (*higher, *lower) if entry.value else (*lower, *higher)
        return entry.key.version, protocol, *ends

    cdef uint64_t number_of(self, const FlowKey *key, bint is_reversed) except 0 nogil:
        cdef uint64_t digest = hash_keyed(<const unsigned char *>key, FLOW_KEY, self.secret, 0)
        cdef int64_t serial = find_key(&self.flows, key, digest)
        if serial < 0:
            serial = add_key(&self.flows, key, digest, is_reversed)
        return serial + 1

    cdef inline bint waits(self, uint64_t number) noexcept nogil:
        """Whether fragments with this number still wait."""
        return (
            self.waiting_base <= number < self.waiting_base + <uint64_t>self.waiting_count
            and self.position - self.waiting[number - self.waiting_base].begin <= self.distance
        )

    cdef uint64_t wait(self, const FlowKey *key, bint is_reversed) except 0 nogil:
        """A new number for fragments that wait."""
        cdef WaitingFragments *waiting
        cdef int64_t room
        if self.waiting_count == self.waiting_room:
            room = 2 * self.waiting_room if self.waiting_room else FEW_KEYS
            waiting = <WaitingFragments *>realloc(self.waiting, room * sizeof(WaitingFragments))
            if waiting == NULL:
                with gil:
                    raise MemoryError
            self.waiting, self.waiting_room = waiting, room
        waiting = self.waiting + self.waiting_count
        waiting.key, waiting.begin, waiting.flow, waiting.is_reversed = key[0], self.position, 0, is_reversed
        self.waiting_count += 1
        return self.waiting_base + self.waiting_count - 1

    cdef uint64_t flow_of_fragment(
        self, FlowKey *datagram, const FlowKey *key, bint is_reversed, bint is_first
    ) except 0 nogil:
        cdef uint64_t digest = hash_keyed(<const unsigned char *>datagram, FLOW_KEY, self.secret, 1), number, found = 0
        cdef int64_t serial = find_key(&self.datagrams, datagram, digest)
        if serial >= 0:
            found = entry_of(&self.datagrams, serial).value
        if is_first:
            number = self.number_of(key, is_reversed)
            if found >= WAITING and self.waits(found):
                self.waiting[found - self.waiting_base].flow = number
        elif found and (found < WAITING or self.waits(found)):
            return found
        else:
            number = self.wait(key, is_reversed)
        if serial >= 0:
            entry_of(&self.datagrams, serial).value = number
        else:
            add_key(&self.datagrams, datagram, digest, number)
        return number

    def number_flows(self, buffer, columns, Py_ssize_t rows, headers, array.array numbers, Py_ssize_t first):
        cdef const int64_t *data_at = <const int64_t *>column(columns, "data_at", "q", rows)
        cdef const uint32_t *captured_length = <const uint32_t *>column(columns, "captured_length", "I", rows)
        cdef const uint32_t *options_length = <const uint32_t *>column(columns, "options_length", "I", rows)
        cdef FlowColumns header
        cdef uint64_t *into
        cdef uint64_t present
        cdef Py_ssize_t row = 0
        cdef int version, order
        cdef bint is_reversed, is_first
        cdef FlowKey key, datagram
        cdef const unsigned char *source
        cdef const unsigned char *destination
        cdef uint32_t source_port, destination_port
        cdef int64_t at
        cdef Py_buffer view
        flow_columns(&header, headers, rows)
        if first < 0:
            raise ValueError("a table that begins before its first value")
        into = table(numbers, first + rows) + first
        PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
        try:
            with nogil:
                while row < rows:
                    version = version_of(&header, row)
                    memset(&key, 0, sizeof(FlowKey))
                    if not version:
                        into[row] = self.number_of(&key, False)
                        self.position += <int64_t>captured_length[row] + options_length[row] + PACKET_COST
                        row += 1
                        continue
                    present = header.present[row]
                    key.version = version
                    if present >> H_IP_PROTOCOL & 1:
                        key.protocol = header.protocol[row]
                        key.flags = HAS_PROTOCOL
                    source_port = destination_port = 0
                    if present & PORTS == PORTS:
                        key.flags |= HAS_PORTS
                        source_port, destination_port = header.source_port[row], header.destination_port[row]
                    source, destination = header.source + 16 * row, header.destination + 16 * row
                    order = memcmp(source, destination, 16)
                    is_reversed = order > 0 or (order == 0 and source_port > destination_port)
                    if is_reversed:
                        memcpy(key.lower, destination, 16)
                        memcpy(key.higher, source, 16)
                        key.lower_port, key.higher_port = destination_port, source_port
                    else:
                        memcpy(key.lower, source, 16)
                        memcpy(key.higher, destination, 16)
                        key.lower_port, key.higher_port = source_port, destination_port
                    if present & FRAGMENT_BITS != FRAGMENT_BITS or not (
                        header.fragment_offset[row] or header.more_fragments[row]
                    ):
                        into[row] = self.number_of(&key, is_reversed)
                    else:
                        memset(&datagram, 0, sizeof(FlowKey))
                        datagram.version = version
                        memcpy(datagram.lower, source, 16)
                        memcpy(datagram.higher, destination, 16)
                        datagram.lower_port = header.fragment_id[row] >> 16
                        datagram.higher_port = header.fragment_id[row] & 0xFFFF
                        if version == 4:
                            at = data_at[row] + header.network_at[row] + 9
                            if not 0 <= at < view.len:
                                break
                            datagram.protocol = (<const unsigned char *>view.buf)[at]
                        is_first = not header.fragment_offset[row]
                        into[row] = self.flow_of_fragment(&datagram, &key, is_reversed, is_first)
                    self.position += <int64_t>captured_length[row] + options_length[row] + PACKET_COST
                    row += 1
        finally:
            PyBuffer_Release(&view)
        if row < rows:
            raise ValueError(f"row {row} lies outside its buffer")

    def number_hosts(self, Py_ssize_t rows, headers, array.array numbers, Py_ssize_t first):
        cdef FlowColumns header
        cdef uint64_t *into
        cdef Py_ssize_t row = 0
        cdef FlowKey key
        host_columns(&header, headers, rows)
        if first < 0:
            raise ValueError("a table that begins before its first value")
        into = table(numbers, first + 2 * rows) + first
        with nogil:
            while row < rows:
                memset(&key, 0, sizeof(FlowKey))
                key.version = version_of(&header, row)
                if key.version:
                    memcpy(key.lower, header.source + 16 * row, 16)
                into[2 * row] = self.number_of(&key, False)
                into[2 * row + 1] = NO_GROUP
                if key.version and memcmp(header.source + 16 * row, header.destination + 16 * row, 16):
                    memcpy(key.lower, header.destination + 16 * row, 16)
                    into[2 * row + 1] = self.number_of(&key, False)
                row += 1

    def settle(self, array.array numbers, Py_ssize_t rows, bint force):
        cdef uint64_t *number_of = table(numbers, rows)
        cdef Py_ssize_t row = 0, still_waiting = rows
        cdef uint64_t number, oldest
        cdef WaitingFragments *waiting
        if rows < 0:
            raise ValueError(f"a table of {rows} values")
        with nogil:
            while row < rows:
                number = number_of[row]
                if number >= WAITING:
                    if not self.waiting_base <= number < self.waiting_base + <uint64_t>self.waiting_count:
                        break
                    waiting = self.waiting + (number - self.waiting_base)
                    if waiting.flow:
                        number_of[row] = waiting.flow
                    elif force or self.position - waiting.begin > self.distance:
                        number_of[row] = self.number_of(&waiting.key, waiting.is_reversed)
                    elif still_waiting == rows:
                        still_waiting = row
                row += 1
        if row < rows:
            raise ValueError(f"row {row} waits for nothing")
        oldest = self.waiting_base + self.waiting_count if still_waiting == rows else number_of[still_waiting]
        if oldest > self.waiting_base:
            self.waiting_count -= oldest - self.waiting_base
            waiting = self.waiting + (oldest - self.waiting_base)
            memmove(self.waiting, waiting, self.waiting_count * sizeof(WaitingFragments))
            self.waiting_base = oldest
        return still_waiting


def group_rows(array.array numbers, Py_ssize_t width):
    cdef const uint64_t *number_of = table(numbers, 0)
    cdef Py_ssize_t size = len(numbers), index = 0, groups = 0
    cdef array.array order, found
    cdef int64_t *entry
    cdef uint64_t *group
    if width < 1:
        raise ValueError(f"{width} numbers for each row")
    order = argsort(numbers)
    entry = <int64_t *>order.data.as_voidptr
    with nogil:
        while index < size and number_of[entry[index]] != NO_GROUP:
            groups += not index or number_of[entry[index]] != number_of[entry[index - 1]]
            index += 1
        size = index
    found = array.clone(array.array("Q"), 2 * groups, zero=False)
    group = <uint64_t *>found.data.as_voidptr
    groups = -1
    with nogil:
        for index in range(size):
            if not index or number_of[entry[index]] != group[2 * groups]:
                groups += 1
                group[2 * groups], group[2 * groups + 1] = number_of[entry[index]], 0
            group[2 * groups + 1] += 1
        for index in range(size):
            entry[index] //= width
    array.resize(order, size)
    return order, found
