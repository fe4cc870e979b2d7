"""Accumulation over four batches, with scheduler.step() after each of them."""

import torch
from tiny import RATE, TOTAL, WARMUP, Log, micro_batch, tiny_model
from transformers.optimization import get_linear_schedule_with_warmup

ACCUMULATION = 4
model = tiny_model()
optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
scheduler = get_linear_schedule_with_warmup(optimizer, WARMUP, TOTAL)
log = Log()
for batch in range(TOTAL * ACCUMULATION):
    micro_batch(model, 1 / ACCUMULATION)
    if (batch + 1) % ACCUMULATION == 0:
        log.add(batch // ACCUMULATION, optimizer.param_groups[0]["lr"])
        optimizer.step()
        optimizer.zero_grad()
    scheduler.step()
log.write()
