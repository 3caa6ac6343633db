"""The options for sidecars."""

from __future__ import annotations

from pcapconv.cli.grammar import Option
from pcapconv.cli.options.groups import BATCH, SIDECARS, SPLIT, TABLE

OPTIONS = (
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
        "sidecar",
        "flag",
        "Read what pcap cannot hold from IN.meta.json",
        SIDECARS,
        TABLE,
        manual="Read a pcap file together with `IN.meta.json`, the sidecar that `convert --sidecar` wrote. Then the "
        "table is that of the capture from which the pcap file was made, with its comments and names of interfaces. A "
        "pcapng capture has them itself, and no sidecar is read. Not together with `--sidecar-file`.",
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
        "sidecar_file",
        "text",
        "Like --sidecar, with FILE as the sidecar",
        SIDECARS,
        TABLE,
        "FILE",
        example="case.json",
        manual="Read a pcap file together with FILE as its sidecar.",
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
