"""What lies below a URL of a web server: pages whose links are files and folders.

Strategy: a link that ends in / is a folder. What any other one is, its server says when it is asked: a folder where it
leads on to the same name with /, a file unless it is a page with links, of which nobody knows whether it is a folder.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any
from urllib.parse import unquote, urlsplit

from pcapconv import formats
from pcapconv.batching.daemon_threads import Threads
from pcapconv.batching.store_requests import answered, is_missing

_ASKED = 8  # files of which a server is asked at a time
_CONNECTING, _SILENT = 30.0, 300.0  # seconds that a server may take, and be silent for
_BEGINNING = 2**16  # bytes of a page in which a link is looked for
_LINK = re.compile(rb"<a\s[^>]*?href\s*=", re.IGNORECASE)
_PAGES = {".html", ".htm", ".xhtml"}  # suffixes of what is meant to be a page

Details = dict[str, Any]


def find(files: Any, root: str, info: Callable[[str], Details | None]) -> dict[str, Details]:
    """What a server says of each file below a page, or of the page where it is none; nothing of what it does not know
    any more. `info` asks it. fsspec would leave out a folder for which the connection breaks."""
    found: dict[str, Details] = {}
    folders, seen = [root], set[str]()
    while folders:
        folder = folders.pop()
        if folder.rstrip("/") in seen:
            continue
        seen.add(folder.rstrip("/"))
        links = _links(files, folder)
        folders += [link for link in links if link.endswith("/")]
        names = [link for link in links if not link.endswith("/") and link not in found]
        with Threads(_ASKED) as threads:
            told = dict(zip(names, threads.map(info, names)))
        for name, details in told.items():
            if details is not None and _is_folder(name, details):
                folders.append(name + "/")
            else:
                found[name] = details or {}  # as opening it will tell
    if found or len(seen) > 1:
        return found
    page = root.rstrip("/")
    details = info(page)
    return {} if details is None else {page: details}


def opened(files: Any, path: str) -> Any:
    """A file that is fetched by one request, which may take any time, while it is read. The size is not asked for, and
    does not matter."""
    from aiohttp import ClientTimeout

    timeout = ClientTimeout(total=None, sock_connect=_CONNECTING, sock_read=_SILENT)
    return files.open(path, "rb", block_size=0, size=1, timeout=timeout)


def is_page_with_links(files: Any, name: str, details: Details) -> bool:
    """Whether what is listed as a file may be a folder: it is a page, is called neither so nor as a capture, and has
    links."""
    if details.get("mimetype") != "text/html" or posixpath.splitext(name)[1].lower() in _PAGES:
        return False
    if formats.format_of(name) is not None:  # as reading it will tell
        return False
    data = b""
    with suppress(Exception), opened(files, name) as page:  # as its job will tell
        while len(data) < _BEGINNING and (more := page.read(_BEGINNING)):
            data += more
    return _LINK.search(data) is not None


def _links(files: Any, folder: str) -> Sequence[str]:
    """The links of a page, but those to the page itself, however it is to be sorted; none where there is no page."""
    try:
        there = files.ls(folder, detail=False)
    except FileNotFoundError as error:
        if not is_missing(error):
            raise
        return ()
    finally:
        answered()
    links = dict.fromkeys(link.partition("#")[0] for link in there)
    page = folder.rstrip("/")
    return [link for link in links if link.partition("?")[0].rstrip("/") != page]


def _is_folder(name: str, details: Details) -> bool:
    """Whether a server leads from a name on to the same with /."""
    return unquote(urlsplit(str(details.get("url", ""))).path) == unquote(urlsplit(name).path) + "/"
