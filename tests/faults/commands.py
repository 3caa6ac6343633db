"""The commands that are tested: all that write, each with its files, its outputs, and which outputs belong together."""

import json
import struct
from collections.abc import Sequence
from typing import NamedTuple
from xml.etree import ElementTree

import wire

from faults.running import File, Tree

READABLE = 0o644
OWN = 0o640  # of files that are replaced: narrower than the mode of a new file


def acl(*entries: tuple[int, int, int]) -> bytes:
    """A POSIX ACL of (tag, permissions, id) entries, in the form of Linux's extended attribute."""
    return struct.pack("<I", 2) + b"".join(struct.pack("<HHI", *entry) for entry in entries)


NOBODY = 0xFFFFFFFF
USER_OBJ, USER, GROUP_OBJ, MASK, OTHER = 0x01, 0x02, 0x04, 0x10, 0x20
# One more user may read. The group may not, though its bits in the file's mode (0640), which are the mask, say so.
ACL = acl((USER_OBJ, 6, NOBODY), (USER, 4, 12345), (GROUP_OBJ, 0, NOBODY), (MASK, 4, NOBODY), (OTHER, 0, NOBODY))
ATTRIBUTES = (("system.posix_acl_access", ACL), ("user.note", b"kept"))


def plain(data: bytes) -> File:
    """An input that no command changes."""
    return File(data, READABLE)


def replaced(data: bytes) -> File:
    """A file that a command replaces, with permissions of its own."""
    return File(data, OWN)


def old(*names: str) -> Tree:
    """Old files under the names of outputs."""
    return {name: replaced(f"what was there before as {name}".encode()) for name in names}


PCAP = wire.pcap_header() + b"".join(wire.pcap_record(number, number, bytes([number]) * 40) for number in range(1, 4))
LARGE = wire.pcap_header() + wire.pcap_record(1, 2, bytes(984)) * 2500
COMMENT = wire.options((wire.OPT_COMMENT, b"said of it"))
KEYS = b"CLIENT_RANDOM 00 11\n"


def rich(packets: int = 3, link_types: Sequence[int] = (wire.ETHERNET,)) -> bytes:
    """A pcapng capture with metadata that pcap cannot hold: comments, interface names and secrets."""
    interfaces = [
        wire.interface(link_type, options=wire.options((wire.IF_NAME, b"eth%d" % number)))
        for number, link_type in enumerate(link_types)
    ]
    blocks = [
        wire.enhanced_packet(number % len(link_types), number * 10**6, bytes([number]) * 40, options=COMMENT)
        for number in range(packets)
    ]
    secrets = wire.secrets(wire.TLS_KEY_LOG, KEYS)
    return wire.section_header(options=COMMENT) + b"".join(interfaces) + secrets + b"".join(blocks)


# The last packet is longer than the snaplen in the header of a pcap file, so that a compressed one is compressed again.
LATE = (
    wire.section_header()
    + wire.interface(snaplen=2000) * 2
    + b"".join(wire.enhanced_packet(0, number, bytes(1000)) for number in range(700))
    + wire.enhanced_packet(1, 701, bytes(3000))
)
RICH = rich()
NANOSECONDS = wire.options((wire.IF_TSRESOL, b"\x09"))
NORMAL = wire.section_header() + wire.interface(options=NANOSECONDS) + wire.enhanced_packet(0, 2000, b"one")
MIXED = rich(4, (wire.ETHERNET, wire.RAW_IP))
# More than is sorted, or held against other packets, in memory.
LARGE_BACKWARDS = wire.pcap_header() + b"".join(
    wire.pcap_record(700 - number, 0, number.to_bytes(2, "big") * 15_000) for number in range(600)
)
TWICE = wire.pcap_header() + b"".join(wire.pcap_record(number, 0, bytes([number // 2]) * 40) for number in range(6))
BACKWARDS = wire.pcap_header() + b"".join(wire.pcap_record(9 - number, 0, bytes([number])) for number in range(3))


class Command(NamedTuple):
    """A command line, and the files in the folder where it runs.

    Each of `sets` has the names of outputs that get their final names together, or not at all. `later` is a report,
    which is written after all other outputs. `first` is a command line that makes some of the files. `again` is the
    command line of the next run after a failure, if it differs. `each` tells that files are done one by one, as in a
    batch. `edited` is an input that is rewritten in place; `folder` is the folder of the outputs, if they have one.
    """

    name: str
    arguments: str
    files: Tree
    sets: tuple[tuple[str, ...], ...]
    later: str = ""
    first: str = ""
    again: str = ""
    each: bool = False
    edited: str = ""
    folder: str = ""
    variable: tuple[str, ...] = ()  # outputs whose bytes differ from run to run, such as a report with durations

    @property
    def processes(self) -> bool:
        """Return whether the command starts other processes."""
        return self.arguments.startswith("batch ")

    def with_attributes(self) -> "Command":
        """The same command on replaced files that have an ACL and another extended attribute."""
        files = {
            name: file._replace(attributes=ATTRIBUTES) if file.mode == OWN else file
            for name, file in self.files.items()
        }
        return self._replace(name=f"{self.name}-attributes", files=files)

    def next_run(self) -> list[str]:
        """The arguments of the run after a fault."""
        return (self.again or self.arguments).split()


def is_whole(name: str, data: bytes) -> bool:
    """Return whether a file whose bytes differ from run to run is complete."""
    try:
        if name.endswith(".xml"):
            return ElementTree.fromstring(data).tag == "testsuites"
        return name.endswith(".json") and data.endswith(b"}\n") and bool(json.loads(data))
    except (ElementTree.ParseError, ValueError):
        return False


KEEP = {"out/keep": plain(b"")}  # makes the folder `out`
COMPRESSED_PARTS = tuple(f"out/x-0000{number}.pcap.zst" for number in range(1, 4))
PARTS = tuple(f"out/x-0000{number}.pcap" for number in range(1, 4))
PAIR = ("out/x.pcap", "out/x.pcap.meta.json")
BY_LINK_TYPE = ("out/mixed-ETHERNET.pcap", "out/mixed-RAW.pcap", "out/mixed.meta.json")
TREE = {f"raw/{name}.pcap": plain(PCAP[:-1] + b"%d" % number) for number, name in enumerate("abc")}
EXTRAS = "--extract-secrets out/keys --report report.json"

SINGLE = [
    Command(
        "convert", "convert in.pcap out/x.pcapng", KEEP | {"in.pcap": plain(PCAP)}, (("out/x.pcapng",),), folder="out"
    ),
    Command(
        "convert-force",
        "convert in.pcap out/x.pcapng --force",
        {"in.pcap": plain(PCAP)} | old("out/x.pcapng"),
        (("out/x.pcapng",),),
        folder="out",
    ),
    Command(
        "convert-in-place",
        "convert x.pcap x.pcap --to pcapng --force",
        {"x.pcap": replaced(PCAP)},
        (("x.pcap",),),
        edited="x.pcap",
    ),
    Command(
        "convert-large-in-place",
        "convert x.pcap x.pcap --to pcapng --force",
        {"x.pcap": replaced(LARGE)},
        (("x.pcap",),),
        edited="x.pcap",
    ),
    Command(
        "convert-compressed",
        "convert in.pcapng out/x.pcap.gz",
        KEEP | {"in.pcapng": plain(LATE)},
        (("out/x.pcap.gz",),),
        folder="out",
    ),
    Command(
        "convert-compressed-in-place",
        "convert x.pcap x.pcap --to pcap --compress gzip --force",
        {"x.pcap": replaced(LATE)},
        (("x.pcap",),),
        edited="x.pcap",
    ),
    Command(
        "convert-sidecar",
        "convert in.pcapng out/x.pcap --sidecar",
        KEEP | {"in.pcapng": plain(RICH)},
        (PAIR,),
        folder="out",
    ),
    Command(
        "convert-sidecar-force",
        "convert in.pcapng out/x.pcap --sidecar --sidecar-fingerprints --force",
        {"in.pcapng": plain(RICH)} | old(*PAIR),
        (PAIR,),
        folder="out",
    ),
    Command(
        "convert-with-all",
        f"convert in.pcapng out/x.pcap --sidecar {EXTRAS}",
        KEEP | {"in.pcapng": plain(RICH)},
        ((*PAIR, "out/keys"),),
        later="report.json",
        folder="out",
    ),
    Command(
        "convert-in-place-with-all",
        f"convert x.pcapng x.pcapng --force --strip secrets {EXTRAS}",
        {"x.pcapng": replaced(RICH)} | old("out/keys", "report.json"),
        (("x.pcapng", "out/keys"),),
        later="report.json",
        edited="x.pcapng",
    ),
    Command(
        "convert-with-sidecar-read",
        "convert out/x.pcap again.pcapng --sidecar",
        KEEP | {"in.pcapng": plain(RICH)},
        (("again.pcapng",),),
        first="convert in.pcapng out/x.pcap --sidecar",
    ),
    Command(
        "convert-key-logs-alone",
        "convert in.pcapng --extract-secrets out/keys --report report.json",
        KEEP | {"in.pcapng": plain(RICH)},
        (("out/keys",),),
        later="report.json",
        folder="out",
    ),
    Command(
        "convert-sort",
        "convert in.pcap out/x.pcapng --sort --report report.json",
        KEEP | {"in.pcap": plain(BACKWARDS)},
        (("out/x.pcapng",),),
        later="report.json",
        folder="out",
    ),
    Command(
        "convert-sort-large-in-place",
        "convert x.pcap x.pcap --sort --force",
        {"x.pcap": replaced(LARGE_BACKWARDS)},
        (("x.pcap",),),
        edited="x.pcap",
    ),
    Command(
        "convert-dedup-force",
        "convert in.pcap out/x.pcap --dedup 4 --report report.json --force",
        {"in.pcap": plain(TWICE)} | old("out/x.pcap", "report.json"),
        (("out/x.pcap",),),
        later="report.json",
        folder="out",
    ),
    Command(
        "convert-dedup-large",
        "convert in.pcap out/x.pcap --dedup 1h",
        KEEP | {"in.pcap": plain(LARGE_BACKWARDS)},
        (("out/x.pcap",),),
        folder="out",
    ),
    Command("convert-to-stdout", "convert in.pcap - --to pcapng", {"in.pcap": plain(LARGE)}, (("stdout",),)),
    Command(
        "convert-to-stdout-strict", "convert in.pcap - --to pcapng --strict", {"in.pcap": plain(LARGE)}, (("stdout",),)
    ),
    Command(
        "split", "split in.pcap out/x.pcap --max-packets 1", KEEP | {"in.pcap": plain(PCAP)}, (PARTS,), folder="out"
    ),
    Command(
        "split-force",
        "split in.pcap out/x.pcap --max-packets 1 --force",
        {"in.pcap": plain(PCAP)} | old(*PARTS),
        (PARTS,),
        folder="out",
    ),
    Command(
        "split-compressed-force",
        "split in.pcap out/x.pcap.zst --max-packets 1 --force",
        {"in.pcap": plain(PCAP)} | old(*COMPRESSED_PARTS),
        (COMPRESSED_PARTS,),
        folder="out",
    ),
    Command(
        "split-with-all",
        f"split in.pcapng out/x.pcap --max-packets 1 {EXTRAS}",
        KEEP | {"in.pcapng": plain(RICH)},
        ((*PARTS, "out/keys"),),
        later="report.json",
        folder="out",
    ),
    Command(
        "split-force-with-all",
        f"split in.pcapng out/x.pcap --max-packets 1 --force {EXTRAS}",
        {"in.pcapng": plain(RICH)} | old(*PARTS[1:], "out/keys", "report.json"),
        ((*PARTS, "out/keys"),),
        later="report.json",
        folder="out",
    ),
    Command(
        "split-sort-dedup",
        "split in.pcap out/x.pcap --max-packets 1 --sort --dedup 4",
        KEEP | {"in.pcap": plain(TWICE)},
        (PARTS,),
        folder="out",
    ),
    Command(
        "split-sidecar",
        "split mixed.pcapng out/{stem}-{link_type}.pcap --by link-type --sidecar",
        KEEP | {"mixed.pcapng": plain(MIXED)},
        (BY_LINK_TYPE,),
        folder="out",
    ),
    Command(
        "merge",
        "merge in/a.pcap in/b.pcapng out/x.pcapng",
        KEEP | {"in/a.pcap": plain(PCAP), "in/b.pcapng": plain(RICH)},
        (("out/x.pcapng",),),
        folder="out",
    ),
    Command(
        "merge-in-place",
        "merge x.pcapng in.pcapng x.pcapng --force",
        {"x.pcapng": replaced(MIXED), "in.pcapng": plain(LATE)},
        (("x.pcapng",),),
        edited="x.pcapng",
    ),
    Command(
        "merge-sections",
        "merge --sort in.pcapng in.pcap out/x.pcapng --force",
        {"in.pcapng": plain(MIXED + RICH), "in.pcap": plain(BACKWARDS)} | old("out/x.pcapng"),
        (("out/x.pcapng",),),
        folder="out",
    ),
    Command(
        "merge-with-all",
        f"merge --append in.pcap in.pcapng out/x.pcapng {EXTRAS}",
        KEEP | {"in.pcap": plain(PCAP), "in.pcapng": plain(RICH)},
        (("out/x.pcapng", "out/keys"),),
        later="report.json",
        folder="out",
    ),
    Command(
        "merge-to-stdout",
        "merge in.pcap in.pcapng - --to pcapng",
        {"in.pcap": plain(LARGE), "in.pcapng": plain(RICH)},
        (("stdout",),),
    ),
    Command(
        "normalize",
        "normalize in.pcap out/x.pcapng --sort --report report.json",
        KEEP | {"in.pcap": plain(BACKWARDS)},
        (("out/x.pcapng",),),
        later="report.json",
        folder="out",
    ),
    Command(
        "normalize-in-place",
        "normalize --in-place x.pcapng y.pcapng",
        {"x.pcapng": replaced(RICH), "y.pcapng": replaced(MIXED)},
        (("x.pcapng",), ("y.pcapng",)),
        each=True,
        edited="x.pcapng",
    ),
    Command(
        "normalize-check",
        "normalize --check --diff --junit out/j.xml --force x.pcapng",
        {"x.pcapng": plain(NORMAL)} | old("out/j.xml"),
        (("out/j.xml",),),
        each=True,  # a capture that cannot be read is a result, too
        folder="out",
        variable=("out/j.xml",),
    ),
    Command(
        "join",
        "join out/mixed.meta.json again.pcapng --force",
        KEEP | {"mixed.pcapng": plain(MIXED)} | old("again.pcapng"),
        (("again.pcapng",),),
        first="split mixed.pcapng out/{stem}-{link_type}.pcap --by link-type --sidecar",
    ),
    Command(
        "table",
        "table in.pcap out/x.parquet --columns number,time,data,source_address,last_protocol",
        KEEP | {"in.pcap": plain(LARGE)},
        (("out/x.parquet",),),
        folder="out",
    ),
    Command(
        "table-force",
        "table in.pcapng out/x.arrow --report report.json --force",
        {"in.pcapng": plain(RICH)} | old("out/x.arrow", "report.json"),
        (("out/x.arrow",),),
        later="report.json",
        folder="out",
    ),
    Command(
        "table-to-stdout",
        "table in.pcap - --to arrows --columns number,data,source_mac",
        {"in.pcap": plain(LARGE)},
        (("stdout",),),
    ),
]

BATCHES = [
    Command(
        "batch",
        "batch raw out --to pcapng --jobs 1 --report report.json",
        TREE,
        tuple((f"out/{name}.pcapng",) for name in "abc"),
        later="report.json",
        again="batch raw out --to pcapng --jobs 1 --report report.json --force --resume",
        each=True,
        folder="out",
        variable=("report.json",),
    ),
    Command(
        "batch-in-place",
        "batch raw --in-place --chop 4 --jobs 1",
        {name: replaced(file.data) for name, file in TREE.items()},
        tuple((name,) for name in TREE),
        again="batch raw --in-place --chop 4 --jobs 1 --resume",
        each=True,
        edited="raw/b.pcap",
    ),
    Command(
        "batch-sort-dedup",
        "batch raw out --sort --dedup 4 --jobs 1",
        {"raw/a.pcap": plain(BACKWARDS), "raw/b.pcap": plain(TWICE)},
        (("out/a.pcap",), ("out/b.pcap",)),
        again="batch raw out --sort --dedup 4 --jobs 1 --force --resume",
        each=True,
        folder="out",
    ),
    Command(
        "batch-with-sidecars",
        "batch raw out --to pcap --sidecar --extract-secrets .keys --jobs 1",
        {f"raw/{name}.pcapng": plain(rich(number)) for number, name in enumerate("ab", 1)},
        tuple((f"out/{name}.pcap", f"out/{name}.pcap.meta.json", f"out/{name}.pcap.keys") for name in "ab"),
        again="batch raw out --to pcap --sidecar --extract-secrets .keys --jobs 1 --force --resume",
        each=True,
        folder="out",
    ),
]

_REPLACE = ("convert-force", "convert-in-place", "convert-sidecar-force", "split-force", "normalize-in-place")
RIGHTS = [command.with_attributes() for command in SINGLE if command.name in _REPLACE]

COMMANDS = {command.name: command for command in SINGLE + RIGHTS + BATCHES}
