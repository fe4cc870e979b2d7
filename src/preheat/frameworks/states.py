"""A scheduler's saved state: plain data out, checked data in, and what happens when the two do not fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from preheat.errors import ScheduleError, StateError, refusal
from preheat.frameworks.spec import EVERY, Spec, resumed
from preheat.schedule.checks import number
from preheat.schedule.operations import changed_fields

if TYPE_CHECKING:
    from preheat.frameworks.torch import Scheduler

STATE_VERSION = 1
_KEYS = {"version", "position", "previewed", "skipped", "schedules", "fingerprint", "groups"}
_DAMAGED = "The state is damaged."


def saved_state(scheduler: Scheduler) -> dict[str, Any]:
    """Position, groups with their base values, and the schedules with the fingerprint of those asked for."""
    groups: dict[str, dict[str, Any]] = {}
    for target in scheduler._targets:
        group = groups.setdefault(target.name, {})
        group[target.key] = target.base
        if target.joined:
            group["joined"] = target.joined
    return {
        "version": STATE_VERSION,
        "position": scheduler._position,
        "previewed": scheduler._previewed,
        "skipped": list(scheduler.skipped),
        "schedules": scheduler._spec.to_data(),
        "fingerprint": scheduler._given.fingerprint,
        "groups": groups,
    }


def read_state(state: Any) -> dict[str, Any]:
    """``state`` with every field checked and the schedules read; nothing is changed yet."""
    if not isinstance(state, Mapping) or set(state) != _KEYS:
        keys = sorted(map(str, state)) if isinstance(state, Mapping) else state
        raise StateError(refusal("state_dict", "one that preheat wrote", keys, "Load the state of this scheduler."))
    if state["version"] != STATE_VERSION:
        advice = "It was written by another release of preheat."
        raise StateError(refusal("version", str(STATE_VERSION), state["version"], advice))
    for name in ("position", "previewed"):
        value = state[name]
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise StateError(refusal(name, "an int >= 0", value, _DAMAGED))
    try:
        spec = Spec.from_data(state["schedules"])
        bases = {
            (name, key): float(number(f"groups[{name!r}].{key}", value, _DAMAGED))
            for name, group in state["groups"].items()
            for key, value in group.items()
            if key != "joined"
        }
        joined = {name: int(group.get("joined", 0)) for name, group in state["groups"].items()}
        if spec.of("lr", EVERY) is None:
            raise KeyError("lr")
    except (AttributeError, TypeError, KeyError, ScheduleError) as error:
        raise StateError(refusal("state_dict", "readable", str(error), _DAMAGED)) from None
    return {**state, "spec": spec, "bases": bases, "joined": joined}


def load_state(scheduler: Scheduler, state: dict[str, Any], policy: str, bridge: int) -> None:
    """Put a checked state into a scheduler, by ``policy`` where it belongs to other schedules or base values."""
    saved: Spec = state["spec"]
    asked = scheduler._asked
    bases = {slot: base for slot, base in state["bases"].items() if slot in asked}
    missing = {name for name, _ in state["bases"]} - {name for name, _ in asked}
    if missing:
        names = ", ".join(sorted(missing))
        advice = f"The optimizer has no such group; it has {', '.join(dict.fromkeys(name for name, _ in asked))}."
        raise StateError(refusal("groups", "those of the saved state", f"no {names}", advice))
    other_schedule = state["fingerprint"] != scheduler._given.fingerprint
    other_base = any(base != asked[slot] for slot, base in bases.items())
    if (other_schedule or other_base) and policy == "error":
        raise _difference(scheduler, state, other_schedule)
    position = state["position"]
    if policy in ("error", "keep", "rebase") or not (other_schedule or other_base):
        spec = saved
    else:
        ratios = {
            name: base / asked[name, key] for (name, key), base in bases.items() if key == "lr" and asked[name, key]
        }
        spec = resumed(saved, scheduler._given, position, policy, bridge, ratios)
    kept = policy in ("error", "keep")
    scheduler._position, scheduler._previewed = position, state["previewed"]
    scheduler.skipped = list(state["skipped"])
    scheduler._spec = spec
    scheduler._updating = scheduler._usual = False
    scheduler._record.chapters.clear()
    for target in scheduler._targets:
        slot = (target.name, target.key)
        target.base = bases.get(slot, asked[slot]) if kept else asked[slot]
        target.schedule = spec.of(target.key, target.name) or target.schedule
        target.joined = state["joined"].get(target.name, target.joined)
    scheduler._compile()
    scheduler._publish()


def _difference(scheduler: Scheduler, state: dict[str, Any], other_schedule: bool) -> StateError:
    """The refusal that shows what is another thing now, and which learning rates it would change."""
    saved: Spec = state["spec"]
    position = state["position"]
    lines = []
    if other_schedule:
        before_data, now_data = (one.map(lambda part: part.fresh()).to_data() for one in (saved, scheduler._given))
        lines += [line.removeprefix("lr.*.") for line in changed_fields(before_data, now_data)]
    lines += [
        f"base {key} of group {name}: {base:g} -> {scheduler._asked[name, key]:g}"
        for (name, key), base in state["bases"].items()
        if scheduler._asked.get((name, key), base) != base
    ]
    slot, base = next(item for item in state["bases"].items() if item[0][1] == "lr")
    before, after = saved.of("lr", slot[0]), scheduler._given.of("lr", slot[0])
    assert before is not None
    assert after is not None
    now = scheduler._asked.get(slot, base)
    advice = (
        f"{'; '.join(lines[:8])}{' ...' if len(lines) > 8 else ''}. At update {position} the learning rate was"
        f" {base * before.for_base(base)(position):g} and would be {now * after.for_base(now)(position):g}."
        " Say what wins: resume='keep', 'replace', 'rescale', 'bridge' (with bridge=updates) or 'rebase'."
    )
    return StateError(refusal("schedule", f"the saved one, {saved.shared}", str(scheduler._given.shared), advice))
