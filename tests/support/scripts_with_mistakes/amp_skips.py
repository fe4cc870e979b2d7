"""Mixed precision: a loss scale too large at first, an overflow later; the attempts are counted as updates."""

import torch
from tiny import RATE, TOTAL, Log, linear, tiny_model

OVERFLOWS = {40, 41, 77}
model = tiny_model()
optimizer = torch.optim.AdamW(model.parameters(), lr=RATE)
scheduler = torch.optim.lr_scheduler.LambdaLR(optimizer, linear)
scaler = torch.amp.GradScaler("cpu", init_scale=2.0)
log = Log()
for attempt in range(TOTAL):
    scale = float("inf") if attempt in OVERFLOWS else 1.0
    scaler.scale(scale * model(torch.ones(8, 4)).square().mean()).backward()
    log.add(attempt, optimizer.param_groups[0]["lr"])
    before = scaler.get_scale()
    scaler.step(optimizer)
    scaler.update()
    optimizer.zero_grad()
    if scaler.get_scale() >= before:  # as Accelerate and the Trainer do
        scheduler.step()
log.write()
