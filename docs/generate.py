"""Writes anew what the tables of commands and options say: the manual pages, and the tables of options in README.md.

    python docs/generate.py

The tables in README.md stand between comments that say which options they hold. One of another command than `convert`
holds what differs from it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from textwrap import wrap

from pcapconv import __version__
from pcapconv.cli.commands import COMMANDS, SUMMARY
from pcapconv.cli.grammar import REPEATABLE, Command, Option
from pcapconv.cli.options import options_of
from pcapconv.cli.pages import GENERAL

ROOT = Path(__file__).parent.parent
_WIDTH = 78
DATE = "2026-11-29"  # of the last change in what the manual says

_TABLE = re.compile("(<!-- options of ([a-z]+): ([^\n]+) -->\n).*?(<!-- end of options -->\n)", re.DOTALL)
_MARKED = re.compile(r"`([^`]+)`|\[([^]]+)]\(([^)]+)\)")
_STATUSES = (
    ("0", "Done; of `diff` and `normalize --check`: the same, or in the normal form."),
    ("1", "Failed; of `diff` and `normalize --check`: different, or not in the normal form."),
    ("2", "Wrong usage; of `diff` also a missing file and the like, which is no answer."),
    ("3", "Done, but the input was damaged."),
    ("4", "Refused because of `--on-loss fail`."),
    ("130, 143, 129", "Ended by SIGINT, SIGTERM or SIGHUP."),
)
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
        readme: _TABLE.sub(_table, readme.read_text(encoding="utf-8")),
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


def _forms_in_markdown(option: Option) -> str:
    forms = ", ".join(f"`{form}`".replace("|", "\\|") for form in option.forms)
    return f"{forms} (repeatable)" if option.kind in REPEATABLE else forms


def _text(option: Option) -> str:
    return option.more or option.help[0].lower() + option.help[1:]


# ---------------------------------------------------------------- manual pages


def _command_page(command: Command) -> str:
    name = f"pcapconv-{command.name}"
    usage = " ".join(
        f"[{_slanted(place.usage[1:-1])}]" if place.optional else _slanted(place.usage) for place in command.places
    )
    lines = [*_head(name, command.summary), f"\\fBpcapconv {command.name}\\fR [\\fIOPTIONS\\fR] {usage}"]
    lines += [".SH DESCRIPTION", f"{_roff(command.summary)}.", _roff(command.more)]
    for place in command.places:
        lines += _item(_slanted(place.usage.strip("[]")), f"{_roff(place.help)}.")
    lines.append(".SH OPTIONS")
    group = ""
    for option in options_of(command.name):
        if option.group != group:
            group = option.group
            lines.append(f".SS {group}")
        lines += _item(", ".join(map(_form, option.forms)), _roff(_sentences(option)))
    lines += [".SH EXIT STATUS", *_items(_STATUSES), ".SH EXAMPLES", *_examples(command.examples)]
    others = [f"pcapconv-{each}" for each in COMMANDS if each != command.name]
    return _page([*lines, *_see_also(["pcapconv", *others])])


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
    lines += [".SH OPTIONS", *_items((left.strip(), f"{help_}.") for left, help_ in GENERAL)]
    lines += [".SH EXIT STATUS", *_items(_STATUSES), ".SH ENVIRONMENT", *_items(_VARIABLES)]
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
    title = f'.TH {_roff(name.upper())} 1 "{DATE}" "pcapconv {__version__}" "User Commands"'
    does = summary[0].lower() + summary[1:]
    return [title, ".nh", ".ad l", ".SH NAME", f"{_roff(name)} \\- {_roff(does)}", ".SH SYNOPSIS"]


def _sentences(option: Option) -> str:
    text = _text(option)
    said = f"{text[0].upper()}{text[1:]}."
    if option.kind in REPEATABLE:
        said += " Repeatable."
    if option.kind == "switch":
        said += f" The opposite is `{option.flag if option.on else option.off}`."
    return f"{said} Example: `{option.shown_example}`." if option.metavar else said


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
