"""What a capture says of itself, changed to the exact bytes: comments, what interfaces state, link types."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import wire
from conversions import after_step, every_sample, packets, read
from wire import BIG, LITTLE, In

from pcapconv.errors import TargetError, UsageError
from pcapconv.model import Interface, Item, PacketBatch
from pcapconv.steps.relabel import SETTING_KEYS, Relabel, names_interface

pytestmark = pytest.mark.usefixtures("kernels")

T = 1_714_564_800_000_000
NAME, TSRESOL = (wire.IF_NAME, b"eth0"), (wire.IF_TSRESOL, b"\x09")

Option = tuple[int, bytes]


def relabel(comments: list[str] | None = None, link_type: int | None = None, **settings: str) -> Relabel:
    """The step; settings as `a0_speed="9"` for interface 0."""
    parsed = [
        (key[1:].partition("_")[0], key.partition("_")[2].replace("_", "-"), value) for key, value in settings.items()
    ]
    return Relabel(capture_comments=comments or [], settings=parsed, link_type=link_type)


def setting(identity: str, key: str, value: str) -> Relabel:
    return Relabel(capture_comments=[], settings=[(identity, key, value)], link_type=None)


def relabelled(step: Relabel, capture: bytes) -> bytes:
    return after_step(step, capture)[0]


def refusal(step: Relabel, capture: bytes) -> str:
    with pytest.raises(UsageError) as caught:
        relabelled(step, capture)
    return str(caught.value)


# ---------------------------------------------------------------- comments


def test_comments_come_after_those_present(write: In) -> None:
    def capture(*pairs: Option) -> bytes:
        first = write.section_header(options=write.options((wire.OPT_COMMENT, b"old"), (wire.SHB_OS, b"os"), *pairs))
        second = write.section_header(options=write.options((wire.OPT_COMMENT, b"second")))
        return first + write.interface() + write.enhanced_packet(0, T, b"x") + second + write.interface()

    new: list[Option] = [(wire.OPT_COMMENT, "über".encode()), (wire.OPT_COMMENT, b"")]
    assert relabelled(relabel(["über", ""]), capture()) == capture(*new)


def test_comments_where_there_is_no_option(write: In) -> None:
    capture = write.section_header(section_length=0, version=(1, 2))
    comment = write.options((wire.OPT_COMMENT, b"new"))
    assert relabelled(relabel(["new"]), capture) == write.section_header(options=comment, version=(1, 2))


def test_comments_before_what_cannot_be_read(write: In) -> None:
    overrun = write.option(wire.SHB_OS, b"cut", length=400)
    comment = write.option(wire.OPT_COMMENT, b"new")
    out = relabelled(relabel(["new"]), write.section_header(options=overrun))
    assert out == write.section_header(options=comment + overrun)


def test_the_longest_comment(write: In) -> None:
    longest = "x" * 65535
    out = relabelled(relabel([longest]), write.section_header())
    assert out == write.section_header(options=write.options((wire.OPT_COMMENT, longest.encode())))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("é" * 32768, "capture_comment=: the text has 65536 bytes; write 65535 at most"),
        ("ab\udcff", "capture_comment=: character 3 of the text is none that UTF-8 can write"),
    ],
)
def test_comments_that_no_option_holds(text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        relabel([text])
    assert str(caught.value) == message


# ---------------------------------------------------------------- settings


def capture_of_one_interface(write: In, *pairs: Option, link_type: int = wire.ETHERNET, snaplen: int = 262144) -> bytes:
    """A capture of one interface."""
    interface = write.interface(link_type, snaplen, options=write.options(*pairs))
    return write.section_header() + interface + write.enhanced_packet(0, T, b"x")


@pytest.mark.parametrize(
    ("key", "code", "text", "value"),
    [
        ("name", wire.IF_NAME, "wan", b"wan"),
        ("name", wire.IF_NAME, "", b""),
        ("description", wire.IF_DESCRIPTION, "Zählpunkt", "Zählpunkt".encode()),
        ("filter", wire.IF_FILTER, "udp port 7", b"\0udp port 7"),
        ("os", wire.IF_OS, "an OS", b"an OS"),
        ("hardware", wire.IF_HARDWARE, "a card", b"a card"),
        ("fcs-length", wire.IF_FCSLEN, "32", b"\x20"),
        ("comment", wire.OPT_COMMENT, "new", b"new"),
    ],
)
def test_settings_come_after_what_is_there(write: In, key: str, code: int, text: str, value: bytes) -> None:
    out = relabelled(setting("0", key, text), capture_of_one_interface(write, TSRESOL, (wire.IF_SPEED, bytes(8))))
    assert out == capture_of_one_interface(write, TSRESOL, (wire.IF_SPEED, bytes(8)), (code, value))


@pytest.mark.parametrize("number", [0, 1_000_000_000, 2**64 - 1])
def test_speed(write: In, number: int) -> None:
    out = relabelled(
        setting("0", "speed", str(number)), capture_of_one_interface(write, (wire.IF_SPEED, bytes(8)), TSRESOL)
    )
    assert out == capture_of_one_interface(write, TSRESOL, (wire.IF_SPEED, write.number(number, 8)))


@pytest.mark.parametrize("number", [0, 96, 2**32 - 1])
def test_snaplen(write: In, number: int) -> None:
    assert relabelled(
        setting("0", "snaplen", str(number)), capture_of_one_interface(write, NAME, TSRESOL)
    ) == capture_of_one_interface(write, NAME, TSRESOL, snaplen=number)


def test_a_value_replaces_those_that_are_there(write: In) -> None:
    capture = capture_of_one_interface(write, NAME, (wire.IF_NAME, b"again"), (wire.IF_FCSLEN, b"too long"), TSRESOL)
    out = relabelled(relabel(a0_name="wan", a0_fcs_length="16"), capture)
    assert out == capture_of_one_interface(write, TSRESOL, (wire.IF_NAME, b"wan"), (wire.IF_FCSLEN, b"\x10"))


def test_a_comment_comes_after_those_present(write: In) -> None:
    old = (wire.OPT_COMMENT, b"old")
    out = relabelled(setting("0", "comment", "new"), capture_of_one_interface(write, old, NAME))
    assert out == capture_of_one_interface(write, old, NAME, (wire.OPT_COMMENT, b"new"))


def test_of_two_for_the_same_the_last_holds(write: In) -> None:
    settings = [("0", "name", "a"), ("eth0", "name", "b"), ("0", "comment", "1"), ("0:0", "comment", "2")]
    step = Relabel(capture_comments=[], settings=settings, link_type=None)
    comments = (wire.OPT_COMMENT, b"1"), (wire.OPT_COMMENT, b"2")
    assert relabelled(step, capture_of_one_interface(write, NAME)) == capture_of_one_interface(
        write, (wire.IF_NAME, b"b"), *comments
    )


def test_options_that_cannot_be_read_stay(write: In) -> None:
    overrun = write.option(wire.IF_NAME, b"cut", length=400)
    capture = write.section_header() + write.interface(options=write.option(*TSRESOL) + overrun)
    new = write.option(*TSRESOL) + write.option(wire.IF_OS, b"os") + overrun
    assert relabelled(setting("0", "os", "os"), capture) == write.section_header() + write.interface(options=new)


def test_what_changes_nothing_leaves_the_block_alone(write: In) -> None:
    """Its reserved field too."""
    capture = write.section_header() + write.interface(options=write.options(NAME), reserved=7)
    assert relabelled(relabel(a0_snaplen="262144", link_type=wire.ETHERNET), capture) == capture


@pytest.mark.parametrize("key", ["speed", "snaplen", "fcs-length"])
@pytest.mark.parametrize("text", ["", "-1", "fast", "1.5", "1e9", "0x10", "٣", " 1", "256 ", "9" * 61, str(2**64)])
def test_numbers_that_no_field_holds(key: str, text: str) -> None:
    most, example = {
        "speed": (2**64 - 1, 1000000000),
        "snaplen": (2**32 - 1, 65535),
        "fcs-length": (255, 32),
    }[key]
    with pytest.raises(UsageError) as caught:
        setting("eth0", key, text)
    shown = f"eth0.{key}={text}"[:80]
    form = f"eth0.{key}={example}"
    assert str(caught.value) == f"set_interface={shown!r}: not a whole number from 0 to {most}; write {form}"


@pytest.mark.parametrize(
    ("key", "text", "message"),
    [
        ("name", "x" * 65536, "set_interface='0.name': the text has 65536 bytes; write 65535 at most"),
        ("filter", "x" * 65535, "set_interface='0.filter': the text has 65535 bytes; write 65534 at most"),
        ("os", "\ud800", "set_interface='0.os': character 1 of the text is none that UTF-8 can write"),
        ("mtu", "9000", f"set_interface='0.mtu=9000': the key is one of {', '.join(SETTING_KEYS)}"),
    ],
)
def test_settings_that_cannot_be_stated(key: str, text: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        setting("0", key, text)
    assert str(caught.value) == message


def test_an_id_nobody_can_mean() -> None:
    with pytest.raises(UsageError, match=r"^set_interface='1{61}': "):
        setting("1" * 61, "name", "x")


# ---------------------------------------------------------------- which interface


def two_sections(write: In, *, named: str = "") -> bytes:
    """Interfaces 0:0 eth0, 0:1 "1:1", 0:2, 1:0 eth0, 1:1 "café", not in UTF-8; those of these places bear a comment."""

    def interface(identity: str, *pairs: Option) -> bytes:
        comment: list[Option] = [(wire.OPT_COMMENT, b"here")] if identity in named.split() else []
        return write.interface(options=write.options(*pairs, *comment))

    return (
        write.section_header()
        + interface("0:0", NAME)
        + interface("0:1", (wire.IF_NAME, b"1:1"))
        + write.enhanced_packet(1, T, b"x")
        + interface("0:2", (wire.IF_DESCRIPTION, b"eth0"))
        + write.section_header()
        + interface("1:0", (wire.IF_NAME, b"eth0\0"), (wire.IF_NAME, b"second"))
        + interface("1:1", (wire.IF_NAME, b"caf\xe9"))
    )


@pytest.mark.parametrize(
    ("identity", "named"),
    [
        ("0", "0:0 1:0"),
        ("00", "0:0 1:0"),
        ("2", "0:2"),
        ("1:0", "1:0"),
        ("1:1", "0:1 1:1"),
        ("eth0", "0:0 1:0"),
        (r"caf\xe9", "1:1"),
        ("caf\udce9", "1:1"),
    ],
)
def test_an_id_names_interfaces(write: In, identity: str, named: str) -> None:
    capture = two_sections(write)
    assert relabelled(setting(identity, "comment", "here"), capture) == two_sections(write, named=named)
    found = [item for item in read(capture) if isinstance(item, Interface) and names_interface(identity, item)]
    assert [f"{item.section}:{item.id}" for item in found] == named.split()


@pytest.mark.parametrize(
    "identity", ["3", "0:3", "2:0", "1:2", "eth", "ETH0", "second", "eth0\0", "", ":0", "0:", "-1", "+0"]
)
def test_an_id_that_no_interface_has(write: In, identity: str) -> None:
    assert refusal(setting(identity, "name", "x"), two_sections(write)) == (
        f"set_interface={f'{identity}.name=x'!r}: there is no such interface; "
        r"there are 0:0 eth0, 0:1 1:1, 0:2, 1:0 eth0, 1:1 caf\xe9"
    )


def test_names_are_those_that_were_there(write: In) -> None:
    step = Relabel(capture_comments=[], settings=[("0", "name", "wan"), ("eth0", "os", "os")], link_type=None)
    assert relabelled(step, capture_of_one_interface(write, NAME)) == capture_of_one_interface(
        write, (wire.IF_NAME, b"wan"), (wire.IF_OS, b"os")
    )
    step = Relabel(capture_comments=[], settings=[("0", "name", "wan"), ("wan", "os", "os")], link_type=None)
    assert refusal(step, capture_of_one_interface(write, NAME)) == (
        "set_interface='wan.os=os': there is no such interface; there is 0:0 eth0"
    )


def test_of_many_interfaces_the_first_are_named(write: In) -> None:
    capture = write.section_header() + write.interface() * 25
    places = ", ".join(f"0:{number}" for number in range(20))
    assert refusal(setting("x", "name", "y"), capture).endswith(f"; there are {places} and 5 more")


def test_without_any_interface_none_is_named(write: In) -> None:
    assert refusal(setting("0", "name", "y"), write.section_header()).endswith("; the capture has none")


def test_messages_stay_short(write: In) -> None:
    capture = write.section_header() + write.interface(options=write.options((wire.IF_NAME, b"n" * 60000)))
    message = refusal(setting("i" * 50000, "name", "v" * 60000), capture)
    assert message == f"set_interface='{'i' * 80}': there is no such interface; there is 0:0 {'n' * 80}"


# ---------------------------------------------------------------- link types


def test_link_types_of_all(write: In) -> None:
    def capture(*link_types: int) -> bytes:
        first, second, third = (write.interface(each, options=write.options(NAME, TSRESOL)) for each in link_types)
        packets = write.enhanced_packet(0, T, b"x") + write.simple_packet(b"y")
        return write.section_header(section_length=5) + first + packets + second + write.section_header() + third

    before, after = capture(wire.ETHERNET, wire.RAW_IP, 147), capture(wire.RAW_IP, wire.RAW_IP, wire.RAW_IP)
    assert relabelled(relabel(link_type=wire.RAW_IP), before) == after


@pytest.mark.parametrize("number", [-1, 65536])
def test_link_types_that_are_none(number: int) -> None:
    with pytest.raises(UsageError) as caught:
        relabel(link_type=number)
    assert str(caught.value) == f"link_type={number}: link types are numbers from 0 to 65535"


# ---------------------------------------------------------------- Simple Packets, which have their snaplen's length


def simple(write: In, snaplen: int, *, original_length: int = 100, room: int = 100, number: int = 1) -> bytes:
    before = write.enhanced_packet(0, T, b"before") * (number - 1)
    packet = write.simple_packet(bytes(room), original_length=original_length)
    return write.section_header() + write.interface(snaplen=snaplen) + before + packet


@pytest.mark.parametrize(
    ("old", "new", "lengths"),
    [
        (100, 0, {}),
        (0, 100, {}),
        (0, 80, {"original_length": 80}),
        (78, 80, {"original_length": 78}),  # the packet was no longer
        (78, 0, {"original_length": 40}),
        (0, 40, {"original_length": 40}),
    ],
)
def test_simple_packets_that_keep_their_length(write: In, old: int, new: int, lengths: dict[str, int]) -> None:
    out = relabelled(setting("0", "snaplen", str(new)), simple(write, old, **lengths))
    assert out == simple(write, new, **lengths)
    assert wire.read_pcapng(out) == wire.read_pcapng(simple(write, old, **lengths))


@pytest.mark.parametrize(
    ("old", "new", "before", "after"),
    [(80, 79, 80, 79), (80, 96, 80, 96), (78, 0, 78, 100), (77, 78, 77, 78), (0, 1, 100, 1)],
)
def test_simple_packets_that_would_not(write: In, old: int, new: int, before: int, after: int) -> None:
    with pytest.raises(TargetError) as caught:
        relabelled(setting("0", "snaplen", str(new)), simple(write, old, number=3))
    assert str(caught.value) == (
        "packet 3: the length of a Simple Packet follows from the snaplen of interface 0; "
        f"with snaplen {new} it would be {after} instead of {before} bytes"
    )


def test_simple_packets_are_of_interface_0(write: In) -> None:
    capture = write.section_header() + write.interface() + write.interface(snaplen=50) + write.simple_packet(bytes(80))
    expected = write.section_header() + write.interface() + write.interface(snaplen=40) + write.simple_packet(bytes(80))
    assert relabelled(setting("1", "snaplen", "40"), capture) == expected


def test_simple_packets_of_another_section_stay(write: In) -> None:
    capture = simple(write, 80) + simple(write, 262144, original_length=80)
    out = relabelled(setting("1:0", "snaplen", "80"), capture)
    assert out == simple(write, 80) + simple(write, 80, original_length=80)


def test_simple_packets_that_were_cut(write: In) -> None:
    """Such a packet has no block any more; its original length says how much is left."""

    def cut(items: Iterator[Item], captured: int, original: int) -> Iterator[Item]:
        for item in items:
            if isinstance(item, PacketBatch):
                columns = item.columns
                columns.captured_length[0], columns.original_length[0], columns.record_length[0] = captured, original, 0
                item.contiguous = False
            yield item

    step = setting("0", "snaplen", "0")
    (batch,) = (item for item in step(cut(read(simple(write, 80)), 40, 40)) if isinstance(item, PacketBatch))
    assert len(batch.packet(0).data) == 40
    with pytest.raises(TargetError, match="it would be 40 instead of 38 bytes"):
        list(setting("0", "snaplen", "0")(cut(read(simple(write, 80)), 38, 40)))


# ---------------------------------------------------------------- pcap


def pcap(write: In, magic: int = wire.MICROSECONDS, word: int = wire.ETHERNET, snaplen: int = 65535) -> bytes:
    extra = write.modified_extra(7) if magic == wire.MODIFIED else b""
    return write.pcap_header(magic, link_type_word=word, snaplen=snaplen) + write.pcap_record(1, 2, b"abc", extra=extra)


@pytest.mark.parametrize("magic", [wire.MICROSECONDS, wire.NANOSECONDS])
def test_pcap_gets_another_header(write: In, magic: int) -> None:
    out, losses = after_step(relabel(link_type=wire.RAW_IP, a0_snaplen="96"), pcap(write, magic), "pcap")
    assert (out, losses) == (pcap(write, magic, wire.RAW_IP, 96), {})
    out, losses = after_step(setting("0", "fcs-length", "32"), pcap(write, magic), "pcap")
    assert (out, losses) == (pcap(write, magic, 0x24000001), {})


def test_what_pcap_cannot_state_is_lost(write: In) -> None:
    out, losses = after_step(relabel(["one", "two"], a0_name="eth0"), pcap(write), "pcap")
    assert (out, losses) == (pcap(write), {"comments": 2, "interface-options": 1})


@pytest.mark.parametrize(
    ("magic", "resolution"), [(wire.MICROSECONDS, []), (wire.NANOSECONDS, [TSRESOL]), (wire.MODIFIED, [])]
)
def test_pcap_becomes_pcapng_with_what_was_set(write: In, magic: int, resolution: list[Option]) -> None:
    step = relabel(["a comment"], 147, a0_name="eth0", a0_fcs_length="16", a0_snaplen="96")
    interface = write.options(NAME, *resolution, (wire.IF_FCSLEN, b"\x10"))
    ticks = 1_000_000_002 if resolution else 1_000_002
    flags = write.options((wire.EPB_FLAGS, write.number(1, 4))) if magic == wire.MODIFIED else b""
    assert relabelled(step, pcap(write, magic, 0x24000001)) == (
        write.section_header(options=write.options((wire.OPT_COMMENT, b"a comment")))
        + write.interface(147, 96, options=interface)
        + write.enhanced_packet(0, ticks, b"abc", options=flags)
    )


# ---------------------------------------------------------------- what a step hands on


def test_batches_have_the_interfaces_that_were_handed_on(write: In) -> None:
    section = (
        write.section_header()
        + write.interface()
        + write.enhanced_packet(0, T, b"x")
        + write.interface()
        + write.enhanced_packet(1, T, b"y")
    )
    theirs = []

    def watched(items: Iterator[Item]) -> Iterator[Item]:
        for item in items:
            if isinstance(item, PacketBatch):
                theirs.append(item.interfaces)
            yield item

    packets = [
        (packet.interface.section, packet.interface.id, packet.interface.link_type, packet.interface.snaplen)
        for item in relabel(link_type=147, a1_snaplen="9")(watched(read(section * 2)))
        if isinstance(item, PacketBatch)
        for packet in item
    ]
    assert packets == [(0, 0, 147, 262144), (0, 1, 147, 9), (1, 0, 147, 262144), (1, 1, 147, 9)]
    assert {interface.link_type for each in theirs for interface in each} == {wire.ETHERNET}


def test_lengths_of_sections(write: In) -> None:
    """One that no longer holds becomes -1; packets keep their blocks."""
    packet = write.obsolete_packet(0, T, b"x", drops_count=7)
    stated = len(write.interface() + packet)
    capture = write.section_header(section_length=stated) + write.interface() + packet
    renamed = write.section_header() + write.interface(options=write.options(NAME)) + packet
    assert relabelled(setting("0", "name", "eth0"), capture) == renamed
    relinked = write.section_header(section_length=stated) + write.interface(147) + packet
    assert relabelled(relabel(link_type=147), capture) == relinked


@pytest.mark.parametrize("key", ["speed", "name"])
def test_sections_of_both_byte_orders(write: In, key: str) -> None:
    other = In(BIG if write.byte_order == LITTLE else LITTLE)
    value = [
        (wire.IF_SPEED, each.number(10, 8)) if key == "speed" else (wire.IF_NAME, b"10") for each in (write, other)
    ]
    out = relabelled(setting("0", key, "10"), capture_of_one_interface(write) + capture_of_one_interface(other))
    assert out == capture_of_one_interface(write, value[0]) + capture_of_one_interface(other, value[1])


@every_sample
def test_packets_of_a_sample_stay(path: Path) -> None:
    capture = path.read_bytes()
    before = packets(capture)
    after = packets(relabelled(relabel(["a comment"], 147), capture))
    assert [(*each[:4], each.raw_options) for each in after] == [(*each[:4], each.raw_options) for each in before]
    assert {each.interface.link_type for each in after} <= {147}
