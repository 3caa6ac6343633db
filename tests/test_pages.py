"""The pages under docs/: their commands run and print what is shown. `test_readme.py` does this for README.md."""

from __future__ import annotations

import functools
import http.server
import shutil
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest
from clusters import processes
from pages import PAGES, ROOT, TOOLS, PageFolder, missing_tools
from s3_server import aws

SAMPLES = ROOT / "tests" / "samples"


class Surroundings(NamedTuple):
    """What the commands of a page find outside their folder.

    `environment` is added to that of the commands; `names` maps what the page shows to what is used instead.
    """

    environment: dict[str, str]
    names: dict[str, str]


SURROUNDINGS = {  # by page, the fixture that makes them; such pages run with `-m slow`
    "docs/how-to/dask.md": "cluster",
    "docs/how-to/s3.md": "stores",
}
STORED = {  # by key below s3://captures/raw/ and below the web server's address, the sample
    "field/names.pcapng": "names.pcapng",
    "lab/edge.cap": "web-nano.pcap",
    "lab/web.pcap": "web.pcap",
}


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def web(tmp_path: Path) -> Iterator[str]:
    """The address of a web server that has the captures of `STORED`."""
    served = tmp_path / "served"
    for name, sample in STORED.items():
        (served / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(SAMPLES / sample, served / name)
    handler = functools.partial(QuietHandler, directory=str(served))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as listening:
        threading.Thread(target=listening.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()


@pytest.fixture
def stores(server: str, web: str) -> Surroundings:
    """An S3 server with a bucket `captures`, whose keys are in the environment, and a web server."""
    s3 = aws("s3")
    s3.create_bucket(Bucket="captures")
    for name, sample in STORED.items():
        s3.put_object(Bucket="captures", Key=f"raw/{name}", Body=(SAMPLES / sample).read_bytes())
    return Surroundings({}, {"https://minio.example.org:9000": server, "https://www.example.org": web})


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[Surroundings]:
    """A Dask cluster of a scheduler and two workers."""
    home = tmp_path / "cluster"
    home.mkdir()
    with processes(home) as running:
        for _ in range(2):
            running.worker()
        running.wait_for_workers(2)
        yield Surroundings({}, {"tcp://scheduler:8786": running.address})


def page_name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def follow(path: Path, folder: Path, surroundings: Surroundings) -> None:
    text = path.read_text(encoding="utf-8")
    if missing := missing_tools(text):
        pytest.skip(f"not installed: {', '.join(missing)}")
    PageFolder(folder / "captures", *surroundings).follow(text)


@pytest.mark.parametrize(
    "path", [path for path in PAGES if page_name(path) not in (*SURROUNDINGS, "README.md")], ids=page_name
)
def test_the_commands_of_a_page(path: Path, tmp_path: Path) -> None:
    follow(path, tmp_path, Surroundings({}, {}))


@pytest.mark.slow
@pytest.mark.parametrize("name", SURROUNDINGS)
def test_the_commands_of_a_page_with_surroundings(name: str, tmp_path: Path, request: pytest.FixtureRequest) -> None:
    follow(ROOT / name, tmp_path, request.getfixturevalue(SURROUNDINGS[name]))


def test_ci_insists_on_the_tools_without_which_pages_are_skipped() -> None:
    assert f"for tool in {' '.join(TOOLS)}; do" in (ROOT / ".ci" / "run").read_text(encoding="utf-8")
