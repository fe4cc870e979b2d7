"""What a study asks: the values of every axis, and the training configuration underneath them.

A TOML file whose keys are the fields, with a ``[train]`` table of settings for every run::

    question = "Which cool-down?"
    lr = "1e-3..1e-2 x 3"
    warmup = "10%"
    schedule = ["hold > linear 10% to 0", "hold > 1-sqrt 20% to 0"]
    horizon = [200, 400]
    seed = "0..2"

    [train]
    data = "news.csv"

An axis takes one value, a list, or a range in words:
``1e-4..1e-2 x 5``  five values from 1e-4 to 1e-2, each as many times the one before; rounded to six digits
``0..4``            whole numbers, one by one
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, Self

from preheat.errors import ConfigError, PreheatError, missing_extra, refusal, unknown_name
from preheat.lab.training.config import all_at_once, read_table, rule_of
from preheat.messages import _
from preheat.schedule.base import foreign
from preheat.schedule.text import parse

# --- The values of an axis -------------------------------------------------------------------------------------------


_RANGE = re.compile(r"\s*(\S+?)\s*\.\.\s*(\S+?)(?:\s*[x×]\s*(\S+))?\s*")
_MOST = 100_000  # values of one axis: more is a typing error
_MOST_UPDATES = 10_000_000  # of a run: the rate of every one is worked out beforehand


def read_axis(name: str, given: Any, one: Callable[[str, Any], Any]) -> tuple[Any, ...]:
    """Every value of an axis, in the order given.

    Args:
        name: of the axis, for messages.
        given: a value, a range in words, or a list of both.
        one: checks a single value (its name and itself) and gives it in its own type.

    Raises:
        ConfigError: for an empty axis, a value that cannot be, and one that is given twice.

    >>> read_axis("lr", ["1e-4..1e-2 x 3", 0.1], rate)
    (0.0001, 0.001, 0.01, 0.1)
    >>> read_axis("seed", "0..3", whole)
    (0, 1, 2, 3)
    """
    items = list(given) if isinstance(given, (list, tuple)) else [given]
    values: list[Any] = []
    for item in items:
        match = _RANGE.fullmatch(item) if isinstance(item, str) else None
        values += _range(name, item, match, one) if match and _both_numbers(match) else [one(name, item)]
    if not values:
        raise ConfigError(refusal(name, _("one value or more"), given, _("Leave the axis out for the usual value.")))
    for place, value in enumerate(values):
        if value in values[:place]:
            raise ConfigError(refusal(name, _("values that differ"), value, _("It is given twice: remove one.")))
    return tuple(values)


def rate(name: str, value: Any) -> float:
    """A learning rate: a number above 0, also in words."""
    number = _number(value)
    if number is None or not 0 < number < math.inf:
        raise ConfigError(refusal(name, _("a number > 0"), value, _("As in 1e-3, or 1e-4..1e-2 x 5.")))
    return number


def whole(name: str, value: Any, least: int = 0) -> int:
    """A whole number of at least ``least``, also in words."""
    number = _number(value)
    if number is None or not math.isfinite(number) or number != int(number) or number < least:
        raise ConfigError(refusal(name, _("a whole number >= {least}", least=least), value, _("As in 3, or 0..4.")))
    return int(number)


def seed(name: str, value: Any) -> int:
    """A seed: a whole number below 2^32."""
    number = whole(name, value)
    if number >= 2**32:
        raise ConfigError(refusal(name, _("a whole number below 2^32"), value, _("As in 3, or 0..4.")))
    return number


def updates(name: str, value: Any) -> int:
    """A number of updates, from one to ten million."""
    number = whole(name, value, 1)
    if number > _MOST_UPDATES:
        raise ConfigError(
            refusal(
                name,
                _("at most {updates:,} updates", updates=_MOST_UPDATES),
                value,
                _("As in 3000, or 100..800 x 4."),
            )
        )
    return number


def length(name: str, value: Any) -> int | float | str:
    """A warm-up: updates, a fraction, or words such as ``10%``; whether it fits is the schedule's to say."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)) or value == "":
        raise ConfigError(refusal(name, _('updates, a fraction or "10%"'), value, _("0 is no warm-up.")))
    if isinstance(value, str):
        number = _number(value)
        return value.strip() if number is None else int(number) if value.strip().isdecimal() else number
    return value


def _range(name: str, item: str, match: re.Match[str], one: Callable[[str, Any], Any]) -> list[Any]:
    """The values of a range in words."""
    low, high = float(match[1]), float(match[2])
    advice = _("As in 1e-4..1e-2 x 5: from the lower to the higher one, and how many.")
    if not 0 <= low < high < math.inf:
        raise ConfigError(refusal(name, _("a range that rises"), item, advice))
    if match[3] is None:
        if low != int(low) or high != int(high) or high - low > _MOST:
            raise ConfigError(refusal(name, _("a range with the number of its values"), item, advice))
        return [one(name, number) for number in range(int(low), int(high) + 1)]
    many = int(match[3]) if match[3].isdecimal() and len(match[3]) <= len(str(_MOST)) else 0
    if not 2 <= many <= _MOST or not low:
        raise ConfigError(refusal(name, _("a range of 2 to {most:,} values, from above 0", most=_MOST), item, advice))
    ratio = (high / low) ** (1 / (many - 1))
    # Six digits: peaks that people can read and type, and that are the same number whoever works them out.
    between = [float(f"{low * ratio**number:.6g}") for number in range(1, many - 1)]
    # Horizons, seeds and warm-ups are whole numbers; only peaks lie between them.
    if one is not rate:
        between = [round(value) for value in between]
    # The ends as they were typed, without what rounding would make of them.
    return [one(name, value) for value in (match[1], *between, match[2])]


def _both_numbers(match: re.Match[str]) -> bool:
    return _number(match[1]) is not None and _number(match[2]) is not None


def _number(value: Any) -> float | None:
    """A number, also one in words; None for anything else."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str)):
        return None
    try:
        return float(value)
    except ValueError:
        return None


# --- The design ------------------------------------------------------------------------------------------------------


try:
    from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator
except ImportError as error:
    raise missing_extra("pydantic", "train") from error

AXES = ("lr", "warmup", "schedule", "horizon", "seed")
_READERS = {"lr": rate, "warmup": length, "horizon": updates, "seed": seed}
# The names that axes have as settings of a single run.
_AS_SETTINGS = {"lr": "lr", "warmup": "warmup", "schedule": "schedule", "max_updates": "horizon", "seed": "seed"}
# What the study itself decides for every run.
_OURS = ("out", "save_every", "keep_last", "keep_models", "trackers", "workers")
# A run that goes wrong is a result: it ends there and is written down. A spike is noted and may pass.
_FIXED = {"bad_numbers": "stop", "spikes": "record"}


class StudyDesign(BaseModel):
    """The question, the values of each axis, and the settings that all runs have in common.

    An axis takes one value, a list, or a range in words (this module's own docstring); None leaves it at the run's
    usual value.

    >>> StudyDesign(lr="1e-4..1e-2 x 3", warmup=[0, "10%"], horizon=300).lr
    (0.0001, 0.001, 0.01)
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    question: str = Field("", description=_("What the study is to answer, for people."))
    lr: tuple[float, ...] | None = Field(None, description=_("Peak learning rates."))
    warmup: tuple[int | float | str, ...] | None = Field(
        None, description=_('Warm-up lengths: updates, fractions or "10%"; 0 is none.')
    )
    schedule: tuple[str | dict[str, Any], ...] | None = Field(
        None, description=_("Shapes: names, whole schedules in words, or in a file tables with a name and its options.")
    )
    horizon: tuple[int, ...] | None = Field(
        None, description=_("Updates of a run, for which its schedule is shaped; without it the run's epochs say.")
    )
    seed: tuple[int, ...] | None = Field(None, description=_("Seeds: each fixes weights, dropout and order."))
    shortest: int = Field(
        10, ge=1, strict=True, description=_("Fewest updates that runs share; what is shorter each trains by itself.")
    )
    train: dict[str, Any] = Field({}, description=_("Settings of every run, as preheat train takes them."))

    @field_validator("lr", "warmup", "horizon", "seed", mode="before")
    @classmethod
    def _read(cls, value: Any, info: Any) -> Any:
        return None if value is None else read_axis(info.field_name, value, _READERS[info.field_name])

    @field_validator("schedule", mode="before")
    @classmethod
    def _read_shapes(cls, value: Any) -> Any:
        return None if value is None else read_axis("schedule", value, _shape)

    @model_validator(mode="after")
    def _check_train(self) -> Self:
        for key, value in self.train.items():
            if key in ("question", "horizon", "shortest"):
                advice = _("It is the study's own: write it above [train].")
                raise ConfigError(refusal("key", _("a setting of a run in [train]"), key, advice))
            if key in _AS_SETTINGS and isinstance(value, list):
                advice = _("Several are the axis {axis}: write it above [train].", axis=_AS_SETTINGS[key])
                raise ConfigError(refusal(f"train.{key}", _("one value"), value, advice))
        for key in _OURS:
            if key in self.train:
                advice = _("The study decides it: leave it out.")
                raise ConfigError(refusal(f"train.{key}", _("left out of a study"), self.train[key], advice))
        for key, value in _FIXED.items():
            if self.train.get(key, value) != value:
                advice = _("A run that goes wrong is a result: it is written down, and the others go on.")
                raise ConfigError(
                    refusal(f"train.{key}", _("{value!r} in a study", value=value), self.train[key], advice)
                )
        for key, axis in _AS_SETTINGS.items():
            if key in self.train and getattr(self, axis) is not None:
                raise ConfigError(
                    refusal(f"train.{key}", _("left out beside {axis}", axis=axis), self.train[key], _("Say it once."))
                )
        if "epochs" in self.train and (self.horizon or "max_updates" in self.train):
            advice = _("The horizon says how long a run is, in updates.")
            raise ConfigError(refusal("train.epochs", _("left out beside horizon"), self.train["epochs"], advice))
        return self

    def values(self, axis: str) -> tuple[Any, ...]:
        """The values of an axis: its own, the one in ``train``, or (None,) for the run's usual one."""
        own: tuple[Any, ...] | None = getattr(self, axis)
        if own is not None:
            return own
        setting = next(key for key, name in _AS_SETTINGS.items() if name == axis)
        return (self.train.get(setting),)

    @property
    def common(self) -> dict[str, Any]:
        """The settings of every run that are no axis."""
        return {key: value for key, value in self.train.items() if key not in _AS_SETTINGS}

    def to_dict(self) -> dict[str, Any]:
        """Plain data, which :meth:`model_validate` reads back."""
        data: dict[str, Any] = self.model_dump(mode="json", exclude_none=True)
        return data


def read_design(path: str | Path | None = None, flags: Mapping[str, Any] | None = None) -> StudyDesign:
    """The design from a TOML or JSON file and flags; a flag wins over the file, also one inside ``train``.

    Raises:
        ConfigError: naming every key that does not fit, all at once.
    """
    values: dict[str, Any] = {}
    if path is not None:
        values.update(read_table(Path(path), "design", _("Write one key an axis.")))
    flags = dict(flags or {})
    table = _settings(values.get("train", {}))
    for key, axis in _AS_SETTINGS.items():
        if flags.get(axis) is not None:
            table.pop(key, None)  # the flag replaces the one value that the file's table has for the axis
    values |= {**flags, "train": table | _settings(flags.get("train", {}))}
    try:
        design = StudyDesign.model_validate(values)
    except ValidationError as error:
        where = f"{path}: " if path is not None else ""
        raise ConfigError(all_at_once(where, [_sentence(item) for item in error.errors()])) from None
    # A file names no function. What else is wrong with its words is said with the run they are of.
    with foreign():
        for shape in design.schedule or ():
            if isinstance(shape, str) and "function" in shape:
                parse(shape)
    return design


def anchored(design: StudyDesign) -> StudyDesign:
    """The design with whole paths of files that runs read: workers and who resumes may stand in another folder."""
    # Only what is there as a file or folder: any other name is one of a hub.
    names = {"data": ("bbc", "synthetic"), "model": ("small",)}
    absolute = {
        key: str(Path(given).absolute())
        for key, ours in names.items()
        if isinstance(given := design.train.get(key), str) and given not in ours and Path(given).exists()
    }
    return design.model_copy(update={"train": {**design.train, **absolute}})


def _settings(table: Any) -> dict[str, Any]:
    """The table of settings, with keys as Python has them."""
    if not isinstance(table, Mapping):
        raise ConfigError(refusal("train", _("a table of settings"), table, _("Write [train] and a line for each.")))
    return {key.replace("-", "_"): value for key, value in table.items()}


def _shape(name: str, value: Any) -> str | dict[str, Any]:
    """A shape: a name, words, or a table with a name and options."""
    if isinstance(value, str) and value.strip():
        return value.strip()
    if isinstance(value, Mapping) and isinstance(value.get("name"), str):
        return dict(value)
    advice = _('As in "cosine", "hold > linear 20% to 0", or {{name = "wsd", decay = "20%"}}.')
    raise ConfigError(refusal(name, _("a name, words, or a table with a name"), value, advice))


def _sentence(error: Any) -> str:
    """One pydantic error as one of our sentences; those of our own checks are sentences already."""
    if error["type"] == "value_error":
        problem = error["ctx"]["error"]
        return problem.args[0] if isinstance(problem, PreheatError) else str(problem)
    key = str(error["loc"][0]) if error["loc"] else "design"
    if error["type"] == "extra_forbidden":
        advice = _("Settings of a run belong under [train].")
        return unknown_name("key", _("a field of a study"), key, StudyDesign.model_fields, advice)
    return refusal(key, rule_of(error), error["input"], StudyDesign.model_fields[key].description or "")
