"""Schedules seen: in the terminal, as an image, as HTML, as a table. Views never change what they show.

Names load with their modules when they are first used: a curve in the terminal needs neither a page nor a picture.
"""

from importlib import import_module

TYPE_CHECKING = False  # typing's own is dear to load; type checkers know the name
if TYPE_CHECKING:
    from preheat.view.image import inline_svg as inline_svg
    from preheat.view.image import plot as plot
    from preheat.view.image import plot_against as plot_against
    from preheat.view.image import plot_series as plot_series
    from preheat.view.page import to_html as to_html
    from preheat.view.page import to_svg as to_svg
    from preheat.view.samples import Curves as Curves
    from preheat.view.table import to_csv as to_csv
    from preheat.view.terminal import draw as draw
    from preheat.view.terminal import draw_series as draw_series

_HOMES = {
    **dict.fromkeys(("inline_svg", "plot", "plot_against", "plot_series"), "preheat.view.image"),
    **dict.fromkeys(("to_html", "to_svg"), "preheat.view.page"),
    **dict.fromkeys(("Curves",), "preheat.view.samples"),
    **dict.fromkeys(("to_csv",), "preheat.view.table"),
    **dict.fromkeys(("draw", "draw_series"), "preheat.view.terminal"),
}

__all__ = [*_HOMES]  # noqa: PLE0604 - names, every one


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    value: object = getattr(import_module(_HOMES[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *__all__])
