"""The parts of a batch that nobody sees from outside: a line of the manifest, what a job may replace, the digest of
options."""

import json
import pickle
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import wire
from folders import MANIFEST

from pcapconv import batch, json_form
from pcapconv.batching.actions import Action, Job
from pcapconv.batching.decisions import decide_actions
from pcapconv.batching.locations import State
from pcapconv.batching.manifest_index import DoneLine, Terms
from pcapconv.batching.outcome import Outcome, SidecarOutcome
from pcapconv.batching.settings import FormatSettings, Settings
from pcapconv.formats.settings import WriterSettings
from pcapconv.model import Damage
from pcapconv.report import Report

SETTINGS = Settings(
    formats=FormatSettings("pcap", None, WriterSettings("")),
    plan=None,
    strict=False,
    on_loss="warn",
    fsync=True,
    key_log_suffix=".keys",
    sidecars=None,
    manifest="",
    adds_lines=False,
    inside=None,
    options_digest="d",
    root="/r",
    run="n",
)
JOB = Job("in/a", "a", State(9, 8), "out/a.pcap", "a.pcap", Action.CREATE)

# ---------------------------------------------------------------- a line

REPORT = Report("in/a", "out/a.pcap", "pcap")
REPORT.packets_read, REPORT.packets_written = 3, 2
REPORT.losses, REPORT.secrets_extracted, REPORT.sidecar_written = {"names": 1}, 1, "out/a.pcap.meta.json"
REPORT.kept_in_sidecar, REPORT.found_in_sidecar = {"comments": 4}, {"same": 5, "how": "fingerprints"}
for number in range(12):
    REPORT.add_damage(Damage(number, 1, "cut off", 2, 0))

FAILED = Outcome.without_report(JOB, SETTINGS, "failed", "in/a: no", seconds=0.5, worker="h:1")
OUTCOMES = {
    "failed": FAILED,
    "no capture": FAILED._replace(status="skipped", known=False, retryable=None),
    "up to date": Outcome.without_report(JOB, SETTINGS, "up_to_date", damaged_before=True),
    "a link": Outcome.without_report(JOB._replace(source_state=None), SETTINGS, "left_alone", "in/a: a symbolic link"),
    "without its sidecar": Outcome.from_report(
        Report("in/a", "out/a.pcap", "pcap"), JOB, SETTINGS, sidecar_unused=True
    ),
    "with sidecars": Outcome.from_report(
        REPORT,
        JOB,
        SETTINGS,
        source_sha256="s",
        target_state=State(7, 6),
        target_sha256="t",
        sidecars=SidecarOutcome.from_report(REPORT, None, State(5, 4)),
    ),
}
SOURCE = '{"source": "a", "source_size": 9, "source_time": "1970-01-01T00:00:00.000000008Z", "source_sha256": '
NO_TARGET = '"target": "a.pcap", "target_size": null, "target_time": null, "target_sha256": null, '
NO_COUNTS = (
    '"packets_read": 0, "packets_written": 0, "losses": {}, "left_out": {}, "damage": [], "damage_total": 0, '
    '"warnings": [], "warnings_total": 0, "key_log": false, '
)
BATCH = '"options": "d", "root": "/r", "run": "n", "worker": '


@pytest.mark.parametrize(
    ("name", "line"),
    [
        (
            "failed",
            f'{SOURCE}null, {NO_TARGET}"status": "failed", {NO_COUNTS}"seconds": 0.5, "error": "in/a: no", '
            f'{BATCH}"h:1", "retryable": false}}',
        ),
        (
            "no capture",
            f'{SOURCE}null, {NO_TARGET}"status": "skipped", {NO_COUNTS}"seconds": 0.5, "error": "in/a: no", '
            f'{BATCH}"h:1", "known": false}}',
        ),
        (
            "up to date",
            f'{SOURCE}null, {NO_TARGET}"status": "up_to_date", {NO_COUNTS}"seconds": 0, "error": null, '
            f'{BATCH}null, "damaged_before": true}}',
        ),
        (
            "without its sidecar",
            f'{SOURCE}null, {NO_TARGET}"status": "converted", {NO_COUNTS}"seconds": 0, "error": null, '
            f'{BATCH}null, "sidecar_unused": true}}',
        ),
        (
            "with sidecars",
            f'{SOURCE}"s", "target": "a.pcap", "target_size": 7, "target_time": "1970-01-01T00:00:00.000000006Z", '
            '"target_sha256": "t", '
            '"status": "damaged", "packets_read": 3, "packets_written": 2, "losses": {"names": 1}, "left_out": {}, '
            '"damage": ['
            + ", ".join(
                f'{{"offset": {number}, "packet_number": 1, "reason": "cut off", "bytes_left_out": 2, "section": 0, '
                '"compressed_offset": null, "input": null}'
                for number in range(10)
            )
            + '], "damage_total": 12, "warnings": [], "warnings_total": 0, "key_log": true, "seconds": 0, '
            f'"error": null, {BATCH}null, "sidecar_written": "out/a.pcap.meta.json", "sidecar_read": null, '
            '"kept_in_sidecar": {"comments": 4}, "missing_in_sidecar": {}, "damage_in_sidecar": 0, '
            '"found_in_sidecar": {"same": 5}, "source_sidecar_size": null, "source_sidecar_time": null, '
            '"target_sidecar_size": 5, "target_sidecar_time": "1970-01-01T00:00:00.000000004Z"}',
        ),
    ],
)
def test_a_line_has_its_fields_in_order(name: str, line: str) -> None:
    assert json.dumps(OUTCOMES[name].to_json()) == line


@pytest.mark.parametrize("outcome", OUTCOMES.values(), ids=OUTCOMES)
def test_an_outcome_comes_back_from_its_line_and_from_another_process(outcome: Outcome) -> None:
    line = json.dumps(outcome.to_json())
    back = Outcome.from_json(json.loads(line))
    assert json.dumps(back.to_json()) == line
    assert back._replace(damage=list(back.damage), warnings=list(back.warnings)) == outcome._replace(
        damage=list(outcome.damage), warnings=list(outcome.warnings)
    )
    assert pickle.loads(pickle.dumps(outcome)) == outcome


OLD: dict[str, Any] = {
    "source": "a",
    "source_size": 9,
    "source_time": 8,
    "target": "a.pcap",
    "target_size": 7,
    "target_time": 6,
    "status": "converted",
    "options": "d",
}


@pytest.mark.parametrize(
    ("time", "text"),
    [
        (0, "1970-01-01T00:00:00.000000000Z"),
        (-1, "1969-12-31T23:59:59.999999999Z"),
        (1_795_955_936_744_857_246, "2026-11-29T12:38:56.744857246Z"),
        (253_402_300_799_999_999_999, "9999-12-31T23:59:59.999999999Z"),
        (253_402_300_800_000_000_000, 253_402_300_800_000_000_000),
        ('"etag"', '"etag"'),
        ("2026-11-29T12:38:56+00:00", "2026-11-29T12:38:56+00:00"),
        (None, None),
    ],
)
def test_times_have_all_their_digits(time: int | str | None, text: int | str | None) -> None:
    assert State(1, time).time_as_json == text
    assert State.from_json(1, text) == State(1, time)
    assert State.from_json(1, json_form.plain(text)) == State(1, time)


def test_what_an_older_line_lacks_is_at_its_default() -> None:
    assert Outcome.from_json(OLD) == Outcome(
        "a", State(9, 8), "a.pcap", "converted", "d", None, None, target_state=State(7, 6)
    )


def test_fields_that_nobody_knows_are_passed_over() -> None:
    assert Outcome.from_json(OLD | {"sidecars": 1, "target_state": 2, "colour": "red"}) == Outcome.from_json(OLD)


@pytest.mark.parametrize("line", [17, "source", [OLD], None], ids=repr)
def test_what_is_no_line_is_refused(line: Any) -> None:
    with pytest.raises(TypeError):
        Outcome.from_json(line)


@pytest.mark.parametrize("field", OLD)
def test_a_line_that_lacks_what_resuming_needs_is_refused(field: str) -> None:
    with pytest.raises(KeyError, match=field):
        Outcome.from_json({name: value for name, value in OLD.items() if name != field})


# ---------------------------------------------------------------- what a job may replace

ASKED = {"": Action.CREATE, "force": Action.REPLACE, "in place": Action.REPLACE_TARGET}


@pytest.mark.parametrize(
    ("asked", "there", "ours", "action"),
    [
        ("", None, [], Action.CREATE),
        ("", b"target", [], Action.REFUSE),
        ("", b"target", ["matches"], Action.SKIP),
        ("", b"target", ["matches", "other source"], Action.REPLACE),
        ("", b"target", ["matches", "other source", "other options"], Action.REPLACE_TARGET),
        ("", b"target", ["matches", "other tree"], Action.REFUSE),
        ("", b"changed", ["matches"], Action.REFUSE_TARGET),
        ("", b"changed", ["matches", "other options"], Action.REFUSE),
        ("", None, ["matches"], Action.REPLACE),
        ("", None, ["matches", "other options"], Action.REPLACE_TARGET),
        ("force", None, [], Action.REPLACE),
        ("force", b"target", [], Action.REPLACE),
        ("force", b"target", ["matches"], Action.SKIP),
        ("force", b"changed", ["matches", "other options"], Action.REPLACE),
        ("in place", b"target", [], Action.REPLACE_TARGET),
        ("in place", b"changed", ["matches"], Action.REPLACE),
        ("in place", b"changed", ["matches", "other options"], Action.REPLACE_TARGET),
    ],
)
def test_the_action_of_a_job(tmp_path: Path, asked: str, there: bytes | None, ours: list[str], action: Action) -> None:
    """`ours` is a line of the manifest, and how it differs from one that is about this job and a target of 6 bytes."""
    path = tmp_path / "a.pcap"
    time: int | None = None
    if there is not None:
        path.write_bytes(there)
        time = path.stat().st_mtime_ns
    done = DoneLine("a", 9, 8, len(b"target"), time, Terms("d", "/r", "damaged", key_log=False), None, None)
    changes: dict[str, dict[str, Any]] = {
        "other source": {"source_size": 10},
        "other options": {"terms": done.terms._replace(options_digest="e")},
        "other tree": {"terms": done.terms._replace(root="/s")},
    }
    for change in ours[1:]:
        done = done._replace(**changes[change])
    job = JOB._replace(target=str(path), action=ASKED[asked])
    known = {"a.pcap": [done]} if ours else {}
    left, others = decide_actions([job], str(tmp_path), SETTINGS, known, resume=True)
    outcomes = list(others)
    if action is Action.SKIP:
        assert (left, [(each.status, each.damaged_before) for each in outcomes]) == ([], [("up_to_date", True)])
    else:
        assert ([each.action for each in left], outcomes) == ([action], [])


def test_what_an_action_allows() -> None:
    """Whether it replaces the target and its key log, and whether there is a target that it may not replace."""
    allowed = {each: (each.replaces_target, each.replaces_key_log, each.refuses) for each in Action}
    assert allowed == {
        Action.CREATE: (False, False, False),
        Action.REPLACE_TARGET: (True, False, False),
        Action.REPLACE: (True, True, False),
        Action.REFUSE_TARGET: (False, True, True),
        Action.REFUSE: (False, False, True),
        Action.FAIL_WITHOUT_SIDECAR: (False, False, False),
        Action.SKIP: (False, False, False),
    }


# ---------------------------------------------------------------- the digest of options


@pytest.mark.parametrize(
    ("options", "digest"),
    [
        ({}, "6b0bc3167045fc80"),
        ({"to": "pcap"}, "0654e4e5a7758a2b"),
        ({"nanoseconds": True, "on_loss": "fail", "strict": True}, "bf3eeb86f1b0326a"),
        ({"fractions": "nanoseconds"}, "c783e34415c4e0c9"),
        ({"keep_snaplen": True}, "63364703f6043151"),
        ({"to": "pcap", "sidecar": True, "sidecar_secrets": True}, "8cf9778984428c01"),
        ({"strip": ["comments"], "chop": 1, "first": 2, "invert": False}, "da03563c95ed2a18"),
        ({"inject_secrets": ["tls,k"]}, "1a844a05b7b6707c"),
        ({"fsync": False, "force": True, "follow_links": True, "on_loss": "ignore"}, "6b0bc3167045fc80"),
    ],
    ids=str,
)
def test_the_digest_of_options_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, Any], digest: str
) -> None:
    """Manifests of earlier versions have it: with another one, --resume would do all again."""
    monkeypatch.chdir(tmp_path)
    Path("k").write_bytes(b"CLIENT_RANDOM x y\n")
    Path("in").mkdir()
    Path("in", "a").write_bytes(wire.section_header() + wire.interface())
    with ThreadPoolExecutor(1) as executor:
        batch("in", "out", executor=executor, **options)
    assert json.loads(Path("out", MANIFEST).read_bytes())["options"] == digest
