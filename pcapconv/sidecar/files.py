"""Where sidecars lie: on this machine, or wherever a subclass knows."""

from __future__ import annotations

from pcapconv.io.paths import input_exists
from pcapconv.io.source import Source, open_source
from pcapconv.io.target import Target, open_target


class SidecarFiles:
    """Files by name. All raise FileError."""

    def there_is(self, name: str) -> bool:
        """Whether there is such a sidecar."""
        return input_exists(name)

    def open_source(self, name: str) -> Source:
        """A sidecar to read."""
        return open_source(name)

    def open_target(self, name: str, *, force: bool, private: bool) -> Target:
        """A sidecar to write, which appears when it is complete; as for `io.targets.open_target`."""
        return open_target(name, force=force, whole=True, text=True, private=private)


THIS_MACHINE = SidecarFiles()
