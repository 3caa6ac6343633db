"""The pages of docs/reference/commands: one for each command, and their index."""

from __future__ import annotations

from collections.abc import Iterable

from generating.examples import examples
from generating.texts import GENERATED, VARIABLES, link, manual_text, sentence, statuses_of
from pcapconv.cli.commands import COMMANDS, COMPLETION, HELP, SUMMARY, VERSION
from pcapconv.cli.grammar import Command, Option
from pcapconv.cli.options import options_of_command

_FOLDER = "reference/commands"
# Command → the pages under docs/ about jobs that it does.
_PAGES = {
    "convert": (
        *("how-to/convert", "how-to/select", "how-to/edit", "how-to/repair", "how-to/sidecars"),
        *("how-to/time-zones", "how-to/live-captures", "how-to/share-safely", "how-to/coming-from-editcap"),
    ),
    "split": ("how-to/split", "how-to/time-zones", "how-to/sidecars", "how-to/coming-from-editcap"),
    "merge": ("how-to/merge", "how-to/select", "how-to/edit", "explanation/sections", "how-to/coming-from-editcap"),
    "join": ("how-to/sidecars",),
    "batch": (
        "how-to/batch",
        "how-to/manifest",
        "how-to/many-machines",
        "how-to/s3",
        "how-to/dask",
        "explanation/batches",
    ),
    "normalize": (
        *("how-to/golden-captures", "how-to/pre-commit", "how-to/github", "how-to/gitlab"),
        "reference/normal-form",
    ),
    "table": ("how-to/tables", "how-to/select"),
    "diff": ("how-to/golden-captures", "how-to/pytest"),
    "show": ("how-to/show", "how-to/select", "how-to/filter", "how-to/live-captures"),
    "info": ("how-to/look", "how-to/traffic", "how-to/time-zones", "how-to/git-diff", "how-to/coming-from-editcap"),
}


def pages() -> dict[str, str]:
    """Return the text of each page by the name of its file."""
    return {"index.md": _index(), **{f"{name}.md": _command_page(command) for name, command in COMMANDS.items()}}


def _command_page(command: Command) -> str:
    links = ", ".join(link(page, _FOLDER) for page in _PAGES[command.name])
    operands = "".join(f"* `{operand.usage.strip('[]')}`: {operand.help}.\n" for operand in command.operands)
    parts = [
        GENERATED,
        f"# pcapconv {command.name}\n",
        f"{command.summary}.\n",
        f"```text\n{command.usage}\n```\n",
        operands,
        f"{command.description}\n",
        f"Pages that use it: {links}.\n",
        f"## Examples\n\n{examples(command)}",
        "## Options\n",
        "Everything is optional. A flag is off unless it is given.\n",
        *_options(options_of_command(command.name)),
        "## Exit statuses\n",
        table(("status", "meaning"), statuses_of(command)),
        "All commands: [exit statuses](../statuses.md).\n",
    ]
    return "\n".join(parts)


def _options(options: tuple[Option, ...]) -> list[str]:
    """Return a heading for each group of options, and for each option."""
    parts = []
    group = ""
    for option in options:
        if option.group != group:
            group = option.group
            parts.append(f"### {group}\n")
        parts.append(f"#### {option_heading(option)}\n")
        parts.append(f"{manual_text(option, _FOLDER)}\n")
        if option.value:
            parts.append(f"Example: `{option.shown_example}`\n")
    return parts


def option_heading(option: Option) -> str:
    """Return the heading of an option: its forms, the long one first."""
    return ", ".join(f"`{form}`" for form in reversed(option.forms))


def _index() -> str:
    general = (VERSION, HELP, *COMPLETION)
    commands = [(f"[{name}]({name}.md)", f"{command.summary}.") for name, command in COMMANDS.items()]
    options = [(", ".join(f"`{form}`" for form in option.forms), sentence(option.help)) for option in general]
    parts = [
        GENERATED,
        "# Commands\n",
        f"{SUMMARY}.\n",
        "```text\npcapconv COMMAND [OPTIONS] ...\n```\n",
        table(("command", "what it does"), commands),
        "`pcapconv COMMAND -h` prints a line for each option. `man pcapconv-COMMAND` has the texts of these pages. "
        "Options may come before, between and after names of files. `--` ends the options: all words after it are "
        "names.\n",
        "See also the [exit statuses](../statuses.md) and the [JSON](../json.md) that commands write.\n",
        "## General options\n",
        "These options take the place of a command.\n",
        table(("option", "meaning"), options),
        "## Completion in the shell\n",
        "bash, zsh and fish complete commands, options, names of files, and values of options that have only a few. "
        "Install completion for the shell in which you run this, then open a new one:\n",
        "<!-- not run: changes the shell's start-up file -->\n```sh\npcapconv --install-completion\n```\n",
        "`pcapconv --show-completion` prints what would be installed.\n",
        "## On a terminal\n",
        "Long work shows a progress bar with its speed and the time left. A closing line has the number of packets "
        "that were written. `--quiet` leaves out both. On a pipe there are neither. `info` and `diff` use colours. If "
        "the compiled kernels are missing, the first run prints a warning, once.\n",
        "## Environment variables\n",
        table(("variable", "meaning"), [(f"`{name}`", text) for name, text in VARIABLES]),
        "[pcapconv.testing](../python.md#pcapconvtesting) reads `PCAPCONV_UPDATE`. Stores behind URLs take keys and "
        "endpoints from the variables of their own clients: see [S3 and other stores](../../how-to/s3.md).\n",
        "```{toctree}\n:hidden:\n\n" + "".join(f"{name}\n" for name in COMMANDS) + "```\n",
    ]
    return "\n".join(parts)


def table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    """Return a Markdown table."""
    lines = [head, ("---",) * len(head), *rows]
    return "".join(f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in line)} |\n" for line in lines)
