"""The options that select and edit packets."""

from __future__ import annotations

from pcapconv.cli.grammar import Option
from pcapconv.cli.options.groups import (
    BATCH,
    CONVERTING,
    EDITED,
    INFO,
    MERGE,
    ONE_CAPTURE,
    SELECTED,
    SELECTING,
    SELECTING_FROM_ONE,
)

_SELECTED = (
    Option(
        "sort",
        "flag",
        "Order packets by time, before all else",
        SELECTED,
        SELECTING_FROM_ONE,
        manual="Order the packets of each section by their exact times, before all other options apply. Sections stay "
        "behind each other: a warning says so if they overlap in time. Packets of the same time keep their order. A "
        "packet without a time stays behind the packet before it. Packets keep the numbers that they have in the "
        "input; times after the first packet count from the earliest. Blocks between packets come after the section's "
        "packets, but interfaces, names, secrets and processes come before them. The whole capture is always read, a "
        "file twice. More than 16 MiB of packets need a temporary file if they come from a pipe or a compressed "
        "capture, or if the times of so many overlap.",
    ),
    Option(
        "timezone",
        "text",
        "The zone of times: UTC, local, Europe/Berlin",
        SELECTED,
        SELECTING,
        "ZONE",
        example="Europe/Berlin",
        manual="The zone of times that you give without one, and of times that are shown, as in names of files. ZONE "
        "is `UTC` (the default), `local` (this machine's zone) or a name such as `Europe/Berlin`. A time that clocks "
        "in the zone skip or show twice, since they are put forward or back, is refused with the two ways to write it.",
        page="how-to/time-zones",
    ),
    Option(
        "sort",
        "flag",
        "Order also inputs that are not in order",
        SELECTED,
        MERGE,
        manual="Order the packets of all inputs by their exact times, also those of an input that is not in order. "
        "Without this option, such an input causes a warning, and its packets stay where they stand in it. Packets of "
        "the same time keep the order of the inputs. A packet without a time stays behind the packet before it. "
        "Numbers then count through one input after the other. With `--append`: order the packets of each section. "
        "More than 16 MiB of packets need a temporary file.",
        page="how-to/merge",
    ),
    Option(
        "after",
        "text",
        "At or after TIME: 2024-05-01T12:00Z, +90s",
        SELECTED,
        SELECTING,
        "TIME",
        example="2024-05-01T12:00Z",
        manual="Select packets at or after TIME. TIME is ISO 8601 (`2024-05-01T12:00:00.5+02:00`), seconds since 1970 "
        "with any number of digits, or a length of time after the capture's first packet: `+90s`, `+1h30m`. A plain "
        "number is seconds: `2024` is no year. A time without a zone is in that of `--timezone`, UTC by default. Times "
        "are compared exactly, also between interfaces of different resolution. A packet without a time is left out "
        "and counted.",
    ),
    Option(
        "before",
        "text",
        "Before TIME; a packet at TIME is left out",
        SELECTED,
        SELECTING,
        "TIME",
        example="+1h30m",
        manual="Select packets before TIME, which is written as for `--after`. A packet at TIME is left out: "
        "after ≤ time < before.",
    ),
    Option(
        "packets",
        "text",
        "By number, from 1: 1-100,250,900-",
        SELECTED,
        SELECTING_FROM_ONE,
        "LIST",
        example="1-100,250,900-",
        manual="Select packets by their number in the input, from 1. LIST has numbers and ranges in any order. A "
        "range without an end, as in `900-`, goes to the last packet. Numbers count only packets. Wireshark also "
        "numbers journal and custom blocks: `pcapconv info` shows from which packet on its numbers differ. Numbers "
        "above the last packet's cause a warning.",
    ),
    Option(
        "packets",
        "text",
        "By number in the merged capture: 1-100,900-",
        SELECTED,
        MERGE,
        "LIST",
        example="1-100,250,900-",
        manual="Select packets by their number in the merged capture, from 1. LIST has numbers and ranges in any "
        "order. A range without an end, as in `900-`, goes to the last packet. Numbers count only packets. Numbers "
        "above the last packet's cause a warning.",
    ),
    Option(
        "drop_packets",
        "text",
        "All packets but these, by number",
        SELECTED,
        SELECTING,
        "LIST",
        example="1-10",
        manual="Select all packets except these. The numbers are those of `--packets`.",
    ),
    Option(
        "first",
        "number",
        "Of the selected packets, the first N",
        SELECTED,
        SELECTING,
        "N",
        example="1000",
        manual="Of the packets that the other options select, keep the first N.",
    ),
    Option(
        "last",
        "number",
        "Of the selected packets, the last N",
        SELECTED,
        SELECTING,
        "N",
        example="100",
        manual="Of the packets that the other options select, keep the last N. This reads the capture twice. A pipe "
        "is kept in a temporary file meanwhile.",
    ),
    Option(
        "interface",
        "texts",
        "Of an interface: by name, id or SECTION:ID",
        SELECTED,
        SELECTING_FROM_ONE,
        "X",
        example="wan0",
        manual="Select packets of an interface. X is its name, its id in any section (`2`), or section and id, both "
        "from 0 (`1:2`). This reads the capture twice.",
    ),
    Option(
        "interface",
        "texts",
        "Of an interface: by name, or id after merging",
        SELECTED,
        MERGE,
        "X",
        example="wan0",
        manual="Select packets of an interface. X is its name, its id in the merged capture (`2`), or section and id "
        "there, both from 0 (`0:2`). With `--append`, an id is that of any section. This reads the inputs twice.",
    ),
    Option(
        "comment_matches",
        "text",
        "With a comment in which REGEX is found",
        SELECTED,
        SELECTING,
        "REGEX",
        example="'retry|drop'",
        manual="Select packets that have a comment in which this Python regular expression is found.",
    ),
    Option(
        "direction",
        "text",
        "Received (in) or sent (out) packets",
        SELECTED,
        SELECTING,
        choices=("in", "out"),
        manual="Select packets that are marked as received (`in`) or sent (`out`) in the pcapng option `epb_flags`.",
    ),
    Option(
        "filter",
        "text",
        "By content: 'host 10.0.0.1 and tcp port 443'",
        SELECTED,
        SELECTING,
        "EXPRESSION",
        example="'tcp port 443'",
        manual="Select packets that match EXPRESSION, in the language of libpcap and tcpdump (pcap-filter(7)): `host "
        "10.0.0.1 and tcp port 443`. libpcap compiles it for each link type in the capture, when the first packet of "
        "this link type reaches the filter. It is refused if libpcap cannot filter that link type; `--interface` then "
        "chooses others. Hosts are addresses: names of hosts are not looked up. This needs the extra `filter`.",
        page="how-to/filter",
    ),
    Option(
        "filter",
        "text",
        "Count what matches: 'host 10.0.0.1 and udp'",
        SELECTED,
        INFO,
        "EXPRESSION",
        example="'tcp port 443'",
        manual="Show what the capture holds if only packets that match EXPRESSION count. EXPRESSION is as for `convert "
        "--filter`.",
        page="how-to/filter",
    ),
    Option(
        "dedup",
        "text",
        "Leave out repeats of N before, or within 50ms",
        SELECTED,
        SELECTING,
        "WINDOW",
        example="4",
        manual="Leave out packets that repeat one before them: packets with the same bytes, original length, link type "
        "and interface. WINDOW is how many packets before it a packet is held against (`4` is what `editcap -d` and "
        "`editcap -D 5` do), up to 1,048,576, or a length of time with a unit (`50ms`): a packet is held against those "
        "before it in the file that are at most so much earlier or later. The packets before it are those that the "
        "options above select; `--dedup` comes before `--first` and `--last`. The first packet stays. A packet that is "
        "left out still counts for those behind it. The report names the first 1,000.",
        page="how-to/select",
    ),
    Option(
        "dedup_ignore",
        "texts",
        "For --dedup: what may differ: interface,length",
        SELECTED,
        SELECTING,
        "WHAT,...",
        example="interface",
        manual="What may differ in packets that repeat others for `--dedup`: with `interface`, a packet also repeats "
        "the same packet of a different interface; with `length`, also one of a different original length.",
    ),
    Option(
        "dedup_skip",
        "text",
        "For --dedup: leave out N bytes, or link-layer",
        SELECTED,
        SELECTING,
        "N",
        example="link-layer",
        manual="Do not compare the first N bytes of packets for `--dedup`. A packet of N bytes or fewer is compared "
        "whole. With `link-layer` in place of N, packets are compared from the header of IP or ARP on, up to the end "
        "that this states: MAC addresses, VLAN tags, MPLS labels, padding and frame check sequences do not count. Of "
        "other packets of Ethernet, MAC addresses and VLAN tags do not count.",
    ),
    Option(
        "invert",
        "flag",
        "The packets that the options above drop",
        SELECTED,
        SELECTING,
        manual="Select exactly the packets that the other options would leave out.",
    ),
)

# Texts of the manual for options whose lines of help differ by command.
_SET_TIME = (
    "Give packet N the time TIME, written as for `--rebase-time`. N is a number as for `--packets`. Selecting, sorting "
    "and `--rebase-time` look at the time that the packet has in the input; `--shift-time` and `--rebase-time` do not "
    "move it. The packet stays where it is. The command is refused if the packet's interface cannot express TIME "
    "exactly, for a packet that is not written, and for a Simple Packet, which has no place for a time."
)
_EXTRACT_SECRETS = (
    "Write the capture's TLS, SSH, WireGuard and OPC UA key logs to FILE, which only its owner may read. If there are "
    "none, a warning says so, and FILE is not written. pcapng output keeps them, too; `--strip secrets` removes them. "
    "Only in `convert`, OUT may be left out: then only FILE is written."
)

_EDITED = (
    Option(
        "decapsulate",
        "texts",
        "Take packets out of tunnels: vxlan, gre, all",
        EDITED,
        CONVERTING,
        "KIND,...",
        example="vxlan",
        manual="Take packets out of tunnels: the outer headers go, and with them padding and a frame check sequence "
        "behind the inner packet. KIND is `vxlan`, `geneve`, `gre`, `erspan`, `gtp`, `ipip` or `all`. Tunnels are "
        "taken off until the outermost is of none of these kinds. A packet in no such tunnel passes unchanged: also a "
        "fragment of an outer packet, and a packet that was cut inside the outer headers. The original length becomes "
        "what the outer headers say of the inner packet. A packet of another link type gets an interface of its own, "
        "made of the one that it had. All selecting options look at the packets as they were, and `--chop` and "
        "`--snaplen` at those that came out. The report counts the packets and the tunnels (`decapsulated`).",
        page="how-to/decapsulate",
    ),
    Option(
        "only_decapsulated",
        "flag",
        "Leave out packets that are in no such tunnel",
        EDITED,
        CONVERTING,
        manual="Leave out packets that are in no tunnel of the kinds that `--decapsulate` names.",
        page="how-to/decapsulate",
    ),
    Option(
        "chop",
        "texts",
        "Remove N bytes at the front; -N at the end",
        EDITED,
        CONVERTING,
        "[OFFSET:]N",
        example="14",
        manual="Remove N bytes at the front of each packet, or at its end if N is negative, as in `--chop -4`. With an "
        "OFFSET, remove N bytes from there on, or the bytes before OFFSET if N is negative; a negative OFFSET counts "
        "from the end. `--chop 12:4` removes bytes 13 to 16, the place of a VLAN tag, whatever a packet has there. A "
        "packet that is shorter than OFFSET stays as it is. Of several, each OFFSET counts in the packet as it was "
        "read, and lengths at the same OFFSET are added up. The original length is kept, unless `--adjust-length` is "
        "given. The exception is a Simple Packet, which has no captured length: its original length becomes the length "
        "of what is left, and the report counts it (`original-lengths`).",
    ),
    Option(
        "adjust_length",
        "flag",
        "Reduce original lengths by what --chop takes",
        EDITED,
        CONVERTING,
        manual="Reduce the original length of each packet by the bytes that `--chop` removes, but not below 0. "
        "`--snaplen` does not change original lengths.",
    ),
    Option(
        "snaplen",
        "number",
        "Cut packets to N bytes, after --chop",
        EDITED,
        CONVERTING,
        "N",
        example="96",
        manual="Cut packets to N bytes, after `--chop`. The interface or file header then states N as its snaplen.",
    ),
    Option(
        "shift_time",
        "text",
        "Move all packets in time: +1h30m, -0.25s",
        EDITED,
        CONVERTING,
        "DURATION",
        example="-1h",
        manual="Move all packets in time: `+1h30m`, `-0.25s`. Units are `d h m s ms us ns`. The command is refused if "
        "an interface cannot express the new times exactly, or the file cannot hold one of them.",
    ),
    Option(
        "rebase_time",
        "text",
        "Move all packets so that the first is at TIME",
        EDITED,
        CONVERTING,
        "TIME",
        example="2024-01-01",
        manual="Move all packets in time by the same length, so that the first packet that is written and has a time "
        "is at TIME; it need not be the earliest, unless `--sort` is given. TIME is written as for `--after`, but does "
        "not begin with `+`. The command is refused as with `--shift-time`, which cannot be given, too.",
    ),
    Option(
        "set_time",
        "texts",
        "Give packet N of the input the time TIME",
        EDITED,
        ONE_CAPTURE,
        "N:TIME",
        example="17:2024-05-01T12:00Z",
        manual=_SET_TIME,
    ),
    Option(
        "set_time",
        "texts",
        "Give packet N the time TIME, see --packets",
        EDITED,
        MERGE,
        "N:TIME",
        example="17:2024-05-01T12:00Z",
        manual=_SET_TIME,
    ),
    Option(
        "capture_comment",
        "texts",
        "Add a comment to the capture",
        EDITED,
        CONVERTING,
        "TEXT",
        example="'lab 3'",
        manual="Add a comment to the capture, after those that it has.",
    ),
    Option(
        "packet_comment",
        "texts",
        "Add a comment to packet N of the input",
        EDITED,
        ONE_CAPTURE,
        "N:TEXT",
        example="17:retry",
        manual="Add a comment to packet N, after those that it has. N is a number as for `--packets`. pcap cannot hold "
        "comments: a command that writes pcap needs `--sidecar`, or `--on-loss ignore`.",
    ),
    Option(
        "packet_comment",
        "texts",
        "Add a comment to packet N, see --packets",
        EDITED,
        MERGE,
        "N:TEXT",
        example="17:retry",
        manual="Add a comment to packet N, after those that it has. N is a number as for `--packets`. pcap cannot hold "
        "comments: a command that writes pcap needs `--on-loss ignore`.",
    ),
    Option(
        "set_interface",
        "texts",
        "Set an interface's name, speed, ...: 0.name=eth0",
        EDITED,
        CONVERTING,
        "ID.KEY=VALUE",
        example="0.name=eth0",
        manual="Set a property of an interface. ID is its name, its id or section and id, as for `--interface`. KEY is "
        "`name`, `description`, `filter`, `os`, `hardware`, `speed` (bit/s), `snaplen`, `fcs-length` (bits) or "
        "`comment`. The only interface of a pcap file is 0. This reads the capture twice.",
    ),
    Option(
        "link_type",
        "text",
        "Relabel the link type: ether, raw, 105",
        EDITED,
        CONVERTING,
        "TYPE",
        example="raw",
        manual="State another link type. The bytes of packets are not changed. TYPE is a number, or a name that "
        "tcpdump.org (`IEEE802_11_RADIOTAP`, with or without `LINKTYPE_`), libpcap (`DLT_EN10MB`) or Wireshark "
        "(`ether`, `rawip`) uses.",
    ),
    Option(
        "strip",
        "texts",
        "Leave out comments, names, secrets, host, ...",
        EDITED,
        CONVERTING,
        "KIND,...",
        example="comments,names",
        manual="Leave out kinds of metadata: `comments`, or only `packet-comments` or `capture-comments` (those of the "
        "capture and its sections), `names`, `statistics`, `secrets`, `custom` (blocks and "
        "options), `unknown` (blocks and options that the pcapng specification does not name, and systemd journal "
        "entries), `host` (hardware, operating system, application), `addresses` (those that pcapng interfaces "
        "state), `processes` (the blocks that describe processes, and what packets state of them). This does not "
        "anonymise: the bytes of packets, and all addresses in them, stay.",
        page="how-to/share-safely",
    ),
    Option(
        "inject_secrets",
        "texts",
        "Add a key log; TYPE: tls, ssh, wg, opcua",
        EDITED,
        CONVERTING,
        "TYPE,FILE",
        example="tls,keys.log",
        manual="Add the key log in FILE to the capture, before all packets. TYPE is `tls`, `ssh`, `wg` "
        "(or `wireguard`), `opcua` or a number. The content of FILE is not checked.",
    ),
    Option(
        "extract_secrets",
        "text",
        "Write key logs to FILE; without OUT: only FILE",
        EDITED,
        ("convert",),
        "FILE",
        example="keys.log",
        manual=_EXTRACT_SECRETS,
        page="how-to/edit",
    ),
    Option(
        "extract_secrets",
        "text",
        "Write key logs to FILE, readable by you alone",
        EDITED,
        ("split", "merge"),
        "FILE",
        example="keys.log",
        manual=_EXTRACT_SECRETS,
        page="how-to/edit",
    ),
    Option(
        "extract_secrets",
        "text",
        "Write key logs beside each target: .keys",
        EDITED,
        BATCH,
        "SUFFIX",
        example=".keys",
        manual="Write the key logs of each capture to a file beside its target. The file has the target's name with "
        "SUFFIX added, and only its owner may read it. Behind a URL, the rules of the store decide who may.",
    ),
)

SELECTING_AND_EDITING = _SELECTED + _EDITED
