"""Small labeled rows, and the settings of a run over them that takes a second."""

import csv
import random

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


def write_rows(path):
    """A CSV file of 160 rows."""
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, ["text", "label"])
        writer.writeheader()
        writer.writerows(make_rows())
    return path


def tiny_settings(data):
    """Flags of a tiny run: one block, 16 wide, three epochs of 17 updates."""
    return {
        "data": str(data),
        "layers": 1,
        "width": 16,
        "heads": 2,
        "vocabulary": 400,
        "max_tokens": 24,
        "batch_size": 8,
        "epochs": 3,
        "lr": 1e-2,
    }
