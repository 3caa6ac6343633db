"""The commands and their options, as Typer sees them."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from enum import Enum, StrEnum
from typing import Annotated, Any

import typer

from pcapconv.cli.options import BATCH, CONVERT, FSYNC, INPUT, NORMALIZE, SPLIT, Option
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


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(version())
        raise typer.Exit


Source = Annotated[str, typer.Argument(metavar="IN", help="A pcap or pcapng capture; - for stdin.")]


def _with(options: Sequence[Option]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The command with these options in the place of its `**options`."""

    def add(command: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(command, eval_str=True)
        kept = [each for each in own.parameters.values() if each.kind is not inspect.Parameter.VAR_KEYWORD]
        command.__signature__ = own.replace(parameters=[*kept, *map(_parameter, options)])  # type: ignore[attr-defined]
        return command

    return add


def _parameter(option: Option) -> inspect.Parameter:
    types: dict[str, Any] = {
        "flag": bool | None,
        "switch": bool | None,
        "text": str | None,
        "number": int | None,
        "texts": list[str] | None,
        "numbers": list[int] | None,
    }
    kind = types[option.kind]
    if option.choices:
        enumeration: Any = StrEnum  # whose members a type checker wants to read in the source
        kind = enumeration("Choice", {choice: choice for choice in option.choices}) | None
    flag = f"{option.flag}/{option.off}" if option.kind == "switch" else option.flag
    flags = [flag, *([f"-{option.short}"] if option.short else [])]
    declared = typer.Option(*flags, metavar=option.metavar, help=option.help, show_default=option.default or True)
    return inspect.Parameter(
        option.name, inspect.Parameter.KEYWORD_ONLY, default=None, annotation=Annotated[kind, declared]
    )


def _given(options: dict[str, Any]) -> dict[str, Any]:
    """Only the options that say something, as plain values."""
    return {
        name: value.value if isinstance(value, Enum) else value
        for name, value in options.items()
        if not (value is None or value == [])
    }


@app.callback()
def pcapconv(
    _version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and the kernels.")
    ] = False,
) -> None:
    """Options before a command."""


@app.command(
    "convert",
    epilog="Example: pcapconv convert capture.pcapng part.pcap --after 2024-05-01T12:00Z --before 2024-05-01T13:00Z",
)
@_with(CONVERT)
def convert_command(
    source: Source,
    target: Annotated[str, typer.Argument(metavar="OUT", help="The file to write; - for stdout.")],
    **options: Any,
) -> None:
    """Select from, edit and convert one capture.

    What is lost or damaged is said on stderr; status 3 means damaged input.
    """
    from pcapconv.cli.convert import convert

    raise typer.Exit(convert(source, target, **_given(options)))


@app.command("split", epilog="Example: pcapconv split big.pcap 'hour-%Y%m%d-%H.pcap' --interval 1h --align")
@_with(SPLIT)
def split_command(
    source: Source,
    template: Annotated[
        str,
        typer.Argument(
            metavar="TEMPLATE",
            help="Names of the parts: {index}, {start:%Y%m%dT%H%M%S}, {interface}, {link_type}, {section}, {stem}.",
        ),
    ],
    **options: Any,
) -> None:
    """Make many captures of one, each of which stands alone.

    Say where a new part begins with one of the first options.
    """
    from pcapconv.cli.split import split

    raise typer.Exit(split(source, template, **_given(options)))


@app.command("join", epilog="Example: pcapconv join mixed.meta.json again.pcapng")
def join_command(
    sidecar: Annotated[str, typer.Argument(metavar="SIDECAR", help="What split --by link-type --sidecar has written.")],
    target: Annotated[str, typer.Argument(metavar="OUT", help="The pcapng capture to make again; - for stdout.")],
    report: Annotated[
        str | None, typer.Option("--report", metavar="FILE", help="Write what happened as JSON; - for stdout.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace OUT if it exists.")] = False,
    fsync: Annotated[bool, typer.Option("--fsync/--no-fsync", help=FSYNC.help)] = True,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bar and no closing line.")] = False,
    _debug: Annotated[bool, typer.Option("--debug", help="Show a traceback with an error.")] = False,
) -> None:
    """Make one capture again of the parts beside a sidecar, byte for byte."""
    from pcapconv.cli.join import join

    raise typer.Exit(join(sidecar, target, report=report, force=force, fsync=fsync, quiet=quiet))


@app.command("batch", epilog="Example: pcapconv batch captures/ converted/ --to pcapng --jobs 8")
@_with(BATCH)
def batch_command(
    source: Annotated[
        str, typer.Argument(metavar="SRC", help="A directory, a file, or - for a list of files on stdin; or URLs.")
    ],
    target: Annotated[
        str | None, typer.Argument(metavar="[DST]", help="The directory for the new files, where SRC is mirrored.")
    ] = None,
    **options: Any,
) -> None:
    """Select from, edit and convert all captures of a tree, in parallel.

    Status 1 means that some files failed, 3 that some were damaged.
    """
    from pcapconv.cli.batch import batch

    raise typer.Exit(batch(source, target, **_given(options)))


@app.command("normalize", epilog="Example: pcapconv normalize out.pcapng golden.pcapng --rebase-time 2024-01-01")
@_with(NORMALIZE)
def normalize_command(
    paths: Annotated[
        list[str], typer.Argument(metavar="IN OUT", help="Captures; with --check or --in-place any files, directories.")
    ],
    **options: Any,
) -> None:
    """The same packets and the same meaning as the same bytes, for golden captures.

    Options can stand in [tool.pcapconv.normalize] of the nearest pyproject.toml.
    """
    from pcapconv.cli.normalize import normalize

    raise typer.Exit(normalize(paths, **_given(options)))


@app.command("diff", epilog="Example: pcapconv diff expected.pcapng actual.pcapng --ignore time,comments")
@_with(INPUT)
def diff_command(
    a: Annotated[str, typer.Argument(metavar="A", help="A pcap or pcapng capture; - for stdin.")],
    b: Annotated[str, typer.Argument(metavar="B", help="Another one.")],
    ignore: Annotated[
        list[str] | None,
        typer.Option(
            "--ignore",
            metavar="KIND,...",
            help="Do not compare time, lengths, interfaces, comments, direction, names, secrets. Repeatable.",
        ),
    ] = None,
    time_tolerance: Annotated[
        str | None, typer.Option("--time-tolerance", metavar="DURATION", help="Times may differ so much: 1ms.")
    ] = None,
    everything: Annotated[
        bool, typer.Option("--all", help="Compare hosts, applications, statistics, packet ids and the like, too.")
    ] = False,
    most: Annotated[int, typer.Option("--show", metavar="N", help="Show the first N packets that differ.")] = 10,
    as_json: Annotated[bool, typer.Option("--json", help="JSON.")] = False,
    _debug: Annotated[bool, typer.Option("--debug", help="Show a traceback with an error.")] = False,
    **options: Any,
) -> None:
    """Compare what two captures say, whatever format, byte order or resolution they are in.

    Status 0: the same; 1: different; 2: trouble; 3: what could be read is the same, but a capture is damaged.
    """
    from pcapconv.cli.diff import compare

    status = compare(
        a,
        b,
        ignore=ignore or (),
        time_tolerance=time_tolerance,
        everything=everything,
        most=most,
        as_json=as_json,
        **_given(options),
    )
    raise typer.Exit(status)


@app.command("info", epilog="Example: pcapconv info capture.pcapng --json")
@_with(INPUT)
def info_command(
    sources: Annotated[list[str], typer.Argument(metavar="IN...", help="pcap or pcapng captures; - for stdin.")],
    as_json: Annotated[bool, typer.Option("--json", help="JSON: an object for one IN, a list for several.")] = False,
    as_text: Annotated[
        bool, typer.Option("--text", help="All that a capture says, a line for each packet: for git diff.")
    ] = False,
    _debug: Annotated[bool, typer.Option("--debug", help="Show a traceback with an error.")] = False,
    **options: Any,
) -> None:
    """Show what captures hold: interfaces, packets, times, comments, names, damage."""
    from pcapconv.cli.info import info

    raise typer.Exit(info(sources, as_json=as_json, as_text=as_text, **_given(options)))
