"""The local web page: designs as values, drawn and checked by the functions that train, on pages of NiceGUI.

Importing this package is cheap; NiceGUI loads with :func:`preheat.studio.server.serve`, when it is first asked for.
"""

TYPE_CHECKING = False  # typing's own is dear to load; type checkers know the name
if TYPE_CHECKING:
    from preheat.studio.server import serve as serve

__all__ = ["serve"]


def __getattr__(name: str) -> object:
    if name != "serve":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from preheat.studio.server import serve

    return serve
