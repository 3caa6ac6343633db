"""Leaving out metadata: each kind in every place, to the exact bytes, and what must not be copied."""

import io
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import wire
from conversions import Sink, after_step, every_sample, read, written
from hypothesis import given
from hypothesis import strategies as st
from wire import BIG, LITTLE, ByteOrder, In

from pcapconv.errors import UsageError
from pcapconv.model import Interface, Item, PacketBatch, Section
from pcapconv.steps.batch_rows import options_of_row
from pcapconv.steps.strip import STRIP_KINDS, Strip, StripDoNotCopy, make_enhanced

pytestmark = pytest.mark.usefixtures("kernels")

T = 1_714_564_800_000_000
ENTERPRISE = 32473
UNKNOWN_BLOCK, LOCAL_BLOCK = 0x0B0B, 0x80000001
UNKNOWN_OPTION, LOCAL_OPTION = 999, 0x8001
COMMENT = (wire.OPT_COMMENT, b"a comment")
NO_COPY = (wire.OPT_CUSTOM_TEXT_DO_NOT_COPY, wire.OPT_CUSTOM_BYTES_DO_NOT_COPY)

Option = tuple[int, bytes]


def stripped(capture: bytes, *kinds: str) -> tuple[bytes, dict[str, int]]:
    """The capture without these kinds, and what was counted."""
    left_out: Counter[str] = Counter()
    return after_step(Strip(kinds, left_out), capture)[0], dict(left_out)


def copied(capture: bytes) -> tuple[bytes, dict[str, int]]:
    """The capture without what must not be copied, and what was counted."""
    left_out: Counter[str] = Counter()
    return after_step(StripDoNotCopy(left_out), capture)[0], dict(left_out)


def everywhere(write: In, *extra: Option, custom: bool = True, journal: bool = True) -> bytes:
    """A capture with further options in the midst of every list there is: six lists."""

    def stated(*pairs: Option) -> bytes:
        return write.options(*pairs[:1], *extra, *pairs[1:])

    lookalike = write.options(COMMENT, (NO_COPY[0], b"\0\0\0\1x"), (LOCAL_OPTION, b""))  # in blocks without options
    return (
        write.section_header(options=stated((wire.SHB_OS, b"an OS"), (wire.SHB_USERAPPL, b"a program")))
        + write.interface(options=stated((wire.IF_NAME, b"eth0"), (wire.IF_TSRESOL, b"\6")))
        + write.names(wire.ipv4_name("192.0.2.1", "a.example"), options=stated((wire.NS_DNSNAME, b"ns.example")))
        + write.secrets(wire.TLS_KEY_LOG, b"CLIENT", options=stated())
        + write.enhanced_packet(0, T, b"none")
        + write.enhanced_packet(0, T + 1, b"some", options=stated((wire.EPB_FLAGS, write.number(1, 4))))
        + write.statistics(0, T, options=stated((wire.ISB_IFRECV, write.number(2, 8))))
        + (write.custom(wire.CUSTOM_COPY, ENTERPRISE, b"", options=lookalike) if custom else b"")
        + (write.journal(lookalike) if journal else b"")
    )


LISTS = 6


# ---------------------------------------------------------------- options, in every place


@pytest.mark.parametrize(
    ("kind", "extra"),
    [
        ("comments", [COMMENT]),
        ("comments", [COMMENT, (wire.OPT_COMMENT, b""), (wire.OPT_COMMENT, b"caf\xe9\0")]),
        ("unknown", [(UNKNOWN_OPTION, b"abc"), (LOCAL_OPTION, b"")]),
        ("do-not-copy", [(code, b"\0\0\0\1x") for code in NO_COPY]),
        ("custom", [(code, b"\0\0\0\1x") for code in (wire.OPT_CUSTOM_TEXT, wire.OPT_CUSTOM_BYTES, *NO_COPY)]),
    ],
)
def test_options_go_from_every_list(write: In, kind: str, extra: list[Option]) -> None:
    capture = everywhere(write, *extra)
    out, counted = copied(capture) if kind == "do-not-copy" else stripped(capture, kind)
    assert out == everywhere(write, custom=kind != "custom", journal=kind != "unknown")
    assert counted == {kind: LISTS * len(extra) + (kind in ("custom", "unknown"))}


def test_options_that_may_be_copied_are(write: In) -> None:
    capture = everywhere(
        write, (wire.OPT_CUSTOM_TEXT, bytes(4)), (wire.OPT_CUSTOM_BYTES, bytes(4)), (LOCAL_OPTION, b"")
    )
    assert copied(capture) == (capture, {})


@pytest.mark.parametrize("kind", STRIP_KINDS)
def test_other_kinds_leave_an_option_alone(write: In, kind: str) -> None:
    value = write.custom_value(ENTERPRISE, b"x")
    pairs = {"comments": COMMENT, "custom": (wire.OPT_CUSTOM_TEXT, value), "unknown": (UNKNOWN_OPTION, b"abc")}
    others = [pair for name, pair in pairs.items() if name != kind]
    capture = (
        write.section_header(options=write.options(*others))
        + write.interface(options=write.options((wire.IF_TSRESOL, b"\x09"), *others))
        + write.enhanced_packet(0, T, b"x", options=write.options(*others))
        + write.obsolete_packet(0, T, b"x", options=write.options(*others), drops_count=3)
    )
    assert stripped(capture, kind) == (capture, {})


def test_what_stays_keeps_its_bytes(write: In) -> None:
    """Padding that is not zero, bytes behind the end mark."""
    odd = write.option(wire.EPB_FLAGS, b"1")[:-3] + b"\xaa\xbb\xcc"
    tail = write.option(0) + b"tail"

    def capture(comment: bytes) -> bytes:
        return (
            write.section_header()
            + write.interface()
            + write.enhanced_packet(0, T, b"x", options=odd + comment + odd + tail)
            + write.enhanced_packet(0, T, b"y", options=odd + tail)
        )

    assert stripped(capture(write.option(*COMMENT)), "comments") == (capture(b""), {"comments": 1})


def test_options_without_an_end_mark(write: In) -> None:
    capture = (
        write.section_header() + write.interface() + write.enhanced_packet(0, T, b"x", options=write.option(*COMMENT))
    )
    out, _ = stripped(capture, "comments")
    (packet,) = wire.read_pcapng(out)
    assert (wire.read_options(packet.options, write.byte_order), packet.data) == ([], b"x")


# ---------------------------------------------------------------- options of one block


def test_what_is_known_of_the_host_goes(write: In) -> None:
    def capture(*, full: bool) -> bytes:
        def stated(*pairs: Option) -> bytes:
            return write.options(COMMENT, *(pairs if full else ()), (LOCAL_OPTION, b"abc"))

        return (
            write.section_header(
                options=stated((wire.SHB_HARDWARE, b"a machine"), (wire.SHB_OS, b"os"), (wire.SHB_USERAPPL, b"app"))
            )
            + write.interface(options=stated((wire.IF_OS, b"os"), (wire.IF_HARDWARE, b"a card")))
            # The same codes mean something else here.
            + write.interface(options=write.options((wire.IF_NAME, b"eth0"), (wire.IF_DESCRIPTION, b"a card")))
            + write.enhanced_packet(0, T, b"x", options=write.options((wire.EPB_FLAGS, write.number(1, 4))))
        )

    assert stripped(capture(full=True), "host") == (capture(full=False), {"host": 5})


def test_addresses_of_interfaces_go(write: In) -> None:
    addresses: list[Option] = [
        (wire.IF_IPV4ADDR, bytes(8)),
        (wire.IF_IPV4ADDR, bytes(8)),
        (wire.IF_IPV6ADDR, bytes(17)),
        (wire.IF_MACADDR, bytes(6)),
        (wire.IF_EUIADDR, bytes(8)),
    ]

    def capture(*pairs: Option) -> bytes:
        return (
            write.section_header(options=write.options((wire.SHB_USERAPPL, b"app")))
            + write.interface(options=write.options((wire.IF_NAME, b"eth0"), *pairs, (wire.IF_TSRESOL, b"\x09")))
            + write.enhanced_packet(0, T, b"x", options=write.options((wire.EPB_DROPCOUNT, write.number(1, 8))))
            + write.statistics(0, T, options=write.options((wire.ISB_IFRECV, write.number(1, 8))))
        )

    assert stripped(capture(*addresses), "addresses") == (capture(), {"addresses": 5})


def test_an_option_is_unknown_by_its_block(write: In) -> None:
    """Code 8 is epb_processid_threadid of an Enhanced Packet Block; an obsolete one has nothing above 3."""
    known, unknown = write.options((8, bytes(8))), write.options((2, bytes(4)), (8, bytes(8)))
    head = write.section_header() + write.interface()
    capture = (
        head + write.enhanced_packet(0, T, b"x", options=known) + write.obsolete_packet(0, T, b"y", options=unknown)
    )
    out, counted = stripped(capture, "unknown")
    assert out == (
        head
        + write.enhanced_packet(0, T, b"x", options=known)
        + write.enhanced_packet(0, T, b"y", options=write.options((2, bytes(4))))
    )
    assert counted == {"unknown": 1}


@every_sample
def test_what_a_sample_lost_once_is_gone(path: Path) -> None:
    once, _ = stripped(path.read_bytes(), *STRIP_KINDS)
    assert stripped(once, *STRIP_KINDS) == (once, {})


# ---------------------------------------------------------------- blocks


def blocks(write: In) -> dict[str, list[bytes]]:
    """Blocks by the kind under which --strip removes them."""
    return {
        "names": [write.names(wire.ipv4_name("192.0.2.1", "a", "b"), wire.ipv6_name("2001:db8::1", "c"))],
        "statistics": [
            write.statistics(0, T, options=write.options((wire.ISB_IFRECV, bytes(8)))),
            write.statistics(0, T),
        ],
        "secrets": [write.secrets(wire.TLS_KEY_LOG, b"abc"), write.secrets(0x12345678, b"")],
        "custom": [write.custom(wire.CUSTOM_COPY, ENTERPRISE), write.custom(wire.CUSTOM_DO_NOT_COPY, ENTERPRISE, b"x")],
        "unknown": [
            write.block(UNKNOWN_BLOCK, b"some"),
            write.block(LOCAL_BLOCK),
            write.journal(b"__CURSOR=1\n"),
        ],
    }


@pytest.mark.parametrize("kind", ["names", "statistics", "secrets", "custom", "unknown"])
def test_blocks_go(write: In, kind: str) -> None:
    head, packet = write.section_header() + write.interface(), write.enhanced_packet(0, T, b"x")
    everything = blocks(write)

    def capture(*left_out: str) -> bytes:
        parts = [part for name, parts in everything.items() if name not in left_out for part in parts]
        return head + packet.join(parts) + packet

    out, counted = stripped(capture(), kind)
    assert [block.raw for block in wire.read_blocks(out) if block.raw != packet] == [
        block.raw for block in wire.read_blocks(capture(kind)) if block.raw != packet
    ]
    assert len(wire.read_pcapng(out)) == len(wire.read_pcapng(capture()))
    assert counted == {kind: len(everything[kind]) if kind != "names" else 2}


@pytest.mark.parametrize(
    ("kinds", "left"),
    [
        (("packet-comments",), {"section", "interface", "names", "statistics"}),
        (("capture-comments",), {"interface", "enhanced", "obsolete", "names", "statistics"}),
        (("packet-comments", "capture-comments"), {"interface", "names", "statistics"}),
        (("packet-comments", "comments"), set()),
    ],
    ids=["packets", "capture", "both", "all"],
)
def test_comments_go_of_one_kind(write: In, kinds: tuple[str, ...], left: set[str]) -> None:
    def capture(left: set[str]) -> bytes:
        def options(place: str) -> bytes:
            other = (wire.OPT_CUSTOM_TEXT, write.custom_value(ENTERPRISE, b"x"))
            return write.options(*([COMMENT, COMMENT] if place in left else []), other)

        return (
            write.section_header(options=options("section"))
            + write.interface(options=options("interface"))
            + write.names(options=options("names"))
            + write.enhanced_packet(0, T, b"x", options=options("enhanced"))
            + write.obsolete_packet(0, T, b"x", options=options("obsolete"), drops_count=0)
            + write.statistics(0, T, options=options("statistics"))
        )

    everywhere = {"section", "interface", "enhanced", "obsolete", "names", "statistics"}
    out, counted = stripped(capture(everywhere), *kinds)
    # an obsolete block that loses an option becomes an Enhanced one
    expect = capture(left)
    if "obsolete" not in left:
        other = (wire.OPT_CUSTOM_TEXT, write.custom_value(ENTERPRISE, b"x"))
        drops = (wire.EPB_DROPCOUNT, write.number(0, 8))
        obsolete = write.obsolete_packet(0, T, b"x", options=write.options(other), drops_count=0)
        expect = expect.replace(obsolete, write.enhanced_packet(0, T, b"x", options=write.options(other, drops)))
    assert out == expect
    assert counted == {"comments": 2 * len(everywhere - left)}


def test_processes_go_with_what_packets_state_of_them(write: In) -> None:
    entry = wire.number(78, 4)
    noted = wire.number(3, 4) + wire.number(len(entry), 4) + entry  # the entry of a process, as Wireshark writes it
    stays = [
        write.custom(wire.CUSTOM_COPY, 32622, wire.number(99, 4) + bytes(4)),
        write.custom(wire.CUSTOM_COPY, ENTERPRISE, noted),
        write.block(UNKNOWN_BLOCK, b"some"),
        write.journal(b"_PID=1\n"),
    ]
    processes = [
        write.block(0x80000001, write.number(77, 4) + write.options((2, b"ssh"), COMMENT)),
        write.custom(wire.CUSTOM_COPY, 32622, noted),
    ]
    references = [(32769, write.number(0, 4)), (32771, write.number(1, 4)), (8, write.number(5, 8)), (32769, b"odd")]
    others = [(32770, bytes(4)), (7, b"\0v"), COMMENT]
    head = write.section_header() + write.interface(options=write.options((32769, bytes(4))))

    def capture(*blocks: bytes, options: list[Option]) -> bytes:
        packet = write.enhanced_packet(0, T, b"x", options=write.options(*options))
        return head + b"".join(blocks) + packet + write.enhanced_packet(0, T, b"y") + packet

    out, counted = stripped(capture(*processes, *stays, options=[*references, *others]), "processes")
    assert out == capture(*stays, options=others)
    assert counted == {"processes": 2 + 2 * len(references)}
    _, counted = stripped(capture(*processes, *stays, options=[*references, *others]), "processes", "unknown", "custom")
    assert counted == {"processes": 2 + 2 * len(references), "unknown": 2 + 2 + 1, "custom": 2}


def test_a_names_block_without_records_counts_for_one(write: In) -> None:
    head = write.section_header()
    assert stripped(head + write.names() + write.names(end=False), "names") == (head, {"names": 2})


def test_blocks_not_to_copy_go(write: In) -> None:
    head, stays = write.section_header() + write.interface(), write.custom(wire.CUSTOM_COPY, ENTERPRISE, b"stays")
    capture = head + write.custom(wire.CUSTOM_DO_NOT_COPY, ENTERPRISE, b"goes") + stays + write.block(LOCAL_BLOCK)
    assert copied(capture) == (head + stays + write.block(LOCAL_BLOCK), {"do-not-copy": 1})


def test_kinds_are_counted_apart(write: In) -> None:
    capture = everywhere(write, COMMENT, (LOCAL_OPTION, b""))
    _, counted = stripped(capture, "comments", "unknown", "names", "secrets", "host")
    assert counted == {"comments": 4, "unknown": 5, "names": 1, "secrets": 1, "host": 2}


# ---------------------------------------------------------------- option lists that cannot be read

OVERRUNS: list[Callable[[In], bytes]] = [
    lambda write: write.option(wire.OPT_COMMENT, b"cut", length=400),
    lambda write: write.option(wire.OPT_COMMENT, b"four", length=5),
    lambda write: write.option(LOCAL_OPTION, length=0xFFFF),
]


@pytest.mark.parametrize("overrun", OVERRUNS)
@pytest.mark.parametrize(
    ("kind", "pair"),
    [("comments", COMMENT), ("unknown", (LOCAL_OPTION, b"abc")), ("do-not-copy", (NO_COPY[1], b"\0\0\0\1abc"))],
)
def test_the_tail_that_cannot_be_read_stays(write: In, overrun: Callable[[In], bytes], kind: str, pair: Option) -> None:
    def capture(*pairs: Option) -> bytes:
        good = b"".join(write.option(*each) for each in pairs)
        return (
            write.section_header(options=good + overrun(write))
            + write.interface(options=good + overrun(write))
            + write.enhanced_packet(0, T, b"x", options=good + overrun(write))
            + write.names(wire.ipv4_name("192.0.2.1", "a"), options=good + overrun(write))
            + write.statistics(0, T, options=good + overrun(write))
            + write.secrets(wire.TLS_KEY_LOG, b"abc", options=good + overrun(write))
        )

    out, counted = copied(capture(pair)) if kind == "do-not-copy" else stripped(capture(pair), kind)
    assert (out, counted) == (capture(), {kind: 6})


def test_lists_with_nothing_that_can_be_read_stay(write: In) -> None:
    overrun = write.option(wire.OPT_COMMENT, b"cut", length=400)
    capture = (
        write.section_header(options=overrun)
        + write.interface(options=overrun)
        + write.enhanced_packet(0, T, b"x", options=overrun)
        + write.obsolete_packet(0, T, b"y", options=overrun, drops_count=9)
        + write.block(wire.NAME_RESOLUTION, overrun)
        + write.block(wire.INTERFACE_STATISTICS, write.number(0, 4))
        + write.block(
            wire.DECRYPTION_SECRETS, write.number(wire.TLS_KEY_LOG, 4) + write.number(0xFFFFFFFF, 4) + b"data"
        )
        + write.block(wire.DECRYPTION_SECRETS, b"")
    )
    assert stripped(capture, "comments", "unknown", "host") == (capture, {})
    assert copied(capture) == (capture, {})


# ---------------------------------------------------------------- obsolete packets


@pytest.mark.parametrize(
    ("drops", "stated"), [(7, 7), (0, 0), (0xFFFE, 0xFFFE), (0xFFFF, None)], ids=["7", "0", "most", "not-known"]
)
def test_an_obsolete_packet_keeps_its_drop_count(write: In, drops: int, stated: int | None) -> None:
    head = write.section_header() + write.interface() + write.interface()
    flags, digest = (wire.PACK_FLAGS, write.number(2, 4)), (wire.PACK_HASH, b"\2abcd")
    capture = head + write.obsolete_packet(
        1, T, b"abc", original_length=60, drops_count=drops, options=write.options(flags, COMMENT, digest)
    )
    count = [] if stated is None else [(wire.EPB_DROPCOUNT, write.number(stated, 8))]
    out, counted = stripped(capture, "comments")
    assert counted == {"comments": 1}
    assert out == head + write.enhanced_packet(
        1, T, b"abc", original_length=60, options=write.options(flags, digest, *count)
    )


def test_obsolete_packets_that_lose_nothing_stay(write: In) -> None:
    head = write.section_header() + write.interface()
    plain = write.obsolete_packet(0, T, b"plain", drops_count=5)
    flagged = write.obsolete_packet(0, T, b"x", drops_count=6, options=write.options((2, bytes(4))))
    goes = write.obsolete_packet(0, T, b"goes", drops_count=0xFFFF, options=write.options(COMMENT))
    out, _ = stripped(head + plain + flagged + goes + plain, "comments", "unknown")
    assert out == head + plain + flagged + write.enhanced_packet(0, T, b"goes") + plain


def test_as_enhanced(write: In) -> None:
    capture = (
        write.section_header()
        + write.interface()
        + write.obsolete_packet(0, T, b"x", drops_count=258)
        + write.enhanced_packet(0, T, b"x")
        + write.simple_packet(b"x")
    )
    (batch,) = (item for item in read(capture) if isinstance(item, PacketBatch))
    count = (wire.EPB_DROPCOUNT, write.number(258, 8))
    assert [make_enhanced(batch, row) for row in range(3)] == [[count], [], []]
    assert list(batch.columns.record_type[:3]) == [6, 6, 3]
    assert [make_enhanced(batch, row) for row in range(3)] == [[], [], []]


# ---------------------------------------------------------------- what else a capture is


@pytest.mark.parametrize("magic", [wire.MICROSECONDS, wire.NANOSECONDS, wire.MODIFIED])
def test_of_pcap_nothing_goes(write: In, magic: int) -> None:
    extra = write.modified_extra(3, 0x0800, 4) if magic == wire.MODIFIED else b""
    capture = write.pcap_header(magic, thiszone=5) + write.pcap_record(1, 2, b"abc", extra=extra) * 3
    left_out: Counter[str] = Counter()
    for step in (Strip(STRIP_KINDS, left_out), StripDoNotCopy(left_out)):
        assert after_step(step, capture, "pcap")[0] == capture
        assert left_out == {}
    assert after_step(Strip(STRIP_KINDS, Counter()), capture) == after_step(lambda items: items, capture)


def test_what_went_is_no_loss_in_pcap(write: In) -> None:
    capture, target = everywhere(write, COMMENT), io.BytesIO()
    losses = written(Strip(("comments", "names", "secrets", "statistics"), Counter())(read(capture)), target, "pcap")
    assert losses == {
        "section-options": 2,
        "interface-options": 1,
        "packet-options": 1,
        "custom-blocks": 1,
        "journal-entries": 1,
    }
    assert [each.data for each in wire.read_pcap(target.getvalue())] == [b"none", b"some"]


def test_lengths_of_sections(write: In) -> None:
    """One that holds stays, one that no longer does becomes -1; where nobody can go back, each does."""
    one, other = write.enhanced_packet(0, T, b"x"), write.enhanced_packet(0, T, b"x", options=write.options(COMMENT))

    def section(packet: bytes, stated: int) -> bytes:
        return write.section_header(section_length=stated) + write.interface() + packet

    size = len(write.interface() + one)
    capture = section(one, size) + section(other, len(write.interface() + other))
    assert stripped(capture, "comments") == (section(one, size) + section(one, -1), {"comments": 1})
    target = Sink()
    written(Strip(("comments",), Counter())(read(capture)), target, "pcapng")  # type: ignore[arg-type]
    assert target.taken == section(one, -1) * 2


def test_a_header_made_anew_keeps_its_version(write: In) -> None:
    capture = write.section_header(version=(1, 2), options=write.options(COMMENT), section_length=0)
    assert stripped(capture, "comments") == (write.section_header(version=(1, 2)), {"comments": 1})


def test_sections_of_both_byte_orders(write: In) -> None:
    def capture(*extra: Option) -> bytes:
        return everywhere(write, *extra) + everywhere(In(BIG if write.byte_order == LITTLE else LITTLE), *extra)

    assert stripped(capture(COMMENT), "comments") == (capture(), {"comments": 2 * LISTS})


# ---------------------------------------------------------------- what a step hands on


def test_batches_have_the_interfaces_that_were_handed_on(write: In) -> None:
    first = write.interface(options=write.options(COMMENT, (wire.IF_NAME, b"eth0")))
    second = write.interface(options=write.options((wire.IF_NAME, b"eth1")))
    section = (
        write.section_header() + first + write.enhanced_packet(0, T, b"x") + second + write.enhanced_packet(1, T, b"y")
    )
    seen: list[Interface] = []
    theirs: list[list[Interface]] = []

    def watched(items: Iterator[Item]) -> Iterator[Item]:
        for item in items:
            if isinstance(item, PacketBatch):
                theirs.append(item.interfaces)
            yield item

    for item in Strip(("comments",), Counter())(watched(read(section * 2))):
        if isinstance(item, Section):
            seen = []
        elif isinstance(item, Interface):
            seen.append(item)
        elif isinstance(item, PacketBatch):
            assert item.interfaces == seen
            assert item.packet(0).interface == seen[-1]
    assert len(theirs) == 4
    assert all(each[0].raw_options.count(b"a comment") == 1 and each[0].raw is not None for each in theirs)


@pytest.mark.parametrize("kinds", [("comments", "custom"), ("unknown",), ("names",)])
def test_batches_that_lose_nothing_are_not_touched(write: In, kinds: tuple[str, ...]) -> None:
    options = write.options((wire.EPB_FLAGS, bytes(4)), (wire.EPB_PACKETID, bytes(8)))
    capture = write.section_header() + write.interface() + write.enhanced_packet(0, T, b"x", options=options) * 3
    buffers = []

    def watched(items: Iterator[Item]) -> Iterator[Item]:
        for item in items:
            if isinstance(item, PacketBatch):
                buffers.append(item.buffer)
            yield item

    for item in Strip(kinds, Counter())(watched(read(capture))):
        if isinstance(item, PacketBatch):
            assert item.contiguous
            assert item.buffer is buffers[-1]


@pytest.mark.parametrize(("kind", "pair"), [("comments", COMMENT), ("unknown", (UNKNOWN_OPTION, b"abc"))])
def test_only_batches_that_lose_something_are_walked(
    write: In, kind: str, pair: Option, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Option lists that cannot be read, and batches after one that was walked, are no reason to."""
    flags = (wire.EPB_FLAGS, bytes(4))
    unreadable = write.option(*flags) + write.option(LOCAL_OPTION, length=4)
    lists = [unreadable if number % 2 else b"" for number in range(300)]
    lists[100] = write.options(flags, pair)
    packets = b"".join(write.enhanced_packet(0, T, b"x", options=each) for each in lists)
    walked = set()

    def noted(batch: PacketBatch, row: int) -> bytes:
        walked.add((batch.first_number, batch.rows))
        return options_of_row(batch, row)

    monkeypatch.setattr("pcapconv.steps.strip.options_of_row", noted)
    left_out: Counter[str] = Counter()
    after_step(Strip((kind,), left_out), write.section_header() + write.interface() + packets, window_size=1000)
    ((first, rows),) = walked
    assert first <= 101 < first + rows < 150
    assert left_out == {kind: 1}


@pytest.mark.parametrize("kinds", [("comments",), ("unknown",), ("comments", "unknown")])
def test_of_many_packets_each_batch_counts_anew(write: In, kinds: tuple[str, ...]) -> None:
    """Windows that hold a few packets each, and packets that lose something only here and there."""

    def capture(*, full: bool) -> bytes:
        packets = []
        for number in range(600):
            pairs: list[Option] = [(wire.EPB_PACKETID, write.number(number, 8))]
            if number % 97 == 3 and (full or "comments" not in kinds):
                pairs.append(COMMENT)
            if number % 89 == 5 and (full or "unknown" not in kinds):
                pairs.insert(0, (UNKNOWN_OPTION, b"abc"))
            packets.append(write.enhanced_packet(0, T + number, bytes(number % 50), options=write.options(*pairs)))
        return write.section_header() + write.interface() + b"".join(packets)

    left_out: Counter[str] = Counter()
    assert after_step(Strip(kinds, left_out), capture(full=True), window_size=1000)[0] == capture(full=False)
    assert left_out == dict.fromkeys(kinds, 7)


def test_a_kind_that_is_none_is_refused() -> None:
    with pytest.raises(UsageError) as caught:
        Strip(("comments", "hosts"), Counter())
    assert str(caught.value) == (
        "strip='hosts': the kinds are comments, names, statistics, secrets, custom, unknown, host, addresses, "
        "packet-comments, capture-comments, processes"
    )


# ---------------------------------------------------------------- any lists at all

CODES = st.sampled_from([1, 2, 3, 4, 8, 9, 999, 2988, 2989, 19372, 19373, 0x8001, 0xFFFF])
PAIRS = st.lists(st.tuples(CODES, st.binary(max_size=9)), max_size=5)
PACKETS = st.lists(st.tuples(st.sampled_from([2, 6]), PAIRS), max_size=5)
CHOSEN = st.sets(st.sampled_from(["comments", "custom", "unknown", "host", "addresses"]), min_size=1)

KNOWN = {2: {2, 3}, 6: set(range(2, 9))}


def kind_of(code: int, block_type: int) -> str:
    """Under which kind a packet's option goes."""
    if code == 1 or code in (2988, 2989, 19372, 19373):
        return "comments" if code == 1 else "custom"
    return "known" if code in KNOWN[block_type] else "unknown"


@given(packets=PACKETS, kinds=CHOSEN, byte_order=st.sampled_from([LITTLE, BIG]))
def test_any_options_of_packets(
    packets: list[tuple[int, list[Option]]], kinds: set[str], byte_order: ByteOrder
) -> None:
    write = In(byte_order)
    head = write.section_header() + write.interface()
    capture, expected, counted = head, head, Counter[str]()
    for block_type, pairs in packets:
        kept = [pair for pair in pairs if kind_of(pair[0], block_type) not in kinds]
        counted.update(kind_of(pair[0], block_type) for pair in pairs if pair not in kept)
        if block_type == 6:
            capture += write.enhanced_packet(0, T, b"x", options=write.options(*pairs))
            expected += write.enhanced_packet(0, T, b"x", options=write.options(*kept))
        else:
            capture += write.obsolete_packet(0, T, b"x", drops_count=3, options=write.options(*pairs))
            drops = (wire.EPB_DROPCOUNT, write.number(3, 8))
            expected += (
                write.obsolete_packet(0, T, b"x", drops_count=3, options=write.options(*pairs))
                if kept == pairs
                else write.enhanced_packet(0, T, b"x", options=write.options(*kept, drops))
            )
    assert stripped(capture, *kinds) == (expected, dict(counted))
