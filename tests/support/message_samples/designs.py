"""What checks, descriptions, copies and plans say: of all names, and of designs made for each finding."""

import itertools

import preheat
from preheat.errors import PreheatError
from preheat.messages import Joined
from preheat.plan import CONVENTIONS
from preheat.schedule import SCHEDULE_NAMES
from preheat.studio.design import STARTS, Design, copy_as
from support.named_schedules import named

DESIGNS = [
    ("hold 10 at 0", {}),
    ("warmup 1000 > hold 10", {"updates": 300}),
    ("warmup 60% > cosine", {"updates": 100}),
    ("transformers: warmup 10 > linear 90", {"lr": 3e-4}),
    ("warmup 1 > warmup 10 > linear 90", {}),
    ("linear 1000", {"lr": 5e-5}),
    ("warmup 10 > linear 90", {"updates": 200}),
    ("warmup 10 > linear 90 to 0.1", {"updates": 200}),
    ("warmup 10 > linear 990", {"updates": 200}),
    ("warmup 10 > cosine(cycles=1) 90", {}),
    ("warmup 10 > cosine 90 to 0.5", {}),
    ("warmup 10 > hold 40 > hold 50 at 0.1", {}),
    ("warmup 10 > repeat(cosine 45, times=2)", {}),
    ("warmup 4 > repeat(cosine 48, times=3)", {"updates": 102}),
    ("warmup 10 > linear 90 from 2", {}),
    ("warmup 10 > exponential(rate=0.5) 990", {}),
    ("(warmup 10 > hold forever) * plateau(during_warmup=true)", {"updates": 100}),
    ("warmup 9 > cosine 9 to lr 1e-3", {"lr": 1e-4}),
    ("warmup 1000 > hold 599_999_000 > hold 400_000_000 at 0.5", {}),
]


def lines(text):
    """The lines of a message, each a message; those of a plain text are plain."""
    parts = text.items if isinstance(text, Joined) and text.separator == "\n" else text.split("\n")
    return [line for part in parts for line in ([part] if part is text or "\n" not in part else lines(part))]


def of_checks():
    """Every finding of :func:`preheat.check`, of designs made for each and of all names."""
    found = [preheat.check(schedule, **options) for schedule, options in DESIGNS]
    for name, updates in itertools.product(SCHEDULE_NAMES, (60, 100, 140)):
        found.append(preheat.check(named(name), updates=updates, lr=2e-4))
    return [text for each in found for one in each for text in (one.message, one.advice)]


def of_schedules():
    """Descriptions of runs of all lengths, how exact copies are, what one can start from."""
    said, linear = [*STARTS], preheat.get_schedule("linear", warmup=100, total=1000)
    for name, updates in itertools.product(SCHEDULE_NAMES, (None, 60, 140)):
        said += lines(named(name).describe(3e-4, updates))[:-1]
    said += lines(linear.describe(1e-4, 900)) + lines(linear.describe(1e-4, 1100))
    said += lines(preheat.parse("warmup 10% > linear").over(10**7).describe(1e-3))
    said += lines(preheat.parse("warmup 10 > hold forever").describe(1e-3, 100))
    said += lines(preheat.parse("warmup 10 > hold forever").describe(1e-3))
    for words in ("transformers: warmup 10% > linear to 0", "warmup 10% > 1-sqrt to 0"):
        said.append(copy_as(Design(curves=(words,), updates=1000), 0, "transformers").notes[0])
    known = {str(one) for one in map(named, SCHEDULE_NAMES)}  # a schedule that is no row of phases is told as itself
    return [one for one in said if one not in STARTS or " " in one if one not in known]


def of_plans():
    """The arithmetic of all trainers, with and without accumulation, processes, parts of epochs, budgets."""
    said = []
    for trainer, accumulation, processes, tail, end, drop in itertools.product(
        ("plain_loop", "hf_trainer", "accelerate", "lightning"),
        (1, 4),
        (1, 2),
        (None, "flush", "drop", "carry"),
        ({"epochs": 3}, {"epochs": 2.5}, {"max_steps": 700}, {"epochs": 2, "max_steps": 50}, {},
         {"max_samples": 9999}, {"max_tokens": 10**6, "tokens_per_sample": 12.5}),
        (False, True),
    ):  # fmt: skip
        options = {"trainer": trainer, "accumulation": accumulation, "world_size": processes, "drop_last": drop, **end}
        if tail:
            options["tail"] = tail
        for sharding in (None, "pad", "drop", "batches"):
            try:
                plan = preheat.Plan(1001, 8, **options, **({"sharding": sharding} if sharding else {}))
                said += lines(plan.explain("10%" if plan.updates else 10))
            except PreheatError:
                continue
    return [*said, *lines(preheat.Plan(None, 8).explain(10)), CONVENTIONS["plain_loop"].title]
