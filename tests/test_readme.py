"""README.md: its length, and its jobs, which work in a fresh clone as often as one likes."""

from __future__ import annotations

import re
from pathlib import Path

from pages import ROOT, PageFolder

README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_it_is_short() -> None:
    """At most 900 words, without blocks of code."""
    assert len(re.sub(r"```.*?```", "", README, flags=re.DOTALL).split()) <= 900


def test_its_jobs_work_a_second_time(tmp_path: Path) -> None:
    folder = PageFolder(tmp_path / "clone", {}, {})
    folder.follow(README)
    folder.follow(README)


def test_the_commands_that_ci_takes_from_it_are_there() -> None:
    """`.ci/run` runs these lines, each of which is a block of its own."""
    assert "```sh\npython -m pip install . && pcapconv convert tests/samples/web.pcapng web.pcap\n```" in README
    assert "```sh\npython -m pip install '.[test]' && python -m pytest\n```" in README
