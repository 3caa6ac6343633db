"""What targets are called in the new tree: as their sources are, or by a template such as
`{start:%Y/%m/%d}/{stem}.pcapng`."""

from __future__ import annotations

import posixpath
from fractions import Fraction

from pcapconv import formats
from pcapconv.batching.places import Found
from pcapconv.batching.stores import store_of
from pcapconv.errors import PcapconvError, UsageError
from pcapconv.formats.naming import with_suffix
from pcapconv.io.paths import STDIO
from pcapconv.io.template import Facts, Template
from pcapconv.model import PacketBatch

_FIELDS = ("start", "stem")
_EXAMPLE = "{start:%Y/%m/%d}/{stem}.pcapng"
_WINDOW = 2**16  # bytes; only the first packet is wanted


def understood(text: str) -> Template:
    """A template for the targets of a batch. Raises UsageError."""
    if text == STDIO or any(part in ("", ".", "..") for part in text.split("/")):
        raise UsageError(f"--target {text}: name a place below DST, as in {_EXAMPLE}")
    try:
        return Template(text, _FIELDS)
    except UsageError as error:
        raise UsageError(f"--target {error}") from None


def by_template(template: Template, found: Found, fractions: str | None) -> str:
    """What a file's target is called: by its stem and the time of its first packet, as the source states it."""
    stem = posixpath.splitext(posixpath.basename(found.name))[0]
    start = _start(found.place, fractions) if template.needs_start and found.state is not None else None
    return template.name(Facts(1, start, "", "", 0), stem)


def _start(place: str, fractions: str | None) -> Fraction | None:
    """The time of a capture's first packet, in seconds; None where there is none, or nothing can be read."""
    try:
        with store_of(place).open_source(place) as source:
            source.fractions = fractions
            for item in formats.open_reader(source, _WINDOW).items():
                if isinstance(item, PacketBatch):
                    time = item.packet(0).time_ns
                    return None if time is None else Fraction(time, 10**9)
    except PcapconvError:  # as its job will tell
        pass
    return None


def as_source(name: str, to: str | None) -> str:
    """What a file is called in the new tree: with the suffix of the format, in the place of another capture's suffix;
    without a change when each file keeps its format."""
    return with_suffix(name, to)
