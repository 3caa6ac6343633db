# The kernels `read_headers` and `decapsulate`, compiled: a part of compiled.pyx. `interpreted/headers.py` and
# `interpreted/decapsulating.py` are the reference, which documents them.
#
# Strategy: as there. A reader of a protocol returns the code of the next protocol, or 0 if the reading ends, for the
# reason in `ended`. Values stand in a struct with a bit for each that is there; only then the wanted ones go into columns.

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
    H_PROTOCOL = 36
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


# ---------------------------------------------------------------- what readers share


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
    begin_packet(packet, &packet.packets[1])
    packet.ip_version = 0
    if protocol == P_IPV4 or protocol == P_IPV6:
        return read_ether_type(packet, ETHER_IP if protocol == P_IPV4 else ETHER_IP6)
    return protocol


cdef inline int enter_ether_type(Reading *packet, int kind, uint32_t ether_type) noexcept nogil:
    cdef int protocol = by_ether_type[ether_type]
    return enter(packet, kind, protocol) if link_type_of(protocol) else unread(packet)


# ---------------------------------------------------------------- link layers


cdef inline int read_ethernet(Reading *packet) noexcept nogil:
    cdef uint32_t value
    if lacks(packet, 6):
        return 0
    put_mac(packet, H_DESTINATION_MAC, 0)
    if lacks(packet, 12):
        return 0
    put_mac(packet, H_SOURCE_MAC, 6)
    if lacks(packet, 14):
        return 0
    value = half_at(packet, 12)
    packet.at += 14
    return read_length_or_type(packet, value)


cdef int behind_cooked(Reading *packet, uint32_t hardware, uint32_t value) noexcept nogil:
    payload(packet)
    if value > 1500 and hardware != 824:
        return read_ether_type(packet, value)
    if hardware == 770 or hardware == 803 or hardware == 824:
        return unread(packet)
    if value == 1:
        return P_IPX
    if value == 3:
        return P_ETHERNET
    if value == 4:
        return P_LLC
    return P_PPP if value == 7 else unread(packet)


cdef int read_sll(Reading *packet) noexcept nogil:
    cdef uint32_t hardware, value
    if lacks(packet, 6):
        return 0
    hardware = half_at(packet, 2)
    if half_at(packet, 4) == 6:
        if lacks(packet, 12):
            return 0
        put_mac(packet, H_SOURCE_MAC, 6)
    if lacks(packet, 16):
        return 0
    value = half_at(packet, 14)
    packet.at += 16
    return behind_cooked(packet, hardware, value)


cdef int read_sll2(Reading *packet) noexcept nogil:
    cdef uint32_t hardware, value
    if lacks(packet, 12):
        return 0
    value = half_at(packet, 0)
    hardware = half_at(packet, 8)
    if byte_at(packet, 11) == 6:
        if lacks(packet, 18):
            return 0
        put_mac(packet, H_SOURCE_MAC, 12)
    if lacks(packet, 20):
        return 0
    packet.at += 20
    return behind_cooked(packet, hardware, value)


cdef int read_null(Reading *packet) noexcept nogil:
    cdef uint32_t value
    if lacks(packet, 4):
        return 0
    if half_at(packet, 0) == 0xFF03:
        return P_PPP
    value = load32(packet.data + packet.at, 0)
    if value >> 16:
        value = value >> 16 if value < 6 << 16 else word_at(packet, 0)
    elif not value & 0xFF and value < 0x600:
        value >>= 8
    packet.at += 4
    payload(packet)
    if value > 1500:
        return read_ether_type(packet, value & 0xFFFF)
    if value == 2:
        return read_ether_type(packet, ETHER_IP)
    if value == 24 or value == 28 or value == 30:
        return read_ether_type(packet, ETHER_IP6)
    return unread(packet)


cdef int read_llc(Reading *packet) noexcept nogil:
    cdef uint32_t destination, control, organisation, value
    cdef int64_t size
    if lacks(packet, 3):
        return 0
    destination = byte_at(packet, 0)
    control = byte_at(packet, 2)
    if destination == 0xAA and byte_at(packet, 1) == 0xAA and control == 3:
        if lacks(packet, 8):
            return 0
        organisation = half_at(packet, 3) << 8 | byte_at(packet, 5)
        value = half_at(packet, 6)
        packet.at += 8
        if organisation == 0 or organisation == 0xF8:
            return read_ether_type(packet, value)
    else:
        size = 3 if control & 3 == 3 else 4
        if lacks(packet, size):
            return 0
        packet.at += size
        if destination == 0x06 and (control & 0xEF == 3 or not control & 1):
            return read_ether_type(packet, ETHER_IP)
    payload(packet)
    return unread(packet)


cdef int read_vlan(Reading *packet) noexcept nogil:
    cdef uint32_t count = packet.found.values[H_VLAN_COUNT], value
    if lacks(packet, 2):
        return 0
    put_value(packet, H_VLAN_COUNT, min(count + 1, <uint32_t>255))
    if count < 2:
        put_value(packet, H_INNER_VLAN_ID if count else H_VLAN_ID, half_at(packet, 0) & 0xFFF)
    if lacks(packet, 4):
        return 0
    value = half_at(packet, 2)
    packet.at += 4
    return read_length_or_type(packet, value)


cdef int read_mpls(Reading *packet) noexcept nogil:
    cdef uint32_t count = packet.found.values[H_MPLS_COUNT], entry
    while True:
        if lacks(packet, 4):
            return 0
        entry = word_at(packet, 0)
        if not count:
            put_value(packet, H_MPLS_LABEL, entry >> 12)
        count = min(count + 1, <uint32_t>255)
        put_value(packet, H_MPLS_COUNT, count)
        packet.at += 4
        if entry & 0x100:
            break
    payload(packet)
    return unread(packet) if entry >> 12 == 13 or entry >> 12 == 14 else read_ip_by_version(packet)


cdef int read_pppoe(Reading *packet) noexcept nogil:
    cdef uint32_t length
    if lacks(packet, 6):
        return 0
    length = half_at(packet, 4)
    packet.at += 6
    bound(packet, length)
    payload(packet)
    return P_PPP


cdef int read_ppp(Reading *packet) noexcept nogil:
    cdef uint32_t value
    if lacks(packet, 1):
        return 0
    if byte_at(packet, 0) == 0xFF:
        if lacks(packet, 2):
            return 0
        packet.at += 2
        if lacks(packet, 1):
            return 0
    value = byte_at(packet, 0)
    if value & 1:
        packet.at += 1
    else:
        if lacks(packet, 2):
            return 0
        value = half_at(packet, 0)
        packet.at += 2
    payload(packet)
    if value == 0x21:
        return read_ether_type(packet, ETHER_IP)
    if value == 0x57:
        return read_ether_type(packet, ETHER_IP6)
    return P_MPLS if value == 0x281 or value == 0x283 else unread(packet)


# ---------------------------------------------------------------- network


cdef int read_arp(Reading *packet) noexcept nogil:
    cdef int64_t hardware_size, size
    if lacks(packet, 8):
        return 0
    hardware_size = byte_at(packet, 4)
    size = byte_at(packet, 5)
    put_value(packet, H_ARP_OPERATION, half_at(packet, 6))
    if half_at(packet, 2) == ETHER_IP and size == 4:
        if lacks(packet, 12 + hardware_size):
            return 0
        put_address(packet, H_SOURCE_ADDRESS, 8 + hardware_size, 4)
        if lacks(packet, 16 + 2 * hardware_size):
            return 0
        put_address(packet, H_DESTINATION_ADDRESS, 12 + 2 * hardware_size, 4)
    if lacks(packet, 8 + 2 * hardware_size + 2 * size):
        return 0
    packet.at += 8 + 2 * hardware_size + 2 * size
    payload(packet)
    return 0


cdef inline int read_ip_payload(Reading *packet, uint32_t protocol) noexcept nogil:
    cdef bint later = has_value(packet, H_FRAGMENT_OFFSET) and packet.found.values[H_FRAGMENT_OFFSET]
    payload(packet)
    if protocol == 51 and not later:
        return P_AH
    put_value(packet, H_IP_PROTOCOL, protocol)
    if later:
        packet.ended = FRAGMENTED
        return 0
    put_value(packet, H_TRANSPORT_AT, <uint32_t>packet.at)
    if protocol == 4 or protocol == 41:
        return enter(packet, P_IP_IN_IP, P_IPV4 if protocol == 4 else P_IPV6)
    if protocol == 59 and packet.ip_version == 6:
        return 0
    return by_ip_protocol[protocol] if by_ip_protocol[protocol] else unread(packet)


cdef inline int read_ipv4(Reading *packet) noexcept nogil:
    cdef int64_t size, length
    cdef uint32_t fragment, protocol
    if lacks(packet, 1):
        return 0
    if byte_at(packet, 0) >> 4 != 4:
        return malformed(packet)
    size = (byte_at(packet, 0) & 15) * 4
    if size < 20:
        return malformed(packet)
    packet.ip_version = 4
    if lacks(packet, 4):
        return 0
    length = half_at(packet, 2)
    if length < size:
        if length:
            return malformed(packet)
        length = <int64_t>1 << 32
    bound(packet, length)
    if lacks(packet, 6):
        return 0
    put_value(packet, H_FRAGMENT_ID, half_at(packet, 4))
    if lacks(packet, 8):
        return 0
    fragment = half_at(packet, 6)
    put_value(packet, H_FRAGMENT_OFFSET, (fragment & 0x1FFF) * 8)
    put_value(packet, H_MORE_FRAGMENTS, fragment >> 13 & 1)
    packet.fragmented = fragment & 0x3FFF != 0
    if lacks(packet, 9):
        return 0
    put_value(packet, H_TTL, byte_at(packet, 8))
    if lacks(packet, 10):
        return 0
    protocol = byte_at(packet, 9)
    if protocol != 51:
        put_value(packet, H_IP_PROTOCOL, protocol)
    if lacks(packet, 16):
        return 0
    put_address(packet, H_SOURCE_ADDRESS, 12, 4)
    if lacks(packet, 20):
        return 0
    put_address(packet, H_DESTINATION_ADDRESS, 16, 4)
    if lacks(packet, size):
        return 0
    packet.at += size
    return read_ip_payload(packet, protocol)


cdef inline int behind_ipv6(Reading *packet, uint32_t protocol) noexcept nogil:
    payload(packet)
    if protocol == 0:
        return P_HOP_BY_HOP
    if protocol == 43:
        return P_ROUTING
    if protocol == 44:
        return P_FRAGMENT
    if protocol == 51:
        return P_AH
    if protocol == 60:
        return P_DESTINATION_OPTIONS
    return read_ip_payload(packet, protocol)


cdef inline int read_ipv6(Reading *packet) noexcept nogil:
    cdef uint32_t length, protocol
    if lacks(packet, 1):
        return 0
    if byte_at(packet, 0) >> 4 != 6:
        return malformed(packet)
    packet.ip_version = 6
    if lacks(packet, 6):
        return 0
    length = half_at(packet, 4)
    if length:
        bound(packet, 40 + length)
    if lacks(packet, 7):
        return 0
    protocol = byte_at(packet, 6)
    if lacks(packet, 8):
        return 0
    put_value(packet, H_TTL, byte_at(packet, 7))
    if lacks(packet, 24):
        return 0
    put_address(packet, H_SOURCE_ADDRESS, 8, 16)
    if lacks(packet, 40):
        return 0
    put_address(packet, H_DESTINATION_ADDRESS, 24, 16)
    packet.at += 40
    packet.fragmented = False
    return behind_ipv6(packet, protocol)


cdef int read_extension(Reading *packet) noexcept nogil:
    cdef uint32_t protocol
    cdef int64_t size
    if lacks(packet, 2):
        return 0
    protocol = byte_at(packet, 0)
    size = byte_at(packet, 1) * 8 + 8
    if lacks(packet, size):
        return 0
    packet.at += size
    return behind_ipv6(packet, protocol)


cdef int read_fragment(Reading *packet) noexcept nogil:
    cdef uint32_t protocol, fragment
    if lacks(packet, 4):
        return 0
    protocol = byte_at(packet, 0)
    fragment = half_at(packet, 2)
    if not has_value(packet, H_FRAGMENT_OFFSET):
        put_value(packet, H_FRAGMENT_OFFSET, fragment & 0xFFF8)
        put_value(packet, H_MORE_FRAGMENTS, fragment & 1)
        if lacks(packet, 8):
            return 0
        put_value(packet, H_FRAGMENT_ID, word_at(packet, 4))
    if lacks(packet, 8):
        return 0
    packet.at += 8
    packet.fragmented |= fragment & 0xFFF9 != 0
    return read_ip_payload(packet, protocol) if fragment & 0xFFF8 else behind_ipv6(packet, protocol)


cdef int read_ah(Reading *packet) noexcept nogil:
    cdef uint32_t protocol
    cdef int64_t size
    if lacks(packet, 2):
        return 0
    protocol = byte_at(packet, 0)
    size = byte_at(packet, 1) * 4 + 8
    if lacks(packet, size):
        return 0
    packet.at += size
    return behind_ipv6(packet, protocol) if packet.ip_version == 6 else read_ip_payload(packet, protocol)


# ---------------------------------------------------------------- transport


cdef inline bint lacks_ports(Reading *packet) noexcept nogil:
    if lacks(packet, 2):
        return True
    put_value(packet, H_SOURCE_PORT, half_at(packet, 0))
    if lacks(packet, 4):
        return True
    put_value(packet, H_DESTINATION_PORT, half_at(packet, 2))
    return False


cdef inline int read_tcp(Reading *packet) noexcept nogil:
    cdef int64_t size
    if lacks_ports(packet) or lacks(packet, 8):
        return 0
    put_value(packet, H_TCP_SEQUENCE, word_at(packet, 4))
    if lacks(packet, 12):
        return 0
    put_value(packet, H_TCP_ACKNOWLEDGEMENT, word_at(packet, 8))
    if lacks(packet, 14):
        return 0
    size = (byte_at(packet, 12) >> 4) * 4
    put_value(packet, H_TCP_FLAGS, half_at(packet, 12) & 0xFFF)
    if size < 20:
        return malformed(packet)
    if lacks(packet, size):
        return 0
    packet.at += size
    payload(packet)
    return 0


cdef inline int udp_tunnel(uint32_t port) noexcept nogil:
    if port == 4789:
        return P_VXLAN
    if port == 6081:
        return P_GENEVE
    return P_GTP if port == 2152 else 0


cdef inline int read_udp(Reading *packet) noexcept nogil:
    cdef uint32_t length, source, destination
    cdef int protocol
    if lacks_ports(packet) or lacks(packet, 6):
        return 0
    source = half_at(packet, 0)
    destination = half_at(packet, 2)
    length = half_at(packet, 4)
    if length < 8 and (length or packet.ip_version != 6):
        return malformed(packet)
    if length:
        bound(packet, length)
    if lacks(packet, 8):
        return 0
    packet.at += 8
    payload(packet)
    protocol = udp_tunnel(min(source, destination))
    if not protocol:
        protocol = udp_tunnel(max(source, destination))
    if protocol == P_GTP and packet.end - packet.at >= 2:
        return P_GTP if byte_at(packet, 0) >> 4 == 3 and byte_at(packet, 1) in (1, 2, 26, 31, 254, 255) else 0
    return protocol


cdef int read_sctp(Reading *packet) noexcept nogil:
    if lacks_ports(packet) or lacks(packet, 12):
        return 0
    packet.at += 12
    payload(packet)
    return 0


cdef int read_icmp(Reading *packet, bint has_code) noexcept nogil:
    if lacks(packet, 1):
        return 0
    put_value(packet, H_ICMP_TYPE, byte_at(packet, 0))
    if has_code:
        if lacks(packet, 2):
            return 0
        put_value(packet, H_ICMP_CODE, byte_at(packet, 1))
    if lacks(packet, 8):
        return 0
    packet.at += 8
    payload(packet)
    return 0


# ---------------------------------------------------------------- tunnels


cdef int read_gre(Reading *packet) noexcept nogil:
    cdef uint32_t flags, value
    cdef int64_t size
    if lacks(packet, 4):
        return 0
    flags = half_at(packet, 0)
    value = half_at(packet, 2)
    size = 4 + (4 if flags & 0xC000 else 0) + (4 if flags & 0x2000 else 0) + (4 if flags & 0x1000 else 0)
    size += 4 if value == 0x880B and flags & 0x80 and flags & 7 else 0
    if lacks(packet, size):
        return 0
    packet.at += size
    if flags & 0x4000:
        while True:
            if lacks(packet, 4):
                return 0
            if not word_at(packet, 0) & 0xFFFF00FFu:
                break
            size = 4 + byte_at(packet, 3)
            if lacks(packet, size):
                return 0
            packet.at += size
        packet.at += 4
    if value == 0x88BE and not flags & 0x1000:
        add_to_path(packet, P_ERSPAN)
        return enter(packet, P_ERSPAN, P_ETHERNET)
    if value == 0x88BE or value == 0x22EB:
        return P_ERSPAN
    if value == 0x880B:
        return enter(packet, P_GRE, P_PPP)
    return enter_ether_type(packet, P_GRE, value)


cdef int read_erspan(Reading *packet) noexcept nogil:
    cdef uint32_t version
    cdef int64_t size
    if lacks(packet, 1):
        return 0
    version = byte_at(packet, 0) >> 4
    if version == 1:
        size = 8
    elif version == 2:
        if lacks(packet, 12):
            return 0
        if byte_at(packet, 10) & 0x7C:
            return unread(packet)
        size = 20 if byte_at(packet, 11) & 1 else 12
    else:
        return unread(packet)
    if lacks(packet, size):
        return 0
    packet.at += size
    return enter(packet, P_ERSPAN, P_ETHERNET)


cdef int read_vxlan(Reading *packet) noexcept nogil:
    if lacks(packet, 8):
        return 0
    packet.at += 8
    return enter(packet, P_VXLAN, P_ETHERNET)


cdef int read_geneve(Reading *packet) noexcept nogil:
    cdef uint32_t first, value
    cdef int64_t size
    if lacks(packet, 1):
        return 0
    first = byte_at(packet, 0)
    if lacks(packet, 4):
        return 0
    value = half_at(packet, 2)
    size = 8 + (first & 0x3F) * 4
    if lacks(packet, size):
        return 0
    packet.at += size
    return enter_ether_type(packet, P_GENEVE, value)


cdef int read_gtp(Reading *packet) noexcept nogil:
    cdef uint32_t flags, length, following, version
    cdef int64_t size
    if lacks(packet, 4):
        return 0
    flags = byte_at(packet, 0)
    length = half_at(packet, 2)
    if byte_at(packet, 1) != 255:
        return unread(packet)
    if lacks(packet, 8):
        return 0
    packet.at += 8
    bound(packet, length)
    if flags & 7:
        if lacks(packet, 4):
            return 0
        following = byte_at(packet, 3)
        packet.at += 4
        while flags & 4 and following:
            if lacks(packet, 1):
                return 0
            size = byte_at(packet, 0) * 4
            if not size:
                return malformed(packet)
            if lacks(packet, size):
                return 0
            following = byte_at(packet, size - 1)
            packet.at += size
    if lacks(packet, 1):
        return 0
    version = byte_at(packet, 0) >> 4
    if version == 4 or version == 6:
        return enter(packet, P_GTP, P_IPV4 if version == 4 else P_IPV6)
    return unread(packet)


# ---------------------------------------------------------------- packets


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
        elif name == H_PROTOCOL:
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


# ---------------------------------------------------------------- decapsulating


cdef enum:  # as in contract.py
    TARGETS = 5
    TUNNEL_COUNTS = 32
    DECAPSULATED = 1
    OPTIONS_CHANGE = 2
    PACKET_FLAGS = 2
    PACKET_HASH = 3
    FCS_LENGTH_IN_FLAGS = 0x1E0

cdef uint64_t UNDECLARED = <uint64_t>-1


cdef inline int target_of(uint32_t inner_link_type) noexcept nogil:
    if inner_link_type == 1:
        return 1
    if inner_link_type == 9:
        return 2
    return 3 if inner_link_type == 101 else 4


cdef inline bint options_change(const unsigned char *data, int64_t remaining, bint big) noexcept nogil:
    cdef int64_t size
    cdef uint32_t code
    while remaining >= 4:
        code = load16(data, big)
        size = load16(data + 2, big)
        if code == 0 or size + 4 > remaining:
            break
        if code == PACKET_HASH:
            return True
        if code == PACKET_FLAGS and size == 4 and load32(data + 4, big) & FCS_LENGTH_IN_FLAGS:
            return True
        size = (size + 7) & ~<int64_t>3
        data += size
        remaining -= size
    return False


def decapsulate(
    buffer, columns, Py_ssize_t first, Py_ssize_t stop, array.array link_types, uint64_t kinds, array.array new_ids,
    bint only, bint big, marks, array.array tunnels
):
    cdef int64_t *data_at = <int64_t *>column(columns, "data_at", "q", stop)
    cdef uint32_t *captured_length = <uint32_t *>column(columns, "captured_length", "I", stop)
    cdef uint32_t *original_length = <uint32_t *>column(columns, "original_length", "I", stop)
    cdef uint32_t *interface = <uint32_t *>column(columns, "interface", "I", stop)
    cdef uint32_t *record_length = <uint32_t *>column(columns, "record_length", "I", stop)
    cdef const int64_t *options_at = <const int64_t *>column(columns, "options_at", "q", stop)
    cdef const uint32_t *options_length = <const uint32_t *>column(columns, "options_length", "I", stop)
    cdef const uint64_t *types = table(link_types, 0)
    cdef Py_ssize_t type_count = len(link_types), row = first
    cdef const uint64_t *ids = table(new_ids, TARGETS * type_count)
    cdef uint64_t *counts = table(tunnels, TUNNEL_COUNTS)
    cdef uint64_t passed[TUNNEL_COUNTS]
    cdef uint64_t link_type, index = 0
    cdef unsigned char *mark
    cdef const unsigned char *data
    cdef int64_t at
    cdef uint32_t captured, original
    cdef bint outside = False, no_room = False, out_of_tunnel, changes
    cdef int kind
    cdef Reading packet
    cdef Py_buffer view, marks_view
    if not tables_filled:
        fill_tables()
    packet.outermost_only = True
    PyObject_GetBuffer(buffer, &view, PyBUF_SIMPLE)
    try:
        PyObject_GetBuffer(marks, &marks_view, PyBUF_WRITABLE)
        try:
            if not 0 <= first <= stop <= marks_view.len:
                raise ValueError("the range lies outside the marks")
            data = <const unsigned char *>view.buf
            mark = <unsigned char *>marks_view.buf
            with nogil:
                while row < stop:
                    at = data_at[row]
                    captured = captured_length[row]
                    original = original_length[row]
                    if interface[row] >= <uint64_t>type_count or not inside(at, captured, view.len):
                        outside = True
                        break
                    link_type = types[interface[row]]
                    out_of_tunnel = False
                    while True:
                        read_packet(&packet, data + at, captured, original, link_type)
                        if not packet.tunnel_present or not kinds >> packet.tunnel[0] & 1 or not packet.tunnel[3]:
                            break
                        if not out_of_tunnel:
                            memset(passed, 0, sizeof(passed))
                            out_of_tunnel = True
                        passed[packet.tunnel[0]] += 1
                        at += packet.tunnel[1]
                        captured = packet.tunnel[2]
                        original = packet.tunnel[3]
                        link_type = packet.tunnel[4]
                    mark[row] = 0
                    if only and not out_of_tunnel:
                        row += 1
                        continue
                    index = TARGETS * <uint64_t>interface[row]
                    if out_of_tunnel:
                        index += target_of(<uint32_t>link_type)
                    if ids[index] == UNDECLARED:
                        break
                    if ids[index] > 0xFFFFFFFFu:
                        no_room = True
                        break
                    changes = False
                    if out_of_tunnel and options_length[row]:
                        if not inside(options_at[row], options_length[row], view.len):
                            outside = True
                            break
                        changes = options_change(data + options_at[row], options_length[row], big)
                    interface[row] = <uint32_t>ids[index]
                    if out_of_tunnel:
                        data_at[row] = at
                        captured_length[row] = captured
                        original_length[row] = original
                        record_length[row] = 0
                        mark[row] = OPTIONS_CHANGE if changes else DECAPSULATED
                        for kind in range(TUNNEL_COUNTS):
                            counts[kind] += passed[kind]
                    row += 1
        finally:
            PyBuffer_Release(&marks_view)
    finally:
        PyBuffer_Release(&view)
    if outside:
        raise ValueError(f"row {row} lies outside its buffer or names an interface that is not there")
    if no_room:
        raise ValueError(f"row {row} has no room for interface {ids[index]}")
    return row, index if row < stop else 0
