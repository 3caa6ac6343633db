"""The one section that a merge makes: its header, its interfaces, and the blocks that several inputs have alike.

Strategy: the section has the byte order of the first part, and its options; the other parts add their comments. What
another part says of its hardware and operating system goes to its interfaces. Interfaces are compared by the bodies of
the blocks that are written for them. The n-th of equal interfaces in a part is the n-th of these in the section, and so
is the n-th of equal names or secrets, whichever part is read first.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from hashlib import blake2b

from pcapconv.formats.pcapng_items import parse_interface
from pcapconv.formats.pcapng_writer import interface_body, interface_in
from pcapconv.merging.inputs import Part
from pcapconv.model import Block, Interface, Section
from pcapconv.spec import option_lists, pcapng
from pcapconv.spec.byte_orders import options_in
from pcapconv.spec.pcap import MICROSECOND, NANOSECOND, NO_LIMIT_SNAPLEN, SNAPLEN_AT

_HOST_OPTIONS = {pcapng.SHB_HARDWARE: pcapng.IF_HARDWARE, pcapng.SHB_OS: pcapng.IF_OS}
_PLAIN_VARIANTS = {variant.name for variant in (MICROSECOND, NANOSECOND)}
_MOST_REMEMBERED = 2**18  # different blocks of the section and of the parts that are open


class MergedSection:
    """The section that `parts` are merged into.

    `section` is its header. `interfaces` are those declared so far, at first those before the first packets of the
    parts; `ids_of` has, for each part, the ids that its interfaces have here. `has_one_part` is whether nothing is to
    be merged. `losses` counts by kind what has no place here. `fractions` is as for `Source`.
    """

    def __init__(self, parts: Sequence[Part], *, separate: bool, to_pcap: bool) -> None:
        """With `separate`, interfaces of different parts are never one. `to_pcap` is whether the output is pcap."""
        self._separate = separate
        self.losses: Counter[str] = Counter()
        self.has_one_part = len(parts) == 1
        self.interfaces: list[Interface] = []
        self.ids_of: dict[int, list[int]] = {part.rank: [] for part in parts}
        self._ids: dict[tuple[bytes, int], int] = {}  # by the body, and how many equal ones its part had before
        self._alike: dict[int, Counter[bytes]] = defaultdict(Counter)  # by rank: how many interfaces have this body
        self._host_options: dict[int, list[tuple[int, bytes]]] = {}  # by rank: what goes to interfaces
        self._without_place: dict[int, set[tuple[int, bytes]]] = {}  # by rank: those of them that no interface has
        self._blocks: dict[bytes, int] = {}  # digests → how many of these blocks the section has
        self._blocks_of: dict[int, Counter[bytes]] = {}  # by rank: digests → how many of these blocks the part had
        self._remembered = 0  # digests in all of them
        self._processes: dict[bytes, int] = {}  # digests of blocks → number
        self.fractions = parts[0].source.fractions
        if _have_one_pcap_header(parts, to_pcap=to_pcap) and not separate:
            self._take_over_pcap_header(parts)
            return
        self.section = self._header(parts)
        for part in parts:
            for interface in part.interfaces:
                self.add_interface(part, interface)

    def add_interface(self, part: Part, interface: Interface) -> Interface | None:
        """Add the next interface of a part. Return the new interface of the section; None if the section has it
        already."""
        body = self._body(part, interface)
        alike = self._alike[part.rank]
        key = body, alike[body]
        alike[body] += 1
        new_id = None if self._separate else self._ids.get(key)
        if new_id is not None:
            self.ids_of[part.rank].append(new_id)
            return None
        new_id = self._ids[key] = len(self.interfaces)
        self.ids_of[part.rank].append(new_id)
        new = parse_interface(body, self.section.byte_order, 0, new_id)
        new = new._replace(raw=None, time_error=interface.time_error)
        self.interfaces.append(new)
        return new

    def second_before(self, parts: Sequence[Part]) -> int:
        """The second, since 1970, before that of the earliest first packet of these parts, or of 1970 if there is
        none."""
        seconds = []
        for part in parts:
            if part.first is None:  # any time may follow
                seconds += [0, *(interface.time_offset for interface in part.interfaces)]
            else:
                ticks, interface_id = part.first
                per_second, offset = part.interfaces[interface_id].time_unit or (1, 0)
                seconds.append(ticks // per_second + offset)
        return min(seconds, default=0) - 1

    def forget(self, part: Part) -> None:
        """Forget what is only needed while a part is read, and count what its interfaces have no place for."""
        self._alike.pop(part.rank, None)
        self._remembered -= len(self._blocks_of.pop(part.rank, ()))
        self.losses["section-options"] += len(self._without_place.pop(part.rank, ()))

    def is_repeat(self, part: Part, block: Block) -> bool:
        """Note that a part has a block. Return whether the section has it from another part: the n-th of equal blocks
        in a part is the n-th of these in the section. If there are too many to remember, all equal ones are one, or
        none are."""
        if self.has_one_part:
            return False
        digest, of_part = _digest(block), self._blocks_of.setdefault(part.rank, Counter())
        if digest not in of_part:
            new = 1 if digest in self._blocks else 2
            if self._remembered + new > _MOST_REMEMBERED:
                return digest in self._blocks
            self._remembered += new
        of_part[digest] += 1
        if of_part[digest] <= self._blocks.get(digest, 0):
            return True
        self._blocks[digest] = of_part[digest]
        return False

    def add_process(self, block: Block) -> tuple[int, bool]:
        """Add a process block of macOS. Return its number, and whether it is new."""
        count = len(self._processes)
        number = self._processes.setdefault(_digest(block), count)
        return number, number == count

    def _body(self, part: Part, interface: Interface) -> bytes:
        """The body of the block that is written for an interface of a part."""
        order = self.section.byte_order
        left_out: Counter[str] = Counter()
        interface = interface_in(order, interface, left_out)
        self.losses["interface-options"] += left_out.total()
        stated = {option.code for option in option_lists.OptionList(interface.raw_options, order)}
        added = [entry for entry in self._host_options.get(part.rank, ()) if entry[0] not in stated]
        options = option_lists.edit(interface.raw_options, order, add=added)
        if part.rank in self._without_place:
            self._without_place[part.rank].difference_update(option_lists.OptionList(options, order))
        return interface_body(interface._replace(raw_options=options))

    def _take_over_pcap_header(self, parts: Sequence[Part]) -> None:
        """Take over the header that all parts, which are pcap files, have, with their largest snaplen."""
        first = parts[0].section
        assert first.raw is not None
        snaplens = [part.interfaces[0].snaplen for part in parts]
        snaplen = snaplens[0]
        if any(each != snaplen for each in snaplens):
            snaplen = max(snaplens) if all(snaplens) else NO_LIMIT_SNAPLEN
        raw = first.raw[:SNAPLEN_AT] + snaplen.to_bytes(4, first.byte_order) + first.raw[SNAPLEN_AT + 4 :]
        self.section = first._replace(raw=raw, changed=True)
        self.interfaces.append(parts[0].interfaces[0]._replace(snaplen=snaplen))
        for ids in self.ids_of.values():
            ids.append(0)

    def _header(self, parts: Sequence[Part]) -> Section:
        first = parts[0].section
        order = first.byte_order
        of_first = list(option_lists.OptionList(first.raw_options, order))
        known, added = set(of_first), list[tuple[int, bytes]]()
        format_only = Counter(first.format_only)
        for part in parts[1:]:
            section, left_out = part.section, Counter[str]()
            format_only.update(section.format_only)
            options = options_in(order, section.raw_options, section.byte_order, pcapng.SECTION_HEADER, left_out)
            self.losses["section-options"] += left_out["unknown"]
            for option in option_lists.OptionList(options, order):
                if option in known:
                    continue
                if option.code in pcapng.OPTIONS_OF_ANY:
                    known.add(option)
                    added.append(option)
                elif option.code in _HOST_OPTIONS:
                    entry = _HOST_OPTIONS[option.code], option.value
                    self._host_options.setdefault(part.rank, []).append(entry)
                    self._without_place.setdefault(part.rank, set()).add(entry)
                else:
                    self.losses["section-options"] += 1
        options = option_lists.edit(first.raw_options, order, add=added)
        return Section(0, order, (1, 0), "pcapng", raw_options=options, format_only=format_only, changed=True)


def _digest(block: Block) -> bytes:
    return blake2b(block.type.to_bytes(4) + block.body, digest_size=16).digest()


def _have_one_pcap_header(parts: Sequence[Part], *, to_pcap: bool) -> bool:
    """Whether all parts are pcap files with the same header, and with records that say nothing else. Snaplens may
    differ if the output is pcap, which has one."""
    first = parts[0].section.raw
    if first is None or parts[0].section.variant not in _PLAIN_VARIANTS:
        return False
    after = SNAPLEN_AT if to_pcap else SNAPLEN_AT + 4
    return all(
        part.format == "pcap"
        and part.section.variant == parts[0].section.variant
        and part.section.raw is not None
        and part.section.raw[:after] == first[:after]
        and part.section.raw[SNAPLEN_AT + 4 :] == first[SNAPLEN_AT + 4 :]
        for part in parts
    )
