"""`pcapconv normalize IN OUT`, and `--check` or `--in-place` for many files."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import pcapconv
from pcapconv.cli.config import configured
from pcapconv.cli.messages import complain, say_what_happened
from pcapconv.cli.options import NORMALIZE_CONFIGURED
from pcapconv.cli.writing import carry_out, check_names
from pcapconv.errors import DamageError, FileError, NotACaptureError, PcapconvError, UsageError
from pcapconv.files import STDIO
from pcapconv.normalizing import check as why_not

if TYPE_CHECKING:
    from pcapconv.batching.stores import Found
    from pcapconv.convert import OnLoss

DIFFERENT = 1


def normalize(
    paths: Sequence[str],
    *,
    check: bool = False,
    in_place: bool = False,
    report: str | None = None,
    force: bool = False,
    quiet: bool = False,
    debug: bool = False,  # noqa: ARG001 - it is the caller's
    **options: Any,
) -> int:
    """Do it, say what was not perfect, and return the exit status."""
    options = _without_opposites(configured("normalize", NORMALIZE_CONFIGURED), options) | options
    if check or in_place:
        if check and in_place:
            raise UsageError("--check writes nothing, --in-place does; give one of them")
        if report is not None or force:
            raise UsageError(f"{'--report' if report is not None else '--force'} is for IN and OUT")
        statuses = [_one(found, found.place in paths, check, quiet, options) for found in _expanded(paths)]
        if all(status is None for status in statuses):
            complain(f"warning: there is no capture in {', '.join(paths)}")
        return max([status or 0 for status in statuses], default=0)
    if len(paths) != 2:
        raise UsageError("give IN and OUT; or files and directories, with --check or --in-place")
    source, target = paths
    on_loss: OnLoss = options.get("on_loss", "warn")
    check_names(report, {}, source, target)
    return carry_out(
        lambda progress: pcapconv.normalize(source, target, force=force, progress=progress, **options),
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


def _expanded(paths: Sequence[str]) -> Iterator[Found]:
    """The files, and what else is in the way."""
    from pcapconv.batching.local import LOCAL  # with all that batches need, which a single file does without
    from pcapconv.batching.stores import Found, State

    for path in paths:
        if path == STDIO:
            yield Found(path, path, State(None, None))
            continue
        try:
            yield from LOCAL.find(path, None, links=False)
        except FileError as error:
            yield Found(path, path, None, str(error).removeprefix(f"{path}: "), failed=True)


def _one(found: Found, named: bool, check: bool, quiet: bool, options: dict[str, Any]) -> int | None:
    """Check one file, or put it into its normal form; the exit status that it asks for, None for what is no capture."""
    path = found.place
    if found.state is None:
        if not (found.failed or named):
            return None
        complain(f"{path}: {found.reason}")
        return DIFFERENT
    try:
        say = (lambda notice: complain(f"warning: {path}: {notice}")) if check else (lambda _: None)
        reasons = why_not(path, warn=say, **{**options, "strict": True})
        if not reasons:
            return 0
        if check:
            complain(f"{path}: not in its normal form: {'; '.join(reasons)}")
            return DIFFERENT
        if path == STDIO:
            raise UsageError("--in-place: stdin has no place; give IN and OUT")
        report = pcapconv.normalize(path, path, force=True, **{**options, "strict": True})
        say_what_happened(report, path, losses=options.get("on_loss", "warn") == "warn", left_out=False)
        if not quiet:
            complain(f"{path}: rewritten")
    except NotACaptureError as error:
        if not named:
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
