"""A second implementation of editing packets, slow and obvious, that knows nothing of pcapconv."""

from collections import Counter
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import cast

import wire
from expected_captures import Packet, without
from expected_request import Request
from wire import ByteOrder


def moving(stay: Sequence[Packet], request: Request) -> Request:
    """The request with the `shift` by which the first of these packets that has a time gets the time `start`.

    ValueError where this packet's time cannot be determined.
    """
    first = next((packet for packet in stay if packet.ticks is not None), None)
    if request.start is None or first is None:
        return request
    if first.time is None:
        raise ValueError("a time that nobody can tell")
    return request._replace(shift=request.start - first.time)


def _chopped(data: bytes, request: Request) -> bytes:
    """The bytes that stay."""
    size = len(data)
    gone = [(0, request.front), (size - request.end, size)]
    for offset, from_end, number in request.cuts:
        place = size - offset if from_end else offset
        if 0 <= place <= size:
            gone.append((place, place + number) if number > 0 else (place + number, place))
    places = {at for start, stop in gone for at in range(max(start, 0), min(stop, size))}
    return bytes(value for at, value in enumerate(data) if at not in places) if places else data


def edited(packet: Packet, order: ByteOrder, request: Request, *, snaplen: int) -> tuple[Packet, Mapping[str, int]]:
    """The packet with what was asked for, and what it lost. `snaplen` is what its interface states afterwards.

    ValueError where it cannot get its new time, or has no place for it or for a comment.
    """
    lost: Counter[str] = Counter()
    data = _chopped(packet.data, request)
    original = packet.original_length
    if request.adjust:
        original = max(0, original - (len(packet.data) - len(data)))
    data = data[: request.snaplen]
    new = packet._replace(data=data, original_length=original)
    if data != packet.data:
        options, lost["packet-hashes"] = without(packet.options, order, [wire.EPB_HASH])
        new = new._replace(options=options)
        read = min(original, snaplen or 2**32)
        if packet.ticks is None and not packet.interface.interface and read != len(data):
            new, lost["original-lengths"] = new._replace(original_length=len(data)), 1
    texts = [text.encode() for number, text in request.comments if number == packet.number]
    if texts:
        if packet.ticks is None:
            raise ValueError("a Simple Packet has no place for a comment")
        add = b"".join(wire.option(wire.OPT_COMMENT, text, byte_order=order) for text in texts)
        new = new._replace(options=without(new.options, order, [], add)[0])
    set_to = dict(request.moments).get(packet.number)
    if set_to is not None and packet.ticks is None:
        raise ValueError("a Simple Packet has no place for a time")
    if packet.ticks is not None and (set_to is not None or request.shift):
        if packet.interface.unit is None:
            raise ValueError("a time that nobody can tell")
        time = cast(Fraction, packet.time) + (request.shift or 0) if set_to is None else set_to
        ticks = (time - packet.interface.offset) / packet.interface.unit
        if ticks.denominator != 1 or not 0 <= ticks < 2**64:
            raise ValueError("its interface cannot state that time")
        new = new._replace(ticks=int(ticks), time=time)
    return new, +lost


def limited_snaplen(stated: int, request: Request) -> int:
    return stated if request.snaplen is None else min(stated or request.snaplen, request.snaplen)
