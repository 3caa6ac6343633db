"""Captures that were edited since their sidecar was made: their packets are known again by fingerprints.

Strategy: `fingerprint` makes what a sidecar keeps of each packet; `match` looks up the packets of the edited capture.
Nothing here is imported for a sidecar without fingerprints, nor what only `match` needs where a sidecar is written.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from pcapconv.model import Item
from pcapconv.sidecar.document import Document
from pcapconv.sidecar.edited.prints import fingerprint
from pcapconv.steps import Step

if TYPE_CHECKING:
    from pcapconv.sidecar.edited.alignment import Matches
    from pcapconv.sidecar.edited.known import Known

__all__ = ["EditedCapture", "fingerprint", "match"]


def match(document: Document, items: Iterator[Item], stack: ExitStack) -> EditedCapture:
    """Find the packets of an edited pcap file, of which these are the items, in a sidecar. `stack` closes temporary
    files. Raises SidecarError, FileError, and what the items raise."""
    from pcapconv.sidecar.edited.alignment import matches
    from pcapconv.sidecar.edited.known import Known
    from pcapconv.sidecar.edited.prints import EditedPrints

    known = Known(document, stack)
    prints = EditedPrints(items)
    return EditedCapture(document, known, matches(known, prints), prints.link_type)


class EditedCapture:
    """A pcap file that was edited since its sidecar was made: how many `packets` of which `link_type` it has, and
    whether they are `all_new`, so that the sidecar knows none of them."""

    def __init__(self, document: Document, known: Known, found: Matches, link_type: int) -> None:
        self._document = document
        self._known = known
        self._found = found
        self.link_type = link_type
        self.packets = len(found.known)
        self.all_new = not any(found.known)

    def steps(self, left_out: Counter[str], lost: Counter[str]) -> list[Step]:
        """New steps for one run, which give the packets back what the sidecar says of them. `left_out` counts what no
        longer holds of them, `lost` what only pcap can say."""
        from pcapconv.sidecar.edited.restoring import Match
        from pcapconv.steps.strip import StripDoNotCopy

        return [Match(self._document, self._known, self._found, left_out, lost), StripDoNotCopy(left_out)]

    def summary(self) -> dict[str, Any]:
        """How many packets are known, and how, for the report of a run that is done."""
        from pcapconv.sidecar.edited.alignment import summary

        return summary(self._found, len(self._known.prints))
