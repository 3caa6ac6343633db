"""What mutation begins with: the samples, captures that `invented_captures` invents, and a few sidecars of them."""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import hypothesis
from invented_captures import invented_pcap, invented_pcapng

import pcapconv
from fuzz.mutations import MOST

SAMPLES = Path(__file__).parents[1] / "samples"


def captures(random: Random, made: int = 40) -> list[bytes]:
    """Whole captures, each in one of the formats."""
    found = [path.read_bytes() for path in sorted(SAMPLES.glob("*.pcap*"))]
    found += _made(random.randrange(2**32), made)
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
