"""Every command that writes, with faults at some of its calls, and with signals at some of its lines.

A seed chooses the calls, the same in each run; `run.py` tries all of them. See `README.md`.
"""

import functools
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from faults.commands import BATCHES, COMMANDS, RIGHTS, SINGLE, Command
from faults.injections import SYSTEMS, Injection
from faults.oracle import judge
from faults.running import Server, build, fill, look
from faults.sweep import GROUPS, Sweep, summary

pytestmark = pytest.mark.slow  # a process for each injection

SEED = 0
MOST = {"errors": 14, "kills": 8, "signals": 8}  # injections of a group, for one command
OTHERS = 5
OF_BATCHES = 1
PAGE = 4096


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Server]:
    """The server that runs all commands. It needs a C compiler."""
    with Server(build(tmp_path_factory.mktemp("library"))) as running:
        yield running


@pytest.fixture(scope="session")
def sweeps(server: Server, tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Sweep]:
    """A function that gives the sweep of a command, which remembers its undisturbed runs."""
    return functools.cache(lambda name: Sweep(server, COMMANDS[name], tmp_path_factory.mktemp(name)))


@pytest.fixture
def sweep(request: pytest.FixtureRequest, sweeps: Callable[[str], Sweep]) -> Sweep:
    """The sweep of the command that the test is parametrized with."""
    return sweeps(request.param)


def over(*commands: Command) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("sweep", [command.name for command in commands], indirect=True)


@pytest.mark.parametrize("group", GROUPS)
@over(*SINGLE, *RIGHTS)
def test_a_fault_leaves_all_or_nothing(sweep: Sweep, group: str) -> None:
    findings = [sweep.inject(injection) for injection in sweep.sample(group, MOST.get(group, OTHERS), SEED)]
    assert not any(findings), summary([finding for finding in findings if finding])


@pytest.mark.parametrize("group", [group for group in GROUPS if group != "lines"])
@over(*BATCHES)
def test_a_fault_costs_a_batch_only_what_the_next_run_does(sweep: Sweep, group: str) -> None:
    findings = [sweep.inject(injection) for injection in sweep.sample(group, OF_BATCHES, SEED)]
    assert not any(findings), summary([finding for finding in findings if finding])


@over(*SINGLE)
def test_what_gets_its_name_was_closed_or_synced_before(sweep: Sweep) -> None:
    """A network file system, or one with quotas, may report a failed write as late as in close."""
    names = {name for names in sweep.command.sets for name in names} | {sweep.command.later}
    dirty = {
        system: [point.path for point in sweep.undisturbed(system).points if point.state == "dirty"]
        for system in SYSTEMS
    }
    assert {system: [path for path in paths if path in names] for system, paths in dirty.items()} == {
        system: [] for system in SYSTEMS
    }


@over(*[command for command in SINGLE if any(name in command.files for names in command.sets for name in names)])
def test_what_replaces_a_file_is_synced_and_so_is_its_folder(sweep: Sweep) -> None:
    """Otherwise a power failure could leave an empty file in place of the old one."""
    replaced = {name for names in sweep.command.sets for name in names if name in sweep.command.files}
    for system in SYSTEMS:
        points = sweep.undisturbed(system).points
        kinds = [point.kind for point in points]
        renames = [at for at, point in enumerate(points) if point.kind == "rename" and point.path in replaced]
        assert "fsync" in kinds[: renames[0]], system
        assert kinds[: renames[-1]].count("fsync") >= len(replaced), system
        assert "fsync-folder" in kinds[renames[-1] :], system


# ---------------------------------------------------------------- a full disk


def mounted(home: Path, size: int) -> bool:
    """Mount a file system of `size` bytes at `home`; returns False if that is not allowed."""
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(home)]
    try:
        return subprocess.run(command, capture_output=True).returncode == 0
    except FileNotFoundError:
        return False


@pytest.mark.parametrize("pages", range(3))
@over(*[COMMANDS[name] for name in ("convert-with-all", "convert-large-in-place", "split-force", "normalize-in-place")])
def test_a_disk_with_few_pages_left(sweep: Sweep, pages: int, server: Server, tmp_path: Path) -> None:
    """If nothing can be mounted, writes fail after as many bytes instead."""
    used = sum(-(-len(file.data) // PAGE) * PAGE for file in sweep.case.before.values())
    folder = tmp_path / "disk"
    (folder / "home").mkdir(parents=True)
    real = mounted(folder / "home", used + max(1, pages) * PAGE if pages else used)
    try:
        fill(folder / "home", sweep.case.before)
        injection = Injection("" if real else f"write:1+:full={pages * PAGE}")
        run = server.run(folder, sweep.command.arguments.split(), injection.faults)
        assert judge(sweep.case, injection, run, look(folder)) == []
    finally:
        if real:
            subprocess.run(["umount", str(folder / "home")], check=True)
