"""The interfaces of a new capture: those that the caller declares, and those of other captures; and times in their
ticks."""

from __future__ import annotations

from pcapconv.creating.foreign_packets import ForeignPackets
from pcapconv.creating.new_capture import NewCapture
from pcapconv.creating.packed_values import ORDER
from pcapconv.creating.packet_output import PacketOutput
from pcapconv.errors import TimeRangeError, UsageError
from pcapconv.formats.pcapng_items import parse_interface
from pcapconv.model import Interface, Packet
from pcapconv.spec.link_types import link_type_name
from pcapconv.timestamps import MICROSECONDS, NANOSECONDS, rescale, resolution_in_words
from pcapconv.wording import argument, call

_MOST_TICKS = 2**64 - 1


class DeclaredInterfaces:
    """Declares interfaces, and finds those that packets belong to.

    * `own`: the interfaces that the caller declared, by the object's id.
    * `only`: the one that packets without an interface belong to; None if there is none, or if there are several.
    * `undeclared`: the last of the capture's interfaces, which were added for packets that may still be refused.
    * `foreign`: what other captures bring.
    """

    def __init__(self, new: NewCapture, output: PacketOutput, own: dict[int, Interface], per_second: int) -> None:
        self._new = new
        self._output = output
        self._per_second = per_second
        self.own = own
        self.only: Interface | None = None
        self.undeclared: list[Interface] = []
        self.foreign = ForeignPackets(
            new.section,
            new.interfaces,
            self._add,
            new.losses,
            microseconds=per_second == MICROSECONDS,
            to_pcap=new.format == "pcap",
        )

    def declare_own(self, body: bytes) -> Interface:
        """Declare an interface for the caller, whose block has this body. Raises UsageError for a second link type if
        the capture is pcap."""
        interface = self._add(body)
        self.declare()
        self.only = None if self.own else interface
        self.own[id(interface)] = interface
        return interface

    def declare(self) -> None:
        """Declare the interfaces that were added, in front of their first packet."""
        self._output.hand_over()
        for interface in self.undeclared:
            self._output.limits.add_interface(interface.snaplen)
            self._new.write(interface)
        self.foreign.keep()
        self.undeclared = []

    def withdraw(self) -> None:
        """Take back the interfaces that were added, since their first packet is refused."""
        if self.undeclared:
            del self._new.interfaces[-len(self.undeclared) :]
            self.foreign.forget()
            self.undeclared = []

    def _add(self, body: bytes, time_error: str = "") -> Interface:
        """Add the next interface, which `declare` declares."""
        new = self._new
        new.check_open()
        interface = parse_interface(body, ORDER, 0, len(new.interfaces))
        interface = interface._replace(time_error=time_error or interface.time_error)
        if new.format == "pcap" and new.interfaces and interface.link_type != new.interfaces[0].link_type:
            first, second = (link_type_name(each.link_type) for each in (new.interfaces[0], interface))
            raise UsageError(
                f"{new.name}: a pcap file holds one link type, here {first}, and not {second}, too; write pcapng "
                f"({argument('to', 'pcapng')}), or a file for each link type",
                path=new.name,
            )
        new.interfaces.append(interface)
        self.undeclared.append(interface)
        return interface

    def default(self) -> Interface:
        """The interface of packets for which none is given. Raises UsageError."""
        if self.only is not None:
            return self.only
        if not self.own:
            raise UsageError(
                f"{self._new.name}: no interface is declared; give {argument('link_type', 'ethernet')} to "
                f"{call('pcapconv.create')}, or call add_interface",
                path=self._new.name,
                option="interface",
            )
        raise UsageError(
            f"{self._new.name}: {len(self.own)} interfaces are declared; say which one with {argument('interface')}",
            path=self._new.name,
            option="interface",
        )

    def of_packet(self, packet: Packet) -> Interface:
        """The interface of this capture to which a packet belongs: the packet's own, if the caller declared that, or
        the one that stands for it, which is added for its first packet."""
        interface = packet.interface
        return interface if id(interface) in self.own else self.foreign.interface(interface, packet.section)

    def given(self, interface: Interface) -> Interface:
        """The interface of this capture that the caller means. Raises UsageError if it is not declared."""
        if id(interface) in self.own:
            return interface
        if isinstance(interface, Interface) and (declared := self.foreign.declared(interface)) is not None:
            return declared
        raise UsageError(
            f"{argument('interface', interface)}: not an interface of this capture; give one that "
            "add_interface returned",
            option="interface",
        )

    def ticks(self, time: tuple[int, int], interface: Interface, what: str = "") -> int:
        """The ticks of a time since 1970, which must be exact. `what` has the time, by default the next packet. Raises
        UsageError, and TimeRangeError."""
        what = what or f"packet {self._output.packets + 1}"
        own = id(interface) in self.own
        if interface.time_error:
            raise UsageError(
                f"{interface.time_error}; give {argument('interface')}, one that add_interface returned",
                option="interface",
            )
        per_second, offset = interface.ticks_per_second, interface.time_offset
        number, of_second = time
        ticks, exact = rescale(number, of_second, -offset, per_second)
        if not exact:
            finer = "round it"
            if own and per_second != NANOSECONDS:
                create = "declare the interface" if self._per_second == NANOSECONDS else "create the capture"
                finer = f"{create} with {argument('resolution', 'ns')}, or round the time"
            elif not own:
                finer = f"round it, or give {argument('interface')}, one that add_interface returned"
            raise UsageError(
                f"{what}: its time has digits finer than the {resolution_in_words(per_second) or 'ticks'} of interface "
                f"{interface.id}; {finer}",
                packet_number=self._output.packets + 1,
            )
        if not 0 <= ticks <= _MOST_TICKS:
            fact = "before 1970" if ticks < 0 and not offset else "outside what 64 bits hold"
            units = f"; {argument('time')} counts seconds, {argument('time_ns')} nanoseconds"
            raise TimeRangeError(
                f"{self._new.name}: {what}: its time is {fact}, which interface {interface.id} cannot hold"
                f"{units if of_second == 1 and ticks > 0 else ''}",
                path=self._new.name,
                packet_number=self._output.packets + 1,
            )
        return ticks

    def ticks_of_packet(self, packet: Packet, interface: Interface) -> int | None:
        """The ticks that a packet of another capture has here; None if it has no time. Raises as `ticks` does."""
        ticks, there = packet.ticks, packet.interface
        if there.time_error and not interface.time_error and ticks is not None:
            raise UsageError(
                f"packet {packet.number}: {there.time_error}; give {argument('time_ns')}", packet_number=packet.number
            )
        same = there.ticks_per_second == interface.ticks_per_second and there.time_offset == interface.time_offset
        if ticks is None or same:
            return ticks
        number = ticks + there.time_offset * there.ticks_per_second
        return self.ticks((number, there.ticks_per_second), interface)
