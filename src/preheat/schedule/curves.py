"""The curves a phase can follow. A curve is one place: whatever is known of it stands on its class.

Formula  ``fall(done, left, length, xp)`` is 1 where a phase begins and, unless the curve waves, 0 where it ends.
         ``done`` and ``left`` are updates since the beginning and until the end, ``done + left == length``. Both are
         given: ``left / length`` and ``1 - done / length`` differ in the last bit, and peers are matched to that bit.
Arrays   Each is written once, over an array namespace ``xp``: :class:`Scalar` for one update, NumPy, ``jax.numpy`` or
         ``torch`` for many.
Rising   A rising phase runs its curve backwards in time, so the warm-up of ``1-sqrt`` is the mirror of its descent and
         ``square`` rises as u². Endless curves, which never arrive, approach their end from either side instead.
Facts    :func:`curve` gives a class its name, its formula as text, its source, and other names with options fixed;
         :func:`option` gives each parameter its rule. Texts and files, the docs' table and pictures, audits, writers
         of other dialects and the tests' random schedules read them from here: a class below is all a new curve takes.
"""

from __future__ import annotations

import math
import re
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields, replace
from inspect import cleandoc
from typing import Any, ClassVar, Self, TypeVar

from preheat.errors import ScheduleError, refusal, unknown_name
from preheat.messages import _
from preheat.schedule.lengths import number

# --- Array namespaces ------------------------------------------------------------------------------------------------


class Scalar:
    """The array namespace of a single number: ``math``, with the names it lacks."""

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


# What XLA and float32 need spelled out so that compiled schedules keep their steps and digits.


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


# --- What a curve says of itself --------------------------------------------------------------------------------------

Rule = tuple[str, Callable[[Any], bool]]  # in words, and as a test
ABOVE_ZERO: Rule = (_("> 0"), lambda value: value > 0)


@dataclass(frozen=True, slots=True)
class Facts:
    """What stands with a curve beside its values.

    Attributes:
        name: what texts, files and :func:`preheat.get_schedule` call it.
        formula: the fall in Python's operators, over ``u``, the options, and ``cos``, ``sqrt``, ``pi`` and the like.
            ``u`` is done / length; for an endless curve with a clock of its own, done / clock. The few that are no
            function of ``u`` have ``done``, ``left`` and ``length``.
        source: the paper or the framework it comes from.
        names: other names, each with the options it fixes.
        plainer: shorter formulas for common options, which writers and readers of code try before the whole one.
        in_logs: options to look for in a log whose schedule is unknown; empty for a descent that nobody trains with.
    """

    name: str
    formula: str
    source: str = ""
    names: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    plainer: tuple[str, ...] = ()
    in_logs: tuple[Mapping[str, Any], ...] = ({},)

    @property
    def readable(self) -> str:
        """The formula as people write it.

        >>> Cosine.facts.readable
        '((1 + cos(2·π·cycles·u^k)) / 2)^power'
        """
        return re.sub(r"\bpi\b", "π", self.formula.replace(" ** ", "^").replace(" * ", "·"))


# Curves by name, and names for a curve with some of its options fixed, both in the order of the classes below.
CURVES: dict[str, type[Curve]] = {}
SPECIAL: dict[str, tuple[type[Curve], dict[str, Any]]] = {}
_Kind = TypeVar("_Kind", bound="Curve")


def curve(name: str, formula: str, source: str = "", **more: Any) -> Callable[[type[_Kind]], type[_Kind]]:
    """Register a class of curves; the arguments are those of :class:`Facts`.

    A decorator above ``@dataclass``, and no ``__init_subclass__``: with ``slots=True`` a class is made twice, and the
    first one would be registered too.
    """

    def register(kind: type[_Kind]) -> type[_Kind]:
        kind.facts = Facts(name, formula, source, **more)
        told = cleandoc(kind.__doc__ or ""), f"Formula: ``{formula}``.", f"Source: {source}." if source else ""
        kind.__doc__ = "\n\n".join(filter(None, told))
        CURVES[name] = kind
        SPECIAL.update({other: (kind, dict(fixed)) for other, fixed in kind.facts.names.items()})
        return kind

    return register


def option(default: Any, rule: Rule | None, advice: str, usual: tuple[float, ...] = ()) -> Any:
    """A parameter of a curve.

    Args:
        default: its value where none is given.
        rule: what a number has to be; None takes every number, or True and False if the default is one of them.
        advice: what a refusal adds to the rule.
        usual: what people choose from, a range or three values and more; tests draw from it.
    """
    return field(default=default, metadata={"rule": rule, "advice": advice, "usual": usual})


@dataclass(frozen=True, slots=True)
class Curve(ABC):
    """Abstract: a falling shape.

    ``endless`` says whether it can run without an end; ``clocks`` names the options counted in updates; ``needs`` says
    which of ``done`` and ``left`` the fall looks at, so that the other is not worked out for a million updates.
    """

    facts: ClassVar[Facts]
    endless: ClassVar[bool] = False
    clocks: ClassVar[tuple[str, ...]] = ()
    needs: ClassVar[tuple[str, ...]] = ("done", "left")

    def __post_init__(self) -> None:
        for item in fields(self):
            name, value = item.name, getattr(self, item.name)
            rule, advice = item.metadata["rule"], item.metadata["advice"]
            if isinstance(item.default, bool):
                if not isinstance(value, bool):
                    raise ScheduleError(refusal(name, _("True or False"), value, advice))
                continue
            plain = float(number(name, value, advice))
            if rule is not None and not rule[1](plain):
                raise ScheduleError(refusal(name, rule[0], value, advice))
            object.__setattr__(self, name, plain)

    @abstractmethod
    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        """The share of the height still to fall, 1 at the beginning of the phase."""

    def stretched(self, ratio: float) -> Self:
        """The same curve with its own clocks (time scales) ``ratio`` times as slow."""
        return replace(self, **{name: getattr(self, name) * ratio for name in self.clocks})


# --- The curves -------------------------------------------------------------------------------------------------------


@curve("constant", "1", in_logs=())
@dataclass(frozen=True, slots=True)
class Constant(Curve):
    """Stays where it begins."""

    endless: ClassVar[bool] = True

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        return 1.0  # a number for arrays too: whoever asks for an array broadcasts it


@curve("linear", "1 - u")
@dataclass(frozen=True, slots=True)
class Linear(Curve):
    """A straight line. Peers call it linear, polynomial with power 1, trapezoidal (as a cool-down)."""

    needs: ClassVar[tuple[str, ...]] = ("left",)

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        return left / length


@curve(
    "cosine",
    "((1 + cos(2 * pi * cycles * u ** k)) / 2) ** power",
    "Loshchilov & Hutter 2017, arXiv:1608.03983; k-decay: Zhang & Li 2020, arXiv:2004.05909",
    plainer=("(1 + cos(pi * u)) / 2", "((1 + cos(2 * pi * cycles * u)) / 2) ** power"),
    in_logs=({}, {"cycles": 1.0}, {"cycles": 1.5}, {"cycles": 2.0}, {"cycles": 2.5}),
)
@dataclass(frozen=True, slots=True)
class Cosine(Curve):
    """Half a cosine wave, or several.

    ``cycles`` = 0.5 is one descent; 1 goes down and back up, as in transformers' ``num_cycles``. ``power`` is optax's
    and levanter's exponent; ``k`` is timm's k-decay. Past its end transformers, torch and torchtitan rise again; a
    phase holds.
    """

    needs: ClassVar[tuple[str, ...]] = ("done",)

    cycles: float = option(0.5, ABOVE_ZERO, _("0.5 is one descent."), (0.5, 1.0, 1.5))
    power: float = option(1.0, ABOVE_ZERO, _("1 is the plain cosine."), (0.2, 4.0))
    k: float = option(1.0, ABOVE_ZERO, _("1 is the plain cosine."), (0.2, 4.0))

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        time = done / length
        if self.k != 1.0:
            time = time**self.k
        # The factors in transformers' order: another one rounds differently.
        wave = 0.5 * (1.0 + xp.cos(xp.pi * self.cycles * 2.0 * time))
        return wave if self.power == 1.0 else wave**self.power


@curve(
    "cosine_restarts",
    "(1 + cos(pi * (cycles * u % 1))) / 2",
    "Loshchilov & Hutter 2017, arXiv:1608.03983, with equal periods",
    in_logs=tuple({"cycles": cycles} for cycles in (2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)),
)
@dataclass(frozen=True, slots=True)
class CosineRestarts(Curve):
    """``cycles`` equal cosine descents, each starting at the top again.

    At the very end the wave stands at the top of a cycle that is never run: let a hold follow. For other cycles than
    these repeat a phase.
    """

    cycles: float = option(1.0, ABOVE_ZERO, _("It counts the descents."), (0.2, 4.0))

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        # quotient(): a share a bit below a whole number of cycles would stand at the bottom instead of the top.
        return 0.5 * (1.0 + xp.cos(xp.pi * ((self.cycles * quotient(done, length)) % 1.0)))


@curve("half_cosine", "1 - sin(pi * u / 2)", "OLMo-core's half cosine, which starts it at 0.5")
@dataclass(frozen=True, slots=True)
class HalfCosine(Curve):
    """The lower half of a cosine, steep first."""

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        return 1.0 - xp.sin(0.5 * xp.pi * (done / length))


@curve(
    "mirror_cosine",
    "2 * (1 - u) - (1 + cos(pi * u)) / 2",
    "Dremov et al. 2025, arXiv:2508.01483, beside other cool-downs",
)
@dataclass(frozen=True, slots=True)
class MirrorCosine(Curve):
    """A cosine mirrored in the straight line."""

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        return 2.0 * (left / length) - 0.5 * (1.0 + xp.cos(xp.pi * (done / length)))


@curve("cosine_envelope", "(1 - u) * (1 + cos(pi * u)) / 2", "OLMo's cosine_linear_envelope")
@dataclass(frozen=True, slots=True)
class CosineEnvelope(Curve):
    """A cosine under a falling line."""

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        return (left / length) * 0.5 * (1.0 + xp.cos(xp.pi * (done / length)))


@curve(
    "polynomial",
    "(1 - u ** k) ** power",
    "k-decay: Zhang & Li 2020, arXiv:2004.05909",
    names={"sqrt": {"power": 0.5}, "square": {"power": 2.0}},
    plainer=("(1 - u) ** power",),
    in_logs=tuple({"power": power} for power in (2.0, 0.5, 3.0, 1.5, 0.9)),
)
@dataclass(frozen=True, slots=True)
class Polynomial(Curve):
    """A power of what is left. ``sqrt`` and ``square`` are powers 0.5 and 2.

    The default power is 1 in transformers, fairseq and Keras, 2 in composer, 0.5 in timm. ``k`` is timm's k-decay.
    """

    power: float = option(1.0, ABOVE_ZERO, _("1 is a straight line."), (0.2, 4.0))
    k: float = option(1.0, ABOVE_ZERO, _("1 is the plain power."), (0.2, 4.0))

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        # With k = 1 the share left is exact; 1 - done / length would be rounded twice.
        height = left / length if self.k == 1.0 else 1.0 - (done / length) ** self.k
        return height**self.power


@curve(
    "1-power",
    "1 - u ** power",
    "Haegele et al. 2024, arXiv:2405.18392, who found 1-sqrt the best cool-down",
    names={"1-sqrt": {"power": 0.5}, "1-square": {"power": 2.0}},
    in_logs=({"power": 0.5}, {"power": 2.0}),
)
@dataclass(frozen=True, slots=True)
class OneMinusPower(Curve):
    """Falls by a power of what is done. ``1-sqrt`` (0.5) is steep first, ``1-square`` (2) last.

    torchtitan calls 1-sqrt sqrt, Megatron minus_sqrt, NeMo OneMinusSquareRoot.
    """

    power: float = option(0.5, ABOVE_ZERO, _("0.5 is 1-sqrt."), (0.2, 4.0))

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        return 1.0 - (done / length) ** self.power


@curve(
    "geometric",
    "(ratio ** u - ratio) / (1 - ratio)",
    "Megatron's exponential cool-down (0.5 to 0), timm's (0.1 to 0), fairseq's tri-stage (ratio = end)",
    in_logs=({"ratio": 0.5}, {"ratio": 0.1}, {"ratio": 0.01}),
)
@dataclass(frozen=True, slots=True)
class Geometric(Curve):
    """Equal ratios: with ratio = end / start a straight line on a log axis."""

    ratio: float = option(
        0.1, (_("in (0, 1)"), lambda value: 0 < value < 1), _("It is end / start for a geometric fall."), (0.01, 0.99)
    )

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        # Drawn down to 0 and not to ratio: the phase says where it ends, as for every other curve.
        return (self.ratio ** (done / length) - self.ratio) / (1.0 - self.ratio)


@curve("logarithmic", "log(1 + left) / log(1 + length)", "DeepSpeed's WarmupLR", in_logs=())
@dataclass(frozen=True, slots=True)
class Logarithmic(Curve):
    """The logarithm of what is left; rising, DeepSpeed's default warm-up (``warmup_num_steps`` = length + 1)."""

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        # "+ 0.0 * left" makes an array of the length: torch's log takes no plain number.
        return xp.log(1.0 + left) / xp.log(1.0 + length + 0.0 * left)


@curve("rex", "(1 - u) / (1 - beta * u)", "Chen et al. 2021, arXiv:2107.04197", in_logs=({}, {"beta": 0.9}))
@dataclass(frozen=True, slots=True)
class Rex(Curve):
    """Late and steep. The paper has beta 0.5, axolotl 0.9."""

    beta: float = option(0.5, (_("in [0, 1)"), lambda value: 0 <= value < 1), _("0 is a straight line."), (0.0, 0.99))

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        # In the share that is left: 1 - beta u would lose digits where both are near 1.
        height = left / length
        return height / ((1.0 - self.beta) + self.beta * height)


@curve(
    "tanh",
    "(1 - tanh(lower * (1 - u) + upper * u)) / 2",
    "Hsueh et al. 2019, arXiv:1806.01593 (hyperbolic-tangent decay)",
)
@dataclass(frozen=True, slots=True)
class Tanh(Curve):
    """Begins just under 1 and ends just above 0. timm has -7 and 3."""

    lower: float = option(-7.0, None, _("timm has -7 and 3."), (-9.0, -1.0))
    upper: float = option(3.0, None, _("timm has -7 and 3."), (0.0, 5.0))

    def __post_init__(self) -> None:
        Curve.__post_init__(self)
        if self.lower >= self.upper:
            raise ScheduleError(
                refusal("lower", _("below upper={upper:g}", upper=self.upper), self.lower, _("timm has -7 and 3."))
            )

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        return 0.5 * (1.0 - xp.tanh(self.lower * (left / length) + self.upper * (done / length)))


@curve(
    "hyperbolic",
    "1 - sqrt(length / upper_bound * (2 - length / upper_bound))"
    " + sqrt(left / upper_bound * (2 - (length + done) / upper_bound))",
    "Kim et al. 2024, arXiv:2407.15200",
    in_logs=(),
)
@dataclass(frozen=True, slots=True)
class Hyperbolic(Curve):
    """A hyperbola whose early part depends on an upper bound of the length alone, so it stays when the length changes.

    Reaches 0 if the bound is the length itself (the default, 0, means that).
    """

    clocks: ClassVar[tuple[str, ...]] = ("upper_bound",)

    upper_bound: float = option(
        0.0, (_(">= 0"), lambda value: value >= 0), _("0 takes the phase's own length."), (50.0, 200.0)
    )

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        bound = self.upper_bound or length
        if bound < length:
            raise ScheduleError(
                refusal("upper_bound", _(">= {least}", least=length), bound, _("It bounds the length of the phase."))
            )
        # The height at the end of a shorter run is lifted off the start, so that the fall begins at 1 under any bound.
        begin = (length / bound * (2.0 - length / bound)) ** 0.5
        return 1.0 - begin + xp.sqrt(left / bound * (2.0 - (length + done) / bound))


@curve(
    "power_law",
    "(1 + u) ** -power",
    "Vaswani et al. 2017, arXiv:1706.03762, with the warm-up's length for a timescale",
    names={"inverse_sqrt": {"power": 0.5}, "inverse_time": {"power": 1.0}},
    in_logs=({"timescale": 10_000.0}, {"timescale": 1000.0}),
)
@dataclass(frozen=True, slots=True)
class PowerLaw(Curve):
    """A power of the time, without end. ``inverse_sqrt`` is power 0.5, ``inverse_time`` power 1.

    With timescale = W after a warm-up of W updates this is fairseq's, Megatron's and T5X's; a timescale of its own is
    big_vision's, timm's and llm-foundry's shifted form. transformers takes 10 000 where there is no warm-up.
    """

    endless: ClassVar[bool] = True
    clocks: ClassVar[tuple[str, ...]] = ("timescale",)

    power: float = option(0.5, ABOVE_ZERO, _("0.5 is the inverse square root."), (0.2, 4.0))
    timescale: float = option(10_000.0, ABOVE_ZERO, _("It is a number of updates."), (0.5, 1e4))

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        # The sum first, as transformers does (shift = timescale - warm-up): 1 + done / timescale rounds differently.
        return 1.0 / ((done + self.timescale) / self.timescale) ** self.power


@curve(
    "exponential",
    "rate ** u",
    "torch's ExponentialLR, Keras' and optax' exponential decay",
    names={"step": {"staircase": True}},
    in_logs=(),  # audits read the rate off a straight line on a log axis instead of trying some
)
@dataclass(frozen=True, slots=True)
class Exponential(Curve):
    """``rate`` times as high every ``steps`` updates, without end; ``staircase`` takes whole steps (``step``).

    torch's and Paddle's gamma is ``rate`` with steps = 1, Keras' and optax' decay_rate has decay_steps.
    """

    endless: ClassVar[bool] = True
    clocks: ClassVar[tuple[str, ...]] = ("steps",)

    rate: float = option(
        0.1, (_("in (0, 1]"), lambda value: 0 < value <= 1), _("It multiplies the factor every steps."), (0.1, 1.0)
    )
    steps: float = option(1.0, ABOVE_ZERO, _("It is a number of updates."), (0.5, 50.0))
    staircase: bool = option(False, None, _("True falls in whole steps."))

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        time = xp.floor(quotient(done, self.steps)) if self.staircase else done / self.steps
        return power_of(self.rate, time, xp)


@curve(
    "rectification",
    "1 - sqrt((r - 4) * (r - 2) * R / ((R - 4) * (R - 2) * r))",
    "Liu et al. 2020, arXiv:1908.03265",
    in_logs=(),
)
@dataclass(frozen=True, slots=True)
class Rectification(Curve):
    """1 minus RAdam's rectification of Adam's second moment, without end: a warm-up that needs no length.

    ``R = 2 / (1 - beta2) - 1`` and ``r = R - 2 t beta2^t / (1 - beta2^t)``; t starts at the first count with r > 4.
    """

    endless: ClassVar[bool] = True

    # Below 0.6 no count has r > 4; nearer to 1 than 0.99 the difference of nearly equal numbers loses digits.
    beta2: float = option(
        0.999, (_("in (0.6, 1)"), lambda value: 0.6 < value < 1), _("It is Adam's second beta."), (0.7, 0.99)
    )

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        limit = 2.0 / (1.0 - self.beta2) - 1.0
        # The fifth count for 0.999; the nearer beta2 is to 0.6, the later, but never past a few dozen.
        first = next(t for t in range(1, 1000) if self._terms(t, limit) > 4.0)
        terms = self._terms(done + float(first), limit)
        square = (terms - 4.0) * (terms - 2.0) * limit / ((limit - 4.0) * (limit - 2.0) * terms)
        return 1.0 - xp.sqrt(square)

    def _terms(self, t: Any, limit: float) -> Any:
        """How many terms the moving average effectively holds after ``t`` updates."""
        weight = self.beta2**t
        return limit - 2.0 * t * weight / (1.0 - weight)


CURVE_NAMES = (*CURVES, *SPECIAL)

# --- Curves by name, as texts and files write them ------------------------------------------------------------------


def named_curve(name: Any, **options: Any) -> Curve:
    """The curve called ``name``, one of ``CURVE_NAMES``.

    >>> named_curve("1-sqrt")
    OneMinusPower(power=0.5)
    """
    kind = curve_class(name)
    known = curve_options(name)
    for given in options:
        if given not in known:
            raise ScheduleError(unknown_name("option", _("one that {name} takes", name=name), given, known))
    return kind(**SPECIAL.get(name, (kind, {}))[1], **options)


def curve_class(name: Any) -> type[Curve]:
    """The class of the curve called ``name``."""
    if name in SPECIAL:
        return SPECIAL[name][0]
    if name not in CURVES:
        raise ScheduleError(unknown_name("curve", _("the name of a curve"), name, CURVE_NAMES))
    return CURVES[name]


def curve_options(name: str) -> list[str]:
    """The options that the curve called ``name`` takes."""
    fixed = SPECIAL.get(name, (None, {}))[1]
    return [item.name for item in fields(curve_class(name)) if item.name not in fixed]


def name_of(curve: Curve) -> tuple[str, dict[str, Any]]:
    """The shortest name of a curve and the options that differ from that name's own.

    >>> name_of(Polynomial(power=2.0)), name_of(Rex(beta=0.9))
    (('square', {}), ('rex', {'beta': 0.9}))
    """
    # 1-sqrt says more than 1-power(power=0.5); a text has one canonical form, so the shorter always wins.
    for name, fixed in curve.facts.names.items():
        if all(getattr(curve, given) == value for given, value in fixed.items()):
            return name, _given(curve, fixed)
    return curve.facts.name, _given(curve, {})


def _given(curve: Curve, fixed: Mapping[str, Any]) -> dict[str, Any]:
    return {
        item.name: getattr(curve, item.name)
        for item in fields(curve)
        if item.name not in fixed and getattr(curve, item.name) != item.default
    }
