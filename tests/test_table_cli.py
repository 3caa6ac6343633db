"""The command `pcapconv table`: files, pipes, messages, report and exit statuses."""

import io
import json
import os
import subprocess
import threading
from pathlib import Path

import pytest
import wire
from command_line import COMMAND, CUT, WEB_PCAPNG, run_command
from protocols import IP, UDP, ethernet, ipv4, udp, vxlan
from pyarrow import ipc, parquet
from tabling import looped, rows

from pcapconv.cli.options import options_of_command
from pcapconv.cli.options.groups import SELECTED
from pcapconv.steps.step_arguments import SelectingArguments

COLUMNS = ("number", "interface", "data")


@pytest.fixture(autouse=True)
def in_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("web.pcapng").write_bytes(WEB_PCAPNG.read_bytes())
    Path("cut.pcap").write_bytes(CUT)


def test_a_file() -> None:
    done = run_command("table", "web.pcapng", "x.parquet", "--columns", ",".join(COLUMNS), "--packets", "3-5")
    assert done == (0, b"", "")
    assert rows(parquet.read_table("x.parquet")) == looped(WEB_PCAPNG.read_bytes(), COLUMNS)[2:5]
    done = run_command("table", "web.pcapng", "x.parquet")
    assert done == (1, b"", "pcapconv: x.parquet: exists already; --force replaces it\n")
    assert run_command("table", "web.pcapng", "x.parquet", "-f", "--first", "1") == (0, b"", "")
    assert parquet.read_table("x.parquet").num_rows == 1


def test_a_directory() -> None:
    os.mkdir("out")
    assert run_command("table", "web.pcapng", "out", "--to", "arrow") == (0, b"", "")
    assert os.listdir("out") == ["web.arrow"]
    assert run_command("table", "web.pcapng", "out").status == 2


def test_headers_and_tunnels() -> None:
    dns = ethernet(IP, ipv4(UDP, udp(destination=53), source="10.0.0.1"))
    packets = ethernet(IP, ipv4(UDP, vxlan(dns))), dns
    Path("x.pcap").write_bytes(wire.pcap_header() + b"".join(wire.pcap_record(1, 1, each) for each in packets))
    columns = "number,source_address,destination_port,tunnel"
    assert run_command("table", "x.pcap", "x.parquet", "--columns", columns) == (0, b"", "")
    assert [tuple(row.values()) for row in rows(parquet.read_table("x.parquet"))] == [
        (1, "192.0.2.1", 4789, "vxlan"),
        (2, "10.0.0.1", 53, None),
    ]
    done = run_command("table", "x.pcap", "-", "--to", "arrows", "--inner", "--columns", columns)
    assert (done.status, done.err) == (0, "")
    assert [tuple(row.values()) for row in rows(ipc.open_stream(io.BytesIO(done.out)).read_all())] == [
        (1, "10.0.0.1", 53, "vxlan"),
        (2, "10.0.0.1", 53, None),
    ]


@pytest.mark.parametrize("to", ["parquet", "arrow", "arrows"])
def test_pipes(to: str) -> None:
    done = run_command("table", "-", "-", "--to", to, "--columns", "number,data", stdin=WEB_PCAPNG.read_bytes())
    assert (done.status, done.err) == (0, "")
    file = io.BytesIO(done.out)
    table = (
        parquet.read_table(file)
        if to == "parquet"
        else (ipc.open_file if to == "arrow" else ipc.open_stream)(file).read_all()
    )
    assert rows(table) == looped(WEB_PCAPNG.read_bytes(), ("number", "data"))


def test_damage() -> None:
    done = run_command("table", "cut.pcap", "x.arrow", "--report", "x.json")
    assert (done.status, done.out) == (3, b"")
    assert done.err.startswith("pcapconv: warning: cut.pcap: offset 44 (packet 2): ")
    report = json.loads(Path("x.json").read_text(encoding="utf-8"))
    assert (report["target_format"], report["packets_written"], report["damage_total"]) == ("arrow", 1, 1)
    done = run_command("table", "cut.pcap", "y.arrow", "--strict")
    assert (done.status, os.path.exists("y.arrow")) == (1, False)


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        ("web.pcapng x.csv", 2, "x.csv: its name does not tell the kind of table; give --to parquet, --to arrow or "),
        ("web.pcapng x.arrow --columns time,size", 2, "--columns size: there is no such column; there are number, "),
        ("web.pcapng x.arrow --first 0", 2, "--first 0: "),
        ("web.pcapng x.arrow --snaplen 4", 2, "table has no option --snaplen; "),
        ("web.pcapng", 2, "OUT is missing; write: pcapconv table web.pcapng OUT"),
        ("none.pcap x.arrow", 1, "none.pcap: "),
        ("cut.pcap cut.pcap --to arrow", 1, "cut.pcap: exists already"),
        ("web.pcapng x.arrow --report x.arrow", 2, "--report x.arrow: that is another file of the same run"),
        ("web.pcapng /dev/full --to parquet", 1, "/dev/full: cannot write: no space left on device"),
        ("web.pcapng /dev/full --to arrow", 1, "/dev/full: cannot write: no space left on device"),
    ],
)
def test_refusals(words: str, status: int, message: str) -> None:
    done = run_command("table", *words.split())
    assert (done.status, done.out) == (status, b"")
    assert done.err.startswith(f"pcapconv: {message}")
    assert done.err.count("\n") == 1
    assert sorted(os.listdir()) == ["cut.pcap", "web.pcapng"]


def test_no_packet_is_selected() -> None:
    done = run_command("table", "web.pcapng", "x.parquet", "--packets", "99")
    assert (done.status, done.err.splitlines()) == (
        0,
        [
            "pcapconv: warning: web.pcapng: --packets 99: the capture has 32 packets",
            "pcapconv: warning: x.parquet: no packet was selected, it holds none",
        ],
    )
    assert parquet.read_table("x.parquet").num_rows == 0


def test_a_pcap_file_with_its_sidecar() -> None:
    """The table is that of the pcapng capture, however the sidecar is named."""
    assert run_command("convert", "web.pcapng", "a.pcap", "--sidecar", "-q") == (0, b"", "")
    for line in ("web.pcapng 0.parquet", "a.pcap 1.parquet --sidecar", "web.pcapng 2.parquet --sidecar"):
        assert run_command("table", *line.split()) == (0, b"", "")
    os.rename("a.pcap.meta.json", "case.json")
    assert run_command("table", "a.pcap", "3.parquet", "--sidecar-file", "case.json", "--report", "x.json").status == 0
    assert json.loads(Path("x.json").read_text(encoding="utf-8"))["sidecar_read"] == "case.json"
    pipe = Path("a.pcap").read_bytes()
    assert run_command("table", "-", "4.parquet", "--sidecar-file", "case.json", stdin=pipe) == (0, b"", "")
    first, *others = (rows(parquet.read_table(f"{number}.parquet")) for number in range(5))
    assert any(row["comments"] for row in first)
    assert others == [first] * 4
    assert run_command("table", "a.pcap", "5.parquet") == (0, b"", "")
    assert {row["interface"] for row in rows(parquet.read_table("5.parquet"))} == {None}


@pytest.mark.parametrize(
    ("words", "status", "message"),
    [
        (
            "a.pcap x.arrow --sidecar",
            1,
            "a.pcap.meta.json: cannot open: no such file or directory; pcapconv convert --sidecar to pcap writes one, "
            "--sidecar-file FILE reads a different one",
        ),
        (
            "- x.arrow --to arrow --sidecar",
            2,
            "a pcap file on a pipe has no sidecar beside it; name that with --sidecar-file FILE, or the pcap file",
        ),
        (
            "a.pcap x.arrow --sidecar --sidecar-file case.json",
            2,
            "--sidecar uses the sidecar beside the pcap file, --sidecar-file a different one; give one of them",
        ),
        ("a.pcap x.arrow --sidecar-file -", 2, "--sidecar-file -: a sidecar is a file; name one"),
        (
            "a.pcap case.json --to arrow --sidecar-file case.json",
            2,
            "the output case.json: that is another file of the same run; give it a name of its own",
        ),
    ],
)
def test_refused_sidecars(words: str, status: int, message: str) -> None:
    assert run_command("convert", "web.pcapng", "a.pcap", "--sidecar-file", "case.json", "-q").status == 0
    files = sorted(os.listdir())
    done = run_command("table", *words.split(), stdin=Path("a.pcap").read_bytes())
    assert done == (status, b"", f"pcapconv: {message}\n")
    assert sorted(os.listdir()) == files


def test_a_sidecar_of_another_capture() -> None:
    assert run_command("convert", "web.pcapng", "a.pcap", "--sidecar", "-q").status == 0
    done = run_command("table", "cut.pcap", "x.arrow", "--sidecar-file", "a.pcap.meta.json")
    assert (done.status, done.out, done.err.count("\n")) == (1, b"", 1)
    assert done.err.startswith("pcapconv: a.pcap.meta.json: ")
    assert not os.path.exists("x.arrow")


def test_it_has_all_options_that_select() -> None:
    names = {option.name for option in options_of_command("table") if option.group == SELECTED}
    assert names == set(SelectingArguments.__annotations__) - {"where"}


def test_a_stream_is_live() -> None:
    """Rows come out while the pipe that is read stays open."""
    with subprocess.Popen(
        [COMMAND, "table", "-", "-", "--to", "arrows", "--columns", "number"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    ) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        limit = threading.Timer(20, process.kill)
        limit.start()
        process.stdin.write(wire.pcap_header() + wire.pcap_record(1, 2, b"one") * 2)
        process.stdin.flush()
        reader = ipc.open_stream(process.stdout)
        assert reader.read_next_batch().to_pydict() == {"number": [1, 2]}
        process.stdin.write(wire.pcap_record(1, 2, b"three"))
        process.stdin.flush()
        assert reader.read_next_batch().to_pydict() == {"number": [3]}
        process.stdin.close()
        assert reader.read_all().num_rows == 0
        limit.cancel()
        assert process.wait(20) == 0
