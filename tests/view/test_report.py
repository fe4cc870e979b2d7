"""What reports share: charts to look into as data, and the one script that draws them, where the library is there."""

import json
import math
import subprocess
import sys
from dataclasses import replace

import pytest

from preheat.view import inline_svg, plot_series
from preheat.view.echarts import echarts_library, report_options, with_margins
from preheat.view.image import DARK, LIGHT
from preheat.view.report import Chart, as_data, chart_script, drawings, fill
from support.pages import CHROMIUM, Page, opened, refuse_other_scripts, without_library

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "]]>\u2028&amp;",
    '"><img src=x onerror=alert(1)>',
    "体育",
]


def page_of(chart):
    """A page of one chart."""
    group = {"name": "g", "sentence": "s", "drawn": drawings([chart]), "cause": "", "evidence": (), "numbers": []}
    log = {"path": "log.csv", "kind": "CSV", "total": None, "notes": ()}
    return fill("preheat.auditing/report.html.jinja", charts=[chart], name="n", log=log, verdict="v", tiles=[],
                groups=[group], plans=[], held=False, peak=None, series=[])  # fmt: skip


def chart_of(names):
    """A chart whose curves have these names."""
    series = {name: ([0, 1, 2], [0.1 * place, 0.2, 0.3]) for place, name in enumerate(names)}
    svg = inline_svg(plot_series(series, ylabel="", legend=False), prefix="it", label=names[0])
    legend = [(f"line c{place}", name) for place, name in enumerate(names, 1)]
    marks = {f"mark {names[0]}": [1.0]}
    return Chart("it", names[0], "", svg, legend, [names[0]], report_options(series, marks=marks))


def page_with(names):
    return page_of(chart_of(names))


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
        assert report.page.title() == "Audit n: preheat report"
        assert "Content Security Policy" in "".join(report.said)
        assert report.shown("it") == (True, False)
    path.write_text(text.replace("(echarts) => {", "(echarts) => { "), encoding="utf-8")
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


def test_page_of_drawings_alone_has_no_script():
    """Though the library is there: nothing would be drawn with it."""
    assert Page(page_of(replace(chart_of(["a"]), options=None))).scripts == []


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
    options = report_options(
        {"used": ([0.0, 1.0, 2.0], [0.1, math.nan, 1 / 3])},
        borders=("a phase hands over", [100, 101, 300]),
        level=("clipped", 0.2),
        reach=1000,
    )
    json.dumps(options, allow_nan=False)
    used, borders, level = options["series"]
    assert used["data"] == [[0, 0.1], [1, None], [2, 0.3333333]]
    assert [line["label"] for line in borders["markLine"]["data"]] == [
        {"formatter": "100"}, {"show": False}, {"formatter": "300"}
    ]  # fmt: skip
    assert (level["name"], level["markLine"]["data"][0]["yAxis"]) == ("clipped", 0.2)
    assert "markLine" not in used


@pytest.mark.parametrize(
    ("level", "log", "limits"),
    [
        (5.0, True, (None, 6.0)),
        (0.6, True, (0.5, None)),
        (0.6, False, (None, None)),
        (5.0, False, (None, 6.0)),
        (1.5, True, (None, None)),
    ],
)
def test_axis_reaches_a_level_beyond_the_curves(level, log, limits):
    """A norm is clipped to more than any that was seen: the level is to be seen all the same."""
    options = report_options({"a": ([0, 1], [1.0, 2.0])}, level=("clipped", level), log=log)
    assert (options["yAxis"].get("min"), options["yAxis"].get("max")) == limits


def test_intervals_end_at_the_edge_and_crosses_are_marked():
    """ECharts leaves out a line of which an end is out of sight."""
    series = {"a": ([1e-3, 1e-2], [1.0, 2.0]), "b": ([1e-3], [1.5])}
    options = report_options(series, xlabel="peak", log_x=True, limits=(0.5, 2.5))
    with_margins(options, {"a": [0.25, 1.0], "b": [0.0]}, {"a": [1]})
    first, second = options["series"]
    assert first["data"][0] == [1e-3, 1.0, 0.25]
    assert first["data"][1]["value"] == [1e-2, 2.0, 1.0]
    assert first["data"][1]["symbol"].startswith("path://")
    ends = [[end["coord"][1] for end in line] for line in first["markLine"]["data"]]
    assert ends == [[0.75, 1.25], [1.0, 2.5]]
    assert second["markLine"]["data"] == []
    assert options["xAxis"]["min"] < 1e-3 < 1e-2 < options["xAxis"]["max"]


def test_light_and_dark_name_the_same_colors():
    """A page says each of them for both screens."""
    assert set(LIGHT) == set(DARK)
    text = page_with(["a"])
    for colors in (LIGHT, DARK):
        assert all(f"--{name}: {value};" in text for name, value in colors.items())
