"""What became of one file of a batch: a line of the manifest, and what reports and watchers are told.

Strategy: a line is a JSON object with its fields in a fixed order. Some fields are there only where they say something:
`known` of what is no capture, `damaged_before` of what is up to date, `retryable` and `refused` of what failed,
`sidecar_unused` and those of sidecars. A line of an earlier version lacks newer fields, which then have their defaults.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

from pcapconv.batching.actions import Job
from pcapconv.batching.locations import State
from pcapconv.batching.settings import Settings
from pcapconv.model import Damage
from pcapconv.report import Report

_MOST_DAMAGE = 10  # places of either kind that a line lists; all are counted
DONE = ("converted", "damaged")
_UNKNOWN = State(None, None)
_SELDOM = ("known", "damaged_before", "sidecar_unused", "retryable", "refused")
_NO_COUNTS: Mapping[str, int] = {}


class SidecarOutcome(NamedTuple):
    """What became of a file's sidecars: their names, None where there was none; what was kept in the one that was
    written; what the one that was read lacks, in how many places its capture was damaged, and how many packets of an
    edited capture were found again, by kind. `source` and `target` are the states of the sidecars beside these."""

    written: str | None
    read: str | None
    kept: Mapping[str, int]
    missing: Mapping[str, int]
    damage: int
    found: Mapping[str, int]
    source: State | None
    target: State | None

    @classmethod
    def from_report(cls, report: Report, source: State | None, target: State | None) -> Self:
        """What a conversion's report says of them."""
        found = report.found_in_sidecar or {}
        return cls(
            report.sidecar_written,
            report.sidecar_read,
            report.kept_in_sidecar,
            report.missing_in_sidecar,
            report.damage_in_sidecar,
            {kind: count for kind, count in found.items() if isinstance(count, int)},
            source,
            target,
        )

    def to_json(self) -> dict[str, Any]:
        """The fields of a line."""
        source, target = self.source or _UNKNOWN, self.target or _UNKNOWN
        return {
            "sidecar_written": self.written,
            "sidecar_read": self.read,
            "kept_in_sidecar": self.kept,
            "missing_in_sidecar": self.missing,
            "damage_in_sidecar": self.damage,
            "found_in_sidecar": self.found,
            "source_sidecar_size": source.size,
            "source_sidecar_time": source.time_as_json,
            "target_sidecar_size": target.size,
            "target_sidecar_time": target.time_as_json,
        }

    @classmethod
    def from_json(cls, told: Mapping[str, Any]) -> Self | None:
        """What a line says; None where it says nothing of sidecars. Raises KeyError."""
        if told.keys().isdisjoint(("sidecar_written", "source_sidecar_size", "target_sidecar_size")):
            return None
        states = (
            None if told.get(f"{name}_size") is None else State.from_json(told[f"{name}_size"], told[f"{name}_time"])
            for name in ("source_sidecar", "target_sidecar")
        )
        return cls(
            told.get("sidecar_written"),
            told.get("sidecar_read"),
            told.get("kept_in_sidecar", _NO_COUNTS),
            told.get("missing_in_sidecar", _NO_COUNTS),
            told.get("damage_in_sidecar", 0),
            told.get("found_in_sidecar", _NO_COUNTS),
            *states,
        )


class Outcome(NamedTuple):
    """What became of one file of a batch.

    `source` and `target` are names in the tree. `status` is a count's name in BatchReport: converted, damaged, failed,
    up_to_date, skipped or left_alone. `options`, `root` and `run` are those of `Settings`. `damage` and `warnings` list
    the first ten places as JSON objects. `key_log` tells that there is a key log beside the target. Five fields are
    None where they say nothing: `known` tells, of a file that is no capture, that `error` says what it is;
    `damaged_before`, of one up to date, that it was damaged; `sidecar_unused`, that a sidecar lies beside the source
    and nobody asked for sidecars; `retryable`, of one that failed, whether that may pass: it does where a store, a
    network or a lost worker was the reason, and not the file; `refused`, that one failed since something would be
    lost."""

    source: str
    source_state: State
    target: str
    status: str
    options: str
    root: str | None
    run: str | None
    source_sha256: str | None = None
    target_state: State = _UNKNOWN
    target_sha256: str | None = None
    packets_read: int = 0
    packets_written: int = 0
    losses: Mapping[str, int] = _NO_COUNTS
    left_out: Mapping[str, int] = _NO_COUNTS
    damage: Sequence[dict[str, Any]] = ()
    damage_total: int = 0
    warnings: Sequence[dict[str, Any]] = ()
    warnings_total: int = 0
    key_log: bool = False
    seconds: float = 0
    error: str | None = None
    worker: str | None = None
    known: bool | None = None
    damaged_before: bool | None = None
    sidecar_unused: bool | None = None
    retryable: bool | None = None
    refused: bool | None = None
    sidecars: SidecarOutcome | None = None

    @property
    def done(self) -> bool:
        """Whether the target was written."""
        return self.status in DONE

    @property
    def listed_damage(self) -> list[Damage]:
        """The damaged places that are listed."""
        return [Damage(**fields) for fields in self.damage]

    @classmethod
    def without_report(cls, job: Job, settings: Settings, status: str, error: str | None = None, **more: Any) -> Self:
        """The outcome of a file that was not converted. `more` are further fields."""
        said = settings.options, settings.root, settings.run
        if status == "failed":
            more.setdefault("retryable", False)
        return cls(job.source_name, job.source_state or _UNKNOWN, job.target_name, status, *said, error=error, **more)

    @classmethod
    def from_report(cls, report: Report, job: Job, settings: Settings, **more: Any) -> Self:
        """The outcome of a conversion: what its report says. `more` are further fields."""
        return cls.without_report(
            job,
            settings,
            "damaged" if report.damage else "converted",
            packets_read=report.packets_read,
            packets_written=report.packets_written,
            losses=dict(report.losses),
            left_out=dict(report.left_out),
            damage=[damage._asdict() for damage in report.damage[:_MOST_DAMAGE]],
            damage_total=report.damage_total,
            warnings=[notice._asdict() for notice in report.warnings[:_MOST_DAMAGE]],
            warnings_total=report.warnings_total,
            key_log=bool(report.secrets_extracted),
            **more,
        )

    def to_json(self) -> dict[str, Any]:
        """A line as plain values, ready for JSON."""
        line: dict[str, Any] = {
            "source": self.source,
            "source_size": self.source_state.size,
            "source_time": self.source_state.time_as_json,
            "source_sha256": self.source_sha256,
            "target": self.target,
            "target_size": self.target_state.size,
            "target_time": self.target_state.time_as_json,
            "target_sha256": self.target_sha256,
            "status": self.status,
            "packets_read": self.packets_read,
            "packets_written": self.packets_written,
            "losses": dict(self.losses),
            "left_out": dict(self.left_out),
            "damage": list(self.damage),
            "damage_total": self.damage_total,
            "warnings": list(self.warnings),
            "warnings_total": self.warnings_total,
            "key_log": self.key_log,
            "seconds": self.seconds,
            "error": self.error,
            "options": self.options,
            "root": self.root,
            "run": self.run,
            "worker": self.worker,
        }
        said = {name: getattr(self, name) for name in _SELDOM}
        line |= {name: value for name, value in said.items() if value is not None}
        return line if self.sidecars is None else line | self.sidecars.to_json()

    @classmethod
    def from_json(cls, told: Any) -> Self:
        """The outcome that a line tells of, whatever version wrote it. Its values are not checked. Raises KeyError or
        TypeError where that is no line of a file."""
        return cls(
            source=told["source"],
            source_state=State.from_json(told["source_size"], told["source_time"]),
            target=told["target"],
            target_state=State.from_json(told["target_size"], told["target_time"]),
            status=told["status"],
            options=told["options"],
            root=told.get("root"),
            run=told.get("run"),
            sidecars=SidecarOutcome.from_json(told),
            **{name: told[name] for name in _MAY_LACK if name in told},
        )


_MAY_LACK = tuple(name for name in Outcome._field_defaults if name not in ("target_state", "sidecars"))
