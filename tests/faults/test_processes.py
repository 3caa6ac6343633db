"""The installed command in a process of its own: with few file handles, and ended at random instants."""

import os
import random
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from faults.commands import COMMANDS
from faults.injections import Injection
from faults.oracle import judge
from faults.running import Line, Run, Server, build, environment, look, points_of, prepare
from faults.sweep import Sweep

pytestmark = pytest.mark.slow  # processes that are killed

COMMAND = str(Path(sys.executable).with_name("pcapconv"))
SEED = 0
PATIENCE = 30
MOST_HANDLES = 24


@pytest.fixture(scope="module")
def library(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return build(tmp_path_factory.mktemp("library"))


@pytest.fixture
def sweep(request: pytest.FixtureRequest, library: Path, tmp_path: Path) -> Iterator[Sweep]:
    with Server(library) as server:
        yield Sweep(server, COMMANDS[request.param], tmp_path / "run")


def run_installed(
    sweep: Sweep, library: Path, folder: Path, *, handles: int = 0, end: tuple[float, int] | None = None
) -> Run:
    """Run the installed command, with at most `handles` file handles (0: no limit), ended after `end[0]` seconds by the
    signal `end[1]`."""

    def begin() -> None:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_DFL)
        if handles:
            resource.setrlimit(resource.RLIMIT_NOFILE, (handles, handles))

    prepare(folder, sweep.case.before)
    (folder / "log").unlink(missing_ok=True)
    variables = os.environ | environment(folder, "") | {"LD_PRELOAD": str(library), "FAULTS_FIRST": "0"}
    with (folder / "stdout").open("wb") as stdout, (folder / "stderr").open("wb") as stderr:
        process = subprocess.Popen(
            [COMMAND, *sweep.command.arguments.split()],
            cwd=folder / "home",
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            preexec_fn=begin,
            start_new_session=True,
        )
        try:
            process.wait(PATIENCE if end is None else end[0])
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL if end is None else end[1])
        status = process.wait(PATIENCE)
    said = (folder / "stderr").read_text("utf-8", "replace")
    return Run(status, status == -signal.SIGKILL and end is None, said, points_of(folder), 0, "", 0)


def python_starts(handles: int) -> bool:
    """Return whether Python itself starts, and imports some modules, with `handles` file handles."""

    def begin() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (handles, handles))

    command = [sys.executable, "-c", "import json, typing, tempfile"]
    return subprocess.run(command, capture_output=True, preexec_fn=begin).returncode == 0


@pytest.mark.parametrize(
    "sweep", ["convert", "convert-with-all", "split-with-all", "normalize-in-place"], indirect=True
)
def test_too_few_file_handles_are_an_error_with_a_sentence(sweep: Sweep, library: Path, tmp_path: Path) -> None:
    least = next(handles for handles in range(3, MOST_HANDLES) if python_starts(handles))
    wrong = {}
    for handles in range(least, MOST_HANDLES):
        run = run_installed(sweep, library, tmp_path / "few", handles=handles)
        if found := judge(sweep.case, Injection(""), run, look(tmp_path / "few")):
            wrong[handles] = found
        if run.status == 0:
            break
    else:
        pytest.fail(f"{sweep.command.name} does not get along with {MOST_HANDLES - 1} handles")
    assert wrong == {}


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL], ids=lambda number: number.name)
@pytest.mark.parametrize(
    "sweep",
    ["convert-in-place", "convert-with-all", "split-force", "normalize-in-place", "batch-in-place"],
    indirect=True,
)
def test_an_end_at_a_random_instant(sweep: Sweep, number: signal.Signals, library: Path, tmp_path: Path) -> None:
    """A signal before the command has opened a file may end Python itself while it starts, with its own message."""
    chance = random.Random(f"{SEED} {sweep.command.name} {number}")
    wrong = {}
    for _ in range(4):
        after = chance.uniform(0.01, 0.15)
        run = run_installed(sweep, library, tmp_path / "ended", end=(after, number))
        kill = number == signal.SIGKILL
        injection = Injection("write:0:SIGKILL") if kill else Injection("", Line(0, number))
        if not kill and run.status and not any(point.kind.startswith("open-") for point in run.points):
            run = run._replace(stderr="pcapconv: ended while Python started", status=128 + number)
        if found := judge(sweep.case, injection, run, look(tmp_path / "ended")):
            wrong[after] = found
    assert wrong == {}
