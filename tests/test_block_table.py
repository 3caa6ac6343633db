"""What each block and each option is: the same for losses, strip, the normal form, the sidecar and info; and under the
names and types that python-pcapng gives them."""

import io
import json
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest
import wire
from pcapng.blocks import KNOWN_BLOCKS

import pcapconv
from pcapconv.describing import info
from pcapconv.spec import bodies, option_lists, pcapng
from pcapconv.steps.strip import STRIP_KINDS

T = 1_714_564_800_000_000
PROCESS = 0x80000001
# Block type: its body; its name for info; its loss; the kind under which --strip leaves it out, and the one under which
# the normal form keeps it; its entry in a sidecar.
BLOCKS: dict[int, tuple[bytes, str, str, str, str, str]] = {
    wire.NAME_RESOLUTION: (
        wire.names(wire.ipv4_name("192.0.2.1", "a")), "Name Resolution", "names", "names", "names", "names",
    ),
    wire.INTERFACE_STATISTICS: (
        wire.statistics(0, T), "Interface Statistics", "statistics", "statistics", "statistics", "statistics",
    ),
    wire.DECRYPTION_SECRETS: (
        wire.secrets(wire.TLS_KEY_LOG, b"abc"), "Decryption Secrets", "secrets", "secrets", "secrets", "secrets",
    ),
    wire.CUSTOM_COPY: (wire.custom(wire.CUSTOM_COPY, 1), "Custom", "custom-blocks", "custom", "custom", "custom"),
    wire.CUSTOM_DO_NOT_COPY: (
        wire.custom(wire.CUSTOM_DO_NOT_COPY, 1), "Custom (do not copy)", "custom-blocks", "custom", "custom", "custom",
    ),
    wire.SYSTEMD_JOURNAL: (
        wire.journal(b"A=1\n"), "systemd Journal Export", "journal-entries", "unknown", "unknown", "block",
    ),
    **{
        block_type: (
            wire.block(block_type, b"abcd"), f"0x{block_type:08x}", "unknown-blocks", "unknown", "unknown", "block",
        )
        for block_type in (7, 8, 0x204, 0x216, 0x221, 0x7777, PROCESS, 0x80000002)
    },
}  # fmt: skip

ALWAYS, NEVER = "always", "never"
# Block type: code → the kind under which --strip leaves it out, and the one under which the normal form keeps it.
Facts = dict[int, tuple[str | None, str]]
ANY: Facts = {1: ("comments", "comments"), **dict.fromkeys((2988, 2989, 19372, 19373), ("custom", "custom"))}
UNKNOWN = ("unknown", "unknown")
SECTION: Facts = {**ANY, **dict.fromkeys((2, 3, 4), ("host", "host")), **dict.fromkeys((5, 21, 40000), UNKNOWN)}
INTERFACE: Facts = {
    **ANY,
    **dict.fromkeys((2, 3, 11), (None, ALWAYS)),
    **dict.fromkeys((4, 5, 6, 7), ("addresses", "addresses")),
    **dict.fromkeys((8, 10, 14, 16, 17, 18), (None, NEVER)),
    **dict.fromkeys((9, 13), (None, ALWAYS)),
    **dict.fromkeys((12, 15), ("host", "host")),
    **dict.fromkeys((19, 20, 40000), UNKNOWN),
}
PACKET: Facts = {
    **ANY,
    2: (None, ALWAYS),
    **dict.fromkeys(range(3, 9), (None, NEVER)),
    **dict.fromkeys((21, 32768, 40000), UNKNOWN),
}
OBSOLETE: Facts = {**PACKET, **dict.fromkeys(range(4, 9), ("unknown", NEVER))}
LISTS: dict[int, tuple[str, Facts]] = {
    wire.SECTION_HEADER: ("section-options", SECTION),
    wire.INTERFACE_DESCRIPTION: ("interface-options", INTERFACE),
    wire.ENHANCED_PACKET: ("packet-options", PACKET),
    wire.OBSOLETE_PACKET: ("packet-options", OBSOLETE),
}
EACH_OPTION = [(block, code) for block, (_, facts) in LISTS.items() for code in facts]
# The same of options in blocks of metadata: how a block is built around them, its kind, what each of them counts as for
# losses (if it counts beside its block), and the facts of an option while its block stays.
IN_NAMES: Facts = {
    1: ("comments", "comments"),
    **dict.fromkeys((2, 3, 4), (None, NEVER)),
    **dict.fromkeys((2988, 2989, 19372, 19373), ("custom", NEVER)),
    **dict.fromkeys((5, 21, 40000), ("unknown", NEVER)),
}
IN_STATISTICS: Facts = {
    1: ("comments", "comments"),
    **dict.fromkeys(range(2, 9), (None, ALWAYS)),
    **dict.fromkeys((2988, 2989, 19372, 19373), ("custom", NEVER)),
    **dict.fromkeys((9, 21, 40000), ("unknown", NEVER)),
}
IN_SECRETS: Facts = {**ANY, **dict.fromkeys((2, 21, 40000), UNKNOWN)}
IN_PROCESSES: Facts = {  # of which --strip takes whole blocks, as of all that it does not know
    1: (None, "comments"),
    **dict.fromkeys((2, 3, 4, 5, 21, 40000), (None, ALWAYS)),
    **dict.fromkeys((2988, 2989, 19372, 19373), (None, "custom")),
}
INNER_LISTS: dict[int, tuple[Callable[[bytes], bytes], str, str, Facts]] = {
    wire.NAME_RESOLUTION: (
        lambda options: wire.names(wire.ipv4_name("192.0.2.1", "a"), options=options), "names", "names", IN_NAMES,
    ),
    wire.INTERFACE_STATISTICS: (
        lambda options: wire.statistics(0, T, options=options), "statistics", "", IN_STATISTICS,
    ),
    wire.DECRYPTION_SECRETS: (
        lambda options: wire.secrets(wire.TLS_KEY_LOG, b"abc", options=options), "secrets", "", IN_SECRETS,
    ),
    PROCESS: (lambda options: wire.block(PROCESS, wire.number(1, 4) + options), "unknown", "", IN_PROCESSES),
}  # fmt: skip
EACH_INNER_OPTION = [(block, code) for block, (*_, facts) in INNER_LISTS.items() for code in facts]
KIND_OF_LOSS = {
    "names": "names",
    "statistics": "statistics",
    "secrets": "secrets",
    "custom-blocks": "custom",
    "journal-entries": "unknown",
    "unknown-blocks": "unknown",
}
VALUES = {(1, 9): b"\6", (1, 13): b"\x10", (1, 14): bytes(8)}  # which pcap has a place for


def capture(extra: bytes = b"", **stated: bytes) -> bytes:
    """A section, an interface, a packet, one obsolete packet and this block, with these option lists."""
    return (
        wire.section_header(options=stated.get("section", b""))
        + wire.interface(options=stated.get("interface", b""))
        + wire.enhanced_packet(0, T, b"abcd", options=stated.get("packet", b""))
        + wire.obsolete_packet(0, T, b"abcd", options=stated.get("obsolete", b""))
        + extra
    )


def with_option(block: int, code: int) -> bytes:
    name = dict(zip(LISTS, ("section", "interface", "packet", "obsolete")))[block]
    value = VALUES.get((block, code), wire.number(1, 4))
    return capture(**{name: wire.options((code, value))})


def stripped(data: bytes, *kinds: str) -> bytes:
    target = io.BytesIO()
    pcapconv.convert(io.BytesIO(data), target, to="pcapng", strip=kinds)
    return target.getvalue()


def normal_form_with(data: bytes, *kinds: str) -> bytes:
    """The normal form with these kinds, and no others."""
    target = io.BytesIO()
    others = [kind for kind in STRIP_KINDS if kind not in kinds]
    pcapconv.normalize(io.BytesIO(data), target, to="pcapng", keep=list(kinds), strip=others, on_loss="ignore")
    return target.getvalue()


def losses_in_pcap(data: bytes) -> dict[str, int]:
    return dict(pcapconv.convert(io.BytesIO(data), io.BytesIO(), to="pcap").losses)


def block_types(data: bytes) -> list[int]:
    return [block.block_type for block in wire.read_blocks(data)]


def option_codes(data: bytes) -> list[int]:
    """The options of the section, the interfaces and the packets."""
    lists = [block.body[16:] for block in wire.read_blocks(data) if block.block_type == wire.SECTION_HEADER]
    lists += [interface.options for interface in wire.read_interfaces(data)]
    lists += [packet.options for packet in wire.read_pcapng(data)]
    return [code for raw in lists for code, _ in wire.read_options(raw)]


def inner_codes(data: bytes, block_type: int) -> list[int]:
    """The options of the blocks of a type, which hold metadata."""
    bodies_of_type = [block.body for block in wire.read_blocks(data) if block.block_type == block_type]
    begin = {wire.NAME_RESOLUTION: 16, wire.INTERFACE_STATISTICS: 12, wire.DECRYPTION_SECRETS: 12, PROCESS: 4}[
        block_type
    ]
    return [code for body in bodies_of_type for code, _ in wire.read_options(body[begin:])]


def test_every_block_and_every_option_of_the_table_is_tried_here() -> None:
    """A row that is added to the table needs its facts above."""
    assert pcapng.BLOCKS.keys() - BLOCKS.keys() == LISTS.keys() | {wire.SIMPLE_PACKET}
    assert {code for code, row in pcapng.BLOCKS.items() if row.own_options} <= LISTS.keys() | INNER_LISTS.keys()
    tried = {
        **{block: facts for block, (_, facts) in LISTS.items()},
        **{b: facts for b, (*_, facts) in INNER_LISTS.items()},
    }
    for block, facts in tried.items():
        assert pcapng.option_types(block).keys() - facts.keys() == set()


@pytest.mark.parametrize("block_type", BLOCKS)
def test_a_block_is_of_one_kind(block_type: int) -> None:
    """What it counts as for losses, and the kinds under which --strip removes and the normal form keeps it, agree."""
    _, _, loss, strip, kept, _ = BLOCKS[block_type]
    assert kept == KIND_OF_LOSS[loss]
    assert strip == kept
    assert (pcapng.block_type(block_type).loss, pcapng.block_type(block_type).kind) == (loss, kept)


@pytest.mark.parametrize("block_type", BLOCKS)
def test_a_block_is_the_same_for_all(tmp_path: Path, block_type: int) -> None:
    block, name, loss, strip, kept, entry = BLOCKS[block_type]
    data = capture(block)
    assert losses_in_pcap(data) == {loss: 1}
    assert [kind for kind in STRIP_KINDS if block_type not in block_types(stripped(data, kind))] == [strip]
    assert [kind for kind in STRIP_KINDS if block_type in block_types(normal_form_with(data, kind))] == [kept]
    assert info(io.BytesIO(data)).blocks[name] == 1
    pcapconv.convert(io.BytesIO(data), tmp_path / "a.pcap", sidecar=True, sidecar_secrets=True)
    document = json.loads((tmp_path / "a.pcap.meta.json").read_bytes())
    assert document["kept"] == {loss: 1}
    entries = [name for each in document["content"] for name in each]
    assert [each for each in entries if each not in ("section", "interface", "packets")] == [entry]


@pytest.mark.parametrize(("block", "code"), EACH_OPTION)
def test_an_option_is_the_same_for_all(block: int, code: int) -> None:
    loss, facts = LISTS[block]
    strip, kept = facts[code]
    data = with_option(block, code)
    expected = {"comments": 1} if code == 1 else {} if (block, code) in VALUES else {loss: 1}
    assert losses_in_pcap(data) == expected
    assert [kind for kind in STRIP_KINDS if code not in option_codes(stripped(data, kind))] == (
        [strip] if strip else []
    )
    assert [kind for kind in STRIP_KINDS if code in option_codes(normal_form_with(data, kind))] == {
        ALWAYS: list(STRIP_KINDS),
        NEVER: [],
    }.get(kept, [kept])


@pytest.mark.parametrize(("block", "code"), EACH_INNER_OPTION)
def test_an_option_of_a_metadata_block_is_the_same_for_all(tmp_path: Path, block: int, code: int) -> None:
    build, block_kind, loss, facts = INNER_LISTS[block]
    strip, kept = facts[code]
    size = 8 if block == wire.INTERFACE_STATISTICS and code != 1 else 4
    bare, data = capture(build(b"")), capture(build(wire.options((code, wire.number(1, size)))))
    counted = Counter(losses_in_pcap(bare))
    counted.update(["comments"] if code == 1 and block != PROCESS else [loss] if loss else [])
    assert losses_in_pcap(data) == counted
    pcapconv.convert(io.BytesIO(data), tmp_path / "a.pcap", sidecar=True, sidecar_secrets=True)
    assert json.loads((tmp_path / "a.pcap.meta.json").read_bytes())["kept"] == counted
    taken_by = [kind for kind in STRIP_KINDS if code not in inner_codes(stripped(data, kind), block)]
    assert set(taken_by) == {block_kind, strip} - {None}
    kept_by = [kind for kind in STRIP_KINDS if code in inner_codes(normal_form_with(data, block_kind, kind), block)]
    assert kept_by == {ALWAYS: list(STRIP_KINDS), NEVER: []}.get(kept, [kept])


def test_a_name_for_info_is_no_place_in_the_specification(monkeypatch: pytest.MonkeyPatch) -> None:
    named = pcapng.BlockType(PROCESS, "Process", explains=True, specified=False)
    monkeypatch.setitem(pcapng.BLOCKS, PROCESS, named)
    data = capture(wire.block(PROCESS, b"abcd"))
    assert info(io.BytesIO(data)).blocks["Process"] == 1
    assert PROCESS not in block_types(stripped(data, "unknown"))


NEWER = {(1, 18), (6, 8)}  # than python-pcapng's schemas
SCHEMAS = {
    (block_type, schema.code): schema
    for block_type, block in KNOWN_BLOCKS.items()
    for name, field, *_ in block.schema
    if name == "options"
    for schema in field.options_schema
}


def test_names_and_types_are_those_of_python_pcapng() -> None:
    holds = {"string": option_lists.TEXT, "epb_flags": "u32", **{number: number for number in option_lists.NUMBERS}}
    times = {(wire.INTERFACE_STATISTICS, 2), (wire.INTERFACE_STATISTICS, 3)}  # where it says u64
    special = {"if_tsresol": "u8", "if_filter": option_lists.FILTER}
    own = {
        (block.code, row.code): (row.name, row.value_type)
        for block in pcapng.BLOCKS.values()
        for row in block.own_options
        if row.specified
    }
    assert {key: own[key] for key in own.keys() - NEWER} == {
        key: (
            schema.name,
            option_lists.TIME if key in times else special.get(schema.name, holds.get(schema.ftype, "")),
        )
        for key, schema in SCHEMAS.items()
    }
    assert own.keys() >= NEWER


def test_no_code_stands_twice() -> None:
    for block in pcapng.BLOCKS.values():
        own = [row.code for row in block.own_options]
        assert sorted({*own, *pcapng.OPTIONS_OF_ANY}) == sorted([*own, *pcapng.OPTIONS_OF_ANY])


def test_python_pcapng_is_imported_where_it_decodes_a_value_and_nowhere_else(tmp_path: Path) -> None:
    (tmp_path / "a.pcapng").write_bytes(with_option(wire.INTERFACE_DESCRIPTION, wire.IF_NAME))
    code = (
        "import sys, pcapconv\n"
        "from pcapconv.describing import info\n"
        "pcapconv.convert('a.pcapng', 'a.pcap', sidecar=True)\n"
        "pcapconv.convert('a.pcapng', 'b.pcapng', strip=['unknown'])\n"
        "info('a.pcapng')\n"
        "assert 'pcapng' not in sys.modules\n"
        "pcapconv.spec.readable_options._schemas(1)\n"
        "assert 'pcapng' in sys.modules\n"
    )
    subprocess.run([sys.executable, "-P", "-c", code], check=True, cwd=tmp_path, timeout=60)


def test_statistics_without_a_whole_interface_id_stay_as_they_are() -> None:
    whole = (7).to_bytes(4, "big") + b"rest"
    assert bodies.statistics_for_interface(9, whole, "big") == (9).to_bytes(4, "big") + b"rest"
    for body in (b"", b"\1", b"\1\2\3"):
        assert bodies.statistics_for_interface(9, body, "big") == body
