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
from contextlib import ExitStack
from typing import Any

from pcapconv.conversion import Conversion, ConversionSettings
from pcapconv.describing.census import Census
from pcapconv.describing.trial_conversion import TrialSink
from pcapconv.errors import PcapconvError
from pcapconv.formats.settings import WriterSettings
from pcapconv.io.paths import SIDECAR_SUFFIX, Readable
from pcapconv.io.source import Source, open_source


def info(source: Readable, *, fractions: str | None = None, salvage: bool = False) -> dict[str, Any]:
    """Return what a capture holds, and what the sidecar beside it keeps.

    The fields are those that `docs/reference/json.md` describes, but `duration` is a `Duration`. `fractions` and
    `salvage` are as for `convert`. Raises FormatError for a file that is not a capture, and FileError.
    """
    with open_source(source, fractions=fractions, salvage=salvage) as opened:
        fields = {**_capture_fields(opened), "sidecar": None}
        if fields["format"] == "pcap" and opened.seekable and isinstance(source, str | os.PathLike):
            fields["sidecar"] = _sidecar_fields(opened, os.fspath(source))
    return fields


def _sidecar_fields(source: Source, name: str) -> dict[str, Any] | None:
    """Return what the sidecar beside a pcap file keeps, or why it cannot be used; None without a sidecar."""
    if not os.path.isfile(name + SIDECAR_SUFFIX):  # reading a pipe of that name could wait for ever
        return None
    from pcapconv.formats.compressed_captures import plain_content  # not needed for most captures
    from pcapconv.sidecar.read_sidecar import open_restored

    census = Census(with_offsets=False)
    try:
        source.rewind()
        with ExitStack() as stack, open_restored(plain_content(source, stack), name) as (document, items):
            for item in items:
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


def _capture_fields(source: Source) -> dict[str, Any]:
    """Return what a capture holds and what a conversion to pcap would lose; both are found in one pass."""
    sink = TrialSink(can_restart=source.seekable)
    with Conversion(source, ConversionSettings(WriterSettings("pcap"))) as conversion:
        conversion.write_to(sink)
        report = conversion.run()
    fields = {
        "file": source.name,
        "format": report.source_format,
        "compression": report.source_compression,
        "bytes": source.position if source.size is None else source.size,
    }
    return {**fields, **sink.census.result(), "to_pcap": sink.result(report)}
