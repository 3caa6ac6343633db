"""The options that select and edit packets."""

from __future__ import annotations

from pcapconv.cli.grammar import Option
from pcapconv.cli.options.groups import BATCH, CONVERTING, EDITED, SELECTED

_SELECTED = (
    Option(
        "after",
        "text",
        "From TIME on: 2024-05-01T12:00Z, +90s",
        SELECTED,
        CONVERTING,
        "TIME",
        example="2024-05-01T12:00Z",
        more="packets from TIME on (after ≤ time < before), exact across interfaces of different resolution. TIME is "
        "ISO 8601 (`2024-05-01T12:00:00.5+02:00`; without a zone it is UTC), seconds since 1970 with any number of "
        "digits, or `+90s`, `+1h30m` from the capture's first packet. A packet without a time is left out, and "
        "counted",
    ),
    Option(
        "before",
        "text",
        "Before TIME, which itself is left out",
        SELECTED,
        CONVERTING,
        "TIME",
        example="+1h30m",
        more="packets before TIME, which itself is left out",
    ),
    Option(
        "packets",
        "text",
        "By number, from 1: 1-100,250,900-",
        SELECTED,
        CONVERTING,
        "LIST",
        example="1-100,250,900-",
        more="packets by number: `1-100,250,900-`, counted from 1 in the input, any number of ranges in any order. "
        "Packets alone are counted; Wireshark also numbers journal and custom blocks, and `info` says from which "
        "packet on its numbers differ. Numbers beyond the last packet are a warning",
    ),
    Option(
        "drop_packets",
        "text",
        "All but these, by the same numbers",
        SELECTED,
        CONVERTING,
        "LIST",
        example="1-10",
        more="all packets but these, by the same numbers",
    ),
    Option(
        "first",
        "number",
        "The first N of those selected otherwise",
        SELECTED,
        CONVERTING,
        "N",
        example="1000",
        more="the first N packets of those selected otherwise",
    ),
    Option(
        "last",
        "number",
        "The last N of those selected otherwise",
        SELECTED,
        CONVERTING,
        "N",
        example="100",
        more="the last N packets of those selected otherwise",
    ),
    Option(
        "interface",
        "texts",
        "Of an interface: name, id or SECTION:ID",
        SELECTED,
        CONVERTING,
        "X",
        example="wan0",
        more="packets of an interface, by its name, its id in any section (`2`), or section and id, both from 0 "
        "(`1:2`)",
    ),
    Option(
        "comment_matches",
        "text",
        "With a comment in which REGEX is found",
        SELECTED,
        CONVERTING,
        "REGEX",
        example="'retry|drop'",
        more="packets with a comment in which the Python regular expression is found",
    ),
    Option(
        "direction",
        "text",
        "Whose flags say that they came in, or went out",
        SELECTED,
        CONVERTING,
        choices=("in", "out"),
        more="packets whose `epb_flags` say so",
    ),
    Option(
        "invert",
        "flag",
        "Those that all these would drop",
        SELECTED,
        CONVERTING,
        more="the packets that all the others together would drop",
    ),
)

_EDITED = (
    Option(
        "chop",
        "numbers",
        "Remove N bytes at the front; -N at the end",
        EDITED,
        CONVERTING,
        "N",
        example="14",
        more="remove N bytes at the front of each packet, or with `-N` at its end; its original length stays as it "
        "is, but for a Simple Packet: its block states no other length, so that what is left becomes its original "
        "length, and is counted (`original-lengths`)",
    ),
    Option(
        "snaplen",
        "number",
        "Then cut packets to N bytes",
        EDITED,
        CONVERTING,
        "N",
        example="96",
        more="then cut packets to N bytes, and state it in the interface or file header",
    ),
    Option(
        "shift_time",
        "text",
        "Move all packets in time: +1h30m, -0.25s",
        EDITED,
        CONVERTING,
        "DURATION",
        example="-1h",
        more="move all packets by `+1h30m`, `-0.25s` (units: `d h m s ms us ns`); refused where an interface cannot "
        "count it exactly or the file cannot hold the time",
    ),
    Option(
        "capture_comment",
        "texts",
        "Add a comment to the capture",
        EDITED,
        CONVERTING,
        "TEXT",
        example="'lab 3'",
        more="add a comment to the capture, after those present",
    ),
    Option(
        "packet_comment",
        "texts",
        "Add one to packet N of the input",
        EDITED,
        CONVERTING,
        "N:TEXT",
        example="17:retry",
        more="add a comment to packet N, after those present; N is the packet's number in the input, counted as for "
        "`--packets`. pcap has no place for it: there it needs `--sidecar`, or `--on-loss ignore`",
    ),
    Option(
        "set_interface",
        "texts",
        "State a name, speed, ...: 0.name=eth0",
        EDITED,
        CONVERTING,
        "ID.KEY=VALUE",
        example="0.name=eth0",
        more="state `name`, `description`, `filter`, `os`, `hardware`, `speed` (bit/s), `snaplen`, `fcs-length` "
        "(bits) or `comment` of an interface: `0.name=eth0`; also of a pcap file's",
    ),
    Option(
        "link_type",
        "text",
        "Relabel the link type: ether, raw, 105",
        EDITED,
        CONVERTING,
        "TYPE",
        example="raw",
        more="relabel the link type, by number or by any name that tcpdump.org (`IEEE802_11_RADIOTAP`, with or without "
        "`LINKTYPE_`), libpcap (`DLT_EN10MB`) or Wireshark (`ether`, `rawip`) has for it; packets stay as they are",
    ),
    Option(
        "strip",
        "texts",
        "Leave out comments, names, secrets, host, ...",
        EDITED,
        CONVERTING,
        "KIND,...",
        example="comments,names",
        more="leave out `comments`, `names`, `statistics`, `secrets`, `custom` (blocks and options), `unknown` (those "
        "that the pcapng specification does not name), `host` (hardware, operating system, application), `addresses` "
        "(of interfaces). Packets keep theirs: their bytes are not touched",
    ),
    Option(
        "inject_secrets",
        "texts",
        "Add a key log: tls, ssh, wireguard",
        EDITED,
        CONVERTING,
        "TYPE,FILE",
        example="tls,keys.log",
        more="add a key log before all packets: `tls`, `ssh`, `wireguard`, or a number",
    ),
    Option(
        "extract_secrets",
        "text",
        "Write key logs to FILE, for its owner only",
        EDITED,
        ("convert", "split"),
        "FILE",
        example="keys.log",
        more="write the capture's TLS, SSH and WireGuard key logs to a file that only its owner may read; with "
        "`--strip secrets` the output has them no more",
    ),
    Option(
        "extract_secrets",
        "text",
        "Write key logs beside each target: .keys",
        EDITED,
        BATCH,
        "SUFFIX",
        example=".keys",
        more="write key logs beside each target, under its name with SUFFIX added, as in `.keys`",
    ),
)

STEPS = _SELECTED + _EDITED
