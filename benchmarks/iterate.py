"""Time loops over the packets of a capture: pcapconv from Python, and other libraries that are installed.

`--peers` names a Python that has them: dpkt, scapy, cypcap, fpcap, pycapng, python-pcapng.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from pathlib import Path
from statistics import median
from typing import Any

import report
from captures import MIXED, write_capture
from jobs import README
from readers import READERS
from run import say, work_directory
from tools import describe_machine

BEGIN = "<!-- iteration results: written by iterate.py --update-readme -->\n"
END = "<!-- end of iteration results -->\n"

SLOW = {"python-pcapng": 20}  # loops that read a capture with so many times fewer packets
LEAST = {"pcapconv": 3.0, "pcapconv, all fields": 3.0, "pcapconv, interpreted": 0.8}  # million packets a second
Rates = dict[tuple[str, str], list[float]]  # (reader, format) → million packets a second of processor time


def interpreters(peers: str) -> dict[str, tuple[str, str, str]]:
    """The loops: name → (Python, loop in `readers.py`, form of the kernels)."""
    found = {name: (sys.executable if name.startswith("pcapconv") else peers, name, "compiled") for name in READERS}
    return found | {"pcapconv, interpreted": (sys.executable, "pcapconv", "interpreted")}


def rate(python: str, loop: str, form: str, capture: Path, packets: int) -> float | None:
    """Run one loop, and return its million packets a second; None if the library is missing or reads other packets."""
    command = [python, str(Path(__file__).parent / "readers.py"), loop, str(capture)]
    environment = os.environ | {"PCAPCONV_KERNELS": form}
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
    seen: dict[str, Any] = (
        json.loads(done.stdout) if done.returncode == 0 else {"missing": done.stderr.strip().rpartition("\n")[2]}
    )
    if seen.get("packets") != packets:
        say(f"{loop}, {capture.name}: {seen.get('missing') or seen}")
        return None
    return float(packets / seen["processor"] / 10**6)


def measure(directory: Path, peers: str, rounds: int, scale: float) -> Rates:
    """Measure every loop on both formats, one after the other in each round."""
    packets = max(1, round(MIXED.packets * scale))
    counts = {name: max(1, packets // SLOW.get(name, 1)) for name in interpreters(peers)}
    for count in set(counts.values()):
        for suffix in ("pcap", "pcapng"):
            write_capture(directory / f"{count}.{suffix}", MIXED, count, suffix)
    rates: Rates = {}
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        for name, loop in interpreters(peers).items():
            for suffix in ("pcap", "pcapng"):
                if number and (name, suffix) not in rates:
                    continue
                found = rate(*loop, directory / f"{counts[name]}.{suffix}", counts[name])
                if found is not None:
                    rates.setdefault((name, suffix), []).append(found)
    return rates


def tables(rates: Rates) -> list[str]:
    """The targets and the rates as Markdown."""
    targets, shown = [], []
    for (name, suffix), values in rates.items():
        if name in LEAST:
            kept = "yes" if median(values) >= LEAST[name] else "**no**"
            targets.append((f"{name}, {suffix}", f"at least {LEAST[name]}", f"{median(values):.2f}", kept))
        shown.append((name, suffix, f"{median(values):.2f}", f"{min(values):.2f} to {max(values):.2f}"))
    shown.sort(key=lambda row: (row[1], -float(row[2])))
    return [
        report.table(("million packets a second", "limit", "measured", "met"), targets),
        report.table(("loop", "format", "million packets/s", "range"), shown, 2),
    ]


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--peers", default=sys.executable, help="the Python with other libraries (default: this one)")
    parser.add_argument("--rounds", type=int, default=3, help="how often each loop runs (default: 3)")
    parser.add_argument("--packets-scale", type=float, default=1.0, help="part of the packets to use, for a quick try")
    parser.add_argument("--directory", type=Path, help="where captures go (default: a memory file system, if any)")
    parser.add_argument("--update-readme", action="store_true", help="write the tables into README.md here")
    arguments = parser.parse_args()
    with work_directory(arguments.directory) as directory:
        machine = describe_machine(directory)
        shown = tables(measure(directory, arguments.peers, arguments.rounds, arguments.packets_scale))
    facts = f"{machine['Processor']}, {machine['Cores']} cores, {machine['File system']}, {arguments.rounds} rounds\n"
    report.update_section(README, BEGIN, END, "\n".join([*shown, facts]), write=arguments.update_readme)


if __name__ == "__main__":
    main()
