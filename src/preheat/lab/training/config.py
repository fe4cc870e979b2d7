"""What a training run is made of: one checked record, from flags, a TOML or JSON file, or both."""

from __future__ import annotations

import json
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from preheat.errors import ConfigError, ScheduleError, missing_extra, refusal, unknown_name
from preheat.plan import Plan
from preheat.schedule import Schedule, untuned_warmup
from preheat.schedule.named import is_text, read_schedule, refuse_reserved, schedule_name, takes_warmup

try:
    from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator
except ImportError as error:
    raise missing_extra("pydantic", "train") from error

BBC = "bbc"
SYNTHETIC = "synthetic"
UNTUNED = "untuned"
# What they are where the data is synthetic and nothing was said; with any other data they stay None.
SYNTHETIC_SETTINGS = {"rows": 20_000, "evaluation_rows": 2000, "topics": 6, "noise": 0.25, "data_seed": 0}
_FILE_SETTINGS = ("text_column", "label_column", "split_column", "id_column", "classes", "bad_rows")


class TrainConfig(BaseModel):
    """Every setting of a run; the command line's flags and a file's keys are these fields.

    >>> TrainConfig(epochs=3).epochs
    3
    """

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    out: str | None = Field(None, description="Run folder, new or empty; without it runs/<data>-<date>.")
    data: str = Field(
        BBC,
        description="CSV, TSV, JSON Lines or Parquet file, a data set's folder or hub name, 'bbc', or 'synthetic'.",
    )
    rows: int | None = Field(
        None, ge=1, description="Synthetic data: training rows, 20000; batch times updates for a single pass."
    )
    evaluation_rows: int | None = Field(
        None, ge=1, description="Synthetic data: rows of the validation split, and as many of the test split; 2000."
    )
    topics: int | None = Field(None, ge=2, le=8, description="Synthetic data: classes, 6.")
    noise: float | None = Field(
        None, ge=0, lt=1, description="Synthetic data: share of words that may come from any topic, 0.25."
    )
    data_seed: int | None = Field(None, ge=0, description="Synthetic data: which rows, whatever the run's seed; 0.")
    text_column: list[str] = Field(["text"], min_length=1, description="Column(s) with the text, joined by a blank.")
    label_column: str = Field("label", description="Column with the class.")
    split_column: str | None = Field(
        None,
        description="Column with train, validation (or val) and test; without it the split is by a hash of the text.",
    )
    id_column: str | None = Field(
        None, description="Column whose values must differ; one called id is, unless this is empty (--id-column '')."
    )
    classes: list[str] | None = Field(
        None, min_length=2, description="All classes; a row of any other is a bad one. Without it those found."
    )
    bad_rows: Literal["strict", "skip"] = Field(
        "strict", description="Rows that cannot be used: refuse the data, or leave them out and say so."
    )
    cache: str | None = Field(
        None, description="Folder for tokenized texts, or 'off'; without it preheat in the user's cache folder."
    )
    token_dropout: float = Field(
        0.0, ge=0, lt=1, description="Share of the tokens of a training text left out at random, anew in every epoch."
    )
    model: str = Field(
        "small", description="Hub name or local folder of a pretrained model, or 'small': from random weights."
    )
    head: Literal["sequence", "double"] = Field("sequence", description="Classification head.")
    lm_weight: float = Field(
        0.0, ge=0, description="Weight of the language-model loss beside the class's; with double heads only."
    )
    dropout: float | None = Field(
        None, ge=0, lt=1, description="Every dropout probability of the model; without it the model's own."
    )
    layers: int = Field(2, ge=1, description="Blocks of the small model.")
    width: int = Field(128, ge=4, description="Width of the small model, a multiple of its heads.")
    heads: int = Field(4, ge=1, description="Attention heads of the small model.")
    norm: Literal["pre", "post"] = Field(
        "pre", description="Layer normalization of the small model: GPT-2's, or after each sum (post-LN)."
    )
    vocabulary: int = Field(4000, ge=300, description="Tokens of the small model's byte-level BPE.")
    max_tokens: int = Field(128, ge=2, description="Longer texts are cut.")
    schedule: str = Field("warmuplinear", description="Name of the schedule, or the whole of it in words.")
    warmup: int | float | str | None = Field(
        None, description='Updates, "10%", a fraction, or untuned: 2/(1-beta2). 10% if the schedule climbs.'
    )
    schedule_options: dict[str, int | float | str] = Field({}, description="Options of the schedule, as num_cycles.")
    lr: float | None = Field(
        None, gt=0, description="Peak learning rate; 1e-3 for the small model, 5e-5 for a pretrained one."
    )
    layer_decay: float = Field(
        1.0, gt=0, le=1, description="Learning rate of a layer over that of the next one; 1 gives all the same."
    )
    weight_decay: float = Field(0.01, ge=0, description="AdamW's weight decay.")
    beta2: float = Field(0.999, ge=0, lt=1, description="AdamW's decay of the mean of squared gradients.")
    epochs: int | None = Field(
        None, ge=1, description="Passes over the data; 8 for the small model, 3 for a pretrained one, 1 if synthetic."
    )
    max_updates: int | None = Field(None, ge=1, description="Most updates of the run; the schedule is shaped for them.")
    batch_size: int = Field(32, ge=1, description="Texts in a batch of one process.")
    batch_tokens: int | None = Field(
        None, ge=1, description="Padded tokens in a batch of one process, at most; instead of --batch-size."
    )
    accumulation: int = Field(1, ge=1, description="Batches that make one update.")
    clip: float = Field(5.0, ge=0, description="Largest gradient norm; 0 does not clip.")
    precision: Literal["auto", "fp32", "bf16", "fp16"] = Field("auto", description="Arithmetic of the forward pass.")
    compile: str | None = Field(
        None, description="torch.compile backend, such as inductor: a minute or more before it gains anything."
    )
    seed: int = Field(0, ge=0, lt=2**32, description="Fixes weights, dropout and the order of the data.")
    threads: int = Field(1, ge=0, description="Threads a CPU operation uses; 0 leaves torch's default.")
    workers: int = Field(0, ge=0, description="Processes that prepare batches ahead; 0 prepares them in between.")
    bad_numbers: Literal["stop", "skip"] = Field(
        "stop", description="A loss or gradient that is no finite number: stop before the update, or skip and count it."
    )
    spikes: Literal["record", "stop"] = Field("record", description="A loss far above the usual: note it, or stop.")
    log_every: int = Field(500, ge=1, description="Updates the printed average loss is taken over.")
    measure_every: int = Field(
        10, ge=0, description="Updates between measurements of how far the weights move; 0 makes none."
    )
    angles: bool = Field(False, description="With them, the angle by which every weight matrix turns.")
    critical_every: int = Field(
        0, ge=0, description="Updates between line searches for the critical learning rate; 0 makes none."
    )
    save_every: int | None = Field(
        None, ge=1, description="Updates between checkpoints; the end of every epoch is one anyway."
    )
    keep_last: int = Field(2, ge=1, description="Newest checkpoints that a run can be resumed from.")
    keep_models: Literal["epochs", "best"] = Field(
        "epochs", description="Of older ones the models stay: of every epoch, or of the best alone."
    )
    trackers: list[str] = Field([], description="Experiment trackers, as tensorboard, wandb, mlflow, trackio.")

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
        table = read_table(Path(path), "config", "a setting")
        # batch-size, as the flag is written, is batch_size
        values.update({key.replace("-", "_"): value for key, value in table.items()})
    values.update(flags or {})
    where = f"{path}: " if path is not None else ""
    try:
        config = TrainConfig.model_validate(values)
    except ValidationError as error:
        raise ConfigError("\n".join(where + _sentence(item, values) for item in error.errors())) from None
    problems = [*_schedule_problems(config), *_pairs_that_cannot_be(config)]
    if problems:
        raise ConfigError("\n".join(where + problem for problem in problems))
    return config


def _pairs_that_cannot_be(config: TrainConfig) -> list[str]:
    """Settings that are right each, and not together."""
    problems = []
    if config.width % config.heads:
        problems.append(refusal("width", f"a multiple of heads={config.heads}", config.width, "Change one of them."))
    if config.lm_weight and config.head != "double":
        advice = "Take --head double: the other has no language-model head."
        problems.append(refusal("lm_weight", f"0 with head={config.head!r}", config.lm_weight, advice))
    if config.batch_tokens is not None and "batch_size" in config.model_fields_set:
        advice = "Give one of them: the number of texts, or of tokens."
        problems.append(refusal("batch_tokens", "given without batch_size", config.batch_tokens, advice))
    if config.batch_tokens is not None and config.batch_tokens < config.max_tokens:
        advice = "The longest text has to fit."
        rule = f"at least max_tokens={config.max_tokens}"
        problems.append(refusal("batch_tokens", rule, config.batch_tokens, advice))
    if config.norm == "post" and (config.pretrained or config.head == "double"):
        advice = "It is of the small model with a sequence head."
        found = f"norm='post' with model={config.model!r}, head={config.head!r}"
        problems.append(refusal("norm", "'pre' for any other model or head", found, advice))
    problems += _settings_of_other_data(config)
    if config.angles and not config.measure_every:
        problems.append(refusal("angles", "false with measure_every=0", True, "Measure at some updates."))
    return problems


def _settings_of_other_data(config: TrainConfig) -> list[str]:
    """Settings that say something of rows that this run has not."""
    names, advice = tuple(SYNTHETIC_SETTINGS), "Only synthetic data has it: leave it out, or say data='synthetic'."
    if config.synthetic:
        names, advice = _FILE_SETTINGS, "It is about the rows of a file, and these are made: leave it out."
    said = {name: getattr(config, name) for name in names}
    return [
        refusal(name, f"left out with data={config.data!r}", value, advice)
        for name, value in said.items()
        if value != TrainConfig.model_fields[name].default
    ]


def read_table(path: Path, name: str, each: str) -> dict[str, Any]:
    """The keys and values of a TOML or JSON file, which messages call ``name``; a key is for ``each``."""
    try:
        text = path.read_text(encoding="utf-8")
        data = json.loads(text) if path.suffix == ".json" else tomllib.loads(text)
    except FileNotFoundError:
        raise ConfigError(refusal(name, "a file", str(path), "There is no such file.")) from None
    except (ValueError, OSError) as error:  # both parsers' errors are ValueErrors
        kind = "JSON" if path.suffix == ".json" else "TOML"
        raise ConfigError(f"{path}: cannot be read as {kind}: {error}") from None
    if not isinstance(data, dict):
        raise ConfigError(refusal(name, "a table of keys and values", str(path), f"Write one key {each}."))
    return data


def _sentence(error: Any, values: Mapping[str, Any]) -> str:
    """One pydantic error as one of our sentences."""
    key = ".".join(str(part) for part in error["loc"] if not _is_branch(part, values))
    if error["type"] == "extra_forbidden":
        return unknown_name("key", "a setting of a run", key, TrainConfig.model_fields)
    rule = error["msg"].removeprefix("Input should be ")
    if error["type"] == "too_short":
        rule = f"a list of {error['ctx']['min_length']} or more"
    described = TrainConfig.model_fields[str(error["loc"][0])].description
    return refusal(key, rule, error["input"], str(described))


def _is_branch(part: Any, values: Mapping[str, Any]) -> bool:
    """Whether a part of pydantic's path names the branch of a union and not something the user wrote."""
    return part in ("int", "float", "str") and part not in values


def _schedule_problems(config: TrainConfig) -> list[str]:
    """What is wrong with the schedule that can be known before the data is read."""
    try:
        if not is_text(config.schedule):
            schedule_name(config.schedule)
    except ScheduleError as error:
        return [str(error).replace("name must", "schedule must", 1)]
    try:
        refuse_reserved(config.schedule_options)
        if "num_stable_steps" not in config.schedule_options:  # that one has to fit the run's own total
            config.build_schedule(Plan(10**9, 1, config.filled().epochs))  # a run long enough for any count to fit
    except ScheduleError as error:
        return [str(error)]
    return []
