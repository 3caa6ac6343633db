"""Selecting and editing on the command line: what is written, said, refused, and left as it was."""

import json
import re
from pathlib import Path
from typing import Any

import pytest
import wire
from command_line import run_command, run_in_process
from conversions import converted
from nonsense import REFUSED, on_command_line

from pcapconv.text import shown

FOLDER = Path(__file__).parent / "samples"
WEB = FOLDER / "web.pcapng"
DO_NOT_COPY = FOLDER / "do-not-copy-le.pcapng"


LINES: list[tuple[str, dict[str, Any]]] = [
    ("--after +0.002s --before +1s", {"after": "+0.002s", "before": "+1s"}),
    ("--packets 1-3,7,20-", {"packets": "1-3,7,20-"}),
    ("--drop-packets 2- --invert", {"drop_packets": "2-", "invert": True}),
    ("--first 9 --last 4", {"first": 9, "last": 4}),
    ("--interface lo --interface 0:0", {"interface": ["lo", "0:0"]}),
    ("--comment-matches (?i)LINKS", {"comment_matches": "(?i)LINKS"}),
    ("--direction out", {"direction": "out"}),
    ("--snaplen 64 --chop 14 --chop -2", {"snaplen": 64, "chop": [14, -2]}),
    ("--chop=-2 --shift-time -1h30m", {"chop": [-2], "shift_time": "-1h30m"}),
    ("--packet-comment 2:a --packet-comment 1:b:c", {"packet_comment": ["2:a", "1:b:c"]}),
    ("--last 3 --packet-comment 31:seen --snaplen 60", {"last": 3, "packet_comment": ["31:seen"], "snaplen": 60}),
]


@pytest.mark.parametrize("dashes", [False, True])
@pytest.mark.parametrize(("line", "options"), LINES, ids=[line for line, _ in LINES])
def test_options_are_the_library_s(
    line: str, options: dict[str, Any], dashes: bool, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out.pcapng"
    assert run_in_process(capfd, "convert", *line.split(), *(["--"] if dashes else []), WEB, out)[0] == 0
    assert out.read_bytes() == converted(WEB.read_bytes(), "pcapng", **options)[0]


@pytest.mark.parametrize("line", ["--last 5 --shift-time 1h", "--interface lo --packets 2-9", "--after +2ms"])
def test_pipes(line: str) -> None:
    status, out, err = run_command("convert", "-", "-", "--to", "pcapng", *line.split(), stdin=WEB.read_bytes())
    assert (status, err) == (0, "")
    blocks = [block.block_type for block in wire.read_blocks(out)]
    assert 0 < blocks.count(wire.ENHANCED_PACKET) < 32
    assert out[16:24] == b"\xff" * 8


def test_times_are_utc_wherever_it_runs(tmp_path: Path) -> None:
    written: list[bytes] = []
    for zone in ("UTC", "America/New_York", "Asia/Kathmandu"):
        out = tmp_path / f"{len(written)}.pcap"
        limits = ["--after", "2024-05-01T12:00:00", "--before", "2024-05-01 12:00:01"]
        assert run_command("convert", FOLDER / "micro-le.pcap", out, *limits, "-q", TZ=zone) == (0, b"", "")
        written.append(out.read_bytes())
    assert len(wire.read_pcap(written[0])) == 2
    assert written[1:] == written[:1] * 2


# ---------------------------------------------------------------- refused

LIBRARY_ONLY = re.compile(
    "must be (text|a whole number|an int|a number of packets)|a float is not|once only|not text|UTF-8|dedup_skip=True"
)


@pytest.mark.parametrize(
    ("options", "message"),
    [(options, message) for options, message in REFUSED if not LIBRARY_ONLY.search(message)],
    ids=[message[:40] for _, message in REFUSED if not LIBRARY_ONLY.search(message)],
)
def test_nonsense_is_refused_with_status_2(
    options: dict[str, Any], message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    old, report = tmp_path / "old.pcapng", tmp_path / "report.json"
    old.write_bytes(b"what was there")
    line: list[str] = []
    for name, value in options.items():
        for each in value if isinstance(value, list) else [value]:
            line += [f"--{name.replace('_', '-')}", *([] if each is True else [str(each)])]
    expected = 2, b"", f"pcapconv: {shown(on_command_line(message))}\n"
    assert run_in_process(capfd, "convert", WEB, old, "--force", "--report", report, *line) == expected
    assert run_in_process(capfd, "convert", WEB, tmp_path / "new.pcapng", *line) == expected
    assert [path.name for path in tmp_path.iterdir()] == ["old.pcapng"]
    assert old.read_bytes() == b"what was there"


@pytest.mark.parametrize(
    ("line", "status", "message"),
    [
        ("--after +1s --shift-time 1s", 1, "packet 2: the times of interface 1 of section 0 cannot be determined: "),
        ("--shift-time 1s", 1, "packet 2: the times of interface 1 of section 0 cannot be determined: "),
        ("--packets 1 --shift-time -100000d", 1, "packet 1: shifted, its time would be before the first "),
        ("--before +1s --last 1", 1, "packet 2: the times of interface 1 of section 0 cannot be determined: "),
    ],
)
def test_times_that_cannot_be_are_refused_with_the_file_s_name(
    line: str, status: int, message: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source, out = FOLDER / "time-malformed-be.pcapng", tmp_path / "out.pcapng"
    found, _, err = run_in_process(capfd, "convert", source, out, *line.split())
    assert (found, list(tmp_path.iterdir())) == (status, [])
    assert err.startswith(f"pcapconv: {source}: {message}")
    assert err.count("\n") == 1


def test_an_output_that_is_there_stays_without_force(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.pcapng"
    out.write_bytes(b"what was there")
    for line in (["--first", "1"], ["--last", "1"], ["--interface", "lo"]):
        assert run_in_process(capfd, "convert", WEB, out, *line)[0] == 1
    assert out.read_bytes() == b"what was there"


# ---------------------------------------------------------------- said


def test_nothing_selected_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.pcapng"
    sentence = f"pcapconv: warning: {out}: no packet was selected, it holds none\n"
    assert run_in_process(capfd, "convert", WEB, out, "--before", "2000-01-01") == (0, b"", sentence)
    kinds = [block.block_type for block in wire.read_blocks(WEB.read_bytes())]
    left = [block.block_type for block in wire.read_blocks(out.read_bytes())]
    assert left == [kind for kind in kinds if kind != wire.ENHANCED_PACKET]
    empty = FOLDER / "headers-only-le.pcap"
    assert run_in_process(capfd, "convert", empty, tmp_path / "empty.pcap", "--first", "3") == (0, b"", "")


def test_what_was_left_out_is_said(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.pcapng"
    said = f"pcapconv: warning: {out}: left out 5 blocks and options marked do-not-copy\n"
    assert run_in_process(capfd, "convert", DO_NOT_COPY, out, "--packets", "3") == (0, b"", said)
    simple = tmp_path / "simple.pcapng"
    simple.write_bytes(
        wire.section_header() + wire.interface() + wire.simple_packet(b"x") + wire.enhanced_packet(0, 1, b"")
    )
    said = f"pcapconv: warning: {out}: left out 1 packet without a time\n"
    assert run_in_process(capfd, "convert", simple, out, "--force", "--after", "0") == (0, b"", said)


def test_the_report_has_it_all(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out, path = tmp_path / "out.pcapng", tmp_path / "report.json"
    assert run_in_process(capfd, "convert", DO_NOT_COPY, out, "--packets", "1,3", "--report", path)[0] == 0
    report = json.loads(path.read_text())
    assert (report["packets_read"], report["packets_written"]) == (3, 2)
    assert report["left_out"] == {"do-not-copy": 6}
    assert (report["losses"], report["outputs"]) == ({}, [str(out)])


def test_damage_is_still_status_3(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    cut, out = tmp_path / "cut.pcap", tmp_path / "out.pcap"
    cut.write_bytes((FOLDER / "web.pcap").read_bytes()[:-7])
    for line in (["--last", "2"], ["--packets", "2-"], ["--snaplen", "9"]):
        status, _, err = run_in_process(capfd, "convert", cut, out, "--force", *line)
        assert (status, err.count("\n")) == (3, 1)
        assert run_in_process(capfd, "convert", cut, tmp_path / "none.pcap", "--strict", *line)[0] == 1
    assert sorted(path.name for path in tmp_path.iterdir()) == ["cut.pcap", "out.pcap"]


def test_a_capture_may_replace_itself(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "web.pcapng"
    path.write_bytes(WEB.read_bytes())
    for line in (["--last", "5"], ["--snaplen", "9"], ["--packets", "1"]):
        expected = converted(
            path.read_bytes(), "pcapng", **{line[0][2:]: int(line[1]) if line[0] != "--packets" else line[1]}
        )
        assert run_in_process(capfd, "convert", path, path, "--force", *line) == (0, b"", "")
        assert path.read_bytes() == expected[0]


def test_what_a_capture_says_cannot_reach_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "odd.pcapng"
    path.write_bytes(wire.section_header() + wire.interface(options=wire.options((wire.IF_NAME, b"\x1b[31mred\r\n"))))
    status, _, err = run_in_process(capfd, "convert", path, tmp_path / "out.pcapng", "--interface", "blue\x07")
    assert (status, err.count("\n")) == (2, 1)
    assert not re.search("[\x00-\x09\x0b-\x1f]", err)
