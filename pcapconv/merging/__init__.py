"""Merges several captures into one: `merge`.

inputs           the inputs and their parts: a part is one section of an input
appended         the reader that puts one input behind the other
by_time          the reader that merges the parts by time
streams          what it merges: a part of an input, or a temporary file with packets that were merged before
part_items       turns the items of a part into items of the one section: ids, byte order, processes
merged_section   the one section: its header, its interfaces, the blocks that several inputs have alike
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING

from pcapconv import formats
from pcapconv.argument_types import check_flags, check_functions, is_one_of
from pcapconv.conversion import Conversion, ConversionSettings, OnLoss, check_on_loss, open_secrets, separate_arguments
from pcapconv.errors import FileError, FormatError, PcapconvError, UsageError, name_in_errors
from pcapconv.formats import Reader
from pcapconv.formats.output_compression import choose_compression
from pcapconv.io.paths import STDIO, Readable, Writable, name_of
from pcapconv.io.source import Source, check_salvage, read_file
from pcapconv.io.target import open_target
from pcapconv.merging.appended import AppendedReader
from pcapconv.merging.by_time import MergedReader
from pcapconv.merging.inputs import FurtherSectionError, Inputs
from pcapconv.report import Report
from pcapconv.sinks import FileSink
from pcapconv.steps.plan import Plan
from pcapconv.wording import argument, object_text

if TYPE_CHECKING:
    from typing import Unpack

    from pcapconv.conversion import ConvertArguments


def merge(
    sources: Sequence[Readable],
    target: Writable,
    *,
    append: bool = False,
    separate_interfaces: bool = False,
    to: str | None = None,
    force: bool = False,
    strict: bool = False,
    on_loss: OnLoss = "warn",
    fractions: str | None = None,
    salvage: bool = False,
    fsync: bool = True,
    progress: Callable[[int], object] | None = None,
    on_message: Callable[[str], object] | None = None,
    **options: Unpack[ConvertArguments],
) -> Report:
    """Merge captures into one, by time, and select from, edit and convert it.

    The packets of all inputs become one section, in the order of their times if each input is in order, or with
    `sort`; packets of the same time keep the order of the inputs. Metadata stays: interfaces, comments, names, secrets,
    statistics. Interfaces of different inputs that state exactly the same are one.

    * `sources`: paths, `-` for stdin, or binary file objects, which stay open. A directory stands for the captures in
      it, in order of name; if `target` is one of these, it must be a source, too. A section of an input is merged like
      an input of its own.
    * `target`: a path, `-` for stdout, or a binary file object, which stays open.
    * `append`: put one input behind the other instead; sections stay whole.
    * `separate_interfaces`: keep interfaces of different inputs apart, even if they state exactly the same.
    * `to`, `force`, `strict`, `on_loss`, `fractions`, `salvage`, `fsync`, `on_message`: as for `convert`. With `force`,
      the target may be one of the sources.
    * `progress`: a function that is called with the number of bytes read so far from all inputs.
    * `options`: `pcapconv.steps.step_arguments.StepArguments` and `pcapconv.formats.settings.WriterArguments`. Packet
      numbers and interface ids are those of the merged capture. With `sort`, inputs whose packets are not in order are
      sorted, too.

    Returns a `Report`. Raises a `PcapconvError`, as `convert` does.
    """
    check_on_loss(on_loss)
    check_salvage(salvage=salvage, strict=strict)
    check_flags(force=force, append=append, separate_interfaces=separate_interfaces, fsync=fsync)
    check_functions(progress=progress, on_message=on_message)
    if isinstance(sources, str):
        raise UsageError(f"sources is the text {sources:.80}; give a list of paths", option="sources")
    if append and separate_interfaces:
        raise UsageError(
            f"{argument('separate_interfaces', True)} goes without {argument('append', True)}: sections stay whole",
            option="separate_interfaces",
        )
    try:
        sources = list(sources)
    except TypeError:
        raise UsageError(f"sources is {object_text(sources)}, and no list; give a list of paths") from None
    if sum(is_one_of(each, [STDIO]) for each in sources) > 1:
        raise UsageError("- is stdin, and can be only one of the inputs")
    writer, steps = separate_arguments(formats.target_format(name_of(target), to), options)
    writer = choose_compression(writer, target)
    plan = Plan(steps, read_file, divided=not append)
    whole = strict or on_loss == "fail"
    with ExitStack() as stack:
        inputs = stack.enter_context(Inputs(sources, target, fractions, salvage=salvage))
        settings = ConversionSettings(writer, strict, on_loss, fsync, progress, on_message=on_message)
        conversion = stack.enter_context(
            _Merging(inputs, settings, plan, append=append, separate=separate_interfaces, sorts=bool(steps.get("sort")))
        )
        opened_target = stack.enter_context(
            open_target(target, force=force, whole=whole, compressed=writer.compress is not None)
        )
        if not append and (inputs.needs_survey or not opened_target.seekable):
            conversion.survey_inputs()
        conversion.survey()
        conversion.write_to(FileSink(opened_target))
        others = *sources, *(source.path for source in inputs.sources), target
        conversion.extract_to(open_secrets(plan, *others, force=force))
        report = conversion.run()
        conversion.commit()
    return report


class _Merging(Conversion):
    """The conversion of a merge."""

    def __init__(
        self, inputs: Inputs, settings: ConversionSettings, plan: Plan, *, append: bool, separate: bool, sorts: bool
    ) -> None:
        super().__init__(inputs, settings, plan)
        self._inputs = inputs
        self._append = append
        self._separate = separate
        self._sorts = sorts

    @property
    def sources(self) -> Sequence[Source]:
        """See `Conversion.sources`."""
        return self._inputs.sources

    def survey_inputs(self) -> None:
        """Find the sections of all inputs. Raises FormatError and FileError."""
        progress = self.settings.progress
        self._inputs.survey(lambda: None if progress is None else progress(0))

    def survey(self) -> None:
        """See `Conversion.survey`. If it meets a further section of an input, it begins again with all sections."""
        try:
            super().survey()
        except FurtherSectionError:
            self.survey_inputs()
            super().survey()

    def open_reader(self) -> Reader:
        """See `Conversion.open_reader`."""
        if self._append:
            return AppendedReader(self._inputs)
        inputs, progress = self._inputs, self.settings.progress

        def tell_progress() -> None:  # no method: the reader must not hold this conversion, which holds the reader
            if progress is not None:
                progress(inputs.position_in_file)

        to_pcap = self.settings.writer.format == "pcap"
        return MergedReader(
            inputs, self._stack, tell_progress, separate=self._separate, sorts=self._sorts, to_pcap=to_pcap
        )

    @contextmanager
    def name_errors(self) -> Iterator[None]:
        """See `Conversion.name_errors`. Messages that begin with the name of one of the inputs stay."""
        try:
            with name_in_errors(self.source.name):
                yield
        except FormatError as error:
            cause = error.__cause__
            if cause is not None and any(str(cause).startswith(f"{source.name}: ") for source in self.sources):
                raise cause from None
            raise

    def prepare_next_run(self, error: PcapconvError) -> bool:
        """See `Conversion.prepare_next_run`. A further section of an input needs a survey of the inputs. Any error can
        come from the order that packets have before it, and then the next run has another one."""
        if not isinstance(error, FurtherSectionError) and super().prepare_next_run(error):
            return True
        if isinstance(error, FileError) or self._append or self._inputs.surveyed or not self.can_start_again:
            return False
        parts = len(self._inputs.parts)
        self.survey_inputs()
        return len(self._inputs.parts) > parts

    @property
    def changes_interfaces(self) -> bool:
        """See `Conversion.changes_interfaces`."""
        return not self._append or super().changes_interfaces

    def fill_report(self, report: Report) -> None:
        """See `Conversion.fill_report`."""
        report.inputs = [source.name for source in self._inputs.sources]
        losses = Counter(report.losses)
        if self._inputs.format == "pcap" == report.target_format and self._inputs.says_nothing_of_interfaces:
            del losses["interfaces"], losses["sections"]  # pcap files have neither
        report.losses = dict(losses)
