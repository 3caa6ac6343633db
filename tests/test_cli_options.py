"""Command lines: what is understood, what is refused and with which words, and that one table says it all."""

from __future__ import annotations

import inspect
import re
import shlex
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pcapconv.cli import run
from pcapconv.cli.commands import COMMANDS
from pcapconv.cli.grammar import FLAGS, NUMBERS, REPEATABLE, Option
from pcapconv.cli.options import OPTIONS, options_of_command
from pcapconv.cli.parse import parse
from pcapconv.cli.suggestions import _OPTIONS_OF_OTHERS
from pcapconv.errors import UsageError
from pcapconv.steps.step_arguments import StepArguments

CONVERT, NORMALIZE, SPLIT = COMMANDS["convert"], COMMANDS["normalize"], COMMANDS["split"]
Parsed = tuple[list[str], dict[str, Any]]

PLAIN: dict[str, Parsed] = {
    "in out": (["in", "out"], {}),
    "- -": (["-", "-"], {}),
    "in --force out": (["in", "out"], {"force": True}),
    "-q in out --to pcap": (["in", "out"], {"quiet": True, "to": "pcap"}),
    "-qf in out": (["in", "out"], {"quiet": True, "force": True}),
    "in out -f -qq": (["in", "out"], {"quiet": True, "force": True}),
    "in out --to=pcapng": (["in", "out"], {"to": "pcapng"}),
    "in out --to pcap --to pcapng": (["in", "out"], {"to": "pcapng"}),
    "in out --after= --before 5": (["in", "out"], {"after": "", "before": "5"}),
    "in out --chop 14 --chop -4 --chop=-2 --chop +1": (["in", "out"], {"chop": ["14", "-4", "-2", "+1"]}),
    "in out --shift-time -1h": (["in", "out"], {"shift_time": "-1h"}),
    "in out --first 10 --last=07": (["in", "out"], {"first": 10, "last": 7}),
    f"in out --first {'9' * 1000}": (["in", "out"], {"first": 10**1000 - 1}),
    "in out --interface eth0 --interface=1:2": (["in", "out"], {"interface": ["eth0", "1:2"]}),
    "in out --set-interface 0.name=a=b": (["in", "out"], {"set_interface": ["0.name=a=b"]}),
    "in out --report -x --capture-comment --": (["in", "out"], {"report": "-x", "capture_comment": ["--"]}),
    "in out --report=-q": (["in", "out"], {"report": "-q"}),
    "in out --capture-comment=--force": (["in", "out"], {"capture_comment": ["--force"]}),
    "in out --drop-packets 1-2 --invert --debug": (
        ["in", "out"],
        {"drop_packets": "1-2", "invert": True, "debug": True},
    ),
    "in out --on-loss fail --report -": (["in", "out"], {"on_loss": "fail", "report": "-"}),
    "in out --no-fsync": (["in", "out"], {"fsync": False}),
    "-q -- -in -out": (["-in", "-out"], {"quiet": True}),
    "in out --": (["in", "out"], {}),
    "in -h --bogus": (["in"], {"help": True}),
    "-qh": ([], {"quiet": True, "help": True}),
}
WRONG = {  # arguments of convert
    "": "IN and OUT are missing; write: pcapconv convert IN OUT",
    "in": "OUT is missing; write: pcapconv convert in OUT",
    "'a b'": "OUT is missing; write: pcapconv convert 'a b' OUT",
    "in out c": "too many names: c; write: pcapconv convert IN OUT; pcapconv batch SRC DST converts many captures, "
    "pcapconv merge IN... OUT makes one of them",
    "in out --forc": "convert has no option --forc; did you mean --force?",
    "in out --no-fsnc": "convert has no option --no-fsnc; did you mean --no-fsync?",
    "in out --no-strict": "convert has no option --no-strict; pcapconv convert --help lists its options",
    "in out --bogus --help": "convert has no option --bogus; pcapconv convert --help lists its options",
    "in out --max-packets 5": "convert has no option --max-packets; pcapconv split has it",
    "in out --append": "convert has no option --append; pcapconv merge --append IN... OUT puts one capture behind the "
    "other",
    "in out --allow-empty": "convert has no option --allow-empty; pcapconv batch and normalize have it",
    "in -o out": "convert has no option -o; the output comes after the input: pcapconv convert IN OUT",
    "in out -fx": "convert has no option -x; pcapconv convert --help lists its options",
    "in out --force=yes": "--force: it takes no value; leave out =yes",
    "in out --fsync=no": "--fsync: it takes no value; leave out =no, or write --no-fsync",
    "in out --no-fsync=yes": "--no-fsync: it takes no value; leave out =yes",
    "in out --to": "--to: its value is missing; write it as in --to pcap",
    "in out --first --force": "--first: its value is missing; write it as in --first 1000",
    "in out --report -q": "--report: its value is missing; write it as in --report report.json",
    "in out --report -qf": "--report: its value is missing; write it as in --report report.json",
    "in out --after --before=5": "--after: its value is missing; write it as in --after 2024-05-01T12:00Z",
    "in out --capture-comment -f": "--capture-comment: its value is missing; write it as in --capture-comment 'lab 3'",
    "in out --to erf": "--to erf: must be pcap or pcapng",
    "in out --on-loss=": "--on-loss: must be warn, ignore or fail",
    "in out --fractions ms": "--fractions ms: must be nanoseconds",
    "in out --first x": "--first x: not a whole number; write it as in --first 1000",
    "in out --first 1.5": "--first 1.5: not a whole number; write it as in --first 1000",
    "in out --last=": "--last: not a whole number; write it as in --last 100",
    "in out --last 1_0": "--last 1_0: not a whole number; write it as in --last 100",
    "in out --snaplen ٣": "--snaplen ٣: not a whole number; write it as in --snaplen 96",
    "in out.pcap --chop ٣": "--chop ٣: neither a number of bytes nor OFFSET:N; write 14, -4 or 12:4",
    f"in out --last {'9' * 1001}": "--last: a number of more than 1000 digits; write it as in --last 100",
}
OF_OTHERS = {  # whole lines of other commands
    "split a -o b": "split has no option -o; the output comes after the input: pcapconv split IN TEMPLATE",
    "merge a -w b": "merge has no option -w; the output comes after the inputs: pcapconv merge IN... OUT",
    "merge a b -a": "merge has no option -a; did you mean --append?",
    "merge a b -I none": "merge has no option -I; did you mean --separate-interfaces?",
    "merge a b --stop-early": "merge has no option --stop-early; pcapconv convert, split and table have it",
    "merge": "IN and OUT are missing; write: pcapconv merge IN OUT",
    "merge 'a b'": "OUT is missing; write: pcapconv merge 'a b' OUT",
    "batch a -w b": "batch has no option -w; the output comes after the input: pcapconv batch SRC [DST]",
    "diff a -o b": "diff has no option -o; pcapconv diff --help lists its options",
    "show a -c 3": "show has no option -c; did you mean --first?",
    "show -r a": "show has no option -r; the input is named without an option: pcapconv show IN",
    "show -nn a": "show has no option -n; names are never looked up, so leave it out; "
    "--names shows those of the capture",
    "show a --decapsulate all": "show has no option --decapsulate; did you mean --inner?",
    "show a 'port 53'": "too many names: 'port 53'; write: pcapconv show IN; --filter takes an expression, as in "
    "--filter 'tcp port 443'",
    "normalize --check '--strip secrets' a": "normalize has no option --strip secrets; name and value are in one word; "
    "did you mean --strip=secrets?",
    "split a b --parts 4": "split has no option --parts; did you mean --max-packets?",
    "info a --compare b": "info has no option --compare; pcapconv diff A B compares two captures",
    "info a --endpoints": "info has no option --endpoints; pcapconv info --conversations --talkers IN shows who "
    "talks to whom",
    "info a -z conv,tcp": "info has no option -z; did you mean --conversations, --talkers or --protocols?",
    "convert a b -i 60": "convert has no option -i; did you mean pcapconv split --interval?",
    "split a b -c 10": "split has no option -c; did you mean --max-packets?",
    "info a -o b": "info has no option -o; pcapconv info --help lists its options",
    "normalize": "IN is missing; write: pcapconv normalize IN [OUT]",
    "batch -q": "SRC is missing; write: pcapconv batch SRC [DST]",
    "diff a": "B is missing; write: pcapconv diff a B",
}
TIPS = {  # whole lines, and what is said of them
    "{a} b.pcapng": "no such command: {a}; did you mean: pcapconv convert {a} b.pcapng",
    "none.pcap b.pcapng -f": "no such command: none.pcap; did you mean: pcapconv convert none.pcap b.pcapng -f",
    "- b.pcapng": "no such command: -; did you mean: pcapconv convert - b.pcapng",
    "{a}": "no such command: {a}; did you mean: pcapconv info {a}",
    "{a} {a} {a} --json": "no such command: {a}; did you mean: pcapconv info {a} {a} {a} --json",
    "{a} b.pcapng --to pcapng": "no such command: {a}; did you mean: pcapconv convert {a} b.pcapng --to pcapng",
    "{a}/.. out": "no such command: {a}/..; pcapconv --help lists the commands",
    "{dir}": "no such command: {dir}; did you mean: pcapconv batch {dir} DST",
    "info - -": "- is stdin, which can be read once; name it once",
    "normalize --check - -": "- is stdin, which can be read once; name it once",
    "{a} {a} b.pcapng": "no such command: {a}; did you mean: pcapconv merge {a} {a} b.pcapng",
    "{dir} all.pcapng -q": "no such command: {dir}; did you mean: pcapconv merge {dir} all.pcapng -q",
    "{dir} out": "no such command: {dir}; did you mean: pcapconv batch {dir} out",
    "batch1 out": "no such command: batch1; did you mean: pcapconv batch out",
    "converted -f": "no such command: converted; did you mean: pcapconv batch converted -f",
    "covert a b": "no such command: covert; did you mean: pcapconv convert a b",
    "help": "no such command: help; did you mean: pcapconv --help",
    "help split": "no such command: help; did you mean: pcapconv split --help",
    "-q convert a b": "-q has to come after the command; did you mean: pcapconv convert -q a b",
    "--bogus": "no such option: --bogus; pcapconv --help lists the commands",
    "filter a b": "no such command: filter; pcapconv convert --filter EXPRESSION IN OUT selects packets as tcpdump "
    "does, and tshark -r IN -Y FILTER -w OUT by display filters",
    "transmogrify": "no such command: transmogrify; pcapconv --help lists the commands",
}
ELSEWHERE = {
    "append": "pcapconv merge --append IN... OUT",
    "mergecap": "pcapconv merge IN... OUT",
    "reorder": "pcapconv convert --sort IN OUT",
    "dedupe": "pcapconv convert --dedup 4 IN OUT",
    "repair": "pcapconv convert IN OUT keeps all that is intact",
    "anonymize": "tcprewrite --seed",
    "compare": "pcapconv diff A B compares two captures",
    "stats": "pcapconv info IN shows what is in a capture",
    "tshark": "pcapconv show IN",
    "talkers": "pcapconv info --conversations --talkers IN",
    "connections": "pcapconv split --by flow IN TEMPLATE",
    "decap": "pcapconv convert --decapsulate all IN OUT",
}


def refused(capfd: pytest.CaptureFixture[str], line: str) -> str:
    """The one sentence that is said of a line; nothing else is."""
    assert run(shlex.split(line)) == 2
    out, err = capfd.readouterr()
    assert out == ""
    sentence: str = err.removeprefix("pcapconv: ").removesuffix("\n")
    assert err == f"pcapconv: {sentence}\n"
    return sentence


# ---------------------------------------------------------------- lines


@pytest.mark.parametrize(("line", "expected"), PLAIN.items())
def test_a_whole_line(line: str, expected: Parsed) -> None:
    assert parse(line.split(), CONVERT) == expected


@pytest.mark.parametrize(("line", "sentence"), WRONG.items())
def test_a_wrong_line(line: str, sentence: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert refused(capfd, f"convert {line}") == sentence


@pytest.mark.parametrize(("line", "sentence"), OF_OTHERS.items())
def test_a_wrong_line_of_another_command(line: str, sentence: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert refused(capfd, line) == sentence


@pytest.mark.parametrize(("line", "sentence"), TIPS.items())
def test_a_line_without_a_command(
    line: str, sentence: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a capture").write_bytes(b"")  # known by being there, not by its name
    (tmp_path / "dir").mkdir()
    (tmp_path / "converted").mkdir()
    names = {"a": "'a capture'", "dir": "dir"}
    said = refused(capfd, line.format(**names))
    first, tip = sentence.split("; ")
    assert said == f"{first.format(a='a capture', dir='dir')}; {tip.format(**names)}"


def test_completion_is_of_the_shell_that_runs_it(capfd: pytest.CaptureFixture[str]) -> None:
    said = refused(capfd, "--show-completion bash")
    assert said == "--show-completion takes no names: it is for the shell in which it runs"


@pytest.mark.parametrize(("word", "fact"), ELSEWHERE.items())
def test_what_others_call_it(word: str, fact: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert fact in refused(capfd, f"{word} a.pcap b.pcap")
    assert refused(capfd, f"convert a.pcap b.pcap --{word}").startswith(f"convert has no option --{word}; ")
    assert fact in refused(capfd, f"convert a.pcap b.pcap --{word}")
    assert fact in refused(capfd, f"--{word}")


@pytest.mark.parametrize("name", _OPTIONS_OF_OTHERS)
def test_what_stands_for_options_of_other_programs(name: str) -> None:
    """Each is an option that there is, and stands for one that there is not."""
    for theirs, instead in _OPTIONS_OF_OTHERS[name].items():
        command = instead.split()[1] if instead.startswith("pcapconv ") else name
        assert theirs not in flags_of(name)
        assert {word for word in re.split("[ ,]+", instead) if word.startswith("-")} <= flags_of(command)


def flags_of(command: str) -> set[str]:
    options = options_of_command(command)
    return {option.flag for option in options} | {f"-{option.short}" for option in options if option.short}


def test_split_has_the_options_of_convert_and_its_own() -> None:
    line = ["in", "out-{index}.pcap", "--max-packets", "5", "--align", "--by", "section", "--first", "3"]
    expected = {"max_packets": 5, "align": True, "by": "section", "first": 3}
    assert parse(line, SPLIT) == (["in", "out-{index}.pcap"], expected)
    with pytest.raises(UsageError):
        parse(line, CONVERT)


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
def test_switches_can_be_turned_off(line: str, given_: dict[str, Any]) -> None:
    assert parse(line.split(), NORMALIZE) == (["a", "b"], given_)


@pytest.mark.parametrize("line", ["a b --no-check", "a b --no-sort=yes", "a b --no-to"])
def test_only_switches_can_be_turned_off(line: str) -> None:
    with pytest.raises(UsageError):
        parse(line.split(), NORMALIZE)


def words_for(option: Option) -> st.SearchStrategy[tuple[list[str], tuple[Option, Any]]]:
    """The words for an option on a line, and the value that they mean."""
    if option.value_type in FLAGS:
        written = {option.flag: True} | ({f"-{option.short}": True} if option.short else {})
        written |= {option.negated_flag: False} if option.value_type == "switch" else {}
        return st.sampled_from(sorted(written)).map(lambda flag: ([flag], (option, written[flag])))
    value: st.SearchStrategy[Any] = st.text("az09-=,.: ", max_size=5)
    if option.value_type == "optional":
        joined = value.map(lambda text: ([f"{option.flag}={text}"], (option, text)))
        return st.one_of(st.just(([option.flag], (option, True))), joined)
    if option.choices:
        value = st.sampled_from(option.choices)
    if option.value_type in NUMBERS:
        value = st.integers(-99, 10**9)
    return st.builds(
        lambda said, joined: ([f"{option.flag}={said}"] if joined else [option.flag, str(said)], (option, said)),
        value,
        st.booleans(),
    )


@pytest.mark.parametrize("name", COMMANDS)
@given(data=st.data())
def test_any_line_of_a_command(name: str, data: st.DataObject) -> None:
    options = [option for option in options_of_command(name) if option.name != "help"]
    groups = data.draw(st.lists(st.one_of([words_for(option) for option in options]), max_size=5))
    words = [operand.metavar for operand in COMMANDS[name].operands]
    expected: dict[str, Any] = {}
    for _, (option, value) in groups:
        if option.value_type in REPEATABLE:
            expected.setdefault(option.name, []).append(value)
        else:
            expected[option.name] = value
    line = [*words, *(word for written, _ in groups for word in written)]
    assert parse(line, COMMANDS[name]) == (words, expected)


# ---------------------------------------------------------------- the table


def test_every_step_option_is_on_the_command_line() -> None:
    steps = set(StepArguments.__annotations__) - {"where"}  # a function, which only Python can pass
    for name in ("convert", "split", "batch"):
        assert steps <= {option.name for option in options_of_command(name)}


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_has_no_option_twice(name: str) -> None:
    options = options_of_command(name)
    assert len({option.name for option in options}) == len(options)
    assert len({option.flag for option in options}) == len(options)
    shorts = [option.short for option in options if option.short]
    assert len(set(shorts)) == len(shorts)


def test_short_options_mean_one_thing_and_take_no_value() -> None:
    shorts = {(option.short, option.name, option.value_type in FLAGS) for option in OPTIONS if option.short}
    assert shorts == {("f", "force", True), ("q", "quiet", True), ("h", "help", True), ("x", "hex", True)}


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: f"{option.commands[0]}{option.flag}")
def test_an_example_is_one(option: Option) -> None:
    command = COMMANDS[option.commands[0]]
    words = ["x"] * len(command.operands)
    assert option.name in parse([*words, *shlex.split(option.shown_example)], command)[1]


@pytest.mark.parametrize("line", [line for command in COMMANDS.values() for line in command.examples])
def test_an_example_of_a_command_is_one(line: str) -> None:
    (own,) = [part for part in re.split(r" \| ", line) if part.startswith("pcapconv ")]
    _, name, *arguments = shlex.split(own)
    parse(arguments, COMMANDS[name])


@pytest.mark.parametrize("name", COMMANDS)
def test_the_function_of_a_command_takes_its_options(name: str) -> None:
    command = COMMANDS[name]
    module, function = command.function
    parameters = inspect.signature(getattr(import_module(module), function)).parameters
    if not any(each.kind is each.VAR_KEYWORD for each in parameters.values()):
        assert {option.name for option in options_of_command(name)} - {"help", "debug"} <= set(parameters)
    assert "debug" not in parameters
