"""``preheat classify``: classes for new texts."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import typer

from preheat.cli.values import print_json
from preheat.errors import ConfigError, DataError, refusal


def classify(
    run: Annotated[Path, typer.Option(metavar="FOLDER", help="Run folder that preheat train wrote.")],
    texts: Annotated[
        list[str] | None,
        typer.Argument(metavar="[TEXT]...", help="Texts; none, or -, reads lines from standard input."),
    ] = None,
    file: Annotated[Path | None, typer.Option(metavar="FILE", help="Text file, one text a line.")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print classes and probabilities as JSON.")] = False,
) -> None:
    """Classify texts from arguments, a file or standard input.

    Example: preheat classify --run runs/news "Shares fall as oil price climbs"
    """
    from preheat.train.predict import Classifier

    if texts and file:
        raise ConfigError(refusal("texts", "left out with --file", texts, "Give one of the two."))
    lines = _lines(texts, file)
    if not lines:
        raise ConfigError(
            refusal("texts", "one text or more", lines, "Give texts as arguments, in a file or on standard input.")
        )
    guesses = Classifier(run).classify(lines)
    if as_json:
        print_json([asdict(guess) for guess in guesses])
        return
    for guess in guesses:
        typer.echo(f"{guess.label}\t{guess.probabilities[guess.label]:.3f}\t{guess.text}")


def _lines(texts: list[str] | None, file: Path | None) -> list[str]:
    """The texts to classify; blank lines of a file or of standard input are left out."""
    if texts and texts != ["-"]:
        return texts
    if file is None:
        if sys.stdin.isatty():
            typer.echo("reading one text a line; end with Ctrl-D", err=True)
        content = sys.stdin.read()
    else:
        try:
            content = file.read_text(encoding="utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise DataError(refusal("file", "a UTF-8 text file", str(file), f"{error}.")) from None
    return [line.strip() for line in content.splitlines() if line.strip()]
