"""Opens every page of the built site in headless Chromium, on a wide and on a narrow window, and searches it.

    python docs/browse.py build/site

Fails for an error in a page, a request that fails or leaves the site, content that is wider than the window, a picture
that does not load, and a search without a result. Needs `playwright`, and Chromium in the PATH.
"""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread

from playwright.sync_api import Page, Request, sync_playwright

WIDTHS = (400, 1280)  # pixels
SEARCHED = "nanoseconds"
# The theme's column scrolls sideways if its contents are too wide, and the document stays as wide as the window.
_SCROLLING = "[...document.querySelectorAll('html, .content')]"
_OVERFLOW = f"Math.max(...{_SCROLLING}.map(each => each.scrollWidth - each.clientWidth))"
_BROKEN_PICTURES = "[...document.images].filter(each => !each.naturalWidth).map(each => each.src)"


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        """Print nothing."""


def faults(site: Path, page: Page, address: str) -> Iterator[str]:
    """Yield a line for each fault that is found."""
    seen: list[str] = []
    page.on("console", lambda message: seen.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: seen.append(str(error)))
    page.on(
        "requestfailed", lambda request: None if _is_aborted(request) else seen.append(f"cannot load {request.url}")
    )
    page.on("request", lambda request: None if request.url.startswith((address, "data:")) else seen.append(request.url))
    for path in sorted(site.rglob("*.html")):
        name = str(path.relative_to(site))
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            page.goto(f"{address}/{name}")
            seen += [f"a picture does not load: {url}" for url in page.evaluate(_BROKEN_PICTURES)]
            if (overflow := page.evaluate(_OVERFLOW)) > 0:
                seen.append(f"{overflow} pixels wider than the window")
            yield from (f"{name}, {width} pixels: {fault}" for fault in seen)
            seen.clear()
    page.goto(f"{address}/search.html?q={SEARCHED}")
    page.wait_for_function("document.querySelector('#search-results .search-summary')?.innerText.includes('found')")
    found = page.locator("#search-results ul.search li").count()
    print(f"search for {SEARCHED!r}: {found} pages")
    if not found:
        yield f"the search finds nothing for {SEARCHED!r}"
    yield from seen


def _is_aborted(request: Request) -> bool:
    """Return whether a request failed only because the next page was opened meanwhile."""
    return "ERR_ABORTED" in (request.failure or "")


def main(site: Path) -> int:
    """Return the exit status: 1 if a fault was found."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=site))
    Thread(target=server.serve_forever, daemon=True).start()
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        found = list(faults(site, chromium.new_page(), f"http://127.0.0.1:{server.server_port}"))
        chromium.close()
    server.shutdown()
    print(*found, sep="\n", end="\n" if found else "")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
