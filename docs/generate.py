"""Generates the manual pages, the pages of docs/reference about commands, statuses and Python, and the tables of fields
in docs/reference/json.md.

    python docs/generate.py

They are made of the command line's tables, of docstrings and of the JSON Schemas. `generating/` has a module for each
kind of page.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))  # for whoever runs this file from elsewhere

from generating import command_pages, json_page, man_pages, python_page, statuses_page
from generating.texts import ROOT


def generated_files() -> dict[Path, str]:
    """Return the text of each generated file."""
    reference = {
        **{f"commands/{name}": text for name, text in command_pages.pages().items()},
        "json.md": json_page.page(),
        "python.md": python_page.page(),
        "statuses.md": statuses_page.page(),
    }
    return {
        **{ROOT / "docs" / "reference" / name: text for name, text in reference.items()},
        **{ROOT / "man" / "man1" / name: text for name, text in man_pages.pages().items()},
    }


if __name__ == "__main__":
    for path, text in generated_files().items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
