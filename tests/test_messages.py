"""What commands say when something is not as it was meant: the place, the fact, and what to type next."""

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
import wire
from command_line import COMMAND
from terminals import on_terminal

import pcapconv
from pcapconv import FileError, UsageError

HEADER = wire.section_header() + wire.interface()
PACKET = wire.enhanced_packet(0, 1, b"packet")
PCAP = wire.pcap_header() + wire.pcap_record(0, 1, b"packet")


def run_in_folder(folder: Path, *arguments: str) -> tuple[int, list[str]]:
    """Run the installed command in a folder; return its status and the lines of stderr."""
    done = subprocess.run([COMMAND, *arguments], cwd=folder, capture_output=True, text=True, timeout=60)
    return done.returncode, [line.removeprefix("pcapconv: ") for line in done.stderr.splitlines()]


def write_captures(folder: Path, *names: str) -> None:
    """Write captures of one packet each."""
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True, parents=True)
        (folder / name).write_bytes(PCAP if name.endswith(".pcap") else HEADER + PACKET)


# ---------------------------------------------------------------- directories


def test_a_directory_takes_the_output_under_the_input_s_name(tmp_path: Path) -> None:
    write_captures(tmp_path, "a.pcapng", "raw.dump")
    (tmp_path / "out").mkdir()
    assert run_in_folder(tmp_path, "convert", "a.pcapng", "out/", "--to", "pcap", "--report", "-")[0] == 0
    assert (tmp_path / "out" / "a.pcap").read_bytes()[:4] == PCAP[:4]
    assert run_in_folder(tmp_path, "convert", "a.pcapng", "out") == (0, [])
    assert (tmp_path / "out" / "a.pcapng").read_bytes() == HEADER + PACKET
    assert run_in_folder(tmp_path, "convert", "raw.dump", "out", "--to", "pcap") == (0, [])
    assert run_in_folder(tmp_path, "normalize", "a.pcapng", "out", "--force") == (0, [])
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == ["a.pcap", "a.pcapng", "raw.dump.pcap"]
    assert run_in_folder(tmp_path, "convert", "a.pcapng", "out") == (
        1,
        ["out/a.pcapng: exists already; --force replaces it"],
    )
    again = run_in_folder(tmp_path, "convert", "a.pcapng", ".", "--report", "a.pcapng")
    assert again == (2, ["--report a.pcapng: that is another file of the same run; give it a name of its own"])


def test_a_directory_takes_the_output_in_python_too(tmp_path: Path) -> None:
    write_captures(tmp_path, "a.pcapng")
    (tmp_path / "out").mkdir()
    report = pcapconv.convert(tmp_path / "a.pcapng", tmp_path / "out", to="pcap")
    assert report.outputs == [str(tmp_path / "out" / "a.pcap")]
    assert pcapconv.normalize(tmp_path / "a.pcapng", tmp_path / "out").outputs == [str(tmp_path / "out" / "a.pcapng")]
    with pytest.raises(FileError, match="out: is a directory, and the input has no name that the output could take"):
        pcapconv.convert(io.BytesIO(PCAP), tmp_path / "out", to="pcap")
    with pytest.raises(FileError, match=r"^there is no directory .*/none; make it first$"):
        pcapconv.convert(tmp_path / "a.pcapng", f"{tmp_path}/none/", to="pcap")


def test_a_url_names_batch(tmp_path: Path) -> None:
    write_captures(tmp_path, "a.pcap")
    advice = "no file has this name, and only pcapconv batch takes URLs, as source or target"
    url = "s3://lab/a.pcap"
    for line in (
        ["convert", url, "b.pcap"],
        ["split", url, "{index}.pcap", "--max-packets", "1"],
        ["normalize", url, "b.pcap"],
        ["normalize", "--check", url],
        ["info", url],
        ["join", url, "b.pcapng"],
    ):
        assert run_in_folder(tmp_path, *line) == (1, [f"{url}: cannot open: {advice}"])
    assert run_in_folder(tmp_path, "diff", "a.pcap", url) == (2, [f"{url}: cannot open: {advice}"])
    assert run_in_folder(tmp_path, "convert", "a.pcap", url) == (1, [f"{url}: cannot create: {advice}"])
    assert run_in_folder(tmp_path, "convert", "a.pcap", "s3://lab/") == (1, [f"s3://lab/: cannot create: {advice}"])
    parts = "gs://lab/{index}.pcap"
    assert run_in_folder(tmp_path, "split", "a.pcap", parts, "--max-packets", "1") == (
        1,
        [f"{parts}: cannot create: {advice}"],
    )
    with pytest.raises(FileError, match=r"only pcapconv\.batch takes URLs, as source or target$"):
        pcapconv.convert(url, tmp_path / "b.pcap")
    write_captures(tmp_path, "s3:/lab/a.pcap")
    assert run_in_folder(tmp_path, "convert", url, "b.pcap") == (0, [])
    assert run_in_folder(tmp_path, "convert", "a.pcap", "s3://lab/b.pcap") == (0, [])


def test_a_directory_as_input_names_batch(tmp_path: Path) -> None:
    write_captures(tmp_path, "in/a.pcapng")
    sentence = "in: is a directory; pcapconv batch converts all captures in it"
    assert run_in_folder(tmp_path, "convert", "in", "out.pcap") == (1, [sentence])
    assert run_in_folder(tmp_path, "convert", "in", ".") == (1, [sentence])
    with pytest.raises(FileError, match=r"in: is a directory; pcapconv\.batch converts all captures in it$"):
        pcapconv.convert(tmp_path / "in", io.BytesIO(), to="pcap")


def test_join_says_first_what_is_no_sidecar(tmp_path: Path) -> None:
    write_captures(tmp_path, "a.pcap")
    sentence = "a.pcap: not a sidecar of pcapconv; name the .meta.json that it wrote beside the capture"
    assert run_in_folder(tmp_path, "join", "a.pcap", "b.pcap") == (1, [sentence])


# ---------------------------------------------------------------- packets and comments


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (["--packets", "1-3"], []),
        (["--packets", "2-"], []),
        (["--packets", "1,3-5,7-9,12-"], ["--packets 3-5,7-9,12-: the capture has 3 packets"]),
        (["--drop-packets", "4"], ["--drop-packets 4: the capture has 3 packets"]),
        (["--packets", "1,5,7,9,11,13,15"], ["--packets 5,7,9,11,13: the capture has 3 packets"]),
    ],
    ids=str,
)
def test_numbers_beyond_the_last_packet_are_said(tmp_path: Path, given: list[str], said: list[str]) -> None:
    (tmp_path / "in.pcapng").write_bytes(HEADER + PACKET * 3)
    done = run_in_folder(tmp_path, "convert", "in.pcapng", "out.pcapng", *given)
    assert done == (0, [f"warning: in.pcapng: {each}" for each in said])
    done = run_in_folder(tmp_path, "split", "in.pcapng", "{index}.pcapng", "--max-packets", "9", *given)
    assert done == (0, [f"warning: in.pcapng: {each}" for each in said])


def test_numbers_beyond_the_last_packet_are_said_in_python() -> None:
    report = pcapconv.convert(io.BytesIO(HEADER), io.BytesIO(), to="pcapng", packets="1")
    assert [str(each) for each in report.warnings] == ["packets='1': the capture has 0 packets"]


def test_a_comment_on_a_packet_that_nothing_would_hold_is_refused(tmp_path: Path) -> None:
    write_captures(tmp_path, "a.pcapng", "a.pcap")
    sentence = "--packet-comment: pcap cannot hold comments; write pcapng, or keep them in a sidecar with --sidecar"
    comment = ["--packet-comment", "1:seen"]
    assert run_in_folder(tmp_path, "convert", "a.pcapng", "b.pcap", *comment) == (2, [sentence])
    assert run_in_folder(tmp_path, "split", "a.pcapng", "{index}.pcap", "--max-packets", "1", *comment) == (
        2,
        [sentence],
    )
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pcap", "a.pcapng"]
    assert run_in_folder(tmp_path, "convert", "a.pcapng", "b.pcap", "--sidecar", "-q", *comment) == (0, [])
    assert run_in_folder(tmp_path, "convert", "a.pcapng", "c.pcap", "--on-loss", "ignore", *comment) == (0, [])
    assert run_in_folder(tmp_path, "convert", "a.pcap", "c.pcapng", *comment) == (0, [])
    with pytest.raises(UsageError, match=r"^packet_comment=: pcap cannot hold .* sidecar with sidecar=True$"):
        pcapconv.convert(tmp_path / "a.pcapng", io.BytesIO(), to="pcap", packet_comment=["1:seen"])


def test_a_batch_refuses_such_comments_at_once_or_names_the_file(tmp_path: Path) -> None:
    write_captures(tmp_path, "in/a.pcap", "in/b.pcapng")
    sentence = "--packet-comment: pcap cannot hold comments; write pcapng, or keep them in a sidecar with --sidecar"
    comment = ["--packet-comment", "1:seen", "-q"]
    assert run_in_folder(tmp_path, "batch", "in", "out", "--to", "pcap", *comment) == (2, [sentence])
    assert not (tmp_path / "out").exists()
    assert run_in_folder(tmp_path, "batch", "in", "out", *comment) == (1, [f"a.pcap: {sentence}"])
    assert run_in_folder(tmp_path, "batch", "in", "new", "--to", "pcap", "--sidecar", *comment) == (0, [])


def test_the_keys_of_interfaces_are_named_once(tmp_path: Path) -> None:
    write_captures(tmp_path, "a.pcapng")
    keys = "name, description, filter, os, hardware, speed, snaplen, fcs-length, comment"
    for given, fact in (("0.mtu=9000", "the key is"), ("eth0", "not ID.KEY=VALUE, where KEY is")):
        done = run_in_folder(tmp_path, "convert", "a.pcapng", "b.pcapng", "--set-interface", given)
        assert done == (2, [f"--set-interface {given}: {fact} one of {keys}; write 0.name=VALUE"])


# ---------------------------------------------------------------- without compiled kernels

NOT_BUILT = (
    "import importlib.abc, sys\n"
    "class NotThere(importlib.abc.MetaPathFinder):\n"
    "    def find_spec(self, name, path, target=None):\n"
    "        if name == 'pcapconv.kernels.compiled':\n"
    "            raise ModuleNotFoundError(name)\n"
    "sys.meta_path.insert(0, NotThere())\n"
    "from pcapconv.cli import run\n"
    "sys.exit(run(sys.argv[1:]))"
)
SLOW = "pcapconv: the compiled kernels were not built here, and pcapconv is several times slower without them; install "


def not_built(folder: Path, *arguments: str, **environment: str) -> str:
    """stderr, a terminal, where there are no compiled kernels."""
    given = {"XDG_CACHE_HOME": str(folder / "cache"), "PCAPCONV_KERNELS": ""} | environment
    code = ["-P", "-c", NOT_BUILT, *arguments]
    return on_terminal("stderr", *code, columns=300, folder=folder, environment=given, command=sys.executable)[1]


@pytest.mark.parametrize(
    "arguments",
    [("convert", "a.pcap", "b.pcap"), ("batch", "in", "out"), ("info", "a.pcap"), ("diff", "a.pcap", "a.pcap")],
    ids=lambda arguments: arguments[0],
)
def test_a_terminal_is_told_once_that_the_kernels_are_slow(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    write_captures(tmp_path, "a.pcap", "in/a.pcap")
    assert not_built(tmp_path, *arguments, PCAPCONV_KERNELS="interpreted").count(SLOW) == 0
    seen = not_built(tmp_path, *arguments).splitlines()
    assert seen[0].startswith(SLOW)
    assert seen[0].endswith(
        "install a C compiler, then install pcapconv again from where you got it (in a clone: python -m pip install "
        "--force-reinstall --no-deps --no-cache-dir .); this warning appears only once"
    )
    assert [path.name for path in (tmp_path / "cache" / "pcapconv").iterdir()] == [
        f"interpreted-{pcapconv.__version__}"
    ]
    assert not_built(tmp_path, *arguments).count(SLOW) == 0


def test_nobody_is_told_of_slow_kernels_where_nobody_reads_or_they_are_fast(tmp_path: Path) -> None:
    write_captures(tmp_path, "a.pcap")
    assert SLOW not in not_built(tmp_path, "convert", "a.pcap", "b.pcap", "-q")
    done = subprocess.run(
        [sys.executable, "-P", "-c", NOT_BUILT, "info", "a.pcap"],
        cwd=tmp_path,
        env=os.environ | {"XDG_CACHE_HOME": str(tmp_path / "cache"), "PCAPCONV_KERNELS": ""},
        capture_output=True,
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert not (tmp_path / "cache").exists()


def test_slow_kernels_are_said_again_where_nothing_can_be_kept(tmp_path: Path) -> None:
    write_captures(tmp_path, "a.pcap")
    (tmp_path / "cache").write_bytes(b"")
    for _ in range(2):
        assert not_built(tmp_path, "info", "a.pcap").startswith(SLOW)
