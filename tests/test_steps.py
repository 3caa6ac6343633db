"""The base of steps: what it follows, what it passes on, and when."""

from collections.abc import Iterable, Iterator
from pathlib import Path

import pytest
import wire
from conversions import after_step, every_sample, read
from wire import In

from pcapconv.model import Block, Damage, Interface, Item, Notice, PacketBatch, Section
from pcapconv.steps import Step

pytestmark = pytest.mark.usefixtures("kernels")

T = 1_714_564_800_000_000


def capture(write: In) -> bytes:
    """Two sections: the first with two interfaces, the second of which comes behind a packet; the other with one."""
    first = write.section_header() + write.interface() + write.enhanced_packet(0, T, b"a") + write.interface(113)
    first += write.enhanced_packet(1, T, b"b") + write.block(0x0B0B, b"body")
    return first + write.section_header() + write.interface(1) + write.enhanced_packet(0, T, b"c")


def kinds(items: Iterable[Item]) -> list[str]:
    return [type(item).__name__ for item in items]


@every_sample
def test_a_step_that_handles_nothing_passes_the_same_items_on(path: Path) -> None:
    given: list[Item] = []

    def noted(items: Iterator[Item]) -> Iterator[Item]:
        for item in items:
            given.append(item)
            yield item

    for number, item in enumerate(Step()(noted(read(path.read_bytes())))):
        assert item is given[number]
        assert len(given) == number + 1  # the next item is asked for when this one has been used


def test_each_kind_of_item_has_its_method(write: In) -> None:
    class Nothing(Step):
        def __init__(self) -> None:
            super().__init__()
            self.calls: list[str] = []

        def _section(self, section: Section) -> Iterable[Item]:
            self.calls.append(f"section {section.number}")
            return ()

        def _interface(self, interface: Interface) -> Iterable[Interface]:
            self.calls.append(f"interface {interface.id}")
            return ()

        def _batch(self, batch: PacketBatch) -> Iterable[Item]:
            self.calls.append(f"packets from {batch.number(0)}")
            return ()

        def _block(self, block: Block) -> Iterable[Item]:
            self.calls.append(f"block {block.type:x}")
            return ()

        def _notice(self, notice: Damage | Notice) -> Iterable[Item]:
            self.calls.append(type(notice).__name__)
            return ()

        def _end(self) -> Iterable[Item]:
            self.calls.append("end")
            return (Notice(None, "behind all"),)

    step = Nothing()
    items = [*read(capture(write)), Damage(1, 2, "reason", 3, None), Notice(4, "reason")]
    assert list(step(iter(items))) == [Notice(None, "behind all")]
    assert step.calls == [
        *["section 0", "interface 0", "packets from 1", "interface 1", "packets from 2", "block b0b"],
        *["section 1", "interface 0", "packets from 3", "Damage", "Notice", "end"],
    ]


def test_interfaces_are_those_that_came_out_of_the_section(write: In) -> None:
    class Doubled(Step):
        def __init__(self) -> None:
            super().__init__()
            self.seen: list[list[tuple[int, int]]] = []

        def _note(self) -> None:
            self.seen.append([(interface.id, interface.snaplen) for interface in self._interfaces])

        def _section(self, section: Section) -> Iterable[Item]:
            self._note()
            return (section,)

        def _interface(self, interface: Interface) -> Iterable[Interface]:
            changed = interface._replace(snaplen=7)
            return (changed, changed._replace(snaplen=8))

        def _batch(self, batch: PacketBatch) -> Iterable[Item]:
            self._note()
            return (batch,)

    step = Doubled()
    out = kinds(step(read(capture(write))))
    assert out == [
        *["Section", "Interface", "Interface", "PacketBatch", "Interface", "Interface", "PacketBatch", "Block"],
        *["Section", "Interface", "Interface", "PacketBatch"],
    ]
    first, second = [(0, 7), (0, 8)], [(1, 7), (1, 8)]
    assert step.seen == [[], first, first + second, first + second, first]


def test_batches_of_a_section_before_keep_its_interfaces(write: In) -> None:
    class Renamed(Step):
        def _interface(self, interface: Interface) -> Iterable[Interface]:
            return (interface._replace(snaplen=9),)

        def _batch(self, batch: PacketBatch) -> Iterable[Item]:
            batch.interfaces = self._interfaces
            return (batch.copy(),)

    batches = [item for item in Renamed()(read(capture(write))) if isinstance(item, PacketBatch)]
    assert [[interface.link_type for interface in batch.interfaces] for batch in batches] == [[1, 113], [1, 113], [1]]
    assert {interface.snaplen for batch in batches for interface in batch.interfaces} == {9}


def test_what_a_step_gives_in_between_comes_in_its_place(write: In) -> None:
    class Before(Step):
        def _batch(self, batch: PacketBatch) -> Iterator[Item]:
            yield Block(wire.NAME_RESOLUTION, bytes(4), batch.section.byte_order, batch.section.number, 0)
            yield batch

    out, _ = after_step(Before(), write.section_header() + write.interface() + write.enhanced_packet(0, T, b"a"))
    names = write.block(wire.NAME_RESOLUTION, bytes(4))
    assert out == write.section_header() + write.interface() + names + write.enhanced_packet(0, T, b"a")
