"""A small capture does not become a large split unless somebody asks for one in so many words."""

import io
import json
import subprocess
from pathlib import Path
from typing import Any

import protocols
import pytest
import wire
from command_line import COMMAND
from conversions import Pipe
from files import folder as folder
from folders import file_names
from nonsense import PARTS, on_command_line
from protocols import UDP, ipv4, udp
from splitting import packet_at, parts_and_report
from wire import LITTLE, In

from pcapconv import UsageError, split
from pcapconv.formats.pcap_writer import PcapWriter
from pcapconv.formats.pcapng_writer import PcapngWriter
from pcapconv.io.file_set import FileSet
from pcapconv.io.target import Target
from pcapconv.model import Interface, Item
from pcapconv.splitting import By

pytestmark = pytest.mark.usefixtures("no_thread_is_left")
WRITE = In(LITTLE)
SECTION, INTERFACE = WRITE.section_header(), WRITE.interface()


def run_command(*arguments: str | Path, stdin: bytes = b"") -> tuple[int, str]:
    """Run the installed command; return its status and stderr."""
    done = subprocess.run([COMMAND, *map(str, arguments)], input=stdin, capture_output=True, timeout=120)
    assert done.stdout == b""
    return done.returncode, done.stderr.decode()


# ---------------------------------------------------------------- what parts repeat

KEYS = WRITE.secrets(wire.TLS_KEY_LOG, bytes(6_000_000))
COMMENTED = WRITE.interface(options=WRITE.options((wire.OPT_COMMENT, bytes(60_000))))
WAYS: list[tuple[dict[str, Any], bytes]] = [
    ({"max_packets": 1}, SECTION + INTERFACE + KEYS),
    ({"max_packets": 1}, SECTION + COMMENTED * 100),
    ({"max_bytes": 6_010_000}, SECTION + COMMENTED * 100),
    ({"interval": "1s"}, SECTION + COMMENTED * 100),
    ({"by": "link-type"}, SECTION + b"".join(WRITE.interface(number) for number in range(40)) + KEYS),
    ({"by": "interface"}, SECTION + b"".join(WRITE.interface(number) for number in range(40)) + KEYS),
]


@pytest.mark.parametrize(("way", "head"), WAYS, ids=[str(way) for way, _ in WAYS])
def test_headers_that_parts_repeat_are_64_mib_at_the_most(folder: Path, way: dict[str, Any], head: bytes) -> None:
    """Of a capture of 6 MB, eleven copies are less and twelve are more."""
    apart = "by" in way
    capture = head + b"".join(packet_at(WRITE, number, bytes(5000), number * apart) for number in range(40))
    each = len(SECTION + KEYS) if way == {"by": "interface"} else len(head)
    assert 11 * each < 2**26 < 12 * each
    larger = "" if apart else "make larger parts, or "
    with pytest.raises(UsageError) as caught:
        split(io.BytesIO(capture), folder / "x.pcapng", **way)
    assert str(caught.value) == (
        f"{folder}/x.pcapng: the headers that parts repeat come to {12 * each:,} bytes with part 13, more than 64 MiB "
        f"and 10 times the input's {len(capture):,}; {larger}leave out what they repeat: "
        "pcapconv.split(…, by='interface') first, strip='names,secrets'"
    )
    assert file_names(folder) == []


def test_the_command_refuses_with_status_2(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "in.pcapng").write_bytes(SECTION + COMMENTED * 100 + packet_at(WRITE, 0) * 40)
    status, said = run_command("split", tmp_path / "in.pcapng", folder / "x.pcapng", "--max-packets", "1")
    assert (status, said.count("\n")) == (2, 1)
    assert said.startswith(f"pcapconv: {folder}/x.pcapng: the headers that parts repeat come to ")
    assert file_names(folder) == []
    assert run_command("split", tmp_path / "in.pcapng", folder / "x.pcapng", "--max-packets", "4") == (0, "")


def test_headers_may_be_ten_times_the_input(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pcapconv.splitting.parts._MOST_REPEATED", 0)
    head, packet = SECTION + INTERFACE + WRITE.secrets(wire.TLS_KEY_LOG, bytes(952)), packet_at(WRITE, 0)
    assert (len(head), len(packet)) == (1020, 36)
    assert len(parts_and_report(head + packet * 11, max_packets=1)[0]) == 11
    with pytest.raises(UsageError, match=r"come to 25,500 bytes with part 26, more than .* the input's 2,460;"):
        split(io.BytesIO(head + packet * 40), folder / "x.pcapng", max_packets=1)
    assert file_names(folder) == []


def test_of_a_pipe_the_bytes_read_so_far_count(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pcapconv.splitting.parts._MOST_REPEATED", 0)
    head, packet = SECTION + INTERFACE + WRITE.secrets(wire.TLS_KEY_LOG, bytes(952)), packet_at(WRITE, 0)
    pieces = [head, *[packet] * 20, *[WRITE.block(0xB0B, bytes(10_000))] * 3]
    assert (len(head), len(packet)) == (1020, 36)
    assert len(parts_and_report(b"".join(pieces), max_packets=1)[0]) == 20
    with pytest.raises(UsageError, match=r"come to 17,340 bytes with part 18, more than .* the input's 1,668;"):
        split(Pipe(pieces), folder / "x.pcapng", max_packets=1)  # type: ignore[arg-type]
    assert file_names(folder) == []


@pytest.mark.parametrize("way", [{"max_packets": 1}, {"interval": "1s"}], ids=str)
def test_interfaces_that_parts_in_pcap_only_remember_count_too(folder: Path, way: dict[str, Any]) -> None:
    capture = SECTION + COMMENTED * 100 + b"".join(packet_at(WRITE, number) for number in range(40))
    with pytest.raises(
        UsageError, match=r"x\.pcap: the interfaces that parts repeat come to [0-9,]+ bytes with part 13, "
    ):
        split(io.BytesIO(capture), folder / "x.pcap", **way)
    assert file_names(folder) == []
    secrets = SECTION + INTERFACE + KEYS + b"".join(packet_at(WRITE, number) for number in range(40))
    assert len(parts_and_report(secrets, "x.pcap", **way)[0]) == 40


@pytest.mark.parametrize(
    ("by", "to", "size"), [("interface", "pcapng", 84), ("interface", "pcap", 44), ("link-type", "pcap", 24 + 2 * 20)]
)
def test_thousands_of_interfaces_become_small_files(
    by: Any, to: str, size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each part knows its own only: 1,000 interfaces are written 1,000 times, not once for each part."""
    interfaces = 0

    def counting(writer: type[PcapWriter] | type[PcapngWriter]) -> None:
        write = writer.write

        def counted(self: Any, item: Item) -> None:
            nonlocal interfaces
            interfaces += isinstance(item, Interface)
            write(self, item)

        monkeypatch.setattr(writer, "write", counted)

    counting(PcapWriter)
    counting(PcapngWriter)
    count = 500
    head = SECTION + b"".join(WRITE.interface(number) for number in range(count))
    capture = head + b"".join(packet_at(WRITE, 0, interface=number) for number in range(count))
    written, _ = parts_and_report(capture * 2, f"x.{to}", by=by)
    assert {len(part) for part in written} == {size}
    assert len(written) == (count if by == "link-type" else 2 * count)
    assert interfaces == 2 * count


# ---------------------------------------------------------------- how many parts


@pytest.mark.slow
def test_ten_thousand_parts_are_the_most(folder: Path) -> None:
    record = wire.pcap_record(1, 2, b"")
    with pytest.raises(UsageError) as caught:
        split(io.BytesIO(wire.pcap_header() + record * 10_001), folder / "x.pcap", max_packets=1)
    assert str(caught.value) == (
        f"{folder}/x.pcap: the capture makes more than 10,000 parts; write max_parts=100000 to "
        "have up to 100,000, or make larger parts"
    )
    assert file_names(folder) == []


@pytest.mark.parametrize("way", [{"max_packets": 1}, {"max_bytes": 30}, {"interval": "1s"}], ids=str)
def test_as_many_parts_as_were_asked_for(folder: Path, way: dict[str, Any]) -> None:
    capture = wire.pcap_header() + b"".join(wire.pcap_record(number, 0, b"") for number in range(4))
    assert len(parts_and_report(capture, "x.pcap", max_parts=4, **way)[0]) == 4
    with pytest.raises(UsageError, match="more than 3 parts; write max_parts=30 "):
        split(io.BytesIO(capture), folder / "x.pcap", max_parts=3, **way)
    assert file_names(folder) == []


def test_parts_by_interface_are_counted_too(folder: Path) -> None:
    capture = SECTION + INTERFACE * 3 + b"".join(packet_at(WRITE, 0, interface=number) for number in range(3))
    assert len(parts_and_report(capture, by="interface", max_parts=3)[0]) == 3
    with pytest.raises(UsageError, match="more than 2 parts; write max_parts=20 "):
        split(io.BytesIO(capture), folder / "x.pcapng", by="interface", max_parts=2)
    assert file_names(folder) == []


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[None]:
    """An entry for each part whose file was begun."""
    begun: list[None] = []
    new_file = FileSet.new_file

    def noted(files: FileSet) -> Target:
        begun.append(None)
        return new_file(files)

    monkeypatch.setattr(FileSet, "new_file", noted)
    return begun


@pytest.mark.usefixtures("kernels")
@pytest.mark.parametrize("by", ["flow", "host"])
def test_too_many_flows_of_a_pipe_are_found_before_they_are_written(folder: Path, begun: list[None], by: By) -> None:
    head = wire.pcap_header(link_type_word=protocols.IPV4)
    packets = [wire.pcap_record(1, 0, ipv4(UDP, udp(source=port))) for port in (1, 2)]
    with pytest.raises(UsageError, match="more than 1 part;"):
        split(Pipe([head, *packets]), folder / "x.pcap", by=by, max_parts=1)  # type: ignore[arg-type]
    assert begun == []
    assert file_names(folder) == []


@pytest.mark.usefixtures("kernels")
def test_a_fragment_that_waits_is_no_flow_when_flows_are_counted(tmp_path: Path, folder: Path) -> None:
    """Its first fragment comes later, and has the ports of a flow that was there before."""
    whole = udp(bytes(40))
    first, second = (
        ipv4(UDP, part, fragment=fragment, identification=7)
        for part, fragment in ((whole[:16], 0x2000), (whole[16:], 2))
    )
    capture = wire.pcap_header(link_type_word=protocols.IPV4) + b"".join(
        wire.pcap_record(1, 0, packet) for packet in (ipv4(UDP, udp()), second, first)
    )
    (tmp_path / "in.pcap").write_bytes(capture)
    assert len(split(tmp_path / "in.pcap", folder / "x.pcap", by="flow", max_parts=1).outputs) == 1


def test_parts_that_cannot_grow_get_no_advice_to_make_larger_ones(folder: Path) -> None:
    capture = SECTION + INTERFACE * 3 + b"".join(packet_at(WRITE, number, b"", number) for number in range(3))
    with pytest.raises(UsageError) as caught:
        split(io.BytesIO(capture), folder / "x.pcapng", by="interface", max_parts=2)
    assert str(caught.value) == (
        f"{folder}/x.pcapng: the capture makes more than 2 parts; write max_parts=20 to have up to 20"
    )


def test_the_command_takes_a_number_of_parts(tmp_path: Path, folder: Path) -> None:
    capture = wire.pcap_header() + wire.pcap_record(1, 0, b"") * 3
    line: list[str | Path] = ["split", "-", folder / "x.pcap", "--max-packets", "1", "--max-parts"]
    status, said = run_command(*line, "2", stdin=capture)
    assert (status, said) == (
        2,
        f"pcapconv: {folder}/x.pcap: the capture makes more than 2 parts; write --max-parts 20 to have "
        "up to 20, or make larger parts\n",
    )
    assert file_names(folder) == []
    assert run_command(*line, "3", stdin=capture) == (0, "")
    for options, message in PARTS:
        text = str(options["max_parts"])
        if text.removeprefix("-").isdecimal():
            line = ["split", tmp_path / "none", folder / "y.pcap", "--max-packets", "1", f"--max-parts={text}"]
            assert run_command(*line) == (2, f"pcapconv: {on_command_line(message)}\n")


# ---------------------------------------------------------------- sizes


@pytest.mark.parametrize("text", ["1", "100", "4095", "0100", "4095.0"])
def test_the_command_asks_back_for_a_small_size_without_a_unit(tmp_path: Path, folder: Path, text: str) -> None:
    """Before anything is read."""
    assert run_command("split", tmp_path / "none.pcap", folder / "x.pcap", "--max-bytes", text) == (
        2,
        f"pcapconv: --max-bytes {text}: {int(float(text))} bytes; did you mean {text}MB? tcpdump -C counts millions of "
        f"bytes; write {text}MB or {text}B\n",
    )
    assert file_names(folder) == []


@pytest.mark.parametrize("text", ["4096", "100B", "100b", "1kB", "0.5k", "1KiB"])
def test_the_command_takes_any_size_with_a_unit(tmp_path: Path, folder: Path, text: str) -> None:
    (tmp_path / "in.pcap").write_bytes(wire.pcap_header() + wire.pcap_record(1, 0, bytes(40)))
    assert run_command("split", tmp_path / "in.pcap", folder / "x.pcap", "--max-bytes", text) == (0, "")
    assert file_names(folder) == ["x-00001.pcap"]


@pytest.mark.parametrize("size", [82, "82", "82B"])
def test_from_python_any_size_is_taken(size: int | str) -> None:
    record = wire.pcap_record(1, 0, bytes(13))
    written, report = parts_and_report(wire.pcap_header() + record * 3, "x.pcap", max_bytes=size)
    assert written == [wire.pcap_header() + record * 2, wire.pcap_header() + record]
    assert report.oversized is None


@pytest.mark.usefixtures("kernels")
def test_parts_that_headers_make_too_large_are_counted() -> None:
    """A single packet or other block may be larger than asked for; that says nothing of headers."""
    small, large, own = packet_at(WRITE, 0), packet_at(WRITE, 0, bytes(200)), WRITE.block(0xB0B, bytes(80))
    keys = WRITE.secrets(wire.TLS_KEY_LOG, bytes(40))
    head = SECTION + INTERFACE + keys
    assert (len(head), len(small), len(large), len(own)) == (108, 36, 232, 92)

    def oversized(capture: bytes, size: int, template: str = "x.pcapng") -> dict[str, int] | None:
        return parts_and_report(capture, template, max_bytes=size)[1].oversized

    assert oversized(head + small * 3, 144) is None
    assert oversized(head + small * 3, 143) == {"parts": 3, "header_bytes": 108}
    assert oversized(head + small * 2 + own + keys + small, 150) == {"parts": 2, "header_bytes": 168}
    assert oversized(head + small + large + small, 148) is None
    assert oversized(head + small + large + small, 232) == {"parts": 1, "header_bytes": 108}
    assert oversized(head + large, 100) == {"parts": 1, "header_bytes": 108}
    assert oversized(head + small, 90, "x.pcap") is None
    assert oversized(head + small * 2, 43, "x.pcap") == {"parts": 2, "header_bytes": 24}


def test_the_command_warns_of_parts_that_headers_make_too_large(tmp_path: Path, folder: Path) -> None:
    (tmp_path / "in.pcapng").write_bytes(SECTION + INTERFACE * 30 + packet_at(WRITE, 0) * 3)
    line: list[str | Path] = [
        "split",
        tmp_path / "in.pcapng",
        folder / "x.pcapng",
        "--report",
        tmp_path / "r.json",
        "--max-bytes",
    ]
    assert run_command(*line, "600B") == (
        0,
        f"pcapconv: warning: {folder}/x.pcapng: 3 parts are larger than --max-bytes, as the headers that a part begins "
        "with take up to 628 bytes\n",
    )
    assert json.loads((tmp_path / "r.json").read_bytes())["oversized"] == {"parts": 3, "header_bytes": 628}
    assert run_command(*line, "1kB", "--force") == (0, "")
    assert json.loads((tmp_path / "r.json").read_bytes())["oversized"] is None
