"""A batch on a Dask cluster whose workers may be anything: without pcapconv, with another one, without the files."""

import json
import os
import re
import select
import shutil
import signal
import socket
import subprocess
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import wire
from batches import manifest_held, manifest_lines
from clusters import PATIENCE, Processes, busy, end_of, processes, wait_for
from command_line import COMMAND
from folders import MANIFEST

import pcapconv
from pcapconv.batching.report import UnfinishedError

pytestmark = pytest.mark.slow  # a Dask cluster

FILES = 16


def pcap(number: int) -> bytes:
    return wire.pcap_header() + wire.pcap_record(number, 0, bytes(range(60)))


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    folder.mkdir()
    for number in range(FILES):
        (folder / f"{number:02}.pcap").write_bytes(pcap(number))
    return folder


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Processes]:
    (tmp_path / "cluster").mkdir()
    with processes(tmp_path / "cluster") as running:
        yield running


@pytest.fixture
def path_without_pcapconv(tmp_path: Path) -> str:
    """A PYTHONPATH with which there is no pcapconv."""
    folder = tmp_path / "nothing"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text("import sys\nsys.modules['pcapconv'] = None\n")
    return str(folder)


@pytest.fixture
def other_build(tmp_path: Path) -> str:
    """A PYTHONPATH with a pcapconv of the same version, one of whose modules ends the process that imports it."""
    folder = tmp_path / "other"
    there = Path(pcapconv.__file__).parent
    shutil.copytree(there, folder / "pcapconv", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / "pcapconv" / "batching" / "jobs.py").write_text("import os\nos._exit(1)\n")
    return str(folder)


def other_version(tmp_path: Path) -> str:
    (tmp_path / "old" / "pcapconv").mkdir(parents=True)
    (tmp_path / "old" / "pcapconv" / "__init__.py").write_text("__version__ = '0.0.9'\n")
    return str(tmp_path / "old")


def begin_on_cluster(raw: Path, home: Path, address: str, *more: str) -> subprocess.Popen[str]:
    command = [COMMAND, "batch", str(raw), str(home), "--to", "pcapng", "--scheduler", address, "--quiet", *more]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def run_on_cluster(raw: Path, home: Path, address: str, *more: str) -> tuple[int, str]:
    """The exit status, and what was said."""
    return end_of(begin_on_cluster(raw, home, address, *more))


def test_workers_that_do_not_fit_get_no_work_and_are_named(
    raw: Path, cluster: Processes, path_without_pcapconv: str, other_build: str, tmp_path: Path
) -> None:
    version = pcapconv.__version__
    cluster.worker()
    (good,) = cluster.wait_for_workers(1)
    cluster.worker(PYTHONPATH=path_without_pcapconv)
    (without,) = set(cluster.wait_for_workers(2)) - {good}
    cluster.worker(PYTHONPATH=other_build)
    (other,) = set(cluster.wait_for_workers(3)) - {good, without}
    cluster.worker(PYTHONPATH=other_version(tmp_path))
    (old,) = set(cluster.wait_for_workers(4)) - {good, without, other}
    status, stderr = run_on_cluster(raw, tmp_path / "new", cluster.address)
    said = [
        f"pcapconv: warning: worker {without} gets no work: it has no pcapconv",
        f"pcapconv: warning: worker {other} gets no work: it has another build of pcapconv {version}; install the same "
        "one",
        f"pcapconv: warning: worker {old} gets no work: it has pcapconv 0.0.9, and this is {version}",
    ]
    assert (status, sorted(stderr.splitlines())) == (0, sorted(said))
    assert [line["status"] for line in manifest_lines(tmp_path / "new")] == ["converted"] * FILES
    assert {str(line["worker"]).rpartition(":")[2] for line in manifest_lines(tmp_path / "new")} == {
        str(cluster.workers[0].pid)
    }
    assert [worker.poll() for worker in cluster.workers] == [None] * 4  # nobody's worker died of the question


def test_workers_that_join_later_are_asked(
    raw: Path, cluster: Processes, path_without_pcapconv: str, tmp_path: Path
) -> None:
    home = tmp_path / "new"
    cluster.worker()
    (good,) = cluster.wait_for_workers(1)
    with manifest_held(home):
        process = begin_on_cluster(raw, home, cluster.address)
        wait_for(lambda: busy(cluster.address) == 1)
        cluster.worker(PYTHONPATH=path_without_pcapconv)
        (without,) = set(cluster.wait_for_workers(2)) - {good}
        assert process.stderr is not None
        said = process.stderr.readline()
        cluster.worker()
        wait_for(lambda: busy(cluster.address) == 2)
    _, rest = process.communicate(timeout=PATIENCE)
    assert said == f"pcapconv: warning: worker {without} gets no work: it has no pcapconv\n"
    assert (process.returncode, rest) == (0, "")
    assert sorted(str(line["target"]) for line in manifest_lines(home)) == [
        f"{number:02}.pcapng" for number in range(FILES)
    ]
    pids = {str(cluster.workers[number].pid) for number in (0, 2)}
    assert {str(line["worker"]).rpartition(":")[2] for line in manifest_lines(home)} == pids


def test_no_worker_fits(raw: Path, cluster: Processes, path_without_pcapconv: str, tmp_path: Path) -> None:
    for _ in range(2):
        cluster.worker(PYTHONPATH=path_without_pcapconv)
    first, second = sorted(cluster.wait_for_workers(2))
    status, stderr = run_on_cluster(raw, tmp_path / "new", cluster.address)
    reason = f"workers {first}, {second} get no work, each for one reason: it has no pcapconv"
    assert (status, stderr) == (1, f"pcapconv: --scheduler {cluster.address}: {reason}\n")
    assert os.listdir(tmp_path / "new") == []


def test_there_are_no_workers(raw: Path, cluster: Processes, tmp_path: Path) -> None:
    status, stderr = run_on_cluster(raw, tmp_path / "new", cluster.address)
    reason = "the cluster has no workers; start one: dask worker"
    assert (status, stderr) == (1, f"pcapconv: --scheduler {cluster.address}: {reason}\n")


def test_another_process_at_the_address_of_a_worker_is_another_worker(
    raw: Path, cluster: Processes, other_build: str, tmp_path: Path
) -> None:
    """It would die of a job, since it cannot load one."""
    home = tmp_path / "new"
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    cluster.worker()
    cluster.wait_for_workers(1)
    second = cluster.worker("--worker-port", port)
    cluster.wait_for_workers(2)
    with manifest_held(home):
        process = begin_on_cluster(raw, home, cluster.address)
        wait_for(lambda: busy(cluster.address) == 2)
        second.kill()
        second.wait()
        cluster.wait_for_workers(1)
        other = cluster.worker("--worker-port", port, PYTHONPATH=other_build)
        cluster.wait_for_workers(2)
        assert process.stderr is not None
        assert select.select([process.stderr], [], [], PATIENCE)[0] == [process.stderr]  # it was asked
    _, said = process.communicate(timeout=PATIENCE)
    reason = f"it has another build of pcapconv {pcapconv.__version__}; install the same one"
    assert (process.returncode, said) == (
        0,
        f"pcapconv: warning: worker tcp://127.0.0.1:{port} gets no work: {reason}\n",
    )
    assert {str(line["worker"]).rpartition(":")[2] for line in manifest_lines(home)} == {str(cluster.workers[0].pid)}
    assert sorted(str(line["target"]) for line in manifest_lines(home)) == [
        f"{number:02}.pcapng" for number in range(FILES)
    ]
    assert other.poll() is None


# ---------------------------------------------------------------- workers that do not see the files

ELSEWHERE = """
import os

home, there = os.environ["HOME_HERE"], os.environ["HOME_THERE"]
stat = os.stat


def moved(path):
    return there + path[len(home):] if isinstance(path, str) and path.startswith(home) else path


os.stat = lambda path, *more, **named: stat(moved(path), *more, **named)
"""


@pytest.fixture
def other_disk(tmp_path: Path) -> dict[str, str]:
    """Variables with which a process finds that DST does not hold what others wrote there."""
    folder = tmp_path / "disk"
    (folder / "new").mkdir(parents=True)
    (folder / "sitecustomize.py").write_text(ELSEWHERE)
    return {"PYTHONPATH": str(folder), "HOME_HERE": str(tmp_path / "new"), "HOME_THERE": str(folder / "new")}


def test_a_worker_with_another_disk_gets_no_work(
    raw: Path, cluster: Processes, other_disk: dict[str, str], tmp_path: Path
) -> None:
    home = tmp_path / "new"
    cluster.worker()
    (good,) = cluster.wait_for_workers(1)
    cluster.worker(**other_disk)
    (blind,) = set(cluster.wait_for_workers(2)) - {good}
    status, stderr = run_on_cluster(raw, home, cluster.address)
    said = re.sub(r"\.pcapconv-[0-9a-f]{16}\.tmp", "TOKEN", stderr)
    reason = f"it does not see {home}/TOKEN; source and target have to be the same everywhere, under the same paths"
    assert (status, said) == (0, f"pcapconv: warning: worker {blind} gets no work: {reason}\n")
    assert {str(line["worker"]).rpartition(":")[2] for line in manifest_lines(home)} == {str(cluster.workers[0].pid)}
    assert sorted(os.listdir(home)) == [*(f"{number:02}.pcapng" for number in range(FILES)), MANIFEST]


def test_no_worker_sees_the_sources(raw: Path, cluster: Processes, other_disk: dict[str, str], tmp_path: Path) -> None:
    cluster.worker(**other_disk | {"HOME_HERE": str(raw)})
    (blind,) = cluster.wait_for_workers(1)
    status, stderr = run_on_cluster(raw, tmp_path / "new", cluster.address)
    reason = f"it does not see {raw}/00.pcap; source and target have to be the same everywhere, under the same paths"
    assert (status, stderr) == (
        1,
        f"pcapconv: --scheduler {cluster.address}: worker {blind} gets no work: {reason}\n",
    )
    assert os.listdir(tmp_path / "new") == []


# ---------------------------------------------------------------- any executor


class Elsewhere(ThreadPoolExecutor):
    """Has its jobs' targets moved away to another disk, as it were: the batch never sees them."""

    def __init__(self, lost: list[str]) -> None:
        super().__init__(1)
        self.lost = lost

    def submit(self, function: Any, /, *arguments: Any, **named: Any) -> Any:
        def moved() -> Any:
            outcomes = function(*arguments, **named)
            for job in arguments[1]:
                if job.target_name in self.lost:
                    os.unlink(job.target)
            return outcomes

        return super().submit(moved)


def test_a_target_that_is_not_seen_is_not_done(raw: Path, tmp_path: Path) -> None:
    home = tmp_path / "new"
    with Elsewhere(["03.pcapng", "11.pcapng"]) as executor:
        done = pcapconv.batch(raw, home, to="pcapng", executor=executor)
    worker = f"{socket.gethostname()}:{os.getpid()}"
    assert (done.converted, done.failed) == (FILES - 2, 2)
    assert [line["error"] for line in done.trouble] == [
        f"{home}/{name}: {worker} wrote it, but here it is not; the target has to be the same directory everywhere"
        for name in ("03.pcapng", "11.pcapng")
    ]
    resumed = pcapconv.batch(raw, home, to="pcapng", resume=True, jobs=1)
    assert (resumed.converted, resumed.up_to_date) == (2, FILES - 2)


def test_a_target_that_is_another_one_is_not_done(raw: Path, tmp_path: Path) -> None:
    """With force an old file may lie there."""
    home = tmp_path / "new"
    pcapconv.batch(raw, home, jobs=1)
    before = (home / "05.pcap").stat()

    class Stale(Elsewhere):
        def submit(self, function: Any, /, *arguments: Any, **named: Any) -> Any:
            future = super().submit(function, *arguments, **named)
            future.result()
            os.utime(home / "05.pcap", ns=(before.st_atime_ns, before.st_mtime_ns))
            return future

    with Stale([]) as executor:
        done = pcapconv.batch(raw, home, force=True, executor=executor)
    assert (done.converted, done.failed) == (FILES - 1, 1)
    assert [line["source"] for line in done.trouble] == ["05.pcap"]


class Unmounts(ThreadPoolExecutor):
    """Moves DST away before the first job."""

    def __init__(self, home: Path) -> None:
        super().__init__(1)
        self.home = home

    def submit(self, function: Any, /, *arguments: Any, **named: Any) -> Any:
        if self.home.exists():
            self.home.rename(self.home.with_name("gone"))
        return super().submit(function, *arguments, **named)


def test_a_job_never_makes_the_directory_of_the_batch(raw: Path, tmp_path: Path) -> None:
    home = tmp_path / "new"
    (raw / "deep" / "er").mkdir(parents=True)
    (raw / "deep" / "er" / "x.pcap").write_bytes(pcap(0))
    with Unmounts(home) as executor, pytest.raises(UnfinishedError) as caught:
        pcapconv.batch(raw, home, to="pcapng", executor=executor)
    said = f"{home}/{MANIFEST}: cannot write: no such file or directory; 0 of {FILES + 1} files were done"
    assert str(caught.value) == f"{said}, resume=True goes on with the others"
    assert caught.value.report.converted == 0
    assert {line["error"] for line in caught.value.report.trouble} <= {
        f"{home}/{name}: cannot create: {home} does not exist, and jobs do not create it"
        for name in ["deep/er/x.pcapng", *(f"{number:02}.pcapng" for number in range(FILES))]
    }
    assert not home.exists()


# ---------------------------------------------------------------- a scheduler that goes


def test_a_scheduler_that_dies_ends_the_batch(raw: Path, cluster: Processes, tmp_path: Path) -> None:
    home = tmp_path / "new"
    cluster.worker()
    cluster.wait_for_workers(1)
    with manifest_held(home):
        process = begin_on_cluster(raw, home, cluster.address, "--report", str(tmp_path / "report"))
        wait_for(lambda: busy(cluster.address) == 1)
        cluster.scheduler.kill()
        try:
            _, stderr = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
        cluster.workers[0].kill()
        cluster.workers[0].wait()
    done = f"0 of {FILES} files were done, --resume goes on with the others"
    ended = f"--scheduler {cluster.address}: the scheduler is gone: it ended or was restarted; {done}"
    assert (process.returncode, stderr) == (1, f"pcapconv: {ended}\n")
    report = json.loads((tmp_path / "report").read_bytes())
    assert (report["converted"], report["failed"]) == (0, 0)
    resumed = pcapconv.batch(raw, home, to="pcapng", resume=True, jobs=1)
    assert (resumed.converted, resumed.failed) == (FILES, 0)


def test_a_scheduler_that_dies_before_a_worker_has_answered(raw: Path, cluster: Processes, tmp_path: Path) -> None:
    home = tmp_path / "new"
    worker = cluster.worker()
    cluster.wait_for_workers(1)
    worker.send_signal(signal.SIGSTOP)
    process = begin_on_cluster(raw, home, cluster.address)
    wait_for(lambda: any(name.endswith(".tmp") for name in os.listdir(home)) if home.exists() else False)
    cluster.scheduler.kill()
    try:
        _, stderr = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    done = f"0 of {FILES} files were done, --resume goes on with the others"
    ended = f"--scheduler {cluster.address}: the scheduler is gone: it does not answer any more; {done}"
    assert (process.returncode, stderr) == (1, f"pcapconv: {ended}\n")
    assert os.listdir(home) == []


# ---------------------------------------------------------------- workers that come and go


def test_workers_come_and_go(raw: Path, cluster: Processes, tmp_path: Path) -> None:
    """What was given to the first one alone is done by others when it is gone."""
    home = tmp_path / "new"
    first = cluster.worker()
    cluster.wait_for_workers(1)
    with manifest_held(home):
        process = begin_on_cluster(raw, home, cluster.address)
        wait_for(lambda: busy(cluster.address) == 1)
        first.kill()
        cluster.worker()
        cluster.wait_for_workers(1)
        wait_for(lambda: busy(cluster.address) == 1)
        cluster.worker()
        wait_for(lambda: busy(cluster.address) == 2)
    try:
        _, stderr = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert (process.returncode, stderr) == (0, "")
    assert sorted(str(line["target"]) for line in manifest_lines(home)) == [
        f"{number:02}.pcapng" for number in range(FILES)
    ]
    pids = {str(worker.pid) for worker in cluster.workers[1:]}
    assert {str(line["worker"]).rpartition(":")[2] for line in manifest_lines(home)} == pids


def test_files_that_waited_for_workers_that_went_are_not_blamed(raw: Path, cluster: Processes, tmp_path: Path) -> None:
    """One of two files had begun each time. At last each gets a worker for itself, at the same time."""
    home = tmp_path / "new"
    with manifest_held(home):
        process = begin_on_cluster(raw, home, cluster.address, "--include", "00.pcap", "--include", "01.pcap")
        for number in range(2):
            cluster.worker()
            cluster.wait_for_workers(1)
            wait_for(lambda: busy(cluster.address) == 1)
            cluster.workers[number].kill()
            cluster.wait_for_workers(0)
        for _ in range(2):
            cluster.worker()
        wait_for(lambda: busy(cluster.address) == 2)
    try:
        _, stderr = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
    assert (process.returncode, stderr) == (0, "")
    assert sorted(str(line["target"]) for line in manifest_lines(home)) == ["00.pcapng", "01.pcapng"]
    pids = {str(worker.pid) for worker in cluster.workers[2:]}
    assert {str(line["worker"]).rpartition(":")[2] for line in manifest_lines(home)} == pids


def test_a_cluster_that_scales_starts_a_worker(raw: Path, tmp_path: Path) -> None:
    from distributed import LocalCluster

    local: Any = LocalCluster  # which has no types
    with local(n_workers=0, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0") as running:
        running.adapt(minimum=0, maximum=2, interval="200ms")
        status, stderr = run_on_cluster(raw, tmp_path / "new", running.scheduler_address)
    assert (status, stderr) == (0, "")
    assert len(manifest_lines(tmp_path / "new")) == FILES


# ---------------------------------------------------------------- addresses


def certificate_variables(folder: Path) -> dict[str, str]:
    """Dask's variables for keys that are made now."""
    folder.mkdir()
    key, certificate = str(folder / "key.pem"), str(folder / "cert.pem")
    made = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run(["openssl", "req", *made, "-keyout", key, "-out", certificate], check=True, capture_output=True)
    prefix = "DASK_DISTRIBUTED__COMM__TLS__"
    variables = {f"{prefix}CA_FILE": certificate}
    for who in ("SCHEDULER", "WORKER", "CLIENT"):
        variables |= {f"{prefix}{who}__CERT": certificate, f"{prefix}{who}__KEY": key}
    return variables


def test_tls(raw: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    variables = certificate_variables(tmp_path / "keys")
    (tmp_path / "cluster").mkdir()
    with processes(tmp_path / "cluster", "--protocol", "tls", **variables) as cluster:
        assert cluster.address.startswith("tls://")
        cluster.worker()
        without = run_on_cluster(raw, tmp_path / "new", cluster.address)
        for name, value in variables.items():
            monkeypatch.setenv(name, value)
        assert run_on_cluster(raw, tmp_path / "new", cluster.address) == (0, "")
    assert without[0] == 1
    assert without[1].startswith(
        f"pcapconv: --scheduler {cluster.address}: cannot connect: TLS expects a `ssl_context`"
    )
    assert without[1].count("\n") == 1
    assert len(manifest_lines(tmp_path / "new")) == FILES


@pytest.mark.parametrize("says", [b"", b"HTTP/1.0 400 Bad Request\r\n\r\n"], ids=["nothing", "http"])
def test_what_answers_is_no_scheduler(raw: Path, says: bytes, tmp_path: Path) -> None:
    """One sentence, and no traceback of Dask's."""
    taken: list[socket.socket] = []

    def serve() -> None:
        while True:
            try:
                taken.append(listening.accept()[0])
            except OSError:
                return
            taken[-1].sendall(says)

    with socket.create_server(("127.0.0.1", 0)) as listening:
        address = f"tcp://127.0.0.1:{listening.getsockname()[1]}"
        thread = threading.Thread(target=serve)
        thread.start()
        done = run_on_cluster(raw, tmp_path / "new", address)
        listening.shutdown(socket.SHUT_RDWR)
        thread.join()
    for each in taken:
        each.close()
    reason = "cannot connect: what answers there is no Dask scheduler"
    assert done == (1, f"pcapconv: --scheduler {address}: {reason}\n")


def test_an_address_of_an_unknown_kind_is_one_sentence(raw: Path, tmp_path: Path) -> None:
    status, stderr = run_on_cluster(raw, tmp_path / "new", "nonsense://127.0.0.1:1")
    assert status == 1
    assert stderr.startswith("pcapconv: --scheduler nonsense://127.0.0.1:1: cannot connect: unknown address scheme ")
    assert stderr.count("\n") == 1
