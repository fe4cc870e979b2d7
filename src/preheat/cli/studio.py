"""``preheat studio``: schedules, plans, runs, studies and audits as a local web page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from preheat.cli.command import PATH, argument, command, flag, option
from preheat.messages import _

if TYPE_CHECKING:
    from pathlib import Path


@command()
@argument("folder", "[FOLDER]", _("Where runs and studies are looked for [.]."), type=PATH, default=".")
@option("--port", default=8321, metavar="PORT", help=_("Of this machine alone; 0 takes a free one."))
@flag("--no-browser", _("Only print the address."))
def studio(folder: Path, port: int, no_browser: bool) -> None:
    """Open the studio, a local page, in a browser. Design schedules by hand, watch runs, read studies, audit logs.

    It answers this machine alone, and nothing it shows leaves it.

    Example: preheat studio runs --port 8321
    """
    # Inside: help has to answer where nicegui is not installed.
    from preheat.studio.server import serve

    serve(folder, port=port, show=not no_browser)
