"""The options of batches, and of whatever else goes through directories."""

from __future__ import annotations

from pcapconv.cli.grammar import Option
from pcapconv.cli.options.groups import BATCH, FILES, NORMALIZE, RUN

_FILES = (
    Option(
        "include",
        "texts",
        "Only these files: '*.pcap', 'lab/**'",
        FILES,
        BATCH,
        "GLOB",
        example="'*.pcap'",
        more="only these files: patterns as in `.gitignore`, relative to SRC, such as `'*.pcap'`, `'lab/**'`",
    ),
    Option("exclude", "texts", "Not these files", FILES, BATCH, "GLOB", example="'old/**'"),
    Option(
        "shard",
        "text",
        "The I-th of N parts of the files: 3/16",
        FILES,
        BATCH,
        "I/N",
        example="3/16",
        more="do the I-th of N parts of the files, the same for everybody, for Slurm arrays and the like "
        "([more](docs/beyond-one-machine.md))",
    ),
    Option(
        "resume",
        "flag",
        "Leave out what an earlier run has done",
        FILES,
        BATCH,
        more="leave out what is up to date: the source has the size and time that it had, the options are the same, "
        "and the target is there as it was written (behind a URL: as large); with `--sidecar`, its sidecar too. A web "
        "server that says neither date nor ETag of a source has it done again",
    ),
    Option(
        "template",
        "text",
        "Names in DST: '{start:%Y/%m/%d}/{stem}.pcapng'",
        FILES,
        BATCH,
        "TEMPLATE",
        example="'{start:%Y/%m/%d}/{stem}.pcapng'",
        word="target",
        more="what targets are called below DST, as in `'{start:%Y/%m/%d}/{stem}.pcapng'`; `{start}` is the time of "
        "the first packet, in UTC. The format follows the template's suffix",
    ),
    Option(
        "follow_links",
        "flag",
        "Write through symbolic links that leave DST",
        FILES,
        BATCH,
        more="write also where a symbolic link in DST leads out of DST",
    ),
    Option(
        "in_place",
        "flag",
        "Rewrite each file where it is; leave DST out",
        FILES,
        BATCH,
        more="rewrite each file where it is, under its own name; there is no DST. A second run edits again, unless it "
        "is `--resume`; damaged captures lose what cannot be read, unless with `--strict`",
    ),
    Option(
        "check",
        "flag",
        "Write nothing; say which files are not normal",
        FILES,
        NORMALIZE,
        more="write nothing; status 1 and the reasons for each file that is not normal",
    ),
    Option(
        "in_place",
        "flag",
        "Rewrite each file that is not normal",
        FILES,
        NORMALIZE,
        more="rewrite each file that is not normal; damaged ones are left as they are",
    ),
    Option(
        "allow_empty",
        "flag",
        "Let a directory without any capture pass",
        FILES,
        ("batch", "normalize"),
        more="let a directory pass that holds no capture at all",
    ),
)

_RUN = (
    Option(
        "jobs",
        "number",
        "How many processes; else one for each core",
        RUN,
        BATCH,
        "N",
        example="8",
        more="so many processes; else as many as there are cores",
    ),
    Option(
        "retries",
        "number",
        "Try again up to N times what may pass",
        RUN,
        BATCH,
        "N",
        example="2",
        more="try files again at the end, up to N times, after 1, 2, 4, ... seconds, whose failure may pass: a "
        "store's, a network's, a lost process's",
    ),
    Option(
        "stall",
        "text",
        "End when nothing has moved for so long: 10m",
        RUN,
        BATCH,
        "DURATION",
        example="10m",
        more="end, with status 1, when for so long (`10m`) no file was done and no byte was read or "
        "sent, whatever does the work, or a store gave no answer before the first file; `--resume` goes on",
    ),
    Option(
        "scheduler",
        "text",
        "On a Dask cluster: tcp://host:8786",
        RUN,
        BATCH,
        "ADDRESS",
        example="tcp://host:8786",
        more="run on the Dask cluster of `tcp://host:8786`; workers need the same pcapconv, and the same files under "
        "the same paths ([more](docs/beyond-one-machine.md#on-a-dask-cluster))",
    ),
)

TREES = _FILES + _RUN
