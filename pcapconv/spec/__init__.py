"""What the specifications of pcap and pcapng say: numbers, names, and the decoding of bytes.

Strategy: everything here is data, or a function of bytes and their byte order. Nothing here knows the model. What a
block or an option is stands once, in the table in `pcapng`; `readable_options` makes their values readable.
"""

from __future__ import annotations

from typing import Literal

ByteOrder = Literal["little", "big"]
