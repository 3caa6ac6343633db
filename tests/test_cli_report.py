"""The command: the document that `--report` writes."""

import json
from pathlib import Path

import pytest
import wire
from command_line import CUT, WEB_PCAP, WEB_PCAPNG, CommandResult, error_lines, run_command, run_in_process
from command_line import signals_stay_as_they_were as signals_stay_as_they_were
from folders import file_names


def test_a_report_has_everything(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    out, report = tmp_path / "out.pcap", tmp_path / "report.json"
    assert run_in_process(capfd, "convert", WEB_PCAPNG, out, "--report", report).status == 0
    packets = len(wire.read_pcapng(WEB_PCAPNG.read_bytes()))
    assert json.loads(report.read_text()) == {
        "schema": {"name": "pcapconv-report", "version": 1},
        "inputs": [str(WEB_PCAPNG)],
        "outputs": [str(out)],
        "source_format": "pcapng",
        "source_compression": None,
        "target_format": "pcap",
        "target_compression": None,
        "packets_read": packets,
        "packets_written": packets,
        "other_blocks": {},
        "losses": {"comments": 4, "names": 1, "interface-options": 4, "section-options": 3, "statistics": 1},
        "damage": [],
        "kept_in_sidecar": {},
        "missing_in_sidecar": {},
        "damage_in_sidecar": 0,
        "sidecar_written": None,
        "sidecar_read": None,
        "found_in_sidecar": None,
        "left_out": {},
        "repeats": [],
        "repeats_total": None,
        "repeats_across": 0,
        "decapsulated": None,
        "secrets_extracted": None,
        "parts": None,
        "oversized": None,
        "damage_total": 0,
        "warnings": [],
        "warnings_total": 0,
        "read_until": None,
        "interrupted": False,
        "put_back": [],
    }


def test_a_report_on_stdout(tmp_path: Path) -> None:
    (tmp_path / "cut.pcap").write_bytes(CUT)
    done = run_command("convert", tmp_path / "cut.pcap", tmp_path / "out.pcap", "--report", "-")
    assert done.status == 3
    report = json.loads(done.out)
    (damage,) = report["damage"]
    assert (damage["offset"], damage["packet_number"], damage["bytes_left_out"]) == (len(CUT) - 7, 2, 7)
    assert damage["reason"] in done.err
    assert (report["packets_read"], report["packets_written"]) == (1, 1)


def test_a_report_is_written_when_a_loss_is_refused(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "report.json"
    done = run_in_process(capfd, "convert", WEB_PCAPNG, tmp_path / "out.pcap", "--on-loss", "fail", "--report", report)
    assert done.status == 4
    assert file_names(tmp_path) == ["report.json"]
    assert json.loads(report.read_text())["losses"]["comments"] == 4


def test_no_report_is_written_of_what_failed(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    done = run_in_process(
        capfd, "convert", tmp_path / "none", tmp_path / "out.pcap", "--report", tmp_path / "report.json"
    )
    assert done.status == 1
    assert file_names(tmp_path) == []


def test_an_existing_report_needs_force_too(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "report.json"
    report.write_text("old")
    done = run_in_process(capfd, "convert", WEB_PCAP, tmp_path / "out.pcap", "--report", report)
    assert done == CommandResult(1, b"", error_lines(f"{report}: exists already; --force replaces it"))
    assert file_names(tmp_path) == ["report.json"]
    assert run_in_process(capfd, "convert", WEB_PCAP, tmp_path / "out.pcap", "--report", report, "--force").status == 0
    assert json.loads(report.read_text())["losses"] == {}


def test_a_report_where_it_cannot_be_written_comes_first(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    report = tmp_path / "none" / "report.json"
    done = run_in_process(capfd, "convert", WEB_PCAP, tmp_path / "out.pcap", "--report", report)
    assert done == CommandResult(1, b"", error_lines(f"there is no directory {tmp_path}/none; make it first"))
    assert file_names(tmp_path) == []
