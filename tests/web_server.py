"""A web server on the loopback interface that answers what a test tells it to."""

import http.server
import threading
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import NamedTuple


class Answer(NamedTuple):
    """The answer to a request for a path; `body` gives its pieces, and may wait between them."""

    body: Callable[[], Iterator[bytes]]
    size: int
    kind: str = "application/octet-stream"
    status: int = 200
    location: str | None = None


def file(data: bytes) -> Answer:
    return Answer(lambda: iter([data]), len(data))


def page(*links: str) -> Answer:
    data = "".join(f'<a class="x" href="{link}">there</a>\n' for link in links).encode()
    return Answer(lambda: iter([data]), len(data), "text/html")


def leads_to(location: str) -> Answer:
    return Answer(lambda: iter([]), 0, status=301, location=location)


class Web:
    """By path, the server's answers; it knows no ranges. `asked` is how often it was asked, by method and path."""

    def __init__(self) -> None:
        self.answers: dict[str, Answer] = {}
        self.asked: Counter[str] = Counter()
        self.address = ""


@contextmanager
def serving() -> Iterator[Web]:
    web = Web()

    class Handler(http.server.BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

        def do_HEAD(self) -> None:
            self.answer()

        def do_GET(self) -> None:
            answer = self.answer()
            if answer is not None:
                try:
                    for piece in answer.body():
                        self.wfile.write(piece)
                except OSError:  # whoever asked has gone
                    self.close_connection = True

        def answer(self) -> Answer | None:
            web.asked[f"{self.command} {self.path}"] += 1
            answer = web.answers.get(self.path)
            if answer is None:
                self.send_error(404)
                return None
            self.send_response(answer.status)
            self.send_header("Content-Type", answer.kind)
            self.send_header("Content-Length", str(answer.size))
            if answer.location is not None:
                self.send_header("Location", answer.location)
            self.end_headers()
            return answer

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever, args=(0.02,))
        thread.start()
        web.address = f"http://127.0.0.1:{server.server_address[1]}"
        try:
            yield web
        finally:
            server.shutdown()
            thread.join()
