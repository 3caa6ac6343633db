"""What is public has types: `mypy --strict` and `pyright` in strict mode accept `typed_program.py`, which also runs,
and find the mistakes that users make.

pyright comes with its own Node (`pyright[nodejs]` of the extra `test`), and needs no network.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import pcapconv

PROGRAM = Path(__file__).parent / "typed_program.py"
WEB = Path(__file__).parent / "samples" / "web.pcapng"
ROOT = Path(pcapconv.__file__).parents[1]

MISTAKES = """\
import pcapconv

pcapconv.convert("a", "b", after=1.5)
pcapconv.convert("a", "b", packets=["1"])
pcapconv.convert("a", "b", first="3")
pcapconv.convert("a", "b", on_loss="shrug")
pcapconv.convert("a", "b", aftre="2024-05-01")
pcapconv.split("a", "b", interval=1.5)
pcapconv.info("a").packet
pcapconv.diff("a", "b", show="5")
pcapconv.create("a").write("text", time_ns=1)
"""

Checker = Callable[[Path, Path], tuple[int, list[int], str]]


def mypy(program: Path, folder: Path) -> tuple[int, list[int], str]:
    """The status, the lines with errors, and the output."""
    command = [sys.executable, "-P", "-m", "mypy", "--strict", "--follow-imports=silent", "--no-error-summary"]
    command += ["--hide-error-context", "--no-pretty", f"--cache-dir={folder / 'mypy'}", "--config-file=", str(program)]
    # mypy finds what is installed by itself, and refuses its folder as a path.
    environment = os.environ if ROOT.name == "site-packages" else {**os.environ, "MYPYPATH": str(ROOT)}
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, timeout=300)
    lines = [line.removeprefix(str(program)).split(":") for line in done.stdout.splitlines() if ": error:" in line]
    return done.returncode, sorted({int(parts[1]) for parts in lines}), done.stdout + done.stderr


def pyright(program: Path, folder: Path) -> tuple[int, list[int], str]:
    """The same with pyright."""
    copy = folder / "program" / program.name  # it looks only at files below its settings
    copy.parent.mkdir()
    copy.write_bytes(program.read_bytes())
    settings = {"include": ["program"], "typeCheckingMode": "strict", "extraPaths": [str(ROOT)]}
    (folder / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    command = [sys.executable, "-P", "-m", "pyright", "--outputjson", "--pythonpath", sys.executable, "-p", str(folder)]
    environment = {**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    done = subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, timeout=300)
    result = json.loads(done.stdout)
    assert result["summary"]["filesAnalyzed"] == 1, done.stdout
    found = [each for each in result["generalDiagnostics"] if each["severity"] == "error"]
    return done.returncode, sorted({each["range"]["start"]["line"] + 1 for each in found}), done.stdout + done.stderr


@pytest.fixture(params=[mypy, pyright])
def checker(request: pytest.FixtureRequest) -> Checker:
    pytest.importorskip(request.param.__name__)
    found: Checker = request.param
    return found


def test_the_program_is_accepted(checker: Checker, tmp_path: Path) -> None:
    status, lines, output = checker(PROGRAM, tmp_path)
    assert (status, lines) == (0, []), output


def test_mistakes_are_found(checker: Checker, tmp_path: Path) -> None:
    program = tmp_path / "mistakes.py"
    program.write_text(MISTAKES, encoding="utf-8")
    status, lines, output = checker(program, tmp_path)
    assert (status, lines) == (1, list(range(3, 12))), output


def test_the_program_runs(tmp_path: Path) -> None:
    command = [sys.executable, "-P", str(PROGRAM), str(WEB), str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    lines = done.stdout.splitlines()
    assert lines[:3] == ["[15, 16]", "[2]", "pcapng 32 packets from 2026-11-22T22:09:14.121943001Z"]
    assert "normal" in lines
    assert lines[-3:-1] == [
        f"{tmp_path / 'none.pcap'}: cannot open: no such file or directory",
        "packets: None None None",
    ]


def test_every_public_name_is_known_to_checkers(tmp_path: Path) -> None:
    """`pcapconv` imports names when they are used; checkers read them under `TYPE_CHECKING`."""
    program = tmp_path / "names.py"
    uses = "".join(f"print(pcapconv.{name})\n" for name in pcapconv.__all__)
    program.write_text(f"import pcapconv\n\n{uses}", encoding="utf-8")
    assert mypy(program, tmp_path)[1] == []
    names = "from pcapconv import *\nprint(" + ", ".join(pcapconv.__all__) + ")"
    subprocess.run([sys.executable, "-P", "-c", names], check=True, capture_output=True, timeout=60, cwd=ROOT)
