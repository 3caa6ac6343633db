"""What to type instead of a command line that nobody can carry out. Each function gives one sentence."""

from __future__ import annotations

import os
import shlex
from collections.abc import Sequence
from difflib import get_close_matches

from pcapconv.cli.commands import COMMANDS
from pcapconv.cli.grammar import Command
from pcapconv.cli.options import options_of
from pcapconv.formats import format_of
from pcapconv.io.paths import STDIO

_SORT = "pcapconv normalize --sort orders packets by time, and leaves out what is not in the normal form; Wireshark's "
_OUTPUTS = ("OUT", "TEMPLATE", "DST")  # as operands are called
_NEAR = 0.7  # of 1, for words that are the same
_ELSEWHERE = {  # what other tools' users look for, and where it is
    "merge": "Wireshark's mergecap merges captures by time: mergecap -w OUT IN...",
    "sort": f"{_SORT}reordercap does nothing but sort: reordercap IN OUT",
    "reorder": f"{_SORT}reordercap does nothing but sort: reordercap IN OUT",
    "dedupe": "Wireshark's editcap leaves out packets that are there twice: editcap -d IN OUT",
    "repair": "pcapconv convert IN OUT keeps all that is intact of a damaged capture, and names the damage",
    "anonymize": "pcapconv convert --strip names,comments,secrets,host,addresses leaves out what a capture says "
    "beside packets; tcprewrite --seed changes the addresses in packets",
    "filter": "pcapconv convert selects by --after, --before, --packets, --interface, --comment-matches and "
    "--direction; for display filters there is tshark -r IN -Y FILTER -w OUT",
}
_OTHER_WORDS = {
    "anonymise": "anonymize",
    "append": "merge",
    "concat": "merge",
    "dedup": "dedupe",
    "deduplicate": "dedupe",
    "fix": "repair",
    "recover": "repair",
}


def _elsewhere(word: str) -> str | None:
    word = word.removeprefix("--").lower()
    return _ELSEWHERE.get(_OTHER_WORDS.get(word, word))


def unknown_command(arguments: Sequence[str]) -> str:
    """About a line that does not begin with a command."""
    first, *rest = arguments
    if first.startswith("-") and first != STDIO:
        name = first.partition("=")[0]
        at = next((number for number, word in enumerate(rest) if word in COMMANDS), None)
        if at is not None:
            others = [rest[at], first, *rest[:at], *rest[at + 1 :]]
            return f"{name} stands before the command; did you mean: {_line(others)}"
        return f"no such option: {name}; {_elsewhere(name) or 'pcapconv --help lists the commands'}"
    if first == "help":
        topic = [word for word in rest if word in COMMANDS][:1]
        return f"no such command: help; did you mean: {_line([*topic, '--help'])}"
    if tip := _elsewhere(first):
        return f"no such command: {first}; {tip}"
    close = get_close_matches(first, COMMANDS, 1)
    meant = _for_files(arguments) or [*close, *rest]
    if meant == rest:
        return f"no such command: {first}; pcapconv --help lists the commands"
    return f"no such command: {first}; did you mean: {_line(meant)}"


def _for_files(arguments: Sequence[str]) -> list[str] | None:
    """The line with a command, where it begins with a capture's name; None where it does not."""
    first = arguments[0]
    if os.path.isdir(first):
        return ["batch", *arguments, *(["DST"] if len(arguments) == 1 else [])]
    if first != STDIO and format_of(first) is None and not os.path.isfile(first):
        return None
    names = [word for word in arguments if word == STDIO or not word.startswith("-")]
    looks = len(names) == 1 or (len(names) > 2 and all(map(os.path.isfile, names)))
    return [("info" if looks else "convert"), *arguments]


def unknown_option(name: str, command: Command) -> str:
    """About an option that the command does not have."""
    return f"{command.name} has no option {name}; {_instead(name, command)}"


def _instead(name: str, command: Command) -> str:
    if tip := _elsewhere(name):
        return tip
    if name in ("-o", "-w", "--output") and command.operands[-1].metavar in _OUTPUTS:
        return f"the output stands behind the input: {_bare(command)}"
    others = [each.name for each in COMMANDS.values() if name in (option.flag for option in options_of(each.name))]
    if not others and (close := _closest(name, command)):
        return f"did you mean {close}?"
    if others:
        return f"pcapconv {' and '.join(others)} ha{'s' if len(others) == 1 else 've'} it"
    return f"pcapconv {command.name} --help lists its options"


def _closest(name: str, command: Command) -> str | None:
    """The option that is spelt most like it; None where none is near."""
    options = options_of(command.name)
    off = name.startswith("--no-")
    flags = [option.off for option in options if option.kind == "switch"] if off else [each.flag for each in options]
    close = get_close_matches(name.removeprefix("--"), [flag.removeprefix("--") for flag in flags], 1, _NEAR)
    return f"--{close[0]}" if close else None


def missing_words(words: Sequence[str], command: Command) -> str:
    """About a line with too few names."""
    rest = command.operands[len(words) :]
    missing = [operand.metavar for operand in rest if not operand.optional]
    line = " ".join([_line([command.name, *words]), *missing, *(operand.usage for operand in rest if operand.optional)])
    return f"{' and '.join(missing)} {'is' if len(missing) == 1 else 'are'} missing; write: {line}"


def too_many_words(words: Sequence[str], command: Command) -> str:
    """About a line with too many names."""
    more = " ".join(map(shlex.quote, words[len(command.operands) :]))
    many = "; pcapconv batch SRC DST converts many captures" if command.name == "convert" else ""
    return f"too many names: {more}; write: {_bare(command)}{many}"


def _bare(command: Command) -> str:
    return " ".join(["pcapconv", command.name, *(operand.usage for operand in command.operands)])


def _line(words: Sequence[str]) -> str:
    return shlex.join(["pcapconv", *words])
