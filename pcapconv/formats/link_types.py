"""Names of link types, as the registry at tcpdump.org has them."""

from __future__ import annotations

from functools import cache

ETHERNET = 1


@cache
def names() -> dict[int, str]:
    """Number → name."""
    from pcapng.constants import link_types  # not on the packet path

    prefix = "LINKTYPE_"
    return {
        number: name.removeprefix(prefix)
        for name, number in vars(link_types).items()
        if name.startswith(prefix) and isinstance(number, int)
    }


def link_type_name(link_type: int) -> str:
    """`ETHERNET (1)`; for a number without a name, `link type 12345`."""
    name = names().get(link_type)
    return f"{name} ({link_type})" if name else f"link type {link_type}"
