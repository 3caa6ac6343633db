"""Names of targets: the names of their sources with another suffix, or names by a template such as
`{start:%Y/%m/%d}/{stem}.pcapng`."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from pcapconv import formats
from pcapconv.batching.daemon_threads import DaemonThreads
from pcapconv.batching.locations import FoundFile, scheme_of
from pcapconv.batching.settings import FormatSettings
from pcapconv.batching.stores import store_of
from pcapconv.errors import FileError, PcapconvError, UsageError
from pcapconv.formats.output_names import with_suffix
from pcapconv.io.compression import stem_of
from pcapconv.io.name_template import Template, TemplateValues
from pcapconv.io.paths import STDIO
from pcapconv.io.source import Source
from pcapconv.model import PacketBatch
from pcapconv.time_zones import TimeZone
from pcapconv.wording import argument

_FIELDS = ("start", "stem")
_EXAMPLE = "{start:%Y/%m/%d}/{stem}.pcapng"
_WINDOW = 2**16  # bytes; only the first packet is needed
_READ_AT_ONCE = 8  # files


def parse_template(text: str, zone: TimeZone) -> Template:
    """Parse a template for the names of targets, whose times are those of the zone. Raises UsageError."""
    if text == STDIO or any(part in ("", ".", "..") for part in text.split("/")):
        raise UsageError(
            f"{argument('template', text)}: name a file below the target directory, as in {_EXAMPLE}", option="template"
        )
    try:
        return Template(text, _FIELDS, zone)
    except UsageError as error:
        raise UsageError(f"{argument('template', text)}{str(error).removeprefix(text)}", option="template") from None


def names_by_template(template: Template, found: Sequence[FoundFile], settings: FormatSettings) -> list[str]:
    """Return the names of the targets of these files. A template may use a file's stem and the time of its first packet
    in the source. Several files behind URLs are read at the same time."""

    def name_of(file: FoundFile) -> str:
        stem = stem_of(file.name)
        start = _start(file.location, settings) if template.needs_start and file.state is not None else None
        return template.name(TemplateValues(1, start, "", "", 0), stem)

    if not template.needs_start or all(scheme_of(each.location) is None for each in found):
        return [name_of(each) for each in found]
    with DaemonThreads(_READ_AT_ONCE) as threads:
        return list(threads.map(name_of, found))


def _start(location: str, settings: FormatSettings) -> Fraction | None:
    """Return the time of a capture's first packet in seconds since 1970; None if it has no packet or time, or cannot be
    read."""
    store = store_of(location)
    try:
        try:
            return _start_of(store.open_stream(location), settings)
        except FileError:  # such as that of a web server that sends only whole files
            return _start_of(store.open_source(location, int), settings)
    except PcapconvError:  # the file's job will report it
        return None


def _start_of(opened: Source, settings: FormatSettings) -> Fraction | None:
    """Return the time of the first packet of an open source, and close the source. Raises FormatError, FileError."""
    with opened as source:
        source.fractions, source.salvage = settings.fractions, settings.salvage
        for item in formats.open_reader(source, _WINDOW).items():
            if isinstance(item, PacketBatch):
                time = item.packet(0).time_ns
                return None if time is None else Fraction(time, 10**9)
    return None


def name_like_source(name: str, to: str | None, compress: str | None = None) -> str:
    """Return the name of a source with the suffix of the target format in place of a capture's suffix, or with that
    suffix if each file keeps its format (`to` is None); the suffix of a compression stays, unless `compress` is another
    one."""
    return with_suffix(name, to, compress)
