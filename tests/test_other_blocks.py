"""Captures that hold something else than packets, as sysdig's: whatever works on packets says what it passed over."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
import wire
from conversions import converted
from splitting import parts_and_report
from wire import In

import pcapconv
from pcapconv import LossError, Report, cli
from pcapconv.normalizing import check
from pcapconv.testing import assert_same_capture

MACHINE, EVENT = 0x201, 0x204  # of sysdig's block types
MOST = 4321


def sysdig(write: In, first: int = 0, *more: bytes) -> bytes:
    """A machine and its events, 4,321 blocks in all; and `more` behind them."""
    events = (
        write.number(0, 2) + write.number(number, 8) + write.number(5, 8) + write.number(30, 4) + bytes(22)
        for number in range(first, first + MOST - 1)
    )
    blocks = (write.block(EVENT, event) for event in events)
    return write.section_header() + write.block(MACHINE, bytes(40)) + b"".join(blocks) + b"".join(more)


def with_packets(write: In, packets: int, blocks: int) -> bytes:
    packet = write.enhanced_packet(0, 1000, b"data", options=write.options((999, b"x"), (999, b"y")))
    return write.section_header() + write.interface() + packet * packets + write.journal(b"a=b\n") * blocks


def normalized(capture: bytes, **options: Any) -> tuple[bytes, Report]:
    target = io.BytesIO()
    report = pcapconv.normalize(io.BytesIO(capture), target, **options)
    return target.getvalue(), report


def reasons(report: Report) -> list[tuple[int | None, str]]:
    return [(each.offset, each.reason) for each in report.warnings]


# ---------------------------------------------------------------- normalize

LEFT = "it holds 0 packets, but 4,321 unknown blocks, which the normal form leaves out"


def test_normalize_says_what_it_leaves_out(write: In) -> None:
    out, report = normalized(sysdig(write))
    assert out == wire.section_header()
    assert reasons(report) == [(None, f"{LEFT}; keep='unknown' keeps them")]
    assert report.other_blocks == report.left_out == {"unknown": MOST}
    out, report = normalized(sysdig(write), keep="unknown")
    assert len(wire.read_blocks(out)) == 1 + MOST
    assert (report.warnings, report.left_out, report.other_blocks) == ([], {}, {"unknown": MOST})
    assert reasons(normalized(sysdig(write), to="pcap")[1])[1:] == [(None, LEFT)]  # behind: it has no interface
    assert normalized(sysdig(write), on_loss="ignore")[1].warnings == []


def test_it_counts_kinds_that_are_not_kept(write: In) -> None:
    custom = [write.custom(wire.CUSTOM_COPY, 32473, b"text")] * 2
    capture = sysdig(write, 0, *custom)
    said = "it holds 0 packets, but 4,321 unknown blocks and 2 custom blocks, which the normal form leaves out"
    assert reasons(normalized(capture)[1]) == [(None, f"{said}; keep='custom,unknown' keeps them")]
    said = "it holds 0 packets, but 2 custom blocks, which the normal form leaves out"
    assert reasons(normalized(capture, keep="unknown")[1]) == [(None, f"{said}; keep='custom' keeps them")]


def test_on_loss_fail_refuses_where_more_blocks_than_packets_go(write: In) -> None:
    for capture, said in (
        (sysdig(write), "it holds 0 packets, but 4,321 unknown blocks"),
        (with_packets(write, 1, 2), "it holds 1 packet, but 2 unknown blocks"),
        (with_packets(write, 2, 3), "it holds 2 packets, but 3 unknown blocks"),
    ):
        whole = f"in.pcapng: {said}, which the normal form leaves out; keep='unknown' keeps them; nothing was written"
        source = io.BytesIO(capture)
        source.name = "in.pcapng"
        target = io.BytesIO()
        with pytest.raises(LossError) as caught:
            pcapconv.normalize(source, target, on_loss="fail")
        assert (str(caught.value), target.getvalue()) == (whole, b"")
        assert (caught.value.report.packets_written, caught.value.report.outputs) == (0, [])
        with pytest.raises(LossError):
            check(io.BytesIO(capture), on_loss="fail")
        assert normalized(capture, on_loss="fail", keep="unknown")[1].warnings == []


def test_of_captures_of_packets_nothing_is_said(write: In) -> None:
    """Their options, statistics, names, and what explains packets do not count."""
    process = write.block(0x80000001, write.number(5, 4))
    note = write.custom(wire.CUSTOM_COPY, 32622, wire.number(3, 4))
    counted = write.statistics(0, 5) * 9 + write.names() * 9 + process * 9 + note * 9
    for capture in (with_packets(write, 3, 3), with_packets(write, 1, 1) + counted, with_packets(write, 0, 0)):
        assert normalized(capture, on_loss="fail")[1].warnings == []


# ---------------------------------------------------------------- selecting, editing, splitting

PASSED = [(None, "it holds no packets to select, edit or split, but 4,321 unknown blocks")]


@pytest.mark.parametrize(
    "options",
    [{"packets": "1-10"}, {"first": 3}, {"last": 3}, {"after": "+1s"}, {"snaplen": 9}, {"shift_time": "1s"}],
    ids=str,
)
def test_a_selection_or_edit_without_packets_says_so(write: In, options: dict[str, Any]) -> None:
    out, report = converted(sysdig(write), "pcapng", **options)
    assert (out, reasons(report)) == (sysdig(write), PASSED)


def test_a_split_without_packets_says_so(write: In) -> None:
    (part,), report = parts_and_report(sysdig(write), max_packets=10)
    assert (part, reasons(report)) == (sysdig(write), PASSED)


def test_other_work_needs_no_packets(write: In) -> None:
    for options in ({}, {"capture_comment": ["x"]}, {"strip": ["comments"]}):
        _, report = converted(sysdig(write), "pcapng", **options)
        assert (report.warnings, report.other_blocks) == ([], {"unknown": MOST})
    _, report = converted(with_packets(write, 1, 0), "pcapng", packets="5")
    assert [str(each) for each in report.warnings] == ["packets='5': the capture has 1 packet"]
    _, report = converted(write.section_header() + write.interface() + write.names(), "pcapng", packets="5")
    assert [str(each) for each in report.warnings] == ["packets='5': the capture has 0 packets"]


# ---------------------------------------------------------------- diff


def test_diff_says_what_it_did_not_compare(write: In) -> None:
    a, b = sysdig(write), sysdig(write, 7)
    found = pcapconv.diff(io.BytesIO(a), io.BytesIO(b))
    assert found.same
    assert found.not_compared == ({"unknown": MOST}, {"unknown": MOST})
    said = [each.partition(": ")[2] for each in found.passed_over()]
    assert said == ["none of its 4,321 unknown blocks were compared"] * 2
    found = pcapconv.diff(io.BytesIO(a), io.BytesIO(b), all=True)
    assert (found.same, len(found.headers), list(found.passed_over())) == (False, 14, [])
    assert found.not_compared == ({}, {})


def test_blocks_are_counted_by_kind_and_named_where_they_outnumber_packets(write: In) -> None:
    more = write.custom(wire.CUSTOM_COPY, 32473, b"text") + write.statistics(0, 5)
    one, other = with_packets(write, 2, 1) + more, with_packets(write, 2, 2) + more
    found = pcapconv.diff(io.BytesIO(one), io.BytesIO(other))
    assert found.not_compared == (
        {"unknown": 1, "custom": 1, "statistics": 1},
        {"unknown": 2, "custom": 1, "statistics": 1},
    )
    (said,) = found.passed_over()
    assert said.partition(": ")[2] == "none of its 1 custom block and 2 unknown blocks were compared"


def test_assert_same_capture_warns(write: In, tmp_path: Path) -> None:
    path = tmp_path / "expected.scap"
    path.write_bytes(sysdig(write))
    with pytest.warns(UserWarning, match=r"none of its 4,321 unknown blocks were compared; all=True compares"):
        assert_same_capture(io.BytesIO(sysdig(write, 7)), path)
    with pytest.raises(AssertionError):
        assert_same_capture(io.BytesIO(sysdig(write, 7)), path, all=True)


# ---------------------------------------------------------------- the command


def test_the_commands_say_it(write: In, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    a, b, out, report = (str(tmp_path / name) for name in ("a.scap", "b.scap", "out.pcapng", "report.json"))
    Path(a).write_bytes(sysdig(write))
    Path(b).write_bytes(sysdig(write, 7))

    def status_and_stderr(*arguments: str) -> tuple[int, list[str]]:
        status = cli.run(list(arguments))
        return status, capfd.readouterr().err.splitlines()

    compared = "none of its 4,321 unknown blocks were compared; --all compares them"
    assert status_and_stderr("diff", a, b) == (0, [f"pcapconv: warning: {name}: {compared}" for name in (a, b)])
    assert status_and_stderr("diff", a, b, "--all") == (1, [])
    advice = "; --keep unknown keeps them"
    assert status_and_stderr("normalize", a, out, "--report", report) == (
        0,
        [f"pcapconv: warning: {a}: {LEFT}{advice}"],
    )
    found = json.loads(Path(report).read_text())
    assert (found["left_out"], found["other_blocks"]) == ({"unknown": MOST}, {"unknown": MOST})
    assert found["warnings"] == [{"offset": None, "reason": f"{LEFT}{advice}", "input": None}]
    refused = (4, [f"pcapconv: {a}: {LEFT}{advice}; nothing was written"])
    assert status_and_stderr("normalize", a, str(tmp_path / "none.pcapng"), "--on-loss", "fail") == refused
    passed = f"pcapconv: warning: {a}: {PASSED[0][1]}"
    assert status_and_stderr("convert", a, out, "--force", "--packets", "1-10") == (0, [passed])
    assert status_and_stderr("split", a, str(tmp_path / "{index}.pcapng"), "--max-packets", "9") == (0, [passed])
    assert status_and_stderr("normalize", "--in-place", a) == (
        0,
        [f"pcapconv: warning: {a}: {LEFT}{advice}", f"pcapconv: {a}: rewritten"],
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "00001.pcapng",
        "a.scap",
        "b.scap",
        "out.pcapng",
        "report.json",
    ]
