"""Outputs get their names: all of a command's outputs, or none of them.

Strategy: first the system says of each whether it is kept. Then, with signals waiting, one after the other appears;
until the last one has, each can be taken back. A signal that came before the last one takes all back; one that comes
later finds the work done. A file that was read is looked at once more before another one takes its place, so that what
somebody wrote to it meanwhile is not lost. Only a kill (SIGKILL) or a power failure can leave some of several outputs.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence

from pcapconv.errors import FileError
from pcapconv.io.held_signals import HeldSignals, hold_signals
from pcapconv.io.source import Source
from pcapconv.io.target import Target

commits = 0  # how often outputs appeared in this process, for who has to say what a signal cut short


def commit(targets: Sequence[Target], read: Sequence[Source] = (), *, fsync: bool = True) -> None:
    """Let these outputs appear, in this order, or none of them. `read` is what was read for them. With `fsync`, what
    replaces a file is on the disk before it does. Raises FileError, and then everything is as it was before."""
    global commits
    for target in targets:
        target.complete(fsync=fsync)
    waiting = any(target.may_wait for target in targets)  # for a pipe: signals have to get through
    with contextlib.nullcontext(HeldSignals()) if waiting else hold_signals() as signals:
        begun: list[Target] = []
        try:
            for target in targets:
                if signals.came and len(targets) > 1:  # one alone is there before anybody could take it back
                    raise FileError(f"{targets[0].name}: interrupted")  # for a handler that raises nothing
                _check_unchanged(target, read)
                begun.append(target)
                with hold_signals() if waiting and not target.may_wait else contextlib.nullcontext():
                    # behind the last one nothing fails any more
                    target.appear(keep_old=waiting or target is not targets[-1])
            commits += 1
        except BaseException as error:
            with hold_signals():
                _take_back(begun, error)
            raise
        _settle(targets, fsync=fsync)


def _settle(targets: Sequence[Target], *, fsync: bool) -> None:
    """All of them stay. Raises FileError, once all are settled."""
    said = []
    for target in targets:
        try:
            target.settle(fsync=fsync)
        except FileError as error:
            said.append(str(error))
    if said:
        raise FileError("; ".join(said))


def _check_unchanged(target: Target, read: Sequence[Source]) -> None:
    """Raises FileError where a target takes the place of a file that somebody wrote to since it was opened."""
    for source in read:
        if target.path is not None and source.is_at(target.path):
            source.check_unchanged(target.path)


def _take_back(begun: Sequence[Target], error: BaseException) -> None:
    """Take these back; what cannot be is said with the error. Raises FileError."""
    said = []
    for target in reversed(begun):
        try:
            target.take_back()
        except FileError as trouble:
            said.append(str(trouble))
    if said:
        raise FileError("; ".join([str(error), *said])) from error
