"""What exceptions tell besides their sentence: the type that Python's own functions raise, the path, the offset, the
packet, the argument; and that this survives a pickle."""

import copy
import errno
import os
import pickle
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
import wire

import pcapconv
from pcapconv.errors import FileError, FileMissingError, NotACaptureError

WEB = Path(__file__).parent / "samples" / "web.pcapng"


def raised(call: Callable[[], object]) -> pcapconv.PcapconvError:
    with pytest.raises(pcapconv.PcapconvError) as caught:
        call()
    return caught.value


def known(error: pcapconv.PcapconvError) -> dict[str, Any]:
    """The attributes that are known."""
    found = {name: getattr(error, name) for name in ("path", "offset", "packet_number", "option")}
    return {name: value for name, value in found.items() if value is not None}


def pcap(*records: bytes) -> bytes:
    return wire.pcap_header() + b"".join(records)


RECORD = wire.pcap_record(1, 0, b"abcd")

# ---------------------------------------------------------------- files


def read_all(path: object) -> None:
    with pcapconv.open(str(path)) as capture:
        list(capture)


@pytest.mark.parametrize(
    ("make", "type_", "number"),
    [
        (lambda _: None, FileNotFoundError, errno.ENOENT),
        (Path.mkdir, IsADirectoryError, errno.EISDIR),
    ],
)
@pytest.mark.parametrize(
    "function",
    [
        read_all,
        lambda path: pcapconv.convert(path, path.with_name("out.pcap")),
        lambda path: pcapconv.split(path, path.with_name("out-{index}.pcap"), max_packets=1),
        lambda path: pcapconv.normalize(path, path.with_name("out.pcap")),
        lambda path: pcapconv.diff(WEB, path),
    ],
)
def test_a_source_that_cannot_be_opened(
    tmp_path: Path, make: Callable[[Path], None], type_: type[OSError], number: int, function: Callable[[Path], object]
) -> None:
    path = tmp_path / "in.pcap"
    make(path)
    error = raised(lambda: function(path))
    assert isinstance(error, pcapconv.FileError)
    assert isinstance(error, type_)
    assert (error.errno, error.strerror, error.filename) == (number, os.strerror(number), str(path))
    assert known(error) == {"path": str(path)}
    assert str(error).startswith(f"{path}: ")


def test_an_output_that_exists(tmp_path: Path) -> None:
    out = tmp_path / "out.pcap"
    out.touch()
    error = raised(lambda: pcapconv.convert(WEB, out))
    assert isinstance(error, FileExistsError)
    assert str(error) == f"{out}: exists already; force=True replaces it"
    assert (error.errno, known(error)) == (errno.EEXIST, {"path": str(out)})
    part = tmp_path / "part-00001.pcapng"
    part.touch()
    error = raised(lambda: pcapconv.split(WEB, tmp_path / "part-{index}.pcapng", max_packets=100))
    assert isinstance(error, FileExistsError)
    assert known(error) == {"path": str(part)}


def test_an_output_without_its_directory(tmp_path: Path) -> None:
    error = raised(lambda: pcapconv.convert(WEB, tmp_path / "no" / "out.pcap"))
    assert isinstance(error, FileNotFoundError)
    assert (str(error), known(error)) == (
        f"there is no directory {tmp_path / 'no'}; make it first",
        {"path": str(tmp_path / "no")},
    )


def test_a_directory_in_place_of_an_output(tmp_path: Path) -> None:
    (tmp_path / "web.pcapng").mkdir()
    error = raised(lambda: pcapconv.convert(WEB, tmp_path))
    assert isinstance(error, IsADirectoryError)
    assert known(error) == {"path": str(tmp_path / "web.pcapng")}


def test_a_file_in_place_of_a_directory(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    error = raised(lambda: read_all(tmp_path / "file" / "in.pcap"))
    assert isinstance(error, NotADirectoryError)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "in.pcap").touch(0o200)
    assert isinstance(raised(lambda: read_all(tmp_path / "in.pcap")), PermissionError)


def test_each_type_of_system_error_has_its_subclass() -> None:
    for number in (errno.ENOENT, errno.EEXIST, errno.EISDIR, errno.ENOTDIR, errno.EACCES, errno.EPERM):
        cause = OSError(number, os.strerror(number))
        error = FileError("a: cannot open", path="a", cause=cause)
        assert isinstance(error, type(cause))
        assert (str(error), error.errno, error.filename) == ("a: cannot open", number, "a")
    full = FileError("a: cannot write", cause=OSError(errno.ENOSPC, "full"))
    assert (type(full), full.errno) == (FileError, errno.ENOSPC)
    assert (type(FileError("a: was changed")), FileError("a: was changed").errno) == (FileError, None)


def test_an_os_error_catches_what_files_do(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="no such file"):
        read_all(tmp_path / "none.pcap")
    with pytest.raises(pcapconv.FormatError) as caught:
        read_all(__file__)
    assert not isinstance(caught.value, OSError)


def test_a_message_is_not_wrapped_into_another(tmp_path: Path) -> None:
    """As FileError is an OSError, whoever catches an OSError could take it for one of the system."""
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "a.pcap").write_bytes(pcap(RECORD))
    error = raised(lambda: pcapconv.batch(tmp_path / "none", tmp_path / "out", to="pcap"))
    assert isinstance(error, FileNotFoundError)
    assert str(error) == f"{tmp_path / 'none'}: cannot open: no such file or directory"
    (tmp_path / "out").touch()
    error = raised(lambda: pcapconv.batch(tmp_path / "in", tmp_path / "out", to="pcapng"))
    assert str(error).count(": cannot") == 1
    assert isinstance(error, OSError)


# ---------------------------------------------------------------- captures


def test_damage(tmp_path: Path) -> None:
    path = tmp_path / "cut.pcap"
    path.write_bytes(pcap(RECORD, RECORD)[:-1])
    place = {"path": str(path), "offset": 44, "packet_number": 2}

    def strict() -> None:
        with pcapconv.open(path, strict=True) as capture:
            list(capture)

    assert known(raised(strict)) == place
    assert known(raised(lambda: pcapconv.convert(path, tmp_path / "o.pcap", strict=True))) == place


def test_what_is_no_capture(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"hello, this is text\n")
    assert known(raised(lambda: read_all(tmp_path / "in"))) == {"path": str(tmp_path / "in")}
    (tmp_path / "in").write_bytes(wire.pcap_header()[:20])
    assert known(raised(lambda: read_all(tmp_path / "in"))) == {"path": str(tmp_path / "in"), "offset": 20}


def test_what_a_target_cannot_hold(tmp_path: Path) -> None:
    source = tmp_path / "in.pcap"
    source.write_bytes(pcap(RECORD, RECORD))
    error = raised(lambda: pcapconv.convert(source, tmp_path / "out.pcap", shift_time="-2s"))
    assert isinstance(error, pcapconv.TargetError)
    assert known(error) == {"path": str(source), "packet_number": 1}
    error = raised(lambda: pcapconv.convert(WEB, tmp_path / "out.pcap", on_loss="fail"))
    assert isinstance(error, pcapconv.LossError)
    assert known(error) == {"path": str(WEB)}


def test_a_time_that_does_not_fit(tmp_path: Path) -> None:
    source = tmp_path / "in.pcap"
    source.write_bytes(pcap(RECORD, RECORD))
    error = raised(lambda: pcapconv.convert(source, tmp_path / "o.pcap", set_time="2:0.0000001"))
    assert isinstance(error, pcapconv.UsageError)
    assert known(error) == {"packet_number": 2, "option": "set_time"}


# ---------------------------------------------------------------- arguments


@pytest.mark.parametrize(
    ("arguments", "option"),
    [
        ({"packets": "5-3"}, "packets"),
        ({"after": "yesterday"}, "after"),
        ({"after": "2024-05-02", "before": "2024-05-01"}, "before"),
        ({"timezone": "Berlin"}, "timezone"),
        ({"interface": "eth9"}, "interface"),
        ({"filter": "tcp port"}, "filter"),
        ({"first": "one"}, "first"),
        ({"strip": "everything"}, "strip"),
        ({"chop": 0}, "chop"),
        ({"to": "erf"}, "to"),
        ({"on_loss": "shrug"}, "on_loss"),
        ({"fractions": "halves"}, "fractions"),
        ({"compress": "zip"}, "compress"),
        ({"strict": True, "salvage": True}, "salvage"),
    ],
)
def test_the_argument_at_fault(tmp_path: Path, arguments: Any, option: str) -> None:
    error = raised(lambda: pcapconv.convert(WEB, tmp_path / "out.pcapng", **arguments))
    assert isinstance(error, pcapconv.UsageError)
    assert known(error) == {"option": option}
    assert str(error).startswith(f"{option}=") or option == "salvage"


def test_an_output_without_a_format(tmp_path: Path) -> None:
    assert known(raised(lambda: pcapconv.convert(WEB, tmp_path / "out"))) == {"path": str(tmp_path / "out")}


# ---------------------------------------------------------------- pickles


@pytest.mark.parametrize(
    "call",
    [
        lambda folder: pcapconv.open(folder / "none"),
        lambda _: pcapconv.convert(WEB, WEB),
        lambda folder: pcapconv.convert(WEB, folder / "out.pcap", on_loss="fail"),
        lambda folder: pcapconv.convert(WEB, folder / "out.pcap", packets="0"),
        lambda _: read_all(__file__),
    ],
)
def test_errors_pickle_and_copy(call: Callable[[Path], object], tmp_path: Path) -> None:
    error = raised(lambda: call(tmp_path))
    for again in (pickle.loads(pickle.dumps(error)), copy.copy(error)):
        assert type(again) is type(error)
        assert (str(again), again.args) == (str(error), error.args)
        assert known(again) == known(error)
        for name in ("errno", "strerror", "filename", "known"):
            assert getattr(again, name, None) == getattr(error, name, None)


def test_errors_with_a_report_pickle(tmp_path: Path) -> None:
    refused = raised(lambda: pcapconv.convert(WEB, tmp_path / "out.pcap", on_loss="fail"))
    error = pickle.loads(pickle.dumps(refused))
    assert isinstance(error, pcapconv.LossError)
    assert error.report.losses["names"] == 1


def test_a_restated_error_keeps_what_is_known() -> None:
    error = FileMissingError("a: missing", path="a", offset=3)
    again = error.restated("b holds a: missing")
    assert (type(again), str(again), again.path, again.offset) == (FileMissingError, "b holds a: missing", "a", 3)
    assert (again.errno, again.filename) == (errno.ENOENT, "a")
    assert error.restated("x", path="b").path == "b"
    named = NotACaptureError("text", known=True).restated("again")
    assert (named.known, str(named)) == (True, "again")


def test_errors_are_one_sentence(tmp_path: Path) -> None:
    error = raised(lambda: pcapconv.convert(WEB, tmp_path / "out.pcap", before=Fraction(1), after=Fraction(2)))
    assert error.args == (str(error),)
