"""Links in Markdown pages lead to files and headings that exist."""

from __future__ import annotations

import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from urllib.parse import unquote

import pytest
from markdown_it import MarkdownIt
from markdown_it.token import Token

ROOT = Path(__file__).parent.parent
PAGES = sorted(
    [
        *ROOT.glob("*.md"),
        *(page for folder in ("docs", "benchmarks", "tests") for page in (ROOT / folder).rglob("*.md")),
    ]
)
# A host of RFC 2606, and pcapconv behind it: an address that readers could take for a real one.
IMAGINARY = re.compile(r"(?:\bexample\.(?:com|net|org)|\.example)(?::\d+)?/[^\s\"'`()]*pcapconv")


@cache
def tokens(path: Path) -> tuple[Token, ...]:
    return tuple(MarkdownIt("commonmark").enable("table").parse(path.read_text(encoding="utf-8")))


def links(path: Path) -> Iterator[str]:
    for token in tokens(path):
        for child in token.children or ():
            if child.type in ("link_open", "image"):
                yield str(child.attrs["src" if child.type == "image" else "href"])


@cache
def anchors(path: Path) -> frozenset[str]:
    """The names by which links reach the headings of a page, on a forge and on the site."""
    found: list[str] = []
    for before, token in zip(tokens(path), tokens(path)[1:]):
        if before.type == "heading_open":
            text = "".join(child.content for child in token.children or () if child.type in ("text", "code_inline"))
            name = re.sub(r"[^\w\- ]", "", text.lower()).replace(" ", "-")
            found.append(f"{name}-{found.count(name)}" if name in found else name)
    return frozenset(found)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_inside_lead_somewhere(path: Path) -> None:
    broken = []
    for link in links(path):
        if "://" in link or link.startswith("mailto:"):
            continue
        file, _, anchor = unquote(link).partition("#")
        target = (path.parent / file).resolve() if file else path
        if not target.exists() or not target.is_relative_to(ROOT) or (anchor and anchor not in anchors(target)):
            broken.append(link)
    assert broken == []


def test_pages_of_the_site_link_to_no_page_outside() -> None:
    """Sphinx, which builds the site from `docs`, refuses a link to a page that is not below it."""
    docs = ROOT / "docs"
    outside = [
        (page.name, link)
        for page in PAGES
        if page.is_relative_to(docs)
        for link in links(page)
        if (file := unquote(link).partition("#")[0]).endswith(".md") and "://" not in file
        if not (page.parent / file).resolve().is_relative_to(docs)
    ]
    assert outside == []


def test_indexes_link_to_each_page() -> None:
    indexes = [ROOT / "docs" / "index.md", ROOT / "docs" / "reference" / "commands" / "index.md"]
    linked = {(index.parent / link.partition("#")[0]).resolve() for index in indexes for link in links(index)}
    pages = {page.resolve() for page in PAGES if page.is_relative_to(ROOT / "docs")}
    assert sorted(pages - linked) == [indexes[0].resolve()]


@pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_address_that_does_not_exist(path: Path) -> None:
    """What the reader fills in are words such as PCAPCONV_URL, which docs/install.md explains."""
    assert IMAGINARY.findall(path.read_text(encoding="utf-8")) == []


def test_pages_of_the_site_link_to_pages_of_the_site() -> None:
    """Sphinx knows no page outside `docs/`; other files it offers to download."""
    site = ROOT / "docs"
    outside = []
    for page in PAGES:
        targets = [link.partition("#")[0] for link in links(page) if "://" not in link]
        if page.is_relative_to(site):
            pages = [(page.parent / target).resolve() for target in targets if target.endswith(".md")]
            outside += [f"{page.name}: {each.name}" for each in pages if not each.is_relative_to(site)]
    assert outside == []
