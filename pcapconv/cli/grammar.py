"""Command, Operand and Option: the types of the entries in the tables `commands` and `options`."""

from __future__ import annotations

from typing import Literal, NamedTuple

ValueType = Literal["flag", "switch", "optional", "text", "number", "texts", "numbers"]

FLAGS = ("flag", "switch")
NUMBERS = ("number", "numbers")
REPEATABLE = ("texts", "numbers")


class Option(NamedTuple):
    """An option of one or several commands: one line of help, one entry of the manual.

    `name` is the name of the library's argument.
    `value_type`: a `flag` takes no value; a `switch` is a flag that `--no-…` turns off again; an `optional` is a flag
    that takes a text, but only behind `=`; `texts` and `numbers` may be given several times.
    `help` is the line on the help page.
    `group` is the heading under which help and the manual show the option.
    `commands` are the names of the commands that take the option.
    `metavar` is the placeholder of the value in help.
    `choices` are all values that the option takes; empty for any text.
    `example` is an example of a value.
    `short` is the letter of the option's short form.
    `flag_name` is the option's name on the command line, if it differs from `name`.
    `on_by_default`: the switch is on unless `--no-…` is given.
    `manual` is the text of the manual: whole sentences in Markdown, without links.
    `page` is the page of the documentation that tells more, without its suffix: `how-to/dask`,
    `reference/json#info---json`.
    """

    name: str
    value_type: ValueType
    help: str
    group: str = ""
    commands: tuple[str, ...] = ()
    metavar: str = ""
    choices: tuple[str, ...] = ()
    example: str = ""
    short: str = ""
    flag_name: str = ""
    on_by_default: bool = False
    manual: str = ""
    page: str = ""

    @property
    def flag(self) -> str:
        """The option's long form: `--drop-packets`."""
        return "--" + (self.flag_name or self.name.replace("_", "-"))

    @property
    def negated_flag(self) -> str:
        """The flag that turns a switch off: `--no-sort`."""
        return "--no-" + self.flag[2:]

    @property
    def value(self) -> str:
        """The placeholder of the value in help: `FILE`, `pcap|pcapng`; empty for a flag."""
        return self.metavar or "|".join(self.choices)

    @property
    def forms(self) -> tuple[str, ...]:
        """All forms of the option, as help shows them: `-f` and `--force`, or `--report FILE`."""
        flag = self.negated_flag if self.on_by_default else self.flag
        value = f"[={self.value}]" if self.value_type == "optional" else f" {self.value}".rstrip()
        return (*([f"-{self.short}"] if self.short else []), flag + value)

    @property
    def shown_example(self) -> str:
        """The option with an example value: `--to pcap`."""
        value = self.example or (self.choices[0] if self.choices else "")
        between = "=" if self.value_type == "optional" else " "
        return f"{self.negated_flag if self.on_by_default else self.flag}{between}{value}".rstrip()


class Operand(NamedTuple):
    """An argument of a command that is not an option: IN, OUT. `many`: it may be given more than once. `unless` is the
    name of the option with which it may be left out."""

    metavar: str
    help: str
    optional: bool = False
    many: bool = False
    unless: str = ""

    @property
    def usage(self) -> str:
        """The operand in a usage line: `IN...`, `[DST]`."""
        shown = self.metavar + "..." * self.many
        return f"[{shown}]" if self.optional or self.unless else shown


class Command(NamedTuple):
    """A command.

    `summary` is one line; `description` is the text that the manual adds to it.
    Help shows the first of the `examples`.
    `function` is the module and the name of the function that runs the command. It takes the operands (as one list if
    one of them is `many`) and the options as keyword arguments, and returns the exit status.
    """

    name: str
    operands: tuple[Operand, ...]
    summary: str
    description: str
    examples: tuple[str, ...]
    function: tuple[str, str]

    @property
    def usage(self) -> str:
        """The usage line: `pcapconv convert [OPTIONS] IN [OUT]`."""
        return " ".join(["pcapconv", self.name, "[OPTIONS]", *(operand.usage for operand in self.operands)])

    @property
    def fewest_operands(self) -> int:
        """The least number of operands."""
        return sum(not operand.optional for operand in self.operands)

    @property
    def most_operands(self) -> int | None:
        """The greatest number of operands; None if there is no limit."""
        return None if any(operand.many for operand in self.operands) else len(self.operands)
