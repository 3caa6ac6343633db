"""Restores a pcap file that was edited after its sidecar was written: finds its packets in the sidecar by fingerprints.

    fingerprints          computes fingerprints, both for a sidecar that is written and of an edited file
    sidecar_packets       everything that a sidecar holds about its packets, by packet number
    matching              finds the packet of the sidecar that each packet of the edited file is
    restore_edited_step   the step that gives matched packets their metadata back

Writing a sidecar needs only `fingerprint`, reading one only `match_capture`. To start fast, this package is imported
only for a sidecar with fingerprints, and the modules for reading are imported by `match_capture`.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from pcapconv.model import Item
from pcapconv.sidecar.document import Document
from pcapconv.sidecar.edited.fingerprints import fingerprint
from pcapconv.steps import Step

if TYPE_CHECKING:
    from pcapconv.sidecar.edited.matching import Matching
    from pcapconv.sidecar.edited.sidecar_packets import SidecarPackets

__all__ = ["EditedCapture", "fingerprint", "match_capture"]


def match_capture(document: Document, items: Iterator[Item], stack: ExitStack) -> EditedCapture:
    """Match the packets of an edited pcap file, given as its items, with the packets of a sidecar. `stack` closes
    temporary files. Raises SidecarError, FileError, and what reading the items raises."""
    from pcapconv.sidecar.edited.fingerprints import EditedFingerprints
    from pcapconv.sidecar.edited.matching import match_packets
    from pcapconv.sidecar.edited.sidecar_packets import SidecarPackets

    packets = SidecarPackets(document, stack)
    fingerprints = EditedFingerprints(items)
    return EditedCapture(document, packets, match_packets(packets, fingerprints), fingerprints.link_type)


class EditedCapture:
    """A pcap file that was edited after its sidecar was written: `packets` is the number of its packets, `link_type`
    their link type, and `all_new` is true if the sidecar has none of its packets."""

    def __init__(self, document: Document, sidecar_packets: SidecarPackets, matching: Matching, link_type: int) -> None:
        self._document = document
        self._sidecar_packets = sidecar_packets
        self._matching = matching
        self.link_type = link_type
        self.packets = len(matching.levels)
        self.all_new = not any(matching.levels)

    def new_steps(self, left_out: Counter[str], lost: Counter[str]) -> list[Step]:
        """Return new steps for one run, which give packets their metadata back. `left_out` counts by kind the metadata
        that no longer fits the packets, `lost` what only pcap can hold."""
        from pcapconv.sidecar.edited.restore_edited_step import RestoreEdited
        from pcapconv.steps.strip import StripDoNotCopy

        restore = RestoreEdited(self._document, self._sidecar_packets, self._matching, left_out, lost)
        return [restore, StripDoNotCopy(left_out)]

    def summary(self) -> dict[str, Any]:
        """Return how many packets were matched, and how closely, as a field of the report."""
        from pcapconv.sidecar.edited.matching import summary

        return summary(self._matching, len(self._sidecar_packets.fingerprints))
