"""The manual pages, in roff: one for each command, and an overview."""

from __future__ import annotations

import re
from collections.abc import Iterable
from textwrap import wrap

from generating.texts import ROOT, VARIABLES, manual_text, sentence, statuses_of
from pcapconv.cli.commands import COMMANDS, COMPLETION, HELP, SUMMARY, VERSION
from pcapconv.cli.grammar import Command, Option
from pcapconv.cli.options import options_of_command
from pcapconv.cli.statuses import MEANINGS, Meaning

_WIDTH = 78
_VERSION = re.compile(r"^## (\S+) \(.*(\d{4}-\d\d-\d\d)\)$", re.MULTILINE)  # a heading in CHANGELOG.md
_MARKED = re.compile(r"`([^`]+)`|\[([^]]+)]\(([^)]+)\)")


def pages() -> dict[str, str]:
    """Return the text of each page by the name of its file."""
    return {
        "pcapconv.1": _overview_page(),
        **{f"pcapconv-{name}.1": _command_page(command) for name, command in COMMANDS.items()},
    }


def _command_page(command: Command) -> str:
    name = f"pcapconv-{command.name}"
    usage = " ".join(
        f"[{_italic(operand.usage[1:-1])}]" if operand.usage.startswith("[") else _italic(operand.usage)
        for operand in command.operands
    )
    lines = [*_page_head(name, command.summary), f"\\fBpcapconv {command.name}\\fR [\\fIOPTIONS\\fR] {usage}"]
    lines += [".SH DESCRIPTION", f"{_roff(command.summary)}.", _roff(command.description)]
    for operand in command.operands:
        lines += _item(_italic(operand.usage.strip("[]")), f"{_roff(operand.help)}.")
    lines.append(".SH OPTIONS")
    group = ""
    for option in options_of_command(command.name):
        if option.group != group:
            group = option.group
            lines.append(f".SS {group}")
        lines += _option_item(option)
    lines += [".SH EXIT STATUS", *_items(statuses_of(command)), ".SH EXAMPLES", *_examples(command.examples)]
    other_pages = [f"pcapconv-{each}" for each in COMMANDS if each != command.name]
    return _page([*lines, *_see_also(["pcapconv", *other_pages])])


def _overview_page() -> str:
    lines = [*_page_head("pcapconv", SUMMARY), "\\fBpcapconv\\fR \\fICOMMAND\\fR [\\fIOPTIONS\\fR] \\fI...\\fR"]
    lines += [
        ".SH DESCRIPTION",
        "What the target format can hold arrives unchanged, to the last bit; what it cannot hold is counted, named and",
        "reported.",
        "Times are integers from end to end.",
        "An output gets its final name only when it is complete.",
        ".SH COMMANDS",
    ]
    for command in COMMANDS.values():
        lines += _item(f"\\fB{_roff(command.name)}\\fR", f"{_roff(command.summary)}.")
    lines += [".SH OPTIONS", *(line for option in (VERSION, HELP, *COMPLETION) for line in _option_item(option))]
    statuses = [(meaning.status, sentence(_meanings_text(meaning))) for meaning in MEANINGS]
    lines += [".SH EXIT STATUS", *_items(statuses), ".SH ENVIRONMENT", *_items(VARIABLES)]
    lines += [".SH EXAMPLES", *_examples(tuple(command.examples[0] for command in COMMANDS.values()))]
    return _page([*lines, *_see_also([f"pcapconv-{each}" for each in COMMANDS])])


def _meanings_text(meaning: Meaning) -> str:
    """Return the meaning of a status, with its other meanings in some commands."""
    other_meanings = (("batch", meaning.batch), ("diff", meaning.diff), ("normalize --check", meaning.check))
    return "; ".join([meaning.text, *(f"`{command}`: {text}" for command, text in other_meanings if text)])


def _page(lines: list[str]) -> str:
    """Return the page with these lines; long lines of text are wrapped."""
    return "".join(f"{part}\n" for line in lines for part in _wrapped_lines(line))


def _wrapped_lines(line: str) -> list[str]:
    if line.startswith("."):
        return [line]
    parts = wrap(line, _WIDTH, break_long_words=False, break_on_hyphens=False)
    if any(part.startswith((".", "'")) for part in parts):  # these get two characters more
        parts = wrap(line, _WIDTH - 2, break_long_words=False, break_on_hyphens=False)
    return [f"\\&{part}" if part.startswith((".", "'")) else part for part in parts]


def _page_head(name: str, summary: str) -> list[str]:
    heading = _VERSION.search((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    assert heading is not None
    version, date = heading.groups()
    title = f'.TH {_roff(name.upper())} 1 "{date}" "pcapconv {version}" "User Commands"'
    purpose = summary[0].lower() + summary[1:]
    return [title, ".nh", ".ad l", ".SH NAME", f"{_roff(name)} \\- {_roff(purpose)}", ".SH SYNOPSIS"]


def _option_sentences(option: Option) -> str:
    """Return what the manual says about an option, with an example."""
    text = manual_text(option)
    return f"{text} Example: `{option.shown_example}`." if option.metavar else text


def _option_item(option: Option) -> list[str]:
    return _item(", ".join(map(_form_in_roff, option.forms)), _roff(_option_sentences(option)))


def _form_in_roff(form: str) -> str:
    flag, _, optional = form.partition("[=")
    if optional:
        return f"\\fB{_roff(flag)}\\fR[={_italic(optional[:-1])}]"
    flag, _, value = form.partition(" ")
    return f"\\fB{_roff(flag)}\\fR {_italic(value)}" if value else f"\\fB{_roff(flag)}\\fR"


def _italic(text: str) -> str:
    return f"\\fI{_roff(text)}\\fR"


def _items(rows: Iterable[tuple[str, str]]) -> list[str]:
    return [line for left, right in rows for line in _item(f"\\fB{_roff(left)}\\fR", _roff(right))]


def _item(left: str, text: str) -> list[str]:
    """Return the lines of an item: a tag and, indented below the tag, a text."""
    return [".TP", left, text]


def _examples(lines: tuple[str, ...]) -> list[str]:
    return [".EX", *(_roff(line) for line in lines), ".EE"]


def _see_also(names: list[str]) -> list[str]:
    rows = [f".BR {_roff(name)} (1)" for name in names]
    return [".SH SEE ALSO", *(f"{row} ," for row in rows[:-1]), rows[-1]]


def _roff(text: str) -> str:
    """Return Markdown as roff: code becomes bold, a link becomes its text."""
    parts = []
    at = 0
    for mark in _MARKED.finditer(text):
        parts += [_escaped(text[at : mark.start()]), f"\\fB{_escaped(mark[1])}\\fR" if mark[1] else _escaped(mark[2])]
        at = mark.end()
    return "".join([*parts, _escaped(text[at:])])


def _escaped(text: str) -> str:
    """Return plain text with roff's special characters escaped."""
    for mark, written in (("\\", "\\e"), ("-", "\\-"), ("'", "\\(aq"), ("^", "\\(ha"), ("~", "\\(ti"), ("≤", "\\(<=")):
        text = text.replace(mark, written)
    return text
