"""warmup_ratio was meant, warmup_steps was given: a tenth of an update is rounded up to one."""

import math

import torch
from tiny import RATE, TOTAL, Log, micro_batch, tiny_model
from transformers.optimization import get_linear_schedule_with_warmup

model = tiny_model()
optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
scheduler = get_linear_schedule_with_warmup(optimizer, math.ceil(0.1), TOTAL)
log = Log()
for update in range(TOTAL):
    micro_batch(model)
    log.add(update, optimizer.param_groups[0]["lr"])
    optimizer.step()
    scheduler.step()
    optimizer.zero_grad()
log.write()
