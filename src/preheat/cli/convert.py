"""``preheat convert``: another framework's configuration as a schedule, or as a third framework's configuration."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from preheat.cli.values import dialect_names, new_file, print_json
from preheat.errors import ConfigError, refusal

if TYPE_CHECKING:
    from preheat.dialects import Exported, Imported


def convert(
    config: Annotated[
        str, typer.Argument(metavar="CONFIG", help="A file (JSON, YAML, TOML, INI), or its text: flags, code, ...")
    ],
    source: Annotated[
        str,
        typer.Option(
            "--from", metavar="DIALECT", autocompletion=dialect_names, help="What it is written in; auto recognizes it."
        ),
    ] = "auto",
    target: Annotated[
        str,
        typer.Option(
            "--to",
            metavar="DIALECT",
            autocompletion=dialect_names,
            help="What to write; preheat gives the schedule in words.",
        ),
    ] = "preheat",
    updates: Annotated[
        int | None, typer.Option(metavar="UPDATES", help="Updates of the run, if the file does not say.")
    ] = None,
    lr: Annotated[
        float | None, typer.Option(metavar="RATE", help="Peak learning rate, if the file does not say.")
    ] = None,
    warmup: Annotated[
        int | None, typer.Option(metavar="UPDATES", help="Climb, for files that leave it to their trainer (auto).")
    ] = None,
    examples: Annotated[
        int | None, typer.Option(metavar="ROWS", help="Rows of the training set, for files with epochs and a batch.")
    ] = None,
    world_size: Annotated[int, typer.Option(metavar="PROCESSES", help="Processes that share the data.")] = 1,
    updates_per_epoch: Annotated[
        float | None, typer.Option(metavar="UPDATES", help="For files that count in epochs.")
    ] = None,
    samples_per_update: Annotated[
        float | None, typer.Option(metavar="ROWS", help="The global batch, for files that count in samples.")
    ] = None,
    tokens_per_update: Annotated[
        float | None, typer.Option(metavar="TOKENS", help="For files that count in tokens.")
    ] = None,
    dialect_version: Annotated[
        str | None, typer.Option(metavar="VERSION", help="Of the framework, where it matters: 4 or 5 of transformers.")
    ] = None,
    save: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the result to a new file.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 if the result is only the nearest.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print result, error and notes as JSON.")] = False,
) -> None:
    """Translate a learning-rate configuration, with the step convention of either side. What it cannot say is refused.

    Example: preheat convert ds_config.json --from deepspeed --to transformers --updates 3600
    """
    from preheat.dialects import read, write

    found = read(
        config,
        source,
        total=updates,
        peak=lr,
        warmup=warmup,
        examples=examples,
        world_size=world_size,
        updates_per_epoch=updates_per_epoch,
        samples_per_update=samples_per_update,
        tokens_per_update=tokens_per_update,
        version=dialect_version,
    )
    written = None
    if target != "preheat":
        base = found.base_lr if found.base_lr is not None else lr
        if base is None:
            raise ConfigError(refusal("lr", "known to write a configuration", None, "Give it with --lr."))
        written = write(found.schedule, target, total=found.total or updates, base_lr=base)
    text = str(found.schedule) if written is None else written.text
    if save is not None:
        _save(text, save, force)
    if as_json:
        print_json(_data(found, written, text))
    elif save is None:
        typer.echo(text)
    if not as_json:
        for note in _notes(found, written):
            typer.echo(note, err=True)
    if strict and written is not None and not written.exact:
        raise typer.Exit(1)


def _save(text: str, path: Path, force: bool) -> None:
    from preheat.files import replacing

    new_file(path, force)
    with replacing(path) as beside:
        beside.write_text(text + "\n", encoding="utf-8")
    typer.echo(f"wrote {path}", err=True)


def _notes(found: Imported, written: Exported | None) -> list[str]:
    """What a reader should know, a line each."""
    base = "" if found.base_lr is None else f", peak {found.base_lr:g}"
    lines = [f"read as {found.dialect}: {found.schedule}{base}"]
    lines += [f"also driven: {key} by {schedule}" for key, schedule in found.also.items()]
    if written is not None and written.exact:
        lines.append("exact: the same rate at every update")
    elif written is not None:
        lines.append(f"nearest: off by {written.error:.4g} at most, at update {written.error_at}")
    notes = dict.fromkeys((*found.notes, *(written.notes if written is not None else ())))
    return [*lines, *(f"note: {note}" for note in notes)]


def _data(found: Imported, written: Exported | None, text: str) -> dict[str, Any]:
    data: dict[str, Any] = {
        "from": found.dialect,
        "schedule": str(found.schedule),
        "base_lr": found.base_lr,
        "total": found.total,
        "notes": list(found.notes),
        "also": {key: str(schedule) for key, schedule in found.also.items()},
    }
    if written is not None:
        data |= {
            "to": written.dialect,
            "text": text,
            "config": written.config,
            "exact": written.exact,
            "error": written.error,
            "error_at": written.error_at,
            "written_notes": list(written.notes),
        }
    return data
