"""composer's schedulers: llm-foundry's YAML, a scheduler section alone, or a constructor call.

Step     the trainer steps its schedulers before its clock: the first two updates run at time 0, update n at the time
         after n - 1 updates. One batch is one update.
Times    "100ba", "2ep" (batches, by the loader's length), "1e6sp", "2e9tok", "0.5dur" (of max_duration, rounded down to
         batches, samples or tokens). scale_schedule_ratio multiplies max_duration and every time but dur and the
         warm-up, and rounds down.
Warm-up  time / t_warmup, in the unit of t_max. scale_warmup stretches the ramp by the ratio, but not the hand-over: it
         jumps, or waits, at t_warmup.
Fields   scheduler.name: *_with_warmup of llm-foundry's registry, or a class. t_max (1dur, >= max_duration behind a
         warm-up), alpha_f (0), alpha_i (1), alpha (1), power (2 with a warm-up), gamma (0.1), milestones, step_size,
         decay_period (1ep), t_0, t_mult (1); inv_sqrt_with_warmup: t_scale, t_cooldown, alpha_f_decay (0),
         alpha_f_cooldown (0). optimizer.lr, global_train_batch_size, max_seq_len beside it.
         Update 0 alone is set before max_duration is scaled; a dur that only then rounds to 0 is not told apart here.
Ends     all stay where they arrive at t_max; ConstantScheduler goes back to 1.
Read     mosaicml 0.32.1, optim/scheduler.py, trainer/trainer.py, core/time.py; llm-foundry 0.22.0, optim/scheduler.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from itertools import pairwise
from typing import Any

from preheat.dialects.common.fields import Fields
from preheat.dialects.common.loading import call
from preheat.dialects.common.outline import Outline
from preheat.dialects.common.values import Context, Dialect, Example, Imported
from preheat.dialects.common.writing import as_yaml
from preheat.dialects.composer_shapes import SHAPES
from preheat.dialects.composer_times import TIME, Job

# llm-foundry's registry; the first two are names of OLMo too.
_NAMES = {
    "constant_with_warmup": "ConstantWithWarmupScheduler",
    "cosine_with_warmup": "CosineAnnealingWithWarmupScheduler",
    "linear_decay_with_warmup": "LinearWithWarmupScheduler",
    "inv_sqrt_with_warmup": "InverseSquareRootWithWarmupScheduler",
}


def read(config: Any, context: Context) -> Imported:
    """A composer configuration, its scheduler section, or a scheduler's constructor call, as a schedule."""
    root = Fields(_mapping(config.raw if isinstance(config, Fields) else config) or {})
    root = root.section("parameters") if "parameters" in root else root
    own = root.section("scheduler") if "scheduler" in root else root
    if not root.flag("step_schedulers_every_batch", True):
        raise root.refusal("step_schedulers_every_batch", "true", "A schedule here moves with every update.")
    ratio = root.number("scale_schedule_ratio", 1.0, low=0.0)
    if not ratio:
        raise root.refusal("scale_schedule_ratio", "above 0", "It multiplies the run's length.")
    job = Job(own, root, context, ratio, [])
    schedule = SHAPES[_name(own)](job).shift(-1)
    total = context.updates("max_duration", job.total())
    peak = context.rate("optimizer.lr", root.section("optimizer", {}).rate("lr", None))
    own.finish()
    return Imported(schedule, peak, tuple(job.notes), total=total)


def _name(own: Fields) -> str:
    """The class that is meant: by its path, its name, or llm-foundry's."""
    path = own.text("_target_", None)
    if path is None:
        name = own.word("name", (*_NAMES, *SHAPES))
        return str(_NAMES.get(name, name))
    if path.rpartition(".")[2] not in SHAPES:
        raise own.refusal("_target_", f"a scheduler of composer's ({', '.join(SHAPES)})", "Others are not known here.")
    return str(path.rpartition(".")[2])


def _mapping(config: Any) -> Mapping[str, Any] | None:
    """The configuration; a constructor call as one with a scheduler of that name."""
    if isinstance(config, str):
        name, fields = call(config) or ("", None)
        return None if fields is None else {"scheduler": {"name": name.rpartition(".")[2], **fields}}
    return config if isinstance(config, Mapping) else None


def write(asked: Outline) -> Iterator[dict[str, Any]]:
    """llm-foundry's names and composer's classes with the lengths, floors and powers of the outline."""
    for name, fields in (*_written_after_warmup(asked), *_written_without(asked)):
        own = {key: f"{value}ba" if key.startswith("t_") else value for key, value in fields.items()}
        scheduler = {"name": name, **own}
        yield {"max_duration": f"{asked.total}ba", "optimizer": {"lr": asked.peak}, "scheduler": scheduler}


def _written_after_warmup(asked: Outline) -> Iterator[tuple[str, dict[str, Any]]]:
    for warmup in asked.climbs:
        climb = {"t_warmup": warmup}
        yield "constant_with_warmup", climb
        yield from _milestones(asked, "MultiStepWithWarmupScheduler", climb)
        for floor in asked.floors:
            end = {**climb, "alpha_f": floor}
            for last in dict.fromkeys((asked.total, *(warmup + length for length in asked.decays))):
                ends = end if last == asked.total else {**end, "t_max": last}
                yield "linear_decay_with_warmup", ends
                yield "cosine_with_warmup", ends
                for power in asked.option("power", 2.0, 0.5):
                    yield "PolynomialWithWarmupScheduler", {**ends, "power": power}
            for cooldown in (0, *asked.decays):
                for scale in asked.option("timescale"):
                    down = {"t_scale": int(scale), "t_cooldown": cooldown, "alpha_f_decay": floor}
                    for tail in dict.fromkeys((0.0, floor)):
                        yield "inv_sqrt_with_warmup", {**climb, **down, "alpha_f_cooldown": tail}


def _written_without(asked: Outline) -> Iterator[tuple[str, dict[str, Any]]]:
    for gamma in asked.option("rate"):
        for steps in asked.option("steps"):
            yield "StepScheduler", {"step_size": f"{steps:g}ba", "gamma": gamma}
            yield "ExponentialScheduler", {"decay_period": f"{steps:g}ba", "gamma": gamma}
    for length in (asked.total, *asked.decays):
        yield "ConstantScheduler", {"alpha": float(asked.factors[0]), "t_max": length}
        for floor in asked.floors:
            yield "LinearScheduler", {"t_max": length, "alpha_f": floor}
            yield "CosineAnnealingScheduler", {"t_max": length, "alpha_f": floor}
            yield "CosineAnnealingWarmRestartsScheduler", {"t_0": length, "alpha_f": floor}
            for power in asked.option("power"):
                yield "PolynomialScheduler", {"t_max": length, "alpha_f": floor, "power": power}
    yield from _milestones(asked, "MultiStepScheduler", {})


def _milestones(asked: Outline, name: str, climb: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Every border of the schedule behind the climb, an update earlier by composer's clock."""
    borders = [int(border) for border in asked.schedule.borders if climb.get("t_warmup", 0) + 1 < border < asked.total]
    rates = [float(asked.factors[border]) for border in borders]
    for gamma in dict.fromkeys(after / before for before, after in pairwise((1.0, *rates)) if 0 < after < before):
        yield name, {**climb, "milestones": [f"{border - 1}ba" for border in borders], "gamma": gamma}


def matches(config: Any) -> int:
    """3 for a name of composer's alone, or one it shares with OLMo whose times have composer's units."""
    root = _mapping(config)
    root = root.get("parameters", root) if root is not None else None
    own = root.get("scheduler", root) if isinstance(root, Mapping) else None
    if not isinstance(own, Mapping):
        return 0
    name = str(own.get("name") or own.get("_target_")).rpartition(".")[2]
    timed = any(isinstance(value, str) and TIME.fullmatch(value) for value in own.values())
    shared = name in ("constant_with_warmup", "cosine_with_warmup")
    return 3 * int(name in SHAPES or (name in _NAMES and (timed or not shared)))


def _example(name: str, **own: Any) -> Example:
    run = {"max_duration": "100ba", "optimizer": {"name": "decoupled_adamw", "lr": 1e-3}}
    return Example(name, {**run, "scheduler": {"name": name, **own}})


DIALECT = Dialect(
    name="composer",
    title="composer and llm-foundry",
    source="mosaicml 0.32.1, llm-foundry 0.22.0",
    convention="updates 0 and 1 run at time 0, update n at the time after n - 1 updates; the climb is time / W",
    read=read,
    matches=matches,
    only_fields=True,
    examples=(
        _example("constant_with_warmup", t_warmup="10ba"),
        _example("cosine_with_warmup", t_warmup="0.1dur", alpha_f=0.1),
        _example("linear_decay_with_warmup", t_warmup="10ba", t_max="120ba"),
        _example("inv_sqrt_with_warmup", t_warmup="10ba", t_scale="10ba", t_cooldown="20ba"),
        _example("PolynomialWithWarmupScheduler", t_warmup="10ba"),
        _example("MultiStepWithWarmupScheduler", t_warmup="10ba", milestones=["0.5dur", "80ba"]),
        _example("ConstantScheduler", alpha=0.5, t_max="0.2dur"),
        _example("LinearScheduler", alpha_f=0.1),
        _example("CosineAnnealingScheduler", t_max="90ba"),
        _example("PolynomialScheduler", power=2.0),
        _example("ExponentialScheduler", gamma=0.9, decay_period="10ba"),
        _example("StepScheduler", step_size="30ba", gamma=0.5),
        _example("MultiStepScheduler", milestones=["30ba", "60ba"], gamma=0.5),
        _example("CosineAnnealingWarmRestartsScheduler", t_0="30ba"),
    ),
    write=write,
    render=as_yaml,
)
