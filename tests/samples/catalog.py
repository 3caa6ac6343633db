"""The list of the built samples.

Each sample is a function of the byte order; the first line of its docstring says what it is for and goes to README.md.
"""

from collections.abc import Callable
from typing import TypeAlias

from wire import BIG, LITTLE, In

Builder: TypeAlias = Callable[[In], bytes]

BYTE_ORDERS = {"le": In(LITTLE), "be": In(BIG)}
BUILDERS: dict[tuple[str, str], Builder] = {}  # (stem, suffix)


def sample(suffix: str) -> Callable[[Builder], Builder]:
    """List the decorated function as a sample under its own name."""

    def listed(builder: Builder) -> Builder:
        BUILDERS[builder.__name__.replace("_", "-"), suffix] = builder
        return builder

    return listed


def built_samples() -> dict[str, bytes]:
    """Every built sample by its file name."""
    return {
        f"{stem}-{order}{suffix}": builder(write)
        for (stem, suffix), builder in BUILDERS.items()
        for order, write in BYTE_ORDERS.items()
    }


def purposes() -> dict[tuple[str, ...], str]:
    """What each built sample is for, by the names of its files, pcap first."""
    by_suffix = sorted(BUILDERS.items(), key=lambda item: item[0][1])
    return {
        tuple(f"{stem}-{order}{suffix}" for order in BYTE_ORDERS): (builder.__doc__ or "").splitlines()[0]
        for (stem, suffix), builder in by_suffix
    }
