"""Imported by every Python process that ``preheat watch`` starts, and by their children: attaches the recorder.

Python imports a module of this name when it starts. The one that would have been found without us runs as well.
"""

from __future__ import annotations

import os
import sys

_HERE = os.path.dirname(os.path.abspath(__file__))


def _run_the_other() -> None:
    """The sitecustomize that this one hides, if there is one."""
    from importlib.machinery import PathFinder

    rest = [path for path in sys.path if os.path.abspath(path or os.curdir) != _HERE]
    spec = PathFinder.find_spec("sitecustomize", rest)
    if spec is None or spec.loader is None:
        return
    from importlib.util import module_from_spec

    spec.loader.exec_module(module_from_spec(spec))


if os.environ.get("PREHEAT_WATCH"):
    _run_the_other()
    import preheat_attach  # type: ignore[import-not-found]  # beside this file

    preheat_attach.attach(os.environ["PREHEAT_WATCH"])
