"""File objects of every kind that are handed in, as inputs and as outputs."""

import errno
import io
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
import wire
from files import AS_PCAPNG, CAPTURE, COMMENTED, HEADER, MANY, OLD, stream
from files import capture as capture
from files import folder as folder
from folders import file_names

import pcapconv
from pcapconv import FileError, PcapconvError, UsageError

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


def test_file_objects_stay_open(capture: Path, folder: Path) -> None:
    with capture.open("rb") as source, (folder / "out").open("w+b") as target:
        pcapconv.convert(source, target, to="pcapng")
        assert not source.closed
        assert not target.closed
        target.seek(0)
        assert target.read() == AS_PCAPNG
    with capture.open("rb") as source:
        with pcapconv.open(source) as opened:
            assert [packet.data for packet in opened] == [b"four"]
        assert not source.closed


def test_file_objects_stay_open_after_an_error() -> None:
    source, target = io.BytesIO(b"not a capture"), io.BytesIO()
    with pytest.raises(PcapconvError):
        pcapconv.convert(source, target, to="pcap")
    with pytest.raises(PcapconvError):
        pcapconv.open(source)
    assert not source.closed
    assert not target.closed


def test_a_file_object_is_read_and_written_from_where_it_stands() -> None:
    source, target = io.BytesIO(b"before" + CAPTURE), io.BytesIO(b"before and more")
    source.seek(6)
    target.seek(6)
    pcapconv.convert(source, target, to="pcapng")
    assert target.getvalue() == b"before" + AS_PCAPNG


def test_a_snaplen_that_is_put_right_afterwards_is_put_right_where_the_output_began() -> None:
    capture = COMMENTED.replace(wire.interface(), wire.interface(snaplen=2))
    target = io.BytesIO(b"before")
    target.seek(6)
    pcapconv.convert(io.BytesIO(capture), target, to="pcap")
    assert target.getvalue() == b"before" + wire.pcap_header(snaplen=4) + wire.pcap_record(0, 1, b"four")


def test_a_file_object_for_appending_gets_its_bytes_at_the_end(capture: Path, folder: Path) -> None:
    out = folder / "out"
    out.write_bytes(OLD)
    with out.open("ab") as target:
        pcapconv.convert(capture, target, to="pcapng")
    assert out.read_bytes() == OLD + AS_PCAPNG


def test_a_file_objects_name_tells_the_format(capture: Path, folder: Path) -> None:
    with (folder / "out.pcapng").open("wb") as target:
        report = pcapconv.convert(capture, target)
    assert report.outputs == [str(folder / "out.pcapng")]
    assert (folder / "out.pcapng").read_bytes() == AS_PCAPNG


def test_an_object_that_can_only_read_is_enough() -> None:
    target = io.BytesIO()
    report = pcapconv.convert(stream(CAPTURE), target, to="pcapng")
    assert target.getvalue() == AS_PCAPNG
    assert report.inputs == ["input"]
    with pcapconv.open(stream(CAPTURE)) as opened:
        assert [packet.data for packet in opened] == [b"four"]


class Sink:
    """A file object with a write method and nothing else, which takes a few bytes at a time."""

    def __init__(self, most: int) -> None:
        self.data = b""
        self._most = most

    def write(self, data: memoryview) -> int:
        taken = bytes(data[: self._most])
        self.data += taken
        return len(taken)


@pytest.mark.parametrize("most", [1, 7, 100_000])
def test_an_object_that_writes_little_at_a_time_gets_everything(most: int) -> None:
    sink = Sink(most)
    source = CAPTURE * 1 if most < 1000 else CAPTURE + MANY
    pcapconv.convert(io.BytesIO(source), cast(BinaryIO, sink), to="pcap")
    assert sink.data == source


def test_an_object_that_does_not_say_how_much_it_wrote_took_everything() -> None:
    class Silent:
        data = b""

        def write(self, data: memoryview) -> None:
            self.data += bytes(data)

    silent = Silent()
    pcapconv.convert(io.BytesIO(CAPTURE), cast(BinaryIO, silent), to="pcapng")
    assert silent.data == AS_PCAPNG


def test_a_text_file_is_no_input(capture: Path) -> None:
    with capture.open(encoding="latin-1") as text, pytest.raises(UsageError, match="'rb'"):
        pcapconv.convert(cast(BinaryIO, text), io.BytesIO(), to="pcapng")


def test_a_text_file_is_no_output(capture: Path, folder: Path) -> None:
    with (folder / "out").open("w") as text, pytest.raises(PcapconvError):
        pcapconv.convert(capture, cast(BinaryIO, text), to="pcapng")
    with pytest.raises(PcapconvError):
        pcapconv.convert(capture, cast(BinaryIO, io.StringIO()), to="pcapng")


def test_a_file_object_that_is_for_reading_is_no_output(capture: Path) -> None:
    with capture.open("rb") as target, pytest.raises(FileError):
        pcapconv.convert(io.BytesIO(CAPTURE), target, to="pcapng")
    assert capture.read_bytes() == CAPTURE


def test_a_file_object_that_is_closed_is_refused(capture: Path, folder: Path) -> None:
    with capture.open("rb") as closed:
        pass
    with pytest.raises(PcapconvError):
        pcapconv.convert(closed, folder / "out.pcapng")
    with pytest.raises(PcapconvError):
        pcapconv.open(closed)
    with (folder / "out").open("wb") as target:
        pass
    with pytest.raises(PcapconvError):
        pcapconv.convert(capture, target, to="pcapng")
    assert file_names(folder) == ["out"]


def test_an_input_that_the_system_stops_reading_is_an_error(folder: Path) -> None:
    class Broken(io.RawIOBase):
        def __init__(self, capture: bytes) -> None:
            self._rest = io.BytesIO(capture)

        def readable(self) -> bool:
            return True

        def readinto(self, room: Any) -> int:
            count = self._rest.readinto(room)
            if not count:
                raise OSError(errno.EIO, "Input/output error")
            return count

    with pytest.raises(FileError, match="cannot read: input/output error"):
        pcapconv.convert(cast(BinaryIO, Broken(CAPTURE + MANY)), folder / "out.pcapng")
    assert file_names(folder) == []


class Failing:
    """A file object whose n-th write fails."""

    def __init__(self, good: int) -> None:
        self.good = good

    def write(self, data: memoryview) -> int:
        if not self.good:
            raise OSError(errno.ENOSPC, "No space left on device")
        self.good -= 1
        return len(data)


@pytest.mark.parametrize("good", range(6))
@pytest.mark.parametrize("to", ["pcap", "pcapng"])
def test_a_write_that_fails_is_an_error_whichever_it_is(good: int, to: str) -> None:
    """Also in the writing thread, which is gone afterwards."""
    with pytest.raises(FileError, match="output: cannot write: no space left on device"):
        pcapconv.convert(io.BytesIO(HEADER + MANY * 2), cast(BinaryIO, Failing(good)), to=to)


@pytest.mark.parametrize("good", range(4))
def test_a_write_that_fails_after_all_was_well_is_an_error(good: int) -> None:
    with pytest.raises(FileError, match="cannot write"):
        pcapconv.convert(io.BytesIO(HEADER + MANY), cast(BinaryIO, Failing(good)), to="pcapng", strict=True)


@pytest.mark.parametrize("error", [MemoryError, KeyboardInterrupt])
def test_what_else_happens_in_the_writing_thread_reaches_the_caller(error: type[BaseException]) -> None:
    class Odd:
        def write(self, _: memoryview) -> int:
            raise error

    with pytest.raises(error):
        pcapconv.convert(io.BytesIO(HEADER + MANY * 2), cast(BinaryIO, Odd()), to="pcap")


def test_a_file_that_is_refused_while_much_waits_to_be_written_leaves_no_thread(folder: Path) -> None:
    with pytest.raises(PcapconvError):
        pcapconv.convert(io.BytesIO(HEADER + MANY * 2 + b"cut"), folder / "out.pcapng", strict=True)
    assert file_names(folder) == []
