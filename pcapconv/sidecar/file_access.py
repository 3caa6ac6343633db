"""Opens the files of sidecars: `SidecarFiles` on this machine; a subclass may open sidecars elsewhere."""

from __future__ import annotations

from pcapconv.io.paths import input_exists
from pcapconv.io.source import Source, open_source
from pcapconv.io.target import Target, open_target


class SidecarFiles:
    """Opens sidecars by their paths. All methods raise FileError."""

    def exists(self, name: str) -> bool:
        """Return whether a sidecar exists."""
        return input_exists(name)

    def open_source(self, name: str) -> Source:
        """Open a sidecar to read."""
        return open_source(name)

    def open_target(self, name: str, *, force: bool, private: bool) -> Target:
        """Open the target of a sidecar, which gets its final name when it is complete. The arguments are those of
        `io.target.open_target`."""
        return open_target(name, force=force, whole=True, text=True, private=private)


THIS_MACHINE = SidecarFiles()
