"""pcapconv: packet captures between pcap and pcapng, with nothing lost silently."""

from typing import TYPE_CHECKING, Any

from pcapconv.capture import Capture, open
from pcapconv.conversion import convert
from pcapconv.errors import (
    DamageError,
    FileError,
    FormatError,
    LossError,
    NothingFoundError,
    PcapconvError,
    SidecarError,
    TargetError,
    UsageError,
)
from pcapconv.model import Block, Damage, Interface, Notice, Packet, PacketBatch, Section
from pcapconv.report import Report

if TYPE_CHECKING:
    from pcapconv.batching import batch
    from pcapconv.comparing import diff
    from pcapconv.joining import join
    from pcapconv.normalizing import normalize
    from pcapconv.splitting import split

__all__ = [
    "Block",
    "Capture",
    "Damage",
    "DamageError",
    "FileError",
    "FormatError",
    "Interface",
    "LossError",
    "NothingFoundError",
    "Notice",
    "Packet",
    "PacketBatch",
    "PcapconvError",
    "Report",
    "Section",
    "SidecarError",
    "TargetError",
    "UsageError",
    "batch",
    "convert",
    "diff",
    "join",
    "normalize",
    "open",
    "split",
]

__version__ = "0.1.0"


def __getattr__(name: str) -> Any:
    """What a plain conversion does without is imported when it is asked for."""
    if name == "split":
        from pcapconv.splitting import split

        return split
    if name == "batch":
        from pcapconv.batching import batch

        return batch
    if name == "diff":
        from pcapconv.comparing import diff

        return diff
    if name == "join":
        from pcapconv.joining import join

        return join
    if name == "normalize":
        from pcapconv.normalizing import normalize

        return normalize
    raise AttributeError(f"module 'pcapconv' has no attribute {name!r}")
