"""Draws the session that README.md shows, from what the commands really print on a terminal.

    python docs/picture.py

The commands run in an empty folder that holds the captures named below. The picture needs no font from the network.
"""

from __future__ import annotations

import fcntl
import os
import pty
import shutil
import struct
import subprocess
import sys
import tempfile
import termios
from pathlib import Path

from rich.console import Console
from rich.terminal_theme import TerminalTheme
from rich.text import Text

from pcapconv import kernels

ROOT = Path(__file__).parent.parent
PICTURE = ROOT / "docs" / "session.svg"
COLUMNS = 92
FILES = 500

SESSION = (
    "pcapconv convert case.pcapng case.pcap",
    "pcapconv convert case.pcapng case.pcap --sidecar --force",
    "pcapconv convert case.pcap back.pcapng --sidecar",
    "cmp case.pcapng back.pcapng && echo identical",
    "pcapconv convert damaged.pcapng rescued.pcapng; echo status $?",
    "pcapconv diff case.pcapng today.pcapng",
    "pcapconv split mixed.pcapng '{link_type}.pcap' --by link-type --on-loss ignore && ls [A-Z]*.pcap",
    "pcapconv batch captures/ converted/ --to pcap --on-loss ignore",
    "pcapconv info back.pcapng",
)

THEME = TerminalTheme(
    (30, 33, 39),
    (214, 219, 226),
    [(60, 64, 72), (255, 123, 114), (126, 211, 133), (229, 192, 123), (121, 184, 255), (210, 168, 255), (118, 215, 224),
     (214, 219, 226)],
)  # fmt: skip
# Rich's frame, without the font that it fetches from the network.
FRAME = """\
<svg class="rich-terminal" viewBox="0 0 {width} {height}" xmlns="http://www.w3.org/2000/svg">
<style>
.{unique_id}-matrix, .{unique_id}-title {{
    font-family: ui-monospace, SFMono-Regular, Menlo, Consolas, "DejaVu Sans Mono", monospace;
    font-size: {char_height}px;
    line-height: {line_height}px;
}}
{styles}
</style>
<defs>
<clipPath id="{unique_id}-clip-terminal">
<rect x="0" y="0" width="{terminal_width}" height="{terminal_height}" />
</clipPath>
{lines}
</defs>
{chrome}
<g transform="translate({terminal_x}, {terminal_y})" clip-path="url(#{unique_id}-clip-terminal)">
{backgrounds}
<g class="{unique_id}-matrix">
{matrix}
</g>
</g>
</svg>
"""


def prepare(folder: Path) -> None:
    """Make the captures that the session is about."""
    samples = ROOT / "tests" / "samples"
    web = samples / "web.pcapng"
    _convert(folder, web, "case.pcapng", "--strip", "host,statistics")
    _convert(folder, "case.pcapng", "today.pcapng", "--drop-packets", "9", "--packet-comment", "4:retried")
    (folder / "damaged.pcapng").write_bytes((folder / "case.pcapng").read_bytes()[:1000])
    shutil.copy(samples / "two-interfaces.pcapng", folder / "mixed.pcapng")
    (folder / "captures").mkdir()
    for number in range(FILES):
        shutil.copy(web, folder / "captures" / f"{number}.pcapng")


def _convert(folder: Path, *arguments: str | Path) -> None:
    subprocess.run([_program("pcapconv"), "convert", *arguments], cwd=folder, check=True, capture_output=True)


def run_on_terminal(command: str, folder: Path) -> str:
    """Run a line of a shell on a terminal, and return what it leaves on the screen."""
    screen, program = pty.openpty()
    fcntl.ioctl(program, termios.TIOCSWINSZ, struct.pack("HHHH", 60, COLUMNS, 0, 0))
    environment = {
        "PATH": os.pathsep.join([str(Path(_program("pcapconv")).parent), os.environ["PATH"]]),
        "HOME": str(folder),
        "TERM": "xterm-256color",
        "PCAPCONV_KERNELS": kernels.choose().NAME,  # nothing is printed about a form that was demanded
    }
    with subprocess.Popen(
        ["bash", "-c", command], cwd=folder, env=environment, stdin=program, stdout=program, stderr=program
    ):
        os.close(program)
        printed = b""
        try:
            while data := os.read(screen, 65536):
                printed += data
        except OSError:  # the end of a terminal
            pass
    os.close(screen)
    return printed.decode().replace("\r\n", "\n").rpartition("\x1b[2K")[2]  # behind a progress bar that was erased


def draw() -> str:
    """Run the session and return the picture."""
    with tempfile.TemporaryDirectory() as name, open(os.devnull, "w") as nowhere:
        folder = Path(name)
        prepare(folder)
        console = Console(width=COLUMNS, record=True, file=nowhere, force_terminal=True, color_system="truecolor")
        for command in SESSION:
            console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
            end = "\n" if command == SESSION[-1] else "\n\n"
            console.print(Text.from_ansi(run_on_terminal(command, folder).rstrip("\n")), end=end)
    return console.export_svg(theme=THEME, title="pcapconv", code_format=FRAME, unique_id="session")


def _program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


if __name__ == "__main__":
    PICTURE.write_text(draw(), encoding="utf-8")
