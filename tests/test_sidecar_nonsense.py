"""Sidecars that are signed but make no sense, and those that were cut or changed: refused by name, or harmless."""

import base64
import hashlib
import io
import json
import zlib
from array import array
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import wire
from hypothesis import given, settings
from hypothesis import strategies as st
from sidecars import convert_with_sidecar, restored_pcapng, sidecar_beside
from sidecars import pcap as pcap
from sidecars import shared_pcap as shared_pcap
from wire import BIG

import pcapconv
from pcapconv import PcapconvError, SidecarError

pytestmark = pytest.mark.usefixtures("kernels")


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
