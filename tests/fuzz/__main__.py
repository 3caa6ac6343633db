"""The command: `python tests/fuzz --help`."""

import sys
from pathlib import Path

sys.path[0] = str(Path(__file__).resolve().parents[1])  # not this folder, whose modules are the package's

from fuzz.commands import main  # noqa: E402 - only now it is found

sys.exit(main())
