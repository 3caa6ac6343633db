"""What a command line imports: each package takes its time before the first byte is read."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

WEB = Path(__file__).parent / "samples" / "web.pcap"
LOSSY = Path(__file__).parent / "samples" / "web.pcapng"  # much of which pcap cannot hold
MIXED = Path(__file__).parent / "samples" / "link-types-le.pcapng"
SLOW = {"asyncio", "concurrent.futures", "dataclasses", "importlib.metadata", "inspect", "logging", "multiprocessing"}
SLOW |= {"ssl", "subprocess", "unittest", "xml"}
BATCH = {"concurrent.futures", "logging", "subprocess"}  # which batches need
RICH = {"dataclasses", "inspect", "rich"}
LINES: dict[str, tuple[str, int, set[str]]] = {  # with its status, and what else it may import
    "convert": ("convert WEB out.pcapng", 0, set()),
    "convert with losses": ("convert LOSSY out.pcap -q", 0, set()),
    "convert with options": ("convert WEB out.pcapng -qf --after 0 --packets 1-3 --strip names --chop 4", 0, set()),
    "split": ("split WEB part.pcap --max-packets 20 -q", 0, set()),
    "join": ("join in.meta.json out.pcapng -q", 0, set()),
    "normalize": ("normalize WEB out.pcapng -f", 0, set()),
    "diff": ("diff WEB WEB --json", 0, set()),
    "normalize --check": ("normalize --check WEB", 1, set()),
    "normalize --check of a directory": ("normalize --check there", 1, BATCH),
    "normalize --in-place": ("normalize --in-place there/a.pcap -q", 0, set()),
    "batch of a small file": ("batch there out --to pcapng", 0, BATCH),
    "show": ("show WEB --first 3", 0, set()),
    "info": ("info WEB", 0, RICH),
    "info --json": ("info WEB --json", 0, RICH),
    "version": ("-V", 0, set()),
    "help": ("-h", 0, set()),
    "help of a command": ("batch --help", 0, set()),
    "no command": ("", 2, set()),
    "wrong command": ("covert a b", 2, set()),
    "wrong option": ("convert a b --forc", 2, set()),
    "wrong value": ("convert a b --first x", 2, set()),
    "not there": ("convert none.pcap out.pcap", 1, set()),
}
CODE = """
import sys
before = set(sys.modules)
from pcapconv.cli import run
status = run({words!r})
import json
sys.stdout.flush()
print("\\n" + json.dumps([status, sorted(set(sys.modules) - before)]))
"""


def imported(line: str, folder: Path) -> tuple[int, set[str]]:
    words = [{"WEB": str(WEB), "LOSSY": str(LOSSY)}.get(word, word) for word in line.split()]
    command = [sys.executable, "-P", "-c", CODE.format(words=words)]
    done = subprocess.run(command, check=True, capture_output=True, text=True, cwd=folder, timeout=60)
    status, modules = json.loads(done.stdout.splitlines()[-1])
    return status, set(modules)


@pytest.mark.parametrize(("line", "status", "more"), LINES.values(), ids=LINES)
def test_what_is_imported(line: str, status: int, more: set[str], tmp_path: Path) -> None:
    if line.startswith("join"):
        (tmp_path / "in.pcapng").write_bytes(MIXED.read_bytes())
        assert imported("split in.pcapng {stem}-{link_type}.pcap --by link-type --sidecar -q", tmp_path)[0] == 0
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "a.pcap").write_bytes(WEB.read_bytes())
    found, modules = imported(line, tmp_path)
    assert found == status
    packages = {name.partition(".")[0] for name in modules} - set(sys.stdlib_module_names)
    packages = {name for name in packages if "cython" not in name}  # parts of the compiled kernels
    assert packages <= {"pcapconv", *more}
    assert "pcapconv.cli" in modules
    assert modules & SLOW <= more
    if not more:
        assert [name for name in modules if name.startswith("pcapconv.batching")] == []


def test_typer_is_for_completion_alone(tmp_path: Path) -> None:
    status, modules = imported("--show-completion", tmp_path)
    assert "typer" in modules
    assert status in (0, 1)  # which shell it is, if any, depends on where the tests run
