"""The reference of the Python names: every public name, by the module people import it from.

Names are read from the source of each module, not by importing it, so that no framework has to be installed.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import markup
from sphinx.application import Sphinx
from sphinx.util.nodes import make_refnode

import preheat

# What the names of `preheat` itself are for: a page with its heading and a sentence, the modules its names live in, and
# the classes that its functions give back, which nobody imports.
PARTS: tuple[tuple[str, str, str, tuple[str, ...], tuple[str, ...]], ...] = (
    (
        *("schedules", "Schedules", "Made by name, in words or from phases, and changed during a run."),
        ("preheat.schedule",),
        tuple(
            f"preheat.schedule.{name}"
            for name in ("metric.Plateau", "metric.Greedy", "lengths.Absolute", "combine.UserFunction")
        ),
    ),
    ("plans", "Plans", "Updates of a run, and learning rates for another batch.", ("preheat.plan",), ()),
    ("pictures", "Pictures", "Schedules drawn.", ("preheat.view",), ()),
    (
        *("checks", "Checks and audits", "Before a run, from its log, and before a resume."),
        ("preheat.checking", "preheat.auditing", "preheat.checkpoints"),
        (
            *("preheat.checking.Difference", "preheat.auditing.Audit", "preheat.auditing.Finding"),
            *("preheat.auditing.Recognized", "preheat.auditing.Log", "preheat.checkpoints.Forecast"),
        ),
    ),
    ("dropin", "transformers' functions", "The same names, arguments and values.", ("preheat._driver.dropin",), ()),
    ("errors", "Errors", "What is refused, and how it is said.", ("preheat.errors",), ()),
    ("languages", "Languages", "What is said, in the reader's language.", ("preheat.messages.languages",), ()),
)

# What is said where, of modules whose names do not say all.
MODULES = {
    "torch": "With examples: :doc:`/torch`.",
    "advice": "Bounds, laws and measurements, each with what it cannot say. With examples: :doc:`/answers`.",
    "lab": "All that trains something: :doc:`/training`, :doc:`/finding`, :doc:`/studying`. The settings of"
    " ``TrainConfig`` are the flags of :doc:`preheat train </_generated/commands/train>`.",
    "dialects": "With examples, and every name they know: :doc:`/dialects`.",
    **dict.fromkeys(("transformers", "lightning", "deepspeed", "optax", "keras"), "With examples: :doc:`/frameworks`."),
}


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("builder-inited", generate)
    app.connect("autodoc-process-docstring", _keep_properties, priority=400)  # napoleon comes at 500
    app.connect("autodoc-process-docstring", _restore_properties, priority=600)
    app.connect("missing-reference", _resolve, priority=400)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def modules() -> list[str]:
    """The public modules: ``preheat.<name>`` for each public name that has no home."""
    return [name for name in preheat.__all__ if name not in preheat._HOMES]


def public(module: str) -> list[str]:
    """The public names of ``preheat.<module>``, as its ``__all__`` lists them, or in the order they are written."""
    spec = find_spec(f"preheat.{module}")
    assert spec is not None
    assert spec.origin is not None
    tree = ast.parse(Path(spec.origin).read_text(encoding="utf-8"))
    for statement in tree.body:
        if isinstance(statement, ast.Assign) and ast.unparse(statement.targets[0]) == "__all__":
            listed = statement.value.elts if isinstance(statement.value, ast.List) else []
            if all(isinstance(one, ast.Constant) for one in listed):  # faces that load late list their table of homes
                return list(ast.literal_eval(statement.value))
    names = [name for statement in ast.walk(tree) for name in _names(statement) if not name.startswith("_")]
    return list(dict.fromkeys(names))


def _names(statement: ast.AST) -> Iterator[str]:
    """Names that a statement makes public: ``import x as x``, definitions, and constants."""
    if isinstance(statement, ast.ImportFrom) and (statement.module or "").startswith("preheat"):
        yield from (one.name for one in statement.names if one.asname == one.name)
    elif isinstance(statement, (ast.FunctionDef, ast.ClassDef)):
        yield statement.name
    elif isinstance(statement, ast.Assign):
        targets = (one.id for one in statement.targets if isinstance(one, ast.Name))
        yield from (name for name in targets if name.isupper() and name != "TYPE_CHECKING")


def generate(app: Sphinx) -> None:
    """Write the pages and their index."""
    place = markup.folder(app, "names")
    left = set(preheat._HOMES.values()) - {home for part in PARTS for home in part[3]}
    assert not left, f"homes of public names without a part in {__file__}: {sorted(left)}"
    for file, heading, words, homes, results in PARTS:
        names = [name for name, own in preheat._HOMES.items() if own in homes]
        markup.write(place / f"{file}.rst", page(heading, words, "preheat", names, results))
    for module in modules():
        words = f"``import preheat``, and ``preheat.{module}`` is there. {MODULES.get(module, '')}"
        markup.write(place / f"{module}.rst", page(f"preheat.{module}", words, f"preheat.{module}", public(module)))
    files = [part[0] for part in PARTS]
    markup.write(place / "index.rst", index(files))
    markup.keep_only(place, [*files, *modules()])


_KEPT: dict[str, list[str]] = {}


def _keep_properties(*event: Any) -> None:
    """Napoleon takes what is before a property's first colon for its type; ours write sentences there."""
    _, what, name, _, _, lines = event
    if what in ("property", "attribute", "data"):
        _KEPT[name] = list(lines)


def _restore_properties(*event: Any) -> None:
    """Put back what was kept, and write fields of two names as one word.

    Of "start, end: ..." Sphinx would take what is before the last blank for a type.
    """
    _, _, name, _, _, lines = event
    if name in _KEPT:
        lines[:] = _KEPT.pop(name)
    lines[:] = [re.sub(r"^:(param|ivar) ([^:]*):", lambda match: match[0].replace(", ", ","), line) for line in lines]


def _resolve(app: Sphinx, env: Any, node: Any, content: Any) -> Any:
    """A link to where a name lives leads to where people import it from; one to what is not public stays words."""
    if node.get("refdomain") != "py":
        return None
    target, module = node["reftarget"], node.get("py:module") or ""
    known = env.domains["py"].objects
    owner, _, name = target.rpartition(".")
    first, last = f"{owner}..".split(".")[1], owner.rpartition(".")[2]
    for path in (f"preheat.{target}", f"preheat.{name}", f"preheat.{last}.{name}", f"preheat.{first}.{name}"):
        if path in known:
            entry = known[path]
            return make_refnode(app.builder, node["refdoc"], entry.docname, entry.node_id, content, path)
    ours = module.startswith("preheat") and (not owner or node["reftype"] == "attr")
    return content if ours or _is_there(target) else None


def _is_there(target: str) -> bool:
    """Whether a dotted path inside preheat is a module of it, or a name in one; nothing is imported."""
    first, *parts = target.split(".")
    place = Path(preheat.__file__).parent
    for number, part in enumerate(parts if first == "preheat" else ()):
        if (place / f"{part}.py").exists():
            text = (place / f"{part}.py").read_text(encoding="utf-8")
            return all(re.search(rf"\b{name}\b", text) for name in parts[number + 1 :])
        place = place / part
    return first == "preheat" and place.is_dir()


def index(files: list[str]) -> Iterator[str]:
    """The parts of `preheat`, then its modules."""
    yield from markup.title("Python names")
    yield "Meaning, units, ranges, errors and an example of every public name. In one table: :doc:`/api`."
    yield ""
    yield from markup.title("preheat", "-")
    yield from markup.contents(files)
    yield from markup.title("Modules", "-")
    yield from markup.contents(modules())


def page(heading: str, words: str, module: str, names: list[str], results: Iterable[str] = ()) -> Iterator[str]:
    """The names of one part, and the classes of what they give back."""
    yield from markup.title(heading)
    yield from [words, "", f".. currentmodule:: {module}", ""]
    for name in names:
        yield from _entry(f"{module}.{name}")
    if results:
        yield from [*markup.title("What they give back", "-"), "Made by the functions above, never by hand.", ""]
        for path in results:
            yield from [f".. autoclass:: {path}", "   :members:", ""]


def _entry(path: str) -> Iterator[str]:
    """The directive for a name; its spelling says what it is."""
    name = path.rpartition(".")[2]
    if name.isupper():
        yield from [f".. autodata:: {path}", "   :no-value:", ""]
    elif name.endswith(("Error", "StopRun")):
        yield from [f".. autoexception:: {path}", ""]
    elif name[0].isupper():
        members = [] if path.startswith("preheat.keras.") else ["   :members:"]  # its decorator hides them
        members += ["   :exclude-members: model_config"] if path.startswith("preheat.lab.") else []  # pydantic's own
        yield from [f".. autoclass:: {path}", *members, ""]
    else:
        yield from [f".. autofunction:: {path}", ""]
