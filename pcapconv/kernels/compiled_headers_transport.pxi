# Readers of protocols, compiled: `interpreted/headers/transport.py` is the reference.

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
