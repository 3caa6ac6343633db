"""Messages on stderr: errors and warnings in one sentence each, with control characters escaped."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from pcapconv.errors import FileError, UsageError
from pcapconv.io.paths import STDIO
from pcapconv.model import Damage, Notice
from pcapconv.report import LEFT_OUT_WORDS, Report, counts_in_words, losses_in_words
from pcapconv.text import counted, first_and_more, shown

MOST_PRINTED = 5  # entries of one list that are printed; further entries are only counted
_MOST_RANGES = 20  # ranges of packet numbers in one message


def check_stdin_once(sources: Sequence[str]) -> None:
    """Check that at most one source is stdin. Raises UsageError if several are."""
    if list(sources).count(STDIO) > 1:
        raise UsageError("- is stdin, which can be read once; name it once")


def print_message(message: str) -> None:
    """Print an error or a warning."""
    print_line(f"pcapconv: {message}")


def print_line(message: str) -> None:
    """Print a line on stderr; a stderr that is closed or cannot be written is ignored."""
    with suppress(FileError, OSError):
        if sys.stderr is not None:
            sys.stderr.write(f"{shown(message)}\n")


def print_warnings(
    report: Report,
    target: str,
    *,
    losses: bool,
    left_out: bool = True,
    sidecar: bool = False,
    merged: bool = False,
    quiet: bool = False,
) -> None:
    """Print the warnings of a finished conversion: damage, oddities, packets and metadata that the output lacks.

    `target` names the output in messages. With `losses`, warn of metadata that the target format cannot hold; with
    `left_out`, of metadata that an edit left out. `sidecar` tells that the command can write sidecars, so that warnings
    advise to write one; `merged`, that captures were merged. Unless `quiet`, print also what sidecars kept and
    restored.
    """
    source = first_and_more(report.inputs) if merged else report.inputs[0]
    print_findings(f"warning: {source}", report.damage, report.damage_total)
    print_findings(f"warning: {source}", report.warnings, report.warnings_total)
    for name in report.put_back[:MOST_PRINTED]:
        print_message(
            f"warning: {name}: an earlier split was killed while its parts got their final names; "
            "the old file was put back"
        )
    if len(report.put_back) > MOST_PRINTED:
        more = counted(len(report.put_back) - MOST_PRINTED, "more old file was", "more old files were")
        print_message(f"warning: {more} put back; --report FILE has their names")
    if report.left_out and left_out:
        print_message(f"warning: {target}: left out {counts_in_words(report.left_out, LEFT_OUT_WORDS)}")
    if report.oversized is not None:
        parts, size = report.oversized["parts"], report.oversized["header_bytes"]
        print_message(
            f"warning: {target}: {counted(parts, 'part is', 'parts are')} larger than --max-bytes, as the headers "
            f"that a part begins with take up to {counted(size, 'byte')}"
        )
    if report.packets_read and not report.packets_written and report.outputs:
        print_message(f"warning: {target}: no packet was selected, it holds none")
    if report.secrets_extracted == 0:
        without = "no input holds a key log" if merged and len(report.inputs) > 1 else f"{source}: it holds no key log"
        print_message(f"warning: {without}, and none was written")
    if report.sidecar_written is not None and not quiet:
        _print_kept(report, source, target)
    if report.missing_in_sidecar and losses:
        print_message(
            f"warning: {target}: {report.sidecar_read} was written without {counts_in_words(report.missing_in_sidecar)}"
            "; --sidecar-secrets would have kept them"
        )
    if report.damage_in_sidecar:
        print_message(
            f"warning: {target}: when {report.sidecar_read} was written, the capture was damaged in "
            f"{place_count(report.damage_in_sidecar)}; only what could be read then is restored"
        )
    if report.found_in_sidecar is not None:
        _print_matches(report.found_in_sidecar, target, quiet=quiet)
    if report.losses and losses:
        option = "--sidecar-secrets" if report.kept_in_sidecar else "--sidecar"
        sidecar_helps = sidecar and report.target_format == "pcap" and report.source_format != "pcap"
        advice = f", {option} keeps them" if sidecar_helps else ""
        print_message(
            f"warning: {target}: {losses_in_words(report, merged=merged)}; "
            f"--report FILE has the counts, --on-loss fail refuses{advice}"
        )


def _print_kept(report: Report, source: str, target: str) -> None:
    """Print what the written sidecar keeps, by kind and count; or that it keeps nothing, for a pcap source without a
    sidecar."""
    target = target if report.parts is None else source
    if report.kept_in_sidecar:
        print_message(
            f"{target}: kept in the sidecar {report.sidecar_written}: {counts_in_words(report.kept_in_sidecar)}"
        )
    elif report.source_format == "pcap" and report.sidecar_read is None:
        print_message(f"{target}: its sidecar keeps nothing, since there is no sidecar beside {source}")


def _print_matches(matches: Mapping[str, Any], target: str, *, quiet: bool) -> None:
    """Print how many packets of an edited capture match packets of its sidecar, unless `quiet`, and which do not."""
    matched = matches["same"] + matches["cut"] + matches["changed"]
    changes = [
        f"{matches[level]:,} {words}"
        for level, words in (("cut", "of them cut"), ("changed", "with other bytes"))
        if matches[level]
    ]
    matched_of_all = f"{matched:,} of the sidecar's {counted(matches['in_sidecar'], 'packet')} were recognised"
    details = f" ({', '.join(changes)})" if changes else ""
    if not quiet:
        print_message(f"{target}: {matched_of_all}{details}")
    for level in ("new", "ambiguous"):
        if matches[level]:
            numbers = _number_ranges(matches[f"{level}_packets"], matches[level])
            packets = "packet" if matches[level] == 1 else "packets"
            print_message(f"warning: {target}: nothing was restored for {level} {packets} {numbers}")


def _number_ranges(numbers: Sequence[int], total: int) -> str:
    """Return ascending numbers as ranges: `3, 5-17 and 2 more`; `total` also counts numbers that are not in
    `numbers`."""
    ranges: list[list[int]] = []
    listed = 0
    for number in numbers:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        elif len(ranges) == _MOST_RANGES:
            break
        else:
            ranges.append([number, number])
        listed += 1
    text = ", ".join(str(first) if first == last else f"{first}-{last}" for first, last in ranges)
    return f"{text} and {total - listed:,} more" if total > listed else text


def repeats_across_interfaces(count: int) -> str:
    """Return the statement about a `--dedup` that left out nothing, since packets repeat only packets of another
    interface."""
    across = counted(count, "packet does", "packets do")
    return (
        f"no packet repeats another of its interface, but {across} of another interface, which "
        "--dedup-ignore interface leaves out"
    )


def tunnels_in_words(decapsulated: Mapping[str, Any]) -> str:
    """Return how many tunnels of each kind were taken off: `3 vxlan, 1 gre`."""
    return ", ".join(f"{count:,} {kind}" for kind, count in decapsulated["tunnels"].items())


def place_count(count: int) -> str:
    """Return a number of damaged places: `1 place`, `2 places`."""
    return counted(count, "place")


def print_findings(
    prefix: str, findings: Sequence[Damage | Notice], total: int, *, where_all: str = "--report FILE has them"
) -> None:
    """Print the first findings, and the number of further ones; `where_all` tells users where all are listed. `prefix`
    is `warning: ` and the name of the capture; a finding in one of several inputs states the name of that input."""
    for finding in findings[:MOST_PRINTED]:
        print_message(f"{prefix if finding.input is None else 'warning'}: {finding}")
    if total > MOST_PRINTED:
        prefix = prefix if findings[-1].input is None else "warning"
        print_message(f"{prefix}: and {total - MOST_PRINTED:,} more like these; {where_all}")
