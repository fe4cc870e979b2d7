"""``preheat evaluate``: a run's scores on its own test split or on other data."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from preheat.cli.values import print_json


def evaluate(
    run: Annotated[Path, typer.Option(metavar="FOLDER", help="Run folder that preheat train wrote.")],
    split: Annotated[
        Literal["train", "validation", "test"], typer.Option(help="Rows of the run's own data to score.")
    ] = "test",
    data: Annotated[
        str | None, typer.Option(metavar="DATA", help="Other data with the run's columns, scored whole.")
    ] = None,
    checkpoint: Annotated[Literal["best", "last"], typer.Option(help="Which checkpoint.")] = "best",
    as_json: Annotated[bool, typer.Option("--json", help="Print the scores as JSON.")] = False,
) -> None:
    """Score a trained run: loss, accuracy and macro F1.

    Example: preheat evaluate --run runs/news --split validation
    """
    from preheat.train.data.rows import read_rows
    from preheat.train.predict import Classifier

    classifier = Classifier(run, checkpoint)
    if data is None:
        scores = classifier.evaluate(split)
    else:
        rows = read_rows(classifier.config.model_copy(update={"data": data}))
        scores = classifier.evaluate_rows(rows.good)
    best = {"ceiling": classifier.ceiling} if classifier.ceiling and data is None else {}
    if as_json:
        known = {"run": str(run), "checkpoint": classifier.folder.name, "rows": data or split}
        print_json({**known, **scores.to_dict(), **best})
    else:
        typer.echo(str(scores))
        if best:
            typer.echo(f"synthetic headlines: Bayes-optimal accuracy {best['ceiling']['accuracy']:.4f}")
