"""Trained for 120 updates with a cosine that ends at 80: transformers' goes up again."""

import torch
from tiny import RATE, TOTAL, WARMUP, Log, micro_batch, tiny_model
from transformers.optimization import get_cosine_schedule_with_warmup

model = tiny_model()
optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
scheduler = get_cosine_schedule_with_warmup(optimizer, WARMUP, 80)
log = Log()
for update in range(TOTAL):
    micro_batch(model)
    log.add(update, optimizer.param_groups[0]["lr"])
    optimizer.step()
    scheduler.step()
    optimizer.zero_grad()
log.write()
