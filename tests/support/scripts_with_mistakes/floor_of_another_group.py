"""min_lr=1e-4 with a group at twice the optimizer's default: transformers makes it a share of the default."""

import torch
from tiny import RATE, TOTAL, WARMUP, Log, micro_batch, tiny_model
from transformers.optimization import get_cosine_with_min_lr_schedule_with_warmup

model = tiny_model()
optimizer = torch.optim.AdamW([{"params": model.parameters(), "lr": RATE}], lr=RATE / 2)
scheduler = get_cosine_with_min_lr_schedule_with_warmup(optimizer, WARMUP, TOTAL, min_lr=1e-4)
log = Log()
for update in range(TOTAL):
    micro_batch(model)
    log.add(update, optimizer.param_groups[0]["lr"])
    optimizer.step()
    scheduler.step()
    optimizer.zero_grad()
log.write()
