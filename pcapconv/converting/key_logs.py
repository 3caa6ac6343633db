"""Extracts the key logs of a capture without writing a capture: `pcapconv.convert` without a target.

Strategy: the conversion is the usual one, into a sink that writes nothing. Arguments that change or describe an output
are refused, since they would have no effect.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import ExitStack
from typing import Any

from pcapconv.conversion import Conversion, ConversionSettings, make_plan, open_secrets
from pcapconv.errors import UsageError
from pcapconv.formats.settings import WriterSettings
from pcapconv.io.paths import Readable
from pcapconv.io.source import open_source
from pcapconv.report import Report
from pcapconv.sinks import NoSink
from pcapconv.wording import argument, arguments

_WRITER = WriterSettings("pcapng", keep_snaplen=True)  # no snaplen is checked that nobody writes


def extract_key_logs(
    source: Readable,
    options: Mapping[str, Any],
    *,
    force: bool,
    strict: bool,
    fractions: str | None,
    fsync: bool,
    progress: Callable[[int], object] | None,
    on_message: Callable[[str], object] | None,
) -> Report:
    """Extract the key logs of the capture to the file that the option `extract_secrets` names. Raises UsageError
    without that option, and for any other option that is given; raises what `convert` raises."""
    if options.get("extract_secrets") is None:
        raise UsageError(
            f"the output is missing; only {argument('extract_secrets')} needs none", option="extract_secrets"
        )
    for name, value in options.items():
        if name != "extract_secrets" and not (
            value is None or value is False or (isinstance(value, list | tuple) and not value)
        ):
            named = argument(name, value) if value is True else argument(name)
            alone = arguments(extract_secrets=options["extract_secrets"])
            raise UsageError(
                f"{named} is about an output, and there is none; name one, or give {alone} alone", option=name
            )
    plan = make_plan({"extract_secrets": options["extract_secrets"]})
    settings = ConversionSettings(_WRITER, strict, fsync=fsync, progress=progress, on_message=on_message)
    with ExitStack() as stack:
        opened = stack.enter_context(open_source(source, fractions=fractions))
        conversion = stack.enter_context(Conversion(opened, settings, plan))
        conversion.write_to(NoSink())
        conversion.extract_to(open_secrets(plan, source, force=force))
        report = conversion.run()
        conversion.commit()
    return report
