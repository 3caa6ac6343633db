"""What the command line says on stderr: one sentence each, with nothing in it that a terminal would obey."""

from __future__ import annotations

import sys

from pcapconv.convert import describe_damage
from pcapconv.formats.losses import describe
from pcapconv.report import Report
from pcapconv.text import shown

_MOST = 5  # of a kind


def complain(message: str) -> None:
    """An error or a warning."""
    sys.stderr.write(f"pcapconv: {shown(message)}\n")


def say_what_happened(report: Report, *, losses: bool) -> None:
    """Warnings of a finished conversion: damage, oddities, and in one line what was lost."""
    source, target = report.inputs[0], report.outputs[0]
    _list(f"warning: {source}", [describe_damage(damage) for damage in report.damage])
    _list(f"warning: {source}", [f"offset {notice.offset}: {notice.reason}" for notice in report.warnings])
    if report.losses and losses:
        complain(
            f"warning: {target}: {report.target_format} cannot hold {describe(report.losses)}; "
            "--report FILE has the counts, --on-loss fail refuses"
        )


def _list(prefix: str, sentences: list[str]) -> None:
    for sentence in sentences[:_MOST]:
        complain(f"{prefix}: {sentence}")
    if len(sentences) > _MOST:
        complain(f"{prefix}: and {len(sentences) - _MOST} more like these; --report FILE has them")
