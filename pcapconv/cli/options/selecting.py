"""The options that select packets."""

from __future__ import annotations

from pcapconv.cli.grammar import Option
from pcapconv.cli.options.groups import INFO, MERGE, SELECTED, SELECTING, SELECTING_FROM_ONE

OPTIONS = (
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
