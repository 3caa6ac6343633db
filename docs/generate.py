"""Writes anew what the tables of commands and options say: the manual pages, and the tables of options in README.md.

    python docs/generate.py

The tables in README.md stand between comments that say what they hold. One with options of another command than
`convert` holds what differs from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from textwrap import wrap

from pcapconv import __version__
from pcapconv.cli.commands import COMMANDS, COMPLETION, HELP, SUMMARY, VERSION
from pcapconv.cli.grammar import REPEATABLE, Command, Option
from pcapconv.cli.options import options_of
from pcapconv.cli.statuses import MEANINGS, Meaning

ROOT = Path(__file__).parent.parent
_WIDTH = 78
_DATED = re.compile(r"^## .*(\d{4}-\d\d-\d\d)", re.MULTILINE)  # the heading of a version in CHANGELOG.md

_TABLE = re.compile("(<!-- options of ([a-z]+): ([^\n]+) -->\n).*?(<!-- end of options -->\n)", re.DOTALL)
_STATUSES = re.compile("(<!-- statuses -->\n).*?(<!-- end of statuses -->\n)", re.DOTALL)
_ELSEWHERE = re.compile(r" \(\[more]\([^)]+\)\)")  # a link that is of no use without its target
_MARKED = re.compile(r"`([^`]+)`|\[([^]]+)]\(([^)]+)\)")
_VARIABLES = (
    ("PCAPCONV_KERNELS", "`compiled` or `interpreted` demands one form of the inner loops."),
    ("TMPDIR", "Where temporary files without a name are made."),
)


def made() -> dict[Path, str]:
    """All files, and what they have to hold."""
    pages = {f"pcapconv-{name}.1": _command_page(command) for name, command in COMMANDS.items()}
    pages["pcapconv.1"] = _overview_page()
    readme = ROOT / "README.md"
    return {
        readme: _STATUSES.sub(_table_of_statuses, _TABLE.sub(_table, readme.read_text(encoding="utf-8"))),
        **{ROOT / "man" / "man1" / name: text for name, text in sorted(pages.items())},
    }


# ---------------------------------------------------------------- README.md


def _table(found: re.Match[str]) -> str:
    begin, command, groups, end = found.groups()
    rows = [
        f"| {_forms_in_markdown(option)} | {_text(option)} |\n"
        for group in groups.split(", ")
        for option in options_of(command)
        if option.group == group and (command == "convert" or "convert" not in option.commands)
    ]
    return f"{begin}| option | meaning |\n|---|---|\n{''.join(rows)}{end}"


def _table_of_statuses(found: re.Match[str]) -> str:
    rows = [f"| {meaning.status} | {_of_all(meaning)} |\n" for meaning in MEANINGS]
    return f"{found[1]}| status | meaning |\n|---|---|\n{''.join(rows)}{found[2]}"


def _of_all(meaning: Meaning) -> str:
    """What a status means in all commands."""
    of = (("diff", meaning.diff), ("normalize --check", meaning.check))
    return "; ".join([meaning.text, *(f"`{command}`: {text}" for command, text in of if text)])


def _forms_in_markdown(option: Option) -> str:
    forms = ", ".join(f"`{form}`".replace("|", "\\|") for form in option.forms)
    return f"{forms} (repeatable)" if option.kind in REPEATABLE else forms


def _text(option: Option) -> str:
    return option.more or option.help[0].lower() + option.help[1:]


# ---------------------------------------------------------------- manual pages


def _command_page(command: Command) -> str:
    name = f"pcapconv-{command.name}"
    usage = " ".join(
        f"[{_slanted(operand.usage[1:-1])}]" if operand.optional else _slanted(operand.usage)
        for operand in command.operands
    )
    lines = [*_head(name, command.summary), f"\\fBpcapconv {command.name}\\fR [\\fIOPTIONS\\fR] {usage}"]
    lines += [".SH DESCRIPTION", f"{_roff(command.summary)}.", _roff(command.more)]
    for operand in command.operands:
        lines += _item(_slanted(operand.usage.strip("[]")), f"{_roff(operand.help)}.")
    lines.append(".SH OPTIONS")
    group = ""
    for option in options_of(command.name):
        if option.group != group:
            group = option.group
            lines.append(f".SS {group}")
        lines += _option(option)
    statuses = [(each.status, _sentence(_of(command, each))) for each in MEANINGS if _ends_with(command, each)]
    lines += [".SH EXIT STATUS", *_items(statuses), ".SH EXAMPLES", *_examples(command.examples)]
    others = [f"pcapconv-{each}" for each in COMMANDS if each != command.name]
    return _page([*lines, *_see_also(["pcapconv", *others])])


def _ends_with(command: Command, meaning: Meaning) -> bool:
    return not meaning.commands or command.name in meaning.commands


def _of(command: Command, meaning: Meaning) -> str:
    """What a status means in one command."""
    if command.name == "diff" and meaning.diff:
        return meaning.diff
    if command.name == "normalize" and meaning.check:
        return f"{meaning.text}; with `--check`: {meaning.check}"
    return meaning.text


def _overview_page() -> str:
    lines = [*_head("pcapconv", SUMMARY), "\\fBpcapconv\\fR \\fICOMMAND\\fR [\\fIOPTIONS\\fR] \\fI...\\fR"]
    lines += [
        ".SH DESCRIPTION",
        "What the target format can hold arrives unchanged, to the last bit; what it cannot hold is counted, named and",
        "reported.",
        "Times are integers from end to end.",
        "An output appears whole or not at all.",
        ".SH COMMANDS",
    ]
    for command in COMMANDS.values():
        lines += _item(f"\\fB{_roff(command.name)}\\fR", f"{_roff(command.summary)}.")
    lines += [".SH OPTIONS", *(line for option in (VERSION, HELP, *COMPLETION) for line in _option(option))]
    statuses = [(meaning.status, _sentence(_of_all(meaning))) for meaning in MEANINGS]
    lines += [".SH EXIT STATUS", *_items(statuses), ".SH ENVIRONMENT", *_items(_VARIABLES)]
    lines += [".SH EXAMPLES", *_examples(tuple(command.examples[0] for command in COMMANDS.values()))]
    return _page([*lines, *_see_also([f"pcapconv-{each}" for each in COMMANDS])])


def _page(lines: list[str]) -> str:
    """All lines, the long ones of text in several."""
    return "".join(f"{part}\n" for line in lines for part in _wrapped(line))


def _wrapped(line: str) -> list[str]:
    if line.startswith("."):
        return [line]
    parts = wrap(line, _WIDTH, break_long_words=False, break_on_hyphens=False)
    return [f"\\&{part}" if part.startswith((".", "'")) else part for part in parts]


def _head(name: str, summary: str) -> list[str]:
    dated = _DATED.search((ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
    assert dated is not None
    date = dated[1]
    title = f'.TH {_roff(name.upper())} 1 "{date}" "pcapconv {__version__}" "User Commands"'
    does = summary[0].lower() + summary[1:]
    return [title, ".nh", ".ad l", ".SH NAME", f"{_roff(name)} \\- {_roff(does)}", ".SH SYNOPSIS"]


def _sentences(option: Option) -> str:
    said = _sentence(_ELSEWHERE.sub("", _text(option)))
    if option.kind in REPEATABLE:
        said += " Repeatable."
    if option.kind == "switch":
        said += f" The opposite is `{option.flag if option.on_by_default else option.off}`."
    return f"{said} Example: `{option.shown_example}`." if option.metavar else said


def _sentence(text: str) -> str:
    return f"{text[0].upper()}{text[1:]}."


def _option(option: Option) -> list[str]:
    return _item(", ".join(map(_form, option.forms)), _roff(_sentences(option)))


def _form(form: str) -> str:
    flag, _, value = form.partition(" ")
    return f"\\fB{_roff(flag)}\\fR {_slanted(value)}" if value else f"\\fB{_roff(flag)}\\fR"


def _slanted(text: str) -> str:
    return f"\\fI{_roff(text)}\\fR"


def _items(rows: Iterable[tuple[str, str]]) -> list[str]:
    return [line for left, right in rows for line in _item(f"\\fB{_roff(left)}\\fR", _roff(right))]


def _item(left: str, text: str) -> list[str]:
    return [".TP", left, text]


def _examples(lines: tuple[str, ...]) -> list[str]:
    return [".EX", *(_roff(line) for line in lines), ".EE"]


def _see_also(names: list[str]) -> list[str]:
    rows = [f".BR {_roff(name)} (1)" for name in names]
    return [".SH SEE ALSO", *(f"{row} ," for row in rows[:-1]), rows[-1]]


def _roff(text: str) -> str:
    """Text with its marks: code is bold, of a link the words stay."""
    parts = []
    at = 0
    for mark in _MARKED.finditer(text):
        parts += [_plain(text[at : mark.start()]), f"\\fB{_plain(mark[1])}\\fR" if mark[1] else _plain(mark[2])]
        at = mark.end()
    return "".join([*parts, _plain(text[at:])])


def _plain(text: str) -> str:
    for mark, written in (("\\", "\\e"), ("-", "\\-"), ("'", "\\(aq"), ("^", "\\(ha"), ("~", "\\(ti"), ("≤", "\\(<=")):
        text = text.replace(mark, written)
    return text


if __name__ == "__main__":
    for path, text in made().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
