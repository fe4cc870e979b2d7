"""``preheat train`` beside the article's loop, Hugging Face's Trainer, Lightning, a bare loop and the arithmetic alone.

python benchmarks/training.py --ag-news ag_news.csv                        # a quarter of an hour
python benchmarks/training.py --ag-news ag_news.csv --page docs/speed.md   # renews the page's tables
python benchmarks/training.py --ag-news ag_news.csv --accuracy             # an hour and a half: whole runs, three seeds

The CSV file has the columns title, description, label_name and split (train, val, test).
"""

import contextlib
import csv
import functools
import io
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from loops import (
    Clock,
    EnoughError,
    Job,
    Loop,
    article,
    bare,
    lightning_loop,
    preheat_loop,
    trainer,
    trainer_by_length,
)  # fmt: skip
from measuring import Costs, Verdict, compared, measure, report, table

from preheat.lab.data import SPLITS, load_data
from preheat.lab.training import read_config

PACKAGES = ("preheat", "torch", "transformers", "accelerate", "lightning", "tokenizers")
LOOPS: dict[str, Loop] = {
    "article's loop: padding to 128, default AdamW": article,
    "HF Trainer, defaults: dynamic padding, fused AdamW": trainer,
    "HF Trainer, group_by_length, fused AdamW": trainer_by_length,
    "Lightning, dynamic padding, fused AdamW": lightning_loop,
    "preheat train, fp32": preheat_loop,
    "preheat train, as it comes (--precision auto)": functools.partial(preheat_loop, precision="auto"),
    "bare loop on preheat's model and batches": bare,
}
OURS = "preheat train, fp32"
FLOOR = "the whole model's matrix products and AdamW alone"
NEEDED = "those of them that a class needs, and AdamW"


def main() -> None:
    """Speed, or with ``--accuracy`` what whole runs reach."""
    torch.set_num_threads(1)
    path = Path(taken("--ag-news"))
    with tempfile.TemporaryDirectory() as folder, contextlib.redirect_stderr(io.StringIO()):
        if "--accuracy" in sys.argv:
            print(accuracy(path, Path(folder)))
            return
        sections = {
            "AG News": functools.partial(ag_news, path, Path(folder)),
            "AG News, titles alone": functools.partial(ag_titles, path, Path(folder)),
            "BBC headlines": functools.partial(bbc, Path(folder)),
        }
        for title, function in sections.items():
            function.__doc__ = DOCS[title]  # type: ignore[method-assign]
        report(str(__doc__), sections, PACKAGES)


DOCS = {
    "AG News": "Titles and descriptions, 5,984 training rows; 120 updates of 32 rows a round.",
    "AG News, titles alone": "5,984 training rows; 120 updates of 32 rows a round.",
    "BBC headlines": "The default data: headlines and first sentences, 1,664 training rows; 52 updates a round.",
}


def taken(flag: str) -> str:
    """The value after a flag, which is taken out of the command line."""
    at = sys.argv.index(flag)
    value = sys.argv[at + 1]
    del sys.argv[at : at + 2]
    return value


def ag_rows(path: Path, *columns: str) -> list[tuple[str, str, str]]:
    """Text, class and split of every row."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return [(" ".join(row[column] for column in columns), row["label_name"], row["split"]) for row in rows]


def ag_news(path: Path, folder: Path, quick: bool) -> tuple[str, dict[str, Costs], list[Verdict]]:
    """The section of AG News."""
    return section("AG News", Job.of(ag_rows(path, "title", "description"), folder), 120, 2 if quick else 5)


def ag_titles(path: Path, folder: Path, quick: bool) -> tuple[str, dict[str, Costs], list[Verdict]]:
    """The section of its titles."""
    return section("titles", Job.of(ag_rows(path, "title"), folder), 120, 2 if quick else 5)


def bbc(folder: Path, quick: bool) -> tuple[str, dict[str, Costs], list[Verdict]]:
    """The section of the default data."""
    data = load_data(read_config())
    rows = [(row.text, row.label, split) for split in SPLITS for row in data.split(split)]
    return section("BBC", Job.of(rows, folder), 52, 2 if quick else 7)


def section(name: str, job: Job, updates: int, rounds: int) -> tuple[str, dict[str, Costs], list[Verdict]]:
    """Every loop, and the floor: a table and the verdicts."""
    cases = {label: timed_loop(loop, job, updates) for label, loop in LOOPS.items()}
    costs = measure({**cases, FLOOR: floor(job, whole=True), NEEDED: floor(job, whole=False)}, rounds)
    ours = costs[OURS]
    rows = [
        [label, cost.shown(1e-3, 1), f"{32 / cost.median:,.0f}", f"{cost.median / ours.median:.2f}"]
        for label, cost in costs.items()
    ]
    text = table(["loop", "ms an update (least)", "rows a second", "time over preheat's, fp32"], rows)
    names = list(LOOPS)
    ms = 1e-3, "ms"
    verdicts = [
        compared(f"update, {name}", ours, names[0], costs[names[0]], 1 / 5, ms),
        compared(f"update, {name}", ours, names[1], costs[names[1]], 1 / 2, ms),
        compared(f"update, {name}", ours, names[2], costs[names[2]], 1 / 1.1, ms),
        compared(f"update, {name}", ours, FLOOR, costs[FLOOR], 2, ms),
        compared(f"update, {name}", ours, names[-1], costs[names[-1]], 1.03, ms),
    ]
    return text, {"update": costs}, verdicts


def timed_loop(loop: Loop, job: Job, updates: int) -> Callable[[], float]:
    """A case: processor seconds an update."""

    def run() -> float:
        clock = Clock(updates)
        with contextlib.suppress(EnoughError):
            loop(job, clock)
        return clock.seconds

    return run


def floor(job: Job, *, whole: bool) -> Callable[[], float]:
    """The matrix products of one epoch's batches, forward and backward, and fused AdamW's updates; nothing else."""
    shapes = [batch["input_ids"].shape for batch in job.bucketed()]
    products = [product for rows, longest in shapes for product in products_of(job, rows, longest, whole=whole)]
    batches = job.updates
    weights = [torch.nn.Parameter(torch.randn_like(weight)) for weight in job.our_model().parameters()]
    for weight in weights:
        weight.grad = torch.randn_like(weight)
    optimizer = torch.optim.AdamW(weights, fused=True)

    def run() -> float:
        start = time.process_time()
        for left, right, out in products:
            torch.matmul(left, right, out=out)
        for _ in range(batches):
            optimizer.step()
        return (time.process_time() - start) / batches

    return run


@functools.cache
def operands(*shape: int) -> torch.Tensor:
    """A matrix, or a stack of them, to multiply; one for each shape."""
    return torch.randn(*shape)


Product = tuple[torch.Tensor, torch.Tensor, torch.Tensor]  # two factors and where the result goes


def products_of(job: Job, rows: int, longest: int, *, whole: bool) -> Iterator[Product]:
    """What an update of the small GPT-2 multiplies: each product forward, and its two gradients."""
    config, tokens = job.config, rows * longest
    blocks = [block_shapes(config.width, config.heads, rows, longest, longest)] * config.layers
    if not whole:  # of the last block one token a row, but for keys and values
        blocks[-1] = block_shapes(config.width, config.heads, rows, longest, 1)
    scores = (tokens if whole else rows, config.width, len(job.data.classes))
    for *stack, high, inner, wide in (*(shape for shapes in blocks for shape in shapes), scores):
        left, right, out = (*stack, high, inner), (*stack, inner, wide), (*stack, high, wide)
        for one, other, result in ((left, right, out), (out, turned(right), left), (turned(left), out, right)):
            yield operands(*one), operands(*other), operands(*result)


def block_shapes(width: int, heads: int, rows: int, longest: int, asked: int) -> list[tuple[int, ...]]:
    """The products of a block: (rows, inner, columns), or a stack of them; ``asked`` tokens of each text go through."""
    tokens, many, per_head = rows * asked, rows * heads, width // heads
    return [
        (rows * longest, width, 2 * width),  # keys and values
        (tokens, width, width),  # queries
        (many, asked, per_head, longest),
        (many, asked, longest, per_head),
        (tokens, width, width),
        (tokens, width, 4 * width),
        (tokens, 4 * width, width),
    ]


def turned(shape: tuple[int, ...]) -> tuple[int, ...]:
    """The shape of the transpose."""
    return (*shape[:-2], shape[-1], shape[-2])


def accuracy(path: Path, folder: Path) -> str:
    """Whole runs of three loops and three seeds, scored by the same code: the last weights on the test rows."""
    lines = []
    for name in (OURS, *list(LOOPS)[:2]):
        found = []
        for seed in range(3):
            job = Job.of(ag_rows(path, "title", "description"), folder, seed=seed, epochs=5)
            found.append(score(LOOPS[name](job, Clock(None)), job))
            print(f"{name}, seed {seed}: {found[-1]:.4f}", flush=True)
        lines.append([name, *(f"{one:.4f}" for one in found), f"{statistics.fmean(found):.4f}"])
    return table(["loop", "seed 0", "seed 1", "seed 2", "mean"], lines)


def score(model: Any, job: Job) -> float:
    """Accuracy on the test rows."""
    from preheat.lab.data.batches import Split
    from preheat.lab.training.evaluation import run_over

    split = Split(job.texts.tokens["test"], job.data.labels("test"), 64, job.texts.pad)
    return float(run_over(model, split, torch.device("cpu")).scores().accuracy)


if __name__ == "__main__":
    random.seed(0)
    main()
