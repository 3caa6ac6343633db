"""The command: exit statuses, what is refused in one sentence, and the options of every command that writes."""

import gzip
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import wire
from command_line import (
    COMMAND,
    CUT,
    FOLDER,
    HEADER,
    LOST_OF_WEB,
    WEB_PCAP,
    WEB_PCAPNG,
    CommandResult,
    error_lines,
    run_command,
    run_in_process,
)
from command_line import signals_stay_as_they_were as signals_stay_as_they_were
from folders import file_names

import pcapconv
from pcapconv import cli

# ---------------------------------------------------------------- exit statuses


def test_status_0_and_silence_when_nothing_is_lost(tmp_path: Path) -> None:
    out = tmp_path / "out.pcapng"
    assert run_command("convert", WEB_PCAP, out) == CommandResult(0, b"", "")
    found = wire.read_pcapng(out.read_bytes())
    assert [packet.data for packet in found] == [packet.data for packet in wire.read_pcap(WEB_PCAP.read_bytes())]


def test_status_0_and_a_warning_when_something_is_lost(tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    advice = "--report FILE has the counts, --on-loss fail refuses, --sidecar keeps them"
    sentence = f"{out}: pcap cannot hold {LOST_OF_WEB}; {advice}"
    assert run_command("convert", WEB_PCAPNG, out) == CommandResult(0, b"", error_lines(f"warning: {sentence}"))
    assert out.exists()


def test_status_1_when_it_fails(tmp_path: Path) -> None:
    sentence = f"{tmp_path}/none.pcap: cannot open: no such file or directory"
    assert run_command("convert", tmp_path / "none.pcap", tmp_path / "out.pcapng") == CommandResult(
        1, b"", error_lines(sentence)
    )
    assert file_names(tmp_path) == []


def test_status_2_for_wrong_usage(tmp_path: Path) -> None:
    sentence = (
        f"{tmp_path}/out.txt: its suffix names no format (.pcap, .cap, .pcapng, .ntar); give --to pcap or --to pcapng"
    )
    assert run_command("convert", WEB_PCAP, tmp_path / "out.txt") == CommandResult(2, b"", error_lines(sentence))
    assert file_names(tmp_path) == []


def test_status_3_for_damage(tmp_path: Path) -> None:
    capture, out = tmp_path / "cut.pcap", tmp_path / "out.pcapng"
    capture.write_bytes(CUT)
    done = run_command("convert", capture, out)
    assert (done.status, done.out) == (3, b"")
    at = len(CUT) - len("cut off")
    assert done.err.startswith(f"pcapconv: warning: {capture}: offset {at} (packet 2): ")
    assert done.err.endswith("; 7 bytes are left out\n")
    assert done.err.count("\n") == 1
    assert [packet.data for packet in wire.read_pcapng(out.read_bytes())] == [b"four"]


def test_status_4_when_a_loss_is_refused(tmp_path: Path) -> None:
    done = run_command("convert", WEB_PCAPNG, tmp_path / "out.pcap", "--on-loss", "fail")
    assert done == CommandResult(
        4, b"", error_lines(f"{WEB_PCAPNG}: pcap cannot hold {LOST_OF_WEB}; nothing was written")
    )
    assert file_names(tmp_path) == []


def test_status_130_when_interrupted(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pcapconv, "convert", interrupt)
    message = "interrupted before it was done"
    assert run_in_process(capfd, "convert", WEB_PCAP, "out.pcapng") == CommandResult(130, b"", error_lines(message))


def test_memory_that_runs_out_is_said(monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    def burst(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr(pcapconv, "convert", burst)
    assert run_in_process(capfd, "convert", WEB_PCAP, "out.pcapng") == CommandResult(
        1, b"", error_lines("out of memory")
    )


# ---------------------------------------------------------------- refused in one sentence


REFUSED = {
    "empty": (b"", "the file is empty, not a pcap or pcapng capture"),
    "text": (b"Dear reader,\n\nplease", "not a pcap or pcapng capture, it begins with 'Dear reader,'\n"),
    "gzip": (b"\x1f\x8b\x08\0" + bytes(20), "nothing could be decompressed: the gzip data is corrupt"),
    "twice": (
        gzip.compress(gzip.compress(b"")),
        "it is gzip data again: it was compressed twice",
    ),
    "sidecar": (b'{"pcapconv_sidecar": 1,', "it is a sidecar; name the pcap file that it belongs to"),
    "snoop": (b"snoop\0\0\0" + bytes(20), "it is a snoop capture"),
    "text-mode transfer": (wire.section_header().replace(b"\r\n", b"\n"), "damaged by a text-mode transfer"),
    "one byte": (b"\xd4", "not a pcap or pcapng capture"),
    "header cut": (HEADER[:20], ""),
    "version": (wire.pcap_header(version=(9, 1)), "9.1"),
    "pcapng version": (wire.section_header(version=(7, 3)), "7.3"),
    "section header cut": (wire.section_header()[:20], ""),
    "time before 1970": ((FOLDER / "time-before-1970-le.pcapng").read_bytes(), "packet 2: "),
    "link types": ((FOLDER / "link-types-be.pcapng").read_bytes(), "4 link types"),
    "times unknown": ((FOLDER / "time-malformed-le.pcapng").read_bytes(), "if_tsresol has 0 bytes instead of 1"),
}


@pytest.mark.parametrize(("capture", "fact"), REFUSED.values(), ids=REFUSED)
def test_input_that_is_refused_takes_one_sentence(
    capture: bytes, fact: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "in").write_bytes(capture)
    done = run_in_process(capfd, "convert", tmp_path / "in", tmp_path / "out.pcap")
    assert (done.status, done.out) == (1, b"")
    assert done.err.startswith(f"pcapconv: {tmp_path}/in: ")
    assert fact in done.err
    assert done.err.count("\n") == 1
    assert file_names(tmp_path) == ["in"]


def test_one_that_is_refused_by_the_installed_command_has_no_traceback(tmp_path: Path) -> None:
    done = run_command("convert", FOLDER / "link-types-le.pcapng", tmp_path / "out.pcap")
    assert done.status == 1
    assert re.fullmatch(
        r"pcapconv: .*link-types-le\.pcapng: the capture holds packets of 4 link types, and a pcap file holds one "
        r"\(ETHERNET \(1\): 2 packets, .*\); pcapng \(--to pcapng\) holds them all, --interface takes "
        r"one, and pcapconv split --by link-type writes a file for each \(with --sidecar, join rebuilds "
        r"the capture from them\)\n",
        done.err,
    )


@pytest.mark.parametrize("in_turn", [True, False])
def test_packets_are_counted_by_link_type_wherever_interfaces_are(
    in_turn: bool, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    interfaces = [wire.interface(113 if number % 3 else 1) for number in range(6)]
    packets = [wire.enhanced_packet(number, number, b"data") for number in range(6)]
    blocks = [block for pair in zip(interfaces, packets) for block in pair] if in_turn else [*interfaces, *packets]
    (tmp_path / "in").write_bytes(wire.section_header() + b"".join(blocks))
    done = run_in_process(capfd, "convert", tmp_path / "in", tmp_path / "out.pcap")
    assert done.status == 1
    assert "(ETHERNET (1): 2 packets, LINUX_SLL (113): 4 packets)" in done.err


def test_debug_gives_the_traceback(tmp_path: Path) -> None:
    done = run_command("convert", tmp_path / "none.pcap", tmp_path / "out.pcap", "--debug")
    assert done.status == 1
    assert "Traceback" in done.err
    assert "pcapconv.errors.FileMissingError: " in done.err


WRONG_USAGE = {
    "no command": ([], "Usage: pcapconv"),
    "unknown command": (["transmogrify"], "no such command: transmogrify; pcapconv --help lists the commands"),
    "no arguments": (["convert"], "IN and OUT are missing; write: pcapconv convert IN OUT"),
    "no output": (["convert", "a.pcap"], "OUT is missing; write: pcapconv convert a.pcap OUT"),
    "too many": (["convert", "a.pcap", "b.pcap", "c.pcap"], "too many names: c.pcap; write: pcapconv convert IN OUT; "),
    "unknown option": (
        ["convert", "a.pcap", "b.pcap", "--bogus"],
        "convert has no option --bogus; pcapconv convert --help lists",
    ),
    "unknown format": (["convert", "a.pcap", "b.pcap", "--to", "zip"], "--to zip: must be pcap or pcapng"),
    "unknown on-loss": (
        ["convert", "a.pcap", "b.pcap", "--on-loss", "cry"],
        "--on-loss cry: must be warn, ignore or fail",
    ),
    "option without value": (
        ["convert", "a.pcap", "b.pcap", "--report"],
        "--report: its value is missing; write it as in --report report.json",
    ),
    "nothing to look at": (["info"], "IN is missing; write: pcapconv info IN"),
    "two on stdout": (["convert", str(WEB_PCAPNG), "-", "--to", "pcap", "--report", "-"], "can be only one of"),
    "no suffix on stdout": (["convert", str(WEB_PCAPNG), "-"], "give --to pcap or --to pcapng"),
}


@pytest.mark.parametrize(("arguments", "fact"), WRONG_USAGE.values(), ids=WRONG_USAGE)
def test_wrong_usage_has_status_2(arguments: list[str], fact: str, capfd: pytest.CaptureFixture[str]) -> None:
    done = run_in_process(capfd, *arguments)
    assert done.status == 2
    assert fact in done.err + done.out.decode()
    assert "Traceback" not in done.err


@pytest.mark.parametrize("same", ["in.pcapng", "out.pcap"])
def test_a_report_is_never_written_over_a_capture(
    same: str, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    shutil.copy(WEB_PCAPNG, "in.pcapng")
    (tmp_path / "link.json").symlink_to(same)
    for report in (same, tmp_path / same, "link.json"):
        done = run_in_process(capfd, "convert", "in.pcapng", "out.pcap", "--force", "--report", report)
        assert (done.status, done.out) == (2, b"")
    assert file_names(tmp_path) == ["in.pcapng", "link.json"]
    assert Path("in.pcapng").read_bytes() == WEB_PCAPNG.read_bytes()


# ---------------------------------------------------------------- options


@pytest.mark.parametrize(
    ("name", "target_format"),
    [
        ("out.pcap", "pcap"),
        ("out.cap", "pcap"),
        ("out.pcapng", "pcapng"),
        ("out.ntar", "pcapng"),
        ("OUT.PCAPNG", "pcapng"),
        ("a.pcap.pcapng", "pcapng"),
    ],
)
def test_the_suffix_tells_the_format(
    name: str, target_format: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    assert run_in_process(capfd, "convert", WEB_PCAP, tmp_path / name).status == 0
    assert ((tmp_path / name).read_bytes()[:4] == b"\n\r\r\n") == (target_format == "pcapng")


@pytest.mark.parametrize("name", ["out", "out.gz", "out.pcap.zip", "out.json", ".pcap", ".pcap.gz", "out."])
def test_other_suffixes_tell_nothing(name: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run_in_process(capfd, "convert", WEB_PCAP, tmp_path / name).status == 2
    assert file_names(tmp_path) == []


@pytest.mark.parametrize("target_format", ["pcap", "pcapng"])
def test_to_overrides_the_suffix(target_format: str, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    for name in ("out.pcap", "out.pcapng", "out"):
        out = tmp_path / target_format / name
        out.parent.mkdir(exist_ok=True)
        assert run_in_process(capfd, "convert", WEB_PCAP, out, "--to", target_format) == CommandResult(0, b"", "")
        assert (out.read_bytes()[:4] == b"\n\r\r\n") == (target_format == "pcapng")


def test_the_content_tells_the_sources_format(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    misnamed = tmp_path / "really-pcapng.pcap"
    shutil.copy(WEB_PCAPNG, misnamed)
    assert run_in_process(capfd, "convert", misnamed, tmp_path / "out.pcapng") == CommandResult(0, b"", "")
    assert (tmp_path / "out.pcapng").read_bytes() == WEB_PCAPNG.read_bytes()


def test_only_force_replaces(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out.pcap"
    out.write_bytes(b"old")
    assert run_in_process(capfd, "convert", WEB_PCAP, out) == CommandResult(
        1, b"", error_lines(f"{out}: exists already; --force replaces it")
    )
    assert out.read_bytes() == b"old"
    assert run_in_process(capfd, "convert", WEB_PCAP, out, "--force") == CommandResult(0, b"", "")
    assert out.read_bytes() == WEB_PCAP.read_bytes()


def test_in_place(tmp_path: Path) -> None:
    path = tmp_path / "one.pcap"
    shutil.copy(WEB_PCAP, path)
    assert run_command("convert", path, path, "--to", "pcapng", "--force") == CommandResult(0, b"", "")
    assert len(wire.read_pcapng(path.read_bytes())) == len(wire.read_pcap(WEB_PCAP.read_bytes()))
    assert file_names(tmp_path) == ["one.pcap"]


def test_strict_refuses_damage(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cut.pcap").write_bytes(CUT)
    done = run_in_process(capfd, "convert", tmp_path / "cut.pcap", tmp_path / "out.pcap", "--strict")
    assert done.status == 1
    assert done.err.startswith(f"pcapconv: {tmp_path}/cut.pcap: offset {len(CUT) - 7} (packet 2): ")
    assert done.err.count("\n") == 1
    assert file_names(tmp_path) == ["cut.pcap"]


def test_losses_may_be_ignored(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    done = run_in_process(capfd, "convert", WEB_PCAPNG, tmp_path / "out.pcap", "--on-loss", "ignore")
    assert done == CommandResult(0, b"", "")
    assert (tmp_path / "out.pcap").exists()


def test_on_loss_fail_writes_what_loses_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    done = run_in_process(capfd, "convert", WEB_PCAPNG, tmp_path / "out.pcapng", "--on-loss", "fail")
    assert done == CommandResult(0, b"", "")
    assert (tmp_path / "out.pcapng").read_bytes() == WEB_PCAPNG.read_bytes()


def test_damage_is_said_also_when_losses_are_ignored(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cut.pcapng").write_bytes(WEB_PCAPNG.read_bytes()[:-5])
    done = run_in_process(
        capfd, "convert", tmp_path / "cut.pcapng", tmp_path / "out.pcap", "--on-loss", "ignore", "--quiet"
    )
    assert done.status == 3
    assert done.err.count("\n") == 1
    assert "bytes are left out" in done.err


def test_much_damage_takes_few_lines(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    bad = wire.enhanced_packet(9, 1, b"of no interface") + wire.enhanced_packet(0, 1, b"good")
    (tmp_path / "bad.pcapng").write_bytes(wire.section_header() + wire.interface() + bad * 20)
    done = run_in_process(capfd, "convert", tmp_path / "bad.pcapng", tmp_path / "out.pcapng")
    assert done.status == 3
    assert done.err.count("\n") == 6
    assert done.err.endswith("and 15 more like these; --report FILE has them\n")


def test_nanoseconds(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    source, out = tmp_path / "micro.pcapng", tmp_path / "out.pcap"
    source.write_bytes(wire.section_header() + wire.interface() + wire.enhanced_packet(0, 1_000_002, b"four"))
    assert run_in_process(capfd, "convert", source, out, "--nanoseconds") == CommandResult(0, b"", "")
    assert out.read_bytes() == wire.pcap_header(wire.NANOSECONDS, snaplen=262144) + wire.pcap_record(1, 2000, b"four")


def test_a_name_that_begins_with_a_dash(tmp_path: Path) -> None:
    shutil.copy(WEB_PCAP, tmp_path / "-in.pcap")
    done = subprocess.run([COMMAND, "convert", "--", "-in.pcap", "-out.pcap"], cwd=tmp_path, capture_output=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"", b"")
    assert (tmp_path / "-out.pcap").read_bytes() == WEB_PCAP.read_bytes()


@pytest.mark.parametrize(
    "line",
    [
        *([command, "", *more] for command, *more in (["info"], ["show"], ["convert", "o.pcap"], ["join", "o.pcapng"])),
        *([command, "", "o.pcap"] for command in ("normalize", "merge")),
        ["split", "", "o.pcap", "--max-packets", "1"],
        ["table", "", "o.parquet"],
        *([command, str(WEB_PCAPNG), ""] for command in ("convert", "normalize", "merge", "table")),
        ["convert", str(WEB_PCAPNG), "", "--to", "pcap"],
        *(["batch", "", *more] for more in ([], ["out"], [""], ["--in-place"])),
        ["batch", "", "", "--target", "{stem}.pcap"],
        *(["batch", source, ""] for source in ("folder", str(WEB_PCAPNG))),
        ["join", "folder/web.meta.json", ""],
    ],
    ids=" ".join,
)
def test_an_empty_name_names_no_file(
    line: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """As of a variable of the shell that is not set."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "folder").mkdir()
    pcapconv.split(WEB_PCAPNG, "folder/{stem}.pcap", by="link-type", sidecar=True)
    files = sorted(tmp_path.rglob("*"))
    assert cli.run(line) == 1
    assert capfd.readouterr() == ("", "pcapconv: '' names no file\n")
    assert sorted(tmp_path.rglob("*")) == files


@pytest.mark.parametrize(
    ("line", "more"),
    [
        *((["diff", *names], "") for names in (["", str(WEB_PCAPNG)], [str(WEB_PCAPNG), ""], ["", ""])),
        (["split", str(WEB_PCAPNG), "", "--max-packets", "1"], "; write a template like part-{index}.pcapng"),
    ],
)
def test_an_empty_name_in_diff_or_for_parts_names_no_file(
    line: list[str], more: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """These have another status: diff as diff(1), and the names of parts are a template."""
    assert cli.run(line) == 2
    assert capfd.readouterr() == ("", f"pcapconv: '' names no file{more}\n")


def test_an_empty_name_in_a_batch_of_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    calls: list[tuple[Any, str]] = [("", "x"), (str(WEB_PCAPNG), ""), ([WEB_PCAPNG], "")]
    for source, target in calls:
        with pytest.raises(pcapconv.FileError, match=r"^'' names no file$"):
            pcapconv.batch(source, target)
    assert list(tmp_path.iterdir()) == []
