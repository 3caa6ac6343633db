"""`merge` of more inputs than can be open: they are merged in groups, through a temporary file."""

import random
import struct
from typing import Any

import expected_captures
import pytest
import wire
from compressing import compressed
from expected_captures import PACKET_BLOCKS, is_pcapng, listed
from hypothesis import given, settings
from hypothesis import strategies as st
from invented_merges import EFFECTIVE_PROCESS, OWN_PROCESS, PROCESS, invented_inputs
from merging import merged
from wire import In

pytestmark = pytest.mark.usefixtures("kernels")

EXPLAINING = (wire.INTERFACE_DESCRIPTION, wire.NAME_RESOLUTION, wire.DECRYPTION_SECRETS, PROCESS)
FEW = "pcapconv.merging.by_time.MOST_OPEN"


def in_groups(captures: list[bytes], most: int, **options: Any) -> tuple[bytes, Any]:
    """Merge with so many inputs open."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FEW, most)
        return merged(captures, on_loss="ignore", **options)


def comes_late(capture: bytes) -> bool:
    """Whether an interface, or another block that explains packets, comes behind packets."""
    seen = False
    for block in wire.read_blocks(capture) if is_pcapng(capture) else []:
        seen = (seen or block.block_type in PACKET_BLOCKS) and block.block_type != wire.SECTION_HEADER
        if seen and (block.block_type in EXPLAINING or block.body[:4] in (b"n\x7f\0\0", b"\0\0\x7fn")):
            return True
    return len({packet.interface for packet in expected_captures.packets(capture)}) > 1 and not is_pcapng(capture)


def with_meaning(capture: bytes) -> list[Any]:
    """The packets in order, with what their interfaces and the numbers of their processes lead to.

    Groups may meet processes in another order, so that these get other numbers. An obsolete block stays if its numbers
    stay, and otherwise becomes an Enhanced one of the same meaning: both are right, and both count as Enhanced here.
    """
    order = wire.read_blocks(capture)[0].byte_order
    interfaces, processes, found = [], [], list[Any]()
    for block in wire.read_blocks(capture):
        if block.block_type == wire.INTERFACE_DESCRIPTION:
            interfaces.append(block.body)
        elif block.block_type == PROCESS:
            processes.append(block.body)
        elif block.block_type in PACKET_BLOCKS:
            (packet,) = wire.read_pcapng(
                wire.section_header(byte_order=order)
                + b"".join(wire.block(wire.INTERFACE_DESCRIPTION, body, byte_order=order) for body in interfaces)
                + block.raw
            )
            said: list[Any] = []
            for code, value, raw in listed(packet.options, order):
                is_process = code in (OWN_PROCESS, EFFECTIVE_PROCESS) and len(value) == 4 and processes
                number = int.from_bytes(value, "little" if order == wire.LITTLE else "big")
                said.append((processes[number],) if is_process else raw)
            block_type = block.block_type
            if block_type == wire.OBSOLETE_PACKET and any(isinstance(each, tuple) for each in said):
                block_type, drops = wire.ENHANCED_PACKET, struct.unpack_from(order + "H", block.body, 2)[0]
                if drops != 0xFFFF:
                    said.append(wire.option(wire.EPB_DROPCOUNT, struct.pack(order + "Q", drops), byte_order=order))
            found.append((interfaces[packet.interface], block_type, packet._replace(interface=0, options=b""), said))
    return found


def packet_blocks(capture: bytes) -> list[bytes]:
    types = (wire.ENHANCED_PACKET, wire.SIMPLE_PACKET, wire.OBSOLETE_PACKET)
    return [block.raw for block in wire.read_blocks(capture) if block.block_type in types]


def lengths_of_others(capture: bytes) -> list[int]:
    """The lengths of all blocks that are no packets, in no order."""
    blocks = wire.read_blocks(capture)
    return sorted(len(block.raw) for block in blocks if block.block_type not in PACKET_BLOCKS)


@settings(max_examples=25)
@given(st.data())
def test_any_merge_in_groups(data: st.DataObject) -> None:
    """The same packets in the same order, if nothing explains packets late; else with all that they refer to. A block
    between packets may have another place among the packets of other inputs."""
    captures = [*data.draw(invented_inputs()), *data.draw(invented_inputs())]
    whole, told = merged(captures, on_loss="ignore")
    for most in (2, 3):
        out, report = in_groups(captures, most)
        if not any(map(comes_late, captures)):
            assert packet_blocks(out) == packet_blocks(whole)
            assert sorted(wire.raw_blocks(out)) == sorted(wire.raw_blocks(whole))
        assert with_meaning(out) == with_meaning(whole)
        assert lengths_of_others(out) == lengths_of_others(whole)
        assert (report.losses, report.left_out) == (told.losses, told.left_out)


def small(write: In, *times: int) -> bytes:
    packets = [write.enhanced_packet(0, time, b"%d" % time) for time in times]
    return write.section_header() + write.interface() + b"".join(packets)


@pytest.mark.parametrize("most", [2, 3, 7])
def test_many_inputs_that_overlap(write: In, most: int) -> None:
    order = random.Random(1)
    captures = [small(write, *sorted(order.randrange(1000) for _ in range(9))) for _ in range(50)]
    whole, _ = merged(captures)
    assert in_groups(captures, most)[0] == whole
    times = [packet.ticks for packet in wire.read_pcapng(whole)]
    assert times == sorted(times, key=lambda time: time or 0)
    assert in_groups([compressed("gzip", each) for each in captures], most)[0] == whole


def test_processes_have_their_numbers_in_groups(write: In) -> None:
    """The process of a later group may be needed first."""
    process = [write.block(PROCESS, write.number(each, 4)) for each in range(3)]
    reference = write.options((OWN_PROCESS, write.number(0, 4)))
    head = write.section_header() + write.interface()
    captures = [
        head
        + write.enhanced_packet(0, 0, b"first")
        + write.enhanced_packet(0, time, b"second")
        + process[index]
        + write.enhanced_packet(0, time, b"third", options=reference)
        for index, time in enumerate((9, 8, 1))
    ]
    for most in (2, 250):
        said = [meaning[3] for meaning in with_meaning(in_groups(captures, most)[0])]
        assert [each for each in said if each] == [[(process[number][8:-4],)] for number in (2, 1, 0)]


def test_secrets_come_before_the_packets_of_each_input_that_has_them(write: In) -> None:
    """Of equal secrets one stays, and it must be early enough for every group."""
    secrets = write.secrets(wire.TLS_KEY_LOG, b"key log")
    head = write.section_header() + write.interface()
    captures = [
        head + write.enhanced_packet(0, 0, b"first") + write.enhanced_packet(0, time, b"late") + secrets
        for time in (8, 9)
    ]
    captures.append(head + write.enhanced_packet(0, 0, b"first") + secrets + write.enhanced_packet(0, 1, b"encrypted"))
    for most in (2, 250):
        blocks = [block.raw for block in wire.read_blocks(in_groups(captures, most)[0])]
        assert blocks.count(secrets) == 1
        assert blocks.index(secrets) < blocks.index(write.enhanced_packet(0, 1, b"encrypted"))


@pytest.mark.parametrize("first", [0, 1])
def test_an_input_keeps_all_its_equal_secrets(first: int, write: In) -> None:
    """The n-th of an input is the n-th of the section, whichever input is read first."""
    secrets, head = write.secrets(wire.TLS_KEY_LOG, b"key log"), write.section_header() + write.interface()
    once = head + write.enhanced_packet(0, first, b"once") + secrets
    twice = head + write.enhanced_packet(0, 1 - first, b"twice") + secrets + write.enhanced_packet(0, 5, b"") + secrets
    for captures in ([once, twice], [twice, once, once], [once, once, twice, once, twice]):
        for most in (2, 250):
            out, _ = in_groups(captures, most)
            assert wire.raw_blocks(out).count(secrets) == 2
    assert wire.raw_blocks(in_groups([twice], 2)[0]).count(secrets) == 2


@pytest.mark.parametrize(("most", "counts"), [(10, [1, 1, 2]), (8, [1, 1, 1]), (4, [1, 1, 3]), (0, [3, 2, 3])])
def test_more_secrets_than_are_remembered(
    most: int, counts: list[int], write: In, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are all kept, or equal ones are kept once."""
    monkeypatch.setattr("pcapconv.merging.merged_section._MOST_REMEMBERED", most)
    a, b, c = (write.secrets(wire.TLS_KEY_LOG, each) for each in (b"a", b"b", b"c"))
    head = write.section_header() + write.interface()
    out, _ = merged([head + each + write.enhanced_packet(0, 1, b"") for each in (a + b, a + b + c, a + c + c)])
    assert [wire.raw_blocks(out).count(each) for each in (a, b, c)] == counts


def test_a_simple_packet_without_one_before_it_stays_first_in_groups(write: In) -> None:
    offset = write.interface(113, options=write.options((wire.IF_TSOFFSET, write.number(10**9, 8))))
    simple = write.section_header() + offset + write.simple_packet(b"simple") + write.enhanced_packet(0, 7, b"seven")
    captures = [small(write, 1), simple, small(write, 2), simple, simple, small(write, 1)]
    data = [b"simple"] * 3 + [b"1", b"1", b"2"] + [b"seven"] * 3
    for most in (2, 3, 250):
        out, report = in_groups(captures, most)
        assert [packet.data for packet in wire.read_pcapng(out)] == data
        assert report.losses == {"packets-without-time": 3}
        out, report = in_groups(captures, most, after="1")
        assert [packet.data for packet in wire.read_pcapng(out)] == data[6:]
        assert report.left_out == {"packets-without-time": 3}
