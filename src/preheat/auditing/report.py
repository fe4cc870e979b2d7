"""An audit as one HTML page: the verdict, plan against log with where they part, why, and the numbers behind it.

The page asks for nothing outside itself. The same log and plan give the same page.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from preheat.auditing.audits import Audit, Finding
from preheat.auditing.logs import Log
from preheat.auditing.observed import observed
from preheat.auditing.recognition import Recognized
from preheat.schedule import Schedule
from preheat.view import inline_svg, plot_series
from preheat.view.echarts import report_options
from preheat.view.report import Chart, count, drawings, fill, listing, number
from preheat.view.samples import sample, thin

if TYPE_CHECKING:
    from preheat.auditing.logs import Series
    from preheat.auditing.observed import Counts, Floats


# --- The charts of an audit: a log's rates, the plan's or the recognized curve behind them, and where they part


_SIZE = (7.8, 3.2)
_PLACE = (0.078, 0.15, 0.9, 0.78)  # of the axes in it: left, bottom, width, height


def audit_chart(schedule: Schedule, finding: Finding, name: str) -> Chart:
    """The plan of one group and what it logged; the first rate that is not the plan's is marked."""
    base = base_of(schedule, finding)
    title = f"Plan and log: {finding.group}"
    if finding.parts is None or finding.equal:
        note = (
            "Log and plan do not part."
            if finding.parts is None
            else f"{finding.sentence[0].upper()}{finding.sentence[1:]}."
        )
        return _chart(name, title, note, "plan", schedule, base, finding.updates, finding.rates)
    at = int(np.flatnonzero(finding.updates == finding.parts)[0])
    apart = f"{number(finding.rates[at])} instead of {number(finding.planned[at])}"
    note = f"They part at update {count(finding.parts)}, the first whose rate is not the plan's: {apart}."
    return _chart(name, title, note, "plan", schedule, base, finding.updates, finding.rates, finding.parts)


def recognized_chart(series: Series, known: Recognized, first: int, name: str) -> Chart:
    """A log's rates and the schedule that was recognized in them."""
    seen = observed(series, first)
    how = "Every logged rate agrees" if known.exact else "The nearest known shape"
    note = f"{how}; the largest distance is {number(known.error)}, at update {count(known.error_at)}."
    title = f"Log and what it looks like: {series.name}"
    return _chart(name, title, note, "recognized", known.schedule, known.base_lr, seen.updates, seen.rates)


def base_of(schedule: Schedule, finding: Finding) -> float:
    """The peak that the plan's rates of a finding were made with; 0 where all of them are 0."""
    top = int(finding.planned.argmax())
    factor = float(schedule(int(finding.updates[top])))
    return float(finding.planned[top]) / factor if factor else 0.0


def _chart(
    name: str, title: str, note: str, curve: str, schedule: Schedule, base: float, updates: Counts, rates: Floats,
    parts: int | None = None,
) -> Chart:  # fmt: skip
    chosen = thin(rates)
    at, last = updates[chosen], int(updates[-1])
    if base:
        # The log may have a row in a thousand: the curve is drawn between them too, and known at each of them.
        every = np.union1d(sample(schedule, updates=max(1, last), lr=base)[0].positions, at).astype(np.int64)
        planned = base * schedule(every)
    else:
        every, planned = at, np.zeros(len(at))
    # The curve comes last and lies on top: dots that are on it would hide it.
    series = {"log": (at.tolist(), rates[chosen].tolist()), curve: (every.tolist(), planned.tolist())}
    marks, legend = {}, [("dot c1", "log"), ("line c2", curve)]
    if parts is not None:
        words = f"they part, at update {count(parts)}"
        marks[words] = [float(parts)]
        legend.append(("mark c8", words))
    figure = plot_series(series, ylabel="", points=["log"], marks=list(marks.values()), legend=False)
    figure.axes[0].set_xlim(-0.02 * last, 1.02 * max(last, 1))
    figure.axes[0].set_position(_PLACE)
    figure.set_size_inches(*_SIZE)
    svg = inline_svg(figure, prefix=name, label=f"{title}. {note}")
    options = report_options(series, points=["log"], marks=marks, reach=max(last, 1))
    options["series"][1]["z"] = 3
    return Chart(name, title, "learning rate", svg, legend, [note], options)


# --- An audit as one HTML page: the verdict, plan against log with where they part, why, and the numbers behind it


_TEMPLATE = "preheat.auditing/report.html.jinja"
_CLOCK = {"scale": "scheduler positions an update moves", "offset": "position of update 0"}
# What a finding's own numbers are called; those that are no number for people are left to its sentence.
_NAMES = {
    "at": "first update concerned",
    "last": "last update of the log",
    "rate": "rate there",
    "ratio": "share of the plan's rates",
    "base": "peak found",
    "planned_base": "peak planned",
    "warmup": "updates of the warm-up, found",
    "planned_warmup": "updates of the warm-up, planned",
    "horizon": "updates of the schedule, found",
    "planned_horizon": "updates of the schedule, planned",
    "floor": "floor found, share of the peak",
    "every": "updates between two moves",
    "epoch": "updates in an epoch",
    "lag": "updates it fell behind",
    "position": "position it goes on from",
    "from": "rate before",
    "to": "rate after",
    "found": "found",
    "planned": "planned",
}


def audit_html(found: Audit) -> str:
    r"""The report of an audit as the text of an HTML page.

    Args:
        found: what :func:`preheat.audit` returned.

    Raises:
        MissingExtraError: if matplotlib or Jinja2 is not installed.

    >>> import tempfile, pathlib, preheat
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "log.csv"
    >>> plan = preheat.get_schedule("linear", warmup=10, total=100)
    >>> _ = path.write_text("update,lr\n" + "".join(f"{k},{1e-4 * plan(4 * k)}\n" for k in range(100)))
    >>> page = audit_html(preheat.audit(path, plan, lr=1e-4))
    >>> "Not as planned: the schedule moves 4 times per update." in page
    True
    """
    groups = []
    for index, finding in enumerate(found.findings):
        chart = audit_chart(found.schedule, finding, f"rates-{index}")
        groups.append(_group(finding.group, finding.sentence, chart) | {
            "evidence": finding.evidence, "cause": finding.cause, "numbers": _numbers(finding), "kind": finding.kind,
        })  # fmt: skip
    fitted = max(base_of(found.schedule, finding) for finding in found.findings)
    return _page(
        found.log,
        groups,
        verdict=_verdict(found),
        tiles=_tiles(found),
        plans=[("", found.schedule, _words(found.schedule, found.base_lr or fitted, found.log))],
        held=True,
        peak=found.base_lr,
    )


def recognized_page(log: Log, found: Mapping[str, Recognized | None], *, first: int | None = None) -> str:
    """The report of a log that is held against no plan: what its rates look like.

    Args:
        log: the log.
        found: what :func:`preheat.recognise_log` returned for it.
        first: the log's step number of the first update, as it was given there.

    Raises:
        MissingExtraError: if matplotlib or Jinja2 is not installed.
    """
    groups, tiles, plans = [], [], []
    for index, series in enumerate(log.series):
        known = found[series.name]
        name = series.name if len(log.series) > 1 else "Rates"
        if known is None:
            groups.append(_group(series.name, "too few rates above zero to say what they are", None))
            tiles.append((name, "Not recognized", f"{count(len(series))} rates"))
            continue
        how = "every logged rate agrees" if known.exact else "the nearest known shape"
        chart = recognized_chart(series, known, first if first is not None else log.first or 0, f"rates-{index}")
        groups.append(_group(series.name, f"it looks like {known} ({how})", chart) | {
            "evidence": known.notes,
            "numbers": [("peak", number(known.base_lr)), ("largest distance", number(known.error)),
                        ("at update", count(known.error_at))],
        })  # fmt: skip
        tiles.append((name, "Recognized" if known.exact else "Nearest shape", how))
        tiles.append((f"Peak{f' of {name}' if len(log.series) > 1 else ''}", number(known.base_lr), "as found"))
        plans.append((series.name, known.schedule, _words(known.schedule, known.base_lr, log)))
    return _page(log, groups, verdict=_recognized_verdict(groups), tiles=tiles, plans=plans, held=False)


def _page(
    log: Log,
    groups: list[dict[str, Any]],
    *,
    verdict: str,
    tiles: list[tuple[str, str, str]],
    plans: list[tuple[str, Schedule, str]],
    held: bool,
    peak: float | None = None,
) -> str:
    charts = [chart for group in groups for chart in group["charts"]]
    for group in groups:
        group["drawn"] = drawings(group["charts"])
    return fill(
        _TEMPLATE,
        charts=charts,
        name=Path(log.path).name,
        log=log,
        verdict=verdict,
        tiles=tiles,
        groups=groups,
        plans=plans,
        held=held,
        peak=peak,
        series=[_logged(series) for series in log.series],
    )


def _group(name: str, sentence: str, chart: Chart | None) -> dict[str, Any]:
    charts = [] if chart is None else [chart]
    return {
        "name": name,
        "sentence": sentence,
        "charts": charts,
        "evidence": (),
        "cause": "",
        "numbers": [],
        "kind": "",
    }


def _verdict(found: Audit) -> str:
    """In one sentence, whether the log is the plan and what happened if not."""
    wrong = [finding for finding in found.findings if not finding.equal]
    if not wrong:
        return "As planned: every logged rate is the plan's, to the digits it is written with."
    if len(found.findings) == 1:
        return f"Not as planned: {wrong[0].sentence}."
    names = "; ".join(f"{finding.group}: {finding.sentence}" for finding in wrong[:3])
    more = f"; and {len(wrong) - 3} more" if len(wrong) > 3 else ""
    return f"Not as planned, {len(wrong)} of {len(found.findings)} groups. {names}{more}."


def _recognized_verdict(groups: Sequence[Mapping[str, Any]]) -> str:
    if len(groups) == 1:
        sentence = str(groups[0]["sentence"])
        return f"Held against no plan: {sentence}."
    return f"Held against no plan; what each of its {len(groups)} groups looks like is said below."


def _tiles(found: Audit) -> list[tuple[str, str, str]]:
    """The numbers people look for first, of the group that is furthest from the plan."""
    wrong = [finding for finding in found.findings if not finding.equal]
    shown = max(wrong or found.findings, key=lambda one: float(np.abs(one.rates - one.planned).max()))
    many = len(found.findings)
    groups = f"{len(wrong)} of {many} groups differ" if many > 1 else "one group in the log"
    tiles = [("Verdict", "Not as planned" if wrong else "As planned", groups)]
    rates = len(shown.rates)
    of = f"of {count(rates)} rates" + (f" of {shown.group}" if many > 1 else "")
    tiles.append(("The plan's", count(shown.agrees.sum() if wrong else rates), of))
    if wrong:
        apart = np.abs(shown.rates - shown.planned)
        tiles.append(("They part", f"update {count(shown.parts)}", "the first rate that is not the plan's"))
        tiles.append(("Furthest apart", number(apart.max()), f"at update {count(shown.updates[apart.argmax()])}"))
    if shown.scale != 1:
        tiles.append(("Positions an update", f"{shown.scale:g}", "1 is as it should be"))
    tiles.append(("Peak", number(shown.rates.max()), f"logged, at update {count(shown.updates[shown.rates.argmax()])}"))
    return tiles


def _numbers(finding: Finding) -> list[tuple[str, str]]:
    """The finding's numbers, by what they are."""
    rows = [(_CLOCK["scale"], f"{finding.scale:g}"), (_CLOCK["offset"], f"{finding.offset:g}")]
    for name, value in finding.numbers.items():
        if name in _NAMES and isinstance(value, (int, float)) and name not in _CLOCK:
            rows.append((_NAMES[name], number(value, 6)))
        elif name == "updates":
            rows.append(("updates concerned", listing(value)))
    return rows


def _words(schedule: Schedule, peak: float, log: Log) -> str:
    return schedule.describe(peak or 1.0, log.total)


def _logged(series: Series) -> tuple[str, str, str, str, str]:
    """One series of the log: its name, how many rates, from and to which step, lowest and highest rate."""
    steps = f"{count(series.steps[0])} to {count(series.steps[-1])}"
    return series.name, count(len(series)), steps, number(series.rates.min()), number(series.rates.max())
