"""`pcapconv normalize IN OUT`, and `--check` or `--in-place` for many files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import pcapconv
from pcapconv.cli.messages import complain, say_what_happened
from pcapconv.cli.signals import begin_another
from pcapconv.cli.statuses import DIFFERENT
from pcapconv.cli.writing import carry_out, check_names
from pcapconv.errors import DamageError, FileError, NotACaptureError, PcapconvError, UsageError
from pcapconv.formats import format_of
from pcapconv.io.paths import STDIO
from pcapconv.normalizing import check as why_not
from pcapconv.normalizing.config import configured

if TYPE_CHECKING:
    from pcapconv.batching.places import Found
    from pcapconv.conversion import OnLoss
    from pcapconv.model import Notice


def normalize(
    paths: Sequence[str],
    *,
    check: bool = False,
    in_place: bool = False,
    allow_empty: bool = False,
    report: str | None = None,
    force: bool = False,
    fsync: bool = True,
    quiet: bool = False,
    **options: Any,
) -> int:
    """Do it, say what was not perfect, and return the exit status."""
    options = _without_opposites(configured(), options) | options
    if check or in_place:
        if check and in_place:
            raise UsageError("--check writes nothing, --in-place does; give one of them")
        if report is not None or force:
            raise UsageError(f"{'--report' if report is not None else '--force'} is for IN and OUT")
        each = _EachFile(paths, check=check, allow_empty=allow_empty, fsync=fsync, quiet=quiet, options=options)
        return max(map(each.below, paths))
    if allow_empty:
        raise UsageError("--allow-empty is for directories, with --check or --in-place")
    if len(paths) != 2:
        raise UsageError("give IN and OUT; or files and directories, with --check or --in-place")
    source, target = paths
    on_loss: OnLoss = options.get("on_loss", "warn")
    check_names(report, {}, source, target)
    return carry_out(
        lambda progress: pcapconv.normalize(source, target, force=force, fsync=fsync, progress=progress, **options),
        source,
        target,
        closing=lambda done: f"{target}: {done.packets_written} packets written",
        report=report,
        force=force,
        quiet=quiet,
        losses=on_loss == "warn",
        left_out=False,
    )


def _without_opposites(configured: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """What is configured, without kinds that are to be kept there and stripped here, or the other way round."""
    kept = dict(configured)
    for name, opposite in (("keep", "strip"), ("strip", "keep")):
        kinds = {kind for text in given.get(opposite, ()) for kind in text.split(",")}
        if name in kept:
            kept[name] = [kind for text in kept[name] for kind in text.split(",") if kind not in kinds]
    return kept


def _expanded(path: str) -> Iterator[Found]:
    """The files, and what else is in the way."""
    from pcapconv.batching.local import LOCAL  # with all that batches need, which a single file does without
    from pcapconv.batching.places import Found, State

    if path == STDIO:
        yield Found(path, path, State(None, None))
        return
    try:
        yield from LOCAL.find(path, None, links=False)
    except FileError as error:
        yield Found(path, path, None, str(error).removeprefix(f"{path}: "), failed=True)


class _EachFile:
    """Checks files one by one, or puts them into their normal form; `paths` are those that the command line names."""

    def __init__(
        self,
        paths: Sequence[str],
        *,
        check: bool,
        allow_empty: bool,
        fsync: bool,
        quiet: bool,
        options: dict[str, Any],
    ) -> None:
        self._paths = paths
        self._check = check
        self._allow_empty = allow_empty
        self._fsync = fsync
        self._quiet = quiet
        self._losses = options.get("on_loss", "warn") == "warn"
        self._options = {**options, "strict": True}

    def below(self, path: str) -> int:
        """The exit status that a file asks for, or all in a directory."""
        statuses = []
        for found in _expanded(path):
            begin_another()
            statuses.append(self._one(found))
        if any(status is not None for status in statuses):
            return max(status or 0 for status in statuses)
        if self._allow_empty:
            complain(f"warning: {path}: no capture was found")
            return 0
        complain(f"{path}: no capture was found; --allow-empty lets that pass")
        return DIFFERENT

    def _one(self, found: Found) -> int | None:
        """The exit status that a file asks for; None for what is no capture, is not named like one, and is not among
        the paths of the command line."""
        path, named = found.place, found.place in self._paths
        if found.state is None:
            if not (found.failed or named):
                return None
            complain(f"{path}: {found.reason}")
            return DIFFERENT
        try:
            reasons = why_not(path, warn=partial(self._warn, path), **self._options)
            if reasons and self._check:
                complain(f"{path}: not in its normal form: {'; '.join(reasons)}")
                return DIFFERENT
            if reasons:
                self._rewrite(path)
        except NotACaptureError as error:
            if not named and format_of(path) is None:
                if error.known:
                    complain(f"warning: skipped: {error}")
                return None
            complain(str(error))
            return DIFFERENT
        except UsageError:
            raise
        except DamageError as error:
            complain(f"{path}: damaged, and left as it is: {str(error).removeprefix(f'{path}: ')}")
            return DIFFERENT
        except PcapconvError as error:
            complain(str(error))
            return DIFFERENT
        return 0

    def _warn(self, path: str, notice: Notice) -> None:
        """An oddity; a file that is rewritten says it then."""
        if self._check:
            complain(f"warning: {path}: {notice}")

    def _rewrite(self, path: str) -> None:
        if path == STDIO:
            raise UsageError("--in-place: stdin has no place; give IN and OUT")
        report = pcapconv.normalize(path, path, force=True, fsync=self._fsync, **self._options)
        say_what_happened(report, path, losses=self._losses, left_out=False)
        if not self._quiet:
            complain(f"{path}: rewritten")
