"""`sort` of a file: packets are read again in the order of time, so that no copy of them is needed."""

import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import wire
from conversions import converted, read
from wire import In

import pcapconv
from pcapconv import FileError, formats
from pcapconv.model import PacketBatch
from pcapconv.steps import input_order, packet_sorter

WINDOW = 250  # bytes: a few packets in each batch
COUNT = 300


@pytest.fixture(autouse=True)
def small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of a few packets."""
    monkeypatch.setattr(formats, "FIRST_SIZE", 16)
    monkeypatch.setattr(formats.open_reader, "__defaults__", (WINDOW,))
    monkeypatch.setattr(input_order, "_SMALL_BATCH", 1)


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many times rows were copied to be sorted."""
    copied: list[int] = []
    copy_rows = packet_sorter.PacketSorter._copy_rows

    def counted(sorter: packet_sorter.PacketSorter, *arguments: Any) -> None:
        copied.append(1)
        copy_rows(sorter, *arguments)

    monkeypatch.setattr(packet_sorter.PacketSorter, "_copy_rows", counted)
    return copied


def exchanged(times: list[int], *pairs: tuple[int, int]) -> list[int]:
    for one, other in pairs:
        times[one], times[other] = times[other], times[one]
    return times


def capture_with(write: In, form: str, times: list[int]) -> tuple[bytes, list[bytes]]:
    """A capture with packets of these times, and its records."""
    if form == "pcap":
        return write.pcap_header(), [write.pcap_record(0, time, b"%d" % n) for n, time in enumerate(times)]
    head = write.section_header() + write.interface() + write.interface(options=write.options((wire.IF_TSRESOL, b"\t")))
    return head, [
        write.enhanced_packet(n % 2, time * 1000 if n % 2 else time, b"%d" % n) for n, time in enumerate(times)
    ]


ORDERS: dict[str, Callable[[], list[int]]] = {
    "in order": lambda: list(range(COUNT)),
    "all at once": lambda: [7] * COUNT,
    "in pairs": lambda: [n // 2 for n in range(COUNT)],
    "neighbours exchanged": lambda: [n ^ 1 for n in range(COUNT)],
    "first packet at the end": lambda: [*range(1, COUNT), 0],
    "last packet at the beginning": lambda: [COUNT, *range(1, COUNT)],
    "far apart": lambda: exchanged(list(range(COUNT)), (10, 250), (100, 101), (20, 260)),
    "two captures": lambda: [*range(0, COUNT, 2), *range(0, COUNT, 2)],
    "backwards": lambda: list(range(COUNT, 0, -1)),
}
SHUFFLED = random.Random(1).choices(range(COUNT // 2), k=COUNT)


@pytest.mark.parametrize("form", ["pcap", "pcapng"])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.usefixtures("kernels")
def test_packets_pass_in_order_without_a_copy(write: In, form: str, order: str, copies: list[int]) -> None:
    times = ORDERS[order]()
    head, records = capture_with(write, form, times)
    out, report = converted(head + b"".join(records), form, sort=True)
    assert out == head + b"".join(records[n] for n in sorted(range(COUNT), key=times.__getitem__))
    assert (report.packets_read, report.packets_written, report.losses) == (COUNT, COUNT, {})
    assert not copies
    assert sum(isinstance(item, PacketBatch) for item in read(head + b"".join(records), WINDOW)) > 20


@pytest.mark.parametrize("form", ["pcap", "pcapng"])
@pytest.mark.parametrize(
    ("limit", "value"),
    [("_OPEN", 3000), ("_MOST_OPEN", 3), ("_MOST_BATCHES", 4), ("_SMALL_BATCH", 10**6)],
)
@pytest.mark.parametrize("rows", [7, 2**17])
@pytest.mark.usefixtures("kernels")
def test_packets_are_copied_where_batches_are_too_many_or_too_large(
    write: In, form: str, limit: str, value: int, rows: int, copies: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(input_order, limit, value)
    monkeypatch.setattr(input_order, "_FEW_BATCHES", 5)
    monkeypatch.setattr(packet_sorter, "_ROWS", rows)
    times = [*range(40), *SHUFFLED[40:]]
    head, records = capture_with(write, form, times)
    out, _ = converted(head + b"".join(records), form, sort=True)
    assert out == head + b"".join(records[n] for n in sorted(range(COUNT), key=times.__getitem__))
    assert copies


def test_a_packet_without_a_time_makes_the_rest_be_copied(write: In, copies: list[int]) -> None:
    head, records = capture_with(write, "pcapng", ORDERS["neighbours exchanged"]())
    records[200:200] = [write.simple_packet(b"without"), write.simple_packet(b"either")]
    out, _ = converted(head + b"".join(records), "pcapng", sort=True)
    ordered = [records[n ^ 1] for n in range(198)]
    ordered += [*records[199:202], records[198]]  # they stay behind the packet before them, which moves
    ordered += [records[202 + (n ^ 1)] for n in range(COUNT - 200)]
    assert out == head + b"".join(ordered)
    assert copies


def test_each_section_is_read_again_with_its_byte_order_and_interfaces(copies: list[int]) -> None:
    little, big = In(wire.LITTLE), In(wire.BIG)
    parts, expected = [], []
    for write in (little, big, little):
        head, records = capture_with(write, "pcapng", ORDERS["backwards"]())
        late = write.interface(7, options=write.options((wire.IF_NAME, b"late")))
        parts += [head, *records, late, write.enhanced_packet(2, 1, b"of the late interface")]
        expected += [head, late, records[-1], parts[-1], *records[-2::-1]]
    out, _ = converted(b"".join(parts), "pcapng", sort=True)
    assert out == b"".join(expected)
    assert not copies


def test_numbers_stay_those_of_the_input(write: In, copies: list[int]) -> None:
    head, records = capture_with(write, "pcap", ORDERS["two captures"]())
    out, _ = converted(head + b"".join(records), "pcap", sort=True, packets="2,152,299-300")
    assert out == head + b"".join(records[n - 1] for n in (2, 152, 299, 300))
    assert not copies


@pytest.mark.parametrize("change", ["times", "lengths", "shorter"])
def test_an_input_that_changes_meanwhile_is_refused(
    write: In, change: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = tmp_path / "in.pcap", tmp_path / "out.pcap"
    head, records = capture_with(write, "pcap", ORDERS["in order"]())
    source.write_bytes(head + b"".join(records))
    other = {
        "times": head + b"".join(records[::-1]),
        "lengths": head + write.pcap_record(0, 0, b"of another length") + b"".join(records),
        "shorter": head + b"".join(records[:-20]),
    }[change]
    parts = input_order.InputOrder.parts

    def changed_before(order: input_order.InputOrder) -> Any:
        source.write_bytes(other)
        return parts(order)

    monkeypatch.setattr(input_order.InputOrder, "parts", changed_before)
    with pytest.raises(FileError, match=r"in\.pcap: was changed while it was read"):
        pcapconv.convert(source, out, sort=True)
    assert not out.exists()


def test_a_file_that_grows_meanwhile_is_sorted_as_it_was(
    write: In, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source, out = tmp_path / "in.pcap", tmp_path / "out.pcap"
    head, records = capture_with(write, "pcap", ORDERS["backwards"]())
    source.write_bytes(head + b"".join(records))
    parts = input_order.InputOrder.parts

    def grown_before(order: input_order.InputOrder) -> Any:
        with source.open("ab") as file:
            file.write(records[0])
        return parts(order)

    monkeypatch.setattr(input_order.InputOrder, "parts", grown_before)
    pcapconv.convert(source, out, sort=True)
    assert out.read_bytes() == head + b"".join(records[::-1])


def test_a_capture_in_the_middle_of_a_file(write: In) -> None:
    head, records = capture_with(write, "pcap", ORDERS["backwards"]())
    file = io.BytesIO(b"something else" + head + b"".join(records))
    file.seek(14)
    assert converted(file, "pcap", sort=True)[0] == head + b"".join(records[::-1])


@pytest.mark.parametrize("changed", ["section", "interfaces", "contiguous", "numbers"])
def test_a_batch_that_a_step_changed_is_copied(write: In, changed: str, copies: list[int]) -> None:
    head, records = capture_with(write, "pcap", ORDERS["backwards"]())
    with packet_sorter.PacketSorter() as sorter:
        for item in read(head + b"".join(records), WINDOW):
            if isinstance(item, PacketBatch):
                interfaces = item.interfaces[:]
                if changed == "section":
                    item.section = item.section._replace(changed=True)
                elif changed == "interfaces":
                    item.interfaces = interfaces
                elif changed == "contiguous":
                    item.contiguous = False
                else:
                    item.numbers = range(item.first_number, item.first_number + item.rows)
                sorter.add_batch(item)
        data = [packet.data for batch in sorter.batches(interfaces) for packet in batch]
    assert data == [b"%d" % n for n in reversed(range(COUNT))]
    assert copies
