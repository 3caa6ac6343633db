"""The command `pcapconv normalize`: writes the normal form of IN to OUT, or checks or rewrites many files."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import pcapconv
from pcapconv.cli.check_results import CheckResults
from pcapconv.cli.messages import check_stdin_once, print_findings, print_message, print_warnings
from pcapconv.cli.signals import begin_next_output
from pcapconv.cli.statuses import SAME, worst_status
from pcapconv.cli.writing_commands import check_names, run_writing_command
from pcapconv.cli.zone_note import mention_local_zone
from pcapconv.conversion import NOTHING_WRITTEN
from pcapconv.errors import DamageError, FileError, NotACaptureError, PcapconvError, UsageError
from pcapconv.formats import format_of
from pcapconv.formats.output_names import output_of
from pcapconv.io.paths import STDIO
from pcapconv.normalizing import check, checked
from pcapconv.normalizing.arguments import arguments_for_output, read_project_arguments
from pcapconv.normalizing.check_result import CheckResult, result_of
from pcapconv.report import LossError
from pcapconv.text import counted

if TYPE_CHECKING:
    from pcapconv.cli.check_changes import Changes
    from pcapconv.conversion import OnLoss


def normalize(
    paths: Sequence[str],
    *,
    check: bool = False,
    in_place: bool = False,
    as_json: bool = False,
    diff: bool = False,
    junit: str | None = None,
    allow_empty: bool = False,
    report: str | None = None,
    force: bool = False,
    fsync: bool = True,
    quiet: bool = False,
    compress: str | None = None,
    compress_level: int | None = None,
    **options: Any,
) -> int:
    """Normalize, check or rewrite captures, print warnings on stderr, and return the exit status."""
    project_options = _without_contradictions(read_project_arguments(), options)
    if check or in_place:
        if check and in_place:
            raise UsageError("--check writes nothing, --in-place does; give one of them")
        if compress is not None or compress_level is not None:
            option = "--compress" if compress is not None else "--compress-level"
            why = "--check writes nothing" if check else "with --in-place files keep their compression"
            raise UsageError(f"{option} is for IN and OUT; {why}")
        if report is not None or (force and junit is None):
            raise UsageError(f"{'--report' if report is not None else '--force'} is for IN and OUT")
        if in_place:
            _refuse_options_of_check(as_json=as_json, diff=diff, junit=junit)
        check_stdin_once(paths)
        with CheckResults(as_json=as_json, diff=diff, junit=junit, force=force) as results:
            processor = _FileProcessor(
                paths,
                results,
                check=check,
                allow_empty=allow_empty,
                fsync=fsync,
                quiet=quiet,
                project_options=project_options,
                options=options,
            )
            status = worst_status([processor.process(path) for path in paths])
            results.write()
        return status
    if as_json:
        raise UsageError("--json is for --check; --report FILE writes what happened as JSON")
    _refuse_options_of_check(as_json=as_json, diff=diff, junit=junit)
    if allow_empty:
        raise UsageError("--allow-empty is for directories, with --check or --in-place")
    if len(paths) != 2:
        raise UsageError("give IN and OUT; or files and directories, with --check or --in-place")
    source, target = paths
    target = str(output_of(source, target, options.get("to", project_options.get("to")), compress))
    if not quiet:
        mention_local_zone({"timezone": project_options.get("timezone")} | options)
    options = arguments_for_output(target, project_options) | options
    on_loss: OnLoss = options.get("on_loss", "warn")
    check_names(report, {}, [source], target)
    return run_writing_command(
        lambda progress: pcapconv.normalize(
            source,
            target,
            force=force,
            fsync=fsync,
            progress=progress,
            compress=compress,
            compress_level=compress_level,
            **options,
        ),
        [source],
        target,
        closing=lambda done: f"{target}: {counted(done.packets_written, 'packet')} written",
        report=report,
        force=force,
        quiet=quiet,
        losses=on_loss == "warn",
        left_out=False,
    )


def _refuse_options_of_check(*, as_json: bool, diff: bool, junit: str | None) -> None:
    """Raise UsageError if one of these options, which are for `--check`, is given."""
    for option, is_given in (("--json", as_json), ("--diff", diff), ("--junit", junit is not None)):
        if is_given:
            raise UsageError(f"{option} is for --check")


def _without_contradictions(configured: dict[str, Any], given: dict[str, Any]) -> dict[str, Any]:
    """Return the configured options without the kinds that the command line strips although the configuration keeps
    them, or keeps although the configuration strips them."""
    options = dict(configured)
    for name, opposite in (("keep", "strip"), ("strip", "keep")):
        kinds = {kind for text in given.get(opposite, ()) for kind in text.split(",")}
        if name in options:
            options[name] = [kind for text in options[name] for kind in text.split(",") if kind not in kinds]
    return options


class _Candidate(NamedTuple):
    """A file that may be a capture. `reason` is why the file is not read, or None. `failed` tells that the reason is an
    error even if the command line does not name the file."""

    path: str
    reason: str | None = None
    failed: bool = False


def _candidates(path: str) -> Iterator[_Candidate]:
    """Yield the file, or all files of the directory, that a path of the command line names."""
    if path == STDIO or os.path.isfile(path) or not os.path.lexists(path):
        yield _Candidate(path)
        return
    from pcapconv.batching.local import LOCAL  # imports much that a single file does not need

    try:
        for file in LOCAL.find(path, None, links=False):
            yield _Candidate(file.location, file.reason if file.state is None else None, file.failed)
    except FileError as error:
        yield _Candidate(path, str(error).removeprefix(f"{path}: "), failed=True)


class _FileProcessor:
    """Checks files one by one, or rewrites them in their normal form; `paths` are those of the command line."""

    def __init__(
        self,
        paths: Sequence[str],
        results: CheckResults,
        *,
        check: bool,
        allow_empty: bool,
        fsync: bool,
        quiet: bool,
        project_options: dict[str, Any],
        options: dict[str, Any],
    ) -> None:
        self._paths = paths
        self._check = check
        self._results = results
        self._began = 0.0  # when the file that is processed was opened
        self._allow_empty = allow_empty
        self._fsync = fsync
        self._quiet = quiet
        self._project_options = project_options
        self._options = options if check else {**options, "strict": True}  # a damaged file is not rewritten

    def process(self, path: str) -> int:
        """Check or rewrite a file, or all files of a directory, and return the exit status."""
        statuses = []
        self._began = time.monotonic()
        for candidate in _candidates(path):
            begin_next_output()
            self._began = time.monotonic()
            statuses.append(self._process_candidate(candidate))
        if any(status is not None for status in statuses):
            return worst_status(status for status in statuses if status is not None)
        if self._allow_empty:
            print_message(f"warning: {path}: no capture was found")
            return SAME
        return self._failed(path, f"{path}: no capture was found; --allow-empty lets that pass")

    def _process_candidate(self, candidate: _Candidate) -> int | None:
        """Check or rewrite a file and return its exit status; None for a file that is skipped.

        Skipped are files that are no captures, not named like one and not named by the command line.
        """
        path, is_named = candidate.path, candidate.path in self._paths
        if candidate.reason is not None:
            if not (candidate.failed or is_named):
                return None
            return self._failed(path, f"{path}: {candidate.reason}")
        try:
            if not self._check:
                self._rewrite_if_not_normal(path)
                return SAME
            result, changes = self._check_capture(path)
        except NotACaptureError as error:
            if not is_named and format_of(path) is None:
                if error.known:
                    print_message(f"warning: skipped: {error}")
                return None
            return self._failed(path, str(error))
        except UsageError:
            raise
        except DamageError as error:
            return self._failed(path, f"{path}: damaged, and left as it is: {str(error).removeprefix(f'{path}: ')}")
        except LossError as error:
            reason = str(error).removesuffix(NOTHING_WRITTEN) if self._check else str(error)
            print_message(reason)
            return self._add(result_of(path, "refused", error.report, [], reason))
        except PcapconvError as error:
            return self._failed(path, str(error))
        self._results.print_changes(changes)
        return self._add(result, changes)

    def _options_for(self, path: str) -> dict[str, Any]:
        return arguments_for_output(path, self._project_options) | self._options

    def _failed(self, path: str, error: str) -> int:
        print_message(error)
        return self._add(result_of(path, "failed", None, [], error))

    def _add(self, result: CheckResult, changes: Changes | None = None) -> int:
        return self._results.add(result, time.monotonic() - self._began, changes)

    def _check_capture(self, path: str) -> tuple[CheckResult, Changes | None]:
        """Check a capture; return the result, and what would change if that is wanted. Raises a PcapconvError if the
        capture cannot be read."""
        options = self._options_for(path)
        with checked(path, **options) as capture:
            result = capture.result._replace(file=path)
            print_findings(f"warning: {path}", result.damage, result.damage_total, where_all="--json lists them")
            print_findings(f"warning: {path}", result.warnings, result.warnings_total, where_all="--json lists them")
            if not result.reasons:
                return result, None
            print_message(f"{path}: not in its normal form: {'; '.join(result.reasons)}")
            return result, self._results.changes_of(capture, path, options.get("fractions"))

    def _rewrite_if_not_normal(self, path: str) -> None:
        if check(path, **self._options_for(path)).reasons:
            self._rewrite(path)

    def _rewrite(self, path: str) -> None:
        """Replace a capture by its normal form."""
        if path == STDIO:
            raise UsageError("--in-place: stdin cannot be rewritten; give IN and OUT")
        options = self._options_for(path)
        report = pcapconv.normalize(path, path, force=True, fsync=self._fsync, **options)
        print_warnings(report, path, losses=options.get("on_loss", "warn") == "warn", left_out=False)
        if not self._quiet:
            print_message(f"{path}: rewritten")
