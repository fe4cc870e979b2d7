"""The shapes a phase can follow, each written once over an array namespace.

A curve *falls*: ``fall(done, left, length, xp)`` is 1 where its phase begins and, unless it waves, 0 where the phase
ends. ``done`` and ``left`` are updates since the beginning and until the end (``done + left == length``); ``u`` below
is ``done / length``. ``xp`` is :class:`~preheat.schedule.curves.Scalar` for one update, and NumPy, ``jax.numpy``
or ``torch`` for many. Both ends are handed in because ``left / length`` and ``1 - done / length`` differ in the last
bit, and a schedule has to agree with its peers to that bit.

A rising phase runs the same curve backwards in time, so the climb of ``1-sqrt`` is the mirror of its descent and
``square`` rises as u². The endless curves, which never arrive, approach their end from either side instead.
"""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, fields, replace
from typing import Any, ClassVar, Self

from preheat.errors import ScheduleError, refusal, unknown_name
from preheat.schedule.lengths import number, positive

# --- Array namespaces: the one of a single number, and what compiled ones need spelled out --------------------------


class Scalar:
    """``math`` with the few names of an array namespace that it lacks."""

    pi = math.pi
    cos = staticmethod(math.cos)
    exp = staticmethod(math.exp)
    floor = staticmethod(math.floor)
    log = staticmethod(math.log)
    sin = staticmethod(math.sin)
    sqrt = staticmethod(math.sqrt)
    tanh = staticmethod(math.tanh)

    @staticmethod
    def where(condition: Any, yes: Any, no: Any) -> Any:
        """``yes`` if the condition holds, else ``no``."""
        return yes if condition else no


def quotient(part: Any, whole: Any) -> Any:
    """``part / whole``, rounded once, for quotients that are cut at whole numbers.

    XLA multiplies by the reciprocal of a constant instead, which makes 49 / 49 less than 1; so ``whole`` is none.
    """
    return part / (whole + 0.0 * part)


def power_of(base: float, exponent: Any, xp: Any) -> Any:
    """``base ** exponent`` for many updates; float32 cannot hold a base near 1, its logarithm it can."""
    if xp is Scalar or xp.__name__ == "numpy":
        return base**exponent
    return xp.exp(math.log(base) * exponent)


# --- The shapes a phase can follow, each written once over an array namespace ---------------------------------------


@dataclass(frozen=True, slots=True)
class Curve(ABC):
    """Abstract: a falling shape.

    ``endless`` says whether it can run without an end; ``clocks`` names the options counted in updates.
    """

    endless: ClassVar[bool] = False
    clocks: ClassVar[tuple[str, ...]] = ()
    _above_zero: ClassVar[dict[str, str]] = {}

    def __post_init__(self) -> None:
        for name, advice in self._above_zero.items():
            object.__setattr__(self, name, positive(name, getattr(self, name), advice))

    @abstractmethod
    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        """The share of the height still to fall, 1 at the beginning of the phase."""

    def stretched(self, ratio: float) -> Self:
        """The same curve with its own clocks (time scales) ``ratio`` times as slow."""
        return replace(self, **{name: getattr(self, name) * ratio for name in self.clocks})


@dataclass(frozen=True, slots=True)
class Constant(Curve):
    """Stays where it begins: ``1``."""

    endless: ClassVar[bool] = True

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        return 1.0


@dataclass(frozen=True, slots=True)
class Linear(Curve):
    """A straight line: ``1 - u``. Peers call it linear, polynomial with power 1, trapezoidal (as a cool-down)."""

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        return left / length


@dataclass(frozen=True, slots=True)
class Cosine(Curve):
    """Half a cosine wave, or several: ``((1 + cos(2 pi cycles u^k)) / 2) ^ power``.

    ``cycles`` = 0.5 is one descent (Loshchilov & Hutter 2017, arXiv:1608.03983); 1 goes down and back up, as in
    transformers' ``num_cycles``. ``power`` is optax's and levanter's exponent; ``k`` is timm's k-decay (Zhang & Li
    2020, arXiv:2004.05909). Past its end transformers, torch and torchtitan climb again; a phase holds.
    """

    _above_zero: ClassVar[dict[str, str]] = {
        "cycles": "0.5 is one descent.",
        "power": "1 is the plain cosine.",
        "k": "1 is the plain cosine.",
    }

    cycles: float = 0.5
    power: float = 1.0
    k: float = 1.0

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        time = done / length
        if self.k != 1.0:
            time = time**self.k
        wave = 0.5 * (1.0 + xp.cos(xp.pi * self.cycles * 2.0 * time))
        return wave if self.power == 1.0 else wave**self.power


@dataclass(frozen=True, slots=True)
class CosineRestarts(Curve):
    """``cycles`` equal cosine descents, each starting at the top again: ``(1 + cos(pi (cycles u mod 1))) / 2``.

    At the very end the wave stands at the top of a cycle that is never run: let a hold follow. For other cycles than
    these repeat a phase. Loshchilov & Hutter 2017, arXiv:1608.03983, with equal periods.
    """

    _above_zero: ClassVar[dict[str, str]] = {"cycles": "It counts the descents."}

    cycles: float = 1.0

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        return 0.5 * (1.0 + xp.cos(xp.pi * ((self.cycles * quotient(done, length)) % 1.0)))


@dataclass(frozen=True, slots=True)
class HalfCosine(Curve):
    """The lower half of a cosine, steep first: ``1 - sin(pi u / 2)``. OLMo-core's half cosine starts it at 0.5."""

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        return 1.0 - xp.sin(0.5 * xp.pi * (done / length))


@dataclass(frozen=True, slots=True)
class MirrorCosine(Curve):
    """A cosine mirrored in the straight line: ``2 (1 - u) - (1 + cos(pi u)) / 2``.

    Compared with other cool-downs by Dremov et al. 2025, arXiv:2508.01483.
    """

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        return 2.0 * (left / length) - 0.5 * (1.0 + xp.cos(xp.pi * (done / length)))


@dataclass(frozen=True, slots=True)
class CosineEnvelope(Curve):
    """A cosine under a falling line: ``(1 - u) (1 + cos(pi u)) / 2``. OLMo's cosine_linear_envelope."""

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        return (left / length) * 0.5 * (1.0 + xp.cos(xp.pi * (done / length)))


@dataclass(frozen=True, slots=True)
class Polynomial(Curve):
    """A power of what is left: ``(1 - u) ^ power``. ``sqrt`` and ``square`` are powers 0.5 and 2.

    The default power is 1 in transformers, fairseq and Keras, 2 in composer, 0.5 in timm. ``k`` is timm's k-decay.
    """

    _above_zero: ClassVar[dict[str, str]] = {"power": "1 is a straight line.", "k": "1 is the plain power."}

    power: float = 1.0
    k: float = 1.0

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        height = left / length if self.k == 1.0 else 1.0 - (done / length) ** self.k
        return height**self.power


@dataclass(frozen=True, slots=True)
class OneMinusPower(Curve):
    """Falls by a power of what is done: ``1 - u ^ power``. ``1-sqrt`` (0.5) is steep first, ``1-square`` (2) last.

    Haegele et al. 2024, arXiv:2405.18392, found 1-sqrt the best cool-down. torchtitan calls it sqrt, Megatron
    minus_sqrt, NeMo OneMinusSquareRoot.
    """

    _above_zero: ClassVar[dict[str, str]] = {"power": "0.5 is 1-sqrt."}

    power: float = 0.5

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        return 1.0 - (done / length) ** self.power


@dataclass(frozen=True, slots=True)
class Geometric(Curve):
    """Equal ratios: ``(ratio^u - ratio) / (1 - ratio)``; with ratio = end / start a straight line on a log axis.

    Megatron's exponential WSD cool-down is ratio 0.5 to 0, timm's 0.1 to 0, fairseq's tri-stage ratio = end.
    """

    ratio: float = 0.1

    def __post_init__(self) -> None:
        ratio = number("ratio", self.ratio)
        if not 0 < ratio < 1:
            raise ScheduleError(refusal("ratio", "in (0, 1)", self.ratio, "It is end / start for a geometric fall."))
        object.__setattr__(self, "ratio", float(ratio))

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        return (self.ratio ** (done / length) - self.ratio) / (1.0 - self.ratio)


@dataclass(frozen=True, slots=True)
class Logarithmic(Curve):
    """``ln(1 + left) / ln(1 + length)``; rising, DeepSpeed's default warm-up (``warmup_num_steps`` = length + 1)."""

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        return xp.log(1.0 + left) / xp.log(1.0 + length + 0.0 * left)


@dataclass(frozen=True, slots=True)
class Rex(Curve):
    """``(1 - u) / (1 - beta u)``: late and steep. Chen et al. 2021, arXiv:2107.04197 (beta 0.5); axolotl has 0.9."""

    beta: float = 0.5

    def __post_init__(self) -> None:
        beta = number("beta", self.beta)
        if not 0 <= beta < 1:
            raise ScheduleError(refusal("beta", "in [0, 1)", self.beta, "0 is a straight line."))
        object.__setattr__(self, "beta", float(beta))

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        height = left / length
        return height / ((1.0 - self.beta) + self.beta * height)


@dataclass(frozen=True, slots=True)
class Tanh(Curve):
    """``(1 - tanh(lower (1 - u) + upper u)) / 2``: begins just under 1 and ends just above 0. timm has -7 and 3.

    Hsueh et al. 2019, arXiv:1806.01593 (hyperbolic-tangent decay).
    """

    lower: float = -7.0
    upper: float = 3.0

    def __post_init__(self) -> None:
        for name in ("lower", "upper"):
            object.__setattr__(self, name, float(number(name, getattr(self, name))))
        if self.lower >= self.upper:
            raise ScheduleError(refusal("lower", f"below upper={self.upper:g}", self.lower, "timm has -7 and 3."))

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        return 0.5 * (1.0 - xp.tanh(self.lower * (left / length) + self.upper * (done / length)))


@dataclass(frozen=True, slots=True)
class Hyperbolic(Curve):
    """``1 + f(n) - f(0)`` with ``f(n) = sqrt((N - n) / U (2 - (N + n) / U))``, N updates under an upper bound U >= N.

    The early curve depends on U alone, so it stays when N changes. Kim et al. 2024, arXiv:2407.15200. Reaches 0 for
    U = N (the default, 0, means that).
    """

    clocks: ClassVar[tuple[str, ...]] = ("upper_bound",)

    upper_bound: float = 0.0

    def __post_init__(self) -> None:
        bound = number("upper_bound", self.upper_bound)
        if bound < 0:
            raise ScheduleError(refusal("upper_bound", ">= 0", self.upper_bound, "0 takes the phase's own length."))
        object.__setattr__(self, "upper_bound", float(bound))

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        bound = self.upper_bound or length
        if bound < length:
            raise ScheduleError(refusal("upper_bound", f">= {length}", bound, "It bounds the length of the phase."))
        begin = (length / bound * (2.0 - length / bound)) ** 0.5
        return 1.0 - begin + xp.sqrt(left / bound * (2.0 - (length + done) / bound))


@dataclass(frozen=True, slots=True)
class PowerLaw(Curve):
    """``(1 + done / timescale) ^ -power``, without end. ``inverse_sqrt`` is power 0.5, ``inverse_time`` power 1.

    With timescale = W after a climb of W updates this is Vaswani et al. 2017 (arXiv:1706.03762), fairseq, Megatron,
    T5X; a timescale of its own is big_vision's, timm's and llm-foundry's shifted form. transformers takes 10 000
    where there is no climb.
    """

    endless: ClassVar[bool] = True
    clocks: ClassVar[tuple[str, ...]] = ("timescale",)
    _above_zero: ClassVar[dict[str, str]] = {
        "power": "0.5 is the inverse square root.",
        "timescale": "It is a number of updates.",
    }

    power: float = 0.5
    timescale: float = 10_000.0

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        return 1.0 / ((done + self.timescale) / self.timescale) ** self.power


@dataclass(frozen=True, slots=True)
class Exponential(Curve):
    """``rate ^ (done / steps)``, without end; ``staircase`` takes whole steps only (then it is ``step``).

    torch's and Paddle's gamma is ``rate`` with steps = 1, Keras' and optax' decay_rate has decay_steps.
    """

    endless: ClassVar[bool] = True
    clocks: ClassVar[tuple[str, ...]] = ("steps",)

    rate: float = 0.1
    steps: float = 1.0
    staircase: bool = False

    def __post_init__(self) -> None:
        rate = number("rate", self.rate)
        if not 0 < rate <= 1:
            raise ScheduleError(refusal("rate", "in (0, 1]", self.rate, "It multiplies the factor every steps."))
        object.__setattr__(self, "rate", float(rate))
        object.__setattr__(self, "steps", positive("steps", self.steps, "It is a number of updates."))
        if not isinstance(self.staircase, bool):
            raise ScheduleError(refusal("staircase", "True or False", self.staircase, "True falls in whole steps."))

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        time = xp.floor(quotient(done, self.steps)) if self.staircase else done / self.steps
        return power_of(self.rate, time, xp)


@dataclass(frozen=True, slots=True)
class Rectification(Curve):
    """1 minus RAdam's rectification of Adam's second moment, without end: a climb that needs no length.

    ``sqrt((r - 4)(r - 2) R / ((R - 4)(R - 2) r))`` with ``R = 2 / (1 - beta2) - 1`` and ``r = R - 2 t beta2^t /
    (1 - beta2^t)``; t starts at the first count with r > 4. Liu et al. 2020, arXiv:1908.03265. Needs beta2 > 0.6.
    """

    endless: ClassVar[bool] = True

    beta2: float = 0.999

    def __post_init__(self) -> None:
        beta2 = number("beta2", self.beta2)
        if not 0.6 < beta2 < 1:
            raise ScheduleError(refusal("beta2", "in (0.6, 1)", self.beta2, "It is Adam's second beta."))
        object.__setattr__(self, "beta2", float(beta2))

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        limit = 2.0 / (1.0 - self.beta2) - 1.0
        first = next(t for t in range(1, 1000) if self._terms(t, limit) > 4.0)
        terms = self._terms(done + float(first), limit)
        square = (terms - 4.0) * (terms - 2.0) * limit / ((limit - 4.0) * (limit - 2.0) * terms)
        return 1.0 - xp.sqrt(square)

    def _terms(self, t: Any, limit: float) -> Any:
        """How many terms the moving average effectively holds after ``t`` updates."""
        weight = self.beta2**t
        return limit - 2.0 * t * weight / (1.0 - weight)


# --- Curves by name, as texts and files write them ------------------------------------------------------------------


# The explicit table of names used in files: with slots=True a registering __init_subclass__ would fire twice.
CURVES: dict[str, type[Curve]] = {
    "constant": Constant,
    "linear": Linear,
    "cosine": Cosine,
    "cosine_restarts": CosineRestarts,
    "half_cosine": HalfCosine,
    "mirror_cosine": MirrorCosine,
    "cosine_envelope": CosineEnvelope,
    "polynomial": Polynomial,
    "1-power": OneMinusPower,
    "geometric": Geometric,
    "logarithmic": Logarithmic,
    "rex": Rex,
    "tanh": Tanh,
    "hyperbolic": Hyperbolic,
    "power_law": PowerLaw,
    "exponential": Exponential,
    "rectification": Rectification,
}
# Names for a curve with some of its options fixed.
SPECIAL: dict[str, tuple[type[Curve], dict[str, Any]]] = {
    "sqrt": (Polynomial, {"power": 0.5}),
    "square": (Polynomial, {"power": 2.0}),
    "1-sqrt": (OneMinusPower, {"power": 0.5}),
    "1-square": (OneMinusPower, {"power": 2.0}),
    "inverse_sqrt": (PowerLaw, {"power": 0.5}),
    "inverse_time": (PowerLaw, {"power": 1.0}),
    "step": (Exponential, {"staircase": True}),
}
CURVE_NAMES = (*CURVES, *SPECIAL)


def named_curve(name: Any, **options: Any) -> Curve:
    """The curve called ``name``, one of ``CURVE_NAMES``.

    >>> named_curve("1-sqrt")
    OneMinusPower(power=0.5)
    """
    kind = curve_class(name)
    known = curve_options(name)
    for option in options:
        if option not in known:
            raise ScheduleError(unknown_name("option", f"one that {name} takes", option, known))
    return kind(**SPECIAL.get(name, (kind, {}))[1], **options)


def curve_class(name: Any) -> type[Curve]:
    """The class of the curve called ``name``."""
    if name in SPECIAL:
        return SPECIAL[name][0]
    if name not in CURVES:
        raise ScheduleError(unknown_name("curve", "the name of a curve", name, CURVE_NAMES))
    return CURVES[name]


def curve_options(name: str) -> list[str]:
    """The options that the curve called ``name`` takes."""
    fixed = SPECIAL.get(name, (None, {}))[1]
    return [item.name for item in fields(curve_class(name)) if item.name not in fixed]


def name_of(curve: Curve) -> tuple[str, dict[str, Any]]:
    """The shortest name of a curve and the options that differ from that name's own."""
    for name, (kind, fixed) in SPECIAL.items():
        if type(curve) is kind and all(getattr(curve, option) == value for option, value in fixed.items()):
            return name, _given(curve, fixed)
    return next(name for name, kind in CURVES.items() if type(curve) is kind), _given(curve, {})


def _given(curve: Curve, fixed: dict[str, Any]) -> dict[str, Any]:
    return {
        item.name: getattr(curve, item.name)
        for item in fields(curve)
        if item.name not in fixed and getattr(curve, item.name) != item.default
    }
