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

import typer.main

import preheat
from preheat.cli.main import COMMANDS
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
    "lab.training",
    "lab.finding",
    "lab.studies",
)


def flags_of(app):
    """Every parameter of a command: its words, whether it is needed, what it is when left out."""
    found = {}
    for parameter in typer.main.get_command(app).params:
        needed = " required" if parameter.required else ""
        default = parameter.default if isinstance(parameter.default, str | int | float | bool) else None
        found[parameter.name] = f"{'/'.join(parameter.opts)}{needed} = {default}"
    return found


def command(*functions):
    app = typer.Typer(add_completion=False)
    for function in functions:
        app.command()(function)
    return flags_of(app)


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
    names = {name: parameters(getattr(preheat, name)) for name in preheat.__all__ if name not in (*SUBMODULES, "lab")}
    for module in SUBMODULES:
        inside = import_module(f"preheat.{module}")
        public = [name for name in getattr(inside, "__all__", dir(inside)) if not name.startswith("_")]
        own = [name for name in public if getattr(getattr(inside, name), "__module__", "").startswith("preheat")]
        names |= {f"{module}.{name}": parameters(getattr(inside, name)) for name in own}
    for module in ("lab.training", "lab.studies"):  # names that load late
        inside = import_module(f"preheat.{module}")
        names |= {f"{module}.{name}": parameters(getattr(inside, name)) for name in inside._HOMES}
    modules = {name: import_module(f"preheat.cli.{module}") for name, module in COMMANDS.items()}
    commands = {name: command(getattr(module, name.replace("-", "_"))) for name, module in modules.items()}
    study = import_module("preheat.cli.study")
    commands |= {f"study {name}": command(getattr(study, name)) for name in study.COMMANDS}
    settings = {name: repr(field.default) for name, field in TrainConfig.model_fields.items()}
    return {"names": names, "commands": commands, "settings": settings}


def written(data):
    return json.dumps(data, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def test_surface_is_the_written_one():
    """Every public name, flag, setting and default."""
    now, then = written(surface()), FILE.read_text(encoding="utf-8")
    changes = list(difflib.unified_diff(then.split("\n"), now.split("\n"), lineterm="", n=0))
    assert changes == [], "if this is meant: python tests/test_surface.py"


if __name__ == "__main__":
    FILE.write_text(written(surface()), encoding="utf-8")
