"""Objects of the wrong kind as arguments of the library: they are refused as any wrong value is, with a UsageError that
names the argument."""

import inspect
import io
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy
import pytest
import wire

import pcapconv
from pcapconv import UsageError
from pcapconv.argument_types import check_flags, check_functions, is_one_of, parse_path, parse_words

WEB = Path(__file__).parent / "samples" / "web.pcapng"


class Odd:
    """An object that cannot be asked whether it is true, or equal to another."""

    def __bool__(self) -> bool:
        raise TypeError("neither true nor false")

    def __eq__(self, other: object) -> bool:
        raise ValueError("not comparable")

    __hash__ = None  # type: ignore[assignment]

    def __repr__(self) -> str:
        return "Odd()"


class Nameless(Odd):
    """The same, and it cannot even be shown."""

    def __repr__(self) -> str:
        raise RuntimeError("no name")


ODD: list[tuple[Any, str]] = [
    (Odd(), "Odd()"),
    (Nameless(), "<Nameless>"),
    (b"x", "b'x'"),
    (["x"], "['x']"),
    ([Odd()], "[Odd()]"),
    ({"a": 1}, "{'a': 1}"),
    (1.5, "1.5"),
]


def split(folder: Path, named: dict[str, Any]) -> object:
    return pcapconv.split(WEB, folder / "{index}.pcapng", **named if "by" in named else {"max_packets": 9, **named})


CALLS: dict[str, Callable[..., object]] = {
    "open": lambda _, **named: pcapconv.open(WEB, **named),
    "create": lambda folder, **named: pcapconv.create(folder / "out.pcapng", **named),
    "convert": lambda folder, **named: pcapconv.convert(WEB, folder / "out.pcapng", **named),
    "split": lambda folder, **named: split(folder, named),
    "merge": lambda folder, **named: pcapconv.merge([WEB], folder / "out.pcapng", **named),
    "join": lambda folder, **named: pcapconv.join(folder / "none.meta.json", folder / "out.pcapng", **named),
    "batch": lambda folder, **named: pcapconv.batch([WEB], folder, **{"to": "pcap", **named}),
    "normalize": lambda folder, **named: pcapconv.normalize(WEB, folder / "out.pcapng", **named),
    "check": lambda _, **named: pcapconv.check(WEB, **named),
    "diff": lambda _, **named: pcapconv.diff(WEB, WEB, **named),
    "info": lambda _, **named: pcapconv.info(WEB, **named),
    "write_table": lambda folder, **named: pcapconv.write_table(WEB, folder / "out.parquet", **named),
    "read_table": lambda _, **named: pcapconv.read_table(WEB, **named),
}
STEP_FLAGS = ("sort", "invert", "adjust_length", "only_decapsulated", "keep_snaplen")
NORMALIZE_FLAGS = ("sort", "mask_time", "strict", "keep_snaplen")
MORE_FLAGS = {  # of the functions that take more arguments than their signature names
    **dict.fromkeys(("convert", "split", "merge", "batch"), STEP_FLAGS),
    **dict.fromkeys(("write_table", "read_table"), ("sort", "invert")),
    **dict.fromkeys(("normalize", "check"), NORMALIZE_FLAGS),
}
FORMATS = "the format is one of pcap, pcapng"
ON_LOSS = "must be one of warn, ignore, fail"
COMPRESSIONS = "must be one of gzip, zstd, xz, bzip2, lz4, none"
FRACTIONS = "must be nanoseconds"
WORDS: list[tuple[str, str, str]] = [
    *((name, "to", FORMATS) for name in ("create", "convert", "split", "merge", "batch", "normalize", "check")),
    *((name, "on_loss", ON_LOSS) for name in ("create", "convert", "split", "merge", "batch", "normalize", "check")),
    *((name, "compress", COMPRESSIONS) for name in ("create", "convert", "split", "merge", "batch", "normalize")),
    *((name, "fractions", FRACTIONS) for name in ("open", "convert", "split", "merge", "batch", "diff", "info")),
    ("split", "by", "must be one of interface, link-type, section, flow, host"),
    ("write_table", "to", "must be parquet, arrow or arrows"),
]


def flags_of(function: str) -> Iterator[str]:
    """The arguments of a function that are True or False."""
    parameters = inspect.signature(getattr(pcapconv, function)).parameters.values()
    yield from (each.name for each in parameters if each.annotation == "bool")
    yield from MORE_FLAGS.get(function, ())


@pytest.mark.parametrize("function", CALLS)
def test_flags_are_true_or_false(function: str, tmp_path: Path) -> None:
    for flag in flags_of(function):
        for value, shown in [*ODD, ("no", "'no'"), (frozenset(), "frozenset()")]:
            with pytest.raises(UsageError) as caught:
                CALLS[function](tmp_path, **{flag: value})
            assert (str(caught.value), caught.value.option) == (f"{flag}={shown}: must be True or False", flag)
    assert list(tmp_path.iterdir()) == []


def test_each_function_with_flags_is_tried() -> None:
    public = (name for name in pcapconv.__all__ if inspect.isfunction(getattr(pcapconv, name)))
    assert {name for name in public if list(flags_of(name))} <= set(CALLS)


@pytest.mark.parametrize("value", [1, 0, None])
def test_numbers_and_none_are_flags(value: Any, tmp_path: Path) -> None:
    out = tmp_path / "out.pcapng"
    report = pcapconv.convert(WEB, out, strict=value, sort=value, fsync=value)
    assert report.packets_written == 32


@pytest.mark.parametrize(("function", "name", "message"), WORDS)
def test_words_are_words(function: str, name: str, message: str, tmp_path: Path) -> None:
    for value, shown in [*ODD, (5, "5"), ("nonsense", "'nonsense'")]:
        with pytest.raises(UsageError) as caught:
            CALLS[function](tmp_path, **{name: value})
        assert (str(caught.value), caught.value.option) == (f"{name}={shown}: {message}", name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("function", "name"),
    [("convert", "sidecar_file"), ("open", "sidecar")],
)
def test_paths_are_paths(function: str, name: str, tmp_path: Path) -> None:
    for value, shown in [*ODD, (5, "5")]:
        with pytest.raises(UsageError) as caught:
            CALLS[function](tmp_path, **{name: value})
        assert (str(caught.value), caught.value.option) == (f"{name}={shown}: must be a path", name)
    with pytest.raises(UsageError, match=r"^sidecar=5: must be a path$"):
        pcapconv.join(5, tmp_path / "out.pcapng")  # type: ignore[arg-type]


NO_FILES: dict[str, Callable[[Any], object]] = {
    "open": pcapconv.open,
    "info": pcapconv.info,
    "check": pcapconv.check,
    "read_table": pcapconv.read_table,
    "diff of it": lambda odd: pcapconv.diff(odd, WEB),
    "diff with it": lambda odd: pcapconv.diff(WEB, odd),
    "convert": lambda odd: pcapconv.convert(odd, io.BytesIO(), to="pcap"),
    "convert to it": lambda odd: pcapconv.convert(WEB, odd, to="pcap"),
    "normalize": lambda odd: pcapconv.normalize(odd, io.BytesIO()),
    "normalize to it": lambda odd: pcapconv.normalize(WEB, odd),
    "merge": lambda odd: pcapconv.merge([odd, WEB], io.BytesIO(), to="pcap"),
    "create": lambda odd: pcapconv.create(odd, to="pcap"),
    "write_table": lambda odd: pcapconv.write_table(WEB, odd, to="arrow"),
}


@pytest.mark.parametrize("function", NO_FILES)
def test_captures_are_paths_or_files(function: str) -> None:
    for odd, shown in [(Odd(), "Odd()"), (Nameless(), "<Nameless>"), (5, "5"), (numpy.zeros(2), "array([0., 0.])")]:
        with pytest.raises(UsageError, match=rf"^{re.escape(shown)} is neither a path nor a file object$"):
            NO_FILES[function](odd)


def test_other_paths(tmp_path: Path) -> None:
    odd: Any
    for odd, shown in [(Odd(), "Odd()"), (Nameless(), "<Nameless>"), (5, "5")]:
        with pytest.raises(UsageError, match=f"^template={re.escape(shown)}: must be a path$"):
            pcapconv.split(WEB, odd, max_packets=9)
        with pytest.raises(UsageError, match=f"^{re.escape(shown)} is no template of names$"):
            CALLS["batch"](tmp_path, template=odd)
        for source, target in ((odd, tmp_path), ([odd], tmp_path), (WEB, odd)):
            with pytest.raises(UsageError, match=f"^{re.escape(shown)} is not a path$"):
                pcapconv.batch(source, target)
        with pytest.raises(UsageError, match=f"^sources is {re.escape(shown)}, and no list; give a list of paths$"):
            pcapconv.merge(odd, io.BytesIO())
        with pytest.raises(UsageError, match=r"^output: its name does not tell the kind of table"):
            pcapconv.write_table(WEB, odd)


@pytest.mark.parametrize("name", ["progress", "on_message"])
@pytest.mark.parametrize("function", ["convert", "split", "merge", "join", "normalize", "write_table", "read_table"])
def test_functions_can_be_called(function: str, name: str, tmp_path: Path) -> None:
    if name not in inspect.signature(getattr(pcapconv, function)).parameters:
        return
    for value, shown in [*ODD, ("print", "'print'")]:
        with pytest.raises(UsageError) as caught:
            CALLS[function](tmp_path, **{name: value})
        assert (str(caught.value), caught.value.option) == (f"{name}={shown}: must be a function", name)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("function", "name"), [("normalize", "keep"), ("normalize", "strip"), ("check", "keep"), ("diff", "ignore")]
)
def test_kinds_are_texts(function: str, name: str, tmp_path: Path) -> None:
    for value, shown in [(5, "5"), (Odd(), "Odd()"), ([Odd()], "Odd()"), ([b"names"], "b'names'"), (b"a", "97")]:
        with pytest.raises(UsageError, match=rf"^{name}={re.escape(shown)}: must be text$"):
            CALLS[function](tmp_path, **{name: value})


@pytest.mark.parametrize("name", ["include", "exclude"])
def test_patterns_are_lists(name: str, tmp_path: Path) -> None:
    for value, shown in [(5, "5"), (Odd(), "Odd()"), ("*.pcap", "'*.pcap'"), ([5], "[5]")]:
        with pytest.raises(UsageError, match=rf"^{name}={re.escape(shown)}: write a list of patterns$"):
            CALLS["batch"](tmp_path, **{name: value})


def test_how_many_differences_are_shown() -> None:
    for value, shown in [*ODD, (-1, "-1"), (True, "True"), ("5", "'5'")]:
        with pytest.raises(UsageError) as caught:
            pcapconv.diff(WEB, WEB, show=value)
        assert str(caught.value) == f"show={shown}: must be 0 or more"


def test_a_snaplen_without_an_interface() -> None:
    with pytest.raises(UsageError, match=r"^snaplen=Odd\(\) goes with link_type=; add_interface takes it, too$"):
        pcapconv.create(io.BytesIO(), to="pcap", snaplen=Odd())  # type: ignore[arg-type]


def test_a_stall_beyond_what_floats_hold(tmp_path: Path) -> None:
    capture = tmp_path / "in.pcap"
    capture.write_bytes(wire.pcap_header())
    report = pcapconv.batch([capture], tmp_path / "out", to="pcapng", jobs=1, stall=10**400)
    assert report.converted == 1


def test_the_checks_themselves() -> None:
    check_flags(force=True, strict=False, sort=None, fsync=1)
    check_functions(progress=None, on_message=print)
    assert [is_one_of(each, ["a"]) for each in ("a", "b", ["a"], Odd(), None)] == [True, False, False, False, False]
    assert [parse_path("sidecar", each) for each in ("a", Path("b"))] == ["a", "b"]
    assert [parse_words("keep", each) for each in ("a,b", ["a", "b,c"], ())] == [["a", "b"], ["a", "b", "c"], []]
