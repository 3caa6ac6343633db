"""Completion, as shells ask for it."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from command_line import COMMAND

from pcapconv.cli.commands import COMMANDS
from pcapconv.cli.options import options_of_command

pytestmark = pytest.mark.slow  # shells

LINES = {  # up to where Tab is pressed, and all that may follow
    "pcapconv ": sorted(COMMANDS),
    "pcapconv co": ["convert"],
    "pcapconv -": ["--help", "--install-completion", "--show-completion", "--version", "-V", "-h"],
    "pcapconv convert --sidecar-": ["--sidecar-file", "--sidecar-fingerprints", "--sidecar-secrets"],
    "pcapconv convert a.pcap b.pcap --f": ["--filter", "--first", "--force", "--fractions", "--fsync"],
    "pcapconv convert --to ": ["pcap", "pcapng"],
    "pcapconv convert a.pcap --on-loss f": ["fail"],
    "pcapconv split --by link": ["link-type"],
    "pcapconv me": ["merge"],
    "pcapconv merge --se": ["--separate-interfaces", "--set-interface", "--set-time"],
    "pcapconv merge a.pcap b.pcap c.pcap --app": ["--append"],
    "pcapconv merge a.pcap b.pcap c.pcap --to ": ["pcap", "pcapng"],
    "pcapconv merge a.pcap ": [],
    "pcapconv normalize --no-s": ["--no-sort", "--no-strict"],
    "pcapconv batch --progress ": ["json"],
    "pcapconv convert ": [],  # names of files, which shells know
    "pcapconv convert --report ": [],
}


def completions_of(shell: str, line: str, **more: str) -> subprocess.CompletedProcess[str]:
    words = line.split(" ")
    environment = {
        **os.environ,
        "_PCAPCONV_COMPLETE": f"complete_{shell}",
        "COMP_WORDS": "\n".join(words),
        "COMP_CWORD": str(len(words) - 1),
        "_TYPER_COMPLETE_ARGS": line,
        **more,
    }
    return subprocess.run([COMMAND], env=environment, capture_output=True, text=True, timeout=60)


@pytest.mark.parametrize(("line", "expected"), LINES.items())
def test_what_may_follow(line: str, expected: list[str]) -> None:
    done = completions_of("bash", line)
    assert (done.returncode, done.stderr) == (0, "")
    assert sorted(done.stdout.split()) == sorted(expected)


@pytest.mark.parametrize("name", COMMANDS)
def test_all_options_of_a_command(name: str) -> None:
    options = options_of_command(name)
    flags = {flag for each in options for flag in (each.flag, each.negated_flag)[: 1 + (each.value_type == "switch")]}
    flags |= {f"-{each.short}" for each in options if each.short}
    assert set(completions_of("bash", f"pcapconv {name} -").stdout.split()) == flags


def test_zsh_and_fish() -> None:
    assert completions_of("zsh", "pcapconv convert --to ").stdout == '_arguments \'*: :(("pcap"\n"pcapng"))\'\n'
    assert completions_of("zsh", "pcapconv convert ").stdout == "_files\n"
    assert completions_of("zsh", "pcapconv merge a.pcap b.pcap ").stdout == "_files\n"
    fish = {"_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    assert completions_of("fish", "pcapconv in", **fish).stdout == "info\tShow what captures hold\n"
    merge = "merge\tMerge captures into one, by time or behind each other\n"
    assert completions_of("fish", "pcapconv me", **fish).stdout == merge
    assert completions_of("fish", "pcapconv convert ", _TYPER_COMPLETE_FISH_ACTION="is-args").returncode == 1


def test_bash_itself(tmp_path: Path) -> None:
    bash = shutil.which("bash")
    assert bash is not None
    script = (
        'eval "$(pcapconv --show-completion)"\n'
        "COMP_WORDS=(pcapconv convert --to pcapn); COMP_CWORD=3\n"
        '_pcapconv_completion pcapconv; printf "%s\\n" "${COMPREPLY[@]}"\n'
        "complete -p pcapconv\n"
    )
    environment = {**os.environ, "PATH": f"{Path(COMMAND).parent}:{os.environ['PATH']}", "HOME": str(tmp_path)}
    done = subprocess.run([bash, "--norc", "-c", script], env=environment, capture_output=True, text=True, timeout=60)
    assert (done.stdout, done.stderr) == (
        "pcapng\ncomplete -o default -F _pcapconv_completion pcapconv\n",
        "",
    )


@pytest.mark.skipif(shutil.which("fish") is None, reason="fish is not installed")
def test_fish_itself(tmp_path: Path) -> None:
    script = 'pcapconv --show-completion | source; complete -C "pcapconv in"; complete -C "pcapconv convert --to "'
    assert said_by(["fish", "--no-config", "-c", script], tmp_path).split("\n") == [
        "info\tShow what captures hold",
        "pcap",
        "pcapng",
        "",
    ]


ZSH = r"""
zmodload zsh/zpty
zpty shell zsh -f -i
zpty -w shell 'autoload -Uz compinit; compinit -u -D; eval "$(pcapconv --show-completion)"'
zpty -w shell 'pcapconv() { print -r -- "<${(j:|:)@}>" }; print -r -- "<"ready">"'
zpty -r -m shell said '*<ready>*'
zpty -w shell $'pcapconv convert --to pcapn\t in\t'
zpty -r -m shell said '*<*>*'
print -r -- ${${said##*<}%%>*}
zpty -d shell
"""


@pytest.mark.skipif(shutil.which("zsh") is None, reason="zsh is not installed")
def test_zsh_itself(tmp_path: Path) -> None:
    (tmp_path / "in.pcapng").write_bytes(b"")
    assert said_by(["zsh", "-f", "-c", ZSH], tmp_path) == "convert|--to|pcapng|in.pcapng\n"


def said_by(command: list[str], home: Path) -> str:
    """The output of a shell that finds the command, and no files of the user."""
    environment = {**os.environ, "PATH": f"{Path(COMMAND).parent}:{os.environ['PATH']}", "HOME": str(home)}
    done = subprocess.run(command, env=environment, cwd=home, capture_output=True, text=True, timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout
