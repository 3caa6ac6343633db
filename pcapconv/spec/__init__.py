"""What the specifications of pcap and pcapng say: numbers, names, and the decoding of bytes.

Strategy: all is data, or a function of bytes and of the byte order that they are in. Nothing here knows the model.
"""

from __future__ import annotations

from typing import Literal

ByteOrder = Literal["little", "big"]
