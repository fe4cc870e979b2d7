"""A figure as an image file, drawn with matplotlib (no window, no global state)."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from preheat.errors import ConfigError, missing_extra, refusal
from preheat.files import replacing
from preheat.messages import _
from preheat.messages.languages import tell
from preheat.view import figure as values
from preheat.view.figure import FEW, LIGHT, Axis, Series, number, ticks
from preheat.view.sampling import Curves, schedule_figure

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FORMATS = ("png", "svg", "pdf")
_SIZE, _DOTS = (7.2, 4.0), 150  # inches, and dots in one: 1080 pixels wide, sharp in a README
_MANY = 20  # marks of one label from which on they are short, and let the curves be seen
_DASHES = {"solid": "-", "dashed": "--", "dotted": ":"}
_STYLES: dict[str, dict[str, Any]] = {
    "line": {"linewidth": 1.8, "zorder": 2.2},
    "faint": {"linewidth": 0.8, "alpha": 0.35, "zorder": 2.1},
    # Wide and pale below what was done: where both are equal, both are seen.
    "plan": {"linewidth": 6, "alpha": 0.3, "zorder": 2.0, "solid_capstyle": "butt"},
    "points": {"linestyle": "none", "marker": ".", "markersize": 4, "zorder": 2.2},
}


def plot(
    curves: Curves,
    *,
    path: str | os.PathLike[str] | None = None,
    updates: int | None = None,
    lr: float = 1.0,
    title: str | None = None,
    log: bool = False,
    language: str | None = None,
) -> Figure:
    """Draw one schedule or several in one picture, the borders of their phases marked.

    Args:
        curves: a schedule, a list of them, or a dictionary of labels and schedules.
        path: ``.png``, ``.svg`` or ``.pdf`` file to write; None only returns the figure.
        updates: last position shown; None shows the longest horizon.
        lr: the peak learning rate; 1.0 shows shares of the peak.
        title: shown above the picture.
        log: a logarithmic learning-rate axis; values of 0 are left out.
        language: of its words; None is the reader's.

    Returns:
        The ``matplotlib.figure.Figure``.

    Raises:
        MissingExtraError: if matplotlib is not installed.

    >>> from preheat import get_schedule
    >>> figure = plot(get_schedule("warmupcosine", warmup=100, total=3600), lr=1e-4)
    >>> figure.axes[0].get_ylabel()
    'learning rate'
    """
    shown = schedule_figure(curves, updates=updates, lr=lr, log=log)
    return to_image(replace(shown, title=title or ""), path, language=language)


def to_image(
    figure: values.Figure, path: str | os.PathLike[str] | None = None, *, language: str | None = None
) -> Figure:
    """Draw a figure with matplotlib.

    Args:
        figure: what to draw; its title is left out where it only repeats that of the values.
        path: ``.png``, ``.svg`` or ``.pdf`` file to write, whole or not at all; None only returns the figure.
        language: of its words; None is the reader's. Where no installed font shows them, they are English.

    Returns:
        The ``matplotlib.figure.Figure``.

    Raises:
        ConfigError: for a file of another kind.
        MissingExtraError: if matplotlib is not installed.

    >>> loss = Series(label="loss", role=1, x=[0, 1], y=[2.0, 1.0])
    >>> to_image(values.Figure(y=Axis(title="loss", unit="nats"), series=(loss,))).axes[0].get_ylabel()
    'loss (nats)'
    """
    try:
        from matplotlib import rc_context
    except ImportError:
        raise missing_extra("matplotlib", "plot") from None

    told, fonts = _in_fonts(figure, language)
    with rc_context({"font.family": fonts}), _any_weight():
        image = _drawn(told)
        _save(image, path)
    return image


def _drawn(figure: values.Figure) -> Figure:
    from matplotlib.figure import Figure

    # The object itself and not pyplot: no window, no backend chosen for the whole process, nothing to close.
    image = Figure(figsize=_SIZE, dpi=_DOTS, layout="constrained")
    axes = image.add_subplot()
    for index, one in enumerate(figure.series):
        _draw_series(axes, figure, index, one)
    _draw_marks(axes, figure)
    _set_axes(axes, figure)
    if figure.title and figure.title.lower() != figure.y.title.lower():
        axes.set_title(figure.title, pad=18 if figure.texts() else 8)
    if len(figure.series) > 1 or figure.of("event"):
        axes.legend(frameon=False)
    return image


# --- A font for the words ---------------------------------------------------------------------------------------------


# Of several that show a text the ones that were made for simplified Chinese, each system's own; then whatever shows it.
_CHINESE_FONTS = (
    "Noto Sans CJK SC", "Noto Sans SC", "Source Han Sans SC", "Source Han Sans CN", "PingFang SC", "Hiragino Sans GB",
    "Microsoft YaHei", "WenQuanYi Zen Hei", "WenQuanYi Micro Hei", "SimHei", "Noto Sans CJK JP", "Droid Sans Fallback",
    "Arial Unicode MS",
)  # fmt: skip
_LOG = logging.getLogger("preheat")


def _in_fonts(figure: values.Figure, language: str | None) -> tuple[values.Figure, list[str]]:
    """The figure in a language, and the fonts that show it; in English where no font shows the language."""
    from matplotlib import rcParams

    usual = list(rcParams["font.family"])
    told = figure.told(language)
    lacking = _lacking(told)
    if not lacking:
        return told, usual
    font = _font_for(lacking)
    if font is not None:
        return told, [*usual, font]  # matplotlib takes each sign from the first that has it
    english = figure.told("en")
    # What people themselves wrote, names of groups say, stays as they wrote it.
    if _lacking(english) != lacking:
        _note(language)
    return english, usual


def _lacking(figure: values.Figure) -> frozenset[str]:
    """The signs of a picture that matplotlib's usual font lacks."""
    texts = [figure.title, figure.x.words, figure.y.words, *(one.label for one in figure.series)]
    texts += [text for mark in figure.marks for text in (mark.label, mark.text)]
    signs = {sign for text in texts for sign in text if not sign.isascii()}
    if not signs:
        return frozenset()
    from matplotlib.font_manager import FontProperties, findfont

    return frozenset(signs - _signs_of(findfont(FontProperties())))


@cache
def _font_for(signs: frozenset[str]) -> str | None:
    """The name of an installed font that has all of some signs; None where there is none."""
    from matplotlib import get_data_path
    from matplotlib.font_manager import fontManager

    def chosen() -> str | None:
        order = {name: place for place, name in enumerate(_CHINESE_FONTS)}
        # matplotlib's own have no Chinese; one of them has a box for every sign there is.
        own = get_data_path()
        plain = [font for font in fontManager.ttflist if font.style == "normal" and not font.fname.startswith(own)]
        # A regular weight before a bold one; names then decide, so that the same machine draws the same picture.
        plain.sort(key=lambda font: (order.get(font.name, len(order)), abs(_weight(font) - 400), font.name, font.fname))
        return next((font.name for font in plain if signs <= _signs_of(font.fname)), None)

    return chosen() or (chosen() if _new_fonts() else None)


def _weight(font: Any) -> int:
    return font.weight if isinstance(font.weight, int) else 400


def _new_fonts() -> bool:
    """Whether there are fonts that matplotlib's list, made when it first ran, does not know; it knows them then."""
    from matplotlib.font_manager import findSystemFonts, fontManager

    known = {font.fname for font in fontManager.ttflist}
    new = [path for path in findSystemFonts() if path not in known]
    for path in new:
        # A file that is no font after all is none of ours to mend.
        with suppress(Exception):
            fontManager.addfont(path)
    return bool(new)


@cache
def _signs_of(path: str) -> frozenset[str]:
    """The signs that a font file has; none where it cannot be read."""
    from matplotlib.font_manager import get_font

    try:
        return frozenset(map(chr, get_font(path).get_charmap()))
    except Exception:  # FreeType's own errors, and a file that has gone
        return frozenset()


@contextmanager
def _any_weight() -> Iterator[None]:
    """Without matplotlib's warnings that a Chinese font has no regular weight: the one it has is what is wanted."""

    def other(record: logging.LogRecord) -> bool:
        return "font weight" not in record.getMessage()

    log = logging.getLogger("matplotlib.font_manager")
    log.addFilter(other)
    try:
        yield
    finally:
        log.removeFilter(other)


@cache
def _note(language: str | None) -> None:
    """Once is enough."""
    says = _(
        "no installed font shows the words of this language: pictures are in English. Install one that does, such as"
        " Noto Sans CJK (Debian: fonts-noto-cjk)."
    )
    _LOG.warning("%s", tell(says, language))


# --- Series, marks and axes -------------------------------------------------------------------------------------------


def _draw_series(axes: Axes, figure: values.Figure, index: int, series: Series) -> None:
    places = figure.shifted(index)
    points = list(series.drawn(figure.x, figure.y))
    heights = [float("nan") if point is None else point[1] for point in points]
    style, color = dict(_STYLES[series.style]), _color(series.color)
    known = sum(point is not None for point in points)
    if series.style in ("line", "faint") and known < FEW:
        style["marker"] = "o"
    if known == 1:
        style["linestyle"] = "none"
    axes.plot(places, heights, color=color, label=series.label, **style)
    if any(series.margins):
        axes.errorbar(places, heights, series.margins, fmt="none", ecolor=color, elinewidth=1, capsize=2.5)
    if series.crossed:
        at = [places[point] for point in series.crossed], [heights[point] for point in series.crossed]
        axes.plot(*at, marker="x", markersize=11, markeredgewidth=1.6, linestyle="none", color=color)


def _draw_marks(axes: Axes, figure: values.Figure) -> None:
    labels = [mark.label for mark in figure.marks]
    texts, whole_height = figure.texts(), axes.get_xaxis_transform()
    for index, mark in enumerate(figure.marks):
        first = mark.label if index == labels.index(mark.label) else None
        if mark.kind == "level":
            axes.axhline(mark.position, color="0.4", linestyle="--", linewidth=1, label=first)
            continue
        color = {"border": "0.5", "grid": "0.85"}.get(mark.kind) or _color(mark.color)
        if mark.kind != "event":
            axes.axvline(mark.position, color=color, linestyle=":" if mark.kind == "border" else "-", linewidth=1)
        else:
            low = 0.94 if labels.count(mark.label) > _MANY else 0  # short, so that the curve is seen
            style: dict[str, Any] = {"linestyle": _DASHES[mark.dash], "linewidth": 1, "alpha": 0.7, "zorder": 1.4}
            axes.axvline(mark.position, low, 1, color=color, label=first, **style)
        if index in texts:
            where: dict[str, Any] = {"transform": whole_height, "fontsize": 8, "ha": "center"}
            axes.text(mark.position, 1.01, texts[index], color=color, **where)


def _set_axes(axes: Axes, figure: values.Figure) -> None:
    spans = {"x": figure.x_span(), "y": figure.y_span()}
    for name, axis in (("x", figure.x), ("y", figure.y)):
        low, high = spans[name]
        # Half a pen's width beside the ends, so that a curve on the edge of the picture is whole.
        room = 0.0 if axis.log else 0.02 * (high - low)
        axes.set(**{f"{name}scale": "log" if axis.log else "linear"})
        axes.set(**{f"{name}lim": (low - room if name == "x" else low, high + room if name == "x" else high)})
        _set_ticks(axes, name, axis, spans[name])
        axes.set(**{f"{name}label": axis.words})
    axes.grid(color="0.92")
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)


def _set_ticks(axes: Axes, name: str, axis: Axis, span: tuple[float, float]) -> None:
    """The same numbers at the same places as in the other renderers."""
    at: Sequence[float] = ticks(axis, span) if axis.title or name == "y" else []
    whole = axis.whole
    if whole:
        at = [place for place in at if place == int(place)]
    words = [f"{place:,.0f}" if whole else number(place) for place in at]
    axes.set(**{f"{name}ticks": at, f"{name}ticklabels": words})
    getattr(axes, f"{name}axis").minorticks_off()


def _color(of: int) -> str:
    return LIGHT[f"c{of}"]


def _save(image: Figure, path: str | os.PathLike[str] | None) -> None:
    """Write the image, whole or not at all."""
    if path is None:
        return
    kind = Path(path).suffix[1:].lower()
    if kind not in _FORMATS:
        raise ConfigError(refusal("path", _("a .png, .svg or .pdf file"), str(path), _("Name one of these.")))
    # No date and fixed ids: the same picture is the same file.
    metadata = {"png": {"Software": None}, "svg": {"Date": None}, "pdf": {"CreationDate": None}}[kind]
    import matplotlib

    with replacing(path) as beside, matplotlib.rc_context({"svg.hashsalt": "preheat", "svg.fonttype": "none"}):
        image.savefig(beside, format=kind, metadata=metadata)
