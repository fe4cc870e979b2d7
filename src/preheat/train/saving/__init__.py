"""What a run leaves: its folder and the lock on it, records, checkpoints that cannot lie, random states."""

from preheat.train.saving.checkpoints import Checkpoints as Checkpoints
from preheat.train.saving.folder import RunFolder as RunFolder
