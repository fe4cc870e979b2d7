"""``preheat.lightning``: callbacks for Lightning."""

from preheat.frameworks.lightning import Guard as Guard
from preheat.frameworks.lightning import Schedules as Schedules
