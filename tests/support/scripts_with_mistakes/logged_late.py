"""The rate is logged after scheduler.step(): it is the next update's."""

import torch
from tiny import RATE, TOTAL, WARMUP, Log, micro_batch, tiny_model
from transformers.optimization import get_linear_schedule_with_warmup

model = tiny_model()
optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
scheduler = get_linear_schedule_with_warmup(optimizer, WARMUP, TOTAL)
log = Log()
for update in range(TOTAL):
    micro_batch(model)
    optimizer.step()
    scheduler.step()
    optimizer.zero_grad()
    log.add(update, scheduler.get_last_lr()[0])
log.write()
