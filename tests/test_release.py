"""What `.github/check_release.py` says of a tag, before anything is published."""

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[1] / ".github" / "check_release.py"
LOG, PAGE, PROJECT, README = "CHANGELOG.md", "man/man1/pcapconv.1", "pyproject.toml", "README.md"
READY = {
    LOG: "# Changelog\n\n## 1.2.3 (2027-01-31)\n\nText.\n\n## 1.2.2 (2026-12-24)\n",
    PAGE: '.TH PCAPCONV 1 "2027-01-31" "pcapconv 1.2.3" "User Commands"\n',
    PROJECT: '[project.urls]\nHomepage = "https://example.net"\n',
    README: "[Jobs](#jobs), [more](https://example.net/docs/index.md)\n",
    "RELEASING.md": "Replace PCAPCONV_URL.\n",
}
NO_HEADING = "CHANGELOG.md must begin with the heading '## 1.2.3 (YYYY-MM-DD)'"
OLD_PAGES = "the manual pages do not name this version and its date: run python docs/generate.py"


def test_without_a_tag() -> None:
    done = subprocess.run([sys.executable, str(SCRIPT)], capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (1, "write the tag, as in: python .github/check_release.py v0.1.0\n")


@pytest.mark.parametrize(
    ("tag", "changed", "said"),
    [
        ("v1.2.3", {}, []),
        ("1.2.3", {}, ["'1.2.3' is no tag of a version: it must be like v1.2.3 or v1.2.3rc1"]),
        ("v1.2.3.4", {}, ["'v1.2.3.4' is no tag of a version: it must be like v1.2.3 or v1.2.3rc1"]),
        ("v1.2.3", {LOG: "# Changelog\n\n## 1.2.3 (not released yet; 2027-01-31)\n"}, [NO_HEADING]),
        ("v1.2.3", {LOG: "# Changelog\n\n## 1.2.4 (2027-02-01)\n\n## 1.2.3 (2027-01-31)\n"}, [NO_HEADING]),
        ("v1.2.3", {LOG: "# Changelog\n"}, [NO_HEADING]),
        ("v1.2.3", {LOG: "## 1.2.3 (2027-02-01)\n"}, [OLD_PAGES]),
        ("v1.2.3", {PAGE: '.TH PCAPCONV 1 "2027-01-31" "pcapconv 1.2.2" "User Commands"\n'}, [OLD_PAGES]),
        (
            "v1.2.3",
            {PROJECT: '[project.urls]\nHomepage = "https://pcapconv.example"\n'},
            ["[project.urls] in pyproject.toml does not name the real addresses"],
        ),
        (
            "v1.2.3",
            {"docs/install.md": "git clone PCAPCONV_URL\n", "docs/how-to/ci.md": "uses: PCAPCONV_REPOSITORY@v1.2.3\n"},
            ["words that stand for the address are still in docs/how-to/ci.md, docs/install.md"],
        ),
        ("v1.2.3", {README: "![A session.](docs/session.svg)\n"}, ["README.md has links that are not whole addresses"]),
    ],
)
def test_what_is_missing(tag: str, changed: dict[str, str], said: list[str], tmp_path: Path) -> None:
    for name, text in {**READY, **changed, ".github/check_release.py": SCRIPT.read_text(encoding="utf-8")}.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    command = [sys.executable, str(tmp_path / ".github" / "check_release.py"), tag]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60)
    assert (done.stdout.splitlines(), done.stderr) == (said, "")
    assert done.returncode == (1 if said else 0)
