"""Run folders made up for the tests of the report: what a run writes, without the run."""

import json
import math
import random

import preheat

CLASSES = ["business", "sport", "tech"]


def write_run(
    folder,
    *,
    updates=144,
    done=None,
    finished=True,
    classes=CLASSES,
    confusion=((60, 3, 7), (1, 68, 0), (9, 2, 58)),
    events=True,
    extras=True,
    config=None,
    spike=None,
):
    """Write a run folder of format 2: ``updates`` planned, ``done`` of them recorded, one evaluation a third."""
    folder.mkdir(parents=True, exist_ok=True)
    done = updates if done is None else done
    schedule = preheat.get_schedule("warmuplinear", warmup=updates // 10, total=updates)
    write(folder / "config.json", header(schedule, updates, classes, config or {}))
    records = [record(schedule, update, updates, extras=extras) for update in range(done)]
    if spike is not None:
        records[spike] |= {"loss": 41.5, "grad_norm": 913.0, "clipped": True}
    write_lines(folder / "records.jsonl", records)
    third = updates // 3
    made = [(epoch + 1) * third for epoch in range(3) if (epoch + 1) * third <= done]
    write_lines(folder / "evaluations.jsonl", [evaluation(epoch, update) for epoch, update in enumerate(made)])
    if events:
        write_lines(folder / "events.jsonl", EVENTS)
    if finished:
        write(folder / "result.json", result(folder, updates, made, confusion))
    return folder


EVENTS = [
    {"update": 20, "event": "spike", "text": "loss 4.10, 6.2 times the spread above the mean of the last 50"},
    {"update": 31, "event": "skip", "text": "the gradients were not finite: no update was made"},
    {"update": 48, "event": "resume", "text": "resumed from update-000048"},
]


def write(path, data):
    path.write_text(json.dumps(data, ensure_ascii=False), encoding="utf-8")


def write_lines(path, records):
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def header(schedule, updates, classes, config):
    settings = {"data": "news.csv", "model": "small", "schedule": "warmuplinear", "warmup": "10%", "lr": 1e-3}
    settings |= {"epochs": 3, "batch_size": 32, "clip": 1.0, "seed": 0, "weight_decay": 0.01}
    return {
        "format": 2,
        "config": settings | config,
        "classes": list(classes),
        "data": "ab" * 32,
        "updates": updates,
        "schedule": schedule.to_dict(),
        "plan": f"batches per epoch: ceil(1536 / 32) = {updates // 3}\nupdates: {updates // 3} * 3 = {updates}",
        "environment": {"python": "3.11.7", "torch": "2.13.0", "device": "cpu", "processes": 1, "precision": "fp32"},
        "rows": {"train": 1536, "validation": 208, "test": 208},
    }


def record(schedule, update, updates, *, extras):
    draw = random.Random(update)
    progress = update / updates
    loss = 1.1 * math.exp(-3 * progress) + 0.1 + 0.15 * draw.random()
    norm = math.exp(draw.gauss(-0.2, 0.5))
    line = {
        "update": update,
        "epoch": 3 * update // updates,
        "lr": 1e-3 * schedule(update),
        "loss": loss,
        "grad_norm": norm,
        "clipped": norm > 1.0,
        "batch": f"{draw.getrandbits(32):08x}",
        "tokens": 1024 - draw.randrange(200),
        "seconds": 0.08 + 0.01 * draw.random(),
        "tokens_per_second": 1e4 + 2e3 * draw.random(),
    }
    if extras and update % 10 == 5:
        line |= {
            "lrs": {"body": line["lr"] / 2, "head": line["lr"]},
            "update_ratio": 2e-3 * schedule(update) * (1 + 0.2 * draw.random()) + 1e-6,
            "critical_lr": 2e-3 * (1 + draw.random()) if update > 20 else None,
            "angles": {"body.weight": 0.7},
        }
    return line


def evaluation(epoch, update):
    scores = {"loss": 0.62 - 0.12 * epoch, "accuracy": 0.80 + 0.04 * epoch, "macro_f1": 0.79 + 0.04 * epoch}
    return {"epoch": epoch, "update": update, "split": "validation", **scores}


def result(folder, updates, made, confusion):
    best = f"update-{made[-1]:06d}" if made else "update-000000"
    scores = {"loss": 0.41, "accuracy": 0.8942, "macro_f1": 0.8921}
    done = {"run": str(folder), "updates": updates, "best": best, "validation": scores, "test": scores, "seconds": 75.3}
    return done if confusion is None else {**done, "confusion": [list(row) for row in confusion]}
