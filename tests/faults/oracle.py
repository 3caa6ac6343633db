"""Judges what a command left behind: files, exit status and messages. Nothing here imports pcapconv."""

import json
from collections.abc import Iterator
from typing import NamedTuple

from faults.commands import Command, is_whole
from faults.injections import Injection
from faults.running import File, Run, Tree

TEMPORARY = ".pcapconv-"
APPENDED = b"appended by another process"
NOT_KEPT = "not kept"
REMOVING = ("unlink:", "rmdir:", "vanish=")  # with these faults, temporary files may have to stay
NOT_PUT_BACK = "cannot put back what was there"


class Case(NamedTuple):
    """A command, the files before a run and after an undisturbed run, and the exit status of the undisturbed run."""

    command: Command
    before: Tree
    after: Tree
    status: int


class States:
    """Tells of each name in `found` whether it has its old bytes or the new ones."""

    def __init__(self, case: Case, found: Tree, edited: bytes) -> None:
        self.case = case
        self.found = found
        self._edited = edited  # bytes that the fault appended to the input

    def data(self, name: str) -> bytes | None:
        """The bytes under a name, or None if there is no such file."""
        return self.found[name].data if name in self.found else None

    def is_old(self, name: str) -> bool:
        """Return whether a name has its old bytes, or still does not exist."""
        before = self.case.before.get(name)
        data = self.data(name)
        if before is None or data is None:
            return data is None and before is None
        return data == before.data or (name == self.case.command.edited and data == before.data + self._edited)

    def is_new(self, name: str) -> bool:
        """Return whether a name has the bytes of an undisturbed run."""
        data = self.data(name)
        if data is None or name not in self.case.after:
            return False
        if name in self.case.command.variable:
            return is_whole(name, data) and not self.is_old(name)
        return data == self.case.after[name].data or (name == self.case.command.later and self._puts_back(name, data))

    def _puts_back(self, name: str, data: bytes) -> bool:
        """Return whether a report is complete, but for its list of old files that were put back."""
        try:
            told: dict[str, object] = json.loads(data)
            expected: dict[str, object] = json.loads(self.case.after[name].data)
            return told | {"put_back": []} == expected
        except ValueError:
            return False

    def all_new(self) -> bool:
        """Return whether all outputs are complete."""
        names = [name for names in self.case.command.sets for name in names]
        return all(map(self.is_new, [*names, self.case.command.later] if self.case.command.later else names))


def judge(case: Case, injection: Injection, run: Run, found: Tree) -> list[str]:
    """Return what is wrong after a run with an injection: a list of sentences."""
    found = _at_home(case.command, found)
    states = States(case, found, APPENDED if "append=" in injection.faults else b"")
    wrong = [*_ended(case, injection, run, states)]
    wrong += _contents(states)
    if _could_not_put_back(injection, run, found, case):
        return wrong
    wrong += _leftovers(injection, found)
    wrong += _rights(case, injection, found)
    # After a kill, or in a folder that has moved away, a command cannot take back its outputs.
    if not injection.kills and "vanish=" not in injection.faults:
        wrong += _together(case, injection, run, states)
    return wrong


def judge_next(case: Case, left_behind: Tree, run: Run, found: Tree) -> list[str]:
    """Return what is wrong after the next run, which followed one that was killed, or a batch that failed."""
    left, now = States(case, left_behind, b""), States(case, found, b"")
    wrong = [f"the next run: {each}" for each in _crashed(run)]
    if run.status == case.status:
        edited_twice = case.command.edited and not case.command.each and left.is_new(case.command.edited)
        if not now.all_new() and not edited_twice:
            wrong.append(f"the next run has status {run.status}, and not everything is there")
    elif case.command.each or "exists already" not in run.stderr:
        wrong.append(f"the next run ends with {run.status}: {run.stderr.strip()}")
    for names in case.command.sets:
        mixed = any(not left.is_old(name) for name in names) and not all(map(left.is_new, names))
        if mixed and not case.command.each:
            wrong += _mixture(case, names, left, run)
    return wrong


def _mixture(case: Case, names: tuple[str, ...], left: States, run: Run) -> Iterator[str]:
    """Check a mixture of old and new files, which only a kill may leave: the old bytes must be somewhere, and the next
    run must say so, unless only new names have appeared, which it clears away like all unfinished files."""
    everything = [file.data for file in left.found.values()]
    lost = [name for name in names if name in case.before and case.before[name].data not in everything]
    if lost and not all(map(left.is_new, lost)):
        yield f"killed between names, and what was in {', '.join(lost)} is nowhere"
    replaced = [name for name in names if name in case.before and not left.is_old(name)]
    if replaced and not any(name in run.stderr for name in (*names, TEMPORARY)):
        yield "killed between names, old and new are mixed, and the next run does not say so"


def _at_home(command: Command, found: Tree) -> Tree:
    """The files, with the names that they had before their folder was moved away."""
    gone = f"{command.folder}.gone/"
    moved = {name.replace(gone, f"{command.folder}/"): file for name, file in found.items() if name.startswith(gone)}
    return moved | {name: file for name, file in found.items() if not name.startswith(gone)}


def _crashed(run: Run) -> Iterator[str]:
    if run.hung:
        yield "hangs"
    for word in ("Traceback", "Exception ignored", "Fatal Python error"):
        if word in run.stderr:
            yield f"{word}: {run.stderr.strip().splitlines()[-1]}"
            return


def _ended(case: Case, injection: Injection, run: Run, states: States) -> Iterator[str]:
    """Check the exit status, and that a failure has a message."""
    yield from _crashed(run)
    if injection.kills and run.status < 0:
        return
    if run.status == case.status:
        if injection.expected == "failure" and injection.point is not None and _happened(injection, run):
            yield f"has status {run.status}"
        if not states.all_new():
            yield f"has status {run.status}, and not everything is there"
        return
    outside = _was_outside(injection, run, states)
    allowed = {1} if injection.signal is None else {injection.signal}
    if run.status not in allowed and not outside:
        yield f"has status {run.status}: {run.stderr.strip()}"
    if injection.expected == "success":
        yield f"fails over what is harmless: {run.stderr.strip()}"
    if not outside and not any(line.startswith("pcapconv: ") for line in run.stderr.splitlines()):
        yield "fails without a sentence"
    if injection.expected == "failure" and "append=" not in injection.faults:
        yield from _named(case, run)


def _was_outside(injection: Injection, run: Run, states: States) -> bool:
    """Return whether a signal ended the process before it handled signals, or after all was done."""
    opened = any(point.kind.startswith("open-") for point in run.points)
    return run.status < 0 and injection.signal == 128 - run.status and (not opened or states.all_new())


def _happened(injection: Injection, run: Run) -> bool:
    """Return whether the run made the call at which the fault was to be injected."""
    point = injection.point
    return point is None or any((each.kind, each.number) == (point.kind, point.number) for each in run.points)


def _named(case: Case, run: Run) -> Iterator[str]:
    """Check that the message names the output that cannot be written, and mentions stdout only for stdout."""
    command = case.command
    names = [*(name for names in command.sets for name in names), command.later]
    template = command.arguments.split()[2] if command.name.startswith("split") else None
    words = [word for word in (*names, template, "manifest") if word]
    if not any(word in run.stderr for word in words):
        yield f"the message does not name the output: {run.stderr.strip()}"
    elif "stdout:" in run.stderr and not any(point.path == "stdout" for point in run.points):
        yield f"the message speaks of stdout: {run.stderr.strip()}"


def _contents(states: States) -> Iterator[str]:
    """Check that each name has its old bytes or the new ones, and that there are no other names."""
    case = states.case
    outputs = {name for names in case.command.sets for name in names} | {case.command.later}
    for name in {*case.before, *case.after}:
        if name == "stdout" or name.endswith(".jsonl"):
            continue
        data = states.data(name)
        fine = states.is_old(name) or (name in outputs and states.is_new(name))
        edited_later = name == case.command.edited and data == case.after[name].data + APPENDED
        if not fine and not edited_later:
            yield f"{name} is neither the old nor the new file: {'gone' if data is None else f'{len(data)} bytes'}"
    for name in states.found:
        known = name in case.before or name in case.after or name.startswith("tmp/")
        known = known or name.endswith((".jsonl", ".lease"))  # a batch that is killed leaves its lease
        if not known and TEMPORARY not in name and name != "stdout":
            yield f"{name} is there, which nobody asked for"


def _could_not_put_back(injection: Injection, run: Run, found: Tree, case: Case) -> bool:
    """Return whether every rename failed from some call on, and the message rightly says where the old bytes are, which
    is all that a command can do then."""
    lasting = "rename:" in injection.faults and "+:" in injection.faults.rpartition("rename:")[2]
    old = {file.data for file in case.before.values()}
    kept = [name for name, file in found.items() if TEMPORARY in name and file.data in old]
    return lasting and NOT_PUT_BACK in run.stderr and bool(kept) and all(name in run.stderr for name in kept)


def _leftovers(injection: Injection, found: Tree) -> Iterator[str]:
    """Check that no temporary file stays, unless the command was killed or files could not be removed."""
    if injection.kills or any(word in injection.faults for word in REMOVING):
        return
    for name in found:
        if TEMPORARY in name or name.startswith("tmp/"):
            yield f"{name} is left"


def _is_wider(file: File, than: File) -> bool:
    """Return whether group or others may do more with `file` than with the file `than`. If only `than` has an ACL, the
    group bits of its mode are the ACL's mask, and the group itself may do nothing."""
    acl = "system.posix_acl_access"
    ours, theirs = dict(file.attributes).get(acl), dict(than.attributes).get(acl)
    mode = than.mode & ~0o070 if theirs is not None and ours is None else than.mode
    return bool(file.mode & 0o077 & ~mode) or ours not in (None, theirs)


def _rights(case: Case, injection: Injection, found: Tree) -> Iterator[str]:
    """Check that a file that replaces another one is open to nobody else, also while it has a temporary name, and keeps
    its extended attributes. If the injected fault says that there are no ACLs, only the mode counts."""
    says_none = "getxattr:" in injection.faults and injection.faults.endswith(":EOPNOTSUPP")
    for name, old in case.before.items():
        file = found.get(name)
        if file is None or name == "stdout":
            continue
        alike = [old, old._replace(attributes=())] if says_none else [old]
        if all(_is_wider(file, each) for each in alike):
            yield f"{name} is open to more people: {file.mode:o} after {old.mode:o}, ACL {bool(old.attributes)}"
        elif name in case.after and not _may_lose_rights(injection) and file.attributes != old.attributes:
            yield f"{name} has other extended attributes than before"
    strictest = [file for name, file in case.before.items() if file.mode & 0o077 == 0o040]
    for name, file in found.items():
        if strictest and name.endswith(".tmp") and len(strictest) == len(case.before) and _is_wider(file, strictest[0]):
            yield f"{name} is open to more people than any file that was there: {file.mode:o}"
    if "out/keys" in found and found["out/keys"].mode & 0o077 and "out/keys" not in case.before:
        yield f"out/keys is open to others: {found['out/keys'].mode:o}"


def _may_lose_rights(injection: Injection) -> bool:
    return any(word in injection.faults for word in ("setxattr:", "getxattr:", "chmod:", "chown:"))


def _together(case: Case, injection: Injection, run: Run, states: States) -> Iterator[str]:
    """Check that files that belong together are all old or all new, and that the message about them is true."""
    command = case.command
    new = []
    for names in command.sets:
        there = [name for name in names if states.is_new(name) and not states.is_old(name)]
        new += there
        if there and len(there) < len(names):
            missing = [name for name in names if name not in there]
            yield f"{', '.join(there)} appeared without {', '.join(missing)}"
    if (
        run.status == case.status
        or command.each
        or command.sets == (("stdout",),)
        or _was_outside(injection, run, states)
    ):
        return
    if new and NOT_KEPT in run.stderr:
        yield f"says '{NOT_KEPT}', and {', '.join(new)} is there, complete"
    elif new and injection.signal is None and not _only_later_failed(command, run, states):
        folder = "fsync-folder" in injection.faults
        if not folder:
            yield f"fails with {run.status}, and {', '.join(new)} is there, complete: {run.stderr.strip()}"
    elif new and injection.signal is not None and not all(name in run.stderr for name in new[:1]):
        yield f"has status {run.status}, and {', '.join(new)} is there, complete, which nothing says"


def _only_later_failed(command: Command, run: Run, states: States) -> bool:
    """Return whether only the report, which is written last, could not be written, and the message says so."""
    return bool(command.later) and states.is_old(command.later) and f"{command.later}: " in run.stderr
