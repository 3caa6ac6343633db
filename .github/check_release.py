"""Checks that a tag can be published, and says what is missing: python .github/check_release.py v0.1.0

The tag is `v` and a version; CHANGELOG.md has this version at its top, with the date of the release; the manual pages
name both; pyproject.toml and the pages have the real addresses; the README, which PyPI shows without other files, links
to whole addresses.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
_TO_REPLACE = re.compile("PCAPCONV_(URL|REPOSITORY)")
_LOCAL_LINK = re.compile(r"\]\((?!https?://|#)")


def missing(tag: str, root: Path = ROOT) -> list[str]:
    """Return a sentence for each thing that is missing before this tag can be published."""
    if not re.fullmatch(r"v\d+\.\d+\.\d+((a|b|rc)\d+)?", tag):
        return [f"{tag!r} is no tag of a version: it must be like v1.2.3 or v1.2.3rc1"]
    version, sentences = tag[1:], []
    heading = re.search(r"^## .*$", (root / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    date = heading and re.fullmatch(rf"## {re.escape(version)} \((\d{{4}}-\d\d-\d\d)\)", heading[0])
    if not date:
        sentences.append(f"CHANGELOG.md must begin with the heading '## {version} (YYYY-MM-DD)'")
    else:
        named = f'"{date[1]}" "pcapconv {version}"'
        pages = sorted((root / "man" / "man1").glob("*.1"))
        if not pages or any(named not in page.read_text(encoding="utf-8") for page in pages):
            sentences.append("the manual pages do not name this version and its date: run python docs/generate.py")
    if "pcapconv.example" in (root / "pyproject.toml").read_text(encoding="utf-8"):
        sentences.append("[project.urls] in pyproject.toml does not name the real addresses")
    names = [path.relative_to(root).as_posix() for path in (*root.glob("*.md"), *root.glob("docs/**/*.md"))]
    texts = {name: (root / name).read_text(encoding="utf-8") for name in sorted(names) if name != "RELEASING.md"}
    if unfinished := [name for name, text in texts.items() if _TO_REPLACE.search(text)]:
        sentences.append(f"words that stand for the address are still in {', '.join(unfinished)}")
    if _LOCAL_LINK.search(texts["README.md"]):
        sentences.append("README.md has links that are not whole addresses")
    return sentences


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit("write the tag, as in: python .github/check_release.py v0.1.0")
    sentences = missing(sys.argv[1])
    print(*sentences, sep="\n", end="\n" if sentences else "")
    sys.exit(1 if sentences else 0)
