"""Reading JUnit XML strictly, by the schema `junit-10.xsd` of Jenkins' xunit plugin: elements, attributes, times."""

import re
from typing import NamedTuple
from xml.etree import ElementTree

# Element → the attributes that it must have, and those that it may have.
ATTRIBUTES = {
    "testsuites": (set(), {"name", "time", "tests", "failures", "errors"}),
    "testsuite": (
        {"name", "tests", "failures", "errors"},
        {"skipped", "time", "timestamp", "hostname", "id", "package"},
    ),
    "testcase": ({"name"}, {"classname", "time"}),
    "failure": (set(), {"message", "type"}),
    "error": (set(), {"message", "type"}),
    "skipped": (set(), {"message", "type"}),
}
CHILDREN = {"testsuites": {"testsuite"}, "testsuite": {"testcase"}, "testcase": {"failure", "error", "skipped"}}
SECONDS = re.compile(r"[0-9]{1,3}\.[0-9]{3}")  # also by the older schemas, which allow three digits


class Suite(NamedTuple):
    """A suite: its name, its numbers by attribute, and its cases in order: name, kind of result, message and text."""

    name: str
    counts: dict[str, int]
    cases: list[tuple[str, str, str, str]]


def read_junit(data: bytes, class_name: str) -> Suite:
    """Return the only suite of a file. Raises AssertionError if the file breaks the schema."""
    root = ElementTree.fromstring(data)
    for element in root.iter():
        required, optional = ATTRIBUTES[element.tag]
        assert required <= element.attrib.keys() <= required | optional
        assert {child.tag for child in element} <= CHILDREN.get(element.tag, set())
        assert element.tag != "testcase" or len(element) <= 1
        assert "time" not in element.attrib or SECONDS.fullmatch(element.attrib["time"])
    assert root.tag == "testsuites"
    (suite,) = root
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", suite.attrib["timestamp"])
    assert all({"classname", "time"} <= case.attrib.keys() for case in suite)
    assert {case.attrib["classname"] for case in suite} <= {class_name}
    counts = {name: int(suite.attrib[name]) for name in ("tests", "failures", "errors", "skipped")}
    cases = []
    for case in suite:
        kind, message, text = "passed", "", ""
        for result in case:
            kind, message, text = result.tag, result.attrib["message"], result.text or ""
            assert text.startswith(message)
            assert text.strip()  # GitLab shows nothing else
        cases.append((case.attrib["name"], kind, message, text))
    kinds = [kind for _, kind, _, _ in cases]
    assert counts == {
        "tests": len(kinds),
        "failures": kinds.count("failure"),
        "errors": kinds.count("error"),
        "skipped": kinds.count("skipped"),
    }
    return Suite(suite.attrib["name"], counts, cases)


def without_times(data: bytes) -> bytes:
    """Return a JUnit file without what differs between two runs on the same files."""
    return re.sub(rb' (time|timestamp)="[^"]*"', b"", data)
