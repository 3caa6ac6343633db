"""The first moments of the installed command: signals while it is imported, and a want of files and memory.

Strategy: the installed script runs with a hook in Python's import, which lets something happen when a module is asked
for. So it happens at the same place every time, whatever the machine is busy with.
"""

import resource
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
import wire
from command_line import COMMAND

from pcapconv.cli import progress

COMMENTED = (
    wire.section_header()
    + wire.interface()
    + wire.enhanced_packet(0, 1, b"four", options=wire.options((wire.OPT_COMMENT, b"kept")))
)
HOOKED = """
import atexit, runpy, signal, sys

class Hook:
    def find_spec(self, name, path=None, target=None):
        if name == {module!r}:
            {happens}

sys.meta_path.insert(0, Hook())
sys.argv = {arguments!r}
runpy.run_path(sys.argv[0], run_name="__main__")
"""
MODULES = [
    "pcapconv.errors",
    "pcapconv.io.commit",
    "pcapconv.formats",
    "pcapconv.cli",
    "pcapconv.cli.standard_streams",
    "pcapconv.cli.convert",
]
STATUSES = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
every_signal = pytest.mark.parametrize("number", STATUSES, ids=lambda number: number.name)


def default_signals() -> None:
    """Have signals end the command, whatever the tests were started from: for `preexec_fn`."""
    for number in STATUSES:
        signal.signal(number, signal.SIG_DFL if number != signal.SIGINT else signal.default_int_handler)


def python_with_hook(module: str, happens: str, *arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    code = HOOKED.format(module=module, happens=happens, arguments=[COMMAND, *map(str, arguments)])
    return subprocess.run(
        [sys.executable, "-P", "-c", code], capture_output=True, text=True, timeout=60, preexec_fn=default_signals
    )


@pytest.fixture
def capture(tmp_path: Path) -> Path:
    path = tmp_path / "in.pcapng"
    path.write_bytes(COMMENTED)
    return path


# ---------------------------------------------------------------- signals


@every_signal
@pytest.mark.parametrize("module", MODULES)
def test_a_signal_while_it_is_imported(module: str, number: signal.Signals, capture: Path, tmp_path: Path) -> None:
    done = python_with_hook(module, f"signal.raise_signal({number:d})", "convert", capture, tmp_path / "out.pcapng")
    assert (done.returncode, done.stderr) == (STATUSES[number], "pcapconv: interrupted\n")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.pcapng"]


def test_an_interrupt_before_signals_are_looked_at(capture: Path, tmp_path: Path) -> None:
    happens = "signal.signal(2, lambda *_: None); raise KeyboardInterrupt"
    done = python_with_hook("pcapconv.cli", happens, "convert", capture, tmp_path / "out.pcapng")
    assert (done.returncode, done.stderr) == (130, "pcapconv: interrupted\n")


@every_signal
def test_a_signal_that_is_ignored_stays_ignored(number: signal.Signals, capture: Path, tmp_path: Path) -> None:
    happens = f"signal.raise_signal({number:d})"
    code = f"signal.signal({number:d}, signal.SIG_IGN)"
    lines = HOOKED.format(
        module="pcapconv.formats",
        happens=happens,
        arguments=[COMMAND, "convert", str(capture), str(tmp_path / "out.pcapng")],
    ).replace("sys.meta_path", f"{code}; sys.meta_path")
    done = subprocess.run([sys.executable, "-P", "-c", lines], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "out.pcapng").read_bytes() == COMMENTED


def test_a_signal_when_all_is_done_changes_nothing(capture: Path, tmp_path: Path) -> None:
    happens = "atexit.register(signal.raise_signal, signal.SIGINT)"
    done = python_with_hook("pcapconv.cli.convert", happens, "convert", capture, tmp_path / "out.pcapng")
    assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "out.pcapng").read_bytes() == COMMENTED


# ---------------------------------------------------------------- files and memory

TOO_MANY = "OSError(24, 'Too many open files', '/lib/some.py')"


@pytest.mark.parametrize(
    ("module", "error", "sentence"),
    [
        ("pcapconv.cli", TOO_MANY, "cannot start: [Errno 24] Too many open files: '/lib/some.py'"),
        ("pcapconv.io.read_write", "MemoryError", "cannot start: out of memory"),
        ("pcapconv.cli.messages", "ImportError('no room to map it')", "cannot start: no room to map it"),
        ("pcapconv.cli.convert", TOO_MANY, "/lib/some.py: too many open files"),
        ("pcapconv.cli.convert", "OSError(23, 'Too many open files in system')", "too many open files in system"),
        ("pcapconv.cli.convert", "MemoryError", "out of memory"),
        ("pcapconv.cli.convert", "ImportError('no room to map it')", "no room to map it"),
        (
            "pcapconv.cli.convert",
            "RuntimeError('no thread')",
            "unexpected RuntimeError: no thread; --debug shows where it comes from",
        ),
    ],
)
def test_what_cannot_be_imported_is_a_sentence(
    module: str, error: str, sentence: str, capture: Path, tmp_path: Path
) -> None:
    done = python_with_hook(module, f"raise {error}", "convert", capture, tmp_path / "out.pcapng")
    assert (done.returncode, done.stderr) == (1, f"pcapconv: {sentence}\n")


@pytest.mark.parametrize("module", ["pcapconv.io.read_write", "pcapconv.cli.diff"])
def test_what_cannot_be_imported_is_trouble_for_diff(module: str, capture: Path) -> None:
    done = python_with_hook(module, "raise MemoryError", "diff", capture, capture)
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.parametrize("most", range(5, 21))
@pytest.mark.parametrize(
    "command", [["convert", "--sidecar"], ["normalize", "--on-loss", "ignore"]], ids=lambda each: each[0]
)
def test_too_few_file_handles_are_one_sentence(command: list[str], most: int, capture: Path, tmp_path: Path) -> None:
    def few() -> None:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))

    places = [capture, tmp_path / "out.pcap"]
    done = subprocess.run([COMMAND, *command, *places], capture_output=True, text=True, timeout=60, preexec_fn=few)
    if done.returncode == 0:
        assert "out.pcap" in [path.name for path in tmp_path.iterdir()]
    else:
        assert done.returncode == 1
        (line,) = done.stderr.splitlines()
        assert line.startswith("pcapconv: ")
        assert line.lower().endswith("too many open files") or "Too many open files: " in line
        assert "stdout" not in line
        assert sorted(path.name for path in tmp_path.iterdir()) == ["in.pcapng"]


def test_a_progress_bar_that_there_is_no_thread_for(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: object) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(progress, "_BAR_DELAY", 0.0)
    monkeypatch.setattr(threading.Thread, "start", refuse)
    with progress.progress_bar(["in.pcap"], show=True) as tell:
        assert tell is not None
        tell(1)
        tell(2)
    with progress.BatchProgress(show=True) as tally:
        monkeypatch.setattr(tally, "_is_terminal", True)
        monkeypatch.setattr(tally, "_next_update", 0.0)
        tally.update(1, 2, 3)
