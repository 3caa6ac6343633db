"""The GitHub action: its steps are run as a runner runs them, with expressions only where a runner evaluates them."""

import json
import os
import re
import runpy
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import wire
import yaml  # type: ignore[import-untyped]
from command_line import COMMAND, CUT, WEB_PCAP, WEB_PCAPNG
from folders import write_tree
from junit import read_junit
from pages import blocks_of_page

ROOT = Path(__file__).resolve().parents[1]
ACTION = yaml.safe_load((ROOT / "action.yml").read_text(encoding="utf-8"))
STEPS: list[dict[str, Any]] = ACTION["runs"]["steps"]
SCRIPTS = {step["name"]: step for step in STEPS if "run" in step}
EXPRESSION = re.compile(r"\$\{\{\s*(.*?)\s*\}\}")
PCAP = wire.pcap_header() + wire.pcap_record(1, 5, b"one")
NORMAL = wire.pcap_header(wire.NANOSECONDS, snaplen=262144) + wire.pcap_record(0, 2000, b"one")
NOT_NORMAL = "times count in 10^-6 s, not in nanoseconds"


class Runner:
    """A runner of GitHub: the workspace, the files for outputs and PATH, and the values of expressions."""

    def __init__(self, folder: Path, action: Path, **inputs: str) -> None:
        self.workspace, self.temp = folder / "workspace", folder / "temp"
        for each in (self.workspace, self.temp):
            each.mkdir()
        defaults = {name: each.get("default", "") for name, each in ACTION["inputs"].items()}
        assert inputs.keys() <= defaults.keys()
        self.values: dict[str, str] = {f"inputs.{name}": value for name, value in (defaults | inputs).items()}
        self.values["steps.python.outputs.python-path"] = sys.executable
        self.values["steps.python.outputs.python-version"] = "3.13.1"
        self._files = {name: self.temp / name for name in ("GITHUB_OUTPUT", "GITHUB_PATH")}
        self._files["GITHUB_PATH"].write_text("")
        self._environment = {
            **{name: value for name, value in os.environ.items() if not name.startswith(("PCAPCONV_", "PYTHON"))},
            **{name: str(path) for name, path in self._files.items()},
            "GITHUB_ACTION_PATH": str(action),
            "RUNNER_TEMP": str(self.temp),
            "RUNNER_OS": "Linux",
            "RUNNER_ARCH": "X64",
        }

    def run(self, name: str, *path: str | Path) -> subprocess.CompletedProcess[str]:
        """Run a step, with `path` before PATH, and take over its outputs."""
        step = SCRIPTS[name]
        given = {each: self._evaluated(value) for each, value in step.get("env", {}).items()}
        added = self._files["GITHUB_PATH"].read_text().splitlines()
        given["PATH"] = os.pathsep.join([*map(str, path), *added, os.environ["PATH"]])
        self._files["GITHUB_OUTPUT"].write_text("")
        done = subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", step["run"]],
            cwd=self.workspace,
            env=self._environment | given,
            capture_output=True,
            text=True,
            timeout=300,
        )
        for line in self._files["GITHUB_OUTPUT"].read_text().splitlines():
            output, _, value = line.partition("=")
            self.values[f"steps.{step['id']}.outputs.{output}"] = value
        return done

    def _evaluated(self, text: str) -> str:
        return EXPRESSION.sub(lambda match: self.values[match[1]], text)


@pytest.fixture
def command(tmp_path: Path) -> Path:
    """A folder with the installed command alone, as the action puts it into PATH."""
    folder = tmp_path / "command"
    folder.mkdir()
    (folder / "pcapconv").symlink_to(COMMAND)
    return folder


def commands(output: str) -> list[str]:
    """Return the workflow commands that a runner sees in an output."""
    found, word = [], ""
    for line in output.splitlines():
        if word:
            word = "" if line == f"::{word}::" else word
        elif line.startswith("::stop-commands::"):
            word = line.removeprefix("::stop-commands::")
            assert len(word) == 64
        elif line.startswith("::") or "##[" in line:
            found.append(line)
    assert not word
    return found


def test_no_input_is_text_of_a_script() -> None:
    assert SCRIPTS.keys() >= {"Install pcapconv", "Check the normal form", "Convert captures"}
    for step in SCRIPTS.values():
        assert "${{" not in step["run"]
        assert step["shell"] == "bash"
    used = set(EXPRESSION.findall((ROOT / "action.yml").read_text(encoding="utf-8")))
    assert {f"inputs.{name}" for name in ACTION["inputs"]} - used == set()
    assert all({"description", "default"} == each.keys() for each in ACTION["inputs"].values())


def test_a_check(tmp_path: Path, command: Path) -> None:
    runner = Runner(tmp_path, ROOT, check="captures\n\nplain,1.pcap\n", **{"check-options": "--sort\n"})
    runner.values["steps.command.outputs.reports"] = str(tmp_path)
    hostile = wire.section_header(options=wire.options((wire.OPT_COMMENT, b"##[error]x\n::error::y")))
    hostile += wire.interface(options=wire.options((wire.IF_TSRESOL, b"\x09"), (wire.IF_OS, b"z\n::error::z")))
    hostile += wire.enhanced_packet(0, 1, b"x")
    files = {"captures/normal.pcap": NORMAL, "captures/100%:a.pcap": PCAP, "captures/cut.pcap": NORMAL + b"cut"}
    write_tree(runner.workspace, files | {"plain,1.pcap": PCAP, "captures/##[error]h.pcapng": hostile})
    done = runner.run("Check the normal form", command)
    assert done.returncode == 1, done.stderr
    assert commands(done.stdout) == [
        "::error title=pcapconv,file=captures/##[error]h.pcapng::it has 1 option about the host",
        f"::error title=pcapconv,file=captures/100%25%3Aa.pcap::{NOT_NORMAL}",
        f"::error title=pcapconv,file=captures/cut.pcap::offset {len(NORMAL)}: "
        "3 bytes are left over, a record's header has 16; the text there is 'cut'",
        f"::error title=pcapconv,file=plain%2C1.pcap::{NOT_NORMAL}",
    ]
    assert done.stderr == ""
    assert "interface 0:0: if_os is z\\x0a::error::z in A, not stated in B" in done.stdout.splitlines()
    assert len(json.loads((tmp_path / "check.json").read_bytes())["files"]) == 5
    assert read_junit((tmp_path / "check.xml").read_bytes(), "pcapconv.check").counts["failures"] == 4


def test_a_check_without_problems(tmp_path: Path, command: Path) -> None:
    runner = Runner(tmp_path, ROOT, check="captures")
    runner.values["steps.command.outputs.reports"] = str(tmp_path)
    write_tree(runner.workspace, {"captures/normal.pcap": NORMAL})
    done = runner.run("Check the normal form", command)
    assert (done.returncode, commands(done.stdout), done.stdout.count("\n"), done.stderr) == (0, [], 2, "")


@pytest.mark.parametrize("inputs", [{"check": "none"}, {"check": "captures", "check-options": "--no-such"}])
def test_a_check_that_cannot_begin(tmp_path: Path, command: Path, inputs: dict[str, str]) -> None:
    runner = Runner(tmp_path, ROOT, annotations="false", **inputs)
    runner.values["steps.command.outputs.reports"] = str(tmp_path)
    write_tree(runner.workspace, {"captures/normal.pcap": NORMAL})
    done = runner.run("Check the normal form", command)
    assert done.returncode == (1 if inputs["check"] == "none" else 2)
    assert commands(done.stdout) == []
    assert done.stdout.splitlines()[1].startswith("pcapconv: ")


def test_a_batch(tmp_path: Path, command: Path) -> None:
    """Whose options come with a file name of several words."""
    inputs = {"batch": "captures/", "target": "out put", "batch-options": "--to=pcapng\n--exclude=b b*\n"}
    runner = Runner(tmp_path, ROOT, **inputs)
    runner.values["steps.command.outputs.reports"] = str(tmp_path)
    files = {"a.pcap": PCAP, "cut.pcap": CUT, "x/bad.pcap": wire.pcap_header(version=(9, 1)), "b b.pcap": PCAP}
    write_tree(runner.workspace / "captures", files | {"notes.txt": b"Dear reader, this is text\n"})
    done = runner.run("Convert captures", command)
    assert done.returncode == 1, done.stderr
    cut, bad = commands(done.stdout)
    assert cut.startswith("::error title=pcapconv,file=captures/cut.pcap::offset ")
    assert bad.startswith("::error title=pcapconv,file=captures/x/bad.pcap::captures/x/bad.pcap: ")
    assert {path.name for path in (runner.workspace / "out put").iterdir()} >= {"a.pcapng", "cut.pcapng"}
    assert not list((runner.workspace / "out put").glob("b*"))
    assert read_junit((tmp_path / "batch.xml").read_bytes(), "pcapconv.batch").counts["errors"] == 1


def test_names_that_the_console_does_not_have(tmp_path: Path, command: Path) -> None:
    """As on Windows, whose consoles write one script."""
    write_tree(tmp_path, {"in/漢.pcap": PCAP, "in/\udcff.pcap": PCAP})
    done = subprocess.run(
        [sys.executable, "-I", "-X", "utf8=0", ROOT / ".github" / "action.py", "check"],
        cwd=tmp_path,
        env={
            "LC_ALL": "C",
            "PATH": f"{command}{os.pathsep}{os.environ['PATH']}",
            "PATHS": "in",
            "OPTIONS": "",
            "ANNOTATIONS": "true",
            "REPORTS": str(tmp_path),
        },
        capture_output=True,
        timeout=60,
    )
    output = done.stdout.decode()
    assert (done.returncode, done.stderr) == (1, b"")
    titles = "::error title=pcapconv,file=in/"
    assert commands(output) == [f"{titles}{name}.pcap::{NOT_NORMAL}" for name in ("漢", "\\udcff")]
    assert "in/漢.pcap: only how the file is written would change" in output


def test_it_runs_without_packages() -> None:
    """Its Python is that of the runner, in which nothing is installed."""
    program = f"import sys; sys.argv = ['-']; import runpy; runpy.run_path({str(ROOT / '.github/action.py')!r})"
    subprocess.run([sys.executable, "-I", "-S", "-c", program], check=True, timeout=60)
    escaped = runpy.run_path(str(ROOT / ".github" / "action.py"))["_escaped"]
    assert escaped("a%b\r\nc:,") == "a%25b%0D%0Ac:,"
    assert escaped("a:b,c", ":,") == "a%3Ab%2Cc"


def test_the_key_of_the_cache(tmp_path: Path) -> None:
    """It follows the sources and the extras, and no file that Python writes."""
    action = tmp_path / "action"
    sources = {"pcapconv/a.py": b"1", "pcapconv/b c.py": b"2", "pyproject.toml": b"3", "README.md": b"4"}
    write_tree(action, sources)

    def key(name: str, **inputs: str) -> str:
        (tmp_path / name).mkdir()
        runner = Runner(tmp_path / name, action, **inputs)
        done = runner.run("Identify the installation")
        assert done.returncode == 0, done.stderr
        return str(runner.values["steps.key.outputs.key"])

    first = key("first")
    assert re.fullmatch(r"pcapconv-Linux-X64-3\.13\.1-[0-9a-f]{40}", first)
    write_tree(action, {"pcapconv/__pycache__/a.cpython-313.pyc": b"5", "README.md": b"6"})
    assert key("again") == first
    assert key("extras", extras="filter") != first
    write_tree(action, {"pcapconv/b c.py": b"7"})
    assert key("changed") != first


def page_blocks(detail: str = "") -> list[str]:
    page = (ROOT / "docs" / "how-to" / "github.md").read_text(encoding="utf-8")
    blocks = [block for block in blocks_of_page(page) if block.language != "sh"]
    return [block.text for block in blocks if (block.detail == detail if detail else block.language == "text")]


def test_the_page_about_it(tmp_path: Path, command: Path) -> None:
    """The inputs that it gives and lists, and what it shows of a check."""
    (workflow,), (more,) = page_blocks(".github/workflows/captures.yml"), page_blocks("more.yml")
    given = yaml.safe_load(workflow)["jobs"]["captures"]["steps"][1]
    also_given, upload = yaml.safe_load(more)
    for step in (given, also_given):
        assert step["uses"] == "PCAPCONV_REPOSITORY@PCAPCONV_TAG"
        assert step["with"].keys() <= ACTION["inputs"].keys()
    assert "${{ steps.pcapconv.outputs.reports }}" in upload["with"]["path"]
    page = (ROOT / "docs" / "how-to" / "github.md").read_text(encoding="utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    assert re.findall("`([a-z-]+)`", "".join(rows)) == list(ACTION["inputs"])
    runner = Runner(tmp_path, ROOT, **given["with"])
    runner.values["steps.command.outputs.reports"] = str(tmp_path)
    samples = {"plain.pcap": WEB_PCAP, "web.pcapng": WEB_PCAPNG}
    write_tree(runner.workspace / "tests/captures", {name: path.read_bytes() for name, path in samples.items()})
    printed = runner.run("Check the normal form", command).stdout.splitlines()
    (shown,) = page_blocks()
    assert [line for line in printed if line.startswith(("pcapconv: ", "::error "))] == shown.splitlines()


@pytest.mark.slow  # pip installs pcapconv
def test_the_whole_action(tmp_path: Path) -> None:
    """From an archive as GitHub gives it to a runner: without git, and without what is not in the repository."""
    action = tmp_path / "action"
    ignored = shutil.ignore_patterns("__pycache__", "*.so", "*.c", "_version.py")
    shutil.copytree(ROOT / "pcapconv", action / "pcapconv", ignore=ignored)
    shutil.copytree(ROOT / "man", action / "man")
    for name in ("pyproject.toml", "README.md", "LICENSE", "action.yml", ".github/action.py", ".git_archival.txt"):
        (action / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, action / name)
    runner = Runner(tmp_path, action, check="captures", batch="captures", **{"batch-options": "--to=pcapng"})
    write_tree(runner.workspace, {"captures/web.pcapng": WEB_PCAPNG.read_bytes(), "captures/normal.pcap": NORMAL})
    outputs = []
    for name in SCRIPTS:
        done = runner.run(name)
        outputs.append(done.stdout)
        assert done.returncode == (1 if name == "Check the normal form" else 0), done.stderr
    _, _, version, checked, converted = outputs
    assert version.startswith("pcapconv ")
    assert "(compiled kernels, " in version
    assert "::warning" not in version
    assert [line.partition("::")[2].partition("::")[0] for line in commands(checked)] == [
        "error title=pcapconv,file=captures/web.pcapng"
    ]
    assert commands(converted) == []
    assert {path.name for path in (runner.workspace / "converted").iterdir()} >= {"normal.pcapng", "web.pcapng"}
    assert {path.name for path in runner.temp.glob("pcapconv/command/*")} == {"pcapconv"}
    reports = Path(runner.values["steps.command.outputs.reports"])
    assert sorted(path.name for path in reports.iterdir()) == ["batch.json", "batch.xml", "check.json", "check.xml"]
