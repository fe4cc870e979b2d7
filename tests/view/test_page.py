"""HTML and SVG of schedules: whole, without scripts, nothing from outside."""

import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

from hypothesis import given, settings

import preheat
from preheat.view import schedule_figure, to_html, to_svg
from support.strategies import schedules


class Tags(HTMLParser):
    """Which tags a page has, and which were never closed."""

    def __init__(self, text):
        super().__init__()
        self.open, self.seen = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.seen.append(tag)
        for _, value in attrs:
            assert "http" not in (value or "") or value == "http://www.w3.org/2000/svg"

    def handle_startendtag(self, tag, attrs):
        self.seen.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


@settings(max_examples=40)
@given(schedules)
def test_any_schedule_can_be_drawn(schedule):
    """Well-formed, every tag closed, no script."""
    tags = Tags(to_html(schedule, updates=50))
    assert tags.open == []
    assert "script" not in tags.seen
    assert "svg" in tags.seen
    ElementTree.fromstring(to_svg(schedule_figure(schedule, updates=50)))


def test_notebooks_show_curve_and_numbers_or_the_text_of_an_open_schedule():
    """What a cell's last line displays."""
    html = preheat.get_schedule("linear", warmup=10, total=100)._repr_html_()
    assert "<svg" in html
    assert "peak 1 at update 10" in html
    open_html = preheat.parse("warmup 10% > cosine to lr 1e-6")._repr_html_()
    assert "<svg" not in open_html
    assert "waits for a plan" in open_html
    assert "warmup 10% &gt; cosine to lr 1e-06" in open_html


def test_labels_are_escaped():
    """A label is text, whatever it says."""
    html = to_html({"<b>&": preheat.parse("cosine 10"), "b": preheat.parse("linear 10")})
    assert "&lt;b&gt;&amp;" in html


def test_endless_schedules_are_drawn_past_their_borders():
    """No horizon needed."""
    assert "2,000" in to_html(preheat.parse("warmup 1000 > hold forever"))
