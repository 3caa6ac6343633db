"""What the tests share: the pcapconv they test, its kernels in both forms, both byte orders, the corpus."""

import gc
import os
import signal
import sys
import threading
import time
from collections.abc import Generator, Iterator
from functools import cache
from importlib.machinery import PathFinder
from pathlib import Path
from types import ModuleType

import hypothesis
import pytest
from s3_server import bucket, server  # noqa: F401
from wire import BIG, LITTLE, In

ROOT = Path(__file__).resolve().parents[1]


def _test_what_is_installed() -> None:
    """Take the source tree off the import path where pcapconv is installed elsewhere.

    `python -m pytest` puts the tree first, and after a plain install it has no compiled kernels. An editable install
    is the tree itself, so that there is nothing elsewhere.
    """
    elsewhere = [entry for entry in sys.path if Path(entry).resolve() != ROOT]
    installed = PathFinder.find_spec("pcapconv", elsewhere)
    if installed is not None and installed.origin is not None:
        sys.path[:] = elsewhere


_test_what_is_installed()

pytest.register_assert_rewrite(
    "agreement", "batches", "conversions", "normalizing", "remote_batches", "splitting"
)  # asserts that explain themselves

from pcapconv import kernels as choice  # noqa: E402 - only now it is the right one
from pcapconv.errors import UsageError  # noqa: E402
from pcapconv.io.compression import recognise_compression  # noqa: E402

os.environ["TZ"] = "UTC"  # commands print a note about times if the local zone is another
time.tzset()

# Each run draws the same examples, so that a failure comes of a change. --hypothesis-profile=random draws others.
hypothesis.settings.register_profile("pcapconv", deadline=None, print_blob=True, derandomize=True)
hypothesis.settings.register_profile("random", deadline=None, print_blob=True, max_examples=1000)
hypothesis.settings.load_profile("pcapconv")


def pytest_configure() -> None:
    """A form of the kernels that is demanded but not there fails the whole run, before anything passes without it."""
    try:
        choice.choose()
    except UsageError as error:
        demanded = os.environ.get("PCAPCONV_KERNELS")
        pytest.exit(f"PCAPCONV_KERNELS={demanded} is demanded, and pcapconv does not have it: {error}", returncode=4)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Spare the garbage collector what lives as long as the run: the modules, and all the cases."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark as `quick` the first case of each test, unless it is slow, run by Hypothesis or reads a corpus."""
    seen = set[str]()
    for item in items:
        name = item.nodeid.partition("[")[0]
        of_hypothesis = getattr(getattr(item, "obj", None), "is_hypothesis_test", False)
        reads_corpus = not {"corpus_file", "compressed_corpus_file"}.isdisjoint(getattr(item, "fixturenames", ()))
        takes_long = any(item.get_closest_marker(marker) for marker in ("slow", "fuzz"))
        if name not in seen and not (of_hypothesis or reads_corpus or takes_long):
            item.add_marker("quick")
        seen.add(name)


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Run a test that takes `kernels` on each form that is tested, and one that takes a `corpus_file` on each file."""
    if "kernels" in metafunc.fixturenames:
        metafunc.parametrize("kernels", _forms(metafunc.module.__name__), indirect=True, scope="module")
    for name in {"corpus_file", "compressed_corpus_file"}.intersection(metafunc.fixturenames):
        _parametrize_with_corpus(metafunc, name)


def _forms(module: str) -> list[str]:
    """The forms of the kernels that a test module runs on.

    The suites of the kernels themselves hold both forms together. All others run on one form, and on the other one
    where PCAPCONV_KERNELS demands it: `.ci/run` runs everything twice.
    """
    demanded = os.environ.get("PCAPCONV_KERNELS")
    if demanded:
        return [demanded]
    return ["interpreted", "compiled"] if module.startswith("test_kernels") else [choice.choose().NAME]


def _parametrize_with_corpus(metafunc: pytest.Metafunc, name: str) -> None:
    """One case for each file under PCAPCONV_CORPUS, or for each compressed one; without it, the test is skipped."""
    corpus = os.environ.get("PCAPCONV_CORPUS")
    if not corpus:
        skipped = pytest.mark.skip(reason="PCAPCONV_CORPUS is not set")
        metafunc.parametrize(name, [pytest.param(None, marks=skipped, id="corpus")])
        return
    folder = Path(corpus)
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    if not files:
        raise pytest.UsageError(f"PCAPCONV_CORPUS={corpus}: no files are there")
    files = [path for path in files if _is_compressed(path) == (name == "compressed_corpus_file")]
    metafunc.parametrize(name, files, ids=[path.relative_to(folder).as_posix() for path in files])


@cache
def _is_compressed(path: Path) -> bool:
    with path.open("rb") as file:
        return recognise_compression(file.read(10)) is not None


@pytest.fixture(scope="session")
def compiled() -> ModuleType:
    """The compiled kernels; skips where they were not built, unless they are demanded (`pytest_configure`)."""
    try:
        return choice.load("compiled")
    except UsageError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def kernels(request: pytest.FixtureRequest) -> Iterator[ModuleType]:
    """The kernels in each form that is tested, which are also those that pcapconv runs meanwhile."""
    form: str = request.param
    module: ModuleType = request.getfixturevalue("compiled") if form == "compiled" else choice.load(form)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PCAPCONV_KERNELS", form)
        yield module


@pytest.fixture(params=[LITTLE, BIG], ids=["little", "big"])
def write(request: pytest.FixtureRequest) -> In:
    """The builders of `wire`, in each byte order."""
    return In(request.param)


@pytest.fixture
def signals_are_heeded() -> Iterator[None]:
    """A suite in the background has some signals ignored."""
    numbers = signal.SIGINT, signal.SIGTERM, signal.SIGHUP
    before = [signal.signal(number, signal.SIG_DFL) for number in numbers]
    yield
    for number, handler in zip(numbers, before):
        signal.signal(number, handler)


@pytest.fixture
def no_thread_is_left() -> Iterator[None]:
    """Every thread that a test starts has ended when it has."""
    before = threading.active_count()
    yield
    assert threading.active_count() == before
