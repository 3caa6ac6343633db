"""The command: `--version`, `--help`, and what is imported."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import wire
from command_line import (
    CommandResult,
    run_command,
)
from command_line import signals_stay_as_they_were as signals_stay_as_they_were

import pcapconv


def python(code: str) -> Any:
    """The JSON that a new interpreter prints. -P: the installed package, not the folder that the tests run in."""
    done = subprocess.run([sys.executable, "-P", "-c", code], check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


HEAVY = (
    '; import json; print(json.dumps([name for name in ("typer", "rich", "pcapng", "numpy") if name in sys.modules]))'
)


def test_version_names_the_kernels() -> None:
    done = run_command("--version")
    kernels = python("import json; from pcapconv import kernels; print(json.dumps(kernels.choose().NAME))")
    assert kernels in ("compiled", "interpreted")
    version = f"pcapconv {pcapconv.__version__} ({kernels} kernels, Python {sys.version.split()[0]})\n"
    assert done == CommandResult(0, version.encode(), "")


def test_version_follows_the_kernels_that_are_demanded() -> None:
    assert b"(interpreted kernels, " in run_command("--version", PCAPCONV_KERNELS="interpreted").out
    done = run_command("--version", PCAPCONV_KERNELS="quantum")
    assert done.status == 2
    assert done.err.count("\n") == 1
    assert done.err.startswith("pcapconv: ")


def test_kernels_that_were_not_built_are_named() -> None:
    code = (
        "import json; from pcapconv import kernels; kernels.__path__ = []\n"  # where the compiled ones would be
        "try: kernels.load('compiled')\n"
        "except Exception as error: print(json.dumps([type(error).__name__, str(error)]))"
    )
    said = (
        "the compiled kernels were not built here: install a C compiler and pcapconv again, or set "
        "PCAPCONV_KERNELS=interpreted"
    )
    assert python(code) == ["UsageError", said]


def test_help_names_the_commands_and_options() -> None:
    assert b"convert" in run_command("--help").out
    page = run_command("convert", "--help").out.decode()
    for option in ("--to", "--force", "--strict", "--on-loss", "--report", "--nanoseconds", "--quiet", "--debug"):
        assert option in page


def test_the_library_imports_nothing_heavy() -> None:
    assert python("import sys, pcapconv" + HEAVY) == []


def test_convert_and_open_stay_functions_whatever_is_imported() -> None:
    code = (
        "import importlib, json, pkgutil, pcapconv; "
        "modules = [each.name for each in pkgutil.walk_packages(pcapconv.__path__, 'pcapconv.')]; "
        "[importlib.import_module(name) for name in modules if not name.endswith('.compiled')]; "
        "print(json.dumps([type(pcapconv.convert).__name__, type(pcapconv.open).__name__, len(modules) > 20]))"
    )
    assert python(code) == ["function", "function", True]


def test_every_public_name_is_there() -> None:
    assert [name for name in pcapconv.__all__ if not hasattr(pcapconv, name)] == []


@pytest.mark.parametrize("command", ["convert", "normalize"])
def test_a_capture_without_an_interface_and_pcap(command: str, tmp_path: Path) -> None:
    source, out = tmp_path / "bare.pcapng", tmp_path / "out.pcap"
    source.write_bytes(wire.section_header())
    done = run_command(command, source, out)
    sentence = "the capture has no interface; the pcap file states Ethernet, since it has to state a link type"
    assert (done.status, done.err) == (0, f"pcapconv: warning: {source}: offset 0: {sentence}\n")
    assert run_command(command, source, tmp_path / "out.pcapng").err == ""
