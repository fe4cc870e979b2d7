"""What schedules cost: an update, a whole curve, a resume and a start, beside the libraries people use today.

python benchmarks/schedules.py                                # tables on the terminal; a minute and a half
python benchmarks/schedules.py --quick --json numbers.json    # fewer rounds; the numbers as JSON too
python benchmarks/schedules.py --page docs/performance.md     # renews the tables of the page

Needs torch, transformers, pytorch_warmup, lrsched and optax (with jax). Compare ratios, never times of different
runs. Nothing here passes or fails.
"""

import os
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from typing import Any

# One thread each, and no look at the network: both are read when the libraries load.
os.environ |= {"OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "JAX_PLATFORMS": "cpu"}

import jax
import jax.numpy as jnp
import lrsched
import numpy as np
import optax
import pytorch_warmup
import torch
from measuring import Case, Costs, Verdict, compared, factor, measure, report, table, timed
from torch.optim.lr_scheduler import CosineAnnealingLR, LinearLR, OneCycleLR, SequentialLR
from transformers.optimization import get_cosine_schedule_with_warmup, get_linear_schedule_with_warmup

import preheat

PACKAGES = ("preheat", "torch", "transformers", "pytorch-warmup", "lrsched", "optax", "jax", "numpy")
MICRO, MILLI = (1e-6, "µs"), (1e-3, "ms")
Found = tuple[str, dict[str, Costs], list[Verdict]]

# --- one update ----------------------------------------------------------------------------------------------------

WARMUP, TOTAL = 10, 10**7  # all measured updates but the very first lie in the decay
LAMBDA = "LambdaLR (transformers linear)"


class Idle(torch.optim.Optimizer):
    """Does nothing when it is stepped: what is left is torch's wrapper, the hooks and the scheduler."""

    def __init__(self, groups: int, share: float = 1.0) -> None:
        rates = (0.1 * share**index for index in range(groups))
        weights = [{"params": [torch.nn.Parameter(torch.zeros(1))], "lr": rate} for rate in rates]
        super().__init__(weights, {"lr": 0.1, "momentum": 0.9})

    def step(self, closure: Any = None) -> None:
        """Nothing."""


def sequential(optimizer: Idle) -> SequentialLR:
    """Warm-up and cosine decay, as torch composes them."""
    parts = [LinearLR(optimizer, 0.1, total_iters=WARMUP), CosineAnnealingLR(optimizer, TOTAL - WARMUP)]
    return SequentialLR(optimizer, parts, [WARMUP])


def dampened(optimizer: Idle) -> Callable[[], None]:
    """pytorch_warmup's context manager around a torch scheduler."""
    inner = CosineAnnealingLR(optimizer, TOTAL)
    outer = pytorch_warmup.LinearWarmup(optimizer, WARMUP)

    def step() -> None:
        with outer.dampening():
            inner.step()

    return step


def ours(optimizer: Idle) -> preheat.torch.Scheduler:
    """Our driver, on the schedule of the LambdaLR case."""
    return preheat.torch.Scheduler(optimizer, preheat.get_schedule("warmuplinear", warmup=WARMUP, total=TOTAL))


def hooks_only(optimizer: Idle) -> None:
    """Our driver in a loop that never calls ``step()``."""
    ours(optimizer)


MAKERS: dict[str, Callable[[Idle], Callable[[], None] | None]] = {
    "no scheduler": lambda _: None,
    LAMBDA: lambda optimizer: get_linear_schedule_with_warmup(optimizer, WARMUP, TOTAL).step,
    "CosineAnnealingLR": lambda optimizer: CosineAnnealingLR(optimizer, TOTAL).step,
    "SequentialLR (linear, cosine)": lambda optimizer: sequential(optimizer).step,
    "OneCycleLR": lambda optimizer: OneCycleLR(optimizer, 0.1, total_steps=TOTAL).step,
    "pytorch_warmup over CosineAnnealingLR": dampened,
    "preheat": lambda optimizer: ours(optimizer).step,
    "preheat, step() never called": hooks_only,
}


def updating(make: Callable[[Idle], Callable[[], None] | None], optimizer: Idle, updates: int) -> Case:
    """So many updates of an idle optimizer, each followed by what the scheduler wants to be called."""
    step = make(optimizer)

    def with_step() -> None:
        for _ in range(updates):
            optimizer.step()
            step()

    def alone() -> None:
        for _ in range(updates):
            optimizer.step()

    return timed(alone if step is None else with_step, updates)


# Parameter groups, each one's learning rate as a share of the one before, and what we want of LambdaLR's cost.
SIZES = {
    "1 group": (1, 1.0, 1 / 3),
    "2 groups": (2, 1.0, 1 / 3),
    "20 groups": (20, 1.0, 1 / 6),
    "200 groups": (200, 1.0, 1 / 15),
    "20, own rates": (20, 0.99, 1 / 6),
    "200, own rates": (200, 0.99, 1 / 15),
}


def one_update(quick: bool) -> Found:
    """Hooks, patches and `step()` of a scheduler in one update; what the bare optimizer takes is taken off.

    Groups share one learning rate, as those with and without weight decay do; or each has its own.
    """
    by_size: dict[str, Costs] = {}
    verdicts = []
    for size, (groups, share, target) in SIZES.items():
        updates = max(20, 400 // groups)
        cases = {name: updating(make, Idle(groups, share), updates) for name, make in MAKERS.items()}
        costs = measure(cases, 50 if quick else 300)
        bare = costs.pop("no scheduler")
        by_size[size] = net = {name: cost.over(bare) for name, cost in costs.items()}
        verdicts.append(compared(f"update, {size}", net["preheat"], "LambdaLR", net[LAMBDA], target, MICRO))
    rows = [
        [
            name,
            *(f"{net[name].shown(1e-6)}: {factor(net[name].median / net[LAMBDA].median)}" for net in by_size.values()),
        ]
        for name in MAKERS
        if name != "no scheduler"
    ]
    rows.append(["target for preheat", *(factor(target) for *_, target in SIZES.values())])
    return table(["µs (least): ratio to LambdaLR", *by_size], rows), by_size, verdicts


# --- a whole curve -------------------------------------------------------------------------------------------------

CURVE, STEPPED = 10**6, 20_000


def stepped_curve(n: int) -> list[float]:
    """What people do for a plot."""
    scheduler = get_cosine_schedule_with_warmup(Idle(1), n // 10, n)
    values = []
    for _ in range(n):
        values.append(scheduler.get_last_lr()[0] / 0.1)
        scheduler.step()
    return values


def where_curve(n: int) -> Any:
    """What people write by hand."""
    k, warmup = np.arange(n), n // 10
    return np.where(k < warmup, k / warmup, 0.5 * (1 + np.cos(np.pi * (k - warmup) / (n - warmup))))


def sliced_curve(n: int) -> Any:
    """By phase and in place: the careful hand."""
    values, warmup = np.arange(n, dtype=np.float64), n // 10
    rise, fall = values[:warmup], values[warmup:]
    rise /= warmup
    fall -= warmup
    fall *= np.pi / (n - warmup)
    np.cos(fall, out=fall)
    fall += 1.0
    fall *= 0.5
    return values


def sliced_line(n: int) -> Any:
    """The same for a linear schedule."""
    values, warmup = np.arange(n, dtype=np.float64), n // 10
    rise, fall = values[:warmup], values[warmup:]
    rise /= warmup
    np.subtract(n, fall, out=fall)
    fall /= n - warmup
    return values


def sampled_curve(n: int) -> list[float]:
    """The lrsched way."""
    fall = lrsched.cosine(base_lr=1.0, min_lr=0.0, total_steps=n - n // 10)
    return lrsched.sample(lrsched.with_warmup(fall, warmup_steps=n // 10, start_lr=0.0), num_steps=n)


def whole_curve(quick: bool) -> Found:
    """Linear warm-up over a tenth, then one cosine descent; LambdaLR steps 20,000 updates, and its time is scaled."""

    def our_curve(n: int) -> Any:
        return preheat.get_schedule("warmupcosine", warmup=n // 10, total=n)(np.arange(n))

    eager = optax.warmup_cosine_decay_schedule(0.0, 1.0, CURVE // 10, CURVE)
    compiled = jax.jit(eager)
    by_hand, lambda_lr = "NumPy by hand, np.where", f"LambdaLR, {STEPPED:,} updates"
    ways: dict[str, tuple[Callable[[int], Any], int]] = {
        "preheat": (our_curve, CURVE),
        by_hand: (where_curve, CURVE),
        "NumPy by hand, in place by phase": (sliced_curve, CURVE),
        "optax": (lambda n: eager(jnp.arange(n)).block_until_ready(), CURVE),
        "optax, jit, compiled before": (lambda n: compiled(jnp.arange(n)).block_until_ready(), CURVE),
        "lrsched.sample": (sampled_curve, CURVE),
        lambda_lr: (stepped_curve, STEPPED),
    }
    cases = {name: timed(lambda way=way, n=n: way(n), n / CURVE) for name, (way, n) in ways.items()}
    costs = measure(cases, 5 if quick else 15)
    apart = {name: np.abs(np.asarray(way(n)) - our_curve(n)).max() for name, (way, n) in ways.items()}
    mine = costs["preheat"]
    rows = [
        [name, cost.shown(1e-3, 1), factor(cost.median / mine.median), f"{apart[name]:.0e}"]
        for name, cost in costs.items()
    ]
    limits = {by_hand: 2.0, "lrsched.sample": 1 / 10, lambda_lr: 1 / 300}
    verdicts = [
        compared("curve of 10^6 updates", mine, name, costs[name], limit, MILLI) for name, limit in limits.items()
    ]
    text = table(["way", "ms (least)", "ratio to preheat", "farthest from preheat"], rows)
    return text, {"curve": costs}, verdicts


def in_place(quick: bool) -> Found:
    """10^6 updates beside NumPy by hand, phase by phase in place: of a range, and of an array made before.

    An array of positions has to be read, checked and turned into floats, for which the hand has no use.
    """
    positions = np.arange(CURVE)
    hands = {"warmuplinear": (sliced_line, 2.0), "warmupcosine": (sliced_curve, 1.3)}
    schedules = {name: preheat.get_schedule(name, warmup=CURVE // 10, total=CURVE) for name in hands}
    cases: dict[str, Case] = {}
    for name, (hand, _) in hands.items():
        cases[f"{name}, NumPy in place"] = timed(lambda hand=hand: hand(CURVE))
        cases[f"{name}, of a range"] = timed(lambda name=name: schedules[name](range(CURVE)))
        cases[f"{name}, of an array"] = timed(lambda name=name: schedules[name](positions))
    costs = measure(cases, 10 if quick else 60)
    rows, verdicts = [], []
    for name, (_, limit) in hands.items():
        by_hand = costs[f"{name}, NumPy in place"]
        for way in ("of a range", "of an array"):
            mine = costs[f"{name}, {way}"]
            rows.append(
                [f"{name}, {way}", mine.shown(1e-3, 2), by_hand.shown(1e-3, 2), factor(mine.median / by_hand.median)]
            )
        of_range = costs[f"{name}, of a range"]
        verdicts.append(compared(f"{name} of 10^6 updates", of_range, "NumPy in place", by_hand, limit, MILLI))
    return table(["schedule", "preheat, ms (least)", "NumPy in place", "ratio"], rows), {"in place": costs}, verdicts


# --- resume --------------------------------------------------------------------------------------------------------


def resuming(make: Callable[[Idle], Any], position: int, repeats: int = 50) -> Case:
    """Build a scheduler on a fresh optimizer and load a state of that position."""
    source = Idle(2)
    state = make(source).state_dict()
    if make is ours:
        state = preheat.torch.Scheduler(source, ours(Idle(2)).schedule, last_epoch=position - 1).state_dict()
    else:  # stepping there would take seconds; what loading costs is the same
        state = {**state, "last_epoch": position, "_step_count": position + 1}

    def run() -> float:
        optimizers = [Idle(2) for _ in range(repeats)]
        start = time.process_time()
        for optimizer in optimizers:
            make(optimizer).load_state_dict(state)
        return (time.process_time() - start) / repeats

    return run


def resume(quick: bool) -> Found:
    """Building a scheduler and loading its state, early and late in a run; two parameter groups."""
    makers: dict[str, Callable[[Idle], Any]] = {
        "preheat": ours,
        "LambdaLR": lambda optimizer: get_linear_schedule_with_warmup(optimizer, WARMUP, TOTAL),
        "SequentialLR": sequential,
    }
    early, late = 10, 10**6
    cases = {f"{name} at {at}": resuming(make, at) for name, make in makers.items() for at in (early, late)}
    costs = measure(cases, 10 if quick else 50)
    pairs = {name: (costs[f"{name} at {early}"], costs[f"{name} at {late}"]) for name in makers}
    rows = [[name, a.shown(1e-6), b.shown(1e-6), factor(b.median / a.median)] for name, (a, b) in pairs.items()]
    first, second = pairs["preheat"]
    verdict = compared("resume at update 10^6", second, "at update 10", first, 1.2, MICRO)
    return table(["µs (least)", f"at {early}", f"at {late:,}", "late / early"], rows), {"resume": costs}, [verdict]


# --- start ---------------------------------------------------------------------------------------------------------

BARE = "python -c pass"
COMMANDS = {
    BARE: ["-c", "pass"],
    "import preheat": ["-c", "import preheat"],
    "get_schedule and a value": ["-c", "import preheat; preheat.get_schedule('cosine', warmup=10, total=100)(5)"],
    "preheat show": ["-m", "preheat", "show", "warmuplinear", "--updates", "3600", "--warmup", "100"],
    "import numpy": ["-c", "import numpy"],
}


def starting(words: list[str]) -> Case:
    """One process from its start to its end, on the wall clock."""

    def run() -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, *words], check=True, capture_output=True)
        return time.perf_counter() - start

    return run


def start(quick: bool) -> Found:
    """Whole processes on the wall clock, interpreter included."""
    costs = measure({name: starting(words) for name, words in COMMANDS.items()}, 10 if quick else 40)
    bare = costs[BARE]
    rows = [[name, cost.shown(1e-3, 1), factor(cost.median / bare.median)] for name, cost in costs.items()]
    verdicts = [compared(f"start: {name}", costs[name], BARE, bare, 2.0, MILLI) for name in [*COMMANDS][1:2]]
    seconds = costs["preheat show"].median
    verdicts.append(Verdict("start: preheat show", f"{seconds:.2f} s", "half a second", seconds / 0.5, 1.0))
    return table(["process", "ms (least)", "ratio"], rows), {"start": costs}, verdicts


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # torch's, about schedulers that are stepped alone
    torch.set_num_threads(1)
    sections = {
        "One update": one_update,
        "A curve of 10^6 updates": whole_curve,
        "A curve beside NumPy in place": in_place,
        "Resume": resume,
        "Start": start,
    }
    report(__doc__, sections, PACKAGES)
