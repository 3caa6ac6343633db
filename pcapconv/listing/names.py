"""Names of addresses, from the capture's own name blocks (pcapng, section "Name Resolution Block").

Strategy: names hold for their section. If the capture can be read twice, a first reading finds those of each section,
so that names that stand behind their packets count, too; of a pipe, names count from where they stand on. A capture may
have any number of names, so only some are kept; a warning tells that there are more.
"""

from __future__ import annotations

from collections.abc import Iterable

from pcapconv.model import Block, Item, Section
from pcapconv.spec import bodies, option_lists, pcapng
from pcapconv.text import shortened, shown

_MOST_BYTES = 2**24  # of names, and of what each takes besides its text
_OVERHEAD = 200
_LONGEST = 255  # characters of a name that is shown
MORE = "there are more names of addresses than are kept; other addresses are shown without names"


class CaptureNames(dict[str, str]):
    """The names of the section that is being read, by the text of their addresses. `is_full` tells that the capture has
    more than are kept."""

    def __init__(self) -> None:
        self.is_full = False
        self._by_section: dict[int, dict[str, str]] = {}
        self._section = self._bytes = 0
        self._surveyed = False

    def survey(self, items: Iterable[Item]) -> None:
        """Find the names of all sections."""
        for item in items:
            self.note(item)
        self.clear()
        self._surveyed = True

    def note(self, item: Item) -> bool:
        """Take the names of a block, or begin a section. Return whether names have changed."""
        match item:
            case Section():
                changed = bool(self)
                self.clear()
                if self._surveyed:
                    self.update(self._by_section.get(item.number, {}))
                else:
                    self._by_section[item.number] = {}
                self._section = item.number
                return changed or bool(self)
            case Block() if item.type == pcapng.NAME_RESOLUTION and not self._surveyed:
                return self._add(item)
        return False

    def _add(self, block: Block) -> bool:
        changed = False
        for record_type, address, names in bodies.name_records(block.body, block.byte_order):
            name = "" if address is None else option_lists.text(next(filter(None, names.split(b"\0")), b""))
            if address is None or not name:
                continue
            self._bytes += _OVERHEAD + len(name)
            if self._bytes > _MOST_BYTES:
                self.is_full = True
                break
            text = bodies.address_text(record_type, address)
            self[text] = self._by_section.setdefault(self._section, {})[text] = shown_name(name)
            changed = True
        return changed


def shown_name(name: str) -> str:
    """A name as lines show it: without control characters and blanks, and not longer than names are."""
    return shown(shortened(name, _LONGEST)).replace(" ", "\\x20")
