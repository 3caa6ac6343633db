"""What a command, a operand and an option of the command line are. `commands` and `options` are the tables of them."""

from __future__ import annotations

from typing import Literal, NamedTuple

Kind = Literal["flag", "switch", "text", "number", "texts", "numbers"]

FLAGS = ("flag", "switch")
NUMBERS = ("number", "numbers")
REPEATABLE = ("texts", "numbers")


class Option(NamedTuple):
    """`name` is that of the library's argument. A `switch` is a flag that `--no-…` turns off again, `on_by_default` or
    not. `texts` and `numbers` can be given several times. `choices` are all that a text may be. `short` is a letter,
    `word` what stands on the command line for a name that is taken there.

    `help` is one line of the help page, `more` what the manual says instead, in Markdown. `group` is the heading below
    which both stand, `commands` has the names of the commands with this option, `example` is a value.
    """

    name: str
    kind: Kind
    help: str
    group: str = ""
    commands: tuple[str, ...] = ()
    metavar: str = ""
    choices: tuple[str, ...] = ()
    example: str = ""
    short: str = ""
    word: str = ""
    on_by_default: bool = False
    more: str = ""

    @property
    def flag(self) -> str:
        """The option as on the command line: `--drop-packets`."""
        return "--" + (self.word or self.name.replace("_", "-"))

    @property
    def off(self) -> str:
        """What turns a switch off: `--no-sort`."""
        return "--no-" + self.flag[2:]

    @property
    def value(self) -> str:
        """What stands for the value in help: `FILE`, `pcap|pcapng`; nothing for a flag."""
        return self.metavar or "|".join(self.choices)

    @property
    def forms(self) -> tuple[str, ...]:
        """All ways to write it, as help shows them: `-f` and `--force`, or `--report FILE`."""
        flag = self.off if self.on_by_default else self.flag
        return (*([f"-{self.short}"] if self.short else []), f"{flag} {self.value}".rstrip())

    @property
    def shown_example(self) -> str:
        """The option with a value that it takes: `--to pcap`."""
        value = self.example or (self.choices[0] if self.choices else "")
        return f"{self.off if self.on_by_default else self.flag} {value}".rstrip()


class Operand(NamedTuple):
    """A word on the line that is no option: IN, OUT. `many` tells that there may be more of them."""

    metavar: str
    help: str
    optional: bool = False
    many: bool = False

    @property
    def usage(self) -> str:
        """The operand in a line of usage: `IN...`, `[DST]`."""
        shown = self.metavar + "..." * self.many
        return f"[{shown}]" if self.optional else shown


class Command(NamedTuple):
    """`work` is the function that does it, as module and name; it takes the operands (one list where there may be many)
    and the options. `summary` is one line, `more` what the manual says beyond it. The first example stands in help."""

    name: str
    operands: tuple[Operand, ...]
    summary: str
    more: str
    examples: tuple[str, ...]
    work: tuple[str, str]

    @property
    def usage(self) -> str:
        """The line that shows how to write it."""
        return " ".join(["pcapconv", self.name, "[OPTIONS]", *(operand.usage for operand in self.operands)])

    @property
    def least(self) -> int:
        """How many words it wants."""
        return sum(not operand.optional for operand in self.operands)

    @property
    def most(self) -> int | None:
        """How many words it takes; None for any number."""
        return None if any(operand.many for operand in self.operands) else len(self.operands)
