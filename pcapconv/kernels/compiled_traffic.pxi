# The kernels `TrafficTable` and `count_traffic`, compiled: `interpreted/traffic.py` is the reference, which documents
# them.
#
# Strategy: a table of entries in the order of their first packets, and a hash table of their places. Hashes have a key
# that nobody knows, so that a capture cannot be made to collide. What counts needs no GIL: tables are structs.

cdef enum:
    TRAFFIC_KEY = 37  # as in contract.py
    FEW_ENTRIES = 1024  # for which there is room at first; a power of two

cdef struct TrafficCounts:
    uint64_t packets[2]
    uint64_t bytes[2]
    int_128_t first
    int_128_t last

cdef struct TrafficEntry:
    TrafficCounts counts
    uint8_t key[TRAFFIC_KEY]
    uint8_t direction  # of the first packet
    uint8_t timed      # whether `first` and `last` are times

cdef struct Traffic:
    TrafficEntry *entries
    uint64_t *places  # by hash: half of the hash, and the place of an entry, from 1; 0 is free
    uint64_t secret
    uint32_t used, capacity, most
    TrafficEntry others

cdef struct Layers:
    Traffic *ip
    Traffic *tcp
    Traffic *udp
    Traffic *hosts
    uint32_t length
    bint timed, failed
    int_128_t time


cdef bint grow_traffic(Traffic *table) noexcept nogil:
    """Make room for twice as many entries; False if there is no memory."""
    cdef uint32_t capacity = 2 * table.capacity if table.capacity else FEW_ENTRIES, entry
    cdef uint64_t mask = 2 * <uint64_t>capacity - 1, digest, place
    cdef uint64_t *places
    cdef TrafficEntry *entries = <TrafficEntry *>realloc(table.entries, capacity * sizeof(TrafficEntry))
    if entries == NULL:
        return False
    table.entries = entries
    places = <uint64_t *>calloc(2 * <size_t>capacity, sizeof(uint64_t))
    if places == NULL:
        return False
    for entry in range(table.used):
        digest = hash_keyed(entries[entry].key, TRAFFIC_KEY, table.secret, 0)
        place = digest & mask
        while places[place]:
            place = (place + 1) & mask
        places[place] = digest >> 32 << 32 | (entry + 1)
    free(table.places)
    table.places = places
    table.capacity = capacity
    return True


cdef TrafficEntry *traffic_entry(Traffic *table, const uint8_t *key, int direction) noexcept nogil:
    """The entry of a key, a new one if there is none and there may be more, else `others`; NULL without memory."""
    cdef uint64_t digest = hash_keyed(key, TRAFFIC_KEY, table.secret, 0), mask = 2 * <uint64_t>table.capacity - 1
    cdef uint64_t place = digest & mask, found
    cdef TrafficEntry *entry
    while table.places[place]:
        found = table.places[place]
        if found >> 32 == digest >> 32:
            entry = table.entries + ((found & 0xFFFFFFFFu) - 1)
            if not memcmp(entry.key, key, TRAFFIC_KEY):
                return entry
        place = (place + 1) & mask
    if table.used == table.most:
        return &table.others
    if table.used == table.capacity:
        if not grow_traffic(table):
            return NULL
        mask = 2 * <uint64_t>table.capacity - 1
        place = digest & mask
        while table.places[place]:
            place = (place + 1) & mask
    entry = table.entries + table.used
    memset(entry, 0, sizeof(TrafficEntry))
    memcpy(entry.key, key, TRAFFIC_KEY)
    entry.direction = direction
    table.used += 1
    table.places[place] = digest >> 32 << 32 | table.used
    return entry


cdef inline bint add_to_traffic(
    Traffic *table, const uint8_t *key, int direction, uint32_t length, bint timed, int_128_t time
) noexcept nogil:
    """Count a packet; False without memory."""
    cdef TrafficEntry *entry = traffic_entry(table, key, direction)
    if entry == NULL:
        return False
    entry.counts.packets[direction] += 1
    entry.counts.bytes[direction] += length
    if timed:
        if not entry.timed or time < entry.counts.first:
            entry.counts.first = time
        if not entry.timed or time > entry.counts.last:
            entry.counts.last = time
        entry.timed = True
    return True


cdef inline bint count_conversation(
    Traffic *table, const Layers *layers, uint8_t *key, const HeaderValues *found, bint with_ports
) noexcept nogil:
    """Count a packet between its two ends."""
    cdef uint8_t ends[2][18]
    cdef int i, lower
    for i in range(2):
        memcpy(ends[i], found.addresses[i], 16)
        memset(ends[i] + 16, 0, 2)
        if with_ports:
            store16(ends[i] + 16, <uint16_t>found.values[H_SOURCE_PORT + i], 1)
    lower = memcmp(ends[0], ends[1], 18) > 0
    memcpy(key + 1, ends[lower], 16)
    memcpy(key + 17, ends[1 - lower], 16)
    memcpy(key + 33, ends[lower] + 16, 2)
    memcpy(key + 35, ends[1 - lower] + 16, 2)
    return add_to_traffic(table, key, lower, layers.length, layers.timed, layers.time)


cdef void count_layer(Reading *packet) noexcept nogil:
    """Count the packet that was read last: the whole one, or one inside a tunnel."""
    cdef Layers *layers = <Layers *>packet.layers
    cdef const HeaderValues *found = packet.found
    cdef uint64_t present = found.present
    cdef uint8_t key[TRAFFIC_KEY]
    cdef Traffic *table = NULL
    cdef int i
    if not present >> H_NETWORK_PROTOCOL & 1 or not present >> H_DESTINATION_ADDRESS & 1:
        return
    if found.values[H_NETWORK_PROTOCOL] == ETHER_IP:
        key[0] = 4
    elif found.values[H_NETWORK_PROTOCOL] == ETHER_IP6:
        key[0] = 6
    else:
        return
    if layers.hosts != NULL:
        for i in range(2):
            memcpy(key + 1, found.addresses[i], 16)
            memset(key + 17, 0, TRAFFIC_KEY - 17)
            layers.failed |= not add_to_traffic(layers.hosts, key, i, layers.length, layers.timed, layers.time)
    if layers.ip != NULL:
        layers.failed |= not count_conversation(layers.ip, layers, key, found, False)
    if present >> H_DESTINATION_PORT & 1 and present >> H_IP_PROTOCOL & 1:
        if found.values[H_IP_PROTOCOL] == 6:
            table = layers.tcp
        elif found.values[H_IP_PROTOCOL] == 17:
            table = layers.udp
        if table != NULL:
            layers.failed |= not count_conversation(table, layers, key, found, True)


cdef object traffic_times(const TrafficEntry *entry):
    if not entry.timed:
        return None, None
    return number_of_128_bits(entry.counts.first), number_of_128_bits(entry.counts.last)


cdef class TrafficTable:
    cdef Traffic table

    def __cinit__(self, int64_t most):
        import os

        if not 0 < most <= 1 << 24:
            raise ValueError(f"a table of {most} entries")
        self.table.most = most
        self.table.secret = int.from_bytes(os.urandom(8), "little")
        if not grow_traffic(&self.table):
            raise MemoryError

    def __dealloc__(self):
        free(self.table.entries)
        free(self.table.places)

    def __len__(self):
        return self.table.used

    def __iter__(self):
        cdef uint32_t at = 0
        cdef const TrafficEntry *entry
        while at < self.table.used:
            entry = self.table.entries + at
            yield (
                PyBytes_FromStringAndSize(<const char *>entry.key, TRAFFIC_KEY),
                entry.direction,
                entry.counts.packets[0],
                entry.counts.bytes[0],
                entry.counts.packets[1],
                entry.counts.bytes[1],
                *traffic_times(entry),
            )
            at += 1

    @property
    def others(self):
        cdef const TrafficEntry *entry = &self.table.others
        return (
            entry.counts.packets[0],
            entry.counts.bytes[0],
            entry.counts.packets[1],
            entry.counts.bytes[1],
            *traffic_times(entry),
        )


cdef Traffic *traffic_of(TrafficTable table):
    return &table.table if table is not None else NULL


def count_traffic(
    buffer,
    columns,
    Py_ssize_t rows,
    array.array link_types,
    array.array scales,
    TrafficTable ip,
    TrafficTable tcp,
    TrafficTable udp,
    TrafficTable hosts,
    TrafficTable paths,
):
    cdef const int64_t *data_at = <const int64_t *>column(columns, "data_at", "q", rows)
    cdef const uint32_t *captured_length = <const uint32_t *>column(columns, "captured_length", "I", rows)
    cdef const uint32_t *original_length = <const uint32_t *>column(columns, "original_length", "I", rows)
    cdef const uint32_t *interface = <const uint32_t *>column(columns, "interface", "I", rows)
    cdef const uint64_t *ticks = <const uint64_t *>column(columns, "ticks", "Q", rows)
    cdef const uint8_t *record_type = <const uint8_t *>column(columns, "record_type", "B", rows)
    cdef Py_ssize_t type_count = len(link_types), row = 0
    cdef const uint64_t *types = table(link_types, 0)
    cdef const uint64_t *scale_of = table(scales, EXACT_SCALE * type_count)
    cdef const uint64_t *scale
    cdef Traffic *by_path = traffic_of(paths)
    cdef uint8_t key[TRAFFIC_KEY]
    cdef Reading packet
    cdef Layers layers
    cdef Py_buffer view
    if not tables_filled:
        fill_tables()
    layers.ip, layers.tcp = traffic_of(ip), traffic_of(tcp)
    layers.udp, layers.hosts = traffic_of(udp), traffic_of(hosts)
    layers.failed = False
    packet.outermost_only = False
    packet.layers = &layers
    PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
    try:
        with nogil:
            while row < rows and not layers.failed:
                if interface[row] >= <uint64_t>type_count or not inside(data_at[row], captured_length[row], view.len):
                    break
                scale = scale_of + EXACT_SCALE * interface[row]
                layers.length = original_length[row]
                layers.timed = record_type[row] != SIMPLE and (scale[1] or scale[2])
                layers.time = exact_time(ticks[row], scale) if layers.timed else 0
                read_packet(
                    &packet,
                    <const unsigned char *>view.buf + data_at[row],
                    captured_length[row],
                    original_length[row],
                    types[interface[row]],
                )
                count_layer(&packet)
                if by_path != NULL:
                    memset(key, 0, TRAFFIC_KEY)
                    memcpy(key, packet.path, min(packet.path_length, <int32_t>MOST_IN_PATH))
                    layers.failed |= not add_to_traffic(by_path, key, 0, layers.length, layers.timed, layers.time)
                row += 1
    finally:
        PyBuffer_Release(&view)
    if layers.failed:
        raise MemoryError
    if row < rows:
        raise ValueError(f"row {row} lies outside its buffer or names an interface that is not there")
