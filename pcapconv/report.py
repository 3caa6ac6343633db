"""The report of a conversion: its numbers, and the words for what was lost or left out."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from pcapconv.errors import PcapconvError
from pcapconv.model import Damage, Notice
from pcapconv.text import counted

MOST_LISTED = 1000  # entries of a list of damage or warnings; all are counted

# What the target format cannot hold: kind → its words, singular and plural, in the order of a report.
LOSS_WORDS = {
    "comments": ("comment", "comments"),
    "names": ("name record", "name records"),
    "secrets": ("secrets block", "secrets blocks"),
    "interfaces": ("interface (pcap has one)", "interfaces (pcap has one)"),
    "interface-options": ("interface option", "interface options"),
    "fcs-lengths": ("FCS length", "FCS lengths"),
    "sections": ("further section", "further sections"),
    "section-options": ("section option", "section options"),
    "packet-options": ("packet option", "packet options"),
    "drop-counts": ("packet's drop count", "packets' drop counts"),
    "unreadable-options": ("option list that cannot be read", "option lists that cannot be read"),
    "statistics": ("statistics block", "statistics blocks"),
    "journal-entries": ("systemd journal entry", "systemd journal entries"),
    "custom-blocks": ("custom block", "custom blocks"),
    "unknown-blocks": ("unknown block", "unknown blocks"),
    "time-digits": ("time finer than the target's unit", "times finer than the target's unit"),
    "packets-without-time": (
        "packet without a time, written with time 0",
        "packets without a time, written with time 0",
    ),
    "times-out-of-range": (
        "time that pcap cannot hold, written as the nearest that it can",
        "times that pcap cannot hold, written as the nearest that it can",
    ),
    "time-notation": ("time with a fraction of a second or more", "times with a fraction of a second or more"),
    "header-fields": ("header field", "header fields"),
    "record-fields": ("pcap record's extra fields", "pcap records' extra fields"),
}

# What steps leave out, because the caller asked or an edit made it untrue: kind → its words, singular and plural.
LEFT_OUT_WORDS = {
    "packets-without-time": ("packet without a time", "packets without a time"),
    "packet-hashes": ("packet hash that no longer holds", "packet hashes that no longer hold"),
    "original-lengths": ("Simple Packet's original length", "Simple Packets' original lengths"),
    "do-not-copy": ("block or option marked do-not-copy", "blocks and options marked do-not-copy"),
    "comments": ("comment", "comments"),
    "names": ("name record", "name records"),
    "statistics": ("statistics block", "statistics blocks"),
    "secrets": ("secrets block", "secrets blocks"),
    "custom": ("custom block or option", "custom blocks and options"),
    "interfaces": ("interface without packets", "interfaces without packets"),
    "unknown": ("unknown block or option", "unknown blocks and options"),
    "processes": ("process or option that names one", "processes and options that name them"),
    "host": ("option about the host", "options about the host"),
    "addresses": ("interface address", "interface addresses"),
}


class CaptureFile(NamedTuple):
    """A capture that was written: its name without a directory, its size in bytes, its SHA-256 in hex, the number of
    its packets, and their link type. If the file is compressed, size and SHA-256 are those of its content, the capture;
    `file_sha256` is that of the file as it lies on the disk, empty if it is not known."""

    name: str
    bytes: int
    sha256: str
    packets: int
    link_type: int
    file_sha256: str = ""


class Repeat(NamedTuple):
    """A repeated packet: its number, and that of a packet before it, which it repeats."""

    number: int
    repeats: int


class Report:
    """What a conversion did. Counts by kind are mappings, kind → count; `docs/reference/json.md` lists the kinds.

    * `inputs`, `outputs`: names of files. `source_format`, `target_format`: `"pcap"` or `"pcapng"`; `source_format` is
      `"mixed"` if inputs of both were merged, `target_format` is None if no capture is written.
    * `source_compression`, `target_compression`: the compression of the source and of the outputs, as in `"gzip"`; None
      if they are not compressed, or if the inputs of a merge differ.
    * `packets_read`, `packets_written`: numbers of packets.
    * `other_blocks`: the custom and unknown blocks of the input, by kind, without those that describe processes.
    * `losses`: what the target could not hold, by kind.
    * `left_out`: what selecting and editing left out besides packets, by kind.
    * `sidecar_written`, `sidecar_read`: names of sidecars, or None.
    * `kept_in_sidecar`: what the sidecar that was written holds and the target could not, by kind. This is no loss.
    * `missing_in_sidecar`: what the sidecar that was read lacks, by kind.
    * `damage_in_sidecar`: in how many places the original capture was damaged when the sidecar that was read was
      written.
    * `found_in_sidecar`: of a capture that was edited after its sidecar was written, how many packets were recognised;
      None for any other capture.
    * `repeats`, `repeats_total`: the packets that repeat one before them, each with its `number` and the number of a
      packet that it `repeats`, and how many there are; at most 1,000 are listed. `repeats_total` is None without
      `dedup`.
    * `repeats_across`: if no packet repeats another, how many would if their interfaces were ignored.
    * `decapsulated`: how many `packets` came out of tunnels, how many of those that were selected were
      `not_in_tunnels`, and how many `tunnels` of each kind were taken off; None without `decapsulate`.
    * `secrets_extracted`: the number of key logs; None without `extract_secrets`.
    * `parts`: the parts of a split, each with `name`, `packets`, `bytes`, `first_time` and `last_time`; if a sidecar
      was written, also with `sha256` and `link_type`. None for a conversion into one file.
    * `oversized`: how many `parts` exceed `max_bytes` because of their headers, and the largest number of
      `header_bytes` in a part; None if no part does.
    * `damage`, `damage_total`: what could not be read in the input, and in how many places. At most 1,000 are listed.
    * `warnings`, `warnings_total`: what is odd in the input, although nothing is lost; at most 1,000 are listed.
    * `read_until`: the offset in the capture at which reading ended, because no further packet could be selected. What
      follows was not checked. None if the capture was read to its end.
    * `interrupted`: whether Ctrl-C ended the pipe that was read.
    * `put_back`: files that an earlier split had replaced when it was killed, and that have their old contents again.
    """

    def __init__(self, source: str, target: str, target_format: str) -> None:
        self.inputs = [source]
        self.outputs = [target]
        self.source_format = ""
        self.source_compression: str | None = None
        self.target_format: str | None = target_format
        self.target_compression: str | None = None
        self.packets_read = 0
        self.packets_written = 0
        self.other_blocks: Counter[str] = Counter()
        self.losses: dict[str, int] = {}
        self.kept_in_sidecar: dict[str, int] = {}
        self.missing_in_sidecar: dict[str, int] = {}
        self.damage_in_sidecar = 0
        self.sidecar_written: str | None = None
        self.sidecar_read: str | None = None
        self.found_in_sidecar: dict[str, Any] | None = None
        self.left_out: Counter[str] = Counter()
        self.repeats: list[Repeat] = []
        self.repeats_total: int | None = None
        self.repeats_across = 0
        self.decapsulated: dict[str, Any] | None = None
        self.secrets_extracted: int | None = None
        self.parts: list[dict[str, Any]] | None = None
        self.oversized: dict[str, int] | None = None
        self.damage: list[Damage] = []
        self.damage_total = 0
        self.warnings: list[Notice] = []
        self.warnings_total = 0
        self.read_until: int | None = None
        self.interrupted = False
        self.put_back: list[str] = []

    def add_damage(self, damage: Damage) -> None:
        """Count the damage, and list it if it is among the first 1,000."""
        self.damage_total += 1
        if len(self.damage) < MOST_LISTED:
            self.damage.append(damage)

    def add_warning(self, notice: Notice) -> None:
        """Count the notice, and list it if it is among the first 1,000."""
        self.warnings_total += 1
        if len(self.warnings) < MOST_LISTED:
            self.warnings.append(notice)

    def warn_of_zeros_at_end(self, name: str, count: int) -> None:
        """Warn if two or more packets at the end of the output `name` (`count` of them) are nothing but zeros: readers
        take two or more such packets for damage."""
        if count > 1:
            fact = f"{name} ends in {count:,} empty packets at time 0, which read as zeros that a damaged file ends in"
            self.add_warning(Notice(None, f"{fact}; pcapng holds them"))

    def warn_of_no_packets(self) -> None:
        """Warn if the capture has custom or unknown blocks but no packets to select, edit or split."""
        if self.other_blocks and not self.packets_read:
            blocks = blocks_in_words(self.other_blocks)
            self.add_warning(Notice(None, f"it holds no packets to select, edit or split, but {blocks}"))

    def as_dict(self) -> dict[str, Any]:
        """The report as plain values, ready for JSON; `schemas/report.json` describes it."""
        from pcapconv.json_form import document  # a plain conversion does not need it

        return document("report", vars(self))

    def __repr__(self) -> str:
        return f"Report({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


class LossError(PcapconvError):
    """The target cannot hold everything, and `on_loss="fail"` forbids losses. `report` is a `Report`, which has the
    losses."""

    def __init__(self, message: str, report: Report, *, path: str | None = None) -> None:
        super().__init__(message, path=path)
        self.report = report


def losses_in_words(report: Report, *, merged: bool = False) -> str:
    """The losses of a report as a statement: `pcap cannot hold 3 comments`. If captures were `merged`, pcapng cannot
    only hold less than a format: one section holds less than several."""
    holder = "the merged capture" if merged and report.target_format == "pcapng" else report.target_format
    return f"{holder} cannot hold {counts_in_words(report.losses)}"


def blocks_in_words(counts: Mapping[str, int]) -> str:
    """Counts of blocks by kind, in words: `4,321 unknown blocks`."""
    return " and ".join(counted(count, f"{kind} block") for kind, count in counts.items())


def counts_in_words(counts: Mapping[str, int], words: Mapping[str, tuple[str, str]] = LOSS_WORDS) -> str:
    """Counts by kind, in `words` (kind → singular and plural) and in their order: `3 comments, 1 name record`."""
    return ", ".join(counted(counts[kind], *forms) for kind, forms in words.items() if counts.get(kind))
