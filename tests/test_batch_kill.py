"""What is left of a batch that ends before its time, and what the next one makes of it.

Strategy: the real command runs with real processes. Its workers are surely in the middle where they wait for the lock
of the manifest, which the test holds: what they convert is written, and has no name yet. To die at one exact moment,
processes import a `sitecustomize` that looks at Python's audit events. The command's stderr ends when the last process
that has it has ended, workers included.
"""

import contextlib
import fcntl
import hashlib
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import wire
from batches import manifest_lines
from command_line import COMMAND, default_signals
from folders import LEASE, MANIFEST, nameless_files_work

from pcapconv.batching.locations import time_from_json
from pcapconv.cli import batch as cli_batch

pytestmark = pytest.mark.slow  # processes that are killed

PATIENCE = 20  # seconds until a test fails that would hang

FILES = 24
NAMES = [f"{'even' if number % 2 == 0 else 'odd/deep'}/{number:02}.pcap" for number in range(FILES)]
CUT = "even/00.pcap"  # cut off in the middle of its last packet
NOTES = "notes.txt"  # no capture


def data_of(number: int) -> list[bytes]:
    """The packets of a file: all are different, and none says the same when 4 bytes are missing."""
    return [bytes([number, packet, *range(100 + number)]) for packet in range(3)]


def pcap(number: int) -> bytes:
    records = [wire.pcap_record(number, packet, data) for packet, data in enumerate(data_of(number))]
    return wire.pcap_header() + b"".join(records)


def make_tree(root: Path) -> Path:
    for number, name in enumerate(NAMES):
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(pcap(number)[: -1 if name == CUT else None])
    (root / NOTES).write_bytes(b"no capture\n")
    return root


def intact(number: int) -> list[bytes]:
    return data_of(number)[: 2 if NAMES[number] == CUT else None]


def in_pcapng(number: int) -> bytes:
    packets = [wire.enhanced_packet(0, number * 10**6 + packet, data) for packet, data in enumerate(intact(number))]
    return wire.section_header() + wire.interface(snaplen=65535) + b"".join(packets)


def chopped(number: int) -> bytes:
    records = [
        wire.pcap_record(number, packet, data[4:], original_length=len(data))
        for packet, data in enumerate(intact(number))
    ]
    return wire.pcap_header() + b"".join(records)


MIRRORED = {f"{name}ng": in_pcapng(number) for number, name in enumerate(NAMES)}
IN_PLACE = {name: chopped(number) for number, name in enumerate(NAMES)} | {NOTES: b"no capture\n"}


class Batch(NamedTuple):
    """A batch, and the tree that an undisturbed run leaves, whose exit status is 3 for the capture that is cut off."""

    arguments: list[str]
    home: Path
    done: dict[str, bytes]
    options: dict[str, Any]

    def begin(self) -> None:
        """Do a few files."""
        assert self.run(include=NAMES[:3]) == 3
        assert len(manifest_lines(self.home)) == 3

    def run(self, **options: Any) -> int:
        """The command's status, but in this process."""
        with ThreadPoolExecutor(1) as executor:
            return cli_batch.batch(executor=executor, quiet=True, **self.options, **options)

    def resume(self) -> None:
        """The next run does what is left, with the result of an undisturbed one."""
        assert self.run(resume=True) == 3
        self.is_done()

    def is_done(self) -> None:
        assert tree(self.home) == self.done
        last = {line["target"]: line for line in manifest_lines(self.home)}
        assert sorted(last) == sorted(self.done.keys() | {f"{NOTES}.pcapng" if self.done == MIRRORED else NOTES})
        for name, data in self.done.items():
            if name != NOTES:
                there = (self.home / name).stat()
                line = last[name]
                assert line["status"] == ("damaged" if name.startswith(CUT) else "converted")
                assert line["target_sha256"] == hashlib.sha256(data).hexdigest()
                assert (line["target_size"], time_from_json(line["target_time"])) == (there.st_size, there.st_mtime_ns)


def mirrored(folder: Path) -> Batch:
    source, home = make_tree(folder / "raw"), folder / "new"
    arguments = ["batch", str(source), str(home), "--to", "pcapng"]
    return Batch(arguments, home, MIRRORED, {"source": str(source), "target": str(home), "to": "pcapng"})


def in_place(folder: Path) -> Batch:
    home = make_tree(folder / "raw")
    return Batch(
        ["batch", str(home), "--in-place", "--chop", "4"],
        home,
        IN_PLACE,
        {"source": str(home), "target": None, "in_place": True, "chop": [4]},
    )


def tree(home: Path) -> dict[str, bytes]:
    """All files but the manifest and its lease, temporary ones included."""
    files = [path for path in home.rglob("*") if path.is_file() and path.name not in (MANIFEST, LEASE)]
    return {path.relative_to(home).as_posix(): path.read_bytes() for path in files}


@contextlib.contextmanager
def running_command(*arguments: str) -> Iterator["subprocess.Popen[bytes]"]:
    """The command, in a process group of its own."""
    process = subprocess.Popen(
        [COMMAND, *arguments], stderr=subprocess.PIPE, start_new_session=True, preexec_fn=default_signals
    )
    assert process.stderr is not None
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stderr.close()


def end_of(process: "subprocess.Popen[bytes]") -> tuple[int, bytes]:
    """The status and stderr, when the command and all its workers have ended."""
    _, stderr = process.communicate(timeout=PATIENCE)
    return process.returncode, stderr


@contextlib.contextmanager
def manifest_locked(manifest: Path) -> Iterator[int]:
    """Lock the manifest, so that nobody else may add to it; gives its inode."""
    with manifest.open("ab") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        yield os.fstat(file.fileno()).st_ino


def processes_waiting_for(inode: int, count: int) -> list[int]:
    """The processes that wait for the lock of a file, as soon as there are so many."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        locks = [line.split() for line in Path("/proc/locks").read_text().splitlines() if "->" in line]
        found = [int(lock[5]) for lock in locks if lock[6].endswith(f":{inode}")]
        if len(found) == count:
            return found
        time.sleep(0.01)
    pytest.fail(f"after {PATIENCE} s there are not {count} processes that wait for the lock")


# ---------------------------------------------------------------- signals to the command


def interrupt(process: "subprocess.Popen[bytes]") -> None:
    """Send SIGINT to the command and its workers, as Ctrl-C does."""
    os.killpg(process.pid, signal.SIGINT)


def terminate(process: "subprocess.Popen[bytes]") -> None:
    process.send_signal(signal.SIGTERM)


def kill(process: "subprocess.Popen[bytes]") -> None:
    """The command alone: its workers have to notice."""
    process.send_signal(signal.SIGKILL)


STATUS = {interrupt: 130, terminate: 143, kill: -signal.SIGKILL}


def is_stopped(process: "subprocess.Popen[bytes]", end: Any) -> None:
    """The command and all its workers end, and say so."""
    end(process)
    status, stderr = end_of(process)
    assert status == STATUS[end]
    how_far = rb"pcapconv: interrupted: \d+ of \d+ files? (is|are) done; --resume goes on with the others\n"
    assert re.fullmatch(b"" if end is kill else how_far, stderr)


@pytest.mark.parametrize(("make", "end"), [(mirrored, terminate), (in_place, interrupt), (in_place, kill)])
def test_a_batch_that_is_stopped_leaves_nothing_half_done_and_can_go_on(make: Any, end: Any, tmp_path: Path) -> None:
    if end is kill and not nameless_files_work(tmp_path):
        pytest.skip("files without a name do not work here")
    batch = make(tmp_path)
    batch.begin()
    before = tree(batch.home), manifest_lines(batch.home)
    with (
        manifest_locked(batch.home / MANIFEST) as inode,
        running_command(*batch.arguments, "--resume", "--jobs", "2") as process,
    ):
        processes_waiting_for(inode, 2)
        is_stopped(process, end)
    assert (tree(batch.home), manifest_lines(batch.home)) == before
    batch.resume()


@pytest.mark.parametrize("end", [interrupt, kill])
def test_a_batch_stops_in_the_middle_of_a_large_file(end: Any, tmp_path: Path) -> None:
    """64 GiB of zeros, which take no room on the disk, are 4 Gi packets without a byte at the beginning of 1970."""
    source, home = tmp_path / "raw", tmp_path / "new"
    source.mkdir()
    (source / "large.pcap").write_bytes(wire.pcap_header())
    os.truncate(source / "large.pcap", 24 + 2**36)
    for number in range(1, 5):
        (source / f"{number}.pcap").write_bytes(pcap(number))
    arguments = ["batch", str(source), str(home), "--to", "pcapng", "--after", "1", "--jobs", "2"]
    with running_command(*arguments) as process:
        until = time.monotonic() + PATIENCE
        while len(tree(home)) < 4 and time.monotonic() < until:
            time.sleep(0.01)  # until one worker has done the small ones: the other had begun the large one before
        is_stopped(process, end)
    small = [f"{number}.pcapng" for number in range(1, 5)]
    assert tree(home) == {name: in_pcapng(number) for number, name in enumerate(small, 1)}
    assert sorted(line["target"] for line in manifest_lines(home)) == small


# ---------------------------------------------------------------- the death of a worker


WIRE = """
import os, signal, sys

event, name, trigger, whom = os.environ["TRIPWIRE"].split("|")


def look(seen, arguments):
    if seen == event and any(isinstance(each, str) and each.endswith(name) for each in arguments):
        if whom == "always":
            os.kill(os.getpid(), signal.SIGKILL)
        try:
            os.unlink(trigger)
        except FileNotFoundError:
            return
        os.killpg(0, signal.SIGKILL)


if "pcapconv.batching.pool_process" in " ".join(sys.orig_argv):
    sys.addaudithook(look)
"""


def lay_trap(folder: Path, patch: pytest.MonkeyPatch, event: str, name: str, whom: str) -> Path:
    """When a worker is about to do that (an audit event of Python's) with a file whose name ends so: SIGKILL, once for
    `all` processes, or `always` for the worker. Gives a file that is gone when that has happened to all."""
    (folder / "site").mkdir()
    (folder / "site/sitecustomize.py").write_text(WIRE)
    trigger = folder / "trigger"
    trigger.touch()
    patch.setenv("PYTHONPATH", str(folder / "site"))
    patch.setenv("TRIPWIRE", f"{event}|{name}|{trigger}|{whom}")
    return trigger


def test_a_worker_that_is_killed_costs_no_file(tmp_path: Path) -> None:
    batch = mirrored(tmp_path)
    batch.begin()
    with running_command(*batch.arguments, "--resume", "--jobs", "2", "-q") as process:
        with manifest_locked(batch.home / MANIFEST) as inode:
            victim, _ = processes_waiting_for(inode, 2)
            os.kill(victim, signal.SIGKILL)
        status, stderr = end_of(process)
    assert (status, stderr) == (3, b"")
    batch.is_done()
    assert victim not in {int(line["worker"].rpartition(":")[2]) for line in manifest_lines(batch.home)}


def test_only_what_kills_its_process_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    batch = mirrored(tmp_path)
    deadly = 7
    lay_trap(tmp_path, monkeypatch, "open", NAMES[deadly], "always")
    with running_command(*batch.arguments, "--jobs", "2", "-q") as process:
        status, stderr = end_of(process)
    source = tmp_path / "raw" / NAMES[deadly]
    message = f"pcapconv: {source}: the process that converted it died, or was killed\n"
    assert status == 1
    assert message.encode() in stderr
    assert tree(batch.home) == {name: data for name, data in MIRRORED.items() if name != f"{NAMES[deadly]}ng"}
    monkeypatch.undo()
    batch.resume()


def test_what_is_killed_once_is_done_again(tmp_path: Path) -> None:
    """Also the only file that there is."""
    batch = mirrored(tmp_path)
    arguments = [*batch.arguments, "--include", NAMES[7], "--jobs", "1", "-q"]
    batch.home.mkdir()
    with running_command(*arguments) as process:
        with manifest_locked(batch.home / MANIFEST) as inode:
            (victim,) = processes_waiting_for(inode, 1)
            os.kill(victim, signal.SIGKILL)
        assert end_of(process) == (0, b"")
    assert tree(batch.home) == {f"{NAMES[7]}ng": in_pcapng(7)}
    assert [line["status"] for line in manifest_lines(batch.home)] == ["converted"]


KILLER = """
import contextlib, os, signal, sys
import pcapconv
from pcapconv.batching.report import Watcher

source, target, fifo, jobs = sys.argv[1:]


class Killer(Watcher):
    def line(self, outcome):
        if outcome.source != "slow.pcap":
            with contextlib.suppress(ProcessLookupError):  # it may have sent another line before it was killed
                os.kill(int(outcome.worker.rpartition(":")[2]), signal.SIGKILL)
            if fifo:
                open(fifo, "w").close()


report = pcapconv.batch(source, target, to="pcapng", jobs=int(jobs), watcher=Killer())
assert not report.failed, report.trouble
"""

SLOW = """
import sys

if "pcapconv.batching.pool_process" in " ".join(sys.orig_argv):
    sys.addaudithook(lambda event, arguments: event == "open" and str(arguments[0]).endswith("slow.pcap") and wait())


def wait():
    open({fifo!r}).close()
"""


def kills_who_sends_a_line(folder: Path, names: list[str], fifo: str, jobs: int) -> None:
    """Each process that has sent a line is killed, and all files are converted."""
    source, home = folder / "raw", folder / "new"
    source.mkdir()
    for number, name in enumerate(names, 1):
        (source / name).write_bytes(pcap(number))
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", KILLER, str(source), str(home), fifo, str(jobs)],
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        assert end_of(process) == (0, b"")
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()
    assert tree(home) == {f"{name}ng": in_pcapng(number) for number, name in enumerate(names, 1)}


def test_an_idle_worker_is_killed_while_another_one_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The other one waits until that has happened."""
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / "site").mkdir()
    (tmp_path / "site/sitecustomize.py").write_text(SLOW.format(fifo=str(tmp_path / "fifo")))
    monkeypatch.setenv("PYTHONPATH", str(tmp_path / "site"))
    kills_who_sends_a_line(tmp_path, ["quick.pcap", "slow.pcap"], str(tmp_path / "fifo"), jobs=2)


def test_workers_are_killed_after_every_file(tmp_path: Path) -> None:
    kills_who_sends_a_line(tmp_path, [f"{number}.pcap" for number in range(6)], "", jobs=1)


# ---------------------------------------------------------------- one exact moment


@pytest.mark.parametrize(
    ("make", "event", "name"),
    [
        pytest.param(mirrored, "os.link", "07.pcapng", id="between-line-and-target"),
        pytest.param(in_place, "os.link", ".tmp", id="in-place-between-line-and-target"),
        pytest.param(in_place, "os.rename", NAMES[7], id="in-place-with-a-temporary-name"),
        pytest.param(in_place, "open", NAMES[8], id="in-place-after-the-target"),
    ],
)
def test_killed_at_any_moment_a_batch_can_go_on(
    make: Any, event: str, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All processes at once, as when the machine's memory or its power ends."""
    batch = make(tmp_path)
    trigger = lay_trap(tmp_path, monkeypatch, event, name, "all")
    with running_command(*batch.arguments, "--jobs", "1") as process:
        assert end_of(process) == (-signal.SIGKILL, b"")
    assert not trigger.exists()
    there = tree(batch.home)
    assert there != batch.done
    untouched = {} if make is mirrored else tree(make_tree(tmp_path / "as it was"))
    for target, data in there.items():
        if not target.endswith(".tmp"):
            assert data in (batch.done[target], untouched.get(target))
    monkeypatch.undo()
    batch.resume()


def test_one_value_is_the_same_option_as_a_list_of_one(tmp_path: Path) -> None:
    """The library's batch goes on with the command's, and the packets are not chopped again."""
    batch = in_place(tmp_path)
    assert batch.run() == 3
    assert batch._replace(options=batch.options | {"chop": 4}).run(resume=True) == 3
    batch.is_done()
