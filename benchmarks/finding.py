"""Which peak is best, by trying them all, and what a range test and the critical learning rate say beforehand.

python benchmarks/finding.py    # a quarter of an hour on one core; a Markdown table on standard output

Each run has a warm-up of a tenth and then a linear decay; its score is the validation loss at its end, the mean of
three seeds. Good peaks are those within one standard deviation (of the seeds, at the best peak) of the best.
"""

import math
import statistics
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

import preheat
from preheat.lab.data import load_data
from preheat.lab.data.batches import Batches, DataPosition, Examples, Order, Split
from preheat.lab.training import read_config
from preheat.lab.training.model import build_model
from preheat.lab.training.parts import tokenize

SEEDS = (0, 1, 2)


class Problem(NamedTuple):
    """A model to train and the data for it; ``make(seed)`` gives model, loader and validation loader."""

    name: str
    make: Callable[[int], tuple[nn.Module, Any, Any]]
    optimizer: Callable[[Any, float], torch.optim.Optimizer]
    loss: Callable[[Any, Any], torch.Tensor]
    peaks: list[float]
    updates: int


def main() -> None:
    """Every problem, a row each."""
    torch.set_num_threads(1)
    rules = ("steepest", "minimum / 10", "valley", "slide", "critical")
    print(f"| problem | best peak (good peaks) | {' | '.join(rules)} |\n|---|---|{'---|' * len(rules)}", flush=True)
    for problem in problems():
        best, low, high = tried(problem)
        tests = [range_test(problem, seed) for seed in SEEDS]
        cells = [span([test.suggestion(rule).lr for test in tests]) for rule in rules]
        print(f"| {problem.name} | {best:.2g} ({low:.2g} to {high:.2g}) | {' | '.join(cells)} |", flush=True)


def tried(problem: Problem) -> tuple[float, float, float]:
    """The best peak, and the lowest and highest good one."""
    scores = {peak: [trained(problem, peak, seed) for seed in SEEDS] for peak in problem.peaks}
    means = {peak: statistics.fmean(losses) for peak, losses in scores.items()}
    best = min(means, key=lambda peak: means[peak])
    room = statistics.stdev(scores[best])
    good = [peak for peak, mean in means.items() if mean <= means[best] + room]
    return best, min(good), max(good)


def trained(problem: Problem, peak: float, seed: int) -> float:
    """Validation loss at the end of a run."""
    model, loader, validation = problem.make(seed)
    optimizer = problem.optimizer(model.parameters(), peak)
    schedule = preheat.get_schedule("warmuplinear", warmup=0.1, total=problem.updates)
    scheduler = preheat.torch.Scheduler(optimizer, schedule)
    model.train()
    while scheduler.position < problem.updates:
        for batch in loader:
            optimizer.zero_grad()
            loss = problem.loss(model, batch)
            if not math.isfinite(loss.item()):
                return math.inf
            loss.backward()
            optimizer.step()
            if scheduler.position == problem.updates:
                break
    model.eval()
    with torch.no_grad():
        return statistics.fmean(problem.loss(model, batch).item() for batch in validation)


def range_test(problem: Problem, seed: int) -> Any:
    """From where the runs begin."""
    model, loader, _ = problem.make(seed)
    optimizer = problem.optimizer(model.parameters(), 1e-3)
    return preheat.lab.find_lr(model, optimizer, loader, problem.loss, end=10.0)


def span(rates: list[float | None]) -> str:
    """Lowest to highest over the seeds."""
    found = [rate for rate in rates if rate is not None]
    missing = f" (none for {len(rates) - len(found)} of {len(rates)})" if len(found) < len(rates) else ""
    return (f"{min(found):.2g} to {max(found):.2g}" if found else "") + missing


def problems() -> list[Problem]:
    """A small network with two optimizers, and a small GPT-2 on real headlines."""
    sgd = [2.0**power for power in range(-8, 3)]
    adam = [2.0**power for power in range(-13, -2)]

    def classes(model: Any, batch: Any) -> torch.Tensor:
        return nn.functional.cross_entropy(model(batch[0]), batch[1])

    def adamw(weights: Any, lr: float) -> torch.optim.Optimizer:
        return torch.optim.AdamW(weights, lr=lr)

    def momentum(weights: Any, lr: float) -> torch.optim.Optimizer:
        return torch.optim.SGD(weights, lr=lr, momentum=0.9)

    def own_loss(model: Any, batch: Any) -> torch.Tensor:
        loss: torch.Tensor = model(**batch).loss
        return loss

    return [
        Problem("network of three layers, AdamW", network, adamw, classes, adam, 600),
        Problem("the same, SGD with momentum 0.9", network, momentum, classes, sgd, 600),
        Problem("GPT-2 of 2 layers, width 64, headlines, AdamW", headlines(), adamw, own_loss, adam[1:-1], 318),
    ]


def network(seed: int) -> tuple[nn.Module, Any, Any]:
    """Ten classes of 32 numbers, half of them noise; batch norm and dropout."""
    draw = torch.Generator().manual_seed(100 + seed)
    weights = torch.randn(32, 10, generator=draw)
    inputs = torch.randn(6000, 32, generator=draw)
    classes = (inputs.tanh() @ weights + torch.randn(6000, 10, generator=draw)).argmax(dim=1)
    loader = DataLoader(TensorDataset(inputs[:4000], classes[:4000]), batch_size=32, shuffle=True, generator=draw)
    validation = DataLoader(TensorDataset(inputs[4000:], classes[4000:]), batch_size=500)
    torch.manual_seed(seed)
    hidden = nn.Sequential(nn.Linear(32, 128), nn.BatchNorm1d(128), nn.ReLU(), nn.Dropout(0.1))
    return nn.Sequential(hidden, nn.Linear(128, 128), nn.ReLU(), nn.Linear(128, 10)), loader, validation


def headlines() -> Callable[[int], tuple[nn.Module, Any, Any]]:
    """The default data of ``preheat train``, cut to 64 tokens."""
    config = read_config(None, {"width": 64, "max_tokens": 64}).filled()
    data = load_data(config)
    texts = tokenize(config, data)

    def make(seed: int) -> tuple[nn.Module, Any, Any]:
        torch.manual_seed(seed)
        model = build_model(config, data.classes, texts.tokenizer)
        examples = Examples(texts.tokens["train"], data.labels("train"))
        validation = Split(texts.tokens["validation"], data.labels("validation"), 32, texts.pad)
        return model, Epochs(Batches(examples, Order(seed=seed), texts.pad)), [batch.inputs for batch in validation]

    return make


class Epochs:
    """The batches of one epoch each time it is iterated, of the next one the next time."""

    def __init__(self, batches: Batches) -> None:
        self.batches, self.epoch = batches, 0

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        self.epoch += 1
        return (batch.inputs for batch in self.batches.after(DataPosition(self.epoch - 1)))


if __name__ == "__main__":
    main()
