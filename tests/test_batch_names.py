"""A batch reads the object that is meant, whatever its name, or says which it cannot read."""

import json
import os
from pathlib import Path

import fsspec
import pytest
import wire
from batches import error_texts, run_batch
from folders import MANIFEST
from s3_server import Bucket

from pcapconv import FileError

SLASH = "its name ends in /, which is lost on the way to its store; copy it to another name"
VERSION = "its name has ?versionId=, which is taken for a version of another object; copy it to another name"
AS_THEY_ARE = [
    "a::b.pcap",
    "fe80::1.pcap",
    "zip::z.pcap",
    "zip://a.pcap::s3://b.pcap",
    "h#1.pcap",
    "h.pcap",
    "d//double.pcap",
    "d/double.pcap",
    "/root.pcap",
    "%41.pcap",
    "A.pcap",
    "star*.pcap",
    "[a].pcap",
]


def pcap(number: int) -> bytes:
    return wire.pcap_header() + wire.pcap_record(number, 5, bytes(range(number, number + 50)))


def test_keys_are_taken_as_they_are(bucket: Bucket, tmp_path: Path) -> None:
    """Each is read, and written, under its own name, in a tree and in a list."""
    tree = {name: pcap(number) for number, name in enumerate(AS_THEY_ARE, 1)}
    bucket.fill("raw", tree)
    assert run_batch(bucket.url("raw"), bucket.url("new")).converted == len(tree)
    assert bucket.tree("new") == tree
    for number, name in enumerate(AS_THEY_ARE):
        assert error_texts(run_batch([bucket.url(f"raw/{name}")], tmp_path / str(number))) == []
        (target,) = [path for path in (tmp_path / str(number)).rglob("*") if path.is_file() and path.name != MANIFEST]
        assert target.read_bytes() == tree[name]


def test_a_local_file_with_colons_goes_to_s3(bucket: Bucket, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/fe80::1.pcap").write_bytes(pcap(1))
    assert error_texts(run_batch(tmp_path / "raw", bucket.url("new"))) == []
    assert bucket.tree("new") == {"fe80::1.pcap": pcap(1)}


def test_keys_that_a_client_would_change_fail_by_name(bucket: Bucket) -> None:
    """No other object is read; an empty one that stands for a directory is left out without a word."""
    both = {"both/a.pcap": pcap(1), "q": pcap(3), "c.pcap/": b""}
    bad = {"both/a.pcap/": SLASH, "solo.pcap/": SLASH, "q?versionId=3.pcap": VERSION}
    bucket.fill("raw", both | dict.fromkeys(bad, pcap(2) + pcap(2)[24:]))
    done = run_batch(bucket.url("raw"), bucket.url("new"))
    assert (done.converted, error_texts(done)) == (
        2,
        sorted(f"{bucket.url(f'raw/{name}')}: {said}" for name, said in bad.items()),
    )
    assert bucket.tree("new") == {"both/a.pcap": pcap(1), "q": pcap(3)}

    listed = run_batch([bucket.url(f"raw/{name}") for name in bad], bucket.url("listed"))
    assert (listed.converted, error_texts(listed)) == (0, error_texts(done))
    assert bucket.tree("listed") == {}


def test_a_target_that_a_client_would_change_fails_by_name(bucket: Bucket, tmp_path: Path) -> None:
    (tmp_path / "raw").mkdir()
    (tmp_path / "raw/q?versionId=3.pcap").write_bytes(pcap(1))
    bucket.put("new/q", b"what was there before")
    done = run_batch(tmp_path / "raw", bucket.url("new"), force=True)
    assert error_texts(done) == [f"{bucket.url('new/q?versionId=3.pcap')}: {VERSION}"]
    assert bucket.tree("new") == {"q": b"what was there before"}


@pytest.mark.parametrize("source", ["raw/q?versionId=3.pcap", "raw/q?versionId=3/"])
def test_a_tree_that_a_client_would_change_is_refused(bucket: Bucket, source: str, tmp_path: Path) -> None:
    bucket.put("raw/q", pcap(1))
    with pytest.raises(FileError) as raised:
        run_batch(bucket.url(source), tmp_path / "new")
    assert str(raised.value) == f"{bucket.url(source.rstrip('/'))}: {VERSION}"


@pytest.mark.parametrize(
    ("source", "names"),
    [("raw/a.pcap", ["a.pcap", "b.pcap"]), ("raw/a.pcap/", ["b.pcap"])],
    ids=["object", "prefix"],
)
def test_an_object_whose_name_is_a_prefix_too(bucket: Bucket, source: str, names: list[str], tmp_path: Path) -> None:
    """With / at the end, only what lies below is meant."""
    tree = {"a.pcap": pcap(1), "a.pcap/b.pcap": pcap(2)}
    bucket.fill("raw", tree)
    done = run_batch(bucket.url(source), tmp_path / "new")
    assert (done.converted, error_texts(done)) == (len(names), [])
    assert sorted(os.listdir(tmp_path / "new")) == sorted([*names, MANIFEST])
    assert (tmp_path / "new/b.pcap").read_bytes() == pcap(2)


def test_what_is_no_object_is_no_file_of_a_list(bucket: Bucket, tmp_path: Path) -> None:
    bucket.put("raw/a.pcap/b.pcap", pcap(1))
    done = run_batch([bucket.url("raw/a.pcap")], tmp_path / "new")
    assert error_texts(done) == [f"{bucket.url('raw/a.pcap')}: there is no such file"]


def test_memory_as_a_whole_is_a_tree(tmp_path: Path) -> None:
    files = fsspec.filesystem("memory")
    files.pipe("/names/a::b.pcap", pcap(1))
    try:
        assert run_batch("memory://", tmp_path / "new", include=["names/"]).converted == 1
    finally:
        files.rm("/names", recursive=True)
    assert (tmp_path / "new/names/a::b.pcap").read_bytes() == pcap(1)


def test_a_file_in_an_archive_is_read(tmp_path: Path) -> None:
    """There, `::` says in which."""
    import zipfile

    with zipfile.ZipFile(tmp_path / "a.zip", "w") as archive:
        archive.writestr("in.pcap", pcap(1))
    done = run_batch([f"zip://in.pcap::file://{tmp_path}/a.zip"], tmp_path / "new")
    assert (done.converted, error_texts(done)) == (1, [])
    last = json.loads((tmp_path / "new" / MANIFEST).read_text().splitlines()[-1])
    assert (tmp_path / "new" / last["target"]).read_bytes() == pcap(1)
