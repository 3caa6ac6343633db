"""The command `pcapconv merge`, from outside: names, messages, statuses, the report, signals and terminals.

What a merged capture holds is in the tests of the library function.
"""

import gzip
import json
import re
import resource
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import wire
from command_line import (
    COMMAND,
    CommandResult,
    error_lines,
    run_command,
    run_in_process,
    wait_for_handlers,
    wait_until_read,
)
from command_line import signals_stay_as_they_were as signals_stay_as_they_were
from folders import file_names, write_tree
from terminals import on_terminal

import pcapconv
from pcapconv import UsageError
from pcapconv.cli import progress

NANO = (wire.IF_TSRESOL, b"\t")
ETH0 = (wire.IF_NAME, b"eth0")


def pcap(*packets: tuple[int, bytes], link_type: int = wire.ETHERNET, magic: int = wire.MICROSECONDS) -> bytes:
    """A pcap file of packets, each with its time in seconds."""
    header = wire.pcap_header(magic, link_type_word=link_type)
    return header + b"".join(wire.pcap_record(seconds, 0, data) for seconds, data in packets)


def pcapng(*packets: tuple[int, bytes], section: bytes = b"", interface: bytes = b"", before: bytes = b"") -> bytes:
    """A capture of one section with one interface, and packets, each with its time in seconds."""
    blocks = [wire.enhanced_packet(0, seconds * 10**6, data) for seconds, data in packets]
    return wire.section_header(options=section) + wire.interface(options=interface) + before + b"".join(blocks)


ODD, EVEN = pcap((1, b"one"), (3, b"three")), pcapng((2, b"two"), (4, b"four"))
LATE = pcap((6, b"six"), (5, b"five"))
DAMAGED = ODD + b"cut off"


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working directory, with some captures."""
    captures = {"odd.pcap": ODD, "even.pcapng": EVEN, "late.pcap": LATE, "damaged.pcap": DAMAGED}
    monkeypatch.chdir(write_tree(tmp_path, captures))
    return tmp_path


def datas(path: Path) -> list[bytes]:
    """The bytes of the packets of a capture, in order."""
    capture = path.read_bytes()
    read = wire.read_pcapng if capture[:4] == b"\n\r\r\n" else wire.read_pcap
    return [packet.data for packet in read(capture)]


def warnings(*sentences: str) -> str:
    return error_lines(*(f"warning: {sentence}" for sentence in sentences))


def report_of(*arguments: str) -> tuple[int, dict[str, Any], str]:
    done = run_command("merge", *arguments, "--report", "-")
    return done.status, json.loads(done.out), done.err


# ---------------------------------------------------------------- inputs and the output


@pytest.mark.parametrize("names", [("odd.pcap", "even.pcapng"), ("even.pcapng", "odd.pcap")], ids=" ".join)
def test_the_last_name_is_the_output(here: Path, names: tuple[str, ...]) -> None:
    assert run_command("merge", *names, "out.pcapng") == CommandResult(0, b"", "")
    assert datas(here / "out.pcapng") == [b"one", b"two", b"three", b"four"]


def test_append_puts_one_input_behind_the_other(here: Path) -> None:
    assert run_command("merge", "--append", "even.pcapng", "odd.pcap", "out.pcapng") == CommandResult(0, b"", "")
    assert datas(here / "out.pcapng") == [b"two", b"four", b"one", b"three"]
    assert (here / "out.pcapng").read_bytes().startswith(EVEN)
    assert run_command("merge", "even.pcapng", "even.pcapng", "twice.pcapng", "--append").status == 0
    assert (here / "twice.pcapng").read_bytes() == EVEN * 2


def test_equal_interfaces_are_one_unless_they_are_to_be_separate(here: Path) -> None:
    for name in ("a.pcapng", "b.pcapng"):
        (here / name).write_bytes(pcapng((1, name.encode()), interface=wire.options(ETH0)))
    assert run_command("merge", "a.pcapng", "b.pcapng", "one.pcapng").status == 0
    assert len(wire.read_interfaces((here / "one.pcapng").read_bytes())) == 1
    assert run_command("merge", "a.pcapng", "b.pcapng", "two.pcapng", "--separate-interfaces").status == 0
    found = (here / "two.pcapng").read_bytes()
    assert len(wire.read_interfaces(found)) == 2
    assert datas(here / "two.pcapng") == [b"a.pcapng", b"b.pcapng"]
    refused = run_command("merge", "a.pcapng", "b.pcapng", "c.pcapng", "--append", "--separate-interfaces")
    assert refused == CommandResult(
        2, b"", error_lines("--separate-interfaces goes without --append: sections stay whole")
    )


def test_a_file_of_a_directory_that_cannot_be_looked_at_is_no_file_to_pass_over(here: Path) -> None:
    write_tree(here / "dir", {"odd.pcap": ODD})
    (here / "dir" / "loop.pcap").symlink_to("loop.pcap")
    done = run_command("merge", "dir", "out.pcap")
    assert (done.status, done.err) == (1, error_lines("dir/loop.pcap: cannot read: too many levels of symbolic links"))


def test_one_input_makes_one_section_of_several(here: Path) -> None:
    (here / "sections.pcapng").write_bytes(pcapng((2, b"late")) + pcapng((1, b"early")))
    assert run_command("merge", "sections.pcapng", "out.pcapng") == CommandResult(0, b"", "")
    assert datas(here / "out.pcapng") == [b"early", b"late"]
    assert (here / "out.pcapng").read_bytes().count(wire.section_header()[:4]) == 1


@pytest.mark.usefixtures("here")
def test_stdin_and_stdout() -> None:
    done = run_command("merge", "odd.pcap", "-", "-", "--to", "pcap", stdin=pcap((2, b"two"), (4, b"four")))
    assert (done.status, done.err) == (0, "")
    assert [packet.data for packet in wire.read_pcap(done.out)] == [b"one", b"two", b"three", b"four"]
    again = run_command("merge", "-", "-", "out.pcap", stdin=EVEN)
    assert again == CommandResult(2, b"", error_lines("- is stdin, which can be read once; name it once"))
    both = run_command("merge", "odd.pcap", "-", "--to", "pcap", "--report", "-")
    assert both.status == 2
    assert both.err.startswith("pcapconv: - is stdout, and can be only one of the output, --report and ")


def test_a_directory_stands_for_its_captures(here: Path) -> None:
    files = {"b.pcap": pcap((1, b"b")), "a.pcapng": pcapng((1, b"a")), "README": b"text", "below/c.pcap": ODD}
    write_tree(here / "dir", files)
    sentence = "dir: 1 file is no capture, the first is README; name it as an input to see why"
    assert run_command("merge", "-f", "dir", "dir/out.pcapng") == CommandResult(0, b"", warnings(sentence))
    assert datas(here / "dir" / "out.pcapng") == [b"a", b"b"]
    refused = (
        "dir/out.pcapng: it lies in dir, an input, and would be replaced without being read; name it as an input, too, "
        "or write the output to another directory"
    )
    assert run_command("merge", "-f", "dir", "dir/out.pcapng") == CommandResult(2, b"", error_lines(refused))
    assert datas(here / "dir" / "out.pcapng") == [b"a", b"b"]
    assert run_command("merge", "-f", "dir", "dir/out.pcapng", "dir/out.pcapng").status == 0
    assert datas(here / "dir" / "out.pcapng") == [b"a", b"b", b"a", b"b"]
    (here / "empty").mkdir()
    assert run_command("merge", "empty", "out.pcapng") == CommandResult(
        1, b"", error_lines("empty: there is no capture in it; files in directories below it are not read")
    )


def test_the_output_may_be_an_input_with_force(here: Path) -> None:
    refused = run_command("merge", "odd.pcap", "even.pcapng", "late.pcap", "odd.pcap")
    sentence = "odd.pcap: exists already, and is the last name, the file to write; --force replaces it"
    assert refused == CommandResult(1, b"", error_lines(sentence))
    assert (here / "odd.pcap").read_bytes() == ODD
    assert run_command("merge", "odd.pcap", "even.pcapng", "odd.pcap", "--force").status == 0
    assert datas(here / "odd.pcap") == [b"one", b"two", b"three", b"four"]
    assert file_names(here) == ["damaged.pcap", "even.pcapng", "late.pcap", "odd.pcap"]


def test_a_damaged_input_replaces_nothing_with_strict(here: Path) -> None:
    done = run_command("merge", "odd.pcap", "damaged.pcap", "odd.pcap", "-f", "--strict")
    assert (done.status, (here / "odd.pcap").read_bytes()) == (1, ODD)
    assert done.err.startswith(f"pcapconv: damaged.pcap: offset {len(ODD)} (packet 3): ")


# ---------------------------------------------------------------- what is refused

REFUSED = {
    "": (2, "IN and OUT are missing; write: pcapconv merge IN OUT"),
    "odd.pcap": (2, "OUT is missing; write: pcapconv merge odd.pcap OUT"),
    "odd.pcap dir": (1, "dir: is a directory; the last name is the file to write"),
    "odd.pcap none/": (1, "there is no directory none; make it first"),
    "odd.pcap none/out.pcap": (1, "there is no directory none; make it first"),
    "odd.pcap even.pcapng out": (
        2,
        "out: its suffix names no format (.pcap, .cap, .pcapng, .ntar); give --to pcap or --to pcapng",
    ),
    "odd.pcap none.pcap out.pcap": (1, "none.pcap: cannot open: no such file or directory"),
    "odd.pcap text out.pcap": (1, "text: not a pcap or pcapng capture, it begins with 'what is here'"),
    "odd.pcap out.pcapng --packets x": (2, "--packets x: not a packet number or a range of them; write 1-100,250,900-"),
    "odd.pcap out.pcap --packet-comment 1:text": (2, "--packet-comment: pcap cannot hold comments; write pcapng"),
    "odd.pcap even.pcapng out.pcap --report out.pcap": (
        2,
        "--report out.pcap: that is another file of the same run; give it a name of its own",
    ),
    "odd.pcap even.pcapng out.pcap --report even.pcapng -f": (
        2,
        "--report even.pcapng: that is another file of the same run; give it a name of its own",
    ),
    "odd.pcap dir out.pcap --report dir/a.pcap -f": (
        2,
        "--report dir/a.pcap: that is another file of the same run; give it a name of its own",
    ),
    "odd.pcap even.pcapng out.pcap --extract-secrets odd.pcap -f": (
        2,
        "--extract-secrets odd.pcap: that is another file of the same run; give it a name of its own",
    ),
    "dir/ odd.pcap out.pcap --extract-secrets dir/a.pcap -f": (
        2,
        "--extract-secrets dir/a.pcap: that is another file of the same run; give it a name of its own",
    ),
    "odd.pcap even.pcapng out.pcapng --sidecar": (2, "merge has no option --sidecar; pcapconv "),
    "odd.pcap even.pcapng out.pcapng --in-order": (
        2,
        "merge has no option --in-order; pcapconv convert, split, table and show have it",
    ),
}


@pytest.mark.parametrize(("line", "expected"), REFUSED.items())
def test_what_is_refused(line: str, expected: tuple[int, str], here: Path, capfd: pytest.CaptureFixture[str]) -> None:
    write_tree(here, {"text": b"what is here", "dir/a.pcap": ODD})
    before = {path: path.read_bytes() for path in here.rglob("*") if path.is_file()}
    done = run_in_process(capfd, "merge", *line.split())
    status, sentence = expected
    assert (done.status, done.out, done.err.count("\n")) == (status, b"", 1)
    assert done.err.startswith(f"pcapconv: {sentence}")
    assert {path: path.read_bytes() for path in here.rglob("*") if path.is_file()} == before


def test_the_inputs_may_be_any_iterable_but_not_a_single_path(here: Path) -> None:
    report = pcapconv.merge(iter(["odd.pcap", "even.pcapng"]), here / "out.pcapng")  # type: ignore[arg-type]
    assert report.inputs == ["odd.pcap", "even.pcapng"]
    for sources in (here / "odd.pcap", None):
        with pytest.raises(UsageError, match="no list; give a list of paths"):
            pcapconv.merge(sources, here / "none.pcapng")  # type: ignore[arg-type]


def test_key_logs_do_not_replace_a_capture_in_a_directory(tmp_path: Path) -> None:
    secrets = wire.section_header() + wire.secrets(wire.TLS_KEY_LOG, b"key")
    (tmp_path / "a.pcapng").write_bytes(secrets)
    (tmp_path / "odd.pcap").write_bytes(ODD)
    keys = str(tmp_path / "a.pcapng")
    with pytest.raises(UsageError, match="that is another file of the same run"):
        pcapconv.merge([tmp_path], tmp_path / "out.pcapng", extract_secrets=keys, force=True)
    assert (file_names(tmp_path), (tmp_path / "a.pcapng").read_bytes()) == (["a.pcapng", "odd.pcap"], secrets)


def test_a_report_in_a_directory_of_captures_replaces_an_older_one(here: Path) -> None:
    write_tree(here / "dir", {"a.pcap": ODD})
    line = ["merge", "dir", "out.pcap", "--report", "dir/report.json"]
    assert run_command(*line) == CommandResult(0, b"", "")
    sentence = "dir: 1 file is no capture, the first is report.json; name it as an input to see why"
    assert run_command(*line, "--force") == CommandResult(0, b"", warnings(sentence))
    assert json.loads((here / "dir" / "report.json").read_bytes())["inputs"] == ["dir/a.pcap"]


def test_several_link_types_do_not_become_pcap(here: Path) -> None:
    (here / "raw.pcap").write_bytes(pcap((1, b"raw"), link_type=wire.RAW_IP))
    done = run_command("merge", "odd.pcap", "raw.pcap", "out.pcap")
    sentence = "pcapconv: odd.pcap and 1 more: the capture holds packets of 2 link types, and a pcap file holds one "
    assert (done.status, done.err.startswith(sentence)) == (1, True)
    assert "(ETHERNET (1): 2 packets, RAW (101): 1 packet); pcapng (--to pcapng) holds them all" in done.err
    assert run_command("merge", "odd.pcap", "raw.pcap", "out.pcapng") == CommandResult(0, b"", "")


def test_one_input_in_nanoseconds_is_enough(here: Path) -> None:
    (here / "nano.pcap").write_bytes(pcap((5, b"nano"), magic=wire.NANOSECONDS))
    assert run_command("merge", "odd.pcap", "nano.pcap", "out.pcap") == CommandResult(0, b"", "")
    assert wire.read_pcap_header((here / "out.pcap").read_bytes()).magic == wire.NANOSECONDS
    assert run_command("merge", "odd.pcap", "nano.pcap", "-", "--to", "pcap").out == (here / "out.pcap").read_bytes()


@pytest.mark.parametrize("compress", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_many_inputs_that_overlap_need_few_open_files(here: Path, compress: Callable[[bytes], bytes]) -> None:
    starts = range(150)
    names = [f"{start:03}" for start in starts]
    captures = [pcap((start, b"first"), (1000 + start, b"second")) for start in starts]
    write_tree(here / "dir", {name: compress(capture) for name, capture in zip(names, captures)})
    done = subprocess.run(
        [COMMAND, "merge", "dir", "out.pcap"],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64)),
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    times = [packet.ticks for packet in wire.read_pcap((here / "out.pcap").read_bytes())]
    assert times == [second * 10**6 for second in (*starts, *range(1000, 1150))]


# ---------------------------------------------------------------- warnings


def test_an_input_that_is_not_in_order(here: Path) -> None:
    sentence = (
        "late.pcap: packet 2 is earlier than a packet before it; its packets stay where they stand, "
        "and --sort orders all"
    )
    done = run_command("merge", "odd.pcap", "late.pcap", "out.pcap")
    assert done == CommandResult(0, b"", warnings(sentence))
    assert datas(here / "out.pcap") == [b"one", b"three", b"six", b"five"]
    assert run_command("merge", "odd.pcap", "late.pcap", "sorted.pcap", "--sort") == CommandResult(0, b"", "")
    assert datas(here / "sorted.pcap") == [b"one", b"three", b"five", b"six"]


def test_of_many_warnings_some_are_printed(here: Path) -> None:
    names = [f"{number}.pcap" for number in range(8)]
    write_tree(here, dict.fromkeys(names, LATE))
    lines = run_command("merge", *names, "out.pcap").err.splitlines()
    assert [line.split(": ")[2] for line in lines[:5]] == names[:5]
    assert lines[5:] == ["pcapconv: warning: and 3 more like these; --report FILE has them"]


@pytest.mark.parametrize("way", [[], ["--append"]], ids=["by time", "append"])
def test_damage_names_its_input(here: Path, way: list[str]) -> None:
    done = run_command("merge", *way, "even.pcapng", "damaged.pcap", "out.pcapng")
    reason = "7 bytes are left over, a record's header has 16; the text there is 'cut off'; 7 bytes are left out"
    assert done == CommandResult(3, b"", warnings(f"damaged.pcap: offset {len(ODD)} (packet 3): {reason}"))
    assert sorted(datas(here / "out.pcapng")) == [b"four", b"one", b"three", b"two"]


def test_what_pcap_cannot_hold(here: Path) -> None:
    for name in ("a.pcapng", "b.pcapng"):
        comment = wire.options((wire.OPT_COMMENT, name.encode()))
        (here / name).write_bytes(pcapng((1, b"packet"), section=comment))
    done = run_command("merge", "a.pcapng", "b.pcapng", "out.pcap")
    advice = "--report FILE has the counts, --on-loss fail refuses"
    assert done == CommandResult(0, b"", warnings(f"out.pcap: pcap cannot hold 2 comments; {advice}"))
    assert run_command("merge", "a.pcapng", "b.pcapng", "quiet.pcap", "--on-loss", "ignore").err == ""
    refused = run_command("merge", "a.pcapng", "b.pcapng", "none.pcap", "--on-loss", "fail")
    sentence = "a.pcapng and 1 more: pcap cannot hold 2 comments; nothing was written"
    assert refused == CommandResult(4, b"", error_lines(sentence))
    assert not (here / "none.pcap").exists()


def test_what_a_merged_capture_cannot_hold_is_not_the_fault_of_pcapng(here: Path) -> None:
    for name in ("a.pcapng", "b.pcapng"):
        application = wire.options((wire.SHB_USERAPPL, name.encode()))
        (here / name).write_bytes(pcapng((1, b"packet"), section=application))
    done = run_command("merge", "a.pcapng", "b.pcapng", "out.pcapng")
    advice = "--report FILE has the counts, --on-loss fail refuses"
    sentence = f"out.pcapng: the merged capture cannot hold 1 section option; {advice}"
    assert done == CommandResult(0, b"", warnings(sentence))
    refused = run_command("merge", "a.pcapng", "b.pcapng", "none.pcapng", "--on-loss", "fail")
    sentence = "a.pcapng and 1 more: the merged capture cannot hold 1 section option; nothing was written"
    assert refused == CommandResult(4, b"", error_lines(sentence))


@pytest.mark.usefixtures("here")
def test_warnings_about_all_inputs() -> None:
    done = run_command("merge", "odd.pcap", "even.pcapng", "out.pcapng", "--packets", "9", "--extract-secrets", "keys")
    lines = [line.removeprefix("pcapconv: warning: ") for line in done.err.splitlines()]
    assert lines[0].startswith("odd.pcap and 1 more: ")
    assert lines[1:] == [
        "out.pcapng: no packet was selected, it holds none",
        "no input holds a key log, and none was written",
    ]
    Path("empty.pcapng").write_bytes(wire.section_header())
    sentence = (
        "empty.pcapng and 1 more: the capture has no interface; "
        "the pcap file states Ethernet, since it has to state a link type"
    )
    assert run_command("merge", "empty.pcapng", "empty.pcapng", "out.pcap").err == warnings(sentence)
    alone = run_command("merge", "odd.pcap", "alone.pcapng", "--extract-secrets", "keys")
    assert alone.err == warnings("odd.pcap: it holds no key log, and none was written")


@pytest.mark.usefixtures("here")
def test_a_warning_about_all_inputs_behind_one_about_an_input() -> None:
    done = run_command("merge", "odd.pcap", "late.pcap", "out.pcap", "--packets", "1-9")
    assert [line.split(": ")[2] for line in done.err.splitlines()] == ["late.pcap", "odd.pcap and 1 more"]


@pytest.mark.parametrize("way", [[], ["--append"]], ids=["by time", "append"])
def test_a_single_input_is_read_to_its_end(here: Path, way: list[str]) -> None:
    status, says, _ = report_of(*way, "damaged.pcap", "out.pcap", "--packets", "1")
    assert (status, says["packets_read"], says["read_until"], len(says["damage"])) == (3, 2, None, 1)
    assert datas(here / "out.pcap") == [b"one"]


def test_names_of_inputs_are_made_safe(here: Path) -> None:
    (here / "red\x1b[31m.pcap").write_bytes(DAMAGED)
    done = run_command("merge", "odd.pcap", "red\x1b[31m.pcap", "out.pcap")
    assert done.err.startswith("pcapconv: warning: red\\x1b[31m.pcap: offset ")


# ---------------------------------------------------------------- options of other commands


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (["--packets", "2-3"], [b"two", b"three"]),
        (["--drop-packets", "1"], [b"two", b"three", b"four"]),
        (["--after", "+1s", "--before", "+3s"], [b"two", b"three"]),
        (["--first", "1", "--invert"], [b"two", b"three", b"four"]),
        (["--last", "1"], [b"four"]),
        (["--interface", "eth0"], [b"two", b"four"]),
        (["--interface", "0"], [b"one", b"three"]),
        (["--snaplen", "2", "--chop", "1"], [b"ne", b"wo", b"hr", b"ou"]),
    ],
    ids=lambda each: " ".join(each) if isinstance(each[0], str) else None,
)
def test_selecting_and_editing_look_at_the_merged_capture(
    here: Path, options: list[str], expected: list[bytes]
) -> None:
    (here / "named.pcapng").write_bytes(pcapng((2, b"two"), (4, b"four"), interface=wire.options(ETH0)))
    assert run_command("merge", "odd.pcap", "named.pcapng", "out.pcapng", *options) == CommandResult(0, b"", "")
    assert datas(here / "out.pcapng") == expected


def test_packets_that_several_inputs_have(here: Path) -> None:
    line = ["merge", "odd.pcap", "odd.pcap", "out.pcap", "--dedup", "1s"]
    assert run_command(*line) == CommandResult(0, b"", "")
    assert datas(here / "out.pcap") == [b"one", b"three"]
    status, says, _ = report_of("odd.pcap", "odd.pcap", "again.pcap", "--dedup", "1")
    assert (status, says["repeats_total"], says["repeats"][0]) == (0, 2, {"number": 2, "repeats": 1})


def test_comments_and_secrets(here: Path) -> None:
    (here / "keys.pcapng").write_bytes(pcapng((1, b"x"), before=wire.secrets(wire.TLS_KEY_LOG, b"RANDOM\n")))
    line = [
        "merge",
        "keys.pcapng",
        "odd.pcap",
        "out.pcapng",
        "--capture-comment",
        "merged",
        "--packet-comment",
        "2:two",
    ]
    assert run_command(*line, "--extract-secrets", "keys.log") == CommandResult(0, b"", "")
    assert (here / "keys.log").read_bytes() == b"RANDOM\n"
    assert (here / "keys.log").stat().st_mode & 0o777 == 0o600
    assert (here / "out.pcapng").read_bytes().count(b"merged") == 1


@pytest.mark.parametrize("name", ["out.pcapng.gz", "out.pcapng"])
def test_compressed_inputs_and_outputs(here: Path, name: str) -> None:
    assert run_command("convert", "odd.pcap", "odd.pcap.xz").status == 0
    assert run_command("merge", "odd.pcap.xz", "even.pcapng", name) == CommandResult(0, b"", "")
    assert ((here / name).read_bytes()[:2] == b"\x1f\x8b") == name.endswith(".gz")
    assert run_command("convert", name, "plain.pcapng").status == 0
    assert datas(here / "plain.pcapng") == [b"one", b"two", b"three", b"four"]


# ---------------------------------------------------------------- the report


@pytest.mark.usefixtures("here")
def test_the_report_names_all_inputs() -> None:
    status, says, _ = report_of("odd.pcap", "late.pcap", "damaged.pcap", "even.pcapng", "out.pcapng")
    assert status == 3
    assert says["inputs"] == ["odd.pcap", "late.pcap", "damaged.pcap", "even.pcapng"]
    assert says["outputs"] == ["out.pcapng"]
    assert (says["source_format"], says["target_format"], says["source_compression"]) == ("mixed", "pcapng", None)
    assert (says["packets_read"], says["packets_written"]) == (8, 8)
    assert [(each["input"], each["offset"]) for each in says["damage"]] == [("damaged.pcap", len(ODD))]
    assert [(each["input"], each["offset"]) for each in says["warnings"]] == [("late.pcap", None)]


def test_the_report_names_the_captures_of_a_directory(here: Path) -> None:
    write_tree(here / "dir", {"b.pcap": ODD, "a.pcap": ODD})
    _, says, _ = report_of("dir/", "late.pcap", "out.pcap", "--sort")
    assert says["inputs"] == ["dir/a.pcap", "dir/b.pcap", "late.pcap"]
    assert (says["source_format"], says["damage"], says["warnings"]) == ("pcap", [], [])


def test_a_report_of_what_was_refused(here: Path) -> None:
    (here / "noted.pcapng").write_bytes(pcapng(section=wire.options((wire.OPT_COMMENT, b"text"))))
    status, says, _ = report_of("odd.pcap", "noted.pcapng", "out.pcap", "--on-loss", "fail")
    assert (status, says["inputs"], says["outputs"]) == (4, ["odd.pcap", "noted.pcapng"], [])
    assert says["losses"]["comments"] == 1


# ---------------------------------------------------------------- terminals and signals


def test_a_terminal_gets_a_closing_line(here: Path) -> None:
    line = ["merge", "odd.pcap", "even.pcapng", "out.pcapng"]
    assert on_terminal("stderr", *line, folder=here) == (0, "out.pcapng: 4 packets of 2 inputs written\n")
    assert on_terminal("stderr", *line, "-f", "-q", folder=here) == (0, "")
    one = on_terminal("stderr", "merge", "odd.pcap", "one.pcap", "--dedup", "1", folder=here)
    assert one == (0, "one.pcap: 2 packets of 1 input written; no packet repeats another\n")


def test_progress_is_over_all_inputs(
    here: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "_BAR_DELAY", -1.0)
    write_tree(here / "dir", {"a.pcap": bytes(1000), "b.pcap": bytes(500), "below/c.pcap": bytes(7)})
    shown = []

    class Bar:
        def __init__(self, size: int) -> None:
            self.size = size

        def update(self, bytes_read: int, text: str) -> None:
            shown.append((bytes_read, self.size, text.partition(",")[0]))

        def close(self) -> None:
            pass

    monkeypatch.setattr(progress, "_RichBar", Bar)
    for sources in (["dir", "odd.pcap"], ["odd.pcap", "-"], []):
        with progress.progress_bar(sources, show=True) as update:
            assert update is not None
            update(20)
    size = 1500 + len(ODD)
    assert shown == [(20, size, f"20 bytes of {size / 1000:.1f} kB"), (20, 0, "20 bytes"), (20, 0, "20 bytes")]
    assert capsys.readouterr().out == ""


def test_progress_reaches_the_size_of_all_inputs(here: Path) -> None:
    import pcapconv

    seen: list[int] = []
    pcapconv.merge(
        [here / "odd.pcap", here / "even.pcapng", here / "late.pcap"], here / "out.pcapng", progress=seen.append
    )
    assert seen == sorted(seen)
    assert seen[-1] == sum(map(len, (ODD, EVEN, LATE)))


def test_ctrl_c_ends_a_pipe(here: Path) -> None:
    process = subprocess.Popen(
        [COMMAND, "merge", "odd.pcap", "-", "out.pcap"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=here
    )
    assert process.stdin is not None
    assert process.stderr is not None
    wait_for_handlers(process.pid)
    process.stdin.write(pcap((2, b"two"), (9, b"nine"))[:-2])
    process.stdin.flush()
    wait_until_read(process)
    process.send_signal(signal.SIGINT)
    process.stdin.close()
    said = process.stderr.read().decode()
    process.stderr.close()
    assert process.wait(60) == 130
    sentence = "out.pcap: 3 packets of 2 inputs written; interrupted, so the capture ends with what came until then"
    assert said == error_lines(sentence)
    assert datas(here / "out.pcap") == [b"one", b"two", b"three"]


def test_a_signal_leaves_nothing(here: Path) -> None:
    before = file_names(here)
    process = subprocess.Popen(
        [COMMAND, "merge", "odd.pcap", "-", "out.pcap"], stdin=subprocess.PIPE, stderr=subprocess.PIPE, cwd=here
    )
    assert process.stdin is not None
    wait_for_handlers(process.pid)
    process.stdin.write(EVEN)
    process.stdin.flush()
    wait_until_read(process)
    process.send_signal(signal.SIGTERM)
    _, err = process.communicate(timeout=60)
    sentence = "interrupted before it was done"
    assert (process.returncode, err.decode()) == (143, error_lines(sentence))
    assert file_names(here) == before


# ---------------------------------------------------------------- help


def test_help_and_manual_tell_of_the_merged_capture(capfd: pytest.CaptureFixture[str]) -> None:
    page = run_in_process(capfd, "merge", "--help").out.decode()
    assert "\nUsage: pcapconv merge [OPTIONS] IN... OUT\n" in page
    groups = ["How captures are merged", "Which packets", "Edits", "Reading", "Writing", "Reporting"]
    assert re.findall(r"^(\w[\w ]+):$", page, re.MULTILINE) == groups
    flags = set(re.findall(r"--[a-z-]+", page))
    convert = set(re.findall(r"--[a-z-]+", run_in_process(capfd, "convert", "--help").out.decode()))
    assert flags - convert == {"--append", "--separate-interfaces"}
    assert convert - flags == {
        *("--stop-early", "--in-order", "--sidecar", "--sidecar-file", "--sidecar-secrets", "--sidecar-fingerprints"),
    }
