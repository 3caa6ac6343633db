"""What is wrong with a capture: damage, of which something is lost, and what is only odd."""

from __future__ import annotations

from typing import NamedTuple

from pcapconv.errors import DamageError
from pcapconv.text import counted


class Damage(NamedTuple):
    """Something in the input that could not be read.

    * `offset`: where the damage begins, in bytes from the start of the capture.
    * `packet_number`: the number that a packet at this offset would have.
    * `reason`: what is wrong, in words.
    * `bytes_left_out`: how many bytes were skipped because of the damage.
    * `section`: the number of the section that lost something; None if a whole section was skipped.
    * `compressed_offset`: if the data of a compressed capture is damaged, where this damage begins in the compressed
      file; None for any other damage. `offset` is then the number of bytes that could be decompressed, and
      `bytes_left_out` counts bytes of the compressed file.
    * `input`: the name of the input, if several are merged; None for the only input.

    `str()` gives a sentence.
    """

    offset: int
    packet_number: int
    reason: str
    bytes_left_out: int
    section: int | None
    compressed_offset: int | None = None
    input: str | None = None

    def __str__(self) -> str:
        where, unit = f"{_input_prefix(self.input)}offset {self.offset} (packet {self.packet_number})", "byte"
        if self.compressed_offset is not None:
            where, unit = f"{where}, offset {self.compressed_offset} of the compressed file", "compressed byte"
            if not self.bytes_left_out:
                return f"{where}: {self.reason}"
        left_out = f"{counted(self.bytes_left_out, unit)} {'is' if self.bytes_left_out == 1 else 'are'} left out"
        return f"{where}: {self.reason}; {left_out}"


def damage_error(name: str, damage: Damage) -> DamageError:
    """The error for damage that `strict` forbids; `name` is the only input's, or that of the output of a merge."""
    return DamageError(
        str(damage) if damage.input is not None else f"{name}: {damage}",
        path=damage.input or name,
        offset=damage.offset,
        packet_number=damage.packet_number,
    )


class Notice(NamedTuple):
    """Something odd in the input, although nothing is lost.

    * `offset`: where it is, in bytes from the start of the capture; None for the whole capture.
    * `reason`: what is odd, in words.
    * `input`: the name of the input, if several are merged; None for the only input.

    `str()` gives a sentence.
    """

    offset: int | None
    reason: str
    input: str | None = None

    def __str__(self) -> str:
        where = "" if self.offset is None else f"offset {self.offset}: "
        return f"{_input_prefix(self.input)}{where}{self.reason}"


def _input_prefix(name: str | None) -> str:
    """The beginning of a message about one of several inputs; empty for the only input."""
    return "" if name is None else f"{name}: "
