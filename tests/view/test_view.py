"""Pictures, terminal curves and tables show the schedule's own values."""

import math
import re
import sys
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import preheat
from preheat.view import Axis, Figure, Mark, Series, draw, plot, to_csv, to_echarts, to_image, to_svg, to_terminal
from preheat.view.figure import LIGHT, ticks
from preheat.view.sampling import sample

LINEAR = preheat.get_schedule("warmuplinear", warmup=100, total=3600)
COSINE = preheat.get_schedule("warmupcosine", warmup=250, total=3600)


def test_samples_are_values_of_the_schedule_and_hold_every_border():
    """About 2,000 points whatever the horizon, the border and the update before it among them."""
    long = preheat.get_schedule("warmup_stable_decay", warmup=12_345, total=10**6, num_decay_steps=98_765)
    (curve,) = sample(long, lr=1e-4)
    assert len(curve.positions) < 2100
    assert {0, 12_344, 12_345, 10**6 - 98_766, 10**6 - 98_765, 10**6} <= set(curve.positions)
    assert curve.values == [1e-4 * long(position) for position in curve.positions]


def test_plot_draws_curves_borders_and_named_axes():
    """Two schedules in one picture."""
    figure = plot({"linear": LINEAR, "cosine": COSINE}, lr=1e-4, title="both")
    (axes,) = figure.axes
    curves = [line for line in axes.lines if line.get_label() in ("linear", "cosine")]
    assert [line.get_ydata()[-1] for line in curves] == [0.0, 0.0]
    assert max(curves[0].get_ydata()) == 1e-4
    assert {line.get_xdata()[0] for line in axes.lines} >= {100, 250}
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("update", "learning rate", "both")
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["linear", "cosine"]
    assert LINEAR.plot().axes[0].get_ylabel() == "share of the peak"


@pytest.mark.parametrize("kind", ["png", "svg", "pdf"])
def test_pictures_are_the_same_file_each_time(tmp_path, kind):
    """Written beside and renamed; no date inside."""
    for name in ("one", "two"):
        LINEAR.plot(tmp_path / f"{name}.{kind}", lr=1e-4)
    one, two = (tmp_path / f"{name}.{kind}" for name in ("one", "two"))
    assert one.read_bytes() == two.read_bytes()
    assert sorted(file.name for file in tmp_path.iterdir()) == [one.name, two.name]


def test_plot_refuses_other_files(tmp_path):
    """Before anything is drawn on disk."""
    with pytest.raises(preheat.ConfigError, match=r"path must be a .png, .svg or .pdf file; got .*curve.gif"):
        LINEAR.plot(tmp_path / "curve.gif")


def test_terminal_curve_has_axes_title_and_legend():
    """Plain text of the width asked for."""
    text = draw({"linear": LINEAR, "cosine": COSINE}, lr=1e-4, width=72)
    lines = text.splitlines()
    assert lines[0].strip() == "learning rate by update"
    assert lines[2].startswith("  1e-4┤")
    assert "linear" in lines[-1]
    assert "cosine" in lines[-1]
    assert max(map(len, lines)) <= 72
    assert "\x1b" not in text
    assert "\x1b" in draw(LINEAR, color=True)


def test_csv_has_every_update_at_full_precision():
    """One row an update, readable back to the same numbers."""
    rows = to_csv({"linear": LINEAR, "cosine": COSINE}, lr=1e-4).splitlines()
    assert rows[0] == "update,lr linear,lr cosine"
    assert len(rows) == 3601
    assert [float(row.split(",")[1]) for row in rows[1:]] == [1e-4 * LINEAR(position) for position in range(3600)]


def test_schedules_without_end_ask_for_updates():
    """Unless another one in the picture has an end."""
    constant = preheat.get_schedule("constantlr")
    with pytest.raises(preheat.ScheduleError, match="updates must be given; got None"):
        draw(constant)
    assert sample([constant, LINEAR])[0].positions[-1] == 3600
    assert sample(constant, updates=50)[0].positions[-1] == 50


@pytest.mark.parametrize("curves", [[], ["linear"], {"a": 3}, 7])
def test_views_refuse_what_is_no_schedule(curves):
    """With the value."""
    with pytest.raises(preheat.ScheduleError, match="curves must be one Schedule or more"):
        sample(curves)


def line(label, role, x, y, **how):
    return Series(label=label, role=role, x=x, y=y, **how)


def test_recorded_values_are_drawn():
    """Short series get dots; raw values lie behind their mean; the loss's unit stands on its axis."""
    series = (line("raw", "each", [0, 1], [2.0, 1.0], style="faint"), line("mean", "mean", [0, 1], [2.0, 1.5]))
    (axes,) = to_image(Figure(y=Axis(title="loss", unit="nats"), series=series)).axes
    raw, mean = axes.lines
    assert raw.get_zorder() < mean.get_zorder()
    assert 0 < raw.get_alpha() < 0.5
    assert mean.get_marker() == "o"
    assert axes.get_ylabel() == "loss (nats)"


BUSY = Figure(
    name="busy",
    title="Rates",
    y=Axis(title="lr", log=True),
    series=(
        line("used", "used", [0, 50, 100], [1e-6, 1e-3, 1e-5]),
        line("planned", "planned", [0, 100], [2e-6, 2e-5], style="plan"),
    ),
    marks=(
        Mark(position=50, label="a phase hands over", text="50"),
        Mark(position=1e-4, label="clipped", kind="level"),
        *(Mark(position=at, label="spike (2)", kind="event", role="spike", text=str(at)) for at in (20, 30)),
        *(Mark(position=at, label="skip (25)", kind="event", role="skip") for at in range(40, 90, 2)),
    ),
    notes=("All in one.",),
)


def test_recorded_values_may_have_borders_marks_and_a_level():
    """On a logarithmic axis, which marks do not stretch; many marks of a kind are short; a plan lies below, wide."""
    (axes,) = to_image(BUSY).axes
    lines = {}
    for one in axes.lines:
        lines.setdefault(one.get_label(), []).append(one)
    (used,), (planned,), (level,) = lines["used"], lines["planned"], lines["clipped"]
    assert used.get_zorder() > planned.get_zorder()
    assert used.get_linewidth() < planned.get_linewidth()
    assert level.get_ydata()[0] == 1e-4
    assert (lines["spike (2)"][0].get_ydata()[0], lines["skip (25)"][0].get_ydata()[0]) == (0, 0.94)
    assert axes.get_yscale() == "log"
    assert 1e-7 < axes.get_ylim()[0] < axes.get_ylim()[1] < 1e-2
    assert {"50", "20", "30"} <= {text.get_text() for text in axes.texts}


def test_every_renderer_shows_the_same_figure():
    """Series, marks and numbers of one value, in text, SVG, an image and the option of a live chart."""
    option, drawing, text = to_echarts(BUSY), to_svg(BUSY), to_terminal(BUSY, width=80)
    names = ["used", "planned", "a phase hands over", "clipped", "spike (2)", "skip (25)"]
    assert [one["name"] for one in option["series"]] == names
    assert [len(one["data"]) for one in option["series"]] == [3, 2, 0, 0, 0, 0]
    marks = {one["name"]: one["markLine"]["data"] for one in option["series"] if "markLine" in one}
    assert marks["clipped"][0]["yAxis"] == 1e-4
    assert [mark["xAxis"] for mark in marks["spike (2)"]] == [20, 30]
    assert [mark["label"]["formatter"] for mark in marks["spike (2)"]] == ["20", "30"]
    assert len(marks["skip (25)"]) == 25
    for words in ("lr", "used", "planned", "update", ">20<", ">30<", ">50<"):
        assert words in drawing
    # A plan is drawn first, and lies below.
    assert drawing.index("stroke:var(--c2") < drawing.index("stroke:var(--c1")
    assert all(words in text for words in ("lr", "used", "planned"))


def test_one_role_has_one_color_in_every_renderer():
    """What was used is orange and what was planned blue, whatever draws them."""
    lines = {one.get_label(): one.get_color() for one in to_image(BUSY).axes[0].lines}
    assert (lines["used"], lines["planned"]) == (LIGHT["c1"], LIGHT["c2"])
    used, planned = to_echarts(BUSY)["series"][:2]
    assert (used["lineStyle"]["color"], planned["lineStyle"]["color"]) == ("var(--c1)", "var(--c2)")


def test_gaps_stay_gaps():
    """What is not finite, and what a logarithmic axis has no place for, is left out and not bridged."""
    gappy = Figure(name="g", y=Axis(log=True), series=(line("a", 1, [0, 1, 2, 3, 4], [1.0, math.nan, 2.0, 0.0, 4.0]),))
    assert re.search(r'd="M \S+ \S+ M \S+ \S+ M \S+ \S+" style="stroke:var\(--c1', to_svg(gappy))
    assert [value for _, value in to_echarts(gappy)["series"][0]["data"]] == [1.0, None, 2.0, None, 4.0]
    assert np.isnan(to_image(gappy).axes[0].lines[0].get_ydata()).tolist() == [False, True, False, True, False]


def test_close_numbers_above_marks_are_left_out():
    """Where they would be written over each other; events go before borders."""
    marks = [Mark(position=at, label="border", text=f"{at:,}") for at in (100, 101, 3000)]
    marks.append(Mark(position=2990, label="spike", kind="event", role="spike", text="2,990"))
    crowded = Figure(x=Axis(title="update", high=10_000), series=(line("a", 1, [0], [1.0]),), marks=tuple(marks))
    assert crowded.texts() == {3: "2,990", 0: "100"}


@given(st.floats(-1e9, 1e9), st.floats(1e-9, 1e9), st.booleans())
def test_ticks_are_few_round_and_inside(low, wide, log):
    """Whatever the axis shows."""
    span = (abs(low) + 1e-12, (abs(low) + 1e-12) * (1 + wide)) if log else (low, low + wide)
    if not span[1] > span[0] * (1 + 1e-6 if log else 1):
        return
    at = ticks(Axis(log=log), span)
    slack = 1e-6 * (span[1] - span[0])
    assert len(at) <= 20
    assert all(span[0] - slack <= value <= span[1] + slack for value in at)
    assert at == sorted(set(at))


def test_drawings_of_one_page_share_colors_and_no_id():
    """Colors are the page's variables, the label is escaped; ids begin with the figure's name."""
    limited = replace(BUSY, y=Axis(low=0.0, high=1.0), title='up & "on"')
    one, two = (to_svg(replace(limited, name=name), inline=True) for name in ("a", "b"))
    ids = [set(re.findall(r'\bid="([^"]*)"', drawing)) for drawing in (one, two)]
    assert len(ids[0]) == 2
    assert not ids[0] & ids[1]
    assert {name for name in re.findall(r'url\(#([^)]*)\)|href="#([^"]*)"', one) for name in name if name} <= ids[0]
    assert 'aria-label="up &amp; &quot;on&quot;. All in one."' in one
    assert "var(--c1," in one
    assert not re.search(r"http|<style|<metadata", one)


@pytest.mark.parametrize(("module", "extra", "call"), [("matplotlib", "plot", LINEAR.plot)])
def test_missing_extra_is_one_line_with_the_install_command(monkeypatch, module, extra, call):
    """Whatever part is not installed."""
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, f"{module}.figure", None)
    with pytest.raises(preheat.MissingExtraError) as caught:
        call()
    assert str(caught.value) == f"{module} is not installed: pip install 'preheat[{extra}]'"
