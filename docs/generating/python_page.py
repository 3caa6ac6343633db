"""The page docs/reference/python.md: all that is public, from signatures, docstrings and the table of options."""

from __future__ import annotations

import re
import shlex
from typing import Any

import pcapconv
from generating import signatures
from generating.texts import GENERATED, manual_text
from pcapconv import testing
from pcapconv.batching.outcome import Outcome
from pcapconv.batching.report import BatchError, BatchReport, UnfinishedError, Watcher
from pcapconv.capture_metadata import Secrets
from pcapconv.cli.grammar import NUMBERS, REPEATABLE, Option
from pcapconv.cli.options import OPTIONS
from pcapconv.cli.options.groups import EDITED, FORM, SELECTED, WRITTEN
from pcapconv.comparing.comparison import Difference, HeaderDifference, ShownDifference
from pcapconv.conversion import OnLoss
from pcapconv.describing.capture_info import Contents, SidecarInfo, UnusableSidecar
from pcapconv.describing.entries import (
    CommentEntry,
    CustomEntry,
    Duration,
    Instant,
    InterfaceEntry,
    NameEntry,
    OptionEntry,
    PacketOrder,
    Rates,
    SecretsEntry,
    SectionEntry,
    StatisticsEntry,
    ToPcap,
    Totals,
    WiresharkNumbers,
)
from pcapconv.describing.traffic_entries import (
    Conversation,
    Conversations,
    Others,
    ProtocolEntry,
    Talker,
    TrafficList,
)
from pcapconv.essence import Summary
from pcapconv.formats.settings import WriterArguments
from pcapconv.header_columns import HeaderColumns
from pcapconv.headers import Headers
from pcapconv.model.sections import Layout
from pcapconv.normalizing.arguments import NormalizeArguments
from pcapconv.normalizing.check_result import Status
from pcapconv.spec import ByteOrder
from pcapconv.spec.decoded_options import Options
from pcapconv.splitting import By
from pcapconv.steps.step_arguments import StepArguments

# Headings of the page, and the public names below each.
SECTIONS = {
    "Functions": (
        *("open", "create", "convert", "split", "merge", "join", "batch", "normalize", "check", "diff", "info"),
        *("read_table", "write_table"),
    ),
    "What a capture gives": ("Capture", "Packet", "PacketBatch", "Section", "Interface", "Block", "Damage", "Notice"),
    "A new capture": ("CaptureWriter",),
    "Results": ("Report", "Comparison", "CheckResult", "CaptureInfo"),
    "Exceptions": (
        *("PcapconvError", "FormatError", "DamageError", "SidecarError", "TargetError", "LossError"),
        *("UsageError", "FileError", "NothingFoundError"),
    ),
}
# Classes outside `pcapconv` itself of which callers get objects, below the same headings.
OTHERS: dict[str, tuple[type, ...]] = {
    "What a capture gives": (Headers, HeaderColumns, Summary, Options, Secrets),
    "Results": (
        *(Difference, ShownDifference, HeaderDifference),
        *(Contents, SidecarInfo, UnusableSidecar, Instant, Duration, PacketOrder, WiresharkNumbers, Totals, ToPcap),
        *(SectionEntry, InterfaceEntry, OptionEntry, CommentEntry, NameEntry),
        *(SecretsEntry, StatisticsEntry, CustomEntry),
        *(Rates, Conversations, TrafficList, Conversation, Talker, ProtocolEntry, Others),
        *(BatchReport, Outcome, Watcher),
    ),
    "Exceptions": (BatchError, UnfinishedError),
}
# Members that only pcapconv's own modules need, which the page leaves out.
INTERNAL = {
    "BatchReport": {"add"},
    "Block": {
        *(
            "entries",
            "explains_packets",
            "is_process",
            "name_records",
            "option_list",
            "options_at",
            "process_options_at",
        ),
    },
    "Capture": {"open_again"},
    "HeaderColumns": {"BITS", "FIELDS"},
    "Headers": {"of", "row"},
    "Interface": {"layout", "made_of", "raw", "reserved"},
    "Outcome": {"from_json", "from_report", "without_report"},
    "PacketBatch": {
        *("buffer_offset", "columns", "contiguous", "count_format_only", "exchangeable", "format_only", "has_options"),
        *("header_order", "known_times", "layout", "number", "numbers", "packet_rows", "selected", "span"),
        "stored_packets",
    },
    "Report": {"add_damage", "add_warning", "warn_of_no_packets", "warn_of_zeros_at_end"},
    "Section": {"changed", "format_only", "layout", "raw"},
}
# Sections about arguments: their heading, what comes before them, the type that lists them, and groups of options.
_ARGUMENTS: tuple[tuple[str, str, Any, tuple[str, ...]], ...] = (
    (
        "Selecting and editing arguments",
        '`convert`, `split`, `merge` and `batch` take these as keyword arguments. Selections combine with "and". Times '
        "and numbers of packets are those of the input, or of the merged capture, before any edit.",
        StepArguments,
        (SELECTED, EDITED),
    ),
    ("Writing arguments", "`convert`, `split`, `merge` and `batch` take these, too.", WriterArguments, (WRITTEN,)),
    (
        "Arguments for the normal form",
        "`normalize` takes these as keyword arguments.",
        NormalizeArguments,
        (FORM,),
    ),
)
_NAMES = {name for names in SECTIONS.values() for name in names} | {
    each.__name__ for classes in OTHERS.values() for each in classes
}
_CODE = re.compile(r"`([^`]+)`|\b([A-Z]\w+Error)\b")
# Arguments that are no options, by the group to which they belong.
_IN_PYTHON_ONLY = {
    SELECTED: {
        "where": "Select packets for which this function of a `Packet` returns something true. It is called for the "
        "packets that `filter` and the arguments before it select, and takes about 5 µs for each. See "
        "[Filter by content](../how-to/filter.md#in-python)."
    }
}
_AS_JSON = {  # of which JSON is made by a method that users do not need
    *("Contents", "Instant", "NameEntry", "OptionEntry", "PacketOrder", "ToPcap", "UnusableSidecar"),
}
INTERNAL |= {name: {"as_json"} for name in _AS_JSON}
INTERNAL["PcapconvError"] = {"restated"}
INTERNAL["Rates"] = {"as_json", "of"}
# Names of types in annotations → what they mean.
_TYPES = {
    **{
        name: str(literal).removeprefix("typing.")
        for name, literal in (
            ("OnLoss", OnLoss),
            ("By", By),
            ("Layout", Layout),
            ("ByteOrder", ByteOrder),
            ("Status", Status),
        )
    },
    "DateTime": "datetime.datetime",
}
_FLAG = re.compile(r"`(?:pcapconv )?(?:([a-z]+) )?(--[a-z-]+)(?: ([^`]+))?`")
_INTRODUCTION = """\
The library does what the command does. This page describes all that is public; [Python](../how-to/python.md) shows how
to use it.

`import pcapconv` imports a name's module when you first use the name. Public are the names in `pcapconv` and in
`pcapconv.testing`. Other modules may change at any time, except for the classes on this page. Members that only
pcapconv's own modules need are not listed.

* `Readable` is a path (`str` or `os.PathLike`), `-` for stdin, or a binary file object. `Writable` is a path, `-` for
  stdout, or a binary file object. A file object that you pass stays open.
* Whatever pcapconv refuses, or cannot read or write, raises a `PcapconvError`.
* Messages name arguments as Python does: `packets='5-3': the range runs backwards`. So do the messages in reports and
  manifests of batches that Python started.
* `Time` is a `datetime` with a zone, a `Fraction`, a `Decimal`, an `int` of seconds since 1970, or text as on the
  command line: `after="2024-05-01T12:00Z"`. `LengthOfTime` is a `timedelta`, a `Fraction`, a `Decimal`, an `int` of
  seconds, or text: `interval="1h"`. A `float` is refused, since it is not exact. `set_time` also takes times by packet
  number: `{17: time}`.
* `PacketNumbers` is an `int`, a `range`, a list or another collection of them, or text. A `range` ends before its stop,
  as everywhere in Python: `range(1, 101)` is `"1-100"`. An empty collection selects no packet.
* `Texts` is a `str`, or several in a sequence. `BytesLike` is `bytes` or any other object that has bytes, such as a
  `bytearray`, a `memoryview` or an array of NumPy. `SupportsIndex` is an `int`, or another type of whole numbers, such
  as NumPy's.
"""


def page() -> str:
    """Return the text of the page."""
    parts = [GENERATED, "# Python\n", _INTRODUCTION]
    for heading, names in SECTIONS.items():
        parts.append(f"## {heading}\n")
        for name in names:
            parts += _entry(f"pcapconv.{name}", name, getattr(pcapconv, name))
        for each in OTHERS.get(heading, ()):
            parts += _entry(f"{each.__module__}.{each.__name__}", each.__name__, each)
        if heading == "Functions":
            parts += [part for section in _ARGUMENTS for part in _arguments(*section)]
    parts += ["## pcapconv.testing\n", _docstring(testing, "testing")]
    parts += _entry("pcapconv.testing.assert_same_capture", "assert_same_capture", testing.assert_same_capture)
    return "\n".join(parts)


def _entry(full_name: str, name: str, object_: Any) -> list[str]:
    """Return the parts of the page about a function or a class."""
    if not isinstance(object_, type):
        return [f"### {name}\n", _code(signatures.signature(full_name, object_)), _docstring(object_, name)]
    parts = [f"### {name}\n", _code(_class_head(full_name, name, object_)), _docstring(object_, name)]
    members = [each for each in signatures.members(object_) if each[0] not in INTERNAL.get(name, ())]
    properties = [
        f"* `{member}` (`{_type(each.fget.__annotations__['return'])}`): {_in_a_list(_docstring(each, name))}"
        for member, each in members
        if isinstance(each, property)
    ]
    if properties:
        parts.append("Properties:\n\n" + "".join(properties))
    for member, each in members:
        if not isinstance(each, property):
            parts += [f"#### {name}.{member}\n", _code(signatures.signature(member, each)), _docstring(each, name)]
    return parts


def _class_head(full_name: str, name: str, class_: type) -> str:
    """Return the lines about a class and its attributes, without internal ones."""
    internal = tuple(f"    {member}:" for member in INTERNAL.get(name, ()))
    lines = signatures.class_head(full_name, class_).splitlines()
    return "\n".join(line for line in lines if not line.startswith(internal))


def _code(text: str) -> str:
    """Return a signature as a block, with the meaning of types in place of their names."""
    for name, meaning in _TYPES.items():
        text = re.sub(rf"(?<=: ){name}\b", meaning, text)
    return f"```text\n{re.sub(r': Unpack.*', ',', text)}\n```\n"


def _docstring(object_: Any, name: str) -> str:
    """Return the docstring of a name, with links to other pages and to what this page describes."""
    return _CODE.sub(lambda match: _linked(match[1] or match[2], name), signatures.docstring(object_)) + "\n"


def _linked(code: str, name: str) -> str:
    """Return a piece of code as a link, if another page or another section describes it."""
    if file := re.fullmatch(r"docs/reference/([\w-]+\.md)", code):
        return f"[{file[1]}]({file[1]})"
    if page := re.fullmatch(r"docs/how-to/([\w-]+\.md)", code):
        return f"[{page[1]}](../how-to/{page[1]})"
    for heading, _, arguments, _ in _ARGUMENTS:
        if code.endswith(f".{arguments.__name__}"):
            return f"the [{heading[0].lower()}{heading[1:]}](#{heading.lower().replace(' ', '-')})"
    return f"[`{code}`](#{code.lower()})" if code in _NAMES - {name} else f"`{code}`"


def _type(annotation: str) -> str:
    """Return the type of a property, with the meaning in place of a name."""
    return re.sub(r"\bDateTime\b", _TYPES["DateTime"], annotation)


def _in_a_list(text: str) -> str:
    """Return a text whose lines are indented as parts of an entry of a list."""
    return text.replace("\n", "\n  ").removesuffix("  ")


def _arguments(heading: str, introduction: str, arguments: Any, groups: tuple[str, ...]) -> list[str]:
    """Return the parts of the page about keyword arguments that are options of the command line, too."""
    introduction += " A word in capitals is the value of the argument."
    parts = [f"### {heading}\n", f"{introduction}\n"]
    for group in groups:
        options = [option for option in OPTIONS if option.group == group and option.name in arguments.__annotations__]
        options = [option for option in options if option.commands != ("info",)]  # which is no function
        if len(groups) > 1:
            parts.append(f"#### {group}\n")
        names = list(dict.fromkeys(option.name for option in options))
        rows = [[option for option in options if option.name == name] for name in names]
        texts = [_argument(row, arguments.__annotations__[row[0].name]) for row in rows]
        for name in [each for each in _IN_PYTHON_ONLY.get(group, {}) if each in arguments.__annotations__]:
            annotation = signatures.annotation_text(arguments.__annotations__[name])
            texts.append(f"* `{name}` (`{annotation}`): {_IN_PYTHON_ONLY[group][name]}\n")
        parts.append("".join(texts))
    return parts


def _argument(options: list[Option], annotation: Any) -> str:
    """Return the entry of an argument, with another text for commands in which it means something else."""
    first = options[0]
    text = f"* `{first.name}` (`{signatures.annotation_text(annotation)}`): {_in_python(first)}"
    if first.value:
        text += f" Example: `{first.name}={_example(first)}`."
    for other in options[1:]:
        if other.manual != first.manual:
            text += f" In {' and '.join(f'`{command}`' for command in other.commands)}: {_in_python(other)}"
    return text + "\n"


def _example(option: Option) -> str:
    """Return the option's example as a value of the argument."""
    return _value(option, *shlex.split(option.example or option.choices[0]))


def _value(option: Option, text: str) -> str:
    """Return the value that an option has on the command line as a value of the argument."""
    value: Any = int(text) if option.value_type in NUMBERS else text
    return repr([value] if option.value_type in REPEATABLE else value).replace("'", '"')


def _in_python(option: Option) -> str:
    """Return what the manual says about an option, with arguments in place of options."""
    text = manual_text(option._replace(value_type="flag"), "reference")
    text = text.replace("the other options", "the other arguments")
    return _FLAG.sub(_as_argument, text)


def _as_argument(match: re.Match[str]) -> str:
    command, flag, text = match.groups()
    option = next(option for option in OPTIONS if option.flag == flag)
    argument = f"`{option.name}={_value(option, text)}`" if text else f"`{option.name}`"
    return f"{argument} of `{command}`" if command else argument
