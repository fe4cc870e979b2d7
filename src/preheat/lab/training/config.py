"""What a training run is made of: one checked record, from flags, a TOML or JSON file, or both."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preheat.errors import ConfigError, Refusal, ScheduleError, missing_extra, refusal, unknown_name
from preheat.lab.training.settings import SETTINGS, Settings
from preheat.messages import Message, _, joined, template
from preheat.plan import Plan
from preheat.schedule import Schedule, untuned_warmup
from preheat.schedule.base import foreign
from preheat.schedule.named import is_text, read_schedule, refuse_reserved, schedule_name, takes_warmup

try:
    from pydantic import BaseModel, ConfigDict, ValidationError, field_validator
except ImportError as error:
    raise missing_extra("pydantic", "train") from error

BBC = "bbc"
SYNTHETIC = "synthetic"
UNTUNED = "untuned"
# What they are where the data is synthetic and nothing was said; with any other data they stay None.
SYNTHETIC_SETTINGS = {"rows": 20_000, "evaluation_rows": 2000, "topics": 6, "noise": 0.25, "data_seed": 0}
_FILE_SETTINGS = (
    *("encoding", "delimiter", "no_header", "text_column", "label_column", "split_column", "id_column", "classes"),
    "bad_rows",
)


class TrainConfig(Settings, BaseModel):
    """The settings of a run, checked; each is described in :mod:`preheat.lab.training.settings`.

    >>> TrainConfig(epochs=3).epochs
    3
    """

    # Strict: Click has made values of flags, and files have types; "3" in one is a mistake.
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    if TYPE_CHECKING:  # inherited fields are no parameters to a type checker

        def __init__(self, **settings: Any) -> None: ...

    @field_validator("text_column", "classes", "trackers", mode="before")
    @classmethod
    def _one_or_more(cls, value: Any) -> Any:
        return [value] if isinstance(value, str) else value

    @field_validator(
        "lr",
        "weight_decay",
        "beta2",
        "clip",
        "token_dropout",
        "dropout",
        "lm_weight",
        "layer_decay",
        "noise",
        mode="before",
    )
    @classmethod
    def _whole_is_fine(cls, value: Any) -> Any:
        # Strict fields refuse 1 for a float, which TOML and JSON write for 1.0.
        return float(value) if isinstance(value, int) and not isinstance(value, bool) else value

    @property
    def pretrained(self) -> bool:
        """Whether the run starts from trained weights."""
        return self.model != "small"

    @property
    def synthetic(self) -> bool:
        """Whether the rows are made by the generator."""
        return self.data == SYNTHETIC

    def filled(self) -> TrainConfig:
        """The same run with every value that depends on others written out."""
        usual = {
            # 5e-5 is the default of transformers' Trainer; 1e-3 is for weights that start at random.
            "lr": 5e-5 if self.pretrained else 1e-3,
            "epochs": 1 if self.synthetic else 3 if self.pretrained else 8,
            **(SYNTHETIC_SETTINGS if self.synthetic else {}),
        }
        unsaid = {name: value for name, value in usual.items() if getattr(self, name) is None}
        return self.model_copy(update={**unsaid, "warmup": self._filled_warmup()})

    def _filled_warmup(self) -> int | float | str | None:
        if self.warmup == UNTUNED:
            return untuned_warmup(self.beta2)
        if self.warmup is not None or is_text(self.schedule):
            return self.warmup
        return "10%" if takes_warmup(self.schedule) else 0

    def build_schedule(self, run: int | Plan) -> Schedule:
        """The schedule of a run: of so many updates, or of a plan where its lengths need one."""
        full = self.filled()
        lr = full.lr or 1.0
        options: dict[str, Any] = dict(full.schedule_options)
        # Settings come from files and run folders too: a function in their words is one that code has named.
        with foreign():
            return read_schedule(full.schedule, warmup=full.warmup, total=run, lr=lr, **options).for_base(lr)


def untuned_of(settings: Mapping[str, Any]) -> int:
    """Adam's untuned warm-up for the second beta that settings name, or the usual one."""
    return untuned_warmup(settings.get("beta2", TrainConfig.model_fields["beta2"].default))


def read_config(path: str | Path | None = None, flags: Mapping[str, Any] | None = None) -> TrainConfig:
    """The configuration from a TOML or JSON file and flags; a flag wins over the file.

    Raises:
        ConfigError: naming the file and every key that does not fit, all at once.
    """
    values: dict[str, Any] = {}
    if path is not None:
        table = read_table(Path(path), "config", _("Write one key a setting."))
        # batch-size, as the flag is written, is batch_size
        values.update({key.replace("-", "_"): value for key, value in table.items()})
    values.update(flags or {})
    where = f"{path}: " if path is not None else ""
    try:
        config = TrainConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigError(all_at_once(where, [_sentence(item, values) for item in error.errors()])) from None
    # After pydantic's, since these compare settings that have to be right each by itself.
    problems = [*_schedule_problems(config), *_pairs_that_cannot_be(config)]
    if problems:
        raise ConfigError(all_at_once(where, problems))
    return config


def all_at_once(where: str, problems: Iterable[str]) -> str:
    """Several sentences of refusals below each other, each after the file it is about."""
    return joined("\n", [joined("", [where, problem]) for problem in problems])


def _pairs_that_cannot_be(config: TrainConfig) -> list[str]:
    """Settings that are right each, and not together."""
    problems = []
    if config.width % config.heads:
        problems.append(
            refusal(
                "width", _("a multiple of heads={heads}", heads=config.heads), config.width, _("Change one of them.")
            )
        )
    if config.lm_weight and config.head != "double":
        advice = _("Take --head double: the other has no language-model head.")
        problems.append(refusal("lm_weight", _("0 with head={head!r}", head=config.head), config.lm_weight, advice))
    # Said, and not only there: batch_size has a default.
    if config.batch_tokens is not None and "batch_size" in config.model_fields_set:
        advice = _("Give one of them: the number of texts, or of tokens.")
        problems.append(refusal("batch_tokens", _("given without batch_size"), config.batch_tokens, advice))
    if config.batch_tokens is not None and config.batch_tokens < config.max_tokens:
        advice = _("The longest text has to fit.")
        rule = _("at least max_tokens={max_tokens}", max_tokens=config.max_tokens)
        problems.append(refusal("batch_tokens", rule, config.batch_tokens, advice))
    if config.norm == "post" and (config.pretrained or config.head == "double"):
        advice = _("It is of the small model with a sequence head.")
        together = f"norm='post', model={config.model!r}, head={config.head!r}"
        problems.append(refusal("norm", _("'pre' for any other model or head"), together, advice))
    problems += _settings_of_other_data(config)
    if config.angles and not config.measure_every:
        problems.append(refusal("angles", _("false with measure_every=0"), True, _("Measure at some updates.")))
    return problems


def _settings_of_other_data(config: TrainConfig) -> list[str]:
    """Settings that say something of rows that this run has not."""
    names = tuple(SYNTHETIC_SETTINGS)
    advice = _("Only synthetic data has it: leave it out, or say data='synthetic'.")
    if config.synthetic:
        names, advice = _FILE_SETTINGS, _("It is about the rows of a file, and these are made: leave it out.")
    said = {name: getattr(config, name) for name in names}
    return [
        refusal(name, _("left out with data={data!r}", data=config.data), value, advice)
        for name, value in said.items()
        if value != TrainConfig.model_fields[name].default
    ]


def read_table(path: Path, name: str, advice: str) -> dict[str, Any]:
    """The keys and values of a TOML or JSON file, which messages call ``name``; ``advice`` says what a key is."""
    try:
        text = path.read_text(encoding="utf-8")
        data = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except FileNotFoundError:
        raise ConfigError(refusal(name, _("a file"), str(path), _("There is no such file."))) from None
    except (ValueError, OSError) as error:  # both parsers' errors are ValueErrors
        kind = "JSON" if path.suffix == ".json" else "TOML"
        raise ConfigError(_("{path}: cannot be read as {kind}: {error}", path=path, kind=kind, error=error)) from None
    if not isinstance(data, dict):
        raise ConfigError(refusal(name, _("a table of keys and values"), str(path), advice))
    return data


# What pydantic calls a rule, and how it is said here; its own words, in English, for any that is not listed.
_RULES = {
    "bool_type": template("a valid boolean"),
    "dict_type": template("a valid dictionary"),
    "float_type": template("a valid number"),
    "int_type": template("a valid integer"),
    "list_type": template("a valid list"),
    "string_type": template("a valid string"),
    "finite_number": template("a finite number"),
    "greater_than": template("greater than {gt}"),
    "greater_than_equal": template("greater than or equal to {ge}"),
    "less_than": template("less than {lt}"),
    "less_than_equal": template("less than or equal to {le}"),
    "too_short": template("a list of {min_length} or more"),
}


def rule_of(error: Any) -> str:
    """The rule that one pydantic error is about."""
    if error["type"] == "literal_error":
        *first, last = error["ctx"]["expected"].split(" or ")
        if first:
            return _("{first} or {last}", first=" or ".join(first), last=last)
        return _("{rule}", rule=last)
    if error["type"] in _RULES:
        return Message(_RULES[error["type"]], error.get("ctx", {}))
    return _("{rule}", rule=error["msg"].removeprefix("Input should be "))


def _sentence(error: Any, values: Mapping[str, Any]) -> str:
    """One pydantic error as one of our sentences."""
    key = ".".join(str(part) for part in error["loc"] if not _is_branch(part, values))
    if error["type"] == "extra_forbidden":
        return unknown_name("key", _("a setting of a run"), key, TrainConfig.model_fields)
    return refusal(key, rule_of(error), error["input"], SETTINGS[str(error["loc"][0])].help)


def _is_branch(part: Any, values: Mapping[str, Any]) -> bool:
    """Whether a part of pydantic's path names the branch of a union and not something the user wrote."""
    return part in ("int", "float", "str") and part not in values


def _schedule_problems(config: TrainConfig) -> list[str]:
    """What is wrong with the schedule that can be known before the data is read."""
    try:
        if not is_text(config.schedule):
            schedule_name(config.schedule)
    except ScheduleError as error:
        return [_of_schedule(error.args[0])]
    try:
        refuse_reserved(config.schedule_options)
        if "num_stable_steps" not in config.schedule_options:  # that one has to fit the run's own total
            config.build_schedule(Plan(10**9, 1, config.filled().epochs))  # a run long enough for any count to fit
    except ScheduleError as error:
        return [error.args[0]]
    return []


def _of_schedule(sentence: str) -> str:
    """The refusal of a name, which is the setting ``schedule`` here."""
    if not isinstance(sentence, Refusal) or sentence.pieces["name"] != "name":
        return sentence
    return refusal(**{**sentence.pieces, "name": "schedule"})  # type: ignore[arg-type]
