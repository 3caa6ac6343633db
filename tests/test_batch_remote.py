"""Batches whose source or target lies behind a URL: a web server, memory, and URLs that make no sense."""

import errno
import functools
import http.server
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import wire
from batches import error_texts, files_below, nonzero_counts, run_batch
from folders import MANIFEST, write_tree
from remote_batches import DONE, PATIENCE, TREE, check_manifest, pcap, pcapng, run_command
from remote_batches import memory as memory
from s3_server import Bucket

import pcapconv
from pcapconv import FileError, UsageError

pytestmark = pytest.mark.slow  # stores behind URLs

# ---------------------------------------------------------------- other places


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A web server, and the directory that it shows."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    shown = write_tree(tmp_path / "shown", {name: data for name, data in TREE.items() if "#" not in name})
    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Quiet, directory=str(shown))
    ) as web_server:
        thread = threading.Thread(target=web_server.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield f"http://127.0.0.1:{web_server.server_address[1]}", shown
        finally:
            web_server.shutdown()
            thread.join()


SHOWN = {name: data for name, data in DONE.items() if "#" not in name}


def test_from_a_web_server(web: tuple[str, Path], tmp_path: Path) -> None:
    address, _ = web
    new = tmp_path / "new"
    done = run_batch([f"{address}/1.pcap", f"{address}/deep/er/2.pcap", f"{address}/none.pcap"], new, to="pcapng")
    assert nonzero_counts(done) == {"converted": 2, "failed": 1}
    host = address.removeprefix("http://")
    assert files_below(new) == {f"{host}/{name}": data for name, data in SHOWN.items()}


def test_a_tree_from_a_web_server(web: tuple[str, Path], tmp_path: Path) -> None:
    address, shown = web
    new = tmp_path / "new"
    assert nonzero_counts(run_batch(f"{address}/", new, to="pcapng")) == {"converted": 2, "skipped": 1}
    assert files_below(new) == SHOWN
    (shown / "1.pcap").write_bytes(pcap(9) + wire.pcap_record(10, 0, b"more"))
    run_batch(f"{address}/", new, to="pcapng", resume=True)
    assert files_below(new)["1.pcapng"] == pcapng(9) + wire.enhanced_packet(0, 10 * 10**6, b"more")


def test_a_web_server_is_only_for_reading(web: tuple[str, Path], tmp_path: Path) -> None:
    address, shown = web
    with pytest.raises((FileError, UsageError), match=f"^{address}/new.*: "):
        run_batch(write_tree(tmp_path / "raw", TREE), f"{address}/new", to="pcapng")
    assert len(files_below(shown)) == 3


def test_in_memory(memory: Any) -> None:
    for name, data in TREE.items():
        memory.pipe_file(f"/raw/{name}", data)
    done = pcapconv.batch("memory://raw", "memory://new", to="pcapng", jobs=2)
    assert nonzero_counts(done) == {"converted": 3, "skipped": 1}
    there = {path.removeprefix("/new/"): memory.cat_file(path) for path in memory.find("/new")}
    check_manifest(there.pop(MANIFEST), TREE, DONE)
    assert there == DONE
    again = pcapconv.batch("memory://raw", "memory://new", to="pcapng", resume=True)
    assert nonzero_counts(again) == {"up_to_date": 3, "skipped": 1}


def test_where_an_upload_can_be_seen_it_has_a_temporary_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in local://, and a move that fails leaves nothing of it."""
    from fsspec.implementations.local import LocalFileSystem

    raw, new = write_tree(tmp_path / "raw", TREE), tmp_path / "new"
    seen: list[tuple[str, list[str]]] = []
    move = LocalFileSystem.mv

    def look(self: Any, source: str, target: str, **options: Any) -> None:
        seen.append((Path(target).name, [path.suffix for path in Path(target).parent.iterdir() if path.is_file()]))
        if target.endswith("2.pcapng"):
            raise OSError(28, "No space left on device")
        move(self, source, target, **options)

    monkeypatch.setattr(LocalFileSystem, "mv", look)
    with ThreadPoolExecutor(1) as executor:
        done = pcapconv.batch(f"local://{raw}", f"local://{new}", to="pcapng", executor=executor)
    assert nonzero_counts(done) == {"converted": 2, "failed": 1, "skipped": 1}
    assert dict(seen)["2.pcapng"] == [".tmp"]
    assert files_below(new) == {name: data for name, data in DONE.items() if not name.startswith("deep")}


def test_a_scheme_that_nobody_knows(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^nonsense://somewhere: "):
        run_batch("nonsense://somewhere", tmp_path / "new")
    with pytest.raises(UsageError, match=r"^nonsense://somewhere"):
        run_batch(write_tree(tmp_path / "raw", TREE), "nonsense://somewhere")


# ---------------------------------------------------------------- without the extras


def without(*modules: str) -> list[str]:
    """The command, where these are not installed."""
    missing = f"import sys; sys.modules.update(dict.fromkeys({modules!r})); from pcapconv.__main__ import main; main()"
    return [sys.executable, "-P", "-c", missing, "batch"]


@pytest.mark.parametrize("remote_source", [True, False], ids=["source", "target"])
def test_without_fsspec_a_url_names_the_extra(remote_source: bool, tmp_path: Path) -> None:
    raw, url = write_tree(tmp_path / "raw", TREE), "s3://bucket/tree"
    places = [url, str(tmp_path / "new")] if remote_source else [str(raw), url]
    done = subprocess.run([*without("fsspec"), *places], capture_output=True, timeout=PATIENCE)
    message = f"pcapconv: {url}: URLs need the extra remote (in a clone of pcapconv: pip install '.[remote]')\n"
    assert (done.returncode, done.stderr.decode()) == (2, message)
    assert not (tmp_path / "new").exists()


def test_without_s3fs_an_s3_url_names_the_extra(tmp_path: Path) -> None:
    command = [*without("s3fs"), "s3://bucket/tree", str(tmp_path / "new")]
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE)
    assert done.returncode == 2
    assert done.stderr.startswith(b"pcapconv: s3://bucket/tree: ")
    assert b"(in a clone of pcapconv: pip install '.[remote]')" in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_without_the_extras_a_local_batch_works(tmp_path: Path) -> None:
    raw, new = write_tree(tmp_path / "raw", TREE), tmp_path / "new"
    command = [*without("fsspec", "s3fs", "distributed", "dask"), str(raw), str(new), "--to", "pcapng", "-q"]
    done = subprocess.run([*command, "--jobs", "1"], capture_output=True, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, b"")
    assert files_below(new) == DONE


# ---------------------------------------------------------------- what makes no sense


def test_an_object_cannot_be_its_own_source(bucket: Bucket) -> None:
    bucket.fill("raw", {"1.pcap": pcap(1)})
    raw = bucket.url("raw")
    for more in ([], ["--force"], ["--resume"]):
        said = f"pcapconv: {raw}/1.pcap: that is a source too ({raw}/1.pcap); name another directory\n"
        assert run_command(f"{raw}/1.pcap", raw, *more) == (2, said)
    said = f"pcapconv: {raw}: source and target are the same directory; name a different target\n"
    assert run_command(raw, f"{raw}", "--to", "pcapng") == (2, said)
    assert bucket.versions("raw") == {"1.pcap": 1}


def test_what_leads_to_no_bucket(server: str, tmp_path: Path) -> None:
    assert server
    raw = write_tree(tmp_path / "raw", TREE)
    for url in ("s3://", "s3:///", "s3:///raw"):
        said = f"pcapconv: {url}: names no bucket; write s3://BUCKET, or s3://BUCKET/PREFIX\n"
        assert run_command(url, tmp_path / "new") == (2, said)
        assert run_command(raw, url) == (2, said)


def test_names_that_are_not_in_utf8(bucket: Bucket, tmp_path: Path) -> None:
    raw = write_tree(tmp_path / "raw", {"1.pcap": pcap(1), "\udcff.pcap": pcap(2)})
    done = run_batch(raw, bucket.url("new"), to="pcapng")
    odd = "its name is not in UTF-8, as that of an object has to be; rename it"
    assert error_texts(done) == [f"{bucket.url('new')}/\udcff.pcapng: {odd}"]
    assert bucket.tree("new") == {"1.pcapng": pcapng(1)}
    assert run_command(os.fsencode(raw), b"s3://lab/\xff") == (2, f"pcapconv: s3://lab/\\xff: {odd}\n")
    assert run_command(b"s3://lab/\xff", str(tmp_path / "new")) == (2, f"pcapconv: s3://lab/\\xff: {odd}\n")


def test_what_the_command_writes_to_memory_would_be_lost(tmp_path: Path) -> None:
    raw = write_tree(tmp_path / "raw", TREE)
    said = "pcapconv: memory://new: what is in memory:// ends with the command; name a DST that stays\n"
    assert run_command(raw, "memory://new", "--to", "pcapng") == (2, said)


@pytest.mark.parametrize("behind", ["source", "target"])
def test_a_full_temporary_directory(
    bucket: Bucket, behind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence names the capture, and what to do."""
    source: Any = write_tree(tmp_path / "raw", {"1.pcap": pcap(1)}) if behind == "target" else bucket.url("raw")
    bucket.fill("raw", {"1.pcap": pcap(1)})
    full = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr("tempfile.TemporaryFile", mock.Mock(side_effect=full))
    done = run_batch(source, bucket.url("new"), to="pcapng")
    said = "a temporary file: cannot write: no space left on device; set TMPDIR to a directory with more room"
    assert error_texts(done) == [f"{source}/1.pcap: {said}"]
    (line,) = done.trouble
    assert line["retryable"] is True
