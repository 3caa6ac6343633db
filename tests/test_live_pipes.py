"""Packets that come through a pipe come out at once: before a read that waits, what was read is written.

Strategy: a test writes a packet, and then waits for it to come out before it writes more. If the packet were held back,
both sides would wait for ever; so a test that hangs fails after PATIENCE.
"""

import contextlib
import gzip
import io
import os
import select
import subprocess
import threading
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO, Any, cast

import pytest
import wire
from command_line import COMMAND, ended_at_last
from conversions import Sink

import pcapconv
from pcapconv.io.buffered_output import BufferedOutput
from pcapconv.io.compression import compression_named
from pcapconv.io.target import open_target

PATIENCE = 20  # seconds
T = 1_700_000_000
DATA = b"no other variant of pcap has this"


def record(number: int) -> bytes:
    return wire.pcap_record(T + number, number, DATA)


def packet_block(number: int) -> bytes:
    return wire.enhanced_packet(0, (T + number) * 10**6 + number, DATA)


PCAP_HEADER, PCAPNG_HEADER = wire.pcap_header(), wire.section_header() + wire.interface(snaplen=65535)
FORMS: dict[str, tuple[bytes, Callable[[int], bytes]]] = {
    "pcap": (PCAP_HEADER, record),
    "pcapng": (PCAPNG_HEADER, packet_block),
}


@contextlib.contextmanager
def conversion(
    *arguments: str, stdout: int | IO[bytes] = subprocess.PIPE
) -> Iterator[tuple["subprocess.Popen[bytes]", Callable[[bytes], None]]]:
    """The command between two pipes, and a function that writes to the first one."""
    process = subprocess.Popen([COMMAND, "convert", "-", *arguments], stdin=subprocess.PIPE, stdout=stdout)
    assert process.stdin is not None
    feed = process.stdin

    def write(data: bytes) -> None:
        feed.write(data)
        feed.flush()

    with ended_at_last(process):
        yield process, write
        feed.close()
        assert process.wait(PATIENCE) == 0


def taken(process: "subprocess.Popen[bytes]", count: int) -> bytes:
    """The next `count` bytes that come out."""
    assert process.stdout is not None
    return taken_from(process.stdout.fileno(), count)


def taken_from(descriptor: int, count: int) -> bytes:
    data = b""
    while len(data) < count:
        assert select.select([descriptor], [], [], PATIENCE)[0], f"{len(data)} of {count} bytes have come"
        data += os.read(descriptor, count - len(data))
    return data


@pytest.mark.parametrize("to", FORMS)
@pytest.mark.parametrize("source", FORMS)
def test_each_packet_comes_out_before_the_next_one_is_written(source: str, to: str) -> None:
    (header, packet), (header_out, packet_out) = FORMS[source], FORMS[to]
    with conversion("-", "--to", to) as (process, write):
        write(header)
        for number in range(3):
            write(packet(number))
            size = len(packet_out(number)) + (0 if number else len(header_out))
            out = taken(process, size)
            assert out.endswith(packet_out(number)), number


def test_a_packet_that_has_not_come_whole_holds_up_no_other() -> None:
    with conversion("-", "--to", "pcap") as (process, write):
        write(PCAP_HEADER + record(1) + record(2)[:20])
        assert taken(process, len(PCAP_HEADER + record(1))) == PCAP_HEADER + record(1)
        write(record(2)[20:])
        assert taken(process, len(record(2))) == record(2)


def test_a_first_packet_that_could_be_in_another_variant_comes_with_the_second() -> None:
    """All its bytes are zeros, as a packet to a loopback interface begins."""
    first, second = wire.pcap_record(T, 0, bytes(40)), wire.pcap_record(T, 1, bytes(40))
    with conversion("-", "--to", "pcap") as (process, write):
        write(PCAP_HEADER + first)
        write(second)
        assert taken(process, len(PCAP_HEADER + first + second)) == PCAP_HEADER + first + second


def test_zeros_hold_up_no_packet_before_them() -> None:
    """Zeros are held back as a count, since they are damage if nothing follows them."""
    with conversion("-", "--to", "pcap") as (process, write):
        write(PCAP_HEADER + record(1) + bytes(40))
        assert taken(process, len(PCAP_HEADER + record(1))) == PCAP_HEADER + record(1)
        write(bytes(24) + record(2))
        assert taken(process, 64 + len(record(2))) == bytes(64) + record(2)


def test_metadata_comes_out_at_once() -> None:
    names = wire.names(wire.ipv4_name("192.0.2.1", "router"))
    with conversion("-", "--to", "pcapng") as (process, write):
        write(PCAPNG_HEADER + names)
        assert taken(process, len(PCAPNG_HEADER + names)) == PCAPNG_HEADER + names


def test_selected_packets_come_out_though_others_follow() -> None:
    with conversion("-", "--to", "pcap", "--drop-packets", "2") as (process, write):
        write(PCAP_HEADER + record(1) + record(2))
        assert taken(process, len(PCAP_HEADER + record(1))) == PCAP_HEADER + record(1)


@pytest.mark.parametrize("option", [["--strict"], ["--on-loss", "fail"]], ids=lambda option: option[0])
def test_an_output_that_is_kept_back_stays_so(option: list[str]) -> None:
    with conversion("-", "--to", "pcap", *option) as (process, write):
        write(PCAP_HEADER + record(1))
        assert process.stdout is not None
        write(record(2))
        assert select.select([process.stdout], [], [], 0.1)[0] == []


def test_a_file_is_not_written_piece_by_piece(tmp_path: Path) -> None:
    """stdout may be a file of the shell: it gets full buffers."""
    with (tmp_path / "out.pcap").open("wb") as out:
        target = open_target(cast(Any, open(os.dup(out.fileno()), "wb", buffering=0)))  # noqa: SIM115
        output = BufferedOutput(target)
        output.write(b"few bytes")
        assert output.flush_to_pipe()
        assert os.path.getsize(out.name) == 0
        output.finish()
        target.file.close()
    assert (tmp_path / "out.pcap").read_bytes() == b"few bytes"


def test_a_busy_pipe_is_not_waited_for() -> None:
    """The buffers fill while nobody reads the output."""
    gate, seen = threading.Event(), Sink()

    class Slow(Sink):
        def write(self, data: Any) -> int:
            gate.wait(PATIENCE)
            return seen.write(data)

    output = BufferedOutput(open_target(cast(Any, Slow())))
    written, flushed = b"", []
    for number in range(5):
        output.write(b"%d" % number)
        written += b"%d" % number
        flushed.append(output.flush_to_pipe())
    assert flushed == [True, True, False, False, False]
    gate.set()
    output.finish()
    assert bytes(seen.taken) == written


def test_the_buffer_of_a_python_file_is_flushed() -> None:
    """The bytes would stay in it: it holds 8 KiB."""
    reading, writing = os.pipe()
    inside, feed = os.pipe()
    with open(inside, "rb") as source, open(writing, "wb") as target:
        thread = threading.Thread(target=pcapconv.convert, args=(source, target), kwargs={"to": "pcap"}, daemon=True)
        thread.start()
        os.write(feed, PCAP_HEADER + record(1))
        assert taken_from(reading, len(PCAP_HEADER + record(1))) == PCAP_HEADER + record(1)
        os.write(feed, record(2))
        assert taken_from(reading, len(record(2))) == record(2)
        os.close(feed)
        thread.join(PATIENCE)
        assert not thread.is_alive()
    os.close(reading)


def test_packets_of_a_compressed_pipe_come_out_at_once() -> None:
    compressor = zlib.compressobj(wbits=31)

    def compressed(data: bytes) -> bytes:
        return compressor.compress(data) + compressor.flush(zlib.Z_SYNC_FLUSH)

    with conversion("-", "--to", "pcap") as (process, write):
        write(compressed(PCAP_HEADER + record(1)))
        assert taken(process, len(PCAP_HEADER + record(1))) == PCAP_HEADER + record(1)
        for number in range(2, 5):
            write(compressed(record(number)))
            assert taken(process, len(record(number))) == record(number)
        write(compressor.flush())


@pytest.mark.parametrize("name", ["gzip", "zstd", "lz4"])
def test_packets_come_out_of_a_compressed_pipe_at_once(name: str) -> None:
    """Not from xz and bzip2, which have no sync flush."""
    with conversion("-", "--to", "pcap", "--compress", name) as (process, write):
        out, decompressor, found = cast(IO[bytes], process.stdout), compression_named(name).decompressor(), b""

        def has_come(content: bytes) -> bool:
            nonlocal found
            while len(found) < len(content) and select.select([out], [], [], PATIENCE)[0]:
                found += decompressor.decompress(os.read(out.fileno(), 2**16), 2**16)
            return found == content

        content = PCAP_HEADER
        for number in range(3):
            write(record(number) if number else content + record(number))
            content += record(number)
            assert has_come(content)


def test_half_a_compressed_piece_holds_up_no_packet_before_it() -> None:
    compressor = zlib.compressobj(wbits=31)
    first = compressor.compress(PCAP_HEADER + record(1)) + compressor.flush(zlib.Z_SYNC_FLUSH)
    rest = compressor.compress(record(2)) + compressor.flush()
    with conversion("-", "--to", "pcap") as (process, write):
        write(first + rest[:3])
        assert taken(process, len(PCAP_HEADER + record(1))) == PCAP_HEADER + record(1)
        write(rest[3:])
        assert taken(process, len(record(2))) == record(2)


@pytest.mark.parametrize("form", [bytes, gzip.compress], ids=["plain", "gzip"])
def test_a_pipe_gives_what_a_file_gives(form: Callable[[bytes], bytes]) -> None:
    capture = PCAP_HEADER + b"".join(map(record, range(20_000)))
    source, pieces = form(capture), list[bytes]()
    with conversion("-", "--to", "pcapng") as (process, write):
        reader = threading.Thread(target=lambda: pieces.append(cast(IO[bytes], process.stdout).read()))
        reader.start()
        for at in range(0, len(source), 7919):
            write(source[at : at + 7919])
        assert process.stdin is not None
        process.stdin.close()
        reader.join(PATIENCE)
    out = io.BytesIO()
    pcapconv.convert(io.BytesIO(capture), out, to="pcapng")
    assert pieces == [out.getvalue()]
