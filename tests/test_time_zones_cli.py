"""`--timezone` in each command: what it selects, names and shows, and the note about times without a zone."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import wire
from batches import nonzero_counts, run_batch
from command_line import error_lines, run_command, run_in_process
from folders import file_names
from normalizing import normalized

import pcapconv
from pcapconv import UsageError

OCTOBER = 1_729_980_000  # 2024-10-26T22:00:00Z: midnight in Berlin, of a day with 25 hours
TIMES = [OCTOBER + 1800 * half for half in range(52)]
MARCH = 1_711_839_600  # midnight in Berlin, of a day with 23 hours
NOTE = (
    "--after 2024-10-27T02:30 is in UTC, and the local zone is CET (+01:00); --timezone local or --timezone UTC says "
    "which you mean"
)


def capture_of(*seconds: int) -> bytes:
    return wire.pcap_header() + b"".join(wire.pcap_record(each, 250_000, b"data") for each in seconds)


@pytest.fixture
def night(tmp_path: Path) -> Path:
    path = tmp_path / "night.pcap"
    path.write_bytes(capture_of(*TIMES))
    return path


def seconds_in(path: Path) -> list[int]:
    return [(packet.ticks or 0) // 10**6 for packet in wire.read_pcap(path.read_bytes())]


# ---------------------------------------------------------------- convert


@pytest.mark.parametrize(
    ("zone", "local"), [("Europe/Berlin", "UTC"), ("local", "Europe/Berlin"), ("local", "CET-1CEST,M3.5.0,M10.5.0/3")]
)
def test_times_are_those_of_the_zone(night: Path, tmp_path: Path, zone: str, local: str) -> None:
    out = tmp_path / "out.pcap"
    limits = ["--after", "2024-10-27 01:30", "--before", "2024-10-27T03:00", "--timezone", zone]
    assert run_command("convert", night, out, *limits, TZ=local) == (0, b"", "")
    assert seconds_in(out) == [OCTOBER + 5400 + 1800 * half for half in range(5)]


def test_editcap_says_the_same_of_the_local_zone(night: Path, tmp_path: Path) -> None:
    for zone in ("Europe/Berlin", "America/St_Johns", "Asia/Kathmandu", "UTC"):
        theirs, ours = tmp_path / "theirs.pcap", tmp_path / "ours.pcap"
        limits = ["2024-10-26 23:30:00", "2024-10-27 18:00:00"]
        subprocess.run(
            ["editcap", "-F", "pcap", "-A", limits[0], "-B", limits[1], night, theirs],
            check=True,
            capture_output=True,
            env=os.environ | {"TZ": zone},
        )
        options = ["--after", limits[0], "--before", limits[1], "--timezone", "local"]
        assert run_command("convert", "-f", night, ours, *options, TZ=zone) == (0, b"", "")
        assert seconds_in(ours) == seconds_in(theirs) != []


def test_all_digits_stay(tmp_path: Path) -> None:
    source, out = tmp_path / "in.pcapng", tmp_path / "out.pcapng"
    ticks = [OCTOBER * 10**9 + nanosecond for nanosecond in (0, 1, 2)]
    options = wire.options((wire.IF_TSRESOL, b"\t"))
    head = wire.section_header() + wire.interface(options=options)
    source.write_bytes(head + b"".join(wire.enhanced_packet(0, each, b"x") for each in ticks))
    pcapconv.convert(source, out, after="2024-10-27T00:00:00.000000001", timezone="Europe/Berlin")
    assert [packet.ticks for packet in wire.read_pcapng(out.read_bytes())] == ticks[1:]


# ---------------------------------------------------------------- the note


@pytest.mark.parametrize("command", ["convert", "split"])
def test_a_note_says_that_a_time_is_in_utc(night: Path, tmp_path: Path, command: str) -> None:
    limits = ["--after", "2024-10-27T02:30", "--before", "2024-10-27T04:00"]
    more = ["--max-packets", "100"] if command == "split" else []
    result = run_command(command, night, tmp_path / "out.pcap", *limits, *more, TZ="Europe/Berlin")
    assert result == (0, b"", error_lines(NOTE))
    assert seconds_in(next(tmp_path.glob("out*"))) == [OCTOBER + 16200 + 1800 * half for half in range(3)]


def test_normalize_has_the_note(night: Path, tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    result = run_command("normalize", night, out, "--rebase-time", "2024-07-01", TZ="Asia/Kathmandu")
    assert result.err == error_lines(
        "--rebase-time 2024-07-01 is in UTC, and the local zone is +0545 (+05:45); --timezone local or --timezone UTC "
        "says which you mean"
    )


@pytest.mark.parametrize(
    ("zone", "options"),
    [
        ("UTC", ["--after", "2024-10-27T02:30"]),
        ("Etc/UTC", ["--after", "2024-10-27T02:30"]),
        ("Europe/London", ["--after", "2024-10-27T02:30"]),  # where it is the same time
        ("Europe/Berlin", ["--after", "2024-10-27T02:30", "-q"]),
        ("Europe/Berlin", ["--after", "2024-10-27T02:30", "--timezone", "UTC"]),
        ("Europe/Berlin", ["--after", "2024-10-27T02:30Z"]),
        ("Europe/Berlin", ["--after", "2024-10-27T03:30+01:00"]),
        ("Europe/Berlin", ["--after", "1729996200"]),
        ("Europe/Berlin", ["--after", "+4h30m"]),
        ("Europe/Berlin", ["--packets", "10-"]),
        ("Europe/Berlin", []),
    ],
)
def test_there_is_no_note_where_nothing_is_in_doubt(night: Path, tmp_path: Path, zone: str, options: list[str]) -> None:
    assert run_command("convert", night, tmp_path / "out.pcap", *options, TZ=zone) == (0, b"", "")


def test_batches_and_python_print_no_note(night: Path, tmp_path: Path) -> None:
    options = ["--after", "2024-10-27T02:30", "--jobs", "1"]
    result = run_command("batch", night, tmp_path / "out", *options, TZ="Europe/Berlin")
    assert result.status == 0
    assert "--timezone" not in result.err
    code = f"import pcapconv; pcapconv.convert({os.fspath(night)!r}, 'out.pcap', after='2024-10-27T02:30')"
    environment = os.environ | {"TZ": "Europe/Berlin"}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, check=True)
    assert (done.stdout, done.stderr) == (b"", b"")


# ---------------------------------------------------------------- split


def split_names(folder: Path, capture: bytes, template: str, **options: Any) -> dict[str, int]:
    """The names of the parts, and how many packets each has."""
    source = folder / "in.pcap"
    source.write_bytes(capture)
    (folder / "out").mkdir()
    report = pcapconv.split(source, folder / "out" / template, align=True, timezone="Europe/Berlin", **options)
    assert report.parts is not None
    assert sorted(os.path.basename(part["name"]) for part in report.parts) == file_names(folder / "out")
    return {os.path.basename(part["name"]): part["packets"] for part in report.parts}


def test_hours_of_a_day_with_25(tmp_path: Path) -> None:
    names = split_names(tmp_path, capture_of(*TIMES), "%d-%H.pcap", interval="1h")
    hours = ["00", "01", "02+0200", "02+0100", *(f"{hour:02}" for hour in range(3, 24))]
    assert names == {f"27-{hour}.pcap": 2 for hour in hours} | {"28-00.pcap": 2}


def test_hours_of_a_day_with_23(tmp_path: Path) -> None:
    names = split_names(tmp_path, capture_of(*(MARCH + 1800 * half for half in range(46))), "%d-%H.pcap", interval="1h")
    assert names == {f"31-{hour:02}.pcap": 2 for hour in range(24) if hour != 2}


@pytest.mark.parametrize(
    ("interval", "parts"),
    [
        ("1d", {"27-00.pcap": 50, "28-00.pcap": 2}),
        ("6h", {"27-00.pcap": 6, "27-02+0100.pcap": 8, "27-06.pcap": 12, "27-12.pcap": 12, "27-18.pcap": 12}),
    ],
)
def test_longer_parts(tmp_path: Path, interval: str, parts: dict[str, int]) -> None:
    capture = capture_of(*TIMES[: sum(parts.values())])
    assert split_names(tmp_path, capture, "%d-%H.pcap", interval=interval) == parts


def test_a_number_tells_the_hours_apart(tmp_path: Path) -> None:
    names = split_names(tmp_path, capture_of(*TIMES[4:8]), "{index:1}-%H.pcap", interval="1h")
    assert names == {"1-02.pcap": 2, "2-02.pcap": 2}


def test_parts_of_two_hours_in_any_order_and_unit(tmp_path: Path) -> None:
    """The same with times that go back and forth, in pcapng, and with an offset."""
    options = wire.options((wire.IF_TSOFFSET, OCTOBER.to_bytes(8, "little")), (wire.IF_TSRESOL, b"\x83"))
    capture = wire.section_header() + wire.interface(options=options)
    seconds = [7200, 10800, 10799, 7199, 14400, 14399]
    capture += b"".join(wire.enhanced_packet(0, each * 8, b"x") for each in seconds)
    names = split_names(tmp_path, capture, "%H.pcapng", interval="1h")
    assert names == {"01.pcapng": 1, "02+0200.pcapng": 2, "02+0100.pcapng": 2, "03.pcapng": 1}


def test_the_report_has_the_times_of_parts_in_the_zone(night: Path, tmp_path: Path) -> None:
    options = ["--max-packets", "52", "--timezone", "Europe/Berlin", "--report", "-"]
    _, out, _ = run_command("split", night, tmp_path / "{start}.pcap", *options)
    (part,) = json.loads(out)["parts"]
    assert os.path.basename(part["name"]) == "20241027T000000.pcap"
    assert (part["first_time"], part["last_time"]) == (
        "2024-10-27T00:00:00.250000+02:00",
        "2024-10-28T00:30:00.250000+01:00",
    )


# ---------------------------------------------------------------- info


def test_info_shows_times_in_the_zone(night: Path, capfd: pytest.CaptureFixture[str]) -> None:
    page = run_in_process(capfd, "info", night, "--timezone", "America/New_York").out.decode()
    assert "time            2024-10-26T18:00:00.250000-04:00 to 2024-10-27T19:30:00.250000-04:00 (91,800" in page
    document = json.loads(run_in_process(capfd, "info", night, "--timezone", "Europe/Berlin", "--json").out)
    assert document["first_time"] == document["interfaces"][0]["first_time"] == "2024-10-27T00:00:00.250000+02:00"
    assert document["last_time"] == document["interfaces"][0]["last_time"] == "2024-10-28T00:30:00.250000+01:00"
    text = run_in_process(capfd, "info", night, "--timezone", "Europe/Berlin", "--text").out.decode()
    shown = re.findall(r"^packet \d{4}-\d\d-(\d\dT\d\d:\d\d):00\.250000(\+\d\d:\d\d),", text, re.MULTILINE)
    assert shown[4:8] == [
        ("27T02:00", "+02:00"),
        ("27T02:30", "+02:00"),
        ("27T02:00", "+01:00"),
        ("27T02:30", "+01:00"),
    ]


def test_info_shows_the_times_of_statistics_in_the_zone(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "in.pcapng"
    options = wire.options((wire.ISB_STARTTIME, wire.halves(OCTOBER * 10**6)))
    statistics = wire.statistics(0, OCTOBER * 10**6, options=options)
    path.write_bytes(wire.section_header() + wire.interface() + statistics)
    page = run_in_process(capfd, "info", path, "--timezone", "Europe/Berlin").out.decode()
    assert "isb_starttime 2024-10-27T00:00:00.000000+02:00" in page
    text = run_in_process(capfd, "info", path, "--timezone", "Europe/Berlin", "--text").out.decode()
    assert "Interface Statistics: interface 0 at 2024-10-27T00:00:00.000000+02:00" in text
    assert "isb_starttime 2024-10-27T00:00:00.000000+02:00" in text


def test_info_refuses_an_unknown_zone_once(night: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_in_process(capfd, "info", night, night, "--timezone", "Berlin") == (
        2,
        b"",
        error_lines("--timezone Berlin: no such time zone; write Europe/Berlin"),
    )


# ---------------------------------------------------------------- normalize


def test_the_first_packet_moves_to_a_time_in_the_zone() -> None:
    moved = normalized(capture_of(5, 6), to="pcap", rebase_time="2024-10-27", timezone="Europe/Berlin")
    assert [packet.ticks for packet in wire.read_pcap(moved)] == [OCTOBER * 10**9, (OCTOBER + 1) * 10**9]
    with pytest.raises(UsageError, match="skip this time"):
        normalized(capture_of(5), rebase_time="2024-03-31T02:30", timezone="Europe/Berlin")
    with pytest.raises(UsageError, match="timezone='x': no such time zone"):
        normalized(capture_of(5), timezone="x")


def test_a_project_may_set_the_zone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then there is no note, either."""
    monkeypatch.chdir(tmp_path)
    table = '[tool.pcapconv.normalize]\ntimezone = "Europe/Berlin"\nto = "pcap"\n'
    (tmp_path / "pyproject.toml").write_text(table, encoding="utf-8")
    (tmp_path / "in.pcap").write_bytes(capture_of(5))
    line = ["normalize", "in.pcap", "out.pcap", "--rebase-time", "2024-10-27"]
    assert run_command(*line, TZ="America/New_York") == (0, b"", "")
    assert [packet.ticks for packet in wire.read_pcap(Path("out.pcap").read_bytes())] == [OCTOBER * 10**9]
    checked = run_command("normalize", "--check", "out.pcap", "--rebase-time", "2024-10-27", TZ="America/New_York")
    assert (checked.status, checked.err) == (0, "")


# ---------------------------------------------------------------- batch


def test_targets_of_a_batch_lie_in_days_of_the_zone(night: Path, tmp_path: Path) -> None:
    options: dict[str, Any] = {"template": "{start:%Y-%m-%d}/{stem}.pcap", "timezone": "Europe/Berlin"}
    run_batch([night], tmp_path / "out", **options)
    assert (tmp_path / "out" / "2024-10-27" / "night.pcap").is_file()
    with pytest.raises(UsageError, match=r"timezone='\.\./x': no such time zone; write UTC"):
        run_batch([night], tmp_path / "other", timezone="../x")


def test_a_batch_goes_on_only_with_the_same_times(tmp_path: Path) -> None:
    """What counts in a zone is which times are meant, not how they are written."""
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    (source / "night.pcap").write_bytes(capture_of(*TIMES))

    def counts(**options: Any) -> dict[str, int]:
        return nonzero_counts(run_batch(source, out, resume=True, **options))

    assert counts(after="2024-10-27T01:00", timezone="Europe/Berlin") == {"converted": 1}
    assert counts(after="2024-10-27T01:00", timezone="Europe/Berlin") == {"up_to_date": 1}
    assert counts(after="2024-10-26T23:00Z", timezone="Europe/Berlin") == {"up_to_date": 1}
    assert counts(after="2024-10-27T01:00", timezone="America/New_York") == {"converted": 1}
    assert counts(after="2024-10-27T01:00") == {"converted": 1}


def test_a_batch_in_another_local_zone_is_another_batch(night: Path, tmp_path: Path) -> None:
    line = ["--after", "2024-10-27T01:00", "--timezone", "local", "--resume", "--jobs", "1", "-q", "--report", "-"]
    found = []
    for zone in ("Europe/Berlin", "Europe/Berlin", "America/New_York"):
        done = json.loads(run_command("batch", night, tmp_path / "out", *line, TZ=zone).out)
        found.append((done["converted"], done["up_to_date"], done["packets_written"]))
    assert found == [(1, 0, 50), (0, 1, 0), (1, 0, 38)]
