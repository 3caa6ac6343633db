"""Traffic worth capturing, all of it between this process and itself on 127.0.0.1.

Each function runs a small server in a thread, talks to it, and leaves nothing running.
"""

import socket
import ssl
import struct
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import closing, contextmanager
from http.client import HTTPConnection, HTTPSConnection
from http.server import BaseHTTPRequestHandler
from ipaddress import IPv4Address
from pathlib import Path
from socketserver import BaseRequestHandler, ThreadingTCPServer, ThreadingUDPServer
from threading import Thread

LOOPBACK = "127.0.0.1"
HTTP_PORT, DNS_PORT, HTTPS_PORT = 80, 53, 443

SITE = {"/": "text/html", "/style.css": "text/css"}
STYLE = b"body { font-family: sans-serif; margin: 4em; }\n"
PAGE = b"""<!doctype html>
<html lang="en">
<head><title>A small page</title><link rel="stylesheet" href="/style.css"></head>
<body><h1>A small page</h1><p>It was fetched to be captured.</p></body>
</html>
"""

ADDRESSES = {
    "printer.example": IPv4Address("192.0.2.10"),
    "camera.example": IPv4Address("192.0.2.20"),
    "door-bell.example": IPv4Address("192.0.2.30"),
}
UNKNOWN_NAME = "nobody.example"


class _SmallSite(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        content = {"/": PAGE, "/style.css": STYLE}.get(self.path)
        if content is None:
            self.send_error(404)
            return
        self.send_response(200)
        self.send_header("Content-Type", SITE[self.path])
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""


class _NameServer(BaseRequestHandler):
    def handle(self) -> None:
        query, answering = self.request
        answering.sendto(answer(query), self.client_address)


class _WebServer(ThreadingTCPServer):
    allow_reuse_address = True
    daemon_threads = True


def fetch_page() -> None:
    """A page, its style sheet and a page that is not there, over one HTTP connection, and the page again."""
    with _serving(_WebServer((LOOPBACK, HTTP_PORT), _SmallSite)):
        _get(HTTPConnection(LOOPBACK, HTTP_PORT, timeout=5), "/", "/style.css", "/missing")
        _get(HTTPConnection(LOOPBACK, HTTP_PORT, timeout=5), "/")


def fetch_page_secretly(key_log: Path) -> None:
    """A page over TLS; the session's keys go to `key_log`."""
    with tempfile.TemporaryDirectory() as folder:
        certificate = _certificate(Path(folder))
        server_side = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        server_side.load_cert_chain(certificate)
        client_side = ssl.create_default_context(cafile=str(certificate))
        client_side.check_hostname = False
        client_side.keylog_filename = str(key_log)
        server = _WebServer((LOOPBACK, HTTPS_PORT), _SmallSite)
        server.socket = server_side.wrap_socket(server.socket, server_side=True)
        with _serving(server):
            _get(HTTPSConnection(LOOPBACK, HTTPS_PORT, timeout=5, context=client_side), "/", "/style.css")


def look_up_names() -> None:
    """DNS queries for made-up names, one of which does not exist."""
    with (
        _serving(ThreadingUDPServer((LOOPBACK, DNS_PORT), _NameServer)),
        closing(socket.socket(socket.AF_INET, socket.SOCK_DGRAM)) as resolver,
    ):
        resolver.settimeout(5)
        for number, name in enumerate([*ADDRESSES, UNKNOWN_NAME], start=1):
            resolver.sendto(query_for(name, number), (LOOPBACK, DNS_PORT))
            resolver.recv(512)


def query_for(name: str, number: int) -> bytes:
    """A DNS query for the IPv4 address of a name."""
    recursion_desired, address_record, internet = 0x0100, 1, 1
    labels = b"".join(bytes([len(label)]) + label.encode() for label in name.split("."))
    header = struct.pack(">HHHHHH", number, recursion_desired, 1, 0, 0, 0)
    return header + labels + struct.pack(">xHH", address_record, internet)


def answer(query: bytes) -> bytes:
    """The DNS answer to a query: the address of the name, or that there is no such name."""
    answered, no_such_name = 0x8580, 0x8583
    question = query[12:]
    name = _name_of(question)
    found = name in ADDRESSES
    header = query[:2] + struct.pack(">HHHHH", answered if found else no_such_name, 1, int(found), 0, 0)
    if not found:
        return header + question
    back_to_question, time_to_live = 0xC00C, 300
    record = struct.pack(">HHHIH", back_to_question, 1, 1, time_to_live, 4) + ADDRESSES[name].packed
    return header + question + record


def _name_of(question: bytes) -> str:
    labels = []
    position = 0
    while length := question[position]:
        labels.append(question[position + 1 : position + 1 + length].decode())
        position += 1 + length
    return ".".join(labels)


def _certificate(folder: Path) -> Path:
    """A self-signed certificate and its key in one file, good for a day."""
    both = folder / "both.pem"
    command = "openssl req -x509 -nodes -days 1 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -subj /CN=shop.example"
    subprocess.run(
        [*command.split(), "-keyout", both, "-out", folder / "certificate.pem"], check=True, capture_output=True
    )
    both.write_bytes(both.read_bytes() + (folder / "certificate.pem").read_bytes())
    return both


def _get(connection: HTTPConnection, *paths: str) -> None:
    with closing(connection):
        for path in paths:
            connection.request("GET", path)
            connection.getresponse().read()


@contextmanager
def _serving(server: ThreadingTCPServer | ThreadingUDPServer) -> Iterator[None]:
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    with server:
        thread.start()
        try:
            yield
        finally:
            server.shutdown()
            thread.join()
