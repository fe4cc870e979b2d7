"""What watching costs: updates of the same training with and without ``preheat watch``'s recorder.

    python benchmarks/watch.py    # a minute; the numbers stand in docs/auditing.md

Two processes train the same model, one with the recorder attached, and take turns.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from functools import partial
from pathlib import Path

from measuring import Case, Cost, Costs, Verdict, measure, report, table

from preheat.watching.verdict import _ATTACH

_WORKER = """
import sys, time, torch
torch.set_num_threads(1)
torch.manual_seed(0)
MODELS = {
    "two layers of 64": lambda: (torch.nn.Sequential(torch.nn.Linear(64, 64), torch.nn.Linear(64, 64)), (32, 64)),
    "six layers of 256": lambda: (torch.nn.Sequential(*[torch.nn.Linear(256, 256) for _ in range(6)]), (32, 256)),
    "a small GPT-2": None,
}
if sys.argv[1] == "a small GPT-2":  # the demo's size
    from transformers import GPT2Config, GPT2Model
    config = GPT2Config(2000, n_positions=64, n_embd=128, n_layer=4, n_head=4, bos_token_id=0, eos_token_id=0)
    model = GPT2Model(config)
    data = torch.randint(0, 2000, (32, 48))
    loss = lambda: model(data).last_hidden_state.square().mean()
else:
    model, shape = MODELS[sys.argv[1]]()
    data = torch.randn(shape)
    loss = lambda: model(data).square().mean()
optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3, fused=True)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, 10**6)
print("ready", flush=True)
for line in sys.stdin:
    count = int(line)
    start = time.process_time()
    for _ in range(count):
        loss().backward()
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
    print((time.process_time() - start) / count, flush=True)
"""
_UPDATES = {"two layers of 64": 400, "six layers of 256": 150, "a small GPT-2": 12}


def _worker(model: str, folder: str | None) -> subprocess.Popen[str]:
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    if folder is not None:
        environment |= {"PREHEAT_WATCH": folder, "PYTHONPATH": str(_ATTACH)}
    child = subprocess.Popen(
        [sys.executable, "-c", _WORKER, model],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        env=environment,
    )
    assert child.stdout is not None
    child.stdout.readline()
    return child


def _seconds(child: subprocess.Popen[str], updates: int) -> float:
    """Seconds an update takes, by the worker's own processor time."""
    assert child.stdin is not None
    assert child.stdout is not None
    child.stdin.write(f"{updates}\n")
    child.stdin.flush()
    return float(child.stdout.readline())


def updates(quick: bool) -> tuple[str, dict[str, Costs], list[Verdict]]:
    """Forward, backward, fused AdamW and a scheduler's step; one thread. Overhead is the ratio of the medians."""
    rows, numbers, verdicts = [], {}, []
    for model, count in _UPDATES.items():
        with tempfile.TemporaryDirectory() as folder:
            workers = {"plain": _worker(model, None), "watched": _worker(model, folder)}
            cases: dict[str, Case] = {name: partial(_seconds, child, count) for name, child in workers.items()}
            costs = measure(cases, 5 if quick else 25)
            recorded = sum(path.read_bytes().count(b'"update"') for path in Path(folder).glob("*.jsonl"))
            for child in workers.values():
                child.kill()
                child.wait()
        assert recorded >= count, "nothing was recorded"
        added = costs["watched"].over(costs["plain"])
        rows.append([model, costs["plain"].shown(1e-3, 3), costs["watched"].shown(1e-3, 3), f"{added.median * 1e6:.0f}",
                     f"{100 * (costs['watched'].median / costs['plain'].median - 1):.1f} %"])  # fmt: skip
        numbers[model] = costs
        if model == "a small GPT-2":
            verdicts.append(_verdict(costs["watched"], costs["plain"]))
    return table(["model", "plain, ms", "watched, ms", "added, µs", "overhead"], rows), numbers, verdicts


def _verdict(watched: Cost, plain: Cost) -> Verdict:
    return Verdict(
        "update, a small GPT-2",
        f"{watched.median * 1e3:.2f} ms",
        f"not watched: {plain.median * 1e3:.2f} ms",
        watched.median / plain.median,
        1.02,
    )


if __name__ == "__main__":
    report(__doc__ or "", {"An update, watched": updates}, ["preheat", "torch"])
