"""What a packet is about, in a few words: who sends to whom, which protocol, and the essence of its content.

| file | what is in it |
|---|---|
| `__init__.py` | `Summary`: the words about one packet; `summarize` finds them |
| `summaries.py` | `SummaryReader`: the words about each packet of a batch |
| `ends.py` | source and destination as text: addresses, ports, names |
| `messages.py` | protocols that carry no others: ARP, ICMP, ICMPv6, IGMP; fragments |
| `applications.py` | which application protocol is in the payload of TCP or UDP |
| `dns.py`, `tls.py`, `http.py` | a DNS question, the server name of TLS, the first line of HTTP |
| `quoting.py` | text out of packets, made safe to show |

Strategy: headers come as columns from one kernel (`pcapconv/headers`); only payloads that begin like one of these
protocols are read here. Each reader gets at most some thousand bytes, reads each of them once, and never raises. What
it quotes of a packet is escaped and cut.

To read another application protocol: a module with a function from payload to text, None if it is something else, and
its place in `applications.py`; then a test in `tests/test_essence.py`.
"""

from __future__ import annotations

from array import array
from typing import NamedTuple

from pcapconv.columns import Columns
from pcapconv.essence.ends import ends_text
from pcapconv.essence.summaries import SummaryReader as SummaryReader


class Summary(NamedTuple):
    """What a packet is about, for people. Control characters are escaped.

    * `source`, `destination`: address and port, such as `"192.0.2.1:443"` or `"[2001:db8::1]:53"`; MAC addresses of a
      packet without IP; empty if the packet has neither.
    * `protocol`: the name of the protocol, such as `"TCP"`, `"DNS"` or `"ARP"`; of a packet in a tunnel, the tunnel's.
    * `essence`: its content in a few words: TCP flags, a DNS question, the server name of TLS, the first line of HTTP.
    """

    source: str
    destination: str
    protocol: str
    essence: str

    def __str__(self) -> str:
        return " ".join(filter(None, (ends_text(self.source, self.destination), self.protocol, self.essence)))


def summarize(data: bytes, original_length: int, link_type: int, *, inner: bool = False) -> Summary:
    """The summary of one packet; with `inner`, of the innermost packet of tunnels."""
    columns = Columns(1)
    columns.captured_length[0], columns.original_length[0] = len(data), original_length
    found = SummaryReader(inner=inner).read(data, columns, 1, array("Q", (link_type,)))
    ends = found.ends[0]
    return Summary(ends.source, ends.destination, *found.words[0])
