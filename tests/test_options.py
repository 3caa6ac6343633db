"""pcapng options, as the table of hard cases has it: all kept, all shown, none believed."""

from collections.abc import Callable

import pytest
import wire
from conversions import converted, identical, packets
from wire import In

pytestmark = pytest.mark.usefixtures("kernels")

T = 1_714_564_800_000_000
ENTERPRISE = 32473


def lost(capture: bytes) -> dict[str, int]:
    """The losses of a capture as pcap, by kind. Checks that all packets arrive."""
    pcap, report = converted(capture, "pcap")
    assert [each.data for each in wire.read_pcap(pcap)] == [each.data for each in wire.read_pcapng(capture)]
    assert report.damage == []
    return report.losses


def on_section(write: In, options: bytes) -> bytes:
    return write.section_header(options=options) + write.interface() + write.enhanced_packet(0, T, b"x")


def on_interface(write: In, options: bytes) -> bytes:
    return write.section_header() + write.interface(options=options) + write.enhanced_packet(0, T, b"x")


def on_packet(write: In, options: bytes) -> bytes:
    after = write.enhanced_packet(0, T + 1, b"after")
    return write.section_header() + write.interface() + write.enhanced_packet(0, T, b"x", options=options) + after


def on_obsolete_packet(write: In, options: bytes) -> bytes:
    return write.section_header() + write.interface() + write.obsolete_packet(0, T, b"xyz", options=options)


def on_names(write: In, options: bytes) -> bytes:
    return on_packet(write, b"") + write.names(wire.ipv4_name("192.0.2.1", "a.example"), options=options)


def on_statistics(write: In, options: bytes) -> bytes:
    return on_packet(write, b"") + write.statistics(0, T, options=options)


def on_secrets(write: In, options: bytes) -> bytes:
    return on_packet(write, b"") + write.secrets(wire.TLS_KEY_LOG, b"abc", options=options)


def on_custom(write: In, options: bytes) -> bytes:
    return on_packet(write, b"") + write.custom(wire.CUSTOM_COPY, ENTERPRISE, b"abc", options=options)


PLACES = [
    on_section,
    on_interface,
    on_packet,
    on_obsolete_packet,
    on_names,
    on_statistics,
    on_secrets,
    on_custom,
]
every_list = pytest.mark.parametrize("capture_with", PLACES, ids=lambda capture_with: capture_with.__name__)

# ---------------------------------------------------------------- how lists end

ENDINGS: list[tuple[str, list[str], Callable[[In], bytes]]] = [
    ("no-end", ["hi"], lambda write: write.option(1, b"hi")),
    ("bytes-after-the-end", ["hi"], lambda write: write.options((1, b"hi")) + b"after..."),
    ("a-comment-after-the-end", ["hi"], lambda write: write.options((1, b"hi")) + write.option(1, b"unseen")),
    ("an-end-with-a-length", ["hi"], lambda write: write.option(1, b"hi") + write.option(0, b"long")),
    ("an-end-that-overruns", ["hi"], lambda write: write.option(1, b"hi") + write.option(0, length=0xFFFF)),
    ("nothing-but-the-end", [], lambda write: write.option(0)),
    ("padding-that-is-not-zero", ["hi", "x"], lambda write: b"".join([
        write.option(1, b"hi")[:-2] + b"\xaa\xbb",
        write.option(1, b"x")[:-3] + b"\xff\xff\xff",
        write.option(0),
    ])),
]  # fmt: skip


@every_list
@pytest.mark.parametrize("build", [each[2] for each in ENDINGS], ids=[each[0] for each in ENDINGS])
def test_endings_are_kept(write: In, capture_with: Callable[[In, bytes], bytes], build: Callable[[In], bytes]) -> None:
    identical(capture_with(write, build(write)))


@pytest.mark.parametrize(("texts", "build"), [each[1:] for each in ENDINGS], ids=[each[0] for each in ENDINGS])
def test_endings_are_read_up_to_what_is_certain(write: In, texts: list[str], build: Callable[[In], bytes]) -> None:
    raw = build(write)
    packet = packets(on_packet(write, raw))[0]
    assert (packet.raw_options, packet.comments) == (raw, texts)
    assert lost(on_packet(write, raw)) == ({"comments": len(texts)} if texts else {})


# ---------------------------------------------------------------- overruns

OVERRUNS: list[tuple[str, Callable[[In], bytes]]] = [
    ("by-much", lambda write: write.option(1, b"good") + write.option(1, b"cut", length=400)),
    ("by-one", lambda write: write.option(1, b"good") + write.option(1, b"four", length=5)),
    ("by-most", lambda write: write.option(1, b"good") + write.option(1, b"", length=0xFFFF)),
]


@every_list
@pytest.mark.parametrize("build", [build for _, build in OVERRUNS], ids=[name for name, _ in OVERRUNS])
def test_option_that_overruns_its_block_is_kept(
    write: In, capture_with: Callable[[In, bytes], bytes], build: Callable[[In], bytes]
) -> None:
    identical(capture_with(write, build(write)))


@pytest.mark.parametrize("build", [build for _, build in OVERRUNS], ids=[name for name, _ in OVERRUNS])
def test_option_that_overruns_its_block_leaves_the_packet_fine(write: In, build: Callable[[In], bytes]) -> None:
    capture = on_packet(write, build(write))
    first, second = packets(capture)
    assert (first.data, first.comments, second.data) == (b"x", ["good"], b"after")
    assert lost(capture) == {"comments": 1, "unreadable-options": 1}


@pytest.mark.parametrize(
    "capture_with", [on_section, on_interface, on_packet, on_obsolete_packet, on_statistics, on_secrets]
)
def test_option_that_overruns_its_block_counts_as_unreadable(
    write: In, capture_with: Callable[[In, bytes], bytes]
) -> None:
    losses = lost(capture_with(write, write.option(1, b"good") + write.option(1, b"cut", length=400)))
    assert (losses["comments"], losses["unreadable-options"]) == (1, 1)


@pytest.mark.parametrize(("capture_with", "offset"), [(on_section, 0), (on_interface, 28)])
def test_option_that_overruns_its_block_is_a_warning(
    write: In, capture_with: Callable[[In, bytes], bytes], offset: int
) -> None:
    warnings = identical(capture_with(write, write.option(1, b"cut", length=400))).warnings
    assert [warning.offset for warning in warnings] == [offset]


@pytest.mark.parametrize("capture_with", [on_packet, on_obsolete_packet])
def test_option_that_overruns_its_packet_is_a_warning(write: In, capture_with: Callable[[In, bytes], bytes]) -> None:
    (warning,) = identical(capture_with(write, write.option(1, b"cut", length=400))).warnings
    assert warning.offset == 48
    assert "packet 1" in warning.reason


# ---------------------------------------------------------------- comments

COMMENTS: list[tuple[str, bytes, str]] = [
    ("plain", b"a comment", "a comment"),
    ("empty", b"", ""),
    ("of-65535-bytes", b"long " * 13107, "long " * 13107),
    ("with-NUL-inside", b"before\0after", "before"),
    ("not-UTF-8", b"caf\xe9 \xff", "caf\\xe9 \\xff"),
    ("UTF-8", "Messung über Nacht ✓".encode(), "Messung über Nacht ✓"),
    ("control-characters", b"\x1b[31m\r\n\x7f", "\x1b[31m\r\n\x7f"),
]


@every_list
@pytest.mark.parametrize("value", [each[1] for each in COMMENTS], ids=[each[0] for each in COMMENTS])
def test_comments_are_kept(write: In, capture_with: Callable[[In, bytes], bytes], value: bytes) -> None:
    identical(capture_with(write, write.options((1, value))))


@pytest.mark.parametrize(("value", "shown"), [each[1:] for each in COMMENTS], ids=[each[0] for each in COMMENTS])
def test_comments_are_shown(write: In, value: bytes, shown: str) -> None:
    assert packets(on_packet(write, write.options((1, value))))[0].comments == [shown]


def test_several_comments_are_kept_and_shown(write: In) -> None:
    capture = on_packet(write, write.options(*((1, value) for _, value, _ in COMMENTS)))
    identical(capture)
    assert packets(capture)[0].comments == [shown for _, _, shown in COMMENTS]
    assert lost(capture) == {"comments": len(COMMENTS)}


# ---------------------------------------------------------------- custom, local, unknown, repeated

ODD = [2988, 2989, 19372, 19373, 0x7FFF, 0x8000, 0x8001, 0xFFFF, 100]


@every_list
@pytest.mark.parametrize("code", ODD)
def test_custom_local_unknown_and_repeated_options_are_kept(
    write: In, capture_with: Callable[[In, bytes], bytes], code: int
) -> None:
    value = write.custom_value(ENTERPRISE, b"abc")
    identical(capture_with(write, write.options((code, value), (code, value), (code, b""))))


@pytest.mark.parametrize("code", ODD)
@pytest.mark.parametrize(
    ("capture_with", "kind"),
    [
        (on_section, "section-options"),
        (on_interface, "interface-options"),
        (on_packet, "packet-options"),
        (on_obsolete_packet, "packet-options"),
    ],
)
def test_custom_local_unknown_and_repeated_options_are_counted_where_left_out(
    write: In, capture_with: Callable[[In, bytes], bytes], kind: str, code: int
) -> None:
    assert lost(capture_with(write, write.options((code, b"abcd"), (code, b""), (1, b"hi")))) == {
        kind: 2,
        "comments": 1,
    }


# ---------------------------------------------------------------- every option at every length

CODES: dict[Callable[[In, bytes], bytes], range] = {
    on_section: range(1, 6),
    on_interface: range(1, 20),
    on_packet: range(1, 10),
    on_obsolete_packet: range(1, 5),
    on_names: range(1, 6),
    on_statistics: range(1, 10),
    on_secrets: range(1, 3),
    on_custom: range(1, 3),
}


@every_list
def test_every_option_of_every_block_at_every_length_is_kept(
    write: In, capture_with: Callable[[In, bytes], bytes]
) -> None:
    for code in CODES[capture_with]:
        for size in range(19):
            identical(capture_with(write, write.options((code, bytes(range(1, size + 1))), (1, b"after"))))


def test_every_interface_option_is_counted_but_those_that_pcap_holds(write: In) -> None:
    pairs = [
        (wire.IF_NAME, b"eth0"),
        (wire.IF_DESCRIPTION, b"the first card"),
        (wire.IF_IPV4ADDR, bytes(8)),
        (wire.IF_IPV4ADDR, bytes(8)),
        (wire.IF_IPV6ADDR, bytes(17)),
        (wire.IF_MACADDR, bytes(6)),
        (wire.IF_EUIADDR, bytes(8)),
        (wire.IF_SPEED, bytes(8)),
        (wire.IF_TZONE, bytes(4)),
        (wire.IF_FILTER, b"\0udp"),
        (wire.IF_OS, b"os"),
        (wire.IF_HARDWARE, b"card"),
        (wire.IF_TXSPEED, bytes(8)),
        (wire.IF_RXSPEED, bytes(8)),
        (wire.IF_IANA_TZNAME, b"Europe/Berlin"),
    ]
    held = [(wire.IF_TSRESOL, b"\x06"), (wire.IF_TSOFFSET, bytes(8)), (wire.IF_FCSLEN, b"\x20")]
    assert lost(on_interface(write, write.options(*pairs, *held))) == {"interface-options": len(pairs)}


@pytest.mark.parametrize("value", [b"", b"\x20\x00"])
def test_if_fcslen_of_the_wrong_length_is_not_lost_silently(write: In, value: bytes) -> None:
    assert sum(lost(on_interface(write, write.options((wire.IF_FCSLEN, value)))).values()) == 1


def test_every_packet_option_is_counted(write: In) -> None:
    codes = [*range(2, 9), wire.EPB_HASH, wire.EPB_VERDICT]
    losses = lost(on_packet(write, write.options(*((code, bytes(4)) for code in codes), (1, b"a"), (1, b"b"))))
    assert losses == {"packet-options": 9, "comments": 2}


def test_packet_options_are_those_of_their_packet(write: In) -> None:
    lists = [write.options((1, b"%d" % i), (2, bytes(4))) if i % 2 else b"" for i in range(6)]
    capture = (
        write.section_header()
        + write.interface()
        + b"".join(write.enhanced_packet(0, T, bytes(i), options=raw) for i, raw in enumerate(lists))
        + write.simple_packet(b"simple")
    )
    assert [packet.raw_options for packet in packets(capture)] == [*lists, b""]
