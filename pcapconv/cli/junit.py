"""JUnit XML, which CI systems show as the results of tests: `JUnitFile`, for `batch` and for `normalize --check`.

Strategy: elements and attributes are those of `junit-10.xsd`, the schema of Jenkins, which GitLab and the actions for
GitHub read, too. Cases are in the order of their names, so that the files of two runs differ only in their times. Each
reason stands twice, as the attribute `message` and in the text: some systems show one, some (GitLab) the other. Texts
are escaped as for people first, which leaves no character that XML 1.0 excludes.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from html import escape  # that of `xml` imports a network stack
from typing import Literal, NamedTuple, Self

from pcapconv.cli.result_lines import ResultLines
from pcapconv.cli.standard_streams import write_text
from pcapconv.io.target import Target
from pcapconv.text import shown

Kind = Literal["passed", "failure", "error", "skipped"]

_COUNTED = (("errors", "error"), ("failures", "failure"), ("skipped", "skipped"))  # attribute, and kind of case


class Case(NamedTuple):
    """One test case: the `name` of a file, how long it took in `seconds`, and the result. `message` is the reason of a
    case that has not passed; `details` are further lines of text."""

    name: str
    seconds: float
    kind: Kind = "passed"
    message: str = ""
    details: tuple[str, ...] = ()


def beginning(suite: str) -> str:
    """Return how each JUnit file begins whose test suite has this name."""
    return f"<?xml version='1.0' encoding='utf-8'?>\n<testsuites>\n<testsuite name={_attribute(suite)}"


class JUnitFile:
    """The test cases of one suite, kept until `write`. Use it as a context manager, entered when the work begins.
    `class_name` is that of each case: GitLab shows it as the suite. All methods raise FileError."""

    def __init__(self, suite: str, class_name: str) -> None:
        self._suite = suite
        self._class_name = class_name
        self._counts: Counter[str] = Counter()
        self._cases = ResultLines()
        self._began = time.time()
        self._began_on_clock = time.monotonic()

    def add(self, case: Case) -> None:
        """Add a test case."""
        self._counts[case.kind] += 1
        self._cases.add([case.name], case)

    def write(self, target: Target) -> None:
        """Write all test cases."""
        seconds = time.monotonic() - self._began_on_clock
        counts = "".join(f' {name}="{self._counts[kind]}"' for name, kind in _COUNTED)
        began = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(self._began))
        times = f'time="{seconds:.3f}" timestamp="{began}"'
        write_text(target, f'{beginning(self._suite)} tests="{self._counts.total()}"{counts} {times}>\n')
        for line in self._cases.lines():
            write_text(target, self._element(Case(**json.loads(line))))
        write_text(target, "</testsuite>\n</testsuites>\n")

    def _element(self, case: Case) -> str:
        names = f"classname={_attribute(self._class_name)} name={_attribute(case.name)}"
        begin = f'<testcase {names} time="{case.seconds:.3f}"'
        if case.kind == "passed":
            return f"{begin}/>\n"
        text = "\n".join(map(shown, (case.message, *case.details)))
        result = f"<{case.kind} message={_attribute(case.message)}>{escape(text, quote=False)}</{case.kind}>"
        return f"{begin}>{result}</testcase>\n"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._cases.__exit__()


def _attribute(text: str) -> str:
    """Return a text as the quoted value of an attribute."""
    return f'"{escape(shown(text))}"'
