"""Which schedule a range test speaks for: a constant rate without warm-up, for as long as the test was.

Sources   a warm-up tolerates a higher peak: Kalra & Barkeshli 2024, arXiv:2406.09405.
          the best rate of one shape falls as T**-0.5; linear and cosine decay to 0 take 1.95 and 1.89 times the best
          rate of a constant one with a cooldown of 20 %: the bound of Schaipp et al. 2025, arXiv:2501.18965; on its
          authors' runs of a 124M Llama, 1.95 and 1.87.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

from preheat.schedule import Schedule


def holds_for(updates: int, schedule: Schedule | None) -> tuple[str, ...]:
    """What the suggestions of a test of so many updates mean for a schedule, a sentence each."""
    own = f"a constant learning rate without warm-up and decay, over {updates} updates"
    if schedule is None:
        return (f"the suggestions hold for {own}; name a schedule to read what that means for it",)
    return (f"the suggestions hold for {own}; this schedule is {schedule}", *_differences(updates, schedule))


def _differences(updates: int, schedule: Schedule) -> Iterator[str]:
    if schedule.waits_for:
        yield f"its lengths are not known: it waits for {schedule.waits_for}"
        return
    if schedule.climb:
        climb = f"it climbs for {schedule.climb:g} updates"
        yield f"{climb}: a warm-up tolerates a higher peak than the test, which had none (arXiv:2406.09405)"
    horizon = schedule.horizon
    if not horizon:
        return
    if horizon > updates:
        times = math.sqrt(horizon / updates)
        law = "in theory the best rate of a shape falls with the square root of its length (arXiv:2501.18965)"
        yield f"it is {horizon:g} updates long: {law}, here by a factor of {times:.3g}"
    if schedule(math.ceil(horizon) - 1) < 0.5:
        law = (
            "linear and cosine decay to 0 take about 1.9 times the best rate of a constant one with a cooldown of 20 %"
        )
        yield f"it decays: {law} (arXiv:2501.18965)"
