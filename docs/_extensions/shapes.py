"""A page for each named schedule: picture, formula, ends, options, and who else can write it down exactly.

Everything on it is read off the code: the docstring of the schedule's function (or of its curve), its signature, its
values, and what `preheat.dialects.write` makes of it.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from dataclasses import fields, replace
from functools import partial
from typing import Any

import markup
import others
from sphinx.application import Sphinx

import preheat
from preheat.dialects import DIALECTS, dialect, write
from preheat.errors import PreheatError
from preheat.schedule.curves import CURVES, SPECIAL, Curve, curve_class, curve_options
from preheat.schedule.named import _BUILDERS, ARTICLE_NAMES, BUILDERS, LIBRARY, takes_warmup
from preheat.view import schedule_figure, to_svg

TOTAL, WARMUP, PEAK = 1000, 100, 1e-3
# What a name cannot do without, or what shows it best.
OPTIONS: dict[str, dict[str, Any]] = {
    "cosine_with_restarts": {"num_cycles": 3},
    "cosine_with_min_lr": {"min_lr_rate": 0.1},
    "cosine_warmup_with_min_lr": {"min_lr_rate": 0.1},
    "warmup_stable_decay": {"num_decay_steps": "20%"},
    "wsd": {"decay": "20%"},
    "trapezoidal": {"decay": "20%"},
    "wsd_s": {"decay": "5%", "periods": 4},
    "infinite": {"cooldown": "30%", "anneal": "20%", "floor": 0.01},
    "triangular": {"up": "10%", "down": "15%"},
    "triangular2": {"up": "10%", "down": "15%"},
    "exp_range": {"up": "10%", "down": "15%", "rate": 0.998},
    "sgdr": {"period": "15%", "growth": 2.0, "scale": 0.8},
    "power": {"decay": "20%"},
    "inverse_sqrt_cooldown": {"decay": "20%"},
    "cosine_then_constant": {"hold": "20%"},
    "flat_cosine": {"decay": "25%"},
    "cosine_with_linear_tail": {"decay": "20%"},
    "tri_stage": {"decay": "20%"},
    "multistep": {"milestones": [500, 800]},
    "piecewise": {"milestones": [0, 250, 500, 1000], "values": [0.1, 1.0, 0.3, 0.0]},
    "jagged_cosine": {"period": "20%", "rewarm": "5%", "anneal": "1%"},
    "polynomial": {"power": 2.0},
    "1-power": {"power": 1.5},
    "exponential": {"steps": 10.0},
    "step": {"steps": 300.0, "rate": 0.3},
    "inverse_time": {"timescale": 100.0},
    "power_law": {"timescale": 100.0},
}
GROUPS = (
    ("The article's five, and transformers'", tuple(BUILDERS)),
    ("The rest of the field's", tuple(LIBRARY)),
    ("A warm-up, then a decay along one curve", tuple(name for name in _BUILDERS if name not in (*BUILDERS, *LIBRARY))),
)
NAMES = tuple(name for _, names in GROUPS for name in names)
_CURVES = GROUPS[-1][1]


def setup(app: Sphinx) -> dict[str, Any]:
    """Called by Sphinx."""
    app.connect("builder-inited", generate)
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def generate(app: Sphinx) -> None:
    """Write the pages and their index."""
    place = markup.folder(app, "shapes")
    for name in NAMES:
        markup.write(place / f"{name}.rst", page(name))
    markup.write(place / "index.rst", index())
    markup.keep_only(place, NAMES)


def index() -> Iterator[str]:
    """The names in their groups, each group one picture gallery of links."""
    yield from markup.title("Shapes")
    yield (
        "Every schedule :func:`preheat.get_schedule` knows by name, with its formula, its ends and its options. The "
        "pictures are drawn by preheat, of the schedule itself. Whatever has no name is :doc:`composed </composing>`."
    )
    yield ""
    for heading, names in GROUPS:
        yield from markup.title(heading, "-")
        yield from [".. raw:: html", "", f'   <div class="gallery">{"".join(map(_card, names))}</div>', ""]
        yield from [".. toctree::", "   :hidden:", "", *markup.indented(names), ""]


def _card(name: str) -> str:
    """A small drawing without words, and the name below it."""
    drawing = re.sub(r"<text.*?</text>", "", to_svg(schedule_figure({"": _schedule(name)}, updates=TOTAL)))
    return f'<a href="{name}.html">{drawing}<code>{name}</code></a>'


def page(name: str) -> Iterator[str]:
    """The page of one name."""
    yield f".. _shape-{name}:"
    yield ""
    yield from markup.title(name)
    called = [other for other, own in ARTICLE_NAMES.items() if own == name]
    if called:
        yield f"The article's name for it is ``{called[0]}``; both work."
        yield ""
    yield from _picture(name)
    yield "``k`` counts completed updates, ``W`` is the warm-up, ``T`` the total, ``u = (k - W) / (T - W)``."
    yield ""
    yield from _formula(name)
    yield from _example(name)
    yield from _ends(name)
    yield from _options(name)
    yield from _elsewhere(name)


def _schedule(name: str, warmup: int = WARMUP, convention: str | None = None) -> preheat.Schedule:
    warmup = warmup if takes_warmup(name) else 0
    return preheat.get_schedule(name, warmup=warmup, total=TOTAL, convention=convention, **OPTIONS.get(name, {}))


def _picture(name: str) -> Iterator[str]:
    curves = {"": _schedule(name)}
    words = f"{name} over {TOTAL} updates"
    if takes_warmup(name):
        curves = {f"warm-up {WARMUP}": _schedule(name)}
        if name != "noam":  # its time scale is its warm-up
            curves["no warm-up"] = _schedule(name, 0)
        words += f" with a warm-up of {WARMUP}, and without"
    drawing = to_svg(replace(schedule_figure(curves, updates=TOTAL), title=words))
    yield from [".. raw:: html", "", f'   <div class="shape">{drawing}</div>', ""]


def _formula(name: str) -> Iterator[str]:
    """The docstring of the schedule's own function; of decays along a curve that of the curve."""
    if name in _CURVES:
        yield "``k / W``, then this curve down to ``floor``; inside it ``u`` is the share of the descent that is done."
        yield ""
        kind = curve_class(name)
        yield f".. autoclass:: preheat.schedule.curves.{kind.__name__}"
        if name in SPECIAL:
            fixed = ", ".join(f"``{option}={value!r}``" for option, value in SPECIAL[name][1].items())
            yield from ["   :no-index:", "", f"Here with {fixed}.", ""]
        yield ""
        return
    function = _BUILDERS[name]
    yield f".. autofunction:: {function.__module__}.{function.__name__}"
    yield ""


def curve_table() -> Iterator[str]:
    """The table of curves in ``docs/composing.md``, a row a class; a test holds the page against it.

    ``python docs/_extensions/shapes.py`` prints it.
    """
    yield "| curve | falls as | options |"
    yield "|---|---|---|"
    for kind in CURVES.values():
        if kind.facts.name != "constant":  # in words that is a hold
            yield f"| {_curve_names(kind)} | {_curve_formula(kind)} | {_curve_options(kind)} |".replace("|  |", "| |")


def _curve_names(kind: type[Curve]) -> str:
    fixed = {name: ", ".join(f"{option} {value:g}" for option, value in options.items() if value is not True)
             for name, options in kind.facts.names.items()}  # fmt: skip
    return ", ".join([f"`{kind.facts.name}`", *(f"`{name}`{words and f' ({words})'}" for name, words in fixed.items())])


def _curve_formula(kind: type[Curve]) -> str:
    formula = f"`{kind.facts.readable}`"
    if kind.endless and kind.clocks:
        formula += f", u = n / {kind.clocks[0]}"
    return formula + ("; can run for ever" if kind.endless else "")


def _curve_options(kind: type[Curve]) -> str:
    return ", ".join(f"`{item.name}` = {str(item.default).removesuffix('.0')}" for item in fields(kind))


def _call(name: str) -> str:
    options = "".join(f", {option}={value!r}" for option, value in OPTIONS.get(name, {}).items())
    warmup = f", warmup={WARMUP}" if takes_warmup(name) else ""
    return f'preheat.get_schedule("{name}"{warmup}, total={TOTAL}{options})'


def _example(name: str) -> Iterator[str]:
    schedule = _schedule(name)
    said = [f">>> schedule = {_call(name)}", ">>> print(schedule)", str(schedule)]
    yield "The one in the picture, and what it says of itself:"
    yield ""
    yield from markup.code(
        [*said, f">>> print(schedule.describe(lr={PEAK}))", *schedule.describe(PEAK).split("\n")], "pycon"
    )


def _ends(name: str) -> Iterator[str]:
    """Shares of the peak where conventions differ: at both ends of the warm-up and of the run."""
    warmup = (WARMUP - 1, WARMUP) if takes_warmup(name) else ()
    at = (0, *warmup, TOTAL - 1, TOTAL)
    rows = []
    for convention, words in ((None, "its own"), ("transformers", "transformers'"), ("native", "native")):
        schedule = _schedule(name, convention=convention)
        rows.append([words, *(f"{schedule(update):.6g}" for update in at)])
    yield from markup.title("Ends", "-")
    yield f"Shares of the peak, with ``convention=`` left out and given; update {TOTAL - 1} is the last one."
    yield ""
    yield from markup.table(["convention", *(f"update {update}" for update in at)], rows)


def _options(name: str) -> Iterator[str]:
    yield from markup.title("Options", "-")
    yield "``warmup``, ``total``, ``lr`` and ``convention`` are those of :func:`preheat.get_schedule`."
    if not takes_warmup(name):
        yield "This schedule has no warm-up to set: its shape begins by itself."
    yield ""
    builder = _BUILDERS[name]
    options = _parameters(name)
    if isinstance(builder, partial):
        signature = inspect.signature(curve_class(name))
        options += [(option, signature.parameters[option].default) for option in curve_options(name)]
    if not options:
        yield from ["None of its own.", ""]
        return
    empty = inspect.Parameter.empty
    rows = [[f"``{option}``", "needed" if value is empty else f"``{value!r}``"] for option, value in options]
    yield from markup.table(["option", "default"], rows)


def _parameters(name: str) -> list[tuple[str, Any]]:
    own = inspect.signature(_BUILDERS[name]).parameters.values()
    return [(item.name, item.default) for item in own if item.kind is item.KEYWORD_ONLY and item.name != "lr"]


def _elsewhere(name: str) -> Iterator[str]:
    """What each dialect that is written makes of the schedule in the picture."""
    schedule = _schedule(name)
    rows = []
    for one in map(dialect, DIALECTS):
        if one.write is not None:
            rows.append([f"``{one.name}``", _written(schedule, one.name), one.convention])
    yield from markup.title("In other frameworks' words", "-")
    yield (
        "What ``preheat convert --to`` makes of the schedule in the picture: exact, or the nearest configuration there "
        "is, with its largest distance from the schedule over all updates, in shares of the peak."
    )
    yield ""
    yield from markup.table(["dialect", "written", "its step convention"], rows)
    rows = list(others.rows(schedule))
    if rows:
        yield "Names of theirs that read as the same curves in the same order, with the ends of a short example each;"
        yield "lengths, floors and options may differ:"
        yield ""
        yield from markup.table(["dialect", "its name", "update 0", "last update", "after it"], rows)
    yield "All names and what they are read as: :doc:`dialects </dialects>`."


def _written(schedule: preheat.Schedule, name: str) -> str:
    try:
        done = write(schedule, name, total=TOTAL, base_lr=PEAK)
    except PreheatError as error:
        return f"no: {error}"
    return "exact" if done.exact else f"off by {done.error / PEAK:.2g}, most at update {done.error_at}"


if __name__ == "__main__":
    print("\n".join(curve_table()))
