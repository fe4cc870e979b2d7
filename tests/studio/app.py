"""The studio as NiceGUI's own test client starts it."""

import os
from pathlib import Path

if __name__ == "__main__":
    from nicegui import ui

    from preheat.studio.server import Studio, register

    register(Studio(Path(os.environ["STUDIO_FOLDER"])))
    ui.run(reload=False, show=False, dark=None)
