"""Makes the model's sections and interfaces from the bodies of Section Header and Interface Description Blocks."""

from __future__ import annotations

from pcapconv.model import Interface, Section
from pcapconv.spec import ByteOrder, option_lists, pcapng
from pcapconv.timestamps import MICROSECONDS, ticks_per_second


def parse_section(body: bytes, order: ByteOrder, number: int) -> Section:
    """The section that a Section Header Block opens. Its body has 16 bytes or more; `number` counts sections from 0."""
    return Section(
        number=number,
        byte_order=order,
        version=(int.from_bytes(body[4:6], order), int.from_bytes(body[6:8], order)),
        layout="pcapng",
        raw=body,
        raw_options=body[pcapng.SECTION_OPTIONS_AT :],
    )


def parse_interface(body: bytes, order: ByteOrder, section: int, number: int) -> Interface:
    """The interface that an Interface Description Block declares. Its body has 8 bytes or more; `section` is the number
    of its section, `number` becomes its id."""
    raw_options = body[pcapng.INTERFACE_OPTIONS_AT :]
    options = option_lists.OptionList(raw_options, order)
    tsresol, tsoffset = options.first(pcapng.IF_TSRESOL), options.first(pcapng.IF_TSOFFSET)
    fcs_length = options.first(pcapng.IF_FCSLEN)
    faults = [
        f"{name} has {len(value)} bytes instead of {size}"
        for name, value, size in (("if_tsresol", tsresol, 1), ("if_tsoffset", tsoffset, 8))
        if value is not None and len(value) != size
    ]
    where = f"interface {number} of section {section}"
    return Interface(
        id=number,
        section=section,
        link_type=int.from_bytes(body[0:2], order),
        snaplen=int.from_bytes(body[4:8], order),
        layout="pcapng",
        byte_order=order,
        ticks_per_second=ticks_per_second(tsresol[0]) if tsresol and not faults else MICROSECONDS,
        time_offset=int.from_bytes(tsoffset, order, signed=True) if tsoffset and not faults else 0,
        time_error=f"the times of {where} cannot be determined: {' and '.join(faults)}" if faults else "",
        fcs_length=fcs_length[0] if fcs_length is not None and len(fcs_length) == 1 else None,
        raw_options=raw_options,
        reserved=body[2:4],
        raw=body,
    )
