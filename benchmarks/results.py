"""The results of a benchmark run, and their form as JSON."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

CONVERT = "convert"
SELECT = "one percent by time"
CUT = "cut to 64 bytes"
SPLIT = "split by count"
LAST = "last million on a pipe"


@dataclass(frozen=True)
class Case:
    """One job on a kind of traffic, with the formats of its source and its target."""

    traffic: str
    packets: int
    source: str
    target: str
    job: str = CONVERT

    @property
    def is_conversion(self) -> bool:
        """Return whether the format changes."""
        return self.source != self.target

    def __str__(self) -> str:
        """The case in words."""
        job = "" if self.job == CONVERT else f", {self.job}"
        return f"{self.traffic}, {self.source} → {self.target}{job}"


@dataclass
class Timing:
    """All measured runs of one tool on one case."""

    case: Case
    tool: str
    seconds: list[float] = field(default_factory=list)
    peak_bytes: int = 0

    @property
    def median(self) -> float:
        """The time of the median run, in seconds."""
        return median(self.seconds)

    @property
    def packets_per_second(self) -> float:
        """Packets a second in the median run."""
        return self.case.packets / self.median


@dataclass(frozen=True)
class Memory:
    """The peak memory of one conversion by pcapconv."""

    case: Case
    file_bytes: int
    peak_bytes: int


@dataclass
class Results:
    """All results of one benchmark run."""

    date: str
    rounds: int
    machine: dict[str, str]
    versions: dict[str, str]
    file_bytes: dict[str, int] = field(default_factory=dict)
    timings: list[Timing] = field(default_factory=list)
    memory: list[Memory] = field(default_factory=list)
    startup_seconds: list[float] = field(default_factory=list)

    def cases(self) -> list[Case]:
        """The cases, in the order in which they were run."""
        return list(dict.fromkeys(timing.case for timing in self.timings))

    def find(self, case: Case, tool: str) -> Timing | None:
        """The timing of a tool on a case, or None if there is none."""
        return next((timing for timing in self.timings if timing.case == case and timing.tool == tool), None)


def save(results: Results, path: Path) -> None:
    """Write results as JSON."""
    path.write_text(json.dumps(asdict(results), indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def with_case(kind: Any, values: dict[str, Any]) -> Any:
    """Make a Timing or Memory from its JSON form."""
    return kind(**{**values, "case": Case(**values["case"])})


def load(path: Path) -> Results:
    """Read results that `save` wrote."""
    values = json.loads(path.read_text(encoding="utf-8"))
    values["timings"] = [with_case(Timing, timing) for timing in values["timings"]]
    values["memory"] = [with_case(Memory, memory) for memory in values["memory"]]
    return Results(**values)
