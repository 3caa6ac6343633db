"""`normalize --check`: the reasons why a capture is not in the normal form."""

from pathlib import Path
from typing import Any

import pytest
import wire
from expected_normal_form import KINDS
from normalizing import IDB, ONE, SHB, USUAL, T, capture_with_all_kinds, normal_form_with, reasons_against
from wire import BIG, In

from pcapconv.normalizing import check


def test_a_normal_form_has_no_reasons(write: In) -> None:
    assert reasons_against(normal_form_with(*USUAL)) == []
    assert reasons_against(normal_form_with(*KINDS), keep=KINDS) == []
    assert reasons_against(wire.pcap_header(wire.NANOSECONDS) + wire.pcap_record(T, 0, b"one"), to="pcap") == []
    assert reasons_against(capture_with_all_kinds(write)) != []


BIG_SHB = wire.section_header(byte_order=BIG)


@pytest.mark.parametrize(
    ("capture", "options", "reasons"),
    [
        (BIG_SHB, {}, ["it is big-endian"]),
        (wire.section_header(version=(1, 2)), {}, ["its version is 1.2"]),
        (wire.section_header(section_length=0), {}, ["it states a section length"]),
        (SHB * 3, {}, ["it has 3 sections"]),
        (
            SHB + wire.interface() * 2,
            {},
            ["times count in 10^-6 s, not in nanoseconds", "it has 1 interface without packets"],
        ),
        (
            SHB
            + wire.interface(options=wire.options((wire.IF_TSRESOL, b"\x94")))
            + wire.enhanced_packet(0, 2**20, b"x"),
            {},
            ["times count in 2^-20 s, not in nanoseconds"],
        ),
        (
            SHB + IDB + wire.simple_packet(b"x") + wire.obsolete_packet(0, 0, b"x"),
            {},
            ["it has Simple or obsolete Packet Blocks"],
        ),
        (SHB + IDB + IDB + ONE, {}, ["it has 1 interface without packets"]),
        (
            wire.section_header(options=wire.options((wire.SHB_OS, b"x"), (wire.SHB_USERAPPL, b"x"))),
            {},
            ["it has 2 options about the host"],
        ),
        (
            normal_form_with(*KINDS),
            {},
            [
                "it has 1 statistics block, 6 custom blocks and options, 6 unknown blocks and options, "
                "5 options about the host, 4 interface addresses"
            ],
        ),
        (normal_form_with(*USUAL), {"strip": "comments"}, ["it has 5 comments"]),
        (normal_form_with(*USUAL), {"strip": "names,secrets"}, ["it has 1 block of names, 1 secrets block"]),
        (
            SHB + IDB + wire.enhanced_packet(0, 0, b"x", options=wire.options((wire.EPB_PACKETID, bytes(8)))),
            {},
            ["it has 1 option that differs by run"],
        ),
        (
            SHB + IDB + wire.enhanced_packet(0, 5, b"x") + wire.enhanced_packet(0, 4, b"y"),
            {"sort": True},
            ["its packets are not in the order of their times"],
        ),
        (
            SHB + wire.names(wire.ipv4_name("192.0.2.1", "a"), end=False),
            {},
            ["its bytes differ from offset 32 on: other times, another order, padding or repetition"],
        ),
        (SHB + IDB + ONE, {"to": "pcap"}, ["it is pcapng, not pcap"]),
        (wire.pcap_header(), {}, ["it is pcap, not pcapng"]),
        (
            wire.pcap_header(byte_order=BIG) + wire.pcap_record(0, 0, b"x", byte_order=BIG),
            {"to": "pcap"},
            ["it is big-endian", "times count in 10^-6 s, not in nanoseconds"],
        ),
        (SHB + IDB + ONE, {"rebase_time": str(T)}, []),
        (
            SHB + IDB + ONE,
            {"rebase_time": "0"},
            ["its first packet is at 2024-05-01T12:00:00.000000000Z, not at 1970-01-01T00:00:00.000000000Z"],
        ),
    ],
)
def test_the_reasons(capture: bytes, options: dict[str, Any], reasons: list[str]) -> None:
    assert reasons_against(capture, **options) == reasons


def test_a_repetition_at_the_end_has_a_place() -> None:
    """Something too much, of which nothing else can be said."""
    twice = SHB + wire.secrets(wire.TLS_KEY_LOG, b"x") * 2
    assert reasons_against(twice) == ["its bytes differ at its end: other times, another order, padding or repetition"]


def test_a_difference_far_in_has_its_offset() -> None:
    """Beyond the blocks in which files are compared."""
    packets = wire.enhanced_packet(0, 5, bytes(60_000)) * 6
    odd = wire.enhanced_packet(0, 5, b"odd").replace(b"odd\0", b"odd\1")
    capture = SHB + IDB + packets + odd
    offset = len(SHB + IDB + packets) + 31
    assert reasons_against(capture) == [
        f"its bytes differ from offset {offset} on: other times, another order, padding or repetition"
    ]


def test_check_leaves_files_alone(tmp_path: Path) -> None:
    path = tmp_path / "x.pcapng"
    path.write_bytes(BIG_SHB)
    before = path.stat()
    assert check(path).reasons == ["it is big-endian"]
    assert (path.stat().st_mtime_ns, path.stat().st_ino, path.read_bytes()) == (
        before.st_mtime_ns,
        before.st_ino,
        BIG_SHB,
    )
    assert list(tmp_path.iterdir()) == [path]
