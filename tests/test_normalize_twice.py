"""`normalize`: a normal form stays as it is, and all ways of writing one capture have the same normal form."""

from itertools import permutations, product
from pathlib import Path
from typing import Any

import pytest
import wire
from conversions import SAMPLES, stem
from equivalent_captures import (
    FULL_PACKETS,
    PLAIN_PACKETS,
    Option,
    PacketFacts,
    comment,
    equivalent_pcapng,
    equivalent_plain_captures,
)
from expected_normal_form import KINDS, Request
from hypothesis import given, settings
from hypothesis import strategies as st
from normalizing import (
    ALL_COMBINATIONS,
    SHB,
    SWITCHES,
    capture_with_all_kinds,
    captures_rich_in_metadata,
    combined_arguments,
    normal_interface,
    normalized,
    normalized_with_report,
    reasons_against,
)
from wire import BIG, LITTLE, In

from pcapconv import (
    FormatError,
    TargetError,
)
from pcapconv.errors import NotACaptureError

# ---------------------------------------------------------------- twice is once


def is_stable(capture: bytes, **options: Any) -> None:
    """Normalised once more, a normal form stays, and `check` says so. What has none is refused."""
    try:
        once, report = normalized_with_report(capture, **options)
    except (TargetError, FormatError) as error:
        if isinstance(error, NotACaptureError):
            raise
        return
    twice, again = normalized_with_report(once, **options)
    assert twice == once
    assert (again.packets_read, again.packets_written) == (report.packets_written, report.packets_written)
    assert again.damage == []
    if again.packets_read:  # a pcap file without has an interface all the same
        assert again.left_out == {}
    assert reasons_against(once, **options) == []
    if once != capture and not report.damage:  # of a damaged capture, what could be read may be normal
        assert reasons_against(capture, **options)


def covering() -> list[tuple[int, ...]]:
    """Some of all combinations, among which any two switches have all pairs of values."""
    return [
        tuple((row & mask).bit_count() % 2 for mask in range(1, 1 + len(SWITCHES)))
        for row in range(16)  # four bits are enough for fifteen switches
    ]


PAIRWISE = [combined_arguments(*(ways[n] for ways, n in zip(SWITCHES.values(), row))) for row in covering()]


def test_any_two_switches_stand_in_all_ways() -> None:
    for one, two in permutations(range(len(SWITCHES)), 2):
        assert {(row[one], row[two]) for row in covering()} == {(0, 0), (0, 1), (1, 0), (1, 1)}


@pytest.mark.parametrize("path", [path for path in SAMPLES if "-le." not in path.name], ids=lambda path: path.name)
def test_twice_is_once_for_samples(path: Path) -> None:
    """Half of the combinations for each, in turn."""
    capture = path.read_bytes()
    for options in PAIRWISE[SAMPLES.index(path) // 2 % 2 :: 2]:
        is_stable(capture, **options)


def test_twice_is_once_for_every_set_of_kinds() -> None:
    """Each with some of the other options, in turn."""
    capture = capture_with_all_kinds(In(BIG))
    kinds = list(product(*list(SWITCHES.values())[: len(KINDS)]))
    others = list(product(*list(SWITCHES.values())[len(KINDS) :]))
    for number, choices in enumerate(kinds):
        options = combined_arguments(*choices, *others[number * 5 % len(others)])
        once = normalized(capture, **options)
        assert normalized(once, **options) == once


@pytest.mark.parametrize("kinds", [{}, {"keep": KINDS}, {"strip": KINDS}], ids=["usual", "all", "none"])
def test_twice_is_once_for_every_set_of_other_options(kinds: dict[str, Any]) -> None:
    capture = capture_with_all_kinds(In(LITTLE))
    for choices in product(*list(SWITCHES.values())[len(KINDS) :]):
        options = {**combined_arguments(*choices), **kinds}
        once = normalized(capture, **options)
        assert normalized(once, **options) == once


def test_twice_is_once_for_a_corpus_file(corpus_file: Path) -> None:
    capture = corpus_file.read_bytes()
    for options in PAIRWISE:
        try:
            is_stable(capture, **options)
        except NotACaptureError:
            return


@settings(max_examples=40)
@given(capture=captures_rich_in_metadata(), options=st.sampled_from(ALL_COMBINATIONS))
def test_twice_is_once_for_captures_rich_in_metadata(capture: bytes, options: dict[str, Any]) -> None:
    is_stable(capture, **options)


# ---------------------------------------------------------------- the same capture, written otherwise


def normal_of(packets: list[PacketFacts]) -> bytes:
    order = list(dict.fromkeys(packet.interface for packet in packets)) or [0]
    out = SHB + b"".join(normal_interface((wire.IF_NAME, b"if%d" % n), link_type=1 + n, snaplen=64 * n) for n in order)
    for packet in packets:
        own: list[Option] = [comment(text) for text in packet.comments]
        own += [(wire.EPB_FLAGS, wire.number(packet.direction, 4))] if packet.direction else []
        out += wire.enhanced_packet(
            order.index(packet.interface),
            packet.time,
            packet.data,
            original_length=packet.original_length,
            options=wire.options(*own),
        )
    return out


@settings(max_examples=30)
@given(data=st.data(), packets=st.lists(FULL_PACKETS, max_size=6))
def test_whoever_wrote_it_the_bytes_are_the_same(data: st.DataObject, packets: list[PacketFacts]) -> None:
    capture = data.draw(equivalent_pcapng(packets))
    assert normalized(capture) == normal_of(packets)
    by_time = sorted(packets, key=lambda packet: packet.time)
    assert normalized(capture, sort=True) == normal_of(by_time)
    masked = [packet._replace(time=n * 10**6) for n, packet in enumerate(packets, 1)]
    assert normalized(capture, mask_time=True) == normal_of(masked)


@settings(max_examples=20)
@given(packets=st.lists(PLAIN_PACKETS, min_size=1, max_size=6))
def test_in_both_formats_and_byte_orders_the_bytes_are_the_same(packets: list[PacketFacts]) -> None:
    packets = [packet._replace(time=packet.time % (2**32 * 10**9)) for packet in packets]
    captures = equivalent_plain_captures(packets)
    for to in ("pcap", "pcapng"):
        assert len({normalized(capture, to=to) for capture in captures}) == 1


OWN_ORDER = {"secrets"}  # holds a number within a key log, of which nobody can tell
TWICE = [path for path in SAMPLES if path.stem.endswith("-le") and stem(path) not in OWN_ORDER]


@pytest.mark.parametrize("path", TWICE, ids=lambda path: path.name)
def test_both_byte_orders_of_a_sample_are_the_same(path: Path) -> None:
    other = path.with_name(path.name.replace("-le.", "-be."))
    for request in (
        Request(cut=True),
        Request(mask=True),
        Request(cut=True, sort=True, keep=frozenset({"host", "addresses"})),
    ):
        forms: list[bytes | str] = []
        for each in (path, other):
            try:
                forms.append(normalized(each.read_bytes(), **request.as_arguments()))
            except (TargetError, FormatError) as error:
                forms.append(str(error))
        assert forms[0] == forms[1]
