"""What audits say of logs: everything that goes wrong, and what a log alone tells."""

import json
import random

import numpy as np

import preheat
from preheat.auditing.causes import words_for
from preheat.studio.pages.audit import Asked, verdict_on
from support.logged import write_csv

LINEAR = preheat.get_schedule("linear", warmup=100, total=1000)
COSINE = preheat.get_schedule("cosine", warmup=100, total=1000)
BASE = 1e-4


def _log(path, factor, updates=1000, columns=("update", "lr"), first=0, base=BASE):
    rows = [(update + first, base * float(factor(update))) for update in range(updates)]
    return write_csv(path, columns, rows)


def _verdicts(folder):
    """(log, plan, learning rate) of everything that goes wrong."""
    draw = random.Random(1)
    skips = {draw.randrange(100, 900) for _ in range(12)}
    lag = np.cumsum([update in skips for update in range(1000)])
    short = preheat.get_schedule("linear", warmup=12, total=120)
    cosine = preheat.get_schedule("cosine", warmup=12, total=120)
    wave = preheat.get_schedule("cosine", warmup=12, total=80)
    noise = np.random.default_rng(0).uniform(0.2, 1, 1000)

    def after(at, plan, other):
        return lambda update: plan(update) if update < at else other(update)

    logs = [
        (LINEAR, LINEAR, 1000),
        (lambda k: LINEAR(k + 1), LINEAR, 500),
        (lambda k: LINEAR(k + 7), LINEAR, 500),
        (lambda k: LINEAR(k + 1), LINEAR.shift(0), 900),
        *((lambda k, offset=offset: LINEAR(4 * k + offset), LINEAR, 240) for offset in (0, 2, 3)),
        (lambda k: LINEAR(k // 7), LINEAR, 1000),
        (lambda k: LINEAR(max(0, k - 1)), LINEAR, 900),
        (lambda k: LINEAR(max(0, k - 3)), LINEAR, 900),
        (lambda k: COSINE(int(k - lag[k])), COSINE, 1000),
        (lambda k: COSINE(k - 3 * (k > 300) - (k > 500)), COSINE, 1000),
        (lambda k: COSINE(k - (k > 300)), COSINE, 1000),
        (preheat.get_schedule("cosine", warmup=100, total=1700), COSINE, 1000),
        (preheat.get_schedule("cosine", warmup=50, total=1700), COSINE, 1000),
        (preheat.get_schedule("linear", warmup=37, total=1000), LINEAR, 1000),
        (preheat.get_schedule("linear", warmup=0, total=1000), LINEAR, 1000),
        (preheat.parse("transformers: warmup 100 > cosine 900 to 0.1"), COSINE, 1000),
        (lambda k: 0.1 * LINEAR(k), LINEAR, 1000),
        (lambda k: 0.5, LINEAR, 1000),
        (after(50, short, lambda k: short(50)), short, 120),
        (lambda k: wave(k) if k < 80 else 0.5 * (1 + np.cos(np.pi * (k - 12) / 68)), wave, 120),
        (lambda k: 0.0 if k == 60 else short(k), short, 120),
        (lambda k: 0.0 if k in (300, 600) else LINEAR(k), LINEAR, 1000),
        (after(60, short, lambda k: short(k - 60)), short, 120),
        (after(61, cosine, preheat.get_schedule("cosine", warmup=12, total=240)), cosine, 120),
        (after(60, short, lambda k: 0.37 * short(k)), short, 120),
        (after(400, LINEAR, lambda k: noise[k]), LINEAR, 1000),
        (preheat.parse("warmup 10% > hold > 1-sqrt 20% to 0").over(1000), LINEAR, 1000),
        (lambda k: noise[k], LINEAR, 1000),
    ]
    for index, (factor, plan, updates) in enumerate(logs):
        path = _log(folder / f"{index}.csv", factor, updates)
        for lr in (str(BASE), ""):
            yield path, Asked(against=str(plan), updates="1000", lr=lr)
    epochs = write_csv(
        folder / "epochs.csv", ("step", "epoch", "lr"), [(k, k / 10, BASE * float(short(k // 10))) for k in range(1000)]
    )
    yield epochs, Asked(against=str(short), lr=str(BASE))
    rates = [(update, BASE * LINEAR(update), BASE / 10 * LINEAR(update)) for update in range(0, 1000, 10)]
    yield write_csv(folder / "both.csv", ("step", "lr-AdamW/pg1", "lr-AdamW/pg2"), rates), Asked(str(LINEAR), lr="1e-4")
    for index, (factor, updates) in enumerate([
        (LINEAR, 60), (preheat.get_schedule("wsd", total=1000, decay=200), 700), (COSINE, 500), (LINEAR, 3),
        (lambda k: COSINE(k // 25), 1000), (lambda k: noise[k], 1000), (lambda k: LINEAR(k + 200), 500),
    ]):  # fmt: skip
        yield _log(folder / f"alone-{index}.csv", factor, updates), Asked()
    yield _log(folder / "late start.csv", lambda k: COSINE(k + 300), 600, first=300), Asked()


def _unfinished(folder):
    from tensorboardX import SummaryWriter

    with SummaryWriter(str(folder / "events")) as writer:
        for step in range(40):
            writer.add_scalar("train/lr", BASE * LINEAR(step), step)
    (events,) = (folder / "events").iterdir()
    events.write_bytes(events.read_bytes()[:-7])
    lines = [json.dumps({"update": update, "lr": LINEAR(update)}) for update in range(40)]
    (folder / "cut.jsonl").write_text("\n".join([*lines, '{"update": 40, "lr": 0.0'[:18]]))
    bad = write_csv(folder / "bad.csv", ("step", "lr"), [*((k, LINEAR(k)) for k in range(40)), (40, "fast")])
    return [(path, Asked()) for path in (events, folder / "cut.jsonl", bad)]


def of_audits(folder):
    """All that is said of logs, right and wrong; schedules that are told as themselves left out."""
    said = []
    for path, asked in [*_verdicts(folder), *_unfinished(folder)]:
        verdict = verdict_on(path.name, path.read_bytes(), asked)
        said += [verdict.log, *verdict.notes]
        for part in verdict.parts:
            said += [part.cause] if part.cause else []
            said += [*part.evidence, *([part.sentence] if asked.against or "too few" in part.sentence else [])]
    # A group is only known by its optimizer, which logs do not name.
    return [*said, *words_for("other-group", {"ratio": 0.1, "base": 1e-5, "group": "head"})]
