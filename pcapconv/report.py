"""What a conversion did: the numbers, apart from how they are printed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any, NamedTuple

from pcapconv.errors import PcapconvError
from pcapconv.model import Damage, Notice
from pcapconv.text import counted

MOST_LISTED = 1000  # places; all are counted

# Kind → what it is, for one and for many. The order is that of a report.
KINDS = {
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


# Kind → what it is, for one and for many: what steps leave out, as they were told or as it no longer holds.
LEFT_OUT = {
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
    "host": ("option about the host", "options about the host"),
    "addresses": ("interface address", "interface addresses"),
}


class CaptureFile(NamedTuple):
    """A file that packets were written to: its name without a directory, size, SHA-256 in hex, packets, and their link
    type."""

    name: str
    bytes: int
    sha256: str
    packets: int
    link_type: int


class Report:
    """What a conversion did.

    `inputs` and `outputs` are names. `other_blocks` counts by kind the custom and unknown blocks of the input, but for
    those about processes. `losses` counts by kind what the target could not hold, `kept_in_sidecar` what a
    sidecar holds instead (it is no loss then), `missing_in_sidecar` what one that was read lacks; `sidecar_written` and
    `sidecar_read` are their names, None where there was none; `damage_in_sidecar` counts places in which the capture
    was damaged that was read when that one was written; `found_in_sidecar` tells, of a capture that was edited
    since, how many packets were found again, None of others. `left_out` is what selecting and editing left out beside
    packets. `secrets_extracted` counts key logs, None when nobody asked. `parts` lists the parts of a split: name,
    packets, bytes, first and last time, and with a sidecar SHA-256 and link type; None for a conversion. `oversized`
    tells how many of these `parts` are larger than `max_bytes` because of their headers, and the `header_bytes` that a
    part has at the most; None where there are none. `damage` lists what of the input could not be read, each with
    offset, packet number, reason and bytes left out. `warnings` are oddities that cost nothing. `put_back` lists files
    that an earlier split, killed while its parts appeared, had replaced, and that are again what they were.
    """

    def __init__(self, source: str, target: str, target_format: str) -> None:
        self.inputs = [source]
        self.outputs = [target]
        self.source_format = ""
        self.target_format = target_format
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
        self.secrets_extracted: int | None = None
        self.parts: list[dict[str, Any]] | None = None
        self.oversized: dict[str, int] | None = None
        self.damage: list[Damage] = []
        self.damage_total = 0
        self.warnings: list[Notice] = []
        self.warnings_total = 0
        self.put_back: list[str] = []

    def add_damage(self, damage: Damage) -> None:
        """Count a place, and list the first thousand."""
        self.damage_total += 1
        if len(self.damage) < MOST_LISTED:
            self.damage.append(damage)

    def add_warning(self, notice: Notice) -> None:
        """Count an oddity, and list the first thousand."""
        self.warnings_total += 1
        if len(self.warnings) < MOST_LISTED:
            self.warnings.append(notice)

    def note_zeros(self, name: str, count: int) -> None:
        """Warn of an output whose last packets, so many, are nothing but zeros: two or more read as damage."""
        if count > 1:
            said = f"{name} ends in {count:,} empty packets at time 0, which read as zeros that a damaged file ends in"
            self.add_warning(Notice(None, f"{said}; pcapng holds them"))

    def note_no_packets(self) -> None:
        """Warn of a capture that has other blocks, but nothing for what works on packets."""
        if self.other_blocks and not self.packets_read:
            what = blocks_said(self.other_blocks)
            self.add_warning(Notice(None, f"it holds no packets to select, edit or split, but {what}"))

    def as_dict(self) -> dict[str, Any]:
        """The report as plain values, ready for JSON."""
        from pcapconv.json_form import document  # which converting does without

        return document("report", vars(self))

    def __repr__(self) -> str:
        return f"Report({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"


class LossError(PcapconvError):
    """Something would be lost, and `on_loss="fail"` forbids it. `report` says what."""

    def __init__(self, message: str, report: Report) -> None:
        super().__init__(message, report)
        self.report = report

    def __str__(self) -> str:
        return str(self.args[0])


def blocks_said(counts: Mapping[str, int]) -> str:
    """Blocks by kind, in words: `4,321 unknown blocks`."""
    return " and ".join(counted(count, f"{kind} block") for kind, count in counts.items())


def describe(counts: Mapping[str, int], kinds: Mapping[str, tuple[str, str]] = KINDS) -> str:
    """The counts in words: `3 comments, 1 name record`."""
    return ", ".join(counted(counts[kind], *words) for kind, words in kinds.items() if counts.get(kind))
