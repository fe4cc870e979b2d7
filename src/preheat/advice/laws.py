"""Laws of loss curves: a loss from the learning rates so far; and their fit to curves.

Laws      the Multi-Power Law (Luo et al. 2025, arXiv:2503.12811) and Tissue's (Tissue et al. 2024, arXiv:2408.11029).
Fit       by variable projection: what is linear is solved for, what is not is searched.
Weights   residuals over 1e-3 of the loss: runs log it to about as much.
Prior     normal in the logarithm of every exponent, as each law has it; a few curves do not fix them all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from preheat.errors import DataError, refusal
from preheat.messages import _

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]


# --- Learning rates as the loss-curve laws see them: sums so far, and changes gathered into few blocks --------------
# A law adds something for every update at which the rate changed, at every update where a loss is wanted: millions of
# terms for one curve. Changes next to each other act alike, so they are gathered into blocks of equal count; a block
# that a loss lies inside of counts with the changes made so far.


BLOCKS = 256  # for up to 70,000 changes: 4e-4 off at the worst point, a tenth of the laws' own error
_LOWEST = 1e-12  # of the peak: a rate of 0 has no power of its own


@dataclass(frozen=True, slots=True, eq=False)
class Changes:
    """Where a run's losses are wanted, and what its rates did until then.

    Attributes:
        at: completed updates of each loss, shape (n,).
        sums: sum of the rates until then, the warm-up's included, shape (n,).
        drops: by how much the rates of each block have fallen until then (negative: risen), shape (n, blocks).
        since: sum of the rates since each block's mean change, its own included, shape (n, blocks).
        rates: mean rate after a change of each block, shape (n, blocks).
        ages: mean number of updates since the changes of each block, shape (n, blocks).
    """

    at: NDArray[np.int64]
    sums: Floats
    drops: Floats
    since: Floats
    rates: Floats
    ages: Floats


def changes(rates: Floats, at: NDArray[np.int64], *, warmup: bool = False, blocks: int = BLOCKS) -> Changes:
    """Gather the changes of a run's rates.

    Args:
        rates: learning rate of every update, > 0 somewhere, shape (updates,).
        at: update numbers of the losses, each in [0, updates), shape (n,).
        warmup: whether the changes of the warm-up count, as in the published code of the Multi-Power Law.
        blocks: into how many; 0 keeps every change by itself.
    """
    if len(at) and not 0 <= at.min() <= at.max() < len(rates):
        advice = _("The rates cover updates 0 to {last}.", last=len(rates) - 1)
        raise DataError(
            refusal(_("updates of the losses"), _("within the run"), [int(at.min()), int(at.max())], advice)
        )
    total = np.cumsum(rates)
    fallen = np.concatenate([[0.0], rates[:-1] - rates[1:]])
    if not warmup:
        fallen[: int(np.argmax(rates >= rates.max() * (1.0 - 1e-12))) + 1] = 0.0
    before = total - rates
    floor = np.maximum(rates, _LOWEST * rates.max())
    if blocks:
        drops, starts, levels, when = _in_blocks(fallen, before, floor, at, blocks)
    else:
        drops, starts, levels, when = _one_by_one(fallen, before, floor, at)
    since = np.maximum(total[at][:, None] - starts, 0.0)
    return Changes(at, total[at], drops, since, levels, np.maximum(at[:, None] - when, 0.0))


def _one_by_one(fallen: Floats, before: Floats, level: Floats, at: NDArray[np.int64]) -> tuple[Floats, ...]:
    """Every change by itself, those after a loss at 0."""
    where = np.flatnonzero(fallen)
    made = where[None, :] <= at[:, None]
    return np.where(made, fallen[where], 0.0), before[where][None], level[where][None], where[None].astype(float)


def _in_blocks(fallen: Floats, before: Floats, level: Floats, at: NDArray[np.int64], blocks: int) -> tuple[Floats, ...]:
    parts = [_gathered(group, fallen, before, level, at) for group in _groups(fallen, blocks)]
    if not parts:
        return (np.zeros((len(at), 0)),) * 4
    return tuple(np.stack([part[index] for part in parts], axis=1) for index in range(4))


def _groups(fallen: Floats, blocks: int) -> Iterator[NDArray[np.int64]]:
    """Blocks of neighboring changes of one sign, of about equal count."""
    many = np.count_nonzero(fallen)
    for one in (np.flatnonzero(fallen > 0), np.flatnonzero(fallen < 0)):
        if len(one):
            yield from np.array_split(one, max(1, min(len(one), round(blocks * len(one) / many))))


def _gathered(
    group: NDArray[np.int64], fallen: Floats, before: Floats, level: Floats, at: NDArray[np.int64]
) -> tuple[Floats, Floats, Floats, Floats]:
    """One block until each loss: the sum of its changes, and means over them, weighted by their size."""
    weights = fallen[group]
    reached = np.searchsorted(group, at, "right")  # changes made so far
    sums = [np.concatenate([[0.0], np.cumsum(weights * one)]) for one in (1.0, before[group], level[group], group)]
    drops = sums[0][reached]
    safe = np.where(drops == 0.0, 1.0, drops)
    starts, levels, when = (
        np.where(drops == 0.0, fallback, one[reached] / safe)
        for one, fallback in zip(sums[1:], (before[group[0]], level[group[0]], float(group[0])), strict=True)
    )
    return drops, starts, levels, when


# --- The Multi-Power Law: a loss curve from its learning rates ------------------------------------------------------
# Formula  L(t) = L0 + A (sum of rates so far)^-alpha - B sum_k (eta_{k-1} - eta_k) G(eta_k^-gamma (eta_k + ... +
#          eta_t)), G(x) = 1 - (1 + C x)^-beta, over every update k <= t at which the rate changed.
# Warm-up  left out of the sum over k, as in the paper. The published parameters were fitted with it inside: the same
#          curve with an L0 about B * peak lower.
# Source   Luo et al. 2025, arXiv:2503.12811.


_AT_ONCE = 4_000_000  # changes times losses: what is held at once where nothing is gathered


@dataclass(frozen=True, slots=True, kw_only=True)
class MultiPowerLaw:
    """The law with its seven parameters.

    Args:
        floor: L0, what no training gets below.
        scale: A, of the power of the sum of rates.
        power: alpha.
        gain: B, of what falling rates give.
        speed: C, how fast they give it.
        fade: beta.
        bend: gamma, how much slower at high rates.
        warmup: whether the warm-up's changes count.

    >>> law = MultiPowerLaw(floor=3.0, scale=0.5, power=0.5, gain=400.0, speed=2.0, fade=0.6, bend=0.6)
    >>> rates = np.full(1000, 3e-4)
    >>> float(law(rates, np.array([999]))[0].round(4)) == round(3 + 0.5 * 0.3**-0.5, 4)
    True
    """

    floor: float
    scale: float
    power: float
    gain: float
    speed: float
    fade: float
    bend: float
    warmup: bool = False

    name: ClassVar[str] = "multi-power"
    # Start, and width of the prior on the logarithm: without one, a few curves leave the last three free to wander.
    shape: ClassVar[dict[str, tuple[float, float]]] = {
        "power": (0.45, 2.0), "speed": (2.0, 0.15), "fade": (0.6, 0.15), "bend": (0.64, 0.15)
    }  # fmt: skip

    def __call__(self, rates: Floats, at: NDArray[np.int64], *, blocks: int = 0) -> Floats:
        """The loss at updates ``at`` of a run with these rates; ``blocks`` gathers changes, 0 takes each by itself."""
        losses = np.empty(len(at))
        step = len(at) if blocks else max(1, _AT_ONCE // len(rates))
        for begin in range(0, len(at), step):
            part = changes(rates, at[begin : begin + step], warmup=self.warmup, blocks=blocks)
            columns = self.columns(part, (self.power, self.speed, self.fade, self.bend))
            losses[begin : begin + step] = columns @ (self.floor, self.scale, self.gain)
        return losses

    @classmethod
    def columns(cls, seen: Changes, shape: tuple[float, ...] | Floats) -> Floats:
        """What floor, scale and gain multiply, shape (n, 3), for given exponents."""
        power, speed, fade, bend = shape
        reached = 1.0 - (1.0 + speed * seen.rates**-bend * seen.since) ** -fade
        given = (seen.drops * reached).sum(axis=1)
        return np.stack([np.ones(len(seen.at)), seen.sums**-power, -given], axis=1)

    @classmethod
    def of(cls, linear: Floats, shape: Floats) -> MultiPowerLaw:
        """The law with fitted parameters."""
        floor, scale, gain = (float(one) for one in linear)
        power, speed, fade, bend = (float(one) for one in shape)
        return cls(floor=floor, scale=scale, power=power, gain=gain, speed=speed, fade=fade, bend=bend)


# --- Tissue's law: a loss curve from the sum of its learning rates and a momentum of their falls --------------------
# Formula  L(t) = L0 + A (sum of rates so far)^-alpha - C S2(t), with S2(t) = sum_{i<=t} m_i and
#          m_i = decay m_{i-1} + (eta_{i-1} - eta_i).
# Source   Tissue et al. 2024, arXiv:2408.11029.
# Warm-up  left out of S2: it would shift L0.


@dataclass(frozen=True, slots=True, kw_only=True)
class TissueLaw:
    """The law with its four parameters, and the momentum's decay.

    Args:
        floor: L0, what no training gets below.
        scale: A, of the power of the sum of rates.
        power: alpha.
        gain: C, of what falling rates give.
        decay: of the momentum, in (0, 1); 0.999 in the paper.

    >>> law = TissueLaw(floor=3.0, scale=0.5, power=0.5, gain=1.0)
    >>> rates = np.full(1000, 3e-4)
    >>> float(law(rates, np.array([999]))[0].round(4)) == round(3 + 0.5 * 0.3**-0.5, 4)
    True
    """

    floor: float
    scale: float
    power: float
    gain: float
    decay: float = 0.999

    name: ClassVar[str] = "tissue"
    shape: ClassVar[dict[str, tuple[float, float]]] = {"power": (0.45, 2.0)}

    def __call__(self, rates: Floats, at: NDArray[np.int64], *, blocks: int = BLOCKS) -> Floats:
        """The loss at updates ``at`` of a run with these rates."""
        seen = changes(rates, at, blocks=blocks)
        return np.asarray(self.columns(seen, (self.power,), self.decay) @ (self.floor, self.scale, self.gain))

    @classmethod
    def columns(cls, seen: Changes, shape: tuple[float, ...] | Floats, decay: float = 0.999) -> Floats:
        """What floor, scale and gain multiply, shape (n, 3), for a given power."""
        # A fall counts 1 + decay + decay^2 + ... from its own update on.
        given = (seen.drops * (1.0 - decay ** (seen.ages + 1.0))).sum(axis=1) / (1.0 - decay)
        return np.stack([np.ones(len(seen.at)), seen.sums ** -shape[0], -given], axis=1)

    @classmethod
    def of(cls, linear: Floats, shape: Floats) -> TissueLaw:
        """The law with fitted parameters."""
        floor, scale, gain = (float(one) for one in linear)
        return cls(floor=floor, scale=scale, power=float(shape[0]), gain=gain)


# --- The fit ----------------------------------------------------------------------------------------------------------


if TYPE_CHECKING:
    Law = MultiPowerLaw | TissueLaw

LAWS: dict[str, type[MultiPowerLaw] | type[TissueLaw]] = {law.name: law for law in (TissueLaw, MultiPowerLaw)}
ACCURACY = 1e-3  # of a loss
_ROUNDS = 60
_STEP = 1e-5  # in the logarithm, for slopes
_DONE = 1e-9
_REACH, _FURTHEST = 14.0, 3.0  # widths of the prior, and logarithms: beyond, powers overflow before they fit anything


@dataclass(frozen=True, slots=True)
class Fitted:
    """A law with what it leaves unexplained.

    Attributes:
        law: with its parameters.
        residuals: measured minus predicted losses, of all curves in order.
    """

    law: Law
    residuals: Floats


def fit(kind: str, seen: Sequence[Changes], losses: Sequence[Floats], start: Law | None = None) -> Fitted:
    """Fit a law to curves.

    Args:
        kind: a name in ``LAWS``.
        seen: the changes of each curve's rates.
        losses: the losses of each, at the updates of ``seen``.
        start: a law of this kind near the answer, to begin at; None begins at the prior.
    """
    law = LAWS[kind]
    targets = np.concatenate(losses)
    weights = 1.0 / (ACCURACY * targets)
    center, width = (np.array(side) for side in zip(*law.shape.values(), strict=True))
    center = np.log(center)

    reach = np.minimum(_REACH * width, _FURTHEST)

    def solve(point: Floats) -> tuple[Floats, Floats]:
        columns = np.concatenate([law.columns(one, shape_at(point)) for one in seen])
        return columns, not_negative(columns * weights[:, None], targets * weights)

    def shape_at(point: Floats) -> Floats:
        return np.asarray(np.exp(np.clip(point, center - reach, center + reach)))

    def residuals(point: Floats) -> Floats:
        columns, linear = solve(point)
        return np.concatenate([(columns @ linear - targets) * weights, (point - center) / width])

    begin = center if start is None else np.log([getattr(start, name) for name in law.shape])
    best = least_squares(residuals, begin)
    columns, linear = solve(best)
    return Fitted(law.of(linear, shape_at(best)), targets - columns @ linear)


def not_negative(columns: Floats, targets: Floats) -> Floats:
    """Least squares with coefficients >= 0, for the few columns of a law: the best of every choice of columns.

    >>> not_negative(np.array([[1.0, 0.0], [0.0, 1.0]]), np.array([2.0, -1.0])).tolist()
    [2.0, 0.0]
    """
    many = columns.shape[1]
    sizes = np.sqrt((columns**2).sum(axis=0))
    scaled = columns / np.where(sizes == 0.0, 1.0, sizes)
    best, least = np.zeros(many), float((targets**2).sum())
    for size in range(many, 0, -1):
        for chosen in combinations(range(many), size):
            part = scaled[:, chosen]
            solved = np.linalg.lstsq(part, targets, rcond=None)[0]
            left = float(((part @ solved - targets) ** 2).sum())
            if (solved >= 0).all() and left < least:
                best = np.zeros(many)
                best[list(chosen)], least = solved, left
        if best.any() and size == many:
            break  # nothing with fewer columns is nearer
    return np.asarray(best / np.where(sizes == 0.0, 1.0, sizes))


def least_squares(residuals: Callable[[Floats], Floats], start: Floats) -> Floats:
    """The point of least squares, by Levenberg's and Marquardt's method with forward differences.

    >>> least_squares(lambda point: point - np.array([1.0, -2.0]), np.zeros(2)).round(6).tolist()
    [1.0, -2.0]
    """
    point, here, damping = start.copy(), residuals(start), 1e-3
    for _unused in range(_ROUNDS):
        slopes = np.stack([(residuals(point + step) - here) / _STEP for step in _STEP * np.eye(len(point))], axis=1)
        normal, down = slopes.T @ slopes, slopes.T @ here
        moved = False
        while damping < 1e12:
            tried = point - np.linalg.solve(normal + damping * np.diag(np.diag(normal) + 1e-12), down)
            there = residuals(tried)
            if np.isfinite(there).all() and (there**2).sum() < (here**2).sum():
                moved = True
                break
            damping *= 10.0
        if not moved:
            break
        done = (here**2).sum() - (there**2).sum() < _DONE * (here**2).sum()
        point, here, damping = tried, there, max(damping / 10.0, 1e-12)
        if done:
            break
    return point
