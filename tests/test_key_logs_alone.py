"""Key logs that are extracted without writing a capture: `convert IN --extract-secrets FILE`."""

import io
import json
from pathlib import Path
from typing import Any

import pytest
import wire
from command_line import run_command
from wire import In

import pcapconv
from pcapconv import DamageError, FileError, UsageError

pytestmark = pytest.mark.usefixtures("kernels")

FOLDER = Path(__file__).parent / "samples"
OPC_UA = 0x55414B4C


def with_logs(write: In) -> bytes:
    return (
        write.section_header()
        + write.secrets(OPC_UA, b"client_iv_1_2: 00")
        + write.interface(snaplen=1)
        + write.enhanced_packet(0, 1, b"longer than the snaplen")
        + write.secrets(wire.WIREGUARD_KEY_LOG, b"LOCAL_STATIC_PRIVATE_KEY = x\n")
        + write.secrets(wire.ZIGBEE_NWK_KEY, b"no key log")
    )


def test_only_the_key_logs_are_written(write: In, tmp_path: Path) -> None:
    source, keys = tmp_path / "a.pcapng", tmp_path / "keys"
    source.write_bytes(with_logs(write))
    report = pcapconv.convert(source, extract_secrets=str(keys))
    assert keys.read_bytes() == b"client_iv_1_2: 00\nLOCAL_STATIC_PRIVATE_KEY = x\n"
    assert keys.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pcapng", "keys"]
    facts = (report.outputs, report.target_format, report.packets_read, report.packets_written)
    assert facts == ([], None, 1, 0)
    assert (report.secrets_extracted, report.losses, report.left_out, report.warnings) == (2, {}, {}, [])


def test_a_file_that_exists_is_replaced_with_force_alone(write: In, tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_bytes(b"old")
    with pytest.raises(FileError, match="exists already"):
        pcapconv.convert(io.BytesIO(with_logs(write)), extract_secrets=str(keys))
    assert keys.read_bytes() == b"old"
    pcapconv.convert(io.BytesIO(with_logs(write)), None, extract_secrets=str(keys), force=True)
    assert keys.read_bytes().startswith(b"client_iv")


def test_a_capture_without_key_logs_writes_no_file(tmp_path: Path, write: In) -> None:
    for capture in (write.section_header() + write.secrets(7, b"other"), write.pcap_header()):
        report = pcapconv.convert(io.BytesIO(capture), extract_secrets=str(tmp_path / "keys"))
        assert report.secrets_extracted == 0
    assert list(tmp_path.iterdir()) == []


def test_key_logs_before_damage_are_written_unless_strict(write: In, tmp_path: Path) -> None:
    keys, cut = tmp_path / "keys", with_logs(write)[:-5]
    with pytest.raises(DamageError):
        pcapconv.convert(io.BytesIO(cut), extract_secrets=str(keys), strict=True)
    assert list(tmp_path.iterdir()) == []
    report = pcapconv.convert(io.BytesIO(cut), extract_secrets=str(keys))
    assert (report.secrets_extracted, report.damage_total) == (2, 1)


@pytest.mark.parametrize(
    "options",
    [
        {"to": "pcap"},
        {"on_loss": "fail"},
        {"on_loss": "ignore"},
        {"sidecar": True},
        {"sidecar_file": "x.json"},
        {"compress": "gzip"},
        {"nanoseconds": True},
        {"keep_snaplen": True},
        {"chop": 4},
        {"first": 0},
        {"sort": True},
        {"strip": ["secrets"]},
        {"packets": "1"},
        {"inject_secrets": ["tls,x"]},
        {"stop_early": True},
        {"in_order": "5s"},
    ],
    ids=str,
)
def test_what_is_about_an_output_is_refused(options: dict[str, Any]) -> None:
    ((name, value),) = options.items()
    with pytest.raises(UsageError) as caught:
        pcapconv.convert("missing.pcapng", extract_secrets="keys", **options)
    named = f"{name}=True" if value is True else f"{name}="
    told = f"{named} is about an output, and there is none; name one, or give extract_secrets='keys' alone"
    assert str(caught.value) == told


def test_nothing_but_key_logs_goes_without_an_output() -> None:
    for options in ({}, {"first": 1}, {"to": "pcap"}, {"extract_secrets": None}):
        with pytest.raises(UsageError) as caught:
            pcapconv.convert("missing.pcapng", **options)
        assert str(caught.value) == "the output is missing; only extract_secrets= needs none"


def test_the_capture_is_not_replaced_by_its_key_logs(write: In, tmp_path: Path) -> None:
    source = tmp_path / "a.pcapng"
    source.write_bytes(with_logs(write))
    with pytest.raises(UsageError, match="that is another file of the same run"):
        pcapconv.convert(source, extract_secrets=str(source), force=True)
    assert source.read_bytes() == with_logs(write)


def test_on_the_command_line(tmp_path: Path) -> None:
    source, keys, report = FOLDER / "tls.pcapng", tmp_path / "keys", tmp_path / "report"
    done = run_command("convert", source, "--extract-secrets", keys, "--report", report)
    assert (done.status, done.out, done.err) == (0, b"", "")
    (secrets,) = [block.body for block in wire.read_blocks(source.read_bytes()) if block.block_type == 10]
    assert keys.read_bytes() == secrets[8 : 8 + int.from_bytes(secrets[4:8], "little")]
    written = json.loads(report.read_bytes())
    assert (written["outputs"], written["target_format"], written["secrets_extracted"]) == ([], None, 1)
    done = run_command("convert", FOLDER / "web.pcapng", "--extract-secrets", tmp_path / "none")
    warning = f"pcapconv: warning: {FOLDER / 'web.pcapng'}: it holds no key log, and none was written\n"
    assert (done.status, done.err) == (0, warning)
    done = run_command("convert", source, "--extract-secrets", "-", "--report", "-")
    assert done.status == 2
    done = run_command("convert", source, "--extract-secrets", tmp_path / "x", "--chop", "4")
    told = f"--chop is about an output, and there is none; name one, or give --extract-secrets {tmp_path / 'x'} alone"
    assert (done.status, done.err) == (2, f"pcapconv: {told}\n")
    done = run_command("convert", source)
    assert (done.status, done.err) == (
        2,
        f"pcapconv: OUT is missing; write: pcapconv convert {source} OUT\n",
    )


def test_the_report_does_not_replace_the_capture(write: In, tmp_path: Path) -> None:
    source = tmp_path / "a.pcapng"
    source.write_bytes(with_logs(write))
    done = run_command("convert", source, "--extract-secrets", tmp_path / "keys", "--report", source, "--force")
    told = f"--report {source}: that is another file of the same run; give it a name of its own"
    assert (done.status, done.err) == (2, f"pcapconv: {told}\n")
    assert source.read_bytes() == with_logs(write)


def test_from_stdin_to_stdout() -> None:
    capture = (FOLDER / "tls.pcapng").read_bytes()
    done = run_command("convert", "-", "--extract-secrets", "-", stdin=capture)
    assert (done.status, done.err) == (0, "")
    assert b"CLIENT_" in done.out
