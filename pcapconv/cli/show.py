"""The command `pcapconv show IN`: prints the packets of a capture, a line each."""

from __future__ import annotations

import io
import signal
import sys
from typing import Any

from pcapconv.argument_types import parse_column_names
from pcapconv.cli.kernel_warning import warn_if_interpreted
from pcapconv.cli.messages import print_message, print_warnings
from pcapconv.cli.painted_lines import PaintedLines
from pcapconv.cli.signals import Terminated
from pcapconv.cli.statuses import DAMAGED, INTERRUPTED
from pcapconv.cli.terminal import painter_for, terminal_width
from pcapconv.cli.zone_note import mention_local_zone
from pcapconv.errors import FileError, PcapconvError, UsageError
from pcapconv.io import interruption
from pcapconv.listing import Form, list_packets
from pcapconv.listing.columns import COLUMNS
from pcapconv.listing.lines import TextLines
from pcapconv.listing.records import CsvLines, JsonLines


def show(
    source: str,
    *,
    columns: str | None = None,
    as_json: bool = False,
    as_csv: bool = False,
    hex: bool = False,  # noqa: A002 - the option's name
    **options: Any,
) -> int:
    """Print the packets of a capture, and warnings on stderr, and return the exit status. Ctrl-C while a pipe is read
    ends the pipe, and the packets that came are printed."""
    form = _form(columns, as_json=as_json, as_csv=as_csv, dump=hex)
    mention_local_zone(options)
    warn_if_interpreted()
    with interruption.finish_when_interrupted() as request:

        def write(text: str) -> None:
            with request.writing_to_pipe():
                sys.stdout.write(text)

        def flush() -> None:
            with request.writing_to_pipe():
                sys.stdout.flush()

        try:
            report = list_packets(source, form, write, flush, **options)
            flush()
        except PcapconvError as error:
            if not request.requested:
                raise
            if request.bytes_came:  # else the pipe gave nothing, and so no capture
                print_message(str(error))
            raise Terminated(signal.SIGINT) from error
        if request.requested:
            return INTERRUPTED
    print_warnings(report, report.inputs[0], losses=False, left_out=False)
    return DAMAGED if report.damage else 0


def _form(columns: str | None, *, as_json: bool, as_csv: bool, dump: bool) -> Form:
    """Return what is printed. Raises UsageError, and FileError if stdout is closed."""
    if as_json and as_csv:
        raise UsageError("--json and --csv are two forms; give one of them")
    if dump and (as_json or as_csv):
        raise UsageError("-x is for lines; --columns with data gives the bytes to --json and --csv")
    chosen = None if columns is None else parse_column_names(columns, COLUMNS)
    if sys.stdout is None:
        raise FileError("stdout is closed")
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # the terminal may not know all characters
    if as_json:
        return JsonLines(chosen)
    if as_csv:
        return CsvLines(chosen)
    if sys.stdout.isatty():
        return PaintedLines(chosen, painter_for(sys.stdout), terminal_width(sys.stdout), dump=dump)
    return TextLines(chosen, dump=dump)
