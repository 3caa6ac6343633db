"""Time how fast packets become tables: `to_arrow` and `write_table`, without and with the packets' bytes or headers.

Each measurement is a process of its own, which first makes a table of a packet; the time of that is shown apart.
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
from pathlib import Path
from statistics import median

import report
from captures import MIXED, write_capture
from jobs import README
from run import say, work_directory
from tools import describe_machine

BEGIN = "<!-- table results: written by table.py --update-readme -->\n"
END = "<!-- end of table results -->\n"
LEAST = 5.0  # million packets a second without data

MEASURE = """
import sys, time
begin = time.process_time()
import pcapconv
path, what, target = sys.argv[1:4]
columns = [name for name in sys.argv[4].split(",") if name] or None
def make_table(path):
    if what == "to_arrow":
        with pcapconv.open(path) as capture:
            return sum(each.num_rows for each in capture.to_arrow(columns))
    return pcapconv.write_table(path, target, to=what, columns=columns, force=True).packets_written
make_table(sys.argv[5])
imported = time.process_time() - begin
begin = time.process_time()
packets = make_table(path)
seconds = time.process_time() - begin
peak = [line.split()[1] for line in open("/proc/self/status") if line.startswith("VmHWM")][0]
print(packets, seconds, imported, int(peak) >> 10)
"""
ENDS = "source_address,source_port,destination_address,destination_port"
HEADERS = f"number,time,original_length,last_protocol,{ENDS},tcp_flags"
WAYS = {
    "to_arrow": ("to_arrow", ""),
    "to_arrow, data too": ("to_arrow", "number,time,captured_length,original_length,interface,direction,comments,data"),
    "to_arrow, headers": ("to_arrow", HEADERS),
    "table x.arrow": ("arrow", ""),
    "table x.parquet": ("parquet", ""),
    "table x.parquet, headers": ("parquet", HEADERS),
    "table x.parquet, data too": ("parquet", "number,time,captured_length,original_length,interface,data"),
    "to_arrow, interpreted": ("to_arrow", ""),
}
Measured = tuple[float, float, int]  # million packets a second of processor time, seconds of the start, MiB


def measure_once(way: str, capture: Path, packets: int) -> Measured:
    """Run one way in a process of its own."""
    what, columns = WAYS[way]
    environment = os.environ | {"PCAPCONV_KERNELS": "interpreted" if way.endswith("interpreted") else "compiled"}
    command = [sys.executable, "-c", MEASURE, str(capture), what, str(capture.parent / f"x.{what}"), columns]
    command.append(str(capture.parent / f"one.{capture.name}"))
    done = subprocess.run(command, capture_output=True, text=True, env=environment, check=True)
    found, seconds, imported, peak = done.stdout.split()
    assert int(found) == packets
    return packets / float(seconds) / 10**6, float(imported), int(peak)


def measure(directory: Path, rounds: int, packets: int) -> dict[tuple[str, str], list[Measured]]:
    """Measure every way on both formats, one after the other in each round."""
    measured: dict[tuple[str, str], list[Measured]] = {}
    for suffix in ("pcap", "pcapng"):
        write_capture(directory / f"x.{suffix}", MIXED, packets, suffix)
        write_capture(directory / f"one.x.{suffix}", MIXED, 1, suffix)
    for number in range(rounds):
        say(f"round {number + 1} of {rounds}")
        for way in WAYS:
            for suffix in ("pcap", "pcapng"):
                measured.setdefault((way, suffix), []).append(measure_once(way, directory / f"x.{suffix}", packets))
    return measured


def rows(measured: dict[tuple[str, str], list[Measured]]) -> list[tuple[str, ...]]:
    """Return the rows of the table of results."""
    shown: list[tuple[str, ...]] = []
    for (way, suffix), values in measured.items():
        rate = median(value[0] for value in values)
        has_limit = not any(word in way for word in ("data", "headers", "interpreted"))
        limit = (f"at least {LEAST}", "yes" if rate >= LEAST else "**no**") if has_limit else ("", "")
        shown.append((way, suffix, *limit, f"{rate:.2f}", f"{max(value[2] for value in values)} MiB"))
    return shown


def main() -> None:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3, help="how often each way runs (default: 3)")
    parser.add_argument("--packets-scale", type=float, default=1.0, help="part of the packets to use, for a quick try")
    parser.add_argument("--directory", type=Path, help="where captures go (default: a memory file system, if any)")
    parser.add_argument("--update-readme", action="store_true", help="write the table into README.md here")
    arguments = parser.parse_args()
    packets = max(1, round(MIXED.packets * arguments.packets_scale))
    with work_directory(arguments.directory) as directory:
        machine = describe_machine(directory)
        measured = measure(directory, arguments.rounds, packets)
    imported = median(value[1] for values in measured.values() for value in values)
    facts = f"{machine['Processor']}, {machine['Cores']} cores, {machine['File system']}, {arguments.rounds} rounds"
    head = ("table", "format", "limit", "met", "million packets/s", "peak memory")
    start = f"The start, with the imports of pyarrow, took {imported:.2f} s more."
    text = f"{report.table(head, rows(measured), 4)}\n{facts}. {start}\n"
    report.update_section(README, BEGIN, END, text, write=arguments.update_readme)


if __name__ == "__main__":
    main()
