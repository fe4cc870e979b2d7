"""What reports share: charts to look into as data, and the one script that draws them, where the library is there."""

import json
import math
import subprocess
import sys

import pytest

from preheat.view import Axis, Figure, Mark, Series, to_echarts, to_svg
from preheat.view.echarts import echarts_library
from preheat.view.figure import DARK, LIGHT
from preheat.view.report import as_data, chart_script, fill
from support.pages import CHROMIUM, Page, opened, refuse_other_scripts, without_library

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "]]>\u2028&amp;",
    '"><img src=x onerror=alert(1)>',
    "体育",
]


def page_with(names):
    """A page of one figure whose series, marks and title have these names."""
    series = [
        Series(label=name, role=place, x=[0, 1, 2], y=[0.1 * (place - 1), 0.2, 0.3])
        for place, name in enumerate(names, 1)
    ]
    marks = (Mark(position=1.0, label=f"mark {names[0]}", kind="event", role="other", text=names[0]),)
    figure = Figure(name="it", title=names[0], series=tuple(series), marks=marks, notes=(names[0],))
    return page_of(figure)


def page_of(*figures):
    groups = [
        {"name": "g", "sentence": "s", "figure": one, "cause": "", "evidence": (), "numbers": []} for one in figures
    ]
    log = {"path": "log.csv", "kind": "CSV", "total": None, "notes": ()}
    return fill("preheat.auditing/report.html.jinja", figures=figures, name="n", log=log, verdict="v", tiles=[],
                groups=groups, plans=[], held=False, peak=None, series=[])  # fmt: skip


def test_no_name_can_break_out_of_the_data():
    """The text has no sign that HTML reads, and JSON gives the names back as they were."""
    text = as_data({"names": HOSTILE})
    assert not set("<>&\u2028") & set(text)
    assert json.loads(text) == {"names": HOSTILE}
    page = Page(page_with(HOSTILE))
    refuse_other_scripts(page)
    assert [series["name"] for series in page.charts[0]["series"]] == [*HOSTILE, f"mark {HOSTILE[0]}"]
    assert not page.all("img")
    with pytest.raises(ValueError, match="not JSON compliant"):
        as_data({"lost": math.nan})


@pytest.mark.skipif(CHROMIUM is None, reason="NO BROWSER: install chromium to see the report opened for real")
def test_no_name_is_run_in_a_browser(tmp_path):
    """Neither on the page nor in a hint or a legend."""
    path = tmp_path / "page.html"
    path.write_text(page_with(HOSTILE), encoding="utf-8")
    with opened(path) as report:
        said = report.hint("it", 1)
        for name in HOSTILE:
            assert f"{' '.join(name.split())}: 0.2" in said
        assert report.page.get_by_role("button", name=HOSTILE[-1]).count() == 1
        assert report.page.locator("img").count() == 0
        assert (report.asked, report.said) == ([path.as_uri()], [])


@pytest.mark.skipif(CHROMIUM is None, reason="NO BROWSER: install chromium to see the report opened for real")
def test_only_the_script_in_the_policy_runs(tmp_path):
    """Another script put into a page, and one that was changed, are refused; the drawing is there all the same."""
    text = page_with(["a"])
    path = tmp_path / "page.html"
    path.write_text(text.replace("<main>", "<main><script>document.title = 'run'</script>"), encoding="utf-8")
    with opened(path) as report:
        assert report.page.title() == "Audit of n: preheat report"
        assert "Content Security Policy" in "".join(report.said)
        assert report.shown("it") == (True, False)
    path.write_text(text.replace("(echarts, number, words) => {", "(echarts, number, words) => { "), encoding="utf-8")
    with opened(path) as report:
        assert report.shown("it") == (False, True)


def test_without_the_library_there_is_no_script():
    """The same words and drawings, and a policy that lets no script run."""
    with without_library():
        assert chart_script() is None
        page = Page(page_with(["a", "b"]))
    assert page.scripts == []
    refuse_other_scripts(page)
    assert page.text == Page(page_with(["a", "b"])).text


def test_page_without_figures_has_no_script():
    """Though the library is there: nothing would be drawn with it."""
    assert Page(page_of()).scripts == []


def wheel(folder, index, chunk):
    """A nicegui as installed, with these two files."""
    dist = folder / "elements" / "echart" / "dist"
    dist.mkdir(parents=True)
    (dist / "index.js").write_text(index)
    (dist / "index-1_a.js").write_text(chunk)
    return dist


INDEX = 'import{q as a,r as b}from"./index-1_a.js";export{b as loadEchartsGL,a as echarts};\n//# sourceMappingURL=i'
ALONE = "var z$=1,w=()=>Promise.reject();"


@pytest.mark.parametrize(
    ("index", "chunk", "expected"),
    [
        (INDEX, 'var z$=1,w=()=>import("./b.js");export{w as r,z$ as q};\n//# sourceMappingURL=c', ALONE),
        (INDEX, "var z=1;export{z as other};", None),
        (INDEX, 'import{x}from"./more.js";var z=1;export{z as q};', None),
        (INDEX, 'var z="</script>";export{z as q};', None),
        (INDEX, 'var z="<!--";export{z as q};', None),
        ("export{a as echarts};", "var z=1;export{z as q};", None),
        (INDEX.replace("a as echarts", "a as charts"), "var z=1;export{z as q};", None),
        (INDEX.replace("index-1_a", "gone"), "var z=1;export{z as q};", None),
    ],
)  # fmt: skip
def test_library_is_taken_from_the_wheel_or_left(tmp_path, monkeypatch, index, chunk, expected):
    """Its own name is followed through both files; what could not stand alone inside a page is not taken."""
    dist = wheel(tmp_path, index, chunk)
    monkeypatch.setattr("preheat.view.echarts._folder", lambda: dist)
    assert echarts_library() == (None if expected is None else (expected, "z$"))


def test_library_of_the_installed_nicegui_is_found_without_loading_it():
    """The real wheel: one module of about a megabyte that asks for nothing."""
    code = (
        "import sys; from preheat.view.echarts import echarts_library; source, name = echarts_library();"
        "print(len(source), name, 'nicegui' in sys.modules, f'{name}=' in source)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    size, _, loaded, there = done.stdout.split()
    assert 500_000 < int(size) < 2_000_000
    assert (loaded, there) == ("False", "True")


def test_gaps_borders_and_levels_are_kept_apart():
    """What is not finite is a gap; lines that are no curve are series of their own; close numbers are left out."""
    figure = Figure(
        x=Axis(title="update", high=1000),
        series=(Series(label="used", role="used", x=[0.0, 1.0, 2.0], y=[0.1, math.nan, 1 / 3]),),
        marks=(
            *(Mark(position=at, label="a phase hands over", text=str(at)) for at in (100, 101, 300)),
            Mark(position=0.2, label="clipped", kind="level"),
        ),
    )
    options = to_echarts(figure)
    json.dumps(options, allow_nan=False)
    used, borders, level = options["series"]
    assert used["data"] == [[0, 0.1], [1, None], [2, 0.3333333]]
    assert [line["label"] for line in borders["markLine"]["data"]] == [
        {"formatter": "100"}, {"show": False}, {"formatter": "300"}
    ]  # fmt: skip
    assert (level["name"], level["markLine"]["data"][0]["yAxis"]) == ("clipped", 0.2)
    assert "markLine" not in used
    assert options["xAxis"]["max"] == 1000
    assert to_echarts(figure, digits=None)["series"][0]["data"][2] == [2, 1 / 3]


@pytest.mark.parametrize(
    ("level", "log", "limited"),
    [
        (5.0, True, (False, True)),
        (0.6, True, (True, False)),
        (0.6, False, (False, False)),
        (5.0, False, (False, True)),
        (1.5, True, (False, False)),
    ],
)
def test_axis_reaches_a_level_beyond_the_curves(level, log, limited):
    """A norm is clipped to more than any that was seen: the level is to be seen all the same."""
    figure = Figure(
        y=Axis(log=log),
        series=(Series(label="a", role=1, x=[0, 1], y=[1.0, 2.0]),),
        marks=(Mark(position=level, label="clipped", kind="level"),),
    )
    low, high = (to_echarts(figure)["yAxis"].get(end) for end in ("min", "max"))
    assert (low is not None, high is not None) == limited
    assert low is None or low < level
    assert high is None or high > level


def test_intervals_end_at_the_edge_and_crosses_are_marked():
    """ECharts leaves out a line of which an end is out of sight; the drawing has as many crosses and intervals."""
    figure = Figure(
        name="peaks",
        x=Axis(title="peak", log=True),
        y=Axis(title="loss", low=0.5, high=2.5),
        series=(
            Series(label="a", role=1, x=[1e-3, 1e-2], y=[1.0, 2.0], margins=[0.25, 1.0], crossed=[1]),
            Series(label="b", role=2, x=[1e-3], y=[1.5], margins=[0.0]),
        ),
        apart=1.1,
    )
    options = to_echarts(figure)
    first, second = options["series"]
    assert first["data"][0] == [1e-3, 1.0, 0.25]
    assert first["data"][1]["value"] == [1e-2, 2.0, 1.0]
    assert first["data"][1]["symbol"].startswith("path://")
    ends = [[end["coord"][1] for end in line] for line in first["markLine"]["data"]]
    assert ends == [[0.75, 1.25], [1.0, 2.5]]
    assert "markLine" not in second
    assert options["xAxis"]["min"] < 1e-3 < 1e-2 < options["xAxis"]["max"]
    drawing = to_svg(figure, inline=True)
    assert (drawing.count(" V "), drawing.count("l 10 10")) == (2, 1)
    # Set apart, so that intervals of two lines at one peak can be told from each other.
    assert figure.shifted(0)[0] < 1e-3 < figure.shifted(1)[0]


def test_light_and_dark_name_the_same_colors():
    """A page says each of them for both screens."""
    assert set(LIGHT) == set(DARK)
    text = page_with(["a"])
    for colors in (LIGHT, DARK):
        assert all(f"--{name}: {value};" in text for name, value in colors.items())
