"""``preheat.deepspeed``: a scheduler for DeepSpeed's engine."""

from preheat.frameworks.deepspeed import Scheduler as Scheduler
from preheat.frameworks.deepspeed import scheduler as scheduler
