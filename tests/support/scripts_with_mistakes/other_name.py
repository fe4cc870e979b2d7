"""The wrong name gets through: a cosine where the plan was linear."""

import torch
from tiny import RATE, TOTAL, WARMUP, Log, micro_batch, tiny_model
from transformers.optimization import get_scheduler

model = tiny_model()
optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
scheduler = get_scheduler("cosine", optimizer, WARMUP, TOTAL)
log = Log()
for update in range(TOTAL):
    micro_batch(model)
    log.add(update, optimizer.param_groups[0]["lr"])
    optimizer.step()
    scheduler.step()
    optimizer.zero_grad()
log.write()
