"""A schedule in updates, stepped once an epoch of ten updates."""

import torch
from tiny import RATE, TOTAL, Log, linear, micro_batch, tiny_model

model = tiny_model()
optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, linear)
log = Log()
for epoch in range(TOTAL // 10):
    for batch in range(10):
        micro_batch(model)
        log.add(10 * epoch + batch, optimizer.param_groups[0]["lr"], epoch=epoch)
        optimizer.step()
        optimizer.zero_grad()
    scheduler.step()
log.write()
