"""The studio's figures are the reports', in the page's language."""

import re
from dataclasses import replace

import pytest

import preheat
from preheat.auditing import audit
from preheat.auditing.logs import read_log
from preheat.auditing.report import audit_figure, logged_figure
from preheat.lab.training.records import read_run
from preheat.lab.training.report import figures_of
from preheat.studio.charts import told
from preheat.studio.frame import Visit
from support.logged import write_csv
from support.run_folders import write_lines, write_run

CHINESE = Visit("runs", "zh", "", {}, "")
HAN = re.compile(r"[\u4e00-\u9fff]")


@pytest.fixture(scope="module")
def figures(tmp_path_factory):
    """Those of a run with every kind of event, and of an audit."""
    folder = write_run(tmp_path_factory.mktemp("runs") / "one", spike=20)
    kinds = ["spike", "skip", "resume", "stop", "end"]
    many = [{"update": at, "event": "skip", "text": ""} for at in range(110)]
    write_lines(folder / "events.jsonl", [*({"update": 30, "event": kind, "text": ""} for kind in kinds), *many])
    plan = preheat.get_schedule("linear", warmup=20, total=200)
    rows = [(k, 1e-3 * plan(min(k, 60))) for k in range(200)]
    log = write_csv(folder / "log.csv", ["update", "lr"], rows)
    audited = audit(log, plan, lr=1e-3)
    run, _ = figures_of(read_run(folder))
    return [*run, audit_figure(plan, audited.findings[0]), logged_figure(read_log(log))]


def test_every_label_has_a_chinese_form(figures):
    """Titles, axes and legends, with the same numbers; names of groups and of logs stay, as what they show does."""
    for figure in figures:
        chinese = told(figure, CHINESE)
        labels = [one.label for one in (*chinese.series, *chinese.marks) if isinstance(one.role, str)]
        words = [chinese.x.title, chinese.y.title, *labels]
        assert [word for word in words if not HAN.search(word)] == []
        for one, other in zip((*figure.series, *figure.marks), (*chinese.series, *chinese.marks), strict=True):
            assert re.findall(r"\d+", one.label) == re.findall(r"\d+", other.label)
            assert one.role == other.role
        assert [one.y for one in figure.series] == [one.y for one in chinese.series]


def test_english_stays_as_it_is(figures):
    """Word for word what the report says."""
    assert [told(figure, replace(CHINESE, language="en")) for figure in figures] == figures
