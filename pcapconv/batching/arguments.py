"""The arguments of a batch, understood: what it reads and writes, and what all its jobs have in common."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable, Sequence
from concurrent.futures import Executor
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

from pcapconv import formats
from pcapconv.batching import manifest
from pcapconv.batching.locations import joined, local_path, real_location, same_location, scheme_of
from pcapconv.batching.manifest_names import lease_beside, manifest_of
from pcapconv.batching.naming import parse_template
from pcapconv.batching.settings import FormatOptions, Settings
from pcapconv.batching.shards import Shard
from pcapconv.batching.sources import Patterns
from pcapconv.batching.stores import store_of
from pcapconv.conversion import OnLoss, check_comments, check_on_loss, make_plan
from pcapconv.errors import UsageError
from pcapconv.io.name_template import Template
from pcapconv.io.paths import STDIO
from pcapconv.io.source import check_fractions, read_file
from pcapconv.sidecar import SidecarSettings
from pcapconv.steps.argument_values import parse_duration
from pcapconv.steps.plan import REPEATABLE
from pcapconv.steps.secrets import parse_secrets
from pcapconv.wording import argument, form_now

if TYPE_CHECKING:
    from pcapconv.steps.plan import StepArguments

IN_PLACE_REMOTE = "is remote, where files cannot be rewritten safely; name a target directory"


class Carriers(NamedTuple):
    """What carries the jobs out: so many processes, the workers of a Dask scheduler, or an executor of the caller's;
    at most one of them is given. `stall` is how long nothing may move."""

    jobs: int | None
    scheduler: str | None
    executor: Executor | None
    stall: str | None

    @property
    def patience(self) -> float:
        """How many seconds nothing may move. Raises UsageError."""
        return inf if self.stall is None else float(parse_duration("stall", self.stall, positive=True))


class Flags(NamedTuple):
    """What is on or off in a whole batch, by `batch`'s names."""

    in_place: bool
    resume: bool
    force: bool
    strict: bool
    follow_links: bool
    fsync: bool


class Arguments(NamedTuple):
    """A batch as it was asked for. `root` is the tree or file that is read; if it is None, `locations` are the files.
    `home` is the directory of the manifest, and of the new files unless they are rewritten in place; `local` tells that
    it lies on this machine. `manifest` is the manifest's place, `template` what targets are called if not as their
    sources, `shard` which part of the files is done, and `retries` how often those that failed are tried again."""

    locations: Iterable[Any]
    root: str | None
    home: str
    local: bool
    manifest: str
    template: Template | None
    shard: Shard | None
    retries: int
    patterns: Patterns
    carriers: Carriers
    flags: Flags
    settings: Settings


def parse_arguments(
    source: Any,
    target: Any,
    flags: Flags,
    format_options: FormatOptions,
    sidecars: SidecarSettings,
    carriers: Carriers,
    patterns: tuple[Sequence[str], Sequence[str]],
    on_loss: OnLoss,
    options: StepArguments,
    *,
    template: str | None = None,
    shard: str | None = None,
    retries: int = 0,
) -> Arguments:
    """Check the arguments, and understand them. `patterns` are those of files to include and to exclude. Raises
    UsageError for arguments that make no sense, and FileError for a key log that cannot be read."""
    check_on_loss(on_loss)
    check_fractions(format_options.fractions)
    if not isinstance(template, str | None):
        raise UsageError(f"{template!r:.80} is no template of names")
    names = None if template is None else parse_template(template)
    if names is not None:
        if flags.in_place:
            names_files, in_place = argument("template"), argument("in_place", True)
            raise UsageError(
                f"{names_files} names files in the target directory; with {in_place} they keep their names"
            )
        format_options = format_options._replace(to=formats.target_format(names.text, format_options.to))
    if format_options.to is not None:
        formats.target_format(None, format_options.to)
    _check_carriers(carriers)
    _check_retries(retries)
    root, home = _roots(source, target, in_place=flags.in_place)
    asked = _sidecars(sidecars)
    plan = make_plan(options)
    check_comments(plan, format_options.to, on_loss, kept=asked is not None)
    keys = _suffix_of_keys(options)
    digest = _digest(options, format_options, asked, flags, on_loss)
    wanted = Patterns(*patterns)
    part = None if shard is None else Shard.of(shard)
    location = joined(home, manifest_of(part))
    store = store_of(home)
    if not store.writable:
        raise UsageError(f"{home}: {scheme_of(home)}:// is only for reading; name another target directory")
    local = store.local
    elsewhere = carriers.scheduler is not None or carriers.executor is not None
    settings = Settings(
        formats=format_options,
        plan=plan,
        strict=flags.strict,
        on_loss=on_loss,
        fsync=flags.fsync,
        keys=keys,
        sidecars=asked,
        manifest=_absolute(location) if local else location,
        adds_lines=local,
        begin=manifest.size_of(location) if local else 0,
        lease=lease_beside(_absolute(location) if local else location) if elsewhere else None,
        inside=real_location(home) if local and not (flags.follow_links or flags.in_place) else None,
        options=digest,
        root=None if root is None else real_location(root),
        run=os.urandom(8).hex(),
        form=form_now(),
    )
    locations = source if root is None else ()
    return Arguments(locations, root, home, local, location, names, part, retries, wanted, carriers, flags, settings)


def _check_carriers(carriers: Carriers) -> None:
    """Raises UsageError."""
    jobs = carriers.jobs
    if not isinstance(carriers.scheduler, str | None):
        said = argument("scheduler", carriers.scheduler)
        raise UsageError(f"{said}: not an address; write one like tcp://host:8786")
    given = [name for name in ("jobs", "scheduler", "executor") if getattr(carriers, name) is not None]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(map(argument, given))} exclude each other")
    if jobs is not None and (isinstance(jobs, bool) or not isinstance(jobs, int) or not 1 <= jobs <= 1024):
        raise UsageError(f"{argument('jobs', jobs)}: write a whole number from 1 to 1024")
    if not isinstance(carriers.stall, str | None):
        raise UsageError(f"{argument('stall', carriers.stall)}: write a length of time, as in '10m'")
    _ = carriers.patience


def _check_retries(retries: int) -> None:
    """Raises UsageError."""
    if isinstance(retries, bool) or not isinstance(retries, int) or not 0 <= retries <= 100:
        raise UsageError(f"{argument('retries', retries)}: write a whole number from 0 to 100")


def _roots(source: Any, target: Any, *, in_place: bool) -> tuple[str | None, str]:
    """The tree's root, None for a list, and where the manifest is. Raises UsageError."""
    for location in (source, target):
        if isinstance(location, bytes) or not (location is None or isinstance(location, str | os.PathLike | Iterable)):
            raise UsageError(f"{location!r:.80} is not a path")
    root = local_path(os.fspath(source)) if isinstance(source, str | os.PathLike) else None
    if in_place:
        if target is not None:
            raise UsageError(
                f"{argument('in_place', True)} rewrites the files where they are; name no target directory"
            )
        if root is not None and scheme_of(root) is not None:
            raise UsageError(f"{argument('in_place', True)}: {root} {IN_PLACE_REMOTE}")
        if root is not None and not os.path.isdir(root):
            return root, os.path.dirname(root) or "."
        return root, root if root is not None else "."
    if target is None:
        instead = argument("in_place", True)
        raise UsageError(f"there is no target directory; name one for the new files, or rewrite them with {instead}")
    if not isinstance(target, str | os.PathLike):
        raise UsageError(f"{target!r:.80} is not a path")
    if os.fspath(target) == STDIO:
        raise UsageError("the target is a directory, and - is stdout, which holds one file; name a directory")
    home = local_path(os.fspath(target))
    if root is not None and same_location(root, home):
        instead = f", or give {argument('in_place', True)}" if scheme_of(home) is None else ""
        raise UsageError(f"{home}: source and target are the same directory; name another one{instead}")
    return root, home


def _sidecars(options: SidecarSettings) -> SidecarSettings | None:
    """None where none are asked for. Raises UsageError for what makes no sense."""
    if not options.beside:
        if any(options):
            alone = argument("sidecar_secrets" if options.secrets else "sidecar_fingerprints", True)
            raise UsageError(f"{alone} goes with {argument('sidecar', True)}")
        return None
    return options


def _suffix_of_keys(options: StepArguments) -> str | None:
    """What the names of key logs end with. Raises UsageError."""
    keys = options.get("extract_secrets")
    if keys is not None and (not keys.startswith(".") or "/" in keys):
        raise UsageError(
            f"{argument('extract_secrets', keys)}: a batch writes key logs beside its targets; "
            "give a suffix, as in .keys"
        )
    return keys


def _digest(
    options: StepArguments,
    format_options: FormatOptions,
    sidecars: SidecarSettings | None,
    flags: Flags,
    on_loss: OnLoss,
) -> str:
    """A digest of what decides on the bytes of targets. It stays the same from version to version, so that `resume`
    believes older manifests: an option that is new counts only where it is used. Raises FileError."""
    said: dict[str, Any] = {name: value for name, value in options.items() if value}
    for name in REPEATABLE & said.keys():
        said[name] = list(said[name]) if isinstance(said[name], list | tuple) else [said[name]]
    said |= format_options.said()
    said |= {"strict": flags.strict, "fail": on_loss == "fail", "in_place": flags.in_place}
    if sidecars is not None:
        said["sidecars"] = list(sidecars)
    injected = options.get("inject_secrets") or ()
    for text in [injected] if isinstance(injected, str) else injected:
        path = parse_secrets(text)[1]
        said[f"secrets {text}"] = hashlib.sha256(read_file(path)).hexdigest()
    return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()[:16]


def _absolute(path: str) -> str:
    """A path for processes in other directories."""
    try:
        return os.path.abspath(path)
    except OSError:  # the working directory is gone, as opening the path will tell
        return path
