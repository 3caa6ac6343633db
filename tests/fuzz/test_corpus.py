"""Each case of the corpus on many routes, with all that must hold; and what the fuzzer itself must notice."""

from pathlib import Path
from random import Random

import protocols
import pytest
from wire import LITTLE, In

import pcapconv
from fuzz import findings, targets
from fuzz.case import CORPUS, Case, read_case
from fuzz.invariants import check
from fuzz.mutations import mutated, pieces_of
from fuzz.routes import Route
from fuzz.targets import TARGETS, Outcome

CASES = sorted(CORPUS.glob("*.case"))
SAMPLES = Path(__file__).parents[1] / "samples"


@pytest.mark.parametrize("path", CASES, ids=lambda path: path.stem)
def test_a_case_of_the_corpus_is_the_same_on_all_routes(path: Path, tmp_path: Path) -> None:
    check(read_case(path.read_bytes()), tmp_path, Random(path.stem), routes=4)


def test_the_corpus_is_small_and_has_cases_of_every_target() -> None:
    assert sum(path.stat().st_size for path in CASES) < 300_000
    assert {read_case(path.read_bytes()).target for path in CASES} == TARGETS.keys()


def test_a_case_is_the_same_in_a_file() -> None:
    case = Case("diff", {"ignore": ["time"], "show": 3}, (b"\n{}\n", b"", b"two"))
    assert read_case(case.as_bytes()) == case


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("*.pcap*")), ids=lambda path: path.name)
def test_pieces_are_all_of_a_capture(path: Path) -> None:
    capture = path.read_bytes()
    assert b"".join(pieces_of(capture)) == capture
    assert len(pieces_of(capture)) > 1 or "headers-only" in path.stem or "no-" in path.stem


def test_a_seed_says_what_changes() -> None:
    capture, other = (SAMPLES / "names.pcapng").read_bytes(), (SAMPLES / "micro-le.pcap").read_bytes()
    changed = [mutated(Random(seed), capture, [other]) for seed in range(100)]
    assert changed == [mutated(Random(seed), capture, [other]) for seed in range(100)]
    assert len(set(changed)) > 90


# ---------------------------------------------------------------- what must be noticed


WEB = Case("convert", {"to": "pcapng"}, ((SAMPLES / "micro-le.pcap").read_bytes(),))


def noticed(case: Case) -> str:
    error = findings.attempt(case, 8, seed=1)
    assert error is not None
    return findings.signature(error)


def test_another_exception_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pcapconv.formats.pcap_reader, "LARGEST_PCAP_RECORD", None)
    assert noticed(WEB) == "TypeError in pcap_reader.py, _load_record"


def test_a_route_that_differs_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def convert(case: Case, route: Route, folder: Path) -> Outcome:
        return targets.convert(case, route, folder)._replace(files={"out": b"x" * (1 + route.pipes)})

    monkeypatch.setitem(TARGETS, "convert", convert)
    assert noticed(WEB) == "same files on all routes"


@pytest.mark.parametrize(
    ("files", "report", "what"),
    [
        ({"out": b""}, {}, "the output can be read back"),
        ({"out": WEB.captures[0]}, {"packets_written": 0}, "the output: packets that are read back"),
        ({}, {"damage": ["some"]}, "strict refuses damage"),
    ],
)
def test_a_broken_promise_is_a_finding(
    files: dict[str, bytes], report: dict[str, object], what: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def convert(case: Case, route: Route, folder: Path) -> Outcome:
        outcome = targets.convert(case, route, folder)
        return Outcome("", outcome.files | files, outcome.report | report)

    monkeypatch.setitem(TARGETS, "convert", convert)
    assert noticed(WEB) == what


@pytest.mark.parametrize(
    ("files", "what"),
    [
        ({"text": b"\x1b[2J\n"}, "text is printable"),
        ({"csv": b"number\n"}, "packets in CSV"),
        ({"json": b""}, "packets in each form"),
    ],
)
def test_a_broken_listing_is_a_finding(files: dict[str, bytes], what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def show(case: Case, route: Route, folder: Path) -> Outcome:
        outcome = targets.show(case, route, folder)
        return outcome._replace(files=outcome.files | files)

    monkeypatch.setitem(TARGETS, "show", show)
    assert noticed(Case("show", {}, WEB.captures)) == what


@pytest.mark.parametrize("by", ["flow", "host"])
def test_a_part_with_packets_of_others_is_a_finding(by: str, monkeypatch: pytest.MonkeyPatch) -> None:
    packets = [protocols.ipv4(17, protocols.udp()), protocols.ipv6(17, protocols.udp())]
    whole = In(LITTLE).section_header() + In(LITTLE).interface(101)
    whole += b"".join(In(LITTLE).enhanced_packet(0, 0, data) for data in packets)

    def split(case: Case, route: Route, folder: Path) -> Outcome:
        outcome = targets.split(case, route, folder)
        parts = [{"packets": len(packets), "bytes": len(whole)}]
        return Outcome("", {"1": whole}, outcome.report | {"parts": parts, "packets_written": len(packets)})

    monkeypatch.setitem(TARGETS, "split", split)
    assert noticed(Case("split", {"by": by, "to": "pcapng"}, (whole,))) == f"one {by} in a part"
