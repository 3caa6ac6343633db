"""Captures that were edited between the way to pcap and the way back, by hand and by tools that know nothing of it."""

import io
import itertools
import json
import shutil
import subprocess
import sys
import tracemalloc
from fractions import Fraction
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import pytest
import wire
from command_line import COMMAND
from conversions import packets
from hypothesis import given, settings
from hypothesis import strategies as st
from wire import BIG, LITTLE, In

import pcapconv
from pcapconv import Packet, Report, formats

START = 1_714_564_800
RESOLUTIONS = {
    b"\6": 10**6,
    b"\x09": 10**9,
    b"\x07": 10**7,
    b"\x0c": 10**12,
    b"\x03": 10**3,
    b"\x8a": 2**10,
    b"\xa0": 2**32,
}
pytestmark = pytest.mark.usefixtures("kernels")


class Trip:
    """A folder with a pcap file, its sidecar, and an edited pcap file."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.pcap, self.edited, self.back = folder / "a.pcap", folder / "edited.pcap", folder / "b.pcapng"

    def there(self, capture: bytes) -> list[wire.Packet]:
        """The packets of the pcap file."""
        source = io.BytesIO(capture)
        pcapconv.convert(source, self.pcap, force=True, sidecar=True, sidecar_secrets=True, sidecar_fingerprints=True)
        return wire.read_pcap(self.pcap.read_bytes())

    def edit(self, found: list[wire.Packet], *, micro: bool = False) -> None:
        """Write these as the edited file; `micro` cuts their times to microseconds."""
        header = wire.read_pcap_header(self.pcap.read_bytes())
        write, units = In(header.byte_order), header.units
        magic = wire.NANOSECONDS if units == 10**9 and not micro else wire.MICROSECONDS
        whole = write.pcap_header(magic, snaplen=262144)
        for packet in found:
            seconds, rest = divmod(packet.ticks or 0, units)
            rest = rest // 1000 if micro and units == 10**9 else rest
            whole += write.pcap_record(seconds, rest, packet.data, original_length=packet.original_length)
        self.edited.write_bytes(whole)

    def returned(self, **options: Any) -> tuple[dict[str, Any], list[Packet], Report]:
        """What was found but for what is 0 or empty, the packets, and the report."""
        sidecar = str(self.pcap.with_name("a.pcap.meta.json"))
        report = pcapconv.convert(self.edited, self.back, force=True, sidecar_file=sidecar, **options)
        assert report.found_in_sidecar is not None
        numbers = {kind: value for kind, value in report.found_in_sidecar.items() if value}
        return numbers, packets(self.back.read_bytes()), report


@pytest.fixture
def trip(tmp_path: Path) -> Trip:
    return Trip(tmp_path)


@pytest.fixture(scope="module")
def shared(tmp_path_factory: pytest.TempPathFactory) -> Trip:
    return Trip(tmp_path_factory.mktemp("shared"))


def metadata_of(packet: Packet) -> tuple[Any, ...]:
    """All that a sidecar restores of a packet."""
    interface = packet.interface
    return (
        packet.time,
        packet.raw_options,
        packet.section.number,
        interface.id,
        interface.raw_options,
        interface.snaplen,
    )


def is_plain(packet: Packet) -> bool:
    """Return whether neither a packet nor its interface has metadata, but for the time unit."""
    order = LITTLE if packet.section.byte_order == "little" else BIG
    codes = {code for code, _ in wire.read_options(packet.interface.raw_options, order)}
    return packet.raw_options == b"" and codes <= {wire.IF_TSRESOL}


# ---------------------------------------------------------------- by hand


@st.composite
def originals(draw: st.DrawFn) -> bytes:
    """Sections, each with its interfaces first; no two packets have the same time, nor the same bytes."""
    capture, number = b"", itertools.count(1)
    for section in range(draw(st.integers(1, 3))):
        write = In(draw(st.sampled_from([LITTLE, BIG])))
        resolutions = draw(st.lists(st.sampled_from(sorted(RESOLUTIONS)), min_size=1, max_size=3))
        from_start = b"\x0c" in resolutions or draw(st.booleans())  # else its ticks do not reach the present
        offset = (wire.IF_TSOFFSET, write.number(START, 8)) if from_start else (wire.OPT_COMMENT, b"none")
        capture += write.section_header(options=write.options((wire.OPT_COMMENT, b"section %d" % section)))
        for interface_id, resolution in enumerate(resolutions):
            stated = [(wire.IF_NAME, b"if%d.%d" % (section, interface_id)), (wire.IF_TSRESOL, resolution), offset]
            capture += write.interface(snaplen=draw(st.sampled_from([0, 90])), options=write.options(*stated))
        for interface_id in draw(st.lists(st.integers(0, len(resolutions) - 1), max_size=6)):
            here = next(number)
            units = RESOLUTIONS[resolutions[interface_id]]
            ticks = units * here + units // 3 + (0 if from_start else START * units)
            options = [(wire.OPT_COMMENT, b"comment %d" % here), (wire.EPB_FLAGS, write.number(here, 4))]
            stated = options[: draw(st.integers(0, 2))]
            kind = draw(st.sampled_from([write.enhanced_packet, write.enhanced_packet, write.obsolete_packet]))
            data = b"%02d is the number of this packet" % here
            capture += kind(interface_id, ticks, data[: draw(st.integers(20, 33))], options=write.options(*stated))
        capture += write.names(wire.ipv4_name("192.0.2.1", f"host{section}")) + write.statistics(0, 5)
    return capture


class Edit(NamedTuple):
    """A packet of the edited file, the number of the original one or None, and how it should be known."""

    packet: wire.Packet
    number: int | None
    known: str


@st.composite
def edits(draw: st.DrawFn, there: list[wire.Packet], sections: list[int]) -> list[Edit]:
    """Packets left out, cut, changed, added, and in another order within their section."""
    done: list[Edit] = []
    for _, group in itertools.groupby(range(len(there)), key=lambda row: sections[row]):
        for row in draw(st.permutations(list(group))):
            packet, how = there[row], draw(st.sampled_from(["same", "same", "cut", "changed", "gone", "new"]))
            if how == "new":
                done.append(Edit(packet._replace(ticks=5 + len(done), data=b"new"), None, "new"))
            elif how == "cut":
                data = packet.data[: draw(st.integers(16, len(packet.data) - 1))]
                done.append(Edit(packet._replace(data=data, captured_length=len(data)), row, "cut"))
            elif how == "changed":
                at = draw(st.integers(0, len(packet.data) - 1))
                data = packet.data[:at] + b"\xff" + packet.data[at + 1 :]
                done.append(Edit(packet._replace(data=data), row, "changed"))
            elif how == "same":
                done.append(Edit(packet, row, "same"))
    return done


@settings(max_examples=400)
@given(capture=originals(), data=st.data(), micro=st.booleans())
def test_whatever_is_left_has_all_that_was_said_of_it(
    shared: Trip, capture: bytes, data: st.DataObject, micro: bool
) -> None:
    there, original = shared.there(capture), packets(capture)
    done = data.draw(edits(there, [packet.section.number for packet in original]))
    if not any(edit.number is not None for edit in done):
        return  # it is another capture
    shared.edit([edit.packet for edit in done], micro=micro)
    if shared.edited.read_bytes() == shared.pcap.read_bytes():
        return  # it was not edited
    numbers, found, _ = shared.returned()
    how = [edit.known for edit in done]
    new = [interface_id for interface_id, kind in enumerate(how, 1) if kind == "new"]
    expected = {"in_sidecar": len(there), **{kind: how.count(kind) for kind in set(how)}}
    assert numbers == (expected | {"new_packets": new} if new else expected)
    for edit, packet in zip(done, found, strict=True):
        assert (packet.data, packet.original_length) == (edit.packet.data, edit.packet.original_length)
        assert is_plain(packet) if edit.number is None else metadata_of(packet) == metadata_of(original[edit.number])
    before, after = wire.read_blocks(capture), wire.read_blocks(shared.back.read_bytes())
    for kind in (wire.SECTION_HEADER, wire.NAME_RESOLUTION, wire.INTERFACE_STATISTICS):
        assert [each.raw for each in after if each.block_type == kind] == [
            each.raw for each in before if each.block_type == kind
        ]


def capture_of(*blocks: bytes, interfaces: int = 1) -> bytes:
    names = [wire.interface(options=wire.options((wire.IF_NAME, b"if%d" % number))) for number in range(interfaces)]
    return wire.section_header() + b"".join((*names, *blocks))


def commented(number: int, interface_id: int = 0, **more: Any) -> bytes:
    options = wire.options((wire.OPT_COMMENT, b"comment %d" % number))
    return wire.enhanced_packet(interface_id, number, b"packet %d" % number, options=options, **more)


def test_a_packet_that_moved_into_another_section(trip: Trip) -> None:
    """Its interface is not there: it is ambiguous, and kept plain; so is what would come before that section's end."""
    there = trip.there(capture_of(commented(1), commented(2)) + capture_of(commented(3), commented(4)))
    trip.edit([there[row] for row in (0, 2, 1, 3)])
    numbers, found, _ = trip.returned()
    assert numbers == {"in_sidecar": 4, "same": 3, "ambiguous": 1, "ambiguous_packets": [3]}
    assert [packet.comments for packet in found] == [["comment 1"], ["comment 3"], [], ["comment 4"]]
    assert [(packet.section.number, packet.interface.id) for packet in found] == [(0, 0), (1, 0), (1, 1), (1, 0)]
    assert [is_plain(packet) for packet in found] == [False, False, True, False]


def test_packets_that_are_alike(trip: Trip) -> None:
    """As many on both sides are taken in order; of fewer, nobody can tell which they are, unless all say the same."""
    alike = [wire.enhanced_packet(row % 2, 5, b"alike", options=wire.options((1, b"%d" % row))) for row in range(3)]
    same = [wire.enhanced_packet(1, 6, b"same", options=wire.options((1, b"same")))] * 3
    there = trip.there(capture_of(*alike, *same, commented(7), interfaces=2))
    trip.edit([*there[3:5], *there[:3], there[6]])
    numbers, found, _ = trip.returned()
    assert numbers == {"in_sidecar": 7, "same": 6}
    assert [packet.comments for packet in found] == [["same"], ["same"], ["0"], ["1"], ["2"], ["comment 7"]]
    trip.edit([there[0], *there[3:], there[2], there[3]])
    numbers, found, _ = trip.returned()
    assert numbers == {
        "in_sidecar": 7,
        "same": 4,
        "new": 1,
        "ambiguous": 2,
        "new_packets": [7],
        "ambiguous_packets": [1, 6],
    }
    assert [packet.number for packet in found if is_plain(packet)] == [1, 6, 7]
    done = convert_by_command(trip, "edited.pcap", "x.pcapng", "--sidecar-file", "a.pcap.meta.json")
    assert (done.returncode, done.stderr.splitlines()) == (
        0,
        [
            "pcapconv: x.pcapng: 4 of the sidecar's 7 packets were recognised",
            "pcapconv: warning: x.pcapng: nothing was restored for new packet 7",
            "pcapconv: warning: x.pcapng: nothing was restored for ambiguous packets 1, 6",
        ],
    )


@pytest.mark.parametrize("window", [64, 2**19])
def test_the_interface_of_new_packets_stands_before_the_first(
    window: int, trip: Trip, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many packets are read at once."""
    there = trip.there(capture_of(commented(1), commented(2)))
    trip.edit([there[0], there[0]._replace(ticks=5, data=b"new"), there[1]])
    monkeypatch.setattr(formats, "open_reader", partial(formats.open_reader, window_size=window))
    numbers, _, _ = trip.returned()
    assert numbers == {"in_sidecar": 2, "same": 2, "new": 1, "new_packets": [2]}
    kinds = [each.block_type for each in wire.read_blocks(trip.back.read_bytes())]
    assert kinds == [wire.SECTION_HEADER, 1, 6, 1, 6, 6]


def test_what_no_longer_holds_goes(write: In, trip: Trip) -> None:
    """Hashes of packets that are no longer what they were, and what is marked do-not-copy."""
    pen = write.custom_value(32473, b"do not")
    stated = write.options(
        (wire.EPB_HASH, b"\2abcd"), (wire.OPT_COMMENT, b"c"), (wire.OPT_CUSTOM_BYTES_DO_NOT_COPY, pen)
    )
    capture = (
        write.section_header(section_length=4)
        + write.interface()
        + write.enhanced_packet(0, 5, b"is as it was and long enough", options=stated)
        + write.enhanced_packet(0, 6, b"is cut, and was long enough", options=stated)
        + write.enhanced_packet(0, 7, b"is changed", options=stated)
        + write.obsolete_packet(0, 8, b"obsolete", drops_count=9)
        + write.custom(wire.CUSTOM_DO_NOT_COPY, 32473, b"do not")
        + write.custom(wire.CUSTOM_COPY, 32473, b"copy")
    )
    there = trip.there(capture)
    there[1] = there[1]._replace(data=there[1].data[:16])
    there[2] = there[2]._replace(data=b"iS changed")
    trip.edit(there)
    numbers, found, report = trip.returned()
    assert numbers == {"in_sidecar": 4, "same": 2, "cut": 1, "changed": 1}
    assert report.left_out == {"packet-hashes": 2, "do-not-copy": 4}
    rest = write.options((wire.OPT_COMMENT, b"c"))
    assert [packet.raw_options for packet in found] == [
        write.options((wire.EPB_HASH, b"\2abcd"), (wire.OPT_COMMENT, b"c")),
        rest,
        rest,
        write.options((wire.EPB_DROPCOUNT, write.number(9, 8))),
    ]
    blocks = wire.read_blocks(trip.back.read_bytes())
    assert [each.block_type for each in blocks[2:]] == [wire.ENHANCED_PACKET] * 4 + [wire.CUSTOM_COPY]


def test_more_candidates_than_packets(trip: Trip) -> None:
    """Of two packets with the time and length of one, neither of which is the same, nobody can tell."""
    (one,) = trip.there(capture_of(commented(1)))
    trip.edit([one._replace(data=b"NEW! %d.." % 1), one._replace(data=b"oTHER 1."), one._replace(ticks=9)])
    numbers, found, _ = trip.returned()
    assert numbers == {"in_sidecar": 1, "ambiguous": 2, "ambiguous_packets": [1, 2], "new": 1, "new_packets": [3]}
    assert all(is_plain(packet) for packet in found)
    trip.edit([one, one])
    numbers, found, _ = trip.returned()
    assert numbers == {"in_sidecar": 1, "same": 1, "new": 1, "new_packets": [2]}
    assert [packet.comments for packet in found] == [["comment 1"], []]


def test_twins_in_two_sections(trip: Trip) -> None:
    """Which say the same, but of interfaces of which each is another one."""
    there = trip.there(capture_of(commented(1)) + capture_of(commented(1), commented(2)))
    trip.edit(there[1:])
    numbers, found, _ = trip.returned()
    assert numbers == {"in_sidecar": 3, "same": 1, "ambiguous": 1, "ambiguous_packets": [1]}
    assert [packet.comments for packet in found] == [[], ["comment 2"]]


@pytest.mark.parametrize(("resolution", "units"), [(b"\x09", 10**9), (b"\x0c", 10**12)])
def test_a_time_that_was_changed_below_a_microsecond(resolution: bytes, units: int, trip: Trip) -> None:
    """It stays; only what was cut comes back."""
    offset = (wire.IF_TSOFFSET, wire.number(START, 8))
    head = wire.section_header() + wire.interface(options=wire.options((wire.IF_TSRESOL, resolution), offset))
    ticks = [123_456 * units // 10**9, 987_654 * units // 10**9 + units // 10**12]
    there = trip.there(head + b"".join(wire.enhanced_packet(0, each, b"packet") for each in ticks))
    cut, changed = (each._replace(ticks=(each.ticks or 0) // 1000 * 1000) for each in there)
    trip.edit([cut, changed._replace(ticks=(changed.ticks or 0) + 1)])
    numbers, found, _ = trip.returned()
    assert numbers == {"in_sidecar": 2, "same": 1, "new": 1, "new_packets": [2]}
    assert [packet.time for packet in found] == [
        START + Fraction(ticks[0], units),
        START + Fraction(987_001, 10**9),
    ]


def test_a_new_packet_opens_no_section(trip: Trip) -> None:
    """Though all but the last digits of its time are those of a packet in a later one."""
    nano = wire.interface(options=wire.options((wire.IF_TSRESOL, b"\x09")))

    def section(*ticks: int) -> bytes:
        blocks = [wire.enhanced_packet(0, each, b"packet %d" % each) for each in ticks]
        return wire.section_header() + nano + b"".join(blocks)

    there = trip.there(section(1_000, 2_000) + section(3_000, 4_000))
    trip.edit([there[0], there[2]._replace(ticks=3_007), there[1], there[3]])
    numbers, found, _ = trip.returned()
    assert numbers == {"in_sidecar": 4, "same": 3, "new": 1, "new_packets": [2]}
    assert [packet.section.number for packet in found] == [0, 0, 0, 1]


def test_a_simple_packet_whose_time_was_changed(trip: Trip) -> None:
    """It has none: whatever the pcap file says of it, below a microsecond, does not matter."""
    nano = wire.interface(options=wire.options((wire.IF_TSRESOL, b"\x09")))
    there = trip.there(
        wire.section_header() + nano + wire.simple_packet(b"simple") + wire.enhanced_packet(0, 9, b"one")
    )
    trip.edit([there[0]._replace(ticks=7), there[1]])
    numbers, _, _ = trip.returned()
    assert numbers == {"in_sidecar": 2, "same": 2}


def test_a_cut_simple_packet(write: In, trip: Trip) -> None:
    """It gets a time, which it had not, and that is counted."""
    head = write.section_header() + write.interface(options=write.options((wire.IF_TSOFFSET, write.number(START, 8))))
    there = trip.there(head + write.simple_packet(b"simple one") + write.enhanced_packet(0, 5, b"enhanced"))
    trip.edit([there[0]._replace(data=b"simple"), there[1]])
    numbers, found, report = trip.returned()
    assert numbers == {"in_sidecar": 2, "same": 1, "cut": 1}
    assert report.losses == {"packets-without-time": 1}
    assert [(packet.data, packet.original_length) for packet in found] == [(b"simple", 10), (b"enhanced", 8)]


def test_zeros_that_were_cut_from_the_front(trip: Trip) -> None:
    stated = wire.options((wire.EPB_HASH, b"\2abcd"))
    head = wire.section_header() + wire.interface()
    (one,) = trip.there(head + wire.enhanced_packet(0, 5, bytes(12) + b"loopback", options=stated))
    trip.edit([one._replace(data=one.data[4:])])
    numbers, found, report = trip.returned()
    assert (numbers, report.left_out) == ({"in_sidecar": 1, "cut": 1}, {"packet-hashes": 1})
    assert [packet.raw_options for packet in found] == [b""]


def test_many_large_option_lists(trip: Trip) -> None:
    """What many packets have is there once, however many there are."""
    stated = wire.options((wire.OPT_CUSTOM_BYTES, wire.custom_value(32473, bytes(40_000))))
    head = wire.section_header() + wire.interface()
    there = trip.there(head + b"".join(wire.enhanced_packet(0, row, b"x", options=stated) for row in range(500)))
    trip.edit(there[1:])
    tracemalloc.start()
    sidecar = trip.pcap.with_name("a.pcap.meta.json")
    pcapconv.convert(trip.edited, trip.back, force=True, sidecar_file=sidecar)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 8 * 2**20
    assert trip.back.stat().st_size > 499 * 40_000


def test_edited_under_its_own_name(trip: Trip) -> None:
    """Nobody has to name the sidecar: one with fingerprints finds the packets, also where the size is the same."""
    there = trip.there(capture_of(commented(1), commented(2)))
    for packets_left in ([there[1]], [there[0], there[1]._replace(data=b"pAcket 2")]):
        trip.edit(packets_left)
        trip.pcap.write_bytes(trip.edited.read_bytes())
        report = pcapconv.convert(trip.pcap, trip.back, force=True, sidecar=True, last=1)
        assert report.found_in_sidecar is not None
        assert report.found_in_sidecar["in_sidecar"] == 2
        assert [packet.comments for packet in packets(trip.back.read_bytes())] == [["comment 2"]]


def test_what_only_pcap_can_say_is_lost(write: In, trip: Trip) -> None:
    trip.there(write.section_header() + write.interface() + write.enhanced_packet(0, 5_000_007, b"five seconds"))
    header = write.pcap_header(wire.MICROSECONDS, thiszone=3600)
    trip.edited.write_bytes(header + write.pcap_record(3, 2_000_007, b"five seconds"))
    numbers, found, report = trip.returned()
    assert ([packet.time for packet in found], numbers) == ([Fraction(5_000_007, 10**6)], {"in_sidecar": 1, "same": 1})
    assert report.losses == {"header-fields": 1, "time-notation": 1}


def test_times_that_pcap_cannot_hold(trip: Trip) -> None:
    late = wire.interface(options=wire.options((wire.IF_TSOFFSET, wire.number(2**33, 8))))
    capture = capture_of(late, commented(1, 1), commented(2, 0), commented(3, 1))
    there, original = trip.there(capture), packets(capture)
    trip.edit([there[2], there[0]])
    numbers, found, _ = trip.returned()
    assert numbers == {"in_sidecar": 3, "same": 2}
    assert [metadata_of(packet) for packet in found] == [metadata_of(original[2]), metadata_of(original[0])]
    assert found[0].time == 2**33 + Fraction(3, 10**6)


@pytest.mark.parametrize(
    ("options", "comments"),
    [
        ({"last": 2}, ["comment 4", "comment 6"]),
        ({"interface": ["if1"]}, ["comment 3"]),
        ({"packets": "2-3"}, ["comment 3", "comment 4"]),
        ({"comment_matches": "[36]", "packet_comment": ["2:seen"]}, ["comment 3", "seen", "comment 6"]),
    ],
    ids=str,
)
def test_with_other_options(options: dict[str, Any], comments: list[str], trip: Trip) -> None:
    """They see the capture with all that was said of it; numbers are those of the edited file."""
    there = trip.there(capture_of(*(commented(number, number == 3) for number in range(1, 7)), interfaces=2))
    trip.edit([there[row] for row in (1, 2, 3, 5)])
    numbers, found, _ = trip.returned(**options)
    assert numbers == {"in_sidecar": 6, "same": 4}
    assert [comment for packet in found for comment in packet.comments] == comments


# ---------------------------------------------------------------- by other tools


def convert_by_command(trip: Trip, *words: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([COMMAND, "convert", *words], cwd=trip.folder, capture_output=True, text=True, timeout=60)


def dns_or_web(number: int) -> bytes:
    """An Ethernet frame with a UDP datagram to port 53, of every third to port 80."""
    port = 53 if number % 3 else 80
    ip = bytes.fromhex("4500002400000000 40110000 c0000201 c0000200")
    return b"\xff" * 6 + b"\2" * 6 + b"\x08\0" + ip + bytes([4, 210, 0, port, 0, 16, 0, 0]) + b"data %03d" % number


def capture_of_a_lab(count: int) -> bytes:
    """Two sections; in each an interface in nanoseconds and one in microseconds."""
    capture, both = b"", [wire.options((wire.IF_NAME, b"nano"), (wire.IF_TSRESOL, b"\x09"))]
    both.append(wire.options((wire.IF_NAME, b"micro")))
    for section in range(2):
        capture += wire.section_header() + b"".join(wire.interface(options=stated) for stated in both)
        for number in range(section * count // 2, (section + 1) * count // 2):
            units = 10**6 if number % 2 else 10**9
            ticks = START * units + number * (1_234 if number % 2 else 1_234_567)
            stated = wire.options(
                (wire.OPT_COMMENT, b"comment %d" % number), (wire.EPB_FLAGS, bytes([number, 0, 0, 0]))
            )
            capture += wire.enhanced_packet(number % 2, ticks, dns_or_web(number), options=stated)
        capture += wire.names(wire.ipv4_name("192.0.2.1", "client")) + wire.statistics(1, 5)
    return capture


@pytest.mark.parametrize(
    ("fingerprints", "imported"),
    [(False, []), (True, ["pcapconv.sidecar.edited", "pcapconv.sidecar.edited.fingerprints"])],
)
def test_captures_that_were_not_edited_need_nothing_of_this(
    fingerprints: bool, imported: list[str], tmp_path: Path
) -> None:
    (tmp_path / "a.pcapng").write_bytes(capture_of_a_lab(20))
    code = (
        "import json, pcapconv, sys\n"
        f"pcapconv.convert('a.pcapng', 'a.pcap', sidecar=True, sidecar_fingerprints={fingerprints})\n"
        "pcapconv.convert('a.pcap', 'b.pcapng', sidecar=True)\n"
        "print(json.dumps(sorted(name for name in sys.modules if name.startswith('pcapconv.sidecar.edited'))))\n"
    )
    line = [sys.executable, "-P", "-c", code]
    done = subprocess.run(line, cwd=tmp_path, check=True, capture_output=True, text=True, timeout=60)
    assert json.loads(done.stdout) == imported
    assert (tmp_path / "b.pcapng").read_bytes() == capture_of_a_lab(20)


EVERY, DNS = list(range(20)), [number for number in range(20) if number % 3]


@pytest.mark.parametrize(
    ("line", "kind", "left"),
    [
        ("tcpdump -r a.pcap -w edited.pcap udp port 53", "same", DNS),
        ("tcpdump -r a.pcap --micro -w edited.pcap udp port 53", "same", DNS),
        ("editcap -F nsecpcap -s 30 a.pcap edited.pcap", "cut", EVERY),
        ("editcap -F pcap -r a.pcap edited.pcap 2-5 9 19-20", "same", [1, 2, 3, 4, 8, 18, 19]),
        ("editcap -F pcap a.pcap edited.pcap", "same", EVERY),
        ("editcap -F pcap -C 4 a.pcap edited.pcap", "cut", EVERY),
        ("tcprewrite --infile=a.pcap --outfile=edited.pcap --enet-dmac=00:11:22:33:44:55", "changed", EVERY),
        ("tcprewrite --infile=a.pcap --outfile=edited.pcap --portmap=53:5353", "changed", EVERY),
    ],
)
def test_tools(line: str, kind: str, left: list[int], trip: Trip) -> None:
    if shutil.which(line.split()[0]) is None:
        pytest.skip(f"{line.split()[0]} is not installed")
    trip.there(capture_of_a_lab(20))
    done = subprocess.run(line.split(), cwd=trip.folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    numbers, found, _ = trip.returned()
    assert numbers == {"in_sidecar": 20, kind: len(left)}
    original = packets(capture_of_a_lab(20))
    assert [metadata_of(packet) for packet in found] == [metadata_of(original[number]) for number in left]
    assert [packet.original_length for packet in found] == [50] * len(left)
    edited = [packet.data for packet in wire.read_pcap(trip.edited.read_bytes())]
    assert [packet.data for packet in found] == edited
    after = [each.raw for each in wire.read_blocks(trip.back.read_bytes()) if each.block_type in (4, 5)]
    assert after == [wire.names(wire.ipv4_name("192.0.2.1", "client")), wire.statistics(1, 5)] * 2


def test_two_files_put_together_by_mergecap(trip: Trip) -> None:
    if shutil.which("mergecap") is None:
        pytest.skip("mergecap is not installed")
    trip.there(capture_of_a_lab(20))
    other = trip.folder / "other.pcap"
    other.write_bytes(wire.pcap_header() + b"".join(wire.pcap_record(2 * START + row, 0, b"new") for row in range(3)))
    line = ["mergecap", "-F", "nsecpcap", "-w", "edited.pcap", "a.pcap", "other.pcap"]
    subprocess.run(line, cwd=trip.folder, check=True, timeout=60)
    numbers, found, _ = trip.returned()
    assert numbers == {"in_sidecar": 20, "same": 20, "new": 3, "new_packets": [21, 22, 23]}
    assert [metadata_of(packet) for packet in found[:20]] == [
        metadata_of(packet) for packet in packets(capture_of_a_lab(20))
    ]
    assert all(is_plain(packet) for packet in found[20:])
