"""Theory asked of a study's folder: the same as of the runs themselves."""

import json

import numpy as np
import pytest

import preheat
from preheat.study.answers import is_study, logs, outcomes, probes
from preheat.study.design import StudyDesign
from preheat.study.driver import run_study
from preheat.study.executors import LocalProcesses
from preheat.theory import surface
from runs import quiet

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
    found, shapes = logs(folder)
    assert shapes == [row.schedule for row in study.rows]
    assert list(found[0].losses) == [line["loss"] for line in study.records(study.rows[0].name)]
    short = probes(folder, 1e-2)
    assert [one.name for one in short] == [row.name for row in study.rows if row.lr == 1e-2]
    for one in short:
        words = one.name.partition(", lr")[0]
        assert np.allclose(one.rates[:60], 1e-2 * preheat.parse(words).over(60)(np.arange(60)), rtol=0, atol=1e-15)
    cells = outcomes(folder, 60)
    shapes = [preheat.parse(words).over(60) for words in SHAPES]
    assert [(one.schedule, one.peak) for one in cells] == [(one, lr) for one in shapes for lr in (1e-3, 1e-2, 1e-1)]
    losses = [row.loss for row in study.rows if (row.schedule, row.lr) == (SHAPES[0], 1e-3)]
    assert cells[0].loss == pytest.approx(sum(losses) / 2)
    code, out, _ = cli("rung-check", folder, "--at", 0.5)
    assert code == 0
    assert "12 runs logged up to update 59, in 2 groups" in out
    code, out, err = cli("forecast", SHAPES[0], "--updates", 60, "--lr", "1e-2", "--study", folder, "--json")
    if code == 0:
        assert len(json.loads(out)["curve"]) > 0
    else:  # so short a run may be too noisy for a law, and then the reason is given
        assert "must be" in err
    code, out, _ = cli("surface", "--updates", 60, "--study", folder, "--ask", "linear", "--warmup", 0, "--json")
    if code == 0:
        assert json.loads(out)["floor"] == pytest.approx(surface(cells, updates=60).floor)


def test_what_a_study_has_not_is_refused(study, cli):
    """No run at that peak, none of that length."""
    folder = study.folder.path
    with pytest.raises(preheat.DataError, match="study must be one with finished runs at the peak 0.5; got 0"):
        probes(folder, 0.5)
    code, _, err = cli("surface", "--updates", 61, "--study", folder)
    assert code == 2
    assert "study must be one with finished runs of 61 updates; got 0" in err
