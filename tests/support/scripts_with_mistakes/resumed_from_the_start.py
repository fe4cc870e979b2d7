"""A resumed run whose scheduler was not restored: it warms up again."""

import copy

import torch
from tiny import RATE, TOTAL, Log, linear, micro_batch, tiny_model

model = tiny_model()
log = Log()
saved = None
for begin, end in ((0, TOTAL // 2), (TOTAL // 2, TOTAL)):
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, linear)
    if saved is not None:
        weights = copy.deepcopy(saved)
        for group in weights["param_groups"]:
            group["lr"] = scheduler.get_last_lr()[0]
        optimizer.load_state_dict(weights)
    for update in range(begin, end):
        micro_batch(model)
        log.add(update, optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
    saved = optimizer.state_dict()
log.write()
