"""Checks the selecting and editing arguments before any file is opened, and makes the steps that carry them out.

How to add a selecting or editing argument, in this order:

1. `StepArguments` in `steps/step_arguments.py`: add a field for the argument. Add its name to `_WHOLE_NUMBERS` if its
   value is a number, and to `REPEATABLE` if the argument may be given several times.
2. `steps/argument_values.py`: a function that parses the text, if the text has a form of its own, and
   `steps/typed_values.py`, if the value may also be in a type of Python; then add it to `_TYPED` or `_LISTS` in
   `steps/step_arguments.py`. A time is parsed in the zone of `timezone`; add the argument to `_TIMES` in
   `batching/arguments.py` and in `cli/zone_note.py`.
3. The step: a criterion in `select.Criteria`, which `select.Select` applies; an edit in `edit_packets.PacketEdits` or
   `edit_times.TimeEdits`, which `edit_packets.EditPackets` or `edit_times.EditTimes` carries out; or a new module with
   a `Step`. Code that looks at every packet belongs in a kernel, in both forms (a module of
   `kernels/interpreted/`, and the `.pxi` file of the same name in `kernels/`).
4. `steps/select_arguments.py` or `edit_arguments.py`: parse and check the value. `Plan` here passes it to the step.
5. `pcapconv/cli/options/selecting.py` or `editing.py`: the option of the same name. Then run `python docs/generate.py`
   from the repository's root, which writes the option into `docs/reference/` and the manual pages.
6. The tests that hold for every argument; `CONTRIBUTING.md` lists them ("a selecting or editing argument").

`steps/__init__.py` describes how a value flows from the command line to the packets.

Strategy: `convert`, `split` and `batch` take the same arguments; only this module knows all of them. Some arguments
need a survey, a first pass over the capture: `last` needs the number of packets, `interface` and `set_interface` need
the interfaces. The order of the steps is: sort; select; leave out; then change and add, so that nothing that is added
is left out again. Packets are taken out of tunnels before other edits of packets, which are about the packets that come
out. What interfaces declare changes before that, if packets are taken out of tunnels, since new interfaces are made of
these and ids change.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING

from pcapconv.errors import UsageError
from pcapconv.io.paths import STDIO
from pcapconv.io.read_write import write_all, writing
from pcapconv.io.target import Target
from pcapconv.model import Interface, Item, Notice
from pcapconv.steps import BasePlan, Step, argument_values
from pcapconv.steps.decapsulate import Decapsulate, parse_kinds
from pcapconv.steps.duplicates import MOST_PACKETS
from pcapconv.steps.edit_arguments import packet_edits, time_edits
from pcapconv.steps.edit_packets import EditPackets, PacketEdits
from pcapconv.steps.edit_times import EditTimes, TimeEdits
from pcapconv.steps.relabel import SETTING_KEYS, Relabel, interface_label, names_interface
from pcapconv.steps.secrets import ExtractSecrets, InjectSecrets, parse_secrets
from pcapconv.steps.select import Criteria, Select
from pcapconv.steps.select_arguments import criteria_of, parse_slack
from pcapconv.steps.sort import Sort
from pcapconv.steps.step_arguments import check_types, texts_of
from pcapconv.steps.strip import Strip, StripDoNotCopy
from pcapconv.text import counted
from pcapconv.wording import argument, arguments, call

if TYPE_CHECKING:
    from datetime import timedelta

    from pcapconv.report import Report
    from pcapconv.steps.select import OrderBreach, SelectionEnd
    from pcapconv.steps.step_arguments import StepArguments

_MOST_INTERFACES_SHOWN = 20
_MOST_RANGES_SHOWN = 5
_MOST_COMMENTS = 16 * 2**20  # characters of comments for the capture


class Plan(BasePlan):
    """Makes the steps that carry out the arguments. Raises UsageError for values and combinations that make no sense.

    `read_secrets` reads a key log from its path, for `inject_secrets`. `divided` is true if the packets go to several
    files from which the capture cannot be restored. `stop_early` and `in_order` are as for `pcapconv.convert`.
    `injected_from` are the paths of the key logs.
    """

    def __init__(
        self,
        step_arguments: StepArguments,
        read_secrets: Callable[[str], bytes],
        *,
        divided: bool = False,
        stop_early: bool = False,
        in_order: bool | str | timedelta = False,
    ) -> None:
        self._divided = divided
        check_types(step_arguments)
        self._sort = bool(step_arguments.get("sort", False))
        self._criteria = criteria_of(step_arguments)._replace(in_order=parse_slack(in_order))
        self._check_ends(stop_early, in_order)
        if self._sort:  # then nothing depends on the order of the input
            self._criteria = self._criteria._replace(in_order=None)
        self._only_decapsulated = bool(step_arguments.get("only_decapsulated", False))
        self._tunnel_kinds = parse_kinds(texts_of(step_arguments, "decapsulate"), self._only_decapsulated)
        self._packet_edits = packet_edits(
            step_arguments.get("chop"),
            adjust_length=bool(step_arguments.get("adjust_length", False)),
            snaplen=step_arguments.get("snaplen"),
            comments=texts_of(step_arguments, "packet_comment"),
        )
        shift, start = step_arguments.get("shift_time"), step_arguments.get("rebase_time")
        zone = argument_values.parse_timezone("timezone", step_arguments.get("timezone"))
        moments = step_arguments.get("set_time")
        settings = moments if isinstance(moments, Mapping) else texts_of(step_arguments, "set_time")
        self._time_edits = time_edits(shift, start, settings, zone)
        self._interface_settings = [
            argument_values.parse_interface_setting("set_interface", text, SETTING_KEYS)
            for text in texts_of(step_arguments, "set_interface")
        ]
        self._capture_comments = texts_of(step_arguments, "capture_comment")
        if sum(map(len, self._capture_comments)) > _MOST_COMMENTS:
            raise UsageError(
                f"{argument('capture_comment')}: a capture gets at most {_MOST_COMMENTS:,} characters of comments",
                option="capture_comment",
            )
        link_type = step_arguments.get("link_type")
        self._link_type = None if link_type is None else argument_values.parse_link_type("link_type", link_type)
        self._strip_kinds = _strip_kinds(texts_of(step_arguments, "strip"))
        injected = [parse_secrets(text) for text in texts_of(step_arguments, "inject_secrets")]
        if any(path == STDIO for _, path in injected):
            raise UsageError(
                f"{argument('inject_secrets')}: a key log is read from a file; - is for captures",
                option="inject_secrets",
            )
        self.injected_from = [path for _, path in injected]
        self._injected_secrets = [(secrets_type, read_secrets(path)) for secrets_type, path in injected]
        self.extract_to = step_arguments.get("extract_secrets")
        self._selected_in_all: int | None = None
        self._extract = ExtractSecrets()
        self._select: Select | None = None
        self._sort_step: Sort | None = None
        self._decapsulate: Decapsulate | None = None
        self.steps(Counter())  # steps check values, too: raise their errors before any file is opened
        self._select = self._sort_step = self._decapsulate = None  # plans are sent to other processes, steps cannot be

    @property
    def selects_packets(self) -> bool:
        """Return whether packets may be left out."""
        return self._criteria != Criteria()

    @property
    def edits_packets(self) -> bool:
        """Return whether packets may change."""
        changes = self._packet_edits != PacketEdits() or self._time_edits != TimeEdits()
        return changes or bool(self._tunnel_kinds)

    @property
    def selects_or_edits_packets(self) -> bool:
        """Return whether packets may be left out, change or move."""
        return self._sort or self.selects_packets or self.edits_packets

    @property
    def adds_packet_comments(self) -> bool:
        """Return whether packets get comments, which pcap cannot hold."""
        return bool(self._packet_edits.comments)

    @property
    def needs_survey(self) -> bool:
        """Return whether `survey` has to read the whole capture before the first run."""
        return self._criteria.last is not None or bool(self._criteria.interfaces or self._interface_settings)

    @property
    def changes_interfaces(self) -> bool:
        """Return whether packets may get other interfaces."""
        return bool(self._tunnel_kinds)

    @property
    def can_end(self) -> bool:
        """Return whether the selection may end before the capture does."""
        return self._criteria.can_end and not self.needs_survey and not self._sort

    @property
    def end(self) -> SelectionEnd | None:
        """The packet after which no further one can be selected in the current run; None as long as one can be."""
        return None if self._select is None else self._select.end

    @property
    def breach(self) -> OrderBreach | None:
        """The first packet of the current run that `in_order` does not allow."""
        return None if self._select is None else self._select.breach

    def _check_ends(self, stop_early: bool, in_order: bool | str | timedelta) -> None:
        """Raise UsageError if `stop_early` or `in_order` is given, but nothing can end the selection."""
        if in_order is not False and self._criteria.before is None:
            example = arguments(before="+1h", in_order=True)
            raise UsageError(
                f"{argument('in_order', in_order)} goes with {argument('before')}, as in {example}", option="in_order"
            )
        if stop_early and not self._criteria.can_end:
            example = arguments(first=1000, stop_early=True)
            raise UsageError(
                f"{argument('stop_early', True)}: nothing tells which selected packet is the last; {argument('first')} "
                f"does, {argument('packets')} with an end, and {argument('before')} with {argument('in_order', True)}, "
                f"as in {example}",
                option="stop_early",
            )

    def survey(self, items: Iterator[Item]) -> None:
        """Count the packets for `last`, and check that the capture has the interfaces that arguments name. Raises
        UsageError for an interface that the capture does not have."""
        settings = self._interface_settings
        names = [("interface", text, text) for text in self._criteria.interfaces]
        names += [("set_interface", f"{identity}.{key}", identity) for identity, key, _ in settings]
        interface_check = _InterfaceCheck(names)
        if self._criteria.last is not None:
            without_last = self._criteria._replace(first=None, last=None, invert=False)
            items = interface_check(items)
            if self._sort and self._criteria.has_relative_times:  # they begin with the earliest packet
                items = Sort()(items)
            self._selected_in_all = Select(without_last, Counter()).count(items)
        else:
            for _ in interface_check(items):
                pass
        interface_check.check()

    def warnings(self, packets: int) -> Iterator[str]:
        """Return a sentence for each argument with packet numbers that a capture of so many packets does not have, and
        one for sections that were sorted and overlap in time."""
        if self._sort_step is not None and self._sort_step.overlaps:
            merge = call("pcapconv.merge", sort=True)
            yield f"sections are sorted each by itself, and they overlap in time; {merge} makes one of them"
        criteria = self._criteria
        for name, ranges in (("packets", criteria.packets or ()), ("drop_packets", criteria.drop_packets)):
            beyond = [each for each in ranges if (each[0] if each[1] is None else each[1]) > packets]
            if beyond:
                listed = ",".join(map(argument_values.range_text, beyond[:_MOST_RANGES_SHOWN]))
                yield f"{argument(name, listed)}: the capture has {counted(packets, 'packet')}"

    def steps(self, left_out: Counter[str]) -> list[Step]:
        """Return new steps for one run, in their order. They count by kind, in `left_out`, what they leave out."""
        steps: list[Step] = []
        if self._sort:
            self._sort_step = Sort()
            steps.append(self._sort_step)
        if self.selects_packets:
            in_all, stops = self._selected_in_all, self.stops
            self._select = Select(self._criteria, left_out, in_all, stops=stops, ascending=not self._sort)
            steps.append(self._select)
        if self.extract_to is not None:
            self._extract = ExtractSecrets()
            steps.append(self._extract)
        if self._strip_kinds:
            steps.append(Strip(self._strip_kinds, left_out))
        relabel: list[Step] = []
        if self._capture_comments or self._interface_settings or self._link_type is not None:
            comments, settings = self._capture_comments, self._interface_settings
            relabel.append(Relabel(capture_comments=comments, settings=settings, link_type=self._link_type))
        if self._tunnel_kinds:
            self._decapsulate = Decapsulate(self._tunnel_kinds, left_out, only=self._only_decapsulated)
            steps += [*relabel, self._decapsulate]
        if self._packet_edits != PacketEdits():
            steps.append(EditPackets(self._packet_edits, left_out))
        if self._time_edits != TimeEdits():
            steps.append(EditTimes(self._time_edits))
        if not self._tunnel_kinds:
            steps += relabel
        if self._injected_secrets:
            steps.append(InjectSecrets(self._injected_secrets))
        if self.selects_or_edits_packets or self._divided:
            steps.append(StripDoNotCopy(left_out))
        return steps

    def fill_report(self, report: Report) -> None:
        """Note in the report which packets repeat others, and which came out of tunnels."""
        if self._decapsulate is not None:
            report.decapsulated = self._decapsulate.counts
        duplicates = None if self._select is None else self._select.duplicates
        if duplicates is None:
            return
        report.repeats, report.repeats_total = duplicates.listed, duplicates.total
        report.repeats_across = duplicates.across
        if duplicates.first_cut is not None:
            fact = f"more than {MOST_PACKETS:,} packets lie in the window of packet {duplicates.first_cut:,}"
            advice = f"it is held against {MOST_PACKETS:,} of them; a shorter {argument('dedup')} compares all"
            report.add_warning(Notice(None, f"{fact}: {advice}"))

    def write_secrets(self, target: Target | None, report: Report) -> bool:
        """Write the key logs that the last run extracted, and return whether it extracted any. Raises FileError."""
        if target is None:
            return False
        logs = [log for logs in self._extract.logs.values() for log in logs]
        report.secrets_extracted = len(logs)
        for log in logs:
            with writing(target.name):
                write_all(target.file, memoryview(log if log.endswith(b"\n") else log + b"\n"))
        return bool(logs)


class _InterfaceCheck(Step):
    """Checks that a capture has certain interfaces, and passes everything on. `names` has (argument, its value,
    interface) for each: the argument's name and value, and the interface's name or number."""

    def __init__(self, names: Sequence[tuple[str, str, str]]) -> None:
        super().__init__()
        self._missing = list(names)
        self._shown: list[Interface] = []  # the first interfaces, for a message
        self._not_shown = 0

    def _interface(self, interface: Interface) -> Iterable[Interface]:
        self._missing = [named for named in self._missing if not names_interface(named[2], interface)]
        if len(self._shown) < _MOST_INTERFACES_SHOWN:
            self._shown.append(interface)
        else:
            self._not_shown += 1
        return (interface,)

    def check(self) -> None:
        """Raise UsageError, after the last item, if an interface is missing."""
        if self._missing:
            more = f" and {self._not_shown:,} more" if self._not_shown else ""
            listed = ", ".join(map(interface_label, self._shown)) + more
            name, value, _ = self._missing[0]
            raise UsageError(
                f"{argument(name, value)}: there is no such interface; there are {listed or 'none'}", option=name
            )


def _strip_kinds(texts: Sequence[str]) -> frozenset[str]:
    return frozenset(kind for text in texts for kind in text.split(","))
