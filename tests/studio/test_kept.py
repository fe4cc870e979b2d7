"""Runs and studies on their pages, without a browser: numbers, events, tables are those of the files."""

import json
import shlex

import numpy as np
import pytest

from preheat.lab.studies import analyze_study, read_study
from preheat.lab.studies.design import StudyDesign
from preheat.lab.studies.driver import run_study
from preheat.lab.studies.executors import LocalProcesses
from preheat.studio.pages import runs as runs_page
from preheat.studio.pages import studies as studies_page
from support.run_folders import EVENTS, write_run
from support.runs import quiet
from support.studio_user import as_user, one, until


def points(chart, name):
    """Positions and values of the curves of a name in a chart."""
    (data,) = [one["data"] for one in chart.props["options"]["series"] if one["name"] == name]
    return np.array([point["value"] if isinstance(point, dict) else point for point in data], dtype=float).T


def test_a_run_with_events(tmp_path):
    """Charts hold the records; events are marked on each, and listed newest first beside the nearest border."""
    folder = write_run(tmp_path / "one", spike=20)
    records = [json.loads(line) for line in (folder / "records.jsonl").read_text().splitlines()]

    async def visit(user):
        await user.open("/runs")
        await until(lambda: one(user, "state").text.startswith("finished: 144 / 144"), "the run")
        assert points(one(user, "chart-lr"), "used").T.tolist() == [[row["update"], row["lr"]] for row in records]
        loss = points(one(user, "chart-loss"), "each update")
        assert loss.T.tolist() == [[row["update"], row["loss"]] for row in records]
        assert one(user, "chart-loss").props["options"]["yAxis"]["type"] == "log"  # the spike would hide the rest
        for name in ("lr", "loss", "norm", "ratio", "critical"):  # all of the report's
            series = one(user, f"chart-{name}").props["options"]["series"]
            marks = {row["name"]: row["markLine"]["data"] for row in series if "markLine" in row}
            for event in EVENTS:
                assert [mark["xAxis"] for mark in marks[f"{event['event']} (1)"]] == [event["update"]]
        for event in EVENTS:
            await user.should_see(event["text"])
        await user.should_see("14, 6 before")  # the spike at 20 beside the end of the warm-up
        assert one(user, "report").props["href"] == "/report/run?name=one&lang=en"

    as_user(tmp_path, visit)


def test_a_run_that_grows_and_one_that_is_damaged(tmp_path):
    """A page looks again where records were added; of a damaged folder it says what is wrong, and goes on looking."""
    folder = write_run(tmp_path / "one", done=20, finished=False, events=False)

    async def visit(user):
        await user.open("/runs?run=one")
        await until(lambda: one(user, "state").text.startswith("20 / 144"), "the first look")
        await user.should_see("No event is recorded.")
        whole = (folder / "records.jsonl").read_text()
        (folder / "records.jsonl").write_text("{broken\n" + whole)
        await user.should_see("records.jsonl, line 1: cannot be read as JSON", retries=40)
        write_run(folder, done=70, finished=False, events=False)
        await until(lambda: one(user, "state").text.startswith("70 / 144"), "the second look")
        await user.should_not_see("cannot be read as JSON")

    as_user(tmp_path, visit)


@pytest.fixture(scope="module")
def study(tmp_path_factory):
    """A real one: two warm-ups, two peaks, two seeds, two horizons."""
    size = {"rows": 320, "evaluation_rows": 60, "layers": 1, "width": 16, "heads": 2, "vocabulary": 400}
    design = StudyDesign(
        question="Does it help?", schedule=["linear"], warmup=[0, "20%"], lr=[1e-3, 1e-2], horizon=[10, 20],
        seed=[0, 1], train={"data": "synthetic", **size},
    )  # fmt: skip
    folder = tmp_path_factory.mktemp("studies") / "made"
    return run_study(design, folder, executor=LocalProcesses(2, start="fork"), say=quiet)


def test_a_study(study):
    """Question, advice, lines and cells of the horizon that is chosen; the chart has means and intervals."""
    folder = study.folder.path
    found = analyze_study(read_study(folder))

    async def visit(user):
        await user.open("/studies")
        await user.should_see("Does it help?", retries=40)
        for horizon in found.horizons:
            if horizon is not found.horizons[0]:
                one(user, "horizon").set_value(horizon.updates)
            for sentence in horizon.advice:
                await user.should_see(sentence, retries=40)
            chart = one(user, "chart-peaks")
            for compared in horizon.compared:
                mean = [point.loss.mean for point in compared.line.points]
                assert points(chart, compared.line.name)[1].tolist() == mean
                await user.should_see(compared.line.sensitivity().words(4))
        one(user, "measure").set_value("accuracy")
        chart = one(user, "chart-peaks")
        line = found.horizons[1].compared[0].line
        assert points(chart, line.name)[1].tolist() == [point.accuracy.mean for point in line.points]
        (row,) = [row for row in chart.props["options"]["series"] if row["name"] == line.name]
        low, high = (end["coord"][1] for end in row["markLine"]["data"][0])
        first = line.points[0].accuracy
        assert (low, high) == (max(0.0, first.mean - first.margin), min(1.0, first.mean + first.margin))

    as_user(folder.parent, visit)


def test_reports_are_served(study):
    """The page of a study and its report as files of the same folder, in the language of the page."""
    folder = study.folder.path.parent

    async def visit(user):
        client = user.http_client
        return [await client.get(f"/report/study?name=made&lang={language}") for language in ("zh", "en")]

    chinese, english = as_user(folder, visit)
    assert chinese.status_code == english.status_code == 200
    assert '<html lang="zh-CN">' in chinese.text
    assert "对比实验" in chinese.text
    assert english.text == (study.folder.path / "report.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("command", [runs_page.FIRST + " --dry-run", studies_page.FIRST.replace("run", "plan", 1)])
def test_what_an_empty_page_says_to_start_with(cli, command):
    """Is a command that works, up to the training itself."""
    program, *words = shlex.split(command)
    assert program == "preheat"
    code, _, err = cli(*words)
    assert code == 0, err
