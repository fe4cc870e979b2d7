"""Measurements of a run of ``preheat train`` before it is started: with its model, optimizer, batches and precision."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from torch import Tensor

from preheat.errors import ConfigError, refusal
from preheat.lab.data.batches import Batch, Batches, DataPosition, Examples
from preheat.lab.finding.range_test import RangeTest, checked_range, find_lr
from preheat.lab.finding.warmup_advice import WarmupAdvice, advise_warmup, checked_pilot
from preheat.lab.training.config import TrainConfig
from preheat.messages import _

if TYPE_CHECKING:
    from preheat.lab.training.engine import Engine
    from preheat.schedule import Schedule

Say = Callable[[str], None]


def find_lr_of_run(config: TrainConfig, *, say: Say = lambda _line: None, **test: Any) -> RangeTest:
    """A range test on what a run would be made of; nothing is written.

    Args:
        config: the run's settings. Its batches come in the order of the run's first epoch, each counted alike;
            accumulation, clipping, layer-wise rates and precision are the run's (fp32 in place of fp16, whose scaler
            belongs to a run). The schedule is what the result is held against; ``lr`` only sets the groups' ratios.
        say: receives lines for people.
        test: ``start``, ``end``, ``updates``, ``spacing``, ``smoothing``, ``stop_at`` as for
            :func:`preheat.lab.find_lr`.

    Raises:
        ConfigError, DataError: for whatever would stop the run.
    """
    # Before the data is read and a model built, which takes seconds: a wrong argument is refused at once.
    checked_range(**test)
    stage = _rehearse(config, say)
    return find_lr(
        stage.engine.bare, stage.engine.scheduler.optimizer, stage.batches, stage.loss,
        accumulation=config.accumulation, clip=config.clip or None, schedule=stage.schedule, **test,
    )  # fmt: skip


def advise_warmup_of_run(config: TrainConfig, *, say: Say = lambda _line: None, **pilot: Any) -> WarmupAdvice:
    """Warm-up advice for what a run would be made of; nothing is written.

    Args:
        config: the run's settings, as for :func:`find_lr_of_run`. ``lr`` is the target peak; schedule and warm-up are
            not used.
        say: receives lines for people.
        pilot: ``updates``, ``sets``, ``probed`` as for :func:`preheat.lab.advise_warmup`.

    Raises:
        ConfigError, DataError: for whatever would stop the run.
        ScheduleError: for a pilot that cannot be.
    """
    # As above: before anything that takes time.
    checked_pilot(**pilot)
    stage = _rehearse(config, say)
    return advise_warmup(
        stage.engine.bare, stage.engine.scheduler.optimizer, stage.batches, stage.loss,
        accumulation=config.accumulation, clip=config.clip or None, **pilot,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class _Stage:
    """What a run would begin with."""

    engine: Engine
    batches: _FirstEpoch
    schedule: Schedule

    def loss(self, model: Any, batch: Batch) -> Tensor:
        value: Tensor = model(**batch.to(self.engine.device)).loss
        return value


def _rehearse(config: TrainConfig, say: Say) -> _Stage:
    # Loaded late: this module is the door of two commands, whose help must not wait for them.
    from accelerate.utils import set_seed

    from preheat.lab.data import load_data
    from preheat.lab.data.batches import chained
    from preheat.lab.training.engine import Engine
    from preheat.lab.training.model import build_model
    from preheat.lab.training.parts import Beginning, order_of, run_length_of, tokenize
    from preheat.lab.training.processes import choose_precision, start_accelerator, use_threads

    config = config.filled()
    # A gradient scaler skips updates and changes its scale: there would be no loss at a rate.
    if choose_precision(config.precision) == "fp16":
        config = config.model_copy(update={"precision": "fp32"})
    data = load_data(config)
    accelerator = start_accelerator(config)
    if accelerator.num_processes > 1:
        advice = _("Start the command itself: it is of one process's batches.")
        raise ConfigError(
            refusal("processes", _("1 for a measurement before a run"), accelerator.num_processes, advice)
        )
    use_threads(config, accelerator)
    texts = tokenize(config, data)
    order = order_of(config, 1)
    run_length = run_length_of(config, order, texts.tokens["train"].lengths.tolist(), Beginning())
    # After reading and tokenizing, before the model: where a run sets it, so that the weights are the run's.
    set_seed(config.seed)
    engine = Engine(
        config, build_model(config, data.classes, texts.tokenizer), run_length.schedule, accelerator, checked=True
    )
    rows = texts.tokens["train"], data.labels("train")
    examples = Examples(*rows, chained(config.token_dropout, None), config.seed, config.max_tokens)
    many = sum(one.numel() for one in engine.parameters)
    for line in (data.summary(), _("{parameters:,} parameters", parameters=many)):
        say(line)
    return _Stage(engine, _FirstEpoch(Batches(examples, order, texts.pad)), run_length.schedule)


class _FirstEpoch:
    """The batches of a run's first epoch, as often as they are asked for."""

    def __init__(self, batches: Batches) -> None:
        self.batches = batches

    def __iter__(self) -> Iterator[Batch]:
        return self.batches.after(DataPosition())
