"""A batch on a Dask cluster whose workers are processes of their own.

Strategy: a worker that is to be killed in the middle of its work kills itself, at the moment at which it opens one of
the sources: its processes import a `sitecustomize` that looks at Python's audit events.
"""

import fcntl
import hashlib
import os
import re
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wire
from batches import files_below, manifest_lines
from clusters import PATIENCE, busy, wait_for
from command_line import COMMAND, default_signals
from folders import MANIFEST

import pcapconv
from pcapconv import FileError
from pcapconv.batching import cluster_connection
from pcapconv.batching.locations import time_from_json

pytestmark = pytest.mark.slow  # a Dask cluster

FILES = 64  # four to a job, for two workers
DEADLY = 34  # the third one of its job

WIRE = f"""
import os, signal, sys

armed = os.environ["TRIPWIRE"]


def look(event, arguments):
    if event == "open" and isinstance(arguments[0], str) and arguments[0].endswith("/raw/{DEADLY}.pcap"):
        try:
            os.rename(armed, armed + ".sprung-by-" + str(os.getpid()))
        except FileNotFoundError:
            return
        os.kill(os.getpid(), signal.SIGKILL)


sys.addaudithook(look)
"""


def packets(number: int) -> list[bytes]:
    return [bytes([number, packet, *range(100)]) for packet in range(3)]


def pcap(number: int) -> bytes:
    records = [wire.pcap_record(number, packet, data) for packet, data in enumerate(packets(number))]
    return wire.pcap_header() + b"".join(records)


def pcapng(number: int) -> bytes:
    blocks = [wire.enhanced_packet(0, number * 10**6 + i, data) for i, data in enumerate(packets(number))]
    return wire.section_header() + wire.interface(snaplen=65535) + b"".join(blocks)


EXPECTED = {f"{number:02}.pcapng": pcapng(number) for number in range(FILES)}


@pytest.fixture
def raw(tmp_path: Path) -> Path:
    folder = tmp_path / "raw"
    folder.mkdir()
    for number in range(FILES):
        (folder / f"{number:02}.pcap").write_bytes(pcap(number))
    return folder


@pytest.fixture(scope="module")
def tripwire(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Once this file is there, the next worker that opens the deadly source dies, and renames it to say who it was."""
    return tmp_path_factory.mktemp("tripwire") / "armed"


@pytest.fixture(scope="module")
def address(tripwire: Path) -> Iterator[str]:
    """The scheduler's."""
    from distributed import LocalCluster

    (tripwire.parent / "sitecustomize.py").write_text(WIRE)
    cluster: Any = LocalCluster  # which has no types
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(tripwire.parent))
        patch.setenv("TRIPWIRE", str(tripwire))
        # port 0 for the dashboard: also where there is none, Dask would warn of its usual port being taken
        with cluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0") as running:
            yield running.scheduler_address


def pid_of(line: dict[str, Any]) -> int:
    return int(line["worker"].rpartition(":")[2])


def is_done(home: Path) -> None:
    """Each target is there once and whole, and has one line, which is true."""
    assert files_below(home) == EXPECTED
    assert sorted(line["target"] for line in manifest_lines(home)) == sorted(EXPECTED)
    for line in manifest_lines(home):
        there = (home / line["target"]).stat()
        assert line["status"] == "converted"
        assert line["target_sha256"] == hashlib.sha256(EXPECTED[line["target"]]).hexdigest()
        assert (line["target_size"], time_from_json(line["target_time"])) == (there.st_size, there.st_mtime_ns)


def test_a_worker_is_killed_in_the_middle(raw: Path, address: str, tripwire: Path, tmp_path: Path) -> None:
    home = tmp_path / "new"
    tripwire.touch()
    command = [COMMAND, "batch", str(raw), str(home), "--to", "pcapng", "--scheduler", address]
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert [b"converted", b"64"] in [line.split() for line in done.stderr.splitlines()]  # among what Dask says
    (sprung,) = tripwire.parent.glob("armed*")
    victim = int(sprung.name.rpartition("-")[2])
    sprung.unlink()
    is_done(home)
    by = {line["source"]: pid_of(line) for line in manifest_lines(home)}
    assert by[f"{DEADLY - 1}.pcap"] == victim  # it had begun this job,
    assert by[f"{DEADLY}.pcap"] != victim  # which another worker took over
    assert os.getpid() not in by.values()


def test_the_library_runs_on_a_cluster_and_goes_on_there(raw: Path, address: str, tmp_path: Path) -> None:
    home = tmp_path / "new"
    first = pcapconv.batch(raw, home, to="pcapng", include=["1*"], scheduler=address)
    assert (first.converted, first.failed, first.up_to_date) == (10, 0, 0)
    rest = pcapconv.batch(raw, home, to="pcapng", resume=True, scheduler=address)
    assert (rest.converted, rest.failed, rest.up_to_date) == (FILES - 10, 0, 10)
    is_done(home)
    assert os.getpid() not in map(pid_of, manifest_lines(home))


def test_a_file_that_fails_on_a_cluster_does_not_stop_the_others(raw: Path, address: str, tmp_path: Path) -> None:
    home = tmp_path / "new"
    (raw / "broken.pcap").write_bytes(pcap(1)[:-1])
    done = pcapconv.batch(raw, home, to="pcapng", strict=True, scheduler=address)
    assert (done.converted, done.failed) == (FILES, 1)
    (line,) = done.trouble
    assert line["error"].startswith(f"{raw}/broken.pcap: offset ")
    assert files_below(home) == EXPECTED


def test_an_interrupt_ends_the_command_and_a_resume_goes_on(raw: Path, address: str, tmp_path: Path) -> None:
    """The workers are in the middle of a file each, where they wait for the lock of the manifest. They are somebody
    else's: what they have begun they do."""
    home = tmp_path / "new"
    home.mkdir()
    command = [COMMAND, "batch", str(raw), str(home), "--to", "pcapng", "--scheduler", address]
    with (home / MANIFEST).open("ab") as manifest:
        fcntl.lockf(manifest, fcntl.LOCK_EX)
        process = subprocess.Popen(command, stderr=subprocess.PIPE, preexec_fn=default_signals)
        try:
            wait_for(lambda: busy(address) == 2)
            process.send_signal(signal.SIGINT)
            _, stderr = process.communicate(timeout=PATIENCE)
        finally:
            process.kill()
            process.communicate()
        assert process.returncode == 130
        assert re.search(GAVE_UP, stderr, re.M)
        assert files_below(home) == {}
    wait_for(lambda: busy(address) == 0)
    assert files_below(home) != EXPECTED
    pcapconv.batch(raw, home, to="pcapng", resume=True, scheduler=address)
    is_done(home)


GAVE_UP = rb"^pcapconv: interrupted: \d+ of \d+ files are done; --resume goes on with the others$"


# ---------------------------------------------------------------- no cluster


@pytest.fixture
def silence() -> Iterator[str]:
    """An address that is taken, where nobody listens."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield f"tcp://127.0.0.1:{taken.getsockname()[1]}"


def test_nobody_listens(raw: Path, silence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cluster_connection, "_TIMEOUT", 0.2)
    with pytest.raises(FileError, match=f"^scheduler='{silence}': cannot connect: "):
        pcapconv.batch(raw, tmp_path / "new", to="pcapng", scheduler=silence)
    assert files_below(tmp_path / "new") == {}


def test_an_address_that_is_none(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(FileError, match=r"^scheduler='nonsense://127.0.0.1:1': cannot connect: "):
        pcapconv.batch(raw, tmp_path / "new", to="pcapng", scheduler="nonsense://127.0.0.1:1")


def test_without_dask_the_option_names_the_extra(raw: Path, tmp_path: Path) -> None:
    without = "import sys; sys.modules['distributed'] = None; from pcapconv.__main__ import main; main()"
    command = [sys.executable, "-P", "-c", without, "batch", str(raw), str(tmp_path / "new")]
    done = subprocess.run([*command, "--scheduler", "tcp://127.0.0.1:1"], capture_output=True, timeout=PATIENCE)
    advice = "install the extra cluster (in a clone of pcapconv: pip install '.[cluster]')"
    message = f"--scheduler tcp://127.0.0.1:1: needs Dask; {advice}"
    assert (done.returncode, done.stderr.decode()) == (2, f"pcapconv: {message}\n")


def test_a_cluster_and_processes_exclude_each_other(raw: Path, tmp_path: Path) -> None:
    with pytest.raises(pcapconv.UsageError, match=r"^jobs= and scheduler= exclude each other$"):
        pcapconv.batch(raw, tmp_path / "new", jobs=1, scheduler="tcp://127.0.0.1:1")
