"""Runs fuzzers in processes of their own and watches them: one that hangs or dies is a finding as well."""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

from fuzz import findings
from fuzz.case import read_case
from fuzz.engine import CURRENT, FINDINGS, KEPT, SUMMARY

LONGEST = 30.0  # seconds for one case on all its routes
_START = 60.0  # seconds until the first case
_MAIN = Path(__file__).parent


class Worker(NamedTuple):
    """A process, the folder in which it works, and when it began."""

    process: subprocess.Popen[bytes]
    folder: Path
    begun: float


def fuzz(seconds: float, seed: int, workers: int, into: Path, kept: Path | None = None) -> tuple[list[Path], list[str]]:
    """Fuzz for so long, with seeds from `seed` on. Returns the findings' files, which are copied `into` a folder, and a
    summary of each worker; inputs that reached something new go to the folder `kept`."""
    end = time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="fuzz-", dir=findings.place()) as root:
        running = [_start(seed + index, seconds, Path(root, str(index))) for index in range(workers)]
        folders = [worker.folder for worker in running]
        following = seed + workers
        while running:
            time.sleep(0.2)
            for worker in list(running):
                what = _trouble(worker)
                if what is None:
                    continue
                running.remove(worker)
                if what:
                    _note(worker, what)
                    left = end - time.monotonic()
                    if left > 5:  # its seed would lead to the same case
                        running.append(_start(following, left, Path(root, str(following))))
                        folders.append(running[-1].folder)
                        following += 1
        return _collect(folders, into, kept)


def _start(seed: int, seconds: float, folder: Path) -> Worker:
    folder.mkdir()
    command = [sys.executable, str(_MAIN), "work", f"--seed={seed}", f"--seconds={seconds}", f"--folder={folder}"]
    with open(folder / "stderr", "wb") as errors:
        return Worker(subprocess.Popen(command, stderr=errors), folder, time.monotonic())


def _trouble(worker: Worker) -> str | None:
    """None for a worker that works, nothing for one that is done, else what happened."""
    status = worker.process.poll()
    if status is not None:
        return "" if status == 0 else f"the process ended with status {status}"
    current = worker.folder / CURRENT
    now = time.monotonic()
    idle = time.time() - current.stat().st_mtime if current.exists() else now - worker.begun - _START
    if idle < LONGEST:
        return None
    worker.process.kill()
    worker.process.wait()
    return f"a case took more than {LONGEST:.0f} seconds"


def _note(worker: Worker, what: str) -> None:
    errors = (worker.folder / "stderr").read_text(errors="replace")[-20_000:]
    current = worker.folder / CURRENT
    if not current.exists():
        raise RuntimeError(f"{what}, before the first case:\n{errors}")
    findings.write(worker.folder / FINDINGS, read_case(current.read_bytes()), f"{what}\n\n{errors}")


def _collect(folders: list[Path], into: Path, kept: Path | None) -> tuple[list[Path], list[str]]:
    found: dict[str, Path] = {}
    summaries = []
    for folder in folders:
        for path in sorted((folder / FINDINGS).glob("*.case")):
            what = path.with_suffix(".txt").read_text(encoding="utf-8").partition("\n\nTo see it again:")[0]
            found.setdefault(what.partition("\n")[0], findings.write(into, read_case(path.read_bytes()), what))
        if kept is not None:
            kept.mkdir(parents=True, exist_ok=True)
            for path in (folder / KEPT).glob("*.case"):
                shutil.copy(path, kept)
        if (folder / SUMMARY).exists():
            summaries.append((folder / SUMMARY).read_text().strip())
    return list(found.values()), summaries
