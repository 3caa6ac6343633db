"""Reading on behind damage: what comes back, what is left out and named, in each command and from Python."""

import gzip
import io
import json
import random
from pathlib import Path
from typing import Any

import pytest
import wire
from batches import run_batch
from command_line import run_command
from conversions import Pipe, converted, damage_of
from hypothesis import given
from invented_captures import invented_pcap, invented_pcapng
from splitting import parts_of
from wire import In

import pcapconv
from pcapconv import UsageError
from pcapconv.describing import info
from pcapconv.model import Damage

T = 1_700_000_000
MANY = 50_000
LENGTHS = {"pcap": 8, "pcapng": 4}  # where the first length is in a record or block


def noise(count: int, seed: int = 1) -> bytes:
    return random.Random(seed).randbytes(count)


def packet(write: In, form: str, number: int, data: bytes, interface: int = 0) -> bytes:
    if form == "pcap":
        return write.pcap_record(T + number // 100, number % 100, data)
    return write.enhanced_packet(interface, T * 10**6 + number, data)


def header(write: In, form: str, snaplen: int = 262144) -> bytes:
    if form == "pcap":
        return write.pcap_header(snaplen=snaplen)
    return write.section_header() + write.interface(snaplen=snaplen)


def salvaged(raw: bytes, **options: Any) -> tuple[list[bytes], list[Damage]]:
    """The data of the packets of a capture, and its damage."""
    with pcapconv.open(io.BytesIO(raw), salvage=True, **options) as opened:
        return [each.data for each in opened], opened.damage


def places(damage: list[Damage]) -> list[tuple[int, int, int]]:
    return [(each.offset, each.packet_number, each.bytes_left_out) for each in damage]


def overwritten(raw: bytes, at: int, value: bytes) -> bytes:
    return raw[:at] + value + raw[at + len(value) :]


# ---------------------------------------------------------------- one broken length


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("form", ["pcap", "pcapng"])
@pytest.mark.parametrize("length", [0x7FFFFFFC, 0xFFFFFFFF, 3, 60, 1000])
def test_one_broken_length_costs_one_packet_of_50000(write: In, form: str, length: int) -> None:
    data = [noise(48 + number % 100, number) for number in range(MANY)]
    records = [packet(write, form, number, each) for number, each in enumerate(data)]
    begin = len(header(write, form)) + sum(map(len, records[:25]))
    raw = header(write, form) + b"".join(records)
    back, damage = salvaged(overwritten(raw, begin + LENGTHS[form], write.number(length, 4)))
    assert len(back) == MANY - 1
    assert back == data[:25] + data[26:]
    assert places(damage) == [(begin, 26, len(records[25]))]


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("form", ["pcap", "pcapng"])
@pytest.mark.parametrize("field", range(4))
def test_packet_that_holds_a_capture_costs_one_packet(write: In, form: str, field: int) -> None:
    """The false records in its data are as sound as the true ones, and run into them in pcap."""
    inner = header(write, form) + b"".join(packet(write, form, each, noise(30)) for each in range(517))
    data = [noise(54, number) + inner if number == 5 else noise(90, number) for number in range(4000)]
    records = [packet(write, form, number, each) for number, each in enumerate(data)]
    begin = len(header(write, form)) + sum(map(len, records[:5]))
    raw = header(write, form) + b"".join(records)
    broken = [8, 10, 12, 14][field] if form == "pcap" else 4 + field
    back, damage = salvaged(overwritten(raw, begin + broken, b"\x5a"))
    assert set(back) - set(data) <= {data[5]}
    assert len(back) >= 3999
    assert len(damage) == 4000 - len(back)  # an original length that is wrong is no damage


@pytest.mark.usefixtures("kernels")
def test_header_that_is_lost_before_a_transferred_capture(write: In) -> None:
    """Nothing tells where the packet ends: what is as long as the longest packet is left out."""
    inner = header(write, "pcap") + b"".join(packet(write, "pcap", each, noise(30)) for each in range(517))
    data = [noise(54, number) + inner if number == 5 else noise(90, number) for number in range(8000)]
    records = [packet(write, "pcap", number, each) for number, each in enumerate(data)]
    begin = 24 + sum(map(len, records[:5]))
    raw = header(write, "pcap") + b"".join(records)
    back, _ = salvaged(overwritten(raw, begin, b"\xff" * 16))
    assert set(back) < set(data)
    assert 4000 < len(back) < 6000
    back, damage = salvaged(overwritten(raw[: begin + len(records[5]) + 5000], begin, b"\xff" * 16))
    assert back == data[:5]
    assert len(damage) == 1


# ---------------------------------------------------------------- what proves itself


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("form", ["pcap", "pcapng"])
def test_chain_that_breaks_too_early_is_not_taken(write: In, form: str) -> None:
    """Neither to the capture's end nor over more bytes than the longest packet has."""
    records = [packet(write, form, number, noise(1000)) for number in range(600)]
    size, begin = len(records[0]), len(header(write, form))
    broken = write.number(0xFFFFFFF1, 4)

    def back_with(*numbers: int) -> list[int]:
        raw = header(write, form) + b"".join(records)
        for number in numbers:
            raw = overwritten(raw, begin + number * size + LENGTHS[form], broken)
        with pcapconv.open(io.BytesIO(raw), salvage=True) as opened:
            return [T * 10**6 + each.ticks - T * 10**6 for each in opened if each.ticks is not None]

    times = [T * 10**6 + (number // 100 * 10**6 + number % 100 if form == "pcap" else number) for number in range(600)]
    assert back_with(10, 300) == times[:10] + times[11:300] + times[301:]
    assert back_with(10, 200) == times[:10] + times[201:]
    assert back_with(10, 200, 580) == times[:10] + times[201:580] + times[581:]


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize(
    ("earlier", "later", "taken"), [(-2, 0, False), (-1, 0, True), (0, 604_800, True), (0, 604_801, False)]
)
@pytest.mark.parametrize("form", ["pcap", "pcapng"])
def test_chain_whose_times_are_far_is_not_taken(write: In, form: str, earlier: int, later: int, taken: bool) -> None:
    before = [packet(write, form, 0, noise(40))] * 3
    behind = [packet(write, form, (earlier + later) * (100 if form == "pcap" else 10**6), b"behind")] * 3
    raw = header(write, form) + b"".join(before) + b"\xff" * 50 + b"".join(behind)
    assert len(salvaged(raw)[0]) == (6 if taken else 3)


@pytest.mark.usefixtures("kernels")
def test_record_that_lost_bytes_does_not_swallow_the_next_one(write: In) -> None:
    data = [noise(90, number) for number in range(4000)]
    records = [packet(write, "pcap", number, each) for number, each in enumerate(data)]
    begin = 24 + sum(map(len, records[:5]))
    raw = header(write, "pcap") + b"".join(records)
    back, damage = salvaged(raw[: begin + 40] + raw[begin + 70 :])
    assert back == data[:5] + data[6:]
    assert places(damage) == [(begin, 6, len(records[5]) - 30)]


@pytest.mark.usefixtures("kernels")
def test_false_record_before_a_true_one_is_left_out(write: In) -> None:
    """16 bytes too many push the end of a packet out of its record, and this end looks like the header of another."""
    data = [noise(90, number) for number in range(4000)]
    data[5] = data[5][:74] + packet(write, "pcap", 5, bytes(56))[:16]
    records = [packet(write, "pcap", number, each) for number, each in enumerate(data)]
    begin = 24 + sum(map(len, records[:5]))
    raw = header(write, "pcap") + b"".join(records)
    back, damage = salvaged(raw[: begin + 16] + bytes(16) + raw[begin + 16 :])
    assert back == [*data[:5], bytes(16) + data[5][:74], *data[6:]]
    assert places(damage) == [(begin + len(records[5]), 7, 16)]


@pytest.mark.usefixtures("kernels")
def test_longest_packet_is_the_snaplen_if_it_is_larger(write: In) -> None:
    records = b"".join(packet(write, "pcap", number, noise(1000)) for number in range(500))
    bad = b"\xff" * 20
    for snaplen, count in ((262144, 500), (600_000, 0), (2**31 - 1, 500)):
        first = packet(write, "pcap", 0, b"first")
        raw = header(write, "pcap", snaplen) + first + bad + records + bad
        assert len(salvaged(raw)[0]) == count + 1


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("form", ["pcap", "pcapng"])
def test_nothing_is_taken_behind_a_packet_that_is_cut_off(write: In, form: str) -> None:
    inner = b"".join(packet(write, form, number, noise(30)) for number in range(50))
    whole = header(write, form) + packet(write, form, 0, b"first") + packet(write, form, 1, noise(54) + inner)
    size = len(packet(write, form, 0, noise(30)))
    end = len(whole) - (size + 2 if form == "pcap" else size + 6)
    for cut in range(end - 2 * size, end):
        back, damage = salvaged(whole[:cut])
        assert back == [b"first"]
        assert len(damage) == 1


# ---------------------------------------------------------------- a cut end


def cut_capture(write: In, broken: tuple[int, ...] = (100,), left: int = 24) -> bytes:
    """1,000 packets of 58 bytes, some with a broken length, and the first bytes of one more."""
    raw = header(write, "pcap") + b"".join(packet(write, "pcap", each, noise(42, each)) for each in range(1001))
    for number in broken:
        raw = overwritten(raw, 24 + 58 * number + 8, write.number(4242, 4))
    return raw[: 24 + 58 * 1000 + left]


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("left", [0, 1, 3, 4, 8, 15, 16, 24, 57])
def test_broken_length_costs_one_packet_where_the_capture_is_cut_off(write: In, left: int) -> None:
    raw = cut_capture(write, left=left)
    back, damage = salvaged(raw)
    assert back == [noise(42, each) for each in range(1000) if each != 100]
    assert places(damage) == [(5824, 101, 58), *([(58_024, 1000, left)] if left else [])]
    pieces: Any = Pipe(raw[at : at + 999] for at in range(0, len(raw), 999))
    _, report = converted(pieces, "pcap", salvage=True)
    assert (report.packets_written, damage_of(report)) == (999, places(damage))


@pytest.mark.usefixtures("kernels")
def test_header_that_is_lost_where_the_capture_is_cut_off(write: In) -> None:
    raw = overwritten(cut_capture(write), 5824, b"\xff" * 16)
    back, damage = salvaged(raw)
    assert back == [noise(42, each) for each in range(1000) if each != 100]
    assert places(damage) == [(5824, 101, 58), (58_024, 1000, 24)]


@pytest.mark.usefixtures("kernels")
def test_lost_header_of_a_transferred_capture_that_is_cut_off(write: In) -> None:
    """The capture ends within a record inside the packet, or within a packet behind it."""
    inner = header(write, "pcap") + b"".join(packet(write, "pcap", each, noise(30)) for each in range(300))
    before = header(write, "pcap") + b"".join(packet(write, "pcap", each, noise(90, each)) for each in range(9))
    whole = before + packet(write, "pcap", 9, noise(54) + inner)
    behind = b"".join(packet(write, "pcap", each, noise(90, each)) for each in range(10, 20))
    raw = overwritten(whole + behind, len(before), b"\xff" * 16)
    for end in (len(whole) - 20, len(raw) - 20):
        back, damage = salvaged(raw[:end])
        assert back == [noise(90, each) for each in range(9)]
        assert places(damage) == [(len(before), 10, end - len(before))]


@pytest.mark.usefixtures("kernels")
def test_second_capture_in_the_file_is_cut_off(write: In) -> None:
    one, two = write.pcap_record(T, 5, b"one"), write.pcap_record(2 * T, 5, b"two")
    raw = write.pcap_header() + one + write.pcap_header() + two + two[:17]
    with pcapconv.open(io.BytesIO(raw)) as plain:
        assert [each.data for each in plain] == [b"one", b"two"]
        back, damage = salvaged(raw)
        assert back == [b"one", b"two"]
        assert places(damage) == places(plain.damage) == [(len(raw) - 17, 3, 17)]


TOO_FEW = "; the next sound records are too few to be told from a capture inside a packet"
BROKEN = (
    "a record with a captured length of 4242 bytes and an original length of 42, and no sound records where it ends"
)


@pytest.mark.usefixtures("kernels")
def test_sound_records_that_are_left_out_are_named(write: In) -> None:
    _, (first, last) = salvaged(cut_capture(write, (100, 500)))
    assert (first.bytes_left_out, first.reason) == (58 * 401, BROKEN + TOO_FEW)
    assert last.bytes_left_out == 24
    _, (first, _) = salvaged(cut_capture(write))
    assert first.reason == BROKEN
    cut, (damage,) = salvaged(overwritten(cut_capture(write), 58_024, b"\xff" * 24))
    assert len(cut) == 100
    assert damage.reason == BROKEN + TOO_FEW
    _, (damage,) = salvaged(cut_capture(write)[: 24 + 58 * 100] + b"\xff" * 100)
    assert TOO_FEW not in damage.reason


# ---------------------------------------------------------------- pcapng: interfaces and sections


@pytest.mark.usefixtures("kernels")
def test_packets_of_interfaces_declared_behind_damage_are_left_out_and_counted(write: In) -> None:
    raw = header(write, "pcapng") + packet(write, "pcapng", 0, b"one ")
    begin = len(raw)
    raw += b"\xff" * 32
    kept = packet(write, "pcapng", 1, b"two ")
    raw += kept + write.interface() + kept
    first = len(raw) - len(kept) - 20
    left_out = (
        packet(write, "pcapng", 2, b"left", 1) + packet(write, "pcapng", 3, b"left", 2) + write.simple_packet(b"s")
    )
    raw += left_out + kept + write.section_header() + write.interface() + packet(write, "pcapng", 9, b"new ")
    back, damage = salvaged(raw)
    assert back == [b"one ", b"two ", b"two ", b"s", b"two ", b"new "]
    assert places(damage) == [(begin, 2, 32), (first, 6, 20 + 2 * len(kept))]
    assert damage[1].reason == (
        f"2 packets and 1 interface with ids that were not declared before the damage at offset {begin}"
    )
    with pcapconv.open(io.BytesIO(raw), salvage=True) as opened:
        numbers = [(each.number, each.interface.section) for each in opened]
    assert numbers == [(1, 0), (2, 0), (3, 0), (4, 0), (5, 0), (6, 1)]


@pytest.mark.usefixtures("kernels")
def test_interface_block_that_is_damaged_costs_its_packets_alone(write: In) -> None:
    raw = header(write, "pcapng") + write.block(1, bytes(4)) + packet(write, "pcapng", 0, b"zero")
    raw += packet(write, "pcapng", 1, b"one ", 1)
    back, damage = salvaged(raw)
    assert back == [b"zero"]
    assert damage[-1].reason.startswith("1 packet with ids that were not declared before the damage at offset 48")
    assert salvaged(raw)[1][-1].bytes_left_out == 36


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("lost", [range(4), range(8, 12)])
def test_section_header_that_may_be_lost_is_assumed(write: In, lost: range) -> None:
    """Where its type or its byte-order magic is left: nothing up to the next section is known to be what it seems."""
    one, other = packet(write, "pcapng", 0, b"one "), packet(write, "pcapng", 1, b"two ")
    section = bytearray(write.section_header())
    for at in (*lost, 4):
        section[at] ^= 0xFF
    raw = header(write, "pcapng") + one + bytes(section) + write.interface() + other * 3
    back, damage = salvaged(raw + header(write, "pcapng") + other)
    begin = 48 + len(one)
    assert back == [b"one ", b"two "]
    assert places(damage) == [(begin, 2, 28), (begin + 28, 2, 20 + 3 * len(other))]
    assert damage[1].reason == (
        f"a section may have begun in the damage at offset {begin}; all up to the next one is unclear; "
        "there are 3 packets in it"
    )


@pytest.mark.usefixtures("kernels")
def test_section_of_the_other_byte_order_is_found(write: In) -> None:
    other = In(wire.BIG if write.byte_order == wire.LITTLE else wire.LITTLE)
    raw = header(write, "pcapng") + packet(write, "pcapng", 0, b"one ") + b"\xff" * 31
    raw += header(other, "pcapng") + packet(other, "pcapng", 1, b"two ")
    assert salvaged(raw)[0] == [b"one ", b"two "]


# ---------------------------------------------------------------- what is no damage


@pytest.mark.usefixtures("kernels")
def test_odd_captures_are_read_as_without_salvaging(write: In) -> None:
    records = [
        write.pcap_record(0, 5, b"1970"),
        write.pcap_record(T, 5, b"the clock was set"),
        write.pcap_record(T, 10**6, b"a second"),
        write.pcap_record(T, 5, b"longer", original_length=3),
        write.pcap_record(T, 5, b"shorter", original_length=9),
        write.pcap_record(T, 5, b"none", original_length=0),
        write.pcap_record(2**32 - 1, 5, b"2106"),
        write.pcap_record(T, 5, b""),
        write.pcap_record(T, 5, bytes(300_000)),
    ]
    for count in range(1, len(records) + 1):
        for listed in (records[:count], records[:count][::-1]):
            raw = write.pcap_header() + b"".join(listed)
            with pcapconv.open(io.BytesIO(raw)) as plain:
                assert salvaged(raw) == ([each.data for each in plain], plain.damage)
    second = write.pcap_header() + records[1] + write.pcap_header() + records[2] + bytes(64)
    with pcapconv.open(io.BytesIO(second)) as plain:
        assert salvaged(second) == ([each.data for each in plain], plain.damage)


@given(raw=invented_pcap() | invented_pcapng())
def test_undamaged_captures_are_read_as_without_salvaging(raw: bytes) -> None:
    with pcapconv.open(io.BytesIO(raw)) as plain:
        assert salvaged(raw) == ([each.data for each in plain], plain.damage)


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("seconds", [7, T])
def test_records_of_zeros_are_packets_among_those_of_1970(write: In, seconds: int) -> None:
    one, other = write.pcap_record(seconds, 5, b"one"), write.pcap_record(seconds, 5, b"other")
    back, damage = salvaged(write.pcap_header() + one + bytes(48) + other)
    assert back == [b"one", *[b""] * (3 if seconds == 7 else 0), b"other"]
    assert places(damage) == ([] if seconds == 7 else [(24 + len(one), 2, 48)])


# ---------------------------------------------------------------- every way in


@pytest.fixture
def torn(write: In) -> bytes:
    """A capture of 20 packets whose fifth has a broken length."""
    records = [packet(write, "pcap", number, noise(40, number)) for number in range(20)]
    return overwritten(header(write, "pcap") + b"".join(records), 24 + 4 * 56 + 8, b"\xff" * 4)


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("size", [1, 7, 100, 10**6])
def test_pipes_and_compressed_captures(torn: bytes, size: int) -> None:
    whole, report = converted(torn, "pcap", salvage=True)
    assert damage_of(report) == [(248, 5, 56)]
    assert report.packets_written == 19
    zipped = gzip.compress(torn)
    pipes = (Pipe(raw[at : at + size] for at in range(0, len(raw), size)) for raw in (torn, zipped))
    captures: list[Any] = [*pipes, io.BytesIO(zipped)]
    for capture in captures:
        out, again = converted(capture, "pcap", salvage=True)
        assert (out, damage_of(again)) == (whole, damage_of(report))


def test_from_python(torn: bytes, tmp_path: Path) -> None:
    path = tmp_path / "torn.pcap"
    path.write_bytes(torn)
    assert len(salvaged(torn)[0]) == 19
    assert info(path, salvage=True).packets == 19
    assert info(path).packets == 4
    assert sum(len(wire.read_pcapng(part)) for part in parts_of(torn, max_packets=10, salvage=True)) == 19
    report = run_batch(tmp_path, tmp_path / "out", to="pcapng", salvage=True)
    assert report.captures == 1
    assert len(wire.read_pcapng((tmp_path / "out" / "torn.pcapng").read_bytes())) == 19


def test_on_the_command_line(torn: bytes, tmp_path: Path) -> None:
    path, out = tmp_path / "torn.pcap", tmp_path / "out.pcap"
    path.write_bytes(torn)
    done = run_command("convert", path, out, "--salvage", "--report", tmp_path / "report.json")
    assert done.status == 3
    assert "offset 248 (packet 5): a captured length of 4294967295 bytes" in done.err
    assert "56 bytes are left out" in done.err
    assert len(wire.read_pcap(out.read_bytes())) == 19
    (damage,) = json.loads((tmp_path / "report.json").read_bytes())["damage"]
    assert (damage["offset"], damage["bytes_left_out"]) == (248, 56)
    shown = run_command("info", path, "--salvage", "--json")
    assert (shown.status, json.loads(shown.out)["packets"]) == (3, 19)
    assert run_command("info", path, "--salvage", "--text").out.count(b"\npacket ") == 19


def test_strict_refuses_salvaging(tmp_path: Path) -> None:
    words = "`strict=True` refuses damage, `salvage=True` reads on behind it; give one of them".replace("`", "")
    target = tmp_path / "x.pcap"
    for call in (
        lambda: pcapconv.open("missing.pcap", strict=True, salvage=True),
        lambda: pcapconv.convert("missing.pcap", target, strict=True, salvage=True),
        lambda: pcapconv.split("missing.pcap", target, max_packets=1, strict=True, salvage=True),
        lambda: pcapconv.batch(tmp_path, tmp_path / "out", strict=True, salvage=True),
    ):
        with pytest.raises(UsageError) as raised:
            call()
        assert str(raised.value) == words
    for command in (["convert", "a.pcap", "b.pcap"], ["split", "a.pcap", "b.pcap", "--max-packets", "1"]):
        refused = run_command(*command, "--strict", "--salvage")
        assert refused.status == 2
        assert "--strict refuses damage, --salvage reads on behind it; give one of them" in refused.err


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("between", [1, 100])
@pytest.mark.parametrize("size", [1, 50, 10**6])
def test_pieces_of_a_pipe_do_not_decide_what_is_damage(write: In, size: int, between: int) -> None:
    """Before damage a packet may be shorter than its original length if one was so before, however long ago."""
    short = write.pcap_record(T, 0, bytes(40), original_length=60)
    records = [short, *[write.pcap_record(T, 1, bytes(40))] * between, short]
    raw = write.pcap_header() + b"".join(records) + b"\xff" * 50
    _, report = converted(raw, "pcap", salvage=True)
    assert damage_of(report) == [(len(raw) - 50, between + 3, 50)]
    pieces: Any = Pipe(raw[at : at + size] for at in range(0, len(raw), size))
    _, again = converted(pieces, "pcap", salvage=True)
    assert (again.packets_written, damage_of(again)) == (between + 2, damage_of(report))


@pytest.mark.parametrize("size", [8_000, 20_000, 200_000])
def test_pieces_of_a_pipe_do_not_decide_which_records_are_looked_at_for_captures(write: In, size: int) -> None:
    """Packet 1 holds records, and so do the last 128 KiB before the damage, but not the last 64 KiB."""
    records = write.pcap_record(1, 0, bytes(60)) * 20
    plain = write.pcap_record(2, 0, b"\1" * 1000)
    damaged = write.pcap_record(2, 0, b"\2" * 1000, captured_length=0x30000000, original_length=0x30000000)
    sound = write.pcap_record(3, 0, b"\3" * 1000)
    raw = write.pcap_header() + write.pcap_record(1, 0, records) + plain * 100 + damaged + sound * 400
    pieces: Any = Pipe(raw[at : at + size] for at in range(0, len(raw), size))
    _, report = converted(pieces, "pcap", salvage=True)
    assert report.packets_read == 501
    assert places(report.damage) == [(103_160, 102, 1016)]
