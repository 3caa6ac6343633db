"""Filter expressions in libpcap's language, which libpcap compiles to programs: `FilterExpression`.

Strategy: libpcap compiles an expression as for a capture file, so each program is compiled for a file header of 24
bytes, with the link type and the byte order in question and a snaplen that cuts nothing. The header goes through a
pipe: no file is written. The kernel `Filter` runs the program, which is classic BPF.

libpcap would ask the network for the addresses of names. So `_host_name` finds such names before libpcap compiles the
expression. Which words are names depends on libpcap's version; libpcap itself is asked, by expressions in which a word
can only be a port or a number. In doubt, a word counts as the name of a host.
"""

from __future__ import annotations

import os
import re
import struct
from array import array
from collections.abc import Iterator
from functools import lru_cache
from typing import Any, NamedTuple

from pcapconv.errors import FileError, UsageError
from pcapconv.spec import ByteOrder, pcap
from pcapconv.text import extra_and_how_to_install, shortened
from pcapconv.wording import argument

_MOST_CHARACTERS = 8192  # the time that libpcap takes grows with the cube of the length; at 200,000, it crashes
_MOST_OPTIMIZED = 1024
_MOST_SHOWN = 200  # characters of an expression in a message
_ETHERNET = 1
_LINK_TYPES = range(300)  # those that are asked whether they can be filtered
_REJECTS_ALL = "expression rejects all packets"  # libpcap's message for an expression that is false for a link type
_RETURN_0 = 0x06 << 48

_TOKEN = re.compile(
    r"\\[^ !()\n\t]+"  # a name, also if it is a keyword
    r"|\$[0-9A-Fa-f]{1,2}"  # an ARCNET address
    r"|[A-Za-z0-9](?:[-_.A-Za-z0-9]*[.A-Za-z0-9])?"  # a keyword, a name, a number or an address
)
_WITH_COLONS = re.compile(r"[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*")
_DISPLAY_FILTER = re.compile(r"[a-z]\w*\.\w+\s*(==|!=|<|>|\b(eq|ne|contains|matches)\b)")  # tcp.port == 80
_MAC = re.compile(r"[0-9A-Fa-f]{1,2}(?::[0-9A-Fa-f]{1,2}){5}")
_NUMBER = r"(?:0[xX][0-9A-Fa-f]+|[0-9]+)"
_NUMBERS = re.compile(rf"{_NUMBER}(?:\.{_NUMBER}){{0,3}}")
_CONNECTIVES = {"and", "or", "not"}
_BEFORE_NAMES = {"port", "portrange", "proto", "protochain"}  # before names that are no names of hosts
_BEFORE_ONE_NAME = {"type", "subtype", "dir", "direction", "llc"} | {  # of 802.11 and LLC, and of pf
    *("on", "ifname", "rset", "ruleset", "reason", "action")
}


class FilterExpression(NamedTuple):
    """An expression that libpcap can compile for at least one link type."""

    text: str

    @classmethod
    def parse(cls, text: str) -> FilterExpression:
        """Check an expression. Raises UsageError, in libpcap's words, and if the extra `filter` is not installed."""
        expression = cls(text)
        if not text.strip():
            raise UsageError(f"{expression}: there is no expression; write one like 'tcp port 443'", option="filter")
        if not text.isascii() or "\0" in text:
            raise UsageError(
                f"{expression}: an expression has ASCII characters only; write one like 'tcp port 443'", option="filter"
            )
        if len(text) > _MOST_CHARACTERS:
            size = f"an expression has at most {_MOST_CHARACTERS:,} characters, and this one {len(text):,}"
            raise UsageError(
                f"{argument('filter')}: {size}; a network, such as net 10.0.0.0/8, is shorter than its hosts",
                option="filter",
            )
        name = _host_name(text)
        if name is not None:
            fact = f"{name} is no keyword, and names of hosts and networks are not looked up; write an address"
            if _DISPLAY_FILTER.search(text):
                fact = "this is a display filter of Wireshark; write an expression of tcpdump, such as 'tcp port 443'"
            raise UsageError(f"{expression}: {fact}", option="filter")
        reason = _compile(text, _ETHERNET, "little")
        if isinstance(reason, str) and all(isinstance(_compile(text, each, "little"), str) for each in _LINK_TYPES):
            raise UsageError(f"{expression}: {reason}", option="filter")
        return expression

    def __str__(self) -> str:
        """The argument and the expression, as messages name them."""
        cut = shortened(self.text, _MOST_SHOWN)
        return argument("filter", cut)

    def program(self, link_type: int, byte_order: ByteOrder) -> array[int] | str:
        """Return the program for packets of a link type in a capture of this byte order; or, in libpcap's words, why
        they cannot be filtered."""
        compiled = _compile(self.text, link_type, byte_order)
        if compiled == _REJECTS_ALL:
            compiled = (_RETURN_0,)
        return compiled if isinstance(compiled, str) else array("Q", compiled)


@lru_cache(maxsize=1024)
def _compile(text: str, link_type: int, byte_order: ByteOrder) -> tuple[int, ...] | str:
    """Return the instructions as the kernel `Filter` takes them, or libpcap's message. Raises UsageError if the extra
    `filter` is not installed, and FileError if the system has no pipe."""
    cypcap = _import_cypcap()
    order = "<" if byte_order == "little" else ">"
    header = struct.pack(
        f"{order}IHHiIII", pcap.MICROSECOND_MAGIC, *pcap.VERSION, 0, 0, pcap.NO_LIMIT_SNAPLEN, link_type
    )
    try:
        readable, writable = os.pipe()
        with open(writable, "wb", buffering=0) as pipe:
            pipe.write(header)
    except OSError as error:
        raise FileError(
            f"{argument('filter')}: cannot pass a header to libpcap: {error.strerror}", option="filter", cause=error
        ) from error
    try:
        with cypcap.open_offline(f"/dev/fd/{readable}") as capture:
            program = capture.compile(text, optimize=len(text) <= _MOST_OPTIMIZED)
            return tuple(code << 48 | jt << 40 | jf << 32 | k for code, jt, jf, k in program)
    except cypcap.Error as error:
        return str(error.msg)
    finally:
        os.close(readable)


def _import_cypcap() -> Any:
    try:
        import cypcap
    except ImportError:
        raise UsageError(
            f"{argument('filter')}: needs libpcap; install {extra_and_how_to_install('filter')}", option="filter"
        ) from None
    return cypcap


def _host_name(text: str) -> str | None:
    """Return the first word that libpcap would take for the name of a host or a network; None without one.

    An address qualifier, such as `port`, holds for all names behind it, up to the next keyword that begins a term:
    `port http or https`. Without one, a name is that of a host.
    """
    hosts, once = True, False
    for token in _tokens(text):
        if token in _CONNECTIVES:
            once = False
        elif token in _BEFORE_NAMES:
            hosts, once = False, False
        elif token in _BEFORE_ONE_NAME:
            hosts, once = True, True
        elif not (token.startswith("\\") or _is_name(token)):
            hosts, once = True, False
        elif once:
            once = False
        elif hosts:
            return token
    return None


def _tokens(text: str) -> Iterator[str]:
    """Yield the words of an expression, without numbers and addresses."""
    at = 0
    while at < len(text):
        match = _WITH_COLONS.match(text, at)
        if match is None or not (_MAC.fullmatch(match[0]) or _is_ipv6(match[0])):
            match = _TOKEN.match(text, at)
            if match is not None and match[0][0] != "$" and not _NUMBERS.fullmatch(match[0]):
                yield match[0]
        at = at + 1 if match is None else match.end()


def _is_ipv6(text: str) -> bool:
    from ipaddress import IPv6Address

    try:
        return bool(IPv6Address(text).packed)
    except ValueError:
        return False


def _is_name(word: str) -> bool:
    """Return whether libpcap takes a word for a name, and not for a keyword, a number or an address."""
    if not isinstance(_compile(f"len = {word}", _ETHERNET, "little"), str):  # a number, such as `tcp-syn`
        return False
    as_port = _compile(f"port {word}", _ETHERNET, "little")
    return not (isinstance(as_port, str) and ("syntax error" in as_port or "address" in as_port))
