"""`pcapconv normalize` on the command line: statuses, messages, --check and --in-place."""

import json
import os
import subprocess
from pathlib import Path

import pytest
import wire
from command_line import COMMAND, CommandResult, error_lines
from normalize_command import FINE, NORMAL, OTHER, Here
from normalize_command import here as here
from wire import BIG, In

REASONS = "it is big-endian; times count in 10^-6 s, not in nanoseconds"
PCAP = wire.pcap_header(wire.NANOSECONDS, snaplen=262144) + wire.pcap_record(0, 2000, b"one")
MICROSECONDS = wire.pcap_header(snaplen=262144) + wire.pcap_record(0, 2, b"one")
SIMPLE = wire.section_header() + wire.interface() + wire.simple_packet(b"one")
LAST = wire.enhanced_packet(0, 3000, b"last!")
TEXT = b"Dear reader, this is text\n"


def run_normalize(*arguments: str | Path, stdin: bytes = b"", folder: Path | None = None) -> tuple[int, bytes, str]:
    """Run the installed command. A file that it forgets to close is a warning on stderr."""
    done = subprocess.run(
        [COMMAND, "normalize", *arguments],
        input=stdin,
        capture_output=True,
        timeout=60,
        cwd=folder,
        env=os.environ | {"PYTHONWARNINGS": "default::ResourceWarning"},
    )
    return done.returncode, done.stdout, done.stderr.decode()


def is_untouched(path: Path) -> tuple[int, int, bytes]:
    there = path.stat()
    return there.st_mtime_ns, there.st_ino, path.read_bytes()


# ---------------------------------------------------------------- IN OUT


def test_status_0_and_silence(here: Here) -> None:
    source = here.file("in.pcapng", OTHER)
    assert here(source, "out.pcapng") == CommandResult(0, b"", "")
    assert Path("out.pcapng").read_bytes() == NORMAL
    assert here("out.pcapng", "again") == CommandResult(0, b"", "")
    assert Path("again").read_bytes() == NORMAL


def test_the_installed_command_on_standard_streams(tmp_path: Path) -> None:
    assert run_normalize("-", "-", stdin=OTHER, folder=tmp_path) == (0, NORMAL, "")
    assert run_normalize("-", "-", "--to", "pcap", "--strip", "comments", stdin=OTHER, folder=tmp_path) == (0, PCAP, "")
    assert run_normalize("--check", "-", stdin=NORMAL, folder=tmp_path) == (0, b"", "")
    assert run_normalize("--check", "-", stdin=OTHER, folder=tmp_path) == (
        1,
        b"",
        error_lines(f"-: not in its normal form: {REASONS}"),
    )


def test_every_option(here: Here) -> None:
    source = here.file("in.pcapng", OTHER + In(BIG).enhanced_packet(0, 1, b"two"))
    options = ["--sort", "--rebase-time", "1", "--keep", "host,custom", "--keep", "unknown", "--strip", "comments"]
    assert here(source, "out.pcapng", *options) == CommandResult(0, b"", "")
    assert Path("out.pcapng").read_bytes() == (
        NORMAL[: -len(wire.enhanced_packet(0, 0, b"one", options=wire.options((1, b"c"))))]
        + wire.enhanced_packet(0, 10**9, b"two")
        + wire.enhanced_packet(0, 10**9 + 1000, b"one")
    )
    assert here(source, "out.pcapng", "--force", "--mask-time", "--strip", "comments") == CommandResult(0, b"", "")
    assert [each.ticks for each in wire.read_pcapng(Path("out.pcapng").read_bytes())] == [10**6, 2 * 10**6]


def test_an_output_that_exists_is_kept(here: Here) -> None:
    source, out = here.file("in.pcapng", OTHER), here.file("out.pcapng", b"old")
    says = error_lines("out.pcapng: exists already; --force replaces it")
    assert here(source, out.name) == CommandResult(1, b"", says)
    assert out.read_bytes() == b"old"
    assert here(source, source, "--force") == CommandResult(0, b"", "")
    assert source.read_bytes() == NORMAL


def test_the_report(here: Here) -> None:
    assert here(here.file("in.pcapng", OTHER + OTHER), "out.pcapng", "--report", "report.json") == CommandResult(
        0, b"", ""
    )
    report = json.loads(Path("report.json").read_text())
    assert (report["packets_read"], report["packets_written"], report["target_format"]) == (2, 2, "pcapng")
    assert (report["losses"], report["damage"]) == ({}, [])


@pytest.mark.parametrize("arguments", [["in.pcapng"], ["in.pcapng", "a", "b"]], ids=len)
def test_status_2_for_another_number_of_files(here: Here, arguments: list[str]) -> None:
    here.file("in.pcapng", OTHER)
    says = error_lines("give IN and OUT; or files and directories, with --check or --in-place")
    assert here(*arguments) == CommandResult(2, b"", says)


def test_status_2_without_files_and_for_options_that_are_none(here: Here) -> None:
    assert here().status == 2
    assert here("a", "b", "--hosts").status == 2
    assert here("a", "b", "--on-loss", "perhaps").status == 2
    assert here("a", "b", "--keep", "hosts") == CommandResult(
        2,
        b"",
        error_lines(
            "--keep hosts: the kinds are comments, names, statistics, secrets, custom, unknown, host, addresses"
        ),
    )


def test_status_1_for_what_is_not_there(here: Here) -> None:
    assert here("none", "out") == CommandResult(1, b"", error_lines("none: cannot open: no such file or directory"))
    assert here("--check", "none") == CommandResult(1, b"", error_lines("none: cannot open: no such file or directory"))


def test_status_1_for_times_that_are_refused(here: Here) -> None:
    source = here.file("fine.pcapng", FINE)
    says = f"{source}: packet 1: its time has digits finer than a nanosecond; --on-loss ignore cuts them"
    assert here(source, "out.pcapng") == CommandResult(1, b"", error_lines(says))
    assert not Path("out.pcapng").exists()
    assert here("--check", source) == here("--in-place", source) == CommandResult(1, b"", error_lines(says))
    assert source.read_bytes() == FINE
    assert here(source, "out.pcapng", "--on-loss", "ignore") == CommandResult(0, b"", "")
    assert here("--check", "out.pcapng") == CommandResult(0, b"", "")


def test_status_3_for_damage_and_1_when_strict(here: Here) -> None:
    source = here.file("cut.pcapng", OTHER + OTHER[:-8])
    done = here(source, "out.pcapng")
    assert (done.status, done.out) == (3, b"")
    assert done.err.startswith(f"pcapconv: warning: {source}: offset ")
    assert Path("out.pcapng").read_bytes() == NORMAL
    assert here(source, "strict.pcapng", "--strict").status == 1
    assert not Path("strict.pcapng").exists()


def test_losses_are_said_or_refused(here: Here) -> None:
    source = here.file("in.pcapng", SIMPLE)
    rest = "--report FILE has the counts, --on-loss fail refuses"
    lost = "1 packet without a time, written with time 0"
    says = error_lines(f"warning: out.pcapng: pcapng cannot hold {lost}; {rest}")
    assert here(source, "out.pcapng") == CommandResult(0, b"", says)
    assert here(source, "quiet.pcapng", "--on-loss", "ignore") == CommandResult(0, b"", "")
    refusal = error_lines(f"{source}: pcapng cannot hold {lost}; nothing was written")
    assert here(source, "none.pcapng", "--on-loss", "fail") == CommandResult(4, b"", refusal)
    assert not Path("none.pcapng").exists()
    check = error_lines(f"{source}: pcapng cannot hold {lost}")  # without "nothing was written"
    assert here("--check", source, "--on-loss", "fail") == CommandResult(4, b"", check)


def test_several_link_types_in_pcap_get_advice_that_helps(here: Here) -> None:
    packets = wire.enhanced_packet(0, 1, b"one") + wire.enhanced_packet(1, 2, b"two")
    source = here.file("in.pcapng", wire.section_header() + wire.interface() + wire.interface(wire.RAW_IP) + packets)
    done = here(source, "out.pcap")
    assert (done.status, done.out) == (1, b"")
    assert "; pcapng (--to pcapng) holds them all, and pcapconv split --by link-type writes a file for each" in done.err
    assert "--interface" not in done.err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--check", "--in-place", "x"], "--check writes nothing, --in-place does; give one of them"),
        (["--check", "--report", "r", "x"], "--report is for IN and OUT"),
        (["--in-place", "--force", "x"], "--force is for IN and OUT"),
        (
            ["in", "out", "--report", "out"],
            "--report out: that is another file of the same run; give it a name of its own",
        ),
    ],
)
def test_options_that_exclude_each_other(here: Here, arguments: list[str], says: str) -> None:
    assert here(*arguments) == CommandResult(2, b"", error_lines(says))
    assert os.listdir() == ["pyproject.toml"]


# ---------------------------------------------------------------- --check


def test_check_says_the_reasons_and_writes_nothing(here: Here) -> None:
    normal, other = here.file("a.pcapng", NORMAL), here.file("b.pcapng", OTHER)
    before = is_untouched(normal), is_untouched(other)
    assert here("--check", normal) == CommandResult(0, b"", "")
    assert here("--check", other) == CommandResult(1, b"", error_lines(f"{other}: not in its normal form: {REASONS}"))
    assert here("--check", other, normal, "--quiet").status == 1
    assert (is_untouched(normal), is_untouched(other)) == before
    assert sorted(os.listdir()) == ["a.pcapng", "b.pcapng", "pyproject.toml"]


def test_check_goes_by_the_options(here: Here) -> None:
    path = here.file("a.pcapng", NORMAL)
    assert here("--check", path, "--strip", "comments") == CommandResult(
        1, b"", error_lines(f"{path}: not in its normal form: it has 1 comment")
    )
    assert here("--check", path, "--to", "pcap") == CommandResult(
        1, b"", error_lines(f"{path}: not in its normal form: it is pcapng, not pcap")
    )
    assert here("--check", path, "--rebase-time", "0.000002") == CommandResult(0, b"", "")


def test_check_goes_by_the_suffix(here: Here) -> None:
    good, bad, strange = here.file("a.pcap", PCAP), here.file("b.cap", NORMAL), here.file("c.golden", PCAP)
    assert here("--check", good) == CommandResult(0, b"", "")
    assert here("--check", bad) == CommandResult(
        1, b"", error_lines(f"{bad}: not in its normal form: it is pcapng, not pcap")
    )
    assert here("--check", strange) == CommandResult(
        1, b"", error_lines(f"{strange}: not in its normal form: it is pcap, not pcapng")
    )


def test_check_says_what_times_are_wrong(here: Here) -> None:
    late = wire.enhanced_packet(0, 1000, b"two")
    path = here.file("a.pcapng", NORMAL + late)
    because = f"{path}: not in its normal form: "
    assert here("--check", path, "--rebase-time", "1").err == error_lines(
        because + "its first packet is at 1970-01-01T00:00:00.000002000Z, not at 1970-01-01T00:00:01.000000000Z"
    )
    assert here("--check", path, "--sort").err == error_lines(
        because + "its packets are not in the order of their times"
    )
    assert "other times, another order" in here("--check", path, "--mask-time").err


def test_check_of_several_says_all(here: Here) -> None:
    for name, data in {
        "d/1": OTHER,
        "d/2": NORMAL,
        "d/sub/3": TEXT,
        "d/sub/4": OTHER,
        "e": OTHER[:-8],
        "f": TEXT,
    }.items():
        here.file(name, data)
    done = here("--check", "d", "e", "f", "d/2")
    assert done.status == 1
    lines = done.err.splitlines()
    assert lines[:2] == [
        f"pcapconv: d/1: not in its normal form: {REASONS}",
        f"pcapconv: d/sub/4: not in its normal form: {REASONS}",
    ]
    assert lines[2].startswith("pcapconv: warning: e: offset ")
    assert lines[3] == f"pcapconv: e: not in its normal form: {REASONS}"
    assert lines[4].startswith("pcapconv: f: not a pcap or pcapng capture, it begins with ")
    assert len(lines) == 5


def test_a_directory_without_captures_is_one_only_where_that_is_allowed(here: Here) -> None:
    here.file("d/readme.md", TEXT)
    here.file("d/empty", b"")
    here.file("e/a", NORMAL)
    failed = CommandResult(1, b"", error_lines("d: no capture was found; --allow-empty lets that pass"))
    assert here("--check", "d") == here("--check", "e", "d") == here("--in-place", "d") == failed
    allowed = CommandResult(0, b"", error_lines("warning: d: no capture was found"))
    assert here("--check", "d", "--allow-empty") == here("--in-place", "d", "--allow-empty") == allowed
    assert here("e/a", "out.pcapng", "--allow-empty").status == 2


@pytest.mark.parametrize("suffix", [".pcap", ".CAP", ".pcapng", ".ntar"])
def test_a_file_in_a_directory_that_is_named_like_a_capture_and_is_none_fails(here: Here, suffix: str) -> None:
    here.file(f"d/a{suffix}", TEXT)
    here.file("d/b", NORMAL)
    done = here("--check", "d")
    assert (done.status, done.err.count("\n")) == (1, 1)
    assert done.err.startswith(error_lines(f"d/a{suffix}: not a pcap or pcapng capture, it begins with '")[:-1])
    assert here("--in-place", "d") == done


# ---------------------------------------------------------------- --in-place


def test_in_place_rewrites_what_is_not_normal(here: Here) -> None:
    normal, other = here.file("d/a.pcapng", NORMAL), here.file("d/sub/b.pcapng", OTHER)
    pcap, text = here.file("d/c.pcap", MICROSECONDS), here.file("d/text.txt", TEXT)
    before = is_untouched(normal), is_untouched(text)
    assert here("--in-place", "d") == CommandResult(
        0, b"", error_lines("d/c.pcap: rewritten", "d/sub/b.pcapng: rewritten")
    )
    assert (other.read_bytes(), pcap.read_bytes()) == (NORMAL, PCAP)
    assert (is_untouched(normal), is_untouched(text)) == before
    after = is_untouched(other), is_untouched(pcap)
    assert here("--in-place", "d") == here("--check", "d") == CommandResult(0, b"", "")
    assert (is_untouched(other), is_untouched(pcap)) == after
    assert sorted(path.name for path in Path("d").rglob("*") if path.is_file()) == [
        "a.pcapng",
        "b.pcapng",
        "c.pcap",
        "text.txt",
    ]


def test_in_place_keeps_permissions_and_can_be_quiet(here: Here) -> None:
    path = here.file("a.pcapng", OTHER)
    path.chmod(0o640)
    assert here("--in-place", path, "-q") == CommandResult(0, b"", "")
    assert (path.stat().st_mode & 0o777, path.read_bytes()) == (0o640, NORMAL)


def test_in_place_of_several_goes_on_after_trouble(here: Here) -> None:
    here.file("1.pcapng", OTHER[:-8])
    here.file("2.pcapng", TEXT)
    here.file("3.pcapng", FINE)
    here.file("4.pcapng", OTHER)
    here.file("5.pcapng", b"")
    names = [f"{number}.pcapng" for number in range(1, 6)]
    before = [is_untouched(Path(name)) for name in names if name[0] != "4"]
    done = here("--in-place", *names)
    assert done.status == 1
    assert [line.split(": ")[1] for line in done.err.splitlines()] == names
    assert "4.pcapng: rewritten" in done.err
    assert Path("4.pcapng").read_bytes() == NORMAL
    assert [is_untouched(Path(name)) for name in names if name[0] != "4"] == before


def test_a_damaged_file_is_not_rewritten_in_a_directory_either(here: Here) -> None:
    path = here.file("d/cut.pcap", PCAP + b"cut off")
    before = is_untouched(path)
    for options in (["--in-place"], ["--check", "--strict"]):
        done = here(*options, "d")
        assert done.status == 1
        assert done.err.startswith(f"pcapconv: d/cut.pcap: damaged, and left as it is: offset {len(PCAP)} (packet 2): ")
    assert is_untouched(path) == before


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (NORMAL + LAST[:-8], 3),
        (NORMAL + LAST[:-8] + LAST, 3),
        (NORMAL + wire.block(6, bytes(8)) + LAST, 3),
        (NORMAL + wire.block(6, bytes(8)) * 1001 + LAST, 3),
        (NORMAL + wire.block(6, bytes(8)) + wire.interface() + LAST, 1),
        (OTHER + OTHER[:-8], 1),
        (wire.section_header() + wire.interface() + LAST[:-8], 1),
    ],
    ids=[
        "cut off",
        "a block cut short",
        "a block too short",
        "many",
        "not normal behind it",
        "not normal",
        "no packet",
    ],
)
def test_check_of_a_damaged_capture_judges_what_could_be_read(here: Here, data: bytes, status: int) -> None:
    path = here.file("a.pcapng", data)
    before = is_untouched(path)
    done = here("--check", path)
    assert (done.status, done.out) == (status, b"")
    assert done.err.startswith(f"pcapconv: warning: {path}: offset ")
    assert (f"{path}: not in its normal form: " in done.err) == (status == 1)
    assert here("--check", path, here.file("fine.pcapng", NORMAL)).status == status
    assert here("--check", path, here.file("other.pcapng", OTHER)).status == 1
    assert is_untouched(path) == before


def test_check_names_the_offset_behind_a_damaged_place(here: Here) -> None:
    broken, padded = wire.block(6, bytes(8)), bytearray(LAST)
    padded[-5] ^= 1  # the padding, which the normal form has as zero
    path = here.file("a.pcapng", NORMAL + broken + padded)
    where = len(NORMAL + broken) + len(LAST) - 5
    assert here("--check", path).err.splitlines()[-1] == (
        f"pcapconv: {path}: not in its normal form: its bytes differ from offset {where} on: "
        "other times, another order, padding or repetition"
    )


def test_links(here: Here) -> None:
    """One that is named leads to its file, and stays; in directories they are not followed."""
    inside, outside = here.file("d/a.pcapng", OTHER), here.file("out/b.pcapng", OTHER)
    Path("d/in").symlink_to("a.pcapng")
    Path("d/out").symlink_to(outside)
    Path("d/folder").symlink_to(outside.parent)
    Path("d/nowhere").symlink_to("none")
    assert here("--in-place", "d") == CommandResult(0, b"", error_lines("d/a.pcapng: rewritten"))
    assert (inside.read_bytes(), outside.read_bytes()) == (NORMAL, OTHER)
    assert here("--in-place", "d/out") == CommandResult(0, b"", error_lines("d/out: rewritten"))
    assert outside.read_bytes() == NORMAL
    assert Path("d/out").is_symlink()
    assert here("--check", "d/nowhere") == CommandResult(
        1, b"", error_lines("d/nowhere: cannot open: no such file or directory")
    )


def test_in_place_of_stdin_makes_no_sense(tmp_path: Path) -> None:
    assert run_normalize("--in-place", "-", stdin=OTHER, folder=tmp_path) == (
        2,
        b"",
        error_lines("--in-place: stdin cannot be rewritten; give IN and OUT"),
    )


def test_in_place_says_what_is_lost(here: Here) -> None:
    """Nothing is lost silently: neither times that a packet never had, nor what the format of the suffix lacks."""
    simple, comments = here.file("simple.pcapng", SIMPLE), here.file("comments.pcap", NORMAL)
    done = here("--in-place", simple)
    assert done.status == 0
    assert f"pcapconv: warning: {simple}: pcapng cannot hold 1 packet without a time" in done.err
    done = here("--in-place", comments)
    assert done.status == 0
    assert f"pcapconv: warning: {comments}: pcap cannot hold 1 comment" in done.err


def test_in_place_refuses_losses_when_it_is_told_to(here: Here) -> None:
    path = here.file("simple.pcapng", SIMPLE)
    before = is_untouched(path)
    assert here("--in-place", path, "--on-loss", "fail").status == 4
    assert is_untouched(path) == before


def test_what_is_named_and_no_plain_file_is_not_passed_over(here: Here) -> None:
    """Else a check of what a shell puts there, <(...), would succeed unseen."""
    done = here("--check", "/dev/null")
    assert done.status == 1
    assert done.err.startswith("pcapconv: /dev/null: ")


def test_a_directory_that_cannot_be_read_is_no_success(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    here.file("d/a.pcapng", NORMAL)
    here.file("d/secret/b.pcapng", OTHER)
    scandir = os.scandir

    def refuse(path: str) -> object:
        if os.fspath(path).rstrip("/").endswith("secret"):
            raise PermissionError(13, "Permission denied")
        return scandir(path)

    monkeypatch.setattr(os, "scandir", refuse)
    done = here("--check", "d")
    assert done.err == error_lines("d/secret: cannot open: permission denied")
    assert done.status == 1


def test_names_are_shown_without_control_characters(here: Here) -> None:
    here.file("a\n\x1b[31m.pcapng", OTHER)
    assert here("--check", ".").err == error_lines(f"./a\\x0a\\x1b[31m.pcapng: not in its normal form: {REASONS}")
