"""Time pcapconv against cp, editcap and tcpdump on generated captures, and measure its memory and its start."""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import report
from captures import (
    FORMATS,
    MIXED,
    POOL_SIZE,
    SMALL,
    STEP_US,
    Traffic,
    packet_sizes,
    pool_random,
    write_capture,
)
from results import CUT, LAST, SELECT, SPLIT, Case, Memory, Results, Timing, save
from tools import (
    PCAPCONV,
    Tool,
    available_memory,
    describe_machine,
    find_pcapconv,
    find_tools,
    one_percent,
    version,
)

HERE = Path(__file__).resolve().parent
LAUNCHER = [sys.executable, "-I", "-S", str(HERE / "launch.py")]
MEMORY_FILESYSTEM = Path("/dev/shm")
STARTS = 20
MEMORY_PACKETS = (20_000, 200_000, 2_000_000, 6_000_000)
BYTES_PER_PACKET = 400  # mixed traffic as pcapng, roughly
BEGUN = time.monotonic()
SIZE_SLACK = 64 * 1024  # what a tool's own options may add to an output


def say(text: str) -> None:
    """Print a message about the progress on stderr, with the seconds since the script began."""
    print(f"{time.monotonic() - BEGUN:4.0f} s: {text}", file=sys.stderr, flush=True)


def launch(
    command: list[str], environment: dict[str, str], *, directory: Path | None = None, status: int = 0
) -> tuple[float, int]:
    """Run a command, which must end with the exit status `status`; return its wall time in seconds and its peak memory
    in bytes."""
    surroundings = {**os.environ, **environment}
    surroundings.pop("PYTHONDONTWRITEBYTECODE", None)  # an installed program has its byte code
    done = subprocess.run(
        [*LAUNCHER, *command],
        capture_output=True,
        text=True,
        env=surroundings,
        cwd=directory,
        check=True,
    )
    seconds, peak, ended = done.stdout.split()
    if ended != str(status):
        raise SystemExit(f"{' '.join(command)} ended with status {ended}: {done.stderr.strip()}")
    return float(seconds), int(peak)


def launch_into(
    outputs: Path, command: list[str], environment: dict[str, str], *, directory: Path | None = None
) -> tuple[float, int, int]:
    """Run a command that writes into `outputs`, a directory that exists meanwhile; return its wall time in seconds,
    its peak memory in bytes, and how many bytes it wrote."""
    outputs.mkdir()
    seconds, peak = launch(command, environment, directory=directory)
    written = sum(path.stat().st_size for path in outputs.iterdir())
    shutil.rmtree(outputs)
    return seconds, peak, written


def capture_path(directory: Path, case: Case, file_format: str) -> Path:
    """The path of a case's capture in a format."""
    return directory / f"{case.traffic}-{case.packets}.{file_format}"


def run_once(tool: Tool, case: Case, directory: Path, expected_bytes: int) -> tuple[float, int]:
    """Have a tool do a case, without output of an earlier run; return its wall time in seconds and its peak memory in
    bytes."""
    source = capture_path(directory, case, case.source)
    outputs = directory / "outputs"
    command = tool.command(case, source, outputs / f"output.{case.target}")
    seconds, peak, written = launch_into(outputs, command, tool.environment)
    if tool.name != "cp" and abs(written - expected_bytes) > SIZE_SLACK:
        raise SystemExit(f"{tool.name} wrote {written} bytes, not about {expected_bytes}: {case}")
    return seconds, peak


def expected_size(case: Case, sizes: dict[str, int], directory: Path) -> int:
    """The approximate size of a case's output, in bytes, all files together."""
    size = sizes[capture_path(directory, case, case.target).name]
    if case.job == SELECT:
        start, stop = map(int, one_percent(case))
        return size * (stop - start) * 1_000_000 // STEP_US // case.packets
    if case.job == CUT:
        unit = 4 if case.target == "pcapng" else 1  # pcapng pads packets to 4 bytes
        lengths = (-(-length // unit) * unit for length in packet_sizes(MIXED, pool_random(MIXED)))
        saved = sum(max(0, length - 64) for length in lengths)
        return size - saved * case.packets // POOL_SIZE
    return size


def keep_warm(directory: Path, size: int) -> None:
    """Use `size` bytes of memory once, so that the system keeps them.

    A virtual machine hands large free areas back to its host, and is slow, at random moments, when it takes them again.
    A page that stays in use in every 256 KiB leaves no such areas.
    """
    filler, page = bytes(252 * 1024), bytes(4096)
    path = directory / "filler"
    with path.open("wb", buffering=0) as free, (directory / "kept").open("wb", buffering=0) as kept:
        for _ in range(0, size, len(filler) + len(page)):
            free.write(filler)
            kept.write(page)
    path.unlink()


def make_cases(scale: float) -> list[Case]:
    """The cases: both conversions of both kinds of traffic, and copies and other jobs in one format on the mixed
    traffic."""
    ways = [(source, target) for source in FORMATS for target in FORMATS]
    cases = [
        Case(traffic.name, max(1, round(traffic.packets * scale)), source, target)
        for traffic in (MIXED, SMALL)
        for source, target in ways
        if source != target or traffic is MIXED
    ]
    jobs = [Case(MIXED.name, cases[0].packets, way, way, job) for way in FORMATS for job in (SELECT, CUT, SPLIT)]
    return sorted(cases, key=lambda case: not case.is_conversion) + jobs


def needed_bytes(cases: list[Case]) -> int:
    """The bytes for each capture in both formats, and for the outputs: as much again as the largest capture takes in
    both formats."""
    counts = {case.traffic: case.packets for case in cases}.values()
    return 2 * BYTES_PER_PACKET * (sum(counts) + max(counts))


def write_formats(directory: Path, traffic: Traffic, packets: int) -> dict[str, int]:
    """Write one capture in both formats; return the sizes by file name."""
    sizes = {}
    for file_format in FORMATS:
        path = capture_path(directory, Case(traffic.name, packets, "", ""), file_format)
        sizes[path.name] = write_capture(path, traffic, packets, file_format)
    return sizes


def write_inputs(directory: Path, cases: list[Case]) -> dict[str, int]:
    """Write every capture that the cases read; return the sizes by file name."""
    counts = {case.traffic: case.packets for case in cases}
    sizes: dict[str, int] = {}
    for traffic in (MIXED, SMALL):
        say(f"writing {counts[traffic.name]:,} packets, {traffic.name}")
        sizes |= write_formats(directory, traffic, counts[traffic.name])
    return sizes


def warm_up(tools: list[Tool], cases: list[Case], directory: Path, sizes: dict[str, int]) -> None:
    """Run every tool once on the first conversions, unmeasured."""
    say("warming up")
    keep_warm(directory, 2 * max(sizes.values()))
    for case in cases[:2]:
        for tool in tools:
            if tool.does(case):
                run_once(tool, case, directory, expected_size(case, sizes, directory))


def time_tools(results: Results, tools: list[Tool], cases: list[Case], directory: Path) -> None:
    """Time every tool on every case once a round; each round begins with another tool."""
    slots = [Timing(case, tool.name) for case in cases for tool in tools if tool.does(case)]
    results.timings = slots
    by_name = {tool.name: tool for tool in tools}
    for number in range(results.rounds):
        say(f"round {number + 1} of {results.rounds}")
        for case in cases:
            row = [slot for slot in slots if slot.case == case]
            turn = number % len(row)
            expected = expected_size(case, results.file_bytes, directory)
            for slot in row[turn:] + row[:turn]:
                seconds, peak = run_once(by_name[slot.tool], case, directory, expected)
                slot.seconds.append(seconds)
                slot.peak_bytes = max(slot.peak_bytes, peak)


def measure_memory(tool: Tool, directory: Path, scale: float) -> list[Memory]:
    """The peak memory of both conversions, and of `--last` on a pipe, at several file sizes."""
    measured = []
    for packets in (max(1, round(count * scale)) for count in MEMORY_PACKETS):
        if not has_room(directory, 3 * packets * BYTES_PER_PACKET):
            say(f"memory at {packets:,} packets: left out, no room")
            continue
        say(f"memory at {packets:,} packets")
        sizes = write_formats(directory, MIXED, packets)
        for source, target in (FORMATS, FORMATS[::-1]):
            case = Case(MIXED.name, packets, source, target)
            name = capture_path(directory, case, source).name
            _, peak = run_once(tool, case, directory, sizes[capture_path(directory, case, target).name])
            measured.append(Memory(case, sizes[name], peak))
        measured.append(measure_last(tool, directory, packets, sizes))
        remove(directory, sizes)
    return measured


def measure_last(tool: Tool, directory: Path, packets: int, sizes: dict[str, int]) -> Memory:
    """The peak memory of `convert --last 1000000` on a pipe."""
    case = Case(MIXED.name, packets, "pcapng", "pcapng", LAST)
    source, target = capture_path(directory, case, case.source), directory / "output.pcapng"
    script = 'cat "$1" | "$2" convert - "$3" --last 1000000'
    _, peak = launch(["/bin/sh", "-c", script, "sh", str(source), tool.program, str(target)], tool.environment)
    target.unlink()
    return Memory(case, sizes[source.name], peak)


def measure_start(tool: Tool) -> list[float]:
    """The wall times of `pcapconv --version`, in seconds."""
    say("start of pcapconv")
    launch([tool.program, "--version"], tool.environment)
    return [launch([tool.program, "--version"], tool.environment)[0] for _ in range(STARTS)]


def remove(directory: Path, sizes: dict[str, int]) -> None:
    """Delete the captures that `sizes` names."""
    for name in sizes:
        (directory / name).unlink()


def has_room(directory: Path, size: int) -> bool:
    """Return whether a directory can take `size` more bytes, and so can memory if the directory lies there."""
    in_memory = MEMORY_FILESYSTEM in directory.parents
    free = [shutil.disk_usage(directory).free] + ([available_memory()] if in_memory else [])
    return size < 0.8 * min(free)


@contextmanager
def work_directory(wanted: Path | None) -> Iterator[Path]:
    """Yield a new directory in `wanted`, or else in memory if the system has such a file system; delete it at the
    end."""
    parent = wanted or (MEMORY_FILESYSTEM if os.access(MEMORY_FILESYSTEM, os.W_OK) else None)
    with tempfile.TemporaryDirectory(prefix="pcapconv-benchmark-", dir=parent) as name:
        yield Path(name).resolve()


def measure(directory: Path, tools: list[Tool], rounds: int, scale: float) -> Results:
    """Measure everything and return the results."""
    today = datetime.now(UTC).date().isoformat()
    versions = {tool.name: version(tool) for tool in tools}
    results = Results(today, rounds, describe_machine(directory), versions)
    cases = make_cases(scale)
    if not has_room(directory, needed_bytes(cases)):
        raise SystemExit(f"{directory.parent} has no room for the captures; give --directory or --packets-scale")
    results.file_bytes = write_inputs(directory, cases)
    warm_up(tools, cases, directory, results.file_bytes)
    time_tools(results, tools, cases, directory)
    remove(directory, results.file_bytes)
    for tool in tools:
        if tool.name == PCAPCONV:
            results.startup_seconds = measure_start(tool)
            results.memory = measure_memory(tool, directory, scale)
    return results


def parse_arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5, help="how often each tool does each case (default: 5)")
    parser.add_argument("--packets-scale", type=float, default=1.0, help="part of the packets to use, for a quick try")
    parser.add_argument("--directory", type=Path, help="where captures go (default: a memory file system, if any)")
    parser.add_argument(
        "--pcapconv", default=find_pcapconv(), help="the program (default: beside this Python, or PATH)"
    )
    parser.add_argument("--json", type=Path, help="write the results to this file")
    parser.add_argument(
        "--update-readme", action="store_true", help="write results.json, results.svg and README.md here"
    )
    parser.add_argument("--check", action="store_true", help="exit with status 1 when a target is missed")
    arguments = parser.parse_args()
    if arguments.rounds < 1 or arguments.packets_scale <= 0:
        parser.error("--rounds and --packets-scale must be above 0")
    if arguments.directory and not arguments.directory.is_dir():
        parser.error(f"{arguments.directory} is not a directory")
    if arguments.pcapconv and not shutil.which(arguments.pcapconv):
        parser.error(f"{arguments.pcapconv} is not a program")
    return arguments


def main() -> int:
    """Measure, print the tables, and write the files that were asked for. Returns 1 with `--check` if a target is
    missed."""
    arguments = parse_arguments()
    tools = find_tools(arguments.pcapconv)
    if not arguments.pcapconv:
        say("pcapconv was not found: only the other tools are measured")
    with work_directory(arguments.directory) as directory:
        results = measure(directory, tools, arguments.rounds, arguments.packets_scale)
    print(report.as_text(results))
    if arguments.json:
        save(results, arguments.json)
    if arguments.update_readme:
        save(results, report.RESULTS)
        report.update_files(results)
    return int(arguments.check and not all(target.met for target in report.targets(results)))


if __name__ == "__main__":
    sys.exit(main())
