"""The page docs/reference/statuses.md."""

from __future__ import annotations

from generating.command_pages import table
from generating.texts import GENERATED, has_status, sentence
from pcapconv.cli.commands import COMMANDS
from pcapconv.cli.statuses import MEANINGS, Meaning

_SECTIONS = """\
## Options that do not fit the capture

Status 2 is also for an option that the command line alone cannot show to be wrong: an interface or a packet number that
the capture does not have, more parts than `--max-parts` allows. In a batch, such a file fails.

## A batch

A batch with wrong usage ends with status 2 before it begins. A file that fails stops no other file. The status of the
batch is the first of these that holds:

1. Status 1, if a file failed for any reason except `--on-loss fail`, or the batch could not go on.
2. Status 4, if files failed because of `--on-loss fail`.
3. Status 3, if captures were damaged, in this run or in the run that `--resume` continues.
4. Status 0.

`info`, `normalize --check` and `normalize --in-place` with several captures choose their status in the same order: 1,
4, 3, 0.

## Signals

A signal that comes before the last output has its final name takes all outputs back, and the status is 130, 143 or 129.
A signal that comes later changes nothing: the status is that of the finished work. Until Python has loaded pcapconv, a
signal ends the program as Python does. See [Outputs and signals](../explanation/outputs-and-signals.md#signals).

Status 141 is for text only. A command that writes a capture to stdout fails with status 1 if its reader ends early.

## In a script

Status 3 ends a script with `set -e`, unless the script expects it:

<!-- run: head -c 3000 tests/samples/web.pcap > damaged.pcap -->

```sh
status=0
pcapconv convert -q damaged.pcap saved.pcapng 2>/dev/null || status=$?
case $status in
    0) echo "complete" ;;
    3) echo "damaged, and saved as far as it could be read" ;;
    *) exit "$status" ;;
esac
```

```text
damaged, and saved as far as it could be read
```
"""


def page() -> str:
    """Return the text of the page."""
    rows = [(each.status, *_cells(each)) for each in MEANINGS]
    parts = [
        GENERATED,
        "# Exit statuses\n",
        "Each command ends with one of these statuses. Each [command's page](commands/index.md) has its own.\n",
        table(("status", "most commands", "`diff`", "`normalize --check`"), rows),
        *(_commands_with(each) for each in MEANINGS if each.commands),
        _SECTIONS,
    ]
    return "\n".join(parts)


def _cells(meaning: Meaning) -> tuple[str, ...]:
    """Return the meanings of a status in most commands, in `diff` and in `normalize --check`."""
    in_diff = sentence(meaning.diff or meaning.text) if has_status(COMMANDS["diff"], meaning) else "Never."
    return sentence(meaning.text), in_diff, sentence(meaning.check or meaning.text)


def _commands_with(meaning: Meaning) -> str:
    commands = ", ".join(f"[{name}](commands/{name}.md)" for name in meaning.commands)
    return f"Only these commands can end with status {meaning.status}: {commands}.\n"
