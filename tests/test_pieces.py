"""However a capture arrives, in one piece or byte by byte, what comes of it is the same: outputs, reports, sidecars.

Strategy
--------
A pipe gives pieces of given sizes. What needs to go back reads a file whose every read gives one piece, too, so that
windows and batches end in all kinds of places.
"""

import io
import itertools
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
import wire
from conversions import SAMPLES, Pipe
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from invented_captures import invented_pcap, invented_pcapng
from wire import BIG, LITTLE, In

import pcapconv
from pcapconv import PcapconvError
from pcapconv.describing.text_form import write_text
from pcapconv.io.source import Source

T = 1_714_564_800
SIZES = [[1], [3], [17, 1, 40], [64], [1000]]


@contextmanager
def reads_of(sizes: Sequence[int]) -> Iterator[None]:
    """Each read of a source gives as many bytes as the next of these sizes, over and over."""
    whole, counts = Source.readinto, itertools.cycle(sizes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Source, "readinto", lambda self, room: whole(self, room[: next(counts)]))
        yield


def pipe(capture: bytes, sizes: Sequence[int]) -> BinaryIO:
    def pieces() -> Iterator[bytes]:
        at = 0
        for size in itertools.cycle(sizes):
            if at >= len(capture):
                return
            yield capture[at : at + size]
            at += size

    return cast("BinaryIO", Pipe(pieces()))


def converted_or_refused(source: BinaryIO, to: str) -> Any:
    """All that a conversion says and writes."""
    target = io.BytesIO()
    try:
        report = pcapconv.convert(source, target, to=to, nanoseconds=True)
    except PcapconvError as error:
        return str(error)
    return target.getvalue(), {**report.as_dict(), "inputs": None}


def with_sidecar(path: Path, *, fingerprints: bool) -> Any:
    """The sidecar of a capture, and the pcap file."""
    target, sidecar = path.with_name("out.pcap"), path.with_name("out.pcap.meta.json")
    for old in (target, sidecar):
        old.unlink(missing_ok=True)
    try:
        pcapconv.convert(path, target, sidecar=True, sidecar_fingerprints=fingerprints)
    except PcapconvError as error:
        return str(error)
    return target.read_bytes(), sidecar.read_bytes()


def text_of(capture: bytes) -> str:
    lines: list[str] = []
    write_text(io.BytesIO(capture), lines.append)
    return "".join(lines)


def variants(write: In) -> dict[str, bytes]:
    """Captures that no sample is like: variants of pcap, odd options, several interfaces."""
    modified = [write.pcap_record(T, at, b"%d" % at, extra=write.modified_extra(at % 5)) for at in range(40)]
    plain = [write.pcap_record(T + at, 10**6 + at, b"x" * at) for at in range(30)]
    suse = [write.pcap_record(T, at, b"y" * at, extra=write.modified_extra(at % 3) + bytes(4)) for at in range(9)]
    nokia = [write.pcap_record(T, at, b"z" * at, extra=bytes(4)) for at in range(9)]
    odd = write.enhanced_packet(0, T * 10**6, b"odd", options=write.option(wire.OPT_COMMENT, b"short", length=40))
    comment = write.enhanced_packet(0, T * 10**6, b"one", options=write.options((wire.OPT_COMMENT, b"seen")))
    other = write.enhanced_packet(1, T * 10**6, b"other")
    usual = write.enhanced_packet(0, T * 10**6, b"plain")
    start = write.section_header() + write.interface() + write.interface()
    return {
        "modified": write.pcap_header(wire.MODIFIED) + b"".join(modified),
        "red-hat": write.pcap_header() + b"".join(modified[:9]),
        "suse": write.pcap_header(wire.MODIFIED) + b"".join(suse),
        "nokia": write.pcap_header() + b"".join(nokia),
        "aix-fddi": write.pcap_header(version=(2, 2), link_type_word=15) + b"".join(plain),
        "fractions": write.pcap_header() + b"".join(plain),
        "two-in-one": (write.pcap_header(thiszone=200) + b"".join(plain)) * 2,
        "two-orders": write.pcap_header() + plain[0] + In(LITTLE if write.byte_order == BIG else BIG).pcap_header(),
        "zeros-between": write.pcap_header() + plain[3] + bytes(160) + plain[4],
        "zeros-at-the-end": write.pcap_header() + plain[3] + bytes(163),
        "unreadable": start + (usual * 5 + odd) * 6,
        "comments": start + usual * 9 + comment + usual * 300 + other + usual * 20 + comment,
        "many": start + usual * 20_000 + comment + usual * 20_000 + other * 3,
    }


BUILT = {f"{name}-{order}": made for order in (LITTLE, BIG) for name, made in variants(In(order)).items()}
SMALL = {path.name: path.read_bytes() for path in SAMPLES} | {
    name: made for name, made in BUILT.items() if not name.startswith("many")
}


@pytest.mark.parametrize("to", ["pcap", "pcapng"])
@pytest.mark.parametrize("name", SMALL)
def test_output_and_report_are_the_same(name: str, to: str) -> None:
    capture = SMALL[name]
    expected = converted_or_refused(pipe(capture, [len(capture)]), to)
    for sizes in SIZES:
        assert converted_or_refused(pipe(capture, sizes), to) == expected


@pytest.mark.parametrize("name", [*SMALL, "many-<"])
@pytest.mark.parametrize("fingerprints", [False, True])
def test_sidecar_is_the_same(name: str, fingerprints: bool, tmp_path: Path) -> None:
    path = tmp_path / "in.cap"
    path.write_bytes(BUILT.get(name) or SMALL[name])
    expected = with_sidecar(path, fingerprints=fingerprints)
    for sizes in SIZES if name in SMALL else [[10_007], [65_536]]:
        with reads_of(sizes):
            assert with_sidecar(path, fingerprints=fingerprints) == expected


@pytest.mark.parametrize("name", SMALL)
def test_text_form_is_the_same(name: str) -> None:
    capture = SMALL[name]
    expected = text_of(capture) if capture else ""
    for sizes in SIZES:
        with reads_of(sizes):
            assert text_of(capture) == expected


@settings(max_examples=200, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    capture=invented_pcap() | invented_pcapng() | st.sampled_from(list(SMALL.values())),
    cut=st.integers(0, 60),
    zeros=st.integers(0, 60),
    sizes=st.lists(st.integers(1, 200), min_size=1, max_size=6),
    to=st.sampled_from(["pcap", "pcapng"]),
)
def test_any_capture_in_any_pieces_is_the_same(
    capture: bytes, cut: int, zeros: int, sizes: list[int], to: str, tmp_path: Path
) -> None:
    capture = capture[: max(0, len(capture) - cut)] + bytes(zeros)
    assert converted_or_refused(pipe(capture, sizes), to) == converted_or_refused(pipe(capture, [len(capture) + 1]), to)
    path = tmp_path / "in.cap"
    path.write_bytes(capture)
    expected = with_sidecar(path, fingerprints=bool(cut & 1))
    with reads_of(sizes):
        assert with_sidecar(path, fingerprints=bool(cut & 1)) == expected
