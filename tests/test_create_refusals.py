"""`pcapconv.create`: what is refused and in which words, and that nothing appears after an error."""

# ruff: noqa: PT012 - exceptions end `with` blocks of several statements here

import io
import os
from collections.abc import Callable
from datetime import datetime
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas
import pytest
import wire
from creating import TIME, created, opened

import pcapconv
from pcapconv import CaptureWriter, UsageError
from pcapconv.model import Interface

FLOATS = "a float is not exact: it holds today's times in steps of 238 ns in seconds, 256 ns in nanoseconds; pass "
FORMS = "an int of seconds, a datetime with a zone, a Fraction, a Decimal, or text such as 2024-05-01T12:00:00.25Z"


def refused(write: Callable[[CaptureWriter], object], to: str = "pcapng", **arguments: Any) -> str:
    """The message of the UsageError that `write` gets; nothing of it is in the capture, which goes on."""
    messages = []

    def attempt(capture: CaptureWriter) -> None:
        if "link_type" in arguments:
            capture.write(b"before", time_ns=1000)
        with pytest.raises(UsageError) as caught:
            write(capture)
        messages.append(str(caught.value))
        if "link_type" in arguments:
            capture.write(b"after", time_ns=2000, interface=capture.interfaces[0])

    made = created(attempt, to, **arguments)
    read = wire.read_pcapng if to == "pcapng" else wire.read_pcap
    assert [packet.data for packet in read(made)] == ([b"before", b"after"] if "link_type" in arguments else [])
    return messages[0]


WRITES: list[tuple[dict[str, Any], str]] = [
    ({}, "a packet has a time: give time_ns=, an int, or time="),
    ({"time_ns": 5, "time": 5}, "time_ns=, time=: give one of them, not both"),
    ({"time_ns": 1.5e18}, f"time_ns=1.5e+18: {FLOATS}an int, or use time= with a Decimal"),
    ({"time_ns": "5"}, "time_ns='5': must be an int, the nanoseconds since 1970"),
    ({"time_ns": True}, "time_ns=True: must be an int, the nanoseconds since 1970"),
    ({"time": 1.5}, f"time=1.5: {FLOATS}{FORMS}; or time_ns=, an int"),
    ({"time": np.float64(1.5)}, f"time=np.float64(1.5): {FLOATS}{FORMS}; or time_ns=, an int"),
    ({"time": False}, f"time=False: must be {FORMS}"),
    ({"time": b"5"}, f"time=b'5': must be {FORMS}"),
    ({"time": Decimal("NaN")}, f"time=Decimal('NaN'): must be {FORMS}"),
    (
        {"time": datetime(2024, 5, 1)},
        "time=datetime.datetime(2024, 5, 1, 0, 0): this datetime has no zone; write "
        "time.replace(tzinfo=datetime.UTC), or the zone that is meant",
    ),
    ({"time": "+5s"}, "time='+5s': a new capture has no first packet to count from"),
    (
        {"time": Fraction(1, 3)},
        "packet 2: its time has digits finer than the 1 ns of interface 0; round it",
    ),
    (
        {"time_ns": 1, "flags": 1, "direction": "in"},
        "flags=, direction=: the direction is two bits of the flags; give one of them",
    ),
    ({"time_ns": 1, "direction": "up"}, "direction='up': must be one of in, out"),
    ({"time_ns": 1, "flags": -1}, "flags=: must be a number from 0 to 4294967295"),
    ({"time_ns": 1, "flags": "1"}, "flags='1': must be a whole number"),
    ({"time_ns": 1, "original_length": 1}, "original_length=1: less than the 3 bytes that the packet has"),
    ({"time_ns": 1, "original_length": 2**32}, "original_length=: must be a number from 0 to 4294967295"),
    ({"time_ns": 1, "comments": [5]}, "comments=5: must be text"),
    ({"time_ns": 1, "comments": "a\0b"}, "comments=: readers end a text at its first zero byte; leave it out"),
    ({"time_ns": 1, "comments": "\ud800"}, "comments=: has a character that UTF-8 does not have"),
    ({"time_ns": 1, "comments": "x" * 65536}, "comments=: has 65536 bytes; the option holds 65535"),
    ({"time_ns": 1, "data": b"x"}, "data=: replaces the bytes of a Packet, and here the bytes come first"),
    (
        {"time_ns": 1, "interface": 0},
        "interface=0: not an interface of this capture; give one that add_interface returned",
    ),
]


@pytest.mark.parametrize(("arguments", "message"), WRITES, ids=lambda value: str(value)[:40])
def test_packets(arguments: dict[str, Any], message: str) -> None:
    assert refused(lambda capture: capture.write(b"abc", **arguments), link_type=1) == message


def test_finer_times_than_microseconds() -> None:
    def write(capture: CaptureWriter) -> None:
        capture.write(b"abc", time_ns=TIME)

    message = (
        "packet 2: its time has digits finer than the 1 µs of interface 0; create the capture with "
        "resolution='ns', or round the time"
    )
    for to in ("pcap", "pcapng"):
        assert refused(write, to, link_type=1, resolution="us") == message


@pytest.mark.parametrize("time", [-1, 2**64])
def test_times_that_no_capture_holds(time: int) -> None:
    with pytest.raises(pcapconv.TargetError) as caught:
        created(lambda capture: capture.write(b"abc", time_ns=time), link_type=1)
    why = "before 1970" if time < 0 else "outside what 64 bits hold"
    assert str(caught.value).endswith(f": packet 1: its time is {why}, which interface 0 cannot hold")


def test_nanoseconds_that_are_given_as_seconds() -> None:
    with pytest.raises(pcapconv.TargetError) as caught:
        created(lambda capture: capture.write(b"abc", time=TIME), link_type=1)
    assert str(caught.value).endswith(
        ": packet 1: its time is outside what 64 bits hold, which interface 0 cannot hold; time= counts seconds, "
        "time_ns= nanoseconds"
    )


def test_an_interface_that_is_missing_is_the_option_at_fault() -> None:
    def attempt(capture: CaptureWriter) -> None:
        for _ in range(2):
            with pytest.raises(UsageError) as caught:
                capture.write(b"abc", time_ns=1)
            assert caught.value.option == "interface"
            capture.add_interface(1)
            capture.add_interface(1)

    created(attempt)


def test_packets_are_written_in_a_with_block(tmp_path: Path) -> None:
    """Without one, nothing would appear, and nothing would say so."""
    path = tmp_path / "x.pcapng"
    capture = pcapconv.create(path, link_type=1)
    with pcapconv.open(io.BytesIO(created(lambda made: made.write(b"abc", time_ns=1), link_type=1))) as other:
        (batch,) = other.batches()
    writes: list[Callable[[], None]] = [
        lambda: capture.write(b"abc", time_ns=1),
        lambda: capture.write(batch.packet(0)),
        lambda: capture.write_batch(batch),
    ]
    for write in writes:
        with pytest.raises(UsageError) as caught:
            write()
        assert str(caught.value) == (
            f"{path}: packets are written in a `with` block of the new capture, which appears at its end"
        )
    with capture:
        capture.write(b"abc", time_ns=1)
    assert wire.read_pcapng(path.read_bytes())[0].data == b"abc"


def test_times_that_pcap_does_not_hold(tmp_path: Path) -> None:
    with pytest.raises(pcapconv.TargetError) as caught, pcapconv.create(tmp_path / "x.pcap", link_type=1) as capture:
        capture.write(b"a", time_ns=TIME)
        capture.write(b"a", time_ns=2**32 * 10**9)
    assert str(caught.value) == (
        f"{tmp_path}/x.pcap: packet 2: its time, 2106-02-07T06:28:16.000000000Z, is 2^32 seconds or more after 1970, "
        "which pcap cannot hold"
    )
    assert os.listdir(tmp_path) == []


NO_BYTES = "is neither bytes nor a pcapconv.Packet; of any other packet, give bytes(packet)"
OTHERS: list[tuple[Callable[[Any], object], str]] = [
    (lambda c: c.write("abc", time_ns=1), f"data='abc': {NO_BYTES}"),
    (lambda c: c.write(None, time_ns=1), f"data=: {NO_BYTES}"),
    (lambda c: c.write_batch([]), "batch=[]: is no PacketBatch; `Capture.batches` gives them"),
    (lambda c: c.add_interface("ethernot"), "link_type='ethernot': no link type has this name; write ETHERNET"),
    (lambda c: c.add_interface(1, snaplen=-1), "snaplen=: must be a number from 0 to 4294967295"),
    (lambda c: c.add_interface(1, resolution="ms"), "resolution='ms': must be one of ns, us"),
    (lambda c: c.add_interface(1, speed="fast"), "speed='fast': must be a whole number"),
    (lambda c: c.add_interface(1, tsoffset=2**63), f"tsoffset=: must be a number from {-(2**63)} to {2**63 - 1}"),
    (lambda c: c.add_interface(1, name=5), "name=5: must be text"),
    (lambda c: c.add_interface(1, ipv4addr="host"), "ipv4addr='host': not an address with its prefix length…"),
    (lambda c: c.add_interface(1, ipv6addr="::g"), "ipv6addr='::g': not an address with its prefix length…"),
    (lambda c: c.add_interface(1, macaddr="02:00"), "macaddr='02:00': not an address of 6 bytes; write 02:…"),
    (lambda c: c.add_names({"host": ["x"]}), "names='host': not an address; write 192.0.2.1, 2001:db8::1 or …"),
    (lambda c: c.add_names({"192.0.2.1": []}), "names=: 192.0.2.1 has no name, or an empty one"),
    (lambda c: c.add_names({"192.0.2.1": "x" * 65535}), "names=: a name of 192.0.2.1 has 65535 bytes, too…"),
    (lambda c: c.add_secrets("ssl", b""), "secrets_type='ssl': not a type of secrets; write tls, ssh, …"),
    (lambda c: c.add_secrets(2**32, b""), "secrets_type=4294967296: not a type of secrets; write tls"),
    (lambda c: c.add_secrets("tls", 5), "data=: secrets are bytes or text"),
    (lambda c: c.add_statistics(received=-1), "received=: must be a number from 0 to 18446744073709551615"),
    (lambda c: c.add_statistics(end=1.5), "end=1.5: a float is not exact"),
    (lambda c: c.write(np.array([object()]), time_ns=1), "data=array([<object object"),
    (lambda c: c.add_interface(True), "link_type=True: must be a whole number"),
    (lambda c: c.add_interface(10**5000), "link_type=: must be a number from 0 to 65535"),
    (lambda c: c.add_interface(1, resolution=[]), "resolution=[]: must be one of ns, us"),
    (lambda c: c.add_interface(1, filter="x" * 65535), "filter=: has 65535 bytes; the option holds 65534"),
    (lambda c: c.add_interface(1, ipv4addr=5), "ipv4addr=5: not an address with its prefix length"),
    (lambda c: c.add_interface(1, ipv6addr="fe80::1%eth0/64"), "ipv6addr='fe80::1%eth0/64': not an address with"),
    (lambda c: c.add_names({True: "x"}), "names=True: not an address"),
    (lambda c: c.add_names({10**5000: "x"}), "names=<int>: not an address"),
    (lambda c: c.add_interface(1, macaddr=10**5000), "macaddr=<int>: not an address of 6 bytes"),
    (lambda c: c.add_interface(1, macaddr=np.array(5)), "macaddr=array(5): not an address of 6 bytes"),
    (lambda c: c.add_interface(1, ipv4addr=np.array(5)), "ipv4addr=array(5): not an address with its prefix length"),
    (lambda c: c.add_interface(1, comments=np.array(5)), "comments=array(5): must be text"),
    (lambda c: c.write(b"", time=pandas.NaT), "time=NaT: must be an int of seconds, a datetime with a zone"),
    (lambda c: c.add_statistics(end=pandas.NaT), "end=NaT: must be an int of seconds, a datetime with a zone"),
    (lambda c: c.add_names({"fe80::1%eth0": "x"}), "names='fe80::1%eth0': not an address"),
    (lambda c: c.add_names([("192.0.2.1", "x")]), "names=[('192.0.2.1', 'x')]: must be a mapping of addresses to…"),
    (lambda c: c.add_secrets(True, b""), "secrets_type=True: not a type of secrets; write tls, ssh, …"),
    (lambda c: c.add_secrets(10**5000, b""), "secrets_type=<int>: not a type of secrets; write tls, ssh, …"),
    (lambda c: c.add_secrets("tls", "\ud800"), "data=: has a character that UTF-8 does not have"),
    (lambda c: c.write(b"", time_ns=1, direction=[]), "direction=[]: must be one of in, out"),
]  # fmt: skip


@pytest.mark.parametrize(("write", "message"), OTHERS)
def test_everything_else(write: Callable[[CaptureWriter], object], message: str) -> None:
    assert refused(write, link_type=1).startswith(message.removesuffix("…"))


def test_an_interface_is_needed() -> None:
    message = refused(lambda capture: capture.write(b"abc", time_ns=1))
    assert message.endswith(
        ": no interface is declared; give link_type='ethernet' to pcapconv.create, or call add_interface"
    )

    def of_two(capture: CaptureWriter) -> None:
        capture.add_interface("raw")
        capture.write(b"abc", time_ns=1)

    assert refused(of_two, link_type=1).endswith(": 2 interfaces are declared; say which one with interface=")


def test_interfaces_of_others_are_not_declared() -> None:
    other = Interface(0, 0, 1, 0, "pcapng", "little")
    message = refused(lambda capture: capture.write(b"abc", time_ns=1, interface=other), link_type=1)
    assert message.endswith("not an interface of this capture; give one that add_interface returned")


def test_pcap_holds_one_link_type() -> None:
    rule = (
        ": a pcap file holds one link type, here ETHERNET (1), and not RAW (101), too; write pcapng "
        "(to='pcapng'), or a file for each link type"
    )
    assert refused(lambda capture: capture.add_interface("raw"), "pcap", link_type=1).endswith(rule)
    with opened(wire.pcap_header(link_type_word=wire.RAW_IP) + wire.pcap_record(1, 0, b"x")) as reading:
        packet = next(iter(reading))
    assert refused(lambda capture: capture.write(packet), "pcap", link_type=1).endswith(rule)


def test_a_packet_above_the_snaplen(tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError) as caught,
        pcapconv.create(tmp_path / "x.pcapng", link_type=1, snaplen=4) as capture,
    ):
        capture.write(b"abcd", time_ns=0)
        capture.write(b"abcde", time_ns=0)
    assert str(caught.value) == (
        f"{tmp_path}/x.pcapng: packet 2 has 5 bytes, more than the snaplen 4 of its interface; declare it with a "
        "larger one, or without"
    )
    assert os.listdir(tmp_path) == []


def test_comments_come_before_packets() -> None:
    other = io.BytesIO(wire.section_header(options=wire.options((1, b"run"))))
    assert refused(lambda capture: capture.add_metadata_of(other), link_type=1).endswith(
        ": comments on the capture stand before its packets; add them before the first packet"
    )


CREATIONS: list[tuple[dict[str, Any], str]] = [
    ({"target": "x"}, "x: its suffix names no format (.pcap, .cap, .pcapng, .ntar); give to='pcap' or to='pcapng'"),
    ({"to": "erf"}, "to='erf': the format is one of pcap, pcapng"),
    ({"resolution": "ms"}, "resolution='ms': must be one of ns, us"),
    ({"on_loss": "cry"}, "on_loss='cry': must be one of warn, ignore, fail"),
    ({"compress": "rar"}, "compress='rar': must be one of"),
    ({"link_type": "x"}, "link_type='x': no link type has this name"),
    ({"comment": 5}, "comment=5: must be text"),
    ({"snaplen": 96}, "snaplen=96 goes with link_type=; add_interface takes it, too"),
    ({"resolution": []}, "resolution=[]: must be one of ns, us"),
    ({"on_loss": []}, "on_loss=[]: must be one of warn, ignore, fail"),
    ({"to": []}, "to=[]: the format is one of pcap, pcapng"),
    ({"compress": []}, "compress=[]: must be one of"),
]


@pytest.mark.parametrize(("arguments", "message"), CREATIONS)
def test_creating(arguments: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as caught:
        pcapconv.create(**{"target": "x.pcapng", **arguments})
    assert str(caught.value).startswith(message)
    assert os.listdir() == []


# ---------------------------------------------------------------- whole or not at all


def test_nothing_appears_after_an_exception(tmp_path: Path) -> None:
    path = tmp_path / "x.pcapng"
    stream = io.BytesIO()
    for target in (path, stream):
        with pytest.raises(ZeroDivisionError), pcapconv.create(target, to="pcapng", link_type=1) as capture:
            for number in range(10_000):
                capture.write(bytes(1000), time_ns=number)
            _ = 1 // 0
        assert capture.report is None
        with pytest.raises(UsageError, match="this capture was given up"):
            capture.write(b"", time_ns=0)
    assert (os.listdir(tmp_path), stream.getvalue()) == ([], b"")


def test_the_old_file_stays_after_an_exception(tmp_path: Path) -> None:
    path = tmp_path / "x.pcapng"
    path.write_bytes(b"old")
    with pytest.raises(pcapconv.FileError, match="exists"):
        pcapconv.create(path, link_type=1)
    with pytest.raises(KeyboardInterrupt), pcapconv.create(path, link_type=1, force=True) as capture:
        capture.write(b"", time_ns=0)
        raise KeyboardInterrupt
    assert path.read_bytes() == b"old"
    with pcapconv.create(path, link_type=1, force=True) as capture:
        pass
    assert path.read_bytes() == wire.section_header() + wire.interface(snaplen=0, options=wire.options((9, b"\x09")))


@pytest.mark.parametrize(("to", "length"), [("pcap", 135266240), ("pcapng", 135266268)])
def test_a_packet_that_no_reader_takes_is_refused(to: str, length: int, tmp_path: Path) -> None:
    made = created(lambda new: new.write(bytes(length), time_ns=1), to, link_type=1)
    with opened(made) as reading:
        assert [packet.captured_length for packet in reading] == [length]
    with (
        pytest.raises(pcapconv.TargetError, match=r"packet 1: its (record|block) would have 1352\d+ bytes"),
        pcapconv.create(tmp_path / "x", to=to, link_type=1) as capture,
    ):
        capture.write(bytes(length + 1), time_ns=1)
    assert os.listdir(tmp_path) == []


def test_losses_can_fail(tmp_path: Path) -> None:
    with (
        pytest.raises(pcapconv.LossError) as caught,
        pcapconv.create(tmp_path / "x.pcap", link_type=1, on_loss="fail") as capture,
    ):
        capture.write(b"", time_ns=0, comments=["a"])
    assert str(caught.value) == f"{tmp_path}/x.pcap: pcap cannot hold 1 comment; nothing was written"
    assert caught.value.report.losses == {"comments": 1}
    assert os.listdir(tmp_path) == []


def test_an_error_of_the_writer_ends_the_capture(tmp_path: Path) -> None:
    with (
        pytest.raises(UsageError, match="an error has ended this capture before; nothing is written"),
        pcapconv.create(tmp_path / "x.pcap", link_type=1) as capture,
    ):
        capture.write(b"", time_ns=2**32 * 10**9)
        with pytest.raises(pcapconv.TargetError):
            capture.add_names({"192.0.2.1": "x"})
        with pytest.raises(UsageError, match="an error has ended"):
            capture.add_names({"192.0.2.1": "x"})
    assert os.listdir(tmp_path) == []


def test_a_complete_capture_takes_no_more(tmp_path: Path) -> None:
    with pcapconv.create(tmp_path / "x.pcap", link_type=1) as capture:
        capture.write(b"", time_ns=0)
    with pytest.raises(UsageError, match="this capture is complete; create another one"):
        capture.write(b"", time_ns=0)
    with pytest.raises(UsageError, match="this capture is complete; create another one"):
        capture.__enter__()
