"""`pcapconv normalize` goes by the options in pyproject.toml."""

import io
import os
from pathlib import Path

import pytest
import wire
from command_line import CommandResult, error_lines
from normalize_command import FINE, NORMAL, OTHER, Here
from normalize_command import here as here

import pcapconv
from pcapconv import cli


def test_options_from_the_nearest_pyproject(here: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    here.configured(
        "[tool.pcapconv.normalize]\n"
        'strip = ["comments", "names,secrets"]\nkeep = ["host"]\nsort = true\nmask-time = true\n'
        'rebase-time = "1"\nto = "pcap"\non-loss = "ignore"\nstrict = true\n'
    )
    source = here.file("deep/er/in.pcapng", OTHER)
    monkeypatch.chdir(source.parent)
    assert here("in.pcapng", "out") == CommandResult(0, b"", "")
    wanted = wire.pcap_header(wire.NANOSECONDS, snaplen=262144) + wire.pcap_record(1, 10**6, b"one")
    assert Path("out").read_bytes() == wanted
    assert here("--check", "out") == CommandResult(0, b"", "")
    cut = here.file("deep/er/cut.pcapng", OTHER + b"cut")
    assert here(cut.name, "strict.pcapng").status == 1
    here.configured("[tool.other]\n", "deep")  # which is nearer
    assert here("in.pcapng", "again.pcapng") == CommandResult(0, b"", "")
    assert Path("again.pcapng").read_bytes() == NORMAL


def test_the_suffix_of_a_file_wins_over_the_format_in_pyproject(here: Here) -> None:
    here.configured('[tool.pcapconv.normalize]\nto = "pcap"\n')
    source = here.file("in.pcapng", OTHER)
    Path("folder").mkdir()
    formats = {"out.pcapng": NORMAL[:4], "out.ntar": NORMAL[:4], "out.pcap": wire.pcap_header(wire.NANOSECONDS)[:4]}
    formats |= {"out": formats["out.pcap"], "folder/in.pcap": formats["out.pcap"]}
    for name, magic in formats.items():
        target = "folder" if name.startswith("folder") else name
        assert here(source, target, "--on-loss", "ignore") == CommandResult(0, b"", "")
        assert Path(name).read_bytes()[:4] == magic, name
        assert here("--check", name) == CommandResult(0, b"", "")
    assert here("--in-place", source) == CommandResult(0, b"", error_lines(f"{source}: rewritten"))
    assert source.read_bytes() == NORMAL
    assert here(source, "given.pcapng", "--to", "pcap", "--on-loss", "ignore").status == 0
    assert Path("given.pcapng").read_bytes()[:4] == formats["out.pcap"]
    assert here("--check", "given.pcapng", "--to", "pcap") == CommandResult(0, b"", "")


def test_the_command_line_wins(here: Here) -> None:
    here.configured('[tool.pcapconv.normalize]\nstrip = ["comments"]\nto = "pcap"\nrebase-time = "5"\nsort = false\n')
    source = here.file("in.pcapng", OTHER)
    options = ["--strip", "names", "--to", "pcapng", "--rebase-time", "0.000002"]
    assert here(source, "out", *options) == CommandResult(0, b"", "")
    assert Path("out").read_bytes() == NORMAL


@pytest.mark.parametrize("more", [[], ["--check"]])
def test_what_is_not_said_on_the_command_line_stays_as_configured(here: Here, more: list[str]) -> None:
    here.configured('[tool.pcapconv.normalize]\non-loss = "ignore"\n')
    source = here.file("in.pcapng", FINE)
    words: list[str | Path] = [*more, source] if more else [source, "out", "--to=pcapng"]
    assert here(*words).status == len(more)  # not in its normal form, but not refused


def test_kinds_on_the_command_line_win(here: Here) -> None:
    here.configured('[tool.pcapconv.normalize]\nstrip = ["secrets,comments"]\nkeep = ["host", "statistics"]\n')
    source = here.file("in.pcapng", OTHER)
    assert here(source, "out", "--keep", "secrets,comments") == CommandResult(0, b"", "")
    assert Path("out").read_bytes() == NORMAL
    assert here(source, "none", "--strip", "host") == CommandResult(0, b"", "")
    assert here(source, "both", "--strip", "host", "--keep", "host").status == 2


def test_a_pyproject_that_nobody_can_read(here: Here) -> None:
    path = here.configured("x = " + "[" * 5000 + "]" * 5000)
    done = here(here.file("in.pcapng", OTHER), "out")
    assert done.status == 2
    assert done.err.startswith(f"pcapconv: {path}: ")


def test_switches_are_turned_off(here: Here) -> None:
    here.configured("[tool.pcapconv.normalize]\nsort = true\nmask-time = true\nstrict = true\n")
    source = here.file("in.pcapng", OTHER + b"cut")
    assert here(source, "out", "--no-mask-time", "--no-sort", "--no-strict").status == 3
    assert Path("out").read_bytes() == NORMAL


def test_check_and_in_place_go_by_it_too(here: Here) -> None:
    here.configured('[tool.pcapconv.normalize]\nstrip = ["comments"]\n')
    path = here.file("a.pcapng", NORMAL)
    assert here("--check", path) == CommandResult(
        1, b"", error_lines(f"{path}: not in its normal form: it has 1 comment")
    )
    assert here("--in-place", path) == CommandResult(0, b"", error_lines(f"{path}: rewritten"))
    assert here("--check", path) == CommandResult(0, b"", "")


KEYS = "keep, keep-snaplen, mask-time, on-loss, rebase-time, sort, strict, strip, timezone, to"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("hosts = 1", f"hosts: not allowed here; allowed are {KEYS}"),
        ("mask_time = true", f"mask_time: not allowed here; allowed are {KEYS}"),
        ("check = true", f"check: not allowed here; allowed are {KEYS}"),
        ('sort = "yes"', "sort = 'yes': must be true or false"),
        ("sort = 1", "sort = 1: must be true or false"),
        ("rebase-time = 5", "rebase-time = 5: must be a string"),
        ("rebase-time = 2024-05-01", "rebase-time = datetime.date(2024, 5, 1): must be a string"),
        ('keep = "host"', "keep = 'host': must be a list of strings"),
        ("strip = [1]", "strip = [1]: must be a list of strings"),
        ('to = "pcapx"', "to: must be one of pcap, pcapng"),
        ('on-loss = "perhaps"', "on-loss: must be one of warn, ignore, fail"),
    ],
)
def test_status_2_for_what_is_no_option(here: Here, line: str, says: str) -> None:
    path = here.configured(f"[tool.pcapconv.normalize]\n{line}\n")
    source = here.file("in.pcapng", OTHER)
    for first, second in ((source, "out"), ("--check", source)):
        assert here(first, second) == CommandResult(2, b"", error_lines(f"{path}: [tool.pcapconv.normalize] {says}"))
    assert not Path("out").exists()


def test_a_kind_that_is_none(here: Here) -> None:
    here.configured('[tool.pcapconv.normalize]\nkeep = ["hosts"]\n')
    done = here(here.file("in.pcapng", OTHER), "out")
    assert (done.status, done.err.split(":")[1]) == (2, " --keep hosts")
    assert here("--check", "in.pcapng") == done


@pytest.mark.parametrize(
    "text",
    [
        b"[tool.pcapconv\n",
        b"tool = 3\n",
        b"[tool]\npcapconv = []\n",
        b"[tool.pcapconv]\nnormalize = 3\n",
        b"[tool.pcapconv]\nnormalize = ['sort']\n",
        b'[tool.pcapconv.normalize]\nto = "\xff"\n',
    ],
)
def test_status_2_for_what_is_no_table(here: Here, text: bytes) -> None:
    path = here.file("pyproject.toml", text)
    done = here(here.file("in.pcapng", OTHER), "out")
    assert (done.status, done.out) == (2, b"")
    assert done.err.startswith(f"pcapconv: {path}: ")
    assert done.err.count("\n") == 1
    assert "object has no attribute" not in done.err


def test_other_commands_do_not_go_by_it(here: Here, capfd: pytest.CaptureFixture[str]) -> None:
    here.configured("[tool.pcapconv.normalize]\nnonsense = 1\n[tool.pcapconv.convert]\nnonsense = 1\n")
    source = here.file("in.pcapng", OTHER)
    assert cli.run(["convert", os.fspath(source), "out.pcapng"]) == 0
    assert Path("out.pcapng").read_bytes() == OTHER
    target = io.BytesIO()
    pcapconv.normalize(source, target)
    assert target.getvalue() == NORMAL
    assert capfd.readouterr() == ("", "")
