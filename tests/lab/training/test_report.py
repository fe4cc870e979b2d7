"""The report of a run: what it says, what it survives, and that it asks for nothing outside itself."""

import json
import re
import subprocess
import sys
import time
from contextlib import nullcontext

import numpy as np
import pytest

import preheat
from preheat.lab.training.folder import RunFolder
from preheat.lab.training.records import read_run
from preheat.lab.training.report import by_class, write_run_report
from preheat.lab.training.run_logger import RunLogger
from preheat.messages import _
from preheat.view.figure import number, running_mean, thin
from support.pages import CHROMIUM, Page, browse, opened, refuse_other_scripts, unreadable, without_library
from support.run_folders import record, result, write, write_lines, write_run

HOSTILE = ["<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "体育 & 新闻"]


def page_of(folder):
    return page_at(write_run_report(folder))


def page_at(path):
    return Page(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module", params=["charts", "drawings"])
def full(request, tmp_path_factory):
    """The page of a complete run with everything recorded, with charts to look into and where nicegui is not there."""
    folder = write_run(tmp_path_factory.mktemp("runs") / "news", spike=20)
    with without_library() if request.param == "drawings" else nullcontext():
        return page_of(folder)


def test_page_tells_the_run_in_words_and_numbers(full):
    """Scores, curves in words, events with the schedule there, schedule, plan, settings, environment."""
    for words in (
        "Complete: 144 of 144 updates.",
        "Test accuracy 0.8942 best checkpoint, 208 rows",
        "1 min 15 s",
        "Update 0 used 0, update 14 the most, 0.001, and update 143, the last one recorded, 7.692e-6."
        " Used and planned rates are the same.",
        "the largest 913 at update 20. Clipped to 1: 47 of 144 (0.326) updates.",
        "Measured at 14 of 144 (0.097) updates",
        "the rate used was at most 0.3645 of the critical one, at update 25, and above it at 0 of 12 (0.000).",
        "2 groups; where last recorded, from 3.462e-5 (body) to 6.923e-5 (head).",
        "spike loss 4.10, 6.2 times the spread above the mean of the last 50 9.538e-4 (0.954 of the peak) 14, 6 before",
        "Tokens a second: 11,100 at the median",
        "updates 14 to 143: linear, 0.001 -> 0",
        "batches per epoch: ceil(1536 / 32) = 48",
        "3 144 0.3800 0.8800 0.8700 best",
        "Largest gradient norm; 0 does not clip.",
        "precision fp32",
        "test rows 208",
        "3: business, sport, tech",
    ):
        assert words in full.text, words


def test_page_has_the_curves_of_what_was_recorded(full):
    """Six drawings, each with a label and a heading; events are marked in all but the groups'."""
    drawings = full.all("svg")
    assert [drawing["id"] for drawing in drawings] == ["lr", "groups", "loss", "norm", "ratio", "critical"]
    assert all(drawing["role"] == "img" and len(drawing["aria-label"]) > 30 for drawing in drawings)
    assert full.text.count("spike (1)") == 5
    assert "Not recorded, so not drawn" not in full.text


def test_page_is_sound_and_can_be_used_without_seeing_it(full):
    """Ids are unique, every reference finds its own, tables have headers."""
    assert len(full.ids) == len(set(full.ids))
    assert set(full.references()) <= set(full.ids)
    assert full.all("html") == [{"lang": "en"}]
    assert all("scope" in header for header in full.all("th"))
    assert all(
        {"role", "aria-labelledby", "tabindex"} <= set(box) for box in full.all("div") if box.get("class") == "wide"
    )


def test_page_names_nothing_outside_itself(full):
    """No source, no link, no style sheet, no font; the policy in the page would not let them load either."""
    refuse_other_scripts(full)


def test_charts_to_look_into_hold_what_was_recorded(full):
    """Each drawing's numbers stand beside it, by the legend's words; without nicegui there is no data and no script."""
    if not full.scripts:
        assert "script" not in full.source
        return
    assert len(full.charts) == len(full.drawings) == 6
    loss = {series["name"]: series for series in full.charts[2]["series"]}
    assert list(loss) == ["each update", "mean of 3", "validation", "spike (1)", "skip (1)", "resume (1)"]
    assert loss["each update"]["data"][20] == [20, 41.5]
    assert [len(series["data"]) for series in loss.values()] == [144, 144, 3, 0, 0, 0]
    assert loss["spike (1)"]["markLine"]["data"][0]["xAxis"] == 20
    assert {name for name in loss if name not in full.text} == set()
    (clip,) = [series for series in full.charts[3]["series"] if series["name"] == "clipped to 1"]
    assert clip["markLine"]["data"][0]["yAxis"] == 1.0


def test_page_speaks_its_readers_language(tmp_path, monkeypatch):
    """Whole sentences, with the events that the run wrote down; names, settings and their values stay."""
    folder = write_run(tmp_path / "news", spike=20)
    with RunLogger(RunFolder(folder), preheat.parse("hold forever"), 10, lambda _line: None, main=True) as logger:
        logger.event("skip", 7, _("the gradients overflowed in half precision; the scale was lowered"))
    monkeypatch.setenv("PREHEAT_LANG", "zh")
    page = page_of(folder)
    assert page.all("html") == [{"lang": "zh-CN"}]
    for words in (
        "已完成：共 144 步，已训练 144 步。",
        "测试准确率 0.8942 最佳检查点，208 个样本",
        "第 0 步的学习率为 0，第 14 步最高，为 0.001，最后记录的第 143 步为 7.692e-6。实际学习率与调度完全一致。",
        "跳过 半精度梯度溢出；已降低缩放系数",
        "损失尖峰（1）",
        "clip 1.0 5.0 梯度范数的上限；0 表示不裁剪。",
        "由 preheat 根据训练目录中的文件生成。步从 0 开始编号；比例和成绩都在 0 与 1 之间。",
    ):
        assert words in page.text, words
    written = [json.loads(line) for line in (folder / "events.jsonl").read_text(encoding="utf-8").splitlines()]
    assert written[-1]["text"] == "the gradients overflowed in half precision; the scale was lowered"


def test_same_folder_same_page(tmp_path):
    """Byte for byte, with nothing left beside it."""
    folder = write_run(tmp_path / "run")
    before = {file.name for file in folder.iterdir()}
    pages = [write_run_report(folder).read_bytes() for _ in range(2)]
    assert pages[0] == pages[1]
    assert {file.name for file in folder.iterdir()} == before | {"report.html"}


def test_names_that_look_like_code_are_only_text(tmp_path):
    """Classes, events, groups, settings and the folder itself; Chinese comes through as it is."""
    folder = write_run(tmp_path / "a<b>&c", classes=HOSTILE, config={"data": HOSTILE[0], "extra": {"<b>": "<i>"}})
    write_lines(folder / "events.jsonl", [{"update": 3, "event": HOSTILE[1], "text": HOSTILE[0]}, {"event": "end"}])
    records = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    write_lines(folder / "records.jsonl", [line | {"lrs": {HOSTILE[0]: 0.1, "$x_{1": 0.2}} for line in records])
    page = page_of(folder)
    assert not {"img", "b"} & {tag for tag, _ in page.elements}
    refuse_other_scripts(page)
    assert [series["name"] for series in page.charts[1]["series"]] == [HOSTILE[0], "$x_{1"]
    for name in (*HOSTILE, "$x_{1", "Run a<b>&c", "<b>=<i>"):
        assert name in page.text
    assert "other events (1)" in page.text


def test_drawings_hold_no_words_of_the_run(tmp_path):
    """Only numbers and 'update' are text there: fonts for other scripts are the page's matter."""
    folder = write_run(tmp_path / "run", classes=HOSTILE)
    source = page_of(folder).source
    texts = {
        text for drawing in re.findall(r"<svg.*?</svg>", source) for text in re.findall(r"<text[^>]*>([^<]*)<", drawing)
    }
    assert {text for text in texts if not re.fullmatch(r"[\d.,e-]+", text)} == {"update"}


def test_unfinished_run_says_how_far_it_got(tmp_path):
    """Its plan is drawn to the end, its best evaluation so far is marked, and no test score is made up."""
    page = page_of(write_run(tmp_path / "run", finished=False, done=100, events=False, extras=False))
    assert "Unfinished: 100 of 144 updates are recorded, and there is no test score." in page.text
    assert "The run is not finished: nothing was scored on the test split." in page.text
    assert "planned" in page.words
    assert "best so far" in page.text
    assert "No event is recorded." in page.text
    missing = "learning rates of parameter groups, update-to-weight ratio, critical learning rate"
    assert f"Not recorded, so not drawn: {missing}." in page.text


def test_run_that_was_ended_early_is_not_called_complete(tmp_path):
    """Scored all the same; the rest of the plan is drawn."""
    folder = write_run(tmp_path / "run", done=100)
    write(folder / "result.json", result(folder, 100, [48, 96], None))
    page = page_of(folder)
    assert "Ended early, and scored: 100 of 144 updates." in page.text
    assert "planned" in page.words
    assert "2 96 0.5000 0.8400 0.8300 best" in page.text


def test_run_without_a_record_yet_is_reported(tmp_path):
    """Only config.json is there."""
    folder = write_run(tmp_path / "run", finished=False, done=0, events=False)
    for name in ("records.jsonl", "evaluations.jsonl"):
        (folder / name).unlink()
    page = page_of(folder)
    assert "Unfinished: no update of 144 is recorded yet." in page.text
    assert "No evaluation is recorded yet." in page.text
    assert "Tokens a second: not recorded." in page.text
    assert not page.all("svg")


def test_null_is_never_a_number(tmp_path):
    """A lost loss is named, norms that were never measured are not drawn, unscored values say so."""
    folder = write_run(tmp_path / "run", confusion=None)
    records = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    gone = {"grad_norm": None, "tokens_per_second": None, "seconds": None, "tokens": None}
    lines = [line | gone | ({"loss": None} if line["update"] in (5, 17) else {}) for line in records]
    write_lines(folder / "records.jsonl", lines)
    write_lines(folder / "evaluations.jsonl", [{"epoch": 0, "update": 48, "split": "validation", "loss": None}])
    page = page_of(folder)
    assert "Not finite at 2 of 144 (0.014) updates: 5, 17." in page.text
    assert "Not recorded, so not drawn: gradient norm." in page.text
    assert "1 48 not recorded not recorded not recorded" in page.text
    assert "The confusion matrix is not recorded." in page.text
    assert "nan" not in page.text.lower().split()


def test_used_and_planned_rates_that_differ_are_both_drawn(tmp_path):
    """Half the planned rate from update 50 on."""
    folder = write_run(tmp_path / "run")
    records = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    write_lines(
        folder / "records.jsonl", [line | {"lr": line["lr"] / (1 + (line["update"] >= 50))} for line in records]
    )
    page = page_of(folder)
    assert "Used and planned rates differ by at most 0.3615 of the planned peak." in page.text
    assert "planned" in page.words


def test_half_a_last_line_is_left_out_and_damage_is_refused(tmp_path):
    """As a kill leaves it; anything else is named with its line."""
    folder = write_run(tmp_path / "run", finished=False, done=60)
    with (folder / "records.jsonl").open("a") as file:
        file.write('{"update": 60, "lr"')
    assert read_run(folder).done == 60
    for line, message in (
        ("{]", "line 61: cannot be read as JSON"),
        ("[1]", r"line 61 must be an object; got \[1\]. Restore"),
        ('{"update": 60, "lr": "x"}', "line 61 must be the record of an update"),
        ("\x00\x00", "line 61: cannot be read as JSON"),
        ('{"lr": 0.1}', "line 61 must be the record of an update"),
    ):
        lines = (folder / "records.jsonl").read_text().split("\n")[:60]
        (folder / "records.jsonl").write_text("\n".join([*lines, line, ""]))
        with pytest.raises(preheat.RunError, match=message):
            write_run_report(folder)
    assert not (folder / "report.html").exists()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (None, "run must be a folder that preheat train wrote; got .* It has no config.json"),
        ({"format": 1}, "run must be of format 2; got 1. Use the release that wrote it."),
        ({"format": 2}, "config.json must be a header with config, .* It lacks config, classes"),
    ],
)
def test_folders_that_are_no_run_are_refused(tmp_path, change, message):
    """With what is missing."""
    if change:
        write(tmp_path / "config.json", change)
    with pytest.raises(preheat.RunError, match=message):
        write_run_report(tmp_path)


def test_confusion_of_another_shape_is_refused(tmp_path):
    """Two rows for three classes."""
    folder = write_run(tmp_path / "run", confusion=((1, 2), (3, 4)))
    with pytest.raises(preheat.RunError, match="confusion must be 3 rows of 3 counts, one for each class; got '2 rows"):
        write_run_report(folder)


def test_class_scores_equal_scikit_learn():
    """Precision, recall and F1 of drawn labels, with classes never guessed and never seen."""
    from sklearn.metrics import confusion_matrix, precision_recall_fscore_support

    draw = np.random.default_rng(0)
    for classes in (2, 5, 12):
        truth, guess = draw.integers(0, classes - 1, 60), draw.integers(1, classes, 60)
        labels = list(range(classes))
        matrix = confusion_matrix(truth, guess, labels=labels)
        expected = precision_recall_fscore_support(truth, guess, labels=labels, zero_division=np.nan)
        scores = by_class([str(label) for label in labels], matrix.tolist())
        for values, name in zip(expected, ("precision", "recall", "f1", "rows"), strict=True):
            own = [getattr(one, name) for one in scores]
            assert [np.nan if value is None else value for value in own] == pytest.approx(
                values, abs=1e-12, nan_ok=True
            )
    assert scores[0].precision is None
    assert scores[-1].recall is None


def test_many_classes_get_a_list_of_mistakes(tmp_path):
    """A matrix of 300 classes would be no page: the worst pairs and the lowest scores instead."""
    names = [f"class {index}" for index in range(300)]
    confusion = [
        [5 * (row == column) + 3 * (column == (row + 1) % 300 and row < 40) for column in range(300)]
        for row in range(300)
    ]
    folder = write_run(tmp_path / "run", classes=names, confusion=confusion)
    page = page_of(folder)
    assert "Most frequent mistakes" in page.text
    assert "class 0 class 1 3" in page.text
    assert "The 200 classes with the lowest F1; 100 more are left out." in page.text
    assert len(page.source) < 400_000


def test_settings_that_were_chosen_come_first(full):
    """What differs from the default of the run's own model and schedule; then the rest."""
    text = full.text.partition("Not at the default")[2]
    chosen, _, rest = text.partition("At the default")
    assert "epochs 3 8" in chosen
    assert "clip 1.0 5.0" in chosen
    assert "lr 0.001 0.001" in rest
    assert "warmup 10% 10%" in rest


def test_thinning_keeps_spikes_ends_and_gaps():
    """A hundred single spikes and dips, and a stretch of nothing, in 10**6 values."""
    draw = np.random.default_rng(0)
    values = draw.normal(size=10**6)
    spikes = draw.choice(10**6, 100, replace=False)
    values[spikes] = draw.choice([-50, 50], 100) + draw.normal(size=100)
    values[400_000:420_000] = np.nan
    chosen = thin(values)
    assert len(chosen) <= 2000
    assert (np.diff(chosen) > 0).all()
    assert {0, 10**6 - 1} <= set(chosen.tolist())
    kept = values[chosen]
    assert np.nanmax(kept) == np.nanmax(values)
    assert np.nanmin(kept) == np.nanmin(values)
    inside = (chosen >= 401_000) & (chosen < 419_000)
    assert inside.any()
    assert np.isnan(kept[inside]).all()
    for start in range(0, 10**6, 10_000):  # every stretch that is clearly wider than a pixel has its own extremes
        stretch = (chosen >= start) & (chosen < start + 10_000)
        part = values[start : start + 10_000]
        if not np.isnan(part).all():
            assert np.nanmax(kept[stretch]) == np.nanmax(part) or np.isnan(part).any()


def test_running_mean_equals_the_mean_of_each_window():
    """With gaps, and without a large value leaving its rounding behind."""
    draw = np.random.default_rng(0)
    for many, width in ((1, 1), (7, 3), (100, 8), (100, 200)):
        values = draw.normal(size=many)
        values[draw.random(many) < 0.3] = np.nan
        for index, mean in enumerate(running_mean(values, width)):
            window = values[max(0, index + 1 - width) : index + 1]
            window = window[~np.isnan(window)]
            assert mean == pytest.approx(window.mean() if len(window) else np.nan, nan_ok=True)
    values[:] = 1e-3
    values[3] = 1e13
    assert running_mean(values, 8)[-1] == pytest.approx(1e-3, rel=1e-12)


def test_long_runs_make_small_pages(tmp_path):
    """200,000 updates with thousands of events: each spike is drawn, the page is below 1.5 MB, or 3 to look into."""
    updates = 200_000
    folder = write_run(tmp_path / "run", updates=updates, done=0)
    schedule = read_run(folder).schedule
    line = record(schedule, 25, updates, extras=True)
    with (folder / "records.jsonl").open("w") as file:
        for update in range(updates):
            lr, loss = 1e-3 * schedule(update), 1 + (update * 7919 % 1000) / 1000
            values = {"update": update, "lr": lr, "grad_norm": loss * 3, "update_ratio": loss / 1e3}
            file.write(json.dumps({**line, **values, "loss": 44.5 if update == 123_457 else loss}) + "\n")
    kinds = ("spike", "skip", "resume", "other")
    write_lines(
        folder / "events.jsonl", [{"update": 40 * n, "event": kinds[n % 4], "text": "x" * 80} for n in range(5000)]
    )
    write_lines(
        folder / "evaluations.jsonl",
        [{"epoch": n, "update": 100 * n, "split": "validation", "loss": 1.0, "accuracy": 0.5} for n in range(2000)],
    )
    write(folder / "result.json", result(folder, updates, [updates], None))
    start = time.process_time()
    with without_library():
        source = write_run_report(folder).read_text(encoding="utf-8")
    assert time.process_time() - start < 20
    assert len(source) < 1_500_000
    loss = re.search(r'<svg[^>]*id="loss".*?</svg>', source)[0]
    heights = [float(y) for path in re.findall(r' d="(M [^"]*)"', loss) for y in re.findall(r"L [\d.]+ ([\d.]+)", path)]
    assert min(heights) < 30  # the spike reaches the top of the drawing
    assert "4,800 earlier ones are in events.jsonl" in Page(source).text
    path = write_run_report(folder)
    assert path.stat().st_size < 3_000_000
    assert [123_457, 44.5] in page_at(path).charts[2]["series"][0]["data"]


def test_real_run_is_reported(tmp_path, tiny):
    """What the harness writes, read back."""
    folder = tmp_path / "run"
    done = preheat.lab.training.train(tiny(max_updates=40), folder, say=lambda line: None)
    page = Page((folder / "report.html").read_text())
    assert "Complete: 40 of 40 updates." in page.text
    assert f"{done['test']['accuracy']:.4f}" in page.text
    assert "Used and planned rates are the same." in page.text
    assert {"lr", "loss", "norm"} <= {drawing["id"] for drawing in page.all("svg")}


def test_missing_extra_is_one_line(tmp_path, monkeypatch):
    """Where Jinja2 is not installed."""
    monkeypatch.setitem(sys.modules, "jinja2", None)
    with pytest.raises(preheat.MissingExtraError, match=r"jinja2 is not installed: pip install 'preheat\[plot\]'"):
        write_run_report(write_run(tmp_path / "run"))


def test_report_needs_no_torch(tmp_path):
    """A page is made on machines that have none."""
    folder = write_run(tmp_path / "run")
    code = "import sys; sys.modules['torch'] = None; from preheat.lab import write_run_report as write"
    subprocess.run([sys.executable, "-W", "error", "-c", f"{code}; write({str(folder)!r})"], check=True)
    assert (folder / "report.html").is_file()


@pytest.mark.skipif(CHROMIUM is None, reason="NO BROWSER: install chromium to see the report opened for real")
def test_page_opens_in_a_browser_and_asks_for_nothing(tmp_path):
    """Its own policy reports whatever a page asks for on the console: nothing here, an image put in to prove it."""
    path = write_run_report(write_run(tmp_path / "run", classes=HOSTILE))
    source, console = browse(path, tmp_path / "profile")
    assert console == []
    page = Page(source)
    assert HOSTILE[0] in page.text
    assert len(page.drawings) == 6
    path.write_text(path.read_text().replace("<main>", '<main><img src="http://outside.test/a.png">'))
    _, console = browse(path, tmp_path / "profile")
    assert "Content Security Policy" in "".join(console)


@pytest.mark.skipif(CHROMIUM is None, reason="NO BROWSER: install chromium to see the report opened for real")
def test_charts_answer_the_mouse_with_what_was_recorded(tmp_path):
    """ECharts draws them, a hint has the record's own numbers, names stay text, and nothing is asked for."""
    folder = write_run(tmp_path / "run", spike=20)
    records = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]
    groups = dict.fromkeys(HOSTILE[:2], 2.5e-4)
    write_lines(folder / "records.jsonl", [line | {"lrs": groups} for line in records])
    path = write_run_report(folder)
    with opened(path) as report:
        assert [report.shown(name) for name in ("lr", "groups", "loss", "norm", "ratio", "critical")] == [
            (True, False)
        ] * 6
        rate = number(records[70]["lr"], 6)
        assert report.hint("lr", 70) == f"update 70 used: {rate} planned: {rate}"
        assert f"each update: {number(records[100]['loss'], 6)} mean of 3: " in report.hint("loss", 100)
        assert report.hint("groups", 9) == f"update 9 {HOSTILE[0]}: 2.5e-4 {HOSTILE[1]}: 2.5e-4"
        assert report.page.locator("img").count() == 0
        assert (report.asked, report.said) == ([path.as_uri()], [])


@pytest.mark.skipif(CHROMIUM is None, reason="NO BROWSER: install chromium to see the report opened for real")
def test_charts_are_zoomed_and_their_curves_hidden(tmp_path):
    """Dragging shows a part, a double click all of it again; the wheel is the page's; buttons hide curves."""
    with opened(write_run_report(write_run(tmp_path / "run"))) as report:
        chart = report.chart("loss")
        box = chart.locator(".chart").bounding_box()
        numbers = chart.locator(".chart svg text")
        before = numbers.all_text_contents()
        report.page.mouse.move(box["x"] + 300, box["y"] + 60)
        report.page.mouse.down()
        report.page.mouse.move(box["x"] + 400, box["y"] + 160, steps=4)
        report.page.mouse.up()
        back = chart.get_by_role("button", name="Show all")
        back.wait_for(state="visible")
        assert not {"0", "144"} & set(numbers.all_text_contents())
        above = report.page.evaluate("scrollY")
        for way in (30, -30):
            report.page.mouse.wheel(0, way)
            above += way
            assert report.scrolled_to(above)
        report.page.mouse.dblclick(box["x"] + 300, box["y"] + 60)
        back.wait_for(state="hidden")
        assert numbers.all_text_contents() == before
        mean = chart.get_by_role("button", name="mean of 3")
        assert mean.get_attribute("aria-pressed") == "true"
        assert "mean of 3: " in report.hint("loss", 60)
        mean.click()
        assert mean.get_attribute("aria-pressed") == "false"
        assert "mean of 3: " not in report.hint("loss", 100)
        assert report.said == []


@pytest.mark.skipif(CHROMIUM is None, reason="NO BROWSER: install chromium to see the report opened for real")
def test_paper_and_browsers_without_scripts_have_the_drawings(tmp_path):
    """Printed from a page that runs its script, and opened in one that runs none; on a telephone nothing is cut off."""
    path = write_run_report(write_run(tmp_path / "run"))
    with opened(path, color_scheme="dark") as report:
        assert report.shown("loss") == (True, False)
        light = report.chart("loss").locator(".chart svg text").first
        assert light.evaluate("text => getComputedStyle(text).fill") == "rgb(237, 237, 236)"
        report.page.emulate_media(media="print")
        assert report.shown("loss") == (False, True)
    with opened(path, java_script_enabled=False) as report:
        assert report.shown("loss") == (False, True)
        assert report.said == []
    with opened(path, viewport={"width": 390, "height": 800}, has_touch=True, is_mobile=True) as report:
        assert report.shown("loss") == (True, False)
        assert report.page.evaluate("document.documentElement.scrollWidth") == 390
        box = report.chart("lr").locator(".chart").bounding_box()
        report.page.touchscreen.tap(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
        report.chart("lr").get_by_text(re.compile(r"^update 6\d$")).wait_for(state="visible")


@pytest.mark.skipif(CHROMIUM is None, reason="NO BROWSER: install chromium to see the report opened for real")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everyone_can_read_the_page(tmp_path, scheme):
    """axe-core has nothing serious to say."""
    path = write_run_report(write_run(tmp_path / "run"))
    with opened(path, color_scheme=scheme) as report:
        assert unreadable(report.page) == []
