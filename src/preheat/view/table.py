"""A schedule as a table: every update and the value it uses."""

from __future__ import annotations

import csv
import io

from preheat.view.sampling import Curves, sample


def to_csv(curves: Curves, *, updates: int | None = None, lr: float = 1.0) -> str:
    """CSV with one row an update, 0 to ``updates`` - 1, and one column a schedule, at full precision.

    >>> from preheat import get_schedule
    >>> print(to_csv(get_schedule("warmuplinear", warmup=2, total=4), lr=0.1), end="")
    update,lr
    0,0.0
    1,0.05
    2,0.1
    3,0.05
    """
    every = sample(curves, updates, lr, points=None)
    last = every[0].positions[-1]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["update", *(["lr"] if len(every) == 1 else [f"lr {curve.label}" for curve in every])])
    writer.writerows(zip(range(last), *(curve.values for curve in every), strict=False))
    return text.getvalue()
