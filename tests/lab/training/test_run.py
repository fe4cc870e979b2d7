"""A run from configuration to result: what it writes, what it refuses, how it resumes."""

import json

import pytest
import torch

import preheat
from preheat.lab.data import load_data
from preheat.lab.training import TrainConfig, read_config
from preheat.lab.training.evaluation import Classifier
from preheat.lab.training.processes import choose_precision
from preheat.lab.training.records import Records, read_lines
from preheat.lab.training.session import train
from support.runs import checkpoints_of, quiet, records_of, same_run, weights_of

# Only of the runs of tests marked so are there pictures and a report.
pytestmark = pytest.mark.usefixtures("without_pictures")


@pytest.fixture
def run(tmp_path, tiny):
    """A finished run's folder and its result."""
    lines = []
    result = train(tiny(), tmp_path / "run", say=lines.append)
    return tmp_path / "run", result, lines


@pytest.mark.pictures
def test_run_writes_everything_about_itself(run):
    """Configuration, a line an update, checkpoints in save_pretrained form, pictures, result."""
    folder, result, lines = run
    names = {entry.name for entry in folder.iterdir()}
    assert names == {
        *("config.json", "records.jsonl", "evaluations.jsonl", "events.jsonl", "result.json", "report.html"),
        *("lr.png", "loss.png"),
        *("update-000017", "update-000034", "update-000051"),
    }
    header = json.loads((folder / "config.json").read_text())
    assert TrainConfig.model_validate(header["config"]).warmup == "10%"
    schedule = preheat.Schedule.from_dict(header["schedule"])
    records = records_of(folder)
    assert [record["update"] for record in records] == list(range(header["updates"]))
    assert [record["lr"] for record in records] == [1e-2 * schedule(update) for update in range(header["updates"])]
    assert all(record["loss"] > 0 and record["grad_norm"] > 0 for record in records)
    assert [line["epoch"] for line in read_lines(folder / "evaluations.jsonl")] == [0, 1, 2]
    assert {"model.safetensors", "config.json", "tokenizer.json"} <= {
        file.name for file in (folder / "update-000017").iterdir()
    }
    resumable = [name for name in checkpoints_of(folder) if (folder / name / "optimizer.safetensors").exists()]
    assert resumable == ["update-000034", "update-000051"]  # of older ones the model stays
    assert json.loads((folder / "result.json").read_text()) == result
    assert result["test"]["accuracy"] > 0.6
    assert any(line.startswith("batches per epoch: ceil(") for line in lines)
    assert any("learning rate at update 0: 0; peak 0.01" in line for line in lines)


def test_same_seed_same_run(tmp_path, tiny):
    """Rates, losses and weights to the last bit; another seed differs."""
    for name, seed in (("a", 0), ("b", 0), ("c", 1)):
        train(tiny(epochs=1, seed=seed), tmp_path / name, say=quiet)
    a, b, c = (tmp_path / name for name in "abc")
    assert same_run(a, b)
    assert records_of(a) != records_of(c)


@pytest.mark.parametrize("accumulation", [1, 3])
def test_harness_equals_the_articles_loop_with_transformers_scheduler(tmp_path, tiny, accumulation):
    """The same model, batches and seed in a literal loop: the same rate and loss at every update, to the last bit."""
    from accelerate.utils import set_seed
    from transformers import get_linear_schedule_with_warmup

    from preheat.lab.data.batches import Collate, Order
    from preheat.lab.data.token_cache import TokenCache
    from preheat.lab.training.model import build_model, build_tokenizer

    config = tiny(warmup=5, accumulation=accumulation, precision="fp32").filled()  # whatever this processor has
    train(config, tmp_path / "run", say=quiet)

    data, cache = load_data(config), TokenCache(None)
    set_seed(config.seed)
    tokenizer = build_tokenizer(config, data.texts("train"), cache)
    model = build_model(config, data.classes, tokenizer).train()
    tokens, labels = cache.encode(tokenizer, data.texts("train"), config.max_tokens), data.labels("train")
    collate, order = Collate(tokenizer.pad_token_id), Order(config.batch_size, seed=config.seed)
    optimizer = torch.optim.AdamW(model.parameters(), lr=config.lr, weight_decay=config.weight_decay, fused=True)
    total = -(-len(order.epoch(tokens.lengths, 0)) // accumulation) * config.epochs
    scheduler = get_linear_schedule_with_warmup(optimizer, num_warmup_steps=5, num_training_steps=total)
    rates, losses = [], []
    for epoch in range(config.epochs):
        batches = order.epoch(tokens.lengths.tolist(), epoch)
        for start in range(0, len(batches), accumulation):
            group = batches[start : start + accumulation]
            many = sum(map(len, group))
            sums = 0.0
            for rows in group:
                batch = collate([(tokens[row], labels[row]) for row in rows])
                loss = model(**batch).loss
                (loss / (many / len(rows))).backward()
                sums += loss.item() * len(rows)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 5)
            rates.append(optimizer.param_groups[0]["lr"])
            losses.append(torch.tensor(sums / many).item())  # in float32, as a loss is
            optimizer.step()
            scheduler.step()
            optimizer.zero_grad()
    records = records_of(tmp_path / "run")
    assert [record["lr"] for record in records] == rates
    assert [record["loss"] for record in records] == losses


def test_used_folders_are_refused_unless_forced(tmp_path, tiny, run):
    """Nothing is overwritten without --force, and with it only a run."""
    folder, _, _ = run
    before = weights_of(folder)
    with pytest.raises(
        preheat.RunError, match="out must be a new or empty folder; got .*--resume, or start over with --force"
    ):
        train(tiny(), folder, say=quiet)
    assert weights_of(folder) == before

    unfinished = folder / ".report.html.0123abcd.part"  # what a kill leaves of a file that was being written
    unfinished.touch()
    train(tiny(epochs=1), folder, force=True, say=quiet)
    assert not (folder / "update-000051").exists()
    assert not unfinished.exists()

    (folder / "thesis.tex").write_text("years of work")
    with pytest.raises(preheat.RunError, match="It holds thesis.tex: remove it yourself"):
        train(tiny(), folder, force=True, say=quiet)
    other = tmp_path / "home"
    other.mkdir()
    (other / "letter.txt").write_text("dear")
    with pytest.raises(preheat.RunError, match="It holds letter.txt"):
        train(tiny(), other, force=True, say=quiet)
    assert (other / "letter.txt").exists()


def test_bad_data_leaves_no_folder(tmp_path, tiny, news):
    """Found before training starts: nothing is written, an earlier run stays."""
    news.write_text(news.read_text() + ",sport\n")
    with pytest.raises(preheat.DataError, match="line 162: text must be"):
        train(tiny(), tmp_path / "run", say=quiet)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("head", ["sequence", "double"])
def test_pretrained_folder_is_fine_tuned_with_either_head(tmp_path, tiny, run, head):
    """--model takes a local folder: the weights go on from there, the heads are new, both reload."""
    from transformers import AutoTokenizer, GPT2Config, GPT2LMHeadModel

    folder, _, _ = run
    tokenizer = AutoTokenizer.from_pretrained(folder / "update-000051")
    base = tmp_path / "base"
    torch.manual_seed(1)
    size = {"vocab_size": len(tokenizer), "n_positions": 24, "n_embd": 16, "n_layer": 1, "n_head": 2}
    GPT2LMHeadModel(GPT2Config(**size, bos_token_id=0, eos_token_id=0)).save_pretrained(base)
    tokenizer.save_pretrained(base)

    result = train(tiny(model=str(base), head=head, epochs=2), tmp_path / head, say=quiet)
    assert Classifier(tmp_path / head).evaluate("test").to_dict() == pytest.approx(result["test"], abs=1e-6)


def test_other_encoders_take_the_sequence_head_only(tmp_path, tiny, run):
    """A BERT classifies too; the double heads are GPT-2's."""
    from transformers import AutoTokenizer, BertConfig, BertModel

    folder, _, _ = run
    tokenizer = AutoTokenizer.from_pretrained(folder / "update-000051")
    base = tmp_path / "bert"
    size = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32}
    BertModel(BertConfig(vocab_size=len(tokenizer), max_position_embeddings=32, **size)).save_pretrained(base)
    tokenizer.save_pretrained(base)
    assert train(tiny(model=str(base), epochs=1), tmp_path / "a", say=quiet)["updates"] > 0
    with pytest.raises(
        preheat.ConfigError, match="head must be 'sequence' for a model that is not a GPT-2; got 'bert'"
    ):
        train(tiny(model=str(base), head="double"), tmp_path / "b", say=quiet)


def test_model_that_cannot_be_loaded_is_one_line(tmp_path, tiny):
    """A hub name without a hub; nothing is written."""
    with pytest.raises(
        preheat.ConfigError, match="model must be a local folder or a hub name that can be loaded; got 'no/such-model'"
    ):
        train(tiny(model="no/such-model"), tmp_path / "run", say=quiet)
    assert not (tmp_path / "run").exists()


def test_double_head_reads_the_last_token(run, tiny, tmp_path):
    """Padding on the right changes no score; mc_token_ids may be given."""
    from preheat.lab.data.token_cache import TokenCache
    from preheat.lab.training.model import build_model, build_tokenizer

    config = tiny(head="double")
    data = load_data(config)
    tokenizer = build_tokenizer(config, data.texts("train"), TokenCache(None))
    model = build_model(config, data.classes, tokenizer).eval()
    ids = torch.tensor([[5, 6, 7, tokenizer.pad_token_id, tokenizer.pad_token_id]])
    mask = torch.tensor([[1, 1, 1, 0, 0]])
    with torch.no_grad():
        padded = model(ids, attention_mask=mask).logits
        plain = model(ids[:, :3], mc_token_ids=torch.tensor([2])).logits
    assert padded.shape == (1, 3)
    assert torch.allclose(padded, plain, atol=1e-6)


def test_max_updates_shapes_and_stops_the_run(tmp_path, tiny):
    """The schedule ends where the run does, in the middle of an epoch."""
    train(tiny(max_updates=21), tmp_path / "run", say=quiet)
    records = records_of(tmp_path / "run")
    schedule = preheat.get_schedule("warmuplinear", warmup="10%", total=21)
    assert [record["lr"] for record in records] == [1e-2 * schedule(update) for update in range(21)]


@pytest.mark.parametrize("schedule", ["constantlr", "warmupcosinewithhardrestarts", "warmup_stable_decay"])
def test_any_schedule_trains(tmp_path, tiny, schedule):
    """constantlr gets no warm-up of its own accord; options go through."""
    options = {"warmup_stable_decay": {"num_decay_steps": "20%"}, "constantlr": {}}.get(schedule, {"num_cycles": 2})
    train(tiny(schedule=schedule, schedule_options=options, epochs=1), tmp_path / "run", say=quiet)
    rates = [record["lr"] for record in records_of(tmp_path / "run")]
    assert (rates[0] == 1e-2) == (schedule == "constantlr")
    assert max(rates) == 1e-2


def test_average_loss_is_printed_every_n_updates(tmp_path, tiny):
    """Over the last N updates, as recorded."""
    lines = []
    train(tiny(log_every=10, epochs=2), tmp_path / "run", say=lines.append)
    losses = [record["loss"] for record in records_of(tmp_path / "run")]
    assert f"update 20: average loss of the last 10: {sum(losses[10:20]) / 10:.4f}" in lines


def test_precision_is_chosen_by_what_the_machine_has(monkeypatch):
    """auto takes bf16 on a processor only with matrix units for it; fp16 needs a GPU."""
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for capabilities, expected in (({}, "fp32"), ({"avx512_bf16": True}, "fp32"), ({"amx_bf16": True}, "bf16")):
        monkeypatch.setattr(torch.cpu, "get_capabilities", lambda found=capabilities: found, raising=False)
        assert choose_precision("auto") == expected
    assert choose_precision("bf16") == "bf16"
    with pytest.raises(preheat.ConfigError, match="precision must be fp32, bf16 or auto without a GPU; got 'fp16'"):
        choose_precision("fp16")


def test_bf16_run_trains(tmp_path, tiny):
    """Autocast on the processor."""
    train(tiny(precision="bf16", max_updates=3), tmp_path / "run", say=quiet)
    assert len(records_of(tmp_path / "run")) == 3


def test_classifier_gives_probabilities_and_refuses_empty_text(run):
    """One class a text, the rest of the probability beside it."""
    folder, _, _ = run
    guesses = Classifier(folder).classify(["striker goal cup", "bank shares profit oil"])
    assert [guess.label for guess in guesses] == ["sport", "trade"]
    assert all(abs(sum(guess.probabilities.values()) - 1) < 1e-6 for guess in guesses)
    with pytest.raises(preheat.ConfigError, match="text 2 must be text that is not empty; got '  '"):
        Classifier(folder).classify(["goal", "  "])


def test_scores_on_other_rows(run, news, tmp_path):
    """A whole file; a class the run does not know is named by row."""
    from preheat.lab.data.rows import read_rows

    folder, _, _ = run
    classifier = Classifier(folder)
    rows = read_rows(classifier.config).good
    assert classifier.evaluate_rows(rows).accuracy > 0.6
    news.write_text(news.read_text() + "goal more,weather\n")
    with pytest.raises(preheat.DataError, match="line 162: label must be a class of the run; got 'weather'"):
        classifier.evaluate_rows(read_rows(classifier.config).good)
    news.write_text(news.read_text().replace("weather", "sport"))
    with pytest.raises(preheat.DataError, match="data must be the rows of the run"):
        classifier.evaluate("test")


def test_evaluation_equals_scikit_learn():
    """Accuracy and macro F1 on drawn labels."""
    from sklearn.metrics import f1_score

    from preheat.lab.training.evaluation import macro_f1

    generator = torch.Generator().manual_seed(0)
    for classes in (2, 3, 7):
        guess, truth = torch.randint(0, classes, (2, 50), generator=generator)
        assert macro_f1(guess, truth) == pytest.approx(f1_score(truth, guess, average="macro"), abs=1e-12)


def test_half_written_records_are_dropped(tmp_path):
    """What a kill leaves of the last line."""
    (tmp_path / "r.jsonl").write_text('{"update": 0}\n{"upda')
    assert read_lines(tmp_path / "r.jsonl") == [{"update": 0}]


def test_records_hold_no_invented_numbers(tmp_path):
    """NaN becomes null, not 0."""
    with Records(tmp_path / "r.jsonl") as records:
        records.add({"loss": float("nan"), "norm": float("inf"), "update": 1})
    assert read_lines(tmp_path / "r.jsonl") == [{"loss": None, "norm": None, "update": 1}]


def test_schedule_in_words_takes_epochs_and_learning_rates():
    """A configuration's schedule may be the whole of it: resolved by the run's plan and its learning rate."""
    config = TrainConfig(schedule="warmup 1 epoch > hold > 1-sqrt 20% to lr 1e-6", lr=1e-3, epochs=2)
    schedule = config.build_schedule(preheat.Plan(162, 16, 2))
    assert schedule == preheat.parse("warmup 11 > hold 6 > 1-sqrt 5 to 0.001")
    with pytest.raises(preheat.ConfigError, match="Did you mean 'cosine'"):
        read_config(None, {"schedule": "warmup 10% > cosin"})
    with pytest.raises(preheat.ConfigError, match="The text says how it warms up"):
        read_config(None, {"schedule": "warmup 10% > cosine", "warmup": 10})


@pytest.mark.pictures
def test_callbacks_see_the_run_and_may_end_it(tmp_path, tiny):
    """Everything as it is written; an end that is asked for is an end in order: saved, scored, reported."""
    seen = []

    class Watching(preheat.lab.training.Callback):
        def on_start(self, header):
            seen.append(("start", header["position"], header["updates"]))

        def on_update(self, record):
            seen.append(("update", record["update"]))
            assert json.loads((tmp_path / "run" / "records.jsonl").read_text().splitlines()[-1]) == dict(record)
            if record["update"] == 20:
                raise preheat.lab.training.StopRun("good enough")

        def on_evaluation(self, scores):
            seen.append(("evaluation", scores["update"]))

        def on_event(self, event):
            seen.append((event["event"], event["text"]))

        def on_checkpoint(self, path):
            seen.append(("checkpoint", path.name))

        def on_end(self, result):
            seen.append(("end", result["updates"]))

        def on_close(self):
            seen.append(("close",))

    result = train(tiny(), tmp_path / "run", callbacks=[Watching()], say=quiet)
    assert result["updates"] == 21
    assert [one for one in seen if one[0] != "update"] == [
        ("start", 0, 51),
        ("checkpoint", "update-000017"),
        ("evaluation", 17),
        ("end", "good enough"),
        ("checkpoint", "update-000021"),
        ("evaluation", 21),
        ("end", 21),
        ("close",),
    ]
    assert (tmp_path / "run" / "report.html").exists()


def test_callback_that_fails_stops_the_run_and_loses_nothing(tmp_path, tiny):
    """Named, with the run resumable."""

    class Failing:
        def on_checkpoint(self, path):
            raise ZeroDivisionError("no")

    with pytest.raises(
        preheat.RunError, match=r"callback Failing\.on_checkpoint must be a method that raises no error"
    ):
        train(tiny(), tmp_path / "run", callbacks=[Failing()], say=quiet)
    train(tiny(), tmp_path / "uncut", say=quiet)
    train(tiny(), tmp_path / "run", resume=True, say=quiet)
    assert same_run(tmp_path / "run", tmp_path / "uncut")


def test_trackers_are_named_in_the_configuration(tmp_path, tiny):
    """TensorBoard has every update's rate, also of a run that was stopped and resumed; unknown names are refused."""
    config = tiny(trackers=["tensorboard"], log_every=20)

    def stop(line):
        if line.startswith("update 20: average"):
            import signal

            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(preheat.RunError, match="stopped"):
        train(config, tmp_path / "run", say=stop)
    train(config, tmp_path / "run", resume=True, say=quiet)
    log = preheat.read_log(tmp_path / "run" / "trackers" / "tensorboard")
    assert log.series[0].rates.tolist() == pytest.approx([line["lr"] for line in records_of(tmp_path / "run")])
    with pytest.raises(preheat.ConfigError, match="tracker must be one that Accelerate knows"):
        train(tiny(trackers=["tensorbored"]), tmp_path / "other", say=quiet)
    assert not (tmp_path / "other").exists()


def test_measurements_are_of_the_real_update(tmp_path, tiny):
    """Ratio and angles every so many updates; with AdamW's equal steps the ratio follows the rate."""
    train(tiny(measure_every=5, angles=True, epochs=1, lr=1e-3), tmp_path / "run", say=quiet)
    records = records_of(tmp_path / "run")
    measured = [record for record in records if "update_ratio" in record]
    assert [record["update"] for record in measured] == [0, 5, 10, 15]
    assert measured[0]["update_ratio"] == 0  # a warm-up that begins at a rate of 0
    assert all(0 < record["update_ratio"] < 0.1 for record in measured[1:])
    assert all(0 < angle < 0.5 for record in measured[1:] for angle in record["angles"].values())
    assert {"transformer.wte.weight", "score.weight"} <= set(measured[1]["angles"])
    train(tiny(measure_every=0, epochs=1, lr=1e-3), tmp_path / "none", say=quiet)
    assert [record["loss"] for record in records] == [record["loss"] for record in records_of(tmp_path / "none")]


@pytest.mark.pictures
def test_critical_learning_rate_is_recorded_and_changes_nothing(tmp_path, tiny):
    """Every so many updates, none after one at a rate of 0; weights and random numbers are as without it."""
    train(tiny(critical_every=4, epochs=1, precision="fp32"), tmp_path / "run", say=quiet)
    train(tiny(epochs=1, precision="fp32"), tmp_path / "without", say=quiet)
    records = records_of(tmp_path / "run")
    measured = {record["update"]: record.pop("critical_lr") for record in records if "critical_lr" in record}
    assert list(measured) == [0, 4, 8, 12, 16]
    assert measured[0] is None
    found = [rate for rate in measured.values() if rate is not None]
    assert len(found) >= 2  # momentum may go uphill on a batch: then there is none
    assert all(1e-4 < rate < 100 for rate in found)
    assert records == records_of(tmp_path / "without")
    assert weights_of(tmp_path / "run") == weights_of(tmp_path / "without")
    assert "Critical learning rate" in (tmp_path / "run" / "report.html").read_text()


def test_groups_of_a_layer_decay_are_recorded_by_name(tmp_path, tiny):
    """`lr` is that of the head; the embeddings' is lower by the decay of every layer between."""
    train(tiny(layer_decay=0.5, epochs=1), tmp_path / "run", say=quiet)
    record = records_of(tmp_path / "run")[3]
    assert record["lrs"]["layer 2"] == record["lr"]
    assert record["lrs"]["layer 0"] == pytest.approx(record["lr"] / 4)
    assert set(record["lrs"]) == {f"layer {n}{tail}" for n in (0, 1, 2) for tail in ("", " without decay")} - {
        "layer 0 without decay"
    }


def test_language_model_loss_is_computed_only_if_asked_for(tmp_path, tiny, monkeypatch):
    """The logits over the vocabulary are the dearest part of a double-heads model."""
    from transformers import GPT2DoubleHeadsModel

    assert GPT2DoubleHeadsModel
    called = []
    real = torch.nn.Linear.forward

    def forward(self, x):
        if self.out_features >= 300:
            called.append(self.out_features)
        return real(self, x)

    monkeypatch.setattr(torch.nn.Linear, "forward", forward)
    train(tiny(head="double", epochs=1, dropout=0), tmp_path / "class", say=quiet)
    assert called == []
    train(tiny(head="double", epochs=1, dropout=0, lm_weight=0.5), tmp_path / "both", say=quiet)
    assert len(called) == 17  # in training, not in evaluation
    first = [records_of(tmp_path / name)[0]["loss"] for name in ("class", "both")]
    assert first[1] - first[0] == pytest.approx(0.5 * 6, rel=0.1)  # half of log(vocabulary)


def test_compiled_run_trains(tmp_path, tiny):
    """By a backend that only captures the graph: real ones take a minute. The same numbers as without."""
    train(tiny(max_updates=4, precision="fp32", dropout=0), tmp_path / "plain", say=quiet)
    train(tiny(max_updates=4, precision="fp32", dropout=0, compile="eager"), tmp_path / "run", say=quiet)
    losses = [[record["loss"] for record in records_of(tmp_path / name)] for name in ("plain", "run")]
    assert losses[0] == pytest.approx(losses[1], abs=1e-5)


def test_estimate_knows_the_run_before_it_is_made(tmp_path, tiny):
    """Updates, batches and the bytes of activations, against the real run and a real forward pass."""
    from preheat.lab.data.token_cache import TokenCache
    from preheat.lab.training.model import build_model, build_tokenizer

    config = tiny(precision="fp32")
    found = preheat.lab.training.estimate(config)
    assert found.updates == train(config, tmp_path / "run", say=quiet)["updates"]
    records = records_of(tmp_path / "run")
    assert found.batches.batches == 17
    data = load_data(config)
    model = build_model(config, data.classes, build_tokenizer(config, data.texts("train"), TokenCache(None)))
    kept, own = {}, {weight.untyped_storage()._cdata for weight in model.parameters()}

    def keep(tensor):
        storage = tensor.untyped_storage()
        if storage._cdata not in own:
            kept[storage._cdata] = storage
        return tensor

    rows, longest = found.batches.largest
    ids = torch.full((rows, longest), 5)
    ids[1:, -1], mask = 1, torch.ones_like(ids)
    mask[1:, -1] = 0
    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        model.train()(input_ids=ids, attention_mask=mask, labels=torch.zeros(rows, dtype=torch.long))
    real = sum(storage.nbytes() for storage in kept.values())
    assert found.memory.activations == pytest.approx(real, rel=0.02)
    assert found.memory.parameters == sum(weight.numel() for weight in model.parameters())
    assert sum(record["tokens"] for record in records if record["epoch"] == 0) == pytest.approx(
        found.batches.batches * found.batches.tokens[1] * (1 - found.batches.padding)
    )
    assert json.dumps(found.to_dict())
