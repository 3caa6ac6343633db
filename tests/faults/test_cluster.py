"""A batch on a Dask cluster whose scheduler hangs or whose workers are killed. Too slow for the main suite."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest
import wire
from clusters import busy, end_of, processes, wait_for

pytestmark = pytest.mark.slow  # a cluster whose processes are killed

COMMAND = str(Path(sys.executable).with_name("pcapconv"))
MANIFEST = "pcapconv-manifest.jsonl"
PCAP = wire.pcap_header() + wire.pcap_record(1, 0, bytes(60))
MANY = int(os.environ.get("PCAPCONV_CLUSTER_FILES", "1000"))
WIRE = """
import os, signal, sys

def look(event, arguments):
    if event == "open" and isinstance(arguments[0], str) and arguments[0].endswith("/raw/0007.pcap"):
        os.kill(os.getpid(), signal.SIGKILL)

sys.addaudithook(look)
"""


def raw(tmp_path: Path, count: int) -> Path:
    folder = tmp_path / "raw"
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:04}.pcap").write_bytes(PCAP)
    return folder


def begin(source: Path, address: str) -> subprocess.Popen[str]:
    home = source.with_name("new")
    command = [COMMAND, "batch", str(source), str(home), "--to", "pcapng", "--scheduler", address, "--quiet"]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def test_a_scheduler_that_does_not_answer(tmp_path: Path) -> None:
    (tmp_path / "cluster").mkdir()
    with processes(tmp_path / "cluster") as cluster:
        worker = cluster.worker()
        cluster.wait_for_workers(1)
        source = raw(tmp_path, 2000)
        process = begin(source, cluster.address)
        wait_for(lambda: busy(cluster.address) == 1)
        os.kill(worker.pid, signal.SIGSTOP)
        os.kill(cluster.scheduler.pid, signal.SIGSTOP)
        status, said = end_of(process)
    assert status == 1
    assert said.startswith(
        f"pcapconv: --scheduler {cluster.address}: the scheduler is gone: it does not answer any more; "
    )
    assert said.endswith(" of 2,000 files were done, --resume goes on with the others\n")
    assert said.count("\n") == 1


def test_a_file_that_kills_its_workers_fails_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file that their memory cannot hold kills workers like that. Nannies start the dead workers again."""
    from distributed import LocalCluster

    (tmp_path / "sitecustomize.py").write_text(WIRE)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    source = raw(tmp_path, 40)
    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0") as running:  # type: ignore[no-untyped-call]
        status, said = end_of(begin(source, running.scheduler_address))
    reason = "each worker that converted it died, or was killed; their memory may be too small for it"
    assert (status, said) == (1, f"pcapconv: {source}/0007.pcap: {reason}\n")
    lines = [json.loads(line) for line in (tmp_path / "new" / MANIFEST).read_bytes().splitlines()]
    assert sorted(line["source"] for line in lines) == sorted(os.listdir(source))
    assert [line["source"] for line in lines if line["status"] != "converted"] == ["0007.pcap"]


def test_a_worker_that_is_started_again_and_again_at_one_address(tmp_path: Path) -> None:
    (tmp_path / "cluster").mkdir()
    (tmp_path / "sitecustomize.py").write_text(WIRE)
    source = raw(tmp_path, 10)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = str(free.getsockname()[1])
    with processes(tmp_path / "cluster") as cluster:
        worker = cluster.worker("--nanny", "--worker-port", port, PYTHONPATH=str(tmp_path))
        cluster.wait_for_workers(1)
        status, said = end_of(begin(source, cluster.address))
        worker.terminate()  # the nanny, which ends its worker
        worker.wait()
    reason = "each worker that converted it died, or was killed; their memory may be too small for it"
    assert (status, said) == (1, f"pcapconv: {source}/0007.pcap: {reason}\n")
    assert len(list((tmp_path / "new").glob("*.pcapng"))) == 9


def test_many_files_while_workers_are_killed(tmp_path: Path) -> None:
    (tmp_path / "cluster").mkdir()
    source, home = raw(tmp_path, MANY), tmp_path / "new"

    def done() -> int:
        manifest = home / MANIFEST
        return manifest.read_bytes().count(b"\n") if manifest.exists() else 0

    with processes(tmp_path / "cluster") as cluster:
        for _ in range(2):
            cluster.worker()
        cluster.wait_for_workers(2)
        process = begin(source, cluster.address)
        for kill in range(6):
            wait_for(lambda least=(kill + 1) * MANY // 8: done() >= least or process.poll() is not None)  # type: ignore[misc]
            cluster.worker()
            cluster.workers[kill].kill()
        status, said = end_of(process)
    assert (status, said) == (0, "")
    assert len(list(home.glob("*.pcapng"))) == MANY
    lines = (home / MANIFEST).read_bytes().splitlines()
    whole = [json.loads(line) for line in lines if line.endswith(b"}")]
    assert {line["source"] for line in whole} == set(os.listdir(source))
    assert {line["status"] for line in whole} == {"converted"}
    assert len(lines) - len(whole) <= 6  # a kill may cut off the line that its worker writes
