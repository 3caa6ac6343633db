"""What tables refuse, and what they do with damage: arguments, times, a missing pyarrow, targets."""

import io
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import wire
from command_line import CUT
from pyarrow import parquet
from tabling import ALL, looped, read, rows, streamed, written

import pcapconv
from pcapconv.arrow import builders

NO_KIND = "its name does not tell the kind of table; give to='parquet', to='arrow' or to='arrows'"
ONE = wire.pcap_header() + wire.pcap_record(1, 2, b"one")


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (
            ["time", "length"],
            "columns='length': there is no such column; did you mean captured_length, original_length, payload_length, "
            "inner_length or path_length?",
        ),
        (
            "ip.src",
            "columns='ip.src': there is no such column; did you mean source_mac, source_address or source_port?",
        ),
        ("tcp.dstport", "columns='tcp.dstport': there is no such column; did you mean destination_port?"),
        ("numbr", "columns='numbr': there is no such column; did you mean number?"),
        (["number", "size"], "columns='size': there is no such column; there are number, time, "),
        ("", "columns='': there is no such column"),
        ([], "columns=: give at least one column, as in columns='number,time'"),
        (["time", "time"], "columns='time': it is given twice"),
        ([1], "columns=1: there is no such column"),
        (7, "columns=7: give a list of names"),
    ],
    ids=str,
)
def test_columns(columns: Any, message: str) -> None:
    for refuse in (read, streamed, lambda capture, columns: written(capture, "arrow", columns)):
        with pytest.raises(pcapconv.UsageError) as refused:
            refuse(ONE, columns)
        assert str(refused.value).startswith(message)


@pytest.mark.parametrize(
    ("target", "to", "message"),
    [
        (
            "x.csv",
            None,
            "x.csv: its name does not tell the kind of table; give to='parquet', to='arrow' or to='arrows'; "
            "CSV is what the command pcapconv show can print",
        ),
        ("-", None, "stdout: its name does not tell the kind of table; give to='parquet', to='arrow' or to='arrows'"),
        (io.BytesIO(), None, "output: its name does not tell"),
        ("x.parquet", "csv", "to='csv': must be parquet, arrow or arrows"),
    ],
    ids=["suffix", "stdout", "file object", "to"],
)
def test_kinds_of_files(target: Any, to: Any, message: str) -> None:
    with pytest.raises(pcapconv.UsageError) as refused:
        pcapconv.write_table(io.BytesIO(ONE), target, to=to)
    assert str(refused.value).startswith(message)


def with_ticks(ticks: int, *options: tuple[int, bytes]) -> bytes:
    interface = wire.interface(options=wire.options(*options))
    return wire.section_header() + interface + wire.enhanced_packet(0, 1, b"") + wire.enhanced_packet(0, ticks, b"ab")


def test_a_name_that_tells_no_kind_is_an_error_of_its_path() -> None:
    with pytest.raises(pcapconv.UsageError) as refused:
        pcapconv.write_table("x.pcap", "x.csv")
    assert refused.value.path == "x.csv"


LEAVE_OUT = "; columns= can leave the column time out"
TOO_LATE = "its time, 9223372036854776000 ns since 1970, does not fit into 64 bits"
TIMES = {
    "late": (with_ticks((2**63 // 1000) + 1), f"packet 2: {TOO_LATE}{LEAVE_OUT}"),
    "early": (
        with_ticks(0, (14, (-(2**63) // 10**9 - 1).to_bytes(8, "little", signed=True))),
        "packet 1: its time, -9223372037999999000 ns since 1970, does not fit into 64 bits; columns= can leave the "
        "column time out",
    ),
    "unknown": (
        with_ticks(0, (9, b"")),
        "packet 1: the times of interface 0 of section 0 cannot be determined: if_tsresol has 0 bytes instead of 1; "
        "columns= can leave the column time out",
    ),
}


@pytest.mark.parametrize(("capture", "message"), TIMES.values(), ids=TIMES)
def test_times_that_have_no_place_in_64_bits(capture: bytes, message: str) -> None:
    for refuse in (read, streamed, lambda capture: written(capture, "parquet")):
        with pytest.raises(pcapconv.TargetError) as refused:
            refuse(capture)
        assert str(refused.value).partition(": ")[2] == message
    rest = [name for name in ALL if name != "time"]
    assert rows(streamed(capture, rest)) == looped(capture, rest)


def test_the_first_and_the_last_time() -> None:
    capture = with_ticks(2**63 - 1, (9, b"\x09"))
    assert rows(streamed(capture, ["time"])) == [{"time": 1}, {"time": 2**63 - 1}]
    assert rows(read(capture, ["time"], last=1)) == [{"time": 2**63 - 1}]


def test_the_packet_with_such_a_time_can_be_left_out() -> None:
    assert rows(read(TIMES["late"][0], ["number", "time"], drop_packets="2")) == [{"number": 1, "time": 1000}]


def test_damage_is_a_warning() -> None:
    with pytest.warns(UserWarning, match=r"^input: offset 44 \(packet 2\): .*; 7 bytes are left out$") as warned:
        assert read(CUT).num_rows == 1
    assert [each.filename for each in warned] == [str(Path(__file__).parent / "tabling.py")]
    with pytest.raises(pcapconv.DamageError):
        read(CUT, strict=True)
    report = pcapconv.write_table(io.BytesIO(CUT), io.BytesIO(), to="arrow")
    assert (report.packets_written, report.damage_total, report.losses) == (1, 1, {})
    with pcapconv.open(io.BytesIO(CUT)) as capture:
        assert capture.to_arrow().read_all().num_rows == 1
        assert [each.offset for each in capture.damage] == [44]
    with pcapconv.open(io.BytesIO(CUT), strict=True) as capture:
        reader = capture.to_arrow()
        with pytest.raises(pcapconv.DamageError):
            reader.read_all()


def test_much_damage_is_some_warnings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pcapconv.tables._MOST_WARNINGS", 0)
    with pytest.warns(UserWarning, match=r"^input: 1 more place like this$"):
        read(CUT)


def test_damage_in_the_middle() -> None:
    good = b"".join(wire.pcap_record(1, number, b"%060d" % number) for number in range(300))
    capture = wire.pcap_header() + good + b"\xff" * 100 + good
    with pytest.warns(UserWarning, match=r"100 bytes are left out"):
        assert read(capture, ["number"], salvage=True).num_rows == 600
    with pytest.warns(UserWarning, match=r"packet 301"):
        assert read(capture, ["number"]).num_rows == 300


def test_metadata_is_no_loss_and_the_report_says_what_was_written(tmp_path: Path) -> None:
    capture = wire.section_header() + wire.interface() + wire.names(wire.ipv4_name("192.0.2.1", "a"))
    source, target = tmp_path / "x.pcapng", tmp_path / "x.parquet"
    source.write_bytes(capture + wire.enhanced_packet(0, 1, b"one"))
    report = pcapconv.write_table(source, target)
    assert (report.losses, report.source_format, report.target_format) == ({}, "pcapng", "parquet")
    assert (report.packets_read, report.packets_written) == (1, 1)
    assert (report.inputs, report.outputs) == ([str(source)], [str(target)])
    with pytest.raises(pcapconv.FileError, match="exists already"):
        pcapconv.write_table(source, target)
    assert pcapconv.write_table(source, tmp_path, to="arrow").outputs == [str(tmp_path / "x.arrow")]
    assert sorted(os.listdir(tmp_path)) == ["x.arrow", "x.parquet", "x.pcapng"]


@pytest.mark.parametrize("to", ["parquet", "arrow", "arrows"])
def test_after_an_error_an_old_file_stays(tmp_path: Path, to: str) -> None:
    """The error comes when much has been written already."""
    target = tmp_path / "x"
    target.write_bytes(b"old")
    many = b"".join(wire.pcap_record(1, number % 10**6, b"%064d" % number) for number in range(70_000))
    with pytest.raises(pcapconv.DamageError):
        pcapconv.write_table(
            io.BytesIO(wire.pcap_header() + many + b"cut"), target, to=to, columns=ALL, strict=True, force=True
        )
    assert (os.listdir(tmp_path), target.read_bytes()) == (["x"], b"old")


@pytest.mark.parametrize("to", ["parquet", "arrow", "arrows"])
def test_errors_of_the_target_are_file_errors(to: str) -> None:
    class Full(io.RawIOBase):
        def writable(self) -> bool:
            return True

        def write(self, data: Any) -> int:  # noqa: ARG002
            raise OSError(28, "No space left on device")

    many = b"".join(wire.pcap_record(1, 1, bytes(60)) for _ in range(20_000))
    with pytest.raises(pcapconv.FileError, match="cannot write: no space left on device"):
        pcapconv.write_table(io.BytesIO(wire.pcap_header() + many), Full(), to=to, columns=["data"])  # type: ignore[arg-type]


def test_a_single_packet_that_is_more_than_a_table_holds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(builders, "_MOST_OFFSET", 10)
    capture = wire.section_header() + wire.interface()
    with pytest.raises(pcapconv.TargetError, match="packet 1: its 11 bytes are more than a table holds"):
        read(capture + wire.enhanced_packet(0, 1, bytes(11)), ["data"])
    with pytest.raises(pcapconv.TargetError, match="packet 1: 12 bytes of options are more than a table holds"):
        read(capture + wire.enhanced_packet(0, 1, b"", options=wire.options((1, b"abcd"))), ["comments"])


WITHOUT_PYARROW = """
import sys
sys.modules["pyarrow"] = None
import io, pcapconv
capture = io.BytesIO(bytes.fromhex(sys.argv[1]))
for call in (
    lambda: pcapconv.read_table(capture),
    lambda: pcapconv.write_table(capture, "x.parquet"),
    lambda: pcapconv.open(capture).to_arrow(),
):
    try:
        call()
    except pcapconv.UsageError as error:
        print(error)
from pcapconv import cli
sys.exit(cli.run(["table", "x.pcap", "x.parquet"]))
"""


def test_a_missing_pyarrow_is_one_sentence(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-P", "-c", WITHOUT_PYARROW, ONE.hex()], capture_output=True, text=True, cwd=tmp_path
    )
    install = "needs pyarrow; install the extra table (in a clone of pcapconv: pip install '.[table]')"
    assert done.stdout.splitlines() == [f"a table {install}", f"a table {install}", f"to_arrow {install}"]
    assert (done.stderr, done.returncode) == (f"pcapconv: a table {install}\n", 2)


def test_pyarrow_is_imported_only_where_it_is_used(tmp_path: Path) -> None:
    code = (
        "import sys, io, pcapconv\n"
        "pcapconv.write_table\n"
        "list(pcapconv.open(io.BytesIO(bytes.fromhex(sys.argv[1]))))\n"
        "print('pyarrow' in sys.modules)\n"
    )
    done = subprocess.run(
        [sys.executable, "-P", "-c", code, ONE.hex()], capture_output=True, text=True, cwd=tmp_path, check=True
    )
    assert done.stdout == "False\n"


def test_memory_does_not_grow_with_the_capture(tmp_path: Path) -> None:
    """Names of interfaces, comments and bytes of packets, ten times as many: the peak grows by no tenth of them."""
    code = (
        "import sys, pcapconv\n"
        "pcapconv.write_table(sys.argv[1], sys.argv[2], columns='number,interface,comments,data')\n"
        "print([line.split()[1] for line in open('/proc/self/status') if line.startswith('VmHWM')][0])\n"
    )
    peaks = []
    for sections in (40, 400):
        source, target = tmp_path / f"{sections}.pcapng", tmp_path / f"{sections}.arrows"
        with source.open("wb") as file:
            for section in range(sections):
                file.write(wire.section_header() + wire.interface(options=wire.options((2, b"%060000d" % section))))
                packet = wire.enhanced_packet(0, 1, bytes(40_000), options=wire.options((1, b"\xff" * 40_000)))
                file.write(packet * 3)
        done = subprocess.run(
            [sys.executable, "-P", "-c", code, str(source), str(target)], capture_output=True, text=True, check=True
        )
        peaks.append(int(done.stdout) >> 10)
    assert source.stat().st_size >> 20 >= 100
    assert peaks[1] - peaks[0] < 90, peaks


def test_parquet_has_few_row_groups(tmp_path: Path) -> None:
    many = b"".join(wire.pcap_record(1, number % 10**6, b"") for number in range(200_000))
    (tmp_path / "x.pcap").write_bytes(wire.pcap_header() + many)
    pcapconv.write_table(tmp_path / "x.pcap", tmp_path / "x.parquet")
    file = parquet.ParquetFile(tmp_path / "x.parquet")
    assert (file.num_row_groups, file.metadata.num_rows) == (1, 200_000)
    assert file.read(["number"])["number"].to_pylist() == list(range(1, 200_001))


def test_a_table_does_not_replace_its_capture(tmp_path: Path) -> None:
    capture, link = tmp_path / "one.arrow", tmp_path / "link.parquet"
    capture.write_bytes(ONE)
    link.symlink_to(capture)
    for target in (capture, link):
        with pytest.raises(pcapconv.UsageError, match="this is the capture, and a table does not hold all of it"):
            pcapconv.write_table(capture, target, to="arrow", force=True)
    assert capture.read_bytes() == ONE
    assert sorted(os.listdir(tmp_path)) == ["link.parquet", "one.arrow"]
