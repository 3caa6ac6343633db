"""Commands on systems that lack names that Linux has: they do the same without them."""

import subprocess
import sys
from pathlib import Path

import pytest

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


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(("command", "outputs"), COMMANDS.items(), ids=lambda value: str(value).partition(" ")[0])
def test_a_command_does_the_same(system: str, command: str, outputs: list[str], tmp_path: Path) -> None:
    here, there = tmp_path / "linux", tmp_path / system
    assert outcome(system, command, there) == (expected := outcome("linux", command, here))
    assert expected[0] == (1 if command.startswith("diff") else 0)
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


@pytest.mark.parametrize("system", SYSTEMS)
@pytest.mark.parametrize(
    "command",
    [
        "convert own.pcapng own.pcapng --rebase-time 2024-01-01 --force",
        "normalize --in-place own.pcapng",
        f"merge own.pcapng {PLAIN} own.pcapng --force",
        "batch . --in-place --to pcapng --jobs 1 --quiet",
        f"split {WEB} {{index}}.pcapng --max-packets 20 --force",
        f"convert {WEB} out.pcap --sidecar --force",
    ],
    ids=lambda command: str(command).partition(" ")[0],
)
def test_files_are_replaced_also_those_that_are_read(system: str, command: str, tmp_path: Path) -> None:
    found = []
    for name in ("linux", system):
        folder = tmp_path / name / "captures"
        folder.mkdir(parents=True)
        (folder / "own.pcapng").write_bytes(WEB.read_bytes())
        for _ in range(2):
            status, _, said = outcome(name, command, folder)
            assert status == 0, said
        found.append({path.name: path.read_bytes() for path in folder.glob("*.pcap*") if path.is_file()})
    assert found[0] == found[1]


def test_these_systems_lack_names() -> None:
    code = "import os, select, signal, elsewhere; elsewhere.remove('windows'); import resource"
    path = f"import sys; sys.path.append({str(TESTS)!r}); "
    done = subprocess.run([sys.executable, "-P", "-c", path + code], capture_output=True, text=True, timeout=60)
    assert done.stderr.splitlines()[-1].startswith("ModuleNotFoundError: import of resource halted")
