"""The lease of a manifest behind a URL: who is at work there, and what is told to whoever comes second."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import wire
from clusters import wait_for
from folders import LEASE, MANIFEST
from s3_server import Bucket
from watchers import Notes

import pcapconv
from pcapconv import FileError
from pcapconv.batching import lease, lease_storage
from pcapconv.batching.outcome import Outcome
from pcapconv.batching.remote import RemoteStore
from pcapconv.batching.report import BatchReport, Watcher

pytestmark = pytest.mark.slow  # an S3 server, and leases that lapse

PATIENCE = 60  # seconds until a test fails that would hang
HERE = socket.gethostname()
FILES = 3
RAW = {f"{number}.pcap": wire.pcap_header() + wire.pcap_record(number, 0, b"four") for number in range(FILES)}
NEW = {
    f"{number}.pcapng": wire.section_header()
    + wire.interface(snaplen=65535)
    + wire.enhanced_packet(0, number * 10**6, b"four")
    for number in range(FILES)
}
QUICK = lease.BEHIND_URLS._replace(touch=0.05, lapse=0.5, read_interval=0.05, stop=0.0)


def run_in_bucket(bucket: Bucket, **options: Any) -> BatchReport:
    with ThreadPoolExecutor(1) as executor:
        return pcapconv.batch(bucket.url("raw"), bucket.url("new"), to="pcapng", executor=executor, **options)


def put_held_lease(bucket: Bucket, name: str = LEASE, **changes: Any) -> None:
    """A lease that somebody holds: by default on another machine, with jobs that end with the client."""
    told = {"run": "0" * 16, "host": "ws-7", "pid": 4321, "machine": "another", "started": "1", "elsewhere": False}
    bucket.put(f"new/{name}", json.dumps(told | changes | {"time_ns": str(time.time_ns())}).encode())


@pytest.fixture
def raw(bucket: Bucket) -> Bucket:
    bucket.fill("raw", RAW)
    return bucket


def is_done(bucket: Bucket) -> None:
    assert bucket.tree("new") == NEW
    assert f"new/{LEASE}" not in bucket.listed()


# ---------------------------------------------------------------- two clients


@pytest.mark.parametrize("options", [{}, {"resume": True}, {"force": True}], ids=["plain", "resume", "force"])
def test_a_second_client_is_refused_and_the_first_is_not_disturbed(raw: Bucket, options: Any) -> None:
    """Nor is its upload that is under way."""
    upload = raw.s3.create_multipart_upload(Bucket=raw.name, Key="new/0.pcapng")["UploadId"]
    told = {"batch": MANIFEST, "Bucket": raw.name, "Key": "new/0.pcapng", "UploadId": upload}
    note = "new/.pcapconv-0123456789abcdef.tmp"

    class Second(Watcher):
        def begin(self, *_: int) -> None:
            mine = json.loads(raw.get(f"new/{LEASE}"))["run"]
            raw.put(note, json.dumps(told | {"run": mine}).encode())
            sentence = f"another batch is at work here, on host {HERE} with pid {os.getpid()}; wait for it, or stop it"
            with pytest.raises(FileError, match=f"^{raw.url(f'new/{MANIFEST}')}: {sentence} and give resume=True$"):
                run_in_bucket(raw, **options)
            assert note in raw.listed()
            uploads = raw.s3.list_multipart_uploads(Bucket=raw.name)["Uploads"]
            assert [each["UploadId"] for each in uploads] == [upload]

    assert run_in_bucket(raw, watcher=Second()).converted == FILES
    is_done(raw)


def test_the_lease_names_its_client_and_is_touched(raw: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "BEHIND_URLS", QUICK)
    seen = []

    class Looker(Watcher):
        def begin(self, *_: int) -> None:
            seen.append(json.loads(raw.get(f"new/{LEASE}")))
            wait_for(lambda: json.loads(raw.get(f"new/{LEASE}"))["time_ns"] != seen[0]["time_ns"])

    assert run_in_bucket(raw, watcher=Looker()).converted == FILES
    (told,) = seen
    assert (told["host"], told["pid"], told["elsewhere"]) == (HERE, os.getpid(), True)
    is_done(raw)


def test_a_client_on_another_machine_that_touches_its_lease_lives(raw: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "BEHIND_URLS", QUICK._replace(lapse=PATIENCE))
    put_held_lease(raw)
    watcher = Notes(lambda: put_held_lease(raw))
    location = raw.url(f"new/{MANIFEST}")
    with pytest.raises(FileError, match=f"^{location}: another batch is at work here, on host ws-7 with pid 4321;"):
        run_in_bucket(raw, resume=True, watcher=watcher)
    most = f"{PATIENCE + QUICK.stop:g} seconds at most"
    wait = f"waiting until the batch of host ws-7 with pid 4321 has surely ended, {most}"
    assert watcher.told == [f"{location}: {wait}"]
    assert raw.tree("new") == {}
    assert json.loads(raw.get(f"new/{LEASE}"))["run"] == "0" * 16


def test_a_client_on_another_machine_that_does_not_is_dead(raw: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "BEHIND_URLS", QUICK._replace(lapse=2.0))
    put_held_lease(raw)
    watcher = Notes()
    assert run_in_bucket(raw, resume=True, watcher=watcher).converted == FILES
    assert len(watcher.told) == 1
    is_done(raw)


def test_a_lease_that_lapsed_long_ago_is_not_waited_for(raw: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """S3 tells how old it is."""
    age = RemoteStore.age
    monkeypatch.setattr(RemoteStore, "age", lambda store, location: (age(store, location) or 0) + 3600)
    put_held_lease(raw, elsewhere=True)
    assert 3600 <= (RemoteStore(raw.url("new")).age(raw.url(f"new/{LEASE}")) or 0) < 3600 + PATIENCE
    watcher = Notes()
    assert run_in_bucket(raw, resume=True, watcher=watcher).converted == FILES
    assert watcher.told == []
    is_done(raw)


@pytest.mark.parametrize("text", ["", "{", '{"run": 1}'])
def test_a_lease_that_says_nonsense_lapses(text: str, raw: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "BEHIND_URLS", QUICK)
    raw.put(f"new/{LEASE}", text.encode())
    assert run_in_bucket(raw).converted == FILES
    is_done(raw)


def test_all_in_all_nobody_waits_for_more_than_thirty_seconds() -> None:
    pace = lease.BEHIND_URLS
    assert pace.lapse + pace.stop + pace.read_interval / 4 < 30
    assert 2 * pace.touch < pace.lapse  # one touch may fail
    assert pace.read_interval < pace.stop


def test_a_client_whose_lease_was_taken_over_ends(raw: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """It ends its own uploads that are under way, and leaves those of the other client."""
    monkeypatch.setattr(lease, "BEHIND_URLS", QUICK._replace(lapse=PATIENCE))
    others = {}

    def is_robbed() -> bool:
        put_held_lease(raw)  # again, where a touch came between
        return "pcapconv-lease" not in {thread.name for thread in threading.enumerate()}

    class Robbed(Watcher):
        def line(self, _: Outcome) -> None:
            begin_noted_upload(raw, json.loads(raw.get(f"new/{LEASE}"))["run"], "1" * 16)
            others["0" * 16] = begin_noted_upload(raw, "0" * 16, "2" * 16)
            wait_for(is_robbed)
            raw.put(f"new/{MANIFEST}", b"the other client's")

    location = raw.url(f"new/{MANIFEST}")
    with pytest.raises(FileError, match=f"^{location}: another batch has taken over here, since this one stood still;"):
        run_in_bucket(raw, watcher=Robbed())
    assert json.loads(raw.get(f"new/{LEASE}"))["run"] == "0" * 16
    assert raw.manifest("new") == b"the other client's"
    assert under_way(raw) == [others["0" * 16]]
    assert [name for name in raw.tree("new") if name.startswith(".")] == [f".pcapconv-{'2' * 16}.tmp"]


@pytest.mark.parametrize("options", [{"resume": True}, {"force": True}], ids=["resume", "force"])
def test_who_holds_the_lease_ends_the_uploads_of_all_earlier_runs(raw: Bucket, options: Any) -> None:
    """Also one whose note does not name its run."""
    begin_noted_upload(raw, "0" * 16, "1" * 16)
    begin_noted_upload(raw, None, "2" * 16)
    assert run_in_bucket(raw, **options).converted == FILES
    assert under_way(raw) == []
    is_done(raw)


def begin_noted_upload(bucket: Bucket, of_run: str | None, name: str) -> str:
    """The id of an upload that is under way, with its note under a temporary name."""
    upload = bucket.s3.create_multipart_upload(Bucket=bucket.name, Key="new/0.pcapng")["UploadId"]
    told = {"batch": MANIFEST, "Bucket": bucket.name, "Key": "new/0.pcapng", "UploadId": upload}
    told |= {} if of_run is None else {"run": of_run}
    bucket.put(f"new/.pcapconv-{name}.tmp", json.dumps(told).encode())
    return str(upload)


def under_way(bucket: Bucket) -> list[str]:
    found = bucket.s3.list_multipart_uploads(Bucket=bucket.name).get("Uploads", ())
    return [each["UploadId"] for each in found]


KILLED = """
import os, signal, sys, pcapconv
from pcapconv.batching.report import Watcher

class Killer(Watcher):
    def begin(self, *_):
        os.kill(os.getpid(), signal.SIGKILL)

pcapconv.batch(*sys.argv[1:], to="pcapng", jobs=1, watcher=Killer())
"""


def test_a_dead_client_of_this_machine_is_followed_at_once(raw: Bucket) -> None:
    command = [sys.executable, "-P", "-c", KILLED, raw.url("raw"), raw.url("new")]
    done = subprocess.run(command, capture_output=True, timeout=PATIENCE)
    assert done.returncode == -signal.SIGKILL, done.stderr
    assert f"new/{LEASE}" in raw.listed()
    watcher = Notes()
    assert run_in_bucket(raw, resume=True, watcher=watcher).converted == FILES
    assert watcher.told == []
    is_done(raw)


def test_a_whole_batch_and_a_shard_do_not_meet(raw: Bucket) -> None:
    class Second(Watcher):
        def begin(self, *_: int) -> None:
            assert run_in_bucket(raw, shard="2/2").failed == 0
            with pytest.raises(FileError, match=r"pcapconv-manifest\.1-of-2\.jsonl: another batch is at work here"):
                run_in_bucket(raw, resume=True)

    shard = next(each for each in ("1/2", "2/2") if any_in(each))
    assert shard == "1/2"
    run_in_bucket(raw, shard=shard, watcher=Second())
    assert raw.tree("new").items() >= NEW.items()
    assert [key for key in raw.listed() if key.endswith(".lease")] == []


def any_in(shard: str) -> bool:
    from pcapconv.batching.shards import Shard

    return any(Shard.parse(shard).contains(name) for name in RAW)


def test_what_is_up_to_date_needs_no_lease(raw: Bucket) -> None:
    run_in_bucket(raw)
    before = raw.s3.list_object_versions(Bucket=raw.name, Prefix=f"new/{LEASE}")["Versions"]
    assert run_in_bucket(raw, resume=True).up_to_date == FILES
    assert raw.s3.list_object_versions(Bucket=raw.name, Prefix=f"new/{LEASE}")["Versions"] == before


# ---------------------------------------------------------------- jobs


def test_jobs_without_a_lease_stop(raw: Bucket) -> None:
    """Of somebody's executor, which would do them whether or not the client lives."""

    class Remover(Watcher):
        def begin(self, *_: int) -> None:
            raw.s3.delete_object(Bucket=raw.name, Key=f"new/{LEASE}")

    report = run_in_bucket(raw, watcher=Remover())
    assert (report.converted, report.failed) == (0, FILES)
    said = f"stopped, since the batch showed no sign of life in {raw.url(f'new/{LEASE}')}"
    assert {line["error"] for line in report.trouble} == {f"{raw.url(f'raw/{name}')}: {said}" for name in RAW}
    assert raw.tree("new") == {}


def test_what_a_job_sees_of_a_lease(raw: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease, "BEHIND_URLS", QUICK._replace(read_interval=3600.0, lapse=3600.0))
    sight = lease.LeaseObserver(raw.url(f"new/{LEASE}"), "0" * 16)
    assert not sight.is_held()  # none is there
    put_held_lease(raw)
    assert sight.is_held()  # looked at again, after a bad sign
    put_held_lease(raw, run="1" * 16)
    assert sight.is_held()  # not looked at again so soon
    assert not sight.is_held(now=True)  # another run's
    put_held_lease(raw)
    monkeypatch.setattr(lease, "BEHIND_URLS", QUICK._replace(read_interval=3600.0, lapse=-1.0))
    assert not sight.is_held(now=True)  # lapsed


# ---------------------------------------------------------------- the store


def test_a_store_takes_one_lease_of_two(raw: Bucket, tmp_path: Path) -> None:
    for url in (raw.url("new/one"), f"memory://{uuid.uuid4().hex}/one", f"local://{tmp_path}/one"):
        store = RemoteStore(url)
        assert store.create_file(url, b"first")
        assert not store.create_file(url, b"second")
        assert store.read_file(url) == b"first"


def test_s3_itself_is_asked_to_refuse_the_second(raw: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that no moment is between a look and the writing."""
    call = import_module("s3fs").S3FileSystem._call_s3
    asked = []

    async def asking(self: Any, method: str, *more: Any, **named: Any) -> Any:
        asked.append((method, named.get("IfNoneMatch")))
        return await call(self, method, *more, **named)

    monkeypatch.setattr(import_module("s3fs").S3FileSystem, "_call_s3", asking)
    assert RemoteStore(raw.url("new")).create_file(raw.url("new/one"), b"first")
    assert asked == [("put_object", "*")]


def test_a_lease_that_cannot_be_removed_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Of a file on this machine, in somebody else's directory, say; nobody tries for ever."""
    told = {"run": "0" * 16, "host": HERE, "pid": 4321, "machine": "another", "started": "1", "elsewhere": False}
    (tmp_path / LEASE).write_text(json.dumps(told))
    os.utime(tmp_path / LEASE, (0, 0))
    monkeypatch.setattr(os, "unlink", lambda *_, **__: None)
    with (
        pytest.raises(
            FileError, match=f"^{tmp_path}/{LEASE}: is left of a batch that has ended, and cannot be removed;"
        ),
        lease.Lease(str(tmp_path / MANIFEST), "1" * 16, print, elsewhere=False),
    ):
        pass


# ---------------------------------------------------------------- what is no whole lease


def test_objects_below_the_name_of_a_lease_are_no_lease(raw: Bucket) -> None:
    raw.put(f"new/{LEASE}/x", b"somebody's")
    watcher = Notes()
    assert run_in_bucket(raw, watcher=watcher).converted == FILES
    assert watcher.told == []
    assert raw.get(f"new/{LEASE}/x") == b"somebody's"
    assert f"new/{LEASE}" not in raw.listed()


@pytest.mark.parametrize("seen", [b"", b'{"run": "0'], ids=["nothing", "its begin"])
def test_a_lease_that_is_read_while_it_is_made_is_read_again(
    raw: Bucket, seen: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    read, first = RemoteStore.read_file, [seen]
    monkeypatch.setattr(
        RemoteStore, "read_file", lambda store, location: first.pop() if first else read(store, location)
    )
    monkeypatch.setattr(lease_storage, "_INCOMPLETE_PAUSE", 0.0)
    put_held_lease(raw)
    held = lease_storage.lease_storage(raw.url(f"new/{LEASE}")).read()
    assert held is not None
    assert (held.holder.run, held.holder.host, first) == ("0" * 16, "ws-7", [])


def test_a_lease_that_stays_unreadable_is_an_unknown_holders(raw: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lease_storage, "_INCOMPLETE_PAUSE", 0.0)
    raw.put(f"new/{LEASE}", b"")
    held = lease_storage.lease_storage(raw.url(f"new/{LEASE}")).read()
    assert held is not None
    assert held.holder.description == "an unknown host (its lease cannot be read)"
