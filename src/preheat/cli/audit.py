"""``preheat audit``: what a run's learning rate really did, from its log."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from preheat.cli.values import Options, Rate, Updates, Warmup, new_file, print_json, read_plan

if TYPE_CHECKING:
    from collections.abc import Mapping

    from preheat.auditing import Audit, Finding, Recognized
    from preheat.auditing.logs import Log

_PAGE, _PICTURES = ".html", (".png", ".svg", ".pdf")


def audit(
    log: Annotated[
        Path,
        typer.Argument(metavar="LOG", help="trainer_state.json, TensorBoard events, CSV, JSON Lines, or a run folder."),
    ],
    against: Annotated[
        str | None,
        typer.Option(metavar="SPEC", help="The plan: a name, words, or a file (a schedule's, or a trainer's own)."),
    ] = None,
    updates: Updates = None,
    warmup: Warmup = None,
    lr: Rate = None,
    schedule_options: Options = None,
    column: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Column or tag of the learning rate, if its name does not say so."),
    ] = None,
    first: Annotated[
        int | None, typer.Option(metavar="0|1", min=0, max=1, help="The log's step number of the first update.")
    ] = None,
    save: Annotated[
        Path | None,
        typer.Option(metavar="FILE", help="Report it as .html, or draw plan and log as .png, .svg or .pdf."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace the file if it exists.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the findings as JSON.")] = False,
) -> None:
    """Say what a run's learning rate did. Exit 1 if that is not the plan; without a plan, print what it looks like.

    Example: preheat audit runs/news/trainer_state.json --against warmuplinear --warmup 100 --lr 5e-5
    """
    from preheat.auditing.audits import audit as audited
    from preheat.auditing.logs import read_log

    if save is not None:
        _refuse_kind(save)
        new_file(save, force)
    read = read_log(log, column)
    if against is None:
        _recognized(read, first, save, as_json)
        return
    plan, peak = read_plan(against, updates or read.total, warmup, lr, schedule_options)
    found = audited(read, plan, lr=peak, total=updates, first=first)
    if save is not None:
        _save(found, save)
    if as_json:
        print_json(_data(found))
    else:
        _print(found)
    if not found.equal:
        raise typer.Exit(1)


def _print(found: Audit) -> None:
    from preheat.view import draw_series

    read = found.log
    rates = sum(len(series) for series in read.series)
    typer.echo(f"log: {read.path} ({read.kind}), {rates} learning rates")
    peak = "" if found.base_lr is None else f", peak {found.base_lr:g}"
    typer.echo(f"plan: {found.schedule}{peak}\n")
    for note in read.notes:
        typer.echo(f"note: {note}", err=True)
    for finding in found.findings:
        if len(finding.updates) > 1 and (not finding.equal or len(found.findings) == 1):
            typer.echo(draw_series(_curves(finding), points=["log"]))
    typer.echo(str(found))


def _curves(finding: Finding) -> dict[str, tuple[Any, Any]]:
    """The plan and the log of one group, thinned for a drawing."""
    step = max(1, len(finding.updates) // 2000)
    updates = finding.updates[::step].tolist()
    return {"plan": (updates, finding.planned[::step].tolist()), "log": (updates, finding.rates[::step].tolist())}


def _save(found: Audit, path: Path) -> None:
    from preheat.auditing.report import audit_html
    from preheat.view import plot_series

    if path.suffix.lower() == _PAGE:
        _write(audit_html(found), path)
    else:
        finding = next((one for one in found.findings if not one.equal), found.findings[0])
        plot_series(_curves(finding), path=path, ylabel="learning rate", title=finding.sentence, points=["log"])
    typer.echo(f"wrote {path}", err=True)


def _save_recognized(read: Log, found: Mapping[str, Recognized | None], first: int | None, path: Path) -> None:
    from preheat.auditing.report import recognized_page
    from preheat.view import plot_series

    if path.suffix.lower() == _PAGE:
        _write(recognized_page(read, found, first=first), path)
    else:
        curves = {series.name: (series.steps.tolist(), series.rates.tolist()) for series in read.series}
        plot_series(curves, path=path, ylabel="learning rate", title=read.kind)
    typer.echo(f"wrote {path}", err=True)


def _write(page: str, path: Path) -> None:
    from preheat.files import replacing

    with replacing(path) as beside:
        beside.write_text(page, encoding="utf-8")


def _refuse_kind(path: Path) -> None:
    """Before a log is read: what the file is to be says its name."""
    from preheat.errors import ConfigError, refusal

    if path.suffix.lower() not in (_PAGE, *_PICTURES):
        rule = f"a {_PAGE}, {', '.join(_PICTURES[:-1])} or {_PICTURES[-1]} file"
        raise ConfigError(refusal("save", rule, str(path), "Name one of these."))


def _data(found: Audit) -> dict[str, Any]:
    return {
        "log": str(found.log.path),
        "kind": found.log.kind,
        "plan": str(found.schedule),
        "base_lr": found.base_lr,
        "equal": found.equal,
        "notes": list(found.log.notes),
        "findings": [
            {
                "group": finding.group,
                "kind": finding.kind,
                "sentence": finding.sentence,
                "cause": finding.cause,
                "scale": finding.scale,
                "offset": finding.offset,
                "evidence": list(finding.evidence),
                "rates": len(finding.updates),
            }
            for finding in found.findings
        ],
    }


def _recognized(read: Log, first: int | None, save: Path | None, as_json: bool) -> None:
    from preheat.auditing import recognise_log
    from preheat.errors import ConfigError, refusal

    if save is not None and save.suffix.lower() != _PAGE and all(len(series) < 2 for series in read.series):
        raise ConfigError(refusal("save", "left out for a log with one rate", str(save), "There is nothing to draw."))
    found = recognise_log(read, first=first)
    if save is not None:
        _save_recognized(read, found, first, save)
    for note in read.notes:
        typer.echo(f"note: {note}", err=True)
    if as_json:
        print_json(
            {
                name: None
                if one is None
                else {"spec": str(one.schedule), "base_lr": one.base_lr, "exact": one.exact, "error": one.error,
                      "notes": list(one.notes), "schedule": one.schedule.to_dict()}
                for name, one in found.items()
            }
        )  # fmt: skip
        return
    for name, one in found.items():
        if one is None:
            typer.echo(f"{name}: too few rates above zero to say")
            continue
        typer.echo(f"{name}: {one.schedule}")
        typer.echo(f"  peak {one.base_lr:g}, {'every logged rate agrees' if one.exact else 'nearest known shape'}")
        for note in one.notes:
            typer.echo(f"  {note}")
