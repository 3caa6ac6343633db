"""What every store of files has to do, whether it is this machine or lies behind a URL: one suite, run on each.

Strategy: a `Shelf` is a store with a folder in it that a test may fill and look at by other means than pcapconv's. What
only one store does (multipart uploads, a server's errors, keys that are no file names) is in `test_batch_s3.py`,
`test_batch_stores.py` and `test_batch_names.py`.
"""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from contextlib import suppress
from pathlib import Path

import pytest
from batches import files_below, nonzero_counts, run_batch
from folders import MANIFEST, write_tree
from remote_batches import DONE, NAMES, TREE, check_manifest, pcap, pcapng
from s3_server import Bucket

from pcapconv import FileError
from pcapconv.batching.locations import BatchContext, Store, join_location
from pcapconv.batching.stores import store_of
from pcapconv.io.commit import commit
from pcapconv.io.final_names import temporary_name
from pcapconv.io.source import Source

OLD, NEW = b"what was there before", b"what comes instead, which is longer"
FILES = {"a.pcap": b"one", "deep/er/b.pcap": b"two", "deep/ü and %20#.pcap": b"three", "empty.pcap": b"", "z": b"four"}
ODD_NAMES = ["-", "a b.pcap", "fe80::1.pcap", "[a].pcap", "star*.pcap", "%41.pcap", "ü.pcap"]
NO_FILE_NAMES = ["", "..", "../up.pcap", "deep/../../up.pcap", "./dot.pcap", "deep//double.pcap", "/root.pcap"]


class Shelf(ABC):
    """A store, and a folder in it at `root`. `takes_any_name` tells that the store has keys and no folders."""

    takes_any_name = False
    odd_names: Sequence[str] = ODD_NAMES

    def __init__(self, root: str) -> None:
        self.root = root
        self.store: Store = store_of(root)

    def at(self, name: str) -> str:
        return join_location(self.root, name)

    def batch(self) -> BatchContext:
        return BatchContext(self.at(MANIFEST), None, "a run", int)

    @abstractmethod
    def put(self, name: str, data: bytes) -> None: ...

    @abstractmethod
    def tree(self) -> dict[str, bytes]:
        """All files, by name, temporary ones included."""

    def fill(self, files: dict[str, bytes]) -> None:
        for name, data in files.items():
            self.put(name, data)

    def write(self, name: str, data: bytes, *, force: bool = False) -> None:
        with self.store.open_target(self.at(name), self.batch(), force=force) as target:
            target.file.write(data)
            commit([target])

    def read(self, location: str) -> bytes:
        with self.store.open_source(location, int) as source:
            return read_all(source)


def read_some(source: Source) -> bytes:
    """The next bytes, 1,000 at most; none at the end."""
    room = bytearray(1000)
    count = source.readinto(memoryview(room))
    return bytes(room[:count])


def read_all(source: Source) -> bytes:
    return b"".join(iter(lambda: read_some(source), b""))


class FolderShelf(Shelf):
    """A folder of this machine, or the same by way of fsspec, where an upload can be seen while it arrives."""

    def __init__(self, folder: Path, scheme: str = "") -> None:
        folder.mkdir()
        self.is_directory = folder
        super().__init__(f"{scheme}{folder}")

    def put(self, name: str, data: bytes) -> None:
        write_tree(self.is_directory, {name: data})

    def tree(self) -> dict[str, bytes]:
        paths = [path for path in self.is_directory.rglob("*") if path.is_file()]
        return {path.relative_to(self.is_directory).as_posix(): path.read_bytes() for path in paths}


class MemoryShelf(Shelf):
    """fsspec's files in memory, which may write a file whose name has `::` where nothing lists it."""

    takes_any_name = True
    odd_names = tuple(name for name in ODD_NAMES if "::" not in name)

    def __init__(self) -> None:
        import fsspec

        self.files = fsspec.filesystem("memory")
        self.files.store.clear()
        super().__init__("memory://shelf")

    def put(self, name: str, data: bytes) -> None:
        self.files.pipe_file(f"/shelf/{name}", data)

    def tree(self) -> dict[str, bytes]:
        return {path.removeprefix("/shelf/"): self.files.cat_file(path) for path in self.files.find("/shelf")}


class BucketShelf(Shelf):
    """A prefix of a bucket."""

    takes_any_name = True

    def __init__(self, bucket: Bucket) -> None:
        self.bucket = bucket
        super().__init__(bucket.url("shelf"))

    def put(self, name: str, data: bytes) -> None:
        self.bucket.put(f"shelf/{name}", data)

    def tree(self) -> dict[str, bytes]:
        return {key.removeprefix("shelf/"): self.bucket.get(key) for key in self.bucket.listed()}


@pytest.fixture(params=["path", "local", "memory", "s3"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Shelf]:
    match request.param:
        case "path":
            yield FolderShelf(tmp_path / "shelf")
        case "local":
            yield FolderShelf(tmp_path / "shelf", "local://")
        case "memory":
            memory = MemoryShelf()
            yield memory
            memory.files.store.clear()
        case "s3":
            yield BucketShelf(request.getfixturevalue("bucket"))


# ---------------------------------------------------------------- finding


def test_all_files_are_found_each_with_its_size_and_in_one_order(shelf: Shelf) -> None:
    shelf.fill(FILES)
    found = list(shelf.store.find(shelf.root, None, links=False))
    assert {each.name: each.state and each.state.size for each in found} == {n: len(data) for n, data in FILES.items()}
    assert [(each.reason, each.failed, each.is_directory) for each in found] == [("", False, False)] * len(FILES)
    assert [shelf.read(each.location) for each in found] == [FILES[each.name] for each in found]
    assert list(shelf.store.find(shelf.root, None, links=False)) == found
    assert list(shelf.store.find(f"{shelf.root}/", None, links=False)) == [
        each._replace(location=join_location(f"{shelf.root}/", each.name)) if shelf.store.local else each
        for each in found
    ]


def test_a_tree_below_and_temporary_files_are_left_out(shelf: Shelf) -> None:
    shelf.fill(FILES | {"new/c.pcap": b"c", "newer.pcap": b"d", temporary_name("deep"): b"half"})
    found = shelf.store.find(shelf.root, shelf.at("new"), links=False)
    assert {each.name for each in found} == {*FILES, "newer.pcap"}


def test_a_file_is_found_alone(shelf: Shelf) -> None:
    shelf.fill(FILES)
    (found,) = shelf.store.find(shelf.at("deep/er/b.pcap"), None, links=False)
    assert found.name == "b.pcap"
    assert found.state
    assert found.state.size == 3
    assert shelf.read(found.location) == b"two"


def test_a_tree_that_is_not_there(shelf: Shelf) -> None:
    shelf.fill(FILES)
    with pytest.raises(FileError):
        list(shelf.store.find(shelf.at("nothing"), None, links=False))


# ---------------------------------------------------------------- names


def test_odd_names_are_those_of_their_own_files(shelf: Shelf, monkeypatch: pytest.MonkeyPatch) -> None:
    files = {name: name.encode() for name in shelf.odd_names}
    shelf.fill(files)
    found = list(shelf.store.find(shelf.root, None, links=False))
    assert {each.name: each.reason for each in found} == dict.fromkeys(shelf.odd_names, "")
    assert {each.name: shelf.read(each.location) for each in found} == files
    for name in shelf.odd_names:
        assert shelf.store.can_hold(name)
        shelf.write(f"again {name}", files[name])
    assert shelf.tree() == files | {f"again {name}": data for name, data in files.items()}
    if isinstance(shelf, FolderShelf) and shelf.store.local:
        monkeypatch.chdir(shelf.is_directory)
        assert shelf.read("-") == b"-"  # a file, not standard input


@pytest.mark.parametrize("name", NO_FILE_NAMES)
def test_only_a_store_of_keys_holds_names_that_would_lead_elsewhere(shelf: Shelf, name: str) -> None:
    assert shelf.store.can_hold(name) == shelf.takes_any_name


# ---------------------------------------------------------------- states


def test_a_state_changes_with_the_file(shelf: Shelf) -> None:
    shelf.put("a.pcap", OLD)
    state = shelf.store.state(shelf.at("a.pcap"))
    assert state is not None
    assert state.size == len(OLD)
    assert shelf.store.state(shelf.at("a.pcap")) == state
    shelf.put("b.pcap", NEW)
    assert shelf.store.state(shelf.at("a.pcap")) == state
    shelf.put("a.pcap", NEW)
    now = shelf.store.state(shelf.at("a.pcap"))
    assert now is not None
    assert (now.size, now.time != state.time) == (len(NEW), True)


@pytest.mark.parametrize("name", ["nothing", "deep", "deep/nothing", "a.pcap.more"])
def test_what_is_no_file_has_no_state(shelf: Shelf, name: str) -> None:
    shelf.fill(FILES)
    assert shelf.store.state(shelf.at(name)) is None


# ---------------------------------------------------------------- reading


@pytest.mark.parametrize("size", [0, 1, 100_000])
def test_a_source_gives_all_bytes_and_can_go_back(shelf: Shelf, size: int) -> None:
    data = os.urandom(size)
    shelf.put("deep/a.pcap", data)
    assert shelf.read(shelf.at("deep/a.pcap")) == data
    with shelf.store.open_source(shelf.at("deep/a.pcap"), int) as source:
        assert source.seekable
        read_some(source)
        source.rewind()
        assert read_all(source) == data


def test_a_stream_gives_the_beginning(shelf: Shelf) -> None:
    data = os.urandom(100_000)
    shelf.put("a.pcap", data)
    with shelf.store.open_stream(shelf.at("a.pcap")) as stream:
        begin = read_some(stream)
    assert begin
    assert data.startswith(begin)


def test_what_is_not_there_cannot_be_read(shelf: Shelf) -> None:
    shelf.fill(FILES)
    with pytest.raises(FileError, match="cannot open"), shelf.store.open_source(shelf.at("nothing"), int):
        pass
    with pytest.raises(FileError, match="cannot open"), shelf.store.open_stream(shelf.at("nothing")):
        pass


# ---------------------------------------------------------------- writing


def test_a_target_is_there_when_it_is_complete_and_not_before(shelf: Shelf) -> None:
    with shelf.store.open_target(shelf.at("a.pcap"), shelf.batch(), force=False) as target:
        target.file.write(NEW)
        assert shelf.store.state(shelf.at("a.pcap")) is None
        commit([target])
    assert shelf.tree() == {"a.pcap": NEW}
    assert shelf.read(shelf.at("a.pcap")) == NEW


def test_a_target_that_exists_is_refused_and_stays(shelf: Shelf) -> None:
    shelf.put("a.pcap", OLD)
    with pytest.raises(FileError) as caught, shelf.store.open_target(shelf.at("a.pcap"), shelf.batch(), force=False):
        pass
    assert str(caught.value) == (
        f"{shelf.at('a.pcap')}: exists already; resume=True replaces only what an earlier run wrote, "
        "force=True whatever is there"
    )
    assert shelf.tree() == {"a.pcap": OLD}


def test_force_replaces_a_target_as_a_whole(shelf: Shelf) -> None:
    shelf.put("a.pcap", OLD)
    shelf.write("a.pcap", NEW, force=True)
    assert shelf.tree() == {"a.pcap": NEW}
    shelf.write("a.pcap", b"", force=True)
    assert shelf.tree() == {"a.pcap": b""}


@pytest.mark.parametrize("is_there", [False, True], ids=["new", "replaced"])
def test_a_target_that_is_abandoned_leaves_what_was_there(shelf: Shelf, is_there: bool) -> None:
    before = {"a.pcap": OLD} if is_there else {}
    shelf.fill(before)
    with (
        suppress(ZeroDivisionError),
        shelf.store.open_target(shelf.at("a.pcap"), shelf.batch(), force=True) as target,
    ):
        target.file.write(NEW)
        raise ZeroDivisionError
    with shelf.store.open_target(shelf.at("a.pcap"), shelf.batch(), force=True) as target:
        target.file.write(NEW)  # and nobody commits it
    assert shelf.tree() == before


# ---------------------------------------------------------------- whole batches


def test_a_tree_goes_to_a_store_and_back(shelf: Shelf, tmp_path: Path) -> None:
    raw, new, back = write_tree(tmp_path / "raw", TREE), shelf.at("new"), tmp_path / "back"
    assert nonzero_counts(run_batch(raw, new, to="pcapng")) == {"converted": 3, "skipped": 1}
    written = {name.removeprefix("new/"): data for name, data in shelf.tree().items()}
    check_manifest(written.pop(MANIFEST), TREE, DONE)
    assert written == DONE
    again = run_batch(raw, new, to="pcapng", resume=True)
    assert (nonzero_counts(again), again.bytes_read) == ({"up_to_date": 3, "skipped": 1}, 0)

    first = {name: pcap(number) for name, number in NAMES.items()}
    assert nonzero_counts(run_batch(new, back, to="pcap")) == {"converted": 3}
    assert files_below(back) == first
    check_manifest((back / MANIFEST).read_bytes(), DONE, first)
    shelf.put("new/1.pcapng", pcapng(9))
    assert nonzero_counts(run_batch(new, back, to="pcap", resume=True)) == {"converted": 1, "up_to_date": 2}
    assert files_below(back) == first | {"1.pcap": pcap(9)}
