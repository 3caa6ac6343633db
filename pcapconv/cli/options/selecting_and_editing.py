"""The options that select and edit packets."""

from __future__ import annotations

from pcapconv.cli.grammar import Option
from pcapconv.cli.options.groups import BATCH, CONVERTING, EDITED, SELECTED

_SELECTED = (
    Option(
        "after",
        "text",
        "At or after TIME: 2024-05-01T12:00Z, +90s",
        SELECTED,
        CONVERTING,
        "TIME",
        example="2024-05-01T12:00Z",
        manual="packets at or after TIME, exact across interfaces of different resolution. TIME is ISO 8601 "
        "(`2024-05-01T12:00:00.5+02:00`; without a zone it is UTC), seconds since 1970 with any number of digits, or "
        "`+90s`, `+1h30m` from the capture's first packet. A packet without a time is left out, and counted",
    ),
    Option(
        "before",
        "text",
        "Before TIME; a packet at TIME is left out",
        SELECTED,
        CONVERTING,
        "TIME",
        example="+1h30m",
        manual="packets before TIME; a packet at TIME is left out (after ≤ time < before)",
    ),
    Option(
        "packets",
        "text",
        "By number, from 1: 1-100,250,900-",
        SELECTED,
        CONVERTING,
        "LIST",
        example="1-100,250,900-",
        manual="packets by number, from 1 in the input: `1-100,250,900-`, any number of ranges in any order. Packets "
        "alone are counted; Wireshark also numbers journal and custom blocks, and `info` says from which packet on its "
        "numbers differ. Numbers beyond the last packet are a warning",
    ),
    Option(
        "drop_packets",
        "text",
        "All packets but these, by number",
        SELECTED,
        CONVERTING,
        "LIST",
        example="1-10",
        manual="all packets but these, by the same numbers",
    ),
    Option(
        "first",
        "number",
        "Of the selected packets, the first N",
        SELECTED,
        CONVERTING,
        "N",
        example="1000",
        manual="of the packets that the other options select, the first N",
    ),
    Option(
        "last",
        "number",
        "Of the selected packets, the last N",
        SELECTED,
        CONVERTING,
        "N",
        example="100",
        manual="of the packets that the other options select, the last N",
    ),
    Option(
        "interface",
        "texts",
        "Of an interface: by name, id or SECTION:ID",
        SELECTED,
        CONVERTING,
        "X",
        example="wan0",
        manual="packets of an interface, by its name, its id in any section (`2`), or section and id, both from 0 "
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
        manual="packets with a comment in which the Python regular expression is found",
    ),
    Option(
        "direction",
        "text",
        "Received (in) or sent (out) packets",
        SELECTED,
        CONVERTING,
        choices=("in", "out"),
        manual="packets that were received (`in`) or sent (`out`), as their `epb_flags` say",
    ),
    Option(
        "invert",
        "flag",
        "The packets that the options above drop",
        SELECTED,
        CONVERTING,
        manual="the packets that all the other options together would leave out",
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
        manual="remove N bytes at the front of each packet, or with `-N` at its end. The original length is kept; only "
        "that of a Simple Packet becomes the length of what is left, since its block has no captured length, and is "
        "counted in the report (`original-lengths`)",
    ),
    Option(
        "snaplen",
        "number",
        "Cut packets to N bytes, after --chop",
        EDITED,
        CONVERTING,
        "N",
        example="96",
        manual="cut packets to N bytes, after `--chop`, and state N as the snaplen of the interface or file header",
    ),
    Option(
        "shift_time",
        "text",
        "Move all packets in time: +1h30m, -0.25s",
        EDITED,
        CONVERTING,
        "DURATION",
        example="-1h",
        manual="move all packets by `+1h30m`, `-0.25s` (units: `d h m s ms us ns`); refused if an interface cannot "
        "express it exactly or the file cannot hold a time",
    ),
    Option(
        "capture_comment",
        "texts",
        "Add a comment to the capture",
        EDITED,
        CONVERTING,
        "TEXT",
        example="'lab 3'",
        manual="add a comment to the capture, after those present",
    ),
    Option(
        "packet_comment",
        "texts",
        "Add a comment to packet N of the input",
        EDITED,
        CONVERTING,
        "N:TEXT",
        example="17:retry",
        manual="add a comment to packet N, after those present; N is the packet's number in the input, counted as for "
        "`--packets`. pcap cannot hold comments: to pcap this needs `--sidecar`, or `--on-loss ignore`",
    ),
    Option(
        "set_interface",
        "texts",
        "Set an interface's name, speed, ...: 0.name=eth0",
        EDITED,
        CONVERTING,
        "ID.KEY=VALUE",
        example="0.name=eth0",
        manual="set `name`, `description`, `filter`, `os`, `hardware`, `speed` (bit/s), `snaplen`, `fcs-length` (bits) "
        "or `comment` of an interface: `0.name=eth0`; a pcap file has one interface, 0",
    ),
    Option(
        "link_type",
        "text",
        "Relabel the link type: ether, raw, 105",
        EDITED,
        CONVERTING,
        "TYPE",
        example="raw",
        manual="relabel the link type, by number or by any name that tcpdump.org (`IEEE802_11_RADIOTAP`, with or "
        "without `LINKTYPE_`), libpcap (`DLT_EN10MB`) or Wireshark (`ether`, `rawip`) uses; packets stay as they are",
    ),
    Option(
        "strip",
        "texts",
        "Leave out comments, names, secrets, host, ...",
        EDITED,
        CONVERTING,
        "KIND,...",
        example="comments,names",
        manual="leave out kinds of metadata: `comments`, `names`, `statistics`, `secrets`, `custom` (blocks and "
        "options), `unknown` (those that the pcapng specification does not name), `host` (hardware, operating system, "
        "application), `addresses` (of interfaces). The bytes of packets, and the addresses in them, are not changed",
    ),
    Option(
        "inject_secrets",
        "texts",
        "Add a key log; TYPE: tls, ssh, wireguard",
        EDITED,
        CONVERTING,
        "TYPE,FILE",
        example="tls,keys.log",
        manual="add the key log in FILE before all packets; TYPE is `tls`, `ssh`, `wireguard` or a number",
    ),
    Option(
        "extract_secrets",
        "text",
        "Write key logs to FILE, readable by you alone",
        EDITED,
        ("convert", "split"),
        "FILE",
        example="keys.log",
        manual="write the capture's TLS, SSH and WireGuard key logs to a file that only its owner may read; with "
        "`--strip secrets` the output does not have them any more",
    ),
    Option(
        "extract_secrets",
        "text",
        "Write key logs beside each target: .keys",
        EDITED,
        BATCH,
        "SUFFIX",
        example=".keys",
        manual="write key logs beside each target, under its name with SUFFIX added, as in `.keys`",
    ),
)

SELECTING_AND_EDITING = _SELECTED + _EDITED
