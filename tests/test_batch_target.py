"""Names of a batch's targets that a template makes: `--target`."""

import json
from pathlib import Path

import pytest
import wire
from batches import run_batch
from command_line import run_command
from folders import write_tree

from pcapconv import UsageError

DAYS = "{start:%Y/%m/%d}/{stem}.pcapng"
MAY = 1_714_564_800  # 2024-05-01T12:00:00Z


def pcap(seconds: int, data: bytes = b"one") -> bytes:
    return wire.pcap_header() + wire.pcap_record(seconds, 5, data)


def pcapng(seconds: int, data: bytes = b"one") -> bytes:
    return wire.section_header() + wire.interface(snaplen=65535) + wire.enhanced_packet(0, seconds * 10**6 + 5, data)


@pytest.fixture
def source(tmp_path: Path) -> Path:
    return write_tree(
        tmp_path / "in",
        {
            "a.pcap": pcap(MAY),
            "lab/b.cap": pcap(MAY + 86_400),
            "c.pcapng": pcapng(MAY - 86_400),
            "empty.pcap": wire.pcap_header(),
            "notes.txt": b"Dear reader, this is text\n",
        },
    )


def tree(folder: Path) -> dict[str, bytes]:
    paths = [path for path in folder.rglob("*") if path.is_file() and path.suffix != ".jsonl"]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_targets_lie_in_partitions(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ended = run_command("batch", source, out, "--target", DAYS, "-q")
    assert (ended.status, ended.err) == (0, "")
    assert tree(out) == {
        "2024/05/01/a.pcapng": pcapng(MAY),
        "2024/05/02/b.pcapng": pcapng(MAY + 86_400),
        "2024/04/30/c.pcapng": pcapng(MAY - 86_400),
        "notime/empty.pcapng": wire.section_header() + wire.interface(snaplen=65535),
    }
    lines = map(json.loads, (out / "pcapconv-manifest.jsonl").read_bytes().splitlines())
    assert {line["source"]: line["target"] for line in lines if line["status"] == "converted"} == {
        "a.pcap": "2024/05/01/a.pcapng",
        "lab/b.cap": "2024/05/02/b.pcapng",
        "c.pcapng": "2024/04/30/c.pcapng",
        "empty.pcap": "notime/empty.pcapng",
    }


def test_partitions_are_resumed(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    run_batch(source, out, template=DAYS)
    write_tree(source, {"d.pcap": pcap(MAY)})
    report = run_batch(source, out, template=DAYS, resume=True)
    assert (report.converted, report.up_to_date, report.failed) == (1, 4, 0)


def test_names_that_clash_are_refused_before_anything_is_written(source: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    write_tree(source, {"lab/a.pcap": pcap(MAY + 60)})
    with pytest.raises(UsageError) as refused:
        run_batch(source, out, template=DAYS)
    assert str(refused.value) == (
        f"{source}/a.pcap and {source}/lab/a.pcap would both become {out}/2024/05/01/a.pcapng; rename one, or leave it "
        "out with exclude="
    )
    assert not out.exists()
    assert run_batch(source, out, template="{start:%H%M}-{stem}.pcapng").converted == 5


def test_what_is_there_is_not_overwritten(source: Path, tmp_path: Path) -> None:
    out = write_tree(tmp_path / "out", {"2024/05/01/a.pcapng": b"somebody's"})
    report = run_batch(source, out, template=DAYS)
    assert (report.converted, report.failed) == (3, 1)
    assert (out / "2024/05/01/a.pcapng").read_bytes() == b"somebody's"


def test_a_target_is_no_manifest(tmp_path: Path) -> None:
    source = write_tree(tmp_path / "in", {"pcapconv-manifest.pcap": pcap(MAY)})
    with pytest.raises(UsageError, match="that is a manifest of this batch; give targets other names"):
        run_batch(source, tmp_path / "out", template="{stem}.jsonl", to="pcapng")


BELOW = "name a file below the target directory, as in {start:%Y/%m/%d}/{stem}.pcapng\n"


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["{index}.pcapng"],
            "--target {index}.pcapng: {index} is no field of a template; fields are {start:%Y%m%dT%H%M%S}, {stem}\n",
        ),
        (
            ["a.pcapng"],
            "--target a.pcapng: gives all files one name; fields are {start:%Y%m%dT%H%M%S}, {stem}\n",
        ),
        (["../{stem}.pcapng"], f"--target ../{{stem}}.pcapng: {BELOW}"),
        (["/tmp/{stem}.pcapng"], f"--target /tmp/{{stem}}.pcapng: {BELOW}"),
        (["{stem}/"], f"--target {{stem}}/: {BELOW}"),
        (["-"], f"--target -: {BELOW}"),
        ([""], f"--target: {BELOW}"),
        (
            ["{stem}"],
            "{stem}: its suffix names no format (.pcap, .cap, .pcapng, .ntar); give --to ",
        ),
        (
            ["{stem}.pcap", "--in-place"],
            "--target names files in the target directory; with --in-place they keep their names",
        ),
    ],
    ids=repr,
)
def test_templates_that_make_no_sense_are_refused(
    source: Path, tmp_path: Path, arguments: list[str], said: str
) -> None:
    out = tmp_path / "out"
    ended = run_command("batch", source, *([] if "--in-place" in arguments else [out]), "--target", *arguments)
    assert ended.status == 2
    assert ended.err.startswith(f"pcapconv: {said}")
    assert not out.exists()
