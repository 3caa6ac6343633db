"""What mutation begins with: the samples, captures that `invented_captures` invents, captures with packets of many
protocols, and a few sidecars of them."""

from __future__ import annotations

import io
import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import hypothesis
import protocols
from invented_captures import invented_pcap, invented_pcapng

import pcapconv
from fuzz.mutations import MOST

SAMPLES = Path(__file__).parents[1] / "samples"


def captures(random: Random, made: int = 40) -> list[bytes]:
    """Whole captures, each in one of the formats."""
    found = [path.read_bytes() for path in sorted(SAMPLES.glob("*.pcap*"))]
    found += _made(random.randrange(2**32), made)
    found += [_of_protocols(random) for _ in range(made // 4)]
    return [each for each in found if len(each) <= MOST]


def _made(seed: int, count: int) -> list[bytes]:
    """Captures by Hypothesis, the same for the same seed."""
    found: list[bytes] = []

    @hypothesis.seed(seed)
    @hypothesis.settings(max_examples=count, database=None, deadline=None, phases=[hypothesis.Phase.generate])
    @hypothesis.given(hypothesis.strategies.one_of(invented_pcapng(), invented_pcap()))
    def collect(capture: bytes) -> None:
        found.append(capture)

    collect()
    return found


def _of_protocols(random: Random) -> bytes:
    """A capture of some of the packets whose headers are read."""
    target = io.BytesIO()
    with pcapconv.create(target, to="pcapng") as capture:
        for time, (link_type, data) in enumerate(random.sample(list(protocols.packets().values()), 6)):
            interface, cut = capture.add_interface(link_type), data[: random.randint(1, 2 * len(data))]
            capture.write(cut, original_length=len(data), time_ns=time, interface=interface)
    return target.getvalue()


def with_sidecars(random: Random, captures: Sequence[bytes], count: int = 25) -> list[tuple[bytes, bytes]]:
    """Pcap files, each with a sidecar that belongs to it."""
    found = []
    options: Any = {"force": True, "sidecar": True}
    with tempfile.TemporaryDirectory() as folder:
        source, target = Path(folder, "in"), Path(folder, "out.pcap")
        for capture in random.sample(list(captures), min(3 * count, len(captures))):
            source.write_bytes(capture)
            try:
                pcapconv.convert(source, target, sidecar_secrets=True, sidecar_fingerprints=True, **options)
            except pcapconv.PcapconvError:
                continue
            found.append((target.read_bytes(), Path(f"{target}.meta.json").read_bytes()))
    return found[:count]
