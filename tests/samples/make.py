"""Make the samples: in `tests`, `python -m samples.make built` or, as root, `python -m samples.make real`.

`built` writes the same bytes each time. `real` captures anew; it needs tcpdump, dumpcap, unshare, ip and openssl.
Both bring README.md up to date.
"""

import sys
from collections.abc import Mapping
from pathlib import Path

from samples import built_blocks, built_options, built_pcap, built_sections, built_times, catalog, real

FOLDER = Path(__file__).parent
BUILT_FROM = (built_pcap, built_sections, built_blocks, built_times, built_options)  # importing them fills the catalog

README = """\
# Samples

Captures for the tests, all of them made by `make.py`. Those under *Real* are traffic of a loopback, captured once.
Those under *Built* are put together byte by byte, in little endian (`-le`) and big endian (`-be`):

    cd tests
    python -m samples.make built
    python -m samples.make real     # captures anew; as root, on Linux, with tcpdump, dumpcap and openssl

This page is written by the same script.

## Real

{real}

## Built

{built}
"""


def main(section: str) -> None:
    """Make the samples of one section."""
    if section == "built":
        _write(catalog.built_samples())
    elif section == "real":
        real.capture_in_own_network()
    elif section == "real-here":
        _write(real.captured_samples())
    else:
        sys.exit(f"no such section: {section}")


def readme() -> str:
    """The text of README.md."""
    captured: dict[tuple[str, ...], str] = {(name,): purpose for name, purpose in real.PURPOSES.items()}
    return README.format(real=_table(captured), built=_table(catalog.purposes()))


def _table(purposes: Mapping[tuple[str, ...], str]) -> str:
    rows = [f"| {' '.join(f'`{name}`' for name in names)} | {purpose} |" for names, purpose in purposes.items()]
    return "\n".join(["| file | what it is for |", "|---|---|", *rows])


def _write(samples: dict[str, bytes]) -> None:
    for name, capture in samples.items():
        (FOLDER / name).write_bytes(capture)
    (FOLDER / "README.md").write_text(readme(), encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1] if len(sys.argv) == 2 else "built")
