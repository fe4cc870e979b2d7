"""A run of the real Trainer that takes a moment."""

import torch


class Model(torch.nn.Module):
    """A line through one point."""

    def __init__(self):
        super().__init__()
        self.layer = torch.nn.Linear(2, 1)

    def forward(self, x, labels=None):
        """The loss, as the Trainer wants it."""
        return {"loss": self.layer(x).square().mean()}


def trainer(folder, steps, **changes):
    """A Trainer of so many updates: linear, four of them warm-up, every update logged, saved every twenty."""
    from transformers import Trainer, TrainingArguments

    settings = {
        "learning_rate": 1e-3,
        "warmup_steps": 4,
        "max_steps": steps,
        "logging_steps": 1,
        "save_steps": 20,
        "per_device_train_batch_size": 2,
        "report_to": "none",
        "use_cpu": True,
        "disable_tqdm": True,
    }
    arguments = TrainingArguments(folder, **{**settings, **changes})
    rows = [{"x": torch.ones(2), "labels": torch.ones(1)}] * 8
    return Trainer(Model(), arguments, train_dataset=rows)
