"""The one section that a merge makes: its header, its interfaces, and the blocks that several inputs have alike.

Strategy: the section has the byte order of the first part, and its options; the other parts add their comments. What
another part says of its hardware and operating system goes to its interfaces. Interfaces are compared by the bodies of
the blocks that are written for them. The n-th of equal interfaces in a part is the n-th of these in the section.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Sequence
from hashlib import blake2b

from pcapconv.formats.pcapng_items import parse_interface
from pcapconv.formats.pcapng_writer import interface_body
from pcapconv.merging.inputs import Part
from pcapconv.model import Block, Interface, Section
from pcapconv.spec import option_lists, pcapng
from pcapconv.spec.byte_orders import options_in

_HOST_OPTIONS = {pcapng.SHB_HARDWARE: pcapng.IF_HARDWARE, pcapng.SHB_OS: pcapng.IF_OS}
_MOST_REMEMBERED = 2**18  # blocks of which it is known that an input had them


class OneSection:
    """The section that `parts` are merged into.

    `section` is its header. `interfaces` are those declared so far, at first those that stand before the first packets
    of the parts; `ids_of` has, for each part, the ids that its interfaces have here. `losses` counts by kind what has
    no place here.
    """

    def __init__(self, parts: Sequence[Part], *, separate: bool) -> None:
        """With `separate`, interfaces of different parts are never one."""
        self._separate = separate
        self.losses: Counter[str] = Counter()
        self.interfaces: list[Interface] = []
        self.ids_of: dict[int, list[int]] = {part.rank: [] for part in parts}
        self._ids: dict[tuple[bytes, int], int] = {}  # by the body, and how many equal ones its part had before
        self._alike: dict[int, Counter[bytes]] = defaultdict(Counter)  # by rank: how many interfaces have this body
        self._host_options: dict[int, list[tuple[int, bytes]]] = {}  # by rank: what goes to interfaces
        self._without_place: Counter[int] = Counter()  # by rank: how many of these no interface has
        self._first_to_have: dict[bytes, int] = {}  # digests of blocks → rank
        self._processes: dict[Block, int] = {}
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

    def forget(self, part: Part) -> None:
        """Forget what is only needed while a part is read, and count what its interfaces have no place for."""
        self._alike.pop(part.rank, None)
        self.losses["section-options"] += self._without_place.pop(part.rank, 0)

    def is_repeat(self, part: Part, block: Block) -> bool:
        """Return whether another part has had the same block."""
        digest = blake2b(block.type.to_bytes(4) + block.body, digest_size=16).digest()
        first = self._first_to_have.get(digest)
        if first is None and len(self._first_to_have) < _MOST_REMEMBERED:
            self._first_to_have[digest] = part.rank
        return first not in (None, part.rank)

    @property
    def has_processes(self) -> bool:
        """Whether packets may refer to processes of the section."""
        return bool(self._processes)

    def add_process(self, block: Block) -> tuple[int, bool]:
        """Add a process block of macOS. Return its number, and whether it is new."""
        block = block._replace(section=0, offset=0)
        count = len(self._processes)
        number = self._processes.setdefault(block, count)
        return number, number == count

    def _body(self, part: Part, interface: Interface) -> bytes:
        """The body of the block that is written for an interface of a part."""
        order = self.section.byte_order
        left_out: Counter[str] = Counter()
        options = options_in(order, interface.options, interface.byte_order, pcapng.INTERFACE_DESCRIPTION, left_out)
        self.losses["interface-options"] += left_out.total()
        stated = {option.code for option in option_lists.OptionList(options, order)}
        added = [entry for entry in self._host_options.get(part.rank, ()) if entry[0] not in stated]
        if len(added) == len(self._host_options.get(part.rank, ())):
            self._without_place.pop(part.rank, None)
        reserved = interface.reserved if order == interface.byte_order else interface.reserved[::-1]
        options = option_lists.edit(options, order, add=added)
        return interface_body(interface._replace(byte_order=order, options=options, reserved=reserved))

    def _header(self, parts: Sequence[Part]) -> Section:
        first = parts[0].section
        order = first.byte_order
        of_first = list(option_lists.OptionList(first.options, order))
        known, added = set(of_first), list[tuple[int, bytes]]()
        format_only = Counter(first.format_only)
        for part in parts[1:]:
            section, left_out = part.section, Counter[str]()
            format_only.update(section.format_only)
            options = options_in(order, section.options, section.byte_order, pcapng.SECTION_HEADER, left_out)
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
                    self._without_place[part.rank] += 1
                else:
                    self.losses["section-options"] += 1
        options = option_lists.edit(first.options, order, add=added)
        return Section(0, order, (1, 0), "pcapng", options=options, format_only=format_only, changed=True)
