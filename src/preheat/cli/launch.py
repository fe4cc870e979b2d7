"""The ``preheat`` script: says what to install when the command line's own parts are missing."""

from __future__ import annotations

import gc
import sys


def main() -> None:
    """Run the command line."""
    # Nothing that loading modules makes is garbage, and looking for some takes a tenth of the start. A command that is
    # called turns the collector on again; what is loaded stays to the end and is left out of every search.
    gc.disable()
    try:
        from preheat.cli.main import run
    except ImportError as error:
        if error.name != "click":
            raise
        from preheat.errors import missing_extra
        from preheat.messages.languages import tell

        sys.exit(tell(missing_extra("click", "cli")))
    gc.freeze()
    run()
