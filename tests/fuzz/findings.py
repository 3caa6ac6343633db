"""What was found, as files: the case, and beside it what went wrong and how to see that again."""

from __future__ import annotations

import os
import shutil
import tempfile
import traceback
from collections.abc import Callable
from pathlib import Path
from random import Random

from fuzz.case import Case
from fuzz.invariants import BrokenError, check
from fuzz.mutations import pieces_of

ROUTES_AGAIN = 60  # of a case that is replayed
_SHRINKS = 300


def signature(error: BaseException) -> str:
    """What makes two findings the same: the kind of error and where it was raised, or what does not hold."""
    if isinstance(error, BrokenError):
        return error.what
    frames = [
        each for each in traceback.extract_tb(error.__traceback__) if f"{os.sep}pcapconv{os.sep}" in each.filename
    ]
    last = frames[-1] if frames else traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} in {Path(last.filename).name}, {last.name}"


def attempt(case: Case, routes: int, seed: int) -> Exception | None:
    """What goes wrong with a case, None if nothing does."""
    folder = Path(tempfile.mkdtemp(prefix="fuzz-", dir=place()))
    try:
        check(case, folder, Random(seed), routes)
    except Exception as error:
        return error
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    return None


def place() -> str | None:
    """Memory, where files cost little."""
    return "/dev/shm" if os.access("/dev/shm", os.W_OK) else None


def shrunk(case: Case, fails: Callable[[Case], bool]) -> Case:
    """A smaller case that fails as well: without options, without pieces, with an end cut off."""
    tries = 0
    found = True
    while found and tries < _SHRINKS:
        found = False
        for smaller in _smaller(case):
            tries += 1
            if tries > _SHRINKS:
                break
            if fails(smaller):
                case, found = smaller, True
                break
    return case


def _smaller(case: Case) -> list[Case]:
    found = []
    for name in case.options.keys() - {"to"}:
        found.append(case._replace(options={key: value for key, value in case.options.items() if key != name}))
    for index, capture in enumerate(case.captures):
        pieces = pieces_of(capture)
        several = [b"".join(pieces[:at] + pieces[at + len(pieces) // 2 :]) for at in (0, len(pieces) // 2)]
        single = [b"".join(pieces[:at] + pieces[at + 1 :]) for at in range(min(60, len(pieces)))]
        cut = [capture[: len(capture) * part // 8] for part in (4, 6, 7)] + [capture[:-4], capture[:-1]]
        for smaller in [*several, *single, *cut]:
            if len(smaller) < len(capture):
                found.append(case._replace(captures=(*case.captures[:index], smaller, *case.captures[index + 1 :])))
    return found


def write(folder: Path, case: Case, what: str) -> Path:
    """The case's file; beside it `what` went wrong."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / case.name
    path.write_bytes(case.as_bytes())
    path.with_suffix(".txt").write_text(f"{what}\n\nTo see it again:\n\n    {how_to_replay(path)}\n", encoding="utf-8")
    return path


def how_to_replay(path: Path) -> str:
    """The command."""
    return f"python tests/fuzz replay {path}"
