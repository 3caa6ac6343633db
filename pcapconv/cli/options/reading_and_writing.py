"""The options for reading and writing captures, for sidecars and for reports."""

from __future__ import annotations

from pcapconv.cli.commands import HELP
from pcapconv.cli.grammar import Option
from pcapconv.cli.options.groups import (
    ALL,
    BATCH,
    CONVERTING,
    INFO,
    JOIN,
    MERGE,
    NORMALIZE,
    READ,
    READING,
    REPORTED,
    SHOW,
    SIDECARS,
    SPLIT,
    TABLE,
    WRITING,
    WRITTEN,
)
from pcapconv.io.compression import COMPRESSION_NAMES

_SALVAGE = (
    "Read on behind damage, at the next packets that are certain. Each stretch that is left out is named with its "
    "offset and length, and the status is 3."
)
_READ = (
    Option(
        "fractions",
        "text",
        "Read a pcap file's fractions as nanoseconds",
        READ,
        READING,
        choices=("nanoseconds",),
        manual="From pcap: read the fractions of a second as nanoseconds, whatever the magic number states.",
    ),
    Option(
        "salvage",
        "flag",
        "Read on behind damage",
        READ,
        (*CONVERTING, "table"),
        manual=f"{_SALVAGE} Not together with `--strict`.",
        page="how-to/repair#packets-behind-damage",
    ),
    Option(
        "salvage",
        "flag",
        "Read on behind damage",
        READ,
        (*INFO, *SHOW),
        manual=_SALVAGE,
        page="how-to/repair#packets-behind-damage",
    ),
    Option(
        "strict",
        "flag",
        "Refuse damaged input, with status 1",
        READ,
        ("convert", "split", "merge", "table"),
        manual="Refuse damaged input, with status 1 and no output. Default: keep what can be read, with status 3.",
    ),
    Option(
        "strict",
        "switch",
        "Refuse damaged input, with status 1",
        READ,
        NORMALIZE,
        manual="Refuse damaged input, with status 1 and no output. Default: keep what can be read, with status 3.",
    ),
    Option(
        "strict",
        "flag",
        "Fail on damaged files and on non-captures",
        READ,
        BATCH,
        manual="Let damaged captures fail, and files that are not captures. Default: convert what can be read, and "
        "skip files that are not captures.",
    ),
)

_ENDED = (
    Option(
        "stop_early",
        "flag",
        "Of pcapng, read nothing after the last packet",
        READ,
        ("convert", "split"),
        manual="Read nothing after the last selected packet: with `--first`, with `--packets` whose last range has an "
        "end, or with `--before` and `--in-order`. A pcap capture is read no further even without this option. In "
        "pcapng, names, secrets and statistics may follow, which this option leaves out. `--strict`, a sidecar, "
        "`--last`, `--invert`, `--interface`, `--set-interface` and an output that replaces IN need the whole capture, "
        "which is then read to its end.",
    ),
    Option(
        "stop_early",
        "flag",
        "Of pcapng, read nothing after the last packet",
        READ,
        TABLE,
        manual="Read nothing after the last selected packet: with `--first`, with `--packets` whose last range has an "
        "end, or with `--before` and `--in-order`. A pcap capture is read no further even without this option. "
        "`--strict`, `--last`, `--invert` and `--interface` need the whole capture, which is then read to its end.",
    ),
    Option(
        "in_order",
        "optional",
        "Times go back by at most SLACK; default: 1s",
        READ,
        ("convert", "split", "table", "show"),
        "SLACK",
        example="5s",
        manual="With `--before`: promise that the times of packets go back by no more than SLACK (`--in-order=5s`; "
        "default: 1 s), so that a packet that is late enough ends the selection, as the last one of `--first` does. "
        "The value follows an `=`. A packet that breaks the promise counts as damage (status 3), and the capture is "
        "then read on.",
    ),
)

_KEEP_SNAPLEN = (
    "To pcapng: state the snaplen of the input, even if packets are longer. libpcap stops reading such a file at the "
    "first longer packet. Default: if packets are longer, state 262144 or the length of the longest packet."
)
_IN_PLACE = "give `--strict`, too, or a damaged capture loses what cannot be read."
_COMPRESSED = (
    "How to compress the output: `gzip`, `zstd`, `xz`, `bzip2`, `lz4` or `none`. Default: by the suffix (`.gz`, "
    "`.zst`, `.xz`, `.bz2`, `.lz4`, as in `x.pcapng.gz`); stdout not at all"
)
_WRITTEN = (
    Option(
        "to",
        "text",
        "The format to write; default: by the suffix",
        WRITTEN,
        ("convert", "split", "merge"),
        choices=("pcap", "pcapng"),
        manual="The format to write. Default: the format of the output's suffix.",
    ),
    Option(
        "to",
        "text",
        "The kind of file; default: by the suffix",
        WRITTEN,
        TABLE,
        choices=("parquet", "arrow", "arrows"),
        manual="The kind of file: `parquet`, `arrow` (a file of Arrow, also called Feather) or `arrows` (a stream of "
        "Arrow). Default: by the suffix of OUT, `.parquet`, `.arrow` or `.feather`, `.arrows`.",
    ),
    Option(
        "to",
        "text",
        "The format to write; default: OUT's, or pcapng",
        WRITTEN,
        NORMALIZE,
        choices=("pcap", "pcapng"),
        manual="The format to write. Default: pcap if OUT has the suffix of pcap, else pcapng.",
    ),
    Option(
        "to",
        "text",
        "The format to write; default: each its own",
        WRITTEN,
        BATCH,
        choices=("pcap", "pcapng"),
        manual="The format to write. Default: each file keeps its format.",
    ),
    Option(
        "compress",
        "text",
        "Compress OUT; default: by the suffix",
        WRITTEN,
        ("convert", "split", "join", "normalize"),
        choices=COMPRESSION_NAMES,
        example="zstd",
        manual=f"{_COMPRESSED}; an output that replaces IN as IN is.",
    ),
    Option(
        "compress",
        "text",
        "Compress OUT; default: by the suffix",
        WRITTEN,
        MERGE,
        choices=COMPRESSION_NAMES,
        example="zstd",
        manual=f"{_COMPRESSED}.",
    ),
    Option(
        "compress",
        "text",
        "Compress targets; default: each as it is",
        WRITTEN,
        BATCH,
        choices=COMPRESSION_NAMES,
        example="zstd",
        manual="How to compress the targets, which get the suffix of this compression: `gzip`, `zstd`, `xz`, `bzip2`, "
        "`lz4` or `none`. Default: each target keeps the suffix of its source's name (`a.pcap.gz`, `a.pcapng.gz`) and "
        "is compressed by it.",
    ),
    Option(
        "compress_level",
        "number",
        "The level of the compression",
        WRITTEN,
        WRITING,
        "N",
        example="9",
        manual="The level of the compression, with the default in parentheses: gzip 1 to 9 (1; levels 1 to 3 take a "
        "tenth of the time of the others), zstd 1 to 22 (3), xz 0 to 9 (4), bzip2 1 to 9 (9), lz4 0 to 16 (0).",
    ),
    Option(
        "force",
        "flag",
        "Replace what exists; OUT may be IN",
        WRITTEN,
        ("convert",),
        short="f",
        manual="Replace files that exist: the output, the sidecar, the key log, the report. OUT may be IN; "
        f"{_IN_PLACE}",
    ),
    Option(
        "force",
        "flag",
        "Replace what exists; OUT may be IN",
        WRITTEN,
        NORMALIZE,
        short="f",
        manual=f"Replace files that exist: the output, the report. OUT may be IN; {_IN_PLACE}",
    ),
    Option(
        "force",
        "flag",
        "Replace what exists; OUT may be an input",
        WRITTEN,
        MERGE,
        short="f",
        manual="Replace files that exist: the output, the key log, the report. OUT may be one of the inputs; "
        f"{_IN_PLACE}",
    ),
    Option(
        "force",
        "flag",
        "Replace what exists",
        WRITTEN,
        SPLIT,
        short="f",
        manual="Replace files that exist: the parts, the sidecar, the key log, the report.",
    ),
    Option(
        "force",
        "flag",
        "Replace what exists",
        WRITTEN,
        (*JOIN, "table"),
        short="f",
        manual="Replace files that exist: the output, the report.",
    ),
    Option(
        "force",
        "flag",
        "Replace targets that exist",
        WRITTEN,
        BATCH,
        short="f",
        manual="Replace targets that exist. With `--resume`, targets that the batch itself wrote need no `--force`.",
    ),
    Option(
        "on_loss",
        "text",
        "If OUT cannot hold everything; default: warn",
        WRITTEN,
        ("convert", "split", "merge", "normalize"),
        choices=("warn", "ignore", "fail"),
        example="fail",
        manual="What happens if the output cannot hold everything: `warn` writes it with a warning, `ignore` writes it "
        "without one, `fail` writes nothing and ends with status 4. Default: `warn`.",
    ),
    Option(
        "on_loss",
        "text",
        "If a target cannot hold all; default: warn",
        WRITTEN,
        BATCH,
        choices=("warn", "ignore", "fail"),
        example="fail",
        manual="What happens if a target cannot hold everything: `warn` writes it with a warning, `ignore` writes it "
        "without one, `fail` lets the file fail. The status is 4 if files fail for this reason alone. Default: `warn`.",
    ),
    Option(
        "nanoseconds",
        "flag",
        "From pcapng to pcap: write nanoseconds",
        WRITTEN,
        CONVERTING,
        manual="From pcapng to pcap: write times in nanoseconds. Default: write microseconds if a tick of every "
        "interface is a whole number of microseconds, else nanoseconds.",
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
        (*WRITING, "table"),
        on_by_default=True,
        manual="Do not sync a new file to disk before it replaces an old one. This is faster for thousands of files, "
        "but a power failure may leave an empty file.",
    ),
)

_SIDECARS = (
    Option(
        "sidecar",
        "flag",
        "Keep what pcap cannot hold in OUT.meta.json",
        SIDECARS,
        ("convert",),
        manual="To pcap: write what pcap cannot hold to `OUT.meta.json`. From pcap: restore it from `IN.meta.json`. "
        "From pcap to pcap: write the first, and read the second if it exists. Not together with `--sidecar-file`.",
        page="how-to/sidecars",
    ),
    Option(
        "sidecar",
        "flag",
        "Keep what pcap cannot hold in STEM.meta.json",
        SIDECARS,
        SPLIT,
        manual="With `--by link-type`, to pcap: write what pcap cannot hold to `STEM.meta.json`, from which "
        "`pcapconv join` rebuilds the capture. STEM is the name of IN without its suffix.",
        page="how-to/sidecars",
    ),
    Option(
        "sidecar",
        "flag",
        "Keep what pcap cannot hold beside each pcap",
        SIDECARS,
        BATCH,
        manual="Write a sidecar beside each pcap file that is made from pcapng, and read the sidecar of each pcap file "
        "that has one, also behind URLs. A file beside a capture that is named like its sidecar is never taken for a "
        "capture.",
        page="how-to/sidecars",
    ),
    Option(
        "sidecar_file",
        "text",
        "Like --sidecar, with FILE as the sidecar",
        SIDECARS,
        ("convert",),
        "FILE",
        example="case.json",
        manual="Use FILE as the sidecar: from pcapng it is written, from pcap it is read. From pcap to pcap, "
        "`OUT.meta.json` is also written.",
    ),
    Option(
        "sidecar_secrets",
        "flag",
        "Put secrets into the sidecar, too",
        SIDECARS,
        ("convert", "batch"),
        manual="Keep secrets in the sidecar that is written, too. Then only its owner may read it; behind a URL, the "
        "rules of the store decide who may. Without this option, the conversion back to pcapng reports how many "
        "secrets are missing, and `--on-loss fail` refuses it.",
    ),
    Option(
        "sidecar_secrets",
        "flag",
        "Put secrets into the sidecar, too",
        SIDECARS,
        SPLIT,
        manual="Keep secrets in the sidecar, too. Then only its owner may read it. Without this option, "
        "`pcapconv join` warns of the secrets that are missing.",
    ),
    Option(
        "sidecar_fingerprints",
        "flag",
        "Recognise packets of a file edited since",
        SIDECARS,
        ("convert", "batch"),
        manual="Store a fingerprint of each packet in the sidecar that is written. With fingerprints, packets are "
        "recognised after other tools have edited the pcap file. They take 13.4 bytes for each packet, up to 16 with "
        "times in nanoseconds. Without them, the sidecar of a plain capture has about 600 bytes.",
    ),
)

_REPORTED = (
    Option(
        "report",
        "text",
        "Write a report as JSON; - for stdout",
        REPORTED,
        ("convert", "split", "merge", "join", "normalize", "table"),
        "FILE",
        example="report.json",
        manual="Write a report of the conversion as JSON. FILE may be `-` for stdout.",
        page="reference/json#--report",
    ),
    Option(
        "report",
        "text",
        "Write the outcome of each file as JSON",
        REPORTED,
        BATCH,
        "FILE",
        example="report.json",
        manual="Write the numbers of the batch and the outcome of each file as JSON. FILE may be `-` for stdout. With "
        "`--resume`, it replaces the report of an earlier run.",
        page="reference/json#batch---report",
    ),
    Option(
        "junit",
        "text",
        "The same as JUnit XML, for CI systems",
        REPORTED,
        BATCH,
        "FILE",
        example="junit.xml",
        manual="Write the outcome of each file as JUnit XML: a failed file is an error, a damaged file a failure. "
        "FILE may be `-` for stdout. With `--resume`, it replaces the file of an earlier run. The files are in "
        "the order of their names.",
    ),
    Option(
        "junit",
        "text",
        "With --check: the results as JUnit XML, for CI",
        REPORTED,
        NORMALIZE,
        "FILE",
        example="junit.xml",
        manual="With `--check`: write the result of each capture as JUnit XML. A capture that is damaged or not in its "
        "normal form is a failure; one that cannot be checked is an error. FILE may be `-` for stdout. `--force` "
        "replaces an existing file. The captures are in the order of their names.",
        page="how-to/golden-captures#for-ci-systems",
    ),
    Option(
        "progress",
        "text",
        "Print a line of JSON on stderr every second",
        REPORTED,
        BATCH,
        choices=("json",),
        manual="Print the progress on stderr as a line of JSON, every second and at the end.",
        page="reference/json#batch---progress-json",
    ),
    Option(
        "quiet",
        "flag",
        "No progress bar and no closing line",
        REPORTED,
        (*WRITING, "table"),
        short="q",
        manual="Print no progress bar and no closing line. Warnings are still printed.",
    ),
    Option(
        "debug",
        "flag",
        "Show a traceback with an error",
        REPORTED,
        ALL,
        manual="Show a Python traceback with an error.",
    ),
    HELP._replace(group=REPORTED, commands=ALL, manual="Show a page with a line for each option."),
)

READING_AND_WRITING = _READ + _ENDED + _WRITTEN + _SIDECARS + _REPORTED
