"""How pages look: what is painted on a terminal and nowhere else, columns, and words beside digits."""

import json
import subprocess
import sys
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace

import pytest
import wire
from command_line import COMMAND
from terminals import on_terminal, without_colours

from pcapconv.cli import progress
from pcapconv.cli.terminal import align_columns, wrap_text
from pcapconv.text import display_width
from pcapconv.timestamps import duration_in_words, resolution_in_words

WEB = Path(__file__).parent / "samples" / "web.pcapng"


def printed_by(*arguments: str | Path) -> str:
    """The text that the installed command prints into a pipe."""
    return subprocess.run([COMMAND, *arguments], capture_output=True, timeout=60).stdout.decode()


@pytest.mark.parametrize("columns", [80, 120])
def test_info_is_painted_on_a_terminal_and_fits_it(columns: int) -> None:
    status, seen = on_terminal("stdout", "info", WEB, columns=columns)
    assert status == 0
    lines = seen.splitlines()
    assert lines[0].startswith("\x1b[1m/")
    assert "\x1b[36mpackets\x1b[0m         32 (3,765 bytes captured of 3,765), in order" in lines
    assert max(display_width(without_colours(line)) for line in lines) <= columns
    assert "".join(without_colours(seen).split()) == "".join(printed_by("info", WEB).split())


@pytest.mark.parametrize("environment", [{"NO_COLOR": "1"}, {"TERM": "dumb"}], ids=str)
def test_a_terminal_without_colours_gets_none(environment: dict[str, str]) -> None:
    status, seen = on_terminal("stdout", "info", WEB, environment=environment)
    assert (status, "\x1b" in seen) == (0, False)
    coloured = on_terminal("stdout", "info", WEB, environment={"NO_COLOR": ""})[1]
    assert without_colours(coloured) == seen != coloured


def test_a_pipe_gets_no_colours_and_whole_lines() -> None:
    page = printed_by("info", WEB)
    assert "\x1b" not in page
    (line,) = (line for line in page.splitlines() if line.startswith("to pcap"))
    assert line.endswith("1 statistics block")


def test_durations_and_resolutions_are_said_in_words_beside_the_digits(tmp_path: Path) -> None:
    path = tmp_path / "long.pcapng"
    path.write_bytes(
        wire.section_header()
        + wire.interface()
        + wire.interface(options=wire.options((wire.IF_TSRESOL, b"\x94")))
        + wire.enhanced_packet(0, 0, b"first")
        + wire.enhanced_packet(0, 17_999_000_001, b"last")
    )
    lines = printed_by("info", path).splitlines()
    assert lines[2].endswith("T04:59:59.000001Z (17,999.000001 s, 4 h 59 min)")
    assert lines[5].split()[4:7] == ["10^-6", "(1", "µs)"]
    assert lines[6].split()[4:7] == ["2^-20", "(~954", "ns)"]
    found = json.loads(printed_by("info", path, "--json"))
    assert (found["duration_ns"], found["interfaces"][0]["resolution"]) == (17_999_000_001_000, "10^-6")


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (Fraction(1, 2), "0 s"),
        (59, "59 s"),
        (60, "1 min"),
        (Fraction(180001, 2), "1 d 1 h"),
        (3661, "1 h 1 min"),
        (3601, "1 h"),
        (-17999, "-4 h 59 min"),
        (345_603_700, "4,000 d 1 h"),
    ],
    ids=str,
)
def test_a_duration_in_words(seconds: Fraction | int, words: str) -> None:
    assert duration_in_words(seconds) == words


@pytest.mark.parametrize(
    ("per_second", "words"),
    [
        (1, "1 s"),
        (10**3, "1 ms"),
        (10**4, "100 µs"),
        (10**6, "1 µs"),
        (10**7, "100 ns"),
        (10**9, "1 ns"),
        (10**12, "1 ps"),
        (10**16, ""),
        (2, "500 ms"),
        (2**9, "~1,953 µs"),
        (2**20, "~954 ns"),
        (2**127, ""),
    ],
    ids=str,
)
def test_a_resolution_in_words(per_second: int, words: str) -> None:
    assert resolution_in_words(per_second) == words


def test_text_is_folded_at_spaces_and_where_it_has_none() -> None:
    assert wrap_text("one two three", 7) == ["one two", "three"]
    assert wrap_text("one two three", 8) == ["one two", "three"]
    assert wrap_text("abcdefgh", 3) == ["abc", "def", "gh"]
    assert wrap_text("完了完了", 5) == ["完了", "完了"]
    assert wrap_text("e\u0301" * 4, 3) == ["e\u0301" * 3, "e\u0301"]
    assert wrap_text("any length", None) == ["any length"]
    assert wrap_text("", 5) == [""]


def test_columns_are_as_wide_as_they_are_seen() -> None:
    rows = [("完了", "1", "one two"), ("a", "1,000", "")]

    def paint(text: str, look: str) -> str:
        return f"<{text}>" if look and text else text

    looks = [("", "a", "b"), ("b", "", "")]
    assert [*align_columns(rows, paint, looks, width=None, least=5, right=(1,))] == [
        "完了       <1>  <one two>",
        "<a>      1,000",
    ]
    narrow = [*align_columns([("a", "word " * 5)], paint, [("", "b")], width=10)]  # the last column keeps 20 characters
    assert narrow == ["a  <word word word word>", "   <word >"]


def test_a_page_needs_no_rich(tmp_path: Path) -> None:
    code = (
        "import sys; from pcapconv.cli.info import info; "
        f"info([{str(WEB)!r}], as_json=False); print('rich' in sys.modules, file=sys.stderr)"
    )
    done = subprocess.run([sys.executable, "-P", "-c", code], capture_output=True, text=True, cwd=tmp_path)
    assert done.stderr == "False\n"


def test_text_that_a_terminal_would_obey_is_shown_before_it_is_painted(tmp_path: Path) -> None:
    path = tmp_path / "odd.pcapng"
    name = wire.options((wire.IF_NAME, b"\x1b[31mred"))
    path.write_bytes(wire.section_header() + wire.interface(options=name))
    assert "\\x1b[31mred" in on_terminal("stdout", "info", path)[1]


@pytest.fixture
def two_captures(tmp_path: Path) -> tuple[Path, Path]:
    """Captures of which one byte of the only packet differs, and one byte more is in B; and an interface's name."""
    a, b = tmp_path / "a.pcapng", tmp_path / "b.pcapng"
    named = wire.interface(options=wire.options((wire.IF_NAME, b"\x1b[31m")))
    a.write_bytes(wire.section_header() + wire.interface() + wire.enhanced_packet(0, 1, b"seventeen bytes: x"))
    b.write_bytes(wire.section_header() + named + wire.enhanced_packet(0, 1, b"seventEen bytes: xy"))
    return a, b


def test_diff_marks_the_bytes_that_changed(two_captures: tuple[Path, Path]) -> None:
    done = subprocess.run([COMMAND, "diff", *two_captures], capture_output=True, text=True)
    assert done.stdout.splitlines() == [
        f"A {two_captures[0]}: 1 packet",
        f"B {two_captures[1]}: 1 packet",
        "interface 0:0: if_name is not stated in A, \\x1b[31m in B",
        "packets: 1 changed (bytes 1, lengths 1)",
        "packet 1: bytes, lengths",
        "  A 1970-01-01T00:00:00.000001Z  65:65:6e:20:62:79 → 73:65:76:65:6e:74  0x7465  18 bytes",
        "  B 1970-01-01T00:00:00.000001Z  45:65:6e:20:62:79 → 73:65:76:65:6e:74  0x7465  19 bytes",
        "  A 0000  73 65 76 65 6e 74 65 65 6e 20 62 79 74 65 73 3a  seventeen bytes:",
        "  B 0000  73 65 76 65 6e 74 45 65 6e 20 62 79 74 65 73 3a  seventEen bytes:",
        "                            ^^",
        "  A 0010  20 78                                             x",
        "  B 0010  20 78 79                                          xy",
        "                ^^",
    ]


def test_diff_paints_the_bytes_that_changed_on_a_terminal(two_captures: tuple[Path, Path]) -> None:
    status, seen = on_terminal("stdout", "diff", *two_captures)
    lines = seen.splitlines()
    assert status == 1
    assert lines[0] == f"\x1b[31mA {two_captures[0]}: 1 packet\x1b[0m"
    assert "\x1b[1;7;31m65\x1b[0m" in lines[7]
    assert "\x1b[1;7;32m45\x1b[0m" in lines[8]
    assert "\x1b[1;7;32mE\x1b[0m" in lines[8]
    assert [lines[7].count("\x1b[1;7"), lines[8].count("\x1b[1;7"), "^" in seen] == [2, 2, False]
    assert without_colours(lines[8]) == "  B 0000  73 65 76 65 6e 74 45 65 6e 20 62 79 74 65 73 3a  seventEen bytes:"
    plain = on_terminal("stdout", "diff", *two_captures, environment={"NO_COLOR": "1"})[1]
    assert "\x1b" not in plain
    assert plain.splitlines()[9].strip() == "^^"


# ---------------------------------------------------------------- progress


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that the progress display reads; tests set it."""
    now = [100.0]
    monkeypatch.setattr(progress, "time", SimpleNamespace(monotonic=lambda: now[0]))
    return now


def test_lines_of_progress_say_what_is_done_how_fast_and_what_is_left(
    clock: list[float], capsys: pytest.CaptureFixture[str]
) -> None:
    with progress.BatchProgress(show=True) as tally:
        tally.begin(1234, 10**9)
        for seconds, files, read, failed in ((31, 0, 0, 0), (62, 1, 1_000_000, 1), (123, 1200, 990_000_000, 3)):
            clock[0] = 100.0 + seconds
            tally.update(files, read, failed)
    assert capsys.readouterr().err.splitlines() == [
        "pcapconv: 0 of 1,234 files, 0 bytes of 1.0 GB",
        "pcapconv: 1 of 1,234 files, 1 failed, 1.0 MB of 1.0 GB, 16.1 kB/s, 17 h 12 min left",
        "pcapconv: 1,200 of 1,234 files, 3 failed, 990.0 MB of 1.0 GB, 8.0 MB/s, 1 s left",
    ]


def test_progress_of_one_file_and_of_unknown_sizes(clock: list[float], capsys: pytest.CaptureFixture[str]) -> None:
    with progress.BatchProgress(show=True) as tally:
        tally.begin(1, 0)
        clock[0] = 140.0
        tally.update(0, 4000)
    assert capsys.readouterr().err == "pcapconv: 0 of 1 file, 4.0 kB, 100 bytes/s\n"


@pytest.mark.parametrize("columns", [80, 120])
def test_the_bar_fits_and_is_in_no_colour_of_errors(columns: int) -> None:
    code = (
        "from pcapconv.cli import progress; progress._BAR_DELAY = progress._BAR_INTERVAL = -1.0; import itertools\n"
        "progress.time.monotonic = itertools.count(100.0).__next__\n"
        "with progress.BatchProgress(show=True) as tally:\n"
        "    tally.begin(12345, 10**9); tally.update(1234, 5 * 10**8, 12)"
    )
    status, seen = on_terminal("stderr", "-P", "-c", code, columns=columns, command=sys.executable)
    assert (status, "\x1b[31m" in seen, "\x1b[36m" in seen) == (0, False, True)
    bar = "1,234 of 12,345 files, 12 failed, 500.0 MB of 1.0 GB, 500.0 MB/s, 1 s left"
    lines = [without_colours(line) for line in seen.replace("\r", "\n").splitlines()]
    (drawn,) = {line for line in lines if line}
    assert drawn.endswith(f"━━ {bar}")
    assert display_width(drawn) <= columns
