"""For tests of `normalize`: calling it, captures with all kinds of metadata, and blocks in the normal form."""

import io
from itertools import product
from typing import Any

import pytest
import wire
from equivalent_captures import IGNORED_OPTIONS, UNKNOWN_OPTION, Option, comment
from expected_normal_form import KINDS
from hypothesis import strategies as st
from wire import BIG, LITTLE, In

import pcapconv
from pcapconv import (
    PcapconvError,
    Report,
)
from pcapconv.normalizing import check

T = 1_714_564_800
NS = T * 10**9
PEN = 32473
UNKNOWN_BLOCK, LOCAL_OPTION = 0x80000123, 0x8001
NANO: Option = (wire.IF_TSRESOL, b"\x09")
SHB = wire.section_header()
IDB = wire.interface(options=wire.options(NANO))
ONE = wire.enhanced_packet(0, NS, b"one")


def normalized(capture: bytes, **options: Any) -> bytes:
    """The normal form of a capture."""
    return normalized_with_report(capture, **options)[0]


def normalized_with_report(capture: bytes, **options: Any) -> tuple[bytes, Report]:
    """The normal form of a capture, and the report."""
    target = io.BytesIO()
    report = pcapconv.normalize(io.BytesIO(capture), target, **options)
    return target.getvalue(), report


def reasons_against(capture: bytes, **options: Any) -> list[str]:
    """The reasons why a capture is not in the normal form."""
    return check(io.BytesIO(capture), **options).reasons


def refusal_of(capture: bytes, kind: type[PcapconvError], **options: Any) -> str:
    """The message for a capture that has no normal form. Nothing is written, and `check` gives the same message."""
    target = io.BytesIO()
    with pytest.raises(kind) as caught:
        pcapconv.normalize(io.BytesIO(capture), target, **options)
    with pytest.raises(kind) as again:
        reasons_against(capture, **options)
    assert str(again.value) == str(caught.value)
    return str(caught.value)


def normal_interface(*pairs: Option, link_type: int = 1, snaplen: int = 262144) -> bytes:
    """An interface block in the normal form: these options by code, with if_tsresol among them."""
    listed = sorted([*pairs, NANO], key=lambda pair: pair[0])
    return wire.interface(link_type, snaplen, options=wire.options(*listed))


UNLIKE: list[Option] = [
    (wire.IF_NAME, b"x"),
    (wire.IF_NAME, b""),
    (wire.IF_DESCRIPTION, b"x"),
    (wire.IF_FILTER, b"\0tcp"),
    (wire.IF_FCSLEN, b"\0"),
    comment("x"),
]


def capture_with_time(write: In, resolution: int, offset: int | None, ticks: int) -> bytes:
    pairs = [(wire.IF_TSRESOL, bytes([resolution]))]
    pairs += [] if offset is None else [(wire.IF_TSOFFSET, write.number(offset, 8))]
    interface = write.interface(options=write.options(*pairs))
    return write.section_header() + interface + write.enhanced_packet(0, ticks, b"one")


def normal_packets(*times: tuple[int, int]) -> bytes:
    """The normal form of packets that are given by time and number."""
    return (
        SHB
        + normal_interface((wire.IF_NAME, b"i"))
        + b"".join(wire.enhanced_packet(0, time, bytes([number])) for number, time in times)
    )


def capture_with_all_kinds(write: In) -> bytes:
    """A capture that has metadata of all kinds wherever it may stand."""
    said = [comment("c"), (wire.OPT_CUSTOM_TEXT, write.custom_value(PEN, b"t")), (UNKNOWN_OPTION, b"u")]
    host = [(wire.SHB_HARDWARE, b"hw"), (wire.SHB_OS, b"os"), (wire.SHB_USERAPPL, b"app")]
    return (
        write.section_header(options=write.options(*host, *said))
        + write.interface(options=write.options(*UNLIKE[:1], *IGNORED_OPTIONS[:-2], *said))
        + write.names(wire.ipv4_name("192.0.2.1", "a"), options=write.options(comment("n")))
        + write.secrets(wire.TLS_KEY_LOG, b"key", options=write.options(*said))
        + write.custom(wire.CUSTOM_COPY, PEN, b"body")
        + write.enhanced_packet(0, T * 10**6, b"one", options=write.options(*said))
        + write.custom(wire.CUSTOM_DO_NOT_COPY, PEN, b"other")
        + write.block(UNKNOWN_BLOCK, b"body")
        + write.journal(b"a=b\n")
        + write.enhanced_packet(0, T * 10**6 + 1, b"two")
        + write.statistics(
            0,
            T * 10**6,
            options=write.options(
                comment("s"),
                (wire.ISB_USRDELIV, write.number(5, 8)),
                (wire.ISB_ENDTIME, write.halves(T * 10**6 + 1)),
                (wire.ISB_STARTTIME, write.halves(T * 10**6 - 1)),
                (wire.ISB_IFRECV, write.number(2**64 - 2, 8)),
            ),
        )
    )


def normal_form_with(*kinds: str, shift: int = 0, sort: bool = False) -> bytes:
    """The normal form of `capture_with_all_kinds` with these kinds."""

    def stated(*own: Option) -> bytes:
        said = {
            "comments": comment("c"),
            "custom": (wire.OPT_CUSTOM_TEXT, wire.custom_value(PEN, b"t")),
            "unknown": (UNKNOWN_OPTION, b"u"),
        }
        pairs = [pair for kind, pair in said.items() if kind in kinds]
        return wire.options(*sorted([*pairs, *own], key=lambda pair: pair[0]))

    def only(kind: str, *blocks: bytes) -> bytes:
        return b"".join(blocks) if kind in kinds else b""

    host = [(wire.SHB_HARDWARE, b"hw"), (wire.SHB_OS, b"os"), (wire.SHB_USERAPPL, b"app")]
    of_host = [(wire.IF_OS, b"os"), (wire.IF_HARDWARE, b"card")]
    addresses = [pair for pair in IGNORED_OPTIONS if 4 <= pair[0] <= 7]
    first = wire.enhanced_packet(0, NS + shift, b"one", options=stated())
    second = wire.enhanced_packet(0, NS + shift + 1000, b"two")
    custom = only("custom", wire.custom(wire.CUSTOM_COPY, PEN, b"body"))
    others = only("custom", wire.custom(wire.CUSTOM_DO_NOT_COPY, PEN, b"other"))
    others += only("unknown", wire.block(UNKNOWN_BLOCK, b"body"), wire.journal(b"a=b\n"))
    interface = [(wire.IF_NAME, b"x"), NANO]
    interface += (of_host if "host" in kinds else []) + (addresses if "addresses" in kinds else [])
    note = [comment("n")] if "comments" in kinds else []
    counts = [
        *([comment("s")] if "comments" in kinds else []),
        (wire.ISB_STARTTIME, wire.halves(NS + shift - 1000)),
        (wire.ISB_ENDTIME, wire.halves(NS + shift + 1000)),
        (wire.ISB_IFRECV, wire.number(2**64 - 2, 8)),
        (wire.ISB_USRDELIV, wire.number(5, 8)),
    ]
    return (
        wire.section_header(options=stated(*(host if "host" in kinds else [])))
        + wire.interface(options=stated(*interface))
        + only("names", wire.names(wire.ipv4_name("192.0.2.1", "a"), options=wire.options(*note)))
        + only("secrets", wire.secrets(wire.TLS_KEY_LOG, b"key", options=stated()))
        + (first + second + custom + others if sort else custom + first + others + second)
        + only("statistics", wire.statistics(0, NS + shift, options=wire.options(*counts)))
    )


USUAL = ("comments", "names", "secrets")
PAIRS: st.SearchStrategy[list[Option]] = st.lists(
    st.tuples(
        st.sampled_from([1, 1, *range(1, 19), 999, 2988, 2989, 19372, 19373, 0x8001, 0xFFFF]),
        st.sampled_from([b"", b"\0", b"abc", b"abcd", b"\1\0\0\0", bytes(8)]),
    ),
    max_size=4,
)
TIMING = (wire.IF_TSRESOL, wire.IF_TSOFFSET)
RECORDS = st.lists(
    st.tuples(
        st.sampled_from([1, 1, 1, 2, 3, 4, 9]),
        st.sampled_from([b"\xc0\0\2\1", b"\xc0", bytes(16)]),
        st.sampled_from([b"", b"a\0", b"b\0a\0", b"a\0\0b", b"\xff\0"]),
    ).map(lambda record: (record[0], record[1] + record[2])),
    max_size=4,
)


@st.composite
def captures_rich_in_metadata(draw: st.DrawFn) -> bytes:
    """Captures with much metadata, in sections of either byte order, with any options anywhere."""
    capture = b""
    for _ in range(draw(st.integers(1, 3))):
        write = In(draw(st.sampled_from([LITTLE, BIG])))

        def options(write: In = write, *own: Option, without: tuple[int, ...] = ()) -> bytes:
            pairs = [pair for pair in draw(PAIRS) if pair[0] not in without]
            return write.options(*own, *pairs, end=draw(st.booleans()))

        capture += write.section_header(options=options(), section_length=draw(st.sampled_from([-1, 0])))
        count = draw(st.integers(1, 3))
        for _ in range(count):
            timing: list[Option] = draw(
                st.sampled_from(
                    [
                        [],
                        [NANO],
                        [NANO],
                        [(wire.IF_TSRESOL, b"\x0c")],
                        [(wire.IF_TSRESOL, b"\0"), (wire.IF_TSOFFSET, write.number(-5, 8))],
                        [(wire.IF_TSOFFSET, bytes(4))],
                    ]
                )
            )
            capture += write.interface(
                draw(st.sampled_from([1, 1, 1, 113])),
                draw(st.sampled_from([262144, 262144, 0, 64])),
                reserved=draw(st.sampled_from([0, 9])),
                options=options(write, *timing, without=TIMING),
            )
        for kind in draw(st.lists(st.sampled_from("eeeeeoonnkstcu"), max_size=8)):
            interface_id, ticks = (
                draw(st.integers(0, count - 1)),
                draw(st.sampled_from([0, 1, 10**6, 10**12, 10**12 + 7])),
            )
            if kind == "e":
                capture += write.enhanced_packet(interface_id, ticks, b"data", options=options())
            elif kind == "o":
                capture += write.obsolete_packet(interface_id, ticks, b"data!", drops_count=2, options=options())
            elif kind == "n":
                capture += write.names(*draw(RECORDS), options=options())
            elif kind == "k":
                log = draw(st.sampled_from([b"key", b"keys"]))
                capture += write.secrets(wire.TLS_KEY_LOG, log, options=options())
            elif kind == "s":
                capture += write.simple_packet(b"simple")
            elif kind == "t":
                capture += write.statistics(interface_id, ticks, options=options())
            elif kind == "c":
                capture += write.custom(draw(st.sampled_from([0xBAD, 0x40000BAD])), PEN, b"data", options=options())
            else:
                capture += write.block(draw(st.sampled_from([9, 0xB0B, 0x80000001])), b"body")
    return capture


SWITCHES: dict[str, list[dict[str, Any]]] = {  # one of each
    **{kind: [{"keep": kind}, {"strip": kind}] for kind in KINDS},
    "sort": [{}, {"sort": True}],
    "rebase": [{}, {"rebase_time": "1234567890.5"}],
    "mask": [{}, {"mask_time": True}],
    "loss": [{"on_loss": "ignore"}, {}],
    "to": [{}, {"to": "pcap"}],
}


def combined_arguments(*choices: dict[str, Any]) -> dict[str, Any]:
    options: dict[str, Any] = {"keep": [], "strip": []}
    for choice in choices:
        for name, value in choice.items():
            if name in ("keep", "strip"):
                options[name].append(value)
            else:
                options[name] = value
    return options


ALL_COMBINATIONS = [combined_arguments(*choices) for choices in product(*SWITCHES.values())]
