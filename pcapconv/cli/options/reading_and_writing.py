"""The options of what is read, written and reported."""

from __future__ import annotations

from pcapconv.cli.commands import HELP
from pcapconv.cli.grammar import Option
from pcapconv.cli.options.groups import (
    ALL,
    BATCH,
    CONVERTING,
    NORMALIZE,
    READ,
    READING,
    REPORTED,
    SIDECARS,
    SPLIT,
    WRITING,
    WRITTEN,
)

_READ = (
    Option(
        "fractions",
        "text",
        "Read a pcap file's fractions as nanoseconds",
        READ,
        READING,
        choices=("nanoseconds",),
        more="from pcap: read the fractions of a second as nanoseconds, whatever the magic number says",
    ),
    Option(
        "strict",
        "flag",
        "Refuse damaged input, with status 1",
        READ,
        ("convert", "split"),
        more="refuse damaged input, with status 1 and no output",
    ),
    Option("strict", "switch", "Refuse damaged input, with status 1", READ, NORMALIZE),
    Option(
        "strict",
        "flag",
        "Damaged files fail, and what is no capture",
        READ,
        BATCH,
        more="damaged captures fail, and what is not a capture fails instead of being skipped",
    ),
)

_KEEP_SNAPLEN = (
    "to pcapng: state the snaplen as it is, also where packets are longer (which libpcap refuses); else 262144"
)
_WRITTEN = (
    Option(
        "to",
        "text",
        "The format to write; else the suffix tells",
        WRITTEN,
        ("convert", "split"),
        choices=("pcap", "pcapng"),
        more="the format to write, whatever the suffix of the output",
    ),
    Option(
        "to",
        "text",
        "The format to write; else OUT's, or pcapng",
        WRITTEN,
        NORMALIZE,
        choices=("pcap", "pcapng"),
        more="the format to write; without it, pcapng unless the suffix of OUT says pcap",
    ),
    Option(
        "to",
        "text",
        "The format to write; else each keeps its own",
        WRITTEN,
        BATCH,
        choices=("pcap", "pcapng"),
        more="the format to write; without it, each file keeps its own",
    ),
    Option(
        "force",
        "flag",
        "Replace what exists; OUT may be IN",
        WRITTEN,
        ("convert", "normalize"),
        short="f",
        more="replace files that exist, a report's and the like too; OUT may be IN",
    ),
    Option(
        "force",
        "flag",
        "Replace what exists",
        WRITTEN,
        ("split", "join"),
        short="f",
        more="replace files that exist, a report's and the like too",
    ),
    Option(
        "force",
        "flag",
        "Replace targets that exist",
        WRITTEN,
        BATCH,
        short="f",
        more="replace targets that exist; with `--resume`, those that the batch itself wrote need no `--force`",
    ),
    Option(
        "on_loss",
        "text",
        "When OUT cannot hold all; fail writes nothing",
        WRITTEN,
        ("convert", "split", "normalize"),
        choices=("warn", "ignore", "fail"),
        example="fail",
        more="what to do when the target cannot hold everything: `warn` unless you say otherwise; `ignore` says "
        "nothing of it; `fail` writes nothing, status 4",
    ),
    Option(
        "on_loss",
        "text",
        "When a target cannot hold all; fail: it fails",
        WRITTEN,
        BATCH,
        choices=("warn", "ignore", "fail"),
        example="fail",
        more="what to do when a target cannot hold everything: `warn` unless you say otherwise; `ignore` says "
        "nothing of it; with `fail`, such files fail, status 4 where no other one does",
    ),
    Option(
        "nanoseconds",
        "flag",
        "From pcapng to pcap: write nanoseconds",
        WRITTEN,
        CONVERTING,
        more="from pcapng to pcap: write nanoseconds, whatever the interfaces say",
    ),
    Option(
        "keep_snaplen",
        "flag",
        "Keep the snaplen where packets are longer",
        WRITTEN,
        CONVERTING,
        more=_KEEP_SNAPLEN,
    ),
    Option(
        "keep_snaplen",
        "switch",
        "Keep the snaplen where packets are longer",
        WRITTEN,
        NORMALIZE,
        more=_KEEP_SNAPLEN,
    ),
    Option(
        "fsync",
        "switch",
        "Do not wait for the disk before replacing",
        WRITTEN,
        WRITING,
        on_by_default=True,
        more="do not wait for the disk before a file is replaced: faster for thousands of files, but a power failure "
        "may leave an empty one",
    ),
)

_SIDECARS = (
    Option(
        "sidecar",
        "flag",
        "Keep what pcap cannot hold in OUT.meta.json",
        SIDECARS,
        ("convert",),
        more="to pcap: write `OUT.meta.json`; from pcap: read `IN.meta.json`. From pcap to pcap: write one, and read "
        "the other if it is there. Not together with `--sidecar-file`",
    ),
    Option(
        "sidecar",
        "flag",
        "Keep what pcap cannot hold in STEM.meta.json",
        SIDECARS,
        SPLIT,
        more="with `--by link-type`: keep what pcap cannot hold in `STEM.meta.json`, for `pcapconv join`",
    ),
    Option(
        "sidecar",
        "flag",
        "Keep what pcap cannot hold beside each pcap",
        SIDECARS,
        BATCH,
        more="write a [sidecar](#sidecars) beside each pcap file that comes from pcapng; read one wherever it lies "
        "beside a pcap file, also behind URLs. Files named like sidecars beside a capture are never taken for "
        "captures",
    ),
    Option(
        "sidecar_file",
        "text",
        "The same, in FILE instead",
        SIDECARS,
        ("convert",),
        "FILE",
        example="case.json",
        more="from pcap: read FILE instead (to pcap, `OUT.meta.json` is written); from pcapng: write FILE instead",
    ),
    Option(
        "sidecar_secrets",
        "flag",
        "Let secrets into it; only its owner may read it",
        SIDECARS,
        CONVERTING,
        more="let secrets into the sidecar that is written, which then only its owner may read; without it the way "
        "back says how many are missing, and `--on-loss fail` refuses",
    ),
    Option(
        "sidecar_fingerprints",
        "flag",
        "Let it know packets again in an edited file",
        SIDECARS,
        ("convert", "batch"),
        more="let the sidecar that is written know packets again after other tools edited the pcap file; "
        "takes 13.4 bytes for each, or up to 16 with times in nanoseconds. Without, the sidecar of a plain "
        "capture has some 600 bytes",
    ),
)

_REPORTED = (
    Option(
        "report",
        "text",
        "Write what happened as JSON; - for stdout",
        REPORTED,
        ("convert", "split", "join", "normalize"),
        "FILE",
        example="report.json",
        more="what happened, as JSON; `-` for stdout",
    ),
    Option(
        "report",
        "text",
        "Write what became of each file as JSON",
        REPORTED,
        BATCH,
        "FILE",
        example="report.json",
        more="what became of each file, as JSON; `-` for stdout. With `--resume`, it replaces the report of the run "
        "before",
    ),
    Option(
        "junit",
        "text",
        "The same as JUnit XML, for CI systems",
        REPORTED,
        BATCH,
        "FILE",
        example="junit.xml",
        more="what became of each file, as JUnit XML; `-` for stdout; with `--resume` as for `--report`",
    ),
    Option(
        "progress",
        "text",
        "A line on stderr every second",
        REPORTED,
        BATCH,
        choices=("json",),
        more="say on stderr every second, and at the end, how far the batch is, as a line of JSON",
    ),
    Option(
        "quiet",
        "flag",
        "No progress bar and no closing line",
        REPORTED,
        WRITING,
        short="q",
        more="no progress bar and no closing line; warnings stay",
    ),
    Option("debug", "flag", "Show a traceback with an error", REPORTED, ALL, more="a traceback with an error"),
    HELP._replace(group=REPORTED, commands=ALL, more="a page with a line for each option"),
)

FILES_OF_A_COMMAND = _READ + _WRITTEN + _SIDECARS + _REPORTED
