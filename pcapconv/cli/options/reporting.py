"""The options for reports, messages and help."""

from __future__ import annotations

from pcapconv.cli.commands import HELP
from pcapconv.cli.grammar import Option
from pcapconv.cli.options.groups import ALL, BATCH, NORMALIZE, REPORTED, WRITING

OPTIONS = (
    Option(
        "report",
        "text",
        "Write a report as JSON; - for stdout",
        REPORTED,
        ("convert", "split", "merge", "join", "normalize", "table"),
        "FILE",
        example="report.json",
        manual="Write a report of the conversion as JSON. FILE may be `-` for stdout.",
        page="reference/json#--report",
    ),
    Option(
        "report",
        "text",
        "Write the outcome of each file as JSON",
        REPORTED,
        BATCH,
        "FILE",
        example="report.json",
        manual="Write the numbers of the batch and the outcome of each file as JSON. FILE may be `-` for stdout. With "
        "`--resume`, it replaces the report of an earlier run.",
        page="reference/json#batch---report",
    ),
    Option(
        "junit",
        "text",
        "The same as JUnit XML, for CI systems",
        REPORTED,
        BATCH,
        "FILE",
        example="junit.xml",
        manual="Write the outcome of each file as JUnit XML: a failed file is an error, a damaged file a failure. "
        "FILE may be `-` for stdout. With `--resume`, it replaces the file of an earlier run. The files are in "
        "the order of their names.",
    ),
    Option(
        "junit",
        "text",
        "With --check: the results as JUnit XML, for CI",
        REPORTED,
        NORMALIZE,
        "FILE",
        example="junit.xml",
        manual="With `--check`: write the result of each capture as JUnit XML. A capture that is damaged or not in its "
        "normal form is a failure; one that cannot be checked is an error. FILE may be `-` for stdout. `--force` "
        "replaces an existing file. The captures are in the order of their names.",
        page="how-to/golden-captures#for-ci-systems",
    ),
    Option(
        "progress",
        "text",
        "Print a line of JSON on stderr every second",
        REPORTED,
        BATCH,
        choices=("json",),
        manual="Print the progress on stderr as a line of JSON, every second and at the end.",
        page="reference/json#batch---progress-json",
    ),
    Option(
        "quiet",
        "flag",
        "No progress bar and no closing line",
        REPORTED,
        (*WRITING, "table"),
        short="q",
        manual="Print no progress bar and no closing line. Warnings are still printed.",
    ),
    Option(
        "debug",
        "flag",
        "Show a traceback with an error",
        REPORTED,
        ALL,
        manual="Show a Python traceback with an error.",
    ),
    HELP._replace(group=REPORTED, commands=ALL, manual="Show a page with a line for each option."),
)
