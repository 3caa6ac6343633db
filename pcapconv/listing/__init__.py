"""Lists the packets of a capture, a line for each: `pcapconv show`.

| file | what is in it |
|---|---|
| `__init__.py` | `list_packets`: lists a capture |
| `columns.py` | the columns: their names, their values, and how wide lines have them |
| `rows.py` | `Rows`: a batch with what columns are made of, each read when a column first needs it |
| `times.py` | times as the lines show them |
| `names.py` | names of addresses, from the capture |
| `lines.py`, `hex_dump.py` | lines for people; packets' bytes below their lines |
| `records.py` | the same rows as JSON and as CSV |
| `sink.py` | the conversion that lists a capture, and its sink |

Strategy: a listing is made by a conversion like any other, with the same steps, messages and report; only its sink is
another, which writes what a form makes of each batch. Forms work on whole columns: a value for each row, then a text
for each row, then lines. What packets say of themselves comes from `essence/`. Lines go out when a batch is done, and a
live pipe gives a batch for what it has.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from typing import TYPE_CHECKING

from pcapconv.conversion import ConversionSettings, make_plan
from pcapconv.errors import UsageError
from pcapconv.formats.settings import WriterSettings
from pcapconv.io.paths import Readable
from pcapconv.io.source import check_salvage, open_source
from pcapconv.listing.columns import HEADER_NAMES
from pcapconv.listing.names import CaptureNames
from pcapconv.listing.rows import RowReader
from pcapconv.listing.sink import Form as Form
from pcapconv.listing.sink import ListingConversion, ListingSink
from pcapconv.listing.times import TIMES, TimeReader
from pcapconv.report import Report
from pcapconv.steps.argument_values import parse_timezone
from pcapconv.time_zones import LOCAL
from pcapconv.wording import argument

if TYPE_CHECKING:
    from typing import Any, Unpack

    from pcapconv.steps.step_arguments import SelectingArguments

_WRITER = WriterSettings("pcapng", keep_snaplen=True)  # no snaplen is checked that nobody writes


def list_packets(
    source: Readable,
    form: Form,
    write: Callable[[str], object],
    flush: Callable[[], object],
    *,
    time: str | None = None,
    inner: bool = False,
    names: bool = False,
    fractions: str | None = None,
    salvage: bool = False,
    in_order: bool | str = False,
    **selecting: Unpack[SelectingArguments],
) -> Report:
    """Select packets of one capture, and write what `form` makes of them, piece by piece.

    * `source`: a path, `-` for stdin, or a binary file object, which stays open.
    * `write` is called with the text; `flush` before the capture, if it is a pipe, makes wait.
    * `time`: `"utc"`, `"local"`, `"relative"`, `"delta"` or `"epoch"`; None for the zone of `timezone`.
    * `inner`: show the innermost packets of tunnels.
    * `names`: show the capture's names in place of addresses.
    * `fractions`, `salvage`, `in_order`: as for `convert`.
    * `selecting`: the selecting ones among `pcapconv.steps.step_arguments.StepArguments`.

    Reading ends behind the last selected packet, if one can be known to be the last. Raises a `PcapconvError`, and what
    `write` and `flush` raise.
    """
    if time is not None and time not in TIMES:
        raise UsageError(f"{argument('time', time)}: must be {', '.join(TIMES[:-1])} or {TIMES[-1]}", option="time")
    check_salvage(salvage=salvage, strict=False)
    steps: Any = selecting
    plan = make_plan(steps, in_order=in_order)
    clock = {"utc": None, "local": LOCAL}.get(time or "", selecting.get("timezone"))
    times = TimeReader(time, parse_timezone("timezone", clock), dated=form.dated)
    capture_names = CaptureNames() if names else None
    wanted = [name for name in form.columns if name in HEADER_NAMES]
    rows = RowReader(times, wanted, inner=inner, names=capture_names)
    settings = ConversionSettings(_WRITER, stop_early=True)
    with ExitStack() as stack:
        opened = stack.enter_context(open_source(source, fractions=fractions, salvage=salvage))
        conversion = stack.enter_context(ListingConversion(opened, settings, plan, times, capture_names))
        conversion.survey()
        conversion.write_to(ListingSink(form, rows, write, flush))
        return conversion.run()
