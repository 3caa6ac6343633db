"""Commands on systems that lack names that Linux has: they do the same without them."""

import gzip
import subprocess
import sys
from pathlib import Path

import pytest
from folders import files_in, write_tree

import pcapconv

TESTS = Path(__file__).parent
WEB, PLAIN = TESTS / "samples" / "web.pcapng", TESTS / "samples" / "web.pcap"
SYSTEMS = ["windows", "macos"]
COMMANDS = {
    "--version": [],
    f"info {WEB} --conversations": [],
    f"show {WEB}": [],
    f"diff {WEB} {PLAIN}": [],
    f"convert {WEB} out.pcap --sidecar": ["out.pcap", "out.pcap.meta.json"],
    f"convert {PLAIN} out.pcapng.gz --filter tcp --sort": ["out.pcapng.gz"],
    f"convert {WEB} - --to pcapng": [],
    f"split {WEB} {{index}}.pcap --max-packets 20": ["00001.pcap", "00002.pcap"],
    f"split {WEB} {{flow}}.pcap --by flow": ["tcp-127.0.0.1.36328-127.0.0.1.80.pcap"],
    f"merge {WEB} {PLAIN} out.pcapng": ["out.pcapng"],
    f"normalize {WEB} out.pcapng": ["out.pcapng"],
    f"table {PLAIN} out.parquet": ["out.parquet"],
    f"batch {WEB.parent} out --include web.pcapng --to pcapng --jobs 1 --quiet": ["out/web.pcapng"],
}


def outcome(system: str, command: str, folder: Path) -> tuple[int, bytes, bytes]:
    """Run a command in a folder as on this system, or, for `linux`, as it is."""
    program = ["-m", "pcapconv"] if system == "linux" else [str(TESTS / "elsewhere.py"), system]
    folder.mkdir(exist_ok=True)
    done = subprocess.run(
        [sys.executable, "-P", *program, *command.split()], cwd=folder, capture_output=True, timeout=300
    )
    return done.returncode, done.stdout, done.stderr


@pytest.mark.parametrize(("command", "outputs"), COMMANDS.items(), ids=lambda value: str(value).partition(" ")[0])
def test_a_command_does_the_same(command: str, outputs: list[str], tmp_path: Path) -> None:
    expected = outcome("linux", command, here := tmp_path / "linux")
    assert expected[0] == (1 if command.startswith("diff") else 0)
    for system in SYSTEMS:
        assert outcome(system, command, there := tmp_path / system) == expected
        assert sorted(p.name for p in there.iterdir()) == sorted(p.name for p in here.iterdir())
        for name in outputs:
            assert (there / name).read_bytes() == (here / name).read_bytes()


@pytest.mark.parametrize("system", SYSTEMS)
def test_a_file_is_replaced_only_with_force(system: str, tmp_path: Path) -> None:
    out = tmp_path / "out.pcapng"
    out.write_bytes(b"mine")
    status, _, said = outcome(system, f"convert {PLAIN} out.pcapng", tmp_path)
    assert (status, said) == (1, b"pcapconv: out.pcapng: exists already; --force replaces it\n")
    assert out.read_bytes() == b"mine"
    assert outcome(system, f"convert {PLAIN} out.pcapng --force", tmp_path) == (0, b"", b"")
    assert out.read_bytes()[:4] == b"\x0a\x0d\x0d\x0a"
    assert [path.name for path in tmp_path.iterdir()] == ["out.pcapng"]


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    """Captures, a sidecar, and what outputs replace."""
    folder = tmp_path_factory.mktemp("files")
    pcapconv.convert(WEB, folder / "plain.pcap", sidecar=True)
    sources = {each.name: each.read_bytes() for each in (WEB, PLAIN)}
    outputs = dict.fromkeys(("00001.pcap", "00002.pcap", "web-00001.pcap", "table.parquet"), PLAIN.read_bytes())
    return files_in(folder) | sources | outputs | {"web.pcap.gz": gzip.compress(PLAIN.read_bytes(), mtime=0)}


@pytest.mark.parametrize(
    "command",
    [
        "convert web.pcap web.pcap --force --first 3",
        "convert web.pcap.gz web.pcap.gz --force --first 3",
        "convert web.pcapng plain.pcap --sidecar --force",
        "join plain.pcap.meta.json web.pcapng --force",
        "merge web.pcap web.pcapng web.pcapng --force",
        "normalize --in-place web.pcap",
        "split web.pcapng {index}.pcap --max-packets 20 --force",
        "split web.pcap web.pcap --packets 1-3 --max-packets 10 --force",
        "table web.pcap table.parquet --force",
        "batch . --in-place --first 3 --quiet --jobs 1",
    ],
)
def test_files_are_replaced_by_what_is_made_of_them(command: str, files: dict[str, bytes], tmp_path: Path) -> None:
    for system in ("linux", *SYSTEMS):
        write_tree(tmp_path / system, files)
    expected = outcome("linux", command, here := tmp_path / "linux")
    assert expected[0] == 0
    after = {name: data for name, data in files_in(here).items() if not name.startswith("pcapconv-")}
    for system in SYSTEMS:
        assert outcome(system, command, there := tmp_path / system) == expected
        assert after == {name: data for name, data in files_in(there).items() if name in after}
        assert len(files_in(there)) == len(files_in(here))


def test_these_systems_lack_names() -> None:
    code = "import os, select, signal, elsewhere; elsewhere.remove('windows'); import resource"
    path = f"import sys; sys.path.append({str(TESTS)!r}); "
    done = subprocess.run([sys.executable, "-P", "-c", path + code], capture_output=True, text=True, timeout=60)
    assert done.stderr.splitlines()[-1].startswith("ModuleNotFoundError: import of resource halted")
