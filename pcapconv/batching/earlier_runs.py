"""The manifest lines of earlier runs, by which `resume` decides which targets are up to date."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pcapconv.batching import manifest_index
from pcapconv.batching.manifest_index import DoneLine


class EarlierRuns:
    """The manifest lines of a batch's targets that earlier runs wrote. `sources` maps the name of each target to the
    name of its source; lines of other targets are ignored.

    A batch has many files, so few fields of each line are kept, and equal values are stored once.
    """

    def __init__(self, sources: Mapping[str, str]) -> None:
        # target → its lines; before its first line, the name of its source
        self._lines: dict[str, str | DoneLine | list[DoneLine]] = dict(sources)

    def read_manifest(self, location: str) -> None:
        """Add the lines of a manifest. Raises FileError."""
        lines = self._lines
        for target, source, *fields in manifest_index.read_done_lines(location):
            earlier = lines.get(target) if isinstance(target, str) else None
            if isinstance(earlier, str):
                lines[target] = DoneLine(earlier if earlier == source else source, *fields)
            elif isinstance(earlier, list):
                earlier.append(DoneLine(source, *fields))
            elif earlier is not None:
                lines[target] = [earlier, DoneLine(source, *fields)]

    def get(self, target: str, default: Sequence[DoneLine] = ()) -> Sequence[DoneLine]:
        """Return the lines of a target, the last one at the end; `default` if there are none."""
        lines = self._lines.get(target, "")
        if isinstance(lines, list):
            return lines
        return [lines] if isinstance(lines, DoneLine) else default
