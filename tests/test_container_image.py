"""The Dockerfile: what is in its context, its rules, and its RUN commands, run in other folders and without Docker."""

import fnmatch
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import NamedTuple

import pytest
from command_line import WEB_PCAP

ROOT = Path(__file__).resolve().parents[1]


class Instruction(NamedTuple):
    """An instruction of a Dockerfile, on one line, and the number of its stage."""

    name: str
    text: str
    stage: int


def instructions() -> list[Instruction]:
    text = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    found: list[Instruction] = []
    stage = -1
    for line in "\n".join(lines).replace("\\\n", " ").splitlines():
        name, _, rest = line.partition(" ")
        stage += name == "FROM"
        found.append(Instruction(name, re.sub(" +", " ", rest), stage))
    return found


def texts(name: str, stage: int) -> list[str]:
    return [each.text for each in instructions() if (each.name, each.stage) == (name, stage)]


def test_both_stages_have_the_same_python_and_debian() -> None:
    (build,), (final,) = texts("FROM", 0), texts("FROM", 1)
    found = re.fullmatch(r"docker\.io/library/python:(3\.\d+)-(\w+) AS build", build)
    assert found
    assert final == f"docker.io/library/python:{found[1]}-slim-{found[2]}"
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert f"Programming Language :: Python :: {found[1]}" in project["classifiers"]
    (label,) = texts("LABEL", 1)
    assert f'org.opencontainers.image.description="{project["description"]}"' in label
    assert f'org.opencontainers.image.licenses="{project["license"]}"' in label


def test_the_image_runs_as_nobody_and_holds_no_compiler() -> None:
    names = [each.name for each in instructions() if each.stage == 1]
    (user,) = texts("USER", 1)
    assert re.fullmatch(r"[1-9]\d*:[1-9]\d*", user)
    assert names.index("USER") > names.index("RUN")  # after the last command that needs root
    assert texts("ENTRYPOINT", 1) == ['["pcapconv"]']
    assert texts("COPY", 1) == ["--from=build /opt/pcapconv /opt/pcapconv"]
    assert texts("RUN", 1) == ["PCAPCONV_KERNELS=compiled pcapconv --version"]


def test_the_page_about_it() -> None:
    page = (ROOT / "docs" / "how-to" / "container.md").read_text(encoding="utf-8")
    arguments = {text.partition("=")[0] for text in texts("ARG", 0)}
    assert set(re.findall(r"--build-arg (\w+)=", page)) == arguments == {"EXTRAS", "VERSION"}
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    named = re.findall(r"--build-arg EXTRAS=([\w,]+)", page)
    assert named
    assert all(name in extras for each in named for name in each.split(","))
    (user,), (folder,) = texts("USER", 1), texts("WORKDIR", 1)
    assert f"as user {user.partition(':')[0]}," in page
    assert f'--volume "$PWD:{folder}"' in page


def context() -> list[str]:
    """Return the files of the repository that are in the context, by the rules of `.dockerignore`; the last rule that
    matches a file or a folder above it counts."""
    rules = [
        line
        for line in (ROOT / ".dockerignore").read_text(encoding="utf-8").splitlines()
        if line and not line.startswith("#")
    ]
    found = []
    for path in sorted(ROOT.rglob("*")):
        name = path.relative_to(ROOT).as_posix()
        if name.startswith((".git/", ".venv/")) or not path.is_file():
            continue
        parts = name.split("/")
        above = ["/".join(parts[:count]) for count in range(1, len(parts) + 1)]
        excluded = False
        for rule in rules:
            pattern = rule.removeprefix("!")
            matches = [fnmatch.fnmatchcase(each, pattern) for each in above]
            if pattern.startswith("**/"):
                matches += [fnmatch.fnmatchcase(each, pattern[3:]) for each in parts]
            if any(matches):
                excluded = not rule.startswith("!")
        if not excluded:
            found.append(name)
    return found


def test_the_context_is_what_a_wheel_is_built_from() -> None:
    names = context()
    others = [name for name in names if not name.startswith("pcapconv/")]
    assert others == [".git_archival.txt", "LICENSE", "README.md", "pyproject.toml"]
    suffixes = {Path(name).suffix for name in names if name.startswith("pcapconv/")}
    assert suffixes == {".json", ".pxi", ".py", ".pyi", ".pyx", ".typed"}
    assert "pcapconv/_version.py" not in names


@pytest.mark.slow  # pip builds and installs pcapconv
def test_its_commands(tmp_path: Path) -> None:
    """In a fresh environment, with the folders of the image below another folder."""
    source, wheels, programs = tmp_path / "source", tmp_path / "wheels", tmp_path / "opt" / "pcapconv"
    for name in context():
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / name, source / name)
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin" / "python").symlink_to(sys.executable)
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("PCAPCONV_", "PYTHON"))}
    variables = inherited | {"VERSION": "v1.2.3", "EXTRAS": "filter"}

    def run(command: str, folder: Path, path: Path) -> str:
        for name, used in (("/wheels", wheels), ("/opt/pcapconv", programs)):
            command = command.replace(name, str(used))
        done = subprocess.run(
            ["sh", "-c", command],
            cwd=folder,
            env=variables | {"PATH": os.pathsep.join([str(path), os.environ["PATH"]])},
            capture_output=True,
            text=True,
            timeout=600,
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    for command in texts("RUN", 0):
        run(command, source, tmp_path / "bin")
    (wheel,) = wheels.iterdir()
    assert wheel.name.startswith("pcapconv-1.2.3-")
    assert "none-any" not in wheel.name
    (command,) = texts("RUN", 1)
    assert "(compiled kernels, " in run(command, tmp_path, programs / "bin")
    assert not (programs / "share").exists()
    assert not list(programs.glob("bin/pip*"))
    shutil.rmtree(source)
    line = f"pcapconv convert --filter tcp {WEB_PCAP} out.pcapng && pcapconv info --json out.pcapng"
    assert '"packets": ' in run(line, tmp_path, programs / "bin")
