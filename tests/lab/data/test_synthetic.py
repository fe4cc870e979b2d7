"""Synthetic headlines: the same everywhere, with a posterior that is right, and as data of a run."""

import hashlib
import itertools
import json
import math
import signal
import subprocess
import sys
from collections import Counter

import numpy as np
import pytest

import preheat
from preheat.cli.main import run
from preheat.lab.data import load_data
from preheat.lab.data import synthetic as headlines
from preheat.lab.data import synthetic as model
from preheat.lab.data.synthetic import NEUTRAL_WORDS, NOTICE, TOPIC_WORDS, TOPICS, Headlines, split_of
from preheat.lab.training import Classifier, read_config, train
from preheat.lab.training.config import SYNTHETIC_SETTINGS
from support.runs import Child, lines_of, quiet, records_of, same_run, weights_of

SPLITS = ("train", "validation", "test")


def digest_of(rows):
    return hashlib.sha256("".join(f"{text}\t{label}\n" for text, label in rows).encode()).hexdigest()[:16]


# --- rows -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("source", "split", "digest"),
    [
        (Headlines(), "train", "c5a67d5fc27f9257"),
        (Headlines(), "test", "2e4d9cd489046b24"),
        (Headlines(topics=8, noise=0.4, seed=7), "validation", "bade4edb4ebf8208"),
    ],
    ids=str,
)
def test_rows_are_those_of_every_machine(source, split, digest):
    """The first hundred, pinned: whoever changes words or model has to raise the version."""
    assert digest_of(source.rows(0, 100, split)) == digest


def test_rows_need_neither_those_before_nor_this_process():
    """A row by itself, far out, and in a process with another hash seed."""
    far = Headlines().row(10**12, "test")
    code = f"from preheat.lab.data.synthetic import Headlines; print(*Headlines().row({10**12}, 'test'), sep='|')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "|".join(far)
    assert Headlines().rows(90, 110)[10:] == Headlines().rows(100, 110)


def test_rows_load_no_torch():
    """Nor transformers."""
    code = (
        "import sys; from preheat.lab.data.synthetic import Headlines; Headlines().ceiling();"
        "print({'torch', 'transformers', 'tokenizers'} & set(sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout == "set()\n"


def test_no_text_stands_in_two_splits_nor_twice():
    """Whatever the seeds: the split is a function of the text."""
    texts = {
        split: [text for seed in (0, 1) for text, _ in Headlines(seed=seed).rows(0, 800, split)] for split in SPLITS
    }
    for split in SPLITS:
        assert {split_of(text) for text in texts[split]} == {split}
        assert len(set(texts[split])) == 1600
    shares = Counter(split_of(f"headline {number}") for number in range(16_000))
    assert [round(shares[split] / 1000) for split in SPLITS] == [14, 1, 1]


def test_classes_are_equally_frequent_in_every_split():
    """Chi-square with 5 degrees of freedom, below its 0.999 quantile."""
    for split in SPLITS:
        counts = Counter(label for _, label in Headlines().rows(0, 1800, split))
        assert set(counts) == set(TOPICS[:6])
        assert sum((many - 300) ** 2 / 300 for many in counts.values()) < 20.5


def test_longest_headline_has_draws_enough():
    """A draw for label, kinds of clause and order; three for a topic word, one for another."""

    def most(clauses):
        return max(sum(3 if kind in TOPIC_WORDS else kind in NEUTRAL_WORDS for kind in clause) for clause, _ in clauses)

    assert 7 + most(model.MAIN) + most(model.TAILS) + most(model.SIDE) <= headlines._DRAWS.size // 8


# --- posterior ------------------------------------------------------------------------------------------------------


def test_no_word_is_of_two_kinds():
    """So a headline is read in one way only: kinds are told by their words, and clauses by their kinds."""
    kinds = {kind: {word for words in topics.values() for word in words} for kind, topics in TOPIC_WORDS.items()}
    kinds |= {kind: set(words) for kind, words in NEUTRAL_WORDS.items()}
    fixed = {kind for clause, _ in (*model.MAIN, *model.TAILS, *model.SIDE) for kind in clause if kind not in kinds}
    kinds |= {"connective": set(model.CONNECTIVES), "fixed": fixed}
    small = Counter(word.lower() for words in kinds.values() for word in words)
    assert max(small.values()) == 1
    assert not [word for word in small if set(word) & set(" ,")]
    for words in (*NEUTRAL_WORDS.values(), *(words for topics in TOPIC_WORDS.values() for words in topics.values())):
        assert len(set(words)) == len(words)
    main = [(*clause, *tail) for clause, _ in model.MAIN for tail, _ in model.TAILS]
    side = [clause for clause, _ in model.SIDE]
    assert len(set(main)) == len(main)
    assert len(set(side)) == len(side)
    assert {tuple(topics) for topics in TOPIC_WORDS.values()} == {TOPICS}


def small_model(monkeypatch):
    """Two words a kind and topic, one of them shared by two topics, and one clause each: 2 x 32 x 33 texts to list."""
    words = {
        "actor": {"business": ("bank", "club"), "sport": ("club", "team"), "politics": ("party", "court")},
        "action": {"business": ("buys", "sells"), "sport": ("wins", "sells"), "politics": ("vetoes", "signs")},
    }
    for module in (model, headlines):
        monkeypatch.setattr(module, "TOPIC_WORDS", words)
    monkeypatch.setattr(headlines, "NEUTRAL_WORDS", {"place": ("Oslo", "Lima")})
    monkeypatch.setattr(model, "MAIN", ((("actor", "action"), 2), (("actor",), 1)))
    monkeypatch.setattr(model, "TAILS", ((("in", "place"), 1),))
    monkeypatch.setattr(model, "SIDE", ((("actor", "action"), 1),))
    monkeypatch.setattr(model, "CONNECTIVES", ("as",))
    caches = (model.emissions, model.ceiling_of, headlines._neutral)
    for cache in caches:
        cache.cache_clear()
    return caches


@pytest.fixture
def small(monkeypatch):
    caches = small_model(monkeypatch)
    yield model
    monkeypatch.undo()
    for cache in caches:
        cache.cache_clear()


def clauses_of(kinds, topic, topics, noise):
    """Every sentence of a clause with its probability, drawn as the docstring of the model says."""
    options = []
    for kind in kinds:
        if kind in model.TOPIC_WORDS:
            table = Counter()
            for place, source in enumerate(topics):
                share = noise / len(topics) + (1 - noise) * (place == topics.index(topic))
                words = model.TOPIC_WORDS[kind][source]
                weights = [10**9 // (rank + 3) for rank in range(len(words))]
                for word, weight in zip(words, weights, strict=True):
                    table[word] += share * weight / sum(weights)
            options.append(list(table.items()))
        else:
            options.append([("Oslo", 0.5), ("Lima", 0.5)] if kind == "place" else [(kind, 1.0)])
    for combination in itertools.product(*options):
        yield " ".join(word for word, _ in combination), math.prod(share for _, share in combination)


def every_text(topics, noise):
    """Text -> probability together with each class, by listing all that can be drawn."""
    joint = {}

    def add(text, label, probability):
        joint.setdefault(text[0].upper() + text[1:], Counter())[label] += probability / len(topics)

    for label in topics:
        for kinds, often in (("actor", "action", "in", "place"), 2 / 3), (("actor", "in", "place"), 1 / 3):
            for main, main_share in clauses_of(kinds, label, topics, noise):
                add(main, label, often * main_share * 0.4)
                for other in topics:
                    for side, side_share in clauses_of(("actor", "action"), other, topics, noise):
                        both = often * main_share * side_share / len(topics) * 0.3
                        add(f"{main} as {side}", label, both)
                        add(f"as {side}, {main}", label, both)
    return joint


@pytest.mark.parametrize("noise", [0.0, 0.3, 0.8])
def test_posterior_and_ceiling_equal_a_full_enumeration(small, noise):
    """Bayes' rule over all texts of a small model, nothing factored out."""
    source = Headlines(topics=3, noise=noise)
    joint = every_text(source.classes, noise)
    assert math.fsum(math.fsum(shares.values()) for shares in joint.values()) == pytest.approx(1, abs=1e-12)
    accuracy = entropy = 0.0
    for text, shares in joint.items():
        whole = math.fsum(shares.values())
        if whole:
            exact = {label: shares[label] / whole for label in source.classes}
            assert source.posterior(text) == pytest.approx(exact, abs=1e-12)
            accuracy += max(shares.values())
            entropy -= math.fsum(share * math.log(share / whole) for share in shares.values() if share)
    assert source.ceiling().to_dict() == pytest.approx({"accuracy": accuracy, "cross_entropy": entropy}, abs=1e-12)


def test_rows_are_drawn_as_the_enumeration_says(small):
    """40,000 draws of the small model: chi-square over texts and labels, whatever their split."""
    source, many = Headlines(topics=3, noise=0.3), 40_000
    joint = every_text(source.classes, 0.3)
    counts = Counter(source._attempt(str(number)) for number in range(many))
    expected = {(text, label): share * many for text, shares in joint.items() for label, share in shares.items()}
    assert set(counts) <= set(expected)
    cells = [(counts[key], mean) for key, mean in expected.items() if mean >= 5]
    cells.append((many - sum(seen for seen, _ in cells), many - sum(mean for _, mean in cells)))
    square = sum((seen - mean) ** 2 / mean for seen, mean in cells)
    assert abs(square - (len(cells) - 1)) < 4 * math.sqrt(2 * len(cells))


@pytest.mark.parametrize("source", [Headlines(), Headlines(topics=3, noise=0.5, seed=3), Headlines(topics=8)], ids=str)
def test_posterior_is_calibrated_and_reaches_the_ceiling(source):
    """On 20,000 rows: accuracy, mean posterior, cross-entropy within four standard errors; bins hold what they say."""
    rows = source.rows(0, 20_000)
    shares = [source.posterior(text) for text, _ in rows]
    right = np.array([max(share, key=share.get) == label for share, (_, label) in zip(shares, rows, strict=True)])
    sure = np.array([max(share.values()) for share in shares])
    given = np.array([-math.log(share[label]) for share, (_, label) in zip(shares, rows, strict=True)])
    ceiling = source.ceiling()
    for values, exact in ((right, ceiling.accuracy), (sure, ceiling.accuracy), (given, ceiling.cross_entropy)):
        assert abs(values.mean() - exact) < 4 * values.std() / math.sqrt(len(values))
    for low, high in itertools.pairwise([0.2, 0.5, 0.7, 0.9, 1.01]):
        inside = (sure >= low) & (sure < high)
        error = math.sqrt(0.25 / inside.sum())
        assert abs(right[inside].mean() - sure[inside].mean()) < 4 * error


def test_ceiling_falls_with_noise_and_default_is_around_nine_tenths():
    """From near 1 without noise, where only shared words mislead."""
    ceilings = [Headlines(noise=noise).ceiling() for noise in (0, 0.1, 0.25, 0.5, 0.9)]
    accuracies = [ceiling.accuracy for ceiling in ceilings]
    assert accuracies == sorted(accuracies, reverse=True)
    assert accuracies[0] > 0.999
    assert 1 / 6 < accuracies[-1] < 0.35
    assert str(ceilings[2]) == "Bayes-optimal accuracy 0.9114, cross-entropy 0.2308"


def test_order_decides_which_clause_counts():
    """The same words, another class."""
    source = Headlines(topics=3)
    first = source.posterior("Striker signs contract over league row in Oslo as cabinet vetoes tax")
    assert first == source.posterior("As cabinet vetoes tax, striker signs contract over league row in Oslo")
    assert max(first, key=first.get) == "sport"
    other = source.posterior("Cabinet vetoes tax over pensions row in Oslo as striker signs contract")
    assert max(other, key=other.get) == "politics"


def test_counting_words_stays_below_the_ceiling():
    """TF-IDF and logistic regression on 12,000 rows, scored on 2,000 with a standard error of 0.009."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression

    source = Headlines()
    rows, test = source.rows(0, 12_000), source.rows(0, 2000, "test")
    words = TfidfVectorizer(min_df=2)
    classifier = LogisticRegression(max_iter=300).fit(
        words.fit_transform([text for text, _ in rows]), [y for _, y in rows]
    )
    counted = classifier.score(words.transform([text for text, _ in test]), [label for _, label in test])
    assert 0.7 < counted < source.ceiling().accuracy - 0.08


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: Headlines(topics=9), "topics must be a whole number from 2 to 8; got 9"),
        (lambda: Headlines(topics=True), "topics must be a whole number from 2 to 8; got True"),
        (lambda: Headlines(noise=1), "noise must be a number from 0 to below 1; got 1"),
        (lambda: Headlines(noise=math.nan), "noise must be a number from 0 to below 1; got nan"),
        (lambda: Headlines(seed=-1), "seed must be a whole number, 0 or more; got -1"),
        (lambda: Headlines().row(-1), "number must be a whole number, 0 or more; got -1"),
        (lambda: Headlines().row(0, "dev"), "split must be train, validation or test; got 'dev'"),
        (lambda: Headlines().posterior("Cat sat on mat"), "text must be a headline of the generator; got 'Cat sat"),
        (lambda: Headlines().posterior(""), "text must be a headline of the generator; got ''"),
        (
            lambda: Headlines().posterior("Court backs deal over pensions row in Oslo as cat sat"),
            "text must be a headline of the generator; got 'Court backs",
        ),
    ],
)
def test_what_the_generator_refuses(call, message):
    """Its own ranges, and texts it never makes."""
    with pytest.raises(preheat.DataError, match=message):
        call()


# --- runs -----------------------------------------------------------------------------------------------------------

TINY = {
    "data": "synthetic",
    "rows": 320,
    "evaluation_rows": 60,
    "topics": 3,
    "layers": 1,
    "width": 16,
    "heads": 2,
    "vocabulary": 400,
    "max_tokens": 40,
    "batch_size": 8,
    "lr": 1e-2,
}


def tiny(**changes):
    return read_config(flags={**TINY, **changes})


def test_settings_that_were_not_said_are_the_generators_own():
    """One pass, by default."""
    full = read_config(flags={"data": "synthetic"}).filled()
    assert {name: getattr(full, name) for name in SYNTHETIC_SETTINGS} == SYNTHETIC_SETTINGS
    assert Headlines() == Headlines(full.topics, full.noise, full.data_seed)
    assert full.epochs == 1
    other = read_config(flags={}).filled()
    assert other.epochs == 8
    assert all(getattr(other, name) is None for name in SYNTHETIC_SETTINGS)


@pytest.mark.parametrize("name", SYNTHETIC_SETTINGS)
def test_settings_of_synthetic_data_are_refused_with_other_data(name):
    """Each by its name."""
    message = rf"{name} must be left out with data='bbc'; got .*Only synthetic data has it: leave it out, or say"
    with pytest.raises(preheat.ConfigError, match=message):
        read_config(flags={name: SYNTHETIC_SETTINGS[name]})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        *(("text_column", ["title"]), ("label_column", "topic"), ("split_column", "split"), ("id_column", "")),
        *(("classes", ["sport", "tech"]), ("bad_rows", "skip")),
    ],
)
def test_settings_of_files_are_refused_with_synthetic_data(name, value):
    """There is no column, and no bad row."""
    message = rf"{name} must be left out with data='synthetic'; got .*It is about the rows of a file"
    with pytest.raises(preheat.ConfigError, match=message):
        tiny(**{name: value})


@pytest.mark.parametrize(
    ("name", "value"), [("rows", 0), ("evaluation_rows", 0), ("topics", 9), ("noise", 1.0), ("data_seed", -1)]
)
def test_values_out_of_range_are_refused_before_any_row_is_made(name, value):
    """By the configuration."""
    with pytest.raises(preheat.ConfigError, match=f"{name} must be .*; got {value}. Synthetic data: "):
        tiny(**{name: value})


def test_splits_are_the_generators_rows():
    """In their order; more rows begin with the same ones; the run's own seed has no part in it."""
    data = load_data(tiny())
    source = Headlines(topics=3)
    assert [(row.text, row.label) for row in data.train] == source.rows(0, 320)
    assert [(row.text, row.label) for row in data.test] == source.rows(0, 60, "test")
    assert data.classes == ("business", "politics", "sport")
    assert data.train[4].where == "synthetic, train row 4"
    assert load_data(tiny(rows=400)).train[:320] == data.train
    assert load_data(tiny(seed=5)).fingerprint == data.fingerprint
    assert load_data(tiny(data_seed=5)).fingerprint != data.fingerprint
    assert data.summary().endswith(f"\nsynthetic headlines, not news: {source.ceiling()}")


def test_dry_run_counts_a_single_pass(capsys):
    """Rows over batch; named synthetic with its ceiling."""
    words = [f"--{name.replace('_', '-')}={value}" for name, value in {**TINY, "rows": 321}.items()]
    with pytest.raises(SystemExit, match="0"):
        run(["train", *words, "--dry-run"])
    shown = capsys.readouterr().out
    assert "ceil(321 examples / 8) = 41" in shown
    assert "synthetic headlines, not news: Bayes-optimal accuracy 0." in shown


def test_run_says_that_it_is_synthetic_and_can_be_used(tmp_path):
    """Lines, header, result, report; evaluated and asked afterwards."""
    lines = []
    result = train(tiny(), tmp_path / "run", say=lines.append)
    ceiling = Headlines(topics=3).ceiling()
    header = json.loads((tmp_path / "run" / "config.json").read_text())
    page = (tmp_path / "run" / "report.html").read_text()
    assert lines[0] == NOTICE
    assert header["ceiling"] == result["ceiling"] == ceiling.to_dict()
    assert result["updates"] == 40
    assert "Its data are synthetic headlines, made by a generator: no news." in page
    assert "Bayes-optimal accuracy" in page
    assert f"{ceiling.accuracy:.4f}" in page
    classifier = Classifier(tmp_path / "run")
    assert classifier.evaluate("test").to_dict() == pytest.approx(result["test"], abs=1e-6)
    assert set(classifier.classify(["Cabinet vetoes tax"])[0].probabilities) == {"business", "politics", "sport"}


def test_commands_name_the_ceiling(tmp_path, capsys):
    """Beside the accuracy: train and evaluate."""
    words = [f"--{name.replace('_', '-')}={value}" for name, value in TINY.items()]
    for command in (["train", *words, f"--out={tmp_path / 'run'}"], ["evaluate", f"--run={tmp_path / 'run'}"]):
        with pytest.raises(SystemExit, match="0"):
            run(command)
        assert "synthetic headlines: Bayes-optimal accuracy 0.9" in capsys.readouterr().out


def test_killed_run_ends_as_if_nothing_had_happened(tmp_path):
    """Rows are made again, the very same."""
    config = tiny(save_every=5)
    train(config, tmp_path / "uncut", say=quiet)
    child = Child(tmp_path / "log", train, config, tmp_path / "killed")
    child.wait_for(lambda: lines_of(tmp_path / "killed") >= 12)
    assert child.send(signal.SIGKILL) == -signal.SIGKILL, child.log.read_text()
    train(config, tmp_path / "killed", resume=True, say=quiet)
    assert same_run(tmp_path / "killed", tmp_path / "uncut")


def test_longer_pass_over_rows_not_seen_yet(tmp_path):
    """A run that was to use part of its rows goes on over the rest; other rows are a change that has to be said."""
    train(tiny(max_updates=10), tmp_path / "run", say=quiet)
    before = weights_of(tmp_path / "run")
    words = {"resume": True, "say": quiet, "given": {"data", "max_updates"}}
    assert train(tiny(max_updates=30), tmp_path / "run", on_conflict="new", **words)["updates"] == 30
    assert weights_of(tmp_path / "run") != before
    assert len({record["batch"] for record in records_of(tmp_path / "run")}) == 30
    with pytest.raises(preheat.ConfigError, match=r"data: saved \w{12}\.\.\., now \w{12}"):
        train(tiny(data_seed=1), tmp_path / "run", resume=True, say=quiet, given={"data", "data_seed"})


def test_resumed_run_on_other_data_takes_its_settings_along(tmp_path, news):
    """From a file to made rows and back: the settings of one never stay with the other."""
    from preheat.lab.training.session import Changes

    file = read_config(flags={"data": str(news), "epochs": 1}).filled()
    made = tiny(epochs=1).filled()
    there = Changes().settle(file, made, {"data", "rows"}, "new")
    assert (there.rows, there.noise, there.topics) == (320, 0.25, 3)
    back = Changes().settle(made, file, {"data"}, "new")
    assert all(getattr(back, name) is None for name in SYNTHETIC_SETTINGS)
