"""Restoring a capture that was edited since its sidecar was written: its packets are recognised by fingerprints.

    fingerprints          the fingerprints of packets: when a sidecar is written, and of an edited capture
    sidecar_packets       all that a sidecar holds of its packets, by packet number
    matching              which packets of the edited capture are which of the sidecar's
    restore_edited_step   the step that gives matched packets back what the sidecar holds of them

Strategy: `fingerprint` is for writing, `match_capture` for reading. This package is not imported for a sidecar without
fingerprints, nor what only `match_capture` needs when a sidecar is written.
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
    """Match the packets of an edited pcap file, given by its items, with those of a sidecar. `stack` closes temporary
    files. Raises SidecarError, FileError, and what the items raise."""
    from pcapconv.sidecar.edited.fingerprints import EditedFingerprints
    from pcapconv.sidecar.edited.matching import match_packets
    from pcapconv.sidecar.edited.sidecar_packets import SidecarPackets

    packets = SidecarPackets(document, stack)
    fingerprints = EditedFingerprints(items)
    return EditedCapture(document, packets, match_packets(packets, fingerprints), fingerprints.link_type)


class EditedCapture:
    """A pcap file that was edited since its sidecar was written: `packets` is the number of its packets, `link_type`
    their link type, and `all_new` tells that the sidecar has none of them."""

    def __init__(self, document: Document, sidecar_packets: SidecarPackets, matching: Matching, link_type: int) -> None:
        self._document = document
        self._sidecar_packets = sidecar_packets
        self._matching = matching
        self.link_type = link_type
        self.packets = len(matching.levels)
        self.all_new = not any(matching.levels)

    def new_steps(self, left_out: Counter[str], lost: Counter[str]) -> list[Step]:
        """New steps for one run, which give packets back what the sidecar holds of them. `left_out` counts by kind what
        no longer holds of them, `lost` what only pcap can hold."""
        from pcapconv.sidecar.edited.restore_edited_step import RestoreEdited
        from pcapconv.steps.strip import StripDoNotCopy

        restore = RestoreEdited(self._document, self._sidecar_packets, self._matching, left_out, lost)
        return [restore, StripDoNotCopy(left_out)]

    def summary(self) -> dict[str, Any]:
        """How many packets were matched, and how closely, for the report of a run that is done."""
        from pcapconv.sidecar.edited.matching import summary

        return summary(self._matching, len(self._sidecar_packets.fingerprints))
