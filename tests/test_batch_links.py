"""Symbolic links in the new tree of a batch: those that lead out of it are not followed, unless that is asked for."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import wire

import pcapconv
from pcapconv import FileError
from pcapconv.batching.report import BatchReport
from pcapconv.cli import run

CAPTURE = wire.pcap_header() + wire.pcap_record(1, 2, b"four")
WITH_KEYS = wire.section_header() + wire.interface() + wire.secrets(0x544C534B, b"CLIENT_RANDOM 00 11\n")
OLD = b"what was there before"
NAME = "pcapconv-manifest.jsonl"


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """`source` with a capture in a folder, `target`, and `outside`, which no link may lead to."""
    for name in ("source/lab", "target", "outside"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "source" / "lab" / "a.pcap").write_bytes(CAPTURE)
    return tmp_path


def run_in_lab(lab: Path, **options: Any) -> BatchReport:
    return pcapconv.batch(lab / "source", lab / "target", to="pcapng", jobs=1, force=True, **options)


def linked_folder(lab: Path) -> None:
    (lab / "target" / "lab").symlink_to(lab / "outside")


def linked_folder_above(lab: Path) -> None:
    (lab / "target" / "lab").symlink_to("../outside")


def linked_file(lab: Path) -> None:
    (lab / "outside" / "a.pcapng").write_bytes(OLD)
    (lab / "target" / "lab").mkdir()
    (lab / "target" / "lab" / "a.pcapng").symlink_to(lab / "outside" / "a.pcapng")


def contents_below(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.mark.parametrize("link", [linked_folder, linked_folder_above, linked_file])
def test_a_file_fails_that_would_lie_outside(lab: Path, link: Callable[[Path], None]) -> None:
    link(lab)
    before = contents_below(lab / "outside")
    report = run_in_lab(lab)
    assert (report.converted, report.failed) == (0, 1)
    assert report.trouble[0]["error"] == (
        f"{lab}/target/lab/a.pcapng: a symbolic link leads out of the target directory, to {lab}/outside/a.pcapng; "
        "follow_links=True writes there"
    )
    assert contents_below(lab / "outside") == before


@pytest.mark.parametrize("link", [linked_folder, linked_folder_above, linked_file])
def test_links_are_followed_where_that_is_asked_for(lab: Path, link: Callable[[Path], None]) -> None:
    link(lab)
    command = ["batch", str(lab / "source"), str(lab / "target"), "--to", "pcapng", "--force", "--follow-links", "-q"]
    assert run(command) == 0
    assert wire.read_pcapng((lab / "outside" / "a.pcapng").read_bytes())[0].data == b"four"


@pytest.mark.parametrize("beside", [".keys", ".meta.json"])
def test_what_is_written_beside_a_target_does_not_lie_outside_either(lab: Path, beside: str) -> None:
    (lab / "source" / "lab" / "a.pcap").unlink()
    (lab / "source" / "lab" / "a.pcapng").write_bytes(WITH_KEYS)
    (lab / "target" / "lab").mkdir()
    (lab / "outside" / "x").write_bytes(OLD)
    (lab / "target" / "lab" / f"a.pcap{beside}").symlink_to(lab / "outside" / "x")
    report = pcapconv.batch(
        lab / "source", lab / "target", to="pcap", jobs=1, force=True, sidecar=True, extract_secrets=".keys"
    )
    assert report.failed == 1
    assert "a symbolic link leads out of the target directory" in report.trouble[0]["error"]
    assert contents_below(lab / "outside") == {"x": OLD}
    assert not (lab / "target" / "lab" / "a.pcap").exists()


@pytest.mark.parametrize("in_place", [False, True])
def test_a_manifest_that_would_lie_outside_is_refused(lab: Path, in_place: bool) -> None:
    home = lab / ("source" if in_place else "target")
    (lab / "outside" / "x").write_bytes(OLD)
    (home / NAME).symlink_to(lab / "outside" / "x")
    with pytest.raises(FileError) as caught:
        pcapconv.batch(lab / "source", None if in_place else home, in_place=in_place, to="pcapng", jobs=1)
    assert str(caught.value) == (
        f"{home}/{NAME}: a symbolic link leads out of the target directory, to {lab}/outside/x; "
        "follow_links=True writes there"
    )
    assert contents_below(lab / "outside") == {"x": OLD}


def test_links_within_the_new_tree_are_followed(lab: Path) -> None:
    (lab / "target" / "real").mkdir()
    (lab / "target" / "lab").symlink_to("real")
    assert run_in_lab(lab).converted == 1
    assert sorted(contents_below(lab / "target" / "real")) == ["a.pcapng"]


def test_the_new_tree_itself_may_be_a_link(lab: Path) -> None:
    (lab / "target").rmdir()
    (lab / "target").symlink_to("outside")
    assert run_in_lab(lab).converted == 1
    assert sorted(contents_below(lab / "outside")) == ["lab/a.pcapng", NAME]


def test_temporary_files_outside_are_not_cleared_away(lab: Path) -> None:
    linked_folder(lab)
    left = lab / "outside" / ".pcapconv-0123456789abcdef.tmp"
    left.write_bytes(OLD)
    run_in_lab(lab, resume=True)
    assert left.read_bytes() == OLD
    assert os.path.islink(lab / "target" / "lab")
