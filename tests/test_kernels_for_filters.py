"""The kernel `Filter`: programs that are not sound, what instructions do, and libpcap's own interpreter as judge."""

from array import array
from types import ModuleType
from typing import Any

import bpf
import pytest
from bpf import CALCULATIONS, COMPARISONS, JUMP, LOADS, RETURN, RETURN_A, Instruction, packed
from hypothesis import given, settings
from hypothesis import strategies as st
from kernel_rows import BUFFER, MOST, WORDS, column, packet_rows, run_kernel, table, with_rows

from pcapconv.kernels import interpreted
from pcapconv.kernels.contract import FILTER_MEMORY
from pcapconv.model import Columns

ACCEPT, REJECT = (RETURN, 0, 0, 1), (RETURN, 0, 0, 0)
PACKET = bytes([0x45, 0xFF, 0x80, 0x01, 0xFE, 0xDC, 0xBA, 0x98])


def run(kernels: ModuleType, program: list[Instruction], data: bytes = PACKET, original: int | None = None) -> bool:
    """Whether a packet matches, in a buffer that ends with it."""
    machine = kernels.Filter()
    number = machine.add(packed(program))
    length = len(data) if original is None else original
    columns = with_rows(1, data_at=[3], captured_length=[len(data)], original_length=[length])
    mask = bytearray(b"\1")
    assert machine.clear_rows(b"abc" + data, columns, 0, 1, table(number), mask) == 1
    return mask == b"\1"


def returned(*program: Instruction) -> list[Instruction]:
    """A program that accepts a packet if A is 7 at its end."""
    return [*program, (0x15, 0, 1, 7), ACCEPT, REJECT]


# ---------------------------------------------------------------- programs


@pytest.mark.parametrize(
    ("program", "wrong"),
    [
        ([(0x15, 1, 0, 0), ACCEPT], 0),
        ([(0x15, 0, 1, 0), ACCEPT], 0),
        ([ACCEPT, (0x15, 255, 0, 0), ACCEPT], 1),
        ([(JUMP, 0, 0, 1), ACCEPT], 0),
        ([(JUMP, 0, 0, 2**31), ACCEPT], 0),
        ([(JUMP, 0, 0, MOST), ACCEPT], 0),  # to itself
        ([ACCEPT, (JUMP, 0, 0, MOST - 2), ACCEPT], 1),  # to the instruction before the first
        *(([(code, 0, 0, FILTER_MEMORY), ACCEPT], 0) for code in bpf.WITH_MEMORY),
        ([ACCEPT, (0x34, 0, 0, 0), ACCEPT], 1),
        ([(0x94, 0, 0, 0), ACCEPT], 0),
        ([(0x15, 0, 0, 0)], 0),
        ([(0x0E, 0, 0, 0), ACCEPT], 0),
        ([(0xFFFF, 0, 0, 0), ACCEPT], 0),
    ],
)
def test_unsound_programs_are_refused(kernels: ModuleType, program: list[Instruction], wrong: int) -> None:
    with pytest.raises(ValueError, match=f"^instruction {wrong} of the program is not sound$"):
        kernels.Filter().add(packed(program))


@pytest.mark.parametrize("program", [[], [(0, 0, 0, 1)], [ACCEPT, (JUMP, 0, 0, MOST - 1)]])
def test_a_program_ends_with_a_return(kernels: ModuleType, program: list[Instruction]) -> None:
    with pytest.raises(ValueError, match="the program does not end with a return"):
        kernels.Filter().add(packed(program))


def test_each_code_is_an_instruction_or_refused(kernels: ModuleType) -> None:
    sound = set[int]()
    for code in range(2**16):
        try:
            kernels.Filter().add(packed([(code, 0, 0, 1), ACCEPT, ACCEPT]))
        except ValueError:
            continue
        sound.add(code)
    assert sound == bpf.ALL


def test_a_program_is_an_array_of_unsigned_numbers(kernels: ModuleType) -> None:
    with pytest.raises(ValueError, match="64-bit values"):
        kernels.Filter().add(array("q", [RETURN << 48]))


def test_programs_are_numbered_and_keep_their_place(kernels: ModuleType) -> None:
    machine = kernels.Filter()
    programs = [packed([REJECT]), packed([(0x80, 0, 0, 0), *returned()]), packed([ACCEPT])]
    assert [machine.add(program) for program in programs] == [1, 2, 3]
    programs[2][0] = RETURN << 48  # what was added stays as it was
    columns = with_rows(4, interface=[0, 1, 1, 2], original_length=[1, 7, 8, 1])
    mask = bytearray(b"\1\1\1\1")
    assert machine.clear_rows(b"", columns, 0, 4, table(1, 2, 3), mask) == 4
    assert mask == b"\0\1\0\1"


# ---------------------------------------------------------------- instructions


@pytest.mark.parametrize(
    ("code", "constant", "x", "loaded"),
    [
        (0x20, 0, 0, 0x45FF8001),
        (0x20, 4, 0, 0xFEDCBA98),
        (0x20, 5, 0, None),
        (0x20, MOST, 0, None),
        (0x28, 6, 0, 0xBA98),
        (0x28, 7, 0, None),
        (0x30, 7, 0, 0x98),
        (0x30, 8, 0, None),
        (0x40, 1, 3, 0xFEDCBA98),
        (0x40, 2, 3, None),
        (0x40, 2, MOST, None),  # no sum wraps
        (0x48, MOST, 3, None),
        (0x48, 0, 6, 0xBA98),
        (0x50, 4, 3, 0x98),
        (0x50, MOST, 1, None),
        (0x50, MOST, MOST, None),
    ],
)
def test_what_is_loaded(kernels: ModuleType, code: int, constant: int, x: int, loaded: int | None) -> None:
    """The packet's bytes; a packet that does not have them does not match."""
    program = [(0x01, 0, 0, x), (code, 0, 0, constant), (0x15, 0, 1, loaded or 0), ACCEPT, REJECT]
    assert run(kernels, program) == (loaded is not None)


@pytest.mark.parametrize("constant", [0, 7, 8, MOST])
def test_the_length_of_a_header(kernels: ModuleType, constant: int) -> None:
    found = constant < 8
    program = [(0xB1, 0, 0, constant), (0x87, 0, 0, 0), (0x15, 0, 1, {0: 20, 7: 32}.get(constant, 0)), ACCEPT, REJECT]
    assert run(kernels, program) == found


CALCULATED = [
    *((0x04, MOST, 8, 7), (0x14, 1, MOST - 5, 7), (0x24, 2**31 + 7, 2**32 - 1, None), (0x24, 7, 1, 7)),
    *((0x34, 15, 2, 7), (0x94, 17, 10, 7), (0x54, 15, 0xF7, 7), (0x44, 3, 4, 7), (0xA4, 2**31, 2**31 + 7, 7)),
    *((0x64, 7, 0, 7), (0x64, 7, 32, None), (0x74, 7 << 29, 29, 7), (0x74, 7, 32, None), (0x74, 7, MOST, None)),
]


@pytest.mark.parametrize(("code", "a", "operand", "result"), CALCULATED)
@pytest.mark.parametrize("with_x", [False, True])
def test_calculations(kernels: ModuleType, code: int, a: int, operand: int, result: int | None, with_x: bool) -> None:
    calculation = (code | 8, 0, 0, 99) if with_x else (code, 0, 0, operand)
    program = returned((0x00, 0, 0, a), (0x01, 0, 0, operand), calculation)
    assert run(kernels, program) == (result == 7)


@pytest.mark.parametrize("code", [0x3C, 0x9C])
def test_a_division_by_0_rejects(kernels: ModuleType, code: int) -> None:
    assert not run(kernels, [(code, 0, 0, 0), ACCEPT])


@pytest.mark.parametrize(
    ("code", "a", "operand", "holds"),
    [
        *((0x15, 7, 7, True), (0x15, 7, 8, False), (0x25, 7, 7, False), (0x25, MOST, 7, True)),
        *((0x35, 7, 7, True), (0x35, 6, 7, False), (0x45, 6, 3, True), (0x45, 4, 3, False)),
    ],
)
@pytest.mark.parametrize("with_x", [False, True])
def test_comparisons(kernels: ModuleType, code: int, a: int, operand: int, holds: bool, with_x: bool) -> None:
    comparison = (code | 8, 1, 0, 99) if with_x else (code, 1, 0, operand)
    assert run(kernels, [(0, 0, 0, a), (1, 0, 0, operand), comparison, REJECT, ACCEPT]) == holds


def test_memory_lengths_and_moves(kernels: ModuleType) -> None:
    assert run(kernels, returned((0x80, 0, 0, 0)), original=7)
    assert run(kernels, returned((0x81, 0, 0, 0), (0x87, 0, 0, 0)), original=7)
    assert run(kernels, returned((0, 0, 0, 7), (0x02, 0, 0, 15), (0, 0, 0, 1), (0x60, 0, 0, 15)))
    assert run(kernels, returned((1, 0, 0, 7), (0x03, 0, 0, 0), (1, 0, 0, 1), (0x61, 0, 0, 0), (0x87, 0, 0, 0)))
    assert run(kernels, returned((0, 0, 0, 7), (0x07, 0, 0, 0), (0, 0, 0, 1), (0x87, 0, 0, 0)))
    assert run(kernels, returned((0, 0, 0, MOST - 6), (0x84, 0, 0, 0)))
    assert run(kernels, [(0, 0, 0, 1), (RETURN_A, 0, 0, 0)])
    assert not run(kernels, [(RETURN_A, 0, 0, 0)])
    assert not run(kernels, [(0x60, 0, 0, 3), (RETURN_A, 0, 0, 0)])  # memory begins as zeros
    assert run(kernels, [(JUMP, 0, 0, 1), REJECT, ACCEPT])


def test_a_program_that_goes_back_for_ever_rejects(kernels: ModuleType) -> None:
    assert not run(kernels, [(0, 0, 0, 0), (JUMP, 0, 0, MOST - 1), ACCEPT])
    counted = [(0x04, 0, 0, 1), (0x15, 1, 0, 9), (JUMP, 0, 0, MOST - 2), ACCEPT]  # back until A is 9
    assert run(kernels, counted)
    assert not run(kernels, counted, PACKET[:7])


# ---------------------------------------------------------------- rows


def test_rows_without_a_program_stop_the_kernel(kernels: ModuleType) -> None:
    machine = kernels.Filter()
    number = machine.add(packed([REJECT]))
    columns, mask = with_rows(4, interface=[0, 1, 1, 0]), bytearray(b"\1\0\1\1")
    numbers = table(number, 0)
    assert machine.clear_rows(b"", columns, 0, 4, numbers, mask) == 2
    assert mask == b"\0\0\1\1"
    numbers[1] = number
    assert machine.clear_rows(b"", columns, 2, 3, numbers, mask) == 3
    assert mask == b"\0\0\0\1"


def test_what_is_not_there_is_refused(kernels: ModuleType) -> None:
    machine = kernels.Filter()
    machine.add(packed([ACCEPT]))
    one = with_rows(1, data_at=[60], captured_length=[5])
    with pytest.raises(ValueError, match="row 0 lies outside its buffer"):
        machine.clear_rows(BUFFER, one, 0, 1, table(1), bytearray(b"\1"))
    assert machine.clear_rows(BUFFER, one, 0, 1, table(1), bytearray(1)) == 1  # is not looked at
    for numbers in (table(), table(2)):
        with pytest.raises(ValueError, match="row 0 names an interface or a program that is not there"):
            machine.clear_rows(BUFFER, one, 0, 1, numbers, bytearray(b"\1"))
    with pytest.raises(ValueError, match="a mask of fewer than 1 rows"):
        machine.clear_rows(BUFFER, one, 0, 1, table(1), bytearray())
    for first, stop in ((-1, 1), (1, 0)):
        with pytest.raises(ValueError, match=f"rows {first} to {stop}"):
            machine.clear_rows(BUFFER, one, first, stop, table(1), bytearray(1))


# ---------------------------------------------------------------- any program, any packet

CONSTANTS = st.one_of(WORDS, st.integers(0, 12), st.sampled_from([31, 32, 33, MOST]))


@st.composite
def instructions(draw: st.DrawFn, behind: int, *, sound: bool) -> Instruction:
    """An instruction, `behind` of which there are others; if it is to be `sound`, one that libpcap runs, too."""
    code = draw(st.sampled_from(sorted(bpf.ALL))) if sound else draw(st.integers(0, 0xBF))
    if draw(st.integers(0, 2)):
        code = draw(st.sampled_from(LOADS + CALCULATIONS + COMPARISONS + bpf.WITH_MEMORY))
    constant = draw(CONSTANTS)
    jumps = st.integers(0, max(0, behind - 1)) if sound else st.one_of(st.integers(0, behind + 1), st.just(255))
    if sound:
        if code in bpf.WITH_MEMORY:
            constant %= FILTER_MEMORY
        elif code == JUMP:
            constant = draw(jumps)
        elif code in (0x34, 0x94):
            constant = constant or 1
        elif code in (0x64, 0x74):  # of a larger shift, libpcap's versions think differently
            constant %= 32
    return code, draw(jumps), draw(jumps), constant


@st.composite
def programs(draw: st.DrawFn, *, sound: bool = True) -> list[Instruction]:
    """A program; a sound one sets its memory first, since libpcap's begins with anything."""
    size = draw(st.integers(0, 14))
    end = (draw(st.sampled_from([RETURN, RETURN_A])), 0, 0, draw(st.integers(0, 1)))
    body = [draw(instructions(size - index, sound=sound)) for index in range(size)]
    if not sound:
        return [*body, *([end] * draw(st.integers(0, 1)))]
    return [*((0x02, 0, 0, index) for index in range(FILTER_MEMORY)), *body, end]


@settings(max_examples=400)
@given(program=programs(), packets=st.lists(st.binary(max_size=40), min_size=1, max_size=4), extra=st.integers(0, 3))
def test_libpcap_agrees_about_any_program(
    kernels: ModuleType, program: list[Instruction], packets: list[bytes], extra: int
) -> None:
    for packet in packets:
        original = len(packet) + extra
        assert run(kernels, program, packet, original) == bpf.matches(program, packet, original)


@pytest.mark.parametrize(
    "expression",
    [
        "tcp port 443",
        "host 10.0.0.1 or ip6 host fe80::1",
        "ip[ip[0]&15]=1",
        "vlan and udp",
        "len%3=1",
        "ip6 protochain 6",
    ],
)
@given(data=st.data())
def test_libpcap_agrees_about_its_own_programs(kernels: ModuleType, expression: str, data: st.DataObject) -> None:
    program = bpf.compiled(expression)
    beginning = data.draw(st.sampled_from([b"\x08\x00\x45", b"\x86\xdd\x60", b"\x81\x00\x00\x01\x08\x00"]))
    packet = bytes(12) + beginning + data.draw(st.binary(max_size=80))
    assert run(kernels, list(program), packet) == bpf.matches(program, packet)


def test_packets_cut_at_every_byte(kernels: ModuleType) -> None:
    frame = bytes(12) + b"\x08\x00\x45" + bytes(8) + b"\x06" + bytes(10) + b"\x00\x50\x01\xbb" + bytes(16)
    for expression in ("tcp port 443", "tcp src port 80", "tcp[12] = 0", "portrange 443-444"):
        program = bpf.compiled(expression)
        for cut in range(len(frame) + 1):
            assert run(kernels, list(program), frame[:cut]) == bpf.matches(program, frame[:cut])


class _Runs:
    """One form of the kernels, whose `Filter` has these programs, as a function with arguments that can be copied."""

    def __init__(self, kernels: ModuleType) -> None:
        self._kernels = kernels

    def __call__(self, programs: list[Any], *arguments: Any) -> Any:
        machine = self._kernels.Filter()
        numbers = [machine.add(program) for program in programs]
        return numbers, machine.clear_rows(*arguments)


@settings(max_examples=200)
@given(data=st.data(), columns=packet_rows(64))
def test_parity_of_filters(compiled: ModuleType, data: st.DataObject, columns: Columns) -> None:
    rows = columns.capacity
    made = data.draw(st.lists(st.one_of(programs(), programs(sound=False)), max_size=3))
    numbers = table(*data.draw(st.lists(st.integers(0, len(made) + 1), max_size=4)))
    first, stop = data.draw(st.integers(-1, 2)), data.draw(st.one_of(st.just(rows), st.integers(-1, rows + 1)))
    mask = bytearray(data.draw(st.binary(min_size=rows, max_size=rows + 1)))
    arguments = [packed(program) for program in made], BUFFER, columns, first, stop, numbers, mask
    assert run_kernel(_Runs(compiled), *arguments) == run_kernel(_Runs(interpreted), *arguments)


def test_columns_stay_as_they_are(kernels: ModuleType) -> None:
    columns = with_rows(2, captured_length=[4, 8])
    machine = kernels.Filter()
    machine.clear_rows(BUFFER, columns, 0, 2, table(machine.add(packed([REJECT]))), bytearray(b"\1\1"))
    assert column(columns, "captured_length", 2) == [4, 8]
