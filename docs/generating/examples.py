"""What the examples of commands need, as comments for `tests/pages.py`: commands to run before, or why they do not run.

Reference pages are run in order in one folder, which holds a copy of `tests/samples`.
"""

from __future__ import annotations

from pcapconv.cli.grammar import Command

_WEB = "cp tests/samples/web.pcapng"
_REBASE = "pcapconv normalize -q tests/samples/web.pcapng"

# A beginning of an example → commands that prepare the files that it names.
_PREPARED = {
    "pcapconv convert capture.pcapng": (f"{_WEB} capture.pcapng",),
    "pcapconv convert day.pcapng": (f"{_REBASE} day.pcapng --rebase-time 2024-05-01T12:10:00Z",),
    "pcapconv split big.pcap": ("pcapconv convert tests/samples/web.pcap big.pcap",),
    "pcapconv split mixed.pcapng": ("cp tests/samples/two-interfaces.pcapng mixed.pcapng",),
    "pcapconv merge morning.pcapng": (
        f"{_WEB} morning.pcapng",
        "cp tests/samples/web.pcap evening.pcap",
    ),
    "pcapconv merge captures/": ("mkdir captures", "cp tests/samples/web*.pcap captures/"),
    "pcapconv merge --append part-*": (f"{_WEB} part-1.pcapng", "cp tests/samples/two-interfaces.pcapng part-2.pcapng"),
    "pcapconv join mixed.meta.json": (
        "cp tests/samples/two-interfaces.pcapng mixed.pcapng",
        "pcapconv split -q mixed.pcapng '{stem}-{link_type}.pcap' --by link-type --sidecar",
    ),
    "pcapconv batch captures/": ("mkdir captures", "cp tests/samples/web*.pcap captures/"),
    "pcapconv normalize run.pcapng": (f"{_WEB} run.pcapng",),
    "pcapconv normalize --check tests/captures": (
        "mkdir tests/captures",
        f"{_REBASE} tests/captures/golden.pcapng",
    ),
    "pcapconv table capture.pcapng": (f"{_WEB} capture.pcapng",),
    "pcapconv table day.pcapng": (f"{_REBASE} day.pcapng --rebase-time 2024-05-01T12:10:00Z -f",),
    "pcapconv diff expected.pcapng": (
        f"{_WEB} expected.pcapng",
        "pcapconv convert -q expected.pcapng actual.pcapng --shift-time 1s",
    ),
    "pcapconv info capture.pcapng": (f"{_WEB} capture.pcapng",),
    "pcapconv show capture.pcapng": (f"{_WEB} capture.pcapng",),
    "pcapconv info *.pcap": ("cp tests/samples/web*.pcap .",),
}
# A beginning of an example → why it is not run.
_NOT_RUN = {
    "tcpdump -i": "needs the right to capture",
    "find /data": "needs a directory /data",
}


def examples(command: Command) -> str:
    """Return the examples of a command as Markdown that `tests/pages.py` runs."""
    return "\n".join(_example(line) for line in command.examples)


def _example(line: str) -> str:
    for beginning, reason in _NOT_RUN.items():
        if line.startswith(beginning):
            return f"<!-- not run: {reason} -->\n```sh\n{_broken(line)}\n```\n"
    prepared = next((runs for beginning, runs in _PREPARED.items() if line.startswith(beginning)), ())
    return "".join(f"<!-- run: {run} -->\n" for run in prepared) + f"\n```sh\n{_broken(line)}\n```\n"


def _broken(line: str) -> str:
    """Return a command in lines that fit on a page."""
    if len(line) < 90:
        return line
    at = line.index(" | ") + 1 if " | " in line else line.rindex(" --")
    return f"{line[:at].rstrip()} \\\n    {line[at:].lstrip()}"
