"""`pcapconv diff` on the command line: its page, its JSON and its exit statuses."""

import json
import subprocess
from pathlib import Path

import wire
from command_line import COMMAND
from comparing import capture, comment_options, packet
from comparing import two_captures as two_captures

from pcapconv import diff


def run_diff(*arguments: str | Path, stdin: bytes = b"") -> "subprocess.CompletedProcess[bytes]":
    return subprocess.run([COMMAND, "diff", *arguments], input=stdin, capture_output=True)


def test_damage_is_counted_and_the_first_places_are_listed(tmp_path: Path) -> None:
    broken = wire.block(6, bytes(8))
    a = tmp_path / "a.pcapng"
    a.write_bytes(capture(packet(1), *[broken] * 1200, packet(2)))
    result = diff(a, a)
    assert [len(places) for places in result.damage] == [1000, 1000]
    assert result.damage_total == (1200, 1200)
    done = run_diff(a, a)
    assert done.returncode == 3
    assert done.stderr.count(b"\n") == 12
    assert b"and 1,195 more like these" in done.stderr


def test_the_page_shows_what_differs(two_captures: tuple[Path, Path]) -> None:
    done = run_diff(*two_captures)
    assert (done.returncode, done.stderr) == (1, b"")
    assert done.stdout.decode().splitlines() == [
        f"A {two_captures[0]}: 10 packets",
        f"B {two_captures[1]}: 9 packets",
        "packets: 1 only in A, 1 changed (bytes 1)",
        "packet 3 only in A: 1970-01-01T00:00:00.003000Z  20:20:20:20:20:33 → 70:61:63:6b:65:74  Ethernet  malformed  "
        "12 bytes",
        "packet 8 (in B 7): bytes",
        "  A 1970-01-01T00:00:00.008000Z  20:20:20:20:20:38 → 70:61:63:6b:65:74  Ethernet  malformed  12 bytes",
        "  B 1970-01-01T00:00:00.008000Z  20:1b:5b:31:6d:38 → 70:61:63:6b:65:74  Ethernet  malformed  12 bytes",
        "  A 0000  70 61 63 6b 65 74 20 20 20 20 20 38              packet     8",
        "  B 0000  70 61 63 6b 65 74 20 1b 5b 31 6d 38              packet .[1m8",
        "                               ^^ ^^ ^^ ^^",
    ]


def test_json_says_the_same(two_captures: tuple[Path, Path]) -> None:
    done = run_diff(*two_captures, "--json")
    assert done.returncode == 1
    ethernet = {"destination": "70:61:63:6b:65:74", "protocol": "Ethernet", "essence": "malformed"}
    nothing_odd = {"damage": [], "damage_total": 0, "warnings": [], "warnings_total": 0, "not_compared": {}}
    assert json.loads(done.stdout) == {
        "schema": {"name": "pcapconv-diff", "version": 1},
        "same": False,
        "a": {"file": str(two_captures[0]), "packets": 10, **nothing_odd},
        "b": {"file": str(two_captures[1]), "packets": 9, **nothing_odd},
        "headers": [],
        "removed": 1,
        "inserted": 0,
        "changed": 1,
        "fields": {"bytes": 1},
        "differences": [
            {
                "kind": "removed",
                "a": 3,
                "b": None,
                "summary": {"a": {"source": "20:20:20:20:20:33", **ethernet}, "b": None},
                "fields": [
                    {"kind": "bytes", "offset": None, "a": {"length": 12, "hex": b"packet     3".hex()}, "b": None},
                    {"kind": "lengths", "a": {"captured": 12, "original": 12}, "b": None},
                    {"kind": "time", "a": "1970-01-01T00:00:00.003000Z", "b": None},
                    {"kind": "interface", "a": {"section": 0, "id": 0}, "b": None},
                    {"kind": "options", "a": [], "b": None},
                ],
            },
            {
                "kind": "changed",
                "a": 8,
                "b": 7,
                "summary": {
                    "a": {"source": "20:20:20:20:20:38", **ethernet},
                    "b": {"source": "20:1b:5b:31:6d:38", **ethernet},
                },
                "fields": [
                    {
                        "kind": "bytes",
                        "offset": 7,
                        "a": {"length": 12, "hex": b"packet     8".hex()},
                        "b": {"length": 12, "hex": b"packet \x1b[1m8".hex()},
                    }
                ],
            },
        ],
    }


def test_exit_statuses(two_captures: tuple[Path, Path], tmp_path: Path) -> None:
    assert run_diff(two_captures[0], two_captures[0]).returncode == 0
    assert run_diff(two_captures[0], "-", stdin=two_captures[0].read_bytes()).stdout == b""
    missing = run_diff(two_captures[0], tmp_path / "none")
    assert (missing.returncode, missing.stderr.decode()) == (
        2,
        f"pcapconv: {tmp_path / 'none'}: cannot open: no such file or directory\n",
    )
    assert run_diff(two_captures[0]).returncode == 2
    cut = tmp_path / "cut.pcapng"
    cut.write_bytes(two_captures[0].read_bytes()[:-5])
    damaged = run_diff(cut, cut)
    assert damaged.returncode == 3
    assert damaged.stderr.count(b"are left out") == 2
    assert run_diff(cut, two_captures[0]).returncode == 1
    assert run_diff(two_captures[0], cut).returncode == 1


def test_trouble_with_stdout_is_status_2(two_captures: tuple[Path, Path]) -> None:
    for both in (two_captures, (two_captures[0], two_captures[0])):
        with Path("/dev/full").open("wb") as full:
            done = subprocess.run([COMMAND, "diff", *both, "--json"], stdout=full, stderr=subprocess.PIPE, timeout=60)
        assert (done.returncode, done.stderr) == (2, b"pcapconv: stdout: cannot write: no space left on device\n")
    closed = f'"{COMMAND}" diff "$1" "$2" >&-'
    done = subprocess.run(["sh", "-c", closed, "sh", *two_captures], stderr=subprocess.PIPE, timeout=60)
    assert (done.returncode, done.stderr) == (2, b"pcapconv: stdout: cannot write: it is closed\n")
    done = run_diff("-", "-", stdin=two_captures[0].read_bytes())
    assert (done.returncode, done.stderr) == (
        2,
        b"pcapconv: both captures are - (stdin), which can be read only once\n",
    )


def test_a_repeated_option_is_shown(tmp_path: Path) -> None:
    a, b = tmp_path / "a.pcapng", tmp_path / "b.pcapng"
    a.write_bytes(capture(packet(1, options=comment_options(b"a"))))
    b.write_bytes(capture(packet(1, options=comment_options(b"a", b"a"))))
    assert run_diff(a, b).stdout.decode().splitlines()[3:] == [
        "packet 1: options",
        "  1970-01-01T00:00:00.001000Z  20:20:20:20:20:31 → 70:61:63:6b:65:74  Ethernet  malformed  12 bytes",
        "  only in B: opt_comment a",
    ]


def test_a_packet_that_was_cut_is_shown_with_its_lengths(tmp_path: Path) -> None:
    a, b = tmp_path / "a.pcapng", tmp_path / "b.pcapng"
    a.write_bytes(capture(packet(1)))
    b.write_bytes(capture(wire.enhanced_packet(0, 1000, b"packet", original_length=12)))
    assert run_diff(a, b).stdout.decode().splitlines()[2:] == [
        "packets: 1 changed (bytes 1)",
        "packet 1: bytes",
        "  A 1970-01-01T00:00:00.001000Z  20:20:20:20:20:31 → 70:61:63:6b:65:74  Ethernet  malformed  12 bytes",
        "  B 1970-01-01T00:00:00.001000Z  - → 70:61:63:6b:65:74                  Ethernet  cut off    6 of 12 bytes",
        "  A 0000  70 61 63 6b 65 74 20 20 20 20 20 31              packet     1",
        "  B 0000  70 61 63 6b 65 74                                packet",
        "                            ^^ ^^ ^^ ^^ ^^ ^^",
    ]
