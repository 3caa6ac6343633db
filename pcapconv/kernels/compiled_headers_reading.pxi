# What readers of protocols share, compiled: codes, the place in a packet, its two ends, and the values that were found.
# `interpreted/headers/reading.py` is the reference.

cdef enum:  # as in spec/protocols.py
    P_ETHERNET = 1
    P_SLL = 2
    P_NULL = 3
    P_PPP = 4
    P_PPPOE = 5
    P_VLAN = 6
    P_SERVICE_VLAN = 7
    P_MPLS = 8
    P_LLC = 9
    P_ARP = 10
    P_IPV4 = 11
    P_IPV6 = 12
    P_HOP_BY_HOP = 13
    P_ROUTING = 14
    P_FRAGMENT = 15
    P_DESTINATION_OPTIONS = 16
    P_AH = 17
    P_TCP = 18
    P_UDP = 19
    P_ICMP = 20
    P_ICMPV6 = 21
    P_IGMP = 22
    P_SCTP = 23
    P_GRE = 24
    P_ERSPAN = 25
    P_VXLAN = 26
    P_GENEVE = 27
    P_GTP = 28
    P_IP_IN_IP = 29
    P_IPX = 83

cdef enum:
    COMPLETE = 0
    UNREAD = 1
    FRAGMENTED = 2
    CUT_OFF = 3
    MALFORMED = 4

cdef enum:  # the order of HeaderColumns.FIELDS
    H_LINK_AT = 0
    H_SOURCE_MAC = 1
    H_DESTINATION_MAC = 2
    H_VLAN_COUNT = 3
    H_VLAN_ID = 4
    H_INNER_VLAN_ID = 5
    H_MPLS_COUNT = 6
    H_MPLS_LABEL = 7
    H_NETWORK_PROTOCOL = 8
    H_NETWORK_AT = 9
    H_SOURCE_ADDRESS = 10
    H_DESTINATION_ADDRESS = 11
    H_TTL = 12
    H_IP_PROTOCOL = 13
    H_FRAGMENT_ID = 14
    H_FRAGMENT_OFFSET = 15
    H_MORE_FRAGMENTS = 16
    H_ARP_OPERATION = 17
    H_TRANSPORT_AT = 18
    H_SOURCE_PORT = 19
    H_DESTINATION_PORT = 20
    H_TCP_SEQUENCE = 21
    H_TCP_ACKNOWLEDGEMENT = 22
    H_TCP_FLAGS = 23
    H_ICMP_TYPE = 24
    H_ICMP_CODE = 25
    H_PAYLOAD_AT = 26
    H_PAYLOAD_CAPTURED = 27
    H_PAYLOAD_LENGTH = 28
    H_TUNNEL = 29
    H_INNER_AT = 30
    H_INNER_CAPTURED = 31
    H_INNER_LENGTH = 32
    H_INNER_LINK_TYPE = 33
    H_PATH = 34
    H_PATH_LENGTH = 35
    H_LAST_PROTOCOL = 36
    H_ENDED = 37
    HEADER_COLUMNS = 38
    MOST_IN_PATH = 16

cdef enum:
    ETHER_IP = 0x0800
    ETHER_IP6 = 0x86DD

cdef struct HeaderValues:
    uint64_t present
    uint32_t values[HEADER_COLUMNS]
    uint8_t macs[2][6]
    uint8_t addresses[2][16]

cdef struct Reading:
    const unsigned char *data
    int64_t at, end, stated
    HeaderValues *found
    HeaderValues packets[2]  # the outermost, and the one in tunnels that is read now
    uint64_t tunnel_present
    uint32_t tunnel[5]
    uint8_t path[MOST_IN_PATH]
    int32_t path_length
    int protocol  # the last one
    int ended, ip_version
    bint fragmented
    bint outermost_only  # the packet in a tunnel is not read
    void *layers  # where each packet in tunnels is counted, in compiled_traffic.pxi; or NULL

cdef struct WantedColumn:
    unsigned char *values
    int name
    int size  # bytes for each packet

cdef uint8_t by_ether_type[65536]
cdef uint8_t by_ip_protocol[256]
cdef bint tables_filled = False


cdef int fill_tables() except -1:
    global tables_filled
    from pcapconv.spec import protocols  # here, for a faster start

    for number, code in protocols.BY_ETHER_TYPE.items():
        by_ether_type[<int>number] = code
    for number, code in protocols.BY_IP_PROTOCOL.items():
        by_ip_protocol[<int>number] = code
    tables_filled = True
    return 0


cdef inline bint lacks(Reading *packet, int64_t size) noexcept nogil:
    """Whether the header is not there up to `size` bytes, which ends the reading."""
    if size <= packet.end - packet.at:
        return False
    packet.ended = CUT_OFF if size <= packet.stated - packet.at else MALFORMED
    return True


cdef inline uint32_t byte_at(Reading *packet, int64_t offset) noexcept nogil:
    return packet.data[packet.at + offset]


cdef inline uint32_t half_at(Reading *packet, int64_t offset) noexcept nogil:
    return load16(packet.data + packet.at + offset, 1)


cdef inline uint32_t word_at(Reading *packet, int64_t offset) noexcept nogil:
    return load32(packet.data + packet.at + offset, 1)


cdef inline bint has_value(Reading *packet, int name) noexcept nogil:
    return packet.found.present >> name & 1


cdef inline void put_value(Reading *packet, int name, uint32_t value) noexcept nogil:
    packet.found.present |= <uint64_t>1 << name
    packet.found.values[name] = value


cdef inline void put_mac(Reading *packet, int name, int64_t offset) noexcept nogil:
    if not has_value(packet, name):
        packet.found.present |= <uint64_t>1 << name
        memcpy(packet.found.macs[name - H_SOURCE_MAC], packet.data + packet.at + offset, 6)


cdef inline void put_address(Reading *packet, int name, int64_t offset, int size) noexcept nogil:
    cdef uint8_t *address = packet.found.addresses[name - H_SOURCE_ADDRESS]
    packet.found.present |= <uint64_t>1 << name
    if size == 4:
        memset(address, 0, 10)
        address[10] = address[11] = 0xFF
        memcpy(address + 12, packet.data + packet.at + offset, 4)
    else:
        memcpy(address, packet.data + packet.at + offset, 16)


cdef inline int unread(Reading *packet) noexcept nogil:
    packet.ended = UNREAD
    return 0


cdef inline int malformed(Reading *packet) noexcept nogil:
    packet.ended = MALFORMED
    return 0


cdef inline void bound(Reading *packet, int64_t length) noexcept nogil:
    packet.stated = min(packet.stated, packet.at + length)
    packet.end = min(packet.end, packet.stated)


cdef inline void payload(Reading *packet) noexcept nogil:
    put_value(packet, H_PAYLOAD_AT, <uint32_t>packet.at)
    put_value(packet, H_PAYLOAD_CAPTURED, <uint32_t>(packet.end - packet.at))
    put_value(packet, H_PAYLOAD_LENGTH, <uint32_t>(packet.stated - packet.at))


cdef inline void add_to_path(Reading *packet, int protocol) noexcept nogil:
    packet.protocol = protocol
    if packet.path_length < MOST_IN_PATH:
        packet.path[packet.path_length] = <uint8_t>protocol
    if packet.path_length < 255:
        packet.path_length += 1


cdef inline void begin_packet(Reading *packet, HeaderValues *found) noexcept nogil:
    packet.found = found
    found.present = 0
    put_value(packet, H_LINK_AT, <uint32_t>packet.at)
    put_value(packet, H_VLAN_COUNT, 0)
    put_value(packet, H_MPLS_COUNT, 0)
    payload(packet)


cdef inline int read_ether_type(Reading *packet, uint32_t ether_type) noexcept nogil:
    cdef int protocol = by_ether_type[ether_type]
    if protocol not in (P_ETHERNET, P_VLAN, P_SERVICE_VLAN, P_MPLS, P_PPPOE):
        put_value(packet, H_NETWORK_PROTOCOL, ether_type)
        put_value(packet, H_NETWORK_AT, <uint32_t>packet.at)
    payload(packet)
    return protocol if protocol else unread(packet)


cdef inline int read_ip_by_version(Reading *packet) noexcept nogil:
    cdef uint32_t version
    if lacks(packet, 1):
        return 0
    version = byte_at(packet, 0) >> 4
    if version == 4 or version == 6:
        return read_ether_type(packet, ETHER_IP if version == 4 else ETHER_IP6)
    return unread(packet)


cdef inline int read_length_or_type(Reading *packet, uint32_t value) noexcept nogil:
    if value > 1500:
        return read_ether_type(packet, value)
    bound(packet, value)
    payload(packet)
    if lacks(packet, 2):
        return 0
    return P_IPX if half_at(packet, 0) == 0xFFFF else P_LLC


cdef inline int link_type_of(int protocol) noexcept nogil:
    if protocol == P_IPV4 or protocol == P_IPV6:
        return 101
    if protocol == P_ETHERNET:
        return 1
    if protocol == P_PPP:
        return 9
    return 219 if protocol == P_MPLS else 0


cdef int enter(Reading *packet, int kind, int protocol) noexcept nogil:
    if packet.fragmented:
        packet.ended = FRAGMENTED
        return 0
    if not packet.tunnel_present:
        packet.tunnel_present = <uint64_t>31 << H_TUNNEL
        packet.tunnel[0] = kind
        packet.tunnel[1] = <uint32_t>packet.at
        packet.tunnel[2] = <uint32_t>(packet.end - packet.at)
        packet.tunnel[3] = <uint32_t>(packet.stated - packet.at)
        packet.tunnel[4] = link_type_of(protocol)
    if packet.outermost_only:
        return 0
    if packet.layers != NULL:
        count_layer(packet)
    begin_packet(packet, &packet.packets[1])
    packet.ip_version = 0
    if protocol == P_IPV4 or protocol == P_IPV6:
        return read_ether_type(packet, ETHER_IP if protocol == P_IPV4 else ETHER_IP6)
    return protocol


cdef inline int enter_ether_type(Reading *packet, int kind, uint32_t ether_type) noexcept nogil:
    cdef int protocol = by_ether_type[ether_type]
    return enter(packet, kind, protocol) if link_type_of(protocol) else unread(packet)
