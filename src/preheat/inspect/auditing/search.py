"""Searching whole numbers: lengths of phases that make a curve come nearest to a log."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

Point = tuple[int, ...]
_MOST = 600  # points looked at


def descend(
    cost: Callable[[Point], float], start: Point, low: Sequence[int], high: Sequence[int]
) -> tuple[Point, float]:
    """The best point a pattern search finds from ``start``, by steps longer while they help, then ever shorter.

    Where there is no bottom, as with a horizon that a log says nothing of, it gives up after some hundred points.

    Args:
        cost: what to make small; called at most once a point.
        start: where to begin.
        low: smallest value of each number.
        high: largest value of each number.

    >>> descend(lambda p: (p[0] - 37) ** 2 + (p[1] - p[0]) ** 2, (1, 1), (0, 0), (100, 100))
    ((37, 37), 0)
    """
    known: dict[Point, float] = {}

    def cost_of(point: Point) -> float:
        if point not in known:
            known[point] = cost(point)
        return known[point]

    best = tuple(min(max(at, least), most) for at, least, most in zip(start, low, high, strict=True))
    steps = [max(1, at // 4) for at in best]
    while True:
        better = min(_around(best, steps, low, high), key=cost_of, default=best)
        if cost_of(better) < cost_of(best) and len(known) < _MOST:
            best, steps = better, [2 * step for step in steps]
        elif any(step > 1 for step in steps):
            steps = [max(1, step // 2) for step in steps]
        else:
            return best, cost_of(best)


def _around(point: Point, steps: Sequence[int], low: Sequence[int], high: Sequence[int]) -> Iterable[Point]:
    """The neighbours of a point: along each number, and along each pair together, since lengths trade places."""
    moves = [(index, sign) for index in range(len(point)) for sign in (-1, 1)]
    for first, sign in moves:
        yield from _moved(point, {first: sign * steps[first]}, low, high)
        for second, other in moves:
            if second > first:
                yield from _moved(point, {first: sign * steps[first], second: other * steps[second]}, low, high)


def _moved(point: Point, move: dict[int, int], low: Sequence[int], high: Sequence[int]) -> Iterable[Point]:
    moved = tuple(at + move.get(index, 0) for index, at in enumerate(point))
    if all(least <= at <= most for at, least, most in zip(moved, low, high, strict=True)):
        yield moved
