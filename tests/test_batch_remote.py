"""A batch whose source or target lies behind a URL: a real S3 server, a web server, and memory."""

import contextlib
import errno
import functools
import hashlib
import http.server
import json
import os
import socket
import struct
import subprocess
import sys
import threading
import urllib.request
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any
from unittest import mock

import pytest
import wire
from s3_server import LEASE, MANIFEST, Bucket, aws

import pcapconv
from pcapconv import FileError, UsageError
from pcapconv.batching.report import BatchReport

COMMAND = str(Path(sys.executable).with_name("pcapconv"))
PATIENCE = 60  # seconds until a test fails that would hang
OLD = b"what was there before"
TAKEN = "exists already; resume=True replaces only what an earlier run wrote, force=True whatever is there"


def pcap(number: int) -> bytes:
    return wire.pcap_header() + wire.pcap_record(number, 5, bytes(range(number, number + 50)))


def pcapng(number: int) -> bytes:
    packet = wire.enhanced_packet(0, number * 10**6 + 5, bytes(range(number, number + 50)))
    return wire.section_header() + wire.interface(snaplen=65535) + packet


CUT = pcap(1)[:-1]
COMMENTED = (
    wire.section_header()
    + wire.interface()
    + wire.enhanced_packet(0, 5, b"abcd", options=wire.options((wire.OPT_COMMENT, b"a comment")))
)
NAMES = {"1.pcap": 1, "deep/er/2.pcap": 2, "ü and %20#?.pcap": 3}
TREE = {name: pcap(number) for name, number in NAMES.items()} | {"notes.txt": b"no capture"}
DONE = {f"{name}ng": pcapng(number) for name, number in NAMES.items()}


def run(source: Any, target: Any = None, **options: Any) -> BatchReport:
    """A batch in threads of this process, which start at once."""
    with ThreadPoolExecutor(2) as executor:
        return pcapconv.batch(source, target, executor=executor, **options)


def counts(done: BatchReport) -> dict[str, int]:
    """What became of files, as far as it happened."""
    kinds = ("converted", "damaged", "failed", "up_to_date", "skipped", "left_alone")
    return {kind: getattr(done, kind) for kind in kinds if getattr(done, kind)}


def errors(done: BatchReport) -> list[str]:
    return sorted(line["error"] for line in done.trouble)


def make_tree(root: Path, files: dict[str, bytes] = TREE) -> Path:
    for name, data in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def tree(root: Path) -> dict[str, bytes]:
    """All files but the manifest, temporary ones included."""
    files = [path for path in root.rglob("*") if path.is_file() and path.name != MANIFEST]
    return {path.relative_to(root).as_posix(): path.read_bytes() for path in files}


def last_lines(manifest: bytes) -> dict[str, Any]:
    """By target, what the manifest says last."""
    return {line["target"]: line for line in map(json.loads, manifest.splitlines())}


def agrees(manifest: bytes, sources: dict[str, bytes], targets: dict[str, bytes]) -> None:
    """The manifest's last lines of what was converted are true."""
    last = {name: line for name, line in last_lines(manifest).items() if line["status"] == "converted"}
    assert last.keys() == targets.keys()
    for name, data in targets.items():
        source = sources[last[name]["source"]]
        assert (last[name]["target_size"], last[name]["target_sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
        assert (last[name]["source_size"], last[name]["source_sha256"]) == (
            len(source),
            hashlib.sha256(source).hexdigest(),
        )


# ---------------------------------------------------------------- S3


def test_a_tree_from_s3_to_s3(bucket: Bucket) -> None:
    """The command, with processes."""
    bucket.fill("raw", TREE)
    command = [COMMAND, "batch", bucket.url("raw"), bucket.url("new/er/"), "--to", "pcapng", "--jobs", "2"]
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE)
    assert done.returncode == 0, done.stderr
    assert bucket.tree("new/er") == DONE
    assert bucket.versions("new/er") == dict.fromkeys(DONE, 1)
    assert bucket.tree("raw") == TREE
    agrees(bucket.manifest("new/er"), TREE, DONE)


def test_resuming_on_s3_does_what_has_changed(bucket: Bucket) -> None:
    bucket.fill("raw", TREE)
    raw, new = bucket.url("raw"), bucket.url("new")
    assert counts(run(raw, new, to="pcapng")) == {"converted": 3, "skipped": 1}
    again = run(raw, new, to="pcapng", resume=True)
    assert (counts(again), again.bytes_read) == ({"up_to_date": 3, "skipped": 1}, 0)
    assert bucket.versions("new") == dict.fromkeys(DONE, 1)

    bucket.put("raw/1.pcap", pcap(9))  # of the same size
    bucket.put("raw/later.pcap", pcap(4))
    bucket.s3.delete_object(Bucket=bucket.name, Key="new/deep/er/2.pcapng")
    assert counts(run(raw, new, to="pcapng", resume=True)) == {"converted": 3, "up_to_date": 1, "skipped": 1}
    now = DONE | {"1.pcapng": pcapng(9), "later.pcapng": pcapng(4)}
    assert bucket.tree("new") == now
    assert bucket.versions("new") == {
        "1.pcapng": 2,
        "deep/er/2.pcapng": 2,
        "later.pcapng": 1,
        "ü and %20#?.pcapng": 1,
    }
    agrees(bucket.manifest("new"), TREE | {"1.pcap": pcap(9), "later.pcap": pcap(4)}, now)
    assert counts(run(raw, new, to="pcapng", resume=True)) == {"up_to_date": 4, "skipped": 1}

    other = run(raw, new, to="pcapng", resume=True, snaplen=10)  # other options
    assert counts(other) == {"converted": 4, "skipped": 1}


def test_a_resume_without_the_manifest_does_all_again(bucket: Bucket) -> None:
    bucket.fill("raw", TREE)
    raw, new = bucket.url("raw"), bucket.url("new")
    run(raw, new, to="pcapng")
    bucket.s3.delete_object(Bucket=bucket.name, Key=f"new/{MANIFEST}")
    assert counts(run(raw, new, to="pcapng", resume=True)) == {"converted": 3, "skipped": 1}
    assert bucket.tree("new") == DONE


@contextlib.contextmanager
def denied(bucket: Bucket, action: str, key: str) -> Iterator[None]:
    """Permissions count, and everybody is a user who may do all but this with these objects."""
    files = import_module("s3fs").S3FileSystem
    iam, user = aws("iam"), uuid.uuid4().hex
    iam.create_user(UserName=user)
    access = iam.create_access_key(UserName=user)["AccessKey"]
    allow = {"Effect": "Allow", "Action": "s3:*", "Resource": "*"}
    denial = {"Effect": "Deny", "Action": action, "Resource": f"arn:aws:s3:::{bucket.name}/{key}"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [allow, denial]})
    iam.put_user_policy(UserName=user, PolicyName="one", PolicyDocument=policy)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("AWS_ACCESS_KEY_ID", access["AccessKeyId"])
        patch.setenv("AWS_SECRET_ACCESS_KEY", access["SecretAccessKey"])
        files.clear_instance_cache()  # each instance has its credentials
        free_requests(bucket.server, "0")
        try:
            yield
        finally:
            free_requests(bucket.server, "inf")
            files.clear_instance_cache()


def free_requests(server: str, count: str) -> None:
    """So many requests are done by the server before it asks for permissions."""
    request = urllib.request.Request(
        f"{server}/moto-api/reset-auth", data=count.encode(), headers={"Content-Type": "text/plain"}
    )
    with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
        assert answer.status == 200


def test_an_object_that_is_denied_fails_alone(bucket: Bucket) -> None:
    bucket.fill("raw", TREE)
    with denied(bucket, "s3:GetObject", "raw/1.pcap"):
        done = run(bucket.url("raw"), bucket.url("new"), to="pcapng")
    assert counts(done) == {"converted": 2, "failed": 1, "skipped": 1}
    (error,) = errors(done)
    assert error.startswith(f"{bucket.url('raw/1.pcap')}: cannot ")
    assert bucket.tree("new") == {name: data for name, data in DONE.items() if name != "1.pcapng"}
    failed = last_lines(bucket.manifest("new"))["1.pcapng"]
    assert (failed["status"], failed["error"]) == ("failed", error)


def test_a_target_that_is_denied_fails_alone(bucket: Bucket) -> None:
    bucket.fill("raw", TREE)
    with denied(bucket, "s3:PutObject", "new/deep/*"):
        done = run(bucket.url("raw"), bucket.url("new"), to="pcapng")
    assert counts(done) == {"converted": 2, "failed": 1, "skipped": 1}
    (error,) = errors(done)
    assert error.startswith(f"{bucket.url('new/deep/er/2.pcapng')}: cannot write: ")
    assert bucket.tree("new") == {name: data for name, data in DONE.items() if not name.startswith("deep")}
    assert last_lines(bucket.manifest("new"))["deep/er/2.pcapng"]["status"] == "failed"


def test_a_manifest_that_is_denied_is_an_error(bucket: Bucket) -> None:
    bucket.fill("raw", TREE)
    message = f"^{bucket.url(f'new/{MANIFEST}')}: cannot write: "
    with denied(bucket, "s3:PutObject", f"new/{MANIFEST}"), pytest.raises(FileError, match=message):
        run(bucket.url("raw"), bucket.url("new"), to="pcapng")


def test_a_store_of_which_nothing_may_be_removed(bucket: Bucket) -> None:
    """The lease that stays there is nobody's."""
    bucket.fill("raw", TREE)
    with denied(bucket, "s3:DeleteObject", "new/*"):
        assert counts(run(bucket.url("raw"), bucket.url("new"), to="pcapng")) == {"converted": 3, "skipped": 1}
    bucket.put("raw/later.pcap", pcap(4))
    with denied(bucket, "s3:DeleteObject", "new/*"):
        again = run(bucket.url("raw"), bucket.url("new"), to="pcapng", resume=True)
    assert counts(again) == {"converted": 1, "up_to_date": 3, "skipped": 1}
    assert bucket.get(f"new/{LEASE}") == b"{}\n"


def test_a_target_that_may_not_be_looked_at_is_somebodys(bucket: Bucket) -> None:
    bucket.fill("raw", TREE)
    bucket.put("new/1.pcapng", OLD)
    with denied(bucket, "s3:GetObject", "new/1.pcapng"):
        done = run(bucket.url("raw"), bucket.url("new"), to="pcapng", resume=True)
    assert errors(done) == [f"{bucket.url('new/1.pcapng')}: {TAKEN}"]


def test_a_target_that_exists_is_left_without_force(bucket: Bucket) -> None:
    bucket.fill("raw", TREE)
    bucket.put("new/1.pcapng", OLD)
    done = run(bucket.url("raw"), bucket.url("new"), to="pcapng")
    assert counts(done) == {"converted": 2, "failed": 1, "skipped": 1}
    assert errors(done) == [f"{bucket.url('new/1.pcapng')}: {TAKEN}"]
    assert bucket.tree("new") == DONE | {"1.pcapng": OLD}
    forced = run(bucket.url("raw"), bucket.url("new"), to="pcapng", force=True)
    assert counts(forced) == {"converted": 3, "skipped": 1}
    assert bucket.tree("new") == DONE


@pytest.mark.parametrize("options", [{"strict": True}, {"on_loss": "fail"}], ids=["strict", "on-loss"])
def test_a_conversion_that_fails_uploads_nothing(bucket: Bucket, options: Any) -> None:
    bucket.fill("raw", {"cut.pcap": CUT, "commented.pcapng": COMMENTED, "1.pcap": pcap(1)})
    bucket.put("new/cut.pcap", OLD)
    bucket.put("new/commented.pcap", OLD)
    done = run(bucket.url("raw"), bucket.url("new"), to="pcap", force=True, **options)
    assert done.failed == 1
    assert done.trouble[0]["status"] in ("failed", "damaged")
    refused = "cut.pcap" if "strict" in options else "commented.pcap"
    assert bucket.get(f"new/{refused}") == OLD
    assert bucket.versions("new") == {"1.pcap": 1, "cut.pcap": 2, "commented.pcap": 2} | {refused: 1}


def test_a_bucket_that_is_not_there(bucket: Bucket, tmp_path: Path) -> None:
    raw = make_tree(tmp_path / "raw")
    with pytest.raises(FileError, match=r"^s3://no-such-bucket/raw: "):
        run("s3://no-such-bucket/raw", bucket.url("new"))
    with pytest.raises(FileError, match=f"^{bucket.url('nothing')}: there is nothing$"):
        run(bucket.url("nothing"), tmp_path / "new")
    with pytest.raises(FileError, match=r"^s3://no-such-bucket/new/.*: cannot write: "):
        run(raw, "s3://no-such-bucket/new", to="pcapng")


def test_in_place_is_refused(bucket: Bucket) -> None:
    bucket.fill("raw", TREE)
    with pytest.raises(UsageError, match=f"^in_place=True: {bucket.url('raw')} is remote, "):
        run(bucket.url("raw"), in_place=True, chop=4)
    assert bucket.versions("raw") == dict.fromkeys(TREE, 1)


def test_in_place_is_refused_for_a_list(bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None of the list's files is touched."""
    bucket.fill("raw", TREE)
    monkeypatch.chdir(make_tree(tmp_path / "raw"))
    with pytest.raises(UsageError, match=f"^in_place=True: {bucket.url('raw/1.pcap')} is remote, "):
        run(["1.pcap", bucket.url("raw/1.pcap")], in_place=True, chop=4)
    assert bucket.versions("raw") == dict.fromkeys(TREE, 1)
    assert tree(tmp_path / "raw") == TREE


ODD = ["../up.pcap", "deep/../../up.pcap", "./dot.pcap", "deep//double.pcap", "/root.pcap", "deep/./2.pcap"]


def test_keys_that_cannot_be_file_names_fail_alone(bucket: Bucket, tmp_path: Path) -> None:
    bucket.fill("raw", dict.fromkeys(ODD, pcap(9)) | {"1.pcap": pcap(1)})
    assert len(bucket.listed()) == len(ODD) + 1  # the server keeps each as it is
    done = run(bucket.url("raw"), tmp_path / "a/b/new", to="pcapng")
    assert counts(done) == {"converted": 1, "failed": len(ODD)}
    assert errors(done) == sorted(f"{bucket.url(f'raw/{name}')}: its name cannot be that of a file" for name in ODD)
    assert tree(tmp_path) == {"a/b/new/1.pcapng": pcapng(1)}


def test_keys_that_cannot_be_file_names_are_taken_where_they_are_keys_again(bucket: Bucket) -> None:
    bucket.fill("raw", {name: pcap(number) for number, name in enumerate(ODD, 1)} | {"deep/2.pcap": pcap(9)})
    raw, new = bucket.url("raw"), bucket.url("a/b/new")
    assert counts(run(raw, new, to="pcapng")) == {"converted": len(ODD) + 1}
    wanted = {f"{name}ng": pcapng(number) for number, name in enumerate(ODD, 1)} | {"deep/2.pcapng": pcapng(9)}
    assert bucket.tree("a/b/new") == wanted
    assert {key for key in bucket.listed() if not key.startswith("raw/")} == {
        *(f"a/b/new/{name}" for name in wanted),
        f"a/b/new/{MANIFEST}",
    }
    assert counts(run(raw, new, to="pcapng", resume=True)) == {"up_to_date": len(ODD) + 1}


def test_directories_as_keys_are_no_trouble(bucket: Bucket) -> None:
    """Consoles make an empty object for what they show as a folder."""
    bucket.fill("raw", TREE)
    for key in ("raw/", "raw/deep/", "raw/empty/"):
        bucket.put(key, b"")
    done = run(bucket.url("raw/"), bucket.url("new"), to="pcapng")
    assert (errors(done), done.converted) == ([], 3)
    assert bucket.tree("new") == DONE


def test_a_target_below_the_source_is_not_converted_again(bucket: Bucket) -> None:
    bucket.fill("raw", TREE)
    raw, new = bucket.url("raw"), bucket.url("raw/new")
    assert counts(run(raw, new, to="pcapng")) == {"converted": 3, "skipped": 1}
    assert counts(run(raw, new, to="pcapng", resume=True)) == {"up_to_date": 3, "skipped": 1}
    assert bucket.tree("raw/new") == DONE


def test_from_s3_to_a_directory_and_back(bucket: Bucket, tmp_path: Path) -> None:
    bucket.fill("raw", TREE)
    local = tmp_path / "local"
    assert counts(run(bucket.url("raw"), local, to="pcapng")) == {"converted": 3, "skipped": 1}
    assert tree(local) == DONE
    agrees((local / MANIFEST).read_bytes(), TREE, DONE)
    assert counts(run(bucket.url("raw"), local, to="pcapng", resume=True)) == {"up_to_date": 3, "skipped": 1}
    bucket.put("raw/1.pcap", pcap(9))
    assert counts(run(bucket.url("raw"), local, to="pcapng", resume=True)) == {
        "converted": 1,
        "up_to_date": 2,
        "skipped": 1,
    }
    assert tree(local) == DONE | {"1.pcapng": pcapng(9)}

    assert counts(run(local, bucket.url("back"), to="pcap")) == {"converted": 3}
    back = {name: pcap(number) for name, number in NAMES.items()} | {"1.pcap": pcap(9)}
    assert bucket.tree("back") == back
    agrees(bucket.manifest("back"), tree(local), back)
    assert counts(run(local, bucket.url("back"), to="pcap", resume=True)) == {"up_to_date": 3}


def test_one_object_and_a_list_of_objects(bucket: Bucket, tmp_path: Path) -> None:
    bucket.fill("raw", TREE)
    assert counts(run(bucket.url("raw/1.pcap"), tmp_path / "one", to="pcapng")) == {"converted": 1}
    assert tree(tmp_path / "one") == {"1.pcapng": pcapng(1)}
    places = [bucket.url("raw/1.pcap"), bucket.url("raw/deep/er/2.pcap"), bucket.url("raw/none.pcap")]
    done = run(places, tmp_path / "list", to="pcapng")
    assert counts(done) == {"converted": 2, "failed": 1}
    assert errors(done) == [f"{places[2]}: there is no such file"]
    assert tree(tmp_path / "list") == {
        f"{bucket.name}/raw/1.pcapng": pcapng(1),
        f"{bucket.name}/raw/deep/er/2.pcapng": pcapng(2),
    }


# ---------------------------------------------------------------- other places


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """A web server, and the directory that it shows."""

    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    shown = make_tree(tmp_path / "shown", {name: data for name, data in TREE.items() if "#" not in name})
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
    done = run([f"{address}/1.pcap", f"{address}/deep/er/2.pcap", f"{address}/none.pcap"], new, to="pcapng")
    assert counts(done) == {"converted": 2, "failed": 1}
    host = address.removeprefix("http://")
    assert tree(new) == {f"{host}/{name}": data for name, data in SHOWN.items()}


def test_a_tree_from_a_web_server(web: tuple[str, Path], tmp_path: Path) -> None:
    address, shown = web
    new = tmp_path / "new"
    assert counts(run(f"{address}/", new, to="pcapng")) == {"converted": 2, "skipped": 1}
    assert tree(new) == SHOWN
    (shown / "1.pcap").write_bytes(pcap(9) + wire.pcap_record(10, 0, b"more"))
    run(f"{address}/", new, to="pcapng", resume=True)
    assert tree(new)["1.pcapng"] == pcapng(9) + wire.enhanced_packet(0, 10 * 10**6, b"more")


def test_a_web_server_is_only_for_reading(web: tuple[str, Path], tmp_path: Path) -> None:
    address, shown = web
    with pytest.raises((FileError, UsageError), match=f"^{address}/new.*: "):
        run(make_tree(tmp_path / "raw"), f"{address}/new", to="pcapng")
    assert len(tree(shown)) == 3


@pytest.fixture
def memory() -> Iterator[Any]:
    """fsspec's files in memory, which are the process's."""
    import fsspec

    files = fsspec.filesystem("memory")
    files.store.clear()
    yield files
    files.store.clear()


def test_in_memory(memory: Any) -> None:
    for name, data in TREE.items():
        memory.pipe_file(f"/raw/{name}", data)
    done = pcapconv.batch("memory://raw", "memory://new", to="pcapng", jobs=2)
    assert counts(done) == {"converted": 3, "skipped": 1}
    there = {path.removeprefix("/new/"): memory.cat_file(path) for path in memory.find("/new")}
    agrees(there.pop(MANIFEST), TREE, DONE)
    assert there == DONE
    again = pcapconv.batch("memory://raw", "memory://new", to="pcapng", resume=True)
    assert counts(again) == {"up_to_date": 3, "skipped": 1}


def test_from_a_directory_to_memory_and_back(memory: Any, tmp_path: Path) -> None:
    raw = make_tree(tmp_path / "raw")
    assert counts(pcapconv.batch(raw, "memory://new", to="pcapng")) == {"converted": 3, "skipped": 1}
    assert memory.cat_file("/new/1.pcapng") == pcapng(1)
    assert counts(pcapconv.batch("memory://new", tmp_path / "back", to="pcap")) == {"converted": 3}
    assert tree(tmp_path / "back") == {name: pcap(number) for name, number in NAMES.items()}


def test_where_an_upload_can_be_seen_it_has_a_temporary_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As in local://, and a move that fails leaves nothing of it."""
    from fsspec.implementations.local import LocalFileSystem

    raw, new = make_tree(tmp_path / "raw"), tmp_path / "new"
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
    assert counts(done) == {"converted": 2, "failed": 1, "skipped": 1}
    assert dict(seen)["2.pcapng"] == [".tmp"]
    assert tree(new) == {name: data for name, data in DONE.items() if not name.startswith("deep")}


def test_a_scheme_that_nobody_knows(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^nonsense://somewhere: "):
        run("nonsense://somewhere", tmp_path / "new")
    with pytest.raises(UsageError, match=r"^nonsense://somewhere"):
        run(make_tree(tmp_path / "raw"), "nonsense://somewhere")


# ---------------------------------------------------------------- without the extras


def without(*modules: str) -> list[str]:
    """The command, where these are not installed."""
    missing = f"import sys; sys.modules.update(dict.fromkeys({modules!r})); from pcapconv.__main__ import main; main()"
    return [sys.executable, "-P", "-c", missing, "batch"]


@pytest.mark.parametrize("remote_source", [True, False], ids=["source", "target"])
def test_without_fsspec_a_url_names_the_extra(remote_source: bool, tmp_path: Path) -> None:
    raw, url = make_tree(tmp_path / "raw"), "s3://bucket/tree"
    places = [url, str(tmp_path / "new")] if remote_source else [str(raw), url]
    done = subprocess.run([*without("fsspec"), *places], capture_output=True, timeout=PATIENCE)
    message = f"pcapconv: {url}: remote paths need fsspec; install it: pip install 'pcapconv[remote]'\n"
    assert (done.returncode, done.stderr.decode()) == (2, message)
    assert not (tmp_path / "new").exists()


def test_without_s3fs_an_s3_url_names_the_extra(tmp_path: Path) -> None:
    command = [*without("s3fs"), "s3://bucket/tree", str(tmp_path / "new")]
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE)
    assert done.returncode == 2
    assert done.stderr.startswith(b"pcapconv: s3://bucket/tree: ")
    assert b"pip install 'pcapconv[remote]'" in done.stderr
    assert done.stderr.count(b"\n") == 1


def test_without_the_extras_a_local_batch_works(tmp_path: Path) -> None:
    raw, new = make_tree(tmp_path / "raw"), tmp_path / "new"
    command = [*without("fsspec", "s3fs", "distributed", "dask"), str(raw), str(new), "--to", "pcapng", "-q"]
    done = subprocess.run([*command, "--jobs", "1"], capture_output=True, timeout=PATIENCE)
    assert (done.returncode, done.stderr) == (0, b"")
    assert tree(new) == DONE


# ---------------------------------------------------------------- what is somebody's, and what an earlier run's


def test_resume_leaves_what_no_earlier_run_wrote(bucket: Bucket) -> None:
    """Whether or not there is a manifest, and also what came where an earlier run's object was."""
    bucket.fill("raw", TREE)
    raw, new = bucket.url("raw"), bucket.url("new")
    bucket.put("new/1.pcapng", OLD)
    for _ in range(2):
        done = run(raw, new, to="pcapng", resume=True)
        assert errors(done) == [f"{new}/1.pcapng: {TAKEN}"]
        assert bucket.tree("new") == DONE | {"1.pcapng": OLD}
    bucket.put("new/deep/er/2.pcapng", OLD)
    done = run(raw, new, to="pcapng", resume=True)
    assert errors(done) == [f"{new}/1.pcapng: {TAKEN}", f"{new}/deep/er/2.pcapng: {TAKEN}"]
    assert bucket.versions("new") == dict.fromkeys(DONE, 1) | {"deep/er/2.pcapng": 2}
    assert counts(run(raw, new, to="pcapng", resume=True, force=True)) == {
        "converted": 2,
        "up_to_date": 1,
        "skipped": 1,
    }
    assert bucket.tree("new") == DONE


def test_resume_replaces_what_a_killed_run_wrote_before_its_line(bucket: Bucket) -> None:
    """It knows it by what the object says, which neither a copy nor a batch of another tree does."""
    bucket.fill("raw", TREE)
    bucket.fill("other", TREE)
    raw, new = bucket.url("raw"), bucket.url("new")
    run(raw, new, to="pcapng")
    bucket.put("raw/later.pcap", pcap(4))
    copied = {"Bucket": bucket.name, "Key": "new/1.pcapng"}
    bucket.s3.copy_object(Bucket=bucket.name, Key="new/later.pcapng", CopySource=copied)
    bucket.s3.delete_object(Bucket=bucket.name, Key=f"new/{MANIFEST}")
    assert errors(run(bucket.url("other"), new, to="pcapng", resume=True)) == sorted(
        f"{new}/{name}: {TAKEN}" for name in DONE
    )
    bucket.s3.delete_object(Bucket=bucket.name, Key=f"new/{MANIFEST}")
    done = run(raw, new, to="pcapng", resume=True)
    assert counts(done) == {"converted": 3, "failed": 1, "skipped": 1}
    assert errors(done) == [f"{new}/later.pcapng: {TAKEN}"]
    assert bucket.tree("new") == DONE | {"later.pcapng": DONE["1.pcapng"]}


def test_resume_leaves_a_key_log_that_is_somebodys(bucket: Bucket) -> None:
    bucket.fill("raw", TREE)
    bucket.put("new/1.pcapng.keys", OLD)
    done = run(bucket.url("raw"), bucket.url("new"), to="pcapng", resume=True, extract_secrets=".keys")
    assert errors(done) == [f"{bucket.url('new/1.pcapng')}: {TAKEN}"]
    assert bucket.get("new/1.pcapng.keys") == OLD


def test_resume_leaves_what_is_somebodys_in_a_store_that_keeps_no_such_thing(tmp_path: Path) -> None:
    raw = make_tree(tmp_path / "raw")
    new = f"memory://{uuid.uuid4().hex}/new"
    import_module("fsspec").filesystem("memory").pipe_file(f"{new.removeprefix('memory:/')}/1.pcapng", OLD)
    done = run(raw, new, to="pcapng", resume=True)
    assert counts(done) == {"converted": 2, "failed": 1, "skipped": 1}
    assert errors(done) == [f"{new}/1.pcapng: {TAKEN}"]
    assert counts(run(raw, new, to="pcapng", resume=True)) == {"up_to_date": 2, "failed": 1, "skipped": 1}


# ---------------------------------------------------------------- what makes no sense


def told(*arguments: Any, **environment: str) -> tuple[int, str]:
    """The status of the command, and what it says."""
    done = subprocess.run(
        [COMMAND, "batch", *arguments, "-q"],
        capture_output=True,
        timeout=PATIENCE,
        env={**os.environ, **environment},
    )
    return done.returncode, done.stderr.decode()


def test_an_object_cannot_be_its_own_source(bucket: Bucket) -> None:
    bucket.fill("raw", {"1.pcap": pcap(1)})
    raw = bucket.url("raw")
    for more in ([], ["--force"], ["--resume"]):
        said = f"pcapconv: {raw}/1.pcap: that is a source too ({raw}/1.pcap); name another directory\n"
        assert told(f"{raw}/1.pcap", raw, *more) == (2, said)
    said = f"pcapconv: {raw}: source and target are the same directory; name another one\n"
    assert told(raw, f"{raw}", "--to", "pcapng") == (2, said)
    assert bucket.versions("raw") == {"1.pcap": 1}


def test_what_leads_to_no_bucket(server: str, tmp_path: Path) -> None:
    assert server
    raw = make_tree(tmp_path / "raw")
    for url in ("s3://", "s3:///", "s3:///raw"):
        said = f"pcapconv: {url}: names no bucket; write s3://BUCKET, or s3://BUCKET/PREFIX\n"
        assert told(url, tmp_path / "new") == (2, said)
        assert told(raw, url) == (2, said)


def test_names_that_are_not_in_utf8(bucket: Bucket, tmp_path: Path) -> None:
    raw = make_tree(tmp_path / "raw", {"1.pcap": pcap(1), "\udcff.pcap": pcap(2)})
    done = run(raw, bucket.url("new"), to="pcapng")
    odd = "its name is not in UTF-8, as that of an object has to be; rename it"
    assert errors(done) == [f"{bucket.url('new')}/\udcff.pcapng: {odd}"]
    assert bucket.tree("new") == {"1.pcapng": pcapng(1)}
    assert told(os.fsencode(raw), b"s3://lab/\xff") == (2, f"pcapconv: s3://lab/\\xff: {odd}\n")
    assert told(b"s3://lab/\xff", str(tmp_path / "new")) == (2, f"pcapconv: s3://lab/\\xff: {odd}\n")


def test_what_the_command_writes_to_memory_would_be_lost(tmp_path: Path) -> None:
    raw = make_tree(tmp_path / "raw")
    said = "pcapconv: memory://new: what is in memory:// ends with the command; name a DST that stays\n"
    assert told(raw, "memory://new", "--to", "pcapng") == (2, said)


@pytest.mark.parametrize("behind", ["source", "target"])
def test_a_full_temporary_directory(
    bucket: Bucket, behind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The sentence names the capture, and what to do."""
    source: Any = make_tree(tmp_path / "raw", {"1.pcap": pcap(1)}) if behind == "target" else bucket.url("raw")
    bucket.fill("raw", {"1.pcap": pcap(1)})
    full = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr("tempfile.TemporaryFile", mock.Mock(side_effect=full))
    done = run(source, bucket.url("new"), to="pcapng")
    said = "a temporary file: cannot write: no space left on device; set TMPDIR to a directory with more room"
    assert errors(done) == [f"{source}/1.pcap: {said}"]
    (line,) = done.trouble
    assert line["retryable"] is True


# ---------------------------------------------------------------- servers that do not answer


def closed_port() -> int:
    """One at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def test_a_connection_that_is_refused_is_no_missing_file(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{closed_port()}/1.pcap"
    for source in (url, url.removesuffix("1.pcap")):
        assert told(source, tmp_path / "new") == (1, f"pcapconv: {source}: cannot read: connection refused\n")
    (line,) = run([url], tmp_path / "new").trouble
    assert (line["error"], line["retryable"]) == (f"{url}: cannot open: connection refused", True)


def test_an_s3_server_that_is_not_there_is_no_missing_file(
    server: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert server
    address = f"http://127.0.0.1:{closed_port()}"
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    import_module("s3fs").S3FileSystem.clear_instance_cache()
    try:
        (line,) = run(["s3://lab/1.pcap"], tmp_path / "new").trouble
    finally:
        import_module("s3fs").S3FileSystem.clear_instance_cache()
    hint = "check that the server runs, and that AWS_ENDPOINT_URL names it"
    said = f"s3://lab/1.pcap: cannot open: cannot connect to {address}/lab/1.pcap; {hint}"
    assert (line["error"], line["retryable"]) == (said, True)


def test_a_host_that_nobody_knows_is_no_missing_file(tmp_path: Path) -> None:
    (line,) = run(["http://no-such-host.invalid/1.pcap"], tmp_path / "new").trouble
    fact = "the name of its host cannot be resolved; check its spelling and the network"
    assert (line["error"], line["retryable"]) == (f"http://no-such-host.invalid/1.pcap: cannot open: {fact}", True)


@pytest.mark.parametrize(
    ("status", "said", "retryable"),
    [
        (404, "there is no such file", False),
        (403, "cannot read: the server answered 403 Forbidden", False),
        (429, "cannot open: the server answered 429 Too Many Requests", True),
        (503, "cannot open: the server answered 503 Service Unavailable", True),
    ],
)
def test_what_a_web_server_answers(status: int, said: str, retryable: bool, tmp_path: Path) -> None:
    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            self.send_response(status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        do_HEAD = do_GET  # noqa: N815

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.02,))
        thread.start()
        try:
            url = f"http://127.0.0.1:{listening.server_address[1]}"
            (line,) = run([f"{url}/1.pcap"], tmp_path / "new").trouble
            tree = "there is nothing" if status == 404 else said.replace("open", "read")
            with pytest.raises(FileError, match=f"^{url}/raw/: {tree}$"):
                run(f"{url}/raw/", tmp_path / "new")
        finally:
            listening.shutdown()
            thread.join()
    assert (line["error"], line["retryable"]) == (f"{url}/1.pcap: {said}", retryable)


def test_a_listing_that_breaks_off_is_no_empty_directory(tmp_path: Path) -> None:
    """The server resets the connection when it is asked for a directory further down."""
    make_tree(tmp_path / "shown", {"1.pcap": pcap(1), "deep/2.pcap": pcap(2)})

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_GET(self) -> None:
            if self.path == "/deep/":
                self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                self.rfile.close()
                self.wfile.close()
                self.connection.close()
            else:
                super().do_GET()

    handler = functools.partial(Handler, directory=str(tmp_path / "shown"))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as listening:
        listening.handle_error = lambda *_: None  # type: ignore[method-assign]
        thread = threading.Thread(target=listening.serve_forever, args=(0.02,))
        thread.start()
        try:
            url = f"http://127.0.0.1:{listening.server_address[1]}/"
            with pytest.raises(FileError, match=f"^{url}: cannot read: connection reset by peer$"):
                run(url, tmp_path / "new", to="pcapng")
        finally:
            listening.shutdown()
            thread.join()
    assert not (tmp_path / "new").exists()
