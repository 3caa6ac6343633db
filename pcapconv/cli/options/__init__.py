"""The options of all commands: one table for parsing, help, error messages, completion and the manual.

Each file has the options of a purpose: `selecting_and_editing` (which packets, and edits), `reading_and_writing` (also
sidecars and reports), `splitting`, `batches`, `normalizing_and_comparing` (also what `diff` and `info` show). `groups`
has the headings under which help shows them.

How to add an option:
  1. Its entry (`grammar.Option`) in one of these files; `name` is the name of the library's argument, to which `parse`
     and the command's function pass the value.
  2. The library's argument. One that selects or edits: a field of `StepArguments` in `steps/plan.py`, which checks it
     and makes its step; its text is parsed by a function beside those for times, durations and numbers in `steps/`.
  3. `python docs/generate.py`: the manual pages and the tables of README.md.
  4. Tests: `tests/test_manual.py` names the tests in which each option has to be.
"""

from __future__ import annotations

from pcapconv.cli.grammar import Option
from pcapconv.cli.options.batches import TREES
from pcapconv.cli.options.groups import GROUPS
from pcapconv.cli.options.normalizing_and_comparing import GOLDEN
from pcapconv.cli.options.reading_and_writing import FILES_OF_A_COMMAND
from pcapconv.cli.options.selecting_and_editing import STEPS
from pcapconv.cli.options.splitting import PARTS_OF_A_SPLIT

OPTIONS = tuple(
    sorted(
        PARTS_OF_A_SPLIT + TREES + GOLDEN + STEPS + FILES_OF_A_COMMAND, key=lambda option: GROUPS.index(option.group)
    )
)


def options_of(command: str) -> tuple[Option, ...]:
    """The options that a command has, in the order of their groups."""
    return tuple(option for option in OPTIONS if command in option.commands)
