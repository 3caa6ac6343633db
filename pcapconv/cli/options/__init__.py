"""The options of all commands: one table, for help, errors, completion and the manual."""

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
