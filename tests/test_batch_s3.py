"""Batches whose source or target is a bucket of a real S3 server."""

import contextlib
import json
import subprocess
import urllib.request
import uuid
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import wire
from batches import error_texts, files_below, nonzero_counts, run_batch
from command_line import COMMAND
from folders import LEASE, MANIFEST, write_tree
from remote_batches import DONE, PATIENCE, TREE, check_manifest, last_lines, pcap, pcapng
from s3_server import Bucket, aws

from pcapconv import FileError, UsageError

pytestmark = pytest.mark.slow  # an S3 server

OLD = b"what was there before"
EXISTS = "exists already; resume=True replaces only what an earlier run wrote, force=True whatever is there"
CUT = pcap(1)[:-1]
COMMENTED = (
    wire.section_header()
    + wire.interface()
    + wire.enhanced_packet(0, 5, b"abcd", options=wire.options((wire.OPT_COMMENT, b"a comment")))
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
    check_manifest(bucket.manifest("new/er"), TREE, DONE)


def test_resuming_on_s3_does_what_has_changed(bucket: Bucket) -> None:
    bucket.fill("raw", TREE)
    raw, new = bucket.url("raw"), bucket.url("new")
    assert nonzero_counts(run_batch(raw, new, to="pcapng")) == {"converted": 3, "skipped": 1}
    again = run_batch(raw, new, to="pcapng", resume=True)
    assert (nonzero_counts(again), again.bytes_read) == ({"up_to_date": 3, "skipped": 1}, 0)
    assert bucket.versions("new") == dict.fromkeys(DONE, 1)

    bucket.put("raw/1.pcap", pcap(9))  # of the same size
    bucket.put("raw/later.pcap", pcap(4))
    bucket.s3.delete_object(Bucket=bucket.name, Key="new/deep/er/2.pcapng")
    assert nonzero_counts(run_batch(raw, new, to="pcapng", resume=True)) == {
        "converted": 3,
        "up_to_date": 1,
        "skipped": 1,
    }
    now = DONE | {"1.pcapng": pcapng(9), "later.pcapng": pcapng(4)}
    assert bucket.tree("new") == now
    assert bucket.versions("new") == {
        "1.pcapng": 2,
        "deep/er/2.pcapng": 2,
        "later.pcapng": 1,
        "ü and %20#?.pcapng": 1,
    }
    check_manifest(bucket.manifest("new"), TREE | {"1.pcap": pcap(9), "later.pcap": pcap(4)}, now)
    assert nonzero_counts(run_batch(raw, new, to="pcapng", resume=True)) == {"up_to_date": 4, "skipped": 1}

    other = run_batch(raw, new, to="pcapng", resume=True, snaplen=10)  # other options
    assert nonzero_counts(other) == {"converted": 4, "skipped": 1}


def test_a_resume_without_the_manifest_does_all_again(bucket: Bucket) -> None:
    bucket.fill("raw", TREE)
    raw, new = bucket.url("raw"), bucket.url("new")
    run_batch(raw, new, to="pcapng")
    bucket.s3.delete_object(Bucket=bucket.name, Key=f"new/{MANIFEST}")
    assert nonzero_counts(run_batch(raw, new, to="pcapng", resume=True)) == {"converted": 3, "skipped": 1}
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
        done = run_batch(bucket.url("raw"), bucket.url("new"), to="pcapng")
    assert nonzero_counts(done) == {"converted": 2, "failed": 1, "skipped": 1}
    (error,) = error_texts(done)
    assert error.startswith(f"{bucket.url('raw/1.pcap')}: cannot ")
    assert bucket.tree("new") == {name: data for name, data in DONE.items() if name != "1.pcapng"}
    failed = last_lines(bucket.manifest("new"))["1.pcapng"]
    assert (failed["status"], failed["error"]) == ("failed", error)


def test_a_target_that_is_denied_fails_alone(bucket: Bucket) -> None:
    bucket.fill("raw", TREE)
    with denied(bucket, "s3:PutObject", "new/deep/*"):
        done = run_batch(bucket.url("raw"), bucket.url("new"), to="pcapng")
    assert nonzero_counts(done) == {"converted": 2, "failed": 1, "skipped": 1}
    (error,) = error_texts(done)
    assert error.startswith(f"{bucket.url('new/deep/er/2.pcapng')}: cannot write: ")
    assert bucket.tree("new") == {name: data for name, data in DONE.items() if not name.startswith("deep")}
    assert last_lines(bucket.manifest("new"))["deep/er/2.pcapng"]["status"] == "failed"


def test_a_manifest_that_is_denied_is_an_error(bucket: Bucket) -> None:
    bucket.fill("raw", TREE)
    message = f"^{bucket.url(f'new/{MANIFEST}')}: cannot write: "
    with denied(bucket, "s3:PutObject", f"new/{MANIFEST}"), pytest.raises(FileError, match=message):
        run_batch(bucket.url("raw"), bucket.url("new"), to="pcapng")


def test_a_store_of_which_nothing_may_be_removed(bucket: Bucket) -> None:
    """The lease that stays there is nobody's."""
    bucket.fill("raw", TREE)
    with denied(bucket, "s3:DeleteObject", "new/*"):
        assert nonzero_counts(run_batch(bucket.url("raw"), bucket.url("new"), to="pcapng")) == {
            "converted": 3,
            "skipped": 1,
        }
    bucket.put("raw/later.pcap", pcap(4))
    with denied(bucket, "s3:DeleteObject", "new/*"):
        again = run_batch(bucket.url("raw"), bucket.url("new"), to="pcapng", resume=True)
    assert nonzero_counts(again) == {"converted": 1, "up_to_date": 3, "skipped": 1}
    assert bucket.get(f"new/{LEASE}") == b"{}\n"


def test_a_target_that_may_not_be_looked_at_is_somebodys(bucket: Bucket) -> None:
    bucket.fill("raw", TREE)
    bucket.put("new/1.pcapng", OLD)
    with denied(bucket, "s3:GetObject", "new/1.pcapng"):
        done = run_batch(bucket.url("raw"), bucket.url("new"), to="pcapng", resume=True)
    assert error_texts(done) == [f"{bucket.url('new/1.pcapng')}: {EXISTS}"]


def test_a_target_that_exists_is_left_without_force(bucket: Bucket) -> None:
    bucket.fill("raw", TREE)
    bucket.put("new/1.pcapng", OLD)
    done = run_batch(bucket.url("raw"), bucket.url("new"), to="pcapng")
    assert nonzero_counts(done) == {"converted": 2, "failed": 1, "skipped": 1}
    assert error_texts(done) == [f"{bucket.url('new/1.pcapng')}: {EXISTS}"]
    assert bucket.tree("new") == DONE | {"1.pcapng": OLD}
    forced = run_batch(bucket.url("raw"), bucket.url("new"), to="pcapng", force=True)
    assert nonzero_counts(forced) == {"converted": 3, "skipped": 1}
    assert bucket.tree("new") == DONE


@pytest.mark.parametrize("options", [{"strict": True}, {"on_loss": "fail"}], ids=["strict", "on-loss"])
def test_a_conversion_that_fails_uploads_nothing(bucket: Bucket, options: Any) -> None:
    bucket.fill("raw", {"cut.pcap": CUT, "commented.pcapng": COMMENTED, "1.pcap": pcap(1)})
    bucket.put("new/cut.pcap", OLD)
    bucket.put("new/commented.pcap", OLD)
    done = run_batch(bucket.url("raw"), bucket.url("new"), to="pcap", force=True, **options)
    assert done.failed == 1
    assert done.trouble[0]["status"] in ("failed", "damaged")
    refused = "cut.pcap" if "strict" in options else "commented.pcap"
    assert bucket.get(f"new/{refused}") == OLD
    assert bucket.versions("new") == {"1.pcap": 1, "cut.pcap": 2, "commented.pcap": 2} | {refused: 1}


def test_a_bucket_that_is_not_there(bucket: Bucket, tmp_path: Path) -> None:
    raw = write_tree(tmp_path / "raw", TREE)
    with pytest.raises(FileError, match=r"^s3://no-such-bucket/raw: "):
        run_batch("s3://no-such-bucket/raw", bucket.url("new"))
    with pytest.raises(FileError, match=f"^{bucket.url('nothing')}: there is nothing$"):
        run_batch(bucket.url("nothing"), tmp_path / "new")
    with pytest.raises(FileError, match=r"^s3://no-such-bucket/new/.*: cannot write: "):
        run_batch(raw, "s3://no-such-bucket/new", to="pcapng")


def test_in_place_is_refused(bucket: Bucket) -> None:
    bucket.fill("raw", TREE)
    with pytest.raises(UsageError, match=f"^in_place=True: {bucket.url('raw')} is remote, "):
        run_batch(bucket.url("raw"), in_place=True, chop=4)
    assert bucket.versions("raw") == dict.fromkeys(TREE, 1)


def test_in_place_is_refused_for_a_list(bucket: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """None of the list's files is touched."""
    bucket.fill("raw", TREE)
    monkeypatch.chdir(write_tree(tmp_path / "raw", TREE))
    with pytest.raises(UsageError, match=f"^in_place=True: {bucket.url('raw/1.pcap')} is remote, "):
        run_batch(["1.pcap", bucket.url("raw/1.pcap")], in_place=True, chop=4)
    assert bucket.versions("raw") == dict.fromkeys(TREE, 1)
    assert files_below(tmp_path / "raw") == TREE


ODD = ["../up.pcap", "deep/../../up.pcap", "./dot.pcap", "deep//double.pcap", "/root.pcap", "deep/./2.pcap"]


def test_keys_that_cannot_be_file_names_fail_alone(bucket: Bucket, tmp_path: Path) -> None:
    bucket.fill("raw", dict.fromkeys(ODD, pcap(9)) | {"1.pcap": pcap(1)})
    assert len(bucket.listed()) == len(ODD) + 1  # the server keeps each as it is
    done = run_batch(bucket.url("raw"), tmp_path / "a/b/new", to="pcapng")
    assert nonzero_counts(done) == {"converted": 1, "failed": len(ODD)}
    assert error_texts(done) == sorted(
        f"{bucket.url(f'raw/{name}')}: its name cannot be that of a file" for name in ODD
    )
    assert files_below(tmp_path) == {"a/b/new/1.pcapng": pcapng(1)}


def test_keys_that_cannot_be_file_names_are_taken_where_they_are_keys_again(bucket: Bucket) -> None:
    bucket.fill("raw", {name: pcap(number) for number, name in enumerate(ODD, 1)} | {"deep/2.pcap": pcap(9)})
    raw, new = bucket.url("raw"), bucket.url("a/b/new")
    assert nonzero_counts(run_batch(raw, new, to="pcapng")) == {"converted": len(ODD) + 1}
    wanted = {f"{name}ng": pcapng(number) for number, name in enumerate(ODD, 1)} | {"deep/2.pcapng": pcapng(9)}
    assert bucket.tree("a/b/new") == wanted
    assert {key for key in bucket.listed() if not key.startswith("raw/")} == {
        *(f"a/b/new/{name}" for name in wanted),
        f"a/b/new/{MANIFEST}",
    }
    assert nonzero_counts(run_batch(raw, new, to="pcapng", resume=True)) == {"up_to_date": len(ODD) + 1}


def test_directories_as_keys_are_no_trouble(bucket: Bucket) -> None:
    """Consoles make an empty object for what they show as a folder."""
    bucket.fill("raw", TREE)
    for key in ("raw/", "raw/deep/", "raw/empty/"):
        bucket.put(key, b"")
    done = run_batch(bucket.url("raw/"), bucket.url("new"), to="pcapng")
    assert (error_texts(done), done.converted) == ([], 3)
    assert bucket.tree("new") == DONE


def test_a_target_below_the_source_is_not_converted_again(bucket: Bucket) -> None:
    bucket.fill("raw", TREE)
    raw, new = bucket.url("raw"), bucket.url("raw/new")
    assert nonzero_counts(run_batch(raw, new, to="pcapng")) == {"converted": 3, "skipped": 1}
    assert nonzero_counts(run_batch(raw, new, to="pcapng", resume=True)) == {"up_to_date": 3, "skipped": 1}
    assert bucket.tree("raw/new") == DONE


def test_one_object_and_a_list_of_objects(bucket: Bucket, tmp_path: Path) -> None:
    bucket.fill("raw", TREE)
    assert nonzero_counts(run_batch(bucket.url("raw/1.pcap"), tmp_path / "one", to="pcapng")) == {"converted": 1}
    assert files_below(tmp_path / "one") == {"1.pcapng": pcapng(1)}
    places = [bucket.url("raw/1.pcap"), bucket.url("raw/deep/er/2.pcap"), bucket.url("raw/none.pcap")]
    done = run_batch(places, tmp_path / "list", to="pcapng")
    assert nonzero_counts(done) == {"converted": 2, "failed": 1}
    assert error_texts(done) == [f"{places[2]}: there is no such file"]
    assert files_below(tmp_path / "list") == {
        f"{bucket.name}/raw/1.pcapng": pcapng(1),
        f"{bucket.name}/raw/deep/er/2.pcapng": pcapng(2),
    }


# ---------------------------------------------------------------- what is somebody's, and what an earlier run's


def test_resume_leaves_what_no_earlier_run_wrote(bucket: Bucket) -> None:
    """Whether or not there is a manifest, and also what came where an earlier run's object was."""
    bucket.fill("raw", TREE)
    raw, new = bucket.url("raw"), bucket.url("new")
    bucket.put("new/1.pcapng", OLD)
    for _ in range(2):
        done = run_batch(raw, new, to="pcapng", resume=True)
        assert error_texts(done) == [f"{new}/1.pcapng: {EXISTS}"]
        assert bucket.tree("new") == DONE | {"1.pcapng": OLD}
    bucket.put("new/deep/er/2.pcapng", OLD)
    done = run_batch(raw, new, to="pcapng", resume=True)
    assert error_texts(done) == [f"{new}/1.pcapng: {EXISTS}", f"{new}/deep/er/2.pcapng: {EXISTS}"]
    assert bucket.versions("new") == dict.fromkeys(DONE, 1) | {"deep/er/2.pcapng": 2}
    assert nonzero_counts(run_batch(raw, new, to="pcapng", resume=True, force=True)) == {
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
    run_batch(raw, new, to="pcapng")
    bucket.put("raw/later.pcap", pcap(4))
    copied = {"Bucket": bucket.name, "Key": "new/1.pcapng"}
    bucket.s3.copy_object(Bucket=bucket.name, Key="new/later.pcapng", CopySource=copied)
    bucket.s3.delete_object(Bucket=bucket.name, Key=f"new/{MANIFEST}")
    assert error_texts(run_batch(bucket.url("other"), new, to="pcapng", resume=True)) == sorted(
        f"{new}/{name}: {EXISTS}" for name in DONE
    )
    bucket.s3.delete_object(Bucket=bucket.name, Key=f"new/{MANIFEST}")
    done = run_batch(raw, new, to="pcapng", resume=True)
    assert nonzero_counts(done) == {"converted": 3, "failed": 1, "skipped": 1}
    assert error_texts(done) == [f"{new}/later.pcapng: {EXISTS}"]
    assert bucket.tree("new") == DONE | {"later.pcapng": DONE["1.pcapng"]}


def test_resume_leaves_a_key_log_that_is_somebodys(bucket: Bucket) -> None:
    bucket.fill("raw", TREE)
    bucket.put("new/1.pcapng.keys", OLD)
    done = run_batch(bucket.url("raw"), bucket.url("new"), to="pcapng", resume=True, extract_secrets=".keys")
    assert error_texts(done) == [f"{bucket.url('new/1.pcapng')}: {EXISTS}"]
    assert bucket.get("new/1.pcapng.keys") == OLD


def test_resume_leaves_what_is_somebodys_in_a_store_that_keeps_no_such_thing(tmp_path: Path) -> None:
    raw = write_tree(tmp_path / "raw", TREE)
    new = f"memory://{uuid.uuid4().hex}/new"
    import_module("fsspec").filesystem("memory").pipe_file(f"{new.removeprefix('memory:/')}/1.pcapng", OLD)
    done = run_batch(raw, new, to="pcapng", resume=True)
    assert nonzero_counts(done) == {"converted": 2, "failed": 1, "skipped": 1}
    assert error_texts(done) == [f"{new}/1.pcapng: {EXISTS}"]
    assert nonzero_counts(run_batch(raw, new, to="pcapng", resume=True)) == {"up_to_date": 2, "failed": 1, "skipped": 1}
