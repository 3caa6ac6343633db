"""Batches: TLS secrets and their key logs, and trees inside of each other."""

import json
import os
import stat
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, cast

import pytest
import wire
from batches import (
    EXISTS,
    KEY_LOG,
    OTHER_PCAP,
    PCAP,
    PCAPNG,
    SECRET,
    TEXT,
    files_below,
    manifest_lines,
    nonzero_counts,
    run_batch,
    statuses,
)
from batches import out as out
from batches import source as source
from folders import MANIFEST, write_tree

from pcapconv import FileError, UsageError, batch
from pcapconv.batching import manifest

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


# ---------------------------------------------------------------- secrets


def test_key_logs_go_beside_their_targets(tmp_path: Path, out: Path) -> None:
    source = write_tree(tmp_path / "in", {"a.pcapng": SECRET, "lab/b.pcapng": PCAPNG})
    run_batch(source, out, to="pcap", extract_secrets=".keys")
    assert sorted(files_below(out)) == ["a.pcap", "a.pcap.keys", "lab/b.pcap"]
    assert (out / "a.pcap.keys").read_bytes() == KEY_LOG
    assert stat.S_IMODE((out / "a.pcap.keys").stat().st_mode) == 0o600


def test_a_key_log_that_is_there_is_kept_without_force(tmp_path: Path, out: Path) -> None:
    source = write_tree(tmp_path / "in", {"a": SECRET})
    write_tree(out, {"a.keys": TEXT})
    assert nonzero_counts(run_batch(source, out, extract_secrets=".keys")) == {"failed": 1}
    assert statuses(out)["a"] == ("failed", f"{out}/a.keys: {EXISTS}")
    assert files_below(out) == {"a.keys": TEXT}
    assert nonzero_counts(run_batch(source, out, extract_secrets=".keys", force=True)) == {"converted": 1}
    assert files_below(out) == {"a": SECRET, "a.keys": KEY_LOG}


def test_a_key_log_whose_target_never_came_is_written_again(tmp_path: Path, out: Path) -> None:
    """It appears first: a run that was killed may have left it alone."""
    source = write_tree(tmp_path / "in", {"a": SECRET})
    run_batch(source, out, extract_secrets=".keys")
    (out / "a").unlink()
    assert nonzero_counts(run_batch(source, out, extract_secrets=".keys", resume=True)) == {"converted": 1}
    assert files_below(out) == {"a": SECRET, "a.keys": KEY_LOG}


@pytest.mark.parametrize("in_place", [False, True])
def test_a_key_log_never_takes_a_captures_place(tmp_path: Path, out: Path, in_place: bool) -> None:
    source = write_tree(tmp_path / "in", {"a": SECRET, "a.pcapng": PCAPNG})
    with pytest.raises(UsageError, match=r"a\.pcapng"):
        run_batch(source, None if in_place else out, in_place=in_place, force=True, extract_secrets=".pcapng")
    assert files_below(source) == {"a": SECRET, "a.pcapng": PCAPNG}


def test_secrets_are_put_into_every_file(source: Path, tmp_path: Path, out: Path) -> None:
    """When the key log changes, all is to be done again."""
    log = tmp_path / "keys.log"
    for text in (KEY_LOG, KEY_LOG * 2):
        log.write_bytes(text)
        for status in ("converted", "up_to_date"):
            report = run_batch(source, out, to="pcapng", inject_secrets=[f"tls,{log}"], resume=True)
            assert nonzero_counts(report) == {status: 2, "skipped": 1}
        blocks = wire.read_blocks((out / "a.pcapng").read_bytes())
        assert blocks[1].raw == wire.secrets(wire.TLS_KEY_LOG, text)


# ---------------------------------------------------------------- two trees, key logs, oddities


def test_another_tree_is_not_mistaken_for_an_earlier_run(tmp_path: Path, out: Path) -> None:
    one, other = write_tree(tmp_path / "one", {"a.pcap": PCAP}), write_tree(tmp_path / "other", {"a.pcap": OTHER_PCAP})
    for path in (one, other):
        os.utime(path / "a.pcap", ns=(10**18, 10**18))
    run_batch(one, out, to="pcap", resume=True)
    report = run_batch(other, out, to="pcap", resume=True)
    assert (nonzero_counts(report), files_below(out)) == ({"failed": 1}, {"a.pcap": PCAP})
    assert report.trouble[0]["error"] == f"{out}/a.pcap: {EXISTS}"


def test_the_same_tree_by_another_name_is_the_same(source: Path, out: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run_batch(source, out, to="pcap")
    monkeypatch.chdir(source.parent)
    assert nonzero_counts(run_batch("in", "out", to="pcap", resume=True)) == {"up_to_date": 2, "skipped": 1}


def test_key_logs_of_an_earlier_run_in_place_are_no_sources(tmp_path: Path) -> None:
    source = write_tree(tmp_path / "in", {"a.pcapng": SECRET, "b.pcapng": SECRET})
    options: dict[str, Any] = {"in_place": True, "extract_secrets": ".keys", "shift_time": "+1s"}
    assert nonzero_counts(run_batch(source, **options)) == {"converted": 2}
    assert nonzero_counts(run_batch(source, **options, resume=True)) == {"up_to_date": 2}
    assert {name: data for name, data in files_below(source).items() if name.endswith(".keys")} == {
        "a.pcapng.keys": KEY_LOG,
        "b.pcapng.keys": KEY_LOG,
    }


@pytest.mark.parametrize("in_place", [False, True])
def test_a_key_log_replaces_no_other_file(in_place: bool, tmp_path: Path, out: Path) -> None:
    source = write_tree(tmp_path / "in", {"a.pcapng": SECRET})
    there = write_tree(source if in_place else out, {"a.pcapng.keys": TEXT})
    destination: dict[str, Any] = {"in_place": True} if in_place else {"target": out}
    report = run_batch(source, **destination, extract_secrets=".keys")
    assert nonzero_counts(report) == {"failed": 1}
    assert report.trouble[0]["error"] == f"{there}/a.pcapng.keys: {EXISTS}"
    assert (there / "a.pcapng.keys").read_bytes() == TEXT
    assert (source / "a.pcapng").read_bytes() == SECRET
    assert nonzero_counts(run_batch(source, **destination, extract_secrets=".keys", force=True)) == {"converted": 1}
    assert (there / "a.pcapng.keys").read_bytes() == KEY_LOG


def test_existing_targets_do_not_have_the_manifest_read(
    source: Path, out: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_batch(source, out, to="pcap")
    monkeypatch.setattr("pcapconv.batching.manifest.find_outcome", None)
    assert nonzero_counts(run_batch(source, out, to="pcap")) == {"failed": 2, "skipped": 1}


def test_threads_do_not_mix_their_lines(tmp_path: Path) -> None:
    path = str(tmp_path / MANIFEST)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: manifest.append_lines(path, [{"number": number}]), range(2000)))
    assert sorted(json.loads(line)["number"] for line in Path(path).read_bytes().splitlines()) == list(range(2000))


def test_only_the_directories_of_targets_are_cleared(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    left = ".pcapconv-0123456789abcdef.tmp"
    write_tree(tmp_path, {"lab/a.pcap": PCAP, f"lab/{left}": b"", f"other/{left}": b"", left: b""})
    monkeypatch.chdir(tmp_path)
    assert nonzero_counts(run_batch(["lab/a.pcap"], in_place=True, resume=True)) == {"converted": 1}
    assert sorted(files_below(tmp_path)) == [left, "lab/a.pcap", f"other/{left}"]


def test_oddities_and_empty_selections_are_counted(tmp_path: Path, out: Path) -> None:
    odd = wire.section_header() + wire.interface() + wire.enhanced_packet(0, 5, b"four", options=b"\1\0\xff\xff")
    source = write_tree(tmp_path / "in", {"a.pcap": PCAP, "odd.pcapng": odd})
    report = run_batch(source, out, before="1960-01-01")
    assert (nonzero_counts(report), report.odd, report.empty) == ({"converted": 2}, 1, 2)
    (line,) = [line for line in manifest_lines(out) if line["source"] == "odd.pcapng"]
    assert line["warnings_total"] == 1
    assert line["warnings"][0]["reason"].startswith("the options of packet 1 ")


def test_captures_without_an_interface_are_odd_in_pcap(tmp_path: Path, out: Path) -> None:
    source = write_tree(tmp_path / "in", {"bare.pcapng": wire.section_header()})
    report = run_batch(source, out, to="pcap")
    assert (nonzero_counts(report), report.odd) == ({"converted": 1}, 1)
    (line,) = manifest_lines(out)
    assert line["warnings"][0]["reason"].startswith("the capture has no interface; the pcap file states Ethernet")


def test_a_report_may_lie_in_the_tree(source: Path, out: Path) -> None:
    (source / "report.json").write_bytes(b"{}")
    others = {"--report": str(source / "report.json")}
    assert nonzero_counts(run_batch(source, out, to="pcap", others=others)) == {"converted": 2, "skipped": 2}


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
        run_batch(*arguments)


def test_stdout_is_no_directory(source: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="the target is a directory, and - is stdout, which holds one file"):
        batch(source, "-")
    assert not (tmp_path / "-").exists()


def test_other_nonsense_of_a_program_is_refused(source: Path, out: Path) -> None:
    for options in ({"include": [5]}, {"extract_secrets": 5}):
        with pytest.raises(UsageError):
            run_batch(source, out, **cast(Any, options))
    with pytest.raises(UsageError, match="5 is not an executor"):
        batch(source, out, executor=cast(Any, 5))
    with pytest.raises(FileError):
        run_batch(source, "nul\0")
    assert nonzero_counts(run_batch(source, out, to="pcap", include=cast(Any, None))) == {"converted": 2, "skipped": 1}
