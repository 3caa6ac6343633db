"""The options of `info`: what is shown."""

from __future__ import annotations

from pcapconv.cli.grammar import Option
from pcapconv.cli.options.groups import INFO, SHOWN

OPTIONS = (
    Option(
        "as_json",
        "flag",
        "Print JSON; a list if there are several IN",
        SHOWN,
        INFO,
        flag_name="json",
        manual="Print JSON: an object for one capture, a list for several.",
        page="reference/json#info---json",
    ),
    Option(
        "timezone",
        "text",
        "Show times in ZONE: UTC, local, Europe/Berlin",
        SHOWN,
        INFO,
        "ZONE",
        example="Europe/Berlin",
        manual="Show times in ZONE, with their offset from UTC, also with `--json` and `--text`: `UTC` (the default), "
        "`local` or a name such as `Europe/Berlin`.",
        page="how-to/time-zones",
    ),
    Option(
        "as_text",
        "flag",
        "Print everything, packets in hex, a line each",
        SHOWN,
        INFO,
        flag_name="text",
        manual="Print everything that a capture contains: a line for each packet, with its time, interface, lengths, "
        "options and bytes, and a line for each option of anything else. Secrets appear as type, size and SHA-256. "
        "Padding, reserved fields, drop counts of obsolete blocks and whatever follows a zero byte in a text are left "
        "out.",
        page="how-to/git-diff",
    ),
    Option(
        "conversations",
        "flag",
        "Also show who talks to whom: IP, TCP and UDP",
        SHOWN,
        INFO,
        manual="Also show the conversations of IP, TCP and UDP: both ends, packets and bytes of each direction, and "
        "the times of the first and the last packet in seconds since the earliest packet of the capture. Packets "
        "inside tunnels count, too. The page shows the 50 with the most packets, `--json` 10,000, and both the sums of "
        "the others.",
        page="how-to/traffic",
    ),
    Option(
        "protocols",
        "flag",
        "Also show packets and bytes by protocol",
        SHOWN,
        INFO,
        manual="Also show packets and bytes by protocol, as a tree: each protocol below the one around it, as far as "
        "pcapconv reads headers.",
        page="how-to/traffic#protocols",
    ),
    Option(
        "talkers",
        "flag",
        "Also show what each address sends and receives",
        SHOWN,
        INFO,
        manual="Also show the packets and bytes that each IP address sends and receives. The page shows the 50 "
        "addresses with the most packets, `--json` 10,000, and both the sums of the others.",
        page="how-to/traffic#talkers",
    ),
    Option(
        "hash",
        "flag",
        "Also show the SHA-256 of the file",
        SHOWN,
        INFO,
        manual="Also show the SHA-256 of the file as it is: of a compressed capture that of the compressed file. "
        "`--filter` makes no difference.",
        page="how-to/look#the-digest-of-a-file",
    ),
)
