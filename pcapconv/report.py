"""What a conversion did: the numbers, apart from how they are printed."""

from __future__ import annotations

from typing import Any

from pcapconv.model import Damage, Notice

MOST_LISTED = 1000


class Report:
    """What a conversion did.

    `inputs` and `outputs` are names. `losses` counts by kind what the target could not hold. `damage` lists what of
    the input could not be read, each with offset, packet number, reason and bytes left out. `warnings` are oddities
    that cost nothing.
    """

    def __init__(self, source: str, target: str, target_format: str) -> None:
        self.inputs = [source]
        self.outputs = [target]
        self.source_format = ""
        self.target_format = target_format
        self.packets_read = 0
        self.packets_written = 0
        self.losses: dict[str, int] = {}
        self.damage: list[Damage] = []
        self.warnings: list[Notice] = []

    def add_damage(self, damage: Damage) -> None:
        """List a place; beyond the first thousand they share one entry."""
        if len(self.damage) < MOST_LISTED:
            self.damage.append(damage)
            return
        last = self.damage[-1]
        self.damage[-1] = last._replace(
            reason="this and further places, too many to list",
            bytes_left_out=last.bytes_left_out + damage.bytes_left_out,
        )

    def add_warning(self, notice: Notice) -> None:
        """List an oddity, up to a thousand."""
        if len(self.warnings) < MOST_LISTED:
            self.warnings.append(notice)

    def as_dict(self) -> dict[str, Any]:
        """The report as plain values, ready for JSON."""
        return {
            **vars(self),
            "damage": [damage._asdict() for damage in self.damage],
            "warnings": [notice._asdict() for notice in self.warnings],
        }

    def __repr__(self) -> str:
        return f"Report({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"
