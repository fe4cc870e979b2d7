"""What a study says: sensitivities, failures, comparisons by seed, advice; and the files it says it in."""

import json
import math
from statistics import mean

import pyarrow.parquet
import pytest
from hypothesis import given
from hypothesis import strategies as st

import preheat
from preheat.lab.studies.design import StudyDesign
from preheat.lab.studies.driver import run_study
from preheat.lab.studies.executors import LocalProcesses
from preheat.lab.studies.findings import analyze_study, lines_of, sensitivity
from preheat.lab.studies.report import write_study_report
from preheat.lab.studies.table import RunRow, export_study
from preheat.lab.training.records import write_json
from preheat.view.figure import number
from support.pages import CHROMIUM, Page, browse, opened, refuse_other_scripts, unreadable, without_library
from support.runs import quiet

PEAKS = (1e-4, 1e-3, 1e-2)


def rows_of(warmup, losses, schedule="linear", horizon=100):
    """Runs of one line: a list of losses a peak, a value a seed; None for one that went wrong."""
    return [
        RunRow(
            f"{schedule} {warmup} {lr} {seed}", lr, warmup, schedule, horizon, seed,
            "went wrong" if loss is None else "missing" if loss == "missing" else "done", 41,
            loss=None if loss == "missing" else loss, accuracy=None if loss in (None, "missing") else 0.5,
        )
        for lr, each in zip(PEAKS, losses, strict=True)
        for seed, loss in enumerate(each)
    ]  # fmt: skip


def line(*losses, initial=2.0):
    return lines_of(rows_of(0, losses), initial)[0]


class Table:
    """A study's table whose records are given: every run has 41 updates, falling to its final loss."""

    def __init__(self, *rows, beta2=0.98):
        self.rows = [row for each in rows for row in each]
        self.folder = self
        self._header = {"design": {"train": {"beta2": beta2}}}

    def header(self):
        return self._header

    def records(self, name):
        row = next(row for row in self.rows if row.name == name)
        if row.state == "missing":
            return []
        end = 2.0 if row.loss is None else row.loss
        return [{"update": k, "lr": row.lr, "loss": 2.0 + (end - 2.0) * k / 40} for k in range(41)]


def test_sensitivity_is_the_mean_over_log_peaks():
    """By hand: trapezoids between 1.0, 0.5, 1.5 less 0.5; uneven peaks weigh by their logarithm."""
    assert sensitivity([1e-4, 1e-3, 1e-2], [1.0, 0.5, 1.5]) == pytest.approx((0.25 + 0.5) / 2)
    assert sensitivity([1.0, math.e, math.e**4], [1.0, 0.0, 1.0]) == pytest.approx((0.5 + 1.5) / 4)


@given(
    st.lists(st.floats(0.0, 5.0), min_size=2, max_size=8), st.floats(1e-6, 1.0), st.floats(1.1, 9.0), st.floats(0, 3)
)
def test_sensitivity_of_any_losses(losses, low, ratio, up):
    """Never below 0, 0 for equal ones, the same whatever is added to all or whichever way round."""
    peaks = [low * ratio**place for place in range(len(losses))]
    found = sensitivity(peaks, losses)
    assert 0 <= found <= max(losses) - min(losses) + 1e-9
    assert sensitivity(peaks, [losses[0]] * len(peaks)) == 0
    assert sensitivity(peaks, [loss + up for loss in losses]) == pytest.approx(found, abs=1e-9)
    assert sensitivity(peaks, losses[::-1]) == pytest.approx(found, abs=1e-9)


def test_line_over_peaks():
    """Losses count at most as the initial one; failures, usable peaks and the boundary beside them."""
    one = line([1.0, 1.2], [0.5, 0.502], [1.6, None])
    assert [point.losses for point in one.points][2] == {0: 1.6, 1: 2.0}
    assert one.best.lr == 1e-3
    assert one.points[2].failed == (0, 1)  # above the middle of 2 and 0.501; and bad numbers
    assert one.boundary() == "between 0.001 and 0.01"
    assert one.sensitivities() == pytest.approx({0: (0.25 + 0.55) / 2, 1: ((1.2 - 0.502) / 2 + (2 - 0.502) / 2) / 2})
    usable = one.usable()
    assert (usable.low, usable.high, usable.words()) == (1e-3, 1e-3, "0.001 alone")
    wide = line([0.5], [0.502], [0.504])
    assert wide.usable().words() == "0.0001 to 0.01 (100x), or more on both sides"
    assert wide.boundary() == "above 0.01, the highest tried"
    assert line([1.9], [1.5], [0.5]).boundary() == "above 0.01, the highest tried"  # the low ones only came less far


def test_a_seed_counts_at_the_peak_the_others_choose():
    """Picking the lowest of noise is not rewarded."""
    one = line([0.5, 0.9, 0.9], [0.8, 0.4, 0.8], [0.7, 0.7, 0.3])
    picked = {0: 1e-2, 1: 1e-2, 2: 1e-3}  # by the means of the other two
    assert one.held_out() == {seed: one.points[PEAKS.index(lr)].losses[seed] for seed, lr in picked.items()}
    assert mean(one.held_out().values()) > mean(one.best.losses.values())


def test_lines_are_told_apart_by_seed_only_where_they_are():
    """Seeds vary by 0.2, alike in all lines: a difference of 0.02 in every one is seen, one of either sign is not."""
    seeds = [0.5, 0.6, 0.7]
    base = rows_of(0, [[2.0] * 3, seeds, [1.9] * 3])
    worse = rows_of(10, [[2.0] * 3, [loss + 0.02 + 0.001 * n for n, loss in enumerate(seeds)], [1.9] * 3])
    noise = rows_of("10%", [[2.0] * 3, [0.53, 0.58, 0.72], [0.8] * 3])
    (found,) = analyze_study(Table(base, worse, noise)).horizons
    verdicts = {one.line.warmup: one.verdict for one in found.compared}
    assert verdicts[0] == "lowest"
    assert verdicts[10].startswith("worse by 0.0210 ± 0.00")
    assert verdicts["10%"] == "not distinguishable with 3 seeds"
    said = " ".join(found.advice)
    at = "linear, warm-up 0, peak 0.001; within 1 % of it: 0.001 alone"
    assert said.startswith(f"Lowest loss, 0.6000 ± 0.2484: {at}. ")
    assert "would be 100 updates" in said
    assert "Worse: linear, warm-up 10 by 0.0210" in said
    fail = "between 0.001 and 0.01 (warm-up 0); above 0.01, the highest tried (warm-up 10%); between"
    assert f"the peak at which half of the seeds fail: {fail}" in said
    assert "LR sensitivity compared with warm-up 0: -0.2" in said


def test_no_difference_is_an_outcome():
    """And so is too little to tell."""
    losses = [[1.0, 1.1, 1.2], [0.5, 0.6, 0.7], [1.5, 1.6, 1.7]]
    other = [[loss + (-1) ** seed * 0.01 for seed, loss in enumerate(each)] for each in losses]
    (found,) = analyze_study(Table(rows_of(0, losses), rows_of(10, other))).horizons
    assert "at its best peak the length of the warm-up makes no difference that 3 seeds show." in " ".join(found.advice)
    (single,) = analyze_study(Table(rows_of(0, [[1.0], [0.5], [1.5]]), rows_of(10, [[1.0], [0.6], [1.5]]))).horizons
    assert "One seed tells no difference: add seeds with --extend." in single.advice
    (edge,) = analyze_study(Table(rows_of(0, [[1.0] * 2, [0.5] * 2, [0.4] * 2]))).horizons
    assert any("widen the range" in sentence for sentence in edge.advice)
    assert analyze_study(Table(rows_of(0, [["missing"]] * 3))) is None
    half = analyze_study(Table(rows_of(0, [[1.0], [0.5], ["missing"]]))).horizons[0]
    assert half.advice == ("No line has a seed that has ended at every peak yet.",)


def test_one_peak_is_said_to_be_one():
    """Nothing of ranges, failures and sensitivities then, nor of warm-ups where there is one."""
    rows = [row for shape in ("cosine", "linear") for row in rows_of(0, [[1.0], [0.5], [1.5]], shape) if row.lr == 1e-3]
    (found,) = analyze_study(Table(rows)).horizons
    assert found.advice[0] == "Lowest loss, 0.5000: cosine, warm-up 0, peak 0.001."
    assert "One peak was tried: at the best peak of each line the order may be another." in found.advice
    assert not [sentence for sentence in found.advice if "untuned" in sentence or "fail" in sentence]
    assert found.compared[0].line.boundary() == found.compared[0].line.usable().words() == "one peak tried"


def test_untuned_is_put_where_its_length_is():
    """Between shorter and longer ones; and what changes nothing is said too."""
    losses = [[1.0, 1.1, 1.2], [0.5, 0.6, 0.7], [1.5, 1.6, 1.7]]
    rows = [rows_of(warmup, losses) for warmup in ("90%", "untuned", 0.1, 5)]
    (found,) = analyze_study(Table(*rows, beta2=0.9)).horizons
    (said,) = (sentence for sentence in found.advice if "LR sensitivity" in sentence)
    same = [f"0.0000 ± 0.0000 (warm-up {warmup}, not distinguishable)" for warmup in (0.1, "untuned", "90%")]
    assert said.endswith(f"compared with warm-up 5: {'; '.join(same)}.")


def test_warmups_of_other_units_come_after_those_of_updates():
    """How many updates an epoch has is not in the table: the one that others are held against is a known one."""
    losses = [[1.0, 1.1, 1.2], [0.5, 0.6, 0.7], [1.5, 1.6, 1.7]]
    (found,) = analyze_study(
        Table(*(rows_of(warmup, losses) for warmup in ("2 epochs", "10%", "1 epochs", 0)))
    ).horizons
    (said,) = (sentence for sentence in found.advice if "LR sensitivity" in sentence)
    places = [said.index(f"(warm-up {name}") for name in ("10%", "1 epochs", "2 epochs")]
    assert places == sorted(places)
    assert "compared with warm-up 0: " in said


def test_nothing_learned_is_said_and_ranks_nothing():
    """Every line at or above the untrained model's loss: no advice on peaks, warm-ups or stopping follows."""
    untrained = [[2.1, 2.0], [2.0, 2.2], [None, None]]
    (found,) = analyze_study(Table(rows_of(0, untrained), rows_of(10, untrained))).horizons
    (said,) = found.advice
    assert said.startswith("No line came below the loss of an untrained model, 2.0000: nothing was learned")
    (found,) = analyze_study(Table(rows_of(0, untrained), rows_of(10, [[2.0, 2.0], [1.9, 1.9], [2.0, 2.0]]))).horizons
    assert found.advice[0].startswith("Lowest loss, 1.9000 ± 0.0000: linear, warm-up 10,")


def test_updates_to_target_and_sums():
    """Every line comes to the target; the best line's best cell needs fewer updates."""
    (found,) = analyze_study(Table(rows_of(0, [[1.0], [0.4], [1.5]]), rows_of(10, [[1.0], [0.8], [1.5]]))).horizons
    first, second = found.compared
    assert first.target < second.target == 41
    assert first.total_rate == pytest.approx(41 * 1e-3)


def test_early_stopping_is_asked_before_it_is_advised():
    """Within shapes and across: of two schedules, one of which falls late."""
    early = [rows_of(warmup, [[1.0 + warmup / 9], [0.5 + warmup / 9], [1.5 + warmup / 9]]) for warmup in (0, 1)]
    (found,) = analyze_study(Table(*early)).horizons
    assert found.rungs.rung(0.5).agreement == pytest.approx(1.0)
    assert "runs like these may be stopped there" in found.advice[-1]
    (few,) = analyze_study(Table(rows_of(0, [[1.0], [0.5], [1.5]]))).horizons
    assert few.rungs is None
    assert "is not known: runs must be 6 or more; got 3" in few.advice[-1]


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A real one: two schedules, two warm-ups, three peaks of which one is far too high, two seeds."""
    size = {"rows": 320, "evaluation_rows": 60, "layers": 1, "width": 16, "heads": 2, "vocabulary": 400}
    design = StudyDesign(
        question="<script>alert(1)</script> 预热?", schedule=["linear", "hold > linear 50% to 0"], warmup=[0, "20%"],
        lr=[1e-3, 1e-2, 1e30], horizon=20, seed=[0, 1], train={"data": "synthetic", **size},
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("studies") / "made"
    return run_study(design, folder, executor=LocalProcesses(2, start="fork"), say=quiet)


def test_page_says_what_the_study_says(study):
    """Advice, tables, pictures with their words, definitions, set-up; nothing of it is code."""
    path = write_study_report(study.folder.path)
    page = Page(path.read_text(encoding="utf-8"))
    (found,) = analyze_study(study).horizons
    for sentence in found.advice:
        assert " ".join(sentence.split()) in page.text
    for words in (
        "<script>alert(1)</script> 预热?",
        "2 of 2",
        "data: synthetic, made headlines and not news; runs: 24 of 24",
        "Ma & Yarats 2019",
        "training rows 320",
        "linear, warm-up 20%",
    ):
        assert words in page.text, words
    assert len(page.drawings) == len(page.charts) == 5
    refuse_other_scripts(page)
    assert sorted(set(page.ids)) == sorted(page.ids)
    assert set(page.references()) <= set(page.ids)
    assert len(page.source) < 400_000
    assert path.stat().st_size < 6_000_000
    names = {picture.name for picture in (study.folder.path / "pictures").iterdir()}
    assert names == {f"{name}-20.png" for name in ("loss", "accuracy", "sensitivity", "rates", "training")}
    again = path.read_bytes()
    assert write_study_report(study.folder.path).read_bytes() == again
    with without_library():
        plain = Page(write_study_report(study.folder.path).read_text(encoding="utf-8"))
    assert plain.scripts == []
    refuse_other_scripts(plain)
    assert plain.text == page.text


@pytest.mark.skipif(CHROMIUM is None, reason="NO BROWSER: install chromium to see the report opened for real")
def test_page_opens_in_a_browser_and_asks_for_nothing(study, tmp_path):
    """Its policy would report on the console whatever it asked for."""
    source, console = browse(write_study_report(study.folder.path), tmp_path / "profile")
    assert console == []
    assert "<script>alert(1)</script>" in Page(source).text


@pytest.mark.skipif(CHROMIUM is None, reason="NO BROWSER: install chromium to see the report opened for real")
def test_charts_answer_the_mouse_with_means_and_intervals(study):
    """Over the peaks every line with its interval; over the run the rates of the best cells."""
    path = write_study_report(study.folder.path)
    (found,) = analyze_study(study).horizons
    with opened(path) as report:
        names = [drawing["id"] for drawing in Page(path.read_text(encoding="utf-8")).drawings]
        assert [report.shown(name) for name in names] == [(True, False)] * 5
        said = report.hint("rates-20", 10)
        assert said.startswith("update 10 ")
        assert [f"{one.line.name}, peak {one.line.best.lr:g}: " in said for one in found.compared] == [True] * 4
        chart = report.chart("accuracy-20")
        chart.locator(".chart").hover(position={"x": 78, "y": 150})
        hint = " ".join(chart.locator(".hint").locator("xpath=..").inner_text().split())
        assert hint.startswith("peak learning rate 0.001 ")
        for one in found.compared:
            accuracy = next(point.accuracy for point in one.line.points if point.lr == 1e-3)
            assert f"{one.line.name}: {number(accuracy.mean, 6)} ± {number(accuracy.margin, 3)}" in hint
        assert (report.asked, report.said) == ([path.as_uri()], [])


def test_command_prints_and_writes(study, cli):
    """The findings in the terminal, as JSON, and as files, or not."""
    folder = study.folder.path
    code, out, _ = cli("study", "report", folder)
    assert code == 0
    assert "data: synthetic, made headlines and not news\nruns: 24 of 24; " in out
    said = "20 updates: what that says, each seed at the peak the others choose, losses at most an untrained model's"
    assert f"{said} {analyze_study(study).initial:.4f}\n- {analyze_study(study).horizons[0].advice[0]}\n" in out
    assert out.endswith(f"study folder {folder}; report {folder}/report.html\n")
    (folder / "report.html").unlink()
    code, out, _ = cli("study", "report", folder, "--no-files", "--json")
    found = json.loads(out)["findings"]
    assert not (folder / "report.html").exists()
    assert found["peaks"] == [1e-3, 1e30]
    (expected,) = analyze_study(study).horizons
    assert [one["boundary"] for one in found["horizons"][0]["lines"]] == [
        one.line.boundary() for one in expected.compared
    ]


def test_parquet_holds_the_table(study, cli, tmp_path):
    """Runs, and every update and evaluation of each, also those it has shared."""
    folder = study.folder.path
    code, out, _ = cli("study", "export", folder, "--out", tmp_path / "tables")
    assert (code, out.count("wrote ")) == (0, 3)
    runs, updates, evaluations = (
        pyarrow.parquet.read_table(tmp_path / "tables" / f"{name}.parquet").to_pylist()
        for name in ("runs", "updates", "evaluations")
    )
    assert [row["loss"] for row in runs] == [row.loss for row in study.rows]
    assert {row["warmup"] for row in runs} == {"0", "20%"}
    name = study.rows[0].name
    assert [row["loss"] for row in updates if row["run"] == name] == [line["loss"] for line in study.records(name)]
    assert [row["accuracy"] for row in evaluations if row["run"] == name][-1] == study.rows[0].accuracy
    code, _, err = cli("study", "export", folder, "--out", tmp_path / "tables")
    assert code == 1
    assert "out must be a folder without these files" in err
    assert cli("study", "export", folder, "--out", tmp_path / "tables", "--force")[0] == 0


def test_study_in_which_all_went_wrong_is_reported(tmp_path, settings):
    """There are losses, which count as an untrained model's, and no accuracy to be drawn."""
    design = StudyDesign(lr=[1e30, 1e31], warmup=[0, 3], horizon=10, train=settings)
    table = run_study(design, tmp_path / "study", executor=LocalProcesses(2, start="fork"), say=quiet)
    assert {row.state for row in table.rows} == {"went wrong"}
    page = Page(write_study_report(tmp_path / "study").read_text(encoding="utf-8"))
    assert "nothing was learned" in page.text
    assert [drawing["id"] for drawing in page.drawings] == ["loss-10", "sensitivity-10"]


def test_parquet_of_a_study_that_was_just_begun_has_its_columns(tmp_path):
    """So that a question asked of it has an answer, if an empty one."""
    run = {"name": "r", "lr": 0.1, "warmup": None, "schedule": "hold", "horizon": 3, "seed": 0, "stages": ["b1"]}
    said = {"format": 1, "question": "", "runs": [run], "design": {}, "share": True, "ground": {}}
    write_json(tmp_path / "study.json", said)
    runs, updates, evaluations = (
        pyarrow.parquet.read_table(path) for path in export_study(tmp_path, tmp_path / "tables")
    )
    assert runs.to_pylist()[0]["state"] == "missing"
    assert (updates.num_rows, evaluations.num_rows) == (0, 0)
    assert {"run", "update", "lr", "loss"} <= {*updates.column_names}
    assert {"run", "update", "accuracy"} <= {*evaluations.column_names}


def test_study_without_a_run_is_refused(tmp_path):
    """Before anything is written."""
    write_json(
        tmp_path / "study.json", {"format": 1, "question": "", "runs": [], "design": {}, "share": True, "ground": {}}
    )
    with pytest.raises(preheat.RunError, match="study must be one with a run that has begun"):
        write_study_report(tmp_path)


@pytest.mark.skipif(CHROMIUM is None, reason="NO BROWSER: install chromium to see the report opened for real")
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_everyone_can_read_the_page(study, scheme):
    """axe-core has nothing serious to say."""
    path = write_study_report(study.folder.path)
    with opened(path, color_scheme=scheme) as report:
        assert unreadable(report.page) == []
