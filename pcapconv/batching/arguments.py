"""Checks the arguments of `batch`, and returns them as one value, with the settings of the jobs."""

from __future__ import annotations

import hashlib
import json
import os
import pickle
from collections.abc import Iterable, Mapping, Sequence
from concurrent.futures import Executor
from math import inf
from typing import TYPE_CHECKING, Any, NamedTuple

from pcapconv import formats
from pcapconv.argument_types import check_flags
from pcapconv.batching import manifest
from pcapconv.batching.locations import is_same_location, join_location, local_path, real_location, scheme_of
from pcapconv.batching.manifest_names import lease_beside, manifest_name
from pcapconv.batching.settings import FormatSettings, Settings
from pcapconv.batching.shards import Shard
from pcapconv.batching.sources import Patterns
from pcapconv.batching.stores import store_of
from pcapconv.batching.target_names import parse_template
from pcapconv.conversion import OnLoss, check_comments, check_on_loss, make_plan
from pcapconv.errors import UsageError
from pcapconv.formats.output_compression import check_compression, choose_compression
from pcapconv.formats.settings import WriterSettings
from pcapconv.io.name_template import Template
from pcapconv.io.paths import STDIO, nameless_error
from pcapconv.io.source import check_fractions, check_salvage, read_file
from pcapconv.sidecar import SidecarSettings
from pcapconv.spec.given_values import whole_number
from pcapconv.steps import typed_values
from pcapconv.steps.argument_values import Moment, parse_moment, parse_timezone, range_text
from pcapconv.steps.secrets import parse_secrets
from pcapconv.steps.step_arguments import REPEATABLE
from pcapconv.wording import argument, current_form, object_text

if TYPE_CHECKING:
    from pcapconv.steps.step_arguments import StepArguments
    from pcapconv.steps.typed_values import LengthOfTime

_TIMES = {"after", "before", "rebase_time"}  # the arguments of steps that are times
IN_PLACE_REMOTE = "is remote, where files cannot be rewritten safely; name a target directory"
_LONGEST_STALL = 10**12  # seconds; a float does not hold any number of them


class ExecutionArguments(NamedTuple):
    """The processes that run the jobs: `jobs` processes of this machine, the workers of the Dask `scheduler` at this
    address, or an `executor` of the caller's; at most one of the three is given. `stall` is how long the batch may go
    without progress, such as `10m`."""

    jobs: int | None
    scheduler: str | None
    executor: Executor | None
    stall: LengthOfTime | None

    @property
    def stall_seconds(self) -> float:
        """How many seconds the batch may go without progress. Raises UsageError."""
        if self.stall is None:
            return inf
        seconds = typed_values.duration("stall", self.stall, positive=True)
        return float(seconds) if seconds < _LONGEST_STALL else inf


class BatchFlags(NamedTuple):
    """The arguments of `batch` that are True or False, by their names there."""

    in_place: bool
    resume: bool
    force: bool
    strict: bool
    follow_links: bool
    fsync: bool


class Arguments(NamedTuple):
    """The checked arguments of a batch.

    `root` is the tree or file that is read; if it is None, `locations` are the files. `home` is the directory of the
    manifest, and of the targets unless files are rewritten in place; `local` is True if `home` lies on this machine.
    `manifest` is the location of the manifest. `template` names the targets, None if they are named like their sources.
    `shard` is the part of the files that is done, None for all. Files that failed are tried again up to `retries`
    times. `settings` are sent with each job."""

    locations: Iterable[Any]
    root: str | None
    home: str
    local: bool
    manifest: str
    template: Template | None
    shard: Shard | None
    retries: int
    patterns: Patterns
    execution: ExecutionArguments
    flags: BatchFlags
    settings: Settings


def parse_arguments(
    source: Any,
    target: Any,
    flags: BatchFlags,
    format_settings: FormatSettings,
    sidecars: SidecarSettings,
    execution: ExecutionArguments,
    patterns: tuple[Sequence[str], Sequence[str]],
    on_loss: OnLoss,
    step_arguments: StepArguments,
    *,
    template: str | None = None,
    shard: str | None = None,
    retries: int = 0,
) -> Arguments:
    """Check the arguments of a batch. `patterns` are the patterns of files to include, and those of files to exclude.
    Raises UsageError for an argument that is malformed or contradicts another one, and FileError for an empty path
    and for a key log that cannot be read."""
    check_on_loss(on_loss)
    check_fractions(format_settings.fractions)
    check_salvage(salvage=format_settings.salvage, strict=flags.strict)
    check_flags(**flags._asdict())
    if not isinstance(template, str | None):
        raise UsageError(f"{object_text(template)} is no template of names", option="template")
    zone = parse_timezone("timezone", step_arguments.get("timezone"))
    parsed_template = None if template is None else parse_template(template, zone)
    if parsed_template is not None:
        if flags.in_place:
            names_files, in_place = argument("template"), argument("in_place", True)
            raise UsageError(
                f"{names_files} names files in the target directory; with {in_place} they keep their names",
                option="template",
            )
        format_settings = format_settings._replace(to=formats.target_format(parsed_template.text, format_settings.to))
    _check_compression(format_settings.writer, parsed_template, in_place=flags.in_place)
    if format_settings.to is not None:
        formats.target_format(None, format_settings.to)
    _check_execution(execution)
    _check_retries(retries)
    root, home = _roots(source, target, in_place=flags.in_place)
    sidecar_settings = _check_sidecars(sidecars)
    _check_function(step_arguments, resume=flags.resume)
    plan = make_plan(step_arguments)
    check_comments(plan, format_settings.to, on_loss, kept=sidecar_settings is not None)
    key_log_suffix = _key_log_suffix(step_arguments)
    digest = _options_digest(step_arguments, format_settings, sidecar_settings, flags, on_loss)
    selection = Patterns(*patterns)
    parsed_shard = None if shard is None else Shard.parse(shard)
    location = join_location(home, manifest_name(parsed_shard))
    store = store_of(home)
    if not store.writable:
        raise UsageError(f"{home}: {scheme_of(home)}:// is only for reading; name another target directory", path=home)
    local = store.local
    jobs_outlive_batch = execution.scheduler is not None or execution.executor is not None
    settings = Settings(
        formats=format_settings,
        plan=plan,
        strict=flags.strict,
        on_loss=on_loss,
        fsync=flags.fsync,
        key_log_suffix=key_log_suffix,
        sidecars=sidecar_settings,
        manifest=_absolute(location) if local else location,
        adds_lines=local,
        manifest_begin=manifest.size_of(location) if local else 0,
        lease=lease_beside(_absolute(location) if local else location) if jobs_outlive_batch else None,
        inside=real_location(home) if local and not (flags.follow_links or flags.in_place) else None,
        options_digest=digest,
        root=None if root is None else real_location(root),
        run=os.urandom(8).hex(),
        form=current_form(),
    )
    locations = source if root is None else ()
    return Arguments(
        locations,
        root,
        home,
        local,
        location,
        parsed_template,
        parsed_shard,
        retries,
        selection,
        execution,
        flags,
        settings,
    )


def _check_compression(writer: WriterSettings, template: Template | None, *, in_place: bool) -> None:
    """Check the arguments about compression. Raises UsageError, also for a level without a compression that all targets
    have."""
    if template is not None:
        choose_compression(writer, template.text)
        return
    check_compression(writer.compress, writer.compress_level)
    if in_place and writer.compress is not None:
        raise UsageError(
            f"{argument('compress', writer.compress)}: with {argument('in_place', True)} files keep their compression",
            option="compress",
        )
    if writer.compress is None and writer.compress_level is not None:
        raise UsageError(
            f"{argument('compress_level', writer.compress_level)}: levels differ by compression; say which, as in "
            f"{argument('compress', 'gzip')}",
            option="compress_level",
        )


def _check_execution(execution: ExecutionArguments) -> None:
    """Check the arguments about the processes that run the jobs. Raises UsageError."""
    jobs = execution.jobs
    if not isinstance(execution.scheduler, str | None):
        raise UsageError(
            f"{argument('scheduler', execution.scheduler)}: not an address; write one like tcp://host:8786",
            option="scheduler",
        )
    given = [name for name in ("jobs", "scheduler", "executor") if getattr(execution, name) is not None]
    if len(given) > 1:
        raise UsageError(f"{' and '.join(map(argument, given))} exclude each other", option=given[0])
    if jobs is not None and (isinstance(jobs, bool) or not isinstance(jobs, int) or not 1 <= jobs <= 1024):
        raise UsageError(f"{argument('jobs', jobs)}: write a whole number from 1 to 1024", option="jobs")
    _ = execution.stall_seconds  # raises for a malformed length of time


def _check_retries(retries: int) -> None:
    """Check the number of retries. Raises UsageError."""
    if isinstance(retries, bool) or not isinstance(retries, int) or not 0 <= retries <= 100:
        raise UsageError(f"{argument('retries', retries)}: write a whole number from 0 to 100", option="retries")


def _roots(source: Any, target: Any, *, in_place: bool) -> tuple[str | None, str]:
    """Return the root of the source tree (None for a list of files) and the directory of the manifest. Raises
    UsageError, and FileError for an empty path."""
    for location in (source, target):
        if isinstance(location, bytes) or not (location is None or isinstance(location, str | os.PathLike | Iterable)):
            raise UsageError(f"{object_text(location)} is not a path")
        if isinstance(location, str | os.PathLike) and os.fspath(location) == "":
            raise nameless_error("")
    root = local_path(os.fspath(source)) if isinstance(source, str | os.PathLike) else None
    if in_place:
        if target is not None:
            raise UsageError(
                f"{argument('in_place', True)} rewrites the files where they are; name no target directory",
                option="in_place",
            )
        if root is not None and scheme_of(root) is not None:
            raise UsageError(f"{argument('in_place', True)}: {root} {IN_PLACE_REMOTE}", option="in_place")
        if root is not None and not os.path.isdir(root):
            return root, os.path.dirname(root) or "."
        return root, root if root is not None else "."
    if target is None:
        instead = argument("in_place", True)
        raise UsageError(f"there is no target directory; name one for the new files, or rewrite them with {instead}")
    if not isinstance(target, str | os.PathLike):
        raise UsageError(f"{object_text(target)} is not a path")
    if os.fspath(target) == STDIO:
        raise UsageError("the target is a directory, and - is stdout, which holds one file; name a directory")
    home = local_path(os.fspath(target))
    if root is not None and is_same_location(root, home):
        instead = f", or give {argument('in_place', True)}" if scheme_of(home) is None else ""
        raise UsageError(
            f"{home}: source and target are the same directory; name a different target{instead}", path=home
        )
    return root, home


def _check_sidecars(sidecars: SidecarSettings) -> SidecarSettings | None:
    """Return the settings of sidecars, None for a batch without sidecars. Raises UsageError for an argument about
    details of sidecars if sidecars are off."""
    check_flags(sidecar=sidecars.beside, sidecar_secrets=sidecars.secrets, sidecar_fingerprints=sidecars.fingerprints)
    if not sidecars.beside:
        if any(sidecars):
            detail = "sidecar_secrets" if sidecars.secrets else "sidecar_fingerprints"
            raise UsageError(f"{argument(detail, True)} goes with {argument('sidecar', True)}", option=detail)
        return None
    return sidecars


def _key_log_suffix(step_arguments: StepArguments) -> str | None:
    """Return the suffix that the name of a key log adds to the target's name, None without key logs. Raises
    UsageError."""
    suffix = step_arguments.get("extract_secrets")
    if suffix is not None and (not suffix.startswith(".") or "/" in suffix):
        raise UsageError(
            f"{argument('extract_secrets', suffix)}: a batch writes key logs beside its targets; "
            "give a suffix, as in .keys",
            option="extract_secrets",
        )
    return suffix


def _check_function(step_arguments: StepArguments, *, resume: bool) -> None:
    """Check that other processes can call the function `where`, and that nothing depends on whether it is the same as
    in an earlier run. Raises UsageError."""
    where = step_arguments.get("where")
    if where is None:
        return
    try:
        pickle.dumps(where)
    except Exception as error:  # what cannot be pickled raises all kinds of errors
        raise UsageError(
            f"{argument('where', where)}: other processes call it; write a function of a module, and no lambda",
            option="where",
        ) from error
    if resume:
        raise UsageError(
            f"{argument('resume', True)}: whether a function is the same as in the earlier run cannot be told; leave "
            f"out {argument('resume')} or {argument('where')}",
            option="resume",
        )


def _options_digest(
    step_arguments: StepArguments,
    format_settings: FormatSettings,
    sidecars: SidecarSettings | None,
    flags: BatchFlags,
    on_loss: OnLoss,
) -> str:
    """Return a digest of all arguments that decide the bytes of targets. The digest stays the same from version to
    version, so that `resume` accepts older manifests: an argument of a newer version counts only if it is given. Raises
    FileError."""
    fields = _digest_fields(step_arguments)
    if "where" in fields:
        fields["where"] = getattr(fields["where"], "__qualname__", type(fields["where"]).__qualname__)
    if zone_name := fields.get("timezone"):  # what times mean counts, too, since the local zone may change
        zone = parse_timezone("timezone", zone_name)
        for name in _TIMES & fields.keys():
            if isinstance(fields[name], str):
                fields[name] = _moment_fields(parse_moment(name, fields[name], zone))
    for name in REPEATABLE & fields.keys():
        fields[name] = list(fields[name]) if isinstance(fields[name], list | tuple) else [fields[name]]
    if "chop" in fields:  # the command line gives text, Python may give numbers
        fields["chop"] = [int(each) if str(each).lstrip("-").isdecimal() else each for each in fields["chop"]]
    if zone_name and "set_time" in fields and not isinstance(step_arguments.get("set_time"), Mapping):
        parted = [text.partition(":") for text in fields["set_time"]]
        fields["set_time"] = [[number, str(parse_moment("set_time", time, zone).seconds)] for number, _, time in parted]
    fields |= format_settings.digest_fields()
    fields |= {"strict": flags.strict, "fail": on_loss == "fail", "in_place": flags.in_place}
    if sidecars is not None:
        fields["sidecars"] = list(sidecars)
    injected = step_arguments.get("inject_secrets") or ()
    for text in [injected] if isinstance(injected, str) else injected:
        path = parse_secrets(text)[1]
        fields[f"secrets {text}"] = hashlib.sha256(read_file(path)).hexdigest()
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()[:16]


def _digest_fields(step_arguments: StepArguments) -> dict[str, Any]:
    """Return the arguments that are given, in types that JSON has: those in Python's own types by what they mean."""
    fields: dict[str, Any] = {}
    for name, value in step_arguments.items():
        given: Any = value
        if name == "dedup_skip" and isinstance(given, str) and given.isdecimal():
            given = int(given)
        if isinstance(given, str | bool) or given is None:
            pass
        elif name in _TIMES:
            given = _moment_fields(typed_values.moment(name, given))
        elif name in ("packets", "drop_packets"):
            given = ",".join(map(range_text, typed_values.packet_ranges(name, given))) or "none"
        elif name == "shift_time" or (name == "dedup" and whole_number(given) is None):
            given = f"{typed_values.duration(name, given, signed=True)} s"
        elif name == "set_time" and isinstance(given, Mapping):
            moments = {int(number): typed_values.moment(name, time) for number, time in given.items()}
            given = [[str(number), str(moment.seconds)] for number, moment in sorted(moments.items())]
        if given:
            fields[name] = given
    return fields


def _moment_fields(moment: Moment) -> list[Any]:
    return [str(moment.seconds), moment.relative]


def _absolute(path: str) -> str:
    """Return an absolute path, for processes with other working directories."""
    try:
        return os.path.abspath(path)
    except OSError:  # the working directory is gone; opening the path will raise the error
        return path
