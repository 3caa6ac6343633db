"""Decryption secrets, put in and taken out, to the exact bytes."""

from collections.abc import Iterator
from pathlib import Path

import pytest
import wire
from conversions import SAMPLES, after_step, read
from wire import BIG, LITTLE, In

from pcapconv.errors import TargetError, UsageError
from pcapconv.formats.window import LARGEST_RECORD
from pcapconv.model import Block, Item, Section
from pcapconv.steps.secrets import KEY_LOG_TYPES, ExtractSecrets, InjectSecrets, parse_secrets

pytestmark = pytest.mark.usefixtures("kernels")

T = 1_714_564_800_000_000
TLS, SSH, WIREGUARD = wire.TLS_KEY_LOG, wire.SSH_KEY_LOG, wire.WIREGUARD_KEY_LOG
OPC_UA = 0x55414B4C  # Wireshark: wiretap/secrets-types.h
LOG = b"CLIENT_RANDOM 00 01\n"


# ---------------------------------------------------------------- put in


def test_secrets_come_behind_the_first_header(write: In) -> None:
    def capture(*secrets: bytes, section_length: int) -> bytes:
        first = write.section_header(options=write.options((wire.OPT_COMMENT, b"a")), section_length=section_length)
        rest = write.names() + write.interface() + write.secrets(SSH, b"old") + write.enhanced_packet(0, T, b"x")
        return first + b"".join(secrets) + rest + write.section_header(section_length=20) + write.interface()

    size = len(write.names() + write.interface() + write.secrets(SSH, b"old") + write.enhanced_packet(0, T, b"x"))
    new = [(TLS, LOG), (0, b""), (0xFFFFFFFF, b"12345")]
    out, losses = after_step(InjectSecrets(new), capture(section_length=size))
    assert out == capture(*(write.secrets(kind, data) for kind, data in new), section_length=-1)
    assert losses == {}


def test_secrets_have_their_sections_byte_order(write: In) -> None:
    other = In(BIG if write.byte_order == LITTLE else LITTLE)
    capture = write.section_header() + other.section_header()
    out, _ = after_step(InjectSecrets([(TLS, LOG)]), capture)
    assert out == write.section_header() + write.secrets(TLS, LOG) + other.section_header()


def test_the_block_that_is_put_in(write: In) -> None:
    section, block = InjectSecrets([(TLS, b"abc")])(read(write.section_header()))
    assert isinstance(section, Section)
    assert (section.changed, section.raw) == (True, wire.read_blocks(write.section_header())[0].body)
    body = write.number(TLS, 4) + write.number(3, 4) + b"abc\0"
    assert block == Block(wire.DECRYPTION_SECRETS, body, section.byte_order, 0, 0)


def test_no_secrets_change_nothing(write: In) -> None:
    (section,) = InjectSecrets([])(read(write.section_header()))
    assert section == next(read(write.section_header()))


def test_pcap_becomes_pcapng_with_secrets(write: In) -> None:
    capture = write.pcap_header() + write.pcap_record(1, 2, b"abc")
    out, losses = after_step(InjectSecrets([(TLS, LOG)]), capture)
    assert out == (
        write.section_header()
        + write.secrets(TLS, LOG)
        + write.interface(snaplen=65535)
        + write.enhanced_packet(0, 1_000_002, b"abc")
    )
    assert losses == {}


@pytest.mark.parametrize("source", ["pcap", "pcapng"])
def test_pcap_cannot_hold_secrets(write: In, source: str) -> None:
    pcap = write.pcap_header() + write.pcap_record(1, 2, b"abc")
    pcapng = write.section_header() + write.interface(snaplen=65535) + write.enhanced_packet(0, 1_000_002, b"abc")
    out, losses = after_step(InjectSecrets([(TLS, LOG), (SSH, LOG)]), pcap if source == "pcap" else pcapng, "pcap")
    assert (out, losses) == (pcap, {"secrets": 2})


@pytest.mark.parametrize("number", [-1, 2**32])
def test_types_that_no_block_has(number: int) -> None:
    with pytest.raises(UsageError) as caught:
        InjectSecrets([(TLS, b""), (number, b"")])
    assert str(caught.value) == f"inject_secrets={number}: types of secrets are numbers from 0 to 4294967295"


def test_more_than_a_block_holds() -> None:
    class Long(bytes):
        def __len__(self) -> int:
            return LARGEST_RECORD - 19

    with pytest.raises(UsageError) as caught:
        InjectSecrets([(TLS, Long())])
    assert str(caught.value) == "inject_secrets=: secrets of 135266285 bytes; a block holds 135266284"


# ---------------------------------------------------------------- taken out


def test_key_logs_are_found_by_type(write: In) -> None:
    capture = (
        write.section_header()
        + write.secrets(TLS, LOG)
        + write.secrets(SSH, b"ssh")
        + write.interface()
        + write.enhanced_packet(0, T, b"x")
        + write.secrets(TLS, b"more", options=write.options((wire.OPT_COMMENT, b"no log")))
        + write.secrets(wire.ZIGBEE_NWK_KEY, bytes(20))
        + write.section_header()
        + write.secrets(WIREGUARD, b"wg")
        + write.secrets(wire.ZIGBEE_NWK_KEY, bytes(20))
        + write.secrets(7, b"")
    )
    step = ExtractSecrets()
    assert after_step(step, capture) == (capture, {})
    assert step.logs == {TLS: [LOG, b"more"], SSH: [b"ssh"], WIREGUARD: [b"wg"]}
    assert step.other_types == {wire.ZIGBEE_NWK_KEY: 2, 7: 1}


@pytest.mark.parametrize(
    ("length", "found"), [(0, []), (3, [b"abc"]), (4, [b"abc\0"]), (5, []), (2**31, []), (2**32 - 1, [])]
)
def test_lengths_may_lie(write: In, length: int, found: list[bytes]) -> None:
    body = write.number(TLS, 4) + write.number(length, 4) + b"abc\0"
    capture, step = write.section_header() + write.block(wire.DECRYPTION_SECRETS, body), ExtractSecrets()
    assert after_step(step, capture)[0] == capture
    assert step.logs.get(TLS, []) == found  # where nobody knows what the log is, there is none


@pytest.mark.parametrize("size", [0, 4])
def test_blocks_that_are_too_short(write: In, size: int) -> None:
    capture = write.section_header() + write.block(wire.DECRYPTION_SECRETS, write.number(TLS, 4)[:size])
    step = ExtractSecrets()
    assert after_step(step, capture)[0] == capture
    assert (step.logs, step.other_types) == (({}, {}) if size else ({}, {0: 1}))


def endless(kind: int, data: bytes, count: int) -> Iterator[Item]:
    body = kind.to_bytes(4, "little") + len(data).to_bytes(4, "little") + data
    return (Block(wire.DECRYPTION_SECRETS, body, "little", 0, 1000 + number) for number in range(count))


@pytest.mark.parametrize(("size", "fits"), [(2**20 - 64, 32), (2**25 - 64, 1)])
def test_memory_is_bounded(size: int, fits: int) -> None:
    step = ExtractSecrets()
    assert sum(1 for _ in step(endless(TLS, bytes(size), fits))) == fits
    with pytest.raises(TargetError) as caught:
        list(step(endless(SSH, b"x", 1)))
    assert str(caught.value) == "offset 1000: the capture holds more secrets than pcapconv extracts, 32 MiB"


def test_small_logs_are_bounded_too() -> None:
    """Each takes room in a list."""
    step = ExtractSecrets()
    list(step(endless(TLS, bytes(2**25 - 10 * 65 - 64), 1)))
    with pytest.raises(TargetError, match="offset 1010: "):
        list(step(endless(TLS, b"x", 100)))
    assert len(step.logs[TLS]) == 11


def test_as_many_types_as_anybody_wants_to_see() -> None:
    step = ExtractSecrets()
    for kind in range(3000):
        for _ in step(endless(kind % 1500, b"", 1)):
            pass
    assert len(step.other_types) == 1000
    assert set(step.other_types.values()) == {2}


@pytest.mark.parametrize(
    "path", [path for path in SAMPLES if "tls" in path.name or "secrets" in path.name], ids=lambda path: path.name
)
def test_what_was_taken_out_can_be_put_in(path: Path) -> None:
    capture = path.read_bytes()
    first, second = ExtractSecrets(), ExtractSecrets()
    for _ in first(read(capture)):
        pass
    assert first.logs
    entries = [(kind, log) for kind, logs in first.logs.items() for log in logs]
    stripped, _ = after_step(lambda items: (item for item in items if not isinstance(item, Block)), capture)
    out, _ = after_step(InjectSecrets(entries), stripped)
    assert after_step(second, out)[0] == out
    assert second.logs == first.logs


# ---------------------------------------------------------------- what people write


@pytest.mark.parametrize(
    ("text", "parsed"),
    [
        ("tls,keys.log", (TLS, "keys.log")),
        ("SSH,a,b", (SSH, "a,b")),
        ("WireGuard,-", (WIREGUARD, "-")),
        ("0x544c534b,/tmp/x", (TLS, "/tmp/x")),
        ("0X5A4E574B,x", (wire.ZIGBEE_NWK_KEY, "x")),
        ("0,x", (0, "x")),
        ("007,x", (7, "x")),
        ("wg,x", (WIREGUARD, "x")),
        ("WG,x", (WIREGUARD, "x")),
        ("opcua,x", (OPC_UA, "x")),
        ("4294967295, x", (2**32 - 1, " x")),
        ("0xffffffff,x", (2**32 - 1, "x")),
    ],
)
def test_type_and_file(text: str, parsed: tuple[int, str]) -> None:
    assert parse_secrets(text) == parsed


def test_types_are_those_of_the_specification() -> None:
    assert KEY_LOG_TYPES == {"tls": TLS, "ssh": SSH, "wireguard": WIREGUARD, "wg": WIREGUARD, "opcua": OPC_UA}
    numbers = [kind.to_bytes(4, "big") for kind in KEY_LOG_TYPES.values()]
    assert numbers == [b"TLSK", b"SSHK", b"WGKL", b"WGKL", b"UAKL"]


@pytest.mark.parametrize("text", ["", "keys.log", "tls", "tls,", ",", "tls:keys.log"])
def test_what_is_not_type_and_file(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_secrets(text)
    assert str(caught.value) == f"inject_secrets={text!r}: not TYPE,FILE; write tls,keys.log"


@pytest.mark.parametrize(
    "word",
    ["", " tls", "tsl", "-1", "+1", "1.0", "1_0", "0x", "0x1g", "544c534b", "4294967296", "0x100000000", "٣", "9" * 61],
)
def test_what_is_no_type(word: str) -> None:
    with pytest.raises(UsageError) as caught:
        parse_secrets(f"{word},keys.log")
    assert str(caught.value) == (
        f"inject_secrets='{word},keys.log': not a type of secrets; "
        "write tls, ssh, wireguard, wg, opcua or a number from 0 to 0xffffffff before the comma"
    )
