"""Who looks on at a batch, for tests."""

from collections.abc import Callable

from pcapconv.batching.report import Watcher


class Notes(Watcher):
    """Notes why a batch waits, and does something then."""

    def __init__(self, do: Callable[[], object] = int) -> None:
        self.told: list[str] = []
        self._do = do

    def wait(self, reason: str) -> None:
        self.told.append(reason)
        self._do()
