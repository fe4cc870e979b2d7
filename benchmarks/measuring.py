"""What the benchmarks share: interleaved measuring, costs, and tables that are Markdown.

The cases of a table run once a round, in random order, for many rounds. A cost is the median of the rounds and the
least of them; a ratio is one of medians, inside one run. Processor time is charged, so other jobs count little.
"""

import argparse
import datetime
import gc
import inspect
import json
import os
import platform
import random
import time
from collections.abc import Callable, Iterable
from importlib.metadata import version
from pathlib import Path
from statistics import median
from typing import Any, NamedTuple

Case = Callable[[], float]  # runs once; returns its seconds per unit of work


class Cost(NamedTuple):
    """Seconds per unit of work, over the rounds."""

    median: float
    least: float

    def over(self, base: "Cost") -> "Cost":
        """What is left when the base is taken off."""
        return Cost(self.median - base.median, self.least - base.least)

    def shown(self, unit: float, digits: int = 2) -> str:
        """Median and least, in a unit."""
        return f"{self.median / unit:.{digits}f} ({self.least / unit:.{digits}f})"


Costs = dict[str, Cost]
MARK = "<!-- written by the benchmark: renew with --page -->"


class Verdict(NamedTuple):
    """A line of the summary; ``limit`` bounds ``ratio``."""

    what: str
    ours: str
    beside: str
    ratio: float
    limit: float

    def cells(self) -> list[str]:
        """As the summary shows it."""
        return [
            self.what,
            self.ours,
            self.beside,
            factor(self.ratio),
            f"<= {factor(self.limit)}",
            "yes" if self.ratio <= self.limit else "no",
        ]


Section = Callable[[bool], tuple[str, dict[str, Costs], list[Verdict]]]  # quick or not; a table, its numbers, targets


def measure(cases: dict[str, Case], rounds: int) -> Costs:
    """Every case once a round, in random order, after one round that does not count."""
    seconds: dict[str, list[float]] = {name: [] for name in cases}
    order = random.Random(0)
    gc.collect()
    gc.disable()
    for turn in range(rounds + 1):
        for name in order.sample(list(cases), len(cases)):
            taken = cases[name]()
            if turn:
                seconds[name].append(taken)
    gc.enable()
    return {name: Cost(median(values), min(values)) for name, values in seconds.items()}


def timed(work: Callable[[], Any], units: float = 1) -> Case:
    """A case that is one call, which does so many units of work."""

    def run() -> float:
        start = time.process_time()
        work()
        return (time.process_time() - start) / units

    return run


def compared(what: str, ours: Cost, name: str, peer: Cost, limit: float, unit: tuple[float, str]) -> Verdict:
    """Our cost beside a peer's, in a unit given as seconds and name."""
    seconds, mark = unit
    beside = f"{name}: {peer.median / seconds:.3g} {mark}"
    return Verdict(what, f"{ours.median / seconds:.3g} {mark}", beside, ours.median / peer.median, limit)


def factor(value: float) -> str:
    """A ratio as people read it."""
    return f"{value:.2f}" if value > 0.4 else f"1/{1 / value:.3g}"


def table(heads: Iterable[str], rows: Iterable[Iterable[str]]) -> str:
    """A Markdown table, padded so that a terminal shows it well too."""
    lines = [list(heads), *map(list, rows)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(
        "| " + " | ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) + " |" for line in lines
    )


def circumstances(packages: Iterable[str]) -> str:
    """The day, the machine in general terms, and the versions."""
    day = datetime.datetime.now(datetime.UTC).date()
    names = ", ".join(f"{package} {version(package)}" for package in packages)
    return f"{day}; {os.cpu_count()} cores, CPU; Python {platform.python_version()}, {names}."


def report(about: str, sections: dict[str, Section], packages: Iterable[str]) -> None:
    """The command line of a benchmark: measure every section, print, and write what was asked for."""
    parser = argparse.ArgumentParser(description=about.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer rounds")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the numbers, in seconds")
    parser.add_argument("--page", type=Path, metavar="FILE", help="renew the tables of a Markdown page")
    options = parser.parse_args()

    parts, numbers, verdicts = [circumstances(packages)], {}, []
    print(parts[0])
    for title, section in sections.items():
        text, numbers[title], found = section(options.quick)
        verdicts += found
        parts.append(f"## {title}\n\n{inspect.cleandoc(section.__doc__ or '')}\n\n{text}")
        print(f"\n{parts[-1]}", flush=True)
    heads = ["what", "preheat", "beside", "ratio", "target", "met"]
    parts.insert(1, f"## Summary\n\n{table(heads, (line.cells() for line in verdicts))}")
    print(f"\n{parts[1]}")
    if options.json is not None:
        everything = {"run": parts[0], "seconds": numbers, "summary": [line._asdict() for line in verdicts]}
        options.json.write_text(json.dumps(everything, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    if options.page is not None:
        kept = options.page.read_text(encoding="utf-8").partition(MARK)[0]
        options.page.write_text("\n\n".join([kept + MARK, *parts]) + "\n", encoding="utf-8")
