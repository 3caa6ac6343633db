"""The fuzzer for a while: `python -m pytest -m fuzz`; README.md has the variables that say how long, and from which
seed on. Beside it, that it notices a process that hangs and one that dies."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from fuzz import commands, watch
from fuzz.case import Case, read_case
from fuzz.engine import CURRENT

SECONDS = float(os.environ.get("PCAPCONV_FUZZ_SECONDS", 30))
SEED = int(os.environ.get("PCAPCONV_FUZZ_SEED", time.time_ns() // 10**9))
WORKERS = int(os.environ.get("PCAPCONV_FUZZ_WORKERS", 2))


@pytest.mark.fuzz
def test_fuzzing_finds_nothing() -> None:
    found, summaries = watch.fuzz(SECONDS, SEED, WORKERS, commands.FINDINGS)
    told = [path.with_suffix(".txt").read_text(encoding="utf-8") for path in found]
    assert not found, f"seed {SEED}: {len(found)} findings in {commands.FINDINGS}\n\n" + "\n".join(told)
    print(f"seed {SEED}:", *summaries, sep="\n")


@pytest.mark.parametrize(
    ("program", "what"),
    [
        ("import os; os.abort()", "the process ended with status -6"),
        ("import threading; threading.Event().wait()", "a case took more than 0 seconds"),
    ],
)
def test_a_worker_that_dies_or_hangs_leaves_its_case(
    program: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    case = Case("read", {}, (b"the capture",))

    def start(seed: int, seconds: float, folder: Path) -> watch.Worker:
        folder.mkdir()
        (folder / CURRENT).write_bytes(case.as_bytes())
        (folder / "stderr").write_text("what it said")
        return watch.Worker(subprocess.Popen([sys.executable, "-c", program]), folder, 0)

    monkeypatch.setattr(watch, "_start", start)
    monkeypatch.setattr(watch, "LONGEST", 0.0 if "wait" in program else 1000.0)
    (found,), _ = watch.fuzz(0, 1, 1, tmp_path)
    assert read_case(found.read_bytes()) == case
    told = found.with_suffix(".txt").read_text(encoding="utf-8")
    assert told == f"{what}\n\nwhat it said\n\nTo see it again:\n\n    python tests/fuzz replay {found}\n"
