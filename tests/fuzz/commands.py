"""Run the fuzzer, see a finding again, choose a small corpus, check the compiled kernels with sanitizers."""

from __future__ import annotations

import argparse
import time
import traceback
from pathlib import Path

from fuzz import corpus, engine, findings, guided, sanitized, watch
from fuzz.case import CORPUS, read_case

FINDINGS = Path("fuzz-findings")


def main() -> int:
    """Exit status 1 for findings."""
    parser = argparse.ArgumentParser(prog="python tests/fuzz", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    run = commands.add_parser("run", help="fuzz for a while, in some processes")
    run.add_argument("--seconds", type=float, default=60)
    run.add_argument("--seed", type=int, default=int(time.time()), help="by default another one each time")
    run.add_argument("--workers", type=int, default=2)
    run.add_argument("--into", type=Path, default=FINDINGS, help="where findings go")
    run.add_argument("--keep", type=Path, help="where inputs go that reach something new")
    replay = commands.add_parser("replay", help="see findings again, or run any cases")
    replay.add_argument("cases", type=Path, nargs="+")
    small = commands.add_parser("corpus", help="choose few and small cases that reach all that these reach")
    small.add_argument("folders", type=Path, nargs="+")
    small.add_argument("--into", type=Path, default=CORPUS)
    clean = commands.add_parser("sanitized", help="tests and fuzzer on kernels with AddressSanitizer and UBSan")
    clean.add_argument("--seconds", type=float, default=60)
    led = commands.add_parser("guided", help="fuzz led by atheris, where that is installed")
    led.add_argument("--seconds", type=int, default=60)
    work = commands.add_parser("work", help="one process of `run`")
    work.add_argument("--seed", type=int, required=True)
    work.add_argument("--seconds", type=float, required=True)
    work.add_argument("--folder", type=Path, required=True)
    asked = parser.parse_args()
    if asked.command == "run":
        return _run(asked)
    if asked.command == "replay":
        return max(map(_replay, asked.cases))
    if asked.command == "corpus":
        return corpus.choose(asked.folders, asked.into)
    if asked.command == "sanitized":
        return sanitized.main(asked.seconds)
    if asked.command == "guided":
        return guided.main(asked.seconds, FINDINGS)
    engine.work(asked.seed, asked.seconds, asked.folder)
    return 0


def _run(asked: argparse.Namespace) -> int:
    print(f"seed {asked.seed}", flush=True)
    found, summaries = watch.fuzz(asked.seconds, asked.seed, asked.workers, asked.into, asked.keep)
    print(*summaries, sep="\n")
    for path in found:
        print(path.with_suffix(".txt").read_text(encoding="utf-8"))
    print(f"{len(found)} findings" + (f", in {asked.into}" if found else ""))
    return 1 if found else 0


def _replay(path: Path) -> int:
    case = read_case(path.read_bytes())
    print(f"{path}: {case.target} {case.options}, {case.size} bytes", flush=True)
    for seed in range(3):
        error = findings.attempt(case, findings.ROUTES_AGAIN, seed)
        if error is not None:
            traceback.print_exception(error)
            return 1
    print("nothing is wrong")
    return 0
