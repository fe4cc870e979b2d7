"""A resumed run that restores its scheduler and fast-forwards it as well: the position counts double."""

import copy

import torch
from tiny import RATE, TOTAL, Log, linear, micro_batch, tiny_model

model = tiny_model()
log = Log()
saved = None
third = TOTAL // 3
for begin, end in ((0, third), (third, TOTAL)):
    optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
    scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, linear)
    if saved is not None:
        optimizer.load_state_dict(saved[0])
        scheduler.load_state_dict(saved[1])
        for _ in range(begin):
            scheduler.step()
    for update in range(begin, end):
        micro_batch(model)
        log.add(update, optimizer.param_groups[0]["lr"])
        optimizer.step()
        scheduler.step()
        optimizer.zero_grad()
    saved = copy.deepcopy((optimizer.state_dict(), scheduler.state_dict()))
log.write()
