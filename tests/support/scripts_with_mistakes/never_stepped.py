"""scheduler.step() is forgotten; the schedule has no warm-up, so that the run starts well enough."""

import torch
from tiny import RATE, TOTAL, Log, micro_batch, tiny_model

model = tiny_model()
optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=TOTAL)
log = Log()
for update in range(TOTAL):
    micro_batch(model)
    log.add(update, optimizer.param_groups[0]["lr"])
    optimizer.step()
    optimizer.zero_grad()
log.write()
