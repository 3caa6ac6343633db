"""Gives all outputs of a command their final names, or undoes them all.

Strategy: first `Target.prepare` forces delayed write errors (of quotas and network file systems) to surface while no
output has its name yet. Then signals are held back, and `Target.publish` gives one output after the other its final
name. Between two outputs, `commit` looks at the signals that have arrived; if there is one, it undoes all outputs that
have their names. A signal that arrives after the last name was given comes too late: the outputs stay. If an output is
a pipe, signals are not held back, since only a signal ends the wait for a reader that never reads. Just before an
output replaces a source, `commit` checks once more that nobody has written to the source. If a kill (SIGKILL) or a
power failure stops the process between two names, some outputs have their final names and others do not
(for a file set, see `recovery_journal`).
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from pcapconv.errors import FileError
from pcapconv.io import final_names
from pcapconv.io.held_signals import HeldSignals, hold_signals
from pcapconv.io.source import Source
from pcapconv.io.target import Target

commits = 0  # the commits that this process has completed, by which the message about a signal is worded


def commit(targets: Sequence[Target], read: Sequence[Source] = (), *, fsync: bool = True) -> None:
    """Give these outputs their final names, in this order. `read` are the sources of the command. With `fsync`, an
    output that replaces a file is on the disk before it gets its name. Raises FileError after undoing everything; or,
    if only `Target.confirm` failed, with all outputs in place."""
    global commits
    for target in targets:
        target.prepare(fsync=fsync)
    blocking = any(target.may_block for target in targets)  # on a pipe that nobody reads, only a signal ends the wait
    with contextlib.nullcontext(HeldSignals()) if blocking else hold_signals() as signals:
        begun: list[Target] = []
        try:
            for target in targets:
                if signals.arrived and len(targets) > 1:  # a single output is published all the same
                    raise FileError(
                        f"{targets[0].name}: interrupted", path=targets[0].name
                    )  # in case the signal's handler raises nothing
                _leave_sources(target, read)
                begun.append(target)
                with hold_signals() if blocking and not target.may_block else contextlib.nullcontext():
                    # nothing can fail after the last output, so the file that it replaces need not be kept
                    target.publish(keep_old=blocking or target is not targets[-1])
            commits += 1
        except BaseException as error:
            with hold_signals():
                _undo_all(begun, error)
            raise
        _confirm_all(targets, fsync=fsync)


def _leave_sources(target: Target, read: Sequence[Source]) -> None:
    """Check that a source that this target replaces has not changed since it was opened; on Windows, close it, too.
    Raises FileError if it has changed."""
    for source in read:
        if target.path is not None and source.is_at(target.path):
            source.check_unchanged(target.path, target.name)
            if final_names.closed_if_renamed:
                source.close()


def _undo_all(begun: Sequence[Target], error: BaseException) -> None:
    """Undo these outputs, the last one first. If that fails, raises FileError with the messages of `error` and of the
    failures."""
    messages = []
    for target in reversed(begun):
        try:
            target.undo_publish()
        except FileError as undo_error:
            messages.append(str(undo_error))
    if messages:
        raise FileError("; ".join([str(error), *messages]), path=begun[0].path, cause=error) from error


def _confirm_all(targets: Sequence[Target], *, fsync: bool) -> None:
    """Confirm that all outputs stay. Raises FileError, but only after all were confirmed."""
    messages = []
    for target in targets:
        try:
            target.confirm(fsync=fsync)
        except FileError as error:
            messages.append(str(error))
    if messages:
        raise FileError("; ".join(messages))
