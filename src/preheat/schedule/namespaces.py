"""The array namespace of one number: what curves need of NumPy, spelled for plain floats."""

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
