"""The options that edit packets."""

from __future__ import annotations

from pcapconv.cli.grammar import Option
from pcapconv.cli.options.groups import BATCH, CONVERTING, EDITED, MERGE, ONE_CAPTURE

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

OPTIONS = (
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
