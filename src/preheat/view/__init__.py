"""Floor 2: schedules seen: in the terminal, as an image, as HTML, as a table. Views never change what they show."""

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
