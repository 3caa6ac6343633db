# The kernel `skip_link_layers`, compiled: `interpreted/link_layers.py` is the reference, which documents it.

def skip_link_layers(columns, Py_ssize_t rows, headers, array.array link_types):
    cdef int64_t *data_at = <int64_t *>column(columns, "data_at", "q", rows)
    cdef uint32_t *captured_length = <uint32_t *>column(columns, "captured_length", "I", rows)
    cdef uint32_t *original_length = <uint32_t *>column(columns, "original_length", "I", rows)
    cdef uint32_t *interface = <uint32_t *>column(columns, "interface", "I", rows)
    cdef const uint64_t *present = <const uint64_t *>column(headers, "present", "Q", rows)
    cdef const uint16_t *network_protocol = <const uint16_t *>column(headers, "network_protocol", "H", rows)
    cdef const uint32_t *network_at = <const uint32_t *>column(headers, "network_at", "I", rows)
    cdef const uint8_t *vlan_count = <const uint8_t *>column(headers, "vlan_count", "B", rows)
    cdef const uint32_t *payload_at = <const uint32_t *>column(headers, "payload_at", "I", rows)
    cdef const uint32_t *payload_captured = <const uint32_t *>column(headers, "payload_captured", "I", rows)
    cdef const uint32_t *payload_length = <const uint32_t *>column(headers, "payload_length", "I", rows)
    cdef const uint64_t *types = table(link_types, 0)
    cdef uint64_t interfaces = len(link_types)
    cdef Py_ssize_t row = 0
    cdef int64_t begin, end, stated
    cdef uint32_t protocol, number
    cdef bint is_arp, is_network
    with nogil:
        while row < rows:
            number = interface[row]
            if number >= interfaces:
                break
            end = <int64_t>payload_at[row] + payload_captured[row]
            stated = <int64_t>payload_at[row] + payload_length[row]
            protocol = network_protocol[row] if present[row] >> H_NETWORK_AT & 1 else 0
            is_arp = protocol == 0x0806 or protocol == 0x8035
            is_network = is_arp or protocol == ETHER_IP or protocol == ETHER_IP6
            begin = stated + 1  # more than the end, for rows that stay as they are
            if is_network:
                begin = network_at[row]
                if is_arp and payload_at[row] > begin:
                    end = stated = payload_at[row]
            elif types[number] == 1:
                begin = 12 + 4 * <int64_t>vlan_count[row]
            interface[row] = 2 * number + is_network
            if begin <= end and end <= captured_length[row] and end <= stated:
                data_at[row] += begin
                captured_length[row] = <uint32_t>(end - begin)
                original_length[row] = <uint32_t>(stated - begin)
            row += 1
    if row < rows:
        raise ValueError(f"row {row} names an interface that is not there")
