"""The commands, in one table: for running a command, for help, error messages, completion and the manual."""

from __future__ import annotations

from pcapconv.cli.grammar import Command, Operand, Option

SUMMARY = "Convert packet captures between pcap and pcapng, and lose nothing silently"

# Options that are given in place of a command.
VERSION = Option("version", "flag", "Show the version and the kernels", short="V")
HELP = Option("help", "flag", "Show this page", short="h")
COMPLETION = (
    Option("install_completion", "flag", "Install completion for the shell"),
    Option("show_completion", "flag", "Show what --install-completion installs"),
)

_IN = Operand("IN", "A pcap or pcapng capture; - for stdin")

COMMANDS = {
    command.name: command
    for command in (
        Command(
            "convert",
            (_IN, Operand("OUT", "The file to write; - for stdout")),
            "Select from, edit and convert one capture",
            "The format of IN is recognised by its content; that of OUT follows its suffix (`.pcap`, `.cap`, "
            "`.pcapng`, `.ntar`) or `--to`. Warnings on stderr name what the format of OUT cannot hold, and damage.",
            (
                "pcapconv convert capture.pcapng capture.pcap",
                "pcapconv convert day.pcapng noon.pcap --after 2024-05-01T12:00Z --before 2024-05-01T13:00Z",
                "tcpdump -i lo -w - -c 100 | pcapconv convert - live.pcapng",
            ),
            ("pcapconv.cli.convert", "convert"),
        ),
        Command(
            "split",
            (_IN, Operand("TEMPLATE", "The names of the parts: 'part-{index}.pcap'")),
            "Split a capture into parts, each a complete capture",
            "Give one of `--max-packets`, `--max-bytes`, `--interval` and `--by`. The template's fields "
            "are `{index}`, `{start:%Y%m%dT%H%M%S}`, `{interface}`, `{link_type}`, `{section}` and `{stem}`; `%H%M%S` "
            "and the like work outside braces, too. All parts get their final names together, at the end.",
            (
                "pcapconv split big.pcap 'hour-%Y%m%d-%H.pcap' --interval 1h --align",
                "pcapconv split mixed.pcapng '{stem}-{link_type}.pcap' --by link-type",
            ),
            ("pcapconv.cli.split", "split"),
        ),
        Command(
            "join",
            (
                Operand("SIDECAR", "A sidecar of split --by link-type --sidecar"),
                Operand("OUT", "The pcapng capture to write; - for stdout"),
            ),
            "Rebuild a capture from its parts and their sidecar",
            "The result is the capture that was split, byte for byte. The parts lie beside the sidecar.",
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
            "Captures are recognised by their content. DST mirrors SRC; without `--to`, files keep their format and "
            "name. If a file fails, the others are converted all the same.",
            (
                "pcapconv batch captures/ converted/ --to pcapng --jobs 8",
                "find /data -name '*.pcap' -size +1M | pcapconv batch - big/ --to pcapng --report big.json",
            ),
            ("pcapconv.cli.batch", "batch"),
        ),
        Command(
            "normalize",
            (
                Operand("IN", "A capture; files or directories with --check", many=True),
                Operand("OUT", "The file to write, unless --check or --in-place", optional=True),
            ),
            "Write equal captures as equal bytes",
            "The normal form, for golden captures, is the same whatever tool, machine, byte order or format a capture "
            "with the same packets and metadata comes from. Options can be set in `[tool.pcapconv.normalize]` of the "
            "nearest `pyproject.toml`. The format of OUT is that of `--to`, else that of its suffix, else `to` in "
            "`pyproject.toml`, else pcapng.",
            (
                "pcapconv normalize run.pcapng golden.pcapng --rebase-time 2024-01-01",
                "pcapconv normalize --check tests/captures",
            ),
            ("pcapconv.cli.normalize", "normalize"),
        ),
        Command(
            "diff",
            (Operand("A", "A pcap or pcapng capture; - for stdin"), Operand("B", "The capture to compare with A")),
            "Compare what two captures say, whatever their format",
            "Byte order, time resolution and format make no difference. Packets that were removed or inserted are "
            "recognised, so that the packets after them are compared with their counterparts.",
            ("pcapconv diff expected.pcapng actual.pcapng --ignore time,comments",),
            ("pcapconv.cli.diff", "compare"),
        ),
        Command(
            "info",
            (Operand("IN", "pcap or pcapng captures; - for stdin", many=True),),
            "Show what captures hold",
            "This shows formats, sections, interfaces, packets, times, comments, names, secrets (type and size only), "
            "statistics, damage, and what a conversion to pcap would lose.",
            ("pcapconv info capture.pcapng", "pcapconv info *.pcap --json"),
            ("pcapconv.cli.info", "info"),
        ),
    )
}
