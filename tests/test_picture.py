"""The picture in README.md shows what the commands print today."""

from __future__ import annotations

import html
import re
import runpy
from pathlib import Path

PICTURE = runpy.run_path(str(Path(__file__).parent.parent / "docs" / "picture.py"))


def text_of(picture: str) -> str:
    """The words of a picture; the seconds that a batch took are left out, and spaces, which depend on the version of
    Rich."""
    words = " ".join(re.findall(r"<text[^>]*>(.*?)</text>", picture))
    return re.sub(r"seconds \d+\.\d+", "seconds", " ".join(html.unescape(words).split()))


def test_the_session_is_what_commands_print() -> None:
    shown = text_of(PICTURE["PICTURE"].read_text(encoding="utf-8"))
    assert "pcapconv: warning: case.pcap: pcap cannot hold 3 comments, 1 name record, 3 interface options" in shown
    assert shown == text_of(PICTURE["draw"]())
