"""The files of a split: they appear together, and nothing is left when it goes wrong."""

import io
import os
import resource
import signal
import stat
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import pytest
import wire
from files import HEADER, MANY, OLD
from files import folder as folder
from folders import file_names
from splitting import parts_and_report

from pcapconv import DamageError, FileError, FormatError, LossError, TargetError, UsageError
from pcapconv.splitting import split

pytestmark = pytest.mark.usefixtures("no_thread_is_left")
both_forms = pytest.mark.usefixtures("kernels")
RECORDS = [wire.pcap_record(number, 0, bytes([number])) for number in range(4)]
FOUR = HEADER + b"".join(RECORDS)


# ---------------------------------------------------------------- appearing


class Watched(io.BytesIO):
    """Notes what is in a folder while it is read."""

    def __init__(self, capture: bytes, folder: Path) -> None:
        super().__init__(capture)
        self._folder = folder
        self.seen: set[str] = set()

    def readinto(self, room: Any) -> int:
        self.seen |= set(file_names(self._folder))
        return super().readinto(room)


def test_the_parts_appear_together_when_all_are_complete(folder: Path) -> None:
    source = Watched(HEADER + MANY, folder)
    report = split(source, folder / "x.pcap", max_packets=700)
    assert file_names(folder) == [f"x-0000{number}.pcap" for number in range(1, 6)]
    assert len(source.seen) == 1
    assert all(name.startswith(".pcapconv-") and name.endswith(".tmp") for name in source.seen)
    record = MANY[:1000]
    for number, name in enumerate(report.outputs):
        assert Path(name).read_bytes() == HEADER + record * (700 if number < 4 else 200)


@pytest.mark.parametrize("mask", [0o022, 0o077])
def test_new_parts_have_the_permissions_that_the_umask_leaves(folder: Path, mask: int) -> None:
    old = os.umask(mask)
    try:
        split(io.BytesIO(FOUR), folder / "x.pcap", max_packets=1)
    finally:
        os.umask(old)
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o666 & ~mask}


def test_existing_files_are_not_overwritten(folder: Path) -> None:
    (folder / "x-00003.pcap").write_bytes(OLD)
    with pytest.raises(FileError) as caught:
        split(io.BytesIO(FOUR), folder / "x.pcap", max_packets=1)
    assert str(caught.value) == f"{folder}/x-00003.pcap: exists already; force=True replaces it"
    assert file_names(folder) == ["x-00003.pcap"]
    assert (folder / "x-00003.pcap").read_bytes() == OLD


def test_existing_files_are_replaced_by_force(folder: Path) -> None:
    """They keep their permissions; a link stays, and what it leads to is replaced; so is the capture itself."""
    (folder / "elsewhere").mkdir()
    (folder / "x-00001.pcap").write_bytes(FOUR)
    (folder / "x-00002.pcap").write_bytes(OLD)
    (folder / "x-00002.pcap").chmod(0o640)
    (folder / "elsewhere" / "real").write_bytes(OLD)
    (folder / "x-00003.pcap").symlink_to("elsewhere/real")
    split(folder / "x-00001.pcap", folder / "x.pcap", max_packets=1, force=True)
    assert file_names(folder) == ["elsewhere", *(f"x-0000{number}.pcap" for number in range(1, 5))]
    assert [(folder / f"x-0000{number}.pcap").read_bytes() for number in range(1, 5)] == [HEADER + r for r in RECORDS]
    assert stat.S_IMODE((folder / "x-00002.pcap").stat().st_mode) == 0o640
    assert (folder / "x-00003.pcap").is_symlink()
    assert file_names(folder / "elsewhere") == ["real"]


def test_what_is_no_plain_file_is_never_replaced(folder: Path) -> None:
    (folder / "x-00002.pcap").mkdir()
    os.mkfifo(folder / "y-00001.pcap")
    for name in "xy":
        with pytest.raises(FileError, match="is not a plain file"):
            split(io.BytesIO(FOUR), folder / f"{name}.pcap", max_packets=1, force=True)
    assert file_names(folder) == ["x-00002.pcap", "y-00001.pcap"]


def test_two_parts_of_one_name_are_refused(folder: Path) -> None:
    (folder / "x-0.pcap").write_bytes(OLD)
    (folder / "link").symlink_to(".")
    with pytest.raises(UsageError) as caught:
        split(io.BytesIO(FOUR), folder / "x-{section}.pcap", max_packets=3, force=True)
    assert str(caught.value) == (
        f"{folder}/x-{{section}}.pcap: part 1, which begins with packet 1, and part 2, which begins with packet 4, "
        f"would both be {folder}/x-0.pcap; put {{index}} into the template"
    )
    assert file_names(folder) == ["link", "x-0.pcap"]
    assert (folder / "x-0.pcap").read_bytes() == OLD


def test_directories_may_differ_but_have_to_be_there(folder: Path) -> None:
    for number in (0, 1, 2):
        (folder / f"{number}").mkdir()
    capture = HEADER + b"".join(RECORDS[:3])
    split(io.BytesIO(capture), folder / "{start:%s}" / "x.pcap", max_packets=1)
    assert [file_names(folder / f"{number}") for number in (0, 1, 2)] == [["x.pcap"]] * 3
    assert file_names(folder) == ["0", "1", "2"]
    with pytest.raises(FileError) as caught:
        split(io.BytesIO(FOUR), folder / "{start:%s}" / "y.pcap", max_packets=1)
    assert str(caught.value) == f"there is no directory {folder}/3; make it first"
    assert [file_names(folder / f"{number}") for number in (0, 1, 2)] == [["x.pcap"]] * 3
    with pytest.raises(FileError, match=r"^there is no directory .*/none; make it first$"):
        split(io.BytesIO(FOUR), folder / "none" / "x.pcap", max_packets=1)
    with pytest.raises(FileError, match="cannot create: not a directory"):
        split(io.BytesIO(FOUR), folder / "0" / "x.pcap" / "y.pcap", max_packets=1)
    assert file_names(folder) == ["0", "1", "2"]


@pytest.mark.parametrize("name", ["a" * 300 + ".pcap", "nul\0.pcap", "surrogate\ud800.pcap"])
def test_names_that_no_file_can_have_are_refused(folder: Path, name: str) -> None:
    with pytest.raises(FileError, match="cannot create"):
        split(io.BytesIO(FOUR), os.path.join(folder, name), max_packets=1)
    assert file_names(folder) == []


def test_names_in_the_working_directory(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    (folder / "in.pcap").write_bytes(FOUR)
    assert split("in.pcap", "{stem}-{index:1}.pcap", max_packets=2).outputs == ["in-1.pcap", "in-2.pcap"]
    assert file_names(folder) == ["in-1.pcap", "in-2.pcap", "in.pcap"]


# ---------------------------------------------------------------- when it goes wrong


@pytest.mark.parametrize("old", [False, True], ids=["new", "old"])
@pytest.mark.parametrize(
    ("capture", "options", "error"),
    [
        (b"", {}, FormatError),
        (b"not a capture at all", {}, FormatError),
        (FOUR + MANY[:300_000] + b"cut", {"strict": True}, DamageError),
        (
            wire.section_header() + wire.interface() + wire.enhanced_packet(0, 2**63, b"") * 2,
            {"to": "pcap"},
            TargetError,
        ),
        (wire.section_header() + wire.names() + wire.interface(), {"to": "pcap", "on_loss": "fail"}, LossError),
    ],
    ids=["empty", "garbage", "cut", "time", "losses"],
)
def test_a_capture_that_is_refused_leaves_nothing(
    folder: Path, capture: bytes, options: dict[str, Any], error: type[Exception], old: bool
) -> None:
    if old:
        (folder / "x-00001.pcap").write_bytes(OLD)
    with pytest.raises(error) as caught:
        split(io.BytesIO(capture), folder / "x.pcap", max_packets=1, force=True, **options)
    if isinstance(caught.value, LossError):
        report = caught.value.report
        assert (report.outputs, report.parts, report.packets_written) == ([], [], 0)
    assert file_names(folder) == ["x-00001.pcap"] * old
    assert not old or (folder / "x-00001.pcap").read_bytes() == OLD


def test_damage_is_reported_and_what_is_whole_is_kept() -> None:
    written, report = parts_and_report(FOUR + b"cut", "x.pcap", max_packets=3)
    assert written == [HEADER + b"".join(RECORDS[:3]), HEADER + RECORDS[3]]
    assert [(each.offset, each.bytes_left_out) for each in report.damage] == [(len(FOUR), 3)]


def test_what_a_caller_raises_leaves_nothing(folder: Path) -> None:
    calls: list[int] = []

    def stop(done: int) -> None:
        calls.append(done)
        if len(calls) == 4:
            raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        split(io.BytesIO(HEADER + MANY), folder / "x.pcap", max_packets=700, progress=stop)
    assert file_names(folder) == []


def test_a_file_that_somebody_creates_meanwhile_is_not_overwritten(folder: Path) -> None:
    def create(_: int) -> None:
        (folder / "x-00001.pcap").write_bytes(OLD)

    with pytest.raises(FileError, match=r"x-00001\.pcap: exists already"):
        split(io.BytesIO(FOUR), folder / "x.pcap", max_packets=10, progress=create)
    assert file_names(folder) == ["x-00001.pcap"]
    assert (folder / "x-00001.pcap").read_bytes() == OLD


@pytest.mark.parametrize("links", [True, False], ids=["links", "no links"])
@pytest.mark.parametrize(
    "error", [OSError(5, "Input/output error"), FileExistsError(17, "File exists"), KeyboardInterrupt()], ids=repr
)
@pytest.mark.parametrize("when", range(8))
def test_all_is_as_it_was_when_a_name_cannot_be_given(
    folder: Path, monkeypatch: pytest.MonkeyPatch, when: int, error: BaseException, links: bool
) -> None:
    """Two of four names are taken, and may be. The step that fails is done or not, as with a signal behind it.
    Without links a copy comes back."""
    for number in (2, 3):
        (folder / f"x-0000{number}.pcap").write_bytes(OLD + bytes([number]))
        (folder / f"x-0000{number}.pcap").chmod(0o600)
    before = {path.name: (links and path.stat().st_ino, path.read_bytes()) for path in folder.iterdir()}
    steps: list[str] = []

    def failing(name: str) -> Any:
        real = getattr(os, name)

        def step(one: str, other: str, **_: object) -> None:
            if name == "link" and not links:
                raise PermissionError(1, "Operation not permitted")
            if "x-0000" in other or "x-0000" in one:
                steps.append(name)
                if len(steps) == when // 2 + 1:
                    if when % 2:
                        real(one, other)
                    raise error
            real(one, other)

        return step

    with monkeypatch.context() as patch:
        for name in ("link", "rename", "replace"):
            patch.setattr(os, name, failing(name))
        with pytest.raises(FileError if isinstance(error, OSError) else KeyboardInterrupt):
            split(io.BytesIO(FOUR), folder / "x.pcap", max_packets=1, force=True)
    assert len(steps) > when // 2
    assert {path.name: (links and path.stat().st_ino, path.read_bytes()) for path in folder.iterdir()} == before


def test_another_file_system_is_reached_by_copying(folder: Path) -> None:
    """As where a directory of the template is one, or a link leads there. What is there could not be taken back."""
    memory = Path("/dev/shm")
    if not memory.is_dir() or memory.stat().st_dev == folder.stat().st_dev:
        pytest.skip("there is no other file system")
    with tempfile.TemporaryDirectory(dir=memory) as other:
        (folder / "x-00001.pcap").symlink_to(os.path.join(other, "one"))
        (folder / "x-00002.pcap").symlink_to(os.path.join(other, "two"))
        split(io.BytesIO(FOUR), folder / "x.pcap", max_packets=2)
        assert Path(other, "one").read_bytes() == HEADER + b"".join(RECORDS[:2])
        assert Path(other, "two").read_bytes() == HEADER + b"".join(RECORDS[2:])
        assert file_names(Path(other)) == ["one", "two"]
        with pytest.raises(FileError, match=r"x-00001\.pcap: exists already"):
            split(io.BytesIO(FOUR), folder / "x.pcap", max_packets=2)
        Path(other, "one").unlink()
        Path(other, "two").write_bytes(OLD)
        with pytest.raises(FileError, match=r"x-00002\.pcap: cannot create: it is on another file system"):
            split(io.BytesIO(FOUR), folder / "x.pcap", max_packets=2, force=True)
        assert file_names(Path(other)) == ["two"]
        assert Path(other, "two").read_bytes() == OLD
    assert file_names(folder) == ["x-00001.pcap", "x-00002.pcap"]


# ---------------------------------------------------------------- in a process of its own

RUN = """
import signal, sys
for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):  # a suite in the background has some ignored
    signal.signal(number, signal.SIG_DFL)
from pcapconv.cli import signals
from pcapconv.errors import PcapconvError
from pcapconv.splitting import split
try:
    with signals.raise_on_signals():
        split(sys.argv[1], sys.argv[2], **eval(sys.argv[3]))
except PcapconvError as error:
    sys.exit(str(error))
except signals.Terminated as end:
    sys.exit(end.status)
"""
PATIENCE = 60


def split_command_line(source: str | Path, template: Path, **options: Any) -> list[str]:
    return [sys.executable, "-P", "-c", RUN, str(source), str(template), repr(options)]


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
@pytest.mark.parametrize("way", [{"max_packets": 700}, {"max_packets": 20}, {"interval": "1s"}], ids=str)
def test_a_signal_leaves_nothing(number: signal.Signals, way: dict[str, Any], folder: Path) -> None:
    (folder / "x-00001.pcap").write_bytes(OLD)
    process = subprocess.Popen(split_command_line("-", folder / "x.pcap", force=True, **way), stdin=subprocess.PIPE)
    try:
        assert process.stdin is not None
        process.stdin.write(HEADER + MANY)
        process.stdin.flush()
        (temporary,) = [name for name in file_names(folder) if name != "x-00001.pcap"]
        assert temporary.startswith(".pcapconv-")
        process.send_signal(number)
        assert process.wait(PATIENCE) == 128 + number
    finally:
        process.kill()
        process.communicate()
    assert file_names(folder) == ["x-00001.pcap"]
    assert (folder / "x-00001.pcap").read_bytes() == OLD


def test_a_kill_leaves_one_temporary_directory(folder: Path) -> None:
    (folder / "x-00001.pcap").write_bytes(OLD)
    process = subprocess.Popen(
        split_command_line("-", folder / "x.pcap", force=True, max_packets=10), stdin=subprocess.PIPE
    )
    try:
        assert process.stdin is not None
        process.stdin.write(HEADER + MANY)
        process.stdin.flush()
    finally:
        process.kill()
        process.communicate()
    (temporary,) = [name for name in file_names(folder) if name != "x-00001.pcap"]
    assert temporary.startswith(".pcapconv-")
    assert temporary.endswith(".tmp")
    assert stat.S_IMODE((folder / temporary).stat().st_mode) == 0o700
    assert (folder / "x-00001.pcap").read_bytes() == OLD


@pytest.mark.parametrize("way", [{"max_packets": 2000}, {"by": "section"}], ids=str)
def test_a_file_that_may_not_grow_leaves_what_was_there(way: dict[str, Any], tmp_path: Path, folder: Path) -> None:
    (tmp_path / "in.pcap").write_bytes(HEADER + MANY)
    (folder / "x-00001.pcap").write_bytes(OLD)
    done = subprocess.run(
        split_command_line(tmp_path / "in.pcap", folder / "x.pcap", force=True, **way),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (10**6, 10**6)),
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert (done.returncode, done.stderr) == (1, f"{folder}/x-00001.pcap: cannot write: file too large\n")
    assert file_names(folder) == ["x-00001.pcap"]
    assert (folder / "x-00001.pcap").read_bytes() == OLD


def few_files() -> None:
    resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))


@pytest.mark.parametrize("to", ["pcap", "pcapng"])
@pytest.mark.parametrize(
    ("way", "count"), [({"max_packets": 1}, 2000), ({"interval": "1s"}, 2000), ({"by": "interface"}, 60)], ids=str
)
def test_thousands_of_parts_need_few_open_files(
    way: dict[str, Any], count: int, to: str, tmp_path: Path, folder: Path
) -> None:
    """Neither when they come one after the other, nor when all get more in turns, and more than buffers hold."""
    section, interface = wire.section_header(), wire.interface()
    head = section + interface * 60
    rounds, data = (20, bytes(40_000)) if "by" in way else (1 if "max_packets" in way else 2, b"four")
    packets = [wire.enhanced_packet(each % 60, each % count * 10**6, data) for each in range(count * rounds)]
    (tmp_path / "in.pcapng").write_bytes(head + b"".join(packets))
    done = subprocess.run(
        split_command_line(tmp_path / "in.pcapng", folder / f"x.{to}", **way),
        preexec_fn=few_files,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert file_names(folder) == [f"x-{number:05}.{to}" for number in range(1, count + 1)]
    for number, path in enumerate(sorted(folder.iterdir())):
        part = path.read_bytes()
        if to == "pcapng" and "by" in way:
            assert part == section + interface + wire.enhanced_packet(0, number * 10**6, data) * rounds
        elif to == "pcapng":
            assert part == head + b"".join(packets[number::count])
        else:
            assert len(wire.read_pcap(part)) == rounds
