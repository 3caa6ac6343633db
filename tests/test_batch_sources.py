"""Batches: which files are found, and arguments that make no sense as a whole."""

import os
import socket
from pathlib import Path
from typing import Any

import pytest
from batches import OTHER_PCAP, PCAP, files_below, nonzero_counts, run_batch, statuses
from batches import out as out
from batches import source as source
from folders import write_tree

from pcapconv import FileError, UsageError, batch

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


# ---------------------------------------------------------------- which files

SOME = {"a.pcap": PCAP, "b.cap": PCAP, "lab/a.pcap": PCAP, "lab/deep/c.pcap": PCAP, "tmp/d.pcap": PCAP}
CHOICES = {
    "a suffix": (["*.pcap"], [], ["a.pcap", "lab/a.pcap", "lab/deep/c.pcap", "tmp/d.pcap"]),
    "a folder": (["lab/**"], [], ["lab/a.pcap", "lab/deep/c.pcap"]),
    "a folder anywhere": (["deep/"], [], ["lab/deep/c.pcap"]),
    "at the top": (["/*.pcap"], [], ["a.pcap"]),
    "several": (["b.*", "/tmp"], [], ["b.cap", "tmp/d.pcap"]),
    "but": (["*.pcap", "!a.pcap"], [], ["lab/deep/c.pcap", "tmp/d.pcap"]),
    "not": ([], ["tmp/", "a.*"], ["b.cap", "lab/deep/c.pcap"]),
    "both": (["lab/"], ["deep"], ["lab/a.pcap"]),
    "none": (["*.zip"], [], []),
    "a comment": ([], ["# a.pcap", ""], sorted(SOME)),
}


@pytest.mark.parametrize(("include", "exclude", "chosen"), CHOICES.values(), ids=CHOICES)
def test_include_and_exclude(
    tmp_path: Path, out: Path, include: list[str], exclude: list[str], chosen: list[str]
) -> None:
    report = run_batch(write_tree(tmp_path / "in", SOME), out, include=include, exclude=exclude, allow_empty=True)
    assert sorted(files_below(out)) == chosen
    assert nonzero_counts(report) == ({"converted": len(chosen)} if chosen else {})


def test_include_and_exclude_for_a_list(source: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(source)
    run_batch(["a.pcap", "lab/b.cap", "none.pcap"], out, include=["lab/"])
    assert files_below(out) == {"lab/b.cap": OTHER_PCAP}


@pytest.mark.parametrize("option", ["include", "exclude"])
@pytest.mark.parametrize("pattern", ["!", "a\\"])
def test_patterns_that_mean_nothing(source: Path, out: Path, option: str, pattern: str) -> None:
    options: dict[str, Any] = {option: ["*.pcap", pattern]}
    with pytest.raises(UsageError) as caught:
        run_batch(source, out, **options)
    assert str(caught.value).startswith(f"{option}=: ")
    assert not out.exists()


@pytest.mark.parametrize("option", ["include", "exclude"])
def test_a_single_pattern_is_no_list_of_letters(source: Path, out: Path, option: str) -> None:
    options: dict[str, Any] = {option: "*.pcap"}
    with pytest.raises(UsageError, match=rf"^{option}='\*\.pcap': write a list of patterns$"):
        run_batch(source, out, **options)


def test_links(source: Path, tmp_path: Path, out: Path) -> None:
    """Those to files in the tree are read, others are left alone; what leads in a circle fails."""
    outside = write_tree(tmp_path / "outside", {"x.pcap": OTHER_PCAP})
    links: dict[str, str | Path] = {
        "to-a.pcap": "a.pcap",
        "lab/up.pcap": "../a.pcap",
        "absolute.pcap": source / "lab" / "b.cap",
        "twice.pcap": "to-a.pcap",
        "out.pcap": outside / "x.pcap",
        "outfolder": outside,
        "infolder": "lab",
        "self": ".",
        "nothing.pcap": "none.pcap",
        "loop.pcap": "loop.pcap",
    }
    for name, path in links.items():
        (source / name).symlink_to(path)
    report = run_batch(source, out, to="pcap")
    followed = dict.fromkeys(("a.pcap", "to-a.pcap", "lab/up.pcap", "twice.pcap"), PCAP)
    assert files_below(out) == followed | {"absolute.pcap": OTHER_PCAP, "lab/b.pcap": OTHER_PCAP}
    assert nonzero_counts(report) == {"converted": 6, "failed": 1, "skipped": 1, "left_alone": 5}
    leads_out, folder = "a symbolic link that leads out of the tree", "a symbolic link to a directory"
    status = statuses(out)
    assert {name: status[name] for name in ("out.pcap", "outfolder", "infolder", "self", "nothing.pcap")} == {
        "out.pcap": ("left_alone", f"{source}/out.pcap: {leads_out}"),
        "outfolder": ("left_alone", f"{source}/outfolder: {leads_out}"),
        "infolder": ("left_alone", f"{source}/infolder: {folder}"),
        "self": ("left_alone", f"{source}/self: {folder}"),
        "nothing.pcap": ("left_alone", f"{source}/nothing.pcap: a symbolic link to nothing"),
    }
    assert status["loop.pcap"][0] == "failed"


def test_a_neighbour_whose_name_begins_like_the_tree_is_outside(source: Path, tmp_path: Path, out: Path) -> None:
    write_tree(tmp_path / "in2", {"x.pcap": OTHER_PCAP})
    (source / "x.pcap").symlink_to("../in2/x.pcap")
    assert run_batch(source, out).left_alone == 1
    assert "x.pcap" not in files_below(out)


def test_a_link_as_source_is_followed(source: Path, tmp_path: Path, out: Path) -> None:
    (source / "to-a.pcap").symlink_to("a.pcap")
    (tmp_path / "link").symlink_to("in")
    assert nonzero_counts(run_batch(tmp_path / "link", out)) == {"converted": 3, "skipped": 1}


def test_special_files_are_left_alone(source: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(source / "fifo.pcap")
    monkeypatch.chdir(source)  # a socket's path has to be short
    with socket.socket(socket.AF_UNIX) as own:
        own.bind("socket")
        report = run_batch(source, out)
    assert nonzero_counts(report) == {"converted": 2, "skipped": 1, "left_alone": 2}
    assert [statuses(out)[name] for name in ("fifo.pcap", "socket")] == [
        ("left_alone", f"{source}/{name}: not a plain file") for name in ("fifo.pcap", "socket")
    ]


def test_a_special_file_as_source_is_not_waited_for(tmp_path: Path, out: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    keep = os.open(tmp_path / "fifo", os.O_RDWR)  # else a reader would wait for a writer
    try:
        os.write(keep, PCAP)
        report = run_batch(tmp_path / "fifo", out)
    finally:
        os.close(keep)
    assert nonzero_counts(report) == {"left_alone": 1}
    assert statuses(out) == {"fifo": ("left_alone", f"{tmp_path}/fifo: not a plain file")}


@pytest.fixture
def closed(source: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that may not be read, not even by root."""
    folder = write_tree(source / "closed", {"c.pcap": PCAP})
    scandir = os.scandir

    def refuse(path: Any) -> Any:
        if os.fspath(path) == str(folder):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    return folder


@pytest.mark.parametrize("include", [[], ["*.pcap"]], ids=["all", "some"])
def test_a_folder_that_cannot_be_read_fails_and_the_others_go_on(
    source: Path, out: Path, closed: Path, include: list[str]
) -> None:
    """Nobody knows whether what was to be included is in it."""
    report = run_batch(source, out, include=include)
    assert (report.failed, files_below(out)["a.pcap"]) == (1, PCAP)
    assert statuses(out)["closed"] == ("failed", f"{closed}: cannot open: permission denied")


@pytest.mark.usefixtures("closed")
@pytest.mark.parametrize("pattern", ["closed/", "closed", "/closed/", "closed/**"])
def test_a_folder_that_is_excluded_need_not_be_read(source: Path, out: Path, pattern: str) -> None:
    assert nonzero_counts(run_batch(source, out, exclude=[pattern])) == {"converted": 2, "skipped": 1}


# ---------------------------------------------------------------- what makes no sense as a whole


WRONG: dict[str, tuple[dict[str, Any], str]] = {
    "no such format": ({"to": "zip"}, "zip"),
    "no such word": ({"on_loss": "cry"}, "on_loss='cry': must be one of warn, ignore, fail"),
    "no jobs": ({"jobs": 0}, "jobs=0: write a whole number from 1 to 1024"),
    "many jobs": ({"jobs": 1025}, "jobs=1025: write a whole number from 1 to 1024"),
    "jobs as a truth": ({"jobs": True}, "jobs=True: write a whole number from 1 to 1024"),
    "jobs as text": ({"jobs": "2"}, "jobs='2': write a whole number from 1 to 1024"),
    "no time": ({"after": "yesterday"}, "after='yesterday': not a time"),
    "keys as a name": (
        {"extract_secrets": "keys"},
        "extract_secrets='keys': a batch writes key logs beside its targets; give a suffix, as in .keys",
    ),
    "keys elsewhere": (
        {"extract_secrets": "./keys"},
        "extract_secrets='./keys': a batch writes key logs beside its targets; give a suffix, as in .keys",
    ),
    "a target in place": (
        {"in_place": True},
        "in_place=True rewrites the files where they are; name no target directory",
    ),
}


@pytest.mark.parametrize(("options", "fact"), WRONG.values(), ids=WRONG)
def test_what_makes_no_sense_is_refused_before_anything_starts(
    source: Path, out: Path, options: dict[str, Any], fact: str
) -> None:
    with pytest.raises(UsageError) as caught:
        batch(source, out, **options)
    assert fact in str(caught.value)
    assert not out.exists()


def test_only_one_can_do_the_work(source: Path, out: Path) -> None:
    others: dict[str, Any] = {"jobs": 2, "scheduler": "tcp://127.0.0.1:1"}
    for name, value in others.items():
        with pytest.raises(UsageError) as caught:
            run_batch(source, out, **{name: value})
        assert str(caught.value) == f"{name}= and executor= exclude each other"


def test_a_batch_needs_a_place_to_go(source: Path) -> None:
    with pytest.raises(UsageError) as caught:
        run_batch(source)
    assert str(caught.value) == (
        "there is no target directory; name one for the new files, or rewrite them with in_place=True"
    )


@pytest.mark.parametrize("place", ["in", "in/", "in/../in", "link"])
def test_source_and_target_may_not_be_the_same(source: Path, place: str) -> None:
    (source.parent / "link").symlink_to("in")
    target = os.path.join(source.parent, place)
    with pytest.raises(UsageError) as caught:
        run_batch(source, target, force=True)
    assert str(caught.value) == (
        f"{target}: source and target are the same directory; name a different target, or give in_place=True"
    )


def test_places_that_are_not_there(source: Path, out: Path) -> None:
    with pytest.raises(FileError) as caught:
        run_batch(source / "none", out)
    assert str(caught.value) == f"{source}/none: cannot open: no such file or directory"
    assert not out.exists()
    with pytest.raises(FileError) as caught:
        run_batch(source, source / "a.pcap" / "out")
    assert str(caught.value) == f"{source}/a.pcap/out: cannot create: not a directory"
    with pytest.raises(FileError) as caught:
        run_batch(source, source / "a.pcap")
    assert str(caught.value) == f"{source}/a.pcap: cannot create: file exists"
    with pytest.raises(FileError, match="cannot open"):
        run_batch("nul\0", out)
