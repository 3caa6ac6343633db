"""Which packets of an edited capture are which of a sidecar's.

Strategy: first all whose time, length and bytes are the same find each other; then those that were cut or changed, by
time and length. Where several could be meant, they are taken in order if there are as many on both sides or if all say
the same; else nobody can tell.
"""

from __future__ import annotations

from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import compress, count
from typing import Any, NamedTuple

from pcapconv.kernels import choose
from pcapconv.report import MOST_LISTED
from pcapconv.sidecar.edited.fingerprints import EditedPrints
from pcapconv.sidecar.edited.sidecar_packets import Known

NEW, EXACT, CUT, CHANGED, AMBIGUOUS = range(5)

NONE = -1  # for a packet that the sidecar does not know


class Matches(NamedTuple):
    """For each packet of an edited capture, its `partner` in the sidecar or -1, and how it is `known`."""

    partner: array[int]
    known: bytearray


def matches(known: Known, edited: EditedPrints) -> Matches:
    """Which packets are which."""
    partner = array("i", [NONE]) * len(edited)
    ambiguous = _pair(known, known.prints.exact, edited.exact, partner, exact=True)
    found = Matches(partner, bytearray(NEW if packet < 0 else EXACT for packet in partner))
    for row in ambiguous:
        found.known[row] = AMBIGUOUS
    _match_changed(known, edited, found)
    _drop_other_times(known, edited, found)
    return found


def _match_changed(known: Known, edited: EditedPrints, found: Matches) -> None:
    """Match packets that nobody knows yet with those that the sidecar has left, by time and length."""
    partner, how = found
    others = array("I", (row for row, taken in enumerate(how) if not taken))
    if not others:
        return
    used = bytearray(len(known.prints))
    for packet in partner:
        if packet >= 0:
            used[packet] = 1
    ones = array("I", compress(count(), (not taken for taken in used)))
    again = array("i", [NONE]) * len(others)
    keys = array("Q", map(known.prints.when.__getitem__, ones)), array("Q", map(edited.when.__getitem__, others))
    for place in _pair(known, *keys, again, exact=False, ones=ones):
        how[others[place]] = AMBIGUOUS
    for row, place in zip(others, again):
        if place >= 0:
            partner[row], how[row] = ones[place], CUT if edited.cut[row] else CHANGED


def _drop_other_times(known: Known, edited: EditedPrints, found: Matches) -> None:
    """Let packets go whose times are others beyond microseconds, of which fingerprints know nothing."""
    for row, digits in enumerate(edited.digits):
        packet = found.partner[row]
        if digits and packet >= 0 and not known.may_have(digits, packet):
            found.partner[row], found.known[row] = NONE, NEW


def _pair(
    known: Known,
    one_keys: array[int],
    other_keys: array[int],
    partner: array[int],
    *,
    exact: bool,
    ones: array[int] | None = None,
) -> Iterator[int]:
    """Put into `partner` which of the keys of the sidecar's packets, all or `ones`, belong to those of an edited
    capture. Gives the places of those of which nobody can tell."""
    one_order, other_order, uneven = choose().match_keys(one_keys, other_keys, partner)
    ambiguous = array("q")
    for at in range(0, len(uneven), 4):
        one, one_end, other, other_end = uneven[at : at + 4]
        mine, theirs = one_order[one:one_end], other_order[other:other_end]
        packets = mine if ones is None else array("q", map(ones.__getitem__, mine))
        if not _certain(known, packets, len(theirs), exact=exact):
            ambiguous.extend(theirs)
            continue
        for place, row in zip(mine, theirs):
            partner[row] = place
    return iter(ambiguous)


def _certain(known: Known, packets: Sequence[int], theirs: int, *, exact: bool) -> bool:
    """Whether packets of the sidecar are those of an edited capture, another number, as far as it matters which is
    which."""
    if len(packets) < theirs and not exact:  # not all of them can be what was cut or changed
        return False
    return len({known.says(packet) for packet in packets}) == 1


def summary(found: Matches, known: int) -> dict[str, Any]:
    """The numbers for a report, and the numbers of packets that are new or ambiguous, a thousand at most."""
    counts = Counter(found.known)

    def numbers(level: int) -> list[int]:
        listed: list[int] = []
        at = -1
        while len(listed) < MOST_LISTED and (at := found.known.find(level, at + 1)) >= 0:
            listed.append(at + 1)
        return listed

    return {
        "in_sidecar": known,
        "same": counts[EXACT],
        "cut": counts[CUT],
        "changed": counts[CHANGED],
        "new": counts[NEW],
        "ambiguous": counts[AMBIGUOUS],
        "new_packets": numbers(NEW),
        "ambiguous_packets": numbers(AMBIGUOUS),
    }
