"""The options for many files: which files `batch` and `normalize` process, and how a batch runs."""

from __future__ import annotations

from pcapconv.cli.grammar import Option
from pcapconv.cli.options.groups import BATCH, FILES, NORMALIZE, RUN

_FILES = (
    Option(
        "include",
        "texts",
        "Take only these files: '*.pcap', 'lab/**'",
        FILES,
        BATCH,
        "GLOB",
        example="'*.pcap'",
        manual="Convert only files that match GLOB: a pattern as in `.gitignore`, relative to SRC, such as `'*.pcap'` "
        "or `'lab/**'`.",
    ),
    Option(
        "exclude",
        "texts",
        "Leave these files out",
        FILES,
        BATCH,
        "GLOB",
        example="'old/**'",
        manual="Leave out files that match GLOB, a pattern as for `--include`.",
    ),
    Option(
        "shard",
        "text",
        "Do the I-th of N parts of the files: 3/16",
        FILES,
        BATCH,
        "I/N",
        example="3/16",
        manual="Convert the I-th of N parts of the files. Every process divides the files in the same way, so that N "
        "processes, such as the tasks of a Slurm array, convert all of them.",
        page="how-to/many-machines",
    ),
    Option(
        "resume",
        "flag",
        "Skip files that an earlier run has done",
        FILES,
        BATCH,
        manual="Skip files that an earlier run converted and that are still up to date: the source has the same size "
        "and time, the options are the same, and the target exists as it was written. With `--sidecar`, the same "
        "holds for its sidecar. Behind a URL, only the target's size is compared. A source from a web server that "
        "gives neither date nor ETag is always converted again.",
    ),
    Option(
        "template",
        "text",
        "Names in DST: '{start:%Y/%m/%d}/{stem}.pcapng'",
        FILES,
        BATCH,
        "TEMPLATE",
        example="'{start:%Y/%m/%d}/{stem}.pcapng'",
        flag_name="target",
        manual="Name the targets below DST by a template. `{start}` is the time of the first packet in the zone "
        "of `--timezone`, UTC by default; `{stem}` is the source's name without its suffix. The format follows the "
        "template's suffix.",
    ),
    Option(
        "follow_links",
        "flag",
        "Follow symbolic links that lead out of DST",
        FILES,
        BATCH,
        manual="Write also through symbolic links in DST that lead out of DST. Without this option, such files fail.",
    ),
    Option(
        "in_place",
        "flag",
        "Rewrite each file where it is, without DST",
        FILES,
        BATCH,
        manual="Rewrite each file where it is, under its own name. There is no DST. A second run applies the edits a "
        "second time. `--resume` protects from that only while the tree keeps its path, the files keep their times, "
        "and the options stay the same. Damaged captures lose what cannot be read, unless you give `--strict`.",
    ),
    Option(
        "check",
        "flag",
        "Only check which files are not normal",
        FILES,
        NORMALIZE,
        manual="Write nothing. For each file that is not in its normal form, print why. If there is such a file, the "
        "status is 1. The same holds for a file in a directory that has the suffix of a capture but is none, and for a "
        "directory without any capture.",
    ),
    Option(
        "in_place",
        "flag",
        "Rewrite each file that is not normal",
        FILES,
        NORMALIZE,
        manual="Rewrite each file that is not in its normal form. Damaged files are left as they are, with status 1.",
    ),
    Option(
        "allow_empty",
        "flag",
        "Accept a directory without any capture",
        FILES,
        ("batch", "normalize"),
        manual="Accept a directory that holds no capture. Without this option, such a directory is an error.",
    ),
)

_RUN = (
    Option(
        "jobs",
        "number",
        "Use N processes; default: one for each core",
        RUN,
        BATCH,
        "N",
        example="8",
        manual="Use N processes. Default: one for each core.",
    ),
    Option(
        "retries",
        "number",
        "Retry temporary failures up to N times",
        RUN,
        BATCH,
        "N",
        example="2",
        manual="At the end, try files again whose failure may be temporary (of a store, the network, a lost process): "
        "up to N times, after 1, 2, 4, ... seconds. Default: 0.",
    ),
    Option(
        "stall",
        "text",
        "End after DURATION without progress: 10m",
        RUN,
        BATCH,
        "DURATION",
        example="10m",
        manual="End with status 1 if for DURATION no file is done and no worker reads or sends a byte. Before the "
        "first file, the same holds if a store gives no answer. `--resume` continues the batch. Default: wait for "
        "ever.",
    ),
    Option(
        "scheduler",
        "text",
        "Run on a Dask cluster: tcp://host:8786",
        RUN,
        BATCH,
        "ADDRESS",
        example="tcp://host:8786",
        manual="Run on the Dask cluster whose scheduler has this address. Workers need the same version of pcapconv, "
        "and the same files under the same paths.",
        page="how-to/dask",
    ),
)

OPTIONS = _FILES + _RUN
