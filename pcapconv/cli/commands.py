"""The commands: one table, for help, errors, completion, the manual, and for whoever carries them out."""

from __future__ import annotations

from pcapconv.cli.grammar import Command, Operand, Option

SUMMARY = "Convert packet captures between pcap and pcapng, and lose nothing silently"

# Options that stand instead of a command.
VERSION = Option("version", "flag", "Show the version and the kernels", short="V")
HELP = Option("help", "flag", "Show this page", short="h")
COMPLETION = (
    Option("install_completion", "flag", "Have the shell complete what you type"),
    Option("show_completion", "flag", "Show what that installs"),
)

_IN = Operand("IN", "A pcap or pcapng capture; - for stdin")

COMMANDS = {
    command.name: command
    for command in (
        Command(
            "convert",
            (_IN, Operand("OUT", "The file to write; - for stdout")),
            "Select from, edit and convert one capture",
            "The format of IN is recognised by its content, that of OUT follows its suffix (`.pcap`, `.cap`, "
            "`.pcapng`, `.ntar`) or `--to`. What the format cannot hold, and what is damaged, is said on stderr.",
            (
                "pcapconv convert capture.pcapng capture.pcap",
                "pcapconv convert day.pcapng noon.pcap --after 2024-05-01T12:00Z --before 2024-05-01T13:00Z",
                "tcpdump -i lo -w - -c 100 | pcapconv convert - live.pcapng",
            ),
            ("pcapconv.cli.convert", "convert"),
        ),
        Command(
            "split",
            (_IN, Operand("TEMPLATE", "Names of the parts: 'part-{index}.pcap'")),
            "Make many captures of one, each of which stands alone",
            "One of the options that tell where a part begins is needed. The template's fields are `{index}`, "
            "`{start:%Y%m%dT%H%M%S}`, `{interface}`, `{link_type}`, `{section}` and `{stem}`; `%H%M%S` and the like "
            "work outside braces too. The parts appear together when all is done.",
            (
                "pcapconv split big.pcap 'hour-%Y%m%d-%H.pcap' --interval 1h --align",
                "pcapconv split mixed.pcapng '{stem}-{link_type}.pcap' --by link-type",
            ),
            ("pcapconv.cli.split", "split"),
        ),
        Command(
            "join",
            (
                Operand("SIDECAR", "What split --by link-type --sidecar has written"),
                Operand("OUT", "The pcapng capture to make again; - for stdout"),
            ),
            "Make one capture again of the parts beside a sidecar",
            "The capture is the one that was split, byte for byte.",
            ("pcapconv join mixed.meta.json again.pcapng",),
            ("pcapconv.cli.join", "join"),
        ),
        Command(
            "batch",
            (
                Operand("SRC", "A directory, file or URL; - for a list on stdin"),
                Operand("DST", "The directory for the new files", optional=True),
            ),
            "Select from, edit and convert all captures of a tree",
            "Captures are found by their content. DST mirrors SRC; without `--to`, files keep format and name. A file "
            "that fails stops no other.",
            (
                "pcapconv batch captures/ converted/ --to pcapng --jobs 8",
                "find /data -name '*.pcap' -size +1M | pcapconv batch - big/ --to pcapng --report big.json",
            ),
            ("pcapconv.cli.batch", "batch"),
        ),
        Command(
            "normalize",
            (
                Operand("IN", "A capture; or files and directories, to --check", many=True),
                Operand("OUT", "The file to write, unless --check or --in-place", optional=True),
            ),
            "Write the same packets and meaning as the same bytes",
            "For golden captures: whatever tool, machine, byte order or format wrote them, the bytes are the same. "
            "Options can stand in `[tool.pcapconv.normalize]` of the nearest `pyproject.toml`. OUT is pcapng unless "
            "its suffix or `--to` says pcap.",
            (
                "pcapconv normalize run.pcapng golden.pcapng --rebase-time 2024-01-01",
                "pcapconv normalize --check tests/captures",
            ),
            ("pcapconv.cli.normalize", "normalize"),
        ),
        Command(
            "diff",
            (Operand("A", "A pcap or pcapng capture; - for stdin"), Operand("B", "Another one")),
            "Compare what two captures say, whatever their format",
            "Packets are compared by what they mean: byte order, resolution and format do not count. Removed and "
            "inserted packets are found as such.",
            ("pcapconv diff expected.pcapng actual.pcapng --ignore time,comments",),
            ("pcapconv.cli.diff", "compare"),
        ),
        Command(
            "info",
            (Operand("IN", "pcap or pcapng captures; - for stdin", many=True),),
            "Show what captures hold",
            "That is: formats, sections, interfaces, packets, times, comments, names, secrets (type and size only), "
            "statistics, damage, and what a conversion to pcap would lose.",
            ("pcapconv info capture.pcapng", "pcapconv info *.pcap --json"),
            ("pcapconv.cli.info", "info"),
        ),
    )
}
