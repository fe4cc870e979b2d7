"""Half-way through, the run is resumed with half the learning rate."""

import torch
from tiny import RATE, TOTAL, Log, linear, micro_batch, tiny_model

model = tiny_model()
log = Log()
for begin, end, rate in ((0, TOTAL // 2, RATE), (TOTAL // 2, TOTAL, RATE / 2)):
    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    for group in optimizer.param_groups:
        group["initial_lr"] = rate
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, linear, last_epoch=begin - 1)
    for update in range(begin, end):
        micro_batch(model)
        log.add(update, optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
log.write()
