"""Schedules as torch code: the classes people use where one fits, else one scheduler a phase."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise

from preheat.dialects.common.flat import Piece, flat
from preheat.dialects.common.lambdas import formula_of
from preheat.dialects.common.outline import Outline
from preheat.schedule import Phase, Schedule
from preheat.schedule.clocks import Repeat, Until
from preheat.schedule.combine import Lift, Product
from preheat.schedule.curves import Constant, Cosine, Exponential, Linear, Polynomial
from preheat.schedule.factors import known
from preheat.schedule.sequence import PhaseSchedule

_HOLD_THEMSELVES = ("LinearLR", "PolynomialLR")


def write(asked: Outline) -> Iterator[str]:
    """Programs that make the schedule, the plainest first."""
    scale = float(asked.schedule(range(asked.total + 1)).max())
    base = float(f"{asked.peak / scale:.15g}")
    for expression in _whole(asked.schedule, base):
        yield program(expression, base)
    for expression in _one_cycle(asked):
        yield program(expression, asked.peak)
    exact = compiled(asked.schedule, base, asked.total)
    if exact is not None:
        yield program(exact, base)
    for expression in _fitted(asked):
        yield program(expression, asked.peak)


def program(expression: str, base: float) -> str:
    """A scheduler's expression as a program, with what it needs.

    >>> print(program("ExponentialLR(optimizer, gamma=0.9)", 0.1))
    import torch
    from torch.optim.lr_scheduler import ExponentialLR
    <BLANKLINE>
    optimizer = torch.optim.AdamW(model.parameters(), lr=0.1)
    scheduler = ExponentialLR(optimizer, gamma=0.9)
    """
    from preheat.dialects.torch_classes import CLASSES

    used = ", ".join(sorted(name for name in CLASSES if f"{name}(" in expression))
    lines = ["import math", ""] if "math." in expression else []
    lines += ["import torch", f"from torch.optim.lr_scheduler import {used}", ""]
    lines += [f"optimizer = torch.optim.AdamW(model.parameters(), lr={base!r})", f"scheduler = {expression}"]
    return "\n".join(lines)


def compiled(schedule: Schedule, base: float, total: int) -> str | None:
    """One scheduler a phase, or a chain of them for a product; None for what torch has no parts for."""
    pieces = flat(schedule, total)
    if pieces is not None:
        made: list[str] = []
        for piece in pieces:
            expression = _piece(piece, base)
            if expression is None:
                return None
            made.append(expression)
        if len(made) > 1 and made[-2].startswith(_HOLD_THEMSELVES) and pieces[-2].arrival == pieces[-1].start:
            made.pop()
        borders = [piece.begin for piece in pieces[1 : len(made)]]
        return sequential(made, borders) if borders else made[0]
    if isinstance(schedule, Product):
        inside = [compiled(part, base, total) for part in schedule.of]
        return None if None in inside else f"ChainedScheduler([{', '.join(map(str, inside))}])"
    return None


def sequential(expressions: list[str], milestones: list[int]) -> str:
    """Several schedulers, one after the other."""
    inside = "".join(f"        {expression},\n" for expression in expressions)
    return f"SequentialLR(\n    optimizer,\n    [\n{inside}    ],\n    milestones={milestones!r},\n)"


def _held(factor: float, updates: int | None = None) -> str:
    if factor == 1.0:
        return "ConstantLR(optimizer, factor=1.0)"
    if updates is not None and 0 < factor < 1:
        return f"ConstantLR(optimizer, factor={factor!r}, total_iters={updates})"
    return f"LambdaLR(optimizer, lambda n: {factor!r})"


def _piece(piece: Piece, base: float) -> str | None:
    phase = piece.phase
    if isinstance(phase.curve, Constant):
        return _held(piece.start, piece.updates)
    if isinstance(phase.curve, Linear) and phase.updates is not None:
        return _line(phase)
    if piece.start == 1.0 and not phase.skip and phase.convention == "transformers":
        found = _named(phase, base, piece.goal)
        if found:
            return found
    formula = formula_of(phase)
    return None if formula is None else f"LambdaLR(optimizer, lambda n: {formula})"


def _line(phase: Phase) -> str:
    first, last = phase.at(0, phase.updates), phase.value(phase.length, 0)
    steps = int(phase.updates or 0) - int(phase.convention == "native")
    if not steps:
        return _held(first)
    if 0 < first <= 1 and last <= 1:
        return f"LinearLR(optimizer, start_factor={first!r}, end_factor={last!r}, total_iters={steps})"
    line = f"n / {steps}" if (first, last) == (0.0, 1.0) else f"{first!r} + {last - first!r} * n / {steps}"
    return f"LambdaLR(optimizer, lambda n: {line})"


def _named(phase: Phase, base: float, end: float) -> str | None:
    """A class of torch's that is the phase."""
    curve, length = phase.curve, phase.length
    whole = isinstance(length, int)
    if curve == Cosine() and whole:
        return f"CosineAnnealingLR(optimizer, T_max={length}, eta_min={end * base!r})"
    if isinstance(curve, Polynomial) and curve.k == 1.0 and end == 0 and whole:
        return f"PolynomialLR(optimizer, total_iters={length}, power={curve.power!r})"
    if isinstance(curve, Exponential) and end == 0:
        if not curve.staircase and curve.steps == 1:
            return f"ExponentialLR(optimizer, gamma={curve.rate!r})"
        if curve.staircase and curve.steps == int(curve.steps):
            return f"StepLR(optimizer, step_size={int(curve.steps)}, gamma={curve.rate!r})"
    return None


def _whole(schedule: Schedule, base: float) -> Iterator[str]:
    """Classes that are a whole schedule: warm restarts, triangles, steps."""
    if isinstance(schedule, Until):
        schedule = schedule.of
    if isinstance(schedule, Repeat):
        yield from _restarts(schedule, base)
        yield from _triangles(schedule, known(schedule.floor), "", base)
    elif isinstance(schedule, Lift) and isinstance(schedule.of, Product) and len(schedule.of.of) == 2:
        wave, fall = schedule.of.of
        curve = fall.phases[0].curve if isinstance(fall, PhaseSchedule) and isinstance(fall.phases[0], Phase) else None
        if isinstance(wave, Repeat) and isinstance(curve, Exponential) and curve.steps == 1:
            yield from _triangles(wave, known(schedule.floor), f"gamma={curve.rate!r}", base)
    elif isinstance(schedule, PhaseSchedule):
        yield from _milestones(schedule)


def _restarts(schedule: Repeat, base: float) -> Iterator[str]:
    """One cosine, repeated."""
    phases = schedule.of.phases if isinstance(schedule.of, PhaseSchedule) else ()
    if len(phases) == 1 and isinstance(phases[0], Phase) and schedule.scale == 1 and not schedule.growth % 1:
        phase = phases[0]
        plain = phase.start == 1.0 and phase.convention == "transformers" and not phase.skip
        if plain and phase.curve == Cosine() and isinstance(phase.length, int):
            more = f"T_mult={int(schedule.growth)}, eta_min={known(phase.end or 0.0) * base!r}"
            yield f"CosineAnnealingWarmRestarts(optimizer, T_0={phase.length}, {more})"


def _triangles(wave: Repeat, floor: float, gamma: str, base: float) -> Iterator[str]:
    sides = wave.of.phases if isinstance(wave.of, PhaseSchedule) else ()
    if len(sides) != 2 or wave.growth != 1:
        return
    up, down = sides
    if isinstance(up, Phase) and isinstance(down, Phase) and isinstance(up.length, int) and down.length:
        mode = "exp_range" if gamma else "triangular" if wave.scale == 1 else "triangular2"
        rates = f"base_lr={floor * base!r}, max_lr={base!r}, step_size_up={up.length}, step_size_down={down.length}"
        yield f"CyclicLR(optimizer, {rates}, mode={mode!r}{gamma and ', ' + gamma})"


def _milestones(schedule: PhaseSchedule) -> Iterator[str]:
    """Constant stretches, each the same share of the one before."""
    if not all(isinstance(phase, Phase) and isinstance(phase.curve, Constant) for phase in schedule.phases):
        return
    held = [phase.at(0, 0) for _, _, phase in schedule._spans if isinstance(phase, Phase)]
    if held[0] == 1.0 and len(held) > 1 and all(held):
        ratio = held[1] / held[0]
        borders = [int(border) for border in schedule.borders][: len(held) - 1]
        if all(abs(after / before - ratio) < 1e-12 for before, after in pairwise(held)):
            yield f"MultiStepLR(optimizer, milestones={borders!r}, gamma={ratio!r})"


def _one_cycle(asked: Outline) -> Iterator[str]:
    factors, total = asked.factors, asked.total
    first, last, top = float(factors[0]), float(factors[total - 1]), int(factors.argmax())
    if 0 < last <= first < 1 and 0 < top < total - 1:
        for shape in ("cos", "linear"):
            yield (
                f"OneCycleLR(optimizer, max_lr={asked.peak!r}, total_steps={total}, pct_start={(top + 1) / total!r},"
                f" anneal_strategy={shape!r}, div_factor={1 / first!r}, final_div_factor={first / last!r})"
            )


def _fitted(asked: Outline) -> Iterator[str]:
    """A climb, perhaps a plateau, and a descent of the run's own lengths and floors."""
    factors, total, peak = asked.factors, asked.total, asked.peak
    at_peak = [position for position in range(total) if factors[position] >= 1 - 1e-9]
    if not at_peak:
        return
    first, last = at_peak[0], at_peak[-1]
    floors = [floor for floor in asked.floors if floor < 1]
    for begin in dict.fromkeys((last, first, max(0, last - 1))):
        for length in range(max(1, total - begin - 1), total - begin + 1):
            descents = [f"CosineAnnealingLR(optimizer, T_max={length}, eta_min={floor * peak!r})" for floor in floors]
            descents += [f"LinearLR(optimizer, 1.0, {floor!r}, total_iters={length})" for floor in floors]
            powers = asked.option("power", 2.0, 0.5)
            descents += [f"PolynomialLR(optimizer, total_iters={length}, power={power!r})" for power in powers]
            descents += [f"LambdaLR(optimizer, lambda n: (1 + n / {max(1, begin)}) ** -0.5)"]
            for descent in descents:
                yield _climbed(float(factors[0]), first, begin, descent)


def _climbed(start: float, first: int, begin: int, descent: str) -> str:
    parts: list[str] = []
    borders: list[int] = []
    if first:
        parts.append(_line(Phase(curve=Linear(), length=first, start=start, end=1.0)))
        borders.append(first)
    if begin > first:
        parts.append(_held(1.0))
        borders.append(begin)
    return sequential([*parts, descent], borders) if parts else descent
