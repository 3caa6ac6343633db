"""Decoded options by name, as sections, interfaces and packets give them to users of the library.

Strategy: nothing is kept but the raw bytes, which `readable_options` decodes each time. A mapping has one value for
each name, and options may repeat, so `get_all` and `pairs` give the others.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pcapconv.spec import ByteOrder


class Options(Mapping[str, Any]):
    """Options, decoded, by name: `options["if_speed"]` is the value of the first option with this name.

    Names are those of the specification (`if_name`, `epb_flags`, `opt_comment`), or `option` and the code for an option
    without a name. A value is text, a number, a dictionary with the fields of a value that has several, or, if it
    cannot be decoded, bytes. It is a read-only mapping: `in`, `get`, `len` and loops work as for a dictionary.
    """

    __slots__ = ("_block_type", "_byte_order", "_raw")

    def __init__(self, raw: bytes, byte_order: ByteOrder, block_type: int) -> None:
        self._raw = raw
        self._byte_order = byte_order
        self._block_type = block_type

    def pairs(self) -> Iterator[tuple[str, Any]]:
        """Yield the name and the value of each option, in the capture's order, also of those that repeat."""
        if self._raw:
            from pcapconv.spec.readable_options import decode_options  # slow to import

            for option in decode_options(self._raw, self._byte_order, self._block_type):
                yield option["name"], option["value"] if "value" in option else bytes.fromhex(option["raw"])

    def get_all(self, name: str) -> list[Any]:
        """The values of all options with this name, in order; an empty list without such an option."""
        return [value for each, value in self.pairs() if each == name]

    def __getitem__(self, name: str) -> Any:
        for each, value in self.pairs():
            if each == name:
                return value
        raise KeyError(name)

    def __iter__(self) -> Iterator[str]:
        return iter(dict(self.pairs()))

    def __len__(self) -> int:
        return len(dict(self.pairs()))

    def __repr__(self) -> str:
        return f"<Options: {', '.join(f'{name}={value!r}' for name, value in self.pairs()) or 'none'}>"
