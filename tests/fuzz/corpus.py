"""Chooses a small corpus: the cases that reach most of what many cases reach, and take little room."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from random import Random

from fuzz.case import Case, read_folder
from fuzz.coverage import Lines, said
from fuzz.findings import place
from fuzz.invariants import check

MOST_CASES = 160
MOST_BYTES = 120_000  # of all files; one has a thirtieth at most


def choose(folders: list[Path], into: Path) -> int:
    """Replace the cases of a folder by such that are chosen from others, and from it."""
    cases = {case.name: case for folder in [into, *folders] for case in read_folder(folder)}
    small = [case for _, case in sorted(cases.items()) if len(case.as_bytes()) <= MOST_BYTES // 30]
    chosen = _cover([(case, _features(case)) for case in small])
    into.mkdir(exist_ok=True)
    for path in into.glob("*.case"):
        path.unlink()
    for case in chosen:
        (into / case.name).write_bytes(case.as_bytes())
    print(f"{len(chosen)} cases of {len(cases)}, {sum(len(case.as_bytes()) for case in chosen)} bytes")
    return 0


def _features(case: Case) -> set[object]:
    """All that a case reaches, by itself."""
    lines = Lines()
    folder = Path(tempfile.mkdtemp(dir=place()))
    try:
        return {*said(case, check(case, folder, Random(0), 0, around=lines.watched)), *lines.new}
    finally:
        shutil.rmtree(folder)


def _cover(reached: list[tuple[Case, set[object]]]) -> list[Case]:
    """Again and again the case that adds most for its size, until enough are there or none adds anything."""
    chosen: list[Case] = []
    size = 0
    while reached and len(chosen) < MOST_CASES:
        case, features = max(reached, key=lambda each: len(each[1]) / (500 + len(each[0].as_bytes())))
        size += len(case.as_bytes())
        if not features or size > MOST_BYTES:
            break
        chosen.append(case)
        reached = [(other, left) for other, all_of_it in reached if (left := all_of_it - features)]
    return chosen
