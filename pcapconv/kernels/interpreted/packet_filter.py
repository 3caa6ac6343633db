"""The interpreted kernel `Filter`: programs of the classic BSD packet filter."""

from __future__ import annotations

import operator
from array import array
from typing import TYPE_CHECKING

from pcapconv.kernels.contract import FILTER_MEMORY
from pcapconv.kernels.interpreted.checks import check_columns, check_table

if TYPE_CHECKING:
    from collections.abc import Callable

    from pcapconv.columns import Columns

_MAX_UINT32 = 2**32 - 1
# Instructions of classic BPF.
_LOAD_WORD, _LOAD_HALF, _LOAD_BYTE, _LOAD_CONSTANT, _LOAD_LENGTH, _LOAD_MEMORY = 0x20, 0x28, 0x30, 0x00, 0x80, 0x60
_LOAD_WORD_AT_X, _LOAD_HALF_AT_X, _LOAD_BYTE_AT_X = 0x40, 0x48, 0x50
_X_FROM_CONSTANT, _X_FROM_LENGTH, _X_FROM_MEMORY, _X_FROM_HEADER = 0x01, 0x81, 0x61, 0xB1
_STORE, _STORE_X, _COPY_TO_X, _COPY_FROM_X, _NEGATE = 0x02, 0x03, 0x07, 0x87, 0x84
_JUMP, _RETURN, _RETURN_A, _DIVIDE, _MODULO = 0x05, 0x06, 0x16, 0x34, 0x94
_WITH_X = 0x08  # added to a calculation or comparison: X is its operand, not the constant
_SIZES = {_LOAD_WORD: 4, _LOAD_HALF: 2, _LOAD_BYTE: 1, _LOAD_WORD_AT_X: 4, _LOAD_HALF_AT_X: 2, _LOAD_BYTE_AT_X: 1}
_CALCULATIONS: dict[int, Callable[[int, int], int]] = {
    0x04: operator.add,
    0x14: operator.sub,
    0x24: operator.mul,
    _DIVIDE: operator.floordiv,
    0x44: operator.or_,
    0x54: operator.and_,
    0x64: lambda a, b: a << b if b < 32 else 0,
    0x74: lambda a, b: a >> b if b < 32 else 0,
    _MODULO: operator.mod,
    0xA4: operator.xor,
}
_COMPARISONS: dict[int, Callable[[int, int], int]] = {
    0x15: operator.eq,
    0x25: operator.gt,
    0x35: operator.ge,
    0x45: operator.and_,
}
_OTHER_INSTRUCTIONS = {
    *(_LOAD_CONSTANT, _LOAD_LENGTH, _LOAD_MEMORY, _X_FROM_CONSTANT, _X_FROM_LENGTH, _X_FROM_MEMORY, _X_FROM_HEADER),
    *(_STORE, _STORE_X, _COPY_TO_X, _COPY_FROM_X, _NEGATE, _JUMP, _RETURN, _RETURN_A),
}
_Instruction = tuple[int, int, int, int]  # code, how many to skip if true, how many if false, constant


class Filter:
    """Runs programs of the classic BSD packet filter, as libpcap compiles them, over the rows of batches.

    An instruction is a number of 64 bits: code << 48 | jt << 40 | jf << 32 | k. The accumulator A, the index X and the
    memory of FILTER_MEMORY words begin as 0, and hold 32 bits. Words and half-words of packets are big-endian.
    """

    def __init__(self) -> None:
        self._programs: list[list[_Instruction]] = []

    def add(self, program: array[int]) -> int:
        """Add a program, and return its number, from 1. Raises ValueError if the program is not sound: it would leave
        itself or its memory, divide by a constant 0, has an unknown instruction, or does not end with a return.

        A jump without a condition may go back, as `protochain` needs it. For one packet, a program goes back as many
        times as the packet has bytes; then it does not match.
        """
        check_table(program, 0)
        instructions = [(word >> 48, word >> 40 & 0xFF, word >> 32 & 0xFF, word & _MAX_UINT32) for word in program]
        for index, instruction in enumerate(instructions):
            if not _is_sound(instruction, len(instructions) - index - 1, index):
                raise ValueError(f"instruction {index} of the program is not sound")
        if not instructions or instructions[-1][0] not in (_RETURN, _RETURN_A):
            raise ValueError("the program does not end with a return")
        self._programs.append(instructions)
        return len(self._programs)

    def clear_rows(
        self,
        buffer: bytes | bytearray,
        columns: Columns,
        first: int,
        stop: int,
        numbers: array[int],
        mask: bytearray,
    ) -> int:
        """Set to 0 the mask of the rows that their interface's program rejects. Rows whose mask is 0 are passed over.
        `numbers` has the number of the program for each interface, 0 for none. Returns the first row whose interface
        has no program, otherwise `stop`."""
        check_columns(columns, stop)
        check_table(numbers, 0)
        if not 0 <= first <= stop:
            raise ValueError(f"rows {first} to {stop}")
        if len(mask) < stop:
            raise ValueError(f"a mask of fewer than {stop} rows")
        for row in range(first, stop):
            if not mask[row]:
                continue
            interface, at, captured = columns.interface[row], columns.data_at[row], columns.captured_length[row]
            if interface >= len(numbers) or numbers[interface] > len(self._programs):
                raise ValueError(f"row {row} names an interface or a program that is not there")
            if not numbers[interface]:
                return row
            if not 0 <= at <= len(buffer) - captured:
                raise ValueError(f"row {row} lies outside its buffer")
            packet = memoryview(buffer)[at : at + captured]
            if not _run(self._programs[numbers[interface] - 1], packet, columns.original_length[row]):
                mask[row] = 0
        return stop


def _is_sound(instruction: _Instruction, behind: int, before: int) -> bool:
    """Return whether an instruction can be run. `behind` and `before` are how many instructions of the program come
    behind it and before it."""
    code, jump_true, jump_false, constant = instruction
    if code & ~_WITH_X in _COMPARISONS:
        return jump_true < behind and jump_false < behind
    if code == _JUMP:
        return constant < behind or 1 < 2**32 - constant <= before + 1
    if code in (_LOAD_MEMORY, _X_FROM_MEMORY, _STORE, _STORE_X):
        return constant < FILTER_MEMORY
    if code in (_DIVIDE, _MODULO):
        return constant != 0
    return code in _SIZES or code & ~_WITH_X in _CALCULATIONS or code in _OTHER_INSTRUCTIONS


def _run(program: list[_Instruction], packet: memoryview, original_length: int) -> int:  # noqa: C901 - one loop
    """Run a program on a packet, and return what it returns: 0 if the packet does not match."""
    a = x = index = jumps_back = 0
    memory = [0] * FILTER_MEMORY
    while True:
        code, jump_true, jump_false, constant = program[index]
        index += 1
        if code in _SIZES:
            at = constant + (x if code >= _LOAD_WORD_AT_X else 0)
            if at + _SIZES[code] > len(packet):
                return 0
            a = int.from_bytes(packet[at : at + _SIZES[code]], "big")
        elif code & ~_WITH_X in _COMPARISONS:
            other = x if code & _WITH_X else constant
            index += jump_true if _COMPARISONS[code & ~_WITH_X](a, other) else jump_false
        elif code & ~_WITH_X in _CALCULATIONS:
            other, code = x if code & _WITH_X else constant, code & ~_WITH_X
            if not other and code in (_DIVIDE, _MODULO):
                return 0
            a = _CALCULATIONS[code](a, other) & _MAX_UINT32
        elif code == _JUMP:
            if constant >= 2**31:
                if jumps_back == len(packet):
                    return 0
                jumps_back += 1
                constant -= 2**32
            index += constant
        elif code in (_RETURN, _RETURN_A):
            return constant if code == _RETURN else a
        elif code == _LOAD_CONSTANT:
            a = constant
        elif code == _LOAD_LENGTH:
            a = original_length
        elif code == _LOAD_MEMORY:
            a = memory[constant]
        elif code == _X_FROM_CONSTANT:
            x = constant
        elif code == _X_FROM_LENGTH:
            x = original_length
        elif code == _X_FROM_MEMORY:
            x = memory[constant]
        elif code == _X_FROM_HEADER:  # the length of an IPv4 header
            if constant >= len(packet):
                return 0
            x = (packet[constant] & 15) << 2
        elif code == _STORE:
            memory[constant] = a
        elif code == _STORE_X:
            memory[constant] = x
        elif code == _COPY_TO_X:
            x = a
        elif code == _COPY_FROM_X:
            a = x
        else:
            a = -a & _MAX_UINT32
