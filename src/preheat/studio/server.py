"""The server: pages and files of one machine, for the one who started it."""

from __future__ import annotations

import socket
from dataclasses import dataclass
from pathlib import Path

from preheat.errors import ConfigError, missing_extra, refusal

HOST = "127.0.0.1"


@dataclass(frozen=True, slots=True)
class Studio:
    """What a server shows.

    Attributes:
        folder: where runs and studies are looked for.
    """

    folder: Path


def serve(folder: Path, *, port: int = 8321, show: bool = True) -> None:
    """Serve the pages until interrupted.

    Args:
        folder: where runs and studies are looked for.
        port: on this machine alone, 0 to 65535; 0 takes a free one.
        show: open the browser.

    Raises:
        ConfigError: for a port that cannot be had, and a folder that is not there.
        MissingExtraError: if NiceGUI is not installed.
    """
    try:
        from nicegui import ui
    except ImportError:
        raise missing_extra("nicegui", "studio") from None
    from preheat.studio.registering import register

    if not folder.is_dir():
        raise ConfigError(refusal("folder", "a folder that is there", str(folder), "Name the one that holds runs."))
    chosen = _free(port)
    register(Studio(folder.resolve()))
    print(f"preheat studio: http://{HOST}:{chosen}/ (Ctrl+C ends it)", flush=True)
    ui.run(
        host=HOST, port=chosen, title="preheat studio", show=show, reload=False, dark=None,
        show_welcome_message=False, reconnect_timeout=10.0, favicon=_ICON,
    )  # fmt: skip


def _free(port: int) -> int:
    """The port, if it can be had; a free one for 0."""
    if not 0 <= port <= 65535:
        raise ConfigError(refusal("port", "0 to 65535", port, "0 takes a free one."))
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError as error:
            advice = f"Take another with --port, or --port 0 ({error.strerror})."
            raise ConfigError(refusal("port", "free", port, advice)) from None
        return int(probe.getsockname()[1])


_ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 16 16"><path d="M1 14 L5 3 Q10 3 15 13" fill="none"'
    ' stroke="#c2410c" stroke-width="2"/></svg>'
)
