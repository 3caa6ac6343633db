"""What targets are called in the new tree: as their sources are, or by a template such as
`{start:%Y/%m/%d}/{stem}.pcapng`."""

from __future__ import annotations

import posixpath
from collections.abc import Sequence
from fractions import Fraction

from pcapconv import formats
from pcapconv.batching.locations import Found, scheme_of
from pcapconv.batching.stores import store_of
from pcapconv.batching.threads import Threads
from pcapconv.errors import FileError, PcapconvError, UsageError
from pcapconv.formats.output_names import with_suffix
from pcapconv.io.name_template import Facts, Template
from pcapconv.io.paths import STDIO
from pcapconv.io.source import Source
from pcapconv.model import PacketBatch
from pcapconv.wording import argument

_FIELDS = ("start", "stem")
_EXAMPLE = "{start:%Y/%m/%d}/{stem}.pcapng"
_WINDOW = 2**16  # bytes; only the first packet is wanted
_ABREAST = 8  # files that are read at a time


def parse_template(text: str) -> Template:
    """A template for the targets of a batch. Raises UsageError."""
    if text == STDIO or any(part in ("", ".", "..") for part in text.split("/")):
        raise UsageError(f"{argument('template', text)}: name a place below the target directory, as in {_EXAMPLE}")
    try:
        return Template(text, _FIELDS)
    except UsageError as error:
        raise UsageError(f"{argument('template', text)}{str(error).removeprefix(text)}") from None


def by_template(template: Template, found: Sequence[Found], fractions: str | None) -> list[str]:
    """What the targets of files are called: by their stems and the times of their first packets, as the sources state
    them. Several files behind URLs are read at a time."""

    def name_of(each: Found) -> str:
        stem = posixpath.splitext(posixpath.basename(each.name))[0]
        start = _start(each.location, fractions) if template.needs_start and each.state is not None else None
        return template.name(Facts(1, start, "", "", 0), stem)

    if not template.needs_start or all(scheme_of(each.location) is None for each in found):
        return [name_of(each) for each in found]
    with Threads(_ABREAST) as threads:
        return list(threads.map(name_of, found))


def _start(location: str, fractions: str | None) -> Fraction | None:
    """The time of a capture's first packet, in seconds; None where there is none, or nothing can be read."""
    store = store_of(location)
    try:
        try:
            return _start_of(store.open_stream(location), fractions)
        except FileError:  # of a web server, say, that sends files only as a whole
            return _start_of(store.open_source(location, int), fractions)
    except PcapconvError:  # as its job will tell
        return None


def _start_of(opened: Source, fractions: str | None) -> Fraction | None:
    """Raises FormatError, FileError."""
    with opened as source:
        source.fractions = fractions
        for item in formats.open_reader(source, _WINDOW).items():
            if isinstance(item, PacketBatch):
                time = item.packet(0).time_ns
                return None if time is None else Fraction(time, 10**9)
    return None


def as_source(name: str, to: str | None) -> str:
    """What a file is called in the new tree: with the suffix of the format, in the place of another capture's suffix;
    without a change when each file keeps its format."""
    return with_suffix(name, to)
