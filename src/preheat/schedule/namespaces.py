"""Array namespaces: the one of a single number, and what compiled ones need spelled out."""

from __future__ import annotations

import math
from typing import Any


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
