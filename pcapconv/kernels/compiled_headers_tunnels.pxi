# Readers of protocols, compiled: `interpreted/headers/tunnels.py` is the reference.

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
