"""The loop: take a case that is known, change it, check it; keep it where it reaches something new.

Strategy: one process works alone, with a random generator of its own, until its time is over. Before each case it
writes that to a file, so that whoever watches it (`watch`) has the case that made it hang or die.
"""

from __future__ import annotations

import gc
import os
import resource
import shutil
import tempfile
import time
import traceback
from pathlib import Path
from random import Random

from fuzz import findings, seeds
from fuzz.case import CORPUS, Case, read_folder
from fuzz.choices import CHOICES
from fuzz.coverage import Lines, said
from fuzz.invariants import check
from fuzz.mutations import MOST, mutated, sidecar_mutated
from fuzz.targets import TARGETS, Outcome

CURRENT = "current.case"
KEPT = "kept"
FINDINGS = "findings"
SUMMARY = "summary.txt"
_ROUTES = 3  # beside the plainest one, for each case
_MOST_MEMORY = 64 * 2**20  # by which one case may raise what the process needed before
_ADDRESSES = 4 * 2**30
# How often each target is taken: those that are read by more code more often, slow ones less often.
_WEIGHTS = {"read": 3, "convert": 6, "merge": 3, "normalize": 4, "diff": 4, "split": 3, "sidecar": 3, "restore": 4}
_WEIGHTS |= {"info": 2, "show": 3, "batch": 1, "table": 3}


class Fuzzer:
    """Cases from a seed, checked one by one; `folder` takes the current case and what is kept, `into` what is found."""

    def __init__(self, seed: int, folder: Path, into: Path) -> None:
        self._random = Random(seed)
        self._folder = folder
        self._into = into
        self._lines = Lines()
        self._seen: set[object] = set()
        self._found: set[str] = set()
        self._captures = seeds.captures(self._random)
        self._sidecars = seeds.with_sidecars(self._random, self._captures)
        self._known = read_folder(CORPUS)
        self.count = 0

    def run(self, seconds: float) -> None:
        """Go on for so long."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            self.step(self.next())
        (self._folder / SUMMARY).write_text(
            f"{self.count} cases, {len(self._seen)} features, {len(self._known)} kept\n"
        )

    def step(self, case: Case) -> None:
        """Check one case, write what is found, keep it if it is new in something."""
        self.count += 1
        (self._folder / CURRENT).write_bytes(case.as_bytes())
        self._lines.new.clear()
        before = _most_memory()
        seed = self._random.randrange(2**32)
        work = Path(tempfile.mkdtemp(dir=self._folder))
        try:
            outcome = check(case, work, Random(seed), _ROUTES, around=self._lines.watched)
            if _most_memory() - before > _MOST_MEMORY:  # perhaps what earlier cases left, before it was collected
                gc.collect()
                before = _most_memory()
                check(case, Path(tempfile.mkdtemp(dir=work)), Random(seed), _ROUTES)
            grown = _most_memory() - before
            if grown > _MOST_MEMORY and self.count > 50:
                raise MemoryError(f"{grown} bytes more memory than ever before, for {case.size} bytes of captures")
        except Exception as error:
            self._note(case, error, seed)
        else:
            self._keep(case, outcome)
        finally:
            shutil.rmtree(work, ignore_errors=True)

    def _keep(self, case: Case, outcome: Outcome) -> None:
        features = (said(case, outcome) | self._lines.new) - self._seen
        if features and case.size <= MOST:
            self._seen |= features
            self._known.append(case)
            kept = self._folder / KEPT
            kept.mkdir(exist_ok=True)
            (kept / case.name).write_bytes(case.as_bytes())

    def _note(self, case: Case, error: Exception, seed: int) -> None:
        kind = f"{case.target}: {findings.signature(error)}"
        if kind in self._found:
            return
        self._found.add(kind)

        def fails(smaller: Case) -> bool:
            os.utime(self._folder / CURRENT)
            again = findings.attempt(smaller, _ROUTES, seed)
            return again is not None and f"{smaller.target}: {findings.signature(again)}" == kind

        case = findings.shrunk(case, fails)
        what = f"{kind}\nroutes of seed {seed}\n\n{''.join(traceback.format_exception(error))}"
        findings.write(self._into, case, what)

    # ------------------------------------------------------------ the next case

    def next(self) -> Case:
        """A case that is known, or a new one, changed."""
        random = self._random
        if self._known and random.randrange(2):
            case = random.choice(self._known)
            if not random.randrange(4):
                case = case._replace(options=CHOICES[case.target](random))
            return self.changed(case)
        target = random.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0]
        captures: tuple[bytes, ...] = (random.choice(self._captures),)
        if target == "diff":
            captures += (random.choice([captures[0], captures[0], random.choice(self._captures)]),)
        elif target == "merge":
            captures += tuple(random.choice(self._captures) for _ in range(random.choice([0, 1, 1, 2, 4])))
        elif target == "batch":
            captures += (random.choice(self._captures),)
        elif target == "restore":
            captures = random.choice(self._sidecars)
        case = Case(target, CHOICES[target](random), captures)
        return self.changed(case) if random.randrange(8) else case

    def changed(self, case: Case) -> Case:
        """The case with a change to one of its captures."""
        at = self._random.randrange(len(case.captures))
        if case.target == "restore" and at == 1:
            changed = sidecar_mutated(self._random, case.captures[1])
        else:
            changed = mutated(self._random, case.captures[at], self._captures)
        return case._replace(captures=(*case.captures[:at], changed, *case.captures[at + 1 :]))


def _most_memory() -> int:
    """The most bytes that this process has needed so far."""
    return 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def work(seed: int, seconds: float, folder: Path) -> None:
    """One process's part, with a limit to its memory."""
    assert _WEIGHTS.keys() == TARGETS.keys()
    if "LD_PRELOAD" not in os.environ:  # a sanitizer needs terabytes of addresses
        resource.setrlimit(resource.RLIMIT_AS, (_ADDRESSES, _ADDRESSES))
    Fuzzer(seed, folder, folder / FINDINGS).run(seconds)
