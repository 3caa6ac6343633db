"""A split that is killed while its parts take the places of older ones: the next one puts these back.

Strategy: a child process kills itself at a given step of its commit; what it leaves is what a kill leaves.
"""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import wire
from folders import file_names, files_in

import pcapconv
from pcapconv.cli import run
from pcapconv.io.recovery_journal import RecoveryJournal

HEADER = wire.pcap_header()
RECORDS = [wire.pcap_record(number, 0, bytes([number])) for number in range(4)]
NEW = {f"x-{number + 1}.pcap": HEADER + record for number, record in enumerate(RECORDS)}
OLD = {"x-2.pcap": b"old two", "x-3.pcap": b"old three"}
KILLED_AT = """
import os, signal, sys
from pcapconv import split
def at(step, count, behind):
    real, calls = getattr(os, step), []
    def killed(*arguments, **named):
        calls.append(step)
        if len(calls) == count and not behind:
            os.kill(os.getpid(), signal.SIGKILL)
        done = real(*arguments, **named)
        if len(calls) == count:
            os.kill(os.getpid(), signal.SIGKILL)
        return done
    setattr(os, step, killed)
step, count, behind, source, template = sys.argv[1:]
at(step, int(count), behind == "behind")
split(source, template, max_packets=1, force=True)
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "parts"
    path.mkdir()
    for name, data in OLD.items():
        (path / name).write_bytes(data)
    (tmp_path / "in.pcap").write_bytes(HEADER + b"".join(RECORDS))
    return path


def killed(folder: Path, step: str, count: int, where: str) -> Path:
    """The temporary folder that a killed split leaves."""
    child = subprocess.run(
        [sys.executable, "-P", "-c", KILLED_AT, step, str(count), where, folder.parent / "in.pcap", folder / TEMPLATE],
        check=False,
    )
    assert child.returncode == -signal.SIGKILL
    (temporary,) = [path for path in folder.iterdir() if path.name.startswith(".pcapconv-")]
    return temporary


TEMPLATE = "x-{index:1}.pcap"
STEPS = [("replace", 1, "before"), ("replace", 1, "behind"), ("replace", 2, "before"), ("replace", 2, "behind")]


@pytest.mark.parametrize(("step", "count", "where"), STEPS)
def test_the_next_split_puts_the_old_files_back(folder: Path, step: str, count: int, where: str) -> None:
    killed(folder, step, count, where)
    replaced = [["x-2.pcap", "x-3.pcap"][number] for number in range(count - (where == "before"))]
    report = pcapconv.split(folder.parent / "in.pcap", folder / "y.pcap", max_packets=9)
    assert [Path(name).name for name in report.put_back] == replaced
    assert files_in(folder) == {**OLD, "y-00001.pcap": HEADER + b"".join(RECORDS)}


def test_it_says_so(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    killed(folder, "replace", 2, "behind")
    report = folder.parent / "report.json"
    arguments = ["split", str(folder.parent / "in.pcap"), str(folder / "y.pcap"), "--max-packets", "9"]
    assert run([*arguments, "--report", str(report)]) == 0
    assert capsys.readouterr().err.splitlines() == [
        f"pcapconv: warning: {folder}/{name}: an earlier split was killed while its parts got their final names; "
        "the old file was put back"
        for name in ("x-2.pcap", "x-3.pcap")
    ]
    assert json.loads(report.read_bytes())["put_back"] == [f"{folder}/x-2.pcap", f"{folder}/x-3.pcap"]


def test_the_same_split_again_has_all_its_parts(folder: Path) -> None:
    killed(folder, "replace", 2, "before")
    report = pcapconv.split(folder.parent / "in.pcap", folder / TEMPLATE, max_packets=1, force=True)
    assert [Path(name).name for name in report.put_back] == ["x-2.pcap"]
    assert files_in(folder) == NEW


def test_a_kill_behind_the_last_name_leaves_the_new_parts(folder: Path) -> None:
    killed(folder, "rmdir", 1, "before")
    report = pcapconv.split(folder.parent / "in.pcap", folder / "y.pcap", max_packets=9)
    assert report.put_back == []
    assert {name: data for name, data in there_files(folder).items() if name.startswith("x")} == NEW


def there_files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_what_somebody_wrote_since_stays_and_so_does_the_old_file(folder: Path) -> None:
    temporary = killed(folder, "replace", 2, "behind")
    (folder / "x-2.pcap").write_bytes(b"written since")
    report = pcapconv.split(folder.parent / "in.pcap", folder / "y.pcap", max_packets=9)
    assert [Path(name).name for name in report.put_back] == ["x-3.pcap"]
    assert there_files(folder)["x-2.pcap"] == b"written since"
    assert files_in(temporary) == {"00000001.old": OLD["x-2.pcap"]}


def test_a_split_that_still_runs_is_left_alone(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other: list[list[str]] = []
    replace = os.replace

    def another_split(source: str, target: str) -> None:
        replace(source, target)
        if target.endswith("x-2.pcap"):
            report = pcapconv.split(folder.parent / "in.pcap", folder / "y.pcap", max_packets=9)
            other.append(report.put_back)

    monkeypatch.setattr(os, "replace", another_split)
    pcapconv.split(folder.parent / "in.pcap", folder / TEMPLATE, max_packets=1, force=True)
    assert other == [[]]
    assert files_in(folder) == {**NEW, "y-00001.pcap": HEADER + b"".join(RECORDS)}


def copied(temporary: Path) -> None:
    """To another folder of the same name, as an archive that is unpacked has it."""
    copy = temporary.with_name("copy")
    shutil.copytree(temporary, copy)
    shutil.rmtree(temporary)
    copy.rename(temporary)


def nonsense(temporary: Path) -> None:
    (temporary / "journal").write_bytes(b'{"folder": [], "files": 7}')


def elsewhere(temporary: Path) -> None:
    told = json.loads((temporary / "journal").read_bytes())
    told["files"]["00000001"][0] = str(temporary.parent.parent / "in.pcap")
    (temporary / "journal").write_bytes(json.dumps(told).encode())


def test_a_journal_of_somebody_else_counts_for_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    temporary = killed(folder, "replace", 2, "behind")
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert pcapconv.split(folder.parent / "in.pcap", folder / "y.pcap", max_packets=9).put_back == []
    assert (temporary / "00000001.old").read_bytes() == OLD["x-2.pcap"]


@pytest.mark.parametrize("change", [copied, nonsense, elsewhere])
def test_a_journal_that_is_not_ours_counts_for_nothing(folder: Path, change: Callable[[Path], Any]) -> None:
    temporary = killed(folder, "replace", 2, "behind")
    change(temporary)
    before = there_files(folder)
    assert pcapconv.split(folder.parent / "in.pcap", folder / "y.pcap", max_packets=9).put_back == []
    assert {**there_files(folder), "y-00001.pcap": b""} == {**before, "y-00001.pcap": b""}
    assert (temporary / "00000001.old").read_bytes() == OLD["x-2.pcap"]
    assert (folder.parent / "in.pcap").read_bytes() == HEADER + b"".join(RECORDS)


def test_new_parts_alone_need_no_journal(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[str] = []
    monkeypatch.setattr(RecoveryJournal, "__init__", lambda *_: made.append("journal"))
    (tmp_path / "in.pcap").write_bytes(HEADER + b"".join(RECORDS))
    pcapconv.split(tmp_path / "in.pcap", tmp_path / TEMPLATE, max_packets=1)
    assert made == []
    assert file_names(tmp_path) == ["in.pcap", *NEW]
