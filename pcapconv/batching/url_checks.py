"""Checks of URLs, and the messages for URLs that cannot be used: a missing bucket, a missing package for the scheme, or
a name that the store would read as another name."""

from __future__ import annotations

from pcapconv.errors import UsageError
from pcapconv.text import extra_and_how_to_install
from pcapconv.wording import argument

_REMOTE_EXTRA = {"s3", "s3a", "gs", "gcs", "http", "https"}  # schemes that the extra `remote` supports
_PACKAGE_NAMES = {"smbclient": "smbprotocol", "libarchive": "libarchive-c"}  # module → package, where the names differ


def check_url(location: str, *, buckets: bool) -> None:
    """Check that a URL can be encoded and, if its store has `buckets`, that it names a bucket. Raises UsageError."""
    try:
        location.encode()
    except UnicodeEncodeError:
        raise UsageError(
            f"{location}: its name is not in UTF-8, as that of an object has to be; rename it", path=location
        ) from None
    if buckets and location.partition("://")[2][:1] in ("", "/"):
        scheme = location.partition("://")[0]
        raise UsageError(
            f"{location}: names no bucket; write {scheme}://BUCKET, or {scheme}://BUCKET/PREFIX", path=location
        )


def misread_reason(location: str, path: str, *, web: bool, s3: bool) -> str:
    """Return why a store would open another file than the URL `location` names, or "" if it would open that file.
    `path` is the path that the store's client made from the URL. `web` is True for a web server, `s3` for S3."""
    if web:
        return "its name has a #, and a web server sees nothing behind that; write %23" if "#" in location else ""
    if location.endswith("/") and not path.endswith("/"):
        return "its name ends in /, which is lost on the way to its store; copy it to another name"
    if s3 and "?versionId=" in location:
        return "its name has ?versionId=, which is taken for a version of another object; copy it to another name"
    return ""


def link_page_message() -> str:
    """Return the message for a page of links, perhaps a directory, that a web server lists as a file."""
    return (
        "is a page with links, which may be a directory, and not a file; name it with / at its end as the source, or "
        f"leave it out with {argument('exclude')}"
    )


def missing_bucket_message(bucket: str) -> str:
    """Return the message for a bucket that does not exist, or that these credentials may not see."""
    return f"there is no bucket {bucket} that these credentials see; make it, or correct the name"


def missing_package_message(scheme: str | None, error: ImportError) -> str:
    """Return the message for a scheme whose package is not installed, with the name of the package if `error` contains
    it."""
    if scheme in _REMOTE_EXTRA:
        return f"{scheme}:// needs {extra_and_how_to_install('remote')}"
    cause = error.__cause__
    module = (cause.name if isinstance(cause, ImportError) else None) or ""
    package = _PACKAGE_NAMES.get(module, module.partition(".")[0])
    if not package:
        return f"{scheme}:// needs another package: {error}"
    return f"{scheme}:// needs the package {package}; install it: pip install {package}"
