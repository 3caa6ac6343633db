"""`normalize`: the kinds of metadata that `keep` adds and `strip` removes, and arguments that are refused."""

import struct
from typing import Any

import pytest
import wire
from equivalent_captures import comment
from expected_normal_form import KINDS
from normalizing import (
    IDB,
    NANO,
    NS,
    ONE,
    PEN,
    SHB,
    UNKNOWN_BLOCK,
    USUAL,
    T,
    capture_with_all_kinds,
    normal_form_with,
    normal_interface,
    normalized,
    refusal_of,
)
from wire import In

from pcapconv import (
    TargetError,
    UsageError,
)

# ---------------------------------------------------------------- kinds


@pytest.mark.usefixtures("kernels")
def test_what_is_kept_without_being_asked(write: In) -> None:
    assert normalized(capture_with_all_kinds(write)) == normal_form_with(*USUAL)


@pytest.mark.parametrize("kind", [kind for kind in KINDS if kind not in USUAL])
def test_keep_adds_a_kind(write: In, kind: str) -> None:
    assert normalized(capture_with_all_kinds(write), keep=[kind]) == normal_form_with(*USUAL, kind)
    assert normalized(capture_with_all_kinds(write), keep=kind, strip=USUAL) == normal_form_with(kind)


@pytest.mark.parametrize("kind", USUAL)
def test_strip_takes_a_kind(write: In, kind: str) -> None:
    rest = [each for each in USUAL if each != kind]
    assert normalized(capture_with_all_kinds(write), strip=[kind]) == normal_form_with(*rest)
    every = [each for each in KINDS if each not in USUAL]
    assert normalized(capture_with_all_kinds(write), strip=kind, keep=[",".join(every)]) == normal_form_with(
        *rest, *every
    )


def test_keep_everything_and_nothing(write: In) -> None:
    capture = capture_with_all_kinds(write)
    assert normalized(capture, keep=KINDS) == normal_form_with(*KINDS)
    assert normalized(capture, strip=KINDS) == normal_form_with()
    assert normalized(capture, keep=["names", "host,host"], strip=["custom"]) == normal_form_with(*USUAL, "host")


def test_with_sort_other_blocks_stand_behind_the_packets(write: In) -> None:
    """Those before the first packet too: nothing of an order by place is left."""
    assert normalized(capture_with_all_kinds(write), keep=KINDS, sort=True) == normal_form_with(*KINDS, sort=True)


def test_statistics_move_as_packets_do(write: In) -> None:
    capture = capture_with_all_kinds(write)
    shifted = normalized(capture, keep=KINDS, rebase_time=str(T + 1))
    assert shifted == normal_form_with(*KINDS, shift=10**9)


@pytest.mark.parametrize("sort", [False, True])
def test_blocks_for_the_end_may_be_more_than_stay_in_memory(
    write: In, sort: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    keep = ["statistics", "custom", "unknown"]
    capture = capture_with_all_kinds(write)
    blocks = [block.body for block in wire.read_blocks(normalized(capture, keep=keep, sort=sort))]
    monkeypatch.setattr("pcapconv.io.scratch_file._IN_MEMORY", 1)
    twice = [block.body for block in wire.read_blocks(normalized(capture * 2, keep=keep, sort=sort))]
    for block in set(blocks[-4:]):
        assert twice.count(block) == 2 * blocks.count(block)
    assert twice[-2:] == [blocks[-1]] * 2  # statistics


def test_more_options_than_memory_should_hold_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pcapconv.normalizing.normal_form._MOST_OPTIONS", 3)
    stated = wire.options(*[comment("c")] * 4)
    head = wire.section_header() + wire.interface()
    for capture in (
        head + wire.enhanced_packet(0, 1, b"one", options=stated),
        wire.section_header(options=stated) + wire.interface(),
        head + wire.names(options=stated),
    ):
        assert "more than 3 options that are kept" in refusal_of(capture, TargetError)
        normalized(capture, strip=["comments"])


def test_what_pcapconv_could_not_read_again_is_not_written(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Simple Packet's block grows when it becomes an Enhanced one."""
    limit = 2**20
    monkeypatch.setattr("pcapconv.formats.pcapng_writer.LARGEST_RECORD", limit)
    head = wire.section_header() + wire.interface(snaplen=0)
    normalized(head + wire.simple_packet(bytes(limit - 36)))
    says = f"input: packet 2: its block would have {limit + 4} bytes or so, more than the {limit} that pcapconv reads"
    assert says in refusal_of(head + wire.simple_packet(b"q") + wire.simple_packet(bytes(limit - 32)), TargetError)


def test_statistics_of_interfaces_without_packets_go(write: In) -> None:
    capture = (
        write.section_header()
        + write.interface()
        + write.interface(options=write.options(NANO))
        + write.statistics(0, T)
        + write.statistics(1, NS)
        + write.statistics(7, NS)
        + write.enhanced_packet(1, NS, b"one")
        + write.statistics(1, NS + 1)
    )
    kept = wire.statistics(0, NS) + wire.statistics(0, NS + 1)
    assert normalized(capture, keep=["statistics"]) == SHB + IDB + ONE + kept


def test_a_comment_of_statistics_ends_before_its_first_zero_byte(write: In) -> None:
    head = write.section_header() + write.interface(options=write.options(NANO))
    capture = head + write.enhanced_packet(0, NS, b"one")
    for stated, kept in ((b"a\0b", b"a"), (b"\0", b""), (b"", b"")):
        counted = write.statistics(0, NS, options=write.options((wire.OPT_COMMENT, stated)))
        said = wire.statistics(0, NS, options=wire.options((wire.OPT_COMMENT, kept)))
        assert normalized(capture + counted, keep=["statistics"]) == SHB + IDB + ONE + said


def test_statistics_before_their_interface(write: In) -> None:
    """No sense, but a place in a file that can be."""
    interface = write.interface(options=write.options(NANO))
    capture = write.section_header() + write.statistics(0, NS) + interface + write.enhanced_packet(0, NS, b"one")
    assert normalized(capture, keep=["statistics"]) == SHB + IDB + ONE + wire.statistics(0, NS)


def test_statistics_whose_times_do_not_fit_are_refused(write: In) -> None:
    interface = write.interface(options=write.options((wire.IF_TSRESOL, b"\x0c")))
    head = write.section_header() + interface + write.enhanced_packet(0, 1000, b"one")
    fine = (wire.ISB_ENDTIME, write.halves(1001))
    says = (
        "nanoseconds cannot hold the times of this statistics block, moved as the packets are; do not keep='statistics'"
    )
    for block in (write.statistics(0, 1), write.statistics(0, 1000, options=write.options(fine))):
        capture = head + block
        assert refusal_of(capture, TargetError, keep=["statistics"]) == f"input: offset {len(head)}: {says}"
        assert normalized(capture) == SHB + IDB + wire.enhanced_packet(0, 1, b"one")
        cut = normalized(capture, keep=["statistics"], on_loss="ignore")
        assert cut.startswith(SHB + IDB + wire.enhanced_packet(0, 1, b"one"))
        assert struct.unpack_from("<II", cut, len(cut) - len(block) + 12) in ((0, 0), (0, 1))


def test_kinds_distinguish_interfaces(write: In) -> None:
    capture = write.section_header()
    for name in (b"linux", b"other"):
        capture += write.interface(options=write.options((wire.IF_OS, name), NANO))
    capture += b"".join(write.enhanced_packet(n, NS, b"one") for n in (0, 1))
    assert normalized(capture) == SHB + IDB + ONE * 2
    assert normalized(capture, keep=["host"]) == (
        SHB
        + normal_interface((wire.IF_OS, b"linux"))
        + normal_interface((wire.IF_OS, b"other"))
        + ONE
        + wire.enhanced_packet(1, NS, b"one")
    )


def test_contents_of_unknown_blocks_stay_as_they_are(write: In) -> None:
    blocks = [(UNKNOWN_BLOCK, b""), (0x00000BAE, b"\1\2\3\4\5\6\7\x08"), (0xFFFFFFFF, b"\xff" * 400)]
    capture = write.section_header() + b"".join(write.block(*each) for each in blocks)
    assert normalized(capture, keep=["unknown"]) == SHB + b"".join(wire.block(*each) for each in blocks)
    assert normalized(capture) == SHB


@pytest.mark.parametrize("kind", [wire.CUSTOM_COPY, wire.CUSTOM_DO_NOT_COPY])
def test_of_custom_blocks_only_the_enterprise_number_changes_its_byte_order(write: In, kind: int) -> None:
    data = b"\1\2\3\4" + write.options(comment("in the byte order of nobody knows what"))
    capture = write.section_header() + write.custom(kind, PEN, data) + write.block(kind, b"")
    assert normalized(capture, keep=["custom"]) == SHB + wire.custom(kind, PEN, data) + wire.block(kind, b"")


# ---------------------------------------------------------------- options that make no sense


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (
            {"keep": ["host", "hosts"]},
            "keep='hosts': the kinds are comments, names, statistics, secrets, custom, unknown, host, addresses",
        ),
        (
            {"strip": "names,"},
            "strip='': the kinds are comments, names, statistics, secrets, custom, unknown, host, addresses",
        ),
        ({"keep": ["host,names"], "strip": ["names"]}, "keep= and strip='names': it can be only one of them"),
        (
            {"rebase_time": "+1h"},
            "rebase_time='+1h': write a time from 1970 on in whole nanoseconds, as in 2024-05-01T12:00:00Z",
        ),
        (
            {"rebase_time": "-1"},
            "rebase_time='-1': write a time from 1970 on in whole nanoseconds, as in 2024-05-01T12:00:00Z",
        ),
        (
            {"rebase_time": "0.0000000001"},
            "rebase_time='0.0000000001': write a time from 1970 on in whole nanoseconds, as in 2024-05-01T12:00:00Z",
        ),
        (
            {"rebase_time": "18446744073.709551616"},
            "rebase_time='18446744073.709551616': "
            "write a time from 1970 on in whole nanoseconds, as in 2024-05-01T12:00:00Z",
        ),
        (
            {"rebase_time": "noon", "mask_time": True},
            "rebase_time='noon': not a time; write 2024-05-01T12:00:00Z, 1714564800.25 or +1h30m",
        ),
        ({"to": "pcapx"}, "to='pcapx': the format is one of pcap, pcapng"),
    ],
)
def test_options_that_make_no_sense_are_refused(options: dict[str, Any], says: str) -> None:
    assert refusal_of(SHB + IDB + ONE, UsageError, **options) == says


def test_another_on_loss_is_refused() -> None:
    assert "on_loss='perhaps': must be one of" in refusal_of(SHB, UsageError, on_loss="perhaps")
