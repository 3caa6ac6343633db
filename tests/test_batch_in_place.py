"""Batches in place: a capture is replaced by what it becomes."""

import os
import stat
from pathlib import Path
from typing import Any

import pytest
import wire
from batches import (
    BROKEN,
    HEADER,
    OTHER_PCAP,
    PCAP,
    TEXT,
    as_pcapng,
    file_identity,
    files_below,
    nonzero_counts,
    run_batch,
    statuses,
)
from batches import source as source
from conversions import packets
from folders import MANIFEST, write_tree

from pcapconv import UsageError

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


def test_in_place_every_file_is_rewritten_where_it_is(source: Path) -> None:
    (source / "a.pcap").chmod(0o640)
    (source / "link.pcap").symlink_to("a.pcap")
    report = run_batch(source, in_place=True, to="pcapng", first=1)
    assert files_below(source) == {
        "a.pcap": as_pcapng(PCAP, first=1),
        "lab/b.cap": as_pcapng(OTHER_PCAP, first=1),
        "lab/notes.txt": TEXT,
    }
    assert stat.S_IMODE((source / "a.pcap").stat().st_mode) == 0o640
    assert (source / "link.pcap").is_symlink()
    assert nonzero_counts(report) == {"converted": 2, "skipped": 1, "left_alone": 1}
    assert statuses(source)["link.pcap"] == ("left_alone", f"{source}/link.pcap: a symbolic link")


def test_in_place_what_fails_stays_as_it_was(tmp_path: Path) -> None:
    captures = {name: capture for name, (capture, _, _) in BROKEN.items() if name != "cut"}
    source = write_tree(tmp_path / "in", captures)
    before = {name: file_identity(source / name) for name in captures}
    assert nonzero_counts(run_batch(source, in_place=True, to="pcap")) == {"failed": 3, "skipped": 3}
    assert {name: file_identity(source / name) for name in captures} == before


def test_in_place_nothing_is_done_twice(source: Path) -> None:
    """A run that goes on leaves what was shifted already, however often, and takes up what is new."""
    shift: dict[str, Any] = {"in_place": True, "shift_time": "+1s"}
    run_batch(source, **shift)
    write_tree(source, {"new.pcap": PCAP})
    assert nonzero_counts(run_batch(source, resume=True, **shift)) == {"converted": 1, "up_to_date": 2, "skipped": 1}
    assert nonzero_counts(run_batch(source, resume=True, **shift)) == {"up_to_date": 3, "skipped": 1}
    times = {name: [packet.time_ns for packet in packets((source / name).read_bytes())] for name in ("a.pcap",)}
    assert times == {"a.pcap": [1_001_000_005_000, 2_001_000_006_000]}
    assert (source / "new.pcap").read_bytes() == (source / "a.pcap").read_bytes()
    assert nonzero_counts(run_batch(source, resume=True, in_place=True, shift_time="-1s")) == {
        "converted": 3,
        "skipped": 1,
    }
    assert files_below(source) == {"a.pcap": PCAP, "new.pcap": PCAP, "lab/b.cap": OTHER_PCAP, "lab/notes.txt": TEXT}


def test_in_place_what_was_changed_since_is_done_again(source: Path) -> None:
    run_batch(source, in_place=True, first=1)
    (source / "a.pcap").write_bytes(PCAP)
    assert nonzero_counts(run_batch(source, in_place=True, first=1, resume=True)) == {
        "converted": 1,
        "up_to_date": 1,
        "skipped": 1,
    }
    assert (source / "a.pcap").read_bytes() == HEADER + wire.pcap_record(1_000, 5, b"one")


def test_in_place_from_a_list(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its manifest is in the working directory."""
    monkeypatch.chdir(tmp_path)
    listed = ["in/a.pcap", str(source / "lab" / "b.cap")]
    for status in ("converted", "up_to_date"):
        report = run_batch(listed, in_place=True, shift_time="+1s", resume=True)
        assert (nonzero_counts(report), report.manifest) == ({status: 2}, os.path.join(".", MANIFEST))
    assert [packet.time_ns for packet in packets((source / "lab" / "b.cap").read_bytes())] == [3_001_000_007_000]
    assert (tmp_path / MANIFEST).is_file()


def test_in_place_a_file_by_itself(source: Path) -> None:
    report = run_batch(source / "a.pcap", in_place=True, first=1)
    assert (nonzero_counts(report), report.manifest) == ({"converted": 1}, str(source / MANIFEST))
    assert len(packets((source / "a.pcap").read_bytes())) == 1
    assert (source / "lab" / "b.cap").read_bytes() == OTHER_PCAP


@pytest.mark.parametrize("other", ["./a.pcap", "lab/../a.pcap", "link.pcap", "folder/a.pcap"])
def test_in_place_a_file_of_two_names_is_not_edited_twice(
    source: Path, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    monkeypatch.chdir(source)
    Path("link.pcap").symlink_to("a.pcap")
    Path("folder").symlink_to(".")
    with pytest.raises(UsageError) as caught:
        run_batch(["a.pcap", other], in_place=True, shift_time="+1s")
    assert "a.pcap" in str(caught.value)
    assert other in str(caught.value)
    assert Path("a.pcap").read_bytes() == PCAP


def test_in_place_is_for_files_of_this_machine() -> None:
    with pytest.raises(UsageError) as caught:
        run_batch("s3://lab/raw", in_place=True)
    assert str(caught.value) == (
        "in_place=True: s3://lab/raw is remote, where files cannot be rewritten safely; name a target directory"
    )
