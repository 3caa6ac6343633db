"""Gives all outputs of a command their final names, or none of them.

Strategy: first `prepare` makes the system say of each output whether its bytes are kept. Then signals are held back,
and `publish` gives one output after the other its final name. Until the last one has it, all of them can be undone. A
signal that arrives before the last name is given undoes them all; one that arrives later finds the work done. Just
before a file that was read is replaced, it is checked once more, so that what somebody wrote to it meanwhile is not
lost. Only a kill (SIGKILL) or a power failure can leave some of several outputs behind.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from pcapconv.errors import FileError
from pcapconv.io.held_signals import HeldSignals, hold_signals
from pcapconv.io.source import Source
from pcapconv.io.target import Target

commits = 0  # the commits that this process has completed; what a signal cut short is worded accordingly


def commit(targets: Sequence[Target], read: Sequence[Source] = (), *, fsync: bool = True) -> None:
    """Give these outputs their final names, in this order, or none of them. `read` are the sources of the command. With
    `fsync`, whatever replaces a file is on the disk before it does. Raises FileError, and then everything is as it was
    before."""
    global commits
    for target in targets:
        target.prepare(fsync=fsync)
    blocking = any(target.may_block for target in targets)  # a pipe: signals have to get through
    with contextlib.nullcontext(HeldSignals()) if blocking else hold_signals() as signals:
        begun: list[Target] = []
        try:
            for target in targets:
                if signals.arrived and len(targets) > 1:  # a single output has its name before it could be undone
                    raise FileError(f"{targets[0].name}: interrupted")  # in case the signal's handler raises nothing
                _check_unchanged(target, read)
                begun.append(target)
                with hold_signals() if blocking and not target.may_block else contextlib.nullcontext():
                    # after the last output nothing can fail any more, so the file that it replaces need not be kept
                    target.publish(keep_old=blocking or target is not targets[-1])
            commits += 1
        except BaseException as error:
            with hold_signals():
                _undo_all(begun, error)
            raise
        _confirm_all(targets, fsync=fsync)


def _check_unchanged(target: Target, read: Sequence[Source]) -> None:
    """Check that a source that this target replaces is still as it was when it was opened. Raises FileError if not."""
    for source in read:
        if target.path is not None and source.is_at(target.path):
            source.check_unchanged(target.path)


def _undo_all(begun: Sequence[Target], error: BaseException) -> None:
    """Undo these outputs, the last one first. Raises FileError if that fails, which names `error` too."""
    messages = []
    for target in reversed(begun):
        try:
            target.undo_publish()
        except FileError as trouble:
            messages.append(str(trouble))
    if messages:
        raise FileError("; ".join([str(error), *messages])) from error


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
