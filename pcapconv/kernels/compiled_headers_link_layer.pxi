# Readers of protocols, compiled: `interpreted/headers/link_layer.py` is the reference.

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
