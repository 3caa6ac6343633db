"""Expressions of `filter`: names that libpcap would look up, and what is refused before anything is read."""

import pickle
import sys
from pathlib import Path

import bpf
import cypcap
import pytest
from command_line import run_command
from hypothesis import given, settings
from hypothesis import strategies as st
from nonsense import NO_KEYWORD

from pcapconv import Packet, UsageError
from pcapconv.steps.filter_expression import FilterExpression, _host_name
from pcapconv.steps.plan import Plan

ETHERNET = 1


def has_port_80(packet: Packet) -> bool:
    return b"\x00\x50" in packet.data


# ---------------------------------------------------------------- names


WITH_NAMES = [
    *(("host a", "a"), ("a", "a"), ("not a", "a"), ("ip host a.example and tcp", "a.example"), ("src a", "a")),
    *(("net a", "a"), ("ether host a", "a"), ("gateway a", "a"), ("host 1.2.3.4.5", "1.2.3.4.5"), ("12a", "12a")),
    *(("host (10.0.0.1 or a)", "a"), ("host \\tcp", "\\tcp"), ("port 80 or src a", "a"), ("host a_", "a")),
    *(("tcp port http or host a", "a"), ("port 80 or (tcp or a)", "a"), ("llc and a", "a"), ("llc or a", "a")),
    *(("on eth0 or a", "a"), ("dst host a-b", "a-b"), ("type mgt and a", "a"), ("ip6 host face", "face")),
]
WITHOUT_NAMES = [
    *("port http", "port http or https", "udp portrange ftp-http", "ip proto \\tcp", "port (http or domain)"),
    *("host 10.0.0.1 or ::1 or fe80::1", "net 10.0 mask 255.255", "host ::ffff:10.0.0.1", "host 1", "link src $a5"),
    *("ether host 0:1:2:3:4:5", "ether host 00-11-22-33-44-55", "ether host 001122334455", "ether proto \\arp or \\ip"),
    *("tcp[tcpflags] & (tcp-syn|tcp-fin) != 0", "icmp6[icmp6type] = icmp6-echo", "len=0xff", "ip[0:4]=1"),
    *("wlan type mgt subtype beacon", "on eth0 and reason short", "llc ui"),
]


@pytest.mark.parametrize(("expression", "name"), [*WITH_NAMES, *((each, None) for each in WITHOUT_NAMES)])
def test_names_of_hosts(expression: str, name: str | None) -> None:
    assert _host_name(expression) == name


WORDS = [
    "host",
    "net",
    "port",
    "proto",
    "portrange",
    "protochain",
    "gateway",
    "tcp",
    "ip",
    "ether",
    "src",
    "dst",
    "and",
    "or",
    "not",
    "(",
    ")",
    "a.invalid",
    "x-y",
    "http",
    "domain",
    "\\tcp",
    "10.0.0.1",
    "fe80::1",
    "1:2:3:4:5:6",
    "80",
    "llc",
    "type",
    "subtype",
    "mgt",
    "on",
    "len",
    "=",
    "[",
    "]",
    ":",
    "vlan",
    "/",
    "mask",
    "aa-bb",
    "$a",
    "_",
    "ab",
]


@settings(max_examples=500)
@given(st.lists(st.sampled_from(WORDS), min_size=1, max_size=9), st.sampled_from(["", " "]))
def test_libpcap_never_looks_a_name_up(words: list[str], between: str) -> None:
    """Where names of hosts are found, it is not asked; elsewhere, it does not take a word for one."""
    expression = "".join(f"{word}{between if word in '()[]:/=_' else ' '}" for word in words)
    if _host_name(expression) is not None:
        return
    try:
        bpf.compiled(expression)
    except cypcap.Error as error:
        unknown = error.msg.startswith(("unknown host", "unknown network", "unknown ether host"))
    else:
        unknown = False
    assert not unknown


# ---------------------------------------------------------------- what is refused before anything is read


def test_errors_come_before_anything_is_read(tmp_path: Path) -> None:
    result = run_command("convert", tmp_path / "not there", tmp_path / "out.pcap", "--filter", "tcp port")
    message = "pcapconv: --filter tcp port: can't parse filter expression: syntax error\n"
    assert (result.status, result.err) == (2, message)
    result = run_command("info", tmp_path / "not there", "--filter", "host web.example")
    assert (result.status, result.err) == (2, f"pcapconv: --filter host web.example: web.example {NO_KEYWORD}\n")


@pytest.mark.parametrize(
    "expression", ["wlan type mgt", "on eth0", "inbound", "fisu", "vpi 3", "ether host 1:2:3:4:5:6"]
)
def test_what_some_link_type_can_be_asked_is_no_error(expression: str) -> None:
    assert FilterExpression.parse(expression) == (expression,)


def test_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cypcap", None)
    message = (
        r"^filter=: needs libpcap; install the extra filter \(in a clone of pcapconv: pip install '.\[filter\]'\)$"
    )
    with pytest.raises(UsageError, match=message):
        FilterExpression.parse("a.new.expression or tcp port 4711")


def test_a_plan_with_a_filter_goes_to_other_processes() -> None:
    plan = Plan({"filter": "tcp", "where": has_port_80}, str.encode)
    assert pickle.loads(pickle.dumps(plan)).selects_packets


def test_long_expressions() -> None:
    hosts = [f"10.0.{number // 100}.{number % 100}" for number in range(500)]
    expression = FilterExpression.parse(f"host ({' or '.join(hosts)})")  # libpcap does not optimize it
    program = expression.program(ETHERNET, "little")
    assert not isinstance(program, str)
    assert len(program) > 2048
