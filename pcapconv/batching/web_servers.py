"""Files on web servers: the links on a server's pages count as folders and files.

Strategy: a link that ends in / is a folder. For any other link the server is asked: the link is a folder if the server
redirects to the same name with /, otherwise a file. A file that is a page of links may nevertheless be a folder, and is
not read as a capture.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, urlsplit

from pcapconv import formats
from pcapconv.batching.daemon_threads import DaemonThreads
from pcapconv.batching.store_requests import is_missing, note_answer

_PARALLEL_REQUESTS = 8
_CONNECT_TIMEOUT, _READ_TIMEOUT = 30.0, 300.0  # seconds to connect, and between two pieces of an answer
_BEGINNING = 2**16  # bytes of a page that are searched for a link
_LINK = re.compile(rb"<a\s[^>]*?href\s*=", re.IGNORECASE)
_PAGE_SUFFIXES = {".html", ".htm", ".xhtml"}  # of files that are meant to be pages

Details = dict[str, Any]  # of a file, as fsspec gives them


def find_files(files: Any, root: str, info: Callable[[str], Details | None]) -> dict[str, Details]:
    """Return the details of each file below the page `root`, or of `root` itself if it is a file. `info` gets the
    details from the server; they are empty for a file that no longer exists. fsspec's own search would leave out a
    folder if the connection breaks."""
    found: dict[str, Details] = {}
    folders, seen = [root], set[str]()
    while folders:
        folder = folders.pop()
        if folder.rstrip("/") in seen:
            continue
        seen.add(folder.rstrip("/"))
        links = _page_links(files, folder)
        folders += [link for link in links if link.endswith("/")]
        names = [link for link in links if not link.endswith("/") and link not in found]
        with DaemonThreads(_PARALLEL_REQUESTS) as threads:
            all_details = dict(zip(names, threads.map(info, names)))
        for name, details in all_details.items():
            if details is not None and _is_folder(name, details):
                folders.append(name + "/")
            else:
                found[name] = details or {}  # opening the file will raise the error
    if found or len(seen) > 1:
        return found
    page = root.rstrip("/")
    details = info(page)
    return {} if details is None else {page: details}


def open_by_one_request(files: Any, path: str) -> Any:
    """Open a file by one request, so that it is fetched while it is read; the request has no limit of its total
    time."""
    from aiohttp import ClientTimeout

    timeout = ClientTimeout(total=None, sock_connect=_CONNECT_TIMEOUT, sock_read=_READ_TIMEOUT)
    return files.open(path, "rb", block_size=0, size=1, timeout=timeout)  # any size will do, and saves a request


def is_link_page(files: Any, name: str, details: Details) -> bool:
    """Return whether a file may be a folder: it is an HTML page with links, and its name has neither the suffix of a
    page nor that of a capture."""
    if details.get("mimetype") != "text/html" or posixpath.splitext(name)[1].lower() in _PAGE_SUFFIXES:
        return False
    if formats.format_of(name) is not None:  # reading the page as a capture will fail
        return False
    data = b""
    with suppress(Exception), open_by_one_request(files, name) as page:  # its job will fail with the error
        while len(data) < _BEGINNING and (more := page.read(_BEGINNING)):
            data += more
    return _LINK.search(data) is not None


def _page_links(files: Any, folder: str) -> Sequence[str]:
    """Return the links on a page, without links to the page itself (as for sorting it); no links if there is no such
    page."""
    try:
        urls = files.ls(folder, detail=False)
    except FileNotFoundError as error:
        if not is_missing(error):
            raise
        return ()
    finally:
        note_answer()
    links = dict.fromkeys(url.partition("#")[0] for url in urls)
    page = folder.rstrip("/")
    return [link for link in links if link.partition("?")[0].rstrip("/") != page]


def _is_folder(name: str, details: Details) -> bool:
    """Return whether the server redirected from a name to the same name with /."""
    return unquote(urlsplit(str(details.get("url", ""))).path) == unquote(urlsplit(name).path) + "/"
