"""For tests of `pcapconv normalize`: the command in this process, and captures for it."""

import os
from pathlib import Path
from typing import NamedTuple

import pytest
import wire
from wire import BIG, In

from pcapconv import cli

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


class CommandResult(NamedTuple):
    """The exit status of a command, its stdout and its stderr."""

    status: int
    out: str
    err: str


class Here:
    """The command in this process, in a folder of its own."""

    def __init__(self, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capfd = capfd

    def __call__(self, *arguments: str | Path) -> CommandResult:
        try:
            status = cli.run(["normalize", *(os.fspath(each) for each in arguments)])
        except SystemExit as end:
            status = int(end.code or 0)
        return CommandResult(status, *self._capfd.readouterr())

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
