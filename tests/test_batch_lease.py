"""Who is at work at a manifest: its lease, which clients hold, and by which jobs on a cluster see whether theirs lives.

Strategy: the real command runs on a real Dask cluster, whose workers are surely in the middle where they wait for the
lock of the manifest, which the test holds, or read a file that takes long.
"""

import contextlib
import fcntl
import hashlib
import json
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import wire
from batches import manifest_lines
from clusters import PATIENCE, busy, on_each, wait_for
from command_line import COMMAND, default_signals
from folders import LEASE, MANIFEST
from watchers import Notes

import pcapconv
from pcapconv import FileError
from pcapconv.batching import jobs, lease, planning
from pcapconv.batching.actions import Job
from pcapconv.batching.lease_holder import this_process
from pcapconv.batching.locations import time_from_json
from pcapconv.batching.outcome import Outcome
from pcapconv.batching.report import Watcher
from pcapconv.batching.settings import Settings

pytestmark = pytest.mark.slow  # processes, and leases that lapse

FILES = 12
HERE = socket.gethostname()
GAVE_UP = rb"pcapconv: interrupted: \d+ of \d+ files are done; --resume goes on with the others"


def pcap(number: int) -> bytes:
    return wire.pcap_header() + wire.pcap_record(number + 1, 0, bytes([number, *range(100)]))


def pcapng(number: int) -> bytes:
    packet = wire.enhanced_packet(0, (number + 1) * 10**6, bytes([number, *range(100)]))
    return wire.section_header() + wire.interface(snaplen=65535) + packet


EXPECTED = {f"{number:02}.pcapng": pcapng(number) for number in range(FILES)}


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    folder.mkdir()
    for number in range(FILES):
        (folder / f"{number:02}.pcap").write_bytes(pcap(number))
    return folder


@pytest.fixture
def home(tmp_path: Path) -> Path:
    folder = tmp_path / "new"
    folder.mkdir()
    return folder


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    """The scheduler's, of two workers."""
    cluster: Any = import_module("distributed").LocalCluster
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PCAPCONV_KERNELS", "interpreted")
        running = cluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0")
    with running:
        yield running.scheduler_address


def tree(home: Path) -> dict[str, bytes]:
    """All files but the manifest, its lease and the empty token by which workers see DST, temporary ones included."""
    files = [path for path in home.rglob("*") if path.is_file() and path.name not in (MANIFEST, LEASE)]
    there = {path.relative_to(home).as_posix(): path.read_bytes() for path in files}
    return {name: data for name, data in there.items() if data or not name.startswith(".pcapconv-")}


def is_done(home: Path) -> None:
    """Each target is there once and whole, and has one line, which is true; nobody holds the lease."""
    assert tree(home) == EXPECTED
    assert sorted(line["target"] for line in manifest_lines(home)) == sorted(EXPECTED)
    for line in manifest_lines(home):
        there = (home / line["target"]).stat()
        assert line["status"] == "converted"
        assert line["target_sha256"] == hashlib.sha256(EXPECTED[line["target"]]).hexdigest()
        assert (line["target_size"], time_from_json(line["target_time"])) == (there.st_size, there.st_mtime_ns)
    assert not (home / LEASE).exists()


@contextlib.contextmanager
def running_command(*arguments: str, command: tuple[str, ...] = (COMMAND,)) -> Iterator["subprocess.Popen[bytes]"]:
    """The command, which is gone afterwards."""
    process = subprocess.Popen(
        [*command, "batch", *arguments], stderr=subprocess.PIPE, start_new_session=True, preexec_fn=default_signals
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.communicate()


def end_of(process: "subprocess.Popen[bytes]") -> tuple[int, list[bytes]]:
    """The status, and what it said itself."""
    _, stderr = process.communicate(timeout=PATIENCE)
    return process.returncode, [line for line in stderr.splitlines() if line.startswith(b"pcapconv: ")]


@contextlib.contextmanager
def manifest_locked(home: Path) -> Iterator[int]:
    """Lock the manifest, so that nobody else may add to it; gives its inode."""
    with (home / MANIFEST).open("ab") as file:
        fcntl.lockf(file, fcntl.LOCK_EX)
        yield os.fstat(file.fileno()).st_ino


def count_waiting_for(inode: int) -> int:
    """How many processes wait for the lock of a file."""
    locks = [line.split() for line in Path("/proc/locks").read_text().splitlines() if "->" in line]
    return len([lock for lock in locks if lock[6].endswith(f":{inode}")])


def pids_of(address: str) -> list[int]:
    """The workers' processes."""
    return sorted(on_each(address, "__import__('os').getpid()"))


def reads_long(address: str) -> bool:
    """Return whether any worker is reading the file that takes long."""
    return any(map(has_long, pids_of(address)))


def has_long(pid: int) -> bool:
    files = [f"/proc/{pid}/fd/{number}" for number in os.listdir(f"/proc/{pid}/fd")]
    return any(os.path.islink(file) and os.readlink(file).endswith("/long.pcap") for file in files)


def make_long(path: Path) -> None:
    """A capture of eight million packets without a byte, which keep the interpreted kernels busy for long."""
    with path.open("wb") as file:
        file.write(wire.pcap_header())
        for _ in range(2**7):
            file.write(wire.pcap_record(1, 0, b"") * 2**16)


def holder_of(home: Path) -> str:
    """The run that holds the lease."""
    try:
        return str(json.loads((home / LEASE).read_bytes())["run"])
    except (FileNotFoundError, ValueError):
        return ""


def write_held_lease(home: Path, **changes: Any) -> None:
    """A lease that somebody holds: by default on another machine, with jobs that end with the client."""
    told = {"run": "0" * 16, "host": "ws-7", "pid": 4321, "machine": "another", "started": "1", "elsewhere": False}
    (home / LEASE).write_text(json.dumps(told | changes))


# ---------------------------------------------------------------- the end of a client


def test_an_interrupt_stops_this_batchs_jobs_and_nobody_elses(raw: Path, home: Path, address: str) -> None:
    make_long(raw / "long.pcap")
    pids = pids_of(address)
    client: Any = import_module("distributed").Client
    with client(address, set_as_default=False) as neighbour:
        other = neighbour.submit(eval, "__import__('time').sleep(2) or 'done'", pure=False)
        with running_command(str(raw), str(home), "--to", "pcapng", "--scheduler", address) as process:
            wait_for(lambda: reads_long(address))
            process.send_signal(signal.SIGINT)
            status, said = end_of(process)
        assert status == 130
        assert re.fullmatch(GAVE_UP, said[-1])
        wait_for(lambda: busy(address) == 0)
        assert other.result(timeout=PATIENCE) == "done"
    assert tree(home).items() <= EXPECTED.items()  # without the long one
    assert pids_of(address) == pids
    assert not (home / LEASE).exists()


def test_what_jobs_of_a_killed_client_write_is_done(raw: Path, home: Path, address: str) -> None:
    """Each worker has converted a file, and waits for the manifest; it adds its line when the next run has begun."""
    arguments = [str(raw), str(home), "--to", "pcapng", "--scheduler", address]
    with manifest_locked(home) as inode:
        with running_command(*arguments) as process:
            wait_for(lambda: count_waiting_for(inode) == 2)
            first = holder_of(home)
            process.kill()
        assert tree(home) == {}
        second = contextlib.ExitStack()
        process = second.enter_context(running_command(*arguments, "--resume"))
        wait_for(lambda: holder_of(home) not in ("", first))
    with second:
        status, said = end_of(process)
    assert (status, [line for line in said if b"waiting" not in line]) == (0, [])
    is_done(home)
    assert sorted({line["run"] for line in manifest_lines(home)} - {first}) != []
    assert [line["run"] for line in manifest_lines(home)].count(first) == 2


def test_a_resume_behind_a_killed_client_stops_its_jobs_and_goes_on(raw: Path, home: Path, address: str) -> None:
    make_long(raw / "long.pcap")
    arguments = [str(raw), str(home), "--to", "pcapng", "--scheduler", address]
    with running_command(*arguments) as process:
        wait_for(lambda: reads_long(address))
        process.kill()
    with running_command(*arguments, "--resume", "--exclude", "long.pcap") as again:
        status, said = end_of(again)
    wait = (
        f"pcapconv: {home}/{MANIFEST}: waiting until the batch of host {HERE} with pid {process.pid} has surely ended"
    )
    assert (status, said) == (0, [f"{wait}, 18 seconds at most".encode()])
    is_done(home)
    wait_for(lambda: busy(address) == 0)


def let_lapse(address: str, seconds: float) -> None:
    """Tell the workers how soon leases lapse."""
    module = "__import__('pcapconv.batching.lease', fromlist=['IN_FILES'])"
    on_each(address, f"setattr({module}, 'IN_FILES', {module}.IN_FILES._replace(lapse={seconds}))")


def pace(monkeypatch: pytest.MonkeyPatch, **seconds: float) -> None:
    monkeypatch.setattr(lease, "IN_FILES", lease.IN_FILES._replace(**seconds))


QUICK = (
    "from pcapconv.batching import lease; lease.IN_FILES = lease.IN_FILES._replace(touch=0.1); "
    "from pcapconv.__main__ import main; main()"
)


def test_jobs_stop_when_the_lease_of_a_killed_client_has_lapsed(raw: Path, home: Path, address: str) -> None:
    make_long(raw / "long.pcap")
    let_lapse(address, 2.0)
    try:
        arguments = [str(raw), str(home), "--to", "pcapng", "--scheduler", address]
        with running_command(*arguments, command=(sys.executable, "-P", "-c", QUICK)) as process:
            wait_for(lambda: reads_long(address))
            process.kill()
        wait_for(lambda: busy(address) == 0)
    finally:
        let_lapse(address, lease.IN_FILES.lapse)
    assert (home / LEASE).exists()
    assert tree(home).items() <= EXPECTED.items()


def test_a_file_that_an_earlier_job_writes_while_a_resume_is_planned_is_up_to_date(
    raw: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its line is in the manifest since that was read."""
    read = planning._earlier_runs

    def read_before(*arguments: Any) -> Any:
        monkeypatch.undo()
        known = read(*arguments)
        assert pcapconv.batch(raw, home, to="pcapng", jobs=1, include=["03.pcap"]).converted == 1
        return known

    monkeypatch.setattr(planning, "_earlier_runs", read_before)
    report = pcapconv.batch(raw, home, to="pcapng", jobs=1, resume=True)
    assert (report.converted, report.up_to_date, report.failed) == (FILES - 1, 1, 0)
    is_done(home)


def test_a_file_that_an_earlier_job_writes_while_it_is_converted_is_done(
    raw: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert = jobs._convert

    def convert_behind(settings: Settings, job: Job, begun: float) -> Outcome:
        monkeypatch.undo()
        (earlier,) = jobs.run_jobs(settings._replace(run="earlier", lease=None), [job])
        assert earlier.status == "converted"
        return convert(settings, job, begun)

    monkeypatch.setattr(jobs, "_convert", convert_behind)
    with ThreadPoolExecutor(1) as executor:
        report = pcapconv.batch(raw, home, to="pcapng", executor=executor, resume=True, include=["03.pcap"])
    assert (report.converted, report.failed) == (1, 0)
    assert tree(home) == {"03.pcapng": EXPECTED["03.pcapng"]}


# ---------------------------------------------------------------- two clients


def test_a_second_client_is_refused_and_the_first_is_not_disturbed(raw: Path, home: Path) -> None:
    with running_command(str(raw), str(home), "--to", "pcapng", "-q") as first:
        with manifest_locked(home) as inode:
            wait_for(lambda: count_waiting_for(inode) > 0)
            for more in ([], ["--resume"], ["--force"]):
                with running_command(str(raw), str(home), "--to", "pcapng", *more) as second:
                    sentence = (
                        f"pcapconv: {home}/{MANIFEST}: another batch is at work here, on host {HERE} with pid "
                        f"{first.pid}; wait for it, or stop it and give --resume"
                    )
                    assert end_of(second) == (1, [sentence.encode()])
        assert end_of(first) == (0, [])
    is_done(home)


def test_a_second_client_of_the_same_process_is_refused(raw: Path, home: Path) -> None:
    class Second(Watcher):
        def begin(self, *_: int) -> None:
            with pytest.raises(
                FileError, match=f"another batch is at work here, on host {HERE} with pid {os.getpid()};"
            ):
                pcapconv.batch(raw, home, to="pcapng", jobs=1)

    assert pcapconv.batch(raw, home, to="pcapng", jobs=1, watcher=Second()).converted == FILES
    is_done(home)


def test_a_shard_that_begins_while_the_whole_batch_plans_is_seen(
    raw: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It had looked for the lease of the whole batch before that was there."""
    enter, shard = lease.Lease.__enter__, home / "pcapconv-manifest.1-of-2.lease"

    def enter_behind(held: lease.Lease) -> lease.Lease:
        shard.write_text(json.dumps(this_process("1" * 16, elsewhere=False)._asdict()))
        return enter(held)

    monkeypatch.setattr(lease.Lease, "__enter__", enter_behind)
    path = home / "pcapconv-manifest.1-of-2.jsonl"
    with pytest.raises(FileError, match=f"^{path}: another batch is at work here, on host {HERE} with pid"):
        pcapconv.batch(raw, home, to="pcapng", jobs=1)
    assert sorted(os.listdir(home)) == [shard.name]


def test_a_lease_that_somebody_removed_ends_its_batch(raw: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pace(monkeypatch, touch=0.02)

    class Remover(Watcher):
        def line(self, _: Outcome) -> None:
            (home / LEASE).unlink()
            wait_for(lambda: "pcapconv-lease" not in {thread.name for thread in threading.enumerate()})

    with pytest.raises(FileError, match=f"^{home}/{MANIFEST}: somebody removed the lease of this batch; go on with"):
        pcapconv.batch(raw, home, to="pcapng", jobs=1, watcher=Remover())


def test_batches_with_manifests_of_their_own_do_not_meet(raw: Path, tmp_path: Path) -> None:
    class Second(Watcher):
        def begin(self, *_: int) -> None:
            pcapconv.batch(raw, tmp_path / "other", to="pcapng", jobs=1)

    pcapconv.batch(raw, tmp_path / "new", to="pcapng", jobs=1, watcher=Second())
    is_done(tmp_path / "other")
    is_done(tmp_path / "new")


def test_a_client_on_another_machine_that_touches_its_lease_lives(raw: Path, home: Path) -> None:
    write_held_lease(home)
    watcher = Notes(lambda: os.utime(home / LEASE))
    with pytest.raises(
        FileError, match=f"^{home}/{MANIFEST}: another batch is at work here, on host ws-7 with pid 4321;"
    ):
        pcapconv.batch(raw, home, to="pcapng", jobs=1, resume=True, watcher=watcher)
    wait = "waiting until the batch of host ws-7 with pid 4321 has surely ended, 18 seconds at most"
    assert watcher.told == [f"{home}/{MANIFEST}: {wait}"]
    assert tree(home) == {}
    assert holder_of(home) == "0" * 16


@pytest.mark.parametrize("ahead", [-3600, 0, 3600])
def test_a_client_on_another_machine_that_does_not_is_dead(
    ahead: int, raw: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever the clock of its file system said."""
    pace(monkeypatch, lapse=0.2)
    write_held_lease(home)
    then = time.time() + ahead
    os.utime(home / LEASE, (then, then))
    assert pcapconv.batch(raw, home, to="pcapng", jobs=1, resume=True).converted == FILES
    is_done(home)


def test_a_lease_that_lapsed_long_ago_is_not_waited_for(raw: Path, home: Path) -> None:
    write_held_lease(home, elsewhere=True)
    os.utime(home / LEASE, (0, 0))
    watcher = Notes()
    assert pcapconv.batch(raw, home, to="pcapng", jobs=1, resume=True, watcher=watcher).converted == FILES
    assert watcher.told == []
    is_done(home)


def test_another_process_with_the_pid_of_a_dead_client_is_not_it(raw: Path, home: Path) -> None:
    own = lease.Lease(str(home / MANIFEST), "1" * 16, print, elsewhere=False)
    with own:
        told = json.loads((home / LEASE).read_bytes())
    assert (told["host"], told["pid"], told["elsewhere"]) == (HERE, os.getpid(), False)
    write_held_lease(home, **told | {"started": "1"})
    watcher = Notes()
    assert pcapconv.batch(raw, home, to="pcapng", jobs=1, watcher=watcher).converted == FILES
    assert watcher.told == []


@pytest.mark.parametrize("text", ["", "{", "[]", '{"run": 1}', '{"run": "0"', "[" * 4000])
def test_a_lease_that_says_nonsense_lapses(text: str, raw: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pace(monkeypatch, lapse=0.2, stop=0.0)
    (home / LEASE).write_text(text)
    assert pcapconv.batch(raw, home, to="pcapng", jobs=1).converted == FILES
    is_done(home)


def test_a_client_whose_lease_was_taken_over_ends(raw: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pace(monkeypatch, touch=0.02)

    class Robbed(Watcher):
        def line(self, _: Outcome) -> None:
            write_held_lease(home)
            wait_for(lambda: "pcapconv-lease" not in {thread.name for thread in threading.enumerate()})

    with pytest.raises(FileError, match=f"^{home}/{MANIFEST}: another batch has taken over here, since this one stood"):
        pcapconv.batch(raw, home, to="pcapng", jobs=1, watcher=Robbed())
    assert holder_of(home) == "0" * 16


def test_jobs_without_a_lease_stop_and_the_client_says_so(raw: Path, home: Path) -> None:
    """Of somebody's executor, which would do them whether or not the client lives."""

    class Remover(Watcher):
        def begin(self, *_: int) -> None:
            (home / LEASE).unlink()

    with ThreadPoolExecutor(1) as executor:
        report = pcapconv.batch(raw, home, to="pcapng", executor=executor, watcher=Remover())
    assert (report.converted, report.failed) == (0, FILES)
    said = f"stopped, since the batch showed no sign of life in {home}/{LEASE}"
    assert {line["error"] for line in report.trouble} == {f"{raw}/{number:02}.pcap: {said}" for number in range(FILES)}
    assert tree(home) == {}


def test_a_client_that_stood_still_does_again_what_its_jobs_gave_up(raw: Path, home: Path, address: str) -> None:
    """Until its lease had lapsed, a single file was under way: the client is stopped in the middle of it."""
    make_long(raw / "long.pcap")
    let_lapse(address, 2.0)
    try:
        arguments = [str(raw), str(home), "--to", "pcapng", "--include", "long.pcap", "--scheduler", address]
        with running_command(*arguments, command=(sys.executable, "-P", "-c", QUICK)) as process:
            wait_for(lambda: reads_long(address))
            process.send_signal(signal.SIGSTOP)
            wait_for(lambda: not reads_long(address))
            (raw / "long.pcap").write_bytes(pcap(0))
            process.send_signal(signal.SIGCONT)
            assert end_of(process) == (0, [])
    finally:
        let_lapse(address, lease.IN_FILES.lapse)
    assert tree(home) == {"long.pcapng": pcapng(0)}
    assert [line["status"] for line in manifest_lines(home)] == ["converted"]


def test_what_is_up_to_date_needs_no_lease(raw: Path, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its directory may be one that cannot be written."""
    pcapconv.batch(raw, home, to="pcapng", jobs=1)
    monkeypatch.setattr(lease.Lease, "__enter__", None)
    assert pcapconv.batch(raw, home, to="pcapng", jobs=1, resume=True).up_to_date == FILES


def test_a_job_looks_before_it_writes_however_short_ago_it_did(
    raw: Path, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    convert = jobs._convert

    def convert_behind(settings: Settings, job: Job, begun: float) -> Outcome:
        assert settings.lease == str(home / LEASE)
        assert lease.lease_observer(settings.lease, settings.run).is_held()
        (home / LEASE).unlink(missing_ok=True)
        assert lease.lease_observer(settings.lease, settings.run).is_held()
        return convert(settings, job, begun)

    pace(monkeypatch, read_interval=3600.0)
    monkeypatch.setattr(jobs, "_convert", convert_behind)
    with ThreadPoolExecutor(1) as executor:
        pcapconv.batch(raw, home, to="pcapng", executor=executor, include=["03.pcap"])
    assert tree(home) == {}


def test_what_a_job_sees_of_a_lease(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pace(monkeypatch, read_interval=3600.0)
    sight = lease.LeaseObserver(str(home / LEASE), "0" * 16)
    assert not sight.is_held()  # none is there
    write_held_lease(home)
    assert sight.is_held()  # looked at again, after a bad sign
    (home / LEASE).write_text("")
    assert sight.is_held(now=True)  # being written
    write_held_lease(home, run="1" * 16)
    assert not sight.is_held(now=True)  # another run's
    write_held_lease(home)
    pace(monkeypatch, lapse=-1.0)
    assert not sight.is_held(now=True)  # lapsed


def test_a_client_that_slept_touches_its_lease_at_once(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pace(monkeypatch, touch=20.0)
    with lease.Lease(str(home / MANIFEST), "0" * 16, print, elsewhere=True) as held:
        os.utime(home / LEASE, (0, 0))
        held.check()
        assert (home / LEASE).stat().st_mtime_ns == 0
        now = time.time()
        monkeypatch.setattr(time, "time", lambda: now + 60)
        held.check()
        assert (home / LEASE).stat().st_mtime_ns > 0


def test_a_lease_in_a_tree_is_no_file_of_it(raw: Path) -> None:
    (raw / "pcapconv-manifest.2-of-3.lease").write_bytes(b"another shard's")
    report = pcapconv.batch(raw, in_place=True, shift_time="+1s", jobs=1, shard="1/1")
    assert (report.converted, report.skipped) == (FILES, 0)
    assert sorted(path.name for path in raw.iterdir() if path.suffix != ".pcap") == [
        "pcapconv-manifest.1-of-1.jsonl",
        "pcapconv-manifest.2-of-3.lease",
    ]
