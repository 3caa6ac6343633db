"""Finds, for each packet of an edited capture, the same packet in its sidecar.

Strategy: packets whose time, length and bytes are equal are matched first, then packets that were cut or changed, by
time and length alone. Several packets with the same fingerprint are matched in order if there are as many of them in
the capture as in the sidecar, or if all of them would get the same metadata back; otherwise they are ambiguous.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import compress, count
from typing import Any, NamedTuple

from pcapconv.kernels import choose
from pcapconv.report import MOST_LISTED
from pcapconv.sidecar.edited.fingerprints import EditedFingerprints
from pcapconv.sidecar.edited.sidecar_packets import SidecarPackets

NEW, EXACT, CUT, CHANGED, AMBIGUOUS = range(5)  # levels: how closely a packet is matched

NO_MATCH = -1


class Matching(NamedTuple):
    """For each packet of an edited capture: its match, which is the number of a packet in the sidecar (from 0) or
    NO_MATCH; and its level, which tells how close the match is."""

    matches: array[int]
    levels: bytearray


def match_packets(packets: SidecarPackets, edited: EditedFingerprints) -> Matching:
    """Match the packets of an edited capture with those of its sidecar."""
    matches = array("i", [NO_MATCH]) * len(edited)
    ambiguous = _match_keys(packets, packets.fingerprints.full_keys, edited.full_keys, matches, exact=True)
    matching = Matching(matches, bytearray(NEW if packet < 0 else EXACT for packet in matches))
    for row in ambiguous:
        matching.levels[row] = AMBIGUOUS
    _match_changed(packets, edited, matching)
    _drop_other_times(packets, edited, matching)
    return matching


def _match_changed(packets: SidecarPackets, edited: EditedFingerprints, matching: Matching) -> None:
    """Match the packets that are new so far with the unmatched packets of the sidecar, by time and length."""
    matches, levels = matching
    new_rows = array("I", (row for row, level in enumerate(levels) if level == NEW))
    if not new_rows:
        return
    used = bytearray(len(packets.fingerprints))
    for packet in matches:
        if packet >= 0:
            used[packet] = 1
    unused = array("I", compress(count(), (not is_used for is_used in used)))
    new_matches = array("i", [NO_MATCH]) * len(new_rows)  # indexes in `unused`
    unused_keys = array("Q", map(packets.fingerprints.time_keys.__getitem__, unused))
    new_keys = array("Q", map(edited.time_keys.__getitem__, new_rows))
    for index in _match_keys(packets, unused_keys, new_keys, new_matches, exact=False, numbers=unused):
        levels[new_rows[index]] = AMBIGUOUS
    for row, index in zip(new_rows, new_matches):
        if index >= 0:
            matches[row], levels[row] = unused[index], CUT if edited.cut[row] else CHANGED


def _drop_other_times(packets: SidecarPackets, edited: EditedFingerprints, matching: Matching) -> None:
    """Undo matches between packets whose times differ by less than a microsecond, which fingerprints do not show."""
    for row, sub_microsecond_ns in enumerate(edited.sub_microsecond_ns):
        packet = matching.matches[row]
        if sub_microsecond_ns and packet >= 0 and not packets.can_have_sub_microsecond_ns(sub_microsecond_ns, packet):
            matching.matches[row], matching.levels[row] = NO_MATCH, NEW


def _match_keys(
    packets: SidecarPackets,
    sidecar_keys: array[int],
    edited_keys: array[int],
    matches: array[int],
    *,
    exact: bool,
    numbers: array[int] | None = None,
) -> Iterator[int]:
    """Match keys: at the index of each edited key, set `matches` to the index of the sidecar's key that matches.
    `numbers` are the numbers of the sidecar's packets with these keys; None if the keys are those of all packets.
    Return the indexes of edited keys that are ambiguous."""
    sidecar_order, edited_order, uneven = choose().match_keys(sidecar_keys, edited_keys, matches)
    ambiguous = array("q")
    for at in range(0, len(uneven), 4):
        begin, end, edited_begin, edited_end = uneven[at : at + 4]
        candidates, edited_indexes = sidecar_order[begin:end], edited_order[edited_begin:edited_end]
        candidate_numbers = candidates if numbers is None else array("q", map(numbers.__getitem__, candidates))
        if not _can_match_in_order(packets, candidate_numbers, len(edited_indexes), exact=exact):
            ambiguous.extend(edited_indexes)
            continue
        for candidate, index in zip(candidates, edited_indexes):
            matches[index] = candidate
    return iter(ambiguous)


def _can_match_in_order(packets: SidecarPackets, candidates: Sequence[int], edited: int, *, exact: bool) -> bool:
    """Return whether packets of the sidecar can be matched in order with another number of `edited` packets with the
    same key, because all of these packets would get the same metadata back."""
    if len(candidates) < edited and not exact:  # some of the edited packets must be new
        return False
    return len({packets.metadata_of(packet) for packet in candidates}) == 1


def summary(matching: Matching, in_sidecar: int) -> dict[str, Any]:
    """The counts by level for a report, the number of packets in the sidecar, and the numbers (from 1) of new and
    ambiguous packets, at most a thousand of each."""
    counts = Counter(matching.levels)

    def packet_numbers(level: int) -> list[int]:
        listed: list[int] = []
        at = -1
        while len(listed) < MOST_LISTED and (at := matching.levels.find(level, at + 1)) >= 0:
            listed.append(at + 1)
        return listed

    return {
        "in_sidecar": in_sidecar,
        "same": counts[EXACT],
        "cut": counts[CUT],
        "changed": counts[CHANGED],
        "new": counts[NEW],
        "ambiguous": counts[AMBIGUOUS],
        "new_packets": packet_numbers(NEW),
        "ambiguous_packets": packet_numbers(AMBIGUOUS),
    }
