"""Which options a target is called with: sound ones for the most part, taken at random."""

from __future__ import annotations

from collections.abc import Callable
from random import Random
from typing import Any

from pcapconv.arrow.column_names import COLUMNS as COLUMNS_OF_TABLES
from pcapconv.listing.columns import COLUMNS
from pcapconv.listing.times import TIMES as TIMES_OF_LINES
from pcapconv.normalizing.normal_form import KEPT
from pcapconv.steps.step_arguments import SelectingArguments
from pcapconv.steps.strip import NARROW_KINDS, STRIP_KINDS

Options = dict[str, Any]
FORMATS = ("pcap", "pcapng")
TIMES = [
    "1714564800",
    "+0.5s",
    "+1s",
    "+1500ms",
    "2024-05-01T12:00:01Z",
    "2024-05-01T14:00:01",
    "0",
    "4294967296.5",
    "+100h",
    "1e3",
    "-5",
]
SHIFTS = ["1s", "-1s", "0.000000001s", "-0.0000001s", "1h", "-60000d", "100000d", "1us"]
COUNTS = [1, 1, 2, 3, 10, 1000]

STEP_CHOICES: dict[str, list[Any]] = {
    "sort": [True],
    "timezone": ["UTC", "local", "Europe/Berlin", "America/St_Johns"],
    "after": TIMES,
    "before": TIMES,
    "packets": ["1", "2-", "1-2,4-", "3,1", "2-2", "1000-"],
    "drop_packets": ["1", "2-", "1-2,4-"],
    "first": COUNTS,
    "last": COUNTS,
    "interface": [["0"], ["0:0"], ["1"], ["eth0"], ["1:0"], ["0", "1"]],
    "comment_matches": ["", "retry", "^.*$", "\\\\x"],
    "direction": ["in", "out"],
    "filter": ["greater 20", "tcp port 80", "link[0] = 7", "ip or arp", "inbound", "ip6 protochain 58"],
    "dedup": [1, 4, 1000, "0s", "1ms", "1s", "100000d"],
    "dedup_ignore": [["interface"], ["length"], ["interface,length"]],
    "dedup_skip": [1, 14, 1000, "link-layer"],
    "invert": [True],
    "decapsulate": [["all"], ["vxlan"], ["gre", "erspan"], ["geneve,gtp,ipip"]],
    "only_decapsulated": [True],
    "snaplen": [1, 4, 16, 60, 65535],
    "chop": [[1], [4], [-4], [4, -4], [1000], ["12:4"], ["-8:-4", 2], ["4:-2", "8:4", -1]],
    "adjust_length": [True],
    "shift_time": SHIFTS,
    "rebase_time": TIMES,
    "set_time": [["1:1714564800"], ["1:0", "2:1.5"], ["3:2024-05-01T12:00:01Z"]],
    "capture_comment": [["seen"], ["", "twice"], ["caf\u00e9"]],
    "packet_comment": [["1:seen"], ["1:a", "2:b"], ["2:"]],
    "set_interface": [["0.name=eth7"], ["0:0.description=uplink"], ["eth0.name=wan"], ["0.snaplen=64"]],
    "link_type": ["1", "raw", "276", "65535"],
    "strip": [[kind] for kind in STRIP_KINDS + NARROW_KINDS] + [list(STRIP_KINDS), list(NARROW_KINDS)],
}

SELECTING_CHOICES = sorted(STEP_CHOICES.keys() & SelectingArguments.__annotations__)


def _steps(random: Random, most: int = 3) -> Options:
    names = random.sample(sorted(STEP_CHOICES), random.randint(0, most))
    return {name: random.choice(STEP_CHOICES[name]) for name in names}


def _some(random: Random, **values: Any) -> Options:
    """Each with one chance in three; a list stands for one of its values."""
    return {
        name: random.choice(value) if isinstance(value, list) else value
        for name, value in values.items()
        if not random.randrange(3)
    }


def _read(random: Random) -> Options:
    return _some(random, strict=True)


def _info(random: Random) -> Options:
    return _some(random, timezone=["UTC", "America/St_Johns"], filter=["ip or arp", "tcp port 80"])


def _show(random: Random) -> Options:
    selecting = {name: values for name, values in STEP_CHOICES.items() if name in SelectingArguments.__annotations__}
    names = random.sample(sorted(selecting), random.randint(0, 2)) if not random.randrange(3) else []
    chosen = {name: random.choice(selecting[name]) for name in names}
    columns = random.sample(sorted(COLUMNS), random.randint(1, 6))
    return chosen | _some(random, time=list(TIMES_OF_LINES), inner=True, columns=[columns])


def _convert(random: Random) -> Options:
    more = _steps(random) if random.randrange(2) else {}
    some = _some(random, strict=True, on_loss=["ignore", "fail"], nanoseconds=True)
    return {"to": random.choice(FORMATS), **some, **more}


def _merge(random: Random) -> Options:
    ways: list[Options] = [{}, {}, {"append": True}, {"separate_interfaces": True}]
    return random.choice(ways) | _convert(random)


def _normalize(random: Random) -> Options:
    return {"to": random.choice(FORMATS)} | _some(
        random,
        strict=True,
        on_loss=["ignore", "ignore", "fail"],
        sort=True,
        rebase_time=TIMES,
        mask_time=True,
        keep=[[kind] for kind in STRIP_KINDS] + [list(STRIP_KINDS)],
        strip=[[kind] for kind in sorted(KEPT)],
    )


def _diff(random: Random) -> Options:
    ignorable = ["time", "lengths", "interfaces", "comments", "direction", "names", "secrets"]
    ignore = random.sample(ignorable, random.randint(1, 3))
    return _some(random, ignore=[ignore], time_tolerance=["1ms", "1s", "1ns"], all=True, show=[0, 1, 1000])


def _split(random: Random) -> Options:
    ways: list[Options] = [
        {"max_packets": random.choice([1, 2, 5])},
        {"max_bytes": random.choice(["1000", "4000", "1MB"])},
        {"interval": random.choice(["250ms", "1s", "1h", "1000000d"]), "align": bool(random.randrange(2))},
        {"by": random.choice(["interface", "link-type", "section"])},
        {"by": random.choice(["flow", "host"])},
        {"by": "link-type", "sidecar": True, "sidecar_secrets": bool(random.randrange(2))},
    ]
    way = random.choice(ways)
    to = "pcap" if "sidecar" in way else random.choice(FORMATS)
    more = _steps(random, 2) if not random.randrange(3) else {}
    return {"to": to, **way, **_some(random, strict=True, on_loss=["ignore", "fail"]), **more}


def _sidecar(random: Random) -> Options:
    more = _steps(random, 2) if not random.randrange(3) else {}
    some = _some(random, sidecar_fingerprints=True, strict=True, nanoseconds=True)
    return {"sidecar_secrets": bool(random.randrange(4)), **some, **more}


def _restore(random: Random) -> Options:
    return _steps(random, 2) if not random.randrange(4) else {}


def _batch(random: Random) -> Options:
    return _convert(random)


def _table(random: Random) -> Options:
    columns = random.sample(sorted(COLUMNS_OF_TABLES), random.choice([1, 3, 10, len(COLUMNS_OF_TABLES)]))
    names = random.sample(SELECTING_CHOICES, 2) if not random.randrange(3) else []
    selecting = {name: random.choice(STEP_CHOICES[name]) for name in names}
    to = random.choice(["parquet", "arrow", "arrows"])
    return {"to": to, "columns": columns, **_some(random, strict=True, inner=True), **selecting}


CHOICES: dict[str, Callable[[Random], Options]] = {
    "read": _read,
    "info": _info,
    "show": _show,
    "convert": _convert,
    "merge": _merge,
    "normalize": _normalize,
    "diff": _diff,
    "split": _split,
    "sidecar": _sidecar,
    "restore": _restore,
    "batch": _batch,
    "table": _table,
}
