"""`assert_same_capture`: what it says of other captures and of damaged ones, and what it updates."""

import io
from pathlib import Path

import pytest
import wire
from comparing import capture, comment_options, packet
from comparing import two_captures as two_captures

from pcapconv import PcapconvError
from pcapconv.testing import assert_same_capture


def test_a_damaged_capture_is_never_taken_as_expected(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    a, golden = tmp_path / "a.pcapng", tmp_path / "golden.pcapng"
    a.write_bytes(capture(packet(1)) + b"more")
    golden.write_bytes(capture(packet(2)))
    monkeypatch.setenv("PCAPCONV_UPDATE", "1")
    with pytest.raises(PcapconvError, match="left over"):
        assert_same_capture(a, golden)
    assert golden.read_bytes() == capture(packet(2))


def test_damaged_captures_fail_and_what_differs_is_said(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PCAPCONV_UPDATE", raising=False)
    a, b = tmp_path / "a.pcapng", tmp_path / "b.pcapng"
    a.write_bytes(capture(packet(1)) + b"more")
    b.write_bytes(capture(packet(1)))
    damage = rf"captures are damaged:\n{a}: offset \d+ \(packet 2\): .*left over.*"
    with pytest.raises(AssertionError, match=rf"\A{damage}\Z"):
        assert_same_capture(a, b)
    b.write_bytes(capture(packet(2)))
    with pytest.raises(AssertionError, match=rf"(?s)\A{damage}\nthe captures differ .*packet 1: .*PCAPCONV_UPDATE=1"):
        assert_same_capture(a, b)


def test_what_a_program_expects_of_a_capture(two_captures: tuple[Path, Path], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PCAPCONV_UPDATE", raising=False)
    assert_same_capture(two_captures[0], two_captures[0])
    with pytest.raises(AssertionError, match=r"(?s)packet 3 only in A.*packet 8 \(in B 7\): bytes.*PCAPCONV_UPDATE=1"):
        assert_same_capture(*two_captures)
    with pytest.raises(AssertionError, match=r"none does not exist; PCAPCONV_UPDATE=1 in the environment"):
        assert_same_capture(two_captures[0], two_captures[0].with_name("none"))
    monkeypatch.setenv("PCAPCONV_UPDATE", "1")
    assert_same_capture(two_captures[0], two_captures[1])
    monkeypatch.setenv("PCAPCONV_UPDATE", "0")
    assert_same_capture(*two_captures)


def test_update_writes_only_what_differs_as_pyproject_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PCAPCONV_UPDATE", "1")
    (tmp_path / "pyproject.toml").write_text('[tool.pcapconv.normalize]\nrebase-time = "1"\nstrip = ["secrets"]\n')
    secrets = wire.secrets(0x544C534B, b"xx")
    actual, golden = io.BytesIO(capture(secrets, packet(1))), tmp_path / "deep" / "er" / "golden.pcapng"
    ignore = ["time", "secrets"]
    assert_same_capture(actual, golden, ignore=ignore)
    written = golden.read_bytes()
    nano = wire.options((wire.IF_TSRESOL, b"\x09"))
    assert written == capture(packet(1, 10**9), head=wire.interface(options=nano))
    assert capsys.readouterr().err == f"pcapconv: {golden}: written\n"
    later = io.BytesIO(capture(secrets, packet(1, 77)))
    assert_same_capture(later, golden, ignore=ignore)
    assert golden.read_bytes() == written
    assert capsys.readouterr().err == ""
    other = io.BytesIO(capture(packet(2)))
    assert_same_capture(other, golden, ignore=ignore)
    assert golden.read_bytes() != written
    commented = io.BytesIO(capture(packet(3, options=comment_options(b"c"))))
    with pytest.raises(PcapconvError, match="pcap cannot hold 1 comment"):
        assert_same_capture(commented, tmp_path / "golden.pcap", ignore=ignore)
    assert not (tmp_path / "golden.pcap").exists()
