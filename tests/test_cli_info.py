"""The command: the page of `info`, and secrets that `convert` adds."""

import io
import json
import re
import shutil
import struct
from pathlib import Path

import pytest
import wire
from command_line import CUT, FOLDER, LOST_OF_WEB, WEB_PCAP, WEB_PCAPNG, error_lines, run_command, run_in_process
from command_line import signals_stay_as_they_were as signals_stay_as_they_were
from folders import file_names
from terminals import on_terminal

import pcapconv
from pcapconv import TargetError

# ---------------------------------------------------------------- info


@pytest.fixture(scope="module")
def web_page() -> str:
    done = run_command("info", WEB_PCAPNG)
    assert (done.status, done.err) == (0, "")
    return done.out.decode()


def test_info_says_what_a_capture_holds(web_page: str) -> None:
    capture = WEB_PCAPNG.read_bytes()
    packets = wire.read_pcapng(capture)
    captured = sum(packet.captured_length for packet in packets)
    original = sum(packet.original_length for packet in packets)
    lines = web_page.splitlines()
    assert lines[0] == f"{WEB_PCAPNG}: pcapng, little-endian, {len(capture):,} bytes"
    assert (
        lines[1].removesuffix(", in order")
        == f"packets         {len(packets)} ({captured:,} bytes captured of {original:,})"
    )
    assert re.fullmatch(r"0:0 +ETHERNET \(1\) +262,144 +10\^-9 \(1 ns\) +32 +lo", lines[6])
    for line in [
        "interface 0:0   if_description Loopback, if_filter tcp port 80, if_os Linux 6.18.44-fc-v657",
        "blocks          Enhanced Packet 32, Section Header 1, Interface Description 1, Name Resolution 1, "
        "Interface Statistics 1",
        "packet options  opt_comment 2",
        "comment         section 0: A page fetched over HTTP",
        "name            127.0.0.1 web.example",
        f"to pcap         would lose {LOST_OF_WEB}",
    ]:
        assert line in lines
    commented = [number for number, packet in enumerate(packets, 1) if packet.options]
    assert [line.split(":")[0] for line in lines if line.startswith("comment         packet")] == [
        f"comment         packet {number}" for number in commented
    ]


def test_info_says_times_with_all_digits(web_page: str) -> None:
    ticks = [packet.ticks or 0 for packet in wire.read_pcapng(WEB_PCAPNG.read_bytes())]
    (line,) = (line for line in web_page.splitlines() if line.startswith("time"))
    duration = max(ticks) - min(ticks)
    assert re.fullmatch(
        rf"time            \S+\.{min(ticks) % 10**9:09}Z to \S+\.{max(ticks) % 10**9:09}Z "
        rf"\({duration // 10**9}\.{duration % 10**9:09} s\)",
        line,
    )


def test_info_of_a_small_capture_fits_a_terminal() -> None:
    status, seen = on_terminal("stdout", "info", WEB_PCAPNG.name, columns=80, folder=WEB_PCAPNG.parent)
    lines = re.sub(r"\x1b\[[0-9;]*m", "", seen).splitlines()
    assert status == 0
    assert len(lines) <= 25
    assert max(map(len, lines)) <= 80
    assert " ".join("".join(lines).split()).endswith("1 statistics block")


def test_info_of_several_goes_on_after_one_that_cannot_be_read(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "text").write_bytes(b"not a capture")
    sources = [WEB_PCAP, tmp_path / "none", tmp_path / "text", WEB_PCAPNG]
    done = run_in_process(capfd, "info", *sources)
    assert done.status == 1
    assert [line.split(": ")[0] for line in done.out.decode().splitlines() if "bytes" in line and "endian" in line] == [
        str(WEB_PCAP),
        str(WEB_PCAPNG),
    ]
    assert done.err.splitlines()[0] == f"pcapconv: {tmp_path}/none: cannot open: no such file or directory"
    assert done.err.splitlines()[1].startswith(f"pcapconv: {tmp_path}/text: not a pcap or pcapng capture")
    assert done.err.count("\n") == 2


def test_info_of_damage_has_status_3(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "cut.pcap").write_bytes(CUT)
    done = run_in_process(capfd, "info", tmp_path / "cut.pcap", WEB_PCAP)
    assert (done.status, done.err) == (3, "")
    assert re.search(
        rf"^damage +offset {len(CUT) - 7} \(packet 2\): .*; 7 bytes are left out$", done.out.decode(), re.M
    )
    assert run_in_process(capfd, "info", tmp_path / "cut.pcap", tmp_path / "none").status == 1


@pytest.mark.parametrize("more", [1, 2])
def test_info_counts_what_it_does_not_list_in_singular_or_plural(
    more: int, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    entries = 5 + more
    secrets = wire.secrets(0x544C534B, b"xx")
    statistics = wire.statistics(0, 1)
    comments = wire.options(*[(wire.OPT_COMMENT, b"c")] * entries)
    damage = wire.enhanced_packet(99, 1, b"of no interface")
    packets = (damage + wire.enhanced_packet(0, 1, b"good")) * entries
    capture = wire.section_header(options=comments) + wire.interface() * (50 + more) + (secrets + statistics) * entries
    (tmp_path / "in.pcapng").write_bytes(capture + packets + wire.section_header() * (entries - 1))
    page = run_in_process(capfd, "info", tmp_path / "in.pcapng").out.decode()
    nouns = ["section", "interface", "comment", "secrets block", "statistics block", "damaged place"]
    ending = "; --json lists it" if more == 1 else "s; --json lists them"
    found = re.findall(r"^ +(and .* more .*)$", page, re.M)
    assert found == [f"and {more} more {noun}{ending}" for noun in nouns]


def test_info_as_json_is_an_object_for_one(capfd: pytest.CaptureFixture[str]) -> None:
    done = run_in_process(capfd, "info", WEB_PCAPNG, "--json")
    assert (done.status, done.err) == (0, "")
    census = json.loads(done.out)
    assert (census["file"], census["format"]) == (str(WEB_PCAPNG), "pcapng")
    assert census["packets"] == len(wire.read_pcapng(WEB_PCAPNG.read_bytes()))
    assert census["names"] == [{"address": "127.0.0.1", "names": ["web.example"]}]
    assert census["totals"]["comments"] == len(census["comments"]) == 4
    assert census["to_pcap"]["losses"]["comments"] == 4


def test_info_as_json_is_a_list_for_several(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    done = run_in_process(capfd, "info", "--json", WEB_PCAPNG, tmp_path / "none", WEB_PCAP)
    assert done.status == 1
    assert [census["file"] for census in json.loads(done.out)] == [str(WEB_PCAPNG), str(WEB_PCAP)]
    assert done.err == error_lines(f"{tmp_path}/none: cannot open: no such file or directory")
    done = run_in_process(capfd, "info", "--json", tmp_path / "none", tmp_path / "none")
    assert (done.status, json.loads(done.out)) == (1, [])
    done = run_in_process(capfd, "info", "--json", tmp_path / "none")
    assert (done.status, done.out) == (1, b"")


def test_info_of_stdin() -> None:
    done = run_command("info", "-", stdin=WEB_PCAPNG.read_bytes())
    assert (done.status, done.err) == (0, "")
    assert done.out.startswith(b"stdin: pcapng, little-endian, ")


def test_info_writes_nothing(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    shutil.copy(WEB_PCAPNG, tmp_path / "in.pcapng")
    before = (tmp_path / "in.pcapng").stat()
    assert run_in_process(capfd, "info", tmp_path / "in.pcapng").status == 0
    assert file_names(tmp_path) == ["in.pcapng"]
    assert (tmp_path / "in.pcapng").stat().st_mtime_ns == before.st_mtime_ns


def test_info_says_what_convert_says() -> None:
    for path in sorted(FOLDER.glob("*-be.pcapng")):
        to_pcap = pcapconv.info(path).to_pcap
        if to_pcap.possible:
            assert pcapconv.convert(path, io.BytesIO(), to="pcap").losses == to_pcap.losses
        else:
            with pytest.raises(TargetError) as caught:
                pcapconv.convert(path, io.BytesIO(), to="pcap")
            assert str(caught.value) == f"{path}: {to_pcap.reason}"


# ---------------------------------------------------------------- secrets


def secrets_of(capture: bytes) -> list[bytes]:
    """The content of every secrets block."""
    found = []
    for block in wire.read_blocks(capture):
        if block.block_type == wire.DECRYPTION_SECRETS:
            (length,) = struct.unpack_from(block.byte_order + "I", block.body, 4)
            found.append(block.body[8 : 8 + length])
    return found


def shown_of(secret: bytes, output: str) -> list[bytes]:
    """Every 12 bytes of the secret that can be seen in the output, as text or in hex."""
    plain = output.replace(" ", "").replace(":", "").lower()
    windows = [secret[at : at + 12] for at in range(max(1, len(secret) - 11)) if secret]
    as_text = [each for each in windows if each.isascii() and each.decode().replace(" ", "").lower() in plain]
    return as_text + [each for each in windows if each.hex() in plain]


SECRETIVE = ["tls.pcapng", "secrets-le.pcapng", "secrets-be.pcapng", "no-interface-le.pcapng", "blocks-be.pcapng"]


@pytest.mark.parametrize("name", SECRETIVE)
@pytest.mark.parametrize("option", [[], ["--json"]], ids=["page", "json"])
def test_info_never_shows_a_secret(name: str, option: list[str], capfd: pytest.CaptureFixture[str]) -> None:
    path = FOLDER / name
    done = run_in_process(capfd, "info", path, *option)
    secrets = secrets_of(path.read_bytes())
    assert secrets
    assert done.status == 0
    for secret in secrets:
        assert shown_of(secret, done.out.decode() + done.err) == []


def test_info_names_secrets_by_type_and_size(capfd: pytest.CaptureFixture[str]) -> None:
    (secret,) = secrets_of((FOLDER / "tls.pcapng").read_bytes())
    page = run_in_process(capfd, "info", FOLDER / "tls.pcapng").out.decode().splitlines()
    assert f"secrets         TLS key log, {len(secret)} bytes" in page


def test_no_message_shows_a_secret_of_a_damaged_capture(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    secret = b"CLIENT_RANDOM 0123456789abcdef fedcba9876543210"
    block = wire.secrets(wire.TLS_KEY_LOG, secret)
    short = wire.block(wire.DECRYPTION_SECRETS, wire.number(wire.TLS_KEY_LOG, 4) + wire.number(9999, 4) + secret + b"x")
    section = wire.section_header() + wire.interface()
    captures = [section + short, section + block[:-6], section + block[:-4] + b"\1\2\3\4" + section, block, secret]
    for capture in captures:
        (tmp_path / "in.pcapng").write_bytes(capture)
        for arguments in (["info"], ["info", "--json"], ["convert", str(tmp_path / "out.pcap"), "--force"]):
            done = run_in_process(capfd, arguments[0], tmp_path / "in.pcapng", *arguments[1:])
            shown = shown_of(secret, done.out.decode() + done.err)
            assert shown == [] or (capture == secret and max(map(secret.index, shown)) <= 8)  # the file's first bytes
