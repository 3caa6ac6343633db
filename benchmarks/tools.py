"""The programs that are timed: their command lines, paths and versions; and facts about the machine."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

from captures import FORMATS, START_US, STEP_US
from results import CONVERT, CUT, SELECT, SPLIT, Case

JOBS = (CONVERT, SELECT, CUT, SPLIT)
PARTS = 20
PCAPCONV = "pcapconv"
INTERPRETED = "pcapconv, interpreted"


@dataclass(frozen=True)
class Tool:
    """A program, and its arguments for a case: it reads `source` and writes `target`. `writes` are its target formats;
    `conversions_only` tells that it takes no part in copies."""

    name: str
    program: str
    arguments: Callable[[Case, str, str], list[str]]
    environment: dict[str, str] = field(default_factory=dict)
    writes: tuple[str, ...] = FORMATS
    jobs: tuple[str, ...] = (CONVERT,)
    conversions_only: bool = False

    def command(self, case: Case, source: Path, target: Path) -> list[str]:
        """The whole command line."""
        return [self.program, *self.arguments(case, str(source), str(target))]

    def does(self, case: Case) -> bool:
        """Return whether this tool takes part in a case."""
        if self.conversions_only and not case.is_conversion:
            return False
        return case.job in self.jobs and case.target in self.writes


def kernels(kind: str) -> dict[str, str]:
    """The environment variable that chooses pcapconv's kernels."""
    return {"PCAPCONV_KERNELS": kind}


def one_percent(case: Case) -> tuple[str, str]:
    """The begin and end of the middle hundredth of a capture's time, in whole seconds since 1970, since editcap 4 takes
    no fractions."""
    middle, length = case.packets * STEP_US // 2, max(1, case.packets * STEP_US // 100 // 1_000_000)
    start = (START_US + middle) // 1_000_000
    return str(start), str(start + length)


def pcapconv_arguments(case: Case, source: str, target: str) -> list[str]:
    """Arguments of pcapconv, to which the target's suffix tells the format."""
    if case.job == SPLIT:
        return ["split", source, target, "--max-packets", str(case.packets // PARTS)]
    options = {SELECT: dict(zip(("--after", "--before"), one_percent(case), strict=True)), CUT: {"--snaplen": "64"}}
    return ["convert", source, target, *chain.from_iterable(options.get(case.job, {}).items())]


def cp_arguments(_: Case, source: str, target: str) -> list[str]:
    """Arguments of cp, which copies and never converts."""
    return [source, target]


def editcap_arguments(case: Case, source: str, target: str) -> list[str]:
    """Arguments of editcap."""
    start, stop = one_percent(case)
    jobs = {SELECT: ["-A", start, "-B", stop], CUT: ["-s", "64"], SPLIT: ["-c", str(case.packets // PARTS)]}
    return ["-F", case.target, *jobs.get(case.job, []), source, target]


def tcpdump_arguments(_: Case, source: str, target: str) -> list[str]:
    """Arguments of tcpdump, which writes pcap only."""
    return ["-r", source, "-w", target]


def find_pcapconv() -> str | None:
    """The pcapconv beside this Python, or else the one on PATH; None if there is none."""
    beside = Path(sys.executable).parent / PCAPCONV
    return str(beside) if os.access(beside, os.X_OK) else shutil.which(PCAPCONV)


def find_tools(pcapconv: str | None) -> list[Tool]:
    """The tools that this machine has."""
    ours = shutil.which(pcapconv or "") or ""
    tools = [
        Tool(PCAPCONV, ours, pcapconv_arguments, kernels("compiled"), jobs=JOBS),
        Tool("cp", shutil.which("cp") or "", cp_arguments),
        Tool("editcap", shutil.which("editcap") or "", editcap_arguments, {"TZ": "UTC"}, jobs=JOBS),
        Tool("tcpdump", shutil.which("tcpdump") or "", tcpdump_arguments, writes=("pcap",)),
        Tool(INTERPRETED, ours, pcapconv_arguments, kernels("interpreted"), conversions_only=True),
    ]
    return [tool for tool in tools if tool.program]


def version(tool: Tool) -> str:
    """The version that a tool prints, on one line."""
    environment = {**os.environ, **tool.environment}
    done = subprocess.run([tool.program, "--version"], capture_output=True, text=True, env=environment, check=False)
    lines = [line.strip() for line in (done.stdout + done.stderr).splitlines() if line.strip()]
    if tool.name not in (PCAPCONV, INTERPRETED):
        lines = lines[:2] if tool.name == "tcpdump" else lines[:1]
    return re.sub(r"(?:/[\w.+-]+){2,}/", "", ", ".join(lines)).removesuffix(".")


def first_match(path: str, pattern: str) -> str:
    """The first group of a pattern in a system file; empty if it is not found."""
    try:
        found = re.search(pattern, Path(path).read_text(), re.MULTILINE)
    except OSError:
        return ""
    return found[1].strip() if found else ""


def available_memory() -> int:
    """The bytes of memory that programs can still take; 0 if the system does not tell."""
    return int(first_match("/proc/meminfo", r"^MemAvailable:\s+(\d+)") or 0) * 1024


def filesystem(directory: Path) -> str:
    """The type of the file system that holds a directory."""
    done = subprocess.run(["stat", "-f", "-c", "%T", str(directory)], capture_output=True, text=True, check=False)
    return done.stdout.strip() or "unknown"


def describe_machine(directory: Path) -> dict[str, str]:
    """The facts about this machine that the numbers depend on."""
    memory = int(first_match("/proc/meminfo", r"^MemTotal:\s+(\d+)") or 0)
    virtual = "hypervisor" in first_match("/proc/cpuinfo", r"^flags\s*:(.*)$").split()
    return {
        "Processor": first_match("/proc/cpuinfo", r"^model name\s*:(.*)$") or platform.machine(),
        "Cores": f"{os.cpu_count()}{' (virtual machine)' if virtual else ''}",
        "Memory": f"{memory / 2**20:.0f} GiB",
        "Kernel": f"{platform.system()} {platform.release()}",
        "File system": filesystem(directory),
        "Python": f"{platform.python_implementation()} {platform.python_version()}",
    }
