"""Numbers that are not finite, and losses that jump: seen before they do harm, told as they are."""

import signal

import pytest
import torch

import preheat
from preheat.lab.training import TrainConfig
from preheat.lab.training.engine import Engine
from preheat.lab.training.folder import RunFolder
from preheat.lab.training.run_logger import SpikeWatch, nearest_event
from preheat.lab.training.session import train
from support.runs import checkpoints_of, quiet, read_lines, records_of, same_run

# What is compared is what the run computed; its pictures are test_run's and test_report's.
pytestmark = pytest.mark.usefixtures("without_pictures")


@pytest.fixture
def poison(monkeypatch):
    """Make the losses of some updates bad: ``poison({7: nan})``; or their gradients, with ``gradient=True``."""

    def install(bad, *, gradient=False):
        real = Engine.update

        def update(self, batches):
            value = bad.get(self.seen if hasattr(self, "seen") else 0)
            self.seen = getattr(self, "seen", 0) + 1
            if value is None:
                return real(self, batches)
            if gradient:
                hook = self.parameters[0].register_hook(lambda grad: grad * value)
                outcome = real(self, batches)
                hook.remove()
                return outcome
            forward = self.forward

            def bad_forward(**inputs):
                output = forward(**inputs)
                output.loss = output.loss * value
                return output

            self.forward = bad_forward
            try:
                return real(self, batches)
            finally:
                self.forward = forward

        monkeypatch.setattr(Engine, "update", update)

    return install


@pytest.mark.parametrize("value", [float("nan"), float("inf")], ids=str)
@pytest.mark.parametrize("gradient", [False, True], ids=["loss", "gradient"])
def test_bad_numbers_stop_the_run_before_the_update(tmp_path, tiny, poison, news, value, gradient):
    """With update and rows in the message; nothing of it is saved, and the run can be gone on with."""
    config = tiny(epochs=2, save_every=5)
    train(config, tmp_path / "uncut", say=quiet)
    poison({7: value}, gradient=gradient)
    with pytest.raises(preheat.RunError) as caught:
        train(config, tmp_path / "run", say=quiet)
    message = str(caught.value)
    assert message.startswith("update 7 must be made of finite numbers; got 'loss ")
    assert f"({news}, line " in message
    assert message.count(f"{news}, line ") == 8
    assert records_of(tmp_path / "run") == records_of(tmp_path / "uncut")[:7]
    assert checkpoints_of(tmp_path / "run") == ["update-000005"]


def test_run_stopped_by_bad_numbers_can_be_resumed(tmp_path, tiny, poison, monkeypatch):
    """From the checkpoint before, as if they had not been."""
    config = tiny(epochs=2, save_every=5)
    train(config, tmp_path / "uncut", say=quiet)
    poison({7: float("nan")})
    with pytest.raises(preheat.RunError):
        train(config, tmp_path / "run", say=quiet)
    monkeypatch.undo()
    train(config, tmp_path / "run", resume=True, say=quiet)
    assert same_run(tmp_path / "run", tmp_path / "uncut")


def test_bad_updates_are_skipped_and_counted_if_asked(tmp_path, tiny, poison):
    """The schedule's clock counts updates that were made; the rows are in the event."""
    poison({3: float("nan"), 9: float("inf")})
    lines = []
    result = train(tiny(epochs=1, bad_numbers="skip"), tmp_path / "run", say=lines.append)
    records = records_of(tmp_path / "run")
    assert [record["update"] for record in records] == list(range(15))
    assert result["updates"] == 15
    schedule = preheat.get_schedule("warmuplinear", warmup="10%", total=17)
    assert [record["lr"] for record in records] == [1e-2 * schedule(update) for update in range(15)]
    skips = read_lines(tmp_path / "run" / "events.jsonl")
    assert [(event["event"], event["update"], len(event["rows"])) for event in skips] == [
        ("skip", 3, 8),
        ("skip", 8, 8),
    ]
    assert all(record["loss"] is not None for record in records)


def test_skipping_ends_when_it_cannot_help(tmp_path, tiny, poison):
    """Ten bad updates in succession."""
    poison({update: float("nan") for update in range(5, 99)})
    with pytest.raises(preheat.RunError, match="So were 10 updates in succession, all skipped"):
        train(tiny(bad_numbers="skip"), tmp_path / "run", say=quiet)
    assert len(records_of(tmp_path / "run")) == 5


def test_losses_fetched_late_are_looked_at_before_anything_is_saved(tmp_path, tiny, poison, monkeypatch):
    """As on a GPU, where nobody waits for a loss: the run ends at the next look, and no checkpoint has it."""
    real = Engine.__init__

    def unchecked(self, *args, checked):
        real(self, *args, checked=False)

    monkeypatch.setattr(Engine, "__init__", unchecked)
    poison({7: float("nan")})
    with pytest.raises(preheat.RunError, match="update 7 must be made of finite numbers"):
        train(tiny(save_every=10), tmp_path / "run", say=quiet)
    assert len(records_of(tmp_path / "run")) == 7
    assert checkpoints_of(tmp_path / "run") == []


def test_losses_fetched_late_are_the_same(tmp_path, tiny, monkeypatch):
    """Bit for bit those that were looked at at once."""
    train(tiny(), tmp_path / "a", say=quiet)
    real = Engine.__init__
    monkeypatch.setattr(Engine, "__init__", lambda self, *args, checked: real(self, *args, checked=False))
    train(tiny(), tmp_path / "b", say=quiet)
    assert same_run(tmp_path / "a", tmp_path / "b")


def test_weights_that_are_not_finite_are_never_saved(tmp_path, tiny):
    """Whatever made them so."""

    def spoil(self):
        with torch.no_grad():
            self.engine.parameters[0].view(-1)[0] = float("nan")

    from preheat.lab.training.loop import Run

    real = Run._close_epoch

    def close(self):
        spoil(self)
        real(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Run, "_close_epoch", close)
        with pytest.raises(preheat.RunError, match="weights must be finite numbers; got 'others at update 17'"):
            train(tiny(), tmp_path / "run", say=quiet)
    assert checkpoints_of(tmp_path / "run") == []


# --- spikes ---------------------------------------------------------------------------------------------------------


def test_spike_is_an_event_with_the_nearest_border(tmp_path, tiny, poison):
    """Update, how far above the usual, what the schedule did nearby, the rate there."""
    poison({30: 20.0})
    lines = []
    train(tiny(lr=1e-4, warmup=20), tmp_path / "run", say=lines.append)
    (spike,) = read_lines(tmp_path / "run" / "events.jsonl")
    assert (spike["event"], spike["update"], spike["near_update"]) == ("spike", 30, 20)
    assert spike["near"] == "10 updates after the warm-up ended (update 20)"
    assert spike["share"] == pytest.approx(21 / 31)
    assert spike["loss"] == records_of(tmp_path / "run")[30]["loss"] > 15
    assert any(line.startswith("update 30: spike: loss 2") and "68% of the peak" in line for line in lines)


def test_spike_can_stop_the_run(tmp_path, tiny, poison):
    """If asked."""
    poison({30: 20.0})
    with pytest.raises(preheat.RunError, match="loss must be near the usual .*; got 2"):
        train(tiny(lr=1e-4, spikes="stop"), tmp_path / "run", say=quiet)
    assert len(records_of(tmp_path / "run")) == 31


def test_resumed_run_finds_the_same_spikes(tmp_path, tiny, poison, monkeypatch):
    """What is usual is read back from the records."""
    poison({30: 20.0})
    config = tiny(lr=1e-4, save_every=7, log_every=29)
    train(config, tmp_path / "uncut", say=quiet)

    def stop(line):
        if line.startswith("update 29: average"):
            signal.raise_signal(signal.SIGTERM)

    with pytest.raises(preheat.RunError, match="stopped"):
        train(config, tmp_path / "run", say=stop)
    monkeypatch.undo()
    poison({1: 20.0})  # the resumed run's second update is number 30
    train(TrainConfig(), tmp_path / "run", resume=True, say=quiet)
    spikes = [
        [event for event in read_lines(folder / "events.jsonl") if event["event"] == "spike"]
        for folder in (tmp_path / "uncut", tmp_path / "run")
    ]
    near = {"near", "near_update"}  # the resume is nearer
    assert [{k: v for k, v in spike.items() if k not in near | {"text", "message"}} for spike in spikes[0]] == (
        [{k: v for k, v in spike.items() if k not in near | {"text", "message"}} for spike in spikes[1]]
    )
    assert spikes[1][0]["near"] == "1 update after the run was resumed (update 29)"
    assert RunFolder(tmp_path / "run").config() == config.filled().model_copy(update={"out": None})


def test_noise_is_no_spike():
    """Of 20,000 normal losses around a falling mean, at most one is called so; a jump of 8 deviations always is."""
    generator = torch.Generator().manual_seed(0)
    noise = torch.randn(20_000, generator=generator, dtype=torch.float64).tolist()
    losses = [2 / (1 + k / 2000) + 0.5 + 0.05 * value for k, value in enumerate(noise)]
    watch = SpikeWatch()
    assert sum(watch.see(loss) is not None for loss in losses) <= 1
    for k in range(1000, 20_000, 1000):
        watch = SpikeWatch(losses[k - 64 : k])
        assert watch.see(losses[k - 1] + 10 * 0.05 + 0.1 * losses[k]) is not None


def test_nearest_event_names_what_there_was():
    """Restarts, decay's begin and end, resumes, skips, and the very update."""
    wsd = preheat.parse("warmup 10 > hold 50 > linear 40 to 0")
    assert nearest_event(12, wsd, [])["near"] == "2 updates after the warm-up ended (update 10)"
    assert nearest_event(60, wsd, [])["near"] == "at the update the decay began (update 60)"
    assert nearest_event(97, wsd, [])["near"] == "3 updates before the decay ended (update 100)"
    assert nearest_event(31, wsd, [{"event": "resume", "update": 30}])["near"] == (
        "1 update after the run was resumed (update 30)"
    )
    assert nearest_event(31, wsd, [{"event": "skip", "update": 33}])["near"] == (
        "2 updates before one was skipped (update 33)"
    )
    restarts = preheat.get_schedule("warmupcosinewithhardrestarts", warmup=10, total=110, num_cycles=2)
    assert nearest_event(61, restarts, [])["near"] == "1 update after the learning rate was restarted (update 60)"
    steep = preheat.get_schedule("warmuplinear", warmup=3, total=100)
    assert nearest_event(2, steep, [])["near"] == "1 update before the warm-up ended (update 3)"


def test_a_dead_models_moments_are_no_denormals(tmp_path, tiny):
    """Numbers too small for the usual form are 0 while a run trains, and are what they were for its caller."""
    seen = []

    class Look:
        def on_update(self, record):
            seen.append(float(torch.tensor(2e-38) * 0.25))

    train(tiny(max_updates=3), tmp_path / "run", callbacks=[Look()], say=quiet)
    assert seen[:1] == [0.0]
    assert float(torch.tensor(2e-38) * 0.25) > 0
