"""The commands and their options, as Typer sees them."""

from __future__ import annotations

from enum import StrEnum
from typing import Annotated

import typer

from pcapconv.cli.version import version

app = typer.Typer(
    name="pcapconv",
    help="Convert packet captures between pcap and pcapng, and lose nothing silently.",
    epilog="Example: pcapconv convert capture.pcapng capture.pcap",
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


class OnLoss(StrEnum):
    """What to do when the target cannot hold everything."""

    warn = "warn"
    ignore = "ignore"
    fail = "fail"


class Format(StrEnum):
    """What can be written."""

    pcap = "pcap"
    pcapng = "pcapng"


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version())
        raise typer.Exit


Debug = Annotated[bool, typer.Option("--debug", help="Show a traceback with an error.")]


@app.callback()
def pcapconv(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and the kernels.")
    ] = False,
) -> None:
    """Options before a command."""


@app.command("convert", epilog="Example: pcapconv convert capture.pcapng capture.pcap --report losses.json")
def convert_command(
    source: Annotated[str, typer.Argument(metavar="IN", help="A pcap or pcapng capture; - for stdin.")],
    target: Annotated[str, typer.Argument(metavar="OUT", help="The file to write; - for stdout.")],
    to: Annotated[Format | None, typer.Option(help="The format to write; else OUT's suffix tells.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace OUT if it exists. OUT may be IN.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Refuse damaged input, with status 1.")] = False,
    on_loss: Annotated[
        OnLoss, typer.Option(help="When OUT's format cannot hold everything; fail writes nothing, with status 4.")
    ] = OnLoss.warn,
    report: Annotated[
        str | None, typer.Option(metavar="FILE", help="Write what happened as JSON; - for stdout.")
    ] = None,
    nanoseconds: Annotated[
        bool, typer.Option("--nanoseconds", help="From pcapng to pcap: write nanoseconds, whatever the interfaces say.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no closing line.")] = False,
    _debug: Debug = False,
) -> None:
    """Convert one capture. What is lost or damaged is said on stderr; status 3 means damaged input."""
    from pcapconv.cli.convert import convert

    status = convert(
        source,
        target,
        to=to,
        force=force,
        strict=strict,
        on_loss=on_loss.value,
        report=report,
        nanoseconds=nanoseconds,
        quiet=quiet,
    )
    raise typer.Exit(status)


@app.command("info", epilog="Example: pcapconv info capture.pcapng --json")
def info_command(
    sources: Annotated[list[str], typer.Argument(metavar="IN...", help="pcap or pcapng captures; - for stdin.")],
    as_json: Annotated[bool, typer.Option("--json", help="JSON: an object for one IN, a list for several.")] = False,
    _debug: Debug = False,
) -> None:
    """Show what captures hold: interfaces, packets, times, comments, names, damage."""
    from pcapconv.cli.info import info

    raise typer.Exit(info(sources, as_json=as_json))
