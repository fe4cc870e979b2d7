"""Pictures, terminal curves and tables show the schedule's own values."""

import re
import sys

import pytest

import preheat
from preheat.view import draw, inline_svg, plot, plot_series, to_csv
from preheat.view.samples import sample

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


def test_recorded_values_are_drawn(tmp_path):
    """Short series get dots; raw values lie behind their mean."""
    figure = plot_series({"raw": ([0, 1], [2.0, 1.0]), "mean": ([0, 1], [2.0, 1.5])}, ylabel="loss", faint=["raw"])
    raw, mean = figure.axes[0].lines
    assert raw.get_alpha() == 0.3
    assert mean.get_marker() == "o"


def test_recorded_values_may_have_borders_marks_and_a_level():
    """On a logarithmic axis, which marks do not stretch; many marks of a kind are short; a plan lies behind."""
    series = {"used": ([0, 50, 100], [1e-6, 1e-3, 1e-5]), "planned": ([0, 100], [2e-6, 2e-5])}
    marks = [[20, 30], list(range(40, 90, 2))]
    figure = plot_series(
        series, ylabel="lr", log=True, dashed=["planned"], borders=[50], level=1e-4, marks=marks, legend=False
    )
    (axes,) = figure.axes
    used, planned, level, border = axes.lines
    assert used.get_zorder() > planned.get_zorder()
    assert (planned.get_linestyle(), level.get_ydata()[0], border.get_xdata()[0]) == ("--", 1e-4, 50)
    heights = [lines.get_segments()[0][:, 1].tolist() for lines in axes.collections]
    assert heights == [[0, 1], [0.94, 1]]
    assert axes.get_yscale() == "log"
    assert 1e-7 < axes.get_ylim()[0] < axes.get_ylim()[1] < 1e-2
    assert axes.get_legend() is None


def test_drawings_of_one_page_share_colors_and_no_id():
    """Colors are the page's variables, the label is escaped, the background is the page's."""
    one, two = (
        inline_svg(plot_series({"lr": ([0, 1], [0.0, 1.0])}, ylabel="lr"), prefix=prefix, label='up & "on"')
        for prefix in ("a", "b")
    )
    ids = [set(re.findall(r'\bid="([^"]*)"', drawing)) for drawing in (one, two)]
    assert ids[0]
    assert not ids[0] & ids[1]
    assert {name for name in re.findall(r'url\(#([^)]*)\)|href="#([^"]*)"', one) for name in name if name} <= ids[0]
    assert 'aria-label="up &amp; &quot;on&quot;"' in one
    assert "var(--c1)" in one
    assert not re.search(r"#[0-9a-f]{6}\b|http|<style|<metadata", one)


@pytest.mark.parametrize(("module", "extra", "call"), [("matplotlib", "plot", LINEAR.plot)])
def test_missing_extra_is_one_line_with_the_install_command(monkeypatch, module, extra, call):
    """Whatever part is not installed."""
    monkeypatch.setitem(sys.modules, module, None)
    monkeypatch.setitem(sys.modules, f"{module}.figure", None)
    with pytest.raises(preheat.MissingExtraError) as caught:
        call()
    assert str(caught.value) == f"{module} is not installed: pip install 'preheat[{extra}]'"
