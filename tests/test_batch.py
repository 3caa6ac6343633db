"""Batches: which files are found, what each becomes and is called, what stops no other, what is resumed."""

import hashlib
import json
import os
import shutil
import socket
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from pathlib import Path
from typing import Any, cast

import pytest
import wire
from through import DAMAGED, SAMPLES, converted, packets, stem

from pcapconv import FileError, NothingFoundError, UsageError, batch
from pcapconv.batching import executors, manifest
from pcapconv.batching.outcome import Outcome
from pcapconv.batching.pool import DeadProcessError
from pcapconv.batching.report import BatchReport, Watcher
from pcapconv.timestamps import format_time

pytestmark = pytest.mark.usefixtures("no_thread_is_left")

MANIFEST = "pcapconv-manifest.jsonl"
HEADER = wire.pcap_header()
PCAP = HEADER + wire.pcap_record(1_000, 5, b"one") + wire.pcap_record(2_000, 6, b"two")
OTHER = HEADER + wire.pcap_record(3_000, 7, b"three")
PCAPNG = wire.section_header() + wire.interface() + wire.enhanced_packet(0, 1_000_000_005, b"four")
COMMENTED = PCAPNG + wire.enhanced_packet(
    0, 1_000_000_006, b"five", options=wire.options((wire.OPT_COMMENT, b"a"), (wire.OPT_COMMENT, b"b"))
)
CUT = PCAP + b"cut"
TEXT = b"Dear reader, this is text\n"
LOG = b"CLIENT_RANDOM 00 01\n"
SECRET = wire.section_header() + wire.secrets(wire.TLS_KEY_LOG, LOG) + wire.interface()
TAKEN = "exists already; resume=True replaces only what an earlier run wrote, force=True whatever is there"
NO_CAPTURE = "not a pcap or pcapng capture, it begins with 'Dear reader"

Files = Mapping[str, bytes]


def run(source: Any, target: Any = None, *, executor: Executor | None = None, **options: Any) -> BatchReport:
    """A batch in a thread of this process, which starts at once."""
    with ThreadPoolExecutor(1) as own:
        return batch(source, target, executor=executor or own, **options)


def made(folder: Path, files: Files) -> Path:
    """A tree of files."""
    folder.mkdir(exist_ok=True)
    for name, data in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def tree(folder: Path) -> dict[str, bytes]:
    """All plain files below a folder, but for its manifest."""
    paths = [path for path in folder.rglob("*") if path.is_file() and not path.is_symlink()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths if path != folder / MANIFEST}


def ng(capture: bytes, **options: Any) -> bytes:
    """What `convert` makes of it."""
    return converted(capture, "pcapng", **options)[0]


def lines(folder: Path) -> list[dict[str, Any]]:
    """A manifest's."""
    return [json.loads(line) for line in (folder / MANIFEST).read_bytes().splitlines()]


def told(folder: Path) -> dict[str, tuple[str, str | None]]:
    """Source → its status and error, as the manifest has them."""
    found = lines(folder)
    assert len({line["source"] for line in found}) == len(found)
    return {line["source"]: (line["status"], line["error"]) for line in found}


def counts(report: BatchReport) -> dict[str, int]:
    """How many files became what."""
    names = ("converted", "damaged", "failed", "up_to_date", "skipped", "left_alone")
    return {name: number for name in names if (number := getattr(report, name))}


def identity(path: Path) -> tuple[int, int]:
    """It changes when the file is written again."""
    there = path.stat()
    return there.st_ino, there.st_mtime_ns


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Two captures and a text, in two folders."""
    return made(tmp_path / "in", {"a.pcap": PCAP, "lab/b.cap": OTHER, "lab/notes.txt": TEXT})


@pytest.fixture
def out(tmp_path: Path) -> Path:
    """Where a batch goes; it is not there yet."""
    return tmp_path / "out"


class Seen(Watcher):
    """Notes what it is told."""

    def __init__(self) -> None:
        self.begun: list[tuple[int, int]] = []
        self.lines: list[dict[str, Any]] = []

    def begin(self, files: int, size: int) -> None:
        self.begun.append((files, size))

    def line(self, outcome: Outcome) -> None:
        self.lines.append(outcome.to_json())


class Meddler(ThreadPoolExecutor):
    """Does something else before it takes up its first work: the moment after all files were found."""

    def __init__(self, deed: Callable[[], object]) -> None:
        super().__init__(1)
        self._deeds = [deed]

    def submit(self, work: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
        while self._deeds:
            self._deeds.pop()()
        return super().submit(work, *arguments, **named)


# ---------------------------------------------------------------- what is done


def test_a_tree_is_mirrored(source: Path, out: Path) -> None:
    report = run(source, out, to="pcapng")
    assert tree(out) == {"a.pcapng": ng(PCAP), "lab/b.pcapng": ng(OTHER)}
    assert counts(report) == {"converted": 2, "skipped": 1}
    assert tree(source) == {"a.pcap": PCAP, "lab/b.cap": OTHER, "lab/notes.txt": TEXT}
    written = wire.read_pcapng((out / "a.pcapng").read_bytes())
    assert [(each.ticks, each.data) for each in written] == [(1_000_000_005, b"one"), (2_000_000_006, b"two")]


def test_the_report_has_the_sums(tmp_path: Path, out: Path) -> None:
    source = made(tmp_path / "in", {"a": COMMENTED, "b": PCAPNG, "c": CUT, "d": TEXT, "e": b""})
    report = run(source, out, to="pcap", strip=["comments"], last=1)
    written = tree(out)
    assert sorted(written) == ["a.pcap", "b.pcap", "c.pcap"]
    assert report.as_dict() == {
        "converted": 2,
        "damaged": 1,
        "failed": 0,
        "up_to_date": 0,
        "skipped": 2,
        "left_alone": 0,
        "damaged_before": 0,
        "refused": 0,
        "odd": 0,
        "empty": 0,
        "undated": 0,
        "packets_read": 5,
        "packets_written": 3,
        "bytes_read": len(COMMENTED) + len(PCAPNG) + len(CUT),
        "bytes_written": sum(map(len, written.values())),
        "losses": {},
        "left_out": {"comments": 2},
        "sidecars_written": 0,
        "sidecars_read": 0,
        "sidecars_unused": 0,
        "kept_in_sidecar": {},
        "missing_in_sidecar": {},
        "damage_in_sidecar": 0,
        "found_in_sidecar": {},
        "seconds": report.seconds,
        "manifest": str(out / MANIFEST),
    }
    (trouble,) = report.trouble
    assert (trouble["source"], trouble["status"]) == ("c", "damaged")


def test_a_line_says_what_became_of_a_file(tmp_path: Path, out: Path) -> None:
    source = made(tmp_path / "in", {"lab/a.ntar": COMMENTED})
    run(source, out, to="pcap")
    (line,) = lines(out)
    target = (out / "lab" / "a.pcap").read_bytes()
    assert line == {
        "schema": {"name": "pcapconv-manifest", "version": 1},
        "source": "lab/a.ntar",
        "source_size": len(COMMENTED),
        "source_time": format_time((source / "lab" / "a.ntar").stat().st_mtime_ns, 10**9, 0),
        "source_sha256": hashlib.sha256(COMMENTED).hexdigest(),
        "target": "lab/a.pcap",
        "target_size": len(target),
        "target_time": format_time((out / "lab" / "a.pcap").stat().st_mtime_ns, 10**9, 0),
        "target_sha256": hashlib.sha256(target).hexdigest(),
        "status": "converted",
        "packets_read": 2,
        "packets_written": 2,
        "losses": {"comments": 2},
        "left_out": {},
        "damage": [],
        "damage_total": 0,
        "warnings": [],
        "warnings_total": 0,
        "key_log": False,
        "seconds": line["seconds"],
        "error": None,
        "options": line["options"],
        "root": str(source.resolve()),
        "run": line["run"],
        "worker": f"{socket.gethostname()}:{os.getpid()}",
    }


def test_a_line_lists_the_first_damage(tmp_path: Path, out: Path) -> None:
    stray = wire.enhanced_packet(7, 0, b"nobody's")
    source = made(tmp_path / "in", {"a": PCAPNG + stray * 12})
    report = run(source, out)
    (line,) = lines(out)
    assert (line["status"], line["damage_total"], report.damaged) == ("damaged", 12, 1)
    assert [place["offset"] for place in line["damage"]] == [len(PCAPNG) + len(stray) * number for number in range(10)]


@pytest.mark.parametrize(
    "options",
    [
        {"first": 1, "shift_time": "+1h", "chop": [1]},
        {"last": 1},
        {"packets": "2-", "capture_comment": ["checked"]},
        {"comment_matches": "a", "invert": True},
    ],
    ids=lambda options: "+".join(options),
)
def test_every_file_gets_what_convert_makes_of_it(tmp_path: Path, out: Path, options: dict[str, Any]) -> None:
    """Each by itself: numbers and what is last count anew."""
    captures = {"a.pcap": PCAP, "b.pcap": OTHER, "c.pcapng": COMMENTED, "d.pcapng": PCAPNG}
    run(made(tmp_path / "in", captures), out, **options)
    assert tree(out) == {
        name: converted(capture, name.partition(".")[2], **options)[0] for name, capture in captures.items()
    }


def test_samples_keep_format_and_bytes_without_to(tmp_path: Path, out: Path) -> None:
    """Whatever their names are."""
    captures = {f"{path.name}.bin": path.read_bytes() for path in SAMPLES if stem(path) not in DAMAGED}
    report = run(made(tmp_path / "in", captures), out)
    written = tree(out)
    assert [name for name in captures if written[name] != captures[name]] == []
    assert counts(report) == {"converted": len(captures)}
    assert len(captures) > 50


def test_to_nanoseconds(tmp_path: Path, out: Path) -> None:
    run(made(tmp_path / "in", {"a.pcapng": PCAPNG}), out, to="pcap", nanoseconds=True)
    assert wire.read_pcap_header((out / "a.pcap").read_bytes()).magic == wire.NANOSECONDS


def test_an_empty_tree_is_done_at_once(tmp_path: Path, out: Path) -> None:
    seen = Seen()
    report = run(made(tmp_path / "in", {}), out, to="pcap", allow_empty=True, watcher=seen)
    assert (counts(report), seen.begun, seen.lines) == ({}, [(0, 0)], [])
    assert list(out.iterdir()) == []


@pytest.mark.parametrize("captures", [{}, {"a.txt": TEXT, "lab/b": b""}], ids=["no file", "no capture"])
def test_a_tree_without_captures_is_an_error(tmp_path: Path, out: Path, captures: dict[str, bytes]) -> None:
    source = made(tmp_path / "in", captures)
    with pytest.raises(NothingFoundError) as caught:
        run(source, out)
    assert str(caught.value) == f"{source}: no capture was found; allow_empty=True lets that pass"
    skipped = {"skipped": len(captures)} if captures else {}
    assert counts(caught.value.report) == skipped
    assert counts(run(source, out, allow_empty=True)) == skipped
    listed = [str(path) for path in source.rglob("*") if path.is_file()]
    assert counts(run(listed, out)) == skipped  # a list is no directory


def test_a_tree_of_empty_files(tmp_path: Path, out: Path) -> None:
    source = made(tmp_path / "in", {"a.pcap": b"", "b.pcap": b""})
    assert counts(run(source, out)) == {"failed": 2}
    assert told(out)["a.pcap"] == (
        "failed",
        f"{source}/a.pcap: the file is empty, not a pcap or pcapng capture",
    )


def test_a_watcher_sees_every_line_once(source: Path, out: Path) -> None:
    (source / "out.pcap").symlink_to(os.devnull)
    seen = Seen()
    run(source, out, to="pcap", watcher=seen)
    assert seen.begun == [(3, len(PCAP) + len(OTHER) + len(TEXT))]
    written = [{name: value for name, value in line.items() if name != "schema"} for line in lines(out)]
    assert sorted(seen.lines, key=lambda line: str(line["source"])) == sorted(
        written, key=lambda line: str(line["source"])
    )
    assert {line["source"]: line["status"] for line in seen.lines} == {
        "a.pcap": "converted",
        "lab/b.cap": "converted",
        "lab/notes.txt": "skipped",
        "out.pcap": "left_alone",
    }


def test_what_a_watcher_raises_ends_the_batch(source: Path, out: Path) -> None:
    class Tired(Watcher):
        def line(self, outcome: Outcome) -> None:
            raise ZeroDivisionError(outcome.source)

    with pytest.raises(ZeroDivisionError):
        run(source, out, to="pcap", watcher=Tired())
    assert [name for name in os.listdir(out) if name.startswith(".")] == []


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
    report = run(made(tmp_path / "in", dict.fromkeys(NAMES, PCAP)), out, to="pcapng")
    assert tree(out) == dict.fromkeys(NAMES.values(), ng(PCAP))
    assert counts(report) == {"converted": len(NAMES)}
    again = run(tmp_path / "in", out, to="pcapng", resume=True)
    assert counts(again) == {"up_to_date": len(NAMES)}


def test_names_of_a_list(tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Relative ones stay, others lose their root; each counts once."""
    made(tmp_path, {"here/a.pcap": PCAP, "here/sub/b.cap": PCAP, "here/-": PCAP, "c.pcap": OTHER, "d.pcap": OTHER})
    monkeypatch.chdir(tmp_path / "here")
    absolute = str(tmp_path / "d.pcap")
    listed = ["a.pcap", "./sub//b.cap", "-", "../c.pcap", absolute, absolute, "a.pcap"]
    report = run(iter(listed), out, to="pcap")
    below = tmp_path.as_posix().lstrip("/")
    assert tree(out) == {
        "a.pcap": PCAP,
        "sub/b.pcap": PCAP,
        "-.pcap": PCAP,
        f"{below}/c.pcap": OTHER,
        f"{below}/d.pcap": OTHER,
    }
    assert counts(report) == {"converted": 5}


def test_what_a_list_names_in_vain_fails(tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made(tmp_path, {"a.pcap": PCAP, "folder/b.pcap": PCAP})
    os.mkfifo(tmp_path / "fifo")
    monkeypatch.chdir(tmp_path)
    report = run(["a.pcap", "none.pcap", "folder", "fifo", "", ".", "nul\0.pcap"], out)
    assert tree(out) == {"a.pcap": PCAP}
    assert counts(report) == {"converted": 1, "failed": 6}
    errors = [line["error"] for line in lines(out) if line["status"] == "failed"]
    assert errors[:3] == [
        "none.pcap: there is no such file",
        "folder: not a plain file",
        "fifo: not a plain file",
    ]
    assert errors[3:5] == [f"{name}: its name cannot be that of a file" for name in ("", ".")]
    assert [line["status"] for line in lines(out) if line["source"] == "nul\0.pcap"] == ["failed"]


def test_a_list_may_hold_path_objects(source: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(source)
    paths: Iterable[Any] = [*sorted(Path().rglob("*ap")), Path("a.pcap")]
    assert counts(run(paths, out, to="pcap")) == {"converted": 2}
    assert sorted(tree(out)) == ["a.pcap", "lab/b.pcap"]


def test_a_file_as_source(source: Path, out: Path) -> None:
    assert counts(run(source / "lab" / "b.cap", out, to="pcap")) == {"converted": 1}
    assert tree(out) == {"b.pcap": OTHER}


# ---------------------------------------------------------------- two that would be one


@pytest.mark.parametrize("resume", [False, True])
def test_two_captures_of_one_name_are_refused(tmp_path: Path, out: Path, resume: bool) -> None:
    source = made(tmp_path / "in", {"a.pcap": PCAP, "lab/b.cap": PCAP, "lab/b.pcap": OTHER})
    with pytest.raises(UsageError) as caught:
        run(source, out, to="pcapng", force=True, resume=resume)
    assert str(caught.value) == (
        f"{source}/lab/b.cap and {source}/lab/b.pcap would both become {out}/lab/b.pcapng; rename one, or leave it "
        "out with exclude="
    )
    assert not out.exists()
    assert counts(run(source, out, to="pcapng", exclude=["*.cap"])) == {"converted": 2}


@pytest.mark.parametrize("larger", ["a.cap", "a.pcap"])
def test_what_is_no_capture_has_no_target(tmp_path: Path, out: Path, larger: str) -> None:
    """It neither stands in a capture's way nor passes for it, whichever is looked at first."""
    text = TEXT * (1 if larger == "a.pcap" else 100)
    source = made(tmp_path / "in", {"a.cap": text, "a.pcap": PCAP, "a.ntar": b""})
    assert counts(run(source, out, to="pcapng")) == {"converted": 1, "failed": 2}
    assert tree(out) == {"a.pcapng": ng(PCAP)}
    assert counts(run(source, out, to="pcapng", resume=True)) == {"up_to_date": 1, "failed": 2}
    assert tree(out) == {"a.pcapng": ng(PCAP)}


@pytest.mark.parametrize("force", [False, True])
def test_a_target_is_never_a_source(tmp_path: Path, force: bool) -> None:
    """SRC in DST: what is called after itself would be overwritten."""
    source = made(tmp_path / "in", {"a.pcap": PCAP, "in/a.cap": OTHER})
    (source / "in" / "a.cap").rename(source / "in" / "x.pcap")
    (source / "x.pcap").write_bytes(PCAP)
    with pytest.raises(UsageError) as caught:
        run(source, tmp_path, force=force)
    place = f"{tmp_path}/in/x.pcap"
    assert str(caught.value) == f"{place}: that is a source too ({place}); name another directory"
    assert tree(tmp_path) == {"in/a.pcap": PCAP, "in/x.pcap": PCAP, "in/in/x.pcap": OTHER}


def test_a_target_is_never_a_source_by_way_of_a_link(source: Path, out: Path) -> None:
    out.mkdir()
    (out / "a.pcap").symlink_to(source / "a.pcap")
    with pytest.raises(UsageError, match="that is a source too"):
        run(source, out, force=True, first=1)
    assert (source / "a.pcap").read_bytes() == PCAP


def test_a_target_is_never_a_source_by_way_of_a_folder(source: Path, tmp_path: Path, out: Path) -> None:
    """Where a folder leads is looked up each time."""
    for place in (tmp_path / "elsewhere", source / "lab"):
        place.mkdir(exist_ok=True)
        out.mkdir(exist_ok=True)
        (out / "lab").unlink(missing_ok=True)
        (out / "lab").symlink_to(place)
        if place == source / "lab":
            with pytest.raises(UsageError, match="that is a source too"):
                run(source, out, force=True, first=1)
        else:
            assert counts(run(source, out, force=True, follow_links=True)) == {"converted": 2, "skipped": 1}
            assert tree(place) == {"b.cap": OTHER}
    assert tree(source) == {"a.pcap": PCAP, "lab/b.cap": OTHER, "lab/notes.txt": TEXT}


def test_a_file_and_a_folder_of_one_name(tmp_path: Path, out: Path) -> None:
    """One fails, the other is whole."""
    source = made(tmp_path / "in", {"x.cap": PCAP, "x.pcap/y": OTHER})
    report = run(source, out, to="pcap")
    assert counts(report) == {"converted": 1, "failed": 1}
    assert tree(out) in ({"x.pcap": PCAP}, {"x.pcap/y.pcap": OTHER})


def test_source_and_target_in_each_other(source: Path) -> None:
    """DST in SRC is not converted again, SRC in DST does no harm."""
    out = source / "lab" / "out"
    assert counts(run(source, out, to="pcapng")) == {"converted": 2, "skipped": 1}
    assert counts(run(source, out, to="pcapng", resume=True)) == {"up_to_date": 2, "skipped": 1}
    assert tree(out) == {"a.pcapng": ng(PCAP), "lab/b.pcapng": ng(OTHER)}
    shutil.rmtree(out)
    assert counts(run(source, source.parent, to="pcapng")) == {"converted": 2, "skipped": 1}
    assert (source.parent / "lab" / "b.pcapng").read_bytes() == ng(OTHER)


def test_a_target_in_the_source_by_another_name(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (source.parent / "link").symlink_to("in")
    (source / "out").mkdir()
    monkeypatch.chdir(source)
    for place in ("./lab/../out", str(source.parent / "link" / "out")):
        run(".", place, to="pcapng", force=True)
        assert tree(source / "out") == {"a.pcapng": ng(PCAP), "lab/b.pcapng": ng(OTHER)}


def test_a_link_into_the_target_is_not_converted_again(source: Path) -> None:
    (source / "latest.pcap").symlink_to("out/a.pcapng")
    for resume in (False, True):
        report = run(source, source / "out", to="pcapng", resume=resume)
        assert (report.failed, report.left_alone) == (0, 1)
        assert tree(source / "out") == {"a.pcapng": ng(PCAP), "lab/b.pcapng": ng(OTHER)}


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
    report = run(made(tmp_path / "in", SOME), out, include=include, exclude=exclude, allow_empty=True)
    assert sorted(tree(out)) == chosen
    assert counts(report) == ({"converted": len(chosen)} if chosen else {})


def test_include_and_exclude_for_a_list(source: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(source)
    run(["a.pcap", "lab/b.cap", "none.pcap"], out, include=["lab/"])
    assert tree(out) == {"lab/b.cap": OTHER}


@pytest.mark.parametrize("option", ["include", "exclude"])
@pytest.mark.parametrize("pattern", ["!", "a\\"])
def test_patterns_that_mean_nothing(source: Path, out: Path, option: str, pattern: str) -> None:
    options: dict[str, Any] = {option: ["*.pcap", pattern]}
    with pytest.raises(UsageError) as caught:
        run(source, out, **options)
    assert str(caught.value).startswith(f"{option}=: ")
    assert not out.exists()


@pytest.mark.parametrize("option", ["include", "exclude"])
def test_a_single_pattern_is_no_list_of_letters(source: Path, out: Path, option: str) -> None:
    options: dict[str, Any] = {option: "*.pcap"}
    with pytest.raises(UsageError, match=rf"^{option}='\*\.pcap': write a list of patterns$"):
        run(source, out, **options)


def test_links(source: Path, tmp_path: Path, out: Path) -> None:
    """Those to files in the tree are read, others are left alone; what leads in a circle fails."""
    outside = made(tmp_path / "outside", {"x.pcap": OTHER})
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
    report = run(source, out, to="pcap")
    followed = dict.fromkeys(("a.pcap", "to-a.pcap", "lab/up.pcap", "twice.pcap"), PCAP)
    assert tree(out) == followed | {"absolute.pcap": OTHER, "lab/b.pcap": OTHER}
    assert counts(report) == {"converted": 6, "failed": 1, "skipped": 1, "left_alone": 5}
    leads_out, folder = "a symbolic link that leads out of the tree", "a symbolic link to a directory"
    status = told(out)
    assert {name: status[name] for name in ("out.pcap", "outfolder", "infolder", "self", "nothing.pcap")} == {
        "out.pcap": ("left_alone", f"{source}/out.pcap: {leads_out}"),
        "outfolder": ("left_alone", f"{source}/outfolder: {leads_out}"),
        "infolder": ("left_alone", f"{source}/infolder: {folder}"),
        "self": ("left_alone", f"{source}/self: {folder}"),
        "nothing.pcap": ("left_alone", f"{source}/nothing.pcap: a symbolic link to nothing"),
    }
    assert status["loop.pcap"][0] == "failed"


def test_a_neighbour_whose_name_begins_like_the_tree_is_outside(source: Path, tmp_path: Path, out: Path) -> None:
    made(tmp_path / "in2", {"x.pcap": OTHER})
    (source / "x.pcap").symlink_to("../in2/x.pcap")
    assert run(source, out).left_alone == 1
    assert "x.pcap" not in tree(out)


def test_a_link_as_source_is_followed(source: Path, tmp_path: Path, out: Path) -> None:
    (source / "to-a.pcap").symlink_to("a.pcap")
    (tmp_path / "link").symlink_to("in")
    assert counts(run(tmp_path / "link", out)) == {"converted": 3, "skipped": 1}


def test_special_files_are_left_alone(source: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(source / "fifo.pcap")
    monkeypatch.chdir(source)  # a socket's path has to be short
    with socket.socket(socket.AF_UNIX) as own:
        own.bind("socket")
        report = run(source, out)
    assert counts(report) == {"converted": 2, "skipped": 1, "left_alone": 2}
    assert [told(out)[name] for name in ("fifo.pcap", "socket")] == [
        ("left_alone", f"{source}/{name}: not a plain file") for name in ("fifo.pcap", "socket")
    ]


def test_a_special_file_as_source_is_not_waited_for(tmp_path: Path, out: Path) -> None:
    os.mkfifo(tmp_path / "fifo")
    keep = os.open(tmp_path / "fifo", os.O_RDWR)  # else a reader would wait for a writer
    try:
        os.write(keep, PCAP)
        report = run(tmp_path / "fifo", out)
    finally:
        os.close(keep)
    assert counts(report) == {"left_alone": 1}
    assert told(out) == {"fifo": ("left_alone", f"{tmp_path}/fifo: not a plain file")}


@pytest.fixture
def closed(source: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that may not be read, not even by root."""
    folder = made(source / "closed", {"c.pcap": PCAP})
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
    report = run(source, out, include=include)
    assert (report.failed, tree(out)["a.pcap"]) == (1, PCAP)
    assert told(out)["closed"] == ("failed", f"{closed}: cannot open: permission denied")


@pytest.mark.usefixtures("closed")
@pytest.mark.parametrize("pattern", ["closed/", "closed", "/closed/", "closed/**"])
def test_a_folder_that_is_excluded_need_not_be_read(source: Path, out: Path, pattern: str) -> None:
    assert counts(run(source, out, exclude=[pattern])) == {"converted": 2, "skipped": 1}


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
            run(source, out, **{name: value})
        assert str(caught.value) == f"{name}= and executor= exclude each other"


def test_a_batch_needs_a_place_to_go(source: Path) -> None:
    with pytest.raises(UsageError) as caught:
        run(source)
    assert str(caught.value) == (
        "there is no target directory; name one for the new files, or rewrite them with in_place=True"
    )


@pytest.mark.parametrize("place", ["in", "in/", "in/../in", "link"])
def test_source_and_target_may_not_be_the_same(source: Path, place: str) -> None:
    (source.parent / "link").symlink_to("in")
    target = os.path.join(source.parent, place)
    with pytest.raises(UsageError) as caught:
        run(source, target, force=True)
    assert str(caught.value) == (
        f"{target}: source and target are the same directory; name another one, or give in_place=True"
    )


def test_places_that_are_not_there(source: Path, out: Path) -> None:
    with pytest.raises(FileError) as caught:
        run(source / "none", out)
    assert str(caught.value) == f"{source}/none: cannot open: no such file or directory"
    assert not out.exists()
    with pytest.raises(FileError) as caught:
        run(source, source / "a.pcap" / "out")
    assert str(caught.value) == f"{source}/a.pcap/out: cannot create: not a directory"
    with pytest.raises(FileError) as caught:
        run(source, source / "a.pcap")
    assert str(caught.value) == f"{source}/a.pcap: cannot create: file exists"
    with pytest.raises(FileError, match="cannot open"):
        run("nul\0", out)


# ---------------------------------------------------------------- one that is broken, and the others


BROKEN = {
    "empty": (b"", "skipped", "the file is empty, not a pcap or pcapng capture"),
    "gzip": (b"\x1f\x8b\x08\0" + bytes(20), "skipped", "it is a gzip file; decompress it first: gzip -d"),
    "text": (TEXT, "skipped", NO_CAPTURE),
    "time": (wire.section_header() + wire.interface() + wire.enhanced_packet(0, 2**63, b""), "failed", "packet 1"),
    "types": (
        wire.section_header()
        + wire.interface()
        + wire.interface(wire.RAW_IP)
        + wire.enhanced_packet(0, 1, b"")
        + wire.enhanced_packet(1, 1, b""),
        "failed",
        "2 link types",
    ),
    "cut": (CUT, "damaged", None),
    "version": (wire.pcap_header(version=(9, 1)), "failed", "9.1"),
}


def test_broken_files_stop_no_other(tmp_path: Path, out: Path) -> None:
    captures = {name: capture for name, (capture, _, _) in BROKEN.items()}
    source = made(tmp_path / "in", captures | {"a": PCAP, "z": OTHER})
    report = run(source, out, to="pcap")
    status = told(out)
    assert {name: status[name][0] for name in captures} == {name: kind for name, (_, kind, _) in BROKEN.items()}
    for name, (_, kind, fact) in BROKEN.items():
        error = status[name][1]
        assert (error is None) == (kind == "damaged")
        assert error is None or (error.startswith(f"{source}/{name}: ") and fact is not None and fact in error)
    assert tree(out) == {"a.pcap": PCAP, "z.pcap": OTHER, "cut.pcap": PCAP}
    assert counts(report) == {"converted": 2, "damaged": 1, "failed": 3, "skipped": 3}
    assert {line["source"] for line in report.trouble} == {"time", "types", "version", "cut"}


def test_strict_refuses_damage_and_what_is_no_capture(tmp_path: Path, out: Path) -> None:
    source = made(tmp_path / "in", {"a": PCAP, "cut": CUT, "text": TEXT})
    report = run(source, out, strict=True)
    assert counts(report) == {"converted": 1, "failed": 2}
    assert tree(out) == {"a": PCAP}
    errors = {name: error for name, (_, error) in told(out).items()}
    assert str(errors["cut"]).startswith(f"{source}/cut: offset {len(PCAP)} (packet 3): ")
    assert str(errors["text"]).startswith(f"{source}/text: {NO_CAPTURE}")


def test_losses_are_counted_or_refused(tmp_path: Path, out: Path) -> None:
    source = made(tmp_path / "in", {"a": COMMENTED, "b": PCAPNG})
    report = run(source, out, to="pcap", on_loss="fail")
    assert counts(report) == {"converted": 1, "failed": 1}
    assert told(out)["a"] == ("failed", f"{source}/a: pcap cannot hold 2 comments; nothing was written")
    assert list(tree(out)) == ["b.pcap"]
    for on_loss in ("warn", "ignore"):
        assert run(source, out, to="pcap", on_loss=on_loss, force=True).losses == {"comments": 2}


def test_a_source_that_goes_away_fails(source: Path, out: Path) -> None:
    with Meddler((source / "a.pcap").unlink) as executor:
        report = run(source, out, executor=executor)
    assert counts(report) == {"converted": 1, "failed": 1, "skipped": 1}
    assert told(out)["a.pcap"] == ("failed", f"{source}/a.pcap: cannot open: no such file or directory")


def test_a_target_that_appears_meanwhile_is_kept(source: Path, out: Path) -> None:
    with Meddler(lambda: (out / "a.pcap").write_bytes(TEXT)) as executor:
        report = run(source, out, executor=executor)
    assert counts(report) == {"converted": 1, "failed": 1, "skipped": 1}
    assert told(out)["a.pcap"] == ("failed", f"{out}/a.pcap: {TAKEN}")
    assert (out / "a.pcap").read_bytes() == TEXT


def test_a_target_that_is_there_is_kept_without_force(source: Path, out: Path) -> None:
    made(out, {"a.pcap": TEXT})
    assert counts(run(source, out)) == {"converted": 1, "failed": 1, "skipped": 1}
    assert tree(out) == {"a.pcap": TEXT, "lab/b.cap": OTHER}
    assert counts(run(source, out)) == {"failed": 2, "skipped": 1}
    assert counts(run(source, out, force=True)) == {"converted": 2, "skipped": 1}
    assert tree(out) == {"a.pcap": PCAP, "lab/b.cap": OTHER}


@pytest.mark.parametrize("force", [False, True])
def test_what_is_no_plain_file_is_never_replaced(source: Path, out: Path, force: bool) -> None:
    (out / "a.pcap").mkdir(parents=True)
    made(out, {"lab": TEXT})
    report = run(source, out, force=force)
    assert counts(report) == {"failed": 2, "skipped": 1}
    assert told(out)["a.pcap"] == ("failed", f"{out}/a.pcap: exists already, and is not a plain file")
    assert str(told(out)["lab/b.cap"][1]).startswith(f"{out}/lab/b.cap: cannot create: ")
    assert (out / "lab").read_bytes() == TEXT


def test_a_target_that_leads_nowhere_is_not_followed(source: Path, tmp_path: Path, out: Path) -> None:
    out.mkdir()
    (out / "a.pcap").symlink_to(tmp_path / "elsewhere")
    assert run(source, out, force=True).failed == 1
    assert not (tmp_path / "elsewhere").exists()


# ---------------------------------------------------------------- in place


def test_in_place_every_file_is_rewritten_where_it_is(source: Path) -> None:
    (source / "a.pcap").chmod(0o640)
    (source / "link.pcap").symlink_to("a.pcap")
    report = run(source, in_place=True, to="pcapng", first=1)
    assert tree(source) == {"a.pcap": ng(PCAP, first=1), "lab/b.cap": ng(OTHER, first=1), "lab/notes.txt": TEXT}
    assert stat.S_IMODE((source / "a.pcap").stat().st_mode) == 0o640
    assert (source / "link.pcap").is_symlink()
    assert counts(report) == {"converted": 2, "skipped": 1, "left_alone": 1}
    assert told(source)["link.pcap"] == ("left_alone", f"{source}/link.pcap: a symbolic link")


def test_in_place_what_fails_stays_as_it_was(tmp_path: Path) -> None:
    captures = {name: capture for name, (capture, _, _) in BROKEN.items() if name != "cut"}
    source = made(tmp_path / "in", captures)
    before = {name: identity(source / name) for name in captures}
    assert counts(run(source, in_place=True, to="pcap")) == {"failed": 3, "skipped": 3}
    assert {name: identity(source / name) for name in captures} == before


def test_in_place_nothing_is_done_twice(source: Path) -> None:
    """A run that goes on leaves what was shifted already, however often, and takes up what is new."""
    shift: dict[str, Any] = {"in_place": True, "shift_time": "+1s"}
    run(source, **shift)
    made(source, {"new.pcap": PCAP})
    assert counts(run(source, resume=True, **shift)) == {"converted": 1, "up_to_date": 2, "skipped": 1}
    assert counts(run(source, resume=True, **shift)) == {"up_to_date": 3, "skipped": 1}
    times = {name: [packet.time_ns for packet in packets((source / name).read_bytes())] for name in ("a.pcap",)}
    assert times == {"a.pcap": [1_001_000_005_000, 2_001_000_006_000]}
    assert (source / "new.pcap").read_bytes() == (source / "a.pcap").read_bytes()
    assert counts(run(source, resume=True, in_place=True, shift_time="-1s")) == {"converted": 3, "skipped": 1}
    assert tree(source) == {"a.pcap": PCAP, "new.pcap": PCAP, "lab/b.cap": OTHER, "lab/notes.txt": TEXT}


def test_in_place_what_was_changed_since_is_done_again(source: Path) -> None:
    run(source, in_place=True, first=1)
    (source / "a.pcap").write_bytes(PCAP)
    assert counts(run(source, in_place=True, first=1, resume=True)) == {"converted": 1, "up_to_date": 1, "skipped": 1}
    assert (source / "a.pcap").read_bytes() == HEADER + wire.pcap_record(1_000, 5, b"one")


def test_in_place_from_a_list(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its manifest is in the working directory."""
    monkeypatch.chdir(tmp_path)
    listed = ["in/a.pcap", str(source / "lab" / "b.cap")]
    for status in ("converted", "up_to_date"):
        report = run(listed, in_place=True, shift_time="+1s", resume=True)
        assert (counts(report), report.manifest) == ({status: 2}, os.path.join(".", MANIFEST))
    assert [packet.time_ns for packet in packets((source / "lab" / "b.cap").read_bytes())] == [3_001_000_007_000]
    assert (tmp_path / MANIFEST).is_file()


def test_in_place_a_file_by_itself(source: Path) -> None:
    report = run(source / "a.pcap", in_place=True, first=1)
    assert (counts(report), report.manifest) == ({"converted": 1}, str(source / MANIFEST))
    assert len(packets((source / "a.pcap").read_bytes())) == 1
    assert (source / "lab" / "b.cap").read_bytes() == OTHER


@pytest.mark.parametrize("other", ["./a.pcap", "lab/../a.pcap", "link.pcap", "folder/a.pcap"])
def test_in_place_a_file_of_two_names_is_not_edited_twice(
    source: Path, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    monkeypatch.chdir(source)
    Path("link.pcap").symlink_to("a.pcap")
    Path("folder").symlink_to(".")
    with pytest.raises(UsageError) as caught:
        run(["a.pcap", other], in_place=True, shift_time="+1s")
    assert "a.pcap" in str(caught.value)
    assert other in str(caught.value)
    assert Path("a.pcap").read_bytes() == PCAP


def test_in_place_is_for_files_of_this_machine() -> None:
    with pytest.raises(UsageError) as caught:
        run("s3://lab/raw", in_place=True)
    assert str(caught.value) == (
        "in_place=True: s3://lab/raw is remote, where files cannot be rewritten safely; name a target directory"
    )


# ---------------------------------------------------------------- secrets


def test_key_logs_go_beside_their_targets(tmp_path: Path, out: Path) -> None:
    source = made(tmp_path / "in", {"a.pcapng": SECRET, "lab/b.pcapng": PCAPNG})
    run(source, out, to="pcap", extract_secrets=".keys")
    assert sorted(tree(out)) == ["a.pcap", "a.pcap.keys", "lab/b.pcap"]
    assert (out / "a.pcap.keys").read_bytes() == LOG
    assert stat.S_IMODE((out / "a.pcap.keys").stat().st_mode) == 0o600


def test_a_key_log_that_is_there_is_kept_without_force(tmp_path: Path, out: Path) -> None:
    source = made(tmp_path / "in", {"a": SECRET})
    made(out, {"a.keys": TEXT})
    assert counts(run(source, out, extract_secrets=".keys")) == {"failed": 1}
    assert told(out)["a"] == ("failed", f"{out}/a.keys: {TAKEN}")
    assert tree(out) == {"a.keys": TEXT}
    assert counts(run(source, out, extract_secrets=".keys", force=True)) == {"converted": 1}
    assert tree(out) == {"a": SECRET, "a.keys": LOG}


def test_a_key_log_whose_target_never_came_is_written_again(tmp_path: Path, out: Path) -> None:
    """It appears first: a run that was killed may have left it alone."""
    source = made(tmp_path / "in", {"a": SECRET})
    run(source, out, extract_secrets=".keys")
    (out / "a").unlink()
    assert counts(run(source, out, extract_secrets=".keys", resume=True)) == {"converted": 1}
    assert tree(out) == {"a": SECRET, "a.keys": LOG}


@pytest.mark.parametrize("in_place", [False, True])
def test_a_key_log_never_takes_a_captures_place(tmp_path: Path, out: Path, in_place: bool) -> None:
    source = made(tmp_path / "in", {"a": SECRET, "a.pcapng": PCAPNG})
    with pytest.raises(UsageError, match=r"a\.pcapng"):
        run(source, None if in_place else out, in_place=in_place, force=True, extract_secrets=".pcapng")
    assert tree(source) == {"a": SECRET, "a.pcapng": PCAPNG}


def test_secrets_are_put_into_every_file(source: Path, tmp_path: Path, out: Path) -> None:
    """When the key log changes, all is to be done again."""
    log = tmp_path / "keys.log"
    for text in (LOG, LOG * 2):
        log.write_bytes(text)
        for status in ("converted", "up_to_date"):
            report = run(source, out, to="pcapng", inject_secrets=[f"tls,{log}"], resume=True)
            assert counts(report) == {status: 2, "skipped": 1}
        blocks = wire.read_blocks((out / "a.pcapng").read_bytes())
        assert blocks[1].raw == wire.secrets(wire.TLS_KEY_LOG, text)


# ---------------------------------------------------------------- resuming


def test_what_is_up_to_date_is_left_as_it_is(source: Path, out: Path) -> None:
    run(source, out, to="pcapng")
    before = identity(out / "a.pcapng"), identity(out / "lab" / "b.pcapng"), len(lines(out))
    report = run(source, out, to="pcapng", resume=True)
    assert counts(report) == {"up_to_date": 2, "skipped": 1}
    assert (report.packets_read, report.bytes_read) == (0, 0)
    after = identity(out / "a.pcapng"), identity(out / "lab" / "b.pcapng"), len(lines(out))
    assert (after[:2], after[2] - before[2]) == (before[:2], 1)  # what is no capture was looked at again


def test_a_first_run_may_resume_too(source: Path, out: Path) -> None:
    assert counts(run(source, out, resume=True)) == {"converted": 2, "skipped": 1}


def test_without_resume_nothing_is_up_to_date(source: Path, out: Path) -> None:
    """An earlier run's line does not pass for this run's, also when the source was changed since."""
    run(source, out, to="pcapng")
    (source / "a.pcap").write_bytes(OTHER)
    report = run(source, out, to="pcapng")
    assert counts(report) == {"failed": 2, "skipped": 1}
    assert {line["error"] for line in report.trouble} == {
        f"{out}/a.pcapng: {TAKEN}",
        f"{out}/lab/b.pcapng: {TAKEN}",
    }
    assert (out / "a.pcapng").read_bytes() == ng(PCAP)
    assert counts(run(source, out, to="pcapng", force=True)) == {"converted": 2, "skipped": 1}
    assert (out / "a.pcapng").read_bytes() == ng(OTHER)


def _same_size(path: Path) -> None:
    data = path.read_bytes()
    there = path.stat()
    path.write_bytes(data[:-1] + b"!")
    os.utime(path, ns=(there.st_atime_ns, there.st_mtime_ns + 10**9))


def _same_time(path: Path) -> None:
    there = path.stat()
    path.write_bytes(path.read_bytes() + wire.pcap_record(9, 9, b"new"))
    os.utime(path, ns=(there.st_atime_ns, there.st_mtime_ns))


def _older(path: Path) -> None:
    os.utime(path, ns=(0, 0))


changes = pytest.mark.parametrize("change", [_same_size, _same_time, _older], ids=lambda change: change.__name__[1:])


@changes
def test_a_source_that_was_changed_is_converted_again(source: Path, out: Path, change: Callable[[Path], None]) -> None:
    run(source, out, to="pcapng")
    change(source / "a.pcap")
    assert counts(run(source, out, to="pcapng", resume=True)) == {"converted": 1, "up_to_date": 1, "skipped": 1}
    assert (out / "a.pcapng").read_bytes() == ng((source / "a.pcap").read_bytes())


@changes
def test_a_target_that_somebody_else_changed_is_not_replaced(
    source: Path, out: Path, change: Callable[[Path], None]
) -> None:
    run(source, out)
    change(out / "a.pcap")
    data, before = (out / "a.pcap").read_bytes(), identity(out / "a.pcap")
    report = run(source, out, resume=True)
    assert counts(report) == {"failed": 1, "up_to_date": 1, "skipped": 1}
    assert [line["error"] for line in report.trouble] == [f"{out}/a.pcap: {TAKEN}"]
    assert ((out / "a.pcap").read_bytes(), identity(out / "a.pcap")) == (data, before)
    assert counts(run(source, out, resume=True, force=True)) == {"converted": 1, "up_to_date": 1, "skipped": 1}
    assert (out / "a.pcap").read_bytes() == PCAP


def test_a_target_that_is_gone_is_written_again(source: Path, out: Path) -> None:
    run(source, out)
    (out / "a.pcap").unlink()
    assert counts(run(source, out, resume=True)) == {"converted": 1, "up_to_date": 1, "skipped": 1}
    assert (out / "a.pcap").read_bytes() == PCAP


def test_a_target_that_became_something_else_is_not_replaced(source: Path, out: Path) -> None:
    run(source, out)
    (out / "a.pcap").unlink()
    (out / "a.pcap").mkdir()
    assert counts(run(source, out, resume=True)) == {"failed": 1, "up_to_date": 1, "skipped": 1}
    assert (out / "a.pcap").is_dir()


@pytest.mark.parametrize(
    "options",
    [{"first": 1}, {"to": "pcapng", "strict": True}, {"to": "pcapng", "on_loss": "fail"}, {"shift_time": "+1s"}],
    ids=lambda options: "+".join(options),
)
def test_other_options_make_it_another_batch(source: Path, out: Path, options: dict[str, Any]) -> None:
    """Its targets are its own, and replaced; the way back is as long."""
    options = {"to": "pcapng"} | options
    (source / "lab" / "notes.txt").unlink()
    run(source, out, to="pcapng")
    assert counts(run(source, out, resume=True, **options)) == {"converted": 2}
    assert (out / "a.pcapng").read_bytes() == ng(
        PCAP, **{name: value for name, value in options.items() if name != "to"}
    )
    assert counts(run(source, out, resume=True, **options)) == {"up_to_date": 2}
    assert counts(run(source, out, resume=True, to="pcapng")) == {"converted": 2}
    assert (out / "a.pcapng").read_bytes() == ng(PCAP)


def test_options_that_say_nothing_are_no_other_options(source: Path, out: Path) -> None:
    """How the work is done, what is selected, and whether losses are shown does not change any file."""
    run(source, out, to="pcap", first=1, strip=["names"])
    with ThreadPoolExecutor(2) as executor:
        report = run(
            source,
            out,
            to="pcap",
            executor=executor,
            strip=["names"],
            after=None,
            chop=[],
            invert=False,
            first=1,
            on_loss="ignore",
            include=["*ap"],
            resume=True,
        )
    assert counts(report) == {"up_to_date": 2}


def test_what_was_damaged_before_is_said_again(tmp_path: Path, out: Path) -> None:
    source = made(tmp_path / "in", {"cut": CUT, "a": PCAP})
    assert (run(source, out).damaged, run(source, out, resume=True).damaged_before) == (1, 1)
    report = run(source, out, resume=True)
    assert (counts(report), report.damaged_before) == ({"up_to_date": 2}, 1)


def test_what_failed_is_tried_again(tmp_path: Path, out: Path) -> None:
    source = made(tmp_path / "in", {"a": wire.pcap_header(version=(9, 1)), "b": TEXT})
    assert counts(run(source, out)) == {"failed": 1, "skipped": 1}
    made(source, {"a": PCAP, "b": OTHER})
    assert counts(run(source, out, resume=True)) == {"converted": 2}
    assert tree(out) == {"a": PCAP, "b": OTHER}


def test_a_source_of_a_new_name_replaces_what_was_made_of_the_old_one(tmp_path: Path, out: Path) -> None:
    source = made(tmp_path / "in", {"a.pcap": PCAP})
    run(source, out, to="pcapng")
    (source / "a.pcap").unlink()
    made(source, {"a.cap": OTHER})
    assert counts(run(source, out, to="pcapng", resume=True)) == {"converted": 1}
    assert tree(out) == {"a.pcapng": ng(OTHER)}


def test_a_source_that_is_gone_leaves_its_target(source: Path, out: Path) -> None:
    run(source, out)
    (source / "a.pcap").unlink()
    assert counts(run(source, out, resume=True)) == {"up_to_date": 1, "skipped": 1}
    assert tree(out) == {"a.pcap": PCAP, "lab/b.cap": OTHER}


# ---------------------------------------------------------------- manifests that are torn, or hostile


def test_a_manifest_that_was_cut_anywhere(tmp_path: Path, out: Path) -> None:
    """Whole lines count, the rest does not; what is added comes on lines of its own."""
    source = made(tmp_path / "in", {"a": PCAP, "b": OTHER})
    run(source, out)
    whole = (out / MANIFEST).read_bytes()
    first = whole.index(b"\n") + 1
    for cut in [*range(first, len(whole), 7), len(whole) - 2, len(whole) - 1]:
        (out / MANIFEST).write_bytes(whole[:cut])
        report = run(source, out, resume=True)
        if cut == len(whole) - 1:  # but for the end of the line it is whole
            assert counts(report) == {"up_to_date": 2}
            continue
        assert counts(report) == {"up_to_date": 1, "failed": 1}  # nobody knows who wrote that target
        after = (out / MANIFEST).read_bytes()
        assert after.startswith(whole[:cut])
        new = after[cut:].removeprefix(b"\n")
        assert (new.count(b"\n"), json.loads(new)["status"]) == (1, "failed")
    assert tree(out) == {"a": PCAP, "b": OTHER}


def test_a_line_whose_target_never_came(tmp_path: Path, out: Path) -> None:
    """What a process leaves that is killed between the two, however often."""
    source = made(tmp_path / "in", {"a": PCAP})
    for _ in range(3):
        assert counts(run(source, out, resume=True)) == {"converted": 1}
        (out / "a").unlink()
    assert counts(run(source, out, resume=True)) == {"converted": 1}
    assert counts(run(source, out, resume=True)) == {"up_to_date": 1}
    assert tree(out) == {"a": PCAP}


HOSTILE = {
    "nothing": b"",
    "empty lines": b"\n\n\n",
    "no JSON": b"Dear reader\n",
    "no UTF-8": b'{"target": "\xff\xfe"}\n',
    "bytes": bytes(range(256)) * 4,
    "deep": b"[" * 200_000 + b"\n",
    "deep and whole": b"[" * 100_000 + b"]" * 100_000 + b"\n",
    "a large number": b"1" * 10_000 + b"\n",
    "no object": b'null\ntrue\n17\n"converted"\n["status"]\n[]\n',
    "no fields": b"{}\n",
    "a status only": b'{"status": "converted"}\n',
    "no scalars": b'{"status": "converted", "source": {}, "source_size": [], "source_time": {}, "target": [], '
    b'"target_size": [], "target_time": {}, "options": []}\n',
    "status is a list": b'{"status": ["converted"]}\n',
    "a name with a surrogate": b'{"status": "converted", "source": "\\ud800", "source_size": 1, "source_time": 1, '
    b'"target": "\\ud800", "target_size": 1, "target_time": 1, "options": "x"}\n',
    "infinite": b'{"status": "converted", "source": "a", "source_size": Infinity, "source_time": NaN, "target": "a", '
    b'"target_size": -Infinity, "target_time": 1e999, "options": ""}\n',
}


@pytest.mark.parametrize("manifest", HOSTILE.values(), ids=HOSTILE)
def test_a_manifest_that_says_nonsense_is_not_believed(tmp_path: Path, out: Path, manifest: bytes) -> None:
    source = made(tmp_path / "in", {"a": PCAP})
    made(out, {MANIFEST: manifest})
    assert counts(run(source, out, resume=True)) == {"converted": 1}
    assert tree(out) == {"a": PCAP}
    assert counts(run(source, out, resume=True)) == {"up_to_date": 1}
    assert (out / MANIFEST).read_bytes().startswith(manifest)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *((field, None) for field in ("source", "source_size", "source_time", "target", "target_size")),
        *((field, []) for field in ("source", "target", "options", "status")),
        *((field, {}) for field in ("target_size", "target_time", "source_time")),
        ("status", "failed"),
        ("status", "trouble"),
        ("options", ""),
        ("options", 17),
    ],
)
@pytest.mark.parametrize("resume", [False, True], ids=["anew", "resumed"])
def test_a_line_with_a_field_that_is_wrong_is_not_believed(
    tmp_path: Path, out: Path, field: str, value: Any, resume: bool
) -> None:
    """The target is somebody's, or this batch's, but never up to date."""
    source = made(tmp_path / "in", {"a": PCAP})
    run(source, out)
    (line,) = lines(out)
    (out / MANIFEST).write_bytes(json.dumps(line | {field: value}).encode() + b"\n")
    report = run(source, out, resume=resume)
    assert counts(report) in ({"failed": 1}, {"converted": 1})
    assert [each["error"] for each in report.trouble] == [f"{out}/a: {TAKEN}"] * report.failed
    assert report.failed == 1 or (resume and field in ("source", "source_size", "source_time", "options"))
    del line[field]
    (out / MANIFEST).write_bytes(json.dumps(line).encode() + b"\n")
    report = run(source, out, resume=True)
    assert [each["error"] for each in report.trouble] == [f"{out}/a: {TAKEN}"]
    assert tree(out) == {"a": PCAP}


def test_what_a_manifest_names_is_not_touched(tmp_path: Path, out: Path) -> None:
    """Targets are those of the sources that were found, whatever it says."""
    source = made(tmp_path / "in", {"a": PCAP})
    precious = made(tmp_path / "precious", {"x": PCAP})
    run(source, out)
    (line,) = lines(out)
    there = (precious / "x").stat()
    places = {"target": "../precious/x", "target_size": there.st_size, "target_time": there.st_mtime_ns}
    (out / MANIFEST).write_bytes(json.dumps(line | places | {"source": "../precious/x"}).encode() + b"\n")
    before = identity(precious / "x")
    assert counts(run(source, out, resume=True)) == {"failed": 1}
    assert (identity(precious / "x"), tree(precious)) == (before, {"x": PCAP})


def test_a_manifest_that_cannot_be_written_lets_no_target_appear(source: Path, out: Path) -> None:
    """Else nobody could resume."""
    (out / MANIFEST).mkdir(parents=True)
    with pytest.raises(FileError) as caught:
        run(source, out, resume=True)
    assert str(caught.value) == f"{out}/{MANIFEST}: is not a plain file, and so no manifest; remove it"
    assert tree(out) == {}


def test_a_manifest_is_no_source(source: Path, out: Path) -> None:
    """That of the tree which is converted; one that lies deeper is a file like others."""
    made(source, {MANIFEST: b"{}\n", f"lab/{MANIFEST}": b"{}\n"})
    report = run(source, out)
    assert counts(report) == {"converted": 2, "skipped": 2}
    assert f"lab/{MANIFEST}" in told(out)


# ---------------------------------------------------------------- who does the work


def test_threads_of_the_caller(tmp_path: Path, out: Path) -> None:
    """Hundreds of files, four at a time, each once."""
    captures = {f"{number // 50}/{number}.pcap": PCAP if number % 2 else OTHER for number in range(300)}
    source = made(tmp_path / "in", captures)
    with ThreadPoolExecutor(4) as executor:
        report = batch(source, out, to="pcapng", last=1, executor=executor)
        assert executor.submit(int, "17").result() == 17  # it is the caller's, and still good
    assert counts(report) == {"converted": 300}
    assert set(tree(out).values()) == {ng(PCAP, last=1), ng(OTHER, last=1)}
    assert Counter(line["source"] for line in lines(out)) == Counter(list(captures))


def test_large_files_come_first(tmp_path: Path, out: Path) -> None:
    """So that none of them is what all wait for at the end."""
    record = wire.pcap_record(1, 2, bytes(984))
    sizes = {"a": 1, "b": 500, "c": 2, "d": 700, "e": 0}
    source = made(tmp_path / "in", {name: HEADER + record * number for name, number in sizes.items()})
    run(source, out)
    assert [line["source"] for line in lines(out)] == ["d", "b", "c", "a", "e"]


def test_an_executor_that_was_shut_down(source: Path, out: Path) -> None:
    """Whatever it says, every file has its line."""
    executor = ThreadPoolExecutor(1)
    executor.shutdown()
    report = batch(source, out, executor=executor)
    assert counts(report) == {"failed": 3}
    assert sorted(told(out)) == ["a.pcap", "lab/b.cap", "lab/notes.txt"]


class Careless(Executor):
    """Does the work at once, and fails as it is told to: before some files, or after all of them for a while. Once it
    is broken, nothing comes back of what it takes."""

    def __init__(self, error: type[Exception], *deadly: str, forgets: int = 0) -> None:
        self._error = error
        self._deadly = deadly
        self._forgets = forgets
        self.broken = False

    def submit(self, work: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
        future: Future[Any] = Future()
        _, jobs = arguments
        if self.broken:
            return future
        if any(job.source_name in self._deadly for job in jobs):
            future.set_exception(self._error("it broke"))
            self.broken = self._error is BrokenProcessPool
            return future
        result = work(*arguments, **named)
        if self._forgets:
            self._forgets -= 1
            future.set_exception(self._error("it broke"))
        else:
            future.set_result(result)
        return future


def test_an_executor_of_the_caller_that_breaks(source: Path, out: Path) -> None:
    report = batch(source, out, executor=Careless(BrokenProcessPool, "a.pcap"))
    assert report.failed >= 1
    assert sum(counts(report).values()) == 3
    assert told(out)["a.pcap"] == ("failed", f"{source}/a.pcap: the executor broke")
    assert counts(run(source, out, resume=True))["skipped"] == 1
    assert tree(out) == {"a.pcap": PCAP, "lab/b.cap": OTHER}


def test_files_that_were_to_be_done_again_have_their_lines_when_the_executor_breaks(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Failing(Executor):
        def submit(self, *_: Any, **__: Any) -> Future[Any]:
            future: Future[Any] = Future()
            future.set_exception(errors.pop())
            return future

    source = made(tmp_path / "in", {f"{number}.pcap": PCAP for number in range(100)})
    errors = [BrokenProcessPool("it broke"), ValueError("it got lost")]
    monkeypatch.setattr(executors, "process_workers", lambda _: nullcontext(executors.ExecutorWorkers(Failing(), 1)))
    assert counts(batch(source, out)) == {"failed": 100}
    assert not errors
    assert set(told(out).values()) == {
        ("failed", f"{source}/{number}.pcap: the executor broke") for number in range(100)
    }


def test_what_an_executor_says_of_a_job_is_that_jobs_error(source: Path, out: Path) -> None:
    report = batch(source, out, executor=Careless(ValueError, "a.pcap"))
    assert counts(report) == {"converted": 1, "failed": 1, "skipped": 1}
    assert told(out)["a.pcap"] == ("failed", f"{source}/a.pcap: it broke")


def test_only_what_kills_its_process_fails(tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    captures = {f"{number}.pcap": PCAP for number in range(100)}
    source = made(tmp_path / "in", captures)
    deadly = ("17.pcap", "18.pcap", "99.pcap")
    workers = executors.ExecutorWorkers(Careless(DeadProcessError, *deadly), 1)
    monkeypatch.setattr(executors, "process_workers", lambda _: nullcontext(workers))
    report = batch(source, out)
    assert counts(report) == {"converted": 97, "failed": 3}
    status = told(out)
    assert {name: status[name] for name in status if status[name][0] == "failed"} == {
        name: ("failed", f"{source}/{name}: it broke") for name in deadly
    }
    assert sorted(tree(out)) == sorted(set(captures) - set(deadly))


@pytest.mark.parametrize("options", [{}, {"resume": True}], ids=["anew", "resume"])
def test_work_whose_result_was_lost_is_not_done_again(
    tmp_path: Path, out: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any]
) -> None:
    source = made(tmp_path / "in", {"a": PCAP, "b": OTHER, "c": TEXT})
    workers = executors.ExecutorWorkers(Careless(DeadProcessError, forgets=2), 1)
    monkeypatch.setattr(executors, "process_workers", lambda _: nullcontext(workers))
    seen = Seen()
    report = batch(source, out, watcher=seen, **options)
    assert counts(report) == {"converted": 2, "skipped": 1}
    assert sorted(line["source"] for line in seen.lines) == ["a", "b", "c"]
    assert (report.packets_written, tree(out)) == (3, {"a": PCAP, "b": OTHER})


def test_in_place_work_whose_result_was_lost_is_not_done_again(source: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    workers = executors.ExecutorWorkers(Careless(DeadProcessError, forgets=2), 1)
    monkeypatch.setattr(executors, "process_workers", lambda _: nullcontext(workers))
    assert counts(batch(source, in_place=True, shift_time="+1s")) == {"converted": 2, "skipped": 1}
    for name, time in (("a.pcap", 1_001_000_005_000), ("lab/b.cap", 3_001_000_007_000)):
        assert packets((source / name).read_bytes())[0].time_ns == time


def test_processes_do_what_threads_do(tmp_path: Path) -> None:
    captures = {name: capture for name, (capture, _, _) in BROKEN.items()}
    captures |= {path.name: path.read_bytes() for path in SAMPLES} | {"\udcff\n.pcap": PCAP, "lab/a.cap": OTHER}
    source = made(tmp_path / "in", captures)
    options: dict[str, Any] = {"to": "pcap", "last": 2, "comment_matches": "a", "invert": True}
    options["extract_secrets"] = ".keys"
    exclude = [f"{stem}.pcap" for stem in {Path(name).stem for name in captures if name.endswith(".pcapng")}]
    reports = [
        batch(source, tmp_path / "processes", jobs=2, exclude=exclude, **options),
        run(source, tmp_path / "threads", exclude=exclude, **options),
    ]
    assert tree(tmp_path / "processes") == tree(tmp_path / "threads")
    one, other = ({**report.as_dict(), "seconds": 0, "manifest": ""} for report in reports)
    assert one == other
    assert one["converted"] > 50
    workers = {line["worker"] for line in lines(tmp_path / "processes")}
    assert f"{socket.gethostname()}:{os.getpid()}" not in workers


class Deadly(str):
    """A name that ends the process which it is sent to."""

    def __reduce__(self) -> Any:
        return os._exit, (1,)


def test_a_process_that_dies_takes_no_other_file_with_it(
    source: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(source)
    report = batch([Deadly("a.pcap"), "lab/b.cap", "lab/notes.txt"], out, jobs=1)
    assert counts(report) == {"converted": 1, "failed": 1, "skipped": 1}
    assert told(out)["a.pcap"] == ("failed", "a.pcap: the process that converted it died, or was killed")
    assert tree(out) == {"lab/b.cap": OTHER}


# ---------------------------------------------------------------- two trees, key logs, oddities


def test_another_tree_is_not_mistaken_for_an_earlier_run(tmp_path: Path, out: Path) -> None:
    one, other = made(tmp_path / "one", {"a.pcap": PCAP}), made(tmp_path / "other", {"a.pcap": OTHER})
    for path in (one, other):
        os.utime(path / "a.pcap", ns=(10**18, 10**18))
    run(one, out, to="pcap", resume=True)
    report = run(other, out, to="pcap", resume=True)
    assert (counts(report), tree(out)) == ({"failed": 1}, {"a.pcap": PCAP})
    assert report.trouble[0]["error"] == f"{out}/a.pcap: {TAKEN}"


def test_the_same_tree_by_another_name_is_the_same(source: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run(source, out, to="pcap")
    monkeypatch.chdir(source.parent)
    assert counts(run("in", "out", to="pcap", resume=True)) == {"up_to_date": 2, "skipped": 1}


def test_key_logs_of_an_earlier_run_in_place_are_no_sources(tmp_path: Path) -> None:
    source = made(tmp_path / "in", {"a.pcapng": SECRET, "b.pcapng": SECRET})
    options: dict[str, Any] = {"in_place": True, "extract_secrets": ".keys", "shift_time": "+1s"}
    assert counts(run(source, **options)) == {"converted": 2}
    assert counts(run(source, **options, resume=True)) == {"up_to_date": 2}
    assert {name: data for name, data in tree(source).items() if name.endswith(".keys")} == {
        "a.pcapng.keys": LOG,
        "b.pcapng.keys": LOG,
    }


@pytest.mark.parametrize("in_place", [False, True])
def test_a_key_log_replaces_no_other_file(in_place: bool, tmp_path: Path, out: Path) -> None:
    source = made(tmp_path / "in", {"a.pcapng": SECRET})
    there = made(source if in_place else out, {"a.pcapng.keys": TEXT})
    place: dict[str, Any] = {"in_place": True} if in_place else {"target": out}
    report = run(source, **place, extract_secrets=".keys")
    assert counts(report) == {"failed": 1}
    assert report.trouble[0]["error"] == f"{there}/a.pcapng.keys: {TAKEN}"
    assert (there / "a.pcapng.keys").read_bytes() == TEXT
    assert (source / "a.pcapng").read_bytes() == SECRET
    assert counts(run(source, **place, extract_secrets=".keys", force=True)) == {"converted": 1}
    assert (there / "a.pcapng.keys").read_bytes() == LOG


def test_existing_targets_do_not_have_the_manifest_read(
    source: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(source, out, to="pcap")
    monkeypatch.setattr("pcapconv.batching.manifest.find_outcome", None)
    assert counts(run(source, out, to="pcap")) == {"failed": 2, "skipped": 1}


def test_threads_do_not_mix_their_lines(tmp_path: Path) -> None:
    place = str(tmp_path / MANIFEST)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: manifest.append_lines(place, [{"number": number}]), range(2000)))
    assert sorted(json.loads(line)["number"] for line in Path(place).read_bytes().splitlines()) == list(range(2000))


def test_only_the_directories_of_targets_are_cleared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = ".pcapconv-0123456789abcdef.tmp"
    made(tmp_path, {"lab/a.pcap": PCAP, f"lab/{left}": b"", f"other/{left}": b"", left: b""})
    monkeypatch.chdir(tmp_path)
    assert counts(run(["lab/a.pcap"], in_place=True, resume=True)) == {"converted": 1}
    assert sorted(tree(tmp_path)) == [left, "lab/a.pcap", f"other/{left}"]


def test_oddities_and_empty_selections_are_counted(tmp_path: Path, out: Path) -> None:
    odd = wire.section_header() + wire.interface() + wire.enhanced_packet(0, 5, b"four", options=b"\1\0\xff\xff")
    source = made(tmp_path / "in", {"a.pcap": PCAP, "odd.pcapng": odd})
    report = run(source, out, before="1960-01-01")
    assert (counts(report), report.odd, report.empty) == ({"converted": 2}, 1, 2)
    (line,) = [line for line in lines(out) if line["source"] == "odd.pcapng"]
    assert line["warnings_total"] == 1
    assert line["warnings"][0]["reason"].startswith("the options of packet 1 ")


def test_captures_without_an_interface_are_odd_in_pcap(tmp_path: Path, out: Path) -> None:
    source = made(tmp_path / "in", {"bare.pcapng": wire.section_header()})
    report = run(source, out, to="pcap")
    assert (counts(report), report.odd) == ({"converted": 1}, 1)
    (line,) = lines(out)
    assert line["warnings"][0]["reason"].startswith("the capture has no interface; the pcap file states Ethernet")


def test_a_report_may_lie_in_the_tree(source: Path, out: Path) -> None:
    (source / "report.json").write_bytes(b"{}")
    others = {"--report": str(source / "report.json")}
    assert counts(run(source, out, to="pcap", others=others)) == {"converted": 2, "skipped": 2}


@pytest.mark.parametrize(
    ("arguments", "fact"),
    [
        ((5, "out"), "5 is not a path"),
        (([5], "out"), "5 is not a path"),
        (([b"a"], "out"), "b'a' is not a path"),
        (("in", 5), "5 is not a path"),
    ],
)
def test_what_is_no_path_is_refused(arguments: tuple[Any, Any], fact: str) -> None:
    with pytest.raises(UsageError, match=fact):
        run(*arguments)


def test_stdout_is_no_directory(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="the target is a directory, and - is stdout, which holds one file"):
        batch(source, "-")
    assert not (tmp_path / "-").exists()


def test_other_nonsense_of_a_program_is_refused(source: Path, out: Path) -> None:
    for options in ({"include": [5]}, {"extract_secrets": 5}):
        with pytest.raises(UsageError):
            run(source, out, **cast(Any, options))
    with pytest.raises(UsageError, match="5 is not an executor"):
        batch(source, out, executor=cast(Any, 5))
    with pytest.raises(FileError):
        run(source, "nul\0")
    assert counts(run(source, out, to="pcap", include=cast(Any, None))) == {"converted": 2, "skipped": 1}


# ---------------------------------------------------------------- what changes meanwhile


class Changes(Watcher):
    """Changes a file when the batch begins."""

    def __init__(self, change: Callable[[], object]) -> None:
        self._change = change

    def begin(self, files: int, size: int) -> None:  # noqa: ARG002
        self._change()


def test_a_capture_that_goes_on_is_not_rewritten_in_place(source: Path) -> None:
    def go_on() -> None:
        with (source / "a.pcap").open("ab") as file:
            file.write(wire.pcap_record(2_000, 0, b"more"))

    report = run(source, in_place=True, shift_time="+1s", watcher=Changes(go_on))
    assert counts(report) == {"converted": 1, "failed": 1, "skipped": 1}
    assert report.trouble[0]["error"] == (
        f"{source}/a.pcap: changed since the batch began, and was left as it is; resume=True looks again"
    )
    assert (source / "a.pcap").read_bytes() == PCAP + wire.pcap_record(2_000, 0, b"more")


def test_two_batches_at_once_edit_each_file_once(source: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each with a manifest of its own."""
    out.mkdir()
    monkeypatch.chdir(out)
    files = [source / "a.pcap", source / "lab" / "b.cap"]
    other: list[BatchReport] = []
    report = run(
        source,
        in_place=True,
        shift_time="+1s",
        watcher=Changes(lambda: other.append(run(files, in_place=True, shift_time="+1s"))),
    )
    assert [counts(each) for each in (other[0], report)] == [
        {"converted": 2},
        {"failed": 2, "skipped": 1},
    ]
    assert packets((source / "a.pcap").read_bytes())[0].time_ns == 1_001_000_005_000


def test_a_target_above_the_source_is_not_left_out_of_it(source: Path) -> None:
    (source / "l.pcap").symlink_to("a.pcap")
    assert counts(run(source, source.parent, to="pcapng")) == {"converted": 3, "skipped": 1}


def test_a_key_log_that_is_gone_is_written_again(tmp_path: Path, out: Path) -> None:
    source = made(tmp_path / "in", {"a.pcapng": SECRET})
    run(source, out, extract_secrets=".keys")
    (out / "a.pcapng.keys").unlink()
    assert counts(run(source, out, extract_secrets=".keys", resume=True)) == {"converted": 1}
    assert (out / "a.pcapng.keys").read_bytes() == LOG


def test_a_copy_is_not_taken_for_an_edit_in_place(source: Path, out: Path) -> None:
    run(source, out, shift_time="+1s")
    assert counts(run(out, in_place=True, shift_time="+1s", resume=True)) == {"converted": 2}


def test_a_file_url_is_a_path(source: Path, out: Path) -> None:
    assert counts(run(f"file://{source}", f"file://{out}", to="pcap")) == {"converted": 2, "skipped": 1}
    assert sorted(tree(out)) == ["a.pcap", "lab/b.pcap"]
    with pytest.raises(UsageError, match="the same directory"):
        run(source, f"file://{source}", to="pcap")
