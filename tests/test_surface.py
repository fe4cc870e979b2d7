"""What people build on is frozen: public names with their parameters, commands with their flags, settings of a run.

A change of it is made on purpose: ``python tests/test_surface.py`` writes ``surface.json`` anew, and the diff is read.
"""

import difflib
import inspect
import json
import os
import re
from importlib import import_module
from pathlib import Path

import click

import preheat
from preheat.cli.main import COMMANDS, root
from preheat.lab.training import TrainConfig

os.environ.setdefault("KERAS_BACKEND", "jax")
FILE = Path(__file__).with_name("surface.json")
SUBMODULES = (
    "torch",
    "transformers",
    "lightning",
    "deepspeed",
    "optax",
    "keras",
    "dialects",
    "advice",
    "lab",
    "lab.training",
    "lab.finding",
    "lab.studies",
    "lab.data",
)


def flags_of(command):
    """Every parameter of a command: its words, whether it is needed, what it is when left out."""
    flags = {}
    for parameter in command.params:
        needed = " required" if parameter.required else ""
        # Click has a value of its own for "not given", which is False to a flag and None to the function.
        nothing = False if getattr(parameter, "is_flag", False) and parameter.default is not None else None
        default = parameter.default if isinstance(parameter.default, str | int | float | bool) else nothing
        flags[parameter.name] = f"{'/'.join(parameter.opts)}{needed} = {default}"
    return flags


def commands():
    """Every command by its words."""
    top = {name: root.get_command(click.Context(root), name) for name in COMMANDS}
    study = top.pop("study")
    return top | {f"study {name}": command for name, command in study.commands.items()}


def parameters(value):
    """Names, kinds and defaults of what can be called; annotations may change their spelling."""
    try:
        signature = inspect.signature(value)
    except (TypeError, ValueError):
        return type(value).__name__
    plain = [item.replace(annotation=inspect.Parameter.empty) for item in signature.parameters.values()]
    return re.sub(
        " at 0x[0-9a-f]+", "", str(signature.replace(parameters=plain, return_annotation=inspect.Signature.empty))
    )


def surface():
    """The whole of it as plain data."""
    names = {name: parameters(getattr(preheat, name)) for name in preheat.__all__ if name not in SUBMODULES}
    for module in SUBMODULES:
        inside = import_module(f"preheat.{module}")
        public = [name for name in getattr(inside, "__all__", dir(inside)) if not name.startswith("_")]
        own = [name for name in public if getattr(getattr(inside, name), "__module__", "").startswith("preheat")]
        names |= {f"{module}.{name}": parameters(getattr(inside, name)) for name in own}
    flags = {name: flags_of(command) for name, command in commands().items()}
    settings = {name: repr(field.default) for name, field in TrainConfig.model_fields.items()}
    return {"names": names, "commands": flags, "settings": settings}


def written(data):
    return json.dumps(data, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def test_surface_is_the_written_one():
    """Every public name, flag, setting and default."""
    now, then = written(surface()), FILE.read_text(encoding="utf-8")
    changes = list(difflib.unified_diff(then.split("\n"), now.split("\n"), lineterm="", n=0))
    assert changes == [], "if this is meant: python tests/test_surface.py"


if __name__ == "__main__":
    FILE.write_text(written(surface()), encoding="utf-8")
