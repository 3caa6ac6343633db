"""The steps `check` and `batch` of the GitHub action: runs pcapconv, and annotates the captures that have problems.

Strategy: the inputs are in the environment, as `action.yml` names them. While pcapconv and what captures say are
printed, GitHub's workflow commands are off, so that no capture and no file name can give one.
"""

import io
import json
import os
import secrets
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


def main(step: str) -> int:
    """Run a step and return the exit status of pcapconv."""
    if isinstance(sys.stdout, io.TextIOWrapper):  # on Windows, it does not take every file name
        sys.stdout.reconfigure(encoding="utf-8", errors="backslashreplace")
    reports = Path(os.environ["REPORTS"])
    report, junit = reports / f"{step}.json", reports / f"{step}.xml"
    if step == "check":
        paths = _lines("PATHS")
        arguments = ["normalize", "--check", "--diff", "--json", "--junit", str(junit)]
    else:
        paths = [os.environ["SOURCE"], os.environ["TARGET"]]
        arguments = ["batch", "--quiet", "--report", "-", "--junit", str(junit)]
    with _workflow_commands_off():
        with report.open("wb") as file:
            line = ["pcapconv", *arguments, *_lines("OPTIONS"), "--", *paths]
            # All in one stream, of which a runner keeps the order.
            status = subprocess.run(line, stdout=file, stderr=sys.stdout, check=False).returncode
        text = report.read_text(encoding="utf-8")
        files = json.loads(text)["files"] if text else []  # no text if pcapconv could not begin
        for each in files:
            print(*each.get("diff", ()), sep="\n", end="\n" if each.get("diff") else "")
    if os.environ["ANNOTATIONS"] == "true":
        for each in files:
            name = each["file"] if step == "check" else f"{paths[0].rstrip('/')}/{each['source']}"
            if problems := _problems(each):
                print(f"::error title=pcapconv,file={_escaped(name, ':,')}::{_escaped('; '.join(problems))}")
    return status


def _lines(variable: str) -> list[str]:
    """Return the lines of an input, without empty ones."""
    return [line.strip() for line in os.environ[variable].splitlines() if line.strip()]


@contextmanager
def _workflow_commands_off() -> Iterator[None]:
    word = secrets.token_hex()
    print(f"::stop-commands::{word}", flush=True)
    try:
        yield
    finally:
        print(f"::{word}::", flush=True)


def _problems(file: dict[str, Any]) -> list[str]:
    """Return why a file is not in its normal form, or not converted, or damaged."""
    if file["status"] in ("skipped", "left_alone"):
        return []
    damage = [f"offset {each['offset']}: {each['reason']}" for each in file.get("damage", ())]
    before = ["damaged, as an earlier run found"] if file.get("damaged_before") else []
    return [*file.get("reasons", ()), *filter(None, [file["error"]]), *damage, *before]


def _escaped(text: str, more: str = "") -> str:
    """Return a text for a workflow command; in a property, `more` characters have a meaning, too."""
    return "".join(f"%{ord(each):02X}" if each in "%\r\n" + more else each for each in text)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
