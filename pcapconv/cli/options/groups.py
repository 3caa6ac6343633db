"""The headings under which help and the manual show options, and the commands that share options."""

from __future__ import annotations

GROUPS = (
    "What is in the table",
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
TABULATED, MERGED, PARTS, FILES, FORM, COMPARED, SHOWN, SELECTED, EDITED, READ, WRITTEN, SIDECARS, RUN, REPORTED = (
    GROUPS
)

SPLIT, MERGE, JOIN, BATCH = ("split",), ("merge",), ("join",), ("batch",)
NORMALIZE, DIFF, INFO, TABLE, SHOW = ("normalize",), ("diff",), ("info",), ("table",), ("show",)
ONE_CAPTURE = ("convert", "split", "batch")  # each packet is in one input, and has its number there
CONVERTING = ("convert", "split", "merge", "batch")
SELECTING = (*CONVERTING, "table", "show")
SELECTING_FROM_ONE = (*ONE_CAPTURE, "table", "show")
WRITING = ("convert", "split", "merge", "join", "batch", "normalize")
READING = (*SELECTING, "normalize", "diff", "info")
ALL = (*WRITING, "table", "diff", "info", "show")
