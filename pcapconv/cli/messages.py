"""What the command line says on stderr: one sentence each, with nothing in it that a terminal would obey."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from pcapconv.errors import FileError, UsageError
from pcapconv.io.paths import STDIO
from pcapconv.model import Damage, Notice
from pcapconv.report import LEFT_OUT_WORDS, Report, counts_in_words
from pcapconv.text import counted, shown

MOST = 5  # of a kind, before the rest is only counted
_MOST_RUNS = 20


def check_stdin_once(sources: Sequence[str]) -> None:
    """Raises UsageError where several of them are stdin."""
    if list(sources).count(STDIO) > 1:
        raise UsageError("- is stdin, which can be read once; name it once")


def complain(message: str) -> None:
    """An error or a warning."""
    say(f"pcapconv: {message}")


def say(message: str) -> None:
    """A line on stderr, if there is one and somebody reads it."""
    with suppress(FileError, OSError):
        if sys.stderr is not None:
            sys.stderr.write(f"{shown(message)}\n")


def say_what_happened(
    report: Report, target: str, *, losses: bool, left_out: bool = True, sidecar: bool = False, quiet: bool = False
) -> None:
    """Warnings of a finished conversion: damage, oddities, and in one line what was lost; unless `quiet`, also what
    sidecars did. `target` is for messages; `sidecar` tells that the command can write one."""
    source = report.inputs[0]
    list_places(f"warning: {source}", report.damage, report.damage_total)
    list_places(f"warning: {source}", report.warnings, report.warnings_total)
    for name in report.put_back[:MOST]:
        complain(f"warning: {name}: an earlier split was killed while its parts appeared; the old file was put back")
    if len(report.put_back) > MOST:
        more = counted(len(report.put_back) - MOST, "more old file was", "more old files were")
        complain(f"warning: {more} put back; --report FILE has their names")
    if report.left_out and left_out:
        complain(f"warning: {target}: left out {counts_in_words(report.left_out, LEFT_OUT_WORDS)}")
    if report.oversized is not None:
        many, size = report.oversized["parts"], report.oversized["header_bytes"]
        complain(
            f"warning: {target}: {counted(many, 'part is', 'parts are')} larger than --max-bytes, as the headers "
            f"that a part begins with take up to {counted(size, 'byte')}"
        )
    if report.packets_read and not report.packets_written:
        complain(f"warning: {target}: no packet was selected, it holds none")
    if report.secrets_extracted == 0:
        complain(f"warning: {source}: it holds no key log, and none was written")
    if report.sidecar_written is not None and not quiet:
        _say_what_was_kept(report, source, target)
    if report.missing_in_sidecar and losses:
        complain(
            f"warning: {target}: {report.sidecar_read} was written without {counts_in_words(report.missing_in_sidecar)}"
            "; --sidecar-secrets would have kept them"
        )
    if report.damage_in_sidecar:
        complain(
            f"warning: {target}: when {report.sidecar_read} was written, the capture was damaged in "
            f"{places_of(report.damage_in_sidecar)}; what could be read then is all there is"
        )
    if report.found_in_sidecar is not None:
        _say_what_was_found(report.found_in_sidecar, target, quiet=quiet)
    if report.losses and losses:
        option = "--sidecar-secrets" if report.kept_in_sidecar else "--sidecar"
        helps = sidecar and report.target_format == "pcap" and report.source_format != "pcap"
        keep = f", {option} keeps them" if helps else ""
        complain(
            f"warning: {target}: {report.target_format} cannot hold {counts_in_words(report.losses)}; "
            f"--report FILE has the counts, --on-loss fail refuses{keep}"
        )


def _say_what_was_kept(report: Report, source: str, target: str) -> None:
    """In a sidecar that was written; nothing where there was nothing to keep."""
    target = target if report.parts is None else source
    if report.kept_in_sidecar:
        complain(f"{target}: kept in the sidecar {report.sidecar_written}: {counts_in_words(report.kept_in_sidecar)}")
    elif report.source_format == "pcap" and report.sidecar_read is None:
        complain(f"{target}: its sidecar keeps nothing, since there is none beside {source}")


def _say_what_was_found(found: Mapping[str, Any], target: str, *, quiet: bool) -> None:
    """How many packets of an edited capture its sidecar knows, and which it does not."""
    again = found["same"] + found["cut"] + found["changed"]
    how = [
        f"{found[kind]:,} {words}"
        for kind, words in (("cut", "of them cut"), ("changed", "with other bytes"))
        if found[kind]
    ]
    of_all = f"{again:,} of the sidecar's {counted(found['in_sidecar'], 'packet')} were found again"
    details = f" ({', '.join(how)})" if how else ""
    if not quiet:
        complain(f"{target}: {of_all}{details}")
    for kind in ("new", "ambiguous"):
        if found[kind]:
            numbers = _runs(found[f"{kind}_packets"], found[kind])
            complain(f"warning: {target}: {kind}, and kept plain: packet {numbers}")


def _runs(numbers: Sequence[int], total: int) -> str:
    """Numbers in order, those that follow each other together: `3, 5-17 and 2 more`."""
    runs: list[list[int]] = []
    listed = 0
    for number in numbers:
        if runs and runs[-1][1] == number - 1:
            runs[-1][1] = number
        elif len(runs) == _MOST_RUNS:
            break
        else:
            runs.append([number, number])
        listed += 1
    said = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in runs)
    return f"{said} and {total - listed:,} more" if total > listed else said


def places_of(count: int) -> str:
    """`1 place`, `2 places`."""
    return counted(count, "place")


def list_places(
    prefix: str, places: Sequence[Damage | Notice], total: int, *, rest: str = "--report FILE has them"
) -> None:
    """The first ones, and how many more there are; `rest` says where these are."""
    for place in places[:MOST]:
        complain(f"{prefix}: {place}")
    if total > MOST:
        complain(f"{prefix}: and {total - MOST:,} more like these; {rest}")
