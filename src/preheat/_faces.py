"""Faces of packages: public names that load with their modules when they are first used.

Standard library only, and next to none of it: ``import preheat`` goes through here.
"""

from __future__ import annotations

import sys
from importlib import import_module

TYPE_CHECKING = False  # typing's own is dear to load; type checkers know the name
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


def face(
    package: str,
    homes: Mapping[str, str],
    modules: tuple[str, ...] = (),
    before: Callable[[], None] | None = None,
) -> tuple[Callable[[str], object], Callable[[], list[str]]]:
    """The ``__getattr__`` and ``__dir__`` of a package whose names load late.

    Args:
        package: its dotted name.
        homes: each public name with the module it is defined in.
        modules: submodules that are public names too.
        before: called before a name loads; what it raises says what is missing.
    """
    namespace = vars(sys.modules[package])

    def load(name: str) -> object:
        if name in modules:
            return import_module(f"{package}.{name}")
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        if before is not None:
            before()
        # Kept, so that Python finds it by itself from then on.
        value: object = getattr(import_module(homes[name]), name)
        namespace[name] = value
        return value

    def names() -> list[str]:
        return sorted({*namespace, *homes, *modules})

    return load, names
