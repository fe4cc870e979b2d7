"""A dropped log audited: read from a file of its own, held against a plan or recognised."""

from __future__ import annotations

import re
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from preheat.errors import ConfigError, refusal
from preheat.inspect import audit
from preheat.inspect.auditing import recognise_log
from preheat.inspect.auditing.report import audit_page, recognised_page
from preheat.inspect.logs import Log, read_log
from preheat.schedule import Schedule
from preheat.schedule.named import get_schedule, usual_warmup
from preheat.studio.design import MOST_UPDATES, in_words, parse_foreign
from preheat.view.echarts import chart_options
from preheat.view.report.thinning import thinned


@dataclass(frozen=True, slots=True)
class Asked:
    """What a log is held against, as people write it; an empty plan asks what the log looks like."""

    against: str = ""
    updates: str = ""
    warmup: str = ""
    lr: str = ""
    column: str = ""


@dataclass(frozen=True, slots=True)
class Part:
    """What is said of one series of the log.

    Attributes:
        group: the log's name for it.
        kind: of the finding; empty where there is no plan.
        equal: whether it is the plan; None where there is none.
        sentence: what happened, or what it looks like.
        cause: what that usually comes from.
        evidence: the numbers behind it.
        series: to draw: name (a key of the page's words) to (updates, rates).
    """

    group: str
    kind: str
    equal: bool | None
    sentence: str
    cause: str
    evidence: tuple[str, ...]
    series: dict[str, tuple[list[float], list[float]]] = field(repr=False, default_factory=dict)

    def title(self, words: Mapping[str, str]) -> str:
        """The verdict in two words, and the group."""
        key = "audit.looks" if self.equal is None else "audit.equal" if self.equal else "audit.other"
        return f"{words[key]} ({self.group})"

    def chart(self, words: Mapping[str, str]) -> dict[str, Any] | None:
        """The log, and the plan behind it if there is one; None where there is nothing to draw."""
        if all(len(updates) < 2 for updates, _ in self.series.values()):
            return None
        named = {words[key]: series for key, series in self.series.items()}
        points = [words["audit.log"]] if len(named) > 1 else []
        return chart_options(named, xlabel=words["axis.update"], ylabel=words["rate"], points=points)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What is said of a log.

    Attributes:
        log: its name, kind, and how many rates it has.
        parts: one for each series.
        notes: of the reader.
        report: makes the report of the audit, the text of a page.
    """

    log: str
    parts: list[Part]
    notes: tuple[str, ...]
    report: Callable[[], str] = field(repr=False)


def verdict_on(name: str, content: bytes, asked: Asked) -> Verdict:
    """Audit a log.

    Args:
        name: of the file, which says its kind; nothing else is made of it.
        content: of the file.
        asked: the plan.

    Raises:
        DataError: if the log cannot be read.
        ConfigError, ScheduleError: for a plan that cannot be.
    """
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / _plain(name)
        path.write_bytes(content)
        try:
            return _verdict(path, asked)
        except ValueError as error:  # the reader names the file by the place it has here
            raise type(error)(str(error).replace(str(path), _plain(name))) from None


def _plain(name: str) -> str:
    """The last part of a file's name, in letters that mean nothing to a file system."""
    return re.sub(r"[^\w.-]", "_", re.split(r"[/\\]", name)[-1]).lstrip(".")[-120:] or "log"


def _verdict(path: Path, asked: Asked) -> Verdict:
    log = read_log(path, asked.column.strip() or None)
    rates = sum(len(series) for series in log.series)
    head = f"{path.name} ({log.kind}), {rates:,} learning rates"
    log = replace(log, path=Path(path.name))
    parts, report = _held(log, asked) if asked.against.strip() else _recognised(log)
    return Verdict(head, parts, log.notes, report)


def _held(log: Log, asked: Asked) -> tuple[list[Part], Callable[[], str]]:
    updates = _number("updates", asked.updates, int)
    lr = _number("lr", asked.lr, float)
    found = audit(log, _plan(asked, updates or log.total, lr), lr=lr, total=updates)
    parts = [
        Part(
            one.group, one.kind, one.equal, one.sentence, one.cause, one.evidence,
            {"planned": thinned(one.updates, one.planned), "audit.log": thinned(one.updates, one.rates)},
        )
        for one in found.findings
    ]  # fmt: skip
    return parts, lambda: audit_page(found)


def _plan(asked: Asked, updates: int | None, lr: float | None) -> Schedule:
    words = asked.against.strip()
    if in_words(words):
        return parse_foreign(words)
    if updates is None:
        advice = "Say how many, or write the plan in words."
        raise ConfigError(refusal("updates", f"given for {words!r}, which the log does not say", None, advice))
    warmup = usual_warmup(words, asked.warmup.strip() or None)
    return get_schedule(words, warmup=warmup, total=updates, lr=1.0 if lr is None else lr)


def _recognised(log: Log) -> tuple[list[Part], Callable[[], str]]:
    parts, known = [], recognise_log(log)
    for series in log.series:
        found = known[series.name]
        drawn = {"audit.log": thinned(series.steps, series.rates)}
        if found is None:
            parts.append(Part(series.name, "", None, "too few rates above zero to say", "", (), drawn))
            continue
        agrees = "every logged rate agrees" if found.exact else "nearest known shape"
        evidence = (f"peak {found.base_lr:g}, {agrees}", *found.notes)
        parts.append(Part(series.name, "", None, str(found.schedule), "", evidence, drawn))
    return parts, lambda: recognised_page(log, known)


def _number(name: str, text: str, kind: Any) -> Any:
    word = text.strip().replace(",", "")
    if not word:
        return None
    try:
        value = kind(word)
    except ValueError:
        raise ConfigError(refusal(name, "a number", word[:80], "Correct it.")) from None
    if name == "updates" and not 1 <= value <= MOST_UPDATES:
        raise ConfigError(refusal(name, f"1 to {MOST_UPDATES}", value, "Correct it."))
    return value
