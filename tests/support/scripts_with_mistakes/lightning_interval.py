"""Lightning with a scheduler returned the short way: its interval is "epoch" by default."""

import shutil
import sys
import tempfile
import warnings
from pathlib import Path

import lightning
import torch
from lightning.pytorch.callbacks import LearningRateMonitor
from lightning.pytorch.loggers import CSVLogger
from tiny import RATE, TOTAL, linear, tiny_model

warnings.filterwarnings("ignore")


class Module(lightning.LightningModule):
    """A linear layer."""

    def __init__(self):
        super().__init__()
        self.model = tiny_model()

    def training_step(self, batch, _):
        return self.model(batch).square().mean()

    def configure_optimizers(self):
        optimizer = torch.optim.AdamW(self.parameters(), lr=RATE)
        return [optimizer], [torch.optim.lr_scheduler.LambdaLR(optimizer, linear)]


folder = Path(tempfile.mkdtemp())
trainer = lightning.Trainer(
    max_epochs=TOTAL // 10,
    accelerator="cpu",
    logger=CSVLogger(folder),
    callbacks=[LearningRateMonitor("step")],
    log_every_n_steps=1,
    enable_progress_bar=False,
    enable_model_summary=False,
    enable_checkpointing=False,
)
trainer.fit(Module(), torch.utils.data.DataLoader(torch.ones(80, 4), batch_size=8))
if len(sys.argv) > 1:
    shutil.copy(next(folder.rglob("metrics.csv")), sys.argv[1])
shutil.rmtree(folder)
