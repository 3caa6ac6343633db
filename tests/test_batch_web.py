"""A batch from web servers: those that know no ranges, and those whose pages do not say what is a folder."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
import wire
from batches import error_texts, files_below, run_batch
from web_server import Answer, Web, file, leads_to, page, serving

from pcapconv.batching.remote import RemoteStore

PATIENCE = 60  # seconds until a test fails that would hang
SMALL = wire.pcap_header() + wire.pcap_record(1, 5, b"four")
LARGE = wire.pcap_header() + wire.pcap_record(1, 5, bytes(60_000)) * 300
IS_PAGE = (
    "is a page with links, which may be a directory, and not a file; name it with / at its end as the source, or "
    "leave it out with exclude="
)


@pytest.fixture
def web() -> Iterator[Web]:
    with serving() as told:
        yield told


def test_a_large_file_comes_by_one_request(web: Web, tmp_path: Path) -> None:
    """Of a server that sends files only as a whole."""
    web.answers |= {"/raw/": page("large.pcap"), "/raw": leads_to("/raw/"), "/raw/large.pcap": file(LARGE)}
    done = run_batch(f"{web.address}/raw/", tmp_path / "new")
    assert (done.converted, error_texts(done)) == (1, [])
    assert files_below(tmp_path / "new") == {"large.pcap": LARGE}
    assert web.asked["GET /raw/large.pcap"] == 1


def test_a_file_that_breaks_off_fails_by_name(web: Web, tmp_path: Path) -> None:
    def broken() -> Iterator[bytes]:
        yield LARGE
        raise OSError

    web.answers["/cut.pcap"] = Answer(broken, len(LARGE) + 1)
    done = run_batch([f"{web.address}/cut.pcap"], tmp_path / "new")
    (error,) = error_texts(done)
    assert error.startswith(f"{web.address}/cut.pcap: cannot read: ")
    assert files_below(tmp_path / "new") == {}


def test_each_piece_that_arrives_is_a_movement(web: Web) -> None:
    """The server sends the next one when that was noticed."""
    moved = threading.Semaphore(0)

    def slow() -> Iterator[bytes]:
        for start in range(0, len(SMALL), 20):
            yield SMALL[start : start + 20]
            if not moved.acquire(timeout=PATIENCE / 10):
                raise OSError

    web.answers["/slow.pcap"] = Answer(slow, len(SMALL))
    url = f"{web.address}/slow.pcap"
    with RemoteStore(url).open_source(url, moved.release) as source:
        assert source.size == len(SMALL)


def test_a_folder_that_is_listed_without_its_slash_is_followed(web: Web, tmp_path: Path) -> None:
    web.answers |= {
        "/raw": leads_to("/raw/"),
        "/raw/": page("/raw/sub", "a.pcap", "de%65p"),
        "/raw/a.pcap": file(SMALL),
        "/raw/sub": leads_to("/raw/sub/"),
        "/raw/sub/": page("in.pcap"),
        "/raw/sub/in.pcap": file(SMALL),
        "/raw/deep": leads_to("/raw/deep/"),
        "/raw/deep/": page("er"),
        "/raw/deep/er": leads_to("/raw/deep/er/"),
        "/raw/deep/er/": page(),
    }
    done = run_batch(f"{web.address}/raw/", tmp_path / "new")
    assert (done.converted, done.skipped, error_texts(done)) == (2, 0, [])
    assert files_below(tmp_path / "new") == {"a.pcap": SMALL, "sub/in.pcap": SMALL}


def test_a_page_that_may_be_a_folder_fails_by_name(web: Web, tmp_path: Path) -> None:
    """One that is called a page, or has no link, is no capture, as ever."""
    web.answers |= {
        "/raw": page("/raw/sub", "/raw/about.html", "/raw/empty", "/raw/a.pcap"),
        "/raw/sub": page("/raw/sub/in.pcap"),
        "/raw/sub/": page("/raw/sub/in.pcap"),
        "/raw/sub/in.pcap": file(SMALL),
        "/raw/about.html": page("/raw/"),
        "/raw/empty": page(),
        "/raw/a.pcap": file(SMALL),
    }
    done = run_batch(f"{web.address}/raw", tmp_path / "new")
    assert error_texts(done) == [f"{web.address}/raw/sub: {IS_PAGE}"]
    assert (done.converted, done.failed, done.skipped) == (1, 1, 2)
    excluded = run_batch(f"{web.address}/raw", tmp_path / "other", exclude=["sub"])
    assert (excluded.converted, excluded.failed) == (1, 0)
    assert run_batch(f"{web.address}/raw/sub/", tmp_path / "sub").converted == 1


def test_links_to_the_page_itself_are_no_files(web: Web, tmp_path: Path) -> None:
    """Such as those by which it is sorted."""
    answer = page("#top", "?C=N;O=D", "/raw/?C=M;O=A", "/raw/#end", "a.pcap#first")
    web.answers |= {"/raw/": answer, "/raw/a.pcap": file(SMALL)}
    done = run_batch(f"{web.address}/raw/", tmp_path / "new")
    assert (done.converted, done.skipped, error_texts(done)) == (1, 0, [])
    assert files_below(tmp_path / "new") == {"a.pcap": SMALL}


def test_what_a_web_server_does_not_see_of_a_name_is_said(web: Web, tmp_path: Path) -> None:
    web.answers["/a"] = file(SMALL)
    done = run_batch([f"{web.address}/a#b.pcap"], tmp_path / "new")
    said = "its name has a #, and a web server sees nothing behind that; write %23"
    assert error_texts(done) == [f"{web.address}/a#b.pcap: {said}"]
    assert +web.asked == {}
