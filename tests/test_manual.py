"""What is made of the table of options: help, manual pages, and the pages about commands."""

from __future__ import annotations

import re
import runpy
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from pcapconv.cli import run
from pcapconv.cli.commands import COMMANDS, COMPLETION, HELP, VERSION
from pcapconv.cli.grammar import REPEATABLE, Option
from pcapconv.cli.options import OPTIONS, options_of_command
from pcapconv.cli.options.groups import GROUPS

ROOT = Path(__file__).parent.parent
MAN = ROOT / "man" / "man1"
PACKAGE = ROOT / "pcapconv"
REFERENCE = ROOT / "docs" / "reference"
GENERATED: dict[Path, str] = runpy.run_path(str(ROOT / "docs" / "generate.py"))["generated_files"]()
PAGES = [[], *([name] for name in COMMANDS)]


# ---------------------------------------------------------------- help


def help_of(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> str:
    assert run([*arguments, "--help"]) == 0
    page, err = capfd.readouterr()
    assert err == ""
    assert run([*arguments, "-h"]) == 0
    assert capfd.readouterr() == (page, "")
    return page


@pytest.mark.parametrize("arguments", PAGES, ids=" ".join)
def test_a_page_of_help(arguments: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    page = help_of(arguments, capfd)
    lines = page.splitlines()
    assert max(map(len, lines)) <= 80
    assert lines[2].startswith("Example: pcapconv ")
    assert lines[4].startswith("Usage: pcapconv ")
    assert f"man {'-'.join(['pcapconv', *arguments])}" in lines[-1]
    assert re.search(r"<\w+>|\{(str|int|bool)|\.\.\.\.|…", page) is None


def test_help_before_a_command_is_that_of_the_command(capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["-h", "split"]) == 0
    assert capfd.readouterr() == (help_of(["split"], capfd), "")


@pytest.mark.parametrize("name", COMMANDS)
def test_a_line_for_each_option(name: str, capfd: pytest.CaptureFixture[str]) -> None:
    page = help_of([name], capfd)
    at = 0
    for option in options_of_command(name):
        left = ", ".join(option.forms) if option.short else f"    {option.forms[0]}"
        row = re.compile(f"^  {re.escape(left)}(  +|\n +){re.escape(option.help)}$", re.MULTILINE)
        found = row.search(page, at)
        assert found is not None, option.flag
        at = found.end()
    assert at > page.index("\nReporting:\n") or name in ("diff", "info")


def test_help_is_in_groups(capfd: pytest.CaptureFixture[str]) -> None:
    page = help_of(["convert"], capfd)
    groups = ["Which packets", "Edits", "Reading", "Writing", "Sidecars", "Reporting"]
    assert re.findall(r"^(\w[\w ]+):$", page, re.MULTILINE) == groups
    assert [group for group in GROUPS if group in groups] == groups
    writing = page[page.index("Writing:") : page.index("Sidecars:")]
    assert "\n  -f, --force                   Replace what exists; OUT may be IN\n" in writing
    assert "      --to pcap|pcapng          The format to write; default: by the suffix\n" in writing


def test_help_without_a_command_lists_them(capfd: pytest.CaptureFixture[str]) -> None:
    page = help_of([], capfd)
    assert re.findall(r"^  ([a-z]+) +[A-Z]", page, re.MULTILINE) == list(COMMANDS)
    general = (VERSION, HELP, *COMPLETION)
    assert re.findall(r"^ +(-\S.*?)  +(.*)$", page, re.MULTILINE) == [(", ".join(o.forms), o.help) for o in general]
    assert run([]) == 2
    assert capfd.readouterr() == ("", page)


@pytest.mark.parametrize("flag", ["-V", "--version"])
def test_the_version(flag: str, capfd: pytest.CaptureFixture[str]) -> None:
    assert run([flag]) == 0
    assert re.fullmatch(
        r"pcapconv \d+\.\d+\S* \((compiled|interpreted) kernels, Python \S+\)\n", capfd.readouterr().out
    )


# ---------------------------------------------------------------- files


@pytest.mark.parametrize("path", GENERATED, ids=lambda path: path.relative_to(ROOT).as_posix())
def test_what_is_committed_is_current(path: Path) -> None:
    assert path.read_text(encoding="utf-8") == GENERATED[path], "run: python docs/generate.py"


def test_there_is_a_page_for_each_command_and_the_wheel_has_them() -> None:
    pages = sorted(path.name for path in MAN.iterdir())
    assert pages == sorted(["pcapconv.1", *(f"pcapconv-{name}.1" for name in COMMANDS)])
    packaging = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert packaging["tool"]["setuptools"]["data-files"] == {"share/man/man1": ["man/man1/*.1"]}


@pytest.mark.parametrize("path", sorted(MAN.iterdir()), ids=lambda path: path.name)
def test_a_manual_page_is_plain_man(path: Path) -> None:
    """What a linter looks for, as far as these pages go."""
    macros = {".TH", ".nh", ".ad", ".SH", ".SS", ".TP", ".EX", ".EE", ".BR"}
    for line in path.read_bytes().decode("ascii").splitlines():
        assert len(line) <= 78 or line.startswith(".TH")
        assert line == line.rstrip()
        assert line
        assert not line.startswith("'")
        assert not line.startswith(".") or line.split()[0] in macros
        assert re.fullmatch(r"(?:[^\\-]|\\(?:f[BIR]|[e&-]|\((?:aq|ha|ti|<=)))*", line) or line.startswith(".TH")
        assert line.count("\\fB") + line.count("\\fI") >= line.count("\\fR") - 1


def words_of(path: Path) -> str:
    """A manual page's text, without what makes it bold and the like."""
    text = path.read_text(encoding="ascii").replace("\\-", "-").replace("\\&", "")
    return re.sub(r"\\f[BIR]", "", text)


STATUSES = {
    "convert": ["0", "1", "2", "3", "4"],
    "split": ["0", "1", "2", "3", "4"],
    "merge": ["0", "1", "2", "3", "4"],
    "join": ["0", "1", "2", "3"],
    "batch": ["0", "1", "2", "3", "4"],
    "normalize": ["0", "1", "2", "3", "4"],
    "table": ["0", "1", "2", "3"],
    "diff": ["0", "1", "2", "3"],
    "info": ["0", "1", "2", "3"],
    "show": ["0", "1", "2", "3"],
}
SIGNALS = ["130, 143, 129", "141"]


@pytest.mark.parametrize("name", COMMANDS)
def test_a_manual_page_has_the_statuses_of_its_command(name: str) -> None:
    page = words_of(MAN / f"pcapconv-{name}.1")
    section = page[page.index(".SH EXIT STATUS\n") : page.index(".SH EXAMPLES\n")]
    assert re.findall(r"^\.TP\n(.*)\n", section, re.MULTILINE) == [*STATUSES[name], *SIGNALS]
    has_it = any(option.name == "on_loss" for option in options_of_command(name))
    assert ("Refused because of --on-loss fail" in section) == has_it
    assert ("\n1\nDifferent.\n" in section, "\n1\nFailed" in section) == (name == "diff", name != "diff")
    assert ("\n0\nThe same.\n" in section) == (name == "diff")
    assert ("with --check" in section) == (name == "normalize")
    assert re.search(r"\bdiff\b", section) is None


@pytest.mark.parametrize("name", COMMANDS)
def test_a_manual_page_speaks_of_options_that_its_command_has(name: str) -> None:
    page = words_of(MAN / f"pcapconv-{name}.1")
    flags = {flag for option in options_of_command(name) for flag in (option.flag, option.negated_flag)}
    others = re.sub(r"(?:convert|split|diff) --[a-z-]+( link-type --sidecar)?", "", page.replace("\n", " "))
    assert set(re.findall(r"(?<![\w-])--[a-z][a-z-]+", others)) <= flags
    assert (
        re.search(r"\(more\)|beyond\s+one\s+machine|[Ii]n\s+a\s+batch|As\s+for\s+convert|not\s+for\s+split", page)
        is None
    )


def test_manual_pages_have_the_date_of_the_version() -> None:
    changes = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    heading = next(line for line in changes.splitlines() if line.startswith("## "))
    for path in MAN.iterdir():
        _, title, section, date, *_ = words_of(path).splitlines()[0].split()
        assert (title, section, date.strip('"') in heading) == (path.stem.upper(), "1", True)


@pytest.mark.parametrize("name", COMMANDS)
def test_the_page_of_a_command_has_each_of_its_options(name: str) -> None:
    page = (REFERENCE / "commands" / f"{name}.md").read_text(encoding="utf-8")
    at = page.index("## Options\n")
    for option in options_of_command(name):
        entry = f"#### {', '.join(f'`{form}`' for form in reversed(option.forms))}\n\n"
        at = page.index(entry, at) + len(entry)
        text = page[at : page.index("\n", at)]
        assert text.startswith(option.manual)
        assert (" See [" in text) == bool(option.page)
        assert ("Repeatable." in text) == (option.value_type in REPEATABLE)
        assert page[at:].startswith(f"{text}\n\nExample: `{option.shown_example}`\n") or not option.value


@pytest.mark.parametrize("option", OPTIONS, ids=lambda option: f"{option.commands[0]}{option.flag}")
def test_the_manual_has_sentences(option: Option) -> None:
    assert re.fullmatch(r"[A-Z].*\.", option.manual)
    assert "](" not in option.manual  # `page` is the link


def test_the_index_has_each_command_and_each_general_option() -> None:
    page = (REFERENCE / "commands" / "index.md").read_text(encoding="utf-8")
    assert re.findall(r"^\| \[(\w+)]\((\w+)\.md\) \|", page, re.MULTILINE) == [(name, name) for name in COMMANDS]
    forms = [f"`{form}`" for option in (VERSION, HELP, *COMPLETION) for form in option.forms]
    assert [form for form in forms if form not in page] == []


def test_the_index_has_each_environment_variable() -> None:
    page = (REFERENCE / "commands" / "index.md").read_text(encoding="utf-8")
    read = [name for path in PACKAGE.rglob("*.py") for name in re.findall(r'environ\.get\("(\w+)"', path.read_text())]
    assert len(set(read)) > 5
    assert [name for name in read if f"`{name}`" not in page] == []


@pytest.mark.parametrize("name", COMMANDS)
def test_the_table_of_statuses_of_a_command(name: str) -> None:
    page = (REFERENCE / "commands" / f"{name}.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| ([\d, ]+) \| (.+) \|$", page[page.index("## Exit statuses\n") :], re.MULTILINE)
    assert [status for status, _ in rows] == [*STATUSES[name], *SIGNALS]
    assert dict(rows)["1"].startswith("Different." if name == "diff" else "Failed")


# ---------------------------------------------------------------- from Python


def test_help_in_python_shows_all_public_functions() -> None:
    code = "import pydoc, pcapconv; print(pydoc.render_doc(pcapconv, renderer=pydoc.plaintext))"
    shown = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    functions = shown[shown.index("\nFUNCTIONS\n") : shown.index("\nDATA\n")]
    names = ("batch", "convert", "diff", "join", "normalize", "open", "split")
    signature_and_summary = r"^    {}\((.*|\n(        .*\n)*    \).*)\n        [A-Z].*\.$"  # 3.13 wraps signatures
    assert [name for name in names if not re.search(signature_and_summary.format(name), functions, re.MULTILINE)] == []


def test_dir_shows_all_public_names() -> None:
    code = "import pcapconv; print(*(set(pcapconv.__all__) - set(dir(pcapconv))), len(pcapconv.__all__) > 20)"
    assert subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout == "True\n"
    code = "import pcapconv; print([type(getattr(pcapconv, name)).__name__ for name in ('convert', 'open')])"
    said = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout
    assert said == "['function', 'function']\n"
