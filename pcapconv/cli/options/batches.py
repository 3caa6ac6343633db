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
        manual="take only these files: patterns as in `.gitignore`, relative to SRC, such as `'*.pcap'`, `'lab/**'`",
    ),
    Option("exclude", "texts", "Leave these files out", FILES, BATCH, "GLOB", example="'old/**'"),
    Option(
        "shard",
        "text",
        "Do the I-th of N parts of the files: 3/16",
        FILES,
        BATCH,
        "I/N",
        example="3/16",
        manual="do the I-th of N parts of the files: every machine divides them in the same way, as for Slurm arrays "
        "([more](docs/beyond-one-machine.md))",
    ),
    Option(
        "resume",
        "flag",
        "Skip files that an earlier run has done",
        FILES,
        BATCH,
        manual="skip files that are up to date: the source has the size and time that it had, the options are the "
        "same, and the target exists as it was written (behind a URL: with the same size); with `--sidecar`, its "
        "sidecar, too. A source from a web server that gives neither date nor ETag is always converted again",
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
        manual="the names of targets below DST, as in `'{start:%Y/%m/%d}/{stem}.pcapng'`; `{start}` is the time of the "
        "first packet, in UTC. The format follows the template's suffix",
    ),
    Option(
        "follow_links",
        "flag",
        "Follow symbolic links that lead out of DST",
        FILES,
        BATCH,
        manual="write also through symbolic links in DST that lead out of DST",
    ),
    Option(
        "in_place",
        "flag",
        "Rewrite each file where it is, without DST",
        FILES,
        BATCH,
        manual="rewrite each file where it is, under its own name; there is no DST. A second run edits again, unless "
        "`--resume` is given; damaged captures lose what cannot be read, unless `--strict` is given",
    ),
    Option(
        "check",
        "flag",
        "Only check which files are not normal",
        FILES,
        NORMALIZE,
        manual="write nothing; for each file that is not in its normal form, print why; then end with status 1",
    ),
    Option(
        "in_place",
        "flag",
        "Rewrite each file that is not normal",
        FILES,
        NORMALIZE,
        manual="rewrite each file that is not in its normal form; damaged files are left as they are",
    ),
    Option(
        "allow_empty",
        "flag",
        "Accept a directory without any capture",
        FILES,
        ("batch", "normalize"),
        manual="accept a directory that holds no capture at all",
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
        manual="use N processes; default: one for each core",
    ),
    Option(
        "retries",
        "number",
        "Retry temporary failures up to N times",
        RUN,
        BATCH,
        "N",
        example="2",
        manual="retry files whose failure may be temporary (of a store, the network, a lost process) at the end, up to "
        "N times, after 1, 2, 4, ... seconds; default: 0",
    ),
    Option(
        "stall",
        "text",
        "End after DURATION without progress: 10m",
        RUN,
        BATCH,
        "DURATION",
        example="10m",
        manual="end with status 1 after DURATION (`10m`) in which no file was done and no byte was read or sent, by "
        "any worker, or in which a store gave no answer before the first file; `--resume` goes on",
    ),
    Option(
        "scheduler",
        "text",
        "Run on a Dask cluster: tcp://host:8786",
        RUN,
        BATCH,
        "ADDRESS",
        example="tcp://host:8786",
        manual="run on the Dask cluster of `tcp://host:8786`; workers need the same pcapconv, and the same files under "
        "the same paths ([more](docs/beyond-one-machine.md#on-a-dask-cluster))",
    ),
)

BATCHES = _FILES + _RUN
