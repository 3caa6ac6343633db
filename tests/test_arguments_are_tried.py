"""Every argument and option is tried: in a second implementation or by exact bytes, and with values that are refused.

A new selecting or editing argument has several places in the tests; the second half tells which one was forgotten.
"""

import re
from collections.abc import Mapping
from fractions import Fraction
from pathlib import Path

import nonsense
import pytest
import wire
from expected_captures import packets
from expected_request import Request
from fuzz.choices import STEP_CHOICES
from fuzz.invariants import EDITING, SELECTING
from invented_captures import editing_fields, selecting_fields

from pcapconv.cli.options import OPTIONS
from pcapconv.steps.step_arguments import StepArguments

ROOT = Path(__file__).parent.parent
NAMES = sorted({option.name for option in OPTIONS})

# The modules that select and edit once more, and the arguments whose fields of a request each of them reads.
SELECTED_AND_EDITED = {
    "expected_selection.py": (
        *("sort", "after", "before", "packets", "drop_packets", "first", "last", "interface", "comment_matches"),
        *("direction", "filter", "where", "dedup", "dedup_ignore", "dedup_skip", "invert"),
    ),
    "expected_decapsulation.py": ("decapsulate", "only_decapsulated"),
    "expected_edits.py": (
        *("chop", "adjust_length", "snaplen", "shift_time", "rebase_time", "set_time", "packet_comment"),
    ),
}
# The other second implementations, and the arguments that each of them has.
IN_SECOND_IMPLEMENTATIONS = {
    "expected_normal_form.py": ("sort", "rebase_time", "mask_time", "keep", "strip"),
    "test_split_oracle.py": ("max_packets", "max_bytes", "interval", "align", "by"),
}
# Where exact bytes or messages are stated for arguments that are too simple for a second implementation.
STATED = {
    "test_batch_cli.py": ("allow_empty", "debug", "quiet"),
    "test_batch_cluster.py": ("scheduler",),
    "test_batch_executors.py": ("jobs",),
    "test_batch_failures.py": ("strict",),
    "test_batch_in_place.py": ("in_place",),
    "test_batch_links.py": ("follow_links",),
    "test_batch_reports.py": ("junit", "report"),
    "test_batch_resume.py": ("resume", "force"),
    "test_batch_shards.py": ("progress", "retries", "shard"),
    "test_batch_sources.py": ("include", "exclude"),
    "test_batch_stall.py": ("stall",),
    "test_batch_target.py": ("template",),
    "test_cli_options.py": ("help",),
    "test_cli_statuses.py": ("on_loss", "to"),
    "test_compressed_output.py": ("compress", "compress_level"),
    "test_early_end.py": ("in_order", "stop_early"),
    "test_diff.py": ("all", "ignore", "show", "time_tolerance"),
    "test_diff_cli.py": ("as_json",),
    "test_fractions.py": ("fractions",),
    "test_merge_cli.py": ("append", "separate_interfaces"),
    "test_normalize_cli.py": ("check",),
    "test_normalize_diff.py": ("diff",),
    "test_relabel.py": ("capture_comment", "link_type", "set_interface"),
    "test_salvage.py": ("salvage",),
    "test_secrets.py": ("inject_secrets",),
    "test_commit.py": ("extract_secrets", "fsync"),
    "test_show.py": ("as_csv", "hex", "inner", "names", "time"),
    "test_sidecar_content.py": ("sidecar", "sidecar_file", "sidecar_secrets"),
    "test_sidecar_edited.py": ("sidecar_fingerprints",),
    "test_snaplens.py": ("keep_snaplen",),
    "test_split_limits.py": ("max_parts",),
    "test_table_cli.py": ("columns",),
    "test_text_form.py": ("as_text",),
    "test_time.py": ("nanoseconds",),
    "test_time_zones_cli.py": ("timezone",),
    "test_traffic.py": ("conversations", "hash", "protocols", "talkers"),
}
# Where values are refused, beside `nonsense.py`.
REFUSED_ELSEWHERE = {
    "test_batch_cli.py": ("include", "exclude", "extract_secrets", "jobs", "junit", "report", "scheduler"),
    "test_batch_shards.py": ("retries", "shard"),
    "test_batch_stall.py": ("stall",),
    "test_batch_target.py": ("template",),
    "test_compressed_output.py": ("compress_level",),
    "test_diff.py": ("ignore", "show", "time_tolerance"),
    "test_early_end.py": ("in_order",),
    "test_normalize_kinds.py": ("keep", "rebase_time", "strip"),
    "test_relabel.py": ("capture_comment", "link_type", "set_interface"),
    "test_secrets.py": ("inject_secrets",),
    "test_sidecar_content.py": ("sidecar_file",),
    "test_split_limits.py": ("interval", "max_bytes", "max_packets"),
    "test_table_refusals.py": ("columns",),
}


def in_files(table: Mapping[str, tuple[str, ...]]) -> set[str]:
    """All names of a table; each has to be given in the file below which it stands: `--first`, `first=`, `"first"`."""
    for file, names in table.items():
        text = (ROOT / "tests" / file).read_text(encoding="utf-8")
        assert [name for name in names if re.search(given(name), text) is None] == [], file
    return {name for names in table.values() for name in names}


def given(name: str) -> str:
    flags = {form.split()[0] for option in OPTIONS if option.name == name for form in (option.flag, *option.forms)}
    return "|".join([f"(?<![\\w-]){flag}(?![\\w-])" for flag in sorted(flags)] + [rf"\b{name}=(?!=)", f'"{name}"'])


@pytest.mark.parametrize(
    ("text", "is_given"),
    [
        *(("run --by link-type", True), ("split(a, by='interface')", True), ('{"by": "section"}', True)),
        *(("made by hand", False), ("--by-hand", False), ("by == 1", False), ("stand_by=1", False)),
    ],
)
def test_where_an_option_is_given(text: str, is_given: bool) -> None:
    assert (re.search(given("by"), text) is not None) == is_given


def test_each_option_is_done_once_more_or_its_result_is_stated() -> None:
    done_once_more = selected_and_edited() - IN_PYTHON | in_files(IN_SECOND_IMPLEMENTATIONS)
    assert done_once_more | in_files(STATED) == set(NAMES)
    assert done_once_more & in_files(STATED) == set()


def test_nonsense_is_tried_with_each_option_that_takes_a_value() -> None:
    """But for those whose few values the command line itself compares."""
    values = {option.name for option in OPTIONS if option.value}
    free = {option.name for option in OPTIONS if option.value and not option.choices}
    refused = {name for options, _ in nonsense.REFUSED + nonsense.PARTS for name in options}
    assert (
        free <= in_files(REFUSED_ELSEWHERE) | refused <= values | {"adjust_length", "invert", "only_decapsulated"}
    )  # flags that are refused alone


# ---------------------------------------------------------------- selecting and editing arguments

ARGUMENTS = set(StepArguments.__annotations__)
# Exact bytes are stated for these, so that no second implementation has them.
STATED_ARGUMENTS = {
    "test_relabel.py": ("capture_comment", "link_type", "set_interface"),
    "test_commit.py": ("extract_secrets",),
    "test_secrets.py": ("inject_secrets",),
    "test_strip.py": ("strip",),
    "test_time_zones_cli.py": ("timezone",),
}
IN_PYTHON = {"where"}  # a function, which no command line and no file of the fuzzer can have
WITH_FILES = {"extract_secrets", "inject_secrets"}  # which the fuzzer would have to write
EVERYTHING = Request(
    sort=True,
    timezone="UTC",
    after=(Fraction(1), False),
    before=(Fraction(2), False),
    packets=[(1, None)],
    drop_packets=[(1, 2)],
    first=1,
    last=1,
    interface=["0"],
    comment_matches="a",
    direction="in",
    expression="tcp",
    where=bool,
    dedup=1,
    dedup_ignore=["length"],
    dedup_skip=1,
    invert=True,
    tunnels=["gre"],
    only_tunnels=True,
    snaplen=1,
    front=1,
    end=1,
    cuts=[(1, False, 1)],
    adjust=True,
    shift=Fraction(1),
    start=Fraction(1),
    moments=[(1, Fraction(1))],
    comments=[(1, "a")],
)


def selected_and_edited() -> set[str]:
    """All arguments of the table; the module has to read each field that says one of its arguments: `request.first`."""
    for file, names in SELECTED_AND_EDITED.items():
        text = (ROOT / "tests" / file).read_text(encoding="utf-8")
        fields = {field for field, name in argument_of_each_field().items() if name in names}
        assert [field for field in sorted(fields) if re.search(rf"\brequest\.{field}\b", text) is None] == [], file
    return {name for names in SELECTED_AND_EDITED.values() for name in names}


def argument_of_each_field() -> dict[str, str]:
    """Which argument says what a field of a request says: `filter` the field `expression`."""
    found = {field: [*Request(**{field: value}).as_arguments()] for field, value in EVERYTHING._asdict().items()}
    assert [field for field, names in found.items() if len(names) != 1] == []
    return {field: name for field, (name,) in found.items()}


def test_the_second_implementation_has_each_step_argument_or_its_result_is_stated() -> None:
    assert selected_and_edited() | in_files(STATED_ARGUMENTS) == ARGUMENTS
    assert selected_and_edited() & in_files(STATED_ARGUMENTS) == set()


def test_a_request_says_each_argument_of_the_second_implementation() -> None:
    assert {*argument_of_each_field().values()} == selected_and_edited() | {"timezone"}  # which says times differently


def test_hypothesis_invents_each_step_argument_of_the_second_implementation() -> None:
    found = packets(wire.pcap_header() + wire.pcap_record(1, 0, b"one"))
    selecting, editing = selecting_fields(found), editing_fields(found)
    assert [name for name, values in (selecting | editing).items() if values is None] == []
    assert {*selecting, "invert", "sort", "timezone", *editing} == set(Request._fields)


def test_each_step_argument_has_values_that_are_refused() -> None:
    refused = {name for options, _ in nonsense.REFUSED for name in options}
    elsewhere = {name for names in REFUSED_ELSEWHERE.values() for name in names}
    assert ARGUMENTS - IN_PYTHON - refused - elsewhere == {"sort"}  # which takes no value, and is always possible


def test_the_fuzzer_chooses_each_step_argument() -> None:
    assert STEP_CHOICES.keys() | WITH_FILES | IN_PYTHON == ARGUMENTS
    assert SELECTING | EDITING | {"invert"} == STEP_CHOICES.keys()
    assert set() == SELECTING & EDITING


def test_the_reference_describes_each_step_argument() -> None:
    reference = ROOT / "docs" / "reference"
    options = (reference / "commands" / "convert.md").read_text(encoding="utf-8")
    described = set(re.findall(r"^#### .*`--([a-z-]+)[ `]", options, re.MULTILINE))
    assert {name.replace("_", "-") for name in ARGUMENTS - IN_PYTHON} - described == set()
    arguments = (reference / "python.md").read_text(encoding="utf-8")
    assert ARGUMENTS - set(re.findall(r"^\* `(\w+)` \(`", arguments, re.MULTILINE)) == set()
