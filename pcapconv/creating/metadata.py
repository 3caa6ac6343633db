"""Another capture's names, secrets and comments, for `CaptureWriter.add_metadata_of`.

Strategy: the other capture is opened a second time and read to its end, so that it does not matter how far the caller
has read it. Nothing but the comments and blocks is kept.
"""

from __future__ import annotations

from contextlib import closing

from pcapconv.capture import Capture
from pcapconv.creating.new_capture import NewCapture
from pcapconv.creating.packed_values import ORDER
from pcapconv.io.paths import Readable
from pcapconv.model import Block, Damage, Section
from pcapconv.spec import option_lists, pcapng
from pcapconv.spec.byte_orders import body_in

_COPIED_TYPES = (pcapng.NAME_RESOLUTION, pcapng.DECRYPTION_SECRETS)


def add_metadata(new: NewCapture, other: Capture | Readable) -> None:
    """Add the comments on the sections, the names and the secrets of another capture. What could not be read of it is
    noted in the report. Raises FormatError and FileError."""
    opened = other.open_again() if isinstance(other, Capture) else Capture(other)
    with closing(opened):
        for item in opened.items(reuse=True):
            match item:
                case Section():
                    options = option_lists.OptionList(item.raw_options, item.byte_order)
                    new.add_comments(option.value for option in options if option.code == option_lists.COMMENT)
                case Block() if item.type in _COPIED_TYPES:
                    _add_block(new, item)
                case Damage():
                    new.report.add_damage(item._replace(input=opened.name))


def _add_block(new: NewCapture, block: Block) -> None:
    body = body_in(ORDER, block.type, block.body, block.byte_order, new.losses)
    if body is None:
        new.losses[pcapng.block_type(block.type).loss] += block.entries
    else:
        new.write(Block(block.type, body, ORDER, 0, 0))
