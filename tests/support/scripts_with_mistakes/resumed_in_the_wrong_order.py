"""The optimizer is restored, then the scheduler is built (which writes its first value), then restored."""

import copy

import torch
from tiny import RATE, TOTAL, Log, linear, micro_batch, tiny_model

model = tiny_model()
log = Log()
saved = None
for begin, end in ((0, TOTAL // 2), (TOTAL // 2, TOTAL)):
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    if saved is not None:
        optimizer.load_state_dict(saved[0])
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, linear)
    if saved is not None:
        scheduler.load_state_dict(saved[1])
    for update in range(begin, end):
        micro_batch(model)
        log.add(update, optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
    saved = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
log.write()
