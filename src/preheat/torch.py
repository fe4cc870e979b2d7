"""``preheat.torch``: the PyTorch driver and its parameter groups under the name people type."""

from preheat.frameworks.layers import group_table as group_table
from preheat.frameworks.layers import layer_groups as layer_groups
from preheat.frameworks.torch import Scheduler as Scheduler
