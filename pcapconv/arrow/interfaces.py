"""The builder of the columns with what interfaces state: their names and link types.

Strategy: each interface of a section has a code, which the kernel `look_up` writes for all rows of a batch. The code of
a name is its place in a dictionary of Arrow, which only grows, so that arrays that were made before stay valid. It
begins anew if it becomes large: a capture may have any number of names. Interfaces without packets are not in it.
"""

from __future__ import annotations

from array import array
from collections.abc import Sequence
from typing import Any

import pyarrow
import pyarrow.compute

from pcapconv.arrow.arrays import array_of
from pcapconv.arrow.builders import MOST_ROWS, Builder
from pcapconv.errors import TargetError
from pcapconv.model import Interface, PacketBatch
from pcapconv.wording import argument

_MOST_NAMES = 2**20  # bytes of names, and of what each takes besides its text
_MOST_TEXT = 2**26  # bytes of names at which a table is refused, since a record batch has them all in memory
_OVERHEAD = 100
TYPES = {"interface": pyarrow.dictionary(pyarrow.int32(), pyarrow.string()), "link_type": pyarrow.int32()}


class InterfaceNames:
    """The different names of interfaces, each with its code; -1 for an interface without a name.

    If `never_empty`, the array has an empty name when it would have none: pyarrow can add names to those of a file, but
    not to none.
    """

    never_empty = False

    def __init__(self) -> None:
        self._codes: dict[str | None, int] = {None: -1}
        self._array: Any = None
        self.size = 0

    def code(self, name: str | None) -> int:
        """Return the code of a name, which is added if it is new."""
        code = self._codes.get(name)
        if code is None:
            self._codes[name] = code = len(self._codes) - 1
            self._array = None
            self.size += _OVERHEAD + len(name or "")
        return code

    def __len__(self) -> int:
        return len(self._codes) - 1

    @property
    def array(self) -> Any:
        """The names as an array of pyarrow, by code."""
        if self.never_empty and not len(self):
            self.code("")
        if self._array is None:
            self._array = pyarrow.array(list(self._codes)[1:], pyarrow.string())
        return self._array


class Interfaces(Builder):
    """Builds the names and the link types. If the caller gives `interface_names`, they never begin anew."""

    def __init__(self, names: Sequence[str], interface_names: InterfaceNames | None = None) -> None:
        super().__init__(names)
        self._keeps_names = interface_names is not None
        self._interface_names = InterfaceNames() if interface_names is None else interface_names
        self._interfaces: list[Interface] | None = None  # of the section of the last batch
        self._begin()

    def _begin(self) -> None:
        if not self._keeps_names and self._interface_names.size > _MOST_NAMES:
            self._interface_names, self._interfaces = InterfaceNames(), None
        self._columns = {name: array("i", bytes(4 * MOST_ROWS)) for name in self.names}

    def rows_with_room(self, batch: PacketBatch, first: int, stop: int, row: int) -> int:
        """See `Builder.rows_with_room`."""
        is_full = self._interface_names.size > _MOST_NAMES and not self._keeps_names
        return first if is_full and row and self._interfaces is not batch.interfaces else stop

    def append(self, batch: PacketBatch, row: int) -> None:
        """See `Builder.append`. Raises TargetError if the names are more than a table holds."""
        if self._interfaces is not batch.interfaces:
            self._interfaces = batch.interfaces
            self._codes = {name: array("i") for name in self.names}
            self._named = set[int]()  # the interfaces whose names have codes
        for name, codes in self._codes.items():
            met = len(codes)
            if name == "link_type":
                codes.extend(each.link_type for each in batch.interfaces[met:])
            else:
                codes.extend([-1] * (len(batch.interfaces) - met))
                self._code_names(batch, codes)
            self.kernels.look_up(batch.columns, batch.rows, codes, self._columns[name], row)

    def _code_names(self, batch: PacketBatch, codes: array[int]) -> None:
        if len(self._named) == len(codes):
            return
        for number in sorted(set(batch.columns.interface[: batch.rows]) - self._named):
            codes[number] = self._interface_names.code(batch.interfaces[number].name)
            self._named.add(number)
            if self._interface_names.size > _MOST_TEXT:
                raise TargetError(
                    f"packet {batch.number(0)}: the names of interfaces have more than {_MOST_TEXT >> 20} MiB, "
                    f"which is more than a table holds; {argument('columns')} can leave the column interface out",
                    packet_number=batch.number(0),
                )

    def arrays(self, rows: int) -> dict[str, Any]:
        """See `Builder.arrays`."""
        columns, names = self._columns, self._interface_names
        self._begin()
        arrays = {name: array_of(pyarrow.int32(), values, rows) for name, values in columns.items()}
        if "interface" in arrays:
            has_name = pyarrow.compute.greater_equal(arrays["interface"], 0)
            zero = pyarrow.scalar(0, pyarrow.int32())  # since Polars reads a code also where it is null
            codes = pyarrow.compute.if_else(has_name, arrays["interface"], zero)
            buffers = [has_name.buffers()[1], codes.buffers()[1]]
            codes = pyarrow.Array.from_buffers(pyarrow.int32(), rows, buffers)
            arrays["interface"] = pyarrow.DictionaryArray.from_arrays(codes, names.array, safe=False)
        return arrays
