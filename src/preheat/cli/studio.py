"""``preheat studio``: schedules, plans, runs, studies and audits as a local web page."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def studio(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Where runs and studies are looked for.")] = Path(),
    port: Annotated[int, typer.Option(metavar="PORT", help="Of this machine alone; 0 takes a free one.")] = 8321,
    no_browser: Annotated[bool, typer.Option("--no-browser", help="Only print the address.")] = False,
) -> None:
    """Open the studio in a browser: design schedules by hand, watch runs, read studies, audit logs.

    It answers this machine alone, and nothing it shows leaves it.

    Example: preheat studio runs --port 8321
    """
    from preheat.studio.server import serve

    serve(folder, port=port, show=not no_browser)
