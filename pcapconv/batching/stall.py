"""Whether a batch moves."""

from __future__ import annotations

import time

from pcapconv.batching.arguments import Carriers
from pcapconv.batching.executors import WorkersLostError


class Stall:
    """Notices when nothing moves for as long as `--stall` allows."""

    def __init__(self, carriers: Carriers) -> None:
        self._said = carriers.stall
        self._patience = carriers.patience
        self._last = (0, 0)
        self._since = time.monotonic()

    def look(self, done: int, read: int) -> None:
        """So many files are done, and so many bytes were read. Raises WorkersLostError."""
        now = time.monotonic()
        if (done, read) != self._last:
            self._last, self._since = (done, read), now
        elif now - self._since > self._patience:
            raise WorkersLostError(f"--stall {self._said}: for so long no file was done and no byte was read")
