"""What commands write as JSON: its name and version, its values, and that the published schemas say all of it."""

import contextlib
import gzip
import hashlib
import io
import json
import runpy
import tomllib
from collections.abc import Callable, Iterator
from fractions import Fraction
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any, cast

import protocols
import pytest
import wire
from conversions import SAMPLES
from jsonschema import Draft202012Validator

import pcapconv
from pcapconv import cli, json_form
from pcapconv.cli.progress import JsonProgress
from pcapconv.describing import info
from pcapconv.listing.columns import COLUMNS

SCHEMAS = resources.files(pcapconv) / "schemas"
STRIP_KINDS = ("batch", "check", "diff", "info", "manifest", "packet", "progress", "report")
# Fields that are there only where they say something.
OF_FILES = {
    *("known", "damaged_before", "sidecar_unused", "retryable", "refused", "sidecar_written", "sidecar_read"),
    *("kept_in_sidecar", "missing_in_sidecar", "damage_in_sidecar", "found_in_sidecar"),
    *("source_sidecar_size", "source_sidecar_time", "target_sidecar_size", "target_sidecar_time"),
    "repeats_total",
    "repeats_across",
    "decapsulated",
}
OPTIONAL = {"report": {"sha256", "link_type"}, "batch": OF_FILES, "manifest": OF_FILES, "packet": set(COLUMNS)}
OPTIONAL["check"] = {"diff"}
NANO, PICO = ((wire.IF_TSRESOL, bytes([digits])) for digits in (9, 12))
CUT = wire.pcap_header() + wire.pcap_record(1, 5, b"one") + b"cut off"
ODD = wire.section_header() + wire.interface(snaplen=2) + wire.enhanced_packet(0, 5, b"long")
EMPTY = wire.section_header() + wire.interface()
MANY = EMPTY + wire.enhanced_packet(0, 1, b"a") + wire.block(6, bytes(8)) * 1200 + wire.enhanced_packet(0, 2, b"b")
CAPTURES = {
    "cut.pcap": CUT,
    "packed.gz": gzip.compress(CUT)[:-3],
    "odd.pcapng": ODD,
    "empty.pcapng": EMPTY,
    "many.pcapng": MANY,
    "two.pcapng": ODD + MANY,
}

Run = Callable[..., tuple[int, Any]]


@cache
def schema(kind: str) -> dict[str, Any]:
    """A published schema."""
    return cast(dict[str, Any], json.loads((SCHEMAS / f"{kind}.json").read_bytes()))


def check(kind: str, found: Any) -> None:
    """One document, or a list."""
    validator = Draft202012Validator(schema(kind))
    for each in found if isinstance(found, list) else [found]:
        assert next(iter(each)) == "schema"
        assert each["schema"] == {"name": f"pcapconv-{kind}", "version": 1}
        validator.validate(each)


@pytest.fixture
def run(capfd: pytest.CaptureFixture[str]) -> Run:
    """A command in this process; its status, and what it says as JSON."""

    def call(*arguments: str | Path) -> tuple[int, Any]:
        status = cli.run([str(each) for each in arguments])
        out = capfd.readouterr().out
        return status, json.loads(out) if out else None

    return call


@pytest.fixture
def captures(tmp_path: Path) -> list[Path]:
    """Captures that no sample is like, too: damaged in many places, with warnings, without packets, in two sections."""
    for name, data in CAPTURES.items():
        (tmp_path / name).write_bytes(data)
    return [*SAMPLES, *(tmp_path / name for name in CAPTURES)]


def capture(*blocks: bytes, options: bytes = b"", link_type: int = 1, head: bytes = b"") -> bytes:
    return wire.section_header() + head + wire.interface(link_type, options=options) + b"".join(blocks)


def objects(part: Any) -> Iterator[dict[str, Any]]:
    """The parts of a schema that describe objects."""
    if isinstance(part, dict):
        if part.get("type") == "object" or part.get("type") == ["object", "null"]:
            yield part
        for each in part.values():
            yield from objects(each)
    elif isinstance(part, list):
        for each in part:
            yield from objects(each)


def names(value: Any) -> Iterator[str]:
    """All that stands as a field's name, or as the value of a field that says of which kind something is."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield name
            if name in ("kind", "status") and isinstance(each, str):
                yield f"{name} {each}"
            yield from names(each)
    elif isinstance(value, list):
        for each in value:
            yield from names(each)


def promised(kind: str) -> set[str]:
    """The names that `names` has to find in all documents of a kind together."""
    found: set[str] = set()
    for each in objects(schema(kind)):
        for name, says in each.get("properties", {}).items():
            values = says.get("enum", [says["const"]] if "const" in says else [])
            found |= {name, *(f"{name} {value}" for value in values if name in ("kind", "status"))}
    return found


# ---------------------------------------------------------------- the schemas


def test_there_is_a_schema_for_each_document() -> None:
    assert sorted(each.name for each in SCHEMAS.iterdir()) == [f"{kind}.json" for kind in STRIP_KINDS]
    assert sorted(json_form.VERSIONS) == list(STRIP_KINDS)
    for kind in STRIP_KINDS:
        says = schema(kind)
        assert next(iter(says["properties"])) == "schema"
        stated = {name: each["const"] for name, each in says["properties"]["schema"]["properties"].items()}
        assert stated == json_form.document(kind, {})["schema"]
        assert says["$id"] == f"urn:pcapconv:{kind}:{json_form.VERSIONS[kind]}"


def test_schemas_are_shipped() -> None:
    pyproject = tomllib.loads((Path(__file__).parents[1] / "pyproject.toml").read_text())
    assert "schemas/*.json" in pyproject["tool"]["setuptools"]["package-data"]["pcapconv"]


@pytest.mark.parametrize("kind", STRIP_KINDS)
def test_schemas_are_strict(kind: str) -> None:
    """Every object has all its fields and no other, or counts by kind."""
    Draft202012Validator.check_schema(schema(kind))
    for each in objects(schema(kind)):
        fields = each.get("properties", {})
        if each["additionalProperties"] is False:
            assert set(fields) - set(each["required"]) <= OPTIONAL.get(kind, set())
        else:
            assert each["additionalProperties"]["$ref"] in ("#/$defs/size", "#/$defs/stated")


def test_the_page_about_json_leaves_out_no_field(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its tables are made of the schemas' descriptions; `test_manual.py` compares them with the page."""
    json_page = runpy.run_path(str(Path(__file__).parents[1] / "docs" / "generate.py"))["json_page"]
    inner = {"type": "object", "description": "An object.", "properties": {"inner": {"type": "string"}}}
    more = {**schema("report"), "properties": {**schema("report")["properties"], "more": inner}}
    monkeypatch.setattr(json_page, "_schema", lambda kind: more if kind == "report" else schema(kind))
    with pytest.raises(ValueError, match=r"leaves out inner of report\.json$"):
        json_page.page()


def test_what_schemas_share_is_the_same_in_all() -> None:
    for name in ("damage", "warning", "time", "hex", "size", "integer", "counts", "option", "option_value"):
        stated = [
            json.dumps(says["$defs"][name]) for kind in STRIP_KINDS if name in (says := schema(kind)).get("$defs", {})
        ]
        assert len(set(stated)) == 1


def test_a_field_more_or_less_is_an_error() -> None:
    found = json.loads(json.dumps(info(SAMPLES[0]).as_dict()))
    validator = Draft202012Validator(schema("info"))
    assert validator.is_valid(found)
    for name in found:
        assert not validator.is_valid({key: value for key, value in found.items() if key != name})
    assert not validator.is_valid({**found, "more": 1})


# ---------------------------------------------------------------- values


def test_integers_from_2_to_the_53_on_are_text() -> None:
    values = [2**53 - 1, 2**53, -(2**53) + 1, -(2**53), 2**64 - 1, 0, True, None, 1.5]
    assert json_form.plain(values) == [
        9007199254740991,
        "9007199254740992",
        -9007199254740991,
        "-9007199254740992",
        "18446744073709551615",
        0,
        True,
        None,
        1.5,
    ]
    assert json_form.plain({"a": (1, {"b": iter([2**60])})}) == {"a": [1, {"b": ["1152921504606846976"]}]}
    for value in (Fraction(1, 2), b"bytes"):
        with pytest.raises(TypeError):
            json_form.plain(value)


@pytest.mark.parametrize(
    ("resolution", "ticks", "duration"),
    [
        (NANO, 89_100_000_000, 89_100_000_000),
        (PICO, 1999, 1),
        (NANO, 2**53 - 1, 9007199254740991),
        (NANO, 2**53, "9007199254740992"),
    ],
)
def test_the_duration_is_a_number_of_nanoseconds(
    run: Run, tmp_path: Path, resolution: tuple[int, bytes], ticks: int, duration: int | str
) -> None:
    path = tmp_path / "a.pcapng"
    both = wire.enhanced_packet(0, 0, b"a") + wire.enhanced_packet(0, ticks, b"b")
    path.write_bytes(capture(both, options=wire.options(resolution)))
    status, found = run("info", "--json", path)
    assert (status, found["duration_ns"]) == (0, duration)
    assert type(found["duration_ns"]) is type(duration)
    assert found["first_time"] == f"1970-01-01T00:00:00.{'0' * resolution[1][0]}Z"
    check("info", found)


def test_the_page_says_the_duration_in_all_digits(capfd: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    path = tmp_path / "a.pcapng"
    both = wire.enhanced_packet(0, 0, b"a") + wire.enhanced_packet(0, 1999, b"b")
    path.write_bytes(capture(both, options=wire.options(PICO)))
    assert cli.run(["info", str(path)]) == 0
    assert "1970-01-01T00:00:00.000000001999Z (0.000000001999 s)" in capfd.readouterr().out


def test_what_64_bits_hold_is_exact(run: Run, tmp_path: Path) -> None:
    path = tmp_path / "a.pcapng"
    stated = (wire.IF_SPEED, wire.number(2**64 - 1, 8)), (wire.IF_TSOFFSET, wire.number(2**63, 8))
    path.write_bytes(capture(options=wire.options(*stated)))
    _, found = run("info", "--json", path)
    (interface,) = found["interfaces"]
    assert interface["options"][0] == {"name": "if_speed", "value": "18446744073709551615"}
    assert interface["time_offset_s"] == "-9223372036854775808"
    check("info", found)


# ---------------------------------------------------------------- info


def test_info(run: Run, captures: list[Path], tmp_path: Path) -> None:
    status, found = run("info", "--json", *captures)
    assert (status, len(found)) == (3, len(captures))
    check("info", found)
    beside = tmp_path / "beside.pcap"
    pcapconv.convert(next(path for path in SAMPLES if path.name == "web.pcapng"), beside, sidecar=True)
    found.append(run("info", "--json", beside)[1])
    beside.write_bytes(CUT)
    found.append(run("info", "--json", beside)[1])
    assert [each["sidecar"]["matches"] for each in found[-2:]] == [True, False]
    threads = wire.options((wire.EPB_PROCESSID_THREADID, wire.number(7, 4) + wire.number(8, 4)))
    (tmp_path / "more").write_bytes(capture(wire.statistics(0, 0, options=threads), wire.block(5, b"")))
    found.append(run("info", "--json", tmp_path / "more")[1])
    web = next(path for path in SAMPLES if path.name == "web.pcapng")
    found.append(run("info", "--json", "--conversations", "--protocols", "--talkers", "--hash", web)[1])
    check("info", found)
    assert promised("info") - set(names(found)) <= {"process", "thread"}  # of packets, which diff has


def test_the_lists_are_limited_and_the_totals_are_not(run: Run, captures: list[Path]) -> None:
    _, found = run("info", "--json", captures[-2])
    assert (len(found["damage"]), found["totals"]["damage"]) == (1000, 1200)


# ---------------------------------------------------------------- reports


def test_reports_of_what_converts(captures: list[Path], tmp_path: Path) -> None:
    found = []
    for number, path in enumerate(captures):
        for to in ("pcap", "pcapng"):
            out, report = tmp_path / f"out-{number}.{to}", tmp_path / f"{number}-{to}.json"
            if cli.run(["convert", str(path), str(out), "--report", str(report), "-q"]) in (0, 3):
                found.append(json.loads(report.read_bytes()))
        report = tmp_path / f"{number}-normal.json"
        if cli.run(["normalize", str(path), str(tmp_path / f"normal-{number}"), "--report", str(report)]) in (0, 3):
            found.append(json.loads(report.read_bytes()))
    assert len(found) > 2 * len(captures)
    assert {each["target_format"] for each in found} == {"pcap", "pcapng"}
    check("report", found)


def test_reports_of_parts_and_sidecars(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    packets = [wire.enhanced_packet(0, tick, f"packet {tick}".encode()) for tick in range(1, 9)]
    secrets = wire.secrets(wire.TLS_KEY_LOG, b"key")
    other = wire.interface(101) + wire.enhanced_packet(1, 9, b"other")
    Path("a.pcapng").write_bytes(capture(secrets, *packets))
    Path("b.pcapng").write_bytes(capture(*packets, other))
    Path("twice.pcapng").write_bytes(capture(*packets[:1] * 2))
    Path("tunnel.pcapng").write_bytes(capture(wire.enhanced_packet(0, 1, protocols.packets()["ipv4 vxlan"][1])))
    lines = [
        "convert a.pcapng a.pcap --sidecar --sidecar-fingerprints",
        "convert a.pcap back.pcapng --sidecar",
        "split a.pcapng part.pcapng --max-packets 3",
        "split a.pcapng large.pcapng --max-bytes 64B",
        "split b.pcapng {stem}-{link_type}.pcap --by link-type --sidecar",
        "join b.meta.json joined.pcapng",
        "convert twice.pcapng once.pcapng --dedup 4",
        "convert tunnel.pcapng inner.pcapng --decapsulate all",
        "convert a.pcapng key.pcapng --extract-secrets keys",
        "convert a.pcapng refused.pcap --on-loss fail",
    ]
    found = []
    for number, line in enumerate(lines):
        assert cli.run([*line.split(), "--report", f"{number}.json", "-q"]) == (4 if "fail" in line else 0)
        found.append(json.loads(Path(f"{number}.json").read_bytes()))
    records = Path("a.pcap").read_bytes()
    Path("a.pcap").write_bytes(records + wire.pcap_record(77, 0, b"new"))
    assert cli.run(["convert", "a.pcap", "edited.pcapng", "--sidecar", "--report", "edited.json", "-q"]) == 0
    found.append(json.loads(Path("edited.json").read_bytes()))
    assert (found[-1]["found_in_sidecar"]["new_packets"], found[3]["oversized"]["parts"]) == ([9], 8)
    assert found[2]["parts"][0]["first_time"] == "1970-01-01T00:00:00.000001Z"
    Path("cut").write_bytes(gzip.compress(CUT)[:-3])
    assert cli.run(["convert", "cut", "cut.pcapng", "--report", "cut.json", "-q"]) == 3
    found.append(json.loads(Path("cut.json").read_bytes()))
    check("report", found)
    assert promised("report") <= set(names(found))


def test_the_report_of_a_batch(run: Run, tmp_path: Path) -> None:
    source, out = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    commented = wire.enhanced_packet(0, 5, b"one", options=wire.options((wire.OPT_COMMENT, b"c")))
    files = {"a.pcapng": capture(commented), "cut.pcap": CUT, "bad.pcap": b"text, not a capture", "notes": b"notes"}
    for name, data in files.items():
        (source / name).write_bytes(data)
    (source / "wrong.pcapng").write_bytes(capture()[:8])
    (source / "link").symlink_to(tmp_path)
    found = []
    for number, more in enumerate((["--to", "pcap", "--sidecar"], ["--to", "pcap", "--sidecar", "--resume"])):
        report = tmp_path / f"{number}.json"
        status, _ = run("batch", source, out, "--report", report, "-q", "--jobs", "1", *more)
        found.append(json.loads(report.read_bytes()))
        assert status == 1
    for name in ("a.pcap", "a.pcap.meta.json"):
        (source / name).write_bytes((out / name).read_bytes())
    assert run("batch", source, tmp_path / "up", "--report", "-", "-q", "--to", "pcapng", "--include", "a.pcap")[0] == 0
    status, last = run("batch", source, tmp_path / "2", "--report", "-", "-q", "--to", "pcapng", "--include", "a.pcap")
    found.append(last)
    status, last = run(
        "batch",
        source,
        tmp_path / "4",
        "--report",
        "-",
        "-q",
        "--dedup",
        "4",
        "--include",
        "a.pcap",
        "--decapsulate",
        "all",
    )
    assert (status, last["repeats_total"], last["decapsulated"]["not_in_tunnels"]) == (0, 0, 1)
    found.append(last)
    strict = ["--to", "pcap", "--on-loss", "fail", "--include", "a.pcapng"]
    status, refused = run("batch", source, tmp_path / "3", "--report", "-", "-q", *strict)
    assert (status, refused["failed"], refused["refused"]) == (4, 1, 1)
    found.append(refused)
    check("batch", found)
    assert promised("batch") <= set(names(found))
    manifests = tmp_path.glob("*/pcapconv-manifest.jsonl")
    lines = [json.loads(line) for each in manifests for line in each.read_bytes().splitlines()]
    check("manifest", lines)
    assert promised("manifest") <= set(names(lines))


def test_progress() -> None:
    said = io.StringIO()
    with contextlib.redirect_stderr(said), JsonProgress() as tally:
        tally.begin(3, 500)
        tally.update(2, 100, 1)
    lines = [json.loads(line) for line in said.getvalue().splitlines()]
    check("progress", lines)
    assert promised("progress") <= set(names(lines))


# ---------------------------------------------------------------- show


def test_packets(captures: list[Path], capfd: pytest.CaptureFixture[str]) -> None:
    found = []
    for path in captures:
        for more in ([], ["--columns", ",".join(COLUMNS), "--time", "epoch"]):
            assert cli.run(["show", str(path), "--json", *more]) in (0, 3)
            found += [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    check("packet", found)
    assert len(found[0]) == 10
    assert promised("packet") <= set(names(found))


# ---------------------------------------------------------------- diff


def changed(run: Run, tmp_path: Path, a: bytes, b: bytes, *more: str) -> dict[str, Any]:
    """The JSON for two captures that differ."""
    for name, data in (("a", a), ("b", b)):
        (tmp_path / name).write_bytes(data)
    status, found = run("diff", "--json", tmp_path / "a", tmp_path / "b", *more)
    assert status == 1
    check("diff", found)
    return cast(dict[str, Any], found)


def test_diff_of_all_samples(run: Run, captures: list[Path], tmp_path: Path) -> None:
    found = []
    for one, other in zip(captures, captures[1:] + captures[:1]):
        status, says = run("diff", "--json", "--all", one, other)
        if status != 2:
            assert (status == 1) == (not says["same"])
            found.append(says)
    assert len(found) > len(captures) // 2
    keys = [wire.secrets(wire.TLS_KEY_LOG, each) for each in (b"one", b"two")]
    packet = wire.enhanced_packet(0, 1, b"packet")
    found.append(changed(run, tmp_path, capture(*keys, packet), capture(*reversed(keys), packet)))
    (order,) = found[-1]["headers"]
    assert (order["kind"], order["a"], len(order["a"])) == ("order", order["b"][::-1], 2)
    check("diff", found)
    assert promised("diff") <= set(names(found))
    assert {side["damage_total"] for each in found for side in (each["a"], each["b"])} >= {0, 1, 1200}


def test_both_values_of_what_differs_in_a_packet(run: Run, tmp_path: Path) -> None:
    one, two = (wire.options((wire.OPT_COMMENT, text)) for text in (b"one", b"two"))
    process = wire.options((wire.EPB_PROCESSID_THREADID, wire.number(7, 4) + wire.number(8, 4)))
    other = wire.interface(options=wire.options((wire.IF_NAME, b"wan")))
    lan = wire.options((wire.IF_NAME, b"lan"))

    def build_capture(*packets: bytes) -> bytes:
        return capture(other, *packets, options=lan)

    a = build_capture(
        wire.enhanced_packet(0, 1, b"same", options=one),
        wire.enhanced_packet(1, 2, b"packet 2", original_length=90),
        wire.simple_packet(b"packet 3"),
        wire.enhanced_packet(0, 4, b"packet 4", options=process),
        wire.enhanced_packet(1, 5, b"packet 5"),
    )
    b = build_capture(
        wire.enhanced_packet(0, 1, b"same", options=two),
        wire.enhanced_packet(1, 2, b"Packet 2!", original_length=91),
        wire.enhanced_packet(0, 3, b"packet 3"),
        wire.enhanced_packet(1, 4, b"packet 4"),
        wire.enhanced_packet(1, 5, b"packet 5"),
        wire.enhanced_packet(0, 6, b"packet 6"),
    )
    found = changed(run, tmp_path, a, b)
    assert (found["a"]["packets"], found["b"]["packets"], found["changed"], found["inserted"]) == (5, 6, 4, 1)
    assert [(each["kind"], each["a"], each["b"]) for each in found["differences"]] == [
        *(("changed", number, number) for number in range(1, 5)),
        ("inserted", None, 6),
    ]
    fields = [{field.pop("kind"): field for field in each["fields"]} for each in found["differences"]]
    assert fields[0] == {
        "options": {
            "a": [{"name": "opt_comment", "value": "one"}],
            "b": [{"name": "opt_comment", "value": "two"}],
        }
    }
    assert fields[1] == {
        "bytes": {
            "offset": 0,
            "a": {"length": 8, "hex": b"packet 2".hex()},
            "b": {"length": 9, "hex": b"Packet 2!".hex()},
        },
        "lengths": {"a": {"captured": 8, "original": 90}, "b": {"captured": 9, "original": 91}},
    }
    assert fields[2] == {"time": {"a": None, "b": "1970-01-01T00:00:00.000003Z"}}
    assert fields[3] == {"interface": {"a": {"section": 0, "id": 0}, "b": {"section": 0, "id": 1}}}
    assert fields[4] == {
        "bytes": {"offset": None, "a": None, "b": {"length": 8, "hex": b"packet 6".hex()}},
        "lengths": {"a": None, "b": {"captured": 8, "original": 8}},
        "time": {"a": None, "b": "1970-01-01T00:00:00.000006Z"},
        "interface": {"a": None, "b": {"section": 0, "id": 0}},
        "options": {"a": None, "b": []},
    }
    every = changed(run, tmp_path, a, b, "--all")["differences"][3]["fields"]
    (options,) = (field for field in every if field["kind"] == "options")
    assert options["a"] == [{"name": "epb_processid_threadid", "value": {"process": 7, "thread": 8}}]


def test_a_time_that_nobody_can_tell_is_none(run: Run, tmp_path: Path) -> None:
    wrong = wire.options((wire.IF_TSRESOL, b"\x06\x06"))
    a = capture(wire.enhanced_packet(0, 1, b"one"), options=wrong)
    found = changed(run, tmp_path, a, EMPTY, "--ignore", "time")
    assert {"kind": "time", "a": None, "b": None} in found["differences"][0]["fields"]


def test_both_values_of_what_differs_besides(run: Run, tmp_path: Path) -> None:
    packet = wire.enhanced_packet(0, 1, b"packet")

    def build_capture(name: bytes, snaplen: int, *blocks: bytes, said: bytes = b"", more: bytes = b"") -> bytes:
        stated = wire.options((wire.IF_NAME, name), (wire.IF_SPEED, wire.number(2**60, 8) if said else bytes(8)))
        header = wire.section_header(options=wire.options((wire.OPT_COMMENT, said)) if said else b"")
        return header + wire.interface(snaplen=snaplen, options=stated) + b"".join(blocks) + packet + more

    secrets, wan = wire.secrets(wire.TLS_KEY_LOG, b"key"), wire.interface(101) + wire.enhanced_packet(1, 2, b"wan")
    a = build_capture(b"lan", 100, wire.names(wire.ipv4_name("192.0.2.1", "host")), said=b"x" * 300)
    found = changed(run, tmp_path, a, build_capture(b"dsl", 200, secrets, more=wan), "--all")
    same = {"a": {"section": 0, "id": 0}, "b": {"section": 0, "id": 0}}
    assert found["headers"] == [
        {"kind": "interface", "interface": same, "name": "if_name", "a": "lan", "b": "dsl"},
        {"kind": "interface", "interface": same, "name": "if_speed", "a": "1152921504606846976", "b": 0},
        {"kind": "interface", "interface": same, "name": "snaplen", "a": 100, "b": 200},
        {"kind": "interfaces", "a": None, "b": {"section": 0, "id": 1, "link_type": 101, "snaplen": 262144}},
        {"kind": "names", "a": "name 192.0.2.1 host", "b": None},
        {"kind": "comments", "a": "comment " + "x" * 300, "b": None},
        {
            "kind": "secrets",
            "a": None,
            "b": f"TLS key log of 3 bytes, SHA-256 {hashlib.sha256(b'key').hexdigest()}",
        },
    ]


# ---------------------------------------------------------------- normalize --check


def test_check(run: Run, captures: list[Path], tmp_path: Path) -> None:
    normal, same = tmp_path / "normal.pcapng", tmp_path / "damaged.pcapng"
    pcapconv.normalize(SAMPLES[-1], normal)
    same.write_bytes(normal.read_bytes() + b"more")
    wrong, none = tmp_path / "wrong.pcap", tmp_path / "none"
    wrong.write_bytes(b"Dear reader\n")
    assert run("normalize", "--check", "--json", normal)[1] == {
        "schema": {"name": "pcapconv-check", "version": 1},
        "normal": True,
        "files": [
            {
                "file": str(normal),
                "status": "normal",
                "reasons": [],
                "damage": [],
                "damage_total": 0,
                "warnings": [],
                "warnings_total": 0,
                "error": None,
            }
        ],
    }
    status, found = run("normalize", "--check", "--json", same)
    assert (status, found["normal"], found["files"][0]["status"]) == (3, False, "damaged")
    assert found["files"][0]["damage"][0]["offset"] == len(normal.read_bytes())
    simple = tmp_path / "simple.pcapng"
    simple.write_bytes(capture(wire.simple_packet(b"one")))
    status, refused = run("normalize", "--check", "--json", "--on-loss", "fail", simple)
    assert (status, refused["files"][0]["status"], refused["files"][0]["reasons"]) == (4, "refused", [])
    status, every = run("normalize", "--check", "--json", normal, wrong, none, *captures)
    assert (status, every["normal"], len(every["files"])) == (1, False, len(captures) + 3)
    assert [each["status"] for each in every["files"][:3]] == ["normal", "failed", "failed"]
    assert every["files"][2]["error"] == f"{none}: cannot open: no such file or directory"
    assert all(each["reasons"] for each in every["files"] if each["status"] == "different")
    status, changed = run("normalize", "--check", "--json", "--diff", *captures)
    assert all(bool(each["diff"]) == (each["status"] == "different") for each in changed["files"])
    check("check", [found, refused, every, changed])
    assert promised("check") <= set(names([found, refused, every, changed]))


def test_json_is_for_check(capfd: pytest.CaptureFixture[str]) -> None:
    for arguments in (["a", "b"], ["--in-place", "a"]):
        assert cli.run(["normalize", "--json", *arguments]) == 2
        assert "--json is for --check" in capfd.readouterr().err


# ---------------------------------------------------------------- statuses


def test_statuses_are_the_same_everywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    fine = wire.pcap_header(snaplen=262144) + wire.pcap_record(1, 5, b"one")
    lost = wire.enhanced_packet(0, 5, b"one", options=wire.options((wire.OPT_COMMENT, b"c")))
    there = {"a.pcap": fine, "cut.pcap": fine + b"cut", "other.pcap": fine + fine[24:], "lost.pcapng": capture(lost)}
    for name, data in there.items():
        Path(name).write_bytes(data)
    for number, name in enumerate(("fine", "bad")):
        Path(name).mkdir()
        Path(name, "x.pcap").write_bytes([fine, fine + b"cut"][number])
    pcapconv.normalize("a.pcap", "normal.pcap")
    Path("normal-cut.pcap").write_bytes(Path("normal.pcap").read_bytes() + b"cut")
    expected = {
        "info a.pcap": 0,
        "info none": 1,
        "info cut.pcap": 3,
        "info cut.pcap none": 1,
        "info --text cut.pcap a.pcap": 3,
        "info --text cut.pcap none": 1,
        "info --json --text a.pcap": 2,
        "convert a.pcap 1.pcapng": 0,
        "convert none 2.pcapng": 1,
        "convert a.pcap 2.pcapng --first 0 --on-loss perhaps": 2,
        "convert cut.pcap 3.pcapng": 3,
        "convert cut.pcap 4.pcapng --strict": 1,
        "convert lost.pcapng 5.pcap --on-loss fail": 4,
        "split cut.pcap 6.pcapng --max-packets 1": 3,
        "batch fine 7 --to pcapng -q": 0,
        "batch bad 8 --to pcapng -q": 3,
        "batch none 9 --to pcapng -q": 1,
        "normalize cut.pcap 10.pcap": 3,
        "normalize lost.pcapng 11.pcap --on-loss fail": 4,
        "normalize --check normal.pcap": 0,
        "normalize --check a.pcap": 1,
        "normalize --check normal-cut.pcap": 3,
        "normalize --check normal-cut.pcap normal.pcap": 3,
        "normalize --check normal-cut.pcap a.pcap": 1,
        "normalize --check cut.pcap": 1,
        "normalize --check normal-cut.pcap --strict": 1,
        "normalize --check none": 1,
        "normalize --check --in-place a.pcap": 2,
        "diff a.pcap a.pcap": 0,
        "diff a.pcap other.pcap": 1,
        "diff a.pcap cut.pcap": 3,
        "diff cut.pcap other.pcap": 1,
        "diff a.pcap none": 2,
        "diff a.pcap a.pcap --ignore everything": 2,
    }
    assert {line: cli.run(line.split()) for line in expected} == expected
