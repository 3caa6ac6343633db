"""The first line of an HTTP/1 message (RFC 9112): a request line or a status line."""

from __future__ import annotations

import re

from pcapconv.essence.quoting import quoted

_METHODS = b"GET POST PUT HEAD DELETE OPTIONS PATCH CONNECT TRACE PROPFIND NOTIFY M-SEARCH SUBSCRIBE REPORT".split()
_BEGINS = re.compile(rb"(?:%s) (?=[!-~])" % b"|".join(_METHODS))
_STATUS = re.compile(rb"HTTP/1\.[01] (?=\d{3})")
_VERSION = re.compile(rb" HTTP/1\.[01]$")
_MOST_LINE = 4096  # bytes
LEADS = frozenset(method[0] for method in _METHODS) | {ord("H")}


def first_line(data: bytes) -> str | None:
    """The essence of a message's first line: `GET /index.html`, `200 OK`; None if the bytes do not begin a message."""
    status = _STATUS.match(data)
    if status is None and _BEGINS.match(data) is None:
        return None
    line, ended, _ = data[:_MOST_LINE].partition(b"\n")
    line = line.removesuffix(b"\r")
    if status is not None:
        return quoted(line[status.end() :].rstrip())
    version = _VERSION.search(line)
    if version is None:
        # the line may go on in the next packet, but a line that has ended without a version is none of HTTP/1
        return None if ended else f"{quoted(line).removesuffix('…')}…"
    return quoted(line[: version.start()])
