"""Draw benchmark results: a panel of bars for each case, and pcapconv's memory against file size."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from results import CONVERT, Case, Results
from tools import INTERPRETED, PCAPCONV

COLOURS = {PCAPCONV: "#1b6ca8", INTERPRETED: "#8fbbdc", "cp": "#5f6b75", "editcap": "#b5bcc2", "tcpdump": "#d3d8dc"}
COLUMNS = 2


def draw_case(axes: Any, results: Results, case: Case) -> None:
    """Draw a bar for each tool, fastest on top, with its median beside it and a line from fastest to slowest run."""
    timings = [timing for timing in results.timings if timing.case == case]
    timings.sort(key=lambda timing: timing.median, reverse=True)
    names = [timing.tool for timing in timings]
    medians = [timing.median for timing in timings]
    longest = max(max(timing.seconds) for timing in timings)
    axes.barh(names, medians, color=[COLOURS[name] for name in names], height=0.7)
    for row, timing in enumerate(timings):
        axes.plot((min(timing.seconds), max(timing.seconds)), (row, row), color="#222222", linewidth=1)
        axes.text(max(timing.seconds) + longest * 0.02, row, f"{timing.median:.2f} s", va="center", fontsize=9)
    axes.set_xlim(0, longest * 1.16)
    axes.set_title(str(case), loc="left", fontsize=10, fontweight="bold")
    axes.set_xlabel("seconds (bar: median; line: fastest to slowest run)", fontsize=8)


def draw_memory(axes: Any, results: Results, limit: int) -> None:
    """Draw peak memory against file size: a line for each conversion, and the limit."""
    ways = sorted({(memory.case.job, memory.case.source, memory.case.target) for memory in results.memory})
    for (job, source, target), style in zip(ways, ("o-", "s--", "^:"), strict=False):
        points = [memory for memory in results.memory if (memory.case.job, memory.case.source) == (job, source)]
        sizes = [point.file_bytes / 1e6 for point in points]
        peaks = [point.peak_bytes / 2**20 for point in points]
        axes.plot(
            sizes,
            peaks,
            style,
            color=COLOURS[PCAPCONV],
            markersize=4,
            label=f"{source} → {target}" if job == CONVERT else job,
        )
    axes.axhline(limit / 2**20, color="#c0392b", linewidth=1, label=f"limit, {limit // 2**20} MiB")
    axes.set_xscale("log")
    axes.xaxis.set_major_formatter("{x:g}")
    axes.minorticks_off()
    axes.set_ylim(0, 1.4 * limit / 2**20)
    axes.set_title("Peak memory of pcapconv", loc="left", fontsize=10, fontweight="bold")
    axes.set_xlabel("size of the input, MB", fontsize=8)
    axes.set_ylabel("MiB", fontsize=8)
    axes.legend(frameon=False, fontsize=8, loc="upper left", ncols=3, columnspacing=1)


def draw(results: Results, memory_limit: int, path: Path) -> None:
    """Write the plot of all results as SVG."""
    cases = results.cases()
    panels = len(cases) + bool(results.memory)
    rows = -(-panels // COLUMNS)
    figure, grid = _panels(rows, 2.4 * rows)
    for axes, case in zip(grid, cases, strict=False):
        draw_case(axes, results, case)
    if results.memory:
        draw_memory(grid[len(cases)], results, memory_limit)
    for axes in grid[panels:]:
        axes.set_visible(False)
    _save(figure, path)


def draw_conversions(results: Results, path: Path) -> None:
    """Write the chart of README.md as SVG: both conversions of the mixed capture, and what the bars hold for."""
    cases = [case for case in results.cases() if case.is_conversion and case.traffic == "mixed"]
    figure, grid = _panels(1, 2.9)
    for axes, case in zip(grid, cases, strict=True):
        draw_case(axes, results, case)
        size = results.file_bytes[f"mixed-{case.packets}.{case.source}"] / 1e6
        axes.set_title(
            f"{case.source} → {case.target}: {case.packets:,} packets, {size:,.0f} MB", loc="left", fontsize=10
        )
    versions = [results.versions["editcap"].split(" (Git")[0], results.versions["tcpdump"].split(" (with")[0]]
    machine = f"{results.machine['Processor']}, cores: {results.machine['Cores']}, files in memory, {results.date}"
    figure.supxlabel(f"pcapconv: compiled kernels. {'; '.join(versions)}. {machine}", fontsize=8)
    _save(figure, path)


def _panels(rows: int, height: float) -> tuple[Any, Any]:
    """Return a figure and its panels, in `rows` rows; `height` is in inches."""
    import matplotlib  # only here, since measuring does not need it
    from matplotlib.figure import Figure

    matplotlib.rcParams.update({"svg.fonttype": "none", "svg.hashsalt": "pcapconv", "font.family": "sans-serif"})
    figure = Figure(figsize=(11, height), layout="constrained")
    grid = figure.subplots(rows, COLUMNS, squeeze=False).flatten()
    for axes in grid:
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=9)
    return figure, grid


def _save(figure: Any, path: Path) -> None:
    figure.savefig(path, format="svg", metadata={"Date": None}, facecolor="white")
