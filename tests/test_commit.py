"""Outputs get their names: what is on the disk by then, what is looked at once more, what signals find.

Strategy: functions of the system are replaced by ones that note the call, fail, or raise a signal around it.
"""

import errno
import os
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import wire
from folders import file_names

import pcapconv
from pcapconv import FileError
from pcapconv.cli import run
from pcapconv.cli.signals import Terminated, raise_on_signals
from pcapconv.io.target import PlainFile

pytestmark = pytest.mark.usefixtures("signals_are_heeded")

HEADER = wire.pcap_header()
CAPTURE = HEADER + wire.pcap_record(1, 2, b"four")
MORE = wire.pcap_record(2, 0, b"came later")
AS_PCAPNG = wire.section_header() + wire.interface(snaplen=65535) + wire.enhanced_packet(0, 1_000_002, b"four")
COMMENTED = wire.section_header(options=wire.options((wire.OPT_COMMENT, b"kept"))) + AS_PCAPNG[28:]
KEYS = b"CLIENT_RANDOM 00 11\n"
OLD = b"what was there before"


@pytest.fixture(params=["nameless", "named"])
def each_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Temporary files without a name, and those that need one."""
    if request.param == "named":
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)


both_ways = pytest.mark.usefixtures("each_way")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """A capture that is going to be replaced."""
    path = tmp_path / "in.pcap"
    path.write_bytes(CAPTURE)
    return path


def before_the_end(change: Callable[[], object]) -> Callable[[int], None]:
    """A progress that changes something once, when the capture has been read."""
    todo = [change]

    def progress(_: int) -> None:
        while todo:
            todo.pop()()

    return progress


# ---------------------------------------------------------------- what was read is replaced


def in_place(path: Path, progress: Callable[[int], None]) -> None:
    pcapconv.convert(path, path, to="pcapng", force=True, progress=progress)


def in_place_by_a_link(path: Path, progress: Callable[[int], None]) -> None:
    link = path.with_name("link.pcapng")
    link.symlink_to(path.name)
    pcapconv.convert(path, link, force=True, progress=progress)


def in_place_from_an_open_file(path: Path, progress: Callable[[int], None]) -> None:
    with path.open("rb") as file:
        pcapconv.convert(file, path, to="pcapng", force=True, progress=progress)


def normalized(path: Path, progress: Callable[[int], None]) -> None:
    pcapconv.normalize(path, path, force=True, progress=progress)


def split_over_itself(path: Path, progress: Callable[[int], None]) -> None:
    pcapconv.split(path, path.with_name("{stem}.pcap"), max_packets=9, force=True, snaplen=2, progress=progress)


WAYS = [in_place, in_place_by_a_link, in_place_from_an_open_file, normalized, split_over_itself]


@pytest.mark.parametrize("way", WAYS)
def test_packets_that_somebody_appended_meanwhile_stay(path: Path, way: Any) -> None:
    def append() -> None:
        with path.open("ab") as file:
            file.write(MORE)

    with pytest.raises(FileError) as caught:
        way(path, before_the_end(append))
    assert str(caught.value) == (
        f"{caught.value.args[0].partition(':')[0]}: was changed while it was read, and is left as it is; "
        "run the command again"
    )
    assert path.read_bytes() == CAPTURE + MORE
    assert [name for name in file_names(path.parent) if name not in ("in.pcap", "link.pcapng")] == []


def test_a_file_that_was_changed_is_called_as_the_user_calls_it(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(path.parent)
    with pytest.raises(FileError, match=r"^in\.pcap: was changed while it was read, and is left as it is;"):
        normalized(Path(path.name), before_the_end(lambda: os.utime(path, ns=(1, 1))))


@both_ways
@pytest.mark.parametrize("way", [in_place, normalized])
def test_a_file_that_somebody_put_in_its_place_meanwhile_stays(path: Path, way: Any) -> None:
    other = path.with_name("other")
    other.write_bytes(OLD)
    with pytest.raises(FileError, match="was changed while it was read"):
        way(path, before_the_end(lambda: other.replace(path)))
    assert path.read_bytes() == OLD


def test_bytes_that_somebody_overwrote_meanwhile_stay(path: Path) -> None:
    def overwrite() -> None:
        with path.open("r+b") as file:
            file.seek(-4, os.SEEK_END)
            file.write(b"FOUR")
        os.utime(path, ns=(1, 1))  # however coarse the clock

    with pytest.raises(FileError, match="was changed while it was read"):
        in_place(path, before_the_end(overwrite))
    assert path.read_bytes() == CAPTURE[:-4] + b"FOUR"


def test_a_sidecar_that_somebody_wrote_anew_meanwhile_stays(tmp_path: Path) -> None:
    source, target = tmp_path / "a.pcapng", tmp_path / "a.pcap"
    source.write_bytes(COMMENTED)
    pcapconv.convert(source, target, sidecar=True)
    sidecar = tmp_path / "a.pcap.meta.json"
    before = target.read_bytes()
    with pytest.raises(FileError, match=r"a\.pcap\.meta\.json: was changed while it was read"):
        pcapconv.convert(
            target,
            target,
            sidecar=True,
            force=True,
            snaplen=2,
            progress=before_the_end(lambda: sidecar.write_bytes(OLD)),
        )
    assert (sidecar.read_bytes(), target.read_bytes()) == (OLD, before)


def test_another_file_may_change_meanwhile(path: Path) -> None:
    target = path.with_name("out.pcap")
    target.write_bytes(OLD)
    pcapconv.convert(path, target, force=True, progress=before_the_end(lambda: target.write_bytes(OLD + OLD)))
    assert target.read_bytes() == CAPTURE


# ---------------------------------------------------------------- on the disk


def note_calls(monkeypatch: pytest.MonkeyPatch, folder: Path) -> list[str]:
    """Record which files are synced and which get their final names, in order."""
    calls: list[str] = []
    fsync, replace, link = os.fsync, os.replace, os.link

    def noted_fsync(file: int) -> None:
        calls.append("sync folder" if os.path.samestat(os.fstat(file), os.stat(folder)) else "sync file")
        fsync(file)

    def noted_replace(source: str, target: str) -> None:
        calls.append(f"replace {os.path.basename(target)}")
        replace(source, target)

    def noted_link(source: str, target: str, **options: Any) -> None:
        link(source, target, **options)
        if not target.endswith(".old") and not os.path.basename(target).startswith("."):
            calls.append(f"name {os.path.basename(target)}")

    monkeypatch.setattr(os, "fsync", noted_fsync)
    monkeypatch.setattr(os, "replace", noted_replace)
    monkeypatch.setattr(os, "link", noted_link)
    return calls


@both_ways
def test_what_replaces_a_file_is_on_the_disk_before_and_its_name_after(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = note_calls(monkeypatch, path.parent)
    pcapconv.convert(path, path, to="pcapng", force=True)
    assert calls == ["sync file", "replace in.pcap", "sync folder"]


def test_nothing_waits_for_the_disk_without_fsync(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = note_calls(monkeypatch, path.parent)
    pcapconv.convert(path, path, to="pcapng", force=True, fsync=False)
    assert run(["convert", str(path), str(path), "--to", "pcap", "--force", "--no-fsync"]) == 0
    assert run(["normalize", str(path), str(path), "--force", "--no-fsync"]) == 0
    assert run(["normalize", "--in-place", str(path), "--rebase-time", "2024-01-01", "--no-fsync"]) == 0
    assert calls == ["replace in.pcap"] * 4


def test_nothing_waits_for_the_disk_where_nothing_is_replaced(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    calls = note_calls(monkeypatch, path.parent)
    pcapconv.convert(path, path.with_name("out.pcapng"))
    assert calls == ["name out.pcapng"]


def test_parts_are_on_the_disk_before_the_first_replaces_a_file(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path.write_bytes(CAPTURE + MORE)
    for number in (1, 2):
        path.with_name(f"x-{number}.pcap").write_bytes(OLD)
    calls = note_calls(monkeypatch, path.parent)
    pcapconv.split(path, path.with_name("x-{index:1}.pcap"), max_packets=1, force=True)
    assert calls == ["sync file"] * 2 + ["replace x-1.pcap", "replace x-2.pcap", "sync folder"]


@both_ways
@pytest.mark.parametrize("number", [errno.EIO, errno.ENOSPC])
def test_a_file_that_cannot_be_put_on_the_disk_replaces_nothing(
    path: Path, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: int) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(FileError, match=rf"in\.pcap: cannot write: {os.strerror(number).lower()}"):
        pcapconv.convert(path, path, to="pcapng", force=True)
    assert path.read_bytes() == CAPTURE
    assert file_names(path.parent) == ["in.pcap"]


def test_a_folder_that_cannot_be_put_on_the_disk_is_said(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sync = os.fsync

    def fail(file: int) -> None:
        if os.path.samestat(os.fstat(file), os.stat(path.parent)):
            raise OSError(errno.EIO, "Input/output error")
        sync(file)

    monkeypatch.setattr(os, "fsync", fail)
    with pytest.raises(FileError, match=r"in\.pcap: is complete, but may not be on the disk yet: input/output error"):
        pcapconv.convert(path, path, to="pcapng", force=True)
    assert path.read_bytes() == AS_PCAPNG


@both_ways
@pytest.mark.parametrize("there", [True, False])
def test_an_error_of_close_comes_before_the_name(path: Path, there: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    target = path if there else path.with_name("out.pcapng")
    close = os.close

    def fail(file: int) -> None:
        plain = os.readlink(f"/proc/self/fd/{file}")
        close(file)
        if "pcapconv" in plain or "deleted" in plain:
            raise OSError(errno.EDQUOT, "Disk quota exceeded")

    monkeypatch.setattr(os, "close", fail)
    with pytest.raises(FileError, match=rf"{target.name}: cannot write: disk quota exceeded"):
        pcapconv.convert(path, target, to="pcapng", force=there)
    assert path.read_bytes() == CAPTURE
    assert file_names(path.parent) == ["in.pcap"]


# ---------------------------------------------------------------- signals


def with_a_signal(monkeypatch: pytest.MonkeyPatch, step: str, *, behind: bool, number: signal.Signals) -> None:
    """Have each call of a function of `os` raise a signal before or behind its work."""
    real: Callable[..., Any] = getattr(os, step)

    def interrupted(*arguments: Any, **named: Any) -> None:
        if not behind:
            signal.raise_signal(number)
        real(*arguments, **named)
        if behind:
            signal.raise_signal(number)

    monkeypatch.setattr(os, step, interrupted)


def saved(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> tuple[int, str]:
    status = run(arguments)
    return status, capsys.readouterr().err


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_behind_the_name_finds_the_work_done(
    path: Path, number: signal.Signals, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    report = path.with_name("report.json")
    with_a_signal(monkeypatch, "replace", behind=True, number=number)
    arguments = ["convert", str(path), str(path), "--to", "pcapng", "--force", "--report", str(report)]
    assert saved(capsys, arguments) == (0, "")
    assert path.read_bytes() == AS_PCAPNG
    assert report.read_bytes().startswith(b"{")


def test_a_signal_behind_the_last_of_two_names_finds_the_work_done(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target = tmp_path / "a.pcapng", tmp_path / "a.pcap"
    source.write_bytes(COMMENTED)
    publish = PlainFile.publish

    def interrupted(self: PlainFile, *, keep_old: bool) -> None:
        publish(self, keep_old=keep_old)
        if self.name == str(target):
            signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(PlainFile, "publish", interrupted)
    assert saved(capsys, ["convert", str(source), str(target), "--sidecar", "-q"]) == (0, "")
    assert file_names(tmp_path) == ["a.pcap", "a.pcap.meta.json", "a.pcapng"]


@both_ways
@pytest.mark.parametrize("there", [True, False])
def test_a_signal_behind_the_first_of_two_names_takes_it_back(
    tmp_path: Path, there: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    source, target, sidecar = (tmp_path / name for name in ("a.pcapng", "a.pcap", "a.pcap.meta.json"))
    source.write_bytes(COMMENTED)
    for path in (target, sidecar) if there else ():
        path.write_bytes(OLD)
    before = {each.name: each.read_bytes() for each in tmp_path.iterdir()}
    publish = PlainFile.publish

    def interrupted(self: PlainFile, *, keep_old: bool) -> None:
        assert self.name == str(sidecar)  # the capture does not appear
        publish(self, keep_old=keep_old)
        signal.raise_signal(signal.SIGTERM)

    monkeypatch.setattr(PlainFile, "publish", interrupted)
    arguments = ["convert", str(source), str(target), "--sidecar", "--force"]
    assert saved(capsys, arguments) == (
        143,
        "pcapconv: interrupted before it was done: an unfinished output file was not kept\n",
    )
    assert {each.name: each.read_bytes() for each in tmp_path.iterdir()} == before


@both_ways
def test_secrets_and_capture_appear_both_or_neither(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, keys = tmp_path / "a.pcapng", tmp_path / "keys"
    source.write_bytes(wire.section_header() + wire.interface() + wire.secrets(0x544C534B, KEYS))
    keys.write_bytes(OLD)
    before = source.read_bytes()
    publish = PlainFile.publish

    def refuse(self: PlainFile, *, keep_old: bool) -> None:
        if self.name == str(source):
            assert keys.read_bytes() == KEYS
            raise FileError("no room")
        publish(self, keep_old=keep_old)

    monkeypatch.setattr(PlainFile, "publish", refuse)
    with pytest.raises(FileError, match="no room"):
        pcapconv.convert(source, source, force=True, extract_secrets=str(keys), strip=["secrets"])
    assert (source.read_bytes(), keys.read_bytes()) == (before, OLD)
    assert file_names(tmp_path) == ["a.pcapng", "keys"]


def test_a_signal_between_files_that_are_rewritten_ends_behind_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    paths = [tmp_path / name for name in ("a.pcapng", "b.pcapng")]
    for path in paths:
        path.write_bytes(CAPTURE)
    with_a_signal(monkeypatch, "replace", behind=True, number=signal.SIGTERM)
    status, said = saved(capsys, ["normalize", "--in-place", *map(str, paths)])
    assert (status, said.splitlines()[-1]) == (
        143,
        "pcapconv: interrupted before it was done",
    )
    assert paths[0].read_bytes() != CAPTURE
    assert paths[1].read_bytes() == CAPTURE
    assert saved(capsys, ["normalize", "--in-place", str(paths[1])]) == (0, f"pcapconv: {paths[1]}: rewritten\n")


def test_a_second_signal_ends_what_waits_for_a_reader(path: Path) -> None:
    with raise_on_signals():
        pcapconv.convert(path, path.with_name("out.pcapng"))
        signal.raise_signal(signal.SIGTERM)
        with pytest.raises(Terminated):
            signal.raise_signal(signal.SIGTERM)
