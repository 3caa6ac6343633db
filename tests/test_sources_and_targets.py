"""Where bytes come from and go to: outputs that appear whole or not at all, devices and pipes, files that change."""

import contextlib
import errno
import io
import os
import shutil
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import wire
from files import AS_PCAPNG, CAPTURE, COMMENTED, HEADER, MANY, OLD, RECORD, stream
from files import capture as capture
from files import folder as folder
from folders import file_names

import pcapconv
from pcapconv import FileError, LossError, PcapconvError, UsageError
from pcapconv.io import buffered_output, target

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


@pytest.fixture(params=["nameless", "named"])
def each_way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Temporary files without a name, and those that need one."""
    way: str = request.param
    if way == "named":
        monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    return way


both_ways = pytest.mark.usefixtures("each_way")


# ---------------------------------------------------------------- appearing


@both_ways
def test_an_output_appears_when_it_is_complete(folder: Path, each_way: str) -> None:
    seen: list[list[str]] = []
    out = folder / "out.pcapng"
    pcapconv.convert(stream(CAPTURE + MANY, lambda: seen.append(file_names(folder))), out)
    (during,) = seen
    assert "out.pcapng" not in during
    assert [name for name in during if not name.startswith(".pcapconv-") or not name.endswith(".tmp")] == []
    assert each_way == "nameless" or len(during) == 1
    assert file_names(folder) == ["out.pcapng"]
    assert wire.read_pcapng(out.read_bytes())[0].data == b"four"


@both_ways
def test_an_output_has_exactly_the_bytes(capture: Path, folder: Path) -> None:
    pcapconv.convert(capture, folder / "out.pcapng")
    assert (folder / "out.pcapng").read_bytes() == AS_PCAPNG
    pcapconv.convert(folder / "out.pcapng", folder / "back.pcap")
    assert (folder / "back.pcap").read_bytes() == CAPTURE
    assert file_names(folder) == ["back.pcap", "out.pcapng"]


@both_ways
def test_an_output_may_be_the_input(folder: Path) -> None:
    path = folder / "one.pcap"
    path.write_bytes(CAPTURE + MANY)
    pcapconv.convert(path, path, to="pcapng", force=True)
    found = wire.read_pcapng(path.read_bytes())
    assert [packet.data for packet in found] == [b"four"] + [bytes(984)] * 3000
    pcapconv.convert(path, path, force=True)
    assert path.read_bytes() == CAPTURE + MANY
    assert file_names(folder) == ["one.pcap"]


@both_ways
def test_an_input_that_is_refused_stays_when_it_is_the_output(folder: Path) -> None:
    path = folder / "one.pcapng"
    path.write_bytes(COMMENTED)
    with pytest.raises(LossError):
        pcapconv.convert(path, path, to="pcap", force=True, on_loss="fail")
    assert path.read_bytes() == COMMENTED
    assert file_names(folder) == ["one.pcapng"]


@both_ways
def test_a_hard_link_to_the_input_keeps_the_old_file(folder: Path) -> None:
    path, link = folder / "one.pcap", folder / "two.pcap"
    path.write_bytes(CAPTURE)
    os.link(path, link)
    pcapconv.convert(path, link, to="pcapng", force=True)
    assert path.read_bytes() == CAPTURE
    assert link.read_bytes() == AS_PCAPNG
    assert file_names(folder) == ["one.pcap", "two.pcap"]


@both_ways
def test_a_symbolic_link_stays_and_its_target_is_replaced(capture: Path, folder: Path, tmp_path: Path) -> None:
    target, link = tmp_path / "source" / "real.pcapng", folder / "link.pcapng"
    target.write_bytes(OLD)
    link.symlink_to(os.path.relpath(target, folder))
    with pytest.raises(FileError, match="exists already"):
        pcapconv.convert(capture, link)
    pcapconv.convert(capture, link, force=True)
    assert link.is_symlink()
    assert target.read_bytes() == AS_PCAPNG
    assert file_names(folder) == ["link.pcapng"]
    assert file_names(target.parent) == ["in.pcap", "real.pcapng"]


@both_ways
def test_a_symbolic_link_to_nothing_gets_its_target(capture: Path, folder: Path) -> None:
    link = folder / "link.pcapng"
    link.symlink_to("real.pcapng")
    pcapconv.convert(capture, link)
    assert link.is_symlink()
    assert (folder / "real.pcapng").read_bytes() == AS_PCAPNG


def test_a_symbolic_link_to_the_input_is_the_input(capture: Path, folder: Path) -> None:
    link = folder / "link.pcapng"
    link.symlink_to(capture)
    with pytest.raises(FileError, match="exists already"):
        pcapconv.convert(capture, link)
    pcapconv.convert(capture, link, force=True)
    assert capture.read_bytes() == AS_PCAPNG


def test_links_that_lead_nowhere_are_refused(capture: Path, folder: Path) -> None:
    (folder / "a.pcapng").symlink_to("b.pcapng")
    (folder / "b.pcapng").symlink_to("a.pcapng")
    with pytest.raises(FileError, match="too many levels of symbolic links"):
        pcapconv.convert(capture, folder / "a.pcapng", force=True)
    with pytest.raises(FileError, match="too many levels of symbolic links"):
        pcapconv.convert(folder / "a.pcapng", folder / "out.pcapng")
    assert file_names(folder) == ["a.pcapng", "b.pcapng"]


# ---------------------------------------------------------------- permissions


@both_ways
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o666, 0o755])
def test_a_file_that_is_replaced_keeps_its_permissions(capture: Path, folder: Path, mode: int) -> None:
    out = folder / "out.pcapng"
    out.write_bytes(OLD)
    out.chmod(mode)
    pcapconv.convert(capture, out, force=True)
    assert stat.S_IMODE(out.stat().st_mode) == mode
    assert out.read_bytes() == AS_PCAPNG


@both_ways
@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_a_new_file_has_the_permissions_that_the_umask_leaves(capture: Path, folder: Path, mask: int) -> None:
    old = os.umask(mask)
    try:
        pcapconv.convert(capture, folder / "out.pcapng")
    finally:
        os.umask(old)
    assert stat.S_IMODE((folder / "out.pcapng").stat().st_mode) == 0o666 & ~mask


# ---------------------------------------------------------------- refused


@both_ways
def test_an_existing_file_is_not_overwritten(capture: Path, folder: Path) -> None:
    out = folder / "out.pcapng"
    out.write_bytes(OLD)
    before = out.stat()
    with pytest.raises(FileError) as caught:
        pcapconv.convert(capture, out)
    assert str(caught.value) == f"{out}: exists already; force=True replaces it"
    assert out.read_bytes() == OLD
    assert out.stat().st_mtime_ns == before.st_mtime_ns
    assert file_names(folder) == ["out.pcapng"]


@both_ways
def test_a_file_that_somebody_creates_meanwhile_is_not_overwritten(folder: Path) -> None:
    out = folder / "out.pcapng"
    with pytest.raises(FileError, match=r"out\.pcapng: exists already"):
        pcapconv.convert(stream(CAPTURE, lambda: out.write_bytes(OLD)), out)
    assert out.read_bytes() == OLD
    assert file_names(folder) == ["out.pcapng"]


@both_ways
def test_a_file_that_somebody_creates_meanwhile_is_overwritten_by_force(folder: Path) -> None:
    out = folder / "out.pcapng"
    pcapconv.convert(stream(CAPTURE, lambda: out.write_bytes(OLD)), out, force=True)
    assert out.read_bytes() == AS_PCAPNG
    assert file_names(folder) == ["out.pcapng"]


@both_ways
def test_a_directory_that_somebody_creates_meanwhile_stays(folder: Path) -> None:
    out = folder / "out.pcapng"
    with pytest.raises(FileError):
        pcapconv.convert(stream(CAPTURE, out.mkdir), out, force=True)
    assert out.is_dir()
    assert file_names(folder) == ["out.pcapng"]


@both_ways
def test_a_directory_that_goes_away_meanwhile_is_an_error(folder: Path) -> None:
    with pytest.raises(FileError, match="cannot create"):
        pcapconv.convert(stream(CAPTURE, lambda: shutil.rmtree(folder)), folder / "out.pcapng")
    assert not folder.exists()


def test_without_hard_links_a_taken_name_is_refused_all_the_same(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As on FAT and some network file systems."""

    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EPERM, "Operation not permitted")

    monkeypatch.delattr(os, "O_TMPFILE", raising=False)
    monkeypatch.setattr(os, "link", refuse)
    out = folder / "out.pcapng"
    pcapconv.convert(stream(CAPTURE), out)
    assert out.read_bytes() == AS_PCAPNG
    with pytest.raises(FileError, match="exists already"):
        pcapconv.convert(stream(CAPTURE, lambda: (folder / "new.pcapng").write_bytes(OLD)), folder / "new.pcapng")
    assert (folder / "new.pcapng").read_bytes() == OLD
    assert file_names(folder) == ["new.pcapng", "out.pcapng"]


def test_a_nameless_file_that_cannot_be_linked_leaves_nothing(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "link", refuse)
    with pytest.raises(FileError, match="input/output error"):
        pcapconv.convert(stream(CAPTURE), folder / "out.pcapng")
    assert file_names(folder) == []


@both_ways
def test_a_directory_is_no_output(capture: Path, folder: Path) -> None:
    inside = folder / f"{capture.stem}.pcapng"
    inside.mkdir()
    with pytest.raises(FileError, match=rf"^{inside}: is a directory; name another file$"):
        pcapconv.convert(capture, folder, to="pcapng", force=True)
    assert (file_names(folder), file_names(inside)) == ([inside.name], [])


def test_a_directory_is_no_input(folder: Path) -> None:
    with pytest.raises(FileError, match="is a directory"):
        pcapconv.convert(folder, folder / "out.pcap")
    assert file_names(folder) == []


@both_ways
def test_an_output_needs_its_directory(capture: Path, folder: Path) -> None:
    with pytest.raises(FileError) as caught:
        pcapconv.convert(capture, folder / "none" / "out.pcapng")
    assert str(caught.value) == f"there is no directory {folder}/none; make it first"
    (folder / "link.pcap").symlink_to(folder / "gone" / "out.pcapng")
    with pytest.raises(FileError, match=r"^there is no directory .*/gone; make it first$"):
        pcapconv.convert(capture, folder / "link.pcap")
    (folder / "link.pcap").unlink()
    with pytest.raises(FileError, match="not a directory"):
        pcapconv.convert(capture, capture / "out.pcapng")
    assert file_names(folder) == []


def test_a_name_that_is_too_long_is_refused(capture: Path, folder: Path) -> None:
    with pytest.raises(FileError, match="file name too long"):
        pcapconv.convert(capture, folder / ("a" * 300 + ".pcapng"))


@pytest.mark.parametrize("name", ["nul\0.pcapng", "surrogate\ud800.pcapng"])
def test_names_that_no_file_can_have_are_refused(capture: Path, folder: Path, name: str) -> None:
    with pytest.raises(FileError):
        pcapconv.convert(capture, os.path.join(folder, name))
    with pytest.raises(FileError):
        pcapconv.convert(os.path.join(folder, name), folder / "out.pcapng")
    assert file_names(folder) == []


def test_an_output_needs_permission(capture: Path, folder: Path) -> None:
    """As root, without the capability that lets root write everywhere."""
    folder.chmod(0o555)
    command = [str(Path(sys.executable).with_name("pcapconv")), "convert", str(capture), str(folder / "out.pcapng")]
    if os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root may write everywhere, and setpriv is not installed")
        command = ["setpriv", "--bounding-set=-dac_override", *command]
    done = subprocess.run(command, capture_output=True, text=True)
    folder.chmod(0o755)
    assert done.returncode == 1
    assert done.stderr == f"pcapconv: {folder}/out.pcapng: cannot create: permission denied\n"
    assert file_names(folder) == []


@both_ways
@pytest.mark.parametrize(
    ("capture_bytes", "options"),
    [
        (b"", {}),
        (b"not a capture at all", {}),
        (CAPTURE[:30], {"strict": True}),
        (MANY[:0] + CAPTURE + MANY + b"cut", {"strict": True}),
        (wire.section_header(version=(9, 9)), {}),
    ],
    ids=["empty", "garbage", "cut", "long and cut", "version"],
)
def test_an_input_that_is_refused_leaves_nothing(folder: Path, capture_bytes: bytes, options: dict[str, Any]) -> None:
    with pytest.raises(PcapconvError):
        pcapconv.convert(io.BytesIO(capture_bytes), folder / "out.pcapng", **options)
    assert file_names(folder) == []
    (folder / "out.pcapng").write_bytes(OLD)
    with pytest.raises(PcapconvError):
        pcapconv.convert(io.BytesIO(capture_bytes), folder / "out.pcapng", force=True, **options)
    assert file_names(folder) == ["out.pcapng"]
    assert (folder / "out.pcapng").read_bytes() == OLD


@both_ways
def test_what_a_caller_raises_leaves_nothing(folder: Path) -> None:
    """Progress is the caller's code."""

    def stop(_: int) -> None:
        raise LookupError("enough")

    with pytest.raises(LookupError, match="enough"):
        pcapconv.convert(io.BytesIO(CAPTURE + MANY), folder / "out.pcapng", progress=stop)
    assert file_names(folder) == []


def test_options_are_refused_before_anything_is_touched(folder: Path) -> None:
    with pytest.raises(UsageError, match="suffix"):
        pcapconv.convert(stream(CAPTURE), folder / "out.txt")
    with pytest.raises(UsageError, match="zip"):
        pcapconv.convert(stream(CAPTURE), folder / "out.pcap", to="zip")
    with pytest.raises(UsageError, match="maybe"):
        pcapconv.convert(stream(CAPTURE), folder / "out.pcap", on_loss="maybe")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="the output has no name that tells its format; give to='pcap' or to='pcapng'"):
        pcapconv.convert(stream(CAPTURE), io.BytesIO())
    assert file_names(folder) == []


# ---------------------------------------------------------------- what is no plain file


def test_a_device_takes_bytes_and_stays_a_device(capture: Path) -> None:
    report = pcapconv.convert(capture, "/dev/null", to="pcapng")
    assert report.packets_written == 1
    assert stat.S_ISCHR(os.stat("/dev/null").st_mode)


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="there is no /dev/full")
@pytest.mark.parametrize("records", [RECORD, MANY], ids=["few", "many"])
def test_a_device_that_is_full_is_an_error(records: bytes) -> None:
    with pytest.raises(FileError, match="/dev/full: cannot write: no space left on device"):
        pcapconv.convert(io.BytesIO(HEADER + records), "/dev/full", to="pcapng")


@contextlib.contextmanager
def reading(path: str | Path) -> Iterator[list[bytes]]:
    """Reads a pipe to its end beside the test."""
    found: list[bytes] = []
    thread = threading.Thread(target=lambda: found.append(Path(path).read_bytes()))
    thread.start()
    try:
        yield found
    finally:
        thread.join()


@pytest.mark.parametrize("strict", [False, True], ids=["at once", "when all is well"])
def test_a_named_pipe_takes_bytes_and_stays_a_pipe(folder: Path, strict: bool) -> None:
    fifo = folder / "out.pcap"
    os.mkfifo(fifo)
    with reading(fifo) as found:
        pcapconv.convert(io.BytesIO(CAPTURE + MANY), fifo, strict=strict)
    assert found == [CAPTURE + MANY]
    assert stat.S_ISFIFO(fifo.stat().st_mode)
    assert file_names(folder) == ["out.pcap"]


def test_a_named_pipe_gives_nothing_before_all_is_well(folder: Path) -> None:
    fifo = folder / "out.pcap"
    os.mkfifo(fifo)
    with reading(fifo) as found, pytest.raises(PcapconvError):
        pcapconv.convert(io.BytesIO(CAPTURE + MANY + b"cut"), fifo, strict=True)
    assert found == [b""]


def test_a_named_pipe_is_an_input(folder: Path) -> None:
    fifo = folder / "in.pcap"
    os.mkfifo(fifo)
    thread = threading.Thread(target=lambda: fifo.write_bytes(CAPTURE + MANY))
    thread.start()
    pcapconv.convert(fifo, folder / "out.pcap")
    thread.join()
    assert (folder / "out.pcap").read_bytes() == CAPTURE + MANY


def test_a_pipe_that_is_open_already_has_a_name_too(capture: Path) -> None:
    """As in `pcapconv convert in.pcap >(tcpdump -r -)`, which the shell turns into /dev/fd/63."""
    if not os.path.isdir("/dev/fd"):
        pytest.skip("there is no /dev/fd")
    read, write = os.pipe()
    try:
        pcapconv.convert(capture, f"/dev/fd/{write}", to="pcapng")
        os.close(write)
        with open(read, "rb", closefd=False) as pipe:
            assert pipe.read() == AS_PCAPNG
    finally:
        os.close(read)
        with contextlib.suppress(OSError):
            os.close(write)


# ---------------------------------------------------------------- other things that happen to files


def test_a_capture_that_grows_is_read_as_it_was(folder: Path) -> None:
    """It could be the output: `pcapconv convert a.pcap - --to pcap >> a.pcap`."""
    path = folder / "one.pcap"
    path.write_bytes(CAPTURE + MANY)
    with path.open("ab") as target:
        pcapconv.convert(path, target, to="pcap")
    assert path.read_bytes() == (CAPTURE + MANY) * 2


def test_a_capture_that_shrinks_is_an_error(folder: Path) -> None:
    path = folder / "one.pcap"
    path.write_bytes(CAPTURE + MANY)
    with pytest.raises(FileError, match="became shorter while it was read"):
        pcapconv.convert(path, folder / "two.pcap", progress=lambda _: os.truncate(path, 1000))
    assert file_names(folder) == ["one.pcap"]


def test_small_buffers_write_the_same(monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    pcapconv.convert(io.BytesIO(CAPTURE + MANY), folder / "large.pcapng")
    monkeypatch.setattr(buffered_output, "BUFFER_SIZE", 4096)
    pcapconv.convert(io.BytesIO(CAPTURE + MANY), folder / "small.pcapng")
    assert (folder / "small.pcapng").read_bytes() == (folder / "large.pcapng").read_bytes()


def test_standard_streams_that_are_closed_are_named(capture: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    monkeypatch.setattr(sys, "stdout", None)
    with pytest.raises(FileError, match="stdin is closed"):
        pcapconv.convert("-", io.BytesIO(), to="pcap")
    with pytest.raises(FileError, match="stdout is closed"):
        pcapconv.convert(capture, "-", to="pcap")


def test_standard_streams_that_are_replaced_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    """As tests and notebooks do."""
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(CAPTURE)))
    monkeypatch.setattr(sys, "stdout", stdout := io.TextIOWrapper(written))
    pcapconv.convert("-", "-", to="pcapng")
    monkeypatch.undo()
    stdout.detach()
    assert written.getvalue() == AS_PCAPNG


def test_a_target_that_is_left_without_commit_leaves_nothing(folder: Path, each_way: str) -> None:
    with target.open_target(folder / "out.pcap") as out:
        out.file.write(CAPTURE)
        assert (file_names(folder) == []) == (each_way == "nameless")
    assert file_names(folder) == []
