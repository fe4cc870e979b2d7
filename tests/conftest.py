"""Shared by all tests: one torch thread, no display, no hub, JAX on the CPU."""

import os
import signal
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("HF_DATASETS_OFFLINE", "1")
os.environ.setdefault("TOKENIZERS_PARALLELISM", "false")
os.environ.setdefault("KERAS_BACKEND", "jax")
os.environ.setdefault("JAX_PLATFORMS", "cpu")
os.environ["PREHEAT_LANG"] = "en"  # whatever the locale of whoever runs the tests

import pytest
from hypothesis import settings

import preheat
from support import balance

settings.register_profile("preheat", deadline=None, derandomize=True)
settings.load_profile("preheat")


if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    # As a shell starts what it sends to the background; children would ignore Ctrl-C as well.
    signal.signal(signal.SIGINT, signal.default_int_handler)


CATALOGUES = Path(preheat.__file__).parent / "messages"
if not os.environ.get("PYTEST_XDIST_WORKER"):
    # In a checkout nothing but an install compiles them; one that is older than its sentences would fail tests.
    stale = [
        path
        for path in CATALOGUES.glob("*.po")
        if not path.with_suffix(".mo").exists() or path.stat().st_mtime > path.with_suffix(".mo").stat().st_mtime
    ]
    if stale and find_spec("babel"):
        subprocess.run([sys.executable, Path(__file__).parents[1] / "scripts" / "messages", "compile"], check=True)


RECORDED = os.environ.get("PREHEAT_RECORD_TIMES")
recorder = balance.Recorder(RECORDED) if RECORDED else None


def pytest_collection_modifyitems(items):
    """The longest first, so that no process is left with a long one at the end."""
    balance.longest_first(items)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config, log):
    """By file, and long tests by themselves."""
    return balance.make_scheduler(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item, call):
    """Where times are recorded, each report has the processor time since the one before."""
    report = yield
    if recorder:
        report.user_properties.append(("processor", recorder.since_the_last()))
    return report


def pytest_runtest_logreport(report):
    """In the one process that sees the reports of all."""
    if recorder and not os.environ.get("PYTEST_XDIST_WORKER"):
        recorder.add(report.nodeid, report.when, dict(report.user_properties).get("processor", 0.0))


def pytest_sessionfinish():
    """Write down what was recorded."""
    if recorder and not os.environ.get("PYTEST_XDIST_WORKER"):
        recorder.write()


@pytest.fixture(autouse=True, scope="session")
def cache_of_their_own(tmp_path_factory):
    """Nothing is left in the cache folder of whoever runs the tests."""
    os.environ["XDG_CACHE_HOME"] = str(tmp_path_factory.mktemp("cache"))


@pytest.fixture(scope="session")
def warm_watched():
    """A process with the recorder of ``preheat watch`` attached and the trainers loaded; scripts run in its forks."""
    from support.warm_process import WarmProcess

    loaded = ("torch._dynamo", "transformers.trainer", "transformers.models.gpt2.modeling_gpt2", "accelerate")
    process = WarmProcess("torch", *loaded, "lightning", watched=True)
    yield process
    process.close()


@pytest.fixture
def make_optimizer():
    """A factory of small optimizers: ``make_optimizer(lr=0.1, fused=False, groups=1, tensor=False)``."""
    import torch

    def make(lr=0.1, *, fused=False, groups=1, tensor=False):
        torch.manual_seed(0)
        weights = [torch.nn.Parameter(torch.ones(3)) for _ in range(groups)]
        parts = [
            {"params": [weight], "lr": torch.tensor(lr / 10**index) if tensor else lr / 10**index}
            for index, weight in enumerate(weights)
        ]
        return torch.optim.AdamW(parts, lr=lr, fused=fused)

    return make


@pytest.fixture
def update():
    """One real optimizer update: ``update(optimizer)``."""

    def run(optimizer, scaler=None, overflow=False):
        weights = [weight for group in optimizer.param_groups for weight in group["params"]]
        loss = sum((weight * weight).sum() for weight in weights)
        if overflow:
            loss = loss * float("inf")
        if scaler is None:
            loss.backward()
            optimizer.step()
        else:
            scaler.scale(loss).backward()
            scaler.step(optimizer)
            scaler.update()
        optimizer.zero_grad()

    return run


@pytest.fixture
def cli(capsys, monkeypatch, tmp_path):
    """Run a command in this process: (exit code, standard output, standard error)."""
    from preheat.cli.main import run

    monkeypatch.chdir(tmp_path)

    def call(*words):
        code = 0
        try:
            run([str(word) for word in words])
        except SystemExit as stop:
            code = stop.code or 0
        captured = capsys.readouterr()
        return code, captured.out, captured.err

    return call
