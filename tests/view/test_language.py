"""Pictures in the reader's language: one figure, told by each renderer."""

import logging

import pytest

from preheat import get_schedule
from preheat.messages import _, cells
from preheat.messages.languages import speak
from preheat.view import Axis, Figure, Series, draw, to_echarts, to_html, to_svg, to_terminal


@pytest.fixture
def chinese(monkeypatch):
    """A reader of Chinese."""
    speak("zh")
    yield
    speak(None)


@pytest.fixture
def rates():
    """Two curves with words of ours, and a name of the reader's own."""
    series = (
        Series(label=_("plan"), role="planned", x=[0, 10], y=[0.0, 1.0], style="plan"),
        Series(label="head", role="used", x=[0, 10], y=[0.0, 0.9]),
    )
    return Figure(name="lr", y=Axis(title=_("learning rate")), series=series)


def test_each_renderer_tells_the_words_and_keeps_names_and_numbers(chinese, rates):
    for text in (to_svg(rates), to_terminal(rates, width=60), str(to_echarts(rates, legend=True))):
        assert "学习率" in text
        assert "预定调度" in text
        assert "head" in text
        assert "learning rate" not in text


def test_a_language_may_be_named(rates):
    assert "学习率" in to_svg(rates, language="zh")
    assert "学习率" in str(to_echarts(rates, legend=True, language="zh"))
    assert "learning rate" in to_svg(rates, language="en")


def test_updates_stay_whole_in_any_language(chinese, rates):
    assert to_echarts(rates)["xAxis"]["minInterval"] == 1


def test_chinese_takes_two_cells(chinese):
    lines = draw(get_schedule("linear", warmup=10, total=100), width=60, lr=0.1).split("\n")
    title = lines[0]
    left = cells(title) - cells(title.lstrip())
    assert title.strip() == "各步的学习率"
    assert left == (60 - 12) // 2
    assert all(cells(line) <= 60 for line in lines)


def test_long_chinese_names_are_broken_where_the_terminal_ends(chinese, rates):
    names = ("学习率预热" * 12, "余弦退火" * 12)
    series = tuple(Series(label=name, role=1, x=[0, 1], y=[0.0, 1.0]) for name in names)
    lines = to_terminal(Figure(y=Axis(title="lr"), series=series), width=50).split("\n")
    assert all(cells(line) <= 50 for line in lines)
    said = "".join(line.strip().lstrip("⣀• ") for line in lines)
    assert all(name in said for name in names)


def test_a_notebook_shows_the_schedule_in_the_language(chinese):
    assert "学习率" in to_html(get_schedule("linear", warmup=10, total=100), lr=0.1)


# --- Image files: a font that has the signs, by what is installed ---------------------------------------------------


@pytest.fixture
def fonts(monkeypatch):
    """Fonts that are found, as a dictionary of names and the signs they have."""
    from matplotlib import font_manager

    from preheat.view import image

    found: dict[str, str] = {}
    signs = image._signs_of

    def of(path):
        return frozenset(found[path]) if path in found else signs(path)

    def use(**names):
        found.update(names)
        entries = [font_manager.FontEntry(fname=name, name=name, weight=400) for name in names]
        own = [font for font in font_manager.fontManager.ttflist if font.name.startswith(("DejaVu", "Last Resort"))]
        monkeypatch.setattr(font_manager.fontManager, "ttflist", own + entries)
        for known in (image._font_for, image._note):
            known.cache_clear()

    monkeypatch.setattr(image, "_signs_of", of)
    monkeypatch.setattr(font_manager, "findSystemFonts", list)
    yield use
    for known in (image._font_for, image._note):
        known.cache_clear()


ALL = "学习率预定调度步"


def test_a_font_is_chosen_by_the_signs_it_has(chinese, rates, fonts):
    from preheat.view import image

    fonts(Half="学习率", Whole=ALL)
    told, families = image._in_fonts(rates, None)
    assert families[-1] == "Whole"
    assert told.y.title == "学习率"


def test_the_font_for_simplified_chinese_comes_first(chinese, rates, fonts):
    from preheat.view import image

    fonts(**{"Aaa": ALL, "Noto Sans CJK SC": ALL})
    assert image._in_fonts(rates, None)[1][-1] == "Noto Sans CJK SC"


def test_without_a_font_the_picture_is_english_with_one_note(chinese, rates, fonts, caplog):
    from preheat.view import to_image

    fonts()
    with caplog.at_level(logging.WARNING):
        axes = to_image(rates).axes[0]
        to_image(rates)
    assert axes.get_ylabel() == "learning rate"
    assert axes.get_xlabel() == "update"
    notes = [record.getMessage() for record in caplog.records if record.name == "preheat"]
    assert notes == [
        "没有找到能显示中文的字体，图中文字改用英文。请安装中文字体，例如 Noto Sans CJK（Debian：fonts-noto-cjk）。"
    ]


def test_a_picture_in_english_asks_for_no_font(rates, fonts):
    from preheat.view import to_image

    fonts()
    assert to_image(rates, language="en").axes[0].get_ylabel() == "learning rate"


def test_where_a_font_is_installed_its_picture_is_chinese(chinese, rates, tmp_path, recwarn):
    from preheat.view import image, to_image

    if image._font_for(frozenset(ALL)) is None:
        pytest.skip("no font with Chinese is installed")
    axes = to_image(rates, tmp_path / "lr.png").axes[0]
    assert axes.get_ylabel() == "学习率"
    assert not [one for one in recwarn if "Glyph" in str(one.message)]
