"""``preheat watch``: run a training script unchanged, and say what its learning rate really did."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from preheat.cli.values import Options, Rate, Updates, Warmup, read_plan
from preheat.errors import ConfigError, RunError, refusal

if TYPE_CHECKING:
    from preheat.schedule import Schedule
    from preheat.watching import Report, Watched


def watch(
    command: Annotated[
        list[str], typer.Argument(metavar="-- COMMAND...", help="The training command: python train.py, torchrun, ...")
    ],
    against: Annotated[
        str | None,
        typer.Option(metavar="SPEC", help="The plan: a name, words, or a file; left out, what the script asks for."),
    ] = None,
    updates: Updates = None,
    warmup: Warmup = None,
    lr: Rate = None,
    schedule_options: Options = None,
    out: Annotated[
        Path | None, typer.Option(metavar="FOLDER", help="Keep the record, the report and a picture there.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Use a folder that has something in it.")] = False,
) -> None:
    """Run a training script and say what its learning rate really did. Exits with the script's own code.

    Example: preheat watch --against warmuplinear --warmup 100 --updates 3600 -- python train.py
    """
    from preheat.watching import read_record, run_watched

    plan = None if against is None else read_plan(against, updates, warmup, lr, schedule_options)
    if out is not None and out.exists() and any(out.iterdir()) and not force:
        raise RunError(refusal("out", "a new or empty folder", str(out), "Name another one, or add --force."))
    with tempfile.TemporaryDirectory(prefix="preheat-watch-") as temporary:
        folder = Path(temporary) if out is None else out / "record"
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob("*.jsonl"):
            old.unlink()
        try:
            code = run_watched(command, folder.resolve())
        except OSError as error:
            raise ConfigError(refusal("command", "one that can be run", command[0], f"{error.strerror}.")) from error
        _say(read_record(folder), plan, out)
    raise typer.Exit(code)


def _say(watched: Watched, plan: tuple[Schedule, float | None] | None, out: Path | None) -> None:
    """The verdict on standard error, since standard output is the script's."""
    from preheat.errors import PreheatError
    from preheat.watching import report

    for problem in watched.problems:
        typer.echo(f"preheat watch: {problem}", err=True)
    if not watched.lines:
        typer.echo(
            "preheat watch: no update of a torch optimizer was seen. Python started with -I or -E cannot be watched.",
            err=True,
        )
        return
    schedule, lr = plan if plan is not None else (None, None)
    try:
        reports = report(watched, schedule, lr)
    except PreheatError as error:  # the script's exit code is passed on, whatever the plan is worth
        typer.echo(f"preheat watch: {error}", err=True)
        return
    texts = [_text(one) for one in reports]
    typer.echo("\n" + "\n\n".join(texts), err=True)
    if out is not None:
        _keep(reports, texts, out)


def _text(one: Report) -> str:
    from preheat.view import draw_series

    curves = _curves(one)
    picture = draw_series(curves, points=["used"] if len(curves) > 1 else ()) if len(one.line.updates) > 1 else ""
    return f"preheat watch\n{picture}\n{one}"


def _curves(one: Report) -> dict[str, tuple[Any, Any]]:
    """The plan and the used rates, of the first group that was not as planned."""
    wrong = [finding for finding in one.findings if not finding.equal] or [*one.findings]
    group = wrong[0].group if wrong and one.plan is not None else one.line.groups[0]
    rates = one.line.rates(group)
    step = max(1, len(rates) // 2000)
    used = {"used": (one.line.updates[::step], rates[::step].tolist())}
    if one.plan is None or not wrong:
        return used
    planned = wrong[0].updates[::step].tolist(), wrong[0].planned[::step].tolist()
    return {"plan": planned, **used}


def _keep(reports: list[Report], texts: list[str], out: Path) -> None:
    """``report.txt``, ``report.json`` and a picture of each optimizer."""
    import json

    from preheat.files import replacing
    from preheat.view import plot_series

    data = [
        {
            "optimizers": one.line.optimizers,
            "updates": len(one.line.updates),
            "skipped": len(one.line.skips),
            "plan": None if one.plan is None else str(one.plan),
            "source": one.source,
            "equal": one.equal,
            "notes": list(one.notes),
            "findings": [
                {"group": finding.group, "kind": finding.kind, "sentence": finding.sentence, "cause": finding.cause,
                 "scale": finding.scale, "offset": finding.offset, "evidence": list(finding.evidence)}
                for finding in one.findings
            ],
        }
        for one in reports
    ]  # fmt: skip
    for name, text in (("report.txt", "\n\n".join(texts) + "\n"), ("report.json", json.dumps(data, indent=2) + "\n")):
        with replacing(out / name) as beside:
            beside.write_text(text, encoding="utf-8")
    for index, one in enumerate(reports):
        if len(one.line.updates) > 1:
            title = one.findings[0].sentence if one.findings else one.title
            curves = _curves(one)
            points = ["used"] if len(curves) > 1 else []
            path = out / (f"watch-{index}.png" if index else "watch.png")
            plot_series(curves, path=path, ylabel="learning rate", title=title, points=points)
    typer.echo(f"wrote {out}", err=True)
