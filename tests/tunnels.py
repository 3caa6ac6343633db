"""A second implementation of decapsulation, slow and obvious, that knows nothing of pcapconv.

Strategy
--------
A packet is what was captured of it, and its length. Each function takes a header off the front of both and goes on with
the next; what does not go on is `_NoTunnelError`. Nothing is remembered but whether there are fragments.
"""

from collections.abc import Iterable
from typing import NamedTuple, NoReturn

ETHERNET, PPP, RAW, MPLS = 1, 9, 101, 219


class _NoTunnelError(Exception):
    """There is no tunnel here, or it cannot be read."""


class Inner(NamedTuple):
    """What is in a tunnel: the tunnel's kind, the link type of the packet, what was captured of it, and its length."""

    kind: str
    link_type: int
    data: bytes
    length: int


class Rest(NamedTuple):
    """What is left of a packet; `fragment` is whether it is in a fragment, `version` that of IP in front of it."""

    data: bytes
    length: int
    fragment: bool = False
    version: int = 0

    def number(self, at: int, size: int) -> int:
        if at + size > len(self.data):
            raise _NoTunnelError
        return int.from_bytes(self.data[at : at + size])

    def behind(self, size: int) -> "Rest":
        if size > len(self.data):
            raise _NoTunnelError
        return self._replace(data=self.data[size:], length=self.length - size)

    def within(self, length: int) -> "Rest":
        return self._replace(data=self.data[:length], length=min(length, self.length))


def taken_off(link_type: int, data: bytes, length: int, kinds: Iterable[str]) -> list[Inner]:
    """What is in each tunnel of these kinds, outermost first, as long as the outermost is one of them."""
    found: list[Inner] = []
    while (inner := outermost(link_type, data, length)) is not None and inner.kind in kinds and inner.length:
        found.append(inner)
        _, link_type, data, length = inner
    return found


def outermost(link_type: int, data: bytes, length: int) -> Inner | None:
    """What is in the outermost tunnel of a packet."""
    try:
        return _by_link_type(link_type, Rest(data, max(length, len(data))))
    except _NoTunnelError:
        return None


def _nothing() -> NoReturn:
    raise _NoTunnelError


def _into(kind: str, link_type: int, rest: Rest) -> Inner:
    return _nothing() if rest.fragment else Inner(kind, link_type, rest.data, rest.length)


# ---------------------------------------------------------------- link layers


def _by_link_type(link_type: int, rest: Rest) -> Inner:
    match link_type:
        case 1:
            return _ethernet(rest)
        case 0 | 108:
            return _null(rest)
        case 9:
            return _ppp(rest)
        case 12 | 14 | 101:
            return _ip(rest)
        case 113:
            if rest.number(4, 2) == 6:
                rest.number(6, 6)
            return _cooked(rest.behind(16), rest.number(2, 2), rest.number(14, 2))
        case 219:
            return _mpls(rest)
        case 228:
            return _ipv4(rest)
        case 229:
            return _ipv6(rest)
        case 276:
            return _cooked(rest.behind(20), rest.number(8, 2), rest.number(0, 2))
    return _nothing()


def _ethernet(rest: Rest) -> Inner:
    return _by_length_or_type(rest.number(12, 2), rest.behind(14))


def _by_length_or_type(value: int, rest: Rest) -> Inner:
    if value > 1500:
        return _by_type(value, rest)
    rest = rest.within(value)
    return _nothing() if rest.number(0, 2) == 0xFFFF else _llc(rest)


def _by_type(value: int, rest: Rest) -> Inner:
    match value:
        case 0x0800:
            return _ipv4(rest)
        case 0x86DD:
            return _ipv6(rest)
        case 0x6558:
            return _ethernet(rest)
        case 0x8100 | 0x88A8 | 0x9100:
            return _by_length_or_type(rest.number(2, 2), rest.behind(4))
        case 0x8847 | 0x8848:
            return _mpls(rest)
        case 0x8864:
            return _ppp(rest.behind(6).within(rest.number(4, 2)))
    return _nothing()


def _llc(rest: Rest) -> Inner:
    to, control = rest.number(0, 1), rest.number(2, 1)
    if rest.number(0, 3) == 0xAAAA03:
        return _by_type(rest.number(6, 2), rest.behind(8)) if rest.number(3, 3) in (0, 0xF8) else _nothing()
    informs = control in (0x03, 0x13) or control % 2 == 0
    return _ipv4(rest.behind(3 if control % 4 == 3 else 4)) if to == 6 and informs else _nothing()


def _cooked(rest: Rest, hardware: int, value: int) -> Inner:
    if value > 1500 and hardware != 824:
        return _by_type(value, rest)
    if hardware in (770, 803, 824):
        return _nothing()
    readers = {3: _ethernet, 4: _llc, 7: _ppp}
    return readers[value](rest) if value in readers else _nothing()


def _null(rest: Rest) -> Inner:
    big, little = rest.number(0, 4), int.from_bytes(rest.data[:4], "little")
    if big >> 16 == 0xFF03:
        return _ppp(rest)
    rest = rest.behind(4)
    if little >> 16:
        family = little >> 16 if little >> 16 < 6 else big
    elif little % 256 == 0 and little < 0x600:
        family = little >> 8
    else:
        family = little
    if family > 1500:
        return _by_type(family % 65536, rest)
    if family == 2:
        return _ipv4(rest)
    return _ipv6(rest) if family in (24, 28, 30) else _nothing()


def _ppp(rest: Rest) -> Inner:
    if rest.number(0, 1) == 0xFF:
        rest = rest.behind(2)
    size = 1 if rest.number(0, 1) % 2 else 2
    readers = {0x21: _ipv4, 0x57: _ipv6, 0x281: _mpls, 0x283: _mpls}
    value = rest.number(0, size)
    return readers[value](rest.behind(size)) if value in readers else _nothing()


def _mpls(rest: Rest) -> Inner:
    label, bottom = 0, 0
    while not bottom:
        label, bottom = rest.number(0, 4) >> 12, rest.number(2, 1) % 2
        rest = rest.behind(4)
    return _nothing() if label in (13, 14) else _ip(rest)


# ---------------------------------------------------------------- IP


def _ip(rest: Rest) -> Inner:
    readers = {4: _ipv4, 6: _ipv6}
    version = rest.number(0, 1) >> 4
    return readers[version](rest) if version in readers else _nothing()


def _ipv4(rest: Rest) -> Inner:
    version, words = divmod(rest.number(0, 1), 16)
    length = rest.number(2, 2)
    if version != 4 or words < 5 or 0 < length < 4 * words:
        _nothing()
    if length:
        rest = rest.within(length)
    place = rest.number(6, 2)
    if place & 0x1FFF:
        _nothing()
    protocol = rest.number(9, 1)
    return _behind_ip(protocol, rest._replace(fragment=bool(place & 0x2000), version=4).behind(4 * words))


def _ipv6(rest: Rest) -> Inner:
    if rest.number(0, 1) >> 4 != 6:
        _nothing()
    if rest.number(4, 2):
        rest = rest.within(40 + rest.number(4, 2))
    return _behind_ip(rest.number(6, 1), rest._replace(fragment=False, version=6).behind(40))


def _behind_ip(protocol: int, rest: Rest) -> Inner:
    if protocol == 51:
        return _behind_ip(rest.number(0, 1), rest.behind(4 * rest.number(1, 1) + 8))
    if protocol in (0, 43, 60) and rest.version == 6:
        return _behind_ip(rest.number(0, 1), rest.behind(8 * rest.number(1, 1) + 8))
    if protocol == 44 and rest.version == 6:
        fragment = rest.fragment or bool(rest.number(2, 2) & 0xFFF9)
        return _behind_ip(rest.number(0, 1), rest.behind(8)._replace(fragment=fragment))
    match protocol:
        case 4 | 41:
            return _into("ipip", RAW, rest)
        case 17:
            return _udp(rest)
        case 47:
            return _gre(rest)
    return _nothing()


# ---------------------------------------------------------------- tunnels


def _udp(rest: Rest) -> Inner:
    ports, length = sorted((rest.number(0, 2), rest.number(2, 2))), rest.number(4, 2)
    if length < 8 and (length or rest.version == 4):
        _nothing()
    rest = (rest.within(length) if length else rest).behind(8)
    for port in ports:
        match port:
            case 4789:
                return _into("vxlan", ETHERNET, rest.behind(8))
            case 6081:
                size = 8 + 4 * (rest.number(0, 1) % 64)
                return _by_tunnelled_type("geneve", rest.number(2, 2), rest.behind(size))
            case 2152:
                return _gtp(rest)
    return _nothing()


def _by_tunnelled_type(kind: str, value: int, rest: Rest) -> Inner:
    link_types = {0x0800: RAW, 0x86DD: RAW, 0x6558: ETHERNET, 0x8847: MPLS, 0x8848: MPLS}
    return _into(kind, link_types[value], rest) if value in link_types else _nothing()


def _gtp(rest: Rest) -> Inner:
    if rest.number(0, 1) >> 4 != 3 or rest.number(1, 1) != 255:
        _nothing()
    flags = rest.number(0, 1) % 8
    rest = rest.behind(8).within(rest.number(2, 2))
    if flags:
        following, rest = rest.number(3, 1), rest.behind(4)
        while flags & 4 and following:
            size = 4 * rest.number(0, 1)
            following, rest = (rest.number(size - 1, 1), rest.behind(size)) if size else _nothing()
    return _into("gtp", RAW, rest) if rest.number(0, 1) >> 4 in (4, 6) else _nothing()


def _gre(rest: Rest) -> Inner:
    flags, value = rest.number(0, 2), rest.number(2, 2)
    has_checksum, has_routing, has_key, has_sequence = (bool(flags & bit) for bit in (0x8000, 0x4000, 0x2000, 0x1000))
    acknowledges = value == 0x880B and flags & 0x80 and flags & 7
    size = 4 + 4 * (has_checksum or has_routing) + 4 * has_key + 4 * has_sequence + 4 * bool(acknowledges)
    rest = rest.behind(size)
    if has_routing:
        while rest.number(0, 2) or rest.number(3, 1):
            rest = rest.behind(4 + rest.number(3, 1))
        rest = rest.behind(4)
    if value == 0x880B:
        return _into("gre", PPP, rest)
    if value == 0x22EB or (value == 0x88BE and has_sequence):
        return _erspan(rest)
    return _into("erspan", ETHERNET, rest) if value == 0x88BE else _by_tunnelled_type("gre", value, rest)


def _erspan(rest: Rest) -> Inner:
    version = rest.number(0, 1) >> 4
    if version == 1:
        return _into("erspan", ETHERNET, rest.behind(8))
    if version == 2 and not rest.number(10, 1) & 0x7C:
        return _into("erspan", ETHERNET, rest.behind(20 if rest.number(11, 1) % 2 else 12))
    return _nothing()
