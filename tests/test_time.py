"""pcapng time, as the table of hard cases has it: every resolution and offset, exactly."""

import io
from fractions import Fraction

import pytest
import wire
from conversions import converted, identical, packets
from hypothesis import given
from hypothesis import strategies as st
from wire import In

import pcapconv
from pcapconv import FormatError, PcapconvError, TargetError

pytestmark = pytest.mark.usefixtures("kernels")

S = 1_714_564_800
MOST = 2**32 - 1
MOST_TICKS = 2**64 - 1
TWO = 0x80  # the top bit of if_tsresol: powers of two


def timed(write: In, resolution: int | None, *ticks: int, offset: int | None = None) -> bytes:
    """One interface and its packets; if_tsresol and if_tsoffset are left out where None."""
    resolutions = [] if resolution is None else [(wire.IF_TSRESOL, bytes([resolution]))]
    offsets = [] if offset is None else [(wire.IF_TSOFFSET, write.number(offset, 8))]
    return (
        write.section_header()
        + write.interface(options=write.options(*resolutions, *offsets))
        + b"".join(write.enhanced_packet(0, each, b"x") for each in ticks)
    )


def pcap_of(write: In, magic: int, *times: tuple[int, int]) -> bytes:
    return write.pcap_header(magic, snaplen=262144) + b"".join(write.pcap_record(*time, b"x") for time in times)


# ---------------------------------------------------------------- if_tsresol


@pytest.mark.parametrize(
    ("resolution", "ticks", "time", "magic", "record", "cut"),
    [
        (None, S * 10**6 + 1, S + Fraction(1, 10**6), wire.MICROSECONDS, (S, 1), 0),
        (0, S, Fraction(S), wire.MICROSECONDS, (S, 0), 0),
        (0, MOST, Fraction(MOST), wire.MICROSECONDS, (MOST, 0), 0),
        (1, S * 10 + 9, S + Fraction(9, 10), wire.MICROSECONDS, (S, 900_000), 0),
        (3, S * 1000 + 1, S + Fraction(1, 1000), wire.MICROSECONDS, (S, 1000), 0),
        (6, MOST * 10**6 + 999_999, MOST + Fraction(999_999, 10**6), wire.MICROSECONDS, (MOST, 999_999), 0),
        (7, S * 10**7 + 1, S + Fraction(1, 10**7), wire.NANOSECONDS, (S, 100), 0),
        (9, S * 10**9 + 999_999_999, S + Fraction(999_999_999, 10**9), wire.NANOSECONDS, (S, 999_999_999), 0),
        (10, 10_000_000_019, 1 + Fraction(19, 10**10), wire.NANOSECONDS, (1, 1), 1),
        (12, 1_000_000_001_000, 1 + Fraction(1, 10**9), wire.NANOSECONDS, (1, 1), 0),
        (12, 1_000_000_001_999, 1 + Fraction(1999, 10**12), wire.NANOSECONDS, (1, 1), 1),
        (18, MOST_TICKS, Fraction(MOST_TICKS, 10**18), wire.NANOSECONDS, (18, 446_744_073), 1),
        (19, MOST_TICKS, Fraction(MOST_TICKS, 10**19), wire.NANOSECONDS, (1, 844_674_407), 1),
        (20, MOST_TICKS, Fraction(MOST_TICKS, 10**20), wire.NANOSECONDS, (0, 184_467_440), 1),
        (28, MOST_TICKS, Fraction(MOST_TICKS, 10**28), wire.NANOSECONDS, (0, 1), 1),
        (127, MOST_TICKS, Fraction(MOST_TICKS, 10**127), wire.NANOSECONDS, (0, 0), 1),
        (127, 0, Fraction(0), wire.NANOSECONDS, (0, 0), 0),
        (TWO | 0, S, Fraction(S), wire.MICROSECONDS, (S, 0), 0),
        (TWO | 1, S * 2 + 1, S + Fraction(1, 2), wire.MICROSECONDS, (S, 500_000), 0),
        (TWO | 6, S * 64 + 63, S + Fraction(63, 64), wire.MICROSECONDS, (S, 984_375), 0),
        (TWO | 7, S * 128 + 1, S + Fraction(1, 128), wire.NANOSECONDS, (S, 7_812_500), 0),
        (TWO | 9, S * 512 + 1, S + Fraction(1, 512), wire.NANOSECONDS, (S, 1_953_125), 0),
        (TWO | 10, S * 1024 + 1, S + Fraction(1, 1024), wire.NANOSECONDS, (S, 976_562), 1),
        (TWO | 32, S * 2**32 + 2**31, S + Fraction(1, 2), wire.NANOSECONDS, (S, 500_000_000), 0),
        (TWO | 32, MOST_TICKS, Fraction(MOST_TICKS, 2**32), wire.NANOSECONDS, (MOST, 999_999_999), 1),
        (TWO | 34, MOST_TICKS, Fraction(MOST_TICKS, 2**34), wire.NANOSECONDS, (2**30 - 1, 999_999_999), 1),
        (TWO | 55, MOST_TICKS, Fraction(MOST_TICKS, 2**55), wire.NANOSECONDS, (511, 999_999_999), 1),
        (TWO | 63, 2**63 + 2**62, Fraction(3, 2), wire.NANOSECONDS, (1, 500_000_000), 0),
        (TWO | 64, 2**63, Fraction(1, 2), wire.NANOSECONDS, (0, 500_000_000), 0),
        (TWO | 65, 2**63, Fraction(1, 4), wire.NANOSECONDS, (0, 250_000_000), 0),
        (TWO | 127, MOST_TICKS, Fraction(MOST_TICKS, 2**127), wire.NANOSECONDS, (0, 0), 1),
    ],
)
def test_if_tsresol_is_exact(
    write: In, resolution: int | None, ticks: int, time: Fraction, magic: int, record: tuple[int, int], cut: int
) -> None:
    capture = timed(write, resolution, ticks)
    identical(capture)
    (packet,) = packets(capture)
    assert (packet.ticks, packet.time) == (ticks, time)
    assert packet.time_ns == time * 10**9 // 1
    pcap, report = converted(capture, "pcap")
    assert pcap == pcap_of(write, magic, record)
    assert report.losses == ({"time-digits": 1} if cut else {})


@pytest.mark.parametrize("resolution", [*range(128), *range(128, 256)])
def test_every_if_tsresol_is_exact(resolution: int) -> None:
    write, units = In("<"), 2 ** (resolution & 127) if resolution & TWO else 10**resolution
    ticks = [0, 1, 123_456_789_012_345_678, 2**63, MOST_TICKS]
    capture = timed(write, resolution, *ticks)
    identical(capture)
    assert [packet.time for packet in packets(capture)] == [Fraction(each, units) for each in ticks]
    last = Fraction(MOST_TICKS, units)
    if last >= 2**32:
        with pytest.raises(TargetError, match=r"packet [345]: .* 2\^32 seconds or more"):
            converted(capture, "pcap")
    else:
        pcap, _ = converted(capture, "pcap", nanoseconds=True)
        assert [packet.ticks for packet in wire.read_pcap(pcap)] == [each * 10**9 // units for each in ticks]


def test_nanoseconds_can_be_asked_for(write: In) -> None:
    capture = timed(write, None, S * 10**6 + 1)
    pcap, report = converted(capture, "pcap", nanoseconds=True)
    assert pcap == pcap_of(write, wire.NANOSECONDS, (S, 1000))
    assert report.losses == {}


def test_if_tsresol_given_twice_the_first_counts(write: In) -> None:
    twice = write.options((wire.IF_TSRESOL, b"\x09"), (wire.IF_TSRESOL, b"\x06"))
    capture = write.section_header() + write.interface(options=twice) + write.enhanced_packet(0, S * 10**9 + 1, b"x")
    (warning,) = identical(capture).warnings
    assert warning.offset == 28
    assert "if_tsresol" in warning.reason
    assert packets(capture)[0].time_ns == S * 10**9 + 1
    assert converted(capture, "pcap")[0] == pcap_of(write, wire.NANOSECONDS, (S, 1))


def test_interfaces_of_different_resolution_in_one_capture(write: In) -> None:
    resolutions = [None, 9, 0, TWO | 20, 12]
    interfaces = [
        write.interface(options=write.options((wire.IF_TSRESOL, bytes([each])) if each is not None else (1, b"plain")))
        for each in resolutions
    ]
    ticks = [5 * 10**6, 5 * 10**9 + 1, 5, 5 * 2**20 + 1, 5 * 10**12 + 1]
    capture = (
        write.section_header()
        + b"".join(interfaces)
        + b"".join(write.enhanced_packet(i, each, b"x") for i, each in enumerate(ticks))
    )
    identical(capture)
    times = [packet.time for packet in packets(capture)]
    assert times == [5, 5 + Fraction(1, 10**9), 5, 5 + Fraction(1, 2**20), 5 + Fraction(1, 10**12)]
    order = sorted(range(5), key=lambda i: times[i] or 0)
    assert order == [0, 2, 4, 1, 3]
    pcap, report = converted(capture, "pcap")
    assert pcap == pcap_of(write, wire.NANOSECONDS, (5, 0), (5, 1), (5, 0), (5, 953), (5, 0))
    assert report.losses == {"comments": 1, "interfaces": 5, "time-digits": 2}


# ---------------------------------------------------------------- if_tsoffset


@pytest.mark.parametrize(
    ("resolution", "offset", "ticks", "time"),
    [
        (6, 0, S * 10**6, Fraction(S)),
        (6, S, 1, S + Fraction(1, 10**6)),
        (6, -3600, (S + 3600) * 10**6, Fraction(S)),
        (9, -1, 2 * 10**9 + 1, 1 + Fraction(1, 10**9)),
        (9, -1, 10**9, Fraction(0)),
        (6, MOST, 999_999, MOST + Fraction(999_999, 10**6)),
        (0, -(2**63), 2**63 + 5, Fraction(5)),
        (0, -(2**32), 2**32, Fraction(0)),
        (12, S, 1, S + Fraction(1, 10**12)),
        (127, S, MOST_TICKS, S + Fraction(MOST_TICKS, 10**127)),
        (TWO | 64, S, 2**63, S + Fraction(1, 2)),
        (TWO | 127, 5, 0, Fraction(5)),
    ],
)
def test_if_tsoffset_is_signed_and_exact(write: In, resolution: int, offset: int, ticks: int, time: Fraction) -> None:
    capture = timed(write, resolution, ticks, offset=offset)
    identical(capture)
    (packet,) = packets(capture)
    assert packet.time == time
    pcap, _ = converted(capture, "pcap", nanoseconds=True)
    assert wire.read_pcap(pcap)[0].ticks == time * 10**9 // 1


@pytest.mark.parametrize(
    ("resolution", "offset", "bad", "says"),
    [
        (6, -10, 9_999_999, "before 1970"),
        (9, -10, 9_999_999_999, "before 1970"),
        (6, -(2**63), MOST_TICKS, "before 1970"),
        (127, -1, MOST_TICKS, "before 1970"),
        (TWO | 127, -1, MOST_TICKS, "before 1970"),
        (6, 0, 2**32 * 10**6, "2^32 seconds or more"),
        (0, 0, MOST_TICKS, "2^32 seconds or more"),
        (0, 2**63 - 1, MOST_TICKS, "2^32 seconds or more"),
        (6, 2**63 - 1, 0, "2^32 seconds or more"),
        (9, 2**32, 0, "2^32 seconds or more"),
        (127, 2**32, 0, "2^32 seconds or more"),
    ],
)
def test_time_outside_what_pcap_holds_is_refused_with_the_packet_number(
    write: In, resolution: int, offset: int, bad: int, says: str
) -> None:
    capture = (
        write.section_header()
        + write.interface()
        + write.interface(
            options=write.options((wire.IF_TSRESOL, bytes([resolution])), (wire.IF_TSOFFSET, write.number(offset, 8)))
        )
        + write.enhanced_packet(0, S * 10**6, b"x")
        + write.simple_packet(b"no time")
        + write.enhanced_packet(1, bad, b"bad")
    )
    identical(capture)
    target = io.BytesIO()
    with pytest.raises(TargetError) as caught:
        pcapconv.convert(io.BytesIO(capture), target, to="pcap")
    assert "packet 3: " in str(caught.value)
    assert says in str(caught.value)


def test_time_before_1970_reads_as_what_it_is(write: In) -> None:
    capture = timed(write, 6, 9_999_999, 0, offset=-10)
    identical(capture)
    assert [packet.time for packet in packets(capture)] == [Fraction(-1, 10**6), -10]
    assert [packet.time_ns for packet in packets(capture)] == [-1000, -10 * 10**9]


# ---------------------------------------------------------------- options of the wrong length


@pytest.mark.parametrize(
    ("code", "value", "name"),
    [
        (wire.IF_TSRESOL, b"", "if_tsresol"),
        (wire.IF_TSRESOL, b"\x09\x00", "if_tsresol"),
        (wire.IF_TSOFFSET, b"", "if_tsoffset"),
        (wire.IF_TSOFFSET, bytes(4), "if_tsoffset"),
        (wire.IF_TSOFFSET, bytes(9), "if_tsoffset"),
    ],
)
def test_wrong_length_is_kept_and_refused_where_the_time_is_needed(
    write: In, code: int, value: bytes, name: str
) -> None:
    good = write.section_header() + write.interface()
    bad = write.interface(options=write.options((code, value)))
    capture = good + bad + write.enhanced_packet(0, 1, b"good") + write.enhanced_packet(1, 1, b"bad")
    identical(capture)
    first, second = packets(capture)
    assert first.time_ns == 1000
    assert (second.ticks, second.data) == (1, b"bad")
    for ask in (lambda: second.time, lambda: second.time_ns):
        with pytest.raises(FormatError, match=f"packet 2: .*interface 1 .*{name}"):
            ask()
    with pytest.raises(PcapconvError, match=f"packet 2: .*interface 1 .*{name}"):
        converted(capture, "pcap")


def test_wrong_length_without_packets_hinders_nothing(write: In) -> None:
    bad = write.interface(options=write.options((wire.IF_TSRESOL, b"")))
    capture = write.section_header() + write.interface() + bad + write.enhanced_packet(0, S * 10**6, b"x")
    assert converted(capture, "pcap")[0] == pcap_of(write, wire.MICROSECONDS, (S, 0))


# ---------------------------------------------------------------- any time at all


@given(
    byte_order=st.sampled_from(["<", ">"]),
    resolution=st.integers(0, 255),
    offset=st.one_of(st.integers(-(2**63), 2**63 - 1), st.integers(-(2**33), 2**33)),
    ticks=st.one_of(st.integers(0, MOST_TICKS), st.integers(0, 2**40)),
)
def test_any_time_is_exact_or_refused(byte_order: wire.ByteOrder, resolution: int, offset: int, ticks: int) -> None:
    capture = timed(In(byte_order), resolution, ticks, offset=offset)
    units = 2 ** (resolution & 127) if resolution & TWO else 10**resolution
    time = Fraction(ticks, units) + offset
    assert packets(capture)[0].time == time
    if 0 <= time < 2**32:
        pcap, report = converted(capture, "pcap", nanoseconds=True)
        assert wire.read_pcap(pcap)[0].ticks == time * 10**9 // 1
        assert report.losses == ({} if time * 10**9 % 1 == 0 else {"time-digits": 1})
    else:
        with pytest.raises(TargetError, match="packet 1: "):
            converted(capture, "pcap")
