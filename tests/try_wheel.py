"""Converts the samples with an installed pcapconv, and compares: python -P tests/try_wheel.py

It needs pcapconv and nothing else, so that a wheel can be tried on any system, in an environment without the packages
that tests need. It fails if the kernels are not the compiled ones, if the command is not there, or if a sample is not
what it was after a conversion into its own format, or into the other one and back.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

SAMPLES = Path(__file__).parent / "samples"


def main() -> int:
    os.environ["PCAPCONV_KERNELS"] = "compiled"
    command = Path(sys.executable).with_name("pcapconv.exe" if os.name == "nt" else "pcapconv")
    version = subprocess.run([command, "--version"], check=True, capture_output=True, text=True).stdout
    print(version, end="")
    assert "(compiled kernels, " in version
    samples = sorted(path for path in SAMPLES.iterdir() if path.suffix in (".pcap", ".pcapng"))
    assert samples
    with tempfile.TemporaryDirectory() as folder:
        outcomes = Counter(outcome(path, Path(folder)) for path in samples)
    print(", ".join(f"{count} {what}" for what, count in sorted(outcomes.items())))
    return 0


def outcome(path: Path, folder: Path) -> str:
    """Convert the sample, and return in a few words what came of it. Raises AssertionError if something was lost."""
    import pcapconv

    same, there, back = folder / path.name, folder / "there.pcap", folder / "back.pcapng"
    if pcapconv.convert(path, same, force=True).damage:
        return "damaged"
    assert same.read_bytes() == path.read_bytes(), path.name
    if path.suffix == ".pcap":
        packets = pcapconv.convert(path, back, force=True).packets_written
        assert packets == sum(1 for _ in pcapconv.open(path)), path.name
        return "to pcapng"
    try:
        pcapconv.convert(path, there, sidecar=True, sidecar_secrets=True, force=True)
    except pcapconv.TargetError:  # several link types, or none
        return "not for pcap"
    pcapconv.convert(there, back, sidecar=True, force=True)
    assert back.read_bytes() == path.read_bytes(), path.name
    return "to pcap and back"


if __name__ == "__main__":
    sys.exit(main())
