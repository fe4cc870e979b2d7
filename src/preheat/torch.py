"""``preheat.torch``: the PyTorch driver under its public name."""

from preheat.frameworks.torch import Scheduler as Scheduler
