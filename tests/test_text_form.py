"""`pcapconv info --text`: every line of it, that it is stable, and `git diff` with it."""

import hashlib
import io
import os
import re
import subprocess
from pathlib import Path

import pytest
import wire
from command_line import COMMAND
from pages import blocks_of_page
from wire import BIG, In

from pcapconv import PcapconvError
from pcapconv.describing.text_form import write_text

PAGE = Path(__file__).resolve().parents[1] / "docs" / "how-to" / "git-diff.md"
SAMPLES = sorted((Path(__file__).parent / "samples").glob("*.pcap*"))


def text_of(capture: bytes) -> tuple[str, bool]:
    pieces: list[str] = []
    damaged = write_text(io.BytesIO(capture), pieces.append)
    return "".join(pieces), damaged


def run_info(*arguments: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([COMMAND, "info", *arguments], capture_output=True, text=True, timeout=60)


def test_every_line(write: In) -> None:
    order = "big" if write.byte_order == BIG else "little"
    capture = (
        write.section_header(options=write.options((wire.OPT_COMMENT, b'a \x1b[31m\n"b"'), (wire.SHB_OS, b"Linux")))
        + write.interface(
            113, 96, options=write.options((wire.IF_NAME, b"lo\n"), (wire.IF_TSRESOL, b"\x09"), (wire.IF_FCSLEN, b"\4"))
        )
        + write.names(
            wire.ipv4_name("192.0.2.1", "a", "b"), (99, b"x"), options=write.options((wire.OPT_COMMENT, b"n"))
        )
        + write.secrets(wire.TLS_KEY_LOG, b"key", options=write.options((wire.OPT_COMMENT, b"s")))
        + write.enhanced_packet(
            0,
            1_500_000_000,
            b"\x01\x02\x03\x04\x05",
            original_length=9,
            options=write.options(
                (wire.EPB_FLAGS, write.number(2, 4)), (wire.OPT_COMMENT, b'first, of "two"'), (999, b"u")
            ),
        )
        + write.simple_packet(b"")
        + write.statistics(0, 5, options=write.options((wire.ISB_IFRECV, write.number(7, 8))))
        + write.statistics(3, 5)
        + write.custom(wire.CUSTOM_COPY, 1, b"body")
        + write.block(0x80000123, b"")
    )
    pen = "00000001" if order == "big" else "01000000"
    assert text_of(capture) == (
        f"pcapng, version 1.0, {order}-endian\n"
        '  opt_comment "a \\u001b[31m\\n\\"b\\""\n'
        "  shb_os Linux\n"
        "interface 0: LINUX_SLL (113), snaplen 96, times in 10^-9 s, FCS of 4 bits\n"
        "  if_name lo\\x0a\n"
        "  if_tsresol 10^-9\n"
        "  if_fcslen 4\n"
        "Name Resolution\n"
        "  192.0.2.1 a b\n"
        "  record of type 99: 78\n"
        '  opt_comment "n"\n'
        f"Decryption Secrets: TLS key log, 3 bytes, SHA-256 {hashlib.sha256(b'key').hexdigest()}\n"
        '  opt_comment "s"\n'
        "packet 1970-01-01T00:00:01.500000000Z, interface 0, 5 of 9 bytes, epb_flags 2,"
        ' opt_comment "first, of \\"two\\"", option 999 75: 01020304 05\n'
        "packet no time, interface 0, 0 of 0 bytes:\n"
        "Interface Statistics: interface 0 at 1970-01-01T00:00:00.000000005Z\n"
        "  isb_ifrecv 7\n"
        "Interface Statistics: interface 3 at 5 ticks\n"
        f"Custom: {pen} 626f6479\n"
        "block 0x80000123:\n",
        False,
    )


def test_pcap() -> None:
    capture = wire.pcap_header(wire.NANOSECONDS, snaplen=0) + wire.pcap_record(1, 2, b"one", original_length=5)
    assert text_of(capture)[0] == (
        "pcap nanosecond, version 2.4, little-endian\n"
        "interface 0: ETHERNET (1), snaplen 0, times in 10^-9 s\n"
        "packet 1970-01-01T00:00:01.000000002Z, interface 0, 3 of 5 bytes: 6f6e65\n"
    )


def test_times_that_nobody_can_tell_and_options_that_nobody_can_read(write: In) -> None:
    capture = (
        write.section_header()
        + write.interface(options=write.options((wire.IF_TSOFFSET, b"\1")))
        + write.enhanced_packet(0, 77, b"one", options=write.options((wire.OPT_COMMENT, b"c"), end=False) + b"\1\1\1\1")
    )
    assert text_of(capture)[0].splitlines()[-2:] == [
        'packet 77 ticks, interface 0, 3 of 3 bytes, opt_comment "c": 6f6e65',
        "warning: offset 60: the options of packet 1 cannot be read to their end; they are kept as they are",
    ]


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.name)
def test_a_sample_cut_anywhere_has_a_text(path: Path) -> None:
    capture = path.read_bytes()
    for stop in range(0, len(capture), max(1, len(capture) // 25)):
        try:
            lines, _ = text_of(capture[:stop])
        except PcapconvError:
            continue
        assert lines.endswith("\n")
        assert all(line.isprintable() for line in lines.splitlines())


def test_long_packets_are_written_in_pieces() -> None:
    data = bytes(range(256)) * 400
    pieces: list[str] = []
    capture = wire.pcap_header() + wire.pcap_record(1, 2, data)
    write_text(io.BytesIO(capture), pieces.append)
    assert max(map(len, pieces)) < 80_000
    assert "".join(pieces).splitlines()[-1].partition(": ")[2] == data.hex(" ", -4)


def test_the_command(tmp_path: Path) -> None:
    good, cut, other = tmp_path / "a.pcap", tmp_path / "cut.pcap", tmp_path / "text.pcap"
    good.write_bytes(wire.pcap_header() + wire.pcap_record(1, 2, b"one"))
    cut.write_bytes(good.read_bytes() + b"more")
    other.write_text("Dear reader")
    done = run_info("--text", good)
    assert (done.returncode, done.stdout, done.stderr) == (0, text_of(good.read_bytes())[0], "")
    done = run_info("--text", cut)
    assert done.returncode == 3
    assert done.stdout.splitlines()[-1] == (
        "damage: offset 43 (packet 2): 4 bytes are left over, a record's header has 16; the text there is 'more'; "
        "4 bytes are left out"
    )
    done = run_info("--text", good, other, cut)
    assert done.returncode == 1
    assert done.stdout.startswith(f"capture {good}\npcap microsecond, version")
    assert done.stderr.startswith(f"pcapconv: {other}: not a pcap or pcapng capture")
    done = run_info("--text", "--json", good)
    assert (done.returncode, done.stderr) == (2, "pcapconv: --json and --text are two forms; give one of them\n")


# ---------------------------------------------------------------- git

PACKETS = [wire.enhanced_packet(0, number, b"packet %d" % number) for number in range(1, 30)]
HEAD = wire.section_header() + wire.interface()


def recipe() -> tuple[str, str]:
    """The file .gitattributes and the value of `diff.pcapconv.textconv` that the page on git diff tells to use."""
    blocks = list(blocks_of_page(PAGE.read_text(encoding="utf-8")))
    attributes = [block.text for block in blocks if block.detail == ".gitattributes"]
    text = "\n".join(block.text for block in blocks)
    programs = re.findall(r"^git config (diff\.pcapconv\.textconv) \\?\n? *'(.*)'$", text, re.MULTILINE)
    assert (len(attributes), len(programs)) == (1, 1)
    return attributes[0], programs[0][1]


class Repository:
    def __init__(self, folder: Path) -> None:
        self.folder = folder
        attributes, textconv = recipe()
        self.git("init", "-q")
        self.git("config", "diff.pcapconv.textconv", textconv)
        (folder / ".gitattributes").write_text(attributes)

    def git(self, *arguments: str) -> str:
        identity = {"GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_SYSTEM": os.devnull}
        names = {f"GIT_{who}_{what}": "tests" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
        path = {"PATH": f"{Path(COMMAND).parent}{os.pathsep}{os.environ['PATH']}"}
        done = subprocess.run(
            ["git", *arguments],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=60,
            env={**os.environ, **identity, **names, **path},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def changed(self, name: str, before: bytes, after: bytes) -> list[str]:
        """The lines that `git diff` shows as removed and added."""
        (self.folder / name).write_bytes(before)
        self.git("add", ".")
        self.git("commit", "-q", "-m", "before")
        (self.folder / name).write_bytes(after)
        lines = self.git("diff", "--no-color").splitlines()
        assert not any("Binary files" in line for line in lines)
        return [line for line in lines if line[:1] in "+-" and line[:3] not in ("+++", "---")]


@pytest.fixture
def repository(tmp_path: Path) -> Repository:
    return Repository(tmp_path)


def test_git_diff_shows_the_packet_that_is_gone(repository: Repository) -> None:
    before, after = HEAD + b"".join(PACKETS), HEAD + b"".join(PACKETS[:9] + PACKETS[10:])
    assert repository.changed("a.pcapng", before, after) == [
        "-packet 1970-01-01T00:00:00.000010Z, interface 0, 9 of 9 bytes: 7061636b 65742031 30"
    ]


def test_git_diff_shows_a_comment_and_a_byte(repository: Repository) -> None:
    changed = wire.enhanced_packet(0, 5, b"packet X", options=wire.options((wire.OPT_COMMENT, b"why")))
    before, after = HEAD + b"".join(PACKETS), HEAD + b"".join([*PACKETS[:4], changed, *PACKETS[5:]])
    assert repository.changed("a.ntar", before, after) == [
        "-packet 1970-01-01T00:00:00.000005Z, interface 0, 8 of 8 bytes: 7061636b 65742035",
        '+packet 1970-01-01T00:00:00.000005Z, interface 0, 8 of 8 bytes, opt_comment "why": 7061636b 65742058',
    ]


def test_git_diff_of_a_damaged_capture(repository: Repository) -> None:
    before = wire.pcap_header() + wire.pcap_record(1, 2, b"one")
    assert repository.changed("a.pcap", before, before + b"more") == [
        "+damage: offset 43 (packet 2): 4 bytes are left over, a record's header has 16; the text there is 'more'; "
        "4 bytes are left out"
    ]


def test_git_diff_of_what_is_no_capture(repository: Repository) -> None:
    """A pointer of Git LFS, say, which would else end the whole command."""
    assert repository.changed("a.pcap", b"version 1\nsize 5\n", b"version 1\nsize 6\n") == ["-size 5", "+size 6"]


def test_git_log_of_many(repository: Repository) -> None:
    repository.changed("a.cap", HEAD, HEAD + PACKETS[0])
    repository.git("commit", "-aqm", "after")
    log = repository.git("log", "-p", "-1", "--format=%s", "--no-color")
    assert "+packet 1970-01-01T00:00:00.000001Z" in log
