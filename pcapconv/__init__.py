"""Converts packet captures between pcap and pcapng, and loses nothing silently.

How a capture flows; the loop in `conversion.py` passes it through these modules, and `CONTRIBUTING.md` describes each:

    io/source.py          an open input: a path, stdin or a file object
    formats/*_reader.py   a reader for each format makes items of its bytes
    columns.py            the columns of a batch, which kernels/ fill
    model/                the items: sections, interfaces, batches of packets, other blocks, damage
    steps/                each step takes items and gives items: selects, edits; `plan.py` makes the steps in order
    formats/*_writer.py   a writer for each format makes bytes of the items; `losses.py` counts what pcap cannot hold
    sinks.py              where the bytes go: one file, or (in splitting/) the parts of a split
    io/commit.py          gives all outputs of a command their final names, or leaves everything as it was

Below these modules: spec/ defines what blocks, options and link types are; kernels/ has the loops over the packets of a
batch; headers/ and essence/ read what packets say of themselves. Above them, a folder for each capability: creating,
converting, splitting, merging, joining, normalizing, comparing, describing, batching, listing, tables; arrow/ has the
columns of tables, sidecar/ keeps what pcap cannot hold. `capture.py` has `pcapconv.open`, `report.py` has the report of
a conversion, and cli/ is the command.
"""

TYPE_CHECKING = False  # not from `typing`: what takes long to import is imported at its first use

if TYPE_CHECKING:
    from typing import Any

    from pcapconv.batching import batch
    from pcapconv.batching.report import NothingFoundError
    from pcapconv.capture import Capture, open
    from pcapconv.comparing import Comparison, diff
    from pcapconv.converting import convert
    from pcapconv.creating import create
    from pcapconv.creating.capture_writer import CaptureWriter
    from pcapconv.describing import info
    from pcapconv.describing.capture_info import CaptureInfo
    from pcapconv.errors import (
        DamageError,
        FileError,
        FormatError,
        PcapconvError,
        SidecarError,
        TargetError,
        UsageError,
    )
    from pcapconv.joining import join
    from pcapconv.merging import merge
    from pcapconv.model import Block, Damage, Interface, Notice, Packet, PacketBatch, Section
    from pcapconv.normalizing import check, normalize
    from pcapconv.normalizing.check_result import CheckResult
    from pcapconv.report import LossError, Report
    from pcapconv.splitting import split
    from pcapconv.tables import read_table, write_table

__all__ = [
    "Block",
    "Capture",
    "CaptureInfo",
    "CaptureWriter",
    "CheckResult",
    "Comparison",
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
    "check",
    "convert",
    "create",
    "diff",
    "info",
    "join",
    "merge",
    "normalize",
    "open",
    "read_table",
    "split",
    "write_table",
]

try:
    from pcapconv._version import __version__ as __version__
except ImportError:  # a clone in which nothing was built
    __version__ = "0.0"

# Public name → its module, which is imported when the name is first used.
_MODULES = {
    name: module
    for module, names in {
        "batching": ("batch",),
        "batching.report": ("NothingFoundError",),
        "capture": ("Capture", "open"),
        "comparing": ("Comparison", "diff"),
        "converting": ("convert",),
        "creating": ("create",),
        "creating.capture_writer": ("CaptureWriter",),
        "describing": ("info",),
        "describing.capture_info": ("CaptureInfo",),
        "errors": (
            "DamageError",
            "FileError",
            "FormatError",
            "PcapconvError",
            "SidecarError",
            "TargetError",
            "UsageError",
        ),
        "joining": ("join",),
        "merging": ("merge",),
        "model": ("Block", "Damage", "Interface", "Notice", "Packet", "PacketBatch", "Section"),
        "normalizing": ("check", "normalize"),
        "normalizing.check_result": ("CheckResult",),
        "report": ("LossError", "Report"),
        "splitting": ("split",),
        "tables": ("read_table", "write_table"),
    }.items()
    for name in names
}


def __getattr__(name: str) -> "Any":
    """A public name, from its module."""
    if name not in _MODULES:
        raise AttributeError(f"module 'pcapconv' has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"pcapconv.{_MODULES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names, and the names that every module has."""
    return sorted({*globals(), *__all__})
