"""What a batch does to the stores behind URLs: what it asks of them and leaves there, and what it needs for that."""

import functools
import http.server
import json
import os
import signal
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import wire
from batches import run_batch
from command_line import COMMAND
from folders import MANIFEST
from s3_server import Bucket

import pcapconv
from pcapconv import FileError, UsageError
from pcapconv.batching.locations import FoundFile, State
from pcapconv.batching.outcome import Outcome
from pcapconv.batching.remote import RemoteStore
from pcapconv.batching.report import Watcher
from pcapconv.batching.settings import FormatSettings
from pcapconv.batching.sources import is_capture
from pcapconv.batching.target_names import names_by_template, parse_template
from pcapconv.batching.uploads import PART_SIZE
from pcapconv.formats.settings import WriterSettings
from pcapconv.time_zones import UTC

pytestmark = pytest.mark.slow  # an S3 server

FORMATS = FormatSettings(None, None, WriterSettings(""))

PATIENCE = 60  # seconds until a test fails that would hang
DATA = bytes(60000)
RECORD = wire.pcap_record(1, 5, DATA)
PARTS = 12
COUNT = PARTS * PART_SIZE // len(RECORD)
SMALL = wire.pcap_header() + RECORD
LARGE = wire.pcap_header() + RECORD * COUNT
LARGE_AS_PCAPNG = wire.section_header() + wire.interface(snaplen=65535)
LARGE_AS_PCAPNG += wire.enhanced_packet(0, 10**6 + 5, DATA) * COUNT


def raw_tree(tmp_path: Path) -> Path:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/1.pcap").write_bytes(SMALL)
    return tmp_path / "raw"


# ---------------------------------------------------------------- said before the first file


def test_a_missing_bucket_is_said_before_the_first_file(server: str, tmp_path: Path) -> None:
    """By the command, in one sentence."""
    assert server
    raw, no_bucket = str(raw_tree(tmp_path)), "s3://no-such-bucket/tree"
    fact = "there is no bucket no-such-bucket that these credentials see; make it, or correct the name"
    for source, target, said in (
        (raw, no_bucket, f"{no_bucket}/{MANIFEST}: cannot write: {fact}"),
        (no_bucket, str(tmp_path / "new"), f"{no_bucket}: {fact}"),
    ):
        done = subprocess.run(
            [COMMAND, "batch", source, target, "--to", "pcapng"], capture_output=True, timeout=PATIENCE
        )
        assert (done.returncode, done.stderr.decode()) == (1, f"pcapconv: {said}\n")
    assert not (tmp_path / "new").exists()


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("s3://no-such-bucket/tree", f"/{MANIFEST}: cannot write: there is no bucket "),
        ("http://127.0.0.1:9/tree", ": http:// is only for reading; name another target directory$"),
    ],
)
def test_no_job_begins_where_the_store_cannot_be_written(server: str, target: str, said: str, tmp_path: Path) -> None:
    assert server
    begun: list[object] = []

    class Executor(ThreadPoolExecutor):
        def submit(self, *work: Any, **named: Any) -> Any:
            begun.append(work)
            return super().submit(*work, **named)

    with Executor(1) as executor, pytest.raises((FileError, UsageError), match=f"^{target}{said}"):
        pcapconv.batch(raw_tree(tmp_path), target, to="pcapng", executor=executor)
    assert begun == []


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("az://lab/raw", "az:// needs the package adlfs; install it: pip install adlfs"),
        ("smb://lab/raw", "smb:// needs the package smbprotocol; install it: pip install smbprotocol"),
        ("gs://lab/raw", "gs:// needs the extra remote (in a clone of pcapconv: pip install '.[remote]')"),
    ],
)
def test_a_scheme_names_the_package_that_it_needs(
    url: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module in ("adlfs", "smbclient", "gcsfs"):
        monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setattr(import_module("fsspec.registry"), "_registry", {})
    for source, target in ((url, tmp_path / "new"), (raw_tree(tmp_path), url)):
        with pytest.raises(UsageError) as raised:
            run_batch(source, target, to="pcapng")
        assert str(raised.value) == f"{url}: {said}"


# ---------------------------------------------------------------- web servers


class Web:
    """A web server that shows a directory, and says of its files what it is told to."""

    def __init__(self, shown: Path) -> None:
        self.shown = shown
        self.headers: dict[str, str] = {}
        self.asked: Counter[str] = Counter()  # by method and path
        self.refuses = 0  # so many requests for a file from now on
        self.address = ""


@pytest.fixture
def web(tmp_path: Path) -> Iterator[Web]:
    told = Web(raw_tree(tmp_path))

    class Handler(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def send_head(self) -> Any:
            told.asked[f"{self.command} {self.path}"] += 1
            if told.refuses and not self.path.endswith("/"):
                told.refuses -= 1
                self.send_error(503)
                return None
            return super().send_head()

        def send_header(self, keyword: str, value: str) -> None:
            if keyword != "Last-Modified":
                super().send_header(keyword, value)

        def end_headers(self) -> None:
            for name, value in told.headers.items():
                super().send_header(name, value)
            super().end_headers()

    with http.server.ThreadingHTTPServer(
        ("127.0.0.1", 0), functools.partial(Handler, directory=str(told.shown))
    ) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.02,))
        thread.start()
        told.address = f"http://127.0.0.1:{listening.server_address[1]}"
        try:
            yield told
        finally:
            listening.shutdown()
            thread.join()


def test_a_web_server_is_asked_once_for_what_its_listing_does_not_say(web: Web, tmp_path: Path) -> None:
    new = tmp_path / "new"
    web.headers["ETag"] = '"one"'
    assert run_batch(f"{web.address}/", new, to="pcapng").converted == 1
    web.asked.clear()
    again = run_batch(f"{web.address}/", new, to="pcapng", resume=True)
    assert (again.up_to_date, again.converted, again.undated) == (1, 0, 0)
    assert web.asked["HEAD /1.pcap"] == 1
    assert web.asked["GET /1.pcap"] <= 1  # as one of what may be listings

    web.headers["ETag"] = '"other"'  # and of the same size
    assert run_batch(f"{web.address}/", new, to="pcapng", resume=True).converted == 1


@pytest.mark.parametrize("listed", [True, False], ids=["list", "tree"])
def test_what_a_web_server_does_not_date_is_said_to_be_done_again(web: Web, listed: bool, tmp_path: Path) -> None:
    new = tmp_path / "new"
    source = [f"{web.address}/1.pcap"] if listed else f"{web.address}/"
    assert run_batch(source, new, to="pcapng").undated == 1
    again = run_batch(source, new, to="pcapng", resume=True)
    assert (again.up_to_date, again.converted, again.undated) == (0, 1, 1)
    done = subprocess.run(
        [COMMAND, "batch", "-", str(new), "--to", "pcapng", "--resume", "-q"],
        input=f"{web.address}/1.pcap\n".encode(),
        capture_output=True,
        timeout=PATIENCE,
    )
    assert done.returncode == 0
    assert done.stderr.decode() == (
        "pcapconv: warning: 1 file comes from a server that gives neither date nor ETag: --resume cannot tell whether "
        "it changed, and converts it again\n"
    )


def test_a_file_of_which_a_server_does_not_tell_at_first_is_asked_for_again(web: Web, tmp_path: Path) -> None:
    """No answer is not the answer that there is neither date nor ETag."""
    new, source = tmp_path / "new", [f"{web.address}/1.pcap"]
    web.headers["ETag"] = '"one"'
    web.refuses = 2  # HEAD, and the GET that fsspec tries next
    done = run_batch(source, new, to="pcapng")
    assert (web.refuses, done.converted, done.undated) == (0, 1, 0)
    assert run_batch(source, new, to="pcapng", resume=True).up_to_date == 1


# ---------------------------------------------------------------- memory and uploads


def test_memory_does_not_follow_the_size_of_an_object(bucket: Bucket) -> None:
    """All parts are read and written with a few of them in memory: as many for an object that is twice as large."""
    peaks = [peak_memory_of_batch(bucket, folder, count) for folder, count in (("half", COUNT // 2), ("whole", COUNT))]
    assert abs(peaks[1] - peaks[0]) <= 2 * PART_SIZE
    assert open_uploads(bucket) == set()


def peak_memory_of_batch(bucket: Bucket, folder: str, count: int) -> int:
    """The most memory that a batch takes for an object of so many packets, in bytes, in a process that does not have
    the server's."""
    raw, new = f"{folder}/raw", f"{folder}/new"
    bucket.put(f"{raw}/large.pcap", wire.pcap_header() + RECORD * count)
    measured = (
        "import sys, tracemalloc, pcapconv\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "import s3fs\n"
        "tracemalloc.start()\n"
        "with ThreadPoolExecutor(1) as executor:\n"
        "    pcapconv.batch(*sys.argv[1:], to='pcapng', executor=executor)\n"
        "print(tracemalloc.get_traced_memory()[1])\n"
    )
    command = [sys.executable, "-P", "-c", measured, bucket.url(raw), bucket.url(new)]
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE, check=True)
    packets = wire.enhanced_packet(0, 10**6 + 5, DATA) * count
    written = wire.section_header() + wire.interface(snaplen=65535) + packets
    assert bucket.tree(new) == {"large.pcapng": written}
    return int(done.stdout)


KILLED = """
import os, signal, sys, pcapconv, s3fs
from concurrent.futures import ThreadPoolExecutor

call = s3fs.S3FileSystem.call_s3

def killed(self, method, **named):
    if method == "upload_part" and named["PartNumber"] == 4:
        os.kill(os.getpid(), signal.SIGKILL)
    return call(self, method, **named)

s3fs.S3FileSystem.call_s3 = killed
with ThreadPoolExecutor(1) as executor:
    pcapconv.batch(*sys.argv[1:], to="pcapng", executor=executor)
"""


def open_uploads(bucket: Bucket) -> set[tuple[str, str]]:
    """The keys and ids of uploads that are under way."""
    found = bucket.s3.list_multipart_uploads(Bucket=bucket.name).get("Uploads", ())
    return {(each["Key"], each["UploadId"]) for each in found}


def others_upload(bucket: Bucket, key: str) -> tuple[str, str]:
    return key, bucket.s3.create_multipart_upload(Bucket=bucket.name, Key=key)["UploadId"]


def test_what_a_kill_leaves_of_an_upload_is_aborted_by_the_next_run(bucket: Bucket) -> None:
    """That one, and no upload of anybody else's, not even to the same key."""
    bucket.put("raw/large.pcap", LARGE)
    raw, new = bucket.url("raw"), bucket.url("new")
    others = {others_upload(bucket, "new/large.pcapng"), others_upload(bucket, "elsewhere")}
    done = subprocess.run([sys.executable, "-P", "-c", KILLED, raw, new], capture_output=True, timeout=PATIENCE)
    assert done.returncode == -signal.SIGKILL, done.stderr
    left = open_uploads(bucket) - others
    assert {key for key, _ in left} == {"new/large.pcapng"}
    assert "new/large.pcapng" not in bucket.listed()

    assert run_batch(raw, new, to="pcapng", resume=True).converted == 1
    assert open_uploads(bucket) == others
    assert bucket.tree("new") == {"large.pcapng": LARGE_AS_PCAPNG}


@pytest.mark.parametrize("ends", [True, False], ids=["at once", "by the next run"])
def test_an_upload_that_fails_leaves_nothing(bucket: Bucket, ends: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    S3FileSystem = import_module("s3fs").S3FileSystem  # noqa: N806
    call = S3FileSystem.call_s3

    def failing(self: Any, method: str, **named: Any) -> Any:
        if (method == "upload_part" and named["PartNumber"] == 4) or (method.startswith("abort") and not ends):
            raise OSError(5, "Input/output error")
        return call(self, method, **named)

    monkeypatch.setattr(S3FileSystem, "call_s3", failing)
    bucket.put("raw/large.pcap", LARGE)
    done = run_batch(bucket.url("raw"), bucket.url("new"), to="pcapng")
    assert [line["error"] for line in done.trouble] == [
        f"{bucket.url('new/large.pcapng')}: cannot write: input/output error"
    ]
    if not ends:
        assert {key for key, _ in open_uploads(bucket)} == {"new/large.pcapng"}
        monkeypatch.setattr(S3FileSystem, "call_s3", call)
        bucket.s3.delete_object(Bucket=bucket.name, Key="raw/large.pcap")
        bucket.put("raw/1.pcap", SMALL)
        run_batch(bucket.url("raw"), bucket.url("new"), to="pcapng", resume=True)
    assert open_uploads(bucket) == set()
    assert list(bucket.tree("new")) == ([] if ends else ["1.pcapng"])


NOTE = ".pcapconv-0123456789abcdef.tmp"


@pytest.mark.parametrize(
    "note",
    [b"", b"\xff", b"[]", b'{"Bucket": 1}', b"[" * 10**5, None],
    ids=["empty", "no text", "list", "number", "deep", "elsewhere"],
)
def test_a_note_that_somebody_else_wrote_aborts_nothing_out_of_dst(bucket: Bucket, note: bytes | None) -> None:
    bucket.put("raw/1.pcap", SMALL)
    key, upload = others_upload(bucket, "elsewhere/1.pcapng")
    told = {"batch": MANIFEST, "Bucket": bucket.name, "Key": key, "UploadId": upload}
    bucket.put(f"new/{NOTE}", json.dumps(told).encode() if note is None else note)
    assert run_batch(bucket.url("raw"), bucket.url("new"), to="pcapng", resume=True).converted == 1
    assert open_uploads(bucket) == {(key, upload)}
    assert "1.pcapng" in bucket.tree("new")


def test_an_upload_of_another_manifests_batch_goes_on(bucket: Bucket) -> None:
    """As that of a process that does other files of the same tree."""
    bucket.put("raw/1.pcap", SMALL)
    key, upload = others_upload(bucket, "new/2.pcapng")
    told = {"batch": "another-manifest.jsonl", "Bucket": bucket.name, "Key": key, "UploadId": upload}
    bucket.put(f"new/{NOTE}", json.dumps(told).encode())
    assert run_batch(bucket.url("raw"), bucket.url("new"), to="pcapng", resume=True).converted == 1
    assert open_uploads(bucket) == {(key, upload)}
    assert list(bucket.tree("new")) == [NOTE, "1.pcapng"]


def test_what_a_kill_leaves_under_a_temporary_name_is_removed_by_the_next_run(tmp_path: Path) -> None:
    """In a store that shows what arrives."""
    raw, new = raw_tree(tmp_path), tmp_path / "new"
    new.mkdir()
    for name in (NOTE, "pcapconv.tmp"):
        (new / name).write_bytes(b"half")
    assert run_batch(f"local://{raw}", f"local://{new}", to="pcapng", resume=True).converted == 1
    assert sorted(os.listdir(new)) == ["1.pcapng", MANIFEST, "pcapconv.tmp"]


# ---------------------------------------------------------------- sidecars

COMMENT = wire.options((wire.OPT_COMMENT, b"kept"))
COMMENTED = wire.section_header() + wire.interface() + wire.enhanced_packet(0, 5, b"four", options=COMMENT)
BESIDE = ".meta.json"


def test_sidecars_lie_beside_objects(bucket: Bucket, tmp_path: Path) -> None:
    """There and back, by way of S3, and by way of this machine."""
    bucket.fill("raw", {"a.pcapng": COMMENTED, "deep/b.pcapng": COMMENTED})
    raw, new, back = map(bucket.url, ("raw", "new", "back"))
    done = run_batch(raw, new, to="pcap", sidecar=True)
    assert (done.converted, done.sidecars_written, done.kept_in_sidecar) == (2, 2, {"comments": 2})
    names = {"a.pcap", f"a.pcap{BESIDE}", "deep/b.pcap", f"deep/b.pcap{BESIDE}"}
    assert bucket.versions("new") == dict.fromkeys(names, 1)

    done = run_batch(new, back, to="pcapng", sidecar=True)
    assert (done.converted, done.sidecars_read) == (2, 2)
    assert bucket.tree("back") == {"a.pcapng": COMMENTED, "deep/b.pcapng": COMMENTED}

    run_batch(raw, tmp_path / "local", to="pcap", sidecar=True)
    assert (tmp_path / f"local/a.pcap{BESIDE}").read_bytes() == bucket.tree("new")[f"a.pcap{BESIDE}"]
    assert run_batch(tmp_path / "local", bucket.url("again"), to="pcapng", sidecar=True).sidecars_read == 2
    assert bucket.tree("again") == bucket.tree("back")
    assert run_batch([bucket.url("new/a.pcap")], tmp_path / "one", to="pcapng", sidecar=True).sidecars_read == 1


def test_resuming_looks_at_sidecars_beside_objects(bucket: Bucket) -> None:
    bucket.fill("raw", {"a.pcapng": COMMENTED})
    raw, new, back = map(bucket.url, ("raw", "new", "back"))
    run_batch(raw, new, to="pcap", sidecar=True)
    run_batch(new, back, to="pcapng", sidecar=True)
    again: dict[str, Any] = {"sidecar": True, "resume": True}
    assert run_batch(raw, new, to="pcap", **again).up_to_date == 1
    assert run_batch(new, back, to="pcapng", **again).up_to_date == 1

    bucket.s3.delete_object(Bucket=bucket.name, Key=f"new/a.pcap{BESIDE}")
    lost = run_batch(new, back, to="pcapng", **again)
    assert (lost.up_to_date, lost.failed) == (1, 0)  # the target has all that the sidecar had
    bucket.put("new/a.pcap", SMALL)
    (line,) = run_batch(new, back, to="pcapng", **again).trouble
    assert line["error"] == (
        f"{back}/a.pcapng: was made with {new}/a.pcap{BESIDE}, which is gone; "
        "force=True makes the target again without it"
    )
    bucket.s3.delete_object(Bucket=bucket.name, Key="new/a.pcap")  # which is somebody's
    assert run_batch(raw, new, to="pcap", **again).converted == 1  # with the target's sidecar
    done = run_batch(new, back, to="pcapng", **again)
    assert done.converted + done.up_to_date == 1  # all is as it was, but perhaps for the second in which it was written
    assert bucket.tree("back") == {"a.pcapng": COMMENTED}


def test_a_sidecar_that_is_somebodys_is_left(bucket: Bucket) -> None:
    bucket.fill("raw", {"a.pcapng": COMMENTED})
    bucket.put(f"new/a.pcap{BESIDE}", b"somebody's")
    (line,) = run_batch(bucket.url("raw"), bucket.url("new"), to="pcap", sidecar=True).trouble
    assert line["error"] == (
        f"{bucket.url(f'new/a.pcap{BESIDE}')}: exists already; resume=True replaces only what an earlier run wrote, "
        "force=True whatever is there"
    )
    assert bucket.tree("new") == {f"a.pcap{BESIDE}": b"somebody's"}


def test_a_sidecar_that_nobody_asks_for_is_counted(bucket: Bucket, tmp_path: Path) -> None:
    bucket.fill("raw", {"a.pcapng": COMMENTED})
    run_batch(bucket.url("raw"), bucket.url("new"), to="pcap", sidecar=True)
    assert run_batch(bucket.url("new"), tmp_path / "new", to="pcapng").sidecars_unused == 1


# ---------------------------------------------------------------- the manifest


def count_manifest_writes(bucket: Bucket) -> int:
    """How often the manifest was written."""
    found = bucket.s3.list_object_versions(Bucket=bucket.name, Prefix=f"new/{MANIFEST}")["Versions"]
    return len(found)


def test_a_resume_that_has_nothing_to_do_does_not_write_the_manifest(bucket: Bucket) -> None:
    """Not even where there are files that are no captures, or none that can be read."""
    files = {"1.pcap": SMALL, "notes.txt": b"no capture", "broken.pcap": b"no capture either"}
    bucket.fill("raw", files)
    raw, new = bucket.url("raw"), bucket.url("new")
    assert run_batch(raw, new, to="pcapng").converted == 1
    written, lines = count_manifest_writes(bucket), bucket.manifest("new")
    for _ in range(2):
        again = run_batch(raw, new, to="pcapng", resume=True)
        assert (again.up_to_date, again.skipped, again.failed) == (1, 1, 1)
    assert (count_manifest_writes(bucket), bucket.manifest("new")) == (written, lines)

    bucket.put("raw/notes.txt", b"other notes, no capture")
    run_batch(raw, new, to="pcapng", resume=True)
    assert count_manifest_writes(bucket) == written + 1
    assert len(bucket.manifest("new").splitlines()) == len(files) + 1


def test_a_resume_that_has_nothing_to_do_reads_the_manifest_once(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.fill("raw", {"1.pcap": SMALL})
    run_batch(bucket.url("raw"), bucket.url("new"), to="pcapng")
    read, asked = RemoteStore.read_file, []

    def reading(store: RemoteStore, location: str) -> bytes:
        asked.append(location)
        return read(store, location)

    monkeypatch.setattr(RemoteStore, "read_file", reading)
    assert run_batch(bucket.url("raw"), bucket.url("new"), to="pcapng", resume=True).up_to_date == 1
    assert asked.count(bucket.url(f"new/{MANIFEST}")) == 1


def test_a_manifest_is_written_before_the_first_file_also_where_others_have_lines(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those of files that are left alone, which come first."""
    bucket.fill("raw", {"1.pcap": SMALL})
    write, places = RemoteStore.write_file, []

    def writing(store: RemoteStore, location: str, data: bytes) -> None:
        places.append(location)
        write(store, location, data)

    monkeypatch.setattr(RemoteStore, "write_file", writing)

    class First(Watcher):
        def line(self, outcome: Outcome) -> None:
            if outcome.status == "converted":
                assert bucket.url(f"new/{MANIFEST}") in places

    sources = [bucket.url("raw/1.pcap"), bucket.url("raw/lacks.pcap")]
    done = run_batch(sources, bucket.url("new"), to="pcapng", watcher=First())
    assert (done.converted, done.failed) == (1, 1)


# ---------------------------------------------------------------- names by the time of the first packet

DAYS = "{start:%Y-%m-%d}/{stem}.pcapng"
FETCHED = 300_000  # bytes of a file, at most, whose first packets are near its begin


def count_fetched_bytes(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many bytes are asked for of an object in S3, from now on."""
    S3FileSystem = import_module("s3fs").S3FileSystem  # noqa: N806
    call = S3FileSystem._call_s3
    asked = []

    async def asking(self: Any, method: str, *more: Any, **named: Any) -> Any:
        if method == "get_object":
            first, _, last = named["Range"].removeprefix("bytes=").partition("-")
            asked.append(int(last) + 1 - int(first))
        return await call(self, method, *more, **named)

    monkeypatch.setattr(S3FileSystem, "_call_s3", asking)
    return asked


def name_by_time(url: str) -> str:
    """The name of a file's target, by the time of its first packet."""
    (name,) = names_by_template(
        parse_template(DAYS, UTC),
        [FoundFile(url, "1.pcap", State(None, None))],
        FormatSettings(None, None, WriterSettings("")),
    )
    return name


def test_several_files_are_named_at_a_time(bucket: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    bucket.fill("raw", {"1.pcap": SMALL, "2.pcap": SMALL})
    open_stream, both = RemoteStore.open_stream, threading.Barrier(2)

    def opening(store: RemoteStore, location: str) -> Any:
        both.wait(PATIENCE)
        return open_stream(store, location)

    monkeypatch.setattr(RemoteStore, "open_stream", opening)
    assert run_batch(bucket.url("raw"), bucket.url("new"), template=DAYS).converted == 2
    assert list(bucket.tree("new")) == ["1970-01-01/1.pcapng", "1970-01-01/2.pcapng"]


def test_of_a_file_that_is_named_by_its_begin_little_more_is_fetched(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put("raw/1.pcap", LARGE)
    late = wire.section_header() + wire.block(0x0BAD, bytes(10**6)) + wire.interface()
    late += wire.enhanced_packet(0, 86_400 * 10**6, b"four") + wire.block(0x0BAD, bytes(10**6)) * 4
    bucket.put("raw/late.pcapng", late)
    asked = count_fetched_bytes(monkeypatch)
    assert name_by_time(bucket.url("raw/1.pcap")) == "1970-01-01/1.pcapng"
    assert 0 < sum(asked) <= FETCHED
    asked.clear()
    assert name_by_time(bucket.url("raw/late.pcapng")) == "1970-01-02/1.pcapng"
    assert sum(asked) < 2 * 10**6


def test_a_server_that_sends_files_as_a_whole_names_them_too(web: Web) -> None:
    """Its answer to a request for what follows the begin is the whole file."""
    late = wire.section_header() + wire.block(0x0BAD, bytes(10**6)) + wire.interface()
    (web.shown / "late.pcapng").write_bytes(late + wire.enhanced_packet(0, 86_400 * 10**6, b"four"))
    assert name_by_time(f"{web.address}/late.pcapng") == "1970-01-02/1.pcapng"


def test_of_a_file_beside_a_capture_little_more_is_fetched_to_see_what_it_is(
    bucket: Bucket, monkeypatch: pytest.MonkeyPatch
) -> None:
    bucket.put("raw/a.pcap", LARGE)
    asked = count_fetched_bytes(monkeypatch)
    assert is_capture(bucket.url("raw/a.pcap"))
    assert 0 < sum(asked) <= FETCHED
