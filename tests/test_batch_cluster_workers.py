"""A batch on a Dask cluster whose workers may be anything: without pcapconv, with another one, without the files."""

import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import wire
from clusters import PATIENCE, Processes, busy, processes, wait_for

import pcapconv

COMMAND = str(Path(sys.executable).with_name("pcapconv"))
MANIFEST = "pcapconv-manifest.jsonl"
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
def nothing(tmp_path: Path) -> str:
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


def begin(raw: Path, home: Path, address: str, *more: str) -> subprocess.Popen[str]:
    command = [COMMAND, "batch", str(raw), str(home), "--to", "pcapng", "--scheduler", address, "--quiet", *more]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def run(raw: Path, home: Path, address: str, *more: str) -> tuple[int, str]:
    """The exit status, and what was said."""
    process = begin(raw, home, address, *more)
    try:
        _, said = process.communicate(timeout=PATIENCE)
    finally:
        process.kill()
        process.communicate()
    return process.returncode, said


def lines(home: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (home / MANIFEST).read_bytes().splitlines()]


def test_workers_that_do_not_fit_get_no_work_and_are_named(
    raw: Path, cluster: Processes, nothing: str, other_build: str, tmp_path: Path
) -> None:
    version = pcapconv.__version__
    cluster.worker()
    (good,) = cluster.wait_for_workers(1)
    cluster.worker(PYTHONPATH=nothing)
    (without,) = set(cluster.wait_for_workers(2)) - {good}
    cluster.worker(PYTHONPATH=other_build)
    (other,) = set(cluster.wait_for_workers(3)) - {good, without}
    cluster.worker(PYTHONPATH=other_version(tmp_path))
    (old,) = set(cluster.wait_for_workers(4)) - {good, without, other}
    status, stderr = run(raw, tmp_path / "new", cluster.address)
    said = [
        f"pcapconv: warning: worker {without} gets no work: it has no pcapconv",
        f"pcapconv: warning: worker {other} gets no work: it has another build of pcapconv {version}; install the same "
        "one",
        f"pcapconv: warning: worker {old} gets no work: it has pcapconv 0.0.9, and this is {version}",
    ]
    assert (status, sorted(stderr.splitlines())) == (0, sorted(said))
    assert [line["status"] for line in lines(tmp_path / "new")] == ["converted"] * FILES
    assert {str(line["worker"]).rpartition(":")[2] for line in lines(tmp_path / "new")} == {str(cluster.workers[0].pid)}
    assert [worker.poll() for worker in cluster.workers] == [None] * 4  # nobody's worker died of the question


@contextmanager
def held(home: Path) -> Iterator[None]:
    """Whoever has converted a file waits until it may add its line to the manifest."""
    home.mkdir()
    with (home / MANIFEST).open("ab") as manifest:
        fcntl.lockf(manifest, fcntl.LOCK_EX)
        yield


def test_workers_that_join_later_are_asked(raw: Path, cluster: Processes, nothing: str, tmp_path: Path) -> None:
    home = tmp_path / "new"
    cluster.worker()
    (good,) = cluster.wait_for_workers(1)
    with held(home):
        process = begin(raw, home, cluster.address)
        wait_for(lambda: busy(cluster.address) == 1)
        cluster.worker(PYTHONPATH=nothing)
        (without,) = set(cluster.wait_for_workers(2)) - {good}
        assert process.stderr is not None
        said = process.stderr.readline()
        cluster.worker()
        wait_for(lambda: busy(cluster.address) == 2)
    _, rest = process.communicate(timeout=PATIENCE)
    assert said == f"pcapconv: warning: worker {without} gets no work: it has no pcapconv\n"
    assert (process.returncode, rest) == (0, "")
    assert sorted(str(line["target"]) for line in lines(home)) == [f"{number:02}.pcapng" for number in range(FILES)]
    pids = {str(cluster.workers[number].pid) for number in (0, 2)}
    assert {str(line["worker"]).rpartition(":")[2] for line in lines(home)} == pids


def test_no_worker_fits(raw: Path, cluster: Processes, nothing: str, tmp_path: Path) -> None:
    for _ in range(2):
        cluster.worker(PYTHONPATH=nothing)
    first, second = sorted(cluster.wait_for_workers(2))
    status, stderr = run(raw, tmp_path / "new", cluster.address)
    reason = f"workers {first}, {second} get no work, each for one reason: it has no pcapconv"
    assert (status, stderr) == (1, f"pcapconv: --scheduler {cluster.address}: {reason}\n")
    assert os.listdir(tmp_path / "new") == []


def test_there_are_no_workers(raw: Path, cluster: Processes, tmp_path: Path) -> None:
    status, stderr = run(raw, tmp_path / "new", cluster.address)
    reason = "the cluster has no workers; start one: dask worker"
    assert (status, stderr) == (1, f"pcapconv: --scheduler {cluster.address}: {reason}\n")
