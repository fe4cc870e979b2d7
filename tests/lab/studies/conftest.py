"""A small labeled file, and settings of runs that take a second."""

import csv
import random

import pytest

WORDS = {
    "sport": ["match", "goal", "striker", "coach", "cup", "league"],
    "trade": ["bank", "shares", "profit", "market", "oil", "price"],
}


@pytest.fixture
def news(tmp_path):
    """A CSV file of 100 rows, 80 of them for training."""
    draw = random.Random(0)
    path = tmp_path / "news.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for number in range(100):
            label = list(WORDS)[number % 2]
            words = draw.choices(WORDS[label], k=2) + draw.choices(["the", "a", "after", "week"], k=draw.randint(2, 9))
            writer.writerow([f"{' '.join(words)} {number}", label])
    return path


@pytest.fixture
def settings(news):
    """One block, 16 wide, ten updates a pass."""
    size = {"layers": 1, "width": 16, "heads": 2, "vocabulary": 400, "max_tokens": 24, "batch_size": 8}
    return {"data": str(news), **size}
