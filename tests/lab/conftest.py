"""A small labeled file and the settings of a run that takes a second."""

import csv
import random

import pytest

from preheat.lab.training import read_config

WORDS = {
    "sport": ["match", "goal", "striker", "coach", "cup", "league", "penalty", "season"],
    "trade": ["bank", "shares", "profit", "market", "oil", "price", "merger", "export"],
    "tech": ["phone", "chip", "software", "network", "robot", "browser", "laptop", "cloud"],
}
SHARED = ["the", "a", "new", "old", "says", "after", "over", "more", "than", "year", "week", "plan"]


def make_rows(many=160, seed=0):
    """Texts whose class is in their words, most of the time."""
    draw = random.Random(seed)
    rows = []
    for number in range(many):
        label = list(WORDS)[number % 3]
        words = draw.choices(WORDS[label], k=3) + draw.choices(SHARED, k=draw.randint(2, 9))
        draw.shuffle(words)
        rows.append({"text": f"{' '.join(words)} {number}", "label": label})
    return rows


@pytest.fixture
def news(tmp_path):
    """A CSV file of 160 rows."""
    path = tmp_path / "news.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["text", "label"])
        writer.writeheader()
        writer.writerows(make_rows())
    return path


@pytest.fixture
def settings(news):
    """Flags of a tiny run: one block, 16 wide, three epochs of 16 updates."""
    return {
        "data": str(news),
        "layers": 1,
        "width": 16,
        "heads": 2,
        "vocabulary": 400,
        "max_tokens": 24,
        "batch_size": 8,
        "epochs": 3,
        "lr": 1e-2,
    }


@pytest.fixture
def tiny(settings):
    """The checked configuration; ``tiny(epochs=1)`` changes it."""
    return lambda **changes: read_config(
        flags={key: value for key, value in {**settings, **changes}.items() if value is not None}
    )
