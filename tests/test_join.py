"""Sidecars of more than one conversion: a split by link type and `join`, batches, and what `info` shows of them."""

import io
import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import wire
from command_line import COMMAND
from conversions import DAMAGED, SAMPLES, every_sample, stem
from hypothesis import given, settings
from invented_captures import invented_pcapng
from wire import In

import pcapconv
from pcapconv import PcapconvError, SidecarError, UsageError
from pcapconv.describing import info
from pcapconv.describing.capture_info import SidecarInfo, UnusableSidecar

WEB = Path(__file__).parent / "samples" / "web.pcapng"
SECRETS = Path(__file__).parent / "samples" / "secrets-le.pcapng"


def split(capture: bytes, folder: Path, **options: Any) -> pcapconv.Report:
    (folder / "in.pcapng").write_bytes(capture)
    return pcapconv.split(
        folder / "in.pcapng", folder / "{stem}-{link_type}.pcap", by="link-type", sidecar=True, force=True, **options
    )


def joined(folder: Path) -> bytes:
    pcapconv.join(folder / "in.meta.json", folder / "out.pcapng", force=True)
    return (folder / "out.pcapng").read_bytes()


def capture_of_two_link_types(write: In) -> bytes:
    return (
        write.section_header(options=write.options((1, b"two kinds")))
        + write.interface(1, options=write.options((wire.IF_NAME, b"eth")))
        + write.interface(113)
        + write.enhanced_packet(0, 1000, b"one", options=write.options((1, b"c")))
        + write.custom(wire.CUSTOM_DO_NOT_COPY, 1, b"body")
        + write.enhanced_packet(1, 1001, b"two")
        + write.enhanced_packet(1, 1002, b"three")
        + write.enhanced_packet(0, 999, b"four")
    )


# ---------------------------------------------------------------- split and join


def test_two_link_types(write: In, tmp_path: Path) -> None:
    report = split(capture_of_two_link_types(write), tmp_path)
    assert report.losses == {}
    assert report.kept_in_sidecar == {"comments": 2, "interface-options": 1, "custom-blocks": 1}
    assert sorted(path.name for path in tmp_path.iterdir()) == [
        "in-ETHERNET.pcap",
        "in-LINUX_SLL.pcap",
        "in.meta.json",
        "in.pcapng",
    ]
    says = json.loads((tmp_path / "in.meta.json").read_text())
    assert [(each["name"], each["packets"], each["link_type"]) for each in says["captures"]] == [
        ("in-ETHERNET.pcap", 2, 1),
        ("in-LINUX_SLL.pcap", 2, 113),
    ]
    assert joined(tmp_path) == capture_of_two_link_types(write)


@every_sample
def test_a_sample_comes_back(path: Path, tmp_path: Path) -> None:
    if path.suffix != ".pcapng" or stem(path) in DAMAGED:
        return  # nothing to come back
    split(path.read_bytes(), tmp_path, sidecar_secrets=True)
    assert joined(tmp_path) == path.read_bytes()


@settings(max_examples=60)
@given(capture=invented_pcapng(link_types=(1, 113, 12345)))
def test_a_made_capture_comes_back(capture: bytes, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("made")
    split(capture, folder, sidecar_secrets=True)
    assert joined(folder) == capture
    shutil.rmtree(folder)


def test_a_part_that_changed_is_refused(write: In, tmp_path: Path) -> None:
    split(capture_of_two_link_types(write), tmp_path)
    part, out = tmp_path / "in-ETHERNET.pcap", tmp_path / "out.pcapng"
    whole = part.read_bytes()
    edited = "in-ETHERNET.pcap was edited since, and join takes parts as they were: "
    for content, says in (
        (whole[:-1], f"{edited}it has {len(whole) - 1} bytes instead of {len(whole)}"),
        (whole[:-1] + b"x", f"{edited}its SHA-256 is different"),
    ):
        part.write_bytes(content)
        with pytest.raises(SidecarError, match=re.escape(says)):
            pcapconv.join(tmp_path / "in.meta.json", out)
        assert not out.exists()
    part.unlink()
    with pytest.raises(PcapconvError, match=r"in-ETHERNET\.pcap: cannot open: no such file or directory"):
        pcapconv.join(tmp_path / "in.meta.json", out)


def test_names_that_lead_elsewhere_are_refused(write: In, tmp_path: Path) -> None:
    import hashlib

    split(capture_of_two_link_types(write), tmp_path)
    sidecar = tmp_path / "in.meta.json"
    for name in ("../in-ETHERNET.pcap", "/etc/passwd", "..", ""):
        lines = sidecar.read_bytes().replace(b"in-ETHERNET.pcap", name.encode()).splitlines(keepends=True)[:-1]
        digest = hashlib.sha256(b"".join(lines)).hexdigest()
        changed = tmp_path / "changed.meta.json"
        changed.write_bytes(b"".join(lines) + b'"sha256": "' + digest.encode() + b'"}\n')
        with pytest.raises(SidecarError, match="which is no name of a file beside it"):
            pcapconv.join(changed, tmp_path / "out.pcapng")


def test_one_of_the_parts_is_not_converted_alone(write: In, tmp_path: Path) -> None:
    split(capture_of_two_link_types(write), tmp_path)
    with pytest.raises(SidecarError, match=r"it belongs to 2 captures; pcapconv\.join puts them together"):
        pcapconv.convert(
            tmp_path / "in-ETHERNET.pcap", tmp_path / "x.pcapng", sidecar_file=str(tmp_path / "in.meta.json")
        )


def test_secrets_stay_out_and_are_missed(tmp_path: Path) -> None:
    report = split(SECRETS.read_bytes(), tmp_path)
    assert report.losses == {"secrets": 7, "comments": 1}
    done = pcapconv.join(tmp_path / "in.meta.json", tmp_path / "out.pcapng")
    assert done.missing_in_sidecar == {"secrets": 7, "comments": 1}
    split(SECRETS.read_bytes(), tmp_path, sidecar_secrets=True)
    assert (tmp_path / "in.meta.json").stat().st_mode & 0o777 == 0o600
    assert joined(tmp_path) == SECRETS.read_bytes()


def test_splits_that_have_no_sidecar(tmp_path: Path) -> None:
    ways: list[dict[str, Any]] = [{"by": "interface"}, {"max_packets": 5}, {"by": "link-type", "to": "pcapng"}]
    for options in ways:
        with pytest.raises(UsageError, match=r"sidecar=True: a split by link type into pcap files has one"):
            pcapconv.split(WEB, tmp_path / "{index}.pcap", sidecar=True, **options)
    with pytest.raises(UsageError, match="sidecar_secrets=True goes with sidecar=True"):
        pcapconv.split(WEB, tmp_path / "{index}.pcap", by="link-type", sidecar_secrets=True)
    assert list(tmp_path.iterdir()) == []


def test_an_existing_sidecar_is_kept(write: In, tmp_path: Path) -> None:
    (tmp_path / "in.pcapng").write_bytes(capture_of_two_link_types(write))
    (tmp_path / "in.meta.json").write_text("mine")
    with pytest.raises(PcapconvError, match=r"in\.meta\.json: exists already"):
        pcapconv.split(tmp_path / "in.pcapng", tmp_path / "{index}.pcap", by="link-type", sidecar=True)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.meta.json", "in.pcapng"]


def test_the_commands(write: In, tmp_path: Path) -> None:
    (tmp_path / "in.pcapng").write_bytes(capture_of_two_link_types(write))

    def run_here(*words: str) -> "subprocess.CompletedProcess[bytes]":
        return subprocess.run([COMMAND, *words], cwd=tmp_path, capture_output=True, timeout=60)

    assert run_here("split", "in.pcapng", "{stem}-{link_type}.pcap", "--by", "link-type", "--sidecar").returncode == 0
    done = run_here("join", "in.meta.json", "again.pcapng")
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "again.pcapng").read_bytes() == capture_of_two_link_types(write)
    done = run_here("join", "in.meta.json", "again.pcapng")
    assert (done.returncode, done.stderr) == (
        1,
        b"pcapconv: again.pcapng: exists already; --force replaces it\n",
    )
    assert run_here("join", "in.meta.json", "-").stdout == capture_of_two_link_types(write)
    done = run_here("join", "in.pcapng", "none.pcapng")
    assert (done.returncode, done.stderr) == (
        1,
        b"pcapconv: in.pcapng: not a sidecar of pcapconv; name the .meta.json that it wrote beside the capture\n",
    )


# ---------------------------------------------------------------- batches


def test_a_tree_goes_to_pcap_and_comes_back(tmp_path: Path) -> None:
    names = ["blocks-le.pcapng", "micro-be.pcap", "web.pcapng", "obsolete-le.pcapng", "times-le.pcapng"]
    for name in names:
        source = WEB.with_name(name)
        if source.exists():
            target = tmp_path / "tree" / name[0] / name
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(source, target)
    there = pcapconv.batch(tmp_path / "tree", tmp_path / "pcap", to="pcap", sidecar=True, sidecar_secrets=True, jobs=1)
    failed = {"obsolete-le.pcapng"}  # which has several link types
    assert there.failed == len(failed)
    sidecars = {path.name for path in (tmp_path / "pcap").rglob("*.meta.json")}
    assert "web.pcap.meta.json" in sidecars
    assert "micro-be.pcap.meta.json" not in sidecars  # which was pcap, and is the same
    back = pcapconv.batch(tmp_path / "pcap", tmp_path / "back", to="pcapng", sidecar=True, jobs=1)
    assert (back.failed, back.skipped) == (0, 0)
    for path in (tmp_path / "tree").rglob("*.pcapng"):
        if path.name not in failed:
            assert (tmp_path / "back" / path.relative_to(tmp_path / "tree")).read_bytes() == path.read_bytes()
    again = pcapconv.batch(tmp_path / "pcap", tmp_path / "back", to="pcapng", sidecar=True, jobs=1, resume=True)
    assert again.up_to_date == back.converted
    manifest = (tmp_path / "pcap" / "pcapconv-manifest.jsonl").read_text()
    lines = [json.loads(line) for line in manifest.splitlines()]
    kept = {os.path.basename(line["source"]): line.get("kept_in_sidecar") for line in lines}
    assert kept["web.pcapng"]["comments"] == 4


def test_a_batch_finds_packets_again(tmp_path: Path) -> None:
    """And says in the report, the manifest and on stderr what came of sidecars."""
    (tmp_path / "in").mkdir()
    shutil.copy(WEB, tmp_path / "in")
    shutil.copy(SECRETS, tmp_path / "in")

    def run_batch_here(*words: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([COMMAND, "batch", *words], cwd=tmp_path, capture_output=True, text=True, timeout=60)

    done = run_batch_here("in", "pcap", "--to", "pcap", "--sidecar", "--sidecar-fingerprints")
    assert done.returncode == 0
    assert "pcapconv: kept in sidecars: 4 comments, " in done.stderr
    assert "1 comment, 7 secrets blocks; " in done.stderr
    assert done.stderr.rstrip().partition("--sidecar-secrets keeps them")[1]
    again = run_batch_here("in", "pcap", "--to", "pcap", "--sidecar", "--sidecar-fingerprints", "--resume")
    assert "up to date" in again.stderr
    pcap = tmp_path / "pcap" / "web.pcap"
    pcapconv.convert(pcap, pcap, packets="1-16", force=True)
    pcap.write_bytes(pcap.read_bytes() + wire.pcap_record(5, 5, b"new"))
    done = run_batch_here("pcap", "back", "--to", "pcapng", "--sidecar", "--report", "report.json", "-q")
    assert done.returncode == 0
    assert sorted(done.stderr.splitlines()) == [
        "pcapconv: warning: captures were edited since: nothing was restored for 1 new and 0 ambiguous packets; "
        "back/pcapconv-manifest.jsonl has the counts of each file",
        "pcapconv: warning: the sidecars were written without 1 comment, 7 secrets blocks; --sidecar-secrets would "
        "have kept them",
    ]
    said = json.loads((tmp_path / "report.json").read_bytes())
    assert (said["sidecars_read"], said["missing_in_sidecar"]) == (2, {"secrets": 7, "comments": 1})
    assert {kind: count for kind, count in said["found_in_sidecar"].items() if count} == {
        "in_sidecar": 32,
        "same": 16,
        "new": 1,
    }
    with pcapconv.open(tmp_path / "back" / "web.pcapng") as capture:
        assert [packet.number for packet in capture if packet.comments] == [15, 16]


def test_a_batch_goes_on_by_sidecars_too(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    shutil.copy(WEB, tmp_path / "in")
    pcap, back = tmp_path / "pcap", tmp_path / "back" / "web.pcapng"
    sidecar = pcap / "web.pcap.meta.json"

    def go_on(source: str, target: str, to: str) -> Any:
        return pcapconv.batch(tmp_path / source, tmp_path / target, to=to, sidecar=True, resume=True, jobs=1)

    assert go_on("in", "pcap", "pcap").sidecars_written == 1
    whole = sidecar.read_bytes()
    assert go_on("in", "pcap", "pcap").up_to_date == 1
    sidecar.write_bytes(whole[:-1])
    assert go_on("in", "pcap", "pcap").sidecars_written == 1
    assert sidecar.read_bytes() == whole
    sidecar.unlink()
    assert go_on("pcap", "back", "pcapng").sidecars_read == 0
    sidecar.write_bytes(whole)
    assert go_on("pcap", "back", "pcapng").sidecars_read == 1
    assert back.read_bytes() == WEB.read_bytes()
    assert go_on("pcap", "back", "pcapng").up_to_date == 1
    os.utime(sidecar, ns=(1, 1))  # as if it had been written anew
    assert go_on("pcap", "back", "pcapng").sidecars_read == 1
    sidecar.unlink()
    assert go_on("pcap", "back", "pcapng").up_to_date == 1  # without it, less would come back
    os.utime(pcap / "web.pcap", ns=(1, 1))
    report = go_on("pcap", "back", "pcapng")
    assert (report.failed, report.converted) == (1, 0)
    gone = f"{back}: was made with {sidecar}, which is gone; force=True makes the target again without it"
    assert report.trouble[0]["error"] == gone
    assert back.read_bytes() == WEB.read_bytes()
    again = pcapconv.batch(pcap, back.parent, to="pcapng", sidecar=True, resume=True, force=True, jobs=1)
    assert (again.converted, again.sidecars_read) == (1, 0)


@pytest.mark.parametrize("gone", [False, True])
def test_what_was_edited_in_place_is_not_edited_again_for_its_sidecar(tmp_path: Path, gone: bool) -> None:
    tree, sidecar = tmp_path / "tree", tmp_path / "tree" / "web.pcap.meta.json"
    tree.mkdir()
    pcapconv.convert(WEB, tree / "web.pcap", sidecar=True)
    options: dict[str, Any] = {"in_place": True, "sidecar": True, "shift_time": "+1h", "jobs": 1}
    assert pcapconv.batch(tree, **options).converted == 1
    edited = (tree / "web.pcap").read_bytes()
    if gone:
        sidecar.unlink()
    else:
        os.utime(sidecar, ns=(1, 1))
    assert pcapconv.batch(tree, **options, resume=True).up_to_date == 1
    assert (tree / "web.pcap").read_bytes() == edited


def test_a_batch_tells_of_damage_before_and_of_sidecars_that_nobody_asked_for(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "web.pcapng").write_bytes(WEB.read_bytes()[:-5])
    pcapconv.batch(tmp_path / "in", tmp_path / "pcap", to="pcap", sidecar=True, jobs=1)

    def stderr_lines(*words: str) -> list[str]:
        command = [str(COMMAND), "batch", "pcap", *words, "--to", "pcapng", "--jobs", "1"]
        done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60)
        assert done.returncode == 0
        return [line for line in done.stderr.splitlines() if line.startswith("pcapconv: ")]

    assert stderr_lines("back", "--sidecar") == [
        "pcapconv: warning: when the sidecars were written, the captures were damaged in 1 place; only what could "
        "be read then is restored, back/pcapconv-manifest.jsonl has the counts of each file",
    ]
    unused = "pcapconv: the sidecars beside 1 of the pcap files are not used; --sidecar uses them"
    assert stderr_lines("plain") == [unused]
    assert stderr_lines("quiet", "-q") == []


def test_sidecars_are_no_captures(tmp_path: Path) -> None:
    """Also where nobody asks for them, and damaged captures fail."""
    (tmp_path / "in").mkdir()
    pcapconv.convert(WEB, tmp_path / "in" / "web.pcap", sidecar=True)
    done = pcapconv.batch(tmp_path / "in", tmp_path / "out", to="pcapng", strict=True, jobs=1)
    assert (done.converted, done.failed, done.skipped) == (1, 0, 0)


def test_batches_without_sense(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match=r"^sidecar_secrets=True goes with sidecar=True$"):
        pcapconv.batch(tmp_path, tmp_path / "out", sidecar_secrets=True)


# ---------------------------------------------------------------- info


def test_info_shows_what_lies_beside(tmp_path: Path) -> None:
    target = tmp_path / "web.pcap"
    pcapconv.convert(WEB, target, sidecar=True)
    says = info(target).sidecar
    assert isinstance(says, SidecarInfo)
    assert (says.file, says.matches) == (f"{target}.meta.json", True)
    assert says.kept["comments"] == 4
    assert [each.text for each in says.comments[:2]] == ["A page fetched over HTTP", "Who links to this?"]
    assert says.interfaces[0].options[0] == ("if_name", "lo")
    assert says.names == info(WEB).names
    done = subprocess.run([COMMAND, "info", target], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert f"\nsidecar {target}.meta.json: keeps 4 comments, 1 name record," in done.stdout
    assert re.search(r"^comment +packet 15: Who links to this\?$", done.stdout, re.MULTILINE)


def test_info_says_that_a_sidecar_does_not_fit(tmp_path: Path) -> None:
    target = tmp_path / "web.pcap"
    pcapconv.convert(WEB, target, sidecar=True)
    whole = target.read_bytes()
    target.write_bytes(whole[:-1] + b"x")
    says = info(target).sidecar
    assert isinstance(says, UnusableSidecar)
    assert says.matches is False
    assert "its SHA-256 is different" in says.reason
    done = subprocess.run([COMMAND, "info", target], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0
    assert re.search(r"^sidecar +.*web\.pcap\.meta\.json: .* is not the capture", done.stdout, re.MULTILINE)
    Path(f"{target}.meta.json").write_text("{}")
    says = info(target).sidecar
    assert isinstance(says, UnusableSidecar)
    assert says.reason.partition("; ")[0].endswith("not a sidecar of pcapconv")


def test_info_without_a_sidecar() -> None:
    assert info(WEB).sidecar is None
    pcap = next(path for path in SAMPLES if path.suffix == ".pcap")
    assert info(pcap).sidecar is None
    assert info(io.BytesIO(pcap.read_bytes())).sidecar is None
