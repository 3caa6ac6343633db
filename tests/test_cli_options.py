"""The quick way around Typer: what it takes, it takes as Typer does; the rest it leaves to Typer."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapconv.cli import _with_typer, convert, normalize, split
from pcapconv.cli.options import CONVERT, NORMALIZE, OUTPUT, SPLIT, STEPS, Option, parse
from pcapconv.steps.plan import StepOptions

PLAIN: dict[str, tuple[list[str], dict[str, Any]]] = {
    "in out": (["in", "out"], {}),
    "- -": (["-", "-"], {}),
    "in --force out": (["in", "out"], {"force": True}),
    "-q in out --to pcap": (["in", "out"], {"quiet": True, "to": "pcap"}),
    "in out --to=pcapng": (["in", "out"], {"to": "pcapng"}),
    "in out --to pcap --to pcapng": (["in", "out"], {"to": "pcapng"}),
    "in out --after= --before 5": (["in", "out"], {"after": "", "before": "5"}),
    "in out --chop 14 --chop -4 --chop=-2": (["in", "out"], {"chop": [14, -4, -2]}),
    "in out --shift-time -1h": (["in", "out"], {"shift_time": "-1h"}),
    "in out --first 10 --last=07": (["in", "out"], {"first": 10, "last": 7}),
    "in out --interface eth0 --interface=1:2": (["in", "out"], {"interface": ["eth0", "1:2"]}),
    "in out --set-interface 0.name=a=b": (["in", "out"], {"set_interface": ["0.name=a=b"]}),
    "in out --drop-packets 1-2 --invert --debug": (
        ["in", "out"],
        {"drop_packets": "1-2", "invert": True, "debug": True},
    ),
    "in out --on-loss fail --report -": (["in", "out"], {"on_loss": "fail", "report": "-"}),
}
LEFT_TO_TYPER = [
    "",
    "in",
    "in out more",
    "in out --help",
    "in out --forc",
    "in out --force=yes",
    "in out --to",
    "in out --to erf",
    "in out --first x",
    "in out --first 1.5",
    "in out --first --force",
    "in out --first 123456789012345678901234567890",
    "in out --chop ٣",
    "in out -qq",
    "-- -in out",
    "in out --",
]


def typer_takes(monkeypatch: pytest.MonkeyPatch, line: list[str]) -> tuple[list[str], dict[str, Any]]:
    """What a command is called with by way of Typer."""
    calls: list[tuple[list[str], dict[str, Any]]] = []

    def record(*words: str, **given: Any) -> int:
        calls.append((list(words), given))
        return 0

    monkeypatch.setattr(convert, "convert", record)
    monkeypatch.setattr(split, "split", record)
    monkeypatch.setattr(normalize, "normalize", lambda paths, **given: record(*paths, **given))
    assert _with_typer(line) == 0
    (call,) = calls
    return call


@pytest.mark.parametrize(("line", "expected"), PLAIN.items())
def test_a_plain_line(monkeypatch: pytest.MonkeyPatch, line: str, expected: tuple[list[str], dict[str, Any]]) -> None:
    assert parse(line.split(), CONVERT, places=2) == expected
    words, given_ = typer_takes(monkeypatch, ["convert", *line.split()])
    assert words == expected[0]
    assert given_ == expected[1]


@pytest.mark.parametrize("line", LEFT_TO_TYPER)
def test_what_is_not_plain_is_left_to_typer(line: str) -> None:
    assert parse(line.split(), CONVERT, places=2) is None


def test_split_has_the_options_of_convert_and_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    line = ["in", "out-{index}.pcap", "--max-packets", "5", "--align", "--by", "section", "--first", "3"]
    expected = {"max_packets": 5, "align": True, "by": "section", "first": 3}
    assert parse(line, SPLIT, places=2) == (["in", "out-{index}.pcap"], expected)
    assert typer_takes(monkeypatch, ["split", *line])[1] == expected
    assert parse(line, CONVERT, places=2) is None


@pytest.mark.parametrize(
    ("line", "given_"),
    [
        ("a b", {}),
        ("a b --sort", {"sort": True}),
        ("--no-sort a b", {"sort": False}),
        ("a b --sort --no-sort", {"sort": False}),
        ("a --no-mask-time --mask-time b", {"mask_time": True}),
        ("--check a b --no-strict", {"check": True, "strict": False}),
    ],
)
def test_switches_can_be_turned_off(monkeypatch: pytest.MonkeyPatch, line: str, given_: dict[str, Any]) -> None:
    assert parse(line.split(), NORMALIZE, places=2) == (["a", "b"], given_)
    assert typer_takes(monkeypatch, ["normalize", *line.split()]) == (["a", "b"], given_)


def test_only_switches_can_be_turned_off() -> None:
    assert parse(["a", "b", "--no-strict"], CONVERT, places=2) is None
    assert parse(["a", "b", "--no-check"], NORMALIZE, places=2) is None
    assert parse(["a", "b", "--no-sort=yes"], NORMALIZE, places=2) is None


def words_for(option: Option) -> st.SearchStrategy[list[str]]:
    text = st.text("az09-=,.: ", max_size=5)
    if option.kind == "flag":
        return st.just([option.flag])
    if option.kind == "switch":
        return st.sampled_from([[option.flag], [option.off]])
    if option.choices:
        return st.sampled_from(option.choices).map(lambda value: [option.flag, value])
    if option.kind in ("number", "numbers"):
        return st.integers(-99, 10**9).map(lambda value: [option.flag, str(value)])
    return text.map(lambda value: [f"{option.flag}={value}"])


@pytest.mark.parametrize(("command", "options"), [("convert", CONVERT), ("normalize", NORMALIZE)])
@given(data=st.data())
def test_any_plain_line_is_taken_as_typer_takes_it(
    data: st.DataObject, command: str, options: tuple[Option, ...]
) -> None:
    groups = data.draw(st.lists(st.one_of([words_for(option) for option in options]), max_size=5))
    line = ["in", "out", *(word for group in groups for word in group)]
    plain = parse(line, options, places=2)
    assert plain is not None
    with pytest.MonkeyPatch.context() as patch:
        words, taken = typer_takes(patch, [command, *line])
    assert words == plain[0]
    assert taken == plain[1]


def test_every_step_option_is_on_the_command_line() -> None:
    assert {option.name for option in STEPS} == set(StepOptions.__annotations__)
    assert len({option.flag for option in (*SPLIT, *OUTPUT)}) == len(SPLIT)
