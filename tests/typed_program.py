"""A program that uses what is public, as `mypy --strict` and `pyright` in strict mode accept it; `assert_type` states
types. `test_types.py` runs it, and both checkers on it: `python typed_program.py CAPTURE FOLDER`."""

import sys
from collections import Counter
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any, assert_type

import pcapconv
from pcapconv.testing import assert_same_capture


def read(path: Path) -> list[int]:
    found: list[int] = []
    with pcapconv.open(path, strict=True) as capture:
        assert_type(capture, pcapconv.Capture)
        for packet in capture:
            assert_type(packet, pcapconv.Packet)
            assert_type(packet.data, bytes)
            assert_type(packet.time, Fraction | None)
            assert_type(packet.time_ns, int | None)
            assert_type(packet.datetime, datetime | None)
            assert_type(packet.comments, list[str])
            assert_type(packet.interface.name, str | None)
            comment: Any = packet.options.get("opt_comment")
            if comment is not None:
                found.append(packet.number)
        assert_type(capture.names, dict[str, list[str]])
        assert_type(capture.damage, list[pcapconv.Damage])
    with pcapconv.open(path) as capture:
        for item in capture.items():
            match item:
                case pcapconv.Section():
                    assert_type(item.comments, list[str])
                case pcapconv.PacketBatch():
                    assert_type(sum(item.captured_length), int)
                case pcapconv.Interface() | pcapconv.Block() | pcapconv.Damage() | pcapconv.Notice():
                    pass
    return found


def write(path: Path) -> None:
    with pcapconv.create(path, comment="typed") as capture:
        assert_type(capture, pcapconv.CaptureWriter)
        lan = capture.add_interface(link_type="ethernet", name="lan")
        assert_type(lan, pcapconv.Interface)
        capture.write(b"one", time_ns=1_700_000_000_000_000_000, interface=lan)
        capture.write(b"two", time=datetime(2024, 5, 1, tzinfo=UTC), interface=lan, comments=["seen"])
        capture.write(b"three", time=Decimal("1714564800.25"), interface=lan, direction="in")


def convert(source: Path, folder: Path) -> None:
    noon = datetime(2024, 5, 1, 12, tzinfo=UTC)
    report = pcapconv.convert(
        source, folder / "a.pcap", after=0, before=noon + timedelta(days=9999), packets=[1, *range(3, 9)], force=True
    )
    assert_type(report, pcapconv.Report)
    assert_type(report.losses, dict[str, int])
    assert_type(report.left_out, Counter[str])
    assert_type(report.warnings, list[pcapconv.Notice])
    pcapconv.convert(source, folder / "b.pcapng", packets=range(1, 5), shift_time=timedelta(hours=1), in_order=False)
    pcapconv.convert(source, folder / "c.pcapng", packets={2, 4}, set_time={2: noon}, dedup=timedelta(seconds=1))
    pcapconv.split(source, folder / "part-{index}.pcapng", interval=timedelta(minutes=1), strip=["names"])
    pcapconv.merge([source, folder / "b.pcapng"], folder / "m.pcapng", sort=True)
    pcapconv.normalize(source, folder / "n.pcapng", rebase_time=noon)
    batch = pcapconv.batch([folder / "b.pcapng"], folder / "to", to="pcap", jobs=1, stall=timedelta(minutes=5))
    assert_type(batch.converted, int)


def describe(source: Path, folder: Path) -> list[str]:
    info = pcapconv.info(source, filter="tcp")
    assert_type(info, pcapconv.CaptureInfo)
    lines = [f"{info.format} {info.packets} packets from {info.first_time}"]
    if info.first_time is not None and info.duration is not None:
        assert_type(info.first_time.seconds, Fraction)
        assert_type(info.first_time.datetime, datetime | None)
        assert_type(info.duration.ns, int)
    for interface in info.interfaces:
        assert_type(interface.packets, int)
        lines += [f"{interface.link_type_name}: {option.name} {option.text}" for option in interface.options]
    if info.sidecar is not None and info.sidecar.matches is True:
        assert_type(info.sidecar.kept, dict[str, int])
    elif info.sidecar is not None:
        assert_type(info.sidecar.reason, str)
    traffic = pcapconv.info(source, conversations=True, talkers=True, protocols=True, hash=True)
    assert_type(traffic.sha256, str | None)
    assert_type(traffic.rates.packets_per_second, Fraction | None)
    if traffic.conversations is not None and traffic.talkers is not None and traffic.protocols is not None:
        for conversation in traffic.conversations.tcp.entries:
            assert_type(conversation.port_a, int | None)
            assert_type(conversation.bytes, int)
        for talker in traffic.talkers.entries:
            assert_type(talker.address, str)
        for protocol in traffic.protocols.entries:
            assert_type(protocol.path, str)
    document: dict[str, Any] = info.as_dict()
    lines.append(document["schema"]["name"])
    result = pcapconv.check(folder / "n.pcapng", rebase_time="2024-05-01T12:00Z")
    assert_type(result, pcapconv.CheckResult)
    assert_type(result.normal, bool)
    lines += result.reasons or ["normal"]
    comparison = pcapconv.diff(source, folder / "b.pcapng", time_tolerance=timedelta(hours=2), show=5, all=True)
    assert_type(comparison, pcapconv.Comparison)
    lines += [f"{each.difference.kind} {each.difference.a}" for each in comparison.shown]
    assert_same_capture(source, source)
    return lines


def fail(folder: Path) -> list[str]:
    found: list[str] = []
    try:
        pcapconv.open(folder / "none.pcap")
    except FileNotFoundError as error:
        found.append(str(error))
    try:
        pcapconv.convert(folder / "m.pcapng", folder / "x.pcap", packets="5-3")
    except pcapconv.UsageError as error:
        assert_type(error.option, str | None)
        found.append(f"{error.option}: {error.path} {error.offset} {error.packet_number}")
    try:
        pcapconv.convert(folder / "m.pcapng", folder / "x.pcap", on_loss="fail")
    except pcapconv.LossError as error:
        assert_type(error.report, pcapconv.Report)
        found.append(f"losses: {sum(error.report.losses.values())}")
    except pcapconv.FileError as error:
        assert_type(error.errno, int | None)
    return found


if __name__ == "__main__":
    source, folder = map(Path, sys.argv[1:])
    write(folder / "new.pcapng")
    convert(source, folder)
    print(read(source), read(folder / "new.pcapng"), *describe(source, folder), *fail(folder), sep="\n")
