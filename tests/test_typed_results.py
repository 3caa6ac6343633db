"""What `info` and `check` return: exact values, and the JSON that the command prints, made from them."""

import io
import json
import pickle
from datetime import UTC, datetime
from fractions import Fraction
from pathlib import Path
from typing import Any, get_type_hints

import pytest
import wire
from command_line import run_in_process

import pcapconv
from pcapconv import UsageError, wording
from pcapconv.cli.info import _in_info
from pcapconv.describing.capture_info import CaptureInfo, SidecarInfo, UnusableSidecar

FOLDER = Path(__file__).parent / "samples"
SAMPLES = sorted(path for path in FOLDER.iterdir() if path.suffix in (".pcap", ".pcapng"))
PICO = (wire.IF_TSRESOL, b"\x0c")
CAPTURE = (
    wire.section_header()
    + wire.interface(options=wire.options(PICO, (wire.IF_NAME, b"eth0"), (17, b"bad")))
    + wire.enhanced_packet(0, 1_500_000_000_001, b"one")
    + wire.enhanced_packet(0, 1_000_000_000_000, b"two")
)


@pytest.mark.parametrize("path", SAMPLES, ids=[path.name for path in SAMPLES])
def test_json_is_made_of_the_object(path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    printed = run_in_process(capfd, "info", path, "--json").out
    with wording.named_by(_in_info):  # messages name arguments as the command does
        assert json.loads(printed) == json.loads(json.dumps(pcapconv.info(path).as_dict()))


def test_times_are_exact() -> None:
    info = pcapconv.info(io.BytesIO(CAPTURE))
    assert info.first_time is not None
    assert info.last_time == (Fraction(1_500_000_000_001, 10**12), "1970-01-01T00:00:01.500000000001Z")
    assert (info.first_time.seconds, info.first_time.time_ns) == (Fraction(1), 10**9)
    assert info.first_time.datetime == datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
    assert info.duration is not None
    assert (info.duration.seconds, info.duration.ns) == (Fraction(500_000_000_001, 10**12), 500_000_000)
    assert str(info.duration) == "0.500000000001 s"
    assert (info.order.in_order, info.order.first_packet, info.order.goes_back) == (False, 2, info.duration)
    assert str(pcapconv.info(io.BytesIO(CAPTURE), timezone="Asia/Tokyo").first_time) == (
        "1970-01-01T09:00:01.000000000000+09:00"
    )


def test_options_are_decoded_or_bytes() -> None:
    (interface,) = pcapconv.info(io.BytesIO(CAPTURE)).interfaces
    assert interface.options == [
        ("if_tsresol", "10^-12"),
        ("if_name", "eth0"),
        ("if_rxspeed", b"bad"),
    ]
    assert interface.options[2].text == "626164"
    assert interface.name == "eth0"
    assert [each.name for each in pcapconv.info(io.BytesIO(wire.pcap_header())).interfaces] == [None]
    assert interface.options[2].as_json() == {"name": "if_rxspeed", "raw": "626164"}
    assert (interface.packets, interface.captured_bytes) == (2, 6)


def test_a_filter_selects_what_counts() -> None:
    assert pcapconv.info(FOLDER / "web.pcapng", filter="greater 300").packets < 32
    with pytest.raises(UsageError, match=r"^filter="):
        pcapconv.info(FOLDER / "web.pcapng", filter="tcp port")


def test_the_sidecar_beside_a_pcap_file(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    pcapconv.convert(FOLDER / "web.pcapng", path, sidecar=True)
    sidecar = pcapconv.info(path).sidecar
    assert isinstance(sidecar, SidecarInfo)
    assert (sidecar.matches, sidecar.kept["comments"], sidecar.totals.comments) == (True, 4, 4)
    (tmp_path / "a.pcap.meta.json").write_text("{}")
    sidecar = pcapconv.info(path).sidecar
    assert isinstance(sidecar, UnusableSidecar)
    assert sidecar.matches is False


def test_a_pcap_file_that_cannot_hold_it() -> None:
    two = wire.section_header() + wire.interface() + wire.interface(101)
    two += wire.enhanced_packet(0, 1, b"a") + wire.enhanced_packet(1, 2, b"b")
    to_pcap = pcapconv.info(io.BytesIO(two)).to_pcap
    assert (to_pcap.possible, to_pcap.losses) == (False, {})
    assert to_pcap.reason is not None
    assert "link type" in to_pcap.reason


def test_the_object_has_the_annotated_fields_and_cannot_be_changed() -> None:
    info = pcapconv.info(FOLDER / "web.pcapng")
    assert set(vars(info)) == set(get_type_hints(CaptureInfo, localns={"NoReturn": None}))
    with pytest.raises(AttributeError, match="CaptureInfo cannot be changed"):
        info.packets = 3
    again: Any = pickle.loads(pickle.dumps(info))
    assert again == info
    assert again != pcapconv.info(FOLDER / "web.pcap")
    assert repr(info).startswith("CaptureInfo(file='")


# ---------------------------------------------------------------- check


def test_check(tmp_path: Path) -> None:
    pcapconv.normalize(FOLDER / "web.pcapng", tmp_path / "normal.pcapng")
    result = pcapconv.check(tmp_path / "normal.pcapng")
    assert tuple(result) == (str(tmp_path / "normal.pcapng"), "normal", [], [], 0, [], 0, None)
    assert result.normal
    other = pcapconv.check(FOLDER / "web.pcapng")
    assert (other.normal, other.status) == (False, "different")
    assert other.reasons[0] == "it has 1 statistics block, 4 options about the host"
    assert pcapconv.check(tmp_path / "normal.pcapng", rebase_time=0).reasons[0].startswith("its first packet is at ")
    damaged = pcapconv.check(io.BytesIO((tmp_path / "normal.pcapng").read_bytes()[:-4]))
    assert (damaged.status, damaged.normal, damaged.reasons, damaged.damage_total) == ("damaged", False, [], 1)


def test_a_result_in_a_condition_is_refused() -> None:
    result = pcapconv.check(FOLDER / "web.pcapng")
    with pytest.raises(UsageError, match=r"^a CheckResult is neither true nor false; ask for its \.normal$"):
        bool(result)
    assert pickle.loads(pickle.dumps(result)) == result


def test_check_raises_what_normalize_raises(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        pcapconv.check(tmp_path / "none")
    with pytest.raises(UsageError) as caught:
        pcapconv.check(FOLDER / "web.pcapng", keep=["everything"])
    assert caught.value.option == "keep"
    cut = io.BytesIO((FOLDER / "web.pcapng").read_bytes()[:-4])
    with pytest.raises(pcapconv.DamageError):
        pcapconv.check(cut, strict=True)
