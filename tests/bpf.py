"""Classic BPF for tests: instructions by name, libpcap's own compiler and interpreter."""

import os
from array import array
from collections.abc import Iterable, Sequence

import cypcap
import wire
from cypcap import bpf

Instruction = tuple[int, int, int, int]  # code, jt, jf, k

RETURN, RETURN_A = bpf.RET | bpf.K, bpf.RET | bpf.A
LOADS = [bpf.LD | size | mode for size in (bpf.W, bpf.H, bpf.B) for mode in (bpf.ABS, bpf.IND)]
HEADER_LENGTH = bpf.LDX | bpf.MSH | bpf.B
WITHOUT_CONSTANT = [bpf.LD | bpf.W | bpf.LEN, bpf.LDX | bpf.W | bpf.LEN, bpf.MISC | bpf.TAX, bpf.MISC | bpf.TXA]
IMMEDIATE = [bpf.LD | bpf.IMM, bpf.LDX | bpf.IMM]
WITH_MEMORY = [bpf.LD | bpf.MEM, bpf.LDX | bpf.MEM, bpf.ST, bpf.STX]
OPERATIONS = [bpf.ADD, bpf.SUB, bpf.MUL, bpf.DIV, bpf.MOD, bpf.AND, bpf.OR, bpf.XOR, bpf.LSH, bpf.RSH]
CALCULATIONS = [bpf.ALU | operation | source for operation in OPERATIONS for source in (bpf.K, bpf.X)]
NEGATE = bpf.ALU | bpf.NEG
COMPARISONS = [bpf.JMP | kind | by for kind in (bpf.JEQ, bpf.JGT, bpf.JGE, bpf.JSET) for by in (bpf.K, bpf.X)]
JUMP = bpf.JMP | bpf.JA
ALL = {
    *(*LOADS, HEADER_LENGTH, *WITHOUT_CONSTANT, *IMMEDIATE, *WITH_MEMORY, *CALCULATIONS, NEGATE, *COMPARISONS, JUMP),
    *(RETURN, RETURN_A),
}


def packed(program: Iterable[Instruction]) -> "array[int]":
    """A program as the kernel `Filter` takes it."""
    return array("Q", [code << 48 | jt << 40 | jf << 32 | k for code, jt, jf, k in program])


def compiled(
    expression: str, link_type: int = 1, order: wire.ByteOrder = wire.LITTLE, *, optimize: bool = True
) -> Sequence[Instruction]:
    """What libpcap makes of an expression for a capture file. Raises cypcap.Error."""
    readable, writable = os.pipe()
    os.write(writable, wire.In(order).pcap_header(snaplen=262144, link_type_word=link_type))
    os.close(writable)
    try:
        with cypcap.open_offline(f"/dev/fd/{readable}") as capture:
            return list(capture.compile(expression, optimize=optimize))
    finally:
        os.close(readable)


def matches(program: Sequence[Instruction], data: bytes, original_length: int | None = None) -> bool:
    """Whether a packet matches, in the eyes of libpcap's own interpreter."""
    length = len(data) if original_length is None else original_length
    header = cypcap.Pkthdr(0.0, len(data), length)
    return bool(cypcap.BpfProgram(list(program)).offline_filter(header, data))
