"""Running the commands that README.md and the pages under docs/ show.

What a fenced block is follows from its language:

* `sh`: commands, run by bash in the page's folder; one that fails fails the block. `python`: a script, run there, too.
* `text` behind one of these: all that the block printed, on stdout and stderr. A line `...` stands for any lines.
* any other of `SHOWN`: something to read, or a file, if a comment says so.

Comments before a block, which readers do not see:

* `<!-- file: NAME -->`: the block is written to the file NAME.
* `<!-- run: COMMAND -->`: COMMAND is run, to prepare what the page's commands read.
* `<!-- not run: REASON -->`: the block is not run.
* `<!-- if: PROGRAM VERSION -->`: the output is compared only if that version of the program is installed.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from command_line import COMMAND
from markdown_it import MarkdownIt

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
LANGUAGES = {"sh", "python"}
SHOWN = {"text", "diff", "ini", "json", "sql", "toml", "yaml"}
# Variables that would lead commands elsewhere, such as GIT_DIR in a hook of git.
MISLEADING = ("GIT_", "PCAPCONV_UPDATE", "PYTEST_", "XDG_")
TOOLS = ("capinfos", "editcap", "git", "jq", "mergecap", "reordercap", "tcpdump", "tshark")  # that pages may need
_COMMENT = re.compile(r"<!-- (file|run|not run|if): (.*?) -->\s*", re.DOTALL)


class Block(NamedTuple):
    """A fenced block, or the command of a comment, with the first line's number in its page.

    `action` is `run`, `write` (to the file `detail`), `skip` (because of `detail`), `show` (nothing is done), or
    `expect` (the text is the output of the block before, if the program and version `detail` are installed).
    """

    line: int
    language: str
    text: str
    action: str
    detail: str = ""


def blocks_of_page(text: str) -> Iterator[Block]:
    """Yield the blocks of a page, in order."""
    comment = ("", "")
    ran = False
    for token in MarkdownIt("commonmark").parse(text):
        line = (token.map or [0])[0] + 1
        if token.type == "html_block":
            for kind, detail in _COMMENT.findall(token.content):
                if kind == "run":
                    yield Block(line, "sh", detail + "\n", "run", "comment")
                else:
                    comment = (kind, detail)
        elif token.type == "fence":
            language = token.info.strip()
            if language not in LANGUAGES | SHOWN and not language.startswith("{"):
                raise AssertionError(f"line {line}: {language!r} is none of {sorted(LANGUAGES | SHOWN)}")
            action, detail = _action(language, comment, ran=ran)
            yield Block(line + 1, language, token.content, action, detail)
            ran = action == "run" or (ran and action == "show")
            comment = ("", "")
        elif token.type == "code_block":
            raise AssertionError(f"line {line}: a block without a language; put it between ``` and ```")


def _action(language: str, comment: tuple[str, str], *, ran: bool) -> tuple[str, str]:
    kind, detail = comment
    if kind == "file":
        return "write", detail
    if kind == "not run":
        return "skip", detail
    if language in LANGUAGES:
        return "run", ""
    return ("expect", detail if kind == "if" else "") if language == "text" and ran else ("show", "")


def missing_tools(text: str) -> list[str]:
    """Return the programs that the commands of a page need, and that are not installed."""
    commands = "".join(block.text for block in blocks_of_page(text) if block.action in ("run", "write"))
    return [tool for tool in TOOLS if re.search(rf"\b{tool}\b", commands) and shutil.which(tool) is None]


def is_installed(program_and_version: str) -> bool:
    """Return whether a program, such as `editcap 4.0.17`, is installed in that version."""
    program, version = program_and_version.split()
    if shutil.which(program) is None:
        return False
    printed = subprocess.run([program, "--version"], capture_output=True, text=True, check=False)
    return re.search(rf"(?<![\d.]){re.escape(version)}(?![\d.])", printed.stdout + printed.stderr) is not None


class PageFolder:
    """A folder in which the commands of a page run: it holds the samples, as a clone does."""

    def __init__(self, folder: Path, environment: Mapping[str, str], names: Mapping[str, str]) -> None:
        """`environment` is added to that of the commands. `names` maps what the page shows to what is used instead,
        such as the address of a server."""
        self.folder = folder
        self._names = names
        home = folder.parent / f"{folder.name}-home"
        home.mkdir()
        shutil.copytree(ROOT / "tests" / "samples", folder / "tests" / "samples", ignore=shutil.ignore_patterns("*.py"))
        programs = os.pathsep.join([str(Path(COMMAND).parent), str(Path(sys.executable).parent), os.environ["PATH"]])
        identity = {f"GIT_{who}_{what}": "docs" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        kept = {name: each for name, each in os.environ.items() if not name.startswith(MISLEADING)}
        self._environment = {
            **kept,
            **identity,
            "PATH": programs,
            "HOME": str(home),
            "PYTEST_DEBUG_TEMPROOT": str(home),  # a pytest of the page does not clean up what others left in /tmp
            "TZ": "UTC",
            "LC_ALL": "C.UTF-8",
            "GIT_CONFIG_NOSYSTEM": "1",
            "GIT_PAGER": "cat",
            **environment,
        }

    def run(self, block: Block) -> str:
        """Run a block and return what it printed. Raises AssertionError if it fails."""
        text = block.text
        for shown, used in self._names.items():
            text = text.replace(shown, used)
        if block.language == "python":
            command = [sys.executable, "-c", text]
        else:
            command = ["bash", "-euo", "pipefail", "-c", text]
        with subprocess.Popen(
            command,
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env=self._environment,
            start_new_session=True,
        ) as process:
            try:
                output, _ = process.communicate(timeout=120)
            finally:
                with contextlib.suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGKILL)  # also what the block left in the background
        assert process.returncode == 0, f"line {block.line}: status {process.returncode}\n{block.text}\n{output}"
        for shown, used in self._names.items():
            output = output.replace(used, shown)
        return output

    def follow(self, text: str) -> None:
        """Do what a page tells to do, in order, and compare what it shows with what is printed."""
        output = ""
        for block in blocks_of_page(text):
            if block.action == "run":
                printed = self.run(block)
                output = output if block.detail == "comment" else printed
            elif block.action == "write":
                path = self.folder / block.detail
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_text(block.text, encoding="utf-8")
            elif block.action == "expect" and (not block.detail or is_installed(block.detail)):
                assert fits(block.text, output), f"line {block.line}: shown\n{block.text}\nprinted\n{output}"


def fits(shown: str, printed: str) -> bool:
    """Return whether an output is as shown; a line `...` in `shown` stands for any lines."""
    parts = [re.escape("".join(f"{line.rstrip()}\n" for line in part)) for part in _parts(shown.splitlines())]
    text = "".join(f"{line.rstrip()}\n" for line in printed.splitlines())
    return re.fullmatch("(?:.*\n)*?".join(parts), text) is not None


def _parts(lines: list[str]) -> Iterator[list[str]]:
    """Yield the runs of lines between lines `...`."""
    part: list[str] = []
    for line in lines:
        if line.strip() == "...":
            yield part
            part = []
        else:
            part.append(line)
    yield part
