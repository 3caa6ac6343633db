"""Fuzzing led by coverage of all Python code, by atheris (libFuzzer): `pip install atheris`, for CPython 3.11 to 3.13.

Strategy: atheris counts edges, which the loop of `engine` does not, and chooses what to change; what a change is and
what must hold stays the same. It has to see pcapconv being imported, so it runs in a process of its own.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path


def main(seconds: int, into: Path) -> int:
    """Exit status 1 for findings, 2 without atheris."""
    if find_spec("atheris") is None:
        print("atheris is not installed: python -m pip install atheris", file=sys.stderr)
        return 2
    before = set(into.glob("*.case"))
    with tempfile.TemporaryDirectory(prefix="guided-") as folder:
        command = [sys.executable, __file__, str(into.resolve()), f"-max_total_time={seconds}", "-len_control=0"]
        command += ["-max_len=20000", "-print_final_stats=1", folder, str(Path(__file__).with_name("corpus"))]
        status = subprocess.run(command, env={**os.environ, "PCAPCONV_KERNELS": "interpreted"}).returncode
    found = sorted(set(into.glob("*.case")) - before)
    for path in found:
        print(path.with_suffix(".txt").read_text(encoding="utf-8"))
    print(f"{len(found)} findings")
    return 1 if found or status else 0


def _fuzz(into: Path, arguments: list[str]) -> None:
    import atheris

    with atheris.instrument_imports(include=["pcapconv"]):
        import pcapconv
        import pcapconv.batching
        import pcapconv.comparing
        import pcapconv.joining
        import pcapconv.normalizing
        import pcapconv.sidecar.edited.restore_edited_step
        import pcapconv.splitting  # noqa: F401 - instrumented by being imported here
    from fuzz.case import read_case
    from fuzz.engine import Fuzzer

    with tempfile.TemporaryDirectory(prefix="guided-") as folder:
        fuzzer = Fuzzer(os.getpid(), Path(folder), into)

        def one(content: bytes) -> None:
            try:
                case = read_case(content)
            except (ValueError, KeyError, TypeError):
                return
            fuzzer.step(case)

        def changed(content: bytes, most: int, seed: int) -> bytes:
            try:
                case = fuzzer.changed(read_case(content))
            except (ValueError, KeyError, TypeError):
                case = fuzzer.next()
            return case.as_bytes()[:most]

        atheris.Setup([sys.argv[0], *arguments], one, custom_mutator=changed)
        atheris.Fuzz()


if __name__ == "__main__":
    sys.path[0] = str(Path(__file__).resolve().parents[1])
    _fuzz(Path(sys.argv[1]), sys.argv[2:])
