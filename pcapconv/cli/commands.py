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
            (_IN, Operand("OUT", "The file to write; - for stdout", unless="extract_secrets")),
            "Select from, edit and convert one capture",
            "The format of IN is recognised by its content. The format of OUT follows from `--to`, or else from its "
            "suffix: `.pcap` and `.cap`, `.pcapng` and `.ntar`. If OUT is a directory, the file gets the name of IN "
            "in it. OUT can be left out only with `--extract-secrets`. Warnings on stderr name damage, "
            "and whatever the format of OUT cannot hold.",
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
            "Give one of `--max-packets`, `--max-bytes`, `--interval` and `--by`. The fields of the template are "
            "`{index}` (00001, 00002, ...), `{start:%Y%m%dT%H%M%S}` (in the zone of `--timezone`, UTC by default), "
            "`{interface}`, `{link_type}`, `{section}` and `{stem}` (the name of IN without its suffix). Outside "
            "braces, `%H%M%S` and the like work as in `tcpdump -w`. Without any field, `-{index}` is added before the "
            "suffix. All parts get their final names together, at the end.",
            (
                "pcapconv split big.pcap 'hour-%Y%m%d-%H.pcap' --interval 1h --align",
                "pcapconv split mixed.pcapng '{stem}-{link_type}.pcap' --by link-type",
                "pcapconv split mixed.pcapng '{flow}.pcapng' --by flow",
            ),
            ("pcapconv.cli.split", "split"),
        ),
        Command(
            "merge",
            (
                Operand("IN", "Captures or directories of captures; - for stdin", many=True),
                Operand("OUT", "The file to write; - for stdout"),
            ),
            "Merge captures into one, by time or behind each other",
            "OUT is the last name. The packets of all inputs are written in the order of their times, which are "
            "compared exactly; packets of the same time come in the order of the inputs. Packets of an input that is "
            "not in order are sorted only with `--sort`. Inputs may have any format, byte order and compression, and "
            "several sections; OUT has one section. Metadata stays: interfaces, comments, names, secrets, statistics. "
            "A directory stands for the captures directly in it, in order of name; other files in it are passed over. "
            "If OUT is one of these captures, it must be named as an input, too. The format of OUT follows from "
            "`--to`, or else from its suffix: `.pcap` and `.cap`, `.pcapng` and `.ntar`. Warnings on stderr name "
            "damage, inputs that are not in order, and whatever OUT cannot hold.",
            (
                "pcapconv merge morning.pcapng evening.pcap day.pcapng",
                "pcapconv merge captures/ all.pcapng --sort",
                "pcapconv merge --append part-*.pcapng whole.pcapng",
            ),
            ("pcapconv.cli.merge", "merge"),
        ),
        Command(
            "join",
            (
                Operand("SIDECAR", "A sidecar of split --by link-type --sidecar"),
                Operand("OUT", "The pcapng capture to write; - for stdout"),
            ),
            "Rebuild a capture from its parts and their sidecar",
            "The result is the capture that was split, byte for byte, if the capture was not damaged, and had no "
            "secrets or was split with `split --sidecar-secrets`. The parts must be beside the sidecar, under the "
            "names that `split` gave them, and unchanged.",
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
            "Captures are recognised by their content. DST mirrors SRC: `lab/a.pcap` becomes `lab/a.pcapng`. Without "
            "`--to`, files keep their format and name. Selections and edits apply to each file by itself. If a file "
            "fails, the others are still converted. A file that is not a capture is skipped, but fails if it has the "
            "suffix of one. SRC and DST can be URLs.",
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
            "Captures with the same packets and metadata have the same normal form, whatever tool, machine, byte "
            "order or format they come from. Use it for golden captures. The nearest `pyproject.toml`, in the working "
            "directory or above, may set the options of the normal form, `to`, `strict`, `on-loss` and `keep-snaplen` "
            "in its table `[tool.pcapconv.normalize]`. An option on the command line overrides it. The format of OUT "
            "is that of `--to`, else that of its suffix, else `to` in `pyproject.toml`, else pcapng.",
            (
                "pcapconv normalize run.pcapng golden.pcapng --rebase-time 2024-01-01",
                "pcapconv normalize --check tests/captures",
            ),
            ("pcapconv.cli.normalize", "normalize"),
        ),
        Command(
            "table",
            (_IN, Operand("OUT", "The Parquet or Arrow file to write; - for stdout")),
            "Write the packets as a table, in Parquet or Arrow",
            "The table has a row for each packet, and opens in pandas, Polars, DuckDB and the like. `--columns` "
            "chooses what it holds; the bytes of packets are in it only if they are among the columns. The kind of "
            "file follows from `--to`, or else from the suffix of OUT: `.parquet`, `.arrow` or `.feather`, `.arrows`. "
            "If OUT is a directory, the file gets the name of IN in it. Needs the extra `table`.",
            (
                "pcapconv table capture.pcapng packets.parquet",
                "pcapconv table day.pcapng noon.arrow --after +1h --columns number,time,data",
            ),
            ("pcapconv.cli.table", "table"),
        ),
        Command(
            "diff",
            (Operand("A", "A pcap or pcapng capture; - for stdin"), Operand("B", "The capture to compare with A")),
            "Show how two captures differ, whatever their format",
            "Packets are compared by bytes, lengths, time, interface, comments and direction; captures also by the "
            "interfaces that have packets, names, secrets and comments. Byte order, time resolution and format make no "
            "difference. Removed and inserted packets are recognised, so that the packets after them are compared "
            "with their counterparts. A packet that moved counts as removed and inserted.",
            ("pcapconv diff expected.pcapng actual.pcapng --ignore time,comments",),
            ("pcapconv.cli.diff", "compare"),
        ),
        Command(
            "info",
            (Operand("IN", "pcap or pcapng captures; - for stdin", many=True),),
            "Show what captures hold",
            "The page shows format, sections, interfaces, packets, times, comments, names, secrets (type and size "
            "only), statistics, damage, and what a conversion to pcap would lose. If a sidecar is beside a pcap file, "
            "the page also shows what the sidecar keeps.",
            ("pcapconv info capture.pcapng", "pcapconv info *.pcap --json"),
            ("pcapconv.cli.info", "info"),
        ),
        Command(
            "show",
            (_IN,),
            "Show the packets of a capture, a line each",
            "A line has the packet's number, its time, its interface if there are several, source and destination, the "
            "protocol, its essence (TCP flags, an ARP or ICMP message, a DNS question, the server name of TLS, the "
            "first line of HTTP), the original length, and comments. Lines with the date stand above the packets of a "
            "day. On a terminal, lines are coloured and cut to its width; elsewhere they are plain and whole. Lines of "
            "a live pipe come at once. Reading ends behind the last packet that is selected, if that is known.",
            (
                "pcapconv show capture.pcapng --packets 1-10",
                "pcapconv show capture.pcapng --filter 'tcp port 80' --time relative",
                "tcpdump -i lo -U -w - | pcapconv show -",
            ),
            ("pcapconv.cli.show", "show"),
        ),
    )
}
