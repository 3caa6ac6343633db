"""All injections of a command, in groups, and the findings of running them."""

import random
import re
import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from faults import injections
from faults.commands import Command
from faults.injections import SYSTEMS, Injection
from faults.oracle import Case, judge, judge_next
from faults.running import Line, Run, Server, Tree, look, prepare

GROUPS = ("errors", "harmless", "kills", "signals", "lines", "full-disks", "changes")


class Finding(NamedTuple):
    """An injection after which something was wrong. Its text begins with the command line that replays it."""

    command: str
    injection: Injection
    wrong: list[str]
    where: str

    def __str__(self) -> str:
        point = f" ({self.injection.point.kind} of {self.injection.point.path})" if self.injection.point else ""
        where = f" ({self.where})" if self.where else point
        what = "".join(f"\n    {each}" for each in self.wrong)
        return f"python tests/faults/run.py {self.command} {self.injection}{where}{what}"


def summary(findings: Sequence[Finding]) -> str:
    """One finding of each sort, with the number of those like it."""
    alike: dict[tuple[str, ...], list[Finding]] = {}
    for finding in findings:
        kind = finding.injection.point.kind if finding.injection.point else finding.where.partition(":")[0]
        said = re.sub(r"[0-9a-f]{16}|[0-9]+|out/[^ ,]*", "", finding.wrong[0])
        alike.setdefault((finding.command, kind, said), []).append(finding)
    return "\n".join(f"[{len(found)} like this] {found[0]}" for found in alike.values())


class Sweep:
    """Runs one command in `folder`, undisturbed and with injections."""

    def __init__(self, server: Server, command: Command, folder: Path) -> None:
        self.command = command
        self._server = server
        self._folder = folder
        self._undisturbed: dict[str, Run] = {}
        prepare(folder, command.files)
        if command.first:
            done = server.run(folder, command.first.split())
            assert done.status == 0, done.stderr
        (folder / "home/stdout").unlink(missing_ok=True)
        self._files = look(folder)
        run, after = self.once(Injection(""))
        assert (run.status, run.hung) == (0, False), run.stderr
        names = {name for names in command.sets for name in names} | {command.later} - {""}
        assert names <= after.keys(), names - after.keys()
        self.case = Case(command, self._files, after, run.status)

    def group(self, name: str) -> Iterator[Injection]:
        """All injections of a group, on all kinds of file systems."""
        for system in SYSTEMS:
            clean = self.undisturbed(system)
            if name == "errors":
                yield from injections.errors(system, clean.points)
            elif name == "harmless":
                yield from injections.harmless(system, clean.points)
            elif name == "kills":
                yield from injections.kills(self.command, system, clean.points)
            elif name == "signals":
                yield from injections.signals(system, clean.points)
            elif name == "lines":
                yield from injections.lines(clean.lines, system)
            elif name == "full-disks":
                yield from injections.full_disks(system, clean.written)
            else:
                yield from injections.changes(self.command, system, clean.points)

    def sample(self, name: str, most: int, seed: int) -> Sequence[Injection]:
        """Some injections of a group, the same for the same seed."""
        everything = list(self.group(name))
        chance = random.Random(f"{seed} {self.command.name} {name}")
        return everything if len(everything) <= most else chance.sample(everything, most)

    def inject(self, injection: Injection) -> Finding | None:
        """Run the command with an injection, and perhaps once more; returns what is wrong, None if nothing is."""
        run, found = self.once(injection)
        wrong = judge(self.case, injection, run, found)
        changed = "append=" in injection.faults or "vanish=" in injection.faults  # by another process
        again = injection.kills or (self.command.processes and run.status and not changed)
        if again and self.command.sets != (("stdout",),):
            for scratch in (self._folder / "home/tmp").iterdir():  # the next run leaves other programs' scratch files
                scratch.unlink()
            after = self._server.run(self._folder, self.command.next_run())
            wrong += judge_next(self.case, found, after, look(self._folder))
        return Finding(self.command.name, injection, wrong, run.where) if wrong else None

    def once(self, injection: Injection) -> tuple[Run, Tree]:
        """Run the command with an injection; returns the run, and the files that it leaves."""
        prepare(self._folder, self._files)
        run = self._server.run(self._folder, self.command.arguments.split(), injection.faults, injection.line)
        return run, look(self._folder)

    def undisturbed(self, system: str) -> Run:
        """The run of the command without faults, on one of `SYSTEMS`; made once."""
        if system not in self._undisturbed:
            self._undisturbed[system], _ = self.once(Injection(system, Line(0, 0)))
        return self._undisturbed[system]

    def close(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self._folder, ignore_errors=True)
