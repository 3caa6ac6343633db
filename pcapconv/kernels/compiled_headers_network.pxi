# Readers of protocols, compiled: `interpreted/headers/network.py` is the reference.

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
