"""Schedules as plain data: dictionaries, canonical JSON and its fingerprint, JSON and TOML files.

What has its default value is left out, so a field that a later release adds changes neither the data nor the
fingerprint of the schedules there are.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import MISSING
from pathlib import Path
from typing import Any

from preheat.errors import ScheduleError, refusal
from preheat.files import replacing
from preheat.schedule.base import Schedule
from preheat.schedule.combine import Several
from preheat.schedule.curve_names import name_of, named_curve
from preheat.schedule.curves import Constant
from preheat.schedule.factors import Absolute, absolute
from preheat.schedule.kinds import KINDS, given, kind_of, options_of
from preheat.schedule.lengths import Length
from preheat.schedule.phases import Phase
from preheat.schedule.sequence import PhaseSchedule

VERSION = 1
_PHASE_KEYS = ("curve", "length", "start", "end", "skip", "convention")


def schedule_to_dict(schedule: Schedule) -> dict[str, Any]:
    """The dictionary of a schedule, with the version of the format."""
    return {"version": VERSION, **_node(schedule)}


def schedule_from_dict(data: Any) -> Schedule:
    """The schedule a dictionary describes; anything unexpected in it is refused."""
    if not isinstance(data, Mapping) or "version" not in data:
        raise ScheduleError(refusal("schedule", "a dictionary with a version", data, "Write it with to_dict()."))
    if data["version"] != VERSION:
        advice = "It was written by another release of preheat: upgrade to read it."
        raise ScheduleError(refusal("version", str(VERSION), data["version"], advice))
    return _schedule({key: value for key, value in data.items() if key != "version"})


def fingerprint(schedule: Schedule) -> str:
    """SHA-256 of the canonical JSON (sorted keys, no spaces, shortest floats)."""
    import hashlib
    import json

    text = json.dumps(schedule.to_dict(), sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def save_schedule(schedule: Schedule, path: str | os.PathLike[str]) -> None:
    """Write a schedule to a ``.json`` file (as data) or a ``.toml`` file (as text), replacing it in one step."""
    import json

    target = Path(path)
    if _suffix(target) == ".json":
        text = json.dumps(schedule.to_dict(), indent=2, allow_nan=False) + "\n"
    else:
        text = f"version = {VERSION}\nschedule = {json.dumps(str(schedule), ensure_ascii=False)}\n"
    with replacing(target) as beside:
        beside.write_text(text, encoding="utf-8")


def load_schedule(path: str | os.PathLike[str]) -> Schedule:
    """Read a schedule from a ``.json`` or ``.toml`` file that :func:`save_schedule` or a person wrote.

    A TOML file holds ``version = 1`` and ``schedule = "warmup 10% > cosine to 0"``; both kinds may hold a dictionary.

    Raises:
        ScheduleError: if the file is neither, or from a version this release does not know.
        OSError: if it cannot be read.
    """
    import json
    import tomllib

    target = Path(path)
    kind = _suffix(target)
    try:
        text = target.read_text(encoding="utf-8")
        data = json.loads(text) if kind == ".json" else tomllib.loads(text)
    except ValueError as error:  # broken JSON, TOML or UTF-8
        raise ScheduleError(refusal(str(target), f"readable {kind[1:].upper()}", str(error), "Mend it.")) from None
    return schedule_from_file(data)


def schedule_from_file(data: Any) -> Schedule:
    """The schedule in what a file of one holds: ``version`` and ``schedule`` (words), or a dictionary."""
    if isinstance(data, Mapping) and set(data) == {"version", "schedule"}:
        from preheat.schedule.text import parse

        schedule_from_dict({"version": data["version"], "kind": "phases", "phases": [{"curve": "constant"}]})
        return parse(data["schedule"])
    return schedule_from_dict(data)


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in (".json", ".toml"):
        raise ScheduleError(refusal("path", "a .json or .toml file", str(path), "Name it so."))
    return suffix


# --- writing ----------------------------------------------------------------------------------------------------------


def _node(schedule: Schedule) -> dict[str, Any]:
    if isinstance(schedule, PhaseSchedule):
        phases = [_node(part) if isinstance(part, Schedule) else _phase_to_dict(part) for part in schedule.phases]
        return {"kind": "phases", "phases": phases}
    data: dict[str, Any] = {"kind": kind_of(schedule)}
    inside = getattr(schedule, "of", None)
    if inside is not None:
        data["of"] = _node(inside) if isinstance(inside, Schedule) else [_node(part) for part in inside]
    return {**data, **{name: _plain(value) for name, value in given(schedule).items()}}


def _phase_to_dict(phase: Phase) -> dict[str, Any]:
    name, options = name_of(phase.curve)
    data: dict[str, Any] = {"curve": name, **options}
    data["length"] = "forever" if phase.length is None else _plain(phase.length)
    if phase.start is not None:
        data["start"] = _plain(phase.start)
    if phase.end is not None and not isinstance(phase.curve, Constant):
        data["end"] = _plain(phase.end)
    if phase.skip:
        data["skip"] = phase.skip
    if phase.convention != "native":
        data["convention"] = phase.convention
    return data


def _plain(value: Any) -> Any:
    if isinstance(value, (Absolute, Length)):
        return str(value)
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


# --- reading ----------------------------------------------------------------------------------------------------------


def _schedule(data: Any) -> Schedule:
    kind = data.get("kind") if isinstance(data, Mapping) else None
    if kind == "phases":
        _only("schedule", data, {"kind", "phases"}, {"kind", "phases"})
        if not isinstance(data["phases"], (list, tuple)):
            raise ScheduleError(refusal("phases", "a list", data["phases"], "Give one dictionary a phase."))
        parts = [_schedule(item) if "kind" in item else _phase(item) for item in map(_mapping, data["phases"])]
        return PhaseSchedule(tuple(parts))
    if kind not in KINDS:
        raise ScheduleError(refusal("kind", f"one of phases, {', '.join(KINDS)}", kind, "Write it with to_dict()."))
    options = options_of(KINDS[kind])
    needed = {name for name, default in options.items() if default is MISSING} | {"kind"}
    if kind not in ("plateau", "greedy", "function"):
        needed.add("of")
    _only(f"schedule of kind {kind}", data, needed, needed | set(options))
    values = {name: _value(value) for name, value in data.items() if name not in ("kind", "of")}
    if "of" in data:
        inside = data["of"]
        several = issubclass(KINDS[kind], Several)
        if several and not isinstance(inside, (list, tuple)):
            raise ScheduleError(refusal("of", "a list", inside, "Give one dictionary a schedule."))
        values["of"] = tuple(_schedule(part) for part in inside) if several else _schedule(inside)
    return KINDS[kind](**values)


def _phase(data: Mapping[str, Any]) -> Phase:
    if "curve" not in data:
        raise ScheduleError(refusal("phase", "a dictionary with a curve", dict(data), "Write it with to_dict()."))
    options = {key: value for key, value in data.items() if key not in _PHASE_KEYS}
    values = {key: _value(data[key]) for key in ("start", "end", "skip") if key in data}
    curve = named_curve(data["curve"], **options)
    if isinstance(curve, Constant):
        values["end"] = None
    values.setdefault("start", None)
    length = data.get("length", "rest")
    return Phase(
        curve=curve,
        length=None if length == "forever" else length,
        convention=data.get("convention", "native"),
        **values,
    )


def _value(value: Any) -> Any:
    """Lists as tuples, and ``"lr 1e-6"`` as a learning rate."""
    if isinstance(value, str) and value.startswith("lr "):
        try:
            return absolute(float(value[3:]))
        except ValueError:
            raise ScheduleError(refusal("a factor", "a number or 'lr' and a number", value, "As in lr 1e-6.")) from None
    return tuple(_value(item) for item in value) if isinstance(value, list) else value


def _mapping(data: Any) -> Mapping[str, Any]:
    if not isinstance(data, Mapping):
        raise ScheduleError(refusal("phase", "a dictionary", data, "Write it with to_dict()."))
    return data


def _only(what: str, data: Mapping[str, Any], needed: set[str], known: set[str]) -> None:
    """Refuse a dictionary that lacks a needed key or has an unknown one."""
    missing, unknown = sorted(needed - set(data)), sorted(map(str, set(data) - known))
    if missing or unknown:
        wrong = f"{', '.join(missing)} missing" if missing else f"{', '.join(unknown)} unknown"
        raise ScheduleError(refusal(what, f"a dictionary with the keys {', '.join(sorted(known))}", wrong, "Mend it."))
