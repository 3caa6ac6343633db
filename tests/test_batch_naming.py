"""Batches: what targets are called, and two files whose targets would be one."""

import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest
from batches import OTHER_PCAP, PCAP, TEXT, as_pcapng, files_below, manifest_lines, nonzero_counts, run_batch
from batches import out as out
from batches import source as source
from folders import write_tree

from pcapconv import UsageError

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


# ---------------------------------------------------------------- names

NAMES = {
    "a.pcap": "a.pcapng",
    "b.CAP": "b.pcapng",
    "c.pcapng": "c.pcapng",
    "d.ntar": "d.pcapng",
    "e": "e.pcapng",
    "f.dat": "f.dat.pcapng",
    "g.tar.pcap": "g.tar.pcapng",
    ".pcap": ".pcap.pcapng",
    "h.pcap0": "h.pcap0.pcapng",
    "i.pcap/j": "i.pcap/j.pcapng",
    "new\nline.pcap": "new\nline.pcapng",
    "tab\t\x1b[31m.pcap": "tab\t\x1b[31m.pcapng",
    "-": "-.pcapng",
    "--to": "--to.pcapng",
    " .cap": " .pcapng",
    "*.pcap": "*.pcapng",
    "a:b://c/d": "a:b:/c/d.pcapng",
    "\udcff\udcfe.pcap": "\udcff\udcfe.pcapng",
}


def test_a_target_has_its_formats_suffix(tmp_path: Path, out: Path) -> None:
    report = run_batch(write_tree(tmp_path / "in", dict.fromkeys(NAMES, PCAP)), out, to="pcapng")
    assert files_below(out) == dict.fromkeys(NAMES.values(), as_pcapng(PCAP))
    assert nonzero_counts(report) == {"converted": len(NAMES)}
    again = run_batch(tmp_path / "in", out, to="pcapng", resume=True)
    assert nonzero_counts(again) == {"up_to_date": len(NAMES)}


def test_names_of_a_list(tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative ones stay, others lose their root; each counts once."""
    write_tree(
        tmp_path,
        {"here/a.pcap": PCAP, "here/sub/b.cap": PCAP, "here/-": PCAP, "c.pcap": OTHER_PCAP, "d.pcap": OTHER_PCAP},
    )
    monkeypatch.chdir(tmp_path / "here")
    absolute = str(tmp_path / "d.pcap")
    listed = ["a.pcap", "./sub//b.cap", "-", "../c.pcap", absolute, absolute, "a.pcap"]
    report = run_batch(iter(listed), out, to="pcap")
    below = tmp_path.as_posix().lstrip("/")
    assert files_below(out) == {
        "a.pcap": PCAP,
        "sub/b.pcap": PCAP,
        "-.pcap": PCAP,
        f"{below}/c.pcap": OTHER_PCAP,
        f"{below}/d.pcap": OTHER_PCAP,
    }
    assert nonzero_counts(report) == {"converted": 5}


def test_what_a_list_names_in_vain_fails(tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_tree(tmp_path, {"a.pcap": PCAP, "folder/b.pcap": PCAP})
    os.mkfifo(tmp_path / "fifo")
    monkeypatch.chdir(tmp_path)
    report = run_batch(["a.pcap", "none.pcap", "folder", "fifo", "", ".", "nul\0.pcap"], out)
    assert files_below(out) == {"a.pcap": PCAP}
    assert nonzero_counts(report) == {"converted": 1, "failed": 6}
    errors = [line["error"] for line in manifest_lines(out) if line["status"] == "failed"]
    assert errors[:3] == [
        "none.pcap: there is no such file",
        "folder: not a plain file",
        "fifo: not a plain file",
    ]
    assert errors[3:5] == ["'' names no file", ".: its name cannot be that of a file"]
    assert [line["status"] for line in manifest_lines(out) if line["source"] == "nul\0.pcap"] == ["failed"]


def test_a_list_may_hold_path_objects(source: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(source)
    paths: Iterable[Any] = [*sorted(Path().rglob("*ap")), Path("a.pcap")]
    assert nonzero_counts(run_batch(paths, out, to="pcap")) == {"converted": 2}
    assert sorted(files_below(out)) == ["a.pcap", "lab/b.pcap"]


def test_a_file_as_source(source: Path, out: Path) -> None:
    assert nonzero_counts(run_batch(source / "lab" / "b.cap", out, to="pcap")) == {"converted": 1}
    assert files_below(out) == {"b.pcap": OTHER_PCAP}


# ---------------------------------------------------------------- two that would be one


@pytest.mark.parametrize("resume", [False, True])
def test_two_captures_of_one_name_are_refused(tmp_path: Path, out: Path, resume: bool) -> None:
    source = write_tree(tmp_path / "in", {"a.pcap": PCAP, "lab/b.cap": PCAP, "lab/b.pcap": OTHER_PCAP})
    with pytest.raises(UsageError) as caught:
        run_batch(source, out, to="pcapng", force=True, resume=resume)
    assert str(caught.value) == (
        f"{source}/lab/b.cap and {source}/lab/b.pcap would both become {out}/lab/b.pcapng; rename one, or leave it "
        "out with exclude="
    )
    assert not out.exists()
    assert nonzero_counts(run_batch(source, out, to="pcapng", exclude=["*.cap"])) == {"converted": 2}


@pytest.mark.parametrize("larger", ["a.cap", "a.pcap"])
def test_what_is_no_capture_has_no_target(tmp_path: Path, out: Path, larger: str) -> None:
    """It neither stands in a capture's way nor passes for it, whichever is looked at first."""
    text = TEXT * (1 if larger == "a.pcap" else 100)
    source = write_tree(tmp_path / "in", {"a.cap": text, "a.pcap": PCAP, "a.ntar": b""})
    assert nonzero_counts(run_batch(source, out, to="pcapng")) == {"converted": 1, "failed": 2}
    assert files_below(out) == {"a.pcapng": as_pcapng(PCAP)}
    assert nonzero_counts(run_batch(source, out, to="pcapng", resume=True)) == {"up_to_date": 1, "failed": 2}
    assert files_below(out) == {"a.pcapng": as_pcapng(PCAP)}


@pytest.mark.parametrize("force", [False, True])
def test_a_target_is_never_a_source(tmp_path: Path, force: bool) -> None:
    """SRC in DST: what is called after itself would be overwritten."""
    source = write_tree(tmp_path / "in", {"a.pcap": PCAP, "in/a.cap": OTHER_PCAP})
    (source / "in" / "a.cap").rename(source / "in" / "x.pcap")
    (source / "x.pcap").write_bytes(PCAP)
    with pytest.raises(UsageError) as caught:
        run_batch(source, tmp_path, force=force)
    path = f"{tmp_path}/in/x.pcap"
    assert str(caught.value) == f"{path}: that is a source too ({path}); name another directory"
    assert files_below(tmp_path) == {"in/a.pcap": PCAP, "in/x.pcap": PCAP, "in/in/x.pcap": OTHER_PCAP}


def test_a_target_is_never_a_source_by_way_of_a_link(source: Path, out: Path) -> None:
    out.mkdir()
    (out / "a.pcap").symlink_to(source / "a.pcap")
    with pytest.raises(UsageError, match="that is a source too"):
        run_batch(source, out, force=True, first=1)
    assert (source / "a.pcap").read_bytes() == PCAP


def test_a_target_is_never_a_source_by_way_of_a_folder(source: Path, tmp_path: Path, out: Path) -> None:
    """Where a folder leads is looked up each time."""
    for path in (tmp_path / "elsewhere", source / "lab"):
        path.mkdir(exist_ok=True)
        out.mkdir(exist_ok=True)
        (out / "lab").unlink(missing_ok=True)
        (out / "lab").symlink_to(path)
        if path == source / "lab":
            with pytest.raises(UsageError, match="that is a source too"):
                run_batch(source, out, force=True, first=1)
        else:
            assert nonzero_counts(run_batch(source, out, force=True, follow_links=True)) == {
                "converted": 2,
                "skipped": 1,
            }
            assert files_below(path) == {"b.cap": OTHER_PCAP}
    assert files_below(source) == {"a.pcap": PCAP, "lab/b.cap": OTHER_PCAP, "lab/notes.txt": TEXT}


def test_a_file_and_a_folder_of_one_name(tmp_path: Path, out: Path) -> None:
    """One fails, the other is whole."""
    source = write_tree(tmp_path / "in", {"x.cap": PCAP, "x.pcap/y": OTHER_PCAP})
    report = run_batch(source, out, to="pcap")
    assert nonzero_counts(report) == {"converted": 1, "failed": 1}
    assert files_below(out) in ({"x.pcap": PCAP}, {"x.pcap/y.pcap": OTHER_PCAP})


def test_source_and_target_in_each_other(source: Path) -> None:
    """DST in SRC is not converted again, SRC in DST does no harm."""
    out = source / "lab" / "out"
    assert nonzero_counts(run_batch(source, out, to="pcapng")) == {"converted": 2, "skipped": 1}
    assert nonzero_counts(run_batch(source, out, to="pcapng", resume=True)) == {"up_to_date": 2, "skipped": 1}
    assert files_below(out) == {"a.pcapng": as_pcapng(PCAP), "lab/b.pcapng": as_pcapng(OTHER_PCAP)}
    shutil.rmtree(out)
    assert nonzero_counts(run_batch(source, source.parent, to="pcapng")) == {"converted": 2, "skipped": 1}
    assert (source.parent / "lab" / "b.pcapng").read_bytes() == as_pcapng(OTHER_PCAP)


def test_a_target_in_the_source_by_another_name(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (source.parent / "link").symlink_to("in")
    (source / "out").mkdir()
    monkeypatch.chdir(source)
    for path in ("./lab/../out", str(source.parent / "link" / "out")):
        run_batch(".", path, to="pcapng", force=True)
        assert files_below(source / "out") == {"a.pcapng": as_pcapng(PCAP), "lab/b.pcapng": as_pcapng(OTHER_PCAP)}


def test_a_link_into_the_target_is_not_converted_again(source: Path) -> None:
    (source / "latest.pcap").symlink_to("out/a.pcapng")
    for resume in (False, True):
        report = run_batch(source, source / "out", to="pcapng", resume=resume)
        assert (report.failed, report.left_alone) == (0, 1)
        assert files_below(source / "out") == {"a.pcapng": as_pcapng(PCAP), "lab/b.pcapng": as_pcapng(OTHER_PCAP)}
