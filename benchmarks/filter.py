"""Time `pcapconv convert --filter` against tcpdump with the same expressions on the same capture."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path
from statistics import median

from captures import MIXED, write_capture
from jobs import Job, command, job_table, target_table, time_jobs
from run import keep_warm, say

BEGIN = "<!-- filter results: written by filter.py --update-readme -->\n"
END = "<!-- end of filter results -->\n"

LIMIT = 1.5  # times tcpdump's time
SOURCE = "in.pcap"
EXPRESSIONS = {  # by how many packets match
    "none": "host 192.0.2.1 and tcp port 443",
    "1 in 50": "udp src portrange 40000-40199",
    "half": "udp dst port 9 and greater 100",
    "all": "udp",
}


def jobs_of(program: str, tcpdump: str) -> list[Job]:
    """For each expression, the job of pcapconv and that of tcpdump."""
    jobs = []
    for matches, expression in EXPRESSIONS.items():
        arguments = [program, "convert", SOURCE, "out.pcap", "--force", "-q", "--filter", expression]
        jobs.append(Job(f"{matches}: pcapconv", arguments))
        jobs.append(Job(f"{matches}: tcpdump", [tcpdump, "-r", SOURCE, "-w", "out.pcap", expression]))
    return jobs


def measure(directory: Path, program: str, rounds: int, scale: float) -> list[str]:
    """Measure everything, one job after the other in each round; return the tables as Markdown."""
    tcpdump = shutil.which("tcpdump")
    if tcpdump is None:
        raise SystemExit("tcpdump was not found")
    packets = max(1, round(MIXED.packets * scale))
    say(f"writing {packets:,} packets")
    keep_warm(directory, 2 * write_capture(directory / SOURCE, MIXED, packets, "pcap"))
    jobs = jobs_of(str(Path(program).resolve()), tcpdump)
    output, sizes = directory / "out.pcap", dict[str, int]()

    def check(job: Job, _: int) -> None:
        size = output.stat().st_size
        if sizes.setdefault(job.name.partition(":")[0], size) != size:
            raise SystemExit(f"{job.name} wrote {size} bytes, and another program a different number")

    time_jobs(jobs, directory, rounds, before=lambda: output.unlink(missing_ok=True), after=check)
    met = []
    for ours, theirs in zip(jobs[::2], jobs[1::2]):
        ratio = median(ours.seconds) / median(theirs.seconds)
        met.append((f"{ours.name} / {theirs.name}", f"at most {LIMIT}", f"{ratio:.2f}", ratio <= LIMIT))
    listed = "; ".join(f"{matches}: `{expression}`" for matches, expression in EXPRESSIONS.items())
    return [
        target_table(met),
        job_table(jobs),
        f"{packets:,} packets as pcap. {listed}\n",
    ]


if __name__ == "__main__":
    sys.exit(command(__doc__, measure, BEGIN, END))
