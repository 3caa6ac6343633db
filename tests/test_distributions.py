"""The sdist and the wheel: what is in them, their version, and that both work where nothing but them is installed.

They are built of a clone with a tag, as a release builds them, or, in an unpacked sdist, of that sdist.
"""

import email
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path
from typing import NamedTuple

import pytest

pytestmark = pytest.mark.slow  # pip installs what builds, and compiles

ROOT = Path(__file__).resolve().parents[1]
CLONED = (ROOT / ".git").exists()


class Built(NamedTuple):
    version: str
    sdist: Path
    wheel: Path
    tracked: frozenset[str]  # the files that git knows; nothing in an unpacked sdist


def run(*command: str | Path, folder: Path, **variables: str) -> str:
    environment = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, **variables}
    for name in ("PYTHONPATH", "PCAPCONV_KERNELS"):
        if name not in variables:
            environment.pop(name, None)
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, (done.stdout + done.stderr)[-8000:]
    return done.stdout


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Built:
    folder = tmp_path_factory.mktemp("built")
    source, tracked, version = folder / "clone", frozenset[str](), "9.8.7rc1"
    if CLONED:
        run("git", "clone", "-q", ROOT, source, folder=folder)
        run("git", "tag", f"v{version}", folder=source)
        tracked = frozenset(run("git", "ls-files", folder=source).splitlines())
    else:
        shutil.copytree(ROOT, source)
        about = email.message_from_string((ROOT / "PKG-INFO").read_text(encoding="utf-8"))
        version = about["Version"]
    run(sys.executable, "-m", "build", "--outdir", folder / "dist", ".", folder=source)
    sdist, wheel = sorted((folder / "dist").iterdir(), key=lambda path: path.suffix)
    return Built(version, sdist, wheel, tracked)


def environment(folder: Path, *packages: Path | str) -> Path:
    """Make an environment with these packages; the packages of the tests are there, too, but for pcapconv."""
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    there = run(python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))", folder=folder).strip()
    (Path(there) / "tests.pth").write_text(sysconfig.get_path("purelib"))
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "-q", "--no-deps", "--ignore-installed")
    run(*pip, *packages, folder=folder)
    return python


def test_the_sdist_holds_every_file_of_the_repository(built: Built) -> None:
    with tarfile.open(built.sdist) as archive:
        names = {member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()}
    made = {name for name in names if name.startswith("pcapconv.egg-info/")}
    made |= {"PKG-INFO", "setup.cfg", "pcapconv/_version.py"}
    assert built.sdist.name == f"pcapconv-{built.version}.tar.gz"
    assert names >= made
    if CLONED:
        assert names - made == built.tracked
    else:
        assert {"tests/samples/web.pcapng", "tests/wire.py", "docs/index.md", ".ci/run"} <= names


def test_the_wheel_holds_the_package_and_its_manual_pages(built: Built) -> None:
    assert re.fullmatch(rf"pcapconv-{re.escape(built.version)}-cp3\d+-cp3\d+-linux_\w+\.whl", built.wheel.name)
    with zipfile.ZipFile(built.wheel) as archive:
        names = set(archive.namelist())
        about = email.message_from_bytes(archive.read(f"pcapconv-{built.version}.dist-info/METADATA"))
    pages = {f"pcapconv-{built.version}.data/data/share/man/man1/{p.name}" for p in (ROOT / "man" / "man1").iterdir()}
    modules = {str(path.relative_to(ROOT)) for path in (ROOT / "pcapconv").rglob("*.py")}
    kernels = [name for name in names if name.startswith("pcapconv/kernels/compiled.") and name.endswith(".so")]
    assert modules | pages | {"pcapconv/py.typed", "pcapconv/schemas/info.json"} <= names
    assert len(kernels) == 1
    assert {name.partition("/")[0].partition("-")[0] for name in names} == {"pcapconv"}
    assert about["Version"] == built.version
    assert about["Requires-Python"] == ">=3.11"


def test_both_can_be_published(built: Built) -> None:
    said = run(sys.executable, "-m", "twine", "--no-color", "check", "--strict", built.sdist, built.wheel, folder=ROOT)
    assert said.count("PASSED") == 2


def test_a_wheel_needs_no_compiler_and_no_package_of_the_tests(built: Built, tmp_path: Path) -> None:
    venv.create(tmp_path / "fresh", with_pip=True)
    python = tmp_path / "fresh" / "bin" / "python"
    without = {"CC": "false", "PATH": str(python.parent)}
    run(python, "-m", "pip", "install", "-q", built.wheel, folder=tmp_path, **without)
    said = run(python, "-P", ROOT / "tests" / "try_wheel.py", folder=tmp_path, **without).splitlines()
    assert said[0].startswith(f"pcapconv {built.version} (compiled kernels, Python ")
    assert said[1] == "4 damaged, 7 not for pcap, 69 to pcap and back, 44 to pcapng"


def test_the_quick_tests_pass_in_an_unpacked_sdist(built: Built, tmp_path: Path) -> None:
    run("tar", "-xf", built.sdist, folder=tmp_path)
    python = environment(tmp_path / "environment", built.wheel)
    options = ("-q", "-m", "quick", "-n", "2", "-p", "no:cacheprovider", "--basetemp", tmp_path / "tests")
    said = run(python, "-m", "pytest", *options, folder=tmp_path / f"pcapconv-{built.version}")
    assert re.search(r"^\d{4} passed, ", said.splitlines()[-1]), said[-2000:]


@pytest.mark.skipif(not CLONED, reason="an unpacked sdist has no commits")
def test_the_version_follows_the_tag(tmp_path: Path) -> None:
    run("git", "clone", "-q", ROOT, "clone", folder=tmp_path)
    clone = tmp_path / "clone"
    git = ("git", "-c", "user.name=tests", "-c", "user.email=tests")

    def version(folder: Path) -> str:
        return run(sys.executable, "-m", "setuptools_scm", folder=folder).strip()

    run("git", "tag", "v9.8.7", folder=clone)
    assert version(clone) == "9.8.7"
    run("git", "archive", "--prefix=archive/", "--output=../archive.tar", "v9.8.7", folder=clone)
    run("tar", "-xf", "archive.tar", folder=tmp_path)
    assert version(tmp_path / "archive") == "9.8.7"
    run(*git, "commit", "-q", "--allow-empty", "-m", "one more", folder=clone)
    run("git", "tag", "pages-12.0", folder=clone)  # no version
    commit = run("git", "rev-parse", "HEAD", folder=clone)
    assert version(clone) == f"9.8.8.dev1+g{commit[:9]}"
