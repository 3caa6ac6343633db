"""A watcher of a batch that keeps what it is told."""

from collections.abc import Callable

from pcapconv.batching.report import Watcher


class Notes(Watcher):
    """Keeps the reasons why a batch waits, and calls `do` at each."""

    def __init__(self, do: Callable[[], object] = int) -> None:
        self.told: list[str] = []
        self._do = do

    def wait(self, reason: str) -> None:
        self.told.append(reason)
        self._do()
