"""The headings under which help and the manual show options, and the commands that share options."""

from __future__ import annotations

GROUPS = (
    "Where a part begins",
    "Which files",
    "The normal form",
    "What is compared",
    "What is shown",
    "Which packets",
    "Edits",
    "Reading",
    "Writing",
    "Sidecars",
    "Running",
    "Reporting",
)
PARTS, FILES, FORM, COMPARED, SHOWN, SELECTED, EDITED, READ, WRITTEN, SIDECARS, RUN, REPORTED = GROUPS

SPLIT, JOIN, BATCH = ("split",), ("join",), ("batch",)
NORMALIZE, DIFF, INFO = ("normalize",), ("diff",), ("info",)
CONVERTING = ("convert", "split", "batch")
WRITING = ("convert", "split", "join", "batch", "normalize")
READING = ("convert", "split", "batch", "normalize", "diff", "info")
ALL = ("convert", "split", "join", "batch", "normalize", "diff", "info")
