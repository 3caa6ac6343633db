# The kernel `read_headers`, compiled: `interpreted/headers/` is the reference, which documents it, and has the same
# parts.
#
# Strategy: as there. A reader of a protocol returns the code of the next protocol, or 0 if the reading ends, for the
# reason in `ended`. Values stand in a struct with a bit for each that is there; only then the wanted ones go into columns.

include "compiled_headers_reading.pxi"
include "compiled_headers_link_layer.pxi"
include "compiled_headers_network.pxi"
include "compiled_headers_transport.pxi"
include "compiled_headers_tunnels.pxi"


cdef int first_protocol(Reading *packet, uint64_t link_type) noexcept nogil:
    if link_type == 1:
        return P_ETHERNET
    if link_type == 0 or link_type == 108:
        return P_NULL
    if link_type == 9:
        return P_PPP
    if link_type == 12 or link_type == 14 or link_type == 101:
        return read_ip_by_version(packet)
    if link_type == 113:
        return P_SLL
    if link_type == 219:
        return P_MPLS
    if link_type == 228:
        return read_ether_type(packet, ETHER_IP)
    if link_type == 229:
        return read_ether_type(packet, ETHER_IP6)
    if link_type == 276:
        add_to_path(packet, P_SLL)
        return read_sll2(packet)
    return unread(packet)


cdef int read_next(Reading *packet, int protocol) noexcept nogil:
    if protocol == P_ETHERNET:
        return read_ethernet(packet)
    elif protocol == P_IPV4:
        return read_ipv4(packet)
    elif protocol == P_TCP:
        return read_tcp(packet)
    elif protocol == P_UDP:
        return read_udp(packet)
    elif protocol == P_IPV6:
        return read_ipv6(packet)
    elif protocol == P_VLAN or protocol == P_SERVICE_VLAN:
        return read_vlan(packet)
    elif protocol == P_SLL:
        return read_sll(packet)
    elif protocol == P_NULL:
        return read_null(packet)
    elif protocol == P_PPP:
        return read_ppp(packet)
    elif protocol == P_PPPOE:
        return read_pppoe(packet)
    elif protocol == P_MPLS:
        return read_mpls(packet)
    elif protocol == P_LLC:
        return read_llc(packet)
    elif protocol == P_ARP:
        return read_arp(packet)
    elif protocol == P_HOP_BY_HOP or protocol == P_ROUTING or protocol == P_DESTINATION_OPTIONS:
        return read_extension(packet)
    elif protocol == P_FRAGMENT:
        return read_fragment(packet)
    elif protocol == P_AH:
        return read_ah(packet)
    elif protocol == P_ICMP or protocol == P_ICMPV6:
        return read_icmp(packet, True)
    elif protocol == P_IGMP:
        return read_icmp(packet, False)
    elif protocol == P_SCTP:
        return read_sctp(packet)
    elif protocol == P_GRE:
        return read_gre(packet)
    elif protocol == P_ERSPAN:
        return read_erspan(packet)
    elif protocol == P_VXLAN:
        return read_vxlan(packet)
    elif protocol == P_GENEVE:
        return read_geneve(packet)
    elif protocol == P_GTP:
        return read_gtp(packet)
    return unread(packet)


cdef void read_packet(
    Reading *packet, const unsigned char *data, uint32_t captured, uint32_t original, uint64_t link_type
) noexcept nogil:
    cdef int protocol
    packet.data = data
    packet.at = 0
    packet.end = captured
    packet.stated = max(captured, original)
    packet.path_length = packet.protocol = packet.ended = packet.ip_version = 0
    packet.tunnel_present = 0
    packet.fragmented = False
    begin_packet(packet, &packet.packets[0])
    protocol = first_protocol(packet, link_type)
    while protocol:
        add_to_path(packet, protocol)
        protocol = read_next(packet, protocol)


cdef inline void write_columns(
    const Reading *packet, const HeaderValues *found, uint64_t present, Py_ssize_t row, const WantedColumn *wanted, int count
) noexcept nogil:
    cdef int i, name, size
    cdef uint32_t value
    cdef unsigned char *place
    for i in range(count):
        name = wanted[i].name
        size = wanted[i].size
        place = wanted[i].values + row * size
        if size > 4:
            if not present >> name & 1:
                memset(place, 0, size)
            elif name == H_PATH:
                memset(place, 0, MOST_IN_PATH)
                memcpy(place, packet.path, min(packet.path_length, <int32_t>MOST_IN_PATH))
            elif size == 6:
                memcpy(place, found.macs[name - H_SOURCE_MAC], 6)
            else:
                memcpy(place, found.addresses[name - H_SOURCE_ADDRESS], 16)
            continue
        if not present >> name & 1:
            value = 0
        elif name < H_TUNNEL:
            value = found.values[name]
        elif name < H_PATH:
            value = packet.tunnel[name - H_TUNNEL]
        elif name == H_LAST_PROTOCOL:
            value = packet.protocol
        else:
            value = packet.path_length if name == H_PATH_LENGTH else packet.ended
        if size == 1:
            place[0] = <unsigned char>value
        elif size == 2:
            (<uint16_t *>place)[0] = <uint16_t>value
        else:
            (<uint32_t *>place)[0] = value


def read_headers(buffer, columns, Py_ssize_t rows, array.array link_types, out, bint inner):
    cdef const int64_t *data_at = <const int64_t *>column(columns, "data_at", "q", rows)
    cdef const uint32_t *captured_length = <const uint32_t *>column(columns, "captured_length", "I", rows)
    cdef const uint32_t *original_length = <const uint32_t *>column(columns, "original_length", "I", rows)
    cdef const uint32_t *interface = <const uint32_t *>column(columns, "interface", "I", rows)
    cdef const uint64_t *types = table(link_types, 0)
    cdef Py_ssize_t type_count = len(link_types)
    cdef uint64_t *presents = <uint64_t *>column(out, "present", "Q", rows)
    cdef uint64_t present
    cdef const HeaderValues *found
    cdef WantedColumn wanted[HEADER_COLUMNS]
    cdef int count = 0, i
    cdef Py_ssize_t row = 0
    cdef Reading packet
    cdef Py_buffer view
    cdef array.array values
    if not tables_filled:
        fill_tables()
    if len(out.names) > HEADER_COLUMNS:
        raise ValueError("more columns than there are")
    for name in out.names:
        typecode, width = out.FIELDS[name]
        values = getattr(out, name)
        if values.typecode != typecode or len(values) < rows * <Py_ssize_t>width:
            raise ValueError(f"column {name} is not {rows * width} values of type {typecode}")
        wanted[count].values = values.data.as_uchars
        wanted[count].name = out.BITS[name]
        wanted[count].size = width * values.itemsize
        count += 1
    packet.outermost_only = False
    packet.layers = NULL
    PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
    try:
        with nogil:
            while row < rows:
                if interface[row] >= <uint64_t>type_count or not inside(data_at[row], captured_length[row], view.len):
                    break
                read_packet(
                    &packet,
                    <const unsigned char *>view.buf + data_at[row],
                    captured_length[row],
                    original_length[row],
                    types[interface[row]],
                )
                found = packet.found if inner else &packet.packets[0]
                present = found.present | packet.tunnel_present | <uint64_t>(15 if packet.protocol else 11) << H_PATH
                presents[row] = present
                write_columns(&packet, found, present, row, wanted, count)
                row += 1
    finally:
        PyBuffer_Release(&view)
    if row < rows:
        raise ValueError(f"row {row} lies outside its buffer or names an interface that is not there")
    out.rows = rows
