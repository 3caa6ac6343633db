"""What sidecars say, and what is said of them: their content, refusals, the command, and tables."""

import base64
import gzip
import hashlib
import io
import json
import re
import shutil
import subprocess
import zlib
from array import array
from pathlib import Path
from typing import Any

import pyarrow.parquet
import pytest
import wire
from command_line import COMMAND
from conversions import Pipe
from sidecars import Trip, convert_with_sidecar, restored_pcapng, sidecar_beside
from sidecars import pcap as pcap
from sidecars import trip as trip
from wire import BIG, In

import pcapconv
from pcapconv import FileError, LossError, PcapconvError, SidecarError, TargetError, UsageError

FOLDER = Path(__file__).parent / "samples"
WEB, SECRETS, TLS = FOLDER / "web.pcapng", FOLDER / "secrets-le.pcapng", FOLDER / "tls.pcapng"
pytestmark = pytest.mark.usefixtures("kernels")


# ---------------------------------------------------------------- what it says


def test_all_of_it(write: In, trip: Trip) -> None:
    capture = (
        write.section_header(options=write.options((wire.SHB_OS, b"Linux")))
        + write.interface(113, 96, options=write.options((wire.IF_NAME, b"lo"), (wire.IF_TSRESOL, b"\x09")))
        + write.names(wire.ipv4_name("192.0.2.1", "a", "b"))
        + write.enhanced_packet(0, 1_000_000_001, b"one")
        + write.enhanced_packet(0, 1_000_000_002, b"two", options=write.options((1, b"why?"), (2, write.number(1, 4))))
        + write.statistics(0, 5)
        + write.secrets(wire.TLS_KEY_LOG, b"key")
    )
    report = trip.there(capture, sidecar_secrets=False, sidecar_fingerprints=True)
    assert (report.losses, report.kept_in_sidecar) == (
        {"secrets": 1},
        {"comments": 1, "names": 1, "interface-options": 1, "section-options": 1, "packet-options": 1, "statistics": 1},
    )
    text = trip.sidecar.read_bytes()
    said = json.loads(text)
    prints = said["content"][3]["packets"].pop("fingerprints")
    assert len(prints) == 28
    assert said == {
        "pcapconv_sidecar": 1,
        "source_format": "pcapng",
        "damage": 0,
        "captures": [
            {
                "name": "a.pcap",
                "bytes": 62,
                "sha256": hashlib.sha256(trip.pcap.read_bytes()).hexdigest(),
                "packets": 2,
                "link_type": 113,
            }
        ],
        "kept": report.kept_in_sidecar,
        "missing": {"secrets": 1},
        "fingerprints": True,
        "content": [
            {
                "section": {
                    "byte_order": "big" if write.byte_order == wire.BIG else "little",
                    "version": "1.0",
                    "length": -1,
                    "options": [{"shb_os": "Linux"}],
                }
            },
            {
                "interface": {
                    "id": 0,
                    "link_type": 113,
                    "snaplen": 96,
                    "options": [{"if_name": "lo"}, {"if_tsresol": 9}],
                }
            },
            {"names": {"records": [{"192.0.2.1": ["a", "b"]}], "options": []}},
            {
                "packets": {
                    "count": 2,
                    "interface": 0,
                    "options": {"2": [{"opt_comment": "why?"}, {"epb_flags": 1}]},
                    "digits": said["content"][3]["packets"]["digits"],
                }
            },
            {"statistics": {"interface": 0, "ticks": 5, "options": []}},
            {"secrets": {"type": "TLS key log", "bytes": 3}},
        ],
        "sha256": hashlib.sha256(text[: text.index(b'"sha256": "', text.index(b'],\n"sha256"'))]).hexdigest(),
    }


def test_secrets_only_when_asked(trip: Trip) -> None:
    report = trip.there(SECRETS, sidecar_secrets=False)
    assert report.losses == {"secrets": 7, "comments": 1}  # one of them is in a secrets block
    assert b"CLIENT_RANDOM" not in trip.sidecar.read_bytes()
    done = pcapconv.convert(trip.pcap, trip.back, sidecar=True)
    assert done.missing_in_sidecar == {"secrets": 7, "comments": 1}
    with pytest.raises(LossError, match=r"pcap cannot hold 1 comment, 7 secrets blocks; nothing was written"):
        trip.there(SECRETS, sidecar_secrets=False, on_loss="fail")
    with pytest.raises(
        LossError, match=r"a\.pcap\.meta\.json was written without 1 comment, 7 secrets blocks; nothing was"
    ):
        trip.returned(on_loss="fail")
    assert trip.there(SECRETS, on_loss="fail").losses == {}
    assert trip.sidecar.stat().st_mode & 0o777 == 0o600


def test_comments_in_secrets_are_not_kept_either(write: In, trip: Trip) -> None:
    comment = write.options((wire.OPT_COMMENT, b"c"))
    rest = write.secrets(wire.TLS_KEY_LOG, b"key", options=comment) + write.enhanced_packet(
        0, 5, b"one", options=comment
    )
    report = trip.there(write.section_header() + write.interface() + rest, sidecar_secrets=False)
    assert (report.kept_in_sidecar, report.losses) == ({"comments": 1}, {"comments": 1, "secrets": 1})


def test_what_the_pcap_file_says_of_times_is_counted(write: In, trip: Trip) -> None:
    def capture(*options: tuple[int, bytes]) -> bytes:
        stated = write.options((wire.OPT_COMMENT, b"c"), *options)
        return write.section_header() + write.interface(options=stated) + write.enhanced_packet(0, 10**12 + 1, b"one")

    def kept(*options: tuple[int, bytes]) -> dict[str, int]:
        report = trip.there(capture(*options), on_loss="fail")
        assert report.losses == {}
        assert trip.returned() == capture(*options)
        return {kind: count for kind, count in report.kept_in_sidecar.items() if kind != "interface-options"}

    early, late = (wire.IF_TSOFFSET, write.number(-(10**9), 8)), (wire.IF_TSOFFSET, write.number(2**33, 8))
    assert kept() == {"comments": 1}
    assert kept(early) == {"comments": 1, "times-out-of-range": 1}
    assert wire.read_pcap(trip.pcap.read_bytes())[0].ticks == 0
    assert kept(late) == {"comments": 1, "times-out-of-range": 1}
    assert wire.read_pcap(trip.pcap.read_bytes())[0].ticks == 2**32 * 10**9 - 1
    assert kept((wire.IF_TSRESOL, b"\x0c")) == {"comments": 1, "time-digits": 1}
    assert kept((wire.IF_TSRESOL, b"\x0c\x0c")) == {"comments": 1, "packets-without-time": 1}


@pytest.mark.parametrize("order", [(0, 1), (1, 0)])
def test_digits_of_a_time_that_is_too_late_are_counted(write: In, order: tuple[int, int], trip: Trip) -> None:
    """Also behind a packet whose time is too early."""
    early = write.options((wire.IF_TSOFFSET, write.number(-(10**9), 8)))
    late = write.options((wire.IF_TSRESOL, b"\x0a"), (wire.IF_TSOFFSET, write.number(2**33, 8)))
    packets = write.enhanced_packet(0, 1, b"early"), write.enhanced_packet(1, 1, b"late")
    start = write.section_header() + write.interface(options=early) + write.interface(options=late)
    capture = start + b"".join(packets[place] for place in order)
    report = trip.there(capture)
    assert report.kept_in_sidecar["times-out-of-range"] == 2
    assert report.kept_in_sidecar["time-digits"] == 1
    assert trip.returned() == capture


def test_fingerprints_of_large_packets_take_little(trip: Trip) -> None:
    """However few there are in each batch that is read."""
    stated = wire.options((wire.IF_TSRESOL, b"\x09"))
    packets = (wire.enhanced_packet(0, 10**18 + 7 * number, bytes(60_000)) for number in range(200))
    trip.there(wire.section_header() + wire.interface(options=stated) + b"".join(packets), sidecar_fingerprints=True)
    assert trip.sidecar.stat().st_size < 700 + 16 * 200
    content = json.loads(trip.sidecar.read_bytes())["content"]
    assert [entry["packets"]["count"] for entry in content if "packets" in entry] == [200]


@pytest.mark.parametrize("order", [wire.LITTLE, wire.BIG])
def test_filters_and_times_can_be_read(trip: Trip, order: wire.ByteOrder) -> None:
    filters = wire.options((11, b"\0tcp port 443"), (11, b"\1code"), (11, b"\0\xff"), (11, b""), byte_order=order)
    times = wire.options((2, wire.halves(2**40 + 5, byte_order=order)), (3, b"short"), byte_order=order)
    whole = (
        wire.section_header(byte_order=order)
        + wire.interface(options=filters, byte_order=order)
        + wire.statistics(0, 7, options=times, byte_order=order)
    )
    trip.there(whole)
    content = json.loads(trip.pcap.with_name("a.pcap.meta.json").read_bytes())["content"]
    assert content[1]["interface"]["options"] == [
        {"if_filter": "tcp port 443"},
        {"if_filter": {"hex": "01636f6465"}},
        {"if_filter": {"hex": "00ff"}},
        {"if_filter": {"hex": ""}},
    ]
    assert "raw" not in content[1]["interface"]
    assert content[2]["statistics"]["options"] == [
        {"isb_starttime": 2**40 + 5},
        {"isb_endtime": {"hex": "73686f7274"}},
    ]
    assert "raw" not in content[2]["statistics"]
    assert trip.returned() == whole


def test_a_sidecar_of_a_damaged_capture_says_so(trip: Trip) -> None:
    trip.there(wire.section_header() + wire.interface() + wire.enhanced_packet(0, 5, b"one") + b"\6\0\0\0")
    back = trip.pcap.with_name("b.pcapng")
    done = subprocess.run(
        [COMMAND, "convert", "a.pcap", back, "--sidecar"], cwd=trip.pcap.parent, capture_output=True, text=True
    )
    says = (
        f"pcapconv: warning: {back}: when a.pcap.meta.json was written, the capture was damaged in 1 place; only what "
        "could be read then is restored\n"
    )
    assert (done.returncode, done.stderr) == (0, says)
    assert pcapconv.convert(trip.pcap, back, sidecar=True, force=True).damage_in_sidecar == 1


def test_sections_of_which_less_comes_back_state_no_wrong_length(trip: Trip) -> None:
    rest = wire.interface() + wire.secrets(wire.TLS_KEY_LOG, b"key") + wire.enhanced_packet(0, 5, b"one")
    trip.there(wire.section_header(section_length=len(rest)) + rest, sidecar_secrets=False)
    blocks = wire.read_blocks(trip.returned())
    assert blocks[0].raw[16:24] == b"\xff" * 8
    assert len(blocks) == 3
    whole = wire.section_header(section_length=len(rest) + 32) + rest + wire.enhanced_packet(0, 5, b"two")[:-3]
    trip.there(whole)
    plain = io.BytesIO()
    pcapconv.convert(io.BytesIO(whole), plain, to="pcapng")
    assert trip.returned() == plain.getvalue()


def test_names_of_files(trip: Trip, tmp_path: Path) -> None:
    other = tmp_path / "other.json"
    trip.there(WEB, sidecar=False, sidecar_file=str(other))
    assert not trip.sidecar.exists()
    with pytest.raises(
        PcapconvError,
        match=r"a\.pcap\.meta\.json: cannot open: no such file or directory; pcapconv\.convert\(…, sidecar=True\)",
    ):
        trip.returned()
    assert trip.returned(sidecar=False, sidecar_file=str(other)) == WEB.read_bytes()
    with pytest.raises(PcapconvError, match=r"other\.json: exists already"):
        pcapconv.convert(WEB, tmp_path / "new.pcap", sidecar_file=str(other))
    assert not (tmp_path / "new.pcap").exists()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"sidecar": True, "sidecar_file": "x"}, "give one of them"),
        ({"sidecar_secrets": True}, "sidecar_secrets=True goes with sidecar=True or sidecar_file="),
        ({"sidecar_fingerprints": True}, "sidecar_fingerprints=True goes with sidecar=True or sidecar_file="),
        ({"sidecar": True, "to": "pcapng"}, "it is pcapng, as is the target, and holds all itself"),
    ],
)
def test_options_without_sense(options: dict[str, Any], says: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=says):
        pcapconv.convert(WEB, tmp_path / "a.pcap", **options)
    with pytest.raises(
        UsageError, match=r"a pcap file on a pipe has no sidecar beside it; name that with sidecar_file='FILE'"
    ):
        pcapconv.convert(WEB, io.BytesIO(), to="pcap", sidecar=True)
    assert list(tmp_path.iterdir()) == []


def column(text: str, typecode: str) -> list[int]:
    """A column's numbers, of a machine that is little endian."""
    return list(array(typecode, zlib.decompress(base64.b64decode(text))))


def test_what_is_odd_in_json(write: In, pcap: Path) -> None:
    text = wire.OPT_COMMENT
    capture = (
        write.section_header(section_length=96, options=write.options((text, b"no end"), end=False))
        + write.interface(reserved=0x0102, options=write.options((wire.IF_TSRESOL, b"\x0c"), (wire.IF_NAME, b"\xff")))
        + write.interface(snaplen=0)
        + write.enhanced_packet(0, 10**15 + 1, b"0001", options=write.options((2, bytes(4))))
        + write.enhanced_packet(1, 2, b"002").replace(b"002\0", b"002\x07")
        + write.enhanced_packet(1, 3, b"0003", options=write.options((2, bytes(4))))
        + write.simple_packet(b"0004")
        + write.obsolete_packet(1, 5, b"0005", drops_count=9, options=write.options((text, b"old"), (2988, b"pen.x")))
        + write.custom(wire.CUSTOM_DO_NOT_COPY, 32473, b"body")
        + write.block(0x80000123, b"none knows..")
        + write.names((3, bytes(range(6)) + b"mac\0"), options=write.options((text, b"n")))
    )
    report = convert_with_sidecar(capture, pcap)
    content = json.loads(sidecar_beside(pcap).read_bytes())["content"]
    said = content[3]["packets"]
    assert column(said.pop("interface"), "I") == [0, 1, 1, 0, 1]
    assert column(said.pop("ticks"), "Q") == [10**15 + 1, 2, 3, 0, 5]
    assert column(said.pop("list"), "H") == [1, 0, 1, 0, 0]
    order = "big" if write.byte_order == BIG else "little"
    assert content == [
        {
            "section": {
                "byte_order": order,
                "version": "1.0",
                "length": 96,
                "options": {
                    "said": [{"opt_comment": "no end"}],
                    "raw": base64.b64encode(write.options((text, b"no end"), end=False)).decode(),
                },
            }
        },
        {
            "interface": {
                "id": 0,
                "link_type": 1,
                "snaplen": 262144,
                "reserved": "0102" if order == "big" else "0201",
                "options": [{"if_tsresol": 12}, {"if_name": {"hex": "ff"}}],
            }
        },
        {"interface": {"id": 1, "link_type": 1, "snaplen": 0, "options": []}},
        {
            "packets": {
                "count": 5,
                "lists": [[{"epb_flags": 0}]],
                "options": {"5": [{"opt_comment": "old"}, {"opt_custom 2988": {"hex": b"pen.x".hex()}}]},
                "blocks": {"2": {"padding": "07"}, "4": {"type": "simple"}, "5": {"type": "obsolete", "drops": 9}},
            }
        },
        {"custom": {"pen": 32473, "copy": False, "data": base64.b64encode(b"body").decode()}},
        {"block": {"type": "0x80000123", "raw": base64.b64encode(b"none knows..").decode()}},
        {"names": {"records": [{"00:01:02:03:04:05": ["mac"]}], "options": [{"opt_comment": "n"}]}},
    ]
    assert report.kept_in_sidecar["packet-options"] == 3
    assert restored_pcapng(pcap) == capture


def test_only_the_owner_may_read_secrets(pcap: Path) -> None:
    convert_with_sidecar(TLS, pcap, sidecar_secrets=False)
    sidecar_beside(pcap).chmod(0o644)
    convert_with_sidecar(TLS, pcap)
    assert sidecar_beside(pcap).stat().st_mode & 0o777 == 0o600
    assert restored_pcapng(pcap) == TLS.read_bytes()


@pytest.mark.usefixtures("no_thread_is_left")
def test_a_failed_conversion_leaves_no_sidecar(tmp_path: Path, pcap: Path) -> None:
    with pytest.raises(LossError, match="pcap cannot hold 1 secrets block; nothing was written") as caught:
        convert_with_sidecar(TLS, pcap, sidecar_secrets=False, on_loss="fail")
    assert caught.value.report.losses == {"secrets": 1}
    assert caught.value.report.kept_in_sidecar["comments"] == 1
    with pytest.raises(TargetError, match="2 link types"):
        convert_with_sidecar(FOLDER / "two-interfaces.pcapng", pcap)
    pcap.write_bytes(b"mine")
    with pytest.raises(FileError, match=r"a\.pcap: exists already"):
        pcapconv.convert(TLS, pcap, sidecar=True)
    pcap.unlink()
    sidecar_beside(pcap).write_bytes(b"mine")
    with pytest.raises(FileError, match=r"a\.pcap\.meta\.json: exists already"):
        pcapconv.convert(TLS, pcap, sidecar=True)
    assert [path.name for path in tmp_path.iterdir()] == [sidecar_beside(pcap).name]
    with pytest.raises(FileError, match=r"^there is no directory .*/no; make it first$"):
        convert_with_sidecar(TLS, pcap, sidecar=False, sidecar_file=str(tmp_path / "no" / "kept"))
    assert sidecar_beside(pcap).read_bytes() == b"mine"


def test_the_command_tells_what_is_missing(tmp_path: Path) -> None:
    def run(*words: str | Path) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([COMMAND, "convert", *words], cwd=tmp_path, capture_output=True, text=True, timeout=60)

    done = run(TLS, "a.pcap", "--sidecar", "--on-loss", "fail")
    assert (done.returncode, list(tmp_path.iterdir())) == (4, [])
    done = run(TLS, "a.pcap", "--sidecar")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        0,
        "pcapconv: warning: a.pcap: pcap cannot hold 1 secrets block; --report FILE has the counts, --on-loss fail "
        "refuses, --sidecar-secrets keeps them",
    )
    done = run("a.pcap", "b.pcapng", "--sidecar", "--report", "report.json")
    assert done.stderr == (
        "pcapconv: warning: b.pcapng: a.pcap.meta.json was written without 1 secrets block; "
        "--sidecar-secrets would have kept them\n"
    )
    assert json.loads((tmp_path / "report.json").read_bytes())["missing_in_sidecar"] == {"secrets": 1}
    done = run("b.pcapng", "c.pcapng", "--sidecar")
    assert (done.returncode, done.stderr) == (
        2,
        "pcapconv: b.pcapng: it is pcapng, as is the target, and holds all itself; a sidecar goes with a pcap file "
        "(editcap and mergecap write one with -F pcap)\n",
    )


# ---------------------------------------------------------------- refusals


def signed(lines: list[bytes]) -> bytes:
    """A sidecar's lines, of which the last is made anew."""
    digest = hashlib.sha256(b"".join(lines[:-1])).hexdigest()
    return b"".join(lines[:-1]) + b'"sha256": "' + digest.encode() + b'"}\n'


def refused(trip: Trip, content: bytes) -> str:
    trip.sidecar.write_bytes(content)
    trip.back.unlink(missing_ok=True)
    with pytest.raises(SidecarError) as caught:
        trip.returned()
    assert not trip.back.exists()
    return str(caught.value).removeprefix(f"{trip.sidecar}: ")


def test_what_is_none_or_was_changed(trip: Trip) -> None:
    trip.there(WEB)
    whole = trip.sidecar.read_bytes()
    lines = whole.splitlines(keepends=True)
    assert signed(lines) == whole
    newer = [lines[0].replace(b"1", b"2"), *lines[1:]]
    assert refused(trip, signed(newer)) == "a sidecar of version 2, and this pcapconv reads 1; get a newer one"
    for nothing in (b"{}", b"[]", b"Dear reader\n" * 5, bytes(500)):
        assert (
            refused(trip, nothing) == "not a sidecar of pcapconv; name the .meta.json that it wrote beside the capture"
        )
    changed = "it was changed or cut off after pcapconv wrote it, its SHA-256 does not agree"
    for count in range(1, len(lines)):
        assert refused(trip, b"".join(lines[:count])).startswith(changed)
    for place in range(30, len(whole) - 2, 97):
        says = refused(trip, whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert says.startswith(changed) or "JSON" in says
    trip.sidecar.write_bytes(whole)
    assert trip.returned() == WEB.read_bytes()


def test_another_capture(trip: Trip, tmp_path: Path) -> None:
    trip.there(WEB)
    sidecar, pcap = trip.sidecar.read_bytes(), trip.pcap.read_bytes()
    trip.pcap.write_bytes(pcap[:-1] + b"x")
    another = f"{trip.pcap} is not the capture that it belongs to, or was edited since: "
    advice = "; only a sidecar made with sidecar_fingerprints=True recognises packets"
    assert refused(trip, sidecar) == another + "its SHA-256 is different" + advice
    trip.pcap.write_bytes(pcap + pcap[24:])
    assert refused(trip, sidecar) == another + f"it has {2 * len(pcap) - 24} bytes instead of {len(pcap)}" + advice
    with pytest.raises(SidecarError, match="only a sidecar made with sidecar_fingerprints=True recognises packets"):
        pcapconv.convert(trip.pcap, tmp_path / "x.pcapng", sidecar_file=str(trip.sidecar))


# ---------------------------------------------------------------- files, streams, the command, and tables


def test_a_sidecar_is_no_other_file_of_the_command(trip: Trip, tmp_path: Path) -> None:
    shutil.copy(WEB, tmp_path / "c.pcapng")
    keys = str(tmp_path / "keys")
    for name in ("c.pcapng", "a.pcap", "keys"):
        with pytest.raises(UsageError, match="the sidecar is another file of the same run"):
            pcapconv.convert(
                tmp_path / "c.pcapng", trip.pcap, sidecar_file=str(tmp_path / name), extract_secrets=keys, force=True
            )
    for name in ("", "-"):
        with pytest.raises(UsageError, match="a sidecar is a file; name one"):
            pcapconv.convert(tmp_path / "c.pcapng", trip.pcap, sidecar_file=name)
    assert [path.name for path in tmp_path.iterdir()] == ["c.pcapng"]
    assert (tmp_path / "c.pcapng").read_bytes() == WEB.read_bytes()


def test_a_stream_sees_nothing_of_another_capture(trip: Trip) -> None:
    trip.there(WEB)
    pcap = trip.pcap.read_bytes()
    trip.pcap.write_bytes(pcap[:-1] + b"x")
    target = io.BytesIO()
    with pytest.raises(SidecarError, match="its SHA-256 is different"):
        pcapconv.convert(trip.pcap, target, to="pcapng", sidecar=True)
    assert target.getvalue() == b""


def test_the_command(trip: Trip) -> None:
    def run(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([COMMAND, *words], cwd=trip.pcap.parent, capture_output=True, text=True, timeout=60)

    shutil.copy(WEB, trip.pcap.with_name("web.pcapng"))
    done = run("convert", "web.pcapng", "web.pcap", "--sidecar", "--sidecar-fingerprints")
    kept = "4 comments, 1 name record, 4 interface options, 3 section options, 1 statistics block"
    assert (done.returncode, done.stderr) == (
        0,
        f"pcapconv: web.pcap: kept in the sidecar web.pcap.meta.json: {kept}\n",
    )
    assert run("convert", "web.pcap", "again.pcapng", "--sidecar").stderr == ""
    assert trip.pcap.with_name("again.pcapng").read_bytes() == WEB.read_bytes()
    run("convert", "web.pcap", "some.pcap", "--packets", "3-5")
    done = run("convert", "some.pcap", "some.pcapng", "--sidecar-file", "web.pcap.meta.json")
    assert done.stderr == "pcapconv: some.pcapng: 3 of the sidecar's 32 packets were recognised\n"
    assert re.fullmatch(
        r"pcapconv: some\.pcap\.meta\.json: cannot open: .*\n",
        run("convert", "some.pcap", "x.pcapng", "--sidecar").stderr,
    )


def test_a_table_of_a_pcap_file_with_its_sidecar(tmp_path: Path) -> None:
    """The table is that of the pcapng capture."""
    capture, zipped, sidecar = tmp_path / "a.pcap", tmp_path / "a.pcap.gz", tmp_path / "a.pcap.meta.json"
    pcapconv.convert(WEB, capture, sidecar=True)
    zipped.write_bytes(gzip.compress(capture.read_bytes()))
    rows = pcapconv.read_table(WEB).to_pylist()
    assert pcapconv.read_table(capture).to_pylist() != rows
    with pcapconv.open(capture, sidecar=True) as opened:
        assert opened.to_arrow().read_all().to_pylist() == rows
    for source in (capture, zipped, io.BytesIO(capture.read_bytes()), Pipe([capture.read_bytes()])):
        for which in (sidecar, *([True] if source == capture else [])):
            assert pcapconv.read_table(source, sidecar=which).to_pylist() == rows  # type: ignore[arg-type]
    assert pcapconv.read_table(WEB, sidecar=True).to_pylist() == rows
    assert pcapconv.read_table(capture, "number,comments", sidecar=True, last=2).to_pylist() == [
        {name: row[name] for name in ("number", "comments")} for row in rows[-2:]
    ]
    report = pcapconv.write_table(capture, tmp_path / "a.parquet", sidecar=True)
    assert report.sidecar_read == str(sidecar)
    assert pyarrow.parquet.read_table(tmp_path / "a.parquet").to_pylist() == rows


def test_a_table_needs_the_sidecar_of_its_capture(tmp_path: Path) -> None:
    capture, other = tmp_path / "a.pcap", tmp_path / "b.pcap"
    pcapconv.convert(WEB, capture, sidecar=True)
    sidecar = tmp_path / "a.pcap.meta.json"
    raw = bytearray(capture.read_bytes())
    raw[-1] ^= 1
    other.write_bytes(raw)
    before = sorted(tmp_path.iterdir()), sidecar.read_bytes()
    with pytest.raises(SidecarError):
        pcapconv.read_table(other, sidecar=sidecar)
    with pytest.raises(SidecarError):
        pcapconv.write_table(other, tmp_path / "b.parquet", sidecar=sidecar)
    with pytest.raises(FileError):
        pcapconv.read_table(other, sidecar=True)
    with pytest.raises(UsageError, match="is another file of the same run"):
        pcapconv.write_table(capture, sidecar, to="parquet", sidecar=True, force=True)
    with pytest.raises(UsageError, match="sidecar='-': a sidecar is a file"):
        pcapconv.read_table(capture, sidecar="-")
    assert (sorted(tmp_path.iterdir()), sidecar.read_bytes()) == before
