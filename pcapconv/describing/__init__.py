"""Describes what a capture holds: `info` in counts and lists, the text form packet by packet.

The files:
  census             counts and lists the items of a capture
  trial_conversion   finds what a conversion to pcap would lose, or why it would be refused
  blocks             decides how `info` shows blocks that hold no packets, in JSON and on the page
  document           makes the JSON form of `info`
  text_form          writes everything in a capture as lines of text
"""

from __future__ import annotations

import os
from collections import Counter
from contextlib import ExitStack
from typing import Any

from pcapconv.conversion import Conversion, ConversionSettings, apply_steps
from pcapconv.describing.census import Census
from pcapconv.describing.trial_conversion import TrialSink
from pcapconv.errors import PcapconvError
from pcapconv.formats.settings import WriterSettings
from pcapconv.io.paths import SIDECAR_SUFFIX, Readable
from pcapconv.io.source import Source, open_source
from pcapconv.steps import BasePlan
from pcapconv.steps.argument_values import parse_timezone
from pcapconv.time_zones import TimeZone


def info(
    source: Readable,
    *,
    fractions: str | None = None,
    timezone: str | None = None,
    salvage: bool = False,
    plan: BasePlan | None = None,
) -> dict[str, Any]:
    """Return what a capture holds, and what the sidecar beside it keeps.

    The fields are those that `docs/reference/json.md` describes, but `duration` is a `Duration`. `fractions` and
    `salvage` are as for `convert`; `timezone` is the zone in which times are shown. The steps of `plan` select the
    packets that count. Raises FormatError for a file that is not a capture, FileError, and UsageError for an unknown
    zone.
    """
    plan, zone = plan or BasePlan(), parse_timezone("timezone", timezone)
    with open_source(source, fractions=fractions, salvage=salvage) as opened:
        fields = {**_capture_fields(opened, plan, zone), "sidecar": None}
        if fields["format"] == "pcap" and opened.seekable and isinstance(source, str | os.PathLike):
            fields["sidecar"] = _sidecar_fields(opened, os.fspath(source), plan, zone)
    return fields


def _sidecar_fields(source: Source, name: str, plan: BasePlan, zone: TimeZone) -> dict[str, Any] | None:
    """Return what the sidecar beside a pcap file keeps, or why it cannot be used; None without a sidecar."""
    if not os.path.isfile(name + SIDECAR_SUFFIX):  # reading a pipe of that name could wait for ever
        return None
    from pcapconv.formats.compressed_captures import plain_content  # not needed for most captures
    from pcapconv.sidecar.read_sidecar import open_restored

    census = Census(zone, with_offsets=False)
    try:
        source.rewind()
        with ExitStack() as stack, open_restored(plain_content(source, stack), name) as (document, items):
            for item in apply_steps(plan.steps(Counter()), items):
                census.add_item(item)
    except PcapconvError as error:
        return {"file": name + SIDECAR_SUFFIX, "matches": False, "reason": str(error)}
    header = document.header
    fields = {
        "kept": header.kept,
        "missing": header.missing,
        "damage_before": header.damage,
        "fingerprints": header.fingerprints,
    }
    return {"file": document.name, "matches": True, **fields, **census.result()}


def _capture_fields(source: Source, plan: BasePlan, zone: TimeZone) -> dict[str, Any]:
    """Return what a capture holds and what a conversion to pcap would lose; both are found in one pass."""
    sink = TrialSink(zone, can_restart=source.seekable)
    with Conversion(source, ConversionSettings(WriterSettings("pcap")), plan) as conversion:
        conversion.write_to(sink)
        report = conversion.run()
    fields = {
        "file": source.name,
        "format": report.source_format,
        "compression": report.source_compression,
        "bytes": source.position if source.size is None else source.size,
    }
    return {**fields, **sink.census.result(), "to_pcap": sink.result(report)}
