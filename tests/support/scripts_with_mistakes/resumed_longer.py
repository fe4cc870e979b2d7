"""Saved half-way through 120 updates, resumed for 240: transformers' cosine takes the new total at once."""

import copy

import torch
from tiny import RATE, TOTAL, WARMUP, Log, micro_batch, tiny_model
from transformers.optimization import get_cosine_schedule_with_warmup

model = tiny_model()
log = Log()
saved = None
for begin, end, total in ((0, TOTAL // 2, TOTAL), (TOTAL // 2, TOTAL, 2 * TOTAL)):
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    scheduler = get_cosine_schedule_with_warmup(optimizer, WARMUP, total)
    if saved is not None:
        optimizer.load_state_dict(saved[0])
        scheduler.load_state_dict(saved[1])
    for update in range(begin, end):
        micro_batch(model)
        log.add(update, optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
    saved = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
log.write()
