"""The outcome of one file of a batch, as a value (`Outcome`) and as a line of the manifest.

Strategy: a line is a JSON object with its fields in a fixed order. Some fields are written only if they apply: `known`
to a file that is no capture, `damaged_before` to a file that is up to date, `retryable` and `refused` to a file that
failed, `repeats_total` and `repeats_across` with `dedup`, `decapsulated` with `decapsulate`, `sidecar_unused` and the
fields about sidecars. A field that a line of an earlier version lacks has its default.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple, Self

from pcapconv.batching.actions import Job
from pcapconv.batching.locations import State
from pcapconv.batching.settings import Settings
from pcapconv.model import Damage
from pcapconv.report import Report

_MAX_LISTED = 10  # entries of `damage` and of `warnings` that a line lists; all are counted
DONE = ("converted", "damaged")
_UNKNOWN = State(None, None)
_OPTIONAL_FIELDS = (
    *("known", "damaged_before", "sidecar_unused", "retryable", "refused"),
    *("repeats_total", "repeats_across", "decapsulated"),
)
_NO_COUNTS: Mapping[str, int] = {}


class SidecarOutcome(NamedTuple):
    """The part of an outcome about sidecars.

    `written` and `read` are the names of the sidecars that were written and read, None without such a sidecar. `kept`
    counts by kind the metadata in the written sidecar, `missing` the metadata that the read sidecar lacks; `damage` is
    the number of damaged spots in the original capture when the read sidecar was written. `found` counts how the
    packets of an edited capture were found in the read sidecar. `source` and `target` are the states of the sidecars
    beside source and target."""

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
        """Return the outcome of sidecars from the report of a conversion."""
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
        """Return the fields of a manifest line about sidecars."""
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
    def from_json(cls, line: Mapping[str, Any]) -> Self | None:
        """Return the outcome of sidecars in a manifest line, None if the line has no such fields. Raises KeyError if a
        field is missing."""
        if line.keys().isdisjoint(("sidecar_written", "source_sidecar_size", "target_sidecar_size")):
            return None
        states = (
            None if line.get(f"{name}_size") is None else State.from_json(line[f"{name}_size"], line[f"{name}_time"])
            for name in ("source_sidecar", "target_sidecar")
        )
        return cls(
            line.get("sidecar_written"),
            line.get("sidecar_read"),
            line.get("kept_in_sidecar", _NO_COUNTS),
            line.get("missing_in_sidecar", _NO_COUNTS),
            line.get("damage_in_sidecar", 0),
            line.get("found_in_sidecar", _NO_COUNTS),
            *states,
        )


class Outcome(NamedTuple):
    """The outcome of one file of a batch.

    * `source`, `target`: names in the two trees. `source_state`, `target_state`: their `size` in bytes and their `time`
      of the last change, in nanoseconds since 1970 (behind a URL, what identifies the contents); None if unknown.
    * `source_sha256`, `target_sha256`: the SHA-256 of both files, in hex; None if the file was not read or written.
    * `status`: the name of a count in `BatchReport`: converted, damaged, failed, up_to_date, skipped or left_alone.
    * `options_digest`, `root`, `run`: what identifies the batch's options, its source directory and its run.
    * `packets_read`, `packets_written`, `losses`, `left_out`: as in `Report`.
    * `damage`, `warnings`: the first ten of each, as JSON objects. `damage_total` and `warnings_total` count all.
    * `key_log`: whether there is a key log beside the target.
    * `seconds`: how long the file took.
    * `error`: why the file was not converted; None if it was.
    * `worker`: the host and the process that ran the job, as in `ws-7:4321`; None if no job ran, or if the job could
      not append its line.
    * `sidecars`: what the conversion did with sidecars; None if the batch uses none.

    These are None unless they apply:

    * `known`: True if `error` names the format of a file that is not a capture.
    * `damaged_before`: True if an earlier run found damage in a file that is up to date.
    * `sidecar_unused`: True if a sidecar is beside the source, but the batch does not use sidecars.
    * `retryable`: True if a file failed with a temporary error (of a store, the network or a lost worker).
    * `refused`: True if a file failed because its target could not hold everything (`on_loss="fail"`).
    * `repeats_total`, `repeats_across`: as in `Report`; None without `dedup`.
    * `decapsulated`: as in `Report`; None without `decapsulate`.
    """

    source: str
    source_state: State
    target: str
    status: str
    options_digest: str
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
    repeats_total: int | None = None
    repeats_across: int | None = None
    decapsulated: Mapping[str, Any] | None = None
    sidecars: SidecarOutcome | None = None

    @property
    def done(self) -> bool:
        """True if the target was written."""
        return self.status in DONE

    @property
    def listed_damage(self) -> list[Damage]:
        """The damage in the manifest line, at most ten entries."""
        return [Damage(**fields) for fields in self.damage]

    @classmethod
    def without_report(cls, job: Job, settings: Settings, status: str, error: str | None = None, **more: Any) -> Self:
        """Return an outcome without the fields of a report. `more` are further fields."""
        batch_fields = settings.options_digest, settings.root, settings.run
        if status == "failed":
            more.setdefault("retryable", False)
        return cls(
            job.source_name, job.source_state or _UNKNOWN, job.target_name, status, *batch_fields, error=error, **more
        )

    @classmethod
    def from_report(cls, report: Report, job: Job, settings: Settings, **more: Any) -> Self:
        """Return the outcome of a conversion that succeeded, by its report. `more` are further fields."""
        return cls.without_report(
            job,
            settings,
            "damaged" if report.damage else "converted",
            packets_read=report.packets_read,
            packets_written=report.packets_written,
            losses=dict(report.losses),
            left_out=dict(report.left_out),
            damage=[damage._asdict() for damage in report.damage[:_MAX_LISTED]],
            damage_total=report.damage_total,
            warnings=[notice._asdict() for notice in report.warnings[:_MAX_LISTED]],
            warnings_total=report.warnings_total,
            key_log=bool(report.secrets_extracted),
            repeats_total=report.repeats_total,
            repeats_across=None if report.repeats_total is None else report.repeats_across,
            decapsulated=report.decapsulated,
            **more,
        )

    def to_json(self) -> dict[str, Any]:
        """The line of the manifest as plain values, ready for JSON; `docs/reference/json.md` describes it."""
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
            "options": self.options_digest,
            "root": self.root,
            "run": self.run,
            "worker": self.worker,
        }
        optional = {name: getattr(self, name) for name in _OPTIONAL_FIELDS}
        line |= {name: value for name, value in optional.items() if value is not None}
        return line if self.sidecars is None else line | self.sidecars.to_json()

    @classmethod
    def from_json(cls, line: Any) -> Self:
        """Return the outcome that a manifest line of any version describes. The values are not checked. Raises KeyError
        or TypeError for a value that is no manifest line."""
        return cls(
            source=line["source"],
            source_state=State.from_json(line["source_size"], line["source_time"]),
            target=line["target"],
            target_state=State.from_json(line["target_size"], line["target_time"]),
            status=line["status"],
            options_digest=line["options"],
            root=line.get("root"),
            run=line.get("run"),
            sidecars=SidecarOutcome.from_json(line),
            **{name: line[name] for name in _DEFAULTED_FIELDS if name in line},
        )


_DEFAULTED_FIELDS = tuple(name for name in Outcome._field_defaults if name not in ("target_state", "sidecars"))
