"""What an open capture has stated so far, besides its packets: interfaces, names of addresses, secrets.

Strategy: items are kept as they pass, and decoded when somebody asks. A capture may state any amount of them, so only
some bytes of each kind are kept; who asks for more gets an error, not a part.
"""

from __future__ import annotations

from typing import NamedTuple

from pcapconv.errors import FormatError
from pcapconv.model import Block, Interface, Item
from pcapconv.spec import bodies, option_lists, pcapng

_MOST_BYTES = 64 * 2**20  # of each kind
_OVERHEAD = 500  # bytes of memory that each item takes besides its body


class Secrets(NamedTuple):
    """Secrets that decrypt packets (pcapng, section "Decryption Secrets Block").

    * `kind`: `"tls"`, `"ssh"`, `"wireguard"` or `"opcua"`; the type in hex, such as `"0x5a4e574b"`, for any other type.
    * `data`: the secrets; for these kinds, the text of a key log.
    """

    kind: str
    data: bytes

    def __repr__(self) -> str:
        return f"<Secrets {self.kind}, {len(self.data)} bytes>"  # a log of a program should not show them


class CaptureMetadata:
    """The interfaces, names and secrets among the items that were added."""

    def __init__(self) -> None:
        self._interfaces: list[Interface] = []
        self._blocks: dict[int, list[Block]] = {pcapng.NAME_RESOLUTION: [], pcapng.DECRYPTION_SECRETS: []}
        self._bytes = dict.fromkeys((pcapng.INTERFACE_DESCRIPTION, *self._blocks), 0)

    def add(self, item: Item) -> None:
        """Keep an interface, or a block with names or secrets; pass over any other item."""
        if isinstance(item, Interface):
            if self._has_room(pcapng.INTERFACE_DESCRIPTION, len(item.raw or b"")):
                self._interfaces.append(item)
        elif isinstance(item, Block) and item.type in self._blocks and self._has_room(item.type, len(item.body)):
            self._blocks[item.type].append(item)

    def interfaces(self) -> list[Interface]:
        """The interfaces, in the capture's order. Raises FormatError if they are more than are kept."""
        self._check(pcapng.INTERFACE_DESCRIPTION, "interfaces")
        return list(self._interfaces)

    def names(self) -> dict[str, list[str]]:
        """The names of each address, without repetition. Raises FormatError if they are more than are kept."""
        self._check(pcapng.NAME_RESOLUTION, "names")
        found: dict[str, dict[str, None]] = {}
        for block in self._blocks[pcapng.NAME_RESOLUTION]:
            for record_type, address, names in bodies.name_records(block.body, block.byte_order):
                if address is not None:
                    texts = found.setdefault(bodies.address_text(record_type, address), {})
                    texts.update((option_lists.text(name), None) for name in names.split(b"\0") if name)
        return {address: list(texts) for address, texts in found.items()}

    def secrets(self) -> list[Secrets]:
        """The secrets, in the capture's order. Raises FormatError if they are more than are kept."""
        from pcapconv.steps.secrets import KEY_LOG_TYPES

        self._check(pcapng.DECRYPTION_SECRETS, "secrets")
        kinds = {number: kind for kind, number in reversed(KEY_LOG_TYPES.items())}
        blocks = (bodies.secrets(block.body, block.byte_order) for block in self._blocks[pcapng.DECRYPTION_SECRETS])
        return [Secrets(kinds.get(each.type, f"0x{each.type:08x}"), bytes(each.data)) for each in blocks]

    def _has_room(self, kind: int, size: int) -> bool:
        """Count the bytes of an item, and return whether it can be kept."""
        self._bytes[kind] += size + _OVERHEAD
        return self._bytes[kind] <= _MOST_BYTES

    def _check(self, kind: int, named: str) -> None:
        if self._bytes[kind] > _MOST_BYTES:
            raise FormatError(f"the capture has more than {_MOST_BYTES >> 20} MiB of {named}; read them with items()")
