"""The total counts batches where four of them make an update: the run ends with three quarters of the decay to go."""

import torch
from tiny import RATE, TOTAL, WARMUP, Log, micro_batch, tiny_model
from transformers.optimization import get_linear_schedule_with_warmup

ACCUMULATION = 4
model = tiny_model()
optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
scheduler = get_linear_schedule_with_warmup(optimizer, WARMUP, TOTAL * ACCUMULATION)
log = Log()
for update in range(TOTAL):
    for _ in range(ACCUMULATION):
        micro_batch(model, 1 / ACCUMULATION)
    log.add(update, optimizer.param_groups[0]["lr"])
    optimizer.step()
    scheduler.step()
    optimizer.zero_grad()
log.write()
