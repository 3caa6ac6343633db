"""The headings under which help and the manual show options, and the commands that share options."""

from __future__ import annotations

GROUPS = (
    "How captures are merged",
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
MERGED, PARTS, FILES, FORM, COMPARED, SHOWN, SELECTED, EDITED, READ, WRITTEN, SIDECARS, RUN, REPORTED = GROUPS

SPLIT, MERGE, JOIN, BATCH = ("split",), ("merge",), ("join",), ("batch",)
NORMALIZE, DIFF, INFO = ("normalize",), ("diff",), ("info",)
ONE_CAPTURE = ("convert", "split", "batch")  # each packet is in one input, and has its number there
CONVERTING = ("convert", "split", "merge", "batch")
WRITING = ("convert", "split", "merge", "join", "batch", "normalize")
READING = ("convert", "split", "merge", "batch", "normalize", "diff", "info")
ALL = ("convert", "split", "merge", "join", "batch", "normalize", "diff", "info")
