"""Builds the compiled kernels with AddressSanitizer and UBSan, and runs their tests and the fuzzer on them.

Strategy: the package is copied to a temporary folder, with kernels that are built anew there, and comes first on the
import path. Python's own allocator steps aside, so that each buffer has guards around it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path

import pcapconv

ROOT = Path(__file__).parents[2]
_FLAGS = "-O1 -g -fno-omit-frame-pointer -fsanitize=address,undefined -fno-sanitize-recover=all -shared -fPIC"
_PROOF = "import pcapconv.kernels.compiled as c; print(c.__file__); assert c.__file__.startswith({folder!r})"


def main(seconds: float) -> int:
    """Exit status 1 where tests fail, or the fuzzer finds something."""
    with tempfile.TemporaryDirectory(prefix="sanitized-") as folder:
        build(Path(folder))
        environment = _environment(Path(folder))
        commands = [
            ["-P", "-c", _PROOF.format(folder=folder)],
            ["-P", "-m", "pytest", "-q", "-p", "no:cacheprovider", *_kernel_tests()],
            ["tests/fuzz", "run", f"--seconds={seconds}"],
        ]
        for command in commands:
            print("python", *command, flush=True)
            if subprocess.run([sys.executable, *command], cwd=ROOT, env=environment).returncode:
                return 1
    return 0


def _kernel_tests() -> list[str]:
    return [str(path.relative_to(ROOT)) for path in sorted(ROOT.glob("tests/test_kernels*.py"))]


def build(folder: Path) -> None:
    """Put the package there, with sanitized kernels."""
    package = folder / "pcapconv"
    shutil.copytree(
        Path(pcapconv.__file__).parent, package, ignore=shutil.ignore_patterns("*.so", "*.c", "__pycache__")
    )
    source = package / "kernels" / "compiled.pyx"
    subprocess.run([sys.executable, "-m", "cython", "-3", str(source)], check=True)
    target = source.with_name("compiled" + sysconfig.get_config_var("EXT_SUFFIX"))
    include = f"-I{sysconfig.get_path('include')}"
    command = ["gcc", *_FLAGS.split(), include, str(source.with_suffix(".c")), "-o", str(target)]
    subprocess.run(command, check=True)


def _environment(folder: Path) -> dict[str, str]:
    libraries = [
        subprocess.run(["gcc", f"-print-file-name={name}"], check=True, capture_output=True, text=True).stdout.strip()
        for name in ("libasan.so", "libubsan.so")
    ]
    return {
        **os.environ,
        "PYTHONPATH": str(folder),
        "LD_PRELOAD": " ".join(libraries),
        "ASAN_OPTIONS": "detect_leaks=0",  # Python keeps what it has to the end
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "PYTHONMALLOC": "malloc",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
