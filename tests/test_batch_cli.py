"""`pcapconv batch` as it is installed: exit statuses, what it says, lists on stdin, what it imports."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import wire
from batches import CUT, HEADER, PCAP, PCAPNG, SHOWN, STRANGE, TEXT, files_below, in_threads
from batches import out as out
from batches import threads as threads
from command_line import COMMAND, CommandResult, error_lines, run_command, run_in_process
from conversions import converted
from folders import MANIFEST, write_tree

import pcapconv
from pcapconv.batching.outcome import Outcome
from pcapconv.batching.report import Watcher
from pcapconv.cli import signals
from pcapconv.cli.batch_problems import BatchProblems

COMMENTED = PCAPNG + wire.enhanced_packet(0, 1, b"five", options=wire.options((wire.OPT_COMMENT, b"a")))


def summary_table(err: str) -> dict[str, str]:
    """The table at the end of stderr: name → value."""
    rows = [line for line in err.splitlines() if not line.startswith("pcapconv: ")]
    found = [re.fullmatch(r"(\S.*?)  +([\d,.]+)", row) for row in rows]
    return {match[1]: match[2] for match in found if match is not None or pytest.fail(err)}


# ---------------------------------------------------------------- exit statuses


def test_status_0_and_a_table_when_all_is_done(tmp_path: Path, out: Path) -> None:
    source = write_tree(tmp_path / "in", {"a.pcap": PCAP, "lab/b.cap": PCAP, "notes.txt": TEXT})
    done = run_command("batch", source, out, "--to", "pcapng", "--jobs", "2")
    ng = converted(PCAP, "pcapng")[0]
    assert files_below(out) == {"a.pcapng": ng, "lab/b.pcapng": ng}
    assert (done.status, done.out) == (0, b"")
    table = summary_table(done.err)
    assert re.fullmatch(r"\d+\.\d", table.pop("seconds"))
    assert table == {
        "converted": "2",
        "failed": "0",
        "not captures": "1",
        "packets read": "4",
        "packets written": "4",
        "bytes read": f"{2 * len(PCAP)}",
        "bytes written": f"{2 * len(ng)}",
    }
    widths = {len(line) for line in done.err.splitlines()}
    assert len(widths) == 1


def test_status_3_when_some_are_damaged_now_or_were_before(tmp_path: Path, out: Path) -> None:
    source = write_tree(tmp_path / "in", {"a.pcap": PCAP, "cut.pcap": CUT})
    done = run_command("batch", source, out, "--quiet", "--jobs", "1")
    assert (done.status, done.out) == (3, b"")
    assert re.fullmatch(
        rf"pcapconv: warning: cut\.pcap: offset {len(PCAP)} \(packet 3\): .*; 3 bytes are left out\n", done.err
    )
    assert files_below(out) == {"a.pcap": PCAP, "cut.pcap": PCAP}
    assert run_command("batch", source, out, "--quiet", "--resume") == CommandResult(3, b"", "")


def test_status_1_when_some_fail_and_the_others_are_done(tmp_path: Path, out: Path) -> None:
    source = write_tree(tmp_path / "in", {"a.pcap": PCAP, "b.pcap": PCAP, "cut.pcap": CUT})
    write_tree(out, {"b.pcap": TEXT})
    done = run_command("batch", source, out)
    sentence = (
        f"{out}/b.pcap: exists already; --resume replaces only what an earlier run wrote, --force whatever is there"
    )
    assert (done.status, done.out) == (1, b"")
    assert error_lines(sentence) in done.err
    assert done.err.count("pcapconv: ") == 2
    table = summary_table(done.err)
    assert [table[name] for name in ("converted", "damaged, what could be read is converted", "failed")] == ["1"] * 3
    assert files_below(out) == {"a.pcap": PCAP, "b.pcap": TEXT, "cut.pcap": PCAP}


def test_status_2_when_it_makes_no_sense(tmp_path: Path, out: Path) -> None:
    source = write_tree(tmp_path / "in", {"a.pcap": PCAP, "a.cap": PCAP})
    sentence = f"{source}/a.cap and {source}/a.pcap would both become {out}/a.pcapng; rename one, or leave it "
    assert run_command("batch", source, out, "--to", "pcapng") == CommandResult(
        2, b"", error_lines(sentence + "out with --exclude")
    )
    assert not out.exists()


@in_threads
def test_status_1_when_there_is_nothing(tmp_path: Path, out: Path, capfd: pytest.CaptureFixture[str]) -> None:
    sentence = f"{tmp_path}/none: cannot open: no such file or directory"
    assert run_in_process(capfd, "batch", tmp_path / "none", out) == CommandResult(1, b"", error_lines(sentence))
    assert not out.exists()


@in_threads
@pytest.mark.parametrize(("strict", "status"), [(False, 0), (True, 1)])
def test_what_is_no_capture(
    tmp_path: Path, out: Path, capfd: pytest.CaptureFixture[str], strict: bool, status: int
) -> None:
    source = write_tree(tmp_path / "in", {"notes.txt": TEXT})
    done = run_in_process(capfd, "batch", source, out, "--quiet", "--allow-empty", *["--strict"] * strict)
    assert (done.status, done.out) == (status, b"")
    first = f"{source}/notes.txt: not a pcap or pcapng capture, it begins with 'Dear reader"
    assert done.err.startswith(error_lines(first if strict else "warning: no capture was found")[:-1])


@in_threads
def test_losses_are_summed_up_in_one_sentence(tmp_path: Path, out: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source = write_tree(tmp_path / "in", {"a": COMMENTED, "b": COMMENTED, "c": PCAPNG})
    sentence = f"warning: pcap cannot hold 2 comments; {out}/{MANIFEST} has the counts of each file, "
    done = run_in_process(capfd, "batch", source, out, "--to", "pcap", "-q")
    assert done == CommandResult(0, b"", error_lines(sentence + "--on-loss fail refuses, --sidecar keeps them"))
    assert run_in_process(
        capfd, "batch", source, out, "--to", "pcap", "-q", "--force", "--on-loss", "ignore"
    ) == CommandResult(0, b"", "")
    done = run_in_process(capfd, "batch", source, out, "--to", "pcap", "-q", "--force", "--on-loss", "fail")
    refused = "pcap cannot hold 1 comment; nothing was written"
    assert (done.status, sorted(done.err.splitlines())) == (
        4,
        [f"pcapconv: {source}/{name}: {refused}" for name in ("a", "b")],
    )


@in_threads
def test_what_was_left_out_is_said(tmp_path: Path, out: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source = write_tree(tmp_path / "in", {"a": COMMENTED, "b": COMMENTED})
    done = run_in_process(capfd, "batch", source, out, "--strip", "comments", "--quiet")
    assert done == CommandResult(0, b"", error_lines("warning: left out 2 comments"))


@in_threads
def test_how_many_packets_repeat_others_is_said(tmp_path: Path, out: Path, capfd: pytest.CaptureFixture[str]) -> None:
    twice = wire.pcap_header() + wire.pcap_record(1, 0, b"same") * 3
    source = write_tree(tmp_path / "in", {"a": twice, "b": twice})
    done = run_in_process(capfd, "batch", source, out, "--dedup", "4")
    assert re.search(r"^ *packets that repeat others +4$", done.err, re.MULTILINE)
    across = wire.section_header() + wire.interface() * 2
    across += b"".join(wire.enhanced_packet(number, 1, b"same") for number in range(2))
    other = write_tree(tmp_path / "other", {"a": across, "b": across})
    done = run_in_process(capfd, "batch", other, tmp_path / "more", "--dedup", "4")
    assert done.err.startswith(
        error_lines(
            "no packet repeats another of its interface, but 2 packets do of another interface, which "
            "--dedup-ignore interface leaves out"
        )
    )
    assert run_in_process(capfd, "batch", other, tmp_path / "quiet", "--dedup", "4", "-q") == (0, b"", "")


@in_threads
def test_many_files_with_the_same_trouble_are_one_line(
    tmp_path: Path, out: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    cut = {f"{number:02}.pcap": HEADER + wire.pcap_record(1, 2, bytes(number)) + b"cut" for number in range(20)}
    source = write_tree(
        tmp_path / "in", {**cut, "a.pcap": PCAP, "b.pcap": PCAP, "c.pcap": b"", "d.pcap": b"", "e.pcap": b""}
    )
    write_tree(out, {"a.pcap": TEXT, "b.pcap": TEXT})
    done = run_in_process(capfd, "batch", source, out, "--quiet")
    lines = done.err.splitlines()
    assert (done.status, len(lines)) == (1, 6)
    (damaged,) = (line for line in lines if "damaged" in line)
    assert re.fullmatch(
        r"pcapconv: warning: \d\d\.pcap: offset \d+ \(packet \d\): .*; 3 bytes are left out "
        rf"\(20 files are damaged like this; {out}/{MANIFEST} names them\)",
        damaged,
    )
    assert sorted(line.partition(": ")[2].partition(": ")[0] for line in lines if line != damaged) == sorted(
        [f"{out}/a.pcap", f"{out}/b.pcap", *(f"{source}/{name}.pcap" for name in "cde")]
    )


@in_threads
def test_many_failures_have_a_line_with_a_count(tmp_path: Path, out: Path, capfd: pytest.CaptureFixture[str]) -> None:
    names = [f"{letter}.pcap" for letter in "abcdefghijklmnopqrst"]  # some stand in the sentence, too
    source = write_tree(tmp_path / "in", dict.fromkeys(names, PCAP))
    write_tree(out, dict.fromkeys(names, TEXT))
    done = run_in_process(capfd, "batch", source, out, "--quiet")
    assert (done.status, done.err.count("\n")) == (1, 1)
    assert re.fullmatch(
        rf"pcapconv: {out}/[a-t]\.pcap: exists already; .* \(20 files failed like this; {out}/{MANIFEST} names .*\)\n",
        done.err,
    )


def outcome_of(name: str, status: str, error: str | None = None) -> Outcome:
    """A line of a file."""
    nothing = dict.fromkeys(("source_size", "source_time", "target_size", "target_time", "options"))
    return Outcome.from_json({**nothing, "source": name, "target": name, "status": status, "error": error})


def test_twenty_kinds_of_trouble_are_told_apart(capsys: pytest.CaptureFixture[str]) -> None:
    troubles = BatchProblems()
    for letter in "abcdefghijklmnopqrstuvw":
        troubles.add_outcome(outcome_of(letter, "failed", f"in/{letter}: kind {letter * 2}"))
    troubles.print_all("M")
    lines = capsys.readouterr().err.splitlines()
    assert lines[:2] == ["pcapconv: in/a: kind aa", "pcapconv: in/b: kind bb"]
    assert (len(lines), lines[-1]) == (21, "pcapconv: 3 more files failed, were damaged or suspicious; M has them all")


@in_threads
def test_what_was_meant_to_be_a_capture_is_not_skipped_in_silence(
    tmp_path: Path, out: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = write_tree(tmp_path / "in", {"a.pcap.gz": b"\x1f\x8b\x08\x00", "b.pcap": b"", "c.txt": b"text"})
    done = run_in_process(capfd, "batch", source, out, "-q")
    assert done.status == 1
    assert sorted(done.err.splitlines()) == [
        f"pcapconv: {source}/a.pcap.gz: not a pcap or pcapng capture, nothing could be decompressed: the gzip data is "
        "cut off, at offset 4 of the compressed file",
        f"pcapconv: {source}/b.pcap: the file is empty, not a pcap or pcapng capture",
    ]


@in_threads
def test_status_1_where_a_directory_holds_no_capture(
    tmp_path: Path, out: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = write_tree(tmp_path / "in", {"c.txt": b"text"})
    done = run_in_process(capfd, "batch", source, out, "-q", "--report", tmp_path / "r.json")
    assert done == CommandResult(1, b"", error_lines(f"{source}: no capture was found; --allow-empty lets that pass"))
    assert json.loads((tmp_path / "r.json").read_text())["skipped"] == 1
    allowed = run_in_process(capfd, "batch", source, out, "-q", "--allow-empty")
    assert allowed == CommandResult(0, b"", error_lines("warning: no capture was found"))


@in_threads
def test_names_are_shown_so_that_no_terminal_obeys(
    tmp_path: Path, out: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = write_tree(tmp_path / "in", {STRANGE: wire.pcap_header(version=(9, 1)), f"cut{STRANGE}": CUT})
    done = run_in_process(capfd, "batch", source, out, "-q")
    assert done.status == 1
    assert sorted(line[: line.index(".pcap")] for line in done.err.splitlines()) == [
        f"pcapconv: {source}/{SHOWN.removesuffix('.pcap')}",
        f"pcapconv: warning: cut{SHOWN.removesuffix('.pcap')}",
    ]


# ---------------------------------------------------------------- lists on stdin


@pytest.mark.parametrize("separator", ["\n", "\0"], ids=["lines", "NUL"])
def test_a_list_on_stdin(tmp_path: Path, out: Path, separator: str) -> None:
    write_tree(tmp_path / "in", {"a.pcap": PCAP, "lab/\udcff b.cap": CUT, "not listed.pcap": PCAP})
    names = ["in/a.pcap", "in/lab/\udcff b.cap", "in/a.pcap"]
    if separator == "\0":
        (tmp_path / "in" / "new\nline.pcap").write_bytes(PCAP)
        names.append("in/new\nline.pcap")
    stdin = os.fsencode(separator.join(names) + separator)
    done = run_command("batch", "-", out, "--to", "pcap", "--jobs", "1", "--quiet", stdin=stdin, folder=tmp_path)
    assert done.status == 3
    assert done.err.startswith(f"pcapconv: warning: in/lab/\\xff b.cap: offset {len(PCAP)} (packet 3): ")
    expected = {"in/a.pcap": PCAP, "in/lab/\udcff b.pcap": PCAP}
    assert files_below(out) == expected | ({"in/new\nline.pcap": PCAP} if separator == "\0" else {})


def test_an_empty_list_on_stdin(tmp_path: Path) -> None:
    assert run_command("batch", "-", "out", "-q", folder=tmp_path) == CommandResult(
        0, b"", error_lines("warning: no capture was found")
    )


def test_a_list_in_place(tmp_path: Path) -> None:
    """Its manifest is in the working directory; what cannot be found fails."""
    write_tree(tmp_path / "in", {"a.pcap": PCAP})
    arguments = ("-", "--in-place", "--first", "1", "--resume", "--jobs", "1")
    done = run_command("batch", *arguments, stdin=b"in/a.pcap\nnone.pcap", folder=tmp_path)
    assert (done.status, done.err.splitlines()[0]) == (1, "pcapconv: none.pcap: there is no such file")
    assert files_below(tmp_path / "in") == {"a.pcap": HEADER + wire.pcap_record(1_000, 5, b"one")}
    done = run_command("batch", *arguments, stdin=b"in/a.pcap", folder=tmp_path)
    assert (done.status, summary_table(done.err)["up to date"]) == (0, "1")
    assert (tmp_path / MANIFEST).is_file()


# ---------------------------------------------------------------- options


WRONG: dict[str, tuple[list[str], str]] = {
    "no arguments": ([], "SRC is missing; write: pcapconv batch SRC [DST]"),
    "no target": (["in"], "there is no target directory; name one for the new files, or rewrite them with --in-place"),
    "too many": (["in", "out", "more"], "too many names: more; write: pcapconv batch SRC [DST]"),
    "unknown option": (
        ["in", "out", "--bogus"],
        "batch has no option --bogus; pcapconv batch --help lists its options",
    ),
    "unknown format": (["in", "out", "--to", "zip"], "--to zip: must be pcap or pcapng"),
    "target in place": (
        ["in", "out", "--in-place"],
        "--in-place rewrites the files where they are; name no target directory",
    ),
    "same place": (["in", "./in"], "./in: source and target are the same directory"),
    "no jobs": (["in", "out", "--jobs", "0"], "--jobs 0: write a whole number from 1 to 1024"),
    "fewer jobs": (["in", "out", "--jobs", "-1"], "--jobs -1: write a whole number from 1 to 1024"),
    "some jobs": (
        ["in", "out", "--jobs", "many"],
        "--jobs many: not a whole number; write it as in --jobs 8",
    ),
    "two masters": (["in", "out", "--jobs", "2", "--scheduler", "tcp://127.0.0.1:1"], "exclude each other"),
    "pattern": (["in", "out", "--include", "!"], "--include: "),
    "keys": (["in", "out", "--extract-secrets", "keys"], "--extract-secrets keys: a batch writes key logs beside"),
    "time": (["in", "out", "--after", "noon"], "--after noon: "),
    "one report": (["in", "out", "--report", "r", "--junit", "r"], "--report and --junit cannot both be r"),
    "one stdout": (["in", "out", "--report", "-", "--junit", "-"], "--report and --junit cannot both be -"),
    "one report of two names": (["in", "out", "--report", "r", "--junit", "./r"], "--report and --junit cannot both"),
}


@in_threads
@pytest.mark.parametrize(("arguments", "fact"), WRONG.values(), ids=WRONG)
def test_wrong_usage_has_status_2(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    arguments: list[str],
    fact: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_tree(tmp_path / "in", {"a.pcap": PCAP})
    done = run_in_process(capfd, "batch", *arguments)
    assert done.status == 2
    assert fact in done.err + done.out.decode()
    assert "Traceback" not in done.err
    assert files_below(tmp_path) == {"in/a.pcap": PCAP}


@in_threads
def test_options_reach_the_work(tmp_path: Path, out: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """Before, behind and between the places; those that can be given several times, several times."""
    secret = wire.section_header() + wire.secrets(wire.TLS_KEY_LOG, b"log\n") + wire.interface()
    source = write_tree(tmp_path / "in", {"a.cap": PCAP, "b.cap": secret, "c.pcap": PCAP, "lab/d.cap": PCAP, "e": PCAP})
    edits = ["--chop", "1", "--chop=-1", "--first", "1", "--nanoseconds", "--extract-secrets", ".keys"]
    some = ["--include", "*.cap", "--include", "e", "--exclude=lab/", "--exclude", "/e"]
    done = run_in_process(capfd, "batch", *edits, source, *some, out, "--to", "pcap", "-q", "--on-loss", "ignore")
    assert done.status == 0
    nanoseconds = wire.pcap_header(wire.NANOSECONDS, snaplen=262144)
    assert files_below(out) == {
        "a.pcap": converted(PCAP, "pcap", chop=[1, -1], first=1, nanoseconds=True)[0],
        "b.pcap": nanoseconds,
        "b.pcap.keys": b"log\n",
    }


@in_threads
def test_debug_gives_the_traceback(tmp_path: Path, out: Path, capfd: pytest.CaptureFixture[str]) -> None:
    done = run_in_process(capfd, "batch", tmp_path / "none", out, "--debug")
    assert done.status == 1
    assert "pcapconv.errors.FileMissingError: " in done.err


def test_interrupted(
    tmp_path: Path, out: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise signals.Terminated(signal.SIGINT)

    monkeypatch.setattr(pcapconv, "batch", interrupt)
    done = run_in_process(capfd, "batch", write_tree(tmp_path / "in", {}), out, "--report", tmp_path / "r")
    assert done == CommandResult(
        130, b"", error_lines("interrupted before it was done: an unfinished output file was not kept")
    )
    assert [path.name for path in tmp_path.iterdir()] == ["in"]


def test_interrupted_at_work(
    tmp_path: Path, out: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupt(*_: object, watcher: Watcher, **__: object) -> None:
        watcher.begin(1234, 10)
        for status in ("converted", "up_to_date", "failed"):
            watcher.line(outcome_of("x", status, "x: no"))
        raise signals.Terminated(signal.SIGINT)

    monkeypatch.setattr(pcapconv, "batch", interrupt)
    done = run_in_process(capfd, "batch", write_tree(tmp_path / "in", {}), out, "-q")
    where = "interrupted: 2 of 1,234 files are done; --resume goes on with the others"
    assert (done.status, done.err) == (130, error_lines(where, "x: no"))


def test_help_names_the_options() -> None:
    done = run_command("batch", "--help")
    assert (done.status, done.err) == (0, "")
    page = done.out.decode()
    for option in ("--in-place", "--resume", "--include", "--exclude", "--jobs", "--scheduler", "--junit", "--report"):
        assert option in page
    assert "pcapconv batch captures/ converted/ --to pcapng --jobs 8" in " ".join(page.split())


# ---------------------------------------------------------------- what is imported


HEAVY = ["aiohttp", "concurrent.futures", "dask", "distributed", "fsspec", "multiprocessing", "pathspec", "s3fs"]
COMMANDS: dict[str, list[list[str]]] = {
    "the library": [],
    "version and help": [["--version"], ["--help"], ["batch", "--help"]],
    "convert": [["convert", "in.pcap", "out.pcapng"], ["convert", "in.pcap", "out.pcap", "--last", "1", "--force"]],
    "split": [["split", "in.pcap", "part.pcap", "--max-packets", "1"]],
    "info": [["info", "in.pcap"], ["info", "in.pcap", "--json"]],
}


def imported_modules(*commands: list[str], folder: Path) -> list[str]:
    """The modules that a new interpreter has imported after some command lines, each of which has to succeed."""
    code = (
        "import contextlib, io, json, sys, pcapconv\n"
        "from pcapconv.cli import run\n"
        f"for arguments in {list(commands)!r}:\n"
        "    with contextlib.redirect_stdout(io.StringIO()):\n"
        "        status = run(arguments)\n"
        "    assert status == 0, arguments\n"
        "print(json.dumps(sorted(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code], check=True, capture_output=True, text=True, cwd=folder, timeout=60
    )
    found: list[str] = json.loads(done.stdout.splitlines()[-1])
    return found


@pytest.mark.parametrize("commands", COMMANDS.values(), ids=COMMANDS)
def test_other_commands_import_nothing_of_a_batch(tmp_path: Path, commands: list[list[str]]) -> None:
    (tmp_path / "in.pcap").write_bytes(PCAP)
    modules = imported_modules(*commands, folder=tmp_path)
    assert "pcapconv.cli" in modules
    assert [name for name in modules if name in HEAVY or name.startswith("pcapconv.batching")] == []


def test_a_local_batch_imports_neither_dask_nor_fsspec(tmp_path: Path) -> None:
    write_tree(tmp_path / "in", {})
    modules: list[Any] = imported_modules(["batch", "in", "out", "-q", "--allow-empty"], folder=tmp_path)
    assert "pcapconv.batching.runner" in modules
    assert [name for name in ("aiohttp", "dask", "distributed", "fsspec", "rich", "s3fs") if name in modules] == []


# ---------------------------------------------------------------- reports of a batch that goes on


def test_what_is_said_of_losses_names_the_format_of_the_template(tmp_path: Path, out: Path) -> None:
    """Also where nothing else states it."""
    odd = wire.pcap_header() + wire.pcap_record(1, 1_000_005, b"one")
    (tmp_path / "odd.pcap").write_bytes(odd)
    done = run_command("batch", tmp_path / "odd.pcap", out, "--target", "{stem}.pcapng", "-q")
    assert "pcapng cannot hold 1 " in done.err
    assert "--sidecar" not in done.err


def test_a_file_called_like_the_option_that_shows_tracebacks(tmp_path: Path) -> None:
    done = subprocess.run([COMMAND, "convert", "--", "--debug", "out.pcap"], cwd=tmp_path, capture_output=True)
    assert (done.returncode, done.stderr) == (1, b"pcapconv: --debug: cannot open: no such file or directory\n")
