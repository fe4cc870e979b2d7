"""The settings of a run beside their defaults: what was chosen comes first."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from preheat.train.config import TrainConfig
from preheat.view.report.words import value

_UNKNOWN = "not a setting of this release"


@dataclass(frozen=True, slots=True)
class SettingRow:
    """One setting: its value and default as one would type them, whether they differ, and what it is."""

    name: str
    value: str
    default: str
    changed: bool
    meaning: str


def setting_rows(config: Mapping[str, Any]) -> list[SettingRow]:
    """Every setting of a run, those that differ from their default first.

    A default that depends on the model, the schedule or the data is the one for those of the run.

    >>> first = setting_rows({"batch_size": 32, "epochs": 5, "model": "small"})[0]
    >>> first.name, first.value, first.default, first.changed
    ('epochs', '5', '8', True)
    """
    chosen = {name: config[name] for name in ("model", "schedule", "data") if name in config}
    filled = TrainConfig.model_validate(chosen).filled().model_dump()
    own = TrainConfig.model_validate({}).model_dump()
    defaults = {**filled, **{name: own[name] for name in chosen}}
    rows = [_row(name, setting, defaults) for name, setting in config.items()]
    return sorted(rows, key=lambda row: not row.changed)


def _row(name: str, setting: Any, defaults: Mapping[str, Any]) -> SettingRow:
    if name not in defaults:
        return SettingRow(name, value(setting), _UNKNOWN, True, "")
    meaning = TrainConfig.model_fields[name].description or ""
    return SettingRow(name, value(setting), value(defaults[name]), setting != defaults[name], meaning)
