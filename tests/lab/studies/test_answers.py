"""Theory asked of a study's folder: the same as of the runs themselves."""

import json

import numpy as np
import pytest

import preheat
from preheat.advice import fit_surface
from preheat.lab.studies.design import StudyDesign
from preheat.lab.studies.driver import run_study
from preheat.lab.studies.executors import LocalProcesses
from preheat.lab.studies.findings import is_study, study_logs, study_outcomes, study_probes
from support.runs import quiet

SHAPES = ["hold > linear 20% to 0", "hold > linear 80% to 0"]


@pytest.fixture
def study(tmp_path, settings):
    """Two shapes at three peaks, two seeds, 60 updates each."""
    design = StudyDesign(schedule=SHAPES, lr=[1e-3, 1e-2, 1e-1], horizon=60, seed=[0, 1], train=settings)
    return run_study(design, tmp_path / "study", executor=LocalProcesses(2, start="fork"), say=quiet)


def test_runs_of_a_study_are_asked(study, cli, tmp_path):
    """Logs, short runs and outcomes; and the commands on them."""
    folder = study.folder.path
    assert is_study(folder)
    assert not is_study(tmp_path)
    found, shapes = study_logs(folder)
    assert shapes == [shape for shape in SHAPES for _ in range(3)]
    same = [row for row in study.rows if row.cell == study.rows[0].cell]
    first = [study.records(row.name)[0]["loss"] for row in same]
    assert (len(same), len(found), len(found[0].losses)) == (2, 6, 61)
    assert found[0].losses[0] == pytest.approx(sum(first) / 2)
    assert found[0].final == pytest.approx(sum(row.loss for row in same) / 2)
    short = study_probes(folder, 1e-2)
    assert [one.name for one in short] == [row.name for row in study.rows if row.lr == 1e-2]
    for one in short:
        words = one.name.partition(", lr")[0]
        assert np.allclose(one.rates[:60], 1e-2 * preheat.parse(words).over(60)(np.arange(60)), rtol=0, atol=1e-15)
    cells = study_outcomes(folder, 60)
    shapes = [preheat.parse(words).over(60) for words in SHAPES]
    assert [(one.schedule, one.peak) for one in cells] == [(one, lr) for one in shapes for lr in (1e-3, 1e-2, 1e-1)]
    losses = [row.loss for row in study.rows if (row.schedule, row.lr) == (SHAPES[0], 1e-3)]
    assert cells[0].loss == pytest.approx(sum(losses) / 2)
    code, out, _ = cli("rung-check", folder, "--at", 0.5)
    assert code == 0
    assert "6 runs logged up to update 60, in 2 groups" in out
    assert "note: every cell of the study counts once, by means over its seeds" in out
    for words, message in (
        ((folder, "--updates", 50), "study must be one with finished runs of 50 updates; got 0"),
        ((folder, folder), "runs must be each named once; got"),
        ((folder, folder / "runs"), "runs must be one study, or runs; got"),
    ):
        code, _, err = cli("rung-check", *words)
        assert (code, message in err) == (2, True)
    code, out, err = cli("forecast", SHAPES[0], "--updates", 60, "--lr", "1e-2", "--study", folder, "--json")
    if code == 0:
        assert len(json.loads(out)["curve"]) > 0
    else:  # so short a run may be too noisy for a law, and then the reason is given
        assert "must be" in err
    code, out, _ = cli("surface", "--updates", 60, "--study", folder, "--ask", "linear", "--warmup", 0, "--json")
    if code == 0:
        assert json.loads(out)["floor"] == pytest.approx(fit_surface(cells, updates=60).floor)


def test_what_a_study_has_not_is_refused(study, cli):
    """No run at that peak, none of that length."""
    folder = study.folder.path
    with pytest.raises(preheat.DataError, match="study must be one with finished runs at the peak 0.5; got 0"):
        study_probes(folder, 0.5)
    code, _, err = cli("surface", "--updates", 61, "--study", folder)
    assert code == 2
    assert "study must be one with finished runs of 61 updates; got 0" in err


def test_runs_of_several_lengths_are_asked_one_length_at_a_time(settings, tmp_path):
    """Both lengths of a study at once are refused with the way out."""
    design = StudyDesign(schedule=SHAPES, lr=[1e-3], horizon=[20, 40], seed=[0], train=settings)
    folder = run_study(design, tmp_path / "study", executor=LocalProcesses(2, start="fork"), say=quiet).folder.path
    with pytest.raises(preheat.DataError, match=r"runs of the study must be of one length; got \[20, 40\]. Ask about"):
        study_logs(folder)
    assert [len(one.losses) for one in study_logs(folder, 20)[0]] == [21, 21]
