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
