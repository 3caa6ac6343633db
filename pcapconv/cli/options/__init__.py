"""The options of all commands, in one table: for parsing, help, error messages, completion and the manual.

The files, each with the `OPTIONS` for one purpose:
  selecting, editing     select packets; edit packets
  reading, writing       how captures are read, and how they are written
  sidecars               sidecars
  reporting              reports, messages, help
  splitting              where `split` cuts a capture
  merging                how `merge` puts captures together
  tables                 what is in a table
  listing                what `show` prints of packets
  describing             what `info` shows
  batches                which files `batch` and `normalize` process, and how a batch runs
  normalizing            the normal form, and what `normalize` shows
  comparing              what `diff` compares and shows
  groups                 the headings under which help shows options

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
from pcapconv.cli.options import (
    batches,
    comparing,
    describing,
    editing,
    listing,
    merging,
    normalizing,
    reading,
    reporting,
    selecting,
    sidecars,
    splitting,
    tables,
    writing,
)
from pcapconv.cli.options.groups import GROUPS

OPTIONS = tuple(
    sorted(
        tables.OPTIONS
        + listing.OPTIONS
        + merging.OPTIONS
        + splitting.OPTIONS
        + batches.OPTIONS
        + normalizing.OPTIONS
        + comparing.OPTIONS
        + describing.OPTIONS
        + selecting.OPTIONS
        + editing.OPTIONS
        + reading.OPTIONS
        + writing.OPTIONS
        + sidecars.OPTIONS
        + reporting.OPTIONS,
        key=lambda option: GROUPS.index(option.group),
    )
)


def options_of_command(command: str) -> tuple[Option, ...]:
    """Return the options that a command takes, in the order of their groups."""
    return tuple(option for option in OPTIONS if command in option.commands)
