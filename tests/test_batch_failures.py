"""Batches: a file that fails stops no other one."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from batches import (
    BROKEN,
    COMMENTED,
    CUT,
    EXISTS,
    NO_CAPTURE,
    OTHER_PCAP,
    PCAP,
    PCAPNG,
    TEXT,
    files_below,
    nonzero_counts,
    run_batch,
    statuses,
)
from batches import out as out
from batches import source as source
from folders import write_tree

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


class RunsFirst(ThreadPoolExecutor):
    """Does something else before it takes up its first work: the moment after all files were found."""

    def __init__(self, deed: Callable[[], object]) -> None:
        super().__init__(1)
        self._deeds = [deed]

    def submit(self, work: Any, /, *arguments: Any, **named: Any) -> Future[Any]:
        while self._deeds:
            self._deeds.pop()()
        return super().submit(work, *arguments, **named)


def test_broken_files_stop_no_other(tmp_path: Path, out: Path) -> None:
    captures = {name: capture for name, (capture, _, _) in BROKEN.items()}
    source = write_tree(tmp_path / "in", captures | {"a": PCAP, "z": OTHER_PCAP})
    report = run_batch(source, out, to="pcap")
    status = statuses(out)
    assert {name: status[name][0] for name in captures} == {name: kind for name, (_, kind, _) in BROKEN.items()}
    for name, (_, kind, fact) in BROKEN.items():
        error = status[name][1]
        assert (error is None) == (kind == "damaged")
        assert error is None or (error.startswith(f"{source}/{name}: ") and fact is not None and fact in error)
    assert files_below(out) == {"a.pcap": PCAP, "z.pcap": OTHER_PCAP, "cut.pcap": PCAP}
    assert nonzero_counts(report) == {"converted": 2, "damaged": 1, "failed": 3, "skipped": 3}
    assert {line["source"] for line in report.trouble} == {"time", "types", "version", "cut"}


def test_strict_refuses_damage_and_what_is_no_capture(tmp_path: Path, out: Path) -> None:
    source = write_tree(tmp_path / "in", {"a": PCAP, "cut": CUT, "text": TEXT})
    report = run_batch(source, out, strict=True)
    assert nonzero_counts(report) == {"converted": 1, "failed": 2}
    assert files_below(out) == {"a": PCAP}
    errors = {name: error for name, (_, error) in statuses(out).items()}
    assert str(errors["cut"]).startswith(f"{source}/cut: offset {len(PCAP)} (packet 3): ")
    assert str(errors["text"]).startswith(f"{source}/text: {NO_CAPTURE}")


def test_losses_are_counted_or_refused(tmp_path: Path, out: Path) -> None:
    source = write_tree(tmp_path / "in", {"a": COMMENTED, "b": PCAPNG})
    report = run_batch(source, out, to="pcap", on_loss="fail")
    assert nonzero_counts(report) == {"converted": 1, "failed": 1}
    assert statuses(out)["a"] == ("failed", f"{source}/a: pcap cannot hold 2 comments; nothing was written")
    assert list(files_below(out)) == ["b.pcap"]
    for on_loss in ("warn", "ignore"):
        assert run_batch(source, out, to="pcap", on_loss=on_loss, force=True).losses == {"comments": 2}


def test_a_source_that_goes_away_fails(source: Path, out: Path) -> None:
    with RunsFirst((source / "a.pcap").unlink) as executor:
        report = run_batch(source, out, executor=executor)
    assert nonzero_counts(report) == {"converted": 1, "failed": 1, "skipped": 1}
    assert statuses(out)["a.pcap"] == ("failed", f"{source}/a.pcap: cannot open: no such file or directory")


def test_a_target_that_appears_meanwhile_is_kept(source: Path, out: Path) -> None:
    with RunsFirst(lambda: (out / "a.pcap").write_bytes(TEXT)) as executor:
        report = run_batch(source, out, executor=executor)
    assert nonzero_counts(report) == {"converted": 1, "failed": 1, "skipped": 1}
    assert statuses(out)["a.pcap"] == ("failed", f"{out}/a.pcap: {EXISTS}")
    assert (out / "a.pcap").read_bytes() == TEXT


def test_a_target_that_is_there_is_kept_without_force(source: Path, out: Path) -> None:
    write_tree(out, {"a.pcap": TEXT})
    assert nonzero_counts(run_batch(source, out)) == {"converted": 1, "failed": 1, "skipped": 1}
    assert files_below(out) == {"a.pcap": TEXT, "lab/b.cap": OTHER_PCAP}
    assert nonzero_counts(run_batch(source, out)) == {"failed": 2, "skipped": 1}
    assert nonzero_counts(run_batch(source, out, force=True)) == {"converted": 2, "skipped": 1}
    assert files_below(out) == {"a.pcap": PCAP, "lab/b.cap": OTHER_PCAP}


@pytest.mark.parametrize("force", [False, True])
def test_what_is_no_plain_file_is_never_replaced(source: Path, out: Path, force: bool) -> None:
    (out / "a.pcap").mkdir(parents=True)
    write_tree(out, {"lab": TEXT})
    report = run_batch(source, out, force=force)
    assert nonzero_counts(report) == {"failed": 2, "skipped": 1}
    assert statuses(out)["a.pcap"] == ("failed", f"{out}/a.pcap: exists already, and is not a plain file")
    assert str(statuses(out)["lab/b.cap"][1]).startswith(f"{out}/lab/b.cap: cannot create: ")
    assert (out / "lab").read_bytes() == TEXT


def test_a_target_that_leads_nowhere_is_not_followed(source: Path, tmp_path: Path, out: Path) -> None:
    out.mkdir()
    (out / "a.pcap").symlink_to(tmp_path / "elsewhere")
    assert run_batch(source, out, force=True).failed == 1
    assert not (tmp_path / "elsewhere").exists()
