"""What a study asks: axes in words, files and flags, everything that cannot be refused."""

import pytest

import preheat
from preheat.lab.studies.design import StudyDesign, read_design
from preheat.lab.studies.runs import StudyInputs, expand

GROUND = StudyInputs("rows", ("a", "b"), (1,) * 320, {})


@pytest.mark.parametrize(
    ("axis", "given", "values"),
    [
        ("lr", "1e-4..1e-2 x 5", (1e-4, 0.000316228, 1e-3, 0.00316228, 1e-2)),
        ("lr", [1, "0.5"], (1.0, 0.5)),
        ("warmup", ["0", 0.1, "10%", "2 epochs"], (0, 0.1, "10%", "2 epochs")),
        ("horizon", "100..800 x 4", (100, 200, 400, 800)),
        ("seed", ["0..2", 7], (0, 1, 2, 7)),
        ("schedule", "cosine", ("cosine",)),
        ("schedule", [{"name": "wsd", "decay": "20%"}], ({"name": "wsd", "decay": "20%"},)),
    ],
)
def test_axis_takes_values_lists_and_ranges(axis, given, values):
    """Ends of a range are exact, those between are rounded to six digits."""
    design = StudyDesign(**{axis: given})
    assert getattr(design, axis) == values
    assert StudyDesign.model_validate(design.to_dict()) == design


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"lr": "1e-2..1e-4 x 5"}, "lr must be a range that rises"),
        ({"lr": "1e-4..1e-2"}, "lr must be a range with the number of its values"),
        ({"lr": "1e-4..1e-2 x 1"}, "lr must be a range of 2 to 100,000 values"),
        ({"lr": f"1e-4..1e-2 x {'9' * 5000}"}, "lr must be a range of 2 to 100,000 values"),
        ({"lr": 0}, "lr must be a number > 0; got 0"),
        ({"lr": float("nan")}, "lr must be a number > 0"),
        ({"lr": True}, "lr must be a number > 0; got True"),
        ({"lr": []}, "lr must be one value or more"),
        ({"lr": [1e-3, "0.001"]}, "lr must be values that differ; got 0.001"),
        ({"warmup": None, "seed": -1}, "seed must be a whole number >= 0; got -1"),
        ({"seed": 2**32}, "seed must be a whole number below 2^32"),
        ({"horizon": 0}, "horizon must be a whole number >= 1; got 0"),
        ({"horizon": 1.5}, "horizon must be a whole number >= 1; got 1.5"),
        ({"horizon": [10_000_000, 10_000_001]}, "horizon must be at most 10,000,000 updates; got 10000001"),
        ({"horizon": "1e300"}, "horizon must be at most 10,000,000 updates; got '1e300'"),
        ({"schedule": [3]}, "schedule must be a name, words, or a table with a name; got 3"),
        ({"sed": 3}, "key must be a field of a study; got 'sed'. Did you mean 'seed'?"),
        ({"shortest": 0}, "shortest must be"),
        ({"train": 3}, "train must be a table of settings; got 3"),
        ({"train": {"max_updates": [10, 20]}}, "train.max_updates must be one value; got [10, 20]. Several are"),
        ({"train": {"horizon": 20}}, "key must be a setting of a run in [train]; got 'horizon'. It is the study's own"),
        ({"train": {"out": "x"}}, "train.out must be left out of a study"),
        ({"train": {"bad_numbers": "skip"}}, "train.bad_numbers must be 'stop' in a study; got 'skip'"),
        ({"lr": 1e-3, "train": {"lr": 1e-2}}, "train.lr must be left out beside lr"),
        ({"horizon": 10, "train": {"epochs": 2}}, "train.epochs must be left out beside horizon"),
    ],
    ids=str,
)
def test_what_cannot_be_is_refused(values, sentence):
    """One sentence, with what to do."""
    with pytest.raises(preheat.ConfigError) as caught:
        read_design(None, values)
    assert sentence in str(caught.value)


def test_flags_win_over_the_file(tmp_path):
    """Also over what the file says in its table of settings."""
    file = tmp_path / "study.toml"
    file.write_text("lr = 1e-3\nhorizon = [10, 20]\n[train]\nseed = 3\nbatch-size = 8\nwidth = 16\n")
    design = read_design(file, {"seed": "0..1", "train": {"width": 32}})
    assert (design.values("lr"), design.values("seed")) == ((1e-3,), (0, 1))
    assert design.common == {"batch_size": 8, "width": 32}
    with pytest.raises(preheat.ConfigError, match="There is no such file"):
        read_design(tmp_path / "none.toml")
    file.write_text("lr = [")
    with pytest.raises(preheat.ConfigError, match="cannot be read as TOML"):
        read_design(file)


def test_runs_are_those_of_preheat_train():
    """Settings, schedule and updates of each; names say the values."""
    design = StudyDesign(lr=[1e-3, 1e-2], schedule=["linear", "hold > linear 20% to 0"], warmup=[0, 5], horizon=50)
    runs = expand(design, GROUND)
    assert len(runs) == 8
    assert runs[0].name == "linear, warm-up 0, lr 0.001, 50 updates, seed 0"
    words = runs[6].config
    assert (words.schedule, words.warmup) == ("warmup 5 > hold > linear 20% to 0", None)
    assert (words.max_updates, words.epochs) == (50, 5)
    assert [run.updates for run in runs] == [50] * 8
    for run in runs:
        assert list(run.rates) == [run.config.lr * run.schedule(update) for update in range(50)]


def test_untuned_warmup_follows_the_second_beta():
    """For a name and for words, under a label of its own."""
    shapes = ["linear", "hold > linear 20% to 0"]
    runs = expand(StudyDesign(warmup="untuned", schedule=shapes, horizon=100, train={"beta2": 0.9}), GROUND)
    assert [run.config.warmup for run in runs] == [20, None]
    assert runs[1].config.schedule == "warmup 20 > hold > linear 20% to 0"
    assert [run.cell.warmup for run in runs] == ["untuned"] * 2


def test_design_of_nothing_is_one_usual_run():
    """Every axis at what preheat train takes."""
    (run,) = expand(StudyDesign(train={"epochs": 2}), GROUND)
    assert (run.updates, run.cell.lr, run.cell.warmup, run.cell.schedule) == (20, 1e-3, "10%", "warmuplinear")


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"schedule": "cosin"}, "the run of schedule cosin: schedule must be the name of a schedule"),
        ({"warmup": 50, "horizon": 50}, "the run of .*warmup"),
        (
            {"schedule": "warmup 5 > hold", "warmup": 3, "horizon": 50},
            "warmup must be part of 'warmup 5 > hold'; got 3",
        ),
        ({"schedule": ["linear", {"name": "linear"}], "horizon": 50}, "runs must be ones that differ"),
        ({"train": {"layer": 3}}, "key must be a setting of a run; got 'layer'. Did you mean 'layers'"),
    ],
    ids=str,
)
def test_run_that_cannot_be_is_named(values, sentence):
    """Before anything is trained."""
    with pytest.raises(preheat.ConfigError, match=sentence):
        expand(StudyDesign(**values), GROUND)
