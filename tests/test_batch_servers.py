"""Batches whose servers do not answer, or answer something else."""

import functools
import http.server
import socket
import struct
import threading
from importlib import import_module
from pathlib import Path

import pytest
from batches import run_batch
from folders import write_tree
from remote_batches import pcap, run_command

from pcapconv import FileError

pytestmark = pytest.mark.slow  # web servers


def closed_port() -> int:
    """One at which nobody listens."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return int(listening.getsockname()[1])


def test_a_connection_that_is_refused_is_no_missing_file(tmp_path: Path) -> None:
    url = f"http://127.0.0.1:{closed_port()}/1.pcap"
    for source in (url, url.removesuffix("1.pcap")):
        assert run_command(source, tmp_path / "new") == (1, f"pcapconv: {source}: cannot read: connection refused\n")
    (line,) = run_batch([url], tmp_path / "new").trouble
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
        (line,) = run_batch(["s3://lab/1.pcap"], tmp_path / "new").trouble
    finally:
        import_module("s3fs").S3FileSystem.clear_instance_cache()
    hint = "check that the server runs, and that AWS_ENDPOINT_URL names it"
    said = f"s3://lab/1.pcap: cannot open: cannot connect to {address}/lab/1.pcap; {hint}"
    assert (line["error"], line["retryable"]) == (said, True)


def test_a_host_that_nobody_knows_is_no_missing_file(tmp_path: Path) -> None:
    (line,) = run_batch(["http://no-such-host.invalid/1.pcap"], tmp_path / "new").trouble
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
            (line,) = run_batch([f"{url}/1.pcap"], tmp_path / "new").trouble
            tree = "there is nothing" if status == 404 else said.replace("open", "read")
            with pytest.raises(FileError, match=f"^{url}/raw/: {tree}$"):
                run_batch(f"{url}/raw/", tmp_path / "new")
        finally:
            listening.shutdown()
            thread.join()
    assert (line["error"], line["retryable"]) == (f"{url}/1.pcap: {said}", retryable)


def test_a_listing_that_breaks_off_is_no_empty_directory(tmp_path: Path) -> None:
    """The server resets the connection when it is asked for a directory further down."""
    write_tree(tmp_path / "shown", {"1.pcap": pcap(1), "deep/2.pcap": pcap(2)})

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
                run_batch(url, tmp_path / "new", to="pcapng")
        finally:
            listening.shutdown()
            thread.join()
    assert not (tmp_path / "new").exists()
