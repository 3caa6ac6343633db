"""What a conversion did: the numbers, apart from how they are printed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

from pcapconv.model import Damage, Notice


@dataclass(slots=True)
class Report:
    """What a conversion did.

    `losses` counts by kind what the target could not hold. `damage` lists what of the input could not be read, each
    with offset, packet number, reason and bytes left out. `warnings` are oddities that cost nothing.
    """

    inputs: list[str] = field(default_factory=list)
    outputs: list[str] = field(default_factory=list)
    source_format: str = ""
    target_format: str = ""
    packets_read: int = 0
    packets_written: int = 0
    losses: dict[str, int] = field(default_factory=dict)
    damage: list[Damage] = field(default_factory=list)
    warnings: list[Notice] = field(default_factory=list)

    def as_dict(self) -> dict[str, Any]:
        """The report as plain values, ready for JSON."""
        return asdict(self)
