"""For tests of `pcapconv normalize`: the command in this process, and captures for it."""

from pathlib import Path

import pytest
import wire
from command_line import CommandResult, run_in_process
from wire import BIG, In

NANO = (wire.IF_TSRESOL, b"\x09")
NORMAL = (
    wire.section_header()
    + wire.interface(options=wire.options(NANO))
    + wire.enhanced_packet(0, 2000, b"one", options=wire.options((wire.OPT_COMMENT, b"c")))
)
OTHER = (
    In(BIG).section_header()
    + In(BIG).interface()
    + In(BIG).enhanced_packet(0, 2, b"one", options=In(BIG).options((wire.OPT_COMMENT, b"c")))
)
FINE = (
    wire.section_header()
    + wire.interface(options=wire.options((wire.IF_TSRESOL, b"\x0c")))
    + wire.enhanced_packet(0, 2_000_001, b"one")
)


class Here:
    """The command in this process, in a folder of its own."""

    def __init__(self, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capfd = capfd

    def __call__(self, *arguments: str | Path) -> CommandResult:
        return run_in_process(self._capfd, "normalize", *arguments)

    def file(self, name: str, data: bytes) -> Path:
        path = self.folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return path

    def configured(self, text: str, folder: str = ".") -> Path:
        return self.file(f"{folder}/pyproject.toml", text.encode())


@pytest.fixture
def here(tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Here:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pyproject.toml").write_text("")  # nobody's above counts
    return Here(tmp_path, capfd)
