"""`pcapconv normalize IN OUT`, and `--check` or `--in-place` for many files."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import pcapconv
from pcapconv.cli.check_results import Checks, Status
from pcapconv.cli.messages import check_stdin_once, complain, list_places, say_what_happened
from pcapconv.cli.signals import begin_another
from pcapconv.cli.statuses import SAME, worst
from pcapconv.cli.writing_commands import check_names, run_command
from pcapconv.errors import DamageError, FileError, NotACaptureError, PcapconvError, UsageError
from pcapconv.formats import format_of
from pcapconv.formats.naming import output_of
from pcapconv.io.paths import STDIO
from pcapconv.normalizing import check as why_not
from pcapconv.normalizing.config import configured
from pcapconv.report import LossError, Report
from pcapconv.text import counted

if TYPE_CHECKING:
    from pcapconv.conversion import OnLoss


def normalize(
    paths: Sequence[str],
    *,
    check: bool = False,
    in_place: bool = False,
    as_json: bool = False,
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
        if as_json and in_place:
            raise UsageError("--json is for --check")
        check_stdin_once(paths)
        each = _EachFile(paths, check=check, allow_empty=allow_empty, fsync=fsync, quiet=quiet, options=options)
        status = worst([each.below(path) for path in paths])
        if as_json:
            each.checks.write()
        return status
    if as_json:
        raise UsageError("--json is for --check; --report FILE writes what happened as JSON")
    if allow_empty:
        raise UsageError("--allow-empty is for directories, with --check or --in-place")
    if len(paths) != 2:
        raise UsageError("give IN and OUT; or files and directories, with --check or --in-place")
    source, target = paths
    target = str(output_of(source, target, options.get("to")))
    on_loss: OnLoss = options.get("on_loss", "warn")
    check_names(report, {}, source, target)
    return run_command(
        lambda progress: pcapconv.normalize(source, target, force=force, fsync=fsync, progress=progress, **options),
        source,
        target,
        closing=lambda done: f"{target}: {counted(done.packets_written, 'packet')} written",
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


class _Found(NamedTuple):
    """A file, and why it is not to be read, if so; `failed` tells that somebody should know."""

    place: str
    reason: str | None = None
    failed: bool = False


def _expanded(path: str) -> Iterator[_Found]:
    """The files, and what else is in the way."""
    if path == STDIO or os.path.isfile(path):
        yield _Found(path)
        return
    from pcapconv.batching.local import LOCAL  # with all that batches need, which a file does without

    try:
        for found in LOCAL.find(path, None, links=False):
            yield _Found(found.location, found.reason if found.state is None else None, found.failed)
    except FileError as error:
        yield _Found(path, str(error).removeprefix(f"{path}: "), failed=True)


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
        self._options = options if check else {**options, "strict": True}  # a damaged file stays as it is
        self.checks = Checks()

    def below(self, path: str) -> int:
        """The exit status that a file asks for, or all in a directory."""
        statuses = []
        for found in _expanded(path):
            begin_another()
            statuses.append(self._one(found))
        if any(status is not None for status in statuses):
            return worst(status for status in statuses if status is not None)
        if self._allow_empty:
            complain(f"warning: {path}: no capture was found")
            return SAME
        return self._failed(path, f"{path}: no capture was found; --allow-empty lets that pass")

    def _one(self, found: _Found) -> int | None:
        """The exit status that a file asks for; None for what is no capture, is not named like one, and is not among
        the paths of the command line."""
        path, named = found.place, found.place in self._paths
        if found.reason is not None:
            if not (found.failed or named):
                return None
            return self._failed(path, f"{path}: {found.reason}")
        try:
            return self._look_at(path)
        except NotACaptureError as error:
            if not named and format_of(path) is None:
                if error.known:
                    complain(f"warning: skipped: {error}")
                return None
            return self._failed(path, str(error))
        except UsageError:
            raise
        except DamageError as error:
            return self._failed(path, f"{path}: damaged, and left as it is: {str(error).removeprefix(f'{path}: ')}")
        except LossError as error:
            complain(str(error))
            return self.checks.add(path, "refused", error.report, reasons=[], error=str(error))
        except PcapconvError as error:
            return self._failed(path, str(error))

    def _failed(self, path: str, error: str) -> int:
        complain(error)
        return self.checks.add(path, "failed", None, reasons=[], error=error)

    def _look_at(self, path: str) -> int:
        """The exit status that a capture asks for. Raises a PcapconvError where nobody can tell."""
        reports: list[Report] = []
        reasons = why_not(path, tell=reports.append, **self._options)
        if not self._check:
            if reasons:
                self._rewrite(path)
            return SAME
        (report,) = reports
        list_places(f"warning: {path}", report.damage, report.damage_total, rest="--json lists them")
        list_places(f"warning: {path}", report.warnings, report.warnings_total, rest="--json lists them")
        if reasons:
            complain(f"{path}: not in its normal form: {'; '.join(reasons)}")
        status: Status = "different" if reasons else "damaged" if report.damage else "normal"
        return self.checks.add(path, status, report, reasons=reasons)

    def _rewrite(self, path: str) -> None:
        if path == STDIO:
            raise UsageError("--in-place: stdin has no place; give IN and OUT")
        report = pcapconv.normalize(path, path, force=True, fsync=self._fsync, **self._options)
        say_what_happened(report, path, losses=self._losses, left_out=False)
        if not self._quiet:
            complain(f"{path}: rewritten")
