"""The hooks of `.pre-commit-hooks.yaml`, installed and run by the real pre-commit in a repository of their own."""

import gzip
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import wire
from pages import blocks_of_page
from wire import BIG, In

pytestmark = pytest.mark.slow  # pre-commit installs its hooks

ROOT = Path(__file__).resolve().parents[1]
PRE_COMMIT = Path(sys.executable).with_name("pre-commit")
NORMAL = (
    wire.section_header()
    + wire.interface(options=wire.options((wire.IF_TSRESOL, b"\x09")))
    + wire.enhanced_packet(0, 2000, b"one")
)
OTHER = In(BIG).section_header() + In(BIG).interface() + In(BIG).enhanced_packet(0, 2, b"one")
TAG = "v0.1.0"
TEXT = b"Dear reader, this is text\n"


def git(folder: Path, *arguments: str) -> str:
    names = {f"GIT_{who}_{what}": "tests" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    quiet = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
    done = subprocess.run(
        ["git", *arguments],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=60,
        env={**os.environ, **names, **quiet},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def committed(folder: Path) -> None:
    git(folder, "init", "-q")
    git(folder, "add", "-A")
    git(folder, "commit", "-qm", "all")


@pytest.fixture(scope="module")
def tool(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """pcapconv as a git repository, as pre-commit wants to have it."""
    folder = tmp_path_factory.mktemp("tool")
    shutil.copytree(ROOT / "pcapconv", folder / "pcapconv", ignore=shutil.ignore_patterns("__pycache__", "*.so", "*.c"))
    for name in ("pyproject.toml", "README.md", "LICENSE", ".pre-commit-hooks.yaml"):
        shutil.copy(ROOT / name, folder)
    committed(folder)
    git(folder, "tag", TAG)
    return folder


class Repository:
    """A repository with hooks."""

    def __init__(self, folder: Path, home: Path, hooks: str) -> None:
        self.folder = folder
        # Without a compiler: what is tried here does not depend on the kernels, and takes half the time.
        self._environment = {**os.environ, "PRE_COMMIT_HOME": str(home), "CC": "false"}
        self._environment.pop("PCAPCONV_KERNELS", None)
        (folder / ".pre-commit-config.yaml").write_text(hooks)

    def run(self, hook: str) -> tuple[int, str]:
        git(self.folder, "add", "-A")
        done = subprocess.run(
            [PRE_COMMIT, "run", hook, "--all-files", "--color", "never"],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=600,
            env=self._environment,
        )
        return done.returncode, done.stdout + done.stderr


@pytest.fixture(scope="module")
def repository(tool: Path, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository with the configuration that the page on pre-commit shows, and both hooks."""
    page = (ROOT / "docs" / "how-to" / "pre-commit.md").read_text(encoding="utf-8")
    shown = [block.text for block in blocks_of_page(page) if block.detail == ".pre-commit-config.yaml"]
    assert len(shown) == 1
    hooks = shown[0].replace("PCAPCONV_URL", str(tool)).replace("PCAPCONV_TAG", TAG)
    assert hooks.count(str(tool)) == 1
    folder = tmp_path_factory.mktemp("repository")
    committed_to = Repository(folder, tmp_path_factory.mktemp("home"), f"{hooks}      - id: pcapconv-check\n")
    committed(folder)
    return committed_to


def test_check_says_why_and_changes_nothing(repository: Repository) -> None:
    files = {"good.pcapng": NORMAL, "bad one.pcapng": OTHER, "letter.txt": OTHER, "none.pcap": TEXT}
    files |= {"good.pcapng.gz": gzip.compress(NORMAL), "bad.pcapng.gz": gzip.compress(OTHER)}
    files |= {"--junit=no option.pcapng": OTHER}
    for name, content in files.items():
        (repository.folder / name).write_bytes(content)
    status, said = repository.run("pcapconv-check")
    assert status == 1, said
    assert re.search(r"^check that captures are in their normal form\.+Failed$", said, re.MULTILINE)
    reasons = "it is big-endian; times count in 10^-6 s, not in nanoseconds"
    for name in ("bad one.pcapng", "bad.pcapng.gz", "--junit=no option.pcapng"):
        assert f"pcapconv: {name}: not in its normal form: {reasons}" in said
    assert "pcapconv: none.pcap: not a pcap or pcapng capture" in said
    assert "good.pcapng" not in said  # nor the compressed one
    assert "letter.txt" not in said
    assert {name: (repository.folder / name).read_bytes() for name in files} == files
    (repository.folder / "bad one.pcapng").unlink()
    (repository.folder / "bad.pcapng.gz").unlink()
    (repository.folder / "none.pcap").unlink()
    (repository.folder / "--junit=no option.pcapng").unlink()
    status, said = repository.run("pcapconv-check")
    assert status == 0, said


def test_normalize_rewrites_once(repository: Repository) -> None:
    path = repository.folder / "deep" / "er.pcapng"
    path.parent.mkdir()
    path.write_bytes(OTHER)
    status, said = repository.run("pcapconv-normalize")
    assert status == 1, said
    assert re.search(r"^put captures into their normal form\.+Failed$", said, re.MULTILINE)
    assert "- files were modified by this hook" in said
    assert "pcapconv: deep/er.pcapng: rewritten" in said
    assert path.read_bytes() == NORMAL
    status, said = repository.run("pcapconv-normalize")
    assert status == 0, said
    assert re.search(r"^put captures into their normal form\.+Passed$", said, re.MULTILINE)


def test_what_is_excluded_stays_as_it_is(repository: Repository) -> None:
    path = repository.folder / "tests" / "captures" / "foreign" / "other.pcapng"
    path.parent.mkdir(parents=True)
    path.write_bytes(OTHER)
    status, said = repository.run("pcapconv-normalize")
    assert status == 0, said
    assert path.read_bytes() == OTHER
    path.unlink()


def test_the_hooks_go_by_pyproject(repository: Repository) -> None:
    path = repository.folder / "timed.pcapng"
    path.write_bytes(NORMAL)
    configuration = repository.folder / "pyproject.toml"
    configuration.write_text('[tool.pcapconv.normalize]\nrebase-time = "0"\n')
    try:
        assert repository.run("pcapconv-check")[0] == 1
        assert repository.run("pcapconv-normalize")[0] == 1
        assert repository.run("pcapconv-check")[0] == 0
    finally:
        configuration.unlink()
    assert path.read_bytes() == NORMAL.replace(wire.number(2000, 4), wire.number(0, 4))
