"""The builder of the columns with what packets' headers say: numbers as they are, protocols and addresses as texts.

Strategy: the kernel `read_headers` fills the columns that are asked for, once for each batch. Copies of memory collect
numbers, the kernel `copy_addresses` the texts of addresses, and the bits of `present` become nulls. Names of protocols
are made of the different values of a record batch, so that Python works for each of these, and not for each packet.

Texts are plain strings, not dictionaries: a file of Arrow has one dictionary for all its record batches, which would
grow with the capture. `tunnel` and `ended` have few values, which are known, and are dictionaries.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import pyarrow
from pyarrow import compute

from pcapconv.arrow.arrays import array_of, grow, shared
from pcapconv.arrow.builders import Builder, zeros
from pcapconv.header_columns import HeaderColumns
from pcapconv.headers import path_text, protocol_name
from pcapconv.model import PacketBatch
from pcapconv.spec import protocols

_MACS = ("source_mac", "destination_mac")
_IP_ADDRESSES = ("source_address", "destination_address")
_ADDRESSES = (*_MACS, *_IP_ADDRESSES)
_WITH_NETWORK_PROTOCOL = (*_IP_ADDRESSES, "last_protocol")  # which depend on it
_LONGEST_ADDRESS = 39  # bytes of its text
_FACTOR = 2**17  # by which codes of protocols are before network protocols
_NUMBERS = {"B": pyarrow.uint8(), "H": pyarrow.uint16(), "I": pyarrow.uint32()}
_NAMES: Mapping[str, Mapping[int, str]] = {  # of the columns that are dictionaries, by code
    "tunnel": protocols.TUNNEL_NAMES,
    "ended": dict(enumerate(protocols.ENDED_NAMES)),
}


def _type_of(name: str) -> Any:
    if name in _NAMES:
        return pyarrow.dictionary(pyarrow.int8(), pyarrow.string())
    is_text = name in (*_ADDRESSES, "path", "last_protocol")
    return pyarrow.string() if is_text else _NUMBERS[HeaderColumns.FIELDS[name][0]]


TYPES = {name: _type_of(name) for name in HeaderColumns.FIELDS}


class Headers(Builder):
    """Builds the columns of headers; with `inner`, those of the innermost packets of tunnels."""

    def __init__(self, names: Sequence[str], *, inner: bool = False) -> None:
        super().__init__(names)
        more = [] if set(names).isdisjoint(_WITH_NETWORK_PROTOCOL) else ["network_protocol"]
        self._read_names = tuple(dict.fromkeys((*names, *more)))
        self._inner = inner
        self._headers: HeaderColumns | None = None  # of the last batch
        self._begin()

    def _begin(self) -> None:
        self._present = zeros("Q")
        self._values = {name: zeros(*HeaderColumns.FIELDS[name]) for name in self._read_names if name not in _ADDRESSES}
        self._texts = {name: _Texts() for name in self.names if name in _ADDRESSES}

    def append(self, batch: PacketBatch, row: int) -> None:
        """See `Builder.append`."""
        headers = self._headers = batch.headers(*self._read_names, inner=self._inner, into=self._headers)
        _copy(headers.present, self._present, row, batch.rows)
        for name, values in self._values.items():
            width = HeaderColumns.FIELDS[name][1]
            _copy(getattr(headers, name), values, row * width, batch.rows * width)
        for name, texts in self._texts.items():
            grow(texts.texts, texts.end + _LONGEST_ADDRESS * batch.rows)
            texts.end = self.kernels.copy_addresses(
                headers, name, batch.rows, texts.texts, texts.end, texts.offsets, row
            )

    def arrays(self, rows: int) -> dict[str, Any]:
        """See `Builder.arrays`."""
        present = array_of(pyarrow.uint64(), self._present, rows)
        arrays = {name: texts.array(rows, _valid(name, present)) for name, texts in self._texts.items()}
        for name, values in self._values.items():
            typecode, width = HeaderColumns.FIELDS[name]
            kind = _NUMBERS[typecode] if width == 1 else pyarrow.binary(width)
            buffers = [_valid(name, present), shared(values, rows * width)]
            arrays[name] = pyarrow.Array.from_buffers(kind, rows, buffers)
        self._begin()
        for name in self.names:
            if name in _NAMES:
                arrays[name] = _dictionary(arrays[name], _NAMES[name])
            elif name == "last_protocol":
                arrays[name] = _texts_of(_protocol_keys(arrays[name], arrays["network_protocol"]), _protocol_text)
            elif name == "path":
                arrays[name] = _texts_of(arrays[name], path_text)
        return {name: arrays[name] for name in self.names}


class _Texts:
    """Texts as Arrow has them: their bytes one behind the other, and where each of them ends."""

    def __init__(self) -> None:
        self.offsets = array("i", [0]) + zeros("i")
        self.texts = bytearray()
        self.end = 0

    def array(self, rows: int, valid: Any) -> Any:
        """The texts of the first rows as an array of pyarrow."""
        buffers = [valid, shared(self.offsets, rows + 1), shared(self.texts, self.end)]
        return pyarrow.Array.from_buffers(pyarrow.string(), rows, buffers)


def _copy(values: array[int], out: array[int], at: int, count: int) -> None:
    """Copy the first values into `out`."""
    with memoryview(out) as room, memoryview(values) as all_values:
        room[at : at + count] = all_values[:count]


def _valid(name: str, present: Any) -> Any:
    """The bitmap of the packets that have a value in this column; None if all have."""
    has_value = compute.not_equal(compute.bit_wise_and(present, 1 << HeaderColumns.BITS[name]), 0)
    return None if has_value.true_count == len(present) else has_value.buffers()[1]


def _dictionary(codes: Any, names: Mapping[int, str]) -> Any:
    """The names of codes as a dictionary of Arrow. Its codes are 0 where they are null, since Polars reads them there,
    too."""
    places = compute.index_in(codes, value_set=pyarrow.array(names, codes.type)).fill_null(0).cast(pyarrow.int8())
    places = pyarrow.Array.from_buffers(pyarrow.int8(), len(codes), [codes.buffers()[0], places.buffers()[1]])
    return pyarrow.DictionaryArray.from_arrays(places, pyarrow.array(names.values(), pyarrow.string()), safe=False)


def _texts_of(values: Any, text_of: Callable[[Any], str]) -> Any:
    """The texts of values, each different one of which is made once; null where the value is."""
    encoded = values.dictionary_encode()
    texts = [text_of(value) for value in encoded.dictionary.to_pylist()]
    return pyarrow.array(texts, pyarrow.string()).take(encoded.indices)


def _protocol_keys(codes: Any, network_protocols: Any) -> Any:
    """What the names of protocols depend on as one number: the code, and the network protocol plus 1, or 0."""
    numbers = compute.add(network_protocols.cast(pyarrow.uint32()), 1).fill_null(0)
    return compute.add(compute.multiply(codes.cast(pyarrow.uint32()), _FACTOR), numbers)


def _protocol_text(key: int) -> str:
    code, number = divmod(key, _FACTOR)
    return protocol_name(code, number - 1 if number else None)
