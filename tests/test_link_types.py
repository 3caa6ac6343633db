"""Link types: the registry at tcpdump.org, and the names that libpcap and Wireshark have for them."""

from __future__ import annotations

import ctypes
import ctypes.util
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
import wire

from pcapconv.spec.link_types import link_type_name, link_type_number, names, numbers


@pytest.mark.parametrize(
    ("number", "name"),
    [
        (0, "NULL"),
        (1, "ETHERNET"),
        (101, "RAW"),
        (127, "IEEE802_11_RADIOTAP"),
        (147, "USER0"),
        (162, "USER15"),
        (195, "IEEE802_15_4_WITHFCS"),
        (228, "IPV4"),
        (239, "NFLOG"),
        (249, "USBPCAP"),
        (258, "PKTAP"),
        (272, "NORDIC_BLE"),
        (276, "LINUX_SLL2"),
        (283, "IEEE802_15_4_TAP"),
        (301, "DECT_NR"),
    ],
)
def test_a_number_has_the_registrys_name(number: int, name: str) -> None:
    assert link_type_name(number) == f"{name} ({number})"


@pytest.mark.parametrize("number", [11, 12, 32, 49, 98, 208, 12345, 65535])
def test_a_number_that_the_registry_does_not_have_is_a_number(number: int) -> None:
    assert link_type_name(number) == f"link type {number}"


def test_all_numbers_from_99_on_have_a_name() -> None:
    assert [number for number in range(99, 302) if number not in names()] == [208]  # reserved, and nobody says for what
    assert sorted(number for number in names() if number < 99) == [*range(11), 50, 51]


@pytest.mark.parametrize(
    ("name", "number"),
    [
        ("LINUX_SLL2", 276),
        ("LINKTYPE_LINUX_SLL2", 276),
        ("DLT_LINUX_SLL2", 276),
        ("dlt_en10mb", 1),
        ("Dlt_Raw", 101),  # 12 on Linux, 14 on OpenBSD
        ("DLT_SLIP_BSDOS", 102),  # 13 or 15
        ("DLT_PPP_BSDOS", 103),  # 14 or 16
        ("DLT_ATM_RFC1483", 100),  # 11
        ("DLT_ATM_CLIP", 106),  # 19
        ("DLT_PPP_SERIAL", 50),
        ("DLT_IEEE802", 6),
        ("DLT_IEEE802_11_RADIO", 127),
        ("DLT_IEEE802_11_RADIO_AVS", 163),
        ("DLT_PRISM_HEADER", 119),
        ("DLT_IEEE802_15_4", 195),
        ("DLT_PPP_WITH_DIRECTION", 166),
        ("ppp-with-direction", 204),  # Wireshark's, another one
        ("ether", 1),
        ("ETHER", 1),
        ("rawip", 101),
        ("rawip4", 228),
        ("linux-sll", 113),
        ("linux-sll2", 276),
        ("ieee-802-11", 105),
        ("ieee-802-11-radiotap", 127),
        ("ap1394", 138),
        ("nordic_ble", 272),
        ("wpan-nofcs", 230),
        ("usb-linux-mmap", 220),
        ("usb-usbpcap", 249),
        ("ppp", 9),
        ("tr", 6),
    ],
)
def test_any_programs_name_is_its_number_in_files(name: str, number: int) -> None:
    assert link_type_number(name) == number


@pytest.mark.parametrize("name", ["", "-", "dlt_", "ethernt", "l\u0131nux_sll", "12", "unknown"])
def test_a_name_that_nobody_knows(name: str) -> None:
    assert link_type_number(name) is None


def test_no_name_stands_for_two_numbers() -> None:
    """In any case of its letters."""
    found: dict[str, int] = {}
    for name, number in numbers().items():
        assert found.setdefault(name.lower(), number) == number


def libpcaps_names(folder: Path) -> Iterator[tuple[str, int]]:
    """Each of libpcap's names, and the number that it writes into a file for it."""
    libpcap = ctypes.CDLL(ctypes.util.find_library("pcap") or "libpcap.so.0.8")
    libpcap.pcap_datalink_val_to_name.restype = ctypes.c_char_p
    libpcap.pcap_open_dead.restype = ctypes.c_void_p
    libpcap.pcap_dump_open.restype = ctypes.c_void_p
    libpcap.pcap_dump_open.argtypes = [ctypes.c_void_p, ctypes.c_char_p]
    libpcap.pcap_dump_close.argtypes = [ctypes.c_void_p]
    libpcap.pcap_close.argtypes = [ctypes.c_void_p]
    out = folder / "empty.pcap"
    for value in range(400):
        name = libpcap.pcap_datalink_val_to_name(value)
        if name is None:
            continue
        handle = libpcap.pcap_open_dead(value, 65535)
        dump = libpcap.pcap_dump_open(handle, bytes(out))
        assert dump, name
        libpcap.pcap_dump_close(dump)
        libpcap.pcap_close(handle)
        yield name.decode(), int.from_bytes(out.read_bytes()[20:24], "little")


@pytest.mark.skipif(shutil.which("tcpdump") is None, reason="tcpdump, and libpcap with it, is not installed")
def test_libpcap_has_the_same_names_for_the_same_numbers(tmp_path: Path) -> None:
    known = dict(libpcaps_names(tmp_path))
    assert known["EN10MB"] == 1
    assert len(known) > 140
    assert {name: link_type_number(f"DLT_{name}") for name in known} == known


@pytest.mark.skipif(shutil.which("editcap") is None, reason="editcap is not installed")
@pytest.mark.parametrize(
    "name", ["ether", "rawip", "linux-sll", "ieee-802-11", "ppp", "chdlc", "enc", "tr", "wpan", "ip-ib", "redback"]
)
def test_wireshark_writes_the_same_number_for_its_name(name: str, tmp_path: Path) -> None:
    source, out = tmp_path / "in.pcap", tmp_path / "out.pcap"
    source.write_bytes(wire.pcap_header() + wire.pcap_record(1, 0, bytes(20)))
    subprocess.run(["editcap", "-F", "pcap", "-T", name, str(source), str(out)], check=True, capture_output=True)
    assert link_type_number(name) == int.from_bytes(out.read_bytes()[20:24], "little")
