"""Changes the byte order of options and of the bodies of blocks.

Strategy: the table in `pcapng` says what the value of an option is: a number, a text, and so on. What nobody knows
cannot be changed: an option that the table does not have is left out, and counted by the kind that it has there; so are
the bytes behind the last option that can be read. The body of a block that nobody knows gives None.
"""

from __future__ import annotations

from collections import Counter

from pcapconv.spec import ByteOrder, bodies, option_lists, pcapng


def swapped_value(option_type: option_lists.OptionType, value: bytes) -> bytes:
    """The value of an option in the other byte order."""
    value_type = option_type.value_type
    if value_type in (option_lists.CUSTOM_TEXT, option_lists.CUSTOM_BYTES):
        return value[3::-1] + value[4:]
    if value_type in option_lists.NUMBERS:
        return value[::-1]
    if value_type in (option_lists.TIME, option_lists.TWO_NUMBERS):
        return value[3::-1] + value[:3:-1]
    return value


def options_in(
    order: ByteOrder, raw: bytes, old_order: ByteOrder, block_type: int, left_out: Counter[str] | None = None
) -> bytes:
    """An option list of this type of block in another byte order. `left_out` counts, by kind, options that are left
    out."""
    left_out = Counter() if left_out is None else left_out
    if order == old_order or not raw:
        return raw
    kept = []
    options = option_lists.OptionList(raw, old_order)
    for code, value in options:
        option_type = pcapng.option_type(block_type, code)
        if code in pcapng.PROCESS_REFERENCES and block_type in pcapng.PACKET_BLOCKS and len(value) == 4:
            kept.append((code, value[::-1]))
        elif option_type.kind == "unknown":
            left_out["unknown"] += 1
        else:
            kept.append((code, swapped_value(option_type, value)))
    left_out["unknown"] += options.overrun
    return option_lists.pack(kept, order)


def body_in(
    order: ByteOrder, block_type: int, body: bytes, old_order: ByteOrder, left_out: Counter[str] | None = None
) -> bytes | None:
    """The body of a block besides sections, interfaces and packets in another byte order; None if nobody knows its
    form, or if it ends too early. `left_out` is as for `options_in`."""
    if order == old_order:
        return body
    process = pcapng.is_process(block_type, body, old_order)
    at = pcapng.process_options_at(block_type, body) if process else pcapng.options_at(block_type, body, old_order)
    options = options_in(order, body[at:], old_order, block_type, left_out)
    if process:
        return body[3::-1] + body[4:at] + options
    if block_type == pcapng.INTERFACE_STATISTICS:
        statistics = bodies.statistics(body, old_order)
        if statistics.has_ticks:
            return bodies.statistics_body(statistics.interface, statistics.ticks, order, options)
    elif block_type == pcapng.DECRYPTION_SECRETS:
        secrets = bodies.secrets(body, old_order)
        if secrets.complete:
            return bodies.secrets_body(secrets.type, secrets.data, order, options)
    elif block_type == pcapng.NAME_RESOLUTION:
        records = option_lists.OptionList(body, old_order)
        if not records.overrun:
            return (option_lists.pack(records, order) or bytes(4)) + options
    elif block_type == pcapng.JOURNAL:  # only text
        return body
    return None
