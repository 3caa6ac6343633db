"""What `pcapconv.check` returns: whether a capture is in its normal form. JSON of the command has a list of these."""

from __future__ import annotations

from typing import Literal, NamedTuple, NoReturn

from pcapconv.errors import UsageError
from pcapconv.model import Damage, Notice
from pcapconv.report import Report

Status = Literal["normal", "different", "damaged", "failed", "refused"]


class CheckResult(NamedTuple):
    """Whether a capture is in its normal form. In a condition, ask for `normal`: a `CheckResult` itself is refused
    there, with a UsageError.

    * `file`: the name of the capture.
    * `status`: `"normal"`; `"different"` from the normal form; or `"damaged"`, if what could be read is in its normal
      form. In the JSON of the command also `"failed"` and `"refused"`, which `check` raises as errors.
    * `reasons`: why the capture is not in its normal form, in words.
    * `damage`, `damage_total`: what could not be read, and in how many places. At most 1,000 are listed.
    * `warnings`, `warnings_total`: what is odd, although nothing is lost; at most 1,000 are listed.
    * `error`: why the capture could not be checked, in the JSON of the command; else None.
    """

    file: str
    status: Status
    reasons: list[str]
    damage: list[Damage]
    damage_total: int
    warnings: list[Notice]
    warnings_total: int
    error: str | None = None

    @property
    def normal(self) -> bool:
        """Whether the capture is in its normal form, and is not damaged."""
        return self.status == "normal"

    def __bool__(self) -> NoReturn:
        raise UsageError("a CheckResult is neither true nor false; ask for its .normal")


def result_of(
    file: str, status: Status, report: Report | None, reasons: list[str], error: str | None = None
) -> CheckResult:
    """The result for a capture; `report` is None if the capture could not be read."""
    if report is None:
        return CheckResult(file, status, reasons, [], 0, [], 0, error)
    found = report.damage, report.damage_total, report.warnings, report.warnings_total
    return CheckResult(file, status, reasons, *found, error)
