"""What CI systems read from this repository, and the files that pages tell users to write: by their schemas and by
zizmor, which finds what is unsafe in workflows and actions. Both run without a network."""

import configparser
import json
import os
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml  # type: ignore[import-untyped]
from pages import blocks_of_page
from test_gitlab_templates import TEMPLATES, jobs

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def program(name: str) -> str:
    """Return a program of the test environment; skip the test without it."""
    path = Path(sys.executable).with_name(name)
    found = str(path) if path.exists() else shutil.which(name)
    if found is None:
        pytest.skip(f"{name} is not installed")
    return found


def page_files(page: str, name: str) -> list[str]:
    text = (ROOT / "docs" / "how-to" / page).read_text(encoding="utf-8")
    return [block.text for block in blocks_of_page(text) if block.detail == name]


@pytest.fixture
def shown_workflow(tmp_path: Path) -> Path:
    """The workflow of the page on GitHub, with both further blocks of steps."""
    text = "".join(page_files("github.md", ".github/workflows/captures.yml") + page_files("github.md", "more.yml"))
    text += "".join(page_files("github.md", ".github/workflows/steps.yml"))
    assert text.count("uses: PCAPCONV_REPOSITORY@PCAPCONV_TAG") == 2
    path = tmp_path / ".github" / "workflows" / "captures.yml"
    path.parent.mkdir(parents=True)
    path.write_text(text.replace("PCAPCONV_REPOSITORY", "owner/pcapconv").replace("PCAPCONV_TAG", "v1.0.0"))
    return path


def validate(schema: str, *paths: Path) -> None:
    line = [program("check-jsonschema"), "--builtin-schema", f"vendor.{schema}", *map(str, paths)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_schemas_of_github(shown_workflow: Path) -> None:
    validate("github-actions", ROOT / "action.yml")
    validate("github-workflows", shown_workflow, *WORKFLOWS)


def test_the_schema_of_gitlab(tmp_path: Path) -> None:
    """The jobs of the components, and the file without them; of an `include`, the schema knows inputs, too."""
    paths = []
    needed = {"check": {"paths": "captures"}, "batch": {"source": "captures"}}
    for template in TEMPLATES:
        path = tmp_path / template.name
        path.write_text(json.dumps(jobs(template, package="x", **needed[template.stem])))
        paths.append(path)
    for number, text in enumerate(page_files("gitlab.md", ".gitlab-ci.yml")):
        path = tmp_path / f"page{number}.yml"
        path.write_text(text)
        paths.append(path)
    assert len(paths) == 4
    validate("gitlab-ci", *paths)


def test_the_schema_of_pre_commit() -> None:
    """pre-commit validates its own files."""
    done = subprocess.run(
        [program("pre-commit"), "validate-manifest", str(ROOT / ".pre-commit-hooks.yaml")],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_nothing_unsafe(shown_workflow: Path, tmp_path: Path) -> None:
    settings = yaml.safe_load((ROOT / ".github" / "zizmor.yml").read_text(encoding="utf-8"))
    settings["rules"]["unpinned-uses"]["config"]["policies"]["owner/pcapconv"] = "any"  # its tag is the reader's
    configuration = tmp_path / "zizmor.yml"
    configuration.write_text(yaml.safe_dump(settings))
    line = [program("zizmor"), "--offline", "--no-progress", "--config", str(configuration)]
    done = subprocess.run(
        [*line, str(ROOT / "action.yml"), str(shown_workflow), *map(str, WORKFLOWS)],
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_gcc_compiles_for_windows(tmp_path: Path) -> None:
    """cibuildwheel runs `before-all` once, in the unpacked sdist, which has a setup.cfg of setuptools."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    settings = project["tool"]["cibuildwheel"]["windows"]
    assert "before-build" not in settings  # which runs for each Python, in the same folder
    (tmp_path / "setup.cfg").write_text("[egg_info]\ntag_build = \n")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    subprocess.run(settings["before-all"], shell=True, cwd=tmp_path, env={**os.environ, "PATH": path}, check=True)
    read = configparser.ConfigParser()
    read.read(tmp_path / "setup.cfg")
    assert {name: dict(read[name]) for name in read.sections()} == {
        "egg_info": {"tag_build": ""},
        "build_ext": {"compiler": "mingw32"},
    }
