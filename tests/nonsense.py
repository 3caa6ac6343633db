"""Arguments with values that make no sense, and the messages that refuse them.

A message here names arguments in backquotes, as Python does; `in_python` and `on_command_line` turn it into the message
of each.
"""

import ast
import re
from pathlib import Path
from typing import Any

import wire

WEB = Path(__file__).parent / "samples" / "web.pcapng"
COUNT = len(wire.read_pcapng(WEB.read_bytes()))
MOMENTS = "2024-05-01T12:00:00Z, 1714564800.25 or +1h30m"
HALF_OPEN = "they select after <= time < before, as in `after='+1h', before='+2h'`"
FROM_1 = "too small; write a whole number from 1"
NOTHING_TO_INVERT = (
    "`invert=True`: there is nothing to invert; give a selection too, as in `packets='1-100', invert=True`"
)
THERE = "there is no such interface; there are 0:0 lo"
ASCII = "an expression has ASCII characters only; write one like 'tcp port 443'"
NO_KEYWORD = "is no keyword, and names of hosts and networks are not looked up; write an address"
DISPLAY_FILTER = "this is a display filter of Wireshark; write an expression of tcpdump, such as 'tcp port 443'"
COMMENT_FORM = "write NUMBER:TEXT, as in 17:retry; packets count from 1"
TIME_FORM = "write NUMBER:TIME, as in 17:2024-05-01T12:00Z; packets count from 1"
NOT_RELATIVE = "counts from the first packet, whose time may change; write a time, as in 2024-05-01T12:00:00Z"

BYTES_OR_LINK_LAYER = "must be a number of bytes from 1, or link-layer"
LINK_LAYER_EXAMPLE = "as in `dedup=4, dedup_skip='link-layer'`"
NO_FLOATS = "a float is not exact: it holds today's times in steps of 238 ns in seconds, 256 ns in nanoseconds"
TIMES = "an int of seconds, a datetime with a zone, a Fraction, a Decimal, or text such as 2024-05-01T12:00:00.25Z"
DURATIONS = "a timedelta, an int of seconds, a Fraction, a Decimal, or text such as 1h30m"
NUMBERS = "an int, a range, a list of them, or text such as 1-100,250,900-"

PARTS: list[tuple[dict[str, Any], str]] = [  # of a split
    ({"max_parts": 0}, f"`max_parts=0`: {FROM_1}"),
    ({"max_parts": -1}, f"`max_parts=-1`: {FROM_1}"),
    ({"max_parts": 1.5}, "`max_parts=1.5`: not a whole number; write a whole number from 1"),
    ({"max_parts": True}, "`max_parts=True`: not a whole number; write a whole number from 1"),
    ({"max_parts": "many"}, "`max_parts='many'`: not a whole number; write a whole number from 1"),
    ({"max_parts": 10**60}, "`max_parts=`: a number of more than 60 digits; write a whole number from 1"),
]
REFUSED: list[tuple[dict[str, Any], str]] = [
    (
        {"after": "2024-05-02", "before": "2024-05-01"},
        f"`before='2024-05-01'` is not later than `after='2024-05-02'`; {HALF_OPEN}",
    ),
    ({"after": "+2s", "before": "+1500ms"}, f"`before='+1500ms'` is not later than `after='+2s'`; {HALF_OPEN}"),
    ({"after": "5", "before": "5.0"}, f"`before='5.0'` is not later than `after='5'`; {HALF_OPEN}"),
    ({"after": "yesterday"}, f"`after='yesterday'`: not a time; write {MOMENTS}"),
    ({"before": "12:00"}, f"`before='12:00'`: not a time; write {MOMENTS}"),
    (
        {"timezone": "Europe/Berlin", "after": "2024-10-27T02:30"},
        "`after='2024-10-27T02:30'`: clocks in Europe/Berlin show this time twice; "
        "write 2024-10-27T02:30:00+02:00 or 2024-10-27T02:30:00+01:00",
    ),
    (
        {"timezone": "Europe/Berlin", "before": "2024-03-31 02:59:59.75"},
        "`before='2024-03-31 02:59:59.75'`: clocks in Europe/Berlin skip this time; "
        "write 2024-03-31T01:59:59.75+01:00 or 2024-03-31T03:59:59.75+02:00",
    ),
    ({"timezone": "Berlin"}, "`timezone='Berlin'`: no such time zone; write Europe/Berlin"),
    ({"timezone": ""}, "`timezone=''`: no such time zone; write UTC, local or one like Europe/Berlin"),
    ({"timezone": "../x"}, "`timezone='../x'`: no such time zone; write UTC, local or one like Europe/Berlin"),
    ({"timezone": 2}, "`timezone=2`: must be text"),
    ({"packets": "0"}, "`packets='0'`: packets count from 1; write 1"),
    ({"packets": "1-2,5-3"}, "`packets='5-3'`: the range runs backwards; write 3-5"),
    ({"drop_packets": "0-4"}, "`drop_packets='0-4'`: packets count from 1; write 1-4"),
    ({"packets": "1,,2"}, "`packets='1,,2'`: a packet number is missing; write 1-100,250,900-"),
    ({"packets": "all"}, "`packets='all'`: not a packet number or a range of them; write 1-100,250,900-"),
    ({"first": 0}, f"`first=0`: {FROM_1}"),
    ({"last": 0}, f"`last=0`: {FROM_1}"),
    ({"last": -3}, f"`last=-3`: {FROM_1}"),
    ({"interface": ["eth9"]}, f"`interface='eth9'`: {THERE}"),
    ({"interface": ["0", "1"]}, f"`interface='1'`: {THERE}"),
    ({"interface": ["1:0"], "last": 3}, f"`interface='1:0'`: {THERE}"),
    ({"interface": ""}, f"`interface=''`: {THERE}"),
    (
        {"comment_matches": "("},
        "`comment_matches='('`: not a regular expression: missing ), unterminated subpattern at position 0; "
        "write one like 'retry|drop'",
    ),
    (
        {"comment_matches": "a{99999999999}"},
        "`comment_matches='a{99999999999}'`: not a regular expression: the repetition number is too large; "
        "write one like 'retry|drop'",
    ),
    ({"direction": "up"}, "`direction='up'`: must be in or out"),
    ({"filter": ""}, "`filter=''`: there is no expression; write one like 'tcp port 443'"),
    ({"filter": " \t"}, "`filter=' \\t'`: there is no expression; write one like 'tcp port 443'"),
    ({"filter": "tcp port"}, "`filter='tcp port'`: can't parse filter expression: syntax error"),
    ({"filter": "tcp port 65536"}, "`filter='tcp port 65536'`: illegal port number 65536 > 65535"),
    ({"filter": "port \u00e9"}, f"`filter='port \u00e9'`: {ASCII}"),
    ({"filter": "tcp\0"}, f"`filter='tcp\\x00'`: {ASCII}"),
    ({"filter": "\ud800"}, f"`filter='\\ud800'`: {ASCII}"),
    ({"filter": "host localhost"}, f"`filter='host localhost'`: localhost {NO_KEYWORD}"),
    ({"filter": "tcp.port == 80"}, f"`filter='tcp.port == 80'`: {DISPLAY_FILTER}"),
    ({"filter": "tcp and not ip.src contains a"}, f"`filter='tcp and not ip.src contains a'`: {DISPLAY_FILTER}"),
    ({"filter": "tpc port 80"}, f"`filter='tpc port 80'`: tpc {NO_KEYWORD}"),
    (
        {"filter": "ip or " * 1400},
        "`filter=`: an expression has at most 8,192 characters, and this one 8,400; a network, such as net 10.0.0.0/8, "
        "is shorter than its hosts",
    ),
    ({"filter": 80}, "`filter=80`: must be text"),
    ({"filter": ["tcp"]}, "`filter=['tcp']`: it can be given once only"),
    ({"dedup": 0}, "`dedup='0'`: a window has 1 to 1,048,576 packets, or is a length of time with a unit"),
    (
        {"dedup": 2**20 + 1},
        "`dedup='1048577'`: a window has 1 to 1,048,576 packets, or is a length of time with a unit",
    ),
    ({"dedup": "1.5"}, "`dedup='1.5'`: neither a number of packets nor a length of time with a unit; write 4 or 50ms"),
    ({"dedup": "-4"}, "`dedup='-4'`: neither a number of packets nor a length of time with a unit; write 4 or 50ms"),
    ({"dedup": ""}, "`dedup=''`: neither a number of packets nor a length of time with a unit; write 4 or 50ms"),
    ({"dedup": "all"}, "`dedup='all'`: neither a number of packets nor a length of time with a unit; write 4 or 50ms"),
    ({"dedup": "-1s"}, "`dedup='-1s'`: this length of time has no sign; write 1s"),
    (
        {"dedup": True},
        "`dedup=True`: must be a number of packets, or a length of time as a timedelta or as text",
    ),
    (
        {"dedup": 4, "dedup_ignore": ["time"]},
        "`dedup_ignore='time'`: must be interface or length, or both with a comma",
    ),
    ({"dedup": 4, "dedup_ignore": ""}, "`dedup_ignore=''`: must be interface or length, or both with a comma"),
    (
        {"dedup_ignore": ["length"]},
        "`dedup_ignore='length'` goes with `dedup=`, as in `dedup=4, dedup_ignore='length'`",
    ),
    ({"dedup_skip": 14}, "`dedup_skip=14` goes with `dedup=`, as in `dedup=4, dedup_skip=14`"),
    ({"dedup": 4, "dedup_skip": 0}, f"`dedup_skip=0`: {FROM_1}"),
    ({"dedup": 4, "dedup_skip": 2**32}, "`dedup_skip=`: packets have at most 4294967295 bytes"),
    ({"dedup": 4, "dedup_skip": "ethernet"}, f"`dedup_skip='ethernet'`: {BYTES_OR_LINK_LAYER}"),
    ({"dedup": 4, "dedup_skip": "-4"}, f"`dedup_skip='-4'`: {BYTES_OR_LINK_LAYER}"),
    ({"dedup": 4, "dedup_skip": ""}, f"`dedup_skip=''`: {BYTES_OR_LINK_LAYER}"),
    ({"dedup": 4, "dedup_skip": True}, f"`dedup_skip=True`: {BYTES_OR_LINK_LAYER}"),
    ({"dedup_skip": "link-layer"}, f"`dedup_skip='link-layer'` goes with `dedup=`, {LINK_LAYER_EXAMPLE}"),
    ({"invert": True}, NOTHING_TO_INVERT),
    ({"invert": True, "snaplen": 64, "interface": []}, NOTHING_TO_INVERT),
    ({"invert": True, "first": 0}, f"`first=0`: {FROM_1}"),
    ({"chop": [0]}, "`chop=0`: write 14 to remove bytes at the front, -4 at the end of each packet"),
    ({"chop": 0}, "`chop=0`: write 14 to remove bytes at the front, -4 at the end of each packet"),
    ({"chop": [2**32]}, "`chop=`: packets have at most 4294967295 bytes"),
    ({"chop": [10**60]}, "`chop=`: packets have at most 4294967295 bytes"),
    ({"chop": ["4294967296:1"]}, "`chop=`: packets have at most 4294967295 bytes"),
    ({"chop": ["1:-4294967296"]}, "`chop=`: packets have at most 4294967295 bytes"),
    ({"chop": ["12:" + "9" * 5000]}, "`chop=`: packets have at most 4294967295 bytes"),
    ({"chop": ["12:0"]}, "`chop='12:0'`: no bytes; write 12:4 to remove 4 bytes there"),
    ({"chop": ["-12:0"]}, "`chop='-12:0'`: no bytes; write -12:4 to remove 4 bytes there"),
    ({"chop": ["0:-4"]}, "`chop='0:-4'`: no bytes come before the first; write -4 to remove the last"),
    ({"chop": ["12:"]}, "`chop='12:'`: neither a number of bytes nor OFFSET:N; write 14, -4 or 12:4"),
    ({"chop": [":4"]}, "`chop=':4'`: neither a number of bytes nor OFFSET:N; write 14, -4 or 12:4"),
    ({"chop": ["1:2:3"]}, "`chop='1:2:3'`: neither a number of bytes nor OFFSET:N; write 14, -4 or 12:4"),
    ({"chop": ["front"]}, "`chop='front'`: neither a number of bytes nor OFFSET:N; write 14, -4 or 12:4"),
    ({"chop": ""}, "`chop=''`: neither a number of bytes nor OFFSET:N; write 14, -4 or 12:4"),
    ({"chop": ["4\n"]}, "`chop='4\\n'`: neither a number of bytes nor OFFSET:N; write 14, -4 or 12:4"),
    (
        {"decapsulate": ["vlan"]},
        "`decapsulate='vlan'`: the kinds are gre, erspan, vxlan, geneve, gtp, ipip and all",
    ),
    ({"decapsulate": "gre,"}, "`decapsulate=''`: the kinds are gre, erspan, vxlan, geneve, gtp, ipip and all"),
    (
        {"only_decapsulated": True},
        "`only_decapsulated=True` goes with `decapsulate=`, as in `decapsulate='vxlan', only_decapsulated=True`",
    ),
    ({"adjust_length": True}, "`adjust_length=True` goes with `chop=`, as in `chop=14, adjust_length=True`"),
    (
        {"adjust_length": True, "snaplen": 64, "chop": []},
        "`adjust_length=True` goes with `chop=`, as in `chop=14, adjust_length=True`",
    ),
    ({"rebase_time": "yesterday"}, f"`rebase_time='yesterday'`: not a time; write {MOMENTS}"),
    ({"rebase_time": "+5s"}, f"`rebase_time='+5s'`: {NOT_RELATIVE}"),
    (
        {"rebase_time": "0", "shift_time": "0s"},
        "`shift_time='0s'` and `rebase_time='0'` both move all packets; give one of them",
    ),
    ({"rebase_time": ["0"]}, "`rebase_time=['0']`: it can be given once only"),
    ({"set_time": ["5"]}, f"`set_time='5'`: {TIME_FORM}"),
    ({"set_time": ["2024-05-01T12:00"]}, f"`set_time='2024-05-01T12:00'`: {TIME_FORM}"),
    ({"set_time": ["0:5"]}, f"`set_time='0:5'`: {TIME_FORM}"),
    ({"set_time": [":5"]}, f"`set_time=':5'`: {TIME_FORM}"),
    ({"set_time": ["1:"]}, f"`set_time=''`: not a time; write {MOMENTS}"),
    ({"set_time": ["1:noon"]}, f"`set_time='noon'`: not a time; write {MOMENTS}"),
    ({"set_time": ["1:+5s"]}, f"`set_time='+5s'`: {NOT_RELATIVE}"),
    ({"set_time": ["1:5", "1:6"]}, "`set_time='1:6'`: packet 1 has a time already; give it one"),
    (
        {"set_time": [f"{COUNT + 1}:5"]},
        f"`set_time=`: packet {COUNT + 1} of the input is not among those written; "
        "write NUMBER:TIME with the packet's number in the input, from 1",
    ),
    ({"snaplen": 0}, f"`snaplen=0`: {FROM_1}"),
    ({"snaplen": 2**31}, "`snaplen=2147483648`: must be at most 2147483647"),
    ({"shift_time": "soon"}, "`shift_time='soon'`: not a length of time; write +1.5s, -250ms or 1h30m"),
    (
        {"shift_time": "0.0000000001"},
        f"packet 1: interface 0 of section 0 counts in steps of 1/{10**9} s; give `shift_time=` a multiple of that",
    ),
    ({"packet_comment": ["0:zero"]}, f"`packet_comment='0:zero'`: {COMMENT_FORM}"),
    ({"packet_comment": ["retry"]}, f"`packet_comment='retry'`: {COMMENT_FORM}"),
    ({"packet_comment": [":retry"]}, f"`packet_comment=':retry'`: {COMMENT_FORM}"),
    ({"packet_comment": ["-1:retry"]}, f"`packet_comment='-1:retry'`: {COMMENT_FORM}"),
    ({"packet_comment": [f"{10**30}:retry"]}, f"`packet_comment='{10**30}:retry'`: {COMMENT_FORM}"),
    (
        {"packet_comment": ["2:" + "x" * 65536]},
        "`packet_comment=` for packet 2: the text has 65536 bytes; write 65535 at most",
    ),
    (
        {"packet_comment": ["2:a\ud800"]},
        "`packet_comment=` for packet 2: character 2 of the text is none that UTF-8 can write",
    ),
    (
        {"packet_comment": [f"{COUNT + 1}:beyond"]},
        f"`packet_comment=`: packet {COUNT + 1} of the input is not among those written; "
        "write NUMBER:TEXT with the packet's number in the input, from 1",
    ),
    ({"after": 1714564800.5}, f"`after=1714564800.5`: {NO_FLOATS}; pass {TIMES}"),
    ({"rebase_time": True}, f"`rebase_time=True`: must be {TIMES}"),
    ({"shift_time": 1.5}, f"`shift_time=1.5`: {NO_FLOATS}; pass {DURATIONS}"),
    ({"packets": ["1"]}, f"`packets='1'`: must be {NUMBERS}"),
    ({"packets": 1.0}, f"`packets=1.0`: must be {NUMBERS}"),
    ({"drop_packets": True}, f"`drop_packets=True`: must be {NUMBERS}"),
    ({"interface": 0}, "`interface=0`: must be text"),
    ({"first": "3"}, "`first='3'`: must be a whole number"),
    ({"first": True}, "`first=True`: must be a whole number"),
    ({"chop": [1.5]}, "`chop=1.5`: must be a whole number"),
    ({"decapsulate": [1]}, "`decapsulate=1`: must be text"),
    ({"comment_matches": b"x"}, "`comment_matches=b'x'`: must be text"),
]


def in_python(message: str) -> str:
    return message.replace("`", "")


def on_command_line(message: str) -> str:
    return re.sub("`(.*?)`", lambda named: _options(named[1]), message)


def _options(named: str) -> str:
    """`--after +1h --before +2h` for `after='+1h', before='+2h'`, and `--chop` for `chop=`."""
    made = ast.parse(f"f({named}None)" if named.endswith("=") else f"f({named})", mode="eval").body
    assert isinstance(made, ast.Call)
    words = []
    for argument in made.keywords:
        words.append(f"--{argument.arg}".replace("_", "-"))
        value = ast.literal_eval(argument.value)
        if value is not True and value not in (None, ""):
            words.append(f"{value}")
    return " ".join(words)
