"""Sidecars as files: none is another file of its command, they appear with their captures, and what is hostile takes
little memory."""

import base64
import errno
import hashlib
import io
import json
import os
import resource
import subprocess
import zlib
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
import wire
from command_line import COMMAND
from conversions import Pipe

import pcapconv
from pcapconv import DamageError, FileError, LossError, SidecarError, UsageError
from pcapconv.describing import info
from pcapconv.io.target import PlainFile

FOLDER = Path(__file__).parent / "samples"
WEB, TLS, LINK_TYPES = FOLDER / "web.pcapng", FOLDER / "secrets-le.pcapng", FOLDER / "link-types-le.pcapng"


def run_in_folder(folder: Path, *words: str | Path) -> "subprocess.CompletedProcess[str]":
    return subprocess.run([COMMAND, *words], cwd=folder, capture_output=True, text=True, timeout=60)


@pytest.fixture
def lab(tmp_path: Path) -> Path:
    """A folder with a capture, a pcap file and its sidecar."""
    (tmp_path / "a.pcapng").write_bytes(TLS.read_bytes())
    pcapconv.convert(TLS, tmp_path / "a.pcap", sidecar=True, sidecar_secrets=True)
    return tmp_path


# ---------------------------------------------------------------- one command, one file each


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("convert a.pcapng a.pcap --sidecar --force --report a.pcap.meta.json", 2),
        ("convert a.pcapng a.pcap --sidecar --force --extract-secrets a.pcap.meta.json", 2),
        ("convert a.pcapng a.pcap --sidecar --force --inject-secrets tls,a.pcap.meta.json", 2),
        ("convert a.pcap a.pcap.meta.json --to pcapng --sidecar --force", 2),
        ("convert a.pcap b.pcapng --sidecar-file a.pcap --force", 2),
        ("convert a.pcapng b.pcap --sidecar-file s --report s --force", 2),
        ("convert s.pcap.meta.json s.pcap --sidecar --force", 2),
        ("split a.pcapng {stem}-{link_type}.pcap --by link-type --sidecar --force --extract-secrets a.meta.json", 2),
        ("split link {stem}-{link_type}.pcap --by link-type --sidecar --force", 2),
        ("split a.pcapng {stem}.meta.json --to pcap --by link-type --sidecar --force", 2),
        ("join a.pcap.meta.json a.pcap.meta.json --force", 2),
        ("join a.pcap.meta.json ./out.pcap", 2),
    ],
)
def test_no_file_is_two_files_of_a_command(line: str, status: int, lab: Path) -> None:
    (lab / "s.pcap.meta.json").write_bytes(WEB.read_bytes())
    (lab / "link").symlink_to("link.meta.json")
    (lab / "link.meta.json").write_bytes(WEB.read_bytes())
    before = {path.name: path.read_bytes() for path in lab.iterdir()}
    done = run_in_folder(lab, *line.split())
    assert (done.returncode, done.stdout) == (status, "")
    assert done.stderr.startswith("pcapconv: ")
    assert done.stderr.count("\n") == 1
    assert {path.name: path.read_bytes() for path in lab.iterdir()} == before


def test_parts_are_not_overwritten_by_what_they_make(tmp_path: Path) -> None:
    pcapconv.split(LINK_TYPES, tmp_path / "{stem}-{link_type}.pcap", by="link-type", sidecar=True)
    sidecar = tmp_path / "link-types-le.meta.json"
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    for name in before:
        link = tmp_path / f"{name}.pcapng"
        link.symlink_to(name)
        with pytest.raises(UsageError, match="is the sidecar or one of the parts; name a different file"):
            pcapconv.join(sidecar, link, force=True)
        link.unlink()
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
    part = next(path.name for path in tmp_path.glob("*.pcap"))
    done = run_in_folder(tmp_path, "join", sidecar, "x.pcapng", "--force", "--report", part)
    assert (done.returncode, {path.name: path.read_bytes() for path in tmp_path.iterdir()}) == (2, before)
    with pytest.raises(UsageError, match=r"x\.pcap: what join makes is pcapng; give it the suffix \.pcapng"):
        pcapconv.join(sidecar, tmp_path / "x.pcap")


def test_open_files_are_files_of_the_command_too(lab: Path) -> None:
    capture, sidecar = lab / "a.pcapng", lab / "a.pcap.meta.json"
    before = {path.name: path.read_bytes() for path in lab.iterdir()}
    with capture.open("rb") as source, pytest.raises(UsageError, match="another file of the same run"):
        pcapconv.convert(source, lab / "b.pcap", sidecar_file=capture, force=True)
    with sidecar.open("r+b") as target, pytest.raises(UsageError, match="another file of the same run"):
        pcapconv.convert(lab / "a.pcap", target, to="pcapng", sidecar=True)
    with capture.open("rb") as stdin:
        words = [str(COMMAND), "convert", "-", "b.pcap", "--sidecar-file", "a.pcapng", "--force"]
        done = subprocess.run(words, cwd=lab, stdin=stdin, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2
    assert {path.name: path.read_bytes() for path in lab.iterdir()} == before


def test_the_sidecar_of_another_capture_stays(lab: Path) -> None:
    """Also where a link leads to it; only in place does the new one take the place of the one that was read."""
    (lab / "b.pcap.meta.json").symlink_to("a.pcap.meta.json")
    before = {path.name: path.read_bytes() for path in lab.iterdir()}
    with pytest.raises(UsageError, match="another file of the same run"):
        pcapconv.convert(lab / "a.pcap", lab / "b.pcap", sidecar=True, force=True, first=2)
    assert {path.name: path.read_bytes() for path in lab.iterdir()} == before
    pcapconv.convert(lab / "a.pcap", lab / "a.pcap", sidecar=True, sidecar_secrets=True, force=True)
    target = io.BytesIO()
    pcapconv.convert(lab / "a.pcap", target, to="pcapng", sidecar=True)
    assert target.getvalue() == TLS.read_bytes()


# ---------------------------------------------------------------- which one is read, which one is written


def test_from_pcap_to_pcap_the_named_one_is_read(lab: Path) -> None:
    named = lab / "named.json"
    (lab / "a.pcap.meta.json").rename(named)
    says = named.read_bytes()
    report = pcapconv.convert(lab / "a.pcap", lab / "b.pcap", sidecar_file=named, sidecar_secrets=True)
    assert (report.sidecar_read, report.sidecar_written) == (str(named), f"{lab / 'b.pcap'}.meta.json")
    assert named.read_bytes() == says
    target = io.BytesIO()
    pcapconv.convert(lab / "b.pcap", target, to="pcapng", sidecar=True)
    assert target.getvalue() == TLS.read_bytes()
    with pytest.raises(UsageError, match="a pcap file on a pipe has no sidecar beside it"):
        pcapconv.convert(lab / "a.pcap", io.BytesIO(), to="pcap", sidecar_file=named)


@pytest.mark.parametrize("fingerprints", [False, True])
def test_fingerprints_are_handed_on(lab: Path, fingerprints: bool) -> None:
    """Whoever wanted packets to be known again wants it still."""
    pcapconv.convert(TLS, lab / "a.pcap", sidecar=True, sidecar_fingerprints=fingerprints, force=True)
    pcapconv.convert(lab / "a.pcap", lab / "a.pcap", sidecar=True, snaplen=60, force=True)
    assert json.loads((lab / "a.pcap.meta.json").read_bytes())["fingerprints"] is fingerprints


def test_from_pcap_without_one_there_is_nothing_to_keep(lab: Path) -> None:
    (lab / "a.pcap.meta.json").unlink()
    done = run_in_folder(lab, "convert", "a.pcap", "b.pcap", "--sidecar")
    assert (done.returncode, done.stderr) == (
        0,
        "pcapconv: b.pcap: its sidecar keeps nothing, since there is no sidecar beside a.pcap\n",
    )
    assert run_in_folder(lab, "convert", "a.pcap", "b.pcap", "--sidecar", "--force", "-q").stderr == ""


@pytest.mark.parametrize("wrapped", [io.BytesIO, Pipe])
def test_objects_are_captures_too(wrapped: Any, lab: Path) -> None:
    data, target = (lab / "a.pcap").read_bytes(), io.BytesIO()
    pcap = cast("BinaryIO", wrapped([data]) if wrapped is Pipe else wrapped(data))
    pcapconv.convert(pcap, target, to="pcapng", sidecar_file=lab / "a.pcap.meta.json")
    assert target.getvalue() == TLS.read_bytes()


def test_names_that_are_not_utf_8(lab: Path) -> None:
    name = os.fsdecode(b"\xff.pcap")
    pcapconv.convert(TLS, lab / name, sidecar=True, sidecar_secrets=True)
    said = json.loads((lab / f"{name}.meta.json").read_bytes())
    assert said["captures"][0]["name"] == name
    pcapconv.convert(lab / name, lab / "b.pcapng", sidecar=True)
    assert (lab / "b.pcapng").read_bytes() == TLS.read_bytes()
    pcapconv.split(LINK_TYPES, lab / f"{name}-{{link_type}}.pcap", by="link-type", sidecar=True)
    pcapconv.join(lab / "link-types-le.meta.json", lab / "c.pcapng")
    assert (lab / "c.pcapng").read_bytes() == LINK_TYPES.read_bytes()


def test_a_name_that_nothing_can_have(lab: Path) -> None:
    with pytest.raises(FileError, match=r"embedded null (byte|character)"):
        pcapconv.convert(TLS, lab / "b.pcap", sidecar_file="a\0b")
    with pytest.raises(FileError, match=r"embedded null (byte|character)"):
        pcapconv.convert(lab / "a.pcap", lab / "b.pcapng", sidecar_file="a\0b")


def test_a_sidecar_on_a_pipe(tmp_path: Path) -> None:
    pcapconv.split(LINK_TYPES, tmp_path / "{stem}-{link_type}.pcap", by="link-type", sidecar=True)
    words = f"cat link-types-le.meta.json | {COMMAND} join /dev/stdin out.pcapng"
    done = subprocess.run(["bash", "-c", words], cwd=tmp_path, capture_output=True, text=True, timeout=60)
    assert done.stderr == (
        "pcapconv: /dev/link-types-le-ETHERNET.pcap: cannot open: no such file or directory; the captures of "
        "/dev/stdin belong beside it, under their names\n"
    )


def test_info_does_not_wait_for_a_pipe(lab: Path) -> None:
    (lab / "a.pcap.meta.json").unlink()
    os.mkfifo(lab / "a.pcap.meta.json")
    assert info(lab / "a.pcap").sidecar is None


# ---------------------------------------------------------------- both or neither


@pytest.mark.parametrize("links", [False, True])
@pytest.mark.parametrize("there", [False, True])
def test_a_capture_that_cannot_appear_leaves_the_old_sidecar(
    there: bool, links: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pcap, sidecar = tmp_path / "a.pcap", tmp_path / "a.pcap.meta.json"
    if there:
        pcapconv.convert(WEB, pcap, sidecar=True)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    publish = PlainFile.publish

    def refuse(self: PlainFile, *, keep_old: bool) -> None:
        if self.name == str(pcap):
            assert sidecar.exists()
            raise FileError("no room")
        publish(self, keep_old=keep_old)

    link = os.link

    def no_links(source: str, target: str, **options: Any) -> None:
        """But of what has no name yet: as where files of others cannot be linked."""
        if not source.startswith("/proc/"):
            raise PermissionError(errno.EPERM, "no links here")
        link(source, target, **options)

    monkeypatch.setattr(PlainFile, "publish", refuse)
    if not links:
        monkeypatch.setattr(os, "link", no_links)
    with pytest.raises(FileError, match="no room"):
        pcapconv.convert(TLS, pcap, sidecar=True, force=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full")
@pytest.mark.parametrize("there", [False, True])
def test_a_full_device(there: bool, tmp_path: Path) -> None:
    sidecar = tmp_path / "s.json"
    if there:
        pcapconv.convert(WEB, tmp_path / "a.pcap", sidecar_file=sidecar)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(FileError, match="/dev/full: cannot write: no space left on device"):
        pcapconv.convert(TLS, "/dev/full", to="pcap", sidecar_file=sidecar, force=True)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


# ---------------------------------------------------------------- what is hostile


def signed_sidecar(pcap: Path, content: list[bytes], head: dict[str, Any] | None = None) -> bytes:
    """A sidecar of a pcap file, with whatever content."""
    data = pcap.read_bytes()
    belongs = {
        "name": "a",
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "packets": 1,
        "link_type": 1,
    }
    says = {
        "captures": [belongs], "source_format": "pcapng", "kept": {}, "missing": {}, "damage": 0, "fingerprints": False,
    }  # fmt: skip
    lines = [b'{"pcapconv_sidecar": 1,\n']
    lines += [f'"{name}": {json.dumps(value)},\n'.encode() for name, value in (says | (head or {})).items()]
    lines += [
        b'"content": [\n',
        *(line + b",\n" for line in content[:-1]),
        *(line + b"\n" for line in content[-1:]),
        b"],\n",
    ]
    whole = b"".join(lines)
    return whole + b'"sha256": "' + hashlib.sha256(whole).hexdigest().encode() + b'"}\n'


SECTION = b'{"section": {"byte_order": "little", "version": "1.0", "length": -1, "options": []}}'
INTERFACE = b'{"interface": {"id": 0, "link_type": 1, "snaplen": 0, "options": []}}'
PACKET = b'{"packets": {"count": 1, "interface": 0}}'


@pytest.fixture
def one(tmp_path: Path) -> Path:
    """A pcap file with one packet."""
    pcap = tmp_path / "a.pcap"
    pcap.write_bytes(wire.pcap_header() + wire.pcap_record(1, 2, b"one"))
    return pcap


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ([SECTION, INTERFACE, PACKET, b'{"block": {"type": "0x00000006", "raw": "AAAA"}}'], "type 0x00000006, which"),
        ([SECTION, b'{"block": {"type": "0x00000001", "raw": ""}}', INTERFACE, PACKET], "type 0x00000001, which"),
        ([SECTION, INTERFACE, PACKET, b'{"block": {"type": "0x0a0d0d0a", "raw": ""}}'], "type 0x0a0d0d0a, which"),
        (
            [SECTION.replace(b"}}", b', "raw": "TTwrGgkACQD//////////w=="}}'), INTERFACE, PACKET],
            "a section's version is not one that pcapconv reads",
        ),
        (
            [SECTION, INTERFACE, b'{"packets": {"count": 262144, "interface": 0, "ticks": ""}}'],
            "an entry about more than 131072 packets",
        ),
        ([SECTION, INTERFACE, b"[" + b"[]," * 600_000 + b"[]]"], "an entry has more than 524288 parts"),
        (
            [SECTION, INTERFACE.replace(b"[]", b'[{"if_tsresol": 199}]'), PACKET],
            "packet 1: its interface cannot count its time",
        ),
        ([], "its content has no section; make it again from the capture"),
    ],
)
def test_content_that_is_refused(content: list[bytes], says: str, one: Path, tmp_path: Path) -> None:
    (tmp_path / "a.pcap.meta.json").write_bytes(signed_sidecar(one, content))
    with pytest.raises(SidecarError, match=says):
        pcapconv.convert(one, tmp_path / "b.pcapng", sidecar=True)
    assert not (tmp_path / "b.pcapng").exists()


def signed_anew(lines: list[bytes]) -> bytes:
    """Lines of a sidecar, with the SHA-256 that they have now."""
    whole = b"".join(lines)
    return whole + b'"sha256": "' + hashlib.sha256(whole).hexdigest().encode() + b'"}\n'


@pytest.mark.parametrize("records", [b"", wire.pcap_record(1, 2, b"one")], ids=["no-packet", "one-packet"])
@pytest.mark.parametrize("head", [{}, {"source_format": "pcap"}, {"fingerprints": True}], ids=str)
@pytest.mark.parametrize("left", [0, 1], ids=["no-member", "no-entry"])
def test_empty_content_is_refused(left: int, head: dict[str, Any], records: bytes, tmp_path: Path) -> None:
    pcap, out = tmp_path / "a", tmp_path / "b.pcapng"
    pcap.write_bytes(wire.pcap_header() + records)
    lines = signed_sidecar(pcap, [SECTION], head | {"damage": 0}).splitlines(keepends=True)
    begin = lines.index(b'"content": [\n')
    lines[begin : begin + 2] = lines[begin : begin + left]
    sidecar = tmp_path / "a.meta.json"
    sidecar.write_bytes(signed_anew(lines[:-1]))
    says = "a.meta.json: its content has no section; make it again from the capture"
    with pytest.raises(SidecarError, match=says):
        pcapconv.convert(pcap, out, sidecar=True)
    with pytest.raises(SidecarError, match=says):
        pcapconv.join(sidecar, out)
    with pytest.raises(SidecarError, match=says):
        pcapconv.open(pcap, sidecar=True)
    assert not out.exists()


@pytest.mark.parametrize("content", [[SECTION], [SECTION, INTERFACE]], ids=["section", "interface"])
def test_a_part_that_is_said_to_be_empty(content: list[bytes], one: Path, tmp_path: Path) -> None:
    data = one.read_bytes()
    belongs = {"name": "a.pcap", "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest(), "packets": 0}
    (tmp_path / "s").write_bytes(signed_sidecar(one, content, {"captures": [belongs | {"link_type": 1}]}))
    with pytest.raises(SidecarError, match=r"s: it says that a\.pcap has no packets, but it has"):
        pcapconv.join(tmp_path / "s", tmp_path / "b.pcapng")
    assert not (tmp_path / "b.pcapng").exists()


@pytest.mark.parametrize(
    ("content", "gives"),
    [
        ([SECTION], wire.section_header()),
        ([SECTION, INTERFACE], wire.section_header() + wire.interface(snaplen=0)),
    ],
    ids=["section", "interface"],
)
def test_a_capture_without_packets_comes_back(content: list[bytes], gives: bytes, tmp_path: Path) -> None:
    pcap = tmp_path / "a.pcap"
    pcap.write_bytes(wire.pcap_header())
    (tmp_path / "a.pcap.meta.json").write_bytes(signed_sidecar(pcap, content))
    pcapconv.convert(pcap, tmp_path / "b.pcapng", sidecar=True)
    assert (tmp_path / "b.pcapng").read_bytes() == gives


def test_content_that_does_not_begin(one: Path, tmp_path: Path) -> None:
    """Its lines are there, but nothing says that they are content."""
    whole = signed_sidecar(one, [SECTION, INTERFACE, PACKET]).replace(b'"content": [\n', b"")
    lines = whole.splitlines(keepends=True)[:-1]
    digest = b'"sha256": "' + hashlib.sha256(b"".join(lines)).hexdigest().encode() + b'"}\n'
    (tmp_path / "a.pcap.meta.json").write_bytes(b"".join([*lines, digest]))
    with pytest.raises(SidecarError, match="its content has no section"):
        pcapconv.convert(one, tmp_path / "b.pcapng", sidecar=True)
    assert not (tmp_path / "b.pcapng").exists()


def test_a_part_of_each_link_type(one: Path, tmp_path: Path) -> None:
    data = one.read_bytes()
    belongs = {"name": "a.pcap", "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    both = [belongs | {"packets": 1, "link_type": 1}] * 2
    (tmp_path / "s").write_bytes(signed_sidecar(one, [SECTION, INTERFACE, PACKET], {"captures": both}))
    with pytest.raises(SidecarError, match="two of its captures have packets of one link type"):
        pcapconv.join(tmp_path / "s", tmp_path / "b.pcapng")


@pytest.mark.slow
def test_little_memory(one: Path, tmp_path: Path) -> None:
    """Numbers and lengths of strangers take none of their own."""
    bomb = base64.b64encode(zlib.compress(bytes(2**27), 9))
    contents = [
        signed_sidecar(
            one, [SECTION, INTERFACE, b'{"packets": {"count": 131072, "interface": 0, "ticks": "' + bomb + b'"}}']
        ),
        signed_sidecar(one, [SECTION, INTERFACE, b"[" + b"[]," * 7_000_000 + b"[]]"]),
        signed_sidecar(one, [SECTION], {f"unknown{number}": "x" * 2**20 for number in range(100)}),
        signed_sidecar(one, [SECTION], {"captures": [[]] * 200_000}),
        bytes(400 * 2**20),
    ]
    limit = 400 * 2**20  # of address space, most of which is never used

    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))

    for content in contents:
        (tmp_path / "a.pcap.meta.json").write_bytes(content)
        for words in (["convert", str(one), str(tmp_path / "b.pcapng"), "--sidecar"], ["info", str(one)]):
            done = subprocess.run([COMMAND, *words], capture_output=True, text=True, timeout=60, preexec_fn=limited)
            said = done.stderr + done.stdout
            assert "Traceback" not in said
            assert "a.pcap.meta.json: " in said
            assert "out of memory" not in said.lower()
            assert done.returncode == (1 if words[0] == "convert" else 0)


# ---------------------------------------------------------------- pcapconv.open


def test_open_reads_what_the_sidecar_says(lab: Path) -> None:
    def all_of(source: Any, **options: Any) -> list[Any]:
        with pcapconv.open(source, **options) as capture:
            return [(packet.time, packet.data, packet.comments, packet.raw_options) for packet in capture]

    original, named = all_of(WEB), lab / "a.pcap.meta.json"
    assert any(options for *_, options in original)
    pcapconv.convert(WEB, lab / "a.pcap", sidecar=True, force=True)
    assert all_of(lab / "a.pcap", sidecar=True) == original
    assert all_of(io.BytesIO((lab / "a.pcap").read_bytes()), sidecar=named) == original
    assert all_of(WEB, sidecar=True) == original
    with pytest.raises(UsageError, match="a pcap file on a pipe has no sidecar beside it"):
        pcapconv.open(io.BytesIO((lab / "a.pcap").read_bytes()), sidecar=True)
    (lab / "a.pcap").write_bytes((lab / "a.pcap").read_bytes()[:-1] + b"x")
    with pytest.raises(SidecarError, match="its SHA-256 is different"):
        pcapconv.open(lab / "a.pcap", sidecar=True)
    pcapconv.convert(WEB, lab / "a.pcap", sidecar=True, sidecar_fingerprints=True, force=True)
    (lab / "a.pcap").write_bytes((lab / "a.pcap").read_bytes()[:-1] + b"x")
    last = original[-1]
    expected = [*original[:-1], (last[0], last[1][:-1] + b"x", *last[2:])]
    assert all_of(lab / "a.pcap", sidecar=True) == expected


def test_open_tells_of_damage_and_leaves_out_what_is_not_to_be_copied(lab: Path) -> None:
    stated = wire.options(
        (wire.OPT_COMMENT, b"c"), (wire.OPT_CUSTOM_BYTES_DO_NOT_COPY, wire.custom_value(32473, b"no"))
    )
    blocks = [wire.enhanced_packet(0, number, b"packet %d" % number, options=stated) for number in range(3)]
    whole = wire.section_header() + wire.interface() + b"".join(blocks)
    pcapconv.convert(io.BytesIO(whole), lab / "a.pcap", force=True, sidecar=True, sidecar_fingerprints=True)
    (lab / "a.pcap").write_bytes((lab / "a.pcap").read_bytes()[:-3])
    with pcapconv.open(lab / "a.pcap", sidecar=True) as capture:
        assert [packet.comments for packet in capture] == [["c"], ["c"]]
        assert [damage.offset for damage in capture.damage] == [24 + 2 * 24]
    with pcapconv.open(lab / "a.pcap", sidecar=True) as capture:
        assert [packet.raw_options for packet in capture] == [wire.options((wire.OPT_COMMENT, b"c"))] * 2
    with pcapconv.open(lab / "a.pcap", sidecar=True, strict=True) as capture, pytest.raises(DamageError):
        list(capture)
    for nothing in (None, False):
        with pcapconv.open(lab / "a.pcap", sidecar=nothing) as capture:
            assert [packet.comments for packet in capture] == [[], []]
    with pytest.raises(UsageError, match="a sidecar is a file; name one"):
        pcapconv.open(lab / "a.pcap", sidecar="")
    with pytest.raises(FileNotFoundError, match=r"to pcap writes one, sidecar='FILE' reads a different one$"):
        pcapconv.open(lab / "a.pcap", sidecar=lab / "none.json")


# ---------------------------------------------------------------- over several ways


@pytest.mark.parametrize("fingerprints", [False, True])
def test_what_is_added_to_a_pcap_file_comes_back(fingerprints: bool, tmp_path: Path) -> None:
    """And what only its header can say is lost, once it is another one."""
    (tmp_path / "a.pcap").write_bytes(wire.pcap_header(thiszone=3600) + wire.pcap_record(1, 2, b"one"))
    options: dict[str, Any] = {"sidecar": True, "sidecar_fingerprints": fingerprints}
    there = pcapconv.convert(tmp_path / "a.pcap", tmp_path / "b.pcap", packet_comment=["1:important"], **options)
    assert (there.losses, there.kept_in_sidecar) == ({"header-fields": 1}, {"comments": 1})
    again = pcapconv.convert(tmp_path / "b.pcap", tmp_path / "c.pcap", **options)
    assert (again.losses, again.kept_in_sidecar) == ({}, {"comments": 1})
    for name in ("b.pcap", "c.pcap"):
        with pcapconv.open(tmp_path / name, sidecar=True) as capture:
            assert [packet.comments for packet in capture] == [["important"]]
        pcapconv.convert(tmp_path / name, tmp_path / "d.pcapng", sidecar=True, force=True)
        with pcapconv.open(tmp_path / "d.pcapng") as capture:
            assert [packet.comments for packet in capture] == [["important"]]


def test_what_is_missing_stays_missing(tmp_path: Path) -> None:
    pcapconv.convert(TLS, tmp_path / "a.pcap", sidecar=True)
    pcapconv.convert(tmp_path / "a.pcap", tmp_path / "b.pcap", sidecar=True)
    report = pcapconv.convert(tmp_path / "b.pcap", tmp_path / "c.pcapng", sidecar=True)
    assert report.missing_in_sidecar == {"comments": 1, "secrets": 7}
    with pytest.raises(LossError, match=r"b\.pcap\.meta\.json was written without 1 comment, 7 secrets blocks"):
        pcapconv.convert(tmp_path / "b.pcap", tmp_path / "d.pcapng", sidecar=True, on_loss="fail")


@pytest.mark.parametrize("options", [{"last": 2}, {"interface": ["0"]}, {"set_interface": ["0.name=x"]}, {}], ids=str)
def test_an_edited_capture_of_the_same_size(options: dict[str, Any], tmp_path: Path) -> None:
    """What is read first makes no sense then, also where something is to be known beforehand."""
    blocks = [wire.enhanced_packet(0, number, bytes([number]) * 60) for number in range(6)]
    whole = wire.section_header() + wire.interface() + b"".join(blocks)
    pcap, report = tmp_path / "a.pcap", None
    pcapconv.convert(io.BytesIO(whole), pcap, sidecar=True, sidecar_fingerprints=True)
    size = pcap.stat().st_size
    two = wire.pcap_record(9, 9, bytes(22)) * 2
    pcap.write_bytes(pcap.read_bytes()[: -len(two)] + two)
    assert pcap.stat().st_size == size
    report = pcapconv.convert(pcap, tmp_path / "b.pcapng", sidecar=True, **options)
    assert report.found_in_sidecar is not None
    assert (report.found_in_sidecar["same"], report.found_in_sidecar["new_packets"]) == (5, [6, 7])


@pytest.mark.parametrize("link_type", [1, 101])
def test_the_link_type_is_that_of_the_pcap_file(link_type: int, one: Path, tmp_path: Path) -> None:
    interface = INTERFACE.replace(b'"link_type": 1', b'"link_type": %d' % link_type)
    (tmp_path / "a.pcap.meta.json").write_bytes(signed_sidecar(one, [SECTION, interface, PACKET]))
    if link_type == 1:
        assert pcapconv.convert(one, tmp_path / "b.pcapng", sidecar=True).packets_written == 1
        return
    with pytest.raises(SidecarError, match="packet 1 is of link type 101, and no capture has that"):
        pcapconv.convert(one, tmp_path / "b.pcapng", sidecar=True)


def test_a_sidecar_that_nobody_asks_for_is_mentioned(lab: Path) -> None:
    says = "pcapconv: a.pcap.meta.json, the sidecar of a.pcap, is not used; --sidecar uses it\n"
    assert run_in_folder(lab, "convert", "a.pcap", "b.pcapng").stderr == says
    assert run_in_folder(lab, "convert", "a.pcap", "c.pcapng", "-q").stderr == ""
    assert run_in_folder(lab, "convert", "a.pcap", "d.pcap").stderr == ""
    assert run_in_folder(lab, "convert", "a.pcap", "e.pcapng", "--sidecar").stderr == ""
    assert run_in_folder(lab, "table", "a.pcap", "b.arrow").stderr == says
    assert run_in_folder(lab, "table", "a.pcap", "c.arrow", "-q").stderr == ""
    assert run_in_folder(lab, "table", "a.pcap", "d.arrow", "--sidecar").stderr == ""


def test_a_split_from_a_pipe_can_go_back(tmp_path: Path) -> None:
    """For times that pcap cannot hold, which shows when packets were written already."""
    early = wire.options((wire.IF_TSOFFSET, wire.number(-(10**9), 8)))
    capture = (
        wire.section_header()
        + wire.interface()
        + wire.interface(101, options=early)
        + wire.enhanced_packet(0, 5, b"one")
        + wire.enhanced_packet(1, 6, b"two")
    )
    source = cast("BinaryIO", Pipe([capture]))
    report = pcapconv.split(source, tmp_path / "{link_type}.pcap", by="link-type", sidecar=True)
    assert report.kept_in_sidecar["times-out-of-range"] == 1
    sidecar = next(tmp_path.glob("*.meta.json"))
    target = io.BytesIO()
    pcapconv.join(sidecar, target)
    assert target.getvalue() == capture


def test_a_simple_packet_that_would_be_read_with_another_length(tmp_path: Path) -> None:
    """Of what pcapconv has written there is none; the capture would be read with bytes that it does not have."""
    pcap = tmp_path / "a.pcap"
    pcap.write_bytes(wire.pcap_header() + wire.pcap_record(0, 0, bytes(64), original_length=142))
    packet = b'{"packets": {"count": 1, "interface": 0, "blocks": {"1": {"type": "simple"}}}}'
    (tmp_path / "a.pcap.meta.json").write_bytes(signed_sidecar(pcap, [SECTION, INTERFACE, packet]))
    with pytest.raises(SidecarError, match="packet 1: a Simple Packet of 64 bytes, which would be read as one of 142"):
        pcapconv.convert(pcap, tmp_path / "b.pcapng", sidecar=True)
    assert not (tmp_path / "b.pcapng").exists()
