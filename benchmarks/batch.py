"""Time `pcapconv batch` on many small captures: against a shell loop over editcap, on a Dask cluster, and with
`--resume`; and measure its memory, how evenly its processes work, and how soon Ctrl-C ends it."""

from __future__ import annotations

import argparse
import functools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from itertools import chain
from pathlib import Path
from statistics import median
from typing import Any

import report
from captures import LAYOUTS, MIXED, make_pool, write_capture
from run import LAUNCHER, launch, say, work_directory
from tools import describe_machine, find_pcapconv

HERE = Path(__file__).resolve().parent
README = HERE / "README.md"
BEGIN = "<!-- batch results: written by batch.py --update-readme -->\n"
END = "<!-- end of batch results -->\n"

FILES = 10_000
FILES_OF_A_FOLDER = 250
PACKETS = (2, 200)
LARGE = 1_000_000  # packets
LOOP = 'for file in "$1"/*/*.pcap; do name=${file##*/}; "$3" -F pcapng "$file" "$2/${name%.pcap}.pcapng"; done'
RATIO_LIMIT = 0.15
CLUSTER_LIMIT = 2.0
BUSY_LIMIT = 1.2
STOP_LIMIT = 2.0
RESUMED = 100_000  # files
RESUME_LIMIT = 2.0  # seconds
RESUME_MEMORY_LIMIT = 128 * 2**20
MEMORY_LIMIT = 64 * 2**20


def write_small(directory: Path, files: int) -> int:
    """Write small captures, 250 to a folder; return the number of their packets."""
    layout, rng, total = LAYOUTS["pcap"], random.Random("pcapconv batch"), 0
    frames = [layout.frame(packet) for packet in make_pool(MIXED)]
    for number in range(files):
        folder = directory / f"{number // FILES_OF_A_FOLDER:03}"
        folder.mkdir(parents=True, exist_ok=True)
        packets = rng.randint(*PACKETS)
        some = rng.sample(frames, packets)
        records = chain.from_iterable((time, after) for time, (_, after) in zip(layout.times(total, packets), some))
        (folder / f"{number:05}.pcap").write_bytes(layout.header() + b"".join(records))
        total += packets
    return total


def time_loop(editcap: str, source: Path, target: Path) -> float:
    """The wall time of a shell loop over editcap, in seconds."""
    target.mkdir()
    seconds, _ = launch(["/bin/sh", "-c", LOOP, "sh", str(source), str(target), editcap], {"TZ": "UTC"})
    check_count(target, sum(1 for _ in source.glob("*/*.pcap")))
    shutil.rmtree(target)
    return seconds


@contextmanager
def cluster() -> Iterator[str]:
    """The scheduler's address of a Dask cluster with two processes."""
    running: Any = import_module("distributed").LocalCluster
    environment = dict(os.environ)
    with running(n_workers=2, threads_per_worker=1, processes=True, dashboard_address="127.0.0.1:0") as started:
        os.environ.clear()  # Dask sets MALLOC_TRIM_THRESHOLD_, with which later programs get their pages anew
        os.environ.update(environment)
        yield started.scheduler_address


def time_batch(program: str, source: Path, target: Path, *how: str) -> tuple[float, int, dict[str, float]]:
    """Run a batch; return its wall time in seconds, the peak memory of a process in bytes, and the busy seconds of each
    process."""
    command = [*LAUNCHER, program, "batch", str(source), str(target), "--to", "pcapng", *how, "-q"]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    peaks: Counter[int] = Counter()
    over = threading.Event()
    sampler = threading.Thread(target=sample_memory, args=(process.pid, peaks, over))
    sampler.start()
    output, errors = process.communicate()
    over.set()
    sampler.join()
    seconds, peak, status = output.split()
    if status != "0":
        raise SystemExit(f"{' '.join(command)} ended with status {status}: {errors.strip()}")
    busy: Counter[str] = Counter()
    with (target / "pcapconv-manifest.jsonl").open(encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            busy[line["worker"]] += line["seconds"]
    check_count(target, sum(1 for _ in source.rglob("*.pcap")))
    shutil.rmtree(target)
    return float(seconds), max([int(peak), *peaks.values()]), dict(busy)


def time_resume(program: str, directory: Path, rounds: int) -> tuple[list[float], int]:
    """Resume a batch of many files that is done; return the wall times in seconds, and the peak memory in bytes."""
    source, target = directory / "many", directory / "target"
    capture = LAYOUTS["pcap"].header()
    for number in range(RESUMED):
        folder = source / f"{number // FILES_OF_A_FOLDER:03}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number:05}.pcap").write_bytes(capture)
    command = [program, "batch", str(source), str(target), "--to", "pcapng", "-q"]
    subprocess.run(command, check=True)
    ends = [launch([*command, "--resume"], {}) for _ in range(rounds)]
    shutil.rmtree(target)
    shutil.rmtree(source)
    return [seconds for seconds, _ in ends], max(peak for _, peak in ends)


def sample_memory(root: int, peaks: Counter[int], over: threading.Event) -> None:
    """Note the peak resident memory, in bytes, of each descendant of the process `root`, until `over` is set."""
    while not over.wait(0.1):
        for process in descendants(root):
            try:
                status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
            except OSError:
                continue
            peak = next((int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM")), 0)
            peaks[process] = max(peaks[process], peak)


def descendants(root: int) -> Iterator[int]:
    """The ids of all descendants of a process."""
    try:
        tasks = [task / "children" for task in Path(f"/proc/{root}/task").iterdir()]  # any thread may have started one
        children = " ".join(task.read_text(encoding="utf-8") for task in tasks).split()
    except OSError:
        return
    for child in map(int, children):
        yield child
        yield from descendants(child)


def time_stop(program: str, source: Path, target: Path) -> float:
    """The seconds that Ctrl-C takes: the process group gets SIGINT while the large captures are converted."""
    command = [program, "batch", str(source), str(target), "--to", "pcapng", "--jobs", "2", "-q"]
    heed = functools.partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a background process would ignore it
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL, start_new_session=True, preexec_fn=heed)
    while not target.exists():
        time.sleep(0.01)
    time.sleep(0.6)  # for the processes to start
    begun = time.monotonic()
    os.killpg(process.pid, signal.SIGINT)
    status = process.wait()
    taken = time.monotonic() - begun
    if status != 130:
        raise SystemExit(f"{' '.join(command)} was to be interrupted, and ended with status {status}")
    left = [path for path in target.rglob("*") if path.name.endswith(".tmp")]
    if left:
        raise SystemExit(f"{left[0]} was left behind")
    shutil.rmtree(target)
    return taken


def check_count(target: Path, wanted: int) -> None:
    """Check that a tool has written all files, so that one that did nothing cannot win."""
    there = sum(1 for _ in target.rglob("*.pcapng"))
    if there != wanted:
        raise SystemExit(f"{there} files were written, not {wanted}")


def measure(directory: Path, program: str, editcap: str, files: int, rounds: int) -> list[str]:
    """Measure everything; return the tables as Markdown."""
    small, target = directory / "small", directory / "target"
    say(f"writing {files:,} small captures")
    packets = write_small(small, files)
    loops: list[float] = []
    clusters: list[float] = []
    times: dict[int, list[float]] = {1: [], 2: []}
    peak = 0
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        loops.append(time_loop(editcap, small, target))
        for jobs, seconds in times.items():
            taken, highest, _ = time_batch(program, small, target, "--jobs", str(jobs))
            seconds.append(taken)
            peak = max(peak, highest)
        with cluster() as address:
            clusters.append(time_batch(program, small, target, "--scheduler", address)[0])
    say("resuming")
    resumes, peak_of_resuming = time_resume(program, directory, rounds)
    say("two large captures and 500 small ones")
    uneven = directory / "uneven"
    for name in ("one", "other"):
        (uneven / name).mkdir(parents=True)
        write_capture(uneven / name / "large.pcap", MIXED, LARGE, "pcap")
    for path in sorted(small.glob("*/*.pcap"))[:500]:
        shutil.copy(path, uneven / path.name)
    evenly = [time_batch(program, uneven, target, "--jobs", "2") for _ in range(rounds)]
    busy = [max(each.values()) / min(each.values()) for _, _, each in evenly]
    peak = max([peak, *(highest for _, highest, _ in evenly)])
    say("interrupting")
    stops = [time_stop(program, uneven, target) for _ in range(rounds)]
    loop = median(loops)
    limits = [
        report.Target(
            f"{files:,} small captures, {jobs} {'process' if jobs == 1 else 'processes'}: time of pcapconv / editcap",
            f"at most {RATIO_LIMIT}",
            f"{median(seconds) / loop:.3f}",
            median(seconds) / loop <= RATIO_LIMIT,
        )
        for jobs, seconds in times.items()
    ]
    on_cluster = median(clusters) / median(times[2])
    limits += [
        report.Target(
            f"{files:,} small captures, a Dask cluster of 2 processes: time / --jobs 2",
            f"at most {CLUSTER_LIMIT}",
            f"{on_cluster:.2f}",
            on_cluster <= CLUSTER_LIMIT,
        ),
        report.Target(
            "2 large and 500 small captures, 2 processes: busy time of one / the other",
            f"at most {BUSY_LIMIT}",
            f"{median(busy):.2f}",
            median(busy) <= BUSY_LIMIT,
        ),
        report.Target(
            f"--resume of {RESUMED:,} files, nothing to do: time",
            f"at most {RESUME_LIMIT} s",
            f"{median(resumes):.2f} s",
            median(resumes) <= RESUME_LIMIT,
        ),
        report.Target(
            f"--resume of {RESUMED:,} files, nothing to do: memory",
            f"at most {RESUME_MEMORY_LIMIT >> 20} MiB",
            f"{report.mebibytes(peak_of_resuming)} MiB",
            peak_of_resuming <= RESUME_MEMORY_LIMIT,
        ),
        report.Target("Ctrl-C, slowest", f"within {STOP_LIMIT:.0f} s", f"{max(stops):.2f} s", max(stops) <= STOP_LIMIT),
        report.Target(
            "peak memory of a process",
            f"at most {MEMORY_LIMIT >> 20} MiB",
            f"{report.mebibytes(peak)} MiB",
            peak <= MEMORY_LIMIT,
        ),
    ]
    rows = [("editcap in a shell loop", loops), *((f"pcapconv, --jobs {jobs}", times[jobs]) for jobs in times)]
    rows.append(("pcapconv, --scheduler, 2 processes", clusters))
    shown = [
        (
            name,
            f"{median(seconds):.2f}",
            f"{min(seconds):.2f} to {max(seconds):.2f}",
            f"{median(seconds) / files * 1000:.2f}",
            f"{packets / median(seconds) / 1e6:.2f}",
        )
        for name, seconds in rows
    ]
    met = [(each.name, each.limit, each.measured, "yes" if each.met else "**no**") for each in limits]
    head = (f"{files:,} small captures", "median, s", "range, s", "ms a file", "million packets/s")
    return [report.table(("target", "limit", "measured", "met"), met), report.table(head, shown, 4)]


def main() -> int:
    """Measure, print the tables, and update the README if it is asked for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each tool does it all (default: 3)")
    parser.add_argument("--files", type=int, default=FILES, help="how many small captures (default: 10000)")
    parser.add_argument("--directory", type=Path, help="where captures go (default: a memory file system, if any)")
    parser.add_argument(
        "--pcapconv", default=find_pcapconv(), help="the program (default: beside this Python, or PATH)"
    )
    parser.add_argument("--update-readme", action="store_true", help="write the tables into README.md here")
    arguments = parser.parse_args()
    editcap = shutil.which("editcap")
    if not arguments.pcapconv or not editcap:
        parser.error("pcapconv and editcap are both needed")
    with work_directory(arguments.directory) as directory:
        machine = describe_machine(directory)
        tables = measure(directory, arguments.pcapconv, editcap, arguments.files, arguments.rounds)
    facts = f"{machine['Processor']}, {machine['Cores']} cores, {machine['File system']}, {arguments.rounds} rounds\n"
    report.update_section(README, BEGIN, END, "\n".join([*tables, facts]), write=arguments.update_readme)
    return 0


if __name__ == "__main__":
    sys.exit(main())
