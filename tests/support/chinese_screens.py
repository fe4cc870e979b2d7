"""What a Chinese reader sees of the command line, and the English sentences that are left on it.

``python tests/support/chinese_screens.py`` prints them by the room of the package that they are written in.
"""

import csv
import html
import os
import random
import re
import sys
import tempfile
from collections import defaultdict
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parents[1]))

import preheat
from preheat.cli.main import COMMANDS
from preheat.schedule.curves import CURVES
from preheat.schedule.named import SCHEDULE_NAMES
from support.logged import write_csv
from support.warm_process import WarmProcess

SOURCES = Path(preheat.__file__).parent
STUDY = ("plan", "run", "resume", "report", "export", "warmup")
LOADED = ("preheat.cli.main", "preheat.lab.training.session", "matplotlib.pyplot")

# Names, and words that are never translated. Each is kept because a reader looks for it as it is:
NAMES = {
    *CURVES, *SCHEDULE_NAMES, "warmup", "hold",  # the words that schedules are written in
}  # fmt: skip


def help_pages():
    """The words of every command that prints a page."""
    return [["--help"], *([name, "--help"] for name in COMMANDS), *(["study", name, "--help"] for name in STUDY)]


REFUSED = [
    ["show", "linaer"],
    ["show", "linear", "--warmup", "2000"],
    ["show", "linear", "--warmup", "lots"],
    ["show", "linear", "--lr", "0,001"],
    ["show", "linear", "--updates", "ten"],
    ["show", "linear", "--updtes", "9"],
    ["show", "linear", "--save", "nowhere/a.csv"],
    ["show"],
    ["showw"],
    ["show", "linear", "--lang", "fr"],
    ["check", "warmup 10% > cosinus", "--updates", "100"],
    ["plan", "--examples", "5"],
    ["plan", "--examples", "0", "--batch-size", "3", "--epochs", "1"],
    ["convert", "{}", "--from", "deepspeed"],
    ["audit", "none.csv", "--against", "linear"],
    ["train", "--data", "none.csv"],
    ["train", "--batch-size", "0", "--lr", "-1"],
    ["evaluate", "--run", "nowhere"],
    ["resume-check", "x", "--with", "linear"],
    ["study", "report", "nowhere"],
]
ANSWERED = [
    ["show", "warmupcosine", "linear", "--updates", "1000", "--lr", "1e-4"],
    ["show", "warmup 100 > hold > linear 20% to 0", "--updates", "1000", "--log"],
    ["check", "warmup 10% > cosine to 0.1", "--updates", "3600"],
    ["check", "linear", "--warmup", "100", "--updates", "1000"],
    ["check", "warmup 100 > linear 900", "--updates", "50", "--lr", "1e-3"],
    ["diff", "warmuplinear", "warmupcosine"],
    ["diff", "linear", "linear"],
    ["plan", "--examples", "3821", "--batch-size", "32", "--epochs", "30", "--warmup", "10%"],
    ["plan", "--examples", "1001", "--batch-size", "8", "--epochs", "1.5", "--accumulation", "4", "--world-size", "2"],
    ["plan", "--batch-size", "8", "--max-tokens", "2e9", "--tokens-per-sample", "512", "--warmup", "2000"],
    ["convert", "deepspeed.json", "--to", "transformers", "--updates", "3600"],
    ["convert", "deepspeed.json", "--updates", "3600"],
    ["audit", "right.csv", "--against", "warmuplinear", "--warmup", "100", "--updates", "1000", "--lr", "1e-3"],
    ["audit", "late.csv", "--against", "warmuplinear", "--warmup", "100", "--updates", "1000", "--lr", "1e-3"],
    ["audit", "late.csv", "--against", "cosine", "--updates", "1000", "--lr", "1e-2", "--save", "audit.html"],
    ["audit", "right.csv"],
    ["score", "linear", "cosine", "--updates", "4000"],
    ["score", "warmup 10% > hold > linear 20% to 0", "--updates", "4000"],
    ["transfer", "--lr", "1e-3", "--from", "hold 80% > linear to 0", "--to", "linear to 0", "--updates", "4000"],
    ["transfer", "--from", "warmup 300 > hold > linear 20% to 0", "--updates", "50000", "--to-updates", "100000"],
]
RUN = ["--run", "hold > linear 20%@1e-4=2.9", "--run", "hold > linear 20%@1e-3=2.7"]
ANSWERED += [
    ["surface", "--updates", "3000", *RUN, "--run", "hold > linear 20%@1e-2=2.8", "--run", "linear to 0@1e-3=2.72"],
    ["watch", "--against", "warmuplinear", "--updates", "9", "--warmup", "2", "--", sys.executable, "script.py"],
]
SMALL = ["--data", "rows.csv", "--layers", "1", "--width", "16", "--heads", "2", "--vocabulary", "400"]
TINY = [*SMALL, "--batch-size", "8", "--epochs", "3"]
AXES = ["--schedule", "linear", "--schedule", "cosine", "--warmup", "2", "--horizon", "16", "--seed", "0..1"]
TRAINED = [
    ["train", *TINY, "--lr", "0.01", "--dry-run"],
    ["train", *TINY, "--lr", "0.01", "--schedule", "warmupcosine", "--out", "run"],
    ["train", *TINY, "--out", "run"],
    ["evaluate", "--run", "run"],
    ["classify", "--run", "run", "球队进球"],
    ["resume-check", "run", "--with", "warmuplinear", "--updates", "96", "--warmup", "10", "--lr", "0.01"],
    ["find-lr", *TINY, "--updates", "40"],
    ["study", "plan", *SMALL, *AXES],
    ["study", "run", *SMALL, *AXES, "--out", "study", "--processes", "1"],
    ["rung-check", "study"],
    ["refine", "run", "--updates", "100"],
    ["forecast", "linear", "--updates", "96", "--lr", "0.01", "--run", "run"],
]


def write_files(folder):
    """What the commands above read."""
    schedule = preheat.get_schedule("warmuplinear", warmup=100, total=1000)
    for name, late in (("right", 0), ("late", 1)):
        rows = [(update, 1e-3 * schedule(max(update - late, 0))) for update in range(1000)]
        write_csv(folder / f"{name}.csv", ["step", "lr"], rows)
    (folder / "script.py").write_text(
        "import torch\n"
        "weight = torch.nn.Parameter(torch.ones(2))\n"
        "optimizer = torch.optim.SGD([weight], lr=0.1)\n"
        "for _ in range(9):\n"
        "    weight.sum().backward()\n"
        "    optimizer.step()\n"
    )
    (folder / "deepspeed.json").write_text(
        '{"scheduler": {"type": "WarmupDecayLR", "params": {"warmup_min_lr": 0, "warmup_max_lr": 0.001,'
        ' "warmup_num_steps": 100, "total_num_steps": 3600}}}'
    )
    draw, words = random.Random(0), {"体育": "球队进球冠军联赛射门", "财经": "股市银行利润油价并购"}
    with (folder / "rows.csv").open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file)
        writer.writerow(["text", "label"])
        for number in range(160):
            label = list(words)[number % 2]
            writer.writerow(["".join(draw.choices(words[label] + "的了在和", k=12)) + str(number), label])


def screens(process, calls, folder):
    """Each call's words with what it shows: output, errors, and the page it wrote."""
    output, errors = folder / "output.txt", folder / "errors.txt"
    for words in calls:
        pages = {path: path.stat().st_mtime_ns for path in folder.rglob("*.html")}
        process.run("preheat", words, folder=folder, output=output, errors=errors)
        shown = output.read_text(encoding="utf-8") + errors.read_text(encoding="utf-8")
        for path in folder.rglob("*.html"):
            if pages.get(path) != path.stat().st_mtime_ns:
                shown += "\n" + words_of(path.read_text(encoding="utf-8"))
        yield " ".join(words), shown


def words_of(page):
    """What a reader of an HTML page sees; every element is a line."""
    page = re.sub(r"(?s)<(script|style|pre|code)\b.*?</\1>", "\n", page)
    return html.unescape(re.sub(r"(?s)<[^>]*>", "\n", page))


def english(text):
    """Runs of three English words or more that are not names, flags, code, paths or words of schedules."""
    text = re.sub(r"(示例|用法)：.*?(\n\n|\Z)", "\n", text, flags=re.DOTALL)  # commands to paste
    text = re.sub(r"`[^`\n]*`|\"[^\"\n]*\"|'[^'\n]*'", "|", text)  # what is quoted is somebody's own words
    # Flags, paths, numbers, identifiers: whatever has a sign in it that no word has. Then names, and capitals.
    text = re.sub(r"\S*[\d_/\\=@<>{}\[\]*%]\S*|(?<!\S)--?\w\S*|\b\w+\.\w+", "|", text)
    text = re.sub(r"[A-Za-z][\w.-]*", lambda word: "|" if word[0] in NAMES or word[0].isupper() else word[0], text)
    word = r"[A-Za-z][A-Za-z'’-]*"
    return [found[0] for found in re.finditer(rf"{word}(?:[,;:.]? {word}){{2,}}", text)]


def room_of(sentence):
    """The file of the package that a sentence is written in, as far as that can be told."""
    for path in sorted(SOURCES.rglob("*.py")) + sorted(SOURCES.rglob("*.jinja")):
        if sentence in " ".join(path.read_text(encoding="utf-8").split()):
            return path.relative_to(SOURCES).as_posix()
    return "?"


def left(seen):
    """English sentences by the file they are from: where each was seen."""
    rooms = defaultdict(dict)
    for words, shown in seen:
        for sentence in english(shown):
            rooms[room_of(sentence)].setdefault(sentence, f"preheat {words}")
    return dict(sorted(rooms.items()))


def main():
    """Print what is left."""
    process = WarmProcess(*LOADED, environment={"PREHEAT_LANG": "zh"})
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        write_files(folder)
        rooms = left(screens(process, [*help_pages(), *REFUSED, *ANSWERED, *TRAINED], folder))
    process.close()
    for room, sentences in rooms.items():
        print(f"{room}: {len(sentences)}")
        for sentence, where in sentences.items():
            print(f"    {sentence}    ({where})")
    print(sum(map(len, rooms.values())), "left")


if __name__ == "__main__":
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    main()
