"""Schedules, runs and studies seen: in the terminal, as an image, as SVG or HTML, as a chart, as a table.

Whatever is shown is a :class:`~preheat.view.figure.Figure` first. Views never change what they show.

Names load with their modules when they are first used: a curve in the terminal needs neither a page nor a picture.
"""

from preheat._faces import face

TYPE_CHECKING = False  # typing's own is dear to load; type checkers know the name
if TYPE_CHECKING:
    from preheat.view.echarts import to_echarts as to_echarts
    from preheat.view.figure import Axis as Axis
    from preheat.view.figure import Figure as Figure
    from preheat.view.figure import Mark as Mark
    from preheat.view.figure import Series as Series
    from preheat.view.image import plot as plot
    from preheat.view.image import to_image as to_image
    from preheat.view.sampling import Curves as Curves
    from preheat.view.sampling import schedule_figure as schedule_figure
    from preheat.view.svg import to_html as to_html
    from preheat.view.svg import to_svg as to_svg
    from preheat.view.table import to_csv as to_csv
    from preheat.view.terminal import draw as draw
    from preheat.view.terminal import to_terminal as to_terminal

_HOMES = {
    **dict.fromkeys(("to_echarts",), "preheat.view.echarts"),
    **dict.fromkeys(("Axis", "Figure", "Mark", "Series"), "preheat.view.figure"),
    **dict.fromkeys(("plot", "to_image"), "preheat.view.image"),
    **dict.fromkeys(("Curves", "schedule_figure"), "preheat.view.sampling"),
    **dict.fromkeys(("to_html", "to_svg"), "preheat.view.svg"),
    **dict.fromkeys(("to_csv",), "preheat.view.table"),
    **dict.fromkeys(("draw", "to_terminal"), "preheat.view.terminal"),
}

__all__ = [*_HOMES]  # noqa: PLE0604 - names, every one

__getattr__, __dir__ = face(__name__, _HOMES)
