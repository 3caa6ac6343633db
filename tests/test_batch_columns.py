"""The columns of a batch from Python, as long as the batch and without a copy; options of items by name."""

import io
import pickle

import pytest
import wire
from wire import In

import pcapconv
from pcapconv.model import Block, PacketBatch

T = 1_714_564_800
CAPTURE = (
    wire.section_header()
    + wire.interface()
    + wire.interface(options=wire.options((wire.IF_TSRESOL, b"\x09")))
    + wire.enhanced_packet(0, T * 10**6, b"one")
    + wire.enhanced_packet(1, T * 10**9 + 7, b"three", original_length=9)
    + wire.simple_packet(b"none")
)
NAMES = (
    "ticks",
    "time_ns",
    "has_time",
    "captured_length",
    "original_length",
    "interface_id",
    "data_at",
    "packet_numbers",
)


def one_batch(capture: bytes = CAPTURE, **arguments: bool) -> PacketBatch:
    (batch,) = pcapconv.open(io.BytesIO(capture)).batches(**arguments)
    return batch


def test_the_values_of_columns() -> None:
    batch = one_batch()
    assert {name: list(getattr(batch, name)) for name in NAMES if name != "data_at"} == {
        "ticks": [T * 10**6, T * 10**9 + 7, 0],
        "time_ns": [T * 10**9, T * 10**9 + 7, 0],
        "has_time": [True, True, False],
        "captured_length": [3, 5, 4],
        "original_length": [3, 9, 4],
        "interface_id": [0, 1, 0],
        "packet_numbers": [1, 2, 3],
    }
    assert [batch.data(row) for row in range(3)] == [b"one", b"three", b"none"]
    starts = zip(batch.data_at, batch.captured_length)
    assert [bytes(batch.buffer[at : at + length]) for at, length in starts] == [b"one", b"three", b"none"]


@pytest.mark.parametrize("reuse", [False, True])
@pytest.mark.parametrize("name", NAMES)
def test_columns_are_as_long_as_the_batch(name: str, reuse: bool) -> None:
    """Also while a reader's columns are longer."""
    batch = next(iter(pcapconv.open(io.BytesIO(CAPTURE)).batches(reuse=reuse)))
    column = getattr(batch, name)
    assert (len(column), column.readonly, column.contiguous) == (3, True, True)
    assert len(getattr(batch.slice(1, 1), name)) == 0
    assert list(getattr(batch.slice(1, 3), name)) == list(column)[1:]


@pytest.mark.parametrize("row", [-1, 3])
def test_data_of_a_row_that_is_not_there(row: int) -> None:
    with pytest.raises(IndexError, match=f"^row {row} of a batch of 3$"):
        one_batch().data(row)


def test_a_column_of_unknown_times_is_refused() -> None:
    odd = wire.interface(options=wire.options((wire.IF_TSRESOL, b"two")))
    capture = wire.section_header() + wire.interface() + odd
    capture += wire.enhanced_packet(0, 1, b"") + wire.enhanced_packet(1, 2, b"")
    batch = one_batch(capture)
    with pytest.raises(pcapconv.FormatError, match=r"^packet 2: the times of interface 1 .* cannot be determined"):
        batch.time_ns  # noqa: B018
    assert list(batch.ticks) == [1, 2]


def test_a_time_beyond_int64_is_refused() -> None:
    capture = wire.section_header() + wire.interface() + wire.enhanced_packet(0, 2**63, b"")
    with pytest.raises(pcapconv.FormatError) as refused:
        one_batch(capture).time_ns  # noqa: B018
    assert str(refused.value) == f"packet 1: its time, {2**63 * 1000} ns since 1970, does not fit into 64 bits"


def test_numpy_takes_columns_without_a_copy() -> None:
    numpy = pytest.importorskip("numpy")
    batch = one_batch()
    types = {"ticks": "uint64", "time_ns": "int64", "has_time": "bool", "captured_length": "uint32"}
    types |= {"original_length": "uint32", "interface_id": "uint32", "data_at": "int64", "packet_numbers": "uint64"}
    for name in NAMES:
        column = getattr(batch, name)
        taken = numpy.asarray(column)
        assert (str(taken.dtype), taken.tolist()) == (types[name], column.tolist())
        assert taken.base is not None
        assert not taken.flags.owndata
    ticks = batch.columns.ticks
    assert numpy.asarray(batch.ticks).ctypes.data == ticks.buffer_info()[0]
    assert numpy.asarray(batch.time_ns).view("datetime64[ns]")[1].item() == T * 10**9 + 7


def test_pandas_and_arrow_take_columns() -> None:
    pandas, arrow = pytest.importorskip("pandas"), pytest.importorskip("pyarrow")
    batch = one_batch()
    assert pandas.Series(batch.captured_length).tolist() == [3, 5, 4]
    buffer = arrow.py_buffer(batch.ticks)
    assert arrow.Array.from_buffers(arrow.uint64(), 3, [None, buffer]).to_pylist() == [T * 10**6, T * 10**9 + 7, 0]
    assert buffer.address == batch.columns.ticks.buffer_info()[0]


# ---------------------------------------------------------------- options by name


def test_interfaces_and_sections_give_options_by_name(write: In) -> None:
    described = write.options(
        (wire.IF_NAME, b"eth0\0x"),
        (wire.IF_DESCRIPTION, b"uplink"),
        (wire.IF_IPV4ADDR, bytes([192, 0, 2, 1, 255, 255, 255, 0])),
        (wire.IF_IPV4ADDR, bytes([192, 0, 2, 2, 255, 255, 255, 0])),
        (wire.IF_SPEED, write.number(10**9, 8)),
        (wire.IF_TSRESOL, b"\x09"),
        (4711, b"odd"),
        (wire.OPT_COMMENT, b"c"),
    )
    capture = pcapconv.open(
        io.BytesIO(
            write.section_header(options=write.options((wire.SHB_OS, b"Linux"), (wire.OPT_COMMENT, b"s")))
            + write.interface(options=described)
            + write.interface(4711)
        )
    )
    section, eth0, unnamed = capture.items()
    assert isinstance(section, pcapconv.Section)
    assert isinstance(eth0, pcapconv.Interface)
    assert isinstance(unnamed, pcapconv.Interface)
    assert (dict(section.options), section.comments) == ({"shb_os": "Linux", "opt_comment": "s"}, ["s"])
    assert (eth0.name, eth0.description, eth0.link_type_name, eth0.comments) == (
        "eth0",
        "uplink",
        "ETHERNET (1)",
        ["c"],
    )
    assert dict(eth0.options) == {
        "if_name": "eth0",
        "if_description": "uplink",
        "if_IPv4addr": "192.0.2.1/255.255.255.0",
        "if_speed": 10**9,
        "if_tsresol": "10^-9",
        "option 4711": b"odd",
        "opt_comment": "c",
    }
    assert (len(eth0.options), "if_speed" in eth0.options, eth0.options.get("if_os")) == (7, True, None)
    assert eth0.options.get_all("if_IPv4addr") == ["192.0.2.1/255.255.255.0", "192.0.2.2/255.255.255.0"]
    assert [name for name, _ in eth0.options.pairs()].count("if_IPv4addr") == 2
    assert (unnamed.name, unnamed.description, unnamed.link_type_name) == (None, None, "link type 4711")
    assert (dict(unnamed.options), repr(unnamed.options)) == ({}, "<Options: none>")
    assert repr(section.options) == "<Options: shb_os='Linux', opt_comment='s'>"
    with pytest.raises(KeyError, match="if_os"):
        eth0.options["if_os"]


def test_blocks_give_options_by_name(write: In) -> None:
    counts = write.options((wire.ISB_IFRECV, write.number(9, 8)), (wire.OPT_COMMENT, b"at the end"))
    capture = (
        write.section_header()
        + write.interface()
        + write.interface()
        + write.names((1, bytes([192, 0, 2, 1]) + b"router\0"), options=write.options((2, b"resolver")))
        + write.secrets(0x544C534B, b"odd", options=write.options((wire.OPT_COMMENT, b"key log")))
        + write.statistics(1, 0, options=counts)
        + write.block(0x7777, b"unknown!")
    )
    blocks = [item for item in pcapconv.open(io.BytesIO(capture)).items() if isinstance(item, Block)]
    assert [(block.kind, block.interface_id, dict(block.options)) for block in blocks] == [
        ("names", None, {"ns_dnsname": "resolver"}),
        ("secrets", None, {"opt_comment": "key log"}),
        ("statistics", 1, {"isb_ifrecv": 9, "opt_comment": "at the end"}),
        ("unknown", None, {}),
    ]


@pytest.mark.parametrize("size", range(16))
def test_the_options_of_a_short_block_are_empty(size: int) -> None:
    for kind in (4, 5, 10, 0x0BAD, 0x7777):
        block = Block(kind, bytes(size), "little", 0, 0)
        assert dict(block.options) == {}
        assert block.interface_id == (0 if kind == 5 and size >= 4 else None)


def test_options_that_cannot_be_read_are_no_error(write: In) -> None:
    overrun = write.option(wire.IF_NAME, b"\xff\x1b") + write.option(wire.IF_SPEED, b"x", length=9000)
    _, interface, _ = pcapconv.open(io.BytesIO(write.section_header() + write.interface(options=overrun))).items()
    assert isinstance(interface, pcapconv.Interface)
    assert (interface.name, dict(interface.options)) == ("\\xff\x1b", {"if_name": "\\xff\x1b"})


# ---------------------------------------------------------------- what a capture has met so far


def test_a_capture_gives_what_it_has_met(write: In) -> None:
    capture = pcapconv.open(
        io.BytesIO(
            write.section_header()
            + write.interface(options=write.options((wire.IF_NAME, b"eth0")))
            + write.enhanced_packet(0, 1, b"one")
            + write.names(wire.ipv4_name("192.0.2.1", "router", "gw"), wire.ipv6_name("2001:db8::1", "six"), (99, b"x"))
            + write.secrets(wire.TLS_KEY_LOG, b"CLIENT_RANDOM")
            + write.interface(101)
            + write.enhanced_packet(1, 2, b"two")
            + write.names(wire.ipv4_name("192.0.2.1", "gw", "later"))
            + write.secrets(0x5A4E574B, b"zigbee")
        )
    )
    assert (capture.interfaces, capture.names, capture.secrets) == ([], {}, [])
    packets = iter(capture)
    first = next(packets)
    assert (capture.interfaces, capture.names) == ([first.interface], {})
    second = next(packets)
    assert capture.interfaces == [first.interface, second.interface]
    assert capture.names == {"192.0.2.1": ["router", "gw"], "2001:db8::1": ["six"]}
    assert capture.secrets == [("tls", b"CLIENT_RANDOM")]
    assert list(packets) == []
    assert capture.names["192.0.2.1"] == ["router", "gw", "later"]
    assert capture.secrets == [("tls", b"CLIENT_RANDOM"), ("0x5a4e574b", b"zigbee")]
    assert repr(capture.secrets) == "[<Secrets tls, 13 bytes>, <Secrets 0x5a4e574b, 6 bytes>]"  # not what they are


def test_a_pcap_file_has_one_interface() -> None:
    with pcapconv.open(io.BytesIO(wire.pcap_header() + wire.pcap_record(T, 5, b"four"))) as capture:
        (packet,) = capture
        assert capture.interfaces == [packet.interface]
        assert (capture.names, capture.secrets) == ({}, [])


def test_metadata_without_end_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    """Who asks for it gets an error, not a part of it; packets are read on."""
    monkeypatch.setattr("pcapconv.capture_metadata._MOST_BYTES", 3 * 2**20)
    names = wire.names(wire.ipv4_name("192.0.2.1", "n" * 60_000))
    capture = pcapconv.open(
        io.BytesIO(
            wire.section_header()
            + wire.interface()
            + names * 60
            + wire.secrets(wire.TLS_KEY_LOG, bytes(2**22))
            + wire.enhanced_packet(0, 1, b"one")
        )
    )
    assert [packet.data for packet in capture] == [b"one"]
    assert len(capture.interfaces) == 1
    with pytest.raises(
        pcapconv.FormatError, match=r"^the capture has more than 3 MiB of names; read them with items\(\)$"
    ):
        capture.names  # noqa: B018
    with pytest.raises(pcapconv.FormatError, match="more than 3 MiB of secrets"):
        capture.secrets  # noqa: B018


# ---------------------------------------------------------------- batches for other processes

EACH_FORMAT = {"pcapng": CAPTURE, "pcap": wire.pcap_header() + wire.pcap_record(T, 5, b"four") * 2}


@pytest.mark.parametrize("capture", EACH_FORMAT.values(), ids=EACH_FORMAT)
@pytest.mark.parametrize("reuse", [False, True])
def test_batches_are_pickled(capture: bytes, reuse: bool) -> None:
    batch = next(iter(pcapconv.open(io.BytesIO(capture)).batches(reuse=reuse)))
    again = pickle.loads(pickle.dumps(batch))
    assert list(again) == list(batch)
    assert list(again.slice(1, 2)) == list(batch)[1:2]
    assert (again.format_only, list(again.time_ns)) == (batch.format_only, list(batch.time_ns))
    assert list(again.copy()) == list(batch)


def test_a_batch_with_gaps_is_pickled() -> None:
    batch = one_batch()
    batch.numbers = [3, 5, 9]
    assert [packet.number for packet in pickle.loads(pickle.dumps(batch))] == [3, 5, 9]


def test_counts_of_what_other_formats_cannot_hold_are_not_lost_by_pickling() -> None:
    batch = one_batch()
    batch.format_only = {"drops": 2}
    again = pickle.loads(pickle.dumps(batch))
    assert (again.format_only, again.slice(0, 1).format_only) == ({"drops": 2}, {"drops": 2})
