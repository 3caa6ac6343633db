"""The largest record decides how much memory pcapconv takes: three times its size at most, whatever is done with it."""

import io
from pathlib import Path
from typing import Any

import pytest
import wire
from conversions import Pipe, peak_memory

import pcapconv
from pcapconv.describing import info
from pcapconv.describing.text_form import write_text

SIZE = 2**24
LIMIT = 3 * SIZE
DATA = bytes(SIZE - 64)
COMMENT = wire.options((wire.OPT_COMMENT, b"kept"))
SECTION = wire.section_header() + wire.interface(snaplen=0)
SMALL = wire.enhanced_packet(0, 2, b"four", options=COMMENT)

CAPTURES = {
    "pcap": wire.pcap_header()
    + wire.pcap_record(0, 1, b"four") * 9
    + wire.pcap_record(0, 1, DATA)
    + wire.pcap_record(0, 2, b"four") * 9,
    "pcapng": SECTION
    + wire.enhanced_packet(0, 1, b"four") * 9
    + wire.enhanced_packet(0, 1, DATA, options=COMMENT)
    + SMALL * 9,
    "falling": SECTION + SMALL * 9 + wire.enhanced_packet(0, 1, DATA, options=COMMENT) + SMALL,
    "simple": SECTION + wire.simple_packet(DATA),
    "custom": SECTION + wire.block(wire.CUSTOM_COPY, bytes(4) + DATA) + SMALL,
    "unknown": SECTION + wire.block(0x1234, DATA) + SMALL,
    "secrets": SECTION + wire.secrets(wire.TLS_KEY_LOG, DATA) + SMALL,
}
every_capture = pytest.mark.parametrize("name", CAPTURES)


@pytest.fixture(autouse=True)
def compiled_kernels(compiled: object, monkeypatch: pytest.MonkeyPatch) -> None:
    """The interpreted ones copy each record a few times more."""
    assert compiled
    monkeypatch.setenv("PCAPCONV_KERNELS", "compiled")


@pytest.fixture
def capture(name: str, tmp_path: Path) -> Path:
    path = tmp_path / f"in.{'pcap' if name == 'pcap' else 'pcapng'}"
    path.write_bytes(CAPTURES[name])
    return path


@every_capture
@pytest.mark.parametrize("to", ["pcap", "pcapng"])
def test_conversions(name: str, to: str, capture: Path, tmp_path: Path) -> None:
    out = tmp_path / f"out.{to}"
    loose: dict[str, Any] = {"to": to, "on_loss": "ignore", "force": True}
    for options in ({}, {"strict": True}, {"chop": 1}, {"snaplen": SIZE // 2}, {"strip": ["comments"]}):
        assert peak_memory(lambda options=options: pcapconv.convert(capture, out, **loose, **options)) < LIMIT  # type: ignore[misc]
    with io.FileIO(tmp_path / "piped", "wb") as target:
        pieces = (CAPTURES[name][at : at + 2**16] for at in range(0, len(CAPTURES[name]), 2**16))
        assert peak_memory(lambda: pcapconv.convert(Pipe(pieces), target, **loose)) < LIMIT  # type: ignore[arg-type]


@every_capture
def test_what_else_can_be_done(name: str, capture: Path, tmp_path: Path) -> None:
    template = str(tmp_path / "part-{index}.pcapng")
    assert peak_memory(lambda: pcapconv.split(capture, template, max_packets=5)) < LIMIT
    assert peak_memory(lambda: info(str(capture))) < LIMIT
    assert peak_memory(lambda: write_text(capture, len)) < LIMIT
    if name != "secrets":  # which are kept in memory while they are normalised, up to 32 MiB
        assert peak_memory(lambda: pcapconv.normalize(capture, tmp_path / "normal.pcapng")) < LIMIT
        assert peak_memory(lambda: pcapconv.diff(capture, capture)) < LIMIT


@every_capture
def test_iterating(capture: Path) -> None:
    with pcapconv.open(capture) as opened:
        assert peak_memory(lambda: sum(packet.captured_length for packet in opened)) < LIMIT
    with pcapconv.open(capture) as opened:
        assert peak_memory(lambda: list(opened.items())) < LIMIT


@pytest.mark.parametrize("name", ["pcapng", "falling", "simple"])
@pytest.mark.parametrize("fingerprints", [False, True])
def test_sidecars(name: str, fingerprints: bool, capture: Path, tmp_path: Path) -> None:
    pcap, back = tmp_path / "a.pcap", tmp_path / "b.pcapng"
    out: dict[str, Any] = {"sidecar": True, "sidecar_fingerprints": fingerprints}
    assert peak_memory(lambda: pcapconv.convert(capture, pcap, **out)) < LIMIT
    assert peak_memory(lambda: pcapconv.convert(pcap, back, sidecar=True)) < LIMIT
    assert back.read_bytes() == CAPTURES[name]


@pytest.mark.parametrize("name", ["pcapng", "falling"])
def test_joining(name: str, capture: Path, tmp_path: Path) -> None:
    template = str(tmp_path / "{stem}-{link_type}.pcap")
    assert peak_memory(lambda: pcapconv.split(capture, template, to="pcap", by="link-type", sidecar=True)) < LIMIT
    assert peak_memory(lambda: pcapconv.join(tmp_path / "in.meta.json", tmp_path / "b.pcapng")) < LIMIT
    assert (tmp_path / "b.pcapng").read_bytes() == CAPTURES[name]
