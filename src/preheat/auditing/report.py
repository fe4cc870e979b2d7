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
from preheat.messages import _, joined, plural
from preheat.schedule import Schedule
from preheat.view.figure import POINTS, Axis, Figure, Mark, Series, number, thinned
from preheat.view.report import count, fill, listing
from preheat.view.sampling import sample

if TYPE_CHECKING:
    from preheat.auditing.logs import Series as LogSeries
    from preheat.auditing.observed import Counts, Floats


# --- The figures of an audit ----------------------------------------------------------------------------------------


def audit_figure(schedule: Schedule, finding: Finding, name: str = "rates", points: int = POINTS) -> Figure:
    """What one group logged, over its plan; the first rate that is not the plan's is marked.

    Args:
        schedule: the plan.
        finding: of the group.
        name: of the figure.
        points: at most about so many of a curve.
    """
    base = base_of(schedule, finding)
    marks: tuple[Mark, ...] = ()
    if finding.parts is None:
        note = _("Log and plan do not part.")
    elif finding.equal:
        note = _("The plan at {ratio:.6g} of its rate: a group of its own.", ratio=finding.numbers["ratio"])
    else:
        at = int(np.flatnonzero(finding.updates == finding.parts)[0])
        note = _(
            "They part at update {at}, the first whose rate is not the plan's: {found} instead of {planned}.",
            at=count(finding.parts),
            found=number(finding.rates[at]),
            planned=number(finding.planned[at]),
        )
        label = _("they part, at update {at}", at=count(finding.parts))
        marks = (Mark(position=finding.parts, label=label, kind="event", role="parts", text=count(finding.parts)),)
    log = _logged_series(finding.updates, finding.rates, points)
    plan = _curve(_("plan"), "planned", schedule, base, log, points)
    return _figure(name, _("Plan and log: {group}", group=finding.group), note, (log, plan), marks)


def recognized_figure(
    series: LogSeries, known: Recognized, first: int, name: str = "rates", points: int = POINTS
) -> Figure:
    """A log's rates over the schedule that was recognized in them.

    Args:
        series: of the log.
        known: what was recognized.
        first: the log's step number of the first update.
        name: of the figure.
        points: at most about so many of a curve.
    """
    seen = observed(series, first)
    furthest = {"distance": number(known.error), "at": count(known.error_at)}
    note = _("The nearest known shape; the largest distance is {distance}, at update {at}.", **furthest)
    if known.exact:
        note = _("Every logged rate agrees; the largest distance is {distance}, at update {at}.", **furthest)
    log = _logged_series(seen.updates, seen.rates, points)
    curve = _curve(_("recognized"), "recognized", known.schedule, known.base_lr, log, points)
    return _figure(name, _("Log and what it looks like: {group}", group=series.name), note, (log, curve))


def logged_figure(log: Log, name: str = "rates", points: int = POINTS) -> Figure:
    """A log's rates alone, by the log's own steps, one series a group."""
    series = []
    for index, one in enumerate(log.series, 1):
        x, y = thinned(one.steps, one.rates, points)
        series.append(Series(label=one.name, role=index, x=x, y=y))
    return _figure(name, log.kind, "", tuple(series))


def base_of(schedule: Schedule, finding: Finding) -> float:
    """The peak that the plan's rates of a finding were made with; 0 where all of them are 0."""
    # Where the plan is highest, the quotient has the most digits; a warm-up's first factor may be 0.
    top = int(finding.planned.argmax())
    factor = float(schedule(int(finding.updates[top])))
    return float(finding.planned[top]) / factor if factor else 0.0


def _logged_series(updates: Counts, rates: Floats, points: int) -> Series:
    x, y = thinned(updates, rates, points)
    # Dots: a log may have a row in a hundred, and a line between them would claim what nobody logged.
    return Series(label=_("log"), role="log", x=x, y=y, style="points")


def _curve(label: str, role: str, schedule: Schedule, base: float, log: Series, points: int) -> Series:
    """A schedule below a log. The log may have a row in a thousand: the curve is drawn between them too, and known at
    each of them, so that both are told where one is looked at.
    """
    at = np.asarray(log.x, dtype=np.int64)
    if base:
        positions = sample(schedule, updates=max(1, int(at[-1])), lr=base, points=points)[0].positions
        at = np.union1d(positions, at).astype(np.int64)
    return Series(label=label, role=role, x=at.tolist(), y=(base * schedule(at)).tolist(), style="plan")


def _figure(
    name: str, title: str, note: str, series: tuple[Series, ...], marks: tuple[Mark, ...] = ()
) -> Figure:  # fmt: skip
    last = max(one.x[-1] for one in series)
    return Figure(
        name=name, title=title, x=Axis(title=_("update"), high=max(last, 1)), y=Axis(title=_("learning rate")),
        series=series, marks=marks, notes=(note,) if note else (),
    )  # fmt: skip


# --- An audit as one HTML page: the verdict, plan against log with where they part, why, and the numbers behind it


_TEMPLATE = "preheat.auditing/report.html.jinja"
_CLOCK = {"scale": _("scheduler positions an update moves"), "offset": _("position of update 0")}
# What a finding's own numbers are called; those that are no number for people are left to its sentence.
_NAMES = {
    "at": _("first update concerned"),
    "last": _("last update of the log"),
    "rate": _("rate there"),
    "ratio": _("share of the plan's rates"),
    "base": _("peak found"),
    "planned_base": _("peak planned"),
    "warmup": _("updates of the warm-up, found"),
    "planned_warmup": _("updates of the warm-up, planned"),
    "horizon": _("updates of the schedule, found"),
    "planned_horizon": _("updates of the schedule, planned"),
    "floor": _("floor found, share of the peak"),
    "every": _("updates between two moves"),
    "epoch": _("updates in an epoch"),
    "lag": _("updates it fell behind"),
    "position": _("position it goes on from"),
    "from": _("rate before"),
    "to": _("rate after"),
    "found": _("found"),
    "planned": _("planned"),
}


def audit_html(audited: Audit, language: str | None = None) -> str:
    r"""The report of an audit as the text of an HTML page.

    Args:
        audited: what :func:`preheat.audit` returned.
        language: of the page, a code such as ``"zh"``; None is the reader's.

    Raises:
        MissingExtraError: if Jinja2 is not installed.

    >>> import tempfile, pathlib, preheat
    >>> path = pathlib.Path(tempfile.mkdtemp()) / "log.csv"
    >>> plan = preheat.get_schedule("linear", warmup=10, total=100)
    >>> _ = path.write_text("update,lr\n" + "".join(f"{k},{1e-4 * plan(4 * k)}\n" for k in range(100)))
    >>> page = audit_html(preheat.audit(path, plan, lr=1e-4), "en")
    >>> "Not as planned: the schedule moves 4 times per update." in page
    True
    """
    groups = []
    for index, finding in enumerate(audited.findings):
        figure = audit_figure(audited.schedule, finding, f"rates-{index}")
        groups.append(_group(finding.group, finding.sentence, figure) | {
            "evidence": finding.evidence, "cause": finding.cause, "numbers": _numbers(finding), "kind": finding.kind,
        })  # fmt: skip
    # Without a peak in the plan its words need one: the largest that was found in the log.
    fitted = max(base_of(audited.schedule, finding) for finding in audited.findings)
    return _page(
        audited.log,
        groups,
        verdict=_verdict(audited),
        tiles=_tiles(audited),
        plans=[("", audited.schedule, _words(audited.schedule, audited.base_lr or fitted, audited.log))],
        held=True,
        peak=audited.base_lr,
        language=language,
    )


def recognized_page(
    log: Log, recognized: Mapping[str, Recognized | None], *, first: int | None = None, language: str | None = None
) -> str:
    """The report of a log that is held against no plan: what its rates look like.

    Args:
        log: the log.
        recognized: what :func:`preheat.recognise_log` returned for it.
        first: the log's step number of the first update, as it was given there.
        language: of the page, a code such as ``"zh"``; None is the reader's.

    Raises:
        MissingExtraError: if Jinja2 is not installed.
    """
    groups, tiles, plans = [], [], []
    for index, series in enumerate(log.series):
        known = recognized[series.name]
        several = len(log.series) > 1
        name = series.name if several else _("Rates")
        if known is None:
            groups.append(_group(series.name, _("too few rates above zero to say what they are"), None))
            rates = plural("{n:,} rate", "{n:,} rates", len(series))
            tiles.append((name, _("Not recognized"), rates))
            continue
        how = _("every logged rate agrees") if known.exact else _("the nearest known shape")
        begin = first if first is not None else log.first or 0
        figure = recognized_figure(series, known, begin, f"rates-{index}")
        sentence = _("it looks like {schedule} ({how})", schedule=str(known), how=how)
        groups.append(_group(series.name, sentence, figure) | {
            "evidence": known.notes,
            "numbers": [(_("peak"), number(known.base_lr)), (_("largest distance"), number(known.error)),
                        (_("at update"), count(known.error_at))],
        })  # fmt: skip
        tiles.append((name, _("Recognized") if known.exact else _("Nearest shape"), how))
        peak = _("Peak of {group}", group=name) if several else _("Peak")
        tiles.append((peak, number(known.base_lr), _("as found")))
        plans.append((series.name, known.schedule, _words(known.schedule, known.base_lr, log)))
    verdict = _recognized_verdict(groups)
    return _page(log, groups, verdict=verdict, tiles=tiles, plans=plans, held=False, language=language)


def _page(
    log: Log,
    groups: list[dict[str, Any]],
    *,
    verdict: str,
    tiles: list[tuple[str, str, str]],
    plans: list[tuple[str, Schedule, str]],
    held: bool,
    peak: float | None = None,
    language: str | None = None,
) -> str:
    return fill(
        _TEMPLATE,
        figures=[group["figure"] for group in groups if group["figure"] is not None],
        language=language,
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


def _group(name: str, sentence: str, figure: Figure | None) -> dict[str, Any]:
    return {
        "name": name,
        "sentence": sentence,
        "figure": figure,
        "evidence": (),
        "cause": "",
        "numbers": [],
        "kind": "",
    }


def _verdict(audited: Audit) -> str:
    """In one sentence, whether the log is the plan and what happened if not."""
    wrong = [finding for finding in audited.findings if not finding.equal]
    if not wrong:
        return _("As planned: every logged rate is the plan's, to the digits it is written with.")
    if len(audited.findings) == 1:
        return _("Not as planned: {sentence}.", sentence=wrong[0].sentence)
    # Three sentences can be read at a glance; every group has its own section below.
    shown = [joined(": ", [finding.group, finding.sentence]) for finding in wrong[:3]]
    if len(wrong) > 3:
        shown.append(_("and {many} more", many=len(wrong) - 3))
    return _(
        "Not as planned, {wrong} of {many} groups. {sentences}.",
        wrong=len(wrong),
        many=len(audited.findings),
        sentences=joined("; ", shown),
    )


def _recognized_verdict(groups: Sequence[Mapping[str, Any]]) -> str:
    if len(groups) == 1:
        return _("Held against no plan: {sentence}.", sentence=groups[0]["sentence"])
    return _("Held against no plan; what each of its {many} groups looks like is said below.", many=len(groups))


def _tiles(audited: Audit) -> list[tuple[str, str, str]]:
    """The numbers people look for first, of the group that is furthest from the plan."""
    wrong = [finding for finding in audited.findings if not finding.equal]
    # One group's numbers, since tiles that mix groups would belong to none.
    shown = max(wrong or audited.findings, key=lambda one: float(np.abs(one.rates - one.planned).max()))
    many = len(audited.findings)
    groups = (
        _("{wrong} of {many} groups differ", wrong=len(wrong), many=many) if many > 1 else _("one group in the log")
    )
    tiles = [(_("Verdict"), _("Not as planned") if wrong else _("As planned"), groups)]
    rates = len(shown.rates)
    of = plural("of {n:,} rate", "of {n:,} rates", rates)
    if many > 1:
        of = plural("of {n:,} rate of {group}", "of {n:,} rates of {group}", rates, group=shown.group)
    tiles.append((_("The plan's"), count(shown.agrees.sum() if wrong else rates), of))
    if wrong:
        apart = np.abs(shown.rates - shown.planned)
        first = _("the first rate that is not the plan's")
        tiles.append((_("They part"), _("update {at}", at=count(shown.parts)), first))
        furthest = _("at update {at}", at=count(shown.updates[apart.argmax()]))
        tiles.append((_("Furthest apart"), number(apart.max()), furthest))
    if shown.scale != 1:
        tiles.append((_("Positions an update"), f"{shown.scale:g}", _("1 is as it should be")))
    top = _("logged, at update {at}", at=count(shown.updates[shown.rates.argmax()]))
    tiles.append((_("Peak"), number(shown.rates.max()), top))
    return tiles


def _numbers(finding: Finding) -> list[tuple[str, str]]:
    """The finding's numbers, by what they are."""
    rows = [(_CLOCK["scale"], f"{finding.scale:g}"), (_CLOCK["offset"], f"{finding.offset:g}")]
    for name, value in finding.numbers.items():
        if name in _NAMES and isinstance(value, (int, float)) and name not in _CLOCK:
            # As many digits as a log of a trainer usually has.
            rows.append((_NAMES[name], number(value, 6)))
        elif name == "updates":
            rows.append((_("updates concerned"), listing(value)))
    return rows


def _words(schedule: Schedule, peak: float, log: Log) -> str:
    return schedule.describe(peak or 1.0, log.total)


def _logged(series: LogSeries) -> tuple[str, str, str, str, str]:
    """One series of the log: its name, how many rates, from and to which step, lowest and highest rate."""
    steps = _("{first} to {last}", first=count(series.steps[0]), last=count(series.steps[-1]))
    return series.name, count(len(series)), steps, number(series.rates.min()), number(series.rates.max())
