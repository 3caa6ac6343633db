"""Whether a batch moves.

Strategy: a batch counts the files that are done, and how often bytes have moved, as far as what does its jobs tells.
Jobs that do not end with the batch may run in processes that tell nothing: while they read, they touch a file in the
directory of the manifest, the pulse, and the batch looks at its time.
"""

from __future__ import annotations

import time
from typing import Self

from pcapconv.batching.arguments import Carriers
from pcapconv.batching.executors import WorkersLostError
from pcapconv.batching.local import state_now
from pcapconv.io.calls import writing
from pcapconv.io.names import unlink
from pcapconv.wording import argument


class Stall:
    """Notices when nothing moves for as long as `stall` allows. The file `pulse`, if any, is there inside the `with`
    block."""

    def __init__(self, carriers: Carriers, pulse: str | None) -> None:
        self._said = carriers.stall
        self._patience = carriers.patience
        self._pulse = None if carriers.stall is None else pulse
        self._last: tuple[object, ...] = (0, 0, None)
        self._since = time.monotonic()

    def __enter__(self) -> Self:
        """Raises FileError."""
        if self._pulse is not None:
            with writing(self._pulse), open(self._pulse, "xb"):
                pass
        return self

    def __exit__(self, *_: object) -> None:
        if self._pulse is not None:
            unlink(self._pulse)

    def look(self, done: int, moves: int) -> None:
        """So many files are done, and bytes have moved so often. Raises WorkersLostError."""
        now = time.monotonic()
        moved = (done, moves, None if self._pulse is None else state_now(self._pulse))
        if moved != self._last:
            self._last, self._since = moved, now
        elif now - self._since > self._patience:
            stall = argument("stall", self._said)
            raise WorkersLostError(f"{stall}: for so long no file was done and no byte was read or sent")
