"""Splitting any capture, compared with a second implementation.

Strategy: the second implementation is slow and obvious, and reads captures with `wire` alone. It says which packets
each part has, what each part needs to stand alone, and that nothing is lost.
"""

import io
from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import wire
from conversions import Pipe, every_sample
from folders import file_names
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from splitting import parts_and_report, parts_of
from wire import BIG, LITTLE, In

import pcapconv
from pcapconv import FormatError, TargetError
from pcapconv.io.buffered_output import BUFFER_SIZE, BufferedOutput
from pcapconv.io.file_set import FileSet

pytestmark = pytest.mark.usefixtures("no_thread_is_left")
both_forms = pytest.mark.usefixtures("kernels")
PACKET_BLOCKS = (wire.ENHANCED_PACKET, wire.OBSOLETE_PACKET, wire.SIMPLE_PACKET)
PROCESS = 0x80000001
SHARED = (wire.NAME_RESOLUTION, wire.DECRYPTION_SECRETS, PROCESS)


class Told(NamedTuple):
    """A packet as `wire` tells it: its block, its time, and what stands before it in its section."""

    raw: bytes
    time: Fraction | None
    section: int
    interface: int
    link_type: int
    before: tuple[tuple[int | None, bytes], ...]  # see `alone`; with an interface its id

    @property
    def stated(self) -> tuple[object, ...]:
        """Everything but the section's number, which is another one in a part."""
        return self.raw, self.time, self.interface, self.link_type, tuple(raw for _, raw in self.before)

    @property
    def alone(self) -> tuple[object, ...]:
        """The same in a part by interface. What stands before: the section's header without its length, the interfaces
        (there, only its own), names, secrets and processes."""
        before = tuple(raw for number, raw in self.before if number in (None, self.interface))
        return as_interface_0(self.raw), self.time, 0, self.link_type, before


def as_interface_0(raw: bytes) -> bytes:
    """A block with 0 as the id of its interface, if it has one."""
    kind = max(raw[0], raw[3])
    if kind not in (wire.ENHANCED_PACKET, wire.OBSOLETE_PACKET, wire.INTERFACE_STATISTICS):
        return raw
    size = 2 if kind == wire.OBSOLETE_PACKET else 4
    return raw[:8] + bytes(size) + raw[8 + size :]


class Other(NamedTuple):
    """A block that is neither a packet nor repeated in every part; of statistics, `interface` is what they name."""

    raw: bytes
    section: int
    interface: int | None


class Content(NamedTuple):
    """The contents of a capture; `interfaces` by section and id."""

    packets: list[Told]
    others: list[Other]
    shared: list[bytes]
    interfaces: dict[tuple[int, int], bytes]


def content_of(capture: bytes) -> Content:
    read = ((packet.interface, packet.ticks) for packet in wire.read_pcapng(capture))
    content = Content([], [], [], {})
    interfaces: list[tuple[int, int, int]] = []
    before: list[tuple[int | None, bytes]] = []
    section = -1
    for block in wire.read_blocks(capture):
        if block.block_type == wire.SECTION_HEADER:
            section += 1
            interfaces, before = [], [(None, block.body[:8] + block.body[16:])]
            content.shared.append(before[0][1])
        elif block.block_type in PACKET_BLOCKS:
            number, ticks = next(read)
            link_type, per_second, offset = interfaces[number]
            time = None if ticks is None else Fraction(ticks, per_second) + offset
            content.packets.append(Told(block.raw, time, section, number, link_type, tuple(before)))
        elif block.block_type == wire.INTERFACE_DESCRIPTION:
            content.interfaces[section, len(interfaces)] = block.raw
            before.append((len(interfaces), block.raw))
            interfaces.append(unit_of(block))
        elif block.block_type in SHARED:
            before.append((None, block.raw))
            content.shared.append(block.raw)
        else:
            named = None
            if block.block_type == wire.INTERFACE_STATISTICS:
                named = int.from_bytes(block.body[:4], "little" if block.byte_order == LITTLE else "big")
            content.others.append(Other(block.raw, section, named))
    return content


def kept_by_interface(content: Content) -> tuple[Counter[bytes], set[bytes], dict[str, int]]:
    """The other blocks and the interfaces that parts by interface have, and what is left out: interfaces without
    packets in a section that has some, and their statistics."""
    used = {(packet.section, packet.interface) for packet in content.packets}
    full = {section for section, _ in used}
    left_out: Counter[str] = Counter()
    others: Counter[bytes] = Counter()
    for block in content.others:
        key = (block.section, block.interface)
        if key not in content.interfaces or block.section not in full:
            others[block.raw] += 1
        elif key in used:
            others[as_interface_0(block.raw)] += 1
        else:
            left_out["statistics"] += 1
    kept = {raw for key, raw in content.interfaces.items() if key in used or key[0] not in full}
    left_out["interfaces"] = sum(key[0] in full for key in content.interfaces.keys() - used)
    return others, kept, dict(+left_out)


def unit_of(block: wire.Block) -> tuple[int, int, int]:
    """An interface's link type, its ticks per second, and the seconds to add."""
    order = "little" if block.byte_order == LITTLE else "big"
    stated = dict(wire.read_options(block.body[8:], block.byte_order))
    resolution = stated.get(wire.IF_TSRESOL, b"\6")[0]
    per_second = 2 ** (resolution & 127) if resolution & 128 else 10**resolution
    offset = int.from_bytes(stated.get(wire.IF_TSOFFSET, b""), order, signed=True)  # type: ignore[arg-type]
    return int.from_bytes(block.body[:2], order), per_second, offset  # type: ignore[arg-type]


def group_packets(packets: Sequence[Told], way: dict[str, Any]) -> list[list[Told]]:
    """The packets of each part, in the parts' order; none for a way that this cannot tell."""
    groups: dict[object, list[Told]] = {}
    start = next((packet.time for packet in packets if packet.time is not None), None)
    if way.get("align"):
        start = Fraction(0)
    key: object = None
    for number, packet in enumerate(packets):
        if "max_packets" in way:
            key = number // way["max_packets"]
        elif "interval" in way:
            if packet.time is not None:
                assert start is not None
                key = (packet.time - start) // Fraction(way["interval"].removesuffix("s"))
                if None in groups:
                    groups = {key: groups[None]}
        else:
            key = {
                "interface": (packet.section, packet.interface),
                "link-type": packet.link_type,
                "section": packet.section,
                "flow": None,  # none has IP
                "host": None,
            }[way["by"]]
        groups.setdefault(key, []).append(packet)
    return list(groups.values())


def check_parts(capture: bytes, written: Sequence[bytes], way: dict[str, Any], left_out: Mapping[str, int]) -> None:
    """Check the parts in pcapng, and the counts of what is left out."""
    content = content_of(capture)
    packets = content.packets
    found = [content_of(part) for part in written]
    others, interfaces = Counter(other.raw for other in content.others), set(content.interfaces.values())
    gone: Mapping[str, int] = {}
    if "max_bytes" in way:
        assert [packet.stated for part in found for packet in part.packets] == [packet.stated for packet in packets]
        for part, inside in zip(written, found):
            assert len(part) <= way["max_bytes"] or len(inside.packets) + len(inside.others) <= 1
    else:
        by_interface = way == {"by": "interface"}
        expected = [
            [each.alone if by_interface else each.stated for each in group] for group in group_packets(packets, way)
        ]
        assert [[packet.stated for packet in part.packets] for part in found] == (expected or [[]])
        if by_interface:
            others, interfaces, gone = kept_by_interface(content)
    assert Counter(other.raw for part in found for other in part.others) == others
    assert {block for part in found for block in part.interfaces.values()} == interfaces
    assert {block for part in found for block in part.shared} == set(content.shared)
    assert left_out == gone
    for part in written:
        with pcapconv.open(io.BytesIO(part)) as opened:
            number = sum(len(batch) for batch in opened.batches())
        assert not opened.damage
        assert number == len(wire.read_pcapng(part))


RESOLUTIONS = [None, 0, 3, 6, 6, 9, 12, 19, 127, 0x80, 0x80 | 10, 0x80 | 20, 0x80 | 63, 0x80 | 127]
START = 1_000_000_000


@st.composite
def interfaces_of(draw: st.DrawFn, write: In) -> bytes:
    resolution, offset = draw(st.sampled_from(RESOLUTIONS)), draw(st.sampled_from([None, 0, START, -5, 2**40]))
    stated = [] if resolution is None else [(wire.IF_TSRESOL, bytes([resolution]))]
    stated += [] if offset is None else [(wire.IF_TSOFFSET, write.number(offset, 8))]
    stated += draw(
        st.sampled_from([[], [(wire.IF_NAME, b"eth0")], [(wire.IF_FCSLEN, b"\x20"), (wire.OPT_COMMENT, b"")]])
    )
    return write.interface(
        draw(st.sampled_from([1, 1, 113])), draw(st.sampled_from([0, 7, 262144])), options=write.options(*stated)
    )


@st.composite
def sections_of(draw: st.DrawFn) -> bytes:
    """A section: interfaces, packets on a grid of quarters of a second and beside it, and every other kind of block."""
    write = In(draw(st.sampled_from([LITTLE, BIG])))
    blocks: list[bytes] = []
    units: list[tuple[int, int, int]] = []
    kinds = draw(st.lists(st.sampled_from("iEEEEEEOSnksuc"), max_size=14))
    for kind in kinds:
        data = bytes(draw(st.integers(0, 40)))
        if kind == "i" or (kind in "EOS" and not units):
            blocks.append(draw(interfaces_of(write)))
            units.append(unit_of(wire.read_blocks(write.section_header() + blocks[-1])[1]))
        if kind in "EO":
            number = draw(st.integers(0, len(units) - 1))
            _, per_second, offset = units[number]
            time = START + draw(st.integers(-4, 12)) * Fraction(1, 4) - offset
            ticks = min(max(0, int(time * per_second // 1) + draw(st.integers(-1, 1))), 2**64 - 1)
            comment = draw(st.sampled_from([(), ((wire.OPT_COMMENT, b"seen"),)]))
            options = write.options(*comment)
            if kind == "E":
                blocks.append(write.enhanced_packet(number, ticks, data, options=options))
            else:
                drops = draw(st.sampled_from([0, 3, 0xFFFF]))
                blocks.append(write.obsolete_packet(number, ticks, data, options=options, drops_count=drops))
        elif kind == "S":
            blocks.append(write.simple_packet(data))
        elif kind == "n":
            blocks.append(write.names(wire.ipv4_name("192.0.2.1", draw(st.sampled_from(["a", "b.example"])))))
        elif kind == "k":
            blocks.append(write.secrets(wire.TLS_KEY_LOG, data))
        elif kind == "s":
            blocks.append(write.statistics(draw(st.integers(0, 3)), 5))
        elif kind == "u":
            blocks.append(write.block(draw(st.sampled_from([PROCESS, 0xB0B])), data[: len(data) & ~3]))
        elif kind == "c":
            blocks.append(write.custom(wire.CUSTOM_COPY, 32473, data))
    body = b"".join(blocks)
    options = draw(st.sampled_from([b"", write.options((wire.OPT_COMMENT, b"section"))]))
    return write.section_header(section_length=draw(st.sampled_from([-1, len(body), 4])), options=options) + body


CAPTURES = st.lists(sections_of(), min_size=1, max_size=3).map(b"".join)
WAYS = st.one_of(
    st.builds(lambda number: {"max_packets": number}, st.integers(1, 5)),
    st.builds(lambda size: {"max_bytes": size}, st.integers(1, 900)),
    st.builds(
        lambda length, align: {"interval": length, "align": align},
        st.sampled_from(["0.25s", "0.5s", "1s", "2s", "0.000001s", "0.3s", "100000s"]),
        st.booleans(),
    ),
    st.sampled_from([{"by": "interface"}, {"by": "link-type"}, {"by": "section"}, {"by": "flow"}, {"by": "host"}]),
)


@both_forms
@settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], max_examples=200)
@given(CAPTURES, WAYS)
def test_the_parts_are_the_capture(capture: bytes, way: dict[str, Any]) -> None:
    written, report = parts_and_report(capture, **way)
    check_parts(capture, written, way, report.left_out)
    assert (report.losses, report.damage) == ({}, [])
    pieces = Pipe(capture[at : at + 50] for at in range(0, len(capture), 50))
    assert parts_of(pieces, **way) == written  # type: ignore[arg-type]


LOTS = settings(suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture], max_examples=80)


@both_forms
@LOTS
@given(CAPTURES, WAYS)
def test_parts_that_rest_are_the_same(monkeypatch: pytest.MonkeyPatch, capture: bytes, way: dict[str, Any]) -> None:
    """Without room for more than one buffer at a time, in either format."""
    expected = parts_of(capture, **way)
    with monkeypatch.context() as patch:
        patch.setattr("pcapconv.splitting.parts._BUDGET", 1)
        assert parts_of(capture, **way) == expected
    in_pcap = expected_in_pcap(capture, way)
    with monkeypatch.context() as patch:
        patch.setattr("pcapconv.splitting.parts._BUDGET", 1)
        assert expected_in_pcap(capture, way) == in_pcap


def expected_in_pcap(
    capture: bytes, way: dict[str, Any], **options: Any
) -> tuple[list[bytes], dict[str, int]] | tuple[str, None]:
    """The parts in pcap and their losses, or the reason why there can be none."""
    try:
        written, report = parts_and_report(capture, "x.pcap", **way, **options)
    except TargetError as error:
        return type(error).__name__, None
    return written, report.losses


def converted(capture: bytes, **options: Any) -> tuple[bytes, dict[str, int]] | tuple[str, None]:
    target = io.BytesIO()
    try:
        report = pcapconv.convert(io.BytesIO(capture), target, to="pcap", **options)
    except TargetError as error:
        return type(error).__name__, None
    return target.getvalue(), report.losses


def test_an_output_that_rests_holds_nothing(tmp_path: Path) -> None:
    spares: list[bytearray] = []
    data = [bytes([number]) * size for number, size in enumerate((10, 5000, 3_000_000, 70_000, 1, 600_000))]
    with FileSet(str(tmp_path), "x") as targets:
        target = targets.new_file()
        output = BufferedOutput(target, spares=spares)
        assert output.memory == 0
        for piece in data:
            output.write(piece)
            assert 0 < output.memory <= 3 * BUFFER_SIZE
            output.release()
            assert (output.memory, target.file.tell()) == (0, output.position)
            target.release()
            assert len(spares) <= 3
        output.write(b"end")
        output.finish([(5, b"patched")])
        output.release()
        targets.commit([str(tmp_path / "x")])
    expected = b"".join(data) + b"end"
    assert (tmp_path / "x").read_bytes() == expected[:5] + b"patched" + expected[12:]
    assert file_names(tmp_path) == ["x"]


SHARED_KINDS = {"interfaces", "sections", "fcs-lengths"}  # that depend on what comes together in a file


@both_forms
@LOTS
@given(CAPTURES, WAYS.filter(lambda way: "max_bytes" not in way and "by" not in way))
def test_a_part_in_pcap_is_what_becomes_of_a_part_in_pcapng(capture: bytes, way: dict[str, Any]) -> None:
    """And losses count once, however many parts repeat what is lost."""
    in_pcapng = parts_of(capture, **way)
    written, losses = expected_in_pcap(capture, way)
    each = [[converted(part, nanoseconds=nanoseconds) for part in in_pcapng] for nanoseconds in (False, True)]
    if losses is None:
        assert any(lost is None for _, lost in each[0])
        return
    assert [[part for part, _ in same] == written for same in each].count(True) >= 1
    _, lost = converted(capture, nanoseconds=True)
    _, losses = expected_in_pcap(capture, way, nanoseconds=True)
    assert losses is not None
    if lost is not None:
        assert without_parts_losses(losses) == without_parts_losses(lost)
        assert all(losses.get(kind, 0) <= lost.get(kind, 0) for kind in SHARED_KINDS)


def without_parts_losses(losses: dict[str, int]) -> dict[str, int]:
    return {kind: count for kind, count in losses.items() if kind not in SHARED_KINDS}


@both_forms
@LOTS
@given(CAPTURES, st.sampled_from(["interface", "link-type"]))
def test_parts_in_pcap_by_kind_have_their_packets(capture: bytes, by: str) -> None:
    written, losses = expected_in_pcap(capture, {"by": by}, nanoseconds=True)
    packets = content_of(capture).packets
    groups = group_packets(packets, {"by": by})
    if losses is None:
        assert any(packet.time is not None and not 0 <= packet.time < 2**32 for packet in packets)
        return
    assert len(written) == max(1, len(groups))
    for part, group in zip(written, groups):
        header = wire.read_pcap_header(part)  # type: ignore[arg-type]
        found = wire.read_pcap(part)  # type: ignore[arg-type]
        times = [0 if packet.time is None else int(packet.time * 10**9 // 1) for packet in group]
        assert [packet.ticks for packet in found] == times
        assert header.link_type_word & 0xFFFF == group[0].link_type


@both_forms
@LOTS
@given(CAPTURES, st.integers(1, 300), st.sampled_from(["pcap", "pcapng"]), st.integers(0, 2), st.integers(1, 60))
def test_sizes_are_exact_for_packets_that_were_picked_and_cut(
    capture: bytes, size: int, to: str, every: int, snaplen: int
) -> None:
    dropped = ",".join(map(str, range(1, 99, every + 1))) if every else None
    options: dict[str, Any] = {"to": to, "drop_packets": dropped, "snaplen": snaplen, "nanoseconds": True}
    try:
        (whole,), _ = parts_and_report(capture, max_packets=10**6, **options)
    except TargetError:
        return
    written, _ = parts_and_report(capture, max_bytes=size, **options)
    read = wire.read_pcap if to == "pcap" else wire.read_pcapng
    assert [packet[2:] for part in written for packet in read(part)] == [packet[2:] for packet in read(whole)]
    for part, after in pairwise([*written, b""]):
        blocks = len(read(part)) if to == "pcap" else len(content_of(part).packets) + len(content_of(part).others)
        assert len(part) <= size or blocks <= 1
        if to == "pcap" and after:
            assert len(part) + 16 + read(after)[0].captured_length > size  # no part ends early
    assert parts_of(capture, max_bytes=len(whole), **options) == [whole]


@pytest.mark.parametrize(
    "way",
    [{"max_packets": 2}, {"max_bytes": 400}, {"interval": "0.001s"}, *({"by": by} for by in ("interface", "section"))],
    ids=str,
)
@every_sample
def test_every_sample_comes_together_again(path: Path, way: dict[str, Any]) -> None:
    def content(captures: Sequence[bytes]) -> Counter[tuple[object, ...]]:
        found: Counter[tuple[object, ...]] = Counter()
        for capture in captures:
            with pcapconv.open(io.BytesIO(capture)) as opened:
                for one in opened:
                    found[one.data, one.original_length, one.ticks, one.interface.link_type] += 1
        return found

    capture = path.read_bytes()
    if "interval" in way and path.name.startswith("time-malformed"):
        with pytest.raises(FormatError, match=r"the times of interface .* cannot be determined"):
            parts_and_report(capture, f"x{path.suffix}", **way)
        return
    written, report = parts_and_report(capture, f"x{path.suffix}", **way)
    assert content(written) == content([capture])
    as_it_was = not report.damage and report.left_out.keys() <= {"interfaces", "statistics"}
    if path.suffix == ".pcapng" and as_it_was and "malformed" not in path.name:
        check_parts(capture, written, way, report.left_out)
    if path.suffix == ".pcap" and not report.damage and way == {"max_packets": 2}:
        size = wire.read_pcap_header(capture).size
        assert all(part[:size] == capture[:size] for part in written)
        assert b"".join(part[size:] for part in written) == capture[size:]
