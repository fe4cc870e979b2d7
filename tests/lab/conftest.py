"""A small labeled file and the settings of a run that takes a second."""

import pytest

from preheat.lab.training import read_config
from support.rows import tiny_settings, write_rows


@pytest.fixture
def news(tmp_path):
    """A CSV file of 160 rows."""
    return write_rows(tmp_path / "news.csv")


@pytest.fixture
def settings(news):
    """Flags of a tiny run over it."""
    return tiny_settings(news)


@pytest.fixture
def tiny(settings):
    """The checked configuration; ``tiny(epochs=1)`` changes it."""
    return lambda **changes: read_config(
        flags={key: value for key, value in {**settings, **changes}.items() if value is not None}
    )


@pytest.fixture
def without_pictures(request, monkeypatch):
    """Runs draw nothing at their end and write no report, which takes longer than a tiny run itself.

    In a file that uses it, a test that looks at them is marked ``pictures``.
    """
    if request.node.get_closest_marker("pictures") is None:
        monkeypatch.setattr("preheat.lab.training.loop.draw_run", lambda _folder: None)
        monkeypatch.setattr("preheat.lab.training.loop.write_run_report", lambda _folder: None)
