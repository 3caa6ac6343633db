"""Sidecars against what a plain conversion writes: with other options, through pipes, over many batches; all that they
can say; and what is signed but makes no sense."""

import base64
import hashlib
import io
import json
import re
import subprocess
import zlib
from array import array
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, BinaryIO, cast

import pytest
import wire
from command_line import COMMAND
from conversions import DAMAGED, SAMPLES, Pipe, Sink, converted, packets, stem
from hypothesis import given, settings
from hypothesis import strategies as st
from invented_captures import invented_pcap, invented_pcapng
from wire import BIG, In

import pcapconv
from pcapconv import FileError, LossError, PcapconvError, Report, SidecarError, TargetError

FOLDER = Path(__file__).parent / "samples"
WEB, TLS = FOLDER / "web.pcapng", FOLDER / "tls.pcapng"
SEVERAL_LINK_TYPES = {"link-types", "obsolete", "sections", "two-interfaces"}
BEYOND_PCAP = {"time-after-2106", "time-before-1970", "time-malformed"}  # their times are not in the pcap file
pytestmark = pytest.mark.usefixtures("kernels")


def convert_with_sidecar(capture: bytes | Path, pcap: Path, **options: Any) -> Report:
    """Convert a capture to pcap with a sidecar that keeps everything."""
    source = io.BytesIO(capture) if isinstance(capture, bytes) else capture
    return pcapconv.convert(source, pcap, force=True, **{"sidecar": True, "sidecar_secrets": True, **options})


def restored_pcapng(pcap: Path, **options: Any) -> bytes:
    """The pcapng capture that a pcap file and its sidecar give."""
    target = io.BytesIO()
    pcapconv.convert(pcap, target, to="pcapng", **{"sidecar": True, **options})
    return target.getvalue()


def sidecar_beside(pcap: Path) -> Path:
    return pcap.with_name(pcap.name + ".meta.json")


def without_lengths(capture: bytes) -> bytes:
    """The capture with sections that state no length."""
    blocks = wire.read_blocks(capture)
    return b"".join(
        each.raw[:16] + b"\xff" * 8 + each.raw[24:] if each.block_type == wire.SECTION_HEADER else each.raw
        for each in blocks
    )


@pytest.fixture
def pcap(tmp_path: Path) -> Path:
    return tmp_path / "a.pcap"


@pytest.fixture(scope="module")
def shared_pcap(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("shared") / "a.pcap"


# ---------------------------------------------------------------- there and back

STEPS: dict[str, st.SearchStrategy[Any]] = {
    "strip": st.lists(
        st.sampled_from(["comments", "names", "statistics", "secrets", "custom", "unknown", "host", "addresses"]),
        min_size=1,
        max_size=3,
    ).map(lambda kinds: [",".join(kinds)]),
    "snaplen": st.sampled_from([1, 16, 63, 64, 65, 300]),
    "chop": st.sampled_from([[1], [14], [-4], [2, -3]]),
    "first": st.integers(1, 9),
    "last": st.integers(1, 9),
    "packets": st.sampled_from(["1-3", "2-", "1,3,5"]),
    "drop_packets": st.sampled_from(["1", "2-3"]),
    "comment_matches": st.sampled_from(["retry", ""]),
    "direction": st.sampled_from(["in", "out"]),
    "shift_time": st.sampled_from(["+1s", "-2.5s", "+0.25s", "-1714564800s"]),
    "packet_comment": st.sampled_from([["1:seen"], ["1:one", "1:two"]]),
    "capture_comment": st.just(["lab"]),
    "set_interface": st.just(["0:name=renamed"]),
}


@settings(max_examples=300)
@given(
    capture=st.one_of(invented_pcapng(link_types=(1,)), invented_pcapng(link_types=(1,), finest=False)),
    options=st.fixed_dictionaries({}, optional=STEPS),
    fingerprints=st.booleans(),
    nanoseconds=st.booleans(),
)
def test_what_comes_back_is_what_would_have_been_written(
    shared_pcap: Path, capture: bytes, options: dict[str, Any], fingerprints: bool, nanoseconds: bool
) -> None:
    """But for the length of a section, where steps may have changed it. Both ways refuse the same."""
    request = {**options, "sidecar_fingerprints": fingerprints, "nanoseconds": nanoseconds}
    try:
        plain, expected = converted(capture, "pcapng", **options)
    except PcapconvError as error:
        with pytest.raises(type(error), match=re.escape(str(error).partition(": ")[2])):
            convert_with_sidecar(capture, shared_pcap, **request)
        return
    report = convert_with_sidecar(capture, shared_pcap, **request)
    assert (report.losses, report.left_out, report.packets_written) == (
        {},
        expected.left_out,
        expected.packets_written,
    )
    if options:
        assert without_lengths(restored_pcapng(shared_pcap)) == without_lengths(plain)
    else:
        assert restored_pcapng(shared_pcap) == capture


@settings(max_examples=200)
@given(capture=invented_pcapng(link_types=(1,)), secrets=st.booleans())
def test_the_report_says_where_all_went_that_pcap_cannot_hold(shared_pcap: Path, capture: bytes, secrets: bool) -> None:
    try:
        _, plain = converted(capture, "pcap")
    except PcapconvError:
        return
    done = convert_with_sidecar(capture, shared_pcap, sidecar_secrets=secrets)
    assert Counter(done.kept_in_sidecar) + Counter(done.losses) == Counter(plain.losses)
    back = pcapconv.convert(shared_pcap, io.BytesIO(), to="pcapng", sidecar=True)
    assert back.missing_in_sidecar == done.losses
    assert not (secrets and back.missing_in_sidecar)


@settings(max_examples=150)
@given(capture=invented_pcapng(link_types=(1,)), fingerprints=st.booleans(), first=st.none() | st.integers(1, 3))
def test_over_two_pcap_files(shared_pcap: Path, capture: bytes, fingerprints: bool, first: int | None) -> None:
    """The second sidecar says what the first one did."""
    convert_with_sidecar(capture, shared_pcap, sidecar_fingerprints=fingerprints)
    again = shared_pcap.with_name("again.pcap")
    convert_with_sidecar(shared_pcap, again, first=first)
    plain, _ = converted(capture, "pcapng", **({} if first is None else {"first": first}))
    if first is None:
        assert again.read_bytes() == shared_pcap.read_bytes()
        assert restored_pcapng(again) == capture
    else:
        assert without_lengths(restored_pcapng(again)) == without_lengths(plain)


@settings(max_examples=150)
@given(capture=invented_pcap(), fingerprints=st.booleans())
def test_a_pcap_file_is_the_same_and_its_sidecar_adds_nothing(
    shared_pcap: Path, capture: bytes, fingerprints: bool
) -> None:
    report = convert_with_sidecar(capture, shared_pcap, sidecar_fingerprints=fingerprints)
    assert shared_pcap.read_bytes() == capture
    assert (report.losses, report.kept_in_sidecar, report.missing_in_sidecar) == ({}, {}, {})
    plain, expected = converted(capture, "pcapng")
    assert restored_pcapng(shared_pcap) == plain
    again = shared_pcap.with_name("again.pcap")
    assert pcapconv.convert(shared_pcap, again, force=True, sidecar=True).losses == {}
    assert again.read_bytes() == capture
    assert pcapconv.convert(shared_pcap, io.BytesIO(), to="pcapng", sidecar=True).losses == expected.losses


@pytest.mark.parametrize(
    "name",
    ["time-zone-le", "ixia-hardware-le", "ixia-software-le", "reserved-bits-le", "modified-le", "version-2-2-le"],
)
def test_a_pcap_file_stays_the_same_over_many_ways(name: str, tmp_path: Path) -> None:
    source, capture = FOLDER / f"{name}.pcap", (FOLDER / f"{name}.pcap").read_bytes()
    for number in range(3):
        target = tmp_path / f"{number}.pcap"
        report = pcapconv.convert(source, target, sidecar=True)
        assert (target.read_bytes(), report.losses, sidecar_beside(target).exists()) == (capture, {}, True)
        source = target


@pytest.mark.parametrize("path", [path for path in SAMPLES if path.suffix == ".pcapng"], ids=lambda path: path.name)
def test_a_sample_comes_back_through_pipes(path: Path, tmp_path: Path) -> None:
    """Nobody can go back in these, and nothing is written before all is well."""
    capture, sidecar = path.read_bytes(), tmp_path / "kept.json"
    pipe, sink = Pipe(capture[at : at + 4096] for at in range(0, len(capture), 4096)), Sink()

    def work() -> None:
        source, target = cast(BinaryIO, pipe), cast(BinaryIO, sink)
        pcapconv.convert(source, target, to="pcap", sidecar_file=str(sidecar), sidecar_secrets=True)

    if stem(path) in SEVERAL_LINK_TYPES:
        with pytest.raises(TargetError, match="link types"):
            work()
        assert (list(tmp_path.iterdir()), bytes(sink.taken)) == ([], b"")
        return
    work()
    back = io.BytesIO()
    pcapconv.convert(cast(BinaryIO, Pipe([bytes(sink.taken)])), back, to="pcapng", sidecar_file=str(sidecar))
    assert back.getvalue() == (converted(capture, "pcapng")[0] if stem(path) in DAMAGED else capture)


@pytest.mark.parametrize("fingerprints", [False, True])
def test_a_corpus_file_comes_back_in_part(corpus_file: Path, pcap: Path, fingerprints: bool) -> None:
    options = {"packets": "2-", "strip": ["comments"]}
    try:
        convert_with_sidecar(corpus_file, pcap, sidecar_fingerprints=fingerprints, **options)
    except PcapconvError:
        return  # of several link types, or no capture
    plain, _ = converted(corpus_file.read_bytes(), "pcapng", **options)
    assert without_lengths(restored_pcapng(pcap)) == without_lengths(plain)


@pytest.mark.parametrize("fingerprints", [False, True])
def test_many_packets_of_every_kind(fingerprints: bool, pcap: Path) -> None:
    """More than a batch has, so that the pcap file's batches end elsewhere than those of the sidecar."""
    blocks = []
    for number in range(20_000):
        data = bytes(number % 61)
        stated = [(1, b"comment %d" % number)] if number % 7 == 0 else [(2, bytes([number % 5, 0, 0, 0]))]
        options = wire.options(*stated) if number % 3 else b""
        if number % 11 == 0:
            blocks.append(wire.simple_packet(data))
        elif number % 13 == 0:
            blocks.append(wire.obsolete_packet(0, number, data, drops_count=number % 4, options=options))
        else:
            blocks.append(wire.enhanced_packet(number // 3000 % 2, 1000 * number, data, options=options))
        if number == 12_345:
            blocks.append(wire.section_header() + wire.interface() * 2)
    fine = wire.interface(options=wire.options((wire.IF_TSRESOL, b"\x8a")))
    capture = wire.section_header() + wire.interface() + fine + b"".join(blocks)
    assert convert_with_sidecar(capture, pcap, sidecar_fingerprints=fingerprints).packets_written == 20_000
    assert restored_pcapng(pcap) == capture


@pytest.mark.parametrize("size", [300_000, 2**24 - 3])
@pytest.mark.parametrize("snaplen", [0, 64])
def test_large_packets(size: int, snaplen: int, pcap: Path) -> None:
    packet = wire.enhanced_packet(0, 5, bytes(size), options=wire.options((1, b"large")))
    capture = wire.section_header() + wire.interface(snaplen=snaplen) + packet + wire.enhanced_packet(0, 6, b"small")
    assert convert_with_sidecar(capture, pcap).losses == {}
    assert restored_pcapng(pcap) == capture


@pytest.mark.parametrize(
    "text", [b"\0", b"\n],\n", b'"sha256": "', b'\n"content": [\n', b"\xe2\x80\xa8", b"\xed\xa0\x80"]
)
def test_texts_that_look_like_parts_of_a_sidecar(text: bytes, write: In, pcap: Path) -> None:
    stated = write.options((1, text), (1, text))
    capture = write.section_header(options=stated) + write.interface(options=stated)
    capture += write.enhanced_packet(0, 5, b"one", options=stated) + write.names((1, b"\1\2\3\4" + text + b"\0"))
    convert_with_sidecar(capture, pcap)
    assert restored_pcapng(pcap) == capture


def test_in_place(pcap: Path) -> None:
    convert_with_sidecar(WEB, pcap)
    pcapconv.convert(pcap, pcap, sidecar=True, force=True, first=5)
    assert [len(packets(each)) for each in (pcap.read_bytes(), restored_pcapng(pcap))] == [5, 5]
    plain, _ = converted(WEB.read_bytes(), "pcapng", first=5)
    assert without_lengths(restored_pcapng(pcap)) == without_lengths(plain)


# ---------------------------------------------------------------- what it says


def column(text: str, typecode: str) -> list[int]:
    """A column's numbers, of a machine that is little endian."""
    return list(array(typecode, zlib.decompress(base64.b64decode(text))))


def test_what_is_odd_in_json(write: In, pcap: Path) -> None:
    text = wire.OPT_COMMENT
    capture = (
        write.section_header(section_length=96, options=write.options((text, b"no end"), end=False))
        + write.interface(reserved=0x0102, options=write.options((wire.IF_TSRESOL, b"\x0c"), (wire.IF_NAME, b"\xff")))
        + write.interface(snaplen=0)
        + write.enhanced_packet(0, 10**15 + 1, b"0001", options=write.options((2, bytes(4))))
        + write.enhanced_packet(1, 2, b"002").replace(b"002\0", b"002\x07")
        + write.enhanced_packet(1, 3, b"0003", options=write.options((2, bytes(4))))
        + write.simple_packet(b"0004")
        + write.obsolete_packet(1, 5, b"0005", drops_count=9, options=write.options((text, b"old"), (2988, b"pen.x")))
        + write.custom(wire.CUSTOM_DO_NOT_COPY, 32473, b"body")
        + write.block(0x80000123, b"none knows..")
        + write.names((3, bytes(range(6)) + b"mac\0"), options=write.options((text, b"n")))
    )
    report = convert_with_sidecar(capture, pcap)
    content = json.loads(sidecar_beside(pcap).read_bytes())["content"]
    said = content[3]["packets"]
    assert column(said.pop("interface"), "I") == [0, 1, 1, 0, 1]
    assert column(said.pop("ticks"), "Q") == [10**15 + 1, 2, 3, 0, 5]
    assert column(said.pop("list"), "H") == [1, 0, 1, 0, 0]
    order = "big" if write.byte_order == BIG else "little"
    assert content == [
        {
            "section": {
                "byte_order": order,
                "version": "1.0",
                "length": 96,
                "options": {
                    "said": [{"opt_comment": "no end"}],
                    "raw": base64.b64encode(write.options((text, b"no end"), end=False)).decode(),
                },
            }
        },
        {
            "interface": {
                "id": 0,
                "link_type": 1,
                "snaplen": 262144,
                "reserved": "0102" if order == "big" else "0201",
                "options": [{"if_tsresol": 12}, {"if_name": {"hex": "ff"}}],
            }
        },
        {"interface": {"id": 1, "link_type": 1, "snaplen": 0, "options": []}},
        {
            "packets": {
                "count": 5,
                "lists": [[{"epb_flags": 0}]],
                "options": {"5": [{"opt_comment": "old"}, {"opt_custom 2988": {"hex": b"pen.x".hex()}}]},
                "blocks": {"2": {"padding": "07"}, "4": {"type": "simple"}, "5": {"type": "obsolete", "drops": 9}},
            }
        },
        {"custom": {"pen": 32473, "copy": False, "data": base64.b64encode(b"body").decode()}},
        {"block": {"type": "0x80000123", "raw": base64.b64encode(b"none knows..").decode()}},
        {"names": {"records": [{"00:01:02:03:04:05": ["mac"]}], "options": [{"opt_comment": "n"}]}},
    ]
    assert report.kept_in_sidecar["packet-options"] == 3
    assert restored_pcapng(pcap) == capture


def test_only_the_owner_may_read_secrets(pcap: Path) -> None:
    convert_with_sidecar(TLS, pcap, sidecar_secrets=False)
    sidecar_beside(pcap).chmod(0o644)
    convert_with_sidecar(TLS, pcap)
    assert sidecar_beside(pcap).stat().st_mode & 0o777 == 0o600
    assert restored_pcapng(pcap) == TLS.read_bytes()


@pytest.mark.usefixtures("no_thread_is_left")
def test_a_failed_conversion_leaves_no_sidecar(tmp_path: Path, pcap: Path) -> None:
    with pytest.raises(LossError, match="pcap cannot hold 1 secrets block; nothing was written") as caught:
        convert_with_sidecar(TLS, pcap, sidecar_secrets=False, on_loss="fail")
    assert caught.value.report.losses == {"secrets": 1}
    assert caught.value.report.kept_in_sidecar["comments"] == 1
    with pytest.raises(TargetError, match="2 link types"):
        convert_with_sidecar(FOLDER / "two-interfaces.pcapng", pcap)
    pcap.write_bytes(b"mine")
    with pytest.raises(FileError, match=r"a\.pcap: exists already"):
        pcapconv.convert(TLS, pcap, sidecar=True)
    pcap.unlink()
    sidecar_beside(pcap).write_bytes(b"mine")
    with pytest.raises(FileError, match=r"a\.pcap\.meta\.json: exists already"):
        pcapconv.convert(TLS, pcap, sidecar=True)
    assert [path.name for path in tmp_path.iterdir()] == [sidecar_beside(pcap).name]
    with pytest.raises(FileError, match=r"^there is no directory .*/no; make it first$"):
        convert_with_sidecar(TLS, pcap, sidecar=False, sidecar_file=str(tmp_path / "no" / "kept"))
    assert sidecar_beside(pcap).read_bytes() == b"mine"


def test_the_command_tells_what_is_missing(tmp_path: Path) -> None:
    def run(*words: str | Path) -> "subprocess.CompletedProcess[str]":
        return subprocess.run([COMMAND, "convert", *words], cwd=tmp_path, capture_output=True, text=True, timeout=60)

    done = run(TLS, "a.pcap", "--sidecar", "--on-loss", "fail")
    assert (done.returncode, list(tmp_path.iterdir())) == (4, [])
    done = run(TLS, "a.pcap", "--sidecar")
    assert (done.returncode, done.stderr.splitlines()[-1]) == (
        0,
        "pcapconv: warning: a.pcap: pcap cannot hold 1 secrets block; --report FILE has the counts, --on-loss fail "
        "refuses, --sidecar-secrets keeps them",
    )
    done = run("a.pcap", "b.pcapng", "--sidecar", "--report", "report.json")
    assert done.stderr == (
        "pcapconv: warning: b.pcapng: a.pcap.meta.json was written without 1 secrets block; "
        "--sidecar-secrets would have kept them\n"
    )
    assert json.loads((tmp_path / "report.json").read_bytes())["missing_in_sidecar"] == {"secrets": 1}
    done = run("b.pcapng", "c.pcapng", "--sidecar")
    assert (done.returncode, done.stderr) == (
        2,
        "pcapconv: b.pcapng: it is pcapng, as is the target, and holds all itself; a sidecar goes with a pcap file "
        "(editcap and mergecap write one with -F pcap)\n",
    )


# ---------------------------------------------------------------- refusals


def signed(document: dict[str, Any]) -> bytes:
    """A sidecar of this content, its SHA-256 included."""
    names = [name for name in document if name not in ("pcapconv_sidecar", "content", "sha256")]
    text = b'{"pcapconv_sidecar": %d,\n' % document["pcapconv_sidecar"]
    text += b"".join(b'"%s": %s,\n' % (name.encode(), json.dumps(document[name]).encode()) for name in names)
    entries = b",\n".join(json.dumps(entry).encode() for entry in document["content"])
    text += b'"content": [\n' + entries + (b"\n],\n" if entries else b"],\n")
    return text + b'"sha256": "%s"}\n' % hashlib.sha256(text).hexdigest().encode()


@pytest.fixture(scope="module")
def rich(shared_pcap: Path) -> tuple[Path, dict[str, Any]]:
    """A pcap file with a sidecar that says many things, in a folder with an edited one."""
    pcap = shared_pcap.with_name("rich.pcap")
    stated, long = wire.options((2, bytes(4))), wire.options((1, b"c"), end=False)
    capture = (
        wire.section_header(options=long)
        + wire.interface(options=wire.options((wire.IF_TSRESOL, b"\x0c"), (wire.IF_TSOFFSET, bytes(8))))
        + wire.interface(reserved=1)
        + wire.names(wire.ipv6_name("2001:db8::1", "a"), (9, b"x"))
        + wire.enhanced_packet(0, 5, b"one", options=wire.options((1, b"c"), (0x8001, b"\xff")))
        + wire.enhanced_packet(1, 6, b"two", options=stated)
        + wire.enhanced_packet(1, 7, b"two", options=stated)
        + wire.simple_packet(b"three")
        + wire.obsolete_packet(0, 7, b"old", drops_count=9)
        + wire.statistics(0, 5, options=stated)
        + wire.custom(wire.CUSTOM_COPY, 1, b"body")
        + wire.secrets(wire.TLS_KEY_LOG, b"key")
        + wire.section_header(byte_order=BIG)
        + wire.block(0x80000123, b"none", byte_order=BIG)
    )
    convert_with_sidecar(capture, pcap, sidecar_fingerprints=True)
    document = json.loads(sidecar_beside(pcap).read_bytes())
    sidecar_beside(pcap).write_bytes(signed(document))
    assert restored_pcapng(pcap) == capture
    pcap.with_name("edited.pcap").write_bytes(pcap.read_bytes()[:-19])
    return pcap, document


def paths_into(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The ways to all that a JSON value holds."""
    yield path
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, each in items:
        yield from paths_into(each, (*path, name))


def holder_at(document: Any, way: tuple[Any, ...]) -> Any:
    """The object or list that holds the last step of a path."""
    for name in way[:-1]:
        document = document[name]
    return document


def _packed(typecode: str, *numbers: int) -> str:
    return base64.b64encode(zlib.compress(array(typecode, numbers).tobytes())).decode()


NONSENSE: list[Any] = [
    None, True, False, 0, -1, 1, 2**16, 2**24 + 1, 2**32, 2**63, 2**64, -(2**63), 2**70, 1.5, float("nan"), "", "x",
    "\ud800", "AAAA", "A" * 70_000, [], {}, [[]], [{}], {"x": 1}, {"raw": "AAAA"}, {"hex": "0"}, {"hex": "00" * 70_000},
    {"type": "simple"}, {"type": []}, {"type": "obsolete", "drops": 1}, {"padding": "zz"}, {"padding": "00" * 4},
    {"type": "simple", "padding": "000000"}, _packed("I", *[1] * 5), _packed("I", *[9] * 5),
    _packed("Q", *[2**64 - 1] * 5), _packed("H", *[1] * 5), [{"opt_comment": "x"}], [{"opt_comment": 5}],
    [{"option 0": "x"}], [{"option 70000": "x"}],
    [{"if_tsresol": {"hex": "ff"}}], [{"if_tsresol": 256}], [{"if_tsresol": True}], [{"if_name": 5}],
    {"1": []}, {"6": []}, {"1": {"raw": "AQABAA=="}}, [{"192.0.2.1": "x"}],
]  # fmt: skip
MEMBERS = ["raw", "ticks", "interface", "lists", "list", "options", "blocks", "digits", "fingerprints", "type", "copy"]


@settings(max_examples=500)
@given(data=st.data(), nonsense=st.one_of(st.sampled_from(NONSENSE), st.integers(), st.text(max_size=9)))
@pytest.mark.parametrize("capture", ["rich.pcap", "edited.pcap"])
def test_nonsense_is_refused_by_name_or_harmless(
    rich: tuple[Path, dict[str, Any]], capture: str, data: st.DataObject, nonsense: Any
) -> None:
    """Replaced, added, left out, or in another order: nothing escapes but what pcapconv says, and what is written is a
    capture."""
    pcap, original = rich
    document = json.loads(json.dumps(original))
    content, fixed = document["content"], ("pcapconv_sidecar", "sha256")
    ways = [path for path in paths_into(original) if path and path[0] not in fixed and path != ("content",)]

    way = data.draw(st.sampled_from(ways))

    def replace() -> None:
        holder_at(document, way)[way[-1]] = nonsense

    def add() -> None:
        entry = data.draw(st.sampled_from(content))
        next(iter(entry.values()))[data.draw(st.sampled_from(MEMBERS))] = nonsense

    def shuffle() -> None:
        again = data.draw(st.lists(st.sampled_from(content), max_size=8))
        document["content"] = [*again, *data.draw(st.permutations(content))]

    def leave_out() -> None:
        del holder_at(document, way)[way[-1]]

    change: Callable[[], None] = data.draw(st.sampled_from([replace, replace, add, leave_out, shuffle]))
    change()
    other = pcap.with_name("nonsense.json")
    other.write_bytes(signed(document))
    target = io.BytesIO()
    try:
        report = pcapconv.convert(pcap.with_name(capture), target, to="pcapng", sidecar_file=str(other))
    except PcapconvError:
        return
    with pcapconv.open(io.BytesIO(target.getvalue()), strict=True) as written:
        assert sum(1 for _ in written) == report.packets_written


@pytest.mark.parametrize(
    ("way", "value", "says"),
    [
        (("captures",), [], "it does not say what it belongs to"),
        (("captures", 0, "bytes"), -1, f"a capture's size is not a whole number from 0 to {2**64 - 1}"),
        (("captures", 0, "name"), 5, "a capture's name and SHA-256 are not text"),
        (("kept", "names"), "many", f"kept: names is not a whole number from 0 to {2**64 - 1}"),
        (("content", 0, "section", "byte_order"), "middle", "a section's byte order is neither little nor big"),
        (("content", 0, "section", "version"), "2.0", "a section's version is not one that pcapconv reads"),
        (("content", 2, "interface", "reserved"), "00", "an interface's reserved bytes has 1 bytes instead of 2"),
        (("content", 4, "packets", "count"), 4, "packets: ticks is not 4 numbers"),
        (("content", 4, "packets", "ticks"), "AAAA", "packets: ticks is not compressed as it should be"),
        (("content", 4, "packets", "interface"), 2, "packets: interface is not a whole number from 0 to 1"),
        (("content", 4, "packets", "interface"), _packed("I", *[9] * 5), "packets of interface 9, but 2 are there"),
        (("content", 4, "packets", "options"), {"6": []}, "packets 1 to 5: 6 is none of them"),
        (("content", 4, "packets", "options"), {"1": [{"x": "y"}]}, "packet 1: x is no option of such a block"),
        (("content", 4, "packets", "blocks"), {"1": {"padding": "0000"}}, "packet 1: padding of 2 bytes behind 3"),
        (("content", 4), {"photo": {}}, "an entry of unknown type: photo"),
        (("content", 4), 5, "an entry is not an object with one member"),
        (("content", 0), {"interface": {"id": 0}}, "an entry comes before the first section"),
    ],
)  # fmt: skip
@pytest.mark.usefixtures("no_thread_is_left")
def test_what_is_said_of_nonsense(
    rich: tuple[Path, dict[str, Any]], way: tuple[Any, ...], value: Any, says: str
) -> None:
    pcap, original = rich
    document = json.loads(json.dumps(original))
    holder_at(document, way)[way[-1]] = value
    other, back = pcap.with_name("nonsense.json"), pcap.with_name("back.pcapng")
    other.write_bytes(signed(document))
    with pytest.raises(SidecarError) as caught:
        pcapconv.convert(pcap, back, sidecar_file=str(other))
    assert str(caught.value).partition(f"{other}: ")[2] == says
    assert not back.exists()


def test_every_cut_and_every_changed_byte_of_a_small_one(tmp_path: Path, pcap: Path) -> None:
    convert_with_sidecar(wire.section_header() + wire.interface() + wire.enhanced_packet(0, 5, b"one"), pcap)
    whole, back = sidecar_beside(pcap).read_bytes(), tmp_path / "b.pcapng"
    changed = [whole[:at] for at in range(len(whole))] + [whole + more for more in (b"x", b"\n", whole)]
    changed += [whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :] for at in range(len(whole))]
    for content in changed:
        sidecar_beside(pcap).write_bytes(content)
        with pytest.raises(SidecarError, match=r"a\.pcap\.meta\.json: "):
            pcapconv.convert(pcap, back, sidecar=True)
        assert not back.exists()
    sidecar_beside(pcap).write_bytes(whole)
    assert restored_pcapng(pcap)[:4] == b"\n\r\r\n"
