"""The options for reading and writing captures, for sidecars and for reports."""

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
        manual="from pcap: read the fractions of a second as nanoseconds, whatever the magic number says",
    ),
    Option(
        "strict",
        "flag",
        "Refuse damaged input, with status 1",
        READ,
        ("convert", "split"),
        manual="refuse damaged input, with status 1 and no output",
    ),
    Option("strict", "switch", "Refuse damaged input, with status 1", READ, NORMALIZE),
    Option(
        "strict",
        "flag",
        "Fail on damaged files and on non-captures",
        READ,
        BATCH,
        manual="let damaged captures fail, and files that are not captures, which are skipped otherwise",
    ),
)

_ENDED = (
    Option(
        "stop_early",
        "flag",
        "Of pcapng, read nothing after the last packet",
        READ,
        ("convert", "split"),
        manual="read nothing after the last selected packet: with `--first`, with `--packets` whose last range has an "
        "end, or with `--before` and `--in-order`. A pcap capture is read no further even without this option. In "
        "pcapng, names, secrets and statistics may follow, which this option leaves out. `--strict`, a sidecar, "
        "`--last`, `--invert`, `--interface`, `--set-interface` and an output that replaces IN need the whole capture, "
        "which is then read to its end",
    ),
    Option(
        "in_order",
        "optional",
        "Times go back by at most SLACK; default: 1s",
        READ,
        ("convert", "split"),
        "SLACK",
        example="5s",
        manual="with `--before`: promise that the times of packets go back by no more than SLACK (`--in-order=5s`; "
        "default: 1 s), so that a packet that is late enough ends the selection, as the last one of `--first` does. "
        "The value follows an `=`. A packet that breaks the promise counts as damage (status 3), and the capture is "
        "then read on",
    ),
)

_KEEP_SNAPLEN = (
    "to pcapng: state the snaplen as it is, even if packets are longer (libpcap then refuses the file); default: state "
    "262144 instead"
)
_WRITTEN = (
    Option(
        "to",
        "text",
        "The format to write; default: by the suffix",
        WRITTEN,
        ("convert", "split"),
        choices=("pcap", "pcapng"),
        manual="the format to write; default: by the suffix of the output",
    ),
    Option(
        "to",
        "text",
        "The format to write; default: OUT's, or pcapng",
        WRITTEN,
        NORMALIZE,
        choices=("pcap", "pcapng"),
        manual="the format to write; default: pcapng, unless the suffix of OUT says pcap",
    ),
    Option(
        "to",
        "text",
        "The format to write; default: each its own",
        WRITTEN,
        BATCH,
        choices=("pcap", "pcapng"),
        manual="the format to write; default: each file keeps its own",
    ),
    Option(
        "force",
        "flag",
        "Replace what exists; OUT may be IN",
        WRITTEN,
        ("convert", "normalize"),
        short="f",
        manual="replace files that exist, such as the output and the report; OUT may be IN",
    ),
    Option(
        "force",
        "flag",
        "Replace what exists",
        WRITTEN,
        ("split", "join"),
        short="f",
        manual="replace files that exist, such as the output and the report",
    ),
    Option(
        "force",
        "flag",
        "Replace targets that exist",
        WRITTEN,
        BATCH,
        short="f",
        manual="replace targets that exist; with `--resume`, targets that the batch itself wrote need no `--force`",
    ),
    Option(
        "on_loss",
        "text",
        "If OUT cannot hold everything; default: warn",
        WRITTEN,
        ("convert", "split", "normalize"),
        choices=("warn", "ignore", "fail"),
        example="fail",
        manual="what to do if the output cannot hold everything: `warn` (default), `ignore` (no warning) or `fail` "
        "(write nothing, status 4)",
    ),
    Option(
        "on_loss",
        "text",
        "If a target cannot hold all; default: warn",
        WRITTEN,
        BATCH,
        choices=("warn", "ignore", "fail"),
        example="fail",
        manual="what to do if a target cannot hold everything: `warn` (default), `ignore` (no warning) or `fail` (the "
        "file fails; status 4 if no file fails otherwise)",
    ),
    Option(
        "nanoseconds",
        "flag",
        "From pcapng to pcap: write nanoseconds",
        WRITTEN,
        CONVERTING,
        manual="from pcapng to pcap: write times in nanoseconds, whatever the resolution of the interfaces",
    ),
    Option(
        "keep_snaplen",
        "flag",
        "Keep the snaplen where packets are longer",
        WRITTEN,
        CONVERTING,
        manual=_KEEP_SNAPLEN,
    ),
    Option(
        "keep_snaplen",
        "switch",
        "Keep the snaplen where packets are longer",
        WRITTEN,
        NORMALIZE,
        manual=_KEEP_SNAPLEN,
    ),
    Option(
        "fsync",
        "switch",
        "Do not sync files to disk before replacing",
        WRITTEN,
        WRITING,
        on_by_default=True,
        manual="do not sync a new file to disk before it replaces an old one: faster for thousands of files, but a "
        "power failure may leave an empty file",
    ),
)

_SIDECARS = (
    Option(
        "sidecar",
        "flag",
        "Keep what pcap cannot hold in OUT.meta.json",
        SIDECARS,
        ("convert",),
        manual="to pcap: write what pcap cannot hold to `OUT.meta.json`; from pcap: restore it from `IN.meta.json`. "
        "From pcap to pcap: write the first, and read the second if it exists. Not together with `--sidecar-file`",
    ),
    Option(
        "sidecar",
        "flag",
        "Keep what pcap cannot hold in STEM.meta.json",
        SIDECARS,
        SPLIT,
        manual="with `--by link-type`: keep what pcap cannot hold in `STEM.meta.json`, for `pcapconv join`",
    ),
    Option(
        "sidecar",
        "flag",
        "Keep what pcap cannot hold beside each pcap",
        SIDECARS,
        BATCH,
        manual="write a [sidecar](#sidecars) beside each pcap file that is made from pcapng, and read the sidecar of "
        "each pcap file that has one, also behind URLs. Files named like sidecars beside a capture are never taken for "
        "captures",
    ),
    Option(
        "sidecar_file",
        "text",
        "Like --sidecar, with FILE as the sidecar",
        SIDECARS,
        ("convert",),
        "FILE",
        example="case.json",
        manual="like `--sidecar`, but from pcapng write FILE, and from pcap read FILE (to pcap, `OUT.meta.json` is "
        "written, too)",
    ),
    Option(
        "sidecar_secrets",
        "flag",
        "Put secrets into the sidecar, too",
        SIDECARS,
        CONVERTING,
        manual="put secrets into the sidecar that is written, too; only its owner may then read it. Without this "
        "option, the conversion back to pcapng says how many secrets are missing, and `--on-loss fail` refuses it",
    ),
    Option(
        "sidecar_fingerprints",
        "flag",
        "Recognise packets of a file edited since",
        SIDECARS,
        ("convert", "batch"),
        manual="put fingerprints into the sidecar that is written, by which packets are recognised after other tools "
        "edited the pcap file; 13.4 bytes for each packet, up to 16 with times in nanoseconds. Without them, the "
        "sidecar of a plain capture has some 600 bytes",
    ),
)

_REPORTED = (
    Option(
        "report",
        "text",
        "Write a report as JSON; - for stdout",
        REPORTED,
        ("convert", "split", "join", "normalize"),
        "FILE",
        example="report.json",
        manual="write a report of the conversion as JSON; `-` for stdout",
    ),
    Option(
        "report",
        "text",
        "Write the outcome of each file as JSON",
        REPORTED,
        BATCH,
        "FILE",
        example="report.json",
        manual="write the outcome of each file as JSON; `-` for stdout. With `--resume`, it replaces the report of an "
        "earlier run",
    ),
    Option(
        "junit",
        "text",
        "The same as JUnit XML, for CI systems",
        REPORTED,
        BATCH,
        "FILE",
        example="junit.xml",
        manual="write the outcome of each file as JUnit XML; `-` for stdout; with `--resume` as for `--report`",
    ),
    Option(
        "progress",
        "text",
        "Print a line of JSON on stderr every second",
        REPORTED,
        BATCH,
        choices=("json",),
        manual="print the progress on stderr as a line of JSON, every second and at the end",
    ),
    Option(
        "quiet",
        "flag",
        "No progress bar and no closing line",
        REPORTED,
        WRITING,
        short="q",
        manual="no progress bar and no closing line; warnings stay",
    ),
    Option("debug", "flag", "Show a traceback with an error", REPORTED, ALL, manual="show a traceback with an error"),
    HELP._replace(group=REPORTED, commands=ALL, manual="show a page with a line for each option"),
)

READING_AND_WRITING = _READ + _ENDED + _WRITTEN + _SIDECARS + _REPORTED
