"""``preheat.torch``: the PyTorch driver, its parameter groups, and a look at others' schedulers."""

from preheat.frameworks.layers import group_table as group_table
from preheat.frameworks.layers import layer_groups as layer_groups
from preheat.frameworks.pace import Pace as Pace
from preheat.frameworks.torch import Scheduler as Scheduler
