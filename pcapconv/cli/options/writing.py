"""The options that say how captures are written."""

from __future__ import annotations

from pcapconv.cli.grammar import Option
from pcapconv.cli.options.groups import BATCH, CONVERTING, JOIN, MERGE, NORMALIZE, SPLIT, TABLE, WRITING, WRITTEN
from pcapconv.io.compression import COMPRESSION_NAMES

_KEEP_SNAPLEN = (
    "To pcapng: state the snaplen of the input, even if packets are longer. libpcap stops reading such a file at the "
    "first longer packet. Default: if packets are longer, state 262144 or the length of the longest packet."
)
_IN_PLACE = "give `--strict`, too, or a damaged capture loses what cannot be read."
_COMPRESSED = (
    "How to compress the output: `gzip`, `zstd`, `xz`, `bzip2`, `lz4` or `none`. Default: by the suffix (`.gz`, "
    "`.zst`, `.xz`, `.bz2`, `.lz4`, as in `x.pcapng.gz`); stdout not at all"
)

OPTIONS = (
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
