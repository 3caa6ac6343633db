"""What is said of URLs that lead nowhere: no bucket, no package for the scheme, a name that no store takes."""

from __future__ import annotations

from pcapconv.errors import UsageError
from pcapconv.wording import argument

_EXTRA = {"s3", "s3a", "gs", "gcs", "http", "https"}  # what needs no more than the extra `remote`
_NAMES = {"smbclient": "smbprotocol", "libarchive": "libarchive-c"}  # of packages whose modules are called otherwise


def check_url(location: str, *, buckets: bool) -> None:
    """Raises UsageError for a URL that leads nowhere; `buckets` tells that the store has some."""
    try:
        location.encode()
    except UnicodeEncodeError:
        raise UsageError(f"{location}: its name is not in UTF-8, as that of an object has to be; rename it") from None
    if buckets and location.partition("://")[2][:1] in ("", "/"):
        scheme = location.partition("://")[0]
        raise UsageError(f"{location}: names no bucket; write {scheme}://BUCKET, or {scheme}://BUCKET/PREFIX")


def other_file(location: str, path: str, *, web: bool, s3: bool) -> str:
    """Why the file at a place is another one for whoever gets this path of it: a client of a `web_servers` server or of `s3`,
    say; empty where it is that one."""
    if web:
        return "its name has a #, and a web server sees nothing behind that; write %23" if "#" in location else ""
    if location.endswith("/") and not path.endswith("/"):
        return "its name ends in /, which is lost on the way to its store; copy it to another name"
    if s3 and "?versionId=" in location:
        return "its name has ?versionId=, which is taken for a version of another object; copy it to another name"
    return ""


def page_with_links() -> str:
    """What is said of a page of a web server that is named like a file."""
    return (
        "is a page with links, which may be a directory, and not a file; name it with / at its end as the source, or "
        f"leave it out with {argument('exclude')}"
    )


def no_bucket(bucket: str) -> str:
    """What is said of a store's missing bucket."""
    return f"there is no bucket {bucket} that these credentials see; make it, or correct the name"


def package_of(scheme: str | None, error: ImportError) -> str:
    """What is said of a scheme whose package is not installed."""
    if scheme in _EXTRA:
        return f"{scheme}:// needs the extra remote; install it: pip install 'pcapconv[remote]'"
    cause = error.__cause__
    module = (cause.name if isinstance(cause, ImportError) else None) or ""
    package = _NAMES.get(module, module.partition(".")[0])
    if not package:
        return f"{scheme}:// needs another package: {error}"
    return f"{scheme}:// needs the package {package}; install it: pip install {package}"
