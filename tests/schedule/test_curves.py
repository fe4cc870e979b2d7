"""A curve is one place: what stands on its class is what texts, docs, audits, other dialects and tests know of it."""

import importlib.util
import math
import os
import re
import shutil
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import pytest

import preheat
from preheat.dialects import writing
from preheat.schedule import curves
from preheat.schedule.named import _BUILDERS

ROOT = Path(__file__).parents[2]
KINDS = pytest.mark.parametrize("kind", curves.CURVES.values(), ids=curves.CURVES)
# RAdam's terms r and R are sums of their own, which its docstring gives: no formula of one line.
NO_FORMULA = {"rectification"}
NAMES = {name: getattr(math, name) for name in ("cos", "sin", "tanh", "exp", "log", "sqrt", "pi")}


def shapes():
    """The extension of the site that draws the curves."""
    sys.path.insert(0, str(ROOT / "docs" / "_extensions"))
    try:
        return importlib.import_module("shapes")
    finally:
        sys.path.remove(str(ROOT / "docs" / "_extensions"))


def sample(kind):
    """A curve of the class with every option at a usual value that is not its default."""
    usual = {item.name: item.metadata["usual"] for item in fields(kind) if item.metadata["usual"]}
    return kind(**{name: 0.75 * values[-1] + 0.25 * values[0] for name, values in usual.items()})


@KINDS
def test_the_formula_is_the_curve(kind):
    """Worked out by hand, the text gives the values of ``fall`` at every update of a phase."""
    if kind.facts.name in NO_FORMULA:
        return
    curve, length = sample(kind), 40
    options = {item.name: getattr(curve, item.name) for item in fields(curve)}
    clock = options[kind.clocks[0]] if kind.endless and kind.clocks else length
    for done in range(length + 1):
        known = {**NAMES, **options, "u": done / clock, "done": done, "left": length - done, "length": length}
        worked_out = eval(kind.facts.formula, {"__builtins__": {}}, known)
        assert curve.fall(done, length - done, length, curves.Scalar) == pytest.approx(worked_out, abs=1e-12)


@KINDS
def test_plainer_formulas_say_the_same_with_fewer_options(kind):
    """What they leave out stands at its default."""
    for formula in kind.facts.plainer:
        given = {item.name: getattr(sample(kind), item.name) for item in fields(kind)}
        curve = kind(**{name: value for name, value in given.items() if re.search(rf"\b{name}\b", formula)})
        options = {item.name: getattr(curve, item.name) for item in fields(curve)}
        for done in range(41):
            worked_out = eval(formula, {"__builtins__": {}}, {**NAMES, **options, "u": done / 40})
            assert curve.fall(done, 40 - done, 40, curves.Scalar) == pytest.approx(worked_out, abs=1e-12)


@KINDS
def test_no_fact_of_a_curve_is_forgotten(kind):
    """Each line says which file lacks what."""
    facts, site = kind.facts, shapes()
    forgotten = []
    if kind.__doc__.startswith(f"{kind.__name__}("):
        forgotten.append("src/preheat/schedule/curves.py: a docstring")
    for item in fields(kind):
        if not {"rule", "advice", "usual"} <= set(item.metadata):
            forgotten.append(f"src/preheat/schedule/curves.py: option() for {item.name}")
        elif not item.metadata["usual"] and not isinstance(item.default, bool):
            forgotten.append(f"src/preheat/schedule/curves.py: usual values of {item.name}")
    row = next((row for row in site.curve_table() if f"`{facts.name}`" in row), None)
    if row and row not in (ROOT / "docs" / "composing.md").read_text(encoding="utf-8"):
        forgotten.append(f"docs/composing.md: the row that `python docs/_extensions/shapes.py` prints: {row}")
    for name in (facts.name, *facts.names):
        if name not in (*_BUILDERS, "cosine_restarts"):  # transformers' cosine_with_restarts is its schedule
            forgotten.append(f"src/preheat/schedule/named.py: a schedule called {name}")
        elif name in _BUILDERS and name not in site.NAMES:
            forgotten.append(f"docs/_extensions/shapes.py: a picture of {name}")
    if re.search(r"\bu\b", facts.formula) and kind not in {known for known, _ in writing._CURVES.values()}:
        forgotten.append("src/preheat/dialects/writing.py: a form for its formula")
    assert forgotten == []


def test_every_class_of_curves_is_registered():
    """A class without ``@curve`` would be a curve that no text can name."""
    written = {one for one in vars(curves).values() if isinstance(one, type) and issubclass(one, curves.Curve)}
    assert written - {curves.Curve} == set(curves.CURVES.values())
    assert set(curves.CURVE_NAMES) == {*curves.CURVES, *curves.SPECIAL}


NEW = '''

@curve(
    "smoothstep",
    "(1 - u ** 2 * (3 - 2 * u)) ** power",
    "Hermite's cubic",
    names={"smooth_square": {"power": 2.0}},
    plainer=("1 - u ** 2 * (3 - 2 * u)",),
)
@dataclass(frozen=True, slots=True)
class Smoothstep(Curve):
    """Level at both ends."""

    power: float = option(1.0, ABOVE_ZERO, "1 is the cubic.", (0.5, 2.0))

    def fall(self, done: Any, left: Any, length: Any, xp: Any) -> Any:
        time = done / length
        return (1.0 - time * time * (3.0 - 2.0 * time)) ** self.power


CURVE_NAMES = (*CURVES, *SPECIAL)
'''
USED = """
from pathlib import Path

from hypothesis import find
import preheat
from preheat import Schedule
from preheat.dialects import write
from preheat.schedule.curves import Smoothstep
from support.strategies import sequences
import shapes

text = "warmup 100 > smoothstep 900 to 0.1"
schedule = preheat.parse(text)
assert str(schedule) == text
assert str(preheat.parse("smooth_square 10 to 0")) == "smooth_square 10 to 0"
assert Schedule.from_dict(schedule.to_dict()) == schedule
assert schedule.to_dict()["phases"][1]["curve"] == "smoothstep"
named = preheat.get_schedule("smoothstep", warmup=100, total=1000)
assert "smoothstep" in preheat.SCHEDULE_NAMES and named(550) == 0.5 and named(1000) == 0.0
rows = [f"{update},{1e-3 * named(update)!r}" for update in range(0, 1000, 5)]
Path("log.csv").write_text("\\n".join(["step,lr", *rows]), encoding="utf-8")
recognized = preheat.recognise_log("log.csv")["lr"]
assert recognized.exact and "smoothstep" in str(recognized.schedule), recognized
written = write(named, "torch", total=1000, base_lr=1e-3)
assert written.exact and "lambda n" in written.text, written.text
assert any("`smoothstep`" in row for row in shapes.curve_table())
assert "smoothstep" in shapes.NAMES and "smooth_square" in shapes.NAMES
find(sequences, lambda one: any(isinstance(part.curve, Smoothstep) for part in one.phases))
try:
    preheat.parse("smoothstep(power=0) 10")
except preheat.ScheduleError as error:
    assert "power must be > 0; got 0. 1 is the cubic." in str(error), error
"""


def test_a_new_curve_is_known_everywhere(tmp_path):
    """One class at the end of curves.py in a copy of the package: text, data, name, audit, dialect, docs, strategy."""
    ignored = shutil.ignore_patterns("__pycache__")
    shutil.copytree(Path(preheat.__file__).parent, tmp_path / "src" / "preheat", ignore=ignored)
    module = tmp_path / "src" / "preheat" / "schedule" / "curves.py"
    module.write_text(module.read_text(encoding="utf-8") + NEW, encoding="utf-8")
    places = (tmp_path / "src", ROOT / "tests", ROOT / "docs" / "_extensions")
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, places))}
    command = [sys.executable, "-c", USED]
    done = subprocess.run(command, capture_output=True, text=True, env=environment, cwd=tmp_path, check=False)
    assert done.returncode == 0, done.stderr
