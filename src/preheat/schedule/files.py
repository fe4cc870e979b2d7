"""Schedules as plain data: dictionaries, canonical JSON and its fingerprint."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, fields
from typing import TYPE_CHECKING, Any

from preheat.errors import ScheduleError, refusal
from preheat.schedule.curves import CURVE_NAMES, CURVES, Curve
from preheat.schedule.phases import Phase

if TYPE_CHECKING:
    from preheat.schedule.base import Schedule
    from preheat.schedule.sequence import PhaseSchedule

VERSION = 1
_SCHEDULE_KEYS = {"kind", "version", "phases", "end"}
_PHASE_KEYS = {"curve", "length", "start", "end", "skip"}


def phases_to_dict(schedule: PhaseSchedule) -> dict[str, Any]:
    """The dictionary of a :class:`PhaseSchedule`; every field is written, defaults too."""
    phases = [
        {
            "curve": {"name": CURVE_NAMES[type(phase.curve)], **asdict(phase.curve)},
            "length": phase.length,
            "start": phase.start,
            "end": phase.end,
            "skip": phase.skip,
        }
        for phase in schedule.phases
    ]
    return {"kind": "phases", "version": VERSION, "phases": phases, "end": schedule.end}


def schedule_from_dict(data: Mapping[str, Any]) -> Schedule:
    """The schedule a dictionary describes; anything unexpected in it is refused."""
    from preheat.schedule.sequence import PhaseSchedule

    _exact_keys("schedule", data, _SCHEDULE_KEYS)
    if data["version"] != VERSION:
        advice = "It was written by another release of preheat: upgrade to read it."
        raise ScheduleError(refusal("version", str(VERSION), data["version"], advice))
    if data["kind"] != "phases":
        raise ScheduleError(refusal("kind", "'phases'", data["kind"], "This release knows no other kind."))
    if not isinstance(data["phases"], (list, tuple)):
        raise ScheduleError(refusal("phases", "a list", data["phases"], "Give one dictionary a phase."))
    return PhaseSchedule(tuple(_phase(item) for item in data["phases"]), end=data["end"])


def fingerprint(schedule: Schedule) -> str:
    """SHA-256 of the canonical JSON (sorted keys, no spaces, shortest floats)."""
    import hashlib
    import json

    text = json.dumps(schedule.to_dict(), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def _phase(data: Any) -> Phase:
    _exact_keys("phase", data, _PHASE_KEYS)
    return Phase(
        curve=_curve(data["curve"]), length=data["length"], start=data["start"], end=data["end"], skip=data["skip"]
    )


def _curve(data: Any) -> Curve:
    name = data.get("name") if isinstance(data, Mapping) else None
    if name not in CURVES:
        raise ScheduleError(refusal("curve", f"named one of {', '.join(CURVES)}", data, "Give its name."))
    curve = CURVES[name]
    options = {key: value for key, value in data.items() if key != "name"}
    _exact_keys(f"curve {name}", options, {item.name for item in fields(curve)})
    return curve(**options)


def _exact_keys(what: str, data: Any, keys: set[str]) -> None:
    found = set(data) if isinstance(data, Mapping) else None
    if found != keys:
        rule = f"a dictionary with the keys {', '.join(sorted(keys)) or '(none)'}"
        raise ScheduleError(refusal(what, rule, data, "Write it with to_dict()."))
