"""Two groups, the head at a tenth of the rate; what is logged is the last group's."""

import torch
from tiny import RATE, TOTAL, Log, linear, micro_batch, tiny_model

model = tiny_model()
groups = [{"params": [model.weight]}, {"params": [model.bias], "lr": RATE / 10}]
optimizer = torch.optim.AdamW(groups, lr=RATE)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, linear)
log = Log()
for update in range(TOTAL):
    micro_batch(model)
    log.add(update, optimizer.param_groups[-1]["lr"])
    optimizer.step()
    scheduler.step()
    optimizer.zero_grad()
log.write()
