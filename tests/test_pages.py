"""README.md and the pages under docs/: their commands run, print what is shown, and their links lead somewhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from pages import PAGES, ROOT, PageFolder


def page_name(path: Path) -> str:
    return str(path.relative_to(ROOT))


@pytest.mark.parametrize("path", PAGES, ids=page_name)
def test_the_commands_of_a_page(path: Path, tmp_path: Path) -> None:
    PageFolder(tmp_path / "captures", {}, {}).follow(path.read_text(encoding="utf-8"))
