"""Inject faults for as long as you like, or replay one: `python tests/faults/run.py --help`."""

import argparse
import random
import signal
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from faults.commands import COMMANDS
from faults.injections import Injection
from faults.running import Line, Server, build
from faults.sweep import GROUPS, Finding, Sweep, summary

_TURN = 25  # injections of one command, before the next one has its turn


class Hunt:
    """Injects faults into commands, which take turns, until the time is over or all faults were tried. Each thread has
    a server and some of the commands."""

    def __init__(self, names: Sequence[str], groups: Sequence[str], seconds: float, seed: int, place: Path) -> None:
        self.findings: list[Finding] = []
        self.tried = 0
        self._names, self._groups, self._seed, self._place = names, groups, seed, place
        self._until = time.monotonic() + seconds
        self._library = build(place)

    def run(self, jobs: int) -> None:
        """Inject faults with `jobs` threads."""
        threads = [threading.Thread(target=self._some, args=(self._names[each::jobs],)) for each in range(jobs)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    def _some(self, names: Sequence[str]) -> None:
        with Server(self._library) as server:
            waiting = [(Sweep(server, COMMANDS[name], self._place / name), list[Injection]()) for name in names]
            for sweep, injections in waiting:
                for group in self._groups:
                    injections += sweep.group(group)
                random.Random(f"{self._seed} {sweep.command.name}").shuffle(injections)
            while waiting and time.monotonic() < self._until:
                sweep, injections = waiting.pop(0)
                for injection in injections[:_TURN]:
                    self._try(sweep, injection)
                del injections[:_TURN]
                if injections:
                    waiting.append((sweep, injections))

    def _try(self, sweep: Sweep, injection: Injection) -> None:
        if time.monotonic() >= self._until:
            return
        self.tried += 1
        if (finding := sweep.inject(injection)) is not None:
            self.findings.append(finding)


def replay(name: str, faults: str, line: str | None, place: Path) -> int:
    """Run one injection, and print its calls, its status, the files that are left, and what is wrong. Returns 1 if
    something is wrong."""
    at, _, number = (line or "").partition(":")
    where = Line(int(at), signal.Signals[number]) if line else None
    with Server(build(place)) as server:
        sweep = Sweep(server, COMMANDS[name], place / name)
        known = (each for group in GROUPS for each in sweep.group(group) if (each.faults, each.line) == (faults, where))
        injection = next(known, Injection(faults, where))  # a known one also tells how the command is expected to end
        run, found = sweep.once(injection)
        finding = sweep.inject(injection)
    for point in run.points:
        print(*point)
    print(f"status {run.status} {run.where}\n{run.stderr}", end="")
    for path, file in found.items():
        print(f"{file.mode:o} {len(file.data):8} {path}")
    print(finding or "nothing is wrong")
    return 1 if finding else 0


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(description="Inject faults into commands that write, and judge what is left.")
    parser.add_argument("commands", nargs="*", choices=[*COMMANDS, []], help="all of them, unless some are named")
    parser.add_argument("--seconds", type=float, default=3600, help="how long; it ends earlier when all was tried")
    parser.add_argument("--seed", type=int, default=0, help="in which order")
    parser.add_argument("--jobs", type=int, default=2, help="how many processes run commands")
    parser.add_argument("--group", action="append", choices=GROUPS, help="only these kinds of faults (repeatable)")
    parser.add_argument("--all", action="store_true", help="print every finding, not one of each kind")
    parser.add_argument("--fault", help="replay: faults as they are printed")
    parser.add_argument("--line", help="replay: a signal at a line, as in 4711:SIGTERM")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="faults-") as place:
        if asked.fault is not None or asked.line is not None:
            return replay(asked.commands[0], asked.fault or "", asked.line, Path(place))
        hunt = Hunt(asked.commands or list(COMMANDS), asked.group or GROUPS, asked.seconds, asked.seed, Path(place))
        hunt.run(asked.jobs)
    print("\n".join(map(str, hunt.findings)) if asked.all else summary(hunt.findings))
    print(f"{hunt.tried} injections, {len(hunt.findings)} of them end wrong")
    return 1 if hunt.findings else 0


if __name__ == "__main__":
    sys.exit(main())
