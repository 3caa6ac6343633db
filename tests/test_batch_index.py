"""The index beside a manifest: `--resume` believes it only where it fits, and does the same with and without it."""

import hashlib
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import wire
from batches import out as out

from pcapconv import batch
from pcapconv.batching import manifest, manifest_index

MANIFEST, INDEX = "pcapconv-manifest.jsonl", "pcapconv-manifest.index"
PCAP = wire.pcap_header() + wire.pcap_record(1_000, 5, b"one")
CUT = PCAP + b"cut"


@pytest.fixture(autouse=True)
def _small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Each manifest is worth an index, and an index has several lines."""
    monkeypatch.setattr(manifest_index, "_MIN_NEW_BYTES", 1)
    monkeypatch.setattr(manifest_index, "_LINES_AT_ONCE", 2)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    for number in range(5):
        (folder / f"{number}.pcap").write_bytes(PCAP if number else CUT)
    return folder


def converted_and_up_to_date(source: Path, out: Path, **options: Any) -> tuple[int, int]:
    """How many files were converted, and how many were up to date."""
    with ThreadPoolExecutor(1) as executor:
        report = batch(source, out, to="pcapng", executor=executor, **options)
    assert report.failed == 0
    return report.converted + report.damaged, report.up_to_date


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The sources of the lines that are parsed."""
    seen: list[str] = []
    before = manifest.parse_line

    def noting_parse_line(line: bytes) -> dict[str, Any]:
        seen.append(json.loads(line)["source"])
        return before(line)

    monkeypatch.setattr(manifest, "parse_line", noting_parse_line)
    return seen


def facts(out: Path) -> list[tuple[Any, ...]]:
    return list(manifest_index.read_done_lines(str(out / MANIFEST)))


def test_what_is_in_the_index_is_not_parsed(source: Path, out: Path, parsed: list[str]) -> None:
    converted_and_up_to_date(source, out)
    parsed.clear()
    assert converted_and_up_to_date(source, out, resume=True) == (0, 5)
    assert parsed == []


def test_lines_that_were_added_since_are_parsed(
    source: Path, out: Path, parsed: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    converted_and_up_to_date(source, out)
    (source / "5.pcap").write_bytes(PCAP)
    monkeypatch.setattr(manifest_index, "_MIN_NEW_BYTES", 2**20)
    assert converted_and_up_to_date(source, out, resume=True) == (1, 5)
    parsed.clear()
    assert converted_and_up_to_date(source, out, resume=True) == (0, 6)
    assert parsed == ["5.pcap"]
    monkeypatch.setattr(manifest_index, "_MIN_NEW_BYTES", 1)
    assert converted_and_up_to_date(source, out, resume=True) == (0, 6)
    parsed.clear()
    assert converted_and_up_to_date(source, out, resume=True) == (0, 6)
    assert parsed == []


def test_the_index_says_what_the_lines_say(source: Path, out: Path) -> None:
    """Also of sidecars, key logs, damage, several runs with other options, and what no version of pcapconv wrote."""
    converted_and_up_to_date(source, out)
    converted_and_up_to_date(source, out, force=True, nanoseconds=True)
    line = json.loads((out / MANIFEST).read_bytes().splitlines()[0])
    odd = [
        line | {"target": "\udc80", "source": "\x00", "key_log": True, "source_time": '"etag"', "target_time": None},
        line | {"sidecar_written": "a", "target_sidecar_size": 3, "target_sidecar_time": 2**62},
        line | {"sidecar_read": "a", "source_sidecar_size": 4, "source_sidecar_time": "e", "root": None},
        line | {"source_size": None, "status": "damaged"},
        line | {"status": "failed"},
    ]
    with (out / MANIFEST).open("ab") as file:
        file.write(b"".join(json.dumps(each).encode() + b"\n" for each in odd) + b'{"torn": ')
    (out / INDEX).unlink()
    wanted = facts(out)
    manifest_index.update_index(str(out / MANIFEST))
    assert (out / INDEX).exists()
    assert len(wanted) == 14
    assert facts(out) == wanted
    assert [[type(value) for value in fact] for fact in facts(out)] == [[type(value) for value in f] for f in wanted]


def with_header_changed(change: dict[str, Any]) -> Callable[[Path, Path], None]:
    """Change what the index says of itself."""

    def deed(_: Path, there: Path) -> None:
        *lines, last = there.read_bytes().splitlines(keepends=True)
        there.write_bytes(b"".join(lines) + json.dumps(json.loads(last) | change).encode() + b"\n")

    return deed


def with_first_line_changed(change: Callable[[dict[str, Any]], object]) -> Callable[[Path, Path], None]:
    """Change the first line, as somebody might who wants harm."""

    def deed(_: Path, there: Path) -> None:
        first, *lines, last = there.read_bytes().splitlines(keepends=True)
        line = json.loads(first)
        change(line)
        columns = b"".join([json.dumps(line).encode() + b"\n", *lines])
        said = json.loads(last) | {"sha256": hashlib.sha256(columns).hexdigest()}
        there.write_bytes(columns + json.dumps(said).encode() + b"\n")

    return deed


def another_manifest(book: Path, _: Path) -> None:
    """Replace the manifest by another one of the same size and time."""
    when = book.stat().st_mtime_ns
    data = book.read_bytes()
    assert data.endswith(b"false}\n")
    book.write_bytes(data.removesuffix(b"false}\n") + b"true }\n")
    os.utime(book, ns=(when, when))


def without_a_line(_: Path, there: Path) -> None:
    there.write_bytes(b"".join(there.read_bytes().splitlines(keepends=True)[1:]))


def replace_by_pipe(_: Path, there: Path) -> None:
    there.unlink()
    os.mkfifo(there)


def replace_by_folder(_: Path, there: Path) -> None:
    there.unlink()
    there.mkdir()


UNFIT = [
    with_header_changed({"time": 0}),
    with_header_changed({"size": -1}),
    with_header_changed({"size": 1.5}),
    with_header_changed({"size": "1"}),
    with_header_changed({"schema": {"name": "pcapconv-index", "version": 2}}),
    with_header_changed({"tail": ""}),
    with_header_changed({"sha256": ""}),
    another_manifest,
    without_a_line,
    lambda _, there: os.truncate(there, 0),
    lambda _, there: os.truncate(there, 100),
    lambda _, there: os.truncate(there, there.stat().st_size - 7),
    lambda _, there: there.write_bytes(bytes(2000) + b"\n[]\n"),
    lambda _, there: there.write_bytes(b"[" * 10**5),
    replace_by_pipe,
]
FORGED = [
    lambda line: line["source"].pop(),
    lambda line: line.pop("target"),
    lambda line: line.update(target=7),
    lambda line: line.update(said=[]),
    lambda line: line.update(said=[["a"]]),
    lambda line: line.update(terms=[9, 9]),
    lambda line: line.update(terms="ab"),
    lambda line: line.update(target_sidecar=[[1, 2, 3], None]),
]


@pytest.mark.parametrize("deed", UNFIT)
def test_an_index_that_does_not_fit_is_not_used_and_made_anew(
    source: Path, out: Path, deed: Callable[[Path, Path], object], parsed: list[str]
) -> None:
    converted_and_up_to_date(source, out)
    deed(out / MANIFEST, out / INDEX)
    parsed.clear()
    assert converted_and_up_to_date(source, out, resume=True) == (0, 5)
    assert sorted(set(parsed)) == [f"{number}.pcap" for number in range(5)]
    parsed.clear()
    assert converted_and_up_to_date(source, out, resume=True) == (0, 5)
    assert parsed == []


@pytest.mark.parametrize("deed", [*map(with_first_line_changed, FORGED), replace_by_folder])
def test_an_index_that_somebody_forged_does_no_harm(
    source: Path, out: Path, deed: Callable[[Path, Path], object], parsed: list[str]
) -> None:
    converted_and_up_to_date(source, out)
    deed(out / MANIFEST, out / INDEX)
    parsed.clear()
    assert converted_and_up_to_date(source, out, resume=True) == (0, 5)
    assert sorted(set(parsed)) == [f"{number}.pcap" for number in range(5)]


def test_a_manifest_that_was_removed_or_emptied_is_not_remembered(source: Path, out: Path) -> None:
    converted_and_up_to_date(source, out)
    (out / MANIFEST).write_bytes(b"")
    assert facts(out) == []
    (out / MANIFEST).unlink()
    assert facts(out) == []


def test_a_small_manifest_has_no_index(source: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(manifest_index, "_MIN_NEW_BYTES", 2**20)
    converted_and_up_to_date(source, out)
    assert sorted(os.listdir(out)) == [*(f"{number}.pcapng" for number in range(5)), MANIFEST]


def test_an_index_is_no_capture(source: Path) -> None:
    converted_and_up_to_date(source, None, in_place=True)  # type: ignore[arg-type]
    assert sorted(os.listdir(source)) == [*(f"{number}.pcap" for number in range(5)), INDEX, MANIFEST]
    assert converted_and_up_to_date(source, None, in_place=True, resume=True) == (0, 5)  # type: ignore[arg-type]


def test_nothing_is_left_of_an_index_that_could_not_be_written(
    source: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def replace(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.replace", replace)
        converted_and_up_to_date(source, out)
    assert sorted(os.listdir(out)) == [*(f"{number}.pcapng" for number in range(5)), MANIFEST]
    assert converted_and_up_to_date(source, out, resume=True) == (0, 5)
