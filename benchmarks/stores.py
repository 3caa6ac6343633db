"""Measure `pcapconv batch` from S3 to S3, with moto as the server: memory of a process, requests and time."""

from __future__ import annotations

import argparse
import importlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import report
from batch import sample_memory
from captures import MIXED, write_capture
from run import say, work_directory
from tools import find_pcapconv

SIZES = (1_000, 250_000, 1_000_000)  # packets
MEMORY_LIMIT = 130 * 2**20
SERVER = """
import logging, sys, threading
from moto.server import ThreadedMotoServer
logging.basicConfig(filename=sys.argv[1], level=logging.INFO, format="%(message)s")
server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
server.start()
print(*server.get_host_and_port(), flush=True)
threading.Event().wait()
"""
CREDENTIALS = {
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "AWS_DEFAULT_REGION": "us-east-1",
    "AWS_EC2_METADATA_DISABLED": "true",
    "NO_PROXY": "*",
}


@contextmanager
def serving(log: Path) -> Iterator[dict[str, str]]:
    """Start an S3 server in a process of its own, which logs its requests; yield the environment for its users."""
    with subprocess.Popen([sys.executable, "-c", SERVER, str(log)], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            host, port = server.stdout.readline().split()
            yield {**os.environ, **CREDENTIALS, "AWS_ENDPOINT_URL": f"http://{host}:{port}"}
        finally:
            server.terminate()


def measure(program: str, environment: dict[str, str], log: Path, s3: Any, source: Path) -> tuple[float, int, int]:
    """Run a batch of one object in a new bucket; return its seconds, the peak memory of a process in bytes, and the
    number of requests."""
    bucket = source.stem
    s3.create_bucket(Bucket=bucket)
    s3.upload_file(str(source), bucket, f"raw/{source.name}")
    requests = len(log.read_text().splitlines())
    begun = time.monotonic()
    command = [program, "batch", f"s3://{bucket}/raw", f"s3://{bucket}/new", "--to", "pcapng", "--jobs", "1", "-q"]
    process = subprocess.Popen(command, env=environment)
    peaks: Counter[int] = Counter()
    over = threading.Event()
    sampler = threading.Thread(target=sample_memory, args=(process.pid, peaks, over))
    sampler.start()
    status = process.wait()
    seconds = time.monotonic() - begun
    over.set()
    sampler.join()
    if status:
        raise SystemExit(f"{' '.join(command)} ended with status {status}")
    return seconds, max(peaks.values()), len(log.read_text().splitlines()) - requests


def main() -> int:
    """Measure and print; return the exit status, 1 if a process takes too much memory."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument(
        "--pcapconv", default=find_pcapconv(), help="the program (default: beside this Python, or PATH)"
    )
    arguments = parser.parse_args()
    if not arguments.pcapconv:
        parser.error("pcapconv is needed")
    rows, highest = [], 0
    with work_directory(None) as directory, tempfile.TemporaryDirectory() as logs:
        log = Path(logs) / "requests"
        with serving(log) as environment:
            os.environ.update(environment)
            s3 = importlib.import_module("boto3").client("s3")
            for packets in SIZES:
                source = directory / f"packets-{packets}.pcap"
                write_capture(source, MIXED, packets, "pcap")
                say(f"an object of {packets:,} packets")
                seconds, peak, requests = measure(arguments.pcapconv, environment, log, s3, source)
                highest = max(highest, peak)
                size = source.stat().st_size
                rows.append((report.mebibytes(size), f"{seconds:.1f}", str(requests), report.mebibytes(peak)))
    print(report.table(("object, MiB", "seconds", "requests", "MiB a process"), rows, 4))
    print(f"a process takes at most {MEMORY_LIMIT >> 20} MiB: {'yes' if highest <= MEMORY_LIMIT else 'no'}")
    return int(highest > MEMORY_LIMIT)


if __name__ == "__main__":
    sys.exit(main())
