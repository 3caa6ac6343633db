"""Error messages for command lines that cannot be run, with a suggestion of what to type instead.

Each public function returns one sentence.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from difflib import get_close_matches
from itertools import takewhile

from pcapconv.cli.commands import COMMANDS
from pcapconv.cli.grammar import Command
from pcapconv.cli.options import options_of_command
from pcapconv.formats import format_of
from pcapconv.io.paths import STDIO

_SORT = "pcapconv convert --sort IN OUT orders packets by time"
_MERGE = "pcapconv merge IN... OUT"
_OUTPUTS = ("OUT", "TEMPLATE", "DST")  # operands that name outputs
_FROM_TCPDUMP = {"-c": "--first", "-Y": "--filter"}  # and tshark
_FROM_EDITCAP = {"-A": "--after", "-B": "--before", "-F": "--to", "-s": "--snaplen"}
_OPTIONS_OF_OTHERS = {  # by command: an option of other tools, or one that users may expect, and what to write instead
    "convert": {
        **_FROM_TCPDUMP,
        **_FROM_EDITCAP,
        "-a": "--packet-comment",
        "-C": "--chop",
        "-d": "--dedup",
        "-i": "pcapconv split --interval",
        "-L": "--adjust-length",
        "-t": "--shift-time",
        "-T": "--link-type",
    },
    "split": {
        **_FROM_EDITCAP,
        "-c": "--max-packets",
        "-C": "--max-bytes",
        "-G": "--interval",
        "-i": "--interval",
        "--parts": "--max-packets",
    },
    "merge": {**_FROM_EDITCAP, "-a": "--append", "-I": "--separate-interfaces"},
    "show": {
        **_FROM_TCPDUMP,
        "-e": "--columns",
        "-t": "--time",
        "-T": "--json, --csv or --columns",
        "-X": "-x",
        "--decapsulate": "--inner",
    },
    "table": {**_FROM_TCPDUMP, "-e": "--columns"},
    "info": {"-Y": "--filter", "-z": "--conversations, --talkers or --protocols", "-H": "--hash"},
}
_SIMILARITY = 0.7  # between a faulty and a suggested option name; 1 if they are equal
_TASK_TIPS = {  # commands and options that users may expect, and what to use instead
    "merge": f"{_MERGE} merges captures by time",
    "append": "pcapconv merge --append IN... OUT puts one capture behind the other",
    "sort": _SORT,
    "reorder": _SORT,
    "dedupe": "pcapconv convert --dedup 4 IN OUT leaves out packets that repeat one of the 4 before them",
    "repair": "pcapconv convert IN OUT keeps all that is intact of a damaged capture, and names the damage",
    "anonymize": "pcapconv convert --strip names,comments,secrets,host,addresses leaves out what a capture says "
    "beside packets; tcprewrite --seed changes the addresses in packets",
    "list": "pcapconv show IN shows the packets, a line each",
    "compare": "pcapconv diff A B compares two captures",
    "statistics": "pcapconv info IN shows what is in a capture: packets, times, interfaces",
    "conversations": "pcapconv info --conversations --talkers IN shows who talks to whom",
    "flows": "pcapconv split --by flow IN TEMPLATE makes a file for each connection",
    "decapsulate": "pcapconv convert --decapsulate all IN OUT takes packets out of tunnels",
    "filter": "pcapconv convert --filter EXPRESSION IN OUT selects packets as tcpdump does, and tshark -r IN "
    "-Y FILTER -w OUT by display filters",
}
_SYNONYMS = {
    "anonymise": "anonymize",
    "cat": "append",
    "cmp": "compare",
    "concat": "append",
    "concatenate": "append",
    "combine": "merge",
    "mergecap": "merge",
    "dedup": "dedupe",
    "deduplicate": "dedupe",
    "fix": "repair",
    "recover": "repair",
    "connections": "flows",
    "decap": "decapsulate",
    "dump": "list",
    "endpoints": "conversations",
    "packets": "list",
    "print": "list",
    "stats": "statistics",
    "summary": "statistics",
    "talkers": "conversations",
    "tcpdump": "list",
    "tshark": "list",
}


def _task_tip(word: str) -> str | None:
    """Return a tip for a word that names a task; None for any other word."""
    word = word.removeprefix("--").lower()
    return _TASK_TIPS.get(_SYNONYMS.get(word, word))


def unknown_command(arguments: Sequence[str]) -> str:
    """Return the message about a line that does not begin with a command."""
    first, *remaining = arguments
    if first.startswith("-") and first != STDIO:
        name = first.partition("=")[0]
        index = next((index for index, word in enumerate(remaining) if word in COMMANDS), None)
        if index is not None:
            reordered = [remaining[index], first, *remaining[:index], *remaining[index + 1 :]]
            return f"{name} has to come after the command; did you mean: {_line(reordered)}"
        return f"no such option: {name}; {_task_tip(name) or 'pcapconv --help lists the commands'}"
    if first == "help":
        topic = [word for word in remaining if word in COMMANDS][:1]
        return f"no such command: help; did you mean: {_line([*topic, '--help'])}"
    if tip := _task_tip(first):
        return f"no such command: {first}; {tip}"
    similar = get_close_matches(first, COMMANDS, 1)
    suggested = _with_command(arguments) or [*similar, *remaining]
    if suggested == remaining:
        return f"no such command: {first}; pcapconv --help lists the commands"
    return f"no such command: {first}; did you mean: {_line(suggested)}"


def _with_command(arguments: Sequence[str]) -> list[str] | None:
    """Return the line with a fitting command before it, if it begins with the name of a capture or directory; else
    None."""
    first = arguments[0]
    first_names = list(takewhile(lambda word: word == STDIO or not word.startswith("-"), arguments))
    if os.path.isdir(first):
        if len(first_names) > 1 and format_of(first_names[-1]) is not None:
            return ["merge", *arguments]
        return ["batch", *arguments, *(["DST"] if len(arguments) == 1 else [])]
    if first != STDIO and format_of(first) is None and not os.path.isfile(first):
        return None
    names = [word for word in arguments if word == STDIO or not word.startswith("-")]
    if len(names) == 1 or (len(names) > 2 and all(map(os.path.isfile, names))):
        return ["info", *arguments]
    return [("merge" if len(first_names) > 2 else "convert"), *arguments]


def unknown_option(name: str, command: Command) -> str:
    """Return the message about an option that the command does not have."""
    return f"{command.name} has no option {name}; {_option_tip(name, command)}"


def _option_tip(name: str, command: Command) -> str:
    flag, space, value = name.partition(" ")
    if space and flag in (option.flag for option in options_of_command(command.name)):
        return f"name and value are in one word; did you mean {shlex.quote(f'{flag}={value.strip()}')}?"
    if instead := _OPTIONS_OF_OTHERS.get(command.name, {}).get(name):
        return f"did you mean {instead}?"
    if tip := _task_tip(name):
        return tip
    if name in ("-o", "-w", "--output") and command.operands[-1].metavar in _OUTPUTS:
        return f"the output comes after the input{'s' if command.name == 'merge' else ''}: {_usage(command)}"
    if name == "-r":
        return f"the input is named without an option: {_usage(command)}"
    if name == "-n" and command.name in ("show", "info"):
        capture_names = "; --names shows those of the capture" if command.name == "show" else ""
        return f"names are never looked up, so leave it out{capture_names}"
    other_commands = [
        each.name for each in COMMANDS.values() if name in (option.flag for option in options_of_command(each.name))
    ]
    if not other_commands and (similar := _most_similar_flag(name, command)):
        return f"did you mean {similar}?"
    if other_commands:
        *first_commands, last = other_commands
        listed = f"{', '.join(first_commands)} and {last} have" if first_commands else f"{last} has"
        return f"pcapconv {listed} it"
    return f"pcapconv {command.name} --help lists its options"


def _most_similar_flag(name: str, command: Command) -> str | None:
    """Return the option of the command whose spelling is most similar to `name`; None if none is similar."""
    options = options_of_command(command.name)
    if name.startswith("--no-"):
        flags = [option.negated_flag for option in options if option.value_type == "switch"]
    else:
        flags = [option.flag for option in options]
    similar = get_close_matches(name.removeprefix("--"), [flag.removeprefix("--") for flag in flags], 1, _SIMILARITY)
    return f"--{similar[0]}" if similar else None


def missing_operands(given: Sequence[str], command: Command) -> str:
    """Return the message about a line with too few operands."""
    not_given = command.operands[len(given) :]
    missing = [operand.metavar for operand in not_given if not operand.optional]
    optional = [operand.usage for operand in not_given if operand.optional]
    line = " ".join([_line([command.name, *given]), *missing, *optional])
    return f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing; write: {line}"


def too_many_operands(given: Sequence[str], command: Command) -> str:
    """Return the message about a line with too many operands."""
    surplus = " ".join(map(shlex.quote, given[len(command.operands) :]))
    tip = ""
    if command.name == "convert":
        tip = f"; pcapconv batch SRC DST converts many captures, {_MERGE} makes one of them"
    elif command.name == "show":
        tip = "; --filter takes an expression, as in --filter 'tcp port 443'"
    return f"too many names: {surplus}; write: {_usage(command)}{tip}"


def _usage(command: Command) -> str:
    """Return the command with its operands, those that are left out only with an option among them as well: `pcapconv
    convert IN OUT`."""
    return " ".join(["pcapconv", command.name, *(each._replace(unless="").usage for each in command.operands)])


def _line(words: Sequence[str]) -> str:
    return shlex.join(["pcapconv", *words])
