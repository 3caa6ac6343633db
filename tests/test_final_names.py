"""Names of outputs where the system refuses, or does not say what is there: nothing is lost, left, or said wrongly.

Strategy: functions of the system are replaced by ones that fail from a given moment on, or raise a signal behind their
work. `tests/faults/` does that with all calls; here is one case of each kind.
"""

import contextlib
import errno
import io
import json
import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import wire
from files import HEADER, OLD
from folders import file_names, files_in

import pcapconv
from pcapconv import FileError
from pcapconv.cli import run
from pcapconv.cli.signals import Terminated, raise_on_signals
from pcapconv.io.held_signals import HeldSignals, hold_signals
from pcapconv.io.recovery_journal import RecoveryJournal
from pcapconv.io.source import open_source
from pcapconv.io.target import open_target
from pcapconv.io.temporary_file import temporary_file

RECORDS = [wire.pcap_record(number, 0, bytes([number])) for number in range(3)]
CAPTURE = HEADER + b"".join(RECORDS)
PARTS = [f"x-{number}.pcap" for number in (1, 2, 3)]
KEYS = b"CLIENT_RANDOM 00 11\n"
SECRETS = wire.section_header() + wire.interface() + wire.secrets(wire.TLS_KEY_LOG, KEYS)
COMMENTED = wire.section_header(options=wire.options((wire.OPT_COMMENT, b"kept"))) + wire.interface()

pytestmark = pytest.mark.usefixtures("signals_are_heeded")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    path = tmp_path / "out"
    path.mkdir()
    (tmp_path / "in.pcap").write_bytes(CAPTURE)
    return path


@pytest.fixture
def no_nameless_files(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system without nameless files."""
    monkeypatch.delattr(os, "O_TMPFILE", raising=False)


@pytest.fixture(params=[errno.EPERM, errno.EINVAL], ids=["Linux", "Windows"])
def no_links(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """One that has no hard links either."""

    def refuse(*_: Any, **__: Any) -> None:
        raise OSError(request.param, "no hard links")

    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    monkeypatch.setattr(os, "link", refuse)


def refuse_from(monkeypatch: pytest.MonkeyPatch, names: tuple[str, ...], first: Callable[..., bool]) -> None:
    """Have these functions of `os` fail with EIO from the call on that `first` is true for."""
    begun: list[bool] = []

    def failing(name: str) -> Callable[..., Any]:
        real = getattr(os, name)

        def call(*arguments: Any, **named: Any) -> Any:
            if begun or first(*arguments):
                begun.append(True)
                raise OSError(errno.EIO, "Input/output error")
            return real(*arguments, **named)

        return call

    for name in names:
        monkeypatch.setattr(os, name, failing(name))


def refuse(monkeypatch: pytest.MonkeyPatch, name: str, at: Callable[..., bool]) -> None:
    """Have a function of `os` fail with EIO, where `at` is true for its arguments."""
    real = getattr(os, name)

    def call(*arguments: Any, **named: Any) -> Any:
        if at(*arguments):
            raise OSError(errno.EIO, "Input/output error")
        return real(*arguments, **named)

    monkeypatch.setattr(os, name, call)


def old_parts(folder: Path) -> dict[str, bytes]:
    for name in PARTS:
        (folder / name).write_bytes(name.encode())
    return files_in(folder)


def split(folder: Path) -> None:
    pcapconv.split(folder.parent / "in.pcap", folder / "x-{index:1}.pcap", max_packets=1, force=True)


unclosed = pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")


# ---------------------------------------------------------------- nobody knows what is there


@pytest.mark.parametrize("part", PARTS[1:])
def test_old_parts_stay_where_nobody_can_tell_any_more_what_is_there(
    folder: Path, part: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = old_parts(folder)
    replaced: list[str] = []
    replace = os.replace

    def noted(one: str, other: str) -> None:
        replace(one, other)
        replaced.append(other)

    monkeypatch.setattr(os, "replace", noted)
    refuse_from(
        monkeypatch,
        ("stat", "lstat"),
        lambda path, **_: len(replaced) == PARTS.index(part) and path == str(folder / part),
    )
    with pytest.raises(FileError, match="input/output error"):
        split(folder)
    monkeypatch.undo()
    assert files_in(folder) == before


def test_a_file_that_may_be_there_is_not_replaced_by_one_for_all(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    target = folder / "x.pcapng"
    target.write_bytes(OLD)
    target.chmod(0o640)
    real = os.stat
    asked: list[str] = []

    def fail(path: Any, **named: Any) -> os.stat_result:
        if path == str(target):
            asked.append(path)
            if len(asked) > 2:  # the first ones tell that it is no directory, but a plain file
                raise OSError(errno.EIO, "Input/output error")
        return real(path, **named)

    monkeypatch.setattr(os, "stat", fail)
    with pytest.raises(FileError, match=r"x\.pcapng: cannot read: input/output error"):
        pcapconv.convert(folder.parent / "in.pcap", target, force=True)
    monkeypatch.undo()
    assert files_in(folder) == {"x.pcapng": OLD}


def test_a_sidecar_that_may_be_there_is_not_passed_over(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = folder.parent / "in.pcap"
    refuse(monkeypatch, "lstat", lambda path: str(path).endswith("in.pcap.meta.json"))
    with pytest.raises(FileError, match=r"in\.pcap\.meta\.json: cannot read: input/output error"):
        pcapconv.convert(source, folder / "x.pcap", sidecar=True)
    assert file_names(folder) == []


# ---------------------------------------------------------------- what is done counts as done


def test_an_input_that_cannot_be_closed_was_read_all_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Broken(io.FileIO):
        def close(self) -> None:
            super().close()
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(io, "FileIO", Broken)
    with open_source(os.fspath(folder.parent / "in.pcap")) as source:
        room = bytearray(len(CAPTURE))
        assert source.readinto(memoryview(room)) == len(CAPTURE)
    assert room == CAPTURE


@pytest.mark.usefixtures("no_nameless_files")
def test_a_temporary_name_that_cannot_be_removed_is_no_failure(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    refuse(monkeypatch, "unlink", lambda path: ".pcapconv-" in path)
    assert run(["convert", str(folder.parent / "in.pcap"), str(folder / "x.pcap")]) == 0
    assert (folder / "x.pcap").read_bytes() == CAPTURE


def test_a_folder_that_cannot_be_synced_is_known_before_anything_is_replaced(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = folder / "x.pcapng"
    target.write_bytes(OLD)
    refuse(monkeypatch, "open", lambda path, flags, *_: path == str(folder) and flags == os.O_RDONLY | os.O_DIRECTORY)
    with pytest.raises(FileError, match=r"x\.pcapng: cannot write: input/output error"):
        pcapconv.convert(folder.parent / "in.pcap", target, force=True)
    assert files_in(folder) == {"x.pcapng": OLD}


def test_all_old_files_go_where_a_folder_cannot_be_put_on_the_disk(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = folder.parent / "a.pcapng"
    source.write_bytes(COMMENTED)
    for name in ("x.pcap", "x.pcap.meta.json"):
        (folder / name).write_bytes(OLD)
    refuse(monkeypatch, "fsync", lambda file: os.path.samestat(os.fstat(file), os.stat(folder)))
    with pytest.raises(FileError, match="is complete, but may not be on the disk yet") as caught:
        pcapconv.convert(source, folder / "x.pcap", sidecar=True, force=True)
    assert str(caught.value).count("is complete") == 2
    assert file_names(folder) == ["x.pcap", "x.pcap.meta.json"]


def test_a_signal_behind_all_outputs_does_not_cost_the_report(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    target, report = folder / "x.pcapng", folder / "report.json"

    @contextlib.contextmanager
    def interrupted() -> Iterator[HeldSignals]:
        with hold_signals() as signals:
            if target.exists():
                signal.raise_signal(signal.SIGTERM)
            yield signals

    monkeypatch.setattr("pcapconv.io.commit.hold_signals", interrupted)
    arguments = ["convert", str(folder.parent / "in.pcap"), str(target), "--report", str(report)]
    assert (run(arguments), capsys.readouterr().err) == (0, "")
    assert json.loads(report.read_bytes())["packets_written"] == 3


# ---------------------------------------------------------------- nothing temporary is left


@unclosed
@pytest.mark.usefixtures("no_nameless_files")
def test_a_signal_right_behind_the_temporary_name_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def interrupted(path: Any, flags: int, *mode: int, **named: Any) -> int:
        file = real(path, flags, *mode, **named)
        if ".pcapconv-" in str(path):
            signal.raise_signal(signal.SIGTERM)
        return file

    monkeypatch.setattr(os, "open", interrupted)
    assert run(["convert", str(folder.parent / "in.pcap"), str(folder / "x.pcap")]) == 143
    assert file_names(folder) == []


@unclosed
@pytest.mark.usefixtures("no_nameless_files")
def test_an_output_that_nobody_got_to_know_leaves_nothing(folder: Path) -> None:
    open_target(os.fspath(folder / "x.pcap"))  # and a signal comes before it is a context manager's
    assert file_names(folder) == []


@unclosed
def test_a_signal_right_behind_a_scratch_file_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def interrupted(path: Any, flags: int, *mode: int, **named: Any) -> int:
        if flags & getattr(os, "O_TMPFILE", 0) == getattr(os, "O_TMPFILE", -1):
            raise OSError(errno.EOPNOTSUPP, "Operation not supported")
        file = real(path, flags, *mode, **named)
        signal.raise_signal(signal.SIGTERM)
        return file

    monkeypatch.setattr("tempfile.tempdir", str(folder))
    monkeypatch.setattr(os, "open", interrupted)
    with raise_on_signals(), pytest.raises(Terminated):
        temporary_file()
    assert file_names(folder) == []


def test_a_folder_that_cannot_be_listed_goes_away(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = old_parts(folder)
    refuse_from(monkeypatch, ("listdir",), lambda *_: True)
    refuse(monkeypatch, "replace", lambda _, other: other.endswith("x-2.pcap"))
    with pytest.raises(FileError, match="input/output error"):
        split(folder)
    monkeypatch.undo()
    assert files_in(folder) == before


def test_a_file_that_was_put_aside_and_not_replaced_has_one_name(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source, keys = folder / "a.pcapng", folder / "keys"
    source.write_bytes(SECRETS)
    keys.write_bytes(OLD)
    refuse(monkeypatch, "replace", lambda _, other: other == str(keys))
    with pytest.raises(FileError, match="keys: cannot create"):
        pcapconv.convert(source, source, force=True, extract_secrets=str(keys), strip=["secrets"])
    assert files_in(folder) == {"a.pcapng": SECRETS, "keys": OLD}


def test_a_journal_that_cannot_be_removed_says_nothing_any_more(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    waiting = folder / ".pcapconv-0123456789abcdef.tmp"
    waiting.mkdir()
    (waiting / "00000000").write_bytes(b"new")
    journal = RecoveryJournal(str(waiting), {str(waiting / "00000000"): str(folder / "x-1.pcap")})
    refuse(monkeypatch, "unlink", lambda _: True)
    journal.close()
    assert (waiting / "journal").read_bytes() == b""


# ---------------------------------------------------------------- no name is nobody's


@pytest.mark.usefixtures("no_links")
@pytest.mark.parametrize("way", ["pair", "parts"])
def test_without_links_each_name_has_a_file_at_any_time(
    folder: Path, way: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = folder.parent / "a.pcapng"
    source.write_bytes(COMMENTED)
    taken = PARTS if way == "parts" else ["x.pcap", "x.pcap.meta.json"]
    for name in taken:
        (folder / name).write_bytes(OLD)
    missing: list[str] = []

    def watch(name: str) -> None:
        real = getattr(os, name)

        def call(*arguments: Any, **named: Any) -> None:
            missing.extend(each for each in taken if not (folder / each).is_file())
            real(*arguments, **named)
            missing.extend(each for each in taken if not (folder / each).is_file())

        monkeypatch.setattr(os, name, call)

    for name in ("rename", "replace", "unlink"):
        watch(name)
    if way == "parts":
        split(folder)
    else:
        pcapconv.convert(source, folder / "x.pcap", sidecar=True, force=True)
    assert missing == []
    assert file_names(folder) == taken
    assert OLD not in files_in(folder).values()


@pytest.mark.usefixtures("no_links")
def test_without_links_a_copy_comes_back_with_its_rights_and_times(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = old_parts(folder)
    (folder / "x-1.pcap").chmod(0o640)
    os.utime(folder / "x-1.pcap", ns=(5, 7))
    refuse(monkeypatch, "replace", lambda _, other: other.endswith("x-2.pcap"))
    with pytest.raises(FileError, match="input/output error"):
        split(folder)
    monkeypatch.undo()
    assert files_in(folder) == before
    state = (folder / "x-1.pcap").stat()
    assert (state.st_mode & 0o777, state.st_mtime_ns) == (0o640, 7)


# ---------------------------------------------------------------- short reads


def test_a_digest_is_right_where_little_is_read_at_a_time(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The snaplen in the header is put right at the end, and what was there is read back for that."""
    source = folder.parent / "a.pcapng"
    source.write_bytes(COMMENTED + wire.enhanced_packet(0, 1, b"four"))
    pcapconv.convert(source, folder / "x.pcap", sidecar=True)

    class Slow(io.FileIO):
        def read(self, count: int | None = -1) -> bytes:
            return super().read(1 if count else count)

    monkeypatch.setattr(io, "FileIO", Slow)
    pcapconv.convert(source, folder / "y.pcap", sidecar=True)
    one, other = (json.loads((folder / f"{name}.pcap.meta.json").read_bytes())["captures"] for name in "xy")
    assert one[0]["sha256"] == other[0]["sha256"]
