"""The options of all commands, in one table: for parsing, help, error messages, completion and the manual.

The files, each with the options for one purpose:
  selecting_and_editing       select and edit packets
  reading_and_writing         how captures are read and written; sidecars, reports
  splitting                   where `split` cuts a capture
  merging                     how `merge` puts captures together
  tables                      what is in a table
  listing                     what `show` prints of packets
  batches                     which files `batch` and `normalize` process, and how a batch runs
  normalizing_and_comparing   the normal form; what `diff` compares; what `diff` and `info` show
  groups                      the headings under which help shows options

How to add an option that selects or edits packets: `pcapconv/steps/plan.py` begins with all changes in order, and the
entry here is one of them.

How to add any other option (`docs/` and `tests/` are in the repository's root):
  1. Add the argument to the library's function, if it is new.
  2. Add the option's entry, a `grammar.Option`, to one of these files. Its `name` is the name of the library's
     argument: `parse` returns the value under this name, and the command's function passes the value to the library.
  3. Run `python docs/generate.py`, which writes the manual pages and the pages in `docs/reference/`.
  4. Add tests, and name their file in `tests/test_arguments_are_tried.py`, which fails until each option has one.
"""

from __future__ import annotations

from pcapconv.cli.grammar import Option
from pcapconv.cli.options.batches import BATCHES
from pcapconv.cli.options.groups import GROUPS
from pcapconv.cli.options.listing import LISTING
from pcapconv.cli.options.merging import MERGING
from pcapconv.cli.options.normalizing_and_comparing import NORMALIZING_AND_COMPARING
from pcapconv.cli.options.reading_and_writing import READING_AND_WRITING
from pcapconv.cli.options.selecting_and_editing import SELECTING_AND_EDITING
from pcapconv.cli.options.splitting import SPLITTING
from pcapconv.cli.options.tables import TABLES

OPTIONS = tuple(
    sorted(
        TABLES
        + LISTING
        + MERGING
        + SPLITTING
        + BATCHES
        + NORMALIZING_AND_COMPARING
        + SELECTING_AND_EDITING
        + READING_AND_WRITING,
        key=lambda option: GROUPS.index(option.group),
    )
)


def options_of_command(command: str) -> tuple[Option, ...]:
    """Return the options that a command takes, in the order of their groups."""
    return tuple(option for option in OPTIONS if command in option.commands)
