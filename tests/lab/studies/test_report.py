"""The table of a study in a terminal and as SQL: means, intervals, verdicts."""

import sqlite3
from contextlib import closing
from pathlib import Path
from statistics import NormalDist

import pytest
from scipy.stats import t

import preheat
from preheat.lab.studies.findings import _T, interval
from preheat.lab.studies.folder import StudyFolder
from preheat.lab.studies.report import study_report_text, summarize_cells
from preheat.lab.studies.table import RunRow, StudyTable, write_study_index
from preheat.lab.training.records import read_lines, write_json
from preheat.messages.languages import tell


def table_of(tmp_path, *cells):
    """Runs of given final losses: (lr, horizon, losses), None for one that went wrong."""
    rows = []
    for lr, horizon, losses in cells:
        for seed, loss in enumerate(losses):
            values = {"lr": lr, "warmup": "10%", "schedule": "linear", "horizon": horizon, "seed": seed}
            state = "went wrong" if loss is None else "done"
            accuracy = None if loss is None else 0.5
            rows.append(
                RunRow(f"{lr} {horizon} {seed}", **values, state=state, updates=9, loss=loss, accuracy=accuracy)
            )
    return StudyTable(StudyFolder(tmp_path), "", tuple(rows), {row.name: [] for row in rows})


def test_interval_is_students():
    """Against SciPy, in and beyond the table; 95 % of intervals hold the mean."""
    assert [t.ppf(0.975, degrees + 1) for degrees in range(30)] == pytest.approx(_T, abs=6e-4)
    assert interval([0.0] * 30 + [1.0] * 31) == pytest.approx(
        t.interval(0.95, 60, scale=0.50407 / 61**0.5)[1], rel=2e-3
    )
    assert interval([1.0]) is None
    draws = NormalDist(3, 2).samples(3000, seed=0)
    groups = [draws[start : start + 3] for start in range(0, 3000, 3)]
    held = sum(abs(sum(group) / 3 - 3) <= interval(group) for group in groups)
    assert 0.93 < held / 1000 < 0.97


def test_table_is_told_in_chinese_with_its_columns_below_each_other(tmp_path):
    """A Chinese sign is as wide as two letters."""
    table = table_of(tmp_path, (1e-3, 100, [0.50, 0.51, 0.52]), (2e-3, 100, [0.90, None, 0.92]))
    assert tell(study_report_text(table), "zh").splitlines()[1:] == [
        "",
        "100 步：最终验证损失，从低到高",
        "学习率调度  预热  学习率  种子  损失    ± 95%   标准差  准确率",
        "linear      10%   0.001   3     0.5100  0.0248  0.0100  0.500   均值最低",
        "linear      10%   0.002   2     0.9100  0.1271  0.0141  0.500   3 次训练中有 1 次出错",
    ]


def test_ranking_is_given_only_where_intervals_are_apart(tmp_path):
    """Within one horizon; what went wrong is never best, however low the others of it are."""
    table = table_of(
        tmp_path,
        (1e-3, 100, [0.50, 0.51, 0.52]),
        (2e-3, 100, [0.51, 0.52, 0.53]),
        (3e-3, 100, [0.90, 0.91, 0.92]),
        (4e-3, 100, [0.10, None, 0.12]),
        (1e-3, 200, [0.30]),
        (2e-3, 200, [0.40]),
    )
    verdicts = {(cell.lr, cell.horizon): cell.verdict for cell in summarize_cells(table)}
    assert verdicts == {
        (1e-3, 100): "lowest mean",
        (2e-3, 100): "not distinguishable with 3 seeds",
        (3e-3, 100): "worse",
        (4e-3, 100): "1 of 3 went wrong",
        (1e-3, 200): "lowest mean",
        (2e-3, 200): "not distinguishable with 1 seed",
    }
    text = study_report_text(table)
    assert "100 updates: validation loss at the end, lowest first" in text
    assert "linear    10%      0.001  3      0.5100  0.0248  0.0100  0.500     lowest mean" in text


def test_index_answers_in_sql(tmp_path):
    """A row a run, and its updates in order over its stages; made anew as often as one likes."""
    folder = StudyFolder(tmp_path / "study")
    run = {"name": "r", "lr": 0.1, "warmup": None, "schedule": "hold", "horizon": 3, "seed": 0, "stages": ["b1", "a2"]}
    folder.path.mkdir()
    runs = [run, {**run, "name": "s", "stages": ["b1", "c3"]}]
    folder.begin({"question": "", "design": {}, "share": True, "ground": {}, "runs": runs})
    scores = {"loss": 0.5, "accuracy": 0.75, "macro_f1": 0.7}
    folder.clear()
    for stage, start, until in (("b1", 0, 2), ("a2", 2, 3)):
        result = {"id": stage, "start": start, "until": until, "scores": scores, "weights": stage, "failed": None}
        folder.stage(stage).mkdir()
        write_json(folder.stage(stage) / "result.json", result)
        lines = "".join(f'{{"update": {update}, "lr": 0.1, "loss": {update}.5}}\n' for update in range(start, until))
        (folder.stage(stage) / "records.jsonl").write_text(lines)
    for _ in range(2):
        with closing(sqlite3.connect(write_study_index(folder.path))) as database:
            runs = database.execute("select name, state, updates, loss, weights from runs").fetchall()
            assert runs == [("r", "done", 3, 0.5, "a2"), ("s", "missing", 2, None, None)]
            query = 'select u."update", u.loss from paths p join updates u using (stage) where run = ? order by 1'
            assert database.execute(query, ["r"]).fetchall() == [(0, 0.5), (1, 1.5), (2, 2.5)]


def test_what_is_moved_while_it_is_read_is_missing_for_a_moment(tmp_path, monkeypatch):
    """A stage made again goes aside for the new one between a look for it and its reading."""
    monkeypatch.setattr(Path, "exists", lambda self: True)
    monkeypatch.setattr(Path, "is_file", lambda self: True)
    assert StudyFolder(tmp_path).result("b1") is None
    assert read_lines(tmp_path / "records.jsonl") == []


@pytest.mark.parametrize(
    ("said", "sentence"),
    [
        ("[]", "study must be of format 1; got 'list'"),
        ('{"format": 2}', "study must be of format 1; got 2"),
        ('{"format": 1, "question": "", "runs": []}', r"whole; got .*study.json, without design, share, ground'"),
        ('{"format": 1', r"study must be one whose study\.json can be read"),
    ],
)
def test_damaged_header_is_refused_in_words(tmp_path, said, sentence):
    """Another kind of JSON, another release, fields or the end lost."""
    (tmp_path / "study.json").write_text(said)
    with pytest.raises(preheat.RunError, match=sentence):
        StudyFolder(tmp_path).header()


def test_new_study_passes_over_what_a_kill_left_of_its_first_file(tmp_path):
    """And over nothing else."""
    folder = StudyFolder(tmp_path)
    (tmp_path / ".study.json.0a1b2c3d.part").touch()
    folder.begin({"question": ""})
    assert folder.exists
