"""Makes captures from Python: `pcapconv.create`.

capture_writer        `CaptureWriter`, to which packets and metadata are written
written_packets       what `write` writes for its arguments: a new packet, or one of another capture
packet_output         the packets on their way to the file: a batch to which they are appended
packet_options        the options of packets, with what the caller replaces
declared_interfaces   the interfaces: declared by the caller, or those of other captures
new_capture           the items of the new capture on their way to its file: whole or not at all
foreign_packets       interfaces and packets of other captures, brought into the new capture's section
metadata              another capture's names, secrets and comments
exact_times           times in Python's types, as integers
packed_values         options, names and secrets in Python's types, as bytes

Strategy: the writers of conversions write the capture, so a `CaptureWriter` makes what a reader makes: a section,
interfaces, batches of packets, and blocks, always in the layout `pcapng`. The writer of pcap counts what pcap cannot
hold. A kernel appends packets to a batch; a full batch goes to the writer.
"""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from typing import SupportsIndex

from pcapconv import formats
from pcapconv.argument_types import check_flags
from pcapconv.conversion import OnLoss, check_on_loss
from pcapconv.creating.capture_writer import CaptureWriter
from pcapconv.creating.exact_times import check_resolution
from pcapconv.creating.new_capture import NewCapture
from pcapconv.creating.packed_values import section_options
from pcapconv.errors import UsageError
from pcapconv.formats.output_compression import choose_compression
from pcapconv.formats.settings import WriterSettings
from pcapconv.io.paths import Writable, base_name, name_of
from pcapconv.io.target import open_target
from pcapconv.sinks import FileSink
from pcapconv.wording import argument


def create(
    target: Writable,
    *,
    link_type: str | SupportsIndex | None = None,
    snaplen: SupportsIndex = 0,
    resolution: str = "ns",
    to: str | None = None,
    force: bool = False,
    compress: str | None = None,
    compress_level: int | None = None,
    on_loss: OnLoss = "warn",
    fsync: bool = True,
    comment: str | Sequence[str] = (),
    hardware: str | None = None,
    os: str | None = None,
    application: str | None = None,
) -> CaptureWriter:
    """Create a capture, to be written in a `with` block.

    * `target`: a path, `-` for stdout, or a binary file object, which stays open. It gets the capture when the block
      ends, and nothing after an exception. Only a pipe gets packets before, see `CaptureWriter.flush`.
    * `link_type`: the link type of the only interface, by its name or its number: `"ethernet"` or `1`. For several
      interfaces, or for packets of other captures, leave it out: `CaptureWriter.add_interface` declares interfaces, and
      packets of other captures bring theirs.
    * `snaplen`: the most bytes that a packet of this interface may have; 0 is no limit.
    * `resolution`: the unit in which times are stored, `"ns"` or `"us"`. A finer time is refused. In pcapng, packets of
      other captures keep their own unit, unless it is finer than microseconds and `"us"` is given.
    * `to`, `force`, `compress`, `compress_level`, `on_loss`, `fsync`: as for `convert`.
    * `comment`: a comment on the whole capture, or several. `hardware`, `os`, `application`: what captured it. pcap
      holds none of these.

    Returns a `CaptureWriter`. Raises UsageError for invalid arguments, and FileError if the file exists or cannot be
    created.
    """
    check_on_loss(on_loss)
    check_flags(force=force, fsync=fsync)
    if link_type is None and not (isinstance(snaplen, int) and snaplen == 0):
        raise UsageError(
            f"{argument('snaplen', snaplen)} goes with {argument('link_type')}; add_interface takes it, too",
            option="snaplen",
        )
    per_second = check_resolution(resolution)
    options = section_options(comment, hardware, os, application)
    format_name = formats.target_format(name_of(target), to)
    settings = WriterSettings(
        format_name, resolution == "ns", chooses=None, compress=compress, compress_level=compress_level
    )
    settings = choose_compression(settings, target)
    with ExitStack() as stack:
        opened = open_target(
            target, force=force, whole=on_loss == "fail", hidden=True, compressed=settings.compress is not None
        )
        sink = stack.enter_context(FileSink(opened, base_name(target)))
        capture = CaptureWriter(NewCapture(sink, settings, options, on_loss, fsync=fsync), per_second)
        if link_type is not None:
            capture.add_interface(link_type, snaplen=snaplen)
        stack.pop_all()
    return capture
