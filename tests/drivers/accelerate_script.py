"""A training script for ``torchrun``: what every process used, as one line of JSON from each."""

import json
import os
import sys

import torch
from accelerate import Accelerator
from accelerate.utils import DataLoaderConfiguration

import preheat

WORDS = "warmup 20% > cosine to 0.1"


def run(split, accumulation, prepared, updates):
    """The rates of a small run and its last weights; scheduler.step() on every micro-batch, as people write it."""
    accelerator = Accelerator(
        cpu=True,
        gradient_accumulation_steps=accumulation,
        dataloader_config=DataLoaderConfiguration(split_batches=split),
    )
    torch.manual_seed(0)
    model = torch.nn.Linear(2, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    rows = torch.randn(4 * accelerator.num_processes * accumulation * updates, 2)
    loader = torch.utils.data.DataLoader(rows, batch_size=4 * (accelerator.num_processes if split else 1))
    scheduler = preheat.torch.Scheduler(optimizer, preheat.parse(WORDS).over(updates))
    stepped = scheduler
    model, optimizer, loader = accelerator.prepare(model, optimizer, loader)
    if prepared:
        stepped = accelerator.prepare(scheduler)
    for batch in loader:
        with accelerator.accumulate(model):
            accelerator.backward(model(batch).square().mean())
            optimizer.step()
            stepped.step()
            optimizer.zero_grad()
    weights = [weight.tolist() for weight in accelerator.unwrap_model(model).parameters()]
    return {"processes": accelerator.num_processes, "history": scheduler.history, "weights": weights}


if __name__ == "__main__":
    for line in json.loads(sys.argv[1]):
        print("\n" + json.dumps(run(*line)), flush=True)
    torch.distributed.barrier()  # one that leaves early takes the connection of the other with it
    os._exit(0)  # now and then torch's own threads abort ("terminate called ...") while an interpreter shuts down
