"""pcapconv: packet captures between pcap and pcapng, with nothing lost silently."""

from pcapconv.capture import Capture, open
from pcapconv.convert import convert
from pcapconv.errors import (
    DamageError,
    FileError,
    FormatError,
    LossError,
    PcapconvError,
    TargetError,
    UsageError,
)
from pcapconv.model import Block, Damage, Interface, Notice, Packet, PacketBatch, Section
from pcapconv.report import Report

__all__ = [
    "Block",
    "Capture",
    "Damage",
    "DamageError",
    "FileError",
    "FormatError",
    "Interface",
    "LossError",
    "Notice",
    "Packet",
    "PacketBatch",
    "PcapconvError",
    "Report",
    "Section",
    "TargetError",
    "UsageError",
    "convert",
    "open",
]

__version__ = "0.1.0"
