# The keys of flows, hosts and datagrams, compiled: a part of compiled_flow_table.pxi. The interpreted form has dictionaries.
#
# Strategy: keys have 40 bytes, and stand in a table with chains. Keys are found by digests that nobody can foresee, so
# that a capture cannot be made to collide. A table that is full grows; one with a limit lets go of the oldest key.

cdef enum:
    FLOW_KEY = 40
    FEW_KEYS = 1024

cdef struct FlowKey:  # 40 bytes; what a key does not have is 0
    unsigned char lower[16]
    unsigned char higher[16]
    uint16_t lower_port, higher_port  # of a datagram, both together are the identification
    uint8_t version, protocol, flags, zero

cdef struct KeyEntry:
    FlowKey key
    uint64_t digest
    uint64_t value  # of a flow, whether its first packet went to the lower end; of a datagram, a number
    int64_t older   # the entry before it in the chain

cdef struct KeyTable:
    KeyEntry *entries
    int64_t *heads
    int64_t capacity, oldest, next, most


cdef int grow_keys(KeyTable *keys) except -1 nogil:
    cdef int64_t old = keys.capacity, capacity = 2 * old if old else FEW_KEYS, serial, slot
    cdef KeyEntry *entries = <KeyEntry *>realloc(keys.entries, capacity * sizeof(KeyEntry))
    cdef int64_t *heads
    if entries == NULL:
        with gil:
            raise MemoryError
    keys.entries = entries
    heads = <int64_t *>malloc(2 * capacity * sizeof(int64_t))
    if heads == NULL:
        with gil:
            raise MemoryError
    memset(heads, 0xFF, 2 * capacity * sizeof(int64_t))
    serial = keys.oldest
    while serial < keys.next:
        slot = serial & (capacity - 1)
        if slot >= old:
            entries[slot] = entries[slot - old]
        entries[slot].older = heads[entries[slot].digest & (2 * capacity - 1)]
        heads[entries[slot].digest & (2 * capacity - 1)] = serial
        serial += 1
    free(keys.heads)
    keys.heads = heads
    keys.capacity = capacity
    return 0


cdef inline KeyEntry *entry_of(const KeyTable *keys, int64_t serial) noexcept nogil:
    return keys.entries + (serial & (keys.capacity - 1))


cdef inline int64_t find_key(const KeyTable *keys, const FlowKey *key, uint64_t digest) noexcept nogil:
    cdef int64_t serial
    cdef const KeyEntry *entry
    if not keys.capacity:
        return -1
    serial = keys.heads[digest & (2 * keys.capacity - 1)]
    while serial >= keys.oldest:
        entry = entry_of(keys, serial)
        if entry.digest == digest and not memcmp(&entry.key, key, FLOW_KEY):
            return serial
        serial = entry.older
    return -1


cdef inline int64_t add_key(KeyTable *keys, const FlowKey *key, uint64_t digest, uint64_t value) except -1 nogil:
    cdef KeyEntry *entry
    cdef int64_t *head
    if keys.next - keys.oldest == keys.most:
        keys.oldest += 1
    if keys.next - keys.oldest == keys.capacity:
        grow_keys(keys)
    head = keys.heads + (digest & (2 * keys.capacity - 1))
    entry = entry_of(keys, keys.next)
    entry.key = key[0]
    entry.digest, entry.value, entry.older = digest, value, head[0]
    head[0] = keys.next
    keys.next += 1
    return keys.next - 1
