"""Two processes over gloo: the same run as one with batches as large; stopped, killed and resumed together."""

import itertools
import os
import signal
import socket
import subprocess
import sys

import pytest

import preheat
from preheat.lab.training import TrainConfig
from preheat.lab.training.evaluation import Classifier
from preheat.lab.training.folder import RunFolder
from preheat.lab.training.session import train
from support.runs import Child, checkpoints_of, lines_of, quiet, read_lines, records_of, same_run

_numbers = itertools.count()


def free_port():
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def as_rank(rank, many, port, sharded, *args, **options):
    """Train as torchrun would have started this process."""
    from accelerate.state import AcceleratorState, PartialState

    os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(many)}
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    AcceleratorState._reset_state()
    PartialState._reset_state()  # as one process, in the parent
    if sharded:
        shard_on_the_cpu()
    train(*args, **options)


def shard_on_the_cpu():
    """What Accelerate does for FSDP 2 on GPUs, which it does not offer for processors."""
    from accelerate import Accelerator
    from accelerate.utils import DistributedType, FullyShardedDataParallelPlugin

    real = Accelerator.__init__

    def init(self, *args, **options):
        real(self, *args, **options)
        self.state.fsdp_plugin = FullyShardedDataParallelPlugin(
            fsdp_version=2,
            auto_wrap_policy="transformer_based_wrap",
            reshard_after_forward=True,
            transformer_cls_names_to_wrap=["GPT2Block"],
        )
        self.state.distributed_type = DistributedType.FSDP

    Accelerator.__init__ = init


@pytest.fixture
def together(tmp_path):
    """Start the ranks of one run: ``together(config, folder, many=2, sharded=False, **options)``."""
    started = []

    def start(config, folder, many=2, *, sharded=False, **options):
        port, number = free_port(), next(_numbers)
        logs = [tmp_path / f"{number}-{rank}.log" for rank in range(many)]
        children = [
            Child(log, as_rank, rank, many, port, sharded, config, folder, **options) for rank, log in enumerate(logs)
        ]
        started.extend(children)
        return children

    yield start
    for child in started:
        if child.process.is_alive():
            child.process.kill()
            child.process.join()


def done(children):
    codes = [child.end() for child in children]
    assert codes == [0] * len(codes), "\n".join(child.log.read_text() for child in children)


@pytest.mark.parametrize("accumulation", [1, 2])
def test_two_processes_make_the_run_of_one(tmp_path, tiny, together, accumulation):
    """At an equal batch: the same rates, rows and scores; losses to rounding; one process writes and speaks."""
    settings = {"epochs": 2, "dropout": 0, "precision": "fp32", "accumulation": accumulation, "critical_every": 3}
    train(tiny(batch_size=16, **settings), tmp_path / "one", say=quiet)
    children = together(tiny(batch_size=8, **settings), tmp_path / "two")
    done(children)
    one, two = records_of(tmp_path / "one"), records_of(tmp_path / "two")
    for key in ("update", "epoch", "lr", "batch", "tokens"):
        assert [line[key] for line in one] == [line[key] for line in two]
    for key in ("loss", "grad_norm"):
        assert [line[key] for line in one] == pytest.approx([line[key] for line in two], abs=3e-5)
    critical = [[line["critical_lr"] for line in lines[3::3]] for lines in (one, two)]
    assert critical[0] == pytest.approx(critical[1], rel=0.15)  # the bracket's width, and a loss that crosses flatly
    scores = [read_lines(tmp_path / name / "evaluations.jsonl") for name in ("one", "two")]
    assert [line["loss"] for line in scores[0]] == pytest.approx([line["loss"] for line in scores[1]], abs=1e-5)
    assert [line["accuracy"] for line in scores[0]] == [line["accuracy"] for line in scores[1]]
    assert children[1].log.read_text() == ""
    result = RunFolder(tmp_path / "two").path / "result.json"
    assert sum(map(sum, preheat.lab.training.records.read_json(result)["confusion"])) == 15  # every test row once


def test_killed_processes_resume_to_the_same_bits(tmp_path, tiny, together):
    """With dropout, which differs between them; the random states of both are in the checkpoint."""
    config = tiny(epochs=2, save_every=3)
    done(together(config, tmp_path / "uncut"))
    folder = tmp_path / "killed"
    children = together(config, folder)
    children[0].wait_for(lambda: lines_of(folder) >= 5)
    for child in children:
        child.send(signal.SIGKILL)
    done(together(config, folder, resume=True))
    assert same_run(folder, tmp_path / "uncut")


def test_a_signal_to_one_stops_all_at_the_same_update(tmp_path, tiny, together):
    """To the one that does not write."""
    folder = tmp_path / "run"
    children = together(tiny(epochs=50), folder)
    children[0].wait_for(lambda: lines_of(folder) >= 5)
    os.kill(children[1].process.pid, signal.SIGTERM)
    assert [child.end() for child in children] == [75, 75]
    assert checkpoints_of(folder)[-1] == f"update-{lines_of(folder):06d}"
    assert "asked by SIGTERM" in read_lines(folder / "events.jsonl")[-1]["text"]


def test_another_number_of_processes_is_a_change(tmp_path, tiny, together):
    """Refused, or the rest of the epoch is dealt out anew."""
    folder = tmp_path / "run"
    children = together(tiny(epochs=2, save_every=4), folder)
    children[0].wait_for(lambda: len(checkpoints_of(folder)) >= 1)
    for child in children:
        child.send(signal.SIGKILL)
    with pytest.raises(preheat.ConfigError, match="processes: saved 2, now 1"):
        train(TrainConfig(), folder, resume=True, say=quiet)
    train(TrainConfig(), folder, resume=True, on_conflict="new", say=quiet)
    tokens = [sum(line["tokens"] for line in records_of(folder) if line["epoch"] == epoch) for epoch in (0, 1)]
    assert tokens[0] == tokens[1]


def test_bad_numbers_in_one_process_stop_all_of_them(tmp_path, tiny, together, monkeypatch):
    """Before the update: the loss is summed over all."""
    from preheat.lab.training.engine import Engine

    real = Engine.update

    def update(self, batches):
        if self.scheduler.position == 4 and self.accelerator.process_index == 1:
            batches[0].inputs["input_ids"][:] = 0
            self.parameters[0].register_hook(lambda grad: grad * float("nan"))
        return real(self, batches)

    monkeypatch.setattr(Engine, "update", update)
    children = together(tiny(), tmp_path / "run")
    assert [child.end() for child in children] == [1, 1]
    assert "BadNumbersError: update 4 must be made of finite numbers" in children[0].log.read_text()


def test_sharded_model_is_the_same_run_and_resumes(tmp_path, tiny, together):
    """FSDP 2: whole weights and optimizer in the checkpoint, whose bits an interruption does not change."""
    config = tiny(epochs=2, save_every=3, dropout=0, precision="fp32", clip=1.0)
    done(together(config, tmp_path / "plain"))
    done(together(config, tmp_path / "sharded", sharded=True))
    plain, sharded = (records_of(tmp_path / name) for name in ("plain", "sharded"))
    assert [line["lr"] for line in plain] == [line["lr"] for line in sharded]
    for key in ("loss", "grad_norm"):
        assert [line[key] for line in plain] == pytest.approx([line[key] for line in sharded], abs=1e-4)
    assert Classifier(tmp_path / "sharded").classify(["goal match cup"])

    folder = tmp_path / "killed"
    children = together(config, folder, sharded=True)
    children[0].wait_for(lambda: lines_of(folder) >= 5)
    for child in children:
        child.send(signal.SIGKILL)
    done(together(config, folder, sharded=True, resume=True))
    assert same_run(folder, tmp_path / "sharded")


def test_line_search_in_a_sharded_model_is_refused(tmp_path, tiny, together):
    """In one line, in every process, before anything is written."""
    children = together(tiny(critical_every=2), tmp_path / "run", sharded=True)
    assert [child.end() for child in children] == [1, 1]
    assert "ConfigError: critical_every must be 0 for a sharded model; got 2." in children[0].log.read_text()
    assert not (tmp_path / "run" / "records.jsonl").exists()


def test_torchrun_starts_the_command_line(tmp_path, news):
    """As people do: two processes, one result, one stop."""
    flags = "--layers 1 --width 16 --heads 2 --vocabulary 400 --max-tokens 24 --batch-size 8 --epochs 1 --lr 0.01"
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node=2", "--master_port", str(free_port())]
    command = [*torchrun, "-m", "preheat", "train", "--data", str(news), *flags.split(), "--out", str(tmp_path / "run")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.count("test accuracy") == 1
    assert len(records_of(tmp_path / "run")) == 9
