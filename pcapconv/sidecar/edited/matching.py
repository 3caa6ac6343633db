"""Which packets of an edited capture are which of its sidecar's.

Strategy: packets whose time, length and bytes are the same are matched first, then by time and length those that were
cut or changed. If several packets have the same fingerprint, they are matched in order, provided that there are as many
on both sides, or that all would get the same back; else they are ambiguous.
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

NO_PARTNER = -1


class Matching(NamedTuple):
    """For each packet of an edited capture: its partner, which is the number of a packet in the sidecar from 0 or
    NO_PARTNER, and its level."""

    partners: array[int]
    levels: bytearray


def match_packets(packets: SidecarPackets, edited: EditedFingerprints) -> Matching:
    """Match the packets of an edited capture with those of its sidecar."""
    partners = array("i", [NO_PARTNER]) * len(edited)
    ambiguous = _match_keys(packets, packets.fingerprints.full_keys, edited.full_keys, partners, exact=True)
    matching = Matching(partners, bytearray(NEW if packet < 0 else EXACT for packet in partners))
    for row in ambiguous:
        matching.levels[row] = AMBIGUOUS
    _match_changed(packets, edited, matching)
    _drop_other_times(packets, edited, matching)
    return matching


def _match_changed(packets: SidecarPackets, edited: EditedFingerprints, matching: Matching) -> None:
    """Match packets that are new so far with those of the sidecar that have no partner, by time and length."""
    partners, levels = matching
    new_rows = array("I", (row for row, level in enumerate(levels) if level == NEW))
    if not new_rows:
        return
    used = bytearray(len(packets.fingerprints))
    for packet in partners:
        if packet >= 0:
            used[packet] = 1
    unused = array("I", compress(count(), (not is_used for is_used in used)))
    found = array("i", [NO_PARTNER]) * len(new_rows)  # indexes in `unused`
    unused_keys = array("Q", map(packets.fingerprints.time_keys.__getitem__, unused))
    new_keys = array("Q", map(edited.time_keys.__getitem__, new_rows))
    for index in _match_keys(packets, unused_keys, new_keys, found, exact=False, numbers=unused):
        levels[new_rows[index]] = AMBIGUOUS
    for row, index in zip(new_rows, found):
        if index >= 0:
            partners[row], levels[row] = unused[index], CUT if edited.cut[row] else CHANGED


def _drop_other_times(packets: SidecarPackets, edited: EditedFingerprints, matching: Matching) -> None:
    """Undo matches of packets whose times differ below a microsecond, which fingerprints do not show."""
    for row, digits in enumerate(edited.digits):
        packet = matching.partners[row]
        if digits and packet >= 0 and not packets.can_have_digits(digits, packet):
            matching.partners[row], matching.levels[row] = NO_PARTNER, NEW


def _match_keys(
    packets: SidecarPackets,
    sidecar_keys: array[int],
    edited_keys: array[int],
    partners: array[int],
    *,
    exact: bool,
    numbers: array[int] | None = None,
) -> Iterator[int]:
    """Match keys: set `partners`, for each edited key, to the index of the sidecar's key that belongs to it. `numbers`
    are the numbers of the sidecar's packets that have the keys, None for all. Returns the indexes of edited keys that
    are ambiguous."""
    sidecar_order, edited_order, uneven = choose().match_keys(sidecar_keys, edited_keys, partners)
    ambiguous = array("q")
    for at in range(0, len(uneven), 4):
        begin, end, edited_begin, edited_end = uneven[at : at + 4]
        candidates, edited_indexes = sidecar_order[begin:end], edited_order[edited_begin:edited_end]
        candidate_numbers = candidates if numbers is None else array("q", map(numbers.__getitem__, candidates))
        if not _can_match_in_order(packets, candidate_numbers, len(edited_indexes), exact=exact):
            ambiguous.extend(edited_indexes)
            continue
        for candidate, index in zip(candidates, edited_indexes):
            partners[index] = candidate
    return iter(ambiguous)


def _can_match_in_order(packets: SidecarPackets, candidates: Sequence[int], edited: int, *, exact: bool) -> bool:
    """Whether packets of the sidecar can be matched in order with another number of `edited` packets of the same key,
    since it makes no difference which of them gets which partner."""
    if len(candidates) < edited and not exact:  # not all of the edited packets can be cut or changed ones
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
