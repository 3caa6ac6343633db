"""The GitLab CI/CD components in templates/: their jobs, made as GitLab makes them, run in a shell."""

import os
import re
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import wire
import yaml  # type: ignore[import-untyped]
from command_line import COMMAND, CUT
from folders import write_tree
from junit import read_junit
from pages import blocks_of_page

ROOT = Path(__file__).resolve().parents[1]
TEMPLATES = sorted((ROOT / "templates").glob("*.yml"))
INPUT = re.compile(r"\$\[\[\s*inputs\.([a-z-]+)\s*\]\]")
PCAP = wire.pcap_header() + wire.pcap_record(1, 5, b"one")
NORMAL = wire.pcap_header(wire.NANOSECONDS, snaplen=262144) + wire.pcap_record(0, 2000, b"one")
PACKAGE = "git+https://gitlab.example.com/group/pcapconv@v1.0.0"
SHELLS = [["bash", "-eo", "pipefail"], ["sh", "-e"]]  # a runner takes bash if the image has it


def jobs(template: Path, **inputs: str) -> dict[str, Any]:
    """Return the jobs of a component, as GitLab makes them: inputs are put into the values of the parsed document."""
    spec, body = yaml.safe_load_all(template.read_text(encoding="utf-8"))
    assert inputs.keys() <= spec["spec"]["inputs"].keys()
    values = {name: inputs.get(name, each.get("default")) for name, each in spec["spec"]["inputs"].items()}
    assert None not in values.values()

    def filled(value: Any) -> Any:
        match value:
            case str():
                return INPUT.sub(lambda match: values[match[1]], value)
            case list():
                return [filled(each) for each in value]
            case dict():
                return {filled(name): filled(each) for name, each in value.items()}
        return value

    made: dict[str, Any] = filled(body)
    return made


class Job:
    """A job of a component in a folder, with programs of its own before PATH."""

    def __init__(self, folder: Path, template: str, shell: list[str], **inputs: str) -> None:
        ((self.name, self.job),) = jobs(ROOT / "templates" / f"{template}.yml", package=PACKAGE, **inputs).items()
        self.workspace, self.programs = folder / "workspace", folder / "programs"
        for each in (self.workspace, self.programs):
            each.mkdir()
        self._shell = shell

    def run(self) -> subprocess.CompletedProcess[str]:
        """Run its scripts, one after the other in one shell."""
        text = "\n".join(self.job["before_script"] + self.job["script"])
        path = os.pathsep.join([str(self.programs), os.defpath])
        return subprocess.run(
            [*self._shell, "-c", text],
            cwd=self.workspace,
            env={**os.environ, **self.job["variables"], "PATH": path},
            capture_output=True,
            text=True,
            timeout=120,
        )

    def program(self, name: str, text: str) -> None:
        path = self.programs / name
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(path.stat().st_mode | stat.S_IXUSR)


@pytest.fixture(params=SHELLS, ids=["bash", "sh"])
def shell(request: pytest.FixtureRequest) -> list[str]:
    found: list[str] = request.param
    return found


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.stem)
def test_inputs_are_no_text_of_scripts(template: Path) -> None:
    spec, body = yaml.safe_load_all(template.read_text(encoding="utf-8"))
    ((name, job),) = body.items()
    assert name == "$[[ inputs.job ]]"
    assert "[[" not in "".join(job["before_script"] + job["script"])
    assert set(INPUT.findall(str(body))) == spec["spec"]["inputs"].keys()
    assert all(each["description"] for each in spec["spec"]["inputs"].values())
    assert spec["spec"]["inputs"].keys() >= {"package", "options", "job", "stage", "image"}


def test_the_page_about_them() -> None:
    """The inputs that it gives and lists."""
    page = (ROOT / "docs" / "how-to" / "gitlab.md").read_text(encoding="utf-8")
    first, _ = (block.text for block in blocks_of_page(page) if block.detail == ".gitlab-ci.yml")
    includes = yaml.safe_load(first)["include"]
    assert [each["component"] for each in includes] == [
        f"$CI_SERVER_FQDN/PCAPCONV_REPOSITORY/{name}@PCAPCONV_TAG" for name in ("check", "batch")
    ]
    rows = "".join(line.split("|")[1] for line in page.splitlines() if line.startswith("| `"))
    listed = set(re.findall("`([a-z]+)`", rows))
    allowed = set()
    for name, include in zip(("check", "batch"), includes):
        ((job, made),) = jobs(ROOT / "templates" / f"{name}.yml", **include["inputs"]).items()
        assert job == f"pcapconv-{name}"
        assert made["variables"]["PCAPCONV_PACKAGE"] == "git+PCAPCONV_URL@PCAPCONV_TAG"
        spec, _ = yaml.safe_load_all((ROOT / "templates" / f"{name}.yml").read_text(encoding="utf-8"))
        allowed |= spec["spec"]["inputs"].keys()
    assert listed == allowed


def test_both_install_alike() -> None:
    check, batch = (yaml.safe_load_all(template.read_text(encoding="utf-8")) for template in TEMPLATES)
    (of_check, check_job), (of_batch, batch_job) = check, batch
    shared = ("package", "job", "stage", "image")
    inputs = [{name: spec["spec"]["inputs"][name] for name in shared} for spec in (of_check, of_batch)]
    for each in inputs:
        del each["job"]["default"]
    assert inputs[0] == inputs[1]
    first, second = (job["$[[ inputs.job ]]"] for job in (check_job, batch_job))
    for key in ("stage", "image", "cache", "before_script"):
        assert first[key] == second[key]


def test_a_check(tmp_path: Path, shell: list[str]) -> None:
    job = Job(tmp_path, "check", shell, paths="captures\nan other.pcap\n", options="--sort\n\n--keep=host")
    (job.programs / "pcapconv").symlink_to(COMMAND)
    files = {"captures/normal.pcap": NORMAL, "an other.pcap": PCAP, "captures/$(touch x).pcap": PCAP}
    write_tree(job.workspace, files)
    done = job.run()
    assert (job.name, done.returncode) == ("pcapconv-check", 1), done.stderr
    reason = "not in its normal form: times count in 10^-6 s, not in nanoseconds"
    assert done.stderr.splitlines() == [
        f"pcapconv: captures/$(touch x).pcap: {reason}",
        f"pcapconv: an other.pcap: {reason}",
    ]
    assert "only how the file is written would change" in done.stdout
    report = job.workspace / job.job["artifacts"]["reports"]["junit"]
    assert read_junit(report.read_bytes(), "pcapconv.check").counts["tests"] == 3
    assert sorted(path.name for path in job.workspace.iterdir()) == ["an other.pcap", "captures", "pcapconv-check.xml"]
    report.unlink()
    for name in files:
        (job.workspace / name).write_bytes(NORMAL)
    assert job.run().returncode == 0


def test_a_batch(tmp_path: Path, shell: list[str]) -> None:
    inputs = {"source": "my captures", "target": "out put", "options": "--to=pcapng\n--exclude=b b*"}
    job = Job(tmp_path, "batch", shell, **inputs)
    (job.programs / "pcapconv").symlink_to(COMMAND)
    write_tree(job.workspace / "my captures", {"a.pcap": PCAP, "cut.pcap": CUT, "b b.pcap": PCAP})
    done = job.run()
    assert (job.name, done.returncode) == ("pcapconv-batch", 3), done.stderr
    assert {path.name for path in (job.workspace / "out put").glob("*.pcapng")} == {"a.pcapng", "cut.pcapng"}
    artifacts = job.job["artifacts"]
    junit = (job.workspace / artifacts["reports"]["junit"]).read_bytes()
    assert read_junit(junit, "pcapconv.batch").counts["tests"] == 2
    assert artifacts["paths"] == ["out put", "pcapconv-batch.json"]
    assert all((job.workspace / path).exists() for path in artifacts["paths"])


def test_the_installation_is_kept_for_its_package(tmp_path: Path, shell: list[str]) -> None:
    """It is made anew for another package, and if it no longer runs."""
    job = Job(tmp_path, "check", shell, paths="captures")
    write_tree(job.workspace, {"captures/normal.pcap": NORMAL})
    log = tmp_path / "log"
    installed = f'#!/bin/sh\nexec {sys.executable} -m pcapconv "$@"\n'
    made_anew = f"rm -rf .pcapconv; mkdir -p .pcapconv/bin; cp {job.programs}/pip .pcapconv/bin/python"
    job.program("python3", f'echo "$@" >> {log}; {made_anew}')
    job.program("pip", f'echo "$@" >> {log}; cp {tmp_path}/installed .pcapconv/bin/pcapconv')
    (tmp_path / "installed").write_text(installed)
    (tmp_path / "installed").chmod(0o755)
    made = ["-m venv --clear .pcapconv", f"-m pip install {PACKAGE}"]
    lines = []
    for step in ("first", "again", "other package", "broken"):
        if step == "other package":
            job.job["variables"]["PCAPCONV_PACKAGE"] = f"{PACKAGE}2"
        if step == "broken":
            (job.workspace / ".pcapconv" / "bin" / "pcapconv").write_text("#!/nowhere/python\n")
        (job.workspace / "pcapconv-check.xml").unlink(missing_ok=True)
        log.write_text("")
        done = job.run()
        assert done.returncode == 0, done.stderr
        lines.append(log.read_text().splitlines())
    other = [made[0], f"{made[1]}2"]
    assert lines == [made, [], other, other]


def test_a_slow_form_is_mentioned(tmp_path: Path, shell: list[str]) -> None:
    job = Job(tmp_path, "check", shell, paths="captures")
    job.program("pcapconv", 'test "$*" != --version || test "$PCAPCONV_KERNELS" != compiled')
    done = job.run()
    assert (done.returncode, done.stdout) == (0, "Without a C compiler, pcapconv runs in its slow form.\n")
