"""Floor 4: the fine-tuning harness. Configuration -> data -> batches -> loop -> records and checkpoints -> evaluation.

Importing this package is cheap; torch, transformers and Accelerate load when a run starts.
"""

from preheat.train.config import TrainConfig as TrainConfig
from preheat.train.config import read_config as read_config
