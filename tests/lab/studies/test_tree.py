"""Runs as a tree of stages: exact arithmetic, what is shared and what is not, ids by content."""

import dataclasses
import hashlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from preheat.lab.studies.design import StudyDesign
from preheat.lab.studies.driver import plan_of, sharing_of
from preheat.lab.studies.runs import Cell, StudyInputs, StudyRun, digest_of, expand, grow, settings_of
from preheat.lab.training.config import TrainConfig, read_config

GROUND = StudyInputs("rows", ("a", "b"), (1,) * 3200, {"preheat": "0.1.0"})
HORIZONS = [12_500, 25_000, 37_500, 50_000]
COOLDOWNS = [10, 20, 40, 60, 80, 90]


def runs_of(**design):
    return expand(StudyDesign(**design), GROUND)


def cooldowns(shares, shape="linear"):
    return [f"hold > {shape} {share}% to 0" for share in shares]


def made_up(*rates, standing="one"):
    """Runs of given rates."""
    return [
        StudyRun(
            f"run {number}",
            Cell(1.0, None, "", len(one)),
            0,
            None,
            None,
            np.array(one, np.float64),
            digest_of(standing),
            {"is": standing},
        )
        for number, one in enumerate(rates)
    ]


@pytest.mark.parametrize(
    ("shares", "alone", "shared"),
    [(COOLDOWNS, 750_000, 420_000), ([10, 20], 250_000, 82_500)],
    ids=["six cool-downs", "two cool-downs"],
)
@pytest.mark.parametrize("shape", ["linear", "1-sqrt"])
def test_cooldowns_of_a_trunk_cost_what_the_arithmetic_says(shares, alone, shared, shape):
    """Four horizons, one trunk: the cool-downs, and the trunk up to the last branch."""
    tree = grow(runs_of(schedule=cooldowns(shares, shape), horizon=HORIZONS))
    plan = plan_of(tree)
    assert (plan.runs, plan.alone, plan.shared) == (4 * len(shares), alone, shared)
    assert plan.longest == 50_000
    assert plan.turns == shared  # one process trains all of it
    assert plan_of(tree, processes=1000).turns == 50_000


def test_seeds_multiply_and_warmup_is_shared():
    """Three seeds cost three times as much; the climb is part of the trunk."""
    design = {"schedule": cooldowns([10, 20]), "horizon": HORIZONS, "warmup": 500}
    one, three = (plan_of(grow(runs_of(**design, seed=seed))) for seed in (0, "0..2"))
    assert (one.alone, one.shared) == (250_000, 82_500)
    assert (three.alone, three.shared) == (750_000, 247_500)


def test_named_wsd_shares_the_first_update_of_its_cooldown_too():
    """In transformers' convention that update still runs at the peak."""
    shapes = [{"name": "wsd", "decay": f"{share}%"} for share in (10, 20)]
    plan = plan_of(grow(runs_of(schedule=shapes, horizon=HORIZONS, warmup=500)))
    assert plan.alone - plan.shared == 167_500 + 7  # seven more branches than there are trunks


@pytest.mark.parametrize(
    ("design", "axis", "reason"),
    [
        ({"schedule": "cosine", "horizon": [400, 800]}, "horizon", "nothing shared (1 updates): the whole schedule"),
        ({"schedule": "cosine", "warmup": [10, 20], "horizon": 400}, "warmup", "a warm-up of another length"),
        ({"lr": [1e-3, 1e-2], "horizon": 400}, "lr", "another rate; at update 1 they are 2.5e-05 and 0.00025"),
        ({"seed": [0, 1], "horizon": 400}, "seed", "nothing shared: other weights"),
    ],
    ids=["horizons", "warm-ups", "peaks", "seeds"],
)
def test_plan_says_why_nothing_is_shared(design, axis, reason):
    """Cosines of other horizons, other climbs, peaks and seeds."""
    runs = runs_of(**design)
    assert reason in sharing_of(runs)[axis]
    plan = plan_of(grow(runs, 10))
    assert plan.saved == 0
    assert reason in str(plan)


def test_decays_after_one_warmup_share_it():
    """Cosine and linear of one horizon: the climb, and the update at the peak."""
    runs = runs_of(schedule=["cosine", "linear"], warmup=100, horizon=400)
    assert sharing_of(runs)["schedule"] == "101 updates shared by neighbors"
    assert plan_of(grow(runs)).saved == 101


def test_products_that_are_the_same_rates_are_shared():
    """What counts is the rate used, however it is written; synonyms are the same run."""
    runs = [
        *runs_of(schedule="(hold > linear 10% to 0) * 0.5", lr=2e-3, horizon=100),
        *runs_of(schedule="hold > linear 10% to 0", lr=1e-3, horizon=100),
        *runs_of(schedule=["cosine", "warmupcosine"], horizon=100),
    ]
    assert [len(path) for _, path in grow(runs[2:]).paths()] == [1, 1]
    assert plan_of(grow(runs[:2])).saved == 100


def test_groups_of_their_own_peaks_share_under_one_peak_only():
    """With layer_decay the other groups' rates follow from the peak."""
    train = {"layer_decay": 0.9}
    half = runs_of(schedule="hold * 0.5", lr=2e-3, horizon=100, train=train)
    whole = runs_of(schedule="constantlr", lr=1e-3, horizon=100, train=train)
    assert plan_of(grow([*half, *whole])).saved == 0


def test_short_stretches_are_not_worth_a_stage():
    """Below ``shortest`` each branch trains them itself; what ends there, too."""
    runs = made_up([1, 1, 2, 3], [1, 1, 2, 4], [1, 1, 5], [1, 1])
    assert plan_of(grow(runs)).shared == 2 + 1 + 1 + 1 + 1
    tree = grow(runs, 3)
    assert sorted((stage.start, stage.until) for stage in tree.stages.values()) == [
        (0, 2),
        (0, 3),
        (0, 3),
        (3, 4),
        (3, 4),
    ]
    assert tree.path("run 3")[0].ends == ("run 3",)


def test_run_that_ends_where_others_go_on_ends_with_a_shared_stage():
    """A constant rate over two horizons is one path."""
    tree = grow(runs_of(schedule="constantlr", horizon=[100, 300]))
    first, second = tree.stages.values()
    assert (first.start, first.until, second.until) == (0, 100, 300)
    assert len(first.ends) == 1
    assert first.branches
    assert not second.branches
    assert second.parent == first.id


@given(
    st.lists(st.lists(st.sampled_from([0.0, 0.5, 1.0]), min_size=1, max_size=12), min_size=1, max_size=12),
    st.lists(st.sampled_from("ab"), min_size=12, max_size=12),
)
def test_stages_are_the_union_of_prefixes(rates, standings):
    """As many updates as there are different (past, update) pairs; every path is its run, update after update."""
    runs = [
        dataclasses.replace(run, name=f"{number}", standing=standing)
        for number, (one, standing) in enumerate(zip(rates, standings, strict=False))
        for run in made_up(one, standing=standing)
    ]
    tree = grow(runs)
    union = {(run.standing, tuple(run.rates[: update + 1])) for run in runs for update in range(run.updates)}
    assert sum(stage.updates for stage in tree.stages.values()) == len(union)
    for shortest in (1, 3):
        tree = grow(runs, shortest)
        for run, path in tree.paths():
            assert [stage.start for stage in path] == [0, *(stage.until for stage in path[:-1])]
            assert path[-1].until == run.updates
            for stage in path:
                assert stage.updates > 0
                assert list(stage.lead.rates[stage.start : stage.until]) == list(run.rates[stage.start : stage.until])
                assert stage.lead.standing == run.standing
        assert all(stage.parent is None or stage.parent in tree.stages for stage in tree.stages.values())
        assert len({stage.id for stage in tree.stages.values()}) == len(tree.stages)


def test_ids_are_stable():
    """The same on every machine and day, whatever else is in the study."""
    (alone,) = grow(runs_of(schedule="constantlr", horizon=100)).stages
    several = grow(runs_of(schedule=["constantlr", "linear"], horizon=[100, 300], lr=[1e-3, 1e-2]))
    assert alone in several.stages
    (stage,) = grow(made_up([0.5, 0.25])).stages.values()
    assert stage.spec["rates"] == hashlib.sha256(np.array([0.5, 0.25], "<f8").tobytes()).hexdigest()
    rates = stage.spec["rates"]
    spec = f'{{"format": 1, "is": "one", "rates": "{rates}", "start": 0, "until": 2}}'
    assert stage.id == hashlib.sha256(spec.encode()).hexdigest()


ANOTHER = {
    "token_dropout": 0.1,
    "model": "gpt2",
    "head": "double",
    "dropout": 0.3,
    "layers": 3,
    "width": 64,
    "heads": 2,
    "vocabulary": 500,
    "max_tokens": 64,
    "lm_weight": 0.5,
    "lr": 0.1,
    "schedule": "linear",
    "weight_decay": 0.1,
    "batch_size": 16,
    "batch_tokens": 256,
    "accumulation": 2,
    "clip": 1.0,
    "precision": "fp32",
    "compile": "inductor",
    "seed": 5,
    "threads": 2,
    "layer_decay": 0.9,
    "bad_numbers": "skip",
    "spikes": "stop",
    "measure_every": 3,
    "angles": True,
    "critical_every": 4,
}


@pytest.mark.parametrize("name", TrainConfig.model_fields)
def test_id_is_sensitive_to_every_setting_that_matters(name):
    """A setting of a later release too, unless it is said to change nothing."""
    from preheat.lab.studies.runs import _SAY_NOTHING

    plain = read_config(None, {"schedule": "constantlr"}).filled()
    assert (name in settings_of(plain, GROUND)["config"]) == (name not in _SAY_NOTHING)
    if name not in ANOTHER:
        return
    other = plain.model_copy(update={name: ANOTHER[name]})
    assert (settings_of(plain, GROUND) == settings_of(other, GROUND)) == (name in _SAY_NOTHING)


def test_id_is_sensitive_to_rates_data_versions_and_ends():
    """Each part of the specification that is no setting."""
    plain = {"schedule": "constantlr", "horizon": 100}
    ids = {
        *grow(runs_of(**plain)).stages,
        *grow(runs_of(**{**plain, "horizon": 101})).stages,
        *grow(runs_of(**plain, lr=1e-2)).stages,
        *grow(runs_of(**{**plain, "schedule": "hold > linear 1 to 0"})).stages,
        *(
            stage
            for inputs in (
                dataclasses.replace(GROUND, data="others"),
                dataclasses.replace(GROUND, classes=("b", "a")),
                dataclasses.replace(GROUND, versions={"preheat": "0.2.0"}),
            )
            for stage in grow(expand(StudyDesign(**plain), inputs)).stages
        ),
    }
    assert len(ids) == 7
