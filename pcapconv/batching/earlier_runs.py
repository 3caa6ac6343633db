"""What earlier runs have done, as their manifests say: what `resume` goes by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pcapconv.batching import manifest_index
from pcapconv.batching.manifest_index import DoneLine


class EarlierRuns:
    """What manifests say of these targets, each of which is given with its source; without the lines that say
    something else. Little is kept of a line, and what is the same in many is kept once."""

    def __init__(self, targets: Mapping[str, str]) -> None:
        self._rows: dict[str, str | DoneLine | list[DoneLine]] = dict(targets)  # the source where nothing is known

    def read_manifest(self, location: str) -> None:
        """Add what a manifest says. Raises FileError."""
        rows = self._rows
        for target, source, *fields in manifest_index.read_done_lines(location):
            before = rows.get(target) if isinstance(target, str) else None
            if isinstance(before, str):
                rows[target] = DoneLine(before if before == source else source, *fields)
            elif isinstance(before, list):
                before.append(DoneLine(source, *fields))
            elif before is not None:
                rows[target] = [before, DoneLine(source, *fields)]

    def get(self, target: str, otherwise: Sequence[DoneLine] = ()) -> Sequence[DoneLine]:
        """What was done for a target, the last one last."""
        known = self._rows.get(target, "")
        if isinstance(known, list):
            return known
        return [known] if isinstance(known, DoneLine) else otherwise
