"""Describes what a capture holds: `pcapconv.info` in counts and lists, the text form packet by packet.

The files:
  capture_info       what `info` returns: `CaptureInfo`, and the sidecar beside a pcap file
  entries            what is in its lists, and the small values beside them
  traffic            counts conversations, talkers and protocols
  traffic_entries    what is in the lists of these
  census             counts and lists the items of a capture
  trial_conversion   finds what a conversion to pcap would lose, or why it would be refused
  blocks             decides how `info` shows blocks that hold no packets, in lists and on the page
  text_form          writes everything in a capture as lines of text
"""

from __future__ import annotations

import os
from collections import Counter
from contextlib import ExitStack
from typing import Any

from pcapconv.argument_types import check_flags
from pcapconv.conversion import Conversion, ConversionSettings, apply_steps, make_plan
from pcapconv.describing.capture_info import CaptureInfo, SidecarInfo, UnusableSidecar
from pcapconv.describing.census import Census
from pcapconv.describing.entries import Rates
from pcapconv.describing.traffic import TrafficTables
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
    filter: str | None = None,  # noqa: A002 - the command line's name
    fractions: str | None = None,
    timezone: str | None = None,
    salvage: bool = False,
    conversations: bool = False,
    protocols: bool = False,
    talkers: bool = False,
    hash: bool = False,  # noqa: A002 - the command line's name
) -> CaptureInfo:
    """Find out what a capture holds, what a conversion to pcap would lose, and what the sidecar beside it keeps.

    * `source`: a path, `-` for stdin, or a binary file object, which stays open.
    * `filter`: count only the packets that match this expression of libpcap, as for `convert`.
    * `timezone`: the zone in which times are shown as text.
    * `fractions`, `salvage`: as for `convert`.
    * `conversations`, `protocols`, `talkers`: read the packets' headers, and count who talks to whom, by which
      protocols, and how much each address sends and receives.
    * `hash`: compute the SHA-256 of the file.

    Returns a `CaptureInfo`. Raises FormatError for a file that is not a capture, FileError, and UsageError for invalid
    arguments.
    """
    check_flags(salvage=salvage, conversations=conversations, protocols=protocols, talkers=talkers, hash=hash)
    zone = parse_timezone("timezone", timezone)
    tables = TrafficTables(conversations, protocols, talkers)
    plan = make_plan({"filter": filter})
    return describe(source, plan, zone, fractions=fractions, salvage=salvage, tables=tables, hashed=hash)


def describe(
    source: Readable,
    plan: BasePlan | None,
    zone: TimeZone,
    *,
    fractions: str | None,
    salvage: bool,
    tables: TrafficTables,
    hashed: bool,
) -> CaptureInfo:
    """What `info` returns, with checked arguments. The steps of `plan` select the packets that count."""
    plan = plan or BasePlan()
    with open_source(source, fractions=fractions, salvage=salvage) as opened:
        fields = _capture_fields(opened, plan, zone, tables, hashed=hashed)
        sidecar = None
        if fields["format"] == "pcap" and opened.seekable and isinstance(source, str | os.PathLike):
            sidecar = _sidecar_info(opened, os.fspath(source), plan, zone)
    return CaptureInfo(**fields, sidecar=sidecar)


def _sidecar_info(source: Source, name: str, plan: BasePlan, zone: TimeZone) -> SidecarInfo | UnusableSidecar | None:
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
        return UnusableSidecar(name + SIDECAR_SUFFIX, str(error))
    header = document.header
    fields = {
        "kept": header.kept,
        "missing": header.missing,
        "damage_before": header.damage,
        "fingerprints": header.fingerprints,
    }
    return SidecarInfo(file=document.name, matches=True, **fields, **census.result())


def _capture_fields(
    source: Source, plan: BasePlan, zone: TimeZone, tables: TrafficTables, *, hashed: bool
) -> dict[str, Any]:
    """Return what a capture holds and what a conversion to pcap would lose; both are found in one pass."""
    sink = TrialSink(zone, tables, can_restart=source.seekable)
    settings = ConversionSettings(WriterSettings("pcap"), hashed=hashed and source.plain)
    digest = None
    if hashed and not source.plain:
        from pcapconv.io.source_digest import StreamDigest  # slow to import, and rarely needed

        digest = StreamDigest(source)
    with Conversion(source, settings, plan) as conversion:
        conversion.write_to(sink)
        report = conversion.run()
        sha256 = conversion.digest_of_source() if settings.hashed else None
    if digest is not None:
        sha256 = digest.hexdigest()
    contents = sink.census.result()
    fields = {
        "file": source.name,
        "format": report.source_format,
        "compression": report.source_compression,
        "bytes": source.position if source.size is None else source.size,
        "sha256": sha256,
    }
    rates = Rates.of(contents["packets"], contents["original_bytes"], contents["duration"])
    found = sink.traffic.result(sink.census.decimal_places)
    return {**fields, **contents, "rates": rates, **found, "to_pcap": sink.result(report)}
