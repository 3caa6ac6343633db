"""How messages name arguments: in Python as Python does, through the command as the command line does; and statuses."""

import ast
import io
import json
import pickle
import re
import subprocess
import sys
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
import wire
from command_line import COMMAND

import pcapconv
from pcapconv import cli, errors
from pcapconv.batching.report import BatchReport, NothingFoundError
from pcapconv.cli import options
from pcapconv.cli.argument_names import on_command_line
from pcapconv.cli.statuses import status_of
from pcapconv.report import LossError, Report
from pcapconv.wording import argument, arguments, call, current_form, in_python, named_by

PACKAGE = Path(pcapconv.__file__).parent
BARE = re.compile(r"(?<![\w-])--[a-z]")
CAPTURE = wire.pcap_header() + wire.pcap_record(1, 0, b"one") + wire.pcap_record(2, 0, b"two")


# ---------------------------------------------------------------- the two forms


@pytest.mark.parametrize(
    ("name", "value", "python", "line"),
    [
        ("before", None, "before=", "--before"),
        ("drop_packets", "5-3", "drop_packets='5-3'", "--drop-packets 5-3"),
        ("after", "", "after=''", "--after"),
        ("after", "it's\n", 'after="it\'s\\n"', "--after it's\n"),
        ("first", 0, "first=0", "--first 0"),
        ("first", 1, "first=1", "--first 1"),
        ("force", True, "force=True", "--force"),
        ("all", True, "all=True", "--all"),
        ("show", -1, "show=-1", "--show -1"),
        ("template", "{stem}", "template='{stem}'", "--target {stem}"),
        ("packets", b"x" * 1000, f"packets=b'{'x' * 78}", f"--packets {b'x' * 1000!r}"),
    ],
)
def test_an_argument(name: str, value: object, python: str, line: str) -> None:
    assert argument(name, value) == python
    with named_by(on_command_line):
        assert argument(name, value) == line
    assert argument(name, value) == python


def test_several_arguments_and_calls() -> None:
    def said() -> list[str]:
        return [
            arguments(after="+1h", align=True),
            call("pcapconv.convert", sidecar=True),
            call("pcapconv.split", by="link-type", to="pcap"),
            call("pcapconv.join"),
        ]

    assert said() == [
        "after='+1h', align=True",
        "pcapconv.convert(…, sidecar=True)",
        "pcapconv.split(…, by='link-type', to='pcap')",
        "pcapconv.join",
    ]
    with named_by(on_command_line):
        assert said() == [
            "--after +1h --align",
            "pcapconv convert --sidecar",
            "pcapconv split --by link-type --to pcap",
            "pcapconv join",
        ]


def test_the_command_line_calls_options_what_its_table_calls_them() -> None:
    own = ("as_csv", "as_json", "as_text")  # words of the library alone
    known = [option for option in options.OPTIONS if option.name not in own]
    assert [on_command_line("", {option.name: None}) for option in known] == [option.flag for option in known]


def test_a_form_holds_for_all_threads_and_until_its_last_user_has_ended() -> None:
    one, other, seen = named_by(on_command_line), named_by(on_command_line), []
    one.__enter__()
    other.__enter__()
    one.__exit__(None, None, None)
    thread = Thread(target=lambda: seen.append(argument("first", 3)))
    thread.start()
    thread.join()
    assert (seen, current_form()) == (["--first 3"], on_command_line)
    with named_by(in_python):
        assert argument("first", 3) == "first=3"
    assert argument("first", 3) == "--first 3"
    other.__exit__(None, None, None)
    assert current_form() is in_python
    with pytest.raises(ZeroDivisionError), named_by(on_command_line):
        raise ZeroDivisionError
    assert current_form() is in_python


def test_forms_go_to_other_processes_and_cost_them_little() -> None:
    assert [pickle.loads(pickle.dumps(form)) for form in (in_python, on_command_line)] == [in_python, on_command_line]
    code = "import sys, pcapconv.cli.argument_names; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, check=True, text=True)
    heavy = {"typer", "click", "rich", "pydantic", "asyncio", "pcapconv.cli.options"}
    assert heavy & set(done.stdout.split()) == set()


# ---------------------------------------------------------------- who says what


def test_no_text_of_the_library_names_an_option_of_the_command_line() -> None:
    found = []
    for path in sorted(PACKAGE.rglob("*.py")):
        if path.relative_to(PACKAGE).parts[0] == "cli":
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Constant) and isinstance(node.value, str | bytes):
                text = node.value if isinstance(node.value, str) else node.value.decode("latin-1")
                if BARE.search(text):
                    found.append(f"{path.relative_to(PACKAGE)}:{node.lineno}: {text}")
    assert found == []


def test_functions_are_named_as_they_can_be_typed() -> None:
    named = []
    for path in sorted(PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="call"), args=[ast.Constant(value=str(function)), *_]):
                    named.append(function)
    assert {name for name in named if name.removeprefix("pcapconv.") not in pcapconv.__all__} == set()
    assert {name for name in named if not name.startswith("pcapconv.")} == set()
    assert len(named) > 5


TWO_LINK_TYPES = (
    wire.section_header()
    + wire.interface()
    + wire.interface(link_type=101)
    + wire.enhanced_packet(0, 0, b"one")
    + wire.enhanced_packet(1, 0, b"two")
)
LONG_PACKET = wire.section_header() + wire.interface(snaplen=2) + wire.enhanced_packet(0, 0, b"three")


def run_in_folder(folder: Path, *line: str) -> tuple[int, str]:
    """Run the installed command in a folder; return its status and stderr."""
    done = subprocess.run([COMMAND, *line], cwd=folder, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr


@pytest.mark.parametrize(
    ("capture", "line", "given", "line_says", "python_says"),
    [
        (
            CAPTURE,
            "--packets 2,5-3",
            {"packets": "2,5-3"},
            "--packets 5-3: the range runs backwards; write 3-5",
            "packets='5-3': the range runs backwards; write 3-5",
        ),
        (
            TWO_LINK_TYPES,
            "",
            {},
            "1 packet, RAW (101): 1 packet); pcapng (--to pcapng) holds them all, --interface takes one, and "
            "pcapconv split --by link-type writes a file for each "
            "(with --sidecar, join rebuilds the capture from them)",
            "1 packet, RAW (101): 1 packet); pcapng (to='pcapng') holds them all, interface= takes one, and "
            "pcapconv.split(…, by='link-type') writes a file for each "
            "(with sidecar=True, join rebuilds the capture from them)",
        ),
        (
            CAPTURE,
            "--sidecar-secrets",
            {"sidecar_secrets": True},
            "pcapconv: --sidecar-secrets goes with --sidecar or --sidecar-file",
            "sidecar_secrets=True goes with sidecar=True or sidecar_file=",
        ),
        (
            CAPTURE,
            "--sidecar-file -",
            {"sidecar_file": "-"},
            "pcapconv: --sidecar-file -: a sidecar is a file; name one",
            "sidecar_file='-': a sidecar is a file; name one",
        ),
    ],
    ids=["a value", "other commands", "options together", "a file"],
)
def test_an_error_says_what_to_type_there(
    capture: bytes, line: str, given: dict[str, Any], line_says: str, python_says: str, tmp_path: Path
) -> None:
    (tmp_path / "in").write_bytes(capture)
    status, said = run_in_folder(tmp_path, "convert", "in", "out.pcap", *line.split())
    assert status in (1, 2)
    assert said.endswith(f"{line_says}\n")
    with pytest.raises(pcapconv.PcapconvError) as caught:
        pcapconv.convert(tmp_path / "in", tmp_path / "out.pcap", **given)
    assert str(caught.value).endswith(python_says)


def test_an_argument_that_only_python_s_open_has() -> None:
    with pytest.raises(pcapconv.UsageError, match="name that with sidecar='FILE', or the pcap file"):
        pcapconv.open(io.BytesIO(CAPTURE), sidecar=True)
    with pytest.raises(pcapconv.UsageError, match="sidecar='-': a sidecar is a file; name one"):
        pcapconv.open(io.BytesIO(CAPTURE), sidecar="-")


def test_a_report_says_it_as_whoever_made_it_does(tmp_path: Path) -> None:
    (tmp_path / "in.pcapng").write_bytes(LONG_PACKET)
    assert run_in_folder(tmp_path, "convert", "in.pcapng", "a.pcapng", "--snaplen", "4", "--report", "a.json")[0] == 0
    (notice,) = json.loads((tmp_path / "a.json").read_bytes())["warnings"]
    assert notice["reason"].endswith("; pcapconv convert --set-interface 0:0.snaplen=262144 states a different one")
    report = pcapconv.convert(tmp_path / "in.pcapng", tmp_path / "b.pcapng", snaplen=4)
    (warning,) = report.warnings
    assert warning.reason.endswith("; pcapconv.convert(…, set_interface='0:0.snaplen=262144') states a different one")


@pytest.mark.parametrize("jobs", [1, 2])
def test_so_does_a_batch_whatever_carries_it_out(jobs: int, tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    for name in ("a.pcap", "b.pcap"):
        (tmp_path / "in" / name).write_bytes(CAPTURE)
    fact = "packet 1: interface 0 of section 0 counts in steps of 1/1000000 s; "
    line = ["batch", "in", "x", "--to", "pcapng", "--shift-time", "1ns", "--jobs", str(jobs), "--report", "r"]
    assert run_in_folder(tmp_path, *line)[0] == 1
    said = [each["error"] for each in json.loads((tmp_path / "r").read_bytes())["files"]]
    assert said == [f"{fact}give --shift-time a multiple of that"] * 2
    report = pcapconv.batch(tmp_path / "in", tmp_path / "y", to="pcapng", shift_time="1ns", jobs=jobs)
    assert [each["error"] for each in report.trouble] == [f"{fact}give shift_time= a multiple of that"] * 2


def test_a_manifest_says_it_as_whoever_ran_the_batch_does(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "x").mkdir()
    (tmp_path / "in" / "a.pcap").write_bytes(CAPTURE)
    (tmp_path / "x" / "a.pcapng").write_bytes(b"somebody's")
    assert run_in_folder(tmp_path, "batch", "in", "x", "--to", "pcapng", "-q")[0] == 1
    pcapconv.batch(tmp_path / "in", tmp_path / "x", to="pcapng", jobs=1)
    line, python = (tmp_path / "x" / "pcapconv-manifest.jsonl").read_text().splitlines()
    said = "a.pcapng: exists already; {} replaces only what an earlier run wrote, {} whatever is there"
    assert json.loads(line)["error"] == f"x/{said.format('--resume', '--force')}"
    assert json.loads(python)["error"] == f"{tmp_path}/x/{said.format('resume=True', 'force=True')}"


def test_what_only_python_has_is_named_as_there(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    status, said = run_in_folder(tmp_path, "batch", "in", "x", "--jobs", "1", "--scheduler", "tcp://127.0.0.1:1")
    assert (status, said) == (2, "pcapconv: --jobs and --scheduler exclude each other\n")
    with pytest.raises(pcapconv.UsageError, match=r"^jobs= and scheduler= exclude each other$"):
        pcapconv.batch(tmp_path / "in", tmp_path / "x", jobs=1, scheduler="tcp://127.0.0.1:1")


def test_the_command_line_takes_its_form_away_again(capfd: pytest.CaptureFixture[str]) -> None:
    assert cli.run(["convert", "none", "x.pcap", "--first", "0"]) == 2
    assert capfd.readouterr().err == "pcapconv: --first 0: too small; write a whole number from 1\n"
    assert current_form() is in_python


# ---------------------------------------------------------------- statuses


def test_statuses_of_errors() -> None:
    kinds = [each for each in vars(errors).values() if isinstance(each, type) and issubclass(each, Exception)]
    assert len(kinds) > 10
    report = Report("in", "out", "pcap")
    raised = [*(kind("why") for kind in kinds), LossError("why", report), NothingFoundError("why", BatchReport(""))]
    raised += [OSError(2, "why"), MemoryError(), ImportError("why")]
    wrong, refused = {"UsageError"}, {"LossError"}
    for error in raised:
        name = type(error).__name__
        assert status_of(error, "convert") == (2 if name in wrong else 4 if name in refused else 1), name
        assert status_of(error, "diff") == 2
        assert not hasattr(error, "exit_code")
