"""Accelerate's scheduler, which steps once a process, built for the updates of one; four processes are pretended."""

import torch
from accelerate import Accelerator, PartialState
from tiny import RATE, TOTAL, WARMUP, Log, micro_batch, tiny_model
from transformers.optimization import get_linear_schedule_with_warmup

accelerator = Accelerator(cpu=True)
model = tiny_model()
optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
scheduler = get_linear_schedule_with_warmup(optimizer, WARMUP, TOTAL)
optimizer, scheduler = accelerator.prepare(optimizer, scheduler)
PartialState().num_processes = 4  # every other state copies it
log = Log()
for update in range(TOTAL):
    micro_batch(model)
    log.add(update, scheduler.get_last_lr()[0])
    optimizer.step()
    scheduler.step()
    optimizer.zero_grad()
log.write()
