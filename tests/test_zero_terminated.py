"""Texts end at their first zero byte for everything that reads them; copies keep every byte."""

import io
from pathlib import Path

import pytest
import wire

import pcapconv
from pcapconv.cli import run
from pcapconv.describing import info

FILTER = b"\0port 53\0\0"
BYTES = b"\0\0not a text"  # of an option that holds bytes, and of a packet


def capture(terminated: bool, order: wire.ByteOrder = wire.LITTLE) -> bytes:
    """Texts in every place, with zero bytes at their ends and behind these, or without."""
    write = wire.In(order)

    def text(value: bytes, rest: bytes = b"") -> bytes:
        return value + b"\0" + rest if terminated else value

    section = write.options(
        (wire.OPT_COMMENT, text(b"night run")), (2, text(b"x86", b"64")), (4, text(b"dumpcap", b"\0"))
    )
    interface = write.options(
        (wire.OPT_COMMENT, text(b"slow")),
        (2, text(b"wan0")),
        (3, text(b"to the world", b"ly")),
        (11, FILTER if terminated else b"\0port 53"),
        (12, text(b"Linux")),
    )
    packet = write.options((wire.OPT_COMMENT, text(b"seen", b"hidden")), (2988, (1).to_bytes(4, "little") + BYTES))
    return (
        write.section_header(options=section)
        + write.interface(options=interface)
        + write.enhanced_packet(0, 9, BYTES, options=packet)
    )


CAPTURE, PLAIN = capture(True), capture(False)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    (tmp_path / "plain.pcapng").write_bytes(PLAIN)
    path = tmp_path / "in.pcapng"
    path.write_bytes(CAPTURE)
    return path


def test_copies_keep_every_byte(path: Path) -> None:
    out = path.with_name("out.pcapng")
    pcapconv.convert(path, out)
    assert out.read_bytes() == CAPTURE
    pcapconv.convert(path, path.with_name("a.pcap"), sidecar=True)
    pcapconv.convert(path.with_name("a.pcap"), path.with_name("back.pcapng"), sidecar=True)
    assert path.with_name("back.pcapng").read_bytes() == CAPTURE


def test_a_packets_comment() -> None:
    (packet,) = pcapconv.open(io.BytesIO(CAPTURE))
    assert packet.comments == ["seen"]
    assert packet.data == BYTES


def test_info(path: Path) -> None:
    found, plain = info(path), info(path.with_name("plain.pcapng"))
    assert [comment.text for comment in found.comments] == ["night run", "slow", "seen"]
    assert found.interfaces == plain.interfaces
    assert found.sections == plain.sections
    assert ("if_name", "wan0") in found.interfaces[0].options
    assert ("if_filter", "port 53") in found.interfaces[0].options


def test_selecting(path: Path) -> None:
    out = path.with_name("out.pcapng")

    def selected(**options: str) -> int:
        return pcapconv.convert(path, out, force=True, **options).packets_written  # type: ignore[arg-type]

    assert selected(comment_matches="^seen$") == 1
    assert selected(comment_matches="hidden") == 0
    assert pcapconv.convert(path, out, force=True, interface=["wan0"]).packets_written == 1


def test_names_of_parts(path: Path) -> None:
    report = pcapconv.split(path, path.with_name("{interface}.pcapng"), max_packets=9)
    assert [Path(name).name for name in report.outputs] == ["wan0.pcapng"]


@pytest.mark.parametrize("order", [wire.LITTLE, wire.BIG])
def test_the_normal_form_is_that_of_a_capture_without_them(order: wire.ByteOrder) -> None:
    def normal(raw: bytes) -> bytes:
        out = io.BytesIO()
        pcapconv.normalize(io.BytesIO(raw), out, keep=["host,custom"])
        return out.getvalue()

    assert normal(capture(True, order)) == normal(capture(False, order))
    assert b"night run\0\0\0" in normal(CAPTURE)  # padding


def test_diff_finds_no_difference(path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["diff", str(path), str(path.with_name("plain.pcapng")), "--all"]) == 0
    assert capsys.readouterr().out == ""
